"""Hierarchies of patterns: structure, statistics of the tree, noisy cues, and what bad input gets."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from assocmem.hierarchy import Hierarchy, hierarchical_patterns, hierarchy_from_binary, noisy_cue
from tests import naive_push_pull as naive

BRANCHING, CORRELATIONS = (2, 4, 5), (0.3, 0.6)  # b2, b1


@pytest.fixture
def tree():
    return hierarchical_patterns(60, BRANCHING, CORRELATIONS, seed=3)


def overlaps(first, second):
    return first.astype(float) @ second.astype(float).T / first.shape[1]


# structure


def test_levels_and_parents_are_those_of_the_branching(tree):
    assert [level.shape for level in tree.patterns] == [(40, 60), (8, 60), (2, 60)]
    assert all(level.dtype == np.int8 and set(np.unique(level)) == {-1, 1} for level in tree.patterns)
    np.testing.assert_array_equal(tree.parents[0], np.arange(40) // 5)
    np.testing.assert_array_equal(tree.parents[1], np.arange(8) // 4)
    assert (tree.n_levels, tree.n_units) == (3, 60)


def test_ancestors_and_relatives_follow_the_parents(tree):
    assert [tree.ancestor(23, level) for level in range(3)] == [23, 4, 1]
    np.testing.assert_array_equal(tree.ancestors(2), np.arange(40) // 20)
    np.testing.assert_array_equal(tree.relatives(23, 1), np.arange(20, 25))
    np.testing.assert_array_equal(tree.relatives(23, 2), np.arange(20, 40))
    np.testing.assert_array_equal(tree.relatives(23, 0), [23])


def test_patterns_of_all_levels_have_numbers_in_one_list(tree):
    np.testing.assert_array_equal(tree.first, [0, 40, 48, 50])
    np.testing.assert_array_equal(tree.parent_of, [*(40 + np.arange(40) // 5), *(48 + np.arange(8) // 4), -1, -1])


def test_the_lowest_levels_are_a_hierarchy(tree):
    lower = tree.lowest(2)
    assert lower.n_levels == 2 and len(lower.parents) == 1
    np.testing.assert_array_equal(lower.patterns[1], tree.patterns[1])
    with pytest.raises(ValueError, match="n_levels must be at most 3, got 4"):
        tree.lowest(4)


def test_a_tree_of_one_level_is_a_set_of_patterns():
    flat = hierarchical_patterns(30, (7,), (), seed=0)
    assert flat.n_levels == 1 and flat.patterns[0].shape == (7, 30) and flat.parents == ()


def test_a_tree_may_have_four_levels():
    deep = hierarchical_patterns(2000, (2, 2, 2, 2), (0.9, 0.9, 0.9), parents="generative", seed=0)
    assert [len(level) for level in deep.patterns] == [16, 8, 4, 2]
    # 0.9^3 from child to root, with the standard error of a sum of 2000 signs
    assert overlaps(deep.patterns[0][:1], deep.patterns[3][:1])[0, 0] == pytest.approx(0.729, abs=4 / np.sqrt(2000))


def test_patterns_cannot_be_changed(tree):
    with pytest.raises(ValueError, match="read-only"):
        tree.patterns[0][0, 0] = 1


def test_the_dataset_holds_levels_and_parents_and_goes_through_netcdf(tree, tmp_path):
    tree.to_dataset().to_netcdf(tmp_path / "tree.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "tree.nc", engine="h5netcdf") as ds:
        np.testing.assert_array_equal(ds.level_1, tree.patterns[1])
        np.testing.assert_array_equal(ds.parent_0, tree.parents[0])
        assert ds.level_0.dims == ("pattern_0", "unit") and ds.parent_1.dims == ("pattern_1",)


def test_equal_seeds_give_equal_trees_and_others_do_not(tree):
    again, other = (hierarchical_patterns(60, BRANCHING, CORRELATIONS, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(again.patterns[0], tree.patterns[0])
    assert np.any(other.patterns[0] != tree.patterns[0])


def test_bits_and_signs_are_the_same_hierarchy(tree):
    levels = [(level > 0).astype(kind) for level, kind in zip(tree.patterns, (bool, np.uint8, float), strict=True)]
    again = hierarchy_from_binary(levels, tree.parents)
    for ours, theirs in zip(again.patterns, tree.patterns, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# statistics


def generative(b1, b2, n_units=4000, branching=(2, 4, 5)):
    return hierarchical_patterns(n_units, branching, (b2, b1), parents="generative", seed=11)


@pytest.mark.parametrize(("b1", "b2"), [(0.15, 0.1), (0.6, 0.4), (-0.5, 0.3)])
def test_overlaps_of_drawn_patterns_are_products_of_correlations(b1, b2):
    tree = generative(b1, b2)
    children, parents, roots = tree.patterns
    family, root = tree.ancestors(1), tree.ancestors(2)
    same_family, same_root = family[:, None] == family, root[:, None] == root
    expected = np.where(same_family, b1**2, np.where(same_root, (b1 * b2) ** 2, 0.0))
    np.fill_diagonal(expected, 1.0)
    # the largest of a thousand sums of 4000 signs, each with a standard deviation below 1 / sqrt(4000)
    band = 5 / np.sqrt(4000)
    np.testing.assert_allclose(overlaps(children, children), expected, rtol=0, atol=band)
    own = np.arange(len(children))
    np.testing.assert_allclose(overlaps(children, parents)[own, family], b1, rtol=0, atol=band)
    np.testing.assert_allclose(overlaps(children, roots)[own, root], b1 * b2, rtol=0, atol=band)
    np.testing.assert_allclose(overlaps(parents, roots)[np.arange(8), tree.parents[1]], b2, rtol=0, atol=band)
    np.testing.assert_allclose(overlaps(parents, parents)[0, 1:4], b2**2, rtol=0, atol=band)


@pytest.mark.parametrize(("b", "is_equal"), [(1.0, True), (-1.0, False)])
def test_a_correlation_of_one_copies_and_of_minus_one_inverts(b, is_equal):
    tree = generative(b, 0.0, n_units=50)
    copies = tree.patterns[1][tree.parents[0]]
    np.testing.assert_array_equal(tree.patterns[0], copies if is_equal else -copies)


def test_majority_parents_are_those_of_a_loop(tree):
    expected = naive.majority_tree(tree.patterns[0].astype(int), BRANCHING[::-1])
    for ours, theirs in zip(tree.patterns, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_both_kinds_of_parents_have_the_same_children(tree):
    drawn = hierarchical_patterns(60, BRANCHING, CORRELATIONS, parents="generative", seed=3)
    np.testing.assert_array_equal(drawn.patterns[0], tree.patterns[0])
    assert np.any(drawn.patterns[1] != tree.patterns[1])


def test_a_tie_counts_nothing_above_and_becomes_minus_one_in_the_end():
    """Two children for each of two parents: where they disagree the parent is -1, and the other decides above."""
    tree = hierarchical_patterns(400, (1, 2, 2), (0.0, 0.0), seed=0)
    sums = tree.patterns[0].reshape(2, 2, 400).sum(axis=1, dtype=int)
    np.testing.assert_array_equal(tree.patterns[1][sums == 0], -1)
    is_decided_by_one = (sums[0] == 0) & (sums[1] != 0)
    assert is_decided_by_one.any()
    np.testing.assert_array_equal(tree.patterns[2][0, is_decided_by_one], tree.patterns[1][1, is_decided_by_one])
    np.testing.assert_array_equal(tree.patterns[2][0, (sums == 0).all(axis=0)], -1)


@pytest.mark.parametrize(
    ("n_children", "b1", "with_child", "with_drawn"),
    [(25, 0.15, 0.202, 0.554), (15, 0.15, 0.242, 0.448), (25, 0.2, 0.233, 0.693), (15, 0.3, 0.331, 0.774)],
)
def test_the_majority_resembles_its_children_more_than_the_drawn_parent_does(n_children, b1, with_child, with_drawn):
    options = {"branching": (2, 4, n_children), "correlations": (0.1, b1), "seed": 5}
    majority = hierarchical_patterns(4000, **options)
    drawn = hierarchical_patterns(4000, **options, parents="generative")
    family = majority.parents[0]
    ours = np.mean(majority.patterns[0] * majority.patterns[1][family])
    # 4000 units x 8 parents of nearly independent signs, and the last digit that is quoted
    band = 4 / np.sqrt(4000 * 8) + 5e-4
    assert ours == pytest.approx(with_child, abs=band)
    assert np.mean(majority.patterns[1] * drawn.patterns[1]) == pytest.approx(with_drawn, abs=band)


def test_ties_of_an_even_number_of_parents_switch_units_off():
    """With P_b = 4 a tie has the probability 6/16 (1 - q^2)^2, q the overlap of majority parent and grandparent."""
    n_units, b1, b2 = 20000, 0.15, 0.1
    tree = hierarchical_patterns(n_units, (2, 4, 25), (b2, b1), seed=7)
    agreeing = binom.pmf(np.arange(26), 25, (1 + b1) / 2)
    q = b2 * (agreeing[13:].sum() - agreeing[:13].sum())
    expected = -0.375 * (1 - q**2) ** 2
    assert expected == pytest.approx(-0.37, abs=0.005)
    # 40000 independent signs
    assert tree.patterns[2].mean() == pytest.approx(expected, abs=4 / np.sqrt(2 * n_units))
    assert tree.patterns[1].mean() == pytest.approx(0.0, abs=4 / np.sqrt(8 * n_units))


# cues


def test_a_cue_without_noise_is_the_target(tree):
    np.testing.assert_array_equal(noisy_cue(tree, 4, intra=0.0, inter=0.0, seed=0), tree.patterns[0][[4]])


def test_a_cue_takes_the_stated_number_of_units_from_each_relative():
    # three patterns that differ everywhere or nowhere: each copied unit shows
    target, sibling, cousin = (
        np.array(signs, np.int8).repeat(25) for signs in ([1, 1, 1, 1], [-1] * 4, [1, 1, -1, -1])
    )
    tree = Hierarchy((np.array([target, sibling, cousin]), np.array([target, cousin])), (np.array([0, 0, 1]),))
    options = {"intra_pattern": 1, "inter_pattern": 2, "n_cues": 50}
    within = noisy_cue(tree, 0, intra=0.27, inter=0.0, seed=1, **options)
    np.testing.assert_array_equal((within == -1).sum(axis=1), 27)
    between = noisy_cue(tree, 0, intra=0.0, inter=1.0, seed=1, **options)
    np.testing.assert_array_equal(between, np.repeat([cousin], 50, axis=0))
    both = noisy_cue(tree, 0, intra=1.0, inter=0.5, seed=1, **options)
    # the cousin's units are drawn anew and overwrite the sibling's: in the first half they show as +1
    from_cousin = (both[:, :50] == 1).sum(axis=1)
    assert from_cousin.mean() == pytest.approx(25, abs=4 * np.sqrt(100 * 0.25 * 0.5 / 50))  # hypergeometric, 50 cues
    np.testing.assert_array_equal(both[:, 50:], -1)


def test_default_sources_are_the_second_sibling_and_the_next_family(tree):
    sibling = noisy_cue(tree, 6, intra=1.0, inter=0.0, seed=0)
    cousin = noisy_cue(tree, 6, intra=0.0, inter=1.0, seed=0)
    np.testing.assert_array_equal(sibling, tree.patterns[0][[8]])
    np.testing.assert_array_equal(cousin, tree.patterns[0][[11]])


def test_the_expected_overlap_of_a_cue_is_that_of_its_parts():
    tree = generative(0.3, 0.4, n_units=5000)
    cues = noisy_cue(tree, 0, intra=0.3, inter=0.2, seed=2, n_cues=20)
    from_cousin, from_sibling = 0.2, 0.3 * 0.8
    own = 1 - from_cousin - from_sibling
    rho = overlaps(tree.patterns[0][:1], tree.patterns[0])[0]
    expected = own + from_sibling * rho[2] + from_cousin * rho[5]
    # which units are copied: at most 5000 x 0.44 signs, 20 independent cues
    band = 4 * np.sqrt(0.44 / 5000 / 20)
    assert np.mean(cues @ tree.patterns[0][0].astype(float)) / 5000 == pytest.approx(expected, abs=band)


def test_more_cues_begin_with_the_same_ones(tree):
    options = {"intra": 0.2, "inter": 0.1, "seed": 9}
    many = noisy_cue(tree, 6, n_cues=5, **options)
    np.testing.assert_array_equal(many[:2], noisy_cue(tree, 6, n_cues=2, **options))
    assert np.any(many[0] != many[1])
    assert many.dtype == np.int8 and set(np.unique(many)) <= {-1, 1}


# bad input


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_units": 0}, ValueError, "n_units must be an integer >= 1, got 0"),
        ({"n_units": 2.5}, TypeError, "n_units must be an integer >= 1, got 2.5"),
        ({"branching": ()}, ValueError, "branching must have at least one number, got none"),
        ({"branching": (2, 0, 5)}, ValueError, r"branching\[1\] must be an integer >= 1, got 0"),
        ({"correlations": (0.1,)}, ValueError, "correlations must have 2 numbers, got 1"),
        ({"correlations": (0.1, 1.5)}, ValueError, r"correlations\[1\] must be in \[-1, 1\], got 1.5"),
        ({"correlations": (0.1, np.nan)}, ValueError, r"correlations\[1\] must be finite, got nan"),
        ({"parents": "mean"}, ValueError, "parents must be one of majority, generative, got 'mean'"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
    ],
)
def test_bad_arguments_of_a_tree_are_named(changes, error, message):
    arguments = {"n_units": 10, "branching": (2, 4, 5), "correlations": (0.1, 0.1), "seed": 0} | changes
    with pytest.raises(error, match=message):
        hierarchical_patterns(**arguments)


ONES = np.ones((2, 4), np.int8)


@pytest.mark.parametrize(
    ("patterns", "parents", "message"),
    [
        ((), (), "patterns must have at least one level"),
        ((ONES, np.ones((1, 3))), ([0, 0],), r"all with the same units, got \[4, 3\]"),
        ((np.ones(4),), (), r"patterns\[0\] must have the shape \(pattern, unit\), got \(4,\)"),
        ((np.array([[0, 1]]),), (), r"patterns\[0\] must hold \+1 and -1 only, got \[0 1\]"),
        ((ONES, ONES[:1]), (), "parents must have 1 entries, got 0"),
        ((ONES, ONES[:1]), ([0],), r"parents\[0\] must hold 2 integers, got shape \(1,\) of int64"),
        ((ONES, ONES[:1]), ([0.0, 0.0],), r"parents\[0\] must hold 2 integers, got shape \(2,\) of float64"),
        ((ONES, ONES[:1]), ([0, 1],), r"parents\[0\] must be in 0..0, got 0 to 1"),
        ((ONES, ONES[:1]), ([-1, 0],), r"parents\[0\] must be in 0..0, got -1 to 0"),
    ],
)
def test_bad_hierarchies_are_named(patterns, parents, message):
    with pytest.raises(ValueError, match=message):
        Hierarchy(patterns, parents)


def test_entries_other_than_bits_are_named():
    with pytest.raises(ValueError, match=r"levels\[1\] must hold 0 and 1 only, got \[-1  1\]"):
        hierarchy_from_binary((np.ones((2, 3)), np.array([[-1, 1, 1]])), ([0, 0],))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"target": 40}, ValueError, r"target must be one of the patterns 0\.\.39, got 40"),
        ({"target": -1}, ValueError, "target must be an integer >= 0, got -1"),
        ({"intra": 1.1}, ValueError, r"intra must be in \[0, 1\], got 1.1"),
        ({"inter": -0.1}, ValueError, r"inter must be in \[0, 1\], got -0.1"),
        ({"target": 3}, ValueError, r"intra_pattern must be of the target's class \(0\.\.4\), got 5"),
        ({"intra_pattern": 5}, ValueError, r"intra_pattern must be of the target's class \(0\.\.4\), got 5"),
        ({"inter_pattern": 4}, ValueError, r"inter_pattern must be of another class than the target \(0\.\.4\), got 4"),
        ({"target": 36, "intra": 0.0}, ValueError, r"inter_pattern must be one of the patterns 0\.\.39, got 41"),
        ({"intra": 0.0, "intra_pattern": 50}, ValueError, r"intra_pattern must be one of the patterns 0\.\.39, got 50"),
        ({"n_cues": 0}, ValueError, "n_cues must be an integer >= 1, got 0"),
        ({"seed": 1.0}, TypeError, "seed must be an integer >= 0, got 1.0"),
    ],
)
def test_bad_arguments_of_a_cue_are_named(tree, changes, error, message):
    arguments = {"target": 1, "intra": 0.2, "inter": 0.1, "seed": 0} | changes
    with pytest.raises(error, match=message):
        noisy_cue(tree, arguments.pop("target"), **arguments)


def test_a_cue_needs_a_class(tree):
    with pytest.raises(ValueError, match="hierarchy must have at least two levels, got 1"):
        noisy_cue(tree.lowest(1), 0, intra=0.1, inter=0.1, seed=0)


def test_bad_levels_are_named(tree):
    with pytest.raises(ValueError, match=r"level must be in 0\.\.2, got 3"):
        tree.ancestor(0, 3)
    with pytest.raises(ValueError, match=r"pattern must be one of the patterns 0\.\.39, got 40"):
        tree.relatives(40, 1)


def test_parents_cannot_be_changed():
    hierarchy = hierarchical_patterns(40, (2, 3), (0.3,), seed=0)
    with pytest.raises(ValueError, match="read-only"):
        hierarchy.parents[0][0] = 10**6
