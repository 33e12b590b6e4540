"""The experiments of CDAM on graphs with random patterns: what they share, single numbers, figures and claims."""

import numpy as np
import pytest
import xarray as xr
from scipy.sparse.csgraph import shortest_path

from assocmem.graphs import ring, tutte
from assocmem.papers import cdam
from assocmem.papers.base import Run
from assocmem.papers.cdam import (
    attractors,
    barbell,
    distances,
    karate,
    miyashita,
    modes,
    network,
    orthogonal,
    range_control,
    stability,
    statements,
    theory,
    wide,
)
from assocmem.papers.cdam import (
    tutte as tutte_experiment,
)
from assocmem.papers.record import save_dataset
from tests import naive_cdam as naive

EXPERIMENTS = (
    *modes.EXPERIMENTS,
    range_control.EXPERIMENT,
    miyashita.EXPERIMENT,
    karate.EXPERIMENT,
    tutte_experiment.EXPERIMENT,
    barbell.EXPERIMENT,
    theory.EXPERIMENT,
    statements.EXPERIMENT,
    wide.EXPERIMENT,
    stability.EXPERIMENT,
)


@pytest.fixture
def small(monkeypatch):
    """Shorter runs and smaller figures of what takes longest at quick scale."""
    monkeypatch.setattr(modes, "TIMES", (1, 100))
    monkeypatch.setattr(range_control, "TIMES", (1, 100))
    monkeypatch.setattr(miyashita, "STRENGTHS", (-2.5, -2.45, -2.4, -2.0))
    monkeypatch.setitem(theory.SIZES, "quick", (250, 1000))
    monkeypatch.setattr(theory, "WINNER_STRENGTHS", (0.3, 0.4, 0.5))
    monkeypatch.setattr(wide, "COOLING", (1.0, 2.0))
    monkeypatch.setattr(wide, "KICK_ITERATIONS", 300)
    monkeypatch.setitem(stability.STRENGTHS, "quick", np.arange(-7.2, 1.01, 0.4))
    monkeypatch.setattr(stability, "CUED_STRENGTHS", (-1.0, 0.0))
    monkeypatch.setattr(stability, "SMALL_STEPS", 400)
    monkeypatch.setattr(statements, "COMPONENT_STEPS", 100)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_experiments_run_draw_and_claim(experiment, small, tmp_path):
    dataset = experiment.run(Run())
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize(
    "experiment", [barbell.EXPERIMENT, miyashita.EXPERIMENT, stability.EXPERIMENT], ids=lambda e: e.name
)
def test_results_do_not_depend_on_threads(experiment, small):
    one, two = (experiment.run(Run(threads=threads)) for threads in (1, 2))
    xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("module", [range_control, karate, barbell], ids=lambda m: m.__name__)
def test_comparisons_with_other_runs_can_be_made(module):
    dataset = module.EXPERIMENT.run(Run()).assign_attrs(scale="paper")
    texts = [claim.row()["theirs"] for claim in module.EXPERIMENT.claims(dataset)]
    assert any(text.startswith("earlier run") for text in texts)


def test_experiments_have_their_own_names():
    names = [experiment.name for experiment in cdam.PAPER.experiments]
    assert len(set(names)) == len(names)
    assert {experiment.name for experiment in EXPERIMENTS} <= set(names)


# what the experiments share


def test_patterns_are_uniform_and_cues_noisy():
    patterns = network.random_patterns(20, 5000, seed=3)
    noise = network.noisy_cues(patterns, seed=3) - patterns
    assert 0 <= patterns.min() and patterns.max() < 1
    # four standard errors of a mean of 100 000 uniform numbers
    assert patterns.mean() == pytest.approx(0.5, abs=4 * (12 * patterns.size) ** -0.5)
    assert np.abs(noise).max() <= 0.5
    assert noise.std() == pytest.approx(12**-0.5, rel=0.01)  # three standard errors
    assert abs(np.corrcoef(noise.ravel(), patterns.ravel())[0, 1]) < 4 * patterns.size**-0.5


def test_networks_of_a_small_run_are_the_first_of_a_large_one():
    run = Run(seed=4)
    assert network.network_seeds(run, 10)[:2] == network.network_seeds(run, 2)
    assert network.network_seeds(Run(seed=5), 2) != network.network_seeds(run, 2)


