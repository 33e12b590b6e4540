"""Associations and Hopfield layers against double loops, models of the package and difference quotients."""

import numpy as np
import pytest

from assocmem.features import EluFeatures, PositiveRandomFeatures, ReluFeatures
from assocmem.networks import (
    Context,
    FeatureAssociation,
    HopfieldAssociation,
    HopfieldMemory,
    HopfieldPooling,
    SeparationAssociation,
    WindowAssociation,
)
from assocmem.networks.associations import selected
from assocmem.separations import Entmax, KSubsets, Normmax, Softmax, Sparsemax
from tests.networks.gradients import check_layer, context

RNG = np.random.default_rng(3)
CUES, KEYS, VALUES = (RNG.standard_normal(shape) for shape in [(2, 3, 4), (2, 7, 4), (2, 7, 5)])
BAGS = RNG.standard_normal((3, 6, 4))
IS_THERE = np.arange(6) < np.array([6, 2, 4])[:, None]
ASSOCIATIONS = {
    "softmax": SeparationAssociation(Softmax(), 0.7),
    "sparsemax": SeparationAssociation(Sparsemax(), 0.7),
    "entmax": SeparationAssociation(Entmax(1.5), 0.7),
    "normmax": SeparationAssociation(Normmax(2.0), 0.7),
    "3-subsets": SeparationAssociation(KSubsets(3), 0.3),
    "top half": SeparationAssociation(Softmax(), 0.7, top_share=0.5),
    "random half": SeparationAssociation(Softmax(), 0.7, masked_share=0.5),
    "linear": FeatureAssociation(EluFeatures(), 0.7),
    "positive features": FeatureAssociation(PositiveRandomFeatures(11, seed=2), 0.7),
    "relu features": FeatureAssociation(ReluFeatures(11, seed=2), 0.7),
    "window": WindowAssociation(2, Softmax(), 0.7),
}


def pytest_ids(mapping):
    return {"argvalues": list(mapping.values()), "ids": list(mapping)}


@pytest.mark.parametrize("association", **pytest_ids({k: v for k, v in ASSOCIATIONS.items() if k != "window"}))
def test_gradient_of_pooling(association):
    layer = HopfieldPooling(4, n_heads=2, head_size=3, association=association, n_cues=2)
    check_layer(layer, BAGS, is_there=IS_THERE)


@pytest.mark.parametrize("association", **pytest_ids(ASSOCIATIONS))
def test_gradient_of_self_association(association):
    check_layer(HopfieldAssociation(4, n_heads=2, association=association), BAGS, is_there=IS_THERE)


@pytest.mark.parametrize("association", **pytest_ids({k: v for k, v in ASSOCIATIONS.items() if k != "window"}))
def test_gradient_of_learned_memory(association):
    check_layer(HopfieldMemory(4, n_heads=2, association=association, n_patterns=7), BAGS[:, 0])


def test_softmax_association_is_the_double_loop():
    y, _ = SeparationAssociation(Softmax(), 0.7).forward(CUES, KEYS, VALUES, None, Context())
    for b in range(2):
        for i in range(3):
            raw = np.array([np.exp(0.7 * sum(CUES[b, i, u] * KEYS[b, k, u] for u in range(4))) for k in range(7)])
            expected = sum(raw[k] * VALUES[b, k] for k in range(7)) / raw.sum()
            np.testing.assert_allclose(y[b, i], expected, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in ASSOCIATIONS if name != "random half"])
def test_missing_keys_have_no_influence(name):
    association = ASSOCIATIONS[name]
    cues, keys, values = (RNG.standard_normal((2, 7, 4)) for _ in range(3))
    is_there = np.arange(7)[None, :] < np.array([[7], [5]])
    whole, _ = association.forward(cues, keys, values, is_there[:, None, :], context())
    part, _ = association.forward(cues[1:, :5], keys[1:, :5], values[1:, :5], None, context())
    np.testing.assert_allclose(whole[1, :5], part[0], rtol=1e-12, atol=1e-14)


def test_feature_association_is_the_double_loop():
    features = PositiveRandomFeatures(11, seed=2)
    y, _ = FeatureAssociation(features, 0.7).forward(CUES, KEYS, VALUES, None, Context())
    for b in range(2):
        for i in range(3):
            raw = [features(np.sqrt(0.7) * CUES[b, i]) @ features(np.sqrt(0.7) * KEYS[b, k]) for k in range(7)]
            expected = sum(r * value for r, value in zip(raw, VALUES[b], strict=True)) / sum(raw)
            np.testing.assert_allclose(y[b, i], expected, rtol=1e-12)


