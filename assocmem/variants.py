"""How cues come about from patterns: distributions of variants, their samples and their likelihoods.

The origin of a cue is retrieved best by the pattern of largest posterior probability (`VariantDistribution.decide`).
Likelihoods here are computed from the densities alone, without any similarity, and so are a yardstick for all of them.

References
----------
Wang, Pan, Shen, Zhang, Wang & Li (2025), Adaptive Hopfield network: rethinking similarities in associative memory,
arXiv:2511.20609: noisy, masked and biased variants.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assocmem.similarities.base import matrix, similar_matrices
from assocmem.validation import check_boolean, check_finite, check_integer, check_positive, real_array

__all__ = [
    "BiasedVariants",
    "CommonBiasVariants",
    "FlippedVariants",
    "MaskedVariants",
    "NoisyVariants",
    "OccludedVariants",
    "VariantDistribution",
]

_BLOCK_VALUES = 2**19  # densities by units that exist at a time
_ROUNDING = 2.0**-22  # of cues that were rounded to float32


class VariantDistribution:
    """Distribution of cues that are variants of patterns."""

    def check_patterns(self, patterns: np.ndarray) -> None:
        """Raise ValueError if patterns (pattern, unit) do not fit the parameters."""

    def vary(self, originals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A variant (cue, unit) of each original (cue, unit)."""
        raise NotImplementedError

    def log_densities(self, cues: np.ndarray, patterns: np.ndarray) -> np.ndarray:
        """Logarithms of densities (cue, pattern) of a block of cues, but for terms of the cue alone."""
        raise NotImplementedError

    def sample(
        self, patterns: np.ndarray, n_cues: int, *, seed: int, prior: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cues (cue, unit) and the patterns (cue,) that they are variants of.

        Parameters
        ----------
        patterns : array (pattern, unit)
        n_cues : int, >= 1
        seed : int, >= 0
        prior : array (pattern,), optional
            Probability of each pattern to be an origin; equal ones by default.

        Returns
        -------
        cues : ndarray (cue, unit), of the type of the patterns
        origins : ndarray of int (cue,)

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type, shape or range.
        """
        patterns = matrix("patterns", "pattern", patterns)
        check_integer("n_cues", n_cues, 1)
        check_integer("seed", seed, 0)
        self.check_patterns(patterns)
        probabilities = None if prior is None else _probabilities(prior, len(patterns))
        rng = np.random.default_rng(seed)
        origins = rng.choice(len(patterns), size=n_cues, p=probabilities)
        cues = self.vary(patterns[origins].astype(float), rng)
        return cues.astype(patterns.dtype), origins

    def log_likelihood(self, cues: np.ndarray, patterns: np.ndarray) -> np.ndarray:
        """Logarithm of the likelihood (cue, pattern) of patterns, up to a constant for each cue; float64.

        Parameters
        ----------
        cues : array (cue, unit)
        patterns : array (pattern, unit)

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape or not finite.
        """
        cues, patterns = (array.astype(float) for array in similar_matrices(cues, patterns))
        self.check_patterns(patterns)
        blocks = [self.log_densities(cues[rows], patterns) for rows in _blocks(len(cues), patterns.size)]
        return np.concatenate(blocks)

    def decide(self, cues: np.ndarray, patterns: np.ndarray, *, prior: np.ndarray | None = None) -> np.ndarray:
        """The pattern of largest posterior probability (cue,) for each cue, the first of equal ones.

        No retrieval finds the origins of cues more often.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape, or no pattern can have a cue as its variant.
        """
        posterior = self.log_likelihood(cues, patterns)
        if prior is not None:
            with np.errstate(divide="ignore"):
                posterior = posterior + np.log(_probabilities(prior, posterior.shape[1]))
        impossible = np.flatnonzero(posterior.max(axis=1) == -np.inf)
        if impossible.size:
            raise ValueError(f"cues must be variants of a pattern, but cue {impossible[0]} can be of none")
        return posterior.argmax(axis=1)


def _probabilities(prior, n_patterns: int) -> np.ndarray:
    prior = real_array("prior", prior)
    if prior.shape != (n_patterns,) or not np.all(prior >= 0) or abs(prior.sum() - 1) > 1e-8:
        raise ValueError(f"prior must be {n_patterns} probabilities that add up to 1, got {prior}")
    return prior / prior.sum()


def _blocks(n_cues: int, n_values: int) -> Iterator[slice]:
    step = max(1, _BLOCK_VALUES // n_values)
    return (slice(start, start + step) for start in range(0, n_cues, step))


def _per_unit(name: str, values) -> float | np.ndarray:
    """A number, or a vector of one for each unit."""
    array = real_array(name, values)
    if array.ndim > 1 or array.size == 0:
        raise ValueError(f"{name} must be a number or a vector of one for each unit, got shape {array.shape}")
    array.setflags(write=False)
    return float(array) if array.ndim == 0 else array


def _check_length(name: str, values, n_units: int) -> None:
    if np.ndim(values) == 1 and len(values) != n_units:
        raise ValueError(f"{name} must have a value for each of the {n_units} units, got {len(values)}")


def _check_noise(name: str, values, *, may_be_zero: bool = False) -> None:
    if not np.all(np.asarray(values) >= 0 if may_be_zero else np.asarray(values) > 0):
        raise ValueError(f"{name} must be {'>= 0' if may_be_zero else '> 0'}, got {values}")


def _check_fraction(name: str, value: float) -> None:
    check_finite(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


class _NormalVariants(VariantDistribution):
    def __post_init__(self):
        for name in ("bias", "noise"):
            object.__setattr__(self, name, _per_unit(name, getattr(self, name)))
        _check_noise("noise", self.noise)

    def check_patterns(self, patterns):
        for name in ("bias", "noise"):
            _check_length(name, getattr(self, name), patterns.shape[1])

    def vary(self, originals, rng):
        return originals + self.bias + self.noise * rng.standard_normal(originals.shape)

    def log_densities(self, cues, patterns):
        return -0.5 * np.square((cues[:, None] - patterns - self.bias) / self.noise).sum(axis=2)


@dataclass(frozen=True, eq=False)
class NoisyVariants(_NormalVariants):
    """``x_i = xi_i + noise_i eps_i`` with standard normal eps.

    Parameters
    ----------
    noise : float or array (unit,), > 0
        Standard deviation, the same for all units or one for each.

    Raises
    ------
    TypeError, ValueError
        If it is of the wrong type, shape or range.
    """

    noise: float | np.ndarray

    bias = 0.0


@dataclass(frozen=True, eq=False)
class BiasedVariants(_NormalVariants):
    """``x = xi + bias + noise eps``, the bias being the same for all cues.

    Parameters
    ----------
    bias : float or array (unit,)
    noise : float or array (unit,), > 0

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """

    bias: float | np.ndarray
    noise: float | np.ndarray


@dataclass(frozen=True, eq=False)
class FlippedVariants(VariantDistribution):
    """Patterns of -1 and 1 of which unit i changes its sign with a probability p_i.

    Parameters
    ----------
    probability : float or array (unit,), in (0, 1)

    Raises
    ------
    TypeError, ValueError
        If it is of the wrong type, shape or range; on use, if patterns have other values than -1 and 1.
    """

    probability: float | np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "probability", _per_unit("probability", self.probability))
        if not np.all((np.asarray(self.probability) > 0) & (np.asarray(self.probability) < 1)):
            raise ValueError(f"probability must be in (0, 1), got {self.probability}")

    def check_patterns(self, patterns):
        _check_length("probability", self.probability, patterns.shape[1])
        if not np.all(np.abs(patterns) == 1):
            raise ValueError("patterns must be -1 or 1, for their signs to be flipped")

    def vary(self, originals, rng):
        return np.where(rng.random(originals.shape) < self.probability, -originals, originals)

    def log_densities(self, cues, patterns):
        is_flipped = cues[:, None] != patterns
        p = np.asarray(self.probability)
        return np.where(is_flipped, np.log(p), np.log1p(-p)).sum(axis=2)


@dataclass(frozen=True)
class CommonBiasVariants(VariantDistribution):
    """``x_i = xi_i + t + noise eps_i`` with one t for all units of a cue, normal and drawn for each cue.

    Parameters
    ----------
    bias_noise : float, >= 0
        Standard deviation of t.
    noise : float, > 0

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range.
    """

    bias_noise: float
    noise: float

    def __post_init__(self):
        check_finite("bias_noise", self.bias_noise)
        _check_noise("bias_noise", self.bias_noise, may_be_zero=True)
        check_positive("noise", self.noise)

    def vary(self, originals, rng):
        shifts = self.bias_noise * rng.standard_normal((len(originals), 1))
        return originals + shifts + self.noise * rng.standard_normal(originals.shape)

    def log_densities(self, cues, patterns):
        # the covariance is noise^2 I + bias_noise^2 1 1^T; its inverse by the formula of Sherman and Morrison
        differences = cues[:, None] - patterns
        tau, sigma = self.bias_noise**2, self.noise**2
        shared = tau / (sigma + patterns.shape[1] * tau)
        return (-np.square(differences).sum(axis=2) + shared * np.square(differences.sum(axis=2))) / (2 * sigma)


@dataclass(frozen=True)
class MaskedVariants(VariantDistribution):
    r"""``x = m (xi + shift + noise eps)``: all the same, but units that are masked are 0, and are known by that.

    Masked last, so that what is erased is exactly 0. With shift = noise = masked_fraction this is the corruption of
    growing difficulty that comes nearest to the results of Wang et al. (2025): `of_difficulty`.

    Parameters
    ----------
    masked_fraction : float, in [0, 1)
        Probability of each unit to be masked; with `is_exact`, the fraction of units that are, rounded.
    noise : float, >= 0
        Standard deviation; 0 leaves what is kept as it is.
    shift : float
        Bias of all units.
    is_exact : bool
        Whether all cues have the same number of masked units. The likelihood is of the other case, which makes no
        difference unless there are patterns of 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range.
    """

    masked_fraction: float
    noise: float = 0.0
    shift: float = 0.0
    is_exact: bool = False

    def __post_init__(self):
        _check_fraction("masked_fraction", self.masked_fraction)
        for name in ("noise", "shift"):
            check_finite(name, getattr(self, name))
        _check_noise("noise", self.noise, may_be_zero=True)
        check_boolean("is_exact", self.is_exact)

    @classmethod
    def of_difficulty(cls, difficulty: float) -> "MaskedVariants":
        """Noise, shift and masked fraction that are all equal to a difficulty in [0, 1)."""
        _check_fraction("difficulty", difficulty)
        return cls(difficulty, noise=difficulty, shift=difficulty)

    def vary(self, originals, rng):
        values = originals + self.shift + self.noise * rng.standard_normal(originals.shape)
        return np.where(_masks(originals.shape, self.masked_fraction, self.is_exact, rng), 0.0, values)

    def log_densities(self, cues, patterns):
        is_kept = (cues != 0)[:, None]
        differences = cues[:, None] - patterns - self.shift
        if self.noise > 0:
            return -0.5 * np.square(np.where(is_kept, differences / self.noise, 0.0)).sum(axis=2)
        agrees = np.abs(differences) <= _ROUNDING * np.abs(cues)[:, None]
        # a zero may have been kept: it is certain where the pattern is 0, and masked otherwise
        with np.errstate(divide="ignore"):
            of_zeros = np.where(agrees, 0.0, np.log(self.masked_fraction))
        return np.where(is_kept, np.where(agrees, 0.0, -np.inf), of_zeros).sum(axis=2)


def _masks(shape, fraction: float, is_exact: bool, rng) -> np.ndarray:
    """What is masked (cue, unit)."""
    draws = rng.random(shape)
    if not is_exact:
        return draws < fraction
    return draws.argsort(axis=1).argsort(axis=1) < round(fraction * shape[1])


@dataclass(frozen=True)
class OccludedVariants(VariantDistribution):
    """``x = xi + noise eps``, but some units have values of another origin, and nothing tells which.

    Parameters
    ----------
    occluded_fraction : float, in [0, 1)
        Probability of each unit to be occluded; with `is_exact`, the fraction of units that are, rounded.
    noise : float, > 0
    low, high : float
        Values of occluded units are uniform between them.
    is_exact : bool
        Whether all cues have the same number of occluded units. The likelihood is of the other case: it takes units for
        independent.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range.
    """

    occluded_fraction: float
    noise: float
    low: float = 0.0
    high: float = 1.0
    is_exact: bool = False

    def __post_init__(self):
        _check_fraction("occluded_fraction", self.occluded_fraction)
        check_positive("noise", self.noise)
        for name in ("low", "high"):
            check_finite(name, getattr(self, name))
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        check_boolean("is_exact", self.is_exact)

    def vary(self, originals, rng):
        values = originals + self.noise * rng.standard_normal(originals.shape)
        others = rng.uniform(self.low, self.high, originals.shape)
        return np.where(_masks(originals.shape, self.occluded_fraction, self.is_exact, rng), others, values)

    def log_densities(self, cues, patterns):
        z = (cues[:, None] - patterns) / self.noise
        own = math.log1p(-self.occluded_fraction) - 0.5 * np.square(z) - math.log(self.noise * math.sqrt(2 * math.pi))
        is_inside = (cues >= self.low) & (cues <= self.high)
        with np.errstate(divide="ignore"):
            other = np.log(np.where(is_inside, self.occluded_fraction / (self.high - self.low), 0.0))
        return np.logaddexp(own, other[:, None]).sum(axis=2)
