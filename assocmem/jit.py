"""Compilation and caching; the only module that uses Numba's decorators.

A *kernel* is a plain Python function that compiled code may call. A *loop* is compiled around one or more kernels by a
factory ``factory(*kernels) -> function``; the result is memoised in the process and cached on disk. The disk cache is
keyed by a fingerprint of all that the machine code depends on, so an edited kernel is never served stale code; a loop
that depends on something without a fingerprint is compiled in each process.

Setting the environment variable ``ASSOCMEM_CACHE=0`` turns the disk cache off. No loop is compiled with fast-math: a
result never depends on how a loop was vectorised, hence not on the size of a batch (fused multiply-adds are explicit,
see `assocmem.kernels.bits.fma`).
"""

import dis
import os
import platform
import secrets
import sys
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import llvmlite
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError as CompilationError
from numba.core.extending import _Intrinsic
from numba.extending import intrinsic, register_jitable

__all__ = [
    "CompilationError",
    "compile_loop",
    "diagnose",
    "fingerprint",
    "intrinsic",
    "is_kernel",
    "kernel",
]

# the layers whose sources end up in machine code: an edit elsewhere must not recompile anything
_COMPILED_SOURCES = ("jit.py", "random.py", "integrators.py", "adaptive.py", "kernels/*.py")
# read when the package is imported: a later edit must not be paired with the code that is already here
_PACKAGE_TEXTS = {
    str(path): path.read_bytes()
    for pattern in _COMPILED_SOURCES
    for path in sorted(Path(__file__).parent.glob(pattern))
}
# known by their versions, so that nobody need look into them; the standard library goes with that of Python
_LIBRARIES = {"llvmlite": llvmlite.__version__, "numba": numba.__version__, "numpy": np.__version__}
_STANDARD_FOLDER = os.path.dirname(os.__file__) + os.sep
_PLAIN_TYPES = (bool, int, float, complex, str, bytes, type(None), type(...))
# types whose text tells all about them, which that of a record or a function does not
_COMPILER_TYPES = (types.Number, types.Boolean, ir.IntType, ir.FloatType, ir.DoubleType, ir.VectorType, ir.VoidType)


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
        _name_by_content(function)
        register_jitable(error_model="numpy", _nrt=allocates)(function)
        function.__is_kernel__ = True
    return function


