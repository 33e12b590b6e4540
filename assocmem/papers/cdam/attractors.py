"""What the experiments on graphs with communities share: attractor correlations, groups of cues, and their figure."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import clusters
from assocmem.papers.base import Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.network import STD4
from assocmem.plotting import make_figure, style
from assocmem.plotting.graphs import plot_graph, plot_matrix


def measure_attractors(run: Run, adjacency: np.ndarray, communities: np.ndarray, *, settings=STD4) -> xr.Dataset:
    """Attractors of all cues in several networks on one graph, and how they follow its communities.

    Parameters
    ----------
    run : Run
    adjacency : array (cue, cue)
    communities : array (cue,) of int
        Known communities; -1 for vertices of none.
    settings : sequence of (float, float)
        Strengths a and h.

    Returns
    -------
    Dataset over (network, setting)
        `attractor_correlation` (..., cue, other_cue), `correlation` (..., cue, pattern) of the last states;
        `inside` and `between`: mean attractor correlation of two cues of one and of different communities;
        `lowest_inside`, `highest_between`: their extremes; `agreement` and `rand_index` of the groups found by average
        linkage of 1 - K, as many as there are communities; `mean_activity`, over cues.
    """
    measure = partial(_measure, np.asarray(adjacency, dtype=float), np.asarray(communities), settings)
    return network.over_networks(run, measure)


def _measure(adjacency, communities, settings, seed):
    result = network.retrieve_settings(adjacency, settings, seed=seed)
    last = result.isel(time=-1, drop=True)
    groups = [group_quality(k, communities) for k in result.attractor_correlation.to_numpy()]
    numbers = {name: ("setting", [group[name] for group in groups]) for name in groups[0]}
    dataset = last[["attractor_correlation", "correlation"]].assign(numbers)
    return network.in_units(dataset.assign(mean_activity=last.mean_activity.mean("cue")))


def group_quality(attractors: np.ndarray, communities: np.ndarray) -> dict[str, float]:
    """How attractor correlations (cue, cue) follow communities (cue,); -1 marks cues that are left out."""
    chosen = communities >= 0
    labels, k = communities[chosen], attractors[np.ix_(chosen, chosen)]
    is_same = labels[:, None] == labels
    inside, between = k[is_same & ~np.eye(len(k), dtype=bool)], k[~is_same]
    found = clusters.attractor_clusters(k, len(np.unique(labels)))
    return {
        "inside": inside.mean(),
        "between": between.mean(),
        "lowest_inside": inside.min(),
        "lowest_between": between.min(),
        "highest_between": between.max(),
        "rand_index": clusters.adjusted_rand_index(found, labels),
        "agreement": clusters.cluster_accuracy(found, labels),
    }


def plot_attractors(
    dataset: xr.Dataset, *, order: np.ndarray, groups: np.ndarray, positions: np.ndarray, shown_cue: int, height: float
) -> Figure:
    """Attractor correlations of the first network, and their row of one cue on the graph; a column for each setting.

    Parameters
    ----------
    dataset : Dataset with `attractor_correlation` (network, setting, cue, other_cue) and `adjacency` (cue, other_cue)
    order : array (cue,) of int
        Cues from first to last row and column.
    groups : array (cue,)
        Communities between which lines are drawn.
    positions : array (cue, 2)
        Of the vertices.
    shown_cue : int
    height : float
        mm.
    """
    first = dataset.isel(network=0)
    with style():
        figure, axes = make_figure(2, dataset.sizes["setting"], height=height)
        axes = axes.reshape(2, -1)
        for setting, (top, bottom) in enumerate(axes.T):
            chosen = first.isel(setting=setting)
            matrix = chosen.attractor_correlation
            plot_matrix(matrix, top, order=order, groups=groups, limit=1.0, colour_bar=False)
            name = network.setting_label((float(chosen.auto_strength), float(chosen.hetero_strength)))
            top.set(title=name)
            if setting > 0:
                top.set_ylabel("")
            plot_graph(
                dataset.adjacency.to_numpy(),
                bottom,
                positions=positions,
                values=matrix.isel(cue=shown_cue),
                limit=1.0,
                marked=shown_cue,
                colour_bar=False,
            )
        figure.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.6, pad=0.01, label="attractor correlation $K$")
    return figure
