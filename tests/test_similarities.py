"""Similarities against plain NumPy, their gradients against differences, footprints against best subsets."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr

from assocmem.similarities import (
    FEATURES,
    AdaptiveSimilarity,
    CenteredDistance,
    Cosine,
    DotProduct,
    ManhattanDistance,
    Pearson,
    SquaredDistance,
    footprint,
    footprint_weights,
    rank_weights,
)


def naive_pearson(x, xi):
    return np.corrcoef(x, xi)[0, 1]


def naive_centered(x, xi):
    return -sum(((x[i] - x.mean()) - (xi[i] - xi.mean())) ** 2 for i in range(len(x)))


NAIVE = {
    DotProduct: lambda x, xi: sum(x[i] * xi[i] for i in range(len(x))),
    Cosine: lambda x, xi: x @ xi / np.linalg.norm(x) / np.linalg.norm(xi),
    Pearson: naive_pearson,
    SquaredDistance: lambda x, xi: -sum((x[i] - xi[i]) ** 2 for i in range(len(x))),
    CenteredDistance: naive_centered,
    ManhattanDistance: lambda x, xi: -sum(abs(x[i] - xi[i]) for i in range(len(x))),
}
FIXED = [kind() for kind in NAIVE]


def naive_adaptive(similarity, x, xi):
    """Score of one cue and one pattern, by Python's own sort."""
    dis = [-((a - b) ** 2) for a, b in zip(x, xi, strict=True)]
    dot = [a * b for a, b in zip(x, xi, strict=True)]
    values = {
        "sorted_dis": sorted(dis, reverse=True),
        "sorted_dot": sorted(dot, reverse=True),
        "dis": dis,
        "dot": dot,
        "lin": xi,
    }
    return sum(float(np.dot(getattr(similarity, name), values[name])) for name in similarity.features)


def some_similarity(features, n_units, rng):
    return AdaptiveSimilarity(**{name: rng.standard_normal(n_units) for name in features})


def pairwise(function, cues, patterns):
    return np.array([[function(x, xi) for xi in patterns] for x in cues])


SETS = [(name,) for name in FEATURES] + [("sorted_dis", "sorted_dot"), ("dis", "lin"), FEATURES]


@pytest.mark.parametrize("similarity", FIXED, ids=lambda s: type(s).__name__)
def test_fixed_similarities_match_their_definition(similarity, rng):
    cues, patterns = rng.standard_normal((4, 11)), rng.standard_normal((23, 11))
    expected = pairwise(NAIVE[type(similarity)], cues, patterns)
    np.testing.assert_allclose(similarity.scores(cues, patterns), expected, rtol=0, atol=1e-13)  # sums of 11 terms


@pytest.mark.parametrize("features", SETS, ids="+".join)
def test_adaptive_scores_match_their_definition(features, rng):
    cues, patterns = rng.standard_normal((4, 19)), rng.standard_normal((23, 19))
    similarity = some_similarity(features, 19, rng)
    expected = pairwise(lambda x, xi: naive_adaptive(similarity, x, xi), cues, patterns)
    np.testing.assert_allclose(similarity.scores(cues, patterns), expected, rtol=0, atol=1e-12)  # sums of 95 terms


@pytest.mark.parametrize("features", SETS, ids="+".join)
def test_gradients_match_differences(features, rng):
    cues, patterns, g = rng.standard_normal((3, 6)), rng.standard_normal((5, 6)), rng.standard_normal((3, 5))
    similarity = some_similarity(features, 6, rng)
    found = similarity.gradients(cues, patterns, g)

    def total(cues, patterns, vector):
        return np.sum(g * AdaptiveSimilarity.from_vector(vector, features).scores(cues, patterns))

    arguments = [cues, patterns, similarity.vector]
    gradients = [found.cues, found.patterns, np.concatenate([found.weights[name] for name in similarity.features])]
    for number, gradient in enumerate(gradients):
        np.testing.assert_allclose(gradient, differences(total, arguments, number), rtol=0, atol=1e-7)


