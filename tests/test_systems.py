"""Systems as memories of signs: each stores and recalls, as the equations written out in NumPy or SciPy do."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import softmax

from assocmem import BalancedEI, systems
from assocmem.features import PositiveRandomFeatures
from assocmem.learning import NotStorableError, Stage, train_balanced_ei
from assocmem.masks import TopScores
from assocmem.variants import FlippedVariants
from tests import naive_push_pull as naive

N = 48
FEW = {
    "classical": systems.ClassicalSystem(),
    "pseudo_inverse": systems.ClassicalSystem("pseudo_inverse", "synchronous"),
    "balanced_ei": systems.BalancedEISystem(iterations=60, trains_recall=False),
    "push_pull": systems.PushPullSystem(group_size=1, push=0.0, pull=0.0),
    "cdam": systems.CDAMSystem(),
    "cdam_ring": systems.CDAMSystem(hetero_strength=0.5),
    "fenchel_young": systems.FenchelYoungSystem(),
    "nonparametric": systems.NonparametricSystem(TopScores(2)),
    "features": systems.FeatureSystem(PositiveRandomFeatures(512, seed=0), beta=0.125),
    "adaptive": systems.AdaptiveSystem(n_cues=300),
    "nearest": systems.NearestPattern(),
}
SYMMETRIC = ("classical", "pseudo_inverse", "cdam", "cdam_ring", "fenchel_young", "nonparametric", "nearest")


def signs(*shape, seed=0):
    return np.where(np.random.default_rng(seed).random(shape) < 0.5, -1.0, 1.0)


def flipped(patterns, n, seed=1):
    """Patterns with n units of each of the wrong sign."""
    cues, rng = patterns.copy(), np.random.default_rng(seed)
    for cue in cues:
        cue[rng.permutation(cue.size)[:n]] *= -1
    return cues


@pytest.mark.parametrize("name", FEW)
def test_few_patterns_are_recalled_from_cues_with_errors(name):
    patterns = signs(2, N)
    np.testing.assert_array_equal(FEW[name].recall(patterns, flipped(patterns, 3), 0), patterns)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_answers_turn_with_the_signs_of_units(name):
    patterns, gauge = signs(12, N), signs(N, seed=5)
    cues = flipped(patterns, 8)
    answers = FEW[name].recall(patterns, cues, 0)
    np.testing.assert_array_equal(FEW[name].recall(patterns * gauge, cues * gauge, 0), answers * gauge)


@pytest.mark.parametrize("name", FEW)
def test_systems_are_values_that_processes_can_exchange(name):
    copy = pickle.loads(pickle.dumps(FEW[name]))
    assert repr(copy) == repr(FEW[name])
    patterns = signs(2, N)
    np.testing.assert_array_equal(copy.recall(patterns, -patterns, 0), FEW[name].recall(patterns, -patterns, 0))


def test_classical_is_the_couplings_written_out():
    patterns = signs(9, N)
    couplings = sum(np.outer(p, p) for p in patterns)
    np.fill_diagonal(couplings, 0)
    cue = flipped(patterns, 9)[0]
    state, order = cue.copy(), np.random.default_rng(3).permutation(N)
    for _ in range(50):
        for i in order:
            potential = couplings[i] @ state
            state[i] = np.sign(potential) if potential else state[i]
    np.testing.assert_array_equal(systems.ClassicalSystem().recall(patterns, cue[None], 3)[0], state)


def test_balanced_ei_is_the_trained_flow_from_rates_of_the_cue():
    system = systems.BalancedEISystem(low=4.0, high=14.0, duration=150.0, trains_recall=False)
    patterns = signs(3, 24)
    cues = np.concatenate([flipped(patterns, n) for n in (3, 8, 9, 10)])  # also on the borders of basins
    schedule = (Stage(100, stop_below=-4.0),)
    trained = train_balanced_ei(np.where(patterns > 0, 14.0, 4.0), n_inhibitory=12, seed=2, schedule=schedule)
    network, inhibitory = trained.model, trained.potentials.values[:, 24:].mean(axis=0)
    expected = []
    for cue in cues:
        start = np.concatenate([network.activation.potential(np.where(cue > 0, 14.0, 4.0)), inhibitory])
        end = solve_ivp(lambda t, v: network.velocity(v), (0, 150.0), start, rtol=1e-8, atol=1e-8).y[:, -1]
        expected.append(np.sign(network.rate(end)[:24] - 9.0))
    np.testing.assert_array_equal(system.store(patterns, seed=2)(cues, 0), expected)


def test_training_of_recall_widens_basins():
    patterns = signs(8, 32)
    cues = np.concatenate([flipped(patterns, 5, seed) for seed in range(10)])
    plain, trained = (
        systems.BalancedEISystem(trains_recall=choice).recall(patterns, cues, 0) for choice in (False, True)
    )
    right = [(answers == np.tile(patterns, (10, 1))).mean(axis=1) >= 0.95 for answers in (plain, trained)]
    assert right[1].mean() > right[0].mean() + 0.05


def test_a_network_that_cannot_store_has_no_answer(monkeypatch):
    def refuse(*_, **__):
        raise NotStorableError("no weights")

    monkeypatch.setattr(systems, "train_balanced_ei", refuse)
    patterns = signs(3, N)
    assert not systems.BalancedEISystem().recall(patterns, patterns, 0).any()


def test_a_run_that_grows_without_bound_has_no_answer():
    network = BalancedEI(np.array([[0.0, 3.0, -0.1], [3.0, 0.0, -0.1], [0.1, 0.1, 0.0]]), 2)
    trained = SimpleNamespace(model=network, potentials=SimpleNamespace(values=np.full((1, 3), 10.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "train_balanced_ei", lambda *_, **__: trained)
        answer = systems.BalancedEISystem().recall(np.array([[1.0, -1.0]]), np.array([[1.0, -1.0]]), 0)
    np.testing.assert_array_equal(answer, [[0.0, 0.0]])


def test_push_pull_is_the_dense_equations():
    system = systems.PushPullSystem(group_size=2, push=0.8, pull=1.2, cue_strength=0.9, dt=0.1, end=20.0)
    patterns = signs(4, 30)
    parents = [[1.0 if a + b > 0 else -1.0 for a, b in zip(*patterns[k : k + 2], strict=True)] for k in (0, 2)]
    cue = flipped(patterns, 4)[1]
    levels = [naive.binary(patterns), naive.binary(np.array(parents))]
    network = naive.network_from_patterns(levels, (1.0, 2.0), (2.0,))
    h = [np.zeros(30), np.zeros(30)]
    for step in range(200):  # of 0.1: the push ends before step 50, the pull and the cue before step 100
        drive = 0.9 * naive.binary(cue) if step < 100 else 0.0
        change = naive.velocity(network, h, [drive, 0.0], [0.8 * (step < 50)], [1.2 * (50 <= step < 100)])
        h = [state + 0.1 * slope for state, slope in zip(h, change, strict=True)]
    np.testing.assert_array_equal(system.recall(patterns, cue[None], 0)[0], np.sign(h[0]))


@pytest.mark.parametrize("hetero", [0.0, 0.7])
def test_cdam_is_the_iteration_on_a_ring(hetero):
    system, patterns = systems.CDAMSystem(1.0, hetero, beta=0.3, eta=0.5, steps=7), signs(6, 20)
    state = flipped(patterns, 4)
    links = np.zeros((6, 6))
    for mu in range(6):
        links[mu, (mu + 1) % 6] = links[mu, (mu - 1) % 6] = 0.5  # symmetric normalisation of degree 2
    answer = system.recall(patterns, state, 0)
    for _ in range(7):
        weights = softmax(0.3 * state @ patterns.T, axis=1)
        target = weights @ patterns + hetero * weights @ links @ patterns - patterns.mean(axis=0)
        state = state + 0.5 * (target - state)
    np.testing.assert_array_equal(answer, np.sign(state + patterns.mean(axis=0)))


def test_nonparametric_is_softmax_over_the_best_scores():
    patterns = signs(9, N)
    cues = flipped(patterns, 15)
    answers = systems.NonparametricSystem(TopScores(3), beta=0.2).recall(patterns, cues, 0)
    for cue, answer in zip(cues, answers, strict=True):
        scores = patterns @ cue
        best = np.argsort(-scores, kind="stable")[:3]
        np.testing.assert_array_equal(answer, np.sign(softmax(0.2 * scores[best]) @ patterns[best]))


def test_adaptive_learns_the_decision_of_bayes():
    patterns, variants = signs(20, N), FlippedVariants(0.2)
    cues, _ = variants.sample(patterns, 400, seed=9)
    answers = systems.AdaptiveSystem(variants, n_cues=4000).recall(patterns, cues, 0)
    agrees = (answers == patterns[variants.decide(cues, patterns)]).all(axis=1)
    assert agrees.mean() > 0.97  # close calls are mixtures, whose signs may be those of no pattern


def test_nearest_pattern_is_the_one_with_fewest_differences():
    patterns, cues = signs(15, N), signs(40, N, seed=8)
    answers = systems.NearestPattern().recall(patterns, cues, 0)
    for cue, answer in zip(cues, answers, strict=True):
        distances = [np.count_nonzero(cue != p) for p in patterns]
        np.testing.assert_array_equal(answer, patterns[distances.index(min(distances))])


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (np.ones(4), "patterns must be a matrix of signs"),
        (np.zeros((2, 4)), "patterns must be of 1 and -1, got other values"),
    ],
    ids=["vector", "zeros"],
)
def test_patterns_that_are_no_signs_are_named(patterns, message):
    with pytest.raises(ValueError, match=message):
        systems.NearestPattern().store(patterns)


def test_cues_of_another_size_are_named():
    settle = systems.NearestPattern().store(signs(3, 8))
    with pytest.raises(ValueError, match=r"cues must have 8 units, got shape \(2, 7\)"):
        settle(signs(2, 7), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: systems.BalancedEISystem(low=5.0, high=4.0), "high must be above low = 5.0 Hz, got 4.0"),
        (lambda: systems.PushPullSystem(push_time=10.0), "push_time, pull_time and end must follow each other"),
        (lambda: systems.PushPullSystem(group_size=0), "group_size must be an integer >= 1"),
        (lambda: systems.AdaptiveSystem(n_cues=0), "n_cues must be an integer >= 1"),
    ],
    ids=["rates", "times", "group", "cues"],
)
def test_faulty_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
