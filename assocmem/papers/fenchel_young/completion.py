"""Classification of images by completion: their class is a part of the pattern that the cue lacks.

A pattern is an image with ten more units, one of which, that of its class, is 1 and the others 0. A cue is another
image, and the class is read from these units after 128 updates with beta = 8: the largest of them. In the published
notebook the cues come with their true class already in place, a leak that adds 1 to the score of every pattern of the
right class; here this is done, and also without it, with ten units at 0.

Theory: if for sparsemax the best score of a cue exceeds the next by 1 / beta or more, the state is exactly that
pattern after an update. It stays there, or goes on in the same way if another pattern has the largest product with it,
one of larger norm: a chain of neighbours by dot product, which ends. Hence the control: the nearest image by dot
product, which is the first member of the chain without the ten units.

The notebook stores up to 60000 images to learn from. Where their file is missing, images are held out as cues, the rest
is stored, and repeats hold out others. Small images are scaled up as in `recall`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import t as student

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young.metastable import memory_and_cues, scaled
from assocmem.papers.image_data import labelled_images
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.separations import Softmax, Sparsemax

STEPS = 128
BETA = 8.0
SEPARATIONS = {"softmax": Softmax(), "sparsemax": Sparsemax()}
LEAKED, HONEST = "true class in the cue", "no class in the cue"
CUES = (LEAKED, HONEST)
N_REPEATS = {"quick": 3, "paper": 5}
MOST_CUES = {"quick": 200, "paper": 1800}
SIZES = {"quick": (32, 128, 512), "paper": (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 60000)}
# accuracies of the published notebook for softmax, sparsemax being within 0.0002
PUBLISHED = dict(
    zip(
        SIZES["paper"],
        (0.6947, 0.7583, 0.8155, 0.8729, 0.9028, 0.9253, 0.9371, 0.9516, 0.9572, 0.9630),
        strict=True,
    )
)
PUBLISHED_DIFFERENCE = 0.0002
COLOURS = {LEAKED: "#D55E00", HONEST: "#0072B2"}
# those of softmax are open circles around the dots of sparsemax, with which they coincide
LINES = {
    "softmax": {"linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": "none"},
    "sparsemax": {"linestyle": "-", "marker": "."},
}


def compute(run: Run) -> xr.Dataset:
    """Accuracies, of completion and of the nearest image, and how well completion follows the chains of neighbours.

    Raises
    ------
    ImportError
        If scikit-learn is missing and there are no images of the user.
    ValueError
        If images of the user have no labels.
    """
    images = labelled_images(run)
    if images.labels is None:
        raise ValueError(f"images need a file of labels beside them to be classified, got {images.name} without")
    splits = [
        memory_and_cues(images, MOST_CUES[run.scale], seed)
        for seed in np.random.SeedSequence(run.seed_for("completion")).generate_state(N_REPEATS[run.scale])
    ]
    sizes = [size for size in SIZES[run.scale] if size <= len(splits[0][0])]
    items = sorted(product(range(len(splits)), sizes), key=lambda item: -item[1])
    found = dict(zip(items, run.map(lambda i: _measure(*splits[i[0]], i[1]), items, label="memories"), strict=True))
    rows = [xr.concat([found[r, size] for r in range(len(splits))], "repeat") for size in sizes]
    dataset = xr.concat(rows, xr.DataArray(sizes, dims="n_patterns", attrs={"units": "1"}, name="n_patterns"))
    n_cues, is_held_out = len(splits[0][1]), int(images.test is None)
    settings = {"images": images.name, "n_cues": n_cues, "is_held_out": is_held_out, "beta": BETA, "steps": STEPS}
    return dataset.assign_attrs(settings)


def _measure(memory, cues, size):
    """All measures for the first `size` images of the memory."""
    n_classes = int(max(memory.labels.max(), cues.labels.max())) + 1
    memory = memory.take(slice(size))
    patterns = with_class(scaled(memory), memory.labels, n_classes)
    names = ("accuracy", "followed", "exact_share")
    values = {name: np.full((len(CUES), len(SEPARATIONS)), np.nan) for name in names}
    for c, kind in enumerate(CUES):
        starts = with_class(scaled(cues), cues.labels if kind == LEAKED else None, n_classes)
        ends, is_exact = chain_ends(patterns, starts, Sparsemax().margin / BETA)
        for s, separation in enumerate(SEPARATIONS.values()):
            answers = completed(patterns, starts, separation, n_classes)
            values["accuracy"][c, s] = np.mean(answers == cues.labels)
            is_same = answers == memory.labels[ends]
            values["followed"][c, s] = is_same[is_exact].mean() if is_exact.any() else np.nan
            values["exact_share"][c, s] = is_exact.mean()
    nearest = memory.labels[np.argmax(_products(scaled(cues), scaled(memory)), axis=1)]
    variables = {name: (("cue", "separation"), v, {"units": "1"}) for name, v in values.items()}
    variables["nearest_accuracy"] = ((), np.mean(nearest == cues.labels), {"units": "1"})
    return xr.Dataset(variables, {"cue": list(CUES), "separation": list(SEPARATIONS)})


def with_class(pixels: np.ndarray, labels: np.ndarray | None, n_classes: int) -> np.ndarray:
    """States (item, unit + n_classes): pixels, then 1 at the unit of the class; 0 at all of them without labels."""
    block = np.zeros((len(pixels), n_classes), dtype=pixels.dtype)
    if labels is not None:
        block[np.arange(len(pixels)), labels] = 1.0
    return np.concatenate([pixels, block], axis=1)


def completed(patterns: np.ndarray, cues: np.ndarray, separation, n_classes: int) -> np.ndarray:
    """Classes (trajectory,) read from the last units of the states to which cues lead."""
    model = HopfieldFenchelYoung(patterns, separation=separation, beta=BETA)
    state = model.retrieve(cues, steps=STEPS, threads=1).state.to_numpy()
    return np.argmax(state[:, -n_classes:], axis=1)


def chain_ends(patterns: np.ndarray, cues: np.ndarray, least_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Where cues end that go to the pattern of largest product again and again.

    Returns
    -------
    ends : ndarray (trajectory,)
        Patterns whose largest product is that with themselves (or with a copy that comes first).
    is_exact : ndarray (trajectory,)
        Whether the largest product exceeds the next by `least_gap` or more on the whole way.
    """
    ends, gaps = _best(patterns, cues)
    is_exact = gaps >= least_gap
    while True:  # each round leads to a larger norm, or ends
        stops, inverse = np.unique(ends, return_inverse=True)
        best, gaps = _best(patterns, patterns[stops])
        is_exact &= (gaps >= least_gap)[inverse]
        if np.array_equal(best, stops):
            return ends, is_exact
        ends = best[inverse]


