"""Nonparametric Hopfield models: equal to loops over what each cue sees, energies that descend, linear-time forms."""

import json
import math

import numpy as np
import pytest
import xarray as xr

from assocmem import FeatureHopfield, HopfieldFenchelYoung, MultiHeadHopfield, NonparametricHopfield, window_retrieval
from assocmem.analysis.energy import audit_energy
from assocmem.features import EluFeatures, PositiveRandomFeatures, ReluFeatures, TruncatedExponentialFeatures
from assocmem.masks import FixedMask, RandomMask, TopScores, Window
from assocmem.separations import ConstrainedSparsemax, Entmax, KSubsets, Linear, Softmax, Sparsemax
from tests import naive_nonparametric as naive

RNG = np.random.default_rng(20250713)
N, D, BETA = 13, 5, 0.8
PATTERNS, CUES = RNG.standard_normal((2, N, D))
KEYS = PATTERNS + 0.2 * RNG.standard_normal((N, D))
EACH = RNG.random((N, N)) < 0.5
EACH[:, 0] = True
MASKS = {
    "none": None,
    "numbers": FixedMask([7, 1, 2, 11]),
    "shared": RandomMask(0.5, seed=3, is_shared=True),
    "each": FixedMask(EACH),
    "random": RandomMask(0.4, seed=1),
    "random, few": RandomMask(0.8, seed=1),
    "bernoulli": RandomMask(0.4, seed=1, is_exact=False, on_empty="one"),
    "window": Window(2),
    "narrow": Window(0),
    "wide": Window(N - 1),
}
SEPARATIONS = {"softmax": (Softmax(), naive.masked_softmax), "sparsemax": (Sparsemax(), naive.masked_sparsemax)}
FEATURES = [
    EluFeatures(),
    PositiveRandomFeatures(12, seed=0),
    ReluFeatures(12, seed=0),
    TruncatedExponentialFeatures(4),
]


def seen_by(mask, n=N):
    return [np.arange(n)] * n if mask is None else mask.patterns_of(n, n)


# masks


@pytest.mark.parametrize("keys", [None, KEYS], ids=["patterns", "noisy keys"])
@pytest.mark.parametrize("separation", SEPARATIONS)
@pytest.mark.parametrize("mask", MASKS)
def test_updates_are_those_of_loops_over_what_is_seen(mask, separation, keys):
    model = NonparametricHopfield(PATTERNS, keys, beta=BETA, mask=MASKS[mask], separation=SEPARATIONS[separation][0])
    weights, states = model.weights(CUES), model.update(CUES)
    for i, visible in enumerate(seen_by(MASKS[mask])):
        scores = naive.scores_of(CUES[i], PATTERNS if keys is None else keys, BETA)
        expected = SEPARATIONS[separation][1](scores, visible)
        np.testing.assert_allclose(weights[i], expected, rtol=1e-11, atol=1e-13)  # sums in another order
        assert np.all(weights[i][np.setdiff1d(np.arange(N), visible)] == 0)
        np.testing.assert_allclose(states[i], naive.retrieved(expected, PATTERNS), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, N])
def test_top_scores_are_a_softmax_over_the_best(k):
    model = NonparametricHopfield(PATTERNS, KEYS, beta=BETA, mask=TopScores(count=k))
    for cue, found in zip(CUES, model.weights(CUES), strict=True):
        scores = naive.scores_of(cue, KEYS, BETA)
        np.testing.assert_allclose(found, naive.masked_softmax(scores, naive.top_k(scores, k)), rtol=1e-11, atol=1e-13)


def test_beta_is_one_over_the_root_of_the_number_of_units():
    assert NonparametricHopfield(PATTERNS).beta == 1 / math.sqrt(D)
    assert FeatureHopfield(PATTERNS, features=ReluFeatures(3, seed=0)).beta == 1 / math.sqrt(D)
    assert FeatureHopfield(PATTERNS, features=EluFeatures()).beta == 1


def test_dense_and_sparse_models_are_hopfield_fenchel_young_networks():
    for separation in (Softmax(), Sparsemax(), Entmax(1.5)):
        model = NonparametricHopfield(PATTERNS, beta=BETA, separation=separation)
        other = HopfieldFenchelYoung(PATTERNS, beta=BETA, separation=separation)
        np.testing.assert_array_equal(model.update(CUES), other.update(CUES))
        np.testing.assert_allclose(model.energy(CUES) + other.energy_offset, other.energy(CUES), rtol=0, atol=1e-13)


