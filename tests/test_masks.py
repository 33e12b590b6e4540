"""Masks: which patterns each cue sees, exactly as many as said, uniformly, and by the number of the cue alone."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chisquare

from assocmem.masks import FixedMask, RandomMask, TopScores, Window, share_of


@pytest.mark.parametrize("n_patterns", [6, 31, 32, 33, 100, 257])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 0.8])
def test_exact_masks_show_exactly_so_many_patterns(n_patterns, fraction):
    for seen in RandomMask(fraction, seed=3).patterns_of(20, n_patterns):
        assert seen.size == n_patterns - round(fraction * n_patterns)
        assert np.all(np.diff(seen) > 0) and 0 <= seen[0] and seen[-1] < n_patterns


@pytest.mark.parametrize("n_kept", [2, 4])  # drawn themselves, or by what is left out
def test_exact_masks_are_equally_likely(n_kept):
    sets = {c: i for i, c in enumerate(combinations(range(6), n_kept))}
    seen = RandomMask(1 - n_kept / 6, seed=0).patterns_of(15_000, 6)
    counts = np.bincount([sets[tuple(s)] for s in seen], minlength=len(sets))
    assert chisquare(counts).pvalue > 1e-3


def test_bernoulli_masks_show_each_pattern_by_itself():
    n_cues, n_patterns, p = 4000, 20, 0.3
    seen = np.zeros((n_cues, n_patterns))
    for row, places in zip(seen, RandomMask(p, seed=1, is_exact=False).patterns_of(n_cues, n_patterns), strict=True):
        row[places] = 1
    sigma = np.sqrt(p * (1 - p) / n_cues)
    assert np.all(np.abs(seen.mean(axis=0) - (1 - p)) < 4 * sigma)
    covariance = np.cov(seen.T)[~np.eye(n_patterns, dtype=bool)]
    assert np.all(np.abs(covariance) < 5 * p * (1 - p) / np.sqrt(n_cues))


def test_empty_bernoulli_masks_see_one_pattern_at_random_if_wanted():
    mask = RandomMask(0.9, seed=2, is_exact=False)
    sizes = [len(seen) for seen in mask.patterns_of(2000, 5)]
    assert sizes.count(0) == pytest.approx(2000 * 0.9**5, rel=0.1)  # four standard deviations
    filled = RandomMask(0.9, seed=2, is_exact=False, on_empty="one").patterns_of(2000, 5)
    assert min(map(len, filled)) == 1
    added = [f[0] for f, size in zip(filled, sizes, strict=True) if size == 0]
    assert chisquare(np.bincount(added, minlength=5)).pvalue > 1e-3


def test_a_cue_sees_the_same_whatever_the_other_cues():
    mask = RandomMask(0.4, seed=9)
    few, many = mask.patterns_of(3, 50), mask.patterns_of(300, 50)
    for a, b in zip(few, many, strict=False):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(many[0], many[1])
    assert not np.array_equal(many[0], RandomMask(0.4, seed=10).patterns_of(1, 50)[0])


def test_shared_masks_are_those_of_the_first_cue():
    alone, shared = RandomMask(0.4, seed=9), RandomMask(0.4, seed=9, is_shared=True)
    for seen in shared.patterns_of(4, 50):
        np.testing.assert_array_equal(seen, alone.patterns_of(1, 50)[0])


def test_windows_are_cut_at_the_ends():
    seen = Window(2).patterns_of(6, 6)
    assert [s.tolist() for s in seen[:3]] == [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert [s.tolist() for s in seen[3:]] == [[1, 2, 3, 4, 5], [2, 3, 4, 5], [3, 4, 5]]
    assert [s.tolist() for s in Window(0).patterns_of(3, 3)] == [[0], [1], [2]]


def test_fixed_masks_by_numbers_and_by_booleans():
    by_number, by_boolean = FixedMask([4, 1]), FixedMask(np.array([False, True, False, False, True]))
    for mask in (by_number, by_boolean):
        assert mask.is_shared
        assert [s.tolist() for s in mask.patterns_of(2, 5)] == [[1, 4], [1, 4]]
    each = np.array([[True, False, True], [False, True, False]])
    assert [s.tolist() for s in FixedMask(each).patterns_of(2, 3)] == [[0, 2], [1]]


def test_shares_of_patterns_are_rounded_down_but_not_by_binary_fractions():
    assert [share_of(0.2, n) for n in (4, 5, 15, 16)] == [1, 1, 3, 3]
    assert share_of(0.29, 100) == 29  # not the 28.999999999999996 of floating point
    assert TopScores(fraction=0.2).k(4) == 1
    assert TopScores(fraction=0.2).k(15) == 3
    assert TopScores(count=7).k(15) == 7


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomMask(1.0, seed=0), ValueError, r"fraction_masked must be in \[0, 1\), got 1.0"),
        (lambda: RandomMask(-0.1, seed=0), ValueError, r"fraction_masked must be in \[0, 1\), got -0.1"),
        (lambda: RandomMask(0.5, seed=-1), ValueError, "seed must be >= 0, got -1"),
        (lambda: RandomMask(0.5, seed=0, is_exact=1), TypeError, "is_exact must be True or False, got 1"),
        (lambda: RandomMask(0.5, seed=0, on_empty="all"), ValueError, "on_empty must be 'raise' or 'one', got 'all'"),
        (lambda: RandomMask(0.9, seed=0).patterns_of(1, 3), ValueError, "must leave at least one of the 3 patterns"),
        (lambda: Window(-1), ValueError, "radius must be an integer >= 0, got -1"),
        (lambda: Window(4).patterns_of(4, 4), ValueError, "radius must be below the length of the sequence, 4, got 4"),
        (lambda: Window(1).patterns_of(3, 4), ValueError, "cues must be as many as patterns, 4, for a window, got 3"),
        (lambda: TopScores(), ValueError, "count or fraction must be given, and not both, got None and None"),
        (lambda: TopScores(count=0), ValueError, "count must be an integer >= 1, got 0"),
        (lambda: TopScores(fraction=0.0), ValueError, r"fraction must be in \(0, 1\], got 0.0"),
        (lambda: TopScores(count=3).patterns_of(1, 2), ValueError, "count must be at most the number of patterns, 2"),
        (lambda: TopScores(count=2).patterns_of(1, 2), ValueError, "depend on the scores of a cue, not on its number"),
        (lambda: FixedMask([]), TypeError, "visible must be numbers of patterns or booleans, got dtype float64"),
        (lambda: FixedMask(np.array([], dtype=int)), ValueError, "must show at least one pattern to each cue"),
        (lambda: FixedMask(np.zeros((2, 3), dtype=bool)), ValueError, "must show at least one pattern to each cue"),
        (lambda: FixedMask([1, 1]), ValueError, r"visible must be different numbers >= 0, got \[1, 1\]"),
        (lambda: FixedMask([[1, 2]]), ValueError, r"visible must have shape .* got \(1, 2\)"),
        (
            lambda: FixedMask([5]).patterns_of(1, 5),
            ValueError,
            "visible must be below the number of patterns, 5, got 5",
        ),
        (lambda: FixedMask([True, False]).patterns_of(1, 3), ValueError, "visible must be for 3 patterns, got 2"),
        (lambda: FixedMask(np.eye(3, dtype=bool)).patterns_of(2, 3), ValueError, "a row for each of the 2 cues, got 3"),
    ],
)
def test_bad_masks_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
