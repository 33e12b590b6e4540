"""Forecasts of series by associations between their places."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from assocmem.estimators.fitting import NetworkEstimator
from assocmem.learning.losses import squared_error
from assocmem.learning.training import Samples
from assocmem.networks import (
    Chain,
    Flatten,
    Gelu,
    HopfieldAssociation,
    HopfieldPooling,
    LayerNorm,
    LinearMap,
    Places,
    SeparationAssociation,
    WindowAssociation,
)
from assocmem.validation import check_boolean

__all__ = ["HopfieldForecaster"]


class HopfieldForecaster(RegressorMixin, NetworkEstimator):
    """Forecaster of the next values of series from those before.

    Each value is embedded; the places of a series evoke each other, and a learned cue evokes from them a state from
    which a linear map makes the forecast.

    Parameters
    ----------
    association : Association, optional
        Among the places; softmax with beta = 1 if None. The pooling has the same without a window.
    embedding_size : int, >= 1
    n_heads : int, >= 1
        Must divide the embedding size.
    has_places : bool
        Whether each place also has a learned vector of its own. Without it the forecast does not depend on the order
        of the values, except through a window.
    n_epochs, batch_size, optimizer, validation_share, patience, dtype, random_state, checkpoint, threads, progress
        As in `HopfieldClassifier`.

    Attributes
    ----------
    n_features_in_ : int
        Length of the series.
    n_iter_, history_, best_epoch_, network_, parameters_
        As in `HopfieldClassifier`.

    References
    ----------
    Hu et al. (2025), appendix G.4.
    """

    def __init__(
        self,
        association=None,
        *,
        embedding_size=64,
        n_heads=4,
        has_places=True,
        n_epochs=20,
        batch_size=128,
        optimizer=None,
        validation_share=0.0,
        patience=None,
        dtype="float32",
        random_state=0,
        checkpoint=None,
        threads=None,
        progress=False,
    ):
        self.association = association
        self.embedding_size = embedding_size
        self.n_heads = n_heads
        self.has_places = has_places
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.validation_share = validation_share
        self.patience = patience
        self.dtype = dtype
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.threads = threads
        self.progress = progress

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y):
        """Train on series and what follows on them.

        Parameters
        ----------
        X : array (series, place)
            Standardised by one mean and one scale for all places.
        y : array (series, horizon) or (series,)
            Standardised by one mean and one scale too.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, or X or y are not finite or of different lengths.
        """
        settings = {"dtype": (np.float64, np.float32), "multi_output": True, "y_numeric": True}
        X, y = validate_data(self, X, y, **settings)
        check_boolean("has_places", self.has_places)
        self.n_outputs_ = None if y.ndim == 1 else y.shape[1]
        y = y.reshape(len(y), -1).astype(float)
        self._fit_scale(X.reshape(-1, 1))
        self.target_mean_, self.target_scale_ = y.mean(), y.std() or 1.0
        targets = ((y - self.target_mean_) / self.target_scale_).astype(self.dtype)
        self._train(self._network(y.shape[1]), Samples(self._scaled(X[..., None]), targets), squared_error)
        return self

    def predict(self, X) -> np.ndarray:
        """Forecasts (series, horizon) or (series,), as in `fit`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        outputs = self._outputs(Samples(self._scaled(X[..., None]))) * self.target_scale_ + self.target_mean_
        return outputs[:, 0] if self.n_outputs_ is None else outputs

    def _network(self, n_outputs: int) -> Chain:
        association = SeparationAssociation() if self.association is None else self.association
        pooled = SeparationAssociation() if isinstance(association, WindowAssociation) else association
        size = self.embedding_size
        places = {"places": Places(self.n_features_in_, size)} if self.has_places else {}
        return Chain(
            {
                "embedding": LinearMap(1, size, is_input=True),
                **places,
                "norm": LayerNorm(size),
                "association": HopfieldAssociation(size, self.n_heads, association=association),
                "activation": Gelu(),
                "second_norm": LayerNorm(size),
                "pooling": HopfieldPooling(size, self.n_heads, association=pooled),
                "third_norm": LayerNorm(size),
                "flatten": Flatten(),
                "forecast": LinearMap(size, n_outputs),
            }
        )