def test_settings_share_patterns_and_cues_and_agree_with_a_plain_loop():
    adjacency, settings = ring(5), ((1.0, 0.0), (0.5, 0.5))
    result = network.retrieve_settings(adjacency, settings, seed=8, n_units=40, beta=0.7, eta=0.2, steps=6, every=1)
    patterns = network.random_patterns(5, 40, seed=8)
    cues = network.noisy_cues(patterns, seed=8)
    graph = naive.normalised(adjacency, "sym")
    finals = [naive.run(cue, patterns, graph, 6, auto=0.5, hetero=0.5, eta=0.2, beta=0.7)[-1] for cue in cues]
    chosen = network.at_setting(result, (0.5, 0.5)).isel(time=-1)
    expected = [naive.pattern_correlations(final, patterns) for final in finals]
    np.testing.assert_allclose(chosen.correlation, expected, atol=1e-12)  # the same operations in another order
    np.testing.assert_allclose(chosen.attractor_correlation, naive.attractor_correlations(finals), atol=1e-12)


def test_activity_is_that_of_cues_and_units_together():
    states = np.random.default_rng(0).standard_normal((3, 50))
    result = xr.Dataset({"mean_activity": ("cue", states.mean(axis=1)), "std_activity": ("cue", states.std(axis=1))})
    found = network.activity_over_time(result)
    assert float(found.activity_mean) == pytest.approx(states.mean())
    assert float(found.activity_sd) == pytest.approx(states.std())


def test_bands_of_means_follow_from_the_spread_over_networks():
    ours = xr.DataArray([1.0, 2.0, 3.0], dims="network")
    (claim,) = network.mean_claims([("a", 2.5, 0.1, ours)], source="earlier run", n_theirs=3)
    # t quantile of 2 degrees of freedom at 97.5 %, sd 1, standard error of the difference sqrt(2 / 3)
    assert claim.tolerance == pytest.approx(4.30265273 * (2 / 3) ** 0.5 + 0.1)
    (exact,) = network.mean_claims([("a", 2.5, 0.0, ours)], source="theory", n_theirs=np.inf)
    assert exact.tolerance == pytest.approx(4.30265273 / 3**0.5)


def test_curves_are_compared_where_they_differ_most():
    values = xr.DataArray([[1.0, 5.0], [3.0, 7.0]], dims=("network", "distance"), coords={"distance": [1, 2]})
    # means 2 and 6, sd sqrt(2), standard error of the difference to one network sqrt(3)
    claim = network.curve_claim("c", {1: 2.05, 2: 4.0}, values, source="paper", n_theirs=1, reading=0.1)
    assert claim.ours == pytest.approx(1.9 / 3**0.5)
    near = network.curve_claim("c", {1: 2.05}, values, source="paper", n_theirs=1, reading=0.1)
    assert near.ours == 0.0


# distances and communities


def test_ring_curves_agree_with_a_plain_loop():
    matrix = np.random.default_rng(1).standard_normal((7, 7))
    curve = distances.ring_curve(xr.DataArray(matrix, dims=("cue", "other_cue")), n_distances=4)
    np.testing.assert_array_equal(curve, [naive.distance_curve(matrix, d) for d in range(4)])


def test_hop_means_are_means_over_pairs_of_vertices():
    matrix = np.random.default_rng(2).standard_normal((46, 46))
    means = distances.hop_means(xr.DataArray(matrix, dims=("cue", "pattern")), tutte(), n_distances=12)
    hops = shortest_path(tutte(), unweighted=True)
    pairs = [matrix[i, j] for i in range(46) for j in range(46) if hops[i, j] == 3]
    assert float(means.sel(distance=3)) == pytest.approx(np.mean(pairs))
    assert np.isnan(means.sel(distance=11))


def test_the_range_ends_where_a_curve_is_first_negative():
    curve = xr.DataArray([[1.0, 0.5, -0.1, 0.2], [1.0, -0.5, 0.1, 0.2]], dims=("network", "distance"))
    np.testing.assert_array_equal(distances.positive_range(curve), [1, 0])


