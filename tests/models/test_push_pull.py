"""The continuous push-pull model: dense references, closed forms, energy, invariances, bad input."""

import dataclasses

import numpy as np
import pytest

from assocmem.hierarchy import Hierarchy
from assocmem.inputs import OrnsteinUhlenbeck, Schedule
from assocmem.models.push_pull import PushPull
from assocmem.simulate import simulate
from tests import naive_push_pull as naive

N, FAN_OUT = 120, (5, 3, 2)
STRENGTHS = {
    2: {"recurrent": (1.0, 2.0), "feedforward": (2.0,), "push": (1.3,), "pull": (1.5,)},
    3: {"recurrent": (1.0, 2.0, 3.0), "feedforward": (2.0, 6.0), "push": (1.3, 2.0), "pull": (1.5, 1.4)},
}


def tree(n_layers, seed=0):
    levels = naive.hierarchical_patterns(np.random.default_rng(seed), N, FAN_OUT, (0.3, 0.2), parents="majority")
    parents = [np.arange(len(level)) // size for level, size in zip(levels[:-1], FAN_OUT, strict=False)]
    patterns = tuple(level.astype(np.int8) for level in levels[:n_layers])
    return Hierarchy(patterns=patterns, parents=tuple(parents[: n_layers - 1]))


def model_of(n_layers=2, **options):
    return PushPull(tree(n_layers), **(STRENGTHS[n_layers] | options))


def dense_network(model, *, is_scaled=False):
    layers = [naive.binary(level) for level in model.hierarchy.patterns]
    strengths = (tuple(model.recurrent), tuple(model.feedforward))
    return naive.network_from_patterns(layers, *strengths, is_scaled=is_scaled, inhibition=model.inhibition)


def dense_velocity(model, potential, stimulus, **options):
    network, pairs = dense_network(model, **options), range(model.n_layers - 1)
    split = [model.layer(potential, k) for k in range(model.n_layers)]
    external = [model.layer(stimulus, k) for k in range(model.n_layers)]
    gates = stimulus[model.n_units :]
    push = [model.push[k] * gates[2 * k] for k in pairs]
    pull = [model.pull[k] * gates[2 * k + 1] for k in pairs]
    return np.concatenate(naive.velocity(network, split, external, push, pull))


def compiled_velocity(model, potential, stimulus):
    """Slope of one step of the integrator, with a step that is a power of two: the quotient is exact but for sums."""
    run = simulate(
        model, potential, duration=2.0**-20, dt=2.0**-20, method="euler", stimulus=Schedule.constant(stimulus)
    )
    return run.residual.values, (run.final_state.values - potential) * 2.0**20


@pytest.fixture
def state(rng):
    return lambda model, n=3: (
        0.3 * rng.standard_normal((n, model.n_units)),
        rng.standard_normal((n, model.n_stimulus)),
    )


@pytest.mark.parametrize("inhibition", ["unit", "uniform"])
@pytest.mark.parametrize("n_layers", [2, 3])
def test_velocity_is_that_of_dense_matrices(state, n_layers, inhibition):
    model = model_of(n_layers, inhibition=inhibition)
    potential, stimulus = state(model)
    expected = np.array([dense_velocity(model, h, s) for h, s in zip(potential, stimulus, strict=True)])
    # sums of a few hundred terms of size one; the target of agreement between both forms is 1e-10
    np.testing.assert_allclose(model.velocity(potential, stimulus), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("inhibition", ["unit", "uniform"])
@pytest.mark.parametrize("n_layers", [2, 3])
def test_kernel_is_the_velocity(state, n_layers, inhibition):
    model = model_of(n_layers, inhibition=inhibition)
    potential, stimulus = state(model, n=5)
    residual, slope = compiled_velocity(model, potential, stimulus)
    expected = model.velocity(potential, stimulus)
    np.testing.assert_allclose(residual, np.abs(expected).max(axis=1), rtol=1e-12)
    # states of size one are known to 2^-53, and the step divides by 2^-20
    np.testing.assert_allclose(slope, expected, rtol=0, atol=2.0**-32)


def test_parents_may_be_scaled_by_their_overlap_with_their_children(state):
    hierarchy = tree(2)
    scale = naive.family_overlap(*(naive.binary(hierarchy.patterns[k]) for k in (1, 0)))
    model = PushPull(hierarchy, parent_scale=(scale,))
    potential, stimulus = state(model, n=1)
    expected = dense_velocity(model, potential[0], stimulus[0], is_scaled=True)
    np.testing.assert_allclose(model.velocity(potential, stimulus)[0], expected, rtol=0, atol=1e-12)
    residual, _ = compiled_velocity(model, potential, stimulus)
    np.testing.assert_allclose(residual, np.abs(expected).max(), rtol=1e-12)


def test_a_run_with_windows_is_that_of_dense_matrices():
    hierarchy = tree(2)
    model = PushPull(hierarchy, pull=(3.0,))
    cue = naive.binary(hierarchy.patterns[0][2])
    protocol = dataclasses.replace(
        naive.demo_protocol(0.3, push=(2, 3), pull=(3, 4), onset=1, end=6, cue_above=0.1, noise=0.0), dt=0.05
    )
    times = [1.0, 1.5, 2.5, 3.5, 4.5, 6.0]
    targets = [naive.binary(hierarchy.patterns[0][2]), naive.binary(hierarchy.patterns[1][0])]
    overlap, activity = naive.plain_euler_run(dense_network(model), cue, protocol, targets, times)
    schedule = model.schedule(
        [(0, 1.0, np.inf, cue), (1, 1.0, np.inf, 0.1 * cue)], push=[(0, 2.0, 3.0, 1.0)], pull=[(0, 3.0, 4.0, 1.0)]
    )
    options = {"method": "euler", "stimulus": schedule, "observables": model.readouts((2, 0))}
    run = simulate(model, np.zeros(2 * N), t0=1.0, duration=5.0, dt=0.05, **options).sel(time=times, method="nearest")
    for k in range(2):
        np.testing.assert_array_equal(run[f"overlap_{k}"][0], overlap[:, k])
        # a hundred steps of sums in another order
        np.testing.assert_allclose(run[f"activity_{k}"][0], activity[:, k], rtol=0, atol=1e-11)


def test_the_published_order_of_updates_differs_by_the_order_of_the_step():
    """There a layer sees the one below already updated and all rates start at 0."""
    hierarchy = tree(2)
    model = PushPull(hierarchy)
    cue, targets = naive.binary(hierarchy.patterns[0][2]), [naive.binary(p[0]) for p in hierarchy.patterns]
    distance = []
    for dt in (0.1, 0.05):
        protocol = dataclasses.replace(
            naive.demo_protocol(0.15, push=(2, 3), pull=(3, 4), onset=1, end=6, noise=0.0), dt=dt
        )
        runs = [
            f(dense_network(model), cue, protocol, targets, [3.0, 4.0, 6.0])[1]
            for f in (naive.official_run, naive.plain_euler_run)
        ]
        distance.append(np.abs(runs[0] - runs[1]).max())
    assert distance[0] < 0.05 and distance[1] < 0.7 * distance[0]


def test_without_couplings_a_unit_charges_geometrically():
    model = model_of(recurrent=(0.0, 0.0), feedforward=(0.0,), tau=5.0)
    cue = np.linspace(0.0, 1.0, N)
    stimulus = model.schedule([(0, 0.0, np.inf, cue)])
    run = simulate(model, np.zeros(2 * N), duration=10.0, dt=0.01, method="euler", stimulus=stimulus, every=None)
    # a thousand roundings of numbers below one
    np.testing.assert_allclose(run.final_state[0, :N], cue * (1 - (1 - 0.01 / 5.0) ** 1000), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(run.final_state[0, N:], 0.0)


def test_rate_of_one_half_and_of_one():
    rate = model_of().rate([0.0, 1.0])
    assert rate[0] == 0.5 and rate[1] == pytest.approx(0.98734, abs=5e-6)


@pytest.mark.parametrize("drive", [0.0, 1.0])
def test_energy_of_the_first_layer_never_rises_without_feedback(rng, drive):
    model = model_of()
    cue = drive * rng.random(N)
    start = 0.1 * rng.standard_normal(2 * N)
    stimulus = model.schedule([(0, 0.0, np.inf, cue)])
    run = simulate(model, start, duration=30.0, dt=0.01, method="euler", stimulus=stimulus, every=5)
    energy = model.energy(run.potential.values[0], cue)
    # rounding of a sum of N terms of size one
    assert np.all(np.diff(energy) < 1e-12) and energy[-1] < energy[0] - 0.01


def test_push_or_the_wrong_drive_breaks_the_descent(rng):
    model = model_of()
    cue = rng.random(N)
    stimulus = model.schedule([(0, 0.0, np.inf, cue)], push=[(0, 5.0, 10.0, 3.0)])
    run = simulate(model, np.zeros(2 * N), duration=10.0, dt=0.01, method="euler", stimulus=stimulus, every=5)
    assert np.diff(model.energy(run.potential.values[0], cue)).max() > 1e-4


def test_relabelling_the_units_relabels_the_run(rng):
    hierarchy, order = tree(2), rng.permutation(N)
    relabelled = Hierarchy(patterns=tuple(p[:, order] for p in hierarchy.patterns), parents=hierarchy.parents)
    both = np.concatenate([order, N + order])
    start = 0.1 * rng.standard_normal(2 * N)
    runs = []
    for h, y0, columns in ((hierarchy, start, np.arange(N)), (relabelled, start[both], order)):
        model = PushPull(h)
        cue = naive.binary(hierarchy.patterns[0][3])[columns]
        stimulus = model.schedule([(0, 0.0, np.inf, cue)], push=[(0, 0.5, 1.0, 1.0)], pull=[(0, 1.0, 1.5, 1.0)])
        runs.append(simulate(model, y0, duration=2.0, dt=0.05, stimulus=stimulus, every=None).final_state.values[0])
    # sums in another order, 40 steps
    np.testing.assert_allclose(runs[1], runs[0][both], rtol=0, atol=1e-11)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_trajectory_has_the_same_bits_in_any_ensemble(rng, threads):
    model = model_of(3)
    start = 0.1 * rng.standard_normal((9, model.n_units))
    cues, gates = rng.random((9, N)), rng.random(9)

    def final(rows, threads):
        stimulus = model.schedule(
            [(0, 0.0, np.inf, cues[rows])], push=[(1, 0.2, 0.4, gates[rows])], pull=[(0, 0.2, 0.5, 1.0)]
        )
        run = simulate(model, start[rows], duration=0.6, dt=0.05, stimulus=stimulus, every=None, threads=threads)
        return run.final_state.values

    whole = final(np.arange(9), 1)
    np.testing.assert_array_equal(final(np.arange(9), threads), whole)
    np.testing.assert_array_equal(final(np.array([4]), threads)[0], whole[4])
    np.testing.assert_array_equal(final(np.array([7, 2, 3]), threads), whole[[7, 2, 3]])


def test_noise_enters_the_first_layer_only_and_has_the_stated_variance():
    model = model_of(recurrent=(0.0, 0.0), feedforward=(0.0,), noise=0.2, tau=2.0)
    options = {"duration": 40.0, "dt": 0.1, "method": "euler_maruyama", "seed": 1, "every": None}
    final = simulate(model, np.zeros((50, 2 * N)), **options).final_state.values
    # stationary variance of h <- (1 - dt/tau) h + noise sqrt(dt) xi, from 6000 independent values
    expected = 0.2**2 * 0.1 / (1 - (1 - 0.1 / 2.0) ** 2)
    assert np.var(final[:, :N]) == pytest.approx(expected, rel=4 * np.sqrt(2 / 6000))
    np.testing.assert_array_equal(final[:, N:], 0.0)


def test_readouts_take_numbers_patterns_and_one_target_for_each_trajectory(state):
    model = model_of()
    potential, _ = state(model, n=4)
    targets = model.hierarchy.patterns[0][[3, 1, 4, 1]]
    readouts = model.readouts((targets, None))
    assert sorted(readouts) == ["activity_0", "activity_1", "overlap_0"]
    expected = [naive.overlap(model.rate(h[:N]), naive.binary(t)) for h, t in zip(potential, targets, strict=True)]
    np.testing.assert_allclose(readouts["overlap_0"](potential[:, None])[:, 0], expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(readouts["activity_1"](potential), model.rate(potential[:, N:]).mean(axis=1))
    np.testing.assert_array_equal(
        model.readouts((1, None))["overlap_0"](potential)[1], readouts["overlap_0"](potential[:, None])[1, 0]
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"recurrent": (1.0,)}, ValueError, r"recurrent must have 2 numbers for 2 layers, got shape \(1,\)"),
        ({"push": (1.0, 2.0)}, ValueError, r"push must have 1 numbers for 2 layers, got shape \(2,\)"),
        ({"pull": (np.nan,)}, ValueError, "pull must be finite"),
        ({"tau": 0.0}, ValueError, "tau must be > 0, got 0.0"),
        ({"leak": -1.0}, ValueError, "leak must be >= 0, got -1.0"),
        ({"noise": -0.1}, ValueError, "noise must be >= 0, got -0.1"),
        ({"inhibition": "none"}, ValueError, "inhibition must be one of unit, uniform, got 'none'"),
        ({"parent_scale": ()}, ValueError, "parent_scale must have 1 entries, got 0"),
        ({"parent_scale": (np.zeros(6),)}, ValueError, r"parent_scale\[0\] must hold 6 numbers other than 0"),
    ],
)
def test_bad_parameters_are_named(options, error, message):
    with pytest.raises(error, match=message):
        model_of(**options)


def test_a_hierarchy_is_needed():
    with pytest.raises(TypeError, match="hierarchy must be a Hierarchy, got list"):
        PushPull([[1, -1]])


@pytest.mark.parametrize(
    ("inputs", "windows", "message"),
    [
        ([(2, 0.0, 1.0, np.zeros(N))], {}, r"inputs\[0\] must be to one of the layers 0..1, got 2"),
        (
            [(0, 0.0, 1.0, np.zeros(3))],
            {},
            rf"inputs\[0\] must have values \({N},\) or \(trajectory, {N}\), got shape \(3,\)",
        ),
        ([(0, 1.0, 1.0, np.zeros(N))], {}, r"pulses\[0\] must start at a finite time and end later, got 1.0 to 1.0"),
        ([], {"push": [(1, 0.0, 1.0, 1.0)]}, r"push\[0\] must be of one of the pairs 0..0, got 1"),
        ([], {"pull": [(0, 0.0, 1.0, np.zeros((2, 2)))]}, r"pull\[0\] must have a number or an array"),
        ([], {}, "pulses must hold at least one"),
    ],
)
def test_bad_schedules_are_named(inputs, windows, message):
    with pytest.raises(ValueError, match=message):
        model_of().schedule(inputs, **windows)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((0,), "targets must have one entry for each of 2 layers, got 1"),
        ((30, None), r"targets\[0\] must be in 0..29, got 30"),
        ((np.ones(3), None), rf"targets\[0\] must have {N} units, got shape \(3,\)"),
    ],
)
def test_bad_targets_are_named(targets, message):
    with pytest.raises(ValueError, match=message):
        model_of().readouts(targets)


def test_targets_must_be_signs():
    bits = (model_of().hierarchy.patterns[0][0] + 1) / 2
    with pytest.raises(ValueError, match=r"targets\[0\] must hold \+1 and -1 only"):
        model_of().readouts((bits, None))


def test_input_noise_must_say_which_columns_it_is_for():
    model = model_of()
    noise = OrnsteinUhlenbeck(tau=1.0, std=0.5)
    with pytest.raises(ValueError, match=rf"noise.std must be an array \({model.n_stimulus},\) for PushPull"):
        simulate(model, np.zeros(2 * N), duration=0.1, dt=0.1, method="euler", noise=noise, seed=0)


def test_bad_layers_and_states_are_named():
    model = model_of()
    with pytest.raises(ValueError, match="layer must be in 0..1, got 2"):
        model.layer(np.zeros(2 * N), 2)
    with pytest.raises(ValueError, match=rf"potential must have {2 * N} units on its last axis, got \(3,\)"):
        model.velocity(np.zeros(3))