def _name_by_content(function: Callable) -> None:
    """Give a function made inside another a name that no function of other content has.

    Machine code from the disk cache is linked by names. Functions of one factory differ in their closures only and
    would share a name if they were first compiled in different processes: one would run in place of the other.
    """
    if "<locals>" in function.__qualname__:
        content = fingerprint(function)
        # without a fingerprint no code that calls it is cached, but it may share a process with code that was
        function.__qualname__ += f"-{secrets.token_hex(10) if content is None else content[:20]}"


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
        process could not import (of ``__main__``, a notebook, or inside a function) are compiled in each process, and
        so are those that have no `fingerprint`.
    """
    loop = factory(*[kernel(k) for k in kernels])
    key = _cache_key(factory, *kernels)
    # a cache index of its own for each combination of kernels and state of their sources; short, as it names a file
    names = "-".join(k.__name__ for k in (factory, *kernels)).replace("<", "").replace(">", "")
    loop.__name__ = loop.__qualname__ = f"{names[:80]}-{(key or 'uncached')[:20]}"
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=key is not None, **options)(loop)
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


def fingerprint(*functions: Callable) -> str | None:
    """SHA-256 of all that the machine code of `functions` depends on; None if some of it cannot be hashed.

    Hashed are the versions of the compiler, the package's compiled sources and, to any depth of calls, the functions as
    they are in memory, the files that hold them and the values of the globals that they read, be it as a member of a
    module. Values are numbers, strings, arrays, types of the compiler, and tuples of those; with a global of any other
    kind (a list, say, or an instance) there is no fingerprint.
    """
    found = _Dependencies()
    for function in functions:
        found.add(f"{function.__module__}.{function.__qualname__}", function)
    if not found.are_complete:
        return None
    digest = sha256(repr([platform.python_version(), _LIBRARIES, found.lines]).encode())
    for _, text in sorted((_PACKAGE_TEXTS | found.files).items()):
        digest.update(sha256(text).digest())
    return digest.hexdigest()


def _cache_key(*functions: Callable) -> str | None:
    """The fingerprint, if a loop made of `functions` may be cached; None otherwise."""
    wants_cache = os.environ.get("ASSOCMEM_CACHE", "1") != "0"
    return fingerprint(*functions) if wants_cache and all(map(_is_importable, functions)) else None


def _is_importable(function: Callable) -> bool:
    """Whether another process could import `function` by its name."""
    module = sys.modules.get(function.__module__)
    if function.__module__ in ("__main__", "__mp_main__") or getattr(module, "__file__", None) is None:
        return False
    return getattr(module, function.__qualname__, None) is function


class _Dependencies:
    """What machine code is made of: lines of text that are the same in every process, and the texts of files."""

    def __init__(self):
        self.lines: list[str] = []
        self.files: dict[str, bytes] = {}
        self.are_complete = True
        self._numbers: dict[FunctionType, int] = {}  # of the functions met so far

    def add(self, name: str, value) -> None:
        """Append the line ``name=value`` and, if the value is a function, the lines of all that it reads."""
        text = _text(value)
        self.lines.append(f"{name}={text}")
        if isinstance(value, tuple):
            self._add_all((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif isinstance(value, Dispatcher):
            self._add_all((f"{name}.{option}", setting) for option, setting in sorted(value.targetoptions.items()))
            self.add(name, value.py_func)
        elif isinstance(value, _Intrinsic):
            self.add(name, value.__wrapped__)
        elif isinstance(value, FunctionType) and text is None:
            self._add_function(value)
        elif text is None:
            self.are_complete = False

    def _add_all(self, pairs) -> None:
        for name, value in pairs:
            self.add(name, value)

    def _add_function(self, function: FunctionType) -> None:
        # by number, as functions made by the same factory share a name
        is_new = function not in self._numbers
        self.lines.append(f"function {self._numbers.setdefault(function, len(self._numbers))}")
        if not is_new:
            return
        # the code in memory is what is compiled; the file may tell of overloads and options that the code does not show
        path = Path(function.__code__.co_filename)
        if str(path) not in _PACKAGE_TEXTS and str(path) not in self.files and path.is_file():
            self.files[str(path)] = path.read_bytes()
        self.lines.append(_code_text(function.__code__))
        self.add("defaults", function.__defaults__ or ())
        self._add_all(sorted((function.__kwdefaults__ or {}).items()))
        self._add_all(_referenced(function))


def _referenced(function: FunctionType) -> list[tuple[str, object]]:
    """Names and values of the closure variables, globals and members of modules that a function may read."""
    global_names, names = _names(function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    scope = function.__globals__
    pairs = [(name, _contents(cell)) for name, cell in cells]
    pairs += [(name, scope[name]) for name in global_names if name in scope]
    modules = []
    for prefix, module in pairs:  # grows on the way, as a module may hold another
        if isinstance(module, ModuleType) and not _is_library(module) and module not in modules:
            modules.append(module)
            pairs += [(f"{prefix}.{name}", getattr(module, name)) for name in names if hasattr(module, name)]
    return pairs


def _contents(cell):
    """What a closure variable holds; a list, which has no fingerprint, where it is still to be set."""
    try:
        return cell.cell_contents
    except ValueError:
        return []


@cache
def _names(code: CodeType) -> tuple[list[str], list[str]]:
    """Names of the globals that code reads, and all names in it; both sorted."""
    codes = list(_codes(code))
    reads = (step for c in codes for step in dis.get_instructions(c) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    return sorted({step.argval for step in reads}), sorted({name for c in codes for name in c.co_names})


def _codes(code: CodeType):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _code_text(code: CodeType) -> str:
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return f"code {code.co_code.hex()} {names} {_constant_text(code.co_consts)}"


def _constant_text(constant) -> str:
    if isinstance(constant, CodeType):
        return _code_text(constant)
    if isinstance(constant, tuple):
        return f"({', '.join(map(_constant_text, constant))})"
    if isinstance(constant, frozenset):  # strings come in another order in each process
        return f"{{{', '.join(sorted(map(_constant_text, constant)))}}}"
    return repr(constant)


def _text(value) -> str | None:
    """What `value` is, in words that differ for any other and are the same in every process; None if there are none."""
    if type(value) in _PLAIN_TYPES:
        return repr(value)
    if isinstance(value, np.number | np.bool_):
        return f"{value.dtype} {value.tobytes().hex()}"
    if type(value) is np.ndarray and not value.dtype.hasobject:
        layout = (value.dtype, value.shape, value.flags.c_contiguous, value.flags.f_contiguous, value.flags.aligned)
        return f"array {layout} {sha256(value.tobytes()).hexdigest()}"
    if type(value) is tuple:
        return f"tuple of {len(value)}"
    if isinstance(value, _COMPILER_TYPES):
        return f"{type(value).__name__} {value}"
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    return _library_name(value)


def _library_name(value) -> str | None:
    """Where to import a function or class of a library from; None for all else."""
    module_name = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None)
    name, module = getattr(value, "__name__", None), sys.modules.get(module_name)
    if name is None or module is None or not _is_library(module) or getattr(module, name, None) is not value:
        return None
    return f"{module_name}.{name}"


def _is_library(module: ModuleType) -> bool:
    root, file = module.__name__.partition(".")[0], getattr(module, "__file__", None)
    if file is None:
        return root in sys.builtin_module_names
    # a user's module may have the name of one in the standard library
    return root in _LIBRARIES or (root in sys.stdlib_module_names and file.startswith(_STANDARD_FOLDER))
