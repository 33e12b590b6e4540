"""Over how many patterns the weights spread: sizes of metastable states (table 3).

Images are stored, others are the cues, and the patterns with a weight in the last of five updates are counted: those
with a weight above 0, and for softmax, where no weight is 0, those with one above 0.01. Softmax can therefore have size
0, where no weight is as large as that. The table has no such row. The published notebook of a similar run counts size 0
for about as many cues as the table has in its row "10+": the claim is made of both together, and of more than 10 alone.

The paper stores the 60000 MNIST images to learn from, with the 10000 test images as cues; here are at most 2000 cues.
Without the file of the former, a fifth of the images at hand is held out for them, and all others are stored: 8000 of
the 10000 test images. The more images are stored, the smaller the gaps between scores, and the larger the sizes. To
tell what this makes, the shares are computed with a quarter of the images as well, and for the sparse separations
continued to 60000 along a straight line over log N. Small images are scaled up as in `recall`, so that the same beta
means the same.

Theory: with a separation of margin m, the weights are one-hot if and only if the largest score exceeds the next by
m / beta or more. With k-subsets there are k patterns, each with a weight of 1, if and only if the k-th score exceeds
the next by that; there are never fewer.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.papers.fenchel_young.recall import N_PIXELS
from assocmem.papers.image_data import Images, labelled_images
from assocmem.plotting import label_panels, make_figure, style
from assocmem.separations import Entmax, KSubsets, Normmax, Softmax, Sparsemax

STEPS = 5
BETAS = (0.1, 1.0)
SOFTMAX, ENTMAX, SPARSEMAX = "1-entmax", "1.5-entmax", "2-entmax"
SUBSETS = {f"{k}-subsets": k for k in (2, 4, 8)}
SEPARATIONS = {
    SOFTMAX: Softmax(),
    ENTMAX: Entmax(1.5),
    SPARSEMAX: Sparsemax(),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
    **{name: KSubsets(k) for name, k in SUBSETS.items()},
}
LEAST_WEIGHT = 0.01  # of a pattern that counts, softmax only
LARGEST = 10
MORE = "10+"
SIZES = (*(str(size) for size in range(LARGEST + 1)), MORE)
MOST_CUES = {"quick": 300, "paper": 2000}
MOST_PATTERNS = {"quick": 2000, "paper": 60000}
CUE_SHARE = 5  # one image in so many is a cue, where nobody has set test images apart
BLOCK = 256  # cues at a time, so that the weights of 60000 patterns fit into memory
COUNTS = ("n_exact", "n_others_exact", "n_with_gap")
QUARTER = 4
# table 3 at beta = 0.1: (separation, sizes, share)
CELLS = (
    (SPARSEMAX, ("1",), 0.881),
    ("5-normmax", ("1",), 0.514),
    ("5-normmax", ("2",), 0.314),
    (SOFTMAX, ("0", MORE), 0.855),
    (SOFTMAX, (MORE,), 0.855),
)
NEARLY_ALWAYS_ONE = (ENTMAX, SPARSEMAX, "2-normmax")  # 99.9 to 100 % at beta = 1


def memory_and_cues(images: Images, n_cues: int, seed: int) -> tuple[Images, Images]:
    """(images to store, other images as cues), at most `n_cues`, and a fifth where no test images were set apart."""
    most = len(images) // CUE_SHARE if images.test is None else len(images.test)
    return images.split(max(1, min(n_cues, most)), seed)


def scaled(images: Images) -> np.ndarray:
    """Pixels (item, unit), float32, small images scaled up to the squared norm of 28 x 28 pixels."""
    return images.values * np.float32(max(1.0, np.sqrt(N_PIXELS / images.values.shape[1])))


def compute(run: Run) -> xr.Dataset:
    """Share of cues by size, for every separation and beta, and the counts that theory speaks of."""
    images = labelled_images(run)
    memory, cues = memory_and_cues(images, MOST_CUES[run.scale], run.seed_for("metastable states"))
    patterns, cues = scaled(memory)[: MOST_PATTERNS[run.scale]], scaled(cues)
    quarter = patterns[: len(patterns) // QUARTER]
    items = [(patterns, *item) for item in product(BETAS, SEPARATIONS)]
    items += [(quarter, BETAS[0], name) for name in SEPARATIONS]
    found = run.map(lambda item: _measure(cues, *item), items, label="separations")
    shares, counts, means = (np.array(part) for part in zip(*found[: -len(SEPARATIONS)], strict=True))
    dims, shape = ("beta", "separation"), (len(BETAS), len(SEPARATIONS))
    variables = {"share": ((*dims, "support_size"), shares.reshape(*shape, -1), {"units": "1"})}
    of_quarter = [share for share, *_ in found[-len(SEPARATIONS) :]]
    variables["share_of_quarter"] = (("separation", "support_size"), of_quarter, {"units": "1"})
    variables["mean_support_size"] = (dims, means.reshape(shape), {"units": "patterns"})
    for name, values in zip(COUNTS, counts.T, strict=True):
        variables[name] = (dims, values.reshape(shape), {"units": "cues"})
    coords = {"beta": list(BETAS), "separation": list(SEPARATIONS), "support_size": list(SIZES)}
    attrs = {"images": images.name, "n_patterns": len(patterns), "n_cues": len(cues), "steps": STEPS}
    return xr.Dataset(variables, coords, attrs)


def _measure(cues, patterns, beta, name):
    """Share of cues by size, `COUNTS` and the mean size."""
    model = HopfieldFenchelYoung(patterns, separation=SEPARATIONS[name], beta=beta)
    sizes, gaps = last_sizes(model, cues, least_weight=LEAST_WEIGHT if name == SOFTMAX else 0.0)
    shares = np.bincount(np.minimum(sizes, LARGEST + 1), minlength=len(SIZES)) / len(cues)
    has_gap, is_exact = beta * gaps >= model.separation.margin, sizes == SUBSETS.get(name, 1)
    counts = [np.sum(flags) for flags in (has_gap & is_exact, ~has_gap & is_exact, has_gap)]
    return shares, counts, sizes.mean()


def last_sizes(
    model: HopfieldFenchelYoung, cues: np.ndarray, *, least_weight: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of patterns with a weight above `least_weight` in the last update, and the gaps between scores there.

    Parameters
    ----------
    model : HopfieldFenchelYoung
    cues : array (trajectory, unit)
    least_weight : float
        >= 0.

    Returns
    -------
    sizes, gaps : ndarray (trajectory,)
        Between the scores, without beta, of the last pattern to be retrieved and of the first that is not.
    """
    sizes, gaps = np.empty(len(cues), dtype=np.int64), np.empty(len(cues))
    for start in range(0, len(cues), BLOCK):
        rows = slice(start, start + BLOCK)
        # weights are those at the last state, hence of one update more
        found = model.retrieve(cues[rows], steps=STEPS - 1, weights=least_weight > 0, threads=1)
        gaps[rows] = found.margin
        sizes[rows] = (found.weights > least_weight).sum("pattern") if least_weight > 0 else found.support_size
    return sizes, gaps


