"""Adaptive Hopfield networks: one step by hand, energies that fall and those that do not, Bayes as the limit."""

import json

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from assocmem.analysis.variant_theory import is_winner_nearest
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.separations import Entmax, Softmax, Sparsemax
from assocmem.similarities import (
    AdaptiveSimilarity,
    CenteredDistance,
    Cosine,
    DotProduct,
    ManhattanDistance,
    Pearson,
    SquaredDistance,
)
from assocmem.variants import BiasedVariants, FlippedVariants, MaskedVariants, NoisyVariants

SLACK = 1e-12  # rounding of energies of order 100


def falling(n_units, rng):
    return -np.sort(-rng.random(n_units))


def sorted_similarity(n_units, rng, scale=1.0):
    return AdaptiveSimilarity(sorted_dis=scale * falling(n_units, rng))


def path(memory, states, n_steps):
    """Energies (step, trajectory) along updates."""
    found = [memory.energy(states)]
    for _ in range(n_steps):
        states = memory.update(states)
        found.append(memory.energy(states))
    return np.array(found)


def test_one_step_by_hand(rng):
    patterns, cues, prior = rng.standard_normal((7, 5)), rng.standard_normal((4, 5)), rng.standard_normal(7)
    w, v = rng.random(5), rng.random(5)
    memory = AdaptiveHopfield(patterns, AdaptiveSimilarity(sorted_dis=w, dot=v), beta=1.7, log_prior=prior)
    scores = np.empty((4, 7))
    for b, x in enumerate(cues):
        for k, xi in enumerate(patterns):
            ranked = sorted((-((x - xi) ** 2)).tolist(), reverse=True)
            scores[b, k] = 1.7 * (np.dot(w, ranked) + np.dot(v, x * xi)) + prior[k]
    np.testing.assert_allclose(memory.scores(cues), scores, rtol=0, atol=1e-13)  # sums of ten terms
    p = softmax(scores, axis=1)
    np.testing.assert_allclose(memory.weights(cues), p, rtol=1e-12)  # errors of scores
    np.testing.assert_allclose(memory.update(cues), p @ patterns, rtol=0, atol=1e-12)
    np.testing.assert_allclose(memory.energy(cues), -logsumexp(scores, axis=1), rtol=0, atol=1e-13)


def test_recall_tells_what_one_step_retrieves(rng):
    patterns, values = rng.standard_normal((6, 4)), rng.standard_normal((6, 2))
    cues = rng.standard_normal((30, 4))
    memory = AdaptiveHopfield(patterns, SquaredDistance(), values=values)
    found = memory.recall(cues, weights=True)
    p = memory.weights(cues)
    np.testing.assert_array_equal(found.weights, p)
    np.testing.assert_allclose(found.retrieval, p @ values, rtol=0, atol=1e-14)
    assert found.retrieval.dims == ("trajectory", "value")
    np.testing.assert_array_equal(found.winner, p.argmax(axis=1))
    np.testing.assert_array_equal(found.confidence, p.max(axis=1))
    distances = np.linalg.norm((p @ patterns)[:, None] - patterns, axis=2)
    np.testing.assert_array_equal(found.nearest, distances.argmin(axis=1))
    np.testing.assert_allclose(found.energy, memory.energy(cues))
    assert np.any(found.winner != found.nearest)  # both are told because they differ
    is_bound = is_winner_nearest(p, patterns)
    np.testing.assert_array_equal(found.winner[is_bound], found.nearest[is_bound])


def test_recall_in_blocks_is_recall(rng, monkeypatch):
    patterns, cues = rng.standard_normal((6, 4)), rng.standard_normal((11, 4))
    memory = AdaptiveHopfield(patterns, sorted_similarity(4, rng))
    whole = memory.recall(cues, weights=True)
    monkeypatch.setattr("assocmem.models.adaptive_hopfield._BLOCK", 4)
    assert memory.recall(cues, weights=True, threads=2).equals(whole)


def test_results_are_netcdf_ready(rng, tmp_path):
    memory = AdaptiveHopfield(rng.random((3, 4)), sorted_similarity(4, rng), log_prior=np.zeros(3))
    found = memory.recall(rng.random((2, 4)))
    found.to_netcdf(tmp_path / "found.nc")
    assert all("units" in variable.attrs for variable in found.variables.values())
    assert json.loads(found.attrs["provenance"])["model"]["similarity"]["type"] == "AdaptiveSimilarity"


