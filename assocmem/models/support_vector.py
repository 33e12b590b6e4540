"""The support vector regression that nonparametric modern Hopfield models are named after, solved as it stands."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assocmem.features import FeatureMap, row_product
from assocmem.jit import compile_loop
from assocmem.kernels.support_vectors import regression_loop
from assocmem.models.associative import ReadOut
from assocmem.models.pattern_memory import PatternMemory
from assocmem.separations.association import Step
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_boolean, check_finite, check_integer, check_positive

__all__ = ["SupportVectorMemory"]

KERNELS = ("exponential", "linear")


@dataclass(frozen=True, eq=False)
class SupportVectorMemory(PatternMemory):
    r"""Regression of patterns on keys with an epsilon-insensitive loss, for each unit by itself.

    .. math::
        T(x)_i = \sum_\mu c_{\mu i} K(k_\mu, x) + b_i, \qquad
        c_i = \operatorname{argmax}_{|c_\mu| \le C} \; \xi_i^\top c - \tfrac12 c^\top K c - \epsilon \|c\|_1

    The paper derives its models from this problem but then puts the patterns in place of the coefficients c, divided by
    a norm (lemma 3.1): they are Nadaraya-Watson estimates and do not solve it. This memory does. Its errors at the keys
    are at most epsilon per unit if C is large and the Gram matrix regular; elsewhere nothing is promised. There is no
    energy, and there are no weights of patterns: each unit has its own.

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Finite.
    keys : array (pattern, unit), optional
        Where the regression is to give the patterns; the patterns by default.
    kernel : {"exponential", "linear"} or FeatureMap
        K(k, x): ``exp(beta <k, x>)``, ``beta <k, x>``, or the product of features of both times sqrt(beta).
    beta : float, > 0, optional
        1 / sqrt(n_units) by default.
    epsilon : float, >= 0
        Error of a unit that costs nothing.
    penalty : float, > 0
        C, the price of errors beyond.
    has_intercept : bool
        Whether there is a constant b (appendix C.1 of the paper) or none (eq. 3.2).
    tol : float, > 0
        Largest violation of the optimality conditions that is left, in units of the patterns.
    most_updates : int, >= 1
        Updates for each unit after which the solver gives up.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or kernel values are not finite.
    RuntimeError
        On first use, if the solver gave up.

    References
    ----------
    Hu, Chen, Wu, Ruan & Liu (2025), Nonparametric modern Hopfield models, ICML, PMLR 267, eq. 3.2 and appendix C.1.
    Smola & Schoelkopf (2004), A tutorial on support vector regression, Statistics and Computing 14, 199.
    """

    patterns: np.ndarray = field(repr=False)
    keys: np.ndarray | None = field(default=None, repr=False)
    kernel: str | FeatureMap = field(default="exponential", kw_only=True)
    beta: float | None = field(default=None, kw_only=True)
    epsilon: float = field(default=0.01, kw_only=True)
    penalty: float = field(default=100.0, kw_only=True)
    has_intercept: bool = field(default=False, kw_only=True)
    tol: float = field(default=1e-9, kw_only=True)
    most_updates: int = field(default=10**7, kw_only=True)

    has_one_hot_weights = False

    def __post_init__(self):
        self.check_arrays()
        if self.kernel not in KERNELS and not isinstance(self.kernel, FeatureMap):
            raise ValueError(f"kernel must be one of {KERNELS} or a FeatureMap, got {self.kernel!r}")
        check_finite("epsilon", self.epsilon)
        if self.epsilon < 0:
            raise ValueError(f"epsilon must be >= 0, got {self.epsilon}")
        check_positive("penalty", self.penalty)
        check_boolean("has_intercept", self.has_intercept)
        check_positive("tol", self.tol)
        check_integer("most_updates", self.most_updates, 1)

    @cached_property
    def gram(self) -> np.ndarray:
        """Kernel values between keys (pattern, pattern)."""
        keys = self.stored_keys.astype(float)
        gram = self._kernel_values(keys)
        if not np.all(np.isfinite(gram)) or not np.all(np.diagonal(gram) > 0):
            raise ValueError(f"kernel values must be finite, and > 0 of a key with itself, at beta = {self.beta}")
        return gram

    @cached_property
    def _solution(self):
        targets = np.ascontiguousarray(self.patterns.astype(float).T)
        duals, intercepts, violations = np.empty_like(targets), np.empty(len(targets)), np.empty(len(targets))
        loop, settings = compile_loop(regression_loop), (float(self.epsilon), float(self.penalty), self.has_intercept)

        def solve(rows: slice) -> None:
            results = (duals[rows], intercepts[rows], violations[rows])
            loop(self.gram, targets[rows], *settings, float(self.tol), int(self.most_updates), *results)

        n_threads = min(default_threads(), len(targets))
        edges = [len(targets) * i // n_threads for i in range(n_threads + 1)]
        with worker_map(n_threads) as mapping:
            mapping(solve, [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)])
        if not np.all(violations <= self.tol):
            unit = int(np.argmax(violations))
            raise RuntimeError(
                f"the regression of unit {unit} still violates its conditions by {violations[unit]:.3g} after "
                f"{self.most_updates} updates (tol = {self.tol})"
            )
        return duals.T.copy(), intercepts

    @property
    def dual(self) -> np.ndarray:
        """Coefficients c (pattern, unit), of size at most the penalty."""
        return self._solution[0]

    @property
    def intercept(self) -> np.ndarray:
        """Constants b (unit,), 0 without an intercept."""
        return self._solution[1]

    @property
    def dual_objective(self) -> np.ndarray:
        """Value (unit,) of what the coefficients maximise."""
        c, y = self.dual, self.patterns.astype(float)
        quadratic = 0.5 * (c * (self.gram @ c)).sum(axis=0)
        return (y * c).sum(axis=0) - quadratic - self.epsilon * np.abs(c).sum(axis=0)

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """There are none: ValueError."""
        raise ValueError("a support vector memory has no weights of patterns, but coefficients for each unit: see dual")

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """There is none: ValueError."""
        raise ValueError("a support vector memory has no energy")

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Predictions (..., unit) at states (..., unit).

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type or shape, or kernel values not finite.
        """
        y, shape = self.flat(states, threads)
        found = self._predictions(y)
        failed = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if failed.size:
            raise ValueError(f"states must have finite kernel values, got others in row {failed[0]}")
        return found.reshape(*shape, self.n_units)

    # the protocol of AssociativeMemory

    def step(self, y, form, engine, *, threads):
        n = len(y)
        return Step(self._predictions(y), np.full(n, np.nan), np.zeros(n, dtype=np.int64), np.zeros((n, 2), dtype=int))

    def energies(self, y, step, form):
        return np.full(len(y), np.nan)

    def read_out(self, states, *, has_weights, threads):
        if has_weights:
            self.weights(states)
        scores = row_product(states, self.stored_keys.T)
        edge = np.partition(scores, (-2, -1), axis=1) if self.n_patterns > 1 else np.full((len(scores), 2), np.inf)
        margin = edge[:, -1].astype(float) - edge[:, -2] if self.n_patterns > 1 else edge[:, 0]
        support = np.full(len(states), np.count_nonzero(self.dual.any(axis=1)))
        return ReadOut(np.full(len(states), np.nan), scores.argmax(axis=1), support, margin)

    def _predictions(self, y):
        with np.errstate(over="ignore", invalid="ignore"):
            return (row_product(self._kernel_values(y.astype(float)), self.dual) + self.intercept).astype(self.dtype)

    def _kernel_values(self, rows):
        """K (row, pattern) between rows and keys."""
        keys = self.stored_keys.astype(float)
        if isinstance(self.kernel, FeatureMap):
            root = np.sqrt(self.beta)
            return row_product(self.kernel(rows * root), self.kernel(keys * root).T)
        scores = self.beta * row_product(rows, keys.T)
        with np.errstate(over="ignore"):
            return np.exp(scores) if self.kernel == "exponential" else scores
