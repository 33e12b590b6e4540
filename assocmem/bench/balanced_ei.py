"""The E-I network of 150 units: fixed steps, adaptive steps and noise, for ensembles of several sizes."""

from collections.abc import Callable

import numpy as np

from assocmem.bench.measuring import Table, needs
from assocmem.inputs import OrnsteinUhlenbeck
from assocmem.jit import kernel
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import FunctionFlow
from assocmem.simulate import simulate

__all__ = ["TABLES"]

N_UNITS, N_EXCITATORY, DT = 150, 100, 0.5
BATCHES = (1, 32, 256)
GAIN, DRIVE, STD = 0.04, 7.0, 1.0


def network() -> BalancedEI:
    """A stable random network of the size of the paper's."""
    rng = np.random.default_rng(1)
    weights = rng.exponential(0.01, (N_UNITS, N_UNITS))
    weights[:, N_EXCITATORY:] *= -2.0
    np.fill_diagonal(weights, 0.0)
    return BalancedEI(weights, N_EXCITATORY)


def starts(batch: int) -> np.ndarray:
    return np.random.default_rng(2).normal(8.0, 2.0, (batch, N_UNITS))


@kernel
def _white_noise(t, y, amplitude, noise):
    amplitude[:] = noise


def _noisy_flow(model: BalancedEI) -> FunctionFlow:
    names = ("weights_from", "drive", "leak", "gain", "exponent")
    values = {name: getattr(model, name) for name in names} | {"noise": STD / 10.0}
    return FunctionFlow(model.rhs, N_UNITS, values, diffusion=_white_noise, n_work=N_UNITS)


# contenders: (batch, n_steps) -> function that does the work once


def _simulated(model, batch: int, n_steps: int, **options) -> Callable:
    y0 = starts(batch)
    return lambda: simulate(model, y0, duration=n_steps * DT, **options)


def assocmem_rk4(batch: int, n_steps: int, threads: int) -> Callable:
    return _simulated(network(), batch, n_steps, dt=DT, method="rk4", every=None, threads=threads)


def assocmem_euler(batch: int, n_steps: int, threads: int) -> Callable:
    return _simulated(network(), batch, n_steps, dt=DT, method="euler", every=None, threads=threads)


def assocmem_euler_maruyama(batch: int, n_steps: int, threads: int) -> Callable:
    flow = _noisy_flow(network())
    return _simulated(flow, batch, n_steps, dt=DT, method="euler_maruyama", every=None, seed=1, threads=threads)


def assocmem_ou_input(batch: int, n_steps: int, threads: int) -> Callable:
    noise = OrnsteinUhlenbeck(tau=50.0, std=STD)
    options = {"method": "euler", "every": None, "seed": 1, "noise": noise, "threads": threads}
    return _simulated(network(), batch, n_steps, dt=DT, **options)


def assocmem_dopri5(batch: int, n_steps: int, threads: int) -> Callable:
    return _simulated(network(), batch, n_steps, method="dopri5", threads=threads)


def _numpy_rhs(model: BalancedEI) -> Callable:
    weights, tau = model.weights, model.tau

    def rhs(u):
        r = np.maximum(u, 0.0)
        return ((GAIN * r * r) @ weights.T + (DRIVE - u)) / tau

    return rhs


def numpy_rk4(batch: int, n_steps: int, threads: int) -> Callable:
    rhs, y0 = _numpy_rhs(network()), starts(batch)

    def run():
        u = y0
        for _ in range(n_steps):
            k1 = rhs(u)
            k2 = rhs(u + 0.5 * DT * k1)
            k3 = rhs(u + 0.5 * DT * k2)
            u = u + DT / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + rhs(u + DT * k3))
        return u

    return run


def numpy_euler_maruyama(batch: int, n_steps: int, threads: int) -> Callable:
    rhs, y0, amplitude = _numpy_rhs(network()), starts(batch), STD / 10.0 * np.sqrt(DT)

    def run():
        rng, u = np.random.default_rng(1), y0
        for _ in range(n_steps):
            u = u + DT * rhs(u) + amplitude * rng.standard_normal(u.shape)
        return u

    return run


def scipy_solve_ivp(batch: int, n_steps: int, threads: int) -> Callable:
    """The same pair and tolerances as dopri5, one trajectory at a time."""
    from scipy.integrate import solve_ivp

    rhs, y0 = _numpy_rhs(network()), starts(batch)
    return lambda: [solve_ivp(lambda t, u: rhs(u), (0, n_steps * DT), u0, rtol=1e-6, atol=1e-9) for u0 in y0]


@needs("jax")
def jax_scan_rk4(batch: int, n_steps: int, threads: int) -> Callable:
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp, model = jax.numpy, network()
    weights, tau = jnp.asarray(model.weights.T), jnp.asarray(model.tau)

    def rhs(u):
        r = jnp.maximum(u, 0.0)
        return ((GAIN * r * r) @ weights + (DRIVE - u)) / tau

    def step(u, _):
        k1 = rhs(u)
        k2 = rhs(u + 0.5 * DT * k1)
        k3 = rhs(u + 0.5 * DT * k2)
        return u + DT / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + rhs(u + DT * k3)), None

    run = jax.jit(lambda u: jax.lax.scan(step, u, None, length=n_steps)[0])
    y0 = jnp.asarray(starts(batch))
    return lambda: run(y0).block_until_ready()


@needs("diffrax")
def diffrax_dopri5(batch: int, n_steps: int, threads: int) -> Callable:
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp, model = jax.numpy, network()
    weights, tau = jnp.asarray(model.weights), jnp.asarray(model.tau)

    def rhs(t, u, args):
        r = jnp.maximum(u, 0.0)
        return (weights @ (GAIN * r * r) + (DRIVE - u)) / tau

    def solve(u0):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(rhs),
            diffrax.Dopri5(),
            0.0,
            n_steps * DT,
            None,
            u0,
            max_steps=100_000,
            stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-9),
        ).ys

    run = jax.jit(jax.vmap(solve))
    y0 = jnp.asarray(starts(batch))
    return lambda: run(y0).block_until_ready()


FLOPS = 2 * N_UNITS**2  # of a product of the weights with a state
TABLES = (
    Table(
        "balanced E-I network, RK4, a step of the ensemble",
        (assocmem_rk4, numpy_rk4, jax_scan_rk4),
        batches=BATCHES,
        flops=4 * FLOPS,
    ),
    Table(
        "balanced E-I network, adaptive 5(4), 0.5 ms of the ensemble",
        (assocmem_dopri5, scipy_solve_ivp, diffrax_dopri5),
        batches=BATCHES,
    ),
    Table(
        "balanced E-I network, Euler and noise, a step of the ensemble",
        (assocmem_euler, assocmem_euler_maruyama, assocmem_ou_input, numpy_euler_maruyama),
        batches=BATCHES,
        flops=FLOPS,
    ),
)
