"""What all similarities share: checked cues and patterns, and tiles of scores on threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import aligned_empty, matmul, matmul_single, product_loop
from assocmem.separations.base import float_array
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_integer

__all__ = ["Similarity", "matrix", "over_rows", "product", "similar_matrices"]


class Similarity:
    """How alike cues and patterns are.

    Subclasses are frozen dataclasses. float32 cues and patterns give float32 scores, all else float64. A score depends
    on its own cue and pattern alone, to the last bit: not on what is computed beside it, nor on threads.
    """

    def check_units(self, n_units: int) -> None:
        """Raise ValueError if the similarity is for another number of units."""

    def prepared(self, patterns: np.ndarray) -> Any:
        """Patterns (pattern, unit) in the form that `scores_from` reads, for any number of calls."""
        raise NotImplementedError

    def scores_from(self, cues: np.ndarray, prepared: Any, *, threads: int | None = None) -> np.ndarray:
        """Scores (cue, pattern) of cues (cue, unit) with prepared patterns of the same type."""
        raise NotImplementedError

    def scores(self, cues: np.ndarray, patterns: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Scores (cue, pattern) of cues and patterns.

        Parameters
        ----------
        cues : array (cue, unit)
        patterns : array (pattern, unit)
        threads : int, optional
            Without effect on results.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        cues, patterns = similar_matrices(cues, patterns)
        self.check_units(patterns.shape[1])
        if threads is not None:
            check_integer("threads", threads, 1)
        return self.scores_from(cues, self.prepared(patterns), threads=threads)

    def vjp(self, cues: np.ndarray, patterns: np.ndarray, cotangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradients of ``sum(cotangent * scores)`` in the cues (cue, unit) and in the patterns (pattern, unit)."""
        raise NotImplementedError

    def _differentiated(self, cues, patterns, cotangent) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Checked arguments of `vjp`, as float64."""
        cues, patterns = (array.astype(float) for array in similar_matrices(cues, patterns))
        self.check_units(patterns.shape[1])
        cotangent = float_array("cotangent", cotangent).astype(float)
        if cotangent.shape != (len(cues), len(patterns)):
            raise ValueError(
                f"cotangent must have the shape (cue, pattern) {(len(cues), len(patterns))}, got {cotangent.shape}"
            )
        return cues, patterns, cotangent


def matrix(name: str, rows: str, values) -> np.ndarray:
    """Finite matrix (row, unit) of float32 or float64, from an array or a DataArray with these dimensions.

    Raises
    ------
    TypeError, ValueError
        If the values are of the wrong type or shape or not finite.
    """
    if isinstance(values, xr.DataArray):
        if set(values.dims) != {rows, "unit"}:
            raise ValueError(f"{name} must have the dimensions ({rows}, unit), got {values.dims}")
        values = values.transpose(rows, "unit").values
    array = float_array(name, values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix ({rows}, unit), got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    return array


def similar_matrices(cues, patterns) -> tuple[np.ndarray, np.ndarray]:
    """Cues (cue, unit) and patterns (pattern, unit) of one type.

    Raises
    ------
    TypeError, ValueError
        If they are of the wrong type or shape, not finite, or of different numbers of units.
    """
    cues, patterns = matrix("cues", "cue", cues), matrix("patterns", "pattern", patterns)
    if cues.shape[1] != patterns.shape[1]:
        raise ValueError(f"cues must have the {patterns.shape[1]} units of the patterns, got shape {cues.shape}")
    dtype = np.result_type(cues, patterns)
    return cues.astype(dtype, copy=False), patterns.astype(dtype, copy=False)


def product(cues: np.ndarray, weights_from: np.ndarray, n_patterns: int, threads: int | None) -> np.ndarray:
    """Products (cue, pattern) of cues with patterns in the layout of `assocmem.kernels.matmul.weights_from`."""
    out = aligned_empty((len(cues), n_patterns), cues.dtype)
    loop = compile_loop(product_loop, matmul if cues.dtype == np.float64 else matmul_single)
    over_rows(lambda rows: loop(cues[rows], weights_from, out[rows]), len(cues), threads)
    return out


def over_rows(run: Callable[[slice], None], n_rows: int, threads: int | None, *, rows_per_block: int = 64) -> None:
    """Call `run` for slices of the rows, on threads."""
    slices = [slice(start, min(start + rows_per_block, n_rows)) for start in range(0, n_rows, rows_per_block)]
    n_threads = max(1, min(default_threads() if threads is None else threads, len(slices)))
    with worker_map(n_threads) as mapping:
        mapping(run, slices)
