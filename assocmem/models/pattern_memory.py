"""What memories of patterns and noisy keys share: their checks, updates of any number of states, and energies."""

import math

import numpy as np

from assocmem.models.associative import AssociativeMemory
from assocmem.validation import check_integer, check_positive, labelled_array

__all__ = ["PatternMemory"]


class PatternMemory(AssociativeMemory):
    """Base of frozen dataclasses with fields `patterns`, `keys` and `beta`."""

    is_numbered = False  # whether an update depends on the number of the cue

    @property
    def is_autoassociative(self) -> bool:
        """Whether the keys are the patterns."""
        return self.keys is None

    @property
    def stored_keys(self) -> np.ndarray:
        """What cues are compared with (pattern, unit)."""
        return self.patterns if self.keys is None else self.keys

    def check_arrays(self) -> None:
        """Check patterns, keys and beta, and set them in the type of the patterns.

        Raises
        ------
        TypeError, ValueError
            If they are of the wrong type or shape or not finite.
        """
        dtype = np.float32 if getattr(self.patterns, "dtype", None) == np.float32 else np.float64
        for name in ("patterns", "keys"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _matrix(name, getattr(self, name), dtype))
        if self.keys is not None and self.keys.shape != self.patterns.shape:
            raise ValueError(f"keys must have the shape of the patterns {self.patterns.shape}, got {self.keys.shape}")
        if self.keys is not None and np.array_equal(self.keys, self.patterns):
            object.__setattr__(self, "keys", None)
        beta = self.default_beta() if self.beta is None else self.beta
        check_positive("beta", beta)
        object.__setattr__(self, "beta", float(beta))

    def default_beta(self) -> float:
        """1 / sqrt(n_units)."""
        return 1.0 / math.sqrt(self.n_units)

    def scores(self, states: np.ndarray) -> np.ndarray:
        """Scores (..., pattern) of states (..., unit): their products with the keys, without beta."""
        return self.checked(states) @ self.stored_keys.T

    def flat(self, states, threads: int | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
        """Checked states as a matrix (trajectory, unit), and the shape of what is in front of the units."""
        if threads is not None:
            check_integer("threads", threads, 1)
        states = self.checked(states)
        return states.reshape(-1, self.n_units), states.shape[:-1]

    def numbers(self, n_cues: int) -> np.ndarray:
        """Numbers of so many cues.

        Raises
        ------
        ValueError
            If there cannot be so many.
        """
        return np.arange(n_cues)

    def prepared(self, cues):
        if not self.is_numbered:
            return cues
        # trajectories that are steady leave the block: each carries the number of its cue as a last column
        return np.column_stack([cues, self.numbers(len(cues)).astype(self.dtype)])

    def states_from(self, y, form):
        return y[:, : self.n_units]

    def parted(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States without their numbers, and these."""
        numbers = y[:, self.n_units].astype(np.int64) if self.is_numbered else np.arange(len(y))
        return np.ascontiguousarray(y[:, : self.n_units]), numbers

    def joined(self, states: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The inverse of `parted`."""
        return np.column_stack([states, numbers.astype(self.dtype)]) if self.is_numbered else states


def _matrix(name, values, dtype):
    array = labelled_array(name, values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix (pattern, unit), got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    array = array.astype(dtype)
    array.setflags(write=False)
    return array
