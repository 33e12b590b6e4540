"""Feature maps whose products are kernels: retrieval by features takes time linear in the number of patterns.

A map phi makes features of cues and keys; the kernel ``<phi(x), phi(k)>`` takes the place of ``exp(<x, k>)``. An
inverse temperature beta belongs into the scale of both: ``phi(sqrt(beta) x)``.

References
----------
Hu et al. (2025), Nonparametric modern Hopfield models, ICML, appendix E.
Choromanski et al. (2021), Rethinking attention with performers, ICLR.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.features import (
    EACH_ROW,
    EXACT,
    WHOLE_BLOCK,
    elu_features,
    features_loop,
    monomial_features,
    orthogonalise_loop,
    positive_features,
    relu_features,
)
from assocmem.kernels.matmul import aligned_empty, matmul, matmul_single, product_loop, weights_from
from assocmem.kernels.reductions import padded
from assocmem.random import normals, seed_key
from assocmem.separations.base import float_array
from assocmem.validation import check_boolean, check_finite, check_integer

__all__ = [
    "EluFeatures",
    "FeatureMap",
    "PositiveRandomFeatures",
    "ReluFeatures",
    "TruncatedExponentialFeatures",
    "row_product",
]

DIRECTION_STREAM, NORM_STREAM = 20, 21  # of the random numbers
_MOST_FEATURES = 2**20


def row_product(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``x @ weights`` of two matrices of one type; a row has the same bits whatever the others."""
    out = aligned_empty((len(x), weights.shape[1]), x.dtype)
    product = matmul if x.dtype == np.float64 else matmul_single
    compile_loop(product_loop, product)(np.ascontiguousarray(x), weights_from(weights.T), out)
    return out


class FeatureMap:
    """Map from cues or keys (..., unit) to features (..., feature).

    float32 stays float32, all else becomes float64. A row has the same features whatever the others.
    """

    fill = None  # kernel (x, parameters, scaling, out, offsets)

    def n_features_of(self, n_units: int) -> int:
        """Number of features of `n_units` units."""
        raise NotImplementedError

    def default_beta(self, n_units: int) -> float:
        """Inverse temperature that is usual for this map."""
        return 1.0 / math.sqrt(n_units)

    def projections(self, n_units: int) -> np.ndarray:
        """Directions (feature, unit) onto which rows are projected first; none for a map without."""
        return np.empty((0, 0))

    def parameters(self, n_units: int) -> tuple:
        """Parameters of the kernel."""
        return ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Features (..., feature) of rows (..., unit), whose products are the kernel.

        Raises
        ------
        TypeError, ValueError
            If x is no array of finite real numbers.
        """
        return self._features(x, EXACT)

    def of_cues(self, x: np.ndarray) -> np.ndarray:
        """The features, each row divided by a factor of its own that keeps exponentials in range.

        The weights of a cue do not change with a factor of its features.
        """
        return self._features(x, EACH_ROW)

    def of_keys(self, x: np.ndarray) -> np.ndarray:
        """The features, divided by one factor for all rows of the last but one axis that keeps exponentials in range.

        The weights of no cue change with a factor that all keys have.
        """
        return self._features(x, WHOLE_BLOCK)

    def vjp(self, x: np.ndarray, cotangent: np.ndarray, *, features: np.ndarray | None = None) -> np.ndarray:
        """Gradient (..., unit) in the rows x of ``<cotangent, features>``, at fixed factors.

        Parameters
        ----------
        x : array (..., unit)
        cotangent : array (..., feature)
        features : array (..., feature), optional
            Of the rows, as `of_cues` or `of_keys` gave them (their factors count as constant, as they cancel in
            weights); the plain features if left out.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        x = _checked(x)
        features = self(x) if features is None else np.asarray(features, dtype=x.dtype)
        cotangent = np.asarray(cotangent, dtype=x.dtype)
        shape = (*x.shape[:-1], self.n_features_of(x.shape[-1]))
        for name, array in (("cotangent", cotangent), ("features", features)):
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        rows = (array.reshape(-1, array.shape[-1]) for array in (x, cotangent, features))
        return self._pull(*rows).reshape(x.shape)

    def _pull(self, x, cotangent, features):
        """The product of matrices (row, unit), (row, feature), (row, feature)."""
        raise NotImplementedError

    def _features(self, x, scaling):
        x = _checked(x)
        n_rows, n_units = (x.shape[-2] if x.ndim > 1 else 1), x.shape[-1]
        out = aligned_empty((*x.shape[:-1], self.n_features_of(n_units)), x.dtype)
        loop = compile_loop(features_loop, type(self).fill, matmul if x.dtype == np.float64 else matmul_single)
        projections = weights_from(self.projections(n_units).astype(x.dtype))
        if scaling != WHOLE_BLOCK:
            n_rows = x.size // n_units
        blocks = zip(x.reshape(-1, n_rows, n_units), out.reshape(-1, n_rows, out.shape[-1]), strict=True)
        for rows, block in blocks if x.size else ():
            loop(rows, projections, self.parameters(n_units), scaling, block, np.empty(n_rows))
        return out


