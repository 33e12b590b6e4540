"""Scans: a function at every point of a design, one labelled Dataset out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from tqdm import tqdm

from assocmem.scan.designs import Design, as_design, design_of, point_key
from assocmem.scan.functions import check_function
from assocmem.scan.job import Job, labelled, tasks_of
from assocmem.scan.store import Store, StoreError
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
        Processes without an executor; as many as there are cores by default, 0 to run in this process.
    store : path, optional
        Folder in which finished points are kept. If it exists, they are not run again.
    retry_failed : bool
        Whether points of the store that failed are run again.
    accept_changes : bool
        Whether to go on in a store that was made with another version of the function, of assocmem, or with other
        fixed parameters or seed. Points of another design are no obstacle: those in common are used.
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
        If an argument is of the wrong type or out of its range, the function cannot be sent to other processes, or
        results differ in shape between points.
    StoreError
        If the store cannot be used, or was made by another function, seed or version.
    ScanError
        If an executor or the disk gives up; `partial` has what was finished.
    ScanInterrupted
        On an interrupt; `partial` has what was finished.
    """
    design = as_design(design)
    fixed = dict(fixed or {})
    takes_seed = check_function(run, design, fixed, repeats)
    check_integer("seed", seed, 0)
    for name, value in {"retry_failed": retry_failed, "accept_changes": accept_changes, "progress": progress}.items():
        check_boolean(name, value)
    if workers is not None:
        check_integer("workers", workers, 0)
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must have a method submit, as those of concurrent.futures, got {executor!r}")
    tasks = tasks_of(design, repeats, seed, fixed, takes_seed)
    job = Job(run, design, repeats, seed, tasks)
    if store is not None:
        job.open(store, fixed, retry_failed=retry_failed, accept_changes=accept_changes)
    job.run_all(executor, workers, progress)
    return job.dataset()


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
        """Time for all points with all workers busy."""
        return self.n_points * self.seconds_per_point / self.n_workers

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
    design, fixed = as_design(design), dict(fixed or {})
    tasks = tasks_of(design, repeats, seed, fixed, check_function(run, design, fixed, repeats))
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
        If the folder is not the store of a scan.
    """
    if not (Path(store) / "manifest.json").is_file():
        raise StoreError(f"store must be a folder with the manifest of a scan, got {store}")
    kept = Store(store)
    manifest = kept.manifest()
    design, repeats, seed = design_of(manifest["design"]), manifest["repeats"], manifest["seed"]
    keys = [point_key(label, repeat, seed) for label in design.labels() for repeat in range(repeats or 1)]
    names = {name: manifest[name] for name in ("function", "version", "seed")}
    fixed = {f"fixed_{name}": value for name, value in manifest["fixed"].items()}
    return labelled([kept.load(key) for key in keys], design, repeats).assign_attrs({**names, **fixed})
