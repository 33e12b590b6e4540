"""Why sorting helps: an occluded image, and what weights of ranks are learned from which corruption.

Two patterns of 16 x 16 pixels and cues of the first of which the upper part is white, with noise: over all pixels the
other pattern is nearer, as it is never far from anything, whereas over the best m pixels, m being the number of those
that are not occluded, the right one is. Which m is best is what the adaptive similarity learns: its weight c of a rank
is ``1 / (2 noise^2)`` for all of them if units have noise, and lies on the first ranks for masks.

The best similarities are all near 0, so that hardly anything is known of the weights of first ranks. Hence means over
ranks are weighted by the variance of similarities of that rank among patterns, to which the information is
proportional, and the figure shows weights times the root of it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.adaptive import retrieval
from assocmem.papers.adaptive.data import Task, gaussian_patterns, seed_of
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import label_panels, make_figure, style
from assocmem.similarities import footprint
from assocmem.variants import MaskedVariants, NoisyVariants

SIZE = 16
N_UNITS_SHOWN = SIZE**2
OCCLUDED_ROWS = 6
NOISE = 0.25  # of pixels
N_CUES_SHOWN = {"quick": 100, "paper": 1000}
RIGHT, WRONG = 0, 1
N_PATTERNS, N_UNITS = 100, 32
N_CUES, N_REPEATS = {"quick": 1500, "paper": 6000}, {"quick": 1, "paper": 3}
RIDGE = 1e-3
NOISY, MASKED, MIXED = "noise", "masked", "masked and noisy"
# of similar difficulty
VARIANTS = {
    NOISY: NoisyVariants(1.5),
    MASKED: MaskedVariants(0.5, noise=0.1),
    MIXED: MaskedVariants(0.5, noise=0.4),
}
N_VARIANCE = 200  # cues that determine variances
_COLOURS = {NOISY: "#0072B2", MASKED: "#D55E00", MIXED: "#009E73"}


def images() -> np.ndarray:
    """A ring of full contrast, and a bar of low contrast below a bright block (pattern, unit); pixels in [0, 1]."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    distance = np.hypot(rows, columns)
    ring = ((distance > 4) & (distance < 6.5)).astype(np.float32)
    is_bright = np.abs(columns) < 2.5
    is_bright[:OCCLUDED_ROWS] = True
    return np.array([ring.ravel(), np.where(is_bright, 0.65, 0.35).ravel()], dtype=np.float32)


def occluded(n_cues: int, seed: int) -> np.ndarray:
    """Noisy cues (cue, unit) of the first image, the upper rows of which are white."""
    cues = np.repeat(images()[:1], n_cues, axis=0)
    cues += NOISE * np.random.default_rng(seed).standard_normal(cues.shape, dtype=np.float32)
    cues[:, : OCCLUDED_ROWS * SIZE] = 1.0
    return cues


def compute(run: Run) -> xr.Dataset:
    """Footprints of occluded cues, and weights of ranks by variants."""
    cues, patterns = occluded(N_CUES_SHOWN[run.scale], seed_of(run, "occluded")), images()
    footprints = footprint(cues[:, None], patterns)
    items = [(kind, repeat) for kind in VARIANTS for repeat in range(N_REPEATS[run.scale])]
    found = np.array(run.map(lambda item: _learned(run, *item), items, label="profiles"))
    found = found.reshape(len(VARIANTS), -1, 2, N_UNITS)
    variables = {
        "patterns": (("pattern", "unit"), patterns),
        "cue": (("unit",), cues[0]),
        "advantage": (("cue_number", "m"), footprints[:, RIGHT] - footprints[:, WRONG]),
        "weights": (("variants", "repeat", "rank"), found[:, :, 0]),
        "variance": (("variants", "repeat", "rank"), found[:, :, 1]),
    }
    coords = {"m": np.arange(1, N_UNITS_SHOWN + 1), "variants": list(VARIANTS), "rank": np.arange(1, N_UNITS + 1)}
    return xr.Dataset({name: (*values, {"units": "1"}) for name, values in variables.items()}, coords)


def _learned(run, kind, repeat):
    seed = seed_of(run, f"profiles {kind}", repeat)
    task = Task.draw(gaussian_patterns(N_PATTERNS, N_UNITS, seed), VARIANTS[kind], N_CUES[run.scale], 1, seed + 1)
    weights = retrieval.fitted(task, ("sorted_dis",), ridge=RIDGE).similarity.sorted_dis
    values = -np.sort(np.square(task.cues[:N_VARIANCE, None] - task.patterns), axis=-1)
    return weights, values.var(axis=1).mean(axis=0)


def mean_weight(weights: xr.DataArray, variance: xr.DataArray) -> xr.DataArray:
    """Mean over ranks, weighted by the information about them."""
    return (weights * variance).sum("rank") / variance.sum("rank")


