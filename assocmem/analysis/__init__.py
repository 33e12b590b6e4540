"""Measures of states, trajectories and attractors; arrays or Datasets in, labelled results out."""

from assocmem.analysis.balance import balance, excitatory_abscissa
from assocmem.analysis.basins import basin_fraction, basin_radius, basin_slice
from assocmem.analysis.capacity import capacity_curve, capacity_threshold, extrapolated_capacity, overlap_criterion
from assocmem.analysis.cdam_theory import (
    cluster_profile,
    dwell_counts,
    largest_stable_eta,
    limiting_correlations,
    one_hot_activity,
    pure_retrieval_bound,
    quiescence_boundaries,
    ring_cluster,
    winner_track,
)
from assocmem.analysis.clusters import (
    adjusted_rand_index,
    attractor_clusters,
    cluster_accuracy,
    metastability_index,
    participation_ratio,
    sequence_statistics,
    support_count,
)
from assocmem.analysis.continuation import follow_fixed_point
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
from assocmem.analysis.lyapunov import lyapunov_exponents
from assocmem.analysis.one_step_sampling import sampled_one_step_accuracy
from assocmem.analysis.overlap import correlation, overlap
from assocmem.analysis.projection import principal_axes, project
from assocmem.analysis.proportions import wilson_interval
from assocmem.analysis.retrieval import identify, is_retrieved, recall_error, retrieved_fraction
from assocmem.analysis.variability import across_trial_variance, variance_ratio

__all__ = [
    "NormalMixture",
    "across_trial_variance",
    "adjusted_rand_index",
    "attractor_clusters",
    "audit_energy",
    "balance",
    "basin_fraction",
    "basin_radius",
    "basin_slice",
    "cancelling_pull",
    "capacity_curve",
    "capacity_threshold",
    "child_stability_threshold",
    "cluster_accuracy",
    "cluster_profile",
    "correlation",
    "crosstalk_variance",
    "dwell_counts",
    "excitatory_abscissa",
    "extrapolated_capacity",
    "feedforward_weights",
    "find_fixed_points",
    "follow_fixed_point",
    "identify",
    "inter_class_distribution",
    "interference_distribution",
    "is_retrieved",
    "largest_stable_eta",
    "limiting_correlations",
    "linear_noise_covariance",
    "lyapunov_exponents",
    "majority_overlaps",
    "metastability_index",
    "one_hot_activity",
    "one_step_accuracy",
    "optimal_pull",
    "overlap",
    "overlap_criterion",
    "participation_ratio",
    "principal_axes",
    "project",
    "pure_retrieval_bound",
    "quiescence_boundaries",
    "recall_error",
    "retrieved_fraction",
    "ring_cluster",
    "sampled_one_step_accuracy",
    "sequence_statistics",
    "spectrum",
    "support_count",
    "total_interference_distribution",
    "variance_ratio",
    "wilson_interval",
    "winner_track",
]
