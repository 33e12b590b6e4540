"""Proportions and capacities against SciPy, made-up curves, and memories whose capacity is known."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from assocmem.analysis.capacity import (
    Criterion,
    capacity_curve,
    capacity_threshold,
    extrapolated_capacity,
    overlap_criterion,
)
from assocmem.analysis.proportions import grouped_proportion, wilson_interval


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (450, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_interval_is_that_of_scipy(k, n, confidence):
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose(wilson_interval(k, n, confidence=confidence), expected, atol=1e-12)


def test_without_trials_nothing_is_known():
    assert wilson_interval(0, 0) == (0, 1)


def test_independent_trials_in_groups_count_nearly_in_full():
    rng = np.random.default_rng(0)
    successes = rng.binomial(50, 0.4, 400)
    rate, low, high, effective = grouped_proportion(successes, np.full(400, 50))
    assert rate == successes.sum() / 20000
    assert effective > 0.85 * 20000  # the ratio of variances of 400 groups scatters by 7 %
    assert low < 0.4 < high


def test_groups_that_succeed_or_fail_as_a_whole_count_as_one_trial_each():
    successes = np.repeat([0, 50], [60, 40])
    rate, low, high, effective = grouped_proportion(successes, np.full(100, 50))
    # of 99 free differences, by the 1 % that Student's t is wider
    assert effective == pytest.approx(99 * (norm.isf(0.025) / student.isf(0.025, 99)) ** 2, rel=0.005)
    np.testing.assert_allclose([low, high], wilson_interval(0.4 * effective, effective), atol=1e-12)
    assert grouped_proportion(np.full(7, 50), np.full(7, 50))[3] == 7


@pytest.mark.parametrize("n_groups", [3, 5, 30])
def test_grouped_intervals_cover(n_groups):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        rates = rng.beta(3, 2, n_groups)
        _, low, high, _ = grouped_proportion(rng.binomial(20, rates), np.full(n_groups, 20))
        covered += low <= 0.6 <= high
    assert covered / 400 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)


def test_groups_are_checked_one_by_one():
    with pytest.raises(ValueError, match="n_successes must be from 0 to n_trials"):
        grouped_proportion([3, 0], [1, 5])


def signs(n_units):
    return lambda n, seed: np.sign(np.random.default_rng(seed).standard_normal((n, n_units)))


def made_up(n_units, midpoint, width):
    """A system that retrieves each pattern with a probability that is known."""

    def recall(patterns, cues, seed):
        p = 1 / (1 + np.exp((len(patterns) / n_units - midpoint) / width))
        return cues * np.where(np.random.default_rng(seed).random((len(cues), 1)) < p, 1.0, -1.0)

    return recall


def test_a_made_up_threshold_is_found():
    numbers = [2, 4, 6, 8, 10, 12, 14, 16]
    curve = capacity_curve(made_up(100, 0.09, 0.02), numbers, make_patterns=signs(100), width=0.05, most_sets=400)
    found = capacity_threshold(curve)
    assert abs(float(found.threshold) - 0.09) < 4 * float(found.threshold_error) < 0.02
    assert abs(float(found.slope_width) - 0.02) < 4 * float(found.slope_width_error)
    other = capacity_threshold(curve, probability=0.8)
    assert float(other.threshold) == pytest.approx(0.09 - 0.02 * np.log(4), abs=0.006)
    assert np.all((curve.high - curve.low).values <= 0.1)


def made_up_exponential(n_units, rate, width):
    """A system that retrieves each of exp(a n_units) patterns with a probability that is known."""

    def recall(patterns, cues, seed):
        p = 1 / (1 + np.exp((np.log(len(patterns)) / n_units - rate) / width))
        return cues * np.where(np.random.default_rng(seed).random((len(cues), 1)) < p, 1.0, -1.0)

    return recall


def test_a_made_up_threshold_is_found_on_the_scale_of_logarithms():
    numbers = [2, 4, 8, 16, 32, 64, 128, 256]
    settings = {"make_patterns": signs(20), "width": 0.05, "most_sets": 400, "n_cues": 20}
    curve = capacity_curve(made_up_exponential(20, 0.15, 0.03), numbers, **settings)
    found = capacity_threshold(curve, scale="log")
    assert abs(float(found.threshold) - 0.15) < 4 * float(found.threshold_error) < 0.03
    assert abs(float(found.slope_width) - 0.03) < 4 * float(found.slope_width_error)
    assert found.threshold.attrs["units"] == "log patterns / unit"
    other = capacity_threshold(curve, scale="log", probability=0.2)
    assert float(other.threshold) == pytest.approx(0.15 + 0.03 * np.log(4), abs=0.01)


def test_both_scales_find_the_same_narrow_threshold():
    curve = capacity_curve(made_up(10, 3.05, 0.05), [28, 29, 30, 31, 32, 33], make_patterns=signs(10), width=0.03)
    linear, log = (capacity_threshold(curve, scale=scale) for scale in ("linear", "log"))
    # within the six numbers the logarithm is all but a line
    assert np.exp(10 * float(log.threshold)) == pytest.approx(10 * float(linear.threshold), rel=2e-3)


def test_more_sets_are_made_only_where_they_are_needed():
    curve = capacity_curve(made_up(100, 0.05, 0.01), [1, 5, 12], make_patterns=signs(100), width=0.1)
    assert curve.n_sets.values[1] > curve.n_sets.values[2]
    assert np.count_nonzero(np.isfinite(curve.n_retrieved), axis=1).tolist() == curve.n_sets.values.tolist()


def made_threshold(n_units, **attrs):
    """A threshold of 0.14 + 2 / N with an error of 0.001."""
    draws = 0.14 + 2.0 / n_units + 0.001 * np.random.default_rng(n_units).standard_normal(100)
    values = {"threshold": 0.14 + 2.0 / n_units, "threshold_error": 0.001, "threshold_draws": ("draw", draws)}
    return xr.Dataset(values, attrs={"n_units": n_units, "scale": "linear", "probability": 0.5, **attrs})


def test_extrapolation_finds_the_limit_of_thresholds():
    found = extrapolated_capacity([made_threshold(n) for n in (50, 100, 200, 400)])
    assert float(found.capacity) == pytest.approx(0.14, abs=1e-12)
    assert float(found.amplitude) == pytest.approx(2.0, abs=1e-9)
    # of the intercept of a line, from four values with an error of 0.001
    design = np.stack([np.ones(4), 1 / np.array([50, 100, 200, 400])], axis=1)
    expected = 0.001 * np.sqrt(np.linalg.inv(design.T @ design)[0, 0])
    assert float(found.capacity_error) == pytest.approx(expected, rel=0.3)


def test_the_classical_network_retrieves_below_and_fails_above_its_capacity():
    def recall(patterns, cues, seed):
        weights = patterns.T @ patterns / patterns.shape[1]
        np.fill_diagonal(weights, 0.0)
        for _ in range(30):
            cues = np.sign(cues @ weights)
        return cues

    curve = capacity_curve(recall, [20, 120], make_patterns=signs(400), criterion=overlap_criterion(0.9), most_sets=6)
    assert curve["load"].values.tolist() == [0.05, 0.3]
    assert curve.retrieved.values[0] == 1  # below 0.138 patterns a unit
    assert curve.retrieved.values[1] < 0.05  # at 0.225 it is 0.09: 400 units are few


def test_cues_may_be_fewer_and_corrupted():
    seen = []

    def recall(patterns, cues, seed):
        seen.append((patterns, cues))
        return patterns[: len(cues)]

    settings = {"n_cues": 2, "fewest_sets": 1, "most_sets": 1, "make_cues": lambda patterns, seed: -patterns}
    curve = capacity_curve(recall, [3], make_patterns=signs(10), criterion=Criterion("any", exactly), **settings)
    patterns, cues = seen[0]
    np.testing.assert_array_equal(cues, -patterns[:2])
    assert curve.n_cued.values.tolist() == [[2]]
    assert curve.attrs["criterion"] == "any"


def exactly(states, patterns):
    return (states == patterns).all(axis=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_patterns": []}, "n_patterns must be increasing numbers, at least one"),
        ({"n_patterns": [3, 2]}, "n_patterns must be increasing numbers"),
        ({"n_patterns": [0]}, "n_patterns must be an integer >= 1"),
        ({"width": 0.0}, "width must be > 0"),
        ({"fewest_sets": 5, "most_sets": 3}, "fewest_sets must be at most most_sets = 3, got 5"),
        ({"recall": lambda patterns, cues, seed: cues[0]}, "recall must return states of the shape of the cues"),
    ],
)
def test_bad_arguments_of_a_curve_are_refused(settings, message):
    arguments = {"recall": made_up(10, 0.1, 0.1), "n_patterns": [1, 2], "make_patterns": signs(10), **settings}
    with pytest.raises((TypeError, ValueError), match=message):
        capacity_curve(arguments.pop("recall"), arguments.pop("n_patterns"), **arguments)


def test_bad_arguments_of_fits_are_refused():
    curve = capacity_curve(made_up(10, 5.0, 0.1), [1, 2], make_patterns=signs(10))
    with pytest.raises(ValueError, match="curve must pass through the probability 0.5, got fractions from 1 to 1"):
        capacity_threshold(curve)
    with pytest.raises(ValueError, match=r"probability must be in \(0, 1\), got 1.0"):
        capacity_threshold(curve, probability=1.0)
    with pytest.raises(ValueError, match="scale must be one of linear, log, got 'cubic'"):
        capacity_threshold(curve, scale="cubic")
    mixed = [made_threshold(n, scale=scale) for n, scale in ((5, "linear"), (6, "log"))]
    with pytest.raises(ValueError, match="thresholds must have one scale in common, got linear and log"):
        extrapolated_capacity(mixed)
    with pytest.raises(ValueError, match="thresholds must be of two or more different sizes"):
        extrapolated_capacity([])
    with pytest.raises(ValueError, match="least must be at most 1"):
        overlap_criterion(1.5)
    with pytest.raises(ValueError, match="n_successes must be from 0 to n_trials"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\)"):
        wilson_interval(1, 2, confidence=1.0)
    with pytest.raises(ValueError, match="n_trials must have a sum > 0"):
        grouped_proportion([0], [0])


def test_a_state_of_zeros_is_no_pattern():
    criterion = overlap_criterion(0.5)
    np.testing.assert_array_equal(criterion.is_met(np.zeros((1, 4)), np.ones((1, 4))), [False])


def varying(beta_a, beta_b):
    """A system that retrieves the patterns of a set with a probability that varies between sets."""

    def recall(patterns, cues, seed):
        rng = np.random.default_rng(seed)
        is_right = rng.random(len(cues)) < rng.beta(beta_a, beta_b)
        return np.where(is_right[:, None], cues, -cues)

    return recall


def test_intervals_of_curves_that_stop_early_cover():
    settings = {"make_patterns": signs(2), "fewest_sets": 4, "width": 0.1}
    curves = [capacity_curve(varying(8.0, 0.8), [32], seed=seed, **settings) for seed in range(150)]
    covered = np.mean([float(c.low[0]) <= 8.0 / 8.8 <= float(c.high[0]) for c in curves])
    assert np.mean([c.sizes["set"] for c in curves]) < 12  # they do stop early
    assert covered > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 150)


def test_errors_of_thresholds_from_few_sets_are_not_too_small():
    def one(seed):
        midpoint = 20.0

        def recall(patterns, cues, run_seed):
            rng = np.random.default_rng(run_seed)
            shift = 3.0 * rng.standard_normal()  # of the whole set
            is_right = rng.random(len(cues)) < 1 / (1 + np.exp((len(patterns) - midpoint - shift) / 3.0))
            return np.where(is_right[:, None], cues, -cues)

        curve = capacity_curve(
            recall, [8, 14, 20, 26, 32], make_patterns=signs(10), fewest_sets=4, most_sets=4, seed=seed
        )
        found = capacity_threshold(curve, n_bootstrap=40, seed=seed)
        return (float(found.threshold) - 2.0) / float(found.threshold_error)

    spread = np.std([one(seed) for seed in range(40)])
    assert 0.6 < spread < 1.5  # 1 but for few sets, and for 40 curves whose spread scatters by 11 %


def test_a_single_set_gives_no_error_and_no_extrapolation():
    settings = {"make_patterns": signs(10), "fewest_sets": 1, "most_sets": 1}
    curve = capacity_curve(made_up(10, 2.0, 0.8), [5, 10, 20, 30, 40], **settings)
    found = capacity_threshold(curve, n_bootstrap=100)
    assert np.isfinite(found.threshold) and np.isnan(found.threshold_error)
    with pytest.raises(ValueError, match="thresholds must have errors > 0, from two or more sets"):
        extrapolated_capacity([found, made_threshold(50)])


def test_a_jump_is_known_to_the_gap_between_loads():
    curve = capacity_curve(made_up(10, 2.0, 0.01), [5, 10, 30, 40], make_patterns=signs(10), most_sets=4)
    found = capacity_threshold(curve)
    assert float(found.threshold) == 2.0
    assert float(found.threshold_error) == pytest.approx(2.0 / np.sqrt(12), rel=0.1)  # 200 draws, uniform from 1 to 3


def test_noise_of_any_size_is_no_pattern():
    patterns = signs(40)(30, 0)
    noise = np.exp(-35) * np.random.default_rng(1).standard_normal(patterns.shape)
    assert not overlap_criterion(0.9).is_met(noise, patterns).any()
    assert overlap_criterion(1.0).is_met(1e-30 * patterns, patterns).all()


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"criterion": 0.9}, TypeError, "criterion must be a Criterion"),
        ({"make_patterns": lambda n, seed: np.ones(5)}, ValueError, "make_patterns must give 4 patterns"),
        ({"make_patterns": lambda n, seed: np.ones((3, 5))}, ValueError, "make_patterns must give 4 patterns"),
        ({"make_cues": lambda p, seed: np.ones((9, 5))}, ValueError, "make_cues must give at most one cue for each"),
    ],
    ids=["criterion", "vector", "count", "cues"],
)
def test_what_a_curve_is_made_of_is_checked(settings, kind, message):
    arguments = {"make_patterns": lambda n, seed: np.ones((n, 5)), **settings}
    with pytest.raises(kind, match=message):
        capacity_curve(lambda patterns, cues, seed: cues, [4], **arguments)


def test_thresholds_must_be_of_the_same_kind():
    with pytest.raises(ValueError, match="thresholds must have one probability in common, got 0.5 and 0.9"):
        extrapolated_capacity([made_threshold(50), made_threshold(60, probability=0.9)])
