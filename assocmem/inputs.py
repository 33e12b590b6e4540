"""What acts on a run from outside: stimulus schedules, input noise, and the rule that ends it early."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assocmem.validation import check_positive, real_array

__all__ = ["OrnsteinUhlenbeck", "Schedule", "SteadyState"]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Piecewise-constant stimulus: value k acts from ``times[k]`` until ``times[k + 1]``, nothing before ``times[0]``.

    The switching times are met exactly: a fixed-step method must have a step that starts there, the adaptive method
    ends a step there.

    Parameters
    ----------
    times : array (k,)
        Strictly increasing, in the model's unit of time.
    values : array (k, unit) or (k, trajectory, unit)
        In the unit of the model's drive; a model whose `n_stimulus` is not its number of units has so many columns.

    Raises
    ------
    ValueError
        If times do not increase, shapes disagree or a number is not finite.
    """

    times: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        times, values = real_array("times", self.times), real_array("values", self.values)
        if times.ndim != 1 or times.size == 0:
            raise ValueError(f"times must be a non-empty sequence of numbers, got shape {times.shape}")
        if not np.all(np.diff(times) > 0):
            raise ValueError(f"times must be strictly increasing, got {times.tolist()}")
        if values.ndim not in (2, 3) or len(values) != len(times):
            raise ValueError(
                f"values must have shape ({len(times)}, unit) or ({len(times)}, trajectory, unit), got {values.shape}"
            )
        for name, array in (("times", times), ("values", values)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def constant(cls, values) -> "Schedule":
        """The same stimulus (unit,) or (trajectory, unit) at all times from 0 on."""
        return cls(times=np.zeros(1), values=np.asarray(values, dtype=float)[None])

    @classmethod
    def from_pulses(cls, pulses: Sequence[tuple[float, float, np.ndarray]]) -> "Schedule":
        """Sum of rectangular pulses.

        Parameters
        ----------
        pulses : sequence of (start, stop, values)
            Each acts from `start` until `stop` (which may be inf) with values (unit,) or (trajectory, unit); where
            pulses overlap, their values add.

        Raises
        ------
        ValueError
            If there is no pulse, one does not end after it starts, shapes disagree or a number is not finite.
        """
        if not pulses:
            raise ValueError("pulses must hold at least one (start, stop, values), got none")
        arrays = []
        for number, (start, stop, values) in enumerate(pulses):
            if not (np.isfinite(start) and start < stop):
                raise ValueError(f"pulses[{number}] must start at a finite time and end later, got {start} to {stop}")
            arrays.append(real_array(f"pulses[{number}]", values))
        shapes = [array.shape for array in arrays]
        trajectories, columns = {s[:-1] for s in shapes if len(s) > 1}, {s[-1:] for s in shapes}
        if {len(s) for s in shapes} - {1, 2} or len(trajectories) > 1 or len(columns) > 1:
            raise ValueError(f"pulses must have values (unit,) or (trajectory, unit) of one shape, got {shapes}")
        shape = max(trajectories, default=()) + columns.pop()
        edges = {float(edge) for start, stop, _ in pulses for edge in (start, stop)}
        times = np.array(sorted(edge for edge in edges if np.isfinite(edge)))
        values = np.zeros((times.size, *shape))
        for (start, stop, _), array in zip(pulses, arrays, strict=True):
            values[(times >= start) & (times < stop)] += array
        return cls(times, values)

    def at(self, time: float, shape: tuple[int, int]) -> np.ndarray:
        """Stimulus (trajectory, unit) that acts from `time` on, until the next switching time."""
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        return np.zeros(shape) if index < 0 else np.array(np.broadcast_to(self.values[index], shape))


@dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck:
    """Noise of every column of the input, d eta = -eta / tau dt + std sqrt(2 / tau) dW, independent between units.

    It is advanced exactly (Gillespie 1996, Phys. Rev. E 54, 2084) by one step at a time, held constant over the step,
    and starts from its stationary law.

    Parameters
    ----------
    tau : float, > 0
        Correlation time, in the model's unit of time.
    std : float or array (unit,), >= 0
        Stationary standard deviation, in the unit of the model's drive.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    tau: float
    std: float | np.ndarray

    def __post_init__(self):
        check_positive("tau", self.tau)
        std = real_array("std", self.std)
        if std.ndim > 1 or np.any(std < 0):
            raise ValueError(f"std must be a number or an array (unit,) of numbers >= 0, got {self.std}")

    def step_coefficients(self, dt: float, n_columns: int) -> tuple[float, np.ndarray]:
        """Decay factor and amplitude (column,) of the exact update over `dt`."""
        decay = float(np.exp(-dt / self.tau))
        std = np.broadcast_to(np.asarray(self.std, float), (n_columns,))
        return decay, np.sqrt(-np.expm1(-2 * dt / self.tau)) * std


@dataclass(frozen=True)
class SteadyState:
    """Ends a trajectory once the largest ``|dy/dt|`` over its units (for a map: the largest change) is below `tol`.

    Not before the last switch of a stimulus. In a noisy run it judges the drift of the moment.

    Parameters
    ----------
    tol : float, > 0
        In units of the state per unit of time.
    """

    tol: float

    def __post_init__(self):
        check_positive("tol", self.tol)
