"""Checks of single arguments: an error names the argument, what is allowed and what was given."""

import math

import numpy as np
import xarray as xr

__all__ = [
    "check_boolean",
    "check_finite",
    "check_integer",
    "check_multiple",
    "check_positive",
    "labelled_array",
    "real_array",
]


def check_finite(name: str, value: float) -> None:
    """Raise TypeError or ValueError if `value` is no finite number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")


def check_positive(name: str, value: float) -> None:
    """Raise TypeError or ValueError if `value` is no finite number > 0."""
    check_finite(name, value)
    if not value > 0:
        raise ValueError(f"{name} must be > 0, got {value}")


def check_integer(name: str, value: int, smallest: int) -> None:
    """Raise TypeError or ValueError if `value` is no integer of at least `smallest`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer >= {smallest}, got {value!r}")
    if value < smallest:
        raise ValueError(f"{name} must be an integer >= {smallest}, got {value}")


def check_multiple(name: str, value: float, dt: float) -> None:
    """Raise ValueError if `value` is no multiple of `dt`, up to rounding."""
    if abs(value / dt) > 2**48 or abs(value - round(value / dt) * dt) > 1e-6 * dt:
        raise ValueError(f"{name} must be a multiple of dt = {dt:g} (of fewer than 2^48), got {value:g}")


def check_boolean(name: str, value: bool) -> None:
    """Raise TypeError if `value` is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def real_array(name: str, values, *, is_finite: bool = True) -> np.ndarray:
    """Copy of real numbers, by default all of them finite, as a float64 array.

    Raises
    ------
    TypeError
        If they are not real numbers, or masked.
    ValueError
        If they form no array or, with `is_finite`, are not all finite.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, got nested sequences of different lengths") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    array = np.array(array, dtype=np.float64, order="C")
    if is_finite and not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    return array


def labelled_array(name: str, values) -> np.ndarray:
    """Array (pattern, unit) of real numbers; a DataArray may have these dimensions in any order, and no others.

    Raises
    ------
    TypeError, ValueError
        If the values are not real or the dimensions are others.
    """
    if isinstance(values, xr.DataArray):
        if set(values.dims) != {"pattern", "unit"}:
            raise ValueError(f"{name} must have the dimensions (pattern, unit), got {values.dims}")
        values = values.transpose("pattern", "unit").values
    return real_array(name, values, is_finite=False)
