"""Run a model: parameters and initial states in, a labelled Dataset out."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import METHODS
from assocmem.models.base import Flow, Map
from assocmem.observables import Observable, resolve_observables
from assocmem.run import DivergedError, Run, SimulationInterrupted
from assocmem.validation import check_integer

__all__ = ["DivergedError", "SimulationInterrupted", "iterate", "simulate"]


def simulate(
    model: Flow,
    y0: np.ndarray | xr.DataArray | xr.Dataset,
    *,
    duration: float,
    dt: float | None = None,
    t0: float = 0.0,
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
    piece or is continued ("dopri5" ends a step where a run ends, so there the pieces agree within the tolerance).

    Parameters
    ----------
    model : Flow
        What to integrate.
    y0 : array (unit,) or (trajectory, unit), or Dataset
        Initial states; a DataArray is read by its dimensions. A Dataset returned by this function is continued from its
        last states; trajectories that were steady stay so if `stop` is given, and go on otherwise.
    duration : float, > 0
        In the model's unit of time; for fixed steps a multiple of `dt`.
    dt : float, > 0
        Step size of the fixed-step methods; for "dopri5" the first step to try, found from the slope by default.
    t0 : float
        Time of the initial states.
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
        `assocmem.observables.OBSERVABLES`. Fixed-step methods then keep no more than a chunk of states in memory.
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
        `n_steps`, `residual` (largest ``|dy/dt|`` at the start of the last step, for "dopri5" at its end) and
        `stop_time`; all parameters in attrs.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; before anything runs.
    DivergedError
        If a state is no longer finite or a step size has vanished.
    SimulationInterrupted
        On Ctrl-C; carries what was finished, which a fixed-step method can continue bit-exactly.
    """
    if not isinstance(model, Flow):
        raise TypeError(f"model must be a Flow (for a Map use iterate), got {type(model).__name__}")
    if method not in METHODS or method == "map":
        known = ", ".join(name for name in METHODS if name != "map")
        raise ValueError(f"method must be one of {known}, got {method!r}")
    return Run(
        model,
        method,
        y0,
        duration=duration,
        dt=dt,
        t0=t0,
        every=every,
        seed=seed,
        stimulus=stimulus,
        noise=noise,
        stop=stop,
        observables=resolve_observables(observables),
        t_eval=t_eval,
        rtol=rtol,
        atol=atol,
        max_steps=max_steps,
        trajectory=trajectory,
        threads=threads,
        on_divergence=on_divergence,
        progress=progress,
    ).execute()


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
    check_integer("steps", steps, 1)
    return Run(
        model,
        "map",
        y0,
        duration=float(steps),
        dt=1.0,
        every=every,
        stimulus=stimulus,
        stop=stop,
        observables=resolve_observables(observables),
        trajectory=trajectory,
        threads=threads,
        on_divergence=on_divergence,
        progress=progress,
    ).execute()
