"""Adaptive Hopfield network (Wang, Pan, Shen, Zhang, Wang & Li, 2025)."""

from assocmem.papers.adaptive import (
    ablations,
    bags,
    efficiency,
    energy,
    families,
    images,
    memory,
    multimodal,
    profiles,
    tabular,
)
from assocmem.papers.base import Paper

PAPER = Paper(
    name="adaptive",
    title="Adaptive Hopfield network: rethinking similarities in associative memory",
    reference="Wang, Pan, Shen, Zhang, Wang & Li, arXiv:2511.20609 (2025), ICLR 2026",
    experiments=(
        memory.EXPERIMENT,
        families.EXPERIMENT,
        ablations.EXPERIMENT,
        profiles.EXPERIMENT,
        energy.EXPERIMENT,
        efficiency.EXPERIMENT,
        tabular.EXPERIMENT,
        images.EXPERIMENT,
        bags.EXPERIMENT,
        multimodal.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
