"""Sorting networks: permutations in order, whatever the values and the length."""

import numpy as np
import pytest

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import aligned_empty
from assocmem.kernels.sorting import COLUMNS, COLUMNS_SINGLE, RUN, rows_for, sort_columns

LENGTHS = [1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100, 255, 256, 300, 513, 784, 1025, 2049]


def _sorting(sort):
    def loop(block, n):
        sort(block, n)

    return loop


def sort(block, n):
    compile_loop(_sorting, sort_columns)(block, n)


def block_of(values):
    """A block with `values` (row, column) on top."""
    block = aligned_empty((rows_for(len(values)), values.shape[1]), values.dtype)
    block[:] = 7.0
    block[: len(values)] = values
    return block


def columns_of(dtype):
    return COLUMNS_SINGLE if dtype == np.float32 else COLUMNS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", LENGTHS)
def test_columns_are_sorted_in_descending_order(n, dtype, rng):
    values = rng.standard_normal((n, columns_of(dtype))).astype(dtype)
    block = block_of(values)
    sort(block, n)
    np.testing.assert_array_equal(block[:n], -np.sort(-values, axis=0))


@pytest.mark.parametrize("n", [16, 20, 37])
def test_every_threshold_pattern_is_sorted(n, rng):
    # a network that sorts all sequences of 0 and 1 sorts everything: here those with ones at random places
    for count in range(n + 1):
        values = rng.permuted(np.tile((np.arange(n) < count).astype(float)[:, None], (1, COLUMNS)), axis=0)
        block = block_of(values)
        sort(block, n)
        np.testing.assert_array_equal(block[:n], np.repeat((np.arange(n) < count)[:, None], COLUMNS, axis=1))


def test_infinities_and_signed_zeros_are_kept(rng):
    values = rng.choice([np.inf, -np.inf, 0.0, -0.0, 1.0], size=(50, COLUMNS))
    block = block_of(values)
    sort(block, 50)
    np.testing.assert_array_equal(block[:50], -np.sort(-values, axis=0))
    assert np.signbit(block[:50]).sum() == np.signbit(values).sum()


def test_a_column_does_not_depend_on_the_others(rng):
    values = rng.standard_normal((100, COLUMNS))
    whole, other = block_of(values), values.copy()
    other[:, 1:] = 5.0
    alone = block_of(other)
    sort(whole, 100)
    sort(alone, 100)
    np.testing.assert_array_equal(whole[:100, 0], alone[:100, 0])


@pytest.mark.parametrize("shape", [(RUN, COLUMNS + 1), (3 * RUN, COLUMNS), (RUN // 2, COLUMNS)])
def test_blocks_of_other_shapes_become_nan(shape):
    block = np.zeros(shape)
    sort(block, 8)
    assert np.all(np.isnan(block))


def test_a_block_that_is_too_short_becomes_nan():
    block = np.zeros((RUN, COLUMNS))
    sort(block, RUN + 1)
    assert np.all(np.isnan(block))