def _best(patterns, states):
    """Patterns of largest product, and its gap to the next."""
    products = _products(states, patterns)
    next_best, best = np.partition(products, -2, axis=1)[:, -2:].T
    return np.argmax(products, axis=1), best - next_best


def _products(states, patterns):
    return states.astype(float) @ patterns.T.astype(float)


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracy against the number of patterns, and by how much it exceeds that of the nearest image."""
    with style():
        figure, (left, right) = make_figure(1, 2, height=72)
        for cue, separation in product(CUES, SEPARATIONS):
            accuracy = dataset.accuracy.sel(cue=cue, separation=separation)
            line = {"color": COLOURS[cue], **LINES[separation], "label": f"{separation}, {cue}"}
            _plot_mean(100 * accuracy, left, has_band=False, **line)
            _plot_mean(100 * (accuracy - dataset.nearest_accuracy), right, has_band=separation == "sparsemax", **line)
        nearest = {"color": NEUTRAL, "linestyle": ":", "linewidth": 2, "label": "nearest by dot product"}
        _plot_mean(100 * dataset.nearest_accuracy, left, has_band=True, **nearest)
        right.axhline(0, **nearest)
        if dataset.attrs["images"] == "MNIST":
            published = {n: 100 * p for n, p in PUBLISHED.items() if n <= dataset.n_patterns.max()}
            left.plot(list(published), list(published.values()), "x", color="black", label="published notebook")
        how = ", held out" if dataset.attrs["is_held_out"] else ""
        left.set(ylabel="right class (%)", title=f"{dataset.attrs['images']}, {dataset.attrs['n_cues']} cues{how}")
        right.set(ylabel="difference (percentage points)", title="more than the nearest by dot product")
        for ax in (left, right):
            ax.set_xscale("log", base=2)
            ax.set_xlabel("patterns $N$")
        figure.legend(*left.get_legend_handles_labels(), ncols=3, loc="outside lower center", handlelength=3)
        label_panels(np.array([left, right]))
    return figure


def _plot_mean(values, ax, *, has_band, **line):
    """Mean over repeats, and the range."""
    ax.plot(values.n_patterns, values.mean("repeat"), **line)
    if has_band:
        low, high = values.min("repeat"), values.max("repeat")
        ax.fill_between(values.n_patterns, low, high, color=line["color"], alpha=0.15, linewidth=0)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Chains of neighbours, the control, what the leak adds, and with MNIST the accuracies of the notebook."""
    is_published = dataset.attrs["images"] == "MNIST" and dataset.attrs["scale"] == "paper"
    return _theory_claims(dataset) + _control_claims(dataset) + (_published_claims(dataset) if is_published else [])


