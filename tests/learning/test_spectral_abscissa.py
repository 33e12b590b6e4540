"""Smoothed spectral abscissa: theory, independent oracles, both forms."""

import numpy as np
import pytest
from scipy import linalg, stats
from threadpoolctl import threadpool_info, threadpool_limits

from assocmem.learning import spectral_abscissa
from assocmem.learning.spectral_abscissa import abscissa_gradient, smoothed_spectral_abscissa
from tests import naive

METHODS = ["eigen", "schur"]
EPSILONS = [1e-3, 0.05, 1.0]
SIZES = [1, 2, 3, 8, 15]
# both solve the same equations by backward stable steps; the eigenvector condition here is below 100
ROUND_OFF = 1e-10


def random_matrix(n, seed=3):
    return np.random.default_rng(seed + n).normal(size=(n, n))


def jacobian_like(n_e=12, n_i=6, seed=1):
    """Strong, non-normal, of both signs, with -1 and -2 on the diagonal."""
    rng = np.random.default_rng(seed)
    signs = np.where(np.arange(n_e + n_i) < n_e, 0.25, -0.4)
    weights = rng.exponential(size=(n_e + n_i, n_e + n_i)) * signs
    np.fill_diagonal(weights, 0.0)
    return (weights - np.eye(n_e + n_i)) * np.where(np.arange(n_e + n_i) < n_e, 1.0, 2.0)[:, None]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("n", SIZES)
def test_value_solves_the_lyapunov_equation(n, epsilon, method):
    result = smoothed_spectral_abscissa(random_matrix(n), epsilon, method=method)
    expected = naive.smoothed_spectral_abscissa(random_matrix(n), epsilon)
    assert result.value == pytest.approx(expected, abs=ROUND_OFF)


