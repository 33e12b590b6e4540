"""Losses against their definitions and difference quotients."""

import numpy as np
import pytest

from assocmem.learning.losses import cross_entropy, logistic_loss, squared_error

RNG = np.random.default_rng(2)
CASES = {
    logistic_loss: (RNG.standard_normal((6, 1)), np.array([0, 1, 1, 0, 1, 0])),
    cross_entropy: (RNG.standard_normal((6, 4)), np.array([0, 3, 1, 2, 1, 0])),
    squared_error: (RNG.standard_normal((6, 4)), RNG.standard_normal((6, 4))),
}


@pytest.mark.parametrize("loss", CASES, ids=lambda loss: loss.__name__)
def test_gradient_of_a_loss(loss):
    outputs, targets = CASES[loss]
    direction = RNG.standard_normal(outputs.shape)
    change = loss(outputs + 1e-6 * direction, targets)[0] - loss(outputs - 1e-6 * direction, targets)[0]
    gradient = loss(outputs, targets)[1]
    np.testing.assert_allclose((gradient * direction).sum(axis=1), change / 2e-6, rtol=1e-7, atol=1e-9)


def test_logistic_loss_is_the_negative_log_probability():
    outputs, targets = CASES[logistic_loss]
    p = 1 / (1 + np.exp(-outputs[:, 0]))
    np.testing.assert_allclose(
        logistic_loss(outputs, targets)[0], -np.log(np.where(targets == 1, p, 1 - p)), rtol=1e-12
    )


def test_cross_entropy_is_the_negative_log_probability():
    outputs, targets = CASES[cross_entropy]
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cross_entropy(outputs, targets)[0], [-np.log(p[i, t]) for i, t in enumerate(targets)])


@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_large_logits_are_harmless(logit):
    losses, gradient = logistic_loss(np.array([[logit]]), np.array([1]))
    assert losses[0] == max(-logit, 0)
    assert gradient[0, 0] == -(logit < 0)
