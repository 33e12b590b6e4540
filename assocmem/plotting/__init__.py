"""Figures of labelled results: functions that take data and axes and return the axes."""

from assocmem.plotting.graphs import circular_layout, plot_graph, plot_matrix, spectral_order, stress_layout
from assocmem.plotting.landscape import plot_basins, plot_energy
from assocmem.plotting.network import plot_balance, plot_eigenvalues, plot_history, plot_weights
from assocmem.plotting.phase_diagram import plot_phase_diagram, plot_phases, plot_refined_phases
from assocmem.plotting.retrieval import plot_image, plot_retrieval_curve
from assocmem.plotting.studies import (
    plot_basin_radius,
    plot_branches,
    plot_capacity,
    plot_extrapolation,
    plot_lyapunov,
    plot_scan,
)
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
from assocmem.plotting.windows import plot_mean_course, plot_windows

__all__ = [
    "EXCITATORY",
    "FADED",
    "INHIBITORY",
    "NEUTRAL",
    "axis_label",
    "circular_layout",
    "colours",
    "label_panels",
    "make_figure",
    "plot_balance",
    "plot_basin_radius",
    "plot_basins",
    "plot_branches",
    "plot_bundle",
    "plot_capacity",
    "plot_eigenvalues",
    "plot_energy",
    "plot_extrapolation",
    "plot_graph",
    "plot_history",
    "plot_image",
    "plot_lyapunov",
    "plot_matrix",
    "plot_mean_course",
    "plot_phase_diagram",
    "plot_phases",
    "plot_projection",
    "plot_raster",
    "plot_refined_phases",
    "plot_retrieval_curve",
    "plot_scan",
    "plot_trajectory",
    "plot_variance",
    "plot_weights",
    "plot_windows",
    "spectral_order",
    "stress_layout",
    "style",
]
