"""What is to be known of the function of a scan: its parameters, its identity, and how other processes get it."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from assocmem.scan.contents import class_code, content_digest, name_of
from assocmem.scan.designs import Design
from assocmem.validation import check_integer

__all__ = ["check_function", "checked_fixed", "function_digest", "function_name", "sendable"]


def checked_fixed(fixed: Mapping | None) -> dict:
    """Fixed parameters as a dict.

    Raises
    ------
    TypeError
        If they are none.
    """
    fixed = {} if fixed is None else fixed
    if not isinstance(fixed, Mapping) or not all(isinstance(name, str) for name in fixed):
        raise TypeError(f"fixed must be a dict of names to values, got {fixed!r}")
    return dict(fixed)


def check_function(run: Callable, design: Design, fixed: Mapping, repeats: int | None) -> bool:
    """Whether the function takes a seed.

    Raises
    ------
    TypeError, ValueError
        If it is none, or does not take the parameters.
    """
    if not callable(run):
        raise TypeError(f"run must be a function, got {run!r}")
    if repeats is not None:
        check_integer("repeats", repeats, 1)
    names = {axis.name for axis in design.axes}
    if names & set(fixed):
        raise ValueError(f"fixed must not have parameters of the design, got {', '.join(sorted(names & set(fixed)))}")
    if repeats is not None and "seed" in fixed:
        raise ValueError("fixed must not have a seed if there are repeats, which would otherwise all be the same")
    parameters = _signature(run).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    takes_seed = ("seed" in parameters or takes_any) and "seed" not in fixed
    if repeats is not None and not takes_seed:
        raise ValueError("run must take a seed if there are repeats, which would otherwise all be the same")
    _check_call(run, [*names, *fixed, *(["seed"] if takes_seed else [])])
    return takes_seed


def _signature(run) -> inspect.Signature:
    try:
        return inspect.signature(run)
    except (TypeError, ValueError) as error:  # many of those that are not written in Python
        raise ValueError(f"run must be a function with known parameters: put it into one of yours ({error})") from error


def _check_call(run, names) -> None:
    try:
        _signature(run).bind(**dict.fromkeys(names))
    except TypeError as error:
        raise ValueError(f"run must take the parameters {', '.join(sorted(names))} by name: {error}") from error


def _plain_function(function):
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


def function_name(function: Callable) -> str:
    """Module and name of a function."""
    return name_of(_plain_function(function))


def function_digest(function: Callable) -> str:
    """Hash of the source of a function, or of its byte code, and of what it holds: frozen and default arguments, what
    it encloses, the object and the class that it belongs to. What it calls does not count.

    Raises
    ------
    TypeError
        If it holds something whose content cannot be read.
    """
    plain = _plain_function(function)
    owner = getattr(plain, "__self__", None) if inspect.isroutine(plain) else plain
    kind = owner if isinstance(owner, type) else type(owner)
    return content_digest("run", [function, None if owner is None else class_code(kind)])


def sendable(function: Callable) -> Callable:
    """The function in a form that other processes can load.

    Raises
    ------
    TypeError
        If there is none.
    """
    plain = _plain_function(function)
    is_elsewhere = getattr(plain, "__module__", "") != "__main__" or hasattr(__import__("__main__"), "__file__")
    try:
        pickle.dumps(function)
        if is_elsewhere:
            return function
        problem = "it is defined in a notebook or an interactive session"
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        problem = str(error)
    try:
        import cloudpickle
    except ImportError:
        raise TypeError(
            f"run cannot be sent to other processes ({problem}): define it in a module, install cloudpickle, or give "
            "workers=0 to run in this process"
        ) from None
    return _Sent(cloudpickle.dumps(function))


class _Sent:
    """A function as bytes, which a worker loads once."""

    def __init__(self, content: bytes):
        self._content = content

    def __call__(self, **parameters):
        return _loaded(self._content)(**parameters)


@lru_cache(maxsize=8)
def _loaded(content: bytes) -> Callable:
    return pickle.loads(content)
