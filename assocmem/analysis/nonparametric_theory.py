"""Theory of nonparametric modern Hopfield models: separations, error bounds, contraction, capacity and costs.

References
----------
Hu, Chen, Wu, Ruan & Liu (2025), Nonparametric modern Hopfield models, ICML, PMLR 267.
Ramsauer et al. (2021), Hopfield networks is all you need, ICLR.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import wrightomega

from assocmem.validation import check_finite, check_integer, check_positive, labelled_array, real_array

__all__ = [
    "CapacityBound",
    "capacity_bound",
    "contraction_factor",
    "dense_multiply_adds",
    "feature_multiply_adds",
    "keeps_ball",
    "pattern_separation",
    "published_multiply_adds",
    "retrieval_error_bound",
    "separation_at",
    "separation_radius",
    "window_multiply_adds",
]

FORMS = ("tight", "proved", "stated")


def separation_radius(patterns: np.ndarray) -> float:
    """R, half of the least distance between two patterns (pattern, unit): balls of this radius do not overlap."""
    x = _patterns(patterns, least=2)
    square = np.square(x[:, None] - x[None]).sum(axis=2)
    return float(0.5 * np.sqrt(square[~np.eye(len(x), dtype=bool)].min()))


def pattern_separation(patterns: np.ndarray) -> np.ndarray:
    """Delta (pattern,) = ``|x|^2 - max <x, x'>`` over the other patterns."""
    x = _patterns(patterns, least=2)
    return np.array([separation_at(x[mu], x, mu) for mu in range(len(x))])


def separation_at(state: np.ndarray, patterns: np.ndarray, target: int, *, visible: np.ndarray | None = None) -> float:
    """Least gap ``<state, x_target> - <state, x'>`` to another pattern, of those that are visible.

    Parameters
    ----------
    state : array (unit,)
    patterns : array (pattern, unit)
    target : int
        Number of a pattern.
    visible : array of int, optional
        Numbers of patterns, all of them by default.

    Returns
    -------
    float; inf if the target is the only one.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong type or shape, or out of range.
    """
    x, state = _patterns(patterns), real_array("state", state)
    if state.shape != x.shape[1:]:
        raise ValueError(f"state must have shape {x.shape[1:]}, got {state.shape}")
    others = _others(len(x), target, visible)
    products = x @ state
    return float(products[target] - products[others].max(initial=-np.inf))


def retrieval_error_bound(
    state: np.ndarray,
    patterns: np.ndarray,
    target: int,
    *,
    beta: float,
    visible: np.ndarray | None = None,
    form: str = "tight",
) -> float:
    r"""Bound on the distance from the target of what one update by softmax over visible patterns retrieves.

    With m the largest norm, M patterns of which k are visible, and the separation D of the target at the state:

    - "tight": ``2 m (k - 1) exp(-beta D)`` with D over the visible patterns. It is 0, and exact, for k = 1.
    - "proved": ``m (M + k - 2) exp(-beta D)`` with D over all patterns, which the proof of theorem 4.1 arrives at.
    - "stated": the same with ``<x_target, x'>`` in place of ``<state, x'>``, as theorem 4.1 has it. This is *no* bound:
      there are states whose error is larger.

    Parameters
    ----------
    state : array (unit,)
    patterns : array (pattern, unit)
    target : int
        Number of a visible pattern.
    beta : float, > 0
    visible : array of int, optional
        Numbers of patterns, all of them by default.
    form : {"tight", "proved", "stated"}

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong type or shape, or out of range.

    References
    ----------
    Hu et al. (2025), theorem 4.1 and eq. D.8; Ramsauer et al. (2021), theorem A8, for "tight" with k = M.
    """
    check_positive("beta", beta)
    if form not in FORMS:
        raise ValueError(f"form must be one of {FORMS}, got {form!r}")
    x = _patterns(patterns)
    k = len(_others(len(x), target, visible)) + 1
    largest = np.linalg.norm(x, axis=1).max()
    if form == "tight":
        gap = separation_at(state, x, target, visible=visible)
        return float(2 * largest * (k - 1) * np.exp(-beta * gap))
    gap = separation_at(state, x, target)
    if form == "stated":
        others = _others(len(x), target, None)
        gap = x[target] @ real_array("state", state) - (x[others] @ x[target]).max(initial=-np.inf)
    return float(largest * (len(x) + k - 2) * np.exp(-beta * gap))


def contraction_factor(patterns: np.ndarray, *, beta: float) -> float:
    """Upper bound ``beta sigma^2 / 2`` on the norm of the Jacobian of an update by softmax, sigma that of the patterns.

    Below 1 there is a single fixed point, and every update goes nearer to it by this factor at least. Patterns are
    those that are visible. (The covariance of a distribution over them has a norm of at most sigma^2 / 2.)
    """
    check_positive("beta", beta)
    return float(0.5 * beta * np.linalg.norm(_patterns(patterns), 2) ** 2)


