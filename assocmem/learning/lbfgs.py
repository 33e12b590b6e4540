"""Training of small networks on all samples at once, by L-BFGS."""

from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.optimize import minimize

from assocmem.errors import DivergedError
from assocmem.learning.training import Loss, Samples, TrainedNetwork, mean_loss, workers
from assocmem.networks.base import Layer, Vector
from assocmem.validation import check_finite, check_integer, check_positive

__all__ = ["train_lbfgs"]


def train_lbfgs(
    network: Layer,
    samples: Samples,
    loss: Loss,
    *,
    n_iterations: int = 200,
    ridge: float = 0.0,
    tol: float = 1e-6,
    seed: int = 0,
    threads: int | None = None,
) -> TrainedNetwork:
    """A network at a minimum of ``mean loss + ridge |parameters|^2 / 2``, in float64.

    Random masks and dropout are drawn once, so that the cost is a function.

    Parameters
    ----------
    network, samples, loss
        As in `train`.
    n_iterations : int, >= 1
        Stop there at the latest.
    ridge : float, >= 0
    tol : float, > 0
        Largest component of the gradient at the end.
    seed : int, >= 0
    threads : int, optional
        Without effect on results.

    Returns
    -------
    TrainedNetwork
        Its history has the cost after each iteration.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    DivergedError
        If the loss is no longer finite.

    References
    ----------
    Liu & Nocedal (1989); the implementation is SciPy's.
    """
    check_integer("n_iterations", n_iterations, 1)
    check_finite("ridge", ridge)
    if ridge < 0:
        raise ValueError(f"ridge must be >= 0, got {ridge}")
    check_positive("tol", tol)
    check_integer("seed", seed, 0)
    if len(samples) == 0:
        raise ValueError("samples must hold at least one item, got none")
    start = Vector.of(network.initial(np.random.default_rng(seed)), float)
    costs, last = [], {}

    with workers(threads) as mapping:

        def cost(values):
            found, gradient = mean_loss(network, start.like(values), samples, loss, (seed, 0), mapping)
            if not (np.isfinite(found) and np.all(np.isfinite(gradient))):
                raise DivergedError(
                    f"training diverged in iteration {len(costs)}: the loss is no longer finite ({found})",
                    trajectory=0,
                    time=float(len(costs)),
                    parameters={"ridge": ridge},
                )
            last["cost"] = found + 0.5 * ridge * values @ values
            return last["cost"], gradient + ridge * values

        options = {"maxiter": n_iterations, "gtol": tol, "ftol": 0.0, "maxfun": 20 * n_iterations}

        def keep(values):
            costs.append(last["cost"])

        found = minimize(cost, start.values, jac=True, method="L-BFGS-B", callback=keep, options=options)
    history = xr.Dataset({"cost": ("iteration", np.array(costs), {"units": "1"})}, {"iteration": np.arange(len(costs))})
    return TrainedNetwork(network, replace(start, values=found.x), history, len(costs) - 1)
