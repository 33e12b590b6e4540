"""The transition to chaos of a random rate network at gain 1, by its largest Lyapunov exponent.

Rest loses its stability where the gain times the largest real part of an eigenvalue of the weights is 1, which for many
units is at gain 1. There networks of many units turn chaotic; those of few go through other fixed points and cycles,
whose largest exponent is 0, before they do.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.linalg import eigvals

from assocmem.analysis import lyapunov_exponents
from assocmem.jit import kernel
from assocmem.models.base import FunctionFlow
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting.style import colours, label_panels, make_figure, style

GAINS = (0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 2.0)
LINEAR = 0.02  # largest difference from the linear exponent below the transition
CHAOTIC = 0.005  # exponents above are those of chaos: those of cycles are 0 to some 0.002


@kernel
def random_rates(t, y, dy, weights_from, gain):
    """``dy_i = -y_i + gain sum_j W_ij tanh(y_j)``, weights as [from, to]."""
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = -y[b, i]
        for j in range(y.shape[1]):
            rate = gain * np.tanh(y[b, j])
            for i in range(y.shape[1]):
                dy[b, i] += weights_from[j, i] * rate


def compute(run: Run) -> xr.Dataset:
    """Largest exponents (n_units, network, gain), and those of the equations linearised at 0."""
    sizes, n_networks, gains = run.pick(((60,), 2, (0.7, 1.0, 2.0)), ((100, 200, 400, 800), 6, GAINS))
    jobs = [(n, k, gain) for n in sizes for k in range(n_networks) for gain in gains]
    found = run.map(lambda job: _exponents(run, *job), jobs, label="networks")
    values = np.reshape(found, (len(sizes), n_networks, len(gains), 3))
    dims = ("n_units", "network", "gain")
    names = ("exponent", "standard_error", "linear")
    data = {name: (dims, values[..., k], {"units": "1/tau"}) for k, name in enumerate(names)}
    coords = {"n_units": list(sizes), "network": range(n_networks), "gain": list(gains)}
    return xr.Dataset(data, coords).assign_attrs(duration=_duration(run))


def _duration(run: Run) -> float:
    return run.pick(100.0, 400.0)


def _exponents(run: Run, n_units: int, network: int, gain: float) -> tuple[float, float, float]:
    rng = np.random.default_rng(run.seed_for(f"studies/chaos/{n_units}/{network}"))
    weights = rng.standard_normal((n_units, n_units)) / np.sqrt(n_units)
    values = {"weights_from": np.ascontiguousarray(weights.T), "gain": gain}
    flow = FunctionFlow(random_rates, n_units=n_units, values=values)
    settings = {"duration": _duration(run), "transient": run.pick(50.0, 200.0), "dt": 0.1}
    found = lyapunov_exponents(flow, rng.standard_normal(n_units), **settings)
    linear = gain * eigvals(weights).real.max() - 1.0
    return float(found.lyapunov_exponent[0, 0]), float(found.standard_error[0, 0]), float(linear)


def onset(dataset: xr.Dataset) -> xr.DataArray:
    """Gain (n_units, network) from which on the exponent is that of chaos, between measured gains; NaN for none."""
    gain = dataset.gain.values

    def crossing(exponents):
        below = np.flatnonzero(exponents <= CHAOTIC)
        if below.size == 0 or below[-1] == gain.size - 1:
            return np.nan
        k = below[-1]
        share = (CHAOTIC - exponents[k]) / (exponents[k + 1] - exponents[k])
        return gain[k] + share * (gain[k + 1] - gain[k])

    return xr.apply_ufunc(crossing, dataset.exponent, input_core_dims=[["gain"]], vectorize=True)


def plot(dataset: xr.Dataset) -> Figure:
    """Exponents against gain, and against those of the linearised equations."""
    with style():
        figure, axes = make_figure(1, 2, height=65)
        sizes = dataset.n_units.values
        for colour, n_units in zip(colours(sizes.size), sizes, strict=True):
            part = dataset.sel(n_units=n_units)
            mean, spread = part.exponent.mean("network"), part.exponent.std("network", ddof=1)
            axes[0].errorbar(part.gain, mean, spread, fmt="o-", color=colour, capsize=2, label=f"N = {n_units}")
            axes[1].plot(part.linear.values.ravel(), part.exponent.values.ravel(), ".", color=colour)
        axes[0].axhline(0.0, color="#BBBBBB", linewidth=0.6)
        axes[0].axvline(1.0, color="#666666", linestyle="--")
        axes[0].set(xlabel="gain $g$", ylabel=r"largest Lyapunov exponent ($1/\tau$)")
        axes[0].legend()
        ends = [float(dataset.linear.min()), 0.0]
        axes[1].plot(ends, ends, color="#666666", linestyle="--")
        axes[1].set(xlabel=r"$g \max \mathrm{Re}\, \lambda(W) - 1$ ($1/\tau$)", ylabel=r"exponent ($1/\tau$)")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Exact below the transition; above it chaos, which begins nearer to gain 1 the more units there are."""
    is_quiet = dataset.linear < -0.05  # nearer to 0 rest is not reached within the transient
    gap = float(abs(dataset.exponent - dataset.linear).where(is_quiet).max())
    statement = "below the transition the exponent is that of the equations linearised at rest, largest difference"
    found = [Claim(statement, "theory", "at_most", LINEAR, gap, reason="transient", unit="1/tau")]
    largest = dataset.isel(n_units=-1)
    n_units = int(largest.n_units)
    at = float((largest.gain / (largest.linear + 1.0)).mean())
    statement = f"gain at which rest loses its stability, {n_units} units, mean over networks"
    found.append(Claim(statement, "theory", "close", 1.0, at, 2.0 / np.sqrt(n_units), "circular law, order N^(-1/2)"))
    share = float((largest.exponent.sel(gain=2.0) > CHAOTIC).mean())
    statement = (
        f"share of networks of {n_units} units that are chaotic at gain 2 (Sompolinsky et al. 1988: all, if large)"
    )
    found.append(Claim(statement, "other paper", "at_least", 1.0, share))
    return found + (_onset_claims(dataset) if dataset.sizes["n_units"] > 1 else [])


def _onset_claims(dataset):
    begins = onset(dataset).fillna(np.inf).median("network")  # later than all gains for networks that are never chaotic
    steps = float(np.diff(begins.values).max())
    statement = "from each size to the next, the median gain at which networks turn chaotic falls, largest change"
    found = [Claim(statement, "other paper", "at_most", 0.0, steps, reason="it is 1 for many units")]
    statement = f"gain at which {int(dataset.n_units[-1])} units turn chaotic, median over networks"
    return [*found, Claim(statement, "other paper", "close", 1.0, float(begins[-1]), 0.1, "many units are meant")]


EXPERIMENT = Experiment("chaos", "transition of a random rate network to chaos at gain 1", compute, plot, claims)
