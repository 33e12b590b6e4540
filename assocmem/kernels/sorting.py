"""Sorting of many short columns at a time by a network, one column in each lane of a vector register.

A sorting network compares the same places whatever the values are, so a whole vector of columns goes through it
without a branch. The network is bitonic with mirrored merges, in which the larger value always goes to the lower place:
what is beyond the end of a column (-inf) stays there and is left out. Up to four levels of comparisons are made while
sixteen rows are in registers, which divides the traffic to memory by as many.

References
----------
Batcher (1968), Sorting networks and their applications, AFIPS.
"""

import math

from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.matmul import WIDTH, element_pointer, vector_pointer

__all__ = ["COLUMNS", "COLUMNS_SINGLE", "RUN", "rows_for", "sort_columns"]

COLUMNS, COLUMNS_SINGLE = WIDTH, 2 * WIDTH  # that are sorted at a time, of float64 and of float32
RUN = 16  # rows that are sorted while they are in registers


def rows_for(n: int) -> int:
    """Rows of a block whose first `n` rows `sort_columns` can sort: the next power of two, at least `RUN`."""
    return max(RUN, 1 << (n - 1).bit_length())


def _odd_even(n: int) -> list[tuple[int, int]]:
    """Comparisons of Batcher's odd-even merge sort of n = 2^k values."""
    pairs, p = [], 1
    while p < n:
        k = p
        while k >= 1:
            starts = range(k % p, n - k, 2 * k)
            pairs += [
                (i + j, i + j + k) for j in starts for i in range(k) if (i + j) // (2 * p) == (i + j + k) // (2 * p)
            ]
            k //= 2
        p *= 2
    return pairs


def _cleaning(n: int) -> list[tuple[int, int]]:
    """Comparisons that sort a bitonic sequence of n = 2^k values, or do its first k levels at a stride."""
    pairs, distance = [], n // 2
    while distance >= 1:
        pairs += [(i, i + distance) for i in range(n) if not i & distance]
        distance //= 2
    return pairs


def _merging(n: int) -> list[tuple[int, int]]:
    """Comparisons that merge two sorted halves: each value with its mirror image, then as for bitonic halves."""
    mirrored = [(i, n - 1 - i) for i in range(n // 2)]
    return mirrored + _cleaning(n)[n // 2 :]


def _comparing(n_rows: int, pairs: list[tuple[int, int]]):
    """Intrinsic that makes comparisons between rows, half of them from `low` and half from `high` on, at a stride."""
    pairs = tuple(pairs)

    @intrinsic
    def compare(typing, block, low, high, stride):
        if not isinstance(block, types.Array) or (block.ndim, block.layout) != (2, "C"):
            raise TypingError(f"sorting needs a C-contiguous array of two dimensions, got {block}")
        if block.dtype not in (types.float64, types.float32):
            raise TypingError(f"sorting needs float64 or float32, got {block}")
        return types.void(block, types.intp, types.intp, types.intp), _comparing_code(n_rows, pairs)

    return compare


def _comparing_code(n_rows, pairs):
    def code(context, builder, signature, args):
        kind, (low, high, stride) = signature.args[0], args[1:]
        array = context.make_array(kind)(context, builder, args[0])
        single = kind.dtype == types.float32
        vector = ir.VectorType(ir.FloatType() if single else ir.DoubleType(), COLUMNS_SINGLE if single else COLUMNS)
        n_columns = low.type(vector.count)
        half = n_rows // 2
        numbers = [
            builder.add(first, builder.mul(stride, stride.type(j))) for first in (low, high) for j in range(half)
        ]
        pointers = [
            vector_pointer(builder, element_pointer(builder, array.data, number, n_columns), vector, 0)
            for number in numbers
        ]
        alignment = 4 if single else 8
        rows = [builder.load(pointer, align=alignment) for pointer in pointers]
        for i, j in pairs:
            # a pair is kept or exchanged as a whole, so that none of two equal values (0 and -0) is lost
            is_larger = builder.fcmp_ordered(">", rows[i], rows[j])
            rows[i], rows[j] = (
                builder.select(is_larger, rows[i], rows[j]),
                builder.select(is_larger, rows[j], rows[i]),
            )
        for row, pointer in zip(rows, pointers, strict=True):
            builder.store(row, pointer, align=alignment)
        return context.get_dummy_value()

    return code


_sort_run = _comparing(RUN, _odd_even(RUN))
_merge_2, _merge_4, _merge_8, _merge_16 = (_comparing(n, _merging(n)) for n in (2, 4, 8, 16))
_clean_2, _clean_4, _clean_8, _clean_16 = (_comparing(n, _cleaning(n)) for n in (2, 4, 8, 16))


@kernel
def sort_columns(block, n):
    """Sort the first `n` rows of every column in descending order.

    Parameters
    ----------
    block : float64 array (row, `COLUMNS`) or float32 array (row, `COLUMNS_SINGLE`), C-contiguous
        With `rows_for(n)` rows; those from `n` on are overwritten. All become NaN if the shape is another. Without NaN,
        a column becomes a permutation of what it was, which does not depend on the others.
    n : int
        >= 1.
    """
    size, n_columns = block.shape
    if n_columns != (COLUMNS_SINGLE if block.itemsize == 4 else COLUMNS) or size % RUN or size < n or size & (size - 1):
        block[:] = math.nan  # never touch what is beyond an array
        return
    for r in range(n, size):
        for lane in range(n_columns):
            block[r, lane] = -math.inf
    for start in range(0, n, RUN):
        _sort_run(block, start, start + RUN // 2, 1)
    length, level = RUN, 1  # of sorted runs; 2^level runs in a merge of two are `RUN` rows apart at most
    while length < n:
        for start in range(0, n - length, 2 * length):
            _merge_runs(block, start, length, level, n)
        length *= 2
        level += 1


@kernel
def _merge_runs(block, start, length, levels, n):
    """Merge the runs of a length that begin at start and at start + length; rows from n on are -inf."""
    # the last four of all levels compare rows at most eight apart; `levels` come before them
    fused = min(levels, 4)
    stride = 2 * length >> fused
    last = start + 2 * length - 1
    for i in range(stride):
        high = last - i - ((1 << (fused - 1)) - 1) * stride
        if fused == 1:
            _merge_2(block, start + i, high, stride)
        elif fused == 2:
            _merge_4(block, start + i, high, stride)
        elif fused == 3:
            _merge_8(block, start + i, high, stride)
        else:
            _merge_16(block, start + i, high, stride)
    end = min(start + 2 * length, n)
    levels -= fused
    while levels > 0:
        fused = min(levels, 4)
        span = stride
        stride = span >> fused
        for base in range(start, end, span):
            for i in range(base, base + stride):
                _clean(block, i, fused, stride)
        levels -= fused
    for base in range(start, end, RUN):
        _clean_16(block, base, base + RUN // 2, 1)


@kernel
def _clean(block, i, fused, stride):
    """`fused` levels of comparisons between rows from i on at a stride."""
    high = i + (stride << (fused - 1))
    if fused == 1:
        _clean_2(block, i, high, stride)
    elif fused == 2:
        _clean_4(block, i, high, stride)
    elif fused == 3:
        _clean_8(block, i, high, stride)
    else:
        _clean_16(block, i, high, stride)