def _checked(x):
    x = float_array("x", x)
    if not np.all(np.isfinite(x)):
        raise ValueError(f"x must be finite, got {np.count_nonzero(~np.isfinite(x))} other values")
    return x


@dataclass(frozen=True)
class EluFeatures(FeatureMap):
    """``elu(x) + 1`` of each unit, as many features as units.

    References
    ----------
    Hu et al. (2025), proposition E.1; Katharopoulos et al. (2020), Transformers are RNNs, ICML, eq. 7.
    """

    fill = staticmethod(elu_features)

    def n_features_of(self, n_units):
        return n_units

    def default_beta(self, n_units):
        return 1.0  # the paper has none

    def _pull(self, x, cotangent, features):
        return cotangent * np.where(x > 0, x.dtype.type(1), features)


@dataclass(frozen=True)
class _RandomFeatures(FeatureMap):
    """What maps with random directions share."""

    n_features: int
    seed: int
    is_orthogonal: bool = True

    def __post_init__(self):
        check_integer("n_features", self.n_features, 1)
        seed_key(self.seed)
        check_boolean("is_orthogonal", self.is_orthogonal)
        object.__setattr__(self, "n_features", int(self.n_features))

    def n_features_of(self, n_units):
        return self.n_features

    def projections(self, n_units):
        return gaussian_directions(self.n_features, n_units, self.seed, bool(self.is_orthogonal))


@dataclass(frozen=True)
class PositiveRandomFeatures(_RandomFeatures):
    r"""Positive random features, the products of which are unbiased estimates of ``exp(<x, y>)``.

    .. math:: \phi_i(x) = m^{-1/2} \exp(\langle \omega_i, x \rangle - |x|^2 / 2), \quad \omega_i \sim N(0, I)

    With independent directions the variance is ``exp(2 <x, y>) (exp(|x + y|^2) - 1) / m``: norms beyond a few units
    need a number of features out of reach.

    Parameters
    ----------
    n_features : int, >= 1
        m.
    seed : int, >= 0
    is_orthogonal : bool
        Directions orthogonal to each other in groups of as many as there are units, with the lengths of independent
        ones. Each is still Gaussian, so there is no bias; the variance is a little smaller.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    Choromanski et al. (2021), lemma 1 and theorem 2; Hu et al. (2025), proposition E.3.
    """

    fill = staticmethod(positive_features)

    def parameters(self, n_units):
        return (0.5 * math.log(self.n_features),)

    def _pull(self, x, cotangent, features):
        inner = cotangent * features
        return row_product(inner, self.projections(x.shape[1]).astype(x.dtype)) - inner.sum(axis=1, keepdims=True) * x


@dataclass(frozen=True)
class ReluFeatures(_RandomFeatures):
    r"""Random features of a rectifier, ``(max(<omega_i, x>, 0) + offset) / sqrt(m)``.

    Their products estimate no softmax but, without offset, the arc-cosine kernel of order 1,
    ``|x| |y| (sin t + (pi - t) cos t) / (2 pi)`` at an angle t.

    Parameters
    ----------
    n_features, seed, is_orthogonal
        As for `PositiveRandomFeatures`.
    offset : float, >= 0

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    Choromanski et al. (2021), section 4; Cho & Saul (2009), Kernel methods for deep learning, NIPS, eq. 6.
    """

    offset: float = 1e-3

    fill = staticmethod(relu_features)

    def __post_init__(self):
        super().__post_init__()
        check_finite("offset", self.offset)
        if self.offset < 0:
            raise ValueError(f"offset must be >= 0, got {self.offset}")

    def parameters(self, n_units):
        return float(self.offset), 1.0 / math.sqrt(self.n_features)

    def _pull(self, x, cotangent, features):
        directions = self.projections(x.shape[1]).astype(x.dtype)
        scale = x.dtype.type(1.0 / math.sqrt(self.n_features))
        is_on = row_product(x, directions.T) > 0
        return row_product(np.where(is_on, scale * cotangent, x.dtype.type(0)), directions)


