"""Separations onto the simplex: weights >= 0 with a sum of 1."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import xlogy

from assocmem.kernels.separation_jvps import entmax_jvp, normmax_jvp
from assocmem.kernels.simplex import entmax_row, normmax_row, softmax_row
from assocmem.separations.base import Separation

__all__ = ["Entmax", "Normmax", "Softmax", "Sparsemax"]


def _check_above(name: str, value: float, bound: float, *, is_included: bool) -> None:
    relation = ">=" if is_included else ">"
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number {relation} {bound:g}, got {value!r}")
    if not (value >= bound if is_included else value > bound):
        raise ValueError(f"{name} must be {relation} {bound:g}, got {value}")


def shannon(weights: np.ndarray) -> np.ndarray:
    """Sum of p log p (...,)."""
    return xlogy(weights, weights).sum(axis=-1)


@dataclass(frozen=True)
class Softmax(Separation):
    r"""Softmax, ``p_i ~ exp(t_i)``, from the Shannon negentropy; all weights are positive and there is no margin."""

    row = staticmethod(softmax_row)
    jvp_row = staticmethod(entmax_jvp)

    def jvp_parameters(self, shape, rows=slice(None)):
        return (0.0,)

    def negentropy(self, weights):
        """Shannon negentropy (...,), the sum of p log p."""
        return shannon(self.check_simplex(weights))


@dataclass(frozen=True)
class Entmax(Separation):
    r"""Alpha-entmax, from the Tsallis negentropy of exponent alpha.

    .. math::
        p_i = [(\alpha - 1) t_i - \tau]_+^{1/(\alpha - 1)}, \quad
        \Omega(p) = \frac{\sum_i p_i^\alpha - 1}{\alpha (\alpha - 1)}

    alpha = 1 is softmax, 1.5 and 2 (sparsemax) are solved exactly on their support, inf is the argmax (equal weights
    on ties). The larger alpha, the sparser the weights; the margin is 1 / (alpha - 1).

    Parameters
    ----------
    entmax_alpha : float, >= 1, inf included
        Any value works, however near to 1 or large.

    Raises
    ------
    TypeError, ValueError
        If it is no number >= 1.

    References
    ----------
    Peters, Niculae & Martins (2019), Sparse sequence-to-sequence models, ACL, eqs. 9 and 10.
    """

    entmax_alpha: float

    row = staticmethod(entmax_row)
    jvp_row = staticmethod(entmax_jvp)

    def __post_init__(self):
        _check_above("entmax_alpha", self.entmax_alpha, 1.0, is_included=True)
        object.__setattr__(self, "entmax_alpha", float(self.entmax_alpha))

    @property
    def margin(self):
        return 1.0 / (self.entmax_alpha - 1.0) if self.entmax_alpha > 1.0 else math.inf

    def parameters(self, rows=slice(None)):
        return (self.entmax_alpha - 1.0,)

    def negentropy(self, weights):
        """Tsallis negentropy (...,)."""
        p, alpha = self.check_simplex(weights), self.entmax_alpha
        if alpha == 1.0:
            return shannon(p)
        if alpha == math.inf:
            return np.zeros(p.shape[:-1])
        with np.errstate(divide="ignore"):
            # p^alpha - p without cancellation where alpha is near 1
            powers = p * np.expm1((alpha - 1.0) * np.log(p))
        return np.where(p > 0, powers, 0.0).sum(axis=-1) / (alpha * (alpha - 1.0))


@dataclass(frozen=True)
class Sparsemax(Entmax):
    """Sparsemax, the Euclidean projection of the scores onto the simplex: `Entmax` with alpha = 2.

    References
    ----------
    Martins & Astudillo (2016), From softmax to sparsemax, ICML.
    """

    entmax_alpha: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        if self.entmax_alpha != 2.0:
            raise ValueError(f"entmax_alpha must be 2 for Sparsemax (use Entmax), got {self.entmax_alpha}")


@dataclass(frozen=True)
class Normmax(Separation):
    r"""Gamma-normmax, from the norm negentropy ``Omega(p) = |p|_gamma - 1``.

    .. math:: p_i \propto [t_i - \tau]_+^{1/(\gamma - 1)}, \quad \sum_i [t_i - \tau]_+^{\gamma/(\gamma - 1)} = 1

    It tends to uniform weights on its support: gamma = inf gives equal weights on the support of sparsemax, and
    gamma -> 1 the argmax. The margin is 1 for every gamma; the conjugate is 1 + tau.

    Parameters
    ----------
    gamma : float, > 1, inf included

    Raises
    ------
    TypeError, ValueError
        If it is no number > 1.

    References
    ----------
    Blondel, Martins & Niculae (2020), Learning with Fenchel-Young losses, JMLR 21, section 4.3.
    """

    gamma: float

    row = staticmethod(normmax_row)
    jvp_row = staticmethod(normmax_jvp)

    def __post_init__(self):
        _check_above("gamma", self.gamma, 1.0, is_included=False)
        object.__setattr__(self, "gamma", float(self.gamma))

    @property
    def margin(self):
        return 1.0

    @cached_property
    def _exponent(self) -> float:
        return 1.0 if self.gamma == math.inf else self.gamma / (self.gamma - 1.0)

    def parameters(self, rows=slice(None)):
        return (self._exponent,)

    def jvp_parameters(self, shape, rows=slice(None)):
        return (self.gamma,)

    def negentropy(self, weights):
        """Norm negentropy (...,)."""
        p = self.check_simplex(weights)
        largest = p.max(axis=-1, keepdims=True)
        if self.gamma == math.inf:
            return largest[..., 0] - 1.0
        return largest[..., 0] * ((p / largest) ** self.gamma).sum(axis=-1) ** (1.0 / self.gamma) - 1.0
