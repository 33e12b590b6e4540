"""How many patterns on a sphere are retrieved exactly in one step (proposition 10).

Patterns of norm M are all retrieved under perturbations of size eps if no two are nearer to each other than

    M^2 (1 - cos(angle)) >= m / beta + 2 M eps,

which 60 degrees allow for eps = M / 4 - m / (2 beta M). With random patterns the number grows exponentially with the
units: with probability 1 - p, sqrt(p) zeta^((n - 1) / 2) of them are apart by an angle of 1 / zeta. Perturbations here
are the worst ones, towards the nearest other pattern. A given set grows pattern by pattern until one of them is lost.

How many there are can be told without the bounds that lead to the rule above. Sharp is |d|^2 / 2 - eps |d| >= m / beta
for the distance d of two patterns. A cap of a sphere has the share of the regularised incomplete beta function, and the
number of pairs that are too near is nearly of a Poisson distribution.

The classical network has random patterns of signs, and cues with a single unit flipped, the smallest perturbation that
there is. It loses its first pattern early, at any number of units.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy.special import betainc

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Run
from assocmem.papers.fenchel_young.random_networks import generators, on_sphere, worst_directions
from assocmem.plotting import NEUTRAL
from assocmem.separations import Linear, Sparsemax
from assocmem.transformations import Sign

BETA, EPSILON = 10.0, 0.1  # at M = 1 and m = 1
ZETA = 1.0 / math.acos(1.0 - 1.0 / BETA - 2.0 * EPSILON)  # 1 / the angle that is needed
PROBABILITY = 0.5  # p, of a pair that is too near: the median
UNITS = {"quick": (4, 8, 12, 16), "paper": (4, 6, 8, 10, 12, 14, 16, 18, 20, 22)}
N_SETS = {"quick": 25, "paper": 51}
MOST = {"quick": 1024, "paper": 8192}  # patterns of a set; above what there is at the most units
FEW = 8  # units below which numbers are too small for the rule
CLASSICAL_MOST = 64
KISSING_UNITS = {"quick": (3, 4, 8), "paper": (3, 4, 8, 16, 32)}


def measure(run: Run) -> xr.Dataset:
    """Numbers of patterns of all sets, and fractions retrieved of patterns 60 degrees apart."""
    units, n_sets = UNITS[run.scale], N_SETS[run.scale]
    rngs = generators(run, "spheres", len(units) * n_sets)
    items = [(n_units, rngs[number]) for number, n_units in enumerate(np.repeat(units, n_sets))]
    found = run.map(lambda item: _numbers(*item, MOST[run.scale]), items, label="spheres")
    sparse, classical = np.array(found).reshape(len(units), n_sets, 2).transpose(2, 0, 1)
    kissing_units = KISSING_UNITS[run.scale]
    rngs = generators(run, "kissing", len(kissing_units))
    kissing = [_kissing(n, rng) for n, rng in zip(kissing_units, rngs, strict=True)]
    return xr.Dataset(
        {
            "n_sparse": (("units", "set"), sparse),
            "n_classical": (("units", "set"), classical),
            "n_kissing": ("kissing_units", [2 * n * (n - 1) for n in kissing_units]),
            "kissing": ("kissing_units", kissing),
        },
        {"units": list(units), "kissing_units": list(kissing_units)},
    )


def _numbers(n_units, rng, most):
    """How many patterns of one random set sparsemax and the classical network retrieve, all of them."""
    patterns = on_sphere(rng, most, n_units)
    signs = rng.choice([-1.0, 1.0], (CLASSICAL_MOST, n_units))
    flipped = signs.copy()
    flipped[np.arange(CLASSICAL_MOST), rng.integers(0, n_units, CLASSICAL_MOST)] *= -1.0
    classical = next(
        (n for n in range(1, CLASSICAL_MOST) if not _are_signs_retrieved(signs, flipped, n + 1)), CLASSICAL_MOST
    )
    return _most_retrieved(patterns), classical


def _most_retrieved(patterns):
    """The largest number of first patterns that are all retrieved; every further one only makes it harder."""
    low, high = 1, 2
    while high <= len(patterns) and _are_retrieved(patterns[:high]):
        low, high = high, 2 * high
    high = min(high, len(patterns) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _are_retrieved(patterns[:middle]) else (low, middle)
    return low


def _are_retrieved(patterns, epsilon=EPSILON):
    """Whether one step from the worst perturbation of each pattern leads back to it, exactly."""
    network = HopfieldFenchelYoung(patterns, separation=Sparsemax(), beta=BETA)
    states = patterns + epsilon * worst_directions(patterns)
    return bool(np.all(network.update(states, threads=1) == network.patterns))


def _are_signs_retrieved(signs, flipped, n):
    network = HopfieldFenchelYoung(signs[:n], separation=Linear(), post=Sign())
    return bool(np.all(network.update(flipped[:n], threads=1) == network.patterns))


def _kissing(n_units, rng):
    """Fraction of the vectors +-e_i +-e_j, 60 degrees apart, retrieved from the worst and from random directions."""
    i, j = np.triu_indices(n_units, 1)
    rows, patterns = np.arange(4 * i.size), np.zeros((4 * i.size, n_units))
    patterns[rows, np.tile(i, 4)] = np.repeat([1.0, 1.0, -1.0, -1.0], i.size)
    patterns[rows, np.tile(j, 4)] = np.repeat([1.0, -1.0, 1.0, -1.0], i.size)
    network = HopfieldFenchelYoung(patterns / math.sqrt(2.0), separation=Sparsemax(), beta=BETA)
    epsilon = (1.0 - 1e-9) * (0.25 - 0.5 / BETA)  # round-off left aside
    directions = worst_directions(network.patterns), on_sphere(rng, *patterns.shape)
    found = [network.update(network.patterns + epsilon * d, threads=1) == network.patterns for d in directions]
    return np.all(found, axis=(0, 2)).mean()


def bound(units: np.ndarray) -> np.ndarray:
    """The paper's number of random patterns that half of all sets have at least."""
    return math.sqrt(PROBABILITY) * ZETA ** ((np.asarray(units, dtype=float) - 1.0) / 2.0)


