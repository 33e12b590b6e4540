"""Graphs: famous ones edge by edge, families by their definition, normalisations against loops."""

import numpy as np
import pytest
import scipy.sparse

from assocmem.graphs import (
    adjacency_matrix,
    barbell,
    karate_club,
    karate_factions,
    normalized,
    random_regular,
    ring,
    tutte,
    tutte_fragments,
)
from tests import naive_cdam


@pytest.mark.parametrize("directed", [False, True])
def test_ring_links_neighbours(directed):
    np.testing.assert_array_equal(ring(7, directed=directed), naive_cdam.cycle(7, is_directed=directed))


def test_directed_ring_leads_from_each_vertex_to_the_next():
    assert ring(5, directed=True)[1, 2] == 1.0 and ring(5, directed=True)[2, 1] == 0.0


def test_famous_graphs_are_those_of_networkx():
    nx = pytest.importorskip("networkx")
    np.testing.assert_array_equal(tutte(), nx.to_numpy_array(nx.tutte_graph(), nodelist=range(46)))
    club = nx.karate_club_graph()
    np.testing.assert_array_equal(karate_club(), nx.to_numpy_array(club, weight=None))
    np.testing.assert_array_equal(karate_club(weighted=True), nx.to_numpy_array(club, weight="weight"))
    is_officer = [club.nodes[i]["club"] == "Officer" for i in club.nodes]
    np.testing.assert_array_equal(karate_factions(), is_officer)


def test_karate_club_has_34_members_and_78_edges():
    assert karate_club().shape == (34, 34) and karate_club().sum() == 2 * 78
    assert karate_club(weighted=True).max() == 7 and karate_factions().sum() == 17


def test_tutte_graph_is_cubic_with_three_fragments_of_15():
    np.testing.assert_array_equal(tutte().sum(axis=0), 3)
    np.testing.assert_array_equal(np.bincount(tutte_fragments() + 1), [1, 15, 15, 15])


def test_fragments_of_tutte_graph_are_joined_by_three_edges():
    fragments = tutte_fragments()
    inner = tutte()[1:, 1:]
    is_bridge = inner * (fragments[1:, None] != fragments[None, 1:])
    assert is_bridge.sum() == 2 * 3


@pytest.mark.parametrize(("n_clique", "n_path"), [(10, 10), (2, 1), (3, 0), (5, 4)])
def test_barbell_is_two_cliques_and_a_path(n_clique, n_path):
    nx = pytest.importorskip("networkx")
    expected = nx.to_numpy_array(nx.barbell_graph(n_clique, n_path), nodelist=range(2 * n_clique + n_path))
    np.testing.assert_array_equal(barbell(n_clique, n_path), expected)


@pytest.mark.parametrize(("degree", "n"), [(0, 1), (1, 2), (2, 3), (3, 46), (7, 8), (4, 20)])
def test_random_regular_graphs_are_simple_and_regular(degree, n):
    adjacency = random_regular(degree, n, seed=3)
    np.testing.assert_array_equal(adjacency.sum(axis=0), degree)
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert not np.any(np.diagonal(adjacency)) and set(np.unique(adjacency)) <= {0.0, 1.0}


def test_random_regular_graphs_depend_on_the_seed_alone():
    np.testing.assert_array_equal(random_regular(3, 46, seed=5), random_regular(3, 46, seed=5))
    assert np.any(random_regular(3, 46, seed=5) != random_regular(3, 46, seed=6))


def test_every_edge_is_as_frequent_in_random_regular_graphs():
    mean = np.mean([random_regular(3, 10, seed=seed) for seed in range(600)], axis=0)
    # a fraction 3/9 with a standard error of 0.02; the largest of 45 within 4 of them
    np.testing.assert_allclose(mean[np.triu_indices(10, 1)], 3 / 9, atol=4 * 0.02)


