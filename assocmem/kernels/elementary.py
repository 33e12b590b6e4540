"""Elementary functions of one float64 without branches and without libm.

A call to libm is scalar and costs about ten times what the arithmetic needs.  The functions here are sums,
products, fused multiply-adds and selections only, so a loop over an array turns into vector instructions.
No step may be reordered or contracted, hence the bits depend neither on the machine nor on vectorisation nor
on where in an array an element stands.

Errors are below 2 units in the last place (ulp) over the whole range, subnormal numbers included; signed
zeros, infinities and NaN come out as IEEE 754 recommends.  Polynomials are minimax fits, rounded to float64.

References
----------
Muller (2016), Elementary functions, 3rd ed.: exact sums and products, minimax fits, range reduction.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline, bits_of, copysign, fma, from_bits, horner

__all__ = ["arctan", "exp", "expm1", "log", "log1p", "logistic", "sincos2pi", "softplus", "tanh"]

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # 33 bits: its product with an exponent is exact
_LN2_LOW = 1.9082149292705877e-10
# adding 1.5 * 2**52 rounds to an integer, which then stands in the low bits
_ROUNDER = 6755399441055744.0
_ROUNDER_BITS = 0x4338000000000000
_HALF_PI = 1.5707963267948966
_HALF_PI_LOW = 6.123233995736766e-17
_SQRT_TWO_LESS_ONE = 0.41421356237309503
_BIAS = 1023
_MANTISSA = (1 << 52) - 1
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD

# (exp(r) - 1 - r) / r**2 for |r| <= ln(2)/2
_EXP = (
    0.5,
    0.16666666666666682,
    0.04166666666666673,
    0.00833333333331679,
    0.001388888888885865,
    0.00019841269896949556,
    2.4801587373380967e-05,
    2.7557234335770547e-06,
    2.755723363807921e-07,
    2.511220794074097e-08,
    2.092686356639021e-09,
)
# (2 artanh(s) - 2 s) / s**3 in s**2, for s = f / (2 + f) and sqrt(1/2) <= 1 + f <= sqrt(2)
_LOG = (
    0.6666666666666666,
    0.40000000000005614,
    0.2857142856924514,
    0.2222222262691216,
    0.1818177702778074,
    0.1538703857361925,
    0.13251166939191716,
    0.13242713537129552,
)
# (arctan(t) - t) / t**3 in t**2, for |t| <= 1/2
_ARCTAN = (
    -0.3333333333333332,
    0.19999999999994506,
    -0.1428571428506277,
    0.11111111072930238,
    -0.09090907782196483,
    0.0769227895409659,
    -0.06666240076728334,
    0.058779344187194736,
    -0.05230689733450907,
    0.04591892147406276,
    -0.037175923689604415,
    0.02373321605553817,
    -0.008413119896996868,
)
# sin(2 pi r) / r and cos(2 pi r) in r**2, for |r| <= 1/8
_SIN = (
    6.283185307179586,
    -41.341702240399634,
    81.60524927594452,
    -76.70585970331578,
    42.058684902124085,
    -15.093797508589912,
    3.7807262312744174,
)
_COS = (
    1.0,
    -19.739208802178716,
    64.93939402266793,
    -85.45681720650958,
    60.24464132648225,
    -26.426250686006334,
    7.903081374751414,
    -1.6966616421575278,
)


@kernel
def _clip(x, low, high):
    """Return x kept within [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@kernel
def _power_of_two(exponent):
    """Return 2**exponent for an integer in [-1022, 1023]."""
    return from_bits((exponent + _BIAS) << 52)


@kernel
def _split_exponent(x):
    """Return (n, r, r_low) with x = n ln(2) + r + r_low, n an integer and |r| <= ln(2)/2, for |x| < 1000."""
    shifted = fma(x, _LOG2_E, _ROUNDER)
    n = shifted - _ROUNDER
    high = fma(-n, _LN2_HIGH, x)
    r = fma(-n, _LN2_LOW, high)
    return bits_of(shifted) - _ROUNDER_BITS, r, fma(-n, _LN2_LOW, high - r)


@kernel
def exp(x):
    """Return e**x; inf above 709.78, subnormal below -708.4 and 0 below -745.13."""
    always_inline()
    n, r, _ = _split_exponent(_clip(x, -746.0, 710.0))
    significand = 1.0 + fma(r * r, horner(r, _EXP), r)
    half = n >> 1  # 2**n itself may overflow or be subnormal: scale in two steps; only the last one rounds
    return significand * _power_of_two(half) * _power_of_two(n - half)


@kernel
def _half_expm1(x):
    """Return (h, l) with h + l = (e**x - 1) / 2, l below the last place of h, for -50 <= x <= 710."""
    always_inline()
    n, r, r_low = _split_exponent(x)
    scale = _power_of_two(n - 1)
    offset = scale - 0.5
    scaled = scale * r
    high = offset + scaled
    low = fma(scale, fma(r * r, horner(r, _EXP), r_low), scaled - (high - offset))
    total = high + low
    return total, low - (total - high)


@kernel
def expm1(x):
    """Return e**x - 1 without cancellation near 0."""
    always_inline()
    half, _ = _half_expm1(_clip(x, -50.0, 710.0))
    return x if abs(x) < 2.0**-54 else 2.0 * half


@kernel
def _divide(a, a_low, b, b_low):
    """Return (a + a_low) / (b + b_low), both given to twice the precision."""
    inverse = 1.0 / b
    ratio = a * inverse
    remainder = fma(-ratio, b, a) + fma(-ratio, b_low, a_low)
    return fma(remainder, inverse, ratio)


@kernel
def tanh(x):
    """Return the hyperbolic tangent."""
    always_inline()
    size = abs(x)
    half, half_low = _half_expm1(-2.0 * _clip(size, 0.0, 25.0))
    # tanh|x| = -h / (1 + h) for h = expm1(-2|x|) / 2
    divisor = 1.0 + half
    divisor_low = half - (divisor - 1.0) + half_low
    ratio = _divide(half, half_low, divisor, divisor_low)
    return x if size < 2.0**-28 else copysign(ratio, x)


@kernel
def _split_significand(x):
    """Return (n, f) with x = 2**n (1 + f), n a float and sqrt(1/2) <= 1 + f < sqrt(2), for normal x > 0."""
    shifted = bits_of(x) - _SQRT_HALF_BITS
    n = from_bits((shifted >> 52) + _ROUNDER_BITS) - _ROUNDER
    return n, from_bits((shifted & _MANTISSA) + _SQRT_HALF_BITS) - 1.0


@kernel
def log_normal_range(x):
    """Return the natural logarithm of a finite x >= 2**-1022; meaningless elsewhere."""
    always_inline()
    n, f = _split_significand(x)
    return _log_sum(n, f, f / (2.0 + f), 0.0)


@kernel
def _log_sum(n, f, s, low):
    """Return n ln(2) + log(1 + f) + low for s = f / (2 + f) and a small correction."""
    always_inline()
    half_square = 0.5 * f * f
    z = s * s
    tail = fma(s, fma(z, horner(z, _LOG), half_square), fma(n, _LN2_LOW, low))
    return fma(n, _LN2_HIGH, f - (half_square - tail))


@kernel
def log(x):
    """Return the natural logarithm; -inf at 0, NaN below."""
    always_inline()
    is_subnormal = x < 2.0**-1022
    scaled = x * 2.0**54 if is_subnormal else x
    n, f = _split_significand(scaled)
    n = n - 54.0 if is_subnormal else n
    value = _log_sum(n, f, f / (2.0 + f), 0.0)
    value = value if x > 0.0 else math.nan
    value = -math.inf if x == 0.0 else value
    return value if x < math.inf else x


@kernel
def log1p(x):
    """Return log(1 + x) without cancellation near 0; -inf at -1, NaN below."""
    always_inline()
    u = 1.0 + x
    low = x - (u - 1.0) if x < 1.0 else 1.0 - (u - x)  # u + low = 1 + x exactly
    n, f = _split_significand(u)
    # 2**-n scales `low` as it does u; far above 1 it is below the last place
    shrink = from_bits(bits_of(1.0) + bits_of(1.0 + f) - bits_of(u)) if u < 2.0**200 else 0.0
    inverse = 1.0 / ((1.0 + f) * (2.0 + f))
    value = _log_sum(n, f, f * inverse * (1.0 + f), low * shrink * inverse * (2.0 + f))
    value = value if x > -1.0 else math.nan
    value = -math.inf if x == -1.0 else value
    value = x if abs(x) < 2.0**-54 else value
    return value if x < math.inf else x


@kernel
def arctan(x):
    """Return the angle in [-pi/2, pi/2] whose tangent is x."""
    always_inline()
    size = _clip(abs(x), 0.0, 2.0**64)
    is_small = size <= 0.5
    is_large = size > 2.0
    # arctan|x| = base + arctan(t) with |t| <= 1/2, t = (|x| - 1) / (|x| + 1) in the middle and -1/|x| above
    divisor = 1.0 if is_small else (size if is_large else size + 1.0)
    divisor_low = size - (divisor - 1.0) if size < 1.0 else 1.0 - (divisor - size)
    divisor_low = 0.0 if is_small or is_large else divisor_low
    numerator = size if is_small else (-1.0 if is_large else size - 1.0)
    inverse = 1.0 / divisor
    t = numerator * inverse
    t_low = inverse * fma(-t, divisor_low, fma(-t, divisor, numerator))
    base = 0.0 if is_small else (_HALF_PI if is_large else 0.5 * _HALF_PI)
    base_low = 0.0 if is_small else (_HALF_PI_LOW if is_large else 0.5 * _HALF_PI_LOW)
    high = base + t
    tail = base_low + (base - high + t) + t_low
    z = t * t
    value = high + fma(t * z, horner(z, _ARCTAN), tail)
    return x if abs(x) < 2.0**-28 else copysign(value, x)


@kernel
def logistic(x):
    """Return 1 / (1 + e**-x)."""
    always_inline()
    decayed = exp(-abs(x))
    divisor = 1.0 + decayed
    return _divide(decayed if x < 0.0 else 1.0, 0.0, divisor, decayed - (divisor - 1.0))


@kernel
def softplus(x):
    """Return log(1 + e**x), which neither overflows nor cancels."""
    always_inline()
    decayed = exp(-abs(x))
    # 1 + decayed = 2**n (1 + f), as in log, but known to lie in [1, 2]
    is_halved = decayed > _SQRT_TWO_LESS_ONE
    f = 0.5 * (decayed - 1.0) if is_halved else decayed
    value = _log_sum(1.0 if is_halved else 0.0, f, f / (2.0 + f), 0.0)
    return (x if x > 0.0 else 0.0) + value


@kernel
def sincos2pi(u):
    """Return sin(2 pi u) and cos(2 pi u) for 0 <= u < 1."""
    always_inline()
    shifted = fma(u, 4.0, _ROUNDER)
    quarter = bits_of(shifted)
    r = fma(shifted - _ROUNDER, -0.25, u)
    z = r * r
    sine = r * horner(z, _SIN)
    cosine = horner(z, _COS)
    is_odd = (quarter & 1) != 0
    # bit 1 of the count of quarter turns, moved to the sign: sine < 0 in turns 2, 3 and cosine < 0 in 1, 2
    sine_sign = (quarter & 2) << 62
    cosine_sign = ((quarter + 1) & 2) << 62
    swapped_sine = cosine if is_odd else sine
    swapped_cosine = sine if is_odd else cosine
    return (
        from_bits(bits_of(swapped_sine) ^ sine_sign),
        from_bits(bits_of(swapped_cosine) ^ cosine_sign),
    )
