"""Which points of a space of parameters are visited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from assocmem.validation import check_finite, check_integer

__all__ = ["Design", "Grid", "RandomDesign", "Zipped", "as_design"]

_RESERVED = ("point", "repeat", "status", "error", "seconds", "seed")


@dataclass(frozen=True)
class Axis:
    """Values of one parameter.

    Parameters
    ----------
    name : str
    values : tuple
        What the function gets.
    labels : tuple of float, int, bool or str
        What stands for the values in coordinates and stores.
    """

    name: str
    values: tuple
    labels: tuple

    @classmethod
    def of(cls, name: str, values) -> Axis:
        """An axis from a sequence of numbers or words, or from a dict of labels to any objects.

        Raises
        ------
        TypeError, ValueError
            If the name is reserved, or values are none, not of such a type, of several kinds, or one comes twice.
        """
        axis = cls.with_repetitions(name, values)
        if len(set(axis.labels)) < len(axis.labels):
            raise ValueError(f"{name} must not have a value twice, got {list(axis.labels)}")
        return axis

    @classmethod
    def with_repetitions(cls, name: str, values) -> Axis:
        """As `of`, but a value may come more than once.

        Raises
        ------
        TypeError, ValueError
            As `of`.
        """
        if not isinstance(name, str) or not name.isidentifier() or name in _RESERVED:
            raise ValueError(
                f"a parameter must be named by an identifier other than {', '.join(_RESERVED)}, got {name!r}"
            )
        is_scalar = isinstance(values, str | bytes) or (isinstance(values, np.ndarray) and values.ndim == 0)
        if not isinstance(values, Mapping) and (is_scalar or not isinstance(values, Sequence | np.ndarray)):
            raise TypeError(f"{name} must be a sequence of values or a dict of labels to values, got {values!r}")
        labels = tuple(_plain(name, label) for label in values)
        if not labels:
            raise ValueError(f"{name} must have at least one value, got none")
        _check_alike(name, labels)
        return cls(name, tuple(values.values()) if isinstance(values, Mapping) else labels, labels)


def _plain(name: str, value):
    """A number, truth value or string as Python has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{name} must have numbers or words as values, or a dict of labels to objects, got {value!r}")
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"{name} must have finite values, got {value}")
    return value


def _kind(label) -> str:
    return "words" if isinstance(label, str) else "truth values" if isinstance(label, bool) else "numbers"


def _check_alike(name: str, labels: tuple) -> None:
    """Raise ValueError if labels would not be the same in an array, which is what coordinates are."""
    kinds = {_kind(label) for label in labels}
    if len(kinds) > 1:
        allowed = "all of them numbers, words or truth values"
        raise ValueError(f"{name} must have values of one kind, {allowed}, got {' and '.join(sorted(kinds))}")
    array = np.array(labels)
    if array.dtype.kind == "O" or array.tolist() != list(labels):
        raise ValueError(f"{name} must have values that an array holds exactly, got {list(labels)}")


class Design:
    """Points in a space of parameters.

    Attributes
    ----------
    axes : tuple of Axis
    dims : tuple of str
        Dimensions of results.
    shape : tuple of int
    """

    axes: tuple[Axis, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def indices(self) -> Iterator[tuple[int, ...]]:
        """For each point, in the order of results, the place of its value on every axis."""
        raise NotImplementedError

    def points(self) -> list[dict]:
        """Parameters of all points, in the order of results."""
        return [self._at(places, "values") for places in self.indices()]

    def labels(self) -> list[dict]:
        """The labels of these parameters."""
        return [self._at(places, "labels") for places in self.indices()]

    def _at(self, places, which):
        return {axis.name: getattr(axis, which)[place] for axis, place in zip(self.axes, places, strict=True)}

    def coords(self) -> dict[str, tuple]:
        """Coordinates of results."""
        raise NotImplementedError

    def described(self) -> dict:
        """The design as JSON can hold it: its kind and labels."""
        return {
            "kind": self.dims[0] if self.dims == ("point",) else "grid",
            "axes": {a.name: a.labels for a in self.axes},
        }


def design_of(described: Mapping) -> Design:
    """The inverse of `Design.described`, with labels in place of the objects that they stand for."""
    return (Zipped if described["kind"] == "point" else Grid)(**described["axes"])


@dataclass(frozen=True)
class _Axes(Design):
    axes: tuple[Axis, ...]

    def __init__(self, **axes):
        object.__setattr__(self, "axes", tuple(Axis.of(name, values) for name, values in axes.items()))
        if not axes:
            raise ValueError("a design must have at least one parameter, got none")


class Grid(_Axes):
    """Every combination of values, ``Grid(beta=[0.1, 1.0], load=[0.1, 0.2, 0.3])``.

    Parameters
    ----------
    **axes
        For each parameter a sequence of numbers or words, or a dict of labels to any objects.

    Raises
    ------
    TypeError, ValueError
        If there is no parameter, or its values are none, of another type, or the same.
    """

    @property
    def dims(self):
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self):
        return tuple(len(axis.labels) for axis in self.axes)

    def indices(self):
        return product(*(range(n) for n in self.shape))

    def coords(self):
        return {axis.name: (axis.name, np.array(axis.labels)) for axis in self.axes}


