"""Gain by feedback against the intra-class and the inter-class noise of the cue."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import as_good_as, beyond_chance, like_earlier_run, standard_error
from assocmem.papers.push_pull.network import (
    BOTH,
    BOTH_UNIFORM,
    CENTRED,
    COLOURS,
    CONDITIONS,
    NONE,
    PULL,
    PUSH,
    Setting,
    improvement,
    step_size,
    trial,
)
from assocmem.plotting import label_panels, make_figure, style

SETTING = Setting()
LEVELS = {"quick": (0.0, 0.08, 0.16, 0.24, 0.32, 0.4), "paper": tuple(np.round(np.arange(11) * 0.04, 2).tolist())}
N_TRIALS = {"quick": 8, "paper": 50}
SHOWN = (NONE, PUSH, PULL, BOTH, BOTH_UNIFORM, CENTRED)
WORDS = {"intra": "intra-class noise", "inter": "inter-class noise"}
SYMBOLS = {"intra": r"$\lambda_1$", "inter": r"$\lambda_2$"}

# means of an earlier and independent implementation: final overlap without feedback, relative gain with it
EARLIER_TRIALS = 10
EARLIER_LEVELS = (0.0, 0.08, 0.16, 0.24, 0.32, 0.4)
EARLIER = {
    "intra": {
        NONE: (0.736, 0.676, 0.619, 0.562, 0.510, 0.451),
        PULL: (0.195, 0.213, 0.220, 0.243, 0.212, 0.210),
        BOTH: (0.216, 0.245, 0.262, 0.284, 0.271, 0.256),
    },
    "inter": {
        NONE: (0.740, 0.679, 0.614, 0.558, 0.497, 0.437),
        PULL: (0.187, 0.203, 0.214, 0.212, 0.214, 0.198),
        BOTH: (0.217, 0.240, 0.259, 0.247, 0.249, 0.238),
    },
}


def compute(kind: str, run: Run) -> xr.Dataset:
    """Final state under each condition against one kind of noise; the cues of one trial share a network."""
    levels = LEVELS[run.scale]
    cue_settings = [replace(SETTING, **{kind: level}) for level in levels]
    conditions = {name: CONDITIONS[name] for name in SHOWN}

    def one(number):
        return trial(SETTING, conditions, run, f"cue_noise/{kind}/{number}", cue_settings=cue_settings)

    dataset = xr.concat(run.map(one, range(N_TRIALS[run.scale]), label=WORDS[kind]), "repeat")
    dataset = dataset.rename(cue="level").assign_coords(
        level=("level", list(levels), {"units": "1", "long_name": WORDS[kind]})
    )
    return dataset.assign(gain=improvement(dataset.overlap)).assign_attrs(kind=kind, dt=step_size(run))


def plot(dataset: xr.Dataset) -> Figure:
    """Final overlaps, relative gains, and gain of push-pull beyond that of pull and of the control."""
    kind = dataset.attrs["kind"]
    with style():
        figure, axes = make_figure(1, 3, height=68)
        for name in SHOWN:
            options = {"color": COLOURS[name], "label": name, "capsize": 1.5, "marker": "o", "markersize": 2.5}
            _errorbar(dataset.overlap.sel(condition=name), axes[0], **options)
            if name != NONE:
                _errorbar(dataset.gain.sel(condition=name), axes[1], **options)
        for ax, names in ((axes[0], (NONE,)), (axes[1], (PULL, BOTH))):
            for name in names:
                ax.plot(EARLIER_LEVELS, EARLIER[kind][name], "x", color=COLOURS[name], markersize=5)
        axes[0].plot([], [], "x", color="black", label="earlier run")
        both = dataset.gain.sel(condition=BOTH)
        for name in (PULL, BOTH_UNIFORM):
            difference = both - dataset.gain.sel(condition=name)
            _errorbar(difference, axes[2], color=COLOURS[name], label=f"minus {name}", marker="o", capsize=1.5)
        axes[0].set(ylabel="final overlap $m^1$")
        axes[0].set_ylim(bottom=0.0)
        axes[1].set(ylabel="relative gain of $m^1$")
        axes[1].axhline(0.0, color="black", linewidth=0.7)
        axes[2].set(ylabel="relative gain of push-pull ...")
        axes[2].axhline(0.0, color="black", linewidth=0.7)
        axes[2].set_ylim(top=axes[2].get_ylim()[1] + 0.25 * np.ptp(axes[2].get_ylim()))
        for ax in axes:
            ax.set_xlabel(f"{WORDS[kind]} {SYMBOLS[kind]}")
        axes[0].legend(loc="lower left")
        axes[2].legend(loc="upper left")
        axes[1].set_title(f"{dataset.sizes['repeat']} trials")
        label_panels(axes)
    return figure


def _errorbar(values, ax, **options):
    ax.errorbar(values.level, values.mean("repeat"), standard_error(values), elinewidth=0.7, **options)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Push-pull gains most, at any noise; controls; the numbers of the earlier run."""
    gain, words = dataset.gain, WORDS[dataset.attrs["kind"]]
    over_levels = gain.mean("level")
    both, pull, push = (over_levels.sel(condition=name, drop=True) for name in (BOTH, PULL, PUSH))
    rows = [
        Claim(
            f"push-pull improves retrieval at any {words} (smallest mean relative gain)",
            "paper",
            "at_least",
            0.0,
            float(gain.sel(condition=BOTH).mean("repeat").min()),
        ),
        beyond_chance("relative gain, mean over noise levels: push-pull minus pull", "paper", both - pull),
        beyond_chance("relative gain, mean over noise levels: pull minus push", "paper", pull - push),
        Claim(
            "relative gain by push alone, mean over noise levels",
            "earlier run",
            "between",
            (-0.016, 0.02),
            float(push.mean()),
            2.0 * float(standard_error(push)),
            "two standard errors",
        ),
        as_good_as(
            "after a push, the same pull on all units gains as much as the pull unit by unit (mean over noise levels)",
            over_levels.sel(condition=BOTH_UNIFORM, drop=True),
            both,
        ),
        as_good_as(
            "a centred cue without feedback gains as much as push-pull (mean over noise levels)",
            over_levels.sel(condition=CENTRED, drop=True),
            both,
        ),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset):
    kind, rows = dataset.attrs["kind"], []
    for name, means in EARLIER[kind].items():
        quantity = dataset.overlap if name == NONE else dataset.gain
        text = "final overlap" if name == NONE else "relative gain"
        for level, mean in zip(EARLIER_LEVELS, means, strict=True):
            values = quantity.sel(condition=name, level=level)
            rows.append((f"{name}, {WORDS[kind]} {level:g}: {text}", mean, EARLIER_TRIALS, values))
    return like_earlier_run(rows)


INTRA = Experiment("intra_noise", "gain against intra-class noise", partial(compute, "intra"), plot, claims)
INTER = Experiment("inter_noise", "gain against inter-class noise", partial(compute, "inter"), plot, claims)
