"""Closed forms of retrieval by single winners against simulation.

While all softmax weight is on the cued pattern the state is known at every time; so are its correlations for infinitely
many units, the strength at which the winner is lost, and, on a directed ring, how long each pattern stays the winner.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.cdam_theory import dwell_counts, limiting_correlations, one_hot_activity, winner_track
from assocmem.graphs import normalized, ring
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.papers.cdam import network
from assocmem.papers.cdam.distances import hop_means
from assocmem.papers.cdam.network import AUTO, ETA, N_UNITS, NARROW, STEPS
from assocmem.papers.cdam.orthogonal import activities
from assocmem.plotting import colours, label_panels, make_figure, style
from assocmem.retrieval import retrieve

N_PATTERNS = 30
ONE_HOT = (AUTO, NARROW)
SIZES = {"quick": (250, 1000, 4000), "paper": (250, 1000, 4000, 16000)}  # units
WINNER_STRENGTHS = tuple(np.round(np.arange(0.26, 0.521, 0.02), 2))  # a, with h = 1 - a
EARLIER_WINNERS = {0.36: 0.59, 0.40: 0.99, 0.50: 1.0}  # fraction of cues, earlier run, 1000 units
# sequences: softmax evaluations for which each pattern of a directed ring is the winner, earlier run
SEQUENCE_PATTERNS, SEQUENCE_SQUARE, SEQUENCE_STEPS = 50, 1e5, 60
SEQUENCES = {
    ((0.0, 1.0), 0.1): (7, 4, 3, 3, 3),
    ((0.0, 1.0), 0.2): (4, 3, 2, 2),
    ((-2.0, 3.0), 0.1): (2, 1, 1, 1),
    ((-2.0, 3.0), 0.2): (1, 1, 1),
    ((0.3, 0.7), 0.1): (12, 8, 7, 7),
    ((0.3, 0.7), 0.2): (6, 4, 4, 4),
}


def compute(run: Run) -> xr.Dataset:
    """Deviations from the closed forms, fractions of winners kept, and sequences."""
    measured = network.over_networks(run, partial(_measure, sizes=SIZES[run.scale]))
    return network.in_units(xr.merge([measured, _limits(), _sequences()]))


def _measure(seed, *, sizes):
    strengths = [(a, 1.0 - a) for a in WINNER_STRENGTHS]
    found = [network.retrieve_settings(ring(N_PATTERNS), ONE_HOT, seed=seed, n_units=n) for n in sizes]
    kept = [network.retrieve_settings(ring(N_PATTERNS), strengths, seed=seed, n_units=n) for n in sizes]
    kept = [(result.winner.isel(time=-1) == np.arange(N_PATTERNS)).mean("cue").to_numpy() for result in kept]
    parts = [_correlations(result) for result in found]
    return xr.merge(
        [
            xr.concat(parts, xr.DataArray(list(sizes), dims="units", name="units")),
            xr.Dataset({"winner_kept": (("units", "strength"), kept)}, coords={"strength": list(WINNER_STRENGTHS)}),
            _one_hot_error(seed),
        ]
    )


def _correlations(result):
    """Last correlations with patterns and between attractors by distance, and their rms deviation from the limit."""
    last = result.isel(time=-1, drop=True)
    r, k = last.correlation, last.attractor_correlation
    limits = [_limit(setting) for setting in zip(r.auto_strength.values, r.hetero_strength.values, strict=True)]
    expected_r, expected_k = (np.array([limit[name] for limit in limits]) for name in ("correlation", "between"))
    off_diagonal = ~np.eye(N_PATTERNS, dtype=bool)
    squares = (k.to_numpy() - expected_k)[:, off_diagonal] ** 2
    return xr.Dataset(
        {
            "r": hop_means(r, ring(N_PATTERNS), n_distances=4),
            "k": hop_means(k, ring(N_PATTERNS), n_distances=4),
            "r_deviation": ("setting", np.sqrt(((r.to_numpy() - expected_r) ** 2).mean((1, 2)))),
            "k_deviation": ("setting", np.sqrt(squares.mean(axis=1))),
        }
    )


def _limit(setting):
    found = limiting_correlations(normalized(ring(N_PATTERNS)), auto_strength=setting[0], hetero_strength=setting[1])
    return {"correlation": found.correlation.to_numpy(), "between": found.attractor_correlation.to_numpy()}


def _limits():
    """Limits of the correlations by distance; (setting, distance)."""
    limits = [_limit(setting) for setting in ONE_HOT]
    dims = ("setting", "cue", "other_cue")
    r, k = (xr.DataArray(np.array([limit[name] for limit in limits]), dims=dims) for name in ("correlation", "between"))
    curves = {"r_limit": r, "k_limit": k}
    return xr.Dataset({name: hop_means(m, ring(N_PATTERNS), n_distances=4) for name, m in curves.items()})


def _one_hot_error(seed):
    """Largest deviation of a unit from the closed form over iterations, and its bound from the weights elsewhere."""
    patterns = network.random_patterns(N_PATTERNS, seed=seed)
    cues = network.noisy_cues(patterns, seed=seed)
    errors, bounds = [], []
    for a, h in ONE_HOT:
        model = CDAM(patterns, ring(N_PATTERNS), auto_strength=a, hetero_strength=h)
        simulated = activities(model, cues, eta=ETA, steps=STEPS, every=1)
        times = np.arange(STEPS + 1)
        form = one_hot_activity(cues, patterns, model.links, times, auto_strength=a, hetero_strength=h, eta=ETA)
        errors.append(np.abs(simulated - form).max(axis=(0, 2)))
        elsewhere = 1.0 - np.diagonal(model.weights(simulated), axis1=0, axis2=2)
        bounds.append(elsewhere.max() * np.ptp(model.mixtures, axis=0).max())
    return xr.Dataset(
        {"one_hot_error": (("one_hot", "iteration"), np.array(errors)), "one_hot_bound": ("one_hot", bounds)}
    )


def _sequences():
    """Winners on a directed ring of orthogonal patterns at low temperature, simulated and by theory."""
    links = ring(SEQUENCE_PATTERNS, directed=True)
    patterns = np.sqrt(SEQUENCE_SQUARE) * np.eye(SEQUENCE_PATTERNS)
    model = CDAM(patterns, links, auto_strength=1.0, hetero_strength=0.0)
    simulated, theory = [], []
    for setting, eta in SEQUENCES:
        result = retrieve(model, patterns[0], steps=SEQUENCE_STEPS, eta=eta, strengths=np.array(setting), threads=1)
        simulated.append(result.weights[0].to_numpy().argmax(axis=-1))
        strengths = {"auto_strength": setting[0], "hetero_strength": setting[1]}
        theory.append(winner_track(links, SEQUENCE_STEPS, eta=eta, **strengths))
    dims = ("sequence", "step")
    return xr.Dataset({"winner": (dims, np.array(simulated)), "winner_theory": (dims, np.array(theory))})


def plot(dataset: xr.Dataset) -> Figure:
    """One panel for each closed form."""
    with style():
        figure, axes = make_figure(2, 2, height=120)
        _plot_one_hot(dataset, axes[0])
        _plot_deviations(dataset, axes[1])
        _plot_winners(dataset, axes[2])
        _plot_sequences(dataset, axes[3])
        label_panels(axes)
    return figure


def _plot_one_hot(dataset, ax):
    for number, setting in enumerate(ONE_HOT):
        error = dataset.one_hot_error.isel(one_hot=number).max("network")
        ax.plot(dataset.iteration, np.maximum(error, 1e-17), label=network.setting_label(setting))
    ax.set(yscale="log", xlabel="iteration $t$", ylabel="largest deviation of a unit\nfrom the closed form")
    ax.legend()


def _plot_deviations(dataset, ax):
    for number, setting in enumerate(ONE_HOT):
        for name, line, symbol in (("r_deviation", "o-", "$r$"), ("k_deviation", "s--", "$K$")):
            values = dataset[name].isel(setting=number).mean("network")
            label = f"{symbol}, {network.setting_label(setting)}"
            ax.plot(dataset.units, values, line, color=f"C{number}", label=label)
    ax.plot(dataset.units, dataset.units**-0.5, color="black", linewidth=0.7, linestyle=":", label=r"$1/\sqrt{n}$")
    ax.set(xscale="log", yscale="log", xlabel="units $n$", ylabel="rms deviation from the limit")
    ax.legend()


def _plot_winners(dataset, ax):
    for colour, units in zip(colours(dataset.sizes["units"]), dataset.units.values, strict=True):
        kept = dataset.winner_kept.sel(units=units).mean("network")
        ax.plot(dataset.strength, kept, "o-", color=colour, label=f"{units} units")
    ax.axvline(1 / 3, color="black", linewidth=0.7, linestyle=":", label="limit")
    ax.plot(list(EARLIER_WINNERS), list(EARLIER_WINNERS.values()), "kx", label="earlier run, 1000")
    ax.set(xlabel="strength $a$ ($h=1-a$)", ylabel="fraction of cues that\nstay the winner", ylim=(0, 1.05))
    ax.legend(loc="lower right")


def _plot_sequences(dataset, ax):
    for colour, (number, (setting, _)) in zip(colours(3), list(enumerate(SEQUENCES))[::2], strict=True):
        steps = np.arange(dataset.sizes["step"])
        ax.step(steps, dataset.winner[number], where="post", color=colour, label=network.setting_label(setting))
        ax.plot(steps[::3], dataset.winner_theory[number][::3], ".", color=colour)
    ax.set(xlabel="iteration $t$", ylabel="winner", title=rf"directed ring, $\eta={ETA:g}$; dots: theory")
    ax.legend()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Closed forms of states, correlations, winners and sequences."""
    rows = [*_one_hot_claims(dataset), *_winner_claims(dataset)]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _one_hot_claims(dataset):
    rows = [
        Claim(
            f"{network.plain_label(setting)}: closed form of the state, at every iteration (largest deviation less the "
            "weight on other patterns times what it can change)",
            "theory",
            "at_most",
            0.0,
            float((dataset.one_hot_error.max("iteration") - dataset.one_hot_bound).isel(one_hot=number).max()),
            1e-13,
            "round-off of 100 iterations of states of order 1",
        )
        for number, setting in enumerate(ONE_HOT)
    ]
    units = dataset.units.to_numpy()
    # an rms over m independent numbers has the relative error 1 / sqrt(2 m)
    n_pairs = N_PATTERNS * (N_PATTERNS - 1) / 2 * dataset.sizes["network"]
    error = 2.0 * n_pairs**-0.5 / np.log(units[-1] / units[0])
    rms = dataset.k_deviation.isel(setting=0).mean("network").to_numpy()
    return [
        *rows,
        Claim(
            "(1, 0): deviations of K from the limit fall as the square root of the units (exponent)",
            "theory",
            "close",
            -0.5,
            float(np.log(rms[-1] / rms[0]) / np.log(units[-1] / units[0])),
            error,
            "two standard errors of the rms over pairs",
        ),
    ]


