"""States over time: lines, colour maps, distances, variance, and paths in a plane."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.plotting.style import FADED, NEUTRAL, axis_label


def plot_trajectory(state: xr.DataArray, ax: Axes, *, name: str = "rate", symbol: str = "$r$") -> Axes:
    """One line per unit (or whatever the second dimension is) over time.

    Parameters
    ----------
    state : DataArray (time, unit) or (time,)
        Unit in attrs; the time coordinate carries its own.
    ax : Axes
    name, symbol : str
        Of the quantity, for the label of the vertical axis.

    Raises
    ------
    ValueError
        If time is missing or there are more than two dimensions.
    """
    _require_dims(state, {"time"}, at_most=2)
    ax.plot(state.time, state.transpose("time", ...), linewidth=0.8)
    ax.set_ylabel(axis_label(state, name, symbol))
    return _time_axis(state, ax)


def plot_raster(rate: xr.DataArray, ax: Axes, *, n_excitatory: int | None = None, maximum: float | None = None) -> Axes:
    """Colour map of rates, units from top to bottom, time from left to right.

    Parameters
    ----------
    rate : DataArray (time, unit)
        Hz.
    ax : Axes
    n_excitatory : int, optional
        Draws a line below that many units.
    maximum : float, optional
        Rate of the brightest colour; the 99 % quantile where None, so that a single unit does not darken all.

    Raises
    ------
    ValueError
        If the dimensions are not time and unit.
    """
    _require_dims(rate, {"time", "unit"}, at_most=2)
    maximum = float(rate.quantile(0.99)) if maximum is None else maximum
    image = ax.imshow(
        rate.transpose("unit", "time"),
        aspect="auto",
        vmin=0.0,
        vmax=maximum,
        extent=(float(rate.time[0]), float(rate.time[-1]), rate.sizes["unit"] - 0.5, -0.5),
    )
    if n_excitatory is not None:
        ax.axhline(n_excitatory - 0.5, color="white", linewidth=0.8)
    ax.figure.colorbar(image, ax=ax, label=axis_label(rate, "rate", "$r$"), pad=0.02, extend="max")
    ax.set_ylabel("unit $i$")
    return _time_axis(rate, ax)


def plot_bundle(values: xr.DataArray, ax: Axes, *, name: str, symbol: str = "", colour=NEUTRAL) -> Axes:
    """Every trajectory as a thin line, with the median and the band of the middle half.

    Parameters
    ----------
    values : DataArray (trajectory, time)
        One number per trajectory and time, such as a correlation or a recall error.
    ax : Axes
    name, symbol : str
        Of the quantity.
    colour : Matplotlib colour
        Of the median and the band.

    Raises
    ------
    ValueError
        If the dimensions are not trajectory and time.
    """
    _require_dims(values, {"trajectory", "time"}, at_most=2)
    ax.plot(values.time, values.transpose("time", "trajectory"), color=FADED, linewidth=0.3, alpha=0.5)
    low, median, high = (values.quantile(q, "trajectory") for q in (0.25, 0.5, 0.75))
    ax.fill_between(values.time, low, high, color=colour, alpha=0.3, linewidth=0)
    ax.plot(values.time, median, color=colour, label="median")
    ax.set_ylabel(axis_label(values, name, symbol))
    return _time_axis(values, ax)


def plot_variance(variance: xr.DataArray, ax: Axes, *, onset: float | None = None, label: str = "") -> Axes:
    """Across-trial variance over time, with the onset of the stimulus.

    Parameters
    ----------
    variance : DataArray (time,)
        mV^2.
    ax : Axes
    onset : float, optional
        Time of the stimulus, in the unit of the time coordinate.
    label : str
        For the legend.

    Raises
    ------
    ValueError
        If time is not the only dimension.
    """
    _require_dims(variance, {"time"}, at_most=1)
    ax.plot(variance.time, variance, label=label or None)
    if onset is not None:
        ax.axvline(onset, color=NEUTRAL, linestyle=":", linewidth=0.8)
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * float(variance.max())))
    ax.set_ylabel(axis_label(variance, "across-trial variance", ""))
    return _time_axis(variance, ax)


def plot_projection(projected: xr.DataArray, ax: Axes, *, attractors: xr.DataArray | None = None) -> Axes:
    """Paths in the plane of two principal axes: start as a dot, end as a cross, attractors as rings.

    Parameters
    ----------
    projected : DataArray (trajectory, time, component)
        The first two components are drawn.
    ax : Axes
    attractors : DataArray (pattern, component), optional
        Stored patterns in the same plane.

    Raises
    ------
    ValueError
        If a dimension is missing or there are fewer than two components.
    """
    _require_dims(projected, {"trajectory", "time", "component"}, at_most=3)
    if projected.sizes["component"] < 2:
        raise ValueError(f"projected must have at least 2 components, got {projected.sizes['component']}")
    for path in projected.transpose("trajectory", "time", "component").to_numpy():
        (line,) = ax.plot(path[:, 0], path[:, 1], linewidth=0.6, alpha=0.8)
        ax.plot(*path[0, :2], ".", color=line.get_color(), markersize=3)
        ax.plot(*path[-1, :2], "x", color=line.get_color(), markersize=3, markeredgewidth=0.8)
    if attractors is not None:
        first, second = attractors.isel(component=0), attractors.isel(component=1)
        ax.plot(first, second, "o", color="black", fillstyle="none", markersize=6, markeredgewidth=0.8)
    ax.set_xlabel(axis_label(projected, "principal component 1", ""))
    ax.set_ylabel(axis_label(projected, "principal component 2", ""))
    return ax


def _time_axis(data, ax):
    ax.set_xlabel(axis_label(data.time, "time", "$t$"))
    ax.set_xlim(float(np.min(data.time)), float(np.max(data.time)))
    return ax


def _require_dims(data, needed, *, at_most):
    if not needed <= set(data.dims) or data.ndim > at_most:
        raise ValueError(
            f"data must have the dimensions {sorted(needed)} and at most {at_most} in all, got {data.dims}"
        )
