"""Retrieval of noisy images with little auto-association (figures 8 and 9), counted in two ways.

The paper counts a cue as retrieved if its own pattern is the one that the last state resembles most: the largest
correlation of a row (cue) of the matrix of correlations. Its code compares along the column instead: among all cues,
the own one must end nearest to the pattern. With a = 0.1 nearly all cues end in one and the same state, from which
nothing can be retrieved: rows are right by chance, 1 / p. The column still finds the cue, by what is left of it after
100 updates, a fraction (1 - eta)^100 = 3e-5. Furthermore the code has a graph without edges, where h does nothing,
and the text one that joins nearest neighbours. Both graphs and both ways of counting are shown.

Images are those of the user's own ``t10k-images-idx3-ubyte.gz`` (the format of MNIST and Fashion-MNIST, the latter
being the paper's), or else the digits of scikit-learn, of 8 x 8 pixels.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from assocmem.images import digits, known_idx, read_idx
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.papers.cdam.network import (
    AUTO,
    ETA,
    NARROW,
    STEPS,
    at_setting,
    network_seeds,
    noisy_cues,
    setting_label,
    with_settings,
)
from assocmem.plotting import NEUTRAL, colours, label_panels, make_figure, style
from assocmem.retrieval import retrieve
from assocmem.simulate import iterate

FILE = "t10k-images-idx3-ubyte.gz"
FASHION, DIGITS = "Fashion-MNIST", "digits of scikit-learn"
MOSTLY_HETERO = (0.1, 0.9)
SETTINGS = (AUTO, (0.9, 0.1), NARROW, MOSTLY_HETERO)
SIZES = {"quick": (10, 20, 50), "paper": (10, 20, 30, 40, 50, 75, 100, 150, 200, 500)}
N_UNITS = 784  # pixels of the paper's images
GRAPHS = {"nearest": "nearest neighbours joined (text)", "empty": "no edges (code)"}
METRICS = {"row": "counted over patterns (text)", "column": "counted over cues (code)"}
N_SHOWN, SHOWN_PATTERNS = 6, 20
# read off figure 9, by a: fraction correct for the sizes of the paper
FIGURE_9 = {
    1.0: (0.90, 0.73, 0.67, 0.67, 0.52, 0.48, 0.48, 0.20, 0.18, 0.15),
    0.1: (1.00, 1.00, 1.00, 0.98, 0.98, 0.91, 0.88, 0.75, 0.70, 0.62),
}
READ_OFF = 0.03
# Fashion-MNIST, no edges, over cues, by a and number of patterns
EARLIER = {
    0.1: {10: 1.0, 20: 1.0, 30: 0.92, 50: 0.84, 100: 0.73, 200: 0.68},
    1.0: {10: 0.97, 20: 0.67, 30: 0.58, 50: 0.56, 100: 0.17, 200: 0.13},
}


def compute(run: Run) -> xr.Dataset:
    """Fractions correct by both counts and on both graphs, and how alike the last states of all cues are."""
    images, name = load_images(run)
    sizes = tuple(size for size in SIZES[run.scale] if size <= len(images))
    seeds = network_seeds(run, run.pick(2, 5))
    # the largest first, so that no thread is left with it at the end
    items = sorted(product(range(len(seeds)), sizes), key=lambda item: -item[1])
    parts = dict(
        zip(items, run.map(lambda item: _measure(images, item[1], seeds[item[0]]), items, label="sets"), strict=True)
    )
    rows = [xr.concat([parts[trial, size] for size in sizes], "n_patterns") for trial in range(len(seeds))]
    dataset = xr.concat(rows, "trial").assign_coords(n_patterns=list(sizes))
    dataset = with_settings(dataset.merge(_examples(images, seeds[0])), SETTINGS)
    return dataset.assign_attrs(images=name, shape=list(images.shape[1:]))


def load_images(run: Run) -> tuple[np.ndarray, str]:
    """Images (image, row, column) with a maximum of 1, and what they are.

    Raises
    ------
    ValueError
        If the user's file is not in the format that its name says.
    ImportError
        If there is no such file, and scikit-learn is missing.
    """
    path = run.data_file(FILE)
    if path is None:
        images = digits()[0].astype(float)
        return images / images.max(), DIGITS
    images = read_idx(path).astype(float)
    if images.ndim != 3:
        raise ValueError(f"{path} must hold images, got labels")
    return images / images.max(), known_idx(path)


def nearest_neighbour_graph(patterns: np.ndarray) -> np.ndarray:
    """Adjacency (pattern, pattern) with an undirected edge from every pattern to its Euclidean nearest neighbour."""
    distance = cdist(patterns, patterns)
    np.fill_diagonal(distance, np.inf)
    adjacency = np.zeros(distance.shape)
    adjacency[np.arange(len(patterns)), distance.argmin(axis=1)] = 1.0
    return np.maximum(adjacency, adjacency.T)


def fraction_correct(correlation: np.ndarray, *, metric: str) -> float:
    """Fraction of cues that retrieve their own pattern.

    Parameters
    ----------
    correlation : array (cue, pattern)
        Cue k is that of pattern k.
    metric : {"row", "column"}
        "row" counts cues whose state correlates most with their own pattern. "column" counts patterns with which no
        cue's state correlates more than that of their own cue (several may do so equally), as the published code.

    Raises
    ------
    ValueError
        If the metric is unknown.
    """
    own = np.diagonal(correlation)
    if metric == "row":
        return float(np.mean(correlation.argmax(axis=1) == np.arange(len(own))))
    if metric == "column":
        return float(np.mean(correlation.max(axis=0) == own))
    raise ValueError(f"metric must be one of row, column, got {metric!r}")


def _chosen(images, n_patterns, seed):
    """Patterns (pattern, pixel) drawn from the images, with their cues."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(71,)))
    patterns = images[rng.choice(len(images), n_patterns, replace=False)].reshape(n_patterns, -1)
    return patterns, noisy_cues(patterns, seed=seed)


