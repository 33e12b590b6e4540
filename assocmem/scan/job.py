"""A scan in progress: its points, what is finished of them, and how executors are kept busy."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.provenance import package_version
from assocmem.scan.contents import content_digest
from assocmem.scan.designs import Design, point_seed
from assocmem.scan.functions import function_digest, function_name, sendable
from assocmem.scan.outcomes import Outcome, combined
from assocmem.scan.store import FORMAT, Store, StoreError, point_keys
from assocmem.scan.worker import call, this_process, worker_pool
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
    """One call: its place in the results, and its parameters."""

    place: int
    parameters: dict


def tasks_of(design: Design, repeats: int | None, seed: int, fixed: dict, takes_seed: bool) -> list[Task]:
    """All calls of a scan, in the order of its results."""
    tasks = []
    for label, values in zip(design.labels(), design.points(), strict=True):
        for repeat in range(repeats or 1):
            own = {"seed": point_seed(label, repeat, seed)} if takes_seed else {}
            tasks.append(Task(len(tasks), {**fixed, **values, **own}))
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
    keys: list[str] = field(default_factory=list)  # names of points in the store
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def open(self, folder, fixed, *, retry_failed, accept_changes):
        """Take finished points from a store."""
        self.store = Store(folder)
        manifest, found = self._manifest(fixed), self.store.manifest()
        code = ("function", "source", "version")
        changed = [] if found is None else [name for name in code if found[name] != manifest[name]]
        if changed and not accept_changes:
            described = "; ".join(f"{name}: {found[name]!r} there, {manifest[name]!r} now" for name in changed)
            raise StoreError(
                f"store {folder} was made by another scan ({described}); accept_changes=True to use it. The source is "
                "a hash of the code of the function and of what it holds"
            )
        self.keys = point_keys(self.design, self.repeats, self.seed, manifest["contents"])
        self._take_finished(retry_failed)
        if self._waiting():
            self.store.prepare()
        if found != manifest:
            try:
                self.store.write_manifest(manifest)
            except StoreError:
                if self._waiting():  # otherwise it need not be written
                    raise

    def _manifest(self, fixed) -> dict:
        objects = {axis.name: axis.values for axis in self.design.axes if axis.values is not axis.labels}
        contents = {
            "fixed": {name: content_digest(f"fixed parameter {name}", value) for name, value in fixed.items()},
            "axes": {name: [content_digest(name, value) for value in values] for name, values in objects.items()},
        }
        manifest = {
            "format": FORMAT,
            "function": function_name(self.function),
            "source": function_digest(self.function),
            "version": package_version(),
            "seed": self.seed,
            "repeats": None if self.repeats is None else int(self.repeats),
            "fixed": {name: repr(value) for name, value in fixed.items()},
            "contents": contents,
            "design": self.design.described(),
        }
        return json.loads(json.dumps(manifest))  # as it is read again: with lists for tuples

    def _take_finished(self, retry_failed) -> None:
        there = self.store.keys()
        for task, key in zip(self.tasks, self.keys, strict=True):
            outcome = self.store.load(key) if key in there else None
            if outcome is not None and not (outcome.error and retry_failed):
                self.outcomes[task.place] = outcome
        if self.store.n_corrupt:
            _logger.warning("store %s: %d damaged points are run again", self.store.folder, self.store.n_corrupt)

    def _waiting(self) -> deque[Task]:
        return deque(task for task in self.tasks if task.place not in self.outcomes)

    def take(self, task: Task, outcome: Outcome) -> None:
        """Keep the outcome of a point."""
        self.outcomes[task.place] = outcome
        if self.store is not None:
            self.store.save(self.keys[task.place], outcome)

    def run_all(self, executor, workers, progress):
        """Run all points that are not there yet."""
        waiting = self._waiting()
        if not waiting:
            return
        n_workers = min(default_threads() if workers is None else workers, len(waiting))
        settings = {"total": len(self.tasks), "initial": len(self.outcomes), "disable": not progress, "unit": "point"}
        try:
            with tqdm(desc=getattr(self.function, "__name__", "scan"), **settings) as bar:
                if executor is not None:
                    self._submit(waiting, executor, bar)
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
            with worker_pool(size) as pool:
                lost = self._in_flight(few, pool, size * _PER_WORKER if size > 1 else 1, bar, function)
            if size > 1:
                suspects.extend(task for task, _ in lost)
            elif lost:
                self._fail(*lost[0], bar)

    def _fail(self, task, cause, bar):
        """Record the failure of a point that took its worker along twice, or once if it was alone from the start."""
        if not isinstance(cause, BrokenExecutor):
            raise BrokenExecutor(f"a worker process lost a point ({_text(cause)})") from cause
        text = "the worker process died at this point: killed, out of memory, or crashed in compiled code"
        self.take(task, Outcome(error=text))
        bar.update()

    def _submit(self, waiting, executor, bar):
        lost = self._in_flight(waiting, executor, _IN_FLIGHT, bar, self.function)
        if lost:
            cause = lost[0][1]
            raise BrokenExecutor(f"the executor lost {len(lost)} points ({_text(cause)})") from cause

    def _in_flight(self, waiting, executor, most, bar, function) -> list[tuple[Task, BaseException]]:
        """Keep an executor busy until nothing waits; the points that it lost, and why, if it broke down."""
        running, lost = {}, []
        try:
            while (waiting and not lost) or running:
                while waiting and len(running) < most and not lost:
                    task = waiting.popleft()
                    try:
                        running[executor.submit(call, function, task.parameters, this_process())] = task
                    except Exception as error:  # it is shut down, cannot be reached, has no processes left...
                        lost.append((task, error))
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    self._collect(running.pop(future), future, lost, bar)
        except BaseException:
            self._rescue(running)
            raise
        return lost

    def _collect(self, task, future, lost, bar):
        error = CancelledError("cancelled") if future.cancelled() else future.exception()
        if error is not None and _is_loss(error):
            lost.append((task, error))
            return
        # what is no loss: parameters that cannot be sent, or a cluster that gives the point up
        self.take(task, future.result() if error is None else Outcome(error=_text(error)))
        bar.update()

    def _rescue(self, running):
        """Cancel what waits, take what is done."""
        for future in running:
            future.cancel()
        for future, task in running.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                with suppress(StoreError):  # it is in the results nevertheless
                    self.take(task, future.result())

    def dataset(self) -> xr.Dataset:
        """All outcomes as one Dataset."""
        names = {"function": function_name(self.function), "version": package_version(), "seed": self.seed}
        outcomes = [self.outcomes.get(task.place) for task in self.tasks]
        return labelled(outcomes, self.design, self.repeats).assign_attrs(names)


def _is_loss(error: BaseException) -> bool:
    """Whether a point was lost on its way, rather than refused: it may well succeed elsewhere."""
    return not isinstance(error, Exception) or isinstance(error, BrokenExecutor | CancelledError | OSError | EOFError)


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def labelled(outcomes: list[Outcome | None], design: Design, repeats: int | None) -> xr.Dataset:
    """Outcomes, in the order of a design, as one Dataset."""
    dims, shape, coords = design.dims, design.shape, design.coords()
    if repeats is not None:
        dims, shape = (*dims, "repeat"), (*shape, repeats)
        coords = {**coords, "repeat": ("repeat", np.arange(repeats))}
    return combined(outcomes, dims, shape, coords)
