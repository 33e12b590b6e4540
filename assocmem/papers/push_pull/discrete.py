"""One step of the discrete network from a child or a noisy cue, against theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.interference import (
    cancelling_pull,
    child_stability_threshold,
    crosstalk_variance,
    one_step_accuracy,
    optimal_pull,
)
from assocmem.analysis.one_step_sampling import sampled_one_step_accuracy
from assocmem.hierarchy import Hierarchy, hierarchical_patterns, noisy_cue
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import agrees_with_theory, beyond_chance, like_earlier_run, standard_error
from assocmem.plotting import label_panels, make_figure, style
from assocmem.simulate import iterate

N_UNITS, N_NETWORKS = {"quick": 4000, "paper": 20000}, {"quick": 10, "paper": 10}
N_TARGETS = 10
N_SAMPLES = {"quick": 100_000, "paper": 400_000}


@dataclass(frozen=True)
class Tree:
    """Patterns of one grandparent, and the noise of the cues."""

    n_parents: int = 4
    n_children: int = 25
    b1: float = 0.3
    b2: float = 0.2
    intra: float = 0.0
    inter: float = 0.0

    @property
    def branching(self) -> tuple[int, int, int]:
        """Grandparents, parents, children of each parent."""
        return 1, self.n_parents, self.n_children

    def network(self, n_units: int, seed: int) -> Hierarchy:
        """Children, and the parents that they were drawn from."""
        tree = hierarchical_patterns(n_units, self.branching, (self.b2, self.b1), parents="generative", seed=seed)
        return tree.lowest(2)

    def targets(self) -> list[int]:
        """Two children of each parent but the last, N_TARGETS at most: each has relatives to make noise of."""
        places = (0, self.n_children // 2 - 1)
        return [p * self.n_children + k for p in range(self.n_parents - 1) for k in places][:N_TARGETS]

    def crosstalk(self, n_units: int) -> float:
        """Variance of the field of all that the theory does not follow."""
        return crosstalk_variance(n_units, self.branching, self.b1, self.b2)


CLEAN = Tree()
CORRELATIONS = {"quick": (0.2, 0.3, 0.35, 0.4, 0.5), "paper": (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)}
PULLS = ("no pull", "pull b1", "cancelling pull")
SWEPT = replace(CLEAN, b1=0.35)
STRENGTHS = tuple(np.round(np.arange(9) * 0.2, 1).tolist())
NOISY = (
    Tree(b1=0.2, b2=0.2, intra=0.1, inter=0.1),
    Tree(b1=0.3, b2=0.2, intra=0.1, inter=0.1),
    Tree(b1=0.4, b2=0.3, intra=0.1, inter=0.2),
)
PUSHED = (Tree(b1=0.2, b2=0.2, intra=0.1, inter=0.1), Tree(20, 5, b1=0.3, b2=0.7, inter=0.2))
PUSHES = (0.0, 0.1, 0.2, 0.5, 1.0)
COLOURS = dict(zip(PULLS, ("#0072B2", "#D55E00", "#009E73"), strict=True))

# networks of 20000 units of an earlier and independent implementation
EARLIER_CLEAN = {("no pull", 0.3): 0.8485, ("no pull", 0.35): 0.6527}
EARLIER_CLEAN |= {("cancelling pull", 0.3): 0.9796, ("cancelling pull", 0.35): 0.9152}
EARLIER_NOISY = (0.9970, 0.7684, 0.5438)


def one_step(hierarchy: Hierarchy, tree: Tree, pushes: Sequence[float], pulls: Sequence[float]) -> xr.Dataset:
    """Overlaps after one step of layer 1 from the cues of a tree, with feedback from the right parent.

    Parameters
    ----------
    hierarchy : Hierarchy
        Of two levels.
    tree : Tree
    pushes, pulls : sequences of float
        Strengths, one of each for each step that is tried.

    Returns
    -------
    Dataset of `overlap` with the target and `margin`, the mean overlap with its siblings minus that with children of
    other parents, both (strength,), means over targets.
    """
    model, targets = DiscretePushPull(hierarchy), np.array(tree.targets())
    cues = [noisy_cue(hierarchy, int(t), intra=tree.intra, inter=tree.inter, seed=int(t))[0] for t in targets]
    parent = hierarchy.parents[0][targets]
    starts = np.concatenate([cues, hierarchy.patterns[1][parent]], axis=1).astype(float)
    n = len(targets)
    gates = [np.repeat(np.asarray(strengths, dtype=float), n)[None, :, None] for strengths in (pushes, pulls)]
    result = iterate(
        model,
        np.tile(starts, (len(pushes), 1)),
        steps=1,
        every=None,
        stimulus=model.schedule(*gates),
        observables=model.readouts(),
        threads=1,
    )
    overlaps = result.overlap_0.to_numpy()[:, -1].reshape(len(pushes), n, -1)
    is_family = hierarchy.parents[0] == parent[:, None]
    is_sibling = is_family & (np.arange(overlaps.shape[-1]) != targets[:, None])
    siblings, others = (
        np.einsum("stc,tc->s", overlaps, mask / mask.sum(axis=1, keepdims=True)) / n
        for mask in (is_sibling, ~is_family)
    )
    return xr.Dataset(
        {
            "overlap": ("strength", overlaps[:, np.arange(n), targets].mean(axis=1), {"units": "1"}),
            "margin": ("strength", siblings - others, {"units": "1"}),
        }
    )


def pull_strengths(tree: Tree) -> list[float]:
    """The strengths of PULLS: none, the correlation, and that which cancels the mean of the siblings."""
    return [0.0, tree.b1, cancelling_pull(tree.b1, tree.n_children)]


def compute(run: Run) -> xr.Dataset:
    """Accuracy of one step against correlation, pull, push and noise, each simulated and predicted."""
    by_correlation = [replace(CLEAN, b1=b1) for b1 in CORRELATIONS[run.scale]]
    none = [0.0] * len(STRENGTHS)
    clean = [_measure(run, tree, [0.0] * 3, pull_strengths(tree)) for tree in by_correlation]
    swept = _measure(run, SWEPT, none, STRENGTHS)
    noisy = [_measure(run, tree, [0.0], [0.0]) for tree in NOISY]
    pushed = [_measure(run, tree, PUSHES, [0.0] * len(PUSHES)) for tree in PUSHED]
    n_units = N_UNITS[run.scale]
    dataset = xr.merge(
        [
            _renamed(xr.concat(clean, "correlation"), "clean", "pull"),
            _renamed(swept, "swept", "pull_strength"),
            _renamed(xr.concat(noisy, "setting").isel(strength=0), "noisy", "strength"),
            _renamed(xr.concat(pushed, "pushed_setting"), "pushed", "push_strength"),
            _curves(n_units),
        ]
    )
    return dataset.assign_coords(
        correlation=list(CORRELATIONS[run.scale]),
        pull=list(PULLS),
        pull_strength=list(STRENGTHS),
        push_strength=list(PUSHES),
    ).assign_attrs(n_units=n_units, threshold=child_stability_threshold(CLEAN.n_children))


def _measure(run, tree, pushes, pulls):
    """Simulated overlaps (repeat, strength) with their prediction and its error (strength,)."""
    n_units = N_UNITS[run.scale]

    def one(number):
        seed = run.seed_for(f"push_pull/one_step/{tree}/{number}")
        return one_step(tree.network(n_units, seed), tree, pushes, pulls)

    def predict(strengths):
        push, pull = strengths
        return sampled_one_step_accuracy(
            tree.b1,
            tree.b2,
            tree.n_children,
            tree.n_parents,
            intra=tree.intra,
            inter=tree.inter,
            push=push,
            pull=pull,
            crosstalk=tree.crosstalk(n_units),
            n_samples=N_SAMPLES[run.scale],
            seed=run.seed_for(f"push_pull/one_step/{tree}/{push}/{pull}"),
        )

    simulated = xr.concat(run.map(one, range(N_NETWORKS[run.scale]), label="one step"), "repeat")
    predicted = run.map(predict, list(zip(pushes, pulls, strict=True)), label="prediction")
    return simulated.assign(
        predicted=("strength", [float(p.accuracy) for p in predicted], {"units": "1"}),
        predicted_error=("strength", [float(p.standard_error) for p in predicted], {"units": "1"}),
    )


def _renamed(dataset, prefix, strength):
    names = {name: f"{prefix}_{name}" for name in dataset.data_vars}
    return dataset.rename(names | ({"strength": strength} if "strength" in dataset.dims else {}))


def _curves(n_units):
    """Closed forms against the correlation and against the pull; best pulls."""

    def accuracy(tree, pull):
        return one_step_accuracy(
            tree.b1, tree.n_children, pull=pull, b2=tree.b2, n_parents=tree.n_parents, crosstalk=tree.crosstalk(n_units)
        )

    grid, pulls = np.linspace(0.05, 0.65, 61), np.linspace(0.0, 1.6, 65)
    trees = [replace(CLEAN, b1=float(b1)) for b1 in grid]
    rows = [[accuracy(tree, pull_strengths(tree)[k]) for tree in trees] for k in range(len(PULLS))]
    marks = [SWEPT.b1, cancelling_pull(SWEPT.b1, SWEPT.n_children)]
    marks.append(optimal_pull(SWEPT.b1, SWEPT.n_children, crosstalk=SWEPT.crosstalk(n_units)))
    return xr.Dataset(
        {
            "clean_curve": (("pull", "grid"), rows, {"units": "1"}),
            "swept_curve": ("pull_grid", [accuracy(SWEPT, float(pull)) for pull in pulls], {"units": "1"}),
            "best_pull": ("mark", marks, {"units": "1"}),
        },
        coords={"grid": grid, "pull_grid": pulls, "mark": ["correlation", "cancelling", "optimal"]},
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracy against correlation, pull and push, and all predictions against the simulations."""
    with style():
        figure, axes = make_figure(2, 2, height=115)
        for name in PULLS:
            chosen = dataset.sel(pull=name)
            options = {"color": COLOURS[name], "linestyle": "", "marker": "o", "capsize": 1.5, "markersize": 3}
            _errorbar(chosen.clean_overlap, "correlation", axes[0], **options)
            axes[0].plot(dataset.grid, chosen.clean_curve, color=COLOURS[name], label=name.replace("b1", "$b_1$"))
        axes[0].axvline(dataset.attrs["threshold"], color="black", linestyle=":", linewidth=0.8)
        axes[0].annotate("$b_1^*$", (dataset.attrs["threshold"], 0.28), (3, 0), textcoords="offset points")
        axes[0].set(xlabel="correlation of child and parent $b_1$", ylabel="overlap after one step", ylim=(0.25, 1.03))
        axes[0].legend(loc="lower left")
        axes[0].set_title("from the child itself")
        _errorbar(dataset.swept_overlap, "pull_strength", axes[1], color="black", linestyle="", marker="o", capsize=1.5)
        axes[1].plot(dataset.pull_grid, dataset.swept_curve, color="black")
        names = ("$b_1$", "cancelling", "optimal")
        for value, name, line, align in zip(
            dataset.best_pull, names, (":", "--", "-."), ("right", "left", "right"), strict=True
        ):
            axes[1].axvline(float(value), color="#666666", linestyle=line, linewidth=0.8)
            offset = 2 if align == "left" else -2
            axes[1].annotate(name, (float(value), 0.3), (offset, 0), textcoords="offset points", ha=align)
        axes[1].set(xlabel="strength of the pull $a_-$", ylabel="overlap after one step", ylim=(0.25, 1.03))
        axes[1].set_title(f"from the child itself, $b_1$ = {SWEPT.b1:g}")
        _plot_push(dataset, axes[2])
        _plot_agreement(dataset, axes[3])
        label_panels(axes)
    return figure


