"""Hebbian couplings of binary patterns, as factors of low rank minus a diagonal and never as a matrix.

A sum of outer products of P patterns over N units needs 2 N P operations to apply and N P numbers to store, where the
matrix needs N^2 of both; zeroing the diagonal subtracts one number for each unit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import matmul

__all__ = ["Coupling", "centred", "feedforward_coupling", "largest_magnitude_eigenvalue", "recurrent_coupling"]


@dataclass(frozen=True, eq=False)
class Coupling:
    """Matrix ``factor * (post.T @ pre - diag(diagonal))`` from units `pre` to units `post`, by its factors.

    Parameters
    ----------
    post, pre : ndarray (rank, unit)
    diagonal : ndarray (unit,)
        That of ``post.T @ pre``, so that no unit is coupled to itself or to its counterpart.
    factor : float
    """

    post: np.ndarray = field(repr=False)
    pre: np.ndarray = field(repr=False)
    diagonal: np.ndarray = field(repr=False)
    factor: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Product of the matrix with values (..., unit)."""
        return self.factor * ((values @ self.pre.T) @ self.post - self.diagonal * values)

    def apply_transposed(self, values: np.ndarray) -> np.ndarray:
        """Product of the transposed matrix with values (..., unit)."""
        return self.factor * ((values @ self.post.T) @ self.pre - self.diagonal * values)

    def matrix(self) -> np.ndarray:
        """The matrix (post unit, pre unit) itself, for small networks."""
        return self.factor * (self.post.T @ self.pre - np.diag(self.diagonal))


def centred(patterns: np.ndarray) -> np.ndarray:
    """Patterns of 0 and 1 from signs (pattern, unit), minus the mean over all patterns and units."""
    bits = (patterns + 1.0) / 2.0
    return bits - bits.mean()


def recurrent_coupling(patterns: np.ndarray) -> Coupling:
    """Hebbian coupling of a layer: outer products of centred patterns without the diagonal, of spectral norm 1.

    Parameters
    ----------
    patterns : ndarray (pattern, unit)
        Signs.

    Returns
    -------
    Coupling

    Raises
    ------
    ValueError
        If all patterns are equal to their mean, so that there is nothing to normalise.
    """
    factors = centred(patterns)
    return _normalised("patterns", factors, factors)


def feedforward_coupling(
    parents: np.ndarray, children: np.ndarray, parent_of: np.ndarray, *, scale: np.ndarray | None = None
) -> Coupling:
    """Hebbian coupling from a layer of children to that of their parents, of spectral norm 1.

    Every parent is associated with each of its children: the sum over children of outer products of the parent,
    divided by `scale` and minus its mean over all children and units, with the centred child; without the diagonal.

    Parameters
    ----------
    parents, children : ndarray (pattern, unit)
        Signs.
    parent_of : ndarray (child,) of int
    scale : ndarray (parent,), optional
        Not 0; 1 for every parent by default.

    Returns
    -------
    Coupling
        From children (`pre`) to parents (`post`), of the rank of the parents.
    """
    bits = (parents + 1.0) / 2.0
    bits = bits if scale is None else bits / scale[:, None]
    post = bits - bits.mean(axis=1)[parent_of].mean()
    pre = np.zeros(parents.shape)
    np.add.at(pre, parent_of, centred(children))
    return _normalised("parents or children", post, pre)


def _normalised(name: str, post: np.ndarray, pre: np.ndarray) -> Coupling:
    n_units = pre.shape[1]
    diagonal = np.einsum("pi,pi->i", post, pre)
    apply = compile_loop(_apply_factors, matmul)
    buffers = [np.ascontiguousarray(array) for array in (post, post.T, pre, pre.T)]

    def product(first: int, second: int, values: np.ndarray) -> np.ndarray:
        out = np.empty((1, n_units))
        apply(values[None], buffers[first], buffers[second], np.empty((1, len(post))), out)
        return out[0] - diagonal * values

    if post is pre:
        norm = abs(largest_magnitude_eigenvalue(lambda v: product(3, 0, v), n_units))
    else:
        squared = largest_magnitude_eigenvalue(lambda v: product(1, 2, product(3, 0, v)), n_units)
        norm = np.sqrt(abs(squared))
    # relative to the norm without cancellation: what is left of constant patterns is rounding
    if not norm > 1e-12 * np.linalg.norm(post) * np.linalg.norm(pre):
        raise ValueError(f"{name} must differ between units or patterns, got a coupling that vanishes")
    return Coupling(post, pre, diagonal, 1.0 / norm)


def _apply_factors(product):
    """Loop: ``out = (values @ first) @ second``; compiled, so that its bits do not depend on the threads of BLAS."""

    def apply(values, first, second, inner, out):
        product(values, first, inner)
        product(inner, second, out)

    return apply


def largest_magnitude_eigenvalue(
    apply: Callable[[np.ndarray], np.ndarray], n: int, *, rtol: float = 1e-13, max_steps: int = 400
) -> float:
    """Eigenvalue of the largest magnitude of a symmetric operator, by Lanczos iteration with reorthogonalisation.

    Parameters
    ----------
    apply : callable
        Product of the operator with a vector (n,).
    n : int
    rtol : float, > 0
        The iteration ends when three estimates in a row agree this closely.
    max_steps : int

    Returns
    -------
    float

    Raises
    ------
    RuntimeError
        If it has not converged.

    References
    ----------
    Golub & Van Loan (2013), Matrix computations, 4th ed., section 10.1.
    """
    v = np.random.default_rng(0).standard_normal(n)
    basis = np.empty((min(max_steps, n), n))
    diagonal, off_diagonal, estimates = [], [], [np.inf, np.inf]
    for step in range(len(basis)):
        basis[step] = v / np.sqrt(_dot(v, v))
        v = apply(basis[step])
        diagonal.append(_dot(basis[step], v))
        for _ in range(2):  # twice is enough
            v = v - np.einsum("k,kn->n", np.einsum("kn,n->k", basis[: step + 1], v), basis[: step + 1])
        size = float(np.sqrt(_dot(v, v)))
        values = eigvalsh_tridiagonal(np.array(diagonal), np.array(off_diagonal)) if step else np.array(diagonal)
        estimates.append(float(values[np.argmax(np.abs(values))]))
        scale = abs(estimates[-1])
        has_converged = max(abs(estimates[-1] - e) for e in estimates[-3:-1]) <= rtol * scale
        if size <= 1e-14 * scale or has_converged or step == n - 1:
            return estimates[-1]
        off_diagonal.append(size)
    raise RuntimeError(f"no convergence of the largest eigenvalue in {max_steps} steps")


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.einsum("n,n->", a, b))
