"""Theory of correlated dense associative memories: closed forms, limits and boundaries to hold simulations against.

The dynamics are those of Burns (2024), Semantically-correlated memories in a dense associative model, eq. 1; the
results on them are ours. Graphs enter as the normalised adjacency M (`links`, see `assocmem.graphs.normalized`);
``links[mu, nu]`` is what pattern mu evokes of pattern nu. For random patterns the Gram matrix is close to a multiple of
the identity, the `gain` n var(xi) (n / 12 for entries uniform in [0, 1]), plus a constant that does not matter where
all patterns evoke equally much.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import root

from assocmem.validation import check_finite, check_integer, check_positive, real_array

__all__ = [
    "cluster_profile",
    "dwell_counts",
    "largest_stable_eta",
    "limiting_correlations",
    "one_hot_activity",
    "pure_retrieval_bound",
    "quiescence_boundaries",
    "ring_cluster",
    "winner_track",
]

SMALLEST_MARGIN = 1e-12


def one_hot_activity(
    cues,
    patterns,
    links,
    times,
    *,
    auto_strength: float,
    hetero_strength: float,
    eta: float,
    mean_coefficient: float = 1.0,
) -> np.ndarray:
    """Activity of the map for as long as all softmax weight stays on the pattern that was cued.

    ``sigma(t) = (1 - eta)^t sigma(0) + (1 - (1 - eta)^t) (a xi_mu + h sum_nu M[mu, nu] xi_nu - kappa xbar)``

    Parameters
    ----------
    cues, patterns : array (pattern, unit)
        Cue mu belongs to pattern mu.
    links : array (pattern, pattern)
    times : array (time,)
        Numbers of iterations.
    auto_strength, hetero_strength, mean_coefficient : float
    eta : float
        Fraction of an iteration.

    Returns
    -------
    ndarray (pattern, time, unit)
    """
    cues, patterns, links = real_array("cues", cues), real_array("patterns", patterns), _square(links)
    kept = (1.0 - eta) ** real_array("times", times)[:, None]
    targets = auto_strength * patterns + hetero_strength * links @ patterns - mean_coefficient * patterns.mean(axis=0)
    return kept * cues[:, None] + (1.0 - kept) * targets[:, None]


def limiting_correlations(
    links, *, auto_strength: float, hetero_strength: float, mean_coefficient: float = 1.0
) -> xr.Dataset:
    """Correlations of one-hot attractors with patterns and with each other, for infinitely many units.

    With independent patterns, ``c = a e_mu + h M_mu - kappa / p``, they are ``c_nu / |c|`` and ``c . c' / |c| |c'|``.

    Parameters
    ----------
    links : array (pattern, pattern)
    auto_strength, hetero_strength, mean_coefficient : float

    Returns
    -------
    Dataset
        `correlation` (trajectory, pattern), `attractor_correlation` (trajectory, other_trajectory), where trajectory mu
        was cued by pattern mu.
    """
    links = _square(links)
    n = len(links)
    coefficients = auto_strength * np.eye(n) + hetero_strength * links - mean_coefficient / n
    directions = coefficients / np.linalg.norm(coefficients, axis=1, keepdims=True)
    return xr.Dataset(
        {
            "correlation": (("trajectory", "pattern"), directions, {"units": "1"}),
            "attractor_correlation": (("trajectory", "other_trajectory"), directions @ directions.T, {"units": "1"}),
        }
    )


def quiescence_boundaries(
    links, hetero_strength: float, *, beta: float, gain: float, eta: float | None = None
) -> tuple[float, float]:
    """Auto-associative strengths between which the quiescent state, all softmax weights equal, is stable.

    With the eigenvalues lambda of M other than that of the uniform vector, ``a + h lambda < p / (beta gain)`` for all,
    and for the map also ``a + h lambda > -(2 - eta) / eta p / (beta gain)``.

    Parameters
    ----------
    links : array (pattern, pattern)
        Symmetric, of a graph in which all rows have the same sum.
    hetero_strength : float
    beta : float, > 0
    gain : float, > 0
        Of the Gram matrix.
    eta : float in (0, 1], optional
        Fraction of an iteration of the map; None for the flow, which has no lower boundary.

    Returns
    -------
    lowest, highest : float
        The lowest is -inf for the flow; there is no stable quiescence where it exceeds the highest.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, the links are not symmetric or their rows have different sums.
    """
    links = _square(links)
    check_finite("hetero_strength", hetero_strength)
    check_positive("beta", beta)
    check_positive("gain", gain)
    if not np.allclose(links, links.T) or np.ptp(links.sum(axis=1)) > 1e-9:
        raise ValueError("links must be symmetric with equal sums of all rows, as of a regular undirected graph")
    n = len(links)
    # the uniform vector is an eigenvector: without its direction, the others are left
    modes = hetero_strength * np.linalg.eigvalsh(links - links.sum() / n**2)
    modes = np.delete(modes, np.argmin(np.abs(modes))) if n > 1 else modes
    unit = n / (beta * gain)
    highest = unit - float(modes.max())
    if eta is None:
        return -np.inf, highest
    _check_eta(eta)
    return -(2.0 - eta) / eta * unit - float(modes.min()), highest


def cluster_profile(
    links, support, *, auto_strength: float, hetero_strength: float, scaled_beta: float = np.inf
) -> np.ndarray:
    """Softmax weights of the stable fixed point of the flow that the patterns of `support` share.

    For orthogonal patterns of equal norm and ``beta gain -> inf`` the weights on the support solve
    ``(a + h M) s = lambda`` with sum 1; at finite ``beta gain`` they go over to ``s = softmax(beta gain (a + h M) s)``.

    Parameters
    ----------
    links : array (pattern, pattern)
        Symmetric.
    support : array of int
        Patterns that share the weight at low temperature.
    auto_strength, hetero_strength : float
    scaled_beta : float, > 0
        beta times the gain; which fixed points are stable depends on it.

    Returns
    -------
    ndarray (pattern,), >= 0 with sum 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape, or there is no stable fixed point of that kind: a weight would not
        be positive, a pattern outside would win, or small deviations grow.
    """
    links, support = _square(links), np.asarray(support)
    coupling = auto_strength * np.eye(len(links)) + hetero_strength * links
    inner = coupling[np.ix_(support, support)]
    weights = np.zeros(len(links))
    weights[support] = _equalising_weights(inner)
    outside = np.delete(coupling @ weights, support)
    is_consistent = np.all(weights[support] > 0) and np.all(outside <= inner[0] @ weights[support] + SMALLEST_MARGIN)
    if is_consistent and np.isinf(scaled_beta):
        is_stable = _is_concave(inner)
    elif is_consistent:
        check_positive("scaled_beta", scaled_beta)
        weights = _at_temperature(coupling, weights, scaled_beta)
        is_stable = np.all(_relaxation_rates(coupling, weights, scaled_beta).real > 0)
    if not (is_consistent and is_stable):
        raise ValueError(f"support must carry a stable fixed point, got {support.tolist()}")
    return weights


def ring_cluster(
    n: int, *, auto_strength: float, hetero_strength: float, scaled_beta: float = np.inf
) -> np.ndarray | None:
    """Weights of the smallest cluster of neighbours that is a stable fixed point on a ring; see `cluster_profile`.

    Parameters
    ----------
    n : int
        Vertices of the ring, >= 3.
    auto_strength, hetero_strength : float
    scaled_beta : float, > 0
        beta times the gain.

    Returns
    -------
    ndarray (pattern,), the cluster beginning at pattern 0; None if no cluster short of the ring is stable.
    """
    check_integer("n", n, 3)
    forward = np.roll(np.eye(n), 1, axis=1)
    strengths = {"auto_strength": auto_strength, "hetero_strength": hetero_strength}
    for size in range(1, n):
        try:
            return cluster_profile(0.5 * (forward + forward.T), np.arange(size), **strengths, scaled_beta=scaled_beta)
        except ValueError:
            continue
    return None


def largest_stable_eta(links, weights, *, auto_strength: float, hetero_strength: float, scaled_beta: float) -> float:
    """Largest fraction of an iteration at which a fixed point of the flow is stable under the map.

    A mode that the flow takes to the fixed point at the rate ``1 - lambda`` overshoots in the map by more than it was
    off where ``eta (1 - lambda) > 2``; lambda are the eigenvalues of ``beta gain (a + h M^T) (diag s - s s^T)``.

    Parameters
    ----------
    links : array (pattern, pattern)
    weights : array (pattern,)
        Softmax weights s at the fixed point.
    auto_strength, hetero_strength : float
    scaled_beta : float, > 0
        beta times the gain.

    Returns
    -------
    float; 0 if the fixed point is not even stable in the flow.
    """
    links, s = _square(links), real_array("weights", weights)
    check_positive("scaled_beta", scaled_beta)
    rates = _relaxation_rates(auto_strength * np.eye(len(links)) + hetero_strength * links.T, s, scaled_beta)
    if np.any(rates.real <= 0):
        return 0.0
    # |1 - eta rate| < 1
    return float(np.min(2.0 * rates.real / np.abs(rates) ** 2))


def winner_track(
    links, steps: int, *, auto_strength: float, hetero_strength: float, eta: float, start: int = 0
) -> np.ndarray:
    """Pattern with all softmax weight at every iteration of the map, for orthogonal patterns and infinite beta.

    From a cue equal to a pattern; the coefficients relax to a on the winner and h M on its successors. Exact but for
    the rounding of p numbers: the mean pattern changes all coefficients alike and is left out.

    Parameters
    ----------
    links : array (pattern, pattern)
    steps : int, >= 1
        Iterations.
    auto_strength, hetero_strength : float
    eta : float, in (0, 1]
    start : int
        Pattern that is the cue.

    Returns
    -------
    ndarray (steps + 1,) of int, the cue first; the first of equal ones wins.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    links = _square(links)
    check_integer("steps", steps, 1)
    _check_eta(eta)
    check_integer("start", start, 0)
    if start >= len(links):
        raise ValueError(f"start must be a pattern, 0..{len(links) - 1}, got {start}")
    coupling = auto_strength * np.eye(len(links)) + hetero_strength * links
    coefficients, track = np.eye(len(links))[start], np.empty(steps + 1, dtype=np.int64)
    for step in range(steps + 1):
        track[step] = coefficients.argmax()
        coefficients = (1.0 - eta) * coefficients + eta * coupling[track[step]]
    return track


