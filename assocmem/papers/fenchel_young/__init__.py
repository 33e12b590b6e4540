"""Hopfield-Fenchel-Young networks (Santos, Niculae, McNamee & Martins, 2024)."""

from assocmem.papers.base import Paper
from assocmem.papers.fenchel_young import (
    bags,
    basins,
    capacity,
    completion,
    contours,
    free_recall,
    margins,
    metastable,
    noise,
    rationale,
    real_bags,
    sequential_recall,
    theorems,
)

PAPER = Paper(
    name="fenchel_young",
    title="Hopfield-Fenchel-Young networks: a unified framework for associative memory retrieval",
    reference="Santos, Niculae, McNamee & Martins, arXiv:2411.08590 (2024)",
    experiments=(
        margins.EXPERIMENT,
        *contours.EXPERIMENTS,
        *basins.EXPERIMENTS,
        theorems.EXPERIMENT,
        capacity.EXPERIMENT,
        noise.EXPERIMENT,
        metastable.EXPERIMENT,
        completion.EXPERIMENT,
        free_recall.EXPERIMENT,
        sequential_recall.EXPERIMENT,
        bags.EXPERIMENT,
        real_bags.EXPERIMENT,
        rationale.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
