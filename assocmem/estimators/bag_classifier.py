"""Multiple-instance learning: classification of bags by what learned cues evoke among their instances."""

import numpy as np
from sklearn.metrics import roc_auc_score

from assocmem.estimators.bags import Bags
from assocmem.estimators.fitting import BagInputs, NetworkClassifier
from assocmem.learning.training import Samples
from assocmem.networks import (
    Chain,
    Dropout,
    Flatten,
    Gelu,
    HopfieldPooling,
    LayerNorm,
    LinearMap,
    Relu,
    SeparationAssociation,
)

__all__ = ["HopfieldBagClassifier"]


class HopfieldBagClassifier(BagInputs, NetworkClassifier):
    """Classifier of bags of instances with Hopfield pooling.

    Standardised instances are embedded and normalised; learned cues evoke mixtures of the instances of a bag, from
    which a linear map makes the logits.

    Parameters
    ----------
    association : Association, optional
        How the instances of a bag are separated; softmax with beta = 1 if None.
    hidden_sizes : sequence of int
        Rectified layers before the embedding.
    embedding_size : int, >= 1
    n_heads : int, >= 1
    head_size : int, optional
        Embedding size / number of heads if None.
    n_cues : int, >= 1
    dropout : float in [0, 1)
        After both normalisations.
    is_standardized : bool
        Whether features are standardised first.
    scoring : {"loss", "roc_auc", "accuracy"}
        What decides on the best epoch in validation.
    n_epochs, batch_size, optimizer, validation_share, patience, dtype, random_state, checkpoint, threads, progress
        As in `HopfieldClassifier`.

    Attributes
    ----------
    classes_, n_iter_, history_, best_epoch_, network_, parameters_
        As in `HopfieldClassifier`.
    n_features_in_ : int
        Features of an instance.

    References
    ----------
    Ilse, Tomczak & Welling (2018); Ramsauer et al. (2021), section 3; Hu et al. (2025), appendix G.
    """

    def __init__(
        self,
        association=None,
        *,
        hidden_sizes=(),
        embedding_size=64,
        n_heads=4,
        head_size=None,
        n_cues=1,
        dropout=0.0,
        is_standardized=True,
        scoring="loss",
        n_epochs=50,
        batch_size=16,
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
        self.hidden_sizes = hidden_sizes
        self.embedding_size = embedding_size
        self.n_heads = n_heads
        self.head_size = head_size
        self.n_cues = n_cues
        self.dropout = dropout
        self.is_standardized = is_standardized
        self.scoring = scoring
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
        """Train on bags X with classes y (bag,).

        Parameters
        ----------
        X : Bags, sequence of arrays (instance, feature), or array (bag, instance, feature)
        y : array (bag,)

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, a bag is empty, X or y are not finite, of different lengths or of one
            class.
        """
        bags, y = self._fit_bags(X, y)
        codes = self._encode(y)
        samples = self._bag_samples(bags, codes)
        self._train(self._network(), samples, self._loss, stratify=codes, score=self._score_function())
        return self

    def _score_function(self):
        scores = {"loss": None, "roc_auc": _auc, "accuracy": _accuracy}
        if self.scoring not in scores:
            raise ValueError(f"scoring must be one of {', '.join(scores)}, got {self.scoring!r}")
        return scores[self.scoring]

    def _network(self) -> Chain:
        association = SeparationAssociation() if self.association is None else self.association
        size, layers, n_in = self.embedding_size, {}, self.n_features_in_
        for number, n_out in enumerate(self.hidden_sizes):
            layers[f"hidden_{number}"] = LinearMap(n_in, n_out, is_input=number == 0)
            layers[f"activation_{number}"] = Relu()
            n_in = n_out
        pooling = HopfieldPooling(size, self.n_heads, self.head_size, association, self.n_cues)
        layers |= {
            "embedding": LinearMap(n_in, size, is_input=not layers),
            "norm": LayerNorm(size),
            "dropout": Dropout(self.dropout),
            "pooling": pooling,
            "activation": Gelu(),
            "second_norm": LayerNorm(size),
            "second_dropout": Dropout(self.dropout),
            "flatten": Flatten(),
            "logits": LinearMap(self.n_cues * size, self._n_logits),
        }
        return Chain(layers)

    def _samples(self, X):
        return self._bag_samples(self._checked_bags(X))

    def _bag_samples(self, bags: Bags, codes: np.ndarray | None = None) -> Samples:
        """Samples of bags; places without an instance show the first one, which is ignored."""
        is_there = bags.is_there
        members = np.where(is_there, bags.members, 0)
        return Samples(members, codes, None if is_there.all() else is_there, self._scaled(bags.instances))


def _auc(outputs: np.ndarray, codes: np.ndarray) -> float:
    """Area under the ROC curve; the mean over classes against the others if there are more than two."""
    if outputs.shape[1] == 1:
        return float(roc_auc_score(codes, outputs[:, 0]))
    return float(np.mean([roc_auc_score(codes == code, outputs[:, code]) for code in np.unique(codes)]))


def _accuracy(outputs: np.ndarray, codes: np.ndarray) -> float:
    found = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return float(np.mean(found == codes))
