"""Separations that act on every score alone: those of classical and dense associative memories."""

from dataclasses import dataclass

import numpy as np

from assocmem.kernels.elementwise import exponential_row, linear_row, power_row
from assocmem.separations.base import Separation, float_array
from assocmem.validation import check_boolean, check_integer, check_positive

__all__ = ["Exponential", "Linear", "Power"]


class _Elementwise(Separation):
    """The conjugate is a sum of potentials F(t_i) and the weights are F'(t_i); no masks, no fixed sum."""

    @property
    def total(self):
        return np.nan

    def slope(self, scores: np.ndarray) -> np.ndarray:
        """F''(t) of scores, the diagonal of the Jacobian."""
        raise NotImplementedError

    def jvp(self, scores, tangent, *, weights=None, threads=None):
        scores, tangent = float_array("scores", scores), np.asarray(tangent)
        if tangent.shape != scores.shape:
            raise ValueError(f"tangent must have the shape of the scores {scores.shape}, got {tangent.shape}")
        return (self.slope(scores) * tangent).astype(scores.dtype)


@dataclass(frozen=True)
class Linear(_Elementwise):
    """Weights that are the scores, ``F(s) = s^2 / 2``: the classical Hopfield network.

    References
    ----------
    Hopfield (1982), PNAS 79; (1984), PNAS 81.
    """

    row = staticmethod(linear_row)

    def slope(self, scores):
        return np.ones_like(scores)

    def negentropy(self, weights):
        """``|y|^2 / 2`` (...,)."""
        return 0.5 * np.square(float_array("weights", weights).astype(float)).sum(axis=-1)


@dataclass(frozen=True)
class Power(_Elementwise):
    """Weights ``s^(order - 1)``, ``F(s) = s^order / order``: dense associative memory with polynomial interactions.

    Parameters
    ----------
    order : int, >= 2
        Order n of the interaction.
    is_rectified : bool
        Whether negative scores count as 0. An odd order without it has no convex potential, hence no energy that
        descends: it serves for comparison with published code only (which has ``s**10``, order 11).

    Raises
    ------
    TypeError, ValueError
        If the order is no integer >= 2.

    References
    ----------
    Krotov & Hopfield (2016), Dense associative memory for pattern recognition, NIPS.
    """

    order: int
    is_rectified: bool = True

    row = staticmethod(power_row)

    def __post_init__(self):
        check_integer("order", self.order, 2)
        check_boolean("is_rectified", self.is_rectified)
        object.__setattr__(self, "order", int(self.order))

    @property
    def is_convex(self) -> bool:
        """Whether the potential is convex, so that updates never raise the energy."""
        return self.is_rectified or self.order % 2 == 0

    def parameters(self, rows=slice(None)):
        return (self.order, int(self.is_rectified))

    def slope(self, scores):
        scores = np.maximum(scores, 0) if self.is_rectified else scores
        return (self.order - 1) * scores ** (self.order - 2)

    def negentropy(self, weights):
        """Convex conjugate of the potential, ``|y|^m / m`` with ``m = n / (n - 1)`` (...,)."""
        if not self.is_convex:
            raise ValueError(f"order must be even or rectified for a convex potential, got {self.order}")
        y = float_array("weights", weights).astype(float)
        if self.is_rectified and np.any(y < 0):
            raise ValueError(f"weights must be >= 0, got {y.min()}")
        exponent = self.order / (self.order - 1)
        return (np.abs(y) ** exponent).sum(axis=-1) / exponent


@dataclass(frozen=True)
class Exponential(_Elementwise):
    """Weights ``exp(rate s)``, ``F(s) = exp(rate s) / rate``: dense associative memory of exponential capacity.

    Parameters
    ----------
    rate : float, > 0

    Raises
    ------
    TypeError, ValueError
        If the rate is not > 0.

    References
    ----------
    Demircigil, Heusel, Loewe, Upgang & Vermet (2017), On a model of associative memory with huge storage capacity,
    J. Stat. Phys. 168.
    """

    rate: float = 1.0

    row = staticmethod(exponential_row)

    def __post_init__(self):
        check_positive("rate", self.rate)
        object.__setattr__(self, "rate", float(self.rate))

    def parameters(self, rows=slice(None)):
        return (self.rate,)

    def slope(self, scores):
        return self.rate * np.exp(self.rate * scores)

    def negentropy(self, weights):
        """Convex conjugate of the potential, the sum of ``(y log y - y) / rate`` (...,)."""
        y = float_array("weights", weights).astype(float)
        if np.any(y < 0):
            raise ValueError(f"weights must be >= 0, got {y.min()}")
        return (np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)), 0.0) - y).sum(axis=-1) / self.rate
