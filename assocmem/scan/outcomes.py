"""What a function returned at a point, as labelled arrays, and how all of them become one Dataset."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr

__all__ = ["Outcome", "combined"]

DONE, FAILED, MISSING = 0, 1, 2
_KINDS = "biufUc"
_RECORDS = ("status", "error", "seconds")


@dataclass(frozen=True, eq=False)
class Outcome:
    """The end of one point: labelled arrays, or the text of an error.

    Parameters
    ----------
    variables, coords : dict of str to (dims, array, attrs)
    error : str
        Traceback; empty where there was none.
    seconds : float
        Time in the function.
    """

    variables: dict[str, tuple] = field(default_factory=dict)
    coords: dict[str, tuple] = field(default_factory=dict)
    error: str = ""
    seconds: float = np.nan

    @classmethod
    def of(cls, result, seconds: float = np.nan) -> Outcome:
        """The outcome of a result: a number, an array, a DataArray, a Dataset, or a dict of the first three.

        Raises
        ------
        TypeError
            If it is anything else, or has masked values that are not floats.
        ValueError
            If arrays of a dict have different coordinates of the same name.
        """
        if isinstance(result, xr.Dataset):
            parts = {name: _labelled(str(name), array) for name, array in result.data_vars.items()}
            return cls(parts, {str(n): _labelled(str(n), array) for n, array in result.coords.items()}, "", seconds)
        if not isinstance(result, Mapping):
            name = result.name if isinstance(result, xr.DataArray) and result.name else "value"
            result = {str(name): result}
        variables = {str(name): _labelled(str(name), value) for name, value in result.items()}
        return cls(variables, _shared_coords(result), "", seconds)

    def to_bytes(self) -> bytes:
        """The outcome as bytes, from which `from_bytes` makes it again."""
        arrays, header = {}, {"error": self.error, "seconds": self.seconds}
        for kind in ("variables", "coords"):
            header[kind] = []
            for number, (name, (dims, values, attrs)) in enumerate(getattr(self, kind).items()):
                arrays[f"{kind}_{number}"] = values
                header[kind].append([name, list(dims), attrs])
        file = io.BytesIO()
        np.savez(file, header=np.array(json.dumps(header)), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Outcome:
        """The inverse of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            parts = {
                kind: {
                    name: (tuple(dims), file[f"{kind}_{number}"], attrs)
                    for number, (name, dims, attrs) in enumerate(header[kind])
                }
                for kind in ("variables", "coords")
            }
        return cls(parts["variables"], parts["coords"], header["error"], header["seconds"])


def _shared_coords(result: Mapping) -> dict[str, tuple]:
    """Coordinates of all arrays of a result, which must not contradict each other."""
    coords = {}
    for name, array in result.items():
        for key, coord in array.coords.items() if isinstance(array, xr.DataArray) else ():
            part = _labelled(str(key), coord)
            if not _is_same(coords.setdefault(str(key), part), part):
                raise ValueError(
                    f"results of one point must share coordinates, but {key!r} of {str(name)!r} differs from that of "
                    "another result; rename one of them"
                )
    return coords


def _is_same(part: tuple, other: tuple) -> bool:
    """Whether two coordinates have the same dimensions and values; NaN is the same as NaN."""
    is_float = part[1].dtype.kind in "fc" and other[1].dtype.kind in "fc"
    return part[0] == other[0] and np.array_equal(part[1], other[1], equal_nan=is_float)


def _labelled(name: str, value) -> tuple:
    """(dims, array, attrs) of a number or array; the array is a copy, as functions may use theirs again."""
    if isinstance(value, xr.DataArray):
        dims, array = tuple(str(dim) for dim in value.dims), np.array(value.to_numpy())
        attrs = {str(key): v for key, v in value.attrs.items() if isinstance(v, str | int | float)}
    else:
        array = np.array(_unmasked(name, value))
        dims, attrs = tuple(f"{name}_{i}" for i in range(array.ndim)), {}
    if array.dtype.kind not in _KINDS:
        raise TypeError(
            "a result must be a number, an array, a DataArray or a Dataset, or a dict of these, got "
            f"{type(value).__name__} as {name!r}"
        )
    return dims, array, attrs


def _unmasked(name: str, value):
    """The value with NaN where it is masked."""
    if not np.ma.is_masked(value):
        return value
    if value.dtype.kind not in "fc":
        raise TypeError(f"a result must not be masked, except for floats, got {name!r} with dtype {value.dtype}")
    return value.filled(np.nan)


