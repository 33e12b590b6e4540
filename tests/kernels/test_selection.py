"""The k-th largest against sorting."""

import numpy as np
import pytest

from assocmem.jit import compile_loop
from assocmem.kernels.reductions import padded
from assocmem.kernels.selection import kth_largest


def loop_over_rows():
    def loop(scores, k, work, out):
        for b in range(scores.shape[0]):
            out[b] = kth_largest(scores, b, k, work)

    return loop


def kth(scores, k):
    out, n = np.empty(len(scores)), scores.shape[1]
    compile_loop(loop_over_rows)(scores, k, np.full(padded(n), np.nan), out)
    return out


@pytest.mark.parametrize("n", [1, 7, 63, 256, 257, 1000, 3001])
@pytest.mark.parametrize("kind", ["normal", "ties", "sorted", "rising", "heavy", "masked", "equal"])
def test_kth_largest_is_that_of_the_sorted_row(n, kind):
    rng = np.random.default_rng(n)
    scores = rng.standard_normal((5, n))
    if kind == "ties":
        scores = np.round(scores)
    elif kind == "sorted":
        scores = np.sort(scores, axis=1)[:, ::-1].copy()
    elif kind == "rising":
        scores = np.sort(scores, axis=1)
    elif kind == "heavy":
        scores = np.exp(20 * scores)
    elif kind == "masked":
        scores[rng.random(scores.shape) < 0.6] = -np.inf
    elif kind == "equal":
        scores[:] = 3.0
    ordered = -np.sort(-scores, axis=1)
    for k in sorted({1, 2, n // 20, n // 4, n // 2, n - 1, n} - {0}):
        if k <= n:
            np.testing.assert_array_equal(kth(scores, k), ordered[:, k - 1])


def test_a_sample_that_misleads_costs_time_only():
    scores = np.zeros((1, 640))
    scores[0, ::10] = np.arange(64) + 1.0  # what the sample sees, and nothing else of that size
    ordered = -np.sort(-scores[0])
    for k in (41, 64, 65, 200, 320, 640):
        assert kth(scores, k)[0] == ordered[k - 1]


def test_single_precision_is_the_same():
    scores = np.random.default_rng(0).standard_normal((3, 777)).astype(np.float32)
    np.testing.assert_array_equal(kth(scores, 300), -np.sort(-scores, axis=1)[:, 299])
