"""Nonparametric modern Hopfield models (Hu, Chen, Wu, Ruan & Liu, 2025)."""

from assocmem.papers.base import Paper
from assocmem.papers.nonparametric import (
    bag_sizes,
    bit_patterns,
    capacity,
    convergence,
    efficiency,
    estimates,
    half_mask,
    noise,
    published_code,
    real_bags,
    series,
    theory,
)

PAPER = Paper(
    name="nonparametric",
    title="Nonparametric modern Hopfield models",
    reference="Hu, Chen, Wu, Ruan & Liu, ICML, PMLR 267:24232 (2025)",
    experiments=(
        half_mask.EXPERIMENT,
        noise.EXPERIMENT,
        published_code.EXPERIMENT,
        theory.EXPERIMENT,
        estimates.EXPERIMENT,
        capacity.EXPERIMENT,
        efficiency.EXPERIMENT,
        bag_sizes.EXPERIMENT,
        convergence.EXPERIMENT,
        real_bags.EXPERIMENT,
        bit_patterns.EXPERIMENT,
        series.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