def keeps_ball(patterns: np.ndarray, radius: float, *, beta: float, n_visible: int | None = None) -> np.ndarray:
    """Whether an update leads from the ball of a radius around each pattern into the same ball, as far as is known.

    True where ``Delta >= ln((M + k - 2) m / r) / beta + 2 m r``, which is sufficient. The paper has the radius R, half
    of the least distance, with which next to nothing passes: patterns of equal norm would have to be antipodal.

    Parameters
    ----------
    patterns : array (pattern, unit)
    radius : float, > 0
        r, at most R.
    beta : float, > 0
    n_visible : int, optional
        k, all patterns by default.

    Returns
    -------
    ndarray of bool (pattern,)

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong type or shape, or out of range.

    References
    ----------
    Hu et al. (2025), lemma 4.1.
    """
    x = _patterns(patterns, least=2)
    check_positive("beta", beta)
    check_positive("radius", radius)
    if radius > separation_radius(x):
        raise ValueError(f"radius must be at most half of the least distance, {separation_radius(x):g}, got {radius}")
    k = len(x) if n_visible is None else n_visible
    check_integer("n_visible", k, 1)
    largest = np.linalg.norm(x, axis=1).max()
    return pattern_separation(x) >= np.log((len(x) + k - 2) * largest / radius) / beta + 2 * largest * radius


@dataclass(frozen=True)
class CapacityBound:
    """Lower bound on how many random patterns can be stored, ``capacity = sqrt(p) growth^((d - 1) / 4)``."""

    a: float
    b: float
    growth: float
    capacity: float


def capacity_bound(
    n_units: int,
    *,
    largest_norm: float,
    beta: float,
    failure_probability: float,
    n_visible: int,
    radius: float,
) -> CapacityBound:
    r"""Lower bound on the number of patterns, random on a sphere, that are stored but for a failure probability.

    .. math::
        M = \sqrt p \, C^{(d - 1) / 4}, \quad C = \frac{b}{W_0(\exp(a + \ln b))}, \quad
        a = \frac{4}{d - 1} \left(\ln \frac{m (\sqrt p + k - 1)}{R} + 1\right), \quad b = \frac{4 m^2 \beta}{5 (d - 1)}

    with the principal branch of Lambert's function, so that ``ln C + a = b / C``. The derivation needs ``C >= 1`` and
    ``2 m R <= 1 / beta``, which is not checked.

    Parameters
    ----------
    n_units : int, >= 2
        d.
    largest_norm, beta, radius : float, > 0
        m, beta and R.
    failure_probability : float, in (0, 1)
        p.
    n_visible : int, >= 1
        k.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    Hu et al. (2025), proposition 4.1; Ramsauer et al. (2021), theorem 3.
    """
    check_integer("n_units", n_units, 2)
    check_integer("n_visible", n_visible, 1)
    for name, value in (("largest_norm", largest_norm), ("beta", beta), ("radius", radius)):
        check_positive(name, value)
    check_finite("failure_probability", failure_probability)
    if not 0 < failure_probability < 1:
        raise ValueError(f"failure_probability must be in (0, 1), got {failure_probability}")
    root = np.sqrt(failure_probability)
    a = 4 / (n_units - 1) * (np.log(largest_norm * (root + n_visible - 1) / radius) + 1)
    b = 4 * largest_norm**2 * beta / (5 * (n_units - 1))
    growth = b / wrightomega(a + np.log(b))  # wrightomega(z) = W0(exp(z)), which does not overflow
    return CapacityBound(float(a), float(b), float(growth), float(root * growth ** ((n_units - 1) / 4)))


def dense_multiply_adds(n_cues: int, n_visible: int, n_units: int) -> int:
    """Multiplications with additions of one update, ``2 L k d``: scores and mixture over k patterns for each cue."""
    return 2 * n_cues * n_visible * n_units


def window_multiply_adds(length: int, radius: int, n_units: int) -> int:
    """The same for a window, whose cues see ``2 radius + 1`` patterns, or fewer at the ends."""
    check_integer("radius", radius, 0)
    if radius >= length:
        raise ValueError(f"radius must be below the length {length}, got {radius}")
    return 2 * n_units * (length * (2 * radius + 1) - radius * (radius + 1))


def feature_multiply_adds(
    n_cues: int, n_patterns: int, n_units: int, n_features: int, *, has_projections: bool = True
) -> int:
    """The same by m features: projections of cues and keys, and sums and mixtures with one column more than units."""
    projected = n_units if has_projections else 0
    return (n_cues + n_patterns) * n_features * (projected + n_units + 1)


def published_multiply_adds(length: int, *, radius: int | None = None, batch: int = 4, n_units: int = 16) -> float:
    """Multiplications with additions of a whole layer of the published code, its four projections included.

    Dense or sparse without a radius; with one, of a window that is computed in overlapping chunks of twice the radius.

    References
    ----------
    Hu et al. (2025), figure 6: batch 4 and 16 units.
    """
    projections = 4 * batch * length * n_units**2
    if radius is None:
        return float(projections + 2 * batch * length**2 * n_units)
    chunks = length / radius
    return float(projections + batch * n_units * ((chunks - 1) * 4 * radius**2 + chunks * 3 * radius**2))


def _patterns(patterns, least: int = 1):
    x = labelled_array("patterns", patterns)
    if x.ndim != 2 or x.size == 0 or len(x) < least:
        raise ValueError(f"patterns must be a matrix (pattern, unit) of at least {least}, got shape {x.shape}")
    if not np.all(np.isfinite(x)):
        raise ValueError(f"patterns must be finite, got {np.count_nonzero(~np.isfinite(x))} other values")
    return x


def _others(n_patterns, target, visible):
    """Numbers of the visible patterns but for the target."""
    check_integer("target", target, 0)
    numbers = np.arange(n_patterns) if visible is None else np.unique(visible)
    if numbers.dtype.kind not in "iu" or (numbers.size and not 0 <= numbers[0] <= numbers[-1] < n_patterns):
        raise ValueError(f"visible must be numbers of the {n_patterns} patterns, got {visible}")
    if target not in numbers:
        raise ValueError(f"target must be a visible pattern, got {target}")
    return numbers[numbers != target]
