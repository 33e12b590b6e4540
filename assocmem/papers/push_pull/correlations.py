"""Gain by feedback against the correlation of children with parents and of parents with grandparents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import (
    as_good_as,
    beyond_chance,
    like_earlier_run,
    standard_error,
)
from assocmem.papers.push_pull.network import (
    BOTH,
    BOTH_UNIFORM,
    CENTRED,
    COLOURS,
    CONDITIONS,
    NONE,
    Setting,
    improvement,
    step_size,
    trial,
)
from assocmem.plotting import label_panels, make_figure, style

CHILD_SETTING = Setting()
CHILD_VALUES = {
    "quick": (0.0, 0.06, 0.12, 0.18, 0.24, 0.3, 0.42, 0.6),
    "paper": tuple(np.round(np.arange(21) * 0.03, 2).tolist()),
}
CHILD_SHOWN = (NONE, BOTH, BOTH_UNIFORM, CENTRED)
PLATEAU = (0.12, 0.3)
PARENT_SETTING = Setting(n_units=2000, branching=(2, 4, 25), correlations=(0.1, 0.1))
PARENT_VALUES = {
    "quick": (0.03, 0.3, 0.6),
    "paper": tuple(np.round(np.arange(1, 21) * 0.03, 2).tolist()),
}
PARENT_SHOWN = (NONE, BOTH, CENTRED)
N_CHILD_TRIALS, N_PARENT_TRIALS = {"quick": 8, "paper": 30}, {"quick": 8, "paper": 12}
PUBLISHED_TRIALS = 50

# relative gain of push-pull in an earlier and independent implementation
EARLIER_CHILD_TRIALS = 10
EARLIER_CHILD = {0.0: -0.004, 0.06: 0.167, 0.12: 0.249, 0.18: 0.260, 0.24: 0.276, 0.3: 0.273, 0.42: -0.112, 0.6: -0.567}
EARLIER_UNIFORM = {0.42: 0.231, 0.6: 0.149}
EARLIER_PARENT_TRIALS = 6
EARLIER_PARENT = {0.03: 0.201, 0.15: 0.193, 0.3: 0.185, 0.45: 0.193, 0.6: 0.203}
EARLIER_PARENT_OVERLAP = {  # without feedback, with push-pull
    0.03: (0.702, 0.840),
    0.15: (0.707, 0.840),
    0.3: (0.713, 0.843),
    0.45: (0.704, 0.837),
    0.6: (0.696, 0.835),
}


def compute_child(run: Run) -> xr.Dataset:
    """Final overlaps against the correlation b1 of children with parents, to which the pull is proportional."""
    return _sweep(run, "child", CHILD_VALUES, CHILD_SETTING, CHILD_SHOWN, N_CHILD_TRIALS)


def compute_parent(run: Run) -> xr.Dataset:
    """Final overlaps against the correlation b2 of parents with grandparents."""
    return _sweep(run, "parent", PARENT_VALUES, PARENT_SETTING, PARENT_SHOWN, N_PARENT_TRIALS)


def _sweep(run, level, values, setting, shown, n_trials):
    b2, b1 = setting.correlations
    conditions = {name: CONDITIONS[name] for name in shown}
    items = [(value, number) for value in values[run.scale] for number in range(n_trials[run.scale])]

    def one(item):
        value, number = item
        changed = replace(setting, correlations=(b2, value) if level == "child" else (value, b1))
        return trial(changed, conditions, run, f"correlations/{level}/{value:g}/{number}").isel(cue=0)

    parts = run.map(one, items, label=f"{level} correlation")
    n = n_trials[run.scale]
    rows = [xr.concat(parts[k : k + n], "repeat") for k in range(0, len(parts), n)]
    coordinate = ("correlation", list(values[run.scale]), {"units": "1"})
    dataset = xr.concat(rows, "correlation").assign_coords(correlation=coordinate)
    dataset = dataset.assign(gain=improvement(dataset.overlap))
    return dataset.assign_attrs(n_trials=n, n_trials_published=PUBLISHED_TRIALS, dt=step_size(run))


def plot_child(dataset: xr.Dataset) -> Figure:
    """Overlaps and relative gains against b1."""
    earlier = {BOTH: EARLIER_CHILD, BOTH_UNIFORM: EARLIER_UNIFORM}
    return _plot(dataset, CHILD_SHOWN, earlier, {}, "correlation of child and parent $b_1$")


def plot_parent(dataset: xr.Dataset) -> Figure:
    """Overlaps and relative gains against b2."""
    overlaps = {
        name: {b: means[k] for b, means in EARLIER_PARENT_OVERLAP.items()} for k, name in enumerate((NONE, BOTH))
    }
    return _plot(dataset, PARENT_SHOWN, {BOTH: EARLIER_PARENT}, overlaps, "correlation of parent and grandparent $b_2$")


def _plot(dataset, shown, earlier_gains, earlier_overlaps, label):
    with style():
        figure, axes = make_figure(1, 2, height=68)
        for name in shown:
            options = {"color": COLOURS[name], "label": name, "capsize": 1.5, "marker": "o", "markersize": 2.5}
            _errorbar(dataset.overlap.sel(condition=name), axes[0], **options)
            if name != NONE:
                _errorbar(dataset.gain.sel(condition=name), axes[1], **options)
        for ax, earlier in ((axes[0], earlier_overlaps), (axes[1], earlier_gains)):
            for name, means in earlier.items():
                ax.plot(list(means), list(means.values()), "x", color=COLOURS[name], markersize=5, zorder=3)
            ax.set_xlabel(label)
        axes[0].set(ylabel="final overlap $m^1$")
        axes[0].set_ylim(bottom=min(0.0, axes[0].get_ylim()[0]))
        axes[1].set(ylabel="relative gain of $m^1$")
        axes[1].axhline(0.0, color="black", linewidth=0.7)
        axes[0].plot([], [], "x", color="black", label="earlier run")
        axes[0].legend(loc="lower left")
        axes[1].set_title(f"{dataset.attrs['n_trials']} trials (published: {dataset.attrs['n_trials_published']})")
        label_panels(axes)
    return figure


def _errorbar(values, ax, **options):
    ax.errorbar(values.correlation, values.mean("repeat"), standard_error(values), elinewidth=0.7, **options)


def claims_child(dataset: xr.Dataset) -> list[Claim]:
    """No gain without correlation, a plateau, a loss at strong correlation; controls."""
    gain = dataset.gain
    both = gain.sel(condition=BOTH, drop=True)
    mean, error = both.mean("repeat"), standard_error(both)
    plateau = both.sel(correlation=slice(*PLATEAU))
    strong = {b: gain.sel(correlation=b) for b in (0.42, 0.6)}
    rows = [
        beyond_chance(
            f"push-pull improves retrieval of correlated patterns (gain, b1 from {PLATEAU[0]} to {PLATEAU[1]})",
            "paper",
            plateau.mean("correlation"),
        ),
        Claim(
            "relative gain without correlation, where the pull vanishes (b1 = 0)",
            "earlier run",
            "close",
            0.0,
            float(mean.sel(correlation=0.0)),
            2.0 * float(error.sel(correlation=0.0)),
            "two standard errors",
        ),
        Claim(
            f"plateau of the relative gain: mean for b1 from {PLATEAU[0]} to {PLATEAU[1]}",
            "earlier run",
            "between",
            (0.25, 0.3),
            float(plateau.mean()),
            2.0 * float(standard_error(plateau.mean("correlation"))),
            "two standard errors",
        ),
        beyond_chance("at b1 = 0.6 push-pull harms (minus relative gain)", "earlier run", -both.sel(correlation=0.6)),
        as_good_as(
            f"the same pull on all units gains as much as the pull unit by unit (b1 from {PLATEAU[0]} to {PLATEAU[1]})",
            gain.sel(condition=BOTH_UNIFORM, drop=True).sel(correlation=slice(*PLATEAU)).mean("correlation"),
            plateau.mean("correlation"),
        ),
        *(
            beyond_chance(
                f"at b1 = {b:g} the same pull on all units still improves retrieval (relative gain)",
                "control",
                values.sel(condition=BOTH_UNIFORM, drop=True),
            )
            for b, values in strong.items()
        ),
        as_good_as(
            f"a centred cue without feedback gains as much as push-pull (b1 from {PLATEAU[0]} to {PLATEAU[1]})",
            gain.sel(condition=CENTRED, drop=True).sel(correlation=slice(*PLATEAU)).mean("correlation"),
            plateau.mean("correlation"),
        ),
    ]
    return rows + (_child_comparisons(gain) if dataset.attrs["scale"] == "paper" else [])


def _child_comparisons(gain):
    return like_earlier_run(
        [
            (f"{name}, b1 = {b:g}: relative gain", mean, EARLIER_CHILD_TRIALS, gain.sel(condition=name, correlation=b))
            for name, earlier in ((BOTH, EARLIER_CHILD), (BOTH_UNIFORM, EARLIER_UNIFORM))
            for b, mean in earlier.items()
        ]
    )


def claims_parent(dataset: xr.Dataset) -> list[Claim]:
    """The gain does not depend on the correlation of parents."""
    gain = dataset.gain.sel(condition=BOTH, drop=True)
    slope, error = _slope(gain)
    rows = [
        Claim(
            "push-pull improves retrieval at any correlation of the parents (smallest mean relative gain)",
            "paper",
            "at_least",
            0.0,
            float(gain.mean("repeat").min()),
        ),
        Claim(
            "slope of the relative gain against b2",
            "earlier run",
            "close",
            0.0,
            slope,
            2.0 * error,
            "two standard errors of the regression",
        ),
        Claim(
            "relative gain, mean over b2",
            "earlier run",
            "between",
            (0.13, 0.27),
            float(gain.mean()),
        ),
        as_good_as(
            "a centred cue without feedback gains as much as push-pull (relative gain, mean over b2)",
            dataset.gain.sel(condition=CENTRED, drop=True).mean("correlation"),
            gain.mean("correlation"),
        ),
    ]
    return rows + (_parent_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _slope(gain):
    """Slope of the regression of all trials on the correlation, and its standard error."""
    b, values = (x.to_numpy().ravel() for x in xr.broadcast(gain.correlation, gain))
    centred = b - b.mean()
    slope = centred @ values / (centred @ centred)
    residual = values - values.mean() - slope * centred
    return float(slope), float(np.sqrt(residual @ residual / (b.size - 2) / (centred @ centred)))


def _parent_comparisons(dataset):
    rows = [
        (f"b2 = {b:g}: relative gain", mean, EARLIER_PARENT_TRIALS, dataset.gain.sel(condition=BOTH, correlation=b))
        for b, mean in EARLIER_PARENT.items()
    ]
    for b, means in EARLIER_PARENT_OVERLAP.items():
        for name, mean in zip((NONE, BOTH), means, strict=True):
            values = dataset.overlap.sel(condition=name, correlation=b)
            rows.append((f"{name}, b2 = {b:g}: final overlap", mean, EARLIER_PARENT_TRIALS, values))
    return like_earlier_run(rows)


CHILD = Experiment(
    "child_correlation", "gain against the correlation of children", compute_child, plot_child, claims_child
)
PARENT = Experiment(
    "parent_correlation", "gain against the correlation of parents", compute_parent, plot_parent, claims_parent
)
