"""Closed forms of retrieval from variants against simulations of their own, and their limits."""

import math

import numpy as np
import pytest

from assocmem.analysis.variant_theory import (
    expected_map_accuracy,
    is_winner_nearest,
    pairwise_accuracy,
    pairwise_dot_accuracy,
)
from assocmem.variants import MaskedVariants, NoisyVariants

N = 40_000


def simulated(patterns, noise, bias, score, rng):
    """Fraction of cues of two patterns that `score` tells, cue by cue in plain NumPy."""
    origins = rng.integers(0, 2, N)
    cues = patterns[origins] + bias + noise * rng.standard_normal((N, patterns.shape[1]))
    scores = np.stack([score(cues, xi) for xi in patterns], axis=1)
    return (scores.argmax(axis=1) == origins).mean()


def band(accuracy):
    """Four standard errors of a fraction of N."""
    return 4 * math.sqrt(accuracy * (1 - accuracy) / N)


@pytest.mark.parametrize("has_bias", [False, True])
def test_pairwise_accuracy_is_that_of_a_simulation(has_bias, rng):
    patterns, noise, weights = rng.standard_normal((2, 8)), 1.2 * np.exp(0.5 * rng.standard_normal(8)), rng.random(8)
    bias, assumed = (rng.standard_normal((2, 8)) * 0.5) if has_bias else np.zeros((2, 8))
    expected = pairwise_accuracy(patterns, noise=noise, weights=weights, bias=bias, assumed_bias=assumed)
    found = simulated(patterns, noise, bias, lambda x, xi: -((x - xi - assumed) ** 2) @ weights, rng)
    assert abs(found - expected) < band(expected)


def test_pairwise_dot_accuracy_is_that_of_a_simulation(rng):
    patterns, noise = rng.standard_normal((2, 8)), np.exp(0.5 * rng.standard_normal(8))
    expected = pairwise_dot_accuracy(patterns, noise=noise)
    assert abs(simulated(patterns, noise, 0.0, lambda x, xi: x @ xi, rng) - expected) < band(expected)


def test_inverse_variances_are_the_best_weights(rng):
    patterns, noise, bias = rng.standard_normal((2, 8)), np.exp(rng.standard_normal(8)), rng.standard_normal(8)
    best = pairwise_accuracy(patterns, noise=noise, weights=1 / noise**2, bias=bias, assumed_bias=bias)
    half = 0.5 * math.sqrt(np.sum(np.diff(patterns, axis=0) ** 2 / noise**2))
    assert best == pytest.approx(0.5 * math.erfc(-half / math.sqrt(2)), rel=1e-13)
    for _ in range(50):
        weights = np.exp(0.3 * rng.standard_normal(8)) / noise**2
        other = pairwise_accuracy(
            patterns, noise=noise, weights=weights, bias=bias, assumed_bias=bias + 0.3 * rng.standard_normal(8)
        )
        assert other < best


def test_dot_equals_distance_for_patterns_of_one_norm(rng):
    patterns = rng.choice([-1.0, 1.0], (2, 9))
    found = pairwise_dot_accuracy(patterns, noise=2.0)
    assert found == pytest.approx(pairwise_accuracy(patterns, noise=2.0), rel=1e-13)


@pytest.mark.parametrize(("n_units", "noise", "masked"), [(32, 1.5, 0.0), (32, 0.6, 0.6), (4, 0.5, 0.3)])
def test_expected_accuracy_is_that_of_bayes_decisions(n_units, noise, masked):
    variants = MaskedVariants(masked, noise=noise) if masked else NoisyVariants(noise)
    found = []
    for seed in range(60):  # patterns anew each time: an average over patterns too
        patterns = np.random.default_rng(seed).standard_normal((64, n_units))
        cues, origins = variants.sample(patterns, 100, seed=seed)
        # a cue of which nothing is kept is decided by the order of the patterns, as often right as by chance
        found.append((variants.decide(cues, patterns) == origins).mean())
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - expected_map_accuracy(64, n_units, noise=noise, masked_fraction=masked)) < 4 * error


def test_two_patterns_on_average_agree_with_the_pairwise_form(rng):
    pairs = rng.standard_normal((4000, 2, 5))
    values = [pairwise_accuracy(pair, noise=1.3) for pair in pairs]
    expected = expected_map_accuracy(2, 5, noise=1.3)
    assert abs(np.mean(values) - expected) < 4 * np.std(values) / math.sqrt(len(values))


def test_limits_of_the_expected_accuracy():
    assert expected_map_accuracy(1, 5, noise=1.0, masked_fraction=0.5) == pytest.approx(1.0)
    assert expected_map_accuracy(50, 20, noise=1e-3) == pytest.approx(1.0)
    assert expected_map_accuracy(50, 3, noise=1e3) == pytest.approx(1 / 50, rel=0.01)  # of order 1 / noise
    assert expected_map_accuracy(4, 3, noise=1e-6, masked_fraction=0.5) == pytest.approx(1 - 0.75 / 8, rel=1e-4)


def test_winner_is_nearest_wherever_it_is_bound_to_be(rng):
    patterns = rng.standard_normal((6, 3))
    weights = rng.dirichlet(np.full(6, 0.3), size=4000)
    mixtures = weights @ patterns
    nearest = np.linalg.norm(mixtures[:, None] - patterns, axis=2).argmin(axis=1)
    is_bound, is_equal = is_winner_nearest(weights, patterns), nearest == weights.argmax(axis=1)
    assert np.all(is_equal[is_bound])
    assert is_bound.mean() > 0.1 and not is_equal.all()  # neither empty nor trivial


def test_the_bound_is_sharp_for_two_patterns():
    patterns = np.array([[0.0], [1.0]])
    np.testing.assert_array_equal(is_winner_nearest(np.array([[0.51, 0.49], [0.5, 0.5]]), patterns), [True, False])


PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pairwise_accuracy(np.ones((3, 2)), noise=1.0), "patterns must be two finite patterns"),
        (lambda: pairwise_accuracy(np.ones((2, 2)), noise=1.0), "patterns must differ"),
        (lambda: pairwise_accuracy(PAIR, noise=0.0), "noise must be > 0"),
        (lambda: pairwise_accuracy(PAIR, noise=np.ones(3)), "noise must be a number or have one for each of the 2"),
        (lambda: pairwise_accuracy(PAIR, noise=1.0, weights=0.0), "weights must not all be 0"),
        (lambda: expected_map_accuracy(0, 2, noise=1.0), "n_patterns must be an integer >= 1"),
        (lambda: expected_map_accuracy(2, 2, noise=-1.0), "noise must be > 0"),
        (lambda: expected_map_accuracy(2, 2, noise=1.0, masked_fraction=1.0), "masked_fraction must be in"),
        (lambda: is_winner_nearest(np.ones((1, 3)), PAIR), r"weights must have shape \(cue, 2\)"),
        (lambda: is_winner_nearest(np.ones((1, 1)), PAIR[:1]), "of at least two"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
