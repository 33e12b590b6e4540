"""How contenders are timed: each in a process of its own, pinned to cores, with as many BLAS threads; best of three."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Table", "blas_rate", "child", "is_installed", "measure", "needs", "repeated"]

# (batch, n_steps, threads) -> function that does the work once
Contender = Callable[[int, int, int], Callable[[], object]]
BLAS_SIZE = 1500


@dataclass(frozen=True)
class Table:
    """Contenders that do the same work; the first is ours and the others are given as multiples of its time.

    Parameters
    ----------
    title : str
        What one step is.
    contenders : tuple of function
        Module-level functions ``(batch, n_steps, threads) -> function`` that does `n_steps` steps.
    batches : tuple of int
        Numbers of trajectories, or of what else `counted` says.
    flops : int, optional
        Floating-point operations of one trajectory and step, for the fraction of the rate of BLAS.
    counted : str
        Head of a column, before its number.
    remark : pair of str and function, optional
        What else is to be said of a contender, and a function ``(contender, batch, threads) -> str`` that says it in at
        most 20 letters.
    has_exponent : bool
        Whether to show by which power of the batch the time grows, from all batches.
    """

    title: str
    contenders: tuple[Contender, ...]
    batches: tuple[int, ...]
    flops: int | None = None
    counted: str = "batch"
    remark: tuple[str, Callable[[Contender, int, int], str]] | None = None
    has_exponent: bool = False


def needs(package: str) -> Callable[[Contender], Contender]:
    """Mark a contender that is left out where a package is missing."""

    def mark(contender: Contender) -> Contender:
        contender.needs = package
        return contender

    return mark


def repeated(work: Callable[[], object], n_steps: int) -> Callable[[], object]:
    """A function that does the work so often and returns the last result; earlier ones leave their memory to it."""

    def run():
        for _ in range(n_steps):
            result = work()
        return result

    return run


def blas_dgemm(batch: int, n_steps: int, threads: int) -> Callable:
    """The product of two square matrices: what BLAS reaches on this machine."""
    a = np.random.default_rng(3).random((BLAS_SIZE, BLAS_SIZE))
    out = np.empty_like(a)

    def run():
        for _ in range(n_steps):
            np.dot(a, a, out=out)

    return run


def blas_rate(threads: int, seconds: float) -> float:
    """Floating-point operations per second of a large product."""
    return 2 * BLAS_SIZE**3 / measure(blas_dgemm, 1, threads, seconds)


def is_installed(contender: Contender) -> bool:
    """Whether the package that a contender needs, if any, is there."""
    package = getattr(contender, "needs", None)
    return package is None or importlib.util.find_spec(package) is not None


def measure(contender: Contender, batch: int, threads: int, seconds: float) -> float:
    """Seconds per step of a contender in a process of its own; NaN if a package that it needs is missing."""
    if not is_installed(contender):
        return float("nan")
    environment = os.environ | {f"{v}_NUM_THREADS": str(threads) for v in ("OPENBLAS", "OMP", "MKL")}
    name = f"{contender.__module__}:{contender.__name__}"
    command = [sys.executable, "-m", "assocmem.bench", "--child", name, str(batch), str(threads), str(seconds)]
    cores = sorted(os.sched_getaffinity(0))[:threads]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, batch: int, threads: int, seconds: float) -> float:
    """Time a contender here: choose the number of steps for about `seconds`, then take the best of three."""
    module, function = name.split(":")
    make = getattr(importlib.import_module(module), function)
    make(batch, 2, threads)()  # compiles
    n_steps, elapsed = 1, 0.0
    while elapsed < 0.2 * seconds:
        if elapsed > 0:
            n_steps = int(n_steps * min(20.0, max(2.0, 0.5 * seconds / elapsed)))
        work = make(batch, n_steps, threads)
        started = time.perf_counter()
        work()
        elapsed = time.perf_counter() - started
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) / n_steps
