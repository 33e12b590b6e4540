"""Digits of which only a corrupted image is seen, classified by a fixed memory of clean ones (image classification).

The memory holds clean labelled images, equally many of each class. What is classified are other images x, corrupted:
``m (x + delta + delta eps)`` with standard normal eps and a mask m that erases each pixel with probability delta. The
class is that of the largest sum of ``exp(s)`` over stored images; the similarity s is learned from corrupted images
that are neither stored nor tested. In the paper the adaptive similarity stands in layers of larger networks, of which
the sizes are not known to us. So this is our reading; the numbers compared with are those of an earlier implementation
of the same experiment.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.images import digits
from assocmem.learning.class_memory import ClassMemory, fit_class_memory
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import CONFIDENCE, above, describe, half_width
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.similarities import DotProduct, SquaredDistance
from assocmem.variants import MaskedVariants

NEAREST, DISTANCE, PRODUCT, UNSORTED, SORTED = "nearest", "distance", "dot product", "unsorted", "sorted"
SIMILARITIES = {DISTANCE: SquaredDistance(), PRODUCT: DotProduct()}
FEATURES = {UNSORTED: ("dis", "dot"), SORTED: ("sorted_dis", "sorted_dot")}
MODELS = (NEAREST, PRODUCT, DISTANCE, UNSORTED, SORTED)
LINES = dict(
    zip(
        MODELS,
        (("#666666", "x"), ("#E69F00", "v"), ("#0072B2", "s"), ("#009E73", "^"), ("#D55E00", "o")),
        strict=True,
    )
)
EARLIER = {  # accuracy at difficulties 0, 0.2, 0.3, 0.4
    NEAREST: (0.955, 0.795, 0.612, 0.436),
    DISTANCE: (0.955, 0.806, 0.646, 0.483),
    PRODUCT: (0.784, 0.587, 0.491, 0.379),
    UNSORTED: (0.946, 0.795, 0.634, 0.480),
    SORTED: (0.950, 0.817, 0.696, 0.577),
}
EARLIER_DIFFICULTIES = (0.0, 0.2, 0.3, 0.4)
GAINS = {0.3: 0.03, 0.4: 0.06}  # least, of sorted over distance
LOSS = 0.01  # most, of sorted against distance, on clean images
N_EXAMPLES = 6


@dataclass(frozen=True)
class Sizes:
    """How many images there are, and what is looked at."""

    difficulties: tuple[float, ...]
    n_memories: int
    n_learned: int
    n_repeats: int
    ridge: float = 3e-3


SIZES = {
    "quick": Sizes((0.0, 0.4), 200, 600, 3),
    "paper": Sizes(EARLIER_DIFFICULTIES, 200, 1000, 6),
}


def compute(run: Run) -> xr.Dataset:
    """Accuracy (difficulty, model, repeat) on images that were not learned from, and some of these.

    Raises
    ------
    ImportError
        If scikit-learn, which has the images, is missing.
    """
    sizes, (images, labels) = SIZES[run.scale], digits()
    rows = (images.reshape(len(images), -1) / 16).astype(np.float32)
    cells = [(difficulty, repeat) for difficulty in sizes.difficulties for repeat in range(sizes.n_repeats)]
    found = run.map(lambda cell: _accuracies(rows, labels, *cell, run), cells, label="memories")
    table = np.reshape(found, (len(sizes.difficulties), sizes.n_repeats, len(MODELS))).transpose(0, 2, 1)
    examples = np.stack([_examples(rows, difficulty, run) for difficulty in sizes.difficulties])
    return xr.Dataset(
        {
            "accuracy": (("difficulty", "model", "repeat"), table, {"units": "1"}),
            "example": (("difficulty", "image", "row", "column"), examples, {"units": "1"}),
        },
        {"difficulty": ("difficulty", list(sizes.difficulties), {"units": "1"}), "model": list(MODELS)},
        {name: value for name, value in asdict(sizes).items() if name != "difficulties"},
    )


def _examples(rows, difficulty, run):
    rng = np.random.default_rng(run.seed_for("examples of corrupted digits"))
    found = MaskedVariants.of_difficulty(difficulty).vary(rows[:N_EXAMPLES].astype(float), rng)
    return found.reshape(N_EXAMPLES, 8, 8)


def _accuracies(rows, labels, difficulty, repeat, run):
    """Accuracies (model,) with one choice of what is stored, learned from and tested."""
    sizes = SIZES[run.scale]
    sequence = np.random.SeedSequence(run.seed_for("classified digits"), spawn_key=(repeat,))
    split_seed, *noise_seeds = (sequence.generate_state(3) >> 1).tolist()
    stored, learned, tested = parts(labels, sizes.n_memories, sizes.n_learned, split_seed)
    variants = MaskedVariants.of_difficulty(difficulty)

    def cues(items, seed):
        return variants.vary(rows[items].astype(float), np.random.default_rng(seed)).astype(np.float32)

    training, test = cues(learned, noise_seeds[0]), cues(tested, noise_seeds[1])
    memories = memories_of(rows[stored], labels[stored], training, labels[learned], sizes.ridge)
    return [np.mean(memories[name].decide(test, threads=1) == labels[tested]) for name in MODELS]


def parts(labels: np.ndarray, n_memories: int, n_learned: int, seed: int) -> tuple[np.ndarray, ...]:
    """Numbers of images to store, equally many of each class, to learn from, and all the others."""
    order = np.random.default_rng(seed).permutation(len(labels))
    n_each = n_memories // len(np.unique(labels))
    stored = np.concatenate([order[labels[order] == c][:n_each] for c in np.unique(labels)])
    others = order[~np.isin(order, stored)]
    return stored, others[:n_learned], others[n_learned:]


def memories_of(patterns, labels, cues, classes, ridge: float) -> dict[str, ClassMemory]:
    """The memory of each model; that of the nearest image has a beta at which the largest score alone counts."""
    data, settings = (patterns, labels, cues, classes), {"ridge": ridge, "n_iterations": 60, "tol": 1e-3, "threads": 1}
    found = {NEAREST: ClassMemory(patterns, labels, SquaredDistance(), beta=1e6)}
    found |= {name: fit_class_memory(*data, similarity=kind, **settings) for name, kind in SIMILARITIES.items()}
    return found | {name: fit_class_memory(*data, features=kind, **settings) for name, kind in FEATURES.items()}


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracy against difficulty, its difference from that of the distance, and corrupted images."""
    with style():
        figure, axes = make_figure(1, 3, height=66)
        for name in MODELS:
            _plot_line(axes[0], dataset.accuracy.sel(model=name), name, label=name)
            if name != DISTANCE:
                _plot_line(axes[1], gain(dataset, name), name)
        for name, values in EARLIER.items():
            axes[0].plot(EARLIER_DIFFICULTIES, values, "_", color=LINES[name][0], alpha=0.6, markersize=9, zorder=0)
        axes[0].plot([], [], "_", color=NEUTRAL, markersize=9, label="earlier run")
        axes[0].set(ylabel="accuracy", ylim=(None, 1.0))
        axes[0].legend(loc="lower left", handlelength=1.4)
        axes[1].axhline(0.0, color=LINES[DISTANCE][0], linewidth=0.8)
        axes[1].set(ylabel="accuracy less that of distance")
        for ax in axes[:2]:
            ax.set(xlabel=r"difficulty $\delta$", xticks=dataset.difficulty)
        _plot_examples(axes[2], dataset)
        figure.suptitle(_title(dataset), fontsize=8)
        label_panels(axes)
    return figure


