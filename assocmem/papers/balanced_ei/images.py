"""Real patterns: patches of photographs and handwritten digits as memories."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import is_retrieved, retrieved_fraction, spectrum
from assocmem.learning.storage import NotStorableError
from assocmem.papers.balanced_ei import cues
from assocmem.papers.balanced_ei.network import SIZES, trained
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.patterns import digit_patterns, lognormal_patterns, photograph_patterns
from assocmem.plotting import label_panels, make_figure, plot_image, plot_retrieval_curve, style

NOISE = (0.25, 0.5, 1.0, 1.5)  # sd
SHOWN = 2  # index of the noise whose cues are drawn
LOGNORMAL, LOW_CONTRAST = "log-normal", "log-normal, sd 2 Hz"
RAW, WHITENED = "photographs", "photographs, whitened"


def compute(run: Run) -> xr.Dataset:
    """Stability and recall for patterns of several kinds, with an example of cue and retrieval."""
    kinds = _pattern_sets(run)
    parts = [_measure(patterns, run) for patterns in kinds.values()]
    dataset = xr.concat(parts, xr.DataArray(list(kinds), dims="kind"))
    shape = [kinds[RAW].attrs[name] for name in ("patch_height", "patch_width")]
    return dataset.assign_coords(noise=("noise", list(NOISE), {"units": "1"})).assign_attrs(shape=shape)


def _pattern_sets(run):
    n_excitatory, _, n_patterns = SIZES[run.scale]
    seed = run.seed
    sets = {
        LOGNORMAL: lognormal_patterns(n_patterns, n_excitatory, seed=seed),
        LOW_CONTRAST: lognormal_patterns(n_patterns, n_excitatory, sd=2.0, seed=seed),
        RAW: photograph_patterns(n_patterns, n_excitatory, seed=seed),
        WHITENED: photograph_patterns(n_patterns, n_excitatory, seed=seed, decorrelate="whiten"),
    }
    if importlib.util.find_spec("sklearn"):  # the digits come with the extra `data`
        sets["digits"] = digit_patterns(n_patterns, n_units=n_excitatory, seed=seed)
        if run.scale == "paper":
            sets["digits, whitened"] = digit_patterns(n_patterns, n_units=n_excitatory, seed=seed, decorrelate="whiten")
            sets["landscapes"] = photograph_patterns(n_patterns, n_excitatory, seed=seed, source="scikit-learn")
    else:
        warnings.warn("digits are left out: they need scikit-learn, pip install 'assocmem[data]'", stacklevel=2)
    return sets


def _measure(patterns, run):
    n_inhibitory = SIZES[run.scale][1]
    correlation = ((), patterns.attrs["rms_correlation"], {"units": "1"})
    bare = patterns.drop_vars(patterns.coords)
    try:
        stored = trained(run, patterns, n_inhibitory=n_inhibitory, storage="exact")
    except NotStorableError:
        return _not_storable(bare, run).assign(rms_correlation=correlation)
    abscissa = spectrum(stored.model, stored.potentials.drop_vars(stored.potentials.coords)).spectral_abscissa
    finals, starts = [], []
    for noise in NOISE:
        start = cues.noisy_starts(
            stored, noise=noise, inhibition="mean", n_cues=run.pick(5, 10), seed=run.seed_for("images")
        )
        starts.append(start)
        finals.append(cues.final_rates(stored, start, run))
    errors = [cues.cued_error(stored, final) for final in finals]
    cue_rates = stored.excitatory_rates(starts[SHOWN].isel(cue=0).to_numpy())
    return xr.Dataset(
        {
            "abscissa": abscissa,
            "error": xr.concat(errors, "noise"),
            "rms_correlation": correlation,
            "pattern_rate": bare,
            "cue_rate": (("pattern", "unit"), cue_rates, {"units": "Hz"}),
            "final_rate": finals[SHOWN].isel(cue=0),
        }
    )


def _not_storable(patterns, run):
    n_patterns, n_cues = patterns.sizes["pattern"], run.pick(5, 10)
    return xr.Dataset(
        {
            "abscissa": ("pattern", np.full(n_patterns, np.nan), {"units": "1/s"}),
            "error": (("noise", "pattern", "cue"), np.full((len(NOISE), n_patterns, n_cues), np.inf)),
            "pattern_rate": patterns,
            "cue_rate": xr.full_like(patterns, np.nan),
            "final_rate": xr.full_like(patterns, np.nan),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Photograph patches, their cues and retrievals; recall and stability for every kind of pattern."""
    with style():
        figure, axes = make_figure(2, 1, height=110)
        for ax in axes:
            ax.remove()
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.0, 1.25))
        _plot_examples(dataset, top)
        axes = bottom.subplots(1, 2)
        places = np.arange(dataset.sizes["pattern"]) + 1
        success = is_retrieved(dataset.error)
        for kind, marker in zip(dataset.kind.values, "osvDP^X", strict=False):
            correlation = float(dataset.rms_correlation.sel(kind=kind))
            fraction = retrieved_fraction(success.sel(kind=kind), dim=("pattern", "cue"))
            label = f"{kind} ({correlation:.2f})"
            plot_retrieval_curve(fraction, axes[0], x="noise", label=label, marker=marker)
            axes[1].plot(places, np.sort(dataset.abscissa.sel(kind=kind)), marker)
        axes[0].set_xlabel("cue noise (sd)")
        axes[0].legend(title="patterns (rms correlation)", loc="lower left")
        axes[1].axhline(0.0, color="black", linestyle=":", linewidth=0.7)
        axes[1].set(xlabel="rank of the pattern", ylabel=r"abscissa max Re $\lambda$ (1/s)")
        label_panels(axes)
    return figure


def _plot_examples(dataset, figure):
    n_shown = min(8, dataset.sizes["pattern"])
    chosen = dataset.sel(kind=RAW)
    shape = tuple(int(n) for n in dataset.attrs["shape"])
    axes = figure.subplots(3, n_shown)
    names = ("pattern_rate", "cue_rate", "final_rate")
    for row, name, title in zip(axes, names, ("stored", f"cue ({NOISE[SHOWN]:g} sd)", "retrieved"), strict=True):
        for pattern, ax in enumerate(row):
            maximum = float(chosen.pattern_rate.isel(pattern=pattern).max())
            plot_image(chosen[name].isel(pattern=pattern), ax, shape=shape, maximum=maximum)
        row[0].set_ylabel(title)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Real patterns are stored and recalled like synthetic ones; correlated ones are harder."""
    recalled = is_retrieved(dataset.error).mean(("pattern", "cue"))
    stable = (dataset.abscissa < 0).mean("pattern")
    n_trials = dataset.error.sizes["pattern"] * dataset.error.sizes["cue"]
    rows = []
    for kind in dataset.kind.values:
        rows.append(
            Claim(
                f"{kind}: fraction of patterns that are stable attractors",
                "target",
                "at_least",
                1.0,
                float(stable.sel(kind=kind)),
            )
        )
        rows.append(
            Claim(
                f"{kind}: fraction recalled at a cue noise of 0.5 sd",
                "target",
                "at_least",
                1.0,
                float(recalled.sel(kind=kind, noise=0.5)),
                *sampling_tolerance(1.0, n_trials),
            )
        )
    return rows


EXPERIMENT = Experiment("images", "real patterns: photographs and digits", compute, plot, claims)
