"""One run of a model: restores or makes the ensemble, advances it, records, and labels the result."""

from dataclasses import KW_ONLY, dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.checks import check_inputs, check_settings
from assocmem.ensemble import AdaptiveRun, Ensemble, FixedRun, advance_adaptive, advance_fixed, default_threads
from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import COMPLETED, DIVERGED, METHODS, RUNNING, STALLED, STEADY
from assocmem.models.base import Flow, Map
from assocmem.observables import Observable
from assocmem.provenance import describe, run_attributes

__all__ = ["DivergedError", "Run", "SimulationInterrupted"]

STATUS_MEANINGS = {
    RUNNING: "running",
    COMPLETED: "completed",
    STEADY: "steady",
    DIVERGED: "diverged",
    STALLED: "stalled",
}
RECORD_BYTES = 2**26  # states kept at a time; with observables, they are all that memory holds


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


@dataclass
class Run:
    """One call of simulate(): its checked arguments, the ensemble and what has been recorded so far."""

    model: Flow | Map
    method: str
    y0: object
    _: KW_ONLY
    duration: float
    t0: float = 0.0
    dt: float | None = None
    every: int | None = 1
    seed: int | None = None
    stimulus: Schedule | None = None
    noise: OrnsteinUhlenbeck | None = None
    stop: SteadyState | None = None
    observables: dict[str, Observable] = field(default_factory=dict)
    t_eval: np.ndarray | None = None
    rtol: float = 1e-6
    atol: float = 1e-9
    max_steps: int = 1_000_000
    trajectory: np.ndarray | None = None
    threads: int | None = None
    on_divergence: str = "raise"
    progress: bool = False
    recorded: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def is_adaptive(self) -> bool:
        return METHODS[self.method].step_kernel is None

    def execute(self) -> xr.Dataset:
        check_settings(self)
        self.ensemble = self._restored() if isinstance(self.y0, xr.Dataset) else self._fresh()
        check_inputs(self)
        self.threads = default_threads() if self.threads is None else self.threads
        self.start = float(self.ensemble.time.min()) if self.is_adaptive else self._time()
        advance = self._execute_adaptive if self.is_adaptive else self._execute_fixed
        with tqdm(
            total=self.duration,
            unit=self.model.time_units,
            disable=not self.progress,
            leave=False,
            bar_format="{l_bar}{bar}| {n:.4g}/{total:.4g} {unit} [{elapsed}<{remaining}]",
        ) as bar:
            self._bar = bar
            try:
                advance()
            except KeyboardInterrupt as interrupt:
                raise SimulationInterrupted(self._partial_dataset()) from interrupt
        self._check_divergence()
        return self._dataset()

    def _time(self) -> float:
        """Time that the fixed steps have reached."""
        return self.t0 + self.ensemble.step * self.dt

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
            self._report(self._time())

        run = FixedRun(
            self.model,
            METHODS[self.method],
            self.t0,
            self.dt,
            every,
            self._tolerance,
            self.seed or 0,
            self.stimulus,
            self.noise,
            self._dt_unit(),
        )
        limit = max(1, RECORD_BYTES // (8 * ensemble.y.size)) * every
        advance_fixed(run, ensemble, n_steps, store, threads=self.threads, limit=limit)
        ensemble.status[ensemble.status == RUNNING] = COMPLETED
        if not self.every:
            self.times = np.array([self._time()])
            self._store(slice(0, 1), ensemble.y[:, None])

    def _execute_adaptive(self) -> None:
        ensemble, t_end = self.ensemble, self.start + self.duration
        times = np.array([self.start, t_end]) if self.t_eval is None else np.asarray(self.t_eval, dtype=float)
        if times.ndim != 1 or not np.all(np.diff(times) > 0) or not np.all((times >= self.start) & (times <= t_end)):
            raise ValueError(f"t_eval must increase within [{self.start:g}, {t_end:g}], got {times}")
        self.times = times
        records = np.full((len(ensemble.y), times.size, ensemble.y.shape[1]), np.nan)
        run = AdaptiveRun(self.model, self.rtol, self.atol, self._tolerance, self.max_steps, times, self.stimulus)
        try:
            advance_adaptive(run, ensemble, t_end, records, self._report, threads=self.threads)
        finally:
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
                raise ValueError(
                    f"observables[{name!r}] must map (..., unit) to (...) or (..., k), "
                    f"got {value.shape} from {states.shape}"
                )
            if name not in self.recorded:
                shape = (len(states), self.times.size, *value.shape[2:])
                self.recorded[name] = np.full(shape, np.nan)
            self.recorded[name][:, records] = value

    def _fresh(self) -> Ensemble:
        y = np.array(self.y0, dtype=float, ndmin=2, order="C")
        if y.ndim != 2 or y.shape[1] != self.model.n_units or len(y) == 0:
            n = self.model.n_units
            raise ValueError(f"y0 must have shape ({n},) or (trajectory, {n}), got {np.shape(self.y0)}")
        if not np.all(np.isfinite(y)):
            raise ValueError(f"y0 must be finite, got {np.count_nonzero(~np.isfinite(y))} other values")
        ensemble = Ensemble(y, self._labels(len(y)))
        if self.is_adaptive:
            ensemble.time, ensemble.previous_error = np.full(len(y), float(self.t0)), np.ones(len(y))
            ensemble.n_recorded = np.zeros(len(y), dtype=np.int64)
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
        if self.t0 != 0.0:
            raise ValueError(
                f"t0 must not be given with a Dataset to continue: it goes on from its last time, got {self.t0}"
            )
        self.t0 = float(ds.attrs["t0"])
        if np.any(ds.status.values >= DIVERGED):
            raise ValueError("y0 must hold no diverged trajectory; select the others first")
        ensemble = Ensemble(
            np.array(ds.final_state.values, order="C"),
            ds.trajectory.values.astype(np.int64),
            int(ds.attrs["last_step"]),
        )
        for name in ("input_noise", "step_size", "previous_error"):
            if name in ds:
                setattr(ensemble, name, np.array(ds[name].values))
        if self.is_adaptive:
            if np.any(ds.status.values == RUNNING):
                raise ValueError("y0 must be a finished run: an interrupted adaptive run cannot be continued")
            ensemble.time = np.full(len(ensemble.y), float(ds.attrs["end_time"]))
            ensemble.n_recorded = np.zeros(len(ensemble.y), dtype=np.int64)
        ensemble.n_steps[:] = ds.n_steps.values
        return ensemble

    def _check_divergence(self) -> None:
        failed = np.flatnonzero(self.ensemble.status >= DIVERGED)
        if failed.size == 0 or self.on_divergence == "mark":
            return
        row = failed[np.argmin(self._stop_times()[failed])]
        label, time = int(self.ensemble.labels[row]), float(self._stop_times()[row])
        is_stalled = self.ensemble.status[row] == STALLED
        what = "its step size vanished or max_steps was reached" if is_stalled else "its state is no longer finite"
        parameters = describe(self.model)
        scalars = {k: v for k, v in parameters.items() if not isinstance(v, list | dict)}
        raise DivergedError(
            f"trajectory {label} diverged at time {time:g} {self.model.time_units}: {what} "
            f"({failed.size} of {len(self.ensemble.y)} trajectories; method {self.method}, dt {self.dt}; "
            f"parameters {scalars})",
            trajectory=label,
            time=time,
            parameters=parameters,
        )

    # results

    def _stop_times(self) -> np.ndarray:
        return self.ensemble.time if self.is_adaptive else self.t0 + self.ensemble.n_steps * self.dt

    def _partial_dataset(self) -> xr.Dataset:
        """What an interrupted run has finished: the records up to the time that it has reached."""
        if not self.recorded:
            self.times = np.array([self._time()])
            self._store(slice(0, 1), self.ensemble.y[:, None])
        reached = float(self.ensemble.time.min()) if self.is_adaptive else self._time() + 0.5 * self.dt
        return self._dataset().isel(time=np.flatnonzero(self.times <= reached))

    def _dataset(self) -> xr.Dataset:
        model, ensemble = self.model, self.ensemble
        variables = {}
        for name, values in self.recorded.items():
            observable = self.observables.get(name)
            units = model.state_units if observable is None else observable.units
            last = ("unit",) if observable is None else ((observable.dim or name + "_dim",) if values.ndim == 3 else ())
            variables[name] = (("trajectory", "time", *last), values, {"units": units})
        flags = {
            "flag_values": list(STATUS_MEANINGS),
            "flag_meanings": " ".join(STATUS_MEANINGS.values()),
            "units": "1",
        }
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
        end_time = float(ensemble.time.max()) if self.is_adaptive else self._time()
        return xr.Dataset(
            variables,
            coords,
            run_attributes(
                model,
                method=self.method,
                t0=float(self.t0),
                dt=self.dt,
                duration=self.duration,
                every=self.every,
                seed=self.seed,
                rtol=self.rtol if self.is_adaptive else None,
                atol=self.atol if self.is_adaptive else None,
                stimulus=self.stimulus,
                noise=self.noise,
                stop=self.stop,
                last_step=ensemble.step,
                end_time=end_time,
            ),
        )
