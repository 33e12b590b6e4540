"""Masks: which patterns a cue can see.

A mask is for cues by their number and so does not change from update to update of one retrieval. Random ones depend on
the seed and the number of the cue alone, not on the other cues or on threads.

References
----------
Hu et al. (2025), Nonparametric modern Hopfield models, ICML, definition 3.3 and examples 1 to 3.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.gathering import bernoulli_choice, exact_choice, listed_choice, lists_loop
from assocmem.random import seed_key
from assocmem.validation import check_boolean, check_finite, check_integer

__all__ = ["FixedMask", "Mask", "RandomMask", "TopScores", "Window", "share_of"]

_ROUNDING = 1e-9  # 0.29 * 100 is 29, also in binary


def share_of(fraction: float, n_patterns: int | np.ndarray) -> np.ndarray:
    """The number of patterns in a fraction of them, rounded down but at least one, for one or many numbers."""
    return np.maximum(1, np.asarray(fraction * n_patterns + _ROUNDING).astype(np.int64))


class Mask:
    """Which patterns each cue can see."""

    is_shared = False  # whether all cues see the same ones
    choose: Callable | None = None  # kernel of `assocmem.kernels.gathering`

    def check(self, n_patterns: int) -> None:
        """Raise ValueError if the mask does not fit a number of patterns."""

    def check_cues(self, n_cues: int, n_patterns: int) -> None:
        """Raise ValueError if the mask does not fit a number of cues."""

    def choice(self, n_patterns: int) -> tuple:
        """Parameters of the kernel."""
        return ()

    def largest(self, n_patterns: int) -> int:
        """The largest number of patterns that a cue can see."""
        return n_patterns

    def least(self, n_patterns: int) -> int:
        """The least number of patterns that a cue can see, as far as it is known."""
        return self.largest(n_patterns)

    def patterns_of(self, n_cues: int, n_patterns: int) -> list[np.ndarray]:
        """The patterns that each cue can see, in ascending order.

        Parameters
        ----------
        n_cues, n_patterns : int

        Returns
        -------
        list of ndarray of int, one for each cue

        Raises
        ------
        TypeError, ValueError
            If the mask does not fit, or numbers are no integers >= 1.
        """
        check_integer("n_cues", n_cues, 1)
        check_integer("n_patterns", n_patterns, 1)
        self.check(n_patterns)
        self.check_cues(n_cues, n_patterns)
        return self.lists(np.arange(n_cues), n_patterns)

    def lists(self, numbers: np.ndarray, n_patterns: int) -> list[np.ndarray]:
        """The same for cues of given numbers, unchecked."""
        lists = np.empty((len(numbers), self.largest(n_patterns) + 1), dtype=np.int64)
        counts = np.empty(len(numbers), dtype=np.int64)
        draws, marks = scratch(n_patterns)
        loop = compile_loop(lists_loop, self.choose)
        loop(self.choice(n_patterns), numbers, n_patterns, lists, counts, draws, marks)
        return [row[:count] for row, count in zip(lists, counts, strict=True)]


def scratch(n_patterns: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays in which the kernels draw and mark patterns."""
    return np.empty(n_patterns + 16), np.empty(n_patterns // 32 + 1, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class FixedMask(Mask):
    """Patterns that are given.

    Parameters
    ----------
    visible : array of int (kept,), of bool (pattern,) or of bool (cue, pattern)
        Numbers of the patterns that all cues see, or whether a pattern is seen by all or by each cue.

    Raises
    ------
    TypeError, ValueError
        If it is of another type or shape, numbers are negative or repeated, or a cue sees nothing.
    """

    visible: np.ndarray = field(repr=False)

    choose = staticmethod(listed_choice)

    def __post_init__(self):
        visible = np.array(self.visible)
        if visible.dtype != bool and visible.dtype.kind not in "iu":
            raise TypeError(f"visible must be numbers of patterns or booleans, got dtype {visible.dtype}")
        if visible.ndim != 1 and not (visible.ndim == 2 and visible.dtype == bool):
            raise ValueError(
                f"visible must have shape (kept,) or, as booleans, (pattern,) or (cue, pattern), got {visible.shape}"
            )
        if visible.dtype == bool and not np.all(visible.any(axis=-1)):
            raise ValueError("visible must show at least one pattern to each cue, got a mask that is empty")
        if visible.dtype != bool:
            self._check_numbers(visible)
            visible = np.sort(visible).astype(np.int64)
        visible.setflags(write=False)
        object.__setattr__(self, "visible", visible)

    @staticmethod
    def _check_numbers(visible):
        if visible.size == 0:
            raise ValueError("visible must show at least one pattern to each cue, got a mask that is empty")
        if visible.min() < 0 or np.unique(visible).size < visible.size:
            raise ValueError(f"visible must be different numbers >= 0, got {visible.tolist()}")

    @property
    def is_shared(self):
        return self.visible.ndim == 1

    def check(self, n_patterns):
        if self.visible.dtype == bool and self.visible.shape[-1] != n_patterns:
            raise ValueError(f"visible must be for {n_patterns} patterns, got {self.visible.shape[-1]}")
        if self.visible.dtype != bool and self.visible[-1] >= n_patterns:
            raise ValueError(f"visible must be below the number of patterns, {n_patterns}, got {self.visible[-1]}")

    def check_cues(self, n_cues, n_patterns):
        if not self.is_shared and len(self.visible) != n_cues:
            raise ValueError(f"visible must have a row for each of the {n_cues} cues, got {len(self.visible)}")

    def shared(self, n_patterns: int) -> np.ndarray:
        """The patterns that all cues see."""
        return np.flatnonzero(self.visible) if self.visible.dtype == bool else self.visible

    def choice(self, n_patterns):
        counts = np.count_nonzero(self.visible, axis=1)
        return np.concatenate([[0], np.cumsum(counts)]), np.nonzero(self.visible)[1]

    def least(self, n_patterns):
        return len(self.shared(n_patterns)) if self.is_shared else int(self.visible.sum(axis=1).min())

    def lists(self, numbers, n_patterns):
        if self.is_shared:
            return [self.shared(n_patterns) for _ in numbers]
        return super().lists(numbers, n_patterns)


@dataclass(frozen=True)
class RandomMask(Mask):
    """A random part of the patterns is masked, by default another one for each cue.

    Parameters
    ----------
    fraction_masked : float, in [0, 1)
        The part that is masked *out*.
    seed : int, >= 0
    is_exact : bool
        Whether exactly ``n_patterns - round(fraction_masked * n_patterns)`` patterns are seen, all sets of so many
        being equally likely; otherwise each is seen with probability 1 - fraction_masked, by itself.
    is_shared : bool
        Whether all cues see the same.
    on_empty : {"raise", "one"}
        Whether a mask without any pattern, which can be only if it is not exact, raises or sees one at random.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range or, once there are patterns, none would be seen.

    References
    ----------
    Hu et al. (2025), example 1.
    """

    fraction_masked: float
    seed: int
    is_exact: bool = True
    is_shared: bool = False
    on_empty: str = "raise"

    def __post_init__(self):
        check_finite("fraction_masked", self.fraction_masked)
        if not 0 <= self.fraction_masked < 1:
            raise ValueError(f"fraction_masked must be in [0, 1), got {self.fraction_masked}")
        seed_key(self.seed)
        check_boolean("is_exact", self.is_exact)
        check_boolean("is_shared", self.is_shared)
        if self.on_empty not in ("raise", "one"):
            raise ValueError(f"on_empty must be 'raise' or 'one', got {self.on_empty!r}")

    @property
    def choose(self):
        """Kernel that chooses."""
        return exact_choice if self.is_exact else bernoulli_choice

    def check(self, n_patterns):
        if self.is_exact and self._n_kept(n_patterns) == 0:
            raise ValueError(
                f"fraction_masked must leave at least one of the {n_patterns} patterns, got {self.fraction_masked}"
            )

    def choice(self, n_patterns):
        key = seed_key(self.seed)
        if self.is_exact:
            return (*key, self._n_kept(n_patterns))
        return (*key, float(self.fraction_masked), int(self.on_empty == "one"))

    def _n_kept(self, n_patterns):
        return n_patterns - round(self.fraction_masked * n_patterns)

    def largest(self, n_patterns):
        return self._n_kept(n_patterns) if self.is_exact else n_patterns

    def least(self, n_patterns):
        return self._n_kept(n_patterns) if self.is_exact else 1

    def shared(self, n_patterns: int) -> np.ndarray:
        """The patterns that all cues see, those of cue 0 of a mask that is not shared."""
        found = super().lists(np.zeros(1, dtype=np.int64), n_patterns)[0]
        if found.size == 0:
            raise ValueError(f"the mask of fraction_masked = {self.fraction_masked} is empty (on_empty='one' sees one)")
        return found

    def lists(self, numbers, n_patterns):
        return super().lists(np.zeros_like(numbers) if self.is_shared else numbers, n_patterns)


@dataclass(frozen=True)
class Window(Mask):
    """Cue i sees the patterns j with ``|i - j| <= radius``: cues and patterns are two sequences of one length.

    Parameters
    ----------
    radius : int, >= 0
        The square root of the length is what the paper takes. At the ends, cues see fewer patterns.

    Raises
    ------
    TypeError, ValueError
        If it is no such integer or, once there are patterns, not below their number; if cues are more or fewer.

    References
    ----------
    Hu et al. (2025), example 2.
    """

    radius: int

    def __post_init__(self):
        check_integer("radius", self.radius, 0)
        object.__setattr__(self, "radius", int(self.radius))

    def check(self, n_patterns):
        if self.radius >= n_patterns:
            raise ValueError(f"radius must be below the length of the sequence, {n_patterns}, got {self.radius}")

    def check_cues(self, n_cues, n_patterns):
        if n_cues != n_patterns:
            raise ValueError(f"cues must be as many as patterns, {n_patterns}, for a window, got {n_cues}")

    def choice(self, n_patterns):
        return (self.radius,)

    def largest(self, n_patterns):
        return min(2 * self.radius + 1, n_patterns)

    def least(self, n_patterns):
        return self.radius + 1

    def lists(self, numbers, n_patterns):
        return [np.arange(max(i - self.radius, 0), min(i + self.radius + 1, n_patterns)) for i in numbers]


@dataclass(frozen=True)
class TopScores(Mask):
    """Each cue sees the patterns of its largest scores, of equal ones at the edge those that come first.

    Which ones depends on the state, so all scores are needed: this saves nothing, unlike the other masks.

    Parameters
    ----------
    count : int, >= 1, optional
    fraction : float, in (0, 1], optional
        Part of the patterns, rounded down, at least one. Give one of the two.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or both or neither are given.

    References
    ----------
    Hu et al. (2025), example 3.
    """

    count: int | None = None
    fraction: float | None = None

    def __post_init__(self):
        if (self.count is None) == (self.fraction is None):
            raise ValueError(f"count or fraction must be given, and not both, got {self.count} and {self.fraction}")
        if self.count is not None:
            check_integer("count", self.count, 1)
        else:
            check_finite("fraction", self.fraction)
            if not 0 < self.fraction <= 1:
                raise ValueError(f"fraction must be in (0, 1], got {self.fraction}")

    def check(self, n_patterns):
        if self.count is not None and self.count > n_patterns:
            raise ValueError(f"count must be at most the number of patterns, {n_patterns}, got {self.count}")

    def k(self, n_patterns: int) -> int:
        """How many patterns a cue sees."""
        return int(share_of(self.fraction, n_patterns) if self.count is None else self.count)

    def least(self, n_patterns):
        return self.k(n_patterns)

    def lists(self, numbers, n_patterns):
        raise ValueError("the patterns of TopScores depend on the scores of a cue, not on its number")
