"""Scores of cues and patterns by their sorted similarities, a vector of patterns at a time.

Patterns are packed in groups, as many as a vector register has lanes, unit by unit: `pack`. For a cue and a group, the
similarities of each unit are made, sorted (`assocmem.kernels.sorting`) and weighed by rank while they are in the cache;
an array (cue, pattern, unit) never exists. A score is the sum of four chains of fused multiply-adds, of the ranks that
are 0, 1, 2, 3 modulo 4: it depends on its own cue and pattern alone, to the last bit.
"""

import math

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.matmul import aligned_empty, element_pointer, spread, vector_fma, vector_pointer
from assocmem.kernels.sorting import COLUMNS, COLUMNS_SINGLE, rows_for

__all__ = [
    "fill_differences",
    "fill_distances",
    "fill_patterns",
    "fill_products",
    "keep_columns",
    "lanes_of",
    "listed_values_loop",
    "pack",
    "scores_loop",
    "values_loop",
    "working_arrays",
]

_CHAINS = 4


def lanes_of(dtype) -> int:
    """Patterns in a group."""
    return COLUMNS_SINGLE if dtype == np.float32 else COLUMNS


def pack(patterns: np.ndarray) -> np.ndarray:
    """Patterns (group * unit, lane) from patterns (pattern, unit); the last group is filled up with zeros."""
    (n_patterns, n_units), lanes = patterns.shape, lanes_of(patterns.dtype)
    n_groups = -(-n_patterns // lanes)
    packed = aligned_empty((n_groups, n_units, lanes), patterns.dtype)
    packed[-1] = 0.0
    for g in range(n_groups):
        rows = patterns[g * lanes : (g + 1) * lanes]
        packed[g, :, : len(rows)] = rows.T
    return packed.reshape(n_groups * n_units, lanes)


def working_arrays(n_units: int, dtype) -> tuple[np.ndarray, np.ndarray]:
    """What the loops work in, for one thread: a block (row, lane) and a vector (lane,)."""
    lanes = lanes_of(dtype)
    return aligned_empty((rows_for(n_units), lanes), dtype), aligned_empty((lanes,), dtype)


def _vector_of(dtype):
    single = dtype == types.float32
    return ir.VectorType(ir.FloatType() if single else ir.DoubleType(), COLUMNS_SINGLE if single else COLUMNS)


def _check_floats(*arrays):
    """Raise TypingError if these are no C-contiguous arrays of one type of floats."""
    for array in arrays:
        if not isinstance(array, types.Array) or array.layout != "C" or array.dtype != arrays[0].dtype:
            raise TypingError(f"footprints need C-contiguous arrays of one type, got {arrays}")
    if arrays[0].dtype not in (types.float64, types.float32):
        raise TypingError(f"footprints need float64 or float32, got {arrays[0]}")


def _filling(value):
    """Intrinsic that writes ``block[i] = value(cues[b, i], packed[start + i])`` for all units i; nothing is checked."""

    @intrinsic
    def fill(typing, cues, b, packed, start, block):
        _check_floats(cues, packed, block)
        return types.void(cues, types.intp, packed, types.intp, block), _filling_code(value)

    return fill


def _filling_code(value):
    def code(context, builder, signature, args):
        kinds = (signature.args[0], signature.args[2], signature.args[4])
        cues, packed, block = (
            context.make_array(kind)(context, builder, array) for kind, array in zip(kinds, args[::2], strict=True)
        )
        b, start = args[1], args[3]
        vector, n_units = _vector_of(kinds[0].dtype), builder.extract_value(cues.shape, 1)
        alignment, lanes = 4 if kinds[0].dtype == types.float32 else 8, b.type(vector.count)
        cue = element_pointer(builder, cues.data, b, n_units)
        with cgutils.for_range(builder, n_units) as loop:
            source = element_pointer(builder, packed.data, builder.add(start, loop.index), lanes)
            target = element_pointer(builder, block.data, loop.index, lanes)
            x = spread(builder, builder.load(builder.gep(cue, [loop.index])), vector)
            pattern = builder.load(vector_pointer(builder, source, vector, 0), align=alignment)
            builder.store(value(builder, x, pattern), vector_pointer(builder, target, vector, 0), align=alignment)
        return context.get_dummy_value()

    return code


def _difference(builder, x, pattern):
    """``-(x - pattern)^2``"""
    difference = builder.fsub(x, pattern)
    return builder.fneg(builder.fmul(difference, difference))


def _absolute(builder, vector):
    zero = ir.Constant(vector.type, [0.0] * vector.type.count)
    return builder.select(builder.fcmp_ordered("<", vector, zero), builder.fneg(vector), vector)


_fill_differences = _filling(_difference)
_fill_distances = _filling(lambda builder, x, pattern: builder.fneg(_absolute(builder, builder.fsub(x, pattern))))
_fill_products = _filling(lambda builder, x, pattern: builder.fmul(x, pattern))
_fill_patterns = _filling(lambda builder, x, pattern: pattern)


@kernel
def fill_differences(cues, b, packed, start, block):
    """Write ``-(x_i - xi_i)^2`` of a cue x and a group of patterns xi, for all units i; nothing is checked."""
    _fill_differences(cues, b, packed, start, block)


@kernel
def fill_distances(cues, b, packed, start, block):
    """The same for ``-|x_i - xi_i|``."""
    _fill_distances(cues, b, packed, start, block)


@kernel
def fill_products(cues, b, packed, start, block):
    """The same for ``x_i xi_i``."""
    _fill_products(cues, b, packed, start, block)


@kernel
def fill_patterns(cues, b, packed, start, block):
    """The same for ``xi_i``, whatever the cue."""
    _fill_patterns(cues, b, packed, start, block)


@intrinsic
def _weigh_rows(typing, block, weights, totals):
    """Write ``totals = sum_r weights[r] block[r]``."""
    _check_floats(block, weights, totals)
    return types.void(block, weights, totals), _weighing_code


def _weighing_code(context, builder, signature, args):
    block, weights, totals = (
        context.make_array(kind)(context, builder, array) for kind, array in zip(signature.args, args, strict=True)
    )
    vector = _vector_of(signature.args[0].dtype)
    alignment = 4 if signature.args[0].dtype == types.float32 else 8
    n = builder.extract_value(weights.shape, 0)
    zero, lanes = ir.Constant(vector, [0.0] * vector.count), n.type(vector.count)
    sums = [cgutils.alloca_once_value(builder, zero) for _ in range(_CHAINS)]

    def add(row, total):
        source = vector_pointer(builder, element_pointer(builder, block.data, row, lanes), vector, 0)
        weight = spread(builder, builder.load(builder.gep(weights.data, [row])), vector)
        values = builder.load(source, align=alignment)
        builder.store(vector_fma(builder, weight, values, builder.load(total)), total)

    whole = builder.and_(n, n.type(-_CHAINS))
    with cgutils.for_range_slice(builder, n.type(0), whole, n.type(_CHAINS)) as (row, _):
        for i, total in enumerate(sums):
            add(builder.add(row, row.type(i)), total)
    for i, total in enumerate(sums[:-1]):
        row = builder.add(whole, whole.type(i))
        with builder.if_then(builder.icmp_signed("<", row, n)):
            add(row, total)
    first, second, third, fourth = (builder.load(total) for total in sums)
    result = builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))
    builder.store(result, vector_pointer(builder, totals.data, vector, 0), align=alignment)
    return context.get_dummy_value()


