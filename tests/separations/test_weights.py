"""Weights: against exact arithmetic, by their optimality conditions, at the margin and at the extremes."""

import numpy as np
import pytest

from assocmem.separations import (
    ConstrainedSparsemax,
    Entmax,
    KSubsets,
    Normmax,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
)
from tests import naive_separations as naive
from tests.separations.cases import ALL, BOUNDED, ELEMENTWISE, ON_SIMPLEX, SCORES

SIZES = [(n, scale) for n in (1, 7, 64) for scale in (0.05, 1.0, 30.0)]


def random_scores(n, scale, rows=4):
    return scale * np.random.default_rng(n).standard_normal((rows, n))


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("name", ALL)
def test_weights_are_those_of_exact_arithmetic(name, kind):
    separation, oracle = ALL[name]
    if name in ("pairs", "neighbours") and kind == "masked":
        pytest.skip("the oracle of sequences has no masks")
    expected = oracle(SCORES[kind])
    # the differences of scores near 1e4 have an error of 1e-12 themselves, which the slopes of some maps multiply
    rounding = 1e-11 if kind in ("far from 0", "below 0", "spread") else 1e-14
    np.testing.assert_allclose(separation.weights(SCORES[kind]), expected, rtol=0, atol=rounding)


@pytest.mark.parametrize("alpha", [1.0, 1.0 + 1e-6, 1.1, 1.5, 1.8, 2.0, 3.0, 30.0])
@pytest.mark.parametrize(("n", "scale"), SIZES)
def test_entmax_satisfies_its_optimality_conditions(alpha, n, scale):
    scores = random_scores(n, scale)
    for t, p in zip(scores, Entmax(alpha).weights(scores), strict=True):
        assert naive.kkt_violation_entmax(t, p, alpha) < 1e-12  # relative to one unit of scores or weights


@pytest.mark.parametrize("gamma", [1.01, 1.5, 2.0, 5.0, 30.0])
@pytest.mark.parametrize(("n", "scale"), SIZES)
def test_normmax_satisfies_its_optimality_conditions(gamma, n, scale):
    scores = random_scores(n, scale)
    for t, p in zip(scores, Normmax(gamma).weights(scores), strict=True):
        assert naive.kkt_violation_normmax(t, p, gamma) < 1e-12


@pytest.mark.parametrize("k", [1, 2, 5, 40])
@pytest.mark.parametrize(("n", "scale"), SIZES)
def test_subsets_satisfy_their_optimality_conditions(k, n, scale):
    scores = random_scores(n, scale)
    if k > n:
        pytest.skip("no such subsets")
    for t, mu in zip(scores, KSubsets(k).weights(scores), strict=True):
        assert naive.kkt_violation_capped(t, mu, 1.0, k) < 1e-12 * k


@pytest.mark.parametrize("slack", [1.0, 1.5, 20.0])
@pytest.mark.parametrize(("n", "scale"), SIZES)
def test_bounded_weights_satisfy_their_optimality_conditions(slack, n, scale):
    scores = random_scores(n, scale)
    upper = np.random.default_rng(7).random(scores.shape)
    upper *= slack / upper.sum(axis=1, keepdims=True)
    for t, u, p in zip(scores, upper, ConstrainedSparsemax(upper).weights(scores), strict=True):
        assert naive.kkt_violation_capped(t, p, u, 1.0) < 1e-12


@pytest.mark.parametrize("k", [1, 2, 3, 10, 64, 200])
def test_the_k_largest_are_found_whatever_their_order(k):
    base = np.arange(200.0) / 10.0
    for scores in (base, base[::-1], np.random.default_rng(k).permutation(base)):
        support = np.flatnonzero(TopK(k).weights(scores))
        np.testing.assert_array_equal(support, np.sort(np.argsort(scores)[-k:]))


def test_of_equal_scores_the_first_are_kept():
    np.testing.assert_array_equal(TopK(3).weights([1.0, 2.0, 1.0, 2.0, 1.0]) > 0, [True, True, False, True, False])


# one-hot results


@pytest.mark.parametrize(
    "separation", [Entmax(1.25), Entmax(1.5), Sparsemax(), Entmax(3.0), Normmax(2.0), Normmax(5.0)]
)
def test_weights_are_exactly_one_hot_from_the_margin_on(separation, rng):
    scores = rng.uniform(-50, -separation.margin, (50, 12))
    scores[:, 4], scores[:, 7] = 0.0, -separation.margin
    np.testing.assert_array_equal(separation.weights(scores), np.broadcast_to(np.arange(12) == 4, scores.shape))
    scores[:, 7] += 1e-3
    assert np.all(separation.weights(scores)[:, 4] < 1.0)
    assert np.all(separation.weights(scores)[:, 7] > 0.0)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_subsets_are_exact_from_the_margin_on(k, rng):
    scores = rng.uniform(-1.0, 3.0, (50, 12))
    scores[:, k:] = rng.uniform(-9.0, -2.0, (50, 12 - k))
    scores[:, 0], scores[:, k] = -1.0, -2.0
    np.testing.assert_array_equal(KSubsets(k).weights(scores), np.broadcast_to(np.arange(12) < k, scores.shape))
    scores[:, k] += 1e-3
    assert np.all(KSubsets(k).weights(scores)[:, k] > 0.0)


# limits


