"""Theory of the classical network against equations solved in another way, enumeration and large networks."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfc
from scipy.stats import norm

from assocmem.analysis.classical_theory import (
    critical_load,
    exact_capacity,
    ground_state_load,
    neurodynamic_border,
    neurodynamic_overlaps,
    one_step_errors,
    one_step_overlap,
    retrieval_state,
    spin_glass_energy,
    spin_glass_temperature,
    stable_pattern_probability,
)
from assocmem.models.classical import ClassicalHopfield


def iterated_mean_field(load, n_iterations=3000):
    """(m, r, C) of the equations of Amit, Gutfreund & Sompolinsky as they are printed, iterated from m = 1."""
    m, r = 1.0, 1.0
    for _ in range(n_iterations):
        sigma = math.sqrt(load * r)
        c = math.sqrt(2 / math.pi) * math.exp(-((m / sigma) ** 2) / 2) / sigma
        m, r = math.erf(m / (math.sqrt(2) * sigma)), 0.5 * r + 0.5 / (1 - c) ** 2
    return m, r, c


def signs(rng, *shape):
    return np.where(rng.random(shape) < 0.5, -1.0, 1.0)


@pytest.mark.parametrize("load", [0.02, 0.1, 0.13, 0.137])
def test_the_state_solves_the_printed_equations(load):
    state = retrieval_state(load)
    found = [float(state[name][0]) for name in ("overlap", "crosstalk", "susceptibility")]
    np.testing.assert_allclose(found, iterated_mean_field(load), rtol=1e-9, atol=1e-12)  # converged in 3000 steps
    assert float(state.error[0]) == pytest.approx(erfc(found[0] / np.sqrt(2 * load * found[1])) / 2, abs=1e-12)


def test_iterated_equations_lose_the_pattern_at_the_critical_load():
    assert iterated_mean_field(critical_load() - 1e-4)[0] > 0.96
    assert iterated_mean_field(critical_load() + 1e-4)[0] < 0.1
    assert np.isfinite(retrieval_state(critical_load() - 1e-9).overlap)
    assert np.isnan(retrieval_state(critical_load() + 1e-9).overlap)


def test_numbers_of_amit_gutfreund_and_sompolinsky():
    assert critical_load() == pytest.approx(0.137905, abs=1e-6)  # as Steffan & Kuehn (1994) print it
    edge = retrieval_state(critical_load() * (1 - 1e-12))
    assert float(edge.overlap[0]) == pytest.approx(0.967, abs=5e-4)
    assert float(edge.error[0]) == pytest.approx(0.016, abs=5e-4)
    # they print 0.051; the overlap is 1 to 1e-5 there, so that -1/2 is the energy
    assert ground_state_load() == pytest.approx(np.pi / 2 * (0.5 - 1 / np.pi) ** 2, abs=1e-4)


def test_energy_changes_with_load_as_the_free_energy_does():
    # at an extremum only the explicit load counts: dE / d alpha = (1 - 1 / (1 - C)) / 2
    load, step = 0.12, 1e-4
    low, middle, high = retrieval_state([load - step, load, load + step]).transpose("load").energy.values
    susceptibility = float(retrieval_state(load).susceptibility[0])
    # differences err by step^2 times a third derivative of order 10
    assert (high - low) / (2 * step) == pytest.approx((1 - 1 / (1 - susceptibility)) / 2, abs=1e-6)
    assert middle < -0.5


def warm_mean_field(load, temperature, m=1.0, q=1.0, n_iterations=2000):
    """(m, q) of the printed equations at a temperature, iterated from a start, with integrals by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    for _ in range(n_iterations):
        r = q / (1 - (1 - q) / temperature) ** 2
        response = np.tanh((np.sqrt(load * r) * nodes + m) / temperature)
        new = (float(weights @ values) / math.sqrt(2 * math.pi) for values in (response, response**2))
        m, q = (0.9 * old + 0.1 * value for old, value in zip((m, q), new, strict=True))  # else it wanders about 0
    return m, q


@pytest.mark.parametrize("temperature", [0.3, 0.6, 0.8])
def test_the_pattern_is_lost_at_the_critical_load_of_a_temperature(temperature):
    load = critical_load(temperature)
    assert warm_mean_field(0.99 * load, temperature)[0] > 0.3
    assert warm_mean_field(1.02 * load, temperature)[0] < 0.1


def test_critical_loads_near_the_ends_of_temperature():
    # Amit, Gutfreund & Sompolinsky (1985): T = 1 - 1.95 sqrt(load) for few patterns
    assert (1 - 0.97) / np.sqrt(critical_load(0.97)) == pytest.approx(1.95, abs=0.03)
    # the replica-symmetric line bends back a little (Naef & Canning 1992)
    assert critical_load() < critical_load(0.02) < critical_load() + 5e-4
    assert critical_load(0.1) < critical_load()


