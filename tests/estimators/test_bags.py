"""Bags, and their classification where it is known which instance decides."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from assocmem.estimators import Bags, HopfieldBagClassifier
from assocmem.learning.optimizers import AdamW
from assocmem.networks import SeparationAssociation
from assocmem.separations import KSubsets, Sparsemax

RNG = np.random.default_rng(6)
FAST = {"n_epochs": 15, "optimizer": AdamW(0.01), "embedding_size": 16, "threads": 1}


def keyed_bags(n, rng):
    """Bags of 1 to 6 instances; "yes" if one of them is near to a certain vector."""
    bags = [rng.standard_normal((rng.integers(1, 7), 5)) for _ in range(n)]
    labels = np.array(["no", "yes"])[rng.integers(0, 2, n)]
    for bag, label in zip(bags, labels, strict=True):
        if label == "yes":
            bag[rng.integers(len(bag))] = 3.0 + 0.1 * rng.standard_normal(5)
    return bags, labels


BAGS, LABELS = keyed_bags(120, RNG)
NEW_BAGS, NEW_LABELS = keyed_bags(200, RNG)
FITTED = HopfieldBagClassifier(**FAST).fit(BAGS, LABELS)


@pytest.mark.parametrize(
    "association", [None, SeparationAssociation(Sparsemax()), SeparationAssociation(KSubsets(2))], ids=str
)
def test_bags_with_a_key_instance_are_found(association):
    model = HopfieldBagClassifier(association, **FAST).fit(BAGS, LABELS)
    assert model.score(NEW_BAGS, NEW_LABELS) > 0.95


def test_probabilities_are_those_of_the_logits():
    probabilities = FITTED.predict_proba(NEW_BAGS)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(FITTED.predict(NEW_BAGS), FITTED.classes_[probabilities.argmax(axis=1)])
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-FITTED.decision_function(NEW_BAGS))), rtol=1e-12)


def test_order_and_company_of_instances_and_bags_do_not_matter():
    alone = [FITTED.decision_function([bag[::-1]])[0] for bag in NEW_BAGS[:20]]
    # single precision, with sums in other orders
    np.testing.assert_allclose(alone, FITTED.decision_function(NEW_BAGS)[:20], rtol=1e-4, atol=1e-4)


def test_shared_instances_are_the_same_as_copies():
    instances, members = RNG.standard_normal((30, 5)), RNG.integers(0, 30, (40, 4))
    bags, labels = Bags(instances, members), RNG.integers(0, 2, 40)
    settings = {**FAST, "n_epochs": 2, "is_standardized": False}
    shared = HopfieldBagClassifier(**settings).fit(bags, labels).decision_function(bags)
    copies = HopfieldBagClassifier(**settings).fit(instances[members], labels).decision_function(list(bags))
    np.testing.assert_array_equal(shared, copies)


def test_three_classes():
    labels = np.array([bag[:, 0].max() > 1 for bag in BAGS]).astype(int) + (np.array([len(bag) for bag in BAGS]) > 3)
    model = HopfieldBagClassifier(**FAST).fit(BAGS, labels)
    assert model.predict_proba(BAGS).shape == (120, 3)
    assert model.score(BAGS, labels) > 0.8


def test_early_stopping_keeps_the_best_epoch():
    settings = {**FAST, "n_epochs": 60, "validation_share": 0.3, "patience": 4, "scoring": "roc_auc"}
    model = HopfieldBagClassifier(**settings).fit(BAGS, LABELS)
    scores = model.history_.validation_score.values
    assert model.n_iter_ == model.best_epoch_ + 5 < 60
    assert scores[model.best_epoch_] == scores.max()


def test_scikit_learn_can_search_and_cross_validate():
    model = HopfieldBagClassifier(**{**FAST, "n_epochs": 8})
    assert cross_val_score(model, BAGS, LABELS, cv=3, scoring="roc_auc").mean() > 0.9
    search = GridSearchCV(model, {"n_heads": [1, 4]}, cv=2).fit(Bags.of(BAGS), LABELS)
    assert search.best_params_["n_heads"] in (1, 4)
    assert clone(FITTED).get_params()["embedding_size"] == 16


def test_bags_are_sequences_of_their_instances():
    bags = Bags.of(BAGS)
    assert len(bags) == 120
    np.testing.assert_array_equal(bags[7], BAGS[7])
    for found, expected in zip(bags[[3, 5]], [BAGS[3], BAGS[5]], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("bags", "message"),
    [
        ([np.ones((2, 3)), np.ones((0, 3))], "each bag must have at least one instance, got none in bag 1"),
        ([np.ones((2, 3)), np.ones((2, 4))], r"bag 1 must have shape \(instance, 3\), got \(2, 4\)"),
        ([np.ones(3)], r"bag 0 must have shape \(instance, feature\), got \(3,\)"),
        ([np.full((2, 3), np.nan)], "instances contains NaN"),
        ([], "bags must be arrays"),
        ("bags", "bags must be arrays"),
    ],
)
def test_bad_bags_are_refused(bags, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Bags.of(bags)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([[0, 5]], "members must be from 0 to 4, or -1, got 0 to 5"),
        ([[-1, -1]], "each bag must have at least one instance"),
        ([[-1, 0]], "members must not have an instance after a -1"),
        ([0, 1], "members must be integers"),
        ([[0.5]], "members must be integers"),
    ],
)
def test_bad_members_are_refused(members, message):
    with pytest.raises(ValueError, match=message):
        Bags(np.ones((5, 2)), np.array(members))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"association": "softmax"}, "association must be an Association, got"),
        ({"optimizer": "adam"}, "optimizer must be an AdamW or None"),
        ({"validation_share": 1.0}, r"validation_share must be in \[0, 1\), got 1.0"),
        ({"scoring": "f1"}, "scoring must be one of loss, roc_auc, accuracy, got 'f1'"),
        ({"patience": 3}, "validation must be given with patience"),
        ({"n_heads": 3}, "n_heads must divide n_units = 16"),
        ({"is_standardized": 1}, "is_standardized must be True or False"),
    ],
)
def test_bad_parameters_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        HopfieldBagClassifier(**{**FAST, **settings}).fit(BAGS, LABELS)


def test_bad_data_are_refused():
    with pytest.raises(ValueError, match="y must have a class for each of the 120 bags, got 5"):
        HopfieldBagClassifier().fit(BAGS, LABELS[:5])
    with pytest.raises(ValueError, match="y must have at least two classes, got 1 class"):
        HopfieldBagClassifier().fit(BAGS, ["yes"] * 120)
    with pytest.raises(NotFittedError):
        HopfieldBagClassifier().predict(BAGS)
    with pytest.raises(ValueError, match="X must have 5 features, as in fit, got 3"):
        FITTED.predict([np.ones((2, 3))])
