"""Run a model: parameters and initial states in, a labelled Dataset out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.ensemble import AdaptiveRun, Ensemble, FixedRun, advance_adaptive, advance_fixed, default_threads
from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import DIVERGED, METHODS, RUNNING, STALLED
from assocmem.models.base import Flow, Map
from assocmem.observables import Observable, resolve_observables
from assocmem.provenance import describe, run_attributes

__all__ = ["DivergedError", "SimulationInterrupted", "iterate", "simulate"]

STATUS_MEANINGS = ("completed", "steady", "diverged", "stalled")
RECORD_BYTES = 2**26  # records kept at a time when only observables of them are stored


class DivergedError(RuntimeError):
    """A trajectory left the finite numbers, or the adaptive method could not go on.

    Attributes
    ----------
    trajectory : int
        Label of the first such trajectory.
    time : float
        When it happened, in the model's unit of time.
    parameters : dict
        Those of the model.
    """

    def __init__(self, message: str, *, trajectory: int, time: float, parameters: dict):
        super().__init__(message)
        self.trajectory, self.time, self.parameters = trajectory, time, parameters


class SimulationInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; `dataset` holds all that was finished and can be continued with `simulate`."""

    def __init__(self, dataset: xr.Dataset):
        super().__init__("simulation interrupted; the attribute `dataset` holds what was finished")
        self.dataset = dataset


def simulate(
    model: Flow,
    y0: np.ndarray | xr.DataArray | xr.Dataset,
    *,
    duration: float,
    dt: float | None = None,
    method: str = "rk4",
    every: int | None = 1,
    seed: int | None = None,
    stimulus: Schedule | None = None,
    noise: OrnsteinUhlenbeck | None = None,
    stop: SteadyState | None = None,
    observables: Mapping[str, Callable | Observable] | Sequence[str] | None = None,
    t_eval: np.ndarray | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = 1_000_000,
    trajectory: np.ndarray | None = None,
    threads: int | None = None,
    on_divergence: str = "raise",
    progress: bool = False,
) -> xr.Dataset:
    """Trajectories of a model from one or many initial states.

    Every trajectory has the same bits alone or in an ensemble, for any number of threads, and whether it runs in one
    piece or is continued.

    Parameters
    ----------
    model : Flow
        What to integrate.
    y0 : array (unit,) or (trajectory, unit), or Dataset
        Initial states; a Dataset returned by this function is continued from its last states.
    duration : float, > 0
        In the model's unit of time; for fixed steps a multiple of `dt`.
    dt : float, > 0
        Step size of the fixed-step methods; for "dopri5" the first step to try, found from the slope by default.
    method : str
        "euler", "exponential_euler" (exact for the model's linear `leak`), "heun", "rk4", "dopri5" (adaptive 5(4)),
        "euler_maruyama" (Ito), "stochastic_heun" (Stratonovich).
    every : int or None
        Steps from record to record; None records the last state only.
    seed : int
        Needed by the stochastic methods and by `noise`.
    stimulus : Schedule, optional
        Piecewise-constant input; the model must take a stimulus.
    noise : OrnsteinUhlenbeck, optional
        Input noise, for fixed-step methods; the model must take a stimulus.
    stop : SteadyState, optional
        Ends each trajectory when it is steady; its later records repeat its last state.
    observables : mapping or sequence, optional
        Recorded instead of the state: functions of states (..., unit) by name, or names of
        `assocmem.observables.OBSERVABLES`.
    t_eval : array (time,), optional
        Increasing times to record, counted as the time coordinate is ("dopri5" only); default start and end.
    rtol, atol : float
        Relative and absolute tolerance of "dopri5".
    max_steps : int
        Largest number of trial steps of a trajectory in "dopri5".
    trajectory : array (trajectory,) of int >= 0, optional
        Labels, which address the noise: trajectory 7 has the same noise in any selection. Default 0, 1, ...
    threads : int, optional
        Default: the environment variable ASSOCMEM_THREADS, or all cores. No effect on results.
    on_divergence : {"raise", "mark"}
        Raise DivergedError, or record it in `status`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        The state (or the observables) over (trajectory, time, unit), `final_state`, and per trajectory `status`,
        `n_steps`, `residual` (largest |dy/dt| at the start of the last step) and `stop_time`; all parameters in attrs.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; before anything runs.
    DivergedError
        If a state is no longer finite or a step size has vanished.
    SimulationInterrupted
        On Ctrl-C; carries what was finished.
    """
    if not isinstance(model, Flow):
        raise TypeError(f"model must be a Flow (for a Map use iterate), got {type(model).__name__}")
    if method not in METHODS or method == "map":
        known = ", ".join(name for name in METHODS if name != "map")
        raise ValueError(f"method must be one of {known}, got {method!r}")
    run = _Run(model, method, y0, duration, dt, every, seed, stimulus, noise, stop, resolve_observables(observables),
               t_eval, rtol, atol, max_steps, trajectory, threads, on_divergence, progress)
    return run.execute()


