"""Scans, capacities, basins, branches of fixed points and Lyapunov exponents as curves and maps."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.analysis.capacity import SCALES, load_of
from assocmem.plotting.style import EXCITATORY, FADED, INHIBITORY, NEUTRAL, axis_label

__all__ = ["plot_basin_radius", "plot_branches", "plot_capacity", "plot_extrapolation", "plot_lyapunov", "plot_scan"]

_RECORDS = ("status", "error", "seconds")
_MARKS = {1: ("fold", "s"), 2: ("branch point", "D"), 3: ("Hopf point", "o")}


def plot_scan(result: xr.Dataset, name: str, ax: Axes, *, colour_map: str = "viridis") -> Axes:
    """One number of a scan over one or two parameters, or over a list of points.

    Over one parameter: the mean over repeats with its standard error. Over two: a map of the means, with points that
    failed in grey. Points of a list are drawn over the first of their parameters. Numbers increase along axes, words
    keep their order; names are drawn as they are, without mathematics.

    Parameters
    ----------
    result : Dataset
        Of `assocmem.scan.scan`.
    name : str
        A result without dimensions of its own.
    ax : Axes
    colour_map : str
        Of Matplotlib, for maps.

    Raises
    ------
    ValueError
        If there is no such number, or more than two parameters.
    """
    if name not in result or name in _RECORDS:
        known = [str(n) for n in result.data_vars if n not in _RECORDS]
        raise ValueError(f"name must be a result of the scan, one of {', '.join(known)}, got {name!r}")
    values = result[name]
    own = set(values.dims) - set(result.status.dims)
    if own:
        raise ValueError(f"name must be a number at each point, got {name!r} with the dimensions {sorted(own)}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"name must be a real number at each point, got {name!r} of the type {values.dtype}")
    mean, error = values, None
    if "repeat" in values.dims:
        mean = values.mean("repeat")
        error = values.std("repeat", ddof=1) / np.sqrt(values.count("repeat"))
    mean, error = (None if part is None else _increasing(part) for part in (mean, error))
    if len(mean.dims) == 1:
        return _curve(result, mean, error, ax, name)
    if len(mean.dims) == 2:
        return _map(mean, ax, name, colour_map)
    raise ValueError(f"result must be over one or two parameters, got {', '.join(map(str, mean.dims))}; select some")


def _is_number(coordinate) -> bool:
    return coordinate.dtype.kind in "iuf"


def _increasing(values):
    """The values in the order of their coordinates; as they are along words."""
    return values.sortby([dim for dim in values.dims if dim in values.coords and values[dim].dtype.kind in "biuf"])


def _curve(result, mean, error, ax, name):
    (dim,) = mean.dims
    parameters = [str(n) for n, c in result.coords.items() if c.dims == (dim,) and n not in ("point", "repeat")]
    parameter = dim if dim != "point" else (parameters[0] if parameters else "point")
    places = result[parameter] if dim == "point" else mean[dim]
    x = places.values if _is_number(places) else np.arange(places.size)
    options = {"color": INHIBITORY, "marker": "o", "linestyle": "none" if dim == "point" else "-"}
    ax.errorbar(x, mean.values, None if error is None else error.values, capsize=2, **options)
    _label_words(ax.xaxis, places)
    ax.set_xlabel(parameter, parse_math=False)
    ax.set_ylabel(name, parse_math=False)
    return ax


def _map(mean, ax, name, colour_map):
    rows, columns = mean.dims
    sides = [_edges(mean[dim]) for dim in (columns, rows)]
    ax.set_facecolor(FADED)
    image = ax.pcolormesh(*sides, np.ma.masked_invalid(mean.values), cmap=colour_map, rasterized=True)
    for dim, axis in ((columns, ax.xaxis), (rows, ax.yaxis)):
        _label_words(axis, mean[dim])
        axis.set_label_text(dim, parse_math=False)
    ax.figure.colorbar(image, ax=ax).set_label(name, parse_math=False)
    return ax


def _label_words(axis, coordinate):
    """Ticks at 0, 1, ... with the values as their labels, if these are no numbers."""
    if not _is_number(coordinate):
        labels = [str(value) for value in coordinate.values]
        axis.set_ticks(np.arange(coordinate.size), labels=labels, parse_math=False)


def _edges(coordinate):
    """Borders of cells around values that increase, or around their numbers if they are words."""
    values = coordinate.values.astype(float) if _is_number(coordinate) else np.arange(float(coordinate.size))
    if values.size == 1:
        return values[0] + np.array([-0.5, 0.5])
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])


def plot_capacity(
    curve: xr.Dataset,
    ax: Axes,
    *,
    threshold: xr.Dataset | None = None,
    theory: float | None = None,
    label: str | None = None,
    colour: str = INHIBITORY,
) -> Axes:
    """Retrieved fraction against load with its interval, the fitted threshold and what theory says.

    The load is on the scale of the threshold, patterns per unit without one.

    Parameters
    ----------
    curve : Dataset
        Of `assocmem.analysis.capacity_curve`.
    ax : Axes
    threshold : Dataset, optional
        Of `assocmem.analysis.capacity_threshold`: its fit as a line.
    theory : float, optional
        A load, as a vertical line.
    label : str, optional
    colour : str
    """
    scale = "linear" if threshold is None else threshold.attrs["scale"]
    load = load_of(curve, scale)
    limits = np.stack([curve.retrieved - curve.low, curve.high - curve.retrieved])
    ax.errorbar(load, curve.retrieved.values, np.maximum(limits, 0), fmt="o", capsize=2, color=colour, label=label)
    if threshold is not None:
        x = np.linspace(float(load.min()), float(load.max()), 200)
        probability = threshold.attrs["probability"]
        middle = float(threshold.threshold - threshold.slope_width * np.log(1 / probability - 1))
        ax.plot(x, 1 / (1 + np.exp((x - middle) / float(threshold.slope_width))), color=colour)
    if theory is not None:
        ax.axvline(theory, color=NEUTRAL, linestyle="--")
    ax.set(xlabel=f"load ({SCALES[scale]})", ylabel="retrieved", ylim=(-0.03, 1.03))
    return ax


def plot_extrapolation(
    limit: xr.Dataset, ax: Axes, *, theory: float | None = None, label: str | None = None, colour: str = INHIBITORY
) -> Axes:
    """Thresholds over a power of the number of units, the line through them, and its end for many units.

    Parameters
    ----------
    limit : Dataset
        Of `assocmem.analysis.extrapolated_capacity`.
    ax : Axes
    theory : float, optional
        A load, as a horizontal line.
    label : str, optional
    colour : str
    """
    exponent = limit.attrs["exponent"]
    x = limit.n_units.values.astype(float) ** -exponent
    ax.errorbar(x, limit.threshold.values, limit.threshold_error.values, fmt="o", capsize=2, color=colour, label=label)
    capacity, error = float(limit.capacity), float(limit.capacity_error)
    ax.plot([0, x.max()], [capacity, capacity + float(limit.amplitude) * x.max()], color=colour)
    ax.errorbar([0], [capacity], [error], fmt="o", capsize=2, color=colour, markerfacecolor="none", clip_on=False)
    if theory is not None:
        ax.axhline(theory, color=NEUTRAL, linestyle="--")
    ax.set(xlabel=rf"$N^{{-{exponent:g}}}$ of $N$ units", ylabel=axis_label(limit.threshold, "threshold", ""))
    ax.set_xlim(left=0)
    return ax


def plot_basin_radius(
    radius: xr.Dataset, ax: Axes, *, corruption: str = "corruption", colour: str = INHIBITORY
) -> Axes:
    """Radius of the basin of each pattern with its interval; open symbols where it is only a bound.

    Parameters
    ----------
    radius : Dataset
        Of `assocmem.analysis.basin_radius`.
    ax : Axes
    corruption : str
        Name of the axis.
    colour : str
    """
    for is_open in (False, True):
        part = radius.isel(pattern=np.flatnonzero(radius.is_censored.values == is_open))
        limits = np.stack([part.radius - part.low, part.high - part.radius])
        fill = "none" if is_open else colour
        ax.errorbar(
            part.pattern.values, part.radius.values, limits, fmt="o", capsize=2, color=colour, markerfacecolor=fill
        )
    ax.set(xlabel="pattern", ylabel=corruption)
    ax.set_ylim(0, 1.05 * radius.attrs["largest"])
    return ax


def plot_branches(branches: xr.Dataset, ax: Axes, *, unit: int = 0, parameter: str = "parameter") -> Axes:
    """Branches of fixed points over the parameter, dashed where they are unstable, with their special points.

    Parameters
    ----------
    branches : Dataset
        Of `assocmem.analysis.follow_fixed_point`.
    ax : Axes
    unit : int
        The unit that is drawn.
    parameter : str
        Name of the axis.
    """
    for number in np.unique(branches.branch):
        part = branches.isel(point=np.flatnonzero(branches.branch.values == number))
        is_stable = part.n_unstable.values == 0
        for start, stop in _runs(is_stable):
            span = slice(start, min(stop + 1, is_stable.size))
            line = "-" if is_stable[start] else "--"
            ax.plot(part.parameter[span], part.state[span, unit], line, color=INHIBITORY)
    for kind, (label, marker) in _MARKS.items():
        places = np.flatnonzero(branches.kind.values == kind)
        if places.size:
            x, y = branches.parameter[places], branches.state[places, unit]
            ax.plot(x, y, marker, color=EXCITATORY, markersize=4, linestyle="none", label=label)
    if ax.get_legend_handles_labels()[0]:
        ax.legend()
    ax.set(xlabel=parameter, ylabel=f"fixed point, unit {unit}")
    return ax


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of runs of equal flags."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flags)) + 1, [flags.size]])
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def plot_lyapunov(exponents: xr.Dataset, ax: Axes, *, trajectory: int = 0) -> Axes:
    """Running means of Lyapunov exponents over time, for one trajectory.

    Parameters
    ----------
    exponents : Dataset
        Of `assocmem.analysis.lyapunov_exponents`.
    ax : Axes
    trajectory : int
    """
    running = exponents.running.isel(trajectory=trajectory)
    for number in range(running.sizes["rank"]):
        value = float(exponents.lyapunov_exponent[trajectory, number])
        ax.plot(running.time, running.isel(rank=number), label=f"{value:.3g}")
    ax.axhline(0, color=NEUTRAL, linewidth=0.6)
    ax.legend(title="exponent")
    ax.set(xlabel="time", ylabel="running mean (1 / time)")
    return ax
