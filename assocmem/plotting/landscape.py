"""Networks of two units as maps: energies with trajectories on them, and the basins of patterns."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap

from assocmem.plotting.style import EXCITATORY

PATTERN_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def plot_energy(
    energy: xr.DataArray,
    ax: Axes,
    *,
    patterns: np.ndarray | None = None,
    path: np.ndarray | None = None,
    border: np.ndarray | None = None,
    n_levels: int = 12,
    power: float = 1.0,
    colour_map: str = "viridis",
) -> Axes:
    """Filled contours of an energy, with patterns, a trajectory that starts at a circle, and a border of states.

    Parameters
    ----------
    energy : DataArray (y, x)
        Values on a grid of states, which is in its coordinates, increasing. Not drawn where not finite.
    ax : Axes
    patterns : array (pattern, 2), optional
        White squares; NaN is left out.
    path : array (time, 2), optional
        States one after the other.
    border : array (point, 2), optional
        Line around the states that are allowed.
    n_levels : int, >= 2
        Steps of colour from the lowest to the highest energy.
    power : float, > 0
        The k-th bound of steps is at ``(k / n_levels)**power`` of the range: steps are even at 1, and the narrower the
        lower where it is more, which shows valleys below high mountains.
    colour_map : str
        Of Matplotlib.

    Raises
    ------
    ValueError
        If the energy is not over y and x with increasing coordinates or is the same everywhere, or another array is not
        one of points.
    """
    x, y = _places(energy, "energy")
    values = np.ma.masked_invalid(energy.to_numpy())
    low, high = values.min(), values.max()
    if not low < high:
        raise ValueError("energy must have different values")
    levels = low + (high - low) * np.linspace(0.0, 1.0, n_levels + 1) ** power
    colours = matplotlib.colormaps[colour_map].resampled(n_levels)
    ax.contourf(x, y, values, levels=levels, cmap=colours, norm=BoundaryNorm(levels, n_levels))
    if border is not None:
        ax.plot(*_points("border", border).T, color="white", linewidth=0.8, linestyle="--")
    if path is not None:
        path = _points("path", path)
        ax.plot(*path.T, ".-", color=EXCITATORY, linewidth=0.9, markersize=2.5)
        ax.plot(*path[0], "o", markersize=4.5, markerfacecolor="none", markeredgecolor=EXCITATORY)
    if patterns is not None:
        ax.plot(*_points("patterns", patterns).T, "s", markersize=3, color="white", markeredgecolor="black", mew=0.6)
    return _fitted(ax, x, y)


def plot_basins(
    basins: xr.DataArray,
    ax: Axes,
    *,
    patterns: np.ndarray | None = None,
    border: np.ndarray | None = None,
    colours: Sequence = PATTERN_COLOURS,
) -> Axes:
    """The pattern that each state leads to as a colour, white where it leads to none, and the patterns in theirs.

    Parameters
    ----------
    basins : DataArray (y, x) of int
        Number of the pattern, -1 for none, on a grid of states, which is in its coordinates, increasing and evenly
        spaced.
    ax : Axes
    patterns : array (pattern, 2), optional
        Squares in the colours of their basins; NaN is left out.
    border : array (point, 2), optional
        Line around the states that are allowed.
    colours : sequence of Matplotlib colours
        At least one for each pattern.

    Raises
    ------
    ValueError
        If the basins are not over y and x with increasing coordinates, there are fewer colours than patterns, or
        another array is not one of points.
    """
    x, y = _places(basins, "basins")
    numbers = basins.to_numpy()
    if numbers.min() < -1 or numbers.max() >= len(colours):
        raise ValueError(f"basins must be in -1..{len(colours) - 1}, got {numbers.min()}..{numbers.max()}")
    shown = np.ma.masked_less(numbers, 0)
    ax.pcolormesh(x, y, shown, cmap=ListedColormap(list(colours)), vmin=-0.5, vmax=len(colours) - 0.5, rasterized=True)
    if border is not None:
        ax.plot(*_points("border", border).T, color="black", linewidth=0.6, linestyle="--")
    if patterns is not None:
        for colour, point in zip(colours, _points("patterns", patterns), strict=False):
            ax.plot(*point, "s", markersize=3, color=colour, markeredgecolor="black", mew=0.6)
    return _fitted(ax, x, y)


def _places(values: xr.DataArray, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y, checked."""
    if values.dims != ("y", "x"):
        raise ValueError(f"{argument} must have the dimensions y and x, got {values.dims}")
    for dim in ("x", "y"):
        if dim not in values.coords or values.sizes[dim] < 2 or not np.all(np.diff(values[dim]) > 0):
            raise ValueError(f"{argument} must have an increasing coordinate {dim!r}")
    return values["x"].to_numpy(), values["y"].to_numpy()


def _points(argument: str, points) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{argument} must have shape (number, 2), got {points.shape}")
    return points


def _fitted(ax: Axes, x: np.ndarray, y: np.ndarray) -> Axes:
    """Limits at the ends of the grid, equal scales."""
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    return ax
