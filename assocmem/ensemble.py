"""Runs compiled loops over an ensemble: blocks of trajectories on threads, in chunks of time.

Nothing here changes a result: rows are independent and noise is addressed by (seed, trajectory, step), so blocks,
chunks and threads only decide when the work is done. Between chunks the trajectories still running are packed anew,
progress is reported and an interrupt takes effect.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from assocmem import integrators
from assocmem.inputs import OrnsteinUhlenbeck, Schedule
from assocmem.integrators import INITIAL_INPUT_STREAM, RUNNING
from assocmem.jit import CompilationError, compile_loop, diagnose
from assocmem.models.base import STIMULUS, WORK, Flow, Map, kernel_arguments
from assocmem.random import normals, seed_key

__all__ = ["Ensemble", "advance_adaptive", "advance_fixed", "default_threads"]

CHUNK_SECONDS = 0.2  # how long an interrupt waits, and how often progress is shown
BLOCK_ROWS = 32  # scratch of a block stays in the L2 cache, and its rows share each load of the weights


@dataclass
class Ensemble:
    """Everything a run needs to go on from where it is; the arrays are advanced in place."""

    y: np.ndarray  # (trajectory, unit)
    labels: np.ndarray  # (trajectory,) which addresses the noise
    step: int = 0  # fixed steps since the origin of time
    input_noise: np.ndarray | None = None  # (trajectory, unit)
    step_size: np.ndarray | None = None  # (trajectory,), adaptive method only
    previous_error: np.ndarray | None = None
    time: np.ndarray | None = None
    status: np.ndarray = field(init=False)
    n_steps: np.ndarray = field(init=False)
    residual: np.ndarray = field(init=False)

    def __post_init__(self):
        n = len(self.y)
        self.status = np.full(n, RUNNING, dtype=np.int64)
        self.n_steps, self.residual = np.full(n, self.step, dtype=np.int64), np.full(n, np.nan)

    @property
    def running(self) -> np.ndarray:
        """Rows that have not stopped."""
        return np.flatnonzero(self.status == RUNNING)


def default_threads() -> int:
    """Threads to use: the environment variable ASSOCMEM_THREADS, or the cores this process may run on."""
    text = os.environ.get("ASSOCMEM_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"ASSOCMEM_THREADS must be an integer >= 1, got {text!r}")
    return int(text)


@contextmanager
def worker_map(threads: int) -> Iterator[Callable]:
    """A function like `map` that runs on `threads` threads; an interrupt waits for the running chunk only."""
    if threads == 1:
        yield lambda function, items: [function(item) for item in items]
        return
    with ThreadPoolExecutor(threads) as pool:
        yield lambda function, items: list(pool.map(function, items)) if len(items) > 1 else [function(items[0])]


def blocks_of(rows: np.ndarray, threads: int) -> list[np.ndarray]:
    """Rows in blocks of nearly equal size, a multiple of the threads in number."""
    n_blocks = max(1, -(-len(rows) // BLOCK_ROWS))
    n_blocks = min(-(-n_blocks // threads) * threads, max(1, len(rows) // 4))
    return np.array_split(rows, n_blocks)


def bound_arguments(model, function, values: dict, n_rows: int, total: np.ndarray) -> tuple:
    """Arguments of a kernel after its first three, for a block of `n_rows` with the input `total`."""
    reserved = {WORK: np.empty((n_rows, model.n_work)), STIMULUS: total}
    return tuple(reserved[name] if name in reserved else values[name] for name in kernel_arguments(function))


def call_loop(loop: Callable, model, y: np.ndarray, params: tuple, arguments: tuple) -> None:
    """Call a compiled loop; TypeError with the reason if the model's kernel cannot be compiled."""
    try:
        loop(*arguments)
    except CompilationError:
        reason = diagnose(model.kernel, (np.zeros(len(y)), y, y, *params))
    else:
        return
    raise TypeError(reason)


class ChunkLength:
    """Number of steps that takes about CHUNK_SECONDS, found while running."""

    def __init__(self, first: int):
        self.n_steps = first
        self._started = time.perf_counter()

    def start(self, limit: int) -> int:
        self._started = time.perf_counter()
        return max(1, min(self.n_steps, limit))

    def finish(self, n_done: int) -> None:
        elapsed = max(time.perf_counter() - self._started, 1e-6)
        self.n_steps = max(1, int(n_done * min(8.0, max(0.25, CHUNK_SECONDS / elapsed))))


