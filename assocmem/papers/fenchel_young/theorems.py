"""The paper's statements on exact retrieval, capacity and energies, checked on random networks.

Each part is a module of its own: `single_patterns` (fixed points, one step, balls, post-transformations), `spheres`
(capacity), `descent` (the energy), `limits` (margins and limits of the maps) and `pattern_sets` (sets of patterns).
"""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young import descent, limits, pattern_sets, single_patterns, spheres
from assocmem.plotting import label_panels, make_figure, style

PARTS = (single_patterns, spheres, descent, limits, pattern_sets)
# title, what draws it, and where there is room for its legend
PANELS = (
    (
        "fixed points",
        single_patterns.plot_fixed,
        {"loc": "lower left", "bbox_to_anchor": (-0.04, 0.06), "handletextpad": 0.0},
    ),
    ("balls around patterns", single_patterns.plot_balls, None),
    ("post-transformations", single_patterns.plot_posts, {"loc": "center right", "bbox_to_anchor": (0.93, 0.5)}),
    ("random patterns on a sphere", spheres.plot_capacity, {"loc": "upper left"}),
    ("sets of patterns", pattern_sets.plot_sets, {"loc": "upper right"}),
    ("limits of the maps", limits.plot_limits, {"loc": "upper right"}),
    ("energy", descent.plot_rises, {"loc": "center left", "bbox_to_anchor": (1.02, 0.5)}),
)


def compute(run: Run) -> xr.Dataset:
    """Counts of violations and what the figure shows, of all parts."""
    dataset = xr.merge([part.measure(run) for part in PARTS], join="exact", compat="identical")
    return dataset.assign({name: v.assign_attrs(units="1") for name, v in dataset.data_vars.items()})


def plot(dataset: xr.Dataset) -> Figure:
    """A panel for each statement."""
    with style():
        figure, axes = make_figure(1, 1, height=200)
        axes[0].remove()
        top, bottom = figure.subfigures(2, 1, height_ratios=(2.0, 1.0))
        panels = [*top.subplots(2, 3).ravel(), bottom.subplots()]
        for ax, (title, draw, legend) in zip(panels, PANELS, strict=True):
            draw(dataset, ax)
            ax.set_title(title)
            if legend is not None:
                ax.legend(**legend)
        label_panels(panels)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Those of all parts."""
    return [claim for part in PARTS for claim in part.claims(dataset)]


EXPERIMENT = Experiment("theorems", "statements on exact retrieval, capacity and energies", compute, plot, claims)
