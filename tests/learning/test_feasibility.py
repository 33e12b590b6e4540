"""Where exact storage can begin."""

import numpy as np
import pytest

from assocmem.learning.feasibility import refuse_unstorable, storable_problem
from assocmem.learning.objective import Objective
from assocmem.learning.schedules import Stage
from assocmem.learning.storage import NotStorableError
from tests.learning.cases import problem

STORED = Stage(1, stability=0.0)
# more patterns than half the units: random inhibitory rates have no weights of Dale's law
CROWDED = {"n_e": 14, "n_i": 6, "n_patterns": 11}


def residual(task):
    objective = Objective(task, STORED, seed=np.random.SeedSequence(0))
    objective(task.start)
    return objective.last.residual


def test_storable_problem_is_returned_as_it_is():
    task = problem()
    assert storable_problem(task) is task


def test_inhibitory_rates_are_found_for_crowded_patterns():
    task = problem(**CROWDED)
    with pytest.raises(NotStorableError):
        residual(task)
    assert residual(storable_problem(task)) < 1e-8


def test_excitatory_rates_stay():
    task = problem(**CROWDED)
    found = storable_problem(task)
    np.testing.assert_array_equal(found.excitatory_potentials, task.excitatory_potentials)
    assert np.abs(found.inhibitory_potentials - task.inhibitory_potentials).max() > 0.1


def test_clamped_rates_leave_no_freedom():
    with pytest.raises(NotStorableError, match="patterns cannot be stored"):
        storable_problem(problem(is_clamped=True, **CROWDED))


def test_search_reports_the_problem_as_it_then_is():
    task, reported = problem(**CROWDED), []
    found = storable_problem(task, report=reported.append)
    np.testing.assert_array_equal(reported[-1].inhibitory_potentials, found.inhibitory_potentials)
    assert len(reported) > 1
    assert all(len(x.inhibitory_potentials) == 11 for x in reported)


def test_given_rates_are_refused_and_free_ones_are_not_decided():
    crowded = CROWDED | {"n_patterns": 20, "storage": "penalty"}
    with pytest.raises(NotStorableError, match="20 patterns in 20 units leave unit .* at least"):
        refuse_unstorable(problem(is_clamped=True, **crowded))
    refuse_unstorable(problem(is_clamped=True, storage="penalty"))
    refuse_unstorable(problem(is_clamped=np.arange(6) > 0, **crowded))
