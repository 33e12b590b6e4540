"""What in the pull matters: its strength, whether it tells units apart, and the mean of the cue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import as_good_as, beyond_chance, standard_error
from assocmem.papers.push_pull.network import CENTRED, CONDITIONS, NONE, Condition, Setting, step_size, trial
from assocmem.plotting import label_panels, make_figure, style

SETTING = Setting()
CORRELATIONS = (0.15, 0.3)  # of children with parents
STRENGTHS = {"quick": (0.0, 0.5, 1.5, 3.0), "paper": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)}
N_TRIALS = {"quick": 6, "paper": 16}
UNIT, UNIFORM = "unit by unit", "uniform"
UNIT_CENTRED, UNIFORM_CENTRED = "unit by unit, centred cue", "uniform, centred cue"
KINDS = {
    UNIT: Condition(has_push=True, inhibition="unit"),
    UNIFORM: Condition(has_push=True, inhibition="uniform"),
    UNIT_CENTRED: Condition(has_push=True, inhibition="unit", is_centred=True),
    UNIFORM_CENTRED: Condition(has_push=True, inhibition="uniform", is_centred=True),
}
COLOURS = dict(zip(KINDS, ("#D55E00", "#009E73", "#7A4E9E", "#56B4E9"), strict=True))


def compute(run: Run) -> xr.Dataset:
    """Final overlap after push and pull against the strength of the pull, for each kind, and without feedback."""
    strengths, n = STRENGTHS[run.scale], N_TRIALS[run.scale]
    items = [(b1, number) for b1 in CORRELATIONS for number in range(n)]

    def one(item):
        b1, number = item
        setting = replace(SETTING, correlations=(SETTING.correlations[0], b1))
        usual = setting.pull_strength * b1
        conditions = {name: CONDITIONS[name] for name in (NONE, CENTRED)} | {
            f"{kind}/{strength}": replace(condition, pull_factor=strength / usual)
            for kind, condition in KINDS.items()
            for strength in strengths
        }
        overlap = trial(setting, conditions, run, f"controls/{b1:g}/{number}").overlap.isel(cue=0)
        rows = [overlap.sel(condition=[f"{kind}/{strength}" for strength in strengths]).to_numpy() for kind in KINDS]
        return xr.Dataset(
            {
                "overlap": (("kind", "pull_strength"), rows, {"units": "1"}),
                "without": ("reference", overlap.sel(condition=[NONE, CENTRED]).to_numpy(), {"units": "1"}),
            }
        )

    parts = run.map(one, items, label="controls")
    rows = [xr.concat(parts[k : k + n], "repeat") for k in range(0, len(parts), n)]
    coords = {"kind": list(KINDS), "reference": [NONE, CENTRED], "correlation": list(CORRELATIONS)}
    dataset = xr.concat(rows, "correlation").assign_coords(coords | {"pull_strength": list(strengths)})
    return dataset.assign_attrs(dt=step_size(run))


def plot(dataset: xr.Dataset) -> Figure:
    """Final overlap against the strength of the pull, at two correlations."""
    with style():
        figure, axes = make_figure(1, 2, height=72)
        for ax, b1 in zip(axes, CORRELATIONS, strict=True):
            chosen = dataset.sel(correlation=b1)
            for kind in KINDS:
                values = chosen.overlap.sel(kind=kind)
                options = {"color": COLOURS[kind], "marker": "o", "markersize": 2.5, "capsize": 1.5, "elinewidth": 0.7}
                ax.errorbar(values.pull_strength, values.mean("repeat"), standard_error(values), label=kind, **options)
            for name, colour in ((NONE, "#0072B2"), (CENTRED, "#CC79A7")):
                level = float(chosen.without.sel(reference=name).mean())
                ax.axhline(level, color=colour, linestyle="--", linewidth=0.9, label=name)
            ax.axvline(SETTING.pull_strength * b1, color="black", linestyle=":", linewidth=0.8, label="published pull")
            ax.set(xlabel="strength of the pull", ylabel="final overlap $m^1$")
            ax.set_ylim(min(0.0, ax.get_ylim()[0]), 1.0)
            ax.set_title(f"$b_1$ = {b1:g}")
        axes[1].legend(loc="lower left")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The best of each kind of pull against the best of the others and against a centred cue."""
    rows = []
    for b1 in CORRELATIONS:
        chosen = dataset.sel(correlation=b1, drop=True)
        best = {kind: _best(chosen.overlap.sel(kind=kind, drop=True)) for kind in KINDS}
        plain, centred = (chosen.without.sel(reference=name, drop=True) for name in (NONE, CENTRED))
        where = f"b1 = {b1:g}, final overlap"
        rows += [
            beyond_chance(f"pull of the best strength minus no feedback ({where})", "paper", best[UNIT] - plain),
            as_good_as(
                f"the best uniform pull is as good as the best pull unit by unit ({where})", best[UNIFORM], best[UNIT]
            ),
            as_good_as(
                f"a centred cue without feedback is as good as the best pull unit by unit ({where})",
                centred,
                best[UNIT],
            ),
            as_good_as(
                f"to a centred cue the best pull unit by unit adds nothing ({where})", centred, best[UNIT_CENTRED]
            ),
        ]
    return rows


def _best(overlap):
    """Values (repeat,) at the strength of the largest mean."""
    return overlap.isel(pull_strength=int(np.argmax(overlap.mean("repeat").to_numpy())), drop=True)


EXPERIMENT = Experiment("controls", "what in the pull matters", compute, plot, claims)
