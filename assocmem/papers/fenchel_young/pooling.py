"""What the experiments of pooling share: the associations compared, a training run, and scores.

Hopfield pooling makes one vector of a bag: learned cues evoke a mixture of its instances, weighted by a separation. Two
controls stand in the same network in place of that: the mean and the maximum of the values, which know no cue.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata

from assocmem.learning.losses import logistic_loss
from assocmem.learning.optimizers import AdamW, Exponential
from assocmem.learning.training import Samples, TrainedNetwork, outputs_of, train
from assocmem.networks import Association, Chain, MaxAssociation, MeanAssociation, SeparationAssociation
from assocmem.separations import Entmax, KSubsets, Normmax, Softmax, Sparsemax

SOFTMAX, SPARSEMAX, MEAN, MAX = "softmax", "2-entmax", "mean", "maximum"
SUBSETS = {f"{k}-subsets": KSubsets(k) for k in (2, 3, 5)}
SEPARATIONS = {
    SOFTMAX: Softmax(),
    "1.5-entmax": Entmax(1.5),
    SPARSEMAX: Sparsemax(),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
    **SUBSETS,
}
CONTROLS = {MEAN: MeanAssociation(), MAX: MaxAssociation()}
NAMES = (*SEPARATIONS, *CONTROLS)
_COLOURS = ("#000000", "#0072B2", "#56B4E9", "#009E73", "#009E73", "#D55E00", "#D55E00", "#D55E00")
LINES = {n: {"color": c} for n, c in zip(NAMES, (*_COLOURS, "#666666", "#666666"), strict=True)}


def association(name: str, beta: float) -> Association:
    """The association of a name; beta has no effect on a control.

    Raises
    ------
    ValueError
        If the name is unknown; lists the known ones.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    return CONTROLS[name] if name in CONTROLS else SeparationAssociation(SEPARATIONS[name], beta)


@dataclass(frozen=True)
class Training:
    """How a network is trained: AdamW with an exponential decay of its rate over epochs and clipped gradients.

    Parameters
    ----------
    n_epochs, batch_size : int, >= 1
    learning_rate : float, > 0
    decay : float in (0, 1]
        Of the learning rate, per epoch.
    patience : int, >= 1, optional
        Stop after so many epochs without a larger area under the ROC curve of validation.
    """

    n_epochs: int
    batch_size: int
    learning_rate: float
    decay: float = 0.96
    patience: int | None = None

    def fit(self, network: Chain, samples: Samples, *, seed: int, validation: Samples | None = None) -> TrainedNetwork:
        """The network of the best epoch in validation, or of the last one without samples for it."""
        optimizer = AdamW(self.learning_rate, weight_decay=1e-4, clip=1.0, schedule=Exponential(self.decay))
        return train(
            network,
            samples,
            logistic_loss,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            optimizer=optimizer,
            validation=validation,
            score=None if validation is None else area_under_curve,
            patience=None if validation is None else self.patience,
            seed=seed,
            threads=1,
        )


def logits(trained: TrainedNetwork, samples: Samples) -> np.ndarray:
    """Logits (item, 1) of a trained network."""
    return outputs_of(trained.network, trained.parameters, samples, threads=1)


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Share of logits (item, 1) on the right side of 0; a logit of 0 counts as negative."""
    return float(np.mean((outputs[:, 0] > 0) == (targets > 0)))


def area_under_curve(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Area under the ROC curve of logits (item, 1).

    The probability that a positive item has a larger logit than a negative one, equal logits counting one half; NaN
    where one of the two kinds is missing.
    """
    is_positive = targets > 0
    n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(outputs[:, 0])[is_positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def attributes(sizes) -> dict:
    """Fields of a dataclass with the field `training`, in the form that attrs of a file have."""
    fields = asdict(sizes)
    training = {f"training_{name}": value for name, value in fields.pop("training").items() if value is not None}
    sizes = {f"sizes_{name}": np.array(v) if isinstance(v, tuple) else v for name, v in fields.items()}
    return sizes | training


def bag_samples(members: np.ndarray, is_positive: np.ndarray, table: np.ndarray) -> Samples:
    """Samples of bags with members (bag, place): rows of a table (instance, feature), or -1 for no instance."""
    is_there = members >= 0
    targets = is_positive.astype(np.float32)
    # places without an instance show the first one, which is ignored
    return Samples(np.where(is_there, members, 0), targets, None if is_there.all() else is_there, table)


def standardized(values: np.ndarray, mean: np.ndarray | float, deviation: np.ndarray | float) -> np.ndarray:
    """Values less a mean, over a deviation, as float32; where there is no deviation the scale stays."""
    return ((values - mean) / np.where(np.asarray(deviation) > 0, deviation, 1.0)).astype(np.float32)
