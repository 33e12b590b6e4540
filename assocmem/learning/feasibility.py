"""Where exact storage can begin: inhibitory rates for which weights of Dale's law exist."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from assocmem.learning.objective import Objective
from assocmem.learning.problem import Problem
from assocmem.learning.schedules import Stage
from assocmem.learning.storage import NotStorableError

__all__ = ["storable_problem"]

_ROUNDS = 10
_STILL = Stage(100, velocity=1.0, stability=0.0, frobenius=1e-3, spread=0.0)
_STORED = Stage(1, stability=0.0, spread=0.0)


def storable_problem(problem: Problem) -> Problem:
    """The problem, with other initial weights and inhibitory rates if it has no exact storage as it is.

    Random inhibitory rates are enough up to about half as many patterns as units. Beyond, velocities are
    first minimised over weights and free inhibitory rates, until the rates admit exact storage.

    Parameters
    ----------
    problem : Problem
        With exact storage.

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
        problem = _slower(problem)


def _slower(problem: Problem) -> Problem:
    """Problem that begins where velocities have been reduced."""
    relaxed = replace(problem, is_exact=False)
    objective = Objective(relaxed, _STILL, seed=np.random.SeedSequence(0))
    options = {"maxiter": _STILL.iterations, "maxcor": 50, "ftol": 1e-15, "gtol": 1e-12}
    objective(minimize(objective, relaxed.start, jac=True, method="L-BFGS-B", options=options).x)
    best = objective.last
    inhibitory = best.potentials[:, problem.circuit.n_excitatory :]
    return replace(problem, weights=best.weights, inhibitory_potentials=inhibitory, drive=best.drive)
