"""Fixed points and spectra on flows whose fixed points are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import find_fixed_points, spectrum

# du/dt = u - u^3 (per ms), v relaxes: attractors at u = +-1, a saddle at 0
DOUBLE_WELL = SimpleNamespace(
    velocity=lambda x: np.stack([x[..., 0] - x[..., 0] ** 3, -0.5 * x[..., 1]], axis=-1),
    jacobian=lambda x: np.stack(
        [
            np.stack([1 - 3 * x[..., 0] ** 2, 0 * x[..., 0]], axis=-1),
            np.stack([0 * x[..., 0], -0.5 + 0 * x[..., 0]], axis=-1),
        ],
        axis=-2,
    ),
)
ROTATION = SimpleNamespace(jacobian=lambda x: np.broadcast_to([[-0.1, 2.0], [-2.0, -0.1]], (*x.shape, 2)))
NO_FIXED_POINT = SimpleNamespace(velocity=lambda x: 1 + x**2, jacobian=lambda x: 2 * x[..., np.newaxis] * np.eye(1))


def test_every_fixed_point_is_found_from_nearby():
    found = find_fixed_points(DOUBLE_WELL, [[1.3, 2.0], [-0.8, 1.0], [0.1, -3.0]])
    # velocity tolerance 1e-10 over the slowest rate 0.5 per ms
    np.testing.assert_allclose(found.state, [[1, 0], [-1, 0], [0, 0]], atol=2e-10)
    assert found.is_converged.all()


def test_stability_follows_the_jacobian():
    found = find_fixed_points(DOUBLE_WELL, [[1.3, 2.0], [0.1, -3.0]])
    np.testing.assert_array_equal(found.is_stable, [True, False])
    # -2, -0.5 and 1, -0.5 per ms; error of the state times the second derivative 6
    np.testing.assert_allclose(found.spectral_abscissa, [-500.0, 1000.0], atol=1e-5)


def test_a_flow_without_fixed_point_is_reported_as_not_converged():
    found = find_fixed_points(NO_FIXED_POINT, [[0.7]])
    assert not found.is_converged.any()
    assert not found.is_stable.any()
    assert float(found.residual[0]) >= 1.0


def test_spectrum_is_in_inverse_seconds_and_ordered():
    result = spectrum(ROTATION, xr.DataArray(np.zeros((3, 2)), dims=("time", "unit")))
    np.testing.assert_allclose(result.eigenvalue_real, -100.0, rtol=1e-12)
    np.testing.assert_allclose(result.eigenvalue_imag[0], [-2000.0, 2000.0], rtol=1e-12)
    assert result.spectral_abscissa.dims == ("time",)


def test_eigenvalues_fall_along_the_mode():
    result = spectrum(DOUBLE_WELL, xr.DataArray([0.0, 0.0], dims="unit"))
    np.testing.assert_array_equal(result.eigenvalue_real, [1000.0, -500.0])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="start must be finite"):
        find_fixed_points(DOUBLE_WELL, [np.nan, 0.0])
    with pytest.raises(ValueError, match="tol must be > 0, got 0"):
        find_fixed_points(DOUBLE_WELL, [0.0, 0.0], tol=0)
    with pytest.raises(ValueError, match="max_steps must be >= 1, got 0"):
        find_fixed_points(DOUBLE_WELL, [0.0, 0.0], max_steps=0)
    with pytest.raises(ValueError, match="state must have the dimension unit"):
        spectrum(ROTATION, xr.DataArray([0.0, 0.0], dims="cell"))
    with pytest.raises(TypeError, match="state must be a DataArray with the dimension unit, got ndarray"):
        spectrum(ROTATION, np.zeros(2))
    with pytest.raises(TypeError, match="start must be real, got complex"):
        find_fixed_points(DOUBLE_WELL, [1j, 0.0])
    with pytest.raises(ValueError, match=r"start must have the dimensions .*, got \('cue', 'unit'\)"):
        find_fixed_points(DOUBLE_WELL, xr.DataArray(np.zeros((2, 2)), dims=("cue", "unit")))


@pytest.mark.parametrize("name", ["trajectory", "pattern"])
def test_labelled_starts_may_come_in_any_order(name):
    start = xr.DataArray([[1.3, 2.0], [-0.8, 1.0]], dims=(name, "unit"))
    found = find_fixed_points(DOUBLE_WELL, start.transpose("unit", name))
    np.testing.assert_array_equal(found.state, find_fixed_points(DOUBLE_WELL, start.values).state)


def test_a_state_of_nan_has_no_spectrum():
    result = spectrum(DOUBLE_WELL, xr.DataArray([[np.nan, 0.0], [0.0, 0.0]], dims=("time", "unit")))
    np.testing.assert_array_equal(result.spectral_abscissa, [np.nan, 1000.0])
