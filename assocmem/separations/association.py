"""Association of cues with patterns without the matrix of their scores: blocks of cues on threads."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.association import association_loop
from assocmem.kernels.matmul import aligned_empty, matmul, matmul_single, weights_from
from assocmem.kernels.reductions import padded
from assocmem.separations.base import Separation, check_status, float_array
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_integer, check_positive

__all__ = ["Association", "Step", "associate", "over_blocks"]

_BLOCK_BYTES, _FEWEST_ROWS, _MOST_ROWS = 2**21, 8, 128  # of scores that exist at a time, on each thread


@dataclass(frozen=True, eq=False)
class Association:
    """Patterns and what they evoke in the layout of the compiled loops, for any number of calls.

    Parameters
    ----------
    separation : Separation
    patterns : array (pattern, unit), float64 or float32
    values : array (pattern, value), optional
        What each pattern evokes, the pattern itself by default.
    """

    separation: Separation
    patterns: np.ndarray
    values: np.ndarray | None = None

    def __post_init__(self):
        values = self.patterns if self.values is None else self.values
        pairs = {"weights_from": self.patterns, "values_from": np.ascontiguousarray(values.T)}
        for name, array in pairs.items():
            object.__setattr__(self, name, weights_from(array))
        object.__setattr__(self, "n_values", values.shape[1])

    @property
    def dtype(self) -> np.dtype:
        """Type of cues and results."""
        return self.weights_from.dtype

    def run(
        self,
        cues: np.ndarray,
        *,
        beta: float,
        threads: int | None = None,
        visit: Callable[[slice, np.ndarray], None] | None = None,
    ) -> "Step":
        """Mixtures of cues (trajectory, unit), of their type, and what is to be known of their weights.

        `visit` is called with rows and their weights (row, pattern), block by block, and must not keep these.
        """
        n_cues, n_patterns = len(cues), len(self.patterns)
        self.separation.check_scores((n_cues, n_patterns))
        step = Step.empty(n_cues, self.n_values, self.dtype)
        product = matmul if self.dtype == np.float64 else matmul_single
        loop = compile_loop(association_loop, type(self.separation).row, product)

        def run_block(rows: slice, weights: np.ndarray, work: tuple, places: np.ndarray) -> None:
            parameters = self.separation.parameters(rows)
            results = [array[rows] for array in (step.states, step.conjugate, step.status, step.readout)]
            loop(cues[rows], self.weights_from, beta, parameters, self.values_from, *results, weights, work, places)
            if visit is not None:
                visit(rows, weights)

        over_blocks(run_block, self.separation, n_cues, n_patterns, self.dtype, threads)
        return step


@dataclass(frozen=True, eq=False)
class Step:
    """One step from a block of states: the next ones, and what is to be known of the weights that led to them."""

    states: np.ndarray  # (trajectory, unit or pattern)
    conjugate: np.ndarray  # (trajectory,) of the regulariser at the scores of the state before
    status: np.ndarray  # (trajectory,) of the separation, 0 where all went well
    readout: np.ndarray  # (trajectory, 2): the winner, and how many weights are not 0
    square: np.ndarray | None = None  # (trajectory,) squared norms of the mixtures before, where they are known

    @classmethod
    def empty(cls, n_rows: int, n_columns: int, dtype) -> "Step":
        """To be filled."""
        whole = np.zeros((n_rows, 2), dtype=np.int64)
        return cls(aligned_empty((n_rows, n_columns), dtype), np.empty(n_rows), np.zeros(n_rows, dtype=np.int64), whole)


def over_blocks(
    run: Callable, separation: Separation, n_rows: int, n_patterns: int, dtype: np.dtype, threads: int | None
) -> None:
    """Call ``run(rows, scores, work, places)`` for blocks of rows on threads, with arrays of each thread's own."""
    rows_of_block = _BLOCK_BYTES // (n_patterns * np.dtype(dtype).itemsize)
    most = max(_FEWEST_ROWS, min(_MOST_ROWS, rows_of_block // _FEWEST_ROWS * _FEWEST_ROWS))

    def run_blocks(starts: range) -> None:
        scores = aligned_empty((min(most, n_rows), n_patterns), dtype)
        work, places = separation.scratch(n_patterns), np.empty(padded(n_patterns), dtype=np.int64)
        for start in starts:
            stop = min(start + most, n_rows)
            run(slice(start, stop), scores[: stop - start], work, places)

    n_threads = max(1, min(default_threads() if threads is None else threads, -(-n_rows // most)))
    with worker_map(n_threads) as mapping:
        mapping(run_blocks, [range(i * most, n_rows, n_threads * most) for i in range(n_threads)])


def associate(
    separation: Separation,
    cues: np.ndarray,
    patterns: np.ndarray,
    values: np.ndarray | None = None,
    *,
    beta: float = 1.0,
    threads: int | None = None,
) -> np.ndarray:
    """Mixtures ``separation(beta cues patterns^T) values``, without the matrix of scores.

    Scores exist for a block of cues at a time, so that memory does not grow with cues x patterns. The order of
    summation is fixed: a cue gives the same bits alone, in any block and on any number of threads.

    Parameters
    ----------
    separation : Separation
    cues : array (..., unit)
    patterns : array (pattern, unit)
    values : array (pattern, value), optional
        What each pattern evokes, the pattern itself by default.
    beta : float, > 0
        Inverse temperature.
    threads : int, optional

    Returns
    -------
    ndarray (..., value); float32 if all arrays are, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or the scores of a cue cannot be separated.
    """
    check_positive("beta", beta)
    if threads is not None:
        check_integer("threads", threads, 1)
    given = {"cues": cues, "patterns": patterns} | ({} if values is None else {"values": values})
    arrays = {name: float_array(name, array) for name, array in given.items()}
    for name in ("patterns", "values"):
        if name in arrays and arrays[name].ndim != 2:
            raise ValueError(f"{name} must be a matrix (pattern, unit), got shape {arrays[name].shape}")
    n_patterns, n_units = arrays["patterns"].shape
    if arrays["cues"].shape[-1] != n_units:
        raise ValueError(f"cues must have shape (..., {n_units}), got {arrays['cues'].shape}")
    if values is not None and len(arrays["values"]) != n_patterns:
        raise ValueError(f"values must have a row for each of the {n_patterns} patterns, got {arrays['values'].shape}")
    dtype = np.result_type(*arrays.values())
    cues, patterns, *rest = (array.astype(dtype, copy=False) for array in arrays.values())
    association = Association(separation, patterns, *rest)
    step = association.run(cues.reshape(-1, n_units), beta=float(beta), threads=threads)
    check_status(step.status, "cues")
    return step.states.reshape(*cues.shape[:-1], association.n_values)
