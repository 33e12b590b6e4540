"""The experiments of free and sequential recall and of rationales: runs, figures, claims, and single numbers."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis.recall import levenshtein_coefficient, unique_memory_ratio
from assocmem.papers.base import Run
from assocmem.papers.fenchel_young import free_recall, rationale, recall, sequential_recall
from assocmem.papers.record import save_dataset
from assocmem.recall import constrained_free_recall
from assocmem.recall import sequential_recall as recall_in_order

MODULES = (free_recall, sequential_recall, rationale)
RECALLS = (free_recall, sequential_recall)


@pytest.fixture
def small(monkeypatch):
    """Fewer patterns and values of beta."""
    monkeypatch.setattr(free_recall, "N_PATTERNS", 24)
    for module in RECALLS:
        monkeypatch.setitem(module.SIZES, "quick", (2, 4, 8, 24))
    monkeypatch.setitem(free_recall.BETAS, "quick", (2.0**-5, 8.0))


def subset(words, *, marks):
    return np.isin(np.arange(words), marks)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.EXPERIMENT.name)
def test_experiments_run_draw_and_claim(module, small, tmp_path):
    dataset = module.EXPERIMENT.run(Run())
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    module.EXPERIMENT.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in module.EXPERIMENT.claims(read)] == [
        claim.row() for claim in module.EXPERIMENT.claims(dataset)
    ]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.EXPERIMENT.name)
def test_what_theory_says_holds(module, small):
    claims = module.EXPERIMENT.claims(module.EXPERIMENT.run(Run(seed=1)))
    found = {claim.statement: claim.verdict for claim in claims if claim.source == "theory"}
    assert found
    assert set(found.values()) == {"reproduced"}


@pytest.mark.parametrize("module", RECALLS, ids=lambda m: m.EXPERIMENT.name)
def test_results_do_not_depend_on_threads(module, small):
    one, two = (module.EXPERIMENT.run(Run(threads=threads)) for threads in (1, 2))
    xr.testing.assert_identical(one, two)


# free and sequential recall


def test_a_small_set_is_the_beginning_of_a_large_one():
    images = recall.labelled_images(Run())
    small, large = (recall.memory_set(images, n, Run(), 1) for n in (5, 50))
    np.testing.assert_array_equal(large[:5], small)
    assert not np.array_equal(recall.memory_set(images, 5, Run(), 0), small)


def test_scores_of_digits_are_as_large_as_those_of_large_images():
    images = recall.labelled_images(Run())
    patterns = recall.memory_set(images, 10, Run(), 0)
    assert patterns.shape == (10, 64)
    assert np.abs(patterns).max() == pytest.approx(np.sqrt(784 / 64))


def test_curves_are_those_of_single_runs(small):
    dataset = free_recall.EXPERIMENT.run(Run())
    patterns = recall.memory_set(recall.labelled_images(Run()), 24, Run(), 2)
    found = constrained_free_recall(patterns, beta=8.0)
    at = {"images": "digits", "beta": 8.0, "separation": free_recall.CONSTRAINED}
    ours = dataset.sel(at).isel(repeat=2)
    assert float(ours.unique_memory_ratio_of_beta) == float(unique_memory_ratio(found.recorded, 24))
    assert float(ours.one_hot_share_of_beta) == float((found.largest_weight == 1).mean())


def test_directions_are_those_of_single_runs(small):
    dataset = sequential_recall.EXPERIMENT.run(Run())
    patterns = recall.memory_set(recall.labelled_images(Run()), 8, Run(), 0)
    recorded = recall_in_order(patterns, recall.SEPARATIONS["softmax"], inner_beta=0.1).recorded
    steps = np.diff([0, *recorded.values])
    ours = dataset.sel(images="digits", n_patterns=8, separation="softmax", inner_beta=0.1).isel(repeat=0)
    assert float(ours.levenshtein_coefficient) == float(levenshtein_coefficient(recorded))
    assert float(ours.forward_share) == np.mean(steps == 1)
    assert float(ours.backward_share) == np.mean(steps == -1)


def test_patterns_out_of_order_are_seen():
    forward = sequential_recall._scores(20.0 * np.eye(6), recall.SEPARATIONS["sparsemax"], 1.0)
    assert forward[-1]
    # all patterns alike: what is recalled is no sequence
    assert not sequential_recall._scores(np.ones((6, 3)), recall.SEPARATIONS["sparsemax"], 1.0)[-1]


def test_patterns_are_most_like_themselves_or_not():
    images = recall.Images("two", np.array([[1.0, 0.0], [3.0, 0.0]], dtype=np.float32), (1, 2))
    assert free_recall._share_of_largest(images, Run(), 0) == 0.5


# rationales


def test_marks_are_read_from_brackets():
    words, marks = rationale.parse("The [warm and] cold [tea], then")
    assert words == ["The", "warm", "and", "cold", "tea,", "then"]
    np.testing.assert_array_equal(marks, [False, True, True, False, True, False])


def test_all_words_of_the_lexicon_are_in_a_text():
    words = {word.strip(",.").lower() for text in rationale.TEXTS.values() for word in rationale.parse(text)[0]}
    assert set(rationale.STRENGTHS) <= words


def test_no_two_words_of_a_text_tie():
    for text in rationale.TEXTS.values():
        scores = rationale.scores_of(rationale.parse(text)[0])
        assert np.unique(scores).size == scores.size


def test_measures_by_hand():
    marks, weights = subset(8, marks=[1, 2, 3]), subset(8, marks=[0, 1, 2, 5]).astype(float)[None]
    n_picked, n_runs, pairs, f1, is_subset = rationale._measures((None, marks, None, weights, [2.0]))[0]
    assert (n_picked, n_runs, pairs, is_subset) == (4, 2, 2, 1)
    assert f1 == pytest.approx(2 * 2 / (4 + 3))


def test_pairs_of_a_mixture_are_the_slope_of_the_value():
    scores, e, step = np.array([0.3, -0.2, 0.9, 0.1, 0.5, 0.4]), 0.2, 1e-5
    operator = rationale.SequentialKSubsets(3, transition=e)
    weights, value = operator.evaluate(scores)
    assert np.any((weights > 0) & (weights < 1))
    pairs = rationale._mean_pairs(weights, float(value - scores @ weights), operator)
    low, high = (
        float(rationale.SequentialKSubsets(3, transition=e + sign * step).conjugate(scores)) for sign in (-1, 1)
    )
    assert pairs == pytest.approx((high - low) / (2 * step), abs=1e-4)  # difference quotient of a piecewise square
