"""Similarities of cues and patterns: fixed ones, and one that adapts to how cues come about."""

from assocmem.similarities.adaptive import FEATURES, AdaptiveSimilarity, footprint, footprint_weights, rank_weights
from assocmem.similarities.base import Similarity
from assocmem.similarities.fixed import (
    CenteredDistance,
    Cosine,
    DotProduct,
    ManhattanDistance,
    Pearson,
    SquaredDistance,
)

__all__ = [
    "FEATURES",
    "AdaptiveSimilarity",
    "CenteredDistance",
    "Cosine",
    "DotProduct",
    "ManhattanDistance",
    "Pearson",
    "Similarity",
    "SquaredDistance",
    "footprint",
    "footprint_weights",
    "rank_weights",
]
