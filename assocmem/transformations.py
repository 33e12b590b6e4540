"""Post-transformations: what a network does to a retrieved mixture, the regularised argmax of a convex function Psi.

All are gradients of a conjugate: ``T(z) = argmax_q <z, q> - Psi(q) = grad Psi*(z)``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py

from assocmem.jit import compile_loop
from assocmem.kernels.normalizations import identity_row, normalize_row, sign_row, tanh_row, transformation_loop
from assocmem.validation import check_finite, check_positive

__all__ = [
    "Identity",
    "L2Normalization",
    "LayerNormalization",
    "PostTransformation",
    "RMSNormalization",
    "Sign",
    "Tanh",
]

_FEASIBLE = 1e-6  # relative, by how much a state may be outside of the domain of Psi: rounding of float32


class PostTransformation:
    """A map from mixtures to states, ``T(z) = argmax_q <z, q> - Psi(q)``; see the subclasses."""

    row: Callable  # kernel (block, b, parameters), in place
    is_projection = False  # whether T(T(z)) = T(z), so that patterns and cues can be brought to its image beforehand

    def parameters(self, n_units: int) -> tuple:
        """Parameters of the kernel."""
        return ()

    def apply(self, mixtures: np.ndarray) -> np.ndarray:
        """States (..., unit) from mixtures (..., unit); float32 stays float32, all else becomes float64."""
        dtype = np.float32 if np.asarray(mixtures).dtype == np.float32 else np.float64
        states = np.array(mixtures, dtype=dtype, order="C")
        self.apply_in_place(states.reshape(-1, states.shape[-1]))
        return states

    def apply_in_place(self, block: np.ndarray) -> None:
        """Transform the rows of a C-contiguous block (row, unit)."""
        compile_loop(transformation_loop, type(self).row)(block, self.parameters(block.shape[1]))

    def potential(self, states: np.ndarray) -> np.ndarray:
        """Psi (...,) of states (..., unit), as float64; inf outside of its domain."""
        raise NotImplementedError

    def conjugate(self, mixtures: np.ndarray) -> np.ndarray:
        """Psi* (...,) of mixtures (..., unit), as float64."""
        raise NotImplementedError


def _where_feasible(is_feasible, potential=0.0):
    return np.where(is_feasible, potential, np.inf)


@dataclass(frozen=True)
class Identity(PostTransformation):
    """The mixture itself; ``Psi(q) = |q|^2 / 2``."""

    row = staticmethod(identity_row)

    def potential(self, states):
        with np.errstate(over="ignore"):  # a state that is about to leave the finite numbers
            return 0.5 * np.square(np.asarray(states, dtype=float)).sum(axis=-1)

    conjugate = potential


@dataclass(frozen=True)
class Sign(PostTransformation):
    """Signs (0 stays 0), as in the classical Hopfield network; Psi is 0 on the cube [-1, 1]^n and inf outside."""

    row = staticmethod(sign_row)
    is_projection = True

    def potential(self, states):
        return _where_feasible(np.abs(states).max(axis=-1) <= 1.0 + _FEASIBLE)

    def conjugate(self, mixtures):
        return np.abs(np.asarray(mixtures, dtype=float)).sum(axis=-1)


@dataclass(frozen=True)
class Tanh(PostTransformation):
    r"""``tanh(gain z)``, as in the continuous Hopfield network.

    .. math:: \Psi(q) = \frac{1}{gain} \sum_j \frac{1 + q_j}{2} \log(1 + q_j) + \frac{1 - q_j}{2} \log(1 - q_j)

    Parameters
    ----------
    gain : float, > 0

    Raises
    ------
    TypeError, ValueError
        If the gain is not > 0.
    """

    gain: float = 1.0

    row = staticmethod(tanh_row)

    def __post_init__(self):
        check_positive("gain", self.gain)

    def parameters(self, n_units):
        return (float(self.gain),)

    def potential(self, states):
        states = np.asarray(states, dtype=float)
        q = np.clip(states, -1, 1)
        entropy = 0.5 * (xlog1py(1 + q, q) + xlog1py(1 - q, -q)).sum(axis=-1)
        return _where_feasible(np.abs(states).max(axis=-1) <= 1.0 + _FEASIBLE, entropy / self.gain)

    def conjugate(self, mixtures):
        size = np.abs(self.gain * np.asarray(mixtures, dtype=float))
        return (size + np.log1p(np.exp(-2 * size)) - np.log(2)).sum(axis=-1) / self.gain


@dataclass(frozen=True)
class _Normalization(PostTransformation):
    """``shift + gain (z - mean) / sqrt(mean square + epsilon)``; Psi is inf outside of a ball, and inside 0 or, with
    epsilon > 0, ``-gain n sqrt(epsilon (1 - mean square / gain^2))``.
    """

    row = staticmethod(normalize_row)
    is_projection = True
    is_centred = False

    def gain_shift_epsilon(self, n_units: int) -> tuple[float, float, float]:
        """Root mean square, mean and epsilon of states of `n_units` units."""
        raise NotImplementedError

    def parameters(self, n_units):
        return (*self.gain_shift_epsilon(n_units), int(self.is_centred))

    def potential(self, states):
        states = np.asarray(states, dtype=float)
        n = states.shape[-1]
        gain, shift, epsilon = self.gain_shift_epsilon(n)
        fullness = np.square(states - shift).mean(axis=-1) / gain**2  # 1 on the surface of the ball
        is_on_plane = np.abs((states - shift).mean(axis=-1)) <= _FEASIBLE * max(gain, abs(shift))
        is_feasible = (fullness <= 1 + _FEASIBLE) & (is_on_plane | (not self.is_centred))
        return _where_feasible(is_feasible, -gain * n * np.sqrt(epsilon * np.maximum(1 - fullness, 0)))

    def conjugate(self, mixtures):
        mixtures = np.asarray(mixtures, dtype=float)
        n = mixtures.shape[-1]
        gain, shift, epsilon = self.gain_shift_epsilon(n)
        deviation = mixtures - (mixtures.mean(axis=-1, keepdims=True) if self.is_centred else 0.0)
        return shift * mixtures.sum(axis=-1) + gain * n * np.sqrt(np.square(deviation).mean(axis=-1) + epsilon)


@dataclass(frozen=True)
class L2Normalization(_Normalization):
    """States of Euclidean norm `radius`; Psi is the indicator of that ball. The zero vector stays where it is.

    Parameters
    ----------
    radius : float, > 0

    Raises
    ------
    TypeError, ValueError
        If the radius is not > 0.
    """

    radius: float = 1.0

    def __post_init__(self):
        check_positive("radius", self.radius)

    def gain_shift_epsilon(self, n_units):
        return float(self.radius / np.sqrt(n_units)), 0.0, 0.0


@dataclass(frozen=True)
class RMSNormalization(_Normalization):
    """States of root mean square `gain`; the zero vector stays where it is.

    Parameters
    ----------
    gain : float, > 0

    Raises
    ------
    TypeError, ValueError
        If the gain is not > 0.
    """

    gain: float = 1.0

    def __post_init__(self):
        check_positive("gain", self.gain)

    def gain_shift_epsilon(self, n_units):
        return float(self.gain), 0.0, 0.0


@dataclass(frozen=True)
class LayerNormalization(_Normalization):
    """States of mean `shift` and standard deviation `gain` over units, the latter with divisor n.

    Parameters
    ----------
    gain : float, > 0
    shift : float
    epsilon : float, >= 0
        Added to the variance. 0 makes it a projection, as exact retrieval needs; deep-learning code has 1e-5.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """

    gain: float = 1.0
    shift: float = 0.0
    epsilon: float = 0.0

    is_centred = True

    def __post_init__(self):
        check_positive("gain", self.gain)
        check_finite("shift", self.shift)
        check_finite("epsilon", self.epsilon)
        if self.epsilon < 0:
            raise ValueError(f"epsilon must be >= 0, got {self.epsilon}")

    def gain_shift_epsilon(self, n_units):
        return float(self.gain), float(self.shift), float(self.epsilon)
