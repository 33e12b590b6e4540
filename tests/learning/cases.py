"""Small training problems that several tests share."""

import numpy as np

from assocmem.kernels.activations import PowerLaw
from assocmem.learning.initial import lognormal_rates, random_ei_weights
from assocmem.learning.problem import Problem
from assocmem.models.balanced_ei import BalancedEI


def patterns(n_patterns=4, n_units=16, seed=0, sd=5.0):
    """Log-normal rates (pattern, unit) in Hz."""
    return lognormal_rates((n_patterns, n_units), mean=5.0, sd=sd, seed=100 + seed)


def problem(*, n_e=9, n_i=4, n_patterns=3, activation=None, drive=7.0, tau_e=20.0, tau_i=10.0, **options):
    """Training problem of a random network."""
    activation = PowerLaw() if activation is None else activation
    weights = random_ei_weights(n_e, n_i, seed=0)
    model = BalancedEI(weights, n_e, drive=drive, tau_e=tau_e, tau_i=tau_i, activation=activation)
    defaults = {"storage": "exact", "parametrisation": "softplus", "epsilon": 0.05, "trains_drive": False}
    defaults |= {"inhibitory_rates": None, "is_clamped": False, "seed": 0}
    return Problem.checked(patterns(n_patterns, n_e), model, **(defaults | options))


def directional_error(objective, vector, direction, step=1e-4):
    """Relative error of the gradient along a direction, against fourth-order central differences."""
    _, gradient = objective(vector)
    moved = {k: objective(vector + k * step * direction)[0] for k in (-2, -1, 1, 2)}
    numeric = (8.0 * (moved[1] - moved[-1]) - (moved[2] - moved[-2])) / (12.0 * step)
    return abs(numeric / np.vdot(gradient, direction) - 1.0)
