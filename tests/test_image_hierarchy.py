"""Hierarchies of image classes: features, averages, digits, and files of the authors' format."""

import numpy as np
import pytest
from scipy.io import savemat

from assocmem.hierarchy import Hierarchy
from assocmem.image_hierarchy import binarised_features, hierarchy_from_instances, official_images, permuted_digits


def naive_bits(image):
    """One image, number by number."""
    values = [np.log(1 + x) for x in image]
    mean = sum(values) / len(values)
    spread = np.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) or 1.0
    values = [max((v - mean) / (2 * spread) + 0.5, 0.0) for v in values]
    return [int(v > sum(values) / len(values)) for v in values]


def test_features_are_binarised_image_by_image(rng):
    features = rng.exponential(3.0, (6, 40)) * (rng.random((6, 40)) < 0.5)
    np.testing.assert_array_equal(binarised_features(features), [naive_bits(image) for image in features])


def test_a_constant_image_has_no_feature():
    np.testing.assert_array_equal(binarised_features(np.full((2, 5), 3.0)), np.zeros((2, 5)))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(3), r"features must have the shape \(image, unit\), got \(3,\)"),
        (np.array([[1.0, -2.0]]), "features must be >= 0, got -2"),
        (np.array([[1.0, np.nan]]), "features must be finite, got 1 other values"),
    ],
)
def test_bad_features_are_named(features, message):
    with pytest.raises(ValueError, match=message):
        binarised_features(features)


def test_classes_are_averages_above_the_mean_of_the_level():
    instances = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1]])
    # means (1, 1/2, 0, 0), (0, 1/2, 1, 1/2), (0, 0, 0, 1), of mean 0.375
    hierarchy = hierarchy_from_instances(instances, [0, 0, 1, 1, 2], [0, 0, 1])
    np.testing.assert_array_equal(hierarchy.patterns[0] > 0, [[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]])
    # means (1/2, 1, 1/2, 1/2), (0, 0, 0, 1), of mean 0.4375
    np.testing.assert_array_equal(hierarchy.patterns[1] > 0, [[1, 1, 1, 1], [0, 0, 0, 1]])
    np.testing.assert_array_equal(hierarchy.parents[0], [0, 0, 1])


@pytest.mark.parametrize(
    ("instances", "child_of", "parent_of", "message"),
    [
        (np.full((2, 3), 2), [0, 1], [0, 0], "instances must be 0 and 1"),
        (np.ones((2, 3)), [0], [0], r"child_of must hold 2 integers, got shape \(1,\)"),
        (np.ones((2, 3)), [0, 2], [0, 0, 0], "child_of must hold every number from 0 to 2 and no other"),
        (np.ones((2, 3)), [0, 1], [0, -1], "parent_of must hold every number from 0 to 0 and no other"),
    ],
)
def test_bad_instances_are_named(instances, child_of, parent_of, message):
    with pytest.raises(ValueError, match=message):
        hierarchy_from_instances(instances, child_of, parent_of)


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn")
    return permuted_digits(1024, seed=0)


