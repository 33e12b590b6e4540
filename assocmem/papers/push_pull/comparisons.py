"""Claims about means over trials, with tolerances from the spread of the trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import stats

from assocmem.papers.base import Claim

TWO_ERRORS = "two standard errors of the mean of paired differences"


def standard_error(values: xr.DataArray, dim: str = "repeat") -> xr.DataArray:
    """Standard error of the mean over independent trials; NaN for a single one."""
    return values.std(dim, ddof=1) / np.sqrt(values.sizes[dim])


def beyond_chance(statement: str, source: str, difference: xr.DataArray) -> Claim:
    """The mean over trials of a difference is above 0 by more than two standard errors.

    Parameters
    ----------
    statement, source : str
        As in `Claim`.
    difference : DataArray (repeat,)
    """
    limit = 2.0 * float(standard_error(difference))
    text = f"{statement} (limit: two standard errors)"
    return Claim(text, source, "at_least", limit, float(difference.mean()))


def as_good_as(statement: str, ours: xr.DataArray, theirs: xr.DataArray) -> Claim:
    """A control is not worse than what it controls for, in the same trials (repeat,)."""
    tolerance = 2.0 * float(standard_error(ours - theirs))
    return Claim(statement, "control", "at_least", float(theirs.mean()), float(ours.mean()), tolerance, TWO_ERRORS)


def no_difference(statement: str, source: str, difference: xr.DataArray) -> Claim:
    """The mean over trials (repeat,) of a difference is 0 within two standard errors."""
    tolerance = 2.0 * float(standard_error(difference))
    return Claim(statement, source, "close", 0.0, float(difference.mean()), tolerance, TWO_ERRORS)


def like_earlier_run(rows: Sequence[tuple[str, float, int, xr.DataArray]]) -> list[Claim]:
    """Means over trials against those of the earlier run.

    The spread of the earlier trials is taken to be that of ours. With many comparisons some are beyond two standard
    errors by chance, so the tolerance is that by which all of them together hold in 95 of 100 cases (Bonferroni,
    Student's t).

    Parameters
    ----------
    rows : sequence of (statement, mean of the earlier run, number of its trials, our values (repeat,))
    """
    claims = []
    for statement, theirs, n_theirs, values in rows:
        n = values.sizes["repeat"]
        quantile = stats.t.ppf(1.0 - 0.025 / len(rows), n - 1)
        tolerance = float(quantile * values.std("repeat", ddof=1) * np.sqrt(1.0 / n + 1.0 / n_theirs))
        reason = f"95 % for {len(rows)} comparisons together, {n_theirs} and {n} trials with our spread"
        claims.append(Claim(statement, "earlier run", "close", theirs, float(values.mean()), tolerance, reason))
    return claims


def agrees_with_theory(statement: str, values: xr.DataArray, theory: xr.DataArray, error: xr.DataArray) -> Claim:
    """The largest deviation of means over trials from a theory is no larger than chance allows.

    Parameters
    ----------
    statement : str
    values : DataArray (..., repeat)
    theory, error : DataArray (...)
        Predictions, and the standard errors with which they are known. Places where nothing varies are left out.
    """
    deviation, spread = values.mean("repeat") - theory, np.hypot(standard_error(values), error)
    counted = (spread > 0) & (standard_error(values) > 0)
    number, n = int(counted.sum()), values.sizes["repeat"]
    limit = float(stats.t.ppf(1.0 - 0.025 / max(number, 1), n - 1))
    worst = float(np.abs(deviation / spread.where(counted)).max())
    text = f"{statement} (limit: 95 % for {number} of them together, Student's t of {n} trials)"
    return Claim(text, "theory", "at_most", limit, worst)
