"""Choices of patterns by cues: features, and the loss of weights with its gradient and Hessian, on threads.

References
----------
McFadden (1974), Conditional logit analysis of qualitative choice behavior: the loss is convex in the weights, and
alternatives that are left out at random do not change what weights converge to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.conditional_logit import choice_loop
from assocmem.kernels.matmul import aligned_empty, matmul_single, product_loop, weights_from
from assocmem.similarities.ranks import feature_values, n_columns_of

__all__ = ["Choices", "sampled_alternatives"]

_MOST_CUES, _CHUNK_VALUES = 32, 2**22  # whose losses are summed by themselves: the sums do not depend on threads
_HESSIANS = 8  # of chunks that exist at a time


def sampled_alternatives(origins: np.ndarray, n_patterns: int, n_negatives: int, seed: int) -> np.ndarray:
    """Numbers of patterns (cue, 1 + n_negatives): the origin, then different others at random."""
    rng = np.random.default_rng(seed)
    found = np.empty((len(origins), 1 + n_negatives), dtype=np.int64)
    found[:, 0] = origins
    for row in found:
        others = rng.choice(n_patterns - 1, size=n_negatives, replace=False)
        row[1:] = others + (others >= row[0])
    return found


@dataclass(eq=False)
class Choices:
    """Cues, alternatives and which of them are right.

    Parameters
    ----------
    features : tuple of names of features
    cues : float32 array (cue, unit)
    patterns : float32 array (pattern, unit)
    targets : int array (cue,)
        The group of patterns that is right.
    groups : int array (pattern,)
        The group of each pattern.
    offsets : array (pattern,)
        Of the scores.
    numbers : int array (cue, alternative), optional
        Patterns to choose from, all of them by default.
    cache_bytes : int
        Features are kept if they take no more, and made again for each loss otherwise.
    """

    features: tuple[str, ...]
    cues: np.ndarray
    patterns: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    offsets: np.ndarray
    numbers: np.ndarray | None = None
    cache_bytes: int = 2**30
    _kept: np.ndarray | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.cues)

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return len(self.features) * self.cues.shape[1]

    @property
    def n_alternatives(self) -> int:
        """Number of patterns to choose from."""
        return len(self.patterns) if self.numbers is None else self.numbers.shape[1]

    def keep(self, threads: int | None) -> None:
        """Make the features once and for all, if they are not too large."""
        n_bytes = 4 * len(self) * self.n_weights * n_columns_of(self.n_alternatives)
        if n_bytes <= self.cache_bytes:
            self._kept = self._made(slice(None), threads)

    def values(self, rows: slice | np.ndarray) -> np.ndarray:
        """Features (cue, feature * unit, column) of some cues."""
        return self._made(rows, 1) if self._kept is None else self._kept[rows]

    def _made(self, rows, threads):
        numbers = None if self.numbers is None else self.numbers[rows]
        return feature_values(self.features, self.cues[rows], self.patterns, numbers, threads=threads)

    def spreads(self, mapping: Callable) -> np.ndarray:
        """Root mean square deviation of each feature (feature * unit,) among alternatives; 1 where there is none."""
        n = self.n_alternatives

        def variance(rows):
            return self.values(rows)[:, :, :n].var(axis=2, dtype=float).sum(axis=0)

        mean = sum(mapping(variance, self._chunks())) / len(self)
        return np.where(mean > 0, np.sqrt(mean), 1.0)

    def loss(self, weights: np.ndarray, mapping: Callable, rows: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """Mean loss of weights (feature * unit,) over cues, some or all, and its gradient."""
        found = mapping(lambda part: self._part(weights, part)[:2], self._chunks(rows))
        n = len(self) if rows is None else len(rows)
        return sum(losses.sum() for losses, _ in found) / n, sum(gradient for _, gradient in found) / n

    def hessian(self, weights: np.ndarray, mapping: Callable) -> np.ndarray:
        """Hessian of the mean loss (weight, weight), for groups of one pattern: the mean covariance of features."""
        product = compile_loop(product_loop, matmul_single)

        def covariance(rows):
            values, probabilities = self.values(rows), self._part(weights, rows)[2].astype(np.float32)[:, None]
            centred = (values - (values * probabilities).sum(axis=2, keepdims=True)) * np.sqrt(probabilities)
            flat = np.ascontiguousarray(centred.transpose(1, 0, 2).reshape(self.n_weights, -1))
            out = aligned_empty((self.n_weights, self.n_weights), np.float32)
            product(flat, weights_from(flat), out)
            return out

        total, chunks = np.zeros((self.n_weights, self.n_weights)), self._chunks()
        for start in range(0, len(chunks), _HESSIANS):
            for part in mapping(covariance, chunks[start : start + _HESSIANS]):
                total += part
        return total / len(self)

    def accuracy(self, weights: np.ndarray, mapping: Callable) -> float:
        """Fraction of cues whose most probable alternative is right."""

        def count(rows):
            probabilities = self._part(weights, rows)[2][:, : self.n_alternatives]
            winners = probabilities.argmax(axis=1)[:, None]
            groups = np.broadcast_to(self._groups(rows), probabilities.shape)
            return int(np.sum(np.take_along_axis(groups, winners, axis=1)[:, 0] == self.targets[rows]))

        return sum(mapping(count, self._chunks())) / len(self)

    def _chunks(self, rows=None) -> list:
        step = max(1, min(_MOST_CUES, _CHUNK_VALUES // (self.n_weights * n_columns_of(self.n_alternatives))))
        if rows is None:
            return [slice(start, start + step) for start in range(0, len(self), step)]
        return [rows[start : start + step] for start in range(0, len(rows), step)]

    def _groups(self, rows):
        return self.groups[None] if self.numbers is None else self.groups[self.numbers[rows]]

    def _part(self, weights, rows):
        """Losses, summed gradient and probabilities (cue, column) of a chunk of cues."""
        values, targets = self.values(rows), self.targets[rows]
        n, _, n_columns = values.shape
        offsets = self.offsets[None] if self.numbers is None else self.offsets[self.numbers[rows]]
        losses, gradient, probabilities = np.empty(n), np.zeros(self.n_weights), np.empty((n, n_columns))
        arguments = (weights, losses, gradient, probabilities, np.empty(n_columns))
        compile_loop(choice_loop)(values, self._groups(rows), targets, offsets, *arguments)
        return losses, gradient, probabilities
