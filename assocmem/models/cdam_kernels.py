"""Kernels of the correlated dense associative memory, in its units and in as many dimensions as it has patterns.

A flow and a map of each share all but the last line: `rate` is 1 / tau in a flow and eta in a map.
"""

from assocmem.jit import kernel
from assocmem.kernels.matmul import leaky_matmul, matmul
from assocmem.kernels.softmax import weigh

__all__ = [
    "diffusion",
    "full_rhs",
    "full_update",
    "reduced_own_rhs",
    "reduced_own_update",
    "reduced_rhs",
    "reduced_update",
]


@kernel
def _drift(y, work, stimulus, score_weights, projection, offset, rate, beta, n_patterns, is_legacy, out):
    """out = rate (Q softmax(beta Xi^T y) + offset + stimulus - y), with offset = -kappa xbar."""
    matmul(y, score_weights, work)
    weigh(work, n_patterns, beta, is_legacy)
    leaky_matmul(work, projection, y, offset, stimulus, rate, out)


@kernel
def full_rhs(t, y, dy, work, stimulus, score_weights, projection, offset, rate, beta, n_patterns, is_legacy):
    _drift(y, work, stimulus, score_weights, projection, offset, rate, beta, n_patterns, is_legacy, dy)


@kernel
def full_update(t, y, new, work, stimulus, score_weights, projection, offset, rate, beta, n_patterns, is_legacy):
    _drift(y, work, stimulus, score_weights, projection, offset, rate, beta, n_patterns, is_legacy, new)
    n_values, y, new = y.size, y.flat, new.flat
    for i in range(n_values):
        new[i] += y[i]


@kernel
def diffusion(t, y, amplitude, noise):
    amplitude[:] = noise


@kernel
def _reduced_weights(y, stimulus, score_weights, beta, n_patterns, is_legacy, out):
    """out = softmax(beta u) with u = (Xi^T Q) q - (1 - rho) kappa Xi^T xbar + rho Xi^T z."""
    matmul(y, score_weights, out)
    for b in range(y.shape[0]):
        row, scores, rho = out[b], stimulus[b], y[b, n_patterns]
        for j in range(row.size):
            row[j] += rho * scores[j]
    weigh(out, n_patterns, beta, is_legacy)


@kernel
def _reduced_own_weights(y, work, stimulus, own_weights, mean_scores, beta, n_patterns, is_legacy, out):
    """The same with strengths a and h for every trajectory: u = a G q + h G M^T q - (1 - rho) kappa Xi^T xbar + ..."""
    matmul(y, own_weights, work)
    n_columns = out.shape[1]
    for b in range(y.shape[0]):
        row, both, scores, rho, mean = out[b], work[b], stimulus[b], y[b, n_patterns], y[b, n_patterns + 1]
        a, h = scores[n_patterns], scores[n_patterns + 1]
        for j in range(n_columns):
            row[j] = a * both[j] + h * both[n_columns + j] + (rho * scores[j] - mean * mean_scores[j])
    weigh(out, n_patterns, beta, is_legacy)


@kernel
def _relax(y, constant, rate, out):
    """out = rate (out + constant - y): towards the weights (pattern), 0 (cue), 1 (mean pattern), 0 ..."""
    for b in range(y.shape[0]):
        row, state = out[b], y[b]
        for j in range(row.size):
            row[j] = rate * (row[j] + constant[j] - state[j])


@kernel
def _step(y, constant, rate, out):
    """out = y + rate (out + constant - y), the same as a step."""
    for b in range(y.shape[0]):
        row, state = out[b], y[b]
        for j in range(row.size):
            row[j] = state[j] + rate * (row[j] + constant[j] - state[j])


@kernel
def reduced_rhs(t, y, dy, stimulus, score_weights, constant, rate, beta, n_patterns, is_legacy):
    _reduced_weights(y, stimulus, score_weights, beta, n_patterns, is_legacy, dy)
    _relax(y, constant, rate, dy)


@kernel
def reduced_update(t, y, new, stimulus, score_weights, constant, rate, beta, n_patterns, is_legacy):
    _reduced_weights(y, stimulus, score_weights, beta, n_patterns, is_legacy, new)
    _step(y, constant, rate, new)


@kernel
def reduced_own_rhs(t, y, dy, work, stimulus, own_weights, mean_scores, constant, rate, beta, n_patterns, is_legacy):
    _reduced_own_weights(y, work, stimulus, own_weights, mean_scores, beta, n_patterns, is_legacy, dy)
    _relax(y, constant, rate, dy)


@kernel
def reduced_own_update(
    t, y, new, work, stimulus, own_weights, mean_scores, constant, rate, beta, n_patterns, is_legacy
):
    _reduced_own_weights(y, work, stimulus, own_weights, mean_scores, beta, n_patterns, is_legacy, new)
    _step(y, constant, rate, new)
