"""Separations of every kind, each with its oracle, and scores that are hard in one way each."""

import numpy as np

from assocmem.separations import (
    ConstrainedSparsemax,
    Entmax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
)
from tests import naive_separations as naive

UPPER = np.array([0.4, 0.05, 0.3, 0.0, 0.5, 0.2, 0.1, 0.3, 1.0])

ON_SIMPLEX = {
    "softmax": (Softmax(), naive.softmax),
    "sparsemax": (Sparsemax(), lambda t: naive.entmax(t, 2.0)),
    "entmax 1.5": (Entmax(1.5), lambda t: naive.entmax(t, 1.5)),
    "normmax 2": (Normmax(2.0), lambda t: naive.normmax(t, 2.0)),
    "normmax 5": (Normmax(5.0), lambda t: naive.normmax(t, 5.0)),
    "normmax 1.001": (Normmax(1.001), lambda t: naive.normmax(t, 1.001)),
} | {
    f"entmax {alpha}": (Entmax(alpha), lambda t, alpha=alpha: naive.entmax(t, alpha))
    for alpha in (1.0, 1.0 + 1e-9, 1.01, 1.25, 1.9, 2.5, 4.0, 20.0)
}
BOUNDED = {
    "1-subsets": (KSubsets(1), lambda t: naive.k_subsets(t, 1)),
    "3-subsets": (KSubsets(3), lambda t: naive.k_subsets(t, 3)),
    "constrained": (ConstrainedSparsemax(UPPER), lambda t: naive.constrained_sparsemax(t, UPPER)),
    "top 1": (TopK(1), lambda t: naive.top_k_softmax(t, 1)),
    "top 4": (TopK(4), lambda t: naive.top_k_softmax(t, 4)),
    "pairs": (SequentialKSubsets(2, transition=0.4), lambda t: naive.sequential_k_subsets(t, 2, 0.4)[0]),
    "neighbours": (
        SequentialKSubsets(3, transition=1e8, two_state_regularizer=True),
        lambda t: naive.sequential_k_subsets(t, 3, 1e8, curvature=2.0)[0],
    ),
}
ALL = ON_SIMPLEX | BOUNDED
ELEMENTWISE = {
    "linear": Linear(),
    "power 4": Power(4, is_rectified=False),
    "rectified power 3": Power(3),
    "exponential": Exponential(0.4),
}

_GENERATOR = np.random.default_rng(3)
_NORMAL = _GENERATOR.standard_normal(9)
SCORES = {
    "small": 0.1 * _NORMAL,
    "unit": _NORMAL,
    "large": 5.0 * _NORMAL,
    "far from 0": 1e4 + _NORMAL,
    "below 0": -1e4 + 2.0 * _NORMAL,
    "spread": 1e4 * _NORMAL,
    "ties": np.array([1.0, 0.5, 1.0, -3.0, 0.5, 1.0, 0.0, 0.0, 0.5]),
    "equal": np.full(9, -2.5),
    "masked": np.where(np.arange(9) % 4 == 1, -np.inf, _NORMAL),
}
