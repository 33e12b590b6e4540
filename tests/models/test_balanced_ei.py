"""Gain functions and the NumPy side of the balanced E-I network."""

import numpy as np
import pytest
import xarray as xr

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.models.balanced_ei import BalancedEI
from tests import naive

WEIGHTS = np.array(
    [[0.0, 0.3, -0.4, -0.1], [0.2, 0.0, -0.3, 0.0], [0.5, 0.4, 0.0, -0.2], [0.1, 0.6, -0.3, 0.0]],
)
POTENTIALS = np.array([[11.0, 4.0, 6.0, 3.0], [-2.0, 8.0, 0.5, 9.0]])
GAINS = [PowerLaw(), PowerLaw(0.3, 1.0), PowerLaw(0.02, 2.7), SoftplusSquared(), SoftplusSquared(0.05)]
NAIVE = {
    PowerLaw(): (naive.power_law, naive.power_law_slope),
    SoftplusSquared(): (naive.softplus_squared, naive.softplus_squared_slope),
}


@pytest.fixture(params=list(NAIVE), ids=repr)
def activation(request):
    return request.param


def network(**options):
    return BalancedEI(WEIGHTS, 2, **options)


# --- gain functions ---


@pytest.mark.parametrize("gain", GAINS, ids=repr)
def test_slope_and_curvature_are_derivatives_of_the_rate(gain):
    u = np.array([-40.0, -3.0, -0.5, 0.5, 3.0, 12.0, 80.0])
    step = 1e-4
    slope = (gain.rate(u + step) - gain.rate(u - step)) / (2 * step)
    curvature = (gain.slope(u + step) - gain.slope(u - step)) / (2 * step)
    np.testing.assert_allclose(gain.slope(u), slope, rtol=1e-7, atol=1e-9)  # truncation step^2
    np.testing.assert_allclose(gain.curvature(u), curvature, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("gain", GAINS, ids=repr)
def test_potential_inverts_the_rate(gain):
    rates = np.array([1e-6, 0.1, 5.0, 80.0, 1e6])
    np.testing.assert_allclose(gain.rate(gain.potential(rates)), rates, rtol=1e-11)  # log(expm1) near 0


def test_five_hertz_need_eleven_millivolts():
    assert PowerLaw().potential(5.0) == pytest.approx(11.18, abs=0.005)
    assert PowerLaw().slope(PowerLaw().potential(5.0)) == pytest.approx(0.894, abs=0.0005)
    assert PowerLaw(0.02).potential(5.0) == pytest.approx(15.81, abs=0.005)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_power_law_is_silent_at_and_below_threshold(exponent):
    gain = PowerLaw(0.04, exponent)
    for function in (gain.rate, gain.slope, gain.curvature):
        np.testing.assert_array_equal(function(np.array([-1e308, -1.0, 0.0])), 0.0)


@pytest.mark.parametrize("gain", GAINS, ids=repr)
def test_nan_potentials_stay_nan(gain):
    potential = np.array([1.0, np.nan])
    for function in (gain.rate, gain.slope, gain.curvature):
        np.testing.assert_array_equal(np.isnan(function(potential)), [False, True])


def test_softplus_does_not_overflow():
    u = np.array([-1e6, -800.0, 800.0, 1e6])
    gain = SoftplusSquared()
    np.testing.assert_allclose(gain.rate(u), 0.02 * np.maximum(u, 0.0) ** 2, rtol=1e-12)
    np.testing.assert_allclose(gain.slope(u), 0.04 * np.maximum(u, 0.0), rtol=1e-12)


@pytest.mark.parametrize("gain", GAINS, ids=repr)
def test_negative_rates_have_no_potential(gain):
    with pytest.raises(ValueError, match="rate must be >=? 0 Hz everywhere, got a minimum of -1"):
        gain.potential([2.0, -1.0])


def test_rate_zero_is_at_threshold_or_nowhere():
    assert PowerLaw().potential(0.0) == 0.0
    with pytest.raises(ValueError, match="rate must be > 0 Hz"):
        SoftplusSquared().potential(0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerLaw(gain=0.0), "gain must be a finite number > 0, got 0"),
        (lambda: PowerLaw(gain=np.inf), "gain must be a finite number > 0, got inf"),
        (lambda: PowerLaw(exponent=0.5), "exponent must be a finite number >= 1, got 0.5"),
        (lambda: SoftplusSquared(gain=-1.0), "gain must be a finite number > 0, got -1"),
    ],
)
def test_bad_gains_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- network ---


@pytest.mark.parametrize("drive", [7.0, np.array([1.0, 2.0, 3.0, 4.0])], ids=["scalar", "per unit"])
def test_velocity_agrees_with_plain_loops(activation, drive):
    model = network(activation=activation, drive=drive, tau_e=15.0, tau_i=4.0)
    rate, _ = NAIVE[activation]
    expected = [naive.velocity(u, WEIGHTS, 2, rate, drive=drive, tau_e=15.0, tau_i=4.0) for u in POTENTIALS]
    np.testing.assert_allclose(model.velocity(POTENTIALS), expected, rtol=1e-12, atol=1e-14)


def test_jacobian_agrees_with_plain_loops(activation):
    _, slope = NAIVE[activation]
    expected = [naive.jacobian(u, WEIGHTS, 2, slope) for u in POTENTIALS]
    np.testing.assert_allclose(network(activation=activation).jacobian(POTENTIALS), expected, atol=1e-14)


