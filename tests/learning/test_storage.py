"""Exact storage: the Euclidean projection against oracles, the smooth one and its adjoint."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning import storage
from assocmem.learning.initial import lognormal_rates, random_ei_weights
from assocmem.learning.parametrisations import Exponential, Rectified, Softplus
from assocmem.learning.storage import NotStorableError, StoredWeights, project_weights
from tests import naive

N_E, N_I = 7, 4


def small_case(n_patterns=3, n_e=N_E, n_i=N_I, seed=0):
    weights = random_ei_weights(n_e, n_i, seed=seed)
    rates = lognormal_rates((n_patterns, n_e + n_i), mean=5.0, sd=5.0, seed=seed)
    return weights, PowerLaw().potential(rates)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("nearest", [naive.nearest_by_nnls, naive.nearest_by_enumeration])
def test_projection_is_the_nearest_point(nearest, seed):
    n_e, n_i = (5, 4) if nearest is naive.nearest_by_enumeration else (N_E, N_I)
    weights, potentials = small_case(2, n_e, n_i, seed=seed)
    projected = project_weights(weights, potentials, n_excitatory=n_e).weights
    reference = naive.project_weights(weights, potentials, n_e, naive.power_law, nearest=nearest)
    np.testing.assert_allclose(projected, reference, atol=1e-9)  # pseudo-inverse of rates of tens of Hz


@pytest.mark.parametrize("drive", [7.0, np.linspace(5.0, 9.0, N_E + N_I)], ids=["scalar", "per unit"])
@pytest.mark.parametrize("activation", [PowerLaw(), SoftplusSquared()], ids=repr)
def test_projected_patterns_are_fixed_points(activation, drive):
    weights, potentials = small_case()
    arguments = {"n_excitatory": N_E, "drive": drive, "activation": activation}
    result = project_weights(weights, potentials, **arguments)
    miss = activation.rate(potentials) @ result.weights.T + drive - potentials
    # round-off of 11 products of some 10 mV
    assert np.abs(miss).max() < 1e-11
    assert result.residual < 1e-11


def test_projection_keeps_dales_law_and_the_diagonal():
    weights, potentials = small_case()
    projected = project_weights(weights, potentials, n_excitatory=N_E).weights
    assert projected[:, :N_E].min() >= 0.0
    assert projected[:, N_E:].max() <= 0.0
    assert not np.diagonal(projected).any()


def test_projecting_twice_changes_nothing():
    weights, potentials = small_case()
    once = project_weights(weights, potentials, n_excitatory=N_E)
    twice = project_weights(once.weights, potentials, n_excitatory=N_E)
    assert once.relative_change > 1e-3
    assert twice.relative_change < 1e-12


def test_thirty_patterns_in_the_full_network_are_stored():
    weights, potentials = small_case(30, 100, 50)
    assert project_weights(weights, potentials, n_excitatory=100).residual < 1e-10


def test_contradicting_patterns_are_refused_by_name():
    weights, potentials = small_case(2)
    # the input to unit 5 is the same in both patterns, its potential is not
    potentials[1] = potentials[0]
    potentials[1, 5] += 3.0
    with pytest.raises(NotStorableError, match="cannot be stored: 2 patterns in 11 units leave unit 5"):
        project_weights(weights, potentials, n_excitatory=N_E)


def test_too_many_patterns_are_refused():
    weights, potentials = small_case(14)
    with pytest.raises(ValueError, match="store fewer patterns, add units"):
        project_weights(weights, potentials, n_excitatory=N_E)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_failure_of_the_solver_is_no_proof(scale, monkeypatch):
    weights, potentials = small_case(2)
    monkeypatch.setattr(storage, "_MAX_ITERATIONS", 0)
    potentials = PowerLaw().potential(scale * PowerLaw().rate(potentials))
    with pytest.raises(NotStorableError, match="weights of Dale's law may exist, but the solver did not find them"):
        project_weights(weights, potentials, n_excitatory=N_E)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_patterns_are_refused_for_the_same_reason_whatever_the_unit_of_rates(scale):
    weights, potentials = small_case(14)
    gain = PowerLaw(0.04 * scale)
    with pytest.raises(NotStorableError, match="leave unit .* at least [1-9]"):
        project_weights(weights / scale, potentials, n_excitatory=N_E, activation=gain)


def test_blas_is_held_to_one_thread(monkeypatch):
    used, solve = [], StoredWeights.solve

    def recording(*arguments, **options):
        used.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return solve(*arguments, **options)

    monkeypatch.setattr(StoredWeights, "solve", recording)
    weights, potentials = small_case()
    with threadpool_limits(2, user_api="blas"):
        project_weights(weights, potentials, n_excitatory=N_E)
    assert set(used) == {1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"potentials": np.ones((2, 5))}, r"potentials must have shape \(pattern, 11\), got \(2, 5\)"),
        ({"potentials": np.full((1, 11), np.inf)}, "potentials must be finite"),
        ({"weights": np.ones((11, 11))}, "weights must have a zero diagonal"),
        ({"weights": 1.0 - np.eye(11)}, "Dale's law"),
        ({"n_excitatory": 12}, "n_excitatory must be in 1..11, got 12"),
    ],
)
def test_bad_arguments_are_named(change, message):
    weights, potentials = small_case()
    arguments = {"weights": weights, "potentials": potentials, "n_excitatory": N_E, **change}
    with pytest.raises(ValueError, match=message):
        project_weights(arguments.pop("weights"), arguments.pop("potentials"), **arguments)


def stored_case(phi, seed=0):
    weights, potentials = small_case(seed=seed)
    signs = np.where(np.arange(N_E + N_I) < N_E, 1.0, -1.0)
    return phi.inverse(np.abs(weights)), signs * PowerLaw().rate(potentials), (potentials - 7.0).T


@pytest.mark.parametrize("phi", [Softplus(0.1), Exponential(0.1)], ids=repr)
def test_smooth_weights_store_exactly(phi):
    variables, rates, target = stored_case(phi)
    stored = StoredWeights.solve(variables, rates, target, phi=phi)
    np.testing.assert_allclose(stored.magnitudes @ rates.T, target, atol=1e-9)
    assert stored.magnitudes.min() >= 0.0
    assert not np.diagonal(stored.magnitudes).any()


@pytest.mark.parametrize("phi", [Softplus(0.1), Exponential(0.1)], ids=repr)
def test_adjoint_of_storage_agrees_with_finite_differences(phi, rng):
    variables, rates, target = stored_case(phi)
    by_magnitudes = rng.normal(size=variables.shape)

    def value(x, b, r):
        return np.vdot(by_magnitudes, StoredWeights.solve(x, r, b, phi=phi).magnitudes)

    gradients = StoredWeights.solve(variables, rates, target, phi=phi).pull_back(by_magnitudes)
    x, b, r = (rng.normal(size=array.shape) for array in (variables, target, rates))
    step = 1e-5
    numeric = [
        value(variables + step * x, target, rates) - value(variables - step * x, target, rates),
        value(variables, target + step * b, rates) - value(variables, target - step * b, rates),
        value(variables, target, rates + step * r) - value(variables, target, rates - step * r),
    ]
    analytic = [np.vdot(g, d) for g, d in zip(gradients, (x, b, r), strict=True)]
    np.testing.assert_allclose(analytic, np.array(numeric) / (2 * step), rtol=1e-6)  # truncation step^2


def test_start_of_the_search_does_not_matter():
    phi = Softplus(0.1)
    variables, rates, target = stored_case(phi)
    cold = StoredWeights.solve(variables, rates, target, phi=phi)
    warm = StoredWeights.solve(variables, rates, target, phi=phi, start=cold.multipliers + 0.01)
    np.testing.assert_allclose(warm.magnitudes, cold.magnitudes, atol=1e-9)


def test_rectified_storage_has_exact_zeros():
    variables, rates, target = stored_case(Softplus(0.1))
    stored = StoredWeights.solve(variables, rates, target, phi=Rectified())
    assert np.count_nonzero(stored.magnitudes == 0.0) > N_E + N_I
