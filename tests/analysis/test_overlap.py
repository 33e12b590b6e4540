"""Overlap and correlation."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import correlation, overlap


@pytest.fixture
def patterns():
    return xr.DataArray([[1.0, 0.0, 1.0, 2.0], [0.0, 3.0, 1.0, 0.0]], dims=("pattern", "unit"))


def test_a_pattern_overlaps_fully_with_itself_at_any_scale(patterns):
    state = 7.0 * patterns.isel(pattern=1)
    assert float(overlap(state, patterns).sel(pattern=1)) == pytest.approx(1.0, abs=1e-15)


def test_overlap_by_hand(patterns):
    state = xr.DataArray([[1.0, 1.0, 0.0, 0.0]], dims=("trajectory", "unit"))
    expected = [[1 / np.sqrt(2 * 6), 3 / np.sqrt(2 * 10)]]
    np.testing.assert_allclose(overlap(state, patterns), expected, rtol=1e-14)  # two roundings


def test_overlap_is_nan_where_a_norm_is_zero(patterns):
    assert overlap(0 * patterns.isel(pattern=0), patterns).isnull().all()


def test_correlation_is_numpys(patterns):
    state = xr.DataArray(np.random.default_rng(0).normal(size=(3, 5, 4)), dims=("trajectory", "time", "unit"))
    expected = np.corrcoef(state[1, 2], patterns[0])[0, 1]
    assert float(correlation(state, patterns)[1, 2, 0]) == pytest.approx(expected, rel=1e-12)


def test_correlation_ignores_scale_and_offset(patterns):
    state = 3.0 * patterns.isel(pattern=0, drop=True) + 5.0
    assert float(correlation(state, patterns)[0]) == pytest.approx(1.0, abs=1e-15)


def test_correlation_of_a_constant_state_is_nan(patterns):
    state = xr.full_like(patterns.isel(pattern=0, drop=True), 0.1)
    assert correlation(state, patterns).isnull().all()


def test_the_pattern_coordinate_is_kept(patterns):
    labelled = patterns.assign_coords(pattern=["a", "b"])
    result = overlap(xr.DataArray(np.ones((2, 4)), dims=("time", "unit")), labelled)
    assert result.dims == ("time", "pattern")
    assert list(result.pattern.values) == ["a", "b"]


@pytest.mark.parametrize("function", [overlap, correlation])
def test_wrong_dimensions_are_named(function, patterns):
    with pytest.raises(ValueError, match="state must have the dimension unit"):
        function(xr.DataArray([1.0], dims="cell"), patterns)
    with pytest.raises(ValueError, match=r"patterns must have the dimensions \(pattern, unit\)"):
        function(patterns.isel(pattern=0), patterns.rename(pattern="item"))
    with pytest.raises(ValueError, match="state must not have the dimension pattern"):
        function(patterns, patterns)
    with pytest.raises(ValueError, match="as many entries along unit, got 3 and 4"):
        function(xr.DataArray(np.ones(3), dims="unit"), patterns)
    with pytest.raises(TypeError, match="state must be a DataArray with the dimension unit, got ndarray"):
        function(np.ones(4), patterns)
    with pytest.raises(TypeError, match="patterns must be a DataArray with the dimension unit, got ndarray"):
        function(patterns.isel(pattern=0), patterns.values)
