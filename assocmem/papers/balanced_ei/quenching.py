"""Trial-to-trial variability falls when a stimulus comes on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import across_trial_variance, variance_ratio
from assocmem.inputs import OrnsteinUhlenbeck, Schedule
from assocmem.papers.balanced_ei import earlier
from assocmem.papers.balanced_ei.cues import DT, is_identified, random_starts
from assocmem.papers.balanced_ei.network import canonical
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.patterns import lognormal_patterns
from assocmem.plotting import colours, label_panels, make_figure, plot_variance, style
from assocmem.simulate import simulate

STRENGTHS = (1.0, 2.0, 3.0)  # mV, noise
AMPLITUDES = (0.25, 0.5)  # of the pattern-shaped stimulus
ONSET = 1500.0  # ms of free running before it
NOISE_TAU = 50.0  # ms
BURST = 100.0  # mV, that is 400 Hz
BEFORE, AFTER = (-500.0, -10.0), (500.0, 1500.0)  # ms relative to the onset


def compute(run: Run) -> xr.Dataset:
    """Variance over trials around the onset of a stimulus, for several stimuli, noises and amplitudes.

    The gain does not saturate: strong noise can set off a burst of activity that grows for some
    milliseconds without bound before inhibition, or nothing, ends it. Trials with a burst are counted and
    left out of the variance.
    """
    stored = canonical(run)
    parts = [
        xr.concat([_variance(stored, run, strength, amplitude) for amplitude in AMPLITUDES], "amplitude")
        for strength in STRENGTHS
    ]
    dataset = xr.concat(parts, "strength").assign_coords(
        strength=("strength", list(STRENGTHS), {"units": "mV"}),
        amplitude=("amplitude", list(AMPLITUDES), {"units": "1"}),
    )
    dataset["ratio"] = variance_ratio(dataset.variance, before=BEFORE, after=AFTER)
    return dataset


def _variance(stored, run, strength, amplitude):
    """Variance (pattern, time) and where trials end, with the first few patterns as stimuli."""
    n_stimuli, n_trials = min(run.pick(4, 10), stored.n_patterns), run.pick(50, 100)
    n_excitatory = stored.model.n_excitatory
    rates = lognormal_patterns(n_stimuli * n_trials, n_excitatory, seed=run.seed_for("quenching/starts"))
    result = simulate(
        stored.model,
        random_starts(stored, rates).to_numpy(),
        duration=2 * ONSET,
        dt=DT,
        method="euler",
        every=20,
        seed=run.seed_for("quenching/noise"),
        noise=OrnsteinUhlenbeck(tau=NOISE_TAU, std=strength),
        stimulus=_stimulus(stored, amplitude, n_stimuli, n_trials),
        on_divergence="mark",
        threads=run.threads,
        progress=run.progress,
    )
    potential = result.potential.isel(unit=slice(n_excitatory))
    shape = (n_stimuli, n_trials, *potential.shape[1:])
    trials = xr.DataArray(
        potential.to_numpy().reshape(shape),
        dims=("pattern", "trajectory", "time", "unit"),
        coords={"time": ("time", result.time.values - ONSET, {"units": "ms"})},
        attrs={"units": "mV"},
    )
    is_burst = ~(np.abs(trials).max(("time", "unit")) < BURST)
    trials = trials.where(~is_burst)
    final = stored.excitatory_rates(trials.sel(time=slice(1000.0, None)).to_numpy()).mean(axis=2)
    ends = is_identified(stored, xr.DataArray(final, dims=("pattern", "repeat", "unit")))
    return xr.Dataset(
        {
            "variance": across_trial_variance(trials),
            "is_cued": ends,
            "is_burst": is_burst.rename(trajectory="repeat").assign_attrs(units="1"),
        }
    )


def _stimulus(stored, amplitude, n_stimuli, n_trials):
    """Input to the excitatory units: a pattern's potentials minus their mean, times the amplitude."""
    n_excitatory = stored.model.n_excitatory
    potentials = stored.potentials.to_numpy()[:, :n_excitatory]
    shaped = amplitude * (potentials - potentials.mean(axis=0))[:n_stimuli]
    values = np.zeros((1, n_stimuli * n_trials, stored.model.n_units))
    values[0, :, :n_excitatory] = np.repeat(shaped, n_trials, axis=0)
    return Schedule(times=np.array([ONSET]), values=values)


