"""What sorting costs: time per pair of cue and pattern against the numbers of units and of patterns.

Sorting takes O(d log d) operations in place of O(d); the paper found inference to be slower by 15 to 30 % on graphics
cards. Sorting here is by a network, which takes O(d log^2 d) comparisons without a branch. Times are processor times of
one thread in float32, of scores alone, and depend on the machine; patterns are prepared once and for all. Products of
unsorted weights are matrix products, which is why they cost so little. NumPy's sort is the same computation of
``sorted dis`` as one would write it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.adaptive.data import seed_of, uniform_patterns
from assocmem.papers.adaptive.retrieval import A_HOP, SORTED_DIS, UNSORTED
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import label_panels, make_figure, style
from assocmem.similarities import AdaptiveSimilarity, DotProduct, ManhattanDistance, Similarity

N_CUES = 64
N_UNITS = {"quick": (16, 64, 256), "paper": (16, 32, 64, 128, 256, 512, 1024)}
N_PATTERNS = {"quick": (64, 256, 1024), "paper": (64, 256, 1024, 4096, 16384)}
MIDDLE_UNITS, MIDDLE_PATTERNS = 64, 256
REPEATS = {"quick": 2, "paper": 5}
NUMPY = "sorted dis, NumPy"
MODELS = ("dot", "L1", UNSORTED, SORTED_DIS, NUMPY, A_HOP)
FITTED_UNITS, FITTED_PATTERNS = 64, 256  # from which on exponents are fitted
_STYLES = {
    "dot": {"color": "0.7"},
    "L1": {"color": "#56B4E9", "linestyle": "--"},
    UNSORTED: {"color": "#0072B2"},
    SORTED_DIS: {"color": "#E69F00"},
    NUMPY: {"color": "black", "linestyle": ":"},
    A_HOP: {"color": "#D55E00"},
}


def similarity(name: str, n_units: int) -> Similarity:
    """A similarity of `MODELS`, with weights that fall from 1."""
    weights = np.linspace(1.0, 0.0, n_units)
    adaptive = {
        UNSORTED: {"dis": weights, "dot": weights},
        SORTED_DIS: {"sorted_dis": weights},
        A_HOP: {"sorted_dis": weights, "sorted_dot": weights},
    }
    if name in adaptive:
        return AdaptiveSimilarity(**adaptive[name])
    return {"dot": DotProduct(), "L1": ManhattanDistance()}[name]


def numpy_scores(cues: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Scores (cue, pattern) of ``sorted dis`` by NumPy, cue by cue."""
    weights = np.linspace(1.0, 0.0, patterns.shape[1], dtype=np.float32)
    return np.array([-np.sort(np.square(cue - patterns), axis=1) @ weights for cue in cues])


def compute(run: Run) -> xr.Dataset:
    """Nanoseconds per pair against units and against patterns, and what NumPy's scores differ by."""
    seed = seed_of(run, "efficiency")
    by_units = [[_time(run, m, MIDDLE_PATTERNS, d, seed) for d in N_UNITS[run.scale]] for m in MODELS]
    by_patterns = [[_time(run, m, n, MIDDLE_UNITS, seed) for n in N_PATTERNS[run.scale]] for m in MODELS]
    cues, patterns = uniform_patterns(N_CUES, MIDDLE_UNITS, seed + 1), uniform_patterns(64, MIDDLE_UNITS, seed)
    ours = similarity(SORTED_DIS, MIDDLE_UNITS).scores(cues, patterns, threads=1)
    difference = np.abs(ours - numpy_scores(cues, patterns)).max() / np.abs(ours).max()
    variables = {
        "by_units": (("model", "n_units"), by_units, {"units": "ns"}),
        "by_patterns": (("model", "n_patterns"), by_patterns, {"units": "ns"}),
        "difference": ((), float(difference), {"units": "1"}),
    }
    coords = {"model": list(MODELS), "n_units": list(N_UNITS[run.scale]), "n_patterns": list(N_PATTERNS[run.scale])}
    return xr.Dataset(variables, coords)


