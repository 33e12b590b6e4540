"""Patterns: moments, determinism, rank preservation, corruption, and what bad input gets."""

import importlib

import numpy as np
import pytest
import xarray as xr

from assocmem import images
from assocmem.patterns import (
    corrupt,
    digit_patterns,
    lognormal_patterns,
    pattern_correlation,
    photograph_patterns,
    rank_remap,
)


@pytest.fixture
def patterns():
    return lognormal_patterns(6, 50, seed=3)


def test_lognormal_moments():
    rates = lognormal_patterns(200, 500, mean=5.0, sd=2.0, seed=0)
    standard_error = 2.0 / np.sqrt(rates.size)
    assert abs(float(rates.mean()) - 5.0) < 4 * standard_error  # 4 sigma
    assert float(rates.std()) == pytest.approx(2.0, rel=0.03)  # kurtosis 5: relative error of the sd 0.5 %
    assert float(np.log(rates).mean()) == pytest.approx(np.log(5) - np.log(1.16) / 2, abs=0.005)  # 4 sigma


def test_lognormal_rates_are_labelled_in_hertz(patterns):
    assert patterns.dims == ("pattern", "unit")
    assert patterns.attrs["units"] == "Hz"
    assert float(patterns.min()) > 0


def test_equal_seeds_give_equal_patterns_and_others_do_not(patterns):
    xr.testing.assert_identical(patterns, lognormal_patterns(6, 50, seed=3))
    assert not np.allclose(patterns, lognormal_patterns(6, 50, seed=4))


@pytest.mark.parametrize("make", [photograph_patterns, digit_patterns], ids=lambda f: f.__name__)
@pytest.mark.parametrize("decorrelate", [None, "whiten", "project"])
def test_image_patterns_have_the_lognormal_marginal(make, decorrelate):
    pytest.importorskip("sklearn")
    made = make(10, n_units=40, seed=1, decorrelate=decorrelate)
    assert made.shape == (10, 40)
    np.testing.assert_allclose(made.mean("unit"), 5.0, rtol=1e-12)  # exact by construction
    assert float(made.min()) > 0
    xr.testing.assert_identical(made, make(10, n_units=40, seed=1, decorrelate=decorrelate))


@pytest.mark.parametrize(("source", "package"), [("scikit-learn", "sklearn"), ("scikit-image", "skimage")])
def test_photographs_of_other_packages(source, package):
    pytest.importorskip(package)
    assert photograph_patterns(4, 36, seed=0, source=source).shape == (4, 36)


def test_whitening_removes_the_correlation_of_digits():
    pytest.importorskip("sklearn")
    raw = digit_patterns(20, seed=0).attrs["mean_correlation"]
    white = digit_patterns(20, seed=0, decorrelate="whiten").attrs["mean_correlation"]
    assert raw > 0.2
    assert abs(white) < 0.1


def test_whitened_patches_have_unit_covariance():
    patches = np.random.default_rng(0).normal(size=(400, 3)) @ np.array([[2, 1, 0], [0, 1, 0.5], [0, 0, 1]])
    white = images.whitened(patches)
    # the floor adds 0.1 % of the largest variance to every direction
    np.testing.assert_allclose(np.cov(white, rowvar=False, bias=True), np.eye(3), atol=0.02)


def test_digits_come_in_turn():
    pytest.importorskip("sklearn")
    np.testing.assert_array_equal(digit_patterns(12, seed=5).digit, [*range(10), 0, 1])


def test_tiles_cover_the_image_without_overlap():
    image = np.arange(24.0).reshape(4, 6)
    patches = images.tiles(image, (2, 3))
    np.testing.assert_array_equal(patches[0], [0, 1, 2, 6, 7, 8])
    np.testing.assert_array_equal(np.sort(patches.ravel()), np.arange(24))


def test_block_mean_averages_blocks_and_drops_the_rest():
    image = np.arange(20.0).reshape(4, 5)
    np.testing.assert_array_equal(images.block_mean(image, 2), [[3, 5], [13, 15]])


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (7, (1, 7)), (40, (5, 8)), (100, (10, 10))])
def test_nearly_square_shape(n, shape):
    assert images.nearly_square(n) == shape


def test_rank_remap_keeps_the_order():
    values = np.random.default_rng(0).normal(size=(3, 30))
    remapped = rank_remap(values, mean=5.0, sd=5.0)
    np.testing.assert_array_equal(np.argsort(values), np.argsort(remapped))


def test_rank_remap_gives_equal_values_equal_rates_and_keeps_the_mean():
    remapped = rank_remap([[0, 0, 0, 2, 1, 0]], mean=4.0, sd=2.0)[0]
    assert len(set(remapped[[0, 1, 2, 5]])) == 1
    assert remapped.mean() == pytest.approx(4.0, rel=1e-12)


def test_rank_remap_approaches_the_sd_with_the_number_of_units():
    remapped = rank_remap(np.arange(20000.0)[np.newaxis], mean=5.0, sd=5.0)
    assert remapped.std() == pytest.approx(5.0, rel=0.01)  # variance lost in the last 1/20000 of the tail