def plot(dataset: xr.Dataset) -> Figure:
    """Variance over time for each noise, and the ratio after over before."""
    with style():
        figure, axes = make_figure(1, 3, height=60)
        shades = colours(dataset.sizes["strength"])
        for ax, amplitude in zip(axes[:2], dataset.amplitude.values, strict=True):
            ax.set_prop_cycle(color=shades)
            for strength in dataset.strength.values:
                chosen = dataset.variance.sel(strength=strength, amplitude=amplitude).mean("pattern")
                plot_variance(chosen.assign_attrs(units="mV^2"), ax, onset=0.0, label=f"{strength:g} mV")
            ax.set(title=f"stimulus amplitude {amplitude:g}", xticks=[-1000, 0, 1000])
        axes[0].legend(title="noise")
        for amplitude, marker in zip(dataset.amplitude.values, "os", strict=True):
            ratio = dataset.ratio.sel(amplitude=amplitude)
            low, middle, high = ratio.quantile([0.25, 0.5, 0.75], "pattern")
            bars = [middle - low, high - middle]
            axes[2].errorbar(dataset.strength, middle, bars, marker=marker, capsize=2, label=f"{amplitude:g}")
        axes[2].axhline(1.0, color="black", linestyle=":", linewidth=0.7)
        axes[2].set(ylim=(0, None), xlabel=r"noise $\sigma$ (mV)", ylabel="variance ratio, after / before")
        axes[2].legend(title="amplitude")
        axes[2].set_title("median, quartiles of stimuli")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Quenching at every noise and amplitude, for the typical and for every stimulus."""
    ratio = dataset.ratio
    typical = ratio.median("pattern")
    ends = dataset.is_cued.astype(float).mean(("pattern", "repeat"))
    n_trials = dataset.is_cued.sizes["pattern"] * dataset.is_cued.sizes["repeat"]
    rows = [
        Claim(
            "variability falls after stimulus onset, at every noise and amplitude (largest median over stimuli)",
            "paper",
            "at_most",
            1.0,
            float(typical.max()),
        ),
        Claim(
            "it falls for every single stimulus, too (fraction of stimuli, noises and amplitudes)",
            "target",
            "at_least",
            1.0,
            float((ratio < 1).mean()),
        ),
        Claim(
            "trials end in the stimulated pattern (amplitude 0.5, noise 1 mV)",
            "earlier run",
            "at_least",
            0.94,
            float(ends.sel(amplitude=0.5, strength=1.0)),
            *sampling_tolerance(0.94, n_trials),
        ),
        Claim(
            f"activity stays within bounds: trials that never exceed {BURST:g} mV, all noises (others are left out)",
            "target",
            "at_least",
            1.0,
            float(1 - dataset.is_burst.mean()),
            *sampling_tolerance(1.0, n_trials),
        ),
    ]
    return rows + (_comparisons(ratio) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(ratio):
    """The ratios of the earlier run, which had one stimulus: our median, and our spread over stimuli as tolerance."""
    spread = ratio.quantile(0.75, "pattern") - ratio.quantile(0.25, "pattern")
    return [
        Claim(
            f"variance ratio at amplitude {amplitude:g} and noise {strength:g} mV (median over stimuli)",
            "earlier run",
            "close",
            theirs,
            float(ratio.median("pattern").sel(amplitude=amplitude, strength=strength)),
            float(spread.sel(amplitude=amplitude, strength=strength)),
            "interquartile range over our stimuli; theirs is one stimulus",
        )
        for (amplitude, strength), theirs in earlier.VARIANCE_RATIO.items()
    ]


EXPERIMENT = Experiment("quenching", "variability before and after stimulus onset", compute, plot, claims)
