"""Figures of labelled results: functions that take data and axes and return the axes."""

from assocmem.plotting.network import plot_balance, plot_eigenvalues, plot_history, plot_weights
from assocmem.plotting.retrieval import plot_image, plot_retrieval_curve
from assocmem.plotting.style import (
    EXCITATORY,
    FADED,
    INHIBITORY,
    NEUTRAL,
    axis_label,
    colours,
    label_panels,
    make_figure,
    style,
)
from assocmem.plotting.trajectories import (
    plot_bundle,
    plot_projection,
    plot_raster,
    plot_trajectory,
    plot_variance,
)

__all__ = [
    "EXCITATORY",
    "FADED",
    "INHIBITORY",
    "NEUTRAL",
    "axis_label",
    "colours",
    "label_panels",
    "make_figure",
    "plot_balance",
    "plot_bundle",
    "plot_eigenvalues",
    "plot_history",
    "plot_image",
    "plot_projection",
    "plot_raster",
    "plot_retrieval_curve",
    "plot_trajectory",
    "plot_variance",
    "plot_weights",
    "style",
]
