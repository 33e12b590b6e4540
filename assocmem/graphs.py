"""Graphs whose vertices stand for patterns, as adjacency matrices: families, famous examples, normalisations.

``adjacency[i, j]`` is the weight of the edge from i to j: pattern i evokes pattern j. Undirected graphs have symmetric
matrices. Nothing here needs a graph library, but `adjacency_matrix` accepts the objects of one.
"""

import numpy as np

from assocmem.validation import check_boolean, check_integer, real_array

__all__ = [
    "adjacency_matrix",
    "barbell",
    "karate_club",
    "karate_factions",
    "normalized",
    "random_regular",
    "ring",
    "tutte",
    "tutte_fragments",
]

NORMALIZATIONS = ("sym", "out", "none")
MOST_ATTEMPTS = 1000  # at drawing a regular graph; each succeeds with a probability of order one

# vertex 0 joins the three fragments of 15 vertices, which are joined by three more edges
_TUTTE_NEIGHBOURS = (
    "0:1,2,3 1:4,26 2:10,11 3:18,19 4:5,33 5:6,29 6:7,27 7:8,14 8:9,38 9:10,37 10:39 11:12,39 12:13,35 13:14,15 14:34 "
    "15:16,22 16:17,44 17:18,43 18:45 19:20,45 20:21,41 21:22,23 22:40 23:24,27 24:25,32 25:26,31 26:33 27:28 28:29,32 "
    "29:30 30:31,33 31:32 34:35,38 35:36 36:37,39 37:38 40:41,44 41:42 42:43,45 43:44"
)
_TUTTE_BRIDGES = ((6, 7), (13, 15), (21, 23))
# neighbour x weight: contexts outside the club in which two members met
_KARATE_NEIGHBOURS = (
    "0:1x4,2x5,3x3,4x3,5x3,6x3,7x2,8x2,10x2,11x3,12x1,13x3,17x2,19x2,21x2,31x2 1:2x6,3x3,7x4,13x5,17x1,19x2,21x2,30x2 "
    "2:3x3,7x4,8x5,9x1,13x3,27x2,28x2,32x2 3:7x3,12x3,13x3 4:6x2,10x3 5:6x5,10x3,16x3 6:16x3 8:30x3,32x3,33x4 9:33x2 "
    "13:33x3 14:32x3,33x2 15:32x3,33x4 18:32x1,33x2 19:33x1 20:32x3,33x1 22:32x2,33x3 23:25x5,27x4,29x3,32x5,33x4 "
    "24:25x2,27x3,31x2 25:31x7 26:29x4,33x2 27:33x4 28:31x2,33x2 29:32x4,33x2 30:32x3,33x3 31:32x4,33x4 32:33x5"
)
_KARATE_INSTRUCTOR_SIDE = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)


def ring(n: int, *, directed: bool = False) -> np.ndarray:
    """Adjacency (n, n) of a cycle 0 - 1 - ... - (n-1) - 0.

    Parameters
    ----------
    n : int
        Vertices, >= 3.
    directed : bool
        Only the edges from i to i + 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    """
    check_integer("n", n, 3)
    check_boolean("directed", directed)
    forward = np.roll(np.eye(n), 1, axis=1)
    return forward if directed else forward + forward.T


def tutte() -> np.ndarray:
    """Adjacency (46, 46) of Tutte's graph: 3-regular, planar, without a Hamiltonian cycle; see `tutte_fragments`.

    Vertices are numbered by the labels 0..45 of the usual edge list. (networkx lists them in another order; there a
    row of the adjacency belongs to a position in ``list(graph.nodes)``, not to a label.)

    References
    ----------
    Tutte (1946), On Hamiltonian circuits.
    """
    return _undirected(46, _TUTTE_NEIGHBOURS)


def tutte_fragments() -> np.ndarray:
    """Fragment 0, 1 or 2 of every vertex (46,) of `tutte`; -1 for vertex 0, which joins them."""
    parts = tutte()
    parts[0] = parts[:, 0] = 0.0
    for i, j in _TUTTE_BRIDGES:
        parts[i, j] = parts[j, i] = 0.0
    return _components(parts) - 1  # vertex 0 is a component of its own and comes first


