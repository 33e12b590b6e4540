"""Basins of systems whose basins are known in closed form."""

import numpy as np
import pytest

from assocmem import FunctionFlow, HopfieldFenchelYoung, kernel, simulate
from assocmem.analysis.basins import (
    basin_fraction,
    basin_radius,
    basin_slice,
    gaussian_corruption,
    masking_corruption,
    reached_pattern,
    sign_flip_corruption,
)
from assocmem.analysis.capacity import Criterion
from assocmem.separations import Sparsemax

PLANE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
NEAR = Criterion("closer than 0.01", lambda states, patterns: np.linalg.norm(states - patterns, axis=1) < 0.01)


def to_the_nearest(states, seed):
    """Every state goes to the nearest pattern: basins are Voronoi cells."""
    return PLANE[np.linalg.norm(states[:, None] - PLANE, axis=2).argmin(axis=1)]


def in_a_disc(n, seed):
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * rng.random(n), np.sqrt(rng.random(n))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def test_fractions_are_those_of_the_cells():
    found = basin_fraction(to_the_nearest, PLANE, make_starts=in_a_disc, n_starts=20000, criterion=NEAR, seed=1)
    fine = np.linalg.norm(in_a_disc(10**6, 99)[:, None] - PLANE, axis=2).argmin(axis=1)
    exact = np.bincount(fine) / 10**6
    assert np.all((found.low.values < exact) & (exact < found.high.values))
    assert found.fraction.sum() + found.elsewhere == pytest.approx(1)


def test_what_leads_to_no_pattern_is_elsewhere():
    found = basin_fraction(lambda states, seed: 0 * states, PLANE, make_starts=in_a_disc, criterion=NEAR)
    assert float(found.elsewhere) == 1
    assert found.fraction.values.tolist() == [0, 0, 0]


def ball(radius):
    """Retrieves from cues within a radius of a pattern."""

    def settle(states, seed):
        distance = np.linalg.norm(states[:, None] - PLANE, axis=2)
        return np.where(distance.min(axis=1, keepdims=True) < radius, PLANE[distance.argmin(axis=1)], 9.0)

    return settle


def test_radius_of_a_ball_under_gaussian_noise():
    found = basin_radius(ball(0.3), PLANE, largest=1.0, n_cues=2000, n_bisections=12, criterion=NEAR)
    # half of the cues have |noise| < 0.3: the median of a Rayleigh distribution is sigma sqrt(2 log 2)
    np.testing.assert_allclose(found.radius, 0.3 / np.sqrt(2 * np.log(2)), rtol=0.05)
    assert np.all((found.low <= found.radius) & (found.radius <= found.high))
    strict = basin_radius(ball(0.3), PLANE, largest=1.0, n_cues=2000, probability=0.9, criterion=NEAR)
    np.testing.assert_allclose(strict.radius, 0.3 / np.sqrt(2 * np.log(10)), rtol=0.05)


def test_intervals_of_a_radius_cover():
    exact, covered = 0.3 / np.sqrt(2 * np.log(2)), []
    for seed in range(60):
        found = basin_radius(ball(0.3), PLANE, largest=1.0, n_cues=40, criterion=NEAR, seed=seed)
        covered += ((found.low <= exact) & (exact <= found.high)).values.tolist()
    assert np.mean(covered) > 0.9  # of 95 % intervals, 180 of them


def test_patterns_that_never_or_always_come_back_are_marked():
    def first_only(states, seed):
        return np.where(states[:, :1] > 0.5, PLANE[0], 9.0)

    found = basin_radius(first_only, PLANE, largest=0.05, n_cues=20, criterion=NEAR)
    assert found.radius.values.tolist() == [0.05, 0, 0]
    assert found.is_censored.values.tolist() == [True, True, True]


