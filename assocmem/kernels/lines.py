"""Dot products and mixtures of single rows in explicit vectors, one cache line each.

Rows are padded to whole lines, with zeros where they are summed over; places and weights to multiples of four. The
order of summation depends on nothing but the sizes of the arrays. What the automatic vectoriser makes of the same loops
takes several times as long, since the arrays might overlap.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic
from assocmem.kernels.matmul import CACHE_LINE, element_pointer, spread, vector_fma, vector_pointer

__all__ = ["LINES", "add_line", "consecutive_dots", "four_dots"]

LINES = 4  # independent sums, each of which would have to wait for its own last addition


def _vector(dtype):
    """The vector type of a cache line and the bytes of an element."""
    size = 4 if dtype == types.float32 else 8
    return ir.VectorType(ir.FloatType() if size == 4 else ir.DoubleType(), CACHE_LINE // size), size


def _check(*arrays):
    for array in arrays:
        is_real = isinstance(array, types.Array) and array.dtype == arrays[0].dtype in (types.float32, types.float64)
        if not is_real or array.layout != "C":
            raise TypingError(f"lines need C-contiguous arrays of one real type, got {array}")


def _data(context, builder, kind, array):
    array = context.make_array(kind)(context, builder, array)
    return array.data, builder.extract_value(array.shape, kind.ndim - 1)


def _load(builder, pointer, vector, size):
    return builder.load(vector_pointer(builder, pointer, vector, 0), align=size)


def _totals(builder, vector):
    zero = ir.Constant(vector, [0.0] * vector.count)
    return [cgutils.alloca_once_value(builder, zero) for _ in range(LINES)]


def _add(builder, total, a, b):
    builder.store(vector_fma(builder, a, b, builder.load(total)), total)


def _sum(builder, vector):
    """Sum of the lanes, by halves."""
    width = vector.type.count
    while width > 1:
        width //= 2
        halves = (range(width), range(width, 2 * width))
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), width), list(lanes)) for lanes in halves]
        undefined = ir.Constant(vector.type, ir.Undefined)
        vector = builder.fadd(*[builder.shuffle_vector(vector, undefined, mask) for mask in masks])
    return builder.extract_element(vector, ir.IntType(32)(0))


@intrinsic
def four_dots(typingctx, cue, keys, places, i, scores):
    """Write ``scores[i + l] = <cue, keys[places[i + l]]>`` for l < 4, with a cue and keys of whole lines."""
    _check(cue, keys, scores)

    def code(context, builder, signature, args):
        (vector, size), i = _vector(cue.dtype), args[3]
        cue_data, n = _data(context, builder, cue, args[0])
        keys_data, _ = _data(context, builder, keys, args[1])
        places_data, _ = _data(context, builder, places, args[2])
        scores_data, _ = _data(context, builder, scores, args[4])
        numbers = [builder.add(i, i.type(line)) for line in range(LINES)]
        rows = [
            element_pointer(builder, keys_data, builder.load(builder.gep(places_data, [number])), n)
            for number in numbers
        ]
        totals = _totals(builder, vector)
        with cgutils.for_range_slice(builder, n.type(0), n, n.type(vector.count)) as (u, _):
            part = _load(builder, builder.gep(cue_data, [u]), vector, size)
            for row, total in zip(rows, totals, strict=True):
                _add(builder, total, part, _load(builder, builder.gep(row, [u]), vector, size))
        for number, total in zip(numbers, totals, strict=True):
            builder.store(_sum(builder, builder.load(total)), builder.gep(scores_data, [number]))
        return context.get_dummy_value()

    return types.void(cue, keys, places, types.intp, scores), code


@intrinsic
def consecutive_dots(typingctx, cue, keys_from, first, i, scores):
    """Write ``scores[i + l] = sum_u cue[u] keys_from[u, first + i + l]`` for l in four lines, in the order of u."""
    _check(cue, keys_from, scores)

    def code(context, builder, signature, args):
        (vector, size), first, i = _vector(cue.dtype), *args[2:4]
        cue_data, n_units = _data(context, builder, cue, args[0])
        keys_data, n_columns = _data(context, builder, keys_from, args[1])
        scores_data, _ = _data(context, builder, scores, args[4])
        start, totals = builder.add(first, i), _totals(builder, vector)
        with cgutils.for_range(builder, n_units) as loop:
            factor = spread(builder, builder.load(builder.gep(cue_data, [loop.index])), vector)
            row = element_pointer(builder, keys_data, loop.index, n_columns, start)
            for line, total in enumerate(totals):
                place = builder.gep(row, [first.type(line * vector.count)])
                _add(builder, total, factor, _load(builder, place, vector, size))
        for line, total in enumerate(totals):
            pointer = vector_pointer(builder, builder.gep(scores_data, [i]), vector, line)
            builder.store(builder.load(total), pointer, align=size)
        return context.get_dummy_value()

    return types.void(cue, keys_from, types.intp, types.intp, scores), code


@intrinsic
def add_line(typingctx, weights, values, places, count, column, out):
    """Write ``out[column + l] = sum_i weights[i] values[places[i], column + l]`` for i < count and l in a line.

    `count` is a multiple of four.
    """
    _check(weights, values, out)

    def code(context, builder, signature, args):
        (vector, size), count, column = _vector(values.dtype), *args[3:5]
        weights_data, _ = _data(context, builder, weights, args[0])
        values_data, n_columns = _data(context, builder, values, args[1])
        places_data, _ = _data(context, builder, places, args[2])
        out_data, _ = _data(context, builder, out, args[5])
        totals = _totals(builder, vector)
        with cgutils.for_range_slice(builder, count.type(0), count, count.type(LINES)) as (i, _):
            for line, total in enumerate(totals):
                number = builder.add(i, i.type(line))
                weight = spread(builder, builder.load(builder.gep(weights_data, [number])), vector)
                place = builder.load(builder.gep(places_data, [number]))
                row = element_pointer(builder, values_data, place, n_columns, column)
                _add(builder, total, weight, _load(builder, row, vector, size))
        a, b, c, d = (builder.load(total) for total in totals)
        total = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
        builder.store(total, vector_pointer(builder, builder.gep(out_data, [column]), vector, 0), align=size)
        return context.get_dummy_value()

    return types.void(weights, values, places, types.intp, types.intp, out), code
