"""How recall depends on the load and on the smoothing of the spectral abscissa."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import is_retrieved, retrieved_fraction, spectrum
from assocmem.learning.schedules import exact_schedule
from assocmem.learning.storage import NotStorableError
from assocmem.papers.balanced_ei import cues
from assocmem.papers.balanced_ei.network import Stored, trained
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.patterns import lognormal_patterns
from assocmem.plotting import label_panels, make_figure, plot_retrieval_curve, style

N_EXCITATORY, N_INHIBITORY = 40, 20
LOADS = {"quick": (0.1, 0.2, 0.4), "paper": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}  # patterns per unit
TRAININGS = {"three-term cost": "penalty", "exact storage": "exact"}
# epsilon times the number of units; 0.6 is the recipe, the bound of the theory is 2.67
SMOOTHINGS = (0.06, 0.18, 0.6, 1.2, 2.4)
NOISE = 0.5  # sd


def compute_load(run: Run) -> xr.Dataset:
    """Abscissa and recall of networks trained in two ways on more and more patterns."""
    loads = LOADS[run.scale]
    rows = [xr.concat([_measure_load(run, load, storage) for load in loads], "load") for storage in TRAININGS.values()]
    dataset = xr.concat(rows, xr.DataArray(list(TRAININGS), dims="training"))
    return dataset.assign_coords(load=("load", list(loads), {"units": "1"}))


def _measure_load(run, load, storage):
    patterns = lognormal_patterns(round(load * (N_EXCITATORY + N_INHIBITORY)), N_EXCITATORY, seed=run.seed)
    try:
        return measure(trained(run, patterns, n_inhibitory=N_INHIBITORY, storage=storage), run)
    except NotStorableError:
        return nothing_stored()


def compute_smoothing(run: Run) -> xr.Dataset:
    """Abscissa and recall of networks trained by the stability term alone, at several smoothings."""
    n_units = N_EXCITATORY + N_INHIBITORY
    patterns = lognormal_patterns(n_units // 5, N_EXCITATORY, seed=run.seed)
    schedule = exact_schedule(retrieval=False)
    parts = []
    for value in SMOOTHINGS:
        stored = trained(
            run,
            patterns,
            n_inhibitory=N_INHIBITORY,
            storage="exact",
            schedule=schedule,
            epsilon=value / n_units,
        )
        parts.append(measure(stored, run))
    return xr.concat(parts, xr.DataArray(list(SMOOTHINGS), dims="smoothing", attrs={"units": "1"}))


def measure(stored: Stored, run: Run) -> xr.Dataset:
    """Fraction recalled of cues with a noise of 0.5 sd, largest abscissa (1/s), fraction stable."""
    abscissa = spectrum(stored.model, stored.potentials.drop_vars(stored.potentials.coords)).spectral_abscissa
    starts = cues.noisy_starts(
        stored, noise=NOISE, inhibition="mean", n_cues=run.pick(8, 20), seed=run.seed_for("sweeps")
    )
    success = is_retrieved(cues.cued_error(stored, cues.final_rates(stored, starts, run)))
    return retrieved_fraction(success, dim=("pattern", "cue")).assign(
        largest_abscissa=abscissa.max().assign_attrs(units="1/s"),
        stable_fraction=(abscissa < 0).mean().assign_attrs(units="1"),
    )


def nothing_stored() -> xr.Dataset:
    """What `measure` gives for patterns that cannot be stored: nothing stable, nothing recalled."""
    names = ("fraction", "lower", "upper", "n_trials", "stable_fraction")
    dataset = xr.Dataset({name: ((), 0.0, {"units": "1"}) for name in names})
    return dataset.assign(largest_abscissa=((), np.nan, {"units": "1/s"}))


def plot_load(dataset: xr.Dataset) -> Figure:
    """Recall and abscissa against the load."""
    with style():
        figure, axes = make_figure(1, 2, height=60)
        for training, marker in zip(TRAININGS, "os", strict=True):
            _plot_sweep(dataset.sel(training=training), axes, x="load", label=training, marker=marker)
        for ax in axes:
            ax.set_xlabel("load (patterns per unit)")
            ax.set_xlim(0.05, float(dataset["load"].max()) + 0.05)
        axes[1].legend()
        label_panels(axes)
    return figure


def plot_smoothing(dataset: xr.Dataset) -> Figure:
    """Recall and abscissa against the smoothing."""
    with style():
        figure, axes = make_figure(1, 2, height=60)
        _plot_sweep(dataset, axes, x="smoothing", label="", marker="o")
        for ax in axes:
            ax.set(xscale="log", xlabel=r"smoothing $\epsilon N$ (1/$\tau_E$)")
        label_panels(axes)
    return figure


def _plot_sweep(dataset, axes, *, x, label, marker):
    plot_retrieval_curve(dataset, axes[0], x=x, marker=marker)
    axes[0].set_title(f"cue noise {NOISE:g} sd")
    axes[1].plot(dataset[x], dataset.largest_abscissa, marker=marker, label=label or None)
    axes[1].axhline(0.0, color="black", linestyle=":", linewidth=0.7)
    axes[1].set_ylabel("largest abscissa (1/s)")


def claims_load(dataset: xr.Dataset) -> list[Claim]:
    """Reliable recall at the load of the other experiments, and its end."""
    last = float(dataset["load"].max())
    usual, largest = dataset.fraction.sel(load=0.2), dataset.fraction.sel(load=last)
    n_trials = dataset.n_trials.max("training")
    reference = {0.4: 0.32, 0.6: 0.0}[last]
    penalty, exact = TRAININGS
    rows = [
        Claim(
            f"{training}: fraction recalled at a load of 0.2 patterns per unit, cue noise 0.5 sd",
            "earlier run",
            "at_least",
            1.0,
            float(usual.sel(training=training)),
            *sampling_tolerance(1.0, int(n_trials.sel(load=0.2))),
        )
        for training in TRAININGS
    ]
    return [
        *rows,
        Claim(
            f"{penalty}: recall breaks down as the load grows, fraction at a load of {last:g}",
            "earlier run",
            "at_most",
            reference,
            float(largest.sel(training=penalty)),
            *sampling_tolerance(reference, int(n_trials.sel(load=last))),
        ),
        Claim(
            f"{exact} holds more: its fraction at a load of {last:g} minus that of the {penalty} (beyond chance)",
            "target",
            "at_least",
            sampling_tolerance(0.5, int(n_trials.sel(load=last)))[0],
            float(largest.sel(training=exact) - largest.sel(training=penalty)),
        ),
    ]


def claims_smoothing(dataset: xr.Dataset) -> list[Claim]:
    """A wide range of smoothings stabilises; near the theoretical bound stability or recall is lost.

    The earlier run swept the smoothing with another cost, so its numbers are not compared.
    """
    stable, fraction = dataset.stable_fraction, dataset.fraction
    margin, reason = sampling_tolerance(0.5, int(dataset.n_trials.max()))
    return [
        Claim(
            "epsilon N from 0.06 to 1.2 makes every pattern stable (smallest fraction of patterns)",
            "target",
            "at_least",
            1.0,
            float(stable.sel(smoothing=slice(0.0, 1.5)).min()),
        ),
        Claim(
            "near the bound (epsilon N = 2.4 of 2.67) some pattern is left unstable (fraction stable)",
            "theory",
            "at_most",
            1.0 - 1.0 / (N_EXCITATORY + N_INHIBITORY),
            float(stable.sel(smoothing=2.4)),
        ),
        Claim(
            "recall without a retrieval term is better at epsilon N = 0.6 than near the bound (beyond chance)",
            "target",
            "at_least",
            margin,
            float(fraction.sel(smoothing=0.6) - fraction.sel(smoothing=2.4)),
            reason=reason,
        ),
    ]


LOAD = Experiment("load", "recall against the number of patterns", compute_load, plot_load, claims_load)
SMOOTHING = Experiment(
    "smoothing",
    "recall against the smoothing of the abscissa",
    compute_smoothing,
    plot_smoothing,
    claims_smoothing,
)
