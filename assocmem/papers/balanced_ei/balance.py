"""The trained network is balanced, inhibition-stabilised, and has a long tail of strong synapses."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import balance, excitatory_abscissa, spectrum
from assocmem.papers.balanced_ei import earlier
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
    within = xr.corr(dataset.excitatory, -dataset.inhibitory, dim="pattern")
    rows = [
        Claim(
            "a unit's excitation and inhibition are about equal: inhibition is at least two thirds of excitation",
            "paper",
            "at_least",
            2 / 3,
            float(dataset.cancelled),
        ),
        Claim(
            "inhibition follows excitation over units and patterns together (correlation)",
            "paper",
            "at_least",
            0.5,
            float(dataset.correlation),
        ),
        Claim(
            "it does so within a unit, over patterns, as well (median correlation over units)",
            "target",
            "at_least",
            0.5,
            float(within.median()),
        ),
        Claim(
            "with inhibition frozen excitation would run away at every pattern (smallest abscissa)",
            "earlier run",
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
            float(strengths.mean() / np.median(strengths)),
        ),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset):
    """Mean currents and their correlation in the earlier run."""
    means = (
        ("excitation", earlier.EXCITATION, float(dataset.excitatory_mean), float(dataset.excitatory_sd)),
        ("inhibition", earlier.INHIBITION, -float(dataset.inhibitory_mean), float(dataset.inhibitory_sd)),
    )
    rows = [
        Claim(
            f"mean recurrent {name} of excitatory units",
            "earlier run",
            "close",
            mean,
            ours,
            # standard errors over patterns: units of one network are no independent sample of networks
            2 * float(np.hypot(sd, our_sd)) / dataset.sizes["pattern"] ** 0.5,
            "two standard errors over patterns",
            "mV",
        )
        for name, (mean, sd), ours, our_sd in means
    ]
    correlation = float(dataset.correlation)
    return [
        *rows,
        Claim("correlation of the currents", "earlier run", "between", earlier.CURRENT_CORRELATION, correlation),
    ]


EXPERIMENT = Experiment("balance", "balance of excitation and inhibition, weights", compute, plot, claims)
