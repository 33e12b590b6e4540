"""Terms of the training objective, each with its gradient by weights W and potentials u (pattern, unit).

Time is in units of tau_e here: velocities are in mV per tau_e, Jacobians have -1 on the excitatory diagonal.
Each function adds its gradients into the arrays it is given and returns its cost.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.spectral_abscissa import smoothed_abscissa

__all__ = [
    "Circuit",
    "Retrieval",
    "Stability",
    "frobenius_cost",
    "retrieval_cost",
    "spread_cost",
    "velocity_cost",
]

_CEILING = 5.0  # times the largest stored potential
_HALF_ERROR = 0.3  # squared recall error at which its cost is one half


@dataclass(frozen=True, eq=False)
class Circuit:
    """Fixed properties of the network under training.

    Attributes
    ----------
    n_excitatory : int
    tau : ndarray (unit,)
        In units of tau_e.
    activation : PowerLaw or SoftplusSquared
        From mV to Hz.
    """

    n_excitatory: int
    tau: np.ndarray
    activation: PowerLaw | SoftplusSquared

    @property
    def signs(self) -> np.ndarray:
        """+1 for excitatory, -1 for inhibitory units (unit,)."""
        return np.where(np.arange(len(self.tau)) < self.n_excitatory, 1.0, -1.0)


def frobenius_cost(weights: np.ndarray, by_weights: np.ndarray, *, strength: float) -> float:
    """strength * |W|_F^2 / n_units^2."""
    scale = strength / weights.size
    by_weights += 2.0 * scale * weights
    return scale * float(np.vdot(weights, weights))


def spread_cost(potentials, by_potentials, *, n_excitatory: int, strength: float) -> float:
    """strength * variance over patterns of the inhibitory potentials (mV^2), averaged over units.

    Inhibitory units that differ little between patterns cannot carry the memory in place of the excitatory
    ones.
    """
    inhibitory = potentials[:, n_excitatory:]
    deviation = inhibitory - inhibitory.mean(axis=0)
    scale = strength / deviation.size
    by_potentials[:, n_excitatory:] += 2.0 * scale * deviation
    return scale * float(np.vdot(deviation, deviation))


def velocity_cost(circuit: Circuit, weights, potentials, drive, gradients, *, strength: float) -> float:
    """strength * mean over patterns of |velocity|^2 in (mV per tau_e)^2.

    `gradients` are those by weights, potentials and drive.
    """
    by_weights, by_potentials, by_drive = gradients
    rates = circuit.activation.rate(potentials)
    velocity = (rates @ weights.T + drive - potentials) / circuit.tau
    scale = strength / len(potentials)
    outer = 2.0 * scale * velocity / circuit.tau
    by_weights += outer.T @ rates
    by_potentials += (outer @ weights) * circuit.activation.slope(potentials) - outer
    by_drive += outer.sum(axis=0)
    return scale * float(np.vdot(velocity, velocity))


class Stability:
    """Mean over patterns of Phi(smoothed spectral abscissa of the Jacobian).

    Phi is the identity, or the hinge ``width * softplus((value - target) / width)`` that lets go of patterns
    which are already stable. The values of one call are where the root searches of the next begin.

    Parameters
    ----------
    circuit : Circuit
    epsilon : float
        Smoothing, per tau_e.
    run : callable
        ``run(function, items)`` -> list of results in the order of the items; a thread pool or the built-in
        map.

    Attributes
    ----------
    abscissas, values : ndarray (pattern,)
        Spectral abscissa and its smoothed value per tau_e at the last call; None before.
    """

    def __init__(self, circuit: Circuit, epsilon: float, run: Callable):
        self.circuit, self.epsilon, self.run = circuit, epsilon, run
        self.abscissas = self.values = None

    def cost(self, weights, potentials, by_weights, by_potentials, *, hinge, width: float) -> float:
        """Cost; gradients are summed over patterns in their order, whatever `run` does.

        `hinge` is the target per tau_e, or None for the identity.
        """
        slopes = self.circuit.activation.slope(potentials)
        curvatures = self.circuit.activation.curvature(potentials)
        starts = [None] * len(potentials) if self.values is None else list(self.values)
        tasks = [(weights, slope, start) for slope, start in zip(slopes, starts, strict=True)]
        results = list(self.run(self._smoothed, tasks))
        self.values = np.array([r.value for r in results])
        self.abscissas = np.array([r.abscissa for r in results])
        costs, importance = _hinged(self.values, hinge, width)
        for mu, result in enumerate(results):
            by_jacobian = result.gradient * (importance[mu] / len(results) / self.circuit.tau)[:, None]
            by_weights += by_jacobian * slopes[mu]
            by_potentials[mu] += curvatures[mu] * np.einsum("ij,ij->j", by_jacobian, weights)
        return float(costs.mean())

    def _smoothed(self, task):
        weights, slope, start = task
        jacobian = weights * slope
        jacobian[np.diag_indices(len(weights))] -= 1.0
        jacobian /= self.circuit.tau[:, None]
        return smoothed_abscissa(jacobian, self.epsilon, start=start)


def _hinged(values: np.ndarray, target: float | None, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Phi and its derivative."""
    if target is None:
        return values, np.ones_like(values)
    distance = (values - target) / width
    return width * np.logaddexp(0.0, distance), expit(distance)


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Cues from which the patterns are to be reached.

    Attributes
    ----------
    cues : ndarray (cue, pattern, excitatory unit)
        Potentials in mV at time 0; inhibitory units begin at their mean over patterns.
    potentials : ndarray (pattern, excitatory unit)
        Stored ones, in mV.
    n_steps : int
        Euler steps.
    dt : float
        Their length in units of tau_e.
    """

    cues: np.ndarray
    potentials: np.ndarray
    n_steps: int
    dt: float

    @property
    def ceiling(self) -> float:
        """Potential in mV above which rates stop growing, so that runaway cues stay finite."""
        return _CEILING * float(self.potentials.max())


def retrieval_cost(
    circuit: Circuit,
    retrieval: Retrieval,
    weights,
    potentials,
    drive,
    gradients,
    *,
    strength: float,
    run: Callable,
) -> float:
    """strength * mean over cues of e^2 / (e^2 + 0.3), e the recall error of excitatory rates after a run.

    The error is |r - r_mu| / |r_mu - mean(r_mu)|. The saturation keeps cues that are lost from outweighing
    the others. Gradients come from backpropagation through the Euler steps. One task per cue of all patterns:
    the sums do not depend on the number of threads.
    """
    tasks = [(circuit, retrieval, cue, weights, potentials, drive) for cue in retrieval.cues]
    cost = 0.0
    scale = strength / (len(tasks) * len(potentials))
    for loss, by_weights, by_start, by_drive in run(_retrieve, tasks):
        cost += scale * loss
        gradients[0][...] += scale * by_weights
        # every pattern's inhibitory potentials enter the common start through their mean
        gradients[1][:, circuit.n_excitatory :] += scale * by_start / len(potentials)
        gradients[2][...] += scale * by_drive
    return cost


def _retrieve(task) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Summed loss over patterns from one cue each; gradients by weights, inhibitory start and drive."""
    circuit, retrieval, cue, weights, potentials, drive = task
    n, step = circuit.n_excitatory, retrieval.dt / circuit.tau
    start = np.broadcast_to(potentials[:, n:].mean(axis=0), (len(cue), len(weights) - n))
    ceiling = retrieval.ceiling
    u = np.concatenate([cue, start], axis=1)
    path = []
    for _ in range(retrieval.n_steps):
        rates = circuit.activation.rate(np.minimum(u, ceiling))
        path.append((u, rates))
        u = u + step * (rates @ weights.T + drive - u)
    loss, adjoint = _recall_loss(circuit, retrieval, u, ceiling)
    by_weights, by_drive = np.zeros_like(weights), np.zeros(len(weights))
    for u, rates in reversed(path):
        push = adjoint * step
        by_weights += push.T @ rates
        by_drive += push.sum(axis=0)
        adjoint = adjoint - push + (push @ weights) * _limited_slope(circuit, u, ceiling)
    return loss, by_weights, adjoint[:, n:].sum(axis=0), by_drive


def _recall_loss(circuit: Circuit, retrieval: Retrieval, u, ceiling: float) -> tuple[float, np.ndarray]:
    """Loss summed over patterns and its gradient by the final potentials."""
    n = circuit.n_excitatory
    stored = circuit.activation.rate(retrieval.potentials)
    norms = np.linalg.norm(stored - stored.mean(axis=1, keepdims=True), axis=1)
    error = (circuit.activation.rate(np.minimum(u[:, :n], ceiling)) - stored) / norms[:, None]
    squared = (error**2).sum(axis=1)
    by_error = 2.0 * _HALF_ERROR / (squared + _HALF_ERROR) ** 2
    adjoint = np.zeros_like(u)
    adjoint[:, :n] = (by_error / norms)[:, None] * error * _limited_slope(circuit, u[:, :n], ceiling)
    return float((squared / (squared + _HALF_ERROR)).sum()), adjoint


def _limited_slope(circuit: Circuit, u: np.ndarray, ceiling: float) -> np.ndarray:
    return np.where(u < ceiling, circuit.activation.slope(np.minimum(u, ceiling)), 0.0)
