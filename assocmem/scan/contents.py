"""Digests of what values hold: equal for equal content, in any process; never of names in memory or of orders of sets.

Pickles would not do: their bytes depend on which objects are shared, on the order of sets, and on what was cached.
"""

from __future__ import annotations

import copyreg
import hashlib
import inspect
import pickle
import sys
import types
from functools import cached_property, reduce

import numpy as np
import xarray as xr

__all__ = ["class_code", "content_digest", "name_of"]

_PLAIN = (type(None), bool, int, float, complex, str, type(...), type(NotImplemented))


def content_digest(name: str, value) -> str:
    """SHA-256 of what a value holds: numbers, arrays, attributes, the code of functions with what they enclose.

    Classes of modules count by their names, results of `functools.cached_property` not at all.

    Parameters
    ----------
    name : str
        For the message of an error.
    value : object

    Raises
    ------
    TypeError
        If the value holds something whose content cannot be read, such as an open file.
    """
    try:
        return _digest(value, ()).hex()
    except Exception as error:  # a foreign object raises what it likes when asked for its content
        raise TypeError(
            f"{name} must hold nothing but values whose content can be read, to be told apart in a store, got "
            f"{type(value).__name__}: {error}"
        ) from error


def name_of(value) -> str:
    """Module and name of a function or class."""
    module = getattr(value, "__module__", None) or "builtins"
    # what worker processes call the module that was started
    module = "__main__" if module == "__mp_main__" else module
    return f"{module}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def class_code(kind: type):
    """Source of a class, or what is in it where there is no source."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        members = {name: getattr(m, "__func__", getattr(m, "fget", m)) for name, m in vars(kind).items()}
        return {n: m for n, m in members.items() if isinstance(m, (types.FunctionType, np.ndarray, *_PLAIN))}


def _digest(value, above: tuple[int, ...]) -> bytes:
    """SHA-256 of a value inside others, which are given by their identities."""
    if id(value) in above:  # a cycle
        return _hash(b"above", str(len(above) - above.index(id(value))).encode())
    kind, around = type(value), (*above, id(value))
    if kind in _PLAIN:
        parts = [repr(value).encode()]
    elif kind is bytes:
        parts = [value]
    elif kind is np.ndarray and not value.dtype.hasobject:
        parts = [repr(value.dtype.descr).encode(), repr(value.shape).encode(), value.tobytes()]
    elif kind is dict:
        parts = sorted(_digest(key, around) + _digest(item, around) for key, item in value.items())
    elif isinstance(value, set | frozenset):
        parts = sorted(_digest(item, around) for item in value)
    else:
        parts = [_digest(part, around) for part in (value if kind in (list, tuple) else _parts(value))]
    return _hash(name_of(kind).encode(), *parts)


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _parts(value) -> tuple | list:
    """What an object consists of."""
    match value:
        case np.ndarray() if type(value) is np.ndarray:
            return [value.dtype.descr, value.shape, value.tolist()]
        case xr.DataArray():
            coords = {name: (c.dims, c.to_numpy(), c.attrs) for name, c in value.coords.items()}
            return [value.name, value.dims, value.to_numpy(), coords, value.attrs]
        case xr.Dataset():
            return [dict(value.data_vars), dict(value.coords), value.attrs]
        case types.FunctionType():
            enclosed = value.__closure__ or ()
            return [name_of(value), value.__code__, value.__defaults__, value.__kwdefaults__, *enclosed]
        case types.CodeType():
            return _code(value)
        case types.CellType():
            return _enclosed(value)
        case types.MethodType():
            return [value.__func__, value.__self__]
        case types.BuiltinFunctionType():
            is_function = value.__self__ is None or isinstance(value.__self__, types.ModuleType)
            return [name_of(value), None if is_function else value.__self__]
        case types.ModuleType():
            return [value.__name__]
        case type():
            return [name_of(value), None if _is_in_its_module(value) else class_code(value)]
    if callable(wrapped := getattr(value, "__wrapped__", None)):  # compiled or cached
        return [wrapped]
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor, whose pickles differ from time to time
        return [value.detach().cpu().numpy()]
    return _reduced(value)


def _code(code: types.CodeType) -> list:
    """The source of a function, or its instructions if there is none or several functions may share the line."""
    if code.co_name != "<lambda>" and code.co_filename != "<string>":
        try:
            return [inspect.getsource(code)]
        except OSError:
            pass
    constants = [_code(part) if isinstance(part, types.CodeType) else part for part in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code, constants, names, code.co_argcount, code.co_kwonlyargcount, code.co_flags]


def _enclosed(cell: types.CellType) -> list:
    try:
        return [cell.cell_contents]
    except ValueError:  # it is empty
        return []


def _is_in_its_module(kind: type) -> bool:
    """Whether other processes find the class by its name; that of a script may be another one next time."""
    module = sys.modules.get(kind.__module__)
    found = reduce(lambda where, name: getattr(where, name, None), kind.__qualname__.split("."), module)
    return found is kind and kind.__module__ not in ("__main__", "__mp_main__")


def _reduced(value) -> list:
    """What pickle would be given to make an object of, without what is merely cached."""
    reduced = copyreg.dispatch_table.get(type(value), lambda value: value.__reduce_ex__(4))(value)
    if isinstance(reduced, str):  # a name, if pickle finds it
        return [pickle.dumps(value)]
    make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    if isinstance(state, dict):
        members = {name: member for kind in type(value).__mro__[::-1] for name, member in vars(kind).items()}
        state = {n: part for n, part in state.items() if not isinstance(members.get(n), cached_property)}
    return [make if isinstance(make, type) else name_of(make), arguments, state, list(items or ()), list(pairs or ())]
