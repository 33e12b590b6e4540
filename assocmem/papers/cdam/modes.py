"""Four modes of retrieval, from single patterns to none, on the ring, on Tutte's graph and on random 3-regular graphs.

The softmax of the published code does not normalise where all scores are very negative, as they are in its runs of
neutral quiescence. Those are repeated with that softmax, to show what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.clusters import participation_ratio
from assocmem.graphs import random_regular, ring, tutte, tutte_fragments
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.distances import hop_means
from assocmem.papers.cdam.network import AUTO, ETA, MODES4, N_UNITS, NARROW, QUIESCENT, TIMES, WIDE, WIDEST
from assocmem.plotting import make_figure, style
from assocmem.plotting.graphs import circular_layout, plot_graph, plot_matrix, spectral_order, stress_layout

SETTINGS = (AUTO, NARROW, WIDE, WIDEST, QUIESCENT)
N_DISTANCES = 16
SHOWN_CUE = 9
COLOUR_LIMIT = 0.5  # of correlations; the few larger ones have the strongest colour
PATTERN_SD = 12.0**-0.5  # of entries uniform in [0, 1)
CHANCE = N_UNITS**-0.5  # standard error of a correlation
FAR = slice(10, 15)  # edges on the ring
# earlier run, 10 networks: number and error of its rounding
EARLIER_RING = {
    AUTO: {
        "r with the cue": (0.983, 0.0005),
        "r at distance 1": (-0.035, 0.0005),
        "r far away": (-0.034, 0.0005),
        "K at distance 1": (-0.035, 0.0005),
        "K at distance 2": (-0.033, 0.0005),
        "K far away": (-0.034, 0.0005),
        "sd of activity": (0.284, 0.0005),
    },
    NARROW: {
        "r with the cue": (0.798, 0.0005),
        "r at distance 1": (0.370, 0.0005),
        "r far away": (-0.057, 0.0005),
        "K at distance 1": (0.635, 0.0005),
        "K at distance 2": (0.088, 0.0005),
        "K far away": (-0.098, 0.0005),
        "sd of activity": (0.169, 0.0005),
    },
    WIDE: {
        "r with the cue": (0.387, 0.0005),
        "r at distance 1": (0.418, 0.0005),
        "r far away": (-0.088, 0.0005),
        "K at distance 1": (0.79, 0.005),
        "K at distance 2": (0.58, 0.005),
        "K far away": (-0.228, 0.0005),
        "sd of activity": (0.112, 0.0005),
    },
    QUIESCENT: {"r": (-0.129, 0.0005), "mean activity": (-1.23, 0.005), "sd of activity": (0.183, 0.0005)},
    "legacy": {"r": (-0.178, 0.0005), "mean activity": (-23.05, 0.005), "sd of activity": (2.35, 0.005)},
}


@dataclass(frozen=True)
class Case:
    """One family of graphs: how to make, draw and sort one, and participation ratios of the earlier run.

    `participation` belongs to SETTINGS, `n_earlier` is the number of networks of the earlier run.
    """

    build: Callable[[int], np.ndarray]
    layout: Callable[[np.ndarray], np.ndarray]
    order: Callable[[np.ndarray], np.ndarray]
    participation: tuple[float, ...]
    n_earlier: int


def compute(run: Run, *, case: Case) -> xr.Dataset:
    """Correlations, attractors and activity in networks on the graphs of a case."""
    dataset = network.over_networks(run, partial(_measure, case.build))
    adjacency = dataset.adjacency.isel(network=0).to_numpy()
    return dataset.assign(
        position=(("pattern", "axis"), case.layout(adjacency), {"units": "1"}),
        order=("pattern", case.order(adjacency), {"units": "1"}),
    )


def _measure(build, seed):
    adjacency = build(seed)
    stable = network.retrieve_settings(adjacency, SETTINGS, seed=seed, every=1)
    legacy = network.retrieve_settings(adjacency, (QUIESCENT,), seed=seed, every=1, softmax="legacy")
    softmax = ("setting", ["stable"] * len(SETTINGS) + ["legacy"])
    result = xr.concat([stable, legacy], "setting").assign_coords(softmax=softmax)
    last, attractors = result.isel(time=-1, drop=True), result.attractor_correlation
    is_own = last.winner == np.arange(len(adjacency))
    dataset = xr.Dataset(
        {
            "correlation": result.correlation.sel(time=list(TIMES)),
            "attractor_correlation": attractors,
            "participation_ratio": participation_ratio(attractors, dims=("cue", "other_cue")),
            "own_winner": is_own.mean("cue"),
            "pattern_mean": ((), network.random_patterns(len(adjacency), seed=seed).mean()),
            "effective_patterns": (1.0 / (last.weights**2).sum("pattern")).mean("cue"),
            "correlation_at": hop_means(last.correlation, adjacency, n_distances=N_DISTANCES),
            "attractor_correlation_at": hop_means(attractors, adjacency, n_distances=N_DISTANCES),
            "adjacency": (("pattern", "successor"), adjacency),
            **network.activity_over_time(result).rename(time="iteration").data_vars,
        }
    )
    return network.in_units(dataset)


def plot(dataset: xr.Dataset) -> Figure:
    """Graph, correlation of every cue with every pattern at four times, and activity, for each mode."""
    columns = [_column(dataset, setting) for setting in MODES4] + [_column(dataset, QUIESCENT, "legacy")]
    first, order = dataset.isel(network=0), dataset.order.to_numpy()
    with style():
        figure, axes = make_figure(len(TIMES) + 2, len(columns), height=205)
        axes = axes.reshape(len(TIMES) + 2, -1)
        for column, setting in zip(axes.T, columns, strict=True):
            chosen = first.isel(setting=setting)
            column[0].set_title(_title(chosen))
            plot_graph(
                first.adjacency.to_numpy(),
                column[0],
                positions=dataset.position.to_numpy(),
                values=chosen.correlation.isel(time=-1, cue=SHOWN_CUE),
                limit=COLOUR_LIMIT,
                marked=SHOWN_CUE,
                size=8.0,
                colour_bar=False,
            )
            for ax, time in zip(column[1:-1], TIMES, strict=True):
                matrix = chosen.correlation.sel(time=time)
                plot_matrix(matrix, ax, order=order, limit=COLOUR_LIMIT, colour_bar=False)
                ax.set_ylabel("")
            for ax in column[1:-2]:
                ax.set_xlabel("")
            _plot_activity(chosen, column[-1])
        suffix = ", sorted" if axes[-2, 0].get_xlabel().endswith("sorted") else ""
        for ax, time in zip(axes[1:-1, 0], TIMES, strict=True):
            ax.set_ylabel(f"cue{suffix}\n$t={time}$")
        axes[-1, 0].set_ylabel("activity (mean ± sd)")
        bar = figure.colorbar(axes[1, 0].images[0], ax=axes[:-1], shrink=0.4, pad=0.01, extend="both")
        bar.set_label("correlation $r$ of the state with the pattern")
    return figure


def _column(dataset, setting, softmax="stable"):
    """Index of a setting with one of the two kinds of softmax."""
    a, h = dataset.auto_strength, dataset.hetero_strength
    return int(np.flatnonzero((a == setting[0]) & (h == setting[1]) & (dataset.softmax == softmax))[0])


def _title(chosen):
    name = network.setting_label((float(chosen.auto_strength), float(chosen.hetero_strength)))
    return name if str(chosen.softmax.values) == "stable" else f"published softmax\n{name}"


def _plot_activity(chosen, ax):
    """Activity over time, with the mean that the strengths and the softmax lead to as a dashed line."""
    mean, sd = chosen.activity_mean, chosen.activity_sd
    total = 1.0 if str(chosen.softmax.values) == "stable" else chosen.sizes["cue"]
    ax.axhline(_expected_mean(chosen, total), color="black", linewidth=0.7, linestyle="--")
    ax.fill_between(chosen.iteration, mean - sd, mean + sd, alpha=0.3, linewidth=0)
    ax.plot(chosen.iteration, mean)
    ax.set(xlabel="iteration $t$", xlim=(0, float(chosen.iteration[-1])))


def _expected_mean(chosen, total):
    """Mean activity where the weights sum to `total`, every vertex has M-degree 1 and patterns have mean 1/2."""
    return 0.5 * (float(chosen.auto_strength + chosen.hetero_strength) * total - 1.0)


def claims(dataset: xr.Dataset, *, case: Case) -> list[Claim]:
    """What the four modes are, the mean activity, what the published softmax does, and the earlier run."""
    at = {setting: dataset.isel(setting=_column(dataset, setting)) for setting in SETTINGS}
    legacy = dataset.isel(setting=_column(dataset, QUIESCENT, "legacy"))
    rows = [*_mode_claims(at), *_activity_claims(at), *_legacy_claims(legacy)]
    return rows + (_comparisons(at, legacy, case) if dataset.attrs["scale"] == "paper" else [])


def _mode_claims(at):
    narrow, wide = (at[setting].attractor_correlation_at.mean("network") for setting in (NARROW, WIDE))
    neighbours = at[NARROW].correlation_at.mean("network")
    quiescent = at[QUIESCENT]
    return [
        Claim(
            "(1, 0): every cue retrieves its own pattern (fraction of cues)",
            "paper",
            "at_least",
            1.0,
            float(at[AUTO].own_winner.mean()),
        ),
        Claim(
            "(0.5, 0.5) is narrow: neighbours are retrieved with the pattern (r less that two edges away; at least "
            "three standard errors of a correlation)",
            "paper",
            "at_least",
            3.0 * CHANCE,
            float(neighbours[1] - neighbours[2]),
        ),
        Claim(
            "(-0.5, 1.5) is wide: attractors of cues two edges apart are more alike than at (0.5, 0.5) (difference "
            "of K, at least three standard errors of a correlation)",
            "paper",
            "at_least",
            3.0 * CHANCE,
            float(wide[2] - narrow[2]),
        ),
        Claim(
            "(-2.5, 1) is quiescent: the same state from any cue (mean K)",
            "paper",
            "at_least",
            0.99,
            float(quiescent.attractor_correlation.mean()),
        ),
        Claim(
            "(-2.5, 1): that state is free of patterns, its weights are spread over all of them (effective number of "
            "patterns, relative to all)",
            "paper",
            "at_least",
            0.9,
            float(quiescent.effective_patterns.mean()) / quiescent.sizes["pattern"],
        ),
    ]


def _activity_claims(at):
    """Mean activities against (a + h - 1) / 2, which holds up to deviations of the means of the patterns from 1/2."""
    balanced = max(
        (at[setting].activity_mean[:, -1] for setting in MODES4[:3]), key=lambda mean: float(abs(mean).max())
    )
    largest = float(abs(balanced).max())
    quiescent = at[QUIESCENT]
    n_means = quiescent.sizes["pattern"] * quiescent.sizes["network"]
    # of so many pattern means the largest is expected there; the weights favour patterns of low mean
    deviation = PATTERN_SD * CHANCE * (2.0 * np.log(2.0 * n_means)) ** 0.5
    return [
        Claim(
            "the mean activity vanishes at a + h = 1 (largest over networks of (1, 0), (0.5, 0.5) and (-0.5, 1.5))",
            "paper",
            "close",
            0.0,
            largest,
            2.0 * float(at[AUTO].activity_sd[:, -1].max()) * CHANCE,
            "two standard errors of a mean over the units of one state",
        ),
        Claim(
            "(-2.5, 1): mean activity (a + h - 1) / 2",
            "theory",
            "close",
            _expected_mean(quiescent, 1.0),
            float(quiescent.activity_mean[:, -1].mean()),
            abs(sum(QUIESCENT)) * deviation,
            f"|a + h| times the largest deviation of {n_means} pattern means",
        ),
    ]


def _legacy_claims(legacy):
    """The published softmax: weights of 1 for all patterns make the state a large negative multiple of their mean."""
    n_patterns, n_networks = legacy.sizes["pattern"], legacy.sizes["network"]
    multiple = 2.0 * _expected_mean(legacy, n_patterns)
    found = (legacy.activity_mean[:, -1] / legacy.pattern_mean).to_numpy()
    every = float(legacy.correlation.isel(time=-1).mean())
    return [
        Claim(
            "control, published softmax at (-2.5, 1): mean activity relative to that of the patterns, (a + h) p - 1 "
            "(network with the largest difference)",
            "control",
            "close",
            multiple,
            float(found[np.abs(found - multiple).argmax()]),
            abs(multiple) * (1.0 - ETA) ** 80,
            "what is left of the first 20 iterations, before all weights are 1",
        ),
        Claim(
            "control, published softmax at (-2.5, 1): correlation with every pattern -1 / sqrt(p)",
            "control",
            "close",
            -(n_patterns**-0.5),
            every,
            # relative error of a standard deviation of n_units samples is sqrt(1 / 2 n)
            2.0 * n_patterns**-0.5 * CHANCE / (2.0 * n_networks) ** 0.5,
            "two standard errors of the spread of the mean pattern over units",
        ),
    ]


def _comparisons(at, legacy, case):
    rows = [
        (
            f"participation ratio of the attractors, {network.plain_label(setting)}",
            theirs,
            0.05,
            at[setting].participation_ratio,
        )
        for setting, theirs in zip(SETTINGS, case.participation, strict=True)
    ]
    claims = network.mean_claims(rows, source="earlier run", n_theirs=case.n_earlier)
    return claims + (_ring_comparisons(at, legacy) if case is RINGS else [])


def _ring_comparisons(at, legacy):
    rows = []
    for setting, numbers in EARLIER_RING.items():
        measured = _ring_numbers(legacy if setting == "legacy" else at[setting])
        label = "published softmax, (-2.5, 1)" if setting == "legacy" else network.plain_label(setting)
        rows += [(f"{label}: {name}", *number, measured[name]) for name, number in numbers.items()]
    return network.mean_claims(rows, source="earlier run", n_theirs=10)


def _ring_numbers(chosen):
    r, k = chosen.correlation_at, chosen.attractor_correlation_at
    return {
        "r with the cue": r.sel(distance=0),
        "r at distance 1": r.sel(distance=1),
        "r far away": r.sel(distance=FAR).mean("distance"),
        "r": chosen.correlation.isel(time=-1).mean(("cue", "pattern")),
        "K at distance 1": k.sel(distance=1),
        "K at distance 2": k.sel(distance=2),
        "K far away": k.sel(distance=FAR).mean("distance"),
        "mean activity": chosen.activity_mean.isel(iteration=-1),
        "sd of activity": chosen.activity_sd.isel(iteration=-1),
    }


RINGS = Case(
    build=lambda seed: ring(30),
    layout=lambda adjacency: circular_layout(len(adjacency)),
    order=lambda adjacency: np.arange(len(adjacency)),
    participation=(28.3, 14.4, 5.9, 5.2, 1.0),
    n_earlier=5,
)
TUTTES = Case(
    build=lambda seed: tutte(),
    layout=stress_layout,
    order=lambda adjacency: np.argsort(tutte_fragments(), kind="stable"),
    participation=(43.1, 24.7, 5.9, 4.2, 1.0),
    n_earlier=5,
)
REGULARS = Case(
    build=lambda seed: random_regular(3, 46, seed=seed),
    layout=stress_layout,
    order=spectral_order,
    participation=(43.1, 24.5, 6.6, 4.1, 1.0),
    n_earlier=1,  # how many graphs it had is not recorded, and networks on one graph are no sample of graphs
)

EXPERIMENTS = tuple(
    Experiment(name, title, partial(compute, case=case), plot, partial(claims, case=case))
    for name, title, case in (
        ("modes_ring", "four modes of retrieval on a ring", RINGS),
        ("modes_tutte", "four modes of retrieval on Tutte's graph", TUTTES),
        ("modes_regular", "four modes of retrieval on random 3-regular graphs", REGULARS),
    )
)