@pytest.mark.parametrize("method", METHODS)
def test_value_is_the_energy_of_the_impulse_response(method):
    matrix = random_matrix(4)
    value = smoothed_spectral_abscissa(matrix, 0.3, method=method).value
    # the quadrature of the definition is good to 1e-11
    assert naive.impulse_energy_integral(matrix, value) == pytest.approx(1 / 0.3, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_gradient_agrees_with_finite_differences(n, epsilon, method):
    gradient = smoothed_spectral_abscissa(random_matrix(n), epsilon, method=method).gradient
    reference = naive.smoothed_spectral_abscissa_gradient(random_matrix(n), epsilon)
    # central differences: step^2 / epsilon^2 of truncation at the smallest epsilon
    np.testing.assert_allclose(gradient, reference, atol=3e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_both_forms_agree(epsilon, seed):
    eigen = smoothed_spectral_abscissa(jacobian_like(seed=seed), epsilon)
    schur = smoothed_spectral_abscissa(jacobian_like(seed=seed), epsilon, method="schur")
    assert (eigen.method, schur.method) == ("eigen", "schur")
    assert eigen.value == pytest.approx(schur.value, abs=ROUND_OFF)
    np.testing.assert_allclose(eigen.gradient, schur.gradient, atol=ROUND_OFF)


@pytest.mark.parametrize("kind", ["real", "complex", "mixed"])
def test_every_kind_of_spectrum_is_covered(kind):
    matrix = {
        "real": random_matrix(6) + random_matrix(6).T,
        "complex": random_matrix(6) - random_matrix(6).T,
        "mixed": linalg.block_diag(random_matrix(3) - random_matrix(3).T, 0.4, [[0.0, 3.0], [-1.0, 0.0]]),
    }[kind]
    n_real = np.count_nonzero(np.abs(linalg.eigvals(matrix).imag) < 1e-12)
    assert n_real == {"real": 6, "complex": 0, "mixed": 2}[kind]
    result = smoothed_spectral_abscissa(matrix, 0.1)
    reference = smoothed_spectral_abscissa(matrix, 0.1, method="schur")
    assert result.value == pytest.approx(reference.value, abs=ROUND_OFF)
    np.testing.assert_allclose(result.gradient, reference.gradient, atol=ROUND_OFF)


def test_two_by_two_trap_takes_the_fallback_and_is_exact():
    result = smoothed_spectral_abscissa([[-1.0, 2.0], [0.0, -1.0]], 0.5)
    assert result.method == "schur"
    assert result.value == pytest.approx(0.0, abs=1e-15)
    # P = [[1.5, .5], [.5, .5]], Q = [[.5, .5], [.5, 1.5]]
    np.testing.assert_allclose(result.gradient, [[0.5, 0.25], [0.75, 0.5]], atol=1e-14)


@pytest.mark.parametrize("b", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_shear_has_its_closed_form(epsilon, b):
    result = smoothed_spectral_abscissa([[-1.0, b], [0.0, -1.0]], epsilon)
    value, gradient = naive.smoothed_abscissa_of_shear(b, epsilon)
    assert result.value == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(result.gradient, gradient, atol=1e-10)


@pytest.mark.parametrize("corner", [0.0, 1e-12, 1e-6])
def test_jordan_blocks_are_solved(corner):
    matrix = -np.eye(6) + np.diag(np.ones(5), 1)
    matrix[5, 0] = corner
    result = smoothed_spectral_abscissa(matrix, 0.1)
    # just below the limit of the condition number, 1e6, the eigen form keeps some six digits
    assert result.value == pytest.approx(naive.smoothed_spectral_abscissa(matrix, 0.1), abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_shifting_the_matrix_shifts_the_value(method):
    plain = smoothed_spectral_abscissa(random_matrix(7), 0.2, method=method)
    shifted = smoothed_spectral_abscissa(random_matrix(7) + 1.7 * np.eye(7), 0.2, method=method)
    assert shifted.value == pytest.approx(plain.value + 1.7, abs=ROUND_OFF)
    np.testing.assert_allclose(shifted.gradient, plain.gradient, atol=ROUND_OFF)


@pytest.mark.parametrize("method", METHODS)
def test_transposition_keeps_the_value_and_transposes_the_gradient(method):
    plain = smoothed_spectral_abscissa(random_matrix(7), 0.2, method=method)
    transposed = smoothed_spectral_abscissa(random_matrix(7).T, 0.2, method=method)
    assert transposed.value == pytest.approx(plain.value, abs=ROUND_OFF)
    np.testing.assert_allclose(transposed.gradient, plain.gradient.T, atol=ROUND_OFF)


@pytest.mark.parametrize("method", METHODS)
def test_rotation_keeps_the_value_and_rotates_the_gradient(method):
    rotation = stats.ortho_group.rvs(6, random_state=5)
    plain = smoothed_spectral_abscissa(random_matrix(6), 0.2, method=method)
    rotated = smoothed_spectral_abscissa(rotation @ random_matrix(6) @ rotation.T, 0.2, method=method)
    assert rotated.value == pytest.approx(plain.value, abs=ROUND_OFF)
    np.testing.assert_allclose(rotated.gradient, rotation @ plain.gradient @ rotation.T, atol=ROUND_OFF)


@pytest.mark.parametrize("method", METHODS)
def test_units_of_time_scale_matrix_and_epsilon_together(method):
    plain = smoothed_spectral_abscissa(random_matrix(6), 0.2, method=method)
    scaled = smoothed_spectral_abscissa(50.0 * random_matrix(6), 10.0, method=method)
    assert scaled.value == pytest.approx(50.0 * plain.value, rel=1e-10)
    np.testing.assert_allclose(scaled.gradient, plain.gradient, atol=ROUND_OFF)


@pytest.mark.parametrize("method", METHODS)
def test_value_grows_with_epsilon_from_the_abscissa(method):
    epsilons = [1e-9, 1e-6, 1e-3, 0.1, 1.0, 10.0]
    results = [smoothed_spectral_abscissa(jacobian_like(), e, method=method) for e in epsilons]
    values = [r.value for r in results]
    assert values == sorted(values)
    assert results[0].abscissa == pytest.approx(linalg.eigvals(jacobian_like()).real.max(), abs=ROUND_OFF)
    # the excess is epsilon / 2 times the squared condition of the leading eigenvalue, below 1e3 here
    assert values[0] == pytest.approx(results[0].abscissa, abs=1e-6)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("n", SIZES)
def test_value_respects_both_lower_bounds(n, epsilon):
    matrix = random_matrix(n)
    result = smoothed_spectral_abscissa(matrix, epsilon)
    assert result.value >= result.abscissa + 0.5 * epsilon - ROUND_OFF
    assert result.value >= np.trace(matrix) / n + 0.5 * n * epsilon - ROUND_OFF


@pytest.mark.parametrize("method", METHODS)
def test_multiples_of_the_identity_meet_the_bound(method):
    result = smoothed_spectral_abscissa(-3.0 * np.eye(5), 0.1, method=method)
    assert result.value == pytest.approx(-3.0 + 0.5 * 5 * 0.1, abs=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", SIZES)
def test_gradient_has_trace_one(n, method):
    gradient = smoothed_spectral_abscissa(random_matrix(n), 0.05, method=method).gradient
    assert np.trace(gradient) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [-1e6, 0.0, 1.0, 100.0, 1e6])
def test_start_of_the_search_does_not_matter(start, method):
    cold = smoothed_spectral_abscissa(jacobian_like(), 0.03, method=method)
    warm = smoothed_spectral_abscissa(jacobian_like(), 0.03, method=method, start=start)
    assert warm.value == pytest.approx(cold.value, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_extreme_scales_converge(scale):
    matrix = scale * random_matrix(5)
    assert smoothed_spectral_abscissa(matrix, scale * 0.1).value == pytest.approx(
        scale * smoothed_spectral_abscissa(random_matrix(5), 0.1).value, rel=1e-9
    )


def test_gradient_at_a_given_value_is_that_of_the_matching_epsilon():
    matrix = jacobian_like()
    given = abscissa_gradient(matrix, lambda abscissa: abscissa + 0.2)
    epsilon = 1.0 / naive.impulse_energy(matrix, given.value)
    matching = smoothed_spectral_abscissa(matrix, epsilon)
    assert matching.value == pytest.approx(given.value, abs=ROUND_OFF)
    np.testing.assert_allclose(given.gradient, matching.gradient, atol=ROUND_OFF)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": np.ones((2, 3))}, r"matrix must be square .* \(2, 3\)"),
        ({"matrix": np.ones(3)}, r"matrix must be square"),
        ({"matrix": [[np.nan]]}, "matrix must be finite, got 1"),
        ({"epsilon": 0.0}, "epsilon must be > 0, got 0"),
        ({"epsilon": np.inf}, "epsilon must be finite, got inf"),
        ({"epsilon": 1e-20}, "epsilon must be at least 1.78e-15, round-off of the abscissa 1, got 1e-20"),
        ({"epsilon": "a"}, "epsilon must be a number, got 'a'"),
        ({"matrix": [[1j]]}, "matrix must be real numbers, got dtype complex128"),
        ({"method": "lanczos"}, "method must be one of eigen, schur, got 'lanczos'"),
        ({"start": np.nan}, "start must be finite, got nan"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {"matrix": np.eye(2), "epsilon": 0.1, **arguments}
    with pytest.raises((ValueError, TypeError), match=message):
        smoothed_spectral_abscissa(**arguments)


def test_blas_is_held_to_one_thread(monkeypatch):
    used = []

    def recording(matrix):
        used.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    monkeypatch.setattr(spectral_abscissa, "_eigen_form", recording)
    with threadpool_limits(2, user_api="blas"):
        smoothed_spectral_abscissa(jacobian_like(), 0.1)
    assert set(used) == {1}


def test_value_at_or_below_the_abscissa_is_refused():
    with pytest.raises(ValueError, match="shift must be finite and above the abscissa"):
        abscissa_gradient(np.eye(3), lambda abscissa: abscissa)
