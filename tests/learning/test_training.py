"""Training on problems whose solution is known; its determinism, stops, checkpoints and errors."""

import numpy as np
import pytest

from assocmem.errors import DivergedError
from assocmem.learning.lbfgs import train_lbfgs
from assocmem.learning.losses import cross_entropy, logistic_loss, squared_error
from assocmem.learning.optimizers import AdamW, Cosine
from assocmem.learning.training import Samples, outputs_of, train
from assocmem.networks import Chain, Dropout, Flatten, HopfieldPooling, LinearMap, SeparationAssociation

RNG = np.random.default_rng(5)
X = RNG.standard_normal((200, 3))
Y = X @ RNG.standard_normal((3, 2)) + [0.5, -1.0]
LINE = Chain({"line": LinearMap(3, 2, is_input=True)})
BAGS = Samples(RNG.standard_normal((150, 6, 4)), RNG.integers(0, 2, 150), np.arange(6) < RNG.integers(1, 7, (150, 1)))
POOL = Chain(
    {
        "pool": HopfieldPooling(4, n_heads=2, association=SeparationAssociation(masked_share=0.3)),
        "drop": Dropout(0.2),
        "flat": Flatten(),
        "out": LinearMap(4, 1),
    }
)
SETTINGS = {"n_epochs": 3, "batch_size": 100, "seed": 1, "threads": 1}


def test_linear_regression_finds_the_line():
    optimizer = AdamW(0.05, weight_decay=0.0, schedule=Cosine())
    found = train(LINE, Samples(X, Y), squared_error, n_epochs=200, batch_size=50, optimizer=optimizer, dtype=float)
    solution, *_ = np.linalg.lstsq(np.c_[X, np.ones(200)], Y)
    arrays = found.parameters.arrays()
    np.testing.assert_allclose(np.c_[arrays["line.weights"], arrays["line.bias"]], solution.T, atol=1e-3)
    assert found.history.loss[-1] < 1e-6


def test_a_batch_of_several_chunks_has_the_mean_gradient():
    big = train(LINE, Samples(X, Y), squared_error, n_epochs=1, batch_size=200, optimizer=AdamW(1e-9), dtype=float)
    start = LINE.initial(np.random.default_rng(np.random.SeedSequence(0, spawn_key=())))
    errors = X @ start["line.weights"].T + start["line.bias"] - Y
    assert float(big.history.loss[0]) == pytest.approx((errors**2).mean(), rel=1e-12)
    moved = big.parameters.arrays()["line.weights"] - start["line.weights"]
    np.testing.assert_array_equal(np.sign(moved), -np.sign(errors.T @ X))


@pytest.mark.parametrize("network", [POOL], ids=["pooling"])
def test_threads_do_not_change_a_bit(network):
    runs = [train(network, BAGS, logistic_loss, **{**SETTINGS, "threads": threads}) for threads in (1, 3)]
    np.testing.assert_array_equal(runs[0].parameters.values, runs[1].parameters.values)
    np.testing.assert_array_equal(runs[0].history.loss, runs[1].history.loss)
    outputs = [outputs_of(network, runs[0].parameters, BAGS, threads=threads) for threads in (1, 3)]
    np.testing.assert_array_equal(*outputs)


def test_another_seed_is_another_run():
    one, two = (train(POOL, BAGS, logistic_loss, **{**SETTINGS, "seed": seed}) for seed in (1, 2))
    assert np.all(one.history.loss != two.history.loss)


def test_a_table_of_instances_is_the_same_as_the_instances():
    table, places = RNG.standard_normal((20, 4)), RNG.integers(0, 20, (150, 6))
    runs = [
        train(POOL, samples, logistic_loss, **SETTINGS)
        for samples in (Samples(places, BAGS.targets, table=table), Samples(table[places], BAGS.targets))
    ]
    np.testing.assert_array_equal(runs[0].parameters.values, runs[1].parameters.values)


def test_a_run_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path):
    settings = {**SETTINGS, "validation": BAGS.take(slice(0, 40)), "optimizer": AdamW(0.01)}
    whole = train(POOL, BAGS, logistic_loss, **settings)
    path = tmp_path / "run.npz"
    calls = []

    def interrupting(outputs, targets):
        calls.append(len(outputs))
        if len(calls) > 9:  # two chunks and the validation in each epoch of two batches
            raise KeyboardInterrupt
        return logistic_loss(outputs, targets)

    interrupting.__name__ = "logistic_loss"
    with pytest.raises(KeyboardInterrupt):
        train(POOL, BAGS, interrupting, checkpoint=path, **settings)
    resumed = train(POOL, BAGS, logistic_loss, checkpoint=path, **settings)
    np.testing.assert_array_equal(resumed.parameters.values, whole.parameters.values)
    assert resumed.history.identical(whole.history)