def differences(function, arguments, number, step=1e-6):
    """Central differences, with an error of about 1e-16 / step + step^2 times values of order 10."""
    found = np.empty_like(arguments[number])
    for place in np.ndindex(found.shape):
        moved = [[a.copy() for a in arguments] for _ in range(2)]
        moved[0][number][place] += step
        moved[1][number][place] -= step
        found[place] = (function(*moved[0]) - function(*moved[1])) / (2 * step)
    return found


@pytest.mark.parametrize("similarity", FIXED, ids=lambda s: type(s).__name__)
def test_gradients_of_fixed_similarities_match_differences(similarity, rng):
    cues, patterns, g = rng.standard_normal((3, 6)), rng.standard_normal((5, 6)), rng.standard_normal((3, 5))
    found = similarity.vjp(cues, patterns, g)
    for number in range(2):
        expected = differences(lambda x, xi: np.sum(g * similarity.scores(x, xi)), [cues, patterns], number)
        np.testing.assert_allclose(found[number], expected, rtol=0, atol=1e-7)


def test_gradients_are_the_same_in_blocks(rng, monkeypatch):
    cues, patterns, g = rng.standard_normal((7, 6)), rng.standard_normal((5, 6)), rng.standard_normal((7, 5))
    similarity = some_similarity(FEATURES, 6, rng)
    whole = similarity.gradients(cues, patterns, g)
    monkeypatch.setattr("assocmem.similarities.ranks._BLOCK_VALUES", 2 * patterns.size)
    parts = similarity.gradients(cues, patterns, g)
    np.testing.assert_allclose(parts.cues, whole.cues, rtol=1e-14, atol=1e-14)  # rounding of 5 terms
    np.testing.assert_allclose(parts.patterns, whole.patterns, rtol=0, atol=1e-13)
    np.testing.assert_allclose(parts.weights["sorted_dot"], whole.weights["sorted_dot"], rtol=0, atol=1e-13)