def _model(patterns, adjacency):
    # images of fewer pixels have smaller scores: beta makes up for it
    beta = N_UNITS / patterns.shape[1]
    return CDAM(patterns, adjacency, auto_strength=1.0, hetero_strength=0.0, beta=beta)


def _measure(images, n_patterns, seed):
    patterns, cues = _chosen(images, n_patterns, seed)
    graphs = {"nearest": nearest_neighbour_graph(patterns), "empty": np.zeros((n_patterns, n_patterns))}
    rows = [_over_settings(_model(patterns, graphs[graph]), cues) for graph in GRAPHS]
    return xr.concat(rows, xr.DataArray(list(GRAPHS), dims="graph"))


def _over_settings(model, cues):
    parts = []
    for strengths in SETTINGS:
        found = retrieve(model, cues, steps=STEPS, eta=ETA, every=None, strengths=np.array(strengths), threads=1)
        correlation = found.correlation.isel(time=0).to_numpy()
        between = found.attractor_correlation.to_numpy()
        accuracy = [fraction_correct(correlation, metric=metric) for metric in METRICS]
        others = between[~np.eye(len(between), dtype=bool)]
        variables = {
            "accuracy": ("metric", accuracy, {"units": "1"}),
            "attractor_correlation": ((), np.median(others), {"units": "1"}),
        }
        parts.append(xr.Dataset(variables))
    return xr.concat(parts, "setting").assign_coords(metric=list(METRICS))


def _examples(images, seed):
    """Some patterns, their cues, and the last states without edges at the first and the last setting."""
    n_patterns = min(SHOWN_PATTERNS, len(images))
    patterns, cues = _chosen(images, n_patterns, seed)
    model, rows = _model(patterns, np.zeros((n_patterns, n_patterns))), [patterns, cues]
    for strengths in (AUTO, MOSTLY_HETERO):
        reduced = model.reduced(cues, np.array(strengths))
        settings = {"steps": STEPS, "every": None, "stimulus": reduced.stimulus(), "threads": 1}
        run = iterate(reduced.map(ETA), reduced.initial_states(), **settings)
        rows.append(reduced.activity(run.final_state.to_numpy()))
    values = np.array(rows)[:, :N_SHOWN]
    stages = ["stored", "cue", f"$a={AUTO[0]:g}$", f"$a={MOSTLY_HETERO[0]:g}$"]
    return xr.Dataset({"example": (("stage", "image", "pixel"), values, {"units": "1"})}, {"stage": stages})


def plot(dataset: xr.Dataset) -> Figure:
    """Examples, and the fraction correct against the number of patterns for both graphs and both counts."""
    with style():
        figure, axes = make_figure(2, 1, height=130)
        for ax in axes:
            ax.remove()
        left, right = figure.subfigures(1, 2, width_ratios=(1.0, 2.2))
        _plot_examples(dataset, left)
        panels = right.subplots(2, 2, sharex=True, sharey=True)
        for (graph, metric), ax in zip(product(GRAPHS, METRICS), panels.ravel(), strict=True):
            _plot_curves(dataset.sel(graph=graph, metric=metric), ax)
            ax.set_title(f"{GRAPHS[graph]}\n{METRICS[metric]}")
        for ax in panels[1]:
            ax.set_xlabel("patterns $p$")
        for ax in panels[:, 0]:
            ax.set_ylabel("fraction correct")
        right.legend(*panels[1, 1].get_legend_handles_labels(), ncols=3, loc="outside lower center")
        label_panels(panels)
    return figure


