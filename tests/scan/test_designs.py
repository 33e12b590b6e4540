"""Designs visit the points that they promise."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from assocmem.scan import Grid, RandomDesign, Zipped
from assocmem.scan.designs import as_design, point_key, point_seed


def test_a_grid_is_the_product_of_its_axes():
    grid = Grid(a=[1, 2], b=["x", "y", "z"])
    assert grid.points() == [{"a": a, "b": b} for a in (1, 2) for b in "xyz"]
    assert (grid.dims, grid.shape) == (("a", "b"), (2, 3))


def test_labels_stand_for_objects():
    grid = as_design({"f": {"sine": np.sin, "cosine": np.cos}, "n": range(2)})
    assert grid.points()[2] == {"f": np.cos, "n": 0}
    assert grid.labels()[2] == {"f": "cosine", "n": 0}
    assert grid.coords()["f"][1].tolist() == ["sine", "cosine"]


def test_zipped_values_go_together():
    points = Zipped(a=[1.0, 1.0, 2.0], b=np.array([3, 4, 4]))
    assert points.points() == [{"a": 1.0, "b": 3}, {"a": 1.0, "b": 4}, {"a": 2.0, "b": 4}]
    assert points.coords()["a"] == ("point", pytest.approx([1, 1, 2]))


def test_random_points_have_the_distribution_that_was_asked_for():
    design = RandomDesign(2000, seed=1, a=(2.0, 4.0), b=norm(5, 2))
    a, b = (np.array([point[name] for point in design.points()]) for name in "ab")
    assert 2 <= a.min() < 2.01 < 3.99 < a.max() <= 4
    assert abs(a.mean() - 3) < 5 * (2 / np.sqrt(12)) / np.sqrt(2000)
    assert abs(b.mean() - 5) < 5 * 2 / np.sqrt(2000)
    again = RandomDesign(2000, seed=1, a=(2.0, 4.0), b=norm(5, 2))
    assert again.points() == design.points()
    assert RandomDesign(2000, seed=2, a=(2.0, 4.0), b=norm(5, 2)).points() != design.points()


def test_random_points_do_not_depend_on_the_order_or_the_number_of_parameters():
    design = RandomDesign(5, seed=1, a=(0, 1), b=(0, 1))
    assert RandomDesign(5, seed=1, b=(0, 1), a=(0, 1)).points() == design.points()
    alone = RandomDesign(5, seed=1, b=(0, 1)).points()
    assert [point["b"] for point in alone] == [point["b"] for point in design.points()]
    assert not {point["a"] for point in design.points()} & {point["b"] for point in design.points()}


@pytest.mark.parametrize("kind", [Grid, Zipped])
def test_labels_and_values_of_numpy_are_plain(kind):
    design = kind(a={np.int64(1): np.sin, np.int64(2): np.cos}, b=np.array([0.5, 1.5]))
    assert json.loads(json.dumps(design.described()))["axes"] == {"a": [1, 2], "b": [0.5, 1.5]}
    assert point_key(design.labels()[0], 0, 0) == point_key({"a": 1, "b": 0.5}, 0, 0)
    assert design.points()[0]["a"] is np.sin


@pytest.mark.parametrize("values", [[1, 1.5], [False, True], [2**64 - 1], ["a", "b"]], ids=str)
def test_coordinates_are_the_values(values):
    assert Grid(a=values).coords()["a"][1].tolist() == values


def test_seeds_depend_on_the_point_and_not_on_the_design():
    seeds = {point_seed({"a": a, "b": 2}, repeat, 7) for a in range(100) for repeat in range(10)}
    assert len(seeds) == 1000
    assert point_seed({"a": 1, "b": 2}, 0, 7) == point_seed({"b": 2, "a": 1}, 0, 7)
    assert point_key({"a": 1}, 0, 7) != point_key({"a": 1.0}, 0, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(), "a design must have at least one parameter"),
        (lambda: Grid(a=[]), "a must have at least one value"),
        (lambda: Grid(a=[1, 1]), "a must not have a value twice"),
        (lambda: Grid(a="abc"), "a must be a sequence of values or a dict"),
        (lambda: Grid(a=3), "a must be a sequence of values or a dict"),
        (lambda: Grid(a=[object()]), "a must have numbers or words as values"),
        (lambda: Grid(a=[np.nan]), "a must have finite values, got nan"),
        (lambda: Grid(a=[1, 1.0]), "a must not have a value twice"),
        (lambda: Grid(a=[0.0, -0.0]), "a must not have a value twice"),
        (lambda: Grid(a=[1, 2.0, True]), "a must have values of one kind, .*got numbers and truth values"),
        (lambda: Grid(a=[1, "1"]), "a must have values of one kind, .*got numbers and words"),
        (lambda: Grid(a={1: np.sin, "1": np.cos}), "a must have values of one kind"),
        (lambda: Grid(a=[2**70]), "a must have values that an array holds exactly"),
        (lambda: Grid(a=[2**53 + 1, 0.5]), "a must have values that an array holds exactly"),
        (lambda: Grid(a=np.array(3.0)), "a must be a sequence of values or a dict"),
        (lambda: Grid(a=b"abc"), "a must be a sequence of values or a dict"),
        (lambda: Grid(a={np.nan: 1}), "a must have finite values, got nan"),
        (lambda: Grid(a={(1, 2): 1}), "a must have numbers or words as values"),
        (lambda: Zipped(a="abc"), "a must be a sequence of values or a dict"),
        (lambda: Zipped(a=5), "a must be a sequence of values or a dict"),
        (lambda: Zipped(a={np.nan: 1}), "a must have finite values, got nan"),
        (lambda: Zipped(seed={1: 2}), "a parameter must be named by an identifier other than"),
        (lambda: Zipped(a=[1, "1"]), "a must have values of one kind"),
        (lambda: Zipped(a=[1, 1.0]), "points must differ"),
        (lambda: Zipped(a=[0.0, -0.0], b=[1, 1]), "points must differ"),
        (lambda: RandomDesign(3, seed=0), "parameters must have the same number of values, at least one"),
        (lambda: Grid(status=[1]), "a parameter must be named by an identifier other than"),
        (lambda: Zipped(a=[1, 2], b=[1]), "parameters must have the same number of values"),
        (lambda: Zipped(a=[1, 1]), "points must differ"),
        (lambda: RandomDesign(0, seed=0, a=(0, 1)), "n_points must be an integer >= 1"),
        (lambda: RandomDesign(3, seed=0, a=(1, 0)), "a must have low < high"),
        (lambda: RandomDesign(3, seed=0, a=[1, 2, 3]), r"a must be \(low, high\) or a distribution"),
        (lambda: as_design([1, 2]), "design must be a Design or a dict"),
    ],
)
def test_bad_designs_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
