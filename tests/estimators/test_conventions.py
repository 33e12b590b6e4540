"""Estimators pass the checks of scikit-learn where they apply."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from assocmem.estimators import AdaptiveHopfieldClassifier, HopfieldClassifier, HopfieldForecaster
from assocmem.learning.optimizers import AdamW

FAST = {"embedding_size": 16, "threads": 1, "optimizer": AdamW(0.01), "dtype": "float64"}
ESTIMATORS = [
    HopfieldClassifier(n_epochs=30, batch_size=32, n_patterns=8, **FAST),
    HopfieldForecaster(n_epochs=60, batch_size=32, **FAST),
    AdaptiveHopfieldClassifier(threads=1),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
