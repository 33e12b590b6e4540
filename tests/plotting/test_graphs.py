"""Matrices and graphs are drawn as they are, in the order asked for, at places that respect the graph."""

import numpy as np
import pytest
import xarray as xr
from scipy.sparse.csgraph import shortest_path

from assocmem import graphs, plotting
from assocmem.plotting.graphs import circular_layout, plot_graph, plot_matrix, spectral_order, stress_layout


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


@pytest.fixture
def matrix():
    return xr.DataArray(np.arange(9.0).reshape(3, 3) - 4, dims=("cue", "other_cue"), attrs={"units": "1"})


def test_a_matrix_is_drawn_in_the_order_asked_for(ax, matrix):
    assert plot_matrix(matrix, ax, name="correlation", symbol="$K$", order=[2, 0, 1]) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), [[4, 2, 3], [-2, -4, -3], [1, -1, 0]])
    assert ax.get_xlabel() == "other cue, sorted"
    assert ax.get_ylabel() == "cue, sorted"
    assert ax.images[0].colorbar.ax.get_ylabel() == "correlation $K$"


def test_the_colours_of_a_matrix_are_symmetric_about_zero(ax, matrix):
    plot_matrix(matrix + 1, ax, colour_bar=False)
    assert ax.get_xlabel() == "other cue"
    assert ax.images[0].get_clim() == (-5.0, 5.0)
    assert ax.images[0].colorbar is None


def test_lines_part_groups_of_vertices(ax, matrix):
    plot_matrix(matrix, ax, order=[2, 0, 1], groups=np.array([0, 0, 1]))
    assert [line.get_ydata()[0] for line in ax.lines[::2]] == [0.5]  # after vertex 2, the only one of group 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": [0, 0, 1]}, "order must be a permutation of the 3 vertices"),
        ({"limit": 0.0}, "limit must be > 0, got 0"),
    ],
)
def test_wrong_settings_of_a_matrix_are_refused(ax, matrix, change, message):
    with pytest.raises(ValueError, match=message):
        plot_matrix(matrix, ax, **change)


def test_a_matrix_must_be_square(ax, matrix):
    with pytest.raises(ValueError, match=r"matrix must be square, got shape \(2, 3\)"):
        plot_matrix(matrix[:2], ax)


def test_a_graph_has_its_dots_colours_and_edges(ax):
    positions = circular_layout(4)
    values = xr.DataArray([0.5, -1.0, 0.0, np.nan], dims="pattern", attrs={"units": "1"})
    assert plot_graph(graphs.ring(4), ax, positions=positions, values=values, symbol="$r$", marked=1) is ax
    edges, dots = ax.collections
    np.testing.assert_array_equal(dots.get_offsets(), positions)
    np.testing.assert_array_equal(dots.get_array(), [0.5, -1.0, 0.0, 0.0])
    assert dots.get_clim() == (-1.0, 1.0)
    assert dots.get_linewidths()[1] > dots.get_linewidths()[0]
    assert {tuple(map(tuple, segment)) for segment in edges.get_segments()} == {
        (tuple(positions[i]), tuple(positions[j])) for i, j in ((0, 1), (1, 2), (2, 3), (0, 3))
    }
    assert dots.colorbar.ax.get_ylabel() == "$r$"


def test_heavier_edges_are_wider(ax):
    adjacency = np.array([[0, 1, 3], [1, 0, 0], [3, 0, 0]])
    plot_graph(adjacency, ax, positions=circular_layout(3))
    narrow, wide = ax.collections[0].get_linewidths()
    assert wide == pytest.approx(3 * narrow)


def test_a_graph_without_edges_or_values_is_drawn(ax):
    plot_graph(np.zeros((2, 2)), ax, positions=circular_layout(2))
    assert len(ax.collections[0].get_segments()) == 0
    assert ax.collections[1].colorbar is None


def test_positions_and_values_must_belong_to_the_vertices(ax):
    with pytest.raises(ValueError, match=r"positions must have shape \(4, 2\), got \(3, 2\)"):
        plot_graph(graphs.ring(4), ax, positions=circular_layout(3))
    with pytest.raises(ValueError, match=r"values must have shape \(4,\), got \(3,\)"):
        plot_graph(graphs.ring(4), ax, positions=circular_layout(4), values=xr.DataArray(np.zeros(3)))


def test_the_circle_is_regular_and_starts_at_the_top():
    positions = circular_layout(6)
    np.testing.assert_allclose(positions[0], [0, 1])
    sides = np.linalg.norm(positions - np.roll(positions, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 1.0)  # a hexagon has the side of its radius


def test_a_path_is_laid_out_as_a_straight_line():
    path = np.diag(np.ones(5), 1)  # directed: directions do not matter
    positions = stress_layout(path)
    steps = np.diff(positions, axis=0)
    # all path lengths can be met exactly; the iteration stops 1e-4 from there
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 1.0, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(positions[-1] - positions[0]), 5.0, atol=0.01)


@pytest.mark.parametrize(
    "adjacency",
    [graphs.ring(30), graphs.tutte(), graphs.karate_club(), graphs.barbell(10, 10), np.zeros((4, 4))],
    ids=["ring", "tutte", "karate", "barbell", "no edges"],
)
def test_layouts_keep_vertices_apart_and_neighbours_near(adjacency):
    positions = stress_layout(adjacency)
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    others = distance[~np.eye(len(distance), dtype=bool)]
    assert np.isfinite(positions).all()
    assert others.min() > 0.02  # steps of the graph are 1
    hops = shortest_path(adjacency, unweighted=True)
    far = hops[np.isfinite(hops)].max()
    assert far == 0 or distance[hops == 1].mean() < 0.5 * distance[hops == far].mean()


def test_the_same_graph_is_always_drawn_alike():
    np.testing.assert_array_equal(stress_layout(graphs.tutte()), stress_layout(graphs.tutte()))


@pytest.mark.parametrize("n", [1, 2])
def test_the_smallest_graphs_have_layouts(n):
    assert stress_layout(np.zeros((n, n))).shape == (n, 2)
    assert len(spectral_order(np.zeros((n, n)))) == n


def test_the_spectral_order_undoes_a_shuffle_of_a_path():
    shuffle = np.random.default_rng(0).permutation(12)
    path = np.diag(np.ones(11), 1)[np.ix_(shuffle, shuffle)]
    found = shuffle[spectral_order(path)]
    assert np.array_equal(found, np.arange(12)) or np.array_equal(found, np.arange(12)[::-1])
