"""Products and read-outs of correlated dense associative memories, the same bits for any batch."""

import numpy as np

from assocmem.jit import compile_loop, kernel
from assocmem.kernels.matmul import aligned_empty, matmul
from assocmem.kernels.reductions import LANES, padded
from assocmem.kernels.softmax import weigh

__all__ = ["centred", "product", "ratio", "read_out", "softmax_weights"]


def product(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``x @ weights`` for x (..., row, pre) and weights (..., pre, post), summed in the order of the inner index.

    Every row has the same bits whatever the others, which a library's product does not promise.
    """
    if weights.ndim == 2:  # one block of rows
        out = np.empty((*x.shape[:-1], weights.shape[1]))
        x, weights, total = x.reshape(1, -1, x.shape[-1]), weights[None], out.reshape(1, -1, weights.shape[1])
    else:
        shape = np.broadcast_shapes(x.shape[:-2], weights.shape[:-2])
        x, weights = (np.broadcast_to(a, (*shape, *a.shape[-2:])).reshape(-1, *a.shape[-2:]) for a in (x, weights))
        out = np.empty((*shape, x.shape[-2], weights.shape[-1]))
        total = out.reshape(-1, *out.shape[-2:])
    compile_loop(_product_loop)(np.ascontiguousarray(x, float), np.ascontiguousarray(weights, float), total)
    return out


def _product_loop():
    def loop(x, weights, out):
        for k in range(out.shape[0]):
            matmul(x[k], weights[k], out[k])

    return loop


def softmax_weights(scores: np.ndarray, beta: float, *, is_legacy: bool = False) -> np.ndarray:
    """Weights (..., pattern) of scores (..., pattern), as the kernels have them."""
    n = scores.shape[-1]
    block = aligned_empty((scores[..., 0].size, padded(n)))
    block[:, :n], block[:, n:] = scores.reshape(-1, n), 0.0
    compile_loop(_weights_loop)(block, n, float(beta), int(is_legacy))
    return block[:, :n].reshape(scores.shape)


def _weights_loop():
    def loop(block, n, beta, is_legacy):
        weigh(block, n, beta, is_legacy)

    return loop


def centred(values: np.ndarray) -> np.ndarray:
    """Values less their mean over the last axis; exactly 0 where they are all the same."""
    result = values - values.mean(axis=-1, keepdims=True)
    # round-off in the mean must not become a correlation
    result[np.ptp(values, axis=-1) == 0] = 0.0
    return result


def ratio(covariance: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Correlation, within [-1, 1]; NaN where a norm is zero."""
    quotient = np.divide(covariance, norms, out=np.full(covariance.shape, np.nan), where=norms > 0)
    return np.clip(quotient, -1.0, 1.0, out=quotient)


def read_out(states, strengths, patterns, cues, settings) -> dict[str, np.ndarray]:
    """Moments, correlations with patterns, and softmax weights, of states of a `ReducedCDAM`.

    Parameters
    ----------
    states : ndarray (trajectory, time, column)
    strengths : ndarray (trajectory, time, 2)
    patterns : tuple
        Links, Gram matrix, centred Gram matrix (pattern, pattern), means (pattern,).
    cues : tuple
        Means and squared norms of the centred cues (trajectory,), scores and centred scores (trajectory, pattern).
    settings : tuple
        kappa / p, beta, whether the softmax is the legacy one, number of units of the network.

    Returns
    -------
    dict
        `mean_activity`, `std_activity` (trajectory, time), `correlation`, `weights` (trajectory, time, pattern).
    """
    moments = np.empty((2, *states.shape[:2]))
    vectors = np.empty((2, *states.shape[:2], len(patterns[0])))
    compile_loop(_read_out_loop)(states, np.array(strengths), patterns, cues, settings, *moments, *vectors)
    names = ("mean_activity", "std_activity", "correlation", "weights")
    return dict(zip(names, (*moments, *vectors), strict=True))


def _read_out_loop():
    def loop(states, strengths, patterns, cues, settings, mean, std, correlation, weights):
        links, gram, centred_gram, pattern_means = patterns
        cue_means, cue_squares, cue_scores, centred_scores = cues
        mean_coefficient, beta, is_legacy, n_network = settings
        n_times, p = states.shape[1], links.shape[0]
        averages, mixed, products = np.empty((n_times, p)), np.empty((n_times, p)), np.empty((n_times, p))
        block = np.empty((n_times, -(-p // LANES) * LANES))
        for b in range(states.shape[0]):
            averages[:] = states[b, :, :p]
            rho, mean_amplitude = states[b, :, p], states[b, :, p + 1]
            matmul(averages, links, mixed)
            _mix(averages, strengths[b], mean_coefficient, mean_amplitude, mixed)
            matmul(mixed, gram, products)
            for k in range(n_times):
                for j in range(p):
                    block[k, j] = products[k, j] + rho[k] * cue_scores[b, j]
            weigh(block, p, beta, is_legacy)
            weights[b] = block[:, :p]
            matmul(mixed, centred_gram, products)
            for k in range(n_times):
                mean[b, k] = rho[k] * cue_means[b] + _dot(mixed[k], pattern_means)
                row, own = correlation[b, k], centred_scores[b]
                for j in range(p):
                    row[j] = products[k, j] + rho[k] * own[j]
                square = _dot(mixed[k], row) + rho[k] * _dot(mixed[k], own) + rho[k] * rho[k] * cue_squares[b]
                norm = np.sqrt(max(square, 0.0))
                std[b, k] = norm / np.sqrt(n_network)
                _correlate(row, norm, centred_gram)

    return loop


@kernel
def _mix(averages, strengths, mean_coefficient, mean_amplitude, mixed):
    """From q M^T to the coefficients a q + h q M^T - (kappa / p) (1 - rho)."""
    for k in range(mixed.shape[0]):
        for j in range(mixed.shape[1]):
            own = strengths[k, 0] * averages[k, j] + strengths[k, 1] * mixed[k, j]
            mixed[k, j] = own - mean_coefficient * mean_amplitude[k]


@kernel
def _dot(x, y):
    total = 0.0
    for j in range(x.size):
        total += x[j] * y[j]
    return total


@kernel
def _correlate(covariance, norm, centred_gram):
    """From covariances with the patterns to correlations; NaN where a norm is zero."""
    for j in range(covariance.size):
        norms = norm * np.sqrt(centred_gram[j, j])
        value = min(max(covariance[j] / norms, -1.0), 1.0)
        covariance[j] = value if norms > 0.0 else np.nan
