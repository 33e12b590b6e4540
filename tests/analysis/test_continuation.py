"""Branches of normal forms, whose fixed points and bifurcations are known in closed form."""

import numpy as np
import pytest

from assocmem.analysis.continuation import BRANCH, FOLD, HOPF, follow_fixed_point


def points(found, kind):
    chosen = found.isel(point=np.flatnonzero(found.kind.values == kind))
    return chosen.parameter.values, chosen.state.values


def test_a_fold_is_turned_round():
    found = follow_fixed_point(lambda y, p: p - y**2, [1.0], 1.0, bounds=(-1.0, 2.0))
    np.testing.assert_allclose(found.parameter, found.state[:, 0] ** 2, atol=1e-9)
    np.testing.assert_allclose(found.abscissa, -2 * found.state[:, 0], atol=1e-6)
    assert found.parameter.values[[0, -1]] == pytest.approx([2, 2], abs=1e-9)
    assert sorted(found.state[[0, -1], 0].values) == pytest.approx([-np.sqrt(2), np.sqrt(2)])
    parameter, state = points(found, FOLD)
    np.testing.assert_allclose([parameter, state[:, 0]], [[0], [0]], atol=1e-5)
    assert points(found, BRANCH)[0].size == 0


def test_an_s_shaped_curve_has_two_folds():
    found = follow_fixed_point(lambda y, p: p + y - y**3 / 3, [-2.5], 2.5**3 / -3 + 2.5, bounds=(-4.0, 4.0))
    parameter, state = points(found, FOLD)
    np.testing.assert_allclose(np.sort(state[:, 0]), [-1, 1], atol=1e-4)
    np.testing.assert_allclose(np.sort(parameter), [-2 / 3, 2 / 3], atol=1e-7)
    is_inner = np.abs(found.state[:, 0]) < 0.999
    assert np.all(found.n_unstable.values[is_inner] == 1)
    assert found.state.max() > 1.5


@pytest.mark.parametrize("jacobian", [None, lambda y, p: np.array([[p - 3 * y[0] ** 2]])], ids=["differences", "given"])
def test_a_pitchfork_has_three_prongs(jacobian):
    settings = {"bounds": (-1.0, 1.0), "jacobian": jacobian}
    found = follow_fixed_point(lambda y, p: p * y - y**3, [0.0], -1.0, **settings)
    parameter, state = points(found.isel(point=np.flatnonzero(found.branch.values == 0)), BRANCH)
    np.testing.assert_allclose([parameter, state[:, 0]], [[0], [0]], atol=1e-6)
    ends = found.state[:, 0].values[np.isclose(found.parameter, 1.0)]
    np.testing.assert_allclose(np.sort(ends), [-1, 0, 1], atol=1e-8)
    others = found.isel(point=np.flatnonzero(found.branch.values > 0))
    np.testing.assert_allclose(others.parameter, others.state[:, 0] ** 2, atol=1e-9)
    assert np.all(others.n_unstable.values[others.parameter.values > 1e-3] == 0)


def test_a_transcritical_point_exchanges_stability():
    found = follow_fixed_point(lambda y, p: p * y - y**2, [0.0], -1.0, bounds=(-1.0, 1.0))
    parameter, _ = points(found.isel(point=np.flatnonzero(found.branch.values == 0)), BRANCH)
    np.testing.assert_allclose(parameter, [0], atol=1e-6)
    other = found.isel(point=np.flatnonzero(found.branch.values > 0))
    np.testing.assert_allclose(other.state[:, 0], other.parameter, atol=1e-9)
    assert other.parameter.min() == pytest.approx(-1)
    assert other.parameter.max() == pytest.approx(1)
    np.testing.assert_array_equal(other.n_unstable.values, (other.parameter.values < 0).astype(int))


def test_a_hopf_point_is_found():
    def normal_form(y, p):
        return np.array([p * y[0] - y[1], y[0] + p * y[1]]) - y * (y @ y)

    found = follow_fixed_point(normal_form, [0.0, 0.0], -0.5, bounds=(-0.5, 0.5))
    parameter, state = points(found, HOPF)
    np.testing.assert_allclose(parameter, [0], atol=1e-7)
    np.testing.assert_allclose(found.abscissa, found.parameter, atol=1e-6)
    assert found.n_unstable.values[-1] == 2


def test_a_rate_unit_with_feedback_is_bistable_between_its_folds():
    found = follow_fixed_point(lambda y, p: -y + np.tanh(2 * y + p), [-1.0], -1.0, bounds=(-1.0, 1.0))
    # folds where 2 (1 - y^2) = 1
    expected = np.arctanh(np.sqrt(0.5)) - 2 * np.sqrt(0.5)
    np.testing.assert_allclose(np.sort(points(found, FOLD)[0]), [expected, -expected], atol=1e-6)
    np.testing.assert_allclose(np.abs(points(found, FOLD)[1]), np.sqrt(0.5), atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (([[1.0]], 1.0), {}, r"start must be a state \(unit,\), got shape \(1, 1\)"),
        (([1.0], 3.0), {}, "bounds must be .* with the parameter 3.0 between them"),
        (([1.0], -0.5), {}, "start must be near a fixed point at the parameter -0.5, got none"),
        (([1.0], 1.0), {"step": 0.0}, "step must be > 0"),
        (([1.0], 1.0), {"most_points": 1}, "most_points must be an integer >= 2"),
        (([1.0, 1.0], 1.0), {}, r"velocity must return shape \(2,\), got \(1,\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        follow_fixed_point(lambda y, p: (p - y**2)[:1], *arguments, **{"bounds": (-1.0, 2.0), **settings})


def test_a_closed_curve_is_followed_once():
    found = follow_fixed_point(lambda y, p: 1.0 - y**2 - p**2, np.array([1.0]), 0.0, bounds=(-2.0, 2.0), step=0.1)
    np.testing.assert_allclose(found.state[:, 0] ** 2 + found.parameter**2, 1.0, atol=1e-9)
    angles = np.unwrap(np.arctan2(found.state[:, 0], found.parameter))
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * np.pi)
    assert np.all(np.diff(angles) < 0) or np.all(np.diff(angles) > 0)
    assert np.count_nonzero(found.kind == 1) == 2
    np.testing.assert_allclose(np.abs(found.parameter[found.kind == 1]), 1.0, atol=1e-6)


def test_curves_that_are_cut_off_say_so():
    settings = {"bounds": (-10.0, 10.0), "step": 0.1, "largest_step": 0.1, "most_points": 5}
    found = follow_fixed_point(lambda y, p: p - y, np.zeros(1), 0.0, **settings)
    np.testing.assert_array_equal(found.kind, [4, 0, 0, 0, 0, 0, 0, 0, 4])
    whole = follow_fixed_point(lambda y, p: p - y, np.zeros(1), 0.0, bounds=(-0.2, 0.2), step=0.1)
    assert not np.any(whole.kind == 4)


@pytest.mark.parametrize("bounds", [5, "ab", (1.0,)], ids=str)
def test_bounds_must_be_two_numbers(bounds):
    with pytest.raises(TypeError, match="bounds must be"):
        follow_fixed_point(lambda y, p: p - y, np.zeros(1), 0.0, bounds=bounds)