@pytest.mark.parametrize(
    "change",
    [{"seed": 9}, {"validation": BAGS}, {"score": max}, {"n_epochs": 4}],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change):
    path = tmp_path / "run.npz"
    train(POOL, BAGS, logistic_loss, checkpoint=path, **SETTINGS)
    with pytest.raises(ValueError, match="checkpoint must belong to a run with the same arguments"):
        train(POOL, BAGS, logistic_loss, checkpoint=path, **{**SETTINGS, **change})


def test_the_best_epoch_is_kept_and_patience_ends_the_run():
    values = iter([0.5, 0.9, 0.7, 0.9, 0.1, 0.1, 0.1])
    found = train(
        POOL,
        BAGS,
        logistic_loss,
        validation=BAGS,
        score=lambda outputs, targets: next(values),
        patience=3,
        **{**SETTINGS, "n_epochs": 7},
    )
    assert found.best_epoch == 1
    assert found.history.validation_score.values.tolist() == [0.5, 0.9, 0.7, 0.9, 0.1]
    two = train(POOL, BAGS, logistic_loss, **{**SETTINGS, "n_epochs": 2})
    np.testing.assert_array_equal(found.parameters.values, two.parameters.values)


def test_without_a_score_the_least_loss_is_best():
    found = train(LINE, Samples(X, Y), squared_error, validation=Samples(X, Y), optimizer=AdamW(2.0), **SETTINGS)
    assert found.best_epoch == np.argmin(found.history.validation_loss.values)


def test_divergence_is_reported_with_its_epoch():
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(DivergedError, match="diverged in epoch 1") as caught,
    ):
        train(LINE, Samples(X, Y), squared_error, optimizer=AdamW(1e30), **SETTINGS)
    assert caught.value.time == 1.0


def test_classes_are_learned():
    targets = np.argmax(X, axis=1)
    network = Chain({"a": LinearMap(3, 3, is_input=True)})
    found = train(network, Samples(X, targets), cross_entropy, n_epochs=60, optimizer=AdamW(0.1))
    outputs = outputs_of(network, found.parameters, Samples(X))
    assert (outputs.argmax(axis=1) == targets).mean() > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_epochs": 0}, "n_epochs must be an integer >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1"),
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"threads": 0}, "threads must be an integer >= 1"),
        ({"patience": 2}, "validation must be given with patience"),
        ({"progress": "yes"}, "progress must be True or False"),
        ({"checkpoint": "/nowhere/run.npz"}, "checkpoint must be a file in a folder that exists"),
    ],
)
def test_bad_arguments_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        train(LINE, Samples(X, Y), squared_error, **{**SETTINGS, **settings})


def test_samples_must_not_be_empty():
    with pytest.raises(ValueError, match="samples must hold at least one item"):
        train(LINE, Samples(X[:0], Y[:0]), squared_error, **SETTINGS)


def test_lbfgs_finds_the_ridge_solution():
    found = train_lbfgs(LINE, Samples(X, Y), squared_error, ridge=0.1, tol=1e-10)
    design = np.c_[X, np.ones(200)]
    solution = np.linalg.solve(design.T @ design / 200 + 0.1 * np.eye(4), design.T @ Y / 200)  # mean over two outputs
    arrays = found.parameters.arrays()
    np.testing.assert_allclose(np.c_[arrays["line.weights"], arrays["line.bias"]], solution.T, atol=1e-8)
    assert np.all(np.diff(found.history.cost) <= 0)


def test_lbfgs_lowers_the_loss_of_a_pooling_network_with_random_masks():
    cost = train_lbfgs(POOL, BAGS, logistic_loss, n_iterations=30).history.cost.values
    assert np.all(np.diff(cost) <= 0)
    assert cost[-1] < cost[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"ridge": -1.0}, "ridge must be >= 0"), ({"n_iterations": 0}, "n_iterations"), ({"tol": 0.0}, "tol must be > 0")],
)
def test_bad_arguments_of_lbfgs_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        train_lbfgs(LINE, Samples(X, Y), squared_error, **settings)