@pytest.mark.parametrize("similarity", [*FIXED, "adaptive"], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_have_the_same_bits_alone_and_on_threads(similarity, dtype, rng):
    if similarity == "adaptive":
        similarity = some_similarity(FEATURES, 33, rng)
    cues, patterns = rng.standard_normal((150, 33)).astype(dtype), rng.standard_normal((70, 33)).astype(dtype)
    whole = similarity.scores(cues, patterns, threads=1)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(similarity.scores(cues, patterns, threads=2), whole)
    np.testing.assert_array_equal(similarity.scores(cues[149:], patterns), whole[149:])
    np.testing.assert_array_equal(similarity.scores(cues[3:9], patterns[40:41]), whole[3:9, 40:41])


def test_many_patterns_are_scored_in_tiles(rng):
    similarity = some_similarity(("sorted_dis",), 5, rng)
    cues, patterns = rng.standard_normal((3, 5)), rng.standard_normal((1300, 5))
    parts = [similarity.scores(cues, patterns[start : start + 100]) for start in range(0, 1300, 100)]
    np.testing.assert_array_equal(similarity.scores(cues, patterns), np.hstack(parts))


@pytest.mark.parametrize("kind", ["dis", "dot"])
def test_footprint_is_the_best_sum_over_subsets(kind, rng):
    x, xi = rng.standard_normal(7), rng.standard_normal(7)
    values = -((x - xi) ** 2) if kind == "dis" else x * xi
    best = [max(sum(values[list(s)]) for s in combinations(range(7), m)) for m in range(1, 8)]
    np.testing.assert_allclose(footprint(x, xi, kind=kind), best, rtol=0, atol=1e-14)  # sums of 7 terms


def test_footprint_is_concave_and_ends_at_the_plain_similarity(rng):
    x, xi = rng.standard_normal((4, 30)), rng.standard_normal((4, 30))
    f = footprint(x, xi)
    assert np.all(np.diff(f, axis=-1, n=2) <= 1e-14)
    assert np.all(np.diff(f, axis=-1) <= 0) and np.all(f <= 0)
    np.testing.assert_allclose(f[:, -1], -np.square(x - xi).sum(axis=1), rtol=1e-14)


def test_footprint_weights_and_rank_weights_are_inverse(rng):
    w = rng.standard_normal((2, 9))
    c = rank_weights(w)
    np.testing.assert_allclose(c[0, 3], w[0, 3:].sum(), rtol=1e-14)
    np.testing.assert_allclose(footprint_weights(c), w, rtol=0, atol=1e-14)


def test_footprint_weights_weigh_the_footprint(rng):
    x, xi, w, v = rng.standard_normal((4, 12))
    similarity = AdaptiveSimilarity.from_footprint_weights(dis=w, dot=v)
    expected = w @ footprint(x, xi) + v @ footprint(x, xi, kind="dot")
    np.testing.assert_allclose(similarity.scores(x[None], xi[None])[0, 0], expected, rtol=1e-12)  # two orders of sums


def test_sorted_similarity_does_not_see_a_permutation_of_units(rng):
    similarity = some_similarity(("sorted_dis", "sorted_dot"), 20, rng)
    cues, patterns, order = rng.standard_normal((3, 20)), rng.standard_normal((4, 20)), rng.permutation(20)
    permuted = similarity.scores(cues[:, order], patterns[:, order])
    np.testing.assert_array_equal(permuted, similarity.scores(cues, patterns))


def test_unsorted_similarity_follows_a_permutation_of_its_weights(rng):
    similarity = some_similarity(("dis", "dot", "lin"), 20, rng)
    cues, patterns, order = rng.standard_normal((3, 20)), rng.standard_normal((4, 20)), rng.permutation(20)
    permuted = AdaptiveSimilarity(**{name: getattr(similarity, name)[order] for name in similarity.features})
    expected = similarity.scores(cues, patterns)
    found = permuted.scores(cues[:, order], patterns[:, order])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)  # 20 terms in another order


def test_scaled_cues_and_patterns_need_weights_divided_by_the_square(rng):
    features = ("sorted_dis", "sorted_dot", "dis", "dot")
    similarity = some_similarity(features, 20, rng)
    cues, patterns = rng.standard_normal((3, 20)), rng.standard_normal((4, 20))
    scaled = AdaptiveSimilarity.from_vector(similarity.vector / 4, features)
    # a factor of 2 changes exponents only
    np.testing.assert_array_equal(scaled.scores(2 * cues, 2 * patterns), similarity.scores(cues, patterns))


def test_sorted_similarity_of_signs_depends_on_their_number_of_differences(rng):
    cues, patterns = rng.choice([-1.0, 1.0], (20, 15)), rng.choice([-1.0, 1.0], (30, 15))
    scores = some_similarity(("sorted_dis", "sorted_dot"), 15, rng).scores(cues, patterns)
    hamming = (cues[:, None] != patterns).sum(axis=2)
    for distance in np.unique(hamming):
        assert np.ptp(scores[hamming == distance]) == 0.0


