"""Trial-to-trial variability around the onset of a stimulus."""

from __future__ import annotations

import xarray as xr


def across_trial_variance(state: xr.DataArray, *, trials: str = "trajectory", dim: str = "unit") -> xr.DataArray:
    """Variance over trials at each time, averaged over units.

    Parameters
    ----------
    state : DataArray (..., trajectory, unit)
        Any unit, say mV; at least two trials.
    trials, dim : str
        Dimensions of the trials and of the units.

    Returns
    -------
    DataArray (...), the unit squared; the unbiased estimate (divisor: trials minus one).

    Raises
    ------
    ValueError
        If a dimension is missing or there are fewer than two trials.
    """
    for name in (trials, dim):
        if name not in state.dims:
            raise ValueError(f"state must have the dimension {name}, got {state.dims}")
    if state.sizes[trials] < 2:
        raise ValueError(f"state must have at least 2 trials, got {state.sizes[trials]}")
    variance = state.var(trials, ddof=1).mean(dim)
    units = state.attrs.get("units", "1")
    return variance.rename("variance").assign_attrs(
        units="1" if units == "1" else f"{units}^2", long_name="across-trial variance"
    )


def variance_ratio(variance: xr.DataArray, *, before: tuple[float, float], after: tuple[float, float]) -> xr.DataArray:
    """Mean variance in a window after an event over that in a window before it; below 1 means quenching.

    Parameters
    ----------
    variance : DataArray (..., time)
    before, after : (float, float)
        First and last time of each window, in the unit of the time coordinate.

    Returns
    -------
    DataArray (...), dimensionless.

    Raises
    ------
    ValueError
        If time is missing or a window holds no sample.
    """
    if "time" not in variance.dims:
        raise ValueError(f"variance must have the dimension time, got {variance.dims}")
    means = [_window_mean(variance, window) for window in (before, after)]
    return (means[1] / means[0]).rename("variance_ratio").assign_attrs(units="1")


def _window_mean(variance, window):
    inside = variance.sel(time=slice(*window))
    if inside.sizes["time"] == 0:
        raise ValueError(
            f"windows must hold samples between {float(variance.time[0]):g} and {float(variance.time[-1]):g},"
            f" got {window}"
        )
    return inside.mean("time")
