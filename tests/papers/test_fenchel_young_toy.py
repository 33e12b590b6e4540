"""Margins, problems in the plane and theorems: experiments, what they share, single numbers."""

import numpy as np
import pytest
import xarray as xr

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Run
from assocmem.papers.fenchel_young import (
    basins,
    contours,
    descent,
    limits,
    margins,
    pattern_sets,
    random_networks,
    single_patterns,
    spheres,
    theorems,
    toy,
)
from assocmem.papers.record import save_dataset
from assocmem.separations import KSubsets, Normmax, Sparsemax
from tests import naive_fenchel_young as naive
from tests import naive_separations

EXPERIMENTS = (margins.EXPERIMENT, *contours.EXPERIMENTS, *basins.EXPERIMENTS, theorems.EXPERIMENT)
SEPARATIONS = {
    "1-entmax": naive_separations.softmax,
    "1.5-entmax": lambda t: naive_separations.entmax(t, 1.5),
    "2-entmax": lambda t: naive_separations.entmax(t, 2.0),
    "2-normmax": lambda t: naive_separations.normmax(t, 2.0),
    "5-normmax": lambda t: naive_separations.normmax(t, 5.0),
}


@pytest.fixture
def small(monkeypatch):
    """Coarser grids and fewer networks than at quick scale."""
    monkeypatch.setitem(contours.GRID, "quick", 12)
    monkeypatch.setitem(contours.MOST_UPDATES, "quick", 40)
    monkeypatch.setitem(basins.GRID, "quick", 8)
    monkeypatch.setitem(single_patterns.N_NETWORKS, "quick", 12)  # as many as have points enough for the figure
    monkeypatch.setitem(descent.N_NETWORKS, "quick", 2)
    monkeypatch.setitem(pattern_sets.N_NETWORKS, "quick", 5)
    monkeypatch.setitem(spheres.N_SETS, "quick", 3)
    monkeypatch.setitem(limits.N_SCORES, "quick", 20)


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
    "experiment", [contours.EXPERIMENTS[0], basins.EXPERIMENTS[0], theorems.EXPERIMENT], ids=lambda e: e.name
)
def test_results_do_not_depend_on_threads(experiment, small):
    one, two = (experiment.run(Run(threads=threads)) for threads in (1, 2))
    xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_derivations_hold(experiment, small):
    claims = experiment.claims(experiment.run(Run()))
    exact = [claim for claim in claims if claim.source == "theory" and "median number" not in claim.statement]
    assert exact
    assert {claim.verdict for claim in exact} == {"reproduced"}


# margins


def test_losses_of_equal_scores_are_those_listed():
    listed = (0.693147, 0.390524, 0.25, 0.0, 0.5, 0.425651, 0.292893, 0.0)
    dataset = margins.EXPERIMENT.run(Run())
    np.testing.assert_allclose(dataset.loss_at_zero, listed, atol=5e-7)  # rounding of the list


def test_curves_agree_with_exact_arithmetic():
    dataset = margins.EXPERIMENT.run(Run()).sel(regularizer=r"$\gamma=5$")
    score = float(dataset.score[120])
    weights = naive_separations.normmax([score, 0.0], 5.0)
    loss = naive_separations.fenchel_young_loss(
        [score, 0.0], [1.0, 0.0], lambda p: naive_separations.norm_negentropy(p, 5.0), weights
    )
    assert float(dataset.weight[120]) == pytest.approx(weights[0], rel=1e-14)  # the same number, rounded once
    assert float(dataset.loss[120]) == pytest.approx(loss, abs=1e-15)
    assert float(dataset.negentropy[60]) == pytest.approx(naive_separations.norm_negentropy([0.3, 0.7], 5.0), abs=1e-15)


# problems in the plane


