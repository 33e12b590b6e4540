"""Stability-optimised circuits: strong random excitation tamed by optimised inhibition.

Hennequin, Vogels & Gerstner (2014), Optimal control of transient dynamics in balanced networks supports
generation of complex movements, Neuron 82, 1394-1406. Linear network with leak 1, stable where the spectral
abscissa of its weights is below 1.
"""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from assocmem.learning.spectral_abscissa import SmoothedAbscissa, abscissa_gradient
from assocmem.validation import check_finite, check_integer

__all__ = ["StabilityOptimisedCircuit", "random_sparse_weights", "stability_optimised_circuit"]


@dataclass(frozen=True, eq=False)
class StabilityOptimisedCircuit:
    """Result of `stability_optimised_circuit`.

    Attributes
    ----------
    weights : ndarray (unit, unit)
        Dimensionless, [post, pre]; the first half of the units is excitatory. Of the lowest abscissa found.
    initial_weights : ndarray (unit, unit)
        Before the optimisation.
    abscissa : float
        Spectral abscissa of `weights`.
    history : Dataset over iteration
        `abscissa` of the weights before each step and after the last.
    converged : bool
        Whether the abscissa reached the target.
    message : str
        How far it got.
    """

    weights: np.ndarray = field(repr=False)
    initial_weights: np.ndarray = field(repr=False)
    abscissa: float
    history: xr.Dataset = field(repr=False)
    converged: bool
    message: str


