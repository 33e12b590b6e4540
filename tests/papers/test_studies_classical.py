"""The studies of the classical network on systems whose answers are known, and at sizes that take no time."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit

from assocmem.analysis.classical_theory import stable_pattern_probability
from assocmem.models.classical import ClassicalHopfield
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.papers.studies import classical, classical_basins, classical_exact

TINY = {
    classical: {
        "SIZES": {"quick": (40, 60, 80)},
        "CUES": {"quick": 16},
        "SETS": {"quick": (4, 4)},
        "DRAWS": {"quick": 10},
        "CONTROL_SIZE": {"quick": 60},
        "OVERLAP_SIZE": {"quick": 200},
        "PSEUDO_SIZE": 40,
    },
    classical_exact: {"SIZES": {"quick": (60, 90)}, "SETS": {"quick": 16}, "DRAWS": {"quick": 10}},
    classical_basins: {
        "UNITS": {"quick": 40},
        "COARSE": (4, 4),
        "RADIUS_UNITS": {"quick": 40},
        "RADIUS_PATTERNS": {"quick": 2},
        "RADIUS_BISECTIONS": {"quick": 4},
    },
}
EXPERIMENTS = {module.EXPERIMENT.name: module.EXPERIMENT for module in (classical, classical_basins)}


@pytest.fixture
def tiny(monkeypatch):
    for module, settings in TINY.items():
        for name, value in settings.items():
            monkeypatch.setattr(module, name, value)


def restored(dataset, path):
    save_dataset(dataset, path)
    with xr.open_dataset(path, engine="h5netcdf") as file:
        return file.load()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_run_draw_and_claim(name, tiny, tmp_path):
    experiment = EXPERIMENTS[name]
    dataset = experiment.run(Run())
    read = restored(dataset, tmp_path / "data.nc")
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


def test_thresholds_depend_on_the_seed_and_not_on_threads(tiny):
    alone, together, other = (
        run.map(lambda n_units, run=run: float(classical._threshold(run, n_units)[1].threshold), [40, 80], label="")
        for run in (Run(), Run(threads=2), Run(seed=1))
    )
    assert alone == together
    assert all(a != b for a, b in zip(alone, other, strict=True))


def test_diagrams_depend_on_the_seed_and_not_on_threads(tiny):
    diagrams = [classical_basins.diagram(run, (3, 3), 0) for run in (Run(), Run(threads=2), Run(seed=1))]
    xr.testing.assert_identical(diagrams[0], diagrams[1])
    assert not np.array_equal(diagrams[0].overlap, diagrams[2].overlap)


def sweeps(patterns, cue, order):
    """Where a dense loop over units leads."""
    couplings = patterns.T @ patterns - len(patterns) * np.eye(patterns.shape[1])
    state = cue.copy()
    for _ in range(200):
        before = state.copy()
        for i in order:
            potential = couplings[i] @ state
            state[i] = np.sign(potential) if potential else state[i]
        if np.array_equal(before, state):
            break
    return state


def test_states_are_followed_until_they_rest_or_are_lost():
    patterns = classical_exact.random_signs(25, 1, n_units=120)
    order = ClassicalHopfield(patterns, seed=7).order
    expected = np.array([sweeps(patterns, pattern, order) for pattern in patterns])
    overlaps = np.mean(expected * patterns, axis=1)
    assert 3 < np.sum(overlaps < 0.8) < 22  # some of both kinds
    np.testing.assert_array_equal(classical.held(patterns, patterns, 7, lost=-1.0), expected)
    found = classical.held(patterns, patterns, 7)
    np.testing.assert_array_equal(found[overlaps >= 0.8], expected[overlaps >= 0.8])
    assert np.all(np.mean(found * patterns, axis=1)[overlaps < 0.8] < 0.8)


def by_chance(midpoint, width, *, success=0.92, failure=0.88):
    """System that holds a pattern with a known probability; overlaps on both sides of the criterion."""

    def recall(patterns, cues, seed):
        load = len(patterns) / patterns.shape[1]
        is_held = np.random.default_rng(seed).random(len(cues)) < expit(-(load - midpoint) / width)
        n_flipped = np.round((1 - np.where(is_held, success, failure)) / 2 * cues.shape[1])
        return np.where(np.arange(cues.shape[1]) < n_flipped[:, None], -cues, cues)

    return recall


def test_the_threshold_of_a_system_of_known_probability_is_found():
    run = Run()
    _, found = classical._threshold(run, 400, by_chance(0.175, 0.01))
    # the error of a fraction near the midpoint is sqrt(1 / 4 n) of about 700 cues, times 4 widths
    assert abs(float(found.threshold) - 0.175) < 4 * float(found.threshold_error) < 0.005
    assert abs(float(found.slope_width) - 0.01) < 4 * float(found.slope_width_error)
    with pytest.raises(ValueError, match="curve must pass through the probability 0.5"):
        classical._threshold(run, 400, by_chance(0.175, 0.01, success=0.89))


def made_up_thresholds(exponent):
    draws = np.random.default_rng(0).normal(0, 1e-4, (4, 50))
    for n_units, row in zip((100, 400, 1600, 6400), draws, strict=True):
        value = 0.138 + 0.8 * n_units**-exponent
        data = {"threshold": value, "threshold_error": 1e-4, "threshold_draws": ("draw", value + row)}
        yield xr.Dataset(data, attrs={"n_units": n_units, "scale": "linear", "probability": 0.5})


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_exponent_that_made_thresholds_is_the_likely_one(exponent):
    found = classical._extrapolated(list(made_up_thresholds(exponent)))
    assert float(found.exponent[found.chi_square.values.argmin()]) == exponent
    assert float(found.capacity.sel(exponent=exponent)) == pytest.approx(0.138, abs=1e-9)
    assert abs(float(found.capacity.sel(exponent=0.7)) - 0.138) > 6 * float(found.capacity_error.sel(exponent=0.7))


def capacity_dataset(limit):
    coords = {"exponent": [0.4, 0.5, 0.6, 0.7], "size": [100, 400, 1600]}
    values = {"capacity": [limit - 0.01, limit, limit + 0.01, limit + 0.02], "capacity_error": [1e-3] * 4}
    data = {name: ("exponent", numbers) for name, numbers in values.items()}
    return xr.Dataset(data | {"chi_square": ("exponent", [9.0, 1.0, 4.0, 16.0])}, coords)


def test_claims_of_the_capacity_depend_on_it():
    def claims(limit):
        return classical._capacity_claims(capacity_dataset(limit))

    def verdicts(limit):
        return [claim.verdict == "reproduced" for claim in claims(limit)]

    # free exponent against three values, the exponent itself, and the exponent fixed; exponents 0.5 and 0.6 are likely
    assert [claim.tolerance for claim in claims(0.138)] == pytest.approx([0.002, 0.012, 0.012, 0.0, 0.002])
    assert verdicts(0.138) == [True, True, True, True, True]
    assert verdicts(0.142) == [False, False, True, True, False]
    assert verdicts(0.120) == [False, False, False, True, False]
    assert verdicts(0.160) == [False, False, False, True, False]


def test_nothing_is_claimed_where_no_exponent_can_be_told_from_others():
    dataset = capacity_dataset(0.138).assign(chi_square=("exponent", [1.0, 1.1, 1.2, 1.3]))
    assert len(classical._capacity_claims(dataset)) == 1


class KeepsByChance:
    """Network whose patterns are fixed points with the probability of theory, each on its own."""

    def __init__(self, patterns, seed):
        self.probability = stable_pattern_probability(patterns.shape[1], len(patterns))
        self.rng = np.random.default_rng(seed)

    def update(self, cues, *, threads):
        new = cues.copy()
        new[self.rng.random(len(cues)) > self.probability, 0] *= -1
        return new


def test_patterns_without_errors_are_counted_one_by_one_and_as_sets(monkeypatch):
    monkeypatch.setattr(classical_exact, "ClassicalHopfield", KeepsByChance)
    monkeypatch.setattr(classical_exact, "SIZES", {"quick": (100,)})
    monkeypatch.setattr(classical_exact, "SETS", {"quick": 100})
    found = classical_exact.exact_numbers(Run()).isel(exact_size=0)
    # the logistic form errs by 1 %, and the threshold of whole patterns by a fraction of one
    assert np.all(np.abs(found.exact / found.exact_theory - 1) < 3 * found.exact_error / found.exact_theory + 0.01)
    assert np.all(found.exact_error < 0.025 * found.exact_theory)


def test_cues_have_the_corruption_that_they_should(monkeypatch):
    class Unmoved:
        def __init__(self, patterns, seed):
            pass

        def retrieve(self, cues, **settings):
            return xr.Dataset({"state": (("trajectory", "unit"), cues)})

    monkeypatch.setattr(classical_basins, "ClassicalHopfield", Unmoved)
    found = classical_basins.retrieval(0.1, 0.03, 0, n_units=1000, n_cues=40)
    assert found["overlap"] == pytest.approx(0.94, abs=5 * 2 * np.sqrt(0.03 * 0.97 / 40000))
    assert found["retrieved"] == 1.0
    assert classical_basins.retrieval(0.1, 0.1, 0, n_units=1000, n_cues=40)["retrieved"] == 0.0


def test_a_network_of_few_patterns_retrieves_from_afar_and_a_full_one_does_not():
    near = classical_basins.retrieval(0.02, 0.3, 5, n_units=200, n_cues=8)
    full = classical_basins.retrieval(0.5, 0.0, 5, n_units=200, n_cues=8)
    assert near == {"overlap": 1.0, "retrieved": 1.0}
    assert full["retrieved"] == 0.0


def known_border(load, flipped, seed, *, n_units, n_cues):
    rate = float(flipped < 0.403 - 2.5 * load)
    return {"overlap": rate, "retrieved": rate}


def test_a_known_border_is_refined_to_the_full_grid_and_its_runs_are_claimed(monkeypatch):
    monkeypatch.setattr(classical_basins, "retrieval", known_border)
    monkeypatch.setattr(classical_basins, "COARSE", (6, 6))
    monkeypatch.setattr(classical_basins, "REFINEMENTS", {"quick": 3})
    monkeypatch.setattr(classical_basins, "REPEATS", {"quick": 1})
    monkeypatch.setattr(classical_basins, "_radii", lambda run: xr.Dataset())
    dataset = classical_basins.compute(Run())
    load, flipped = np.meshgrid(dataset["load"], dataset.flipped)
    expected = np.where(flipped < 0.403 - 2.5 * load, "retrieved", "not retrieved")
    np.testing.assert_array_equal(dataset.label.values[dataset.full_phase.values], expected)
    claims = classical_basins._diagram_claims(dataset)
    assert [claim.verdict for claim in claims] == ["reproduced"] * 3
    assert claims[2].ours == 41 * 41 / int(dataset.is_computed.sum())
    spoiled = dataset.assign(phase=1 - dataset.phase)
    assert [claim.verdict for claim in classical_basins._diagram_claims(spoiled)][:2] == ["not reproduced"] * 2


def test_no_flip_is_undone_with_self_coupling_beyond_a_load_of_one_half(monkeypatch):
    monkeypatch.setattr(classical_basins, "RADIUS_UNITS", {"quick": 60})
    monkeypatch.setattr(classical_basins, "RADIUS_CUES", {"quick": 60})
    kept, without = (classical_basins._radius(Run(), (f"pseudo-inverse{s}", 0.8))[0] for s in (", self-coupling", ""))
    # half of the cues have no flip; two standard errors of sixty cues, and the bisection
    assert kept == pytest.approx(1 - 0.5 ** (1 / 60), abs=2 / (60 * np.sqrt(60)) + 0.5 / 2**6)
    assert without > kept
