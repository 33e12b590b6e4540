"""Several memories that answer the same cue, and the sum of their answers."""

from dataclasses import dataclass, field

import numpy as np

from assocmem.features import row_product
from assocmem.models.associative import ReadOut
from assocmem.models.pattern_memory import PatternMemory
from assocmem.separations.association import Step
from assocmem.separations.base import float_array

__all__ = ["MultiHeadHopfield"]


@dataclass(frozen=True, eq=False)
class MultiHeadHopfield(PatternMemory):
    r"""Sum over heads of linear maps of what each head retrieves, ``T(x) = sum_s W_s T_s(x)``.

    Parameters
    ----------
    heads : sequence of memories
        `NonparametricHopfield` or `FeatureHopfield`, alike in units, number of patterns and type.
    mixing : array (head, post, pre), optional
        W, square in units; the mean over heads by default.

    Their read-outs are of the mean weights over heads, and of the smallest gap between scores. There is no energy.

    Raises
    ------
    TypeError, ValueError
        If heads are no such memories or not alike, or the shape of `mixing` does not fit.

    References
    ----------
    Hu et al. (2025), Nonparametric modern Hopfield models, ICML, proposition E.2.
    """

    heads: tuple[PatternMemory, ...]
    mixing: np.ndarray | None = field(default=None, repr=False)

    has_one_hot_weights = False

    def __post_init__(self):
        heads = tuple(self.heads)
        for head in heads:
            if not isinstance(head, PatternMemory) or isinstance(head, MultiHeadHopfield):
                raise TypeError(f"heads must be NonparametricHopfield or FeatureHopfield, got {head!r}")
        kinds = {(*head.patterns.shape, str(head.dtype)) for head in heads}
        if len(kinds) != 1:
            raise ValueError(f"heads must be alike in patterns, units and type, got {sorted(kinds)}")
        object.__setattr__(self, "heads", heads)
        n = self.n_units
        mixing = np.tile(np.eye(n) / len(heads), (len(heads), 1, 1)) if self.mixing is None else self.mixing
        mixing = float_array("mixing", mixing).astype(self.dtype)
        if mixing.shape != (len(heads), n, n):
            raise ValueError(f"mixing must have shape {(len(heads), n, n)}, got {mixing.shape}")
        if not np.all(np.isfinite(mixing)):
            raise ValueError(f"mixing must be finite, got {np.count_nonzero(~np.isfinite(mixing))} other values")
        object.__setattr__(self, "mixing", mixing)

    @property
    def patterns(self) -> np.ndarray:
        """Patterns of the first head (pattern, unit), in shape those of all."""
        return self.heads[0].patterns

    @property
    def is_autoassociative(self):
        return all(head.is_autoassociative for head in self.heads)

    @property
    def stored_keys(self):
        return self.heads[0].stored_keys

    def scores(self, states: np.ndarray) -> np.ndarray:
        """Scores (head, ..., pattern) of states (..., unit), without beta."""
        return np.stack([head.scores(states) for head in self.heads])

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights (head, ..., pattern) of the patterns of each head at states (..., unit)."""
        return np.stack([head.weights(states, threads=threads) for head in self.heads])

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit)."""
        y, shape = self.flat(states, threads)
        return self._mixed([head.update(y, threads=threads) for head in self.heads]).reshape(*shape, self.n_units)

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """There is none: ValueError."""
        raise ValueError("a memory of several heads has no energy")

    def _mixed(self, answers):
        total = np.zeros_like(answers[0])
        for answer, matrix in zip(answers, self.mixing, strict=True):
            total += row_product(answer, matrix.T)
        return total

    # the protocol of AssociativeMemory

    @property
    def is_numbered(self):
        return any(head.is_numbered for head in self.heads)

    def numbers(self, n_cues):
        return [head.numbers(n_cues) for head in self.heads][0]

    def step(self, y, form, engine, *, threads):
        states, numbers = self.parted(y)
        steps = [head.step(head.joined(states, numbers), form, "units", threads=threads) for head in self.heads]
        mixed = self._mixed([np.ascontiguousarray(step.states[:, : self.n_units]) for step in steps])
        status = np.max([step.status for step in steps], axis=0)
        return Step(self.joined(mixed, numbers), np.full(len(y), np.nan), status, np.zeros((len(y), 2), dtype=np.int64))

    def energies(self, y, step, form):
        return np.full(len(y), np.nan)

    def read_out(self, states, *, has_weights, threads):
        found = [head.read_out(states, has_weights=True, threads=threads) for head in self.heads]
        mean = np.mean([head.weights for head in found], axis=0)
        margin = np.min([head.margin for head in found], axis=0)
        readout = (mean.argmax(axis=1), np.count_nonzero(mean, axis=1), margin)
        return ReadOut(np.full(len(states), np.nan), *readout, mean if has_weights else None)
