"""Products with patterns of +1 and -1 that are stored as int8, with the same bits for any batch or thread.

Networks of the Hopfield family have weights of low rank, sums of outer products of binary patterns. Applied as patterns
instead of as matrices they cost units x patterns operations, and a byte for each pattern element keeps them in the L2
cache where float64 would stream them from memory. As in `assocmem.kernels.matmul` every output element is one chain of
fused multiply-adds in the order of the inner index.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.matmul import WIDTH, element_pointer, spread, vector_fma, vector_pointer

__all__ = ["sign_matmul"]


def _tile(rows, vectors, width=WIDTH):
    """Intrinsic: ``out[b + r, out_start + j + c] = sum_i x[b + r, x_start + i] signs[i, j + c]`` for one tile."""

    @intrinsic
    def tile(typing, x, x_start, signs, out, out_start, b, j):
        for array, dtype in ((x, types.float64), (signs, types.int8), (out, types.float64)):
            if not isinstance(array, types.Array) or (array.dtype, array.ndim, array.layout) != (dtype, 2, "C"):
                raise TypingError(f"sign_matmul needs a C-contiguous {dtype} array of two dimensions, got {array}")
        code = _tile_code(rows, vectors, ir.VectorType(ir.DoubleType(), width))
        return types.void(x, types.intp, signs, out, types.intp, types.intp, types.intp), code

    return tile


def _tile_code(rows, vectors, vector):
    def code(context, builder, signature, args):
        x, signs, out = (context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2, 3))
        (x_start, out_start), (b, j) = (args[1], args[4]), args[5:]
        n_inner = builder.extract_value(signs.shape, 0)
        x_columns, columns, out_columns = (builder.extract_value(a.shape, 1) for a in (x, signs, out))
        numbers = [builder.add(b, b.type(r)) for r in range(rows)]
        x_rows = [element_pointer(builder, x.data, number, x_columns, x_start) for number in numbers]
        zero = ir.Constant(vector, [0.0] * vector.count)
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _ in range(rows)]
        with cgutils.for_range(builder, n_inner) as loop:
            row = element_pointer(builder, signs.data, loop.index, columns, j)
            factors = [_load_signs(builder, row, vector, v) for v in range(vectors)]
            for x_row, row_sums in zip(x_rows, sums, strict=True):
                scalar = spread(builder, builder.load(builder.gep(x_row, [loop.index])), vector)
                for factor, total in zip(factors, row_sums, strict=True):
                    builder.store(vector_fma(builder, scalar, factor, builder.load(total)), total)
        for number, row_sums in zip(numbers, sums, strict=True):
            out_row = element_pointer(builder, out.data, number, out_columns, builder.add(out_start, j))
            for v, total in enumerate(row_sums):
                builder.store(builder.load(total), vector_pointer(builder, out_row, vector, v), align=8)
        return context.get_dummy_value()

    return code


def _load_signs(builder, row, vector, number):
    """Float64 vector of the signs at a place in a row."""
    bytes_vector = ir.VectorType(ir.IntType(8), vector.count)
    loaded = builder.load(vector_pointer(builder, row, bytes_vector, number), align=1)
    return builder.sitofp(loaded, vector)


def _product(rows, vectors):
    """Product for `rows` or more rows by tiles of rows x vectors."""
    wide, narrow, columns = _tile(rows, vectors), _tile(rows, 1), vectors * WIDTH
    single = _tile(rows, 1, width=1)

    @kernel
    def product(x, x_start, signs, out, out_start):
        n_rows, n_columns = x.shape[0], signs.shape[1]
        whole = n_columns - n_columns % columns
        # the last rows and columns are shifted back to overlap the ones before: they write the same bits again
        for b in range(0, n_rows, rows):
            row = min(b, n_rows - rows)
            for j in range(0, whole, columns):
                wide(x, x_start, signs, out, out_start, row, j)
            if n_columns >= WIDTH:
                for j in range(whole, n_columns, WIDTH):
                    narrow(x, x_start, signs, out, out_start, row, min(j, n_columns - WIDTH))
            else:
                for j in range(n_columns):
                    single(x, x_start, signs, out, out_start, row, j)

    return product


_one, _two, _four = _product(1, 8), _product(2, 8 if WIDTH == 8 else 4), _product(4, 6 if WIDTH == 8 else 3)


@kernel
def sign_matmul(x, x_start, signs, out, out_start):
    """Write ``out[b, out_start + j] = sum_i x[b, x_start + i] signs[i, j]``, summed in the order of i.

    Parameters
    ----------
    x : float64 array (trajectory, column), C-contiguous
        Read from column `x_start` on.
    x_start, out_start : int
    signs : int8 array (pre, post), C-contiguous
        Any small integers; the rows are those of the columns of `x` that are read.
    out : float64 array (trajectory, column), C-contiguous
        Overwritten from column `out_start` on, with NaN where the shapes do not fit; what is written must not overlap
        what is read. ``out[b]`` depends on ``x[b]`` and `signs` alone, to the last bit.
    """
    fits = 0 <= x_start and x_start + signs.shape[0] <= x.shape[1]
    if not fits or out_start < 0 or out_start + signs.shape[1] > out.shape[1] or x.shape[0] != out.shape[0]:
        out[:] = float("nan")  # never read beyond an array: the run reports the divergence
    elif x.shape[0] >= 4:
        _four(x, x_start, signs, out, out_start)
    elif x.shape[0] >= 2:
        _two(x, x_start, signs, out, out_start)
    elif x.shape[0] == 1:
        _one(x, x_start, signs, out, out_start)
