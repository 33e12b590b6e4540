"""Lyapunov exponents against eigenvalues, divergences and systems whose exponents are known."""

import numpy as np
import pytest

from assocmem import FunctionFlow, FunctionMap, kernel
from assocmem.analysis.lyapunov import lyapunov_exponents
from assocmem.errors import DivergedError


@kernel
def linear_rhs(t, y, dy, matrix):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = 0.0
            for j in range(y.shape[1]):
                dy[b, i] += matrix[i, j] * y[b, j]


@kernel
def lorenz_rhs(t, y, dy, sigma, rho, ratio):
    for b in range(y.shape[0]):
        dy[b, 0] = sigma * (y[b, 1] - y[b, 0])
        dy[b, 1] = y[b, 0] * (rho - y[b, 2]) - y[b, 1]
        dy[b, 2] = y[b, 0] * y[b, 1] - ratio * y[b, 2]


@kernel
def rate_rhs(t, y, dy, weights, gain):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = -y[b, i]
        for j in range(y.shape[1]):
            rate = gain * np.tanh(y[b, j])
            for i in range(y.shape[1]):
                dy[b, i] += weights[i, j] * rate


@kernel
def henon_update(t, y, dy, a, b):
    for r in range(y.shape[0]):
        dy[r, 0] = 1.0 - a * y[r, 0] ** 2 + y[r, 1]
        dy[r, 1] = b * y[r, 0]


@kernel
def logistic(t, y, dy, rate):
    for r in range(y.shape[0]):
        dy[r, 0] = rate * y[r, 0] * (1.0 - y[r, 0])


LORENZ = FunctionFlow(lorenz_rhs, n_units=3, values={"sigma": 10.0, "rho": 28.0, "ratio": 8.0 / 3.0})


def test_of_a_linear_flow_they_are_the_real_parts_of_the_eigenvalues():
    matrix = np.array([[-0.3, 2.0, 0.1], [-2.0, -0.3, 0.0], [0.0, 0.2, -1.0]])
    flow = FunctionFlow(linear_rhs, n_units=3, values={"matrix": matrix})
    found = lyapunov_exponents(flow, [0.1, 0.2, 0.3], n_exponents=3, duration=200.0, transient=50.0, dt=0.02)
    expected = np.sort(np.linalg.eigvals(matrix).real)[::-1]
    np.testing.assert_allclose(
        found.lyapunov_exponent[0], expected, atol=0.01
    )  # a rotation, over a whole number of turns or not
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(np.trace(matrix), abs=1e-6)


def test_of_the_lorenz_attractor():
    settings = {"n_exponents": 3, "duration": 300.0, "transient": 20.0, "dt": 0.01}
    found = lyapunov_exponents(LORENZ, [[1.0, 1.0, 20.0], [-3.0, 2.0, 25.0]], **settings)
    # 0.9056, 0, -14.572: Sprott (2003), Chaos and time-series analysis
    np.testing.assert_allclose(found.lyapunov_exponent, [[0.9056, 0.0, -14.572]] * 2, atol=0.04)
    np.testing.assert_allclose(
        found.lyapunov_exponent.sum("rank"), -(10 + 1 + 8 / 3), rtol=1e-4
    )  # the divergence, constant
    np.testing.assert_allclose(found.dimension, 2.062, atol=0.005)
    assert float(found.standard_error[0, 0]) < 0.03


def test_of_the_logistic_map_it_is_log_two():
    found = lyapunov_exponents(FunctionMap(logistic, 1, {"rate": 4.0}), [[0.3]], duration=20000, transient=100)
    assert abs(float(found.lyapunov_exponent[0, 0]) - np.log(2)) < 4 * float(found.standard_error[0, 0]) + 1e-4


def test_of_the_henon_map_their_sum_is_the_logarithm_of_the_determinant():
    found = lyapunov_exponents(
        FunctionMap(henon_update, 2, {"a": 1.4, "b": 0.3}), [0.1, 0.1], n_exponents=2, duration=5000
    )
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(np.log(0.3), abs=1e-4)
    assert float(found.lyapunov_exponent[0, 0]) == pytest.approx(0.4192, abs=0.01)  # Sprott (2003)


def test_a_random_rate_network_becomes_chaotic_above_a_gain_of_one():
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((300, 300)) / np.sqrt(300)
    start, settings = rng.standard_normal(300), {"duration": 100.0, "transient": 60.0, "dt": 0.1}
    found = {}
    for gain in (0.5, 3.0):
        flow = FunctionFlow(rate_rhs, n_units=300, values={"weights": weights, "gain": gain})
        found[gain] = float(lyapunov_exponents(flow, start, **settings).lyapunov_exponent[0, 0])
    # below, the state is at rest at 0: the spectral abscissa of gain weights - 1
    assert found[0.5] == pytest.approx(0.5 * np.linalg.eigvals(weights).real.max() - 1, abs=0.02)
    assert found[3.0] > 0.1  # small networks may still find a cycle or a fixed point


def test_a_trajectory_has_the_same_exponents_in_company():
    settings = {"n_exponents": 2, "duration": 10.0, "dt": 0.01}
    pair = lyapunov_exponents(LORENZ, [[1.0, 1.0, 20.0], [-3.0, 2.0, 25.0]], **settings)
    alone = lyapunov_exponents(LORENZ, [1.0, 1.0, 20.0], **settings)
    np.testing.assert_array_equal(pair.lyapunov_exponent[0], alone.lyapunov_exponent[0])


def test_divergence_is_reported():
    flow = FunctionFlow(linear_rhs, n_units=1, values={"matrix": np.array([[50.0]])})
    with np.errstate(all="ignore"), pytest.raises(DivergedError, match="trajectory 0 diverged before time"):
        lyapunov_exponents(flow, [1.0], duration=100.0, dt=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_exponents": 4}, "n_exponents must be at most the number of units, 3, got 4"),
        ({"dt": None}, "dt must be given for a flow"),
        ({"method": "dopri5"}, "method must be one of euler, heun, rk4"),
        ({"duration": 1.05}, "duration must be a multiple"),
        ({"duration": 0.5}, "duration must be at least 10 intervals of 0.1, got 0.5"),
        ({"displacement": 0.0}, "displacement must be > 0"),
        ({"transient": -1.0}, "transient must be >= 0"),
        ({"seed": -1}, "seed must be an integer >= 0"),
    ],
)
def test_bad_arguments_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        lyapunov_exponents(LORENZ, [1.0, 1.0, 1.0], **{"duration": 2.0, "dt": 0.01, **settings})


def test_bad_models_are_refused():
    with pytest.raises(TypeError, match="model must be a Flow or a Map, got int"):
        lyapunov_exponents(3, [1.0], duration=1.0)
    with pytest.raises(ValueError, match="y0 must have 3 units, got 2"):
        lyapunov_exponents(LORENZ, [1.0, 1.0], duration=1.0, dt=0.01)
