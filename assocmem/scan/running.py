"""Scans: a function at every point of a design, one labelled Dataset out."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.provenance import package_version
from assocmem.scan.designs import Design, as_design, design_of, point_key, point_seed
from assocmem.scan.outcomes import Outcome, combined
from assocmem.scan.store import FORMAT, Store, StoreError
from assocmem.scan.worker import call, limit_threads, this_process
from assocmem.threads import default_threads
from assocmem.validation import check_boolean, check_integer

__all__ = ["Cost", "ScanError", "ScanInterrupted", "load_scan", "scan", "scan_cost"]

_IN_FLIGHT = 1024  # points that a foreign executor has at a time
_PER_WORKER = 4
_logger = logging.getLogger(__name__)


class ScanError(RuntimeError):
    """A scan could not go on.

    Attributes
    ----------
    partial : Dataset
        What was finished.
    """

    def __init__(self, message: str, partial: xr.Dataset):
        super().__init__(message)
        self.partial = partial


class ScanInterrupted(KeyboardInterrupt):
    """A scan was interrupted from the keyboard.

    Attributes
    ----------
    partial : Dataset
        What was finished.
    """

    def __init__(self, message: str, partial: xr.Dataset):
        super().__init__(message)
        self.partial = partial


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
    takes_seed = _check_run(run, design, fixed, repeats)
    check_integer("seed", seed, 0)
    for name, value in {"retry_failed": retry_failed, "accept_changes": accept_changes, "progress": progress}.items():
        check_boolean(name, value)
    if workers is not None:
        check_integer("workers", workers, 0)
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must have a method submit, as those of concurrent.futures, got {executor!r}")
    tasks = _tasks(design, repeats, seed, fixed, takes_seed)
    job = _Scan(run, design, repeats, seed, tasks)
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
    tasks = _tasks(design, repeats, seed, fixed, _check_run(run, design, fixed, repeats))
    task = tasks[len(tasks) // 2]
    for _ in range(2):
        outcome = call(run, task.parameters, this_process())
        if outcome.error:
            raise RuntimeError(f"run failed at {task.parameters}:\n{outcome.error}")
    return Cost(len(tasks), outcome.seconds, max(1, default_threads() if workers is None else workers))


def _check_run(run, design, fixed, repeats) -> bool:
    """Whether the function takes a seed."""
    if not callable(run):
        raise TypeError(f"run must be a function, got {run!r}")
    if repeats is not None:
        check_integer("repeats", repeats, 1)
    parameters = inspect.signature(run).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    names = {axis.name for axis in design.axes}
    unknown = sorted((names | set(fixed)) - set(parameters))
    if unknown and not takes_any:
        raise ValueError(f"run must take all parameters, but has none of the name {', '.join(unknown)}")
    if names & set(fixed):
        raise ValueError(f"fixed must not have parameters of the design, got {', '.join(sorted(names & set(fixed)))}")
    takes_seed = ("seed" in parameters or takes_any) and "seed" not in fixed
    if repeats is not None and not takes_seed:
        raise ValueError("run must take a seed if there are repeats, which would otherwise all be the same")
    return takes_seed


@dataclass(frozen=True)
class _Task:
    """One call: its place in the results, its name, and its parameters."""

    place: int
    key: str
    parameters: dict


def _tasks(design, repeats, seed, fixed, takes_seed):
    tasks = []
    for label, values in zip(design.labels(), design.points(), strict=True):
        for repeat in range(repeats or 1):
            own = {"seed": point_seed(label, repeat, seed)} if takes_seed else {}
            tasks.append(_Task(len(tasks), point_key(label, repeat, seed), {**fixed, **values, **own}))
    return tasks


@dataclass(eq=False)
class _Scan:
    """A scan in progress."""

    function: Callable
    design: Design
    repeats: int | None
    seed: int
    tasks: list[_Task]
    store: Store | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def open(self, folder, fixed, *, retry_failed, accept_changes):
        """Take finished points from a store."""
        self.store = Store(folder)
        manifest = {
            "format": FORMAT,
            "function": function_name(self.function),
            "source": source_digest(self.function),
            "fixed": {name: repr(value) for name, value in fixed.items()},
            "seed": self.seed,
            "version": package_version(),
        }
        found = self.store.manifest()
        changed = [] if found is None else [name for name in manifest if found.get(name) != manifest[name]]
        if changed and not accept_changes:
            described = "; ".join(f"{name}: {found.get(name)!r} there, {manifest[name]!r} now" for name in changed)
            raise StoreError(f"store {folder} was made by another scan ({described}); accept_changes=True to use it")
        manifest |= {"design": self.design.described(), "repeats": self.repeats}
        if found != manifest:
            self.store.write_manifest(manifest)
        keys = self.store.keys()
        for task in self.tasks:
            outcome = self.store.load(task.key) if task.key in keys else None
            if outcome is not None and not (outcome.error and retry_failed):
                self.outcomes[task.place] = outcome
        if self.store.n_corrupt:
            _logger.warning("store %s: %d damaged points are run again", folder, self.store.n_corrupt)

    def take(self, task: _Task, outcome: Outcome) -> None:
        """Keep the outcome of a point."""
        self.outcomes[task.place] = outcome
        if self.store is not None:
            self.store.save(task.key, outcome)

    def run_all(self, executor, workers, progress):
        """Run all points that are not there yet."""
        waiting = deque(task for task in self.tasks if task.place not in self.outcomes)
        if not waiting:
            return
        n_workers = min(default_threads() if workers is None else workers, len(waiting))
        settings = {"total": len(self.tasks), "initial": len(self.outcomes), "disable": not progress, "unit": "point"}
        try:
            with tqdm(desc=getattr(self.function, "__name__", "scan"), **settings) as bar:
                if executor is not None:
                    self._submit(waiting, executor, _IN_FLIGHT, bar)
                elif n_workers == 0:
                    self._run_here(waiting, bar)
                else:
                    self._run_in_pool(waiting, n_workers, bar)
        except KeyboardInterrupt as interrupt:
            message = f"interrupted with {len(self.outcomes)} of {len(self.tasks)} points finished"
            raise ScanInterrupted(message, self.dataset()) from interrupt
        except (BrokenExecutor, StoreError) as error:
            message = f"the scan ended with {len(self.outcomes)} of {len(self.tasks)} points finished: {error}"
            raise ScanError(message, self.dataset()) from error

    def _run_here(self, waiting, bar):
        while waiting:
            task = waiting.popleft()
            self.take(task, call(self.function, task.parameters, this_process()))
            bar.update()

    def _run_in_pool(self, waiting, n_workers, bar):
        """Run on processes of this machine. One that dies takes the pool along: its points are run again, one at a
        time, so that the one that kills its worker is found, and fails."""
        function = sendable(self.function)
        suspects: deque[_Task] = deque()
        while waiting or suspects:
            few, size = (suspects, 1) if suspects else (waiting, n_workers)
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(size, context, initializer=limit_threads) as pool:
                lost = self._in_flight(few, pool, size * _PER_WORKER if size > 1 else 1, bar, function)
            if size == 1 and lost:
                text = "the worker process died at this point: killed, out of memory, or crashed in compiled code"
                self.take(lost[0], Outcome(error=text))
                bar.update()
            else:
                suspects.extend(lost)

    def _submit(self, waiting, executor, most, bar):
        lost = self._in_flight(waiting, executor, most, bar, self.function)
        if lost:
            raise BrokenExecutor(f"the executor lost {len(lost)} points; they are not finished")

    def _in_flight(self, waiting, executor, most, bar, function) -> list[_Task]:
        """Keep an executor busy until nothing waits; the points that it lost, if it broke down."""
        running, lost = {}, []
        try:
            while (waiting and not lost) or running:
                while waiting and len(running) < most and not lost:
                    task = waiting.popleft()
                    try:
                        running[executor.submit(call, function, task.parameters, this_process())] = task
                    except (BrokenExecutor, RuntimeError):  # a pool that is shut down refuses by RuntimeError
                        lost.append(task)
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    self._collect(running.pop(future), future, lost, bar)
        finally:
            for future in running:
                future.cancel()
        return lost

    def _collect(self, task, future, lost, bar):
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, BrokenExecutor):
            lost.append(task)
        elif error is not None:  # the result or the parameters could not be sent
            self.take(task, Outcome(error="".join(f"{type(error).__name__}: {error}")))
            bar.update()
        else:
            self.take(task, future.result())
            bar.update()

    def dataset(self) -> xr.Dataset:
        """All outcomes as one Dataset."""
        names = {"function": function_name(self.function), "version": package_version(), "seed": self.seed}
        outcomes = [self.outcomes.get(task.place) for task in self.tasks]
        return _labelled(outcomes, self.design, self.repeats).assign_attrs(names)


def _labelled(outcomes: list[Outcome | None], design: Design, repeats: int | None) -> xr.Dataset:
    dims, shape, coords = design.dims, design.shape, design.coords()
    if repeats is not None:
        dims, shape = (*dims, "repeat"), (*shape, repeats)
        coords = {**coords, "repeat": ("repeat", np.arange(repeats))}
    return combined(outcomes, dims, shape, coords)


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
    return _labelled([kept.load(key) for key in keys], design, repeats).assign_attrs({**names, **fixed})


def _plain_function(function):
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


def function_name(function: Callable) -> str:
    """Module and name of a function."""
    plain = _plain_function(function)
    return f"{getattr(plain, '__module__', '?')}.{getattr(plain, '__qualname__', type(plain).__qualname__)}"


def source_digest(function: Callable) -> str:
    """Hash of the source of a function and of its frozen arguments; of its byte code where there is no source."""
    frozen = repr((function.args, sorted(function.keywords.items()))) if isinstance(function, partial) else ""
    plain = _plain_function(function)
    try:
        text = inspect.getsource(plain if inspect.isroutine(plain) else type(plain))
    except (OSError, TypeError):
        text = getattr(getattr(plain, "__code__", None), "co_code", b"").hex()
    return hashlib.sha256(json.dumps([frozen, text]).encode()).hexdigest()


def sendable(function: Callable) -> Callable:
    """The function in a form that other processes can load.

    Raises
    ------
    TypeError
        If there is none.
    """
    plain = _plain_function(function)
    is_elsewhere = getattr(plain, "__module__", "") != "__main__" or hasattr(__import__("__main__"), "__file__")
    try:
        pickle.dumps(function)
        if is_elsewhere:
            return function
        problem = "it is defined in a notebook or an interactive session"
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        problem = str(error)
    try:
        import cloudpickle
    except ImportError:
        raise TypeError(
            f"run cannot be sent to other processes ({problem}): define it in a module, install cloudpickle, or give "
            "workers=0 to run in this process"
        ) from None
    return _Sent(cloudpickle.dumps(function))


class _Sent:
    """A function as bytes, which a worker loads once."""

    def __init__(self, content: bytes):
        self._content = content

    def __call__(self, **parameters):
        return _loaded(self._content)(**parameters)


@lru_cache(maxsize=8)
def _loaded(content: bytes) -> Callable:
    return pickle.loads(content)
