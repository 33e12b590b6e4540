"""Feature maps: their kernels against closed forms, unbiased estimates, gradients against differences."""

import math

import numpy as np
import pytest

from assocmem.features import (
    EluFeatures,
    PositiveRandomFeatures,
    ReluFeatures,
    TruncatedExponentialFeatures,
    gaussian_directions,
    row_product,
)
from tests.naive_nonparametric import elu_kernel

MAPS = [
    EluFeatures(),
    PositiveRandomFeatures(7, seed=0),
    PositiveRandomFeatures(7, seed=0, is_orthogonal=False),
    ReluFeatures(9, seed=1),
    TruncatedExponentialFeatures(4),
]
X, Y = np.random.default_rng(3).standard_normal((2, 5, 3))


def estimates(x, y, n_draws, *, is_orthogonal):
    """Kernel estimates of d features each (draw,), from one long row of directions."""
    d = x.size
    directions = gaussian_directions(n_draws * d, d, 5, is_orthogonal).reshape(n_draws, d, d)
    logs = directions @ (x + y) - 0.5 * (x @ x + y @ y)
    return np.exp(logs).mean(axis=1)


# kernels


def test_elu_features_are_one_more_than_elu():
    products = EluFeatures()(X) @ EluFeatures()(Y).T
    np.testing.assert_allclose(products, [[elu_kernel(x, y) for y in Y] for x in X], rtol=1e-14)


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_truncated_features_give_the_taylor_polynomial(order):
    features = TruncatedExponentialFeatures(order)
    assert features(X).shape == (5, math.comb(3 + order, order))
    expected = sum((X @ Y.T) ** n / math.factorial(n) for n in range(order + 1))
    np.testing.assert_allclose(features(X) @ features(Y).T, expected, rtol=1e-12, atol=1e-13)


def test_truncated_features_converge_to_the_exponential():
    x, y, error = 0.5 * X, 0.5 * Y, {}
    for n in (4, 8, 12, 16):
        features = TruncatedExponentialFeatures(n)
        error[n] = np.abs(features(x) @ features(y).T - np.exp(x @ y.T)).max()
        size = np.abs(x @ y.T).max()
        assert error[n] <= math.exp(size) * size ** (n + 1) / math.factorial(n + 1) + 1e-13  # Lagrange's remainder
    assert error[16] < 1e-6 * error[4]


def test_positive_features_are_those_of_the_equation():
    features = PositiveRandomFeatures(7, seed=0)
    directions = features.projections(3)
    expected = [[math.exp(w @ x - x @ x / 2) / math.sqrt(7) for w in directions] for x in X]
    np.testing.assert_allclose(features(X), expected, rtol=1e-13)


@pytest.mark.parametrize("is_orthogonal", [False, True])
def test_positive_features_are_unbiased(is_orthogonal):
    x, y = 0.5 * X[0], 0.5 * Y[0]
    found = estimates(x, y, 20_000, is_orthogonal=is_orthogonal)
    error = found.std() / math.sqrt(found.size)
    assert abs(found.mean() - math.exp(x @ y)) < 4 * error
    assert error < 0.01 * math.exp(x @ y)


def test_the_variance_of_independent_features_is_known():
    x, y = np.array([0.3, -0.2, 0.4]), np.array([0.1, 0.5, -0.1])
    found = estimates(x, y, 40_000, is_orthogonal=False)
    expected = math.exp(2 * x @ y) * (math.exp((x + y) @ (x + y)) - 1) / 3
    assert found.var() == pytest.approx(expected, rel=0.06)  # the kurtosis of the estimates is about 10


def test_orthogonal_features_vary_less():
    x, y = np.full(8, 0.25), np.full(8, 0.25)
    iid, orthogonal = (estimates(x, y, 20_000, is_orthogonal=o).var() for o in (False, True))
    assert 0.7 < orthogonal / iid < 0.97  # 0.84 to 0.88 in the literature's range of norms


def test_without_fixed_signs_orthogonal_directions_would_be_biased():
    # what a QR factorisation gives depends on the signs of its triangle: the first entry of a row is never positive
    rng, d = np.random.default_rng(0), 8
    raw, fixed = [], []
    for _ in range(3000):
        q, r = np.linalg.qr(rng.standard_normal((d, d)))
        lengths = np.linalg.norm(rng.standard_normal((d, d)), axis=1)[:, None]
        raw.append(lengths * q.T)
        fixed.append(lengths * (q * np.sign(np.diagonal(r))).T)
    x = np.zeros(d)
    x[0] = 1.0
    for directions, is_biased in ((raw, True), (fixed, False)):
        found = np.exp(np.array(directions) @ x - 0.5).mean(axis=1)
        distance = abs(found.mean() - 1.0) / (found.std() / math.sqrt(found.size))
        assert (distance > 10) == is_biased and (distance < 4) != is_biased
    ours = gaussian_directions(3000 * d, d, 1, True)
    assert abs(ours[:, 0].mean()) < 4 / math.sqrt(ours.shape[0])


def test_orthogonal_directions_are_so_in_groups_and_of_gaussian_length():
    directions = gaussian_directions(4000, 20, 0, True)
    for start in (0, 20, 3980):
        block = directions[start : start + 20]
        products = block @ block.T
        np.testing.assert_allclose(products - np.diag(np.diagonal(products)), 0, atol=1e-12)
    square = np.square(directions).sum(axis=1)
    assert square.mean() == pytest.approx(20, abs=4 * math.sqrt(40 / 4000))
    assert square.var() == pytest.approx(40, rel=0.15)
    assert gaussian_directions(7, 20, 0, True).shape == (7, 20)


