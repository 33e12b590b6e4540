"""What Python cannot say to the compiler: fused multiply-add, sign copy, bit casts, polynomials, inlining.

The operations on float64 become plain LLVM arithmetic, the same in scalar code and in vectors, so loops over
them vectorise and the vector body gives the same bits as the scalar remainder.  Compiled code only.
"""

from llvmlite import ir
from numba.core import types

from assocmem.jit import intrinsic

__all__ = [
    "always_inline",
    "bits_of",
    "copysign",
    "fma",
    "from_bits",
    "horner",
    "trailing_zeros",
    "wrapping_product",
]

_DOUBLE = ir.DoubleType()
_INT64 = ir.IntType(64)


@intrinsic
def always_inline(typingctx):
    """Have the kernel that calls this inlined wherever it is called itself.

    A loop is vectorised only if all its calls are inlined, and LLVM stops inlining at a few dozen
    instructions.  For scalar kernels only: a kernel with loops of its own gains nothing and is compiled
    once per call.
    """

    def codegen(context, builder, signature, arguments):
        builder.function.attributes.add("alwaysinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """Return a * b + c with one rounding, in float32 if all three are, in float64 otherwise."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    kind = types.float32 if a == b == c == types.float32 else types.float64
    return kind(kind, kind, kind), codegen


@intrinsic
def copysign(typingctx, magnitude, sign):
    """Return `magnitude` with the sign bit of `sign` (float64)."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE, _DOUBLE])
        return builder.call(builder.module.declare_intrinsic("llvm.copysign", [_DOUBLE], kind), arguments)

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def bits_of(typingctx, x):
    """Return the 64 bits of a float64 as int64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], _INT64)

    return types.int64(types.float64), codegen


@intrinsic
def from_bits(typingctx, bits):
    """Return the float64 whose 64 bits are those of an int64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], _DOUBLE)

    return types.float64(types.int64), codegen


@intrinsic
def wrapping_product(typingctx, a, b):
    """Return the low 64 bits of the product of two int64; the product of plain integers must not overflow."""

    def codegen(context, builder, signature, arguments):
        return builder.mul(*arguments)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def horner(typingctx, x, coefficients):
    """Return c[0] + x * (c[1] + x * (c[2] + ...)), one chain of fma, for a tuple of float coefficients."""

    def codegen(context, builder, signature, arguments):
        x, packed = arguments
        total = builder.extract_value(packed, len(coefficients) - 1)
        for i in reversed(range(len(coefficients) - 1)):
            total = builder.fma(total, x, builder.extract_value(packed, i))
        return total

    return types.float64(types.float64, coefficients), codegen


@intrinsic
def trailing_zeros(typingctx, bits):
    """Return the number of zeros below the lowest one in an int64 that is not 0."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen
