r"""How many random patterns softmax and sparse separations retrieve: the random energy model, and exactly for N units.

Patterns of N units have the norm sqrt(N); "sphere": random directions, "signs": random signs. A cue has the overlap
(cosine) m with its pattern. The other patterns have overlaps t with it, of density exp(-N I(t)), and softmax gives them
the weights exp(N g (t - m)) relative to that of the pattern, where the gain g is the inverse temperature times the norm
of the cue per sqrt(N). Their sum is the partition function of a random energy model of log(P) = alpha N:

.. math:: \tfrac1N \log S = \max_{I(t) \le \alpha} \left[\alpha - I(t) + g t\right] - g m

The pattern is retrieved while it is negative. At a small gain the sum is that of many patterns of overlap t* and
averages itself; at a large one, g > g*, where t* > m, it is condensed on the nearest patterns, and the capacity is
alpha = I(m) at any gain. This is the capacity of a channel that makes cues from patterns: no memory holds more.

References
----------
Lucibello & Mezard (2024), The exponential capacity of dense associative memories, PRL 132, 077301.
Derrida (1981), Random-energy model: an exactly solvable model of disordered systems, PRB 24, 2613.
Abate & Whitt (1995), Numerical inversion of Laplace transforms of probability distributions, ORSA J. Comput. 7, 36.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, betaln, binom
from scipy.stats import norm

from assocmem.analysis.random_overlaps import ENSEMBLES
from assocmem.validation import check_finite, check_integer, check_positive

__all__ = [
    "critical_gain",
    "exact_retrieval_probability",
    "exponential_capacity",
    "extreme_value_probability",
    "nearest_probability",
    "overlap_cost",
    "retrieval_probability",
    "typical_capacity",
]

_DISCRETISATION = 18.4  # of an inverse Laplace transform, whose error is exp(-18.4) = 1e-8
_LARGEST_LOG = 700.0  # of a number that is a float
_TERMS, _AVERAGED = 40, 14  # of its alternating series, and how many partial sums are averaged


def overlap_cost(overlap: float, *, ensemble: str = "sphere") -> float:
    r"""I(t): a random pattern has the overlap t with a given direction with a probability of exp(-N I(t)).

    ``-log(1 - t^2) / 2`` on the sphere and ``((1 + t) log(1 + t) + (1 - t) log(1 - t)) / 2`` for signs: the capacities,
    in nats per unit, of the Gaussian and of the binary symmetric channel of that overlap.

    Parameters
    ----------
    overlap : float in [0, 1)
    ensemble : {"sphere", "signs"}

    Raises
    ------
    TypeError, ValueError
        If the overlap or the ensemble is out of range.
    """
    return float(_checked(ensemble, overlap=overlap).cost(overlap))


def critical_gain(overlap: float, *, ensemble: str = "sphere") -> float:
    """g*: the gain from which on the sum over other patterns is condensed at the capacity, which no longer grows.

    ``m / (1 - m^2)`` on the sphere, ``arctanh m`` for signs: that of the likelihood of cues of overlap m, too.
    """
    return float(_checked(ensemble, overlap=overlap).critical_gain(overlap))


def exponential_capacity(gain: float, overlap: float, *, ensemble: str = "sphere") -> float:
    r"""Largest alpha at which softmax retrieves a typical one of exp(alpha N) patterns, for many units.

    .. math:: \alpha = g (m - t^*) + I(t^*) \quad (g \le g^*), \qquad \alpha = I(m) \quad (g \ge g^*)

    Parameters
    ----------
    gain : float, > 0
        g, the inverse temperature times the norm of the cue per sqrt(N); patterns have the norm sqrt(N).
    overlap : float in [0, 1]
        m, the cosine of cue and pattern. The cue may be the pattern itself.
    ensemble : {"sphere", "signs"}
        For "signs" the cues are signs, too.

    Returns
    -------
    float, log patterns / unit.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Lucibello & Mezard (2024), for cues that are patterns.
    """
    kind = _checked(ensemble, gain=gain)
    check_finite("overlap", overlap)
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap must be in [0, 1], got {overlap}")
    typical = kind.tilted(gain)
    if typical >= overlap:
        return float(kind.cost(overlap))
    return float(gain * (overlap - typical) + kind.cost(typical))


def retrieval_probability(
    n_patterns: float, n_units: int, *, gain: float, overlap: float, weight: float = 0.5, ensemble: str = "sphere"
) -> float:
    """Probability that softmax gives the pattern of the cue at least a certain weight, for any number of units.

    The sum of the relative weights of P - 1 independent patterns must be at most ``(1 - weight) / weight``. Its
    distribution follows from the Laplace transform of one of them, inverted numerically (error below 1e-6 on the
    sphere; near one of the jumps that the distribution has for signs, up to 0.01).

    Parameters
    ----------
    n_patterns : float, >= 1
        P; not necessarily whole.
    n_units : int, >= 3 (signs: >= 1)
    gain, overlap, ensemble
        As for `exponential_capacity`, the overlap being below 1.
    weight : float in (0, 1)

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    kind = _checked(ensemble, n_patterns=n_patterns, n_units=n_units, gain=gain, overlap=overlap, weight=weight)
    return _probability(float(n_patterns), *_single(kind, n_units, gain, overlap, weight))


