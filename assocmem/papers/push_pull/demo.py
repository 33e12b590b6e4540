"""One recall over time: what push and pull do to overlaps and activity, with controls."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import as_good_as, beyond_chance, like_earlier_run, no_difference
from assocmem.papers.push_pull.network import (
    BOTH,
    BOTH_CENTRED,
    BOTH_UNIFORM,
    CENTRED,
    COLOURS,
    CONDITIONS,
    NONE,
    PULL,
    PUSH,
    UNIFORM,
    Setting,
    recall,
    step_size,
)
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.windows import plot_mean_course, plot_windows

PAPER_SETTING = Setting(
    n_units=2000,
    branching=(2, 4, 25),
    intra=0.2,
    inter=0.1,
    onset=5.0,
    push=(10.0, 15.0),
    pull=(15.0, 20.0),
    end=35.0,
    parent_cue=0.0,
)
SETTINGS = {"quick": replace(PAPER_SETTING, n_units=1000, branching=(2, 4, 15)), "paper": PAPER_SETTING}
PUSH_END, PULL_END, AFTER, END = 15.0, 20.0, 25.0, 35.0
QUIET = {name: CONDITIONS[name] for name in (NONE, BOTH)}  # repeated without noise
INTERVAL = 0.5

# means of an earlier and independent implementation: (quantity, condition, time) -> value
EARLIER_TRIALS, EARLIER_CENTRED_TRIALS = 8, 4
EARLIER = {
    ("overlap", NONE): {10.0: 0.595, PULL_END: 0.604, END: 0.607},
    ("overlap", BOTH): {PUSH_END: 0.506, PULL_END: 0.731, AFTER: 0.749, END: 0.728},
    ("overlap", PUSH): {PULL_END: 0.546, AFTER: 0.568, END: 0.595},
    ("overlap", PULL): {PULL_END: 0.695, AFTER: 0.716, END: 0.711},
    ("overlap", BOTH_UNIFORM): {PULL_END: 0.735, AFTER: 0.756},
    ("overlap", UNIFORM): {PULL_END: 0.728, AFTER: 0.772},
    ("overlap", CENTRED): {END: 0.72},
    ("gain", BOTH): {PULL_END: 0.126, AFTER: 0.145},
    ("activity", NONE): {PULL_END: 0.668, END: 0.666},
    ("activity", BOTH): {PUSH_END: 0.688, PULL_END: 0.509, AFTER: 0.563, END: 0.620},
}


def compute(run: Run) -> xr.Dataset:
    """Overlaps and activity over time under every condition, and some of it without noise."""
    setting = SETTINGS[run.scale]
    trials = run.map(partial(_trial, setting, run), range(run.pick(16, 10)), label="trials")
    return xr.concat(trials, "repeat").assign_attrs(
        n_units=setting.n_units,
        branching=setting.branching,
        push=setting.push,
        pull=setting.pull,
        intra=setting.intra,
        inter=setting.inter,
        dt=step_size(run),
    )


def _trial(setting, run, number):
    seed = run.seed_for(f"push_pull/demo/{number}")
    hierarchy = setting.network(seed)
    cues = setting.cue(hierarchy, seed)[None]
    options = {"dt": step_size(run), "interval": INTERVAL}
    dataset = recall(setting, hierarchy, cues, CONDITIONS, noise_seed=seed, **options)
    quiet = recall(setting, hierarchy, cues, QUIET, **options).rename(condition="quiet_condition")
    return dataset.assign(quiet_overlap=quiet.overlap).isel(cue=0)


def plot(dataset: xr.Dataset) -> Figure:
    """Overlaps of both layers, activity and closeness to the class over time, controls, and gains."""
    windows = [(name, *dataset.attrs[name]) for name in ("push", "pull")]
    margin = (dataset.siblings - dataset.others).assign_attrs(units="1")
    published, controls = (NONE, PUSH, PULL, BOTH), (NONE, BOTH, UNIFORM, BOTH_UNIFORM, CENTRED, BOTH_CENTRED)
    with style():
        figure, axes = make_figure(2, 3, height=115)
        for ax, values, names, label, symbol in (
            (axes[0], dataset.overlap, published, "overlap, layer 1", "$m^1$"),
            (axes[1], dataset.activity, published, "mean rate, layer 1", r"$\langle x^1 \rangle$"),
            (axes[2], margin, published, "overlap: siblings minus others", ""),
            (axes[3], dataset.overlap, controls, "overlap, layer 1", "$m^1$"),
            (axes[4], dataset.parent, (NONE, BOTH, CENTRED), "overlap, layer 2", "$m^2$"),
        ):
            for name in names:
                options = {"name": label, "symbol": symbol, "colour": COLOURS[name], "label": name}
                plot_mean_course(values.sel(condition=name, drop=True), ax, **options)
            ax.set_ylim(top=ax.get_ylim()[1] + 0.1 * np.ptp(ax.get_ylim()))  # room for the names of the windows
            plot_windows(windows, ax)
        axes[0].legend(loc="lower right")
        axes[0].set_title("as published")
        axes[3].set_title("controls, colours as in f")
        _plot_gains(dataset, axes[5])
        label_panels(axes)
    return figure


def _plot_gains(dataset, ax):
    """Final overlap minus that without feedback: each trial, and the mean."""
    final = dataset.overlap.isel(time=-1)
    names = [name for name in CONDITIONS if name != NONE]
    for row, name in enumerate(names):
        gain = (final.sel(condition=name) - final.sel(condition=NONE)).to_numpy()
        ax.plot(gain, np.full(gain.size, row), "o", color=COLOURS[name], markersize=2.5, alpha=0.5, markeredgewidth=0)
        ax.plot(gain.mean(), row, "|", color=COLOURS[name], markersize=10, markeredgewidth=1.5)
    ax.axvline(0.0, color="black", linewidth=0.7)
    ax.set_yticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
    ax.set(ylim=(len(names) - 0.5, -0.5), xlabel=f"gain of the final overlap ($t = {END:g}$)")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Retrieval from rough to fine, the course of the activity, and what controls achieve."""
    at = {time: dataset.sel(time=time) for time in (PUSH_END, PULL_END, AFTER, END)}

    def gain(time, name=BOTH, reference=NONE, quantity="overlap"):
        values = at[time][quantity]
        return values.sel(condition=name, drop=True) - values.sel(condition=reference, drop=True)

    rough = gain(PUSH_END, quantity="siblings") - gain(PUSH_END, quantity="others")
    fine = gain(PULL_END) - gain(PULL_END, quantity="siblings")
    rows = [
        beyond_chance(
            "overlap with the target at the end of the pull: push-pull minus no feedback", "paper", gain(20.0)
        ),
        beyond_chance("the gain lasts: push-pull minus no feedback 15 after the feedback", "paper", gain(END)),
        beyond_chance(
            "push is rough: it raises the overlap with siblings minus that with other children", "paper", rough
        ),
        beyond_chance("pull is fine: it raises the overlap with the target minus that with siblings", "paper", fine),
        beyond_chance(
            "activity rises in the push: push-pull minus no feedback", "paper", gain(PUSH_END, quantity="activity")
        ),
        beyond_chance(
            "activity falls in the pull: no feedback minus push-pull", "paper", -gain(PULL_END, quantity="activity")
        ),
        beyond_chance(
            "the push itself lowers the overlap with the target: no feedback minus push",
            "earlier run",
            -gain(PUSH_END, PUSH),
        ),
        *_controls(dataset, at, gain),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _controls(dataset, at, gain):
    final = {name: at[END].overlap.sel(condition=name, drop=True) for name in CONDITIONS}
    after = {name: at[AFTER].overlap.sel(condition=name, drop=True) for name in CONDITIONS}
    quiet = dataset.quiet_overlap.sel(time=END).rename(quiet_condition="condition")
    noise = final[BOTH] - quiet.sel(condition=BOTH, drop=True)
    tolerance = 2.0 * float(final[BOTH].std(ddof=1)) / np.sqrt(final[BOTH].size)
    return [
        as_good_as(
            "after a push, the same pull on all units retrieves as well as the pull unit by unit (5 after it)",
            after[BOTH_UNIFORM],
            after[BOTH],
        ),
        as_good_as(
            "the same pull on all units without any push retrieves as well as push-pull (5 after it)",
            after[UNIFORM],
            after[BOTH],
        ),
        as_good_as(
            "a centred cue without feedback retrieves as well as push-pull (at the end)", final[CENTRED], final[BOTH]
        ),
        no_difference(
            "push-pull adds nothing to a centred cue (gain at the end)", "control", gain(END, BOTH_CENTRED, CENTRED)
        ),
        Claim(
            "the noise of the units makes no difference to the final overlap under push-pull",
            "control",
            "close",
            0.0,
            float(noise.mean()),
            tolerance,
            "two standard errors of the mean over trials",
        ),
    ]


def _comparisons(dataset):
    """Every number of the earlier run."""
    words = {
        "overlap": "overlap of layer 1",
        "gain": "overlap of layer 1 minus that without feedback",
        "activity": "mean rate of layer 1",
    }
    dataset = dataset.assign(gain=dataset.overlap - dataset.overlap.sel(condition=NONE, drop=True))
    return like_earlier_run(
        [
            (
                f"{condition}: {words[quantity]} at t = {time:g}",
                value,
                EARLIER_CENTRED_TRIALS if condition == CENTRED else EARLIER_TRIALS,
                dataset[quantity].sel(condition=condition, time=time),
            )
            for (quantity, condition), values in EARLIER.items()
            for time, value in values.items()
        ]
    )


EXPERIMENT = Experiment("demo", "push and pull during one recall", compute, plot, claims)
