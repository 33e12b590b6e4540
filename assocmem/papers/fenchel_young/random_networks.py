"""Random networks on which the theorems are checked."""

from __future__ import annotations

import numpy as np

from assocmem.papers.base import Run
from assocmem.separations import Entmax, Normmax, Separation, Sparsemax

# maps with a margin that is neither 0 nor inf
MAPS: dict[str, Separation] = {
    "1.25-entmax": Entmax(1.25),
    "1.5-entmax": Entmax(1.5),
    "sparsemax": Sparsemax(),
    "4-entmax": Entmax(4.0),
    "1.5-normmax": Normmax(1.5),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
    r"$\infty$-normmax": Normmax(np.inf),
}


def generators(run: Run, purpose: str, n: int) -> list[np.random.Generator]:
    """`n` independent generators of one purpose; those of a small number are the first of a large one."""
    root = np.random.SeedSequence(run.seed_for(f"fenchel_young/theorems/{purpose}"))
    return [np.random.default_rng(sequence) for sequence in root.spawn(n)]


def on_sphere(rng: np.random.Generator, n_patterns: int, n_units: int, radius: float = 1.0) -> np.ndarray:
    """Patterns (pattern, unit) uniform on a sphere; a larger number has a smaller one as its beginning."""
    patterns = rng.standard_normal((n_patterns, n_units))
    return radius * patterns / np.linalg.norm(patterns, axis=1, keepdims=True)


def worst_directions(patterns: np.ndarray) -> np.ndarray:
    """Unit vectors (pattern, unit) from each pattern of a sphere to the nearest other one."""
    products = patterns @ patterns.T
    np.fill_diagonal(products, -np.inf)
    towards = patterns[products.argmax(axis=1)] - patterns
    return towards / np.linalg.norm(towards, axis=1, keepdims=True)


def is_one_hot(weights: np.ndarray) -> np.ndarray:
    """Whether pattern i has all the weight in row i of weights (pattern, pattern)."""
    return (np.count_nonzero(weights, axis=1) == 1) & (np.diagonal(weights) > 0)
