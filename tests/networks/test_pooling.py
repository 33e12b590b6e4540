"""Post-transformations as layers, and pooling without projections or cues, against loops and difference quotients."""

import numpy as np
import pytest

from assocmem.networks import (
    Chain,
    Context,
    Gelu,
    HopfieldPooling,
    MaxAssociation,
    MeanAssociation,
    Normalization,
    PurePooling,
    Relu,
    SeparationAssociation,
)
from assocmem.separations import KSubsets, Normmax, Softmax, Sparsemax
from assocmem.transformations import L2Normalization, LayerNormalization, RMSNormalization, Tanh
from tests.networks.gradients import check_layer

RNG = np.random.default_rng(5)
BAGS = RNG.standard_normal((3, 6, 8))
IS_THERE = np.arange(6) < np.array([6, 2, 4])[:, None]
TRANSFORMATIONS = {
    "l2": L2Normalization(1.7),
    "RMS": RMSNormalization(0.6),
    "layer norm": LayerNormalization(1.3, -0.4),
    "layer norm with epsilon": LayerNormalization(0.8, 0.2, epsilon=0.3),
}
SEPARATIONS = {"softmax": Softmax(), "sparsemax": Sparsemax(), "normmax": Normmax(2.0), "3-subsets": KSubsets(3)}
CONTROLS = [MeanAssociation(), MaxAssociation()]


def pytest_ids(mapping):
    return {"argvalues": list(mapping.values()), "ids": list(mapping)}


@pytest.mark.parametrize("transformation", **pytest_ids(TRANSFORMATIONS))
def test_normalization_is_the_transformation(transformation):
    states, _ = Normalization(transformation).forward({}, BAGS, Context())
    np.testing.assert_allclose(states, transformation.apply(BAGS), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("transformation", **pytest_ids(TRANSFORMATIONS))
def test_gradient_of_normalization(transformation):
    check_layer(Normalization(transformation), BAGS)


@pytest.mark.parametrize("name", ["l2", "RMS", "layer norm"])
def test_no_gradient_along_the_vector_where_length_has_no_effect(name):
    _, pullback = Normalization(TRANSFORMATIONS[name]).forward({}, BAGS, Context())
    to_x, _ = pullback(RNG.standard_normal(BAGS.shape))
    np.testing.assert_allclose((to_x * BAGS).sum(axis=-1), 0, atol=1e-13)  # a sum of 8 products of order 1


@pytest.mark.parametrize("name", ["l2", "RMS", "layer norm"])
def test_vectors_without_direction_become_the_shift_and_pass_no_gradient(name):
    transformation = TRANSFORMATIONS[name]
    states, pullback = Normalization(transformation).forward({}, np.zeros((2, 4)), Context())
    np.testing.assert_array_equal(states, transformation.gain_shift_epsilon(4)[1])
    np.testing.assert_array_equal(pullback(np.ones((2, 4)))[0], 0)


def test_normalization_keeps_float32():
    states, pullback = Normalization(LayerNormalization()).forward({}, BAGS.astype(np.float32), Context())
    assert states.dtype == np.float32
    assert pullback(states)[0].dtype == np.float32


def test_normalization_takes_normalizations_only():
    with pytest.raises(TypeError, match="transformation must be one of L2Normalization, LayerNormalization"):
        Normalization(Tanh())


@pytest.mark.parametrize("transformation", [None, *TRANSFORMATIONS.values()], ids=["none", *TRANSFORMATIONS])
@pytest.mark.parametrize("separation", **pytest_ids(SEPARATIONS))
def test_gradient_of_pure_pooling(separation, transformation):
    normalization = None if transformation is None else Normalization(transformation)
    layer = PurePooling(8, 2, SeparationAssociation(separation, 0.4), normalization, n_cues=2)
    check_layer(layer, BAGS, is_there=IS_THERE)


@pytest.mark.parametrize("separation", [Softmax(), Sparsemax(), Normmax(5.0)], ids=str)
def test_pure_pooling_is_one_update_in_each_head(separation):
    post, beta = L2Normalization(), 3.0
    layer = PurePooling(8, 2, SeparationAssociation(separation, beta), Normalization(post))
    cues = RNG.standard_normal((1, 8))
    states, _ = layer.forward({"cues": cues}, BAGS, Context(IS_THERE))
    for b in range(3):
        for units in (slice(0, 4), slice(4, 8)):
            patterns, cue = post.apply(BAGS[b][IS_THERE[b], units]), post.apply(cues[0, units])
            expected = post.apply(patterns.T @ separation.weights(beta * patterns @ cue))
            np.testing.assert_allclose(states[b, 0, units], expected, rtol=1e-12, atol=1e-14)


def test_pure_pooling_of_a_pattern_with_a_margin_is_that_pattern():
    # sparsemax has margin 1: with a cue along a pattern whose score is 1 above all others that pattern is retrieved
    patterns = np.eye(5)[None]
    layer = PurePooling(5, 1, SeparationAssociation(Sparsemax(), 1.0), Normalization(L2Normalization()))
    states, _ = layer.forward({"cues": patterns[0, 2:3]}, patterns, Context())
    np.testing.assert_array_equal(states[0, 0], patterns[0, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_units": 0}, "n_units must be"),
        ({"n_units": 6, "n_heads": 4}, "n_heads must divide n_units = 6, got 4"),
        ({"n_units": 6, "association": Softmax()}, "association must be an Association"),
        ({"n_units": 6, "normalization": L2Normalization()}, "normalization must be a Normalization or None"),
    ],
)
def test_pure_pooling_checks_its_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PurePooling(**arguments)


@pytest.mark.parametrize("association", CONTROLS, ids=str)
@pytest.mark.parametrize("is_there", [None, IS_THERE], ids=["all", "some"])
def test_gradient_of_pooling_without_cues(association, is_there):
    check_layer(HopfieldPooling(8, n_heads=2, association=association, n_cues=2), BAGS, is_there=is_there)


@pytest.mark.parametrize("association", CONTROLS, ids=str)
def test_pooling_without_cues_is_the_mean_or_maximum_of_what_is_there(association):
    reduce = {MeanAssociation: np.mean, MaxAssociation: np.max}[type(association)]
    cues = RNG.standard_normal((2, 8))
    evoked, _ = association.forward(cues, BAGS, BAGS, IS_THERE[:, None, :], Context())
    for b in range(3):
        for cue in range(2):
            expected = [reduce([BAGS[b, k, u] for k in range(6) if IS_THERE[b, k]]) for u in range(8)]
            np.testing.assert_allclose(evoked[b, cue], expected, rtol=1e-14)


def test_the_first_of_equal_maxima_has_the_gradient():
    values = np.zeros((1, 3, 2))
    _, pullback = MaxAssociation().forward(np.ones((1, 2)), values, values, None, Context())
    np.testing.assert_array_equal(pullback(np.ones((1, 1, 2)))[2][0], [[1, 1], [0, 0], [0, 0]])


def test_networks_are_described_alike_in_every_process():
    chain = Chain({"a": Relu(), "b": Gelu(), "c": HopfieldPooling(4, association=MaxAssociation())})
    assert " at 0x" not in repr(chain)