def _theory_claims(dataset):
    name, followed = dataset.attrs["images"], dataset.followed.sel(separation="sparsemax")
    return [
        Claim(
            f"{name}, sparsemax: of cues with gaps of 1 / beta or more all along their chain, the class of its end "
            f"(least share of a memory; {float(dataset.exact_share.mean()):.1%} of cues have such gaps)",
            *("theory", "at_least", 1.0, float(followed.min())),
        )
    ]


def _control_claims(dataset):
    name, accuracy = dataset.attrs["images"], dataset.accuracy.mean("repeat")
    from_nearest = abs(accuracy.sel(cue=HONEST) - dataset.nearest_accuracy.mean("repeat"))
    leak = accuracy.sel(cue=LEAKED) - accuracy.sel(cue=HONEST)
    return [
        Claim(
            f"{name}: completion without the leak is as good as the nearest image by dot product: largest difference "
            "of mean accuracies (limit is our reading)",
            *("control", "at_most", 0.01, float(from_nearest.max())),
        ),
        Claim(
            f"{name}: the leak adds little: largest gain of mean accuracy (limit is our reading)",
            *("control", "at_most", 0.01, float(leak.max())),
        ),
    ]


def _published_claims(dataset):
    accuracy, n_repeats = dataset.accuracy.sel(cue=LEAKED), dataset.sizes["repeat"]
    mean, spread = accuracy.mean("repeat"), accuracy.std("repeat", ddof=1)
    # theirs is of a single memory and more cues: as uncertain as one of our repeats, or less
    errors = student.ppf(0.975, n_repeats - 1) * np.sqrt(1 + 1 / n_repeats) * spread
    source = "; ours of held-out images" if dataset.attrs["is_held_out"] else ""
    rows = [
        Claim(
            f"published notebook, {size} patterns, {name}: accuracy with the leak{source}",
            *("paper", "close", PUBLISHED[size], float(mean.sel(n_patterns=size, separation=name))),
            float(errors.sel(n_patterns=size, separation=name)),
            f"95 % prediction interval of a single memory from {n_repeats}",
        )
        for size, name in product(dataset.n_patterns.values.tolist(), SEPARATIONS)
    ]
    difference = abs(mean.sel(separation="softmax") - mean.sel(separation="sparsemax")).max()
    return [
        *rows,
        Claim(
            "published notebook: softmax and sparsemax nearly agree: largest difference of mean accuracy",
            *("paper", "at_most", PUBLISHED_DIFFERENCE, float(difference)),
        ),
    ]


EXPERIMENT = Experiment("completion", "classes of images by completion", compute, plot, claims)
