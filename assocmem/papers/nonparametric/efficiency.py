"""What one layer costs as the sequence grows (figures 6 and 7, appendix G.5).

A layer associates a sequence with itself: batch 4, 16 units in 4 heads, uniform inputs, with or without its four
projections; lengths are those of the paper, at paper scale up to 11520. Multiplications with additions are counted
exactly. Times are processor times of one thread and depend on the machine; exponents are slopes in log-log coordinates.

Scores of all pairs need L^2 operations, a window of radius sqrt(L) L^1.5, features L. Random masks gather the patterns
that are seen, so their counts fall with the part that is masked, but stay quadratic; with heads of 4 units, to draw and
gather patterns takes longer than all scores unless most are masked. The public code masks all scores once they are
made, and gains nothing. Counts of the public layers were measured by an earlier run with fvcore.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.nonparametric_theory import (
    dense_multiply_adds,
    feature_multiply_adds,
    published_multiply_adds,
    window_multiply_adds,
)
from assocmem.features import EluFeatures, ReluFeatures, row_product
from assocmem.masks import RandomMask, TopScores, Window
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.nonparametric.models import (
    DENSE,
    LINEAR,
    LINES,
    MASKED,
    RANDOM_FEATURE,
    SPARSE,
    TOP,
    WINDOW,
)
from assocmem.plotting import label_panels, make_figure, style
from assocmem.separations import Sparsemax

BATCH, N_UNITS, N_HEADS = 4, 16, 4
HEAD = N_UNITS // N_HEADS
N_FEATURES = int(HEAD * math.log(HEAD))  # 5, as in Performers
BETA = HEAD**-0.5
LENGTHS = {
    "quick": (24, 48, 96, 192, 336, 720),
    "paper": (24, 48, 96, 192, 336, 720, 1440, 2880, 5760, 11520),
}
PUBLISHED_RADII = {24: 4, 48: 6, 96: 8, 192: 12, 336: 14, 720: 18, 1440: 30, 2880: 48}
TOP_20, HALF_MASKED = next(iter(TOP)), list(MASKED)[1]
MODELS = (DENSE, SPARSE, TOP_20, HALF_MASKED, WINDOW, RANDOM_FEATURE, LINEAR)
MOST_LENGTH = {TOP_20: 2880}  # whose order of scores takes long
EXPONENTS = {DENSE: 2.0, SPARSE: 2.0, TOP_20: 2.0, HALF_MASKED: 2.0, WINDOW: 1.5, RANDOM_FEATURE: 1.0, LINEAR: 1.0}
TIMED_EXPONENTS = (DENSE, WINDOW, RANDOM_FEATURE, LINEAR)
SHORTEST_FITTED = {"quick": 96, "paper": 1440}
FRACTIONS = tuple(round(0.1 * i, 1) for i in range(1, 10))
MASKED_LENGTH = {"quick": 336, "paper": 2880}
REPEATS = 3
_ROUNDED = (WINDOW, TOP_20, HALF_MASKED)
# of the public layers, in multiplications with additions, by an earlier run
FVCORE = {
    DENSE: (172034, 491508, 1573216, 5505432, 15826256, 69309120, 271298240, 1073796480),
    WINDOW: (137214, 316408, 720866, 1781782, 3433256, 8672620, 25023240, 73136480),
}
FVCORE_FEATURES = 15805380  # ReLU features at the longest


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with its four projections, or none of them."""

    model: str
    weights: np.ndarray | None  # (projection, unit, unit)
    fraction_masked: float = 0.5

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """What each place of sequences x (item, place, unit) evokes in its own sequence."""
        cues, keys, values = self._projected(x)
        out = np.empty_like(x)
        for item in range(len(x)):
            for head in range(N_HEADS):
                part = item, slice(None), slice(head * HEAD, (head + 1) * HEAD)
                memory = self._memory(values[part], keys[part], seed=item * N_HEADS + head)
                out[part] = memory.update(cues[part], threads=1)
        return out if self.weights is None else _product(out, self.weights[3])

    def _projected(self, x):
        if self.weights is None:
            return x, x, x
        cues, keys = (_product(x, matrix) for matrix in self.weights[:2])
        return cues, keys, _product(keys, self.weights[2])  # values are made of keys

    def _memory(self, values, keys, seed):
        if self.model in (RANDOM_FEATURE, LINEAR):
            features = EluFeatures() if self.model == LINEAR else ReluFeatures(N_FEATURES, 0)
            return FeatureHopfield(values, keys, features=features)
        masks = {
            TOP_20: lambda: TopScores(fraction=TOP[TOP_20]),
            HALF_MASKED: lambda: RandomMask(self.fraction_masked, seed),
            WINDOW: lambda: Window(math.isqrt(len(keys))),
        }
        separation = {"separation": Sparsemax()} if self.model == SPARSE else {}
        return NonparametricHopfield(values, keys, beta=BETA, mask=masks.get(self.model, lambda: None)(), **separation)


