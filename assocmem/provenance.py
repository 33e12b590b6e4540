"""What a result came from, as attributes that netCDF and zarr can hold."""

import dataclasses
import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import FunctionType

import numpy as np

__all__ = ["describe", "run_attributes"]

LARGEST_ARRAY = 64  # arrays up to this many elements are stored in full, larger ones as shape and checksum


@cache
def package_version(name: str = "assocmem") -> str:
    """Version of an installed package, "unknown" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def describe(value) -> object:
    """`value` in terms that JSON can hold: dataclasses as dicts, large arrays as shape and SHA-256."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if hasattr(value, "parameters") and hasattr(value, "kernel"):  # a model that is no dataclass
        return {"type": type(value).__name__} | describe(value.parameters(value.kernel))
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return repr(float(value))  # JSON has no such numbers
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, np.ndarray):
        if value.size <= LARGEST_ARRAY:
            return describe(value.tolist())  # which may hold infinities
        checksum = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": checksum}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "items"):
        return {str(k): describe(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | bool | type(None)) else repr(value)


def run_attributes(model, **settings) -> dict[str, str | int | float]:
    """Flat scalars and one JSON string `provenance` with everything, versions included.

    Parameters
    ----------
    model : Flow or Map
    **settings
        Those of the run; None is left out of the flat attributes (netCDF cannot hold it).
    """
    parameters = describe(model)
    versions = {name: package_version(name) for name in ("assocmem", "numpy", "numba", "xarray")}
    versions["python"] = platform.python_version()
    everything = {"model": parameters, "settings": {k: describe(v) for k, v in settings.items()}, "versions": versions}
    flat = {"model": type(model).__name__, "version": versions["assocmem"]}
    flat |= {
        f"parameter_{k}": v for k, v in parameters.items() if isinstance(v, int | float) and not isinstance(v, bool)
    }
    flat |= {k: v for k, v in settings.items() if isinstance(v, str | int | float | np.number) and v is not True}
    flat = {k: int(v) if isinstance(v, bool) else v for k, v in flat.items()}
    if settings.get("seed") is not None:
        flat["seed"] = str(settings["seed"])  # any size, which a netCDF integer is not
    return {**flat, "provenance": json.dumps(everything, allow_nan=False)}
