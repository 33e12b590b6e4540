"""The comparison of all systems: its patterns and cues, that it measures what it says, and that its claims can fail."""

import sys

import numpy as np
import pytest
import xarray as xr

from assocmem.images import MissingExtra
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.papers.studies import comparison
from assocmem.papers.studies.comparison import CONTENDERS, RANDOM_EXPERIMENT, Sizes, measure
from assocmem.systems import NearestPattern, SignSystem

NAMES = ("hebb", "pseudo_inverse", "push_pull", "no_feedback", "cdam", "nearest")
SMALL = Sizes(NAMES, (4, 8), (0.0, 0.2), 4, 2, 2, 1.0, n_cues=5, n_bisections=2)


@pytest.fixture(scope="module")
def dataset():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "QUICK", SMALL)
        return RANDOM_EXPERIMENT.run(Run())


def changed(dataset, name, system, value):
    """The dataset with other numbers of a system."""
    other = dataset.copy(deep=True)
    other[name].loc[{"system": system}] = value
    return other


def verdicts(dataset, words):
    return {claim.verdict for claim in comparison.claims(dataset) if words in claim.statement}


def test_related_patterns_have_the_overlap_of_their_parents_squared():
    patterns = comparison.related_signs(400, 0)
    overlaps = np.mean(patterns[0::4] * patterns[1::4], axis=1)
    assert overlaps.mean() == pytest.approx(0.25, abs=4 * 0.125 / 10)  # four standard errors
    assert abs(np.mean(patterns[3:-1:4] * patterns[4::4])) < 4 * 0.125 / 10


@pytest.mark.parametrize("n_patterns", [1, 4, 6])
def test_patterns_are_as_many_as_asked_for(n_patterns):
    for make in (*comparison.RANDOM.values(), comparison.digit_signs):
        patterns = make(n_patterns, 1)
        assert patterns.shape == (n_patterns, 64)
        assert np.all(abs(patterns) == 1)


def test_digits_are_all_different():
    patterns = comparison.digit_signs(1000, 0)
    assert len(np.unique(patterns, axis=0)) == 1000


def test_more_flips_include_fewer():
    patterns = comparison.independent_signs(50, 0)
    few, many = (comparison.flipped(patterns, p, 1) != patterns for p in (0.1, 0.3))
    assert not np.any(few & ~many)
    assert many.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 3200))  # four standard errors


def test_what_is_measured_is_the_share_of_right_answers(monkeypatch):
    class Liar(SignSystem):
        """Right for patterns whose first sign is 1."""

        def memory(self, patterns, seed):
            return lambda cues, seed: patterns[: len(cues)] * patterns[: len(cues), :1]

    sizes = Sizes(loads=(8,), flips=(0.0,), n_patterns=8, sets=6, most_sets=6, width=1.0, n_cues=1, n_bisections=1)
    liar = comparison.Contender(Liar(), "liar", "black")
    expected = [
        (comparison.independent_signs(8, int(np.random.SeedSequence(5, spawn_key=(8, k)).generate_state(3)[0])))
        for k in range(6)
    ]
    share = np.mean([patterns[:, 0] > 0 for patterns in expected])
    monkeypatch.setattr(comparison, "_radii", lambda *_: np.zeros(8))
    assert measure(liar, comparison.independent_signs, sizes, 5)["capacity"][0, 0] == pytest.approx(share)


def test_patterns_are_stored_once_for_all_corruptions():
    stored = []

    class Counting(SignSystem):
        def memory(self, patterns, seed):
            stored.append(patterns.tobytes())
            return NearestPattern().memory(patterns, seed)

    contender = comparison.Contender(Counting(), "counting", "black")
    measure(contender, comparison.independent_signs, SMALL, 0)
    assert len(stored) == len(set(stored))


def test_results_do_not_depend_on_threads(monkeypatch, dataset):
    monkeypatch.setattr(comparison, "QUICK", SMALL)
    xr.testing.assert_identical(RANDOM_EXPERIMENT.run(Run(threads=2)), dataset)


def test_experiments_draw_and_survive_a_file(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "comparison.nc")
    loaded = xr.load_dataset(tmp_path / "comparison.nc", engine="h5netcdf")
    comparison.plot(loaded).savefig(tmp_path / "comparison.png")
    assert [c.row() for c in comparison.claims(loaded)] == [c.row() for c in comparison.claims(dataset)]


def test_the_bound_is_a_bound(dataset):
    assert verdicts(dataset, "no system retrieves more") == {"reproduced"}
    better = changed(dataset, "capacity_low", "hebb", 1.1)
    assert verdicts(better, "no system retrieves more") == {"not reproduced"}


def test_claims_of_order_and_of_feedback_can_fail(dataset):
    assert "not reproduced" in verdicts(changed(dataset, "capacity", "cdam", 0.5), "CDAM")
    assert verdicts(changed(dataset, "capacity_high", "hebb", 1.0), "pseudo-inverse retrieves more") == {
        "not reproduced"
    }
    assert verdicts(changed(dataset, "capacity", "no_feedback", 5.0), "feedback leaves") == {"not reproduced"}


def test_every_contender_has_a_look_of_its_own():
    assert len({(c.colour, c.line) for c in CONTENDERS.values()}) == len(CONTENDERS)


def test_images_need_their_package(monkeypatch):
    comparison.all_digit_signs.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match="scikit-learn"):
        comparison.IMAGE_EXPERIMENT.run(Run())