def _winner_claims(dataset):
    largest = int(dataset.units[-1])
    dwells = [
        (dwell_counts(simulated), dwell_counts(theory), np.array(earlier))
        for simulated, theory, earlier in zip(
            dataset.winner.to_numpy(), dataset.winner_theory.to_numpy(), SEQUENCES.values(), strict=True
        )
    ]
    return [
        Claim(
            f"cues stay the winners above a = 1/3 on the ring, h = 1 - a (fraction at a = 0.4, {largest} units)",
            "theory",
            "at_least",
            1.0,
            float(dataset.winner_kept.sel(units=largest, strength=0.4).mean()),
        ),
        Claim(
            "directed ring: iterations for which each pattern stays the winner (fraction of six sequences that agree)",
            "theory",
            "at_least",
            1.0,
            float(np.mean([np.array_equal(simulated, theory) for simulated, theory, _ in dwells])),
        ),
        Claim(
            "directed ring: the first of these numbers (fraction of six sequences that agree)",
            "earlier run",
            "at_least",
            1.0,
            float(np.mean([np.array_equal(simulated[: len(earlier)], earlier) for simulated, _, earlier in dwells])),
        ),
    ]


def _comparisons(dataset):
    largest = dataset.isel(units=-1)
    means = [
        (
            f"{network.plain_label(setting)}, {int(largest.units)} units: {symbol} at distance {d} against its limit",
            float(dataset[f"{name}_limit"][number, d]),
            0.0,
            largest[name].isel(setting=number, distance=d),
        )
        for number, setting in enumerate(ONE_HOT)
        for name, symbol, distances in (("r", "r", (0, 1, 2, 3)), ("k", "K", (1, 2, 3)))
        for d in distances
    ]
    winners = [
        Claim(
            f"{N_UNITS} units, a = {a:g}: fraction of cues that stay the winner",
            "earlier run",
            "close",
            theirs,
            float(dataset.winner_kept.sel(units=N_UNITS, strength=a).mean()),
            # cues of one network at least; that of the earlier run is not recorded to have been several
            *sampling_tolerance(theirs, N_PATTERNS),
        )
        for a, theirs in EARLIER_WINNERS.items()
    ]
    return [
        *network.mean_claims(means, source="theory", n_theirs=np.inf),
        *winners,
    ]


EXPERIMENT = Experiment("theory", "closed forms of retrieval by single winners", compute, plot, claims)
