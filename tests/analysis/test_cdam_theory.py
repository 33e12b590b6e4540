"""Closed forms of the CDAM: against loops over the equations, and numbers that can be worked out by hand."""

import numpy as np
import pytest

from assocmem.analysis.cdam_theory import (
    cluster_profile,
    dwell_counts,
    largest_stable_eta,
    limiting_correlations,
    one_hot_activity,
    pure_retrieval_bound,
    quiescence_boundaries,
    ring_cluster,
    winner_track,
)
from assocmem.graphs import barbell, karate_club, normalized, ring, tutte
from tests import naive_cdam

RING = normalized(ring(30))
GAIN = 1000 / 12


def test_one_hot_activity_is_the_map_with_fixed_weights(rng):
    patterns, links = rng.random((5, 12)), normalized(ring(5))
    cues = rng.random((5, 12))
    strengths = {"auto_strength": 0.7, "hetero_strength": -0.2, "mean_coefficient": 0.3}
    states = one_hot_activity(cues, patterns, links, np.arange(9), eta=0.3, **strengths)
    for mu in range(5):
        options = {"auto": 0.7, "hetero": -0.2, "mean_coefficient": 0.3, "eta": 0.3}
        expected = naive_cdam.run(cues[mu], patterns, links, 8, weights=lambda u, mu=mu: np.eye(5)[mu], **options)
        np.testing.assert_allclose(states[mu], expected, rtol=0, atol=1e-14)  # rounding of eight steps


def test_limiting_correlations_are_those_of_very_many_units(rng):
    links, n = normalized(ring(6)), 400_000
    patterns = rng.random((6, n))
    states = 0.5 * patterns + 0.5 * links @ patterns - patterns.mean(axis=0)
    limit = limiting_correlations(links, auto_strength=0.5, hetero_strength=0.5)
    # standard error of a correlation 1 / sqrt(n)
    np.testing.assert_allclose(np.corrcoef(states, patterns)[:6, 6:], limit.correlation, rtol=0, atol=5 / np.sqrt(n))
    np.testing.assert_allclose(np.corrcoef(states), limit.attractor_correlation, rtol=0, atol=5 / np.sqrt(n))


def test_limiting_correlations_of_auto_association_are_those_of_a_simplex():
    limit = limiting_correlations(RING, auto_strength=1.0, hetero_strength=0.0)
    assert limit.correlation.values[3, 3] == pytest.approx(np.sqrt(29 / 30), rel=1e-14)
    assert limit.attractor_correlation.values[3, 7] == pytest.approx(-1 / 29, rel=1e-13)


@pytest.mark.parametrize(
    ("n_units", "expected"), [(1000, 0.36 - 0.9781476007338057), (4000, 0.09 - 0.9781476007338057)]
)
def test_quiescence_on_the_ring_ends_at_the_second_eigenvalue(n_units, expected):
    # p / gain = 0.36 or 0.09, and the second eigenvalue is cos(2 pi / 30)
    lowest, highest = quiescence_boundaries(RING, 1.0, beta=1.0, gain=n_units / 12)
    assert highest == pytest.approx(expected, abs=1e-13) and lowest == -np.inf


@pytest.mark.parametrize("hetero", [1.0, -0.7])
def test_quiescence_boundaries_are_where_the_jacobian_changes(hetero):
    links, beta, gain, eta = normalized(tutte()), 0.5, 40.0, 0.2
    p = len(links)
    boundaries = quiescence_boundaries(links, hetero, beta=beta, gain=gain, eta=eta)
    for boundary, critical in zip(boundaries, (-1.0, 1.0), strict=True):
        coupling = boundary * np.eye(p) + hetero * links
        jacobian = (1 - eta) * np.eye(p) + eta * beta * gain * coupling @ (np.eye(p) - 1 / p) / p
        eigenvalues = np.linalg.eigvalsh(jacobian)
        assert (eigenvalues.max() if critical > 0 else eigenvalues.min()) == pytest.approx(critical, abs=1e-12)


def test_quiescence_needs_a_regular_graph():
    with pytest.raises(ValueError, match="links must be symmetric with equal sums of all rows"):
        quiescence_boundaries(normalized(karate_club()), 1.0, beta=1.0, gain=1.0)
    with pytest.raises(ValueError, match="links must be symmetric"):
        quiescence_boundaries(ring(5, directed=True), 1.0, beta=1.0, gain=1.0)


