"""Fractions of successes, with intervals that also hold where trials come in groups."""

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from assocmem.validation import check_finite, real_array

__all__ = ["grouped_proportion", "wilson_interval"]


def wilson_interval(n_successes, n_trials, *, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval (low, high) of a probability; (0, 1) where there is no trial.

    Parameters
    ----------
    n_successes, n_trials : array (...) of float, >= 0
        Not necessarily whole numbers: the effective number of trials that depend on each other is none.
    confidence : float in (0, 1)

    Raises
    ------
    TypeError, ValueError
        If there are more successes than trials, a number is negative, or the confidence is out of range.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22; Brown, Cai & DasGupta (2001), Statistical Science 16.
    """
    successes, trials = _counts(n_successes, n_trials)
    check_finite("confidence", confidence)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    square = norm.isf((1 - confidence) / 2) ** 2
    rate = np.divide(successes, trials, out=np.full(np.broadcast(successes, trials).shape, 0.5), where=trials > 0)
    centre = (trials * rate + square / 2) / (trials + square)
    spread = np.sqrt(square * (trials * rate * (1 - rate) + square / 4)) / (trials + square)
    return np.clip(centre - spread, 0.0, 1.0), np.clip(centre + spread, 0.0, 1.0)


def grouped_proportion(
    n_successes: np.ndarray, n_trials: np.ndarray, *, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """(fraction, low, high, effective number of trials) of successes in groups whose trials resemble each other.

    Trials of one network are not independent: its patterns are all retrieved or none, to a degree. Their number is
    divided by the ratio of the variance between groups to that of independent trials, if that is above 1, and by the
    square of the ratio of Student's t to the normal quantile, as few groups tell little of the variance between them.
    Groups without any variance count as one trial each.

    Parameters
    ----------
    n_successes, n_trials : array (group,)
    confidence : float in (0, 1)

    Raises
    ------
    TypeError, ValueError
        As `wilson_interval`, for each group, or if there is no trial.

    References
    ----------
    Korn & Graubard (1998), Survey Methodology 24: Wilson's interval with an effective sample size.
    """
    successes, trials = _counts(n_successes, n_trials)
    total = trials.sum()
    if not total > 0:
        raise ValueError(f"n_trials must have a sum > 0, got {total}")
    rate, n_groups = successes.sum() / total, np.count_nonzero(trials)
    if rate in (0.0, 1.0) or n_groups < 2:
        effective = float(n_groups)
    else:
        between = np.sum((successes - rate * trials) ** 2) * n_groups / (n_groups - 1) / total**2
        independent = min(total, rate * (1 - rate) / between) if between > 0 else total
        half = (1 - confidence) / 2
        effective = float(independent * (norm.isf(half) / student.isf(half, n_groups - 1)) ** 2)
    low, high = wilson_interval(rate * effective, effective, confidence=confidence)
    return float(rate), float(low), float(high), effective


def _counts(n_successes, n_trials) -> tuple[np.ndarray, np.ndarray]:
    successes, trials = (real_array(n, v) for n, v in (("n_successes", n_successes), ("n_trials", n_trials)))
    if np.any(successes < 0) or np.any(successes > trials):
        raise ValueError(f"n_successes must be from 0 to n_trials, got {successes} of {trials}")
    return successes, trials
