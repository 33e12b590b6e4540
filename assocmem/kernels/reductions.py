"""Maxima, sums and comparisons along rows in vector instructions, with the same bits for any batch.

A row is reduced in eight lanes, column j in lane j mod 8, which are then combined pairwise: an order that depends on
nothing but the number of columns. float32 rows are read as float64.
"""

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic
from assocmem.kernels.matmul import element_pointer, spread, vector_pointer

__all__ = ["LANES", "lanes_above", "padded", "row_maximum", "row_sum"]

LANES = 8
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_FLOATS = (types.float64, types.float32)


def padded(n: int) -> int:
    """Smallest multiple of `LANES` that is at least `n`."""
    return -(-n // LANES) * LANES


def _check_rows(array):
    if not isinstance(array, types.Array) or array.dtype not in _FLOATS or (array.ndim, array.layout) != (2, "C"):
        raise TypingError(f"rows need a C-contiguous float64 or float32 array of two dimensions, got {array}")


def _row_start(context, builder, kind, array, row):
    array = context.make_array(kind)(context, builder, array)
    return element_pointer(builder, array.data, row, builder.extract_value(array.shape, 1))


def _load(builder, dtype, start, column):
    """Eight values from `column` on, as float64."""
    element, alignment = (ir.FloatType(), 4) if dtype == types.float32 else (ir.DoubleType(), 8)
    pointer = vector_pointer(builder, builder.gep(start, [column]), ir.VectorType(element, LANES), 0)
    values = builder.load(pointer, align=alignment)
    return values if dtype == types.float64 else builder.fpext(values, _DOUBLES)


def _row_reduction(combine, neutral):
    """Intrinsic that combines the first n columns of a row."""

    @intrinsic
    def reduce(typing, array, row, n):
        _check_rows(array)
        return types.float64(array, types.intp, types.intp), _reduction_code(combine, neutral)

    return reduce


def _reduction_code(combine, neutral):
    def code(context, builder, signature, args):
        kind, (row, n) = signature.args[0], args[1:]
        start = _row_start(context, builder, kind, args[0], row)
        total = cgutils.alloca_once_value(builder, ir.Constant(_DOUBLES, [neutral] * LANES))
        whole = builder.and_(n, n.type(-LANES))
        with cgutils.for_range_slice(builder, n.type(0), whole, n.type(LANES)) as (j, _):
            builder.store(combine(builder, builder.load(total), _load(builder, kind.dtype, start, j)), total)
        with cgutils.for_range_slice(builder, whole, n, n.type(1)) as (j, _):
            lane, value = builder.sub(j, whole), builder.load(builder.gep(start, [j]))
            value = value if kind.dtype == types.float64 else builder.fpext(value, ir.DoubleType())
            lanes = builder.load(total)
            combined = combine(builder, builder.extract_element(lanes, lane), value)
            builder.store(builder.insert_element(lanes, combined, lane), total)
        return _combined_lanes(builder, combine, builder.load(total))

    return code


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
    # a NaN wins wherever it stands: it fails the comparison as `b`, and is unordered with everything as `a`
    is_kept = builder.or_(builder.fcmp_unordered("uno", a, a), builder.fcmp_ordered(">=", a, b))
    return builder.select(is_kept, a, b)


row_maximum = _row_reduction(_larger, -math.inf)
row_sum = _row_reduction(lambda builder, a, b: builder.fadd(a, b), 0.0)


@intrinsic
def lanes_above(typing, array, row, column, threshold):
    """Bit i is set if ``array[row, column + i] > threshold``, for eight columns at a time (all within the row)."""
    _check_rows(array)

    def code(context, builder, signature, args):
        kind, (row, column, threshold) = signature.args[0], args[1:]
        start = _row_start(context, builder, kind, args[0], row)
        values = _load(builder, kind.dtype, start, column)
        is_above = builder.fcmp_ordered(">", values, spread(builder, threshold, _DOUBLES))
        return builder.zext(builder.bitcast(is_above, ir.IntType(LANES)), ir.IntType(64))

    return types.int64(array, types.intp, types.intp, types.float64), code
