"""Variants of patterns: samples against their moments, likelihoods against densities of SciPy, Bayes decisions."""

import math

import numpy as np
import pytest
from scipy import stats

from assocmem.similarities import AdaptiveSimilarity, CenteredDistance, SquaredDistance
from assocmem.variants import (
    BiasedVariants,
    CommonBiasVariants,
    FlippedVariants,
    MaskedVariants,
    NoisyVariants,
    OccludedVariants,
)

N_UNITS = 6
NOISE = np.array([0.5, 1.0, 2.0, 0.3, 1.5, 0.8])
BIAS = np.array([1.0, -2.0, 0.5, 0.0, 3.0, -1.0])


def noisy_density(x, xi):
    return np.prod(stats.norm.pdf(x, xi, NOISE))


def flipped_density(x, xi):
    return math.prod(p if a != b else 1 - p for a, b, p in zip(x, xi, NOISE / 3, strict=True))


def biased_density(x, xi):
    return np.prod(stats.norm.pdf(x, xi + BIAS, NOISE))


def common_density(x, xi):
    covariance = 0.49 * np.eye(N_UNITS) + 2.25 * np.ones((N_UNITS, N_UNITS))
    return stats.multivariate_normal.pdf(x, xi, covariance)


def masked_density(x, xi):
    values = [0.4 if a == 0 else 0.6 * stats.norm.pdf(a, b + 0.3, 0.7) for a, b in zip(x, xi, strict=True)]
    return math.prod(values)


def occluded_density(x, xi):
    own, other = stats.norm.pdf(x, xi, 0.4), stats.uniform.pdf(x, -1.0, 3.0)
    return np.prod(0.7 * own + 0.3 * other)


CASES = {
    "noisy": (NoisyVariants(NOISE), noisy_density),
    "flipped": (FlippedVariants(NOISE / 3), flipped_density),
    "biased": (BiasedVariants(BIAS, NOISE), biased_density),
    "common": (CommonBiasVariants(1.5, 0.7), common_density),
    "masked": (MaskedVariants(0.4, noise=0.7, shift=0.3), masked_density),
    "occluded": (OccludedVariants(0.3, 0.4, low=-1.0, high=2.0), occluded_density),
}


def patterns_for(name, rng, n=9):
    normal = rng.standard_normal((n, N_UNITS))
    return np.where(normal < 0, -1.0, 1.0) if name == "flipped" else normal


@pytest.mark.parametrize("name", CASES)
def test_likelihood_is_that_of_the_densities(name, rng):
    variants, density = CASES[name]
    patterns = patterns_for(name, rng)
    cues, _ = variants.sample(patterns, 20, seed=1)
    found = variants.log_likelihood(cues, patterns)
    expected = np.log([[density(x, xi) for xi in patterns] for x in cues])
    # up to a constant for each cue; cancellation of exponents of order 100
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_decision_is_that_of_the_densities_with_a_prior(name, rng):
    variants, density = CASES[name]
    patterns, prior = patterns_for(name, rng), rng.dirichlet(np.ones(9))
    cues, _ = variants.sample(patterns, 200, seed=2)
    posterior = np.array([[density(x, xi) for xi in patterns] for x in cues]) * prior
    np.testing.assert_array_equal(variants.decide(cues, patterns, prior=prior), posterior.argmax(axis=1))


@pytest.mark.parametrize("name", CASES)
def test_likelihood_is_the_same_in_blocks(name, rng, monkeypatch):
    variants, _ = CASES[name]
    patterns = patterns_for(name, rng)
    cues, _ = variants.sample(patterns, 20, seed=1)
    whole = variants.log_likelihood(cues, patterns)
    monkeypatch.setattr("assocmem.variants._BLOCK_VALUES", 3 * patterns.size)
    np.testing.assert_array_equal(variants.log_likelihood(cues, patterns), whole)