def iterate(
    model: Map,
    y0: np.ndarray | xr.DataArray | xr.Dataset,
    *,
    steps: int,
    every: int | None = 1,
    stop: SteadyState | None = None,
    stimulus: Schedule | None = None,
    observables: Mapping[str, Callable | Observable] | Sequence[str] | None = None,
    trajectory: np.ndarray | None = None,
    threads: int | None = None,
    on_divergence: str = "raise",
    progress: bool = False,
) -> xr.Dataset:
    """Orbits of a map from one or many initial states; the arguments and the result are those of `simulate`.

    Parameters
    ----------
    model : Map
        What to iterate.
    y0 : array (unit,) or (trajectory, unit), or Dataset
        Initial states, or a result to continue.
    steps : int, > 0
        Number of iterations; the time coordinate counts them.
    every, stop, stimulus, observables, trajectory, threads, on_divergence, progress
        As in `simulate`; `stop` compares the largest change of one iteration.

    Returns
    -------
    Dataset
        As for `simulate`; `residual` is the largest change in the last iteration.
    """
    if not isinstance(model, Map):
        raise TypeError(f"model must be a Map (for a Flow use simulate), got {type(model).__name__}")
    _check_integer("steps", steps, 1)
    run = _Run(model, "map", y0, float(steps), 1.0, every, None, stimulus, None, stop, resolve_observables(observables),
               None, 1e-6, 1e-9, 1, trajectory, threads, on_divergence, progress)
    return run.execute()