def test_rows_follow_the_order_of_nodes_not_their_labels():
    nx = pytest.importorskip("networkx")
    graph = nx.tutte_graph()
    nodes = list(graph.nodes)
    assert nodes != sorted(nodes)  # the pitfall
    np.testing.assert_array_equal(adjacency_matrix(graph), tutte()[np.ix_(nodes, nodes)])


def test_directed_and_weighted_networkx_graphs_keep_direction_and_weight():
    nx = pytest.importorskip("networkx")
    graph = nx.DiGraph()
    graph.add_weighted_edges_from([("a", "b", 2.5), ("b", "a", 0.5), ("c", "c", 3.0)])
    graph.add_edge("b", "c")
    np.testing.assert_array_equal(adjacency_matrix(graph), [[0, 2.5, 0], [0.5, 0, 1], [0, 0, 3]])
    np.testing.assert_array_equal(adjacency_matrix(graph, weight=None), [[0, 1, 0], [1, 0, 1], [0, 0, 1]])


def test_parallel_edges_and_loops_are_those_of_networkx():
    nx = pytest.importorskip("networkx")
    graph = nx.MultiGraph([(0, 1), (0, 1), (1, 1)])
    np.testing.assert_array_equal(adjacency_matrix(graph), nx.to_numpy_array(graph))


def test_sparse_matrices_and_lists_are_read():
    np.testing.assert_array_equal(adjacency_matrix(scipy.sparse.csr_matrix(ring(5))), ring(5))
    np.testing.assert_array_equal(adjacency_matrix([[0, 1], [2, 0]]), [[0, 1], [2, 0]])


def test_adjacency_is_a_copy():
    given = ring(5)
    adjacency_matrix(given)[0, 0] = 7.0
    normalized(given, "none")[0, 0] = 7.0
    np.testing.assert_array_equal(given, ring(5))


@pytest.mark.parametrize("how", ["sym", "out", "none"])
def test_normalisations_match_loops_with_isolated_and_final_vertices(how, rng):
    adjacency = rng.integers(0, 3, (9, 9)) * (rng.random((9, 9)) < 0.4)
    adjacency[2], adjacency[:, 3], adjacency[3] = 0, 0, 0
    expected = naive_cdam.normalised(adjacency, how)
    np.testing.assert_allclose(normalized(adjacency, how), expected, rtol=1e-15)  # a division and a root


def test_normalised_regular_graphs_have_rows_of_sum_one():
    np.testing.assert_allclose(normalized(tutte()).sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(normalized(karate_club(), "out").sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adjacency_matrix(np.zeros((2, 3))), r"adjacency must be a square matrix .*got shape \(2, 3\)"),
        (lambda: adjacency_matrix(np.zeros((0, 0))), r"adjacency must be a square matrix"),
        (lambda: adjacency_matrix([[0.0, -1.0], [0.0, 0.0]]), "adjacency must be >= 0 everywhere, got a minimum of -1"),
        (lambda: adjacency_matrix([[0.0, np.nan], [0.0, 0.0]]), "adjacency must be finite, got 1 other values"),
        (lambda: normalized(ring(4), "row"), "normalization must be one of sym, out, none, got 'row'"),
        (lambda: ring(2), "n must be an integer >= 3, got 2"),
        (lambda: barbell(1, 3), "n_clique must be an integer >= 2, got 1"),
        (lambda: barbell(3, -1), "n_path must be an integer >= 0, got -1"),
        (lambda: random_regular(4, 4, seed=0), "degree must be below n = 4, got 4"),
        (lambda: random_regular(3, 5, seed=0), "degree times n must be even, got 3 x 5"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="adjacency must be real numbers"):
        adjacency_matrix([["a", "b"], ["c", "d"]])
    with pytest.raises(TypeError, match="directed must be True or False, got 1"):
        ring(4, directed=1)
    with pytest.raises(TypeError, match="n must be an integer >= 3, got 4.0"):
        ring(4.0)
