"""Regularisers, conjugates, losses and Jacobians: they fit together as convex duality says."""

import numpy as np
import pytest

from assocmem.separations import ConstrainedSparsemax, Entmax, KSubsets, Normmax, SequentialKSubsets, Softmax, TopK
from tests import naive_separations as naive
from tests.separations.cases import ALL, ELEMENTWISE, SCORES, UPPER

EVERY = {name: separation for name, (separation, _) in ALL.items()} | ELEMENTWISE
# scores at which no support is about to change
ROWS = 2.0 * np.random.default_rng(11).standard_normal((6, 9))
CONJUGATES = {
    "softmax": naive.softmax_conjugate,
    "entmax 1.5": lambda t: naive.entmax_conjugate(t, 1.5),
    "sparsemax": lambda t: naive.entmax_conjugate(t, 2.0),
    "entmax 1.000000001": lambda t: naive.entmax_conjugate(t, 1.0 + 1e-9),
    "entmax 1.25": lambda t: naive.entmax_conjugate(t, 1.25),
    "entmax 4.0": lambda t: naive.entmax_conjugate(t, 4.0),
    "normmax 2": lambda t: naive.normmax_conjugate(t, 2.0),
    "normmax 5": lambda t: naive.normmax_conjugate(t, 5.0),
    "3-subsets": lambda t: naive.k_subsets_conjugate(t, 3),
    "constrained": lambda t: naive.constrained_sparsemax_conjugate(t, UPPER),
    "top 4": lambda t: naive.top_k_softmax_conjugate(t, 4),
    "pairs": lambda t: naive.sequential_k_subsets(t, 2, 0.4)[1],
}


@pytest.mark.parametrize("kind", ["small", "unit", "large", "ties", "far from 0", "spread"])
@pytest.mark.parametrize("name", CONJUGATES)
def test_conjugates_are_those_of_exact_arithmetic(name, kind):
    expected = CONJUGATES[name](SCORES[kind])
    assert EVERY[name].conjugate(SCORES[kind]) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("name", EVERY)
def test_the_gradient_of_the_conjugate_are_the_weights(name):
    separation, h = EVERY[name], 1e-6
    steps = h * np.eye(9)
    if name == "neighbours":
        pytest.skip("its value of 1e8 leaves no digits for a difference quotient")
    slopes = [(separation.conjugate(ROWS + e) - separation.conjugate(ROWS - e)) / (2 * h) for e in steps]
    # truncation h^2, round-off eps |value| / h
    size = np.abs(separation.conjugate(ROWS)).max()
    np.testing.assert_allclose(np.transpose(slopes), separation.weights(ROWS), rtol=0, atol=1e-8 + 1e-9 * size)


