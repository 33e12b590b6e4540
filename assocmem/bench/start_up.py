"""What starting costs: the import of the package and the first run, compiled anew and from the cache."""

import os
import subprocess
import sys
import tempfile

import numpy as np

__all__ = ["start_up"]

COLD_START = """
import time
t0 = time.perf_counter()
import numpy, numba, xarray
t1 = time.perf_counter()
import assocmem
t2 = time.perf_counter()
numba.njit(lambda x: x + 1.0)(1.0)  # Numba's own start, paid by any program that uses it
t3 = time.perf_counter()
from assocmem.bench import balanced_ei
balanced_ei.assocmem_rk4(8, 2, 1)()
t4 = time.perf_counter()
balanced_ei.assocmem_euler(8, 2, 1)()
t5 = time.perf_counter()
print(t2 - t1, t3 - t2, t4 - t3, t5 - t4)
"""


def start_up() -> dict[str, float]:
    """Seconds to import the package after its libraries, and of the first run, compiled anew and from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        runs = [
            subprocess.run(
                [sys.executable, "-c", COLD_START], env=environment, capture_output=True, text=True, check=True
            ).stdout.split()
            for _ in range(3)
        ]
    cold, *cached = [[float(x) for x in run] for run in runs]
    best = np.min(cached, axis=0)
    return {
        "import assocmem": best[0],
        "Numba's own start": best[1],
        "first run, compiling": cold[2],
        "first run, from the cache": best[2],
        "another loop, from the cache": best[3],
    }
