"""Maps from free variables to the magnitudes of Dale's-law weights, W_ij = sign_j phi(x_ij) with phi >= 0."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, spence

__all__ = ["Bound", "Exponential", "Rectified", "Softplus", "parametrisation_of"]

_SMALLEST = 1e-9  # mV/Hz; a weight of exactly 0 has no finite variable


@dataclass(frozen=True)
class Softplus:
    """phi(x) = scale log(1 + e^x), in mV/Hz."""

    scale: float
    lower = None

    def value(self, x: np.ndarray) -> np.ndarray:
        """Magnitude phi(x)."""
        return self.scale * np.logaddexp(0.0, x)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """phi'(x)."""
        return self.scale * expit(x)

    def integral(self, x: np.ndarray) -> np.ndarray:
        """Antiderivative of phi: -scale Li2(-e^x), reflected for x > 0 where e^x overflows."""
        tail = -spence(1.0 + np.exp(-np.abs(x)))
        return self.scale * np.where(x > 0.0, np.pi**2 / 6.0 + 0.5 * x * x - tail, tail)

    def inverse(self, magnitude: np.ndarray) -> np.ndarray:
        """x with phi(x) = magnitude; magnitudes below 1e-9 mV/Hz count as 1e-9."""
        ratio = np.maximum(magnitude, _SMALLEST) / self.scale
        return ratio + np.log(-np.expm1(-ratio))


@dataclass(frozen=True)
class Exponential:
    """phi(x) = scale e^x, in mV/Hz."""

    scale: float
    lower = None

    def value(self, x: np.ndarray) -> np.ndarray:
        """Magnitude phi(x)."""
        # a trial step of a line search may be far out: stay finite
        return self.scale * np.exp(np.minimum(x, 300.0))

    slope = value
    integral = value

    def inverse(self, magnitude: np.ndarray) -> np.ndarray:
        """x with phi(x) = magnitude; magnitudes below 1e-9 mV/Hz count as 1e-9."""
        return np.log(np.maximum(magnitude, _SMALLEST) / self.scale)


@dataclass(frozen=True)
class Bound:
    """phi(x) = scale x for x >= 0, in mV/Hz; the optimiser keeps the bound."""

    scale: float
    lower = 0.0

    def value(self, x: np.ndarray) -> np.ndarray:
        """Magnitude phi(x)."""
        return self.scale * x

    def slope(self, x: np.ndarray) -> np.ndarray:
        """phi'(x)."""
        return np.full_like(x, self.scale)

    def inverse(self, magnitude: np.ndarray) -> np.ndarray:
        """x with phi(x) = magnitude."""
        return magnitude / self.scale


@dataclass(frozen=True)
class Rectified:
    """phi(x) = max(x, 0): shifted arguments give the Euclidean projection on non-negative weights."""

    lower = None

    def value(self, x: np.ndarray) -> np.ndarray:
        """max(x, 0)."""
        return np.maximum(x, 0.0)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """1 above 0, else 0."""
        return (x > 0.0).astype(float)

    def integral(self, x: np.ndarray) -> np.ndarray:
        """max(x, 0)^2 / 2."""
        return 0.5 * np.maximum(x, 0.0) ** 2


def parametrisation_of(name: str, *, n_units: int) -> Softplus | Exponential | Bound:
    """Parametrisation by name, with a scale that suits networks of the given size.

    Parameters
    ----------
    name : {"softplus", "exp", "bound"}
    n_units : int
        The scale is 1.8 / n_units mV/Hz: weights of a balanced network shrink with its size.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    kinds = {"softplus": Softplus, "exp": Exponential, "bound": Bound}
    if name not in kinds:
        raise ValueError(f"parametrisation must be one of {', '.join(kinds)}, got {name!r}")
    return kinds[name](1.8 / n_units)
