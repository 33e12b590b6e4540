"""Interference between patterns of a hierarchy in one discrete step: its distribution, and the errors that it causes.

One unit at a time: layer 0 is in the state of a child; its sign s there agrees with the parent with probability
(1 + b1) / 2, and the parent with the grandparent with probability (1 + b2) / 2. The field times s is 1 + c + c~ and
noise: c comes from the siblings, c~ from the children of the grandparent's other parents, the noise from everything
else. The unit flips where the sum of all but the 1 is below -1. Parents are those that the children were drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom

from assocmem.validation import check_finite, check_integer, real_array

__all__ = [
    "NormalMixture",
    "cancelling_pull",
    "child_stability_threshold",
    "crosstalk_variance",
    "feedforward_weights",
    "inter_class_distribution",
    "interference_distribution",
    "majority_overlaps",
    "one_step_accuracy",
    "optimal_pull",
    "total_interference_distribution",
]

VARIANCES = ("exact", "official")


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """Mixture of normal distributions of one standard deviation.

    Parameters
    ----------
    weights : array (component,)
        >= 0, of sum 1.
    means : array (component,)
    std : float, >= 0
        0 makes a discrete distribution, which has no density.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range or the shapes differ.
    """

    weights: np.ndarray
    means: np.ndarray
    std: float

    def __post_init__(self):
        weights, means = real_array("weights", self.weights), real_array("means", self.means)
        if weights.ndim != 1 or weights.shape != means.shape or not weights.size:
            raise ValueError(f"weights and means must have one shape, got {weights.shape} and {means.shape}")
        if weights.min() < 0 or abs(weights.sum() - 1) > 1e-12:
            raise ValueError(f"weights must be >= 0 and of sum 1, got {weights}")
        check_finite("std", self.std)
        if self.std < 0:
            raise ValueError(f"std must be >= 0, got {self.std}")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "means", means)

    @property
    def mean(self) -> float:
        """Mean of the mixture."""
        return float(self.weights @ self.means)

    @property
    def variance(self) -> float:
        """Variance of the mixture."""
        return float(self.weights @ (self.means - self.mean) ** 2 + self.std**2)

    def density(self, values) -> np.ndarray:
        """Probability density at values (...)."""
        if self.std == 0:
            raise ValueError("std must be > 0 for a density, got 0")
        scaled = (np.asarray(values, dtype=float)[..., None] - self.means) / self.std
        return np.exp(-0.5 * scaled**2) @ self.weights / (self.std * np.sqrt(2.0 * np.pi))

    def probability_below(self, values) -> np.ndarray:
        """Probability of less than values (...)."""
        distance = np.asarray(values, dtype=float)[..., None] - self.means
        if self.std == 0:
            return (distance > 0) @ self.weights
        return ndtr(distance / self.std) @ self.weights


def interference_distribution(b1: float, n_children: int, *, pull: float = 0.0) -> NormalMixture:
    r"""Law of the interference of the siblings, c, or with a pull of c* = c - a- s xi(parent).

    .. math:: \tfrac{1 + b_1}{2} N(\mu - a^-, \sigma^2) + \tfrac{1 - b_1}{2} N(a^- - \mu, \sigma^2), \quad
        \mu = b_1^3 (P_c - 1), \quad \sigma^2 = b_1^4 (1 - b_1^2) (P_c - 1)

    Parameters
    ----------
    b1 : float in [-1, 1]
        Overlap of child and parent.
    n_children : int, >= 1
        P_c, children of a parent.
    pull : float
        a-, strength of the pull from the right parent.

    Returns
    -------
    NormalMixture
        Of two components: first that of the units at which child and parent agree.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Liu et al. (2019), Push-pull feedback implements hierarchical information retrieval efficiently, section 3.
    """
    check_correlation("b1", b1)
    check_integer("n_children", n_children, 1)
    check_finite("pull", pull)
    mean = cancelling_pull(b1, n_children) - pull
    return NormalMixture(_two_weights(b1), np.array([mean, -mean]), _sibling_std(b1, n_children))


def inter_class_distribution(
    b1: float, b2: float, n_children: int, n_parents: int, *, variance: str = "exact"
) -> NormalMixture:
    r"""Law of the interference c~ of the children of the other parents under the same grandparent.

    Means :math:`\pm b_1^3 b_2^3 P_c (P_b - 1)` with weights :math:`(1 \pm b_1 b_2) / 2`.

    Parameters
    ----------
    b1, b2 : float in [-1, 1]
        Overlaps of child and parent, and of parent and grandparent.
    n_children, n_parents : int, >= 1
        P_c children of each parent and P_b parents of each grandparent.
    variance : {"exact", "official"}
        :math:`b_1^4 b_2^4 P_c (P_b - 1) [(1 - b_1^2) + P_c b_1^2 (1 - b_2^2)]`, or the same with
        :math:`(1 - b_1^2) (1 - b_2^2)` in brackets, which the paper's program has and which misses that the children of
        one parent vary together.

    Returns
    -------
    NormalMixture
        Of two components: first that of the units at which child and grandparent agree.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    check_tree(b1, b2, n_children, n_parents)
    if variance not in VARIANCES:
        raise ValueError(f"variance must be one of {', '.join(VARIANCES)}, got {variance!r}")
    mean = b1**3 * b2**3 * n_children * (n_parents - 1)
    std = _cousin_std(b1, b2, n_children, n_parents, is_exact=variance == "exact")
    return NormalMixture(_two_weights(b1 * b2), np.array([mean, -mean]), std)


