"""Exact retrieval in one step by separations with a margin, against the number of patterns.

Sparse separations give all of the weight to one pattern as soon as its score is above all others by m / beta, with the
margin m: 1 for sparsemax and normmax, 1 / (alpha - 1) for entmax, and none for softmax, which never retrieves exactly.
So the share of cues that are retrieved is the probability of a gap, which needs no network: it is known cue by cue from
products of the patterns, and over random patterns on a sphere from the law of the largest of P - 1 overlaps. That is
exact for any number of units; for many patterns it is the Gumbel law of extreme values, with the constants of overlaps
on a sphere. (The constants of normal products do not do: log P is of the order of the units, where overlaps, which end
at 1, have lighter tails.)

Cues are the patterns themselves (are they fixed points?), or patterns with noise that is orthogonal to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import brentq

from assocmem.analysis.capacity import Criterion, capacity_curve, capacity_threshold
from assocmem.analysis.exponential_capacity import exact_retrieval_probability, extreme_value_probability
from assocmem.analysis.proportions import grouped_proportion
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.studies.exponential_capacity import patterns_of
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.separations import Entmax, Normmax, Separation, Softmax, Sparsemax

SEPARATIONS: dict[str, Separation] = {
    "1.5-entmax": Entmax(1.5),
    "1.75-entmax": Entmax(1.75),
    "sparsemax": Sparsemax(),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
}
EQUAL = ("sparsemax", "2-normmax", "5-normmax")  # of one margin
STEPS = (-2.0, -1.2, -0.6, 0.0, 0.5, 1.0)  # of log P from where half is expected
N_CUES = 32
WIDTH = {"quick": 0.1, "paper": 0.04}
MOST_SETS = {"quick": 8, "paper": 80}
N_DRAWS = {"quick": 15, "paper": 100}
LAWS = {
    "exact": exact_retrieval_probability,
    "gumbel": extreme_value_probability,
    "normal": partial(extreme_value_probability, products="normal"),
}
TIED = 1e-9  # relative distance from the margin below which round-off decides
SOFTMAX_PATTERNS = (2, 10, 100)


@dataclass(frozen=True)
class Cues:
    """Noise of cues, and the inverse temperature times the squared norm of a pattern.

    Parameters
    ----------
    overlap : float in (0, 1]
        Cosine of cue and pattern.
    strength : float, > 0
        beta N; the score of the pattern of the cue, which orthogonal noise does not change.
    units : dict of int
        For each scale.
    """

    overlap: float
    strength: float
    units: dict[str, int] = field(compare=False)

    def probability(self, n_patterns: float, n_units: int, margin: float, law=exact_retrieval_probability) -> float:
        """Of exact retrieval."""
        gain = self.strength / (n_units * self.overlap)
        return law(n_patterns, n_units, gain=gain, overlap=self.overlap, margin=margin)

    def half(self, n_units: int, margin: float) -> float:
        """Number of patterns at which that is 1/2, as overlaps are independent."""
        return 1.0 + np.log(0.5) / np.log(self.probability(2, n_units, margin))

    def excess(self, n_units: int, margin: float, law) -> float:
        """Logarithm of the number of patterns of which another law has half retrieved, less that of the exact one."""
        exact = np.log(self.half(n_units, margin))
        return float(brentq(lambda x: self.probability(np.exp(x), n_units, margin, law) - 0.5, np.log(4), 30.0) - exact)

    def median_gap(self, n_patterns: int, n_units: int) -> float:
        """The median of beta times the gap between the score of the pattern and the largest other one."""
        limits = (0.0, self.strength) if self.overlap == 1.0 else (0.0, self.strength * (1.0 + 1.0 / self.overlap))
        return float(brentq(lambda gap: self.probability(n_patterns, n_units, gap) - 0.5, *limits))


KINDS = {
    "patterns with noise": Cues(0.7, 8.0, {"quick": 28, "paper": 34}),
    "patterns": Cues(1.0, 3.5, {"quick": 20, "paper": 24}),
}
_LOOKS = dict(
    zip(
        SEPARATIONS,
        (("#D55E00", "o"), ("#E69F00", "s"), ("#0072B2", "^"), ("#56B4E9", "v"), ("#009E73", "+")),
        strict=True,
    )
)


on_sphere = partial(patterns_of, "sphere")  # (n_units, n_patterns, seed) -> patterns of norm sqrt(n_units)


def noisy(overlap: float, patterns: np.ndarray, seed: int) -> np.ndarray:
    """The first patterns (cue, unit) with orthogonal noise, of this cosine to them."""
    x = patterns[:N_CUES]
    noise = np.random.default_rng(seed).standard_normal(x.shape)
    noise -= x * (np.sum(noise * x, axis=1) / np.sum(x * x, axis=1))[:, None]
    size = np.linalg.norm(x, axis=1, keepdims=True) * np.sqrt(overlap**-2 - 1.0)
    return x + noise * (size / np.linalg.norm(noise, axis=1, keepdims=True))


def exactly(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Whether states are patterns, bit by bit."""
    return np.all(states == patterns, axis=1)