def typical_capacity(
    n_units: int,
    *,
    gain: float,
    overlap: float,
    weight: float = 0.5,
    probability: float = 0.5,
    ensemble: str = "sphere",
) -> float:
    """Number of patterns at which `retrieval_probability` is `probability`.

    Parameters
    ----------
    n_units, gain, overlap, weight, ensemble
        As for `retrieval_probability`.
    probability : float in (0, 1)

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    kind = _checked(ensemble, n_units=n_units, gain=gain, overlap=overlap, weight=weight, probability=probability)
    single = _single(kind, n_units, gain, overlap, weight)

    def excess(log_number):
        return _probability(np.exp(log_number), *single) - probability

    fewest = most = np.log(2.0)
    if excess(fewest) < 0:
        largest = excess(fewest) + probability
        raise ValueError(f"probability must be at most that with two patterns, {largest:.3g}, got {probability}")
    while excess(most) > 0:
        most += 2.0
        if most > _LARGEST_LOG:
            raise ValueError(f"n_units must give a number of patterns below e^{_LARGEST_LOG:g}, got {n_units}")
    return float(np.exp(brentq(excess, fewest, most, xtol=1e-9)))


def nearest_probability(n_patterns: float, n_units: int, *, overlap: float, ensemble: str = "sphere") -> float:
    r"""Probability that the pattern of the cue is the nearest one, ties being broken at random.

    With the probabilities q of an overlap below m and e of one that is equal, which only signs have,

    .. math:: \frac{(q + e)^P - q^P}{P e} \to q^{P - 1} \quad (e \to 0)

    Parameters
    ----------
    n_patterns, n_units, overlap, ensemble
        As for `retrieval_probability`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    kind = _checked(ensemble, n_patterns=n_patterns, n_units=n_units, overlap=overlap)
    tail = float(kind.tail(n_units, overlap))
    equal = tail - float(kind.tail(n_units, overlap + 1e-6 / n_units)) if kind is ENSEMBLES["signs"] else 0.0
    below = np.log1p(-tail)
    if equal == 0.0:
        return float(np.exp((n_patterns - 1) * below))
    at_most = np.log1p(equal - tail)
    # the difference of two powers that may be nearly the same
    return float(-np.exp(n_patterns * at_most) * np.expm1(n_patterns * (below - at_most)) / (n_patterns * equal))


