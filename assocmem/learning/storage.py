r"""Weights that store patterns exactly.

A potential u^mu is a fixed point iff every unit i satisfies, for all patterns mu, the linear equations

.. math:: \sum_{j \ne i} s_j r_j^\mu A_{ij} = u_i^\mu - h_i, \qquad A \ge 0

in the magnitudes A of the weights W_ij = s_j A_ij, s_j = +1 for excitatory, -1 for inhibitory units. Among
their solutions the one nearest to given weights, in the Bregman distance that belongs to an increasing
function phi >= 0, is

.. math:: A_{ij} = \phi\Bigl(x_{ij} + \sum_\mu y_i^\mu s_j r_j^\mu\Bigr)

with multipliers y (unit, pattern) that minimise a convex dual. phi(x) = max(x, 0) gives the Euclidean
projection of x; a smooth phi gives weights that store the patterns *and* can be differentiated, with which
training never leaves the set of exact storage.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.parametrisations import Exponential, Rectified, Softplus
from assocmem.models.balanced_ei import BalancedEI
from assocmem.validation import labelled_array, real_array

__all__ = ["NotStorableError", "StorageProjection", "StoredWeights", "project_weights"]

_ACTIVATION = PowerLaw()
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-14  # relative to the largest potential: round-off of a sum
_STORABLE = 1e-9  # relative; a larger residual at the end means that no solution exists


class NotStorableError(ValueError):
    """No weights of Dale's law with the patterns as fixed points exist, or none were found; it says which."""


@dataclass(frozen=True)
class StorageProjection:
    """Result of `project_weights`.

    Attributes
    ----------
    weights : ndarray (unit, unit)
        mV/Hz, [post, pre], Dale's law and zero diagonal kept.
    residual : float
        Largest |W g(u) + h - u| over patterns and units, in mV.
    relative_change : float
        Frobenius norm of the change over that of the given weights.
    """

    weights: np.ndarray
    residual: float
    relative_change: float


def project_weights(
    weights,
    potentials,
    *,
    n_excitatory: int,
    drive: float | np.ndarray = 7.0,
    activation: PowerLaw | SoftplusSquared = _ACTIVATION,
) -> StorageProjection:
    """Nearest weights, row by row in the Euclidean norm, of which all potentials are exact fixed points.

    Parameters
    ----------
    weights : ndarray (unit, unit)
        mV/Hz, [post, pre]; Dale's law and a zero diagonal, as for `BalancedEI`.
    potentials : ndarray (pattern, unit)
        mV.
    n_excitatory : int
        Units below it are excitatory, the rest inhibitory.
    drive : float or ndarray (unit,)
        Constant input in mV.
    activation : PowerLaw or SoftplusSquared
        From mV to Hz.

    Returns
    -------
    StorageProjection

    Raises
    ------
    NotStorableError
        (a ValueError) If no such weights exist; the message names the unit that misses its potentials by
        most.
    ValueError
        If a shape, sign or value is not as above.

    References
    ----------
    Not in Festa, Hennequin & Lengyel (2014); it removes the small velocities that their objective leaves.
    """
    model = BalancedEI(
        real_array("weights", weights, is_finite=False), n_excitatory, drive=drive, activation=activation
    )
    potentials = labelled_array("potentials", potentials)
    if potentials.ndim != 2 or potentials.shape[1] != model.n_units or not len(potentials):
        raise ValueError(f"potentials must have shape (pattern, {model.n_units}), got {potentials.shape}")
    if not np.all(np.isfinite(potentials)):
        raise ValueError("potentials must be finite")
    signs = np.where(np.arange(model.n_units) < n_excitatory, 1.0, -1.0)
    rates = activation.rate(potentials)
    target = (potentials - model.drive).T
    magnitudes = np.abs(model.weights)
    # one thread: the bits must not depend on their number
    with threadpool_limits(limits=1, user_api="blas"):
        stored = StoredWeights.solve(magnitudes, signs * rates, target, phi=Rectified())
        projected = stored.magnitudes * signs + 0.0  # no negative zeros
        change = np.linalg.norm(projected - model.weights) / max(np.linalg.norm(magnitudes), np.finfo(float).tiny)
        return StorageProjection(projected, float(np.abs(projected @ rates.T - target).max()), float(change))


