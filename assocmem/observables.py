"""Quantities recorded during a run instead of the whole state, so that memory does not grow with units x time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import matmul

__all__ = ["OBSERVABLES", "Observable", "pattern_overlap", "resolve_observables"]


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


OBSERVABLES = {
    "mean": Observable(lambda y: y.mean(axis=-1)),
    "std": Observable(lambda y: y.std(axis=-1)),
    "minimum": Observable(lambda y: y.min(axis=-1)),
    "maximum": Observable(lambda y: y.max(axis=-1)),
    "norm": Observable(lambda y: np.sqrt(np.square(y).sum(axis=-1))),
}


def pattern_overlap(patterns, activation: Callable[[np.ndarray], np.ndarray] | None = None) -> Observable:
    """Overlap with each pattern, m = <xi, y> / (|xi| |y|), with the same bits for any batch.

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
        y = np.ascontiguousarray((y if activation is None else activation(y))[..., : patterns.shape[1]])
        products = np.empty((y[..., 0].size, len(patterns)))
        compile_loop(_product_loop)(y.reshape(-1, y.shape[-1]), transposed, products)
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
    if not isinstance(observables, Mapping):
        unknown = [name for name in observables if name not in OBSERVABLES]
        if unknown:
            raise ValueError(f"observables must be among {', '.join(OBSERVABLES)} or a mapping, got {unknown}")
        return {name: OBSERVABLES[name] for name in observables}
    for name, value in observables.items():
        if not (callable(value) or isinstance(value, Observable)):
            raise TypeError(f"observables[{name!r}] must be a function or an Observable, got {type(value).__name__}")
    return {k: v if isinstance(v, Observable) else Observable(v) for k, v in observables.items()}


def _product_loop():
    def loop(y, weights, out):
        matmul(y, weights, out)

    return loop
