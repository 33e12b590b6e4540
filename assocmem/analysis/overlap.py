"""How similar states are to patterns."""

from __future__ import annotations

import numpy as np
import xarray as xr


def overlap(state: xr.DataArray, patterns: xr.DataArray, *, dim: str = "unit") -> xr.DataArray:
    """Overlap of states with patterns, ``m = <xi, y> / (|xi| |y|)``.

    Parameters
    ----------
    state : DataArray (..., unit)
        Any scale.
    patterns : DataArray (pattern, unit)
    dim : str
        Name of the dimension of the units in both.

    Returns
    -------
    DataArray (..., pattern), in [-1, 1]; NaN where a norm is zero.

    Raises
    ------
    TypeError
        If an input is no DataArray.
    ValueError
        If `dim` is missing from either input, or `state` has the dimension pattern.

    References
    ----------
    Hopfield (1982), eq. 7.
    """
    return _similarity(_cosine, state, patterns, dim, "overlap")


def correlation(state: xr.DataArray, patterns: xr.DataArray, *, dim: str = "unit") -> xr.DataArray:
    """Pearson correlation of states with patterns over units.

    Parameters
    ----------
    state : DataArray (..., unit)
        Any scale and offset.
    patterns : DataArray (pattern, unit)
    dim : str
        Name of the dimension of the units in both.

    Returns
    -------
    DataArray (..., pattern), in [-1, 1]; NaN where a variance is zero.

    Raises
    ------
    TypeError
        If an input is no DataArray.
    ValueError
        If `dim` is missing from either input, or `state` has the dimension pattern.
    """
    return _similarity(_pearson, state, patterns, dim, "correlation")


def check_state_and_patterns(state: xr.DataArray, patterns: xr.DataArray, dim: str) -> None:
    """Refuse inputs whose dimensions do not fit together; `dim` is that of the units in both.

    Raises
    ------
    TypeError
        If an input is no DataArray.
    ValueError
        If `dim` is missing from either input or differs in size, `patterns` has other dimensions than
        (pattern, `dim`), or `state` has the dimension pattern.
    """
    for name, value in (("state", state), ("patterns", patterns)):
        if not isinstance(value, xr.DataArray):
            raise TypeError(f"{name} must be a DataArray with the dimension {dim}, got {type(value).__name__}")
    if set(patterns.dims) != {"pattern", dim}:
        raise ValueError(f"patterns must have the dimensions (pattern, {dim}), got {patterns.dims}")
    if dim not in state.dims:
        raise ValueError(f"state must have the dimension {dim}, got {state.dims}")
    if "pattern" in state.dims:
        raise ValueError(f"state must not have the dimension pattern (rename it), got {state.dims}")
    if state.sizes[dim] != patterns.sizes[dim]:
        raise ValueError(
            f"state and patterns must have as many entries along {dim}, got {state.sizes[dim]}"
            f" and {patterns.sizes[dim]}"
        )


def _similarity(function, state, patterns, dim, name):
    check_state_and_patterns(state, patterns, dim)
    result = xr.apply_ufunc(
        function,
        state.drop_vars(dim, errors="ignore"),
        patterns.drop_vars(dim, errors="ignore"),
        input_core_dims=[[dim], ["pattern", dim]],
        output_core_dims=[["pattern"]],
    )
    return result.rename(name).assign_attrs(units="1", long_name=name)


def _cosine(state, patterns):
    norms = np.linalg.norm(state, axis=-1)[..., np.newaxis] * np.linalg.norm(patterns, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(norms > 0, state @ patterns.T / norms, np.nan), -1, 1)


def _pearson(state, patterns):
    return _cosine(_centred(state), _centred(patterns))


def _centred(values):
    centred = values - values.mean(axis=-1, keepdims=True)
    # a constant row has no correlation: round-off in its mean must not become one
    constant = np.ptp(values, axis=-1, keepdims=True) == 0
    return np.where(constant, 0.0, centred)
