"""Pooling that needs no cue: the mean and the maximum of the values, as associations to compare others with."""

from dataclasses import dataclass

import numpy as np

from assocmem.networks.associations import Association

__all__ = ["MaxAssociation", "MeanAssociation"]


@dataclass(frozen=True)
class MeanAssociation(Association):
    """The mean of the values of all keys that exist, whatever the cue."""

    def forward(self, cues, keys, values, is_there, context):
        is_there = _there(cues, keys, is_there)
        weights = (is_there / is_there.sum(axis=-1, keepdims=True)).astype(values.dtype)

        def pullback(gradient):
            return np.zeros_like(cues), np.zeros_like(keys), np.swapaxes(weights, -1, -2) @ gradient

        return weights @ values, pullback


@dataclass(frozen=True)
class MaxAssociation(Association):
    """The largest of the values of all keys that exist, unit by unit, whatever the cue; of equal ones the first."""

    def forward(self, cues, keys, values, is_there, context):
        is_there = _there(cues, keys, is_there)[..., None]
        there = np.where(is_there, values[..., None, :, :], values.dtype.type(-np.inf))
        winners = there.argmax(axis=-2)[..., None, :]  # (..., cue, 1, value)
        evoked = np.take_along_axis(there, winners, axis=-2)[..., 0, :]

        def pullback(gradient):
            is_winner = winners == np.arange(values.shape[-2])[:, None]
            to_values = (is_winner * gradient[..., None, :]).sum(axis=-3)
            return np.zeros_like(cues), np.zeros_like(keys), to_values

        return evoked, pullback


def _there(cues, keys, is_there):
    """Which keys exist, for each cue (..., cue, key)."""
    front = np.broadcast_shapes(cues.shape[:-2], keys.shape[:-2])
    shape = (*front, cues.shape[-2], keys.shape[-2])
    return np.broadcast_to(True if is_there is None else is_there, shape)
