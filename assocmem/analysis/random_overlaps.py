"""Overlaps of random patterns with a cue, by ensemble: how rare they are for many units, and exactly for N."""

from functools import cache

import numpy as np
from scipy.special import betainc, betaln, xlogy
from scipy.stats import binom as binomial

__all__ = ["ENSEMBLES"]


class Sphere:
    """Random directions: the density of an overlap is proportional to (1 - t^2)^((N - 3) / 2)."""

    fewest_units = 3

    @staticmethod
    def cost(t):
        """I(t): the density of an overlap t is exp(-N I(t)), to leading order."""
        return -0.5 * np.log1p(-np.square(t))

    @staticmethod
    def tilted(gain):
        """The overlap that maximises gain t - I(t)."""
        return 2.0 * gain / (1.0 + np.sqrt(1.0 + 4.0 * gain**2))

    @staticmethod
    def critical_gain(t):
        """The gain whose tilted overlap is t: I'(t)."""
        return t / (1.0 - t**2)

    @staticmethod
    def tail(n_units, level):
        """Probability of an overlap of at least a level."""
        half = 0.5 * betainc((n_units - 1) / 2, 0.5, 1.0 - np.square(level))
        return np.where(np.asarray(level) >= 0, half, 1.0 - half)

    @staticmethod
    def below(n_units, top, resolution):
        """Overlaps up to `top` and their probabilities; fine within a few times `resolution` of it."""
        split = max(-1.0, top - 10.0 * resolution)
        pieces = [(-1.0, split, 200), (split, top, 400)] if split > -1.0 else [(-1.0, top, 400)]
        nodes, weights = zip(*(_gauss_legendre(*piece) for piece in pieces), strict=True)
        t, w = np.concatenate(nodes), np.concatenate(weights)
        return t, w * np.exp(0.5 * (n_units - 3) * np.log1p(-t * t) - betaln(0.5, (n_units - 1) / 2))


class Signs:
    """Random signs: the number of units that agree with the cue is binomial."""

    fewest_units = 1

    @staticmethod
    def cost(t):
        return 0.5 * (xlogy(1.0 + t, 1.0 + t) + xlogy(1.0 - t, 1.0 - t))

    @staticmethod
    def tilted(gain):
        return np.tanh(gain)

    @staticmethod
    def critical_gain(t):
        return np.arctanh(t)

    @staticmethod
    def tail(n_units, level):
        # the least number of agreements at the level; rounding must not take one that is exactly there
        least = np.ceil(0.5 * n_units * (1.0 + np.asarray(level)) - 1e-9)
        return binomial.sf(least - 1, n_units, 0.5)

    @staticmethod
    def below(n_units, top, resolution):
        agreeing = np.arange(n_units + 1)
        t = 2.0 * agreeing / n_units - 1.0
        return t[t < top], binomial.pmf(agreeing[t < top], n_units, 0.5)


ENSEMBLES = {"sphere": Sphere, "signs": Signs}


@cache
def _nodes(n):
    return np.polynomial.legendre.leggauss(n)


def _gauss_legendre(low, high, n):
    x, w = _nodes(n)
    return 0.5 * (high - low) * x + 0.5 * (high + low), 0.5 * (high - low) * w