def _time(run, name, n_patterns, n_units, seed) -> float:
    """Least processor time (ns) of a pair, of several repeats."""
    cues, patterns = uniform_patterns(N_CUES, n_units, seed + 1), uniform_patterns(n_patterns, n_units, seed)
    if name == NUMPY:
        return _best(lambda: numpy_scores(cues, patterns), REPEATS[run.scale]) / (N_CUES * n_patterns)
    chosen = similarity(name, n_units)
    prepared = chosen.prepared(patterns)
    chosen.scores_from(cues, prepared, threads=1)  # compiles
    return _best(lambda: chosen.scores_from(cues, prepared, threads=1), REPEATS[run.scale]) / (N_CUES * n_patterns)


def _best(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time_ns()
        function()
        times.append(time.process_time_ns() - start)
    return float(min(times))


def plot(dataset: xr.Dataset) -> Figure:
    """Times against both numbers, and their ratio to that without sorting."""
    with style():
        figure, axes = make_figure(1, 3, height=68)
        ratio = dataset.by_units / dataset.by_units.sel(model=UNSORTED)
        for name in MODELS:
            line = {"marker": ".", "label": name, **_STYLES[name]}
            axes[0].plot(dataset.n_units, dataset.by_units.sel(model=name), **line)
            axes[1].plot(dataset.n_patterns, dataset.by_patterns.sel(model=name), **line)
            axes[2].plot(dataset.n_units, ratio.sel(model=name), **line)
        for ax in axes:
            ax.set(xscale="log", yscale="log")
            ax.minorticks_off()
        for ax, ticks in zip(axes, (dataset.n_units, dataset.n_patterns, dataset.n_units), strict=True):
            ax.set_xticks(ticks.values[::2], [f"{tick}" for tick in ticks.values[::2]])
        axes[0].set(xlabel="units $d$", ylabel="time of a pair (ns)", title=f"{MIDDLE_PATTERNS} patterns")
        axes[1].set(xlabel="patterns $N$", ylabel="time of a pair (ns)", title=f"{MIDDLE_UNITS} units")
        axes[2].set(xlabel="units $d$", ylabel=f"time relative to {UNSORTED}", title=f"{MIDDLE_PATTERNS} patterns")
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=6, loc="outside lower center")
        label_panels(axes)
    return figure


def exponent(times: xr.DataArray, dim: str, least: int) -> float:
    """Slope of the times in logarithms, from `least` on."""
    part = times.sel({dim: slice(least, None)})
    return float(np.polyfit(np.log(part[dim]), np.log(part), 1)[0])


def claims(dataset: xr.Dataset) -> list[Claim]:
    """That NumPy agrees and, at full sizes, exponents of times."""
    statement = "scores of sorted dis: largest difference from NumPy's, relative to the largest"
    difference, reason = float(dataset.difference), "sums of float32"
    rows = [Claim(statement, "theory", "at_most", 0.0, difference, 1e-5, reason)]
    if dataset.attrs["scale"] != "paper":
        return rows
    first, last = FITTED_UNITS, int(dataset.n_units[-1])
    growth = np.log(np.log(last) / np.log(first)) / np.log(last / first)  # of log d
    for name in (SORTED_DIS, A_HOP):
        of_units = exponent(dataset.by_units.sel(model=name), "n_units", first)
        what, reason = f"{name}: exponent of the time in units, {first} to {last}", "times of a shared machine"
        rows += [
            Claim(f"{what}, O(d log d)", "paper", "at_most", float(1 + growth), of_units, 0.1, reason),
            Claim(
                f"{what}, that of a sorting network, d log^2 d",
                "theory",
                "close",
                float(1 + 2 * growth),
                of_units,
                0.15,
                reason,
            ),
        ]
        of_patterns = 1 + exponent(dataset.by_patterns.sel(model=name), "n_patterns", FITTED_PATTERNS)
        statement = f"{name}: exponent of the time of a cue in patterns, from {FITTED_PATTERNS} on"
        rows.append(Claim(statement, "theory", "close", 1.0, of_patterns, 0.1, reason))
    return rows


EXPERIMENT = Experiment("efficiency", "the price of sorting", compute, plot, claims)
