"""Classification by a memory of labelled patterns, whose similarity to what is classified is all that is learned."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from assocmem.learning.similarity import fit_similarity
from assocmem.similarities import AdaptiveSimilarity, DotProduct, Similarity, SquaredDistance
from assocmem.similarities.adaptive import check_features
from assocmem.similarities.base import matrix
from assocmem.validation import check_finite, check_positive

__all__ = ["ClassMemory", "class_scores", "fit_class_beta", "fit_class_memory", "fixed_start"]

_EXPONENTS = np.arange(-8, 13)  # beta times the spread of scores is looked for among powers of 2, and then between them

_MAIN = ("sorted_dis", "dis", "sorted_dot", "dot")


def class_scores(scores: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Scores of classes (cue, class): the log-sum-exp of scores (cue, pattern) over patterns with that label."""
    return np.stack([logsumexp(scores[:, labels == c], axis=1) for c in range(n_classes)], axis=1)


@dataclass(frozen=True, eq=False)
class ClassMemory:
    r"""Labelled patterns of which a cue evokes a class.

    .. math:: p(c | x) \propto \sum_{k: \text{label}_k = c} \exp(\beta s(x, \xi_k))

    Parameters
    ----------
    patterns : array (pattern, unit)
    labels : array of int (pattern,)
        From 0 on, each of them at least once.
    similarity : Similarity
    beta : float, > 0
        1 for a similarity that was fitted.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), arXiv:2511.20609, classification by memory. How the paper makes classes of
    patterns is not known to us: that they add up is our reading.
    """

    patterns: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    similarity: Similarity
    beta: float = 1.0

    def __post_init__(self):
        if not isinstance(self.similarity, Similarity):
            raise TypeError(f"similarity must be a Similarity, got {self.similarity!r}")
        patterns = matrix("patterns", "pattern", self.patterns)
        self.similarity.check_units(patterns.shape[1])
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "labels", _labels(self.labels, len(patterns)))
        check_positive("beta", self.beta)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    def logits(self, cues: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Logarithms of the probabilities of classes (cue, class), up to a constant for each cue; float64.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        scores = self.similarity.scores(cues, self.patterns, threads=threads).astype(float)
        return class_scores(self.beta * scores, self.labels, self.n_classes)

    def decide(self, cues: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The most probable class (cue,) of each cue, the first of equal ones."""
        return self.logits(cues, threads=threads).argmax(axis=1)


def _labels(labels, n_patterns: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got dtype {labels.dtype}")
    if labels.shape != (n_patterns,):
        raise ValueError(f"labels must have shape ({n_patterns},), got {labels.shape}")
    missing = np.setdiff1d(np.arange(labels.max() + 1), labels)
    if labels.min() < 0 or missing.size:
        raise ValueError(f"labels must be from 0 on, each of them at least once, got {np.unique(labels)}")
    return labels.astype(np.int64)


def fit_class_memory(
    patterns: np.ndarray,
    labels: np.ndarray,
    cues: np.ndarray,
    classes: np.ndarray,
    *,
    features: tuple[str, ...] = ("dis", "dot"),
    similarity: Similarity | None = None,
    ridge: float = 1e-3,
    n_iterations: int = 200,
    tol: float = 1e-4,
    threads: int | None = None,
) -> ClassMemory:
    """A memory whose similarity makes the classes of cues most probable.

    The cost is not convex. Learning begins at the squared distance with its best beta (without ``dis`` or
    ``sorted_dis``, at the product with its best), and ends at a cost that is no larger.

    Parameters
    ----------
    patterns : array (pattern, unit)
    labels : array of int (pattern,)
        From 0 on, each of them at least once.
    cues : array (cue, unit)
        Other than the patterns.
    classes : array of int (cue,)
        Their labels.
    features : tuple of names
        Of `AdaptiveSimilarity`.
    similarity : Similarity, optional
        A fixed one, of which nothing but the inverse temperature is learned, instead of one with these features.
    ridge, n_iterations, tol, threads
        As in `fit_similarity`; the ridge of a fixed similarity acts on beta times the spread of its scores.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """
    if similarity is not None:
        beta = fit_class_beta(similarity, patterns, labels, cues, classes, ridge=ridge, threads=threads)
        return ClassMemory(patterns, labels, similarity, beta)
    features, patterns = check_features(features), matrix("patterns", "pattern", patterns)
    start = fixed_start(features, patterns)
    if start.any():
        fixed = SquaredDistance() if {"dis", "sorted_dis"} & set(features) else DotProduct()
        start *= fit_class_beta(fixed, patterns, labels, cues, classes, ridge=ridge, threads=threads)
    start = AdaptiveSimilarity.from_vector(start, features)
    settings = {"ridge": ridge, "n_iterations": n_iterations, "tol": tol, "threads": threads, "start": start}
    fitted = fit_similarity(patterns, cues, classes, features=features, labels=labels, **settings)
    return ClassMemory(patterns, labels, fitted.similarity)


def fixed_start(features: tuple[str, ...], patterns: np.ndarray) -> np.ndarray:
    """Weights (feature * unit,) that make of checked features the squared distance, the product, or, without, 0."""
    main = next((name for name in _MAIN if name in features), None)
    return np.concatenate([np.full(patterns.shape[1], float(name == main)) for name in features])


def fit_class_beta(
    similarity: Similarity,
    patterns: np.ndarray,
    labels: np.ndarray,
    cues: np.ndarray,
    classes: np.ndarray,
    *,
    ridge: float = 1e-6,
    threads: int | None = None,
) -> float:
    """The inverse temperature of a fixed similarity that makes the classes of cues most probable.

    The cost need not be convex: the best of powers of 2 is taken, and then the best near it.

    Parameters
    ----------
    similarity : Similarity
    patterns, labels, cues, classes
        As in `fit_class_memory`.
    ridge : float, >= 0
        Of beta times the spread of scores.
    threads : int, optional
        Without effect on the result.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """
    memory = ClassMemory(patterns, labels, similarity)
    check_finite("ridge", ridge)
    if ridge < 0:
        raise ValueError(f"ridge must be >= 0, got {ridge}")
    scores = similarity.scores(cues, memory.patterns, threads=threads).astype(float)
    classes = np.asarray(classes)
    if classes.shape != (len(scores),) or not np.all(np.isin(classes, memory.labels)):
        raise ValueError(f"classes must be a label of patterns for each of {len(scores)} cues, got {classes}")
    spread = np.sqrt(scores.var(axis=1).mean()) or 1.0
    rows = np.arange(len(scores))

    def cost(exponent):
        gain = 2.0**exponent
        found = class_scores(scores * (gain / spread), memory.labels, memory.n_classes)
        return float(0.5 * ridge * gain**2 - log_softmax(found, axis=1)[rows, classes].mean())

    best = _EXPONENTS[np.argmin([cost(exponent) for exponent in _EXPONENTS])]
    exponent = minimize_scalar(cost, bounds=(best - 1, best + 1), method="bounded", options={"xatol": 1e-6}).x
    return float(2.0**exponent / spread)
