"""What is to be known of the function of a scan: its parameters, its identity, and how other processes get it."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from assocmem.scan.designs import Design
from assocmem.validation import check_integer

__all__ = ["check_function", "function_name", "sendable", "source_digest"]


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
    parameters = inspect.signature(run).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    names = {axis.name for axis in design.axes}
    unknown = sorted((names | set(fixed)) - set(parameters))
    if unknown and not takes_any:
        raise ValueError(f"run must take all parameters, but has none of the name {', '.join(unknown)}")
    if names & set(fixed):
        raise ValueError(f"fixed must not have parameters of the design, got {', '.join(sorted(names & set(fixed)))}")
    takes_seed = ("seed" in parameters or takes_any) and "seed" not in fixed
    if repeats is not None and not takes_seed:
        raise ValueError("run must take a seed if there are repeats, which would otherwise all be the same")
    return takes_seed


def _plain_function(function):
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


def function_name(function: Callable) -> str:
    """Module and name of a function."""
    plain = _plain_function(function)
    return f"{getattr(plain, '__module__', '?')}.{getattr(plain, '__qualname__', type(plain).__qualname__)}"


def source_digest(function: Callable) -> str:
    """Hash of the source of a function and of its frozen arguments; of its byte code where there is no source."""
    frozen = repr((function.args, sorted(function.keywords.items()))) if isinstance(function, partial) else ""
    plain = _plain_function(function)
    try:
        text = inspect.getsource(plain if inspect.isroutine(plain) else type(plain))
    except (OSError, TypeError):
        text = getattr(getattr(plain, "__code__", None), "co_code", b"").hex()
    return hashlib.sha256(json.dumps([frozen, text]).encode()).hexdigest()


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
