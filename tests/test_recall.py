"""Free and sequential recall: the same lists as the algorithms written out, and what theory says of them."""

import numpy as np
import pytest
import xarray as xr

from assocmem.images import digits
from assocmem.jit import fingerprint
from assocmem.kernels.recall import constrained_recall_loop, free_recall_loop, sequential_recall_loop
from assocmem.recall import constrained_free_recall, free_recall, sequential_recall
from assocmem.separations import Entmax, KSubsets, Linear, Normmax, SequentialKSubsets, Softmax, Sparsemax
from tests import naive_fenchel_young as naive
from tests import naive_separations

SEPARATIONS = {
    "softmax": (Softmax(), naive_separations.softmax),
    "entmax": (Entmax(1.5), lambda t: naive_separations.entmax(t, 1.5)),
    "sparsemax": (Sparsemax(), lambda t: naive_separations.entmax(t, 2.0)),
}
OTHERS = {
    "normmax": (Normmax(2.0), lambda t: naive_separations.normmax(t, 2.0)),
    "subsets": (KSubsets(2), lambda t: naive_separations.k_subsets(t, 2)),
}


def random_patterns(n_patterns=6, n_units=20):
    return 2.0 * np.random.default_rng(3).standard_normal((n_patterns, n_units))


def digit_patterns(n_patterns=6):
    images = digits()[0].reshape(-1, 64)
    return images[40 : 40 + n_patterns] / 8.0 - 1.0


PATTERNS = {"random": random_patterns(), "digits": digit_patterns()}


# the algorithms written out


