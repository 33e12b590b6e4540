"""Each method: its order on problems with exact solutions, and agreement with one naive step."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from assocmem import simulate
from assocmem.adaptive import ERROR_WEIGHTS, NODES, STAGE_WEIGHTS
from assocmem.integrators import WIENER_STREAM
from assocmem.random import normals
from tests import naive_stepping, problems


def slope(sizes, errors):
    """Order of convergence: slope of log error against log step."""
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_order_on_a_nonautonomous_problem(method, order):
    sizes = 2.0 ** -np.arange(4, 9) if order < 4 else 2.0 ** -np.arange(2, 7)
    exact = problems.nonautonomous_solution(2.0)
    ends = [
        simulate(problems.NONAUTONOMOUS, [1.0, 1.0], duration=2.0, dt=h, method=method, every=None, threads=1)
        for h in sizes
    ]
    errors = [np.abs(ds.final_state.values[0] - exact).max() for ds in ends]
    assert slope(sizes, errors) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("method", ["euler", "heun", "rk4"])
def test_one_step_equals_the_naive_step(method):
    y0, dt = np.array([1.3, 0.7]), 0.3
    ds = simulate(problems.NONAUTONOMOUS, y0, duration=3 * dt, dt=dt, method=method, threads=1)

    def f(t, y):
        return np.array([-2.0 * t * y[0] ** 2, np.cos(t) * y[1]])

    y = y0
    for step in range(3):
        y = getattr(naive_stepping, f"{method}_step")(f, step * dt, y, dt)
        # the same operations in another association: a few roundings
        np.testing.assert_allclose(ds.state.values[0, step + 1], y, rtol=1e-14)


def test_exponential_euler_is_exact_for_a_leaky_unit_with_constant_input():
    model = problems.leaky()
    leak, drive = model.values["leak"], model.values["drive"]
    ds = simulate(model, np.ones(3), duration=12.0, dt=4.0, method="exponential_euler", threads=1)
    exact = drive / leak + (1 - drive / leak) * np.exp(-leak * ds.time.values[:, None])
    np.testing.assert_allclose(ds.state.values[0], exact, rtol=1e-13)  # closed form, rounding only


def test_exponential_euler_has_order_one_otherwise():
    sizes = 2.0 ** -np.arange(5, 10)
    model = problems.FunctionFlow(_driven_leak, n_units=1, leak=np.array([2.0]))
    ends = [
        simulate(model, [1.0], duration=1.0, dt=h, method="exponential_euler", every=None, threads=1) for h in sizes
    ]
    errors = [abs(ds.final_state.item() - _driven_leak_solution(1.0)) for ds in ends]
    assert slope(sizes, errors) == pytest.approx(1, abs=0.2)


def test_the_tableau_is_that_of_dormand_and_prince():
    np.testing.assert_allclose(STAGE_WEIGHTS.sum(axis=1), NODES, atol=1e-15)  # consistency of every stage
    fifth = np.array([float(x) for x in naive_stepping.DORMAND_PRINCE_FIFTH])
    fourth = np.array([float(x) for x in naive_stepping.DORMAND_PRINCE_FOURTH])
    np.testing.assert_allclose(ERROR_WEIGHTS, fifth - fourth, atol=1e-15)


def test_adaptive_method_agrees_with_dop853_at_tight_tolerance():
    times = np.linspace(0.0, 2.0, 41)
    reference = solve_ivp(_lorenz, (0, 2), [1.0, 2.0, 20.0], method="DOP853", t_eval=times, rtol=1e-13, atol=1e-13)
    ds = simulate(
        problems.LORENZ,
        [1.0, 2.0, 20.0],
        duration=2.0,
        method="dopri5",
        t_eval=times,
        rtol=1e-12,
        atol=1e-12,
        threads=1,
    )
    # some 600 steps with local errors of 2e-11 (states are of size 20), amplified about tenfold in between
    np.testing.assert_allclose(ds.state.values[0], reference.y.T, rtol=0, atol=1e-8)


def test_adaptive_error_follows_the_tolerance():
    tolerances = 10.0 ** -np.arange(4, 11)
    exact = problems.nonautonomous_solution(2.0)
    runs = [
        simulate(problems.NONAUTONOMOUS, [1.0, 1.0], duration=2.0, method="dopri5", rtol=tol, atol=tol, threads=1)
        for tol in tolerances
    ]
    errors = [np.abs(ds.final_state.values[0] - exact).max() for ds in runs]
    assert slope(tolerances, errors) == pytest.approx(1.0, abs=0.2)


def error_of_one_step(h, fractions):
    """Of a single step of size h, at some fractions of it, with tolerances that accept it."""
    model, times = problems.leaky(), np.array(fractions) * h
    ds = simulate(model, np.ones(3), duration=h, dt=h, method="dopri5", t_eval=times, rtol=1e6, atol=1e6, threads=1)
    leak, drive = model.values["leak"], model.values["drive"]
    exact = drive / leak + (1 - drive / leak) * np.exp(-leak * times[:, None])
    return np.abs(ds.state.values[0] - exact).max()


def test_adaptive_method_has_order_five():
    sizes = 2.0 ** -np.arange(1, 6)
    assert slope(sizes, [error_of_one_step(h, [1.0]) for h in sizes]) == pytest.approx(6, abs=0.2)  # local error h^6


def test_dense_output_has_order_four():
    sizes = 2.0 ** -np.arange(3, 8)
    errors = [error_of_one_step(h, [0.3, 0.5, 0.8]) for h in sizes]
    assert slope(sizes, errors) == pytest.approx(5, abs=0.2)  # local error h^5


def test_step_control_is_per_trajectory():
    together = simulate(
        problems.LORENZ, [[1.0, 2.0, 20.0], [0.0, 0.0, 1e-3], [5.0, 5.0, 5.0]], duration=3.0, method="dopri5", threads=1
    )
    alone = [
        simulate(problems.LORENZ, y0, duration=3.0, method="dopri5", threads=1)
        for y0 in ([1.0, 2.0, 20.0], [0.0, 0.0, 1e-3], [5.0, 5.0, 5.0])
    ]
    assert len(set(together.n_steps.values)) == 3
    np.testing.assert_array_equal(together.n_steps, [ds.n_steps.item() for ds in alone])
    np.testing.assert_array_equal(together.final_state, np.concatenate([ds.final_state.values for ds in alone]))


def brownian_end(seed, n_trajectories, n_units, n_steps, dt):
    """W(T) of the noise that a run of `n_steps` draws."""
    steps = [
        normals(seed, trajectories=n_trajectories, step=s, stream=WIENER_STREAM, n=n_units) for s in range(n_steps)
    ]
    return np.sqrt(dt) * np.sum(steps, axis=0)


SDE_STEPS = 2 ** np.arange(4, 9)


@pytest.mark.parametrize(
    ("method", "strong", "ito_correction"), [("euler_maruyama", 0.5, 0.5), ("stochastic_heun", 1.0, 0.0)]
)
def test_strong_order_and_calculus(method, strong, ito_correction):
    growth, volatility, shape = 0.1, 1.0, (4, 500)  # little drift: its error of order one would hide the noise's
    model, errors = problems.geometric_brownian_motion(500, growth, volatility), []
    for n in SDE_STEPS:
        ds = simulate(model, np.ones(shape), duration=1.0, dt=1 / n, method=method, seed=3, every=None, threads=1)
        w = brownian_end(3, *shape, n, 1 / n)
        exact = np.exp(growth - ito_correction * volatility**2 + volatility * w)
        errors.append(np.abs(ds.final_state.values - exact).mean())
    assert slope(1 / SDE_STEPS, errors) == pytest.approx(strong, abs=0.2)


def test_strong_order_of_euler_maruyama_with_additive_noise_is_one():
    growth, volatility, shape = -1.0, 0.5, (2, 200)
    model = problems.geometric_brownian_motion(200, growth, volatility, problems.constant_diffusion)
    errors = []
    for n in SDE_STEPS:
        ds = simulate(
            model, np.ones(shape), duration=1.0, dt=1 / n, method="euler_maruyama", seed=5, every=None, threads=1
        )
        # exact solution as a sum over the same increments, each multiplied by its exact decay: error of order dt
        times = (np.arange(n) + 0.5) / n
        steps = [normals(5, trajectories=shape[0], step=s, stream=WIENER_STREAM, n=shape[1]) for s in range(n)]
        decayed = np.sum([np.exp(growth * (1 - t)) * z for t, z in zip(times, steps, strict=True)], axis=0)
        exact = np.exp(growth) + volatility * np.sqrt(1 / n) * decayed
        errors.append(np.abs(ds.final_state.values - exact).mean())
    assert slope(1 / SDE_STEPS, errors) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("method", "growth", "volatility", "ito_correction"),
    [("euler_maruyama", 1.5, 0.3, 0.5), ("stochastic_heun", 0.5, 1.0, 0.0)],
)
def test_weak_order_is_one(method, growth, volatility, ito_correction):
    model, errors, counts, shape = (
        problems.geometric_brownian_motion(1000, growth, volatility),
        [],
        2 ** np.arange(2, 6),
        (20, 1000),
    )
    for n in counts:
        ds = simulate(model, np.ones(shape), duration=1.0, dt=1 / n, method=method, seed=9, every=None, threads=1)
        # the exact solution on the same noise is a control variate: the difference has a hundredth of the variance
        exact = np.exp(growth - ito_correction * volatility**2 + volatility * brownian_end(9, *shape, n, 1 / n))
        errors.append(abs((ds.final_state.values - exact).mean()))
    assert slope(1 / counts, errors) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("method", ["euler_maruyama", "stochastic_heun"])
def test_one_stochastic_step_equals_the_naive_step(method):
    model = problems.geometric_brownian_motion(5, 1.5, 0.5)
    y0, dt = np.linspace(0.5, 1.5, 5), 0.1
    ds = simulate(model, y0, duration=dt, dt=dt, method=method, seed=11, threads=1)
    dw = np.sqrt(dt) * normals(11, trajectories=1, step=0, stream=WIENER_STREAM, n=5)[0]
    step = getattr(naive_stepping, f"{method}_step")
    expected = step(lambda t, y: 1.5 * y, lambda t, y: 0.5 * y, 0.0, y0, dt, dw)
    np.testing.assert_allclose(ds.final_state.values[0], expected, rtol=1e-14)  # a few roundings


def _lorenz(t, y):
    return [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]


@problems.kernel
def _driven_leak(t, y, dy):
    for b in range(y.shape[0]):
        dy[b, 0] = t[b] - 2.0 * y[b, 0]


def _driven_leak_solution(t):
    """dy = t - 2 y from 1."""
    return t / 2 - 0.25 + 1.25 * np.exp(-2 * t)
