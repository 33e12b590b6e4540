"""A trial of the push-pull demonstration: 2000 units a layer, 200 patterns, with and without feedback."""

from collections.abc import Callable
from functools import cache

import numpy as np

from assocmem.bench.measuring import Table
from assocmem.hierarchy import hierarchical_patterns, noisy_cue
from assocmem.models.push_pull import PushPull
from assocmem.simulate import simulate

__all__ = ["TABLES"]

N, BRANCHING, CORRELATIONS, TARGET, DT = 2000, (2, 4, 25), (0.1, 0.15), 32, 0.01


@cache
def model() -> PushPull:
    """The two lower levels of the hierarchy."""
    return PushPull(_hierarchy())


def _hierarchy():
    levels = hierarchical_patterns(N, BRANCHING, CORRELATIONS, seed=0)
    return type(levels)(patterns=levels.patterns[:2], parents=levels.parents[:1])


def cue() -> np.ndarray:
    """A child with both kinds of noise, of 0 and 1."""
    return (noisy_cue(_hierarchy(), TARGET, intra=0.2, inter=0.1, seed=1)[0] + 1.0) / 2.0


def windows(n_steps: int, batch: int) -> tuple[dict, np.ndarray]:
    """Push in the second sixth of a trial, pull in the third, and who of the trajectories receives them."""
    edges = [max(1, round(n_steps * k / 6)) * DT for k in (1, 2, 3)]
    return dict(zip(("start", "switch", "end"), edges, strict=True)), np.arange(batch) % 2.0


def assocmem_euler(batch: int, n_steps: int, threads: int) -> Callable:
    time, gate = windows(n_steps, batch)
    feedback = {}
    if time["switch"] > time["start"]:
        feedback["push"] = [(0, time["start"], time["switch"], gate)]
    if time["end"] > time["switch"]:
        feedback["pull"] = [(0, time["switch"], time["end"], gate)]
    stimulus = model().schedule([(0, 0.0, np.inf, cue())], **feedback)
    start = np.zeros((batch, 2 * N))
    options = {"dt": DT, "method": "euler", "every": None, "stimulus": stimulus, "threads": threads}
    return lambda: simulate(model(), start, duration=n_steps * DT, **options)


def _numpy(apply: dict, batch: int, n_steps: int) -> Callable:
    m, drive = model(), cue()
    time, gate = windows(n_steps, batch)
    start, switch, end = (round(t / DT) for t in time.values())

    def run():
        h = np.zeros((2, batch, N))
        for step in range(n_steps):
            x1, x2 = np.arctan(8 * np.pi * h) / np.pi + 0.5
            slope1 = apply["w1"](x1) - h[0] + drive
            if start <= step < switch:
                slope1 += gate[:, None] * apply["push"](x2)
            if switch <= step < end:
                slope1 -= m.pull[0] * gate[:, None] * x2
            slope2 = 2.0 * apply["w2"](x2) - h[1] + 2.0 * apply["f"](x1)
            h = h + DT / m.tau * np.stack([slope1, slope2])
        return h

    return run


def numpy_dense(batch: int, n_steps: int, threads: int) -> Callable:
    """N x N matrices, as the equations are written."""
    (w1, w2), f = (_matrices()[k] for k in ("recurrent", "forward"))
    apply = {"w1": lambda x: x @ w1, "w2": lambda x: x @ w2, "f": lambda x: x @ f.T, "push": lambda x: x @ f}
    return _numpy(apply, batch, n_steps)


@cache
def _matrices() -> dict:
    m = model()
    return {"recurrent": [w.matrix() for w in m.recurrent_couplings], "forward": m.feedforward_couplings[0].matrix()}


def numpy_low_rank(batch: int, n_steps: int, threads: int) -> Callable:
    """The same factors as ours, by BLAS."""
    (w1, w2), (f,) = model().recurrent_couplings, model().feedforward_couplings
    apply = {"w1": w1.apply, "w2": w2.apply, "f": f.apply, "push": f.apply_transposed}
    return _numpy(apply, batch, n_steps)


TABLES = (
    Table(
        "push-pull demonstration, N = 2000, 200 patterns, a step of the trial (half of the batch with feedback)",
        (assocmem_euler, numpy_low_rank, numpy_dense),
        batches=(2, 32),
    ),
)
