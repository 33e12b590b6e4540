"""Runs compiled loops over an ensemble: blocks of trajectories on threads, in chunks of time.

Nothing here changes a result: rows are independent and noise is addressed by (seed, trajectory, step), so blocks,
chunks and threads only decide when the work is done. Between chunks the trajectories still running are packed anew,
progress is reported and an interrupt takes effect.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from assocmem import integrators
from assocmem.adaptive import adaptive_loop
from assocmem.inputs import OrnsteinUhlenbeck, Schedule
from assocmem.integrators import INITIAL_INPUT_STREAM, RUNNING
from assocmem.jit import CompilationError, compile_loop, diagnose
from assocmem.kernels.matmul import aligned_empty
from assocmem.models.base import STIMULUS, WORK, Flow, Map, kernel_arguments
from assocmem.random import normals, seed_key
from assocmem.threads import worker_map

__all__ = ["Ensemble", "advance_adaptive", "advance_fixed"]

CHUNK_SECONDS = 0.2  # how long an interrupt waits, and how often progress is shown
FEWEST_STEPS, FIRST_VALUES = 64, 2**24  # of the first chunk, which cannot be timed: a small run is done in one
MOST_ROWS, FEWEST_ROWS = 256, 16  # of a block: rows share each load of the weights ...
BLOCK_VALUES = 9600  # ... while a block of this many values and its scratch stay in the L2 cache


@dataclass
class Ensemble:
    """Everything a run needs to go on from where it is; the arrays are advanced in place."""

    y: np.ndarray  # (trajectory, unit)
    labels: np.ndarray  # (trajectory,) which addresses the noise
    step: int = 0  # fixed steps since the origin of time
    input_noise: np.ndarray | None = None  # (trajectory, column of the stimulus)
    step_size: np.ndarray | None = None  # (trajectory,), adaptive method only
    previous_error: np.ndarray | None = None
    time: np.ndarray | None = None
    n_recorded: np.ndarray | None = None
    n_trials: np.ndarray | None = None
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

    def commit(self, parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], **scalars) -> None:
        """Take over the new values of rows, all of them or, when interrupted, none."""
        new = {name: getattr(self, name).copy() for name in (parts[0][1] if parts else ())}
        for rows, values in parts:
            for name, array in new.items():
                array[rows] = values[name]
        self.__dict__.update(new, **scalars)  # a single call into C, which no signal interrupts


def blocks_of(rows: np.ndarray, n_units: int, threads: int) -> list[np.ndarray]:
    """Rows in blocks of nearly equal size, a multiple of the threads in number."""
    most = max(FEWEST_ROWS, min(MOST_ROWS, BLOCK_VALUES // n_units))
    n_blocks = -(-len(rows) // most)
    # a block of fewer than four rows is slower than its share of a larger one
    n_blocks = min(-(-n_blocks // threads) * threads, max(1, len(rows) // 4))
    return np.array_split(rows, n_blocks)


def bound_arguments(model, function, values: dict, n_rows: int, total: np.ndarray) -> tuple:
    """Arguments of a kernel after its first three, for a block of `n_rows` with the input `total`."""
    reserved = {WORK: aligned_empty((n_rows, model.n_work)), STIMULUS: total}
    return tuple(reserved[name] if name in reserved else values[name] for name in kernel_arguments(function))


def call_loop(loop: Callable, model, y: np.ndarray, params: tuple, arguments: tuple) -> None:
    """Call a compiled loop; TypeError with the reason if the model's kernel cannot be compiled."""
    try:
        loop(*arguments)
    except CompilationError as error:
        blame = [diagnose(model.kernel, (np.zeros(len(y)), y, y, *params))]
        if model.diffusion is not None:
            blame.append(f"or its diffusion {model.diffusion.__qualname__} does")
        raise TypeError(", ".join(blame)) from error


