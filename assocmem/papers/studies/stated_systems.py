"""The six systems in the protocol of capacity curves, each with what its paper, or theory, says of its capacity.

- Nonparametric models: the lower bound of proposition 4.1 on patterns of a sphere that softmax moves by R at most.
- Hopfield-Fenchel-Young: the lower bound of proposition 10 on patterns that sparsemax retrieves exactly, all of them,
  from the worst perturbations. Of single patterns, the share that has no other one in the cap that matters.
- Correlated dense associative memory: the paper leaves the capacity of mixed auto- and hetero-association open. Here is
  a mean field for rings: each of the other patterns has a random score, and the state shrinks with the weight that they
  take; where the two feed each other, retrieval is lost.
- Push-pull: siblings flip a child towards its parent if b1^3 (P_c - 1) > 1; solved for the number of children. What is
  tried is one step from the child, and iteration, which amplifies errors.
- Adaptive networks: the published accuracy for 1000 patterns, or an earlier run for fewer; cues are those of
  `papers/adaptive`.
- Balanced E-I networks: an earlier run of 60 units held all of 0.2 patterns a unit, and none of 0.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr

from assocmem.analysis.capacity import Criterion
from assocmem.analysis.nonparametric_theory import capacity_bound
from assocmem.graphs import ring
from assocmem.hierarchy import Hierarchy, hierarchical_patterns
from assocmem.learning.storage import NotStorableError
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.models.cdam import CDAM
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.papers.adaptive import retrieval
from assocmem.papers.adaptive.data import Task, uniform_patterns
from assocmem.papers.balanced_ei import cues as balanced_cues
from assocmem.papers.balanced_ei.network import trained
from assocmem.papers.base import Run
from assocmem.papers.cdam.network import ETA, STEPS, noisy_cues, random_patterns
from assocmem.papers.fenchel_young import spheres
from assocmem.papers.fenchel_young.random_networks import on_sphere, worst_directions
from assocmem.papers.studies.sparse_margin import exactly
from assocmem.patterns import corrupt, lognormal_patterns
from assocmem.separations import Sparsemax
from assocmem.similarities import Similarity, SquaredDistance
from assocmem.simulate import iterate
from assocmem.variants import MaskedVariants

SYSTEMS = ("nonparametric", "Fenchel-Young", "CDAM", "push-pull", "adaptive", "balanced E-I")


@dataclass(frozen=True)
class System:
    """One curve: a system, how it is cued, when a pattern counts as retrieved, and what is said of its capacity.

    Parameters
    ----------
    name : str
        One of `SYSTEMS`.
    label : str
        What distinguishes it from others of the same name.
    recall, make_patterns, make_cues, criterion, n_cues
        As for `assocmem.analysis.capacity_curve`.
    numbers : tuple of int
        Of patterns.
    stated : float
        Number of patterns; NaN where nothing is stated.
    sets : (int, int)
        Sets of patterns, at least and at most.
    """

    name: str
    label: str
    recall: Callable
    make_patterns: Callable
    criterion: Criterion
    numbers: tuple[int, ...]
    make_cues: Callable | None = None
    n_cues: int | None = 32
    stated: float = np.nan
    sets: tuple[int, int] = (4, 40)


def systems(run: Run) -> list[System]:
    """All curves of a scale; networks with excitation and inhibition, which are trained for minutes, at full size."""
    found = [_nonparametric(), *_fenchel_young(run), *_correlated(run), *_push_pull(run), *_adaptive(run)]
    return found + (_balanced(run) if run.scale == "paper" else [])


# nonparametric

NORM, NONPARAMETRIC_UNITS = 3.0, 8  # norm of patterns over sqrt(n_units - 1)


def _nonparametric():
    largest = NORM * np.sqrt(NONPARAMETRIC_UNITS - 1)
    radius = 0.5 / largest  # as the proposition assumes, at beta = 1
    bound = capacity_bound(
        NONPARAMETRIC_UNITS, largest_norm=largest, beta=1.0, failure_probability=0.5, n_visible=2, radius=radius
    )

    def is_near(states, patterns):
        return np.linalg.norm(states - patterns, axis=1) <= radius

    return System(
        *("nonparametric", f"{NONPARAMETRIC_UNITS} units", _update_softmax, partial(_sphere, largest)),
        Criterion("within R of the pattern after one step", is_near),
        (100, 1000, 3000, 10000, 30000),
        stated=bound.capacity,
        sets=(2, 30),
    )


def _sphere(radius, n_patterns, seed, n_units=NONPARAMETRIC_UNITS):
    return on_sphere(np.random.default_rng(seed), n_patterns, n_units, radius)


def _update_softmax(patterns, cues, seed):
    return NonparametricHopfield(patterns, beta=1.0).update(cues, threads=1)


# Fenchel-Young

FENCHEL_YOUNG_UNITS = {"quick": 8, "paper": 12}
FENCHEL_YOUNG_NUMBERS = {"quick": (2, 30, 120, 300, 700), "paper": (3, 30, 100, 300, 1000, 2500, 5000, 10000)}


def cap_share(n_units: int) -> float:
    """Probability that another pattern is near enough for a pattern to be lost; `spheres.expected` has the number."""
    return float(2.0 * np.log(2.0) / spheres.expected(n_units) ** 2)


def one_retrieved(n_patterns: np.ndarray, n_units: int) -> np.ndarray:
    """Probability that a Hopfield-Fenchel-Young network retrieves a pattern: no other one is too near."""
    return np.exp((np.asarray(n_patterns, dtype=float) - 1.0) * np.log1p(-cap_share(n_units)))


def all_retrieved(n_patterns: np.ndarray, n_units: int) -> np.ndarray:
    """Probability that a Hopfield-Fenchel-Young network retrieves all of its patterns: no pair is too near."""
    numbers = np.asarray(n_patterns, dtype=float)
    return np.exp(-0.5 * numbers * (numbers - 1.0) * cap_share(n_units))


def _fenchel_young(run):
    n_units = FENCHEL_YOUNG_UNITS[run.scale]
    system = System(
        *("Fenchel-Young", f"{n_units} units", _update_sparsemax, partial(_sphere, 1.0, n_units=n_units)),
        Criterion("the pattern itself after one step from the worst perturbation", exactly),
        FENCHEL_YOUNG_NUMBERS[run.scale],
        make_cues=_perturbed,
        n_cues=None,  # the bound is on all patterns of a set
        stated=float(spheres.bound(n_units)),
        sets=(4, 60),
    )
    return [system]


def _perturbed(patterns, seed):
    return patterns + spheres.EPSILON * worst_directions(patterns)


def _update_sparsemax(patterns, cues, seed):
    network = HopfieldFenchelYoung(patterns, separation=Sparsemax(), beta=spheres.BETA)
    return network.update(cues, threads=1)


# correlated dense associative memory

CORRELATED = {(100, 1.0, 0.0): (20, 80, 160, 320), (200, 0.5, 0.5): (20, 80, 160, 320)}
TOO_SMALL = (100, 0.5, 0.5), (5, 10, 20, 40)  # units and strengths at which nothing is retrieved


def _correlated(run):
    items = {**CORRELATED, TOO_SMALL[0]: TOO_SMALL[1]}
    return [_correlated_system(*setting, numbers) for setting, numbers in items.items()]


def _correlated_system(n_units, auto, hetero, numbers):
    def is_held(states, patterns):
        x = patterns - patterns.mean(axis=1, keepdims=True)
        return np.sum(states * x, axis=1) >= 0.5 * auto * np.sum(x * x, axis=1)

    stated = mean_field_capacity(n_units, auto, hetero)
    return System(
        *("CDAM", f"{n_units} units, $a={auto:g}$, $h={hetero:g}$", partial(_iterate_ring, auto, hetero)),
        lambda n, seed: random_patterns(n, n_units, seed=seed),
        Criterion("half of the pattern's share of the state it evokes", is_held),
        numbers,
        make_cues=lambda patterns, seed: noisy_cues(patterns, seed=seed),
        stated=stated if numbers is not TOO_SMALL[1] else np.nan,
        sets=(6, 60),
    )


def _iterate_ring(auto, hetero, patterns, cues, seed):
    model = CDAM(patterns, ring(len(patterns)), auto_strength=auto, hetero_strength=hetero)
    return iterate(model.map(ETA), cues, steps=STEPS, every=None, threads=1).final_state.values


def mean_field_capacity(n_units: int, auto: float, hetero: float) -> float:
    r"""Patterns of a long ring at which a state that is mostly one pattern ceases to exist, at beta = 1.

    With weights p of the pattern and q of either neighbour the state holds the patterns with the strengths
    ``c0 = g (a p + h q)`` and ``c1 = g (a q + h p / 2)``. Entries have the variance v = 1 / 12, scores of patterns in
    the state are n v c, and those of others normal of variance ``n v^2 (c0^2 + 2 c1^2)``; what is left of the weights
    leans to those that resemble the state, which enlarges it by ``g = 1 / (1 - a v (1 - p - 2 q))``. So P patterns
    leave p with

    .. math:: 1 / p = 1 + 2 q / p + P e^{-n v c_0 + n v^2 (c_0^2 + 2 c_1^2) / 2}, \quad q / p = e^{-n v (c_0 - c_1)}

    and there is a solution up to the largest P over p.
    """
    p, v = np.linspace(0.4, 0.999, 2000), 1.0 / 12.0
    ratio, rest = np.zeros_like(p), np.zeros_like(p)
    for _ in range(200):  # of what is small, so that this contracts
        gain = p / (1.0 - auto * v * rest)
        c0, c1 = gain * (auto + hetero * ratio), gain * (auto * ratio + hetero / 2)
        ratio = np.exp(-n_units * v * (c0 - c1)) if hetero else ratio
        rest = np.maximum(1.0 - p - 2.0 * p * ratio, 0.0)
    return float(np.max(rest / p * np.exp(n_units * v * c0 - 0.5 * n_units * v**2 * (c0**2 + 2 * c1**2))))


# push-pull

PUSH_PULL_UNITS, B1, B2 = 2000, 0.35, 0.1
PUSH_PULL_STEPS = {"one step": 1, "iterated": 30}
CHILDREN = {"one step": (5, 15, 20, 22, 23, 24, 26, 30), "iterated": (5, 7, 9, 11, 15, 20)}


def critical_children(b1: float) -> float:
    """P_c at which b1 is the threshold (P_c - 1)^(-1/3) of the paper."""
    return 1.0 + b1**-3.0


def _push_pull(run):
    half = Criterion("units that differ from the parent stay, half of them", _keeps_half)
    return [
        System(
            *("push-pull", label, partial(_iterate_children, steps), _children, half, CHILDREN[label]),
            n_cues=8,
            stated=critical_children(B1),
            sets=(2, run.pick(2, 30)),
        )
        for label, steps in PUSH_PULL_STEPS.items()
    ]


def _keeps_half(states, patterns):
    return np.mean(states * patterns, axis=1) >= (1.0 + B1) / 2.0


def _children(n_patterns, seed):
    tree = hierarchical_patterns(PUSH_PULL_UNITS, (1, 1, n_patterns), (B2, B1), parents="generative", seed=seed)
    return tree.patterns[0].astype(float)


def _iterate_children(steps, patterns, cues, seed):
    """Layer 1 without feedback; the layer above has one pattern, and no influence."""
    parent = np.where(patterns.sum(axis=0, keepdims=True) >= 0, 1, -1)
    hierarchy = Hierarchy((patterns.astype(np.int8), parent.astype(np.int8)), (np.zeros(len(patterns), dtype=int),))
    model = DiscretePushPull(hierarchy)
    result = iterate(model, model.start(cues), steps=steps, every=None, threads=1)
    return model.layer(result.final_state.values, 0)


# adaptive

ADAPTIVE_UNITS, DIFFICULTY = {"quick": 64, "paper": 100}, 0.4
LEARNED_PATTERNS, LEARNED_CUES = 200, {"quick": 400, "paper": 2500}
ADAPTIVE_NUMBERS = {"quick": (20, 100, 500, 2000), "paper": (30, 100, 300, 1000, 3000, 10000)}
# patterns, and shares retrieved by A-Hop and by another similarity: an earlier run, or the paper
ADAPTIVE_STATED = {"quick": (100, {"A-Hop": 0.690, "L2": 0.44}), "paper": (1000, {"A-Hop": 0.724, "L2": 0.395})}


def _adaptive(run):
    n_units, variants = ADAPTIVE_UNITS[run.scale], MaskedVariants.of_difficulty(DIFFICULTY)
    patterns = uniform_patterns(LEARNED_PATTERNS, n_units, run.seed_for("stated adaptive patterns"))
    task = Task.draw(patterns, variants, LEARNED_CUES[run.scale], 1, run.seed_for("stated adaptive cues"))
    settings = {"n_negatives": 30, "ridge": 1e-3, "n_iterations": run.pick(20, 150), "seed": run.seed}
    learned = retrieval.fitted(task, retrieval.FEATURES[retrieval.A_HOP], **settings).similarity
    return [
        System(
            *("adaptive", label, partial(_winner, similarity)),
            lambda n, seed: uniform_patterns(n, n_units, seed),
            Criterion("the pattern of the cue has the largest weight", exactly),
            ADAPTIVE_NUMBERS[run.scale],
            make_cues=lambda patterns, seed: _variants(variants, patterns, seed),
            n_cues=64,
            sets=(2, run.pick(4, 30)),
        )
        for label, similarity in (("A-Hop", learned), ("L2", SquaredDistance()))
    ]


def _variants(variants, patterns, seed):
    return variants.vary(patterns[:64], np.random.default_rng(seed)).astype(patterns.dtype)


def _winner(similarity: Similarity, patterns, cues, seed):
    """The pattern that is most similar (cue, unit)."""
    return patterns[AdaptiveHopfield(patterns, similarity).recall(cues, threads=1).winner.values]


# balanced E-I

N_EXCITATORY, N_INHIBITORY = 20, 10
BALANCED_NUMBERS = (2, 4, 6, 9, 12, 15)
HELD_LOAD, LOST_LOAD = 0.2, 0.6  # patterns per unit, of an earlier run
BALANCED_NOISE = 0.5  # sd
LARGEST_ERROR = 0.2
TRAININGS = {"exact storage": "exact", "three-term cost": "penalty"}


def _balanced(run):
    run = replace(run, threads=1, progress=False)  # curves are on threads already
    is_close = Criterion("recall error below 0.2 after 1.5 s", _is_recalled)
    return [
        System(
            *("balanced E-I", label, partial(_train_and_recall, run, storage), _rates, is_close, BALANCED_NUMBERS),
            make_cues=_noisy_rates,
            n_cues=None,
            stated=HELD_LOAD * (N_EXCITATORY + N_INHIBITORY),
            sets=(3, 3),
        )
        for label, storage in TRAININGS.items()
    ]


def _rates(n_patterns, seed):
    return lognormal_patterns(n_patterns, N_EXCITATORY, seed=seed).values


def _noisy_rates(patterns, seed):
    labelled = xr.DataArray(patterns, dims=("pattern", "unit"), attrs={"units": "Hz"})
    return corrupt(labelled, noise=BALANCED_NOISE, seed=seed).isel(cue=0).values


def _is_recalled(states, patterns):
    """NaN, of activity that ran away, is not."""
    size = np.linalg.norm(patterns - patterns.mean(axis=0), axis=1)
    return np.linalg.norm(states - patterns, axis=1) < LARGEST_ERROR * size


def _train_and_recall(run, storage, patterns, cues, seed):
    """Excitatory rates 1.5 s after cues (cue, unit), Hz, with the inhibitory units at their means."""
    labelled = xr.DataArray(patterns, dims=("pattern", "unit"), attrs={"units": "Hz"})
    try:
        stored = trained(run, labelled, n_inhibitory=N_INHIBITORY, storage=storage)
    except NotStorableError:
        return np.full_like(cues, np.nan)
    starts = balanced_cues.random_starts(stored, xr.DataArray(cues, dims=("pattern", "unit")))
    return balanced_cues.final_rates(stored, starts, run).values
