"""Phase diagrams: an order parameter over two parameters, the regions of phases, and boundaries of a theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from scipy import ndimage

from assocmem.plotting.style import axis_label

PHASE_COLOURS = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#D55E00", "#BBBBBB", "#F0E442", "#0072B2")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
SMALLEST_REGION = 0.01  # of the diagram; smaller ones have no name written in them
_HALO = [patheffects.withStroke(linewidth=2.0, foreground="white")]


def plot_phase_diagram(
    values: xr.DataArray,
    ax: Axes,
    *,
    x: str,
    name: str = "",
    symbol: str = "",
    limits: tuple[float, float] | None = None,
    colour_map: str = "viridis",
    phases: xr.DataArray | None = None,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    colour_bar: str | None = "right",
) -> Axes:
    """An order parameter over two parameters as an image, with borders of phases and lines of a theory.

    Parameters
    ----------
    values : DataArray of two dimensions
        With the parameters as coordinates, increasing and evenly spaced; the unit in attrs labels the colour bar.
    ax : Axes
    x : str
        Dimension along the horizontal axis.
    name, symbol : str
        Of the order parameter.
    limits : (float, float), optional
        Values of the first and the last colour; the extremes where None.
    colour_map : str
        Of Matplotlib.
    phases : DataArray of int, optional
        As for `plot_phases`, on the same grid; only borders are drawn.
    curves : mapping of label to (x, y), optional
        Lines, in the unit of the axes; labelled for a legend. Parts outside of the diagram are not shown.
    colour_bar : {"right", "top"}, optional
        Where it is drawn; not at all where None.

    Raises
    ------
    ValueError
        If the values are not over two dimensions with evenly spaced coordinates, one of them `x`.
    """
    values = _oriented(values, x, "values")
    low, high = (None, None) if limits is None else limits
    image = ax.imshow(values, cmap=colour_map, vmin=low, vmax=high, **_placed(values))
    if colour_bar is not None:
        bar = ax.figure.colorbar(image, ax=ax, location=colour_bar, pad=0.02)
        bar.set_label(axis_label(values, name, symbol))
    if phases is not None:
        _draw_borders(_oriented(phases, x, "phases"), ax, colour="white")
    _draw_curves(curves, ax, is_on_image=True)
    _label_axes(values, ax)
    return ax


def plot_phases(
    phases: xr.DataArray,
    ax: Axes,
    *,
    x: str,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    colours: Sequence = PHASE_COLOURS,
) -> Axes:
    """Regions of phases in colour, with their names in them and lines of a theory.

    Parameters
    ----------
    phases : DataArray of int, of two dimensions
        Number of the phase; the attr `flag_meanings` holds the names of phases 0, 1, ..., separated by blanks (an
        underscore is shown as one). Coordinates as in `plot_phase_diagram`.
    ax : Axes
    x : str
        Dimension along the horizontal axis.
    curves : mapping of label to (x, y), optional
        Lines, in the unit of the axes; labelled for a legend.
    colours : sequence of Matplotlib colours
        At least one for each phase.

    Raises
    ------
    ValueError
        If the phases are not over two dimensions with evenly spaced coordinates, have no names, or there are fewer
        names or colours than phases.
    """
    phases = _oriented(phases, x, "phases")
    names = [name.replace("_", " ") for name in str(phases.attrs.get("flag_meanings", "")).split()]
    least, most = int(phases.min()), int(phases.max())
    if least < 0 or most >= min(len(names), len(colours)):
        raise ValueError(
            f"phases must be in 0..{min(len(names), len(colours)) - 1}, which have names in flag_meanings and colours, "
            f"got {least}..{most}"
        )
    return _draw_phases(phases, names, ax, curves, colours)


def _draw_phases(phases: xr.DataArray, names: Sequence[str], ax: Axes, curves, colours) -> Axes:
    """Regions in colour with their names, as they are, in them."""
    numbers = phases.to_numpy()
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    ax.imshow(phases, cmap=ListedColormap(list(colours[: len(names)])), norm=norm, **_placed(phases))
    _draw_borders(phases, ax, colour="black")
    for number, name in enumerate(names):
        place = _middle(numbers == number)
        if place is not None:
            y_value, x_value = (float(phases[dim][k]) for dim, k in zip(phases.dims, place, strict=True))
            options = {"size": 6.5, "ha": "center", "va": "center", "path_effects": _HALO, "parse_math": False}
            ax.text(x_value, y_value, name, **options)
    _draw_curves(curves, ax, is_on_image=False)
    _label_axes(phases, ax)
    return ax


def plot_refined_phases(
    diagram: xr.Dataset,
    ax: Axes,
    *,
    x: str,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    colours: Sequence = PHASE_COLOURS,
) -> Axes:
    """Regions of a diagram that was refined at borders, where it was computed, and where repeats disagree.

    Parameters
    ----------
    diagram : Dataset
        Of `assocmem.scan.phase_diagram`.
    ax : Axes
    x : str
        Dimension along the horizontal axis.
    curves, colours
        As for `plot_phases`.

    Raises
    ------
    ValueError
        If the diagram has no such dimension, or more phases than colours.
    """
    phases = _oriented(diagram.phase, x, "diagram")
    names = [str(label) for label in diagram.label.values]
    if len(names) > len(colours):
        raise ValueError(f"diagram must have at most as many phases as colours, {len(colours)}, got {len(names)}")
    _draw_phases(phases, names, ax, curves, colours)
    y = phases.dims[0]
    rows, columns = np.nonzero(diagram.is_computed.transpose(y, x).to_numpy())
    places = diagram[x].to_numpy()[columns], diagram[y].to_numpy()[rows]
    uncertainty = diagram.uncertainty.transpose(y, x).to_numpy()[rows, columns]
    ax.plot(*places, "o", color="black", markersize=0.9, markeredgewidth=0, label=f"computed ({rows.size})")
    is_unsure = uncertainty > 0
    if is_unsure.any():
        unsure = [place[is_unsure] for place in places]
        label = f"repeats disagree ({is_unsure.sum()})"
        ax.scatter(*unsure, s=12 * uncertainty[is_unsure], facecolors="none", edgecolors="black", lw=0.5, label=label)
    return ax


def _oriented(values: xr.DataArray, x: str, argument: str) -> xr.DataArray:
    """The values with rows along the vertical axis, their coordinates checked."""
    if values.ndim != 2 or x not in values.dims:
        raise ValueError(f"{argument} must have two dimensions, one of them {x!r}, got {values.dims}")
    for dim in values.dims:
        places = values[dim].to_numpy() if dim in values.coords else np.empty(0)
        steps = np.diff(places)
        if len(places) < 2 or steps.min() <= 0 or np.ptp(steps) > 1e-6 * steps.max():
            raise ValueError(f"{argument} must have an increasing, evenly spaced coordinate {dim!r}, got {places}")
    return values.transpose(..., x)


def _placed(values: xr.DataArray) -> dict:
    """Arguments of imshow that put every value at its coordinates."""
    edges = []
    for dim in reversed(values.dims):
        places = values[dim].to_numpy()
        half = 0.5 * (places[1] - places[0])
        edges += [places[0] - half, places[-1] + half]
    return {"origin": "lower", "aspect": "auto", "extent": edges, "interpolation": "nearest"}


def _draw_borders(phases: xr.DataArray, ax: Axes, *, colour: str) -> None:
    """Lines between different phases, along the edges of the pixels."""
    (left, right, bottom, top), numbers = _placed(phases)["extent"], phases.to_numpy()
    x_edges = np.linspace(left, right, numbers.shape[1] + 1)
    y_edges = np.linspace(bottom, top, numbers.shape[0] + 1)
    between_columns, between_rows = np.argwhere(np.diff(numbers, axis=1)), np.argwhere(np.diff(numbers, axis=0))
    upright = [[(x_edges[j + 1], y_edges[i]), (x_edges[j + 1], y_edges[i + 1])] for i, j in between_columns]
    level = [[(x_edges[j], y_edges[i + 1]), (x_edges[j + 1], y_edges[i + 1])] for i, j in between_rows]
    ax.add_collection(LineCollection(upright + level, colors=colour, linewidths=0.4), autolim=False)


def _middle(is_inside: np.ndarray) -> tuple[int, int] | None:
    """Row and column farthest from the border of the largest connected part; None where that is too small."""
    parts, n_parts = ndimage.label(is_inside)
    sizes = np.bincount(parts.ravel(), minlength=n_parts + 1)[1:]
    if n_parts == 0 or sizes.max() < SMALLEST_REGION * is_inside.size:
        return None
    # with a frame of outside, so that the edge of the diagram is a border, too
    part = np.pad(parts == sizes.argmax() + 1, 1)
    depth = ndimage.distance_transform_edt(part)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column)


def _draw_curves(curves, ax: Axes, *, is_on_image: bool) -> None:
    for number, (label, (x_places, y_places)) in enumerate((curves or {}).items()):
        style = LINE_STYLES[number % len(LINE_STYLES)]
        if is_on_image:  # black alone would be lost in the dark parts
            ax.plot(x_places, y_places, color="white", linewidth=2.0, solid_capstyle="butt")
        ax.plot(x_places, y_places, color="black", linestyle=style, linewidth=1.0, label=label)


def _label_axes(values: xr.DataArray, ax: Axes) -> None:
    left, right, bottom, top = _placed(values)["extent"]
    vertical, horizontal = (values[dim] for dim in values.dims)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=_name_of(horizontal), ylabel=_name_of(vertical))


def _name_of(coordinate: xr.DataArray) -> str:
    """Label of an axis: name, symbol and unit of a coordinate."""
    name = str(coordinate.attrs.get("long_name", coordinate.name)).replace("_", " ")
    return axis_label(coordinate, name, str(coordinate.attrs.get("symbol", "")))
