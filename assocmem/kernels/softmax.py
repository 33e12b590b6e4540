"""Softmax over the rows of a block in place, with the same bits for any batch."""

import math

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline
from assocmem.kernels.elementary import exp
from assocmem.kernels.reductions import LANES, row_maximum, row_sum

__all__ = ["legacy_softmax", "softmax", "weigh"]

_EPSILON = 2.0**-52
_LARGEST = 1.7976931348623157e308


@kernel
def softmax(block, n, beta):
    """Replace every row of scores u by weights ``s_j = exp(beta u_j) / sum_k exp(beta u_k)`` for j, k < n, 0 beyond.

    Parameters
    ----------
    block : float64 array (trajectory, column), C-contiguous
        Scores below inf. -inf masks a column: its weight is 0. A row with NaN, or masked altogether, gives NaN.
        The number of columns is a multiple of `LANES`; otherwise all become NaN. ``block[b]`` depends on its own
        scores alone, to the last bit.
    n : int
        Columns that count, from 1 to all of them.
    beta : float
        > 0. The largest score is subtracted first, so that nothing overflows, however large ``beta u`` is.
    """
    n_columns = block.shape[1]
    if n_columns % LANES or not 1 <= n <= n_columns:
        block[:] = math.nan  # never read beyond an array: the run reports the divergence
        return
    # three short passes: in one, each row would wait for its own maximum, exponentials and sum in turn
    for b in range(block.shape[0]):
        largest = row_maximum(block, b, n)
        row = block[b]
        for j in range(n_columns):
            row[j] = beta * (row[j] - largest) if j < n else -math.inf
    exponentiate(block)
    for b in range(block.shape[0]):
        scale = 1.0 / row_sum(block, b, n_columns)
        row = block[b]
        for j in range(n_columns):
            row[j] *= scale


@kernel
def exponentiate(block):
    """Replace every value by its exponential."""
    n_values, values = block.size, block.flat
    for i in range(n_values):
        values[i] = exp(values[i])


@kernel
def legacy_softmax(block, n, beta):
    """Softmax as in the published code of CDAM: it neither subtracts the largest score nor normalises at the extremes.

    2^-52 is added to numerator and denominator, and infinities are replaced by the largest float64. Hence every weight
    is 1 if all ``beta u`` are below about -36, and each weight with ``beta u`` above 709.8 is 1. For comparison only.

    Parameters
    ----------
    block, n, beta
        As for `softmax`.

    References
    ----------
    Burns (2024), github.com/tfburns/CDAM, the function softmax of all notebooks.
    """
    if not 1 <= n <= block.shape[1]:
        block[:] = math.nan
        return
    for b in range(block.shape[0]):
        row, total = block[b], 0.0
        for j in range(n):
            row[j] = exp(beta * row[j])
            total += row[j]
        total = min(total + _EPSILON, _LARGEST)
        for j in range(n):
            row[j] = min(row[j] + _EPSILON, _LARGEST) / total
        for j in range(n, row.size):
            row[j] = 0.0


@kernel
def weigh(block, n, beta, is_legacy):
    """`legacy_softmax` if `is_legacy` is not 0, `softmax` otherwise."""
    always_inline()
    if is_legacy:
        legacy_softmax(block, n, beta)
    else:
        softmax(block, n, beta)
