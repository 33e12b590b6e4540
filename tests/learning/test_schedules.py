"""Stages: checked values and the two built-in schedules."""

import pytest

from assocmem.learning.schedules import Stage, exact_schedule, penalty_schedule


def test_exact_schedule_never_uses_velocities():
    assert all(stage.velocity == 0.0 for stage in exact_schedule())
    assert exact_schedule(retrieval=False) == exact_schedule()[:-2]


def test_exact_schedule_sets_the_inhibitory_spread_free_where_stability_takes_long():
    assert [stage.spread for stage in exact_schedule(retrieval=False)] == [0.003, 0.001, 0.0]


def test_penalty_schedule_scales_stability_with_the_network():
    strengths = [stage.stability for stage in penalty_schedule(150)]
    assert strengths == [0.0, 250.0, 75.0, 25.0]


def test_mean_objective_of_the_paper_has_no_hinge():
    assert all(stage.hinge is None for stage in penalty_schedule(60, hinge=None)[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "iterations must be an integer >= 1, got 0"),
        ({"iterations": 2.5}, "iterations must be an integer >= 1, got 2.5"),
        ({"n_cues": 0}, "n_cues must be an integer >= 1, got 0"),
        ({"stability": -1.0}, "stability must be finite and >= 0, got -1.0"),
        ({"spread": float("nan")}, "spread must be finite and >= 0, got nan"),
        ({"hinge": float("inf")}, "hinge must be a finite number or None, got inf"),
        ({"hinge_width": 0.0}, "hinge_width must be > 0, got 0"),
        ({"stability": "a"}, "stability must be finite and >= 0, got 'a'"),
        ({"hinge": "a"}, "hinge must be a finite number or None, got 'a'"),
        ({"retrieval": None}, "retrieval must be finite and >= 0, got None"),
        ({"cue_duration": 0.0}, "cue_duration must be > 0, got 0"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Stage(**({"iterations": 5} | change))