@dataclass(frozen=True)
class StoredWeights:
    """Magnitudes A = phi(x + y R), zero on the diagonal, with A R^T = target; and what their adjoint needs.

    Attributes
    ----------
    magnitudes : ndarray (unit, unit)
        A in mV/Hz.
    slopes : ndarray (unit, unit)
        phi' at the solution, zero on the diagonal.
    multipliers : ndarray (unit, pattern)
        y.
    signed_rates : ndarray (pattern, unit)
        R = s_j r_j^mu in Hz.
    curvature : ndarray (unit, pattern, pattern)
        R diag(phi'_i) R^T for every unit.
    """

    magnitudes: np.ndarray
    slopes: np.ndarray
    multipliers: np.ndarray
    signed_rates: np.ndarray
    curvature: np.ndarray

    @classmethod
    def solve(
        cls,
        variables: np.ndarray,
        signed_rates: np.ndarray,
        target: np.ndarray,
        *,
        phi: Softplus | Exponential | Rectified,
        start: np.ndarray | None = None,
    ) -> "StoredWeights":
        """Newton's method on the dual of all units at once.

        Parameters
        ----------
        variables : ndarray (unit, unit)
            x.
        signed_rates : ndarray (pattern, unit)
            R in Hz.
        target : ndarray (unit, pattern)
            u - h in mV.
        phi : Softplus, Exponential or Rectified
        start : ndarray (unit, pattern), optional
            Multipliers to begin with, for example those of nearby variables.

        Raises
        ------
        NotStorableError
            If no non-negative magnitudes satisfy the equations.
        """
        dual = _Dual(variables, signed_rates, target, phi)
        y = np.zeros_like(target) if start is None else start
        residual = dual.residual(y)
        error, last_error = np.abs(residual).max() / dual.scale, np.inf
        for _ in range(_MAX_ITERATIONS):
            # all rows go on until the last is done: their steps are then below round-off
            is_stalled = error <= _STORABLE and error > 0.5 * last_error
            if error <= _TOLERANCE or is_stalled:
                break
            y, residual = dual.newton_step(y, residual)
            error, last_error = np.abs(residual).max() / dual.scale, error
        if not error <= _STORABLE:
            raise NotStorableError(_why_not_storable(signed_rates, target, residual))
        shifted, slopes = dual.arguments(y), dual.slopes(y)
        return cls(dual.off_diagonal * phi.value(shifted), slopes, y, signed_rates, dual.curvature(slopes))

    def pull_back(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients by variables x, targets and signed rates R, from the gradient by the magnitudes.

        Implicit differentiation of A R^T = target. Shapes (unit, unit), (unit, pattern), (pattern, unit).
        """
        rates = self.signed_rates
        along = (self.slopes * gradient) @ rates.T
        by_target = np.linalg.solve(self.curvature, along[:, :, None])[:, :, 0]
        by_variables = self.slopes * (gradient - by_target @ rates)
        by_rates = self.multipliers.T @ by_variables - by_target.T @ self.magnitudes
        return by_variables, by_target, by_rates


class _Dual:
    """psi_i(y) = sum_j Phi(x_ij + (y_i R)_j) - y_i . target_i for every unit i; Phi' = phi."""

    def __init__(self, variables, signed_rates, target, phi):
        self.variables, self.rates, self.target, self.phi = variables, signed_rates, target, phi
        self.off_diagonal = 1.0 - np.eye(len(variables))
        self.scale = max(1.0, float(np.abs(target).max()))
        upper = np.triu_indices(len(signed_rates))
        self.upper = upper
        self.rate_products = (signed_rates[upper[0]] * signed_rates[upper[1]]).T

    def arguments(self, y: np.ndarray) -> np.ndarray:
        return self.variables + y @ self.rates

    def residual(self, y: np.ndarray) -> np.ndarray:
        """Gradient of psi: A R^T - target."""
        return (self.off_diagonal * self.phi.value(self.arguments(y))) @ self.rates.T - self.target

    def slopes(self, y: np.ndarray) -> np.ndarray:
        return self.off_diagonal * self.phi.slope(self.arguments(y))

    def objective(self, y: np.ndarray) -> np.ndarray:
        values = self.off_diagonal * self.phi.integral(self.arguments(y))
        return values.sum(axis=1) - (y * self.target).sum(axis=1)

    def curvature(self, slopes: np.ndarray) -> np.ndarray:
        """R diag(phi') R^T of every unit, from one matrix product over pairs of patterns."""
        n_patterns = len(self.rates)
        curvature = np.empty((len(slopes), n_patterns, n_patterns))
        pairs = slopes @ self.rate_products
        curvature[:, self.upper[0], self.upper[1]] = pairs
        curvature[:, self.upper[1], self.upper[0]] = pairs
        # keeps the factorisation alive where too few weights are active; of no effect elsewhere
        diagonal = np.arange(n_patterns)
        curvature[:, diagonal, diagonal] *= 1.0 + 1e-12
        curvature[:, diagonal, diagonal] += 1e-12 * pairs.max() + 1e-300
        return curvature

    def newton_step(self, y: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step of every unit, halved until its residual or, failing that, its objective falls."""
        step = -np.linalg.solve(self.curvature(self.slopes(y)), residual[:, :, None])[:, :, 0]
        size = np.ones(len(y))
        before = (residual**2).sum(axis=1)
        descent = (step * residual).sum(axis=1)
        done = (_TOLERANCE * self.scale) ** 2
        start = None
        for _ in range(40):
            y_new = y + size[:, None] * step
            residual_new = self.residual(y_new)
            is_bad = ~((residual_new**2).sum(axis=1) <= (1.0 - 1e-4 * size) * before + done)
            if is_bad.any():
                start = self.objective(y) if start is None else start
                is_bad &= ~(self.objective(y_new) <= start + 1e-4 * size * descent)
            if not is_bad.any():
                break
            size[is_bad] *= 0.5
        return y_new, residual_new


def largest_miss(signed_rates: np.ndarray, target: np.ndarray, units, others: np.ndarray) -> tuple[int, float]:
    """Unit that must miss its potentials by most, and its smallest residual in mV (norm over patterns).

    Over all magnitudes >= 0 of the weights and of the further inputs `others` (pattern, input).
    """
    misses = {}
    for unit in units:
        inputs = np.hstack([np.delete(signed_rates, unit, axis=1), others])
        # columns of unit length: neither the solution's sign nor its residual depends on the unit of rates
        norms = np.linalg.norm(inputs, axis=0)
        inputs = inputs / np.where(norms > 0.0, norms, 1.0)
        misses[int(unit)] = float(nnls(inputs, target[unit])[1])
    unit = max(misses, key=misses.get)
    return unit, misses[unit]


def not_storable_message(shape: tuple[int, int], unit: int, miss: float) -> str:
    """Why the patterns cannot be stored; `shape` is (unit, pattern), `miss` in mV."""
    n_units, n_patterns = shape
    return (
        f"patterns cannot be stored: {n_patterns} patterns in {n_units} units leave unit {unit} at least "
        f"{miss:.3g} mV (norm over patterns) off its potentials for any weights of Dale's law at these rates; "
        "store fewer patterns, add units, or change the rates or the drive"
    )


def _why_not_storable(signed_rates, target, residual) -> str:
    """Message with the smallest residual that the worst units can reach at all, or that the solver failed."""
    error = np.abs(np.nan_to_num(residual, nan=np.inf)).max(axis=1)
    unit, miss = largest_miss(signed_rates, target, np.argsort(-error)[:5], signed_rates[:, :0])
    if miss > _STORABLE * max(1.0, float(np.abs(target).max())):
        return not_storable_message(target.shape, unit, miss)
    return (
        f"patterns were not stored: weights of Dale's law may exist, but the solver did not find them and is "
        f"{error.max():.3g} mV off; begin with weights that give inputs (weights times rates) of the order of "
        "the potentials, or with rates of some Hz"
    )