EXACT = Criterion("state equal to the pattern after one step", exactly)


@dataclass
class Recall:
    """One step of a network, which notes the gaps of scores by NumPy and whether they tell what is retrieved."""

    separation: Separation
    beta: float
    gaps: dict[int, list[np.ndarray]] = field(default_factory=dict)
    n_compared: int = 0
    n_wrong: int = 0

    def __call__(self, patterns: np.ndarray, cues: np.ndarray, seed: int) -> np.ndarray:
        network = HopfieldFenchelYoung(patterns, separation=self.separation, beta=self.beta)
        states = network.update(cues, threads=1)
        scores = cues @ patterns.T
        own = np.diagonal(scores).copy()
        np.fill_diagonal(scores, -np.inf)
        gaps = self.beta * (own - scores.max(axis=1))
        is_promised, margin = gaps >= self.separation.margin, self.separation.margin
        is_decided = np.abs(gaps - margin) > TIED * margin
        self.n_compared += int(is_decided.sum())
        self.n_wrong += int(np.sum(is_decided & (is_promised != exactly(states, patterns[: len(cues)]))))
        self.gaps.setdefault(len(patterns), []).append(gaps)
        return states


def compute(run: Run) -> xr.Dataset:
    """Curves with those of both laws, thresholds, cues that the gap tells wrongly, and gaps."""
    cells = [(kind, name) for kind in KINDS for name in SEPARATIONS]
    found = run.map(lambda cell: _cell(*cell, run), cells, label="separations")
    parts = dict(zip(cells, found, strict=True))
    rows = [xr.concat([parts[kind, name] for name in SEPARATIONS], "separation") for kind in KINDS]
    dataset = xr.concat(rows, "kind").assign_coords(kind=list(KINDS), separation=list(SEPARATIONS))
    dataset["step"] = ("step", list(STEPS), {"units": "1"})
    dataset["softmax"] = (("kind", "n_softmax"), [_softmax(kind, run) for kind in KINDS.values()], {"units": "1"})
    return dataset.assign_coords(n_softmax=("n_softmax", list(SOFTMAX_PATTERNS), {"units": "1"}))


