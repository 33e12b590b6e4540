"""Hebbian couplings by their factors, against dense matrices."""

import numpy as np
import pytest

from assocmem.learning.hebbian import (
    centred,
    feedforward_coupling,
    largest_magnitude_eigenvalue,
    recurrent_coupling,
)
from tests import naive_push_pull as naive

FAN_OUT = (4, 3, 2)


@pytest.fixture
def levels(rng):
    return naive.hierarchical_patterns(rng, 60, FAN_OUT, (0.3, 0.2), parents="majority")


def test_recurrent_coupling_is_the_dense_matrix(levels, rng):
    coupling, dense = recurrent_coupling(levels[0]), naive.recurrent_matrix(naive.binary(levels[0]))
    values = rng.standard_normal((5, 60))
    # sums of some hundred terms of size one in another order
    np.testing.assert_allclose(coupling.matrix(), dense, rtol=0, atol=1e-13)
    np.testing.assert_allclose(coupling.apply(values), values @ dense.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("is_scaled", [False, True])
def test_feedforward_coupling_is_the_dense_matrix(levels, rng, is_scaled):
    parents, children = naive.binary(levels[1]), naive.binary(levels[0])
    scale = naive.family_overlap(parents, children) if is_scaled else None
    coupling = feedforward_coupling(levels[1], levels[0], np.arange(24) // 4, scale=scale)
    dense = naive.feedforward_matrix(parents, children, is_scaled=is_scaled)
    values = rng.standard_normal((5, 60))
    np.testing.assert_allclose(coupling.matrix(), dense, rtol=0, atol=1e-13)
    np.testing.assert_allclose(coupling.apply(values), values @ dense.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(coupling.apply_transposed(values), values @ dense, rtol=0, atol=1e-12)


def test_patterns_are_centred_by_one_number(levels):
    np.testing.assert_allclose(centred(levels[0]), naive.binary(levels[0]) - naive.binary(levels[0]).mean())


@pytest.mark.parametrize("n", [1, 2, 7, 80])
def test_largest_eigenvalue_agrees_with_a_dense_solver(rng, n):
    matrix = rng.standard_normal((n, n))
    matrix += matrix.T
    values = np.linalg.eigvalsh(matrix)
    expected = values[np.argmax(np.abs(values))]
    # the error of a Ritz value is the square of that of its vector
    assert largest_magnitude_eigenvalue(lambda v: matrix @ v, n) == pytest.approx(expected, rel=1e-12)


def test_a_negative_eigenvalue_may_be_the_largest():
    assert largest_magnitude_eigenvalue(lambda v: np.array([1.0, -3.0, 2.0]) * v, 3) == pytest.approx(-3.0, rel=1e-13)


def test_too_few_steps_are_reported(rng):
    values = rng.standard_normal(300)
    with pytest.raises(RuntimeError, match="no convergence of the largest eigenvalue in 5 steps"):
        largest_magnitude_eigenvalue(lambda v: values * v, 300, max_steps=5)


def test_patterns_without_structure_are_refused():
    with pytest.raises(ValueError, match="patterns must differ between units or patterns"):
        recurrent_coupling(np.ones((3, 10), np.int8))