def test_order_ends_at_the_temperature_of_the_spin_glass():
    load = 0.04
    edge = float(spin_glass_temperature(load)[0])
    assert edge == pytest.approx(1.2)
    assert warm_mean_field(load, edge - 0.02, m=0.0, q=0.01)[1] > 0.01
    assert warm_mean_field(load, edge + 0.02, m=0.0, q=0.01)[1] < 1e-4


@pytest.mark.parametrize("load", [0.01, 0.2, 1.0])
def test_spin_glass_energy_is_that_of_the_solution_without_overlap(load):
    r = brentq(lambda r: r - (1 - np.sqrt(2 / (np.pi * load * r))) ** -2, (2 / (np.pi * load)) * (1 + 1e-9), 1e6)
    assert spin_glass_energy(load)[0] == pytest.approx(load * (1 - r) / 2, rel=1e-9)


def test_errors_and_energy_are_those_of_large_networks():
    n_units, load, errors, energies = 1500, 0.12, [], []
    for seed in range(4):
        patterns = signs(np.random.default_rng(seed), round(load * n_units), n_units)
        found = ClassicalHopfield(patterns).retrieve(patterns[:32], steps=50, threads=1)
        errors.append((found.state.values != patterns[:32]).mean(axis=1))
        energies.append(found.energy.values / n_units)
    state = retrieval_state(load)
    for values, theory in ((errors, state.error), (energies, state.energy)):
        error_of_mean = np.std(values, ddof=1) / np.sqrt(128)
        assert abs(np.mean(values) - float(theory[0])) < 3 * error_of_mean < 0.002
    assert np.mean(errors) > 1.2 * one_step_errors(n_units, len(patterns))  # more than the first update leaves


def test_first_update_is_exact_over_all_small_networks():
    n_units, n_patterns = 3, 3
    for n_flipped in range(n_units + 1):
        wrong = 0
        for bits in product((-1.0, 1.0), repeat=n_units * n_patterns):
            patterns = np.array(bits).reshape(n_patterns, n_units)
            cue = patterns[0] * np.where(np.arange(n_units) < n_flipped, -1, 1)
            couplings = patterns.T @ patterns
            np.fill_diagonal(couplings, 0)
            potential = couplings @ cue
            wrong += np.sum(np.where(potential == 0, cue, np.sign(potential)) != patterns[0])
        expected = wrong / n_units / 2 ** (n_units * n_patterns)
        assert one_step_errors(n_units, n_patterns, n_flipped) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("n_flipped", [0, 100])
def test_first_update_of_a_network(n_flipped):
    n_units, n_patterns, rng = 500, 80, np.random.default_rng(1)
    wrong = []
    for _ in range(60):
        patterns = signs(rng, n_patterns, n_units)
        cue = patterns[0].copy()
        cue[rng.permutation(n_units)[:n_flipped]] *= -1
        wrong.append((ClassicalHopfield(patterns, update_order="synchronous").update(cue) != patterns[0]).mean())
    expected = one_step_errors(n_units, n_patterns, n_flipped)
    assert abs(np.mean(wrong) - expected) < 4 * np.std(wrong, ddof=1) / np.sqrt(60) < 0.5 * expected


def test_first_update_of_many_units_is_an_error_function():
    load, overlap = 0.1, 0.4
    exact = 1 - 2 * one_step_errors(100_000, 10_001, 30_000)
    integral = 2 * quad(norm.pdf, 0, overlap / np.sqrt(load))[0]
    assert one_step_overlap(overlap, load) == pytest.approx(integral, abs=1e-12)
    assert exact == pytest.approx(integral, abs=1e-4)  # corrections of order 1 / N and of order 1 / sqrt(N P) by ties
    np.testing.assert_allclose(0.5 - one_step_overlap(1.0, load) / 2, erfc(1 / np.sqrt(2 * load)) / 2, atol=1e-15)


@pytest.mark.parametrize(("n_units", "n_patterns"), [(50, 11), (60, 12), (100, 18)])
def test_probability_of_stable_patterns_is_that_of_networks(n_units, n_patterns):
    n_sets, rng = 4000, np.random.default_rng(2)
    patterns = signs(rng, n_sets, n_patterns, n_units)
    overlaps = np.einsum("spu,su->sp", patterns, patterns[:, 0])
    potential = np.einsum("spu,sp->su", patterns, overlaps) - n_patterns * patterns[:, 0]
    is_stable = np.all(potential * patterns[:, 0] >= 0, axis=1)
    expected = stable_pattern_probability(n_units, n_patterns)
    # three standard errors, and 0.01 for numbers that are not normal; independent units would be 0.05 below
    assert abs(is_stable.mean() - expected) < 3 * np.sqrt(0.25 / n_sets) + 0.01
    independent = (1 - one_step_errors(n_units, n_patterns)) ** n_units
    assert is_stable.mean() > independent + 3 * np.sqrt(0.25 / n_sets)