def test_patterns_are_the_listed_ones_with_their_norms():
    assert list(toy.POINTS) == [0, 3, 8, 9]
    raw = np.array(toy.POINTS[3])
    np.testing.assert_array_equal(raw[0], (0.149779707762954, -0.20889391999870743))
    plane = toy.network(3, "identity", Sparsemax(), 1.0).patterns
    np.testing.assert_allclose(plane, raw / np.linalg.norm(raw, axis=1, keepdims=True), rtol=1e-15)
    assert toy.network(0, "identity", Sparsemax(), 1.0).n_patterns == 3


def test_patterns_for_layer_normalisation_have_an_unbiased_deviation_of_one():
    patterns = toy.network(9, toy.LAYER_NORM, Sparsemax(), 1.0).patterns
    raw = np.array(toy.POINTS[9])
    rows = np.concatenate([raw, -raw.sum(axis=1, keepdims=True)], axis=1)
    np.testing.assert_allclose(patterns, rows / rows.std(axis=1, ddof=1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(np.square(patterns).sum(axis=1), 2.0, rtol=1e-14)


def test_borders_are_feasible_states():
    for mode in ("l2", toy.LAYER_NORM):
        network = toy.network(8, mode, Sparsemax(), 1.0)
        states = toy.states_at(toy.border(mode), mode)
        np.testing.assert_allclose(network.post.apply(states), states, atol=1e-15)
    assert toy.border("identity") is None


def test_grids_reach_beyond_the_patterns():
    x, y = toy.grid(np.array([[0.0, 1.0], [2.0, -1.0]]), 5)
    np.testing.assert_allclose(x, [-0.1, 0.45, 1.0, 1.55, 2.1])
    np.testing.assert_allclose((y[0], y[-1]), (-1.1, 1.1))
    states = toy.states_on_grid(x, y, "l2")
    np.testing.assert_array_equal(states[:6], [[a, y[0]] for a in x] + [[x[0], y[1]]])


@pytest.mark.parametrize("separation", toy.SEPARATIONS)
def test_trajectories_agree_with_a_plain_loop(separation):
    network = toy.network(3, "l2", toy.SEPARATIONS[separation], 1.0)
    start = toy.first_state(3, "l2")
    expected = naive.mixture(naive_separations.softmax(naive.scores(toy.CUES[3], network.patterns)), network.patterns)
    np.testing.assert_allclose(start, expected, rtol=1e-14)
    path, energy = contours.trajectory(network, start, 4)
    plain = naive.run(start, network.patterns, SEPARATIONS[separation], 1.0, naive.l2_post().apply, n_steps=4)
    np.testing.assert_allclose(path, plain, atol=1e-13)  # the same steps in another order
    assert energy.shape == (5,)
    assert np.all(np.diff(energy) <= 1e-15)


def test_settling_counts_updates_to_the_last_state():
    path = np.array([[0.0, 1.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 2.0]])[..., None]
    np.testing.assert_array_equal(toy.settling_updates(path), [2, 0, 3])


def test_rises_are_relative_and_infinite_energies_fall():
    assert toy.largest_rise(np.array([np.inf, 4.0, -8.0, -6.0])) == 0.25
    assert toy.largest_rise(np.zeros(3)) == 0.0


def test_the_published_energy_has_the_two_norm():
    network = toy.network(8, "identity", Normmax(5.0), 1.0)
    state = np.array([0.2, -0.3])

    def two_norm(p):
        return naive_separations.norm_negentropy(p, 2.0)

    expected = naive.sparse_energy(state, network.patterns, two_norm, SEPARATIONS["5-normmax"], 1.0)
    assert contours.published_energy(network, state[None])[0] == pytest.approx(expected, abs=1e-14)
    own = toy.network(8, "identity", Normmax(2.0), 1.0)
    assert contours.published_energy(own, state) == pytest.approx(float(own.energy(state)), abs=1e-14)


def test_basins_agree_with_a_plain_loop(small):
    dataset = basins.EXPERIMENTS[0].run(Run()).sel(mode="identity", problem=8, separation="2-entmax")
    patterns = toy.network(8, "identity", Sparsemax(), 4.0).patterns
    for row, column in ((0, 0), (3, 5), (7, 2)):
        start = (float(dataset.place_x[column]), float(dataset.place_y[row]))
        end = naive.run(start, patterns, SEPARATIONS["2-entmax"], 4.0, n_steps=50)[-1]
        distance = np.linalg.norm(patterns - end, axis=1)
        assert int(dataset.basin[row, column]) == (distance.argmin() if distance.min() < 1e-3 else -1)


def test_even_weights_have_an_evenness_of_one():
    weights = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.75, 0.25, 0.0]])
    assert basins._evenness(weights) == pytest.approx(
        (1.0 + 0.8) / 2
    )  # 1 / (9 + 1) * 16 / 2 = 0.8; single ones left out


