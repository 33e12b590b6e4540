"""Softmax over the rows of a block, with the same bits for any batch.

Maxima and sums over a row are taken in eight lanes, column j in lane j mod 8, which are then combined pairwise: an
order that depends on nothing but the number of columns, and that vector instructions follow without a remainder.
"""

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.bits import always_inline
from assocmem.kernels.elementary import exp
from assocmem.kernels.matmul import element_pointer, spread, vector_pointer

__all__ = ["LANES", "legacy_softmax", "padded", "softmax", "weigh"]

LANES = 8  # columns are a whole number of these, so that no vector loop has a remainder
_EPSILON = 2.0**-52
_LARGEST = 1.7976931348623157e308
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


def padded(n: int) -> int:
    """Smallest multiple of `LANES` that is at least `n`: the columns of a block for the kernels of this module."""
    return -(-n // LANES) * LANES


def _row_reduction(combine, neutral):
    """Intrinsic that combines the first n columns of a row of a block whose columns are a multiple of `LANES`."""

    @intrinsic
    def reduce(typing, array, row, n):
        if not isinstance(array, types.Array) or (array.dtype, array.ndim, array.layout) != (types.float64, 2, "C"):
            raise TypingError(f"softmax needs C-contiguous float64 arrays of two dimensions, got {array}")
        return types.float64(array, types.intp, types.intp), _reduction_code(combine, neutral)

    return reduce


def _reduction_code(combine, neutral):
    def code(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        row, n = args[1:]
        start = element_pointer(builder, array.data, row, builder.extract_value(array.shape, 1))
        fill = ir.Constant(_VECTOR, [neutral] * LANES)
        total = cgutils.alloca_once_value(builder, fill)
        whole = builder.and_(n, n.type(-LANES))
        with cgutils.for_range_slice(builder, n.type(0), whole, n.type(LANES)) as (j, _):
            builder.store(combine(builder, builder.load(total), _load(builder, start, j)), total)
        with builder.if_then(builder.icmp_signed("<", whole, n)):
            lanes = ir.VectorType(n.type, LANES)
            count = spread(builder, builder.sub(n, whole), lanes)
            is_counted = builder.icmp_signed("<", ir.Constant(lanes, list(range(LANES))), count)
            last = builder.select(is_counted, _load(builder, start, whole), fill)
            builder.store(combine(builder, builder.load(total), last), total)
        return _combined_lanes(builder, combine, builder.load(total))

    return code


def _load(builder, row, column):
    return builder.load(vector_pointer(builder, builder.gep(row, [column]), _VECTOR, 0), align=8)


def _combined_lanes(builder, combine, vector):
    """Lanes combined with those half the vector away, until one is left."""
    width = LANES
    while width > 1:
        width //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        low, high = (
            builder.shuffle_vector(vector, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), lanes))
            for lanes in (list(range(width)), list(range(width, 2 * width)))
        )
        vector = combine(builder, low, high)
    return builder.extract_element(vector, ir.IntType(32)(0))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


_maximum = _row_reduction(_larger, -math.inf)
_sum = _row_reduction(lambda builder, a, b: builder.fadd(a, b), 0.0)


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
        largest = _maximum(block, b, n)
        row = block[b]
        for j in range(n_columns):
            row[j] = beta * (row[j] - largest) if j < n else -math.inf
    exponentiate(block)
    for b in range(block.shape[0]):
        scale = 1.0 / _sum(block, b, n_columns)
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
