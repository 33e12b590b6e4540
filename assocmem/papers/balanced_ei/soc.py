"""Stability-optimised circuit: inhibition tuned until a strongly coupled random network is stable.

The same gradient as in the training of memories, applied to the inhibitory weights of a linear rate network
(Hennequin, Vogels & Gerstner 2014, Neuron 82, 1394-1406).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.stability_optimised import stability_optimised_circuit
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import FADED, INHIBITORY, label_panels, make_figure, plot_eigenvalues, style

SIZES = {"quick": (100, 600), "paper": (200, 2000)}  # units, gradient steps at most
RADIUS = 10.0  # of the initial spectrum; the leak is 1


def compute(run: Run) -> xr.Dataset:
    """Spectra before and after, and the abscissa over the steps."""
    n_units, n_steps = SIZES[run.scale]
    circuit = stability_optimised_circuit(
        n_units,
        seed=run.seed,
        radius=RADIUS,
        max_iterations=n_steps,
        progress=run.progress,
    )
    if circuit.message.startswith("interrupted"):
        raise KeyboardInterrupt(circuit.message)
    spectra = np.stack([np.linalg.eigvals(w) for w in (circuit.initial_weights, circuit.weights)])
    return xr.Dataset(
        {
            "eigenvalue_real": (("state", "mode"), spectra.real, {"units": "1"}),
            "eigenvalue_imag": (("state", "mode"), spectra.imag, {"units": "1"}),
            "abscissa": ("step", circuit.history.abscissa.to_numpy(), {"units": "1"}),
            "weights": (("unit", "presynaptic"), circuit.weights, {"units": "1"}),
        },
        coords={"state": ["random", "optimised"]},
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Spectra before and after, and the descent."""
    with style():
        figure, axes = make_figure(1, 2, height=65)
        for state, colour in zip(dataset.state.values, (FADED, INHIBITORY), strict=True):
            plot_eigenvalues(dataset.sel(state=state), axes[0], label=state, colour=colour)
        axes[0].axvline(1.0, color="black", linewidth=0.7)
        axes[0].set_title("eigenvalues of the weights, leak 1")
        axes[0].legend(loc="upper left")
        axes[1].semilogy(dataset.abscissa)
        axes[1].axhline(1.0, color="black", linewidth=0.7, label="stable below")
        axes[1].set(xlabel="gradient step", ylabel="abscissa of the weights (leak)")
        axes[1].legend()
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The optimised network is far from instability and strongly non-normal."""
    abscissa = dataset.abscissa
    weights = dataset.weights.to_numpy()
    eigenvalues = dataset.sel(state="optimised")
    energy = float((eigenvalues.eigenvalue_real**2 + eigenvalues.eigenvalue_imag**2).sum())
    non_normality = float(np.sqrt(1 - energy / np.sum(weights**2)))
    return [
        Claim(
            "the random network is far beyond instability (abscissa, leak 1)",
            "reference value",
            "close",
            RADIUS,
            float(abscissa[0]),
            3.0,
            "finite size",
        ),
        Claim(
            "tuning inhibition alone stabilises it (abscissa, leak 1)",
            "paper",
            "at_most",
            1.0,
            float(abscissa.min()),
        ),
        Claim(
            "the optimised network stays strongly non-normal (share of the weights outside the spectrum)",
            "paper",
            "at_least",
            0.5,
            non_normality,
        ),
    ]


EXPERIMENT = Experiment("soc", "stability-optimised circuit", compute, plot, claims)
