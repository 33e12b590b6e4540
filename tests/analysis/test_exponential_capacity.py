"""The random energy model against direct sums over random patterns, closed forms and limits."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import norm

from assocmem.analysis.exponential_capacity import (
    critical_gain,
    exact_retrieval_probability,
    exponential_capacity,
    extreme_value_probability,
    nearest_probability,
    overlap_cost,
    retrieval_probability,
    typical_capacity,
)

ENSEMBLES = ("sphere", "signs")


def random_overlaps(ensemble, n_units, shape, rng):
    """Overlaps of random patterns with a direction, from the patterns themselves."""
    x = rng.standard_normal((*shape, n_units))
    if ensemble == "signs":
        return np.sign(x).mean(axis=-1)
    return x[..., 0] / np.linalg.norm(x, axis=-1)


def band(rate, n):
    """Four standard errors of a share."""
    return 4 * np.sqrt(max(rate * (1 - rate), 1 / n) / n)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("n_patterns", "n_units", "gain"), [(30, 15, 2.0), (12, 20, 0.6), (60, 24, 1.0), (2, 8, 1.0)])
def test_retrieval_is_as_likely_as_among_random_patterns(ensemble, n_patterns, n_units, gain):
    n = 4000
    overlaps = random_overlaps(ensemble, n_units, (n, n_patterns - 1), np.random.default_rng(n_patterns))
    others = np.exp(gain * n_units * (overlaps - 0.5)).sum(axis=1)
    measured = np.mean(1 / (1 + others) >= 0.7)
    found = retrieval_probability(n_patterns, n_units, gain=gain, overlap=0.5, weight=0.7, ensemble=ensemble)
    # near a jump of the distribution for signs the series is within 0.01
    assert abs(found - measured) < band(measured, n) + 0.01 * (ensemble == "signs")


def test_one_other_pattern_has_the_law_of_an_overlap():
    level = 0.3 + np.log(0.25) / (1.5 * 12)  # where the relative weight is (1 - 0.8) / 0.8
    t = np.linspace(-1, level, 200001)
    density = (1 - t**2) ** ((12 - 3) / 2)
    whole = np.linspace(-1, 1, 200001)
    expected = np.trapezoid(density, t) / np.trapezoid((1 - whole**2) ** ((12 - 3) / 2), whole)
    assert retrieval_probability(2, 12, gain=1.5, overlap=0.3, weight=0.8) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_half_of_the_typical_number_is_retrieved(ensemble):
    law = {"gain": 0.8, "overlap": 0.5, "ensemble": ensemble, "weight": 0.7}
    number = typical_capacity(40, probability=0.3, **law)
    assert retrieval_probability(number, 40, **law) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("gain", [0.2, 1.5])
def test_the_rate_is_the_limit_of_the_exact_numbers(ensemble, gain):
    law = {"gain": gain, "overlap": 0.5, "ensemble": ensemble}
    numbers = [np.log(typical_capacity(n, weight=0.7, **law)) for n in (400, 800)]
    # powers of N before the exponential change the logarithm of the number by log(2) / 2 at most
    assert (numbers[1] - numbers[0]) / 400 == pytest.approx(exponential_capacity(**law), abs=0.5 * np.log(2) / 400)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
def test_the_rate_is_the_best_of_all_overlaps(ensemble, gain):
    """alpha solves max over I(t) <= alpha of (alpha - I(t) + g t) = g m, here by a search over t."""

    def log_sum(alpha):
        t = np.linspace(0, 0.999, 20001)
        cost = np.array([overlap_cost(value, ensemble=ensemble) for value in t[::20]])
        cost = np.interp(t, t[::20], cost)
        return np.max((alpha - cost + gain * t)[cost <= alpha]) - gain * 0.6

    alpha = exponential_capacity(gain, 0.6, ensemble=ensemble)
    assert log_sum(alpha) == pytest.approx(0, abs=2e-3 * gain)  # the grid, near the largest overlap
    assert log_sum(alpha + 0.02) > 0 > log_sum(alpha - 0.02)


def test_spread_sums_are_their_means():
    """Below the critical gain the rate is g m less the logarithm of the mean of exp(g N t) per unit."""
    gain, overlap, n_units = 0.4, 0.7, 4000
    assert exponential_capacity(gain, overlap, ensemble="signs") == pytest.approx(
        gain * overlap - np.log(np.cosh(gain)), abs=1e-12
    )
    t = np.linspace(-1, 1, 200003)[1:-1]
    log_density = (n_units - 3) / 2 * np.log1p(-t * t)
    log_mean = logsumexp(log_density + gain * n_units * t) - logsumexp(log_density)
    # a power of N before the exponential would be 0.002
    assert exponential_capacity(gain, overlap) == pytest.approx(gain * overlap - log_mean / n_units, abs=2e-4)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_beyond_the_critical_gain_the_rate_is_the_capacity_of_the_channel(ensemble):
    critical = critical_gain(0.5, ensemble=ensemble)
    cost = overlap_cost(0.5, ensemble=ensemble)
    assert exponential_capacity(1.001 * critical, 0.5, ensemble=ensemble) == cost
    assert exponential_capacity(0.999 * critical, 0.5, ensemble=ensemble) == pytest.approx(cost, abs=1e-6)
    assert exponential_capacity(0.8 * critical, 0.5, ensemble=ensemble) < cost - 1e-4
    best = minimize_scalar(
        lambda g: -exponential_capacity(g, 0.5, ensemble=ensemble), bounds=(0.01, critical), method="bounded"
    )
    assert best.x == pytest.approx(critical, rel=1e-3)


def test_costs_are_channel_capacities():
    snr = 1 / 3  # cosine 1/2
    assert overlap_cost(0.5) == pytest.approx(0.5 * np.log(1 + snr), abs=1e-15)
    flip = 0.25
    entropy = -flip * np.log(flip) - (1 - flip) * np.log(1 - flip)
    assert overlap_cost(0.5, ensemble="signs") == pytest.approx(np.log(2) - entropy, abs=1e-15)


def test_a_cue_that_is_the_pattern_has_the_threshold_of_lucibello_and_mezard():
    """On the sphere t* solves g = t / (1 - t^2), and alpha = g (1 - t) - log(1 - t^2) / 2."""
    t = 0.8
    gain = t / (1 - t**2)
    assert exponential_capacity(gain, 1.0) == pytest.approx(gain * (1 - t) - 0.5 * np.log(1 - t**2), abs=1e-12)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("n_patterns", "margin"), [(2, 0.0), (20, 0.0), (20, 2.0), (5, 4.0)])
def test_exact_retrieval_is_as_likely_as_the_margin(ensemble, n_patterns, margin):
    n, n_units, gain = 4000, 16, 1.0
    overlaps = random_overlaps(ensemble, n_units, (n, n_patterns - 1), np.random.default_rng(7))
    measured = np.mean(gain * n_units * (0.5 - overlaps.max(axis=1)) >= margin - 1e-9)
    law = {"gain": gain, "overlap": 0.5, "margin": margin}
    found = exact_retrieval_probability(n_patterns, n_units, ensemble=ensemble, **law)
    assert abs(found - measured) < band(measured, n)


def test_the_nearest_of_patterns_wins_with_ties_at_random():
    n, n_units, n_patterns = 8000, 8, 6
    rng = np.random.default_rng(3)
    overlaps = random_overlaps("signs", n_units, (n, n_patterns - 1), rng)
    n_equal = np.sum(overlaps == 0.5, axis=1)
    measured = np.mean((overlaps.max(axis=1) <= 0.5) / (1 + n_equal))
    found = nearest_probability(n_patterns, n_units, overlap=0.5, ensemble="signs")
    assert abs(found - measured) < band(measured, n)
    assert n_equal.any()
    smooth = exact_retrieval_probability(9, 8, gain=1.0, overlap=0.5, margin=0.0)
    assert nearest_probability(9, 8, overlap=0.5) == pytest.approx(smooth, abs=1e-12)


def test_extreme_values_are_those_of_normal_products():
    """P(all of n normal numbers below x), to which the Gumbel law converges like 1 / log n."""
    law = {"gain": 1.0, "overlap": 0.06, "margin": 0.0}
    expected = norm.cdf(0.06 * np.sqrt(3600)) ** (4000 - 1)
    assert extreme_value_probability(4000, 3600, products="normal", **law) == pytest.approx(expected, abs=0.03)
    exact = exact_retrieval_probability(4000, 3600, **law)
    assert exact == pytest.approx(expected, abs=0.01)  # overlaps of 3600 units are all but normal


@pytest.mark.parametrize("overlap", [0.65, 0.7, 0.75])
def test_extreme_values_on_a_sphere_of_few_units_need_its_own_tail(overlap):
    law = {"gain": 1.0, "overlap": overlap, "margin": 0.0}
    exact = exact_retrieval_probability(3000, 20, **law)
    assert extreme_value_probability(3000, 20, **law) == pytest.approx(exact, abs=0.04)
    assert extreme_value_probability(3000, 20, products="normal", **law) < exact - 0.04


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (overlap_cost, {"overlap": 1.0}, r"overlap must be in \[0, 1\), got 1.0"),
        (overlap_cost, {"overlap": 0.5, "ensemble": "cube"}, "ensemble must be one of sphere, signs, got 'cube'"),
        (exponential_capacity, {"gain": 0.0, "overlap": 0.5}, "gain must be > 0"),
        (exponential_capacity, {"gain": 1.0, "overlap": 1.5}, r"overlap must be in \[0, 1\], got 1.5"),
        (
            retrieval_probability,
            {"n_patterns": 0, "n_units": 9, "gain": 1.0, "overlap": 0.5},
            "n_patterns must be >= 1, got 0",
        ),
        (
            retrieval_probability,
            {"n_patterns": 3, "n_units": 2, "gain": 1.0, "overlap": 0.5},
            "n_units must be an integer >= 3",
        ),
        (
            retrieval_probability,
            {"n_patterns": 3, "n_units": 9, "gain": 1.0, "overlap": 0.5, "weight": 1.0},
            r"weight must be in \(0, 1\), got 1.0",
        ),
        (
            typical_capacity,
            {"n_units": 9, "gain": 0.1, "overlap": 0.1, "weight": 0.9},
            "probability must be at most that with two patterns, .*, got 0.5",
        ),
        (
            exact_retrieval_probability,
            {"n_patterns": 3, "n_units": 9, "gain": 1.0, "overlap": 0.5, "margin": -1.0},
            "margin must be >= 0, got -1.0",
        ),
        (
            extreme_value_probability,
            {"n_patterns": 2, "n_units": 9, "gain": 1.0, "overlap": 0.5, "margin": 0.0},
            "n_patterns must be > 2, got 2",
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_bad_arguments_are_refused(function, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        function(**arguments)
