"""What mistakes in the code published with nonparametric modern Hopfield models amount to, for comparison.

References
----------
github.com/MAGICS-LAB/NonparametricHopfield, layers.py, as of January 2024.
"""

import numpy as np

from assocmem.features import row_product
from assocmem.masks import RandomMask, TopScores
from assocmem.separations.association import Step

__all__ = ["BEHAVIOURS", "reference_step"]

BEHAVIOURS = ("zero_fill", "sign_scores")


def reference_step(memory, y: np.ndarray, numbers: np.ndarray) -> tuple[Step, np.ndarray]:
    """The step from states (trajectory, unit) with the behaviour of a memory, and all weights (trajectory, pattern)."""
    scores = row_product(y, memory.stored_keys.T)
    if memory.reference_behaviour == "sign_scores":
        scores = np.sign(scores)
    else:
        scores = np.where(_is_visible(memory, scores, numbers), scores * _gain(memory.mask), scores.dtype.type(0))
    weights, conjugate = memory.separation.evaluate(scores, beta=memory.beta)
    readout = np.column_stack([weights.argmax(axis=1), np.count_nonzero(weights, axis=1)])
    states = row_product(weights, memory.patterns)
    return Step(states, conjugate, np.zeros(len(y), dtype=np.int64), readout), weights


def _gain(mask):
    """Masked by dropout, scores that are left are multiplied."""
    return 1.0 / (1.0 - mask.fraction_masked) if isinstance(mask, RandomMask) else 1.0


def _is_visible(memory, scores, numbers):
    n_patterns = scores.shape[1]
    if isinstance(memory.mask, TopScores):
        edge = np.sort(scores, axis=1)[:, -memory.mask.k(n_patterns), None]
        return scores >= edge
    is_visible = np.zeros(scores.shape, dtype=bool)
    for row, places in zip(is_visible, memory.mask.lists(numbers, n_patterns), strict=True):
        row[places] = True
    return is_visible
