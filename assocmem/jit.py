"""Compilation and caching; the only module that imports Numba.

A *kernel* is a plain Python function that compiled code may call. A *loop* is compiled around one or more kernels by a
factory ``factory(*kernels) -> function``; the result is memoised in the process and cached on disk. The disk cache is
keyed by a fingerprint of every source the machine code depends on, so an edited kernel is never served stale code.

Setting the environment variable ``ASSOCMEM_CACHE=0`` turns the disk cache off. No loop is compiled with fast-math: a
result never depends on how a loop was vectorised, hence not on the size of a batch (fused multiply-adds are explicit,
see `assocmem.kernels.bits.fma`).
"""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numba
import numpy as np
from numba.core.errors import NumbaError as CompilationError
from numba.extending import intrinsic, register_jitable

__all__ = [
    "CompilationError",
    "compile_loop",
    "diagnose",
    "fingerprint",
    "intrinsic",
    "is_cacheable",
    "is_kernel",
    "kernel",
]

_PACKAGE = Path(__file__).parent
# the layers whose sources end up in machine code: an edit elsewhere must not recompile anything
_COMPILED_SOURCES = ("jit.py", "random.py", "integrators.py", "kernels/*.py")


def kernel(function: Callable | None = None, *, allocates: bool = False) -> Callable:
    """The same function, usable from compiled code as well as from Python.

    Parameters
    ----------
    function : function
        In the subset of Python that Numba compiles. It fills arrays it is given, raises nothing, and reads no global
        but constants and other kernels.
    allocates : bool
        Whether it may create arrays, as ``np.tanh(y)`` does. The default is faster: without allocation there are no
        references to count, which for small systems takes as long as the arithmetic.

    Returns
    -------
    function
        `function` itself; without `function`, a decorator.

    Raises
    ------
    TypeError
        If `function` is no plain Python function.
    """
    if function is None:
        return partial(kernel, allocates=allocates)
    if not isinstance(function, FunctionType):
        raise TypeError(f"a kernel must be a plain Python function, got {function!r}")
    if not is_kernel(function):
        register_jitable(error_model="numpy", _nrt=allocates)(function)
        function.__is_kernel__ = True
    return function


def is_kernel(function: Callable) -> bool:
    """Whether `function` was marked by `kernel`."""
    return getattr(function, "__is_kernel__", False)


@cache
def compile_loop(factory: Callable, *kernels: Callable) -> Callable:
    """The compiled form of ``factory(*kernels)``, which runs without the interpreter lock.

    Parameters
    ----------
    factory : function
        Module-level function that returns a function closed over its arguments.
    *kernels : function
        Plain functions marked by `kernel`, or module-level functions of the same kind.

    Returns
    -------
    callable
        Compiled on first call for its argument types, or loaded from the disk cache. Loops around kernels that another
        process could not import (of ``__main__``, a notebook, or inside a function) are compiled in each process.
    """
    loop = factory(*[kernel(k) for k in kernels])
    # a cache index of its own for each combination of kernels and state of their sources; short, as it names a file
    names = "-".join(k.__name__ for k in (factory, *kernels)).replace("<", "").replace(">", "")
    loop.__name__ = loop.__qualname__ = f"{names[:80]}-{fingerprint(factory, *kernels)[:20]}"
    wants_cache = os.environ.get("ASSOCMEM_CACHE", "1") != "0" and all(map(is_cacheable, (factory, *kernels)))
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=wants_cache, **options)(loop)
    except RuntimeError:  # Numba found no folder that it may write its cache to
        return numba.njit(**options)(loop)


def diagnose(function: Callable, arguments: tuple) -> str:
    """Why a kernel does not compile for the given arguments, in Numba's own words where they are to the point."""
    name = f"kernel {function.__module__}.{function.__qualname__}"
    try:
        numba.njit(error_model="numpy")(function).compile(tuple(numba.typeof(value) for value in arguments))
    except CompilationError as error:
        return f"{name} cannot be compiled: {error}"
    return f"{name} creates arrays, for which it must be marked by kernel(allocates=True)"


def is_cacheable(function: Callable) -> bool:
    """Whether another process could import `function` by its name."""
    module = sys.modules.get(function.__module__)
    if function.__module__ in ("__main__", "__mp_main__") or getattr(module, "__file__", None) is None:
        return False
    return getattr(module, function.__qualname__, None) is function


def fingerprint(*functions: Callable) -> str:
    """SHA-256 of the package's compiled sources and of all that `functions` refer to.

    Followed are the functions they call, to any depth, with the files that hold them, and the values of the global
    constants they read (which become part of the machine code).
    """
    digest = hashlib.sha256(_package_sources())
    files, constants = set(), [f"{f.__module__}.{f.__qualname__}" for f in functions]
    _collect(functions, files, constants, set())
    for file in sorted(files):
        digest.update(Path(file).read_bytes())
    for text in sorted(constants):
        digest.update(text.encode())
    return digest.hexdigest()


@cache
def _package_sources() -> bytes:
    paths = sorted(path for pattern in _COMPILED_SOURCES for path in _PACKAGE.glob(pattern))
    return b"\0".join(path.read_bytes() for path in paths)


def _collect(values, files: set[str], constants: list[str], seen: set[int]) -> None:
    for value in values:
        if isinstance(value, FunctionType):
            if id(value) not in seen:
                seen.add(id(value))
                _collect_function(value, files, constants, seen)
        elif isinstance(value, np.ndarray):
            constants.append(f"{value.dtype}{value.shape}{value.tobytes().hex()}")
        elif isinstance(value, bool | int | float | complex | str | tuple | np.generic):
            constants.append(repr(value))


def _collect_function(function: FunctionType, files: set[str], constants: list[str], seen: set[int]) -> None:
    path = Path(function.__code__.co_filename)
    if path.is_file():
        files.add(str(path))
    else:
        constants.append(function.__code__.co_code.hex())
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    scope = function.__globals__
    referenced = [(name, scope[name]) for name in sorted(names & scope.keys())]
    constants.extend(f"{name}=" for name, _ in referenced)
    _collect(cells + [value for _, value in referenced if not isinstance(value, ModuleType)], files, constants, seen)


def _codes(code: CodeType):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
