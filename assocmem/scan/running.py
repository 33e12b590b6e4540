"""Scans: a function at every point of a design, one labelled Dataset out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from tqdm import tqdm

from assocmem.scan.designs import Design, as_design, design_of
from assocmem.scan.functions import check_function, checked_fixed
from assocmem.scan.job import Job, Task, labelled, tasks_of
from assocmem.scan.store import Store, StoreError, point_keys
from assocmem.scan.worker import call, this_process
from assocmem.threads import default_threads
from assocmem.validation import check_boolean, check_integer

__all__ = ["Cost", "load_scan", "scan", "scan_cost"]


def scan(
    run: Callable,
    design: Design | Mapping,
    *,
    repeats: int | None = None,
    seed: int = 0,
    fixed: Mapping | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
    retry_failed: bool = False,
    accept_changes: bool = False,
    progress: bool = True,
) -> xr.Dataset:
    """Results of a function at every point of a design.

    Points are independent of each other and of how they are run: each has a seed of its own, which follows from its
    parameters, the repeat and the seed of the scan.

    Parameters
    ----------
    run : function
        Called with the parameters of a point by name, those that are fixed, and, if it has a parameter of that name,
        with `seed`. Returns a number, an array, a DataArray or a Dataset, or a dict of the first three. To run in other
        processes it must be found there: defined in a module or script, not inside a function.
    design : Design or dict
        `Grid`, `Zipped` or `RandomDesign`; a dict of parameters to their values is a grid.
    repeats : int, >= 1, optional
        Run each point so many times, with different seeds, along a dimension repeat.
    seed : int, >= 0
    fixed : dict, optional
        Parameters that are the same everywhere.
    executor : concurrent.futures.Executor, optional
        Where to run: a thread pool, a `dask.distributed` client's ``get_executor()``, ``mpi4py.futures``... It is not
        shut down. None for processes of this machine.
    workers : int, >= 0, optional
        Processes without an executor; as many as there are cores by default, 0 to run in this process. That leaves BLAS
        its threads, whereas workers have one each: functions that rest on BLAS may differ in their last bits.
    store : path, optional
        Folder in which finished points are kept, and where those that are there already are found. A point is known by
        all that goes into it: its parameters and the content of the objects behind their labels, the content of fixed
        parameters, the repeat and the seed. So designs, fixed parameters and seeds may change from scan to scan.
    retry_failed : bool
        Whether points of the store that failed are run again.
    accept_changes : bool
        Whether points count although they were made by another version of assocmem, or another function: another name,
        source, or content of what it holds (frozen and default arguments, variables that it encloses, its object). What
        the function calls is not compared.
    progress : bool
        Show a progress bar with the time left.

    Returns
    -------
    Dataset
        Results over the dimensions of the design, repeat and their own, with parameters as coordinates. `status` (0
        done, 1 failed, 2 missing), `error` (the traceback of a point that failed) and `seconds` for each point; results
        of a point that failed are NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, the function cannot be sent to other processes, or a
        store is to hold points of objects whose content cannot be read.
    StoreError
        If the store cannot be used, or was made by another function or version.
    ScanError
        If workers do not start, or an executor or the disk gives up; `partial` has what was finished.
    ScanInterrupted
        On an interrupt; `partial` has what was finished. Workers are ended at once; what an executor runs, it runs on.
    """
    design, fixed, tasks = _checked(run, design, repeats, seed, fixed, workers)
    for name, value in {"retry_failed": retry_failed, "accept_changes": accept_changes, "progress": progress}.items():
        check_boolean(name, value)
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must have a method submit, as those of concurrent.futures, got {executor!r}")
    job = Job(run, design, repeats, int(seed), tasks)
    if store is not None:
        job.open(store, fixed, retry_failed=retry_failed, accept_changes=accept_changes)
    job.run_all(executor, workers, progress)
    return job.dataset()


def _checked(run, design, repeats, seed, fixed, workers) -> tuple[Design, dict, list[Task]]:
    """Design, fixed parameters and calls of a scan.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    """
    design, fixed = as_design(design), checked_fixed(fixed)
    check_integer("seed", seed, 0)
    if workers is not None:
        check_integer("workers", workers, 0)
    takes_seed = check_function(run, design, fixed, repeats)
    return design, fixed, tasks_of(design, repeats, int(seed), fixed, takes_seed)


@dataclass(frozen=True)
class Cost:
    """What a scan would take, from one point that was timed.

    Attributes
    ----------
    n_points : int
        Repeats included.
    seconds_per_point : float
    n_workers : int
    """

    n_points: int
    seconds_per_point: float
    n_workers: int

    @property
    def seconds(self) -> float:
        """Time for all points, of which each worker runs one after the other."""
        return math.ceil(self.n_points / self.n_workers) * self.seconds_per_point

    def __str__(self) -> str:
        whole = tqdm.format_interval(self.seconds)
        return f"{self.n_points} points of {self.seconds_per_point:.3g} s on {self.n_workers} workers: about {whole}"


def scan_cost(
    run: Callable,
    design: Design | Mapping,
    *,
    repeats: int | None = None,
    seed: int = 0,
    fixed: Mapping | None = None,
    workers: int | None = None,
) -> Cost:
    """What a scan would take, if all points took as long as the one in the middle of the design.

    That point is run twice in this process, and the second run counts: compiling does not.

    Parameters
    ----------
    run, design, repeats, seed, fixed, workers
        As in `scan`.

    Raises
    ------
    TypeError, ValueError
        As `scan`.
    RuntimeError
        If the point fails.
    """
    _, _, tasks = _checked(run, design, repeats, seed, fixed, workers)
    task = tasks[len(tasks) // 2]
    for _ in range(2):
        outcome = call(run, task.parameters, this_process())
        if outcome.error:
            raise RuntimeError(f"run failed at {task.parameters}:\n{outcome.error}")
    return Cost(len(tasks), outcome.seconds, max(1, default_threads() if workers is None else workers))


def load_scan(store: str | Path) -> xr.Dataset:
    """What is finished of the scan that used a store last, without its function.

    Parameters
    ----------
    store : path

    Returns
    -------
    Dataset
        As of `scan`, with status 2 for points that are missing or damaged.

    Raises
    ------
    StoreError
        If the folder is not the store of a scan, or cannot be read.
    """
    kept = Store(store)
    manifest = kept.manifest()
    if manifest is None:
        raise StoreError(f"store must be a folder with the manifest of a scan, got {store}")
    try:
        design, repeats, seed = design_of(manifest["design"]), manifest["repeats"], manifest["seed"]
        keys = point_keys(design, repeats, seed, manifest["contents"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the manifest of store {store} does not describe a scan ({error!r})") from error
    names = {name: manifest[name] for name in ("function", "version", "seed")}
    fixed = {f"fixed_{name}": value for name, value in manifest["fixed"].items()}
    return labelled([kept.load(key) for key in keys], design, repeats).assign_attrs({**names, **fixed})
