"""Principal axes of a set of patterns, and trajectories seen along them."""

from __future__ import annotations

import numpy as np
import xarray as xr


def principal_axes(patterns: xr.DataArray, *, n_components: int = 2, dim: str = "unit") -> xr.Dataset:
    """Principal axes of patterns.

    Parameters
    ----------
    patterns : DataArray (pattern, unit)
        At least `n_components` + 1 of them.
    n_components : int
        >= 1.
    dim : str
        Name of the dimension of the units.

    Returns
    -------
    Dataset with `axes` (component, unit), orthonormal, the entry of largest magnitude of each
    positive; `centre` (unit), the mean pattern; `explained` (component), the fraction of the variance along
    each axis.

    Raises
    ------
    ValueError
        If a dimension is missing or there are too few patterns or units.
    """
    if set(patterns.dims) != {"pattern", dim}:
        raise ValueError(f"patterns must have the dimensions (pattern, {dim}), got {patterns.dims}")
    values = patterns.transpose("pattern", dim).to_numpy()
    limit = min(values.shape[0] - 1, values.shape[1])
    if not 1 <= n_components <= limit:
        raise ValueError(f"n_components must be in 1..{limit}, got {n_components}")
    centre = values.mean(axis=0)
    _, singular_values, axes = np.linalg.svd(values - centre, full_matrices=False)
    axes = axes[:n_components]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], axis=1)
    explained = singular_values[:n_components] ** 2 / np.sum(singular_values**2)
    return xr.Dataset(
        {
            "axes": (("component", dim), axes * np.sign(largest), {"units": "1"}),
            "centre": ((dim,), centre, {"units": patterns.attrs.get("units", "1")}),
            "explained": (("component",), explained, {"units": "1"}),
        }
    )


def project(state: xr.DataArray, principal: xr.Dataset, *, dim: str = "unit") -> xr.DataArray:
    """States along the principal axes, relative to their centre.

    Parameters
    ----------
    state : DataArray (..., unit)
    principal : Dataset
        From `principal_axes`.
    dim : str
        Name of the dimension of the units in both.

    Returns
    -------
    DataArray (..., component), in the unit of `state`.

    Raises
    ------
    ValueError
        If `state` lacks `dim` or has another number of units.
    """
    if dim not in state.dims or state.sizes[dim] != principal.sizes[dim]:
        n_units = principal.sizes[dim]
        raise ValueError(f"state must have {n_units} entries along {dim}, got {dict(state.sizes)}")
    centred = state.drop_vars(dim, errors="ignore") - principal.centre
    return xr.dot(centred, principal.axes, dim=dim).assign_attrs(units=state.attrs.get("units", "1"))
