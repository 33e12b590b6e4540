"""How many patterns softmax retrieves from noisy cues, against the number of units: exponentially many.

Random patterns of norm sqrt(N), on a sphere or of signs, are cued with noise of a fixed relative size: the cosine of
cue and pattern is 1/2 at any N. Retrieved is a pattern that has two thirds of the weight after one step. With a large
inverse temperature the weight of the others is condensed on the nearest patterns, and P grows as exp(I(m) N), the
capacity of the channel that makes the cues, whatever beta is; with a small one it is spread over very many patterns,
and the rate is lower. For the random energy model and the exact probability at any N see
`assocmem.analysis.exponential_capacity`: with it thresholds are compared through the same fit.

The number itself has a power of N before the exponential: sqrt(N) where the sum is condensed, as the nearest of P
patterns decides, and none where the mean of the sum does. It is taken off before rates are extrapolated to many units.

Beside it stands retrieval by updates until nothing changes, with a state of a cosine of 0.95 to the pattern. Where the
sum is condensed, the nearest pattern should win.

References
----------
Lucibello & Mezard (2024), The exponential capacity of dense associative memories, PRL 132, 077301.
Ramsauer et al. (2021), Hopfield networks is all you need, ICLR.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import brentq

from assocmem.analysis.capacity import Criterion, capacity_curve, capacity_threshold, extrapolated_capacity
from assocmem.analysis.exponential_capacity import (
    critical_gain,
    exponential_capacity,
    nearest_probability,
    overlap_cost,
    retrieval_probability,
    typical_capacity,
)
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import colours, label_panels, make_figure, style
from assocmem.separations import Softmax, associate

OVERLAP, WEIGHT, LEAST_COSINE = 0.5, 2.0 / 3.0, 0.95
UNITS = {  # a quarter of them is flipped; for condensed and for spread sums
    "quick": ((20, 28, 36), (60, 72, 84)),
    "paper": ((20, 28, 36, 44, 52, 60), (60, 72, 84, 96, 104, 112)),
}
STEPS = (-2.0, -1.2, -0.6, 0.0, 0.5, 1.0)  # of log P from where half is expected
N_CUES = 32
WIDTH = {"quick": 0.08, "paper": 0.035}
MOST_SETS = {"quick": 12, "paper": 80}
N_DRAWS = {"quick": 30, "paper": 100}
POWER = 0.5  # power of N before the exponential where the sum is condensed
UPDATES = 50
RATE = {"units": "log patterns / unit"}


@dataclass(frozen=True)
class Condition:
    """Patterns, an inverse temperature, and whether updates go on until nothing changes."""

    ensemble: str
    beta: float
    is_converged: bool = False

    @property
    def gain(self) -> float:
        """Inverse temperature times the norm of a cue per sqrt(N); noise is orthogonal to the pattern on a sphere."""
        return self.beta / OVERLAP if self.ensemble == "sphere" else self.beta

    @property
    def is_condensed(self) -> bool:
        """Whether the nearest of the other patterns have all of the weight of the others."""
        return self.gain >= critical_gain(OVERLAP, ensemble=self.ensemble)

    @property
    def law(self) -> dict:
        """Arguments of the theory."""
        return {"gain": self.gain, "overlap": OVERLAP, "ensemble": self.ensemble}

    def units(self, scale: str) -> tuple[int, ...]:
        """Numbers of units, with up to 150 000 patterns."""
        return UNITS[scale][0 if self.is_condensed else 1]

    def probability(self, n_patterns: float, n_units: int) -> float:
        """Of retrieval; where it converges, that of the nearest pattern."""
        if self.is_converged:
            return nearest_probability(n_patterns, n_units, overlap=OVERLAP, ensemble=self.ensemble)
        return retrieval_probability(n_patterns, n_units, weight=WEIGHT, **self.law)

    def half(self, n_units: int) -> float:
        """Number of patterns at which that is 1/2."""
        if self.is_converged:
            return float(np.exp(brentq(lambda x: self.probability(np.exp(x), n_units) - 0.5, 0.0, n_units)))
        return typical_capacity(n_units, weight=WEIGHT, **self.law)


CONDITIONS = {
    "sphere, condensed": Condition("sphere", 1.0),
    "sphere, converged": Condition("sphere", 1.0, is_converged=True),
    "sphere, spread": Condition("sphere", 0.15),
    "signs, condensed": Condition("signs", 1.0),
    "signs, converged": Condition("signs", 1.0, is_converged=True),
    "signs, spread": Condition("signs", 0.2),
}
_LOOKS = {
    "sphere, condensed": {"color": "#0072B2", "marker": "o"},
    "sphere, converged": {"color": "#0072B2", "marker": "o", "markerfacecolor": "none"},
    "sphere, spread": {"color": "#56B4E9", "marker": "s"},
    "signs, condensed": {"color": "#D55E00", "marker": "^"},
    "signs, converged": {"color": "#D55E00", "marker": "^", "markerfacecolor": "none"},
    "signs, spread": {"color": "#E69F00", "marker": "v"},
}


def patterns_of(ensemble: str, n_units: int, n_patterns: int, seed: int) -> np.ndarray:
    """Random patterns (pattern, unit) of norm sqrt(n_units)."""
    x = np.random.default_rng(seed).standard_normal((n_patterns, n_units))
    if ensemble == "signs":
        return np.where(x < 0, -1.0, 1.0)
    return x * (np.sqrt(n_units) / np.linalg.norm(x, axis=1, keepdims=True))


def cues_of(ensemble: str, patterns: np.ndarray, seed: int) -> np.ndarray:
    """Cues (cue, unit) of the first patterns, whose cosine with them is 1/2 exactly."""
    x, rng = patterns[:N_CUES], np.random.default_rng(seed)
    n_units = x.shape[1]
    if ensemble == "signs":
        flipped = rng.permuted(np.tile(np.arange(n_units), (len(x), 1)), axis=1) < (1 - OVERLAP) / 2 * n_units
        return np.where(flipped, -x, x)
    noise = rng.standard_normal(x.shape)
    noise -= x * (np.sum(noise * x, axis=1, keepdims=True) / n_units)
    noise *= np.sqrt(n_units * (OVERLAP**-2 - 1.0)) / np.linalg.norm(noise, axis=1, keepdims=True)
    return x + noise


def own_part(patterns: np.ndarray, cues: np.ndarray, seed: int, *, beta: float) -> np.ndarray:
    """What is of its own pattern in the mixture after one step (cue, unit)."""
    # patterns evoke labels of those that are cued, so that weights of all patterns need not exist
    labels = np.eye(len(patterns), len(cues))
    weights = np.diagonal(associate(Softmax(), cues, patterns, labels, beta=beta, threads=1))
    return weights[:, None] * patterns[: len(cues)]


def converged(patterns: np.ndarray, cues: np.ndarray, seed: int, *, beta: float) -> np.ndarray:
    """States (cue, unit) after updates until nothing changes."""
    network = HopfieldFenchelYoung(patterns, separation=Softmax(), beta=beta)
    return network.retrieve(cues, steps=UPDATES, tol=1e-6, threads=1).state.values


def has_weight(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Whether what is left of a pattern has enough of its norm."""
    return np.sum(states * patterns, axis=1) >= WEIGHT * np.sum(patterns * patterns, axis=1)


