"""Audit of a claimed Lyapunov function along trajectories."""

from __future__ import annotations

import numpy as np
import xarray as xr


def audit_energy(energy: xr.DataArray, *, rtol: float = 1e-12) -> xr.Dataset:
    """Where and by how much an energy that should never rise does rise.

    Parameters
    ----------
    energy : DataArray (..., time)
        Values along trajectories, at least two times.
    rtol : float
        >= 0; a step up by no more than `rtol` times the largest magnitude on that trajectory is round-off.

    Returns
    -------
    Dataset, each variable without the time dimension: `largest_rise` (0 where there is none) and
    `time_of_largest_rise` (end of that step; NaN where there is none), `n_rises`, `total_rise`, `net_change`,
    `is_descending` (no rise at all). A NaN energy is no descent.

    Raises
    ------
    ValueError
        If time is missing or too short, or `rtol` is negative.
    """
    if energy.sizes.get("time", 0) < 2:
        raise ValueError(f"energy must have at least 2 times, got {energy.sizes.get('time', 0)}")
    if not rtol >= 0:
        raise ValueError(f"rtol must be >= 0, got {rtol}")
    ordered = energy.transpose(..., "time")
    audit = _audit(ordered.to_numpy(), ordered.time.to_numpy(), rtol)
    dims = ordered.dims[:-1]
    coords = {name: c for name, c in ordered.coords.items() if "time" not in c.dims}
    own = energy.attrs.get("units", "1")
    time_units = ordered.time.attrs.get("units", "1")
    units = {"time_of_largest_rise": time_units, "n_rises": "1", "is_descending": "1"}
    variables = {name: (dims, values, {"units": units.get(name, own)}) for name, values in audit.items()}
    return xr.Dataset(variables, coords=coords)


def _audit(energy, time, rtol):
    change = np.diff(energy, axis=-1)
    round_off = rtol * np.abs(energy).max(axis=-1, keepdims=True)
    rise = np.where(change > round_off, change, 0.0)
    largest = rise.argmax(axis=-1)
    n_rises = (rise > 0).sum(axis=-1)
    return {
        "largest_rise": rise.max(axis=-1),
        "time_of_largest_rise": np.where(n_rises > 0, time[1:][largest], np.nan),
        "n_rises": n_rises,
        "total_rise": rise.sum(axis=-1),
        "net_change": energy[..., -1] - energy[..., 0],
        "is_descending": (n_rises == 0) & np.isfinite(energy).all(axis=-1),
    }