def test_digits_make_categories_of_classes(digits):
    instances, hierarchy = digits
    assert instances.shape == (1200, 1024) and instances.dtype == np.uint8
    assert [level.shape for level in hierarchy.patterns] == [(12, 1024), (3, 1024)]
    np.testing.assert_array_equal(instances.child, np.arange(1200) // 100)
    np.testing.assert_array_equal(instances.parent, np.arange(1200) // 400)
    np.testing.assert_array_equal(hierarchy.parents[0], np.arange(12) // 4)


def test_digits_resemble_their_class_most_and_other_categories_least(digits):
    """Overlaps that an earlier implementation found with 4096 units and another draw of the projections."""
    instances, hierarchy = digits
    children, parents = (level.astype(float) for level in hierarchy.patterns)
    overlap, category = children @ children.T / 1024, hierarchy.parents[0]
    is_same, is_other = category[:, None] == category, ~np.eye(12, dtype=bool)
    # ranges over classes; 1024 random projections move an overlap by 1 / sqrt(1024)
    band = 4 / np.sqrt(1024)
    assert 0.64 - band < overlap[is_same & is_other].min() and overlap[is_same & is_other].max() < 0.75 + band
    assert 0.27 - band < overlap[~is_same].min() and overlap[~is_same].max() < 0.42 + band
    assert np.mean(children * parents[category]) == pytest.approx(0.82, abs=band)
    similarity = (2.0 * instances.values - 1.0) @ children.T / 1024
    own = similarity[np.arange(1200), instances.child]
    assert 0.71 - band < own.mean() < 0.75 + band
    accuracy = np.mean(similarity.argmax(axis=1) == instances.child.values)
    assert accuracy == pytest.approx(0.92, abs=4 * np.sqrt(0.92 * 0.08 / 1200))


def test_the_first_category_has_its_pixels_in_place(digits):
    instances, _ = digits
    alone, _ = permuted_digits(1024, n_categories=1, seed=0)
    np.testing.assert_array_equal(alone, instances[:400])


def test_a_digit_may_be_chosen_and_the_images_be_fewer():
    pytest.importorskip("sklearn")
    instances, hierarchy = permuted_digits(32, n_categories=2, digits=(7, 1), n_instances=3, seed=1)
    assert instances.shape == (12, 32) and len(hierarchy.patterns[0]) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digits": (3, 3)}, r"digits must be different numbers from 0 to 9, got \[3, 3\]"),
        ({"digits": (3, 10)}, r"digits must be different numbers from 0 to 9, got \[3, 10\]"),
        ({"n_instances": 1000}, r"n_instances must be at most 1\d\d for these digits, got 1000"),
        ({"n_categories": 0}, "n_categories must be an integer >= 1, got 0"),
        ({"n_units": 0}, "n_units must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments_of_digits_are_named(changes, message):
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match=message):
        permuted_digits(**({"n_units": 8, "seed": 0} | changes))


@pytest.fixture
def files(rng, tmp_path):
    """Ten units, two categories of two classes of three images, as matrices (unit, item)."""
    bits = {"raw_instance": 12, "child_pattern": 4, "parent_pattern": 2}
    bits = {name: rng.integers(0, 2, (10, size), dtype=np.uint8) for name, size in bits.items()}
    for name, matrix in bits.items():
        savemat(tmp_path / f"{name}.mat", {name: matrix})
    return tmp_path, bits


def test_files_of_the_authors_are_read(files):
    folder, bits = files
    instances, hierarchy = official_images(folder)
    assert isinstance(hierarchy, Hierarchy) and instances.dims == ("instance", "unit")
    np.testing.assert_array_equal(instances, bits["raw_instance"].T)
    np.testing.assert_array_equal(hierarchy.patterns[0], 2 * bits["child_pattern"].T.astype(int) - 1)
    np.testing.assert_array_equal(hierarchy.patterns[1], 2 * bits["parent_pattern"].T.astype(int) - 1)
    np.testing.assert_array_equal(instances.child, np.arange(12) // 3)
    np.testing.assert_array_equal(instances.parent, np.arange(12) // 6)
    np.testing.assert_array_equal(hierarchy.parents[0], [0, 0, 1, 1])


def test_a_missing_file_is_named(files):
    folder, _ = files
    (folder / "child_pattern.mat").unlink()
    with pytest.raises(FileNotFoundError, match="folder must hold raw_instance.mat, .*: no .*child_pattern.mat"):
        official_images(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("child_pattern", {"other": np.ones((10, 4))}, "must hold a matrix child_pattern .* got nothing of that name"),
        ("child_pattern", {"child_pattern": np.full((10, 4), 3)}, r"of 0 and 1, got shape \(10, 4\) of"),
        ("child_pattern", {"child_pattern": np.ones((10, 5))}, "raw_instance must have a multiple of the 5 columns"),
        ("parent_pattern", {"parent_pattern": np.ones((9, 2))}, r"the same number of units, got \[10, 10, 9\]"),
        ("parent_pattern", {"parent_pattern": np.ones((10, 3))}, "child_pattern must have a multiple of the 3 columns"),
    ],
)
def test_files_of_another_shape_are_named(files, name, content, message):
    folder, _ = files
    savemat(folder / f"{name}.mat", content)
    with pytest.raises(ValueError, match=message):
        official_images(folder)


def test_a_file_of_another_kind_is_named(files):
    folder, _ = files
    (folder / "raw_instance.mat").write_text("no matrix " * 30)
    with pytest.raises(ValueError, match="raw_instance.mat must be a MATLAB file"):
        official_images(folder)
