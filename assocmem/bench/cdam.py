"""The ring of the CDAM paper: 30 patterns of 1000 units, every pattern cued once, 100 iterations."""

from collections.abc import Callable

import numpy as np

from assocmem.bench.measuring import Table
from assocmem.graphs import ring
from assocmem.models.cdam import CDAM
from assocmem.retrieval import retrieve
from assocmem.simulate import iterate

__all__ = ["TABLES"]

N_PATTERNS, N_UNITS, STEPS, ETA, BETA = 30, 1000, 100, 0.1, 1.0
AUTO, HETERO = 0.5, 0.5


def model() -> CDAM:
    patterns = np.random.default_rng(1).random((N_PATTERNS, N_UNITS))
    return CDAM(patterns, ring(N_PATTERNS), auto_strength=AUTO, hetero_strength=HETERO, beta=BETA)


def cues(batch: int) -> np.ndarray:
    """Every pattern in turn with uniform noise."""
    patterns = model().patterns[np.arange(batch) % N_PATTERNS]
    return patterns + np.random.default_rng(2).uniform(-0.5, 0.5, patterns.shape)


def _repeated(function: Callable, times: int) -> Callable:
    return lambda: [function() for _ in range(times)][-1]


# one step of these is a whole experiment


def assocmem_experiment(batch: int, n_steps: int, threads: int) -> Callable:
    """Patterns and cues in, correlations out; all that `retrieve` does."""
    m, start = model(), cues(batch)
    parameters = (m.patterns, m.adjacency)
    options = {"auto_strength": AUTO, "hetero_strength": HETERO, "beta": BETA}
    run = {"steps": STEPS, "eta": ETA, "every": None, "threads": threads}
    # a new model each time, so that what it prepares once is counted
    return _repeated(lambda: retrieve(CDAM(*parameters, **options), start, **run), n_steps)


def _numpy_reduced_parts(batch: int) -> tuple:
    """Products with patterns, and the weights that lead from softmax weights to coefficients."""
    m = model()
    gram = m.patterns @ m.patterns.T
    mixing = AUTO * np.eye(N_PATTERNS) + HETERO * m.links
    return m, gram, mixing, cues(batch)


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(BETA * (scores - scores.max(axis=1, keepdims=True)))
    return weights / weights.sum(axis=1, keepdims=True)


def numpy_reduced(batch: int, n_steps: int, threads: int) -> Callable:
    """The same equations in p dimensions for all cues at once, and the correlations of the last state."""
    m, gram, mixing, start = _numpy_reduced_parts(batch)

    def once():
        scores, c, rho = start @ m.patterns.T, np.zeros((batch, N_PATTERNS)), 1.0
        for _ in range(STEPS):
            s = _softmax(c @ gram + rho * scores)
            c = c + ETA * (s @ mixing - 1.0 / N_PATTERNS - c)
            rho = rho - ETA * rho
        states = c @ m.patterns + rho * start
        return np.corrcoef(states, m.patterns)[:batch, batch:]

    return _repeated(once, n_steps)


def numpy_full(batch: int, n_steps: int, threads: int) -> Callable:
    """All units of all cues at once, as equation 1 is written."""
    m, _, mixing, start = _numpy_reduced_parts(batch)
    projection, mean = mixing @ m.patterns, m.patterns.mean(axis=0)

    def once():
        x = start
        for _ in range(STEPS):
            x = x + ETA * (_softmax(x @ m.patterns.T) @ projection - mean - x)
        return np.corrcoef(x, m.patterns)[:batch, batch:]

    return _repeated(once, n_steps)


# one step of these is one iteration


def _iterated(strengths: np.ndarray | None, batch: int, n_steps: int, threads: int) -> Callable:
    reduced = model().reduced(cues(batch), strengths)
    start, stimulus = reduced.initial_states(), reduced.stimulus()
    options = {"stimulus": stimulus, "every": None, "threads": threads}
    return lambda: iterate(reduced.map(ETA), start, steps=n_steps, **options)


def assocmem_iteration(batch: int, n_steps: int, threads: int) -> Callable:
    """Iterations of the reduced system."""
    return _iterated(None, batch, n_steps, threads)


def assocmem_own_strengths(batch: int, n_steps: int, threads: int) -> Callable:
    """The same with strengths of its own for every cue, as in a phase diagram."""
    return _iterated(np.tile([AUTO, HETERO], (batch, 1)), batch, n_steps, threads)


def numpy_iteration(batch: int, n_steps: int, threads: int) -> Callable:
    """The same equations for all cues at once."""
    m, gram, mixing, start = _numpy_reduced_parts(batch)

    def run():
        scores, c, rho = start @ m.patterns.T, np.zeros((batch, N_PATTERNS)), 1.0
        for _ in range(n_steps):
            s = _softmax(c @ gram + rho * scores)
            c = c + ETA * (s @ mixing - 1.0 / N_PATTERNS - c)
            rho = rho - ETA * rho
        return c

    return run


TABLES = (
    Table(
        "CDAM on the ring, 30 patterns of 1000 units, a whole experiment of 100 iterations",
        (assocmem_experiment, numpy_reduced, numpy_full),
        batches=(30,),
    ),
    Table(
        "CDAM on the ring, an iteration of the reduced system",
        (assocmem_iteration, assocmem_own_strengths, numpy_iteration),
        batches=(30, 6000),
    ),
)
