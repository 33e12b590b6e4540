"""Adaptive similarity (Wang et al., 2025): a linear model of similarities by units, sorted or not."""

from dataclasses import dataclass, fields

import numpy as np

from assocmem.kernels.footprints import pack
from assocmem.kernels.matmul import weights_from
from assocmem.similarities.base import Similarity, product
from assocmem.similarities.ranks import Ranked, add_sorted_scores, cue_blocks
from assocmem.validation import real_array

__all__ = [
    "FEATURES",
    "AdaptiveSimilarity",
    "Majorizer",
    "SimilarityGradients",
    "check_features",
    "footprint",
    "footprint_weights",
    "rank_weights",
]

FEATURES = ("sorted_dis", "sorted_dot", "dis", "dot", "lin")


def rank_weights(weights: np.ndarray) -> np.ndarray:
    """Weights of ranks c (..., rank) of footprint weights w (..., m): ``c_r = sum_{m >= r} w_m``."""
    w = real_array("weights", weights)
    return np.ascontiguousarray(np.cumsum(w[..., ::-1], axis=-1)[..., ::-1])


def footprint_weights(weights: np.ndarray) -> np.ndarray:
    """Footprint weights w (..., m) of weights of ranks c (..., rank), the inverse of `rank_weights`."""
    c = real_array("weights", weights)
    return c - np.concatenate([c[..., 1:], np.zeros_like(c[..., :1])], axis=-1)


def footprint(cues: np.ndarray, patterns: np.ndarray, *, kind: str = "dis") -> np.ndarray:
    """Footprint (..., unit): the m-th value is the largest sum of similarities over m units, m = 1 ... n_units.

    Parameters
    ----------
    cues, patterns : array (..., unit)
        Of shapes that broadcast: cue and pattern one by one.
    kind : {"dis", "dot"}
        Similarity of a unit, ``-(x - xi)^2`` or ``x xi``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or value or the numbers of units differ.

    References
    ----------
    Wang et al. (2025), Adaptive Hopfield network: rethinking similarities in associative memory, arXiv:2511.20609.
    """
    x, xi = real_array("cues", cues), real_array("patterns", patterns)
    if kind not in ("dis", "dot"):
        raise ValueError(f"kind must be 'dis' or 'dot', got {kind!r}")
    if x.ndim == 0 or xi.ndim == 0 or x.shape[-1] != xi.shape[-1]:
        raise ValueError(f"cues must have the units of the patterns, got shapes {x.shape} and {xi.shape}")
    values = -np.square(x - xi) if kind == "dis" else x * xi
    return np.cumsum(-np.sort(-values, axis=-1), axis=-1)


def check_features(features: tuple[str, ...]) -> tuple[str, ...]:
    """Features in the order of `FEATURES`.

    Raises
    ------
    TypeError, ValueError
        If they are no tuple of different names of features.
    """
    if isinstance(features, str) or not all(isinstance(feature, str) for feature in features):
        raise TypeError(f"features must be a tuple of names, got {features!r}")
    unknown = [feature for feature in features if feature not in FEATURES]
    if unknown or not features or len(set(features)) < len(features):
        raise ValueError(f"features must be different ones of {', '.join(FEATURES)}, got {features}")
    return tuple(feature for feature in FEATURES if feature in features)