@pytest.mark.parametrize("name", CASES)
def test_samples_depend_on_the_seed_alone(name, rng):
    variants, _ = CASES[name]
    patterns = patterns_for(name, rng)
    first, again, other = (variants.sample(patterns, 10, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def deviations(variants, n_cues=40_000, value=1.0, n_units=N_UNITS):
    """Cues of one pattern of equal values, without it."""
    cues, origins = variants.sample(np.full((1, n_units), value), n_cues, seed=5)
    assert not origins.any()
    return cues - value


def test_noise_and_bias_have_their_moments():
    found = deviations(BiasedVariants(BIAS, NOISE))
    # five standard errors of a mean and of a standard deviation
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - BIAS), 5 * NOISE / 200)
    np.testing.assert_array_less(np.abs(found.std(axis=0) - NOISE), 5 * NOISE / math.sqrt(80_000))


def test_a_common_bias_correlates_units():
    found = np.cov(deviations(CommonBiasVariants(1.5, 0.7)).T)
    expected = 0.49 * np.eye(N_UNITS) + 2.25
    # the standard error of a covariance is at most sqrt(2) times the variance / sqrt(n)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5 * math.sqrt(2) * 2.74 / 200)


def test_signs_are_flipped_as_often_as_told():
    found = (deviations(FlippedVariants(NOISE / 3)) != 0).mean(axis=0)
    p = NOISE / 3
    np.testing.assert_array_less(np.abs(found - p), 5 * np.sqrt(p * (1 - p)) / 200)


def test_masked_units_are_zero_and_kept_ones_shifted():
    cues = deviations(MaskedVariants(0.4, noise=0.1, shift=2.0)) + 1.0
    assert abs((cues == 0).mean() - 0.4) < 5 * math.sqrt(0.24 / cues.size)
    kept = cues[cues != 0]
    assert abs(kept.mean() - 3.0) < 5 * 0.1 / math.sqrt(kept.size)
    assert abs(kept.std() - 0.1) < 5 * 0.1 / math.sqrt(2 * kept.size)


@pytest.mark.parametrize("variants", [MaskedVariants(0.4, is_exact=True), OccludedVariants(0.4, 1e-9, is_exact=True)])
def test_exact_fractions_hold_in_each_cue(variants):
    changed = np.abs(deviations(variants, n_cues=200, value=5.0, n_units=10)) > 1e-3
    np.testing.assert_array_equal(changed.sum(axis=1), 4)
    assert np.all(changed.mean(axis=0) > 0.2)  # 0.4 with a standard deviation of 0.035


def test_occluded_values_are_uniform():
    found = deviations(OccludedVariants(0.3, 1e-6, low=2.0, high=4.0)) + 1.0
    other = found[found > 1.5]
    assert abs(other.size / found.size - 0.3) < 5 * math.sqrt(0.21 / found.size)
    assert stats.kstest(other[:2000], stats.uniform(2.0, 2.0).cdf).pvalue > 1e-3


def test_difficulty_sets_noise_shift_and_mask():
    assert MaskedVariants.of_difficulty(0.4) == MaskedVariants(0.4, noise=0.4, shift=0.4)


def test_origins_follow_the_prior(rng):
    _, origins = NoisyVariants(1.0).sample(rng.random((3, 2)), 10_000, seed=0, prior=np.array([0.7, 0.0, 0.3]))
    counts = np.bincount(origins, minlength=3) / 10_000
    assert counts[1] == 0 and abs(counts[0] - 0.7) < 5 * math.sqrt(0.21 / 10_000)


def test_noise_free_masks_leave_only_patterns_that_agree():
    patterns = np.array([[1.0, 2.0, 3.0], [1.0, 5.0, 3.0], [1.0, 2.0, 0.0]])
    found = MaskedVariants(0.4).log_likelihood(np.array([[1.0, 0.0, 3.0], [1.0, 2.0, 0.0]]), patterns)
    # a zero is certain where the pattern is 0, and has the probability to be masked elsewhere
    assert found[0, 0] == found[0, 1] == pytest.approx(math.log(0.4)) and found[0, 2] == -np.inf
    assert found[1, 0] == pytest.approx(math.log(0.4)) and found[1, 1] == -np.inf and found[1, 2] == 0.0