def test_jacobian_is_the_derivative_of_the_velocity(activation):
    model, step = network(activation=activation), 1e-5
    moves = step * np.eye(4)
    numeric = (model.velocity(POTENTIALS[0] + moves) - model.velocity(POTENTIALS[0] - moves)).T / (2 * step)
    np.testing.assert_allclose(model.jacobian(POTENTIALS[0]), numeric, atol=1e-9)


def test_currents_agree_with_plain_loops(activation):
    rate, _ = NAIVE[activation]
    currents = network(activation=activation).currents(POTENTIALS)
    for k, u in enumerate(POTENTIALS):
        excitatory, inhibitory = naive.currents(u, WEIGHTS, 2, rate)
        np.testing.assert_allclose(currents["excitatory"][k], excitatory, atol=1e-14)
        np.testing.assert_allclose(currents["inhibitory"][k], inhibitory, atol=1e-14)


def test_currents_and_drive_make_up_the_velocity():
    model = network()
    currents = model.currents(POTENTIALS)
    total = currents["excitatory"] + currents["inhibitory"] + model.drive - POTENTIALS
    np.testing.assert_allclose(total / model.tau, model.velocity(POTENTIALS), atol=1e-14)


@pytest.mark.parametrize("n_leading", [0, 1, 2])
def test_currents_are_labelled(n_leading):
    currents = network().currents(np.ones((2,) * n_leading + (4,)))
    assert currents["excitatory"].dims == ("trajectory", "time")[:n_leading] + ("unit",)
    assert currents["inhibitory"].attrs["units"] == "mV"


def test_currents_keep_the_labels_of_their_input():
    potential = xr.DataArray(POTENTIALS, dims=("pattern", "unit"), coords={"pattern": [3, 9]})
    currents = network().currents(potential)
    assert currents["excitatory"].dims == ("pattern", "unit")
    assert list(currents["pattern"].values) == [3, 9]


def test_leading_axes_do_not_change_the_numbers():
    block = np.stack([POTENTIALS, POTENTIALS + 1.0, POTENTIALS - 1.0])
    model = network()
    for function in (model.velocity, model.jacobian, model.rate):
        np.testing.assert_allclose(function(block)[1], function(block[1]), rtol=1e-13, atol=1e-14)


def test_trace_of_the_jacobian_does_not_depend_on_weights():
    trace = np.trace(network().jacobian(POTENTIALS[0]))
    assert trace == pytest.approx(-(2 / 20.0 + 2 / 10.0), rel=1e-12)


def test_network_holds_its_own_read_only_copies():
    weights = WEIGHTS.copy()
    model = BalancedEI(weights, 2)
    weights[0, 1] = 5.0
    assert model.weights[0, 1] == 0.3
    with pytest.raises(ValueError, match="read-only"):
        model.weights[0, 1] = 5.0


def test_sizes_and_time_constants_follow_the_weights():
    model = network()
    assert (model.n_units, model.n_excitatory, model.n_inhibitory) == (4, 2, 2)
    np.testing.assert_array_equal(model.tau, [20.0, 20.0, 10.0, 10.0])
    np.testing.assert_array_equal(model.drive, 7.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": np.ones((2, 3))}, ValueError, r"weights must be a square matrix .* \(2, 3\)"),
        ({"weights": np.full((4, 4), np.nan)}, ValueError, "weights must be finite, got 16 other values"),
        ({"weights": WEIGHTS + np.eye(4)}, ValueError, "weights must have a zero diagonal, got 4 units"),
        ({"weights": -WEIGHTS}, ValueError, r"weights must be >= 0 in .* columns 0..1 \(Dale's law\)"),
        ({"n_excitatory": 3}, ValueError, "weights must be >= 0 in the excitatory columns 0..2"),
        ({"n_excitatory": 1}, ValueError, "weights must be <= 0 in the inhibitory columns 1..3"),
        ({"n_excitatory": 0}, ValueError, r"n_excitatory must be in 1..4, got 0"),
        ({"n_excitatory": 2.0}, TypeError, "n_excitatory must be an integer, got float"),
        ({"n_excitatory": True}, TypeError, "n_excitatory must be an integer, got bool"),
        ({"drive": np.ones(3)}, ValueError, r"drive must have shape \(4,\), got \(3,\)"),
        ({"drive": np.inf}, ValueError, "drive must be finite"),
        ({"tau_e": 0.0}, ValueError, "tau_e must be > 0, got 0.0"),
        ({"tau_i": -5.0}, ValueError, "tau_i must be > 0, got -5.0"),
        ({"tau_i": np.nan}, ValueError, "tau_i must be finite, got nan"),
        ({"activation": np.tanh}, TypeError, "activation must be a PowerLaw or a SoftplusSquared, got ufunc"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        BalancedEI(**({"weights": WEIGHTS, "n_excitatory": 2} | change))


@pytest.mark.parametrize("function", ["rate", "velocity", "jacobian", "currents"])
def test_wrong_number_of_units_is_named(function):
    with pytest.raises(ValueError, match=r"potential must have 4 units on its last axis, got shape \(2, 3\)"):
        getattr(network(), function)(np.ones((2, 3)))


def test_arrays_of_four_dimensions_need_labels():
    with pytest.raises(ValueError, match="potential must have at most 3 dimensions, got 4"):
        network().currents(np.ones((1, 1, 1, 4)))
