"""Theory of nonparametric Hopfield models: bounds that hold without exception, and those of the paper that do not."""

import math

import numpy as np
import pytest

from assocmem.analysis.nonparametric_theory import (
    capacity_bound,
    contraction_factor,
    dense_multiply_adds,
    feature_multiply_adds,
    keeps_ball,
    pattern_separation,
    published_multiply_adds,
    retrieval_error_bound,
    separation_at,
    separation_radius,
    window_multiply_adds,
)

X = np.array([[0.38, 2.71], [3.07, -1.76], [-2.22, -1.08]])


def retrieved(state, patterns, visible, beta):
    scores = beta * patterns[visible] @ state
    weights = np.exp(scores - scores.max())
    return weights @ patterns[visible] / weights.sum()


def random_cases(n):
    """Patterns, a state in the ball around one of them, and visible patterns that include it."""
    rng = np.random.default_rng(4)
    for _ in range(n):
        n_patterns, d = rng.integers(2, 9), rng.integers(1, 8)
        patterns = rng.standard_normal((n_patterns, d)) * rng.uniform(0.3, 3)
        target = int(rng.integers(n_patterns))
        direction = rng.standard_normal(d)
        state = patterns[target] + rng.uniform() * separation_radius(patterns) * direction / np.linalg.norm(direction)
        visible = np.union1d(rng.permutation(n_patterns)[: rng.integers(n_patterns + 1)], target).astype(int)
        yield patterns, target, state, visible, float(rng.uniform(0.05, 5))


# separations


def test_separations_are_gaps_of_products():
    patterns, state = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 2.0]]), np.array([0.5, 0.25])
    np.testing.assert_allclose(pattern_separation(patterns), [0.5, -0.5, 3.0])
    assert separation_at(state, patterns, 1) == pytest.approx(0.375 - 0.5)
    assert separation_at(state, patterns, 1, visible=[1]) == math.inf
    assert separation_at(patterns[2], patterns, 2, visible=[0, 2]) == 4.0
    assert separation_radius(patterns) == pytest.approx(0.5 * math.sqrt(0.5))


def test_the_separation_at_a_pattern_is_that_of_the_pattern():
    found = [separation_at(X[mu], X, mu) for mu in range(3)]
    np.testing.assert_allclose(found, pattern_separation(X), rtol=1e-15)


# errors


def test_the_tight_and_the_proved_bound_hold_and_the_stated_one_does_not():
    broken = {"tight": 0, "proved": 0, "stated": 0}
    for patterns, target, state, visible, beta in random_cases(2000):
        error = np.linalg.norm(retrieved(state, patterns, visible, beta) - patterns[target])
        for form in broken:
            bound = retrieval_error_bound(state, patterns, target, beta=beta, visible=visible, form=form)
            broken[form] += error > bound * (1 + 1e-12) + 1e-14  # rounding of states of size 1
    assert broken["tight"] == broken["proved"] == 0
    assert broken["stated"] > 10


def test_the_counterexample_to_the_stated_bound():
    state = np.array([2.11, 1.2])
    assert np.linalg.norm(state - X[0]) <= separation_radius(X)
    error = np.linalg.norm(retrieved(state, X, np.arange(3), 2.0) - X[0])
    stated = retrieval_error_bound(state, X, 0, beta=2.0, form="stated")
    largest = math.hypot(3.07, 1.76)
    gap = (0.38 * 2.11 + 2.71 * 1.2) - (0.38 * 3.07 - 2.71 * 1.76)
    assert stated == pytest.approx(4 * largest * math.exp(-2 * gap), rel=1e-12)
    assert stated == pytest.approx(3.2e-6, rel=0.02)
    assert error == pytest.approx(3.397, abs=5e-4)


def test_a_single_visible_pattern_is_retrieved_exactly():
    assert retrieval_error_bound([2.0, 1.0], X, 0, beta=0.1, visible=[0]) == 0.0


