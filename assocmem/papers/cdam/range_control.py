"""The range over which patterns evoke each other on a ring, set by the balance of auto- and hetero-association."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from assocmem.graphs import ring
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.distances import positive_range, ring_curve
from assocmem.papers.cdam.network import AUTO, NARROW, STD4, TIMES, WIDE, WIDEST
from assocmem.plotting import colours, make_figure, style
from assocmem.plotting.graphs import plot_matrix

N_PATTERNS = 30
N_DISTANCES = 12  # 0 to 11, as in the paper's figure
FIGURE_ERROR = 0.03  # of a value read off the figure
COLOUR_LIMIT = 0.5
# attractor correlation by distance; the paper's, read off its figure, is of one network
PAPER = {
    WIDE: {1: 0.77, 2: 0.57, 3: 0.32, 4: 0.11, 5: -0.05, 6: -0.13, 8: -0.22, 10: -0.22},
    WIDEST: {1: 0.635, 2: 0.50, 3: 0.44, 4: 0.29, 5: 0.15, 6: 0.01, 8: -0.19, 10: -0.28},
}
ROUNDING = 0.005  # the earlier numbers have two or three decimals
EARLIER = {
    AUTO: {1: -0.035, 2: -0.033, 3: -0.03, 4: -0.03, 5: -0.03, 6: -0.04, 8: -0.035, 10: -0.034},
    NARROW: {1: 0.635, 2: 0.088, 3: -0.093, 4: -0.092, 5: -0.095, 6: -0.098, 8: -0.10, 10: -0.10},
    WIDE: {1: 0.793, 2: 0.577, 3: 0.335, 4: 0.124, 5: -0.057, 6: -0.158, 8: -0.223, 10: -0.229},
    WIDEST: {1: 0.60, 2: 0.52, 3: 0.41, 4: 0.29, 5: 0.16, 6: 0.03, 8: -0.17, 10: -0.28},
}
PAPER_F = 5.41


def compute(run: Run) -> xr.Dataset:
    """Correlations with patterns over time, and attractor correlation against distance with its variance analysed."""
    dataset = network.over_networks(run, _measure)
    return dataset.assign(range=positive_range(dataset.curve))


def _measure(seed):
    result = network.retrieve_settings(ring(N_PATTERNS), STD4, seed=seed, every=1)
    along = ring_curve(result.attractor_correlation, n_distances=N_DISTANCES)
    f_value, p_value = stats.f_oneway(*along.to_numpy().reshape(len(STD4), -1))
    return xr.Dataset(
        {
            "correlation": network.in_units(result.correlation.sel(time=list(TIMES))),
            "attractor_correlation": network.in_units(result.attractor_correlation),
            "curve": network.in_units(along.mean("cue")),
            "curve_sd": network.in_units(along.std("cue")),
            "f_value": ((), f_value, {"units": "1"}),
            "p_value": ((), p_value, {"units": "1"}),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Attractor correlation against distance; below, correlations of the first network at four times."""
    with style():
        figure, axes = make_figure(len(TIMES) + 2, len(STD4), height=220)
        axes = axes.reshape(len(TIMES) + 2, -1)
        grid = axes[0, 0].get_gridspec()
        for ax in axes[:2].ravel():
            ax.remove()
        axes = axes[2:]
        _plot_curves(dataset, figure.add_subplot(grid[:2, :]))
        first = dataset.isel(network=0)
        for column, setting in zip(axes.T, STD4, strict=True):
            chosen = network.at_setting(first.correlation, setting)
            for ax, time in zip(column, TIMES, strict=True):
                plot_matrix(chosen.sel(time=time), ax, limit=COLOUR_LIMIT, colour_bar=False)
                ax.set(xlabel="", ylabel="")
            column[0].set_title(network.setting_label(setting))
            column[-1].set_xlabel("pattern")
        for ax, time in zip(axes[:, 0], TIMES, strict=True):
            ax.set_ylabel(f"cue\n$t={time}$")
        bar = figure.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.4, pad=0.01, extend="both")
        bar.set_label("correlation $r$ of the state with the pattern")
    return figure


def _plot_curves(dataset, ax):
    mean, sd = dataset.curve.mean("network"), dataset.curve_sd.mean("network")
    for colour, shift, setting in zip(colours(len(STD4)), (-0.12, -0.04, 0.04, 0.12), STD4, strict=True):
        ours, spread = network.at_setting(mean, setting), network.at_setting(sd, setting)
        places = ours.distance + shift
        label = network.setting_label(setting)
        ax.errorbar(places, ours, spread, marker="o", color=colour, elinewidth=0.7, label=label)
        theirs = PAPER.get(setting, {})
        ax.plot(list(theirs), list(theirs.values()), "x", color=colour, markersize=5, markeredgewidth=1.2)
    ax.plot([], [], "x", color="black", label="figure of the paper")
    ax.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
    ax.set(
        xlabel="distance $d$ on the ring (edges)",
        ylabel="attractor correlation $K$ (mean ± sd)",
        xticks=range(N_DISTANCES),
    )
    ax.legend()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Range grows as auto-association gets weaker; its size, the curves, and what the test of the paper tests."""
    ranges = {setting: float(network.at_setting(dataset.range, setting).mean()) for setting in STD4}
    steps = np.diff([ranges[setting] for setting in STD4])
    rows = [
        Claim(
            "the range of recall grows with every step from (1, 0) over (.5, .5) and (-.5, 1.5) to (-2, 3) "
            "(smallest growth of the largest distance with positive K)",
            "paper",
            "at_least",
            1.0,
            float(steps.min()),
            unit="edges",
        ),
        Claim(
            "the range reaches about 6 edges at (-2, 3)",
            "paper",
            "close",
            6.0,
            ranges[WIDEST],
            1.0,
            "one edge, of a range that is a whole number in each network",
            "edges",
        ),
        Claim(
            "analysis of variance of the four settings, values at distances 0 to 11 (largest p over networks)",
            "paper",
            "at_most",
            0.05,
            float(dataset.p_value.max()),
        ),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset):
    """The curves of the figure of the paper and of the earlier run, and the test of the paper."""
    spread = float(dataset.f_value.std("network", ddof=1))
    error = 2.0 * spread * (1.0 + 1.0 / dataset.sizes["network"]) ** 0.5
    test = Claim(
        "analysis of variance: F",
        "paper",
        "close",
        PAPER_F,
        float(dataset.f_value.mean()),
        error,
        "two standard errors of the difference to one network",
    )
    sources = (("paper", PAPER, 1, FIGURE_ERROR), ("earlier run", EARLIER, 10, ROUNDING))
    curves = [
        network.curve_claim(
            f"attractor correlation against distance, {network.plain_label(setting)}",
            theirs,
            network.at_setting(dataset.curve, setting),
            source=source,
            n_theirs=n,
            reading=reading,
        )
        for source, numbers, n, reading in sources
        for setting, theirs in numbers.items()
    ]
    return [test, *curves]


EXPERIMENT = Experiment("range_control", "range of recall on a ring", compute, plot, claims)
