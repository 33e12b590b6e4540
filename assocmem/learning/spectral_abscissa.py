r"""Smoothed spectral abscissa of a real matrix and its gradient.

The spectral abscissa alpha(A) = max Re lambda is not smooth. The smoothed one is the unique s > alpha(A) with

.. math:: f(A, s) = \int_0^\infty \lVert e^{(A - sI)t} \rVert_F^2 \, dt = \operatorname{tr} P = 1/\epsilon

where (A - sI) P + P (A - sI)^T = -I. With Q from the transposed equation, df/ds = -2 tr(QP) and the gradient
of s with respect to A is QP / tr(QP) (Vanbiervliet, Vandereycken, Michiels, Vandewalle & Diehl, 2009, SIAM J.
Optim. 20(1), 156-171).

Two forms solve it. The *eigen* form writes f as a double sum over eigenvalues, so that a step of the root
search costs O(N^2). It loses digits as the eigenvectors become parallel; near defective matrices the *Schur*
form takes over: one real Schur decomposition, then two triangular Sylvester equations, O(N^3), per step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dtrsyl
from threadpoolctl import threadpool_limits

from assocmem.validation import check_finite, real_array

__all__ = ["SmoothedAbscissa", "abscissa_gradient", "smoothed_abscissa", "smoothed_spectral_abscissa"]

_METHODS = ("eigen", "schur")
_MAX_CONDITION = 1e6  # eigen form: relative error about 1e-16 times this squared in the worst case
_MAX_STEPS = 200  # bisection alone halves the bracket to round-off in 60


@dataclass(frozen=True)
class SmoothedAbscissa:
    """Result of `smoothed_spectral_abscissa`.

    Attributes
    ----------
    value : float
        Smoothed spectral abscissa, in the units of the matrix (inverse time); above `abscissa`.
    gradient : ndarray (n, n)
        d value / d matrix[i, j]; its trace is 1.
    abscissa : float
        Largest real part of the eigenvalues.
    method : str
        "eigen" or "schur": the form that gave the numbers.
    """

    value: float
    gradient: np.ndarray
    abscissa: float
    method: str


def smoothed_spectral_abscissa(
    matrix, epsilon: float, *, method: str = "eigen", start: float | None = None
) -> SmoothedAbscissa:
    """Smoothed spectral abscissa of a matrix, with its gradient.

    The BLAS is held to one thread: the bits do not depend on their number.

    Parameters
    ----------
    matrix : ndarray (n, n)
        Real, finite; in inverse time.
    epsilon : float, > 0
        Smoothing, in the units of `matrix`; the value tends to the abscissa as it tends to 0, and is never
        below abscissa + epsilon / 2 or trace / n + n epsilon / 2. Both must be told apart: at least 8 units
        of round-off of the abscissa.
    method : {"eigen", "schur"}
        The eigen form falls back to the Schur form where the condition number of the eigenvectors exceeds
        1e6.
    start : float, optional
        Where the root search begins, for example the value of a nearby matrix. It changes the result by
        round-off only.

    Returns
    -------
    SmoothedAbscissa

    Raises
    ------
    ValueError
        If the matrix is not square and finite, `epsilon` is not positive or below round-off, `start` is not
        finite or `method` is unknown.
    TypeError
        If an argument is no number.

    References
    ----------
    Vanbiervliet et al. (2009), The smoothed spectral abscissa for robust stability optimization.
    """
    matrix = _checked_matrix(matrix)
    _check_options(epsilon, method, start)
    # below round-off f is infinite; the check of the result says so
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        result = smoothed_abscissa(matrix, epsilon, method=method, start=start)
    round_off = 8.0 * np.spacing(abs(result.abscissa))
    if epsilon < round_off or not np.all(np.isfinite(result.gradient)):
        raise ValueError(
            f"epsilon must be at least {round_off:.3g}, round-off of the abscissa {result.abscissa:.6g}, got {epsilon}"
        )
    return result


def smoothed_abscissa(
    matrix: np.ndarray, epsilon: float, *, method: str = "eigen", start: float | None = None
) -> SmoothedAbscissa:
    """`smoothed_spectral_abscissa` without checks and with the BLAS as it is, for calls from workers."""
    form = (method == "eigen" and _eigen_form(matrix)) or _SchurForm(matrix)
    value = _root(form, matrix, epsilon, start)
    return SmoothedAbscissa(value, form.gradient(value), form.abscissa, form.name)


def abscissa_gradient(matrix, shift: Callable[[float], float]) -> SmoothedAbscissa:
    """Gradient of the smoothed spectral abscissa where its value is known instead of its smoothing.

    Parameters
    ----------
    matrix : ndarray (n, n)
        Real, finite.
    shift : callable
        Value of the smoothed abscissa, given the abscissa; above it. The smoothing is 1 / f(matrix, value).

    Returns
    -------
    SmoothedAbscissa

    Raises
    ------
    ValueError
        If the matrix is not square and finite or the shift is not above the abscissa.

    References
    ----------
    Hennequin, Vogels & Gerstner (2014), Neuron 82, 1394-1406, who step along it with the shift
    max(1.5 abscissa, abscissa + 0.2).
    """
    matrix = _checked_matrix(matrix)
    form = _eigen_form(matrix) or _SchurForm(matrix)
    value = float(shift(form.abscissa))
    if not form.abscissa < value < np.inf:
        raise ValueError(f"shift must be finite and above the abscissa {form.abscissa}, got {value}")
    return SmoothedAbscissa(value, form.gradient(value), form.abscissa, form.name)


def _checked_matrix(matrix) -> np.ndarray:
    matrix = real_array("matrix", matrix, is_finite=False)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"matrix must be square (n, n), got shape {matrix.shape}")
    if not np.all(np.isfinite(matrix)):
        raise ValueError(f"matrix must be finite, got {np.count_nonzero(~np.isfinite(matrix))} other values")
    return matrix


def _check_options(epsilon, method, start) -> None:
    check_finite("epsilon", epsilon)
    if not epsilon > 0.0:
        raise ValueError(f"epsilon must be > 0, got {epsilon}")
    if start is not None:
        check_finite("start", start)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}")


def _root(form, matrix: np.ndarray, epsilon: float, start: float | None) -> float:
    """Solve 1/f(s) = epsilon by Newton's method inside a bracket.

    1/f grows from 0 at the abscissa, nearly linearly, but is neither convex nor concave: unguarded Newton
    steps can leave the domain, so a step out of the bracket is replaced by its midpoint.
    """
    n = len(matrix)
    mean = np.trace(matrix) / n
    # no matrix has its root below these two; n - 1 instead of n leaves room for round-off
    low, high = max(form.abscissa, mean + 0.5 * (n - 1) * epsilon), np.inf
    is_useful = start is not None and start > low
    s = float(start) if is_useful else max(form.abscissa, mean) + 0.5 * n * epsilon
    for _ in range(_MAX_STEPS):
        f, slope = form.integral(s)
        excess = 1.0 / f - epsilon
        low, high = (low, s) if excess > 0.0 else (s, high)
        step = -excess * f * f / slope
        if abs(step) <= 1e-9 * (s - form.abscissa):
            return s + step  # convergence is quadratic: the next step would be below round-off
        limit = min(high, s + 8.0 * (s - form.abscissa))
        if low < s + step < limit:
            s += step
        elif limit < high:
            s = limit
        else:
            s = 0.5 * (low + high)
        if high - low <= 4.0 * np.spacing(abs(high)):
            return s
    return s


def _eigen_form(matrix: np.ndarray) -> "_EigenForm | None":
    """Eigen form of a matrix, or None where its eigenvectors are too close to parallel."""
    values, vectors = np.linalg.eig(matrix)
    is_real, is_upper = values.imag == 0.0, values.imag > 0.0
    pairs = vectors[:, is_upper]
    basis = np.concatenate([vectors[:, is_real].real, pairs.real, pairs.imag], axis=1)
    try:
        inverse = np.linalg.inv(basis)
    except np.linalg.LinAlgError:
        return None
    with np.errstate(over="ignore"):  # of a nearly singular basis: infinite is above the limit, too
        condition = np.linalg.norm(basis) * np.linalg.norm(inverse)
    if not condition <= _MAX_CONDITION:
        return None
    return _EigenForm(values[is_real].real, values[is_upper], basis, inverse)


class _EigenForm:
    """f(s) = sum_ij C_ij / (2s - l_i - conj(l_j)), in real arithmetic.

    With A = V L V^-1, K = V^H V and H = V^-1 V^-H the coefficients are C = K^T o H. Eigenvalues are real or
    come in conjugate pairs, and the rows of a pair are conjugate to each other: one row of each pair is kept,
    and counted twice. In the `basis` X the real and imaginary parts of an eigenvector stand for a pair, so
    that all O(N^3) work is real.
    """

    name = "eigen"

    def __init__(self, real_values, pair_values, basis: np.ndarray, inverse: np.ndarray):
        rows = np.concatenate([real_values, pair_values])
        columns = np.concatenate([rows, pair_values.conj()])
        self.abscissa = float(rows.real.max())
        self.n_real = len(real_values)
        self.basis, self.inverse = basis, inverse
        self.shifts = np.add.outer(rows.real, columns.real)
        self.beats = np.subtract.outer(rows.imag, columns.imag)
        self.gram = _to_pairs(basis.T @ basis, self.n_real, 1.0)
        self.inverse_gram = _to_pairs(inverse @ inverse.T, self.n_real, 0.5)
        coefficients = self.gram.conj() * self.inverse_gram
        coefficients[self.n_real :] *= 2.0
        self.in_phase = coefficients.real.copy()
        self.beating = coefficients.imag * self.beats
        self.beats_squared = self.beats**2

    def integral(self, s: float) -> tuple[float, float]:
        """f(s) and -df/ds: sums of Re(C / d) and 2 Re(C / d^2) with d = x - i beat."""
        x = 2.0 * s - self.shifts
        weight = 1.0 / (x * x + self.beats_squared)
        terms = (self.in_phase * x - self.beating) * weight
        slope_terms = 2.0 * x * terms - self.in_phase
        return terms.sum(), 2.0 * np.vdot(slope_terms, weight)

    def gradient(self, s: float) -> np.ndarray:
        """QP / tr(QP), with P = X E X^T and Q = X^-T F X^-1."""
        x = 2.0 * s - self.shifts
        inverse_sum = (x + 1j * self.beats) / (x * x + self.beats_squared)
        e = _from_pairs(self.inverse_gram * inverse_sum, self.n_real, 1.0)
        f = _from_pairs(self.gram * inverse_sum.conj(), self.n_real, 0.5)
        product = self.inverse.T @ (f @ e) @ self.basis.T
        return product / np.trace(product)


def _to_pairs(gram: np.ndarray, n_real: int, scale: float) -> np.ndarray:
    """Rows kept of a Hermitian matrix over the eigenvectors, from the real one over [real | Re | Im] parts.

    Rows are [real, upper], columns [real, upper, lower] members of pairs; `scale` goes with each pair index.
    """
    n, n_pairs = len(gram), (len(gram) - n_real) // 2
    re, im = slice(n_real, n_real + n_pairs), slice(n_real + n_pairs, n)
    rows = np.empty((n_real + n_pairs, n), dtype=complex)
    mixed = scale * (gram[:n_real, re] + 1j * gram[:n_real, im])
    rows[:n_real, :n_real] = gram[:n_real, :n_real]
    rows[:n_real, re], rows[:n_real, im] = mixed, mixed.conj()
    rows[n_real:, :n_real] = mixed.conj().T
    cross = gram[re, im]
    rows[n_real:, re] = scale**2 * (gram[re, re] + gram[im, im] + 1j * (cross - cross.T))
    rows[n_real:, im] = scale**2 * (gram[re, re] - gram[im, im] - 1j * (cross + cross.T))
    return rows


def _from_pairs(rows: np.ndarray, n_real: int, scale: float) -> np.ndarray:
    """Real symmetric matrix over [real | Re | Im] parts from rows of a Hermitian one over eigenvectors."""
    n_pairs = len(rows) - n_real
    n = n_real + 2 * n_pairs
    re, im = slice(n_real, n_real + n_pairs), slice(n_real + n_pairs, n)
    same, opposite = rows[n_real:, re], rows[n_real:, im]
    matrix = np.empty((n, n))
    matrix[:n_real, :n_real] = rows[:n_real, :n_real].real
    matrix[re, :n_real] = 2.0 * scale * rows[n_real:, :n_real].real
    matrix[im, :n_real] = -2.0 * scale * rows[n_real:, :n_real].imag
    matrix[:n_real, n_real:] = matrix[n_real:, :n_real].T
    matrix[re, re] = 2.0 * scale**2 * (same.real + opposite.real)
    matrix[im, im] = 2.0 * scale**2 * (same.real - opposite.real)
    matrix[re, im] = 2.0 * scale**2 * (same.imag - opposite.imag)
    matrix[im, re] = matrix[re, im].T
    return matrix


class _SchurForm:
    """f(s) = tr P from one real Schur decomposition A = Z T Z^T that serves both Lyapunov equations."""

    name = "schur"

    def __init__(self, matrix: np.ndarray):
        self.triangle, self.rotation = scipy.linalg.schur(matrix, output="real")
        # LAPACK standardises 2 x 2 blocks: equal diagonal entries, the real part of the pair
        self.abscissa = float(np.diagonal(self.triangle).max())

    def integral(self, s: float) -> tuple[float, float]:
        """f(s) and -df/ds = 2 tr(QP)."""
        p, q = self._solutions(s)
        return np.trace(p), 2.0 * np.vdot(q, p)

    def gradient(self, s: float) -> np.ndarray:
        """QP / tr(QP)."""
        p, q = self._solutions(s)
        return self.rotation @ (q @ p / np.vdot(q, p)) @ self.rotation.T

    def _solutions(self, s: float) -> tuple[np.ndarray, np.ndarray]:
        """P and Q in the Schur basis."""
        identity = np.eye(len(self.triangle))
        shifted = self.triangle - s * identity
        p, p_scale, _ = dtrsyl(shifted, shifted, -identity, trana="N", tranb="T")
        q, q_scale, _ = dtrsyl(shifted, shifted, -identity, trana="T", tranb="N")
        return p / p_scale, q / q_scale
