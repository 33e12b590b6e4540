"""One run of a model: restores or makes the ensemble, advances it, records, and labels the result."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.checks import check_inputs, check_settings
from assocmem.ensemble import AdaptiveRun, Ensemble, FixedRun, advance_adaptive, advance_fixed
from assocmem.errors import DivergedError
from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import COMPLETED, DIVERGED, EXHAUSTED, METHODS, RUNNING, STALLED, STEADY
from assocmem.models.base import Flow, Map
from assocmem.observables import Observable, check_observables
from assocmem.provenance import describe, run_attributes
from assocmem.threads import default_threads
from assocmem.validation import real_array

__all__ = ["DivergedError", "Run", "SimulationInterrupted"]

STATUS_MEANINGS = {
    RUNNING: "running",
    COMPLETED: "completed",
    STEADY: "steady",
    DIVERGED: "diverged",
    STALLED: "stalled",
    EXHAUSTED: "exhausted",
}
RECORD_BYTES = 2**26  # states kept at a time; with observables, they are all that memory holds


class SimulationInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; `dataset` holds all that was finished and can be continued with `simulate`."""

    def __init__(self, dataset: xr.Dataset):
        super().__init__("simulation interrupted; the attribute `dataset` holds what was finished")
        self.dataset = dataset

    def __reduce__(self):
        return SimulationInterrupted, (self.dataset,)


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
        """Run to the end and label the result."""
        self.advance()
        return self._dataset()

    def advance(self) -> None:
        """Run to the end; leaves what was recorded in `recorded` at `times`, and the last states in `ensemble`."""
        check_settings(self)
        # one type of number: each other would be compiled for anew
        self.t0, self.dt = float(self.t0), None if self.dt is None else float(self.dt)
        self.ensemble = self._restored() if isinstance(self.y0, xr.Dataset) else self._fresh()
        check_inputs(self)
        check_observables(self.observables, self.ensemble.y, self.model.state)
        self.first_states = self.ensemble.y  # the ensemble advances by new arrays
        self.threads = default_threads() if self.threads is None else self.threads
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

    def _time(self) -> float:
        """Time that the fixed steps have reached."""
        return self.t0 + self.ensemble.step * self.dt

    def _report(self, now: float) -> None:
        self._bar.update(now - self.start - self._bar.n)
        self._check_divergence()

    def _execute_fixed(self) -> None:
        ensemble, n_steps = self.ensemble, round(self.duration / self.dt)
        first_step, last_step = ensemble.step, ensemble.step + n_steps
        every = min(self.every or last_step + 1, last_step + 1)
        # records are at multiples of `every` since the origin of time, also where a continued run starts in between
        numbers = np.arange(-(-first_step // every), last_step // every + 1)
        self.times = self.t0 + every * numbers * self.dt
        if numbers.size and numbers[0] * every == first_step:
            self._store(slice(0, 1), ensemble.y[:, None])

        def store(first_record: int, records: np.ndarray) -> None:
            if records.shape[1]:
                start = first_record + 1 - numbers[0]
                self._store(slice(start, start + records.shape[1]), records)

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
        limit = min(n_steps, max(1, RECORD_BYTES // (8 * ensemble.y.size)) * every)
        report = self._reporter(self._time)
        advance_fixed(run, ensemble, n_steps, store, report, threads=self.threads, limit=limit)
        ensemble.status[ensemble.status == RUNNING] = COMPLETED
        if not self.every:
            self.recorded.clear()
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
            advance_adaptive(run, ensemble, (self.start, t_end), records, self._report, threads=self.threads)
        finally:
            self._store(slice(0, times.size), records)

    def _reporter(self, now: Callable[[], float]) -> Callable[[], None]:
        return lambda: self._report(now())

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
        states = states.view()
        states.flags.writeable = False  # an observable must not change what it observes
        values = {name: np.asarray(o.function(states)) for name, o in self.observables.items()}
        for name, value in (values or {self.model.state: states}).items():
            if name not in self.recorded:
                self.recorded[name] = np.full((len(states), self.times.size, *value.shape[2:]), np.nan)
            self.recorded[name][:, records] = value

    def _checked_states(self, values, name: str) -> np.ndarray:
        n = self.model.n_units
        if isinstance(values, xr.DataArray):
            if set(values.dims) not in ({"unit"}, {"trajectory", "unit"}):
                raise ValueError(f"{name} must have the dimensions unit or trajectory and unit, got {values.dims}")
            values = values.transpose(..., "unit").values
        y = real_array(name, values)
        if y.ndim not in (1, 2) or y.shape[-1] != n or y.size == 0:
            raise ValueError(f"{name} must have shape ({n},) or (trajectory, {n}), got {y.shape}")
        return y.reshape(-1, n)

    def _fresh(self) -> Ensemble:
        y = self._checked_states(self.y0, "y0")
        if self.trajectory is None and isinstance(self.y0, xr.DataArray) and "trajectory" in self.y0.coords:
            self.trajectory = np.atleast_1d(self.y0.trajectory.values)
        ensemble = Ensemble(y, self._labels(len(y)))
        self.start = float(self.t0)
        if self.is_adaptive:
            ensemble.time, ensemble.previous_error = np.full(len(y), self.start), np.ones(len(y))
            ensemble.step_size = np.full(len(y), self.dt or 0.0)  # 0: to be found from the slope
        return self._with_counts(ensemble)

    @staticmethod
    def _with_counts(ensemble: Ensemble) -> Ensemble:
        n = len(ensemble.y)
        ensemble.n_recorded, ensemble.n_trials = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        return ensemble

    def _labels(self, n: int) -> np.ndarray:
        labels = np.arange(n) if self.trajectory is None else np.asarray(self.trajectory)
        if labels.shape != (n,) or labels.dtype.kind not in "iu" or np.any(labels < 0) or np.any(labels >= 2**32):
            raise ValueError(f"trajectory must hold {n} integers from 0 to 2^32 - 1, got {self.trajectory}")
        if np.unique(labels).size < n:
            raise ValueError(f"trajectory must not repeat a label: equal labels have equal noise, got {labels}")
        return labels.astype(np.int64)

    def _restored(self) -> Ensemble:
        """The ensemble as an earlier run left it."""
        ds = self.y0
        if "final_state" not in ds or "method" not in ds.attrs or "trajectory" not in ds.final_state.dims:
            raise ValueError(
                "y0 must be an array or a Dataset returned by simulate (select trajectories by a list to keep the "
                f"dimension), got a Dataset with variables {list(ds.data_vars)}"
            )
        self._check_continuation(ds)
        self.t0, self.start = float(ds.attrs["t0"]), float(ds.attrs["end_time"])
        y = self._checked_states(ds.final_state, "y0.final_state")
        ensemble = Ensemble(y, ds.trajectory.values.astype(np.int64), int(ds.attrs["last_step"]))
        for name in ("input_noise", "step_size", "previous_error"):
            if name in ds:
                setattr(ensemble, name, np.array(ds[name].transpose("trajectory", ...).values, dtype=float))
        is_steady = (ds.status.values == STEADY) & (self.stop is not None)
        ensemble.status[is_steady] = STEADY
        ensemble.residual[:] = ds.residual.values
        ensemble.n_steps[:] = ds.n_steps.values
        if self.is_adaptive:
            ensemble.time = np.where(is_steady, ds.stop_time.values, self.start)
        return self._with_counts(ensemble)

    def _check_continuation(self, ds: xr.Dataset) -> None:
        """Raise ValueError if the settings are not those of the run to continue."""
        if self.trajectory is not None:
            raise ValueError("trajectory must not be given with a Dataset to continue: it has its own labels")
        if self.t0 != 0.0:
            raise ValueError(f"t0 must not be given with a Dataset to continue: it has its own times, got {self.t0}")
        if self.seed is None and ds.attrs.get("seed") is not None:
            self.seed = int(ds.attrs["seed"])
        earlier_seed = int(ds.attrs["seed"]) if ds.attrs.get("seed") is not None else self.seed
        settings = [
            ("model", ds.attrs["model"], type(self.model).__name__),
            ("method", ds.attrs["method"], self.method),
            ("seed", earlier_seed, self.seed),
        ]
        if not self.is_adaptive:
            settings.append(("dt", float(ds.attrs["dt"]), self.dt))
        for name, earlier, given in settings:
            if earlier != given:
                raise ValueError(f"{name} must be that of the run to continue, {earlier!r}, got {given!r}")
        if "input_noise" in ds and self.noise is None:
            raise ValueError("noise must be given to continue a run that has input noise, got None")
        if np.any(ds.status.values >= DIVERGED):
            raise ValueError("y0 must hold no diverged trajectory; select the others first")
        if self.is_adaptive and np.any(ds.status.values == RUNNING):
            raise ValueError("y0 must be a finished run: an interrupted adaptive run cannot be continued")

    def _check_divergence(self) -> None:
        failed = np.flatnonzero(self.ensemble.status >= DIVERGED)
        if failed.size == 0 or self.on_divergence == "mark":
            return
        row = failed[np.argmin(self._stop_times()[failed])]
        label, time = int(self.ensemble.labels[row]), float(self._stop_times()[row])
        reasons = {DIVERGED: "its state is no longer finite", STALLED: "its step size vanished"}
        what = reasons.get(int(self.ensemble.status[row]), f"max_steps = {self.max_steps} was reached")
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
        variables: dict[str, tuple] = {}
        for name, values in self.recorded.items():
            observable = self.observables.get(name)
            units = model.state_units if observable is None else observable.units
            last = ("unit",) if observable is None else ((observable.dimension(name),) if values.ndim == 3 else ())
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
            column = "unit" if model.n_stimulus == model.n_units else "input"
            variables["input_noise"] = (("trajectory", column), ensemble.input_noise, {"units": model.state_units})
        if self.is_adaptive:
            variables["step_size"] = ("trajectory", ensemble.step_size, {"units": model.time_units})
            variables["previous_error"] = ("trajectory", ensemble.previous_error, {"units": "1"})
        coords = {
            "trajectory": ("trajectory", ensemble.labels, {"units": "1"}),
            "time": ("time", self.times, {"units": model.time_units}),
            "unit": ("unit", np.arange(model.n_units), {"units": "1"}),
        }
        end_time = self.start + self.duration if self.is_adaptive else self._time()
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
                observables=list(self.observables) or None,
                t_eval=self.t_eval,
                max_steps=self.max_steps if self.is_adaptive else None,
                on_divergence=self.on_divergence,
                start=self.start,
                is_continued=isinstance(self.y0, xr.Dataset),
                initial_states=self.first_states,
                last_step=ensemble.step,
                end_time=end_time,
            ),
        )