class Zipped(_Axes):
    """Values taken together, the first of all parameters, then the second: a list of points.

    Parameters
    ----------
    **axes
        As for `Grid`, all of the same length; values may be repeated.

    Raises
    ------
    TypeError, ValueError
        As `Grid`, or if the lengths differ.
    """

    def __init__(self, **axes):
        columns = tuple(Axis.with_repetitions(name, values) for name, values in axes.items())
        object.__setattr__(self, "axes", columns)
        lengths = {axis.name: len(axis.labels) for axis in self.axes}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"parameters must have the same number of values, at least one, got {lengths}")
        if len({tuple(label.values()) for label in self.labels()}) < self.shape[0]:
            raise ValueError("points must differ, got one twice; for repetitions there are repeats")

    @property
    def dims(self):
        return ("point",)

    @property
    def shape(self):
        return (len(self.axes[0].labels),)

    def indices(self):
        return ((i,) * len(self.axes) for i in range(self.shape[0]))

    def coords(self):
        columns = {axis.name: ("point", np.array(axis.labels)) for axis in self.axes}
        return {"point": ("point", np.arange(self.shape[0])), **columns}


class RandomDesign(Zipped):
    """Points drawn at random, each parameter from a distribution of its own.

    What is drawn for a parameter depends on its name and the seed, not on the other parameters.

    Parameters
    ----------
    n_points : int, >= 1
    seed : int, >= 0
    **ranges
        For each parameter (low, high) for a uniform distribution, or a frozen distribution of `scipy.stats`.

    Raises
    ------
    TypeError, ValueError
        If a number or range is none.
    """

    def __init__(self, n_points: int, *, seed: int, **ranges):
        check_integer("n_points", n_points, 1)
        check_integer("seed", seed, 0)
        super().__init__(**{name: _drawn(name, values, n_points, seed) for name, values in ranges.items()})


def _drawn(name, values, n_points, seed):
    words = _words(hashlib.sha256(name.encode()).hexdigest())
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))
    if hasattr(values, "rvs"):
        return values.rvs(size=n_points, random_state=rng)
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"{name} must be (low, high) or a distribution of scipy.stats, got {values!r}")
    for bound in values:
        check_finite(name, bound)
    if not values[0] < values[1]:
        raise ValueError(f"{name} must have low < high, got {values}")
    return rng.uniform(*values, n_points)


def as_design(design: Design | Mapping) -> Design:
    """A design; a dict of parameters to their values is a grid.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(design, Design):
        return design
    if isinstance(design, Mapping):
        return Grid(**design)
    raise TypeError(f"design must be a Design or a dict of parameters to values, got {design!r}")


def point_key(label: Mapping, repeat: int, seed: int) -> str:
    """Name of a point that depends on nothing but its parameters, the repeat and the seed of the scan."""
    text = json.dumps([sorted(label.items()), repeat, seed])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def point_seed(label: Mapping, repeat: int, seed: int) -> int:
    """Seed of a point, independent of those of all other points."""
    words = _words(point_key(label, repeat, seed))
    return int(np.random.SeedSequence(seed, spawn_key=words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _words(digest: str) -> list[int]:
    """The first 128 bits of a hash."""
    return [int(digest[i : i + 8], 16) for i in range(0, 32, 8)]
