"""Classification by stored rows, of which nothing but the similarity is learned."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from assocmem.estimators.fitting import BagInputs, LogitClassifier, StandardizedInputs
from assocmem.learning.bag_memory import fit_bag_memory
from assocmem.learning.class_memory import fit_class_memory
from assocmem.validation import check_boolean, check_integer

__all__ = ["AdaptiveHopfieldBagClassifier", "AdaptiveHopfieldClassifier", "stratified_rows"]


def stratified_rows(codes: np.ndarray, n_rows: int, seed: int) -> np.ndarray:
    """Numbers of rows to store, in ascending order: at random, of each class in its proportion.

    There is at least one of each class, and beyond that at most half of them.

    Parameters
    ----------
    codes : array of int (row,)
        Classes from 0 on.
    n_rows : int, >= 1
    seed : int, >= 0
    """
    rng = np.random.default_rng(seed)
    counts = np.bincount(codes)
    wanted = np.clip(np.rint(n_rows * counts / len(codes)).astype(int), 1, np.maximum(1, counts // 2))
    drawn = [rng.permutation(np.flatnonzero(codes == c))[:n] for c, n in enumerate(wanted)]
    return np.sort(np.concatenate(drawn))


class AdaptiveHopfieldClassifier(LogitClassifier, StandardizedInputs, BaseEstimator):
    r"""Classifier with a memory of rows it was given, and a similarity that is learned on the others.

    .. math:: p(c | x) \propto \sum_{k: \text{class}_k = c} \exp(s(x, \xi_k))

    The stored rows are drawn at random from each class in its proportion. Columns that mean different things are best
    told apart by the features ``dis``, ``dot`` and ``lin``, which have a weight for each column; the sorted ones do not
    know columns, but bear values that are missing or replaced in any of them.

    Parameters
    ----------
    features : tuple of names
        Of `AdaptiveSimilarity`: sorted_dis, sorted_dot, dis, dot, lin.
    similarity : Similarity, optional
        A fixed one, of which nothing but the inverse temperature is learned, instead of one with these features.
    n_memories : int, >= 1
        Rows to store; at most half of each class, and at least one.
    ridge : float, >= 0
        Of the weights, times the spread of their features.
    is_standardized : bool
        Whether columns are standardised first.
    n_iterations : int, >= 1
        Of L-BFGS, at the most.
    tol : float, > 0
        Largest component of the gradient at the end.
    random_state : int, >= 0
    threads : int, optional
        Without effect on results.

    Attributes
    ----------
    classes_ : ndarray (class,)
    n_features_in_ : int
    memory_ : ClassMemory
        With the stored rows, standardised, and the similarity.
    stored_ : ndarray of int (pattern,)
        Which rows are stored.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), Adaptive Hopfield network: rethinking similarities in associative memory,
    arXiv:2511.20609, tabular classification; that stored rows are fixed is our reading.
    """

    def __init__(
        self,
        features=("dis", "dot"),
        *,
        similarity=None,
        n_memories=400,
        ridge=1e-3,
        is_standardized=True,
        n_iterations=200,
        tol=1e-4,
        random_state=0,
        threads=None,
    ):
        self.features = features
        self.similarity = similarity
        self.n_memories = n_memories
        self.ridge = ridge
        self.is_standardized = is_standardized
        self.n_iterations = n_iterations
        self.tol = tol
        self.random_state = random_state
        self.threads = threads

    dtype = "float64"  # of standardised inputs

    def fit(self, X, y):
        """Store rows of X (item, feature) with classes y (item,), and learn the similarity on the others.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, X or y are not finite, of different lengths or of one class, or there is
            no class with two rows.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_integer("n_memories", self.n_memories, 1)
        check_boolean("is_standardized", self.is_standardized)
        check_integer("random_state", self.random_state, 0)
        codes = self._encode(y)
        self._fit_scale(X, self.is_standardized)
        self.stored_ = stratified_rows(codes, self.n_memories, self.random_state)
        others = np.setdiff1d(np.arange(len(X)), self.stored_)
        if not others.size:
            raise ValueError(f"y must have a class with at least two rows, got {len(y)} rows of {len(y)} classes")
        rows = self._scaled(X)
        self.memory_ = fit_class_memory(
            rows[self.stored_],
            codes[self.stored_],
            rows[others],
            codes[others],
            features=self.features,
            similarity=self.similarity,
            ridge=self.ridge,
            n_iterations=self.n_iterations,
            tol=self.tol,
            threads=self.threads,
        )
        return self

    def decision_function(self, X) -> np.ndarray:
        """Logits (item,) of the second of two classes, or (item, class)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        logits = self.memory_.logits(self._scaled(X), threads=self.threads)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits


class AdaptiveHopfieldBagClassifier(BagInputs, LogitClassifier, BaseEstimator):
    r"""Classifier of bags with a memory of the instances of some of them, and a similarity that is learned on others.

    .. math:: z = a \log \operatorname{mean}_i \exp(d_i) + b, \qquad
        d_i = \log \sum_{k \in +} e^{s(x_i, \xi_k)} - \log \sum_{k \in -} e^{s(x_i, \xi_k)}

    Stored instances have the sign of their bag. There are two classes.

    Parameters
    ----------
    features, similarity
        As in `AdaptiveHopfieldClassifier`.
    n_memories : int, >= 1
        Bags to store, of each class in its proportion; at most half of each, and at least one.
    ridge : float, >= 0
        Of the weights, times the spread of their features, and of ``a - 1``.
    is_standardized, n_iterations, tol, random_state, threads
        As in `AdaptiveHopfieldClassifier`.

    Attributes
    ----------
    classes_ : ndarray (2,)
    n_features_in_ : int
        Features of an instance.
    memory_ : BagMemory
    stored_ : ndarray of int (bag,)
        Which bags are stored.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), arXiv:2511.20609, multiple-instance learning. The network of the paper is
    not known to us: this is our reading.
    """

    def __init__(
        self,
        features=("dis", "dot"),
        *,
        similarity=None,
        n_memories=10,
        ridge=1e-2,
        is_standardized=True,
        n_iterations=200,
        tol=1e-4,
        random_state=0,
        threads=None,
    ):
        self.features = features
        self.similarity = similarity
        self.n_memories = n_memories
        self.ridge = ridge
        self.is_standardized = is_standardized
        self.n_iterations = n_iterations
        self.tol = tol
        self.random_state = random_state
        self.threads = threads

    dtype = "float32"  # of standardised inputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X, y):
        """Store some of the bags X with classes y (bag,), and learn the similarity on the others.

        Parameters
        ----------
        X : Bags, sequence of arrays (instance, feature), or array (bag, instance, feature)
        y : array (bag,)
            Of two classes.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, a bag is empty, X or y are not finite, of different lengths or not of
            two classes with at least two bags each.
        """
        bags, y = self._fit_bags(X, y)
        codes = self._two_classes(y)
        check_integer("n_memories", self.n_memories, 1)
        check_integer("random_state", self.random_state, 0)
        self.stored_ = stratified_rows(codes, self.n_memories, self.random_state)
        rows, is_stored = self._scaled(bags.instances), np.isin(np.arange(len(bags)), self.stored_)
        stored = bags.members[is_stored]
        self.memory_ = fit_bag_memory(
            rows[stored[stored >= 0]],
            np.repeat(codes[is_stored] == 1, np.sum(stored >= 0, axis=1)),
            *_compact(rows, bags.members[~is_stored]),
            codes[~is_stored] == 1,
            features=self.features,
            similarity=self.similarity,
            ridge=self.ridge,
            n_iterations=self.n_iterations,
            tol=self.tol,
            threads=self.threads,
        )
        return self

    def _two_classes(self, y):
        codes = self._encode(y)
        if len(self.classes_) > 2 or np.bincount(codes).min() < 2:
            raise ValueError(
                f"y must have two classes with at least two bags each, got {np.unique(y)} in {len(y)} bags"
            )
        return codes

    def decision_function(self, X) -> np.ndarray:
        """Logits (bag,) of the second class."""
        bags = self._checked_bags(X)
        instances, members = _compact(bags.instances, bags.members)
        return self.memory_.logits(self._scaled(instances), members, threads=self.threads)


def _compact(instances: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Instances that are members of a bag, and the members in their numbers."""
    used, numbers = np.unique(members, return_inverse=True)
    first = int(used[0] < 0)
    return instances[used[first:]], numbers.reshape(members.shape) - first
