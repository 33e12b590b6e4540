"""Scores of a recall."""

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis.recall import levenshtein_coefficient, unique_memory_ratio
from tests import naive_fenchel_young as naive


def recorded(values):
    return xr.DataArray(np.asarray(values), dims="round")


def test_unique_memory_ratio_counts_each_pattern_once():
    assert float(unique_memory_ratio(recorded([3, 1, 3, 3, 0]), 5)) == 3 / 5


def test_levenshtein_coefficient_by_hand():
    # 1, 2, 4 from 1, 2, 3: one substitution
    assert float(levenshtein_coefficient(recorded([1, 2, 4]))) == pytest.approx(2 / 3, abs=1e-15)
    # kitten and sitting: three edits
    kitten, sitting = (np.array([ord(letter) for letter in word]) for word in ("kitten", "sitting"))
    assert float(levenshtein_coefficient(recorded(kitten), sitting)) == 0.5


def test_a_perfect_recall_has_the_same_value_in_both_scores():
    perfect = recorded([*range(1, 10), 9])
    assert float(levenshtein_coefficient(perfect)) == float(unique_memory_ratio(perfect, 10)) == 0.9


def test_a_recall_backward_has_almost_no_order():
    assert float(levenshtein_coefficient(recorded(np.arange(20, 0, -1)))) == 0.0
    assert float(levenshtein_coefficient(recorded(np.arange(21, 0, -1)))) == pytest.approx(1 / 21, abs=1e-15)


def test_scores_agree_with_plain_loops(rng):
    lists = xr.DataArray(rng.integers(0, 7, (4, 9, 3)), dims=("repeat", "round", "separation"))
    target = np.array([2, 5, 1, 0])
    ratios, plain = unique_memory_ratio(lists, 7), levenshtein_coefficient(lists)
    other = levenshtein_coefficient(lists, target)
    assert ratios.dims == plain.dims == ("repeat", "separation")
    for place in np.ndindex(4, 3):
        values = lists.values[place[0], :, place[1]].tolist()
        assert ratios.values[place] == naive.unique_memory_ratio(values, 7)
        assert plain.values[place] == naive.levenshtein_coefficient(values)
        assert other.values[place] == naive.levenshtein_coefficient(values, target.tolist())


@pytest.mark.parametrize("score", [lambda x, **d: unique_memory_ratio(x, 9, **d), levenshtein_coefficient])
def test_bad_lists_are_refused(score):
    with pytest.raises(TypeError, match="recorded must be a DataArray with the dimension round, got list"):
        score([1, 2])
    with pytest.raises(TypeError, match="recorded must be integers, got dtype float64"):
        score(recorded([1.0, 2.0]))
    with pytest.raises(ValueError, match="recorded must have the dimension time"):
        score(recorded([1, 2]), dim="time")
    with pytest.raises(ValueError, match="at least one entry"):
        score(recorded(np.zeros(0, dtype=int)))


def test_numbers_that_are_no_patterns_are_refused():
    with pytest.raises(ValueError, match="recorded must be from 0 to 2, got 1..3"):
        unique_memory_ratio(recorded([1, 3]), 3)
    with pytest.raises(ValueError, match="n_patterns must be an integer >= 1"):
        unique_memory_ratio(recorded([0]), 0)


def test_targets_that_are_no_lists_are_refused():
    with pytest.raises(ValueError, match="target must be a list of int"):
        levenshtein_coefficient(recorded([1, 2]), np.zeros((2, 2), dtype=int))
    with pytest.raises(ValueError, match="target must be a list of int"):
        levenshtein_coefficient(recorded([1, 2]), np.array([0.5]))