def dwell_counts(track) -> np.ndarray:
    """Lengths of the runs of equal winners, one after the other, without the last run, which may go on.

    Parameters
    ----------
    track : array (time,) of int
        Winners at successive times.

    Returns
    -------
    ndarray (run,) of int
    """
    changes = np.flatnonzero(np.diff(np.asarray(track))) + 1
    return np.diff(np.concatenate([[0], changes]))


def pure_retrieval_bound(patterns, pattern: int, *, auto_strength: float, beta: float, gap: float) -> float:
    """Largest distance of a purely auto-associative fixed point from its limit ``a xi_mu - kappa xbar``.

    Parameters
    ----------
    patterns : array (pattern, unit)
    pattern : int
        The one that is retrieved.
    auto_strength : float
    beta : float, > 0
    gap : float, > 0
        By how much its score exceeds all others at the fixed point.

    Returns
    -------
    float: ``|a| (p - 1) exp(-beta gap) max_nu |xi_nu - xi_mu|``
    """
    patterns = real_array("patterns", patterns)
    check_positive("beta", beta)
    check_positive("gap", gap)
    farthest = np.linalg.norm(patterns - patterns[pattern], axis=1).max()
    return float(abs(auto_strength) * (len(patterns) - 1) * np.exp(-beta * gap) * farthest)


