"""Groups among attractors, how they agree with known groups, and sequences of winners."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform

from assocmem.validation import check_integer, check_positive

__all__ = [
    "adjusted_rand_index",
    "attractor_clusters",
    "cluster_accuracy",
    "metastability_index",
    "participation_ratio",
    "sequence_statistics",
    "support_count",
]

PAIR = ("trajectory", "other_trajectory")


def participation_ratio(correlation, *, dims: tuple[str, str] = PAIR):
    """How many directions the attractors span, (trace K)^2 / sum K^2.

    Parameters
    ----------
    correlation : array (..., trajectory, trajectory), or DataArray with the dimensions `dims`
        Correlations K between attractors, as `attractor_correlation` of `assocmem.retrieval.retrieve`.
    dims : pair of str
        Names of the two dimensions of K in a DataArray.

    Returns
    -------
    array or DataArray (...): 1 if all attractors are the same, their number if none are correlated.

    Raises
    ------
    ValueError
        If the matrix is not square.
    """
    return _over_matrices(_participation_ratio, correlation, dims, [])


def attractor_clusters(correlation, n_clusters: int, *, dims: tuple[str, str] = PAIR):
    """Clusters of attractors by average linkage of the distances 1 - K.

    Parameters
    ----------
    correlation : array (..., trajectory, trajectory), or DataArray with the dimensions `dims`
        Correlations K between attractors, finite.
    n_clusters : int
        Most clusters to form, >= 1; fewer where distances are equal.
    dims : pair of str
        Names of the two dimensions of K in a DataArray.

    Returns
    -------
    array or DataArray (..., trajectory) of int: cluster of every attractor, numbered in the order of first members.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, not symmetric or not finite, or `n_clusters` is no positive integer.
    """
    check_integer("n_clusters", n_clusters, 1)
    return _over_matrices(lambda k: _clusters(k, n_clusters), correlation, dims, [dims[0]])


def cluster_accuracy(labels, groups) -> float:
    """Fraction of items whose cluster is their group, clusters and groups matched one to one in the best way.

    Parameters
    ----------
    labels, groups : array (item,) of int
        Cluster and known group of every item, by any numbers.

    Raises
    ------
    ValueError
        If they differ in shape or are empty.
    """
    table = _contingency(labels, groups)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def adjusted_rand_index(labels, groups) -> float:
    """Agreement of two partitions over pairs of items, corrected for chance: 1 if they are the same, 0 on average.

    Parameters
    ----------
    labels, groups : array (item,) of int
        Two partitions, by any numbers.

    Raises
    ------
    ValueError
        If they differ in shape or are empty.

    References
    ----------
    Hubert & Arabie (1985), Comparing partitions.
    """
    table = _contingency(labels, groups)
    together, left, right = (_pairs(counts).sum() for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected, largest = left * right / max(_pairs(table.sum()), 1), 0.5 * (left + right)
    return 1.0 if largest == expected else float((together - expected) / (largest - expected))


def support_count(weights, *, share: float = 0.9, dim: str = "pattern"):
    """Smallest number of weights whose sum is at least `share`.

    Parameters
    ----------
    weights : array (..., pattern), or DataArray with the dimension `dim`
        >= 0, each row with a sum of 1.
    share : float, in (0, 1]
    dim : str
        Name of the dimension of the patterns in a DataArray.

    Returns
    -------
    array or DataArray (...) of int; all weights are counted where their sum stays below `share`.

    Raises
    ------
    TypeError, ValueError
        If `share` is out of range.
    """
    check_positive("share", share)
    if share > 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    return xr.apply_ufunc(lambda w: _support_count(np.asarray(w), share), weights, input_core_dims=[[dim]])


def metastability_index(weights, *, share: float = 0.9, dims: tuple[str, str] = ("trajectory", "pattern")):
    """Median over trajectories of how many patterns hold most of the softmax weight.

    Parameters
    ----------
    weights : array (trajectory, ..., pattern), or DataArray with the dimensions `dims`
        Softmax weights.
    share : float, in (0, 1]
        What counts as most.
    dims : pair of str
        Names of the dimensions of trajectories and patterns in a DataArray.

    Returns
    -------
    array or DataArray (...): 1 if a single pattern is retrieved.

    Raises
    ------
    TypeError, ValueError
        If `share` is out of range.

    References
    ----------
    Ramsauer et al. (2021), Hopfield networks is all you need; Burns (2024), appendix A.2.
    """
    counts = support_count(weights, share=share, dim=dims[1])
    return counts.median(dims[0]) if isinstance(counts, xr.DataArray) else np.median(counts, axis=0)


def sequence_statistics(winner, n_patterns: int) -> xr.Dataset:
    """How a sequence on a directed ring of patterns is run through, from the winners at successive times.

    Parameters
    ----------
    winner : array or DataArray (..., time) of int
        Pattern that is retrieved at each time, at least two times.
    n_patterns : int
        Length of the ring.

    Returns
    -------
    Dataset, each variable without the time dimension: `dwell`, `advance`, `skip`, the fractions of steps by 0, by 1
    and by more (steps back among them); `n_visited`, the number of different winners.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two times, or a winner is no pattern.
    """
    check_integer("n_patterns", n_patterns, 1)
    if not isinstance(winner, xr.DataArray):
        values = np.asarray(winner)
        winner = xr.DataArray(values, dims=[*(f"dim_{k}" for k in range(values.ndim - 1)), "time"][-values.ndim :])
    track = winner.transpose(..., "time")
    if track.dtype.kind not in "iu":
        raise TypeError(f"winner must hold integers, got dtype {track.dtype}")
    if track.sizes["time"] < 2:
        raise ValueError(f"winner must have at least 2 times, got {track.sizes['time']}")
    if track.min() < 0 or track.max() >= n_patterns:
        raise ValueError(f"winner must be in 0..{n_patterns - 1}, got {int(track.min())}..{int(track.max())}")
    values = track.to_numpy()
    jumps = np.diff(values, axis=-1) % n_patterns
    visited = (values[..., None] == np.arange(n_patterns)).any(axis=-2)
    measures = {"dwell": (jumps == 0), "advance": (jumps == 1), "skip": (jumps > 1)}
    dims = track.dims[:-1]
    variables = {name: (dims, is_such.mean(axis=-1), {"units": "1"}) for name, is_such in measures.items()}
    variables["n_visited"] = (dims, visited.sum(axis=-1), {"units": "1"})
    return xr.Dataset(variables, {name: c for name, c in track.coords.items() if "time" not in c.dims})


def _over_matrices(function, matrix, dims, kept):
    return xr.apply_ufunc(
        lambda k: _each_matrix(function, np.asarray(k, dtype=float)),
        matrix,
        input_core_dims=[list(dims)],
        output_core_dims=[kept],
    )


def _each_matrix(function, matrices):
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"correlation must be a square matrix (..., trajectory, trajectory), got {matrices.shape}")
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    results = np.array([function(matrix) for matrix in flat])
    return results.reshape((*matrices.shape[:-2], *results.shape[1:]))


def _participation_ratio(matrix):
    return np.trace(matrix) ** 2 / np.square(matrix).sum()


def _clusters(matrix, n_clusters):
    if not np.all(np.isfinite(matrix)):
        raise ValueError(f"correlation must be finite, got {np.count_nonzero(~np.isfinite(matrix))} other values")
    if not np.allclose(matrix, matrix.T, atol=1e-9):
        raise ValueError("correlation must be symmetric")
    if len(matrix) == 1:
        return np.zeros(1, dtype=np.int64)
    # round-off must not make a distance negative or asymmetric
    distance = np.maximum(1.0 - 0.5 * (matrix + matrix.T), 0.0)
    np.fill_diagonal(distance, 0.0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), n_clusters, "maxclust")
    first_members = np.unique(labels, return_index=True)[1]
    return np.searchsorted(np.sort(first_members), first_members)[labels - 1]


def _contingency(labels, groups):
    """Number of items of every cluster in every group."""
    labels, groups = np.asarray(labels), np.asarray(groups)
    if labels.ndim != 1 or labels.shape != groups.shape or labels.size == 0:
        raise ValueError(f"labels and groups must be two equally long vectors, got {labels.shape} and {groups.shape}")
    rows, columns = np.unique(labels, return_inverse=True)[1], np.unique(groups, return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _pairs(counts):
    return counts * (counts - 1) // 2


def _support_count(weights, share):
    largest_first = -np.sort(-weights, axis=-1)
    is_enough = np.cumsum(largest_first, axis=-1) >= share
    return np.where(is_enough.any(axis=-1), is_enough.argmax(axis=-1) + 1, weights.shape[-1])
