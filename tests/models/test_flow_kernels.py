"""The contract of models, and the compiled right-hand side of the E-I network against double loops."""

from functools import partial

import numpy as np
import pytest

from assocmem import BalancedEI, FunctionFlow, PowerLaw, SoftplusSquared, simulate
from assocmem.models.base import kernel_arguments
from tests import naive, problems

N, N_E = 13, 9


def velocity_of(model, potential, **options):
    """du/dt as the compiled kernel has it, from one Euler step of 2^-20 ms."""
    dt = 2.0**-20
    ds = simulate(model, potential, duration=dt, dt=dt, method="euler", threads=1, **options)
    return (ds.final_state.values - np.atleast_2d(potential)) / dt


@pytest.fixture
def parts(rng):
    weights = 0.1 * rng.random((N, N))
    weights[:, N_E:] *= -1
    np.fill_diagonal(weights, 0)
    return weights, rng.normal(5.0, 2.0, N), rng.normal(3.0, 6.0, size=(5, N))


@pytest.mark.parametrize(
    ("activation", "rate"),
    [
        (PowerLaw(0.04, 2.0), partial(naive.power_law, gain=0.04, exponent=2.0)),
        (PowerLaw(0.3, 1.0), partial(naive.power_law, gain=0.3, exponent=1.0)),
        (PowerLaw(0.02, 2.7), partial(naive.power_law, gain=0.02, exponent=2.7)),
        (SoftplusSquared(0.02), partial(naive.softplus_squared, gain=0.02)),
    ],
    ids=["quadratic", "linear", "steep", "softplus"],
)
def test_kernel_matches_the_double_loop(activation, rate, parts):
    weights, drive, potentials = parts
    model = BalancedEI(weights, N_E, drive=drive, tau_e=18.0, tau_i=7.0, activation=activation)
    expected = [naive.velocity(u, weights, N_E, rate, drive=drive, tau_e=18.0, tau_i=7.0) for u in potentials]
    # the difference quotient of states of size 10 over 1e-6 ms leaves 10 eps / 1e-6 = 2e-9
    np.testing.assert_allclose(velocity_of(model, potentials), expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.velocity(potentials), expected, rtol=1e-12, atol=1e-13)  # rounding of sums


def test_residual_is_the_largest_velocity(parts):
    weights, drive, potentials = parts
    model = BalancedEI(weights, N_E, drive=drive)
    ds = simulate(model, potentials, duration=0.5, dt=0.5, method="euler", threads=1)
    np.testing.assert_allclose(ds.residual, np.abs(model.velocity(potentials)).max(axis=1), rtol=1e-12)


def test_a_trajectory_that_starts_at_a_fixed_point_stays(parts):
    weights, _, potentials = parts
    base = BalancedEI(weights, N_E, drive=0.0)
    u = potentials[0]
    model = BalancedEI(weights, N_E, drive=-base.velocity(u) * base.tau)
    ds = simulate(model, u, duration=1.0, dt=0.5, method="rk4", threads=1)
    np.testing.assert_allclose(ds.final_state.values[0], u, atol=1e-12)  # rounding of currents of size 10


def test_parameters_are_bound_by_name():
    with pytest.raises(ValueError, match="values must hold every argument of the kernel; 'beta' is missing"):
        simulate(FunctionFlow(problems.lorenz_rhs, 3, {"sigma": 1.0, "rho": 2.0}), np.ones(3), duration=1.0, dt=0.1)


def test_parameters_must_be_finite():
    values = {"sigma": 1.0, "rho": np.array([1.0, np.nan]), "beta": 1.0}
    with pytest.raises(ValueError, match="rho must be finite, got 1 other values"):
        simulate(FunctionFlow(problems.lorenz_rhs, 3, values), np.ones(3), duration=1.0, dt=0.1)


def test_parameters_must_be_numbers():
    with pytest.raises(ValueError, match="rho must be a number or an array of numbers, got str"):
        simulate(
            FunctionFlow(problems.lorenz_rhs, 3, {"sigma": 1.0, "rho": "x", "beta": 1.0}),
            np.ones(3),
            duration=1.0,
            dt=0.1,
        )


def test_a_kernel_needs_its_three_arguments():
    with pytest.raises(ValueError, match=r"a kernel must take \(t, y, dy, ...\), got arguments \['t', 'y'\]"):
        kernel_arguments(lambda t, y: None)
