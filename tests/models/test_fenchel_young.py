"""Hopfield-Fenchel-Young networks: equal to double loops, energies that descend, exact retrieval at the margin."""

import json

import numpy as np
import pytest
import xarray as xr

from assocmem import DivergedError, HopfieldFenchelYoung
from assocmem.analysis.energy import audit_energy
from assocmem.separations import (
    ConstrainedSparsemax,
    Entmax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
)
from assocmem.transformations import Identity, L2Normalization, LayerNormalization, RMSNormalization, Sign, Tanh
from tests import naive_fenchel_young as naive
from tests import naive_separations

SEPARATIONS = {
    "softmax": (Softmax(), naive_separations.softmax),
    "entmax 1.5": (Entmax(1.5), lambda t: naive_separations.entmax(t, 1.5)),
    "sparsemax": (Sparsemax(), lambda t: naive_separations.entmax(t, 2.0)),
    "normmax 2": (Normmax(2.0), lambda t: naive_separations.normmax(t, 2.0)),
    "normmax 5": (Normmax(5.0), lambda t: naive_separations.normmax(t, 5.0)),
    "2-subsets": (KSubsets(2), lambda t: naive_separations.k_subsets(t, 2)),
    "pairs": (
        SequentialKSubsets(2, transition=0.5),
        lambda t: naive_separations.sequential_k_subsets(np.array(t), 2, 0.5)[0],
    ),
    "top 3": (TopK(3), lambda t: naive_separations.top_k_softmax(t, 3)),
    "linear": (Linear(), naive.linear_separation().apply),
    "power 4": (Power(4, is_rectified=False), naive.power_separation(4).apply),
    "rectified 5": (Power(5), naive.rectified_separation(5).apply),
    "exponential": (Exponential(0.3), naive.exponential_separation(0.3).apply),
}
POSTS = {
    "identity": (Identity(), naive.identity_post()),
    "sign": (Sign(), naive.sign_post()),
    "tanh": (Tanh(0.7), naive.tanh_post(0.7)),
    "l2": (L2Normalization(1.5), naive.l2_post(1.5)),
    "rms": (RMSNormalization(0.8), naive.rms_post(0.8)),
    "layer": (LayerNormalization(1.2, 0.3), naive.layer_norm_post(1.2, 0.3)),
    "layer, published": (LayerNormalization(epsilon=1e-5), naive.layer_norm_post(eps=1e-5)),
}
ON_SIMPLEX = ("softmax", "entmax 1.5", "sparsemax", "normmax 2", "normmax 5", "2-subsets", "pairs", "top 3")
RNG = np.random.default_rng(20241108)
PATTERNS, CUES = RNG.standard_normal((9, 6)), RNG.standard_normal((7, 6))


def network(separation="sparsemax", post="identity", *, beta=0.8, patterns=PATTERNS):
    return HopfieldFenchelYoung(patterns, separation=SEPARATIONS[separation][0], beta=beta, post=POSTS[post][0])


