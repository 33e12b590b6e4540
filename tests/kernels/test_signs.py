"""Products with int8 patterns against a double loop."""

import numpy as np
import pytest

from assocmem.jit import compile_loop
from assocmem.kernels.signs import sign_matmul


def runner(product):
    def run(x, x_start, signs, out, out_start):
        product(x, x_start, signs, out, out_start)

    return run


def compiled(*arguments):
    compile_loop(runner, sign_matmul)(*arguments)


def naive(x, signs):
    """One chain of sums in the order of the inner index; exact for integers."""
    out = np.zeros((x.shape[0], signs.shape[1]))
    for b in range(x.shape[0]):
        for j in range(signs.shape[1]):
            for i in range(signs.shape[0]):
                out[b, j] += x[b, i] * signs[i, j]
    return out


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("n_inner, n_columns", [(7, 1), (5, 3), (11, 8), (6, 13), (9, 48), (4, 70), (1, 16)])
def test_products_of_integers_are_exact_at_any_offset(rng, n_rows, n_inner, n_columns):
    x = rng.integers(-50, 50, (n_rows, n_inner + 5)).astype(float)
    signs = rng.choice(np.array([-1, 1], np.int8), (n_inner, n_columns))
    out = np.full((n_rows, n_columns + 4), 7.0)
    compiled(x, 2, signs, out, 3)
    np.testing.assert_array_equal(out[:, 3 : 3 + n_columns], naive(x[:, 2 : 2 + n_inner], signs))
    np.testing.assert_array_equal(out[:, :3], 7.0)
    np.testing.assert_array_equal(out[:, 3 + n_columns :], 7.0)


@pytest.mark.parametrize("n_columns", [3, 30, 120])
def test_a_row_has_the_same_bits_in_every_batch(rng, n_columns):
    x = rng.standard_normal((9, 200))
    signs = rng.choice(np.array([-1, 1], np.int8), (200, n_columns))
    together = np.empty((9, n_columns))
    compiled(x, 0, signs, together, 0)
    for part in (slice(0, 1), slice(1, 3), slice(3, 6), slice(2, 9)):
        alone = np.empty_like(together[part])
        compiled(x[part].copy(), 0, signs, alone, 0)
        np.testing.assert_array_equal(alone, together[part])
    # a sum of 200 terms of size one in another order
    np.testing.assert_allclose(together, x @ signs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("x_start, out_start", [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_offsets_beyond_an_array_give_nan(x_start, out_start):
    out = np.zeros((2, 8))
    compiled(np.ones((2, 4)), x_start, np.ones((4, 8), np.int8), out, out_start)
    assert np.all(np.isnan(out))
