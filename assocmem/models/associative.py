"""The protocol of associative memories with discrete updates, on which capacity, basins and scans rely."""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.errors import DivergedError
from assocmem.integrators import COMPLETED, DIVERGED, RUNNING, STEADY
from assocmem.provenance import describe, run_attributes
from assocmem.separations.association import Step
from assocmem.separations.base import float_array
from assocmem.validation import check_boolean, check_finite, check_integer

__all__ = ["AssociativeMemory", "ReadOut"]


@dataclass(frozen=True, eq=False)
class ReadOut:
    """What is told of the last states: arrays over trajectories, the weights (trajectory, pattern) on demand.

    The winner of a state from which no update leads, as its scores are not finite, is -1.
    """

    energy: np.ndarray
    winner: np.ndarray
    support_size: np.ndarray
    margin: np.ndarray
    weights: np.ndarray | None = None


class AssociativeMemory:
    """A memory with an update of states, an energy and weights of patterns.

    Subclasses supply `patterns` (pattern, unit) and the methods below; `retrieve` then works, with an exact early stop:
    a state that is a pattern from which the update leads back to itself needs no further update.
    """

    patterns: np.ndarray
    engines = ("units",)
    has_one_hot_weights = True  # whether a support of one pattern means that the next state is that pattern

    @property
    def n_patterns(self) -> int:
        """Number of patterns."""
        return self.patterns.shape[0]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.patterns.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Type of states."""
        return self.patterns.dtype

    def step(self, y: np.ndarray, form: str, engine: str, *, threads: int | None) -> Step:
        """One update of states of a form, "units" or that of an engine, which the result has."""
        raise NotImplementedError

    def energies(self, y: np.ndarray, step: Step, form: str) -> np.ndarray:
        """Energies (trajectory,) of states of a form, with the step from there."""
        raise NotImplementedError

    def states_from(self, y: np.ndarray, form: str) -> np.ndarray:
        """States (trajectory, unit) in units."""
        return y

    def read_out(self, states: np.ndarray, *, has_weights: bool, threads: int | None) -> ReadOut:
        """What is to be known of states (trajectory, unit)."""
        raise NotImplementedError

    def prepared(self, cues: np.ndarray) -> np.ndarray:
        """Cues (trajectory, unit) as states."""
        return cues

    def retrieve(
        self,
        cues: np.ndarray,
        *,
        steps: int = 100,
        tol: float = 0.0,
        every: int | None = None,
        weights: bool = False,
        engine: str = "units",
        on_divergence: str = "raise",
        threads: int | None = None,
        progress: bool = False,
    ) -> xr.Dataset:
        """States to which updates lead from cues, each trajectory until it is steady.

        Parameters
        ----------
        cues : array (unit,) or (trajectory, unit), or DataArray with these dimensions
        steps : int, >= 1
            Largest number of updates.
        tol : float, >= 0
            A trajectory is steady where the Euclidean norm of the change in an update is at most this; 0 means that
            nothing changes at all.
        every : int, optional
            Record every so many updates, the cue first; only the last state where None.
        weights : bool
            Whether to keep the weights of all patterns at the last state.
        engine : str
            What is iterated: "units", or another form of the state that the model offers.
        on_divergence : {"raise", "mark"}
            Whether a state that is no longer finite raises or is marked in `status`.
        threads : int, optional
            Without effect on results.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Dataset
            `state` (trajectory, unit) and `energy` (trajectory,), with a dimension time after trajectory if `every` is
            given; over trajectories: `status` (0 completed, 1 steady, 2 diverged, as in `simulate`), `n_steps` (updates
            that changed the state by more than `tol`), `residual` (norm of the last change), `winner` (the pattern of
            largest weight), `support_size` (patterns with a weight), `margin` (gap between the scores of what is
            retrieved and of the next best); `weights` (trajectory, pattern) on demand. Parameters are in attrs.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type, shape or range.
        DivergedError
            If a state is no longer finite.
        """
        cues = self.check_states("cues", cues)
        check_integer("steps", steps, 1)
        check_finite("tol", tol)
        if tol < 0:
            raise ValueError(f"tol must be >= 0, got {tol}")
        if every is not None:
            check_integer("every", every, 1)
        check_boolean("weights", weights)
        if threads is not None:
            check_integer("threads", threads, 1)
        if engine not in self.engines:
            raise ValueError(f"engine must be one of {', '.join(self.engines)}, got {engine!r}")
        if on_divergence not in ("raise", "mark"):
            raise ValueError(f"on_divergence must be 'raise' or 'mark', got {on_divergence!r}")
        run = _Retrieval(self, engine, tol, every, steps, threads)
        run.advance(self.prepared(cues), progress)
        run.read(has_weights=weights)
        if on_divergence == "raise":
            run.check_divergence()
        return run.dataset(cues)

    def check_states(self, name: str, states) -> np.ndarray:
        """Finite states (trajectory, unit) of the type of the model.

        Raises
        ------
        TypeError, ValueError
            If they are of the wrong type or shape or not finite.
        """
        if isinstance(states, xr.DataArray):
            if set(states.dims) not in ({"unit"}, {"trajectory", "unit"}):
                raise ValueError(f"{name} must have the dimensions unit or trajectory and unit, got {states.dims}")
            states = states.transpose(..., "unit").values
        array = float_array(name, states)
        if array.ndim not in (1, 2) or array.shape[-1] != self.n_units:
            n = self.n_units
            raise ValueError(f"{name} must have shape ({n},) or (trajectory, {n}), got {array.shape}")
        return np.array(np.atleast_2d(self.checked(array, name)), order="C")

    def checked(self, states, name: str = "states") -> np.ndarray:
        """States (..., unit) in the type of the model.

        Raises
        ------
        TypeError, ValueError
            If they are of the wrong type or shape or not finite.
        """
        array = float_array(name, states).astype(self.dtype)
        if array.shape[-1] != self.n_units:
            raise ValueError(f"{name} must have shape (..., {self.n_units}), got {array.shape}")
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
        return np.ascontiguousarray(array)


@dataclass(eq=False)
class _Retrieval:
    """The state of one call of `retrieve`."""

    memory: AssociativeMemory
    engine: str
    tol: float
    every: int | None
    steps: int
    threads: int | None
    is_fixed: dict = field(default_factory=dict)  # pattern -> whether the update leads from it to itself

    def advance(self, y: np.ndarray, progress: bool) -> None:
        n = len(y)
        self.y, self.form, self.status = y.copy(), "units", np.full(n, RUNNING)
        self.n_steps, self.residual = np.zeros(n, dtype=np.int64), np.full(n, np.nan)
        self.paths, self.energies, self.times = [], [], []
        energy = np.full(n, np.nan)
        for time in tqdm(range(self.steps), "updates", disable=not progress, leave=False):
            active = np.flatnonzero(self.status == RUNNING)
            if active.size == 0 and self.every is None:
                break
            before = self.y[active]
            step = self.memory.step(before, self.form, self.engine, threads=self.threads)
            if self.every is not None:
                energy[active] = self.memory.energies(before, step, self.form)
                self._record(time, energy)
            self._take(active, step, time)
        self.status[self.status == RUNNING] = COMPLETED

    def _record(self, time: int, energy: np.ndarray) -> None:
        if time % self.every == 0:
            self.times.append(time)
            self.paths.append(self.memory.states_from(self.y, self.form).copy())
            self.energies.append(energy.copy())

    def _take(self, active: np.ndarray, step: Step, time: int) -> None:
        """Go on to the next states and stop the trajectories that are steady or no longer finite."""
        if self.form == self.engine:
            with np.errstate(invalid="ignore", over="ignore"):
                change = np.linalg.norm((step.states - self.y[active]).astype(float), axis=1)
            self.y[active] = step.states
        else:  # the first step of another engine, whose states cannot be compared with the cues
            change, self.y, self.form = np.full(active.size, np.nan), step.states, self.engine
        is_finite = np.isfinite(step.states).all(axis=1) & (step.status == 0)
        self.status[active[~is_finite]] = DIVERGED
        is_moving = ~(change <= self.tol)
        self.n_steps[active[is_moving]] = time + 1
        self.residual[active] = change
        self.status[active[is_finite & ~is_moving]] = STEADY
        arrived = np.flatnonzero(is_finite & is_moving & (step.readout[:, 1] == 1))
        if arrived.size and self.memory.has_one_hot_weights:
            fixed = self._fixed_points(step.readout[arrived, 0], step.states[arrived])
            stopped = active[arrived[fixed]]
            self.status[stopped], self.residual[stopped] = STEADY, 0.0

    def _fixed_points(self, winners: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Whether the update leads from states that are single patterns back to them; known once for each pattern."""
        patterns, first, inverse = np.unique(winners, return_index=True, return_inverse=True)
        unknown = [i for i, pattern in enumerate(patterns) if int(pattern) not in self.is_fixed]
        if unknown:
            step = self.memory.step(states[first[unknown]], self.form, self.engine, threads=self.threads)
            same = (step.readout[:, 1] == 1) & (step.readout[:, 0] == patterns[unknown])
            self.is_fixed.update(zip(patterns[unknown].tolist(), same.tolist(), strict=True))
        return np.array([self.is_fixed[int(pattern)] for pattern in patterns])[inverse]

    def read(self, *, has_weights: bool) -> None:
        """Read out the last states; those without finite scores count as diverged."""
        self.states = self.memory.states_from(self.y, self.form)
        is_finite = self.status != DIVERGED
        found = self.memory.read_out(self.states[is_finite], has_weights=has_weights, threads=self.threads)
        self.energy = _spread(found.energy, is_finite, np.nan)
        self.readouts = {
            "winner": _spread(found.winner, is_finite, -1),
            "support_size": _spread(found.support_size, is_finite, 0),
            "margin": _spread(found.margin, is_finite, np.nan),
        }
        self.weights = _spread(found.weights, is_finite, np.nan) if has_weights else None
        lost = is_finite & (self.readouts["winner"] < 0)
        self.status[lost], self.n_steps[lost] = DIVERGED, self.n_steps[lost] + 1

    def check_divergence(self) -> None:
        failed = np.flatnonzero(self.status == DIVERGED)
        if failed.size == 0:
            return
        row = failed[np.argmin(self.n_steps[failed])]
        parameters = describe(self.memory)
        scalars = {k: v for k, v in parameters.items() if not isinstance(v, list | dict)}
        raise DivergedError(
            f"trajectory {row} diverged in update {self.n_steps[row]}: its state is no longer finite "
            f"({failed.size} of {self.status.size} trajectories; parameters {scalars})",
            trajectory=int(row),
            time=float(self.n_steps[row]),
            parameters=parameters,
        )

    def dataset(self, cues: np.ndarray) -> xr.Dataset:
        """The labelled result."""
        variables = {
            "state": (("trajectory", "unit"), self.states),
            "energy": ("trajectory", self.energy),
            "status": ("trajectory", self.status),
            "n_steps": ("trajectory", self.n_steps),
            "residual": ("trajectory", self.residual),
            **{name: ("trajectory", values) for name, values in self.readouts.items()},
        }
        has_weights = self.weights is not None
        if has_weights:
            variables["weights"] = (("trajectory", "pattern"), self.weights)
        sizes = {"trajectory": len(self.states), "unit": self.memory.n_units}
        sizes |= {"pattern": self.memory.n_patterns} if has_weights else {}
        coords = {name: (name, np.arange(size), {"units": "1"}) for name, size in sizes.items()}
        if self.every is not None:
            coords["time"] = self._add_paths(variables)
        variables = {name: (dims, values, {"units": "1"}) for name, (dims, values) in variables.items()}
        settings = {"steps": self.steps, "tol": float(self.tol), "every": self.every, "engine": self.engine}
        return xr.Dataset(variables, coords, run_attributes(self.memory, cues=cues, **settings))

    def _add_paths(self, variables):
        """Put the dimension time into state and energy; returns its coordinate."""
        if self.steps % self.every == 0:
            self.times.append(self.steps)
            self.paths.append(self.states)
            self.energies.append(self.energy)
        variables["state"] = (("trajectory", "time", "unit"), np.stack(self.paths, axis=1))
        variables["energy"] = (("trajectory", "time"), np.stack(self.energies, axis=1))
        return ("time", np.array(self.times), {"units": "updates"})


def _spread(values: np.ndarray, is_there: np.ndarray, fill) -> np.ndarray:
    """Values of some trajectories among all of them."""
    spread = np.full((is_there.size, *values.shape[1:]), fill, dtype=values.dtype)
    spread[is_there] = values
    return spread
