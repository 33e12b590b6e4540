"""Compile the loops of the package's models ahead of time, so that the first run of a program starts at once."""

import time

import numpy as np

from assocmem.inputs import OrnsteinUhlenbeck
from assocmem.integrators import METHODS
from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.models.balanced_ei import BalancedEI
from assocmem.simulate import simulate

__all__ = ["main"]


def main() -> int:
    """Run every deterministic method, with and without input noise, for two steps on each kernel of the package."""
    started = time.perf_counter()
    for activation in (PowerLaw(), SoftplusSquared()):
        model = BalancedEI(np.zeros((2, 2)), 1, activation=activation)
        for method in (name for name, m in METHODS.items() if not m.is_stochastic and name != "map"):
            is_adaptive = METHODS[method].step_kernel is None
            for noise in [None] if is_adaptive else [None, OrnsteinUhlenbeck(tau=50.0, std=1.0)]:
                step = None if is_adaptive else 0.5
                simulate(model, np.zeros(2), duration=1.0, dt=step, method=method, noise=noise, seed=0, threads=1)
                what = f"{type(activation).__name__}, {method}{', input noise' if noise else ''}"
                print(f"{time.perf_counter() - started:6.1f} s  balanced E-I network, {what}", flush=True)
    return 0
