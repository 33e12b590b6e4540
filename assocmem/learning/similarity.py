"""Learning of similarities from cues whose origins are known, by maximum likelihood."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

from assocmem.learning.choices import Choices, sampled_alternatives
from assocmem.learning.optimizers import AdamW, Moments
from assocmem.similarities import AdaptiveSimilarity, Similarity, footprint_weights, rank_weights
from assocmem.similarities.adaptive import check_features
from assocmem.similarities.base import similar_matrices
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_finite, check_integer, check_positive, real_array

__all__ = ["FittedBeta", "FittedSimilarity", "fit_beta", "fit_similarity", "uniform_similarity"]

METHODS = ("lbfgs", "newton", "adam")
PARAMETRISATIONS = ("rank", "footprint")
_SHRINKAGE, _LEAST_STEP = 0.5, 2.0**-40
_SUFFICIENT = 1e-4  # part of the decrease that the slope promises
_LARGEST_BETA = 2.0**40  # in units of the spread of scores


@dataclass(frozen=True, eq=False)
class FittedSimilarity:
    """A similarity that was learned, and how.

    Parameters
    ----------
    similarity : AdaptiveSimilarity
        Its scores are log-likelihoods up to a constant: beta is 1.
    loss : float
        Mean negative log-likelihood of the origins, without the ridge.
    accuracy : float
        Fraction of the training cues whose origin is the most probable pattern.
    costs : ndarray (iteration or epoch,)
        Loss with the ridge; by Adam, the mean over the mini-batches of an epoch.
    is_converged : bool
        Whether the gradient became as small as asked for; by Adam, always False.
    """

    similarity: AdaptiveSimilarity
    loss: float
    accuracy: float
    costs: np.ndarray = field(repr=False)
    is_converged: bool


@dataclass(frozen=True)
class FittedBeta:
    """The inverse temperature at which a similarity gives origins the largest likelihood.

    Parameters
    ----------
    beta : float, > 0
    loss : float
        Mean negative log-likelihood of the origins, without the ridge.
    accuracy : float
        Fraction of the cues whose origin has the largest score.
    """

    beta: float
    loss: float
    accuracy: float


def fit_similarity(
    patterns: np.ndarray,
    cues: np.ndarray,
    origins: np.ndarray,
    *,
    features: tuple[str, ...] = ("sorted_dis", "sorted_dot"),
    labels: np.ndarray | None = None,
    log_prior: np.ndarray | None = None,
    ridge: float = 1e-4,
    method: str = "lbfgs",
    start: AdaptiveSimilarity | None = None,
    n_negatives: int | None = None,
    n_iterations: int = 500,
    tol: float = 1e-5,
    learning_rate: float = 0.1,
    batch_size: int = 100,
    parametrisation: str = "footprint",
    cache_bytes: int = 2**30,
    seed: int = 0,
    threads: int | None = None,
) -> FittedSimilarity:
    r"""The adaptive similarity under which origins of cues are most probable.

    .. math:: L = \text{mean} [-\log p(\text{origin} | x)] + \tfrac12 \text{ridge} \sum_j (\text{spread}_j \theta_j)^2

    L is convex in the weights theta (conditional logit), so "lbfgs" and "newton" find the same from every start. The
    spread of a feature is its root mean square deviation among alternatives. "adam" is what the paper does, from its
    start: mini-batches, no ridge, and as many epochs as `n_iterations` (200 in the paper).

    Parameters
    ----------
    patterns : array (pattern, unit)
    cues : array (cue, unit)
        Variants of patterns; about five or more for each weight, or more ridge.
    origins : array of int (cue,)
        Numbers of their patterns; with `labels`, the right labels.
    features : tuple of names
        Of `AdaptiveSimilarity`.
    labels : array of int (pattern,), optional
        A class for each pattern: what counts is then the probability of all patterns of the right class, and L is not
        convex. Not with "newton" or `n_negatives`.
    log_prior : array (pattern,), optional
        Added to scores.
    ridge : float, >= 0
        Without any, weights grow without bound where cues can be told without error.
    method : {"lbfgs", "newton", "adam"}
    start : AdaptiveSimilarity, optional
        With these features; without, weights are 0, and with "adam" those of `uniform_similarity`.
    n_negatives : int, >= 1, optional
        Patterns besides the origin among which a cue has to choose, drawn for each cue. For many patterns this is much
        faster, and what weights converge to with more cues is the same.
    n_iterations : int, >= 1
        Stop there at the latest; epochs of "adam".
    tol : float, > 0
        Largest component of the gradient, by weights that are scaled by their spread, at the end.
    learning_rate, batch_size
        Of "adam".
    parametrisation : {"footprint", "rank"}
        Weights on which "adam" makes its steps: of sums of the m best units (or, unsorted, of the first m units), or
        each on its own. The similarities are the same, the ways to them differ.
    cache_bytes : int, >= 0
        Features (4 bytes for each cue, alternative and weight) are kept up to this size, and beyond made again at each
        step.
    seed : int, >= 0
        Of alternatives and mini-batches.
    threads : int, optional
        Without effect on results.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), arXiv:2511.20609; McFadden (1974), Conditional logit analysis of
    qualitative choice behavior.
    """
    features = check_features(features)
    _check_settings(ridge, method, n_iterations, tol, batch_size, parametrisation, cache_bytes, seed)
    if threads is not None:
        check_integer("threads", threads, 1)
    if labels is not None and (method == "newton" or n_negatives is not None):
        raise ValueError("labels must not be given with method 'newton' or with n_negatives")
    choices = _choices(patterns, cues, origins, features, labels, log_prior, n_negatives, cache_bytes, seed)
    weights = _starting_weights(start, choices, method)
    with worker_map(default_threads() if threads is None else threads) as mapping:
        choices.keep(threads)
        if method == "adam":
            optimizer = AdamW(learning_rate, weight_decay=0.0)
            found = _by_adam(choices, weights, optimizer, n_iterations, batch_size, parametrisation, seed, mapping)
        else:
            cost = _Cost(choices, choices.spreads(mapping), ridge, mapping)
            found = (_by_newton if method == "newton" else _by_lbfgs)(cost, weights, n_iterations, tol)
        weights, costs, is_converged = found
        loss, accuracy = choices.loss(weights, mapping)[0], choices.accuracy(weights, mapping)
    similarity = AdaptiveSimilarity.from_vector(weights, features)
    return FittedSimilarity(similarity, float(loss), accuracy, np.array(costs), is_converged)


def uniform_similarity(n_units: int, features: tuple[str, ...]) -> AdaptiveSimilarity:
    """Footprint weights of 1 / n_units for all m, as weights of ranks or of units; 0 for ``lin``."""
    falling = rank_weights(np.full(n_units, 1.0 / n_units))
    weights = {
        name: np.zeros(n_units) if name == "lin" else falling if name.startswith("sorted") else np.ones(n_units)
        for name in check_features(features)
    }
    return AdaptiveSimilarity(**weights)


def _check_settings(ridge, method, n_iterations, tol, batch_size, parametrisation, cache_bytes, seed):
    check_finite("ridge", ridge)
    if ridge < 0:
        raise ValueError(f"ridge must be >= 0, got {ridge}")
    for name, value, allowed in (("method", method, METHODS), ("parametrisation", parametrisation, PARAMETRISATIONS)):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    check_integer("n_iterations", n_iterations, 1)
    check_positive("tol", tol)
    check_integer("batch_size", batch_size, 1)
    check_integer("cache_bytes", cache_bytes, 0)
    check_integer("seed", seed, 0)


def _choices(patterns, cues, origins, features, labels, log_prior, n_negatives, cache_bytes, seed) -> Choices:
    cues, patterns = (array.astype(np.float32) for array in similar_matrices(cues, patterns))
    n_patterns = len(patterns)
    groups = np.arange(n_patterns) if labels is None else _integers("labels", labels, n_patterns)
    targets = _integers("origins", origins, len(cues))
    if not np.all(np.isin(targets, groups)):
        what = f"numbers of the {n_patterns} patterns" if labels is None else "labels of patterns"
        raise ValueError(f"origins must be {what}, got {targets[~np.isin(targets, groups)][0]}")
    numbers = None
    if n_negatives is not None:
        check_integer("n_negatives", n_negatives, 1)
        if n_negatives < n_patterns - 1:
            numbers = sampled_alternatives(targets, n_patterns, n_negatives, seed)
    offsets = _log_prior(log_prior, n_patterns)
    return Choices(features, cues, patterns, targets, groups, offsets, numbers, cache_bytes)


def _integers(name, values, n) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    return array.astype(np.int64)


def _log_prior(log_prior, n_patterns) -> np.ndarray:
    offsets = np.zeros(n_patterns) if log_prior is None else real_array("log_prior", log_prior)
    if offsets.shape != (n_patterns,):
        raise ValueError(f"log_prior must have shape ({n_patterns},), got {offsets.shape}")
    return offsets


def _starting_weights(start, choices, method) -> np.ndarray:
    n_units = choices.cues.shape[1]
    if start is None and method != "adam":
        return np.zeros(choices.n_weights)
    start = uniform_similarity(n_units, choices.features) if start is None else start
    if not isinstance(start, AdaptiveSimilarity):
        raise TypeError(f"start must be an AdaptiveSimilarity, got {start!r}")
    start.check_units(n_units)
    if start.features != choices.features:
        raise ValueError(f"start must have the features {choices.features}, got {start.features}")
    return start.vector


@dataclass(eq=False)
class _Cost:
    """Loss with ridge, as a function of weights that are scaled by the spread of their features."""

    choices: Choices
    spreads: np.ndarray
    ridge: float
    mapping: Callable

    def __call__(self, scaled):
        loss, gradient = self.choices.loss(scaled / self.spreads, self.mapping)
        return loss + 0.5 * self.ridge * scaled @ scaled, gradient / self.spreads + self.ridge * scaled

    def hessian(self, scaled):
        found = self.choices.hessian(scaled / self.spreads, self.mapping)
        return found / np.outer(self.spreads, self.spreads) + self.ridge * np.eye(scaled.size)


def _by_lbfgs(cost, weights, n_iterations, tol):
    costs, last = [], {}

    def remembered(scaled):
        last["cost"], gradient = cost(scaled)
        return last["cost"], gradient

    options = {"maxiter": n_iterations, "gtol": tol, "ftol": 0.0, "maxfun": 20 * n_iterations, "maxcor": 20}

    def keep(scaled):
        costs.append(last["cost"])

    first = weights * cost.spreads
    found = minimize(remembered, first, jac=True, method="L-BFGS-B", callback=keep, options=options)
    return found.x / cost.spreads, costs, bool(np.abs(found.jac).max() <= tol)


def _by_newton(cost, weights, n_iterations, tol):
    """Newton's method with steps that are halved until the cost falls as far as it should."""
    scaled, costs = weights * cost.spreads, []
    value, gradient = cost(scaled)
    for _ in range(n_iterations):
        costs.append(value)
        if np.abs(gradient).max() <= tol:
            break
        hessian = cost.hessian(scaled)
        # features may depend on each other linearly; float32 products leave eigenvalues a little below 0
        hessian[np.diag_indices_from(hessian)] += 1e-6 * np.trace(hessian) / scaled.size
        step = -cho_solve(cho_factor(hessian), gradient)
        size, slope = 1.0, gradient @ step
        while size > _LEAST_STEP:
            new_value, new_gradient = cost(scaled + size * step)
            if new_value <= value + _SUFFICIENT * size * slope:
                break
            size *= _SHRINKAGE
        else:
            break
        scaled, value, gradient = scaled + size * step, new_value, new_gradient
    return scaled / cost.spreads, costs, bool(np.abs(gradient).max() <= tol)