@pytest.mark.parametrize("radius", [0, 1, 5, 40, 69])
@pytest.mark.parametrize("n_units", [1, 4, 7, 33])
def test_windows_of_any_size_are_banded_softmax(radius, n_units):
    rng = np.random.default_rng(radius)
    cues, keys, patterns = rng.standard_normal((3, 70, n_units))
    scores = 0.7 * cues @ keys.T
    scores[np.abs(np.subtract.outer(np.arange(70), np.arange(70))) > radius] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = weights / weights.sum(axis=1, keepdims=True) @ patterns
    np.testing.assert_allclose(window_retrieval(cues, patterns, keys, radius=radius, beta=0.7), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_units", [1, 8, 17, 70])
def test_random_masks_of_any_number_of_units_are_masked_softmax(n_units, dtype):
    cues, keys, patterns = np.random.default_rng(n_units).standard_normal((3, 41, n_units)).astype(dtype)
    mask = RandomMask(0.6, seed=5)
    weights = np.zeros((41, 41))
    for row, visible, cue in zip(weights, mask.patterns_of(41, 41), cues, strict=True):
        row[visible] = np.exp(0.3 * (keys[visible] @ cue).astype(float))
    expected = weights / weights.sum(axis=1, keepdims=True) @ patterns
    found = NonparametricHopfield(patterns, keys, beta=0.3, mask=mask).update(cues)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 if dtype == np.float64 else 2e-5)


@pytest.mark.parametrize("mask", [Window(6), RandomMask(0.5, seed=0)], ids=str)
def test_a_cue_has_the_same_bits_when_others_are_gone(mask):
    patterns, cues = np.random.default_rng(0).standard_normal((2, 60, 5))
    memory = NonparametricHopfield(patterns, mask=mask).association
    whole = memory.run(cues, np.arange(60), beta=0.7)
    for numbers in (np.array([0, 1, 2, 9, 10, 31, 59]), np.arange(5, 40), np.array([17])):
        part = memory.run(np.ascontiguousarray(cues[numbers]), numbers, beta=0.7)
        np.testing.assert_array_equal(part.states, whole.states[numbers])
        np.testing.assert_array_equal(part.conjugate, whole.conjugate[numbers])


def test_masked_separations_of_large_scores_neither_overflow_nor_leak():
    model = NonparametricHopfield(1e3 * PATTERNS, beta=10.0, mask=Window(1))
    winner = np.array([v[np.argmax(PATTERNS[v] @ cue)] for cue, v in zip(CUES, seen_by(Window(1)), strict=True)])
    np.testing.assert_allclose(model.update(CUES), 1e3 * PATTERNS[winner], rtol=1e-12)


def test_k_subsets_can_be_masked():
    found = NonparametricHopfield(PATTERNS, mask=MASKS["random"], separation=KSubsets(2)).weights(CUES)
    np.testing.assert_allclose(found.sum(axis=1), 2, rtol=1e-13)
    assert all(np.all(np.delete(row, seen) == 0) for row, seen in zip(found, seen_by(MASKS["random"]), strict=True))


# energies


@pytest.mark.parametrize("separation", SEPARATIONS)
@pytest.mark.parametrize("mask", MASKS)
def test_energy_never_rises(mask, separation):
    model = NonparametricHopfield(PATTERNS, beta=2.0, mask=MASKS[mask], separation=SEPARATIONS[separation][0])
    run = model.retrieve(CUES, steps=30, every=1)
    audit = audit_energy(run.energy, rtol=1e-12)
    assert audit.is_descending.all(), float(audit.largest_rise.max())
    if mask not in ("narrow", "random, few"):
        assert float((run.energy[:, 0] - run.energy[:, -1]).max()) > 1e-3  # and it does fall


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_energy_of_top_scores_never_rises(k):
    for seed in range(10):
        patterns, cues = np.random.default_rng(seed).standard_normal((2, 20, 4))
        run = NonparametricHopfield(patterns, beta=1.5, mask=TopScores(count=k)).retrieve(cues, steps=500, every=1)
        audit = audit_energy(run.energy, rtol=1e-12)
        assert audit.is_descending.all(), float(audit.largest_rise.max())
        np.testing.assert_allclose(run.state[:, -1], run.state[:, -2], atol=1e-6)  # and states converge


