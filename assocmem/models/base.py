"""The contract between models and integrators: `Flow` for differential equations, `Map` for iterated maps."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from assocmem.kernels.matmul import aligned_empty

__all__ = ["Flow", "FunctionFlow", "FunctionMap", "Map"]

WORK, STIMULUS = "work", "stimulus"
_RESERVED = (WORK, STIMULUS)


class _Model:
    """What flows and maps share: a kernel whose further arguments are bound by name to attributes of the model."""

    state = "state"
    state_units = "1"
    time_units = "1"
    n_work = 0
    needs_stimulus = False  # whether a run without one from its start on would be of another system

    @property
    def n_stimulus(self) -> int:
        """Columns of the kernel's argument `stimulus`: one for each unit, unless the model says otherwise."""
        return self.n_units

    @property
    def kernel(self) -> Callable:
        """The kernel that the integrators run."""
        raise NotImplementedError

    @property
    def takes_stimulus(self) -> bool:
        """Whether the kernel has an argument `stimulus`, the input that simulate() controls."""
        return STIMULUS in kernel_arguments(self.kernel)

    def parameters(self, function: Callable) -> dict[str, np.ndarray | float | int | tuple]:
        """Values of the kernel's arguments after its first three, by name, ready for compiled code.

        Parameters
        ----------
        function : function
            A kernel of this model.

        Raises
        ------
        ValueError
            If the model has no attribute of that name, or it is not a finite number or array.
        """
        names = [name for name in kernel_arguments(function) if name not in _RESERVED]
        return {name: _compiled_value(name, self._lookup(name)) for name in names}

    def _lookup(self, name: str):
        if not hasattr(self, name):
            raise ValueError(f"{type(self).__name__} has no attribute {name!r} for the kernel argument of that name")
        return getattr(self, name)


class Flow(_Model):
    """Ordinary or stochastic differential equation dy = f(t, y) dt + g(t, y) dW over a block of trajectories.

    A subclass, usually a frozen dataclass, supplies

    - `n_units`: length of the state vector of one trajectory;
    - `rhs`: a static method marked by `assocmem.kernel`, ``rhs(t, y, dy, <parameters>)``, that fills `dy`
      (trajectory, unit) from `t` (trajectory,) and `y` (trajectory, unit). Further arguments are bound by their names
      to attributes of the model: arrays (float64 or, for integers, int64; int8 stays int8; all C-contiguous), floats,
      integers, and tuples of arrays of one kind, say one for each layer. Two names are reserved: `work`, a scratch
      block (trajectory, n_work), and `stimulus`, the external input (trajectory, n_stimulus) that the arguments
      `stimulus` and `noise` of `simulate` control;
    - optionally `n_stimulus`, where the input is not one drive for each unit. Whatever switches in time or differs
      between trajectories can be a column: drives, gates, strengths;
    - optionally `diffusion`: a kernel ``diffusion(t, y, amplitude, <parameters>)`` that fills the diagonal g of the
      noise, in units of the state per square root of time;
    - optionally `leak`: rates (unit,) of the linear decay -leak * y contained in `rhs`, for exponential Euler;
    - names and units: `state`, `state_units`, `time_units`.

    Compiled code does not check bounds: a kernel must not index beyond the arrays that it is given.

    Everything else (`simulate`, scans, analysis) works for any such model.
    """

    diffusion = None
    leak = None

    @property
    def kernel(self) -> Callable:
        return self.rhs


class Map(_Model):
    """Iterated map y <- F(t, y) over a block of trajectories; time counts the iterations.

    Like `Flow`, with a kernel ``update(t, y, new, <parameters>)`` that fills `new` (trajectory, unit).
    """

    diffusion = None
    leak = None
    time_units = "iterations"

    @property
    def kernel(self) -> Callable:
        return self.update


@dataclass(frozen=True, eq=False)
class FunctionFlow(Flow):
    """Flow made of a right-hand side and its parameters, without a class of one's own.

    Parameters
    ----------
    rhs : function
        Kernel ``rhs(t, y, dy, <parameters>)`` of the contract of `Flow`.
    n_units : int
        Length of the state vector.
    values : mapping of str to float, int or ndarray
        Parameters by the names of the arguments of the kernels.
    diffusion : function, optional
        Kernel ``diffusion(t, y, amplitude, <parameters>)``.
    leak : ndarray (unit,), optional
        Rates of the linear decay contained in `rhs`, per unit of time.
    n_work : int
        Columns of the scratch block `work`.
    state, state_units, time_units : str
        Name of the state variable and units, for labels.
    """

    rhs: Callable
    n_units: int
    values: Mapping = field(default_factory=dict)
    diffusion: Callable | None = None
    leak: np.ndarray | None = None
    n_work: int = 0
    state: str = "state"
    state_units: str = "1"
    time_units: str = "1"

    def _lookup(self, name: str):
        if name not in self.values:
            raise ValueError(f"values must hold every argument of the kernel; {name!r} is missing")
        return self.values[name]


@dataclass(frozen=True, eq=False)
class FunctionMap(Map):
    """Map made of an update kernel and its parameters; see `FunctionFlow`."""

    update: Callable
    n_units: int
    values: Mapping = field(default_factory=dict)
    n_work: int = 0
    state: str = "state"
    state_units: str = "1"

    _lookup = FunctionFlow._lookup


@cache
def kernel_arguments(function: Callable) -> tuple[str, ...]:
    """Names of a kernel's arguments after (t, y, dy)."""
    names = list(inspect.signature(function).parameters)
    if len(names) < 3:
        raise ValueError(f"a kernel must take (t, y, dy, ...), got arguments {names} of {function.__name__}")
    return tuple(names[3:])


def _compiled_value(name: str, value):
    if isinstance(value, tuple):
        return tuple(_compiled_value(f"{name}[{k}]", item) for k, item in enumerate(value))
    if isinstance(value, int | np.integer | np.bool_):
        if not -(2**63) <= int(value) < 2**63:
            raise ValueError(f"{name} must be below 2^63 in size or a float, got {value}")
        return int(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a number or an array of numbers, got {type(value).__name__}")
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    if array.ndim == 0:
        return float(array)
    if array.dtype == np.int8:  # signs, which are read as they are: an eighth of the memory
        return np.array(array, order="C")
    if array.dtype.kind in "biu":
        if array.size and int(array.max()) >= 2**63:
            raise ValueError(f"{name} must be below 2^63, got {array.max()}")
        return np.array(array, dtype=np.int64, order="C")
    # a copy of our own: the run neither sees nor causes later changes of the model's arrays
    copy = aligned_empty(array.shape)
    copy[:] = array
    return copy