def test_majorizer_touches_and_bounds_the_scores(rng):
    falling = -np.sort(-rng.random((3, 8)), axis=1)
    similarity = AdaptiveSimilarity(sorted_dis=falling[0], sorted_dot=falling[1] - 0.5, dis=falling[2])
    assert similarity.has_descent
    patterns, x = rng.standard_normal((6, 8)), rng.standard_normal((1, 8))
    p = rng.dirichlet(np.ones(6))[None]
    bound = similarity.majorizer(x, patterns, p)

    def quadratic(z):
        return np.sum(bound.curvature * z**2 - 2 * bound.pull * z, axis=1)

    others = rng.standard_normal((200, 8)) * 2
    rise = -(similarity.scores(others, patterns) - similarity.scores(x, patterns)) @ p[0]
    assert np.all(rise <= quadratic(others) - quadratic(x) + 1e-12)
    slope = -similarity.vjp(x, patterns, p)[0]
    np.testing.assert_allclose(2 * (bound.curvature * x - bound.pull), slope, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("weights", "has_descent"),
    [
        ({"sorted_dis": [2.0, 1.0, 1.0]}, True),
        ({"sorted_dis": [1.0, 2.0, 1.0]}, False),
        ({"sorted_dis": [1.0, 0.5, -0.5]}, False),
        ({"sorted_dot": [1.0, 0.5, -0.5]}, True),
        ({"dis": [1.0, 2.0, 0.0], "lin": [-1.0, 0.0, 1.0]}, True),
        ({"dis": [1.0, -2.0, 0.0]}, False),
    ],
)
def test_descent_is_known_from_the_weights(weights, has_descent):
    assert AdaptiveSimilarity(**{name: np.array(w) for name, w in weights.items()}).has_descent == has_descent


def test_cosine_of_a_cue_without_norm_is_zero():
    np.testing.assert_array_equal(Cosine().scores(np.zeros((1, 3)), np.eye(3)), 0.0)
    np.testing.assert_array_equal(Pearson().scores(np.ones((1, 3)), np.eye(3)), 0.0)


def test_data_arrays_may_have_any_order(rng):
    cues, patterns = rng.standard_normal((2, 3)), rng.standard_normal((4, 3))
    labelled = xr.DataArray(patterns.T, dims=("unit", "pattern"))
    np.testing.assert_array_equal(DotProduct().scores(cues, labelled), DotProduct().scores(cues, patterns))


def test_weights_are_copied_and_cannot_be_changed(rng):
    given = rng.standard_normal(4)
    similarity = AdaptiveSimilarity(dis=given)
    given[:] = 0
    assert np.all(similarity.dis != 0)
    with pytest.raises(ValueError, match="read-only"):
        similarity.dis[0] = 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaptiveSimilarity(), "weights of at least one feature must be given"),
        (lambda: AdaptiveSimilarity(dis=np.ones(3), lin=np.ones(4)), "weights must be of one length"),
        (lambda: AdaptiveSimilarity(dis=np.ones((3, 1))), r"dis must be a vector .* got shape \(3, 1\)"),
        (lambda: AdaptiveSimilarity(dis=[1.0, np.nan]), "dis must be finite"),
        (lambda: AdaptiveSimilarity.from_vector(np.ones(3), ("dis", "dot")), "vector must have as many weights"),
        (lambda: AdaptiveSimilarity.from_vector(np.ones(3), ("dis", "best")), "features must be different ones of"),
        (lambda: AdaptiveSimilarity(dis=np.ones(3)).scores(np.ones((1, 2)), np.ones((1, 2))), "weights for 3 units"),
        (lambda: DotProduct().scores(np.ones((1, 2)), np.ones((1, 3))), "cues must have the 3 units of the patterns"),
        (lambda: DotProduct().scores(np.ones(2), np.ones((1, 2))), r"cues must be a matrix \(cue, unit\)"),
        (lambda: DotProduct().scores(np.ones((1, 2)), [[1.0, np.inf]]), "patterns must be finite"),
        (lambda: DotProduct().scores(np.ones((1, 2)), np.ones((1, 2)), threads=0), "threads must be an integer >= 1"),
        (lambda: DotProduct().vjp(np.ones((1, 2)), np.ones((3, 2)), np.ones((1, 2))), "cotangent must have the shape"),
        (lambda: footprint(np.ones(2), np.ones(3)), "cues must have the units of the patterns"),
        (lambda: footprint(np.ones(2), np.ones(2), kind="cosine"), "kind must be 'dis' or 'dot'"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_features_must_be_names():
    with pytest.raises(TypeError, match="features must be a tuple of names"):
        AdaptiveSimilarity.from_vector(np.ones(3), "dis")