def karate_club(*, weighted: bool = False) -> np.ndarray:
    """Adjacency (34, 34) of Zachary's karate club, 78 edges between members who met outside the club.

    Parameters
    ----------
    weighted : bool
        Edges weigh the number of contexts (1 to 7) in which the two met, instead of 1.

    References
    ----------
    Zachary (1977), An information flow model for conflict and fission in small groups, figs. 2 and 3.
    """
    check_boolean("weighted", weighted)
    adjacency = _undirected(34, _KARATE_NEIGHBOURS)
    return adjacency if weighted else (adjacency > 0).astype(float)


def karate_factions() -> np.ndarray:
    """Side of every member (34,) of `karate_club` after the split: 0 with the instructor, 1 with the officer."""
    return np.where(np.isin(np.arange(34), _KARATE_INSTRUCTOR_SIDE), 0, 1)


def barbell(n_clique: int, n_path: int) -> np.ndarray:
    """Adjacency of two cliques joined by a path; vertices in the order clique, path, clique.

    Parameters
    ----------
    n_clique : int
        Vertices of each clique, >= 2.
    n_path : int
        Vertices of the path between them, >= 0.

    Returns
    -------
    ndarray (vertex, vertex) with ``2 n_clique + n_path`` vertices.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small.
    """
    check_integer("n_clique", n_clique, 2)
    check_integer("n_path", n_path, 0)
    n = 2 * n_clique + n_path
    adjacency = np.zeros((n, n))
    for clique in (slice(0, n_clique), slice(n - n_clique, n)):
        adjacency[clique, clique] = 1.0
    along = np.arange(n_clique - 1, n - n_clique)
    adjacency[along, along + 1] = adjacency[along + 1, along] = 1.0
    np.fill_diagonal(adjacency, 0.0)
    return adjacency


def random_regular(degree: int, n: int, *, seed: int) -> np.ndarray:
    """Adjacency (n, n) of a random simple graph in which every vertex has the same degree.

    Half-edges are paired at random; pairs that would make a loop or a double edge are put back and paired again, and
    the draw starts anew if that is no longer possible. The law is uniform in the limit of many vertices.

    Parameters
    ----------
    degree : int
        >= 0 and below `n`.
    n : int
        >= 1; `n` times `degree` must be even.
    seed : int
        >= 0.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or out of range, or there is no such graph.

    References
    ----------
    Steger & Wormald (1999), Generating random regular graphs quickly.
    """
    check_integer("n", n, 1)
    check_integer("degree", degree, 0)
    check_integer("seed", seed, 0)
    if degree >= n:
        raise ValueError(f"degree must be below n = {n}, got {degree}")
    if degree * n % 2:
        raise ValueError(f"degree times n must be even, got {degree} x {n}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(40,)))
    for _ in range(MOST_ATTEMPTS):
        adjacency = _paired(np.repeat(np.arange(n), degree), n, rng)
        if adjacency is not None:
            return adjacency
    raise ValueError(f"degree must allow a random pairing, found none for degree {degree} and n = {n}")


def _paired(stubs, n, rng) -> np.ndarray | None:
    """Adjacency from one random pairing of half-edges; None where the rest cannot be paired."""
    adjacency = np.zeros((n, n))
    while stubs.size:
        rng.shuffle(stubs)
        left = []
        for i, j in stubs.reshape(-1, 2):
            if i == j or adjacency[i, j]:
                left += [i, j]
            else:
                adjacency[i, j] = adjacency[j, i] = 1.0
        if len(left) == stubs.size and not _can_be_paired(np.unique(left), adjacency):
            return None
        stubs = np.array(left, dtype=np.int64)
    return adjacency


def _can_be_paired(vertices, adjacency) -> bool:
    return bool(np.any(adjacency[np.ix_(vertices, vertices)] + np.eye(len(vertices)) == 0))


def adjacency_matrix(graph, *, weight: str | None = "weight") -> np.ndarray:
    """Adjacency (vertex, vertex) of a graph in any of its usual forms.

    Parameters
    ----------
    graph : array (vertex, vertex), scipy.sparse matrix, or networkx Graph or DiGraph
        Of a networkx graph, vertex i is the i-th of ``list(graph.nodes)``, whatever it is called. Parallel edges add.
    weight : str or None
        Name of the edge attribute of a networkx graph that holds the weight; edges without it, and all edges for None,
        weigh 1.

    Returns
    -------
    ndarray, float64, a copy; ``[i, j]`` is the weight of the edge from i to j.

    Raises
    ------
    TypeError
        If the graph is none of these.
    ValueError
        If the matrix is not square, or a weight is negative or not finite.
    """
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        matrix = _from_networkx(graph, weight)
    else:
        matrix = graph.toarray() if hasattr(graph, "toarray") else graph
    adjacency = real_array("adjacency", matrix)
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1] or adjacency.shape[0] == 0:
        raise ValueError(f"adjacency must be a square matrix (vertex, vertex), got shape {adjacency.shape}")
    if adjacency.min() < 0.0:
        raise ValueError(f"adjacency must be >= 0 everywhere, got a minimum of {adjacency.min():g}")
    return adjacency