def test_corruptions_do_what_they_say():
    draws = np.random.default_rng(0).random((4, 20000))
    ones = np.ones((1, 20000))
    noise = gaussian_corruption(ones, 2.0, draws) - 1
    assert abs(noise.mean()) < 5 * 2 / np.sqrt(80000)
    assert abs(noise.std() - 2) < 5 * 2 / np.sqrt(160000)
    assert abs((np.abs(noise) < 2).mean() - 0.6827) < 5 * 0.466 / np.sqrt(80000)
    flips = sign_flip_corruption(ones, 0.3, draws)
    assert set(np.unique(flips)) == {-1, 1}
    assert abs((flips < 0).mean() - 0.3) < 5 * 0.46 / np.sqrt(80000)
    assert np.all(flips[sign_flip_corruption(ones, 0.1, draws) < 0] < 0)
    assert abs((masking_corruption(ones, 0.3, draws) == 0).mean() - 0.3) < 5 * 0.46 / np.sqrt(80000)


def test_a_slice_of_a_map_shows_its_cells():
    memory = HopfieldFenchelYoung(PLANE[:2], separation=Sparsemax(), beta=50.0)
    axis = np.linspace(-1, 1, 20)
    found = basin_slice(
        lambda states, seed: memory.retrieve(states, steps=20).state.values,
        PLANE[:2],
        origin=np.zeros(2),
        axes=np.eye(2),
        x=axis,
        y=axis,
        criterion=NEAR,
    )
    x, y = np.meshgrid(axis, axis)
    is_clear = np.abs(x - y) > 0.05
    np.testing.assert_array_equal(found.values[is_clear], np.where(x > y, 0, 1)[is_clear])


@kernel
def double_well(t, y, dy):
    for b in range(y.shape[0]):
        dy[b, 0] = y[b, 0] - y[b, 0] ** 3


def test_fractions_of_a_flow():
    flow = FunctionFlow(double_well, n_units=1)

    def settle(states, seed):
        return simulate(flow, states, duration=20.0, dt=0.05, every=None).final_state.values

    def uniform(n, seed):
        return np.random.default_rng(seed).uniform(-1, 3, (n, 1))

    found = basin_fraction(settle, [[-1.0], [1.0]], make_starts=uniform, n_starts=400, criterion=NEAR)
    assert found.low[0] < 0.25 < found.high[0]
    assert float(found.elsewhere) < 0.02


def test_the_first_of_several_patterns_is_reached():
    everywhere = Criterion("any", lambda states, patterns: np.ones(len(states), dtype=bool))
    assert reached_pattern(np.ones((3, 2)), PLANE, everywhere).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: basin_radius(ball(1), PLANE, largest=0.0), "largest must be > 0"),
        (lambda: basin_radius(ball(1), PLANE, largest=1.0, probability=1.0), r"probability must be in \(0, 1\)"),
        (lambda: basin_radius(ball(1), PLANE, largest=1.0, n_cues=0), "n_cues must be an integer >= 1"),
        (lambda: basin_radius(lambda s, seed: s[0], PLANE, largest=1.0), "settle must return states of the shape"),
        (lambda: basin_radius(ball(1), PLANE[0], largest=1.0), "patterns must be a matrix"),
        (lambda: basin_fraction(ball(1), PLANE, make_starts=lambda n, seed: PLANE), "make_starts must give shape"),
        (
            lambda: basin_slice(ball(1), PLANE, origin=[0], axes=np.eye(2), x=[0], y=[0]),
            r"origin must have shape \(2,\), got \(1,\)",
        ),
        (
            lambda: basin_slice(ball(1), PLANE, origin=[0, 0], axes=np.eye(2), x=[1, 0], y=[0]),
            "x must be increasing numbers",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_what_a_system_draws_is_not_what_corrupted_its_cues():
    patterns = np.where(np.random.default_rng(0).random((3, 40)) < 0.5, -1.0, 1.0)

    def undo(states, seed):  # no memory at all: it flips what a seed of the corruption would have flipped
        return np.where(np.random.default_rng(seed).random(states.shape) < 0.3, -states, states)

    found = basin_radius(undo, patterns, corruption=sign_flip_corruption, largest=0.3, n_cues=20)
    assert float(found.retrieved.max()) < 0.5


def test_patterns_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="patterns must be finite, got 1 other values"):
        basin_radius(lambda states, seed: states, np.array([[1.0, np.nan]]), largest=1.0)
