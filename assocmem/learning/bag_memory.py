"""Classification of bags by a memory of instances of positive and of negative bags."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from threadpoolctl import threadpool_limits

from assocmem.learning.class_memory import fixed_start
from assocmem.similarities import AdaptiveSimilarity, Similarity
from assocmem.similarities.adaptive import check_features
from assocmem.similarities.base import matrix, similar_matrices
from assocmem.similarities.ranks import feature_values
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_finite, check_integer, check_positive

__all__ = ["BagLoss", "BagMemory", "evidence", "fit_bag_memory", "pooled"]

_CHUNK = 64  # instances whose values exist as float64 together
_EXPONENTS = np.arange(-8, 9)  # powers of 2 among which the first beta, in units of the spread of scores, is chosen


def evidence(scores: np.ndarray, is_positive: np.ndarray) -> np.ndarray:
    """Log-sum-exp of scores (instance, pattern) over patterns of positive bags, less that over the others."""
    return logsumexp(scores[:, is_positive], axis=1) - logsumexp(scores[:, ~is_positive], axis=1)


def pooled(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Logarithm of the mean of ``exp(value)`` (bag,) over the members (bag, place) of bags; -1 is no member."""
    is_there = members >= 0
    gathered = np.where(is_there, values[members], -np.inf)
    return logsumexp(gathered, axis=1) - np.log(is_there.sum(axis=1))


