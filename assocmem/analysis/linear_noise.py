"""Covariance that small input noise produces around a stable fixed point."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.linalg import solve_continuous_lyapunov


def linear_noise_covariance(jacobian, tau, *, noise_tau: float, noise_std) -> xr.DataArray:
    """Stationary covariance of a linearised rate network driven by Ornstein-Uhlenbeck input.

    Solves the Lyapunov equation ``A C + C A' + D = 0`` of the augmented system (potential, noise), with ``A
    = [[J, T^-1], [0, -1/noise_tau]]`` and the diffusion ``D = 2 noise_std^2 / noise_tau`` on the noise
    alone; each unit has its own independent noise.

    Parameters
    ----------
    jacobian : ndarray (unit, unit)
        J at the fixed point, 1/ms; every eigenvalue in the left half-plane.
    tau : float or ndarray (unit,)
        Time constants T of the units, ms, > 0.
    noise_tau : float
        Correlation time of the noise, ms, > 0.
    noise_std : float or ndarray (unit,)
        Stationary standard deviation of the noise, mV, >= 0.

    Returns
    -------
    DataArray (unit, other_unit), mV^2.

    Raises
    ------
    TypeError
        If `jacobian` is complex.
    ValueError
        If shapes or ranges are wrong or the fixed point is unstable.
    """
    if np.iscomplexobj(jacobian):
        raise TypeError("jacobian must be real, got complex numbers")
    jacobian = np.asarray(jacobian, dtype=float)
    shape = jacobian.shape
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0] or not np.isfinite(jacobian).all():
        raise ValueError(f"jacobian must be a finite square matrix, got shape {shape}")
    n = shape[0]
    tau, noise_std = _per_unit("tau", tau, n), _per_unit("noise_std", noise_std, n)
    if not (tau > 0).all() or not noise_tau > 0 or not (noise_std >= 0).all():
        raise ValueError(
            f"tau and noise_tau must be > 0 ms and noise_std >= 0 mV, got minima {tau.min()}, {noise_tau}"
            f" and {noise_std.min()}"
        )
    abscissa = np.linalg.eigvals(jacobian).real.max()
    if abscissa >= 0:
        raise ValueError(f"jacobian must be stable, got a spectral abscissa of {1000 * abscissa:g} 1/s")
    covariance = _augmented_covariance(jacobian, tau, noise_tau, noise_std)[:n, :n]
    return xr.DataArray(covariance, dims=("unit", "other_unit"), name="covariance", attrs={"units": "mV^2"})


def _per_unit(name, values, n):
    values = np.asarray(values, dtype=float)
    if values.shape not in ((), (n,)):
        raise ValueError(f"{name} must be a number or of shape ({n},), got shape {values.shape}")
    return np.broadcast_to(values, n)


def _augmented_covariance(jacobian, tau, noise_tau, noise_std):
    n = len(tau)
    drift = np.block([[jacobian, np.diag(1 / tau)], [np.zeros((n, n)), -np.eye(n) / noise_tau]])
    diffusion = np.diag(np.concatenate([np.zeros(n), 2 * noise_std**2 / noise_tau]))
    return solve_continuous_lyapunov(drift, -diffusion)