@pytest.mark.parametrize("patterns", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("name", [*SEPARATIONS, *OTHERS])
def test_free_recall_is_algorithm_1(name, patterns):
    separation, oracle = (SEPARATIONS | OTHERS)[name]
    found = free_recall(patterns, separation, beta=0.3, n_inner=8, threads=1)
    assert found.recorded.values.tolist() == naive.free_recall(patterns, oracle, beta=0.3, n_inner=8)


def test_free_recall_with_a_weak_penalty():
    patterns, settings = random_patterns(), {"beta": 0.5, "penalty": 40.0, "rate": 0.4, "n_inner": 3, "n_rounds": 9}
    separation, oracle = SEPARATIONS["entmax"]
    expected = naive.free_recall(patterns, oracle, **settings)
    assert free_recall(patterns, separation, **settings).recorded.values.tolist() == expected


@pytest.mark.parametrize("patterns", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("beta", [0.02, 0.5])
def test_constrained_recall_is_algorithm_2(beta, patterns):
    found = constrained_free_recall(patterns, beta=beta, threads=1)
    expected, bounds = zip(*naive.constrained_rounds(patterns, beta=beta), strict=True)
    assert found.recorded.values.tolist() == list(expected)
    # each solution is exact to rounding, and 20 steps of a contraction do not make it worse
    np.testing.assert_allclose(found.weight_left, [sum(u) for u in bounds], atol=1e-9)


@pytest.mark.parametrize("patterns", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("name", SEPARATIONS)
def test_sequential_recall_is_algorithm_3(name, patterns):
    separation, oracle = SEPARATIONS[name]
    found = sequential_recall(patterns, separation, n_inner=8, threads=1)
    assert found.recorded.values.tolist() == naive.sequential_recall(patterns, oracle, n_inner=8)


@pytest.mark.parametrize("transition", [0.0, 0.4, 1e8])
def test_sequential_recall_with_other_settings(transition):
    patterns, (separation, oracle) = random_patterns(), SEPARATIONS["entmax"]
    settings = {"transition": transition, "beta": 0.05, "inner_beta": 0.2, "bonus": 0.7, "penalty": 1e4, "rate": 0.02}
    settings |= {"n_rounds": 8, "n_inner": 4}
    found = sequential_recall(patterns, separation, two_state_regularizer=False, **settings)
    assert found.recorded.values.tolist() == naive.sequential_recall(patterns, oracle, curvature=1.0, **settings)


# read-outs


def test_steps_left_out_would_change_nothing():
    short = free_recall(random_patterns(), Entmax(1.5), beta=0.3, n_inner=20)
    long = free_recall(random_patterns(), Entmax(1.5), beta=0.3, n_inner=500)
    assert (short.n_steps < 20).all()
    np.testing.assert_array_equal(short.n_steps, long.n_steps)
    np.testing.assert_array_equal(short.largest_weight, long.largest_weight)


def test_weights_are_told_by_their_support_and_largest():
    patterns = random_patterns()
    one_hot = free_recall(patterns, Sparsemax(), beta=10.0)
    np.testing.assert_array_equal(one_hot.support_size, 1)
    np.testing.assert_array_equal(one_hot.largest_weight, 1.0)
    mixed = free_recall(patterns, Softmax(), beta=1e-6, n_rounds=1)
    assert mixed.support_size.item() == len(patterns)
    assert mixed.largest_weight.item() == pytest.approx(1 / len(patterns), abs=1e-3)  # all scores are below 1e-3


def test_results_do_not_depend_on_threads():
    patterns = np.random.default_rng(0).standard_normal((256, 512))  # enough products for two threads
    one, two = (free_recall(patterns, Sparsemax(), threads=threads) for threads in (1, 2))
    xr.testing.assert_identical(one, two)


def test_patterns_may_be_labelled():
    patterns = random_patterns()
    labelled = xr.DataArray(patterns.T, dims=("unit", "pattern"))
    xr.testing.assert_identical(free_recall(labelled, Softmax()), free_recall(patterns, Softmax()))


def test_results_can_be_saved(tmp_path):
    for number, dataset in enumerate(
        [
            free_recall(random_patterns(), Softmax()),
            constrained_free_recall(random_patterns()),
            sequential_recall(random_patterns(), Softmax()),
        ]
    ):
        dataset.to_netcdf(tmp_path / f"{number}.nc", engine="h5netcdf")
        with xr.open_dataset(tmp_path / f"{number}.nc", engine="h5netcdf") as file:
            xr.testing.assert_equal(file.load(), dataset)
        assert all("units" in variable.attrs for variable in dataset.variables.values())


# theory


def test_every_constrained_round_uses_up_a_weight_of_one():
    patterns = np.random.default_rng(5).uniform(-1, 1, (40, 30))
    found = constrained_free_recall(patterns, beta=0.05)
    np.testing.assert_allclose(found.weight_left, np.arange(39, -1, -1), atol=1e-10)  # rounding of 40 sums
    assert found.support_size.max() > 1


def test_one_pattern_in_each_constrained_round_recalls_all():
    patterns = random_patterns(30, 60)
    found = constrained_free_recall(patterns, beta=5.0)
    np.testing.assert_array_equal(found.largest_weight, 1.0)
    assert sorted(found.recorded.values) == list(range(30))


def test_orthogonal_patterns_are_recalled_in_their_order():
    found = sequential_recall(10.0 * np.eye(12), Sparsemax())
    np.testing.assert_array_equal(found.recorded[:-1], np.arange(1, 12))


def test_without_a_penalty_recall_stays_where_it_is():
    found = free_recall(random_patterns(), Sparsemax(), beta=10.0, penalty=0.0)
    np.testing.assert_array_equal(found.recorded, 0)


def test_a_single_pattern_is_recalled():
    assert free_recall(np.ones((1, 3)), Softmax()).recorded.values.tolist() == [0]
    assert constrained_free_recall(np.ones((1, 3))).recorded.values.tolist() == [0]


# errors


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"beta": 0.0}, ValueError, "beta must be > 0"),
        ({"n_inner": 0}, ValueError, "n_inner must be an integer >= 1"),
        ({"n_rounds": 0}, ValueError, "n_rounds must be an integer >= 1"),
        ({"penalty": -1.0}, ValueError, "penalty must be >= 0"),
        ({"rate": 1.5}, ValueError, r"rate must be in \[0, 1\]"),
        ({"threads": 0}, ValueError, "threads must be an integer >= 1"),
        ({"separation": Linear()}, ValueError, "separation must have weights of a fixed sum"),
        ({"separation": "softmax"}, TypeError, "separation must be a Separation"),
        ({"separation": KSubsets(7)}, ValueError, "k must be at most the number of patterns, 6"),
        ({"patterns": np.ones(3)}, ValueError, r"patterns must be a matrix \(pattern, unit\)"),
        ({"patterns": np.ones((0, 3))}, ValueError, r"patterns must be a matrix \(pattern, unit\)"),
        ({"patterns": [[1.0, np.nan]]}, ValueError, "patterns must be finite, got 1 other values"),
        ({"patterns": np.full((2, 2), 1e200)}, ValueError, "patterns must have finite products"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    arguments = {"patterns": random_patterns(), "separation": Softmax(), **arguments}
    for recall in (free_recall, sequential_recall):
        with pytest.raises(error, match=message):
            recall(arguments["patterns"], **{name: v for name, v in arguments.items() if name != "patterns"})


def test_bad_arguments_of_single_recalls_are_named():
    with pytest.raises(ValueError, match="n_rounds must be at most the number of patterns, 6, got 7"):
        constrained_free_recall(random_patterns(), n_rounds=7)
    with pytest.raises(ValueError, match="patterns must be at least two"):
        sequential_recall(np.ones((1, 3)), Softmax())
    with pytest.raises(ValueError, match="inner_beta must be > 0"):
        sequential_recall(random_patterns(), Softmax(), inner_beta=-1.0)
    with pytest.raises(ValueError, match="bonus must be finite"):
        sequential_recall(random_patterns(), Softmax(), bonus=np.inf)
    with pytest.raises(ValueError, match="transition must be finite"):
        sequential_recall(random_patterns(), Softmax(), transition=np.nan)


def test_scores_that_overflow_are_reported():
    with pytest.raises(ValueError, match="scores could not be separated in round 0"):
        sequential_recall(1e100 * random_patterns(), Softmax(), beta=1e200)


# compilation


def test_loops_can_be_cached():
    pairs, rows = SequentialKSubsets.row, (Softmax.row, Entmax.row)
    loops = [(constrained_recall_loop,), *((free_recall_loop, row) for row in rows)]
    loops += [(sequential_recall_loop, row, pairs) for row in rows]
    assert [loop for loop in loops if fingerprint(*loop) is None] == []
