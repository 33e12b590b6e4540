"""SparseMAP over subsets of a sequence that are drawn to be contiguous."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from assocmem.jit import compile_loop
from assocmem.kernels.sequential_subsets import scratch, sequential_subsets_project, sequential_subsets_row
from assocmem.separations.base import check_status, float_array, run_on_threads
from assocmem.separations.subsets import Counted
from assocmem.validation import check_boolean, check_finite

__all__ = ["SequentialKSubsets"]


@dataclass(frozen=True)
class SequentialKSubsets(Counted):
    r"""SparseMAP over subsets of k patterns of a sequence, with a score for each pair of neighbours in the subset.

    A subset y in {0, 1}^N scores ``sum_i t_i y_i + transition sum_i y_i y_{i+1}``; the weights are the mixture of
    subsets whose mean score less ``c (|\mu|^2 - k) / 2`` is largest, c = 1 or 2.

    Parameters
    ----------
    k : int, >= 1
    transition : float
        Score of two neighbours that are both in the subset. Any finite value; 0 gives `KSubsets` (for c = 2, of half
        the scores), a huge one leaves only subsets of contiguous patterns.
    two_state_regularizer : bool
        Whether absence is regularised like presence, ``(|\mu|^2 + |1 - \mu|^2) / 2``, which makes c = 2: as in the code
        of the paper. The structured margin is c.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range or, once scores are given, k is larger than their number.

    References
    ----------
    Niculae, Martins, Blondel & Cardie (2018), SparseMAP, ICML.
    Santos et al. (2024), Hopfield-Fenchel-Young networks, section 5.
    """

    transition: float = field(default=0.0, kw_only=True)
    two_state_regularizer: bool = field(default=False, kw_only=True)

    row = staticmethod(sequential_subsets_row)

    def __post_init__(self):
        super().__post_init__()
        check_finite("transition", self.transition)
        check_boolean("two_state_regularizer", self.two_state_regularizer)
        object.__setattr__(self, "transition", float(self.transition))

    @property
    def curvature(self) -> float:
        """c, the factor of the regulariser."""
        return 2.0 if self.two_state_regularizer else 1.0

    @property
    def margin(self):
        return self.curvature

    @property
    def total(self):
        return float(self.k)

    def parameters(self, rows=slice(None)):
        return (self.k, self.transition, self.curvature)

    def scratch(self, n_patterns):
        return scratch(n_patterns, self.k)

    def jvp(self, scores, tangent, *, weights=None, threads=None):
        """As of any separation; the solution is found again, for the sets that it is made of."""
        scores = float_array("scores", scores)
        tangent = np.ascontiguousarray(tangent, dtype=scores.dtype)
        if tangent.shape != scores.shape:
            raise ValueError(f"tangent must have the shape of the scores {scores.shape}, got {tangent.shape}")
        flat = scores.reshape(-1, scores.shape[-1])
        self.check_scores(flat.shape)
        directions, out, status = tangent.reshape(flat.shape), np.empty_like(flat), np.zeros(len(flat), dtype=np.int64)
        loop = compile_loop(_projection_loop)

        def run(rows: slice) -> None:
            arrays = (flat[rows], self.parameters(), directions[rows], out[rows], status[rows])
            loop(*arrays, self.scratch(flat.shape[1]))

        run_on_threads(run, flat.shape, threads)
        check_status(status)
        return out.reshape(scores.shape)

    def negentropy(self, weights):
        """``c (|mu|^2 - k) / 2`` less the best transition score of a mixture with these weights (...,).

        A linear program for each row that is no subset; 0 less the transition scores at subsets.
        """
        mu = self.check_simplex(weights)
        if np.any(mu > 1.0 + 1e-6):
            raise ValueError(f"weights must be at most 1, got {mu.max()}")
        flat = mu.reshape(-1, mu.shape[-1])
        pairs = np.array([_most_pairs(row, self.k, math.copysign(1.0, self.transition)) for row in flat])
        squares = 0.5 * self.curvature * (np.square(flat).sum(axis=1) - self.k)
        return (squares - self.transition * pairs).reshape(mu.shape[:-1])


def _projection_loop():
    def loop(scores, parameters, tangent, out, status, work):
        for b in range(scores.shape[0]):
            status[b] = sequential_subsets_project(scores, b, 1.0, parameters, tangent, out, work)

    return loop


def _most_pairs(mu: np.ndarray, k: int, sign: float) -> float:
    """Largest (sign 1) or smallest (-1) mean number of neighbouring pairs of mixtures of subsets with weights mu.

    A flow of 1 through states (position, count so far, whether in the subset), with mu as what enters the "in" states.
    """
    if np.all((mu == 0) | (mu == 1)):
        return float((mu[1:] * mu[:-1]).sum())
    n, start, end = mu.size, (-1, 0, 0), "end"
    states = [start] + [(i, c, s) for i in range(n) for c in range(k + 1) for s in (0, 1) if s <= c <= i + 1]
    number = {state: row for row, state in enumerate(states)}
    edges = [(state, (state[0] + 1, state[1] + s, s)) for state in states for s in (0, 1)]
    edges = [edge for edge in edges if edge[1] in number] + [((n - 1, k, s), end) for s in (0, 1)]
    edges = [edge for edge in edges if edge[0] in number]
    entries = [(number[source], column, -1.0) for column, (source, _) in enumerate(edges)]
    entries += [(number[to], column, 1.0) for column, (_, to) in enumerate(edges) if to != end]
    entries += [(len(states) + to[0], column, 1.0) for column, (_, to) in enumerate(edges) if to != end and to[2]]
    rows, columns, values = zip(*entries, strict=True)
    equations = coo_array((values, (rows, columns)), shape=(len(states) + n, len(edges))).tocsr()
    right = np.concatenate([[-1.0], np.zeros(len(states) - 1), mu])
    pairs = np.array([float(to != end and source[2] * to[2]) for source, to in edges])
    found = linprog(-sign * pairs, A_eq=equations, b_eq=right, method="highs")
    if not found.success:
        raise ValueError(f"weights must be those of a mixture of subsets of {k}, got {mu}")
    return -sign * found.fun
