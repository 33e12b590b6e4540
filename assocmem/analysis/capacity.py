"""How many patterns a memory holds: retrieval against load, the threshold, and its limit for many units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import expit
from tqdm import tqdm

from assocmem.analysis.proportions import grouped_proportion
from assocmem.validation import check_boolean, check_integer, check_positive

__all__ = ["Criterion", "capacity_curve", "capacity_threshold", "extrapolated_capacity", "overlap_criterion"]

SCALES = {"linear": "patterns / unit", "log": "log patterns / unit"}

_FLOOR = 1e-12  # of probabilities in a likelihood


@dataclass(frozen=True)
class Criterion:
    """When a state counts as a pattern retrieved.

    Parameters
    ----------
    name : str
        In words, for attributes and labels.
    is_met : function (states (cue, unit), patterns (cue, unit)) -> bool (cue,)
    """

    name: str
    is_met: Callable[[np.ndarray, np.ndarray], np.ndarray]


def overlap_criterion(least: float = 0.95) -> Criterion:
    """States whose cosine with the pattern is at least so much; a state of zeros is none.

    Parameters
    ----------
    least : float in (0, 1]

    Raises
    ------
    ValueError
        If it is out of range.
    """
    check_positive("least", least)
    if least > 1:
        raise ValueError(f"least must be at most 1, got {least}")

    def is_met(states, patterns):
        norms = np.linalg.norm(states, axis=1) * np.linalg.norm(patterns, axis=1)
        products = np.einsum("cu,cu->c", states, patterns)
        return (products >= least * norms * (1 - 1e-12)) & (norms > 0)  # rounding of a state that is the pattern

    return Criterion(f"cosine with the pattern at least {least:g}", is_met)


def capacity_curve(
    recall: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    n_patterns: Sequence[int],
    *,
    make_patterns: Callable[[int, int], np.ndarray],
    make_cues: Callable[[np.ndarray, int], np.ndarray] | None = None,
    criterion: Criterion | None = None,
    n_cues: int | None = None,
    width: float = 0.1,
    fewest_sets: int = 4,
    most_sets: int = 200,
    seed: int = 0,
    progress: bool = False,
) -> xr.Dataset:
    """Probability that a pattern is retrieved, against the number of patterns, for any system.

    Sets of patterns are made and cued until the interval is narrow enough. A set of patterns is a group of trials that
    resemble each other; intervals take that into account (see `grouped_proportion`).

    Parameters
    ----------
    recall : function (patterns, cues, seed) -> states (cue, unit)
        The system: stores the patterns (pattern, unit) and runs from the cues (cue, unit), cue i being one of pattern
        i. For a model of the retrieval protocol
        ``lambda patterns, cues, seed: Model(patterns).retrieve(cues, steps=50).state.values``.
    n_patterns : sequence of int, >= 1, increasing
    make_patterns : function (n_patterns, seed) -> patterns (pattern, unit)
    make_cues : function (patterns, seed) -> cues (cue, unit), optional
        Cue i is one of pattern i; there may be fewer cues than patterns. The patterns themselves if None: are they
        stable?
    criterion : Criterion, optional
        A cosine of at least 0.95 if None.
    n_cues : int, >= 1, optional
        Cue only the first so many patterns of a set.
    width : float, > 0
        Half-width of the 95 % interval at which to stop.
    fewest_sets, most_sets : int, >= 1
        Sets of patterns for each number.
    seed : int, >= 0
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        Over n_patterns: `load` (patterns per unit), `retrieved` with `low` and `high` (95 %), `n_sets`, `effective`
        (independent trials that the interval counts); `n_retrieved` and `n_cued` (n_patterns, set), NaN for sets that
        were not needed. The criterion is in attrs.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or `recall` returns states of another shape.
    """
    criterion = overlap_criterion() if criterion is None else criterion
    if not isinstance(criterion, Criterion):
        raise TypeError(f"criterion must be a Criterion, such as overlap_criterion(0.9), got {criterion!r}")
    _check_curve(n_patterns, n_cues, width, fewest_sets, most_sets, seed, progress)
    counts = np.full((2, len(n_patterns), most_sets), np.nan)
    found = np.empty((4, len(n_patterns)))
    n_units = 0
    bar = tqdm(total=len(n_patterns), desc="loads", disable=not progress, leave=False)
    for row, number in enumerate(n_patterns):
        for repeat in range(most_sets):
            seeds = np.random.SeedSequence(seed, spawn_key=(int(number), repeat)).generate_state(3)
            patterns = _made("make_patterns", make_patterns(int(number), int(seeds[0])), int(number))
            cues = patterns if make_cues is None else np.asarray(make_cues(patterns, int(seeds[1])))
            if cues.ndim != 2 or not 0 < len(cues) <= number or cues.shape[1] != patterns.shape[1]:
                raise ValueError(
                    f"make_cues must give at most one cue for each of the patterns {patterns.shape}, got {cues.shape}"
                )
            is_met = _cued(recall, criterion, patterns, cues[:n_cues], int(seeds[2]))
            counts[:, row, repeat] = is_met.sum(), is_met.size
            n_units = patterns.shape[1]
            if repeat + 1 >= fewest_sets:
                found[:, row] = grouped_proportion(*counts[:, row, : repeat + 1])
                if found[2, row] - found[1, row] <= 2 * width:
                    break
        bar.update()
    bar.close()
    return _labelled_curve(n_patterns, n_units, counts, found, criterion, seed)


def _made(name, patterns, number):
    array = np.asarray(patterns)
    if array.ndim != 2 or len(array) != number:
        raise ValueError(f"{name} must give {number} patterns (pattern, unit), got shape {array.shape}")
    return array


def _cued(recall, criterion, patterns, cues, seed):
    states = np.asarray(recall(patterns, cues, seed))
    if states.shape != cues.shape:
        raise ValueError(f"recall must return states of the shape of the cues {cues.shape}, got {states.shape}")
    return np.asarray(criterion.is_met(states, patterns[: len(cues)]), dtype=bool)


def _check_curve(n_patterns, n_cues, width, fewest_sets, most_sets, seed, progress):
    if np.ndim(n_patterns) != 1:
        raise TypeError(f"n_patterns must be a sequence of numbers, got {n_patterns!r}")
    for number in n_patterns:
        check_integer("n_patterns", number, 1)
    if len(n_patterns) == 0 or np.any(np.diff(n_patterns) <= 0):
        raise ValueError(f"n_patterns must be increasing numbers, at least one, got {list(n_patterns)}")
    for name, value in (("fewest_sets", fewest_sets), ("most_sets", most_sets)):
        check_integer(name, value, 1)
    if fewest_sets > most_sets:
        raise ValueError(f"fewest_sets must be at most most_sets = {most_sets}, got {fewest_sets}")
    if n_cues is not None:
        check_integer("n_cues", n_cues, 1)
    check_positive("width", width)
    check_integer("seed", seed, 0)
    check_boolean("progress", progress)


def _labelled_curve(n_patterns, n_units, counts, found, criterion, seed):
    n_sets = np.count_nonzero(np.isfinite(counts[0]), axis=1)
    most = n_sets.max()
    dims = "n_patterns"
    names = ("retrieved", "low", "high", "effective")
    data = {name: (dims, values, {"units": "1"}) for name, values in zip(names, found, strict=True)}
    data |= {"load": (dims, np.asarray(n_patterns) / n_units, {"units": "patterns / unit"})}
    data |= {"n_sets": (dims, n_sets, {"units": "1"})}
    for name, values in zip(("n_retrieved", "n_cued"), counts, strict=True):
        data[name] = ((dims, "set"), values[:, :most], {"units": "1"})
    coords = {"n_patterns": ("n_patterns", np.asarray(n_patterns), {"units": "1"}), "set": np.arange(most)}
    return xr.Dataset(data, coords, {"criterion": criterion.name, "n_units": n_units, "seed": seed})


def capacity_threshold(
    curve: xr.Dataset, *, probability: float = 0.5, scale: str = "linear", n_bootstrap: int = 200, seed: int = 0
) -> xr.Dataset:
    r"""Load at which a pattern is retrieved with a certain probability, by a logistic fit to a curve.

    .. math:: p(\alpha) = 1 / (1 + e^{(\alpha - \alpha_c) / s})

    by maximum likelihood; errors by drawing sets of patterns anew, of n sets n - 1, so that few sets do not seem to
    vary less than they do (Rao & Wu, 1988, J. Am. Stat. Assoc. 83). Where all is retrieved up to a load and nothing
    from the next one on, the threshold is anywhere between the two with equal chances.

    Parameters
    ----------
    curve : Dataset
        Of `capacity_curve`.
    probability : float in (0, 1)
    scale : {"linear", "log"}
        What the load is: the number of patterns per unit, P / N, or its logarithm per unit, log(P) / N, for memories
        that hold exp(alpha N) patterns.
    n_bootstrap : int, >= 2
    seed : int, >= 0

    Returns
    -------
    Dataset
        `threshold` and `slope_width` (s), with `threshold_error` and `slope_width_error`, standard deviations over the
        draws, NaN if there is but one set at a load where sets could differ; `threshold_draws` (draw). The scale is in
        attrs.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or the curve does not pass through the probability.
    """
    check_integer("n_bootstrap", n_bootstrap, 2)
    check_integer("seed", seed, 0)
    check_positive("probability", probability)
    if probability >= 1:
        raise ValueError(f"probability must be in (0, 1), got {probability}")
    load = load_of(curve, scale)
    retrieved = curve.retrieved.values
    if not retrieved.min() < probability < retrieved.max():
        limits = f"{retrieved.min():.3g} to {retrieved.max():.3g}"
        raise ValueError(f"curve must pass through the probability {probability:g}, got fractions from {limits}")
    rng = np.random.default_rng(seed)
    if np.all((retrieved == 0) | (retrieved == 1)):
        middle, thresholds = _jump(load, retrieved, rng, n_bootstrap)
        fits = np.zeros((n_bootstrap + 1, 2))
        thresholds = np.concatenate([[middle], thresholds])
    else:
        fits = _bootstrap(load, curve, rng, n_bootstrap)
        thresholds = fits[:, 0] + fits[:, 1] * np.log(1 / probability - 1)
    values = {
        "threshold": thresholds[0],
        "threshold_error": thresholds[1:].std(ddof=1),
        "slope_width": fits[0, 1],
        "slope_width_error": fits[1:, 1].std(ddof=1),
    }
    data = {name: ((), value, {"units": SCALES[scale]}) for name, value in values.items()}
    data["threshold_draws"] = ("draw", thresholds[1:], {"units": SCALES[scale]})
    attrs = {name: curve.attrs[name] for name in ("criterion", "n_units")}
    return xr.Dataset(data, {"draw": np.arange(n_bootstrap)}, attrs | {"probability": probability, "scale": scale})


def _jump(load, retrieved, rng, n_draws):
    """Middle, and draws from between, the last load at which all is retrieved and the first at which nothing is."""
    low, high = load[np.flatnonzero(retrieved == 1)[-1]], load[np.flatnonzero(retrieved == 0)[0]]
    low, high = min(low, high), max(low, high)
    return (low + high) / 2, rng.uniform(low, high, n_draws)


def _bootstrap(load, curve, rng, n_draws):
    """(midpoint, width) of the fit to all sets, and then to draws of them."""
    successes, trials, n_sets = curve.n_retrieved.values, curve.n_cued.values, curve.n_sets.values
    whole = _logistic_fit(load, np.nansum(successes, axis=1), np.nansum(trials, axis=1))
    if np.any(n_sets < 2):
        return np.array([whole] + n_draws * [(np.nan, np.nan)])
    fits = [whole]
    for _ in range(n_draws):
        picked = [rng.integers(0, n, n - 1) for n in n_sets]
        sums = [[row[p].sum() for row, p in zip(part, picked, strict=True)] for part in (successes, trials)]
        fits.append(_logistic_fit(load, *np.array(sums), near=whole))
    return np.array(fits)


def load_of(curve: xr.Dataset, scale: str) -> np.ndarray:
    """Loads (n_patterns,) of a curve: patterns per unit, or their logarithm per unit.

    Raises
    ------
    ValueError
        If the scale is neither "linear" nor "log".
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    if scale == "linear":
        return curve["load"].values
    return np.log(curve.n_patterns.values) / curve.attrs["n_units"]


