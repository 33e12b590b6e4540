"""Separations with bounded or counted weights, and over sets of patterns."""

from dataclasses import dataclass, field

import numpy as np

from assocmem.kernels.capped import constrained_row, k_subsets_row, top_k_row
from assocmem.kernels.separation_jvps import between_jvp, entmax_jvp
from assocmem.separations.base import Separation, float_array
from assocmem.separations.simplex import shannon
from assocmem.validation import check_integer, real_array

__all__ = ["ConstrainedSparsemax", "KSubsets", "TopK"]

_ABOVE = 1e-6  # by how much given weights may pass a bound, float32 ones included


@dataclass(frozen=True)
class Counted(Separation):
    """Separations with a number k of patterns."""

    k: int

    def __post_init__(self):
        check_integer("k", self.k, 1)
        object.__setattr__(self, "k", int(self.k))

    def parameters(self, rows=slice(None)):
        return (self.k,)

    def check_scores(self, shape):
        if self.k > shape[1]:
            raise ValueError(f"k must be at most the number of patterns, {shape[1]}, got {self.k}")


@dataclass(frozen=True)
class TopK(Counted):
    """Softmax over the k largest scores, 0 elsewhere; of equal scores at the edge those that come first are in.

    It is the regularised argmax of the Shannon negentropy on distributions over at most k patterns, a set that is not
    convex: the conjugate and the loss are those of this maximum. Fewer than k patterns that are not masked are fine.

    Parameters
    ----------
    k : int, >= 1

    Raises
    ------
    TypeError, ValueError
        If k is no such integer or, once scores are given, larger than the number of patterns.
    """

    row = staticmethod(top_k_row)
    jvp_row = staticmethod(entmax_jvp)

    @property
    def margin(self):
        return 0.0 if self.k == 1 else np.inf

    def jvp_parameters(self, shape, rows=slice(None)):
        return (0.0,)

    def negentropy(self, weights):
        """Shannon negentropy (...,) of weights on at most k patterns."""
        p = self.check_simplex(weights)
        if np.any((p > 0).sum(axis=-1) > self.k):
            raise ValueError(f"weights must be on at most k = {self.k} patterns, got {(p > 0).sum(axis=-1).max()}")
        return shannon(p)


@dataclass(frozen=True)
class KSubsets(Counted):
    r"""SparseMAP over subsets of k patterns: the point of their convex hull that is nearest to the scores.

    .. math:: \mu_i = \operatorname{clip}(t_i - \tau, 0, 1), \quad \sum_i \mu_i = k, \quad
        \Omega(\mu) = (|\mu|^2 - k) / 2

    The weights add up to k, so that retrieval is a *sum* of about k patterns. k = 1 is sparsemax. The structured margin
    is 1: the k best patterns have all the weight once the k-th score is 1 above the next.

    Parameters
    ----------
    k : int, >= 1

    Raises
    ------
    TypeError, ValueError
        If k is no such integer or, once scores are given, larger than the number of patterns.

    References
    ----------
    Niculae, Martins, Blondel & Cardie (2018), SparseMAP, ICML.
    """

    row = staticmethod(k_subsets_row)
    jvp_row = staticmethod(between_jvp)

    @property
    def margin(self):
        return 1.0

    @property
    def total(self):
        return float(self.k)

    def jvp_parameters(self, shape, rows=slice(None)):
        return (np.ones((1, shape[1])),)

    def negentropy(self, weights):
        """``(|mu|^2 - k) / 2`` (...,), 0 at subsets."""
        mu = self.check_simplex(weights)
        if np.any(mu > 1.0 + _ABOVE):
            raise ValueError(f"weights must be at most 1, got {mu.max()}")
        return 0.5 * (np.square(mu).sum(axis=-1) - self.k)


@dataclass(frozen=True, eq=False)
class ConstrainedSparsemax(Separation):
    r"""Sparsemax with an upper bound on every weight, ``p_i = clip(t_i - tau, 0, u_i)`` with a sum of 1.

    Parameters
    ----------
    upper : array (pattern,) or (row, pattern)
        Bounds >= 0, the same for all rows of scores or their own for each. A sum below 1 has no solution; it is
        forgiven up to 1e-9, where all weights are at their bounds.

    Raises
    ------
    TypeError, ValueError
        If bounds are negative, NaN or infeasible, or do not fit the scores.

    References
    ----------
    Malaviya, Ferreira & Martins (2018), Sparse and constrained attention for neural machine translation, ACL.
    """

    upper: np.ndarray = field(repr=False)

    row = staticmethod(constrained_row)
    jvp_row = staticmethod(between_jvp)

    def __post_init__(self):
        upper = np.atleast_2d(real_array("upper", self.upper, is_finite=False))
        if upper.ndim != 2 or upper.size == 0:
            raise ValueError(f"upper must have shape (pattern,) or (row, pattern), got {np.shape(self.upper)}")
        if not np.all(upper >= 0):
            raise ValueError(f"upper must be >= 0, got {upper[~(upper >= 0)][0]}")
        least = upper.sum(axis=1).min()
        if least < 1.0 - 1e-9:
            raise ValueError(f"upper must add up to at least 1, got {least}")
        upper.setflags(write=False)
        object.__setattr__(self, "upper", upper)

    def parameters(self, rows=slice(None)):
        return (self.upper[rows] if len(self.upper) > 1 else self.upper,)

    def check_scores(self, shape):
        if self.upper.shape[1] != shape[1] or len(self.upper) not in (1, shape[0]):
            raise ValueError(f"upper must have shape ({shape[1]},) or {shape} for these scores, got {self.upper.shape}")

    def jvp_parameters(self, shape, rows=slice(None)):
        self.check_scores(shape)
        return (np.broadcast_to(self.upper, shape)[rows].copy(),)

    def jvp_upper(self, scores: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Change (..., pattern) of the weights when the bounds of every row change in the direction `tangent`."""
        return self._upper_products(scores, tangent)[0]

    def vjp_upper(self, scores: np.ndarray, cotangent: np.ndarray) -> np.ndarray:
        """Gradient (..., pattern) in the bounds of every row of ``<cotangent, weights>``."""
        return self._upper_products(scores, cotangent)[1]

    def _upper_products(self, scores, vector):
        weights = self.weights(scores)
        vector = float_array("tangent", vector)
        if vector.shape != weights.shape:
            raise ValueError(f"tangent must have the shape of the scores {weights.shape}, got {vector.shape}")
        bound = self.upper.astype(weights.dtype).reshape(-1, self.upper.shape[1])
        bound = np.broadcast_to(bound, weights.reshape(-1, weights.shape[-1]).shape).reshape(weights.shape)
        is_full, is_between = weights >= bound, (weights > 0) & (weights < bound)
        count = np.maximum(is_between.sum(axis=-1, keepdims=True), 1)
        pushed = np.where(is_full, vector, 0.0)
        # what the full ones gain, those between share as a loss; the transpose is the mean of those between
        forward = pushed - is_between * pushed.sum(axis=-1, keepdims=True) / count
        mean = (vector * is_between).sum(axis=-1, keepdims=True) / count
        return forward, np.where(is_full, vector - mean, 0.0)

    def negentropy(self, weights):
        """``(|p|^2 - 1) / 2`` (...,), as for sparsemax."""
        p = self.check_simplex(weights)
        flat = p.reshape(-1, p.shape[-1])
        self.check_scores(flat.shape)
        if np.any(flat > self.upper + _ABOVE):
            raise ValueError("weights must be at most the upper bounds")
        return 0.5 * (np.square(p).sum(axis=-1) - 1.0)
