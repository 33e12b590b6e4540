"""Areas under the ROC curve on Fox, Tiger and Elephant, for several kinds of pooling (tables 4 and 5).

Bags are segments of photographs, positive if the animal is in the picture. There are 100 of either kind, so that a fold
of ten has 20. As in the paper all is repeated with five divisions into ten folds. Table 4 has pooling between projected
heads, after a rectified layer; table 5 has "pure" pooling, in which the heads of the embedded instances are the stored
patterns themselves, and patterns and what is evoked may be normalised: to length 1 (l2) or by layer norm. A separation
with normalised patterns needs its own scale of beta: for l2 it is multiplied by the number of units of a head.

In each fold beta is chosen by networks that do without a ninth of its bags, which decide; then the network learns from
all of them for a fixed number of epochs. The intervals are over the five divisions of the same 200 bags: they say how
certain the mean is for these bags, not for others. The published areas could not be checked against the paper itself.

The bags are those of `assocmem.papers.nonparametric.real_bags`, which names the files and describes the substitute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.training import Samples
from assocmem.networks import (
    Chain,
    Dropout,
    Flatten,
    HopfieldPooling,
    LayerNorm,
    LinearMap,
    Normalization,
    PurePooling,
    Relu,
)
from assocmem.papers.bag_benchmarks import load
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young.pooling import (
    CONTROLS,
    LINES,
    MAX,
    MEAN,
    NAMES,
    SEPARATIONS,
    SOFTMAX,
    SPARSEMAX,
    Training,
    area_under_curve,
    association,
    attributes,
    bag_samples,
    logits,
    standardized,
)
from assocmem.papers.intervals import above, half_width, plot_rows
from assocmem.papers.training import kept
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.transformations import L2Normalization, LayerNormalization

PLAIN, L2, LAYER_NORM = "pure", "l2", "LN"
POSTS = (PLAIN, L2, LAYER_NORM)
PURE_SEPARATIONS = (SOFTMAX, SPARSEMAX)
PURE = {f"{post} {name}": (post, name) for name in PURE_SEPARATIONS for post in POSTS}
ALL_LINES = LINES | {name: LINES[separation] for name, (_, separation) in PURE.items()}
PUBLISHED = {"Fox": 0.664, "Tiger": 0.871, "Elephant": 0.926}  # of softmax pooling
RANGES = {"Fox": (0.66, 0.675), "Tiger": (0.85, 0.88), "Elephant": (0.91, 0.93)}  # of all separations


@dataclass(frozen=True)
class Sizes:
    """What is compared, how often, and by how large a network.

    The paper has ten folds, five divisions, 12 heads of 32 or 64, single bags as batches, up to 50 epochs and a larger
    grid; its embedding has two layers of 32 or 128.
    """

    networks: tuple[str, ...]
    betas: tuple[float, ...]
    n_repeats: int
    n_folds: int
    n_units: int
    n_heads: int
    dropout: float
    training: Training


QUICK = (SOFTMAX, SPARSEMAX, "3-subsets", MEAN, *(name for name, (_, s) in PURE.items() if s == SPARSEMAX))
SIZES = {
    "quick": Sizes(QUICK, (1.0,), 3, 3, 32, 4, 0.5, Training(15, 16, 2e-3)),
    "paper": Sizes((*NAMES, *PURE), (0.1, 1.0), 5, 10, 32, 4, 0.5, Training(12, 32, 2e-3)),
}


def compute(run: Run) -> xr.Dataset:
    """Areas (benchmark, network, repeat), means over folds, and how often each beta was chosen.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    """
    benchmarks, sizes = load(run), SIZES[run.scale]
    cells = [(b, n, r) for b in benchmarks for n in sizes.networks for r in range(sizes.n_repeats)]
    found = run.map(lambda cell: _cell(*benchmarks[cell[0]], *cell, run), cells, label="divisions")
    shape = (len(benchmarks), len(sizes.networks), sizes.n_repeats)
    dims = ("benchmark", "network", "repeat")
    parts = {name: np.reshape([np.mean(areas[name]) for areas in found], shape) for name in ("area", "beta")}
    long_names = {"area": "area under the ROC curve, mean over folds", "beta": "mean over folds"}
    return xr.Dataset(
        {name: (dims, values, {"units": "1", "long_name": long_names[name]}) for name, values in parts.items()},
        {"benchmark": list(benchmarks), "network": list(sizes.networks)},
        {name: value for name, value in attributes(sizes).items() if name != "sizes_networks"},
    )


def _cell(bags, is_positive, benchmark, name, repeat, run):
    """Areas and chosen beta (fold,) of one division, from the run's cache if they are there."""
    sizes = SIZES[run.scale]
    seed = run.seed_for(f"folds of {benchmark}")
    description = repr((benchmark, name, repeat, sizes, seed, network(bags.n_features, name, 1.0, sizes)))
    sequence = np.random.SeedSequence(seed, spawn_key=(repeat,))
    fold_seed, *seeds = (sequence.generate_state(1 + sizes.n_folds) >> 1).tolist()
    fold_of = folds(is_positive, sizes.n_folds, fold_seed)

    def measure():
        rows = [_fold(bags, is_positive, fold_of, f, name, sizes, s) for f, s in enumerate(seeds)]
        areas, betas = np.transpose(rows)
        return {"area": areas, "beta": betas}

    return kept(measure, run, description, bags.instances, bags.members)


