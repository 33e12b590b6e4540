"""SparseMAP over sequential k-subsets: against all vertices, closed forms, margins, symmetries, finite differences."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from assocmem.jit import compile_loop
from assocmem.kernels.sequential_subsets import scratch, sequential_subsets_project, sequential_subsets_row
from assocmem.kernels.simplex import DONE, INFEASIBLE, NOT_FINITE

EPS = 2.0**-52
PAIRS = [-2.0, 0.0, 0.3, 1.0, 1e8]


def row_loop():
    def loop(scores, beta, parameters, out, work, values, status):
        for b in range(scores.shape[0]):
            values[b], status[b] = sequential_subsets_row(scores, b, beta, parameters, out, work)

    return loop


def project_loop():
    def loop(scores, beta, parameters, tangent, out, work, status):
        for b in range(scores.shape[0]):
            status[b] = sequential_subsets_project(scores, b, beta, parameters, tangent, out, work)

    return loop


def solve(scores, k, pair, curvature=1.0, beta=1.0, out=None):
    """mu (row, n), values (row) and status (row)."""
    out = np.empty_like(scores) if out is None else out
    values, status = np.empty(len(scores)), np.empty(len(scores), dtype=np.int64)
    work = scratch(scores.shape[1], k)
    compile_loop(row_loop)(scores, beta, (k, pair, curvature), out, work, values, status)
    return out, values, status


def project(scores, tangent, k, pair, curvature=1.0, out=None):
    """Directional derivatives (row, n) and status (row)."""
    out = np.empty_like(scores) if out is None else out
    status = np.empty(len(scores), dtype=np.int64)
    work = scratch(scores.shape[1], k)
    compile_loop(project_loop)(scores, 1.0, (k, pair, curvature), tangent, out, work, status)
    return out, status


def all_vertices(t, k):
    """Subsets (vertex, n) of k positions without a mask, and their numbers of pairs."""
    vertices = np.array([np.isin(np.arange(t.size), subset) for subset in combinations(np.flatnonzero(t > -np.inf), k)])
    return vertices.astype(float), (vertices[:, 1:] & vertices[:, :-1]).sum(axis=1)


def check_optimality(t, k, pair, curvature, mu, value):
    """mu is optimal if and only if it is a mixture of vertices that are the best for the gradient at mu."""
    vertices, n_pairs = all_vertices(t, k)
    t = np.where(t > -np.inf, t, 0.0)
    most = n_pairs.max() if pair > 0 else n_pairs.min()
    leads = pair * (n_pairs - most) + vertices @ (t - curvature * mu)
    best = leads > leads.max() - 1e-10  # sums of nine numbers below 30, and what mu is wrong by
    _, distance = nnls(vertices[best].T, mu)
    assert distance < 1e-12
    # <t, mu> + e <1, edge> is what the best vertices have, plus c |mu|^2
    expected = pair * most + leads.max() + 0.5 * curvature * (mu @ mu + k)
    np.testing.assert_allclose(value, expected, rtol=4 * EPS, atol=1e-13)


def sparsemax(t):
    ordered = np.sort(t)[::-1]
    thresholds = (np.cumsum(ordered) - 1.0) / np.arange(1, t.size + 1)
    return np.maximum(t - thresholds[np.flatnonzero(ordered > thresholds)[-1]], 0.0)


def k_subsets(t, k):
    """``clip(t - tau, 0, 1)`` with sum k: the sum is linear in tau between its kinks."""
    kinks = np.sort(np.concatenate([t, t - 1.0]))[::-1]
    sums = np.clip(t - kinks[:, np.newaxis], 0.0, 1.0).sum(axis=1)
    return np.clip(t - np.interp(k, sums, kinks), 0.0, 1.0)


@pytest.mark.parametrize("curvature", [1.0, 2.0])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [4, 6, 9])
def test_mu_is_a_mixture_of_the_best_vertices_at_mu(n, k, pair, curvature, rng):
    scores = rng.normal(size=(6, n)) * np.array([[0.01], [0.1], [1.0], [1.0], [3.0], [10.0]])
    mu, values, status = solve(scores, k, pair, curvature)
    assert np.all(status == 0)
    for row in zip(scores, mu, values, strict=True):
        check_optimality(row[0], k, pair, curvature, *row[1:])


@pytest.mark.parametrize("pair", [-1e8, -0.3, 1e-9, 1e-3, 1e3])
def test_pair_scores_of_any_size_are_right(pair, rng):
    scores = rng.normal(size=(6, 8)) * np.array([[0.01], [0.1], [0.3], [1.0], [3.0], [10.0]])
    mu, values, status = solve(scores, 3, pair)
    assert np.all(status == 0)
    for row in zip(scores, mu, values, strict=True):
        check_optimality(row[0], 3, pair, 1.0, *row[1:])


@pytest.mark.parametrize("pair", PAIRS)
def test_integer_scores_with_many_ties_are_right(pair, rng):
    scores = rng.integers(-1, 2, size=(20, 8)).astype(float)
    mu, values, status = solve(scores, 3, pair)
    assert np.all(status == 0)
    for row in zip(scores, mu, values, strict=True):
        check_optimality(row[0], 3, pair, 1.0, *row[1:])


@pytest.mark.parametrize("pair", PAIRS)
def test_masked_positions_are_left_out(pair, rng):
    scores = rng.normal(size=(12, 9))
    scores[:, [2, 6]] = -np.inf
    scores[6:, 0] = -np.inf
    mu, values, status = solve(scores, 3, pair)
    assert np.all(status == 0)
    assert np.all(mu[scores == -np.inf] == 0.0)
    for row in zip(scores, mu, values, strict=True):
        check_optimality(row[0], 3, pair, 1.0, *row[1:])


def test_two_positions_beside_a_mask_are_no_pair():
    mu, _, _ = solve(np.array([[1.0, -np.inf, 1.0, 0.9, 0.0]]), 2, 1e8)
    np.testing.assert_array_equal(mu[0, :2], 0.0)
    assert mu[0, 2] > 0.0


@pytest.mark.parametrize("pair", [0.0, 1e8])
def test_one_of_n_is_sparsemax(pair, rng):
    scores = rng.normal(size=(50, 20))
    mu, _, _ = solve(scores, 1, pair)
    np.testing.assert_allclose(mu, [sparsemax(row) for row in scores], rtol=0, atol=1e-14)  # sums of 20 numbers


@pytest.mark.parametrize("k", [1, 3, 8])
def test_without_pairs_the_two_state_regulariser_halves_the_scores(k, rng):
    scores = rng.normal(size=(30, 40)) * np.repeat([0.1, 1.0, 10.0], 10)[:, np.newaxis]
    mu, values, _ = solve(scores, k, 0.0, 2.0)
    expected = np.array([k_subsets(row / 2, k) for row in scores])
    np.testing.assert_allclose(mu, expected, rtol=0, atol=1e-13)  # sums of 40 numbers up to 10
    objective = np.sum(scores * expected - expected**2, axis=1) + k
    np.testing.assert_allclose(values, objective, rtol=1e-13)


@pytest.mark.parametrize("pair", [0.0, 1e8])
def test_equal_scores_share_by_symmetry(pair):
    mu, _, status = solve(np.full((1, 9), 0.7), 3, pair)
    assert status[0] == 0
    np.testing.assert_allclose(mu, mu[:, ::-1], rtol=0, atol=1e-14)
    np.testing.assert_allclose(mu.sum(), 3.0, rtol=8 * EPS)


def test_equal_scores_without_pairs_are_shared_evenly():
    mu, _, _ = solve(np.full((1, 10), -3.0), 4, 0.0)
    np.testing.assert_allclose(mu, 0.4, rtol=1e-14)


@pytest.mark.parametrize("curvature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("pair", "scores", "vertex"),
    [
        # <t, y - y'> + e (r - r') >= c |y - y'|^2 / 2 for all y'
        (0.0, [0, 0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1, 0]),  # one element is another: |y - y'|^2 = 2
        (1e8, [-9, -9, 1, 0, 0, -9, -9], [0, 0, 1, 1, 0, 0, 0]),  # an overlapping pair: 2
        (1e8, [1, 1, -9, 0, 0, -9, -9], [1, 1, 0, 0, 0, 0, 0]),  # a disjoint pair: 4
    ],
)
def test_the_best_vertex_is_exact_from_its_margin_on(pair, scores, vertex, curvature):
    sizes = curvature * np.array([[1.0], [1.0 + 1e-9], [7.0]])
    mu, _, _ = solve(sizes * np.array(scores), 2, pair, curvature)
    np.testing.assert_array_equal(mu, [vertex] * 3)
    mu, _, _ = solve(curvature * (1.0 - 1e-9) * np.array([scores]), 2, pair, curvature)
    assert 1e-11 < np.abs(mu - vertex).max() < 1e-8


def test_a_pair_raises_the_margin_by_its_score():
    scores = np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    apart, _, _ = solve(1.5 * scores, 2, 0.5)  # to {0, 1}: 1.5 - 0.5 >= |y - y'|^2 / 2 = 1
    np.testing.assert_array_equal(apart, scores)
    mixed, _, _ = solve(1.499 * scores, 2, 0.5)
    assert np.all(mixed[0, [1, 4]] > 0.0)


@pytest.mark.parametrize("k", [2, 3])
def test_with_a_huge_pair_score_all_active_vertices_are_runs(k, rng):
    scores = rng.normal(size=(20, 30))
    mu, values, _ = solve(scores, k, 1e8)
    runs = np.array([np.isin(np.arange(30), range(i, i + k)) for i in range(31 - k)], dtype=float)
    for row, found, value in zip(scores, mu, values, strict=True):
        sums = runs @ (row - found)
        _, distance = nnls(runs[sums > sums.max() - 1e-12].T, found)
        assert distance < 1e-13
        np.testing.assert_allclose(value, 1e8 * (k - 1) + row @ found - 0.5 * (found @ found - k), rtol=4 * EPS)


@pytest.mark.parametrize("pair", [1e4, 1e8, 1e12, 1e308])
def test_digits_do_not_depend_on_a_dominant_pair_score(pair, rng):
    scores = rng.normal(size=(10, 30))
    np.testing.assert_array_equal(solve(scores, 3, pair)[0], solve(scores, 3, 1e3)[0])


def test_digits_do_not_depend_on_what_all_scores_share(rng):
    scores = np.round(rng.normal(size=(10, 30)) * 2.0**20) * 2.0**-20  # sums with 2^30 are exact
    np.testing.assert_array_equal(solve(scores + 2.0**30, 3, 0.5)[0], solve(scores, 3, 0.5)[0])


def test_low_scores_of_no_use_take_no_digits_from_the_others(rng):
    scores = rng.normal(size=(10, 20))
    penalised = np.concatenate([scores, scores - 1e9], axis=1)
    masked = np.concatenate([scores, np.full_like(scores, -np.inf)], axis=1)
    np.testing.assert_array_equal(solve(penalised, 3, 0.5)[0], solve(masked, 3, 0.5)[0])


@pytest.mark.parametrize("pair", [-1.0, -1e-9, 1e-9, 1e-3, 0.1, 1.0, 1e8])
def test_reversed_scores_give_reversed_mu(pair, rng):
    scores = rng.normal(size=(6, 48)) * np.repeat([[0.1], [1.0]], 3, axis=0)
    forth, _, status = solve(scores, 6, pair)
    back, _, _ = solve(scores[:, ::-1].copy(), 6, pair)
    assert np.all(status == 0)
    np.testing.assert_allclose(back[:, ::-1], forth, rtol=0, atol=1e-12)  # other vertices, another order of sums


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("pair", [0.0, 1.0])
def test_a_thousand_rows_are_solved(pair, scale, rng):
    mu, _, status = solve(scale * rng.normal(size=(1000, 40)), 8, pair)
    assert np.all(status == 0)
    assert np.all((mu >= 0.0) & (mu <= 1.0))
    np.testing.assert_allclose(mu.sum(axis=1), 8.0, rtol=40 * EPS)  # a sum of 40 rounded terms


@pytest.mark.parametrize("scale", [1e150, 1e299])
def test_huge_scores_choose_the_best_vertex(scale):
    scores = scale * np.array([[0.3, 1.0, -1.0, 0.9, -1.0]])
    np.testing.assert_array_equal(solve(scores, 2, 0.0)[0], [[0, 1, 0, 1, 0]])


def test_scores_whose_differences_overflow_are_no_masks():
    mu, _, status = solve(1e308 * np.array([[1.7, -1.7, -1.7]]), 3, 1e308)
    np.testing.assert_array_equal(status, 0)
    np.testing.assert_array_equal(mu, 1.0)


def test_beta_multiplies_the_scores(rng):
    scores = rng.normal(size=(5, 12))
    np.testing.assert_array_equal(solve(scores, 3, 0.5, beta=4.0)[0], solve(4.0 * scores, 3, 0.5)[0])


def test_all_positions_are_the_only_subset_of_n(rng):
    scores = rng.normal(size=(3, 5))
    mu, values, _ = solve(scores, 5, 0.3)
    np.testing.assert_array_equal(mu, 1.0)
    np.testing.assert_allclose(values, scores.sum(axis=1) + 4 * 0.3, rtol=0, atol=1e-14)  # the regulariser is 0


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_scores_that_are_no_numbers_spoil_their_row_alone(spoilt, rng):
    scores = rng.normal(size=(3, 10))
    expected, _, _ = solve(scores, 2, 0.3)
    scores[1, 4] = spoilt
    mu, values, status = solve(scores, 2, 0.3)
    np.testing.assert_array_equal(status, [0, 1, 0])
    assert np.all(np.isnan(mu[1]))
    assert np.isnan(values[1])
    np.testing.assert_array_equal(mu[[0, 2]], expected[[0, 2]])


def test_too_few_positions_without_a_mask_have_a_status():
    scores = np.array([[0.0, -np.inf, 1.0, -np.inf], [0.0, 2.0, 1.0, -np.inf], [-np.inf] * 4])
    mu, _, status = solve(scores, 3, 1.0)
    np.testing.assert_array_equal(status, [INFEASIBLE, DONE, INFEASIBLE])
    np.testing.assert_array_equal(mu, [[np.nan] * 4, [1, 1, 1, 0], [np.nan] * 4])


def test_single_precision_is_rounded_once(rng):
    scores = rng.normal(size=(20, 30)).astype(np.float32)
    mu, values, _ = solve(scores, 4, 0.3)
    expected, expected_values, _ = solve(scores.astype(float), 4, 0.3)
    assert mu.dtype == np.float32
    np.testing.assert_array_equal(mu, expected.astype(np.float32))
    np.testing.assert_array_equal(values, expected_values)


def test_scores_may_be_overwritten(rng):
    scores = rng.normal(size=(5, 20))
    expected, _, _ = solve(scores, 3, 0.5)
    solve(scores, 3, 0.5, out=scores)
    np.testing.assert_array_equal(scores, expected)


def test_kernel_is_the_same_uncompiled(rng):
    scores = rng.normal(size=(1, 9))
    out = np.empty_like(scores)
    with np.errstate(invalid="ignore"):  # two paths that do not exist
        value, status = sequential_subsets_row(scores, 0, 1.0, (3, 0.3, 1.0), out, scratch(9, 3))
    mu, values, _ = solve(scores, 3, 0.3)
    assert status == 0
    np.testing.assert_allclose(out, mu, rtol=0, atol=1e-15)
    np.testing.assert_allclose(value, values[0], rtol=4 * EPS)


@pytest.mark.parametrize("curvature", [1.0, 2.0])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_derivative_is_that_of_finite_differences(scale, pair, curvature, rng):
    scores, tangent = scale * rng.normal(size=(20, 11)), rng.normal(size=(20, 11))
    derivative, status = project(scores, tangent, 3, pair, curvature)
    step = 1e-7  # mu is linear between kinks, none of which is as near as that
    ahead, behind = (solve(scores + sign * step * tangent, 3, pair, curvature)[0] for sign in (1, -1))
    assert np.all(status == 0)
    np.testing.assert_allclose(derivative, (ahead - behind) / (2 * step), rtol=0, atol=1e-7)  # 1e-14 / step


def test_derivative_is_a_projection(rng):
    scores, tangent = 0.3 * rng.normal(size=(20, 30)), rng.normal(size=(20, 30))
    once, _ = project(scores, tangent, 4, 0.3)
    twice, _ = project(scores, once, 4, 0.3)
    np.testing.assert_allclose(twice, once, rtol=0, atol=1e-12)
    np.testing.assert_allclose(once.sum(axis=1), 0.0, atol=1e-13)


def test_derivative_is_zero_at_vertices_and_masks(rng):
    scores, tangent = rng.normal(size=(2, 9)), rng.normal(size=(2, 9))
    scores[0, [1, 2]] += 20.0
    scores[1, [0, 5]], tangent[1, [0, 5]] = -np.inf, np.nan
    derivative, status = project(scores, tangent, 2, 0.3)
    np.testing.assert_array_equal(status, 0)
    np.testing.assert_array_equal(derivative[0], 0.0)
    np.testing.assert_array_equal(derivative[1, [0, 5]], 0.0)
    assert np.all(np.isfinite(derivative[1]))


@pytest.mark.parametrize("overwritten", [0, 1])
def test_derivative_may_overwrite_scores_or_tangent(overwritten, rng):
    arrays = rng.normal(size=(2, 5, 12))
    expected, _ = project(*arrays, 3, 0.3)
    project(*arrays, 3, 0.3, out=arrays[overwritten])
    np.testing.assert_array_equal(arrays[overwritten], expected)


def test_derivative_has_the_status_of_the_row():
    scores = np.array([[0.0, 1.0, np.nan], [0.0, -np.inf, -np.inf], [0.1, 0.0, 0.2]])
    derivative, status = project(scores, np.ones((3, 3)), 2, 0.0)
    np.testing.assert_array_equal(status, [NOT_FINITE, INFEASIBLE, DONE])
    assert np.all(np.isnan(derivative[:2]))
    np.testing.assert_allclose(derivative[2], 0.0, atol=1e-15)  # all subsets gain the same
