"""Which updates never raise the energy, and that an energy which falls is not retrieval.

For ``s_k(x) = -sum_i w_i (x_i - xi_ki)^2 + a_k`` the mixture T lowers ``E = -lse(s)`` by at least the weighted square
of its step, as E is bounded by the quadratic that T minimises. A known bias may be a term a_k of the patterns; if it is
subtracted from states instead, T is the same, but E is not, and T raises it now and then, unless the bias is added to
the mixture again. With sorted similarities, weights falling with rank, only the reweighted mean of patterns is sure to
lower the energy.

A state is no variant any more: where a similarity is made for a bias, one step retrieves better than thirty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.papers.adaptive.data import gaussian_patterns, seed_of
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import label_panels, make_figure, style
from assocmem.similarities import AdaptiveSimilarity
from assocmem.variants import BiasedVariants

N_PATTERNS, N_UNITS, N_STEPS = 64, 32, 30
N_CUES, N_REPEATS = {"quick": 100, "paper": 400}, {"quick": 2, "paper": 5}
NOISE = 1.2
ROUNDING = 1e-9  # relative, of a sum of some thousand terms
WEIGHTED, OFFSET, SUBTRACTED, ADDED = "weighted", "bias as a term", "bias subtracted", "and added again"
SORTED_MIXTURE, REWEIGHTED = "sorted, mixture", "sorted, reweighted"
DESCENDING, RISING = (WEIGHTED, OFFSET, ADDED, REWEIGHTED), (SUBTRACTED, SORTED_MIXTURE)
BOUNDED = (WEIGHTED, OFFSET)  # from below, and by the size of their step
# by an earlier run: one step and thirty; sizes of the memory are unknown
EARLIER_ACCURACY = (0.970, 0.846)


@dataclass(frozen=True, eq=False)
class Context:
    """Patterns, a bias, weights of units and falling weights of ranks of one repeat."""

    patterns: np.ndarray
    bias: np.ndarray
    weights: np.ndarray
    falling: np.ndarray

    @classmethod
    def draw(cls, seed: int) -> Context:
        """Random ones."""
        rng = np.random.default_rng((seed, 1))
        patterns = gaussian_patterns(N_PATTERNS, N_UNITS, seed).astype(float)
        weights = 0.3 * np.exp(0.8 * rng.standard_normal(N_UNITS))
        falling = -np.sort(-rng.uniform(0.0, 1.0, N_UNITS))
        return cls(patterns, 2 * rng.standard_normal(N_UNITS), weights, falling)


def _isotropic():
    return np.full(N_UNITS, 0.5 / NOISE**2)


def _with_offset(c):
    return AdaptiveHopfield(c.patterns, AdaptiveSimilarity(dis=_isotropic(), lin=-c.bias / NOISE**2))


def _subtracting(is_bias_kept):
    def build(c):
        similarity = AdaptiveSimilarity(dis=_isotropic())
        return AdaptiveHopfield(c.patterns, similarity, bias=c.bias, is_bias_kept=is_bias_kept)

    return build


def _sorted(rule):
    return lambda c: AdaptiveHopfield(c.patterns, AdaptiveSimilarity(sorted_dis=c.falling), update_rule=rule)


MEMORIES: dict[str, Callable[[Context], AdaptiveHopfield]] = {
    WEIGHTED: lambda c: AdaptiveHopfield(c.patterns, AdaptiveSimilarity(dis=c.weights)),
    OFFSET: _with_offset,
    SUBTRACTED: _subtracting(False),
    ADDED: _subtracting(True),
    SORTED_MIXTURE: _sorted("mixture"),
    REWEIGHTED: _sorted("reweighted"),
}


def compute(run: Run) -> xr.Dataset:
    """Steps that raise the energy and accuracies, by memory and step; slack of the inequality."""
    items = [(name, repeat) for name in MEMORIES for repeat in range(N_REPEATS[run.scale])]
    found = run.map(lambda item: _iterated(run, *item), items, label="memories")
    shape = (len(MEMORIES), N_REPEATS[run.scale])
    names = ("largest_rise", "least_slack", "above_bound")
    variables = {
        name: (("memory", "repeat"), np.reshape([f[0][i] for f in found], shape)) for i, name in enumerate(names)
    }
    for i, name in enumerate(("accuracy", "n_rises"), start=1):
        variables[name] = (("memory", "repeat", "step"), np.reshape([f[i] for f in found], (*shape, -1)))
    coords = {"memory": list(MEMORIES), "step": np.arange(1, N_STEPS + 1)}
    dataset = xr.Dataset({name: (*values, {"units": "1"}) for name, values in variables.items()}, coords)
    n_cues = N_CUES[run.scale]
    return dataset.assign_attrs(n_steps=n_cues * N_STEPS * N_REPEATS[run.scale], n_cues=n_cues)


def _iterated(run, name, repeat):
    """Extremes, then accuracy (step,) of the largest weight, and how many states rise in energy (step,)."""
    seed = seed_of(run, "energy", repeat)
    context = Context.draw(seed)
    memory, n_cues = MEMORIES[name](context), N_CUES[run.scale]
    variants = BiasedVariants(context.bias, NOISE)
    states, origins = variants.sample(context.patterns, n_cues, seed=seed + 1)
    energies, accuracy, slack = [memory.energy(states, threads=1)], [], np.inf
    for _ in range(N_STEPS):
        scores = memory.scores(states, threads=1)
        accuracy.append(np.mean(scores.argmax(axis=1) == origins))
        new = memory.update(states, threads=1)
        energies.append(memory.energy(new, threads=1))
        if name in BOUNDED:
            squares = np.square(new - states) @ memory.similarity.dis
            slack = min(slack, np.min((energies[-2] - energies[-1] - squares) / _sizes(energies[-2])))
        states = new
    energies = np.array(energies)
    rises = np.diff(energies, axis=0) / _sizes(energies[:-1])
    bound = energies.min() - _lowest(memory) if name in BOUNDED else np.nan
    extremes = (rises.max(), slack if name in BOUNDED else np.nan, bound)
    return extremes, np.array(accuracy), np.sum(rises > ROUNDING, axis=1)


def _sizes(energies):
    return np.maximum(np.abs(energies), 1.0)


def _lowest(memory):
    """The bound of the energy from below: minus the log-sum-exp of terms of patterns alone."""
    similarity = memory.similarity
    offsets = np.zeros(memory.n_patterns) if similarity.lin is None else memory.patterns @ similarity.lin
    return -np.logaddexp.reduce(offsets)


_COLOURS = dict(zip(MEMORIES, ("#0072B2", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#56B4E9"), strict=True))


def plot(dataset: xr.Dataset) -> Figure:
    """Steps that raise the energy, in total and by step, and accuracy by step."""
    counts = dataset.n_rises.sum("repeat")
    with style():
        figure, axes = make_figure(1, 3, height=62)
        _plot_totals(counts.sum("step"), dataset.attrs["n_steps"], axes[0])
        for name in RISING:
            share = 100 * counts.sel(memory=name) / (dataset.attrs["n_cues"] * dataset.sizes["repeat"])
            axes[1].plot(share.step, share, color=_COLOURS[name], marker=".", label=name)
        axes[1].set(xlabel="step", ylabel="states whose energy rises (%)", ylim=(0, None))
        axes[1].legend()
        for name, label in ((OFFSET, "bias as a term,\nor subtracted"), (ADDED, ADDED)):
            accuracy = dataset.accuracy.sel(memory=name).mean("repeat")
            axes[2].plot(accuracy.step, accuracy, color=_COLOURS[name], label=label)
        axes[2].set(xlabel="step", ylabel="accuracy of the largest weight", ylim=(0, 1.05))
        axes[2].legend(loc="lower left")
        label_panels(axes)
    return figure


def _plot_totals(counts, n_steps, ax):
    places, shares = np.arange(len(MEMORIES))[::-1], 100 * counts.values / n_steps
    ax.barh(places, shares, color=list(_COLOURS.values()))
    for place, share, count in zip(places, shares, counts.values, strict=True):
        ax.annotate(f"{int(count)}", (share, place), (3, 0), textcoords="offset points", va="center")
    ax.set_yticks(places, list(MEMORIES))
    ax.set(xlabel=f"of {n_steps} steps, raise the energy (%)", xlim=(0, 1.2 * shares.max()))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Descent where it is proved, its absence elsewhere, and what iterating does to retrieval."""
    n_steps, total = dataset.attrs["n_steps"], dataset.n_rises.sum(("repeat", "step"))
    rows = []
    for name in DESCENDING:
        statement = f"{name}: steps that raise the energy, of {n_steps}"
        rows.append(Claim(statement, "theory", "at_most", 0.0, float(total.sel(memory=name))))
    for name in RISING:
        statement = f"{name}: steps that raise the energy, of {n_steps}"
        rows.append(Claim(statement, "earlier run", "at_least", 1.0, float(total.sel(memory=name))))
    for name in BOUNDED:
        part = dataset.sel(memory=name)
        slack, above = float(part.least_slack.min()), float(part.above_bound.min())
        statement = f"{name}: least fall of the energy minus the weighted square of the step, relative"
        rows.append(Claim(statement, "theory", "at_least", 0.0, slack, ROUNDING, "rounding"))
        statement = f"{name}: least energy above its bound"
        rows.append(Claim(statement, "theory", "at_least", 0.0, above, ROUNDING, "rounding"))
    accuracy = dataset.accuracy.sel(memory=OFFSET).mean("repeat")
    one, last = float(accuracy.sel(step=1)), float(accuracy.isel(step=-1))
    theirs = EARLIER_ACCURACY[0] - EARLIER_ACCURACY[1]
    reason = "half of the loss that was found with other sizes"
    statement = f"{OFFSET}: accuracy of one step minus that of {N_STEPS}, the energy falling all along"
    return [*rows, Claim(statement, "earlier run", "at_least", theirs, one - last, theirs / 2, reason)]


EXPERIMENT = Experiment("energy", "updates that lower the energy, and iterated retrieval", compute, plot, claims)