def random_sparse_weights(
    n_units: int, *, seed: int, density: float = 0.1, radius: float = 10.0, inhibition: float = 3.0
) -> np.ndarray:
    """Sparse random weights of half excitatory, half inhibitory units; eigenvalues in a disc of `radius`.

    Weights are w0 / sqrt(n) from excitatory and -inhibition w0 / sqrt(n) from inhibitory units, present with
    probability `density`, with w0 = sqrt(2) radius / sqrt(density (1 - density) (1 + inhibition^2)).

    Parameters
    ----------
    n_units : int, even, >= 4
    seed : int
    density : float in (0, 1)
    radius : float, > 0
    inhibition : float, > 0

    Returns
    -------
    ndarray (unit, unit), [post, pre], zero diagonal.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Hennequin, Vogels & Gerstner (2014), Experimental procedures.
    """
    check_integer("n_units", n_units, 4)
    check_integer("seed", seed, 0)
    for name, value in (("density", density), ("radius", radius), ("inhibition", inhibition)):
        check_finite(name, value)
    if n_units % 2:
        raise ValueError(f"n_units must be even and >= 4, got {n_units}")
    if not 0.0 < density < 1.0:
        raise ValueError(f"density must be in (0, 1), got {density}")
    for name, value in (("radius", radius), ("inhibition", inhibition)):
        if not value > 0.0:
            raise ValueError(f"{name} must be > 0, got {value}")
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    strength = np.sqrt(2.0 / n_units) * radius / np.sqrt(density * (1.0 - density) * (1.0 + inhibition**2))
    weights = np.where(rng.random((n_units, n_units)) < density, strength, 0.0)
    weights[:, n_units // 2 :] *= -inhibition
    np.fill_diagonal(weights, 0.0)
    return weights


def stability_optimised_circuit(
    n_units: int = 200,
    *,
    seed: int,
    density: float = 0.1,
    radius: float = 10.0,
    inhibition: float = 3.0,
    target: float = 0.15,
    step: float = 10.0,
    kept_fraction: float = 0.4,
    max_iterations: int = 4000,
    progress: bool = False,
) -> StabilityOptimisedCircuit:
    """Random network whose inhibitory weights are optimised until its spectral abscissa is at most `target`.

    Steps follow the gradient of the smoothed spectral abscissa with the shift max(1.5 abscissa, abscissa +
    0.2) in place of a fixed smoothing. After each, in this order, inhibitory weights are clipped at 0, scaled
    to block means of -inhibition times those of excitation, cut down to the strongest fraction, and freed of
    autapses; the cut leaves the means a little weaker. The BLAS is held to one thread.

    Parameters
    ----------
    n_units, seed, density, radius, inhibition
        As in `random_sparse_weights`.
    target : float
        Dimensionless; stable networks with leak 1 are below 1.
    step : float, > 0
        Length of a step in units of the gradient, whose trace is 1.
    kept_fraction : float in (0, 1]
        Share of inhibitory weights that may differ from 0.
    max_iterations : int, >= 1
    progress : bool
        Show a progress bar.

    Returns
    -------
    StabilityOptimisedCircuit
        Also after Ctrl-C or without convergence, then with the best weights found.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Hennequin, Vogels & Gerstner (2014); steps as in the public code of Stroud, Porter, Hennequin & Vogels (2018).
    """
    initial = random_sparse_weights(n_units, seed=seed, density=density, radius=radius, inhibition=inhibition)
    for name, value in (("target", target), ("step", step), ("kept_fraction", kept_fraction)):
        check_finite(name, value)
    if not step > 0.0:
        raise ValueError(f"step must be > 0, got {step}")
    if not 0.0 < kept_fraction <= 1.0:
        raise ValueError(f"kept_fraction must be in (0, 1], got {kept_fraction}")
    check_integer("max_iterations", max_iterations, 1)
    with threadpool_limits(limits=1, user_api="blas"):
        return _optimised(
            initial, target, step, inhibition, kept_fraction, max_iterations=max_iterations, progress=progress
        )


def _optimised(initial, target, step, inhibition, kept_fraction, *, max_iterations, progress):
    best, current, abscissas, reason = initial, initial, [], ""
    try:
        for _ in tqdm(range(max_iterations), desc="inhibition", disable=not progress):
            result = abscissa_gradient(current, _shift)
            best = current if result.abscissa <= min(abscissas, default=np.inf) else best
            abscissas.append(result.abscissa)
            if result.abscissa <= target:
                break
            current = _inhibitory_step(current, result, step, inhibition, kept_fraction)
    except KeyboardInterrupt:
        reason = "interrupted"
    return _result(best, initial, abscissas, target, reason)


def _shift(abscissa: float) -> float:
    return max(1.5 * abscissa, abscissa + 0.2)


def _inhibitory_step(
    weights: np.ndarray, result: SmoothedAbscissa, step: float, inhibition: float, kept_fraction: float
) -> np.ndarray:
    """Next weights: descend in the inhibitory columns, then restore what the network must keep."""
    n = len(weights) // 2
    weights = weights.copy()
    inhibitory = np.minimum(weights[:, n:] - step * result.gradient[:, n:], 0.0)
    for rows in (slice(0, n), slice(n, 2 * n)):
        mean = inhibitory[rows].mean()
        if mean < 0.0:
            inhibitory[rows] *= -inhibition * weights[rows, :n].mean() / mean
    n_kept = int(np.ceil(kept_fraction * inhibitory.size))
    weakest_kept = np.partition(inhibitory, n_kept - 1, axis=None)[n_kept - 1]
    inhibitory[inhibitory > weakest_kept] = 0.0
    inhibitory[n:][np.diag_indices(n)] = 0.0
    weights[:, n:] = inhibitory
    return weights


def _result(best, initial, abscissas, target, reason) -> StabilityOptimisedCircuit:
    lowest = min(abscissas, default=np.inf)
    converged = lowest <= target
    outcome = "converged" if converged else reason or "not converged"
    history = xr.Dataset(
        {"abscissa": ("iteration", np.array(abscissas, dtype=float), {"units": "1"})},
        coords={"iteration": ("iteration", np.arange(len(abscissas)), {"units": "1"})},
    )
    message = f"{outcome} after {len(abscissas)} iterations: abscissa {lowest:.3g}, target {target:g}"
    return StabilityOptimisedCircuit(best, initial, lowest, history, converged, message)
