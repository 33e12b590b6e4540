"""Recall from corrupted cues, and from states that are no cues at all."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import (
    correlation,
    is_retrieved,
    principal_axes,
    project,
    recall_error,
    retrieved_fraction,
)
from assocmem.papers.balanced_ei import cues, earlier
from assocmem.papers.balanced_ei.network import Stored, canonical, improved
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.patterns import lognormal_patterns
from assocmem.plotting import (
    INHIBITORY,
    label_panels,
    make_figure,
    plot_bundle,
    plot_projection,
    plot_raster,
    plot_retrieval_curve,
    style,
)
from assocmem.simulate import simulate

NOISE = (0.25, 0.5, 1.0, 1.5, 2.0)  # standard deviations of the rates
FRACTIONS = (0.1, 0.2, 0.3, 0.5)  # of the excitatory units resampled
MAIN_NOISE = 0.5
LONG = 5000.0  # ms; from a state that is no cue the way to an attractor is long
EXAMPLES = 12  # trajectories whose path is kept


def compute(run: Run) -> xr.Dataset:
    """Recall against cue noise and resampling, its time course, and the ends of random starts."""
    stored, exact = canonical(run), improved(run)
    seed, n_cues = run.seed_for("recall"), run.pick(5, 10)
    noisy = [
        [
            _final_error(stored, cues.noisy_starts(stored, noise=noise, inhibition=kind, n_cues=n_cues, seed=seed), run)
            for kind in cues.INHIBITION
        ]
        for noise in NOISE
    ]
    better = [
        _final_error(exact, cues.noisy_starts(exact, noise=noise, inhibition="mean", n_cues=n_cues, seed=seed), run)
        for noise in NOISE
    ]
    resampled = [
        _final_error(stored, cues.resampled_starts(stored, fraction=fraction, n_cues=n_cues, seed=seed), run)
        for fraction in FRACTIONS
    ]
    dataset = xr.Dataset(
        {
            "error": xr.concat([xr.concat(row, "inhibition") for row in noisy], "noise"),
            "improved_error": xr.concat(better, "noise"),
            "resampled_error": xr.concat(resampled, "resampled"),
        },
        coords={
            "noise": ("noise", list(NOISE), {"units": "1", "long_name": "cue noise in sd of the rates"}),
            "inhibition": list(cues.INHIBITION),
            "resampled": ("resampled", list(FRACTIONS), {"units": "1"}),
        },
    )
    dataset = dataset.merge(_time_course(stored, run, seed, n_cues)).merge(_random_ends(stored, run))
    return dataset.assign_attrs(n_excitatory=stored.model.n_excitatory)


def _final_error(stored, starts, run):
    return cues.cued_error(stored, cues.final_rates(stored, starts, run))


def _time_course(stored: Stored, run: Run, seed: int, n_cues: int) -> xr.Dataset:
    """Error and correlation over time at the main noise, with some paths in the plane of the patterns."""
    starts = cues.noisy_starts(stored, noise=MAIN_NOISE, inhibition="mean", n_cues=n_cues, seed=seed)
    stacked = starts.stack(trajectory=("pattern", "cue"))
    result = simulate(
        stored.model,
        stacked.transpose("trajectory", "unit").to_numpy(),
        duration=500.0,
        dt=cues.DT,
        method="euler",
        every=10,
        threads=run.threads,
        progress=run.progress,
    )
    rates = _labelled(stored, result)
    pick = {"pattern": xr.DataArray(np.repeat(np.arange(stored.n_patterns), n_cues), dims="trajectory")}
    # in the space of potentials: of rates a few large ones would decide the axes
    attractors = stored.potentials.isel(unit=slice(stored.model.n_excitatory))
    principal = principal_axes(attractors)
    # the first cue of up to EXAMPLES patterns
    examples = result.potential.isel(
        trajectory=slice(0, n_cues * EXAMPLES, n_cues), unit=slice(stored.model.n_excitatory)
    )
    all_rates = result.potential.isel(trajectory=0).copy(data=stored.model.rate(result.potential[0].to_numpy()))
    return xr.Dataset(
        {
            "error_over_time": recall_error(rates, stored.patterns).isel(pick).drop_vars("pattern"),
            "correlation_over_time": correlation(rates, stored.patterns).isel(pick).drop_vars("pattern"),
            "path": project(examples, principal).rename(trajectory="example").drop_vars("example"),
            "attractor": project(attractors, principal),
            "example_rate": all_rates.drop_vars("trajectory").assign_attrs(units="Hz"),
        }
    )


def _labelled(stored, result):
    rates = stored.excitatory_rates(result.potential.to_numpy())
    coords = {"time": result.time}
    return xr.DataArray(rates, dims=("trajectory", "time", "unit"), coords=coords, attrs={"units": "Hz"})


def _random_ends(stored, run):
    """Where 200 log-normal states that are no corrupted patterns end."""
    rates = lognormal_patterns(200, stored.model.n_excitatory, seed=run.seed_for("recall/random"))
    final = cues.final_rates(stored, cues.random_starts(stored, rates), run, duration=LONG)
    error = recall_error(final, stored.patterns)
    return xr.Dataset(
        {
            "random_error": error.min("pattern").rename(trajectory="start").assign_attrs(units="1"),
            "random_end": error.argmin("pattern").rename(trajectory="start").assign_attrs(units="1"),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """One retrieval, all time courses, paths among the patterns, and the fraction retrieved."""
    with style():
        figure, axes = make_figure(2, 3, height=105)
        plot_raster(dataset.example_rate, axes[0], n_excitatory=int(dataset.attrs["n_excitatory"]))
        axes[0].set_title("one retrieval")
        plot_bundle(dataset.error_over_time, axes[1], name="recall error", symbol="$e$", colour=INHIBITORY)
        axes[1].axhline(0.2, color="black", linestyle=":", linewidth=0.7)
        axes[1].set_ylim(bottom=0)
        axes[1].set_title(f"cue noise {MAIN_NOISE:g} sd")
        plot_bundle(dataset.correlation_over_time, axes[2], name="correlation with the pattern", colour=INHIBITORY)
        paths = dataset.path.rename(example="trajectory")
        plot_projection(paths, axes[3], attractors=dataset.attractor)
        success = is_retrieved(dataset.error)
        for kind, marker in zip(dataset.inhibition.values, "osv", strict=True):
            chosen = retrieved_fraction(success.sel(inhibition=kind), dim=("pattern", "cue"))
            plot_retrieval_curve(chosen, axes[4], x="noise", label=f"inhibition: {kind}", marker=marker)
        chosen = retrieved_fraction(is_retrieved(dataset.improved_error), dim=("pattern", "cue"))
        plot_retrieval_curve(chosen, axes[4], x="noise", label="mean, trained on retrieval", marker="D")
        axes[4].set_xlabel("cue noise (sd)")
        axes[4].legend(loc="lower left")
        chosen = retrieved_fraction(is_retrieved(dataset.resampled_error), dim=("pattern", "cue"))
        plot_retrieval_curve(chosen, axes[5], x="resampled")
        axes[5].set_xlabel("fraction of units resampled")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Robustness to the corruption of cues, speed, and absence of spurious attractors."""
    recalled = is_retrieved(dataset.error.sel(inhibition="mean")).mean(("pattern", "cue"))
    better = is_retrieved(dataset.improved_error).mean(("pattern", "cue"))
    n_trials = dataset.sizes["pattern"] * dataset.sizes["cue"]
    n_starts = dataset.sizes["start"]
    rows = [
        Claim(
            "recall is robust: at least nine of ten cues with noise of 0.25 sd recall their pattern (three-term cost)",
            "paper",
            "at_least",
            0.9,
            float(recalled.sel(noise=0.25)),
        ),
        Claim(
            "exact storage, trained on retrieval: fraction recalled at a cue noise of 0.5 sd",
            "target",
            "at_least",
            1.0,
            float(better.sel(noise=0.5)),
            *sampling_tolerance(1.0, n_trials),
        ),
        Claim(
            "exact storage, trained on retrieval: fraction recalled at a cue noise of 1 sd",
            "target",
            "at_least",
            0.93,
            float(better.sel(noise=1.0)),
            *sampling_tolerance(0.93, n_trials),
        ),
        Claim(
            "no spurious attractors: random states that are on a stored pattern after 5 s",
            "earlier run",
            "at_least",
            1.0,
            float(is_retrieved(dataset.random_error).mean()),
            *sampling_tolerance(1.0, n_starts),
        ),
    ]
    return rows + (_comparisons(dataset, recalled, n_trials) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset, recalled, n_trials):
    """Every number of the earlier run on recall."""
    resampled = is_retrieved(dataset.resampled_error).mean(("pattern", "cue"))
    by_time = is_retrieved(dataset.error_over_time).mean("trajectory")
    sets = (
        ("cue noise of {:g} sd: fraction recalled", earlier.RECALLED, recalled, "noise"),
        ("fraction {:g} of units resampled: fraction recalled", earlier.RECALLED_RESAMPLED, resampled, "resampled"),
        ("fraction recalled {:g} ms after a cue with 0.5 sd", earlier.RECALLED_BY, by_time, "time"),
    )
    return [
        Claim(
            f"three-term cost, {text.format(x)}",
            "earlier run",
            "close",
            theirs,
            float(ours.sel({dim: x})),
            *sampling_tolerance(theirs, n_trials),
        )
        for text, values, ours, dim in sets
        for x, theirs in values.items()
    ]


EXPERIMENT = Experiment("recall", "recall from corrupted cues", compute, plot, claims)
