"""Memories of labelled rows and of bags: their logits, what is learned, and their estimators."""

import numpy as np
import pytest
from scipy.special import logsumexp

pytest.importorskip("sklearn")

from sklearn.metrics import roc_auc_score

from assocmem.estimators import AdaptiveHopfieldBagClassifier, AdaptiveHopfieldClassifier, Bags
from assocmem.estimators.adaptive import stratified_rows
from assocmem.estimators.bag_data import bags_with_key
from assocmem.learning.bag_memory import BagLoss, BagMemory, pooled
from assocmem.learning.class_memory import ClassMemory, fit_class_beta, fit_class_memory
from assocmem.similarities import AdaptiveSimilarity, DotProduct, SquaredDistance
from assocmem.similarities.ranks import feature_values

SORTED, UNSORTED, COMPLETE = ("sorted_dis", "sorted_dot"), ("dis", "dot"), ("dis", "dot", "lin")
LABELS = np.arange(12) % 3


def rows(n, n_units=5, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_units))


def crossed(n, seed, n_columns=8):
    """Rows whose class is the product of the signs of the means of the first two columns."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (n, 2))
    X = rng.standard_normal((n, n_columns))
    X[:, :2] += 2 * signs
    return X, signs.prod(axis=1) > 0


def naive_similarity(similarity, cue, pattern):
    """Score of one cue and one pattern, by sorting lists."""
    dis = [-((x - xi) ** 2) for x, xi in zip(cue, pattern, strict=True)]
    dot = [x * xi for x, xi in zip(cue, pattern, strict=True)]
    values = {"dis": dis, "dot": dot, "lin": list(pattern)}
    values |= {"sorted_dis": sorted(dis, reverse=True), "sorted_dot": sorted(dot, reverse=True)}
    return sum(
        w * v for name in similarity.features for w, v in zip(getattr(similarity, name), values[name], strict=True)
    )


def random_similarity(features, n_units=5, seed=7):
    weights = np.random.default_rng(seed).standard_normal((len(features), n_units))
    return AdaptiveSimilarity(**dict(zip(features, weights, strict=True)))


@pytest.mark.parametrize("features", [SORTED, UNSORTED, COMPLETE])
def test_logits_add_up_the_patterns_of_a_class(features):
    patterns, cues, similarity = rows(12), rows(4, seed=1), random_similarity(features)
    expected = [
        [
            np.log(sum(np.exp(0.7 * naive_similarity(similarity, x, patterns[k])) for k in range(12) if k % 3 == c))
            for c in range(3)
        ]
        for x in cues
    ]
    memory = ClassMemory(patterns, LABELS, similarity, beta=0.7)
    np.testing.assert_allclose(memory.logits(cues), expected, rtol=1e-10, atol=1e-10)  # other orders of sums
    np.testing.assert_array_equal(memory.decide(cues), np.argmax(expected, axis=1))


def class_loss(beta, patterns, labels, cues, classes):
    """Mean negative log-likelihood of classes by the squared distance, in plain loops."""
    losses = []
    for x, c in zip(cues, classes, strict=True):
        s = np.array([-beta * np.sum((x - xi) ** 2) for xi in patterns])
        losses.append(logsumexp(s) - logsumexp(s[labels == c]))
    return np.mean(losses)


def test_fitted_beta_is_the_best_of_a_scan():
    (patterns, labels), (cues, classes) = crossed(30, 0), crossed(30, 1)
    data = patterns, labels.astype(int), cues, classes.astype(int)
    beta = fit_class_beta(SquaredDistance(), *data, ridge=0.0)
    best = min(class_loss(b, *data) for b in np.geomspace(1e-3, 1e2, 80))
    assert class_loss(beta, *data) <= best + 1e-9  # rounding


@pytest.mark.parametrize("features", [SORTED, UNSORTED, COMPLETE, ("sorted_dot",), ("lin",)])
def test_learning_ends_no_worse_than_the_fixed_similarity(features):
    (patterns, labels), (cues, classes) = crossed(40, 0), crossed(120, 1)
    data = patterns, labels.astype(int), cues, classes.astype(int)
    fixed = SquaredDistance() if {"dis", "sorted_dis"} & set(features) else DotProduct()
    losses = []
    for kind in ({"features": features}, {"similarity": fixed}):
        logits = fit_class_memory(*data, **kind, ridge=0.0).logits(cues)
        losses.append(np.mean(logsumexp(logits, axis=1) - logits[np.arange(120), data[3]]))
    limit = np.log(2) if features == ("lin",) else losses[1]
    assert losses[0] <= limit + 1e-5  # features are float32


def test_learned_weights_tell_columns_with_information():
    X, y = crossed(900, 0)
    model = AdaptiveHopfieldClassifier(UNSORTED, n_memories=200, threads=1, tol=1e-3).fit(X, y)
    similarity = model.memory_.similarity
    slopes = 2 * similarity.dis + similarity.dot  # of products of units of cue and pattern
    assert slopes[:2].min() > 3 * np.abs(slopes[2:]).max()
    X, y = crossed(2000, 1)
    best = np.mean((X[:, 0] * X[:, 1] > 0) == y)
    assert model.score(X, y) > best - 0.03
    fixed = AdaptiveHopfieldClassifier(similarity=SquaredDistance(), n_memories=200, threads=1).fit(*crossed(900, 0))
    assert fixed.score(X, y) < best - 0.06


def test_sorted_similarities_do_not_know_columns():
    (X, y), (test, _) = crossed(200, 0), crossed(50, 1)
    order = np.random.default_rng(2).permutation(8)
    logits = [
        AdaptiveHopfieldClassifier(SORTED, n_iterations=30, threads=1).fit(X[:, o], y).decision_function(test[:, o])
        for o in (np.arange(8), order)
    ]
    np.testing.assert_allclose(*logits, rtol=1e-4, atol=1e-4)  # features are float32


def test_units_of_columns_have_no_effect():
    (X, y), (test, _) = crossed(200, 0), crossed(50, 1)
    scales = np.array([1e-3, 1, 10, 1e4, 1, 1, 2, 3])
    plain, scaled = (AdaptiveHopfieldClassifier(n_iterations=30, threads=1) for _ in range(2))
    expected = plain.fit(X, y).decision_function(test)
    found = scaled.fit(X * scales + 5, y).decision_function(test * scales + 5)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)  # features are float32


def test_stored_rows_are_drawn_from_all_classes():
    codes = np.repeat([0, 1, 2, 3], [60, 30, 9, 1])
    stored = stratified_rows(codes, 50, seed=1)
    np.testing.assert_array_equal(np.bincount(codes[stored]), [30, 15, 4, 1])
    assert len(np.unique(stored)) == len(stored)
    np.testing.assert_array_equal(np.bincount(codes[stratified_rows(codes, 10, seed=1)]), [6, 3, 1, 1])
    assert set(stratified_rows(codes, 50, seed=2)) != set(stored)


def test_memory_holds_the_stored_rows():
    X, y = crossed(100, 0)
    model = AdaptiveHopfieldClassifier(n_memories=30, n_iterations=5, threads=1).fit(X, y)
    expected = (X[model.stored_] - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(model.memory_.patterns, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(model.memory_.labels, y[model.stored_])


@pytest.mark.parametrize("features", [SORTED, COMPLETE])
def test_threads_have_no_effect(features):
    (X, y), (test, _) = crossed(150, 0), crossed(70, 1)
    one, two = (
        AdaptiveHopfieldClassifier(features, n_iterations=10, threads=n).fit(X, y).decision_function(test)
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_memories": 0}, ValueError, "n_memories must be an integer >= 1, got 0"),
        ({"features": ("dis", "other")}, ValueError, "features must be different ones of"),
        ({"features": "dis"}, TypeError, "features must be a tuple of names"),
        ({"ridge": -1.0}, ValueError, "ridge must be >= 0, got -1"),
        ({"similarity": "dot"}, TypeError, "similarity must be a Similarity, got 'dot'"),
        ({"is_standardized": 1}, TypeError, "is_standardized must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        AdaptiveHopfieldClassifier(**settings).fit(*crossed(40, 0))


def test_classes_of_one_row_each_are_refused():
    with pytest.raises(ValueError, match="y must have a class with at least two rows, got 3 rows of 3 classes"):
        AdaptiveHopfieldClassifier().fit(rows(3), [0, 1, 2])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(12, 1), "labels must be from 0 on, each of them at least once"),
        (np.zeros(3, dtype=int), r"labels must have shape \(12,\), got \(3,\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        ClassMemory(rows(12), labels, DotProduct())


# bags


IS_POSITIVE = np.arange(12) % 2 == 0
MEMBERS = np.array([[0, 1, 2, 3], [4, 5, -1, -1], [1, 6, 7, -1], [3, -1, -1, -1]])  # instances 1 and 3 twice
TARGETS = np.array([True, False, True, False])


@pytest.mark.parametrize("features", [SORTED, COMPLETE])
def test_logits_of_bags_are_those_of_loops(features):
    patterns, instances, similarity = rows(12), rows(8, seed=1), random_similarity(features)
    expected = []
    for bag in MEMBERS:
        odds = []
        for x in instances[bag[bag >= 0]]:
            e = np.exp([0.5 * naive_similarity(similarity, x, xi) for xi in patterns])
            odds.append(e[IS_POSITIVE].sum() / e[~IS_POSITIVE].sum())
        expected.append(1.7 * np.log(np.mean(odds)) - 0.3)
    memory = BagMemory(patterns, IS_POSITIVE, similarity, beta=0.5, scale=1.7, offset=-0.3)
    np.testing.assert_allclose(memory.logits(instances, MEMBERS), expected, rtol=1e-10, atol=1e-10)  # orders of sums


@pytest.mark.parametrize("features", [SORTED, UNSORTED, COMPLETE])
def test_gradients_of_the_loss_of_bags_are_differences(features):
    patterns, instances = (rows(n, seed=n).astype(np.float32) for n in (12, 8))
    loss = BagLoss(feature_values(features, instances, patterns, threads=1), IS_POSITIVE, MEMBERS, TARGETS)
    parameters = 0.4 * np.random.default_rng(3).standard_normal(loss.n_weights + 2)
    h = 1e-5
    expected = [
        (loss(parameters + step)[0] - loss(parameters - step)[0]) / (2 * h) for step in h * np.eye(len(parameters))
    ]
    found = loss(parameters)[1]
    assert np.abs(found).max() > 0.05
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)  # h^2 and rounding / h


def test_loss_of_bags_is_that_of_their_memory():
    patterns, instances = (rows(n, seed=n).astype(np.float32) for n in (12, 8))
    similarity = random_similarity(UNSORTED)
    loss = BagLoss(feature_values(UNSORTED, instances, patterns, threads=1), IS_POSITIVE, MEMBERS, TARGETS)
    logits = BagMemory(patterns, IS_POSITIVE, similarity, scale=2.0, offset=0.5).logits(instances, MEMBERS)
    expected = np.mean(np.log1p(np.exp(np.where(TARGETS, -logits, logits))))
    found, _ = loss(np.append(similarity.vector, [2.0, 0.5]))
    assert found == pytest.approx(expected, rel=1e-5)  # features are float32


def test_pooling_ignores_order_repetition_and_empty_places():
    values = np.array([0.3, -2.0, 1.1])
    members = np.array([[0, 1, 2, -1, -1, -1], [2, 0, 1, -1, -1, -1], [0, 0, 1, 1, 2, 2], [1, -1, -1, -1, -1, -1]])
    found = pooled(values, members)
    np.testing.assert_allclose(found[:3], np.log(np.mean(np.exp(values))), rtol=1e-14)
    assert found[3] == pytest.approx(-2.0, rel=1e-15)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([[0, 8]], "members must be from -1 to 7, got 0 to 8"),
        ([[0, 1], [-1, -1]], "members must be at least one in each bag, got none in 1"),
        ([[0.0, 1.0]], r"members must be integers \(bag, place\), got float64"),
    ],
)
def test_members_that_are_no_instances_are_refused(members, message):
    memory = BagMemory(rows(12), IS_POSITIVE, DotProduct())
    with pytest.raises(ValueError, match=message):
        memory.logits(rows(8), members)


def test_a_memory_of_one_kind_of_bags_is_refused():
    with pytest.raises(ValueError, match="is_positive must hold true and false, got True only"):
        BagMemory(rows(12), np.ones(12, dtype=bool), DotProduct())


def bags_of_numbers(n_bags, seed):
    """Bags that are positive if they hold a vector whose first two units are large together."""
    rng = np.random.default_rng(seed)
    instances = rng.standard_normal((400, 6))
    labels = np.arange(400) % 5
    instances[labels == 4, :2] += 4
    return bags_with_key(instances, labels, key=4, n_bags=n_bags, bag_size=5, seed=seed)


@pytest.mark.parametrize("kind", [{"features": UNSORTED}, {"features": SORTED}, {"similarity": SquaredDistance()}])
def test_bags_with_a_clear_key_are_told_apart(kind):
    (bags, signs), (test, test_signs) = bags_of_numbers(120, 0), bags_of_numbers(100, 1)
    model = AdaptiveHopfieldBagClassifier(**kind, n_memories=30, n_iterations=60, threads=1).fit(bags, signs)
    assert roc_auc_score(test_signs, model.decision_function(test)) > 0.9
    np.testing.assert_array_equal(model.predict(test), model.predict_proba(test)[:, 1] > 0.5)


def test_bags_are_classified_one_by_one_as_together_and_with_any_threads():
    bags, signs = bags_of_numbers(60, 0)
    one, two = (AdaptiveHopfieldBagClassifier(n_iterations=8, threads=n).fit(bags, signs) for n in (1, 2))
    expected = one.decision_function(bags)
    np.testing.assert_array_equal(two.decision_function(bags), expected)
    np.testing.assert_array_equal([one.decision_function(Bags.of([bag]))[0] for bag in bags], expected)


def test_stored_bags_are_half_of_each_class_at_most():
    bags, signs = bags_of_numbers(60, 0)
    model = AdaptiveHopfieldBagClassifier(n_memories=1000, n_iterations=2, threads=1).fit(bags, signs)
    assert np.bincount(signs[model.stored_].astype(int)).tolist() == [15, 15]
    assert len(model.memory_.patterns) == 30 * 5
    assert model.memory_.is_positive.sum() == 15 * 5


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(60) % 3, "y must have two classes with at least two bags each"),
        (np.arange(60) < 1, "y must have two classes with at least two bags each"),
        (np.arange(59) % 2, "y must have a class for each of the 60 bags, got 59"),
    ],
)
def test_classes_of_bags_that_do_not_fit_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveHopfieldBagClassifier().fit(bags_of_numbers(60, 0)[0], y)


def test_bags_with_other_features_are_refused():
    bags, signs = bags_of_numbers(60, 0)
    model = AdaptiveHopfieldBagClassifier(n_iterations=2, threads=1).fit(bags, signs)
    with pytest.raises(ValueError, match="X must have 6 features, as in fit, got 2"):
        model.predict(np.zeros((3, 4, 2)))
