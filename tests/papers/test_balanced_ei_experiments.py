"""The experiments of the balanced network at toy size: cues, kept networks, Datasets, figures and claims."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import recall_error
from assocmem.papers import balanced_ei
from assocmem.papers.balanced_ei import cues, images, network, noise, quenching, recall, soc, sweeps
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.patterns import lognormal_patterns

TINY = (10, 5, 3)  # excitatory, inhibitory, patterns


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def run(cache, monkeypatch):
    monkeypatch.setitem(network.SIZES, "quick", TINY)
    monkeypatch.setattr(sweeps, "N_EXCITATORY", 7)
    monkeypatch.setattr(sweeps, "N_INHIBITORY", 3)
    monkeypatch.setitem(soc.SIZES, "quick", (40, 10))
    return Run(seed=2, cache=cache)


@pytest.fixture
def stored(run):
    return network.improved(run)


def test_stored_potentials_are_fixed_points_with_the_rates_of_the_patterns(stored):
    potentials = stored.potentials.to_numpy()
    assert np.abs(stored.model.velocity(potentials)).max() < 1e-10  # tolerance of the projection
    np.testing.assert_allclose(stored.excitatory_rates(potentials), stored.patterns, rtol=1e-12)


def test_a_kept_network_is_read_back_to_the_last_bit(run, stored, monkeypatch):
    monkeypatch.setattr(network, "train_balanced_ei", None)  # would fail if it were called
    again = network.improved(run)
    np.testing.assert_array_equal(again.model.weights, stored.model.weights)
    np.testing.assert_array_equal(again.potentials, stored.potentials)
    assert again.model.activation == stored.model.activation
    xr.testing.assert_identical(again.history.drop_attrs(), stored.history.drop_attrs())


@pytest.mark.parametrize("change", ["seed", "epsilon", "patterns", "version", "sources"])
def test_a_kept_network_answers_no_other_question(run, monkeypatch, change):
    patterns = network.canonical_patterns(run)
    settings = {"n_inhibitory": 5, "seed": 2, "epsilon": None}
    key = network._key(patterns, settings)
    if change == "patterns":
        patterns = patterns + 1e-12
    elif change == "version":
        monkeypatch.setattr(network, "package_version", lambda: "other")
    elif change == "sources":
        monkeypatch.setattr(network, "_source_hash", lambda: "other")
    else:
        settings[change] = 3
    assert network._key(patterns, settings) != key


def test_a_file_under_another_name_is_refused(run, stored, tmp_path):
    patterns = network.canonical_patterns(run)
    network._write(stored, tmp_path / "one.nc", "one")
    with pytest.raises(ValueError, match="must hold the network of its name, got that of one"):
        network._read(tmp_path / "one.nc", patterns, "two")


def test_an_interrupted_training_is_not_used(monkeypatch):
    training = SimpleNamespace(message="interrupted in stage 1 of 3")
    monkeypatch.setattr(network, "train_balanced_ei", lambda patterns, **settings: training)
    patterns = lognormal_patterns(2, 4, seed=0)
    with pytest.raises(KeyboardInterrupt):
        network.trained(Run(), patterns, n_inhibitory=2, storage="exact")


@pytest.mark.parametrize("inhibition", ["random", "equal"])
def test_the_control_stores_but_does_nothing_for_stability(run, inhibition):
    patterns = network.canonical_patterns(run)
    control = network.without_stability(run, patterns, n_inhibitory=5, inhibition=inhibition)
    potentials = control.potentials.to_numpy()
    assert np.abs(control.model.velocity(potentials)).max() < 1e-10  # tolerance of the projection
    assert (np.ptp(potentials[:, 10:], axis=0) == 0).all() == (inhibition == "equal")


def test_cues_without_noise_are_the_stored_states(stored):
    starts = cues.noisy_starts(stored, noise=0.0, inhibition="pattern", n_cues=2, seed=0)
    np.testing.assert_allclose(starts.isel(cue=1), stored.potentials, rtol=1e-12)  # rate and back


def test_mean_inhibition_tells_nothing_of_the_pattern(stored):
    starts = cues.noisy_starts(stored, noise=0.0, inhibition="mean", n_cues=2, seed=0)
    inhibitory = starts.isel(unit=slice(10, None))
    assert (inhibitory == inhibitory.isel(pattern=0, cue=0)).all()


def test_inhibitory_and_excitatory_noise_are_independent(stored):
    starts = cues.noisy_starts(stored, noise=0.1, inhibition="noisy", n_cues=400, seed=0)
    noise_of = starts - starts.mean("cue")
    correlation = np.corrcoef(noise_of[0, :, 0], noise_of[0, :, 10])[0, 1]
    assert abs(correlation) < 0.2  # 4 standard errors of 400 pairs


def test_states_that_start_on_a_pattern_stay_there(stored, run):
    starts = cues.noisy_starts(stored, noise=0.0, inhibition="pattern", n_cues=1, seed=0)
    rates = cues.final_rates(stored, starts, run)
    assert rates.dims == ("pattern", "cue", "unit")
    assert float(cues.cued_error(stored, rates).max()) < 1e-6  # they need not move at all
    assert cues.is_identified(stored, rates).all()


def test_the_cued_error_is_that_of_the_own_pattern(stored):
    rates = stored.patterns.roll(pattern=1, roll_coords=False).drop_vars("pattern")
    error = cues.cued_error(stored, rates)
    expected = recall_error(stored.patterns.isel(pattern=0, drop=True), stored.patterns)[1]
    assert float(error[1]) == pytest.approx(float(expected), rel=1e-12)
    assert not cues.is_identified(stored, rates).any()


def test_unknown_inhibition_is_refused(stored, run):
    with pytest.raises(ValueError, match="inhibition must be one of mean, pattern, noisy, got 'none'"):
        cues.noisy_starts(stored, noise=0.0, inhibition="none", n_cues=1, seed=0)
    with pytest.raises(ValueError, match="inhibition must be one of random, equal, got 'none'"):
        network.without_stability(run, stored.patterns, n_inhibitory=5, inhibition="none")


def test_the_stimulus_is_shaped_like_the_pattern_and_for_excitatory_units_only(stored):
    schedule = quenching._stimulus(stored, 0.5, 2, 3)
    assert schedule.values.shape == (1, 6, 15)
    potentials = stored.potentials.to_numpy()[:, :10]
    np.testing.assert_allclose(schedule.values[0, 4, :10], 0.5 * (potentials[1] - potentials.mean(0)), rtol=1e-12)
    assert (schedule.values[0, :, 10:] == 0).all()


@pytest.mark.parametrize("experiment", balanced_ei.PAPER.experiments, ids=lambda e: e.name)
def test_experiments_run_draw_and_claim(experiment, run, monkeypatch, tmp_path):
    monkeypatch.setattr(recall, "NOISE", (0.25, 0.5, 1.0))
    monkeypatch.setattr(noise, "STRENGTHS", (0.25, 0.5, 2.0))
    monkeypatch.setattr(images, "NOISE", (0.25, 0.5))
    monkeypatch.setattr(images, "SHOWN", 1)
    monkeypatch.setitem(sweeps.LOADS, "quick", (0.2, 0.4))
    monkeypatch.setattr(sweeps, "SMOOTHINGS", (0.6, 2.4))
    dataset = experiment.run(run)
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


def test_experiments_have_their_own_names():
    names = [experiment.name for experiment in balanced_ei.PAPER.experiments]
    assert len(set(names)) == len(names) == 10


def test_a_runaway_is_not_bounded():
    final_state = xr.DataArray([[5.0, 9.0], [5.0, 1e5], [5.0, 9.0]], dims=("trajectory", "unit"))
    result = xr.Dataset({"status": ("trajectory", [0, 0, 2]), "final_state": final_state})
    np.testing.assert_array_equal(cues.is_bounded(result), [True, False, False])