@dataclass(frozen=True)
class FixedRun:
    """One fixed-step run: the compiled loop with all that stays the same from chunk to chunk."""

    model: Flow | Map
    method: integrators.Method
    t0: float
    dt: float
    every: int
    tolerance: float
    seed: int
    stimulus: Schedule | None
    noise: OrnsteinUhlenbeck | None
    dt_unit: np.ndarray

    def __post_init__(self):
        model, diffusion = self.model, self.model.diffusion or integrators.no_diffusion
        advance_input = integrators.ornstein_uhlenbeck_input if self.noise else integrators.hold_input
        loop = compile_loop(
            integrators.fixed_step_loop, self.method.step_kernel, model.kernel, diffusion, advance_input
        )
        object.__setattr__(self, "loop", loop)
        object.__setattr__(self, "values", model.parameters(model.kernel))
        object.__setattr__(self, "diffusion_values", model.parameters(diffusion))

    def advance(self, ensemble: Ensemble, rows: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Advance the trajectories `rows`; return the rows with their records."""
        y, labels = ensemble.y[rows], ensemble.labels[rows]
        first_record = ensemble.step // self.every
        records = np.empty((len(rows), (ensemble.step + n_steps) // self.every - first_record, y.shape[1]))
        total, source = self._input(ensemble, rows, y.shape)
        verdict = (ensemble.status[rows], ensemble.n_steps[rows], ensemble.residual[rows])
        clock = (self.t0, self.dt, ensemble.step, n_steps, self.every, self.tolerance)
        diffusion = self.model.diffusion or integrators.no_diffusion
        params = bound_arguments(self.model, self.model.kernel, self.values, len(rows), total)
        diffusion_params = bound_arguments(self.model, diffusion, self.diffusion_values, len(rows), total)
        noise = (*seed_key(self.seed), labels)
        arguments = (y, clock, self.dt_unit, noise, source, verdict, records, params, diffusion_params)
        call_loop(self.loop, self.model, y, params, arguments)
        ensemble.y[rows] = y
        ensemble.status[rows], ensemble.n_steps[rows], ensemble.residual[rows] = verdict
        if self.noise is not None:
            ensemble.input_noise[rows] = source[1]
        return rows, records

    def _input(self, ensemble, rows, shape):
        if not self.model.takes_stimulus:
            return np.empty((0, 0)), ()
        stimulus = np.zeros(shape)
        if self.stimulus is not None:
            # half a step guards against rounding: switching times are multiples of dt
            stimulus = self.stimulus.at(self.t0 + (ensemble.step + 0.5) * self.dt, ensemble.y.shape)[rows]
        if self.noise is None:
            return stimulus, ()
        eta = ensemble.input_noise[rows]
        total = stimulus + eta
        return total, (stimulus, eta, *self.noise.step_coefficients(self.dt, shape[1]), total)


def advance_fixed(
    run: FixedRun, ensemble: Ensemble, n_steps: int, store: Callable, *, threads: int, limit: int
) -> None:
    """Advance an ensemble by fixed steps.

    Parameters
    ----------
    run : FixedRun
    ensemble : Ensemble
        Advanced in place, chunk by chunk: consistent after any exception.
    n_steps : int
    store : function
        ``store(first_record, records)`` with records (trajectory, record, unit), once a chunk.
    threads : int
    limit : int
        Largest number of steps of a chunk (bounds the memory of the records).
    """
    last, length = ensemble.step + n_steps, ChunkLength(first=64)
    if run.noise is not None and ensemble.input_noise is None:
        shape = ensemble.y.shape
        draws = normals(
            run.seed, trajectories=ensemble.labels, step=ensemble.step, stream=INITIAL_INPUT_STREAM, n=shape[1]
        )
        ensemble.input_noise = draws * np.broadcast_to(np.asarray(run.noise.std, float), (shape[1],))
    switches = _switching_steps(run)
    with worker_map(threads) as mapping:
        while ensemble.step < last:
            to_switch = min((s - ensemble.step for s in switches if s > ensemble.step), default=last)
            n = length.start(min(last - ensemble.step, limit, to_switch))
            first_record = ensemble.step // run.every
            n_records = (ensemble.step + n) // run.every - first_record
            running = ensemble.running
            records = np.empty((len(ensemble.y), n_records, ensemble.y.shape[1]))
            if running.size:
                blocks = blocks_of(running, threads)
                for rows, part in mapping(lambda rows, n=n: run.advance(ensemble, rows, n), blocks):
                    records[rows] = part
            stopped = np.setdiff1d(np.arange(len(ensemble.y)), running)
            records[stopped] = ensemble.y[stopped, None]
            ensemble.step += n
            length.finish(n)
            store(first_record, records)


def _switching_steps(run: FixedRun) -> list[int]:
    times = [] if run.stimulus is None else run.stimulus.times
    return [round((t - run.t0) / run.dt) for t in times]


@dataclass(frozen=True)
class AdaptiveRun:
    """One adaptive run: the compiled loop with all that stays the same from chunk to chunk."""

    model: Flow
    rtol: float
    atol: float
    tolerance: float
    max_steps: int
    t_eval: np.ndarray
    stimulus: Schedule | None

    def __post_init__(self):
        object.__setattr__(self, "loop", compile_loop(integrators.adaptive_loop, self.model.kernel))
        object.__setattr__(self, "values", self.model.parameters(self.model.kernel))

    def advance(self, ensemble, rows, t_end, stimulus, n_trials, records, n_recorded) -> None:
        """Advance the trajectories `rows` until `t_end` or for a number of trial steps."""
        names = ("y", "time", "step_size", "previous_error", "status", "n_steps", "residual")
        y, t, h, error, *verdict = (getattr(ensemble, name)[rows] for name in names)
        part, counts = records[rows], n_recorded[rows]
        params = bound_arguments(self.model, self.model.kernel, self.values, len(rows), stimulus[rows])
        limits = (self.rtol, self.atol, self.tolerance, n_trials)
        arguments = (y, t, h, error, t_end, limits, self.t_eval, tuple(verdict), part, counts, params)
        call_loop(self.loop, self.model, y, params, arguments)
        for name, values in zip(names, (y, t, h, error, *verdict), strict=True):
            getattr(ensemble, name)[rows] = values
        records[rows], n_recorded[rows] = part, counts


def advance_adaptive(
    run: AdaptiveRun, ensemble: Ensemble, t_end: float, records: np.ndarray, report: Callable, *, threads: int
) -> None:
    """Advance an ensemble to `t_end` with step control per trajectory.

    Parameters
    ----------
    run : AdaptiveRun
    ensemble : Ensemble
        Advanced in place; consistent after any exception.
    t_end : float
    records : ndarray (trajectory, time, unit)
        Filled with the states at ``run.t_eval``; a trajectory that stops early keeps its last state.
    report : function
        ``report(time)`` once a chunk, with the time that all trajectories have reached.
    threads : int
    """
    n_recorded = np.zeros(len(ensemble.y), dtype=np.int64)
    start = float(ensemble.time.min())
    switches = [] if run.stimulus is None else [float(t) for t in run.stimulus.times if start < t < t_end]
    n_trials_left = np.full(len(ensemble.y), run.max_steps)
    with worker_map(threads) as mapping:
        for segment_end in [*switches, t_end]:
            stimulus = np.zeros(ensemble.y.shape)
            if run.stimulus is not None:
                stimulus = run.stimulus.at(float(ensemble.time[ensemble.running].min(initial=t_end)), ensemble.y.shape)
            length = ChunkLength(first=64)
            while (running := ensemble.running).size:
                n = length.start(int(n_trials_left[running].min()))
                mapping(
                    lambda rows, n=n, end=segment_end, stimulus=stimulus: run.advance(
                        ensemble, rows, end, stimulus, n, records, n_recorded
                    ),
                    blocks_of(running, threads),
                )
                length.finish(n)
                n_trials_left[running] -= n
                ensemble.status[(n_trials_left <= 0) & (ensemble.status == RUNNING)] = integrators.STALLED
                report(float(ensemble.time[running].min()))
            if segment_end < t_end:
                ensemble.status[ensemble.status == integrators.COMPLETED] = RUNNING
    for row in np.flatnonzero(n_recorded < records.shape[1]):
        records[row, n_recorded[row] :] = ensemble.y[row]