@pytest.mark.parametrize(
    ("a", "h", "expected"),
    [(-0.5, 1.5, [2, 5, 5, 2]), (0.2, 0.8, [1, 1]), (-1.0, 2.0, [1, 2, 2, 1]), (-2.0, 3.0, [7, 19, 28, 28, 19, 7])],
)
def test_clusters_of_the_ring_at_low_temperature(a, h, expected):
    weights = np.zeros(30)
    weights[: len(expected)] = expected
    profile = ring_cluster(30, auto_strength=a, hetero_strength=h)
    np.testing.assert_allclose(profile, weights / weights.sum(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("a", "h", "size"), [(-0.5, 1.5, 4), (0.2, 0.8, 2), (-1.0, 2.0, 5), (-2.0, 3.0, 7)])
def test_clusters_at_finite_temperature_are_stable_fixed_points(a, h, size):
    coupling = a * np.eye(30) + h * RING
    profile = ring_cluster(30, auto_strength=a, hetero_strength=h, scaled_beta=GAIN)
    assert np.count_nonzero(profile > 0.01) == size
    np.testing.assert_allclose(profile, naive_cdam.softmax(GAIN * coupling @ profile), rtol=0, atol=1e-10)
    jacobian = GAIN * coupling @ (np.diag(profile) - np.outer(profile, profile))
    assert np.linalg.eigvals(jacobian).real.max() < 1.0


def test_at_finite_temperature_another_cluster_is_stable_than_in_the_limit():
    strengths = {"auto_strength": -1.0, "hetero_strength": 2.0}
    cluster_profile(RING, np.arange(4), **strengths)
    with pytest.raises(ValueError, match=r"support must carry a stable fixed point, got \[0, 1, 2, 3\]"):
        cluster_profile(RING, np.arange(4), **strengths, scaled_beta=GAIN)
    profile = cluster_profile(RING, np.arange(5), **strengths, scaled_beta=GAIN)
    np.testing.assert_allclose(profile[:5], profile[4::-1], rtol=0, atol=1e-10)  # of the root finder


def test_cliques_are_clusters_without_auto_association():
    # Motzkin & Straus: cliques that cannot grow are the strict maxima of s^T A s on the simplex
    links = barbell(5, 3)
    profile = cluster_profile(links, np.arange(5), auto_strength=0.0, hetero_strength=1.0)
    np.testing.assert_allclose(profile, np.repeat([0.2, 0.0], [5, 8]), rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match="support must carry a stable fixed point"):
        cluster_profile(links, np.arange(4), auto_strength=0.0, hetero_strength=1.0)


def test_single_patterns_are_clusters_of_auto_association_alone():
    profile = ring_cluster(30, auto_strength=1.0, hetero_strength=0.0)
    np.testing.assert_array_equal(profile, np.eye(30)[0])


def test_strongly_negative_strengths_leave_no_cluster():
    assert ring_cluster(30, auto_strength=-5.0, hetero_strength=1.0) is None


def test_largest_stable_eta_is_where_the_jacobian_of_the_map_reaches_the_unit_circle():
    strengths = {"auto_strength": -0.5, "hetero_strength": 1.5}
    profile = ring_cluster(30, **strengths, scaled_beta=GAIN)
    eta = largest_stable_eta(RING, profile, **strengths, scaled_beta=GAIN)
    coupling = -0.5 * np.eye(30) + 1.5 * RING
    jacobian = GAIN * coupling @ (np.diag(profile) - np.outer(profile, profile))
    radius = np.abs(np.linalg.eigvals((1 - eta) * np.eye(30) + eta * jacobian)).max()
    assert radius == pytest.approx(1.0, abs=1e-10)
    assert 0.04 < eta < 0.05


def test_unstable_fixed_points_have_no_stable_eta():
    uniform = np.full(30, 1 / 30)
    assert largest_stable_eta(RING, uniform, auto_strength=1.0, hetero_strength=1.0, scaled_beta=GAIN) == 0.0


@pytest.mark.parametrize(
    ("a", "h", "eta", "expected"),
    [
        (0.0, 1.0, 0.1, [7, 4, 3, 3, 3]),  # 7 = ceil(ln 2 / -ln 0.9)
        (0.0, 1.0, 0.2, [4, 3, 2, 2]),
        (-2.0, 3.0, 0.2, [1, 1, 1, 1]),
        (0.3, 0.7, 0.1, [12, 8, 7, 7]),
        (0.3, 0.7, 0.2, [6, 4, 4, 4]),
        (0.0, 1.0, 1.0, [1, 1, 1]),
    ],
)
def test_sequences_on_a_directed_ring_dwell(a, h, eta, expected):
    track = winner_track(ring(50, directed=True), 40, auto_strength=a, hetero_strength=h, eta=eta)
    np.testing.assert_array_equal(dwell_counts(track)[: len(expected)], expected)
    assert np.all(np.diff(track) % 50 <= 1)


def test_a_sequence_may_step_back_once_before_it_runs():
    track = winner_track(ring(50, directed=True), 9, auto_strength=-2.0, hetero_strength=3.0, eta=0.1)
    np.testing.assert_array_equal(track, [0, 0, 1, 0, 1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(dwell_counts(track)[:4], [2, 1, 1, 1])


def test_winners_are_those_of_the_map_at_very_low_temperature():
    adjacency = karate_club()
    links = normalized(adjacency)
    states = naive_cdam.run(np.eye(34)[5], np.eye(34), links, 20, eta=0.1, auto=-0.5, hetero=1.5, beta=1e7)
    track = winner_track(links, 20, auto_strength=-0.5, hetero_strength=1.5, eta=0.1, start=5)
    np.testing.assert_array_equal(track, states.argmax(axis=1))


def test_pure_retrieval_bound_by_hand():
    bound = pure_retrieval_bound([[0.0, 0.0], [3.0, 4.0]], 0, auto_strength=-2.0, beta=2.0, gap=1.5)
    assert bound == pytest.approx(2.0 * 1 * np.exp(-3.0) * 5.0, rel=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: limiting_correlations(np.ones((2, 3)), auto_strength=1, hetero_strength=0), "links must be a square"),
        (lambda: ring_cluster(2, auto_strength=1.0, hetero_strength=0.0), "n must be an integer >= 3, got 2"),
        (lambda: winner_track(RING, 0, auto_strength=0, hetero_strength=1, eta=0.1), "steps must be an integer >= 1"),
        (lambda: winner_track(RING, 5, auto_strength=0, hetero_strength=1, eta=2.0), r"eta must be in \(0, 1\], got 2"),
        (
            lambda: winner_track(RING, 5, auto_strength=0, hetero_strength=1, eta=1, start=30),
            "start must be a pattern, 0..29, got 30",
        ),
        (lambda: quiescence_boundaries(RING, 1.0, beta=0.0, gain=1.0), "beta must be > 0, got 0.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
