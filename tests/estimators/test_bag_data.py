"""Bags have the instances that their labels promise."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

pytest.importorskip("sklearn")

from assocmem.estimators.bag_data import bags_with_bit_signals, bags_with_count, bags_with_key, load_mat_bags

LABELS = np.arange(40) % 10
INSTANCES = np.c_[LABELS, np.arange(40)].astype(float)  # the first feature tells the class
KEYED = {"key": 9, "n_bags": 60, "bag_size": 7, "seed": 1}
COUNTED = {"key": 9, "least": 3, "n_bags": 200, "seed": 1}


@pytest.mark.parametrize("n_keys", [1, 3])
def test_positive_bags_have_so_many_keys(n_keys):
    bags, is_positive = bags_with_key(INSTANCES, LABELS, n_keys=n_keys, **KEYED)
    counts = np.array([np.count_nonzero(bag[:, 0] == 9) for bag in bags])
    np.testing.assert_array_equal(counts, np.where(is_positive, n_keys, 0))
    assert is_positive.sum() == 30
    assert {len(bag) for bag in bags} == {7}


def test_keys_are_at_all_places():
    bags, is_positive = bags_with_key(INSTANCES, LABELS, **{**KEYED, "n_bags": 400})
    places = [int(np.flatnonzero(bag[:, 0] == 9)[0]) for bag, sign in zip(bags, is_positive, strict=True) if sign]
    assert set(places) == set(range(7))


def test_bags_are_positive_with_enough_keys():
    bags, is_positive = bags_with_count(INSTANCES, LABELS, **COUNTED)
    counts, sizes = (np.array(values) for values in zip(*((sum(b[:, 0] == 9), len(b)) for b in bags), strict=True))
    np.testing.assert_array_equal(counts >= 3, is_positive)
    assert set(counts[~is_positive]) == {0, 1, 2}
    assert counts[is_positive].max() >= 9
    assert abs(sizes.mean() - 9.5) < 4 / np.sqrt(200)  # rounded down
    assert abs(sizes.std() - 1) < 0.2


def test_bit_signals_are_only_in_positive_bags():
    settings = {"n_bags": 80, "bag_size": 20, "n_bits": 4, "n_signals": 4, "seed": 3}
    bags, is_positive = bags_with_bit_signals(**settings)
    words = [set(map(tuple, bag.tolist())) for bag in bags]
    background = set.union(*(w for w, sign in zip(words, is_positive, strict=True) if not sign))
    extra = [w - background for w, sign in zip(words, is_positive, strict=True) if sign]
    assert all(len(w) == 1 for w in extra)
    assert len(set.union(*extra)) == 4
    assert len(background) == 11
    assert (0, 0, 0, 0) not in background


def write(path, **changes):
    arrays = {
        "features": csc_matrix(np.arange(12.0).reshape(4, 3)),
        "bag_ids": [[2, 1, 2, 1]],
        "labels": [[1, -1, 1, -1]],
    }
    savemat(path, arrays | changes)
    return path


def test_bags_of_a_file_are_in_the_order_of_their_ids(tmp_path):
    bags, is_positive = load_mat_bags(write(tmp_path / "bags.mat"))
    assert is_positive.tolist() == [False, True]
    np.testing.assert_array_equal(bags[0], [[3, 4, 5], [9, 10, 11]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [[1, -1, -1, -1]]}, "must have one label for all instances of a bag"),
        ({"labels": [[1, -1]]}, "must have an id and a label for each of 4 instances"),
    ],
)
def test_files_that_contradict_themselves_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_mat_bags(write(tmp_path / "bags.mat", **changes))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "bags.mat"
    path.write_bytes(b"not a MATLAB file" * 20)
    with pytest.raises(ValueError, match="path must be a MATLAB file with features, bag_ids and labels"):
        load_mat_bags(path)
    savemat(path, {"a": 1.0})
    with pytest.raises(ValueError, match="path must be a MATLAB file with features, bag_ids and labels"):
        load_mat_bags(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bags_with_key(INSTANCES, LABELS, **{**KEYED, "key": 11}), "key must be one of several classes"),
        (lambda: bags_with_key(INSTANCES, LABELS, **{**KEYED, "bag_size": 0}), "bag_size must be an integer >= 1"),
        (lambda: bags_with_key(INSTANCES, LABELS, n_keys=8, **KEYED), "n_keys must be at most bag_size = 7, got 8"),
        (lambda: bags_with_count(INSTANCES, LABELS, **{**COUNTED, "least": 0}), "least must be an integer >= 1"),
        (lambda: bags_with_count(INSTANCES, LABELS, size_spread=-1.0, **COUNTED), "size_spread must be >= 0"),
        (
            lambda: bags_with_bit_signals(n_bags=2, bag_size=3, n_bits=2, n_signals=3, seed=0),
            "n_signals must be below the number of words 3, got 3",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
