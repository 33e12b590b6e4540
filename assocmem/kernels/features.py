"""Feature maps of blocks of cues or keys, and retrieval by features in two passes.

A map fills a block with the features of the rows of `x`. Random maps find the projections of the rows there. Features
that are exponentials may be divided by the largest one of each row (what is done with cues) or of the block (with
keys): `offsets` gets the logarithm of the divisor of each row, 0 for maps that need none.

References
----------
Choromanski et al. (2021), Rethinking attention with performers, ICLR.
Katharopoulos, Vyas, Pappas & Fleuret (2020), Transformers are RNNs, ICML: elu + 1, and sums over keys.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import exp
from assocmem.kernels.reductions import row_maximum, row_sum
from assocmem.kernels.softmax import exponentiate

__all__ = [
    "EACH_ROW",
    "EXACT",
    "WHOLE_BLOCK",
    "elu_features",
    "features_loop",
    "key_sums_loop",
    "mixtures_loop",
    "monomial_features",
    "orthogonalise_loop",
    "positive_features",
    "relu_features",
]

EXACT, EACH_ROW, WHOLE_BLOCK = range(3)


@kernel
def elu_features(x, parameters, scaling, out, offsets):
    """``elu(x) + 1``: x + 1 above 0, e^x below."""
    values, source, n = out.flat, x.flat, out.size  # one long loop: rows may be shorter than a vector
    for i in range(n):
        values[i] = exp(min(source[i], 0.0)) + max(source[i], 0.0)
    offsets[:] = 0.0


@kernel
def relu_features(x, parameters, scaling, out, offsets):
    """``scale (max(projection, 0) + offset)``."""
    offset, scale = parameters
    values, n = out.flat, out.size
    for i in range(n):
        values[i] = scale * (max(values[i], 0.0) + offset)
    offsets[:] = 0.0


@kernel
def monomial_features(x, parameters, scaling, out, offsets):
    """Each monomial from one of a degree less: ``f_i = c_i x[u_i] f[parent_i]``, with f_0 = 1."""
    parents, units, factors = parameters
    for b in range(out.shape[0]):
        source, row = x[b], out[b]
        row[0] = 1.0
        for i in range(1, row.size):
            row[i] = factors[i] * source[units[i]] * row[parents[i]]
        offsets[b] = 0.0


@kernel
def positive_features(x, parameters, scaling, out, offsets):
    """``exp(projection - |x|^2 / 2 - log(m) / 2)`` for m features."""
    half_log, n = parameters[0], out.shape[1]
    highest = -math.inf
    for b in range(out.shape[0]):
        source, row, shift = x[b], out[b], half_log
        for i in range(source.size):
            shift += 0.5 * source[i] * source[i]
        for i in range(n):
            row[i] -= shift
        offsets[b] = row_maximum(out, b, n) if scaling else 0.0
        highest = max(highest, offsets[b])
    for b in range(out.shape[0]):
        row = out[b]
        offsets[b] = highest if scaling == WHOLE_BLOCK else offsets[b]
        for i in range(n):
            row[i] -= offsets[b]
    exponentiate(out)


def features_loop(fill, product):
    """Loop that writes the features of a block of rows."""

    def loop(x, projections, parameters, scaling, out, offsets):
        if projections.size:
            product(x, projections, out)
        fill(x, parameters, scaling, out, offsets)

    return loop


def key_sums_loop(fill, product):
    """Loop that writes ``sum_k f(key_k) [value_k, 1]`` over some keys and returns the logarithm of its divisor.

    `values` has a column of ones after those of the values; `features`, `transposed` and `sums` are of one block of
    keys, `offsets` of its rows.
    """

    def loop(keys, projections, parameters, values, features, transposed, offsets, sums, out):
        n_block, n_features = features.shape
        highest = -math.inf
        out[:] = 0.0
        for start in range(0, keys.shape[0], n_block):
            n = min(n_block, keys.shape[0] - start)
            rows, block = keys[start : start + n], features[:n]
            if projections.size:
                product(rows, projections, block)
            fill(rows, parameters, WHOLE_BLOCK, block, offsets)
            turned = transposed[: n_features * n].reshape(n_features, n)
            for k in range(n):
                for i in range(n_features):
                    turned[i, k] = block[k, i]
            product(turned, values[start : start + n], sums)
            above = max(highest, offsets[0])
            old, new = exp(highest - above), exp(offsets[0] - above)
            highest = above
            for i in range(n_features):
                for v in range(out.shape[1]):
                    out[i, v] = old * out[i, v] + new * sums[i, v]
        return highest

    return loop


def mixtures_loop(fill, product):
    """Loop that writes what a block of cues evokes from the sums over keys; a cue without overlap gets status 1."""

    def loop(cues, projections, parameters, sums, features, offsets, mixture, out, status):
        n_values = out.shape[1]
        if projections.size:
            product(cues, projections, features)
        fill(cues, parameters, EACH_ROW, features, offsets)
        product(features, sums, mixture)
        for b in range(out.shape[0]):
            total = mixture[b, n_values]
            status[b] = 0 if total != 0.0 and abs(total) < math.inf else 1
            for v in range(n_values):
                out[b, v] = mixture[b, v] / total

    return loop


def orthogonalise_loop():
    """Loop that makes rows orthonormal in their order, by Gram and Schmidt, with positive lengths.

    Of Gaussian rows that gives rows of a matrix that is uniform among the orthogonal ones (a QR factorisation does so
    only after its signs are fixed). The components along earlier rows are taken away twice, which is enough.
    """

    def loop(rows, products):
        for i in range(rows.shape[0]):
            row = rows[i]
            for _ in range(2):
                for k in range(i):
                    other = rows[k]
                    for u in range(row.size):
                        products[0, u] = row[u] * other[u]
                    along = row_sum(products, 0, row.size)
                    for u in range(row.size):
                        row[u] -= along * other[u]
            for u in range(row.size):
                products[0, u] = row[u] * row[u]
            scale = 1.0 / math.sqrt(row_sum(products, 0, row.size))
            for u in range(row.size):
                row[u] *= scale

    return loop
