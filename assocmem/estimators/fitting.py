"""What the estimators share: standardised inputs, classes from logits, a training run, and outputs for new items."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from assocmem.estimators.bags import Bags
from assocmem.learning.losses import cross_entropy, logistic_loss
from assocmem.learning.optimizers import AdamW
from assocmem.learning.training import Loss, Samples, outputs_of, train
from assocmem.networks import Layer
from assocmem.validation import check_boolean, check_finite

__all__ = ["BagInputs", "LogitClassifier", "NetworkClassifier", "NetworkEstimator", "StandardizedInputs"]


class StandardizedInputs:
    """Features of inputs, standardised. Subclasses have the parameter or attribute `dtype`."""

    def _fit_scale(self, values: np.ndarray, is_standardized: bool = True) -> None:
        """Learn mean and scale of the features of values (item, feature), or leave them 0 and 1."""
        self.mean_, self.scale_ = np.zeros(values.shape[1]), np.ones(values.shape[1])
        if not is_standardized:
            return
        self.mean_ = values.mean(axis=0, dtype=float)
        spread = values.std(axis=0, dtype=float)
        self.scale_ = np.where(spread > 1e-12 * np.abs(values).max(initial=1.0, axis=0), spread, 1.0)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return ((values - self.mean_) / self.scale_).astype(self.dtype)


class BagInputs(StandardizedInputs):
    """Items that are bags. Subclasses have the parameter `is_standardized`."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def _fit_bags(self, X, y) -> tuple[Bags, np.ndarray]:
        """Checked bags and their labels (bag,); the features of instances are learned."""
        bags, y = Bags.of(X), column_or_1d(y, warn=True)
        if len(bags) != len(y):
            raise ValueError(f"y must have a class for each of the {len(bags)} bags, got {len(y)}")
        check_boolean("is_standardized", self.is_standardized)
        self.n_features_in_ = bags.n_features
        self._fit_scale(bags.instances[np.unique(bags.members[bags.is_there])], self.is_standardized)
        return bags, y

    def _checked_bags(self, X) -> Bags:
        """Bags with the features that were learned."""
        check_is_fitted(self)
        bags = Bags.of(X)
        if bags.n_features != self.n_features_in_:
            raise ValueError(f"X must have {self.n_features_in_} features, as in fit, got {bags.n_features}")
        return bags


class NetworkEstimator(StandardizedInputs, BaseEstimator):
    """An estimator that trains a network.

    Subclasses have the parameters `n_epochs`, `batch_size`, `optimizer`, `validation_share`, `patience`, `dtype`,
    `random_state`, `checkpoint`, `threads`, `progress` and `association`.
    """

    def _train(self, network: Layer, samples: Samples, loss: Loss, *, stratify=None, score=None) -> None:
        """Train a network, on a part of the samples if there is to be a validation."""
        validation = None
        if self.optimizer is not None and not isinstance(self.optimizer, AdamW):
            raise TypeError(f"optimizer must be an AdamW or None, got {self.optimizer!r}")
        check_finite("validation_share", self.validation_share)
        if not 0 <= self.validation_share < 1:
            raise ValueError(f"validation_share must be in [0, 1), got {self.validation_share}")
        if self.validation_share > 0:
            settings = {"test_size": self.validation_share, "random_state": self.random_state, "stratify": stratify}
            parts = train_test_split(np.arange(len(samples)), **settings)
            samples, validation = (samples.take(part) for part in parts)
        result = train(
            network,
            samples,
            loss,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            validation=validation,
            score=score if validation is not None else None,
            patience=self.patience,
            dtype=np.dtype(self.dtype),
            seed=self.random_state,
            checkpoint=self.checkpoint,
            threads=self.threads,
            progress=self.progress,
        )
        self.network_, self.parameters_, self.history_ = network, result.parameters, result.history
        self.best_epoch_, self.n_iter_ = result.best_epoch, len(result.history.epoch)

    def _outputs(self, samples: Samples) -> np.ndarray:
        """Outputs (item, value) of the trained network, as float64."""
        found = outputs_of(self.network_, self.parameters_, samples, seed=self.random_state, threads=self.threads)
        return found.astype(float)


class LogitClassifier(ClassifierMixin):
    """A classifier with one logit for two classes, and one for each class if there are more.

    Subclasses have a method `decision_function`.
    """

    def _encode(self, y) -> np.ndarray:
        """Indices of classes, which are learned."""
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got 1 class: {self.classes_}")
        return codes

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (item, class), in the order of `classes_`."""
        logits = self.decision_function(X)
        if len(self.classes_) == 2:
            return np.stack([expit(-logits), expit(logits)], axis=1)
        return softmax(logits, axis=1)

    def predict(self, X) -> np.ndarray:
        """The most probable class (item,) of each item."""
        logits = self.decision_function(X)
        codes = (logits > 0).astype(int) if len(self.classes_) == 2 else logits.argmax(axis=1)
        return self.classes_[codes]


class NetworkClassifier(LogitClassifier, NetworkEstimator):
    """A classifier by a network."""

    @property
    def _n_logits(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    @property
    def _loss(self) -> Loss:
        return logistic_loss if len(self.classes_) == 2 else cross_entropy

    def decision_function(self, X) -> np.ndarray:
        """Logits (item,) of the second of two classes, or (item, class)."""
        outputs = self._outputs(self._samples(X))
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def _samples(self, X) -> Samples:
        """Checked and standardised items."""
        raise NotImplementedError
