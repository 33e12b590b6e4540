"""Training turns unstable stored states into attractors."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.analysis import spectrum
from assocmem.papers.balanced_ei.network import canonical, improved, without_stability
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import (
    EXCITATORY,
    FADED,
    INHIBITORY,
    label_panels,
    make_figure,
    plot_eigenvalues,
    plot_history,
    style,
)

STORED, PENALTY, EXACT = "stored only", "three-term cost", "exact storage"
COLOURS = {STORED: FADED, PENALTY: EXCITATORY, EXACT: INHIBITORY}
HISTORY = ("velocity", "stability", "frobenius", "abscissa", "smoothed_abscissa")


def compute(run: Run) -> xr.Dataset:
    """Spectra at the stored states of three networks, and the histories of the two that were trained."""
    stored = canonical(run)
    n_inhibitory = stored.model.n_inhibitory
    networks = {
        STORED: without_stability(run, stored.patterns, n_inhibitory=n_inhibitory, inhibition="random"),
        PENALTY: stored,
        EXACT: improved(run),
    }
    spectra = [spectrum(n.model, n.potentials.drop_vars(n.potentials.coords)) for n in networks.values()]
    dataset = xr.concat(spectra, xr.DataArray(list(networks), dims="network"))
    speeds = [np.abs(n.model.velocity(n.potentials.to_numpy())).max() for n in networks.values()]
    dataset["speed"] = ("network", speeds, {"units": "mV/ms"})
    for name, prefix in ((PENALTY, "penalty"), (EXACT, "exact")):
        history = networks[name].history[list(HISTORY)].rename(iteration=f"{prefix}_iteration")
        dataset = dataset.merge(history.rename({term: f"{prefix}_{term}" for term in HISTORY}))
    return dataset


def plot(dataset: xr.Dataset) -> Figure:
    """Spectra at one pattern, abscissas at all, and the two trainings."""
    with style():
        figure, axes = make_figure(2, 2, height=105)
        _plot_spectra(dataset, axes[0], axes[1])
        _plot_abscissas(dataset, axes[2])
        terms = {f"penalty_{name}": name for name in HISTORY[:3]}
        terms["penalty_stability"] = "stability, while positive"  # a mean abscissa falls below zero
        history = dataset[list(terms)].rename(penalty_iteration="iteration")
        plot_history(history.where(history > 0), axes[3], labels=terms)
        axes[3].set(yscale="log", ylabel="term of the cost", title=PENALTY)
        label_panels(axes)
    return figure


def _plot_spectra(dataset: xr.Dataset, plane: Axes, abscissas: Axes) -> None:
    places = np.arange(dataset.sizes["pattern"]) + 1
    for network, colour in COLOURS.items():
        chosen = dataset.sel(network=network)
        plot_eigenvalues(chosen.isel(pattern=0), plane, label=network, colour=colour)
        abscissas.plot(places, chosen.spectral_abscissa, "o", color=colour, label=network)
    plane.set_title("spectrum of the Jacobian at one pattern")
    plane.legend(loc="upper left")
    abscissas.axhline(0.0, color="black", linewidth=0.7, linestyle=":")
    abscissas.set(xlabel="pattern", ylabel=r"abscissa max Re $\lambda$ (1/s)")


def _plot_abscissas(dataset: xr.Dataset, ax: Axes) -> None:
    for network, prefix in ((PENALTY, "penalty"), (EXACT, "exact")):
        history = dataset[f"{prefix}_abscissa"]
        iteration = np.arange(len(history)) + 1
        ax.plot(iteration, history.max("pattern"), color=COLOURS[network], label=network)
        ax.plot(iteration, history.mean("pattern"), color=COLOURS[network], linestyle="--")
        smoothed = dataset[f"{prefix}_smoothed_abscissa"].max("pattern")
        ax.plot(iteration, smoothed, color=COLOURS[network], linestyle=":")
    for line, label in (("-", "largest"), ("--", "mean"), (":", "largest smoothed")):
        ax.plot([], [], line, color="black", label=label)
    ax.axhline(0.0, color="black", linewidth=0.7, linestyle=":")
    ax.set(xscale="log", xlabel="iteration", ylabel="abscissa (1/s)")
    ax.legend(fontsize="small")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Stability after training, instability without it, exact storage."""
    abscissa = dataset.spectral_abscissa
    largest = abscissa.max("pattern")
    return [
        Claim(
            "descent of the smoothed spectral abscissa makes every pattern stable (three-term cost, largest abscissa)",
            "paper",
            "at_most",
            0.0,
            float(largest.sel(network=PENALTY)),
            unit="1/s",
        ),
        Claim(
            "the same with exact storage at every step (largest abscissa)",
            "target",
            "at_most",
            0.0,
            float(largest.sel(network=EXACT)),
            unit="1/s",
        ),
        Claim(
            "storage without the stability term leaves every pattern unstable (smallest abscissa)",
            "control",
            "at_least",
            0.0,
            float(abscissa.sel(network=STORED).min()),
            unit="1/s",
        ),
        Claim(
            "stored patterns are exact fixed points after the projection (largest speed)",
            "theory",
            "at_most",
            0.0,
            float(dataset.speed.max()),
            1e-10,
            "round-off and the tolerance of the projection",
            "mV/ms",
        ),
    ]


EXPERIMENT = Experiment("optimisation", "training makes stored patterns stable", compute, plot, claims)