class ChunkLength:
    """Number of steps that takes about CHUNK_SECONDS, found while running.

    A chunk costs overhead + n * cost; where the overhead dominates, as with very many small trajectories, chunks are
    made long enough that it does not.
    """

    def __init__(self, first: int):
        self.n_steps, self._last = first, None
        self._started = time.perf_counter()

    def start(self, limit: int) -> int:
        self._started = time.perf_counter()
        return max(1, min(self.n_steps, limit))

    def finish(self, n_done: int) -> None:
        elapsed = max(time.perf_counter() - self._started, 1e-6)
        cost, overhead = elapsed / n_done, 0.0
        if self._last is not None and self._last[0] != n_done:
            slope = (elapsed - self._last[1]) / (n_done - self._last[0])
            overhead = min(max(0.0, elapsed - slope * n_done), 0.9 * elapsed)
            cost = (elapsed - overhead) / n_done
        wanted = max(CHUNK_SECONDS, 4.0 * overhead) - overhead
        self._last = (n_done, elapsed)
        self.n_steps = max(1, int(min(8.0 * n_done, max(0.25 * n_done, wanted / cost))))


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
        object.__setattr__(self, "key", seed_key(self.seed))
        times = [] if self.stimulus is None else self.stimulus.times
        object.__setattr__(self, "switches", np.array([round((t - self.t0) / self.dt) for t in times], dtype=np.int64))

    def advance(
        self, ensemble: Ensemble, rows: np.ndarray, n_steps: int, stimulus: np.ndarray, tolerance: float
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """New values of the trajectories `rows` after some steps, and their records."""
        y, labels = aligned_empty((len(rows), ensemble.y.shape[1])), ensemble.labels[rows]
        y[:] = ensemble.y[rows]
        scratch = tuple(aligned_empty(y.shape) for _ in range(integrators.N_SCRATCH))
        first_record = ensemble.step // self.every
        records = np.empty((len(rows), (ensemble.step + n_steps) // self.every - first_record, y.shape[1]))
        total, source = self._input(ensemble, rows, stimulus)
        verdict = (ensemble.status[rows], ensemble.n_steps[rows], ensemble.residual[rows])
        clock = (self.t0, self.dt, ensemble.step, n_steps, self.every, tolerance)
        diffusion = self.model.diffusion or integrators.no_diffusion
        params = bound_arguments(self.model, self.model.kernel, self.values, len(rows), total)
        diffusion_params = bound_arguments(self.model, diffusion, self.diffusion_values, len(rows), total)
        noise = (*self.key, labels)
        arguments = (y, clock, self.dt_unit, noise, source, verdict, records, scratch, params, diffusion_params)
        call_loop(self.loop, self.model, y, params, arguments)
        values = dict(zip(("y", "status", "n_steps", "residual"), (y, *verdict), strict=True))
        if self.noise is not None:
            values["input_noise"] = source[1]
        return values, records

    def _input(self, ensemble, rows, stimulus):
        if self.noise is None:
            return stimulus[rows], ()
        eta = ensemble.input_noise[rows]
        total = stimulus[rows] + eta
        coefficients = self.noise.step_coefficients(self.dt, eta.shape[1])
        return total, (stimulus[rows], eta, *coefficients, total)

    def stimulus_at(self, step: int, shape: tuple[int, int]) -> np.ndarray:
        """Stimulus (trajectory, column) that acts during a step."""
        if self.stimulus is None:
            return np.zeros(shape)
        # half a step guards against rounding: switching times are multiples of dt
        return self.stimulus.at(self.t0 + (step + 0.5) * self.dt, shape)

    def start_noise(self, ensemble: Ensemble) -> None:
        """Draw the input noise of a fresh ensemble from its stationary law."""
        n_columns = self.model.n_stimulus
        address = {"trajectories": ensemble.labels, "step": ensemble.step, "stream": INITIAL_INPUT_STREAM}
        std = np.broadcast_to(np.asarray(self.noise.std, dtype=float), (n_columns,))
        ensemble.input_noise = std * normals(self.seed, **address, n=n_columns)


def advance_fixed(
    run: FixedRun,
    ensemble: Ensemble,
    n_steps: int,
    store: Callable,
    report: Callable,
    *,
    threads: int,
    limit: int,
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
    report : function
        ``report()`` after each chunk.
    threads : int
    limit : int
        Largest number of steps of a chunk (bounds the memory of the records).
    """
    last, shape = ensemble.step + n_steps, ensemble.y.shape
    length = ChunkLength(first=max(FEWEST_STEPS, FIRST_VALUES // ensemble.y.size))
    if run.noise is not None and ensemble.input_noise is None:
        run.start_noise(ensemble)
    with worker_map(threads) as mapping:
        while ensemble.step < last:
            ahead = run.switches[np.searchsorted(run.switches, ensemble.step, side="right") :]
            n = length.start(min(last - ensemble.step, limit, *(ahead[:1] - ensemble.step)))
            # a trajectory is not steady while its stimulus is still to change
            tolerance = 0.0 if ahead.size else run.tolerance
            first_record = ensemble.step // run.every
            records = np.empty((shape[0], (ensemble.step + n) // run.every - first_record, shape[1]))
            records[:] = ensemble.y[:, None]  # stays where a trajectory has stopped
            stimulus = run.stimulus_at(ensemble.step, (shape[0], run.model.n_stimulus))
            running = ensemble.running
            blocks = blocks_of(running, shape[1], threads) if running.size else []
            arguments = (n, stimulus, tolerance)
            results = mapping(lambda rows, a=arguments: run.advance(ensemble, rows, *a), blocks)
            for rows, (_, part) in zip(blocks, results, strict=True):
                records[rows] = part
            store(first_record, records)
            parts = [(rows, values) for rows, (values, _) in zip(blocks, results, strict=True)]
            ensemble.commit(parts, step=ensemble.step + n)
            length.finish(n)
            report()


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
        object.__setattr__(self, "loop", compile_loop(adaptive_loop, self.model.kernel))
        object.__setattr__(self, "values", self.model.parameters(self.model.kernel))

    def advance(
        self, ensemble, rows, t_end, stimulus, tolerance, n_iterations, records
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """New values of the trajectories `rows` at `t_end` or after a number of trial steps, and their records."""
        names = ("y", "time", "step_size", "previous_error", "status", "n_steps", "residual", "n_trials", "n_recorded")
        y, t, h, error, *verdict, counts = (getattr(ensemble, name)[rows] for name in names)
        part = records[rows]
        params = bound_arguments(self.model, self.model.kernel, self.values, len(rows), stimulus[rows])
        limits = (self.rtol, self.atol, tolerance, n_iterations, self.max_steps)
        arguments = (y, t, h, error, t_end, limits, self.t_eval, tuple(verdict), part, counts, params)
        call_loop(self.loop, self.model, y, params, arguments)
        return dict(zip(names, (y, t, h, error, *verdict, counts), strict=True)), part


def advance_adaptive(
    run: AdaptiveRun,
    ensemble: Ensemble,
    span: tuple[float, float],
    records: np.ndarray,
    report: Callable,
    *,
    threads: int,
) -> None:
    """Advance an ensemble with step control per trajectory.

    Parameters
    ----------
    run : AdaptiveRun
    ensemble : Ensemble
        Advanced in place; consistent after any exception.
    span : (float, float)
        Time where all running trajectories are, and time to reach.
    records : ndarray (trajectory, time, unit)
        Filled with the states at ``run.t_eval``; a trajectory that stops early keeps its last state.
    report : function
        ``report(time)`` once a chunk, with the time that all trajectories have reached.
    threads : int
    """
    start, t_end = span
    switches = [] if run.stimulus is None else [float(t) for t in run.stimulus.times if start < t < t_end]
    with worker_map(threads) as mapping:
        for segment_start, segment_end in pairwise([start, *switches, t_end]):
            if segment_start > start:
                ensemble.status[ensemble.status == integrators.COMPLETED] = RUNNING
            stimulus = np.zeros((len(ensemble.y), run.model.n_stimulus))
            if run.stimulus is not None:
                stimulus = run.stimulus.at(segment_start, stimulus.shape)
            length = ChunkLength(first=64)
            while (running := ensemble.running).size:
                n, blocks = length.start(run.max_steps), blocks_of(running, ensemble.y.shape[1], threads)
                is_changing = run.stimulus is not None and run.stimulus.times[-1] > segment_start
                tolerance = 0.0 if is_changing else run.tolerance
                arguments = (segment_end, stimulus, tolerance, n, records)
                results = mapping(lambda rows, a=arguments: run.advance(ensemble, rows, *a), blocks)
                for rows, (_, part) in zip(blocks, results, strict=True):
                    records[rows] = part
                ensemble.commit([(rows, values) for rows, (values, _) in zip(blocks, results, strict=True)])
                length.finish(n)
                report(float(ensemble.time[running].min()))
    for row in np.flatnonzero(ensemble.n_recorded < records.shape[1]):
        records[row, ensemble.n_recorded[row] :] = ensemble.y[row]