@pytest.mark.parametrize("mask", MASKS)
def test_energies_are_log_sums_over_what_is_seen(mask):
    found = NonparametricHopfield(PATTERNS, beta=BETA, mask=MASKS[mask]).energy(CUES)
    expected = [naive.log_sum_exp_energy(q, PATTERNS, BETA, v) for q, v in zip(CUES, seen_by(MASKS[mask]), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mask", ["none", "numbers", "random", "window"])
def test_the_gradient_of_the_energy_leads_to_the_update(mask):
    model, h = NonparametricHopfield(PATTERNS, beta=BETA, mask=MASKS[mask]), 1e-6
    slopes = [(model.energy(CUES + h * e) - model.energy(CUES - h * e)) / (2 * h) for e in np.eye(D)]
    np.testing.assert_allclose(np.transpose(slopes), CUES - model.update(CUES), atol=1e-8)


def test_keys_that_are_the_patterns_are_no_keys():
    assert NonparametricHopfield(PATTERNS, PATTERNS.copy()).has_energy
    assert np.all(np.isnan(NonparametricHopfield(PATTERNS, KEYS).retrieve(CUES, steps=1).energy))


# the protocol


@pytest.mark.parametrize("mask", MASKS)
def test_records_are_the_states_on_the_way_with_one_mask_for_each_cue(mask):
    model, states = NonparametricHopfield(PATTERNS, beta=2.0, mask=MASKS[mask]), [CUES]
    for _ in range(40):
        states.append(model.update(states[-1]))
    run = model.retrieve(CUES, steps=40, every=1, tol=1e-9, weights=True)
    assert np.unique(run.n_steps).size > 1 or mask == "narrow"  # some stop early and leave the others their numbers
    np.testing.assert_allclose(run.state, np.stack(states, axis=1), rtol=0, atol=1e-8)
    np.testing.assert_allclose(run.weights, model.weights(run.state[:, -1].values), rtol=0, atol=1e-14)


@pytest.mark.parametrize("mask", MASKS)
def test_read_outs_belong_to_what_is_seen(mask):
    model = NonparametricHopfield(PATTERNS, KEYS, beta=BETA, mask=MASKS[mask])
    run = model.retrieve(CUES, steps=2, weights=True)
    np.testing.assert_array_equal(run.winner, run.weights.argmax("pattern"))
    np.testing.assert_array_equal(run.support_size, (run.weights > 0).sum("pattern"))
    scores = run.state.values @ KEYS.T
    for row, visible, margin in zip(scores, seen_by(MASKS[mask]), run.margin.values, strict=True):
        best = np.sort(row[visible])[::-1]
        assert margin == pytest.approx(best[0] - best[1] if best.size > 1 else np.inf, abs=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "mask",
    [None, RandomMask(0.6, seed=0), RandomMask(0.3, seed=0, is_exact=False), Window(9), TopScores(fraction=0.1)],
    ids=str,
)
def test_results_do_not_depend_on_threads(mask, dtype):
    patterns, cues = np.random.default_rng(1).standard_normal((2, 700, 12)).astype(dtype)
    model = NonparametricHopfield(patterns, mask=mask)
    one = model.retrieve(cues, steps=3, threads=1, weights=True)
    assert one.state.dtype == dtype
    xr.testing.assert_equal(one, model.retrieve(cues, steps=3, threads=2, weights=True))
    np.testing.assert_array_equal(model.update(cues, threads=2), model.update(cues, threads=1))


def test_a_cue_with_a_random_mask_gives_the_same_bits_in_any_batch():
    model = NonparametricHopfield(PATTERNS, mask=MASKS["random"])
    np.testing.assert_array_equal(model.update(CUES[:4]), model.update(CUES)[:4])
    np.testing.assert_array_equal(model.update(np.stack([CUES, CUES]))[0], model.update(CUES))


def test_single_precision_agrees_with_double():
    for mask in MASKS.values():
        single = NonparametricHopfield(PATTERNS.astype(np.float32), mask=mask).update(CUES.astype(np.float32))
        np.testing.assert_allclose(single, NonparametricHopfield(PATTERNS, mask=mask).update(CUES), rtol=0, atol=2e-6)


def test_a_result_goes_through_netcdf(tmp_path):
    run = NonparametricHopfield(PATTERNS, mask=Window(2)).retrieve(CUES, steps=1, weights=True)
    run.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), run)
    assert json.loads(run.attrs["provenance"])["model"]["mask"] == {"type": "Window", "radius": 2}


# features


