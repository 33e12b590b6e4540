"""Stages of training: what is minimised, for how long, and when it is enough."""

from dataclasses import dataclass, fields
from numbers import Integral, Real

import numpy as np

__all__ = ["Stage", "exact_schedule", "penalty_schedule"]


@dataclass(frozen=True)
class Stage:
    """One run of the optimiser on one weighting of the cost terms.

    Time is in units of tau_e where not stated otherwise. All strengths are >= 0; a term of strength 0 is not
    computed.

    Attributes
    ----------
    iterations : int
        At most so many L-BFGS iterations.
    stability : float
        Strength of the mean smoothed spectral abscissa (hinged) of the Jacobians at the patterns.
    velocity : float
        Strength of the mean squared velocity at the patterns; 0 where storage is exact.
    frobenius : float
        Strength of the mean squared weight.
    spread : float
        Strength of the variance over patterns of the inhibitory potentials, per mV^2. It keeps the memory
        from moving to the inhibitory units, from which a cue to the excitatory ones could not call it.
    retrieval : float
        Strength of the recall error after a short run from noisy cues.
    hinge : float or None
        Smoothed abscissa, per tau_e, below which a pattern counts as stable enough; None for the plain mean.
    hinge_width : float
        Width of the transition, per tau_e.
    stop_below : float or None
        End the stage as soon as the largest abscissa over patterns is below this many 1/s; a stage that finds
        it so is skipped, unless it is the first.
    n_cues, cue_noise, cue_duration : int, float, float
        Cues per pattern, their noise in standard deviations of the rates, and the length of the run in tau_e
        (20 are 400 ms at tau_e = 20 ms).
    """

    iterations: int
    stability: float = 1.0
    velocity: float = 0.0
    frobenius: float = 0.01
    spread: float = 0.003
    retrieval: float = 0.0
    hinge: float | None = -0.15
    hinge_width: float = 0.05
    stop_below: float | None = None
    n_cues: int = 6
    cue_noise: float = 1.0
    cue_duration: float = 20.0

    def __post_init__(self):
        for name in ("iterations", "n_cues"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
        optional = ("hinge", "stop_below")
        for name in (f.name for f in fields(self) if f.name not in ("iterations", "n_cues")):
            value = getattr(self, name)
            if name in optional and value is None:
                continue
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not is_number or not np.isfinite(value) or (name not in optional and value < 0.0):
                allowed = "a finite number or None" if name in optional else "finite and >= 0"
                raise ValueError(f"{name} must be {allowed}, got {value!r}")
        for name in ("hinge_width", "cue_duration"):
            if getattr(self, name) == 0.0:
                raise ValueError(f"{name} must be > 0, got 0")


def exact_schedule(*, retrieval: bool = True) -> tuple[Stage, ...]:
    """Stages for storage="exact": to stability, then (optionally) recall from noisy cues, new ones per stage.

    Stability takes 10-60 iterations at a load of 0.2 patterns per unit. Where it takes more than 100 the
    inhibitory spread is set free in two steps: crowded patterns need it. Stable networks recall well where
    patterns differ, but not where they are correlated or of low contrast; the retrieval stages mend that.
    """
    spreads = ((100, 0.003), (200, 0.001), (300, 0.0))
    stable = tuple(Stage(n, spread=spread, stop_below=-4.0) for n, spread in spreads)
    recall = Stage(20, stability=2.0, retrieval=1.0, hinge=-0.08)
    return (*stable, recall, recall) if retrieval else stable


def penalty_schedule(n_units: int, *, hinge: float | None = -0.15) -> tuple[Stage, ...]:
    """Stages for storage="penalty", the objective of the paper: velocity, stability and Frobenius terms.

    The stability term is strong first, so that velocities of some 0.1 mV are tolerated, and is then lowered;
    the projection at the end makes storage exact.

    At about 150 units the plain mean (``hinge=None``) with the first strength throughout, for 400 iterations,
    leaves wider margins than these stages: a largest abscissa of -3.4/s against -0.9/s, measured once.

    Parameters
    ----------
    n_units : int
        The strengths grow in proportion.
    hinge : float or None
        As in `Stage`; None is the paper's plain mean.

    References
    ----------
    Three-term structure: Festa, Hennequin & Lengyel (2014). Strengths and stages are ours.
    """
    unit = n_units / 60.0
    stages = ((100.0, 250), (30.0, 100), (10.0, 100))
    terms = {"velocity": 1.0, "frobenius": 1.0, "spread": 0.0}
    first = Stage(200, stability=0.0, **terms)
    return (first, *(Stage(n, stability=eta * unit, hinge=hinge, **terms) for eta, n in stages))
