"""Random numbers: the published cipher, the right distributions, independence of all parts of the address."""

import math
import re

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from scipy import stats

from assocmem.jit import compile_loop
from assocmem.random import fill_normals, fill_uniforms, normals, philox4x32, seed_key, uniforms

SEED = 20140317
# a fixed seed and about 100 checks: bands that a good generator leaves once in 10**5
SIGMAS = 4.4
P_VALUE = 1e-5


def naive_philox(counter, key):
    """Philox4x32-10 by the definition of Salmon et al. (2011), section 3.3, in unbounded integers."""
    left0, right0, left1, right1 = counter
    for r in range(10):
        round_key = [(key[0] + r * 0x9E3779B9) % 2**32, (key[1] + r * 0xBB67AE85) % 2**32]
        high0, low0 = divmod(left0 * 0xD2511F53, 2**32)
        high1, low1 = divmod(left1 * 0xCD9E8D57, 2**32)
        left0, left1 = high1 ^ right0 ^ round_key[0], high0 ^ right1 ^ round_key[1]
        right0, right1 = low1, low0
    return left0, right0, left1, right1


def naive_uniforms(seed, trajectory, step, stream, n):
    counters = [(lane // 2, step % 2**32, trajectory, stream * 2**16 + step // 2**32) for lane in range(n)]
    words = [naive_philox(c, seed_key(seed))[2 * (i % 2) :] for i, c in enumerate(counters)]
    return np.array([(w[0] * 2**21 + w[1] // 2**11) / 2**53 for w in words])


def rows_loop(fill):
    def loop(key0, key1, step, stream, out):
        for trajectory in range(len(out)):
            fill(key0, key1, trajectory, step, stream, out[trajectory])

    return loop


def sample(step=0, stream=0):
    """A million normals of 1000 trajectories and 1000 lanes."""
    return normals(SEED, trajectories=1000, step=step, stream=stream, n=1000)


PAIRS = {
    "even and odd lane of a block": lambda: (sample()[:, 0::2], sample()[:, 1::2]),
    "neighbouring blocks of lanes": lambda: (sample()[:, 0:-2], sample()[:, 2:]),
    "neighbouring trajectories": lambda: (sample()[:-1], sample()[1:]),
    "neighbouring steps": lambda: (sample(step=7), sample(step=8)),
    "steps 2**32 apart": lambda: (sample(step=7), sample(step=7 + 2**32)),
    "neighbouring streams": lambda: (sample(stream=3), sample(stream=4)),
    "neighbouring seeds": lambda: (sample(), normals(SEED + 1, trajectories=1000, step=0, n=1000)),
}
each_pair = pytest.mark.parametrize("pair", PAIRS)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_vectors(counter, key, expected):
    compiled = numba.njit(lambda c0, c1, c2, c3, k0, k1: philox4x32(c0, c1, c2, c3, k0, k1))
    assert compiled(*counter, *key) == expected
    assert naive_philox(counter, key) == expected


@pytest.mark.parametrize(
    ("seed", "trajectory", "step", "stream"),
    [(0, 0, 0, 0), (1, 2, 3, 4), (2**100, 2**32 - 1, 2**48 - 1, 2**16 - 1), (7, 10**9, 2**32 + 5, 300)],
)
@pytest.mark.parametrize("n", [1, 7, 150])
def test_uniforms_are_the_documented_words_of_philox(seed, trajectory, step, stream, n):
    rows = uniforms(seed, trajectories=[trajectory], step=step, stream=stream, n=n)
    np.testing.assert_array_equal(rows[0], naive_uniforms(seed, trajectory, step, stream, n))


def test_normals_are_box_and_muller_transforms_of_the_uniforms():
    address = dict(trajectories=50, step=3, stream=2, n=100)
    u = uniforms(SEED, **address)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0::2])), 2 * np.pi * u[:, 1::2]
    # rounding of the angle, up to 2 pi, moves the oracle by a few times 1e-16 times the radius
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(50, 100)
    np.testing.assert_allclose(normals(SEED, **address), expected, rtol=1e-15, atol=1e-14)


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_a_lane_does_not_depend_on_how_many_there_are(draw):
    whole = draw(SEED, trajectories=3, step=5, n=100)
    for n in range(100):
        np.testing.assert_array_equal(draw(SEED, trajectories=3, step=5, n=n), whole[:, :n])


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_a_trajectory_does_not_depend_on_its_company(draw):
    whole = draw(SEED, trajectories=20, step=5, n=37)
    np.testing.assert_array_equal(draw(SEED, trajectories=[4, 17, 2], step=5, n=37), whole[[4, 17, 2]])


@pytest.mark.parametrize(("fill", "draw"), [(fill_uniforms, uniforms), (fill_normals, normals)])
def test_kernels_give_the_same_bits_at_any_place_in_memory(fill, draw):
    expected = draw(SEED, trajectories=2, step=9, stream=1, n=45)
    for offset in range(9):
        memory = np.full(2 * 45 + 20, np.nan)
        block = memory[offset : offset + 90].reshape(2, 45)
        compile_loop(rows_loop, fill)(*seed_key(SEED), 9, 1, block)
        np.testing.assert_array_equal(block, expected)
        assert np.isnan(memory).sum() == 20  # nothing written outside


has_fma = bool(llvm.get_host_cpu_features().get("fma"))


@pytest.mark.skipif(not has_fma, reason="without the instruction, fma is a function call")
def test_normals_become_vector_code():
    @numba.njit(error_model="numpy")
    def loop(out):
        fill_normals(1, 2, 3, 4, 5, out)

    loop(np.empty(150))
    (code,) = loop.inspect_llvm().values()
    assert re.search(r"mul (nuw )?(nsw )?<\d+ x i64>", code)
    assert re.search(r"@llvm.sqrt.v\d+f64", code)


def test_uniforms_are_uniform():
    u = uniforms(SEED, trajectories=1000, step=0, n=1000)
    assert 0 <= u.min() < 1e-5 and 1 - 1e-5 < u.max() < 1  # of 10**6: missed with probability e**-10
    assert stats.kstest(u.ravel(), "uniform").pvalue > P_VALUE


def test_uniforms_use_all_53_bits():
    bits = (uniforms(SEED, trajectories=100, step=0, n=1000).ravel() * 2.0**53).astype(np.int64)
    ones = np.array([(bits >> place & 1).mean() for place in range(53)])
    np.testing.assert_allclose(ones, 0.5, atol=SIGMAS * 0.5 / math.sqrt(bits.size))


@pytest.mark.parametrize(
    ("moment", "expected", "variance"),
    # variance of z**k: E z**2k - (E z**k)**2
    [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)],
)
@pytest.mark.parametrize("step", [0, 12345])
def test_moments_of_normals(step, moment, expected, variance):
    z = sample(step)
    assert abs((z**moment).mean() - expected) < SIGMAS * math.sqrt(variance / z.size)


@pytest.mark.parametrize("step", [1, 2**40])
def test_normals_follow_the_normal_distribution(step):
    assert stats.kstest(sample(step).ravel(), "norm").pvalue > P_VALUE


def test_tails_of_normals_have_the_right_weight():
    thresholds = np.arange(1, 6)
    total, above, below, extremes = 0, 0, 0, []
    for step in range(10):
        z = normals(SEED, trajectories=2000, step=step, stream=7, n=1000).ravel()
        total += z.size
        above = above + np.array([(z > k).sum() for k in thresholds])
        below = below + np.array([(z < -k).sum() for k in thresholds])
        extremes += [z.max(), -z.min()]
    for k, counts in zip(thresholds, zip(above, below, strict=True), strict=True):
        for count in counts:
            assert stats.binomtest(int(count), total, stats.norm.sf(k)).pvalue > P_VALUE
    # distribution of the largest of n: 1 - (1 - q)**n is about n q
    assert stats.norm.isf(12 / total) < max(extremes) < stats.norm.isf(P_VALUE / total)


@each_pair
def test_different_addresses_are_uncorrelated(pair):
    a, b = PAIRS[pair]()
    # under independence a product has variance 1, that of a**2 - 1 has 2 * 2
    assert abs((a * b).mean()) < SIGMAS / math.sqrt(a.size)
    assert abs(((a**2 - 1) * (b**2 - 1)).mean()) < SIGMAS * 2 / math.sqrt(a.size)


@each_pair
def test_different_addresses_are_jointly_independent(pair):
    a, b = PAIRS[pair]()
    edges = stats.norm.ppf(np.arange(1, 16) / 16)
    cells = 16 * np.searchsorted(edges, a.ravel()) + np.searchsorted(edges, b.ravel())
    p = stats.chisquare(np.bincount(cells, minlength=256)).pvalue
    assert P_VALUE < p < 1 - P_VALUE  # too even would be as wrong as too uneven


def test_time_series_of_a_lane_is_white():
    z = np.array([normals(SEED, trajectories=100, step=step, n=10) for step in range(1000)])
    centred = z - z.mean(axis=0)
    for lag in (1, 2, 3, 10):
        # the mean of 10**6 products; subtracting each series' mean shifts it by 1/1000 of a variance
        assert abs((centred[lag:] * centred[:-lag]).mean()) < SIGMAS / 1000 + 1 / 1000


def test_large_seeds_and_numpy_integers_are_seeds():
    assert seed_key(np.int32(5)) == seed_key(5)
    assert len({seed_key(s) for s in (0, 1, 2**32, 2**64, 10**40)}) == 5


@pytest.mark.parametrize("seed", [1.0, "1", None, True, np.True_, [1]])
def test_seeds_that_are_no_integers_are_refused(seed):
    with pytest.raises(TypeError, match="seed must be an integer, got"):
        seed_key(seed)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ({"step": -1}, ValueError, r"step must be in \[0, 281474976710656\), got -1"),
        ({"step": 0.5}, TypeError, "step must be an integer, got 0.5"),
        ({"stream": 2**16}, ValueError, r"stream must be in \[0, 65536\), got 65536"),
        ({"n": -3}, ValueError, "n must be in .*, got -3"),
        ({"trajectories": -1}, ValueError, "trajectories must be in .*, got -1"),
        ({"trajectories": [0, 2**32]}, ValueError, "trajectories must be in .*, got 0 to 4294967296"),
        ({"trajectories": 1.5}, TypeError, "trajectories must be an integer or .*, got 1.5"),
        ({"trajectories": [[1]]}, TypeError, "trajectories must be an integer or a 1-D array of integers"),
        ({"trajectories": True}, TypeError, "trajectories must be an integer or a 1-D array of integers"),
    ],
)
def test_bad_addresses_are_refused(change, error, message):
    arguments = {"seed": 1, "trajectories": 2, "step": 0, "n": 3} | change
    with pytest.raises(error, match=message):
        normals(arguments.pop("seed"), **arguments)
