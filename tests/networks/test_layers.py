"""Layers against their equations, SciPy and difference quotients."""

import numpy as np
import pytest
from scipy.stats import norm

from assocmem.networks import Chain, Context, Dropout, Flatten, Gelu, LayerNorm, LinearMap, Places, Relu, Vector
from tests.networks.gradients import check_layer, context

RNG = np.random.default_rng(1)
X = RNG.standard_normal((3, 4, 5))
LAYERS = [LinearMap(5, 3), LayerNorm(5), Gelu(), Relu(), Dropout(0.4), Flatten(), Places(4, 5)]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_gradient_of_a_layer(layer):
    check_layer(layer, X, is_training=True)


def test_gradient_of_a_chain():
    layers = {
        "a": LinearMap(5, 6, is_input=True),
        "b": LayerNorm(6),
        "c": Gelu(),
        "d": Flatten(),
        "e": LinearMap(24, 2),
    }
    check_layer(Chain(layers), X, has_input_gradient=False)


def test_linear_map_is_the_sum_over_inputs():
    parameters = LinearMap(5, 3).initial(RNG)
    y, _ = LinearMap(5, 3).forward(parameters, X, Context())
    expected = [[parameters["bias"][o] + sum(parameters["weights"][o, i] * x[i] for i in range(5)) for o in range(3)]
                for x in X.reshape(-1, 5)]  # fmt: skip
    np.testing.assert_allclose(y.reshape(-1, 3), expected, rtol=1e-13)


def test_layer_norm_standardises():
    y, _ = LayerNorm(5, epsilon=1e-12).forward({"gain": np.full(5, 2.0), "shift": np.full(5, 3.0)}, X, Context())
    np.testing.assert_allclose(y.mean(axis=-1), 3.0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=-1), 2.0, rtol=1e-9)  # epsilon


def test_gelu_is_x_times_the_normal_distribution_function():
    np.testing.assert_allclose(Gelu().forward({}, X, Context())[0], X * norm.cdf(X), rtol=1e-12)


def test_dropout_keeps_the_mean_in_training_and_all_units_otherwise():
    ones = np.ones((400, 500))
    y, _ = Dropout(0.3).forward({}, ones, context(is_training=True))
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert abs(y.mean() - 1) < 5 * np.sqrt(0.3 / 0.7 / ones.size)
    assert Dropout(0.3).forward({}, ones, context())[0] is ones


def test_a_linear_map_of_data_makes_no_gradient_in_it():
    _, pullback = LinearMap(5, 3, is_input=True).forward(LinearMap(5, 3).initial(RNG), X, Context())
    assert pullback(np.ones((3, 4, 3)))[0] is None


def test_parameters_are_views_of_their_vector():
    vector = Vector.of({"a": np.arange(6.0).reshape(2, 3), "b": np.array(7.0)}, np.float32)
    vector.arrays()["a"][1, 2] = 9
    assert vector.values.tolist() == [0, 1, 2, 3, 4, 9, 7]
    assert vector.values.dtype == np.float32


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_single_precision_stays_single(layer):
    parameters = Vector.of(layer.initial(RNG), np.float32).arrays()
    y, pullback = layer.forward(parameters, X.astype(np.float32), context(is_training=True))
    assert y.dtype == np.float32
    to_x, own = pullback(np.ones_like(y))
    assert {to_x.dtype, *(value.dtype for value in own.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearMap(0, 3), "n_in must be an integer >= 1, got 0"),
        (lambda: LinearMap(3, 1.5), "n_out must be an integer >= 1, got 1.5"),
        (lambda: LayerNorm(4, epsilon=0.0), "epsilon must be > 0, got 0.0"),
        (lambda: Dropout(1.0), r"rate must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_dropout_needs_a_generator():
    with pytest.raises(ValueError, match="rng must be given to a network with dropout or random masks"):
        Dropout(0.5).forward({}, X, Context(is_training=True))
