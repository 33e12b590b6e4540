"""Softmax of rows: against exact arithmetic, at the extremes, and with bits that depend on nothing but the row."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from assocmem.jit import compile_loop
from assocmem.kernels.reductions import LANES, padded
from assocmem.kernels.softmax import legacy_softmax, softmax, weigh
from tests import naive_cdam

EPS = 2.0**-52


def softmax_loop():
    def loop(block, n, beta):
        softmax(block, n, beta)

    return loop


def legacy_loop():
    def loop(block, n, beta):
        legacy_softmax(block, n, beta)

    return loop


def either_loop():
    def loop(block, n, beta, is_legacy):
        weigh(block, n, beta, is_legacy)

    return loop


def weights_of(scores, beta=1.0, factory=softmax_loop, fill=7.0):
    """Weights (row, n) of scores (row, n), from a block with something else in its padding."""
    n = scores.shape[1]
    block = np.full((len(scores), padded(n)), fill)
    block[:, :n] = scores
    compile_loop(factory)(block, n, beta)
    np.testing.assert_array_equal(block[:, n:], np.where(np.isnan(block[:, :1]), np.nan, 0.0) * np.ones(padded(n) - n))
    return block[:, :n]


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 16, 30, 46])
def test_weights_are_right_to_the_last_places(n, rng):
    scores = rng.normal(0.0, 20.0, size=(5, n))
    expected = [naive_cdam.exact_softmax(row) for row in scores]
    # differences of scores up to 100 are rounded by eps 100 / 2, and so are the weights relatively
    np.testing.assert_allclose(weights_of(scores), expected, rtol=100 * EPS)


def test_weights_near_the_largest_are_right_however_large_the_scores(rng):
    scores = 1e5 + rng.integers(-4, 5, size=(4, 30)) * 0.25  # exact numbers: nothing is rounded but the exponentials
    expected = [naive_cdam.exact_softmax(row) for row in scores]
    np.testing.assert_allclose(weights_of(scores), expected, rtol=8 * EPS)  # exp 2 ulp, sum of 30, quotient


@pytest.mark.parametrize("beta", [1e-3, 0.6, 40.0])
def test_beta_multiplies_the_scores(beta, rng):
    scores = rng.normal(0.0, 1.0, size=(3, 11))
    expected = [naive_cdam.exact_softmax(beta * row) for row in scores]
    # products of up to 40 x 3 are rounded once here and once in the oracle
    np.testing.assert_allclose(weights_of(scores, beta), expected, rtol=200 * EPS)


@pytest.mark.parametrize("size", [1e5, 1e300])
def test_scores_of_any_size_give_weight_to_the_largest(size):
    scores = np.array([[-size, size, 0.0, -size], [size, -size, -size, size]])
    np.testing.assert_array_equal(weights_of(scores), [[0, 1, 0, 0], [0.5, 0, 0, 0.5]])


@pytest.mark.parametrize("n", [1, 3, 8, 30])
def test_equal_scores_share_the_weight(n):
    scores = np.array([[-1e5], [0.0], [1e5]]) * np.ones(n)
    np.testing.assert_allclose(weights_of(scores), 1.0 / n, rtol=EPS)  # one rounding of 1 / n


def test_minus_infinity_masks():
    scores = np.array([[0.0, -np.inf, 0.0, -np.inf], [-np.inf, -1e5, -np.inf, -np.inf]])
    np.testing.assert_array_equal(weights_of(scores), [[0.5, 0, 0.5, 0], [0, 1, 0, 0]])


def test_rows_without_weights_are_nan_and_leave_the_others_alone(rng):
    scores = rng.normal(size=(6, 13))
    spoilt = scores.copy()
    spoilt[1], spoilt[3, 4], spoilt[4, 12] = -np.inf, np.nan, np.nan
    weights = weights_of(spoilt)
    assert np.all(np.isnan(weights[[1, 3, 4]]))
    np.testing.assert_array_equal(weights[[0, 2, 5]], weights_of(scores)[[0, 2, 5]])


@pytest.mark.parametrize("split", [1, 2, 5, 17])
def test_a_row_has_the_same_bits_in_every_batch(split, rng):
    scores = rng.normal(0.0, 10.0, size=(17, 30))
    parts = [weights_of(part) for part in np.array_split(scores, split)]
    np.testing.assert_array_equal(np.concatenate(parts), weights_of(scores))


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, 1e308])
def test_padding_does_not_matter(fill, rng):
    scores = rng.normal(size=(3, 11))
    np.testing.assert_array_equal(weights_of(scores, fill=fill), weights_of(scores))


def test_weights_sum_to_one(rng):
    weights = weights_of(rng.normal(0.0, 3.0, size=(50, 46)))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=50 * EPS)  # a sum of 46 rounded terms


def test_blocks_of_other_widths_become_nan():
    block = np.zeros((2, LANES + 1))
    compile_loop(softmax_loop)(block, 3, 1.0)
    assert np.all(np.isnan(block))
    block = np.zeros((2, LANES))
    compile_loop(softmax_loop)(block, LANES + 1, 1.0)
    assert np.all(np.isnan(block))


def test_other_types_are_refused():
    with pytest.raises(TypingError, match="rows need a C-contiguous float64 or float32 array"):
        compile_loop(softmax_loop)(np.zeros((2, LANES), dtype=np.int64), 3, 1.0)


@pytest.mark.parametrize(
    "scores",
    [[0.0, 1.0, -2.0], [-40.0, -50.0, -60.0], [-1e5, -1e5, -36.0], [800.0, 1.0, 900.0], [709.0, 709.5, -1e9]],
    ids=str,
)
def test_legacy_softmax_is_the_published_one(scores):
    weights = weights_of(np.array([scores]), factory=legacy_loop)
    np.testing.assert_allclose(weights[0], naive_cdam.legacy_softmax(scores), rtol=10 * EPS)  # exp 2 ulp, sum


def test_legacy_weights_of_very_low_scores_are_all_one():
    np.testing.assert_array_equal(weights_of(np.full((1, 30), -100.0), factory=legacy_loop), 1.0)


def test_the_kind_is_chosen_by_a_number(rng):
    scores = rng.normal(0.0, 30.0, size=(3, 8))
    for is_legacy, factory in ((0, softmax_loop), (1, legacy_loop)):
        block = scores.copy()
        compile_loop(either_loop)(block, 8, 1.0, is_legacy)
        np.testing.assert_array_equal(block, weights_of(scores, factory=factory))
