"""Patterns, and cues that are variants of them: some to learn from, others to be judged by.

The paper stores synthetic patterns and images of MNIST. Images here are the digits of scikit-learn (8 x 8), or the
user's own MNIST, if its files are in the folder of the user's data; pixels are in [0, 1].

What the paper calls the difficulty of a cue is not known to us in full. We take one number for a corruption of all
three kinds that it names: ``x = m (xi + delta + delta eps)`` with a mask m that is 0 with probability delta, and last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assocmem.papers.base import Run
from assocmem.papers.image_data import labelled_images
from assocmem.variants import VariantDistribution

__all__ = ["Task", "gaussian_patterns", "image_patterns", "seed_of", "uniform_patterns"]


def seed_of(run: Run, purpose: str, *key: int) -> int:
    """Seed of one part of a computation: a purpose, and the numbers of the part."""
    sequence = np.random.SeedSequence(run.seed_for(f"adaptive {purpose}"), spawn_key=key)
    return int(sequence.generate_state(1)[0] >> 1)


def uniform_patterns(n_patterns: int, n_units: int, seed: int) -> np.ndarray:
    """Patterns (pattern, unit) of independent values in [0, 1), float32."""
    return np.random.default_rng(seed).random((n_patterns, n_units), dtype=np.float32)


def gaussian_patterns(n_patterns: int, n_units: int, seed: int) -> np.ndarray:
    """Patterns (pattern, unit) of standard normal values, float32."""
    return np.random.default_rng(seed).standard_normal((n_patterns, n_units), dtype=np.float32)


def image_patterns(run: Run, n_patterns: int, seed: int) -> tuple[str, np.ndarray]:
    """What the images are, and some of them at random (pattern, unit), float32 in [0, 1]."""
    images = labelled_images(run)
    chosen = np.random.default_rng(seed).choice(len(images), n_patterns, replace=False)
    return images.name, (images.values[chosen] + np.float32(1)) / np.float32(2)


@dataclass(frozen=True, eq=False)
class Task:
    """Patterns, how cues come about, and cues of known origin.

    Parameters
    ----------
    patterns : array (pattern, unit)
    variants : VariantDistribution
    cues, origins : arrays (cue, unit) and (cue,)
        To learn from.
    test_cues, test_origins : arrays (cue, unit) and (cue,)
    """

    patterns: np.ndarray
    variants: VariantDistribution
    cues: np.ndarray
    origins: np.ndarray
    test_cues: np.ndarray
    test_origins: np.ndarray

    @classmethod
    def draw(cls, patterns: np.ndarray, variants: VariantDistribution, n_cues: int, n_test: int, seed: int) -> Task:
        """Fresh variants of the same patterns for both purposes."""
        cues, origins = variants.sample(patterns, n_cues + n_test, seed=seed)
        return cls(patterns, variants, cues[:n_cues], origins[:n_cues], cues[n_cues:], origins[n_cues:])
