"""Post-transformations of one state in place: ``row(block, b, parameters)``."""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import tanh

__all__ = ["identity_row", "normalize_row", "sign_row", "tanh_row", "transformation_loop"]


def transformation_loop(row):
    """Loop that transforms every row of a block."""

    def loop(block, parameters):
        for b in range(block.shape[0]):
            row(block, b, parameters)

    return loop


@kernel
def identity_row(block, b, parameters):
    """Nothing."""


@kernel
def sign_row(block, b, parameters):
    """Signs, 0 where the value is 0."""
    row = block[b]
    for j in range(row.size):
        row[j] = (row[j] > 0.0) - (row[j] < 0.0) if row[j] == row[j] else math.nan


@kernel
def tanh_row(block, b, parameters):
    """``tanh(gain z)``."""
    gain, row = parameters[0], block[b]
    for j in range(row.size):
        row[j] = tanh(gain * row[j])


@kernel
def normalize_row(block, b, parameters):
    """``shift + gain (z - mean) / sqrt(mean square of that + epsilon)``, the mean left in if not `is_centred`.

    A row without variation has no direction and becomes `shift`.
    """
    gain, shift, epsilon, is_centred = parameters
    row, mean, square = block[b], 0.0, 0.0
    n, first = row.size, row[0]
    if is_centred:
        for j in range(n):
            mean += row[j] - first  # exactly 0 for a constant row
        mean = first + mean / n
    for j in range(n):
        square += (row[j] - mean) * (row[j] - mean)
    scale = math.sqrt(square / n + epsilon)
    factor = gain / scale if scale != 0.0 else 0.0
    for j in range(n):
        row[j] = shift + factor * (row[j] - mean)
