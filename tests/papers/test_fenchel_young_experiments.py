"""The experiments of Hopfield-Fenchel-Young networks run, draw and claim, and survive a file."""

import numpy as np
import pytest
import xarray as xr

from assocmem.papers.base import Run
from assocmem.papers.fenchel_young import PAPER
from assocmem.papers.record import save_dataset

# those that take seconds; the others run with `assocmem reproduce`
SHORT = {e.name: e for e in PAPER.experiments if e.name in ("margins", "contours_l2", "rationale")}


@pytest.mark.parametrize("name", SHORT)
def test_experiments_run_draw_and_claim(name, tmp_path):
    experiment = SHORT[name]
    dataset = experiment.run(Run())
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


def test_experiments_have_their_own_names():
    names = [experiment.name for experiment in PAPER.experiments]
    assert len(set(names)) == len(names)


def test_binary_losses_at_a_gap_of_zero_are_the_negentropies_of_equal_weights():
    claims = SHORT["margins"].claims(SHORT["margins"].run(Run()))
    assert all(claim.verdict == "reproduced" for claim in claims)
    ours = [claim.ours for claim in claims]
    for constant in (np.log(2), 0.25, 1 - 2**-0.5):  # softmax, sparsemax, 2-normmax
        assert np.min(np.abs(np.array(ours) - constant)) < 1e-12
