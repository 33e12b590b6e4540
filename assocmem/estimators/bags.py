"""Bags of instances: items that are sets of vectors, of any number each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array

__all__ = ["Bags"]


@dataclass(frozen=True, eq=False)
class Bags:
    """Bags of instances, which may be in many of them.

    Parameters
    ----------
    instances : array (instance, feature)
    members : array of int (bag, place)
        Which instance is at each place of a bag; -1 where there is none, after those that are.

    Raises
    ------
    ValueError
        If instances are not finite real numbers, or members are no instances, or a bag is empty.
    """

    instances: np.ndarray
    members: np.ndarray

    def __post_init__(self):
        instances = check_array(self.instances, dtype=(np.float64, np.float32), input_name="instances")
        members = np.asarray(self.members)
        if members.ndim != 2 or members.dtype.kind not in "iu":
            raise ValueError(f"members must be integers (bag, place), got {members.dtype} of shape {members.shape}")
        if members.size and not -1 <= members.min() <= members.max() < len(instances):
            most = len(instances) - 1
            raise ValueError(f"members must be from 0 to {most}, or -1, got {members.min()} to {members.max()}")
        _check_filled(np.count_nonzero(members >= 0, axis=1))
        if np.any(np.diff((members >= 0).astype(int), axis=1) > 0):
            raise ValueError("members must not have an instance after a -1")
        object.__setattr__(self, "instances", instances)
        object.__setattr__(self, "members", members)

    @classmethod
    def of(cls, bags: "Bags | Sequence[np.ndarray] | np.ndarray") -> "Bags":
        """Bags from arrays (instance, feature), one for each bag, or from an array (bag, instance, feature).

        Raises
        ------
        TypeError, ValueError
            If a bag is empty, not finite, or has another number of features than the first.
        """
        if isinstance(bags, Bags):
            return bags
        if isinstance(bags, str) or not hasattr(bags, "__len__") or len(bags) == 0:
            raise TypeError(f"bags must be arrays (instance, feature), at least one, got {bags!r}")
        arrays = [np.asarray(bag) for bag in bags]
        for number, array in enumerate(arrays):
            if array.ndim != 2 or array.shape[1:] != arrays[0].shape[1:]:
                wanted = arrays[0].shape[1] if arrays[0].ndim == 2 else "feature"
                raise ValueError(f"bag {number} must have shape (instance, {wanted}), got {array.shape}")
        sizes = np.array([len(array) for array in arrays])
        _check_filled(sizes)
        places = np.arange(sizes.max())
        starts = np.cumsum(sizes) - sizes
        members = np.where(places < sizes[:, None], starts[:, None] + places, -1)
        return cls(np.concatenate(arrays), members)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.instances[row[row >= 0]] for row in self.members)

    def __getitem__(self, item):
        """One bag (instance, feature) for an integer; bags for anything else that selects rows."""
        if isinstance(item, int | np.integer):
            row = self.members[item]
            return self.instances[row[row >= 0]]
        return Bags(self.instances, self.members[item])

    @property
    def shape(self) -> tuple[int]:
        """The number of bags, as the shape of an array of items."""
        return (len(self),)

    @property
    def is_there(self) -> np.ndarray:
        """Which places (bag, place) hold an instance."""
        return self.members >= 0

    @property
    def n_features(self) -> int:
        """Number of features of an instance."""
        return self.instances.shape[1]


def _check_filled(sizes: np.ndarray) -> None:
    empty = np.flatnonzero(sizes == 0)
    if empty.size:
        raise ValueError(f"each bag must have at least one instance, got none in bag {empty[0]} ({empty.size} bags)")
