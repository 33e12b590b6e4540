"""Control: patterns stored without the stability term are fixed points that nothing returns to."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import is_retrieved, retrieved_fraction, spectrum
from assocmem.papers.balanced_ei import cues
from assocmem.papers.balanced_ei.network import canonical, without_stability
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.plotting import label_panels, make_figure, plot_retrieval_curve, style

NOISE = (0.25, 0.5, 1.0)


def compute(run: Run) -> xr.Dataset:
    """Abscissas and recall of the trained network and of two networks that only store."""
    stored = canonical(run)
    n_inhibitory = stored.model.n_inhibitory
    networks = {"trained": stored} | {
        f"stored only, inhibition {kind}": without_stability(
            run, stored.patterns, n_inhibitory=n_inhibitory, inhibition=kind
        )
        for kind in ("random", "equal")
    }
    parts = [_measure(network, run) for network in networks.values()]
    dataset = xr.concat(parts, xr.DataArray(list(networks), dims="network"))
    return dataset.assign_coords(noise=("noise", list(NOISE), {"units": "1"}))


def _measure(network, run):
    abscissa = spectrum(network.model, network.potentials.drop_vars(network.potentials.coords)).spectral_abscissa
    errors = []
    for noise in NOISE:
        starts = cues.noisy_starts(
            network,
            noise=noise,
            inhibition="pattern",
            n_cues=run.pick(3, 5),
            seed=run.seed_for("no_stability"),
        )
        errors.append(cues.cued_error(network, cues.final_rates(network, starts, run)))
    return xr.Dataset({"abscissa": abscissa, "error": xr.concat(errors, "noise")})


def plot(dataset: xr.Dataset) -> Figure:
    """Abscissas per pattern and recall against cue noise."""
    with style():
        figure, axes = make_figure(1, 2, height=65)
        places = np.arange(dataset.sizes["pattern"]) + 1
        success = is_retrieved(dataset.error)
        for network, marker in zip(dataset.network.values, "osv", strict=True):
            axes[0].plot(places, dataset.abscissa.sel(network=network), marker)
            fraction = retrieved_fraction(success.sel(network=network), dim=("pattern", "cue"))
            plot_retrieval_curve(fraction, axes[1], x="noise", marker=marker, label=network)
        axes[0].axhline(0.0, color="black", linestyle=":", linewidth=0.7)
        axes[0].set(xlabel="pattern", ylabel=r"abscissa max Re $\lambda$ (1/s)")
        axes[1].legend(loc="center")
        axes[1].set_xlabel("cue noise (sd)")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Instability and failure of recall without the stability term."""
    recalled = is_retrieved(dataset.error).mean(("pattern", "cue"))
    n_trials = dataset.error.sizes["pattern"] * dataset.error.sizes["cue"]
    control = dataset.network.str.startswith("stored only")
    return [
        Claim(
            "without the stability term every pattern is unstable (smallest abscissa)",
            "control",
            "at_least",
            0.0,
            float(dataset.abscissa[control].min()),
            unit="1/s",
        ),
        Claim(
            "without it no cue is recalled, at any noise (largest fraction)",
            "control",
            "at_most",
            0.0,
            float(recalled[control].max()),
            *sampling_tolerance(0.0, n_trials),
        ),
        Claim(
            "with it the same patterns are recalled at 0.5 sd (inhibition right)",
            "control",
            "at_least",
            1.0,
            float(recalled.sel(network="trained", noise=0.5)),
            *sampling_tolerance(1.0, n_trials),
        ),
    ]


EXPERIMENT = Experiment("no_stability", "control: storage without stability", compute, plot, claims)