def total_interference_distribution(
    b1: float, b2: float, n_children: int, n_parents: int, *, pull: float = 0.0, crosstalk: float = 0.0
) -> NormalMixture:
    """Law of c* + c~ + noise at one unit: siblings, pull, and children of the other parents depend on each other.

    Parameters
    ----------
    b1, b2, n_children, n_parents
        As for `inter_class_distribution`.
    pull : float
        As for `interference_distribution`.
    crosstalk : float, >= 0
        Variance of independent normal noise: see `crosstalk_variance`.

    Returns
    -------
    NormalMixture
        Of four components: child and parent agree (+) or not (-), and so do parent and grandparent, ++, +-, -+, --.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    check_tree(b1, b2, n_children, n_parents)
    check_variance("crosstalk", crosstalk)
    within = interference_distribution(b1, n_children, pull=pull)
    cousins = b1**3 * b2**3 * n_children * (n_parents - 1)
    weights = np.outer(within.weights, _two_weights(b2)).ravel()
    # the parent's sign is that of the siblings' mean; the grandparent's, relative to it, that of the cousins'
    means = np.outer([1, -1], [within.means[0] + cousins, within.means[0] - cousins]).ravel()
    variance = within.std**2 + _cousin_std(b1, b2, n_children, n_parents, is_exact=True) ** 2 + crosstalk
    return NormalMixture(weights, means, float(np.sqrt(variance)))


def one_step_accuracy(
    b1: float,
    n_children: int,
    *,
    pull: float = 0.0,
    b2: float = 0.0,
    n_parents: int = 1,
    crosstalk: float = 0.0,
) -> float:
    """Overlap m(1) = 1 - 2 P(flip) with a child after one step from the child itself.

    Parameters
    ----------
    b1, n_children, pull
        As for `interference_distribution`; by default the siblings are all that interferes.
    b2, n_parents, crosstalk
        As for `total_interference_distribution`.

    Returns
    -------
    float in [-1, 1]

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    law = total_interference_distribution(b1, b2, n_children, n_parents, pull=pull, crosstalk=crosstalk)
    return 1.0 - 2.0 * float(law.probability_below(-1.0))


def cancelling_pull(b1: float, n_children: int) -> float:
    """Strength of the pull that cancels the mean interference of the siblings, b1^3 (P_c - 1)."""
    check_correlation("b1", b1)
    check_integer("n_children", n_children, 1)
    return float(b1**3 * (n_children - 1))


