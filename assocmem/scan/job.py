"""A scan in progress: its points, what is finished of them, and how executors are kept busy."""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.provenance import package_version
from assocmem.scan.designs import Design, point_key, point_seed
from assocmem.scan.functions import function_name, sendable, source_digest
from assocmem.scan.outcomes import Outcome, combined
from assocmem.scan.store import FORMAT, Store, StoreError
from assocmem.scan.worker import call, limit_threads, this_process
from assocmem.threads import default_threads

__all__ = ["Job", "ScanError", "ScanInterrupted", "labelled", "tasks_of"]

_IN_FLIGHT = 1024  # points that a foreign executor has at a time
_PER_WORKER = 4
_logger = logging.getLogger(__name__)


class _Stopped:
    def __init__(self, message: str, partial: xr.Dataset):
        super().__init__(message)
        self.partial = partial


class ScanError(_Stopped, RuntimeError):
    """A scan could not go on.

    Attributes
    ----------
    partial : Dataset
        What was finished.
    """


class ScanInterrupted(_Stopped, KeyboardInterrupt):
    """A scan was interrupted from the keyboard.

    Attributes
    ----------
    partial : Dataset
        What was finished.
    """


@dataclass(frozen=True)
class Task:
    """One call: its place in the results, its name, and its parameters."""

    place: int
    key: str
    parameters: dict


def tasks_of(design: Design, repeats: int | None, seed: int, fixed: dict, takes_seed: bool) -> list[Task]:
    """All calls of a scan, in the order of its results."""
    tasks = []
    for label, values in zip(design.labels(), design.points(), strict=True):
        for repeat in range(repeats or 1):
            own = {"seed": point_seed(label, repeat, seed)} if takes_seed else {}
            tasks.append(Task(len(tasks), point_key(label, repeat, seed), {**fixed, **values, **own}))
    return tasks


@dataclass(eq=False)
class Job:
    """A scan in progress."""

    function: Callable
    design: Design
    repeats: int | None
    seed: int
    tasks: list[Task]
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

    def take(self, task: Task, outcome: Outcome) -> None:
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
        suspects: deque[Task] = deque()
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

    def _in_flight(self, waiting, executor, most, bar, function) -> list[Task]:
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
        return labelled(outcomes, self.design, self.repeats).assign_attrs(names)


def labelled(outcomes: list[Outcome | None], design: Design, repeats: int | None) -> xr.Dataset:
    """Outcomes, in the order of a design, as one Dataset."""
    dims, shape, coords = design.dims, design.shape, design.coords()
    if repeats is not None:
        dims, shape = (*dims, "repeat"), (*shape, repeats)
        coords = {**coords, "repeat": ("repeat", np.arange(repeats))}
    return combined(outcomes, dims, shape, coords)
