"""Association of cues with patterns by features, in time that grows with cues plus patterns and not their product."""

import numpy as np

from assocmem.features import FeatureMap
from assocmem.jit import compile_loop
from assocmem.kernels.features import key_sums_loop, mixtures_loop
from assocmem.kernels.matmul import CACHE_LINE, aligned_empty, matmul, matmul_single, weights_from
from assocmem.threads import default_threads, worker_map

__all__ = ["key_sums", "mixtures"]

_FEWEST_KEYS, _MOST_PARTS = 1024, 16  # keys in a part, parts that are summed by themselves
_FEWEST_ROWS, _MOST_ROWS, _BLOCK_SIZE = 64, 4096, 2**15  # rows in a block, features in it


def key_sums(
    features: FeatureMap, keys: np.ndarray, values: np.ndarray, *, beta: float, threads: int | None = None
) -> np.ndarray:
    """Sums over patterns of ``f(key) [value, 1]``, but for one factor; the same for any number of threads.

    Parameters
    ----------
    features : FeatureMap
    keys : array (pattern, unit), float64 or float32
    values : array (pattern, value), of the same type
    beta : float, > 0
    threads : int, optional

    Returns
    -------
    ndarray (feature, column): the values, then a column with the sums of the features, then padding.
    """
    (n_patterns, n_units), dtype = keys.shape, keys.dtype
    per_line, n_features = CACHE_LINE // dtype.itemsize, features.n_features_of(n_units)
    n_columns = -(-(values.shape[1] + 1) // per_line) * per_line
    extended = np.zeros((n_patterns, n_columns), dtype)
    extended[:, : values.shape[1]], extended[:, values.shape[1]] = values, 1.0
    n_parts = max(1, min(_MOST_PARTS, n_patterns // _FEWEST_KEYS))
    edges = [n_patterns * i // n_parts for i in range(n_parts + 1)]
    parts, offsets = np.empty((n_parts, n_features, n_columns), dtype), np.empty(n_parts)
    loop, given = _loop(key_sums_loop, features, n_units, dtype)
    scaled, n_rows = _scaled(keys, beta), min(_rows_of_block(n_features), -(-n_patterns // n_parts))

    def add(numbers: range) -> None:
        block, turned = aligned_empty((n_rows, n_features), dtype), aligned_empty((n_rows * n_features,), dtype)
        sums = aligned_empty((n_features, n_columns), dtype)
        for i in numbers:
            part = slice(edges[i], edges[i + 1])
            arrays = (extended[part], block, turned, np.empty(n_rows), sums, parts[i])
            offsets[i] = loop(scaled[part], *given, *arrays)

    n_threads = max(1, min(default_threads() if threads is None else threads, n_parts))
    with worker_map(n_threads) as mapping:
        mapping(add, [range(i, n_parts, n_threads) for i in range(n_threads)])
    total = aligned_empty((n_features, n_columns), dtype)
    total[:] = 0.0
    for part, offset in zip(parts, offsets, strict=True):
        total += part * dtype.type(np.exp(offset - offsets.max()))
    return total


def mixtures(
    features: FeatureMap, cues: np.ndarray, sums: np.ndarray, n_values: int, *, beta: float, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What cues (trajectory, unit) evoke (trajectory, value), and 1 in a status where no key has a weight, 0 elsewhere.

    `sums` are those of `key_sums` with the same features, beta and type.
    """
    (n, n_units), dtype = cues.shape, cues.dtype
    out, status = aligned_empty((n, n_values), dtype), np.zeros(n, dtype=np.int64)
    loop, given = _loop(mixtures_loop, features, n_units, dtype)
    scaled, most = _scaled(cues, beta), _rows_of_block(len(sums))

    def run(starts: range) -> None:
        block, mixture = (aligned_empty((min(most, n), size), dtype) for size in sums.shape)
        for start in starts:
            m, rows = min(most, n - start), slice(start, start + most)
            loop(scaled[rows], *given, sums, block[:m], np.empty(m), mixture[:m], out[rows], status[rows])

    n_threads = max(1, min(default_threads() if threads is None else threads, -(-n // most)))
    with worker_map(n_threads) as mapping:
        mapping(run, [range(i * most, n, n_threads * most) for i in range(n_threads)])
    return out, status


def _rows_of_block(n_features):
    """Rows whose features exist at a time; with few features, many rows."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _BLOCK_SIZE // n_features))


def _loop(factory, features, n_units, dtype):
    """The compiled loop, and the projections and parameters of the features."""
    loop = compile_loop(factory, type(features).fill, matmul if dtype == np.float64 else matmul_single)
    return loop, (weights_from(features.projections(n_units).astype(dtype)), features.parameters(n_units))


def _scaled(rows, beta):
    return np.ascontiguousarray(rows * rows.dtype.type(np.sqrt(beta)))
