"""Support vector memories: the optimum of libsvm and of a general optimiser, and what the optimum promises."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import SVR

from assocmem import NonparametricHopfield, SupportVectorMemory
from assocmem.features import EluFeatures

RNG = np.random.default_rng(7)
PATTERNS = RNG.standard_normal((12, 6))
PATTERNS /= np.linalg.norm(PATTERNS, axis=1, keepdims=True)
KEYS = PATTERNS + 0.1 * RNG.standard_normal(PATTERNS.shape)
CUES = RNG.standard_normal((5, 6))
SETTINGS = [(0.05, 0.01), (0.05, 0.1), (1.0, 0.0), (1.0, 0.05), (100.0, 0.01)]


def objective(dual, target, gram, epsilon):
    return target @ dual - 0.5 * dual @ gram @ dual - epsilon * np.abs(dual).sum()


def optimum(target, gram, penalty, epsilon):
    """Dual coefficients by a general optimiser, the positive and negative parts as separate variables."""
    n = len(target)

    def loss(parts):
        c = parts[:n] - parts[n:]
        gradient = gram @ c - target
        value = 0.5 * c @ gram @ c - target @ c + epsilon * parts.sum()
        return value, np.concatenate([gradient, -gradient]) + epsilon

    options = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(
        loss, np.zeros(2 * n), jac=True, bounds=[(0, penalty)] * (2 * n), method="L-BFGS-B", options=options
    )
    return found.x[:n] - found.x[n:]


@pytest.mark.parametrize("kernel", ["exponential", "linear"])
@pytest.mark.parametrize(("penalty", "epsilon"), SETTINGS)
def test_with_an_intercept_it_is_what_libsvm_finds(penalty, epsilon, kernel):
    options = {"kernel": kernel, "beta": 1.0, "penalty": penalty, "epsilon": epsilon, "has_intercept": True}
    model = SupportVectorMemory(PATTERNS, KEYS, **options)
    products = KEYS @ KEYS.T, CUES @ KEYS.T
    gram, cross = products if kernel == "linear" else map(np.exp, products)
    for unit, target in enumerate(PATTERNS.T):
        other = SVR(kernel="precomputed", C=penalty, epsilon=epsilon, tol=1e-9).fit(gram, target)
        dual = np.zeros(12)
        dual[other.support_] = other.dual_coef_[0]
        assert model.dual_objective[unit] == pytest.approx(objective(dual, target, gram, epsilon), rel=1e-8)
        if epsilon > 0:  # the intercept is unique; libsvm holds kernel values as float32, times coefficients up to C
            np.testing.assert_allclose(model.update(CUES)[:, unit], other.predict(cross), atol=1e-4)


@pytest.mark.parametrize(("penalty", "epsilon"), SETTINGS)
def test_without_an_intercept_it_is_the_optimum(penalty, epsilon):
    model = SupportVectorMemory(PATTERNS, KEYS, beta=1.0, penalty=penalty, epsilon=epsilon)
    gram = np.exp(KEYS @ KEYS.T)
    np.testing.assert_allclose(model.gram, gram, rtol=1e-14)
    for unit, target in enumerate(PATTERNS.T):
        other = objective(optimum(target, gram, penalty, epsilon), target, gram, epsilon)
        assert model.dual_objective[unit] >= other - 1e-12
        assert model.dual_objective[unit] == pytest.approx(other, rel=1e-5)  # of the other optimiser
    np.testing.assert_array_equal(model.intercept, 0)
    np.testing.assert_allclose(model.update(CUES), np.exp(CUES @ KEYS.T) @ model.dual, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("has_intercept", [False, True])
@pytest.mark.parametrize(("penalty", "epsilon"), SETTINGS)
def test_coefficients_fulfil_the_conditions_of_the_optimum(penalty, epsilon, has_intercept):
    options = {"penalty": penalty, "epsilon": epsilon, "has_intercept": has_intercept, "tol": 1e-9}
    model = SupportVectorMemory(PATTERNS, KEYS, beta=1.0, **options)
    residual, dual = PATTERNS - model.update(KEYS), model.dual
    assert np.all(np.abs(dual) <= penalty)
    inside, is_free = np.abs(residual) < epsilon - 1e-8, (dual != 0) & (np.abs(dual) < penalty)
    assert np.all(dual[inside] == 0)
    np.testing.assert_allclose(residual[is_free], np.sign(dual[is_free]) * epsilon, atol=1e-8)
    assert np.all(residual[dual == penalty] >= epsilon - 1e-8)
    assert np.all(residual[dual == -penalty] <= -epsilon + 1e-8)
    if has_intercept:
        np.testing.assert_allclose(dual.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("has_intercept", [False, True])
def test_keys_are_retrieved_up_to_epsilon_if_errors_are_dear(has_intercept):
    model = SupportVectorMemory(PATTERNS, KEYS, beta=1.0, penalty=100.0, epsilon=0.01, has_intercept=has_intercept)
    assert np.abs(model.update(KEYS) - PATTERNS).max() == pytest.approx(0.01, abs=1e-8)
    # the estimate that the paper puts in its place is far from that
    assert np.abs(NonparametricHopfield(PATTERNS, KEYS, beta=1.0).update(KEYS) - PATTERNS).max() > 0.5


def test_the_linear_kernel_without_slack_is_the_pseudo_inverse():
    patterns = RNG.standard_normal((4, 9))
    model = SupportVectorMemory(patterns, kernel="linear", beta=1.0, epsilon=0.0, penalty=1e4, tol=1e-11)
    cues = RNG.standard_normal((3, 9))
    np.testing.assert_allclose(model.update(cues), cues @ np.linalg.pinv(patterns) @ patterns, atol=1e-9)


def test_features_give_the_kernel():
    model = SupportVectorMemory(PATTERNS, KEYS, kernel=EluFeatures(), beta=0.25, epsilon=0.05, penalty=2.0)
    phi = EluFeatures()
    np.testing.assert_allclose(model.gram, phi(0.5 * KEYS) @ phi(0.5 * KEYS).T, rtol=1e-13)
    np.testing.assert_allclose(model.update(CUES), phi(0.5 * CUES) @ phi(0.5 * KEYS).T @ model.dual, rtol=1e-12)


def test_it_is_the_same_on_any_number_of_threads(monkeypatch):
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("ASSOCMEM_THREADS", threads)
        found.append(SupportVectorMemory(PATTERNS, KEYS, beta=1.0).dual)
    np.testing.assert_array_equal(found[0], found[1])


def test_it_takes_part_in_the_protocol():
    model = SupportVectorMemory(PATTERNS, KEYS, beta=1.0)
    run = model.retrieve(CUES, steps=2)
    np.testing.assert_array_equal(run.state, model.update(model.update(CUES)))
    assert np.all(np.isnan(run.energy))
    np.testing.assert_array_equal(run.winner, (run.state.values @ KEYS.T).argmax(axis=1))
    assert np.all(run.support_size == np.count_nonzero(model.dual.any(axis=1)))


def test_a_solver_that_gives_up_says_so():
    with pytest.raises(
        RuntimeError, match=r"the regression of unit \d still violates its conditions by .* after 3 updates"
    ):
        SupportVectorMemory(PATTERNS, KEYS, most_updates=3).update(CUES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": KEYS[1:]}, r"keys must have the shape of the patterns \(12, 6\), got \(11, 6\)"),
        ({"kernel": "gaussian"}, "kernel must be one of .* or a FeatureMap, got 'gaussian'"),
        ({"epsilon": -0.1}, "epsilon must be >= 0, got -0.1"),
        ({"penalty": 0.0}, "penalty must be > 0, got 0.0"),
        ({"tol": 0.0}, "tol must be > 0, got 0.0"),
        ({"most_updates": 0}, "most_updates must be an integer >= 1, got 0"),
    ],
)
def test_bad_memories_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SupportVectorMemory(**({"patterns": PATTERNS} | change))


def test_bad_calls_are_refused():
    model = SupportVectorMemory(PATTERNS, KEYS)
    with pytest.raises(ValueError, match=r"states must have shape \(..., 6\), got \(5, 5\)"):
        model.update(CUES[:, 1:])
    with pytest.raises(ValueError, match="states must have finite kernel values, got others in row 0"):
        model.update(np.full(6, 1e4) @ np.diag(np.sign(KEYS[0])))
    with pytest.raises(ValueError, match="kernel values must be finite"):
        _ = SupportVectorMemory(1e3 * PATTERNS).dual
    with pytest.raises(ValueError, match="has no energy"):
        model.energy(CUES)
    with pytest.raises(ValueError, match="has no weights of patterns"):
        model.retrieve(CUES, steps=1, weights=True)
    with pytest.raises(TypeError, match="has_intercept must be True or False, got 1"):
        SupportVectorMemory(PATTERNS, has_intercept=1)