def test_noise_free_masks_work_in_single_precision(rng):
    patterns = rng.random((20, 30)).astype(np.float32)
    variants = MaskedVariants(0.5, shift=0.1)
    cues, origins = variants.sample(patterns, 50, seed=0)
    assert cues.dtype == np.float32
    np.testing.assert_array_equal(variants.decide(cues, patterns), origins)


@pytest.mark.parametrize(
    ("variants", "similarity"),
    [
        (NoisyVariants(NOISE), AdaptiveSimilarity(dis=0.5 / NOISE**2)),
        (BiasedVariants(BIAS, 0.8), AdaptiveSimilarity(dis=np.full(6, 0.5 / 0.64), lin=-BIAS / 0.64)),
        (FlippedVariants(NOISE / 3), AdaptiveSimilarity(dot=0.5 * np.log(3 / NOISE - 1))),
        (NoisyVariants(0.8), SquaredDistance()),
        (CommonBiasVariants(1e4, 0.8), CenteredDistance()),
    ],
    ids=lambda v: type(v).__name__,
)
def test_closed_forms_of_the_best_similarity_decide_alike(variants, similarity, rng):
    patterns = patterns_for("flipped" if isinstance(variants, FlippedVariants) else "", rng, n=30)
    cues, _ = variants.sample(patterns, 300, seed=3)
    expected = variants.decide(cues, patterns)
    np.testing.assert_array_equal(similarity.scores(cues, patterns).argmax(axis=1), expected)


def test_occlusion_of_known_size_is_decided_by_a_footprint(rng):
    """With the mask as an unknown of its own, the most likely pattern has the largest sum over the K best units."""
    patterns, n_kept = rng.random((5, 6)), 4
    cues, _ = OccludedVariants(2 / 6, 0.05, is_exact=True).sample(patterns, 30, seed=0)
    similarity = AdaptiveSimilarity(sorted_dis=(np.arange(6) < n_kept).astype(float))
    scores = similarity.scores(cues, patterns)
    squares = np.sort((cues[:, None] - patterns) ** 2, axis=2)[..., :n_kept].sum(axis=2)
    np.testing.assert_array_equal(scores.argmax(axis=1), squares.argmin(axis=1))


def test_a_cue_of_no_pattern_is_refused():
    with pytest.raises(ValueError, match="cue 1 can be of none"):
        MaskedVariants(0.5).decide(np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[1.0, 2.0], [2.0, 2.0]]))


ONES = np.ones((2, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisyVariants(0.0), "noise must be > 0"),
        (lambda: NoisyVariants([1.0, -1.0]), "noise must be > 0"),
        (lambda: NoisyVariants(np.ones((2, 2))), "noise must be a number or a vector"),
        (lambda: NoisyVariants([1.0, 1.0]).sample(ONES, 1, seed=0), "noise must have a value for each of the 3 units"),
        (lambda: FlippedVariants(1.0), r"probability must be in \(0, 1\)"),
        (lambda: FlippedVariants(0.1).sample(2 * ONES, 1, seed=0), "patterns must be -1 or 1"),
        (lambda: BiasedVariants([1.0, 2.0], 1.0).sample(ONES, 1, seed=0), "bias must have a value for each"),
        (lambda: CommonBiasVariants(-1.0, 1.0), "bias_noise must be >= 0"),
        (lambda: MaskedVariants(1.0), r"masked_fraction must be in \[0, 1\)"),
        (lambda: MaskedVariants(0.5, noise=-1.0), "noise must be >= 0"),
        (lambda: MaskedVariants.of_difficulty(-0.1), r"difficulty must be in \[0, 1\)"),
        (lambda: OccludedVariants(0.5, 1.0, low=1.0, high=1.0), "low must be below high"),
        (lambda: NoisyVariants(1.0).sample(ONES, 0, seed=0), "n_cues must be an integer >= 1"),
        (lambda: NoisyVariants(1.0).sample(ONES, 1, seed=-1), "seed must be an integer >= 0"),
        (lambda: NoisyVariants(1.0).sample(ONES, 1, seed=0, prior=[0.5, 0.6]), "prior must be 2 probabilities"),
        (lambda: NoisyVariants(1.0).log_likelihood(np.ones((1, 2)), ONES), "cues must have the 3 units"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
