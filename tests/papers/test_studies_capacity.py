"""Studies of capacity: tiny versions run, draw and survive a file; their parts against direct computations."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis.interference import child_stability_threshold
from assocmem.learning.storage import NotStorableError
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.papers.studies import exponential_capacity, sparse_margin, stated_capacities, stated_systems
from assocmem.separations import Sparsemax

MODULES = {module.EXPERIMENT.name: module for module in (exponential_capacity, sparse_margin, stated_capacities)}


@pytest.fixture
def tiny(monkeypatch):
    """The quick scale with fewer units, sets and draws."""
    names = ("sphere, condensed", "sphere, converged", "signs, spread")
    few = {name: exponential_capacity.CONDITIONS[name] for name in names}
    monkeypatch.setattr(exponential_capacity, "CONDITIONS", few)
    monkeypatch.setitem(exponential_capacity.UNITS, "quick", ((16, 24), (60, 64)))
    for module in (exponential_capacity, sparse_margin):
        monkeypatch.setitem(module.MOST_SETS, "quick", 4)
    for module in MODULES.values():
        monkeypatch.setitem(module.N_DRAWS, "quick", 2)
        monkeypatch.setitem(module.WIDTH, "quick", 0.3)
    monkeypatch.setitem(stated_systems.FENCHEL_YOUNG_NUMBERS, "quick", (2, 60, 700))
    monkeypatch.setattr(stated_systems, "CHILDREN", {"one step": (15, 30), "iterated": (5, 15)})
    monkeypatch.setattr(stated_systems, "CORRELATED", {(60, 1.0, 0.0): (5, 40), (120, 0.5, 0.5): (5, 80)})


@pytest.mark.parametrize("name", MODULES)
def test_studies_run_draw_and_claim(name, tiny, tmp_path):
    experiment = MODULES[name].EXPERIMENT
    dataset = experiment.run(Run())
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize("ensemble", ["sphere", "signs"])
def test_cues_have_the_stated_cosine(ensemble):
    patterns = exponential_capacity.patterns_of(ensemble, 24, 50, seed=1)
    cues = exponential_capacity.cues_of(ensemble, patterns, seed=2)
    np.testing.assert_allclose(np.linalg.norm(patterns, axis=1), np.sqrt(24), rtol=1e-12)
    own = np.sum(cues * patterns[:32], axis=1)
    np.testing.assert_allclose(own / np.linalg.norm(cues, axis=1) / np.sqrt(24), 0.5, atol=1e-12)
    gain = exponential_capacity.Condition(ensemble, 1.0).gain
    np.testing.assert_allclose(np.linalg.norm(cues, axis=1) / np.sqrt(24), gain, rtol=1e-12)


def test_the_own_part_of_a_mixture_is_the_softmax_weight():
    patterns = exponential_capacity.patterns_of("sphere", 12, 40, seed=1)
    cues = exponential_capacity.cues_of("sphere", patterns, seed=2)
    scores = np.exp(0.3 * cues @ patterns.T)
    expected = np.diagonal(scores) / scores.sum(axis=1)
    found = exponential_capacity.own_part(patterns, cues, 0, beta=0.3)
    np.testing.assert_allclose(found, expected[:, None] * patterns[:32], rtol=1e-12)
    least = exponential_capacity.WEIGHT
    np.testing.assert_array_equal(exponential_capacity.has_weight(found, patterns[:32]), expected >= least)


@pytest.mark.parametrize("name", exponential_capacity.CONDITIONS)
def test_half_of_the_expected_number_is_retrieved(name):
    condition = exponential_capacity.CONDITIONS[name]
    assert condition.probability(condition.half(60), 60) == pytest.approx(0.5, abs=1e-6)


def test_noise_is_orthogonal_to_the_pattern():
    patterns = sparse_margin.on_sphere(10, 40, seed=3)
    cues = sparse_margin.noisy(0.7, patterns, seed=4)
    np.testing.assert_allclose(np.sum(cues * patterns[:32], axis=1), 10.0, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(cues, axis=1), np.sqrt(10) / 0.7, rtol=1e-12)


def test_the_gap_is_noted_and_tells_what_is_exact():
    patterns = sparse_margin.on_sphere(10, 60, seed=3)
    cues = sparse_margin.noisy(0.8, patterns, seed=4)
    recall = sparse_margin.Recall(Sparsemax(), 0.3)
    states = recall(patterns, cues, 0)
    gaps = []
    for i, cue in enumerate(cues):
        products = [cue @ x for x in patterns]
        gaps.append(0.3 * (products[i] - max(p for j, p in enumerate(products) if j != i)))
    np.testing.assert_allclose(recall.gaps[60][0], gaps, rtol=1e-10, atol=1e-12)
    is_exact = sparse_margin.exactly(states, patterns[:32])
    assert 0 < is_exact.sum() < 32
    np.testing.assert_array_equal(is_exact, np.array(gaps) >= 1.0)
    assert (recall.n_compared, recall.n_wrong) == (32, 0)


def test_a_wrong_margin_is_noticed():
    class Later(Sparsemax):
        margin = 1.5

    patterns = sparse_margin.on_sphere(10, 60, seed=3)
    recall = sparse_margin.Recall(Later(), 0.3)
    recall(patterns, sparse_margin.noisy(0.8, patterns, seed=4), 0)
    assert recall.n_wrong > 0


@pytest.mark.parametrize("kind", sparse_margin.KINDS)
def test_half_of_the_gaps_are_below_the_median(kind):
    cues = sparse_margin.KINDS[kind]
    rng = np.random.default_rng(5)
    overlaps = rng.beta(6.5, 6.5, (4000, 29)) * 2 - 1  # of 14 units
    gaps = cues.strength * (1 - overlaps.max(axis=1) / cues.overlap)
    share = np.mean(gaps < cues.median_gap(30, 14))
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(4000)  # four standard errors


def test_the_number_of_children_is_that_of_the_threshold():
    b1 = child_stability_threshold(28)
    assert stated_systems.critical_children(b1) == pytest.approx(28, rel=1e-12)


def test_the_share_of_a_cap_is_that_of_patterns_that_are_too_near():
    n_units, n = 8, 400_000
    x = np.random.default_rng(6).standard_normal((n, n_units))
    distance = np.sqrt(2 - 2 * x[:, 0] / np.linalg.norm(x, axis=1))
    too_near = np.mean(distance**2 / 2 - 0.1 * distance < 0.1)  # epsilon and m / beta
    assert abs(stated_systems.cap_share(n_units) - too_near) < 4 * np.sqrt(too_near / n)  # four standard errors
    assert stated_systems.one_retrieved(2, n_units) == pytest.approx(1 - stated_systems.cap_share(n_units), rel=1e-12)
    # of three patterns three pairs
    assert stated_systems.all_retrieved(3, n_units) == pytest.approx(np.exp(-3 * stated_systems.cap_share(n_units)))


def test_the_mean_field_has_a_solution_up_to_its_capacity():
    def has_state(n_patterns):
        """Whether the weight that is left by P patterns settles above 1/2, from 1."""
        p = 1.0
        for _ in range(3000):
            c = p / (1 - (1 - p) / 12)
            p = 1 / (1 + n_patterns * np.exp(-100 * c / 12 + 100 * c**2 / 288))
        return p > 0.5

    found = stated_systems.mean_field_capacity(100, 1.0, 0.0)
    assert has_state(0.98 * found)
    assert not has_state(1.02 * found)


def test_links_of_half_strength_take_half_of_the_scores():
    """c0 is halved, and the rest is small: twice the units hold about as many patterns."""
    auto, mixed = (stated_systems.mean_field_capacity(*s) for s in ((300, 1.0, 0.0), (600, 0.5, 0.5)))
    assert np.log(mixed) == pytest.approx(np.log(auto), rel=0.05)


def test_activity_that_ran_away_is_not_recalled():
    rates = stated_systems._rates(3, seed=1)
    states = rates.copy()
    states[1] = np.nan
    states[2] = rates[0]
    assert stated_systems._is_recalled(states, rates).tolist() == [True, False, False]


def test_patterns_that_cannot_be_stored_are_not_recalled(monkeypatch):
    def refuse(*arguments, **settings):
        raise NotStorableError("none")

    monkeypatch.setattr(stated_systems, "trained", refuse)
    rates = stated_systems._rates(3, seed=1)
    assert np.isnan(stated_systems._train_and_recall(Run(), "exact", rates, rates, 0)).all()