def plot(dataset: xr.Dataset) -> Figure:
    """The table: percentage of cues by size and separation, a panel for each beta."""
    a = dataset.attrs
    with style():
        figure, axes = make_figure(1, len(BETAS), height=88)
        for ax, beta in zip(axes, dataset.beta.values, strict=True):
            image = _plot_table(dataset.share.sel(beta=beta), ax)
            ax.set_title(rf"$\beta = {beta:g}$")
        axes[0].set_ylabel("patterns with a weight")
        figure.colorbar(image, ax=axes, label="cues (%)", pad=0.01, aspect=30)
        figure.suptitle(
            f"{a['images']}: {a['n_patterns']} patterns, {a['n_cues']} cues (paper: MNIST, 60000 and 10000)", fontsize=8
        )
        label_panels(axes)
    return figure


def _plot_table(share: xr.DataArray, ax: Axes):
    percent = 100 * share.transpose("support_size", "separation").to_numpy()
    image = ax.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(percent):
        if value > 0:
            text = "<0.1" if value < 0.05 else f"{value:.1f}"
            ax.text(column, row, text, ha="center", va="center", size=5.5, color="white" if value > 60 else "black")
    ax.set_xticks(range(share.sizes["separation"]), share.separation.values, rotation=40, ha="right")
    ax.set_yticks(range(share.sizes["support_size"]), share.support_size.values)
    return image


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Sizes of k-subsets, what theory says of exact weights, and with MNIST the known cells of the table."""
    rows = _subset_claims(dataset) + _theory_claims(dataset)
    is_table = dataset.attrs["images"] == "MNIST" and dataset.attrs["scale"] == "paper"
    return rows + (_table_claims(dataset) if is_table else [])


def _subset_claims(dataset):
    rows = []
    for beta, (name, k) in product(BETAS, SUBSETS.items()):
        share = dataset.share.sel(beta=beta, separation=name)
        most_frequent = int(share.argmax("support_size"))  # of which the last, "10+", counts as 11
        rows.append(
            Claim(
                f"{dataset.attrs['images']}, {name}, beta = {beta:g}: sizes concentrate on k: most frequent size",
                *("paper", "close", float(k), float(most_frequent)),
            )
        )
    return rows


def _theory_claims(dataset):
    with_margin = [name for name in SEPARATIONS if name != SOFTMAX]
    n_exact, n_others, n_with_gap = (int(dataset[name].sel(separation=with_margin).sum()) for name in COUNTS)
    too_few = [dataset.share.sel(separation=name).isel(support_size=slice(k)).sum() for name, k in SUBSETS.items()]
    what = f"{dataset.attrs['images']}, all separations with a margin and beta"
    return [
        Claim(
            f"{what}: of cues with a gap of m / beta, exact weights (one pattern, or k)",
            *("theory", "at_least", 1.0, n_exact / n_with_gap if n_with_gap else np.nan),
        ),
        Claim(f"{what}: cues without this gap, but exact weights", "theory", "at_most", 0.0, float(n_others)),
        Claim("k-subsets: share of cues with fewer than k patterns", "theory", "at_most", 0.0, float(sum(too_few))),
    ]


def _table_claims(dataset):
    n_patterns, n_cues, low = dataset.attrs["n_patterns"], dataset.attrs["n_cues"], dataset.sel(beta=BETAS[0])
    stored = f"{n_patterns} patterns, paper 60000"
    rows = []
    for name, sizes, theirs in CELLS:
        ours, what = _share_of(low.share, name, sizes), _cell(name, BETAS[0], sizes)
        rows.append(Claim(f"{what} ({stored})", "paper", "close", theirs, ours, *sampling_tolerance(theirs, n_cues)))
    for name in NEARLY_ALWAYS_ONE:
        ours = _share_of(dataset.share.sel(beta=BETAS[1]), name, ("1",))
        interval, what = (0.999, 1.0), _cell(name, BETAS[1], ("1",))
        tolerance = sampling_tolerance(interval[0], n_cues)
        rows.append(Claim(f"{what} ({stored})", "paper", "between", interval, ours, *tolerance))
    return rows + (_size_claims(low, n_patterns, n_cues) if n_patterns < MOST_PATTERNS["paper"] else [])


def _size_claims(low, n_patterns, n_cues):
    """What the smaller memory makes: shares continued to that of the paper, and the direction for softmax."""
    ratio = np.log(MOST_PATTERNS["paper"] / n_patterns) / np.log(QUARTER)
    # of (1 + ratio) * ours - ratio * before minus theirs, in units of the error of a difference of two shares
    factor = np.sqrt(((1 + ratio) ** 2 + ratio**2 + 1) / 2)
    reason, rows = f"two standard errors of the continued share, {n_cues} cues", []
    for name, sizes, theirs in (cell for cell in CELLS if cell[0] != SOFTMAX):
        ours, before = _share_of(low.share, name, sizes), _share_of(low.share_of_quarter, name, sizes)
        statement = f"{_cell(name, BETAS[0], sizes)}, continued along log N to 60000 patterns"
        tolerance = float(factor * sampling_tolerance(theirs, n_cues)[0])
        rows.append(Claim(statement, "paper", "close", theirs, ours + ratio * (ours - before), tolerance, reason))
    growth = _share_of(low.share, SOFTMAX, ("0",)) - _share_of(low.share_of_quarter, SOFTMAX, ("0",))
    statement = f"{_cell(SOFTMAX, BETAS[0], ('0',))}: growth from {n_patterns // QUARTER} to {n_patterns} patterns"
    return [*rows, Claim(statement, "control", "at_least", 0.0, growth)]


def _share_of(share, name, sizes):
    return float(share.sel(separation=name, support_size=list(sizes)).sum())


def _cell(name, beta, sizes):
    return f"table 3, {name}, beta = {beta:g}: share of size {' or '.join(sizes)}"


EXPERIMENT = Experiment("metastable", "over how many patterns the weights spread", compute, plot, claims)
