"""Basins of attraction: their share of the space, their radius, and slices through them, for flows and maps alike.

A system is a function that takes states (cue, unit) and a seed and returns the states to which it has settled, for
example ``lambda states, seed: memory.retrieve(states, steps=50).state.values``.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.analysis.capacity import Criterion, overlap_criterion
from assocmem.analysis.proportions import wilson_interval
from assocmem.validation import check_boolean, check_finite, check_integer, check_positive, labelled_array, real_array

__all__ = [
    "basin_fraction",
    "basin_radius",
    "basin_slice",
    "gaussian_corruption",
    "masking_corruption",
    "reached_pattern",
    "sign_flip_corruption",
]

Settle = Callable[[np.ndarray, int], np.ndarray]
Corruption = Callable[[np.ndarray, float, np.ndarray], np.ndarray]


def gaussian_corruption(patterns: np.ndarray, strength: float, draws: np.ndarray) -> np.ndarray:
    """Patterns plus Gaussian noise of a standard deviation `strength`; `draws` are uniform in [0, 1)."""
    radius = np.sqrt(-2 * np.log1p(-draws))  # Box-Muller with a second number from the digits of the first
    angle = 2 * np.pi * np.modf(draws * 2.0**26)[0]
    return patterns + strength * radius * np.cos(angle)


def sign_flip_corruption(patterns: np.ndarray, strength: float, draws: np.ndarray) -> np.ndarray:
    """Patterns with the sign of each unit changed with probability `strength`; more flips include fewer."""
    return np.where(draws < strength, -patterns, patterns)


def masking_corruption(patterns: np.ndarray, strength: float, draws: np.ndarray) -> np.ndarray:
    """Patterns with each unit set to 0 with probability `strength`."""
    return np.where(draws < strength, 0.0, patterns)


def reached_pattern(states: np.ndarray, patterns: np.ndarray, criterion: Criterion | None = None) -> np.ndarray:
    """Number of the pattern (cue,) that each state (cue, unit) has reached, the first of several; -1 for none.

    Parameters
    ----------
    states : array (cue, unit)
    patterns : array (pattern, unit)
    criterion : Criterion, optional
        A cosine of at least 0.95 if None.
    """
    criterion = overlap_criterion() if criterion is None else criterion
    reached = np.full(len(states), -1)
    for number in range(len(patterns) - 1, -1, -1):
        reached[criterion.is_met(states, np.broadcast_to(patterns[number], states.shape))] = number
    return reached


def basin_fraction(
    settle: Settle,
    patterns: np.ndarray,
    *,
    make_starts: Callable[[int, int], np.ndarray],
    n_starts: int = 1000,
    criterion: Criterion | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Share of the starts that lead to each pattern.

    Parameters
    ----------
    settle : function (states, seed) -> states
    patterns : array (pattern, unit)
    make_starts : function (n, seed) -> states (n, unit)
        Random starts: they are what a share is of.
    n_starts : int, >= 1
    criterion : Criterion, optional
        A cosine of at least 0.95 if None.
    seed : int, >= 0

    Returns
    -------
    Dataset
        `fraction`, `low`, `high` (pattern) with the 95 % interval of Wilson, and `elsewhere`, the share that leads to
        none.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape or out of its range.
    """
    patterns = _matrix("patterns", patterns)
    check_integer("n_starts", n_starts, 1)
    check_integer("seed", seed, 0)
    first, second = np.random.SeedSequence(seed).generate_state(2)
    starts = np.asarray(make_starts(n_starts, int(first)))
    if starts.shape != (n_starts, patterns.shape[1]):
        raise ValueError(f"make_starts must give shape {(n_starts, patterns.shape[1])}, got {starts.shape}")
    reached = reached_pattern(_settled(settle, starts, int(second)), patterns, criterion)
    counts = np.bincount(reached + 1, minlength=len(patterns) + 1)
    low, high = wilson_interval(counts[1:], np.full(len(patterns), n_starts))
    values = {"fraction": counts[1:] / n_starts, "low": low, "high": high}
    data = {name: ("pattern", value, {"units": "1"}) for name, value in values.items()}
    data["elsewhere"] = ((), counts[0] / n_starts, {"units": "1"})
    return xr.Dataset(data, {"pattern": np.arange(len(patterns))}, _named(criterion, n_starts=n_starts, seed=seed))