@dataclass(frozen=True)
class TruncatedExponentialFeatures(FeatureMap):
    r"""All monomials up to a degree, whose products are the Taylor polynomial of ``exp(<x, y>)`` of that degree.

    .. math:: \phi_\ell(x) = \prod_i x_i^{\ell_i} / \sqrt{\ell_i!}, \quad |\ell| \le n, \qquad
        \langle \phi(x), \phi(y) \rangle = \sum_{j \le n} \langle x, y \rangle^j / j!

    There are ``(d + n choose n)`` for d units: for few units only. The sum may be negative if the degree is odd.

    Parameters
    ----------
    order : int, >= 0
        n.

    Raises
    ------
    TypeError, ValueError
        If it is no such integer or, once there are units, gives more than 2^20 features.

    References
    ----------
    Hu et al. (2025), lemma D.2.
    """

    order: int

    fill = staticmethod(monomial_features)

    def __post_init__(self):
        check_integer("order", self.order, 0)
        object.__setattr__(self, "order", int(self.order))

    def n_features_of(self, n_units):
        count = math.comb(n_units + self.order, self.order)
        if count > _MOST_FEATURES:
            what = f"{count} at order {self.order} of {n_units} units"
            raise ValueError(f"order must give at most {_MOST_FEATURES} features, got {what}")
        return count

    def parameters(self, n_units):
        return _monomials(n_units, self.order)[:3]

    def _pull(self, x, cotangent, features):
        powers = _monomials(x.shape[1], self.order)[3]
        plain = self(x)  # features that were scaled would be the same: there is no factor
        places = {tuple(row): i for i, row in enumerate(powers.tolist())}
        gradient = np.zeros_like(x)
        for i, power in enumerate(powers.tolist()):
            for unit, exponent in enumerate(power):
                if exponent:
                    lower = places[(*power[:unit], exponent - 1, *power[unit + 1 :])]
                    # d(x^l / sqrt(l!)) / dx = sqrt(l) x^(l - 1) / sqrt((l - 1)!)
                    gradient[:, unit] += math.sqrt(exponent) * plain[:, lower] * cotangent[:, i]
        return gradient


@lru_cache(maxsize=16)
def _monomials(n_units: int, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For every monomial: one of a degree less, the unit by which they differ, the factor, and the powers (., unit)."""
    units = [c for n in range(order + 1) for c in combinations_with_replacement(range(n_units), n)]
    places = {c: i for i, c in enumerate(units)}
    parents = np.array([places[c[:-1]] if c else 0 for c in units])
    last = np.array([c[-1] if c else 0 for c in units])
    factors = np.array([1.0 / math.sqrt(c.count(c[-1])) if c else 1.0 for c in units])
    powers = np.array([np.bincount(np.array(c, dtype=int), minlength=n_units) for c in units])
    return parents, last, factors, powers


@lru_cache(maxsize=16)
def gaussian_directions(n_features: int, n_units: int, seed: int, is_orthogonal: bool) -> np.ndarray:
    """Directions (feature, unit), each of them Gaussian with independent components; read-only.

    Orthogonal ones are so in groups of `n_units`: uniform orthogonal matrices, their rows with the lengths of other
    Gaussian vectors. The same for any number of threads of any library.
    """
    n_rows = -(-n_features // n_units) * n_units if is_orthogonal else n_features
    rows = normals(seed, trajectories=n_rows, step=0, stream=DIRECTION_STREAM, n=n_units)
    if is_orthogonal:
        loop, work = compile_loop(orthogonalise_loop), np.empty((1, padded(n_units)))
        for start in range(0, n_rows, n_units):
            loop(rows[start : start + n_units], work)
        lengths = normals(seed, trajectories=n_features, step=0, stream=NORM_STREAM, n=n_units)
        rows = rows[:n_features] * np.sqrt(np.square(lengths).sum(axis=1, keepdims=True))
    rows.setflags(write=False)
    return rows
