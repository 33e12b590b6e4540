"""Barbell graph: its cliques become attractors of a whole group, while along its path the range grows as on a ring."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.graphs import barbell
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.attractors import measure_attractors, plot_attractors
from assocmem.papers.cdam.distances import positive_range
from assocmem.papers.cdam.network import AUTO, NARROW, STD4, WIDE, WIDEST
from assocmem.plotting.graphs import circular_layout

N_CLIQUE = N_PATH = 10
PATH = slice(N_CLIQUE, N_CLIQUE + N_PATH)
SHOWN_CUE = 4  # in the first clique
# earlier run, 5 networks, over pairs of a clique with themselves: attractors, of two cliques, cues with patterns
EARLIER = {
    "clique": dict(zip(STD4, (0.07, 0.27, 0.96, 0.97), strict=True)),
    "two_cliques": dict(zip(STD4, (-0.04, -0.14, -0.53, -0.55), strict=True)),
    "clique_patterns": dict(zip(STD4, (0.07, 0.14, 0.26, 0.26), strict=True)),
}
STATEMENTS = {
    "clique": "attractor correlation inside of a clique, with itself",
    "two_cliques": "attractor correlation of the two cliques",
    "clique_patterns": "correlation of attractors with the patterns of their clique",
}
ROUNDING = 0.005


def compute(run: Run) -> xr.Dataset:
    """Attractors of all cues in the four settings, means over the cliques, and the range along the path."""
    adjacency = barbell(N_CLIQUE, N_PATH)
    community = np.repeat([0, -1, 1], [N_CLIQUE, N_PATH, N_CLIQUE])
    dataset = measure_attractors(run, adjacency, community)
    attractors, patterns = dataset.attractor_correlation, dataset.correlation
    first, second = np.flatnonzero(community == 0), np.flatnonzero(community == 1)
    means = {
        "clique": 0.5 * (_mean_block(attractors, first, first) + _mean_block(attractors, second, second)),
        "two_cliques": _mean_block(attractors, first, second),
        "clique_patterns": 0.5 * (_mean_block(patterns, first, first) + _mean_block(patterns, second, second)),
        "path_curve": _path_curve(attractors.isel(cue=PATH, other_cue=PATH)),
        "adjacency": (("cue", "other_cue"), adjacency),
        "community": ("cue", community),
    }
    return network.in_units(dataset.assign(means))


def _mean_block(matrix, rows, columns):
    """Mean of a block of matrices (..., row, column)."""
    cue, other = matrix.dims[-2:]
    return matrix.isel({cue: rows, other: columns}).mean((cue, other))


def _path_curve(attractors):
    """Mean over the pairs of each distance along the path; (..., distance)."""
    values = attractors.to_numpy()
    means = [np.diagonal(values, d, -2, -1).mean(axis=-1) for d in range(N_PATH)]
    return xr.DataArray(np.stack(means, axis=-1), dims=(*attractors.dims[:-2], "distance"))


def plot(dataset: xr.Dataset) -> Figure:
    """Attractor correlations, and those of one cue on the graph."""
    return plot_attractors(
        dataset,
        order=np.arange(dataset.sizes["cue"]),
        groups=dataset.community.to_numpy(),
        positions=_positions(),
        shown_cue=SHOWN_CUE,
        height=80,
    )


def _positions():
    """The cliques as circles on either side of an arch that is the path; (vertex, 2)."""
    angle = np.linspace(np.pi, 0.0, N_PATH + 2)[1:-1]
    path = np.stack([3.0 * np.cos(angle), 2.5 * np.sin(angle) + 1.0], axis=1)
    circle = 1.3 * circular_layout(N_CLIQUE)
    # the last vertex of the first clique and the first of the second one hold the path
    left = np.roll(circle, -1, axis=0) + (-3.0, -1.5)
    right = circle + (3.0, -1.5)
    return np.concatenate([left, path, right])


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Cliques as attractors, and the range along the path."""
    clique = {setting: float(network.at_setting(dataset.clique, setting).mean()) for setting in STD4}
    curve = dataset.path_curve.mean("network")
    ranges = positive_range(curve).to_numpy()
    rows = [
        Claim(
            "cliques become group attractors: K inside of a clique grows from (1, 0) over (.5, .5) to (-.5, 1.5) "
            "(smaller of the two steps)",
            "paper",
            "at_least",
            0.0,
            min(clique[NARROW] - clique[AUTO], clique[WIDE] - clique[NARROW]),
        ),
        Claim("(-2, 3): K inside of a clique", "paper", "at_least", 0.9, clique[WIDEST]),
        Claim(
            "along the path the spread grows with each of the four settings as on the ring (smallest growth of the "
            "largest distance with positive mean K)",
            "paper",
            "at_least",
            1.0,
            float(np.diff(ranges).min()),
            unit="edges",
        ),
    ]
    return rows + (_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


def _comparisons(dataset):
    rows = [
        (
            f"{STATEMENTS[name]}, {network.plain_label(setting)}",
            theirs,
            ROUNDING,
            network.at_setting(dataset[name], setting),
        )
        for name, values in EARLIER.items()
        for setting, theirs in values.items()
    ]
    return network.mean_claims(rows, source="earlier run", n_theirs=5)


EXPERIMENT = Experiment("barbell", "cliques and path of a barbell graph", compute, plot, claims)