def _by_adam(choices, weights, optimizer, n_epochs, batch_size, parametrisation, seed, mapping):
    n_features, is_footprint = len(choices.features), parametrisation == "footprint"

    def by_rank(values):
        return rank_weights(values.reshape(n_features, -1)).ravel() if is_footprint else values

    def in_parameters(gradient):  # c_r is the sum of w_m from m = r on, so w_m collects the gradients up to r = m
        return np.cumsum(gradient.reshape(n_features, -1), axis=1).ravel() if is_footprint else gradient

    parameters = footprint_weights(weights.reshape(n_features, -1)).ravel() if is_footprint else weights.copy()
    moments, costs = Moments.zeros_like(parameters), []
    rng = np.random.default_rng((seed, 1))
    for epoch in range(n_epochs):
        order, total = rng.permutation(len(choices)), 0.0
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            loss, gradient = choices.loss(by_rank(parameters), mapping, rows)
            total += loss * len(rows)
            moments.step(parameters, in_parameters(gradient), optimizer, optimizer.rate(epoch, n_epochs))
        costs.append(total / len(order))
    return by_rank(parameters), costs, False


def fit_beta(
    similarity: Similarity,
    patterns: np.ndarray,
    cues: np.ndarray,
    origins: np.ndarray,
    *,
    log_prior: np.ndarray | None = None,
    ridge: float = 1e-6,
    threads: int | None = None,
) -> FittedBeta:
    """The inverse temperature of a fixed similarity that makes origins of cues most probable.

    Parameters
    ----------
    similarity : Similarity
    patterns : array (pattern, unit)
    cues : array (cue, unit)
    origins : array of int (cue,)
        Numbers of their patterns.
    log_prior : array (pattern,), optional
    ridge : float, > 0
        Of beta times the spread of scores; it bounds beta where all origins are told without error.
    threads : int, optional
        Without effect on results.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or origins are no more similar to cues than others.
    """
    if not isinstance(similarity, Similarity):
        raise TypeError(f"similarity must be a Similarity, got {similarity!r}")
    check_positive("ridge", ridge)
    scores = similarity.scores(cues, patterns, threads=threads).astype(float)
    origins = _integers("origins", origins, len(scores))
    if origins.min() < 0 or origins.max() >= scores.shape[1]:
        raise ValueError(f"origins must be numbers of the {scores.shape[1]} patterns, got {origins.max()}")
    offsets = _log_prior(log_prior, scores.shape[1])
    spread = np.sqrt(scores.var(axis=1).mean())
    gains = (scores - scores[np.arange(len(scores)), origins][:, None]) / (spread if spread > 0 else 1.0)

    def slope(beta):
        weights = beta * gains + offsets
        p = np.exp(weights - logsumexp(weights, axis=1, keepdims=True))
        return float(np.mean((p * gains).sum(axis=1)) + ridge * beta)

    if slope(0.0) >= 0:
        raise ValueError("similarity must be larger for origins of cues than for other patterns, on average")
    upper = 1.0
    while slope(upper) < 0 and upper < _LARGEST_BETA:
        upper *= 2
    beta = brentq(slope, 0.0, upper, xtol=1e-12, rtol=1e-12)
    weights = beta * gains + offsets
    loss = np.mean(logsumexp(weights, axis=1) - offsets[origins])
    return FittedBeta(float(beta / spread), float(loss), float(np.mean(weights.argmax(axis=1) == origins)))
