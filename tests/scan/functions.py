"""Functions that worker processes can import."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.threads import default_threads


def product(a, b):
    return a * b


def noisy(a, seed):
    return a + np.random.default_rng(seed).standard_normal()


def labelled(a, b=2.0, seed=0):
    x = xr.DataArray(a * np.arange(3.0), {"unit": [10, 11, 12]}, "unit", attrs={"units": "Hz"})
    return xr.Dataset({"rate": x, "count": ((), int(b))}, {"unit": ("unit", [10, 11, 12], {"units": "1"})})


def several(a):
    return {"square": a**2, "pair": np.array([a, -a]), "is_large": a > 1}


def failing(a):
    if a == 2:
        raise ValueError("two is not allowed")
    return float(a)


def dying(a):
    if a == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(a)


def counting(a, folder):
    """Leaves a trace of every call."""
    (Path(folder) / f"{a}-{time.time_ns()}").touch()
    return float(a)


def threads_here(a):
    return default_threads()