def _errorbar(values, x, ax, **options):
    ax.errorbar(values[x], values.mean("repeat"), standard_error(values), elinewidth=0.7, **options)


def _plot_push(dataset, ax):
    """Overlap with the target, with its prediction, and with the class, against the push."""
    for k, (tree, colour) in enumerate(zip(PUSHED, ("#0072B2", "#E69F00"), strict=True)):
        chosen = dataset.isel(pushed_setting=k)
        label = f"$P_c$ = {tree.n_children}, $b_1$ = {tree.b1:g}, $b_2$ = {tree.b2:g}"
        options = {"color": colour, "marker": "o", "markersize": 3}
        _errorbar(chosen.pushed_overlap, "push_strength", ax, linestyle="", capsize=1.5, **options)
        ax.plot(dataset.push_strength, chosen.pushed_predicted, color=colour, label=f"target, {label}")
        _errorbar(chosen.pushed_margin, "push_strength", ax, linestyle="--", **options)
    ax.plot([], [], "--", color="black", label="siblings minus others")
    ax.set(xlabel="strength of the push $a_+$", ylabel="overlap after one step", ylim=(0.0, 1.5))
    ax.legend(loc="upper right")
    ax.set_title("from noisy cues")


def _plot_agreement(dataset, ax):
    for prefix, label in (("clean", "correlation"), ("swept", "pull"), ("noisy", "noise"), ("pushed", "push")):
        predicted, simulated = xr.broadcast(dataset[f"{prefix}_predicted"], dataset[f"{prefix}_overlap"].mean("repeat"))
        ax.plot(np.ravel(predicted), np.ravel(simulated), "o", markersize=3, fillstyle="none", label=label)
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.7, linestyle="--", label="equal")
    ax.set(xlabel="overlap after one step, predicted", ylabel="simulated")
    ax.legend(loc="upper left", title="against ...")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Theory and simulation; what pull and push do in one step."""
    clean = dataset.clean_overlap
    pull = [clean.sel(correlation=0.3, pull=name, drop=True) for name in PULLS]
    target, margin = dataset.pushed_overlap, dataset.pushed_margin
    closed = dataset.clean_curve.interp(grid=dataset.correlation)
    rows = [
        *(
            agrees_with_theory(
                f"one step, {text}: largest deviation from the sampled theory, in standard errors",
                dataset[f"{prefix}_overlap"],
                dataset[f"{prefix}_predicted"],
                dataset[f"{prefix}_predicted_error"],
            )
            for prefix, text in (
                ("clean", "correlations and pulls"),
                ("swept", "strength of the pull"),
                ("noisy", "noisy cues"),
                ("pushed", "strength of the push"),
            )
        ),
        Claim(
            "one step from the child: largest deviation from two normal distributions over correlations and pulls",
            "theory",
            "at_most",
            0.0,
            float(np.abs(clean.mean("repeat") - closed).max()),
            0.02,
            "a sum of 24 signs taken for normal",
        ),
        beyond_chance("a pull of b1 makes one step more accurate (b1 = 0.3)", "paper", pull[1] - pull[0]),
        beyond_chance(
            "a pull that cancels the mean of the siblings is better still (b1 = 0.3)", "theory", pull[2] - pull[1]
        ),
    ]
    for k, tree in enumerate(PUSHED):
        where = f"(P_c = {tree.n_children}, b1 = {tree.b1:g}, b2 = {tree.b2:g}, a+ = 1)"
        change = [
            x.isel(pushed_setting=k, push_strength=-1) - x.isel(pushed_setting=k, push_strength=0)
            for x in (target, margin)
        ]
        rows += [
            beyond_chance(
                f"the push raises the overlap with siblings minus that with others {where}", "paper", change[1]
            ),
            beyond_chance(f"the push lowers the overlap with the target itself {where}", "earlier run", -change[0]),
        ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset):
    rows = [
        (
            f"one step from the child, {name}, b1 = {b1:g}",
            value,
            1,
            dataset.clean_overlap.sel(pull=name, correlation=b1),
        )
        for (name, b1), value in EARLIER_CLEAN.items()
    ]
    for k, (tree, value) in enumerate(zip(NOISY, EARLIER_NOISY, strict=True)):
        where = f"b1 = {tree.b1:g}, b2 = {tree.b2:g}, noise {tree.intra:g} and {tree.inter:g}"
        rows.append((f"one step from a noisy cue, {where}", value, 1, dataset.noisy_overlap.isel(setting=k)))
    return like_earlier_run(rows)


EXPERIMENT = Experiment("one_step", "one step of the discrete network against theory", compute, plot, claims)
