"""The blocked product: right, and with bits that depend on nothing but the row."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import leaky_matmul, matmul
from tests import naive


def product_loop():
    def loop(x, weights, out):
        matmul(x, weights, out)

    return loop


def product(x, weights):
    out = np.full((len(x), weights.shape[1]), np.nan)
    compile_loop(product_loop)(np.ascontiguousarray(x), np.ascontiguousarray(weights), out)
    return out


@pytest.mark.parametrize("n_columns", [1, 2, 7, 8, 9, 23, 24, 25, 33, 50])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 8, 9, 17])
def test_every_shape_is_one_chain_of_fused_multiply_adds(n_rows, n_columns, rng):
    x, weights = rng.normal(size=(n_rows, 3)), rng.normal(size=(3, n_columns))
    # the oracle rounds each multiply-add once with exact rationals, in the order of the inner index: equal to the bit
    np.testing.assert_array_equal(product(x, weights), naive.matrix_product(x, weights, fused=True))


@pytest.mark.parametrize("shape", [(40, 150, 150), (3, 1000, 511), (64, 1, 65)])
def test_large_products_agree_with_numpy(shape, rng):
    x, weights = rng.normal(size=shape[:2]), rng.normal(size=shape[1:])
    # both are sums of n terms of size 1: rounding errors below n eps
    np.testing.assert_allclose(product(x, weights), x @ weights, rtol=0, atol=shape[1] * 2.0**-52 * 10)


@pytest.mark.parametrize("split", [1, 2, 3, 5, 8, 11, 13])
def test_a_row_has_the_same_bits_in_every_batch(split, rng):
    x, weights = rng.normal(size=(21, 150)), rng.normal(size=(150, 150))
    parts = [product(part, weights) for part in np.array_split(x, split)]
    np.testing.assert_array_equal(np.concatenate(parts), product(x, weights))


@pytest.mark.parametrize("n_columns", [1, 7, 8, 25, 50])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 9])
def test_leaky_product_is_the_product_with_its_leak(n_rows, n_columns, rng):
    x, weights = rng.normal(size=(n_rows, 11)), rng.normal(size=(11, n_columns))
    y, stimulus = rng.normal(size=(2, n_rows, n_columns))
    drive, leak = rng.normal(size=(2, n_columns))
    out = np.full((n_rows, n_columns), np.nan)
    compile_loop(leaky_loop)(x, weights, y, drive, stimulus, leak, out)
    # the same operations in the same order: equal to the bit
    np.testing.assert_array_equal(out, (product(x, weights) + drive + stimulus - y) * leak)


def leaky_loop():
    def loop(x, weights, y, drive, stimulus, leak, out):
        leaky_matmul(x, weights, y, drive, stimulus, leak, out)

    return loop


def test_an_empty_inner_dimension_gives_zeros():
    np.testing.assert_array_equal(product(np.empty((3, 0)), np.empty((0, 20))), np.zeros((3, 20)))


def test_rows_without_number_leave_the_others_alone(rng):
    x, weights = rng.normal(size=(9, 30)), rng.normal(size=(30, 30))
    spoilt = x.copy()
    spoilt[4] = np.nan
    np.testing.assert_array_equal(np.delete(product(spoilt, weights), 4, 0), np.delete(product(x, weights), 4, 0))


def test_other_types_are_refused():
    x = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(TypingError, match="C-contiguous float64"):
        compile_loop(product_loop)(x, np.ones((3, 3)), np.ones((2, 3)))
