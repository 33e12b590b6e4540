"""Initial weights and rates."""

import numpy as np
import pytest

from assocmem.learning.initial import RowSums, lognormal_rates, random_ei_weights


def test_blocks_have_their_row_sums():
    weights = random_ei_weights(6, 3, seed=0, row_sums=RowSums(ee=1.0, ei=2.0, ie=3.0, ii=4.0))
    blocks = [weights[:6, :6], weights[:6, 6:], weights[6:, :6], weights[6:, 6:]]
    for block, total in zip(blocks, [1.0, -2.0, 3.0, -4.0], strict=True):
        np.testing.assert_allclose(block.sum(axis=1), total, rtol=1e-12)


def test_diagonal_is_zero_and_signs_are_dales():
    weights = random_ei_weights(6, 3, seed=0)
    assert not np.diagonal(weights).any()
    assert weights[:, :6].min() >= 0.0 >= weights[:, 6:].max()


def test_lognormal_rates_have_their_moments():
    rates = lognormal_rates((400, 500), mean=5.0, sd=2.0, seed=3)
    # 2e5 draws: standard error of the mean 0.0045, of the sd below 0.006
    assert rates.mean() == pytest.approx(5.0, abs=0.02)
    assert rates.std() == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize(("n_e", "n_i", "name"), [(1, 5, "n_excitatory"), (5, 1, "n_inhibitory")])
def test_single_units_are_refused(n_e, n_i, name):
    with pytest.raises(ValueError, match=f"{name} must be >= 2, got 1"):
        random_ei_weights(n_e, n_i, seed=0)


def test_row_sums_of_another_type_are_refused():
    with pytest.raises(TypeError, match=r"row_sums must be a RowSums\(ee, ei, ie, ii\), got \[1, 2\]"):
        random_ei_weights(5, 5, seed=0, row_sums=[1, 2])
    with pytest.raises(TypeError, match="ee must be a number, got 'a'"):
        RowSums(ee="a")


def test_negative_row_sums_are_refused():
    with pytest.raises(ValueError, match="ei must be finite and >= 0 mV/Hz, got -1.3"):
        RowSums(ei=-1.3)
