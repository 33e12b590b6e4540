"""How units are divided among heads, each with an association of its own."""

import numpy as np

from assocmem.networks.base import Context

__all__ = ["among_keys", "join_heads", "split_heads"]


def split_heads(array: np.ndarray, n_heads: int) -> np.ndarray:
    """(..., place, unit) as (..., head, place, unit of head)."""
    return np.swapaxes(array.reshape(*array.shape[:-1], n_heads, -1), -2, -3)


def join_heads(array: np.ndarray) -> np.ndarray:
    """The inverse of `split_heads`."""
    array = np.swapaxes(array, -2, -3)
    return array.reshape(*array.shape[:-2], -1)


def among_keys(context: Context) -> np.ndarray | None:
    """Which keys exist, for all heads and cues (item, 1, 1, key)."""
    return None if context.is_there is None else context.is_there[:, None, None, :]
