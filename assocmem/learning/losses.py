"""Losses of single items, with their gradients in the outputs of a network."""

import numpy as np
from scipy.special import expit, log_softmax

__all__ = ["cross_entropy", "logistic_loss", "squared_error"]


def logistic_loss(outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (item,) ``log(1 + exp(-s z))``, s = 2 target - 1, of logits z (item, 1), and their gradients (item, 1).

    Parameters
    ----------
    outputs : array (item, 1)
    targets : array (item,)
        0 or 1.
    """
    logits = outputs[:, 0]
    losses = np.logaddexp(0, logits) - targets * logits
    return losses, (expit(logits) - targets)[:, None].astype(outputs.dtype)


def cross_entropy(outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (item,) ``-log softmax(z)[target]`` of logits z (item, class), and their gradients (item, class).

    Parameters
    ----------
    outputs : array (item, class)
    targets : array (item,) of int
        Index of the class.
    """
    log_probabilities = log_softmax(outputs, axis=1)
    items = np.arange(len(outputs))
    gradient = np.exp(log_probabilities)
    gradient[items, targets] -= 1
    return -log_probabilities[items, targets], gradient


def squared_error(outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared errors (item,) of outputs (item, value), and their gradients (item, value)."""
    errors = outputs - targets
    return (errors * errors).mean(axis=1), errors * outputs.dtype.type(2 / errors.shape[1])