def plot(dataset: xr.Dataset) -> Figure:
    """The images and a cue, the advantage of the right one, and profiles of weights."""
    with style():
        figure, (whole,) = make_figure(height=55)
        whole.remove()
        axes = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
        _plot_images(dataset, axes[0])
        _plot_advantage(dataset.advantage, axes[1])
        _plot_profiles(dataset, axes[2])
        label_panels(axes)
    return figure


def _plot_images(dataset, ax):
    gap = np.full((SIZE, 2), np.nan)
    shown = [dataset.patterns.values[RIGHT], dataset.cue.values, dataset.patterns.values[WRONG]]
    rows = [part for values in shown for part in (values.reshape(SIZE, SIZE), gap)][:-1]
    ax.imshow(np.concatenate(rows, axis=1), cmap="gray", vmin=-0.3, vmax=1.3)
    for i, name in enumerate(("right", "cue", "wrong")):
        ax.text(i * (SIZE + 2) + SIZE / 2 - 0.5, SIZE + 0.5, name, ha="center", va="top")
    ax.axis("off")


def _plot_advantage(advantage, ax):
    kept = N_UNITS_SHOWN - OCCLUDED_ROWS * SIZE
    low, high = advantage.quantile((0.05, 0.95), "cue_number")
    ax.fill_between(advantage.m, low, high, color="#D55E00", alpha=0.25, linewidth=0)
    ax.plot(advantage.m, advantage.mean("cue_number"), color="#D55E00")
    ax.axhline(0, color="0.3", linewidth=0.7)
    ax.axvline(kept, color="0.3", linestyle=":", linewidth=0.8)
    ax.annotate(
        "not occluded",
        (kept, 0.04),
        (-3, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
    )
    ax.set(xlabel="best units $m$", ylabel="$f_m$ of the right pattern\nminus that of the wrong one")


def _plot_profiles(dataset, ax):
    spread = np.sqrt(dataset.variance)
    for kind, colour in _COLOURS.items():
        part = (dataset.weights * spread).sel(variants=kind)
        largest = part.mean("repeat").max()
        for repeat in range(part.sizes["repeat"]):
            ax.plot(part["rank"], part.isel(repeat=repeat) / largest, color=colour, alpha=0.3, linewidth=0.7)
        ax.plot(part["rank"], part.mean("repeat") / largest, color=colour, label=kind)
        if kind == NOISY:
            flat = spread.sel(variants=kind).mean("repeat") / (2 * VARIANTS[NOISY].noise ** 2)
            ax.plot(part["rank"], flat / largest, color="black", linestyle=":", label=r"noise, $c_r = 1 / 2\sigma^2$")
    ax.axhline(0, color="0.7", linewidth=0.7)
    ax.set(xlabel="rank $r$", ylabel="$c_r$ times spread, relative", ylim=(None, 2.1))
    ax.legend(loc="upper right")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Who wins by which footprint, and where the weights lie."""
    n_kept = N_UNITS_SHOWN - OCCLUDED_ROWS * SIZE
    is_right = (dataset.advantage > 0).mean("cue_number")
    first, second = (
        mean_weight(*(dataset[name].sel(rank=ranks) for name in ("weights", "variance"))).mean("repeat")
        for ranks in (slice(1, N_UNITS // 2), slice(N_UNITS // 2 + 1, None))
    )
    whole = mean_weight(dataset.weights, dataset.variance).mean("repeat")
    scaled = 2 * VARIANTS[NOISY].noise ** 2 * float(whole.sel(variants=NOISY))
    ratio = second / first
    return [
        Claim("occluded cues for which L2 prefers the wrong one", "paper", "at_least", 0.99, 1 - float(is_right[-1])),
        Claim(
            f"occluded cues for which the best {n_kept} units prefer the right one",
            "paper",
            "at_least",
            0.99,
            float(is_right.sel(m=n_kept)),
        ),
        Claim(
            f"{NOISY}: mean weight of the second half of ranks over that of the first, flat in theory",
            "theory",
            "close",
            1.0,
            float(ratio.sel(variants=NOISY)),
            0.15,
            "weights are known to about a tenth",
        ),
        Claim(
            f"{NOISY}: mean weight times 2 noise^2",
            "theory",
            "close",
            1.0,
            scaled,
            0.1,
            "likewise, and shrunk a little by the ridge",
        ),
        Claim(
            f"{MASKED}: the same ratio, as half of the units are kept, read as at most",
            "paper",
            "at_most",
            0.25,
            float(ratio.sel(variants=MASKED)),
        ),
    ]


EXPERIMENT = Experiment("profiles", "an occluded image, and learned weights of ranks", compute, plot, claims)
