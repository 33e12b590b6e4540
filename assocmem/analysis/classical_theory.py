r"""Theory of the classical Hopfield network with Hebb's rule: mean field, first updates, patterns without errors.

Mean field, for many units and a load alpha of random patterns, at temperature 0. The state that retrieves a pattern has
the overlap m, the other patterns make Gaussian noise of variance alpha r, and C tells how the state answers to a field:

.. math::
    m = \operatorname{erf} y, \quad y = \frac{m}{\sqrt{2 \alpha r}}, \quad r = \frac{1}{(1 - C)^2}, \quad
    C = \sqrt{\frac{2}{\pi \alpha r}} e^{-y^2}
    \quad\Longrightarrow\quad
    \sqrt{2 \alpha} = F(y) = \frac{\operatorname{erf} y}{y} - \frac{2}{\sqrt\pi} e^{-y^2}

F rises to a maximum, which is the critical load, and falls: the state that retrieves is the solution with the larger y.
In an energy per unit without self-coupling the state is worth ``-m^2 / 2 + alpha (1 - r) / 2``.

At a temperature T = 1 / beta, with ``<.>`` a mean over a normal z,

.. math::
    m = \langle \tanh(u + v z) \rangle, \quad q = \langle \tanh^2(u + v z) \rangle, \quad
    u = \beta m, \quad v = \beta \sqrt{\alpha r}, \quad r = \frac{q}{(1 - \beta (1 - q))^2}

so that u and v give m and q, these ``beta = u / m`` and r, and these the load.

References
----------
Amit, Gutfreund & Sompolinsky (1985), Phys. Rev. Lett. 55, and (1987), Ann. Phys. 173: mean field.
McEliece, Posner, Rodemich & Venkatesh (1987), IEEE Trans. Inf. Theory 33: patterns without errors.
Amari & Maginu (1988), Neural Networks 1: the overlap in synchronous updates.
"""

from functools import cache

import numpy as np
import xarray as xr
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf
from scipy.stats import binom, chi2, norm

from assocmem.validation import check_boolean, check_finite, check_integer, real_array

__all__ = [
    "critical_load",
    "exact_capacity",
    "ground_state_load",
    "neurodynamic_border",
    "neurodynamic_overlaps",
    "one_step_errors",
    "one_step_overlap",
    "retrieval_state",
    "spin_glass_energy",
    "spin_glass_temperature",
    "stable_pattern_probability",
]

_HALVINGS = 40  # of an interval of length 1
_UPDATES = 300  # until overlaps near the border have gone to one side
_SLOPE = 2 / np.sqrt(np.pi)
_COLDEST = 0.02  # below, the nodes do not resolve the step of a unit
_QUANTILES = 400
_NODES = np.linspace(-9.0, 9.0, 6001)
_NODE_WEIGHTS = norm.pdf(_NODES) * (_NODES[1] - _NODES[0])


def _root_of_load(y: float) -> float:
    """F(y), the root of twice the load at which m / sqrt(2 alpha r) is y."""
    return erf(y) / y - _SLOPE * np.exp(-y * y)


@cache
def _turning_point() -> float:
    """The y at which the load is largest."""
    return float(minimize_scalar(lambda y: -_root_of_load(y), bounds=(1.0, 2.5), options={"xatol": 1e-12}).x)


def critical_load(temperature: float = 0.0) -> float:
    """Largest load at which a state retrieves: 0.1379 at temperature 0, where its overlap falls from 0.967 to 0.

    Replica-symmetric; with the symmetry broken it is 0.1382 (Steffan & Kühn 1994, Z. Phys. B 95).

    Parameters
    ----------
    temperature : float, 0 or in [0.02, 1)
        Of Gibbs noise, in the unit of the potential.

    Raises
    ------
    TypeError, ValueError
        If the temperature is out of its range.
    """
    check_finite("temperature", temperature)
    if temperature == 0:
        return float(_root_of_load(_turning_point()) ** 2 / 2)
    if not _COLDEST <= temperature < 1:
        raise ValueError(f"temperature must be 0 or in [{_COLDEST}, 1), got {temperature}")
    # beyond the largest v there is no positive solution u of m = T u: at u = 0 the slope of m is 1 - q
    widest = brentq(lambda v: 1 - _moments(0.0, v)[1] - temperature, 1e-9, 2 / temperature)
    found = minimize_scalar(
        lambda v: -_load_of_noise(v, temperature), bounds=(0.0, widest), method="bounded", options={"xatol": 1e-9}
    )
    return float(-found.fun)


def _moments(u: float, v: float) -> tuple[float, float]:
    """(m, q) of a unit with a signal u and normal noise of standard deviation v."""
    response = np.tanh(u + v * _NODES)
    return float(_NODE_WEIGHTS @ response), float(_NODE_WEIGHTS @ response**2)


