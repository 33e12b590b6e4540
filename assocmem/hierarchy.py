"""Hierarchies of binary patterns: children that resemble their parents, and cues that mix relatives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, prod

import numpy as np
import xarray as xr

from assocmem.validation import check_finite, check_integer

__all__ = ["Hierarchy", "hierarchical_patterns", "hierarchy_from_binary", "noisy_cue"]

PARENTS = ("majority", "generative")
TREE_STREAM, CUE_STREAM = 10, 11


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Levels of patterns of +1 and -1, children first, and who descends from whom.

    Parameters
    ----------
    patterns : tuple of int8 array (pattern, unit), one for each level
    parents : tuple of int array (pattern,), one for each level but the last
        ``parents[l][k]`` is the number, in level l + 1, of the parent of pattern k of level l.

    Raises
    ------
    ValueError
        If a pattern is not of signs, the numbers of units differ, or a parent does not exist.
    """

    patterns: tuple[np.ndarray, ...] = field(repr=False)
    parents: tuple[np.ndarray, ...] = field(default=(), repr=False)

    def __post_init__(self):
        patterns = tuple(_signs(f"patterns[{k}]", level) for k, level in enumerate(self.patterns))
        if not patterns or len({level.shape[1] for level in patterns}) > 1:
            sizes = [level.shape[1] for level in patterns]
            raise ValueError(f"patterns must have at least one level, all with the same units, got {sizes}")
        if len(self.parents) != len(patterns) - 1:
            raise ValueError(f"parents must have {len(patterns) - 1} entries, got {len(self.parents)}")
        parents = tuple(
            _numbers(f"parents[{k}]", self.parents[k], len(patterns[k]), len(patterns[k + 1]))
            for k in range(len(patterns) - 1)
        )
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "parents", parents)

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.patterns)

    @property
    def n_units(self) -> int:
        """Length of a pattern."""
        return self.patterns[0].shape[1]

    @property
    def first(self) -> np.ndarray:
        """Number of the first pattern of each level in the list of all patterns, and the number of all."""
        return np.cumsum([0, *(len(level) for level in self.patterns)])

    @property
    def parent_of(self) -> np.ndarray:
        """Number of the parent of each pattern in the list of all patterns; -1 in the last level."""
        above = [numbers + self.first[k + 1] for k, numbers in enumerate(self.parents)]
        return np.concatenate([*above, np.full(len(self.patterns[-1]), -1)]).astype(np.int64)

    def lowest(self, n_levels: int) -> "Hierarchy":
        """The first levels alone."""
        check_integer("n_levels", n_levels, 1)
        if n_levels > self.n_levels:
            raise ValueError(f"n_levels must be at most {self.n_levels}, got {n_levels}")
        return Hierarchy(self.patterns[:n_levels], self.parents[: n_levels - 1])

    def ancestor(self, pattern: int, level: int) -> int:
        """Number, in a level, of the ancestor of a pattern of level 0 (itself in level 0)."""
        self._check_pattern("pattern", pattern)
        check_integer("level", level, 0)
        if level >= self.n_levels:
            raise ValueError(f"level must be in 0..{self.n_levels - 1}, got {level}")
        for step in range(level):
            pattern = self.parents[step][pattern]
        return int(pattern)

    def ancestors(self, level: int) -> np.ndarray:
        """Number (pattern,), in a level, of the ancestor of every pattern of level 0."""
        return np.array([self.ancestor(k, level) for k in range(len(self.patterns[0]))])

    def relatives(self, pattern: int, level: int) -> np.ndarray:
        """Patterns of level 0 that have the same ancestor in a level as the given one, which is among them."""
        return np.flatnonzero(self.ancestors(level) == self.ancestor(pattern, level))

    def to_dataset(self) -> xr.Dataset:
        """Variables ``level_<l>`` (pattern_<l>, unit) and ``parent_<l>`` (pattern_<l>,)."""
        levels = {f"level_{k}": ((f"pattern_{k}", "unit"), level) for k, level in enumerate(self.patterns)}
        parents = {f"parent_{k}": (f"pattern_{k}", numbers) for k, numbers in enumerate(self.parents)}
        return xr.Dataset(levels | parents, attrs={"units": "1"})

    def _check_pattern(self, name: str, pattern: int) -> None:
        check_integer(name, pattern, 0)
        if pattern >= len(self.patterns[0]):
            raise ValueError(f"{name} must be one of the patterns 0..{len(self.patterns[0]) - 1}, got {pattern}")


