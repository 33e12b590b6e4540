"""Recall error, identity and the confidence of a fraction."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import identify, is_retrieved, recall_error, retrieved_fraction


@pytest.fixture
def patterns():
    return xr.DataArray([[1.0, 5.0, 2.0], [3.0, 1.0, 0.0], [2.0, 0.0, 4.0]], dims=("pattern", "unit"))


def test_the_error_is_zero_on_a_pattern_and_one_at_the_mean(patterns):
    states = xr.concat([patterns[1], patterns.mean("pattern")], "trajectory")
    error = recall_error(states, patterns)
    assert float(error.isel(trajectory=0, pattern=1)) == 0.0
    np.testing.assert_allclose(error.isel(trajectory=1), 1.0, rtol=1e-14)


def test_the_error_by_hand(patterns):
    state = patterns[0] + xr.DataArray([0.0, 3.0, 4.0], dims="unit")
    scale = np.linalg.norm([1 - 2, 5 - 2, 2 - 2])
    assert float(recall_error(state, patterns)[0]) == pytest.approx(5.0 / scale, rel=1e-14)


def test_the_cued_error_is_picked_per_trajectory(patterns):
    states = patterns.rename(pattern="trajectory").isel(trajectory=[2, 0])
    cued = xr.DataArray([2, 0], dims="trajectory")
    np.testing.assert_array_equal(recall_error(states, patterns).isel(pattern=cued), 0.0)


def test_a_state_that_ran_away_has_an_infinite_error(patterns):
    assert np.isinf(recall_error(xr.full_like(patterns[0], 1e200), patterns)).all()


def test_retrieved_means_below_the_threshold():
    error = xr.DataArray([0.1, 0.2, 0.3, np.nan], dims="trajectory")
    np.testing.assert_array_equal(is_retrieved(error), [True, False, False, False])
    np.testing.assert_array_equal(is_retrieved(error, threshold=0.25), [True, True, False, False])


def test_identity_is_the_most_correlated_pattern_at_any_scale(patterns):
    states = (2 * patterns + 1).rename(pattern="trajectory").isel(trajectory=[1, 2, 0])
    np.testing.assert_array_equal(identify(states, patterns), [1, 2, 0])


def test_a_constant_state_has_no_identity(patterns):
    assert int(identify(xr.DataArray(np.ones(3), dims="unit"), patterns)) == -1


def test_wilson_interval_by_hand():
    # 9 of 10 at 95 %: closed form with z^2 = 3.841459
    result = retrieved_fraction(xr.DataArray([True] * 9 + [False], dims="trajectory"))
    z2 = 3.841458820694124
    centre = (0.9 + z2 / 20) / (1 + z2 / 10)
    half = np.sqrt(z2 * (0.09 / 10 + z2 / 400)) / (1 + z2 / 10)
    assert float(result.fraction) == 0.9
    assert float(result.lower) == pytest.approx(centre - half, rel=1e-12)
    assert float(result.upper) == pytest.approx(centre + half, rel=1e-12)


def test_wilson_bounds_solve_the_score_equation():
    result = retrieved_fraction(xr.DataArray([True] * 3 + [False] * 17, dims="trajectory"), confidence=0.9)
    for bound in (float(result.lower), float(result.upper)):
        score = abs(0.15 - bound) / np.sqrt(bound * (1 - bound) / 20)
        assert score == pytest.approx(1.6448536269514722, rel=1e-10)


def test_certainty_keeps_a_width():
    result = retrieved_fraction(xr.DataArray([True] * 20, dims="trajectory"))
    assert float(result.upper) == pytest.approx(1.0, abs=1e-12)
    assert 0.8 < float(result.lower) < 0.9  # 20 / (20 + 3.84)


def test_fractions_keep_the_other_dimensions():
    success = xr.DataArray([[True, False], [True, True]], dims=("noise", "trajectory"))
    np.testing.assert_array_equal(retrieved_fraction(success).fraction, [0.5, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: is_retrieved(xr.DataArray([1.0]), threshold=0.0), "threshold must be > 0, got 0.0"),
        (lambda: retrieved_fraction(xr.DataArray([1.0], dims="trajectory")), "success must be boolean"),
        (lambda: retrieved_fraction(xr.DataArray([True], dims="cue")), "success must have the dimensions"),
        (lambda: retrieved_fraction(xr.DataArray([True], dims="cue"), dim="cue", confidence=1), "confidence"),
        (lambda: retrieved_fraction(xr.DataArray([True], dims="fraction"), dim="fraction"), "rename it"),
        (lambda: retrieved_fraction(xr.DataArray(np.zeros(0, bool), dims="trajectory")), "must have entries"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
