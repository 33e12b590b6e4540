"""Forecasts and classes where the best possible answer is known."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from assocmem.estimators import HopfieldClassifier, HopfieldForecaster
from assocmem.features import EluFeatures
from assocmem.learning.optimizers import AdamW, Cosine
from assocmem.networks import FeatureAssociation, WindowAssociation

RNG = np.random.default_rng(8)
STARTS = RNG.uniform(0, 2 * np.pi, 300)
WAVES = np.sin(STARTS[:, None] + 0.4 * np.arange(24)) * 3 + 10
FAST = {
    "embedding_size": 16,
    "n_epochs": 60,
    "batch_size": 64,
    "threads": 1,
    "optimizer": AdamW(0.01, schedule=Cosine()),
}


@pytest.mark.parametrize(
    "association", [None, WindowAssociation(2), FeatureAssociation(EluFeatures())], ids=["dense", "window", "linear"]
)
def test_waves_go_on(association):
    model = HopfieldForecaster(association, **FAST).fit(WAVES[:200, :16], WAVES[:200, 16:])
    assert model.predict(WAVES[200:, :16]).shape == (100, 8)
    assert model.score(WAVES[200:, :16], WAVES[200:, 16:]) > 0.9


def test_without_places_the_order_of_the_values_does_not_matter():
    model = HopfieldForecaster(has_places=False, **{**FAST, "n_epochs": 2}).fit(WAVES[:, :16], WAVES[:, 16:])
    np.testing.assert_allclose(model.predict(WAVES[:, :16]), model.predict(WAVES[:, 15::-1]), rtol=1e-4)


def test_classes_of_rings_are_found():
    radius = np.repeat([1.0, 2.0, 3.0], 150) + 0.1 * RNG.standard_normal(450)
    angle = RNG.uniform(0, 2 * np.pi, 450)
    X, y = np.c_[radius * np.cos(angle), radius * np.sin(angle)], np.repeat(["a", "b", "c"], 150)
    order = RNG.permutation(450)
    model = HopfieldClassifier(optimizer=AdamW(0.01), n_epochs=60, threads=1).fit(X[order[:300]], y[order[:300]])
    assert model.score(X[order[300:]], y[order[300:]]) > 0.95


def test_threads_do_not_change_a_bit():
    found = [
        HopfieldForecaster(**{**FAST, "n_epochs": 2, "threads": n})
        .fit(WAVES[:, :16], WAVES[:, 16:])
        .predict(WAVES[:, :16])
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(*found)


def test_places_must_be_true_or_false():
    with pytest.raises(TypeError, match="has_places must be True or False"):
        HopfieldForecaster(has_places="yes").fit(WAVES[:, :16], WAVES[:, 16:])