@pytest.mark.parametrize("keys", [None, KEYS], ids=["patterns", "noisy keys"])
@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_retrieval_by_features_is_a_mean_weighted_by_their_kernel(features, keys):
    model, root = FeatureHopfield(PATTERNS, keys, features=features, beta=BETA), math.sqrt(BETA)

    def kernel(x, k):
        return float(features(root * x) @ features(root * np.asarray(k)))

    for cue, weights, state in zip(CUES, model.weights(CUES), model.update(CUES), strict=True):
        expected = naive.kernel_weights(cue, PATTERNS if keys is None else keys, kernel)
        np.testing.assert_allclose(weights, expected, rtol=1e-10)
        np.testing.assert_allclose(state, naive.retrieved(expected, PATTERNS), rtol=1e-10, atol=1e-11)


def test_truncated_features_converge_to_the_dense_model():
    patterns, cues = 0.5 * PATTERNS[:, :3], 0.5 * CUES[:, :3]
    dense = NonparametricHopfield(patterns, beta=1.0).update(cues)
    errors = [
        np.abs(FeatureHopfield(patterns, features=TruncatedExponentialFeatures(n), beta=1.0).update(cues) - dense).max()
        for n in (2, 4, 8, 16)
    ]
    assert errors[0] > errors[1] > errors[2] > errors[3] and errors[3] < 1e-11


def test_many_random_features_come_near_to_the_dense_model():
    patterns, cues = 0.5 * PATTERNS, 0.5 * CUES
    dense = NonparametricHopfield(patterns, beta=1.0).update(cues)
    few, many = (
        np.sqrt(
            np.square(
                FeatureHopfield(patterns, features=PositiveRandomFeatures(m, seed=0), beta=1.0).update(cues) - dense
            ).mean()
        )
        for m in (100, 40_000)
    )
    assert few / many == pytest.approx(20, rel=0.5)  # the root of 400, within what single draws vary
    assert many < 0.01


@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_features_do_not_depend_on_threads_or_batches(features, monkeypatch):
    patterns, cues = np.random.default_rng(1).standard_normal((2, 1500, 3))
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("ASSOCMEM_THREADS", threads)
        found.append(FeatureHopfield(patterns, features=features).update(cues))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(FeatureHopfield(patterns, features=features).update(cues[3:9]), found[0][3:9])


def test_features_of_large_patterns_stay_in_range():
    model = FeatureHopfield(40 * PATTERNS, features=PositiveRandomFeatures(64, seed=0), beta=1.0)
    states = model.update(40 * CUES)
    assert np.all(np.abs(states) <= 40 * np.abs(PATTERNS).max() * (1 + 1e-12))


def test_retrieval_by_features_reads_out_its_weights():
    model = FeatureHopfield(PATTERNS, features=EluFeatures())
    run = model.retrieve(CUES, steps=2, weights=True)
    np.testing.assert_allclose(run.state, model.update(model.update(CUES)), rtol=0, atol=0)
    np.testing.assert_array_equal(run.winner, run.weights.argmax("pattern"))
    assert np.all(run.support_size == N) and np.all(np.isnan(run.energy))


# heads


def test_heads_are_summed_through_their_matrices():
    heads = [
        NonparametricHopfield(PATTERNS, KEYS, mask=Window(2)),
        FeatureHopfield(CUES, features=EluFeatures()),
        NonparametricHopfield(CUES, mask=RandomMask(0.5, seed=0)),
    ]
    mixing = np.random.default_rng(0).standard_normal((3, D, D)) / 3
    model = MultiHeadHopfield(heads, mixing)
    expected = sum(head.update(CUES) @ w.T for head, w in zip(heads, mixing, strict=True))
    np.testing.assert_allclose(model.update(CUES), expected, rtol=1e-12, atol=1e-13)
    run = model.retrieve(CUES, steps=3, weights=True)
    np.testing.assert_allclose(run.state, model.update(model.update(model.update(CUES))), rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.weights, model.weights(run.state.values).mean(axis=0), atol=1e-14)


def test_one_head_without_matrix_is_the_head_itself():
    head = NonparametricHopfield(PATTERNS)
    np.testing.assert_allclose(MultiHeadHopfield([head]).update(CUES), head.update(CUES), rtol=1e-15)


# what is not true, and what mistakes do


