"""Cost and gradient of training: against plain loops and finite differences."""

import numpy as np
import pytest

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.objective import Objective
from assocmem.learning.schedules import Stage
from tests import naive
from tests.learning.cases import directional_error, problem

SEED = np.random.SeedSequence(5)
ACTIVATIONS = [PowerLaw(), PowerLaw(0.02, 2.5), SoftplusSquared()]
EXACT = {"velocity": 0.0, "retrieval": 0.7, "n_cues": 2, "cue_duration": 3.0}
PENALTY = {"velocity": 1.3, "spread": 0.02, "frobenius": 2.0}
ALL_FREE = {"trains_drive": True, "is_clamped": np.array([True, False, False, False])}


def error_along_random_direction(task, stage, rng):
    objective = Objective(task, stage, seed=SEED)
    # every variable takes part: one whose gradient is wrongly 0 shows, and bounded weights are linear beyond 0
    return directional_error(objective, task.start, rng.normal(size=task.start.size))


@pytest.mark.parametrize("hinge", [None, -0.15])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("parametrisation", ["softplus", "exp"])
def test_gradient_with_exact_storage(parametrisation, activation, hinge, rng):
    task = problem(parametrisation=parametrisation, activation=activation, **ALL_FREE)
    # differences of fourth order, round-off 1e-15 / 1e-4
    assert error_along_random_direction(task, Stage(1, hinge=hinge, **EXACT), rng) < 1e-6


@pytest.mark.parametrize("hinge", [None, -0.15])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("parametrisation", ["softplus", "exp", "bound"])
def test_gradient_with_velocity_penalty(parametrisation, activation, hinge, rng):
    options = {"storage": "penalty", "parametrisation": parametrisation, "activation": activation}
    task = problem(**options, **ALL_FREE)
    assert error_along_random_direction(task, Stage(1, hinge=hinge, **PENALTY), rng) < 1e-6


@pytest.mark.parametrize("term", ["velocity", "stability", "frobenius", "spread", "retrieval"])
def test_gradient_of_every_term_alone(term, rng):
    off = dict.fromkeys(("velocity", "stability", "frobenius", "spread", "retrieval"), 0.0)
    stage = Stage(1, n_cues=2, cue_duration=3.0, **(off | {term: 1.0}))
    task = problem(storage="penalty", **ALL_FREE)
    assert error_along_random_direction(task, stage, rng) < 1e-6


@pytest.mark.parametrize("hinge", [None, (-0.15, 0.05)])
def test_cost_agrees_with_plain_loops(hinge):
    task = problem(storage="penalty")
    target, width = (None, 0.05) if hinge is None else hinge
    stage = Stage(1, velocity=1.3, stability=0.9, frobenius=2.0, spread=0.0, hinge=target, hinge_width=width)
    objective = Objective(task, stage, seed=SEED)
    cost, _ = objective(task.start)
    weights, potentials = objective.last.weights, objective.last.potentials
    arguments = (weights, potentials, 9, naive.power_law, naive.power_law_slope)
    reference = naive.training_cost(*arguments, epsilon=0.05, hinge=hinge, eta_v=1.3, eta_s=0.9, eta_f=2.0)
    assert cost == pytest.approx(reference, rel=1e-9)  # the Lyapunov oracle


def test_start_is_the_given_network():
    task = problem(storage="penalty")
    objective = Objective(task, Stage(1), seed=SEED)
    objective(task.start)
    np.testing.assert_allclose(objective.last.weights, task.weights, atol=2e-9)  # zero weights count as 1e-9
    potentials = np.hstack([task.excitatory_potentials, task.inhibitory_potentials])
    np.testing.assert_allclose(objective.last.potentials, potentials, rtol=1e-12)


def test_exact_storage_holds_anywhere(rng):
    task = problem()
    objective = Objective(task, Stage(1, stability=0.0), seed=SEED)
    objective(task.start + 0.3 * rng.normal(size=task.start.size))
    assert objective.last.residual < 1e-9


def test_clamped_units_keep_their_rates(rng):
    task = problem(is_clamped=True)
    objective = Objective(task, Stage(1, **EXACT), seed=SEED)
    _, gradient = objective(task.start + 0.1 * rng.normal(size=task.start.size))
    np.testing.assert_array_equal(objective.last.potentials[:, 9:], task.inhibitory_potentials)
    np.testing.assert_array_equal(gradient[13 * 13 :], 0.0)


def test_unstorable_trial_points_are_rejected_with_a_higher_cost():
    task = problem(n_e=4, n_i=2, n_patterns=5, storage="exact", drive=7.0)
    objective = Objective(task, Stage(1, stability=0.0), seed=SEED)
    objective.last = Objective(problem(storage="penalty"), Stage(1, stability=0.0), seed=SEED).last
    with pytest.raises(ValueError, match="cannot be stored"):
        objective(task.start)


def test_retrieval_costs_nothing_where_cues_are_the_patterns():
    task = problem()
    stage = Stage(1, stability=0.0, frobenius=0.0, spread=0.0, retrieval=1.0, cue_noise=0.0, cue_duration=0.4)
    # inhibitory rates equal in all patterns, so that their mean is right as well
    same = problem(inhibitory_rates=np.full((3, 4), 5.0))
    cost_same, _ = Objective(same, stage, seed=SEED)(same.start)
    cost, _ = Objective(task, stage, seed=SEED)(task.start)
    assert cost_same < 1e-12 < cost


def test_more_inhibitory_spread_costs_more():
    costs = []
    for spread in (0.0, 1.0, 2.0):
        rates = 5.0 + spread * np.arange(3.0)[:, None] * np.ones(4)
        task = problem(inhibitory_rates=rates, storage="penalty")
        stage = Stage(1, stability=0.0, frobenius=0.0, spread=1.0)
        costs.append(Objective(task, stage, seed=SEED)(task.start)[0])
    assert costs[0] == pytest.approx(0.0, abs=1e-20)
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("options", [EXACT, PENALTY], ids=["exact", "penalty"])
def test_gradient_is_zero_for_variables_without_effect_only(options):
    storage = "penalty" if "velocity" in options and options["velocity"] else "exact"
    task = problem(storage=storage, **ALL_FREE)
    _, gradient = Objective(task, Stage(1, **options), seed=SEED)(task.start)
    by_x, by_z, by_drive = task.unpack(gradient)
    np.testing.assert_array_equal(by_x == 0.0, np.eye(13, dtype=bool))  # no self-coupling
    np.testing.assert_array_equal(by_z == 0.0, np.broadcast_to(task.is_clamped, (3, 4)))
    assert np.all(by_drive != 0.0)


@pytest.mark.parametrize("tau_e", [0.02, 2.0, 2000.0])
def test_cost_does_not_depend_on_the_unit_of_time(tau_e):
    stage = Stage(1, **EXACT)
    cost, gradient = Objective(problem(), stage, seed=SEED)(problem().start)
    scaled = problem(tau_e=tau_e, tau_i=tau_e / 2.0)
    cost_scaled, gradient_scaled = Objective(scaled, stage, seed=SEED)(scaled.start)
    assert cost_scaled == cost  # tau / tau_e is the same number
    np.testing.assert_array_equal(gradient_scaled, gradient)


def test_fast_inhibition_shortens_the_steps_of_retrieval():
    stage = Stage(1, retrieval=1.0)
    assert problem().cues(stage, SEED).dt == 0.2
    assert problem(tau_i=1.0).cues(stage, SEED).dt == pytest.approx(0.4 * 1.0 / 20.0)
