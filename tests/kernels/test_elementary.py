"""The elementary functions: errors in ulp, special values, bits that depend on nothing but the argument."""

import math
import re
from functools import cache

import llvmlite.binding as llvm
import mpmath
import numba
import numpy as np
import pytest

from assocmem.kernels import elementary

# correctly rounded is 0.5 ulp; the promise of the module is 2
MAX_ULP = 2.0
FUNCTIONS = ["arctan", "exp", "expm1", "log", "log1p", "logistic", "softplus", "tanh"]
MPMATH = {
    "arctan": mpmath.atan,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "tanh": mpmath.tanh,
}
# written with decaying exponentials, so that the oracle keeps its 64 bits
LONGDOUBLE = {
    "arctan": np.arctan,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "logistic": lambda x: np.where(x < 0, np.exp(-abs(x)), 1) / (1 + np.exp(-abs(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "tanh": np.tanh,
}
INTERVALS = [(-0.01, 0.01), (-0.5, 0.5), (-1, -0.9), (0.3, 3), (-3, 3), (-50, 50), (-750, -700), (700, 712)]
TINY = 5e-324
INF = math.inf
NAN = math.nan
# largest arguments with a finite exponential, smallest with one that does not round to 0
EXP_TOP, EXP_BOTTOM = 709.782712893384, -745.1332191019411

has_fma = bool(llvm.get_host_cpu_features().get("fma"))
needs_fma = pytest.mark.skipif(not has_fma, reason="without the instruction, fma is a function call")
has_extended = np.finfo(np.longdouble).nmant >= 63
needs_extended = pytest.mark.skipif(not has_extended, reason="longdouble has no extra bits here")


@cache
def compiled(name):
    function = getattr(elementary, name)

    @numba.njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


def evaluate(name, x):
    x = np.atleast_1d(np.asarray(x, dtype=float))
    out = np.full_like(x, 17.0)
    compiled(name)(x, out)
    return out


def error_ulp(value, exact):
    """Error in units of the last place of `exact` (longdouble or mpmath); inf where only one is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(float)
        is_finite = np.isfinite(value) & np.isfinite(rounded)
        last_place = np.spacing(np.where(is_finite, np.abs(rounded), 1.0)).astype(exact.dtype)
        error = (np.abs(value.astype(exact.dtype) - exact) / last_place).astype(float)
        is_same = (value == rounded) | (np.isnan(value) & np.isnan(rounded))
    return np.where(is_finite, error, np.where(is_same, 0.0, np.inf))


def in_domain(name, x):
    lowest = {"log": 0.0, "log1p": -1.0}.get(name, -INF)
    return x[(x > lowest) & (x < INF)]


def random_bit_patterns(rng, count):
    """Every exponent and sign alike, subnormal numbers included."""
    return rng.integers(0, 2**64, count, dtype=np.uint64).view(float)


def random_magnitudes(rng, count):
    """Where the functions are neither saturated nor the identity."""
    return np.exp2(rng.uniform(-60, 10, count)) * rng.choice([-1, 1], count)


def assert_accurate(name, x, exact):
    error = error_ulp(evaluate(name, x), exact)
    assert error.max() < MAX_ULP, f"{name}({x[error.argmax()]!r}) is off by {error.max():.2f} ulp"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_below_two_ulp_against_mpmath(name, rng):
    subnormal = rng.integers(0, 2**52, 100, dtype=np.uint64).view(float)
    underflowing = rng.uniform(-746, -708, 200)
    parts = [random_bit_patterns(rng, 700), random_magnitudes(rng, 1500), subnormal, -subnormal, underflowing]
    x = in_domain(name, np.concatenate(parts))
    with mpmath.workprec(200):
        exact = np.array([MPMATH[name](mpmath.mpf(argument)) for argument in x.tolist()], dtype=object)
        assert_accurate(name, x, exact)


@needs_extended
@pytest.mark.parametrize("interval", INTERVALS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_below_two_ulp_in_dense_sweeps(name, interval, rng):
    x = in_domain(name, rng.uniform(*interval, 50_000))
    if x.size:
        with np.errstate(all="ignore"):
            assert_accurate(name, x, LONGDOUBLE[name](x.astype(np.longdouble)))


@needs_extended
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_below_two_ulp_for_all_magnitudes(name, rng):
    x = in_domain(name, np.concatenate([random_bit_patterns(rng, 100_000), random_magnitudes(rng, 200_000)]))
    with np.errstate(all="ignore"):
        assert_accurate(name, x, LONGDOUBLE[name](x.astype(np.longdouble)))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", 0.0, 1.0), ("exp", -0.0, 1.0), ("exp", INF, INF), ("exp", -INF, 0.0),
        ("exp", np.nextafter(EXP_TOP, INF), INF), ("exp", EXP_BOTTOM, TINY), ("exp", -1e308, 0.0),
        ("exp", np.nextafter(EXP_BOTTOM, -INF), 0.0), ("exp", 1e308, INF),
        ("expm1", 0.0, 0.0), ("expm1", -0.0, -0.0), ("expm1", INF, INF), ("expm1", -INF, -1.0),
        ("expm1", np.nextafter(EXP_TOP, INF), INF), ("expm1", -1e308, -1.0), ("expm1", -TINY, -TINY),
        ("tanh", 0.0, 0.0), ("tanh", -0.0, -0.0), ("tanh", INF, 1.0), ("tanh", -INF, -1.0),
        ("tanh", 20.0, 1.0), ("tanh", -1e308, -1.0), ("tanh", TINY, TINY),
        ("log", 0.0, -INF), ("log", -0.0, -INF), ("log", 1.0, 0.0), ("log", INF, INF), ("log", -INF, NAN),
        ("log", -TINY, NAN), ("log", -1.0, NAN),
        ("log1p", 0.0, 0.0), ("log1p", -0.0, -0.0), ("log1p", -1.0, -INF), ("log1p", INF, INF),
        ("log1p", -INF, NAN), ("log1p", np.nextafter(-1.0, -2.0), NAN), ("log1p", TINY, TINY),
        ("arctan", 0.0, 0.0), ("arctan", -0.0, -0.0), ("arctan", 1.0, math.pi / 4),
        ("arctan", INF, math.pi / 2), ("arctan", -INF, -math.pi / 2),
        ("arctan", 1e308, math.pi / 2), ("arctan", -TINY, -TINY),
        ("logistic", 0.0, 0.5), ("logistic", INF, 1.0), ("logistic", -INF, 0.0), ("logistic", 1e308, 1.0),
        ("softplus", INF, INF), ("softplus", -INF, 0.0), ("softplus", 1e308, 1e308),
        ("softplus", EXP_BOTTOM, TINY),
    ],
)  # fmt: skip
def test_special_values_are_exact_to_the_sign_of_zero(name, x, expected):
    value = evaluate(name, x)[0]
    np.testing.assert_array_equal(value, expected)
    assert np.isnan(expected) or np.signbit(value) == np.signbit(expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_stays_nan(name):
    # quiet NaN of both signs, and one with other payload bits
    x = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0x7FF80000DEADBEEF], dtype=np.uint64).view(float)
    assert np.isnan(evaluate(name, x)).all()


@pytest.mark.parametrize("name", ["exp", "expm1"])
def test_the_largest_finite_exponential_is_finite(name):
    # x is rounded to half a unit of 1.1e-13, hence e**x to that relative error
    np.testing.assert_allclose(evaluate(name, EXP_TOP), np.finfo(float).max, rtol=1e-13)


@pytest.mark.parametrize("name", ["arctan", "expm1", "log1p", "tanh"])
def test_subnormal_arguments_are_their_own_value(name, rng):
    x = rng.integers(1, 2**52, 1000, dtype=np.uint64).view(float) * rng.choice([-1, 1], 1000)
    np.testing.assert_array_equal(evaluate(name, x), x)


@pytest.mark.parametrize("name", ["arctan", "tanh"])
def test_odd_functions_are_odd_to_the_bit(name, rng):
    x = random_magnitudes(rng, 10_000)
    np.testing.assert_array_equal(evaluate(name, -x), -evaluate(name, x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_do_not_depend_on_length_and_offset(name, rng):
    x = in_domain(name, random_magnitudes(rng, 200))
    whole = evaluate(name, x)
    # from the scalar remainder alone to several vectors of 8 with every remainder, at every alignment
    for length in range(1, 40):
        for offset in range(9):
            part = slice(offset, offset + length)
            np.testing.assert_array_equal(evaluate(name, x[part]), whole[part])


@needs_fma
@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_become_vector_code_without_libm(name):
    evaluate(name, 1.0)
    (code,) = compiled(name).inspect_llvm().values()
    assert re.search(r"call <[48] x double> @llvm.fma", code)
    assert f"@{name}(" not in code


@numba.njit
def turn(u, sine, cosine):
    for i in range(u.size):
        sine[i], cosine[i] = elementary.sincos2pi(u[i])


def sincos(u):
    u = np.asarray(u, dtype=float)
    sine, cosine = np.empty_like(u), np.empty_like(u)
    turn(u, sine, cosine)
    return sine, cosine


def test_sine_and_cosine_of_a_turn_are_accurate(rng):
    close_to_eighths = np.arange(8) / 8 + np.exp2(rng.uniform(-53, -4, (100, 8)))
    u = np.concatenate([rng.uniform(0, 1, 2000), close_to_eighths.ravel()])
    sine, cosine = sincos(u)
    with mpmath.workprec(200):
        turns = [mpmath.mpf(a) for a in u.tolist()]
        exact_sine = np.array([mpmath.sinpi(2 * a) for a in turns], dtype=object)
        exact_cosine = np.array([mpmath.cospi(2 * a) for a in turns], dtype=object)
        # 2 pi rounded as the first coefficient, then two roundings
        assert error_ulp(sine, exact_sine).max() < MAX_ULP
        assert error_ulp(cosine, exact_cosine).max() < MAX_ULP


def test_quarter_turns_are_exact():
    sine, cosine = sincos([0.0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(sine, [0, 1, 0, -1])
    np.testing.assert_array_equal(cosine, [1, 0, -1, 0])


def test_log_of_the_normal_range_is_log(rng):
    @numba.njit
    def loop(x, out):
        for i in range(x.size):
            out[i] = elementary.log_normal_range(x[i])

    x = np.exp2(rng.uniform(-1022, 1023, 10_000))
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_array_equal(out, evaluate("log", x))