def test_the_tight_bound_is_the_smaller_one_of_those_proved_with_all_patterns():
    state = X[0] + 0.1
    tight, proved = (retrieval_error_bound(state, X, 0, beta=1.0, form=form) for form in ("tight", "proved"))
    assert tight == pytest.approx(proved, rel=1e-14)  # 2 (M - 1) = M + k - 2 for k = M
    pair = retrieval_error_bound(state, X, 0, beta=1.0, visible=[0, 2])
    assert pair < retrieval_error_bound(state, X, 0, beta=1.0, visible=[0, 2], form="proved")


# convergence


def test_jacobians_are_below_the_contraction_factor():
    rng = np.random.default_rng(0)
    for _ in range(200):
        patterns, state, beta = rng.standard_normal((6, 4)), rng.standard_normal(4), rng.uniform(0.1, 3)
        p = np.exp(beta * patterns @ state)
        p /= p.sum()
        jacobian = beta * patterns.T @ (np.diag(p) - np.outer(p, p)) @ patterns
        assert np.linalg.norm(jacobian, 2) <= contraction_factor(patterns, beta=beta) * (1 + 1e-12)


def test_the_contraction_factor_is_reached_by_a_pair():
    patterns = np.array([[1.5], [-1.5]])  # at x = 0 the slope is beta m^2, and sigma^2 = 2 m^2
    assert contraction_factor(patterns, beta=0.3) == pytest.approx(0.3 * 1.5**2, rel=1e-14)


def test_updates_contract_to_one_point_below_one():
    rng = np.random.default_rng(1)
    patterns = rng.standard_normal((6, 4))
    beta = 0.9 / contraction_factor(patterns, beta=1.0)
    one, other = rng.standard_normal((2, 4))
    for _ in range(20):
        before = np.linalg.norm(one - other)
        one, other = (retrieved(y, patterns, np.arange(6), beta) for y in (one, other))
        assert np.linalg.norm(one - other) <= 0.9 * before * (1 + 1e-12)


def test_balls_that_pass_the_condition_are_kept():
    rng = np.random.default_rng(2)
    patterns = 3 * np.linalg.qr(rng.standard_normal((20, 12)))[0].T
    radius, beta, n_kept = 0.3, 2.0, 0
    for mu in np.flatnonzero(keeps_ball(patterns, radius, beta=beta)):
        directions = rng.standard_normal((200, 20))
        states = patterns[mu] + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        for state in states:
            assert np.linalg.norm(retrieved(state, patterns, np.arange(12), beta) - patterns[mu]) <= radius
        n_kept += 1
    assert n_kept == 12
    assert not np.any(keeps_ball(patterns, radius, beta=0.3))


def test_with_the_radius_of_the_paper_the_condition_is_next_to_empty():
    rng = np.random.default_rng(3)
    for _ in range(200):
        patterns = rng.standard_normal((5, 10))
        patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
        closest = np.argmin(pattern_separation(patterns))
        assert not keeps_ball(patterns, separation_radius(patterns), beta=1e6)[closest]
    antipodal = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(keeps_ball(antipodal, 0.999, beta=1e6), True)


def test_the_condition_is_its_formula():
    patterns, r, beta, k = 2 * np.eye(4), 0.2, 1.7, 3
    threshold = math.log((4 + k - 2) * 2 / r) / beta + 2 * 2 * r
    assert threshold < 4
    np.testing.assert_array_equal(keeps_ball(patterns, r, beta=beta, n_visible=k), True)
    edge = math.log((4 + k - 2) * 2 / r) / (4 - 2 * 2 * r)  # the beta at which it is 4
    assert keeps_ball(patterns, r, beta=edge * 1.001, n_visible=k).all()
    assert not keeps_ball(patterns, r, beta=edge * 0.999, n_visible=k).any()


# capacity


@pytest.mark.parametrize(
    ("d", "m", "beta", "k", "expected"),
    [
        (20, math.sqrt(57), 1.0, 2, (0.642665, 2.4, 1.8822, 0.637764)),
        (20, 3 * math.sqrt(19), 1.0, 5, (1.04526, 7.2, 3.24139, 8.43288)),
        (75, math.sqrt(222), 1.0, 10, (0.319031, 2.4, 2.18266, 59053.4)),
        (75, 9.0, 4.0, 100, (0.421225, 3.5027, 2.5676, 1.19191e6)),
        (75, 9.0, 4.0, 1, (-0.0138731, 3.5027, 3.11809, 4.33456e7)),
    ],
)
def test_the_capacity_bound_has_known_values(d, m, beta, k, expected):
    # evaluated independently with Lambert's function to six digits
    found = capacity_bound(d, largest_norm=m, beta=beta, failure_probability=1e-3, n_visible=k, radius=1.0)
    np.testing.assert_allclose((found.a, found.b, found.growth, found.capacity), expected, rtol=1e-5)
    assert math.log(found.growth) + found.a == pytest.approx(found.b / found.growth, rel=1e-12)


