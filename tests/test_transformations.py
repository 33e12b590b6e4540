"""Post-transformations: gradients of their conjugates, and projections where they say so."""

import numpy as np
import pytest

from assocmem.transformations import Identity, L2Normalization, LayerNormalization, RMSNormalization, Sign, Tanh
from tests import naive_fenchel_young as naive

PAIRS = {
    "identity": (Identity(), naive.identity_post()),
    "sign": (Sign(), naive.sign_post()),
    "tanh": (Tanh(1.7), naive.tanh_post(1.7)),
    "l2": (L2Normalization(2.5), naive.l2_post(2.5)),
    "rms": (RMSNormalization(0.4), naive.rms_post(0.4)),
    "layer": (LayerNormalization(1.5, -0.5), naive.layer_norm_post(1.5, -0.5)),
    "layer, epsilon": (LayerNormalization(1.5, 0.5, 0.1), naive.layer_norm_post(1.5, 0.5, 0.1)),
}
MIXTURES = 3.0 * np.random.default_rng(4).standard_normal((8, 7))


@pytest.mark.parametrize("name", PAIRS)
def test_states_are_those_of_double_loops(name):
    post, oracle = PAIRS[name]
    np.testing.assert_allclose(post.apply(MIXTURES), [oracle.apply(z) for z in MIXTURES], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_states_are_the_gradient_of_the_conjugate(name):
    post, h = PAIRS[name][0], 1e-6
    slopes = [(post.conjugate(MIXTURES + h * e) - post.conjugate(MIXTURES - h * e)) / (2 * h) for e in np.eye(7)]
    np.testing.assert_allclose(np.transpose(slopes), post.apply(MIXTURES), rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", PAIRS)
def test_fenchel_and_young_agree_at_the_state_and_nowhere_else(name):
    post = PAIRS[name][0]
    states = post.apply(MIXTURES)
    gap = post.potential(states) + post.conjugate(MIXTURES) - (states * MIXTURES).sum(axis=1)
    np.testing.assert_allclose(gap, 0.0, rtol=0, atol=1e-12)
    others = states[::-1]
    assert np.all(post.potential(others) + post.conjugate(MIXTURES) - (others * MIXTURES).sum(axis=1) > 1e-3)


@pytest.mark.parametrize("name", PAIRS)
def test_projections_change_nothing_twice(name):
    post = PAIRS[name][0]
    once = post.apply(MIXTURES)
    is_same = np.allclose(post.apply(once), once, rtol=1e-14, atol=1e-14)
    assert is_same == (name not in ("tanh", "layer, epsilon"))


@pytest.mark.parametrize("name", ["sign", "tanh", "l2", "rms", "layer", "layer, epsilon"])
def test_states_outside_of_the_domain_have_no_potential(name):
    post = PAIRS[name][0]
    assert np.isfinite(post.potential(post.apply(MIXTURES))).all()
    assert np.all(np.isinf(post.potential(10.0 * MIXTURES)))


def test_mixtures_without_a_direction():
    np.testing.assert_array_equal(L2Normalization().apply(np.zeros(4)), np.zeros(4))
    np.testing.assert_array_equal(RMSNormalization(2.0).apply(np.zeros(4)), np.zeros(4))
    np.testing.assert_array_equal(LayerNormalization(2.0, 0.5).apply(np.full(4, 0.3)), np.full(4, 0.5))
    np.testing.assert_array_equal(Sign().apply(np.array([0.0, -0.0, 2.0, -1e-300])), [0.0, 0.0, 1.0, -1.0])


def test_single_precision_stays_single():
    for post, _ in PAIRS.values():
        found = post.apply(MIXTURES.astype(np.float32))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, post.apply(MIXTURES), rtol=2e-6, atol=2e-6)


def test_any_number_of_dimensions_goes():
    for post, _ in PAIRS.values():
        block = MIXTURES.reshape(2, 4, 7)
        np.testing.assert_array_equal(post.apply(block), post.apply(MIXTURES).reshape(2, 4, 7))
        assert post.potential(post.apply(block)).shape == post.conjugate(block).shape == (2, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tanh(0.0), "gain must be > 0, got 0.0"),
        (lambda: L2Normalization(-1.0), "radius must be > 0, got -1.0"),
        (lambda: RMSNormalization(np.nan), "gain must be finite, got nan"),
        (lambda: LayerNormalization(gain=0.0), "gain must be > 0, got 0.0"),
        (lambda: LayerNormalization(shift=np.inf), "shift must be finite, got inf"),
        (lambda: LayerNormalization(epsilon=-1e-5), "epsilon must be >= 0, got -1e-05"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