def expected(units: np.ndarray) -> np.ndarray:
    """The number of random patterns at which one half of all sets has lost one."""
    distance = EPSILON + math.sqrt(EPSILON**2 + 2.0 / BETA)
    square_sine = 1.0 - (1.0 - 0.5 * distance**2) ** 2
    share = 0.5 * betainc((np.asarray(units, dtype=float) - 1.0) / 2.0, 0.5, square_sine)
    return np.sqrt(2.0 * math.log(2.0) / share)


def growth(units: np.ndarray, numbers: np.ndarray) -> tuple[float, float]:
    """Slope of the logarithm of numbers per unit, and the fraction of its variance that the line explains."""
    logs = np.log(numbers)
    slope, _ = np.polyfit(units, logs, 1)
    return float(slope), float(np.corrcoef(units, logs)[0, 1] ** 2)


def plot_capacity(dataset: xr.Dataset, ax: Axes) -> None:
    """Median numbers of patterns against units, with quartiles, and the bound."""
    for name, marker, label in (("n_sparse", "o", "sparsemax, sphere"), ("n_classical", "s", "classical, signs")):
        low, middle, high = (dataset[name].quantile(q, "set") for q in (0.25, 0.5, 0.75))
        ax.errorbar(
            dataset.units,
            middle,
            [middle - low, high - middle],
            marker=marker,
            label=label,
            elinewidth=0.7,
            linestyle="none",
        )
    ax.plot(dataset.units, expected(dataset.units), "-", color="black", linewidth=0.8, label="theory, sphere")
    ax.plot(dataset.units, bound(dataset.units), "--", color=NEUTRAL, label="bound of the paper")
    ax.set_xticks(dataset.units[::2])
    # up to where there is room for the legend
    ax.set(yscale="log", ylim=(0.7, 3e6), xlabel="units $n$", ylabel="patterns, all retrieved\nin one step")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Exponential growth above the bound, and all of the patterns 60 degrees apart."""
    medians = dataset.n_sparse.median("set")
    units = dataset.units.to_numpy()
    slope, explained = growth(units, medians.to_numpy())
    classical, _ = growth(units, dataset.n_classical.median("set").to_numpy())
    return [
        Claim(
            "patterns 60 degrees apart, perturbations of M / 4 - m / (2 beta M): found in one step (least fraction; "
            f"up to {int(dataset.n_kissing.max())} patterns of {int(dataset.kissing_units.max())} units)",
            "paper",
            "at_least",
            1.0,
            float(dataset.kissing.min()),
        ),
        Claim(
            "random patterns on a sphere: the median number is above the bound at every number of units (least ratio)",
            "paper",
            "at_least",
            1.0,
            float((medians / bound(units)).min()),
        ),
        Claim(
            "random patterns on a sphere: it grows exponentially (variance of its logarithm explained by a line)",
            "paper",
            "at_least",
            0.95,
            explained,
        ),
        Claim(
            "random patterns on a sphere: rate of growth per unit, not less than that of the bound, log(zeta) / 2",
            "paper",
            "at_least",
            0.5 * math.log(ZETA),
            slope,
        ),
        _theory_claim(medians.sel(units=units[units >= FEW]), dataset.sizes["set"]),
        Claim(
            "control: the classical network grows more slowly (rate of growth per unit)",
            "control",
            "at_most",
            slope,
            classical,
        ),
    ]


def _theory_claim(medians, n_sets):
    logs = np.log(medians.to_numpy() / expected(medians.units))
    # numbers are of a Rayleigh distribution, whose median of n has the relative standard error 1 / (2 log(2) sqrt(n))
    error = 1.0 / (2.0 * math.log(2.0) * math.sqrt(n_sets * logs.size))
    return Claim(
        f"random patterns on a sphere: the median number by the theory (mean log of the ratio, from {FEW} units on)",
        "theory",
        "close",
        0.0,
        float(logs.mean()),
        2.0 * error,
        "two standard errors",
    )
