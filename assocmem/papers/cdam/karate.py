"""Zachary's karate club: from individuals over groups to the two factions into which the club split."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from assocmem.graphs import karate_club, karate_factions
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.attractors import measure_attractors, plot_attractors
from assocmem.papers.cdam.network import AUTO, NARROW, STD4, WIDE, WIDEST
from assocmem.plotting.graphs import stress_layout

SHOWN_CUE = 0  # the instructor
# settings that the text of the paper names for factions, individuals and groups
TEXT_FACTIONS, TEXT_INDIVIDUALS, TEXT_GROUPS = (-0.1, 0.1), (0.4, 0.05), (0.3, 0.1)
SETTINGS = (*STD4, TEXT_FACTIONS, TEXT_INDIVIDUALS, TEXT_GROUPS)
GRAPHS = {"unweighted": False, "weighted": True}
# earlier run, 8 networks
EARLIER = {
    "unweighted": {
        "agreement": {WIDE: 0.96, WIDEST: 0.90, TEXT_GROUPS: 0.72},
        "inside": {WIDEST: 0.71},
        "between": {WIDEST: -0.35},
        "mean_activity": {NARROW: -0.044, WIDE: 0.015, WIDEST: 0.027},
    },
    "weighted": {
        "agreement": {WIDE: 0.974, WIDEST: 0.974},
        "inside": {WIDEST: 0.73},
        "between": {WIDEST: -0.43},
    },
}
STATEMENTS = {
    "agreement": "fraction of members whose cluster (of two) is their faction",
    "inside": "mean attractor correlation inside of factions",
    "between": "mean attractor correlation between factions",
    "mean_activity": "mean activity",
}
ROUNDING = 0.005


def compute(run: Run) -> xr.Dataset:
    """Attractors of all cues, their two clusters, and mean activity, on the graph without and with weights."""
    factions = karate_factions()
    graphs = [karate_club(weighted=weighted) for weighted in GRAPHS.values()]
    parts = [measure_attractors(run, graph, factions, settings=SETTINGS) for graph in graphs]
    dataset = xr.concat(parts, xr.DataArray(list(GRAPHS), dims="graph"))
    first = network.at_setting(dataset.attractor_correlation, WIDEST).isel(network=0).sel(graph="unweighted")
    return dataset.assign(
        adjacency=(("cue", "other_cue"), graphs[0], {"units": "1"}),
        faction=("cue", factions, {"units": "1"}),
        order=("cue", _leaf_order(first.to_numpy()), {"units": "1"}),
    )


def _leaf_order(attractors):
    """Cues as the leaves of the tree of average linkage of 1 - K, so that blocks are contiguous."""
    distance = 1.0 - 0.5 * (attractors + attractors.T)
    np.fill_diagonal(distance, 0.0)
    return leaves_list(linkage(squareform(distance, checks=False), "average"))


def plot(dataset: xr.Dataset) -> Figure:
    """Attractor correlations without weights, sorted by cluster, and those of the instructor on the graph."""
    standard = dataset.sel(graph="unweighted").isel(setting=slice(0, len(STD4)))
    return plot_attractors(
        standard,
        order=dataset.order.to_numpy(),
        groups=dataset.faction.to_numpy(),
        positions=stress_layout(dataset.adjacency.to_numpy()),
        shown_cue=SHOWN_CUE,
        height=95,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Individuals, factions, and the settings of the text."""
    at = {setting: network.at_setting(dataset, setting).mean("network") for setting in SETTINGS}
    rows = []
    for graph in GRAPHS:
        own = {setting: values.sel(graph=graph) for setting, values in at.items()}
        rows += [
            Claim(
                f"{graph}, (1, 0): individuals (mean K inside of factions)",
                "paper",
                "at_most",
                0.1,
                float(own[AUTO].inside),
            ),
            Claim(
                f"{graph}, (-2, 3): two factions (mean K inside minus between)",
                "paper",
                "at_least",
                0.5,
                float(own[WIDEST].inside - own[WIDEST].between),
            ),
            Claim(
                f"{graph}, (-2, 3): {STATEMENTS['agreement']}",
                "paper",
                "at_least",
                0.9,
                float(own[WIDEST].agreement),
            ),
        ]
    rows += _text_claims(at)
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _text_claims(at):
    factions, individuals, groups = (
        at[setting].sel(graph="unweighted") for setting in (TEXT_FACTIONS, TEXT_INDIVIDUALS, TEXT_GROUPS)
    )
    return [
        Claim(
            "text: (-0.1, 0.1) shows the factions (mean K inside minus between)",
            "paper",
            "at_least",
            0.5,
            float(factions.inside - factions.between),
        ),
        Claim(
            "control: (-0.1, 0.1) is quiescent, the same state from every cue (smallest K between factions)",
            "control",
            "at_least",
            0.99,
            float(factions.lowest_between),
        ),
        Claim(
            "text: (0.4, 0.05) shows individuals (mean K inside of factions)",
            "paper",
            "at_most",
            0.1,
            float(individuals.inside),
        ),
        Claim(
            "text: (0.3, 0.1) shows groups smaller than factions (mean K inside of factions, above that of (1, 0))",
            "paper",
            "at_least",
            0.1,
            float(groups.inside - at[AUTO].sel(graph="unweighted").inside),
        ),
    ]


def _comparisons(dataset):
    rows = [
        (
            f"{graph}, {network.plain_label(setting)}: {STATEMENTS[name]}",
            theirs,
            ROUNDING,
            network.at_setting(dataset[name].sel(graph=graph), setting),
        )
        for graph, numbers in EARLIER.items()
        for name, values in numbers.items()
        for setting, theirs in values.items()
    ]
    return network.mean_claims(rows, source="earlier run", n_theirs=8)


EXPERIMENT = Experiment("karate", "factions of a karate club as attractors", compute, plot, claims)