def exact_retrieval_probability(
    n_patterns: float, n_units: int, *, gain: float, overlap: float, margin: float, ensemble: str = "sphere"
) -> float:
    r"""Probability that a separation with a margin retrieves the pattern exactly, in one step.

    It does so where no other score comes nearer to that of the pattern than margin / beta, that is if all overlaps are
    at most :math:`m - \mathrm{margin} / (g N)`; they are independent.

    Parameters
    ----------
    n_patterns, n_units, gain, overlap, ensemble
        As for `retrieval_probability`; the overlap may be 1.
    margin : float, >= 0
        Of the separation, see `assocmem.separations.Separation.margin`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    kind = _checked(ensemble, n_patterns=n_patterns, n_units=n_units, gain=gain)
    level = _level(n_units, gain, overlap, margin)
    if level <= -1.0:
        return float(n_patterns == 1)
    # just above the level for signs, as an overlap that is at the level is allowed
    tail = float(kind.tail(n_units, min(level + 1e-6 / n_units, 1.0) if kind is ENSEMBLES["signs"] else level))
    return float(np.exp((n_patterns - 1) * np.log1p(-tail))) if tail < 1 else float(n_patterns == 1)


def extreme_value_probability(
    n_patterns: float, n_units: int, *, gain: float, overlap: float, margin: float, products: str = "sphere"
) -> float:
    r"""The same by the Gumbel law of the largest of P - 1 overlaps, for many patterns.

    .. math:: \exp(-e^{-(t - b) / a}), \quad t = m - \tfrac{\mathrm{margin}}{g N}, \quad
        \mathrm{P}(t' > b) = \tfrac{1}{P - 1}, \quad a = \frac{1}{(P - 1) f(b)}

    where f is the density of one overlap t'. With "normal" products it is that of variance 1 / N, which holds for
    log P much below N only: the tails of overlaps are lighter, at the rate I(t) in place of t^2 / 2.

    Parameters
    ----------
    n_patterns : float, > 2
    n_units, gain, overlap, margin
        As for `exact_retrieval_probability`.
    products : {"sphere", "normal"}

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Leadbetter, Lindgren & Rootzen (1983), Extremes and related properties of random sequences and processes, ch. 1.
    """
    _checked("sphere", n_patterns=n_patterns, n_units=n_units, gain=gain)
    if not n_patterns > 2:
        raise ValueError(f"n_patterns must be > 2, got {n_patterns}")
    if products not in ("sphere", "normal"):
        raise ValueError(f"products must be 'sphere' or 'normal', got {products!r}")
    others, level = n_patterns - 1, _level(n_units, gain, overlap, margin)
    if products == "normal":
        location = norm.isf(1 / others) / np.sqrt(n_units)
        density = np.sqrt(n_units) * norm.pdf(location * np.sqrt(n_units))
    else:
        half = (n_units - 1) / 2
        square_sine = betaincinv(half, 0.5, min(2 / others, 1.0))
        location = np.sqrt(1 - square_sine)
        density = np.exp((half - 1) * np.log(square_sine) - betaln(0.5, half))
    return float(np.exp(-np.exp(-(level - location) * others * density)))


def _level(n_units, gain, overlap, margin):
    """Largest overlap that another pattern may have."""
    for name, value in (("overlap", overlap), ("margin", margin)):
        check_finite(name, value)
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap must be in [0, 1], got {overlap}")
    if margin < 0:
        raise ValueError(f"margin must be >= 0, got {margin}")
    return overlap - margin / (gain * n_units)


def _single(kind, n_units, gain, overlap, weight):
    """(what is left, relative weights, their probabilities, probability of one that is larger than these)."""
    left = (1.0 - weight) / weight
    scale = gain * n_units
    # of a relative weight of 5 times what is left only exp(-46) is in the transform
    top = min(overlap + np.log(5.0 * left) / scale, 1.0)
    if top <= -1.0:
        return left, np.empty(0), np.empty(0), 1.0
    t, probabilities = kind.below(n_units, top, 1.0 / scale)
    return left, np.exp(scale * (t - overlap)), probabilities, float(kind.tail(n_units, top))


def _probability(n_patterns, left, values, probabilities, tail):
    """P(sum <= left) by the Fourier series of Abate & Whitt with Euler's summation."""
    frequencies = (_DISCRETISATION + 2j * np.pi * np.arange(_TERMS + _AVERAGED + 1)) / (2.0 * left)
    one = np.expm1(-frequencies[:, None] * values) @ probabilities - tail
    terms = (np.exp((n_patterns - 1.0) * _log1p(one)) / frequencies).real
    terms[0] *= 0.5
    sums = np.cumsum(terms * (-1.0) ** np.arange(terms.size))[_TERMS:]
    average = binom(_AVERAGED, np.arange(_AVERAGED + 1)) / 2.0**_AVERAGED @ sums
    return float(np.clip(np.exp(0.5 * _DISCRETISATION) / left * average, 0.0, 1.0))


def _log1p(z):
    """log(1 + z) of complex numbers, exact where they are small; finite where 1 + z is 0."""
    square = np.maximum(2.0 * z.real + np.abs(z) ** 2, -1.0 + 1e-16)
    return 0.5 * np.log1p(square) + 1j * np.arctan2(z.imag, 1.0 + z.real)


def _checked(ensemble, **values):
    """The ensemble, after the numbers have been checked."""
    if ensemble not in ENSEMBLES:
        raise ValueError(f"ensemble must be one of {', '.join(ENSEMBLES)}, got {ensemble!r}")
    kind = ENSEMBLES[ensemble]
    for name, value in values.items():
        if name == "n_units":
            check_integer(name, value, kind.fewest_units)
        elif name == "gain":
            check_positive(name, value)
        else:
            check_finite(name, value)
    for name in {"weight", "probability"} & set(values):
        if not 0 < values[name] < 1:
            raise ValueError(f"{name} must be in (0, 1), got {values[name]}")
    if "overlap" in values and not 0 <= values["overlap"] < 1:
        raise ValueError(f"overlap must be in [0, 1), got {values['overlap']}")
    if "n_patterns" in values and values["n_patterns"] < 1:
        raise ValueError(f"n_patterns must be >= 1, got {values['n_patterns']}")
    return kind
