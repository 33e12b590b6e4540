"""Covariance of a linear rate network under coloured noise."""

import numpy as np
import pytest

from assocmem.analysis import linear_noise_covariance


def test_one_leaky_unit_has_the_closed_form():
    # tau dx/dt = -x + eta: variance sigma^2 tau_eta / (tau + tau_eta)
    covariance = linear_noise_covariance([[-1 / 20.0]], [20.0], noise_tau=50.0, noise_std=0.3)
    assert float(covariance[0, 0]) == pytest.approx(0.09 * 50 / 70, rel=1e-12)


def test_a_normal_network_is_the_sum_over_its_modes():
    # symmetric coupling c: the modes (1, +-1) are single units with the leak 1 -+ c
    tau, c, noise_tau = 10.0, 0.4, 50.0
    jacobian = np.array([[-1, c], [c, -1]]) / tau
    covariance = linear_noise_covariance(jacobian, [tau, tau], noise_tau=noise_tau, noise_std=1.0)
    modes = [noise_tau / ((1 - s * c) * (tau + (1 - s * c) * noise_tau)) for s in (1, -1)]
    np.testing.assert_allclose(covariance[0, 0], np.mean(modes), rtol=1e-12)
    np.testing.assert_allclose(covariance[0, 1], (modes[0] - modes[1]) / 2, rtol=1e-12)


def test_covariance_scales_with_the_variance_of_the_noise():
    rng = np.random.default_rng(0)
    jacobian = rng.normal(size=(4, 4)) / 50 - 0.2 * np.eye(4)
    one = linear_noise_covariance(jacobian, np.full(4, 10.0), noise_tau=30.0, noise_std=np.full(4, 0.1))
    two = linear_noise_covariance(jacobian, np.full(4, 10.0), noise_tau=30.0, noise_std=0.2)
    np.testing.assert_allclose(two, 4 * one, rtol=1e-10)
    np.testing.assert_allclose(one, one.T, rtol=1e-10)


def test_an_unstable_point_is_refused():
    with pytest.raises(ValueError, match="jacobian must be stable, got a spectral abscissa of 10 1/s"):
        linear_noise_covariance([[0.01]], [20.0], noise_tau=50.0, noise_std=0.1)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="finite square matrix"):
        linear_noise_covariance([[1.0, 2.0]], [20.0], noise_tau=50.0, noise_std=0.1)
    with pytest.raises(ValueError, match="tau and noise_tau must be > 0 ms"):
        linear_noise_covariance([[-1.0]], [20.0], noise_tau=-50.0, noise_std=0.1)
    with pytest.raises(ValueError, match=r"jacobian must be a finite square matrix, got shape \(\)"):
        linear_noise_covariance(-1.0, [20.0], noise_tau=50.0, noise_std=0.1)
    with pytest.raises(ValueError, match=r"tau must be a number or of shape \(2,\), got shape \(3,\)"):
        linear_noise_covariance(-np.eye(2), np.ones(3), noise_tau=50.0, noise_std=0.1)
    with pytest.raises(ValueError, match=r"noise_std must be a number or of shape \(2,\), got shape \(1,\)"):
        linear_noise_covariance(-np.eye(2), 20.0, noise_tau=50.0, noise_std=[0.1])
    with pytest.raises(TypeError, match="jacobian must be real"):
        linear_noise_covariance([[-1.0 + 1j]], [20.0], noise_tau=50.0, noise_std=0.1)
