"""The training objective of a balanced E-I network as a function of one vector of free variables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from assocmem.learning.problem import Problem
from assocmem.learning.schedules import Stage
from assocmem.learning.storage import NotStorableError, StoredWeights
from assocmem.learning.terms import (
    Stability,
    frobenius_cost,
    retrieval_cost,
    spread_cost,
    velocity_cost,
)

__all__ = ["Evaluation", "Objective"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One value of the objective and the network it belongs to.

    Attributes
    ----------
    vector : ndarray
        Free variables.
    cost : float
    terms : dict of str to float
        Costs by term, strengths included.
    abscissas, smoothed : ndarray (pattern,)
        Spectral abscissa and its smoothed value in 1/s; NaN where the stage has no stability term.
    residual : float
        Largest |W g(u) + h - u| in mV.
    weights, potentials, drive : ndarray
        mV/Hz (unit, unit); mV (pattern, unit); mV (unit,).
    """

    vector: np.ndarray
    cost: float
    terms: dict[str, float]
    abscissas: np.ndarray
    smoothed: np.ndarray
    residual: float
    weights: np.ndarray
    potentials: np.ndarray
    drive: np.ndarray


class Objective:
    """Cost and gradient of one stage, for `scipy.optimize.minimize(..., jac=True)`.

    Parameters
    ----------
    problem : Problem
    stage : Stage
    seed : SeedSequence
        Of the cues.
    run : callable
        ``run(function, items)`` gives the results in order: the built-in map or that of a thread pool.
    """

    def __init__(self, problem: Problem, stage: Stage, *, seed: np.random.SeedSequence, run: Callable = map):
        self.problem, self.stage, self.run = problem, stage, run
        self.stability = Stability(problem.circuit, problem.epsilon, run)
        self.retrieval = problem.cues(stage, seed) if stage.retrieval else None
        self.multipliers = None
        self.last: Evaluation | None = None

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Cost and gradient; a vector without exact storage costs more than the last and gets no gradient."""
        try:
            stored, weights, potentials, drive = self._network(vector)
        except (NotStorableError, np.linalg.LinAlgError):
            if self.last is None:
                raise
            return 2.0 * abs(self.last.cost) + 1.0, np.zeros_like(vector)
        gradients = [np.zeros_like(weights), np.zeros_like(potentials), np.zeros_like(drive)]
        terms = self._terms(weights, potentials, drive, gradients)
        cost = sum(terms.values())
        self.last = self._record(vector, cost, terms, weights, potentials, drive)
        return cost, self._to_variables(vector, stored, potentials, gradients)

    def _network(self, vector):
        """Stored weights (exact storage only), weights, potentials and drive at a vector of variables."""
        problem = self.problem
        x, z, drive = problem.unpack(vector)
        inhibitory = np.where(problem.is_clamped, problem.inhibitory_potentials, np.logaddexp(0.0, z))
        potentials = np.concatenate([problem.excitatory_potentials, inhibitory], axis=1)
        if not problem.is_exact:
            magnitudes = problem.phi.value(x) * (1.0 - np.eye(len(x)))
            return None, magnitudes * problem.circuit.signs, potentials, drive
        signed_rates = problem.circuit.signs * problem.circuit.activation.rate(potentials)
        target = (potentials - drive).T
        stored = StoredWeights.solve(x, signed_rates, target, phi=problem.phi, start=self.multipliers)
        self.multipliers = stored.multipliers
        return stored, stored.magnitudes * problem.circuit.signs, potentials, drive

    def _terms(self, weights, potentials, drive, gradients) -> dict[str, float]:
        stage, circuit, terms = self.stage, self.problem.circuit, {}
        by_weights, by_potentials, _ = gradients
        if stage.velocity:
            arguments = (circuit, weights, potentials, drive, gradients)
            terms["velocity"] = velocity_cost(*arguments, strength=stage.velocity)
        if stage.stability:
            terms["stability"] = self._stability_cost(weights, potentials, gradients)
        if stage.frobenius:
            terms["frobenius"] = frobenius_cost(weights, by_weights, strength=stage.frobenius)
        if stage.spread:
            n = circuit.n_excitatory
            terms["spread"] = spread_cost(potentials, by_potentials, n_excitatory=n, strength=stage.spread)
        if stage.retrieval:
            arguments = (circuit, self.retrieval, weights, potentials, drive, gradients)
            terms["retrieval"] = retrieval_cost(*arguments, strength=stage.retrieval, run=self.run)
        return terms

    def _stability_cost(self, weights, potentials, gradients) -> float:
        stage = self.stage
        by_weights, by_potentials = np.zeros_like(weights), np.zeros_like(potentials)
        arguments = (weights, potentials, by_weights, by_potentials)
        cost = self.stability.cost(*arguments, hinge=stage.hinge, width=stage.hinge_width)
        gradients[0] += stage.stability * by_weights
        gradients[1] += stage.stability * by_potentials
        return stage.stability * cost

    def _to_variables(self, vector, stored, potentials, gradients) -> np.ndarray:
        """Chain rule from weights, potentials and drive to the free variables."""
        problem, circuit = self.problem, self.problem.circuit
        by_weights, by_potentials, by_drive = gradients
        x, z, _ = problem.unpack(vector)
        by_magnitudes = by_weights * circuit.signs
        if stored is None:
            by_x = by_magnitudes * problem.phi.slope(x) * (1.0 - np.eye(len(x)))
        else:
            by_x, by_target, by_signed_rates = stored.pull_back(by_magnitudes)
            by_rates = by_signed_rates * circuit.signs
            by_potentials = by_potentials + by_target.T + by_rates * circuit.activation.slope(potentials)
            by_drive = by_drive - by_target.sum(axis=1)
        by_z = np.where(problem.is_clamped, 0.0, by_potentials[:, circuit.n_excitatory :] * expit(z))
        parts = [by_x.ravel(), by_z.ravel()]
        return np.concatenate([*parts, by_drive] if problem.trains_drive else parts)

    def _record(self, vector, cost, terms, weights, potentials, drive) -> Evaluation:
        per_second = 1000.0 / self.problem.tau_e
        unknown = np.full(len(potentials), np.nan)
        has_spectra = bool(self.stage.stability)
        rates = self.problem.circuit.activation.rate(potentials)
        return Evaluation(
            vector=vector.copy(),
            cost=float(cost),
            terms=terms,
            abscissas=self.stability.abscissas * per_second if has_spectra else unknown,
            smoothed=self.stability.values * per_second if has_spectra else unknown,
            residual=float(np.abs(rates @ weights.T + drive - potentials).max()),
            weights=weights,
            potentials=potentials,
            drive=np.array(drive),
        )
