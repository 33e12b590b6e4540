"""Experiments of nonparametric Hopfield models that learn nothing: they run, draw, claim, and are what they say."""

import numpy as np
import pytest
import xarray as xr

from assocmem.papers.base import Run
from assocmem.papers.nonparametric import (
    capacity,
    earlier,
    efficiency,
    estimates,
    half_mask,
    images,
    noise,
    published_code,
    theory,
)
from assocmem.papers.nonparametric.models import DENSE, LINEAR, MASKED, RANDOM_FEATURE, SPARSE, TOP, WINDOW
from assocmem.papers.record import save_dataset
from tests import naive_nonparametric as naive

MODULES = (capacity, efficiency, estimates, half_mask, noise, published_code, theory)
RUN = Run()
TOP_20, MASKED_HALF = next(iter(TOP)), list(MASKED)[1]


@pytest.fixture
def _small(monkeypatch):
    """Sizes that take a moment."""
    for module in (half_mask, noise, published_code):
        monkeypatch.setattr(module, "N_DRAWS", {"quick": {100: 2}})
    monkeypatch.setitem(half_mask.N_DRAWS_OF_BETA, "quick", 2)
    monkeypatch.setitem(published_code.N_SMALL, "quick", 20)
    monkeypatch.setitem(theory.N_CASES, "quick", 60)
    monkeypatch.setitem(estimates.N_SETS, "quick", 500)
    monkeypatch.setitem(capacity.MOST_PATTERNS, "quick", 64)
    monkeypatch.setitem(capacity.N_TRIALS, "quick", 32)
    monkeypatch.setitem(efficiency.LENGTHS, "quick", (24, 48, 96, 192))
    monkeypatch.setitem(efficiency.MASKED_LENGTH, "quick", 96)


@pytest.fixture(scope="module")
def digits():
    return images.image_sets(RUN)[images.DIGITS]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.EXPERIMENT.name)
def test_experiments_run_draw_and_claim(module, tmp_path):
    dataset = module.EXPERIMENT.run(RUN)
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    module.EXPERIMENT.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in module.EXPERIMENT.claims(read)] == [
        c.row() for c in module.EXPERIMENT.claims(dataset)
    ]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("module", [half_mask, noise, published_code, theory, capacity], ids=lambda m: m.__name__)
def test_threads_change_no_bit(module):
    xr.testing.assert_identical(module.EXPERIMENT.run(Run(threads=1)), module.EXPERIMENT.run(Run(threads=2)))


def test_digits_are_standardised_and_their_upper_half_is_zero(digits):
    patterns = digits.draw(RUN, 0, len(digits.values))
    np.testing.assert_allclose([patterns.mean(), patterns.std()], [0.0, 1.0], atol=1e-12)
    cues = digits.half_masked(patterns).reshape(-1, 8, 8)
    assert not cues[:, :4].any()
    np.testing.assert_array_equal(cues[:, 4:], patterns.reshape(-1, 8, 8)[:, 4:])


def test_smaller_sets_of_patterns_are_the_first_of_larger_ones(digits):
    np.testing.assert_array_equal(digits.draw(RUN, 3, 10), digits.draw(RUN, 3, 50)[:10])
    assert not np.array_equal(digits.draw(RUN, 3, 10), digits.draw(RUN, 4, 10))


def naive_error(digits, weights_of, n_patterns):
    patterns = digits.draw(RUN, 0, n_patterns)
    cues, errors = digits.half_masked(patterns), []
    for cue, pattern in zip(cues, patterns, strict=True):
        state = naive.retrieved(weights_of(cue, patterns), patterns)
        errors.append(sum((a - b) ** 2 for a, b in zip(state, pattern, strict=True)))
    return np.mean(errors)


def dense_weights(cue, patterns):
    return naive.masked_softmax(naive.scores_of(cue, patterns, 0.125), range(len(patterns)))


def sparse_weights(cue, patterns):
    return naive.masked_sparsemax(naive.scores_of(cue, patterns, 0.125), range(len(patterns)))


def top_weights(cue, patterns):
    scores = naive.scores_of(cue, patterns, 0.125)
    return naive.masked_softmax(scores, sorted(range(len(scores)), key=lambda i: -scores[i])[: len(scores) // 5])


def linear_weights(cue, patterns):
    return naive.kernel_weights(cue, patterns, naive.elu_kernel)


@pytest.mark.parametrize(
    ("name", "weights_of"),
    [(DENSE, dense_weights), (SPARSE, sparse_weights), (TOP_20, top_weights), (LINEAR, linear_weights)],
)
def test_errors_are_those_of_loops_over_cues_and_patterns(digits, name, weights_of):
    patterns = digits.draw(RUN, 0, 20)
    errors, _ = images.outcome(digits, patterns, digits.half_masked(patterns), [name], RUN, 0)
    assert errors[0] == pytest.approx(naive_error(digits, weights_of, 20), rel=1e-10)


def test_masks_of_a_memory_leave_out_their_part(digits):
    patterns = digits.draw(RUN, 0, 50)
    for name, share in MASKED.items():
        weights = images.memory(name, patterns, 0.01, 5).weights(patterns)
        np.testing.assert_array_equal(np.count_nonzero(weights, axis=1), 50 - round(50 * share))


def test_successes_of_retrievals_made_by_hand():
    patterns = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [0.5, 0.6]])
    # exact; nearer to another; clipped to the same, and of the same direction; a little shorter
    states = np.array([[1.0, 0.0], [0.9, 0.2], [-9.0, -9.0], [0.4, 0.48]])
    np.testing.assert_array_equal(images.successes(states, patterns, 0.021), [0.75, 0.75, 0.75])
    np.testing.assert_array_equal(images.successes(states[:, ::-1], patterns, 0.021), [0.5, 0.75, 0.75])


