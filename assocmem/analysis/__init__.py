"""Measures of states, trajectories and attractors; arrays or Datasets in, labelled results out."""

from assocmem.analysis.balance import balance, excitatory_abscissa
from assocmem.analysis.energy import audit_energy
from assocmem.analysis.fixed_points import find_fixed_points, spectrum
from assocmem.analysis.interference import (
    NormalMixture,
    cancelling_pull,
    child_stability_threshold,
    crosstalk_variance,
    feedforward_weights,
    inter_class_distribution,
    interference_distribution,
    majority_overlaps,
    one_step_accuracy,
    optimal_pull,
    total_interference_distribution,
)
from assocmem.analysis.linear_noise import linear_noise_covariance
from assocmem.analysis.one_step_sampling import sampled_one_step_accuracy
from assocmem.analysis.overlap import correlation, overlap
from assocmem.analysis.projection import principal_axes, project
from assocmem.analysis.retrieval import identify, is_retrieved, recall_error, retrieved_fraction
from assocmem.analysis.variability import across_trial_variance, variance_ratio

__all__ = [
    "NormalMixture",
    "across_trial_variance",
    "audit_energy",
    "balance",
    "cancelling_pull",
    "child_stability_threshold",
    "correlation",
    "crosstalk_variance",
    "excitatory_abscissa",
    "feedforward_weights",
    "find_fixed_points",
    "identify",
    "inter_class_distribution",
    "interference_distribution",
    "is_retrieved",
    "linear_noise_covariance",
    "majority_overlaps",
    "one_step_accuracy",
    "optimal_pull",
    "overlap",
    "principal_axes",
    "project",
    "recall_error",
    "retrieved_fraction",
    "sampled_one_step_accuracy",
    "spectrum",
    "total_interference_distribution",
    "variance_ratio",
]
