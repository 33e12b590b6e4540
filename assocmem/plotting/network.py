"""What a trained network is like: spectra, balance, weights, and how the training went."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.plotting.style import EXCITATORY, INHIBITORY, NEUTRAL, axis_label


def plot_eigenvalues(
    spectrum: xr.Dataset, ax: Axes, *, label: str = "", colour=INHIBITORY, border: float = 0.0
) -> Axes:
    """Eigenvalues in the complex plane, with the border of stability.

    Parameters
    ----------
    spectrum : Dataset with `eigenvalue_real` and `eigenvalue_imag` (mode,), 1/s
        As from `assocmem.analysis.spectrum`; call once per spectrum to compare several.
    ax : Axes
    label : str
        For the legend.
    colour : Matplotlib colour
    border : float
        Real part above which a mode grows: 0 for a Jacobian, the leak for weights.

    Raises
    ------
    ValueError
        If a variable is missing.
    """
    _require_variables(spectrum, ("eigenvalue_real", "eigenvalue_imag"))
    ax.axvline(border, color=NEUTRAL, linewidth=0.7, linestyle=":")
    ax.plot(
        np.ravel(spectrum.eigenvalue_real),
        np.ravel(spectrum.eigenvalue_imag),
        "o",
        color=colour,
        markersize=2.5,
        markeredgewidth=0,
        alpha=0.7,
        label=label or None,
    )
    ax.set_xlabel(axis_label(spectrum.eigenvalue_real, "Re", r"$\lambda$"))
    ax.set_ylabel(axis_label(spectrum.eigenvalue_imag, "Im", r"$\lambda$"))
    return ax


def plot_balance(currents: xr.Dataset, ax: Axes) -> Axes:
    """Inhibitory against excitatory input, one dot per unit and pattern, with the line of equality.

    Parameters
    ----------
    currents : Dataset with `excitatory` >= 0 and `inhibitory` <= 0, mV, of equal dimensions
    ax : Axes

    Raises
    ------
    ValueError
        If a variable is missing.
    """
    _require_variables(currents, ("excitatory", "inhibitory"))
    excitatory, inhibitory = xr.broadcast(currents.excitatory, -currents.inhibitory)
    ax.plot(np.ravel(excitatory), np.ravel(inhibitory), ".", color=NEUTRAL, markersize=1.5, alpha=0.5)
    limit = 1.03 * float(max(excitatory.max(), inhibitory.max()))
    ax.plot([0, limit], [0, limit], color="black", linewidth=0.7, linestyle="--", label="equal")
    ax.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
    ax.set_xlabel(axis_label(currents.excitatory, "excitatory input", ""))
    ax.set_ylabel(axis_label(currents.inhibitory, "minus inhibitory input", ""))
    return ax


def plot_weights(weights: xr.DataArray, ax: Axes, *, n_excitatory: int, floor: float = 1e-4) -> Axes:
    """Distribution of synaptic strengths on logarithmic axes, excitatory and inhibitory apart.

    Parameters
    ----------
    weights : DataArray (unit, presynaptic)
        mV/Hz, columns below `n_excitatory` excitatory. The diagonal is left out.
    ax : Axes
    n_excitatory : int
    floor : float
        mV/Hz, > 0; weaker synapses are counted in the legend instead of drawn.

    Raises
    ------
    ValueError
        If `weights` is no square matrix or `floor` is not > 0.
    """
    values = np.abs(np.asarray(weights, dtype=float))
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"weights must be a square matrix, got shape {values.shape}")
    if not floor > 0:
        raise ValueError(f"floor must be > 0 mV/Hz, got {floor}")
    off_diagonal = ~np.eye(len(values), dtype=bool)
    bins = np.geomspace(floor, max(values.max(), 10 * floor), 30)
    for name, columns, colour in (
        ("excitatory", slice(None, n_excitatory), EXCITATORY),
        ("inhibitory", slice(n_excitatory, None), INHIBITORY),
    ):
        strengths = values[:, columns][off_diagonal[:, columns]]
        below = np.mean(strengths < floor) if strengths.size else 0.0
        label = f"{name} ({100 * below:.0f} % below {floor:g})"
        ax.hist(strengths, bins, histtype="step", color=colour, label=label, linewidth=1.1)
    ax.set(xscale="log", yscale="log", ylabel="number of synapses")
    ax.set_xlabel("strength $|W_{ij}|$ (mV/Hz)")
    ax.set_ylim(top=10 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper left")
    return ax


def plot_history(history: xr.Dataset, ax: Axes, *, labels: dict[str, str]) -> Axes:
    """Quantities of a training run over its iterations.

    Parameters
    ----------
    history : Dataset over iteration
    ax : Axes
    labels : dict
        Name of a variable -> text of its legend; the variables are drawn in this order, on one axis, so they
        should share a unit.

    Raises
    ------
    ValueError
        If a variable or the dimension iteration is missing.
    """
    _require_variables(history, tuple(labels))
    if "iteration" not in history.dims:
        raise ValueError(f"history must have the dimension iteration, got {tuple(history.dims)}")
    for name, label in labels.items():
        ax.plot(history.iteration, history[name], label=label)
    ax.set_xlabel("iteration")
    ax.legend()
    return ax


def _require_variables(dataset, names):
    missing = [name for name in names if name not in dataset]
    if missing:
        raise ValueError(f"dataset must have {', '.join(names)}, missing {', '.join(missing)}")
