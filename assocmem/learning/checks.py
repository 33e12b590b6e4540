"""Checks of arguments that say which one is wrong, what is allowed and what was given."""

import numpy as np
import xarray as xr

__all__ = ["labelled_array", "real_array", "require_boolean"]


def require_boolean(name: str, value) -> None:
    """TypeError that names the argument unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def real_array(name: str, values) -> np.ndarray:
    """Array of floats; TypeError that names the argument where values are complex or no numbers."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {values.dtype}")
    return values.astype(float)


def labelled_array(name: str, values) -> np.ndarray:
    """Array (pattern, unit) of floats; a DataArray may have these dimensions in any order, and no others.

    Raises
    ------
    TypeError, ValueError
        If values are not real or the dimensions are others.
    """
    if isinstance(values, xr.DataArray):
        if set(values.dims) != {"pattern", "unit"}:
            raise ValueError(f"{name} must have the dimensions (pattern, unit), got {values.dims}")
        values = values.transpose("pattern", "unit")
    return real_array(name, values)
