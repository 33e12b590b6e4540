"""Exact retrieval of sets of patterns by SparseMAP (proposition 14 and the structured margin, definition 12).

A set y is retrieved as the sum X^T y of its patterns. With D the largest distance of y to another set, c the curvature
of the regulariser (1, or 2 with two states) and Delta the product of X^T y with itself less the largest with another
sum:

- X^T y is a fixed point if Delta >= c D^2 / (2 beta);
- it is reached in one step from q if <q, X^T (y - y')> >= c D^2 / (2 beta) for all others y';
- hence from anywhere within (Delta - c D^2 / (2 beta)) / min(s D, M D^2), s the largest singular value of X.

These are sufficient. Sharp is the structured margin: a state has the weights y if and only if its score of y is above
that of any other y' by c |y - y'|^2 / 2, which for k-subsets is a gap of 1 between the scores in y and the others.
Transition scores of sequential subsets count in the score of a set.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Run
from assocmem.papers.fenchel_young.random_networks import generators, on_sphere
from assocmem.plotting import NEUTRAL
from assocmem.separations import KSubsets, SequentialKSubsets

N_NETWORKS = {"quick": 10, "paper": 300}
N_PATTERNS, N_UNITS = 7, 20
SIZES = (2, 3)
KINDS = {
    "k-subsets": lambda k, transition: KSubsets(k),
    "sequential": lambda k, transition: SequentialKSubsets(k, transition=transition),
    "sequential, two states": lambda k, transition: SequentialKSubsets(
        k, transition=transition, two_state_regularizer=True
    ),
}
MARKERS = dict(zip(KINDS, "os^", strict=True))
TIED = 1e-9  # beside the margin, where round-off decides
N_SHOWN = 300  # points for each kind


def measure(run: Run) -> xr.Dataset:
    """Cases and violations of every statement, for every kind of sets."""
    rngs = generators(run, "sets", N_NETWORKS[run.scale])
    cases = {kind: [case for rng in rngs for case in _cases(rng, kind)] for kind in KINDS}
    counts = {
        f"set_{name}": ("kind", [int(sum(case[name] for case in found)) for found in cases.values()])
        for name in cases["k-subsets"][0]
        if name.startswith(("n_", "bad_"))
    }
    shown = {}
    for name in ("gap", "distance"):
        values = [np.concatenate([case[name] for case in found]) for found in cases.values()]
        shown[f"set_{name}"] = (
            ("kind", "set_point"),
            np.array([row[:: max(1, row.size // N_SHOWN)][:N_SHOWN] for row in values]),
        )
    return xr.Dataset(counts | shown, {"kind": list(KINDS)})


@cache
def _subsets(k):
    """All sets of k patterns, (set, pattern)."""
    return np.array([np.isin(np.arange(N_PATTERNS), chosen) for chosen in combinations(range(N_PATTERNS), k)], float)


def _cases(rng, kind):
    """Random patterns with sets of every size at a random inverse temperature."""
    for k in SIZES:
        patterns = rng.standard_normal((N_PATTERNS, N_UNITS))
        separation = KINDS[kind](k, rng.uniform(-1.0, 1.0))
        network = HopfieldFenchelYoung(patterns, separation=separation, beta=10.0 ** rng.uniform(-1.5, 0.5))
        yield _check(network, rng)


def _check(network, rng):
    """Statements about all sets of one network: at their sums, at random states and on the surface of their balls."""
    y = _subsets(network.separation.k)
    square_distances = np.square(y[:, None] - y).sum(axis=-1)
    sums, needed = y @ network.patterns, network.separation.margin * square_distances.max(axis=1) / 2.0
    noise = on_sphere(rng, *sums.shape) * np.linalg.norm(sums, axis=1, keepdims=True)
    spare = _lead(network, sums, y) - needed
    diameter, largest = np.sqrt(square_distances.max(axis=1)), np.linalg.norm(network.patterns, axis=1).max()
    reach = np.minimum(np.linalg.norm(network.patterns, 2) * diameter, largest * diameter**2)
    radius = (1.0 - TIED) * np.maximum(spare, 0.0) / (network.beta * reach)
    on_ball = sums + radius[:, None] * on_sphere(rng, *sums.shape)
    moved = sums + rng.uniform(0.0, 0.5, (len(sums), 1)) * noise
    at_sum, at_moved = (_sharp(network, states, y, square_distances) for states in (sums, moved))
    is_promised, moved_is_promised = spare > TIED, _lead(network, moved, y) - needed > TIED
    return {
        "n_fixed": is_promised.sum(),
        "bad_fixed": (is_promised & ~_retrieves(network, sums, y)).sum(),
        "n_one_step": moved_is_promised.sum(),
        "bad_one_step": (moved_is_promised & ~_retrieves(network, moved, y)).sum(),
        "n_ball": is_promised.sum(),
        "bad_ball": (is_promised & ~_retrieves(network, on_ball, y)).sum(),
        **_sharp_counts(at_sum, at_moved),
        "gap": at_moved["gap"],
        "distance": at_moved["distance"],
    }


def _set_scores(network, states, y):
    """Scores (state, set), with those of transitions, times beta."""
    scores = network.beta * network.scores(states) @ y.T
    transition = getattr(network.separation, "transition", 0.0)
    return scores + transition * (y[:, 1:] * y[:, :-1]).sum(axis=1)


def _lead(network, states, y):
    """By how much the score of set i at state i is above that of the best other one (set,)."""
    scores = _set_scores(network, states, y)
    own = np.diagonal(scores).copy()
    np.fill_diagonal(scores, -np.inf)
    return own - scores.max(axis=1)


def _sharp(network, states, y, square_distances):
    """The lead of set i over others at state i, per structured margin, and how far the weights are from the set."""
    scores = _set_scores(network, states, y)
    lead = np.diagonal(scores)[:, None] - scores
    margin = network.separation.margin * square_distances / 2.0
    per_margin = np.divide(lead, margin, out=np.full(lead.shape, np.inf), where=margin > 0)
    distance = np.abs(network.weights(states, threads=1) - y).max(axis=1)
    return {"gap": per_margin.min(axis=1), "distance": distance}


def _sharp_counts(*checks):
    gap, distance = (np.concatenate([check[name] for check in checks]) for name in ("gap", "distance"))
    is_decided, is_exact = np.abs(gap - 1.0) > TIED, distance == 0
    return {
        "n_sharp_in": (gap >= 1.0).sum(),
        "n_sharp_out": (gap < 1.0).sum(),
        "bad_sharp": (is_decided & (is_exact != (gap >= 1.0))).sum(),
    }


def _retrieves(network, states, y):
    """Whether the weights at state i are those of set i, exactly."""
    return np.all(network.weights(states, threads=1) == y, axis=1)


def plot_sets(dataset: xr.Dataset, ax: Axes) -> None:
    """How far weights are from a set, against its structured margin."""
    for kind, marker in MARKERS.items():
        chosen = dataset.sel(kind=kind)
        ax.plot(
            chosen.set_gap,
            chosen.set_distance,
            marker,
            markersize=2,
            alpha=0.6,
            markeredgewidth=0,
            label=kind.split(", ")[-1],
        )
    ax.axvline(1.0, color=NEUTRAL, linewidth=0.7, linestyle=":")
    ax.set(
        xlabel="lead of the set over others\nper structured margin",
        ylabel="largest difference of\nweights from the set",
    )
    ax.set(xlim=(-2.0, 4.0), ylim=(-0.03, 1.03))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """No violations, of the sufficient conditions and of the sharp one."""
    rows = []
    for kind in KINDS:
        chosen = dataset.sel(kind=kind)
        n_in, n_out = int(chosen.set_n_sharp_in), int(chosen.set_n_sharp_out)
        statements = {
            "fixed": f"sums with Delta >= c D^2 / 2 beta are fixed points (violations of {int(chosen.set_n_fixed)})",
            "one_step": f"states with that lead reach the sum in one step (violations of {int(chosen.set_n_one_step)})",
            "ball": f"so do states on the surface of the promised ball (violations of {int(chosen.set_n_ball)})",
            "sharp": f"weights are those of a set iff it has the margin (violations of {n_in} with, {n_out} without)",
        }
        for name, text in statements.items():
            source = "theory" if name == "sharp" else "paper"
            rows.append(Claim(f"{kind}: {text}", source, "at_most", 0.0, float(chosen[f"set_bad_{name}"])))
    return rows
