"""Balance of excitation and inhibition."""

from __future__ import annotations

import numpy as np
import xarray as xr

from assocmem.analysis.fixed_points import PER_SECOND, finite_eigenvalues, require_unit_dimension


def balance(currents: xr.Dataset) -> xr.Dataset:
    """How well inhibition tracks and cancels excitation.

    Parameters
    ----------
    currents : Dataset with `excitatory` and `inhibitory`, mV
        Recurrent input of every unit, of equal dimensions (units, patterns, times), inhibition <= 0.

    Returns
    -------
    Dataset of scalars: `correlation` of excitatory with minus inhibitory input over all entries
    (NaN where one of them is constant), `cancelled`, the fraction of mean excitation that mean inhibition
    cancels, and mean and standard deviation of both in mV.

    Raises
    ------
    ValueError
        If a variable is missing, the dimensions differ, or a sign is wrong.
    """
    missing = {"excitatory", "inhibitory"} - set(currents.data_vars)
    if missing:
        names = ", ".join(sorted(missing))
        raise ValueError(f"currents must have excitatory and inhibitory, missing {names}")
    excitatory, inhibitory = currents.excitatory, currents.inhibitory
    if set(excitatory.dims) != set(inhibitory.dims):
        raise ValueError(
            f"excitatory and inhibitory must have the same dimensions, got {excitatory.dims} and {inhibitory.dims}"
        )
    if (excitatory < 0).any() or (inhibitory > 0).any():
        raise ValueError("excitatory currents must be >= 0 and inhibitory ones <= 0 mV")
    return xr.Dataset(
        {
            "correlation": xr.corr(excitatory, -inhibitory).assign_attrs(units="1"),
            "cancelled": (-inhibitory.mean() / excitatory.mean()).assign_attrs(units="1"),
            "excitatory_mean": excitatory.mean().assign_attrs(units="mV"),
            "excitatory_sd": excitatory.std().assign_attrs(units="mV"),
            "inhibitory_mean": inhibitory.mean().assign_attrs(units="mV"),
            "inhibitory_sd": inhibitory.std().assign_attrs(units="mV"),
        }
    )


def excitatory_abscissa(model, state: xr.DataArray, *, n_excitatory: int) -> xr.DataArray:
    """Spectral abscissa of the excitatory units alone, with inhibition frozen at its value.

    A network is inhibition-stabilised at a state where this is positive while the spectral abscissa of the
    whole Jacobian is negative: excitation would run away if inhibition did not follow.

    Parameters
    ----------
    model : object with `jacobian` (..., unit) -> (..., unit, unit) in 1/ms
    state : DataArray (..., unit)
    n_excitatory : int
        The first `n_excitatory` units are excitatory; from 1 to the number of units.

    Returns
    -------
    DataArray (...), 1/s; NaN where the Jacobian is not finite.

    Raises
    ------
    TypeError
        If `state` is no DataArray.
    ValueError
        If `state` lacks the dimension unit or `n_excitatory` is out of range.
    """
    require_unit_dimension(state)
    if not 1 <= n_excitatory <= state.sizes["unit"]:
        raise ValueError(f"n_excitatory must be in 1..{state.sizes['unit']}, got {n_excitatory}")
    ordered = state.transpose(..., "unit")
    block = np.asarray(model.jacobian(ordered.to_numpy()))[..., :n_excitatory, :n_excitatory]
    values = finite_eigenvalues(block).real.max(axis=-1) * PER_SECOND
    abscissa = ordered.isel(unit=0, drop=True).copy(data=values)
    return abscissa.rename("excitatory_abscissa").assign_attrs(
        units="1/s", long_name="abscissa of the excitatory block"
    )