def _cell(kind, name, run):
    """One separation with one kind of cues."""
    cues, separation = KINDS[kind], SEPARATIONS[name]
    n_units, margin = cues.units[run.scale], separation.margin
    recall = Recall(separation, cues.strength / n_units)
    curve = capacity_curve(
        recall,
        np.rint(cues.half(n_units, margin) * np.exp(STEPS)).astype(int).tolist(),
        make_patterns=partial(on_sphere, n_units),
        make_cues=None if cues.overlap == 1.0 else partial(noisy, cues.overlap),
        criterion=EXACT,
        n_cues=N_CUES,
        width=WIDTH[run.scale],
        most_sets=MOST_SETS[run.scale],
        seed=run.seed_for(f"sparse margin {kind}"),  # the same for all separations: they see the same cues
    )
    numbers = curve.n_patterns.values
    laws = {name: [cues.probability(int(p), n_units, margin, law) for p in numbers] for name, law in LAWS.items()}
    threshold = capacity_threshold(curve, scale="log", n_bootstrap=N_DRAWS[run.scale])
    data = {name: curve[name].values for name in ("retrieved", "low", "high", "n_patterns")}
    data |= laws | _gaps(recall, numbers, cues, n_units)
    values = {name: ("step", value, {"units": "1"}) for name, value in data.items()}
    scalars = {"margin": margin, "n_units": n_units, "n_compared": recall.n_compared, "n_wrong": recall.n_wrong}
    values |= {name: ((), value, {"units": "1"}) for name, value in scalars.items()}
    values |= {name: threshold[name].variable for name in ("threshold", "threshold_error")}
    values["exact_threshold"] = _expected(curve, laws["exact"]).variable
    for law in ("gumbel", "normal"):
        values[f"{law}_excess"] = ((), cues.excess(n_units, margin, LAWS[law]), {"units": "1"})
    return xr.Dataset(values)


def _expected(curve, probabilities):
    """Threshold of a law by the same fit."""
    p = xr.DataArray(probabilities, dims="n_patterns")
    expected = curve.assign(retrieved=p, n_retrieved=p * curve.n_cued)
    return capacity_threshold(expected, scale="log", n_bootstrap=2).threshold


def _gaps(recall, numbers, cues, n_units):
    """Median gaps with those of the exact law, and the share of gaps below that, with as many independent ones."""
    rows = []
    for n_patterns in numbers:
        gaps, exact = recall.gaps[int(n_patterns)], cues.median_gap(int(n_patterns), n_units)
        # two patterns that are near each other make two small gaps
        below = np.array([np.sum(g < exact) for g in gaps])
        share, _, _, n_effective = grouped_proportion(below, np.array([g.size for g in gaps]))
        rows.append((np.median(np.concatenate(gaps)), exact, share, n_effective))
    return dict(zip(("gap", "exact_gap", "share_below", "n_effective"), np.transpose(rows), strict=True))


def _softmax(cues, run):
    """Share of cues that softmax retrieves exactly, for few and for many patterns."""
    n_units = cues.units[run.scale]
    shares = []
    for n_patterns in SOFTMAX_PATTERNS:
        patterns = on_sphere(n_units, n_patterns, run.seed_for("softmax patterns"))
        states = noisy(cues.overlap, patterns, run.seed_for("softmax cues"))
        network = HopfieldFenchelYoung(patterns, separation=Softmax(), beta=cues.strength / n_units)
        shares.append(np.mean(exactly(network.update(states, threads=1), patterns[:N_CUES])))
    return shares


def plot(dataset: xr.Dataset) -> Figure:
    """Curves of both kinds of cues with both laws, and the gap against the number of patterns."""
    with style():
        figure, axes = make_figure(1, 3, height=75)
        for kind, ax in zip(KINDS, axes, strict=False):
            _plot_curves(dataset.sel(kind=kind), ax)
            ax.set_title(f"cues: {kind}")
        _plot_gaps(dataset.sel(kind="patterns"), axes[2])
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, ncols=4, loc="outside lower center")
        label_panels(axes)
    return figure


def _plot_curves(part, ax):
    for name, (colour, marker) in _LOOKS.items():
        row = part.sel(separation=name)
        limits = np.maximum(np.stack([row.retrieved - row.low, row.high - row.retrieved]), 0)
        looks = {"color": colour, "fmt": marker, "elinewidth": 0.7, "markersize": 5 if marker == "+" else 3.5}
        ax.errorbar(row.n_patterns, row.retrieved, limits, label=name, **looks)
        if name not in EQUAL[1:]:
            ax.plot(row.n_patterns, row.exact, color=colour)
            ax.plot(row.n_patterns, row.gumbel, "--", color=colour)
            ax.plot(row.n_patterns, row.normal, ":", color=colour)
    ax.plot([], [], color="black", label="exact law")
    ax.plot([], [], "--", color="black", label="Gumbel law")
    ax.plot([], [], ":", color="black", label="that of normal products")
    ax.set(xscale="log", xlabel="patterns $P$", ylabel="retrieved exactly in one step", ylim=(-0.03, 1.03))