def basin_radius(
    settle: Settle,
    patterns: np.ndarray,
    *,
    corruption: Corruption = gaussian_corruption,
    largest: float,
    probability: float = 0.5,
    n_cues: int = 50,
    n_bisections: int = 8,
    criterion: Criterion | None = None,
    seed: int = 0,
    progress: bool = False,
) -> xr.Dataset:
    """Strength of corruption up to which each pattern is still retrieved with a certain probability.

    By bisection, for all patterns at once. A cue has the same random numbers at all strengths, so that the retrieved
    fraction falls along a curve instead of jumping about it; it is taken to fall with strength.

    Parameters
    ----------
    settle : function (states, seed) -> states
    patterns : array (pattern, unit)
    corruption : function (patterns, strength, draws) -> cues
        `gaussian_corruption`, `sign_flip_corruption`, `masking_corruption`, or one's own: draws are uniform in [0, 1)
        and of the shape of the patterns.
    largest : float, > 0
        Strength beyond which is not looked.
    probability : float in (0, 1)
    n_cues : int, >= 1
        Cues of each pattern and strength.
    n_bisections : int, >= 1
        The strength is found to ``largest / 2**n_bisections``.
    criterion : Criterion, optional
        A cosine of at least 0.95 if None.
    seed : int, >= 0
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        `radius` (pattern), `low` and `high`: the largest strength at which the 95 % interval of the fraction is above
        the probability, and the least at which it is below (0 and `largest` where there is none); 0 for a pattern that
        is not retrieved from itself and `largest` for one that is retrieved from there, with `is_censored` true.
        `strength` and `retrieved` (pattern, trial): what was tried.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape or out of its range.
    """
    patterns = _matrix("patterns", patterns)
    _check_radius(largest, probability, n_cues, n_bisections, seed, progress)
    # what a system draws must not be what corrupted its cues
    of_draws, of_system = np.random.SeedSequence(seed).generate_state(2)
    draws = np.random.default_rng(of_draws).random((len(patterns), n_cues, patterns.shape[1]))

    def fraction_at(strengths):
        cues = np.stack([corruption(p[None], s, d) for p, s, d in zip(patterns, strengths, draws, strict=True)])
        states = _settled(settle, cues.reshape(-1, patterns.shape[1]), int(of_system))
        criteria = overlap_criterion() if criterion is None else criterion
        return criteria.is_met(states, np.repeat(patterns, n_cues, axis=0)).reshape(len(patterns), n_cues).mean(axis=1)

    inside, outside = np.zeros(len(patterns)), np.full(len(patterns), float(largest))
    strengths, fractions = [inside, outside], [fraction_at(inside), fraction_at(outside)]
    at_start, at_end = (found >= probability for found in fractions)
    for _ in tqdm(range(n_bisections), "bisections", disable=not progress, leave=False):
        middle = (inside + outside) / 2
        strengths.append(middle)
        fractions.append(fraction_at(middle))
        is_inside = fractions[-1] >= probability
        inside, outside = np.where(is_inside, middle, inside), np.where(is_inside, outside, middle)
    radius = np.where(at_end, largest, np.where(at_start, (inside + outside) / 2, 0.0))
    tried = np.array(strengths).T, np.array(fractions).T
    attributes = _named(criterion, largest=largest, probability=probability, n_cues=n_cues, seed=seed)
    return _labelled_radius(radius, at_end | ~at_start, *tried, attributes)


def _check_radius(largest, probability, n_cues, n_bisections, seed, progress):
    check_positive("largest", largest)
    check_finite("probability", probability)
    if not 0 < probability < 1:
        raise ValueError(f"probability must be in (0, 1), got {probability}")
    check_integer("n_cues", n_cues, 1)
    check_integer("n_bisections", n_bisections, 1)
    check_integer("seed", seed, 0)
    check_boolean("progress", progress)


def _labelled_radius(radius, is_censored, strengths, fractions, attributes):
    probability, n_cues = attributes["probability"], attributes["n_cues"]
    low, high = wilson_interval(fractions * n_cues, np.full(fractions.shape, n_cues))
    largest = strengths.max()
    sure = np.where(low > probability, strengths, 0.0).max(axis=1)
    beyond = np.where(high < probability, strengths, largest).min(axis=1)
    data = {
        "radius": ("pattern", radius),
        "low": ("pattern", np.minimum(sure, radius)),
        "high": ("pattern", np.maximum(beyond, radius)),
        "is_censored": ("pattern", is_censored),
        "strength": (("pattern", "trial"), strengths),
        "retrieved": (("pattern", "trial"), fractions),
    }
    data = {name: (*content, {"units": "1"}) for name, content in data.items()}
    return xr.Dataset(data, {"pattern": np.arange(len(radius)), "trial": np.arange(strengths.shape[1])}, attributes)


def basin_slice(
    settle: Settle,
    patterns: np.ndarray,
    *,
    origin: np.ndarray,
    axes: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    criterion: Criterion | None = None,
    seed: int = 0,
) -> xr.DataArray:
    """Pattern that is reached from the points of a plane through the space of states.

    Parameters
    ----------
    settle : function (states, seed) -> states
    patterns : array (pattern, unit)
    origin : array (unit,)
    axes : array (2, unit)
        The points are ``origin + x axes[0] + y axes[1]``.
    x, y : array, increasing
    criterion : Criterion, optional
        A cosine of at least 0.95 if None.
    seed : int, >= 0

    Returns
    -------
    DataArray (y, x) of int
        -1 for none; what `assocmem.plotting.landscape.plot_basins` draws.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape or out of its range.
    """
    patterns, origin, axes = _matrix("patterns", patterns), real_array("origin", origin), real_array("axes", axes)
    x, y = real_array("x", x), real_array("y", y)
    n_units = patterns.shape[1]
    for name, array, shape in (("origin", origin, (n_units,)), ("axes", axes, (2, n_units))):
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    for name, array in (("x", x), ("y", y)):
        if array.ndim != 1 or array.size == 0 or np.any(np.diff(array) <= 0):
            raise ValueError(f"{name} must be increasing numbers, got {array}")
    check_integer("seed", seed, 0)
    starts = origin + x[None, :, None] * axes[0] + y[:, None, None] * axes[1]
    reached = reached_pattern(_settled(settle, starts.reshape(-1, n_units), seed), patterns, criterion)
    values = reached.reshape(len(y), len(x))
    return xr.DataArray(values, {"y": y, "x": x}, ("y", "x"), "basin", {"units": "1", **_named(criterion, seed=seed)})


def _matrix(name, values):
    array = labelled_array(name, values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix (pattern, unit), got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    return array


def _settled(settle, starts, seed):
    states = np.asarray(settle(starts, seed))
    if states.shape != starts.shape:
        raise ValueError(f"settle must return states of the shape {starts.shape} that it got, got {states.shape}")
    return states


def _named(criterion, **settings):
    return {"criterion": (overlap_criterion() if criterion is None else criterion).name, **settings}
