"""Groups among attractors and sequences of winners, against loops, scikit-learn and cases worked out by hand."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis.clusters import (
    adjusted_rand_index,
    attractor_clusters,
    cluster_accuracy,
    metastability_index,
    participation_ratio,
    sequence_statistics,
    support_count,
)
from tests import naive_cdam

PAIR = ("trajectory", "other_trajectory")


@pytest.fixture
def blocks(rng):
    """Correlations of 12 attractors in three groups that are interleaved."""
    groups = np.arange(12) % 3
    states = rng.normal(size=(3, 300))[groups] + 0.5 * rng.normal(size=(12, 300))
    return np.corrcoef(states), groups


def test_participation_ratio_matches_the_loop(blocks):
    correlation = np.stack([blocks[0], np.eye(12), np.ones((12, 12))])
    expected = [naive_cdam.participation_ratio(matrix) for matrix in correlation]
    np.testing.assert_allclose(participation_ratio(correlation), expected, rtol=1e-14)
    np.testing.assert_allclose(expected[1:], [12.0, 1.0], rtol=1e-14)
    labelled = participation_ratio(xr.DataArray(correlation, dims=("network", *PAIR)))
    assert labelled.dims == ("network",)
    np.testing.assert_allclose(labelled, expected, rtol=1e-14)


def test_clusters_are_found_and_numbered_by_their_first_members(blocks):
    correlation, groups = blocks
    np.testing.assert_array_equal(attractor_clusters(correlation, 3), groups)
    labelled = attractor_clusters(xr.DataArray(correlation, dims=("cue", "other")), 3, dims=("cue", "other"))
    assert labelled.dims == ("cue",)
    np.testing.assert_array_equal(labelled, groups)


def test_clusters_of_many_networks_at_once(blocks, rng):
    correlation, groups = blocks
    order = rng.permutation(12)
    both = np.stack([correlation, correlation[np.ix_(order, order)]])
    labels = attractor_clusters(both, 3)
    assert labels.shape == (2, 12)
    assert adjusted_rand_index(labels[1], groups[order]) == 1.0


def test_equal_attractors_are_one_cluster():
    np.testing.assert_array_equal(attractor_clusters(np.ones((4, 4)), 3), 0)
    np.testing.assert_array_equal(attractor_clusters(np.ones((1, 1)), 1), 0)


def test_round_off_in_correlations_does_not_matter(blocks):
    correlation, groups = blocks
    noisy = correlation + 1e-12 * np.random.default_rng(0).normal(size=(12, 12))
    np.testing.assert_array_equal(attractor_clusters(noisy, 3), groups)


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        ([0, 0, 1, 1], [5, 5, 2, 2], 1.0),
        ([0, 0, 0, 0], [0, 0, 1, 1], 0.5),
        ([0, 1, 2, 3], [0, 0, 1, 1], 0.5),
        ([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 0.6),
    ],
)
def test_accuracy_matches_clusters_with_groups_in_the_best_way(labels, groups, expected):
    assert cluster_accuracy(labels, groups) == expected


def test_rand_index_is_that_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    for _ in range(20):
        labels, groups = rng.integers(0, 4, 30), rng.integers(0, 3, 30)
        expected = metrics.adjusted_rand_score(groups, labels)
        assert adjusted_rand_index(labels, groups) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        ([0, 0, 1, 1], [3, 3, 1, 1], 1.0),
        ([0, 0, 0], [0, 0, 0], 1.0),
        ([0, 1, 2], [2, 1, 0], 1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),  # no pair together in both, 2/3 expected, 2 at most
    ],
)
def test_rand_index_by_hand(labels, groups, expected):
    assert adjusted_rand_index(labels, groups) == pytest.approx(expected, abs=1e-15)


def test_support_count_matches_the_loop(rng):
    weights = rng.dirichlet(np.full(12, 0.3), size=(7, 4))
    for share in (0.5, 0.9, 1.0 - 1e-9):
        expected = [[naive_cdam.support_count(row, share) for row in rows] for rows in weights]
        np.testing.assert_array_equal(support_count(weights, share=share), expected)


def test_support_count_of_equal_and_of_single_weights():
    np.testing.assert_array_equal(support_count([[0.25, 0.25, 0.25, 0.25], [0, 0, 1, 0]]), [4, 1])
    np.testing.assert_array_equal(support_count([[0.3, 0.3, 0.0]], share=1.0), [3])  # never enough


def test_metastability_index_is_a_median_over_trajectories(rng):
    weights = rng.dirichlet(np.full(12, 0.3), size=(7, 4))
    expected = [naive_cdam.metastability_index(weights[:, time]) for time in range(4)]
    np.testing.assert_array_equal(metastability_index(weights), expected)
    labelled = metastability_index(xr.DataArray(weights, dims=("trajectory", "time", "pattern")))
    assert labelled.dims == ("time",)
    np.testing.assert_array_equal(labelled, expected)


def test_sequence_statistics_match_the_loop(rng):
    tracks = np.cumsum(rng.integers(-1, 4, size=(5, 40)), axis=1) % 11
    statistics = sequence_statistics(tracks, 11)
    for k, track in enumerate(tracks):
        expected = naive_cdam.sequence_statistics([int(w) for w in track], 11)
        for name, other in (("dwell", "dwell"), ("advance", "advance"), ("skip", "skip"), ("n_visited", "n_distinct")):
            assert float(statistics[name][k]) == pytest.approx(expected[other], abs=1e-15)


def test_a_perfect_replay_advances_by_one_around_the_ring():
    winner = xr.DataArray((np.arange(60) + 7) % 50, dims="time")
    statistics = sequence_statistics(winner, 50)
    assert (float(statistics.advance), float(statistics.dwell), int(statistics.n_visited)) == (1.0, 0.0, 50)


def test_labels_of_sequences_are_kept():
    winner = xr.DataArray(np.zeros((3, 4), int), dims=("time", "cue"), coords={"cue": list("abcd")})
    statistics = sequence_statistics(winner, 2)
    assert statistics.dwell.dims == ("cue",) and list(statistics.cue.values) == list("abcd")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: participation_ratio(np.ones((2, 3))), "correlation must be a square matrix"),
        (lambda: attractor_clusters(np.full((2, 2), np.nan), 2), "correlation must be finite, got 4 other values"),
        (lambda: attractor_clusters([[1.0, 0.5], [0.0, 1.0]], 2), "correlation must be symmetric"),
        (lambda: attractor_clusters(np.eye(2), 0), "n_clusters must be an integer >= 1, got 0"),
        (lambda: cluster_accuracy([0, 1], [0]), "labels and groups must be two equally long vectors"),
        (lambda: adjusted_rand_index([], []), "labels and groups must be two equally long vectors"),
        (lambda: support_count([1.0], share=0.0), "share must be > 0, got 0.0"),
        (lambda: support_count([1.0], share=1.1), r"share must be in \(0, 1\], got 1.1"),
        (lambda: sequence_statistics([0], 3), "winner must have at least 2 times, got 1"),
        (lambda: sequence_statistics([0, 3], 3), r"winner must be in 0..2, got 0..3"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_winners_are_integers():
    with pytest.raises(TypeError, match="winner must hold integers, got dtype float64"):
        sequence_statistics([0.0, 1.0], 3)
