"""Retrieval by a sequence from itself: how time grows with its length, dense, in a window, and by features."""

from functools import cache

import numpy as np

from assocmem.bench.measuring import Contender, Table, needs
from assocmem.features import EluFeatures, PositiveRandomFeatures
from assocmem.masks import Window
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.nonparametric import NonparametricHopfield

__all__ = ["TABLES"]

LENGTHS = (1440, 2880, 5760, 11520)
N_UNITS, N_FEATURES = 16, 44  # of a head, and 16 log 16 random features as published
BETA = N_UNITS**-0.5


@cache
def sequence(length: int) -> np.ndarray:
    """Standard normal states (place, unit)."""
    return np.random.default_rng(5).standard_normal((length, N_UNITS))


def radius(length: int) -> int:
    """Of the window."""
    return int(np.sqrt(length))


def _repeated(update, length, n_steps, *arguments, **options):
    states = sequence(length)

    def run():
        for _ in range(n_steps):
            found = update(states, *arguments, **options)
        return found

    return run


def _ours(make) -> Contender:
    def contender(length, n_steps, threads):
        return _repeated(make(length).update, length, n_steps, threads=threads)

    return contender


def _named(name: str, contender: Contender) -> Contender:
    contender.__name__ = name
    globals()[name] = contender
    return contender


def numpy_dense(length: int, n_steps: int, threads: int):
    """The whole matrix of scores at once."""

    def update(states):
        scores = BETA * states @ states.T
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True) @ states

    return _repeated(update, length, n_steps)


def numpy_window(length: int, n_steps: int, threads: int):
    """Scores of one offset after the other."""
    w = radius(length)

    def update(states):
        padded = np.pad(states, ((w, w), (0, 0)))
        near = [padded[o : o + length] for o in range(2 * w + 1)]
        scores = BETA * np.stack([np.einsum("lu,lu->l", states, keys) for keys in near], axis=1)
        place = np.arange(length)[:, None] + np.arange(-w, w + 1)
        scores[(place < 0) | (place >= length)] = -np.inf
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return sum(weights[:, o, None] * keys for o, keys in enumerate(near))

    return _repeated(update, length, n_steps)


def numpy_linear(length: int, n_steps: int, threads: int):
    """Sums over keys first."""

    def update(states):
        features = np.where(states > 0, states + 1, np.exp(np.minimum(states, 0)))
        return features @ (features.T @ states) / (features @ features.sum(axis=0))[:, None]

    return _repeated(update, length, n_steps)


@needs("torch")
def torch_attention(length: int, n_steps: int, threads: int):
    """The fused kernel of torch."""
    import torch

    torch.set_num_threads(threads)
    states = torch.tensor(sequence(length))[None, None]

    def update(_):
        return torch.nn.functional.scaled_dot_product_attention(states, states, states, scale=BETA)[0, 0].numpy()

    return _repeated(update, length, n_steps)


dense = _named("assocmem_dense", _ours(lambda length: NonparametricHopfield(sequence(length), beta=BETA)))
window = _named(
    "assocmem_window",
    _ours(lambda length: NonparametricHopfield(sequence(length), beta=BETA, mask=Window(radius(length)))),
)
linear = _named("assocmem_linear", _ours(lambda length: FeatureHopfield(sequence(length), features=EluFeatures())))
random_features = _named(
    "assocmem_random_features",
    _ours(
        lambda length: FeatureHopfield(sequence(length), features=PositiveRandomFeatures(N_FEATURES, seed=1), beta=BETA)
    ),
)
SETTINGS = {"batches": LENGTHS, "counted": "length", "has_exponent": True}
TABLES = (
    Table(
        f"retrieval by a sequence from itself, {N_UNITS} units",
        (dense, window, linear, random_features, numpy_dense, torch_attention),
        **SETTINGS,
    ),
    Table("the same in a window of the root of the length", (window, numpy_window), **SETTINGS),
    Table("the same by linear features", (linear, numpy_linear), **SETTINGS),
)
