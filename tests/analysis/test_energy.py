"""The energy audit finds rises and only those."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis import audit_energy


def energies(*rows):
    time = ("time", 0.5 * np.arange(len(rows[0])), {"units": "ms"})
    return xr.DataArray(list(rows), dims=("trajectory", "time"), coords={"time": time})


def test_a_falling_energy_passes():
    audit = audit_energy(energies([3.0, 2.0, 2.0, 1.0]))
    assert bool(audit.is_descending[0])
    assert float(audit.largest_rise[0]) == 0.0
    assert np.isnan(audit.time_of_largest_rise[0])
    assert float(audit.net_change[0]) == -2.0


def test_rises_are_located_and_summed():
    audit = audit_energy(energies([3.0, 3.5, 1.0, 2.0, 1.0]))
    assert not bool(audit.is_descending[0])
    assert float(audit.largest_rise[0]) == 1.0
    assert float(audit.time_of_largest_rise[0]) == 1.5
    assert int(audit.n_rises[0]) == 2
    assert float(audit.total_rise[0]) == 1.5


def test_round_off_is_no_rise():
    assert bool(audit_energy(energies([1.0, 1.0 + 4e-16])).is_descending[0])
    assert not bool(audit_energy(energies([1.0, 1.0 + 4e-16]), rtol=0.0).is_descending[0])


def test_nan_is_no_descent():
    audit = audit_energy(energies([2.0, np.nan], [2.0, 1.0]))
    np.testing.assert_array_equal(audit.is_descending, [False, True])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="energy must have at least 2 times, got 1"):
        audit_energy(energies([1.0]))
    with pytest.raises(ValueError, match="rtol must be >= 0, got -1"):
        audit_energy(energies([1.0, 0.0]), rtol=-1)
