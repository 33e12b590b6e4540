"""Activation functions of rate units: expansive and non-saturating."""

from dataclasses import dataclass

import numpy as np

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline
from assocmem.kernels.elementary import exp, log, softplus

__all__ = ["PowerLaw", "SoftplusSquared", "power_law_rate", "softplus_squared_rate"]


@kernel
def power_law_rate(potential, gain, exponent, rate):
    """Write ``gain * max(potential, 0)**exponent`` for a block (trajectory, unit)."""
    always_inline()
    n_values, potential, rate = potential.size, potential.flat, rate.flat
    if exponent == 2.0:
        for i in range(n_values):
            above = max(potential[i], 0.0)
            rate[i] = gain * above * above
    else:
        for i in range(n_values):
            # log(0) = -inf and exp(-inf) = 0: no branch is needed at the threshold
            rate[i] = gain * exp(exponent * log(max(potential[i], 0.0)))


@kernel
def softplus_squared_rate(potential, gain, rate):
    """Write ``gain * log(1 + exp(potential))**2`` for a block (trajectory, unit)."""
    always_inline()
    n_values, potential, rate = potential.size, potential.flat, rate.flat
    for i in range(n_values):
        above = softplus(potential[i])
        rate[i] = gain * above * above


def _checked_rate(rate, *, lowest_allowed: bool) -> np.ndarray:
    rate = np.asarray(rate, dtype=float)
    allowed = rate >= 0.0 if lowest_allowed else rate > 0.0
    if not np.all(allowed):
        bound = ">= 0" if lowest_allowed else "> 0"
        raise ValueError(f"rate must be {bound} Hz everywhere, got a minimum of {np.min(rate)}")
    return rate


def _check_positive(name: str, value: float, *, minimum: float = 0.0, strict: bool = True) -> None:
    is_valid = np.isscalar(value) and np.isfinite(value) and (value > minimum if strict else value >= minimum)
    if not is_valid:
        raise ValueError(f"{name} must be a finite number {'>' if strict else '>='} {minimum:g}, got {value}")


@dataclass(frozen=True)
class PowerLaw:
    """Threshold power law, g(u) = gain * max(u, 0)^exponent.

    Parameters
    ----------
    gain : float, > 0
        Hz / mV^exponent.
    exponent : float, >= 1
        Dimensionless; 2 is the threshold-quadratic gain.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Festa, Hennequin & Lengyel (2014), Analog memories in a balanced rate-based network of E-I neurons.
    """

    gain: float = 0.04
    exponent: float = 2.0

    def __post_init__(self):
        _check_positive("gain", self.gain)
        _check_positive("exponent", self.exponent, minimum=1.0, strict=False)

    def rate(self, potential) -> np.ndarray:
        """Rate g(u) in Hz at potentials (mV), of the same shape."""
        return self.gain * np.maximum(potential, 0.0) ** self.exponent

    def slope(self, potential) -> np.ndarray:
        """First derivative g'(u) in Hz/mV; 0 at and below threshold."""
        return self._derivative(potential, self.gain * self.exponent, self.exponent - 1.0)

    def curvature(self, potential) -> np.ndarray:
        """Second derivative g''(u) in Hz/mV^2; 0 at and below threshold."""
        factor = self.gain * self.exponent * (self.exponent - 1.0)
        return self._derivative(potential, factor, self.exponent - 2.0)

    def potential(self, rate) -> np.ndarray:
        """Potential in mV with the given rate (Hz); rate 0 gives 0, the largest potential without output.

        Raises
        ------
        ValueError
            If a rate is negative.
        """
        return (_checked_rate(rate, lowest_allowed=True) / self.gain) ** (1.0 / self.exponent)

    @staticmethod
    def _derivative(potential, factor: float, power: float) -> np.ndarray:
        # 0^power is 1 or infinite for power <= 0, so units below threshold are set apart.
        potential = np.asarray(potential, dtype=float)
        is_above = potential > 0.0
        derivative = np.where(is_above, factor * np.where(is_above, potential, 1.0) ** power, 0.0)
        # slope 0 would make a diverged state look stable
        return np.where(np.isnan(potential), np.nan, derivative)


@dataclass(frozen=True)
class SoftplusSquared:
    """Squared softplus, g(u) = gain * log(1 + e^u)^2: the quadratic law with a smooth threshold.

    Parameters
    ----------
    gain : float, > 0
        Hz / mV^2; potentials enter the exponential in mV.

    Raises
    ------
    ValueError
        If `gain` is out of range.

    References
    ----------
    Form of the gain in the first author's later Julia package AttractorNetworksBase.jl.
    """

    gain: float = 0.02

    def __post_init__(self):
        _check_positive("gain", self.gain)

    def rate(self, potential) -> np.ndarray:
        """Rate g(u) in Hz at potentials (mV), of the same shape."""
        return self.gain * self._softplus(potential) ** 2

    def slope(self, potential) -> np.ndarray:
        """First derivative g'(u) in Hz/mV."""
        return 2.0 * self.gain * self._sigmoid(potential) * self._softplus(potential)

    def curvature(self, potential) -> np.ndarray:
        """Second derivative g''(u) in Hz/mV^2."""
        sigmoid = self._sigmoid(potential)
        softplus = self._softplus(potential)
        return 2.0 * self.gain * sigmoid * ((1.0 - sigmoid) * softplus + sigmoid)

    def potential(self, rate) -> np.ndarray:
        """Potential in mV with the given rate (Hz).

        Raises
        ------
        ValueError
            If a rate is not positive: rate 0 belongs to a potential of minus infinity.
        """
        root = np.sqrt(_checked_rate(rate, lowest_allowed=False) / self.gain)
        # log(e^x - 1) without overflow for large x
        return root + np.log(-np.expm1(-root))

    @staticmethod
    def _softplus(potential) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # NaN gives NaN, as elsewhere, without a warning
            return np.logaddexp(0.0, potential)

    @classmethod
    def _sigmoid(cls, potential) -> np.ndarray:
        return np.exp(-cls._softplus(-np.asarray(potential, dtype=float)))
