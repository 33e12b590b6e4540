"""Separations: maps from scores to weights, with their regularisers, losses, margins and derivatives."""

from assocmem.separations.association import associate
from assocmem.separations.base import Separation
from assocmem.separations.elementwise import Exponential, Linear, Power
from assocmem.separations.sequential import SequentialKSubsets
from assocmem.separations.simplex import Entmax, Normmax, Softmax, Sparsemax
from assocmem.separations.subsets import ConstrainedSparsemax, KSubsets, TopK

__all__ = [
    "ConstrainedSparsemax",
    "Entmax",
    "Exponential",
    "KSubsets",
    "Linear",
    "Normmax",
    "Power",
    "Separation",
    "SequentialKSubsets",
    "Softmax",
    "Sparsemax",
    "TopK",
    "associate",
]