def hierarchical_patterns(
    n_units: int, branching: Sequence[int], correlations: Sequence[float], *, parents: str = "majority", seed: int
) -> Hierarchy:
    """Random tree of patterns.

    The roots are random signs; each other pattern takes the sign of its parent with probability (1 + b) / 2 and the
    opposite one otherwise, at every unit independently.

    Parameters
    ----------
    n_units : int, >= 1
    branching : sequence of int, >= 1
        From the top down: number of roots, then of children of each pattern of one level after the other.
    correlations : sequence of float in [-1, 1]
        From the top down, one fewer than `branching`: the overlap b of child and parent.
    parents : {"majority", "generative"}
        Whether a parent is stored as the sign of the sum of its children (0 counts as 0 in the sum of the level above
        and becomes -1 in the end), or as it was drawn.
    seed : int, >= 0

    Returns
    -------
    Hierarchy
        Children of one parent side by side: with P_c children each, pattern k has the parent k // P_c.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Liu et al. (2019), Push-pull feedback implements hierarchical information retrieval efficiently, section 2.
    """
    check_integer("n_units", n_units, 1)
    check_integer("seed", seed, 0)
    if not len(branching):
        raise ValueError("branching must have at least one number, got none")
    for k, number in enumerate(branching):
        check_integer(f"branching[{k}]", number, 1)
    if len(correlations) != len(branching) - 1:
        raise ValueError(f"correlations must have {len(branching) - 1} numbers, got {len(correlations)}")
    for k, correlation in enumerate(correlations):
        check_finite(f"correlations[{k}]", correlation)
        if not -1 <= correlation <= 1:
            raise ValueError(f"correlations[{k}] must be in [-1, 1], got {correlation}")
    if parents not in PARENTS:
        raise ValueError(f"parents must be one of {', '.join(PARENTS)}, got {parents!r}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(TREE_STREAM,)))
    levels = [rng.choice(np.array([-1, 1], np.int8), (branching[0], n_units))]
    for number, correlation in zip(branching[1:], correlations, strict=True):
        copies = np.repeat(levels[-1], number, axis=0)
        is_kept = rng.random(copies.shape) < (1 + correlation) / 2
        levels.append(np.where(is_kept, copies, -copies))
    if parents == "majority":
        levels = _majority_levels(levels, branching)
    counts = [prod(branching[: k + 1]) for k in range(len(branching))]
    numbers = [np.arange(counts[k]) // branching[k] for k in range(len(branching) - 1, 0, -1)]
    return Hierarchy(tuple(levels[::-1]), tuple(numbers))


def _majority_levels(levels, branching):
    """Levels, roots first, with every parent replaced by the sign of the sum of its children."""
    signs = [levels[-1]]
    for number in branching[:0:-1]:
        sums = signs[0].reshape(-1, number, signs[0].shape[1]).sum(axis=1, dtype=np.int64)
        signs.insert(0, np.sign(sums))
    return [np.where(level == 0, -1, level).astype(np.int8) for level in signs]


def hierarchy_from_binary(levels: Sequence[np.ndarray], parents: Sequence[np.ndarray]) -> Hierarchy:
    """Hierarchy of patterns of 0 and 1.

    Parameters
    ----------
    levels : sequence of array (pattern, unit) of 0 and 1
        Children first.
    parents : sequence of int array (pattern,)
        As in `Hierarchy`.

    Raises
    ------
    ValueError
        If a pattern has other values, or as `Hierarchy`.
    """
    for k, level in enumerate(levels):
        if not np.isin(level, (0, 1)).all():
            raise ValueError(f"levels[{k}] must hold 0 and 1 only, got {np.unique(level)[:5]}")
    return Hierarchy(tuple(2 * np.asarray(level, dtype=np.int8) - 1 for level in levels), tuple(parents))


def noisy_cue(
    hierarchy: Hierarchy,
    target: int,
    *,
    intra: float,
    inter: float,
    seed: int,
    intra_pattern: int | None = None,
    inter_pattern: int | None = None,
    n_cues: int = 1,
) -> np.ndarray:
    """Cues made of a pattern of level 0, a sibling of it and a pattern of another parent.

    Parameters
    ----------
    hierarchy : Hierarchy
        Of at least two levels.
    target : int
        The pattern that the cue is for.
    intra, inter : float in [0, 1]
        Fractions of the units, rounded down, that are copied from the sibling and then, at units drawn anew, from the
        other pattern: intra-class and inter-class noise.
    seed : int, >= 0
    intra_pattern, inter_pattern : int, optional
        The sibling and the other pattern. By default the second sibling after the target, and the pattern at the
        target's place in the next family.
    n_cues : int, >= 1

    Returns
    -------
    int8 array (cue, unit) of signs

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a pattern is not of the class that it must be of.
    """
    if hierarchy.n_levels < 2:
        raise ValueError(f"hierarchy must have at least two levels, got {hierarchy.n_levels}")
    hierarchy._check_pattern("target", target)
    check_integer("seed", seed, 0)
    check_integer("n_cues", n_cues, 1)
    for name, value in (("intra", intra), ("inter", inter)):
        check_finite(name, value)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value}")
    siblings = hierarchy.relatives(target, 1)
    must_exist = (intra > 0 or intra_pattern is not None, inter > 0 or inter_pattern is not None)
    intra_pattern = target + 2 if intra_pattern is None else intra_pattern
    inter_pattern = target + len(siblings) if inter_pattern is None else inter_pattern
    sources = (("intra", intra_pattern, True), ("inter", inter_pattern, False))
    for is_needed, (name, pattern, must_be_sibling) in zip(must_exist, sources, strict=True):
        if is_needed:
            hierarchy._check_pattern(f"{name}_pattern", pattern)
            if (pattern in siblings) != must_be_sibling:
                where = "of the target's class" if must_be_sibling else "of another class than the target"
                raise ValueError(f"{name}_pattern must be {where} ({siblings[0]}..{siblings[-1]}), got {pattern}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(CUE_STREAM,)))
    children, n_units = hierarchy.patterns[0], hierarchy.n_units
    cues = np.repeat(children[target][None], n_cues, axis=0)
    for cue in cues:
        for fraction, pattern in ((intra, intra_pattern), (inter, inter_pattern)):
            sites = rng.permutation(n_units)[: floor(fraction * n_units)]
            if sites.size:
                cue[sites] = children[pattern][sites]
    return cues


def _signs(name, level):
    array = np.asarray(level)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have the shape (pattern, unit), got {array.shape}")
    if not np.isin(array, (-1, 1)).all():
        raise ValueError(f"{name} must hold +1 and -1 only, got {np.unique(array)[:5]}")
    signs = array.astype(np.int8)
    signs.setflags(write=False)
    return signs


def _numbers(name, values, n_children, n_parents):
    array = np.asarray(values)
    if array.shape != (n_children,) or array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold {n_children} integers, got shape {array.shape} of {array.dtype}")
    if array.min() < 0 or array.max() >= n_parents:
        raise ValueError(f"{name} must be in 0..{n_parents - 1}, got {array.min()} to {array.max()}")
    numbers = array.astype(np.int64)
    numbers.setflags(write=False)  # compiled code indexes by them unchecked
    return numbers