def _plot_gaps(part, ax):
    for name in ("1.5-entmax", "1.75-entmax", "sparsemax"):
        colour, marker = _LOOKS[name]
        row = part.sel(separation=name)
        ax.plot(row.n_patterns, row.gap, marker, color=colour)
        ax.plot(row.n_patterns, row.exact_gap, color=colour)
        ax.axhline(float(row.margin), color=colour, linewidth=0.7, linestyle="--")
    ax.text(0.98, 0.98, "dashed: margins", transform=ax.transAxes, ha="right", va="top", color=NEUTRAL)
    ax.set(xscale="log", xlabel="patterns $P$", ylabel=r"median of $\beta\Delta$", ylim=(0, None))
    ax.set_title("gap of patterns")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Cue by cue, against both laws, the order of separations, softmax, and the gap."""
    away = np.abs((dataset.threshold - dataset.exact_threshold) / dataset.threshold_error)
    holds = (dataset.low <= dataset.exact) & (dataset.exact <= dataset.high)
    # curves of equal margins are of the same cues
    own_cues = [name for name in SEPARATIONS if name not in EQUAL[1:]]
    distinct = holds.sel(separation=own_cues)
    n = distinct.size
    equal = dataset.retrieved.sel(separation=list(EQUAL))
    order = [dataset.threshold.sel(separation=name) for name in ("1.5-entmax", "1.75-entmax", "sparsemax")]
    steps = min(float(((b - a) * dataset.n_units).min()) for a, b in zip(order, order[1:], strict=False))
    square = (4 * (dataset.share_below - 0.5) ** 2 * dataset.n_effective).sel(separation=own_cues)
    return [
        Claim(
            "a state is the pattern after one step exactly if the gap is the margin at least "
            f"(cues that differ, of {int(dataset.n_compared.sum())})",
            *("paper", "at_most", 0.0, float(dataset.n_wrong.sum())),
        ),
        Claim(
            "separations of the same margin (sparsemax, normmax) retrieve the same cues: largest difference of shares",
            *("theory", "at_most", 0.0, float((equal.max("separation") - equal.min("separation")).max())),
        ),
        Claim("softmax retrieves no pattern exactly (share)", "theory", "at_most", 0.0, float(dataset.softmax.max())),
        Claim(
            f"points of the curves whose 95 % interval holds the exact law, of {n}",
            *("theory", "at_least", 0.95, float(distinct.mean()), 3 * np.sqrt(0.95 * 0.05 / n)),
            "three standard errors of a share",
        ),
        Claim(
            "thresholds against the exact law through the same fit, largest difference in standard errors",
            *("theory", "at_most", 0.0, float(away.max()), 3.0, f"three, for {away.size} curves"),
        ),
        Claim(
            "law against law: log P of half retrieved, Gumbel law on a sphere and exact one, largest difference",
            *(
                "theory",
                "at_most",
                0.0,
                float(np.abs(dataset.gumbel_excess).max()),
                0.1,
                "10 % of the number: it is for many patterns",
            ),
        ),
        Claim(
            "law against law: that of normal products gives too few patterns (largest difference of log P)",
            *("theory", "at_most", 0.0, float(dataset.normal_excess.max())),
        ),
        Claim(
            "the smaller the margin, the more patterns: 1.5-entmax, 1.75-entmax, sparsemax (least step of log P)",
            *("theory", "at_least", 0.0, steps),
        ),
        Claim(
            "share of gaps below the predicted median: mean square of its differences from 1/2 in standard errors",
            *("theory", "at_most", 1.0, float(square.mean()), 3 * np.sqrt(2 / n)),
            f"three standard errors, {n} shares",
        ),
    ]


EXPERIMENT = Experiment("sparse_margin", "exact retrieval at the margin of sparse separations", compute, plot, claims)
