"""Matrices between the vertices of a graph as functions of the distance between them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.sparse.csgraph import shortest_path


def ring_curve(matrix: xr.DataArray, *, n_distances: int) -> xr.DataArray:
    """Entries K[i, i - d] (..., distance, cue) of matrices (..., cue, other) between the vertices of a ring."""
    values = matrix.to_numpy()
    cue = np.arange(values.shape[-1])
    curve = np.stack([values[..., cue, (cue - d) % cue.size] for d in range(n_distances)], axis=-2)
    return _over_distance(curve, (*matrix.dims[:-2], "distance", "cue"), matrix)


def hop_means(matrix: xr.DataArray, adjacency: np.ndarray, *, n_distances: int) -> xr.DataArray:
    """Means (..., distance) of matrices (..., cue, other) over the pairs of vertices as many edges apart.

    NaN where no two vertices are.
    """
    hops = shortest_path(adjacency, unweighted=True)
    values = matrix.to_numpy()
    means = [
        values[..., hops == d].mean(axis=-1) if (hops == d).any() else _nothing(values) for d in range(n_distances)
    ]
    return _over_distance(np.stack(means, axis=-1), (*matrix.dims[:-2], "distance"), matrix)


def positive_range(curve: xr.DataArray) -> xr.DataArray:
    """Largest distance up to which a curve (..., distance) that starts at 1 is positive."""
    is_positive = (curve > 0).astype(int).cumprod("distance")
    return (is_positive.sum("distance") - 1).assign_attrs(units="edges")


def _nothing(values):
    return np.full(values.shape[:-2], np.nan)


def _over_distance(values, dims, matrix):
    coords = {name: c for name, c in matrix.coords.items() if set(c.dims) <= set(dims)}
    places = {"distance": ("distance", np.arange(values.shape[dims.index("distance")]), {"units": "edges"})}
    return xr.DataArray(values, dims=dims, coords=coords | places, attrs={"units": "1"})
