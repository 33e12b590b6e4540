"""The classical Hopfield network: signs, and couplings by Hebb's rule or the pseudo-inverse (Hopfield, 1982)."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import pinvh

from assocmem.features import row_product
from assocmem.jit import compile_loop
from assocmem.kernels.classical import sweep_loop
from assocmem.models.associative import AssociativeMemory, ReadOut
from assocmem.separations.association import Step
from assocmem.separations.base import run_on_threads
from assocmem.validation import check_boolean, check_integer, labelled_array

__all__ = ["ClassicalHopfield"]

LEARNING = ("hebb", "pseudo_inverse")
UPDATES = ("asynchronous", "synchronous")
_STATES_AT_A_TIME = 32  # in a sweep: their overlaps with several hundred patterns fit into a cache


@dataclass(frozen=True, eq=False)
class ClassicalHopfield(AssociativeMemory):
    r"""Units of sign +1 or -1 that store P patterns in their couplings.

    .. math::
        y_i \leftarrow \operatorname{sign} \sum_j W_{ij} y_j, \qquad
        W = \frac1N \sum_{\mu} \xi^\mu \xi^{\mu\top} \quad\text{or}\quad
        W = \frac1N \sum_{\mu\nu} \xi^\mu (C^{-1})_{\mu\nu} \xi^{\nu\top}, \quad C_{\mu\nu} = \xi^\mu \cdot \xi^\nu / N

    by default without the diagonal. Where the potential is 0 a unit keeps its sign. Asynchronous updates never raise
    ``E(y) = -y W y / 2`` and end in a fixed point; synchronous ones may end in a cycle of two states. The reference for
    all others: with Hebb's rule it holds 0.138 N random patterns with few errors, and N / (2 log N) without any.

    No N x N matrix is made: time and memory grow with N P.

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Of 1 and -1.
    learning : {"hebb", "pseudo_inverse"}
        The second holds up to N patterns that are linearly independent, correlated ones too.
    update_order : {"asynchronous", "synchronous"}
        An update is a sweep over all units in a random order, the same in all sweeps, or all units at once.
    has_self_coupling : bool
        Whether the diagonal of W is kept.
    seed : int, >= 0
        Of the order of the units.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Hopfield (1982), PNAS 79; Amit, Gutfreund & Sompolinsky (1985), Phys. Rev. Lett. 55; Personnaz, Guyon & Dreyfus
    (1985), J. Physique Lett. 46; McEliece et al. (1987), IEEE Trans. Inf. Theory 33.
    """

    patterns: np.ndarray = field(repr=False)
    learning: str = field(default="hebb", kw_only=True)
    update_order: str = field(default="asynchronous", kw_only=True)
    has_self_coupling: bool = field(default=False, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    has_one_hot_weights = False

    def __post_init__(self):
        patterns = labelled_array("patterns", self.patterns)
        if patterns.ndim != 2 or patterns.size == 0:
            raise ValueError(f"patterns must be a matrix (pattern, unit), got shape {patterns.shape}")
        if not np.all(np.abs(patterns) == 1):
            raise ValueError("patterns must be of 1 and -1, got other values")
        patterns = patterns.astype(float)
        patterns.setflags(write=False)
        object.__setattr__(self, "patterns", patterns)
        for name, allowed in (("learning", LEARNING), ("update_order", UPDATES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        check_boolean("has_self_coupling", self.has_self_coupling)
        check_integer("seed", self.seed, 0)

    @property
    def load(self) -> float:
        """Patterns per unit."""
        return self.n_patterns / self.n_units

    @cached_property
    def duals(self) -> np.ndarray:
        """Patterns (pattern, unit) whose products with a state, divided by N, are the weights of the patterns."""
        if self.learning == "hebb":
            return self.patterns  # potentials times N are whole numbers, and ties exact
        return pinvh(self.patterns @ self.patterns.T / self.n_units) @ self.patterns

    @cached_property
    def diagonal(self) -> np.ndarray:
        """N times what is taken off the diagonal of the couplings (unit,)."""
        if self.has_self_coupling:
            return np.zeros(self.n_units)
        return np.einsum("pi,pi->i", self.patterns, self.duals)

    @cached_property
    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Patterns and duals (unit, pattern), so that what one unit needs is contiguous."""
        post = np.ascontiguousarray(self.patterns.T)
        return post, post if self.duals is self.patterns else np.ascontiguousarray(self.duals.T)

    @cached_property
    def order(self) -> np.ndarray:
        """The order (unit,) in which units are updated."""
        return np.random.default_rng(self.seed).permutation(self.n_units)

    def weights_matrix(self) -> np.ndarray:
        """The couplings W (unit, unit) themselves, for small networks."""
        return (self.patterns.T @ self.duals - np.diag(self.diagonal)) / self.n_units

    def weights(self, states: np.ndarray) -> np.ndarray:
        """Weights (..., pattern) with which patterns enter the potentials at states (..., unit)."""
        return self.checked(states) @ self.duals.T / self.n_units

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit) of 1 and -1.

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type, shape or values.
        """
        states = self.checked(states)
        return self._next(states.reshape(-1, self.n_units), threads).reshape(states.shape)

    def energy(self, states: np.ndarray) -> np.ndarray:
        """Energy ``-y W y / 2`` (...,) of states (..., unit)."""
        states = self.checked(states)
        overlaps = states @ self.patterns.T
        weights = overlaps if self.duals is self.patterns else states @ self.duals.T
        return -0.5 * ((overlaps * weights).sum(axis=-1) - self.diagonal.sum()) / self.n_units

    # the protocol of AssociativeMemory

    def checked(self, states, name="states"):
        states = super().checked(states, name)
        if not np.all(np.abs(states) == 1):
            raise ValueError(f"{name} must be of 1 and -1, got other values")
        return states

    def step(self, y, form, engine, *, threads):
        return Step(
            self._next(y, threads), np.full(len(y), np.nan), np.zeros(len(y), dtype=np.int64), np.zeros((len(y), 2))
        )

    def energies(self, y, step, form):
        return self.energy(y)

    def read_out(self, states, *, has_weights, threads):
        overlaps = states @ self.patterns.T
        edge = np.sort(overlaps, axis=1)
        margin = edge[:, -1] - edge[:, -2] if self.n_patterns > 1 else np.full(len(states), np.inf)
        weights = states @ self.duals.T / self.n_units
        support_size = np.count_nonzero(weights, axis=1)
        return ReadOut(
            self.energy(states), overlaps.argmax(axis=1), support_size, margin, weights if has_weights else None
        )

    def _next(self, y, threads):
        if self.update_order == "synchronous":
            potential = row_product(row_product(y, self.duals.T), self.patterns) - self.diagonal * y
            return np.where(potential == 0, y, np.sign(potential))
        new = y.copy()
        loop, (post, pre) = compile_loop(sweep_loop), self._columns

        def run(rows):
            n_blocks = -(-(rows.stop - rows.start) // _STATES_AT_A_TIME)
            for block in np.array_split(new[rows], n_blocks):
                n = len(block)
                buffers = np.empty((n, self.n_patterns)), np.empty((self.n_patterns, n)), np.empty(n), np.empty(n)
                loop(block, post, pre, self.diagonal, self.order, *buffers)

        run_on_threads(run, (len(y), self.n_units * self.n_patterns), threads)
        return new
