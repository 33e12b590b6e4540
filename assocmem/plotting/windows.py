"""Time courses of an ensemble, and the windows in which feedback acts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.plotting.style import axis_label

WINDOW_COLOURS = {"push": "#E69F00", "pull": "#56B4E9"}


def plot_windows(windows: Sequence[tuple[str, float, float]], ax: Axes) -> Axes:
    """Shaded spans of time, with their names at the upper edge; a window that overlaps the last has its name lower.

    Parameters
    ----------
    windows : sequence of (name, start, stop)
        In the unit of the time axis. Names other than "push" and "pull" are drawn grey; where windows overlap, their
        colours mix.
    ax : Axes

    Raises
    ------
    ValueError
        If a window does not end after it starts.
    """
    row, last_stop = 0, -np.inf
    for name, start, stop in windows:
        if not stop > start:
            raise ValueError(f"windows must end after they start, got {name!r} from {start} to {stop}")
        ax.axvspan(start, stop, color=WINDOW_COLOURS.get(name, "#999999"), alpha=0.15, linewidth=0)
        row = 1 - row if start < last_stop else 0
        last_stop = stop
        ax.annotate(
            name,
            (0.5 * (start + stop), 1.0),
            (0, -1 - 7 * row),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            size=6,
        )
    return ax


def plot_mean_course(
    values: xr.DataArray, ax: Axes, *, name: str, symbol: str = "", label: str = "", colour=None, linestyle: str = "-"
) -> Axes:
    """Mean over trajectories against time, with a band of one standard error on either side.

    Parameters
    ----------
    values : DataArray (time,) or (time, another dimension)
        The other dimension holds the members of the ensemble; without it only a line is drawn.
    ax : Axes
    name, symbol : str
        Of the quantity, for the label of the vertical axis.
    label : str
        For the legend.
    colour, linestyle
        Of Matplotlib; the next colour of the cycle where None.

    Raises
    ------
    ValueError
        If the dimensions are others.
    """
    members = [dim for dim in values.dims if dim != "time"]
    if "time" not in values.dims or len(members) > 1:
        raise ValueError(f"values must have the dimensions (time,) or time and one other, got {values.dims}")
    mean = values.mean(members)
    (line,) = ax.plot(values.time, mean, color=colour, linestyle=linestyle, label=label or None)
    if members and values.sizes[members[0]] > 1:
        error = values.std(members, ddof=1) / np.sqrt(values.sizes[members[0]])
        ax.fill_between(values.time, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set_xlabel(axis_label(values.time, "time", "$t$"))
    ax.set_xlim(float(np.min(values.time)), float(np.max(values.time)))
    ax.set_ylabel(axis_label(values, name, symbol))
    return ax
