"""Variants learned without origins: a likelihood that rises, parameters that are found, decisions like Bayes's."""

import numpy as np
import pytest
from scipy import stats

from assocmem.learning.unlabelled import fit_variants
from assocmem.variants import BiasedVariants, NoisyVariants

NOISE = np.array([0.3, 0.6, 1.0, 1.5, 0.4, 0.8, 0.5, 0.7])
BIAS = np.array([0.5, -0.5, 0.3, 0.0, 0.4, -0.2, 0.1, 0.6])


def problem(variants, n_cues=3000):
    patterns = np.random.default_rng(0).standard_normal((30, 8))
    return patterns, *variants.sample(patterns, n_cues, seed=1)


def test_likelihood_never_falls():
    patterns, cues, _ = problem(BiasedVariants(BIAS, NOISE), n_cues=300)
    found = fit_variants(patterns, cues)
    assert np.all(np.diff(found.log_likelihoods) >= -1e-12)  # rounding
    assert found.is_converged


def test_likelihood_is_that_of_the_mixture():
    patterns, cues, _ = problem(BiasedVariants(BIAS, NOISE), n_cues=100)
    found = fit_variants(patterns, cues)
    bias, noise = found.variants.bias, found.variants.noise
    densities = [[np.prod(stats.norm.pdf(x, xi + bias, noise)) for xi in patterns] for x in cues]
    expected = np.log(np.mean(densities, axis=1)).mean()
    assert found.log_likelihoods[-1] == pytest.approx(expected, rel=1e-12)


def test_parameters_are_found():
    patterns, cues, origins = problem(BiasedVariants(BIAS, NOISE))
    found = fit_variants(patterns, cues).variants
    # five standard errors with known origins; unknown ones cost little, as most are certain
    np.testing.assert_array_less(np.abs(found.bias - BIAS), 6 * NOISE / np.sqrt(3000))
    np.testing.assert_array_less(np.abs(found.noise - NOISE), 6 * NOISE / np.sqrt(6000))


def test_decisions_are_as_good_as_with_known_variants():
    variants = BiasedVariants(BIAS, NOISE)
    patterns, cues, origins = problem(variants)
    found = fit_variants(patterns, cues)
    best = (variants.decide(cues, patterns) == origins).mean()
    decided = found.similarity.scores(cues, patterns).argmax(axis=1)
    assert (decided == origins).mean() > best - 0.01
    np.testing.assert_array_equal(decided, found.variants.decide(cues, patterns))


def test_the_fit_is_stationary():
    """At the end bias and noise are the moments of cues around their probable origins."""
    patterns, cues, _ = problem(BiasedVariants(BIAS, NOISE), n_cues=300)
    found = fit_variants(patterns, cues, tol=1e-14).variants
    scores = found.log_likelihood(cues, patterns)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    deviations = cues[:, None] - patterns
    bias = (p[..., None] * deviations).sum(axis=1).mean(axis=0)
    square = (p[..., None] * (deviations - found.bias) ** 2).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(found.bias, bias, rtol=0, atol=1e-5)  # gains of 1e-14 leave steps of 1e-7
    np.testing.assert_allclose(found.noise**2, square, rtol=0, atol=1e-5)


def test_restricted_forms():
    patterns, cues, _ = problem(NoisyVariants(0.5))
    found = fit_variants(patterns, cues, has_bias=False, is_isotropic=True).variants
    np.testing.assert_array_equal(found.bias, 0.0)
    assert np.ptp(found.noise) == 0.0
    assert found.noise[0] == pytest.approx(0.5, abs=6 * 0.5 / np.sqrt(2 * 8 * 3000))


def test_noise_is_bounded_below():
    patterns = np.random.default_rng(0).standard_normal((5, 3))
    found = fit_variants(patterns, patterns, least_noise=0.01).variants
    np.testing.assert_array_equal(found.noise, 0.01)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"has_bias": 1}, TypeError, "has_bias must be True or False"),
        ({"is_isotropic": "yes"}, TypeError, "is_isotropic must be True or False"),
        ({"least_noise": 0.0}, ValueError, "least_noise must be > 0"),
        ({"n_iterations": 0}, ValueError, "n_iterations must be an integer >= 1"),
        ({"tol": 0.0}, ValueError, "tol must be > 0"),
    ],
)
def test_bad_input_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        fit_variants(np.eye(3), np.eye(3), **settings)
