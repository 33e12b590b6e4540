"""Fixed points followed along a parameter: stability, folds, branch points and Hopf points.

A branch is a curve in the space of states and parameter on which the velocity f(y, p) vanishes. It is followed by
pseudo-arclength (Keller, 1977): a step along the tangent, and a correction orthogonal to it, so that the curve may turn
back in the parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from assocmem.validation import check_boolean, check_finite, check_integer, check_positive, real_array

__all__ = ["follow_fixed_point"]

REGULAR, FOLD, BRANCH, HOPF, CUT_OFF = range(5)
_MEANINGS = {"flag_values": "0, 1, 2, 3, 4", "flag_meanings": "regular fold branch hopf cut_off", "units": "1"}
_NEWTON_STEPS, _BISECTIONS = 12, 40
_GROWTH, _EASY = 1.3, 4  # the step grows after corrections of so few iterations
_DIFFERENCE = 6e-6  # step of difference quotients: the cube root of the machine precision
_DEPARTURE = 0.05  # by how many steps a new branch is entered


def follow_fixed_point(
    velocity: Callable[[np.ndarray, float], np.ndarray],
    start: np.ndarray,
    parameter: float,
    *,
    bounds: tuple[float, float],
    jacobian: Callable[[np.ndarray, float], np.ndarray] | None = None,
    step: float = 0.05,
    largest_step: float = 0.2,
    most_points: int = 1000,
    tol: float = 1e-10,
    has_branches: bool = True,
) -> xr.Dataset:
    """The curve of fixed points through one of them, as far as the parameter stays within bounds.

    Parameters
    ----------
    velocity : function (state (unit,), parameter) -> (unit,)
    start : array (unit,)
        Near a fixed point.
    parameter : float
        Where it is one, within the bounds.
    bounds : (float, float)
        Of the parameter.
    jacobian : function (state, parameter) -> (unit, unit), optional
        Derivatives [i, j] of velocity i by unit j; central differences if None.
    step, largest_step : float, > 0
        First and largest step along the curve, in the units of states and parameter together.
    most_points : int, >= 2
        Of one direction of one branch.
    tol : float, > 0
        Largest velocity at a fixed point.
    has_branches : bool
        Whether curves that cross this one are followed too, one level deep.

    Returns
    -------
    Dataset
        Over point, in the order of the curve: `state` (point, unit), `parameter`, `branch` (0 for the first curve),
        `abscissa` (the largest real part of an eigenvalue of the Jacobian; stable where it is < 0), `n_unstable`, and
        `kind` (0 regular, 1 fold, 2 branch point, 3 Hopf point, 4 where `most_points` cut the curve off), special
        points being located to 1e-8 of a step or so. A closed curve ends where it began.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape or out of its range, or there is no fixed point near the start.

    References
    ----------
    Keller (1977), Numerical solution of bifurcation and nonlinear eigenvalue problems; Allgower & Georg (1990).
    """
    start = real_array("start", start)
    if start.ndim != 1 or start.size == 0:
        raise ValueError(f"start must be a state (unit,), got shape {start.shape}")
    for name, value in (("step", step), ("largest_step", largest_step), ("tol", tol)):
        check_positive(name, value)
    check_finite("parameter", parameter)
    check_integer("most_points", most_points, 2)
    check_boolean("has_branches", has_branches)
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError(f"bounds must be two numbers (low, high), got {bounds!r}")
    for bound in bounds:
        check_finite("bounds", bound)
    if not bounds[0] <= parameter <= bounds[1]:
        raise ValueError(f"bounds must be (low, high) with the parameter {parameter} between them, got {bounds}")
    system = _System(velocity, jacobian, start.size, tol)
    first = system.corrected(np.append(start, parameter), np.append(np.zeros(start.size), 1.0))
    if first is None:
        raise ValueError(f"start must be near a fixed point at the parameter {parameter}, got none")
    follower = _Follower(system, tuple(map(float, bounds)), step, largest_step, most_points)
    curves = [follower.both_ways(first[0], None)]
    if has_branches:
        curves += follower.crossing(curves[0])
    return _dataset(curves)


@dataclass(frozen=True)
class _System:
    """The velocity in the space of states and parameter together."""

    velocity: Callable
    jacobian: Callable | None
    n_units: int
    tol: float

    def value(self, x: np.ndarray) -> np.ndarray:
        found = np.asarray(self.velocity(x[:-1], float(x[-1])), dtype=float)
        if found.shape != (self.n_units,):
            raise ValueError(f"velocity must return shape {(self.n_units,)}, got {found.shape}")
        return found

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """Derivatives (unit, unit + 1) by states and parameter."""
        whole = np.empty((self.n_units, self.n_units + 1))
        if self.jacobian is not None:
            whole[:, :-1] = self.jacobian(x[:-1], float(x[-1]))
        for j in range(0 if self.jacobian is None else self.n_units, self.n_units + 1):
            h = _DIFFERENCE * max(1.0, abs(x[j]))
            shift = np.zeros_like(x)
            shift[j] = h
            whole[:, j] = (self.value(x + shift) - self.value(x - shift)) / (2 * h)
        return whole

    def corrected(self, x: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, int] | None:
        """The point of a curve in the plane through x orthogonal to a direction, and iterations; None if not found."""
        anchor = x
        for count in range(_NEWTON_STEPS):
            residual = self.value(x)
            if not np.all(np.isfinite(residual)):
                return None
            if np.abs(residual).max() <= self.tol and abs(direction @ (x - anchor)) <= self.tol:
                return x, count
            matrix = np.vstack([self.derivative(x), direction])
            x = x - np.linalg.lstsq(matrix, np.append(residual, direction @ (x - anchor)), rcond=None)[0]
        return None

    def tangent(self, x: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Unit tangent at a point, in the sense of the one before."""
        direction = np.linalg.svd(self.derivative(x))[2][-1]
        return direction if direction @ before >= 0 else -direction


