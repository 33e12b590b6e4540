"""What a function returned at a point, as labelled arrays, and how all of them become one Dataset."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

__all__ = ["Outcome", "combined"]

DONE, FAILED, MISSING = 0, 1, 2
_KINDS = "biufUc"


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
            If it is anything else.
        """
        if isinstance(result, xr.Dataset):
            parts = {name: _labelled(str(name), array) for name, array in result.data_vars.items()}
            return cls(parts, {str(n): _labelled(str(n), array) for n, array in result.coords.items()}, "", seconds)
        if not isinstance(result, Mapping):
            name = result.name if isinstance(result, xr.DataArray) and result.name else "value"
            result = {str(name): result}
        coords = {}
        for array in result.values():
            if isinstance(array, xr.DataArray):
                coords |= {str(n): _labelled(str(n), coord) for n, coord in array.coords.items()}
        return cls({str(n): _labelled(str(n), value) for n, value in result.items()}, coords, "", seconds)

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


def _labelled(name: str, value) -> tuple:
    """(dims, array, attrs) of a number or array."""
    if isinstance(value, xr.DataArray):
        dims, array = tuple(str(dim) for dim in value.dims), value.to_numpy()
        attrs = {str(key): v for key, v in value.attrs.items() if isinstance(v, str | int | float)}
    else:
        array = np.asarray(value)
        dims, attrs = tuple(f"{name}_{i}" for i in range(array.ndim)), {}
    if array.dtype.kind not in _KINDS:
        raise TypeError(
            "a result must be a number, an array, a DataArray or a Dataset, or a dict of these, got "
            f"{type(value).__name__} as {name!r}"
        )
    return dims, array, attrs


def combined(outcomes: list[Outcome | None], dims: tuple[str, ...], shape: tuple[int, ...], coords: dict) -> xr.Dataset:
    """One Dataset of the outcomes of all points, in the order of the design; None where a point is missing.

    Numbers that are missing are NaN, truth values and integers become floats then, words are empty.

    Raises
    ------
    ValueError
        If results differ in their names, dimensions or shapes, or a name is taken.
    """
    first = next((outcome for outcome in outcomes if outcome is not None and not outcome.error), None)
    status = [MISSING if o is None else (FAILED if o.error else DONE) for o in outcomes]
    meanings = {"units": "1", "flag_values": "0, 1, 2", "flag_meanings": "done failed missing"}
    data = {
        "status": (dims, np.reshape(status, shape), meanings),
        "error": (dims, np.reshape(["" if o is None else o.error for o in outcomes], shape), {"units": "1"}),
        "seconds": (dims, np.reshape([np.nan if o is None else o.seconds for o in outcomes], shape), {"units": "s"}),
    }
    own = {} if first is None else first.coords
    taken = (set(data) | set(coords) | set(dims)) & (set() if first is None else {*first.variables, *own})
    if taken:
        raise ValueError(f"results must not have names of parameters or of what a scan records, got {sorted(taken)}")
    for name in {} if first is None else first.variables:
        data[name] = _stacked(name, outcomes, first, dims, shape)
    for name, part in own.items():
        _check_same(name, [o.coords.get(name) for o in outcomes if o is not None and not o.error], part)
    return xr.Dataset(data, {**coords, **own})


def _stacked(name, outcomes, first, dims, shape):
    inner_dims, values, attrs = first.variables[name]
    found = [None if o is None or o.error else _part(name, o, inner_dims, values.shape) for o in outcomes]
    there = [array for array in found if array is not None]
    dtype = np.result_type(*there)
    if len(there) < len(found) and dtype.kind in "biu":
        dtype = np.result_type(dtype, np.float64)
    fill = np.nan if dtype.kind in "fc" else np.zeros((), dtype)[()]
    whole = np.full((len(found), *values.shape), fill, dtype)
    for place, array in zip(whole, found, strict=True) if values.ndim else ():
        if array is not None:
            place[...] = array
    if not values.ndim:
        for number, array in enumerate(found):
            if array is not None:
                whole[number] = array
    return (*dims, *inner_dims), whole.reshape(*shape, *values.shape), {"units": "1", **attrs}


def _part(name, outcome, dims, shape):
    if name not in outcome.variables:
        raise ValueError(f"results must have the same names at all points, but {name!r} is missing at one of them")
    found_dims, array, _ = outcome.variables[name]
    if found_dims != dims or array.shape != shape:
        raise ValueError(
            f"{name!r} must have the same dimensions and sizes at all points, got {found_dims} of {array.shape} and "
            f"{dims} of {shape}; return a summary, or pad"
        )
    return array


def _check_same(name, parts, expected):
    for part in parts:
        if part is None or not np.array_equal(part[1], expected[1]):
            raise ValueError(f"the coordinate {name!r} of results must be the same at all points")
