"""Across-trial variance and its ratio."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import across_trial_variance, variance_ratio


@pytest.fixture
def state():
    values = np.random.default_rng(0).normal(size=(7, 4, 3))
    time = ("time", [0.0, 1.0, 2.0, 3.0], {"units": "ms"})
    return xr.DataArray(values, dims=("trajectory", "time", "unit"), coords={"time": time}, attrs={"units": "mV"})


def test_variance_is_the_unbiased_one_averaged_over_units(state):
    expected = np.var(state.to_numpy(), axis=0, ddof=1).mean(axis=-1)
    result = across_trial_variance(state)
    np.testing.assert_allclose(result, expected, rtol=1e-13)
    assert result.attrs["units"] == "mV^2"


def test_a_difference_between_units_or_times_is_no_variability():
    grid = np.arange(12.0).reshape(4, 3)
    state = xr.DataArray(np.broadcast_to(grid, (5, 4, 3)), dims=("trajectory", "time", "unit"))
    np.testing.assert_array_equal(across_trial_variance(state), 0.0)


def test_the_ratio_compares_windows():
    variance = xr.DataArray([4.0, 6.0, 1.0, 2.0], dims="time", coords={"time": [0.0, 1.0, 2.0, 3.0]})
    assert float(variance_ratio(variance, before=(0.0, 1.0), after=(2.0, 3.0))) == 0.3


def test_bad_arguments_are_named(state):
    with pytest.raises(ValueError, match="state must have the dimension cell"):
        across_trial_variance(state, dim="cell")
    with pytest.raises(ValueError, match="at least 2 trials, got 1"):
        across_trial_variance(state.isel(trajectory=[0]))
    with pytest.raises(ValueError, match="windows must hold samples between 0 and 3, got"):
        variance_ratio(across_trial_variance(state), before=(0, 1), after=(5, 6))
