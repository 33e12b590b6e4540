"""The theorems of the paper, checked on thousands of random memories (section 4, appendix D).

Counted are the cases in which a statement is violated, for what the paper states, for what its proofs arrive at, and
for what is true:

- theorem 4.1 bounds the error of one update near a pattern. As stated, with products between patterns in place of
  those of the state with patterns, it is false; as proved, it holds, and so does a tighter form over visible patterns;
- corollary 4.1.1, that leaving out patterns never raises the error, is false: a pattern that is left out may have
  balanced another one. True is that the weight of the right pattern does not fall;
- corollary 4.1.3, that iterations converge to the pattern itself, is not literally true: the fixed point is beside it.
  Energies fall with a fixed mask and with the top K, and below a contraction factor of 1 the fixed point is unique;
- lemma 4.1, that balls around patterns lead into themselves, is nearly empty with its radius, half of the least
  distance between patterns; with smaller radii it says something, and holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.nonparametric_theory import (
    FORMS,
    contraction_factor,
    keeps_ball,
    retrieval_error_bound,
    separation_radius,
)
from assocmem.masks import FixedMask, TopScores
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import label_panels, make_figure, style

N_CASES = {"quick": 1200, "paper": 20_000}
ROUNDING = 1e-12  # relative to the largest norm
STEPS = 100
KEPT_SHARE = 0.2
BALL_SHARES = (1.0, 0.1, 0.01)  # of half of the least distance
DRAWN_CASES = 800
POINTS = 4  # states at the surface of each ball
# statements: key, what it says, whether it is true
STATEMENTS = {
    "tight": "error bound over visible patterns",
    "proved": "error bound as proved (D.8)",
    "stated": "error bound as stated (theorem 4.1)",
    "no_worse": "a mask does not raise the error (corollary 4.1.1)",
    "top_no_worse": "the top 20 % do not raise it",
    "weight": "a mask does not lower the right weight",
    "energy": "no update with a fixed mask raises the energy",
    "top_energy": "no update with the top K raises the energy",
    "converges": "iteration ends at the pattern (corollary 4.1.3)",
    "fixed_point_bound": "the end obeys the error bound at itself",
    "contraction": "distances shrink by the contraction factor",
    "ball": "balls lead into themselves (lemma 4.1), any radius",
}
TRUE = ("tight", "proved", "weight", "energy", "top_energy", "fixed_point_bound", "contraction", "ball")
FALSE = ("stated", "no_worse", "top_no_worse", "converges")


@dataclass(frozen=True, eq=False)
class Case:
    """A random memory with a state near one of its patterns, and a mask that shows this pattern."""

    patterns: np.ndarray
    beta: float
    target: int
    state: np.ndarray
    visible: np.ndarray

    @property
    def largest_norm(self) -> float:
        """m."""
        return float(np.linalg.norm(self.patterns, axis=1).max())

    def error(self, states: np.ndarray) -> float:
        """Distance from the target."""
        return float(np.linalg.norm(states - self.patterns[self.target]))


def random_case(rng: np.random.Generator) -> Case:
    """Gaussian patterns of 2 to 12 units; the state is in the ball of half of the least distance."""
    n_units, n_patterns = int(rng.integers(2, 13)), int(rng.integers(3, 15))
    patterns = rng.uniform(0.5, 3.0) * rng.standard_normal((n_patterns, n_units))
    beta, target = float(10.0 ** rng.uniform(-1.0, 1.0)), int(rng.integers(n_patterns))
    state = patterns[target] + separation_radius(patterns) * rng.uniform() * _direction(rng, n_units)
    others = np.delete(np.arange(n_patterns), target)
    n_others = int(rng.integers(0, n_patterns))
    visible = np.sort(np.append(rng.choice(others, n_others, replace=False), target))
    return Case(patterns, beta, target, state, visible)


def _direction(rng, n_units):
    vector = rng.standard_normal(n_units)
    return vector / np.linalg.norm(vector)


def compute(run: Run) -> xr.Dataset:
    """Violations and counts of each statement, errors with their bounds, the counterexamples, and what balls hold."""
    seeds = np.random.SeedSequence(run.seed_for("theorems")).spawn(N_CASES[run.scale])
    found = run.map(_checked, seeds, label="memories")
    checks = np.array([[checks.get(name, np.nan) for name in STATEMENTS] for checks, _ in found])
    pairs = np.array([pair for _, pair in found])
    balls = np.array(run.map(_balls, seeds[: len(seeds) // 5], label="balls"))
    counts = balls.sum(axis=0)
    is_ball = list(STATEMENTS).index("ball")
    variables = {
        "violations": ("statement", np.nansum(checks == 0, axis=0)),
        "cases": ("statement", np.isfinite(checks).sum(axis=0)),
        "error": ("case", pairs[:, 0]),
        "bound": (("case", "form"), pairs[:, 1:]),
        "pattern_balls": ("radius_share", counts[:, 0]),
        "kept_balls": ("radius_share", counts[:, 1]),
        "kept_sets": ("radius_share", (balls[:, :, 0] == balls[:, :, 1]).mean(axis=0)),
    }
    variables["violations"][1][is_ball], variables["cases"][1][is_ball] = counts[:, 2].sum(), counts[:, 1].sum()
    variables = {name: (dims, values, {"units": "1"}) for name, (dims, values) in variables.items()}
    coords = {"statement": list(STATEMENTS), "form": list(FORMS), "radius_share": list(BALL_SHARES)}
    return xr.Dataset(variables, coords, _counterexamples())


def _checked(seed) -> tuple[dict[str, bool], tuple[float, ...]]:
    """Whether statements hold in a case, and its error with the bounds (error, *forms)."""
    case = random_case(np.random.default_rng(seed))
    masked, dense, top = _memories(case)
    slack = ROUNDING * case.largest_norm
    errors = [case.error(memory.update(case.state, threads=1)) for memory in (masked, dense, top)]
    checks, bounds = {}, []
    for form in FORMS:
        options = {"beta": case.beta, "visible": case.visible, "form": form}
        bounds.append(retrieval_error_bound(case.state, case.patterns, case.target, **options))
        checks[form] = errors[0] <= bounds[-1] + slack
    weights = [memory.weights(case.state, threads=1) for memory in (masked, dense, top)]
    checks["no_worse"] = errors[0] <= errors[1] + slack
    if weights[2][case.target] > 0:
        checks["top_no_worse"] = errors[2] <= errors[1] + slack
    checks["weight"] = weights[0][case.target] >= weights[1][case.target] - ROUNDING
    return {**checks, **_dynamics(case, masked, top, slack)}, (errors[0], *bounds)


def _memories(case):
    masks = (FixedMask(case.visible), None, TopScores(fraction=KEPT_SHARE))
    return tuple(NonparametricHopfield(case.patterns, beta=case.beta, mask=mask) for mask in masks)


def _dynamics(case, masked, top, slack):
    """Energies along updates, the end of the iteration, and distances of two states."""
    checks = {}
    for name, memory in (("energy", masked), ("top_energy", top)):
        states = [case.state]
        for _ in range(10):
            states.append(memory.update(states[-1], threads=1))
        energies = memory.energy(np.array(states), threads=1)
        # energies are differences of numbers as large as squared norms
        checks[name] = np.diff(energies).max() <= 10 * ROUNDING * (1.0 + case.largest_norm**2)
    end = masked.retrieve(case.state[None], steps=STEPS, tol=0.0, threads=1).state.to_numpy()[0]
    if _is_steady(masked, end, slack) and case.visible.size > 1:
        if case.error(end) < separation_radius(case.patterns):
            checks["converges"] = case.error(end) <= slack
        bound = retrieval_error_bound(end, case.patterns, case.target, beta=case.beta, visible=case.visible)
        checks["fixed_point_bound"] = case.error(end) <= bound + 10 * slack
    pair = np.array([case.state, case.patterns[case.target]])
    shrunk = np.linalg.norm(np.diff(masked.update(pair, threads=1), axis=0))
    factor = contraction_factor(case.patterns[case.visible], beta=case.beta)
    checks["contraction"] = shrunk <= factor * case.error(case.state) + slack
    return checks


def _is_steady(memory, state, slack):
    return np.linalg.norm(memory.update(state, threads=1) - state) <= slack


def _balls(seed):
    """(patterns, balls that the lemma keeps, of these violated) for each radius (radius_share, 3), at a large beta."""
    rng = np.random.default_rng(seed)
    case = random_case(rng)
    patterns = case.patterns / np.linalg.norm(case.patterns, axis=1, keepdims=True)
    beta, radius = 100.0 * case.beta, separation_radius(patterns)
    memory, counts = NonparametricHopfield(patterns, beta=beta), []
    for share in BALL_SHARES:
        is_kept = keeps_ball(patterns, share * radius, beta=beta)
        steps = np.array([_direction(rng, patterns.shape[1]) for _ in range(POINTS)]) * share * radius
        after = memory.update(patterns[:, None] + steps, threads=1)
        distances = np.linalg.norm(after - patterns[:, None], axis=-1).max(axis=1)
        counts.append((len(patterns), is_kept.sum(), np.sum(is_kept & (distances > share * radius + ROUNDING))))
    return counts


def _counterexamples():
    """The two exact counterexamples, as attrs."""
    patterns = np.array([[0.38, 2.71], [3.07, -1.76], [-2.22, -1.08]])
    state = np.array([2.11, 1.2])
    memory = NonparametricHopfield(patterns, beta=2.0)
    attrs = {
        "stated_error": float(np.linalg.norm(memory.update(state, threads=1) - patterns[0])),
        "stated_bound": retrieval_error_bound(state, patterns, 0, beta=2.0, form="stated"),
        "stated_distance": float(np.linalg.norm(state - patterns[0])),
        "stated_radius": separation_radius(patterns),
    }
    patterns = np.array([[0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
    for name, mask in (("dense", None), ("masked", FixedMask(np.array([0, 1])))):
        memory = NonparametricHopfield(patterns, beta=1.0, mask=mask)
        attrs[f"{name}_error"] = float(np.linalg.norm(memory.update(patterns[0], threads=1) - patterns[0]))
    return attrs


def plot(dataset: xr.Dataset) -> Figure:
    """Violations of each statement, errors against the bounds, and balls that the lemma keeps."""
    with style():
        figure, axes = make_figure(1, 3, height=75)
        share = dataset.violations / dataset.cases
        rows = np.arange(len(STATEMENTS))
        colours = ["#0072B2" if name in TRUE else "#D55E00" for name in STATEMENTS]
        axes[0].barh(rows, share, color=colours)
        for row, name in zip(rows, STATEMENTS, strict=True):
            count = f"{int(dataset.violations.sel(statement=name))} / {int(dataset.cases.sel(statement=name))}"
            axes[0].annotate(count, (float(share[row]), row), (3, 0), textcoords="offset points", va="center", size=6)
        axes[0].set(yticks=rows, yticklabels=STATEMENTS.values(), xlabel="share violated", ylim=(rows[-1] + 0.6, -0.6))
        axes[0].set_xlim(0, 1.35)
        drawn = dataset.isel(case=slice(0, DRAWN_CASES)).clip(1e-12)
        for form, colour in zip(FORMS[::-1], ("#D55E00", "0.6", "#0072B2"), strict=True):
            axes[1].plot(drawn.bound.sel(form=form), drawn.error, ".", color=colour, markersize=2, label=form)
        axes[1].plot((1e-12, 1e3), (1e-12, 1e3), color="k", linewidth=0.8)
        limits = {"xlim": (3e-13, 1e3), "ylim": (3e-13, 1e3)}
        axes[1].set(xscale="log", yscale="log", xlabel="bound", ylabel="error of one update", **limits)
        axes[1].legend(markerscale=4, loc="upper left")
        kept = dataset.kept_balls / dataset.pattern_balls
        for shift, values, label, colour in (
            (-0.2, kept, "balls", "0.6"),
            (0.2, dataset.kept_sets, "all of a memory", "k"),
        ):
            axes[2].bar(np.arange(len(BALL_SHARES)) + shift, values, 0.4, color=colour, label=label)
        axes[2].set(xticks=range(len(BALL_SHARES)), xticklabels=[f"{share:g}" for share in BALL_SHARES], ylim=(0, 1))
        axes[2].set(xlabel="radius / $R$", ylabel="share that lemma 4.1 keeps")
        axes[2].legend(loc="upper left")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What is true has no violations, what is false has some, and the exact counterexamples."""
    rows = []
    for name, words in STATEMENTS.items():
        violated, n = (int(dataset[v].sel(statement=name)) for v in ("violations", "cases"))
        if name in TRUE:
            rows.append(Claim(f"{words}: violations in {n} cases", "theory", "at_most", 0, violated))
        else:
            rows.append(Claim(f"{words}: violations in {n} cases", "paper", "at_most", 0, violated))
    a, kept = dataset.attrs, dataset.kept_balls / dataset.pattern_balls
    vacuous = "memories of unit patterns all of whose balls of half of the least distance lemma 4.1 keeps, share"
    rounding = "rounding, and three digits of the example"
    return [
        *rows,
        Claim("example against theorem 4.1: distance of the state over R", "theory", "at_most", 1.0, _in_ball(a)),
        Claim("example against theorem 4.1: error", "earlier run", "close", 3.397, a["stated_error"], 1e-3, rounding),
        Claim(
            "example against theorem 4.1: stated bound",
            *("earlier run", "close", 3.2e-6, a["stated_bound"], 1e-7, rounding),
        ),
        Claim("example against corollary 4.1.1: dense error", "theory", "close", 0.0, a["dense_error"], ROUNDING),
        Claim("example against corollary 4.1.1: masked error", "theory", "close", 0.5, a["masked_error"], ROUNDING),
        Claim(vacuous, "theory", "at_most", 0.01, float(dataset.kept_sets[0])),
        Claim("balls of a hundredth of it that lemma 4.1 keeps, share", "control", "at_least", 0.1, float(kept[-1])),
    ]


def _in_ball(attrs):
    return attrs["stated_distance"] / attrs["stated_radius"]


EXPERIMENT = Experiment("theory", "theorems on random memories: what holds and what does not", compute, plot, claims)