def is_near(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Whether the cosine is large enough."""
    norms = np.linalg.norm(states, axis=1) * np.linalg.norm(patterns, axis=1)
    return np.sum(states * patterns, axis=1) >= LEAST_COSINE * norms


ONE_STEP = own_part, Criterion("two thirds of the weight after one step", has_weight)
CONVERGED = converged, Criterion("cosine of at least 0.95 where nothing changes any more", is_near)


def compute(run: Run) -> xr.Dataset:
    """Curves, thresholds with those of the theory, and rates extrapolated to many units."""
    cells = [(name, n) for name, condition in CONDITIONS.items() for n in condition.units(run.scale)]
    order = sorted(cells, key=lambda cell: -cell[1])  # the largest first: no thread is left with one at the end
    parts = dict(zip(order, run.map(lambda cell: _cell(*cell, run), order, label="curves"), strict=True))
    rows = []
    for name, condition in CONDITIONS.items():
        found = [parts[name, n] for n in condition.units(run.scale)]
        curves = xr.concat([curve for curve, _ in found], "size")
        rows.append(curves.assign(_limit(condition, curves, [threshold for _, threshold in found])))
    dataset = xr.concat(rows, xr.DataArray(list(CONDITIONS), dims="condition"))
    coords = {"step": ("step", list(STEPS), {"units": "1"})}
    return dataset.assign_coords(coords).assign_attrs(overlap=OVERLAP, weight=WEIGHT)


def _cell(name, n_units, run):
    """The curve of a condition at one number of units with that of the theory, and the threshold."""
    condition = CONDITIONS[name]
    curve = _curve(condition, n_units, run)
    threshold = capacity_threshold(curve, scale="log", n_bootstrap=N_DRAWS[run.scale])
    theory = xr.DataArray([condition.probability(int(p), n_units) for p in curve.n_patterns], dims="n_patterns")
    # the fit has a shape of its own, and goes through both
    expected = curve.assign(retrieved=theory, n_retrieved=theory * curve.n_cued)
    theory_threshold = capacity_threshold(expected, scale="log", n_bootstrap=2).threshold
    values = {name: ("step", curve[name].values, {"units": "1"}) for name in ("retrieved", "low", "high", "n_patterns")}
    values |= {"theory": ("step", theory.values, {"units": "1"}), "n_units": ((), n_units, {"units": "1"})}
    values |= {name: threshold[name].variable for name in ("threshold", "threshold_error")}
    return xr.Dataset(values | {"theory_threshold": theory_threshold.variable}), threshold


def _curve(condition, n_units, run):
    recall, criterion = CONVERGED if condition.is_converged else ONE_STEP
    return capacity_curve(
        partial(recall, beta=condition.beta),
        np.rint(condition.half(n_units) * np.exp(STEPS)).astype(int).tolist(),
        make_patterns=partial(patterns_of, condition.ensemble, n_units),
        make_cues=partial(cues_of, condition.ensemble),
        criterion=criterion,
        n_cues=N_CUES,
        width=WIDTH[run.scale],
        most_sets=MOST_SETS[run.scale],
        seed=run.seed_for(f"exponential capacity {condition} {n_units}"),
    )


def _limit(condition, curves, thresholds):
    """The rate for many units, with that of the random energy model, and what a line in 1 / N misses of it."""
    asymptotic = exponential_capacity(condition.gain, OVERLAP, ensemble=condition.ensemble)
    power = [_power(condition, threshold.attrs["n_units"]) for threshold in thresholds]
    names = ("threshold", "threshold_draws")
    limit = extrapolated_capacity(
        [t.assign({name: t[name] - shift for name in names}) for t, shift in zip(thresholds, power, strict=True)]
    )
    exact = curves.theory_threshold.values - power
    _, at_infinity = np.polyfit(1.0 / curves.n_units.values, exact, 1, w=1.0 / curves.threshold_error.values)
    return {
        **{name: limit[name].variable for name in ("capacity", "capacity_error", "chi_square")},
        "asymptotic": ((), asymptotic, RATE),
        "missed": ((), abs(at_infinity - asymptotic), RATE),
        "gain": ((), condition.gain, {"units": "1"}),
    }


def _power(condition, n_units):
    """Logarithm, per unit, of the power of N before the exponential."""
    return POWER * np.log(n_units) / n_units if condition.is_condensed else 0.0


def plot(dataset: xr.Dataset) -> Figure:
    """Curves of one condition, numbers of patterns against units, and rates against the gain."""
    with style():
        figure, axes = make_figure(1, 3, height=70)
        _plot_curves(dataset, "sphere, condensed", axes[0])
        _plot_numbers(dataset, axes[1])
        _plot_rates(dataset, axes[2])
        label_panels(axes)
    return figure


def _plot_curves(dataset, name, ax):
    part = dataset.sel(condition=name)
    for k, colour in enumerate(colours(part.sizes["size"])):
        row = part.isel(size=k)
        limits = np.maximum(np.stack([row.retrieved - row.low, row.high - row.retrieved]), 0)
        ax.errorbar(row.n_patterns, row.retrieved, limits, fmt="o", color=colour, markersize=2.5, elinewidth=0.7)
        numbers, n_units = np.geomspace(*row.n_patterns.values[[0, -1]], 30), int(row.n_units)
        ax.plot(numbers, [CONDITIONS[name].probability(p, n_units) for p in numbers], color=colour, label=f"{n_units}")
    ax.set(xscale="log", xlabel="patterns $P$", ylabel="retrieved in one step", ylim=(-0.03, 1.03), title=name)
    ax.set_xlim(right=40 * float(part.n_patterns.max()))  # room for the legend
    ax.legend(title="units", loc="upper right")


def _plot_numbers(dataset, ax):
    for name in dataset.condition.values:
        part, looks = dataset.sel(condition=name), _LOOKS[name]
        number = np.exp(part.threshold * part.n_units)
        error = number * part.threshold_error * part.n_units
        ax.errorbar(part.n_units, number, error, linestyle="none", elinewidth=0.7, label=name, **looks)
        if not CONDITIONS[name].is_converged:
            ax.plot(part.n_units, np.exp(part.theory_threshold * part.n_units), color=looks["color"], linewidth=0.8)
    ax.set(yscale="log", xlabel="units $N$", ylabel="patterns $P$, half of them retrieved")
    ax.set_ylim(3, 1e7)
    ax.legend(loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.2)


def _plot_rates(dataset, ax):
    gains = np.linspace(0.05, 2.3, 200)
    for ensemble, colour in (("sphere", "#0072B2"), ("signs", "#D55E00")):
        rates = [exponential_capacity(gain, OVERLAP, ensemble=ensemble) for gain in gains]
        ax.plot(gains, rates, color=colour, label=ensemble)
        critical = critical_gain(OVERLAP, ensemble=ensemble)
        ax.plot([critical] * 2, [0, overlap_cost(OVERLAP, ensemble=ensemble)], ":", color=colour, linewidth=0.8)
    for name in dataset.condition.values:
        part, looks = dataset.sel(condition=name), _LOOKS[name]
        ax.errorbar(part.gain, part.capacity, 2 * part.capacity_error, linestyle="none", capsize=2, **looks)
    ax.set(xlabel=r"gain $g$", ylabel=r"$\log P$ per unit, $N \to \infty$", ylim=(0, 0.18))
    ax.legend(title="random energy model", loc="lower right")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Thresholds and rates by the theory, and growth along a line."""
    rows = [
        claim for name in dataset.condition.values for claim in _condition_claims(name, dataset.sel(condition=name))
    ]
    one = dataset.sel(condition=[name for name in dataset.condition.values if not CONDITIONS[name].is_converged])
    holds = (one.low <= one.theory) & (one.theory <= one.high)
    error = 3 * np.sqrt(0.95 * 0.05 / holds.size)
    text = f"one step: points of the curves whose 95 % interval holds the exact probability, of {holds.size}"
    reason = "three standard errors of a share"
    return [*rows, Claim(text, "theory", "at_least", 0.95, float(holds.mean()), error, reason)]


def _condition_claims(name, part):
    away = np.abs((part.threshold - part.theory_threshold) / part.threshold_error)
    log_number = part.threshold * part.n_units
    theory = "that of the nearest pattern" if CONDITIONS[name].is_converged else "the exact one"
    return [
        Claim(
            f"{name}: threshold against {theory} through the same fit, largest difference in standard errors",
            *("theory", "at_most", 0.0, float(away.max()), 3.0, f"three, for {away.size} numbers of units"),
        ),
        Claim(
            f"{name}: log P per unit for many units, against the random energy model",
            *("other paper", "close", float(part.asymptotic), float(part.capacity)),
            3 * float(part.capacity_error) + float(part.missed),
            f"three standard errors, and {float(part.missed):.1g} that a line in 1 / N misses of the exact law",
        ),
        *(_growth_claims(name, part.n_units.values, log_number.values) if part.sizes["size"] > 2 else []),
    ]


def _growth_claims(name, n_units, log_number):
    of_units, of_logarithm = (np.polyfit(x, log_number, 1, full=True)[1][0] for x in (n_units, np.log(n_units)))
    text = f"{name}: P grows exponentially with N, not as a power (misfit of log P over N, by that over log N)"
    return [Claim(text, "other paper", "at_most", 0.5, float(of_units / of_logarithm))]


EXPERIMENT = Experiment(
    "exponential_capacity", "patterns that softmax retrieves: exponential in the units", compute, plot, claims
)
