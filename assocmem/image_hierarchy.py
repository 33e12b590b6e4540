"""Hierarchies whose patterns are class averages of images, with the images themselves as cues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.io import loadmat

from assocmem import images
from assocmem.hierarchy import Hierarchy, hierarchy_from_binary
from assocmem.validation import check_integer, real_array

__all__ = ["binarised_features", "hierarchy_from_instances", "official_images", "permuted_digits"]

FEATURE_STREAM = 12
LARGEST_GREY = 16.0  # of the digits


def binarised_features(features: np.ndarray) -> np.ndarray:
    """Features of images, such as activations of a network, as patterns of 0 and 1.

    With ``v = log(1 + x)``, each image is brought to ``(v - mean) / (2 std) + 1/2`` (the standard deviation of a
    constant image counts as 1), negative numbers become 0, and the bit is 1 above the mean of the result.

    Parameters
    ----------
    features : array (image, unit)
        All >= 0.

    Returns
    -------
    uint8 array (image, unit) of 0 and 1

    Raises
    ------
    TypeError, ValueError
        If the features are no finite matrix of numbers >= 0.

    References
    ----------
    Liu et al. (2019), Push-pull feedback implements hierarchical information retrieval efficiently, section 5.
    """
    features = real_array("features", features)
    if features.ndim != 2 or features.size == 0:
        raise ValueError(f"features must have the shape (image, unit), got {features.shape}")
    if features.min() < 0:
        raise ValueError(f"features must be >= 0, got {features.min():g}")
    values = np.log1p(features)
    spread = values.std(axis=1, keepdims=True)
    values = (values - values.mean(axis=1, keepdims=True)) / (2.0 * np.where(spread > 0, spread, 1.0)) + 0.5
    values = np.maximum(values, 0.0)
    return (values > values.mean(axis=1, keepdims=True)).astype(np.uint8)


def hierarchy_from_instances(instances: np.ndarray, child_of: Sequence[int], parent_of: Sequence[int]) -> Hierarchy:
    """Two levels of patterns made of labelled instances.

    A child is the mean of its instances, a parent that of its children; both become 1 above the mean of the whole
    level and 0 elsewhere.

    Parameters
    ----------
    instances : array (instance, unit) of 0 and 1
    child_of : sequence of int (instance,)
        Number of the child of each instance; every number from 0 on occurs.
    parent_of : sequence of int (child,)
        Number of the parent of each child; every number from 0 on occurs.

    Returns
    -------
    Hierarchy

    Raises
    ------
    ValueError
        If an instance has other values, or the labels do not fit.
    """
    instances = real_array("instances", instances)
    if instances.ndim != 2 or not np.isin(instances, (0, 1)).all():
        raise ValueError(f"instances must be 0 and 1, of the shape (instance, unit), got shape {instances.shape}")
    child_of = _labels("child_of", child_of, len(instances))
    parent_of = _labels("parent_of", parent_of, child_of.max() + 1)
    children = _class_patterns(instances, child_of)
    return hierarchy_from_binary((children, _class_patterns(children, parent_of)), (parent_of,))


def permuted_digits(
    n_units: int = 4096,
    *,
    n_categories: int = 3,
    digits: Sequence[int] = (3, 5, 8, 9),
    n_instances: int = 100,
    seed: int,
) -> tuple[xr.DataArray, Hierarchy]:
    """Handwritten digits of scikit-learn in several arrangements of their pixels: images in categories and classes.

    A category is a permutation of the 64 pixels (the first one leaves them in place), its classes are digits. The
    features of an image are the positive parts of random projections of its grey levels, made binary by
    `binarised_features`.

    Parameters
    ----------
    n_units : int, >= 1
        Number of projections.
    n_categories : int, >= 1
    digits : sequence of int in 0..9
        Without repetition.
    n_instances : int, >= 1
        Images of each digit, the first ones of the data set; the same in every category.
    seed : int, >= 0

    Returns
    -------
    instances : DataArray (instance, unit) of 0 and 1
        With the coordinates `child` and `parent` (instance,).
    hierarchy : Hierarchy
        Classes and categories, by `hierarchy_from_instances`.

    Raises
    ------
    ImportError
        If scikit-learn is missing; names the extra to install.
    TypeError, ValueError
        If an argument is out of range or there are too few images.
    """
    for name, value, smallest in (
        ("n_units", n_units, 1),
        ("n_categories", n_categories, 1),
        ("n_instances", n_instances, 1),
        ("seed", seed, 0),
    ):
        check_integer(name, value, smallest)
    grey = _first_digits(digits, n_instances)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FEATURE_STREAM,)))
    n_pixels = grey.shape[1]
    projections = rng.standard_normal((n_pixels, n_units)) / np.sqrt(n_pixels)
    orders = [np.arange(n_pixels), *(rng.permutation(n_pixels) for _ in range(n_categories - 1))]
    pixels = np.concatenate([grey[:, order] for order in orders])
    # not by BLAS, whose sums depend on the machine: a threshold follows
    features = np.maximum(np.einsum("ip,pu->iu", pixels / LARGEST_GREY, projections), 0.0)
    child_of = np.repeat(np.arange(n_categories * len(digits)), n_instances)
    parent_of = np.repeat(np.arange(n_categories), len(digits))
    instances = binarised_features(features)
    return _labelled(instances, child_of, parent_of), hierarchy_from_instances(instances, child_of, parent_of)


def official_images(folder: Path | str) -> tuple[xr.DataArray, Hierarchy]:
    """Binary image features, class patterns and category patterns of the authors, from their files.

    Parameters
    ----------
    folder : Path
        It holds ``raw_instance.mat``, ``child_pattern.mat`` and ``parent_pattern.mat`` of the authors' repository, each
        with one matrix (unit, item) of 0 and 1 of the same name. Items of one class, and classes of one category, are
        side by side and equally many.

    Returns
    -------
    instances : DataArray (instance, unit) of 0 and 1
        With the coordinates `child` and `parent` (instance,).
    hierarchy : Hierarchy
        Of the given patterns.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file does not hold such a matrix, or the sizes do not fit together.
    """
    names = ("raw_instance", "child_pattern", "parent_pattern")
    instances, children, parents = (_matlab_bits(Path(folder) / f"{name}.mat", name) for name in names)
    if len({level.shape[1] for level in (instances, children, parents)}) > 1:
        sizes = [level.shape[1] for level in (instances, children, parents)]
        raise ValueError(f"{', '.join(names)} must have the same number of units, got {sizes}")
    child_of = _side_by_side("raw_instance", len(instances), "child_pattern", len(children))
    parent_of = _side_by_side("child_pattern", len(children), "parent_pattern", len(parents))
    return _labelled(instances, child_of, parent_of), hierarchy_from_binary((children, parents), (parent_of,))


def _first_digits(wanted, n_instances):
    """Grey levels (image, pixel) of the first images of each digit, digit after digit."""
    wanted = list(wanted)
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(range(10)):
        raise ValueError(f"digits must be different numbers from 0 to 9, got {wanted}")
    grey, digit = images.digits()
    found = [np.flatnonzero(digit == number)[:n_instances] for number in wanted]
    fewest = min(map(len, found))
    if fewest < n_instances:
        raise ValueError(f"n_instances must be at most {fewest} for these digits, got {n_instances}")
    return grey.reshape(len(grey), -1)[np.concatenate(found)]


def _class_patterns(items, class_of):
    """Means of the items of each class, 1 where above the mean of all classes and 0 elsewhere."""
    totals = np.zeros((class_of.max() + 1, items.shape[1]))
    np.add.at(totals, class_of, items)
    means = totals / np.bincount(class_of)[:, None]
    return (means > means.mean()).astype(np.uint8)


def _labels(name, values, n_items):
    labels = np.asarray(values)
    if labels.shape != (n_items,) or labels.dtype.kind not in "iu" or n_items == 0:
        raise ValueError(f"{name} must hold {n_items} integers, got shape {labels.shape} of {labels.dtype}")
    missing = np.setdiff1d(np.arange(labels.max() + 1), labels)
    if labels.min() < 0 or missing.size:
        raise ValueError(f"{name} must hold every number from 0 to {labels.max()} and no other, got {labels[:20]}")
    return labels.astype(np.int64)


def _labelled(instances, child_of, parent_of):
    coords = {"child": ("instance", child_of), "parent": ("instance", parent_of[child_of])}
    return xr.DataArray(instances, coords, ("instance", "unit"), name="instances", attrs={"units": "1"})


def _matlab_bits(path, name):
    """Matrix of 0 and 1 of a file, transposed to (item, unit)."""
    if not path.is_file():
        raise FileNotFoundError(
            f"folder must hold raw_instance.mat, child_pattern.mat and parent_pattern.mat: no {path}"
        )
    try:
        matrix = loadmat(path).get(name)
    except Exception as error:  # of many kinds, whatever a damaged file leads the reader to
        raise ValueError(f"{path} must be a MATLAB file (before 7.3): {error}") from error
    if matrix is None or getattr(matrix, "ndim", 0) != 2 or matrix.size == 0 or not np.isin(matrix, (0, 1)).all():
        what = "nothing of that name" if matrix is None else f"shape {matrix.shape} of {matrix.dtype}"
        raise ValueError(f"{path} must hold a matrix {name} (unit, item) of 0 and 1, got {what}")
    return np.ascontiguousarray(matrix.T, dtype=np.uint8)


def _side_by_side(name, n_items, group, n_groups):
    """Group of each item, where groups are contiguous and of equal size."""
    if n_items % n_groups:
        raise ValueError(f"{name} must have a multiple of the {n_groups} columns of {group}, got {n_items}")
    return np.arange(n_items) // (n_items // n_groups)
