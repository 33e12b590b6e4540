"""simulate(): labels, recording, stopping, noise, continuation, reproducibility and errors."""

import json
import pickle

import numpy as np
import pytest
import xarray as xr

from assocmem import ensemble
from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import INITIAL_INPUT_STREAM, INPUT_STREAM
from assocmem.jit import kernel
from assocmem.kernels.matmul import matmul
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import Flow, FunctionFlow
from assocmem.observables import Observable, pattern_overlap
from assocmem.random import normals
from assocmem.simulate import DivergedError, SimulationInterrupted, iterate, simulate
from tests import naive_stepping, problems

N = 21  # no multiple of a vector or a tile


@pytest.fixture
def network(rng):
    weights = 0.02 * np.abs(rng.normal(size=(N, N)))
    weights[:, 14:] *= -1
    np.fill_diagonal(weights, 0.0)
    return BalancedEI(weights, 14)


@pytest.fixture
def starts(rng):
    return rng.normal(8.0, 2.0, size=(37, N))


NOISY = {"noise": OrnsteinUhlenbeck(tau=50.0, std=1.0), "seed": 7}


def run(network, starts, **options):
    settings = {"duration": 20.0, "dt": 0.5, "method": "rk4", "threads": 1, **options}
    if settings["method"] == "dopri5":
        settings["dt"] = None
    return simulate(network, starts, **settings)


# reproducibility


@pytest.mark.parametrize("options", [{}, {"method": "exponential_euler", **NOISY}, {"method": "dopri5"}], ids=str)
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit(network, starts, threads, options):
    xr.testing.assert_identical(run(network, starts, **options), run(network, starts, threads=threads, **options))


@pytest.mark.parametrize("options", [{}, NOISY, {"method": "dopri5"}], ids=str)
@pytest.mark.parametrize("rows", [[5], [0, 1, 2], [36, 4, 20, 7, 8, 9, 30, 31, 32]], ids=str)
def test_a_selection_has_the_bits_of_the_ensemble(network, starts, rows, options):
    alone = run(network, starts[rows], trajectory=np.array(rows), **options)
    whole = run(network, starts, **options)
    np.testing.assert_array_equal(alone.potential, whole.potential.sel(trajectory=rows))


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_block_size_does_not_change_a_bit(network, starts, rows, monkeypatch):
    whole = run(network, starts, **NOISY)
    monkeypatch.setattr(ensemble, "FEWEST_ROWS", rows)
    monkeypatch.setattr(ensemble, "BLOCK_VALUES", 1)
    monkeypatch.setattr(ensemble, "CHUNK_SECONDS", 1e-9)
    xr.testing.assert_identical(run(network, starts, **NOISY), whole)


@pytest.mark.parametrize("options", [{}, {"method": "heun", **NOISY}, {"method": "dopri5"}], ids=str)
def test_a_continued_run_has_the_bits_of_one_run(network, starts, options):
    first = run(network, starts, **options, duration=8.0)
    second = run(network, first, **{**options, "duration": 12.0})
    whole = run(
        network, starts, **options, **({"t_eval": [0.0, 8.0, 20.0]} if options.get("method") == "dopri5" else {})
    )
    # the adaptive method ends a step at 8 ms, so its later steps differ: equal within its tolerance, not to the bit
    tolerance = 1e-4 if options.get("method") == "dopri5" else 0.0
    np.testing.assert_allclose(second.final_state, whole.final_state, rtol=0, atol=tolerance)
    np.testing.assert_allclose(second.time[-1], whole.time[-1])


def test_an_adaptive_run_continues_bit_exactly_from_a_switching_time(network, starts):
    # both runs end a step at 8 ms: one because it ends there, the other because its stimulus switches there
    stimulus = Schedule(times=[0.0, 8.0], values=np.array([np.zeros(N), np.ones(N)]))
    first = run(network, starts, method="dopri5", duration=8.0, stimulus=stimulus)
    second = run(network, first, method="dopri5", duration=12.0, stimulus=stimulus)
    whole = run(network, starts, method="dopri5", stimulus=stimulus)
    np.testing.assert_array_equal(second.final_state, whole.final_state)


def test_a_continued_stochastic_run_survives_netcdf(network, starts, tmp_path):
    first = run(network, starts, **NOISY, duration=8.0)
    first.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as stored:
        second = run(network, stored.load(), noise=NOISY["noise"], duration=12.0)
    np.testing.assert_array_equal(second.final_state, run(network, starts, **NOISY).final_state)


def test_another_seed_gives_other_noise(network, starts):
    one, two = (run(network, starts[:2], noise=NOISY["noise"], seed=seed).final_state for seed in (1, 2))
    assert not np.any(one.values == two.values)


