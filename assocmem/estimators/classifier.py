"""Classification of vectors by what they evoke among learned patterns."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from assocmem.estimators.fitting import NetworkClassifier
from assocmem.learning.training import Samples
from assocmem.networks import Chain, Dropout, Gelu, HopfieldMemory, LayerNorm, LinearMap, SeparationAssociation

__all__ = ["HopfieldClassifier"]


class HopfieldClassifier(NetworkClassifier):
    """Classifier of vectors with a memory of learned patterns.

    Standardised inputs are embedded and normalised and evoke a mixture of learned patterns, of which a linear map makes
    the logits.

    Parameters
    ----------
    association : Association, optional
        How the patterns are separated; softmax with beta = 1 if None.
    embedding_size : int, >= 1
    n_heads : int, >= 1
        Must divide the embedding size.
    n_patterns : int, >= 1
    dropout : float in [0, 1)
        After the first normalisation.
    n_epochs, batch_size : int, >= 1
    optimizer : AdamW, optional
        AdamW with its defaults if None.
    validation_share : float in [0, 1)
        Share of the items that is kept for validation, in the proportions of the classes.
    patience : int, >= 1, optional
        Stop after so many epochs without a smaller loss in validation.
    dtype : {"float64", "float32"}
    random_state : int, >= 0
    checkpoint : path, optional
        As in `assocmem.learning.training.train`.
    threads : int, optional
        Without effect on results.
    progress : bool

    Attributes
    ----------
    classes_ : ndarray (class,)
    n_features_in_ : int
    n_iter_ : int
        Epochs made.
    history_ : Dataset
        Over epochs.
    best_epoch_ : int
    network_, parameters_
        The trained network.

    References
    ----------
    Ramsauer et al. (2021), Hopfield networks is all you need, section 3.
    """

    def __init__(
        self,
        association=None,
        *,
        embedding_size=32,
        n_heads=4,
        n_patterns=32,
        dropout=0.0,
        n_epochs=100,
        batch_size=64,
        optimizer=None,
        validation_share=0.0,
        patience=None,
        dtype="float64",
        random_state=0,
        checkpoint=None,
        threads=None,
        progress=False,
    ):
        self.association = association
        self.embedding_size = embedding_size
        self.n_heads = n_heads
        self.n_patterns = n_patterns
        self.dropout = dropout
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

    def fit(self, X, y):
        """Train on items X (item, feature) with classes y (item,).

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, or X or y are not finite, of different lengths or of one class.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        codes = self._encode(y)
        self._fit_scale(X)
        self._train(self._network(), Samples(self._scaled(X), codes), self._loss, stratify=codes)
        return self

    def _network(self) -> Chain:
        association = SeparationAssociation() if self.association is None else self.association
        size = self.embedding_size
        return Chain(
            {
                "embedding": LinearMap(self.n_features_in_, size, is_input=True),
                "norm": LayerNorm(size),
                "dropout": Dropout(self.dropout),
                "memory": HopfieldMemory(size, self.n_heads, association=association, n_patterns=self.n_patterns),
                "activation": Gelu(),
                "second_norm": LayerNorm(size),
                "logits": LinearMap(size, self._n_logits),
            }
        )

    def _samples(self, X):
        check_is_fitted(self)
        return Samples(self._scaled(validate_data(self, X, reset=False, dtype=(np.float64, np.float32))))
