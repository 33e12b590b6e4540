"""Matrices between the vertices of a graph, and graphs drawn with a value at every vertex."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from scipy.sparse.csgraph import shortest_path

from assocmem.graphs import adjacency_matrix
from assocmem.plotting.style import FADED

DIVERGING = "RdBu_r"  # white at zero
_MOST_ROUNDS = 500


def plot_matrix(
    matrix: xr.DataArray,
    ax: Axes,
    *,
    name: str = "",
    symbol: str = "",
    order: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    limit: float | None = None,
    colour_bar: bool = True,
) -> Axes:
    """Colour map of a matrix between vertices, white at zero.

    Parameters
    ----------
    matrix : DataArray (row, column)
        Square; the names of its dimensions label the axes, the unit in its attrs the colour bar.
    ax : Axes
    name, symbol : str
        Of the quantity.
    order : array (vertex,) of int, optional
        Vertices from first to last row and column, such as sorted by cluster; as they are numbered where None.
    groups : array (vertex,), optional
        Thin lines are drawn between neighbouring vertices (in `order`) of different groups.
    limit : float, optional
        > 0; value of the strongest colours. The largest absolute value where None.
    colour_bar : bool

    Raises
    ------
    ValueError
        If the matrix is not square, or the order is no permutation of its vertices, or the limit is not > 0.
    """
    values = np.asarray(matrix, dtype=float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"matrix must be square, got shape {values.shape}")
    order = np.arange(len(values)) if order is None else np.asarray(order)
    if not np.array_equal(np.sort(order), np.arange(len(values))):
        raise ValueError(f"order must be a permutation of the {len(values)} vertices, got {order}")
    limit = _limit(values, limit)
    image = ax.imshow(values[np.ix_(order, order)], cmap=DIVERGING, vmin=-limit, vmax=limit)
    if groups is not None:
        for border in np.flatnonzero(np.diff(np.asarray(groups)[order])) + 0.5:
            ax.axhline(border, color="black", linewidth=0.4)
            ax.axvline(border, color="black", linewidth=0.4)
    # places in an order are no names of vertices
    suffix = "" if np.array_equal(order, np.arange(len(order))) else ", sorted"
    row, column = (str(dim).replace("_", " ") + suffix for dim in matrix.dims)
    ax.set(ylabel=row, xlabel=column)
    if colour_bar:
        _colour_bar(image, ax, matrix, f"{name} {symbol}".strip())
    return ax


def plot_graph(
    adjacency,
    ax: Axes,
    *,
    positions: np.ndarray,
    values: xr.DataArray | None = None,
    name: str = "",
    symbol: str = "",
    limit: float | None = None,
    marked: int | None = None,
    size: float = 14.0,
    colour_bar: bool = True,
) -> Axes:
    """A graph as dots and lines, the dots coloured by a value, white at zero.

    Parameters
    ----------
    adjacency : array (vertex, vertex) or a graph that `assocmem.graphs.adjacency_matrix` accepts
        Edges are drawn as lines, wider the heavier; directions are not shown.
    ax : Axes
    positions : array (vertex, 2)
        As from `circular_layout` or `stress_layout`.
    values : DataArray (vertex,), optional
        Unit in attrs; white dots where None, and where a value is NaN.
    name, symbol : str
        Of the quantity.
    limit : float, optional
        > 0; value of the strongest colours. The largest absolute value where None.
    marked : int, optional
        A vertex with a thick border, such as that of the cue.
    size : float
        Area of a dot, points squared.
    colour_bar : bool
        Only drawn where there are values.

    Raises
    ------
    ValueError
        If positions or values do not belong to the vertices of the graph, or the limit is not > 0.
    """
    adjacency = adjacency_matrix(adjacency)
    positions, n = np.asarray(positions, dtype=float), len(adjacency)
    if positions.shape != (n, 2):
        raise ValueError(f"positions must have shape ({n}, 2), got {positions.shape}")
    colours = np.zeros(n) if values is None else np.asarray(values, dtype=float)
    if colours.shape != (n,):
        raise ValueError(f"values must have shape ({n},), got {colours.shape}")
    _draw_edges(adjacency, positions, ax)
    limit = _limit(colours, limit)
    borders = np.full(n, 0.4)
    if marked is not None:
        borders[marked] = 1.5
    dots = ax.scatter(
        *positions.T,
        s=size,
        c=np.nan_to_num(colours),
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        edgecolors="black",
        linewidths=borders,
        zorder=2,
    )
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    ax.margins(0.08)
    if colour_bar and values is not None:
        _colour_bar(dots, ax, values, f"{name} {symbol}".strip())
    return ax


def circular_layout(n_vertices: int) -> np.ndarray:
    """Positions (vertex, 2) on the unit circle, clockwise from the top."""
    angle = 2.0 * np.pi * np.arange(n_vertices) / n_vertices
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def stress_layout(adjacency) -> np.ndarray:
    """Positions (vertex, 2) whose distances are those of shortest paths in the graph as nearly as a plane allows.

    Minimises sum over pairs of (distance / path length - 1)^2 by majorisation, starting from classical scaling; the
    same graph always gives the same drawing. Directions and weights of edges do not matter.

    Parameters
    ----------
    adjacency : array (vertex, vertex) or a graph that `assocmem.graphs.adjacency_matrix` accepts
        Parts that no path joins are placed as if one step longer than the longest path were between them.

    References
    ----------
    Gansner, Koren & North (2005), Graph drawing by stress majorization.
    """
    hops = shortest_path(adjacency_matrix(adjacency), directed=False, unweighted=True)
    hops = np.where(np.isinf(hops), hops[np.isfinite(hops)].max() + 1.0, hops)
    n = len(hops)
    if n < 3:
        return np.stack([np.arange(n, dtype=float), np.zeros(n)], axis=1)
    positions = _classical_scaling(hops)
    weights = 1.0 / np.where(np.eye(n, dtype=bool), np.inf, hops) ** 2
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(_MOST_ROUNDS):
        previous, positions = positions, inverse @ _pull(positions, hops, weights)
        if np.abs(positions - previous).max() < 1e-4:  # far below the width of a line
            break
    return positions


def spectral_order(adjacency) -> np.ndarray:
    """Vertices (vertex,) sorted along the slowest non-constant mode of the graph, so that neighbours come close.

    That mode is the eigenvector of the Laplacian with the second smallest eigenvalue, signed such that its entry of
    largest size is positive.

    Parameters
    ----------
    adjacency : array (vertex, vertex) or a graph that `assocmem.graphs.adjacency_matrix` accepts
        Directions of edges do not matter.
    """
    adjacency = adjacency_matrix(adjacency)
    adjacency = adjacency + adjacency.T
    _, modes = np.linalg.eigh(np.diag(adjacency.sum(axis=1)) - adjacency)
    mode = modes[:, min(1, len(modes) - 1)]
    return np.argsort(mode * np.sign(mode[np.argmax(np.abs(mode))]), kind="stable")


def _classical_scaling(distances) -> np.ndarray:
    """The best plane through points of given distances (Torgerson), each axis signed by its largest entry."""
    n = len(distances)
    centring = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centring @ distances**2 @ centring)
    plane = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0.0))
    plane *= np.sign(plane[np.argmax(np.abs(plane), axis=0), [0, 1]])
    # equal places, as of vertices with equal neighbours, would stay equal for ever
    return plane + 1e-3 * circular_layout(n)


def _pull(positions, hops, weights) -> np.ndarray:
    """Right-hand side of the majorising problem: what the path lengths ask for in the present directions."""
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    ratio = np.divide(weights * hops, distance, out=np.zeros_like(distance), where=distance > 0)
    return ratio.sum(axis=1)[:, None] * positions - ratio @ positions


def _draw_edges(adjacency, positions, ax) -> None:
    start, end = np.nonzero(np.triu(np.maximum(adjacency, adjacency.T), 1))
    weight = np.maximum(adjacency, adjacency.T)[start, end]
    widths = 0.7 * weight / weight.mean() if weight.size else []
    ax.add_collection(
        LineCollection(positions[np.stack([start, end], axis=1)], colors=FADED, linewidths=widths, zorder=1)
    )


def _limit(values, limit) -> float:
    if limit is None:
        return float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    if not limit > 0:
        raise ValueError(f"limit must be > 0, got {limit}")
    return limit


def _colour_bar(image, ax, data, label) -> None:
    units = data.attrs.get("units", "1")
    label = label if units == "1" else f"{label} ({units})"
    ax.figure.colorbar(image, ax=ax, label=label, pad=0.03, shrink=0.85)
