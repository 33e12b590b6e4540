"""Phase diagrams over two parameters, refined where the label of the phase changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.scan.designs import Zipped
from assocmem.scan.running import scan
from assocmem.validation import check_finite, check_integer

__all__ = ["phase_diagram"]

Node = tuple[int, int]

_OF_DIAGRAM = ("phase", "is_computed", "uncertainty", "label")


def phase_diagram(
    run: Callable,
    ranges: Mapping[str, tuple[float, float]],
    label: Callable[[xr.Dataset], str],
    *,
    coarse: tuple[int, int] = (9, 9),
    refinements: int = 3,
    repeats: int | None = None,
    seed: int = 0,
    fixed: Mapping | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
    retry_failed: bool = False,
    accept_changes: bool = False,
    progress: bool = True,
) -> xr.Dataset:
    """Phases over a rectangle of two parameters.

    A coarse grid is computed first. Cells with different labels at their corners, or found on their sides, are cut into
    four, again and again, so that only the borders between phases are computed finely. Phases that fit into a cell of
    the coarse grid can be missed.

    Parameters
    ----------
    run : function
        As for `scan`: called with the two parameters by name, returns order parameters. Those that are real numbers
        become part of the diagram; arrays, words and complex numbers are for `label` only.
    ranges : dict of str to (float, float)
        The two parameters with their ranges; the first is the vertical axis.
    label : function (order parameters) -> str
        Called with a Dataset of the order parameters at one point (and one repeat).
    coarse : (int, int), >= 2
        Points of the coarse grid along both parameters.
    refinements : int, >= 0
        How often cells at borders are halved.
    repeats : int, >= 1, optional
        Runs at each point, with different seeds.
    seed, fixed, executor, workers, store, retry_failed, accept_changes, progress
        As for `scan`. A store holds the points of all levels.

    Returns
    -------
    Dataset
        Over the two parameters, at the finest resolution: `phase` (number in the coordinate `label`), computed, or
        filled in where it is the same all around a cell; `is_computed`; `uncertainty`, the share of repeats that
        disagree with the phase, and the mean over repeats of every order parameter that is a number, NaN where not
        computed. `n_runs` and `n_runs_of_full_grid` in attrs.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or an order parameter has a name of the diagram.
    RuntimeError
        If runs fail; the first error is quoted. A store keeps what was finished.
    StoreError
        As `scan`.
    """
    names = _check_ranges(ranges)
    _check_mesh(coarse, refinements)
    if not callable(label):
        raise TypeError(f"label must be a function, got {label!r}")
    settings = {"repeats": repeats, "seed": seed, "fixed": fixed, "executor": executor, "workers": workers}
    settings |= {"store": store, "retry_failed": retry_failed, "progress": progress}

    def evaluate(nodes: list[Node]) -> list[_Point]:
        # a store shows the points of its last scan, so that one takes earlier levels along, which it finds there
        earlier = [] if store is None else list(mesh.points)
        places = [mesh.place(node) for node in earlier + nodes]
        columns = {name: [place[i] for place in places] for i, name in enumerate(names)}
        # what a function remembers of earlier levels makes it no other one
        found = scan(run, Zipped(**columns), accept_changes=accept_changes or bool(earlier), **settings)
        return _points(found.isel(point=slice(len(earlier), None)), label)

    mesh = _Mesh([ranges[name] for name in names], coarse, refinements, evaluate)
    mesh.refine()
    n_full = int(np.prod(mesh.shape)) * (repeats or 1)
    attributes = {"n_runs": len(mesh.points) * (repeats or 1), "n_runs_of_full_grid": n_full, "seed": seed}
    return _labelled(mesh, names, attributes)


def _check_ranges(ranges) -> list[str]:
    if not isinstance(ranges, Mapping) or len(ranges) != 2:
        raise TypeError(f"ranges must be a dict of two parameters to (low, high), got {ranges!r}")
    _check_free("parameters in ranges", ranges)
    for name, bounds in ranges.items():
        if not isinstance(bounds, tuple | list) or len(bounds) != 2:
            raise TypeError(f"{name} must have a range (low, high), got {bounds!r}")
        for bound in bounds:
            check_finite(name, bound)
        if not bounds[0] < bounds[1]:
            raise ValueError(f"{name} must have a range with low < high, got {bounds}")
    return list(ranges)


def _check_mesh(coarse, refinements) -> None:
    if not isinstance(coarse, tuple | list) or len(coarse) != 2:
        raise TypeError(f"coarse must be two numbers, got {coarse!r}")
    for number in coarse:
        check_integer("coarse", number, 2)
    check_integer("refinements", refinements, 0)


@dataclass(frozen=True)
class _Point:
    """What was found at a node."""

    label: str
    uncertainty: float
    values: dict[str, float]


def _points(found: xr.Dataset, label) -> list[_Point]:
    failed = np.flatnonzero(found.status.values.reshape(found.sizes["point"], -1).any(axis=1))
    if failed.size:
        errors = found.error.values.reshape(found.sizes["point"], -1)[failed[0]]
        text = next(str(error) for error in errors if error)
        raise RuntimeError(f"{failed.size} of {found.sizes['point']} points failed, the first with:\n{text}")
    order_parameters = found.drop_vars(["status", "error", "seconds"])
    names, points = _numbers_of(order_parameters, found.status.dims), []
    for number in range(found.sizes["point"]):
        part = order_parameters.isel(point=number)
        runs = [part.isel(repeat=i) for i in range(part.sizes["repeat"])] if "repeat" in part.dims else [part]
        labels, counts = np.unique([str(label(one)) for one in runs], return_counts=True)
        values = {name: float(part[name].mean()) for name in names}
        points.append(_Point(str(labels[counts.argmax()]), float(1 - counts.max() / counts.sum()), values))
    return points


def _numbers_of(order_parameters: xr.Dataset, dims: tuple) -> list[str]:
    """Names of those that are real numbers at each point."""
    parts = order_parameters.data_vars.items()
    names = [str(name) for name, part in parts if part.dtype.kind in "biuf" and set(part.dims) <= set(dims)]
    _check_free("order parameters", names)
    return names


def _check_free(what: str, names: Iterable[str]) -> None:
    """Raise ValueError if names are taken by what a diagram has anyway."""
    if taken := [name for name in names if name in _OF_DIAGRAM]:
        raise ValueError(f"{what} must not be named {', '.join(_OF_DIAGRAM)}, got {', '.join(taken)}")


@dataclass(eq=False)
class _Mesh:
    """Nodes that are numbered at the finest resolution, and the cells that are not cut."""

    ranges: list[tuple[float, float]]
    coarse: tuple[int, int]
    refinements: int
    evaluate: Callable[[list[Node]], list[_Point]]
    points: dict[Node, _Point] = field(default_factory=dict)
    cells: list[tuple[Node, int]] = field(default_factory=list)  # lower corner, size

    @property
    def shape(self) -> Node:
        return tuple((n - 1) * 2**self.refinements + 1 for n in self.coarse)

    def place(self, node: Node) -> tuple[float, float]:
        """Values of the parameters at a node."""
        pairs = zip(node, self.shape, self.ranges, strict=True)
        return tuple(float(low + (high - low) * i / (n - 1)) for i, n, (low, high) in pairs)

    def refine(self) -> None:
        """Compute the coarse grid, and cut cells until those at borders are of size 1."""
        size = 2**self.refinements
        starts = list(product(*(range(0, n - 1, size) for n in self.shape)))
        self._compute([corner for start in starts for corner in _corners(start, size)])
        self.cells = [(start, size) for start in starts]
        while mixed := [cell for cell in self.cells if cell[1] > 1 and self._is_mixed(*cell)]:
            cut = set(mixed)
            self.cells = [cell for cell in self.cells if cell not in cut]
            children = [child for cell in mixed for child in _children(*cell)]
            self._compute([corner for start, half in children for corner in _corners(start, half)])
            self.cells += children

    def _compute(self, nodes: list[Node]) -> None:
        new = sorted(set(nodes) - self.points.keys())
        if not new:
            return
        points = self.evaluate(new)
        names, expected = (list(p.values) for p in (points[0], next(iter(self.points.values()), points[0])))
        if set(names) != set(expected):
            here, there = ", ".join(names), ", ".join(expected)
            raise RuntimeError(f"order parameters must be the same at all points, got {here} and {there}")
        self.points.update(zip(new, points, strict=True))

    def _is_mixed(self, start: Node, size: int) -> bool:
        """Whether nodes at the corners or on the sides, which neighbours may have computed, have different labels."""
        (i, j), span = start, range(size + 1)
        sides = {(i + k, j + m) for k in span for m in (0, size)} | {(i + k, j + m) for k in (0, size) for m in span}
        return len({self.points[node].label for node in sides if node in self.points}) > 1


def _corners(start: Node, size: int) -> list[Node]:
    i, j = start
    return [(i, j), (i, j + size), (i + size, j), (i + size, j + size)]


def _children(start: Node, size: int) -> list[tuple[Node, int]]:
    half = size // 2
    return [((start[0] + di, start[1] + dj), half) for di in (0, half) for dj in (0, half)]


def _labelled(mesh: _Mesh, names: list[str], attributes: dict) -> xr.Dataset:
    labels = sorted({point.label for point in mesh.points.values()})
    numbers = {label: number for number, label in enumerate(labels)}
    phase, is_computed = np.full(mesh.shape, -1), np.zeros(mesh.shape, dtype=bool)
    for (i, j), size in mesh.cells:
        phase[i : i + size + 1, j : j + size + 1] = numbers[mesh.points[i, j].label]
    order_parameters = {name: np.full(mesh.shape, np.nan) for name in next(iter(mesh.points.values())).values}
    uncertainty = np.full(mesh.shape, np.nan)
    for node, point in mesh.points.items():
        phase[node], is_computed[node], uncertainty[node] = numbers[point.label], True, point.uncertainty
        for name, value in point.values.items():
            order_parameters[name][node] = value
    arrays = {"phase": phase, "is_computed": is_computed, "uncertainty": uncertainty, **order_parameters}
    data = {name: (names, values, {"units": "1"}) for name, values in arrays.items()}
    places = [[mesh.place((i, i))[axis] for i in range(n)] for axis, n in enumerate(mesh.shape)]
    coords = dict(zip(names, places, strict=True))
    return xr.Dataset(data, {**coords, "label": ("label", labels)}, attributes)
