"""Similarities without parameters."""

from dataclasses import dataclass

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.footprints import fill_distances, keep_columns, pack, scores_loop, working_arrays
from assocmem.kernels.matmul import weights_from
from assocmem.similarities.base import Similarity, over_rows, product

__all__ = ["CenteredDistance", "Cosine", "DotProduct", "ManhattanDistance", "Pearson", "SquaredDistance"]


def _unit_vectors(rows):
    """Rows of norm 1, the norms (row, 1) they had, and zeros where there was none."""
    norms = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), norms


def _centered(rows):
    return rows - rows.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class DotProduct(Similarity):
    """``<x, xi>``, of modern Hopfield networks (Ramsauer et al., 2021)."""

    def prepared(self, patterns):
        return weights_from(patterns), len(patterns)

    def scores_from(self, cues, prepared, *, threads=None):
        return product(cues, *prepared, threads)

    def vjp(self, cues, patterns, cotangent):
        cues, patterns, cotangent = self._differentiated(cues, patterns, cotangent)
        return cotangent @ patterns, cotangent.T @ cues


@dataclass(frozen=True)
class Cosine(Similarity):
    """``<x, xi> / (|x| |xi|)``; 0 where there is no norm."""

    def _vectors(self, rows):
        return _unit_vectors(rows)

    def _in_units(self, gradients):
        return gradients

    def prepared(self, patterns):
        return weights_from(self._vectors(patterns)[0]), len(patterns)

    def scores_from(self, cues, prepared, *, threads=None):
        return product(np.ascontiguousarray(self._vectors(cues)[0]), *prepared, threads)

    def vjp(self, cues, patterns, cotangent):
        cues, patterns, cotangent = self._differentiated(cues, patterns, cotangent)
        (u, u_norms), (v, v_norms) = self._vectors(cues), self._vectors(patterns)
        pulls = (cotangent @ v, u, u_norms), (cotangent.T @ u, v, v_norms)
        found = []
        for pull, unit, norms in pulls:
            across = pull - (pull * unit).sum(axis=1, keepdims=True) * unit
            found.append(self._in_units(np.divide(across, norms, out=np.zeros_like(across), where=norms > 0)))
        return tuple(found)


@dataclass(frozen=True)
class Pearson(Cosine):
    """Correlation over units, the cosine of what is centred; 0 where there is no variance.

    This is what a dot product becomes behind layer normalisation, as in the layers of Ramsauer et al. (2021).
    """

    def _vectors(self, rows):
        return _unit_vectors(_centered(rows))

    def _in_units(self, gradients):
        return _centered(gradients)


@dataclass(frozen=True)
class SquaredDistance(Similarity):
    """``-|x - xi|^2``."""

    def _rows(self, rows):
        return rows

    def prepared(self, patterns):
        rows = self._rows(patterns)
        return weights_from(rows), np.square(rows).sum(axis=1)

    def scores_from(self, cues, prepared, *, threads=None):
        rows, (packed, squares) = np.ascontiguousarray(self._rows(cues)), prepared
        scores = product(2 * rows, packed, len(squares), threads)
        scores -= squares
        scores -= np.square(rows).sum(axis=1, keepdims=True)
        return scores

    def vjp(self, cues, patterns, cotangent):
        cues, patterns, cotangent = self._differentiated(cues, patterns, cotangent)
        x, xi = self._rows(cues), self._rows(patterns)
        by_cue = 2 * (cotangent @ xi - cotangent.sum(axis=1)[:, None] * x)
        by_pattern = 2 * (cotangent.T @ x - cotangent.sum(axis=0)[:, None] * xi)
        return self._rows(by_cue), self._rows(by_pattern)  # centring is symmetric: it is its own transpose


@dataclass(frozen=True)
class CenteredDistance(SquaredDistance):
    """``-|x - mean(x) - xi + mean(xi)|^2``, best for an unknown bias that all units of a cue share."""

    def _rows(self, rows):
        return _centered(rows)


@dataclass(frozen=True)
class ManhattanDistance(Similarity):
    """``-sum |x_i - xi_i|``."""

    def prepared(self, patterns):
        return pack(patterns), len(patterns)

    def scores_from(self, cues, prepared, *, threads=None):
        (packed, n_patterns), (n_cues, n_units) = prepared, cues.shape
        scores, ones = np.zeros((n_cues, n_patterns), cues.dtype), np.ones(n_units, cues.dtype)
        loop = compile_loop(scores_loop, fill_distances, keep_columns)

        def run(rows):
            loop(cues[rows], packed, ones, *working_arrays(n_units, cues.dtype), scores[rows])

        over_rows(run, n_cues, threads)
        return scores

    def vjp(self, cues, patterns, cotangent):
        cues, patterns, cotangent = self._differentiated(cues, patterns, cotangent)
        by_cue, by_pattern = np.empty_like(cues), np.zeros_like(patterns)
        for i, (cue, weights) in enumerate(zip(cues, cotangent, strict=True)):
            pulls = weights[:, None] * np.sign(patterns - cue)
            by_cue[i] = pulls.sum(axis=0)
            by_pattern -= pulls
        return by_cue, by_pattern