def test_capacity_grows_with_beta_and_norm_and_falls_with_what_is_visible():
    start = {"largest_norm": 9.0, "beta": 1.0, "failure_probability": 1e-3, "n_visible": 10, "radius": 1.0}

    def capacity(n_units=75, **change):
        return capacity_bound(n_units, **(start | change)).capacity

    assert capacity(beta=2.0) > capacity()
    assert capacity(largest_norm=12.0) > capacity()
    assert capacity(n_visible=20) < capacity()
    # an exponent of Lambert's function beyond the range of floats
    assert math.isfinite(capacity_bound(2, **(start | {"n_visible": 10**90})).growth)


# costs


def test_costs_are_counts():
    assert dense_multiply_adds(7, 5, 3) == sum(2 * 3 for _ in range(7 * 5))
    for length, radius in ((10, 0), (10, 2), (10, 9), (100, 10)):
        pairs = sum(abs(i - j) <= radius for i in range(length) for j in range(length))
        assert window_multiply_adds(length, radius, 4) == 2 * 4 * pairs
    # features of 3 units, 8 of them: projections, then sums and mixtures of 3 values and a norm
    assert feature_multiply_adds(7, 5, 3, 8) == 12 * 8 * 3 + 12 * 8 * 4
    assert feature_multiply_adds(7, 5, 3, 3, has_projections=False) == 12 * 3 * 4


@pytest.mark.parametrize(
    ("length", "radius", "dense", "window"),
    [(24, 4, 172_034, 137_214), (336, 14, 15_826_256, 3_433_256), (2880, 48, 1_073_796_480, 73_136_480)],
)
def test_published_costs_are_those_counted_in_the_published_layers(length, radius, dense, window):
    # counted by fvcore, which rounds to three digits
    assert published_multiply_adds(length) == pytest.approx(dense, rel=1e-3)
    assert published_multiply_adds(length, radius=radius) == pytest.approx(window, rel=1e-3)


# bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: separation_radius(X[:1]), r"patterns must be a matrix \(pattern, unit\) of at least 2"),
        (lambda: pattern_separation(np.full((2, 2), np.nan)), "patterns must be finite, got 4 other values"),
        (lambda: separation_at([1.0], X, 0), r"state must have shape \(2,\), got \(1,\)"),
        (lambda: separation_at([1.0, 0.0], X, 3), "target must be a visible pattern, got 3"),
        (lambda: separation_at([1.0, 0.0], X, 0, visible=[1]), "target must be a visible pattern, got 0"),
        (lambda: separation_at([1.0, 0.0], X, 0, visible=[0, 5]), "visible must be numbers of the 3 patterns"),
        (lambda: retrieval_error_bound(X[0], X, 0, beta=0.0), "beta must be > 0, got 0.0"),
        (lambda: retrieval_error_bound(X[0], X, 0, beta=1.0, form="loose"), "form must be one of .* got 'loose'"),
        (lambda: keeps_ball(X, 100.0, beta=1.0), "radius must be at most half of the least distance"),
        (lambda: keeps_ball(X, 0.1, beta=1.0, n_visible=0), "n_visible must be an integer >= 1, got 0"),
        (lambda: window_multiply_adds(5, 5, 2), "radius must be below the length 5, got 5"),
        (
            lambda: capacity_bound(9, largest_norm=1, beta=1, failure_probability=1.0, n_visible=2, radius=1),
            r"failure_probability must be in \(0, 1\), got 1.0",
        ),
        (
            lambda: capacity_bound(1, largest_norm=1, beta=1, failure_probability=0.1, n_visible=2, radius=1),
            "n_units must be an integer >= 2, got 1",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