def test_entmax_is_continuous_at_softmax(rng):
    scores = 5.0 * rng.standard_normal((20, 50))
    for distance in (1e-3, 1e-6, 1e-9, 1e-13):
        found = Entmax(1.0 + distance).weights(scores)
        # the difference is linear in alpha - 1, with squares of gaps (at most about 35) in its coefficient
        np.testing.assert_allclose(found, Softmax().weights(scores), rtol=0, atol=100 * distance + 1e-14)


def test_one_of_one_subset_is_sparsemax(rng):
    scores = rng.standard_normal((20, 30))
    np.testing.assert_allclose(KSubsets(1).weights(scores), Sparsemax().weights(scores), rtol=0, atol=1e-15)


def test_normmax_tends_to_equal_weights_on_the_support_of_sparsemax(rng):
    scores = rng.standard_normal((20, 30))
    is_in = Sparsemax().weights(scores) > 0
    np.testing.assert_allclose(Normmax(np.inf).weights(scores), is_in / is_in.sum(axis=1, keepdims=True), rtol=1e-15)


def test_entmax_of_infinite_exponent_is_the_argmax():
    np.testing.assert_array_equal(Entmax(np.inf).weights([0.0, 3.0, 1.0, 3.0]), [0.0, 0.5, 0.0, 0.5])
    np.testing.assert_array_equal(Entmax(np.inf).weights([0.0, -0.0, -1e-300]), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("alpha", [1e3, 1e6, 1e15, 1e300])
def test_huge_exponents_share_ties_and_nothing_else(alpha):
    np.testing.assert_allclose(Entmax(alpha).weights([2.0, 1.0, 2.0, 2.0]), [1 / 3, 0, 1 / 3, 1 / 3], rtol=1e-15)


@pytest.mark.parametrize("is_two_state", [False, True])
def test_subsets_of_a_sequence_without_transitions_are_subsets(is_two_state, rng):
    scores = rng.standard_normal((10, 9))
    separation = SequentialKSubsets(3, two_state_regularizer=is_two_state)
    expected = KSubsets(3).weights(scores / separation.curvature)
    np.testing.assert_allclose(separation.weights(scores), expected, rtol=0, atol=1e-13)


# invariances and types


@pytest.mark.parametrize("name", ALL)
def test_a_shift_of_all_scores_changes_nothing(name):
    separation = ALL[name][0]
    scores = np.array(SCORES["unit"]).round(3)  # so that the shift is exact
    np.testing.assert_allclose(separation.weights(scores + 1024.0), separation.weights(scores), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ALL | ELEMENTWISE)
def test_single_precision_stays_single_and_agrees(name):
    separation = ELEMENTWISE[name] if name in ELEMENTWISE else ALL[name][0]
    scores = np.array(SCORES["unit"], dtype=np.float32)
    found = separation.weights(scores)
    assert found.dtype == np.float32
    # computed in float64 and rounded once, or (powers) a few times
    np.testing.assert_allclose(found, separation.weights(scores.astype(float)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_results_do_not_depend_on_threads_or_rows(name):
    separation = ALL[name][0]
    scores = np.random.default_rng(1).standard_normal((20_000, 9))
    whole = separation.weights(scores, threads=3)
    np.testing.assert_array_equal(whole, separation.weights(scores, threads=1))
    np.testing.assert_array_equal(whole[137:139], separation.weights(scores[137:139]))


@pytest.mark.parametrize("name", BOUNDED | {"softmax": None, "sparsemax": None, "normmax 5": None})
def test_masked_patterns_have_no_weight(name):
    separation = ALL[name][0]
    scores = np.random.default_rng(5).standard_normal((30, 9))
    mask = np.random.default_rng(6).random(scores.shape) < 0.3
    mask[:, [0, 2, 4, 5]] = False
    found = separation.weights(np.where(mask, -np.inf, scores))
    assert np.all(found[mask] == 0.0)
    np.testing.assert_allclose(found.sum(axis=1), separation.total, rtol=1e-12)
    np.testing.assert_allclose(found, separation.weights(np.where(mask, -1e9, scores)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(9,), (2, 3, 9), (0, 9), (2, 0, 9)])
def test_any_number_of_dimensions_goes(shape):
    scores = np.random.default_rng(2).standard_normal(shape)
    for separation, _ in ALL.values():
        found, value = separation.evaluate(scores)
        assert found.shape == shape and value.shape == shape[:-1]


def test_scores_are_not_changed(rng):
    scores = rng.standard_normal((4, 9))
    before = scores.copy()
    for separation, _ in ALL.values():
        separation.weights(scores)
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("name", ON_SIMPLEX)
def test_relabelled_patterns_have_relabelled_weights(name, rng):
    scores, order = rng.standard_normal((5, 40)), rng.permutation(40)
    separation = ON_SIMPLEX[name][0]
    # sums in another order
    np.testing.assert_allclose(separation.weights(scores[:, order]), separation.weights(scores)[:, order], atol=1e-14)


def test_bounds_of_each_row_stay_with_their_rows_on_threads():
    rng = np.random.default_rng(0)
    separation = ConstrainedSparsemax(0.3 * rng.random((2000, 64)))
    scores, tangent = rng.standard_normal((2, 2000, 64))
    one, three = (separation.jvp(scores, tangent, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    last = ConstrainedSparsemax(separation.upper[-1]).jvp(scores[-1], tangent[-1])
    np.testing.assert_array_equal(one[-1], last)