class Chunks:
    """A fixed number of steps in each chunk, where the wall clock would decide."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def __call__(self, first):
        return self

    def start(self, limit):
        return min(self.n_steps, limit)

    def finish(self, n_done):
        pass


@pytest.mark.parametrize("options", [NOISY, {**NOISY, "stop": SteadyState(0.15)}, {"method": "dopri5"}], ids=str)
@pytest.mark.parametrize("n_steps", [1, 3, 7])
def test_chunks_do_not_change_a_bit(network, starts, n_steps, options, monkeypatch):
    whole = run(network, starts, **options)
    monkeypatch.setattr(ensemble, "ChunkLength", Chunks(n_steps))
    xr.testing.assert_identical(run(network, starts, **options), whole)


def test_the_noise_of_a_stopped_trajectory_rests(network, starts):
    options = {**NOISY, "stop": SteadyState(0.15)}
    whole = run(network, starts, **options)
    assert len(np.unique(whole.n_steps)) > 5
    for row in (whole.n_steps.values.argmax(), whole.n_steps.values.argmin()):
        alone = run(network, starts[[row]], trajectory=[row], **options)
        np.testing.assert_array_equal(alone.input_noise[0], whole.input_noise[row])


@pytest.mark.parametrize("options", [{"method": "rk4", "dt": 0.1}, {"method": "dopri5"}], ids=str)
def test_steady_trajectories_stay_so_when_continued(options):
    starts = np.array([[1.0, 1.0, 1.0], [1e6, 1.0, 1.0]])
    settings = {"stop": SteadyState(1e-4), "threads": 1, **options}
    first = simulate(problems.leaky(), starts, duration=40.0, **settings)
    assert first.status.values.tolist() == [1, 0]
    second = simulate(problems.leaky(), first, duration=60.0, **settings)
    assert second.time[0] == 40.0 and second.time[-1] == 100.0
    assert second.stop_time[0] == first.stop_time[0] and second.status.values.tolist() == [1, 1]
    np.testing.assert_array_equal(second.final_state[0], first.final_state[0])
    if "dt" in options:
        whole = simulate(problems.leaky(), starts, duration=100.0, **settings)
        xr.testing.assert_equal(
            whole[["final_state", "n_steps", "stop_time"]], second[["final_state", "n_steps", "stop_time"]]
        )


def test_a_run_may_be_continued_between_two_records(network, starts):
    whole = run(network, starts, every=8)
    first = run(network, starts, every=8, duration=5.0)  # ten steps: the next record is at the sixteenth
    second = run(network, first, every=8, duration=15.0)
    xr.testing.assert_equal(second.potential, whole.potential.sel(time=slice(5.0, None)))


# recording


def test_every_thins_and_keeps_the_start(network, starts):
    whole, thinned = run(network, starts), run(network, starts, every=8)
    xr.testing.assert_equal(thinned.potential, whole.potential[:, ::8])
    np.testing.assert_array_equal(thinned.potential[:, 0], starts)


def test_time_is_a_multiple_of_dt():
    ds = simulate(problems.leaky(), np.ones(3), duration=1000.0, dt=0.1, method="euler", threads=1)
    np.testing.assert_array_equal(ds.time, 0.1 * np.arange(10001))


@pytest.mark.parametrize("options", [{"dt": 0.125, "method": "rk4"}, {"method": "dopri5", "rtol": 1e-10}], ids=str)
def test_time_may_start_anywhere(options):
    # from t = 1 with the values of the exact solution there
    start = problems.nonautonomous_solution(np.float64(1.0))
    ds = simulate(problems.NONAUTONOMOUS, start, t0=1.0, duration=1.0, threads=1, **options)
    np.testing.assert_allclose(
        ds.final_state[0], problems.nonautonomous_solution(2.0), rtol=1e-4
    )  # 0.125^4 / 120 = 2e-6, times a constant
    assert ds.time[0] == 1.0 and ds.time[-1] == 2.0


def test_last_state_only(network, starts):
    ds = run(network, starts, every=None)
    assert dict(ds.potential.sizes) == {"trajectory": 37, "time": 1, "unit": N}
    np.testing.assert_array_equal(ds.potential[:, 0], run(network, starts).potential[:, -1])
    np.testing.assert_array_equal(ds.final_state, ds.potential[:, 0])


def test_observables_replace_the_state(network, starts, rng):
    patterns = rng.random((3, 14))
    observables = {
        "overlap": pattern_overlap(patterns),
        "largest": lambda y: y.max(axis=-1),
        "pair": lambda y: y[..., :2],
    }
    ds, whole = run(network, starts, observables=observables), run(network, starts).potential
    assert "potential" not in ds
    assert ds.overlap.dims == ("trajectory", "time", "pattern") and ds.pair.dims == ("trajectory", "time", "pair_dim")
    np.testing.assert_array_equal(ds.largest, whole.max("unit"))
    y = whole.values[..., :14]
    expected = y @ patterns.T / np.linalg.norm(y, axis=-1)[..., None] / np.linalg.norm(patterns, axis=-1)
    np.testing.assert_allclose(ds.overlap, expected, rtol=1e-13)  # another order of summation


def test_observables_do_not_depend_on_chunks(network, starts, monkeypatch, rng):
    observables = {"overlap": pattern_overlap(rng.random((3, N)))}
    whole = run(network, starts, observables=observables)
    monkeypatch.setattr("assocmem.run.RECORD_BYTES", 1)
    np.testing.assert_array_equal(run(network, starts, observables=observables).overlap, whole.overlap)


def test_t_eval_is_recorded_at_its_times(network, starts):
    times = np.array([0.0, 0.7, 3.3, 20.0])
    ds = run(network, starts, method="dopri5", t_eval=times, rtol=1e-10, atol=1e-10)
    fine = run(network, starts, dt=0.1, method="rk4").sel(time=times, method="nearest")
    np.testing.assert_array_equal(ds.time, times)
    np.testing.assert_allclose(ds.potential, fine.potential, atol=1e-6)  # dt^4 of the reference


@pytest.mark.parametrize("engine", ["h5netcdf", "zarr"])
def test_round_trip_through_files(network, starts, engine, tmp_path):
    ds = run(network, starts, **NOISY, every=10)
    if engine == "zarr":
        pytest.importorskip("zarr")
        ds.to_zarr(tmp_path / "run.zarr", consolidated=False)
        stored = xr.open_zarr(tmp_path / "run.zarr", consolidated=False).load()
    else:
        ds.to_netcdf(tmp_path / "run.nc", engine=engine)
        stored = xr.load_dataset(tmp_path / "run.nc", engine=engine)
    xr.testing.assert_equal(stored, ds)
    assert json.loads(stored.attrs["provenance"]) == json.loads(ds.attrs["provenance"])


def test_attributes_hold_every_parameter(network, starts):
    ds = run(network, starts, **NOISY)
    provenance = json.loads(ds.attrs["provenance"])
    assert provenance["model"]["activation"] == {"type": "PowerLaw", "gain": 0.04, "exponent": 2.0}
    assert provenance["model"]["weights"]["shape"] == [N, N]
    assert provenance["settings"]["noise"] == {"type": "OrnsteinUhlenbeck", "tau": 50.0, "std": 1.0}
    assert set(provenance["versions"]) >= {"assocmem", "numpy", "numba", "python"}
    assert ds.attrs["method"] == "rk4" and ds.attrs["seed"] == "7" and ds.attrs["parameter_tau_e"] == 20.0
    assert all(v.attrs["units"] for v in ds.variables.values())


# stopping


def test_steady_trajectories_stop_one_by_one():
    model = problems.leaky()
    starts = np.array([[1.0, 1.0, 1.0], [1e6, 1.0, 1.0], [-2.0, 0.8, 1.5]])  # the last one starts at its fixed point
    ds = simulate(model, starts, duration=100.0, dt=0.1, method="rk4", stop=SteadyState(1e-8), threads=1)
    assert ds.status.values.tolist() == [1, 1, 1]
    assert ds.n_steps[2] == 1 < ds.n_steps[0] < ds.n_steps[1] < 1000
    assert np.all(ds.residual < 1e-8) and np.all(ds.residual[:2] > 1e-9)
    alone = [
        simulate(model, y0, duration=100.0, dt=0.1, method="rk4", stop=SteadyState(1e-8), threads=1) for y0 in starts
    ]
    np.testing.assert_array_equal(ds.n_steps, [one.n_steps.item() for one in alone])
    np.testing.assert_array_equal(ds.state, np.concatenate([one.state.values for one in alone]))
    np.testing.assert_array_equal(ds.state[:, -1], ds.final_state)


def test_the_adaptive_method_stops_at_steady_states():
    ds = simulate(problems.leaky(), np.ones((1, 3)), duration=1e4, method="dopri5", stop=SteadyState(1e-5), threads=1)
    assert ds.status.item() == 1 and ds.stop_time < 1e3 and ds.residual < 1e-5


def test_without_a_stop_rule_a_fixed_point_runs_on():
    ds = simulate(problems.leaky(), [-2.0, 0.8, 1.5], duration=5.0, dt=0.5, threads=1)
    assert ds.status.item() == 0 and ds.n_steps.item() == 10


def test_a_trajectory_is_not_steady_before_its_last_stimulus():
    fixed_point = [-2.0, 0.8, 1.5]
    late = Schedule([0.0, 5.0], [np.zeros(3), np.ones(3)])
    for options in ({"dt": 0.1}, {"method": "dopri5"}):
        ds = simulate(
            problems.leaky(), fixed_point, duration=100.0, stimulus=late, stop=SteadyState(1e-6), threads=1, **options
        )
        assert ds.stop_time > 5.0 and ds.status.item() == 1
        np.testing.assert_allclose(ds.final_state[0], fixed_point + 1 / np.linspace(0.5, 2.0, 3), atol=1e-5)


# divergence


@pytest.mark.parametrize("options", [{"dt": 0.01, "method": "rk4"}, {"method": "dopri5"}], ids=str)
def test_divergence_names_trajectory_and_time(options):
    starts = [[-1.0], [0.5], [0.25]]  # the solutions end at t = 2 and t = 4
    with pytest.raises(
        DivergedError, match=r"trajectory 1 diverged at time 2\.?\d* .*parameters .*square_rhs"
    ) as error:
        simulate(problems.BLOW_UP, starts, duration=10.0, threads=1, **options)
    assert error.value.trajectory == 1 and error.value.time == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("options", [{"dt": 0.01, "method": "rk4"}, {"method": "dopri5"}], ids=str)
def test_divergence_can_be_marked_and_leaves_the_others_alone(options):
    starts = np.array([[-1.0], [0.5], [0.25]])
    ds = simulate(problems.BLOW_UP, starts, duration=10.0, threads=1, on_divergence="mark", **options)
    assert (ds.status.values >= 2).tolist() == [False, True, True]
    alone = simulate(problems.BLOW_UP, starts[0], duration=10.0, threads=1, **options)
    np.testing.assert_array_equal(ds.final_state[0], alone.final_state[0])


def test_errors_reach_another_process_whole(network):
    with pytest.raises(DivergedError) as error:
        simulate(problems.BLOW_UP, [[0.5]], duration=10.0, dt=0.01, threads=1)
    copy = pickle.loads(pickle.dumps(error.value))
    assert str(copy) == str(error.value) and (copy.trajectory, copy.time) == (0, error.value.time)
    assert pickle.loads(pickle.dumps(SimulationInterrupted(xr.Dataset()))).dataset.identical(xr.Dataset())


def test_only_trial_steps_count_against_max_steps():
    switches = Schedule(0.25 * np.arange(40), np.random.default_rng(1).normal(size=(40, 3)))
    options = {"stimulus": switches, "method": "dopri5", "threads": 1}
    needed = simulate(problems.leaky(), np.ones(3), duration=10.0, **options).n_steps.item()
    ds = simulate(problems.leaky(), np.ones(3), duration=10.0, max_steps=2 * needed, **options)
    assert ds.status.item() == 0


def test_too_many_steps_are_reported():
    with pytest.raises(DivergedError, match="max_steps = 50 was reached"):
        simulate(problems.LORENZ, [1.0, 1.0, 1.0], duration=100.0, method="dopri5", max_steps=50, threads=1)


# input


def test_stimulus_switches_exactly():
    model, leak = problems.leaky(), np.linspace(0.5, 2.0, 3)
    stimulus = Schedule(times=[0.5, 1.5], values=[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    for options in ({"dt": 0.125, "method": "exponential_euler"}, {"method": "dopri5", "rtol": 1e-11, "atol": 1e-11}):
        ds = simulate(model, np.zeros(3), duration=2.0, stimulus=stimulus, threads=1, **options)
        y, drive = np.zeros(3), model.values["drive"]
        for length, value in ((0.5, 0), (1.0, stimulus.values[0]), (0.5, 0)):
            y = (drive + value) / leak + (y - (drive + value) / leak) * np.exp(-leak * length)
        np.testing.assert_allclose(ds.final_state.values[0], y, rtol=1e-9)  # exact up to the adaptive tolerance


def test_stimulus_may_differ_between_trajectories(network, starts, rng):
    values = rng.normal(size=(1, 37, N))
    together = run(network, starts, stimulus=Schedule([0.0], values))
    alone = run(network, starts[9], stimulus=Schedule([0.0], values[:, 9]))
    np.testing.assert_array_equal(together.potential[9], alone.potential[0])


@kernel
def gated(t, y, dy, stimulus, layers):
    for b in range(y.shape[0]):
        for i in range(2):
            dy[b, i] = 0.0
            for k in range(len(layers)):
                dy[b, i] += stimulus[b, k] * layers[k][0, i]


class GatedFlow(FunctionFlow):
    """Input by three gates, each with an int8 pattern of its own."""

    n_stimulus = 3


@pytest.mark.parametrize("options", [{"method": "euler", "dt": 0.25}, {"method": "dopri5"}], ids=lambda o: o["method"])
def test_the_input_may_have_its_own_columns(options):
    signs = np.array([[1, 1], [1, -1], [-1, 1]], np.int8)
    model = GatedFlow(gated, n_units=2, values={"layers": tuple(signs[:, None])})
    gates = [(0.5, 1.0, [1.0, 0.0, 0.0]), (0.75, 2.0, [[0.0, 2.0, 0.0], [0.0, 0.0, 4.0]])]
    run = simulate(model, np.zeros((2, 2)), duration=2.0, stimulus=Schedule.from_pulses(gates), **options)
    expected = 0.5 * signs[0] + 1.25 * np.array([2.0 * signs[1], 4.0 * signs[2]])
    np.testing.assert_allclose(run.final_state, expected, rtol=1e-14)  # sums of exact terms


def test_noise_of_an_input_with_its_own_columns_is_continued():
    signs = np.array([[1, 1], [1, -1], [-1, 1]], np.int8)
    model = GatedFlow(gated, n_units=2, values={"layers": tuple(signs[:, None])})
    options = {"dt": 0.25, "method": "euler", "seed": 3, "noise": OrnsteinUhlenbeck(tau=1.0, std=[1.0, 0.0, 2.0])}
    whole = simulate(model, np.zeros((2, 2)), duration=2.0, **options)
    part = simulate(model, np.zeros((2, 2)), duration=1.0, **options)
    assert part.input_noise.dims == ("trajectory", "input") and np.all(part.input_noise[:, 1] == 0.0)
    np.testing.assert_array_equal(simulate(model, part, duration=1.0, **options).final_state, whole.final_state)


def test_stimulus_must_have_the_columns_of_the_model():
    model = GatedFlow(gated, n_units=2, values={"layers": (np.ones((1, 2), np.int8),) * 3})
    with pytest.raises(ValueError, match=r"stimulus.values must have shape \(k, 3\) or \(k, 1, 3\), got \(1, 2\)"):
        simulate(model, np.zeros(2), duration=1.0, dt=0.5, stimulus=Schedule.constant(np.ones(2)))


def test_input_noise_is_the_exact_recursion():
    model, noise = FunctionFlow(_follow, n_units=4), OrnsteinUhlenbeck(tau=5.0, std=[0.5, 1.0, 1.5, 0.0])
    ds = simulate(model, np.zeros((2, 4)), duration=3.0, dt=0.5, method="euler", noise=noise, seed=3, threads=1)
    eta, y = noise.std * normals(3, trajectories=2, step=0, stream=INITIAL_INPUT_STREAM, n=4), np.zeros((2, 4))
    for step in range(6):
        y = y + 0.5 * eta
        xi = normals(3, trajectories=2, step=step, stream=INPUT_STREAM, n=4)
        eta = [
            [naive_stepping.ornstein_uhlenbeck_step(e, 0.5, 5.0, s, x) for e, s, x in zip(*row, strict=True)]
            for row in zip(eta, [noise.std] * 2, xi, strict=True)
        ]
        eta = np.array(eta)
        np.testing.assert_allclose(ds.state[:, step + 1], y, rtol=1e-13)  # the same operations
    np.testing.assert_allclose(ds.input_noise, eta, rtol=1e-13)


def test_input_noise_is_stationary_with_the_right_memory():
    model, noise = FunctionFlow(_follow, n_units=2000), OrnsteinUhlenbeck(tau=5.0, std=1.5)
    ends = {
        t: simulate(
            model, np.zeros((4, 2000)), duration=t, dt=0.5, method="euler", noise=noise, seed=4, every=None, threads=1
        ).input_noise.values
        for t in (0.5, 5.0, 50.0)
    }
    # 8000 samples: standard error of a variance 1.5^2 sqrt(2 / 8000) = 0.036, of a correlation 0.011; four of them
    assert [np.var(e) for e in ends.values()] == pytest.approx([2.25] * 3, abs=0.14)
    correlation = np.corrcoef(ends[0.5].ravel(), ends[5.0].ravel())[0, 1]
    assert correlation == pytest.approx(np.exp(-4.5 / 5.0), abs=0.045)


@problems.kernel
def _follow(t, y, dy, stimulus):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = stimulus[b, i]


# maps


def test_map_follows_its_recursion():
    ds = iterate(problems.logistic_map(3.7), [0.3], steps=40, threads=1)
    x = 0.3
    for step in range(40):
        x = 3.7 * x * (1.0 - x)
        assert ds.state[0, step + 1] == x  # the same three roundings
    assert ds.time.attrs["units"] == "iterations"


def test_map_stops_at_a_fixed_point():
    ds = iterate(problems.logistic_map(2.5), [[0.3], [0.6]], steps=1000, stop=SteadyState(1e-12), threads=1)
    np.testing.assert_allclose(ds.final_state.values, 0.6, atol=1e-11)  # 1 - 1 / 2.5
    assert ds.status.values.tolist() == [1, 1] and ds.n_steps[1] == 1


# a user's own model


def test_a_closure_is_a_model():
    @problems.kernel
    def decay(t, y, dy, rate):
        for b in range(y.shape[0]):
            for i in range(y.shape[1]):
                dy[b, i] = -rate * y[b, i]

    model = FunctionFlow(decay, n_units=2, values={"rate": 0.5}, state="charge", state_units="C", time_units="s")
    ds = simulate(model, [1.0, 2.0], duration=1.0, dt=0.01, threads=1)
    np.testing.assert_allclose(ds.charge[0, -1], np.exp(-0.5) * np.array([1.0, 2.0]), rtol=1e-10)
    assert ds.charge.attrs["units"] == "C" and ds.time.attrs["units"] == "s"


@problems.kernel(allocates=True)
def _allocating_rhs(t, y, dy, gain):
    dy[:] = np.tanh(gain * y) - y


@problems.kernel
def _unmarked_rhs(t, y, dy, gain):
    dy[:] = np.tanh(gain * y) - y


@problems.kernel
def _misspelt_rhs(t, y, dy, gain):
    dy[:] = tanhh(gain * y) - y  # noqa: F821


def test_a_kernel_may_allocate_if_it_says_so():
    ds = simulate(FunctionFlow(_allocating_rhs, 2, {"gain": 2.0}), [1.0, 0.5], duration=50.0, dt=0.1, threads=1)
    y = ds.final_state.values[0]
    np.testing.assert_allclose(np.tanh(2.0 * y), y, atol=1e-12)  # the fixed point is reached to rounding


@pytest.mark.parametrize("options", [{"dt": 0.1}, {"method": "dopri5"}], ids=str)
def test_a_kernel_that_does_not_compile_is_explained(options):
    with pytest.raises(TypeError, match=r"_unmarked_rhs creates arrays, .* marked by kernel\(allocates=True\)"):
        simulate(FunctionFlow(_unmarked_rhs, 2, {"gain": 2.0}), [1.0, 0.5], duration=1.0, **options)
    with pytest.raises(TypeError, match="(?s)_misspelt_rhs cannot be compiled: .*tanhh"):
        simulate(FunctionFlow(_misspelt_rhs, 2, {"gain": 2.0}), [1.0, 0.5], duration=1.0, **options)


class PlainModel(Flow):
    """A model that is no dataclass."""

    n_units = 2
    growth = -1.0
    rhs = staticmethod(problems.proportional_rhs)


def test_a_plain_class_is_a_model():
    ds = simulate(PlainModel(), np.ones(2), duration=1.0, dt=0.1, threads=1)
    assert json.loads(ds.attrs["provenance"])["model"] == {"type": "PlainModel", "growth": -1.0}


def test_a_run_does_not_touch_the_arrays_of_its_model():
    gain = np.ones(2)

    @problems.kernel
    def greedy(t, y, dy, gain):
        gain[0] += 1.0
        dy[:] = 0.0

    simulate(FunctionFlow(greedy, 2, {"gain": gain}), np.ones(2), duration=1.0, dt=0.1, threads=1)
    assert gain.tolist() == [1.0, 1.0]


def test_labelled_states_are_read_by_their_dimensions(network, starts):
    labelled = xr.DataArray(starts[:N], dims=("trajectory", "unit"), coords={"trajectory": np.arange(N) + 5})
    straight, turned = run(network, labelled, **NOISY), run(network, labelled.T, **NOISY)
    xr.testing.assert_identical(straight, turned)
    np.testing.assert_array_equal(straight.trajectory, np.arange(N) + 5)
    continued = run(network, straight.transpose("unit", "time", "trajectory"), noise=NOISY["noise"])
    np.testing.assert_array_equal(continued.final_state, run(network, straight, noise=NOISY["noise"]).final_state)


def test_labelled_states_with_other_dimensions_are_refused(network, starts):
    with pytest.raises(ValueError, match=r"y0 must have the dimensions unit or trajectory and unit, got \('a', 'b'\)"):
        run(network, xr.DataArray(starts, dims=("a", "b")))


def test_shapes_that_do_not_fit_are_never_read():
    model = FunctionFlow(_product_rhs, 16, {"weights": np.ones((3, 3))}, n_work=16)
    with pytest.raises(DivergedError):
        simulate(model, np.ones(16), duration=1.0, dt=0.5, threads=1)


@problems.kernel
def _product_rhs(t, y, dy, work, weights):
    matmul(y, weights, dy)


# errors


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"duration": -1.0}, ValueError, "duration must be > 0, got -1.0"),
        ({"duration": np.nan}, ValueError, "duration must be finite, got nan"),
        ({"duration": "long"}, TypeError, "duration must be a number, got 'long'"),
        ({"duration": 1.3}, ValueError, r"duration must be a multiple of dt = 0.5 .* got 1.3"),
        ({"t0": np.inf}, ValueError, "t0 must be finite, got inf"),
        ({"dt": 0.0}, ValueError, "dt must be > 0, got 0.0"),
        ({"dt": None}, ValueError, "dt must be given for method 'rk4'"),
        ({"method": "rk5"}, ValueError, "method must be one of euler, .*, got 'rk5'"),
        ({"method": "map"}, ValueError, "method must be one of"),
        ({"method": "euler_maruyama", "seed": 1}, ValueError, "needs a model with diffusion, got BalancedEI"),
        ({"seed": "abc"}, TypeError, "seed must be an integer >= 0, got 'abc'"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
        ({"duration": 1e-9}, ValueError, "duration must be at least one step of dt = 0.5, got 1e-09"),
        ({"trajectory": [3] * 37}, ValueError, "trajectory must not repeat a label"),
        ({"observables": 5}, TypeError, "observables must be names or a mapping of names to functions, got 5"),
        ({"every": 0}, ValueError, "every must be an integer >= 1, got 0"),
        ({"every": 1.5}, TypeError, "every must be an integer >= 1, got 1.5"),
        ({"threads": 0}, ValueError, "threads must be an integer >= 1, got 0"),
        ({"noise": NOISY["noise"]}, ValueError, "seed must be given for a run with noise"),
        ({"noise": NOISY["noise"], "seed": 1.0}, TypeError, "seed must be an integer >= 0, got 1.0"),
        ({"noise": NOISY["noise"], "seed": True}, TypeError, "seed must be an integer >= 0, got True"),
        ({"noise": 1.0}, TypeError, "noise must be a OrnsteinUhlenbeck or None, got float"),
        (
            {"noise": OrnsteinUhlenbeck(1.0, [1.0, 2.0]), "seed": 1},
            ValueError,
            r"noise.std must be a number or have shape \(21",
        ),
        (
            {"stimulus": Schedule([0.2], np.zeros((1, N)))},
            ValueError,
            "stimulus.times must differ from t0 by multiples of dt = 0.5, got 0.2",
        ),
        ({"stimulus": Schedule([0.0], np.zeros((1, 5)))}, ValueError, r"stimulus.values must have shape \(k, 21\)"),
        ({"stop": 1e-9}, TypeError, "stop must be a SteadyState or None, got float"),
        ({"observables": ["median"]}, ValueError, r"observables must be among mean, .* got \['median'\]"),
        ({"observables": {"m": 3}}, TypeError, r"observables\['m'\] must be a function or an Observable, got int"),
        ({"t_eval": [1.0]}, ValueError, "t_eval needs method 'dopri5', got 'rk4'"),
        ({"on_divergence": "ignore"}, ValueError, "on_divergence must be 'raise' or 'mark', got 'ignore'"),
        ({"trajectory": [0, 1]}, ValueError, "trajectory must hold 37 integers"),
        ({"method": "dopri5", "t_eval": [2.0, 1.0]}, ValueError, "t_eval must increase within"),
        ({"method": "dopri5", "t_eval": [21.0]}, ValueError, "t_eval must increase within"),
        ({"method": "dopri5", "every": 3}, ValueError, "every needs a fixed-step method"),
        ({"method": "dopri5", "rtol": 0.0}, ValueError, "rtol must be > 0, got 0.0"),
        ({"method": "dopri5", **NOISY}, ValueError, "noise needs a fixed-step method, got 'dopri5'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_arguments_are_named(network, starts, change, kind, message):
    with pytest.raises(kind, match=message):
        run(network, starts, **change)


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ({"status": np.sum}, "observables must not be named .*, got 'status'"),
        ({"a": lambda y: y.sum()}, r"observables\['a'\] must map real states"),
        ({"a": lambda y: y[..., None] * np.ones(2)}, r"observables\['a'\] must map real states"),
        ({"a": lambda y: 1j * y[..., 0]}, r"observables\['a'\] must map real states .* got complex128"),
        ({"a": Observable(lambda y: y, dim="time")}, "must have a dimension of its own size and name, got 'time'"),
        ({"a": pattern_overlap(np.ones((2, 3))), "b": pattern_overlap(np.ones((4, 3)))}, "got 'pattern'"),
        ({"a": pattern_overlap(np.ones((2, 30)))}, "patterns must have at most the 21 units of the state, got 30"),
        ({"a": lambda y: np.multiply(y, 0.0, out=y)}, "read-only"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faulty_observables_fail_before_the_run(network, starts, observables, message):
    with pytest.raises(ValueError, match=message):
        run(network, starts, observables=observables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.sel(trajectory=1), "select trajectories by a list"),
        (lambda ds: ds.isel(unit=[0, 1]), r"y0.final_state must have shape \(21,\)"),
        (lambda ds: ds.isel(trajectory=[]), r"y0.final_state must have shape \(21,\)"),
        (lambda ds: ds.assign(final_state=ds.final_state * np.nan), "y0.final_state must be finite"),
        (lambda ds: ds.assign_attrs(model="Lorenz"), "model must be that of the run to continue, 'Lorenz'"),
    ],
)
def test_datasets_that_cannot_be_continued_are_named(network, starts, change, message):
    ds = run(network, starts, **NOISY)
    with pytest.raises(ValueError, match=message):
        run(network, change(ds), noise=NOISY["noise"])


def test_a_noisy_run_is_not_continued_without_its_noise(network, starts):
    with pytest.raises(ValueError, match="noise must be given to continue a run that has input noise"):
        run(network, run(network, starts, **NOISY))


@pytest.mark.parametrize("y0", [np.ones(3), np.ones((2, 3, N)), np.ones((0, N)), 1.0], ids=np.shape)
def test_bad_shapes_of_y0_are_named(network, y0):
    with pytest.raises(ValueError, match=r"y0 must have shape \(21,\) or \(trajectory, 21\)"):
        run(network, y0)


def test_y0_must_be_finite(network):
    with pytest.raises(ValueError, match="y0 must be finite, got 1 other values"):
        run(network, np.where(np.arange(N) == 3, np.nan, 1.0))


@pytest.mark.parametrize("y0", [np.ones(N) * 1j, ["1"] * N, np.ma.masked_array(np.ones(N), False)], ids=str)
def test_y0_must_hold_real_numbers(network, y0):
    with pytest.raises(TypeError, match="y0 must"):
        run(network, y0)


def test_input_needs_a_model_that_takes_it():
    with pytest.raises(ValueError, match="FunctionFlow takes no stimulus"):
        simulate(problems.LORENZ, np.ones(3), duration=1.0, dt=0.1, stimulus=Schedule.constant(np.ones(3)))


def test_model_must_be_of_the_right_kind(network):
    with pytest.raises(TypeError, match=r"model must be a Flow .* got FunctionMap"):
        simulate(problems.logistic_map(2.0), [0.5], duration=1.0, dt=1.0)
    with pytest.raises(TypeError, match=r"model must be a Map .* got BalancedEI"):
        iterate(network, np.ones(N), steps=1)


def test_continuation_refuses_other_settings(network, starts):
    first = run(network, starts, **NOISY)
    with pytest.raises(ValueError, match="seed must be that of the run to continue, 7, got 8"):
        run(network, first, noise=NOISY["noise"], seed=8)
    with pytest.raises(ValueError, match="dt must be that of the run to continue, 0.5, got 0.25"):
        run(network, first, noise=NOISY["noise"], dt=0.25)


def test_ctrl_c_keeps_what_is_finished(network, starts, monkeypatch):
    calls = []

    def interrupt_second_chunk(self, *arguments):
        calls.append(arguments)
        if len(calls) == 4:  # amid the blocks of the second chunk
            raise KeyboardInterrupt
        return advance(self, *arguments)

    advance = ensemble.FixedRun.advance
    monkeypatch.setattr(ensemble.FixedRun, "advance", interrupt_second_chunk)
    monkeypatch.setattr(ensemble, "MOST_ROWS", 20)  # two blocks of 37 trajectories
    monkeypatch.setattr(ensemble, "ChunkLength", Chunks(64))
    with pytest.raises(SimulationInterrupted) as interrupt:
        run(network, starts, duration=100.0, **NOISY)
    monkeypatch.undo()
    partial = interrupt.value.dataset
    assert partial.attrs["last_step"] == 64 and partial.sizes["time"] == 65
    assert not np.any(np.isnan(partial.potential))
    resumed = run(network, partial, duration=100.0 - 32.0, noise=NOISY["noise"])
    np.testing.assert_array_equal(resumed.final_state, run(network, starts, duration=100.0, **NOISY).final_state)


def test_an_interrupted_adaptive_run_keeps_its_records(network, starts, monkeypatch):
    def interrupt_later(self, *arguments):
        if self.calls:
            raise KeyboardInterrupt
        self.calls.append(arguments)
        return advance(self, *arguments)

    advance = ensemble.AdaptiveRun.advance
    monkeypatch.setattr(ensemble.AdaptiveRun, "calls", [], raising=False)
    monkeypatch.setattr(ensemble.AdaptiveRun, "advance", interrupt_later)
    monkeypatch.setattr(ensemble, "ChunkLength", Chunks(5))
    options = {"method": "dopri5", "t_eval": np.linspace(0.0, 20.0, 41)}
    with pytest.raises(SimulationInterrupted) as interrupt:
        run(network, starts[:4], **options)
    monkeypatch.undo()
    partial = interrupt.value.dataset
    assert 0 < partial.sizes["time"] < 41
    whole = run(network, starts[:4], **options).potential
    np.testing.assert_array_equal(partial.potential, whole.sel(time=partial.time))
    with pytest.raises(ValueError, match="an interrupted adaptive run cannot be continued"):
        run(network, partial, method="dopri5")
