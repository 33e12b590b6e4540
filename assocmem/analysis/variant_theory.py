"""Theory of retrieval from variants: how often the origin is found, and when a mixture is nearest to the winner.

References
----------
Wang, Pan, Shen, Zhang, Wang & Li (2025), Adaptive Hopfield network: rethinking similarities in associative memory,
arXiv:2511.20609: variants, and retrieval that is correct by posterior probability. The closed forms are derived here.
"""

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom, chi2, ncx2

from assocmem.validation import check_finite, check_integer, check_positive, labelled_array, real_array

__all__ = ["expected_map_accuracy", "is_winner_nearest", "pairwise_accuracy", "pairwise_dot_accuracy"]

_NODES = 32  # of each of two quadratures over quantiles; more change the result by less than 1e-4
_NEGLIGIBLE = 1e-12  # probability of a number of masked units


def _two_patterns(patterns) -> np.ndarray:
    pair = labelled_array("patterns", patterns)
    if pair.ndim != 2 or len(pair) != 2 or not np.all(np.isfinite(pair)):
        raise ValueError(f"patterns must be two finite patterns (pattern, unit), got shape {pair.shape}")
    if np.array_equal(pair[0], pair[1]):
        raise ValueError("patterns must differ, got the same pattern twice")
    return pair


def _by_unit(name, values, n_units, *, is_positive=False) -> np.ndarray:
    array = real_array(name, values)
    if array.shape not in ((), (n_units,)):
        raise ValueError(f"{name} must be a number or have one for each of the {n_units} units, got {array.shape}")
    if is_positive and not np.all(array > 0):
        raise ValueError(f"{name} must be > 0, got {values}")
    return np.broadcast_to(array, (n_units,))


def pairwise_accuracy(
    patterns: np.ndarray,
    *,
    noise: float | np.ndarray,
    weights: float | np.ndarray = 1.0,
    bias: float | np.ndarray = 0.0,
    assumed_bias: float | np.ndarray = 0.0,
) -> float:
    r"""Probability that a weighted distance tells which of two patterns a cue ``x = xi + bias + noise eps`` is of.

    The similarity is ``-sum_i w_i (x_i - xi_i - b_i)^2`` with an assumed bias b. With ``D = xi_1 - xi_2`` and
    ``r = bias - b``,

    .. math::
        \frac12 \Phi\left(\frac{\sum_i w_i (D_i^2 / 2 + D_i r_i)}{S}\right)
        + \frac12 \Phi\left(\frac{\sum_i w_i (D_i^2 / 2 - D_i r_i)}{S}\right), \qquad
        S^2 = \sum_i w_i^2 \sigma_i^2 D_i^2

    which is largest for ``w_i = 1 / noise_i^2`` and ``b = bias``.

    Parameters
    ----------
    patterns : array (2, unit)
        Different from each other; equally likely.
    noise : float or array (unit,), > 0
    weights, bias, assumed_bias : float or array (unit,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or all weights are 0 where the patterns differ.
    """
    pair = _two_patterns(patterns)
    n_units = pair.shape[1]
    sigma = _by_unit("noise", noise, n_units, is_positive=True)
    w, b, assumed = (
        _by_unit(name, values, n_units)
        for name, values in (("weights", weights), ("bias", bias), ("assumed_bias", assumed_bias))
    )
    difference, error = pair[0] - pair[1], b - assumed
    spread = np.sqrt(np.sum((w * sigma * difference) ** 2))
    if spread == 0:
        raise ValueError("weights must not all be 0 where the patterns differ")
    distance, tilt = np.sum(w * difference**2) / 2, np.sum(w * difference * error)
    return float(0.5 * (ndtr((distance + tilt) / spread) + ndtr((distance - tilt) / spread)))


