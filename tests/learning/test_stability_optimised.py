"""Stability-optimised circuits at toy size."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from assocmem.learning import stability_optimised
from assocmem.learning.spectral_abscissa import SmoothedAbscissa, abscissa_gradient
from assocmem.learning.stability_optimised import random_sparse_weights, stability_optimised_circuit

N = 40


@pytest.fixture(scope="module")
def circuit():
    return stability_optimised_circuit(N, seed=0, target=0.6)


def test_initial_spectrum_fills_a_disc_of_the_given_radius():
    radii = np.sort(np.abs(np.linalg.eigvals(random_sparse_weights(400, seed=0))))
    # circular law at n = 400; the last one belongs to the mean weight, which is negative
    assert radii[-2] == pytest.approx(10.0, rel=0.15)
    assert radii[-1] > 20.0


def test_inhibition_stabilises_the_network(circuit):
    assert circuit.converged
    assert np.linalg.eigvals(circuit.initial_weights).real.max() > 5.0
    assert np.linalg.eigvals(circuit.weights).real.max() == pytest.approx(circuit.abscissa)
    assert circuit.abscissa <= 0.6


def test_excitatory_weights_are_untouched(circuit):
    np.testing.assert_array_equal(circuit.weights[:, : N // 2], circuit.initial_weights[:, : N // 2])


def test_inhibition_keeps_sign_share_means_and_diagonal(circuit):
    inhibitory, half = circuit.weights[:, N // 2 :], N // 2
    assert inhibitory.max() <= 0.0
    assert np.count_nonzero(inhibitory) <= 0.4 * inhibitory.size + 1
    assert not np.diagonal(circuit.weights).any()
    for rows in (slice(0, half), slice(half, N)):
        mean = circuit.weights[rows, :half].mean()
        # the weakest weights, cut after the means are set, carry a few per cent of them
        assert inhibitory[rows].mean() == pytest.approx(-3.0 * mean, rel=0.05)


def test_means_are_set_before_the_weakest_are_cut():
    weights = random_sparse_weights(N, seed=0)
    flat = SmoothedAbscissa(1.0, np.zeros((N, N)), 0.5, "eigen")
    # without a cut the means are exact; with one, what is left is unchanged
    whole, cut = (stability_optimised._inhibitory_step(weights, flat, 1.0, 3.0, share) for share in (1.0, 0.05))
    half = N // 2
    for rows in (slice(0, half), slice(half, N)):
        assert whole[rows, half:].mean() == pytest.approx(-3.0 * weights[rows, :half].mean(), rel=1e-12)
    is_kept = cut[:, half:] != 0.0
    assert 0 < np.count_nonzero(is_kept) < np.count_nonzero(whole[:, half:])
    np.testing.assert_array_equal(cut[:, half:][is_kept], whole[:, half:][is_kept])


def test_blas_is_held_to_one_thread(monkeypatch):
    used = []

    def recording(matrix, shift):
        used.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return abscissa_gradient(matrix, shift)

    monkeypatch.setattr(stability_optimised, "abscissa_gradient", recording)
    with threadpool_limits(2, user_api="blas"):
        stability_optimised_circuit(N, seed=0, max_iterations=1)
    assert set(used) == {1}


def test_history_ends_at_the_result(circuit):
    assert circuit.history["abscissa"].values.min() == circuit.abscissa
    assert circuit.history["abscissa"][0] > circuit.history["abscissa"][-1]


def test_too_few_iterations_return_the_best_and_say_so():
    result = stability_optimised_circuit(N, seed=0, max_iterations=3)
    assert not result.converged
    assert result.message.startswith("not converged after 3 iterations: abscissa")
    assert result.abscissa == result.history["abscissa"].min()


def test_interruption_returns_the_best(monkeypatch):
    gradient, calls = stability_optimised.abscissa_gradient, []

    def interrupt_at_fourth(matrix, shift):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return gradient(matrix, shift)

    monkeypatch.setattr(stability_optimised, "abscissa_gradient", interrupt_at_fourth)
    result = stability_optimised_circuit(N, seed=0)
    assert result.message.startswith("interrupted after 3 iterations")
    assert result.abscissa == pytest.approx(np.linalg.eigvals(result.weights).real.max())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_units": 7}, "n_units must be even and >= 4, got 7"),
        ({"density": 1.0}, r"density must be in \(0, 1\), got 1.0"),
        ({"radius": 0.0}, "radius must be > 0, got 0.0"),
        ({"step": -1.0}, "step must be > 0, got -1.0"),
        ({"kept_fraction": 0.0}, r"kept_fraction must be in \(0, 1\], got 0.0"),
        ({"max_iterations": 0}, "max_iterations must be an integer >= 1, got 0"),
        ({"n_units": "a"}, "n_units must be an integer >= ., got"),
        ({"seed": "a"}, "seed must be an integer >= ., got"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"target": np.nan}, "target must be finite, got nan"),
        ({"target": "a"}, "target must be a number, got 'a'"),
        ({"max_iterations": 2.5}, "max_iterations must be an integer >= ., got"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        stability_optimised_circuit(**({"n_units": N, "seed": 0} | change))