def test_patterns_of_single_precision_stay_so(rng):
    memory = AdaptiveHopfield(rng.random((3, 4)).astype(np.float32), sorted_similarity(4, rng))
    assert memory.update(rng.random(4)).dtype == memory.recall(rng.random(4)).retrieval.dtype == np.float32


# energies


@pytest.mark.parametrize("separation", [Softmax(), Entmax(1.5), Sparsemax()], ids=str)
def test_energy_falls_by_at_least_the_weighted_step(separation, rng):
    w, v = rng.random(6), rng.standard_normal(6)
    similarity = AdaptiveSimilarity(dis=w, lin=v)
    memory = AdaptiveHopfield(
        rng.standard_normal((9, 6)), similarity, beta=2.5, separation=separation, log_prior=rng.standard_normal(9)
    )
    x = 2 * rng.standard_normal((300, 6))
    for _ in range(10):
        y = memory.update(x)
        least = 2.5 * np.square(y - x) @ w
        assert np.all(memory.energy(x) - memory.energy(y) >= least - SLACK)
        x = y


def test_energy_of_a_distance_is_bounded_below_by_the_priors(rng):
    prior = rng.standard_normal(9)
    memory = AdaptiveHopfield(rng.standard_normal((9, 6)), SquaredDistance(), log_prior=prior)
    assert np.all(memory.energy(rng.standard_normal((500, 6))) >= -logsumexp(prior))
    at_pattern = AdaptiveHopfield(np.ones((4, 3)), SquaredDistance()).energy(np.ones(3))
    assert at_pattern == pytest.approx(-np.log(4), rel=1e-15)


def biased_paths(is_bias_kept, rng):
    patterns, bias = rng.standard_normal((8, 5)), 1.5 * rng.standard_normal(5)
    memory = AdaptiveHopfield(patterns, SquaredDistance(), beta=0.7, bias=bias, is_bias_kept=is_bias_kept)
    cues = patterns[rng.integers(0, 8, 200)] + bias + 0.5 * rng.standard_normal((200, 5))
    return path(memory, cues, 10)


def test_energy_with_a_bias_falls_if_the_bias_is_kept(rng):
    assert np.all(np.diff(biased_paths(True, rng), axis=0) <= SLACK)


def test_energy_with_a_bias_may_rise_if_the_bias_is_dropped(rng):
    assert np.max(np.diff(biased_paths(False, rng), axis=0)) > 0.1


def test_bias_as_a_term_of_the_pattern_gives_the_same_weights_and_falling_energy(rng):
    patterns, bias, beta = rng.standard_normal((8, 5)), 1.5 * rng.standard_normal(5), 0.7
    subtracted = AdaptiveHopfield(patterns, SquaredDistance(), beta=beta, bias=bias)
    # -|x - xi - b|^2 = -|x - xi|^2 - 2 <b, xi> + terms of x alone
    linear = AdaptiveHopfield(patterns, AdaptiveSimilarity(dis=np.ones(5), lin=-2 * bias), beta=beta)
    cues = patterns[rng.integers(0, 8, 200)] + bias + 0.5 * rng.standard_normal((200, 5))
    np.testing.assert_allclose(linear.weights(cues), subtracted.weights(cues), rtol=0, atol=1e-12)
    assert np.all(np.diff(path(linear, cues, 10), axis=0) <= SLACK)


def test_reweighted_update_never_raises_the_energy_of_sorted_similarities(rng):
    for scale in (0.5, 3.0, 10.0):
        similarity = AdaptiveSimilarity(
            sorted_dis=scale * falling(6, rng), sorted_dot=falling(6, rng) - 0.5, dis=rng.random(6)
        )
        assert similarity.has_descent
        memory = AdaptiveHopfield(rng.standard_normal((9, 6)), similarity, update_rule="reweighted")
        assert np.all(np.diff(path(memory, rng.standard_normal((200, 6)), 15), axis=0) <= SLACK)