def _logistic_fit(load, successes, trials, near=None):
    """(midpoint, width) of largest likelihood, the width being > 0; from a fit to similar numbers if it is given."""
    scale = np.ptp(load)
    rates = (successes + 0.5) / (trials + 1.0)
    middle = load[np.argmin(np.abs(rates - 0.5))]

    def cost(parameters):
        midpoint, log_width = parameters
        p = np.clip(expit(-(load - midpoint * scale) / (scale * np.exp(log_width))), _FLOOR, 1 - _FLOOR)
        return -np.sum(successes * np.log(p) + (trials - successes) * np.log1p(-p)) / trials.sum()

    settings = {"method": "Nelder-Mead", "options": {"xatol": 1e-6, "fatol": 1e-12, "maxiter": 2000}}
    starts = [(middle / scale, np.log(width)) for width in (0.03, 0.3)]
    if near is not None:
        starts = [(near[0] / scale, np.log(near[1] / scale))]
    best = min((minimize(cost, start, **settings) for start in starts), key=lambda found: found.fun)
    return best.x[0] * scale, scale * np.exp(best.x[1])


def extrapolated_capacity(thresholds: Sequence[xr.Dataset], *, exponent: float = 1.0) -> xr.Dataset:
    r"""Threshold for many units, from those at several sizes.

    .. math:: \alpha_c(N) = \alpha_\infty + a N^{-b}

    with a given exponent b, by weighted least squares; the error is propagated from the bootstrap of each size.

    Parameters
    ----------
    thresholds : sequence of Dataset
        Of `capacity_threshold`, at two or more sizes, all with the same number of draws and on the same scale.
    exponent : float, > 0
        b.

    Returns
    -------
    Dataset
        `capacity` with `capacity_error`, `amplitude` (a), `chi_square` per degree of freedom (NaN for two sizes), and
        the thresholds over n_units.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two sizes, sizes are equal, scales, probabilities or numbers of draws differ, an error
        is unknown or 0, or the exponent is out of range.
    """
    check_positive("exponent", exponent)
    sizes = np.array([found.attrs["n_units"] for found in thresholds])
    if len(sizes) < 2 or np.unique(sizes).size < len(sizes):
        raise ValueError(f"thresholds must be of two or more different sizes, got {sizes.tolist()}")
    scale = _in_common("scale", [found.attrs["scale"] for found in thresholds])
    _in_common("probability", [found.attrs["probability"] for found in thresholds])
    _in_common("number of draws", [found.sizes["draw"] for found in thresholds])
    values, errors = (
        np.array([float(found[name]) for found in thresholds]) for name in ("threshold", "threshold_error")
    )
    if not np.all(errors > 0):
        raise ValueError(f"thresholds must have errors > 0, from two or more sets at each load, got {errors}")
    design = np.stack([np.ones(len(sizes)), sizes.astype(float) ** -exponent], axis=1) / errors[:, None]
    draws = np.stack([found.threshold_draws.values for found in thresholds]) / errors[:, None]
    limit, amplitude = np.linalg.lstsq(design, values / errors)[0]
    spread = np.linalg.lstsq(design, draws)[0][0].std(ddof=1)
    residual = values / errors - design @ [limit, amplitude]
    freedom = len(sizes) - 2
    units = {"units": SCALES[scale]}
    data = {"capacity": limit, "capacity_error": spread, "amplitude": amplitude}
    data = {name: ((), value, units) for name, value in data.items()}
    data["chi_square"] = ((), residual @ residual / freedom if freedom else np.nan, {"units": "1"})
    data["threshold"] = ("n_units", values, units)
    data["threshold_error"] = ("n_units", errors, units)
    attrs = {"exponent": exponent, "scale": scale}
    return xr.Dataset(data, {"n_units": ("n_units", sizes, {"units": "1"})}, attrs)


def _in_common(name, values):
    if len(set(values)) > 1:
        raise ValueError(
            f"thresholds must have one {name} in common, got {' and '.join(map(str, sorted(set(values))))}"
        )
    return values[0]
