"""Bags to learn from: of images of digits, of bit patterns, and those of the published benchmarks."""

from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from assocmem.estimators.bags import Bags
from assocmem.validation import check_finite, check_integer, check_positive

__all__ = ["bags_with_bit_signals", "bags_with_count", "bags_with_key", "load_mat_bags"]


def load_mat_bags(path: str | Path) -> tuple[Bags, np.ndarray]:
    """Bags of a MATLAB file with `features`, `bag_ids` and `labels`, and whether they are positive.

    This is the form in which the benchmarks Elephant, Fox and Tiger are distributed.

    Parameters
    ----------
    path : path

    Returns
    -------
    (Bags, ndarray of bool (bag,))
        In the order of their ids.

    Raises
    ------
    ValueError
        If the file is not of this form, or the instances of a bag do not have the same label.

    References
    ----------
    Andrews, Tsochantaridis & Hofmann (2002), Support vector machines for multiple-instance learning, NIPS.
    """
    try:
        file = loadmat(path)
        features, ids, labels = (_dense(file[name]) for name in ("features", "bag_ids", "labels"))
    except (KeyError, MatReadError, NotImplementedError, ValueError) as error:
        raise ValueError(f"path must be a MATLAB file with features, bag_ids and labels, got {path}") from error
    ids, labels = ids.ravel().astype(np.int64), labels.ravel() > 0
    if not len(features) == len(ids) == len(labels):
        raise ValueError(f"{path} must have an id and a label for each of {len(features)} instances")
    _, first, bag = np.unique(ids, return_index=True, return_inverse=True)
    if np.any(labels != labels[first][bag]):
        raise ValueError(f"{path} must have one label for all instances of a bag")
    return Bags.of([features[bag == number] for number in range(len(first))]), labels[first]


def _dense(array) -> np.ndarray:
    return np.asarray(array.toarray() if hasattr(array, "toarray") else array)


def bags_with_key(
    instances: np.ndarray, labels: np.ndarray, *, key: int, n_bags: int, bag_size: int, seed: int, n_keys: int = 1
) -> tuple[Bags, np.ndarray]:
    """Bags of labelled instances, of which every other one has instances of the key class.

    Parameters
    ----------
    instances : array (instance, feature)
    labels : array (instance,)
    key : int
        The class that decides.
    n_bags, bag_size : int, >= 1
    seed : int, >= 0
    n_keys : int, >= 1
        How many instances of the key class a positive bag has, at random places.

    Returns
    -------
    (Bags, ndarray of bool (bag,))
        Instances are drawn with replacement.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or a class that is needed is missing.

    References
    ----------
    Hu et al. (2025), appendix G.2.
    """
    keys, others = _parted(labels, key)
    for name, value in (("n_bags", n_bags), ("bag_size", bag_size), ("n_keys", n_keys)):
        check_integer(name, value, 1)
    if n_keys > bag_size:
        raise ValueError(f"n_keys must be at most bag_size = {bag_size}, got {n_keys}")
    rng = np.random.default_rng(seed)
    members = rng.choice(others, (n_bags, bag_size))
    is_positive = np.arange(n_bags) % 2 == 1
    places = rng.random((n_bags, bag_size)).argsort(axis=1)[:, :n_keys]
    drawn = rng.choice(keys, (n_bags, n_keys))
    members[np.flatnonzero(is_positive)[:, None], places[is_positive]] = drawn[is_positive]
    return Bags(instances, members), is_positive


def bags_with_count(
    instances: np.ndarray,
    labels: np.ndarray,
    *,
    key: int,
    least: int,
    n_bags: int,
    seed: int,
    mean_size: float = 10.0,
    size_spread: float = 1.0,
) -> tuple[Bags, np.ndarray]:
    """Bags of labelled instances that are positive if they have enough instances of the key class.

    Every other bag is positive, with from `least` instances of the key class to nothing else; the others have fewer
    than that. Both counts and places are uniform at random.

    Parameters
    ----------
    instances : array (instance, feature)
    labels : array (instance,)
    key : int
    least : int, >= 1
        The K of a positive bag.
    n_bags : int, >= 1
    seed : int, >= 0
    mean_size, size_spread : float
        Mean and standard deviation of the normal distribution of sizes, which are rounded down and at least `least`.

    Returns
    -------
    (Bags, ndarray of bool (bag,))

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or a class that is needed is missing.

    References
    ----------
    Ilse, Tomczak & Welling (2018), section 4.2; Santos et al. (2024), multiple-instance learning.
    """
    keys, others = _parted(labels, key)
    check_integer("least", least, 1)
    check_integer("n_bags", n_bags, 1)
    check_positive("mean_size", mean_size)
    check_finite("size_spread", size_spread)
    if size_spread < 0:
        raise ValueError(f"size_spread must be >= 0, got {size_spread}")
    rng = np.random.default_rng(seed)
    sizes = np.maximum(rng.normal(mean_size, size_spread, n_bags).astype(int), least)
    is_positive = np.arange(n_bags) % 2 == 1
    counts = np.where(is_positive, rng.integers(least, sizes + 1), rng.integers(0, least, n_bags))
    members = np.full((n_bags, sizes.max()), -1)
    for row, size, count in zip(members, sizes, counts, strict=True):
        drawn = np.concatenate([rng.choice(keys, count), rng.choice(others, size - count)])
        row[:size] = rng.permutation(drawn)
    return Bags(instances, members), is_positive


def _parted(labels: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Instances of the key class, and all others."""
    labels = np.asarray(labels)
    keys, others = np.flatnonzero(labels == key), np.flatnonzero(labels != key)
    if not keys.size or not others.size:
        raise ValueError(f"key must be one of several classes of labels, {np.unique(labels)}, got {key}")
    return keys, others


def bags_with_bit_signals(
    *, n_bags: int, bag_size: int, n_bits: int, n_signals: int, seed: int
) -> tuple[Bags, np.ndarray]:
    """Bags of random words of bits, every other one of them with one of a few words that are signals.

    Parameters
    ----------
    n_bags, bag_size : int, >= 1
    n_bits : int, from 1 to 24
    n_signals : int, >= 1
        Fewer than there are words that are not all 0.
    seed : int, >= 0

    Returns
    -------
    (Bags, ndarray of bool (bag,))
        Bits are 0 or 1. No word is all 0, and a signal is only where it was put, at a random place.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    References
    ----------
    Hu et al. (2025), public code; Widrich et al. (2020), NeurIPS, simulated implanted signals.
    """
    for name, value in (("n_bags", n_bags), ("bag_size", bag_size), ("n_bits", n_bits), ("n_signals", n_signals)):
        check_integer(name, value, 1)
    if n_bits > 24:
        raise ValueError(f"n_bits must be at most 24, got {n_bits}")
    n_words = 2**n_bits - 1
    if n_signals >= n_words:
        raise ValueError(f"n_signals must be below the number of words {n_words}, got {n_signals}")
    rng = np.random.default_rng(seed)
    words = rng.permutation(n_words)  # word w stands for the bits of w + 1
    signals, others = words[:n_signals], words[n_signals:]
    members = rng.choice(others, (n_bags, bag_size))
    is_positive = np.arange(n_bags) % 2 == 1
    places = rng.integers(0, bag_size, n_bags)
    drawn = rng.choice(signals, n_bags)
    members[is_positive, places[is_positive]] = drawn[is_positive]
    used, members = np.unique(members, return_inverse=True)
    bits = (used[:, None] + 1) >> np.arange(n_bits) & 1
    return Bags(bits.astype(np.float32), members.reshape(n_bags, bag_size)), is_positive