def test_one_or_two_patterns_are_stable():
    assert stable_pattern_probability(20, 1) == 1.0
    assert stable_pattern_probability(20, 2) == pytest.approx(1.0, abs=1e-4)


def test_exact_capacity_is_the_leading_term():
    # half of the patterns are stable where N Q(sqrt(N / P)) = log 2; for log N = L, by the tail of the normal
    # distribution, N / P = 2 L - log(4 pi L) - 2 log log 2
    ratios = [2 * size / (2 * size - np.log(4 * np.pi * size) - 2 * np.log(np.log(2))) for size in (10, 100, 1000)]
    assert ratios[0] > ratios[1] > ratios[2] > 1
    assert ratios[2] == pytest.approx(1, abs=0.01)
    n_units = 20_000
    half = brentq(lambda p: stable_pattern_probability(n_units, round(p)) - 0.5, 100, 5000, xtol=1)
    assert half / exact_capacity(n_units) == pytest.approx(
        2 * np.log(n_units) / (2 * np.log(n_units) - np.log(4 * np.pi * np.log(n_units)) - 2 * np.log(np.log(2))),
        rel=0.02,  # the tail's next term is of relative order 1 / log N^2
    )
    assert exact_capacity(1000) == pytest.approx(1000 / (2 * np.log(1000)))
    assert exact_capacity(1000, of_all=True) == pytest.approx(exact_capacity(1000) / 2)


def test_neurodynamics_follows_a_network_at_first():
    n_units, load, overlap, rng = 4000, 0.08, 0.3, np.random.default_rng(3)
    patterns = signs(rng, round(load * n_units), n_units)
    states = patterns[:20] * np.where(np.arange(n_units) < round((1 - overlap) / 2 * n_units), -1, 1)
    network, measured = ClassicalHopfield(patterns, update_order="synchronous"), [overlap]
    for _ in range(3):
        states = network.update(states, threads=1)
        measured.append(np.mean(states * patterns[:20]))
    theory = neurodynamic_overlaps(overlap, load, steps=3)
    errors = np.abs(measured - theory)
    assert errors[1] < 0.01  # exact for many units: twenty cues of 4000 units err by 0.004
    assert errors.max() < 0.04  # what is left out


def test_neurodynamic_critical_load_is_that_of_the_paper():
    loads = np.linspace(0.15, 0.17, 21)
    held = loads[np.isfinite(neurodynamic_border(loads))]
    assert held.max() + 0.0005 == pytest.approx(0.16, abs=0.0006)  # Amari & Maginu: 0.16
    assert critical_load() < held.max()


def test_overlaps_part_at_the_border():
    loads = np.array([0.03, 0.08, 0.12])
    border = neurodynamic_border(loads)
    assert np.all(np.diff(border) > 0)
    assert np.all(neurodynamic_overlaps(border + 1e-6, loads, steps=300)[:, -1] > 0.9)
    assert np.all(neurodynamic_overlaps(border - 1e-6, loads, steps=300)[:, -1] < 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: critical_load(1.0), r"temperature must be 0 or in \[0.02, 1\), got 1.0"),
        (lambda: critical_load(0.001), "temperature must be 0 or in"),
        (lambda: retrieval_state(0.0), "load must be numbers > 0, got 0.0"),
        (lambda: spin_glass_energy([[0.1]]), "load must be numbers > 0"),
        (lambda: neurodynamic_border(-0.1), "load must be numbers > 0"),
        (lambda: one_step_overlap(1.5, 0.1), r"overlap must be in \[-1, 1\], got 1.5"),
        (lambda: neurodynamic_overlaps(0.5, 0.0, steps=1), "load must be > 0"),
        (lambda: neurodynamic_overlaps(0.5, 0.1, steps=-1), "steps must be an integer >= 0"),
        (lambda: one_step_errors(10, 3, 11), "n_flipped must be at most n_units = 10, got 11"),
        (lambda: one_step_errors(10, 0), "n_patterns must be an integer >= 1"),
        (lambda: stable_pattern_probability(0, 3), "n_units must be an integer >= 1"),
        (lambda: exact_capacity(1), "n_units must be an integer >= 2"),
        (lambda: exact_capacity(10, of_all=1), "of_all must be True or False, got 1"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
