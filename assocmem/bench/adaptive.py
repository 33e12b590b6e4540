"""Scores by sorted similarities: the vectorised network against blocks that NumPy sorts."""

from functools import cache

import numpy as np

from assocmem.bench.measuring import Table
from assocmem.similarities import AdaptiveSimilarity, SquaredDistance

__all__ = ["TABLES"]

N_CUES, N_PATTERNS, UNITS, BLOCK = 64, 500, (64, 256, 784), 64


@cache
def problem(n_units: int, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cues, patterns, and weights of ranks."""
    rng = np.random.default_rng(6)
    cues, patterns = rng.random((N_CUES, n_units)), rng.random((N_PATTERNS, n_units))
    return cues.astype(dtype), patterns.astype(dtype), rng.random(n_units).astype(dtype)


def _repeated(n_steps, work):
    def run():
        for _ in range(n_steps):
            found = work()
        return found

    return run


def _ours(n_units, n_steps, threads, dtype):
    cues, patterns, weights = problem(n_units, dtype)
    similarity = AdaptiveSimilarity(sorted_dis=weights)
    prepared = similarity.prepared(patterns)
    return _repeated(n_steps, lambda: similarity.scores_from(cues, prepared, threads=threads))


def _numpy(n_units, n_steps, dtype):
    cues, patterns, weights = problem(n_units, dtype)
    rising = np.ascontiguousarray(weights[::-1])

    def work():
        scores = np.empty((N_CUES, N_PATTERNS), dtype)
        for row, cue in zip(scores, cues, strict=True):
            for start in range(0, N_PATTERNS, BLOCK):
                values = -np.square(patterns[start : start + BLOCK] - cue)
                values.sort(axis=1)
                row[start : start + BLOCK] = values @ rising
        return scores

    return _repeated(n_steps, work)


def assocmem_sorted_float32(n_units: int, n_steps: int, threads: int):
    return _ours(n_units, n_steps, threads, "float32")


def assocmem_sorted_float64(n_units: int, n_steps: int, threads: int):
    return _ours(n_units, n_steps, threads, "float64")


def numpy_sorted_float32(n_units: int, n_steps: int, threads: int):
    return _numpy(n_units, n_steps, "float32")


def numpy_sorted_float64(n_units: int, n_steps: int, threads: int):
    return _numpy(n_units, n_steps, "float64")


def assocmem_unsorted_float64(n_units: int, n_steps: int, threads: int):
    """A plain distance, for what sorting costs."""
    cues, patterns, _ = problem(n_units, "float64")
    similarity = SquaredDistance()
    prepared = similarity.prepared(patterns)
    return _repeated(n_steps, lambda: similarity.scores_from(cues, prepared, threads=threads))


_TITLE = f"scores of {N_CUES} cues and {N_PATTERNS} patterns, sorted by unit"
TABLES = (
    Table(f"{_TITLE}, float32", (assocmem_sorted_float32, numpy_sorted_float32), UNITS, counted="units"),
    Table(
        f"{_TITLE}, float64",
        (assocmem_sorted_float64, numpy_sorted_float64, assocmem_unsorted_float64),
        UNITS,
        counted="units",
    ),
)
