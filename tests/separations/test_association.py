"""Association in blocks: equal to the products as they are written, in bounded memory, with bits of a row's own."""

import tracemalloc

import numpy as np
import pytest

from assocmem.separations import ConstrainedSparsemax, Entmax, KSubsets, Linear, Softmax, Sparsemax, associate
from tests.separations.cases import ALL

SEPARATIONS = {name: ALL[name][0] for name in ("softmax", "sparsemax", "entmax 1.5", "normmax 5", "3-subsets", "pairs")}


@pytest.mark.parametrize("n_units", [1, 5, 64])
@pytest.mark.parametrize("name", SEPARATIONS)
def test_mixtures_are_products_of_weights_and_values(name, n_units, rng):
    cues, patterns = rng.standard_normal((33, n_units)), rng.standard_normal((70, n_units))
    values = rng.standard_normal((70, 11))
    weights = SEPARATIONS[name].weights(0.7 * cues @ patterns.T)
    # sums in another order
    found = associate(SEPARATIONS[name], cues, patterns, values, beta=0.7)
    np.testing.assert_allclose(found, weights @ values, rtol=0, atol=1e-12)
    found = associate(SEPARATIONS[name], cues, patterns, beta=0.7)
    np.testing.assert_allclose(found, weights @ patterns, rtol=0, atol=1e-12)


def test_single_precision_agrees_with_double(rng):
    cues, patterns = (rng.standard_normal(shape).astype(np.float32) for shape in ((50, 64), (300, 64)))
    found = associate(Softmax(), cues, patterns, beta=0.1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, associate(Softmax(), cues.astype(float), patterns, beta=0.1), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("separation", [Softmax(), Sparsemax(), Entmax(1.5)], ids=str)
def test_a_cue_has_the_same_bits_in_every_batch(separation, dtype, rng):
    cues, patterns = (rng.standard_normal(shape).astype(dtype) for shape in ((300, 20), (500, 20)))
    whole = associate(separation, cues, patterns, beta=0.5, threads=2)
    np.testing.assert_array_equal(whole, associate(separation, cues, patterns, beta=0.5, threads=1))
    for rows in (slice(0, 1), slice(7, 20), slice(150, 299)):
        np.testing.assert_array_equal(whole[rows], associate(separation, cues[rows], patterns, beta=0.5))


def test_bounds_of_their_own_reach_their_rows(rng):
    cues, patterns = rng.standard_normal((300, 4)), rng.standard_normal((30, 4))
    upper = rng.random((300, 30)) * 0.2
    found = associate(ConstrainedSparsemax(upper), cues, patterns)
    expected = ConstrainedSparsemax(upper).weights(cues @ patterns.T) @ patterns
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("separation", [Softmax(), KSubsets(5), Linear()], ids=str)
def test_memory_does_not_grow_with_cues_times_patterns(separation, rng):
    cues, patterns = rng.standard_normal((6000, 3)), rng.standard_normal((4000, 3))
    associate(separation, cues[:8], patterns, threads=1)  # compiles
    tracemalloc.start()
    associate(separation, cues, patterns, threads=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.06 * 6000 * 4000 * 8  # all scores would take 192 MB


def test_dimensions_in_front_are_kept(rng):
    patterns = rng.standard_normal((6, 3))
    assert associate(Softmax(), rng.standard_normal((2, 5, 3)), patterns, patterns[:, :2]).shape == (2, 5, 2)
    assert associate(Softmax(), np.zeros(3), patterns).shape == (3,)
    assert associate(Softmax(), np.zeros((0, 3)), patterns).shape == (0, 3)
