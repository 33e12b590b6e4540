"""When the pull must come: its window moved, with and without a push before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import beyond_chance, like_earlier_run, standard_error
from assocmem.papers.push_pull.network import (
    BOTH,
    COLOURS,
    CONDITIONS,
    NONE,
    PULL,
    Setting,
    improvement,
    step_size,
    trial,
)
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.windows import plot_windows

SETTING = Setting(intra=0.15, inter=0.1)
# of the start of the pull after that of the push, which is at 5
DELAYS = {"quick": (-5, -3, 0, 2, 5, 7, 10, 14), "paper": tuple(range(-5, 15))}
N_TRIALS = {"quick": 8, "paper": 50}
SHOWN = (BOTH, PULL)
LABELS = {BOTH: "push-pull", PULL: "pull without push"}
BEFORE, AFTER = (-5, 0), (5, 10)  # pull that ends before the push or acts with it, and pull that follows the push

# relative gain of push-pull in an earlier and independent implementation
EARLIER_TRIALS = 10
EARLIER = {-5: 0.156, -3: 0.169, -1: 0.201, 0: 0.209, 1: 0.222, 3: 0.239, 5: 0.256, 7: 0.266, 10: 0.254, 14: 0.236}


def compute(run: Run) -> xr.Dataset:
    """Final overlap for each time of the pull, in the same networks."""
    delays = DELAYS[run.scale]
    usual = SETTING.pull[0] - SETTING.push[0]
    conditions = {NONE: CONDITIONS[NONE]} | {
        f"{name}/{delay}": replace(CONDITIONS[name], delay=delay - usual) for name in SHOWN for delay in delays
    }

    def one(number):
        dataset = trial(SETTING, conditions, run, f"timing/{number}").isel(cue=0)
        gain = improvement(dataset.overlap)
        parts = [gain.sel(condition=[f"{name}/{delay}" for delay in delays]).to_numpy() for name in SHOWN]
        return xr.DataArray(parts, dims=("condition", "delay"), attrs=gain.attrs)

    gain = xr.concat(run.map(one, range(N_TRIALS[run.scale]), label="timing"), "repeat")
    gain = gain.assign_coords(condition=list(SHOWN), delay=("delay", list(delays), {"units": "1"}))
    return gain.to_dataset(name="gain").assign_attrs(dt=step_size(run), push=SETTING.push)


def plot(dataset: xr.Dataset) -> Figure:
    """Gain against the delay, and what the push contributes to it."""
    length = float(np.diff(dataset.attrs["push"])[0])
    with style():
        figure, axes = make_figure(1, 2, height=65)
        for name in SHOWN:
            _errorbar(dataset.gain.sel(condition=name), axes[0], color=COLOURS[name], label=LABELS[name])
        axes[0].plot(list(EARLIER), list(EARLIER.values()), "x", color=COLOURS[BOTH], markersize=5, label="earlier run")
        axes[0].set(ylabel="relative gain of the final $m^1$")
        axes[0].set_title(f"{dataset.sizes['repeat']} trials")
        difference = dataset.gain.sel(condition=BOTH) - dataset.gain.sel(condition=PULL)
        _errorbar(difference, axes[1], color=COLOURS[BOTH], label="")
        axes[1].axhline(0.0, color="black", linewidth=0.7)
        axes[1].set(ylabel="push-pull minus pull without push")
        axes[0].set_ylim(bottom=0.0)
        axes[0].legend(loc="lower right")
        for ax in axes:
            ax.set_xlabel("start of the pull after the start of the push")
            ax.set_xticks(range(-5, 15, 5))
            ax.set_xlim(float(dataset.delay.min()) - 0.7, float(dataset.delay.max()) + 0.7)
            plot_windows([("push", 0.0, length)], ax)
        label_panels(axes)
    return figure


def _errorbar(values, ax, *, color, label):
    ax.errorbar(
        values.delay,
        values.mean("repeat"),
        standard_error(values),
        color=color,
        label=label or None,
        marker="o",
        markersize=2.5,
        capsize=1.5,
        elinewidth=0.7,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The pull is best after the push; whether that is because of the push."""
    gain = dataset.gain
    mean = gain.sel(condition=BOTH).mean("repeat")
    best = float(dataset.delay[int(mean.argmax("delay"))])
    early, late = (gain.sel(delay=slice(*range_)).mean("delay") for range_ in (BEFORE, AFTER))
    change = late - early
    last = gain.sel(delay=14)
    rows = [
        beyond_chance(
            f"pull after the push ({AFTER[0]} to {AFTER[1]} later) gains more than pull before or with it"
            f" ({BEFORE[0]} to {BEFORE[1]})",
            "paper",
            change.sel(condition=BOTH, drop=True),
        ),
        Claim("delay of the pull with the largest mean gain", "earlier run", "between", (5.0, 10.0), best),
        Claim(
            "inverted U: the mean gain with the pull 5 to 10 later is above that with the latest pull",
            "earlier run",
            "at_least",
            0.0,
            float((late - last).sel(condition=BOTH).mean()),
        ),
        beyond_chance(
            "without any push, too, a pull at these later times gains more than at the earlier ones",
            "control",
            change.sel(condition=PULL, drop=True),
        ),
    ]
    if dataset.attrs["scale"] == "quick":
        return rows
    added = beyond_chance(
        "a push before adds to that: the advantage of a late pull is larger with than without a push",
        "control",
        change.sel(condition=BOTH, drop=True) - change.sel(condition=PULL, drop=True),
    )
    return [*rows, added, *_comparisons(gain)]


def _comparisons(gain):
    return like_earlier_run(
        [
            (f"relative gain with the pull {delay} after the start of the push", mean, EARLIER_TRIALS, values)
            for delay, mean in EARLIER.items()
            for values in [gain.sel(condition=BOTH, delay=delay)]
        ]
    )


EXPERIMENT = Experiment("timing", "gain against the time of the pull", compute, plot, claims)
