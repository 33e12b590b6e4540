"""Fitted similarities: one optimum from everywhere, consistency, independence of threads and of what is kept."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from assocmem.learning.choices import Choices, sampled_alternatives
from assocmem.learning.similarity import fit_beta, fit_similarity, uniform_similarity
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.similarities import FEATURES, AdaptiveSimilarity, DotProduct, SquaredDistance, footprint, rank_weights
from assocmem.variants import BiasedVariants, FlippedVariants, MaskedVariants, NoisyVariants

BOTH = ("sorted_dis", "sorted_dot")


def problem(variants, *, n_patterns=20, n_units=6, n_cues=300, seed=0, prior=None):
    patterns = np.random.default_rng(seed).standard_normal((n_patterns, n_units))
    cues, origins = variants.sample(patterns, n_cues, seed=seed + 1, prior=prior)
    return patterns, cues, origins


def small():
    return problem(MaskedVariants(0.3, noise=0.6, shift=0.5), n_patterns=9, n_units=5, n_cues=120)


def naive_loss(values, origins, weights, offsets=0.0):
    """Mean negative log-likelihood of weights of features (cue, pattern, feature)."""
    scores = values @ weights + offsets
    return np.mean(logsumexp(scores, axis=1) - scores[np.arange(len(origins)), origins])


def choices_of(features, patterns, cues, origins, **settings):
    n = len(patterns)
    settings = {"groups": np.arange(n), "offsets": np.zeros(n)} | settings
    return Choices(features, cues.astype(np.float32), patterns.astype(np.float32), origins, **settings)


def serial(function, items):
    return [function(item) for item in items]


# the loss and its derivatives


@pytest.mark.parametrize("has_numbers", [False, True])
def test_loss_is_that_of_numpy(has_numbers, rng):
    patterns, cues, origins = small()
    offsets, weights = rng.standard_normal(9), rng.standard_normal(10)
    numbers = sampled_alternatives(origins, 9, 4, seed=0) if has_numbers else None
    found, _ = choices_of(BOTH, patterns, cues, origins, offsets=offsets, numbers=numbers).loss(weights, serial)
    similarity = AdaptiveSimilarity.from_vector(weights, BOTH)
    scores = similarity.scores(cues, patterns) + offsets
    chosen = scores if numbers is None else np.take_along_axis(scores, numbers, axis=1)
    expected = np.mean(logsumexp(chosen, axis=1) - scores[np.arange(120), origins])
    assert found == pytest.approx(expected, abs=1e-5)  # features are float32


@pytest.mark.parametrize("groups", [np.arange(9), np.arange(9) % 3], ids=["patterns", "classes"])
def test_gradient_matches_differences(groups, rng):
    patterns, cues, origins = small()
    offsets, weights = rng.standard_normal(9), rng.standard_normal(25)
    choices = choices_of(FEATURES, patterns, cues, groups[origins], groups=groups, offsets=offsets)
    _, gradient = choices.loss(weights, serial)
    moved = [
        choices.loss(weights + 1e-5 * e, serial)[0] - choices.loss(weights - 1e-5 * e, serial)[0] for e in np.eye(25)
    ]
    np.testing.assert_allclose(gradient, np.array(moved) / 2e-5, rtol=0, atol=1e-8)  # step^2 and rounding / step


def test_hessian_matches_differences(rng):
    patterns, cues, origins = small()
    choices, weights = choices_of(BOTH, patterns, cues, origins), rng.standard_normal(10)
    moved = [
        choices.loss(weights + 1e-4 * e, serial)[1] - choices.loss(weights - 1e-4 * e, serial)[1] for e in np.eye(10)
    ]
    found = choices.hessian(weights, serial)
    np.testing.assert_allclose(found, np.array(moved) / 2e-4, rtol=0, atol=1e-5)  # sums in float32
    assert np.linalg.eigvalsh(found).min() > -1e-6


def test_alternatives_are_the_origin_and_different_others():
    origins = np.array([3, 0, 9] * 50)
    found = sampled_alternatives(origins, 10, 6, seed=1)
    np.testing.assert_array_equal(found[:, 0], origins)
    assert all(len(set(row)) == 7 for row in found.tolist())
    counts = np.bincount(found[origins == 3][:, 1:].ravel(), minlength=10)
    # each of the nine others is drawn with probability 2/3 in 50 rows: within five standard deviations of 33
    assert counts[3] == 0 and np.all(np.abs(np.delete(counts, 3) - 33.3) < 5 * np.sqrt(50 * 2 / 9))


# one optimum


def test_optimum_is_that_of_scipy_on_footprints():
    """The sums over m best units and the sorted values are one model: they have one optimum."""
    patterns, cues, origins = small()
    values = footprint(cues[:, None], patterns[None])
    found = fit_similarity(patterns, cues, origins, features=("sorted_dis",), ridge=0.0, tol=1e-8)
    oracle = minimize(lambda w: naive_loss(values, origins, w), np.zeros(5), method="BFGS", options={"gtol": 1e-8})
    assert found.loss == pytest.approx(oracle.fun, abs=1e-6)  # float32 features
    np.testing.assert_allclose(found.similarity.sorted_dis, rank_weights(oracle.x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0])
def test_every_start_leads_to_the_same_optimum(method, scale, rng):
    patterns, cues, origins = small()
    reference = fit_similarity(patterns, cues, origins, ridge=1e-3, tol=1e-7)
    start = AdaptiveSimilarity.from_vector(scale * rng.standard_normal(10), BOTH)
    found = fit_similarity(patterns, cues, origins, ridge=1e-3, tol=1e-7, method=method, start=start)
    assert found.is_converged
    # gradients below 1e-7 and curvature of at least the ridge of 1e-3
    np.testing.assert_allclose(found.similarity.vector, reference.similarity.vector, rtol=0, atol=1e-3)
    assert found.loss == pytest.approx(reference.loss, abs=1e-7)


def test_the_optimum_is_no_worse_than_weights_around_it(rng):
    patterns, cues, origins = small()
    found = fit_similarity(patterns, cues, origins, ridge=0.0, tol=1e-7)
    choices = choices_of(BOTH, patterns, cues, origins)
    for _ in range(20):
        other = found.similarity.vector + 0.1 * rng.standard_normal(10)
        assert choices.loss(other, serial)[0] > found.loss


def test_costs_of_newton_fall():
    patterns, cues, origins = small()
    assert np.all(np.diff(fit_similarity(patterns, cues, origins, method="newton").costs) < 0)


@pytest.mark.parametrize("parametrisation", ["rank", "footprint"])
def test_adam_comes_near_the_optimum(parametrisation):
    patterns, cues, origins = small()
    settings = {"method": "adam", "n_iterations": 200, "batch_size": 120, "parametrisation": parametrisation}
    found = fit_similarity(patterns, cues, origins, **settings)
    optimum = fit_similarity(patterns, cues, origins, ridge=0.0)
    assert optimum.loss - 1e-7 < found.loss < optimum.loss + 0.03  # of a gradient below 1e-5
    assert not found.is_converged and found.costs.shape == (200,)


def test_parametrisations_take_different_ways_from_one_start():
    patterns, cues, origins = small()
    settings = {"method": "adam", "n_iterations": 1, "batch_size": 120}
    rank, sums = (fit_similarity(patterns, cues, origins, parametrisation=p, **settings) for p in ("rank", "footprint"))
    assert rank.costs[0] == pytest.approx(sums.costs[0], rel=1e-12)
    start = uniform_similarity(5, BOTH).vector
    # a first step of Adam is the learning rate times the sign of the gradient
    np.testing.assert_allclose(np.abs(rank.similarity.vector - start), 0.1, rtol=1e-5)
    assert not np.allclose(rank.similarity.vector, sums.similarity.vector)


# what must make no difference


@pytest.mark.parametrize("method", ["lbfgs", "newton", "adam"])
def test_results_do_not_depend_on_threads_or_on_what_is_kept(method):
    patterns, cues, origins = small()
    settings = {"method": method, "n_iterations": 5, "batch_size": 50}
    first = fit_similarity(patterns, cues, origins, threads=1, **settings)
    for other in ({"threads": 2}, {"threads": 2, "cache_bytes": 0}):
        again = fit_similarity(patterns, cues, origins, **settings, **other)
        np.testing.assert_array_equal(again.similarity.vector, first.similarity.vector)
        assert again.loss == first.loss and again.accuracy == first.accuracy


def test_results_of_negatives_do_not_depend_on_what_is_kept():
    patterns, cues, origins = small()
    kept, made = (
        fit_similarity(patterns, cues, origins, n_negatives=3, n_iterations=5, cache_bytes=n) for n in (2**20, 0)
    )
    np.testing.assert_array_equal(kept.similarity.vector, made.similarity.vector)


def test_as_many_negatives_as_patterns_are_all():
    patterns, cues, origins = small()
    every, default = (fit_similarity(patterns, cues, origins, n_negatives=n) for n in (8, None))
    np.testing.assert_array_equal(every.similarity.vector, default.similarity.vector)


def test_a_permutation_of_units_changes_nothing_for_sorted_features(rng):
    patterns, cues, origins = small()
    order = rng.permutation(5)
    first = fit_similarity(patterns, cues, origins)
    again = fit_similarity(patterns[:, order], cues[:, order], origins)
    np.testing.assert_array_equal(again.similarity.vector, first.similarity.vector)


def test_classes_of_one_pattern_are_patterns(rng):
    patterns, cues, origins = small()
    labels = rng.permutation(9) + 5
    first = fit_similarity(patterns, cues, origins)
    again = fit_similarity(patterns, cues, labels[origins], labels=labels)
    np.testing.assert_array_equal(again.similarity.vector, first.similarity.vector)
    assert again.accuracy == first.accuracy


# consistency: weights of variants whose best similarity is known


def test_beta_of_noise_is_its_inverse_variance():
    patterns, cues, origins = problem(NoisyVariants(1.5), n_patterns=64, n_units=32, n_cues=4000)
    found = fit_beta(SquaredDistance(), patterns, cues, origins)
    assert found.beta * 2 * 1.5**2 == pytest.approx(1.0, abs=0.1)  # four standard errors


def test_beta_is_that_of_a_search():
    patterns, cues, origins = small()
    scores = DotProduct().scores(cues, patterns)
    prior = np.linspace(-1, 1, 9)
    oracle = minimize_scalar(
        lambda beta: naive_loss(scores[..., None], origins, np.array([beta]), prior), bracket=(0.1, 1.0), tol=1e-10
    )
    found = fit_beta(DotProduct(), patterns, cues, origins, log_prior=prior, ridge=1e-12)
    assert found.beta == pytest.approx(oracle.x, rel=1e-5)
    assert found.loss == pytest.approx(oracle.fun, rel=1e-9)


def test_weights_of_units_are_inverse_variances():
    noise = np.array([0.7, 1.0, 1.5, 2.0, 3.0, 1.2])
    patterns, cues, origins = problem(NoisyVariants(noise), n_patterns=60, n_cues=6000)
    found = fit_similarity(patterns, cues, origins, features=("dis",), ridge=0.0)
    np.testing.assert_allclose(found.similarity.dis * 2 * noise**2, 1.0, rtol=0, atol=0.25)  # errors near 0.05


def test_linear_weights_are_the_bias():
    bias, noise = np.array([1.0, -2.0, 0.0, 3.0, -0.5, 0.5]), 1.5
    patterns, cues, origins = problem(BiasedVariants(bias, noise), n_patterns=60, n_cues=6000)
    found = fit_similarity(patterns, cues, origins, features=("dis", "lin"), ridge=0.0).similarity
    np.testing.assert_allclose(found.lin, -bias / noise**2, rtol=0, atol=0.15)  # errors near 0.03
    np.testing.assert_allclose(found.dis * 2 * noise**2, 1.0, rtol=0, atol=0.25)


def test_weights_of_flipped_signs_are_log_odds():
    p = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.25, 0.15])
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (40, 8))
    cues, origins = FlippedVariants(p).sample(patterns, 8000, seed=1)
    found = fit_similarity(patterns, cues, origins, features=("dot",), ridge=0.0).similarity.dot
    np.testing.assert_allclose(found, 0.5 * np.log((1 - p) / p), rtol=0, atol=0.15)


def test_negatives_are_consistent():
    noise = np.array([0.7, 1.0, 1.5, 2.0, 3.0, 1.2])
    patterns, cues, origins = problem(NoisyVariants(noise), n_patterns=60, n_cues=6000)
    found = fit_similarity(patterns, cues, origins, features=("dis",), ridge=0.0, n_negatives=15)
    np.testing.assert_allclose(found.similarity.dis * 2 * noise**2, 1.0, rtol=0, atol=0.3)


def test_a_prior_has_to_be_told():
    prior = np.random.default_rng(3).dirichlet(np.full(40, 0.3)) * 0.98 + 0.02 / 40
    patterns, cues, origins = problem(NoisyVariants(1.5), n_patterns=40, n_cues=6000, prior=prior)
    told = fit_similarity(patterns, cues, origins, features=("dis",), ridge=0.0, log_prior=np.log(prior))
    untold = fit_similarity(patterns, cues, origins, features=("dis",), ridge=0.0)
    np.testing.assert_allclose(told.similarity.dis * 2 * 1.5**2, 1.0, rtol=0, atol=0.3)
    assert told.loss < untold.loss - 0.1
    memory = AdaptiveHopfield(patterns, told.similarity, log_prior=np.log(prior))
    variants = NoisyVariants(1.5)
    best = (variants.decide(cues, patterns, prior=prior) == origins).mean()
    assert abs((memory.recall(cues).winner.values == origins).mean() - best) < 0.02


# what it is good for


def accuracy(similarity, patterns, cues, origins):
    return (AdaptiveHopfield(patterns, similarity).recall(cues).winner.values == origins).mean()


def test_learned_sorting_sees_through_masks_that_fixed_similarities_do_not():
    patterns, others = np.random.default_rng(0).random((2, 60, 32))
    variants = MaskedVariants.of_difficulty(0.35)
    cues, origins = variants.sample(patterns, 600, seed=1)
    fresh = (patterns, *variants.sample(patterns, 1000, seed=2))
    moved = (others, *variants.sample(others, 1000, seed=3))
    both = fit_similarity(patterns, cues, origins, tol=1e-3).similarity
    unsorted = fit_similarity(patterns, cues, origins, features=("dis", "dot"), tol=1e-3).similarity
    ceiling = (variants.decide(fresh[1], patterns) == fresh[2]).mean()
    assert accuracy(both, *fresh) > accuracy(SquaredDistance(), *fresh) + 0.1
    assert accuracy(both, *fresh) > accuracy(unsorted, *fresh) + 0.1
    assert accuracy(both, *fresh) <= ceiling + 3 * np.sqrt(0.25 / 1000)
    # weights are of the variants, not of the patterns
    assert accuracy(both, *moved) > accuracy(SquaredDistance(), *moved) + 0.1


def test_weights_stay_finite_where_all_is_told_without_error():
    patterns, cues, origins = problem(NoisyVariants(0.01), n_cues=100)
    found = fit_similarity(patterns, cues, origins)
    assert found.accuracy == 1.0 and found.is_converged and np.all(np.isfinite(found.similarity.vector))
    assert np.isfinite(fit_beta(SquaredDistance(), patterns, cues, origins).beta)


ONES = np.eye(3)
NUMBERS = np.array([0, 1, 2])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fit_similarity(ONES, ONES, [0, 1]), ValueError, r"origins must have shape \(3,\)"),
        (lambda: fit_similarity(ONES, ONES, [0, 1, 3]), ValueError, "origins must be numbers of the 3 patterns, got 3"),
        (lambda: fit_similarity(ONES, ONES, [0.0, 1.0, 2.0]), TypeError, "origins must be integers"),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, features=("l2",)),
            ValueError,
            "features must be different ones of",
        ),
        (lambda: fit_similarity(ONES, ONES, NUMBERS, ridge=-1.0), ValueError, "ridge must be >= 0"),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, method="sgd"),
            ValueError,
            "method must be one of lbfgs, newton, adam",
        ),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, parametrisation="w"),
            ValueError,
            "parametrisation must be one of",
        ),
        (lambda: fit_similarity(ONES, ONES, NUMBERS, n_negatives=0), ValueError, "n_negatives must be an integer >= 1"),
        (lambda: fit_similarity(ONES, ONES, NUMBERS, log_prior=[0.0]), ValueError, r"log_prior must have shape \(3,\)"),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, labels=[0, 0, 1]),
            ValueError,
            "origins must be labels of patterns, got 2",
        ),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, labels=NUMBERS, method="newton"),
            ValueError,
            "labels must not be given",
        ),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, start=DotProduct()),
            TypeError,
            "start must be an AdaptiveSimilarity",
        ),
        (
            lambda: fit_similarity(ONES, ONES, NUMBERS, start=AdaptiveSimilarity(dis=np.ones(3))),
            ValueError,
            "start must have the features",
        ),
        (
            lambda: fit_beta(SquaredDistance(), ONES, ONES, [1, 2, 0]),
            ValueError,
            "similarity must be larger for origins",
        ),
        (lambda: fit_beta("l2", ONES, ONES, NUMBERS), TypeError, "similarity must be a Similarity"),
        (
            lambda: fit_beta(DotProduct(), ONES, ONES, [0, 1, 3]),
            ValueError,
            "origins must be numbers of the 3 patterns",
        ),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
