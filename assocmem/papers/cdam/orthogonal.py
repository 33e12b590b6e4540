"""Networks of orthogonal patterns of equal length, for which the theory of the fixed points is exact.

With products G = g I the softmax sees the coefficients of the patterns alone, and W = G (a I + h M) is symmetric on an
undirected graph. Random patterns of n units in [0, 1] come close, with g = n / 12, where the mean activity is zero.
"""

from __future__ import annotations

import numpy as np

from assocmem.models.cdam import CDAM
from assocmem.papers.cdam.network import N_UNITS
from assocmem.simulate import iterate

SQUARE = N_UNITS / 12.0  # squared length g of a pattern


def orthogonal_network(
    adjacency: np.ndarray, setting: tuple[float, float] = (1.0, 0.0), *, square: float = SQUARE
) -> CDAM:
    """A network on a graph, with as many units as patterns: each pattern is one unit at sqrt(g)."""
    patterns = np.sqrt(square) * np.eye(len(adjacency))
    return CDAM(patterns, adjacency, auto_strength=setting[0], hetero_strength=setting[1])


def activities(model: CDAM, states: np.ndarray, *, eta: float, steps: int, every: int | None = None) -> np.ndarray:
    """Activities (trajectory, time, unit) of the map from states (trajectory, unit)."""
    return iterate(model.map(eta), states, steps=steps, every=every, threads=1).activity.to_numpy()


def near_vertices(n_patterns: int, vertices: np.ndarray, *, noise: float, seed: int) -> np.ndarray:
    """Coefficients (trajectory, pattern) of single patterns with Gaussian noise, which breaks their symmetry."""
    rng = np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(62,)))
    return np.eye(n_patterns)[vertices] + noise * rng.standard_normal((len(vertices), n_patterns))


def mixing(model: CDAM) -> np.ndarray:
    """a I + h M^T (pattern, pattern), by which weights turn into coefficients."""
    return model.auto_strength * np.eye(model.n_patterns) + model.hetero_strength * model.links.T


def weight_modes(model: CDAM, weights: np.ndarray) -> np.ndarray:
    """Eigenvalues (mode,) of beta g (a I + h M^T) (diag s - s s^T) at weights s (pattern,) of a fixed point.

    A small deviation along a mode is multiplied by 1 - eta + eta times its eigenvalue in an iteration, and grows in the
    flow at the eigenvalue less 1 per time constant. The eigenvalues are real for an undirected graph.
    """
    slope = np.diag(weights) - np.outer(weights, weights)
    return np.sort(np.linalg.eigvals(model.beta * model.gram[0, 0] * mixing(model) @ slope).real)
