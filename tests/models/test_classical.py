"""The classical network against dense loops, its energy and what is known of its capacity."""

import numpy as np
import pytest

from assocmem.models.classical import ClassicalHopfield

RNG = np.random.default_rng(2)
PATTERNS = np.sign(RNG.standard_normal((6, 40)))
CUES = np.sign(RNG.standard_normal((9, 40)))
SETTINGS = [(learning, kept) for learning in ("hebb", "pseudo_inverse") for kept in (False, True)]


def dense_couplings(patterns, learning, has_self_coupling):
    n_patterns, n_units = patterns.shape
    inverse = np.eye(n_patterns) if learning == "hebb" else np.linalg.inv(patterns @ patterns.T / n_units)
    weights = np.zeros((n_units, n_units))
    for i in range(n_units):
        for j in range(n_units):
            if i != j or has_self_coupling:
                weights[i, j] = patterns[:, i] @ inverse @ patterns[:, j] / n_units
    return weights


@pytest.mark.parametrize(("learning", "kept"), SETTINGS)
def test_couplings_are_the_sums_of_products(learning, kept):
    network = ClassicalHopfield(PATTERNS, learning=learning, has_self_coupling=kept)
    np.testing.assert_allclose(network.weights_matrix(), dense_couplings(PATTERNS, learning, kept), atol=1e-13)


@pytest.mark.parametrize(("learning", "kept"), SETTINGS)
def test_synchronous_update_is_that_of_all_units(learning, kept):
    network = ClassicalHopfield(PATTERNS, learning=learning, has_self_coupling=kept, update_order="synchronous")
    potential = CUES @ dense_couplings(PATTERNS, learning, kept).T
    np.testing.assert_array_equal(network.update(CUES), np.where(np.abs(potential) < 1e-12, CUES, np.sign(potential)))


@pytest.mark.parametrize(("learning", "kept"), SETTINGS)
def test_asynchronous_update_is_a_sweep_over_the_units(learning, kept):
    network = ClassicalHopfield(PATTERNS, learning=learning, has_self_coupling=kept, seed=3)
    weights, states = dense_couplings(PATTERNS, learning, kept), CUES.copy()
    for state in states:
        for i in network.order:
            potential = weights[i] @ state
            state[i] = state[i] if abs(potential) < 1e-12 else np.sign(potential)
    np.testing.assert_array_equal(network.update(CUES), states)
    assert sorted(network.order) == list(range(40))


@pytest.mark.parametrize("learning", ["hebb", "pseudo_inverse"])
def test_energy_is_the_double_sum_and_never_rises_in_sweeps(learning):
    network = ClassicalHopfield(PATTERNS, learning=learning)
    weights = dense_couplings(PATTERNS, learning, False)
    np.testing.assert_allclose(network.energy(CUES), [-0.5 * y @ weights @ y for y in CUES], rtol=1e-10)
    energy = network.retrieve(CUES, steps=20, every=1).energy
    assert np.all(np.diff(energy, axis=1) <= 1e-12)
    assert np.all(network.retrieve(CUES, steps=50).status == 1)


def test_a_few_patterns_are_recalled_from_noisy_cues():
    patterns = np.sign(RNG.standard_normal((10, 500)))
    cues = np.where(RNG.random(patterns.shape) < 0.2, -patterns, patterns)
    for update_order in ("asynchronous", "synchronous"):
        found = ClassicalHopfield(patterns, update_order=update_order).retrieve(cues, steps=30)
        np.testing.assert_array_equal(found.state, patterns)
        assert found.winner.values.tolist() == list(range(10))


def test_errors_of_one_update_are_those_of_gaussian_crosstalk():
    from scipy.stats import norm

    patterns = np.sign(RNG.standard_normal((300, 1000)))
    found = ClassicalHopfield(patterns, update_order="synchronous").update(patterns)
    expected = norm.sf(1 / np.sqrt(0.299))
    assert abs((found != patterns).mean() - expected) < 5 * np.sqrt(expected / 300000)


def test_the_pseudo_inverse_holds_correlated_patterns_that_hebb_does_not():
    common = np.sign(RNG.standard_normal(200))
    patterns = np.where(RNG.random((40, 200)) < 0.15, -common, common)
    for learning, is_fixed in (("pseudo_inverse", True), ("hebb", False)):
        network = ClassicalHopfield(patterns, learning=learning)
        assert np.array_equal(network.update(patterns), patterns) == is_fixed


def test_a_synchronous_network_may_end_in_a_cycle():
    network = ClassicalHopfield([[1, -1]], update_order="synchronous")
    start = np.array([[1.0, 1.0]])
    np.testing.assert_array_equal(network.update(start), -start)
    assert network.retrieve(start, steps=10).status == 0
    assert ClassicalHopfield([[1, -1]]).retrieve(start, steps=10).status == 1


def test_threads_and_company_do_not_matter():
    patterns = np.sign(RNG.standard_normal((60, 600)))
    cues = np.sign(RNG.standard_normal((40, 600)))
    for update_order in ("asynchronous", "synchronous"):
        network = ClassicalHopfield(patterns, update_order=update_order, learning="pseudo_inverse")
        together = network.retrieve(cues, steps=5, threads=3)
        np.testing.assert_array_equal(together.state[7], network.retrieve(cues[7], steps=5, threads=1).state[0])


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((PATTERNS[0],), {}, r"patterns must be a matrix \(pattern, unit\), got shape \(40,\)"),
        ((2 * PATTERNS,), {}, "patterns must be of 1 and -1"),
        ((PATTERNS,), {"learning": "storkey"}, "learning must be one of hebb, pseudo_inverse, got 'storkey'"),
        ((PATTERNS,), {"update_order": "random"}, "update_order must be one of asynchronous, synchronous"),
        ((PATTERNS,), {"has_self_coupling": 1}, "has_self_coupling must be True or False"),
        ((PATTERNS,), {"seed": -1}, "seed must be an integer >= 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ClassicalHopfield(*arguments, **settings)


@pytest.mark.parametrize("method", ["update", "energy", "weights", "retrieve"])
def test_bad_states_are_refused(method):
    call = getattr(ClassicalHopfield(PATTERNS), method)
    with pytest.raises(ValueError, match="must be of 1 and -1"):
        call(0.5 * CUES)
    with pytest.raises(ValueError, match="must have shape"):
        call(CUES[:, :5])