def normalized(adjacency: np.ndarray, how: str = "sym") -> np.ndarray:
    """Adjacency divided by the degrees of its vertices.

    Parameters
    ----------
    adjacency : array (vertex, vertex), or a graph that `adjacency_matrix` accepts
    how : {"sym", "out", "none"}
        "sym" is D^-1/2 A D^-1/2 with the out-degrees D, meant for undirected graphs; "out" is D^-1 A, whose rows sum
        to 1; "none" is A itself.

    Returns
    -------
    ndarray (vertex, vertex); where a degree to divide by is 0, the row or column is 0.

    Raises
    ------
    TypeError, ValueError
        If the adjacency is none or `how` is unknown.

    References
    ----------
    Burns (2024), Semantically-correlated memories in a dense associative model, section 2.
    """
    if how not in NORMALIZATIONS:
        raise ValueError(f"normalization must be one of {', '.join(NORMALIZATIONS)}, got {how!r}")
    adjacency = adjacency_matrix(adjacency)
    degree = adjacency.sum(axis=1)
    if how == "sym":
        root = _inverse(np.sqrt(degree))
        return root[:, None] * adjacency * root
    return _inverse(degree)[:, None] * adjacency if how == "out" else adjacency


def _inverse(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 where they are 0."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _undirected(n: int, neighbours: str) -> np.ndarray:
    """Adjacency from a list ``vertex:neighbour,neighbour ...``, with weights as in ``vertex:neighbourxweight``."""
    adjacency = np.zeros((n, n))
    for entry in neighbours.split():
        vertex, others = entry.split(":")
        for other in others.split(","):
            name, _, weight = other.partition("x")
            adjacency[int(vertex), int(name)] = adjacency[int(name), int(vertex)] = float(weight or 1)
    return adjacency


def _components(adjacency: np.ndarray) -> np.ndarray:
    """Number of the connected component of every vertex, in the order of their first vertices."""
    labels, n_found = np.full(len(adjacency), -1), 0
    for start in range(len(adjacency)):
        if labels[start] >= 0:
            continue
        front = [start]
        while front:
            vertex = front.pop()
            labels[vertex] = n_found
            front += [other for other in np.flatnonzero(adjacency[vertex]) if labels[other] < 0]
        n_found += 1
    return labels


def _from_networkx(graph, weight: str | None) -> np.ndarray:
    place = {vertex: i for i, vertex in enumerate(graph.nodes)}
    matrix = np.zeros((len(place), len(place)))
    for start, end, attributes in graph.edges(data=True):
        i, j = place[start], place[end]
        value = 1.0 if weight is None else attributes.get(weight, 1.0)
        matrix[i, j] += value
        if i != j and not graph.is_directed():
            matrix[j, i] += value
    return matrix
