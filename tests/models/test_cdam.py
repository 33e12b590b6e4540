"""The correlated dense associative memory: kernels against loops, the reduction, closed forms and its energy."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

from assocmem import Schedule, iterate, retrieve, simulate
from assocmem.analysis import audit_energy
from assocmem.analysis.cdam_theory import (
    dwell_counts,
    one_hot_activity,
    pure_retrieval_bound,
    quiescence_boundaries,
    ring_cluster,
    winner_track,
)
from assocmem.graphs import barbell, normalized, ring, tutte
from assocmem.models.cdam import CDAM
from tests import naive_cdam

STD = ((1.0, 0.0), (0.5, 0.5), (-0.5, 1.5), (-2.0, 3.0))
GRAPHS = {
    "ring": (ring(6), "sym"),
    "directed ring": (ring(6, directed=True), "none"),
    "barbell by out-degree": (barbell(2, 2), "out"),
    "no edges": (np.zeros((6, 6)), "sym"),
    "final vertex": (np.diag([1.0, 2.0, 0.5, 1.0, 3.0], 1), "out"),
}


def memory(patterns, graph="ring", *, a=0.5, h=0.5, **options):
    adjacency, how = GRAPHS[graph]
    return CDAM(patterns, adjacency, auto_strength=a, hetero_strength=h, normalization=how, **options)


def naive_options(model):
    weights = naive_cdam.legacy_softmax if model.softmax == "legacy" else naive_cdam.softmax
    strengths = {"auto": model.auto_strength, "hetero": model.hetero_strength}
    return {**strengths, "beta": model.beta, "mean_coefficient": model.mean_coefficient, "weights": weights}


def orthogonal_memory(n_patterns, gain, *, a, h, adjacency=None, beta=1.0):
    """Memory of orthogonal patterns with the squared norm `gain`."""
    graph = ring(n_patterns) if adjacency is None else adjacency
    return CDAM(np.sqrt(gain) * np.eye(n_patterns), graph, auto_strength=a, hetero_strength=h, beta=beta)


def run_reduced(model, cues, *, steps, eta=0.1, every=1, strengths=None):
    """Reduced system and its states (trajectory, time, column)."""
    reduced = model.reduced(cues, strengths)
    options = {"stimulus": reduced.stimulus(), "steps": steps, "every": every, "threads": 1}
    run = iterate(reduced.map(eta), reduced.initial_states(), **options)
    return reduced, run[reduced.state].values


@pytest.fixture
def patterns(rng):
    return rng.random((6, 40))


@pytest.fixture
def cues(patterns, rng):
    return patterns[[0, 1, 2, 5, 5]] + rng.uniform(-0.5, 0.5, size=(5, 40))


# --- the kernels against loops ---


@pytest.mark.parametrize("kappa", [1.0, 0.025])
@pytest.mark.parametrize("softmax", ["stable", "legacy"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_map_matches_the_loop(graph, softmax, kappa, patterns, cues):
    model = memory(patterns, graph, a=-0.3, h=0.9, beta=0.4, softmax=softmax, mean_coefficient=kappa)
    ds = iterate(model.map(0.2), cues, steps=8, threads=1)
    for cue, states in zip(cues, ds.activity.values, strict=True):
        expected = naive_cdam.run(cue, patterns, model.links, 8, eta=0.2, **naive_options(model))
        # scores of size 10 differ by 1e-15 of themselves; eight steps that each at most double a difference
        np.testing.assert_allclose(states, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("graph", GRAPHS)
def test_flow_matches_the_loop(graph, patterns, cues):
    model = memory(patterns, graph, a=0.7, h=-0.4, beta=0.4, tau=3.0)
    expected = [naive_cdam.velocity(cue, patterns, model.links, **naive_options(model)) / 3.0 for cue in cues]
    np.testing.assert_allclose(model.velocity(cues), expected, rtol=1e-12, atol=1e-13)  # rounding of sums
    dt = 2.0**-20
    after = simulate(model, cues, duration=dt, dt=dt, method="euler", threads=1).final_state.values
    np.testing.assert_allclose((after - cues) / dt, expected, rtol=0, atol=1e-8)  # eps / dt = 2e-10


def test_links_are_the_normalised_adjacency(patterns):
    for name, (adjacency, how) in GRAPHS.items():
        expected = naive_cdam.normalised(adjacency, how)
        np.testing.assert_allclose(memory(patterns, name).links, expected, rtol=1e-15)  # a division and a root


def test_default_normalisation_tells_directed_graphs_apart(patterns):
    for directed, how in ((False, "sym"), (True, "none")):
        model = CDAM(patterns, ring(6, directed=directed), auto_strength=1.0, hetero_strength=0.0)
        assert model.normalization == how


def test_graphs_of_networkx_and_labelled_patterns_are_read(patterns, cues):
    nx = pytest.importorskip("networkx")
    labelled = xr.DataArray(patterns.T, dims=("unit", "pattern"))
    model = CDAM(labelled, nx.cycle_graph(6), auto_strength=0.5, hetero_strength=0.5)
    np.testing.assert_array_equal(model.velocity(cues), memory(patterns).velocity(cues))
    reduced = model.reduced(xr.DataArray(cues.T, dims=("unit", "trajectory")))
    np.testing.assert_array_equal(reduced.cues, cues)


def test_a_step_of_the_map_is_an_euler_step_of_the_flow(patterns, cues):
    model = memory(patterns, tau=4.0)
    flow = simulate(model, cues, duration=5 * 0.4, dt=0.4, method="euler", threads=1)
    states = iterate(model.map(0.1), cues, steps=5, threads=1).final_state
    np.testing.assert_allclose(states, flow.final_state, rtol=0, atol=1e-13)  # rounding of five steps


def test_external_input_shifts_the_target(patterns, cues):
    model, drive = memory(patterns, a=0.0, h=0.0), np.linspace(-1, 1, 40)
    after = iterate(model.map(1.0), cues, steps=1, stimulus=Schedule.constant(drive), threads=1).final_state
    np.testing.assert_allclose(after, np.tile(drive - patterns.mean(axis=0), (5, 1)), rtol=0, atol=1e-15)


def test_exponential_euler_is_exact_where_nothing_is_stored(patterns, cues):
    model = memory(patterns, a=0.0, h=0.0, mean_coefficient=0.0, tau=2.0)
    after = simulate(model, cues, duration=6.0, dt=3.0, method="exponential_euler", threads=1).final_state
    np.testing.assert_allclose(after, cues * np.exp(-3.0), rtol=1e-14)


def test_noise_spreads_the_state_of_an_empty_memory(patterns):
    model = memory(patterns, a=0.0, h=0.0, mean_coefficient=0.0, noise=0.3)
    options = {"duration": 8.0, "dt": 0.05, "method": "euler_maruyama", "seed": 1, "every": None}
    after = simulate(model, np.zeros((100, 40)), **options).final_state.values
    # stationary variance of the discrete steps, noise^2 / (2 - dt), of 4000 units: standard error sqrt(2 / 4000)
    assert after.var() == pytest.approx(0.3**2 / (2 - 0.05), rel=4 * np.sqrt(2 / 4000))


# --- the reduction to as many dimensions as patterns ---


@pytest.mark.parametrize("kappa", [1.0, 0.025])
@pytest.mark.parametrize("softmax", ["stable", "legacy"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_reduction_is_exact(graph, softmax, kappa, patterns, cues):
    model = memory(patterns, graph, a=-0.3, h=0.9, beta=0.4, softmax=softmax, mean_coefficient=kappa)
    full = iterate(model.map(0.2), cues, steps=12, threads=1).activity.values
    reduced, states = run_reduced(model, cues, steps=12, eta=0.2)
    # scores of size 10 differ by 1e-15 of themselves; twelve steps that each at most double a difference
    np.testing.assert_allclose(reduced.activity(states), full, rtol=0, atol=1e-11)
    np.testing.assert_allclose(reduced.scores(states), model.scores(full), rtol=0, atol=1e-10)
    np.testing.assert_allclose(reduced.energy(states), model.energy(full), rtol=0, atol=1e-10)


def test_reduction_is_exact_in_the_flow(patterns, cues):
    model = memory(patterns, beta=0.4, tau=2.0)
    options = {"duration": 3.0, "dt": 0.25, "method": "rk4", "threads": 1}
    full = simulate(model, cues, **options).activity.values
    reduced = model.reduced(cues)
    run = simulate(reduced, reduced.initial_states(), stimulus=reduced.stimulus(), **options)
    np.testing.assert_allclose(reduced.activity(run[reduced.state].values), full, rtol=0, atol=1e-13)


def test_every_trajectory_may_have_its_own_strengths(patterns, cues):
    strengths = np.array([[1.0, 0.0], [0.5, 0.5], [-0.5, 1.5], [0.2, 0.8], [-2.5, 1.0]])
    model = memory(patterns, beta=0.4)
    reduced, states = run_reduced(model, cues, steps=10, strengths=strengths)
    for k, (a, h) in enumerate(strengths):
        one = iterate(memory(patterns, a=a, h=h, beta=0.4).map(0.1), cues[k], steps=10, threads=1).activity.values[0]
        np.testing.assert_allclose(reduced.activity(states)[k], one, rtol=0, atol=1e-11)  # as above
        energy = replace(model, auto_strength=a, hetero_strength=h).energy(one)
        np.testing.assert_allclose(reduced.energy(states)[k], energy, rtol=0, atol=1e-10)


def test_averages_of_weights_and_what_is_left_of_the_cue_sum_to_one(patterns, cues):
    reduced, states = run_reduced(memory(patterns), cues, steps=20)
    p = reduced.n_patterns
    np.testing.assert_allclose(states[..., : p + 1].sum(axis=-1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(states[..., p], 0.9 ** np.arange(21) * np.ones((5, 1)), rtol=1e-14)
    np.testing.assert_array_equal(states[..., p + 2 :], 0.0)


@pytest.mark.parametrize("own", [False, True])
def test_a_trajectory_has_the_same_bits_in_every_batch(own, rng):
    patterns = rng.random((30, 200))
    cues = patterns + rng.uniform(-0.5, 0.5, patterns.shape)
    model = CDAM(patterns, ring(30), auto_strength=-2.0, hetero_strength=3.0)
    strengths = np.tile([-2.0, 3.0], (30, 1)) if own else np.array([-2.0, 3.0])

    def final(rows):
        return run_reduced(model, cues[rows], steps=50, strengths=strengths[rows] if own else strengths)[1][:, -1]

    np.testing.assert_array_equal(final(slice(7, 8)), final(slice(0, 30))[7:8])
    full = iterate(model.map(0.1), cues, steps=50, threads=2).final_state.values
    np.testing.assert_array_equal(iterate(model.map(0.1), cues[7], steps=50, threads=1).final_state.values[0], full[7])


def test_uniform_and_own_strengths_agree(rng):
    patterns = rng.random((30, 200))
    model = CDAM(patterns, ring(30), auto_strength=0.5, hetero_strength=0.5)
    reduced, states = run_reduced(model, patterns, steps=40)
    _, own = run_reduced(model, patterns, steps=40, strengths=np.full((30, 2), 0.5))
    np.testing.assert_allclose(own, states, rtol=0, atol=1e-13)  # scores of size 100, rounded otherwise


# --- closed forms ---


@pytest.mark.parametrize(("a", "h", "atol"), [(1.0, 0.0, 1e-14), (0.5, 0.5, 1e-6)])
def test_one_hot_regime_has_a_closed_form_at_every_time(a, h, atol, rng):
    patterns = rng.random((30, 1000))
    cues = patterns + rng.uniform(-0.5, 0.5, patterns.shape)
    model = CDAM(patterns, ring(30), auto_strength=a, hetero_strength=h)
    states = iterate(model.map(0.1), cues, steps=100, every=20).activity.values
    times, strengths = np.arange(0, 101, 20), {"auto_strength": a, "hetero_strength": h}
    # the other weights are exp(-gap), with a gap of (n / 12)(a - h / 2) less fluctuations of a few sqrt(n) / 12
    expected = one_hot_activity(cues, patterns, model.links, times, eta=0.1, **strengths)
    np.testing.assert_allclose(states, expected, rtol=0, atol=atol)


def test_mean_activity_is_half_of_what_the_strengths_sum_to(rng):
    patterns = rng.random((30, 1000))
    for a, h, kappa in ((0.5, 0.5, 1.0), (1.0, 0.4, 1.0), (0.5, 0.5, 0.001), (-2.5, 1.0, 1.0)):
        model = CDAM(patterns, ring(30), auto_strength=a, hetero_strength=h, mean_coefficient=kappa)
        after = iterate(model.map(0.1), patterns, steps=200, every=None).final_state.values
        # means of 1000 uniform numbers, at most 4 sd apart; the sum of the strengths' sizes bounds what they weigh
        tolerance = 4 * (abs(a) + abs(h) + kappa) / np.sqrt(12 * 1000)
        np.testing.assert_allclose(after.mean(axis=1), (a + h - kappa) / 2, rtol=0, atol=tolerance)


def test_a_full_step_on_a_directed_ring_is_a_shift():
    model = orthogonal_memory(8, 1e5, a=0.0, h=1.0, adjacency=ring(8, directed=True))
    states = iterate(model.map(1.0), model.patterns, steps=5).activity.values
    for t in range(1, 6):
        expected = np.roll(model.patterns, -t, axis=0) - model.patterns.mean(axis=0)
        np.testing.assert_allclose(states[:, t], expected, rtol=1e-14, atol=1e-13)


@pytest.mark.parametrize("eta", [0.1, 0.2])
@pytest.mark.parametrize(("a", "h"), [(0.0, 1.0), (0.3, 0.7), (-2.0, 3.0)])
def test_sequences_dwell_as_the_winner_take_all_limit_says(a, h, eta):
    model = orthogonal_memory(50, 1.0, a=a, h=h, adjacency=ring(50, directed=True), beta=1e5)
    states = iterate(model.map(eta), model.patterns[0], steps=40).activity.values[0]
    expected = winner_track(model.links, 40, auto_strength=a, hetero_strength=h, eta=eta)
    np.testing.assert_array_equal(states.argmax(axis=1), expected)
    assert dwell_counts(expected).size > 2


def test_vertex_without_successors_leads_to_minus_the_mean_pattern(patterns):
    model = memory(patterns, "final vertex", a=0.0, h=1.0, beta=50.0)
    after = iterate(model.map(0.1), patterns[5], steps=1).activity.values[0, 1]
    np.testing.assert_allclose(after, 0.9 * patterns[5] - 0.1 * patterns.mean(axis=0), rtol=0, atol=1e-12)


def test_neighbours_are_retrieved_along_with_the_cue_in_the_narrow_regime(rng):
    patterns = rng.random((30, 1000))
    model = CDAM(patterns, ring(30), auto_strength=0.5, hetero_strength=0.5)
    after = iterate(model.map(0.1), patterns, steps=100, every=None).final_state.values
    correlation = np.corrcoef(after, patterns)[:30, 30:]
    is_neighbour = ring(30) > 0
    is_far = ~is_neighbour & ~np.eye(30, dtype=bool)
    # 0.37 and -0.06 in the limit, 0.03 sd
    assert correlation[is_neighbour].min() > 0.2 and correlation[is_far].max() < 0.1


def test_pure_retrieval_is_as_close_as_its_bound(rng):
    patterns = rng.random((5, 60))
    model = CDAM(patterns, np.zeros((5, 5)), auto_strength=1.0, hetero_strength=0.0)
    after = iterate(model.map(0.1), patterns, steps=400, every=None).final_state.values
    for mu, state in enumerate(after):
        scores = np.sort(model.scores(state))
        gap = scores[-1] - scores[-2]
        bound = pure_retrieval_bound(patterns, mu, auto_strength=1.0, beta=1.0, gap=gap)
        distance = np.linalg.norm(state - (patterns[mu] - patterns.mean(axis=0)))
        assert 0.0 < distance <= bound


def test_scores_beyond_the_range_of_exponentials_work(rng):
    patterns = rng.random((5, 4000))  # n E[xi^2] = 1333 > 709
    model = CDAM(patterns, ring(5), auto_strength=1.0, hetero_strength=0.0, beta=10.0)
    after = iterate(model.map(0.1), patterns, steps=300, every=None).final_state.values
    np.testing.assert_allclose(after, patterns - patterns.mean(axis=0), rtol=0, atol=1e-12)  # 0.9^300 = 2e-14


# --- wide regime and quiescence ---


@pytest.mark.parametrize(("a", "h", "size"), [(-0.5, 1.5, 4), (0.2, 0.8, 2), (-1.0, 2.0, 5), (-2.0, 3.0, 7)])
def test_small_steps_settle_on_the_cluster_that_theory_finds(a, h, size, rng):
    gain = 1000 / 12
    expected = ring_cluster(30, auto_strength=a, hetero_strength=h, scaled_beta=gain)
    assert np.count_nonzero(expected > 0.01) == size
    model = orthogonal_memory(30, gain, a=a, h=h)
    start = (a * expected + h * model.links @ expected) @ model.patterns + 0.01 * rng.normal(size=30)
    after = iterate(model.map(0.005), start, steps=50_000, every=None).final_state.values[0]
    # the slowest deviations decay at a rate of 0.08: exp(-0.08 x 250) is left
    np.testing.assert_allclose(model.weights(after), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("side", "stays"), [(-0.02, True), (0.02, False)])
@pytest.mark.parametrize("n", [1000, 4000])
def test_quiescence_ends_where_the_second_eigenvalue_says(n, side, stays, rng):
    highest = quiescence_boundaries(normalized(ring(30)), 1.0, beta=1.0, gain=n / 12)[1]
    model = orthogonal_memory(30, n / 12, a=highest + side, h=1.0)
    start = model.patterns.mean(axis=0) * (highest + 1.0) + 1e-6 * rng.normal(size=30)
    after = iterate(model.map(0.02), start, steps=60_000, every=None).final_state.values
    # rates of the slowest mode are 0.02 n / 360, times eta 60000 steps: beyond exp(60); the other modes are gone
    deviation = np.abs(model.weights(after) - 1 / 30).max()
    assert (deviation < 1e-7) == stays


@pytest.mark.parametrize(("side", "stays"), [(0.02, True), (-0.02, False)])
def test_quiescence_of_the_map_also_ends_where_steps_overshoot(side, stays, rng):
    options = {"beta": 1.0, "gain": 1000 / 12, "eta": 0.1}
    lowest = quiescence_boundaries(normalized(tutte()), 0.5, **options)[0]
    model = orthogonal_memory(46, 1000 / 12, a=lowest + side, h=0.5, adjacency=tutte())
    start = model.patterns.mean(axis=0) * (lowest - 0.5) + 1e-6 * rng.normal(size=46)
    after = iterate(model.map(0.1), start, steps=20_000, every=None).final_state.values
    assert (np.abs(model.weights(after) - 1 / 46).max() < 1e-7) == stays


# --- energies ---


@pytest.mark.parametrize(
    ("a", "h"), [(1.0, 0.0), (0.5, 0.5), (0.2, 0.8), (-0.5, 1.5), (-1.0, 2.0), (-2.0, 3.0), (-2.5, 1.0)]
)
def test_energy_never_rises_in_small_steps(a, h, rng):
    model = orthogonal_memory(30, 1000 / 12, a=a, h=h)
    # weak cues, between which and the patterns the energy has some way to fall
    reduced, states = run_reduced(model, rng.normal(0.0, 0.05, (4, 30)), steps=1500, eta=0.005)
    energy = reduced.energy(states)
    assert np.diff(energy, axis=1).max() < 1e-10  # round-off of scores of size 100
    audit = audit_energy(xr.DataArray(energy, dims=("trajectory", "time"), coords={"time": np.arange(1501)}))
    assert np.all(audit.net_change < -1e-3)


@pytest.mark.parametrize(("a", "h"), [(-0.5, 1.5), (-1.0, 2.0), (-2.0, 3.0)])
def test_energy_rises_in_steps_of_the_published_size(a, h, rng):
    model = orthogonal_memory(30, 1000 / 12, a=a, h=h)
    reduced, states = run_reduced(model, model.patterns[:4] + rng.uniform(-0.5, 0.5, (4, 30)), steps=100)
    audit = audit_energy(
        xr.DataArray(reduced.energy(states), dims=("trajectory", "time"), coords={"time": np.arange(101)})
    )
    assert not np.any(audit.is_descending) and np.all(audit.largest_rise > 0.1)


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(("a", "h"), [(1.0, 0.0), (0.5, 0.5), (-0.5, 1.5)])
def test_energies_match_the_loops(a, h, graph, patterns, cues):
    model = memory(patterns, graph, a=a, h=h, beta=0.7, mean_coefficient=0.3)
    adjacency, options = GRAPHS[graph][0], {"auto": a, "hetero": h, "beta": 0.7}
    is_undirected = np.array_equal(adjacency, adjacency.T)
    heuristic = naive_cdam.undirected_energy if is_undirected else naive_cdam.directed_energy
    links = model.links if is_undirected else adjacency
    for cue in cues:
        expected = naive_cdam.lyapunov(cue, patterns, model.links, mean_coefficient=0.3, **options)
        np.testing.assert_allclose(model.energy(cue), expected, rtol=1e-12, atol=1e-12)  # rounding of sums
        expected = heuristic(cue, patterns, links, **options)
        np.testing.assert_allclose(model.heuristic_energy(cue), expected, rtol=1e-12, atol=1e-12)


def test_energy_is_the_lyapunov_function_along_an_exact_solution(rng):
    model = orthogonal_memory(8, 5.0, a=-0.5, h=1.5)
    times = np.linspace(0.0, 10.0, 60)
    start = model.patterns[0] + rng.uniform(-0.5, 0.5, 8)
    solution = solve_ivp(lambda t, y: model.velocity(y), (0, 10), start, t_eval=times, rtol=1e-10, atol=1e-12)
    assert np.diff(model.energy(solution.y.T)).max() < 1e-9  # of the solver


# --- arguments ---


def test_the_callers_arrays_are_neither_changed_nor_shared(patterns, cues):
    adjacency, kept, before = ring(6), patterns.copy(), cues.copy()
    model = CDAM(patterns, adjacency, auto_strength=0.5, hetero_strength=0.5)
    iterate(model.map(0.1), cues, steps=3)
    run_reduced(model, cues, steps=3)
    np.testing.assert_array_equal(patterns, kept)
    np.testing.assert_array_equal(cues, before)
    velocity = model.velocity(cues)
    patterns[:], adjacency[:] = 0.0, 0.0
    np.testing.assert_array_equal(CDAM(kept, ring(6), auto_strength=0.5, hetero_strength=0.5).velocity(cues), velocity)
    np.testing.assert_array_equal(model.velocity(cues), velocity)
    with pytest.raises(ValueError, match="read-only"):
        model.patterns[0, 0] = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patterns": np.ones(5)}, r"patterns must be a matrix \(pattern, unit\), got shape \(5,\)"),
        ({"patterns": np.full((6, 2), np.nan)}, "patterns must be finite, got 12 other values"),
        ({"patterns": np.ones((5, 4))}, "adjacency must have one vertex for each of the 5 patterns, got 6"),
        ({"adjacency": np.ones((6, 5))}, r"adjacency must be a square matrix \(vertex, vertex\), got shape \(6, 5\)"),
        ({"adjacency": -ring(6)}, "adjacency must be >= 0 everywhere, got a minimum of -1"),
        ({"adjacency": np.full((6, 6), np.nan)}, "adjacency must be finite, got 36 other values"),
        ({"auto_strength": np.inf}, "auto_strength must be finite, got inf"),
        ({"beta": 0.0}, "beta must be > 0, got 0.0"),
        ({"tau": -1.0}, "tau must be > 0, got -1.0"),
        ({"noise": -0.1}, "noise must be >= 0, got -0.1"),
        ({"normalization": "row"}, "normalization must be one of sym, out, none, got 'row'"),
        ({"softmax": "exact"}, "softmax must be one of stable, legacy, got 'exact'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(changes, message, patterns):
    arguments = {"patterns": patterns, "adjacency": ring(6), "auto_strength": 1.0, "hetero_strength": 0.0}
    with pytest.raises(ValueError, match=message):
        CDAM(**{**arguments, **changes})


@pytest.mark.parametrize("name", ["auto_strength", "hetero_strength", "beta", "mean_coefficient", "tau", "noise"])
def test_numbers_must_be_numbers(name, patterns):
    with pytest.raises(TypeError, match=f"{name} must be a number, got '1'"):
        CDAM(patterns, ring(6), **{"auto_strength": 1.0, "hetero_strength": 0.0, name: "1"})


@pytest.mark.parametrize(("eta", "message"), [(0.0, "eta must be > 0, got 0.0"), (1.5, r"eta must be in \(0, 1\]")])
def test_eta_is_a_fraction(eta, message, patterns):
    model = memory(patterns)
    for system in (model, model.reduced(patterns)):
        with pytest.raises(ValueError, match=message):
            system.map(eta)


def test_noise_belongs_to_the_flow_of_the_units(patterns):
    model = memory(patterns, noise=0.1)
    with pytest.raises(ValueError, match="noise must be 0 for a map, got 0.1"):
        model.map(0.1)
    with pytest.raises(ValueError, match="noise must be 0 for the reduced system, got 0.1"):
        model.reduced(patterns)


def test_shapes_that_do_not_fit_are_named(patterns, cues):
    model = memory(patterns)
    with pytest.raises(ValueError, match=r"activity must have shape \(..., 40\), got \(5, 39\)"):
        model.energy(cues[:, 1:])
    with pytest.raises(ValueError, match=r"cues must have shape \(40,\) or \(trajectory, 40\), got \(5, 39\)"):
        model.reduced(cues[:, 1:])
    with pytest.raises(ValueError, match=r"strengths must have shape \(2,\) or \(5, 2\), got \(4, 2\)"):
        model.reduced(cues, np.ones((4, 2)))
    reduced = model.reduced(cues)
    with pytest.raises(ValueError, match=r"states must have shape \(5, ..., 8\), got \(4, 8\)"):
        reduced.activity(np.zeros((4, 8)))
    with pytest.raises(ValueError, match=r"states must have the dimensions \(trajectory, time, column\)"):
        reduced.read_out(np.zeros((5, 8)))
    with pytest.raises(ValueError, match=r"strengths must have 1 or 3 dimensions, got shape \(4, 2\)"):
        reduced.coefficients(np.zeros((5, 3, 8)), np.zeros((4, 2)))


def test_a_reduced_system_needs_the_scores_of_its_cues(rng):
    reduced = CDAM(rng.random((6, 50)), ring(6), auto_strength=0.5, hetero_strength=0.5).reduced(rng.random((2, 50)))
    with pytest.raises(ValueError, match="stimulus must be given from the start on for ReducedCDAMMap"):
        iterate(reduced.map(0.1), reduced.initial_states(), steps=5)
    with pytest.raises(ValueError, match="stimulus must be given from the start on for ReducedCDAM"):
        simulate(
            reduced, reduced.initial_states(), t0=-1.0, duration=1.0, dt=0.1, stimulus=reduced.stimulus(), every=None
        )


def test_constant_states_have_no_correlation_in_either_engine(rng):
    patterns = rng.random((6, 50))
    patterns[2] = 0.1
    model = CDAM(patterns, ring(6), auto_strength=0.5, hetero_strength=0.5)
    for engine in ("reduced", "full"):
        run = retrieve(model, patterns[[2, 3]], steps=3, engine=engine)
        assert np.isnan(run.correlation[0, 0]).all() and np.isnan(run.correlation[:, :, 2]).all()
        assert run.winner[0, 0] == -1 and run.winner[1, 0] == 3
