r"""Two linear kernels ``<W x, W xi>`` that the paper compares with: U-Hop, and U2-Hop as we read it.

U-Hop (Wu, Hu, Hsiao & Liu, ICML 2024) learns W from the patterns alone, so that their directions
``phi = W xi / |W xi|`` spread over the sphere:

.. math:: L = \log \, \text{mean}_{i<j} \exp(-t |\phi_i - \phi_j|^2)

with t = 2 and 100 steps of gradient descent from W of standard normal values, at the rate ``1 / sqrt(step + 1)``.

U2-Hop appears in the tables without a definition. We let it learn W from cues and their origins by the loss of the
adaptive similarity. There are more weights than cues can tell, so descent stops where the loss of cues that are held
out is least. It starts from the product without a kernel; rows of W are the directions that patterns have, as the
others do not matter to it.

Both see cues and patterns without their mean and of norm 1, as they are behind the layer normalisation of Hopfield
layers: a plain product prefers bright patterns, and the published values are far above what it achieves.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from assocmem.learning.similarity import fit_beta
from assocmem.papers.adaptive.data import Task
from assocmem.papers.adaptive.retrieval import normalized
from assocmem.similarities import DotProduct

SHARPNESS, N_EPOCHS = 2.0, 100
N_ITERATIONS = 15  # of descent on the loss of cues, at most
HELD_OUT = 0.2  # of the cues


def spread_loss(weights: np.ndarray, patterns: np.ndarray) -> tuple[float, np.ndarray]:
    """Loss of U-Hop for W (row, unit) and patterns (pattern, unit), and its gradient in W."""
    z = patterns @ weights.T
    norms = np.linalg.norm(z, axis=1, keepdims=True)
    phi = z / norms
    kernel = np.exp(2 * SHARPNESS * (phi @ phi.T - 1))
    np.fill_diagonal(kernel, 0)
    total = kernel.sum() / 2
    slope = -2 * SHARPNESS / total * (kernel.sum(axis=1, keepdims=True) * phi - kernel @ phi)
    slope = (slope - (slope * phi).sum(axis=1, keepdims=True) * phi) / norms
    n_pairs = len(patterns) * (len(patterns) - 1) / 2
    return float(np.log(total / n_pairs)), slope.T @ patterns


def spread_kernel(patterns: np.ndarray, seed: int) -> np.ndarray:
    """Kernel ``W^T W`` (unit, unit) of U-Hop."""
    patterns = normalized(patterns.astype(float))
    weights = np.random.default_rng(seed).standard_normal((patterns.shape[1],) * 2)
    for epoch in range(N_EPOCHS):
        weights -= spread_loss(weights, patterns)[1] / np.sqrt(epoch + 1)
    return weights.T @ weights


def variant_loss(
    weights: np.ndarray, patterns: np.ndarray, cues: np.ndarray, origins: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean negative log-likelihood of origins for W (row, unit), and its gradient in W."""
    scores = (cues @ weights.T) @ (patterns @ weights.T).T
    rows = np.arange(len(cues))
    loss = np.mean(logsumexp(scores, axis=1) - scores[rows, origins])
    errors = softmax(scores, axis=1)
    errors[rows, origins] -= 1
    pull = errors @ patterns / len(cues)  # the gradient in W^T W is cues^T pull
    slope = (weights @ cues.T) @ pull + (weights @ pull.T) @ cues
    return float(loss), slope


def variant_kernel(task: Task) -> np.ndarray:
    """Kernel ``W^T W`` (unit, unit) of U2-Hop."""
    cues, patterns = normalized(task.cues.astype(float)), normalized(task.patterns.astype(float))
    first = round(HELD_OUT * len(cues))
    held, learned = ((cues[rows], task.origins[rows]) for rows in (slice(first), slice(first, None)))
    beta = fit_beta(DotProduct(), patterns, *held, threads=1).beta
    directions = np.linalg.svd(patterns, full_matrices=False)[2]

    def cost(vector):
        loss, slope = variant_loss(vector.reshape(directions.shape), patterns, *learned)
        return loss, slope.ravel()

    path = [np.sqrt(beta) * directions.ravel()]
    minimize(cost, path[0], jac=True, method="L-BFGS-B", callback=path.append, options={"maxiter": N_ITERATIONS})
    found = [vector.reshape(directions.shape) for vector in path]
    weights = min(found, key=lambda matrix: variant_loss(matrix, patterns, *held)[0])
    return weights.T @ weights