def folds(is_positive: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """The fold (bag,) of each bag, at random, with as many bags of either kind in all folds as can be."""
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(is_positive), dtype=int)
    for kind in (False, True):
        members = np.flatnonzero(is_positive == kind)
        fold_of[rng.permutation(members)] = np.arange(len(members)) % n_folds
    return fold_of


def _fold(bags, is_positive, fold_of, fold, name, sizes, seed):
    """Area on the bags of a fold, and the beta that was best on those of the next one."""
    n_folds, betas = sizes.n_folds, sizes.betas
    samples = _samples(bags, is_positive, fold_of != fold)
    is_left_out, is_inner = fold_of == fold, fold_of == (fold + 1) % n_folds

    def area(beta, is_learned, is_judged):
        layers = network(bags.n_features, name, beta, sizes)
        trained = sizes.training.fit(layers, samples.take(is_learned), seed=seed)
        judged = samples.take(is_judged)
        return area_under_curve(logits(trained, judged), judged.targets)

    beta = betas[-1]
    if len(betas) > 1 and name not in CONTROLS:
        beta = max(betas, key=lambda b: area(b, ~(is_left_out | is_inner), is_inner))
    return area(beta, ~is_left_out, is_left_out), beta


def _samples(bags, is_positive, is_learned) -> Samples:
    """All bags, features standardised by those that are learned from."""
    learned = np.unique(bags.members[is_learned])
    values = bags.instances[learned[learned >= 0]]
    table = standardized(bags.instances, values.mean(axis=0), values.std(axis=0))
    return bag_samples(bags.members, is_positive, table)


def network(n_features: int, name: str, beta: float, sizes: Sizes) -> Chain:
    """The network for bags of segments: with pooling between projections, or with pure pooling."""
    size = sizes.n_units
    first = {"hidden": LinearMap(n_features, size, is_input=True), "activation": Relu()}
    last = {"flatten": Flatten()}
    if name not in PURE:
        pooling = HopfieldPooling(size, sizes.n_heads, association=association(name, beta))
        middle = {"embedding": LinearMap(size, size), "norm": LayerNorm(size), "dropout": Dropout(sizes.dropout)}
        return Chain({**first, **middle, "pooling": pooling, **last, "logit": LinearMap(size, 1)})
    middle = {"dropout": Dropout(sizes.dropout), "embedding": LinearMap(size, size * sizes.n_heads)}
    pooling = pure_pooling(size, sizes.n_heads, name, beta)
    return Chain({**first, **middle, "pooling": pooling, **last, "logit": LinearMap(size * sizes.n_heads, 1)})


def pure_pooling(head_size: int, n_heads: int, name: str, beta: float) -> PurePooling:
    """Retrieval from the instances, one update, with the post-transformation in the name."""
    post, separation = PURE[name]
    scale = head_size if post == L2 else 1.0  # of squared lengths under layer norm, against 1 under l2
    normalizations = {PLAIN: None, L2: L2Normalization(), LAYER_NORM: LayerNormalization(epsilon=1e-5)}
    transformation = normalizations[post]
    normalization = None if transformation is None else Normalization(transformation)
    return PurePooling(head_size * n_heads, n_heads, association(separation, beta * scale), normalization)