def _plot_line(ax, values, name, **settings):
    colour, marker = LINES[name]
    half = half_width(values).fillna(0.0)
    style_ = {"color": colour, "marker": marker, "markersize": 3.5, "capsize": 1.5, "elinewidth": 0.7}
    ax.errorbar(values.difficulty, values.mean("repeat"), half, **style_, **settings)


def _plot_examples(ax, dataset):
    strips = [np.concatenate(list(images), axis=1) for images in dataset.example.values]
    ax.imshow(np.concatenate(strips), cmap="gray_r", vmin=-0.5, vmax=1.5, aspect="equal")
    ticks = [8 * row + 3.5 for row in range(len(strips))]
    ax.set(xticks=[], yticks=ticks, yticklabels=[f"{d:g}" for d in dataset.difficulty.values])
    ax.set(ylabel=r"difficulty $\delta$", title="cues")
    ax.tick_params(length=0)


def _title(dataset):
    a = dataset.attrs
    numbers = f"{a['n_memories']} stored, {a['n_learned']} to learn from, {dataset.sizes['repeat']} repeats"
    return f"digits: {numbers}; {100 * CONFIDENCE:g} % intervals"


def gain(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """Accuracy (difficulty, repeat) of a model less that of the distance with a fitted beta, on the same images."""
    return dataset.accuracy.sel(model=name) - dataset.accuracy.sel(model=DISTANCE)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """That sorting helps where images are corrupted and costs nothing where they are not, and the earlier numbers."""
    clean = gain(dataset, SORTED).sel(difficulty=0.0)
    what = f"difficulty 0: accuracy of sorted minus distance, same images ({describe(clean)})"
    rows = [Claim(what, "earlier run", "at_least", -LOSS, float(clean.mean()))]
    for difficulty, least in GAINS.items():
        if difficulty in dataset.difficulty:
            found = gain(dataset, SORTED).sel(difficulty=difficulty)
            what = f"difficulty {difficulty:g}: accuracy of sorted minus distance, same images"
            rows.append(above(what, found, least, source="earlier run"))
    at_most = dataset.accuracy.sel(difficulty=dataset.difficulty.max(), model=[SORTED, UNSORTED])
    gap = at_most.sel(model=SORTED) - at_most.sel(model=UNSORTED)
    rows.append(above("largest difficulty: accuracy of sorted minus unsorted, same images", gap, source="control"))
    return rows + [_earlier_claim(dataset, name, i) for name in MODELS for i in _shared(dataset)]


def _shared(dataset):
    return [i for i, difficulty in enumerate(EARLIER_DIFFICULTIES) if difficulty in dataset.difficulty]


def _earlier_claim(dataset, name, i):
    difficulty = EARLIER_DIFFICULTIES[i]
    values = dataset.accuracy.sel(model=name, difficulty=difficulty)
    # another choice of stored images: deviations over ours tell how much that matters
    tolerance = 2 * float(values.std("repeat", ddof=1)) + 0.02
    reason = "two deviations over stored images, and 0.02 for another number of images to learn from"
    what = f"difficulty {difficulty:g}: accuracy of {name}"
    return Claim(what, "earlier run", "close", EARLIER[name][i], float(values.mean()), tolerance, reason)


EXPERIMENT = Experiment("images", "corrupted digits classified by a memory of clean ones", compute, plot, claims)
