"""Balance measures and the test for inhibition-stabilised networks."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import balance, excitatory_abscissa, spectrum

# one E and one I unit, 1/ms: E alone grows at 0.5, the pair is a damped rotation with trace -0.5
PAIR = SimpleNamespace(jacobian=lambda x: np.broadcast_to([[0.5, -2.0], [2.0, -1.0]], (*x.shape, 2)))


def currents(excitatory, inhibitory):
    return xr.Dataset(
        {"excitatory": (("pattern", "unit"), excitatory), "inhibitory": (("pattern", "unit"), inhibitory)}
    )


def test_inhibition_proportional_to_excitation_is_perfect_balance():
    excitatory = np.array([[1.0, 2.0], [4.0, 9.0]])
    result = balance(currents(excitatory, -0.8 * excitatory))
    assert float(result.correlation) == pytest.approx(1.0, abs=1e-12)
    assert float(result.cancelled) == pytest.approx(0.8, rel=1e-14)
    assert float(result.excitatory_mean) == 4.0
    assert float(result.inhibitory_sd) == pytest.approx(0.8 * excitatory.std(), rel=1e-14)


def test_correlation_is_over_all_entries():
    rng = np.random.default_rng(0)
    excitatory, inhibitory = rng.random((5, 8)), -rng.random((5, 8))
    expected = np.corrcoef(excitatory.ravel(), -inhibitory.ravel())[0, 1]
    assert float(balance(currents(excitatory, inhibitory)).correlation) == pytest.approx(expected, abs=1e-12)


def test_wrong_signs_and_missing_variables_are_refused():
    with pytest.raises(ValueError, match="excitatory currents must be >= 0"):
        balance(currents(-np.ones((1, 2)), -np.ones((1, 2))))
    with pytest.raises(ValueError, match="missing inhibitory"):
        balance(currents(np.ones((1, 2)), -np.ones((1, 2))).drop_vars("inhibitory"))


def test_an_inhibition_stabilised_pair_is_recognised():
    state = xr.DataArray([[0.0, 0.0]], dims=("pattern", "unit"))
    assert float(excitatory_abscissa(PAIR, state, n_excitatory=1)[0]) == pytest.approx(500.0)
    assert float(spectrum(PAIR, state).spectral_abscissa[0]) == pytest.approx(-250.0)  # half the trace


def test_the_number_of_excitatory_units_is_checked():
    with pytest.raises(ValueError, match=r"n_excitatory must be in 1\.\.2, got 3"):
        excitatory_abscissa(PAIR, xr.DataArray([0.0, 0.0], dims="unit"), n_excitatory=3)
