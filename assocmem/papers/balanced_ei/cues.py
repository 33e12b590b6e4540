"""Initial states made of cues, and what the network retrieves from them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from assocmem.analysis import identify, recall_error
from assocmem.inputs import SteadyState
from assocmem.papers.balanced_ei.network import Stored
from assocmem.papers.base import Run
from assocmem.patterns import corrupt
from assocmem.simulate import simulate

DT = 0.5  # ms; 0.1 to 1 ms end in the same states
DURATION = 1500.0  # ms of retrieval
RUNAWAY = 1000.0  # mV, that is 40 kHz
# Inhibitory units at the start: "mean" tells nothing of the pattern, "pattern" is right, "noisy" is corrupted
INHIBITION = ("mean", "pattern", "noisy")


def noisy_starts(stored: Stored, *, noise: float, inhibition: str, n_cues: int, seed: int) -> xr.DataArray:
    """Potentials (pattern, cue, unit), mV, of cues with additive noise in units of the sd of the rates."""
    cues = corrupt(stored.patterns, noise=noise, n_cues=n_cues, seed=seed)
    return _starts(stored, cues, _inhibitory_potentials(stored, inhibition, noise, n_cues, seed))


def resampled_starts(stored: Stored, *, fraction: float, n_cues: int, seed: int) -> xr.DataArray:
    """Potentials (pattern, cue, unit), mV, of cues with some rates resampled and inhibition at its mean."""
    cues = corrupt(stored.patterns, fraction=fraction, n_cues=n_cues, seed=seed)
    return _starts(stored, cues, _inhibitory_potentials(stored, "mean", 0.0, n_cues, seed))


def random_starts(stored: Stored, rates: xr.DataArray) -> xr.DataArray:
    """Potentials (trajectory, unit), mV, of any excitatory rates (pattern, unit), inhibition at its mean."""
    excitatory = stored.model.activation.potential(rates.to_numpy())
    inhibitory = np.broadcast_to(stored.inhibitory.mean("pattern"), (len(rates), stored.model.n_inhibitory))
    return xr.DataArray(np.concatenate([excitatory, inhibitory], axis=-1), dims=("trajectory", "unit"))


def final_rates(stored: Stored, starts: xr.DataArray, run: Run, *, duration: float = DURATION) -> xr.DataArray:
    """Excitatory rates, Hz, of starts (..., unit) after `duration` ms; NaN where activity ran away.

    The gain does not saturate, so that a network without stable states can leave all bounds.
    """
    # a state that still moves by 1e-7 mV/ms is within 1e-4 mV of a fixed point with an abscissa of -1/s
    result = simulate(
        stored.model,
        starts.to_numpy().reshape(-1, stored.model.n_units),
        duration=duration,
        dt=DT,
        method="euler",
        every=None,
        stop=SteadyState(1e-7),
        on_divergence="mark",
        threads=run.threads,
        progress=run.progress,
    )
    rates = stored.excitatory_rates(result.final_state.where(is_bounded(result)).to_numpy())
    return xr.DataArray(rates.reshape(*starts.shape[:-1], -1), dims=starts.dims, attrs={"units": "Hz"})


def is_bounded(result: xr.Dataset) -> xr.DataArray:
    """Whether each trajectory of a run stayed finite and ended below the potential of a runaway."""
    is_finite = result.status <= 1  # completed or steady
    return is_finite & (np.abs(result.final_state).max("unit") < RUNAWAY)


def cued_error(stored: Stored, rates: xr.DataArray) -> xr.DataArray:
    """Recall error (pattern, ...) of rates (pattern, ..., unit) with respect to the pattern that was cued."""
    return of_cued(recall_error(rates.rename(pattern="cued"), stored.patterns))


def of_cued(values: xr.DataArray) -> xr.DataArray:
    """Values (cued, ..., pattern) at the pattern that was cued: (pattern, ...)."""
    cued = xr.DataArray(np.arange(values.sizes["cued"]), dims="cued")
    return values.isel(pattern=cued).drop_vars("pattern", errors="ignore").rename(cued="pattern")


def is_identified(stored: Stored, rates: xr.DataArray) -> xr.DataArray:
    """Whether rates (pattern, ..., unit) are most correlated with the pattern they were cued with."""
    identity = identify(rates.rename(pattern="cued"), stored.patterns).rename(cued="pattern")
    cued = xr.DataArray(np.arange(rates.sizes["pattern"]), dims="pattern")
    return (identity == cued).rename("is_identified").assign_attrs(units="1")


def _starts(stored, cues, inhibitory):
    excitatory = stored.model.activation.potential(cues.to_numpy())
    potentials = np.concatenate([excitatory, inhibitory], axis=-1)
    return xr.DataArray(potentials, dims=("pattern", "cue", "unit"), attrs={"units": "mV"})


def _inhibitory_potentials(stored, inhibition, noise, n_cues, seed):
    if inhibition not in INHIBITION:
        raise ValueError(f"inhibition must be one of {', '.join(INHIBITION)}, got {inhibition!r}")
    potentials = stored.inhibitory
    if inhibition == "noisy":
        rates = potentials.copy(data=stored.model.activation.rate(potentials.to_numpy()))
        # another seed than that of the excitatory noise, so that the two are independent
        noisy = corrupt(rates, noise=noise, n_cues=n_cues, seed=seed + 1)
        return stored.model.activation.potential(noisy.to_numpy())
    if inhibition == "mean":
        potentials = xr.broadcast(potentials.mean("pattern"), potentials)[0].transpose("pattern", "unit")
    return np.repeat(potentials.to_numpy()[:, np.newaxis], n_cues, axis=1)
