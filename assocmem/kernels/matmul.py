"""Matrix product with the same bits for any batch, thread or block size.

BLAS picks its order of summation by the shape of the problem, so a trajectory computed alone and the same trajectory
in an ensemble differ in their last bits. Here every output element is one chain of fused multiply-adds in the order of
the inner index, ``o = fma(x[b, K-1], w[K-1, j], ... fma(x[b, 0], w[0, j], 0))``, so its value cannot depend on what
is computed beside it. Speed comes from register tiles: rows x vectors accumulators that stay in registers over the
whole chain. They are written as explicit vector instructions, because the automatic vectoriser does not keep a tile.
"""

import math

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.bits import fma

__all__ = ["aligned_empty", "leaky_matmul", "matmul", "matmul_single", "product_loop", "weights_from"]


def _vector_width() -> int:
    """Doubles in the widest vector register of this machine."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 8
    return 4 if features.get("avx") else 2


WIDTH = _vector_width()
CACHE_LINE, PAGE = 64, 4096  # bytes


def aligned_empty(shape: tuple[int, ...], dtype=np.float64) -> np.ndarray:
    """Uninitialised array that begins on a cache line, so that no vector of a contiguous pass straddles two."""
    size, itemsize = math.prod(shape), np.dtype(dtype).itemsize
    per_line = CACHE_LINE // itemsize
    buffer = np.empty(size + per_line, dtype)
    start = -(buffer.ctypes.data // itemsize) % per_line
    return buffer[start : start + size].reshape(shape)


def weights_from(weights: np.ndarray) -> np.ndarray:
    """Weights (pre, post) in the layout that `matmul` reads fastest, from weights (post, pre).

    Rows are padded with zeros to whole cache lines, which begin on one; the padding is never used. float32 stays
    float32, all else becomes float64.
    """
    n_post, n_pre = weights.shape
    dtype = np.float32 if weights.dtype == np.float32 else np.float64
    per_line = CACHE_LINE // np.dtype(dtype).itemsize
    n_lines = -(-n_post // per_line)
    if n_lines % (PAGE // CACHE_LINE) == 0:
        n_lines += 1  # rows a whole number of pages apart would all compete for the same few places of the cache
    packed = aligned_empty((n_pre, n_lines * per_line), dtype)
    packed[:] = 0.0
    packed[:, :n_post] = weights.T
    return packed


def _tile(rows, vectors, finish, element=types.float64, width=WIDTH):
    """Intrinsic that writes ``finish(x[b:b+rows] @ w[:, j:j+vectors*width])`` to the same place of `out`."""

    @intrinsic
    def tile(typing, x, w, out, extra, b, j):
        for array in (x, w, out):
            if not isinstance(array, types.Array) or (array.dtype, array.ndim, array.layout) != (element, 2, "C"):
                raise TypingError(f"matmul needs C-contiguous {element} arrays of two dimensions, got {array}")
        scalar = ir.FloatType() if element == types.float32 else ir.DoubleType()
        code = _tile_code(rows, ir.VectorType(scalar, width), vectors, finish)
        return types.void(x, w, out, extra, types.intp, types.intp), code

    return tile


def _tile_code(rows, vector, vectors, finish):
    def code(context, builder, signature, args):
        x, w, out = (context.make_array(t)(context, builder, a) for t, a in zip(signature.args, args[:3], strict=False))
        extra_values = cgutils.unpack_tuple(builder, args[3])
        extra = [
            context.make_array(t)(context, builder, a) for t, a in zip(signature.args[3], extra_values, strict=True)
        ]
        n_inner, n_columns, w_columns = (builder.extract_value(a.shape, 1) for a in (x, out, w))
        b, j = args[4:]
        numbers = [builder.add(b, b.type(r)) for r in range(rows)]
        x_rows = [element_pointer(builder, x.data, number, n_inner) for number in numbers]
        zero = ir.Constant(vector, [0.0] * vector.count)
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _ in range(rows)]
        with cgutils.for_range(builder, n_inner) as loop:
            w_row = element_pointer(builder, w.data, loop.index, w_columns, j)
            w_vectors = [_load(builder, w_row, vector, v) for v in range(vectors)]
            for x_row, row_sums in zip(x_rows, sums, strict=True):
                scalar = spread(builder, builder.load(builder.gep(x_row, [loop.index])), vector)
                for w_vector, total in zip(w_vectors, row_sums, strict=True):
                    builder.store(vector_fma(builder, scalar, w_vector, builder.load(total)), total)
        for number, row_sums in zip(numbers, sums, strict=True):
            # what has a row for each trajectory is read at that row, what is the same for all at its only one
            pointers = [
                element_pointer(builder, a.data, number if kind.ndim == 2 else b.type(0), n_columns, j)
                for a, kind in zip(extra, signature.args[3], strict=True)
            ]
            out_row = element_pointer(builder, out.data, number, n_columns, j)
            for v, total in enumerate(row_sums):
                operands = [_load(builder, pointer, vector, v) for pointer in pointers]
                value = finish(builder, builder.load(total), *operands)
                builder.store(value, vector_pointer(builder, out_row, vector, v), align=_alignment(vector))
        return context.get_dummy_value()

    return code


def _plain(builder, total):
    return total


def _leaky(builder, total, drive, leak, stimulus, y):
    """((total + drive) + stimulus - y) * leak, each operation rounded."""
    total = builder.fadd(builder.fadd(total, drive), stimulus)
    return builder.fmul(builder.fsub(total, y), leak)


def element_pointer(builder, data, row, n_columns, column=None):
    """Pointer to ``data[row, column]``."""
    index = builder.mul(row, n_columns)
    return builder.gep(data, [index if column is None else builder.add(index, column)])


def _load(builder, row, vector, number):
    return builder.load(vector_pointer(builder, row, vector, number), align=_alignment(vector))


def _alignment(vector):
    """Bytes on which an element begins, wherever in an array it stands."""
    return 4 if isinstance(vector.element, ir.FloatType) else 8


def vector_pointer(builder, row, vector, number):
    pointer = builder.gep(row, [ir.IntType(64)(number * vector.count)])
    return builder.bitcast(pointer, vector.as_pointer())


def spread(builder, scalar, vector):
    """A vector with `scalar` in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(undefined, scalar, ir.IntType(32)(0)), undefined, lanes)