def _load_of_noise(v: float, temperature: float) -> float:
    """Load of the state that retrieves and has the crosstalk v at a temperature."""
    # m is concave in u and at most 1
    u = brentq(lambda u: _moments(u, v)[0] - temperature * u, 1e-9, 1.001 / temperature, xtol=1e-13)
    q = _moments(u, v)[1]
    return (v * temperature * (1 - (1 - q) / temperature)) ** 2 / q


def spin_glass_temperature(load: float | np.ndarray) -> np.ndarray:
    """Temperature (load,) above which nothing is ordered, ``1 + sqrt(alpha)``.

    There q is small, ``q = beta^2 alpha r`` and ``r = q / (1 - beta)^2``, so that ``alpha = (T - 1)^2``.

    Raises
    ------
    TypeError, ValueError
        If the load is of the wrong type or not > 0.
    """
    return 1 + np.sqrt(_loads(load))


def _loads(load) -> np.ndarray:
    loads = np.atleast_1d(real_array("load", load))
    if loads.ndim > 1 or not np.all(loads > 0):
        raise ValueError(f"load must be numbers > 0, got {load}")
    return loads


def retrieval_state(load: float | np.ndarray) -> xr.Dataset:
    """The state that retrieves a pattern, in mean field at temperature 0.

    Parameters
    ----------
    load : float or array (load,), > 0
        Patterns per unit.

    Returns
    -------
    Dataset
        Over load: `overlap` (m), `error` ((1 - m) / 2, the fraction of units with the wrong sign), `crosstalk` (r),
        `susceptibility` (C) and `energy` per unit; NaN above `critical_load`.

    Raises
    ------
    TypeError, ValueError
        If the load is of the wrong type or not > 0.

    References
    ----------
    Amit, Gutfreund & Sompolinsky (1987), sections 4 and 5.
    """
    loads = _loads(load)
    y = np.array([_larger_solution(float(a)) for a in loads])
    overlap = erf(y)
    susceptibility = _SLOPE * y * np.exp(-y * y) / overlap
    crosstalk = (1 - susceptibility) ** -2
    energy = -(overlap**2) / 2 + loads * (1 - crosstalk) / 2
    values = {"overlap": overlap, "error": (1 - overlap) / 2, "crosstalk": crosstalk}
    values |= {"susceptibility": susceptibility, "energy": energy}
    data = {name: ("load", value, {"units": "1"}) for name, value in values.items()}
    return xr.Dataset(data, {"load": ("load", loads, {"units": "patterns / unit"})})


def _larger_solution(load: float) -> float:
    """y of the state that retrieves; NaN where there is none."""
    root, lowest = np.sqrt(2 * load), _turning_point()
    if root > _root_of_load(lowest):
        return np.nan
    # F is below 1 / y, so the solution is below 1 / root
    return float(brentq(lambda y: _root_of_load(y) - root, lowest, 1.001 / root, xtol=1e-14, rtol=1e-14))


def spin_glass_energy(load: float | np.ndarray) -> np.ndarray:
    r"""Energy per unit (load,) of states without a macroscopic overlap, ``-1/pi - sqrt(2 alpha / pi)``.

    Raises
    ------
    TypeError, ValueError
        If the load is of the wrong type or not > 0.
    """
    return -1 / np.pi - np.sqrt(2 * _loads(load) / np.pi)


@cache
def ground_state_load() -> float:
    """Load up to which states that retrieve have the lowest energy of all, 0.051."""

    def difference(load):
        return float(retrieval_state(load).energy[0] - spin_glass_energy(load)[0])

    return float(brentq(difference, 0.01, 0.13, xtol=1e-14))


def one_step_overlap(overlap: float | np.ndarray, load: float | np.ndarray) -> np.ndarray:
    """Overlap after one synchronous update of a cue with an overlap, for many units: ``erf(m / sqrt(2 alpha))``.

    Raises
    ------
    TypeError, ValueError
        If the load is not > 0 or an overlap not in [-1, 1].
    """
    return neurodynamic_overlaps(overlap, load, steps=1)[..., 1]


