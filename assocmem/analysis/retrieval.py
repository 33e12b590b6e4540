"""Was the right pattern retrieved, and how sure can one be of a fraction."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import ndtri

from assocmem.analysis.overlap import check_state_and_patterns, correlation

THRESHOLD = 0.2  # recall error below which a pattern counts as retrieved


def recall_error(state: xr.DataArray, patterns: xr.DataArray, *, dim: str = "unit") -> xr.DataArray:
    """Distance of states to every pattern, relative to that pattern's distance from the mean pattern.

    ``e = |r - xi| / |xi - <xi>|``: 0 on the pattern, 1 for a state that knows only the mean of all patterns.

    Parameters
    ----------
    state : DataArray (..., unit)
        Rates in Hz.
    patterns : DataArray (pattern, unit)
        Hz; at least two that differ.
    dim : str
        Name of the dimension of the units in both.

    Returns
    -------
    DataArray (..., pattern), >= 0; inf or NaN for a pattern equal to the mean. The error of cued pattern k is
    ``.isel(pattern=k)``, also with one k per trajectory.

    Raises
    ------
    ValueError
        If the dimensions do not fit.

    References
    ----------
    Festa, Hennequin & Lengyel (2014); the normalisation is ours.
    """
    check_state_and_patterns(state, patterns, dim)
    error = xr.apply_ufunc(
        _relative_distance,
        state.drop_vars(dim, errors="ignore"),
        patterns.drop_vars(dim, errors="ignore"),
        input_core_dims=[[dim], ["pattern", dim]],
        output_core_dims=[["pattern"]],
    )
    return error.rename("recall_error").assign_attrs(units="1", long_name="recall error")


def is_retrieved(error: xr.DataArray, *, threshold: float = THRESHOLD) -> xr.DataArray:
    """Whether a recall error is below the threshold (> 0); False for NaN.

    Raises
    ------
    ValueError
        If `threshold` is not > 0.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be > 0, got {threshold}")
    retrieved = (error < threshold).rename("is_retrieved").drop_attrs(deep=False)
    return retrieved.assign_attrs(units="1", threshold=float(threshold))


def identify(state: xr.DataArray, patterns: xr.DataArray, *, dim: str = "unit") -> xr.DataArray:
    """Index of the pattern with the highest correlation with each state.

    Parameters
    ----------
    state : DataArray (..., unit)
    patterns : DataArray (pattern, unit)
    dim : str
        Name of the dimension of the units in both.

    Returns
    -------
    DataArray (...) of int; -1 where no correlation is defined (a constant state).

    Raises
    ------
    ValueError
        If the dimensions do not fit.
    """
    similarity = correlation(state, patterns, dim=dim)
    best = similarity.fillna(-np.inf).argmax("pattern")
    return best.where(similarity.notnull().any("pattern"), -1).rename("identity").assign_attrs(units="1")


def retrieved_fraction(
    success: xr.DataArray, *, dim: str | tuple[str, ...] = "trajectory", confidence: float = 0.95
) -> xr.Dataset:
    """Fraction of successes along `dim` with its Wilson score interval.

    Parameters
    ----------
    success : DataArray (..., trajectory) of bool
    dim : str or tuple of str
        What to count over.
    confidence : float
        In (0, 1).

    Returns
    -------
    Dataset with `fraction`, `lower`, `upper` (...), in [0, 1], and the count `n_trials`.

    Raises
    ------
    ValueError
        If `success` is not boolean, lacks `dim`, has no entries along it or a dimension called fraction, or
        `confidence` is out of range.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    dims = (dim,) if isinstance(dim, str) else tuple(dim)
    if success.dtype != bool:
        raise ValueError(f"success must be boolean, got dtype {success.dtype}")
    if not set(dims) <= set(success.dims):
        raise ValueError(f"success must have the dimensions {dims}, got {success.dims}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    n_trials = int(np.prod([success.sizes[d] for d in dims]))
    if "fraction" in success.dims:
        raise ValueError("success must not have the dimension fraction (rename it): the result has that name")
    if n_trials == 0:
        raise ValueError(f"success must have entries along {dims}, got none")
    count = success.sum(dims)
    lower, upper = _wilson(count.to_numpy(), n_trials, confidence)
    fraction = (count / n_trials).drop_attrs(deep=False).assign_attrs(units="1", confidence=float(confidence))
    return xr.Dataset(
        {
            "fraction": fraction,
            "lower": fraction.copy(data=lower),
            "upper": fraction.copy(data=upper),
            "n_trials": ((), n_trials, {"units": "1"}),
        }
    )


def _relative_distance(state, patterns):
    scale = np.linalg.norm(patterns - patterns.mean(axis=0), axis=-1)
    # a state far off overflows to an infinite error, as it should
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = np.stack([np.linalg.norm(state - pattern, axis=-1) for pattern in patterns], axis=-1)
        return distance / scale


def _wilson(count, n_trials, confidence):
    z2 = ndtri(0.5 + confidence / 2) ** 2
    fraction = count / n_trials
    centre = (fraction + z2 / (2 * n_trials)) / (1 + z2 / n_trials)
    variance = fraction * (1 - fraction) / n_trials + z2 / (4 * n_trials**2)
    half_width = np.sqrt(z2 * variance) / (1 + z2 / n_trials)
    return np.clip(centre - half_width, 0, 1), np.clip(centre + half_width, 0, 1)
