"""Schedules, noise and stop rules: values and errors."""

import numpy as np
import pytest

from assocmem import OrnsteinUhlenbeck, Schedule, SteadyState


def test_schedule_is_piecewise_constant():
    schedule = Schedule([1.0, 2.0], [[1.0, 1.0], [5.0, 6.0]])
    assert [schedule.at(t, (3, 2))[2].tolist() for t in (0.9, 1.0, 1.9, 2.0, 9.0)] == [
        [0.0, 0.0],
        [1.0, 1.0],
        [1.0, 1.0],
        [5.0, 6.0],
        [5.0, 6.0],
    ]


def test_constant_schedule_acts_from_the_start():
    assert Schedule.constant([2.0, 3.0]).at(0.0, (1, 2)).tolist() == [[2.0, 3.0]]


def test_overlapping_pulses_add():
    schedule = Schedule.from_pulses([(1.0, 3.0, [1.0, 0.0]), (2.0, np.inf, [[10.0, 5.0], [20.0, 6.0]])])
    assert schedule.times.tolist() == [1.0, 2.0, 3.0]
    values = {t: schedule.at(t, (2, 2)).tolist() for t in (0.0, 1.0, 2.0, 3.0)}
    assert values == {
        0.0: [[0.0, 0.0], [0.0, 0.0]],
        1.0: [[1.0, 0.0], [1.0, 0.0]],
        2.0: [[11.0, 5.0], [21.0, 6.0]],
        3.0: [[10.0, 5.0], [20.0, 6.0]],
    }


@pytest.mark.parametrize(
    ("pulses", "message"),
    [
        ([], "pulses must hold at least one"),
        ([(2.0, 2.0, [1.0])], r"pulses\[0\] must start at a finite time and end later, got 2.0 to 2.0"),
        ([(-np.inf, 2.0, [1.0])], r"pulses\[0\] must start at a finite time and end later, got -inf to 2.0"),
        ([(0.0, 1.0, [1.0, 2.0]), (0.0, 1.0, [1.0, 2.0, 3.0])], r"pulses must have values .* of one shape, got"),
        ([(0.0, 1.0, [1.0]), (0.0, 1.0, [1.0, 2.0])], r"of one shape, got \[\(1,\), \(2,\)\]"),
        ([(0.0, 1.0, 1.0)], r"of one shape, got \[\(\)\]"),
        ([(0.0, 1.0, [np.nan])], r"pulses\[0\] must be finite"),
    ],
)
def test_bad_pulses_are_named(pulses, message):
    with pytest.raises(ValueError, match=message):
        Schedule.from_pulses(pulses)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], np.zeros((0, 2))), "times must be a non-empty sequence"),
        (([1.0, 1.0], np.zeros((2, 2))), r"times must be strictly increasing, got \[1.0, 1.0\]"),
        (([np.nan], np.zeros((1, 2))), "times must be finite, got 1 other values"),
        (([1.0], np.zeros((2, 2))), r"values must have shape \(1, unit\) or \(1, trajectory, unit\), got \(2, 2\)"),
        (([1.0], np.full((1, 2), np.inf)), "values must be finite, got 2 other values"),
    ],
)
def test_bad_schedules_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Schedule(*arguments)


def test_noise_coefficients_keep_the_variance():
    decay, amplitude = OrnsteinUhlenbeck(tau=50.0, std=[0.0, 2.0]).step_coefficients(0.5, 2)
    np.testing.assert_allclose(decay, np.exp(-0.01), rtol=1e-15)
    np.testing.assert_allclose(decay**2 * np.array([0.0, 4.0]) + amplitude**2, [0.0, 4.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("tau", "std", "name"),
    [(0.0, 1.0, "tau"), (np.inf, 1.0, "tau"), (1.0, -1.0, "std"), (1.0, [[1.0]], "std"), (1.0, np.nan, "std")],
)
def test_bad_noise_is_named(tau, std, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        OrnsteinUhlenbeck(tau, std)


@pytest.mark.parametrize(
    ("tol", "kind", "message"),
    [
        (0.0, ValueError, "tol must be > 0, got 0.0"),
        (np.nan, ValueError, "tol must be finite"),
        ("x", TypeError, "tol must be a number, got 'x'"),
    ],
)
def test_bad_tolerance_is_named(tol, kind, message):
    with pytest.raises(kind, match=message):
        SteadyState(tol)


def test_a_schedule_keeps_its_own_copy():
    values = np.ones((1, 2))
    schedule = Schedule([0.0], values)
    values[:] = 9.0
    assert schedule.values.tolist() == [[1.0, 1.0]]