def neurodynamic_overlaps(overlap: float | np.ndarray, load: float | np.ndarray, *, steps: int) -> np.ndarray:
    r"""Overlaps (..., step) in synchronous updates, the cue's first.

    .. math::
        m_{t+1} = \operatorname{erf}\frac{m_t}{\sqrt2 \sigma_t}, \quad
        \sigma_{t+1}^2 = \alpha + 2 \alpha h_t m_t m_{t+1} + h_t^2 \sigma_t^2, \quad
        h_t = \sqrt{\frac{2}{\pi}} \frac{e^{-m_t^2 / 2 \sigma_t^2}}{\sigma_t}, \quad \sigma_0^2 = \alpha

    The first step is exact for many units. Later ones leave out that a state depends on the one before the last, which
    makes basins somewhat too wide and the critical load 0.160.

    Parameters
    ----------
    overlap, load : float or array (...)
        Broadcast against each other.
    steps : int, >= 0

    Raises
    ------
    TypeError, ValueError
        If the load is not > 0, an overlap not in [-1, 1], or the number of steps not >= 0.
    """
    overlap, load = np.broadcast_arrays(real_array("overlap", overlap), real_array("load", load))
    if not np.all(load > 0):
        raise ValueError(f"load must be > 0, got {load}")
    if not np.all(np.abs(overlap) <= 1):
        raise ValueError(f"overlap must be in [-1, 1], got {overlap}")
    check_integer("steps", steps, 0)
    path, variance = [overlap.astype(float)], load.astype(float)
    for _ in range(steps):
        m, sigma = path[-1], np.sqrt(variance)
        path.append(erf(m / (np.sqrt(2) * sigma)))
        gain = np.sqrt(2 / np.pi) * np.exp(-((m / sigma) ** 2) / 2) / sigma
        variance = load + 2 * load * gain * m * path[-1] + (gain * sigma) ** 2
    return np.stack(path, axis=-1)


def neurodynamic_border(load: float | np.ndarray) -> np.ndarray:
    """Least overlap (load,) of a cue from which `neurodynamic_overlaps` lead to retrieval; NaN where none does.

    Raises
    ------
    TypeError, ValueError
        If the load is of the wrong type or not > 0.
    """
    loads = _loads(load)

    def is_retrieved(overlaps):
        return neurodynamic_overlaps(overlaps, loads, steps=_UPDATES)[:, -1] > 0.5

    outside, inside = np.zeros(loads.size), np.ones(loads.size)
    has_basin = is_retrieved(inside)
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        arrives = is_retrieved(middle)
        outside, inside = np.where(arrives, outside, middle), np.where(arrives, middle, inside)
    return np.where(has_basin, inside, np.nan)


def one_step_errors(n_units: int, n_patterns: int, n_flipped: int = 0) -> float:
    """Probability that a unit has the wrong sign after one synchronous update, for random patterns.

    The crosstalk at a unit is a sum of ``(n_units - 1) (n_patterns - 1)`` independent signs, so this is exact; a
    potential of 0 leaves the sign. For many units it is ``erfc(m / sqrt(2 load)) / 2`` with the overlap m of the cue.

    Parameters
    ----------
    n_units, n_patterns : int, >= 1
    n_flipped : int in 0..n_units
        Units of the cue with the wrong sign.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    References
    ----------
    McEliece et al. (1987), section 5.
    """
    check_integer("n_units", n_units, 1)
    check_integer("n_patterns", n_patterns, 1)
    check_integer("n_flipped", n_flipped, 0)
    if n_flipped > n_units:
        raise ValueError(f"n_flipped must be at most n_units = {n_units}, got {n_flipped}")
    n_signs = (n_units - 1) * (n_patterns - 1)
    signal = n_units - 1 - 2 * n_flipped  # of the own pattern at a unit that is right; 2 more at one that is wrong
    share = n_flipped / n_units
    return float((1 - share) * _below(-signal - 1, n_signs) + share * _below(-signal - 2, n_signs))


def _below(bound: int, n_signs: int) -> float:
    """Probability that a sum of signs is at most so much."""
    return binom.cdf((bound + n_signs) // 2, n_signs, 0.5)


def stable_pattern_probability(n_units: int, n_patterns: int) -> float:
    r"""Probability that a random pattern is a fixed point, in all its units.

    Units share the overlaps M of the pattern with the others, whose sum of squares is ``N (P - 1) chi`` with a chi
    square ``(P - 1) chi``. Given chi, potentials are taken as independent normal numbers, and errors are scaled so that
    their mean is that of `one_step_errors`:

    .. math::
        p(\chi) \propto \Phi\left(-\frac{N + (P - 1)(\chi - 1)}{\sqrt{N (P - 1) \chi}}\right), \qquad
        \langle (1 - p(\chi))^N \rangle

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.
    """
    mean = one_step_errors(n_units, n_patterns)
    if n_patterns == 1:
        return 1.0
    others = n_patterns - 1
    spread = chi2.ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES, others) / others
    errors = norm.sf((n_units + others * (spread - 1)) / np.sqrt(n_units * others * spread))
    errors = np.minimum(errors * mean / errors.mean(), 1.0) if mean > 0 else np.zeros(1)
    return float(np.mean((1 - errors) ** n_units))


def exact_capacity(n_units: int, *, of_all: bool = False) -> float:
    """Patterns of which most are fixed points, N / (2 log N), or with probability near 1 all, N / (4 log N).

    Leading terms for many units: `stable_pattern_probability` tells how far they hold for few.

    Raises
    ------
    TypeError, ValueError
        If the number of units is not at least 2.

    References
    ----------
    McEliece et al. (1987), abstract.
    """
    check_integer("n_units", n_units, 2)
    check_boolean("of_all", of_all)
    return float(n_units / ((4 if of_all else 2) * np.log(n_units)))