def _product(x, matrix):
    return row_product(x.reshape(-1, N_UNITS), matrix).reshape(x.shape)


def compute(run: Run) -> xr.Dataset:
    """Counts and times over (projections, model, length), and times of random masks over what they mask."""
    lengths = LENGTHS[run.scale]
    times = np.full((2, len(MODELS), len(lengths)), np.nan)
    counts = np.array([[[multiply_adds(m, n, p) for n in lengths] for m in MODELS] for p in (False, True)], dtype=float)
    cells = [(p, m, n) for p in range(2) for m in range(len(MODELS)) for n in range(len(lengths))]
    # one after another, as they are timed
    for p, m, n in cells:
        if lengths[n] <= MOST_LENGTH.get(MODELS[m], np.inf):
            times[p, m, n] = _seconds(MODELS[m], lengths[n], bool(p), run)
    length = MASKED_LENGTH[run.scale]
    masked = [_seconds(HALF_MASKED, length, True, run, fraction_masked=f) for f in FRACTIONS]
    dims, counted = ("projections", "model", "length"), ("counted_model", "published_length")
    published = [[published_multiply_adds(n) for n in PUBLISHED_RADII]]
    published.append([published_multiply_adds(n, radius=r) for n, r in PUBLISHED_RADII.items()])
    variables = {
        "time": (dims, times, {"units": "s", "long_name": "processor time of one thread, least of several"}),
        "multiply_adds": (dims, counts, {"units": "1"}),
        "masked_time": ("fraction_masked", masked, {"units": "s"}),
        "published_multiply_adds": (counted, published, {"units": "1"}),
        "fvcore_multiply_adds": (counted, list(FVCORE.values()), {"units": "1"}),
    }
    coords = {"projections": ["without", "with"], "model": list(MODELS), "length": list(lengths)}
    coords |= {"fraction_masked": list(FRACTIONS), "counted_model": list(FVCORE)}
    attrs = {"masked_length": length, "shortest_fitted": SHORTEST_FITTED[run.scale]}
    return xr.Dataset(variables, {**coords, "published_length": list(PUBLISHED_RADII)}, attrs)


def multiply_adds(model: str, length: int, has_projections: bool) -> int:
    """Exact number of multiplications with additions of a layer of ours."""
    if model == WINDOW:
        each = window_multiply_adds(length, math.isqrt(length), HEAD)
    elif model in (RANDOM_FEATURE, LINEAR):
        n_features = HEAD if model == LINEAR else N_FEATURES
        each = feature_multiply_adds(length, length, HEAD, n_features, has_projections=model != LINEAR)
    elif model == TOP_20:  # all scores, and the mixture of those that are kept
        each = HEAD * length * (length + int(TOP[TOP_20] * length + 1e-9))
    else:
        n_visible = length - round(0.5 * length) if model == HALF_MASKED else length
        each = dense_multiply_adds(length, n_visible, HEAD)
    return BATCH * (N_HEADS * each + (4 * length * N_UNITS**2 if has_projections else 0))