def test_groups_that_are_the_communities_are_perfect():
    communities = np.array([0, 1, -1, 0, 1])
    attractor = np.where(communities[:, None] == communities, 0.8, -0.2) + 0.2 * np.eye(5)
    found = attractors.group_quality(attractor, communities)
    assert found["inside"] == pytest.approx(0.8)
    assert found["between"] == pytest.approx(-0.2)
    assert found["rand_index"] == found["agreement"] == 1.0


def test_the_curve_of_a_path_has_a_mean_for_every_distance():
    matrix = np.random.default_rng(3).standard_normal((10, 10))
    matrix = matrix + matrix.T
    curve = barbell._path_curve(xr.DataArray(matrix, dims=("cue", "other_cue")))
    assert float(curve[4]) == pytest.approx(np.mean([matrix[i, i + 4] for i in range(6)]))


def test_leaves_bring_blocks_together():
    communities = np.array([0, 1, 0, 1, 0])
    attractor = np.where(communities[:, None] == communities, 0.8, -0.2) + 0.2 * np.eye(5)
    assert np.count_nonzero(np.diff(communities[karate._leaf_order(attractor)])) == 1


# single numbers


def test_a_trivial_curve_has_most_of_the_fit_to_the_monkeys():
    trivial = xr.DataArray([1.0, 0, 0, 0, 0, 0, 0], dims="distance")
    monkey = xr.DataArray(list(miyashita.MONKEY), dims="distance")
    expected = np.corrcoef(trivial, monkey)[0, 1] ** 2
    assert float(miyashita._r_squared(trivial, monkey)) == pytest.approx(expected)
    assert expected > 0.9


def test_orthogonal_patterns_are_orthogonal():
    model = orthogonal.orthogonal_network(ring(6), square=3.0)
    np.testing.assert_allclose(model.gram, 3.0 * np.eye(6), atol=1e-15)


def test_modes_are_the_eigenvalues_of_the_map():
    model = orthogonal.orthogonal_network(ring(6), (-0.5, 1.5), square=4.0)
    state = np.full(6, -1.0 / 6 + 1.0 / 6) @ model.patterns  # all coefficients (a + h - 1) / p: equal weights
    eta, step = 0.1, 1e-6
    moved = [orthogonal.activities(model, (state + step * e)[None], eta=eta, steps=1)[0, -1] for e in np.eye(6)]
    jacobian = (np.array(moved) - state).T / step
    expected = np.sort(1 - eta + eta * orthogonal.weight_modes(model, np.full(6, 1 / 6)))
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(jacobian).real), expected, atol=1e-5)  # difference quotient


def test_profiles_are_cut_around_their_middle():
    weights = np.zeros(30)
    weights[12:16] = (0.2, 0.3, 0.3, 0.2)
    cut = wide._centred(weights)
    assert cut.size == wide.N_PLACES
    np.testing.assert_array_equal(cut[wide.N_PLACES // 2 - 2 : wide.N_PLACES // 2 + 2], weights[12:16])


def test_deviations_that_still_grow_are_not_quiescent():
    half_way, end = np.array([0.5, 0.1, 1e-20, 3.0]), np.array([0.1, 0.5, 2e-20, 2.0])
    np.testing.assert_array_equal(stability._is_quiescent(half_way, end), [True, False, True, False])


def test_without_edges_the_state_goes_to_minus_the_mean_pattern():
    patterns = network.random_patterns(30, seed=1)
    distance = statements._sink_distance(patterns, patterns[:1], np.zeros((30, 30)))
    mean = patterns.mean(axis=0)
    start = np.linalg.norm(patterns[0] + mean) / np.linalg.norm(mean)
    np.testing.assert_allclose(distance, start * 0.9 ** np.arange(301), rtol=1e-9, atol=1e-12)  # round-off near 0


def test_the_published_softmax_leaves_a_multiple_of_the_mean_pattern():
    result = network.retrieve_settings(ring(30), (network.QUIESCENT,), seed=0, softmax="legacy")
    patterns = network.random_patterns(30, seed=0)
    expected = (sum(network.QUIESCENT) * 30 - 1) * patterns.mean()
    # what is left of the first states, from before all weights are 1: 0.9^100 times their distance
    np.testing.assert_allclose(result.mean_activity, expected, rtol=1e-3)