def test_relu_features_estimate_the_arc_cosine_kernel():
    features = ReluFeatures(60_000, seed=0, is_orthogonal=False, offset=0.0)
    x, y = X[0], Y[1]
    sizes = np.linalg.norm(x) * np.linalg.norm(y)
    t = math.acos(x @ y / sizes)
    expected = sizes * (math.sin(t) + (math.pi - t) * math.cos(t)) / (2 * math.pi)
    products = features(x) * features(y) * 60_000
    assert abs(products.mean() - expected) < 4 * products.std() / math.sqrt(60_000)


def test_relu_features_are_those_of_the_equation():
    features = ReluFeatures(9, seed=1, offset=0.25)
    expected = (np.maximum(X @ features.projections(3).T, 0) + 0.25) / 3
    np.testing.assert_allclose(features(X), expected, rtol=1e-13)


# factors, types, gradients


@pytest.mark.parametrize("features", MAPS, ids=str)
def test_factors_of_cues_and_keys_cancel_in_weights(features):
    plain = features(X) @ features(Y).T
    scaled = features.of_cues(X) @ features.of_keys(Y).T
    normalise = [p / p.sum(axis=1, keepdims=True) for p in (plain, scaled)]
    np.testing.assert_allclose(normalise[1], normalise[0], rtol=1e-12)


def test_factors_keep_exponentials_in_range():
    features, large = PositiveRandomFeatures(50, seed=0), 60 * X
    with np.errstate(over="ignore"):
        assert not np.all(features(large).max(axis=1) > 0)
    np.testing.assert_array_equal(features.of_cues(large).max(axis=1), 1.0)
    assert features.of_keys(large).max() == 1.0


def test_keys_have_a_factor_for_each_block_and_cues_for_each_row():
    features, blocks = PositiveRandomFeatures(6, seed=0), np.stack([X, 3 * Y])
    for block, found in zip(blocks, features.of_keys(blocks), strict=True):
        np.testing.assert_array_equal(found, features.of_keys(block))
    np.testing.assert_array_equal(features.of_cues(blocks)[1, 2], features.of_cues(3 * Y[2]))


@pytest.mark.parametrize("how", ["plain", "of_cues", "of_keys"])
@pytest.mark.parametrize("features", MAPS, ids=str)
def test_gradients_are_differences(features, how):
    found = features(X) if how == "plain" else getattr(features, how)(X)
    factor = found / features(X)
    cotangent, h = np.random.default_rng(0).standard_normal(found.shape), 1e-5
    steps = h * np.eye(3)
    slopes = [((features(X + e) - features(X - e)) * factor * cotangent).sum(axis=1) / (2 * h) for e in steps]
    gradient = features.vjp(X, cotangent, features=None if how == "plain" else found)
    np.testing.assert_allclose(gradient, np.transpose(slopes), rtol=1e-6, atol=1e-7)  # of the differences


@pytest.mark.parametrize("features", MAPS, ids=str)
def test_single_precision_stays_and_agrees(features):
    found = features(X.astype(np.float32))
    assert found.dtype == np.float32
    assert features.vjp(X.astype(np.float32), found).dtype == np.float32
    np.testing.assert_allclose(found, features(X), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("features", MAPS, ids=str)
def test_a_row_has_the_same_features_in_any_block(features):
    many = np.random.default_rng(1).standard_normal((70, 3))
    whole = features(many)
    for rows in (slice(0, 1), slice(5, 8), slice(3, 60)):
        np.testing.assert_array_equal(features(many[rows]), whole[rows])
        np.testing.assert_array_equal(features.of_cues(many[rows]), features.of_cues(many)[rows])


def test_products_of_rows_are_products():
    np.testing.assert_allclose(row_product(X, Y.T), X @ Y.T, rtol=1e-13, atol=1e-15)


# bad input


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PositiveRandomFeatures(0, seed=0), ValueError, "n_features must be an integer >= 1, got 0"),
        (lambda: PositiveRandomFeatures(2.0, seed=0), TypeError, "n_features must be an integer >= 1, got 2.0"),
        (lambda: PositiveRandomFeatures(2, seed=-1), ValueError, "seed must be >= 0, got -1"),
        (lambda: ReluFeatures(2, seed=0, offset=-1.0), ValueError, "offset must be >= 0, got -1.0"),
        (lambda: ReluFeatures(2, seed=0, is_orthogonal=0), TypeError, "is_orthogonal must be True or False, got 0"),
        (lambda: TruncatedExponentialFeatures(-1), ValueError, "order must be an integer >= 0, got -1"),
        (lambda: TruncatedExponentialFeatures(8)(np.zeros((1, 60))), ValueError, "order must give at most 1048576"),
        (lambda: EluFeatures()(np.array([np.nan])), ValueError, "x must be finite, got 1 other values"),
        (lambda: EluFeatures()("x"), TypeError, "x must be real numbers"),
        (lambda: EluFeatures().vjp(X, X[:2]), ValueError, r"cotangent must have shape \(5, 3\), got \(2, 3\)"),
        (lambda: EluFeatures().vjp(X, X, features=X[:1]), ValueError, r"features must have shape \(5, 3\)"),
    ],
)
def test_bad_features_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
