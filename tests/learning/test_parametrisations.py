"""Maps from free variables to magnitudes."""

import numpy as np
import pytest
from scipy import integrate

from assocmem.learning.parametrisations import Bound, Exponential, Rectified, Softplus, parametrisation_of

ALL = [Softplus(0.03), Exponential(0.03), Bound(0.02), Rectified()]
WITH_INVERSE = ALL[:3]
WITH_INTEGRAL = [Softplus(0.03), Exponential(0.03), Rectified()]


@pytest.mark.parametrize("phi", ALL, ids=repr)
def test_slope_is_the_derivative(phi):
    x = np.array([0.3, 1.0, 4.0]) if isinstance(phi, Bound) else np.array([-20.0, -3.0, -0.1, 0.2, 2.0, 5.0])
    step = 1e-5
    numeric = (phi.value(x + step) - phi.value(x - step)) / (2 * step)
    np.testing.assert_allclose(phi.slope(x), numeric, rtol=1e-8, atol=1e-12)  # truncation step^2


@pytest.mark.parametrize("phi", WITH_INTEGRAL, ids=repr)
@pytest.mark.parametrize("x", [-5.0, -0.5, 0.0, 0.5, 5.0])
def test_integral_is_the_antiderivative(phi, x):
    area = integrate.quad(phi.value, -60.0, x, epsabs=1e-13, epsrel=1e-12, points=[0.0], limit=200)[0]
    assert phi.integral(np.array(x)) == pytest.approx(area, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("phi", WITH_INVERSE, ids=repr)
def test_inverse_undoes_the_value(phi):
    magnitude = np.array([1e-8, 1e-4, 0.03, 1.0, 50.0])
    np.testing.assert_allclose(phi.value(phi.inverse(magnitude)), magnitude, rtol=1e-7)  # log(expm1) at 1e-8


@pytest.mark.parametrize("phi", WITH_INVERSE, ids=repr)
def test_zero_weights_have_a_finite_variable(phi):
    assert np.isfinite(phi.inverse(np.array(0.0)))


@pytest.mark.parametrize("phi", WITH_INTEGRAL[:2], ids=repr)
def test_far_trial_steps_stay_finite(phi):
    x = np.array([-1e6, 1e6])
    for values in (phi.value(x), phi.slope(x), phi.integral(x)):
        assert np.all(np.isfinite(values))


def test_scale_falls_with_the_size_of_the_network():
    assert parametrisation_of("softplus", n_units=150) == Softplus(1.8 / 150)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="softplus, exp, bound, got 'tanh'"):
        parametrisation_of("tanh", n_units=10)