def _plot_curves(part: xr.Dataset, ax: Axes) -> None:
    sizes = part.n_patterns.to_numpy()
    for setting, colour in zip(SETTINGS, colours(len(SETTINGS)), strict=True):
        accuracy = at_setting(part.accuracy, setting)
        error = accuracy.std("trial", ddof=1)
        ax.errorbar(
            sizes, accuracy.mean("trial"), error, marker="o", color=colour, label=setting_label(setting), elinewidth=0.7
        )
        if setting[0] in FIGURE_9 and str(part.graph.values) == "empty" and str(part.metric.values) == "column":
            label = f"$a={setting[0]:g}$, figure 9 (Fashion-MNIST)"
            ax.plot(SIZES["paper"], FIGURE_9[setting[0]], "x--", color=colour, linewidth=0.6, label=label)
    ax.plot(sizes, 1.0 / sizes, ":", color=NEUTRAL, label="chance, $1/p$")
    ax.set(xscale="log", ylim=(-0.04, 1.04))


def _plot_examples(dataset, figure):
    shape = tuple(int(n) for n in dataset.attrs["shape"])
    panels = figure.subplots(dataset.sizes["image"], dataset.sizes["stage"], squeeze=False)
    for row, image in zip(panels, range(dataset.sizes["image"]), strict=True):
        for ax, stage in zip(row, dataset.stage.values, strict=True):
            ax.imshow(dataset.example.sel(stage=stage).isel(image=image).to_numpy().reshape(shape), cmap="gray")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    for ax, stage in zip(panels[0], dataset.stage.values, strict=True):
        ax.set_title(stage, loc="center")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What holds as the paper counts in words, and as its code counts."""
    accuracy, last = dataset.accuracy, int(dataset.n_patterns.max())
    n_cues = last * dataset.sizes["trial"]
    fewest = at_setting(accuracy, MOSTLY_HETERO).mean("trial")
    gain = (fewest - at_setting(accuracy, AUTO).mean("trial")).sel(n_patterns=last)
    what = f"{dataset.attrs['images']}, p = {last}"
    rows = [
        Claim(
            f"{what}, counted over patterns, nearest neighbours joined (as in the text): "
            "a = 0.1 retrieves more than a = 1, by",
            "paper",
            "at_least",
            0.0,
            float(gain.sel(graph="nearest", metric="row")),
        ),
        Claim(
            f"{what}, counted over cues, no edges (as in the code): a = 0.1 retrieves more than a = 1, by",
            "paper",
            "at_least",
            0.0,
            float(gain.sel(graph="empty", metric="column")),
        ),
        Claim(
            f"{what}, counted over patterns, no edges: a = 0.1 is right by chance only",
            "control",
            "close",
            1.0 / last,
            float(fewest.sel(graph="empty", metric="row", n_patterns=last)),
            *sampling_tolerance(1.0 / last, n_cues),
        ),
    ]
    is_comparable = dataset.attrs["images"] == FASHION and dataset.attrs["scale"] == "paper"
    return rows + (_fashion_claims(dataset.sel(graph="empty")) if is_comparable else [])


def _fashion_claims(part):
    """Every number of figure 9 and of the earlier run, which hold for Fashion-MNIST only."""
    alike = at_setting(part.attractor_correlation, MOSTLY_HETERO).isel(n_patterns=-1)
    statement = "a = 0.1, no edges: all cues end in one state, median correlation between last states"
    ours, accuracy = float(alike.mean("trial")), part.accuracy.sel(metric="column")
    rows = [Claim(statement, "earlier run", "at_least", 1.0, ours, 5e-5, "rounding of the earlier number")]
    for strength, read in FIGURE_9.items():
        ours = accuracy.isel(setting=int(np.flatnonzero(accuracy.auto_strength == strength)[0])).mean("trial")
        figure = dict(zip(SIZES["paper"], read, strict=True))
        for source, values, error in (("paper", figure, READ_OFF), ("earlier run", EARLIER[strength], 0.005)):
            for size, theirs in values.items():
                tolerance, reason = sampling_tolerance(theirs, size * accuracy.sizes["trial"])
                statement = f"a = {strength:g}, p = {size}: fraction correct over cues, no edges"
                value = float(ours.sel(n_patterns=size))
                reason = f"{reason}, and {error:g} of reading or rounding"
                rows.append(Claim(statement, source, "close", theirs, value, tolerance + error, reason))
    return rows


EXPERIMENT = Experiment("images", "images with little auto-association, counted in two ways", compute, plot, claims)
