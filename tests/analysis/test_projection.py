"""Principal axes."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import principal_axes, project


@pytest.fixture
def patterns():
    return xr.DataArray(np.random.default_rng(0).normal(size=(8, 5)), dims=("pattern", "unit"))


def test_axes_are_the_eigenvectors_of_the_covariance(patterns):
    principal = principal_axes(patterns, n_components=3)
    covariance = np.cov(patterns.to_numpy(), rowvar=False)
    variances = np.linalg.eigvalsh(covariance)[::-1]
    along = covariance @ principal.axes.to_numpy().T
    np.testing.assert_allclose(along, principal.axes.to_numpy().T * variances[:3], atol=1e-12)
    np.testing.assert_allclose(principal.explained, variances[:3] / variances.sum(), rtol=1e-12)


def test_projection_keeps_variance_along_the_axes(patterns):
    principal = principal_axes(patterns, n_components=2)
    projected = project(patterns, principal)
    assert projected.dims == ("pattern", "component")
    total = ((patterns - patterns.mean("pattern")) ** 2).sum()
    np.testing.assert_allclose((projected**2).sum("pattern") / total, principal.explained, rtol=1e-12)


def test_the_mean_pattern_is_the_origin(patterns):
    principal = principal_axes(patterns)
    np.testing.assert_allclose(project(patterns.mean("pattern"), principal), 0.0, atol=1e-14)


def test_bad_arguments_are_named(patterns):
    with pytest.raises(ValueError, match=r"n_components must be in 1\.\.5, got 6"):
        principal_axes(patterns, n_components=6)
    with pytest.raises(ValueError, match="state must have 5 entries along unit"):
        project(xr.DataArray(np.ones(4), dims="unit"), principal_axes(patterns))
