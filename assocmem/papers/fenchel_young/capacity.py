"""How many images can be retrieved from their upper half (figure 11 and its companion in the appendix).

The fraction retrieved after five updates against the number of patterns, for networks of the Hopfield-Fenchel-Young
family; the protocol is that of `retrieval`. Where there are many patterns, only some of them serve as cues.

Theory (proposition 9): with a separation of margin m, pattern mu is a fixed point, reached in one update from itself,
if and only if its product with itself exceeds that with any other pattern by m / beta or more. This is counted for
clean patterns as cues.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young import retrieval
from assocmem.papers.fenchel_young.retrieval import (
    BETAS,
    CLASSICAL,
    EXPONENTIAL,
    L2,
    LAYER_NORM,
    SIMPLEX,
    SOFTMAX,
    SPARSEMAX,
    TENTH,
    with_post,
)
from assocmem.papers.image_data import Images, image_sets
from assocmem.separations import Entmax

SIZES = {"quick": (4, 16, 64, 128), "paper": (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)}
LARGEST = (2048, 4096)  # for grey images only, as in the paper
SIZES_LARGE = (4, 16, 64, 256, 1024)  # for images of many units, which take long
N_EXACT = {"quick": 64, "paper": 256}  # patterns of the check of theory
WITH_MARGIN = {"1.5-entmax": Entmax(1.5), **{name: SIMPLEX[name] for name in SIMPLEX if name != SOFTMAX}}
COUNTS = ("n_separated", "n_separated_fixed", "n_other_fixed")
HANDFUL = 16


def compute(run: Run) -> xr.Dataset:
    """Fractions retrieved of all networks, and the counts of proposition 9."""
    sets, repeats = image_sets(run), range(retrieval.N_REPEATS[run.scale])
    items = [(name, size, r) for name, images in sets.items() for size in sizes(images, run.scale) for r in repeats]
    # the largest first, so that no thread is left with it at the end
    items.sort(key=lambda item: -item[1] * sets[item[0]].values.shape[1])
    found = run.map(lambda item: _measure(sets[item[0]], *item[1:], run), items, label="sets of patterns")
    parts = dict(zip(items, found, strict=True))

    def over_repeats(name, size):
        return xr.concat([parts[name, size, r] for r in repeats], "repeat").expand_dims(n_patterns=[size])

    rows = [
        xr.concat([over_repeats(name, size) for size in sizes(images, run.scale)], "n_patterns")
        for name, images in sets.items()
    ]
    dataset = xr.concat(rows, xr.DataArray(list(sets), dims="images"), join="outer")
    counts = [[retrieval.n_cues(images, int(n), run.scale) for n in dataset.n_patterns] for images in sets.values()]
    dataset["n_cues"] = ("images", "n_patterns"), counts, {"units": "1"}
    return dataset.merge(_exactness(sets, run))


def sizes(images: Images, scale: str) -> tuple[int, ...]:
    """Numbers of patterns."""
    if scale == "paper" and images.values.shape[1] > retrieval.LARGE_UNITS:
        return SIZES_LARGE
    has_more = scale == "paper" and len(images.shape) == 2
    return tuple(size for size in SIZES[scale] + LARGEST * has_more if size <= len(images))


def _measure(images, size, repeat, run):
    patterns = images.values[retrieval.random_order(images, run, repeat)[:size]]
    n_cues = retrieval.n_cues(images, size, run.scale)
    cues = retrieval.corrupted(patterns[:n_cues], images.shape, noise=0.0, is_masked=True)
    return retrieval.rates(images, patterns, cues[None]).isel(condition=0)


def _exactness(sets, run):
    """Of clean patterns: how many must be fixed points, how many of these and of the others are."""
    counts = np.zeros((len(COUNTS), len(sets), len(BETAS), len(WITH_MARGIN)), dtype=np.int64)
    for (i, images), (b, beta), (s, separation) in product(
        enumerate(sets.values()), enumerate(BETAS), enumerate(WITH_MARGIN.values())
    ):
        order = retrieval.random_order(images, run, 0)[: N_EXACT[run.scale]]
        model = HopfieldFenchelYoung(images.values[order].astype(float), separation=separation, beta=beta)
        is_separated = model.separation_of_patterns >= separation.margin / beta
        is_fixed = np.all(model.update(model.patterns, threads=1) == model.patterns, axis=1)
        counts[:, i, b, s] = [
            np.sum(flags) for flags in (is_separated, is_separated & is_fixed, ~is_separated & is_fixed)
        ]
    dims, coords = ("images", "beta", "separation"), {"images": list(sets), "separation": list(WITH_MARGIN)}
    variables = {name: (dims, values, {"units": "1"}) for name, values in zip(COUNTS, counts, strict=True)}
    return xr.Dataset(variables, {**coords, "beta": list(BETAS)})


def plot(dataset: xr.Dataset) -> Figure:
    """Fraction retrieved against the number of patterns: all networks, and the post-transformations compared."""
    main = [(f"$\\beta={beta:g}$", dataset.rate.sel(beta=beta)) for beta in BETAS]
    return retrieval.plot_all(main, dataset.rate, x="n_patterns", xlabel="patterns $N$", xscale="log")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The order of the networks for each kind of images, and proposition 9."""
    rows = []
    for name in dataset.images.values:
        rows += _order_claims(dataset.sel(images=name), str(name)) + _largest_claims(
            dataset.sel(images=name), str(name)
        )
    n_separated, n_fixed, n_others = (int(dataset[v].sum()) for v in COUNTS)
    what = "clean patterns, all images, separations with a margin and beta"
    fraction = n_fixed / n_separated
    return [
        *rows,
        Claim(f"{what}: of those separated by m / beta, exact after an update", "theory", "at_least", 1.0, fraction),
        Claim(f"{what}: not separated, but exact after an update (number)", "theory", "at_most", 0.0, n_others),
    ]