@pytest.mark.parametrize("name", EVERY)
def test_fenchel_and_young_agree_at_the_weights_only(name):
    separation = EVERY[name]
    weights = separation.weights(ROWS)
    slack = 1e-7 if name == "neighbours" else 1e-12  # of a value of 1e8, or of values of order 1 to 1000
    np.testing.assert_allclose(separation.loss(ROWS, weights), 0.0, rtol=0, atol=slack * (1 + np.abs(weights).max()))
    others = weights[::-1]
    is_other = np.abs(others - weights).max(axis=1) > 1e-6
    assert np.all(separation.loss(ROWS, others)[is_other] > 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_the_gradient_of_the_loss_is_weights_less_target(name):
    separation, h = EVERY[name], 1e-6
    if name == "neighbours":
        pytest.skip("its value of 1e8 leaves no digits for a difference quotient")
    target = separation.weights(ROWS[::-1])
    slopes = [(separation.loss(ROWS + e, target) - separation.loss(ROWS - e, target)) / (2 * h) for e in h * np.eye(9)]
    size = np.abs(separation.conjugate(ROWS)).max()
    np.testing.assert_allclose(np.transpose(slopes), separation.weights(ROWS) - target, atol=1e-8 + 1e-9 * size)


@pytest.mark.parametrize("name", EVERY)
def test_jacobian_products_are_those_of_difference_quotients(name):
    separation = EVERY[name]
    for t in ROWS:
        jacobian = naive.jacobian(separation.weights, t)
        found = separation.jvp(np.broadcast_to(t, (9, 9)), np.eye(9)).T
        np.testing.assert_allclose(found, jacobian, rtol=1e-6, atol=2e-7)  # central differences with h = 1e-6
        cotangent = np.random.default_rng(0).standard_normal(9)
        np.testing.assert_allclose(separation.vjp(t, cotangent), cotangent @ jacobian, rtol=1e-6, atol=1e-6)


def test_products_are_adjoint(rng):
    for separation in EVERY.values():
        v, w = rng.standard_normal((2, *ROWS.shape))
        left, right = separation.jvp(ROWS, v), separation.vjp(ROWS, w)
        np.testing.assert_allclose((w * left).sum(axis=1), (right * v).sum(axis=1), rtol=1e-9, atol=1e-12)


def test_known_weights_need_not_be_found_again(rng):
    v = rng.standard_normal(ROWS.shape)
    for separation in EVERY.values():
        weights = separation.weights(ROWS)
        np.testing.assert_array_equal(separation.jvp(ROWS, v, weights=weights), separation.jvp(ROWS, v))


def test_derivatives_in_the_upper_bounds(rng):
    scores, upper = rng.standard_normal(9), 0.3 * rng.random(9) + 0.05

    def weights(bounds):
        return ConstrainedSparsemax(bounds).weights(scores)

    jacobian = naive.jacobian(weights, upper)
    separation = ConstrainedSparsemax(upper)
    assert 0 < np.count_nonzero(np.abs(jacobian).sum(axis=0)) < 9
    for e, column, row in zip(np.eye(9), jacobian.T, jacobian, strict=True):
        np.testing.assert_allclose(separation.jvp_upper(scores, e), column, atol=1e-8)
        np.testing.assert_allclose(separation.vjp_upper(scores, e), row, atol=1e-8)


@pytest.mark.parametrize(
    ("separation", "at_uniform"),
    [
        (Softmax(), -np.log(5)),
        (Entmax(1.5), -(1 - 5**-0.5) / 0.75),
        (Entmax(1.0 + 1e-12), -np.log(5)),
        (Entmax(2.0), -0.4),
        (Entmax(np.inf), 0.0),
        (Normmax(2.0), 5**-0.5 - 1),
        (Normmax(np.inf), -0.8),
        (TopK(5), -np.log(5)),
        (ConstrainedSparsemax(np.ones(5)), -0.4),
        (KSubsets(1), -0.4),
        (SequentialKSubsets(1), -0.4),
    ],
)
def test_negentropies_of_uniform_and_single_weights(separation, at_uniform):
    assert separation.negentropy(np.full(5, 0.2)) == pytest.approx(at_uniform, rel=1e-11, abs=1e-15)
    assert separation.negentropy(np.eye(5)[2]) == 0.0


def test_negentropies_are_those_of_exact_arithmetic(rng):
    p = rng.dirichlet(np.ones(6))
    for alpha in (1.0 + 1e-9, 1.2, 2.0, 7.0):
        assert Entmax(alpha).negentropy(p) == pytest.approx(naive.tsallis(p, alpha), rel=1e-13)
    for gamma in (1.01, 2.0, 30.0):
        assert Normmax(gamma).negentropy(p) == pytest.approx(naive.norm_negentropy(p, gamma), rel=1e-12)
    assert KSubsets(1).negentropy(p) == pytest.approx(naive.subset_negentropy(p, 1), rel=1e-13)


@pytest.mark.parametrize("transition", [-1.0, 0.7])
def test_the_regulariser_of_sequences_is_the_best_mixture(transition):
    separation = SequentialKSubsets(3, transition=transition)
    scores = np.random.default_rng(0).standard_normal((5, 6))
    mu, value = separation.evaluate(scores)
    # Fenchel-Young equality at the solution
    np.testing.assert_allclose(separation.negentropy(mu), (scores * mu).sum(axis=1) - value, rtol=0, atol=1e-12)


def test_losses_are_exactly_zero_beyond_the_margin():
    for separation in (Entmax(1.5), Entmax(2.0), Normmax(2.0), Normmax(5.0)):
        scores = np.array([1e4 + separation.margin, 1e4, -1e4])
        assert separation.loss(scores, np.array([1.0, 0.0, 0.0])) == 0.0


def test_margins_are_those_of_the_paper():
    margins = [Entmax(1.5).margin, Entmax(2.0).margin, Normmax(3.0).margin, Softmax().margin, Entmax(1.0).margin]
    assert margins == [2.0, 1.0, 1.0, np.inf, np.inf]
    assert SequentialKSubsets(2, two_state_regularizer=True).margin == 2.0
