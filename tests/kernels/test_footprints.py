"""Scores of sorted similarities: best subsets by brute force, batch independence, bad shapes."""

from itertools import combinations

import numpy as np
import pytest

from assocmem.jit import compile_loop
from assocmem.kernels.footprints import (
    fill_differences,
    fill_distances,
    fill_patterns,
    fill_products,
    keep_columns,
    lanes_of,
    listed_values_loop,
    pack,
    scores_loop,
    values_loop,
    working_arrays,
)
from assocmem.kernels.sorting import sort_columns

VALUES = {
    fill_differences: lambda x, xi: -((x - xi) ** 2),
    fill_distances: lambda x, xi: -abs(x - xi),
    fill_products: lambda x, xi: x * xi,
    fill_patterns: lambda x, xi: xi + 0 * x,
}


def scores(fill, order, cues, patterns, weights):
    out = np.zeros((len(cues), len(patterns)), cues.dtype)
    loop = compile_loop(scores_loop, fill, order)
    loop(cues, pack(patterns), weights, *working_arrays(cues.shape[1], cues.dtype), out)
    return out


def ordered(values, order):
    return -np.sort(-values, axis=-1) if order is sort_columns else values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [sort_columns, keep_columns])
@pytest.mark.parametrize("fill", list(VALUES), ids=lambda f: f.__name__)
@pytest.mark.parametrize("n_units", [1, 5, 16, 63])
def test_scores_match_numpy(fill, order, dtype, n_units, rng):
    cues, patterns, weights = (rng.standard_normal(s).astype(dtype) for s in ((3, n_units), (21, n_units), (n_units,)))
    values = ordered(VALUES[fill](cues[:, None].astype(float), patterns.astype(float)), order)
    # rounding of the values and of a sum of n terms; 4 for their differences
    atol = 4 * np.finfo(dtype).eps * (np.abs(values) * np.abs(weights)).sum(axis=-1).max() * (2 + n_units / 4)
    np.testing.assert_allclose(scores(fill, order, cues, patterns, weights), values @ weights, rtol=0, atol=atol)


@pytest.mark.parametrize("fill", [fill_differences, fill_products], ids=lambda f: f.__name__)
@pytest.mark.parametrize("m", [1, 3, 6, 7])
def test_first_ranks_are_the_best_subset(fill, m, rng):
    cues, patterns = rng.standard_normal((4, 7)), rng.standard_normal((5, 7))
    found = scores(fill, sort_columns, cues, patterns, (np.arange(7) < m).astype(float))
    values = VALUES[fill](cues[:, None], patterns)
    best = np.max([values[..., list(subset)].sum(axis=-1) for subset in combinations(range(7), m)], axis=0)
    np.testing.assert_allclose(found, best, rtol=0, atol=1e-13)  # sums of 7 numbers of order 1, in another order


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_score_has_the_same_bits_alone(dtype, rng):
    cues, patterns, weights = (rng.standard_normal(s).astype(dtype) for s in ((5, 50), (40, 50), (50,)))
    whole = scores(fill_differences, sort_columns, cues, patterns, weights)
    for b, k in ((0, 0), (3, 17), (4, 39)):
        alone = scores(fill_differences, sort_columns, cues[b : b + 1], patterns[k : k + 1], weights)
        assert alone[0, 0] == whole[b, k]


def test_scores_are_added(rng):
    cues, patterns, weights = rng.standard_normal((2, 9)), rng.standard_normal((3, 9)), rng.standard_normal(9)
    out = np.full((2, 3), 100.0)
    loop = compile_loop(scores_loop, fill_products, sort_columns)
    loop(cues, pack(patterns), weights, *working_arrays(9, float), out)
    once = scores(fill_products, sort_columns, cues, patterns, weights)
    np.testing.assert_allclose(out, 100.0 + once, rtol=1e-14)  # one rounding


def test_padding_of_the_last_group_is_not_touched(rng):
    cues, patterns = rng.standard_normal((1, 4)), rng.standard_normal((lanes_of(float) + 1, 4))
    out = np.zeros((1, len(patterns) + 3))
    loop = compile_loop(scores_loop, fill_differences, sort_columns)
    loop(cues, pack(patterns), np.ones(4), *working_arrays(4, float), out[:, : len(patterns)])
    np.testing.assert_array_equal(out[:, len(patterns) :], 0.0)


def test_shapes_that_do_not_fit_give_nan(rng):
    cues, patterns = rng.standard_normal((2, 9)), rng.standard_normal((3, 9))
    loop = compile_loop(scores_loop, fill_products, sort_columns)
    out = np.zeros((2, 3))
    loop(cues, pack(patterns), np.ones(8), *working_arrays(9, float), out)
    assert np.all(np.isnan(out))
    out = np.zeros((2, 500))
    loop(cues, pack(patterns), np.ones(9), *working_arrays(9, float), out)
    assert np.all(np.isnan(out))
    out = np.zeros((3, 3))
    loop(cues, pack(patterns), np.ones(9), *working_arrays(9, float), out)
    assert np.all(np.isnan(out))


@pytest.mark.parametrize("order", [sort_columns, keep_columns])
@pytest.mark.parametrize("fill", list(VALUES), ids=lambda f: f.__name__)
def test_values_of_all_and_of_listed_patterns(fill, order, rng):
    cues, patterns = (rng.standard_normal(s).astype(np.float32) for s in ((3, 20), (30, 20)))
    expected = ordered(VALUES[fill](cues[:, None], patterns), order).transpose(0, 2, 1)
    block, _ = working_arrays(20, np.float32)
    packed = pack(patterns)
    out = np.empty((3, 20, packed.size // 20), np.float32)
    compile_loop(values_loop, fill, order)(cues, packed, block, out)
    np.testing.assert_array_equal(out[..., :30], expected)
    numbers = np.array([[4, 1, 29], [0, 0, 2], [7, 8, 9]])
    listed = np.empty((3, 20, lanes_of(np.float32)), np.float32)
    gathered = np.empty((20, block.shape[1]), np.float32)
    compile_loop(listed_values_loop, fill, order)(cues, patterns, numbers, gathered, block, listed)
    for b, row in enumerate(numbers):
        np.testing.assert_array_equal(listed[b, :, :3], expected[b][:, row])
