"""Measures of states, trajectories and attractors; arrays or Datasets in, labelled results out."""

from assocmem.analysis.balance import balance, excitatory_abscissa
from assocmem.analysis.energy import audit_energy
from assocmem.analysis.fixed_points import find_fixed_points, spectrum
from assocmem.analysis.linear_noise import linear_noise_covariance
from assocmem.analysis.overlap import correlation, overlap
from assocmem.analysis.projection import principal_axes, project
from assocmem.analysis.retrieval import identify, is_retrieved, recall_error, retrieved_fraction
from assocmem.analysis.variability import across_trial_variance, variance_ratio

__all__ = [
    "across_trial_variance",
    "audit_energy",
    "balance",
    "correlation",
    "excitatory_abscissa",
    "find_fixed_points",
    "identify",
    "is_retrieved",
    "linear_noise_covariance",
    "overlap",
    "principal_axes",
    "project",
    "recall_error",
    "retrieved_fraction",
    "spectrum",
    "variance_ratio",
]
