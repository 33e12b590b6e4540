"""Checks of the arguments of a run: all of them before anything runs."""

import numpy as np

from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.integrators import METHODS
from assocmem.validation import check_finite, check_integer, check_multiple, check_positive, real_array

__all__ = ["check_inputs", "check_settings"]


def check_settings(run) -> None:
    """Raise ValueError or TypeError if a setting of a run is out of range, by itself or together with others."""
    check_integer("n_units of the model", run.model.n_units, 1)
    check_positive("duration", run.duration)
    check_finite("t0", run.t0)
    if run.dt is not None:
        check_positive("dt", run.dt)
    if run.is_adaptive:
        _check_adaptive_settings(run)
    else:
        _check_fixed_settings(run)
    if run.seed is not None:
        check_integer("seed", run.seed, 0)
    if run.threads is not None:
        check_integer("threads", run.threads, 1)
    if run.on_divergence not in ("raise", "mark"):
        raise ValueError(f"on_divergence must be 'raise' or 'mark', got {run.on_divergence!r}")
    for name, kind in (("stimulus", Schedule), ("noise", OrnsteinUhlenbeck), ("stop", SteadyState)):
        value = getattr(run, name)
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} must be a {kind.__name__} or None, got {type(value).__name__}")


def _check_adaptive_settings(run) -> None:
    for name in ("rtol", "atol"):
        check_positive(name, getattr(run, name))
    check_integer("max_steps", run.max_steps, 1)
    if run.every not in (1, None):
        raise ValueError(f"every needs a fixed-step method, got {run.method!r}; use t_eval")
    if run.noise is not None:
        raise ValueError(f"noise needs a fixed-step method, got {run.method!r}")


def _check_fixed_settings(run) -> None:
    if run.dt is None:
        raise ValueError(f"dt must be given for method {run.method!r}")
    check_multiple("duration", run.duration, run.dt)
    if round(run.duration / run.dt) < 1:
        raise ValueError(f"duration must be at least one step of dt = {run.dt:g}, got {run.duration:g}")
    if run.every is not None:
        check_integer("every", run.every, 1)
    if run.t_eval is not None:
        raise ValueError(f"t_eval needs method 'dopri5', got {run.method!r}; use every")
    if METHODS[run.method].is_stochastic and run.model.diffusion is None:
        raise ValueError(f"method {run.method!r} needs a model with diffusion, got {type(run.model).__name__}")
    if run.method == "exponential_euler":
        if run.model.leak is None:
            raise ValueError(f"method 'exponential_euler' needs a model with a leak, got {type(run.model).__name__}")
        leak = real_array("leak of the model", run.model.leak)
        if leak.shape not in ((), (run.model.n_units,)):
            raise ValueError(f"leak of the model must have shape ({run.model.n_units},), got {leak.shape}")


def check_inputs(run) -> None:
    """Raise ValueError or TypeError if the input of a run does not fit its model and its ensemble."""
    if (run.stimulus or run.noise) and not run.model.takes_stimulus:
        raise ValueError(f"{type(run.model).__name__} takes no stimulus: its kernel has no argument `stimulus`")
    if run.model.needs_stimulus and (run.stimulus is None or run.stimulus.times[0] > run.start):
        raise ValueError(f"stimulus must be given from the start on for {type(run.model).__name__}: see its docstring")
    if METHODS[run.method].is_stochastic or run.noise is not None:
        if run.seed is None:
            raise ValueError("seed must be given for a run with noise")
    shape, n_units = (len(run.ensemble.y), run.model.n_stimulus), run.model.n_units
    if run.stimulus is not None:
        if run.stimulus.values.shape[1:] not in (shape[1:], shape):
            raise ValueError(
                f"stimulus.values must have shape (k, {shape[1]}) or (k, {shape[0]}, {shape[1]}), "
                f"got {run.stimulus.values.shape}"
            )
        if not run.is_adaptive:
            end = run.start + run.duration
            for time in run.stimulus.times[(run.stimulus.times > run.start) & (run.stimulus.times < end)]:
                if abs((time - run.t0) - round((time - run.t0) / run.dt) * run.dt) > 1e-6 * run.dt:
                    raise ValueError(
                        f"stimulus.times must differ from t0 by multiples of dt = {run.dt:g}, got {time:g}"
                    )
    if run.noise is not None and not np.ndim(run.noise.std) and (run.model.needs_stimulus or shape[1] != n_units):
        kind = type(run.model).__name__
        raise ValueError(f"noise.std must be an array {shape[1:]} for {kind}: not all columns are drives of units")
    if run.noise is not None and np.ndim(run.noise.std) and np.shape(run.noise.std) != shape[1:]:
        raise ValueError(f"noise.std must be a number or have shape {shape[1:]}, got {np.shape(run.noise.std)}")