# theorems


def test_radii_agree_with_the_reference(rng):
    patterns = random_networks.on_sphere(rng, 12, 6, radius=1.5)
    network = HopfieldFenchelYoung(patterns, separation=Sparsemax(), beta=4.0)
    found = single_patterns._balls(network, np.random.default_rng(0))
    radii = np.array([naive.basin_radius(patterns, i, 4.0, 1.0) for i in range(12)])
    nearest = [np.sort(np.linalg.norm(patterns - x, axis=1))[1] for x in patterns]
    ratios = np.array(nearest) / 3.0  # |x - x'| / 2 M
    np.testing.assert_allclose(found["tightness"], ratios[radii > 0], rtol=1e-8)  # directions are shrunk by 1e-9
    assert found["n_ball"] == np.sum(radii > 0) > 0


def test_worst_directions_point_to_the_nearest_pattern():
    patterns = np.array([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]])
    np.testing.assert_allclose(random_networks.worst_directions(patterns)[0], np.array([-1.0, 1.0]) / np.sqrt(2.0))
    np.testing.assert_allclose(random_networks.worst_directions(patterns)[1], np.array([-0.6, -0.2]) / np.sqrt(0.4))


def test_sets_of_the_first_generators_are_those_of_a_longer_run():
    short, long = (random_networks.generators(Run(seed=3), "sets", n) for n in (2, 5))
    assert [r.random() for r in short] == [r.random() for r in long[:2]]


def test_sharp_margins_of_sets_agree_with_the_reference(rng):
    y = pattern_sets._subsets(2)
    patterns = rng.standard_normal((pattern_sets.N_PATTERNS, 20))
    network = HopfieldFenchelYoung(patterns, separation=KSubsets(2), beta=0.2)
    square_distances = np.square(y[:, None] - y).sum(axis=-1)
    found = pattern_sets._sharp(network, y @ patterns, y, square_distances)["gap"] >= 1.0
    scores = 0.2 * (y @ patterns) @ patterns.T
    expected = [naive.is_k_subset_exact(t, chosen) for t, chosen in zip(scores, y, strict=True)]
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < len(y)


def test_one_more_pattern_than_the_most_is_lost(rng):
    patterns = random_networks.on_sphere(rng, 200, 6)
    n = spheres._most_retrieved(patterns)
    assert spheres._are_retrieved(patterns[:n])
    assert not spheres._are_retrieved(patterns[: n + 1])
    # the sharp rule for all pairs
    distance = np.linalg.norm(patterns[: n + 1, None] - patterns[: n + 1], axis=-1)
    spare = distance**2 / 2 - spheres.EPSILON * distance - 1 / spheres.BETA + 10 * np.eye(n + 1)
    assert spare[:n, :n].min() >= 0 > spare.min()


def test_the_expected_number_follows_from_the_share_of_a_cap():
    # in three dimensions a cap of angle a has the share (1 - cos a) / 2
    distance = spheres.EPSILON + np.sqrt(spheres.EPSILON**2 + 2 / spheres.BETA)
    share = distance**2 / 4
    assert spheres.expected(3) == pytest.approx(np.sqrt(2 * np.log(2) / share), rel=1e-12)


def test_growth_of_an_exponential_is_its_rate():
    units = np.array([2.0, 4.0, 6.0])
    slope, explained = spheres.growth(units, 3.0 * np.exp(0.2 * units))
    assert (slope, explained) == (pytest.approx(0.2), pytest.approx(1.0))