def _order_claims(part, name):
    """The order of classical and dense networks; limits are our reading of figure 11."""
    rate = part.rate.median("repeat").sel(beta=BETAS[0])
    classical = rate.sel(network=CLASSICAL).where(rate.n_patterns >= HANDFUL).max()
    mean = rate.mean("n_patterns")
    gains = [mean.sel(network=a) - mean.sel(network=b) for a, b in ((EXPONENTIAL, TENTH), (TENTH, CLASSICAL))]
    what = f"{name}, mean over numbers of patterns, read off as"
    return [
        Claim(
            f"{name}: the classical network fails for {HANDFUL} patterns and more: most that it retrieves, read off as",
            "paper",
            "at_most",
            0.1,
            float(classical),
        ),
        Claim(f"exp retrieves far more than s^10: {what}", "paper", "at_least", 0.1, float(gains[0])),
        Claim(f"s^10 retrieves more than the classical network: {what}", "paper", "at_least", 0.0, float(gains[1])),
    ]


def _largest_claims(part, name):
    """Sparse separations and post-transformations at the largest number of patterns."""
    part = part.dropna("n_patterns", how="all", subset=["rate"]).isel(n_patterns=-1)
    rate, n_trials = part.rate.median("repeat"), part.n_cues * part.sizes["repeat"]
    by_beta = {beta: rate.sel(beta=beta) for beta in BETAS}
    low = by_beta[BETAS[1]]
    gaps = [float(r.sel(network=SPARSEMAX) - r.sel(network=SOFTMAX)) for r in by_beta.values()]
    least = min(low.sel(network=s) for s in SIMPLEX if s != SOFTMAX) - low.sel(network=SOFTMAX)
    what = f"{name}, {int(part.n_patterns)} patterns"
    rows = [
        retrieval.no_worse(
            f"{what}, beta = 0.1: the least of sparse separations minus 1-entmax",
            least,
            low.sel(network=SOFTMAX),
            n_trials,
        ),
        Claim(f"{what}, beta = 0.1: 2-entmax minus 1-entmax, read as a large gap", "paper", "at_least", 0.1, gaps[1]),
        Claim(f"{what}: growth of this gap from beta = 1 to 0.1", "paper", "at_least", 0.0, gaps[1] - gaps[0]),
    ]
    for post in (L2, LAYER_NORM):
        gain = low.sel(network=with_post(post, SPARSEMAX)) - low.sel(network=SPARSEMAX)
        statement = f"{what}, beta = 0.1: 2-entmax with {post} minus without"
        rows.append(retrieval.no_worse(statement, gain, low.sel(network=SPARSEMAX), n_trials))
    return rows


EXPERIMENT = Experiment("capacity", "images retrieved from their upper half", compute, plot, claims)
