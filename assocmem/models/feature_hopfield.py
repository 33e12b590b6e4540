"""Modern Hopfield models by features: linear and random-feature retrieval (Hu et al., 2025)."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assocmem.feature_association import key_sums, mixtures
from assocmem.features import FeatureMap, row_product
from assocmem.models.associative import ReadOut
from assocmem.models.pattern_memory import PatternMemory
from assocmem.separations.association import Step

__all__ = ["FeatureHopfield"]

_BLOCK = 512  # cues whose weights exist together


@dataclass(frozen=True, eq=False)
class FeatureHopfield(PatternMemory):
    r"""Memory whose weights are products of features, so that time is linear in the number of patterns plus cues.

    .. math::
        T(x) = \frac{\sum_\mu \langle \phi(\sqrt\beta x), \phi(\sqrt\beta k_\mu) \rangle \xi_\mu}
                    {\sum_\nu \langle \phi(\sqrt\beta x), \phi(\sqrt\beta k_\nu) \rangle}

    The sums over patterns are made once. `EluFeatures` give the linear model of the paper, `PositiveRandomFeatures` an
    estimate of the dense one, `ReluFeatures` what the paper's experiments ran under that name, and
    `TruncatedExponentialFeatures` a series that converges to the dense one. There is no energy: updates are no
    gradient.

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Finite. float32 patterns make a memory of float32.
    keys : array (pattern, unit), optional
        What cues are compared with, the patterns by default.
    features : FeatureMap
    beta : float, > 0, optional
        Cues and keys are scaled by its square root; by default 1 for `EluFeatures`, else 1 / sqrt(n_units).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Hu, Chen, Wu, Ruan & Liu (2025), Nonparametric modern Hopfield models, ICML, PMLR 267, propositions E.1 and E.3.
    """

    patterns: np.ndarray = field(repr=False)
    keys: np.ndarray | None = field(default=None, repr=False)
    features: FeatureMap = field(kw_only=True)
    beta: float | None = field(default=None, kw_only=True)

    has_one_hot_weights = False

    def __post_init__(self):
        if not isinstance(self.features, FeatureMap):
            raise TypeError(f"features must be a FeatureMap, got {self.features!r}")
        self.check_arrays()
        self.features.n_features_of(self.n_units)

    def default_beta(self):
        return self.features.default_beta(self.n_units)

    @cached_property
    def sums(self) -> np.ndarray:
        """Sums over patterns (feature, column): of features times patterns, then of features, then padding."""
        return key_sums(self.features, self.stored_keys, self.patterns, beta=self.beta)

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights of the patterns (..., pattern) at states (..., unit), which no update needs.

        They add up to 1, and are negative only where features are.
        """
        y, shape = self.flat(states, threads)
        none = np.empty((0, self.n_patterns), self.dtype)
        return np.concatenate([*self._weights(y), none]).reshape(*shape, self.n_patterns)

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit).

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type or shape or have no features in common with any key.
        """
        y, shape = self.flat(states, threads)
        return self._mixtures(y, threads).reshape(*shape, self.n_units)

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """There is none: ValueError."""
        raise ValueError("a memory by features has no energy")

    # the protocol of AssociativeMemory

    def step(self, y, form, engine, *, threads):
        states, status = mixtures(self.features, y, self.sums, self.n_units, beta=self.beta, threads=threads)
        return Step(states, np.full(len(y), np.nan), status, np.zeros((len(y), 2), dtype=np.int64))

    def energies(self, y, step, form):
        return np.full(len(y), np.nan)

    def read_out(self, states, *, has_weights, threads):
        n = len(states)
        winner, support_size = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        margin, weights = np.full(n, np.inf), np.empty((n if has_weights else 0, self.n_patterns), self.dtype)
        keys = self.stored_keys.T
        for number, block in enumerate(self._weights(states)):
            rows = slice(number * _BLOCK, (number + 1) * _BLOCK)
            winner[rows], support_size[rows] = block.argmax(axis=1), np.count_nonzero(block, axis=1)
            if self.n_patterns > 1:
                edge = np.partition(row_product(states[rows], keys), (-2, -1), axis=1)
                margin[rows] = edge[:, -1].astype(float) - edge[:, -2]
            if has_weights:
                weights[rows] = block
        energy = np.full(n, np.nan)
        return ReadOut(energy, winner, support_size, margin, weights if has_weights else None)

    def _mixtures(self, y, threads):
        states, status = mixtures(self.features, y, self.sums, self.n_units, beta=self.beta, threads=threads)
        failed = np.flatnonzero(status)
        if failed.size:
            what = f"got none in row {failed[0]} ({failed.size} of {len(y)} rows)"
            raise ValueError(f"states must have features in common with a key, {what}")
        return states

    def _weights(self, y):
        """Weights of blocks of states."""
        root = self.dtype.type(np.sqrt(self.beta))
        of_keys = self.features.of_keys(self.stored_keys * root).T
        for start in range(0, len(y), _BLOCK):
            found = row_product(self.features.of_cues(y[start : start + _BLOCK] * root), of_keys)
            yield found / found.sum(axis=1, keepdims=True)
