"""Random numbers with an address: a value depends on (seed, stream, trajectory, step, lane) and nothing else.

A counter-based generator has no state to carry along.  Each address is enciphered to 128 random bits, so a
trajectory draws the same noise alone or in an ensemble, on any thread, in any order, and in a resumed run.

The generator is Philox4x32-10.  The seed gives the key by `numpy.random.SeedSequence`; the counter holds

====  =======  =====================================================
word  bits     content
====  =======  =====================================================
0     0-31     number of the pair of lanes, lane // 2
1     0-31     step, low 32 bits
2     0-31     trajectory
3     0-15     step, high 16 bits
3     16-31    stream: one for each independent use within a run
====  =======  =====================================================

Output words 0 and 1 make the uniform of the even lane, words 2 and 3 that of the odd lane; Box and Muller's
transform turns the two into the normals of the same two lanes.  Uniforms and normals of one address are
therefore dependent: give them different streams.

References
----------
Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11, sections 3.3 and 4.
Box & Muller (1958), A note on the generation of random normal deviates, Ann. Math. Statist. 29, 610.
"""

import math
import operator
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from assocmem.jit import compile_loop, kernel
from assocmem.kernels.bits import always_inline, from_bits, wrapping_product
from assocmem.kernels.elementary import log_normal_range, sincos2pi

__all__ = ["fill_normals", "fill_uniforms", "normals", "philox4x32", "seed_key", "uniforms"]

_WORD = 0xFFFFFFFF
_ONE_BITS = 0x3FF0000000000000
_HALF_BITS = 0x3FE0000000000000
# the longest vector of float64 of any machine we know
_PAIRS = 8


@kernel
def philox4x32(c0, c1, c2, c3, key0, key1):
    """Return the four words that ten rounds of Philox make of a counter of four words and a key of two.

    Words are int64 in [0, 2**32).  A product fills all 64 bits: as a signed number it may be negative.
    """
    always_inline()
    for _ in range(10):
        product0 = wrapping_product(c0, 0xD2511F53)
        product1 = wrapping_product(c2, 0xCD9E8D57)
        c0 = ((product1 >> 32) & _WORD) ^ c1 ^ key0
        c2 = ((product0 >> 32) & _WORD) ^ c3 ^ key1
        c1 = product1 & _WORD
        c3 = product0 & _WORD
        key0 = (key0 + 0x9E3779B9) & _WORD
        key1 = (key1 + 0xBB67AE85) & _WORD
    return c0, c1, c2, c3


@kernel
def _fraction(high, low):
    """Return the fraction in [0, 1) whose 53 bits are those of `high` and the upper 21 of `low`."""
    # as significands of 1 and 1/2: below AVX-512 no vector instruction converts int64 to float64
    return (from_bits(_ONE_BITS | (high << 20)) - 1.0) + (from_bits(_HALF_BITS | (low >> 11)) - 0.5)


@kernel
def _uniform_pair(key0, key1, trajectory, step, stream, pair):
    """Return the uniforms of lanes 2 * pair and 2 * pair + 1: multiples of 2**-53 in [0, 1)."""
    always_inline()
    # masking a pair that fits its word anyway tells the compiler that a product of 32-bit words will do
    last = (stream << 16) | (step >> 32)
    w0, w1, w2, w3 = philox4x32(pair & _WORD, step & _WORD, trajectory, last, key0, key1)
    return _fraction(w0, w1), _fraction(w2, w3)


@kernel
def _normal_pair(u, v):
    """Return two independent normals made of two independent uniforms; both are below 8.6 in size."""
    always_inline()
    radius = math.sqrt(-2.0 * log_normal_range(1.0 - u))  # 1 - u is exact and never 0
    sine, cosine = sincos2pi(v)
    return radius * cosine, radius * sine


@kernel
def _vector_ranges(pairs):
    """Return two ranges that cover all pairs: whole vectors, then the last vector if pairs are left over.

    The last vector overlaps the one before it.  That repeats some pairs, to the same values, and costs less
    than a scalar remainder.
    """
    whole = pairs - pairs % _PAIRS
    return (0, whole), (pairs if whole == pairs else max(pairs - _PAIRS, 0), pairs)