def plot(dataset: xr.Dataset) -> Figure:
    """Areas of pooling between projections above, of pure pooling below, a column for each benchmark."""
    n_columns, names = dataset.sizes["benchmark"], dataset.network.values.tolist()
    groups = [[name for name in names if name not in PURE], [name for name in names if name in PURE]]
    with style():
        figure, axes = make_figure(2, n_columns, height=135)
        for ax, group, benchmark in _panels(axes, groups, dataset.benchmark.values):
            area = dataset.area.sel(benchmark=benchmark)
            plot_rows(area, ax, {name: ALL_LINES[name] for name in group})
            ax.axvline(area.sel(network=SOFTMAX).mean(), color=NEUTRAL, linewidth=0.7, linestyle=":")
            limits = (None, min(1.0, ax.get_xlim()[1]))
            ax.set(title=str(benchmark), xlabel="area under the ROC curve", xlim=limits)
        for ax, benchmark in zip(axes[:n_columns], dataset.benchmark.values, strict=True):
            if benchmark in PUBLISHED:
                ax.plot(PUBLISHED[benchmark], groups[0].index(SOFTMAX) - 0.3, "x", color=NEUTRAL, markersize=4)
        for number, ax in enumerate(axes):
            ax.tick_params(labelleft=number % n_columns == 0)
        figure.suptitle(_title(dataset), fontsize=8)
        label_panels(axes)
    return figure


def _panels(axes, groups, benchmarks):
    for row, group in zip(axes.reshape(len(groups), -1), groups, strict=True):
        for ax, benchmark in zip(row, benchmarks, strict=True):
            yield ax, group, benchmark


def _title(dataset):
    n_folds, n_repeats = dataset.attrs["sizes_n_folds"], dataset.sizes["repeat"]
    crosses = ", crosses: published" if set(dataset.benchmark.values) & set(PUBLISHED) else ""
    return (
        f"means of {n_folds} folds, 95 % intervals over {n_repeats} divisions; projected pooling above, pure below; "
        f"dotted: softmax{crosses}"
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Areas beside the published ones, whether separations differ, and what pooling and normalisation gain."""
    return [
        claim
        for benchmark in dataset.benchmark.values
        for claim in (
            *_published_claims(str(benchmark), dataset.area.sel(benchmark=benchmark)),
            *_gain_claims(str(benchmark), dataset.area.sel(benchmark=benchmark)),
        )
    ]


def _published_claims(benchmark, area):
    """The published area of softmax, and how little the separations differ."""
    if benchmark not in PUBLISHED:
        return []
    means = area.sel(network=[name for name in area.network.values if name in SEPARATIONS]).mean("repeat")
    low, high = RANGES[benchmark]
    half = float(half_width(area.sel(network=SOFTMAX)))
    reason = "our interval and 0.02 for another network; the published area is not checked"
    what = f"{benchmark}, separations between projections"
    return [
        Claim(
            f"{benchmark}: area of softmax pooling",
            *("paper", "close", PUBLISHED[benchmark], float(means.sel(network=SOFTMAX)), half + 0.02, reason),
        ),
        Claim(
            f"{what}: largest less smallest mean area, no more than the published areas differ",
            *("paper", "at_most", high - low, float(means.max() - means.min()), half, "our interval for softmax"),
        ),
    ]


def _gain_claims(benchmark, area):
    """Differences on the same folds."""
    names = area.network.values.tolist()
    separations = [name for name in names if name in SEPARATIONS]
    best = separations[int(np.argmax(area.sel(network=separations).mean("repeat").values))]
    pairs = [(best, MEAN, "the best of them")] + ([(best, MAX, "the best of them")] if MAX in names else [])
    pairs += [
        (f"{post} {separation}", f"{PLAIN} {separation}", "pure pooling")
        for separation in PURE_SEPARATIONS
        for post in (L2, LAYER_NORM)
        if f"{post} {separation}" in names
    ]
    return [
        above(
            f"{benchmark}: area of {a} ({what}) less that of {b}",
            area.sel(network=a) - area.sel(network=b),
            source="control",
        )  # fmt: skip
        for a, b, what in pairs
    ]


EXPERIMENT = Experiment(
    "real_bags", "areas under the ROC curve on Fox, Tiger and Elephant (smaller networks)", compute, plot, claims
)
