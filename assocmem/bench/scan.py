"""Scans of points that take some milliseconds each: what is lost on the way, against a bare pool of processes."""

import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from assocmem.bench.measuring import Table
from assocmem.scan import scan

__all__ = ["TABLES"]


def busy(number: int, milliseconds: float) -> float:
    """A point that keeps its core busy for a certain time."""
    end = time.perf_counter() + milliseconds / 1000
    value = 0.0
    while time.perf_counter() < end:
        value += number
    return value


@cache
def pool(n_workers: int) -> ProcessPoolExecutor:
    """Workers that have imported everything, so that their start is not counted."""
    executor = ProcessPoolExecutor(n_workers, multiprocessing.get_context("spawn"))
    scan(busy, {"number": range(10 * n_workers)}, fixed={"milliseconds": 20.0}, executor=executor, progress=False)
    return executor


def _scan(batch, n_steps, threads, **settings):
    design, fixed = {"number": range(n_steps)}, {"milliseconds": float(batch)}
    return scan(busy, design, fixed=fixed, executor=pool(threads), progress=False, **settings)


def assocmem_scan_stored(batch: int, n_steps: int, threads: int):
    """Every point in a store."""
    pool(threads)

    def run():
        folder = Path(tempfile.mkdtemp())
        try:
            return _scan(batch, n_steps, threads, store=folder / "store").value.values
        finally:
            shutil.rmtree(folder)

    return run


def assocmem_scan(batch: int, n_steps: int, threads: int):
    """Without a store."""
    pool(threads)
    return lambda: _scan(batch, n_steps, threads).value.values


def pool_map(batch: int, n_steps: int, threads: int):
    """What one would write instead."""
    workers = pool(threads)
    return lambda: list(workers.map(busy, range(n_steps), [float(batch)] * n_steps))


def points_alone(batch: int, n_steps: int, threads: int):
    """The points of one worker, in this process: the least that is possible."""
    return lambda: [busy(number, float(batch)) for number in range(0, n_steps, threads)]


TABLES = (
    Table(
        "a point of a scan, all workers started before",
        (assocmem_scan_stored, assocmem_scan, pool_map, points_alone),
        (5, 50),
        counted="ms a point",
    ),
)