def test_an_unknown_model_raises(digits):
    with pytest.raises(ValueError, match="name must be one of dense, .*, got 'window'"):
        images.memory(WINDOW, digits.draw(RUN, 0, 5), 1.0, 0)


def test_the_earlier_claim_takes_the_ratio_that_is_worst_by_its_tolerance():
    rng = np.random.default_rng(0)
    noisy_cell, sharp_cell = 2.0 + 2.0 * rng.standard_normal(400), 1.2 + 1e-3 * rng.standard_normal(400)
    ours = xr.DataArray(np.column_stack([noisy_cell, sharp_cell]), dims=("draw", "cell"))
    claim = images.earlier_claim("what", [1.9, 1.0], ours)
    assert claim.ours == pytest.approx(1.2, abs=1e-3)
    assert claim.tolerance == pytest.approx(earlier.SHARE, abs=1e-3)
    assert claim.verdict == "not reproduced"


def test_noise_is_the_same_in_a_column_of_the_public_code(digits):
    patterns = np.full((3, 64), 0.5)
    drawn = np.random.default_rng(1).standard_normal((3, 64))
    rows = noise.noisy(digits, patterns, drawn, 0.01, noise.BY_COLUMN).reshape(3, 8, 8)
    assert np.ptp(rows, axis=(0, 1)).max() == 0.0
    assert np.ptp(rows[0, 0]) > 0.0
    np.testing.assert_allclose(rows[0, 0], np.clip(np.abs(0.5 + 0.1 * drawn[0, :8]), 0, 1), rtol=1e-14)
    np.testing.assert_allclose(noise.noisy(digits, patterns, drawn, 0.25, noise.ADDED), 0.5 + 0.5 * drawn, rtol=1e-14)


def test_weight_leaks_only_where_a_mask_is_filled():
    patterns = np.random.default_rng(2).standard_normal((8, 20))
    options = images.association_options(MASKED_HALF, 3)
    real, published = published_code.real_and_published(patterns, 0.05, options)
    assert published_code.leaked(real, real, patterns).max() == 0.0
    seen = real.mask.patterns_of(8, 8)
    for i, leak in enumerate(published_code.leaked(real, published, patterns)):
        # kept scores are doubled, the others 0: weights by hand
        kept = np.exp(2 * 0.05 * patterns[seen[i]] @ patterns[i])
        assert leak == pytest.approx(4 / (4 + kept.sum()), rel=1e-12)


def test_what_is_true_is_never_violated_and_what_is_false_is(monkeypatch):
    monkeypatch.setitem(theory.N_CASES, "quick", 150)
    dataset = theory.EXPERIMENT.run(RUN)
    assert int(dataset.violations.sel(statement=list(theory.TRUE)).sum()) == 0
    assert np.all(dataset.violations.sel(statement=list(theory.FALSE)) > 0)
    assert set(theory.TRUE) | set(theory.FALSE) == set(theory.STATEMENTS)
    assert np.all(dataset.cases > 40)


def test_states_of_random_cases_are_in_the_ball_of_their_target():
    for seed in np.random.SeedSequence(4).spawn(50):
        case = theory.random_case(np.random.default_rng(seed))
        distances = np.linalg.norm(case.patterns - case.state, axis=1)
        assert np.argmin(distances) == case.target
        assert case.target in case.visible


def test_bounds_at_even_orders_are_not_far_above_the_errors_of_series():
    part = estimates._series(RUN).sel(order=[4, 8])
    ratio = part.series_error / part.series_bound
    assert 1e-3 < float(ratio.median()) < 1.0


@pytest.mark.parametrize("length", [24, 49, 96])
def test_counts_of_layers_are_those_of_loops(length):
    radius = int(np.sqrt(length))
    pairs = sum(abs(i - j) <= radius for i in range(length) for j in range(length))
    products = {
        DENSE: 2 * 4 * length**2,
        SPARSE: 2 * 4 * length**2,
        TOP_20: 4 * length**2 + 4 * length * (length // 5),
        MASKED_HALF: 2 * 4 * length * (length - round(0.5 * length)),
        WINDOW: 2 * 4 * pairs,
        RANDOM_FEATURE: 2 * length * 5 * (4 + 5),
        LINEAR: 2 * length * 4 * 5,
    }
    for name, each in products.items():
        assert efficiency.multiply_adds(name, length, False) == 16 * each
        assert efficiency.multiply_adds(name, length, True) == 16 * each + 4 * 4 * length * 256


def test_a_dense_layer_is_attention():
    rng = np.random.default_rng(5)
    x, weights = rng.random((2, 7, 16)), rng.standard_normal((4, 16, 16)) / 4
    cues, keys = x @ weights[0], x @ weights[1]
    values = keys @ weights[2]
    heads = [np.reshape(a, (2, 7, 4, 4)) for a in (cues, keys, values)]
    scores = np.einsum("bihd,bjhd->bhij", heads[0], heads[1]) / 2
    shares = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    expected = np.einsum("bhij,bjhd->bihd", shares, heads[2]).reshape(2, 7, 16) @ weights[3]
    np.testing.assert_allclose(efficiency.Layer(DENSE, weights)(x), expected, rtol=1e-11)


def test_slope_is_the_exponent_of_a_power():
    lengths = np.array([10.0, 20.0, 50.0, 100.0])
    values = xr.DataArray(3 * lengths**1.5, dims="length", coords={"length": lengths})
    values[0] = 1e9
    assert efficiency.slope(values, shortest=20) == pytest.approx(1.5, rel=1e-12)


def test_stored_patterns_grow_with_the_norm():
    few, many = (capacity._measured(8, norm, RUN) for norm in (0.75, 2.0))
    assert 2 * few < many
