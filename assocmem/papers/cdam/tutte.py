"""Tutte's graph: its three fragments become three attractors as auto-association turns anti-Hebbian."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.graphs import tutte, tutte_fragments
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.papers.cdam import network
from assocmem.papers.cdam.attractors import measure_attractors, plot_attractors
from assocmem.papers.cdam.network import AUTO, NARROW, WIDE, WIDEST
from assocmem.plotting.graphs import stress_layout

SHOWN_CUE = 9
# earlier run, 10 networks: mean attractor correlation of cues of one and of different fragments, adjusted Rand index
EARLIER = {
    "inside": {NARROW: 0.07, WIDE: 0.47, WIDEST: 0.68},
    "between": {NARROW: -0.065, WIDE: -0.23, WIDEST: -0.325},
    "rand_index": {WIDE: 0.89, WIDEST: 1.0},
    "lowest_inside": {WIDEST: 0.26},
    "highest_between": {WIDEST: -0.13},
}
ROUNDING = 0.005


def compute(run: Run) -> xr.Dataset:
    """Attractors of all cues in the four settings, and the clusters that they form."""
    adjacency, fragments = tutte(), tutte_fragments()
    return measure_attractors(run, adjacency, fragments).assign(
        adjacency=(("cue", "other_cue"), adjacency, {"units": "1"}),
        fragment=("cue", fragments, {"units": "1"}),
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Attractor correlations by fragment, and those of one cue on the graph."""
    fragments = dataset.fragment.to_numpy()
    return plot_attractors(
        dataset,
        order=np.argsort(fragments, kind="stable"),
        groups=fragments,
        positions=stress_layout(dataset.adjacency.to_numpy()),
        shown_cue=SHOWN_CUE,
        height=95,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Individuals, then three blocks that are the fragments."""
    widest = network.at_setting(dataset, WIDEST)
    auto = network.at_setting(dataset, AUTO)
    rows = [
        Claim(
            "(-2, 3): three blocks, the fragments of the graph (median adjusted Rand index over networks)",
            "paper",
            "at_least",
            1.0,
            float(widest.rand_index.median()),
        ),
        Claim(
            "(-2, 3): the blocks are solid: every K inside exceeds every K between (median gap over networks)",
            "paper",
            "at_least",
            0.0,
            float((widest.lowest_inside - widest.highest_between).median()),
        ),
        Claim(
            "(-2, 3): fraction of networks whose three clusters are exactly the fragments",
            "earlier run",
            "at_least",
            1.0,
            float((widest.rand_index == 1.0).mean()),
            *sampling_tolerance(1.0, dataset.sizes["network"]),
        ),
        Claim(
            "(1, 0): individuals, no trace of the fragments (mean K inside minus between)",
            "paper",
            "close",
            0.0,
            float((auto.inside - auto.between).mean()),
            *_auto_tolerance(dataset),
        ),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _auto_tolerance(dataset):
    """Two standard errors of a mean correlation of independent patterns, over the pairs inside of the fragments."""
    fragments = dataset.fragment.to_numpy()
    pairs = sum(n * (n - 1) // 2 for n in np.bincount(fragments[fragments >= 0])) * dataset.sizes["network"]
    return 2.0 / (
        network.N_UNITS * pairs
    ) ** 0.5, f"two standard errors of {pairs} correlations of independent patterns"


def _comparisons(dataset):
    rows = [
        (
            f"{name.replace('_', ' ')}, {network.plain_label(setting)}",
            theirs,
            ROUNDING,
            network.at_setting(dataset[name], setting),
        )
        for name, values in EARLIER.items()
        for setting, theirs in values.items()
    ]
    return network.mean_claims(rows, source="earlier run", n_theirs=10)


EXPERIMENT = Experiment("tutte", "fragments of Tutte's graph as attractors", compute, plot, claims)
