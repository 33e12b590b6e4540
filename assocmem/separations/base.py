"""What all separations share: rows of scores in, weights out, by a compiled loop on any number of threads."""

from collections.abc import Callable

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.association import jvp_loop, rows_loop
from assocmem.kernels.reductions import padded
from assocmem.kernels.simplex import DONE, INFEASIBLE, MASKED, NOT_FINITE
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_integer

__all__ = ["Separation", "float_array"]

_ROWS_FOR_THREADS = 2**15  # scores for each thread, below which starting it costs more than it saves
_SUM_TOLERANCE = 1e-4  # of weights given by a user, float32 ones included


class Separation:
    r"""Map from scores to weights, the regularised argmax of a convex function Omega.

    .. math:: \hat y(t) = \operatorname{argmax}_y \langle t, y \rangle - \Omega(y) = \nabla \Omega^*(t)

    Subclasses are frozen dataclasses that name a compiled kernel for a row of scores. Scores are arrays
    (..., pattern) of float64 or float32 (the result is of the same type; all else becomes float64). Scores of any size
    work; -inf is a mask, a pattern that must not have any weight. Results do not depend on `threads`.
    """

    row: Callable  # kernel (scores, b, beta, parameters, out, work) -> (value, status)
    jvp_row: Callable  # kernel (weights, b, parameters, tangent, out)

    @property
    def margin(self) -> float:
        """The least gap between the largest score and all others at which the weights are exactly one-hot.

        For sets of patterns, the structured margin: the least m such that the best set y has all the weight if
        ``<t, y> >= <t, y'> + m |y - y'|^2 / 2`` for all others y'. inf where no gap is large enough.
        """
        return np.inf

    @property
    def total(self) -> float:
        """Sum of the weights; NaN where it is not fixed."""
        return 1.0

    def parameters(self, rows: slice = slice(None)) -> tuple:
        """Parameters of the kernel for some of the rows."""
        return ()

    def jvp_parameters(self, shape: tuple[int, int], rows: slice = slice(None)) -> tuple:
        """Parameters of the kernel of the Jacobian for some of the rows of weights of a shape (row, pattern)."""
        return self.parameters()

    def scratch(self, n_patterns: int) -> tuple:
        """Arrays that the kernel works in."""
        return np.empty((4, padded(n_patterns))), np.empty(padded(n_patterns), dtype=np.int64)

    def check_scores(self, shape: tuple[int, int]) -> None:
        """Raise ValueError if scores of a shape (row, pattern) do not fit the parameters."""

    def weights(self, scores: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights (..., pattern) of scores.

        Parameters
        ----------
        scores : array (..., pattern)
            -inf masks a pattern.
        threads : int, optional
            >= 1; as many as there are cores by default. Without effect on the result.

        Returns
        -------
        ndarray (..., pattern), of the type of the scores; >= 0.

        Raises
        ------
        TypeError, ValueError
            If scores are not real, NaN, inf or all masked, or their number does not fit the parameters.
        """
        return self.evaluate(scores, threads=threads)[0]

    def conjugate(self, scores: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Convex conjugate ``Omega*(t) = max_y <t, y> - Omega(y)`` (...,) of scores; its gradient are the weights."""
        return self.evaluate(scores, threads=threads)[1]

    def evaluate(
        self, scores: np.ndarray, *, beta: float = 1.0, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (..., pattern) of ``beta * scores``, and the conjugate (...,) there, as float64."""
        scores = float_array("scores", scores)
        flat = scores.reshape(-1, scores.shape[-1])
        self.check_scores(flat.shape)
        out, value, status = np.empty_like(flat), np.empty(len(flat)), np.zeros(len(flat), dtype=np.int64)
        loop = compile_loop(rows_loop, type(self).row)

        def run(rows: slice) -> None:
            arguments = (flat[rows], float(beta), self.parameters(rows), out[rows], value[rows], status[rows])
            loop(*arguments, self.scratch(flat.shape[1]))

        run_on_threads(run, flat.shape, threads)
        check_status(status)
        return out.reshape(scores.shape), value.reshape(scores.shape[:-1])

    def negentropy(self, weights: np.ndarray) -> np.ndarray:
        """Omega (...,) at weights (..., pattern), as float64; 0 where all the weight is on one pattern (or one set).

        Raises
        ------
        ValueError
            If weights are outside of its domain.
        """
        raise NotImplementedError

    def loss(self, scores: np.ndarray, target: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        r"""Fenchel-Young loss (...,), how far weights are from being those of the scores.

        .. math:: L_\Omega(t; y) = \Omega(y) + \Omega^*(t) - \langle t, y \rangle \ge 0

        Zero if and only if `target` are the weights of the scores; its gradient in the scores is weights - target.

        Parameters
        ----------
        scores : array (..., pattern)
        target : array (..., pattern)
            In the domain of Omega.
        threads : int, optional

        Raises
        ------
        ValueError
            If the shapes differ or the target is outside of the domain.

        References
        ----------
        Blondel, Martins & Niculae (2020), Learning with Fenchel-Young losses, JMLR 21.
        """
        scores, target = float_array("scores", scores).astype(float), float_array("target", target).astype(float)
        if scores.shape != target.shape:
            raise ValueError(f"target must have the shape of the scores {scores.shape}, got {target.shape}")
        omega = self.negentropy(target)
        if np.isfinite(self.total):  # a shift changes nothing, and without one large scores would cancel
            scores = scores - scores.max(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            products = np.where(target == 0, 0.0, scores * target)
        return np.maximum(omega + self.conjugate(scores, threads=threads) - products.sum(axis=-1), 0.0)

    def jvp(
        self,
        scores: np.ndarray,
        tangent: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """Change (..., pattern) of the weights when the scores change in the direction `tangent`.

        Parameters
        ----------
        scores, tangent : array (..., pattern)
        weights : array (..., pattern), optional
            The weights of the scores, if they are known.
        threads : int, optional

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        scores = float_array("scores", scores)
        tangent = np.ascontiguousarray(tangent, dtype=scores.dtype)
        if tangent.shape != scores.shape:
            raise ValueError(f"tangent must have the shape of the scores {scores.shape}, got {tangent.shape}")
        weights = self.weights(scores, threads=threads) if weights is None else float_array("weights", weights)
        if weights.shape != scores.shape:
            raise ValueError(f"weights must have the shape of the scores {scores.shape}, got {weights.shape}")
        flat = [array.reshape(-1, scores.shape[-1]) for array in (weights, tangent, np.empty_like(scores))]
        loop = compile_loop(jvp_loop, type(self).jvp_row)
        shape = flat[0].shape

        def run(rows: slice) -> None:
            loop(flat[0][rows], self.jvp_parameters(shape, rows), flat[1][rows], flat[2][rows])

        run_on_threads(run, shape, threads)
        return flat[2].reshape(scores.shape)

    def vjp(
        self,
        scores: np.ndarray,
        cotangent: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """Gradient (..., pattern) in the scores of ``<cotangent, weights>``.

        The Jacobian is the second derivative of the conjugate, hence symmetric: this is `jvp`.
        """
        return self.jvp(scores, cotangent, weights=weights, threads=threads)

    def check_simplex(self, weights: np.ndarray) -> np.ndarray:
        """Weights as float64; ValueError if they are negative or do not add up to `total`."""
        weights = float_array("weights", weights).astype(float)
        if not np.all(weights >= 0) or not np.all(np.abs(weights.sum(axis=-1) - self.total) <= _SUM_TOLERANCE):
            raise ValueError(f"weights must be >= 0 with a sum of {self.total:g}, got {weights}")
        return weights


def float_array(name: str, values) -> np.ndarray:
    """C-contiguous array (..., pattern) of float32 if it is that (or half precision) already, of float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        If the values are not real numbers, masked, or have no last dimension or nothing in it.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array; -inf masks a score")
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name} must have shape (..., pattern) with at least one pattern, got {array.shape}")
    is_single = array.dtype in (np.float32, np.float16)
    return np.ascontiguousarray(array, dtype=np.float32 if is_single else np.float64)


def run_on_threads(run: Callable[[slice], None], shape: tuple[int, int], threads: int | None) -> None:
    """Call `run` for slices of the rows, on as many threads as pay."""
    if threads is not None:
        check_integer("threads", threads, 1)
    n_rows = shape[0]
    most = max(1, shape[0] * shape[1] // _ROWS_FOR_THREADS)
    n_parts = max(1, min(default_threads() if threads is None else threads, n_rows, most))
    edges = [n_rows * i // n_parts for i in range(n_parts + 1)]
    slices = [slice(start, stop) for start, stop in zip(edges[:-1], edges[1:], strict=True)]
    if n_rows:
        with worker_map(n_parts) as mapping:
            mapping(run, slices)


def check_status(status: np.ndarray, what: str = "scores") -> None:
    """Raise ValueError for the first row without weights."""
    failed = np.flatnonzero(status != DONE)
    if failed.size == 0:
        return
    reasons = {
        NOT_FINITE: "must be finite, or -inf as a mask, got NaN or inf",
        MASKED: "must have a pattern that is not masked, got -inf for all of them",
        INFEASIBLE: "must leave a solution; masks and upper bounds leave none",
    }
    reason = reasons.get(int(status[failed[0]]), "could not be separated: the solver did not converge")
    raise ValueError(f"{what} {reason} in row {failed[0]} ({failed.size} of {status.size} rows)")
