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
TARGETS = {"quick": 0.5, "paper": 0.15}  # 0.15 is where the public code stops; the quick run is cut short
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
            plot_eigenvalues(dataset.sel(state=state), axes[0], label=state, colour=colour, border=1.0)
        axes[0].set_title("eigenvalues of the weights, leak 1")
        axes[0].legend(loc="upper left")
        axes[1].semilogy(dataset.abscissa)
        axes[1].axhline(1.0, color="black", linewidth=0.7, label="stable below")
        axes[1].set(xlabel="gradient step", ylabel="abscissa of the weights (leak)")
        axes[1].legend()
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Tuning inhibition alone stabilises a network far beyond instability."""
    target = TARGETS[dataset.attrs["scale"]]
    return [
        Claim(
            "Hennequin et al. (2014): tuning inhibition alone stabilises the network, whose leak is 1 (abscissa)",
            "other paper",
            "at_most",
            1.0,
            float(dataset.abscissa.min()),
        ),
        Claim(
            f"the abscissa falls to {target:g} within {dataset.sizes['step']} steps",
            "other paper",
            "at_most",
            target,
            float(dataset.abscissa.min()),
            1e-3,
            "the descent ends in a step across the target",
        ),
    ]


EXPERIMENT = Experiment("soc", "stability-optimised circuit", compute, plot, claims)