def test_masking_can_raise_the_error():
    # corollary 4.1.1 says it cannot; here the mask takes away a cancellation
    patterns = np.array([[0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
    cue = patterns[:1]
    dense = NonparametricHopfield(patterns, beta=1.0).update(cue)
    masked = NonparametricHopfield(patterns, beta=1.0, mask=FixedMask([0, 1])).update(cue)
    np.testing.assert_allclose(dense, cue, atol=1e-15)
    np.testing.assert_allclose(masked, [[0.5, 1.0]], rtol=1e-15)


def test_masking_raises_the_weight_of_a_target_that_stays():
    dense = NonparametricHopfield(PATTERNS, beta=BETA).weights(CUES)
    for mask in ("numbers", "random", "bernoulli", "window"):
        masked = NonparametricHopfield(PATTERNS, beta=BETA, mask=MASKS[mask]).weights(CUES)
        for i, visible in enumerate(seen_by(MASKS[mask])):
            assert np.all(masked[i, visible] >= dense[i, visible] * (1 - 1e-13))


def test_random_masks_retain_the_share_that_they_show():
    # with saturated weights a target is retrieved if it is seen and wins among what is seen
    patterns = np.sign(np.random.default_rng(0).standard_normal((100, 40)))
    hits = 0
    for seed in range(20):
        mask = RandomMask(0.8, seed=seed)
        found = NonparametricHopfield(patterns, beta=10.0, mask=mask).update(patterns)
        hits += np.count_nonzero(np.argmin(np.square(found[:, None] - patterns).sum(axis=2), axis=1) == np.arange(100))
    assert np.all(NonparametricHopfield(patterns, beta=10.0).weights(patterns).argmax(axis=1) == np.arange(100))
    assert hits / 2000 == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / 2000))


def test_masks_that_are_filled_with_zeros_leak():
    top = NonparametricHopfield(PATTERNS, beta=0.05, mask=TopScores(count=3), reference_behaviour="zero_fill")
    scores = np.where(top.scores(CUES) >= np.sort(top.scores(CUES), axis=1)[:, -3, None], top.scores(CUES), 0.0)
    expected = np.exp(0.05 * scores) / np.exp(0.05 * scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(top.weights(CUES), expected, rtol=1e-12)
    leaked = np.where(scores == 0, top.weights(CUES), 0.0).sum(axis=1)
    assert np.all(leaked > 0.6)
    np.testing.assert_allclose(top.update(CUES), expected @ PATTERNS, rtol=1e-11, atol=1e-12)


def test_random_masks_by_dropout_change_beta_as_well():
    mask = RandomMask(0.5, seed=0)
    found = NonparametricHopfield(PATTERNS, beta=BETA, mask=mask, reference_behaviour="zero_fill").weights(CUES)
    for i, visible in enumerate(seen_by(mask)):
        scores = np.zeros(N)
        scores[visible] = 2 * BETA * PATTERNS[visible] @ CUES[i]
        np.testing.assert_allclose(found[i], naive.masked_softmax(scores, range(N)), rtol=1e-12)


def test_signs_of_scores_give_little_but_the_mean_pattern():
    patterns = np.abs(PATTERNS)
    model = NonparametricHopfield(patterns, beta=BETA, reference_behaviour="sign_scores")
    mean = np.tile(patterns.mean(axis=0), (N, 1))
    np.testing.assert_allclose(model.update(np.abs(CUES)), mean, rtol=1e-13)  # all signs are the same
    run = model.retrieve(CUES, steps=2, weights=True)
    assert np.all(np.isnan(run.energy))
    np.testing.assert_array_equal(run.winner, run.weights.argmax("pattern"))


# bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"patterns": np.zeros(3)}, ValueError, r"patterns must be a matrix \(pattern, unit\), got shape \(3,\)"),
        ({"patterns": np.zeros((0, 3))}, ValueError, r"patterns must be a matrix .* got shape \(0, 3\)"),
        ({"patterns": np.array([[1.0, np.inf]])}, ValueError, "patterns must be finite, got 1 other values"),
        ({"keys": KEYS[1:]}, ValueError, r"keys must have the shape of the patterns \(13, 5\), got \(12, 5\)"),
        ({"keys": np.full((N, D), np.nan)}, ValueError, "keys must be finite, got 65 other values"),
        ({"beta": 0.0}, ValueError, "beta must be > 0, got 0.0"),
        ({"separation": "softmax"}, TypeError, "separation must be a Separation, got 'softmax'"),
        ({"mask": [1, 2]}, TypeError, r"mask must be a Mask, got \[1, 2\]"),
        ({"mask": Window(N)}, ValueError, "radius must be below the length of the sequence, 13, got 13"),
        ({"mask": TopScores(count=14)}, ValueError, "count must be at most the number of patterns, 13, got 14"),
        ({"mask": TopScores(count=2), "separation": Sparsemax()}, ValueError, r"separation must be Softmax\(\) with"),
        ({"mask": Window(2), "separation": Linear()}, ValueError, "separation must be one that can leave out patterns"),
        (
            {"mask": Window(2), "separation": ConstrainedSparsemax(np.ones(N))},
            ValueError,
            "separation must be one that can leave out patterns",
        ),
        ({"mask": Window(1), "separation": KSubsets(3)}, ValueError, "k must be at most the number of patterns, 2"),
        (
            {"mask": FixedMask([3]), "separation": KSubsets(3)},
            ValueError,
            "k must be at most the number of patterns, 1",
        ),
        ({"mask": RandomMask(0.99, seed=0)}, ValueError, "fraction_masked must leave at least one of the 13 patterns"),
        ({"reference_behaviour": "bugs"}, ValueError, "reference_behaviour must be one of .* got 'bugs'"),
        ({"reference_behaviour": "zero_fill"}, ValueError, "reference_behaviour 'zero_fill' needs a mask"),
    ],
)
def test_bad_models_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        NonparametricHopfield(**({"patterns": PATTERNS} | change))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: NonparametricHopfield(PATTERNS).update(CUES[:, 1:]),
            r"states must have shape \(..., 5\), got \(13, 4\)",
        ),
        (
            lambda: NonparametricHopfield(PATTERNS).update(np.full(D, np.nan)),
            "states must be finite, got 5 other values",
        ),
        (lambda: NonparametricHopfield(PATTERNS).update(CUES, threads=0), "threads must be an integer >= 1, got 0"),
        (lambda: NonparametricHopfield(PATTERNS).retrieve(CUES[:, 1:]), r"cues must have shape \(5,\) or"),
        (
            lambda: NonparametricHopfield(PATTERNS, mask=Window(1)).update(CUES[:5]),
            "cues must be as many as patterns, 13",
        ),
        (
            lambda: NonparametricHopfield(PATTERNS, mask=Window(1)).retrieve(CUES[:5]),
            "cues must be as many as patterns",
        ),
        (
            lambda: NonparametricHopfield(PATTERNS, mask=FixedMask(EACH)).update(CUES[:5]),
            "a row for each of the 5 cues",
        ),
        (lambda: NonparametricHopfield(PATTERNS, KEYS).energy(CUES), "keys that are not the patterns has no energy"),
        (
            lambda: NonparametricHopfield(PATTERNS, reference_behaviour="sign_scores").energy(CUES),
            "a reference_behaviour has no energy",
        ),
        (
            lambda: NonparametricHopfield(PATTERNS[:3], mask=RandomMask(0.9, seed=0, is_exact=False)).update(CUES),
            "states must have a pattern that is not masked",
        ),
        (lambda: window_retrieval(CUES, PATTERNS, radius=13), "radius must be below the length of the sequence, 13"),
        (lambda: window_retrieval(CUES[:5], PATTERNS, radius=1), "cues must be as many as patterns, 13"),
        (lambda: FeatureHopfield(PATTERNS, features=EluFeatures()).energy(CUES), "a memory by features has no energy"),
        (
            lambda: FeatureHopfield(np.abs(PATTERNS), features=ReluFeatures(1, seed=0, offset=0.0)).update(
                np.vstack([CUES, -CUES])
            ),
            "states must have features in common with a key, got none in row",
        ),
        (lambda: MultiHeadHopfield([]), "heads must be alike in patterns, units and type"),
        (
            lambda: MultiHeadHopfield([NonparametricHopfield(PATTERNS), NonparametricHopfield(PATTERNS[1:])]),
            "heads must be alike",
        ),
        (
            lambda: MultiHeadHopfield([NonparametricHopfield(PATTERNS)], np.eye(D)),
            r"mixing must have shape \(1, 5, 5\)",
        ),
        (lambda: MultiHeadHopfield([NonparametricHopfield(PATTERNS)]).energy(CUES), "several heads has no energy"),
    ],
)
def test_bad_calls_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="features must be a FeatureMap, got 'elu'"):
        FeatureHopfield(PATTERNS, features="elu")
    with pytest.raises(TypeError, match="heads must be NonparametricHopfield or FeatureHopfield"):
        MultiHeadHopfield([HopfieldFenchelYoung(PATTERNS)])
