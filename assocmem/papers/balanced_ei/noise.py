"""Memories held under ongoing noise, and fluctuations around them against linear theory."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from assocmem.analysis import linear_noise_covariance, retrieved_fraction
from assocmem.inputs import OrnsteinUhlenbeck
from assocmem.papers.balanced_ei import earlier
from assocmem.papers.balanced_ei.cues import DT, RUNAWAY, is_identified
from assocmem.papers.balanced_ei.network import canonical
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.plotting import label_panels, make_figure, plot_retrieval_curve, plot_trajectory, style
from assocmem.simulate import simulate

STRENGTHS = (0.25, 0.5, 1.0, 2.0)  # mV
NOISE_TAU = 50.0  # ms
SMALL = 0.05  # mV; the linear theory holds


def compute(run: Run) -> xr.Dataset:
    """Is a pattern still held after two seconds of noise, and the variance of small fluctuations."""
    stored = canonical(run)
    held = xr.concat([_held(stored, run, strength) for strength in STRENGTHS], "strength")
    dataset = held.assign_coords(strength=("strength", list(STRENGTHS), {"units": "mV"}))
    return dataset.merge(_small_fluctuations(stored, run))


def _held(stored, run, strength):
    """Patterns identified by the mean rates of the last of two seconds, `repeat` runs from each."""
    n_repeats = run.pick(5, 10)
    starts = np.repeat(stored.potentials.to_numpy(), n_repeats, axis=0)
    result = simulate(
        stored.model,
        starts,
        duration=2000.0,
        dt=DT,
        method="euler",
        every=20,
        seed=run.seed_for("noise/held"),
        noise=OrnsteinUhlenbeck(tau=NOISE_TAU, std=strength),
        on_divergence="mark",
        threads=run.threads,
        progress=run.progress,
    )
    # a runaway counts as a very active state: its powers would overflow
    last_second = np.minimum(result.potential.sel(time=slice(1000.0, None)).to_numpy(), RUNAWAY)
    rates = stored.excitatory_rates(last_second).mean(axis=1)
    shape = (stored.n_patterns, n_repeats, -1)
    labelled = xr.DataArray(rates.reshape(shape), dims=("pattern", "repeat", "unit"))
    excitatory = result.potential[0, :, : min(8, stored.model.n_excitatory)]
    return xr.Dataset({"is_held": is_identified(stored, labelled), "example": excitatory.drop_vars("trajectory")})


def _small_fluctuations(stored, run):
    """Simulated and predicted variance of every unit around some patterns."""
    patterns = np.arange(run.pick(2, 6))
    n_trials = run.pick(40, 50)
    starts = np.repeat(stored.potentials.to_numpy()[patterns], n_trials, axis=0)
    result = simulate(
        stored.model,
        starts,
        duration=run.pick(3000.0, 5500.0),
        dt=DT,
        method="euler",
        every=20,
        seed=run.seed_for("noise/small"),
        noise=OrnsteinUhlenbeck(tau=NOISE_TAU, std=SMALL),
        threads=run.threads,
        progress=run.progress,
    )
    # the first half second is left out: the state starts on the pattern, not in its stationary spread
    states = result.potential.sel(time=slice(500.0, None)).to_numpy()
    states = states.reshape(len(patterns), n_trials, *states.shape[1:])
    simulated = states.var(axis=(1, 2))
    jacobians = stored.model.jacobian(stored.potentials.to_numpy()[patterns])
    predicted = [
        np.diag(linear_noise_covariance(jacobian, stored.model.tau, noise_tau=NOISE_TAU, noise_std=SMALL))
        for jacobian in jacobians
    ]
    dims = ("small_pattern", "all_units")
    return xr.Dataset(
        {
            "simulated_variance": (dims, simulated, {"units": "mV^2"}),
            "predicted_variance": (dims, np.array(predicted), {"units": "mV^2"}),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Potentials under noise, fraction of patterns held, simulated against predicted variance."""
    with style():
        figure, axes = make_figure(1, 3, height=60)
        example = dataset.example.sel(strength=0.5).rename(unit="example_unit")
        plot_trajectory(example, axes[0], name="potential", symbol="$u$")
        axes[0].set_title("noise of 0.5 mV")
        fraction = retrieved_fraction(dataset.is_held.astype(bool), dim=("pattern", "repeat"))
        plot_retrieval_curve(fraction, axes[1], x="strength")
        axes[1].set(xlabel=r"noise $\sigma$ (mV)", ylabel="fraction of patterns held")
        predicted, simulated = dataset.predicted_variance, dataset.simulated_variance
        axes[2].loglog(np.ravel(predicted), np.ravel(simulated), "o", markersize=2.5)
        for axis in (axes[2].xaxis, axes[2].yaxis):  # less than two decades: label within them
            axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        limits = [float(predicted.min()) / 1.5, 1.5 * float(predicted.max())]
        axes[2].plot(limits, limits, color="black", linestyle="--", linewidth=0.7, label="equal")
        axes[2].set(xlabel="variance, linear theory (mV²)", ylabel="variance, simulated (mV²)")
        axes[2].legend()
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Robustness to noise, its limit, and the linear theory of small fluctuations."""
    held = dataset.is_held.astype(float).mean(("pattern", "repeat"))
    n_trials = dataset.is_held.sizes["pattern"] * dataset.is_held.sizes["repeat"]
    ratio = dataset.simulated_variance / dataset.predicted_variance
    rows = [
        Claim(
            "memories survive ongoing noise: at least nine of ten are held for 2 s at 0.25 mV",
            "paper",
            "at_least",
            0.9,
            float(held.sel(strength=0.25)),
        ),
        Claim(
            f"small noise ({SMALL:g} mV): simulated over predicted variance, median over units",
            "theory",
            "close",
            1.0,
            float(ratio.median()),
            0.1,
            "slow modes give few independent samples; Euler step",
        ),
    ]
    if dataset.attrs["scale"] == "paper":
        rows += [
            Claim(
                f"fraction of patterns held for 2 s at {strength:g} mV",
                "earlier run",
                "close",
                theirs,
                float(held.sel(strength=strength)),
                *sampling_tolerance(theirs, n_trials),
            )
            for strength, theirs in earlier.HELD.items()
        ]
    return rows


EXPERIMENT = Experiment("noise", "memories under ongoing noise", compute, plot, claims)
