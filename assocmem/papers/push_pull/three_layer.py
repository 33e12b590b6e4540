"""Three layers with push and pull between each pair, and two layers against strong intra-class noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assocmem.hierarchy import hierarchical_patterns, noisy_cue
from assocmem.models.push_pull import PushPull
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import as_good_as, beyond_chance, standard_error
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.windows import plot_mean_course, plot_windows
from assocmem.simulate import simulate

N_UNITS, BRANCHING, CORRELATIONS = 1000, (2, 4, 25), (0.2, 0.2)
NOISE = 0.15  # intra-class and inter-class
DURATION = 30.0
TOP_PUSH, TOP_PULL = (1.0, 6.0), (6.0, 11.0)  # windows that the third layer opens
PUSH, PULL = (9.0, 14.0), (14.0, 19.0)  # windows that the second layer opens
STRENGTHS = (0.5, 1.0, 1.5, 2.0)  # of the push onto layer 1


@dataclass(frozen=True)
class Condition:
    """Layers that take part in the feedback (1: none), kind of inhibition, and whether the cue is centred."""

    n_layers: int
    inhibition: str = "unit"
    is_centred: bool = False


ONE, TWO, THREE = "one layer", "two layers", "three layers"
UNIFORM, CENTRED = "three layers, uniform pull", "one layer, centred cue"
CONDITIONS = {
    ONE: Condition(1),
    TWO: Condition(2),
    THREE: Condition(3),
    CENTRED: Condition(1, is_centred=True),
    UNIFORM: Condition(3, inhibition="uniform"),
}
COLOURS = {ONE: "#0072B2", TWO: "#E69F00", THREE: "#D55E00", UNIFORM: "#009E73", CENTRED: "#CC79A7"}

# two layers, strong intra-class noise
BAR_UNITS, BAR_BRANCHING, BAR_CORRELATIONS = 2000, (2, 2, 30), (0.1, 0.1)
BAR_INTRA, BAR_INTER = 0.4, 0.1
BAR_DURATION = 25.0
BAR_PUSH, BAR_PULL = (5.0, 10.0), (10.0, 15.0)
BARS = {"push": (1, 0, "unit"), "pull": (0, 1, "unit"), "both": (1, 1, "unit"), "uniform pull": (0, 1, "uniform")}

# An earlier and independent implementation of the same equations, means over 4 networks.
EARLIER_NETWORKS = 4
EARLIER_FINAL = {
    (ONE, 0.5): 0.446,
    (TWO, 0.5): 0.621,
    (TWO, 1.0): 0.606,
    (TWO, 2.0): 0.567,
    (THREE, 0.5): 0.651,
    (THREE, 1.0): 0.652,
    (THREE, 2.0): 0.594,
}
EARLIER_PEAK = {TWO: 0.678, THREE: 0.710}  # at a push of 0.5
EARLIER_PARENT = {TWO: 0.35, THREE: 0.56}  # overlap of layer 2 at the end, at a push of 0.5


def compute(run: Run) -> xr.Dataset:
    """Overlaps and activities over time, each in several networks, and gains under strong intra-class noise."""
    networks = run.map(partial(_network, run), range(run.pick(4, 20)), label="three layers")
    pairs = run.map(partial(_bars, run), range(run.pick(4, 30)), label="two layers")
    dataset = xr.concat(networks, "repeat")
    gains = xr.concat(pairs, "network").assign_coords(feedback=list(BARS))
    return dataset.assign(gain=gains.assign_attrs(units="1")).assign_attrs(dt=_step(run), n_units=N_UNITS)


def _step(run):
    return run.pick(0.05, 0.01)


def _network(run, number):
    """Overlap (layer, condition, strength, time) and activity of layer 1 in one network."""
    seed = run.seed_for(f"three_layer/{number}")
    hierarchy = hierarchical_patterns(N_UNITS, BRANCHING, CORRELATIONS, seed=seed)
    cue = (noisy_cue(hierarchy, 0, intra=NOISE, inter=NOISE, seed=seed)[0] + 1.0) / 2.0
    parts = [_simulated(hierarchy, cue, inhibition, run) for inhibition in ("unit", "uniform")]
    return xr.concat(parts, "condition").reindex(condition=list(CONDITIONS))


def _simulated(hierarchy, cue, inhibition, run):
    """All conditions with one kind of inhibition; a push that has no effect is simulated at one strength only."""
    b2, b1 = CORRELATIONS
    model = PushPull(
        hierarchy,
        recurrent=(1.0, 2.0, 3.0),
        feedforward=(6.0, 6.0),
        push=(1.0, 2.0),
        pull=(5.0 * b1, 7.0 * b2),
        inhibition=inhibition,
    )
    names = [name for name, condition in CONDITIONS.items() if condition.inhibition == inhibition]
    rows = [(name, s) for name in names for s in (STRENGTHS if CONDITIONS[name].n_layers > 1 else STRENGTHS[:1])]
    result = simulate(
        model,
        np.zeros((len(rows), model.n_units)),
        duration=DURATION,
        dt=_step(run),
        method="euler",
        every=round(0.5 / _step(run)),
        stimulus=_schedule(model, cue, [CONDITIONS[name] for name, _ in rows], np.array([s for _, s in rows])),
        observables=model.readouts([0, 0, 0]),
        threads=1,
    )
    last_row = {name: [k for k, row in enumerate(rows) if row[0] == name] for name in names}
    chosen = [[last_row[name][min(k, len(last_row[name]) - 1)] for k in range(len(STRENGTHS))] for name in names]
    pick = xr.DataArray(chosen, dims=("condition", "strength"), coords={"condition": names, "strength": [*STRENGTHS]})
    overlap = xr.concat([result[f"overlap_{k}"] for k in range(3)], xr.DataArray([1, 2, 3], dims="layer"))
    dataset = xr.Dataset({"overlap": overlap, "activity": result.activity_0}).isel(trajectory=pick)
    dataset = dataset.drop_vars("trajectory").drop_attrs()
    for values in (*dataset.data_vars.values(), dataset.time):
        values.attrs["units"] = "1"
    return dataset


def _schedule(model, cue, conditions, strengths):
    """Cue to layer 1 and briefly to layer 3; with three layers each pair has the windows of both."""
    cues = np.array([cue - cue.mean() if condition.is_centred else cue for condition in conditions])
    two = np.array([float(condition.n_layers >= 2) for condition in conditions])
    three = np.array([float(condition.n_layers == 3) for condition in conditions])
    return model.schedule(
        [(0, 0.0, np.inf, cues), (2, 0.0, 3.0, 0.1 * cue)],
        push=[(0, *TOP_PUSH, strengths * three), (0, *PUSH, strengths * two), (1, *TOP_PUSH, three), (1, *PUSH, three)],
        pull=[(0, *TOP_PULL, three), (0, *PULL, two), (1, *TOP_PULL, three), (1, *PULL, three)],
    )


def _bars(run, number):
    """Relative gain of the final overlap (feedback,) in one network under strong intra-class noise."""
    seed = run.seed_for(f"three_layer/bars/{number}")
    hierarchy = hierarchical_patterns(BAR_UNITS, BAR_BRANCHING, BAR_CORRELATIONS, seed=seed).lowest(2)
    cue = (noisy_cue(hierarchy, 0, intra=BAR_INTRA, inter=BAR_INTER, seed=seed)[0] + 1.0) / 2.0
    finals = {}
    for inhibition in ("unit", "uniform"):
        model = PushPull(
            hierarchy, feedforward=(6.0,), push=(1.0,), pull=(10.0 * BAR_CORRELATIONS[1],), inhibition=inhibition
        )
        gates = {name: (push, pull) for name, (push, pull, kind) in BARS.items() if kind == inhibition}
        if inhibition == "unit":
            gates["none"] = (0, 0)
        push, pull = np.array(list(gates.values()), dtype=float).T
        result = simulate(
            model,
            np.zeros((len(gates), model.n_units)),
            duration=BAR_DURATION,
            dt=_step(run),
            method="euler",
            every=None,
            stimulus=model.schedule(
                [(0, 0.0, np.inf, cue), (1, 0.0, np.inf, 0.1 * cue)],
                push=[(0, *BAR_PUSH, push)],
                pull=[(0, *BAR_PULL, pull)],
            ),
            observables=model.readouts([0, None]),
            threads=1,
        )
        finals |= dict(zip(gates, result.overlap_0.values[:, -1], strict=True))
    return xr.DataArray([finals[name] / finals["none"] - 1.0 for name in BARS], dims="feedback")


def plot(dataset: xr.Dataset) -> Figure:
    """Time courses at a push of 0.5, final overlap against the push, and gains under strong intra-class noise."""
    with style():
        figure, axes = make_figure(2, 3, height=110)
        windows = [("push", *TOP_PUSH), ("pull", *TOP_PULL), ("push", *PUSH), ("pull", *PULL)]
        weak = dataset.sel(strength=STRENGTHS[0])
        for name in CONDITIONS:
            options = {"colour": COLOURS[name], "label": name}
            chosen = weak.sel(condition=name)
            plot_mean_course(chosen.overlap.sel(layer=1), axes[0], name="overlap, layer 1", symbol="$m^1$", **options)
            plot_mean_course(
                chosen.activity, axes[2], name="mean rate, layer 1", symbol=r"$\langle x^1 \rangle$", **options
            )
        for name in (TWO, THREE):
            for layer, line in ((2, "-"), (3, "--")):
                chosen = weak.overlap.sel(condition=name, layer=layer)
                options = {"colour": COLOURS[name], "label": f"{name}, $m^{layer}$", "linestyle": line}
                plot_mean_course(chosen, axes[1], name="overlap, layers 2 and 3", **options)
        axes[1].legend(loc="lower right")
        for ax in axes[:3]:
            ax.set_ylim(top=ax.get_ylim()[1] + 0.12 * np.ptp(ax.get_ylim()))  # room for the names of the windows
            plot_windows(windows, ax)
        _plot_final(dataset, axes[3])
        _plot_gains(dataset, axes[4])
        axes[5].set_axis_off()
        handles = [*axes[0].get_lines(), Line2D([], [], color="black", linestyle="", marker="x", label="earlier run")]
        axes[5].legend(handles=handles, loc="upper left", title="a, c and d (push of 0.5 in a to c)")
        label_panels(axes[:5])
    return figure


def _plot_final(dataset, ax):
    final = dataset.overlap.sel(layer=1).isel(time=-1)
    for name in CONDITIONS:
        chosen = final.sel(condition=name)
        error = standard_error(chosen)
        ax.errorbar(dataset.strength, chosen.mean("repeat"), error, marker="o", capsize=2, color=COLOURS[name])
    for (name, strength), value in EARLIER_FINAL.items():
        ax.plot(strength, value, "x", color=COLOURS[name], markersize=5)
    ax.set(xlabel="strength of the push", ylabel=f"final overlap $m^1$ ($t = {DURATION:g}$)", xticks=STRENGTHS)


def _plot_gains(dataset, ax):
    mean = dataset.gain.mean("network")
    error = standard_error(dataset.gain, "network")
    ax.bar(np.arange(len(BARS)), mean, yerr=error, capsize=2, color=["#E69F00", "#56B4E9", "#D55E00", "#009E73"])
    ax.set_xticks(np.arange(len(BARS)), [name.replace(" ", "\n") for name in BARS])
    ax.axhline(0.0, color="black", linewidth=0.7)
    ax.set_ylabel("relative gain of the final $m^1$")
    ax.set_title(rf"two layers, intra-class noise $\lambda_1 = {BAR_INTRA:g}$")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """More layers with feedback retrieve better; controls; the numbers of the earlier run at paper scale."""
    final = dataset.overlap.sel(layer=1).isel(time=-1)
    weak, strong = final.sel(strength=[0.5, 1.0]).mean("strength"), final.sel(strength=2.0)
    over_strengths = final.mean("strength")
    text = "a push of 0.5 to 1 is better than one of 2: difference of the final overlap, three layers"
    rows = [
        _exceeds("two layers retrieve better than one", final, TWO, ONE),
        _exceeds("three layers retrieve better than two", final, THREE, TWO),
        beyond_chance(text, "earlier run", (weak - strong).sel(condition=THREE)),
        *(
            as_good_as(
                f"{means}: mean final overlap", over_strengths.sel(condition=name), over_strengths.sel(condition=THREE)
            )
            for name, means in (
                (UNIFORM, "three layers: pulling all units alike is as good as the pull unit by unit"),
                (CENTRED, "a centred cue without any feedback is as good as three layers with feedback"),
            )
        ),
        *_gain_claims(dataset.gain.rename(network="repeat")),
    ]
    return rows + (_comparisons(dataset, final) if dataset.attrs["scale"] == "paper" else [])


def _exceeds(statement, final, better, worse):
    """At the strength of the push where the difference is least."""
    difference = final.sel(condition=better) - final.sel(condition=worse)
    difference = difference.isel(strength=int(difference.mean("repeat").argmin("strength")))
    return beyond_chance(f"{statement}: least difference of the final overlap over strengths", "paper", difference)


def _gain_claims(gain):
    where = f"two layers, intra-class noise {BAR_INTRA:g}"
    pull, push, both, uniform = (gain.sel(feedback=name) for name in ("pull", "push", "both", "uniform pull"))
    return [
        beyond_chance(f"{where}: relative gain by pull minus that by push", "paper", pull - push),
        beyond_chance(f"{where}: relative gain by both minus that by pull", "paper", both - pull),
        as_good_as(f"{where}: pulling all units alike, without push, gains as much as both", uniform, both),
    ]


def _comparisons(dataset, final):
    """Every number of the earlier run."""
    courses = dataset.overlap.sel(strength=0.5)
    rows = [
        _close(
            f"{name}, push {strength:g}: final overlap of layer 1", value, final.sel(condition=name, strength=strength)
        )
        for (name, strength), value in EARLIER_FINAL.items()
    ]
    for name, value in EARLIER_PEAK.items():
        course = courses.sel(layer=1, condition=name)
        at_peak = course.isel(time=int(course.mean("repeat").argmax("time")))
        rows.append(_close(f"{name}, push 0.5: peak over time of the mean overlap of layer 1", value, at_peak))
    for name, value in EARLIER_PARENT.items():
        text = f"{name}, push 0.5: final overlap of layer 2 with the parent"
        rows.append(_close(text, value, courses.sel(layer=2, condition=name).isel(time=-1)))
    return rows


def _close(statement, theirs, values):
    n = values.sizes["repeat"]
    tolerance = 2.0 * float(values.std("repeat", ddof=1)) * np.sqrt(1.0 / EARLIER_NETWORKS + 1.0 / n)
    reason = f"two standard errors of the difference, {EARLIER_NETWORKS} and {n} networks with our spread"
    return Claim(statement, "earlier run", "close", theirs, float(values.mean()), tolerance, reason)


EXPERIMENT = Experiment("three_layer", "push and pull among three layers", compute, plot, claims)