@dataclass
class _Run:
    """One call of simulate(): its checked arguments, the ensemble and what has been recorded so far."""

    model: Flow | Map
    method: str
    y0: object
    duration: float
    dt: float | None
    every: int | None
    seed: int | None
    stimulus: Schedule | None
    noise: OrnsteinUhlenbeck | None
    stop: SteadyState | None
    observables: dict[str, Observable]
    t_eval: np.ndarray | None
    rtol: float
    atol: float
    max_steps: int
    trajectory: np.ndarray | None
    threads: int | None
    on_divergence: str
    progress: bool
    t0: float = 0.0
    recorded: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def is_adaptive(self) -> bool:
        return METHODS[self.method].step_kernel is None

    def execute(self) -> xr.Dataset:
        self._check()
        self.ensemble = self._restored() if isinstance(self.y0, xr.Dataset) else self._fresh()
        self._check_inputs()
        self.threads = default_threads() if self.threads is None else self.threads
        self.start = float(self.ensemble.time.min()) if self.is_adaptive else self.t0 + self.ensemble.step * (self.dt or 0)
        advance = self._execute_adaptive if self.is_adaptive else self._execute_fixed
        with tqdm(total=self.duration, unit=self.model.time_units, disable=not self.progress, leave=False,
                  bar_format="{l_bar}{bar}| {n:.4g}/{total:.4g} {unit} [{elapsed}<{remaining}]") as bar:
            self._bar = bar
            try:
                advance()
            except KeyboardInterrupt as interrupt:
                raise SimulationInterrupted(self._dataset()) from interrupt
        self._check_divergence()
        return self._dataset()

    def _report(self, now: float) -> None:
        self._bar.update(now - self.start - self._bar.n)

    def _execute_fixed(self) -> None:
        ensemble, n_steps = self.ensemble, round(self.duration / self.dt)
        first_step, every = ensemble.step, self.every or n_steps + ensemble.step
        if self.every is not None and first_step % every:
            raise ValueError(f"every must divide the {first_step} steps already run, got {every}")
        n_records = n_steps // every if self.every else 0
        self.times = self.t0 + (first_step + every * np.arange(n_records + 1)) * self.dt
        base = first_step // every
        if self.every:
            self._store(slice(0, 1), ensemble.y[:, None])

        def store(first_record: int, records: np.ndarray) -> None:
            if self.every:
                start = first_record - base + 1
                self._store(slice(start, start + records.shape[1]), records)
            self._report(self.t0 + ensemble.step * self.dt)

        run = FixedRun(self.model, METHODS[self.method], self.t0, self.dt, every, self._tolerance, self.seed or 0,
                       self.stimulus, self.noise, self._dt_unit())
        limit = max(1, RECORD_BYTES // (8 * ensemble.y.size)) * every
        advance_fixed(run, ensemble, n_steps, store, threads=self.threads, limit=limit)
        ensemble.status[ensemble.status == RUNNING] = 0
        if not self.every:
            self.times = np.array([self.t0 + ensemble.step * self.dt])
            self._store(slice(0, 1), ensemble.y[:, None])

    def _execute_adaptive(self) -> None:
        ensemble, t_end = self.ensemble, self.start + self.duration
        times = np.array([self.start, t_end]) if self.t_eval is None else np.asarray(self.t_eval, dtype=float)
        if times.ndim != 1 or not np.all(np.diff(times) > 0) or not np.all((times >= self.start) & (times <= t_end)):
            raise ValueError(f"t_eval must increase within [{self.start:g}, {t_end:g}], got {times}")
        self.times = times
        records = np.full((len(ensemble.y), times.size, ensemble.y.shape[1]), np.nan)
        run = AdaptiveRun(self.model, self.rtol, self.atol, self._tolerance, self.max_steps, times, self.stimulus)
        advance_adaptive(run, ensemble, t_end, records, self._report, threads=self.threads)
        self._store(slice(0, times.size), records)

    @property
    def _tolerance(self) -> float:
        return 0.0 if self.stop is None else self.stop.tol

    def _dt_unit(self) -> np.ndarray:
        steps = np.full(self.model.n_units, self.dt)
        if self.method == "exponential_euler":
            leak = np.broadcast_to(np.asarray(self.model.leak, dtype=float), steps.shape)
            steps = np.where(leak == 0, self.dt, -np.expm1(-leak * self.dt) / np.where(leak == 0, 1, leak))
        return steps

    def _store(self, records: slice, states: np.ndarray) -> None:
        values = {name: np.asarray(o.function(states)) for name, o in self.observables.items()}
        for name, value in (values or {self.model.state: states}).items():
            if value.shape[:2] != states.shape[:2]:
                raise ValueError(f"observables[{name!r}] must map (..., unit) to (...) or (..., k), "
                                 f"got {value.shape} from {states.shape}")
            if name not in self.recorded:
                shape = (len(states), self.times.size, *value.shape[2:])
                self.recorded[name] = np.full(shape, np.nan)
            self.recorded[name][:, records] = value

    # checks

    def _check(self) -> None:
        _check_positive("duration", self.duration)
        if self.is_adaptive:
            for name in ("rtol", "atol"):
                _check_positive(name, getattr(self, name))
            _check_integer("max_steps", self.max_steps, 1)
            if self.every not in (1, None):
                raise ValueError(f"every needs a fixed-step method, got {self.method!r}; use t_eval")
            if self.noise is not None:
                raise ValueError(f"noise needs a fixed-step method, got {self.method!r}")
        elif self.dt is None:
            raise ValueError(f"dt must be given for method {self.method!r}")
        if self.dt is not None:
            _check_positive("dt", self.dt)
        if not self.is_adaptive:
            _check_multiple("duration", self.duration, self.dt)
            if self.every is not None:
                _check_integer("every", self.every, 1)
            if self.t_eval is not None:
                raise ValueError(f"t_eval needs method 'dopri5', got {self.method!r}; use every")
        if self.threads is not None:
            _check_integer("threads", self.threads, 1)
        if self.on_divergence not in ("raise", "mark"):
            raise ValueError(f"on_divergence must be 'raise' or 'mark', got {self.on_divergence!r}")
        if METHODS[self.method].is_stochastic and self.model.diffusion is None:
            raise ValueError(f"method {self.method!r} needs a model with diffusion, got {type(self.model).__name__}")
        if self.method == "exponential_euler" and self.model.leak is None:
            raise ValueError(f"method 'exponential_euler' needs a model with a leak, got {type(self.model).__name__}")
        for name, kind in (("stimulus", Schedule), ("noise", OrnsteinUhlenbeck), ("stop", SteadyState)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name} must be a {kind.__name__} or None, got {type(value).__name__}")

    def _check_inputs(self) -> None:
        if (self.stimulus or self.noise) and not self.model.takes_stimulus:
            raise ValueError(f"{type(self.model).__name__} takes no stimulus: its kernel has no argument `stimulus`")
        if METHODS[self.method].is_stochastic or self.noise is not None:
            if self.seed is None:
                raise ValueError("seed must be given for a run with noise")
            _check_integer("seed", self.seed, 0)
        shape = self.ensemble.y.shape
        if self.stimulus is not None:
            if self.stimulus.values.shape[1:] not in (shape[1:], shape):
                raise ValueError(f"stimulus.values must have shape (k, {shape[1]}) or (k, {shape[0]}, {shape[1]}), "
                                 f"got {self.stimulus.values.shape}")
            if not self.is_adaptive:
                for time in self.stimulus.times:
                    _check_multiple("stimulus.times", time - self.t0, self.dt)
        if self.noise is not None and np.ndim(self.noise.std) and np.shape(self.noise.std) != shape[1:]:
            raise ValueError(f"noise.std must be a number or have shape {shape[1:]}, got {np.shape(self.noise.std)}")

    def _fresh(self) -> Ensemble:
        y = np.array(self.y0, dtype=float, ndmin=2, order="C")
        if y.ndim != 2 or y.shape[1] != self.model.n_units or len(y) == 0:
            n = self.model.n_units
            raise ValueError(f"y0 must have shape ({n},) or (trajectory, {n}), got {np.shape(self.y0)}")
        if not np.all(np.isfinite(y)):
            raise ValueError(f"y0 must be finite, got {np.count_nonzero(~np.isfinite(y))} other values")
        ensemble = Ensemble(y, self._labels(len(y)))
        if self.is_adaptive:
            ensemble.time, ensemble.previous_error = np.zeros(len(y)), np.ones(len(y))
            ensemble.step_size = np.full(len(y), self.dt or 0.0)  # 0: to be found from the slope
        return ensemble

    def _labels(self, n: int) -> np.ndarray:
        labels = np.arange(n) if self.trajectory is None else np.asarray(self.trajectory)
        if labels.shape != (n,) or labels.dtype.kind not in "iu" or np.any(labels < 0) or np.any(labels >= 2**32):
            raise ValueError(f"trajectory must hold {n} integers from 0 to 2^32 - 1, got {self.trajectory}")
        return labels.astype(np.int64)

    def _restored(self) -> Ensemble:
        """The ensemble as an earlier run left it."""
        ds = self.y0
        if "final_state" not in ds or "method" not in ds.attrs:
            raise ValueError("y0 must be an array or a Dataset returned by simulate, got a Dataset without final_state")
        if self.trajectory is not None:
            raise ValueError("trajectory must not be given with a Dataset to continue: it has its own labels")
        earlier = {k: ds.attrs.get(k) for k in ("method", "dt", "seed")}
        if self.seed is None and earlier["seed"] is not None:
            self.seed = int(earlier["seed"])
        for name, value in (("method", self.method), ("dt", self.dt), ("seed", self.seed)):
            given = int(earlier[name]) if name == "seed" and earlier[name] is not None else earlier[name]
            if given != value:
                raise ValueError(f"{name} must be that of the run to continue, {given!r}, got {value!r}")
        if np.any(ds.status.values >= DIVERGED):
            raise ValueError("y0 must hold no diverged trajectory; select the others first")
        ensemble = Ensemble(np.array(ds.final_state.values, order="C"), ds.trajectory.values.astype(np.int64),
                            int(ds.attrs["last_step"]))
        for name in ("input_noise", "step_size", "previous_error"):
            if name in ds:
                setattr(ensemble, name, np.array(ds[name].values))
        if self.is_adaptive:
            ensemble.time = np.full(len(ensemble.y), float(ds.attrs["end_time"]))
        ensemble.n_steps[:] = ds.n_steps.values
        return ensemble

    def _check_divergence(self) -> None:
        failed = np.flatnonzero(self.ensemble.status >= DIVERGED)
        if failed.size == 0 or self.on_divergence == "mark":
            return
        row = failed[np.argmin(self._stop_times()[failed])]
        label, time = int(self.ensemble.labels[row]), float(self._stop_times()[row])
        what = "its step size vanished or max_steps was reached" if self.ensemble.status[row] == STALLED else (
            "its state is no longer finite")
        raise DivergedError(
            f"trajectory {label} diverged at time {time:g} {self.model.time_units}: {what} "
            f"({failed.size} of {len(self.ensemble.y)} trajectories; method {self.method}, dt {self.dt}; "
            f"parameters {describe(self.model)})",
            trajectory=label, time=time, parameters=describe(self.model),
        )

    # results

    def _stop_times(self) -> np.ndarray:
        return self.ensemble.time if self.is_adaptive else self.t0 + self.ensemble.n_steps * self.dt

    def _dataset(self) -> xr.Dataset:
        model, ensemble = self.model, self.ensemble
        variables = {}
        for name, values in self.recorded.items():
            observable = self.observables.get(name)
            units = model.state_units if observable is None else observable.units
            last = ("unit",) if observable is None else ((observable.dim or name + "_dim",) if values.ndim == 3 else ())
            variables[name] = (("trajectory", "time", *last), values, {"units": units})
        flags = {"flag_values": np.arange(4), "flag_meanings": " ".join(STATUS_MEANINGS), "units": "1"}
        per_time = f"{model.state_units}/{model.time_units}"
        variables |= {
            "final_state": (("trajectory", "unit"), ensemble.y, {"units": model.state_units}),
            "status": ("trajectory", ensemble.status, flags),
            "n_steps": ("trajectory", ensemble.n_steps, {"units": "1"}),
            "residual": ("trajectory", ensemble.residual, {"units": per_time}),
            "stop_time": ("trajectory", np.array(self._stop_times()), {"units": model.time_units}),
        }
        if ensemble.input_noise is not None:
            variables["input_noise"] = (("trajectory", "unit"), ensemble.input_noise, {"units": model.state_units})
        if self.is_adaptive:
            variables["step_size"] = ("trajectory", ensemble.step_size, {"units": model.time_units})
            variables["previous_error"] = ("trajectory", ensemble.previous_error, {"units": "1"})
        coords = {
            "trajectory": ("trajectory", ensemble.labels, {"units": "1"}),
            "time": ("time", self.times, {"units": model.time_units}),
            "unit": ("unit", np.arange(model.n_units), {"units": "1"}),
        }
        end_time = float(ensemble.time.max()) if self.is_adaptive else self.t0 + ensemble.step * self.dt
        return xr.Dataset(variables, coords, run_attributes(
            model, method=self.method, dt=self.dt, duration=self.duration, every=self.every, seed=self.seed,
            rtol=self.rtol if self.is_adaptive else None, atol=self.atol if self.is_adaptive else None,
            stimulus=self.stimulus, noise=self.noise, stop=self.stop, last_step=ensemble.step, end_time=end_time))


def _check_positive(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number > 0, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be > 0, got {value}")


def _check_integer(name: str, value: int, smallest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer >= {smallest}, got {value!r}")
    if value < smallest:
        raise ValueError(f"{name} must be an integer >= {smallest}, got {value}")


def _check_multiple(name: str, value: float, dt: float) -> None:
    if abs(value - round(value / dt) * dt) > 1e-6 * dt:
        raise ValueError(f"{name} must be a multiple of dt = {dt:g}, got {value:g}")
