"""The trained network is balanced, inhibition-stabilised, and has a long tail of strong synapses."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import balance, excitatory_abscissa, spectrum
from assocmem.papers.balanced_ei.network import canonical
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import (
    EXCITATORY,
    INHIBITORY,
    label_panels,
    make_figure,
    plot_balance,
    plot_weights,
    style,
)


def compute(run: Run) -> xr.Dataset:
    """Currents of the excitatory units, abscissas with frozen and free inhibition, weights."""
    stored = canonical(run)
    model, n_excitatory = stored.model, stored.model.n_excitatory
    potentials = stored.potentials.drop_vars(stored.potentials.coords)
    currents = model.currents(potentials).isel(unit=slice(n_excitatory)).rename(unit="excitatory_unit")
    dataset = currents.merge(balance(currents))
    dataset["abscissa"] = spectrum(model, potentials).spectral_abscissa
    dataset["frozen_abscissa"] = excitatory_abscissa(model, potentials, n_excitatory=n_excitatory)
    dataset["weights"] = (("unit", "presynaptic"), model.weights, {"units": "mV/Hz"})
    return dataset.assign_attrs(n_excitatory=n_excitatory)


def plot(dataset: xr.Dataset) -> Figure:
    """Inhibition against excitation, abscissas, and the distribution of weights."""
    with style():
        figure, axes = make_figure(1, 3, height=60)
        plot_balance(dataset[["excitatory", "inhibitory"]], axes[0])
        axes[0].set_title(f"correlation {float(dataset.correlation):.2f}")
        axes[0].legend(loc="upper left")
        places = np.arange(dataset.sizes["pattern"]) + 1
        axes[1].plot(places, dataset.frozen_abscissa, "o", color=EXCITATORY, label="inhibition frozen")
        axes[1].plot(places, dataset.abscissa, "s", color=INHIBITORY, label="whole network")
        axes[1].axhline(0.0, color="black", linewidth=0.7, linestyle=":")
        axes[1].set(xlabel="pattern", ylabel=r"abscissa max Re $\lambda$ (1/s)")
        axes[1].legend()
        plot_weights(dataset.weights, axes[2], n_excitatory=int(dataset.attrs["n_excitatory"]))
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Cancellation, tracking, inhibition stabilisation, long tail."""
    n = dataset.sizes["unit"]
    strengths = np.abs(dataset.weights.to_numpy())[~np.eye(n, dtype=bool)]
    tail = float(strengths.mean() / np.median(strengths))
    return [
        Claim(
            "large excitatory and inhibitory inputs cancel: fraction of mean excitation cancelled",
            "reference value",
            "close",
            0.86,
            float(dataset.cancelled),
            0.1,
            "varies with the size and the seed",
        ),
        Claim(
            "recurrent excitation is a multiple of the constant input of 7 mV (mean over units, patterns)",
            "reference value",
            "close",
            21.9,
            float(dataset.excitatory_mean),
            6.0,
            "one standard deviation over units and patterns",
            "mV",
        ),
        Claim(
            "a unit's inhibition follows its excitation over patterns (correlation)",
            "reference value",
            "between",
            (0.67, 0.77),
            float(dataset.correlation),
            0.1,
            "varies with the size and the seed",
        ),
        Claim(
            "with inhibition frozen excitation would run away at every pattern (smallest abscissa)",
            "reference value",
            "at_least",
            0.0,
            float(dataset.frozen_abscissa.min()),
            unit="1/s",
        ),
        Claim(
            "long-tailed strengths: their mean is at least three times their median",
            "paper",
            "at_least",
            3.0,
            tail,
        ),
    ]


EXPERIMENT = Experiment("balance", "balance of excitation and inhibition, weights", compute, plot, claims)
