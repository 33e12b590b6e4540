"""Side-by-side timings of the E-I ensemble: this package against what a user would write instead.

Every contender runs in a process of its own, pinned to one or two cores and with as many BLAS threads, in turn, for a
few rounds; the best time counts. All do the same work in float64: a fixed number of steps of the same method on the
same network, last state kept.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from assocmem.inputs import OrnsteinUhlenbeck
from assocmem.jit import kernel
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import FunctionFlow
from assocmem.provenance import package_version
from assocmem.simulate import simulate

__all__ = ["main"]

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


def blas_dgemm(batch: int, n_steps: int, threads: int) -> Callable:
    """The product of two 1500 x 1500 matrices: what BLAS reaches on this machine."""
    a = np.random.default_rng(3).random((1500, 1500))
    out = np.empty_like(a)
    return lambda: np.dot(a, a, out=out)


ADAPTIVE = (assocmem_dopri5, scipy_solve_ivp, diffrax_dopri5)
FIXED = (assocmem_rk4, numpy_rk4, jax_scan_rk4)
STOCHASTIC = (assocmem_euler, assocmem_euler_maruyama, assocmem_ou_input, numpy_euler_maruyama)
CONTENDERS = {f.__name__: f for f in (*FIXED, *ADAPTIVE, *STOCHASTIC, blas_dgemm)}
NEEDS = {"jax_scan_rk4": "jax", "diffrax_dopri5": "diffrax"}


def measure(name: str, batch: int, threads: int, seconds: float) -> float:
    """Seconds per step (per call for dgemm) of a contender in a process of its own; NaN if a package is missing."""
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        return float("nan")
    environment = os.environ | {f"{v}_NUM_THREADS": str(threads) for v in ("OPENBLAS", "OMP", "MKL")}
    command = [sys.executable, "-m", "assocmem.bench", "--child", name, str(batch), str(threads), str(seconds)]
    cores = sorted(os.sched_getaffinity(0))[:threads]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _child(name: str, batch: int, threads: int, seconds: float) -> float:
    """Time a contender here: choose the number of steps for about `seconds`, then take the best of three."""
    n_steps, make = 20, CONTENDERS[name]
    while True:
        work = make(batch, n_steps, threads)
        work()
        started = time.perf_counter()
        work()
        elapsed = time.perf_counter() - started
        if elapsed > 0.2 * seconds or name == "blas_dgemm":
            break
        n_steps = int(n_steps * min(20.0, max(2.0, 0.5 * seconds / elapsed)))
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) / (1 if name == "blas_dgemm" else n_steps)


COLD_START = """
import time
t0 = time.perf_counter()
import numpy, numba, xarray
t1 = time.perf_counter()
import assocmem
t2 = time.perf_counter()
numba.njit(lambda x: x + 1.0)(1.0)  # Numba's own start, paid by any program that uses it
t3 = time.perf_counter()
from assocmem import bench
bench.assocmem_rk4(8, 2, 1)()
t4 = time.perf_counter()
bench.assocmem_euler(8, 2, 1)()
t5 = time.perf_counter()
print(t2 - t1, t3 - t2, t4 - t3, t5 - t4)
"""


def start_up() -> dict[str, float]:
    """Seconds to import the package after its libraries, and of the first run, compiled anew and from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        runs = [
            subprocess.run(
                [sys.executable, "-c", COLD_START], env=environment, capture_output=True, text=True, check=True
            ).stdout.split()
            for _ in range(3)
        ]
    cold, *cached = [[float(x) for x in run] for run in runs]
    best = np.min(cached, axis=0)
    return {
        "import assocmem": best[0],
        "Numba's own start": best[1],
        "first run, compiling": cold[2],
        "first run, from the cache": best[2],
        "another loop, from the cache": best[3],
    }


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="assocmem bench", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each measurement (default %(default)s)")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="trajectories (default 1 32 256)")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        name, batch, threads, seconds = options.child
        print(json.dumps(_child(name, int(batch), int(threads), float(seconds))))
        return 0
    _print_header()
    for threads in range(1, min(2, len(os.sched_getaffinity(0))) + 1):
        _print_tables(threads, options)
    print("\nStart-up (seconds)")
    for label, value in start_up().items():
        print(f"  {label:28s}{value:8.3f}")
    return 0


def _print_header() -> None:
    packages = ("assocmem", "numpy", "numba", "scipy", "jax", "diffrax")
    print(
        ", ".join(f"{name} {package_version(name)}" for name in packages), f"python {sys.version.split()[0]}", sep=", "
    )
    print(f"N = {N_UNITS} units, float64, dt = {DT} ms; microseconds per step of the whole ensemble")


def _print_tables(threads: int, options: argparse.Namespace) -> None:
    rate = 2 * 1500**3 / measure("blas_dgemm", 1, threads, options.seconds)
    print(f"\n{threads} thread{'s' * (threads > 1)}; dgemm of 1500 x 1500: {rate / 1e9:.1f} GFLOP/s")
    for title, group, flops in (
        ("RK4", FIXED, 8 * N_UNITS**2),
        ("Adaptive 5(4), per 0.5 ms", ADAPTIVE, None),
        ("Euler and noise", STOCHASTIC, 2 * N_UNITS**2),
    ):
        print(f"  {title:34s}" + "".join(f"{f'batch {b}':>22s}" for b in options.batches))
        table = {f.__name__: [measure(f.__name__, b, threads, options.seconds) for b in options.batches] for f in group}
        ours = table[group[0].__name__]
        for name, times in table.items():
            cells = [f"{t * 1e6:10.2f} us {t / o:6.2f} x" for t, o in zip(times, ours, strict=True)]
            print(
                f"    {name:30s}  "
                + "".join(f"{'not installed' if t != t else c:>22s}" for t, c in zip(times, cells, strict=True))
            )
        if flops:
            fractions = [flops * b / t / rate for b, t in zip(options.batches, ours, strict=True)]
            print(f"    {'fraction of dgemm':30s}  " + "".join(f"{x:>22.2f}" for x in fractions))


if __name__ == "__main__":
    sys.exit(main())