def pairwise_dot_accuracy(patterns: np.ndarray, *, noise: float | np.ndarray) -> float:
    r"""Probability that the dot product tells which of two patterns a cue ``x = xi + noise eps`` is of.

    .. math::
        \frac12 \Phi(\langle \xi_1, D \rangle / S) + \frac12 \Phi(-\langle \xi_2, D \rangle / S), \qquad
        D = \xi_1 - \xi_2, \quad S^2 = \sum_i \sigma_i^2 D_i^2

    Parameters
    ----------
    patterns : array (2, unit)
    noise : float or array (unit,), > 0

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """
    pair = _two_patterns(patterns)
    sigma = _by_unit("noise", noise, pair.shape[1], is_positive=True)
    difference = pair[0] - pair[1]
    spread = np.sqrt(np.sum((sigma * difference) ** 2))
    return float(0.5 * (ndtr(pair[0] @ difference / spread) + ndtr(-pair[1] @ difference / spread)))


def expected_map_accuracy(n_patterns: int, n_units: int, *, noise: float, masked_fraction: float = 0.0) -> float:
    r"""How often the most probable pattern is the origin, on average over standard normal patterns.

    Cues are ``x = xi + noise eps``, in which each unit is erased, and known to be, with a probability. Given the k
    units that are kept, ``|x|^2`` is (1 + noise^2) times a chi-square variable, the squared distance of x from its
    origin a non-central one given x, and that from any other pattern one with k degrees of freedom and non-centrality
    ``|x|^2``:

    .. math:: E[(1 - F_{k, |x|^2}(|x - \xi|^2))^{N - 1}]

    Parameters
    ----------
    n_patterns, n_units : int, >= 1
    noise : float, > 0
    masked_fraction : float, in [0, 1)

    Returns
    -------
    float
        By quadrature, to about 1e-4.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or range.
    """
    check_integer("n_patterns", n_patterns, 1)
    check_integer("n_units", n_units, 1)
    check_positive("noise", noise)
    check_finite("masked_fraction", masked_fraction)
    if not 0 <= masked_fraction < 1:
        raise ValueError(f"masked_fraction must be in [0, 1), got {masked_fraction}")
    kept = np.arange(n_units + 1)
    probabilities = binom.pmf(kept, n_units, 1 - masked_fraction)
    pairs = [(int(k), p) for k, p in zip(kept, probabilities, strict=True) if p > _NEGLIGIBLE]
    return float(sum(p * _accuracy_of(n_patterns, k, noise) for k, p in pairs))


def _accuracy_of(n_patterns: int, n_kept: int, noise: float) -> float:
    """The expectation for a number of units."""
    if n_kept == 0:
        return 1 / n_patterns
    nodes, node_weights = np.polynomial.legendre.leggauss(_NODES)
    quantiles, node_weights = 0.5 * (nodes + 1), 0.5 * node_weights
    square = (1 + noise**2) * chi2.ppf(quantiles, n_kept)[:, None]
    share = noise**2 / (1 + noise**2)  # variance of x - xi given x, and its mean as a multiple of x
    distance = share * ncx2.ppf(quantiles, n_kept, share * square)
    found = ncx2.sf(distance, n_kept, square) ** (n_patterns - 1)
    return float(node_weights @ found @ node_weights)


def is_winner_nearest(weights: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    r"""Whether a mixture is bound to be nearer to the pattern of its largest weight than to any other (cue,).

    With the winner k, the mixture is at most ``(1 - p_k) D`` away from it, D being the distance to the pattern that is
    farthest from it; if this is less than half of the distance R to the nearest other pattern, no other is nearer.
    The condition is sufficient and not necessary.

    Parameters
    ----------
    weights : array (cue, pattern)
        Probabilities.
    patterns : array (pattern, unit)
        At least two.

    Returns
    -------
    ndarray of bool (cue,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape.
    """
    xi, p = labelled_array("patterns", patterns), real_array("weights", weights)
    if xi.ndim != 2 or len(xi) < 2:
        raise ValueError(f"patterns must be a matrix (pattern, unit) of at least two, got shape {xi.shape}")
    if p.ndim != 2 or p.shape[1] != len(xi):
        raise ValueError(f"weights must have shape (cue, {len(xi)}), got {p.shape}")
    winners = p.argmax(axis=1)
    distances = {k: np.sqrt(np.square(xi - xi[k]).sum(axis=1)) for k in np.unique(winners)}
    farthest = np.array([distances[k].max() for k in winners])
    nearest = np.array([np.delete(distances[k], k).min() for k in winners])
    return (1 - p.max(axis=1)) * farthest < nearest / 2
