"""Training of the balanced E-I network at toy size."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from assocmem.kernels.activations import SoftplusSquared
from assocmem.learning import balanced_ei
from assocmem.learning.balanced_ei import train_balanced_ei
from assocmem.learning.schedules import Stage, exact_schedule, penalty_schedule
from assocmem.learning.storage import NotStorableError
from assocmem.models.balanced_ei import BalancedEI
from tests import naive
from tests.learning.cases import patterns

STABLE = exact_schedule(retrieval=False)
SHORT = (Stage(4),)
SLOW = (Stage(3, stability=0.0, velocity=1.0), Stage(3, velocity=1.0))


def train(rates=None, **options):
    rates = patterns() if rates is None else rates
    return train_balanced_ei(rates, **({"n_inhibitory": 8, "seed": 0, "schedule": STABLE} | options))


@pytest.fixture(scope="module")
def training():
    return train(schedule=exact_schedule())


def test_every_pattern_is_an_exact_stable_fixed_point(training):
    assert training.converged
    for mu, potential in enumerate(training.potentials.values):
        rate = [naive.power_law(u) for u in potential[:16]]
        np.testing.assert_allclose(rate, patterns()[mu], rtol=1e-12)
        velocity = naive.velocity(potential, training.model.weights, 16, naive.power_law)
        assert np.abs(velocity).max() < 1e-10
        jacobian = naive.jacobian(potential, training.model.weights, 16, naive.power_law_slope)
        assert 1000.0 * naive.spectral_abscissa(jacobian) == pytest.approx(training.abscissas[mu].item())
    assert training.abscissas.max() < 0.0


def test_result_is_a_network_of_dales_law(training):
    assert isinstance(training.model, BalancedEI)  # which refuses others
    assert training.model.n_excitatory == 16
    assert training.model.n_inhibitory == 8


def test_result_carries_units_and_dimensions(training):
    assert training.potentials.dims == ("pattern", "unit")
    assert training.potentials.attrs["units"] == "mV"
    assert training.abscissas.attrs["units"] == "1/s"
    assert training.history["abscissa"].dims == ("iteration", "pattern")
    assert all("units" in variable.attrs for variable in training.history.variables.values())


def test_history_starts_unstable_and_costs_fall_within_a_stage(training):
    history = training.history
    assert history["abscissa"][0].max() > 0.0
    for stage in np.unique(history["stage"]):
        cost = history["cost"].values[history["stage"].values == stage]
        assert np.all(np.diff(cost) <= 0.0)  # the line search accepts no other


def test_history_terms_add_up_to_the_cost(training):
    terms = [training.history[name] for name in ("velocity", "stability", "frobenius", "spread", "retrieval")]
    np.testing.assert_allclose(sum(terms), training.history["cost"], rtol=1e-12)


def test_message_says_how_far_it_got(training):
    assert training.message.startswith("converged after")
    assert "4 of 4 patterns stable, largest abscissa -" in training.message


def test_stages_end_once_stable_and_further_ones_are_skipped():
    result = train()
    assert set(result.history["stage"].values) == {0}
    assert result.history.sizes["iteration"] < STABLE[0].iterations
    assert result.history["abscissa"][-1].max() < -4.0
    assert result.history["abscissa"][-2].max() >= -4.0


@pytest.mark.parametrize("threads", [2, 3])
def test_bits_do_not_depend_on_the_number_of_workers(threads):
    schedule = (Stage(5, retrieval=1.0, n_cues=3, cue_duration=2.0),)
    one, more = (train(schedule=schedule, threads=n) for n in (1, threads))
    np.testing.assert_array_equal(one.model.weights, more.model.weights)
    np.testing.assert_array_equal(one.potentials, more.potentials)
    xr.testing.assert_identical(one.history, more.history)


def test_same_seed_gives_the_same_network_and_another_seed_another():
    first, again, other = (train(schedule=SHORT, seed=seed).model.weights for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize(
    "options",
    [
        {"parametrisation": "exp"},
        {"activation": SoftplusSquared()},
        {"trains_drive": True},
        {"is_clamped": np.arange(8) < 4},
        {"inhibitory_rates": np.full((4, 8), 5.0)},
        {"drive": np.linspace(6.0, 8.0, 24)},
        {"tau_e": 10.0, "tau_i": 10.0},
    ],
    ids=lambda options: ",".join(options),
)
def test_options_train_to_stability(options):
    result = train(**options)
    assert result.converged, result.message
    assert np.abs(result.model.velocity(result.potentials.values)).max() < 1e-9


def test_trained_drive_moves_and_the_given_one_stays():
    assert np.ptp(train(trains_drive=True, schedule=SHORT).model.drive) > 1e-6
    assert np.ptp(train(schedule=SHORT).model.drive) == 0.0


def test_clamped_units_end_where_they_began():
    rates = np.linspace(2.0, 8.0, 32).reshape(4, 8)
    result = train(inhibitory_rates=rates, is_clamped=True, schedule=SHORT)
    np.testing.assert_allclose(result.model.rate(result.potentials.values)[:, 16:], rates, rtol=1e-12)


def test_low_contrast_and_correlated_patterns_train():
    similar = patterns(1, 16) + 0.3 * patterns(4, 16, seed=1)
    for rates in (patterns(sd=2.0), similar):
        assert train(rates).converged


@pytest.mark.parametrize("parametrisation", ["softplus", "bound"])
def test_objective_of_the_paper_trains_and_is_projected(parametrisation):
    schedule = tuple(replace(s, iterations=60) for s in penalty_schedule(24, hinge=None))
    result = train(storage="penalty", parametrisation=parametrisation, schedule=schedule)
    assert result.converged, result.message
    # slow points before the projection, fixed points after it
    assert result.history["residual"][-1] > 1e-4
    assert np.abs(result.model.velocity(result.potentials.values)).max() < 1e-10


def test_too_few_iterations_return_the_best_network_and_say_so():
    result = train(schedule=(Stage(2),))
    assert not result.converged
    assert result.message.startswith("not converged after 2 iterations:")
    np.testing.assert_allclose(result.abscissas, result.history["abscissa"][-1], atol=1e-3)


def test_interruption_returns_the_best_network(monkeypatch):
    record = balanced_ei.TrainingState.record

    def interrupt_after_five(self, evaluation):
        record(self, evaluation)
        if self.iteration == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(balanced_ei.TrainingState, "record", interrupt_after_five)
    result = train()
    assert not result.converged
    assert result.message.startswith("interrupted in stage 1 of 3 after 5 iterations:")
    assert np.abs(result.model.velocity(result.potentials.values)).max() < 1e-10


def test_interruption_of_the_search_for_rates_returns_a_network(monkeypatch, tmp_path):
    def interrupt(problem, *, report):
        report(replace(problem, drive=np.full(20, 6.5)))
        raise KeyboardInterrupt

    monkeypatch.setattr(balanced_ei, "storable_problem", interrupt)
    path = tmp_path / "run.npz"
    result = train(patterns(11, 14), n_inhibitory=6, checkpoint=path)
    assert result.message.startswith("interrupted in the search for inhibitory rates that allow storage after 0 it")
    assert not result.converged
    np.testing.assert_array_equal(result.model.drive, 6.5)  # the last network of the search
    assert not path.exists()  # there is nothing to go on from


def test_patterns_that_are_not_stored_are_not_stable():
    # 20 patterns are too many for 10 units; slopes of almost 0 make every spectrum that of the leak
    result = train(
        1e-6 * patterns(20, 6),
        n_inhibitory=4,
        storage="penalty",
        schedule=SLOW,
        inhibitory_rates=np.full((20, 4), 1e-6),
    )
    assert result.abscissas.max() < 0.0
    assert not result.converged
    assert ": 0 of 20 patterns stable" in result.message
    assert "patterns not stored: 20 of 20; patterns cannot be stored" in result.message


@pytest.mark.parametrize("trains_drive", [False, True])
def test_given_rates_that_cannot_be_stored_are_refused_before_training(trains_drive, monkeypatch):
    monkeypatch.setattr(balanced_ei._Trainer, "_run_stages", None)
    with pytest.raises(NotStorableError, match="patterns cannot be stored: 20 patterns in 10 units leave unit"):
        train(
            patterns(20, 6),
            n_inhibitory=4,
            storage="penalty",
            schedule=SLOW,
            is_clamped=True,
            trains_drive=trains_drive,
        )


def test_given_rates_that_can_be_stored_are_trained():
    assert train(storage="penalty", schedule=SLOW, is_clamped=True).history.sizes["iteration"] > 0


def test_networks_that_differ_by_a_time_scale_train_identically():
    schedule = (Stage(6, retrieval=1.0, n_cues=2),)
    slow, fast = (train(schedule=schedule, tau_e=tau, tau_i=tau / 2.0) for tau in (20.0, 0.02))
    np.testing.assert_array_equal(slow.model.weights, fast.model.weights)
    np.testing.assert_allclose(slow.abscissas * 1000.0, fast.abscissas, rtol=1e-9)


def test_labelled_patterns_may_come_in_any_order():
    labelled = xr.DataArray(patterns(), dims=("pattern", "unit"))
    weights = train(labelled.transpose("unit", "pattern"), schedule=SHORT).model.weights
    np.testing.assert_array_equal(weights, train(schedule=SHORT).model.weights)


def test_progress_is_shown_on_request(capfd):
    train(schedule=SHORT, progress=True)
    shown = capfd.readouterr().err
    assert "training" in shown
    assert "stable, largest abscissa" in shown
    train(schedule=SHORT)
    assert capfd.readouterr().err == ""


def test_patterns_that_cannot_be_stored_are_refused():
    with pytest.raises(ValueError, match="patterns cannot be stored: 20 patterns in 10 units leave unit"):
        train(patterns(20, 6), n_inhibitory=4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rates": np.ones(5)}, ValueError, r"patterns must have shape \(pattern, unit\)"),
        ({"rates": np.full((2, 5), np.nan)}, ValueError, "patterns must be finite"),
        ({"rates": -patterns()}, ValueError, "patterns must be finite rates >= 0 Hz"),
        ({"rates": np.ones((2, 5))}, ValueError, "constant rates in pattern 0"),
        ({"n_inhibitory": 1}, ValueError, "n_inhibitory must be an integer >= 2, got 1"),
        ({"n_inhibitory": 8.0}, TypeError, "n_inhibitory must be an integer >= ., got"),
        ({"seed": 0.5}, TypeError, "seed must be an integer >= ., got"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
        ({"threads": 0}, ValueError, "threads must be an integer >= 1, got 0"),
        ({"storage": "hebbian"}, ValueError, "storage must be one of exact, penalty, got 'hebbian'"),
        ({"parametrisation": "tanh"}, ValueError, "parametrisation must be one of softplus, exp, bound"),
        ({"parametrisation": "bound"}, ValueError, "must be softplus or exp with storage='exact'"),
        ({"epsilon": 0.2}, ValueError, r"epsilon must be in \(0, 0.1111\) per tau_e for 24 units, got 0.2"),
        ({"drive": np.ones(3)}, ValueError, r"drive must have shape \(24,\), got \(3,\)"),
        ({"tau_e": -1.0}, ValueError, "tau_e must be > 0.*, got -1.0"),
        ({"is_clamped": np.ones(3, bool)}, ValueError, r"is_clamped must be .* \(8,\), got bool"),
        ({"inhibitory_rates": np.ones((2, 2))}, ValueError, r"inhibitory_rates must .* \(4, 8\)"),
        ({"rates": patterns() + 1j}, TypeError, "patterns must be real numbers, got dtype complex128"),
        ({"rates": [["a", "b"]]}, TypeError, "patterns must be real numbers"),
        (
            {"rates": xr.DataArray(patterns(), dims=("unit", "cue"))},
            ValueError,
            r"patterns must have the dimensions \(pattern, unit\), got \('unit', 'cue'\)",
        ),
        ({"epsilon": "a"}, TypeError, "epsilon must be a number, got 'a'"),
        ({"epsilon": np.nan}, ValueError, "epsilon must be finite, got nan"),
        ({"tau_e": "a"}, TypeError, "tau_e must be a number, got 'a'"),
        ({"tau_i": None}, TypeError, "tau_i must be a number, got None"),
        ({"row_sums": (1, 2, 3, 4)}, TypeError, r"row_sums must be a RowSums.*, got \(1, 2, 3, 4\)"),
        ({"trains_drive": "no"}, TypeError, "trains_drive must be True or False, got 'no'"),
        ({"checkpoint": 3}, TypeError, "checkpoint must be a path, got 3"),
        ({"schedule": Stage(3)}, TypeError, "schedule must be a non-empty tuple of Stage, got Stage"),
        ({"schedule": (Stage(3) for _ in range(2))}, TypeError, "schedule must be a non-empty tuple of Stage"),
        ({"schedule": ()}, TypeError, "schedule must be a non-empty tuple of Stage"),
        ({"schedule": (Stage(1, velocity=1.0),)}, ValueError, "velocity must be 0 in every stage"),
    ],
)
def test_bad_arguments_are_named(options, error, message):
    with pytest.raises(error, match=message):
        train(**options)