@dataclass(frozen=True, eq=False)
class SimilarityGradients:
    """Gradients of a weighted sum of scores.

    Parameters
    ----------
    cues : ndarray (cue, unit)
    patterns : ndarray (pattern, unit)
    weights : dict of ndarray (unit,)
        By feature, in its weights.
    """

    cues: np.ndarray
    patterns: np.ndarray
    weights: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Majorizer:
    """The function ``sum_i curvature_i x_i^2 - 2 pull_i x_i`` (+ a constant) of a state x, row by row.

    Parameters
    ----------
    curvature, pull : ndarray (cue, unit)
    """

    curvature: np.ndarray
    pull: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveSimilarity(Similarity):
    r"""Similarity that is linear in its weights, with features of cue x and pattern xi that are

    ============== ===================================================== ===================================
    feature        value                                                 best for
    ============== ===================================================== ===================================
    ``sorted_dis`` ``-(x_i - xi_i)^2`` in descending order               units that are masked or occluded
    ``sorted_dot`` ``x_i xi_i`` in descending order (an order of its     the same, with ``sorted_dis``
                   own)
    ``dis``        ``-(x_i - xi_i)^2`` by units                          noise that differs between units
    ``dot``        ``x_i xi_i`` by units                                 flipped signs
    ``lin``        ``xi_i`` by units                                     a bias, with ``dis``
    ============== ===================================================== ===================================

    .. math:: s(x, \xi) = \sum_r c_r \tilde q_r + \dots, \qquad \tilde q_1 \ge \tilde q_2 \ge \dots

    The model of the paper is ``sorted_dis`` and ``sorted_dot``, written with the footprint
    ``f_m = \tilde q_1 + ... + \tilde q_m`` and weights w of m; its weights of ranks are ``c_r = sum_{m >= r} w_m``
    (`from_footprint_weights`). Weights may have any sign and need not fall with rank.

    Parameters
    ----------
    sorted_dis, sorted_dot : array (rank,), optional
        Weights of ranks, the largest similarity first; without, the feature is absent.
    dis, dot, lin : array (unit,), optional
        Weights of units.

    Raises
    ------
    TypeError, ValueError
        If weights are not real, finite and of one length, or none are given.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), Adaptive Hopfield network: rethinking similarities in associative memory,
    arXiv:2511.20609.
    """

    sorted_dis: np.ndarray | None = None
    sorted_dot: np.ndarray | None = None
    dis: np.ndarray | None = None
    dot: np.ndarray | None = None
    lin: np.ndarray | None = None

    def __post_init__(self):
        if not self.features:
            raise ValueError(f"weights of at least one feature must be given: {', '.join(FEATURES)}")
        for name in self.features:
            weights = real_array(name, getattr(self, name))
            if weights.ndim != 1 or weights.size == 0:
                raise ValueError(f"{name} must be a vector with a weight for each unit, got shape {weights.shape}")
            weights.setflags(write=False)
            object.__setattr__(self, name, weights)
        sizes = {name: getattr(self, name).size for name in self.features}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"weights must be of one length, got {sizes}")

    def __repr__(self):
        return f"{type(self).__name__}(features={self.features}, n_units={self.n_units})"

    @classmethod
    def from_footprint_weights(
        cls, *, dis: np.ndarray | None = None, dot: np.ndarray | None = None
    ) -> "AdaptiveSimilarity":
        """The similarity ``<w_dis, f_dis> + <w_dot, f_dot>`` of two footprints, either of which may be absent."""
        given = {"sorted_dis": dis, "sorted_dot": dot}
        return cls(**{name: rank_weights(w) for name, w in given.items() if w is not None})

    @classmethod
    def from_vector(cls, vector: np.ndarray, features: tuple[str, ...]) -> "AdaptiveSimilarity":
        """The inverse of `vector`, for features in the order of `FEATURES`."""
        features = check_features(features)
        vector = real_array("vector", vector)
        if vector.ndim != 1 or vector.size % len(features):
            raise ValueError(
                f"vector must have as many weights for each of {len(features)} features, got {vector.shape}"
            )
        return cls(**dict(zip(features, np.split(vector, len(features)), strict=True)))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are present."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return getattr(self, self.features[0]).size

    @property
    def vector(self) -> np.ndarray:
        """All weights (feature * unit,), feature by feature."""
        return np.concatenate([getattr(self, name) for name in self.features])

    @property
    def has_descent(self) -> bool:
        """Whether the update by the `majorizer` is known never to raise the energy.

        So it is if weights of ``dis`` are not negative, those of ``sorted_dis`` in addition do not rise with rank, and
        those of ``sorted_dot`` do not rise: then the score is the largest of its values over all orders of the units.
        """
        falls = all(np.all(np.diff(getattr(self, name)) <= 0) for name in self.features if name.startswith("sorted"))
        return falls and all(np.all(getattr(self, name) >= 0) for name in self.features if name.endswith("dis"))

    def check_units(self, n_units):
        if self.n_units != n_units:
            raise ValueError(f"the similarity has weights for {self.n_units} units, got {n_units}")

    def prepared(self, patterns):
        dtype = patterns.dtype
        offsets = np.zeros(len(patterns))
        if self.dis is not None:
            offsets -= (np.square(patterns.astype(float)) * self.dis).sum(axis=1)
        if self.lin is not None:
            offsets += (patterns.astype(float) * self.lin).sum(axis=1)
        has_products = self.dis is not None or self.dot is not None
        packed = pack(patterns) if self.sorted_dis is not None or self.sorted_dot is not None else None
        return offsets.astype(dtype), weights_from(patterns) if has_products else None, packed

    def scores_from(self, cues, prepared, *, threads=None):
        (offsets, weights, packed), dtype = prepared, cues.dtype
        scores = np.zeros((len(cues), len(offsets)), dtype)
        if weights is not None:
            scaled = cues * self._slopes.astype(dtype)
            scores = product(np.ascontiguousarray(scaled), weights, len(offsets), threads)
        scores += offsets
        if self.dis is not None:
            scores -= (np.square(cues) * self.dis.astype(dtype)).sum(axis=1, keepdims=True)
        for name in ("sorted_dis", "sorted_dot"):
            if getattr(self, name) is not None:
                add_sorted_scores(name, cues, packed, getattr(self, name).astype(dtype), scores, threads)
        return scores

    @property
    def _slopes(self):
        """Weights of ``x_i xi_i`` by units, those of ``-(x_i - xi_i)^2`` included."""
        return 2 * self._or_zeros(self.dis) + self._or_zeros(self.dot)

    def _or_zeros(self, weights):
        return np.zeros(self.n_units) if weights is None else weights

    def gradients(self, cues: np.ndarray, patterns: np.ndarray, cotangent: np.ndarray) -> SimilarityGradients:
        """Gradients of ``sum(cotangent * scores)`` in the cues, the patterns and the weights, as float64.

        Where similarities of units are equal, their order is not unique, and neither is the gradient in cues and
        patterns; it is then that of the order of the units.

        Parameters
        ----------
        cues : array (cue, unit)
        patterns : array (pattern, unit)
        cotangent : array (cue, pattern)

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        x, xi, g = self._differentiated(cues, patterns, cotangent)
        by_cue, by_pattern = np.zeros_like(x), np.zeros_like(xi)
        weights = {name: np.zeros(self.n_units) for name in self.features}
        for rows in cue_blocks(*x.shape, len(xi)):
            g_rows = g[rows][:, :, None]
            differences, local = xi[None] - x[rows, None], Ranked(x[rows], xi)
            pull = g_rows * local.weights(self._or_zeros(self.dis), self.sorted_dis, "dis") * 2 * differences
            by_cue[rows] += pull.sum(axis=1)
            by_pattern -= pull.sum(axis=0)
            slope = g_rows * local.weights(self._or_zeros(self.dot), self.sorted_dot, "dot")
            by_cue[rows] += (slope * xi).sum(axis=1)
            by_pattern += (slope * x[rows, None]).sum(axis=0) + g[rows].sum(axis=0)[:, None] * self._or_zeros(self.lin)
            for name in self.features:
                weights[name] += (g_rows * local.values(name)).sum(axis=(0, 1))
        return SimilarityGradients(by_cue, by_pattern, weights)

    def vjp(self, cues, patterns, cotangent):
        found = self.gradients(cues, patterns, cotangent)
        return found.cues, found.patterns

    def majorizer(self, cues: np.ndarray, patterns: np.ndarray, weights: np.ndarray) -> Majorizer:
        r"""Quadratic that bounds ``-sum_k p_k s(x, xi_k)`` as a function of x and touches it at the cues.

        With the order of the units held, it has the curvature ``sum_k p_k a_ki`` and the pull
        ``sum_k p_k (a_ki + b_ki / 2) xi_ki``, where a and b are the weights that unit i has at its ranks by ``dis`` and
        by ``dot``. It is a bound if `has_descent`.

        Parameters
        ----------
        cues : array (cue, unit)
        patterns : array (pattern, unit)
        weights : array (cue, pattern)
            p, >= 0.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        x, xi, p = self._differentiated(cues, patterns, weights)
        curvature, pull = np.empty_like(x), np.empty_like(x)
        for rows in cue_blocks(*x.shape, len(xi)):
            p_rows, local = p[rows][:, :, None], Ranked(x[rows], xi)
            dis = local.weights(self._or_zeros(self.dis), self.sorted_dis, "dis")
            dot = local.weights(self._or_zeros(self.dot), self.sorted_dot, "dot")
            curvature[rows] = (p_rows * dis).sum(axis=1)
            pull[rows] = (p_rows * (dis + 0.5 * dot) * xi).sum(axis=1)
        return Majorizer(curvature, pull)