def _equalising_weights(coupling: np.ndarray) -> np.ndarray:
    """Weights of sum 1 that give every member of the support the same score."""
    n = len(coupling)
    system = np.ones((n + 1, n + 1))
    system[:n, :n], system[n, n], system[:n, n] = coupling, 0.0, -1.0
    return np.linalg.lstsq(system, np.eye(n + 1)[n], rcond=None)[0][:n]


def _is_concave(coupling: np.ndarray) -> bool:
    """Whether the quadratic form is negative definite for changes that leave the sum of weights."""
    n = len(coupling)
    if n == 1:
        return True
    tangent = np.linalg.qr(np.eye(n) - 1.0 / n)[0][:, : n - 1]
    return bool(np.linalg.eigvalsh(tangent.T @ coupling @ tangent).max() < -SMALLEST_MARGIN)


def _relaxation_rates(coupling: np.ndarray, weights: np.ndarray, scaled_beta: float) -> np.ndarray:
    """Rates at which deviations from a fixed point decay in the flow, in units of 1 / tau."""
    return 1.0 - np.linalg.eigvals(scaled_beta * coupling @ (np.diag(weights) - np.outer(weights, weights)))


def _at_temperature(coupling: np.ndarray, weights: np.ndarray, scaled_beta: float) -> np.ndarray:
    """Fixed point s = softmax(scaled_beta W s), followed down from the limit of low temperature."""

    def residual(scores, inverse_temperature):
        return coupling @ _softmax(inverse_temperature * scores) - scores

    scores = coupling @ weights
    for inverse_temperature in scaled_beta * np.geomspace(64.0, 1.0, 25):
        found = root(residual, scores, args=(inverse_temperature,), method="hybr", tol=1e-13)
        if np.abs(residual(found.x, inverse_temperature)).max() > 1e-9:
            raise ValueError(f"scaled_beta must be large enough for the cluster to exist, got {scaled_beta}")
        scores = found.x
    return _softmax(scaled_beta * scores)


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def _check_eta(eta: float) -> None:
    check_positive("eta", eta)
    if eta > 1:
        raise ValueError(f"eta must be in (0, 1], got {eta}")


def _square(links) -> np.ndarray:
    links = real_array("links", links)
    if links.ndim != 2 or links.shape[0] != links.shape[1] or links.size == 0:
        raise ValueError(f"links must be a square matrix (pattern, pattern), got shape {links.shape}")
    return links
