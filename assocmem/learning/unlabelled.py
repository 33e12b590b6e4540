"""Learning of normal variants from cues whose origins are unknown, by expectation and maximisation."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp

from assocmem.similarities import AdaptiveSimilarity
from assocmem.similarities.base import similar_matrices
from assocmem.validation import check_boolean, check_integer, check_positive
from assocmem.variants import BiasedVariants

__all__ = ["FittedVariants", "fit_variants"]


@dataclass(frozen=True, eq=False)
class FittedVariants:
    """Variants that were learned, and how.

    Parameters
    ----------
    variants : BiasedVariants
    log_likelihoods : ndarray (iteration,)
        Mean log-likelihood of cues before each iteration; it never falls.
    is_converged : bool
    """

    variants: BiasedVariants
    log_likelihoods: np.ndarray = field(repr=False)
    is_converged: bool

    @property
    def similarity(self) -> AdaptiveSimilarity:
        """The similarity that decides as the variants do: its scores are their log-likelihoods."""
        precision = 1 / np.square(self.variants.noise)
        return AdaptiveSimilarity(dis=0.5 * precision, lin=-self.variants.bias * precision)


def fit_variants(
    patterns: np.ndarray,
    cues: np.ndarray,
    *,
    has_bias: bool = True,
    is_isotropic: bool = False,
    least_noise: float = 1e-3,
    n_iterations: int = 1000,
    tol: float = 1e-9,
) -> FittedVariants:
    r"""Bias and noise of ``x = xi + bias + noise eps`` that make cues of unknown origins most probable.

    Cues are a mixture of normal distributions with centres that are known but for the bias, and equal shares. Each
    iteration takes origins as probable as the last parameters make them:

    .. math::
        b_i = \langle x_i - \xi_{ki} \rangle, \qquad \sigma_i^2 = \langle (x_i - \xi_{ki} - b_i)^2 \rangle

    The likelihood may have more than one maximum; the start is no bias, and noise such that the distance to the nearest
    pattern is as expected.

    Parameters
    ----------
    patterns : array (pattern, unit)
    cues : array (cue, unit)
    has_bias : bool
        Otherwise the bias is 0.
    is_isotropic : bool
        Whether all units have the same noise.
    least_noise : float, > 0
        Smaller standard deviations are set to this: a likelihood without bound helps nobody.
    n_iterations : int, >= 1
        Stop there at the latest.
    tol : float, > 0
        Gain in the mean log-likelihood at which to stop.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    """
    cues, patterns = (array.astype(float) for array in similar_matrices(cues, patterns))
    check_boolean("has_bias", has_bias)
    check_boolean("is_isotropic", is_isotropic)
    check_positive("least_noise", least_noise)
    check_integer("n_iterations", n_iterations, 1)
    check_positive("tol", tol)
    n_units = patterns.shape[1]
    nearest = [np.square(x - patterns).sum(axis=1).min() / n_units for x in cues]
    variants = _variants(np.zeros(n_units), np.full(n_units, np.mean(nearest)), is_isotropic, least_noise)
    found, is_converged = [], False
    while not is_converged and len(found) < n_iterations:
        scores = variants.log_likelihood(cues, patterns)
        found.append(_mean_log_likelihood(scores, variants.noise))
        is_converged = len(found) > 1 and found[-1] - found[-2] <= tol
        if not is_converged:
            p = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
            variants = _variants(*_moments(cues, patterns, p, has_bias), is_isotropic, least_noise)
    return FittedVariants(variants, np.array(found), is_converged)


def _variants(bias, square, is_isotropic, least_noise) -> BiasedVariants:
    square = np.full_like(square, square.mean()) if is_isotropic else square
    return BiasedVariants(bias, np.maximum(np.sqrt(square), least_noise))


def _mean_log_likelihood(scores, noise) -> float:
    """With the normalisation that the scores leave out."""
    n_patterns, n_units = scores.shape[1], noise.size
    constant = np.log(noise).sum() + 0.5 * n_units * math.log(2 * math.pi) + math.log(n_patterns)
    return float(logsumexp(scores, axis=1).mean() - constant)


def _moments(cues, patterns, p, has_bias):
    """Mean (unit,), 0 without a bias, and mean square deviation from it, of cues from origins of probabilities p."""
    mean, square = p @ patterns, p @ np.square(patterns)
    bias = (cues - mean).mean(axis=0) if has_bias else np.zeros(cues.shape[1])
    shifted = cues - bias
    return bias, (np.square(shifted) - 2 * shifted * mean + square).mean(axis=0)
