"""Bad parameters and scores are refused in words."""

import numpy as np
import pytest

from assocmem.separations import (
    ConstrainedSparsemax,
    Entmax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
    associate,
)
from tests.separations.cases import ALL


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Entmax(0.99), "entmax_alpha must be >= 1, got 0.99"),
        (lambda: Entmax(np.nan), "entmax_alpha must be >= 1, got nan"),
        (lambda: Sparsemax(1.5), "entmax_alpha must be 2 for Sparsemax"),
        (lambda: Normmax(1.0), "gamma must be > 1, got 1.0"),
        (lambda: KSubsets(0), "k must be an integer >= 1, got 0"),
        (lambda: TopK(-2), "k must be an integer >= 1, got -2"),
        (lambda: SequentialKSubsets(2, transition=np.inf), "transition must be finite, got inf"),
        (lambda: ConstrainedSparsemax([0.2, 0.3]), "upper must add up to at least 1, got 0.5"),
        (lambda: ConstrainedSparsemax([1.0, -0.1]), "upper must be >= 0, got -0.1"),
        (lambda: ConstrainedSparsemax([1.0, np.nan]), "upper must be >= 0, got nan"),
        (lambda: Power(1), "order must be an integer >= 2, got 1"),
        (lambda: Exponential(0.0), "rate must be > 0, got 0.0"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make", [lambda: Entmax("2"), lambda: Normmax(True), lambda: KSubsets(2.0), lambda: TopK(True)]
)
def test_parameters_of_the_wrong_type(make):
    with pytest.raises(TypeError, match="must be"):
        make()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ALL)
def test_scores_that_are_no_numbers(name, bad):
    scores = np.zeros((3, 9))
    scores[1, 5] = bad
    with pytest.raises(ValueError, match=r"scores must be finite, or -inf as a mask, got NaN or inf in row 1 \(1 of 3"):
        ALL[name][0].weights(scores)


@pytest.mark.parametrize("separation", [Linear(), Power(4), Exponential()])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_elementwise_separations_have_no_masks(separation, bad):
    with pytest.raises(ValueError, match="scores must be finite"):
        separation.weights([0.0, bad])


@pytest.mark.parametrize("name", ["softmax", "sparsemax", "normmax 2", "3-subsets", "top 4", "constrained", "pairs"])
def test_scores_that_are_all_masked(name):
    with pytest.raises(ValueError, match="scores must"):
        ALL[name][0].weights(np.full(9, -np.inf))


@pytest.mark.parametrize(
    ("separation", "scores"),
    [
        (KSubsets(3), [0.0, 1.0, -np.inf, -np.inf]),
        (SequentialKSubsets(3), [0.0, 1.0, -np.inf, -np.inf]),
        (ConstrainedSparsemax([0.5, 0.4, 0.6]), [0.0, 1.0, -np.inf]),
    ],
)
def test_masks_that_leave_no_solution(separation, scores):
    with pytest.raises(ValueError, match="scores must leave a solution"):
        separation.weights(scores)


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="k must be at most the number of patterns, 4, got 5"):
        KSubsets(5).weights(np.zeros(4))
    with pytest.raises(ValueError, match=r"upper must have shape \(3,\) or \(2, 3\)"):
        ConstrainedSparsemax(np.ones((4, 3))).weights(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"scores must have shape \(..., pattern\)"):
        Softmax().weights(1.0)
    with pytest.raises(ValueError, match="at least one pattern"):
        Softmax().weights(np.zeros((2, 0)))
    with pytest.raises(ValueError, match="tangent must have the shape of the scores"):
        Softmax().jvp(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="weights must have the shape of the scores"):
        Softmax().jvp(np.zeros(3), np.zeros(3), weights=np.ones(1))
    with pytest.raises(ValueError, match="target must have the shape of the scores"):
        Softmax().loss(np.zeros(3), np.ones(1))


def test_scores_of_the_wrong_type():
    with pytest.raises(TypeError, match="scores must be real numbers, got dtype complex128"):
        Softmax().weights(np.zeros(3, dtype=complex))
    with pytest.raises(TypeError, match="-inf masks a score"):
        Softmax().weights(np.ma.masked_array([1.0, 2.0], [True, False]))


def test_weights_outside_of_the_domain():
    for separation in (Softmax(), Entmax(1.5), Normmax(2.0), TopK(2), ConstrainedSparsemax(np.ones(3))):
        with pytest.raises(ValueError, match="weights must be >= 0 with a sum of 1"):
            separation.negentropy(np.array([0.5, 0.6, -0.1]))
    with pytest.raises(ValueError, match="weights must be on at most k = 2 patterns, got 3"):
        TopK(2).negentropy(np.full(3, 1 / 3))
    with pytest.raises(ValueError, match="weights must be at most 1"):
        KSubsets(2).negentropy(np.array([1.5, 0.5]))
    with pytest.raises(ValueError, match="weights must be at most the upper bounds"):
        ConstrainedSparsemax([0.5, 0.5, 0.5]).negentropy(np.array([0.6, 0.4, 0.0]))
    with pytest.raises(ValueError, match="weights must be >= 0"):
        Power(3).negentropy(np.array([-1.0]))
    with pytest.raises(ValueError, match="order must be even or rectified"):
        Power(3, is_rectified=False).negentropy(np.ones(2))


def test_associations_that_do_not_fit():
    with pytest.raises(ValueError, match="beta must be > 0, got 0"):
        associate(Softmax(), np.zeros(3), np.zeros((2, 3)), beta=0)
    with pytest.raises(ValueError, match=r"cues must have shape \(..., 3\), got \(4,\)"):
        associate(Softmax(), np.zeros(4), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"patterns must be a matrix \(pattern, unit\)"):
        associate(Softmax(), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="values must have a row for each of the 2 patterns"):
        associate(Softmax(), np.zeros(3), np.zeros((2, 3)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="cues must be finite.* in row 1"):
        associate(Softmax(), [[0.0], [np.nan]], np.ones((2, 1)))
    with pytest.raises(ValueError, match="threads must be an integer >= 1, got 0"):
        associate(Softmax(), np.zeros(3), np.zeros((2, 3)), threads=0)