# updates and energies


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize("separation", SEPARATIONS)
def test_updates_are_those_of_double_loops(separation, post):
    model, oracle = network(separation, post), POSTS[post][1]
    for cue, found in zip(CUES, model.update(CUES), strict=True):
        mixture = naive.hfy_update(cue, model.patterns, SEPARATIONS[separation][1], 0.8)
        is_clear = np.abs(mixture) > 1e-12 if post == "sign" else np.full(6, True)  # a sum of signs may be 0
        expected = np.array(oracle.apply(mixture))
        # sums in another order
        np.testing.assert_allclose(found[is_clear], expected[is_clear], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("post", POSTS)
def test_projections_are_applied_to_patterns_and_cues(post):
    model, oracle = network(post=post), POSTS[post][1]
    if not model.post.is_projection:
        np.testing.assert_array_equal(model.patterns, PATTERNS)
        return
    expected = [oracle.apply(x) for x in PATTERNS]
    np.testing.assert_allclose(model.patterns, expected, rtol=1e-14, atol=1e-15)
    start = model.retrieve(CUES, steps=1, every=1).state[:, 0]
    np.testing.assert_allclose(start, [oracle.apply(q) for q in CUES], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("separation", "omega"),
    [
        ("softmax", lambda p: naive_separations.tsallis(p, 1.0)),
        ("entmax 1.5", lambda p: naive_separations.tsallis(p, 1.5)),
        ("sparsemax", lambda p: naive_separations.tsallis(p, 2.0)),
        ("normmax 2", lambda p: naive_separations.norm_negentropy(p, 2.0)),
        ("normmax 5", lambda p: naive_separations.norm_negentropy(p, 5.0)),
    ],
)
def test_energies_are_differences_of_fenchel_young_losses(separation, omega):
    model, oracle = network(separation), SEPARATIONS[separation][1]
    for cue, found in zip(CUES, model.energy(CUES), strict=True):
        assert found == pytest.approx(naive.sparse_energy_by_loss(cue, PATTERNS, omega, oracle, 0.8), rel=1e-12)
    assert model.energy(np.zeros(6)) == pytest.approx(0.5 * np.square(PATTERNS).sum(axis=1).max(), rel=1e-14)


def test_the_energy_of_softmax_is_that_of_modern_hopfield_networks():
    beta, largest = 0.8, np.square(PATTERNS).sum(axis=1).max()
    lse = np.log(np.exp(beta * CUES @ PATTERNS.T).sum(axis=1)) / beta
    expected = -lse + 0.5 * np.square(CUES).sum(axis=1) + np.log(9) / beta + 0.5 * largest
    np.testing.assert_allclose(network("softmax").energy(CUES), expected, rtol=1e-13)


@pytest.mark.parametrize("separation", ["softmax", "entmax 1.5", "sparsemax", "normmax 2", "normmax 5"])
def test_energies_of_mixtures_are_bounded(separation):
    model = network(separation, beta=2.0)
    mixtures = np.random.default_rng(0).dirichlet(np.full(9, 0.3), 200) @ PATTERNS
    largest = np.square(PATTERNS).sum(axis=1).max()
    uniform = model.separation.negentropy(np.full(9, 1 / 9))
    energy = model.energy(mixtures)
    assert np.all(energy >= 0)
    assert np.all(energy <= min(2 * largest, -uniform / 2.0 + 0.5 * largest) + 1e-12)


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize("separation", SEPARATIONS)
def test_energy_never_rises(separation, post):
    if post == "identity" and separation not in ON_SIMPLEX:
        pytest.skip("states grow without bound")
    cues = np.clip(CUES, -1, 1) if post == "tanh" else CUES  # where the energy is finite
    run = network(separation, post).retrieve(cues, steps=30, every=1)
    audit = audit_energy(run.energy[:, 1:] if post == "layer, published" else run.energy, rtol=1e-12)
    assert audit.is_descending.all(), float(audit.largest_rise.max())


def test_published_tenth_powers_raise_the_energy():
    patterns = np.random.default_rng(1).standard_normal((12, 8))
    model = HopfieldFenchelYoung(patterns, separation=Power(11, is_rectified=False), post=Tanh(0.1))
    run = model.retrieve(np.random.default_rng(2).uniform(-1, 1, (40, 8)), steps=10, every=1)
    assert float(audit_energy(run.energy).largest_rise.max()) > 1e-3


@pytest.mark.parametrize("post", ["identity", "l2", "tanh", "layer"])
def test_the_gradient_of_the_energy_leads_to_the_update(post):
    model, h = network("entmax 1.5", post), 1e-6
    if post == "identity":
        slopes = [(model.energy(CUES + h * e) - model.energy(CUES - h * e)) / (2 * h) for e in np.eye(6)]
        np.testing.assert_allclose(np.transpose(slopes), CUES - model.update(CUES), atol=1e-8)
    else:  # the energy is infinite off the domain of Psi, but its concave part has the same gradient
        weights = model.weights(CUES)
        value = [
            model.separation.conjugate(0.8 * (CUES + h * e) @ model.patterns.T)
            for e in np.vstack([-np.eye(6), np.eye(6)])
        ]
        slopes = (np.array(value[6:]) - np.array(value[:6])) / (2 * h * 0.8)
        np.testing.assert_allclose(slopes.T, weights @ model.patterns, atol=1e-7)


# exact retrieval


@pytest.mark.parametrize("separation", ["entmax 1.5", "sparsemax", "normmax 2", "normmax 5"])
@pytest.mark.parametrize("beta", [0.2, 0.5, 1.0])
def test_patterns_are_fixed_if_and_only_if_they_are_separate_enough(separation, beta):
    patterns = np.random.default_rng(5).standard_normal((15, 10))
    model = network(separation, beta=beta, patterns=patterns)
    is_apart = model.separation_of_patterns >= model.separation.margin / beta
    is_fixed = np.all(model.update(patterns) == patterns, axis=1)
    np.testing.assert_array_equal(is_fixed, is_apart)
    assert beta != 0.5 or separation != "sparsemax" or 0 < is_fixed.sum() < 15


@pytest.mark.parametrize("separation", ["entmax 1.5", "sparsemax", "normmax 5"])
def test_retrieval_takes_one_update_from_where_the_gap_is_large_enough(separation):
    patterns = np.random.default_rng(5).standard_normal((15, 20))
    model, cues = (
        network(separation, patterns=patterns),
        patterns + 1.2 * np.random.default_rng(6).standard_normal((15, 20)),
    )
    gaps = [naive.one_step_gap(q, patterns, i) for i, q in enumerate(cues)]
    is_exact = np.array(gaps) >= model.separation.margin / model.beta
    assert 2 < is_exact.sum() < 15
    np.testing.assert_array_equal(np.all(model.update(cues) == patterns, axis=1), is_exact)


@pytest.mark.parametrize("post", ["l2", "layer", "rms"])
def test_normalised_patterns_that_are_separate_enough_are_fixed(post):
    patterns = np.random.default_rng(8).standard_normal((10, 40))
    model = network("sparsemax", post, beta=2.0, patterns=patterns)
    is_apart = model.separation_of_patterns >= 0.5
    assert is_apart.sum() > 5
    # normalising once more may round the last place
    np.testing.assert_allclose(model.update(model.patterns)[is_apart], model.patterns[is_apart], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("k", [2, 3])
def test_sums_of_separate_enough_patterns_are_fixed(k):
    patterns = np.random.default_rng(3).standard_normal((8, 200)) / np.sqrt(20)
    model = HopfieldFenchelYoung(patterns, separation=KSubsets(k), beta=1.0)
    for subset in ([0, 1, 2][:k], [5, 1, 7][:k]):
        y = np.isin(np.arange(8), subset).astype(float)
        t = patterns @ (y @ patterns)
        is_exact = t[y == 1].min() - t[y == 0].max() >= 1.0
        assert is_exact == np.allclose(model.update(y @ patterns), y @ patterns, rtol=1e-13, atol=1e-13)
        assert is_exact


# the protocol


def test_trajectories_stop_where_they_are_steady():
    patterns = np.random.default_rng(5).standard_normal((9, 20))
    run = network("sparsemax", patterns=patterns).retrieve(patterns + 0.1, steps=50)
    assert np.all(run.status == 1) and np.all(run.residual == 0.0)
    np.testing.assert_array_equal(run.winner, np.arange(9))
    np.testing.assert_array_equal(run.state, patterns)
    assert np.all(run.n_steps == 1) and np.all(run.support_size == 1)


def test_the_number_of_steps_counts_those_that_changed_something():
    model = network("entmax 1.5")
    run = model.retrieve(CUES, steps=200, tol=1e-8)
    for cue, count in zip(CUES, run.n_steps.values, strict=True):
        path = model.retrieve(cue, steps=int(count) + 1, every=1).state[0]
        change = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert change[-1] <= 1e-8 < change[-2]


def test_a_run_that_is_too_short_is_not_steady():
    run = network("softmax").retrieve(CUES, steps=2)
    assert np.all(run.status == 0) and np.all(run.n_steps == 2) and np.all(run.residual > 0)


def test_records_are_the_states_on_the_way():
    model, states = network("softmax"), [CUES]
    for _ in range(6):
        states.append(model.update(states[-1]))
    run = model.retrieve(CUES, steps=6, every=2)
    np.testing.assert_array_equal(run.time, [0, 2, 4, 6])
    np.testing.assert_array_equal(run.state, np.stack(states[::2], axis=1))
    np.testing.assert_allclose(run.energy, np.stack([model.energy(y) for y in states[::2]], axis=1), rtol=1e-14)


def test_read_outs_belong_to_the_last_states():
    model = network("entmax 1.5")
    run = model.retrieve(CUES, steps=5, weights=True)
    scores = run.state.values @ PATTERNS.T
    np.testing.assert_allclose(run.weights, model.separation.weights(0.8 * scores), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(run.winner, run.weights.argmax("pattern"))
    np.testing.assert_array_equal(run.support_size, (run.weights > 0).sum("pattern"))
    ordered = np.sort(scores, axis=1)
    np.testing.assert_allclose(run.margin, ordered[:, -1] - ordered[:, -2], rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.energy, model.energy(run.state.values), rtol=1e-14)


@pytest.mark.parametrize("post", ["identity", "l2", "layer", "rms", "layer, published"])
@pytest.mark.parametrize("separation", ["softmax", "sparsemax", "2-subsets"])
def test_both_engines_agree(separation, post):
    model = network(separation, post)
    units, gram = (model.retrieve(CUES, steps=30, every=1, engine=engine) for engine in ("units", "gram"))
    # thirty updates of sums in another order
    np.testing.assert_allclose(gram.state, units.state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gram.energy, units.energy, rtol=0, atol=1e-11)
    if separation == "sparsemax":
        np.testing.assert_array_equal(gram.winner, units.winner)


@pytest.mark.parametrize("engine", ["units", "gram"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_depend_neither_on_threads_nor_on_the_other_trajectories(engine, dtype):
    rng = np.random.default_rng(0)
    patterns, cues = rng.standard_normal((40, 30)).astype(dtype), rng.standard_normal((300, 30)).astype(dtype)
    model = HopfieldFenchelYoung(patterns, separation=Entmax(1.5), beta=0.3)
    options = {"steps": 20, "engine": engine, "weights": True}
    whole = model.retrieve(cues, threads=1, **options)
    assert whole.state.dtype == dtype
    variables = list(whole.data_vars)
    xr.testing.assert_equal(whole, model.retrieve(cues, threads=2, **options))
    for rows in (slice(0, 1), slice(3, 120)):
        part = model.retrieve(cues[rows], threads=1, **options)
        for name in variables:
            np.testing.assert_array_equal(part[name], whole[name][rows], err_msg=name)


def test_single_precision_agrees_with_double():
    patterns, cues = PATTERNS.astype(np.float32), CUES.astype(np.float32)
    single = network("entmax 1.5", "layer", patterns=patterns).retrieve(cues, steps=20)
    double = network("entmax 1.5", "layer", patterns=patterns.astype(float)).retrieve(cues, steps=20)
    np.testing.assert_allclose(single.state, double.state, rtol=0, atol=1e-4)


def test_relabelled_units_and_patterns_are_only_relabelled():
    rng = np.random.default_rng(0)
    units, order = rng.permutation(6), rng.permutation(9)
    one = network("sparsemax").retrieve(CUES, steps=10)
    other = network("sparsemax", patterns=PATTERNS[order][:, units]).retrieve(CUES[:, units], steps=10)
    np.testing.assert_allclose(other.state, one.state[:, units], rtol=0, atol=1e-13)
    np.testing.assert_array_equal(order[other.winner], one.winner)


def test_a_result_goes_through_netcdf(tmp_path):
    run = network().retrieve(xr.DataArray(CUES.T, dims=("unit", "trajectory")), steps=5, every=1, weights=True)
    assert json.loads(run.attrs["provenance"])["settings"]["cues"] == CUES.tolist()
    run.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), run)
    assert json.loads(run.attrs["provenance"])["model"]["separation"]["type"] == "Sparsemax"
    assert run.attrs["steps"] == 5 and run.attrs["parameter_beta"] == 0.8


def test_patterns_may_be_labelled():
    labelled = xr.DataArray(PATTERNS.T, dims=("unit", "pattern"))
    np.testing.assert_array_equal(HopfieldFenchelYoung(labelled).patterns, PATTERNS)


def test_classical_memories_hold_few_patterns_and_dense_ones_many():
    patterns = np.sign(np.random.default_rng(0).standard_normal((60, 100)))

    def n_stable(separation, n):
        model = HopfieldFenchelYoung(patterns[:n], separation=separation, post=Sign())
        return int(np.all(model.update(patterns[:n]) == patterns[:n], axis=1).sum())

    assert n_stable(Linear(), 4) == 4
    assert n_stable(Linear(), 60) < 30
    assert n_stable(Power(4, is_rectified=False), 60) == 60
    assert n_stable(Exponential(1.0), 60) == 60


def test_states_that_grow_without_bound_are_reported():
    model = network("exponential", "identity")
    with pytest.raises(
        DivergedError, match="trajectory .* diverged in update .*: its state is no longer finite"
    ) as info:
        model.retrieve(CUES, steps=50)
    assert info.value.parameters["separation"]["rate"] == 0.3
    run = model.retrieve(CUES, steps=50, on_divergence="mark")
    assert np.any(run.status == 2) and np.all(run.winner.values[run.status == 2] == -1)


# bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"patterns": np.zeros(3)}, ValueError, r"patterns must be a matrix \(pattern, unit\), got shape \(3,\)"),
        ({"patterns": np.array([[1.0, np.nan]])}, ValueError, "patterns must be finite, got 1 other values"),
        ({"beta": 0.0}, ValueError, "beta must be > 0, got 0.0"),
        ({"beta": -1.0}, ValueError, "beta must be > 0, got -1.0"),
        ({"separation": "softmax"}, TypeError, "separation must be a Separation, got 'softmax'"),
        ({"post": np.tanh}, TypeError, "post must be a PostTransformation"),
        ({"separation": KSubsets(10)}, ValueError, "k must be at most the number of patterns, 9, got 10"),
        ({"separation": ConstrainedSparsemax(np.ones(4))}, ValueError, r"upper must have shape \(9,\)"),
        (
            {"patterns": np.diag([1.0, 0.0]), "post": L2Normalization()},
            ValueError,
            "norm > 0 to be normalised.* pattern 1",
        ),
        ({"patterns": np.ones((2, 3)), "post": LayerNormalization()}, ValueError, "variance > 0 to be normalised"),
    ],
)
def test_bad_networks_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        HopfieldFenchelYoung(**({"patterns": PATTERNS} | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cues": np.zeros(5)}, r"cues must have shape \(6,\) or \(trajectory, 6\), got \(5,\)"),
        ({"cues": np.full(6, np.inf)}, "cues must be finite, got 6 other values"),
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"tol": -1.0}, "tol must be >= 0, got -1.0"),
        ({"every": 0}, "every must be an integer >= 1, got 0"),
        ({"engine": "fast"}, "engine must be one of units, gram, got 'fast'"),
        ({"on_divergence": "ignore"}, "on_divergence must be 'raise' or 'mark', got 'ignore'"),
        ({"threads": 0}, "threads must be an integer >= 1, got 0"),
    ],
)
def test_bad_runs_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        network().retrieve(**({"cues": CUES} | change))


def test_engines_and_states_that_do_not_fit():
    with pytest.raises(ValueError, match="engine 'gram' needs a post-transformation that is linear but for a norm"):
        network(post="tanh").retrieve(CUES, engine="gram")
    with pytest.raises(ValueError, match=r"states must have shape \(..., 6\), got \(7,\)"):
        network().update(np.zeros(7))
    with pytest.raises(ValueError, match="states must be finite"):
        network().energy(np.full(6, np.nan))


@pytest.mark.parametrize("steps", [2, 3])
def test_states_without_finite_scores_count_as_diverged(steps):
    memory = HopfieldFenchelYoung(np.random.default_rng(0).random((3, 4)), separation=Exponential())
    found = memory.retrieve(memory.patterns, steps=steps, on_divergence="mark")  # after 2 updates only scores overflow
    assert found.status.values.tolist() == [2, 2, 2]
    assert found.winner.values.tolist() == [-1, -1, -1]
    with pytest.raises(DivergedError, match="trajectory 0 diverged in update 3"):
        memory.retrieve(memory.patterns, steps=steps)