def test_window_is_the_softmax_over_near_keys():
    cues, keys, values = (RNG.standard_normal((2, 9, 4)) for _ in range(3))
    y, _ = WindowAssociation(2, Softmax(), 0.7).forward(cues, keys, values, None, Context())
    for b in range(2):
        for i in range(9):
            near = [j for j in range(9) if abs(i - j) <= 2]
            raw = np.exp(0.7 * np.array([cues[b, i] @ keys[b, j] for j in near]))
            expected = sum(r * values[b, j] for r, j in zip(raw, near, strict=True)) / raw.sum()
            np.testing.assert_allclose(y[b, i], expected, rtol=1e-12)


def test_the_widest_window_is_dense():
    cues, keys, values = (RNG.standard_normal((2, 6, 4)) for _ in range(3))
    wide, _ = WindowAssociation(5, Softmax(), 0.7).forward(cues, keys, values, None, Context())
    dense, _ = SeparationAssociation(Softmax(), 0.7).forward(cues, keys, values, None, Context())
    np.testing.assert_allclose(wide, dense, rtol=1e-12)


def test_selection_takes_the_share_rounded_down_and_at_least_one():
    scores = np.arange(15.0)[None] + np.zeros((2, 1))
    is_there = np.stack([np.ones(15, bool), np.arange(15) < 3])
    assert np.count_nonzero(selected(scores, is_there, 0.2), axis=1).tolist() == [3, 1]
    assert np.flatnonzero(selected(scores, is_there, 0.2)[0]).tolist() == [12, 13, 14]


def test_a_random_mask_keeps_the_exact_share():
    keys = RNG.standard_normal((1, 10, 4))
    association = SeparationAssociation(Softmax(), 1.0, masked_share=0.8)
    _, pullback = association.forward(CUES[:1], keys, keys, None, context())
    to_values = pullback(np.ones((1, 3, 4)))[2]
    assert np.count_nonzero(to_values[0, :, 0]) <= 3 * 2
    assert to_values.sum() == pytest.approx(12)  # all weights of 3 cues, for 4 units


def test_sets_of_more_keys_than_there_are_take_all_of_them():
    y, _ = SeparationAssociation(KSubsets(9), 1.0).forward(CUES, KEYS, VALUES, None, Context())
    np.testing.assert_allclose(y, np.broadcast_to(VALUES.sum(axis=1, keepdims=True), y.shape), rtol=1e-13)


def test_values_are_projections_of_projected_keys():
    layer = HopfieldPooling(4, n_heads=1, n_cues=1)
    parameters = layer.initial(RNG)
    y, _ = layer.forward(parameters, BAGS[:1, :1], Context())  # one instance has all the weight
    x = BAGS[0, 0]
    for name in ("key", "value", "out"):
        x = parameters[f"{name}.weights"] @ x + parameters[f"{name}.bias"]
    np.testing.assert_allclose(y[0, 0], x, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SeparationAssociation(top_share=0.0), r"top_share must be in \(0, 1\], got 0.0"),
        (lambda: SeparationAssociation(masked_share=1.0), r"masked_share must be in \[0, 1\), got 1.0"),
        (lambda: SeparationAssociation(top_share=0.5, masked_share=0.5), "masked_share must be None"),
        (lambda: SeparationAssociation(beta=0.0), "beta must be > 0, got 0.0"),
        (lambda: SeparationAssociation("softmax"), "separation must be a Separation, got 'softmax'"),
        (lambda: WindowAssociation(-1), "radius must be an integer >= 0, got -1"),
        (lambda: HopfieldPooling(5, n_heads=2), "n_heads must divide n_units = 5 without head_size, got 2"),
        (lambda: HopfieldPooling(4, n_cues=0), "n_cues must be an integer >= 1, got 0"),
        (lambda: HopfieldMemory(4, n_patterns=0), "n_patterns must be an integer >= 1, got 0"),
        (lambda: HopfieldPooling(4, association="softmax"), "association must be an Association"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_window_must_fit_the_sequence():
    with pytest.raises(ValueError, match="radius must be below the length 6 of the sequence, got 6"):
        WindowAssociation(6).forward(BAGS, BAGS, BAGS, None, Context())
    with pytest.raises(ValueError, match="keys must be as many as the cues, 3, in a window, got 7"):
        WindowAssociation(1).forward(CUES, KEYS, VALUES, None, Context())
