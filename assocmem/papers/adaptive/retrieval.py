"""How well a similarity retrieves: the measures that all experiments of this paper share.

Accuracy is the fraction of cues whose pattern of largest weight is their origin; retrieval in the sense of the paper,
by the stored pattern that is nearest to the mixture, is kept beside it. The error of the paper is read as the mean
absolute error of a unit. All baselines have the inverse temperature of largest likelihood.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy.stats import t as student

from assocmem.analysis.variant_theory import is_winner_nearest
from assocmem.learning.similarity import FittedSimilarity, fit_beta, fit_similarity
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.papers.adaptive.data import Task
from assocmem.separations import Softmax
from assocmem.similarities import Cosine, DotProduct, ManhattanDistance, Pearson, Similarity, SquaredDistance

MEASURES = ("accuracy", "nearest", "mae", "mse", "n_bound", "n_bound_other")
FIXED = {
    "dot": DotProduct(),
    "cosine": Cosine(),
    "Pearson": Pearson(),
    "L2": SquaredDistance(),
    "L1": ManhattanDistance(),
}
SORTED_DIS, SORTED_DOT, UNSORTED, A_HOP, MAP = "sorted dis", "sorted dot", "dis + dot", "sorted dis + dot", "MAP"
FEATURES = {
    "dis": ("dis",),
    "dot weights": ("dot",),
    UNSORTED: ("dis", "dot"),
    "dis + lin": ("dis", "lin"),
    "dis + dot + lin": ("dis", "dot", "lin"),
    SORTED_DIS: ("sorted_dis",),
    SORTED_DOT: ("sorted_dot",),
    A_HOP: ("sorted_dis", "sorted_dot"),
}
BETA_CUES = 500  # that determine one number well enough
CONFIDENCE = 0.95


def recalled(task: Task, similarity: Similarity, *, beta: float = 1.0, kernel: np.ndarray | None = None) -> np.ndarray:
    """`MEASURES` of one step of retrieval from the test cues.

    Parameters
    ----------
    task : Task
    similarity : Similarity
    beta : float, > 0
    kernel : array (unit, unit), optional
        Symmetric; cues and patterns are then compared as `normalized`, the cues times the kernel.
    """
    if kernel is None:
        memory, cues = AdaptiveHopfield(task.patterns, similarity, beta=beta), task.test_cues
    else:
        memory = AdaptiveHopfield(normalized(task.patterns), similarity, beta=beta, values=task.patterns)
        cues = _through(kernel, task.test_cues)
    found = memory.recall(cues, weights=True, threads=1)
    return measures(task, found.weights.values, found.retrieval.values)


def normalized(rows: np.ndarray) -> np.ndarray:
    """Rows without their mean and of norm 1, as behind the layer normalisation of Hopfield layers."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def _through(kernel, cues):
    return (normalized(cues) @ kernel).astype(np.float32)


def measures(task: Task, weights: np.ndarray, retrieval: np.ndarray) -> np.ndarray:
    """`MEASURES` of weights (cue, pattern) and mixtures (cue, unit) of the test cues.

    The last two count mixtures that are bound to be nearest to the winner, and those of them that are not.
    """
    retrieval, winner = retrieval.astype(float), weights.argmax(axis=1)
    nearest = SquaredDistance().scores(retrieval, task.patterns, threads=1).argmax(axis=1)
    errors = retrieval - task.patterns[task.test_origins]
    is_bound = is_winner_nearest(weights, task.patterns)
    return np.array(
        [
            np.mean(winner == task.test_origins),
            np.mean(nearest == task.test_origins),
            np.mean(np.abs(errors)),
            np.mean(np.square(errors)),
            np.sum(is_bound),
            np.sum(is_bound & (winner != nearest)),
        ]
    )


def ceiling(task: Task) -> np.ndarray:
    """`MEASURES` of the posterior probabilities themselves, which no similarity exceeds in accuracy."""
    p = Softmax().weights(task.variants.log_likelihood(task.test_cues, task.patterns), threads=1)
    return measures(task, p, p @ task.patterns)


def fixed(task: Task, similarity: Similarity, kernel: np.ndarray | None = None) -> np.ndarray:
    """`MEASURES` of a similarity without weights, with its beta of largest likelihood."""
    cues, patterns, origins = task.cues[:BETA_CUES], task.patterns, task.origins[:BETA_CUES]
    if kernel is not None:
        cues, patterns = _through(kernel, cues), normalized(patterns)
    beta = fit_beta(similarity, patterns, cues, origins, threads=1).beta
    return recalled(task, similarity, beta=beta, kernel=kernel)


def fitted(
    task: Task, features: tuple[str, ...], *, n_negatives: int | None = None, ridge: float = 1e-4, **settings
) -> FittedSimilarity:
    """The similarity with these features of largest likelihood; Newton's method where there are few weights."""
    n_weights = len(features) * task.patterns.shape[1]
    settings = {"method": "newton", "n_iterations": 20} | settings if n_weights <= 250 else settings
    return fit_similarity(
        task.patterns,
        task.cues,
        task.origins,
        features=features,
        n_negatives=n_negatives,
        ridge=ridge,
        threads=1,
        **({"tol": 1e-4} | settings),
    )


def draw_tolerance(values: np.ndarray, n_trials: int, theirs: float) -> tuple[float, str]:
    """Tolerance of one earlier draw of patterns and `n_trials` cues, and the reason for it.

    Parameters
    ----------
    values : array (repeat,)
        Of draws of ours, two at least: their spread says how much a further draw may differ from the mean of them.
    n_trials : int
        Cues of the earlier draw.
    theirs : float
        A fraction of these.
    """
    n = len(values)
    of_draw = student.ppf(0.5 + CONFIDENCE / 2, n - 1) * np.std(values, ddof=1) * math.sqrt(1 + 1 / n)
    of_trials = 2 * math.sqrt(max(theirs * (1 - theirs), 1 / n_trials) / n_trials)
    reason = f"95 % of further draws, given {n} of ours, and two standard errors of {n_trials} trials"
    return float(math.hypot(of_draw, of_trials)), reason


def excess_over_ceiling(accuracy: xr.DataArray, n_trials: xr.DataArray | int) -> float:
    """Largest accuracy over `similarity` above MAP, in standard errors of the MAP accuracy of `n_trials` cues."""
    best = accuracy.drop_sel(similarity=MAP).max("similarity")
    top = accuracy.sel(similarity=MAP)
    rate = (top * n_trials + 2) / (n_trials + 4)
    return float(((best - top) / np.sqrt(rate * (1 - rate) / n_trials)).max())