def test_mixture_may_raise_the_energy_of_sorted_similarities(rng):
    patterns = rng.standard_normal((9, 6))
    similarity = AdaptiveSimilarity(sorted_dis=3.0 * np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    rises = np.diff(path(AdaptiveHopfield(patterns, similarity), rng.standard_normal((200, 6)), 15), axis=0)
    assert np.max(rises) > 1e-3


def test_reweighted_update_by_hand(rng):
    patterns, x, c = rng.standard_normal((5, 4)), rng.standard_normal(4), falling(4, rng)
    memory = AdaptiveHopfield(patterns, AdaptiveSimilarity(sorted_dis=c), update_rule="reweighted")
    p = memory.weights(x)
    above, below = np.zeros(4), np.zeros(4)
    for k, xi in enumerate(patterns):
        ranks = np.abs(x - xi).argsort().argsort()
        for i in range(4):
            above[i] += p[k] * c[ranks[i]] * xi[i]
            below[i] += p[k] * c[ranks[i]]
    np.testing.assert_allclose(memory.update(x), above / below, rtol=1e-12)


def test_reweighted_update_is_the_mixture_for_unsorted_distances(rng):
    patterns, x, similarity = (
        rng.standard_normal((5, 4)),
        rng.standard_normal((3, 4)),
        AdaptiveSimilarity(dis=rng.random(4)),
    )
    reweighted = AdaptiveHopfield(patterns, similarity, update_rule="reweighted").update(x)
    np.testing.assert_allclose(reweighted, AdaptiveHopfield(patterns, similarity).update(x), rtol=0, atol=1e-13)


def test_a_state_without_curvature_diverges(rng):
    similarity = AdaptiveSimilarity(sorted_dis=np.array([-1.0, 0.0, 0.0]))
    memory = AdaptiveHopfield(rng.random((4, 3)), similarity, update_rule="reweighted")
    found = memory.retrieve(rng.random((2, 3)), on_divergence="mark", steps=2)
    assert np.all(found.status == 2)


def test_jacobian_of_the_mixture(rng):
    """dy/dx = sum_k p_k (xi_k - y) (ds_k/dx)^T, by the gradients of the similarity."""
    patterns, x = rng.standard_normal((6, 4)), rng.standard_normal(4)
    similarity = AdaptiveSimilarity(sorted_dis=rng.random(4), sorted_dot=rng.random(4))
    memory = AdaptiveHopfield(patterns, similarity)
    p, y = memory.weights(x), memory.update(x)
    slopes = np.stack([similarity.vjp(x[None], patterns[k : k + 1], np.ones((1, 1)))[0][0] for k in range(6)])
    jacobian = ((patterns - y) * p[:, None]).T @ slopes
    step = 1e-6
    moved = [(memory.update(x + step * e) - memory.update(x - step * e)) / (2 * step) for e in np.eye(4)]
    np.testing.assert_allclose(jacobian, np.transpose(moved), rtol=0, atol=1e-8)  # step^2 and rounding / step


def test_iterating_leads_away_from_the_origin_of_biased_cues():
    rng = np.random.default_rng(1)
    patterns, bias = rng.standard_normal((64, 16)), 1.5 * rng.standard_normal(16)
    cues, origins = BiasedVariants(bias, 0.8).sample(patterns, 400, seed=1)
    similarity = AdaptiveSimilarity(dis=np.full(16, 0.5 / 0.64), lin=-bias / 0.64)
    memory = AdaptiveHopfield(patterns, similarity)
    once = (memory.recall(cues).winner.values == origins).mean()
    iterated = (memory.retrieve(cues, steps=30).winner.values == origins).mean()
    assert once > 0.9 and iterated < once - 0.05


# accuracy


def accuracy(similarity, patterns, cues, origins, **settings):
    return (AdaptiveHopfield(patterns, similarity, **settings).recall(cues).winner.values == origins).mean()


@pytest.mark.parametrize("m", [1, 2, 5, 8])
def test_noise_free_masks_are_seen_through_by_every_footprint_of_kept_units(m, rng):
    patterns = rng.standard_normal((300, 32))
    cues, origins = MaskedVariants(0.75, is_exact=True).sample(patterns, 300, seed=0)  # 8 units are kept
    similarity = AdaptiveSimilarity.from_footprint_weights(dis=np.eye(32)[m - 1])
    assert accuracy(similarity, patterns, cues, origins) == 1.0
    assert accuracy(SquaredDistance(), patterns, cues, origins) < 0.6
    assert accuracy(DotProduct(), patterns, cues, origins) < 0.9


def test_beyond_the_kept_units_a_footprint_fails(rng):
    patterns = rng.standard_normal((300, 32))
    cues, origins = MaskedVariants(0.75, is_exact=True).sample(patterns, 300, seed=0)
    assert accuracy(AdaptiveSimilarity.from_footprint_weights(dis=np.eye(32)[20]), patterns, cues, origins) < 1.0


def test_sorting_cannot_help_with_flipped_signs(rng):
    """For signs every sorted similarity that falls with the Hamming distance decides as the dot product does."""
    patterns = rng.choice([-1.0, 1.0], (64, 33))
    cues, _ = FlippedVariants(rng.uniform(0.02, 0.45, 33)).sample(patterns, 300, seed=0)
    expected = DotProduct().scores(cues, patterns)
    scores = AdaptiveSimilarity(sorted_dis=falling(33, rng) + 0.1, sorted_dot=falling(33, rng) + 0.1).scores(
        cues, patterns
    )
    np.testing.assert_array_equal(
        np.isclose(scores, scores.max(axis=1)[:, None]), expected == expected.max(axis=1)[:, None]
    )


FIXED = [DotProduct(), Cosine(), Pearson(), SquaredDistance(), CenteredDistance(), ManhattanDistance()]
FAMILIES = [
    NoisyVariants(1.3 * np.exp(0.8 * np.random.default_rng(0).standard_normal(16))),
    BiasedVariants(np.random.default_rng(0).standard_normal(16), 1.0),
    MaskedVariants(0.5, noise=0.5),
]


@pytest.mark.parametrize("variants", FAMILIES, ids=lambda v: type(v).__name__)
def test_no_similarity_beats_the_bayes_decision(variants, rng):
    patterns = rng.standard_normal((64, 16))
    cues, origins = variants.sample(patterns, 2000, seed=0)
    ceiling = (variants.decide(cues, patterns) == origins).mean()
    found = [accuracy(similarity, patterns, cues, origins) for similarity in FIXED]
    sorted_one = accuracy(AdaptiveSimilarity.from_footprint_weights(dis=np.full(16, 1 / 16)), patterns, cues, origins)
    # paired: three standard errors of a difference between fractions of the same 2000 cues
    assert max(*found, sorted_one) <= ceiling + 3 * np.sqrt(0.25 / 2000)
    assert min(found) < ceiling - 0.1  # the ceiling is not what everything reaches


def test_large_beta_retrieves_the_winner(rng):
    patterns, cues = rng.standard_normal((6, 4)), rng.standard_normal((20, 4))
    memory = AdaptiveHopfield(patterns, SquaredDistance(), beta=1e6)
    found = memory.recall(cues)
    np.testing.assert_allclose(found.retrieval, patterns[found.winner], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.nearest, found.winner)


def test_retrieval_stops_at_fixed_points(rng):
    memory = AdaptiveHopfield(rng.standard_normal((5, 8)), SquaredDistance(), beta=50.0, separation=Sparsemax())
    found = memory.retrieve(memory.patterns + 0.01)
    assert np.all(found.status == 1)
    np.testing.assert_array_equal(found.state, memory.patterns)


PATTERNS = np.ones((3, 2))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AdaptiveHopfield(PATTERNS, "dot"), TypeError, "similarity must be a Similarity"),
        (
            lambda: AdaptiveHopfield(PATTERNS, DotProduct(), separation="max"),
            TypeError,
            "separation must be a Separation",
        ),
        (lambda: AdaptiveHopfield(PATTERNS[0], DotProduct()), ValueError, r"patterns must be a matrix"),
        (lambda: AdaptiveHopfield(PATTERNS, DotProduct(), beta=0.0), ValueError, "beta must be > 0"),
        (
            lambda: AdaptiveHopfield(PATTERNS, AdaptiveSimilarity(dis=np.ones(3))),
            ValueError,
            "weights for 3 units, got 2",
        ),
        (
            lambda: AdaptiveHopfield(PATTERNS, DotProduct(), log_prior=np.ones(2)),
            ValueError,
            r"log_prior must have shape \(3,\)",
        ),
        (lambda: AdaptiveHopfield(PATTERNS, DotProduct(), bias=np.ones(3)), ValueError, r"bias must have shape \(2,\)"),
        (
            lambda: AdaptiveHopfield(PATTERNS, DotProduct(), values=np.ones((2, 2))),
            ValueError,
            "values must have a row for each",
        ),
        (
            lambda: AdaptiveHopfield(PATTERNS, DotProduct(), update_rule="mean"),
            ValueError,
            "update_rule must be one of",
        ),
        (
            lambda: AdaptiveHopfield(PATTERNS, DotProduct(), update_rule="reweighted"),
            ValueError,
            "needs an AdaptiveSimilarity",
        ),
        (lambda: AdaptiveHopfield(PATTERNS, DotProduct()).recall(np.ones((1, 3))), ValueError, "cues must have shape"),
        (lambda: AdaptiveHopfield(PATTERNS, DotProduct()).update([1.0, np.nan]), ValueError, "states must be finite"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
