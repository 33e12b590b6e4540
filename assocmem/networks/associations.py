"""Associations of cues with keys as differentiable maps: which values a cue evokes, and with what weight.

All take cues (..., cue, unit), keys (..., key, unit) and values (..., key, value), with the same or broadcast axes in
front, and the keys that exist as booleans that broadcast against (..., cue, key). Missing keys get no weight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assocmem.masks import share_of
from assocmem.networks.base import Context
from assocmem.separations import Softmax
from assocmem.separations.base import Separation
from assocmem.separations.subsets import Counted
from assocmem.validation import check_finite, check_integer, check_positive

__all__ = ["Association", "SeparationAssociation", "WindowAssociation", "selected", "summed"]

AssociationPullback = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


class Association:
    """A differentiable map from cues, keys and values to what is evoked."""

    def forward(
        self, cues: np.ndarray, keys: np.ndarray, values: np.ndarray, is_there: np.ndarray | None, context: Context
    ) -> tuple[np.ndarray, AssociationPullback]:
        """What is evoked (..., cue, value), and the pullback of its gradient to cues, keys and values."""
        raise NotImplementedError


@dataclass(frozen=True)
class SeparationAssociation(Association):
    """``separation(beta cues keys^T) values``, perhaps over a part of the keys only.

    Parameters
    ----------
    separation : Separation
        With k-subsets, a cue with no more than k keys takes all of them.
    beta : float, > 0
    top_share : float in (0, 1], optional
        Only the keys with the largest scores, this share of those that exist (at least one; ties stay in).
    masked_share : float in [0, 1), optional
        Leave out a random share of the keys, drawn anew for each cue (at least one stays).

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range, or both shares are given.

    References
    ----------
    Hu et al. (2025), eq. 3.7 and examples 1 and 3.
    """

    separation: Separation = Softmax()
    beta: float = 1.0
    top_share: float | None = None
    masked_share: float | None = None

    def __post_init__(self):
        if not isinstance(self.separation, Separation):
            raise TypeError(f"separation must be a Separation, got {self.separation!r}")
        check_positive("beta", self.beta)
        for name in ("top_share", "masked_share"):
            if getattr(self, name) is not None:
                check_finite(name, getattr(self, name))
        if self.top_share is not None and not 0 < self.top_share <= 1:
            raise ValueError(f"top_share must be in (0, 1], got {self.top_share}")
        if self.masked_share is not None and not 0 <= self.masked_share < 1:
            raise ValueError(f"masked_share must be in [0, 1), got {self.masked_share}")
        if self.top_share is not None and self.masked_share is not None:
            raise ValueError("masked_share must be None if top_share is given")

    def forward(self, cues, keys, values, is_there, context):
        scores = self._masked(cues @ np.swapaxes(keys, -1, -2), is_there, context)
        weights, is_whole = self._weights(scores)

        def pullback(gradient):
            inner = self.separation.vjp(scores, gradient @ np.swapaxes(values, -1, -2), weights=weights, threads=1)
            inner = np.where(is_whole, scores.dtype.type(0), inner) * scores.dtype.type(self.beta)
            to_values = np.swapaxes(weights, -1, -2) @ gradient
            return inner @ keys, np.swapaxes(inner, -1, -2) @ cues, to_values

        return weights @ values, pullback

    def _masked(self, scores, is_there, context):
        is_there = np.broadcast_to(True if is_there is None else is_there, scores.shape)
        if self.top_share is not None:
            is_there = selected(scores, is_there, self.top_share)
        elif self.masked_share:
            draws = context.generator().random(scores.shape, dtype=np.float32)
            is_there = selected(draws, is_there, 1 - self.masked_share)
        return np.where(is_there, scores, scores.dtype.type(-np.inf))

    def _weights(self, scores):
        """Weights, and the rows in which a set of k takes all keys that there are."""
        if not isinstance(self.separation, Counted) or self.separation.total == 1:
            return self.separation.evaluate(scores, beta=self.beta, threads=1)[0], False
        is_open = np.isfinite(scores)
        is_whole = np.count_nonzero(is_open, axis=-1, keepdims=True) <= self.separation.k
        if is_whole.all():
            return is_open.astype(scores.dtype), is_whole
        found = self.separation.evaluate(np.where(is_whole, scores.dtype.type(0), scores), beta=self.beta, threads=1)[0]
        return np.where(is_whole, is_open.astype(scores.dtype), found), is_whole


def selected(scores: np.ndarray, is_there: np.ndarray, share: float) -> np.ndarray:
    """Which keys (..., key) have the largest scores: a share of those that exist, rounded down, at least one."""
    count = np.count_nonzero(is_there, axis=-1, keepdims=True)
    k = share_of(share, count)
    ordered = np.sort(np.where(is_there, scores, -np.inf), axis=-1)
    edge = np.take_along_axis(ordered, scores.shape[-1] - np.minimum(k, scores.shape[-1]), axis=-1)
    return is_there & (scores >= edge)


@dataclass(frozen=True)
class WindowAssociation(Association):
    """Separation over the keys in a window around the place of the cue, ``|i - j| <= radius``.

    Cues and keys are two sequences of the same length. Only the ``2 radius + 1`` scores of each cue are made.

    Parameters
    ----------
    radius : int, >= 0
    separation : Separation
    beta : float, > 0

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    Hu et al. (2025), example 2.
    """

    radius: int
    separation: Separation = Softmax()
    beta: float = 1.0

    def __post_init__(self):
        check_integer("radius", self.radius, 0)
        if not isinstance(self.separation, Separation):
            raise TypeError(f"separation must be a Separation, got {self.separation!r}")
        check_positive("beta", self.beta)

    def forward(self, cues, keys, values, is_there, context):
        length = self._check_length(cues, keys)
        near_keys, near_values = self._padded(keys), self._padded(values)
        scores = np.stack([_inner(cues, near_keys[..., o : o + length, :]) for o in self._offsets()], axis=-1)
        is_inside = self._inside(length, is_there)
        is_alone = ~is_inside.any(axis=-1, keepdims=True)  # padding far from all keys: evokes nothing
        scores = np.where(is_inside | is_alone, scores, scores.dtype.type(-np.inf))
        weights = np.where(
            is_alone, scores.dtype.type(0), self.separation.evaluate(scores, beta=self.beta, threads=1)[0]
        )

        def pullback(gradient):
            slopes = [_inner(gradient, near_values[..., o : o + length, :]) for o in self._offsets()]
            inner = self.separation.vjp(scores, np.stack(slopes, axis=-1), weights=weights, threads=1)
            inner *= scores.dtype.type(self.beta)
            to_cues = self._mixed(inner, near_keys)
            return to_cues, self._spread(inner, cues), self._spread(weights, gradient)

        return self._mixed(weights, near_values), pullback

    def _check_length(self, cues, keys):
        if cues.shape[-2] != keys.shape[-2]:
            raise ValueError(f"keys must be as many as the cues, {cues.shape[-2]}, in a window, got {keys.shape[-2]}")
        if self.radius >= keys.shape[-2]:
            raise ValueError(f"radius must be below the length {keys.shape[-2]} of the sequence, got {self.radius}")
        return keys.shape[-2]

    def _offsets(self):
        return range(2 * self.radius + 1)

    def _padded(self, array):
        widths = [(0, 0)] * (array.ndim - 2) + [(self.radius, self.radius), (0, 0)]
        return np.pad(array, widths)

    def _inside(self, length, is_there):
        """Which keys of each window (..., cue, offset) exist."""
        is_there = np.ones((1, length), dtype=bool) if is_there is None else is_there
        padded = self._padded(np.swapaxes(is_there, -1, -2))[..., 0]
        return np.stack([padded[..., o : o + length] for o in self._offsets()], axis=-1)

    def _mixed(self, weights, near):
        length = weights.shape[-2]
        total = weights[..., 0, None] * near[..., :length, :]
        for o in self._offsets()[1:]:
            total += weights[..., o, None] * near[..., o : o + length, :]
        return total

    def _spread(self, weights, cues):
        """The transpose of `_mixed`: what windows take from keys, given back to them."""
        length = cues.shape[-2]
        total = np.zeros_like(self._padded(cues))
        for o in self._offsets():
            total[..., o : o + length, :] += weights[..., o, None] * cues
        return total[..., self.radius : self.radius + length, :]


def summed(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A gradient summed over the axes in front along which its argument was broadcast."""
    return gradient.sum(axis=tuple(range(gradient.ndim - len(shape)))) if gradient.ndim > len(shape) else gradient


def _inner(a, b):
    return np.einsum("...u,...u", a, b)
