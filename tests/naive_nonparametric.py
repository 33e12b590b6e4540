"""Slow oracles of nonparametric Hopfield models: loops over cues and patterns, as the equations are written."""

import math

import numpy as np


def masked_softmax(scores, visible):
    """Weights of all patterns, with those that are not visible left out of the sum."""
    weights, top = np.zeros(len(scores)), max(scores[j] for j in visible)
    total = sum(math.exp(scores[j] - top) for j in visible)
    for j in visible:
        weights[j] = math.exp(scores[j] - top) / total
    return weights


def masked_sparsemax(scores, visible):
    """Projection of the visible scores onto the simplex, by sorting."""
    ordered = sorted((scores[j] for j in visible), reverse=True)
    partial, threshold = 0.0, 0.0
    for i, value in enumerate(ordered, start=1):
        partial += value
        if 1 + i * value > partial:
            threshold = (partial - 1) / i
    weights = np.zeros(len(scores))
    for j in visible:
        weights[j] = max(scores[j] - threshold, 0.0)
    return weights


def scores_of(cue, keys, beta):
    return [beta * sum(cue[u] * key[u] for u in range(len(cue))) for key in keys]


def retrieved(weights, patterns):
    """The mixture of patterns (pattern, unit)."""
    total = [0.0] * len(patterns[0])
    for weight, pattern in zip(weights, patterns, strict=True):
        for u, value in enumerate(pattern):
            total[u] += weight * value
    return np.array(total)


def kernel_weights(cue, keys, kernel):
    """Nadaraya-Watson weights of a kernel."""
    values = [kernel(cue, key) for key in keys]
    return np.array(values) / sum(values)


def elu_kernel(x, k):
    def phi(v):
        return v + 1 if v > 0 else math.exp(v)

    return sum(phi(a) * phi(b) for a, b in zip(x, k, strict=True))


def log_sum_exp_energy(cue, patterns, beta, visible):
    """-lse(beta, X q) + |q|^2 / 2 over visible patterns."""
    total = sum(math.exp(beta * float(cue @ patterns[j])) for j in visible)
    return -math.log(total) / beta + 0.5 * float(cue @ cue)


def top_k(scores, k):
    """Numbers of the k largest scores, the first of equal ones."""
    return sorted(sorted(range(len(scores)), key=lambda j: (-scores[j], j))[:k])
