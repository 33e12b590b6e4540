"""Loops over rows of scores, and the association of a block of cues: scores, separation, mixture.

The scores of a block of cues are made, separated in place and used up before the next block, so that they never stand
in memory for all cues. Mixtures leave out patterns of weight 0, in the same order of summation: the bits of a result
depend neither on the block nor on whether it was mixed sparsely.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.bits import fma

__all__ = ["association_loop", "gram_loop", "jvp_loop", "mix", "rows_loop"]

_SPARSE = 8  # weights for each that is not 0, from which leaving out the others pays


def rows_loop(row):
    """Loop that separates every row of a block of scores."""

    def loop(scores, beta, parameters, out, value, status, work):
        for b in range(scores.shape[0]):
            value[b], status[b] = row(scores, b, beta, parameters, out, work)

    return loop


def jvp_loop(row):
    """Loop over the rows of a product with a Jacobian."""

    def loop(weights, parameters, tangent, out):
        for b in range(weights.shape[0]):
            row(weights, b, parameters, tangent, out)

    return loop


def association_loop(row, product):
    """Loop that writes ``out = separation(beta cues patterns^T) values`` for a block of cues.

    `weights_from` holds the patterns as (unit, pattern) and `values` what they evoke as (pattern, unit), both in the
    layout of `assocmem.kernels.matmul`; `product` is the matrix product of their type. The weights are left in `scores`
    (trajectory, pattern); `readout` gets the column of the largest weight and the number of weights that are not 0.
    """

    def loop(cues, weights_from, beta, parameters, values, out, value, status, readout, scores, work, places):
        product(cues, weights_from, scores)
        count = 0
        for b in range(scores.shape[0]):
            value[b], status[b] = row(scores, b, beta, parameters, scores, work)
            readout[b, 0], readout[b, 1] = winner_and_support(scores, b)
            count += readout[b, 1]
        if count * _SPARSE > scores.size:
            product(scores, values, out)
        else:
            for b in range(scores.shape[0]):
                mix(scores, b, values, out, places)

    return loop


@kernel
def winner_and_support(weights, b):
    """Column of the largest weight, the first of equal ones, and the number of weights that are not 0."""
    row, winner, support = weights[b], 0, 0
    for j in range(row.size):
        support += row[j] != 0.0
        winner = j if row[j] > row[winner] else winner
    return winner, support


@kernel
def mix(weights, b, values, out, places):
    """Write ``out[b] = sum_j weights[b, j] values[j]`` over the weights that are not 0, four at a time in order."""
    row, total, count = weights[b], out[b], 0
    for j in range(row.size):
        places[count] = j
        count += row[j] != 0.0
    total[:] = 0.0
    whole = count - count % 4
    for i in range(0, whole, 4):
        a, c, d, e = places[i], places[i + 1], places[i + 2], places[i + 3]
        first, second, third, fourth = values[a], values[c], values[d], values[e]
        for k in range(total.size):
            o = fma(row[a], first[k], total[k])
            o = fma(row[c], second[k], o)
            o = fma(row[d], third[k], o)
            total[k] = fma(row[e], fourth[k], o)
    for i in range(whole, count):
        a = places[i]
        only = values[a]
        for k in range(total.size):
            total[k] = fma(row[a], only[k], total[k])


def gram_loop(row, product):
    """Loop that writes the next weights of a block of trajectories from their present weights.

    The state is ``c sum_j w_j x_j`` with the factor c of a normalisation, so its scores are ``c K w`` with the products
    K between patterns: the units are not needed. `normalization` is (g, e, n, offset): ``c = g / sqrt(w K w / n + e)``,
    or 1 if g is 0, and scores are ``c K w + offset``. `square` gets ``w K w``.
    """

    def loop(weights, gram, beta, parameters, normalization, out, value, status, readout, square, work, places):
        gain, epsilon, n_units, offset = normalization
        count, n_patterns = 0, gram.shape[0]
        for weight in weights.flat:
            count += weight != 0.0
        if count * _SPARSE > weights.size:
            product(weights, gram, out)
        for b in range(weights.shape[0]):
            if count * _SPARSE <= weights.size:
                mix(weights, b, gram, out, places)
            square[b] = 0.0
            for j in range(n_patterns):
                square[b] += weights[b, j] * out[b, j]
            scale = math.sqrt(max(square[b], 0.0) / n_units + epsilon) if gain > 0.0 else 1.0
            factor = gain / scale if gain > 0.0 and scale > 0.0 else 1.0
            for j in range(n_patterns):
                out[b, j] = factor * out[b, j] + offset[j]
            value[b], status[b] = row(out, b, beta, parameters, out, work)
            readout[b, 0], readout[b, 1] = winner_and_support(out, b)

    return loop