@kernel
def _do_shapes_fit(n_units, packed, block):
    """Whether the intrinsics stay within their arrays."""
    lanes = COLUMNS_SINGLE if block.itemsize == 4 else COLUMNS
    return packed.shape[1] == lanes and block.shape[1] == lanes and packed.shape[0] % n_units == 0


def scores_loop(fill, order):
    """Loop that adds ``sum_r weights[r] q_r`` to scores, q being the similarities by units in the order of a kernel.

    The order is that of `sort_columns` or, as they are, of `keep_columns`. `cues` (cue, unit), `packed` of `pack`,
    `weights` (rank,), `block` and `totals` of `working_arrays`, and `out` (cue, pattern) are all of one type. All of
    `out` becomes NaN if shapes do not fit.
    """

    def loop(cues, packed, weights, block, totals, out):
        n, lanes, n_patterns = cues.shape[1], totals.size, out.shape[1]
        fits = _do_shapes_fit(n, packed, block) and block.shape[0] >= n and totals.size == block.shape[1]
        if not fits or weights.size != n or out.shape[0] > cues.shape[0] or n_patterns * n > packed.size:
            out[:] = math.nan
            return
        # a group stays in the cache while all cues of the block meet it
        for g in range((n_patterns + lanes - 1) // lanes):
            for b in range(out.shape[0]):
                fill(cues, b, packed, g * n, block)
                order(block, n)
                _weigh_rows(block, weights, totals)
                for lane in range(min(lanes, n_patterns - g * lanes)):
                    out[b, g * lanes + lane] += totals[lane]

    return loop


@kernel
def keep_columns(block, n):
    """Leave a block as it is; in place of `sort_columns`."""


def values_loop(fill, order):
    """Loop that writes the similarities by units, in the order of a kernel, of cues with all patterns.

    `out` (cue, rank or unit, column), of any type, has a column for each pattern, filled up to whole groups.
    """

    def loop(cues, packed, block, out):
        n, lanes = cues.shape[1], block.shape[1]
        fits = _do_shapes_fit(n, packed, block) and block.shape[0] >= n and packed.size == out.shape[2] * n
        if not fits or out.shape[1] != n or out.shape[0] > cues.shape[0]:
            out[:] = math.nan
            return
        for b in range(out.shape[0]):
            for g in range(out.shape[2] // lanes):
                fill(cues, b, packed, g * n, block)
                order(block, n)
                _keep(block, out[b], g * lanes)

    return loop


def listed_values_loop(fill, order):
    """The same for the patterns ``numbers[b]`` of each cue; `gathered` (unit, lane) is what they are packed in.

    `out` has a column for each number, filled up to whole groups by the first pattern of the list.
    """

    def loop(cues, patterns, numbers, gathered, block, out):
        n, lanes = cues.shape[1], block.shape[1]
        fits = _do_shapes_fit(n, gathered, block) and gathered.shape[0] == n == patterns.shape[1] == out.shape[1]
        if not fits or block.shape[0] < n or out.shape[2] % lanes or out.shape[0] > cues.shape[0]:
            out[:] = math.nan
            return
        for b in range(out.shape[0]):
            for g in range(out.shape[2] // lanes):
                for lane in range(lanes):
                    place = g * lanes + lane
                    row = patterns[numbers[b, place if place < numbers.shape[1] else 0]]
                    for i in range(n):
                        gathered[i, lane] = row[i]
                fill(cues, b, gathered, 0, block)
                order(block, n)
                _keep(block, out[b], g * lanes)

    return loop


@kernel
def _keep(block, out, column):
    """Copy the rows of a block to some of the columns."""
    for r in range(out.shape[0]):
        for lane in range(block.shape[1]):
            out[r, column + lane] = block[r, lane]
