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
    tau : ndarray (unit,)
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
    ValueError
        If shapes or ranges are wrong or the fixed point is unstable.
    """
    jacobian = np.asarray(jacobian, dtype=float)
    n = jacobian.shape[0]
    if jacobian.shape != (n, n) or not np.isfinite(jacobian).all():
        raise ValueError(f"jacobian must be a finite square matrix, got shape {jacobian.shape}")
    tau = np.broadcast_to(np.asarray(tau, dtype=float), n)
    noise_std = np.broadcast_to(np.asarray(noise_std, dtype=float), n)
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


def _augmented_covariance(jacobian, tau, noise_tau, noise_std):
    n = len(tau)
    drift = np.block([[jacobian, np.diag(1 / tau)], [np.zeros((n, n)), -np.eye(n) / noise_tau]])
    diffusion = np.diag(np.concatenate([np.zeros(n), 2 * noise_std**2 / noise_tau]))
    return solve_continuous_lyapunov(drift, -diffusion)
