"""Separations that act on each score alone, those of classical and dense associative memories.

The form of the row kernels is that of `assocmem.kernels.simplex`; the value is the sum of the potentials F, of which
the weights are the derivatives.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import exp
from assocmem.kernels.simplex import DONE, NOT_FINITE

__all__ = ["exponential_row", "linear_row", "power_row"]


@kernel
def linear_row(scores, b, beta, parameters, out, work):
    """``F(s) = s^2 / 2``, weights s."""
    row, target, value = scores[b], out[b], 0.0
    for j in range(row.size):
        s = beta * row[j]
        value += 0.5 * s * s
        target[j] = s
    return value, DONE if value < math.inf else NOT_FINITE


@kernel
def _integer_power(x, n):
    """``x^n`` for an integer n >= 0, by squaring."""
    result = 1.0
    while n > 0:
        if n & 1:
            result *= x
        x *= x
        n >>= 1
    return result


@kernel
def power_row(scores, b, beta, parameters, out, work):
    """``F(s) = s^n / n``, weights ``s^(n - 1)``, with negative scores cut off at 0 if rectified."""
    order, is_rectified = parameters
    row, target, value = scores[b], out[b], 0.0
    for j in range(row.size):
        s = beta * row[j]
        s = 0.0 if is_rectified and s < 0.0 else s
        weight = _integer_power(s, order - 1)
        value += s * weight / order
        target[j] = weight
    return value, DONE if abs(value) < math.inf else NOT_FINITE


@kernel
def exponential_row(scores, b, beta, parameters, out, work):
    """``F(s) = exp(c s) / c``, weights ``exp(c s)``."""
    rate = parameters[0]
    row, target, value = scores[b], out[b], 0.0
    for j in range(row.size):
        weight = exp(rate * beta * row[j])
        value += weight
        target[j] = weight
    return value / rate, DONE if value < math.inf else NOT_FINITE
