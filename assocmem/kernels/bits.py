"""Float64 operations that Python cannot name: fused multiply-add, sign copy, bit casts, polynomials in fma.

Each becomes plain LLVM arithmetic, the same in scalar code and in vectors, so loops over them vectorise and the
vector body gives the same bits as the scalar remainder.  They work in compiled code only.
"""

from llvmlite import ir
from numba.core import types

from assocmem.jit import intrinsic

__all__ = ["bits_of", "copysign", "fma", "from_bits", "horner"]

_DOUBLE = ir.DoubleType()
_INT64 = ir.IntType(64)


@intrinsic
def fma(typingctx, a, b, c):
    """Return a * b + c with one rounding (float64)."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), codegen


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
def horner(typingctx, x, coefficients):
    """Return c[0] + x * (c[1] + x * (c[2] + ...)) as one chain of fma; `coefficients` is a tuple of floats."""

    def codegen(context, builder, signature, arguments):
        x, packed = arguments
        total = builder.extract_value(packed, len(coefficients) - 1)
        for i in reversed(range(len(coefficients) - 1)):
            total = builder.fma(total, x, builder.extract_value(packed, i))
        return total

    return types.float64(types.float64, coefficients), codegen