def vector_fma(builder, a, b, c):
    function_type = ir.FunctionType(a.type, [a.type] * 3)
    name = f"llvm.fma.v{a.type.count}f{8 * _alignment(a.type)}"
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), [a, b, c])


def _product(rows, vectors, finish, element=types.float64):
    """Product for `rows` or more rows by tiles of rows x vectors."""
    width = WIDTH if element == types.float64 else 2 * WIDTH
    columns = vectors * width
    wide, narrow = (_tile(rows, n, finish, element, width) for n in (vectors, 1))

    @kernel
    def product(x, weights, out, extra):
        n_rows, n_columns = out.shape
        whole = n_columns - n_columns % columns
        # the last tile is shifted back to overlap the one before it: it writes the same bits again
        for j in range(0, whole, columns):
            for b in range(0, n_rows, rows):
                wide(x, weights, out, extra, min(b, n_rows - rows), j)
        for j in range(whole, n_columns, width):
            for b in range(0, n_rows, rows):
                narrow(x, weights, out, extra, min(b, n_rows - rows), min(j, n_columns - width))

    return product


@kernel
def _single_row(x, weights, out):
    """Product for one row: it reads each weight once, so it runs along the rows of the weights, four at a time."""
    source, total = x[0], out[0]
    n_inner, n_columns = source.size, total.size
    total[:] = 0.0
    whole = n_inner - n_inner % 4
    for k in range(0, whole, 4):
        first, second, third, fourth = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for j in range(n_columns):
            o = fma(source[k], first[j], total[j])
            o = fma(source[k + 1], second[j], o)
            o = fma(source[k + 2], third[j], o)
            total[j] = fma(source[k + 3], fourth[j], o)
    for k in range(whole, n_inner):
        row = weights[k]
        for j in range(n_columns):
            total[j] = fma(source[k], row[j], total[j])


def _any_product(finish, element=types.float64):
    """Product for any number of rows: AVX-512 has 32 vector registers, AVX2 and SSE 16, NEON 32.

    A tile takes up to 24 or 12 of them for its sums; the fewer rows, the more vectors, so that enough independent
    chains hide the latency of an addition.
    """
    most = 8 if WIDTH == 8 else 4
    two = _product(2, 8 if WIDTH == 8 else 4, finish, element)
    four = _product(4, 6 if WIDTH == 8 else 3, finish, element)
    many, single = _product(most, 3, finish, element), _tile(1, 1, finish, element, width=1)
    one = _product(1, 8 if WIDTH == 8 else 4, finish, element)
    width = WIDTH if element == types.float64 else 2 * WIDTH

    @kernel
    def product(x, weights, out, extra):
        n_rows, n_columns = out.shape
        if n_columns < width:
            for b in range(n_rows):
                for j in range(n_columns):
                    single(x, weights, out, extra, b, j)
        elif n_rows >= most:
            many(x, weights, out, extra)
        elif n_rows >= 4:
            four(x, weights, out, extra)
        elif n_rows >= 2:
            two(x, weights, out, extra)
        else:
            one(x, weights, out, extra)

    return product


_plain_product, _leaky_product = _any_product(_plain), _any_product(_leaky)
_single_precision_product = _any_product(_plain, types.float32)


@kernel
def matmul(x, weights, out):
    """Write ``out[b, j] = sum_i x[b, i] weights[i, j]``, summed in the order of i.

    Parameters
    ----------
    x : float64 array (trajectory, pre), C-contiguous
    weights : float64 array (pre, post), C-contiguous
        Transposed with respect to the public ``weights[post, pre]``, so that the inner loop is contiguous; columns
        beyond those of `out` are ignored. `weights_from` makes the fastest layout.
    out : float64 array (trajectory, post), C-contiguous
        Overwritten, with NaN where the shapes do not fit; must not overlap `x`. ``out[b]`` depends on ``x[b]`` and
        `weights` alone, to the last bit.
    """
    if weights.shape[0] != x.shape[1] or weights.shape[1] < out.shape[1]:
        out[:] = np.nan  # never read beyond an array: the run reports the divergence
    elif x.shape[0] == 1:
        _single_row(x, weights, out)
    else:
        _plain_product(x, weights, out, ())


@kernel
def matmul_single(x, weights, out):
    """The same for float32 arrays, in the same order."""
    if weights.shape[0] != x.shape[1] or weights.shape[1] < out.shape[1]:
        out[:] = np.nan
    else:
        _single_precision_product(x, weights, out, ())


@kernel
def leaky_matmul(x, weights, y, drive, stimulus, leak, out):
    """Write ``out = (x @ weights + drive + stimulus - y) * leak``, the velocity of leaky units with rates `x`.

    One pass over memory instead of two: the sums are finished while they are in registers.

    Parameters
    ----------
    x, weights : float64 arrays
        As for `matmul`.
    y, stimulus : float64 arrays (trajectory, post), C-contiguous
    drive, leak : float64 arrays (post,), C-contiguous
        Constant input, and rate of the leak per unit of time.
    out : float64 array (trajectory, post), C-contiguous
        Overwritten; must overlap none of the others.
    """
    n = out.shape[1]
    if weights.shape[0] != x.shape[1] or weights.shape[1] < n or drive.size != n or leak.size != n:
        out[:] = np.nan
        return
    if x.shape[0] > 1:
        _leaky_product(x, weights, out, (drive, leak, stimulus, y))
        return
    _single_row(x, weights, out)
    for j in range(out.shape[1]):
        out[0, j] = (out[0, j] + drive[j] + stimulus[0, j] - y[0, j]) * leak[j]


def product_loop(product):
    """Loop that makes one product by `matmul` or `matmul_single`."""

    def loop(x, weights, out):
        product(x, weights, out)

    return loop
