"""The discrete network iterated: where a child stays, and what push and pull do one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import binom

from assocmem.analysis.interference import cancelling_pull, child_stability_threshold, majority_overlaps
from assocmem.hierarchy import Hierarchy, hierarchical_patterns, noisy_cue
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import beyond_chance, like_earlier_run, no_difference, standard_error
from assocmem.plotting import label_panels, make_figure, style
from assocmem.simulate import iterate

N_UNITS, BRANCHING, B2 = 2000, (2, 4, 25), 0.1
N_CHILDREN = BRANCHING[2]
TARGETS = tuple(N_CHILDREN * p + k for p in (0, 1, 2, 4, 5, 6) for k in (0, 11))  # each has relatives for the noise
N_NETWORKS = {"quick": 8, "paper": 12}

CORRELATIONS = {
    "quick": (0.1, 0.2, 0.25, 0.4, 0.6),
    "paper": (0.05, 0.1, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6),
}
STEPS = 30
NONE, HELD, INVERSE = "no feedback", "pull held", "pseudo-inverse"

B1, NOISE = 0.25, 0.1  # of the schedules; intra-class and inter-class noise
DURATION = 12
PUSH, PULL, BOTH = "push", "pull", "push, then pull"
PUSHES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COLOURS = {
    NONE: "#0072B2",
    PUSH: "#E69F00",
    PULL: "#56B4E9",
    BOTH: "#D55E00",
    HELD: "#009E73",
    INVERSE: "#CC79A7",
}

# networks of an earlier and independent implementation
EARLIER_FINAL = {0.1: 0.998, 0.2: 0.37, 0.4: 0.412, 0.5: 0.514, 0.6: 0.609}


@dataclass(frozen=True)
class Feedback:
    """Strengths of push and pull in one iteration after the other; none afterwards."""

    push: tuple[float, ...] = (0.0,)
    pull: tuple[float, ...] = (0.0,)


def network(b1: float, seed: int) -> Hierarchy:
    """Children, and the parents that they were drawn from."""
    return hierarchical_patterns(N_UNITS, BRANCHING, (B2, b1), parents="generative", seed=seed).lowest(2)


def schedules(b1: float) -> dict[str, Feedback]:
    """Push of strength 1 in the first iteration, and pull that cancels the mean of the siblings, alone or in turn."""
    pull = cancelling_pull(b1, N_CHILDREN)
    return {
        NONE: Feedback(),
        PUSH: Feedback(push=(1.0,)),
        PULL: Feedback(pull=(pull,)),
        BOTH: Feedback(push=(1.0, 0.0), pull=(0.0, pull)),
        HELD: Feedback(pull=(pull,) * STEPS),
    }


def recall(
    hierarchy: Hierarchy,
    feedback: dict[str, Feedback],
    *,
    noise: float,
    steps: int,
    every: int | None = 1,
    learning: str = "hebb",
) -> xr.Dataset:
    """Means over TARGETS after each iteration, with layer 2 settled on what the cue says before the first one.

    Parameters
    ----------
    hierarchy : Hierarchy
        Of two levels.
    feedback : dict of Feedback
    noise : float in [0, 1]
        Intra-class and inter-class noise of the cues.
    steps : int, >= 1
    every : int or None
        Iterations from record to record; None records the last state only.
    learning : str
        As of `DiscretePushPull`.

    Returns
    -------
    Dataset (condition, time) of overlaps: `overlap` of layer 1 with the target, `margin` with its siblings minus with
    children of other parents, `parent_like` of layer 1 with the parent, `parent` of layer 2 with the parent.
    """
    model, targets = DiscretePushPull(hierarchy, learning=learning), np.array(TARGETS)
    cues = np.array([noisy_cue(hierarchy, t, intra=noise, inter=noise, seed=t)[0] for t in TARGETS])
    n, starts = len(targets), model.start(cues)
    result = iterate(
        model,
        np.tile(starts, (len(feedback), 1)),
        steps=steps,
        every=every,
        stimulus=_schedule(model, feedback, n, steps),
        observables=model.readouts() | {"parent_like": _parent_like(model)},
        threads=1,
    )
    parent_of, rows = hierarchy.parents[0], np.arange(n)
    parent = parent_of[targets]
    shape = (len(feedback), n, result.sizes["time"])
    overlaps, above, like = (
        result[name].to_numpy().reshape(*shape, -1) for name in ("overlap_0", "overlap_1", "parent_like")
    )
    is_family = parent_of == parent[:, None]
    is_sibling = is_family & (np.arange(len(parent_of)) != targets[:, None])
    siblings, others = (
        np.einsum("fntc,nc->ft", overlaps, mask / mask.sum(axis=1, keepdims=True)) / n
        for mask in (is_sibling, ~is_family)
    )
    values = {
        "overlap": overlaps[:, rows, :, targets].mean(axis=0),
        "margin": siblings - others,
        "parent_like": like[:, rows, :, parent].mean(axis=0),
        "parent": above[:, rows, :, parent].mean(axis=0),
    }
    return xr.Dataset(
        {name: (("condition", "time"), value, {"units": "1"}) for name, value in values.items()},
        coords={"condition": list(feedback), "time": ("time", result.time.to_numpy(), {"units": "iterations"})},
    )


def _schedule(model, feedback, n_targets, steps):
    push, pull = np.zeros((steps, len(feedback))), np.zeros((steps, len(feedback)))
    for column, each in enumerate(feedback.values()):
        push[: len(each.push), column] = each.push[:steps]
        pull[: len(each.pull), column] = each.pull[:steps]
    return model.schedule(*(np.repeat(gates, n_targets, axis=1)[..., None] for gates in (push, pull)))


def _parent_like(model):
    parents = model.hierarchy.patterns[1].astype(float)
    # sums of signs: exact in any order
    return lambda states: model.layer(states, 0) @ parents.T / model.layer_size


def compute_stability(run: Run) -> xr.Dataset:
    """Where the network ends that starts from a child, against the correlation of children with parents."""
    correlations = CORRELATIONS[run.scale]
    items = [(b1, number) for b1 in correlations for number in range(N_NETWORKS[run.scale])]

    def one(item):
        b1, number = item
        hierarchy = network(b1, run.seed_for(f"push_pull/stability/{b1:g}/{number}"))
        chosen = {name: schedules(b1)[name] for name in (NONE, HELD)}
        hebb = recall(hierarchy, chosen, noise=0.0, steps=STEPS, every=None)
        bound = recall(hierarchy, {INVERSE: Feedback()}, noise=0.0, steps=STEPS, every=None, learning="pseudo_inverse")
        return xr.concat([hebb, bound], "condition").isel(time=-1, drop=True)

    parts, n = run.map(one, items, label="stability"), N_NETWORKS[run.scale]
    rows = [xr.concat(parts[k : k + n], "repeat") for k in range(0, len(parts), n)]
    dataset = xr.concat(rows, "correlation").assign_coords(correlation=list(correlations))
    return dataset.assign_attrs(n_units=N_UNITS, threshold=child_stability_threshold(N_CHILDREN))


def compute_schedule(run: Run) -> xr.Dataset:
    """Recall of noisy cues over time, and after push and pull against the strength of the push."""
    tried = {f"{push:g}": Feedback((push, 0.0), (0.0, cancelling_pull(B1, N_CHILDREN))) for push in PUSHES}

    def one(number):
        hierarchy = network(B1, run.seed_for(f"push_pull/schedule/{number}"))
        course = recall(hierarchy, schedules(B1), noise=NOISE, steps=DURATION)
        after = recall(hierarchy, tried, noise=NOISE, steps=2).overlap.isel(time=-1, drop=True)
        return course.assign(after=("push_strength", after.to_numpy(), {"units": "1"}))

    dataset = xr.concat(run.map(one, range(N_NETWORKS[run.scale]), label="schedules"), "repeat")
    return dataset.assign_coords(push_strength=list(PUSHES)).assign_attrs(n_units=N_UNITS, b1=B1, noise=NOISE)


def plot_stability(dataset: xr.Dataset) -> Figure:
    """Final overlaps of layer 1 with child and parent, and of layer 2, against the correlation."""
    labels = {"overlap": "final overlap, layer 1 and child", "parent_like": "final overlap, layer 1 and parent"}
    labels["parent"] = "final overlap, layer 2 and parent"
    with style():
        figure, axes = make_figure(1, 3, height=65)
        for ax, (quantity, label) in zip(axes, labels.items(), strict=True):
            for name in (NONE, HELD, INVERSE):
                values = dataset[quantity].sel(condition=name)
                _errorbar(values, "correlation", ax, color=COLOURS[name], label=name)
            ax.set(xlabel="correlation $b_1$", ylabel=label, xlim=(0.0, 0.65), ylim=(-0.12, 1.05))
        line = np.array([0.0, float(dataset.correlation.max())])
        for ax in axes[:2]:
            ax.axvline(dataset.attrs["threshold"], color="black", linestyle=":", linewidth=0.8)
            ax.plot(line, line, color="black", linestyle="--", linewidth=0.7, label="$b_1$")
        axes[0].plot(list(EARLIER_FINAL), list(EARLIER_FINAL.values()), "x", color=COLOURS[NONE], label="earlier run")
        axes[0].annotate("$b_1^*$", (dataset.attrs["threshold"], 0.75), (3, 0), textcoords="offset points")
        axes[2].legend(handles=axes[0].get_legend_handles_labels()[0], loc="center right")
        axes[0].set_title(f"{STEPS} iterations from the child")
        label_panels(axes)
    return figure


def _errorbar(values, x, ax, *, color, label=None):
    options = {"marker": "o", "markersize": 2.5, "capsize": 1.5, "elinewidth": 0.7}
    ax.errorbar(values[x], values.mean("repeat"), standard_error(values), color=color, label=label, **options)


def plot_schedule(dataset: xr.Dataset) -> Figure:
    """Overlap with target and class over the iterations, and the overlap after both against the push."""
    with style():
        figure, axes = make_figure(1, 3, height=65)
        for ax, quantity, label in (
            (axes[0], "overlap", "overlap with the target"),
            (axes[1], "margin", "overlap: siblings minus others"),
        ):
            for name in (NONE, PUSH, PULL, BOTH, HELD):
                _errorbar(dataset[quantity].sel(condition=name), "time", ax, color=COLOURS[name], label=name)
            ax.set(xlabel="time $t$ (iterations)", ylabel=label, xticks=range(0, DURATION + 1, 4))
        axes[0].set_ylim(0.0, 1.0)
        axes[0].legend(loc="upper right")
        axes[0].set_title(f"$b_1$ = {dataset.attrs['b1']:g}, noise {dataset.attrs['noise']:g} of each kind")
        _errorbar(dataset.after, "push_strength", axes[2], color=COLOURS[BOTH])
        without = float(dataset.overlap.sel(condition=NONE, time=2).mean())
        axes[2].axhline(without, color=COLOURS[NONE], linestyle="--", linewidth=0.8, label=NONE)
        axes[2].set(
            xlabel="strength of the push $a_+$", ylabel="overlap after push and pull ($t$ = 2)", ylim=(0.0, 1.0)
        )
        axes[2].legend(loc="upper right")
        label_panels(axes)
    return figure


def claims_stability(dataset: xr.Dataset) -> list[Claim]:
    """Children are stable at weak correlation and become their parents at strong correlation."""
    child = {name: dataset.overlap.sel(condition=name, drop=True) for name in (NONE, HELD, INVERSE)}
    like = dataset.parent_like.sel(condition=NONE, drop=True)
    parent = dataset.parent.sel(condition=NONE, drop=True)
    stays, strong = child[NONE].sel(correlation=0.1), slice(0.25, None)
    rows = [
        Claim(
            "at b1 = 0.1 the child stays (final overlap)",
            "earlier run",
            "close",
            EARLIER_FINAL[0.1],
            float(stays.mean()),
            0.0005 + 2.0 * float(standard_error(stays)),
            "rounding of their number, and two standard errors",
        ),
        *(
            claim
            for b1 in (0.4, 0.6)
            for claim in _collapsed(b1, child[NONE].sel(correlation=b1), like.sel(correlation=b1))
        ),
        Claim(
            "iterated, the child is lost well below b1*: final overlap at b1 = 0.25",
            "earlier run",
            "at_most",
            0.5,
            float(child[NONE].sel(correlation=0.25).mean()),
        ),
        beyond_chance(
            "parents are held where children are lost: overlap of layer 2 minus that of layer 1 (b1 of 0.25 and more)",
            "paper",
            (parent - child[NONE]).sel(correlation=strong).mean("correlation"),
        ),
        beyond_chance(
            "a pull that is held keeps children that would be lost (b1 = 0.2, final overlap minus no feedback)",
            "theory",
            (child[HELD] - child[NONE]).sel(correlation=0.2, drop=True),
        ),
        Claim(
            "with pseudo-inverse couplings every child stays without feedback (smallest mean overlap)",
            "control",
            "at_least",
            1.0,
            float(child[INVERSE].mean("repeat").min()),
            1e-9,
            "rounding of the mean",
        ),
    ]
    return rows + (_comparisons(child[NONE]) if dataset.attrs["scale"] == "paper" else [])


def _collapsed(b1, child, parent):
    """A child that is lost becomes the majority of its family."""
    expected = majority_overlaps(b1, N_CHILDREN)
    few, more = binom.pmf([N_CHILDREN // 2, N_CHILDREN // 2 + 1], N_CHILDREN, (1 + b1) / 2)
    for theirs, values, name in zip(expected, (child, parent), ("the child", "its parent"), strict=True):
        yield Claim(
            f"at b1 = {b1:g}, above b1*, the state becomes the majority of the siblings: final overlap with {name}",
            "theory",
            "close",
            theirs,
            float(values.mean()),
            float(more - few) + 2.0 * float(standard_error(values)),
            "crosstalk may decide where the siblings are tied but for one; and two standard errors",
        )


def _comparisons(child):
    return like_earlier_run(
        [
            (f"final overlap with the child, b1 = {b1:g}", mean, 1, child.sel(correlation=b1))
            for b1, mean in EARLIER_FINAL.items()
            if b1 > 0.1
        ]
    )


def claims_schedule(dataset: xr.Dataset) -> list[Claim]:
    """Each feedback does what it should, but a push before the pull costs the target."""
    overlap, margin = dataset.overlap, dataset.margin

    def difference(values, name, time):
        at = values.sel(time=time)
        return at.sel(condition=name, drop=True) - at.sel(condition=NONE, drop=True)

    after = dataset.after.mean("repeat")
    return [
        beyond_chance(
            "push raises the overlap with siblings minus that with others (after one iteration)",
            "paper",
            difference(margin, PUSH, 1),
        ),
        beyond_chance(
            "pull raises the overlap with the target (after one iteration)", "paper", difference(overlap, PULL, 1)
        ),
        beyond_chance(
            "push (a+ = 1), then pull raise the overlap with the target (discrete network, schedule ours)",
            "paper",
            difference(overlap, BOTH, 2),
        ),
        Claim(
            "strength of the push that is best for the target after push and pull",
            "control",
            "close",
            0.0,
            float(after.push_strength[int(after.argmax("push_strength"))]),
        ),
        beyond_chance(
            "pull held for three iterations keeps the target better than no feedback",
            "theory",
            difference(overlap, HELD, 3),
        ),
        no_difference(
            "one iteration of pull only delays the loss (final overlap minus no feedback)",
            "control",
            difference(overlap, PULL, DURATION),
        ),
    ]


STABILITY = Experiment(
    "stability",
    "where children are stable in the discrete network",
    compute_stability,
    plot_stability,
    claims_stability,
)
SCHEDULE = Experiment(
    "schedule", "push and then pull in the discrete network", compute_schedule, plot_schedule, claims_schedule
)
