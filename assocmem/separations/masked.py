"""Association of cues with the patterns that a mask shows to each, without the scores of the others."""

from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.gathering import TOGETHER, gathered_loop, window_loop
from assocmem.kernels.lines import LINES
from assocmem.kernels.matmul import CACHE_LINE, aligned_empty, matmul, matmul_single, weights_from
from assocmem.masks import Mask, Window, scratch
from assocmem.separations.association import Association, Step
from assocmem.separations.base import Separation
from assocmem.separations.sequential import SequentialKSubsets
from assocmem.separations.subsets import ConstrainedSparsemax
from assocmem.threads import default_threads, worker_map

__all__ = ["MaskedAssociation", "padded_association"]

_MOST_ROWS, _MOST_ROWS_OF_WINDOWS = 256, 1024  # cues in a block


def padded_association(separation: Separation, keys: np.ndarray, values: np.ndarray) -> Association:
    """`Association` whose values fill whole vectors: few values are mixed several times as fast. Cut off the rest."""
    return Association(separation, keys, np.pad(values, ((0, 0), (0, -values.shape[1] % _per_line(values)))))


def _per_line(array):
    return CACHE_LINE // array.dtype.itemsize


@dataclass(frozen=True, eq=False)
class MaskedAssociation:
    """Keys and values in the layout of the compiled loops, and which of them each cue can see.

    Parameters
    ----------
    separation : Separation
        With weights of a fixed sum, and parameters that do not belong to single patterns.
    keys : array (pattern, unit), float64 or float32
    values : array (pattern, value), of the same type
    mask : Mask
        One that is not shared by all cues: otherwise the keys themselves can be selected.

    Raises
    ------
    ValueError
        If the separation knows no masks, or needs more patterns than the mask shows.
    """

    separation: Separation
    keys: np.ndarray
    values: np.ndarray
    mask: Mask

    def __post_init__(self):
        has_places = isinstance(self.separation, ConstrainedSparsemax | SequentialKSubsets)
        if has_places or not np.isfinite(self.separation.total):
            raise ValueError(f"separation must be one that can leave out patterns for a mask, got {self.separation}")
        n_patterns = len(self.keys)
        self.mask.check(n_patterns)
        self.separation.check_scores((1, self.mask.least(n_patterns)))
        keys, values = self._packed_for_windows() if self.is_window else map(whole_lines, (self.keys, self.values))
        object.__setattr__(self, "packed_keys", keys)
        object.__setattr__(self, "packed_values", values)

    @property
    def is_window(self) -> bool:
        """Whether cues see consecutive patterns."""
        return isinstance(self.mask, Window)

    @property
    def _unit(self):
        """Scores are masked up to a multiple of this."""
        return LINES * _per_line(self.keys)

    def _packed_for_windows(self):
        """Keys (unit, pattern) and values, with zeros behind the last: they are read in whole blocks."""
        keys, values = (np.pad(array, ((0, self._unit), (0, 0))) for array in (self.keys, self.values))
        return weights_from(keys), whole_lines(values)

    def run(self, cues: np.ndarray, numbers: np.ndarray, *, beta: float, threads: int | None = None) -> Step:
        """Mixtures of cues (trajectory, unit) of given numbers; the read-out stays empty."""
        return self._run(cues, numbers, beta, threads, np.empty((len(cues), 0), self.keys.dtype), is_read=False)[0]

    def read_out(
        self,
        cues: np.ndarray,
        numbers: np.ndarray,
        *,
        beta: float,
        threads: int | None = None,
        has_weights: bool = False,
    ) -> tuple[Step, np.ndarray, np.ndarray | None]:
        """The same with winners and support sizes, gaps of scores (trajectory,), and all weights on demand."""
        spread = np.empty((len(cues), len(self.keys) if has_weights else 0), self.keys.dtype)
        step, margin = self._run(cues, numbers, beta, threads, spread, is_read=True)
        return step, margin, spread if has_weights else None

    def _run(self, cues, numbers, beta, threads, spread, *, is_read):
        n = len(cues)
        step, margin = Step.empty(n, self.values.shape[1], self.keys.dtype), np.empty(n)
        (loop, choice), most = self._loop(), _MOST_ROWS_OF_WINDOWS if self.is_window else _MOST_ROWS
        settings = (self.packed_keys, float(beta), self.separation.parameters(), choice, self.packed_values)
        whole = (step.states, step.conjugate, step.status, step.readout, margin, spread)

        def run_blocks(starts: range) -> None:
            line = self._window_line() if self.is_window else self._line()
            work = self.separation.scratch(len(line[0]))
            for start in starts:
                rows = slice(start, min(start + most, n))
                results = tuple(array[rows] for array in whole)
                loop(cues[rows], numbers[rows], *settings, results, is_read, line, work, self._unit)

        n_threads = max(1, min(default_threads() if threads is None else threads, -(-n // most)))
        with worker_map(n_threads) as mapping:
            mapping(run_blocks, [range(i * most, n, n_threads * most) for i in range(n_threads)])
        return step, margin

    def _loop(self):
        """The compiled loop, and the parameters of its choice of patterns."""
        row, choice = type(self.separation).row, self.mask.choice(len(self.keys))
        if self.is_window:
            product = matmul if self.keys.dtype == np.float64 else matmul_single
            return compile_loop(window_loop, row, product), (*choice, len(self.keys))
        return compile_loop(gathered_loop, row, self.mask.choose), choice

    def _line(self):
        """Arrays for one cue at a time: scores, the cue, places, random numbers, marks and the mixture."""
        dtype, most = self.keys.dtype, self.mask.largest(len(self.keys))
        cue, mixture = np.zeros(self.packed_keys.shape[1], dtype), np.empty(self.packed_values.shape[1], dtype)
        scores = np.empty((most // self._unit + 1) * self._unit, dtype)
        return scores, cue, np.empty(most + LINES, dtype=np.int64), *scratch(len(self.keys)), mixture

    def _window_line(self):
        """Arrays for one block of cues: weights, the numbers of all patterns, and mixtures."""
        reach = min(2 * self.mask.radius + TOGETHER, len(self.keys)) + self._unit
        weights = aligned_empty((TOGETHER * reach,), self.keys.dtype)
        mixture = aligned_empty((TOGETHER, self.packed_values.shape[1]), self.keys.dtype)
        return weights, np.arange(len(self.keys)), mixture


def whole_lines(rows: np.ndarray) -> np.ndarray:
    """Rows with zeros up to a whole number of cache lines, which begin on one."""
    n_columns = -(-rows.shape[1] // _per_line(rows)) * _per_line(rows)
    packed = aligned_empty((len(rows), n_columns), rows.dtype)
    packed[:, : rows.shape[1]], packed[:, rows.shape[1] :] = rows, 0.0
    return packed