def optimal_pull(b1: float, n_children: int, *, crosstalk: float = 0.0) -> float:
    r"""Strength of the pull after which one step from a child is most accurate.

    It is :math:`\mu - \sigma^2 \operatorname{artanh} b_1`, less than what cancels the mean interference: where noise
    hides the child, the parent is the better guess.

    Parameters
    ----------
    b1, n_children
        As for `interference_distribution`; in absolute value b1 is below 1.
    crosstalk : float, >= 0
        Variance of other, normal noise, which is added to that of the siblings.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    check_variance("crosstalk", crosstalk)
    cancelling = cancelling_pull(b1, n_children)
    if abs(b1) == 1:
        raise ValueError(f"b1 must be in (-1, 1), got {b1}")
    return cancelling - (_sibling_std(b1, n_children) ** 2 + crosstalk) * float(np.arctanh(b1))


def child_stability_threshold(n_children: int) -> float:
    """Correlation b1* = (P_c - 1)^(-1/3) above which the siblings' mean interference flips a child towards its parent.

    With the number of parents of a grandparent it is the threshold b2* of the parents. Without siblings it is infinite.

    Parameters
    ----------
    n_children : int, >= 1
    """
    check_integer("n_children", n_children, 1)
    return float("inf") if n_children == 1 else float((n_children - 1) ** (-1.0 / 3.0))


def crosstalk_variance(n_units: int, branching: tuple[int, int, int], b1: float, b2: float) -> float:
    """Variance of the field that the deviations of overlaps from their means add at each unit.

    The overlaps of the state with the stored patterns vary by about 1 / sqrt(N), and those of relatives together: P / N
    times the mean number of patterns that a pattern's square overlaps add up to.

    Parameters
    ----------
    n_units : int, >= 1
        N.
    branching : (int, int, int), >= 1
        Grandparents P_a, parents of each P_b, children of each P_c.
    b1, b2 : float in [-1, 1]

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    check_integer("n_units", n_units, 1)
    if len(branching) != 3:
        raise ValueError(f"branching must have three numbers, got {len(branching)}")
    n_grandparents, n_parents, n_children = branching
    check_integer("branching[0]", n_grandparents, 1)
    check_tree(b1, b2, n_children, n_parents)
    relatives = 1.0 + (n_children - 1) * b1**4 + n_children * (n_parents - 1) * b1**4 * b2**4
    return n_grandparents * n_parents * n_children / n_units * relatives


def feedforward_weights(b1: float, b2: float, n_children: int) -> tuple[float, float]:
    """Weights, in the feedforward field of a child, of its parent and of each other parent of the same grandparent.

    They are 1 + b1^2 (P_c - 1) and b1^2 b2^2 P_c. The push from a parent weighs the children of these two kinds 1 and
    b2^2.
    """
    check_tree(b1, b2, n_children, 1)
    return 1.0 + b1**2 * (n_children - 1), b1**2 * b2**2 * n_children


def majority_overlaps(b: float, n_children: int) -> tuple[float, float]:
    """Overlaps of the majority of children with one child, and with the parent that they were drawn from.

    Exact for any number of children; a tie has either sign with the same probability with respect to child and parent.

    Parameters
    ----------
    b : float in [-1, 1]
        Overlap of a child with the parent that it was drawn from.
    n_children : int, >= 1

    Returns
    -------
    (float, float)
    """
    check_correlation("b", b)
    check_integer("n_children", n_children, 1)
    agreeing = np.arange(n_children + 1)
    probability, total = binom.pmf(agreeing, n_children, (1 + b) / 2), 2 * agreeing - n_children
    return float(probability @ np.abs(total)) / n_children, float(probability @ np.sign(total))


def _two_weights(correlation):
    return np.array([1.0 + correlation, 1.0 - correlation]) / 2.0


def _sibling_std(b1, n_children):
    return float(np.sqrt(b1**4 * (1 - b1**2) * (n_children - 1)))


def _cousin_std(b1, b2, n_children, n_parents, *, is_exact):
    together = (1 - b1**2) + n_children * b1**2 * (1 - b2**2) if is_exact else (1 - b1**2) * (1 - b2**2)
    return float(np.sqrt(b1**4 * b2**4 * n_children * (n_parents - 1) * together))


def check_correlation(name: str, value: float) -> None:
    """Raise TypeError or ValueError if `value` is no number in [-1, 1]."""
    check_finite(name, value)
    if not -1 <= value <= 1:
        raise ValueError(f"{name} must be in [-1, 1], got {value}")


def check_variance(name: str, value: float) -> None:
    """Raise TypeError or ValueError if `value` is no number >= 0."""
    check_finite(name, value)
    if value < 0:
        raise ValueError(f"{name} must be >= 0, got {value}")


def check_tree(b1: float, b2: float, n_children: int, n_parents: int) -> None:
    """Raise TypeError or ValueError if a correlation or a number of relatives is out of range."""
    check_correlation("b1", b1)
    check_correlation("b2", b2)
    check_integer("n_children", n_children, 1)
    check_integer("n_parents", n_parents, 1)
