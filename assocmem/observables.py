"""Quantities recorded during a run instead of the whole state, so that memory does not grow with units x time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import matmul, product_loop

__all__ = ["OBSERVABLES", "Observable", "check_observables", "pattern_overlap", "resolve_observables"]


@dataclass(frozen=True)
class Observable:
    """A function of states with the labels of what it returns.

    Parameters
    ----------
    function : callable
        From an array (..., unit) to an array (...) or (..., `dim`). It sees many states at a time, in no fixed
        grouping, so it must treat them one by one.
    dim : str, optional
        Name of the last dimension of the result, if it has one besides trajectory and time.
    units : str
        Unit of the result.
    """

    function: Callable[[np.ndarray], np.ndarray]
    dim: str | None = None
    units: str = "1"

    def dimension(self, name: str) -> str:
        """Name of the last dimension of the result, if it has one."""
        return self.dim or f"{name}_dim"


OBSERVABLES = {
    "mean": Observable(lambda y: y.mean(axis=-1)),
    "std": Observable(lambda y: y.std(axis=-1)),
    "minimum": Observable(lambda y: y.min(axis=-1)),
    "maximum": Observable(lambda y: y.max(axis=-1)),
    "norm": Observable(lambda y: np.sqrt(np.square(y).sum(axis=-1))),
}


def pattern_overlap(patterns, activation: Callable[[np.ndarray], np.ndarray] | None = None) -> Observable:
    """Overlap with each pattern, ``m = <xi, y> / (|xi| |y|)``, with the same bits for any batch.

    Parameters
    ----------
    patterns : array (pattern, unit)
        They may cover the first units only, for example the excitatory ones.
    activation : callable, optional
        Applied to the state first, for example the rate function of a model whose state is a potential.

    Returns
    -------
    Observable (..., pattern), in [-1, 1]; NaN where a norm is zero.

    Raises
    ------
    ValueError
        If `patterns` is no finite matrix.
    """
    patterns = np.ascontiguousarray(patterns, dtype=float)
    if patterns.ndim != 2 or not np.all(np.isfinite(patterns)):
        raise ValueError(f"patterns must be a finite matrix (pattern, unit), got shape {patterns.shape}")
    transposed, norms = np.ascontiguousarray(patterns.T), np.sqrt(np.square(patterns).sum(axis=1))

    def overlap(y: np.ndarray) -> np.ndarray:
        if patterns.shape[1] > y.shape[-1]:
            raise ValueError(
                f"patterns must have at most the {y.shape[-1]} units of the state, got {patterns.shape[1]}"
            )
        y = np.ascontiguousarray((y if activation is None else activation(y))[..., : patterns.shape[1]])
        products = np.empty((y[..., 0].size, len(patterns)))
        compile_loop(product_loop, matmul)(y.reshape(-1, y.shape[-1]), transposed, products)
        scale = np.sqrt(np.square(y).sum(axis=-1))[..., None] * norms
        with np.errstate(invalid="ignore", divide="ignore"):
            return products.reshape(*y.shape[:-1], len(patterns)) / scale

    return Observable(overlap, dim="pattern")


def resolve_observables(observables: Mapping | Sequence | None) -> dict[str, Observable]:
    """Observables by name, from names of `OBSERVABLES` or a mapping of names to functions or `Observable`.

    Raises
    ------
    ValueError
        If a name is unknown.
    TypeError
        If a value is neither a function nor an `Observable`.
    """
    if observables is None:
        return {}
    if isinstance(observables, str):
        observables = [observables]
    if not isinstance(observables, Mapping | Sequence):
        raise TypeError(f"observables must be names or a mapping of names to functions, got {observables!r}")
    if not isinstance(observables, Mapping):
        unknown = [name for name in observables if name not in OBSERVABLES]
        if unknown:
            raise ValueError(f"observables must be among {', '.join(OBSERVABLES)} or a mapping, got {unknown}")
        return {name: OBSERVABLES[name] for name in observables}
    for name, value in observables.items():
        if not (callable(value) or isinstance(value, Observable)):
            raise TypeError(f"observables[{name!r}] must be a function or an Observable, got {type(value).__name__}")
    return {k: v if isinstance(v, Observable) else Observable(v) for k, v in observables.items()}


RESERVED = (
    "final_state", "input_noise", "n_steps", "previous_error", "residual", "status", "step_size", "stop_time", "time",
    "trajectory", "unit",
)  # fmt: skip


def check_observables(observables: dict[str, Observable], y: np.ndarray, state: str) -> None:
    """Evaluate each observable once on the initial states, so that a faulty one fails before anything runs.

    Raises
    ------
    ValueError
        If a name is taken, or a result has the wrong shape, kind of number or dimension.
    """
    if state in RESERVED:
        raise ValueError(f"state of the model must not be one of {', '.join(RESERVED)}, got {state!r}")
    sizes: dict[str, int] = {}
    probe = y[:, None].view()
    probe.flags.writeable = False
    for name, observable in observables.items():
        if name in RESERVED:
            raise ValueError(f"observables must not be named {', '.join(RESERVED)}, got {name!r}")
        value = np.asarray(observable.function(probe))
        if value.shape[:2] != probe.shape[:2] or value.ndim > 3 or value.dtype.kind not in "biuf":
            raise ValueError(
                f"observables[{name!r}] must map real states (..., unit) to real values (...) or (..., k), "
                f"got {value.dtype} of shape {value.shape} from {probe.shape}"
            )
        if value.ndim == 3:
            dim = observable.dimension(name)
            if dim in RESERVED or sizes.setdefault(dim, value.shape[2]) != value.shape[2]:
                raise ValueError(f"observables[{name!r}] must have a dimension of its own size and name, got {dim!r}")
