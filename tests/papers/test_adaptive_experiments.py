"""Experiments on retrieval of adaptive Hopfield networks run, draw and claim; their parts have their own oracles."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import check_grad
from scipy.special import logsumexp

from assocmem.papers.adaptive import PAPER, ablations, energy, profiles, retrieval
from assocmem.papers.adaptive.data import Task, image_patterns, seed_of, uniform_patterns
from assocmem.papers.adaptive.learned_kernels import spread_kernel, spread_loss, variant_kernel, variant_loss
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.similarities import DotProduct, Pearson, SquaredDistance
from assocmem.variants import MaskedVariants, NoisyVariants

# those that take seconds; the others run with `assocmem reproduce`
SHORT = {e.name: e for e in PAPER.experiments if e.name in ("profiles", "energy", "efficiency")}


@pytest.fixture(scope="module")
def datasets():
    return {name: experiment.run(Run()) for name, experiment in SHORT.items()}


@pytest.fixture(scope="module")
def task():
    patterns = uniform_patterns(20, 12, 0)
    return Task.draw(patterns, MaskedVariants.of_difficulty(0.2), 200, 100, 1)


@pytest.mark.parametrize("name", SHORT)
def test_experiments_run_draw_and_claim(name, datasets, tmp_path):
    dataset, experiment = datasets[name], SHORT[name]
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


def test_experiments_have_their_own_names():
    names = [experiment.name for experiment in PAPER.experiments]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["profiles", "energy"])
def test_what_theory_says_holds(name, datasets):
    claims = [claim for claim in SHORT[name].claims(datasets[name]) if claim.source == "theory"]
    assert claims
    assert [claim.statement for claim in claims if claim.verdict != "reproduced"] == []


def test_results_do_not_depend_on_threads(datasets):
    xr.testing.assert_identical(SHORT["profiles"].run(Run(threads=2)), datasets["profiles"])


def test_seeds_differ_between_parts():
    run = Run()
    assert len({seed_of(run, "a", 0), seed_of(run, "a", 1), seed_of(run, "b", 0), seed_of(Run(seed=1), "a", 0)}) == 4


def test_digits_are_patterns_between_0_and_1():
    name, patterns = image_patterns(Run(), 50, 0)
    assert (name, patterns.shape) == ("digits", (50, 64))
    assert (patterns.min(), patterns.max()) == (0.0, 1.0)


def test_cues_to_learn_from_and_test_cues_are_of_the_same_patterns_but_fresh(task):
    assert (len(task.cues), len(task.test_cues)) == (200, 100)
    assert not np.any(np.all(task.cues[:, None] == task.test_cues[None], axis=2))


def test_measures_of_one_hot_weights_are_those_of_the_winners(task):
    winners = task.test_origins.copy()
    winners[:25] = (winners[:25] + 1) % 20
    weights = np.eye(20)[winners]
    found = dict(zip(retrieval.MEASURES, retrieval.measures(task, weights, weights @ task.patterns), strict=True))
    errors = [
        abs(float(task.patterns[w, i] - task.patterns[o, i]))
        for w, o in zip(winners, task.test_origins, strict=True)
        for i in range(12)
    ]
    assert found["accuracy"] == found["nearest"] == 0.75
    assert found["mae"] == pytest.approx(np.mean(errors), rel=1e-6)  # of float32 patterns
    assert found["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-6)
    assert (found["n_bound"], found["n_bound_other"]) == (100, 0)


def test_the_distance_attains_the_ceiling_for_noise():
    task = Task.draw(uniform_patterns(20, 12, 0), NoisyVariants(0.4), 200, 300, 1)
    accuracy = retrieval.ceiling(task)[0]
    assert 0.3 < accuracy < 0.99
    assert retrieval.fixed(task, SquaredDistance())[0] == accuracy


def test_a_kernel_of_one_makes_the_product_of_normalized_rows_their_correlation(task):
    by_kernel = retrieval.recalled(task, DotProduct(), beta=20.0, kernel=np.eye(12))
    np.testing.assert_allclose(by_kernel[:4], retrieval.recalled(task, Pearson(), beta=20.0)[:4], rtol=1e-5)  # float32


def test_excess_over_the_ceiling_counts_standard_errors():
    accuracy = xr.DataArray([0.55, 0.6, 0.5], {"similarity": ["a", "b", retrieval.MAP]}, "similarity")
    assert retrieval.excess_over_ceiling(accuracy, 10**6) == pytest.approx(0.1 / math.sqrt(0.25 / 10**6))


def test_tolerance_of_a_draw_is_an_interval_of_prediction():
    # Student's t with one degree of freedom is tan(pi (p - 1/2)); the trials add two standard errors
    expected = math.hypot(math.tan(0.475 * math.pi) * math.sqrt(0.02) * math.sqrt(1.5), 2 * math.sqrt(0.25 / 100))
    assert retrieval.draw_tolerance(np.array([0.4, 0.6]), 100, 0.5)[0] == pytest.approx(expected)


def test_the_spread_loss_is_the_mean_over_pairs(rng):
    patterns, weights = rng.random((5, 3)), rng.standard_normal((4, 3))
    phi = [weights @ row / np.linalg.norm(weights @ row) for row in patterns]
    pairs = [math.exp(-2 * sum((phi[i] - phi[j]) ** 2)) for i in range(5) for j in range(i)]
    assert spread_loss(weights, patterns)[0] == pytest.approx(math.log(np.mean(pairs)), rel=1e-12)


@pytest.mark.parametrize("loss", ["spread", "variant"])
def test_losses_of_kernels_have_the_gradients_they_state(loss, rng):
    patterns, cues, origins = rng.random((5, 3)), rng.random((7, 3)), rng.integers(5, size=7)

    def evaluate(vector):
        weights = vector.reshape(4, 3)
        return spread_loss(weights, patterns) if loss == "spread" else variant_loss(weights, patterns, cues, origins)

    error = check_grad(lambda v: evaluate(v)[0], lambda v: evaluate(v)[1].ravel(), rng.standard_normal(12))
    assert error < 1e-6  # of one-sided differences of 1.5e-8


def test_the_variant_loss_is_that_of_the_kernel(rng):
    patterns, cues, weights = rng.random((5, 3)), rng.random((7, 3)), rng.standard_normal((2, 3))
    scores = cues @ weights.T @ weights @ patterns.T
    expected = np.mean([logsumexp(row) - row[2] for row in scores])
    assert variant_loss(weights, patterns, cues, np.full(7, 2))[0] == pytest.approx(expected, rel=1e-12)


def test_kernels_spread_patterns_and_are_symmetric(task):
    kernel, patterns = spread_kernel(task.patterns, 0), retrieval.normalized(task.patterns.astype(float))
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    root = np.linalg.cholesky(kernel + 1e-9 * np.eye(12)).T
    assert spread_loss(root, patterns)[0] < spread_loss(np.eye(12), patterns)[0]


def test_the_kernel_of_cues_is_no_worse_than_none_for_cues_held_out(task):
    kernel = variant_kernel(task)
    patterns, cues = (retrieval.normalized(rows.astype(float)) for rows in (task.patterns, task.cues[:40]))
    values, vectors = np.linalg.eigh(kernel)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    with_kernel = variant_loss(root, patterns, cues, task.origins[:40])[0]
    without = min(variant_loss(s * np.eye(12), patterns, cues, task.origins[:40])[0] for s in np.linspace(0.5, 10, 96))
    assert with_kernel <= without + 1e-3  # of the grid of s


@pytest.mark.parametrize("features", [("sorted_dis", "sorted_dot"), ("dis",)])
def test_weights_of_footprints_and_of_ranks_have_the_same_minimum(features):
    task = Task.draw(uniform_patterns(60, 8, 0), MaskedVariants.of_difficulty(0.3), 200, 100, 1)
    settings = {"n_negatives": ablations.N_NEGATIVES, "ridge": ablations.RIDGE, "tol": 1e-7}
    by_ranks = retrieval.fitted(task, features, **settings)
    similarity, cost = ablations.minimum_of_footprints(task, features, 0)
    assert cost == pytest.approx(by_ranks.costs[-1], abs=1e-5)  # descent stops at a gradient of 1e-6 or 500 steps
    scores = [s.scores(task.test_cues, task.patterns).argmax(axis=1) for s in (similarity, by_ranks.similarity)]
    assert np.mean(scores[0] != scores[1]) <= 0.01


def test_the_occluded_image_is_nearer_to_the_wrong_one():
    cues, patterns = profiles.occluded(50, 0), profiles.images().astype(float)
    distances = np.array([[np.sum((cue - pattern) ** 2) for pattern in patterns] for cue in cues.astype(float)])
    assert np.all(distances[:, profiles.WRONG] < distances[:, profiles.RIGHT])


def test_a_bias_as_a_term_or_subtracted_gives_the_same_update():
    context = energy.Context.draw(0)
    states = np.random.default_rng(0).standard_normal((5, energy.N_UNITS))
    new = [energy.MEMORIES[name](context).update(states) for name in (energy.OFFSET, energy.SUBTRACTED)]
    np.testing.assert_allclose(*new, rtol=1e-9, atol=1e-12)  # scores of some hundred, in another order
