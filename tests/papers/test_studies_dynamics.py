"""Studies of dynamics (branches of memories, chaos, basins in planes): they run, draw, claim, and can fail."""

import numpy as np
import pytest
import xarray as xr

from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.papers.studies import basin_slices, chaos, memory_branches

MODULES = {module.EXPERIMENT.name: module for module in (memory_branches, chaos, basin_slices)}


class Small(Run):
    """The quick scale with smaller sizes where there is a choice."""

    def pick(self, quick, paper):
        smaller = {21: 7, 60: 20, 100: 60, 50.0: 50.0}
        return smaller.get(quick, quick) if not isinstance(quick, tuple) else ((60,), 2, (0.7, 2.0))


@pytest.fixture(scope="module")
def datasets():
    return {name: module.EXPERIMENT.run(Small()) for name, module in MODULES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_experiments_draw_claim_and_survive_a_file(name, datasets, tmp_path):
    save_dataset(datasets[name], tmp_path / "found.nc")
    loaded = xr.load_dataset(tmp_path / "found.nc", engine="h5netcdf")
    MODULES[name].plot(loaded).savefig(tmp_path / "found.png")
    claims = MODULES[name].claims(loaded)
    assert {claim.verdict for claim in claims} == {"reproduced"}


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("memory_branches", "distance_near", 5.0),
        ("memory_branches", "distance_beyond", 0.5),
        ("memory_branches", "n_unstable", 1.0),
        ("chaos", "exponent", -1.0),
        ("basin_slices", "basin", -1.0),
    ],
)
def test_claims_can_fail(name, variable, value, datasets):
    other = datasets[name].copy(deep=True)
    other[variable] = xr.full_like(other[variable], value)
    assert "not reproduced" in {claim.verdict for claim in MODULES[name].claims(other)}


def test_a_branch_goes_through_the_memory_at_its_drive(datasets):
    part = datasets["memory_branches"].isel(memory=0).dropna("point", subset=["parameter"])
    at_memory = part.isel(point=int(np.argmin(part.to_memory.values)))
    assert float(at_memory.to_memory) < 1e-6
    assert abs(float(at_memory.parameter)) < 1e-9


def test_the_end_of_a_branch_is_its_first_special_point():
    turn = np.array([0.0, 0.5, 0.8, 0.7])
    path = xr.Dataset({"parameter": ("point", turn), "kind": ("point", [0, 0, 1, 0])})
    path["state"] = (("point", "unit"), np.ones((4, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_branches, "_drift", lambda model, state, change: change)
        end = memory_branches._end(None, path)
    assert end == {
        "end": 0.8,
        "end_kind": 1.0,
        "distance_near": pytest.approx(0.72),
        "distance_beyond": pytest.approx(0.88),
    }


def test_states_on_a_branch_are_interpolated():
    path = xr.Dataset(
        {"parameter": ("point", [2.0, 1.0, 0.0]), "state": (("point", "unit"), [[4.0, 0], [2, 1], [0, 2]])}
    )
    np.testing.assert_allclose(memory_branches._state_at(path, 0.5), [1.0, 1.5])


def test_chaos_begins_where_the_exponent_passes_its_level_last():
    exponents = chaos.CHAOTIC + np.array([[0.1, -0.1, 0.3, 0.5], [-1.0, -1.0, -1.0, -1.0]])
    found = chaos.onset(xr.Dataset({"exponent": (("network", "gain"), exponents)}, {"gain": [0.0, 1, 2, 3]}))
    np.testing.assert_allclose(found, [1.25, np.nan])


def test_the_linear_exponent_is_that_of_the_jacobian_at_rest():
    part = chaos._exponents(Small(), 12, 0, 0.3)
    rng = np.random.default_rng(Small().seed_for("studies/chaos/12/0"))
    weights = rng.standard_normal((12, 12)) / np.sqrt(12)
    assert part[2] == pytest.approx(np.linalg.eigvals(0.3 * weights - np.eye(12)).real.max(), rel=1e-9)  # rounding
    assert part[0] == pytest.approx(part[2], abs=0.02)


def test_the_kernel_is_the_equation():
    rng = np.random.default_rng(0)
    weights, y = rng.standard_normal((5, 5)), rng.standard_normal((3, 5))
    dy = np.empty_like(y)
    chaos.random_rates(0.0, y, dy, np.ascontiguousarray(weights.T), 1.7)
    np.testing.assert_allclose(dy, -y + 1.7 * np.tanh(y) @ weights.T, rtol=1e-12)  # rounding


def test_memories_are_at_the_corners_of_the_plane():
    memories = np.random.default_rng(1).standard_normal((4, 9))
    places = []

    def settle(states, seed):
        places.append(states)
        return states

    side = np.array([-0.866025403784, 0.0, 0.866025403784])
    basin_slices._slice(memories, settle, basin_slices.near(0.1), side, Small())
    found = places[0].reshape(3, 3, 9)  # y, x
    below = -0.5
    expected = memories[1] + (memories[2] - memories[1]) * 0.5  # between the lower corners, at x = 0
    origin, axes = found[1, 1], found[2, 1] - found[1, 1]
    np.testing.assert_allclose(origin + axes / 0.866025403784 * below, expected, atol=1e-9)  # rounding
