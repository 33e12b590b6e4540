"""Fixed points of a flow and the spectrum of its Jacobian there.

A model is any object with `velocity(state)` (..., unit) -> (..., unit) per ms and `jacobian(state)`
(..., unit) -> (..., unit, unit) in 1/ms. Eigenvalues are reported in 1/s.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

PER_SECOND = 1000.0  # 1/ms in 1/s


def find_fixed_points(model, start, *, tol: float = 1e-10, max_steps: int = 100) -> xr.Dataset:
    """Fixed points reached from given states by damped Newton steps, with their stability.

    A step is halved until the norm of the velocity falls, so that a start far away does not make it jump to
    another attractor more often than necessary; which fixed point is found is still not a statement about
    basins.

    Parameters
    ----------
    model : object with `velocity` and `jacobian`
    start : array_like or DataArray (trajectory, unit) or (unit,)
        States to start from, in the unit of the model's state (mV for rate networks). The dimensions of a
        DataArray may come in any order; the first may also be called pattern.
    tol : float
        > 0; converged when no component of the velocity exceeds it, state units per ms.
    max_steps : int
        >= 1.

    Returns
    -------
    Dataset with `state` (trajectory, unit), `residual` (trajectory) in state units per ms,
    `is_converged`, `is_stable` (converged and every eigenvalue in the left half-plane), and the variables
    of `spectrum`.

    Raises
    ------
    TypeError
        If `start` is complex.
    ValueError
        If `start` is no matrix of finite numbers or has other dimensions, or `tol` or `max_steps` is out of
        range.
    """
    start = np.atleast_2d(_unlabelled(start))
    if start.ndim != 2 or not np.isfinite(start).all():
        raise ValueError(f"start must be finite and of shape (trajectory, unit), got shape {start.shape}")
    if not tol > 0:
        raise ValueError(f"tol must be > 0, got {tol}")
    if max_steps < 1:
        raise ValueError(f"max_steps must be >= 1, got {max_steps}")
    states = np.stack([_newton(model, state, tol, max_steps) for state in start])
    residual = np.abs(model.velocity(states)).max(axis=-1)
    found = spectrum(model, xr.DataArray(states, dims=("trajectory", "unit")))
    found["state"] = (("trajectory", "unit"), states)
    found["residual"] = ("trajectory", residual, {"units": "mV/ms"})
    found["is_converged"] = ("trajectory", residual <= tol, {"units": "1"})
    found["is_stable"] = (found.is_converged & (found.spectral_abscissa < 0)).assign_attrs(units="1")
    found["state"].attrs["units"] = "mV"
    return found


def spectrum(model, state: xr.DataArray) -> xr.Dataset:
    """Eigenvalues of the Jacobian at given states.

    Parameters
    ----------
    model : object with `jacobian`
    state : DataArray (..., unit)

    Returns
    -------
    Dataset with `eigenvalue_real` and `eigenvalue_imag` (..., mode), ordered by falling real part, and
    `spectral_abscissa` (...), the largest real part; all in 1/s. A state is a stable attractor where the
    velocity is zero and the abscissa negative. NaN where the Jacobian is not finite.

    Raises
    ------
    TypeError
        If `state` is no DataArray.
    ValueError
        If `state` lacks the dimension unit.
    """
    require_unit_dimension(state)
    ordered = state.transpose(..., "unit")
    eigenvalues = _sorted_eigenvalues(np.asarray(model.jacobian(ordered.to_numpy()))) * PER_SECOND
    dims = ordered.dims[:-1]
    coords = {name: c for name, c in ordered.coords.items() if "unit" not in c.dims}
    coords["mode"] = ("mode", np.arange(eigenvalues.shape[-1]), {"units": "1"})
    units = {"units": "1/s"}
    return xr.Dataset(
        {
            "eigenvalue_real": ((*dims, "mode"), eigenvalues.real, units),
            "eigenvalue_imag": ((*dims, "mode"), eigenvalues.imag, units),
            "spectral_abscissa": (dims, eigenvalues.real.max(axis=-1), units),
        },
        coords=coords,
    )


def require_unit_dimension(state: xr.DataArray) -> None:
    """TypeError or ValueError unless `state` is a DataArray with the dimension unit."""
    if not isinstance(state, xr.DataArray):
        raise TypeError(f"state must be a DataArray with the dimension unit, got {type(state).__name__}")
    if "unit" not in state.dims:
        raise ValueError(f"state must have the dimension unit, got {state.dims}")


def finite_eigenvalues(jacobian: np.ndarray) -> np.ndarray:
    """Complex eigenvalues (..., mode) of matrices (..., unit, unit); NaN for those that are not finite."""
    is_finite = np.isfinite(jacobian).all(axis=(-2, -1))
    eigenvalues = np.linalg.eigvals(np.where(is_finite[..., None, None], jacobian, 0.0)).astype(complex)
    return np.where(is_finite[..., None], eigenvalues, complex(np.nan, np.nan))


def _unlabelled(start) -> np.ndarray:
    if isinstance(start, xr.DataArray):
        if set(start.dims) not in ({"unit"}, {"trajectory", "unit"}, {"pattern", "unit"}):
            raise ValueError(f"start must have the dimensions (trajectory, unit) or (unit), got {start.dims}")
        start = start.transpose(..., "unit")
    if np.iscomplexobj(start):
        raise TypeError("start must be real, got complex numbers")
    return np.asarray(start, dtype=float)


def _sorted_eigenvalues(jacobian):
    eigenvalues = finite_eigenvalues(jacobian)
    order = np.lexsort((eigenvalues.imag, -eigenvalues.real), axis=-1)
    return np.take_along_axis(eigenvalues, order, axis=-1)


def _newton(model, state, tol, max_steps):
    velocity = np.asarray(model.velocity(state))
    for _ in range(max_steps):
        if np.abs(velocity).max() <= tol:
            break
        step = np.linalg.lstsq(np.asarray(model.jacobian(state)), -velocity, rcond=None)[0]
        for halving in range(30):
            trial = state + 0.5**halving * step
            trial_velocity = np.asarray(model.velocity(trial))
            if np.linalg.norm(trial_velocity) < np.linalg.norm(velocity):
                break
        else:
            break  # no descent along the Newton direction: a local minimum of the speed, not a fixed point
        state, velocity = trial, trial_velocity
    return state