@kernel
def fill_uniforms(key0, key1, trajectory, step, stream, out):
    """Fill `out` (lane,) with the uniforms in [0, 1) of one address; lane i does not depend on the length.

    Parameters
    ----------
    key0, key1 : int64
        From `seed_key`.
    trajectory, step, stream : int64
        In [0, 2**32), [0, 2**48) and [0, 2**16); not checked.
    out : (lane,) float64 array
        Contiguous.  Multiples of 16 lanes are the fastest.
    """
    pairs = out.size // 2
    for first, last in _vector_ranges(pairs):
        row = out[2 * first : 2 * last]  # indices from 0 on: the compiler must see that none is negative
        for i in range(row.size // 2):
            row[2 * i], row[2 * i + 1] = _uniform_pair(key0, key1, trajectory, step, stream, first + i)
    if out.size % 2:
        out[2 * pairs], _ = _uniform_pair(key0, key1, trajectory, step, stream, pairs)


@kernel
def fill_normals(key0, key1, trajectory, step, stream, out):
    """Fill `out` (lane,) with the standard normals of one address; parameters as for `fill_uniforms`."""
    pairs = out.size // 2
    for first, last in _vector_ranges(pairs):
        row = out[2 * first : 2 * last]
        # an integer pass and a float pass, each within the registers; `row` holds the uniforms in between
        for i in range(row.size // 2):
            row[2 * i], row[2 * i + 1] = _uniform_pair(key0, key1, trajectory, step, stream, first + i)
        for i in range(row.size // 2):
            row[2 * i], row[2 * i + 1] = _normal_pair(row[2 * i], row[2 * i + 1])
    if out.size % 2:
        u, v = _uniform_pair(key0, key1, trajectory, step, stream, pairs)
        out[2 * pairs], _ = _normal_pair(u, v)


def seed_key(seed: int) -> tuple[int, int]:
    """Key of the generator for a seed: two words of 32 bits.

    Parameters
    ----------
    seed : int
        At least 0, of any size.

    Returns
    -------
    tuple of two int

    Raises
    ------
    TypeError
        If `seed` is not an integer; bool is refused, too.
    ValueError
        If `seed` is negative.
    """
    seed = _integer("seed", seed)
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    key0, key1 = np.random.SeedSequence(seed).generate_state(2, np.uint32)
    return int(key0), int(key1)


def uniforms(seed: int, *, trajectories: int | ArrayLike, step: int, stream: int = 0, n: int) -> np.ndarray:
    """Uniform random numbers in [0, 1) of one step, the same bits that compiled loops draw.

    Parameters
    ----------
    seed : int
        At least 0.
    trajectories : int or (trajectory,) array of int
        How many trajectories, counted from 0, or their numbers, in [0, 2**32).
    step : int
        In [0, 2**48).
    stream : int, default 0
        In [0, 2**16).
    n : int
        Number of lanes; a lane has the same value whatever `n` is.

    Returns
    -------
    (trajectory, lane) array
        Multiples of 2**-53.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of its range.
    """
    return _rows(fill_uniforms, seed, trajectories, step, stream, n)


def normals(seed: int, *, trajectories: int | ArrayLike, step: int, stream: int = 0, n: int) -> np.ndarray:
    """Standard normal random numbers of one step, the same bits that compiled loops draw.

    Parameters
    ----------
    seed, trajectories, step, stream, n
        As for `uniforms`.

    Returns
    -------
    (trajectory, lane) array
        Independent, mean 0 and variance 1; at most 8.6 in size.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of its range.

    References
    ----------
    Box, Muller (1958), eq. 1.
    """
    return _rows(fill_normals, seed, trajectories, step, stream, n)


def _rows(fill: Callable, seed, trajectories, step, stream, n) -> np.ndarray:
    key0, key1 = seed_key(seed)
    numbers = _trajectory_numbers(trajectories)
    step = _index("step", step, 2**48)
    stream = _index("stream", stream, 2**16)
    out = np.empty((numbers.size, _index("n", n, 2**33)))
    compile_loop(_fill_rows, fill)(key0, key1, numbers, step, stream, out)
    return out


def _fill_rows(fill: Callable) -> Callable:
    def rows(key0, key1, trajectories, step, stream, out):
        for row in range(trajectories.size):
            fill(key0, key1, trajectories[row], step, stream, out[row])

    return rows


def _trajectory_numbers(trajectories) -> np.ndarray:
    numbers = np.asarray(trajectories)
    if numbers.dtype.kind not in "iu" or numbers.ndim > 1:
        raise TypeError(f"trajectories must be an integer or a 1-D array of integers, got {trajectories!r}")
    if numbers.ndim == 0:
        return np.arange(_index("trajectories", trajectories, 2**32 + 1))
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < 2**32:
        raise ValueError(f"trajectories must be in [0, 2**32), got {numbers.min()} to {numbers.max()}")
    return numbers.astype(np.int64)


def _integer(name: str, value) -> int:
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def _index(name: str, value, end: int) -> int:
    value = _integer(name, value)
    if not 0 <= value < end:
        raise ValueError(f"{name} must be in [0, {end}), got {value}")
    return value