@dataclass(frozen=True)
class _Mark:
    """A point with what tells special points: signs that change there."""

    x: np.ndarray
    tangent: np.ndarray
    eigenvalues: np.ndarray
    branch_test: float

    @classmethod
    def at(cls, system: _System, x: np.ndarray, before: np.ndarray) -> "_Mark":
        tangent = system.tangent(x, before)
        derivative = system.derivative(x)
        # the determinant of the derivative with the tangent below changes its sign only where curves cross
        sign, _ = np.linalg.slogdet(np.vstack([derivative, tangent]))
        smallest = np.linalg.svd(derivative, compute_uv=False)[-1]
        return cls(x, tangent, np.linalg.eigvals(derivative[:, :-1]), float(sign * smallest))

    def tests(self) -> dict[int, float]:
        """Numbers that change their sign at a fold and at a branch point."""
        return {BRANCH: self.branch_test, FOLD: float(self.tangent[-1])}

    @property
    def n_unstable(self) -> int:
        return int(np.count_nonzero(self.eigenvalues.real > 0))

    @property
    def n_unstable_pairs(self) -> int:
        """Unstable eigenvalues that are not real."""
        return int(np.count_nonzero((self.eigenvalues.real > 0) & (np.abs(self.eigenvalues.imag) > 1e-9)))