def combined(outcomes: list[Outcome | None], dims: tuple[str, ...], shape: tuple[int, ...], coords: dict) -> xr.Dataset:
    """One Dataset of the outcomes of all points, in the order of the design; None where a point is missing.

    A point counts as failed if its result has names that are taken, or differs from the first result in its names,
    dimensions, sizes or coordinates, or has words instead of numbers. Numbers that are missing are NaN, truth values
    and integers become floats then, words are empty.
    """
    outcomes = _fitting(outcomes, {*_RECORDS, *coords, *dims}, partial(_place, dims, shape, coords))
    done = [outcome for outcome in outcomes if outcome is not None and not outcome.error]
    status = [MISSING if o is None else (FAILED if o.error else DONE) for o in outcomes]
    meanings = {"units": "1", "flag_values": "0, 1, 2", "flag_meanings": "done failed missing"}
    # as objects: an array of strings would give every point the length of the longest traceback
    errors = np.array(["" if o is None else o.error for o in outcomes], dtype=object)
    data = {
        "status": (dims, np.reshape(status, shape), meanings),
        "error": (dims, errors.reshape(shape), {"units": "1"}),
        "seconds": (dims, np.reshape([np.nan if o is None else o.seconds for o in outcomes], shape), {"units": "s"}),
    }
    for name in done[0].variables if done else ():
        data[name] = _stacked(name, outcomes, done, dims, shape)
    return xr.Dataset(data, {**coords, **(done[0].coords if done else {})})


def _place(dims, shape, coords, number: int) -> str:
    """The parameters of a point, as a message names them."""
    at = dict(zip(dims, np.unravel_index(number, shape), strict=True))
    return ", ".join(f"{name} = {values[at[dim]]}" for name, (dim, values) in coords.items())


def _fitting(outcomes: list[Outcome | None], taken: set[str], place_of: Callable[[int], str]) -> list[Outcome | None]:
    """The outcomes; in place of results that have no place in one Dataset with the others, errors that say why."""
    first, fitting = None, []
    for number, outcome in enumerate(outcomes):
        if outcome is not None and not outcome.error:
            problem = _problem(outcome, taken)
            if not problem and first is None:
                first = number
            elif not problem and (difference := _difference(outcome, outcomes[first])):
                problem = f"the result does not fit that of the point {place_of(first)}: {difference}"
            if problem:
                outcome = Outcome(error=problem, seconds=outcome.seconds)
        fitting.append(outcome)
    return fitting


def _problem(outcome: Outcome, taken: set[str]) -> str:
    """Why a result has no place in a Dataset of a scan; empty if it has one."""
    parts = {**outcome.variables, **outcome.coords}
    inner = {dim for dims, _, _ in parts.values() for dim in dims}
    if names := sorted(taken & {*parts, *inner}):
        return f"results must not have names of parameters or of what a scan records, got {', '.join(names)}"
    if names := sorted(outcome.variables.keys() & {*outcome.coords, *inner}):
        return f"{names[0]!r} must not be a result and a dimension or coordinate of results at once"
    sizes: dict[str, int] = {}
    for dims, array, _ in parts.values():
        for dim, size in zip(dims, array.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                return f"results of one point must share dimensions, but {dim} is {sizes[dim]} and {size} long"
    return ""


def _difference(outcome: Outcome, first: Outcome) -> str:
    """How a result differs from the first one; empty if both have a place in one Dataset."""
    for kind, what in (("variables", "results"), ("coords", "coordinates")):
        names, expected = getattr(outcome, kind), getattr(first, kind)
        if names.keys() != expected.keys():
            return f"it has the {what} {', '.join(names) or 'none'}, that one {', '.join(expected) or 'none'}"
    for name, (dims, array, _) in outcome.variables.items():
        first_dims, first_array, _ = first.variables[name]
        if (dims, array.shape) != (first_dims, first_array.shape):
            here, there = _sizes(dims, array), _sizes(first_dims, first_array)
            return f"{name!r} has the sizes {here}, there {there}; return a summary, or pad"
        if (array.dtype.kind == "U") != (first_array.dtype.kind == "U"):
            here, there = ("a word" if a.dtype.kind == "U" else "a number" for a in (array, first_array))
            return f"{name!r} is {here}, there {there}"
    others = [name for name, part in outcome.coords.items() if not _is_same(part, first.coords[name])]
    return f"the coordinate {others[0]!r} has other values or dimensions" if others else ""


def _sizes(dims, array) -> str:
    return ", ".join(f"{dim}: {size}" for dim, size in zip(dims, array.shape, strict=True)) or "of a number"


def _stacked(name, outcomes, done, dims, shape):
    """(dims, array, attrs) of one result at all points."""
    inner_dims, values, attrs = done[0].variables[name]
    dtype = np.result_type(*(outcome.variables[name][1].dtype for outcome in done))
    if len(done) < len(outcomes) and dtype.kind in "biu":
        dtype = np.result_type(dtype, np.float64)
    fill = np.nan if dtype.kind in "fc" else np.zeros((), dtype)[()]
    whole = np.full((len(outcomes), *values.shape), fill, dtype)
    for number, outcome in enumerate(outcomes):
        if outcome is not None and not outcome.error:
            whole[number] = outcome.variables[name][1]
    return (*dims, *inner_dims), whole.reshape(*shape, *values.shape), {"units": "1", **attrs}
