"""Similarities by units in their order: scores and values from compiled loops, weights at the ranks that units have."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.footprints import (
    fill_differences,
    fill_patterns,
    fill_products,
    keep_columns,
    lanes_of,
    listed_values_loop,
    pack,
    scores_loop,
    values_loop,
    working_arrays,
)
from assocmem.kernels.matmul import aligned_empty
from assocmem.kernels.sorting import sort_columns
from assocmem.similarities.base import over_rows
from assocmem.threads import default_threads, worker_map

__all__ = ["Ranked", "add_sorted_scores", "cue_blocks", "feature_values", "n_columns_of"]

_BLOCK_VALUES = 2**19  # similarities by units that exist at a time where ranks are needed
_CUES, _PATTERNS = 64, 512  # in a tile of scores
_KERNELS = {
    "sorted_dis": (fill_differences, sort_columns),
    "sorted_dot": (fill_products, sort_columns),
    "dis": (fill_differences, keep_columns),
    "dot": (fill_products, keep_columns),
    "lin": (fill_patterns, keep_columns),
}


def add_sorted_scores(
    feature: str, cues: np.ndarray, packed: np.ndarray, weights: np.ndarray, scores: np.ndarray, threads: int | None
) -> None:
    """Add ``sum_r weights[r] q_r`` to scores (cue, pattern), in place; all arrays are of one type."""
    n_units, step = cues.shape[1], _PATTERNS
    loop = compile_loop(scores_loop, *_KERNELS[feature])
    tiles = [(b, k) for b in range(0, len(cues), _CUES) for k in range(0, scores.shape[1], step)]

    def run(some: list) -> None:
        work = working_arrays(n_units, cues.dtype)
        for b, k in some:
            groups = packed[k // packed.shape[1] * n_units : (k + step) // packed.shape[1] * n_units]
            loop(cues[b : b + _CUES], groups, weights, *work, scores[b : b + _CUES, k : k + step])

    n_threads = max(1, min(default_threads() if threads is None else threads, len(tiles)))
    with worker_map(n_threads) as mapping:
        mapping(run, [tiles[i::n_threads] for i in range(n_threads)])


def n_columns_of(n: int) -> int:
    """Columns of `feature_values` for `n` patterns: whole groups."""
    lanes = lanes_of(np.float32)
    return -(-n // lanes) * lanes


def feature_values(
    features: tuple[str, ...],
    cues: np.ndarray,
    patterns: np.ndarray,
    numbers: np.ndarray | None = None,
    *,
    threads: int | None = None,
) -> np.ndarray:
    """Values of features (cue, feature * unit, column) as float32, for weights that are still to be found.

    Parameters
    ----------
    features : tuple of names of features
    cues : float32 array (cue, unit)
    patterns : float32 array (pattern, unit)
    numbers : int array (cue, alternative), optional
        Patterns of each cue, all of them by default. Columns beyond them are to be disregarded.
    threads : int, optional
        Without effect on results.
    """
    n_units = cues.shape[1]
    n_columns = n_columns_of(len(patterns) if numbers is None else numbers.shape[1])
    out = aligned_empty((len(cues), len(features) * n_units, n_columns), np.float32)
    factory = values_loop if numbers is None else listed_values_loop
    loops = [compile_loop(factory, *_KERNELS[feature]) for feature in features]
    packed = pack(patterns) if numbers is None else None

    def run(rows: slice) -> None:
        block, _ = working_arrays(n_units, np.float32)
        given = (
            (packed,) if numbers is None else (patterns, numbers[rows], np.empty((n_units, block.shape[1]), np.float32))
        )
        for i, loop in enumerate(loops):
            loop(cues[rows], *given, block, out[rows, i * n_units : (i + 1) * n_units])

    over_rows(run, len(cues), threads, rows_per_block=16)
    return out


def cue_blocks(n_cues: int, n_units: int, n_patterns: int) -> Iterator[slice]:
    """Slices of cues whose similarities by units may exist at a time."""
    step = max(1, _BLOCK_VALUES // (n_units * n_patterns))
    return (slice(start, start + step) for start in range(0, n_cues, step))


@dataclass(eq=False)
class Ranked:
    """A block of cues (cue, unit) and patterns (pattern, unit) whose similarities by units are put in order."""

    cues: np.ndarray
    patterns: np.ndarray

    def __post_init__(self):
        self._orders = {}

    def _values(self, kind):
        x, xi = self.cues[:, None], self.patterns[None]
        return -np.square(x - xi) if kind == "dis" else x * xi

    def _order(self, kind):
        if kind not in self._orders:
            self._orders[kind] = np.argsort(-self._values(kind), axis=-1, kind="stable")
        return self._orders[kind]

    def weights(self, by_unit: np.ndarray, by_rank: np.ndarray | None, kind: str) -> np.ndarray:
        """Weights (cue, pattern, unit) that each unit has: its own, and that of its rank."""
        if by_rank is None:
            return np.broadcast_to(by_unit, (len(self.cues), *self.patterns.shape))
        order = self._order(kind)
        found = np.empty(order.shape)
        np.put_along_axis(found, order, np.broadcast_to(by_rank, order.shape), axis=-1)
        found += by_unit
        return found

    def values(self, feature: str) -> np.ndarray:
        """Values (cue, pattern, rank or unit) of a feature."""
        if feature == "lin":
            return self.patterns[None]
        kind = feature.removeprefix("sorted_")
        values = self._values(kind)
        return values if feature == kind else np.take_along_axis(values, self._order(kind), axis=-1)