@dataclass(frozen=True)
class _Follower:
    """Follows curves with steps of adapted length."""

    system: _System
    bounds: tuple[float, float]
    step: float
    largest_step: float
    most_points: int

    def both_ways(self, x: np.ndarray, direction: np.ndarray | None) -> list[tuple[_Mark, int]]:
        """The curve through x, in both senses of its tangent or a direction, as points and their kinds."""
        sense = np.append(np.zeros(x.size - 1), 1.0) if direction is None else direction
        forth = self._one_way(x, sense)
        if len(forth) > 1 and np.array_equal(forth[0][0].x, forth[-1][0].x):  # a closed curve
            return forth
        return self._one_way(x, -sense)[:0:-1] + forth

    def crossing(self, curve: list[tuple[_Mark, int]]) -> list[list[tuple[_Mark, int]]]:
        """Curves through the branch points of a curve."""
        found = []
        for mark, kind in curve:
            if kind == BRANCH:
                found += [self._one_way(x, d) for x, d in self._departures(mark)]
        return [part for part in found if len(part) > 1]

    def _departures(self, mark: _Mark) -> list[tuple[np.ndarray, np.ndarray]]:
        """Points a little way along the other curve, in both senses, in the plane of the two smallest directions."""
        plane = np.linalg.svd(self.system.derivative(mark.x))[2][-2:]
        other = plane[np.argmin(np.abs(plane @ mark.tangent))]
        other = other - (other @ mark.tangent) * mark.tangent
        other /= np.linalg.norm(other)
        starts = []
        for sign in (1.0, -1.0):
            found = self.system.corrected(mark.x + sign * _DEPARTURE * self.step * other, other)
            if found is not None:
                away = found[0] - mark.x
                starts.append((found[0], away / np.linalg.norm(away)))
        return starts

    def _one_way(self, x: np.ndarray, sense: np.ndarray) -> list[tuple[_Mark, int]]:
        points = [(_Mark.at(self.system, x, sense), REGULAR)]
        step = self.step
        while len(points) < self.most_points and step > 1e-9 * self.step:
            last = points[-1][0]
            found = self.system.corrected(last.x + step * last.tangent, last.tangent)
            if found is None or np.linalg.norm(found[0] - last.x) > 2 * step:
                step /= 2
                continue
            new = _Mark.at(self.system, found[0], last.tangent)
            if new.tangent @ last.tangent < 0.9 and step > 1e-3 * self.step:  # a sharp turn: look more closely
                step /= 2
                continue
            if not self.bounds[0] <= new.x[-1] <= self.bounds[1]:
                points += self._at_bound(last, new)
                break
            points += self._special(last, new)
            if self._is_closed(points, new, step):
                return [*points, points[0]]
            points.append((new, REGULAR))
            step = min(self.largest_step, step * _GROWTH) if found[1] <= _EASY else step / 1.5
        if len(points) >= self.most_points:
            points[-1] = (points[-1][0], CUT_OFF)
        return points

    @staticmethod
    def _is_closed(points: list[tuple[_Mark, int]], new: _Mark, step: float) -> bool:
        """Whether the last step went past the first point, in the sense in which the curve left it."""
        first, last = points[0][0], points[-1][0]
        ahead, behind = first.x - last.x, new.x - first.x
        is_near = max(np.linalg.norm(ahead), np.linalg.norm(behind)) < 1.5 * step
        return len(points) > 4 and is_near and ahead @ first.tangent > 0 and behind @ first.tangent >= 0

    def _at_bound(self, last: _Mark, new: _Mark) -> list[tuple[_Mark, int]]:
        """The point at which the parameter reaches its bound."""
        bound = min(max(new.x[-1], self.bounds[0]), self.bounds[1])
        share = (bound - last.x[-1]) / (new.x[-1] - last.x[-1])
        guess = last.x + share * (new.x - last.x)
        guess[-1] = bound
        found = self.system.corrected(guess, np.append(np.zeros(guess.size - 1), 1.0))
        return [] if found is None else [(_Mark.at(self.system, found[0], last.tangent), REGULAR)]

    def _special(self, last: _Mark, new: _Mark) -> list[tuple[_Mark, int]]:
        """Special points between two neighbours, in the order of the curve."""
        found = []
        before, after = last.tests(), new.tests()
        for kind in (kind for kind in before if before[kind] * after[kind] < 0):
            found.append((self._located(last, new, lambda mark, k=kind: mark.tests()[k] * before[k] > 0), kind))
        if not found and last.n_unstable_pairs != new.n_unstable_pairs and last.n_unstable != new.n_unstable:
            found.append((self._located(last, new, lambda mark: mark.n_unstable == last.n_unstable), HOPF))
        return sorted(found, key=lambda pair: (pair[0].x - last.x) @ last.tangent)

    def _located(self, last: _Mark, new: _Mark, is_before: Callable[[_Mark], bool]) -> _Mark:
        """The point at which a test changes, by bisection along the curve."""
        low, high = 0.0, float((new.x - last.x) @ last.tangent)
        mark = last
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            found = self.system.corrected(last.x + middle * last.tangent, last.tangent)
            if found is None:
                break
            mark = _Mark.at(self.system, found[0], last.tangent)
            low, high = (middle, high) if is_before(mark) else (low, middle)
        return mark


def _dataset(curves: list[list[tuple[_Mark, int]]]) -> xr.Dataset:
    marks = [mark for curve in curves for mark, _ in curve]
    values = {
        "parameter": np.array([mark.x[-1] for mark in marks]),
        "branch": np.repeat(np.arange(len(curves)), [len(curve) for curve in curves]),
        "abscissa": np.array([mark.eigenvalues.real.max() for mark in marks]),
        "n_unstable": np.array([mark.n_unstable for mark in marks]),
    }
    data = {name: ("point", array, {"units": "1"}) for name, array in values.items()}
    data["kind"] = ("point", np.array([kind for curve in curves for _, kind in curve]), _MEANINGS)
    data["state"] = (("point", "unit"), np.stack([mark.x[:-1] for mark in marks]), {"units": "1"})
    return xr.Dataset(data, {"point": np.arange(len(marks)), "unit": np.arange(marks[0].x.size - 1)})