def test_rank_remap_refuses_nan():
    with pytest.raises(ValueError, match=r"values must be a finite .*, not empty, got shape \(2, 0\)"):
        rank_remap(np.ones((2, 0)), mean=5.0, sd=5.0)
    with pytest.raises(TypeError, match="values must be real"):
        rank_remap([[1j, 2.0]], mean=5.0, sd=5.0)
    with pytest.raises(ValueError, match="values must be a finite"):
        rank_remap([[0.0, np.nan]], mean=5.0, sd=5.0)


def test_no_noise_returns_the_patterns(patterns):
    cues = corrupt(patterns, noise=0.0, n_cues=2, seed=0)
    assert cues.dims == ("pattern", "cue", "unit")
    np.testing.assert_array_equal(cues.isel(cue=1), patterns)


def test_additive_noise_has_the_stated_size():
    flat = xr.DataArray(np.tile([100.0, 120.0], (4, 50)), dims=("pattern", "unit"))  # sd 10, floor never met
    cues = corrupt(flat, noise=0.5, n_cues=100, seed=1)
    assert float((cues - flat).std()) == pytest.approx(5.0, rel=0.015)  # 40000 draws: 4 sigma = 1.4 %


def test_cues_never_fall_below_the_floor(patterns):
    assert float(corrupt(patterns, noise=3.0, n_cues=5, seed=1).min()) == 0.01


def test_resampling_changes_the_stated_number_of_units(patterns):
    cues = corrupt(patterns, fraction=0.3, n_cues=7, seed=1)
    assert int((cues != patterns).sum("unit").max()) <= 15
    assert int((cues != patterns).sum("unit").min()) >= 13  # a draw hits its own value with probability 1/300
    assert np.isin(cues, patterns).all()


def test_cues_depend_on_the_seed_only(patterns):
    xr.testing.assert_identical(
        corrupt(patterns, noise=1.0, n_cues=2, seed=1), corrupt(patterns, noise=1.0, n_cues=2, seed=1)
    )
    assert not np.allclose(
        corrupt(patterns, noise=1.0, n_cues=2, seed=1), corrupt(patterns, noise=1.0, n_cues=2, seed=2)
    )


def test_pattern_correlation_is_pearson(patterns):
    correlation = pattern_correlation(patterns)
    rates = patterns.to_numpy()
    np.testing.assert_allclose(correlation[0, 1], np.corrcoef(rates[0], rates[1])[0, 1], rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_patterns": 0}, ValueError, "n_patterns must be an integer >= 1, got 0"),
        ({"n_units": 2.0}, TypeError, "n_units must be an integer >= 1, got 2.0"),
        ({"mean": -1.0}, ValueError, "mean must be a finite number > 0 Hz, got -1.0"),
        ({"sd": np.nan}, ValueError, "sd must be a finite number > 0 Hz, got nan"),
        ({"sd": 1e200}, ValueError, r"sd must be at most 1e\+100 times the mean of 5 Hz, got 1e\+200"),
        ({"seed": 1.5}, TypeError, "seed must be an integer >= 0, got 1.5"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    call = {"n_patterns": 3, "n_units": 4, "seed": 0} | arguments
    with pytest.raises(error, match=message):
        lognormal_patterns(**call)
    with pytest.raises(error, match=message):
        photograph_patterns(**call)


def test_unknown_choices_list_the_known_ones():
    with pytest.raises(ValueError, match="source must be one of 'matplotlib', .* got 'web'"):
        photograph_patterns(2, 9, seed=0, source="web")
    with pytest.raises(ValueError, match="decorrelate must be one of None, 'whiten', 'project', got 'pca'"):
        photograph_patterns(2, 9, seed=0, decorrelate="pca")


def test_too_many_patches_says_how_many_there_are():
    with pytest.raises(ValueError, match="n_patterns must be at most .*; use a smaller pixel_size"):
        photograph_patterns(10**6, 40, seed=0)


def test_too_many_digits_says_how_many_there_are():
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match="n_patterns must be at most 1740"):
        digit_patterns(1741, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give exactly one of noise and fraction"),
        ({"noise": 0.1, "fraction": 0.1}, "give exactly one of noise and fraction"),
        ({"noise": -0.1}, "noise must be a finite number >= 0"),
        ({"fraction": 1.1}, r"fraction must be in \[0, 1\], got 1.1"),
        ({"noise": 0.1, "n_cues": 0}, "n_cues must be an integer >= 1"),
    ],
)
def test_bad_corruption_is_refused(patterns, arguments, message):
    with pytest.raises(ValueError, match=message):
        corrupt(patterns, seed=0, **arguments)


def test_corrupt_wants_finite_labelled_patterns(patterns):
    with pytest.raises(TypeError, match="patterns must be a DataArray"):
        corrupt(patterns.to_numpy(), noise=0.1, seed=0)
    with pytest.raises(ValueError, match="dimensions"):
        corrupt(patterns.rename(unit="cell"), noise=0.1, seed=0)
    with pytest.raises(ValueError, match="all finite"):
        corrupt(patterns.where(patterns.unit > 0), noise=0.1, seed=0)


def test_a_missing_package_names_the_extra(monkeypatch):
    def refuse(name, *args, **kwargs):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ImportError, match=r"scikit-learn, .* pip install 'assocmem\[data\]'"):
        digit_patterns(3, seed=0)
    with pytest.raises(ImportError, match=r"scikit-image, .* pip install 'assocmem\[data\]'"):
        photograph_patterns(3, 9, seed=0, source="scikit-image")
