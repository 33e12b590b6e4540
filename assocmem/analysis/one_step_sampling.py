"""One discrete step of a hierarchical memory from a noisy cue, predicted by sampling units of the tree."""

from __future__ import annotations

import numpy as np
import xarray as xr

from assocmem.analysis.interference import check_tree, check_variance
from assocmem.validation import check_finite, check_integer

__all__ = ["sampled_one_step_accuracy"]

SITE_STREAM = 13
CHUNK = 2**16  # samples at a time


def sampled_one_step_accuracy(
    b1: float,
    b2: float,
    n_children: int,
    n_parents: int,
    *,
    intra: float = 0.0,
    inter: float = 0.0,
    push: float = 0.0,
    pull: float = 0.0,
    crosstalk: float = 0.0,
    n_samples: int = 1_000_000,
    seed: int,
) -> xr.Dataset:
    """Overlap with a child after one step from a noisy cue, by sampling units of the tree.

    The cue has the overlaps that `assocmem.hierarchy.noisy_cue` gives it on average; the signs of all children of the
    grandparent at a unit are drawn anew for each sample, so that no distribution is taken for normal.

    Parameters
    ----------
    b1, b2, n_children, n_parents
        As for `inter_class_distribution`.
    intra, inter : float in [0, 1]
        Fractions of the units copied from a sibling, and then, anywhere, from a child of another parent.
    push, pull : float
        Strengths a+ and a- of the feedback from the parent.
    crosstalk : float, >= 0
        Variance of independent normal noise: see `crosstalk_variance`.
    n_samples : int, >= 2
    seed : int, >= 0

    Returns
    -------
    Dataset
        `accuracy` and its `standard_error`, that of the sampling.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or there is no relative to copy from.
    """
    check_tree(b1, b2, n_children, n_parents)
    check_variance("crosstalk", crosstalk)
    check_integer("n_samples", n_samples, 2)
    check_integer("seed", seed, 0)
    for name, fraction, n_relatives in (("intra", intra, n_children), ("inter", inter, n_parents)):
        check_finite(name, fraction)
        if not 0 <= fraction <= (1 if n_relatives > 1 else 0):
            raise ValueError(f"{name} must be in [0, 1], and 0 where there is nothing to copy from, got {fraction}")
    check_finite("push", push)
    check_finite("pull", pull)
    weights = _pattern_weights(b1, b2, intra, inter, push)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SITE_STREAM,)))
    total = squares = 0.0
    for start in range(0, n_samples, CHUNK):
        size = min(CHUNK, n_samples - start)
        fields = _sampled_fields(rng, size, b1, b2, n_children, n_parents, weights, pull, np.sqrt(crosstalk))
        signs = np.sign(fields)
        total, squares = total + signs.sum(), squares + np.square(signs).sum()
    mean = total / n_samples
    error = np.sqrt(max(squares / n_samples - mean**2, 0.0) / n_samples)
    return xr.Dataset({"accuracy": mean, "standard_error": error}, attrs={"units": "1", "n_samples": n_samples})


def _pattern_weights(b1, b2, intra, inter, push):
    """Weights in the field: of the target, the copied sibling, the other siblings; of the same among the cousins.

    The third of the cousins' is that of its siblings, the fourth that of children of yet other parents.
    """
    sibling, cousin = b1**2, (b1 * b2) ** 2
    copied, own = intra * (1 - inter), (1 - intra) * (1 - inter)
    family = [
        own + copied * sibling + inter * cousin,
        own * sibling + copied + inter * cousin,
        (own + copied) * sibling + inter * cousin,
    ]
    others = [(own + copied) * cousin + inter, (own + copied) * cousin + inter * sibling, cousin]
    return [w + push for w in family] + [w + push * b2**2 for w in others]


def _sampled_fields(rng, size, b1, b2, n_children, n_parents, weights, pull, noise):
    """Fields times the target's sign at `size` units; the grandparent is +1 everywhere."""

    def signs(correlation):
        return np.where(rng.random(size) < (1 + correlation) / 2, 1.0, -1.0)

    def sums(number):
        """Sums of children that were drawn from a parent of +1, by their number."""
        return 2.0 * rng.binomial(number, (1 + b1) / 2, size) - number

    parent = signs(b2)
    target = parent * signs(b1)
    field = weights[0] * target - pull * parent + noise * rng.standard_normal(size)
    if n_children > 1:
        field += parent * (weights[1] * sums(1) + weights[2] * sums(n_children - 2))
    if n_parents > 1:
        field += signs(b2) * (weights[3] * sums(1) + weights[4] * sums(n_children - 1))
        n_agreeing = rng.binomial(n_parents - 2, (1 + b2) / 2, size) * n_children
        field += weights[5] * (sums(n_agreeing) - sums((n_parents - 2) * n_children - n_agreeing))
    return target * field
