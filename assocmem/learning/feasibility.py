"""Where exact storage can begin: inhibitory rates for which weights of Dale's law exist."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from assocmem.learning.objective import Objective
from assocmem.learning.problem import Problem
from assocmem.learning.schedules import Stage
from assocmem.learning.storage import NotStorableError, largest_miss, not_storable_message

__all__ = ["refuse_unstorable", "storable_problem"]

_ROUNDS = 10
_STILL = Stage(100, velocity=1.0, stability=0.0, frobenius=1e-3, spread=0.0)
_STORED = Stage(1, stability=0.0, spread=0.0)
_MISS = 1e-5  # relative to the largest potential; the round-off of non-negative least squares is far below


def storable_problem(problem: Problem, *, report: Callable[[Problem], None] | None = None) -> Problem:
    """The problem, with other initial weights and inhibitory rates if it has no exact storage as it is.

    Random inhibitory rates are enough up to about half as many patterns as units. Beyond, velocities are
    first minimised over weights and free inhibitory rates, until the rates admit exact storage.

    Parameters
    ----------
    problem : Problem
        With exact storage.
    report : callable, optional
        Called after each iteration with the problem as it then is.

    Raises
    ------
    NotStorableError
        (a ValueError) If no storable rates are found in 1000 iterations.
    """
    for attempt in range(_ROUNDS + 1):
        try:
            Objective(problem, _STORED, seed=np.random.SeedSequence(0))(problem.start)
            return problem
        except NotStorableError:
            if attempt == _ROUNDS or problem.is_clamped.all():
                raise
        problem = _slower(problem, report)


def refuse_unstorable(problem: Problem) -> None:
    """NotStorableError if all rates are given and no weights of Dale's law, and no free drive, hold them.

    With free inhibitory rates nothing is decided: whether some of them allow storage is no convex question.
    """
    if not problem.is_clamped.all():
        return
    circuit = problem.circuit
    potentials = np.concatenate([problem.excitatory_potentials, problem.inhibitory_potentials], axis=1)
    signed_rates = circuit.signs * circuit.activation.rate(potentials)
    target = potentials.T
    constant = np.ones((len(potentials), 1))
    if problem.trains_drive:
        others = np.hstack([constant, -constant])
    else:
        target, others = target - problem.drive[:, None], constant[:, :0]
    unit, miss = largest_miss(signed_rates, target, range(len(target)), others)
    if miss > _MISS * max(1.0, float(np.abs(target).max())):
        raise NotStorableError(not_storable_message(target.shape, unit, miss))


def _slower(problem: Problem, report: Callable[[Problem], None] | None) -> Problem:
    """Problem that begins where velocities have been reduced."""
    relaxed = replace(problem, is_exact=False)
    objective = Objective(relaxed, _STILL, seed=np.random.SeedSequence(0))
    options = {"maxiter": _STILL.iterations, "maxcor": 50, "ftol": 1e-15, "gtol": 1e-12}

    def after_iteration(vector):
        if report is not None:
            report(_moved_to(problem, objective.last))

    arguments = {"jac": True, "method": "L-BFGS-B", "options": options, "callback": after_iteration}
    objective(minimize(objective, relaxed.start, **arguments).x)
    return _moved_to(problem, objective.last)


def _moved_to(problem: Problem, evaluation) -> Problem:
    inhibitory = evaluation.potentials[:, problem.circuit.n_excitatory :]
    return replace(problem, weights=evaluation.weights, inhibitory_potentials=inhibitory, drive=evaluation.drive)
