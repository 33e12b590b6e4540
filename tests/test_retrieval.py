"""Retrieval: both engines against loops and each other, published artefacts, limits, and what labels it."""

import json

import numpy as np
import pytest
import xarray as xr

from assocmem.analysis.cdam_theory import limiting_correlations
from assocmem.graphs import ring
from assocmem.models.cdam import CDAM
from assocmem.retrieval import retrieve, scan_strengths
from tests import naive_cdam

READ_OUTS = ("correlation", "mean_activity", "std_activity", "weights", "attractor_correlation")


def memory(patterns, *, a=0.5, h=0.5, **options):
    return CDAM(patterns, ring(len(patterns)), auto_strength=a, hetero_strength=h, **options)


def standard_setting(seed=1, n_units=1000):
    """Patterns and cues of the paper's experiments."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((30, n_units))
    return patterns, patterns + rng.uniform(-0.5, 0.5, patterns.shape)


@pytest.fixture
def small(rng):
    patterns = rng.random((6, 40))
    return patterns, patterns[[0, 1, 4]] + rng.uniform(-0.5, 0.5, size=(3, 40))


def assert_same(one, two, atol, names=READ_OUTS):
    for name in names:
        np.testing.assert_allclose(one[name].values, two[name].values, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("softmax", ["stable", "legacy"])
@pytest.mark.parametrize("engine", ["reduced", "full"])
def test_read_outs_match_the_loop(engine, softmax, small):
    patterns, cues = small
    model = memory(patterns, a=-0.3, h=0.9, beta=0.4, softmax=softmax)
    ds = retrieve(model, cues, steps=10, eta=0.2, every=5, engine=engine)
    kind = naive_cdam.legacy_softmax if softmax == "legacy" else naive_cdam.softmax
    options = {"eta": 0.2, "auto": -0.3, "hetero": 0.9, "beta": 0.4, "weights": kind}
    states = [naive_cdam.run(cue, patterns, model.links, 10, **options)[::5] for cue in cues]
    # a few steps that each at most double differences of 1e-15
    close = {"rtol": 0, "atol": 1e-11}
    for ours, theirs in zip(ds.transpose("trajectory", "time", ...).correlation.values, states, strict=True):
        expected = [naive_cdam.pattern_correlations(state, patterns) for state in theirs]
        np.testing.assert_allclose(ours, expected, **close)
    weights = [[kind(0.4 * naive_cdam.similarities(x, patterns)) for x in rows] for rows in states]
    np.testing.assert_allclose(ds.weights, weights, **close)
    np.testing.assert_allclose(ds.mean_activity, np.mean(states, axis=2), **close)
    np.testing.assert_allclose(ds.std_activity, np.std(states, axis=2), **close)
    final = [rows[-1] for rows in states]
    np.testing.assert_allclose(ds.attractor_correlation, naive_cdam.attractor_correlations(final), **close)
    np.testing.assert_array_equal(ds.winner, [naive_cdam.winners(rows, patterns) for rows in states])


@pytest.mark.parametrize(("a", "h"), [(1.0, 0.0), (0.5, 0.5)])
def test_engines_agree_where_the_dynamics_are_not_chaotic(a, h):
    patterns, cues = standard_setting()
    model = memory(patterns, a=a, h=h)
    reduced, full = (retrieve(model, cues, engine=engine, every=10) for engine in ("reduced", "full"))
    assert_same(reduced, full, atol=1e-12)  # nothing grows; sums of 1000 terms
    np.testing.assert_array_equal(reduced.winner, full.winner)


def test_engines_agree_in_statistics_where_the_dynamics_are_chaotic():
    patterns, cues = standard_setting()
    model = memory(patterns, a=-2.0, h=3.0)
    next_to = ring(30) > 0
    means = []
    for engine in ("reduced", "full"):
        correlation = retrieve(model, cues, engine=engine, every=None).attractor_correlation.values
        means.append(correlation[next_to].mean())
    # the correlation of neighbours has a standard deviation of 0.3 in a network, of a mean of 30 pairs 0.05
    assert means[0] == pytest.approx(means[1], abs=4 * np.sqrt(2) * 0.05)


def test_published_quiescence_is_an_artefact_of_its_softmax():
    patterns, cues = standard_setting()
    options = {"a": -2.5, "h": 1.0}
    for engine in ("reduced", "full"):
        ds = retrieve(memory(patterns, softmax="legacy", **options), cues, every=None, engine=engine).isel(time=0)
        # Burns (2024), fig. 10, last column: all weights are 1, so the state is p (a + h - 1/p) times the mean pattern
        np.testing.assert_array_equal(ds.weights.sum("pattern"), 30.0)
        expected = -(30 * 1.5 + 1.0) * patterns.mean()
        # of the cue, 0.9^100 = 3e-5 is left
        np.testing.assert_allclose(ds.mean_activity, expected, rtol=1e-4)
        np.testing.assert_allclose(ds.std_activity, 46.0 * patterns.mean(axis=0).std(), rtol=1e-4)
        # a pattern has a part of 1/p in the mean pattern
        np.testing.assert_allclose(ds.correlation.mean("pattern"), -1 / np.sqrt(30), atol=0.01)
    exact = retrieve(memory(patterns, **options), cues, every=None).isel(time=0)
    np.testing.assert_allclose(exact.weights.sum("pattern"), 1.0, rtol=1e-13)
    assert float(exact.mean_activity.mean()) == pytest.approx(-1.25, abs=0.05)


@pytest.mark.parametrize(("a", "h"), [(1.0, 0.0), (0.5, 0.5)])
def test_correlations_approach_those_of_very_many_units(a, h):
    patterns, cues = standard_setting(n_units=20_000)
    ds = retrieve(memory(patterns, a=a, h=h), cues, every=None, steps=120).isel(time=0)
    limit = limiting_correlations(memory(patterns).links, auto_strength=a, hetero_strength=h)
    # standard error 1 / sqrt(n); the largest of 900 numbers is within 4.5 of them
    assert_same(ds, limit, atol=4.5 / np.sqrt(20_000), names=("correlation", "attractor_correlation"))


def test_first_steps_of_auto_association():
    patterns, cues = standard_setting()
    correlation = retrieve(memory(patterns, a=1.0, h=0.0), cues, steps=1).correlation.values
    own = correlation[np.arange(30), :, np.arange(30)].mean(axis=0)
    # the noise has the variance of the patterns; after one step pattern and noise have the amplitudes 1 and 0.9,
    # with a tenth of the mean pattern taken off
    weights = 1.0 - 0.1 / 30
    second = weights / np.sqrt(weights**2 + 0.9**2 + 29 * (0.1 / 30) ** 2)
    np.testing.assert_allclose(own, [np.sqrt(0.5), second], atol=4 / np.sqrt(30 * 1000))


def test_every_trajectory_may_have_its_own_strengths(small):
    patterns, cues = small
    strengths = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    together = retrieve(memory(patterns), cues, strengths=strengths, steps=20)
    full = retrieve(memory(patterns), cues, strengths=strengths, steps=20, engine="full")
    assert_same(together, full, atol=1e-12)  # nothing grows
    for k, (a, h) in enumerate(strengths):
        one = retrieve(memory(patterns, a=a, h=h), cues[k], steps=20).isel(trajectory=0)
        assert_same(together.isel(trajectory=k), one, atol=1e-12, names=READ_OUTS[:4])


def test_one_pair_of_strengths_is_for_all(small):
    patterns, cues = small
    ds = retrieve(memory(patterns), cues, strengths=(1.0, 0.2), steps=5)
    assert_same(ds, retrieve(memory(patterns, a=1.0, h=0.2), cues, steps=5), atol=0.0)


def test_last_record_alone_is_that_of_the_whole_run(small):
    patterns, cues = small
    whole = retrieve(memory(patterns), cues, steps=12, every=4)
    last = retrieve(memory(patterns), cues, steps=12, every=None)
    np.testing.assert_array_equal(whole.time, [0, 4, 8, 12])
    np.testing.assert_array_equal(last.time, [12])
    assert_same(whole.isel(time=[-1]), last, atol=0.0)


@pytest.mark.parametrize("engine", ["reduced", "full"])
@pytest.mark.parametrize("own", [False, True])
def test_a_trajectory_has_the_same_bits_alone_and_on_any_number_of_threads(own, engine):
    patterns, cues = standard_setting(n_units=100)
    model = memory(patterns, a=-2.0, h=3.0)
    strengths = np.tile([-2.0, 3.0], (30, 1)) if own else None
    options = {"engine": engine, "every": 25}
    one, two = (retrieve(model, cues, strengths=strengths, threads=threads, **options) for threads in (1, 2))
    xr.testing.assert_identical(one.drop_attrs(), two.drop_attrs())
    alone = retrieve(model, cues[7:8], strengths=None if strengths is None else strengths[7:8], **options)
    assert_same(one.isel(trajectory=[7]), alone, atol=0.0, names=READ_OUTS[:4])


def test_attractor_correlations_are_symmetric_with_ones_on_the_diagonal(small):
    correlation = retrieve(memory(small[0]), small[1], every=None).attractor_correlation.values
    np.testing.assert_allclose(np.diagonal(correlation), 1.0, rtol=1e-15)
    np.testing.assert_allclose(correlation, correlation.T, rtol=0, atol=1e-14)


@pytest.mark.parametrize("engine", ["reduced", "full"])
def test_states_without_variance_have_no_correlation(engine):
    patterns = np.array([[0.0, 1.0, 0.5, 0.25], [1.0, 0.0, 0.5, 0.25]])
    model = CDAM(patterns, np.zeros((2, 2)), auto_strength=0.0, hetero_strength=0.0, mean_coefficient=0.0)
    ds = retrieve(model, np.full(4, 0.5), steps=2, engine=engine)
    assert np.all(np.isnan(ds.correlation)) and np.all(np.isnan(ds.attractor_correlation))
    np.testing.assert_array_equal(ds.winner, -1)


def test_a_scan_over_strengths_is_one_retrieval_for_each():
    patterns, cues = standard_setting()
    model, strengths = memory(patterns), np.array([[1.0, 0.0], [0.5, 0.5], [0.7, 0.1]])
    scan = scan_strengths(model, cues[:11], strengths)
    np.testing.assert_array_equal(scan.auto_strength, strengths[:, 0])
    np.testing.assert_array_equal(scan.hetero_strength, strengths[:, 1])
    for k, pair in enumerate(strengths):
        one = retrieve(model, cues[:11], strengths=pair, every=None).isel(time=0)
        assert_same(scan.isel(setting=k), one, atol=1e-12)  # nothing grows
        np.testing.assert_array_equal(scan.winner.isel(setting=k), one.winner)


def test_a_setting_has_the_same_bits_in_every_scan():
    patterns, cues = standard_setting(n_units=100)
    strengths = np.column_stack([np.linspace(-2.5, 1.0, 40), np.ones(40)])
    whole = scan_strengths(memory(patterns), cues, strengths, threads=2)
    part = scan_strengths(memory(patterns), cues[5:9], strengths[3:4], threads=1)
    assert_same(whole.isel(setting=[3], trajectory=slice(5, 9)), part, atol=0.0, names=READ_OUTS[:4])


def test_the_result_tells_what_it_came_from(small, tmp_path):
    patterns, cues = small
    ds = retrieve(memory(patterns, beta=0.7), cues, steps=5, eta=0.2)
    assert (ds.attrs["parameter_beta"], ds.attrs["eta"], ds.attrs["steps"]) == (0.7, 0.2, 5)
    provenance = json.loads(ds.attrs["provenance"])
    assert provenance["model"]["patterns"]["shape"] == [6, 40] and provenance["settings"]["engine"] == "reduced"
    ds.to_netcdf(tmp_path / "retrieval.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "retrieval.nc", engine="h5netcdf") as loaded:
        xr.testing.assert_equal(loaded, ds)


def test_cues_are_left_alone(small):
    patterns, cues = small
    before = cues.copy()
    retrieve(memory(patterns), cues, steps=3)
    retrieve(memory(patterns), cues, steps=3, engine="full")
    np.testing.assert_array_equal(cues, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "fast"}, "engine must be one of reduced, full, got 'fast'"),
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"eta": 0.0}, "eta must be > 0, got 0.0"),
        ({"eta": 1.1}, r"eta must be in \(0, 1\], got 1.1"),
        ({"every": 0}, "every must be an integer >= 1, got 0"),
        ({"threads": 0}, "threads must be an integer >= 1, got 0"),
        ({"strengths": np.ones((2, 2))}, r"strengths must have shape \(2,\) or \(3, 2\), got \(2, 2\)"),
        ({"strengths": (np.nan, 1.0)}, "strengths must be finite, got 1 other values"),
        ({"cues": np.ones((3, 39))}, r"cues must have shape \(40,\) or \(trajectory, 40\), got \(3, 39\)"),
        ({"cues": np.full((3, 40), np.inf)}, "cues must be finite, got 120 other values"),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ["reduced", "full"])
def test_bad_arguments_are_named(engine, options, message, small):
    arguments = {"cues": small[1], "engine": engine, **options}
    with pytest.raises(ValueError, match=message):
        retrieve(memory(small[0]), **arguments)


def test_bad_scans_are_named(small):
    model = memory(small[0])
    with pytest.raises(ValueError, match=r"strengths must have shape \(setting, 2\), got \(2,\)"):
        scan_strengths(model, small[1], [1.0, 0.0])
    with pytest.raises(ValueError, match="eta must be > 0, got -1"):
        scan_strengths(model, small[1], [[1.0, 0.0]], eta=-1)


def test_other_models_are_refused(small):
    model = memory(small[0])
    for function, arguments in ((retrieve, (small[1],)), (scan_strengths, (small[1], [[1.0, 0.0]]))):
        with pytest.raises(TypeError, match="model must be a CDAM, got CDAMMap"):
            function(model.map(0.1), *arguments)