def _seconds(model, length, has_projections, run, fraction_masked=0.5):
    """The least processor time of a layer, after one that is not timed."""
    rng = np.random.default_rng(run.seed_for("layers"))
    x = rng.random((BATCH, length, N_UNITS))
    weights = rng.standard_normal((4, N_UNITS, N_UNITS)) / 4.0 if has_projections else None
    layer, times = Layer(model, weights, fraction_masked), []
    layer(x[:1, : max(length // 8, 24)])
    while len(times) < REPEATS and sum(times) < 2.0:
        start = time.thread_time()
        layer(x)
        times.append(time.thread_time() - start)
    return min(times)


def slope(values: xr.DataArray, shortest: int = 0) -> float:
    """Exponent of values (length,): the slope of a straight line in log-log coordinates."""
    part = values.where(values.length >= shortest).dropna("length")
    return float(np.polyfit(np.log(part.length), np.log(part), 1)[0])


def plot(dataset: xr.Dataset) -> Figure:
    """Counts and times over the length, without and with projections, and times of random masks."""
    with style():
        figure, axes = make_figure(1, 4, height=68)
        _plot_models(dataset.multiply_adds.sel(projections="with"), axes[0], "multiply-adds")
        axes[0].set_title("with projections")
        for ax, projections in zip(axes[1:3], dataset.projections.values, strict=True):
            _plot_models(1e3 * dataset.time.sel(projections=projections), ax, "processor time (ms)")
            ax.set_title(f"{projections} projections")
        axes[2].sharey(axes[1])
        axes[3].plot(dataset.fraction_masked, 1e3 * dataset.masked_time, "x-", color=LINES[HALF_MASKED]["color"])
        dense = dataset.time.sel(projections="with", model=DENSE, length=dataset.attrs["masked_length"])
        axes[3].axhline(1e3 * float(dense), color="k", label=DENSE)
        axes[3].set(xlabel="part masked", ylabel="processor time (ms)", ylim=(0, None))
        axes[3].set_title(f"random, $L={dataset.attrs['masked_length']}$")
        axes[3].legend()
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=7, loc="outside lower center", handlelength=2.5)
        label_panels(axes)
    return figure


def _plot_models(values, ax, label):
    for name in MODELS:
        ax.plot(values.length, values.sel(model=name), markersize=2.5, linewidth=0.9, **LINES[name])
    ax.set(xscale="log", yscale="log", xlabel="length $L$", ylabel=label)
    ticks = [
        n for n in (30, 100, 300, 1000, 10_000) if n < 1.2 * values.length[-1] and (n != 300 or values.length[-1] < 1e3)
    ]
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.minorticks_off()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Exponents of counts and, at paper scale, of times; counts of the public layers; what is faster."""
    counts = dataset.multiply_adds.sel(projections="without")
    shortest, rows = dataset.attrs["shortest_fitted"], []
    for name, exponent in EXPONENTS.items():
        tolerance = (0.1, "integers, and ends of windows") if name in _ROUNDED else (1e-9, "rounding")
        statement = f"{name}: exponent of exact counts, without projections"
        rows.append(Claim(statement, "paper", "close", exponent, slope(counts.sel(model=name)), *tolerance))
    error = abs(dataset.published_multiply_adds / dataset.fvcore_multiply_adds - 1.0).max("published_length")
    rows += [
        Claim(
            f"{name} layer of the public code: formula for counts, largest relative difference from fvcore",
            *("earlier run", "at_most", 0.0, float(error.sel(counted_model=name)), 0.01, "fvcore rounds to 3 digits"),
        )
        for name in FVCORE
    ]
    longest = dataset.published_multiply_adds.isel(published_length=-1)
    rows += [
        Claim(
            "public code at L = 2880: counts of dense over window",
            *("earlier run", "close", 14.7, float(longest[0] / longest[1]), 0.1, "three digits"),
        ),
        Claim(
            "public code at L = 2880: counts of dense over ReLU features",
            *("earlier run", "close", 68.0, float(longest[0]) / FVCORE_FEATURES, 0.5, "two digits"),
        ),
    ]
    return rows + (_time_claims(dataset, shortest) if dataset.attrs.get("scale") == "paper" else [])


def _time_claims(dataset, shortest):
    times = dataset.time.sel(projections="without")
    rows = [
        Claim(
            f"{name}: exponent of times from L = {shortest} on, without projections",
            *("paper", "close", EXPONENTS[name], slope(times.sel(model=name), shortest), 0.15, "timed"),
        )
        for name in TIMED_EXPONENTS
    ]
    at = dataset.time.sel(projections="with", length=2880)
    order = (DENSE, WINDOW, RANDOM_FEATURE)
    gaps = [float(at.sel(model=a) / at.sel(model=b)) for a, b in zip(order[:-1], order[1:], strict=True)]
    return [
        *rows,
        Claim("L = 2880: time of dense over window", "paper", "at_least", 1.0, gaps[0]),
        Claim("L = 2880: time of window over random feature", "paper", "at_least", 1.0, gaps[1]),
    ]


EXPERIMENT = Experiment("efficiency", "cost of one layer over the length of the sequence", compute, plot, claims)
