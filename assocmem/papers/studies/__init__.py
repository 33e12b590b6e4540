"""Studies of all systems: what they hold, how far their basins reach, and where their behaviour changes."""

from assocmem.papers.base import Paper
from assocmem.papers.studies import (
    basin_slices,
    chaos,
    classical,
    classical_basins,
    comparison,
    exponential_capacity,
    memory_branches,
    sparse_margin,
    stated_capacities,
)

PAPER = Paper(
    name="studies",
    title="Capacity, basins and phase diagrams of all systems",
    reference=(
        "Amit, Gutfreund & Sompolinsky, Physical Review Letters 55 (1985); McEliece, Posner, Rodemich & Venkatesh, IEEE"
        " Transactions on Information Theory 33 (1987); Lucibello & Mezard, Physical Review Letters 132 (2024)"
    ),
    experiments=(
        comparison.RANDOM_EXPERIMENT,
        comparison.IMAGE_EXPERIMENT,
        classical.EXPERIMENT,
        classical_basins.EXPERIMENT,
        exponential_capacity.EXPERIMENT,
        sparse_margin.EXPERIMENT,
        stated_capacities.EXPERIMENT,
        basin_slices.EXPERIMENT,
        memory_branches.EXPERIMENT,
        chaos.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