@dataclass(frozen=True, eq=False)
class BagMemory:
    r"""Instances of bags, by which other bags are classified.

    .. math:: z = a \log \operatorname{mean}_i \exp(d_i) + b, \qquad
        d_i = \log \sum_{k \in +} e^{s(x_i, \xi_k)} - \log \sum_{k \in -} e^{s(x_i, \xi_k)}

    Parameters
    ----------
    patterns : array (pattern, unit)
    is_positive : array of bool (pattern,)
        Whether they are of positive bags; some are, and some are not.
    similarity : Similarity
        s, but for beta.
    beta : float, > 0
    scale, offset : float
        a and b.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), arXiv:2511.20609, multiple-instance learning. The network of the paper is
    not known to us: this is our reading.
    """

    patterns: np.ndarray = field(repr=False)
    is_positive: np.ndarray = field(repr=False)
    similarity: Similarity
    beta: float = 1.0
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self):
        patterns = matrix("patterns", "pattern", self.patterns)
        if not isinstance(self.similarity, Similarity):
            raise TypeError(f"similarity must be a Similarity, got {self.similarity!r}")
        self.similarity.check_units(patterns.shape[1])
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "is_positive", _signs("is_positive", self.is_positive, len(patterns)))
        check_positive("beta", self.beta)
        for name in ("scale", "offset"):
            check_finite(name, getattr(self, name))

    def logits(self, instances: np.ndarray, members: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Logits (bag,) of bags with these members (bag, place) among instances (instance, unit).

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        scores = self.similarity.scores(instances, self.patterns, threads=threads).astype(float)
        found = evidence(self.beta * scores, self.is_positive)
        return self.scale * pooled(found, _checked_members(members, len(found))) + self.offset


def _checked_members(members, n_instances) -> np.ndarray:
    members = np.asarray(members)
    if members.ndim != 2 or members.dtype.kind not in "iu":
        raise ValueError(f"members must be integers (bag, place), got {members.dtype} of shape {members.shape}")
    if members.size and not -1 <= members.min() <= members.max() < n_instances:
        raise ValueError(f"members must be from -1 to {n_instances - 1}, got {members.min()} to {members.max()}")
    if not np.all(np.any(members >= 0, axis=1)):
        raise ValueError(f"members must be at least one in each bag, got none in {np.sum(np.all(members < 0, axis=1))}")
    return members


def _signs(name, values, n) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype != bool or values.shape != (n,):
        raise ValueError(f"{name} must be bool of shape ({n},), got {values.dtype} of shape {values.shape}")
    if values.all() or not values.any():
        raise ValueError(f"{name} must hold true and false, got {values[0]} only")
    return values


@dataclass(eq=False)
class BagLoss:
    """Mean logistic loss of bags, as a function of weights, scale and offset.

    Parameters
    ----------
    values : float32 array (instance, weight, column)
        Of which scores are linear functions; columns beyond the patterns are disregarded.
    is_positive : array of bool (pattern,)
    members : array of int (bag, place)
    targets : array of bool (bag,)
    mapping : callable
        As `map`, for chunks of instances.
    """

    values: np.ndarray
    is_positive: np.ndarray
    members: np.ndarray
    targets: np.ndarray
    mapping: Callable = map

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return self.values.shape[1]

    def _chunks(self):
        return [slice(start, start + _CHUNK) for start in range(0, len(self.values), _CHUNK)]

    def _part(self, rows):
        return self.values[rows, :, : len(self.is_positive)].astype(float)

    def spreads(self) -> np.ndarray:
        """Root mean square deviation of each value (weight,) among patterns; 1 where there is none."""
        sums = self.mapping(lambda rows: self._part(rows).var(axis=2).sum(axis=0), self._chunks())
        mean = sum(sums) / len(self.values)
        return np.where(mean > 0, np.sqrt(mean), 1.0)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Scores (instance, pattern)."""
        return np.concatenate(list(self.mapping(lambda rows: weights @ self._part(rows), self._chunks())))

    def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss of parameters (weight + 2,), weights, then scale and offset, and its gradient."""
        weights, scale, offset = parameters[:-2], *parameters[-2:]
        scores = self.scores(weights)
        found = evidence(scores, self.is_positive)
        means = pooled(found, self.members)
        logits = scale * means + offset
        loss = np.mean(np.logaddexp(0, logits) - self.targets * logits)
        slopes = (expit(logits) - self.targets) / len(logits)
        by_score = self._slopes_of_scores(scores, found, means, scale * slopes)
        parts = self.mapping(
            lambda rows: (self._part(rows) @ by_score[rows, :, None])[:, :, 0].sum(axis=0), self._chunks()
        )
        return float(loss), np.concatenate([sum(parts), [slopes @ means, slopes.sum()]])

    def _slopes_of_scores(self, scores, found, means, slopes):
        """Derivatives (instance, pattern) of the loss, from those in pooled evidence (bag,)."""
        is_there = self.members >= 0
        gathered = np.where(is_there, found[self.members] - means[:, None], -np.inf)
        shares = (slopes[:, None] * np.exp(gathered) / is_there.sum(axis=1)[:, None])[is_there]
        by_instance = np.bincount(self.members[is_there], weights=shares, minlength=len(scores))
        signed = np.empty_like(scores)
        for is_member, sign in ((self.is_positive, 1.0), (~self.is_positive, -1.0)):
            part = scores[:, is_member]
            signed[:, is_member] = sign * np.exp(part - logsumexp(part, axis=1, keepdims=True))
        return by_instance[:, None] * signed


def fit_bag_memory(
    patterns: np.ndarray,
    is_positive: np.ndarray,
    instances: np.ndarray,
    members: np.ndarray,
    targets: np.ndarray,
    *,
    features: tuple[str, ...] = ("dis", "dot"),
    similarity: Similarity | None = None,
    ridge: float = 1e-3,
    n_iterations: int = 200,
    tol: float = 1e-4,
    threads: int | None = None,
) -> BagMemory:
    """A memory with the similarity, scale and offset that make the classes of bags most probable.

    The cost, mean logistic loss with a ridge on weights (times the spread of their features) and on ``scale - 1``, is
    not convex. Learning begins at the squared distance (without ``dis`` or ``sorted_dis``, the product) with the best
    beta of some, and ends at a cost that is no larger.

    Parameters
    ----------
    patterns, is_positive
        As in `BagMemory`.
    instances : array (instance, unit)
    members : array of int (bag, place)
        Instances of bags; -1 where there is none. Bags other than those that the patterns are of.
    targets : array of bool (bag,)
    features, similarity, ridge, n_iterations, tol, threads
        As in `assocmem.learning.class_memory.fit_class_memory`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """
    instances, patterns = (array.astype(np.float32) for array in similar_matrices(instances, patterns))
    check_finite("ridge", ridge)
    if ridge < 0:
        raise ValueError(f"ridge must be >= 0, got {ridge}")
    check_integer("n_iterations", n_iterations, 1)
    check_positive("tol", tol)
    members = _checked_members(members, len(instances))
    is_positive, targets = _signs("is_positive", is_positive, len(patterns)), _signs("targets", targets, len(members))
    if similarity is None:
        features = check_features(features)
        values, start = feature_values(features, instances, patterns, threads=threads), fixed_start(features, patterns)
    else:
        values, start = similarity.scores(instances, patterns, threads=threads)[:, None], np.ones(1)
    # products of BLAS depend on its threads
    with worker_map(default_threads() if threads is None else threads) as mapping, threadpool_limits(1, "blas"):
        loss = BagLoss(values, is_positive, members, targets, mapping)
        weights, scale, offset = _minimum(loss, start, ridge, n_iterations, tol)
    if similarity is None:
        return BagMemory(patterns, is_positive, AdaptiveSimilarity.from_vector(weights, features), 1.0, scale, offset)
    return BagMemory(patterns, is_positive, similarity, float(weights[0]), scale, offset)


def _minimum(loss, start, ridge, n_iterations, tol):
    spreads = np.append(loss.spreads(), [1.0, 1.0])
    centre = np.zeros(loss.n_weights + 2)
    centre[-2] = 1.0
    penalised = np.append(np.ones(loss.n_weights + 1), 0.0)

    def cost(scaled):
        found, gradient = loss(scaled / spreads)
        deviations = penalised * (scaled - centre)
        return found + 0.5 * ridge * deviations @ deviations, gradient / spreads + ridge * deviations

    unit = 1 / np.sqrt(loss.scores(start).var(axis=1).mean())
    starts = [np.append(2.0**exponent * unit * start, [1.0, 0.0]) * spreads for exponent in _EXPONENTS]
    first = starts[np.argmin([cost(scaled)[0] for scaled in starts])]
    options = {"maxiter": n_iterations, "gtol": tol, "ftol": 0.0, "maxcor": 20}
    # a fixed similarity keeps its sign, as beta must be > 0
    lowest = 1e-6 if loss.n_weights == 1 else None
    bounds = [(lowest, None)] * loss.n_weights + [(None, None)] * 2
    found = minimize(cost, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x / spreads
    return found[:-2], float(found[-2]), float(found[-1])
