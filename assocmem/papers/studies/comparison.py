"""All six systems on the same patterns, with the same corruption and the same criterion: capacity and robustness.

Patterns are signs of 64 units: independent ones, groups of four that resemble each other, and handwritten digits. A cue
is a pattern of which each unit has changed its sign with a certain probability; a pattern counts as retrieved if the
answer has an overlap of 0.95 with it. No memory can do better than the stored pattern that is nearest to the cue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.analysis import basin_radius, capacity_curve, overlap_criterion
from assocmem.analysis.basins import sign_flip_corruption
from assocmem.features import PositiveRandomFeatures
from assocmem.hierarchy import hierarchical_patterns
from assocmem.images import digits
from assocmem.masks import TopScores
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.studies.classical_exact import random_signs
from assocmem.papers.training import kept
from assocmem.plotting.style import label_panels, make_figure, style
from assocmem.systems import (
    AdaptiveSystem,
    BalancedEISystem,
    CDAMSystem,
    ClassicalSystem,
    FeatureSystem,
    FenchelYoungSystem,
    NearestPattern,
    NonparametricSystem,
    PushPullSystem,
    SignSystem,
)

N_UNITS = 64
FLIPPED = 0.1  # of a cue, where load is varied
GROUP, RESEMBLANCE = 4, 0.5  # patterns of a parent, and their overlap with it
CRITERION = overlap_criterion(0.95)
INK = 7  # grey level of digits, of 16, from which on a pixel counts as 1


@dataclass(frozen=True)
class Contender:
    """A system with its label, its look, and how many patterns it is asked to store and how often, at the most."""

    system: SignSystem
    label: str
    colour: str
    line: str = "-"
    most: int = 512
    most_sets: int = 16


CONTENDERS = {
    "hebb": Contender(ClassicalSystem(), "classical, Hebb", "#888888", most=64),
    "pseudo_inverse": Contender(
        ClassicalSystem(learning="pseudo_inverse"), "classical, pseudo-inverse", "#888888", "--", 96
    ),
    "balanced_ei": Contender(BalancedEISystem(), "balanced E-I", "#D55E00", most=32, most_sets=6),
    "push_pull": Contender(PushPullSystem(), "push-pull", "#CC79A7", most=32),
    "no_feedback": Contender(PushPullSystem(push=0.0, pull=0.0), "push-pull, no feedback", "#CC79A7", ":", 32),
    "cdam": Contender(CDAMSystem(hetero_strength=0.5), "CDAM, ring", "#009E73"),
    "fenchel_young": Contender(FenchelYoungSystem(), "Fenchel-Young, sparsemax", "#0072B2"),
    "features": Contender(
        FeatureSystem(PositiveRandomFeatures(512, seed=0), beta=0.125), "nonparametric, random features", "#E69F00"
    ),
    "top_scores": Contender(NonparametricSystem(TopScores(4)), "nonparametric, top 4", "#E69F00", "--"),
    "adaptive": Contender(AdaptiveSystem(), "adaptive", "#56B4E9"),
    "nearest": Contender(NearestPattern(), "nearest pattern (bound)", "#000000", ":"),
}
DENSE = ("cdam", "fenchel_young", "top_scores", "adaptive")


def independent_signs(n_patterns: int, seed: int) -> np.ndarray:
    """Random signs."""
    return random_signs(n_patterns, seed, n_units=N_UNITS)


def related_signs(n_patterns: int, seed: int) -> np.ndarray:
    """Groups of successive patterns that have an overlap of 0.25 with each other, through their parent."""
    branching = (-(-n_patterns // GROUP), GROUP)
    tree = hierarchical_patterns(N_UNITS, branching, (RESEMBLANCE,), parents="generative", seed=seed)
    return tree.patterns[0][:n_patterns].astype(float)


@lru_cache(maxsize=1)
def all_digit_signs() -> np.ndarray:
    """Handwritten digits (image, pixel) of 8 x 8 pixels, no two alike."""
    return np.unique(np.where(digits()[0].reshape(-1, N_UNITS) > INK, 1.0, -1.0), axis=0)


def digit_signs(n_patterns: int, seed: int) -> np.ndarray:
    """Some of the digits."""
    images = all_digit_signs()
    return images[np.random.default_rng(seed).permutation(len(images))[:n_patterns]]


RANDOM = {"independent": independent_signs, "related": related_signs}
IMAGES = {"digits": digit_signs}


@dataclass(frozen=True)
class Sizes:
    """What is measured at a scale."""

    contenders: tuple[str, ...] = tuple(CONTENDERS)
    loads: tuple[int, ...] = (4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512)
    flips: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
    n_patterns: int = 8  # where corruption is varied
    sets: int = 4  # of patterns, at least
    most_sets: int = 16
    width: float = 0.1
    n_cues: int = 40  # of each pattern, where its basin is measured
    n_bisections: int = 6


QUICK = Sizes(
    contenders=("hebb", "pseudo_inverse", "push_pull", "no_feedback", "cdam", "fenchel_young", "top_scores", "nearest"),
    loads=(4, 8, 16, 32),
    flips=(0.0, 0.1, 0.2, 0.3, 0.4),
    n_patterns=4,
    sets=3,
    most_sets=3,
    n_cues=10,
    n_bisections=4,
)


@dataclass
class _Remembering:
    """A system that keeps the memories it has made, for cues of several kinds."""

    system: SignSystem
    memories: dict = field(default_factory=dict)

    def store(self, patterns, seed):
        key = patterns.tobytes(), seed
        if key not in self.memories:
            self.memories[key] = self.system.store(patterns, seed=seed)
        return self.memories[key]

    def recall(self, patterns, cues, seed):
        # storage of one set of patterns must not depend on the corruption that is asked for, so its seed is fixed
        return self.store(patterns, 0)(cues, seed)


def flipped(patterns: np.ndarray, probability: float, seed: int) -> np.ndarray:
    """Patterns with the sign of each unit changed with a probability; larger ones include smaller ones."""
    return sign_flip_corruption(patterns, probability, np.random.default_rng(seed).random(patterns.shape))


def measure(contender: Contender, make_patterns: Callable, sizes: Sizes, seed: int) -> dict[str, np.ndarray]:
    """Curves of a system: retrieved against load and against corruption, and radii of basins."""
    memory = _Remembering(contender.system)
    settings = {"make_patterns": make_patterns, "criterion": CRITERION, "seed": seed, "width": sizes.width}
    settings |= {"fewest_sets": sizes.sets, "most_sets": min(sizes.most_sets, contender.most_sets)}

    def curve(loads, probability):
        def make_cues(patterns, seed):
            return flipped(patterns, probability, seed)

        found = capacity_curve(memory.recall, loads, make_cues=make_cues, **settings)
        return np.stack([found[name].values for name in ("retrieved", "low", "high")])

    loads = [load for load in sizes.loads if load <= contender.most]
    capacity = np.full((3, len(sizes.loads)), np.nan)
    capacity[:, : len(loads)] = curve(loads, FLIPPED)
    corruption = np.concatenate([curve([sizes.n_patterns], p) for p in sizes.flips], axis=1)
    return {"capacity": capacity, "corruption": corruption, "radius": _radii(memory, make_patterns, sizes, seed)}


def _radii(memory, make_patterns, sizes, seed):
    patterns = make_patterns(sizes.n_patterns, seed)
    found = basin_radius(
        memory.store(patterns, 0),
        patterns,
        corruption=sign_flip_corruption,
        largest=0.5,
        n_cues=sizes.n_cues,
        n_bisections=sizes.n_bisections,
        criterion=CRITERION,
        seed=seed,
    )
    return found.radius.values


def _compute(run: Run, kinds: dict[str, Callable]) -> xr.Dataset:
    sizes = run.pick(QUICK, Sizes())
    jobs = [(kind, name) for kind in kinds for name in sizes.contenders]

    def one(job):
        kind, name = job
        contender, seed = CONTENDERS[name], run.seed_for(f"studies/comparison/{kind}")
        description = f"comparison {kind} {contender} {sizes} {seed}"
        return kept(lambda: measure(contender, kinds[kind], sizes, seed), run, description)

    # the longest first
    order = sorted(range(len(jobs)), key=lambda number: jobs[number][1] != "balanced_ei")
    found = dict(zip(order, run.map(one, [jobs[number] for number in order], label="systems"), strict=True))
    return _labelled([found[number] for number in range(len(jobs))], list(kinds), sizes)


def _labelled(found, kinds, sizes):
    shape = len(kinds), len(sizes.contenders)
    stacked = {name: np.stack([f[name] for f in found]).reshape(*shape, *found[0][name].shape) for name in found[0]}
    lead = ("kind", "system")
    data = {"radius": ((*lead, "pattern"), stacked["radius"], {"units": "1"})}
    for name, dim in (("capacity", "n_patterns"), ("corruption", "flipped")):
        for number, bound in enumerate(("", "_low", "_high")):
            data[name + bound] = ((*lead, dim), stacked[name][:, :, number], {"units": "1"})
    coords = {"kind": kinds, "system": list(sizes.contenders)}
    coords["n_patterns"] = ("n_patterns", list(sizes.loads), {"units": "1"})
    coords["flipped"] = ("flipped", list(sizes.flips), {"units": "1"})
    attrs = {"n_units": N_UNITS, "n_stored": sizes.n_patterns, "flipped_at_capacity": FLIPPED}
    return xr.Dataset(data, coords, attrs | {"criterion": CRITERION.name, "most_sets": sizes.most_sets})


def compute_random(run: Run) -> xr.Dataset:
    """Capacity, robustness and basins on independent and on related signs."""
    return _compute(run, RANDOM)


def compute_images(run: Run) -> xr.Dataset:
    """Capacity, robustness and basins on handwritten digits."""
    all_digit_signs()  # a missing package shows before anything is computed
    return _compute(run, IMAGES)


def plot(dataset: xr.Dataset) -> Figure:
    """A row for each kind of patterns: retrieved against load, against corruption, and radii of basins."""
    kinds = dataset.kind.values.tolist()
    with style():
        figure, axes = make_figure(len(kinds), 3, height=24 + 62 * len(kinds))
        for kind, row in zip(kinds, axes.reshape(len(kinds), 3), strict=True):
            part = dataset.sel(kind=kind)
            _plot_curves(part, "capacity", "n_patterns", row[0])
            row[0].set(xscale="log", xlabel="patterns P", ylabel=f"retrieved, {kind} patterns")
            ticks = [p for p in (4, 16, 64, 256) if p <= part.n_patterns.max()]
            row[0].set_xticks(ticks, labels=[str(p) for p in ticks])
            row[0].minorticks_off()
            _plot_curves(part, "corruption", "flipped", row[1])
            row[1].set(xlabel=f"flipped part of the cue, P = {dataset.attrs['n_stored']}", ylabel="retrieved")
            _plot_radii(part, row[2])
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        label_panels(axes)
    return figure


def _plot_curves(part: xr.Dataset, name: str, dim: str, ax: Axes) -> None:
    for system in part.system.values:
        contender, own = CONTENDERS[str(system)], part.sel(system=system)
        look = {"color": contender.colour, "linestyle": contender.line}
        ax.plot(own[dim], own[name], label=contender.label, **look)
        ax.fill_between(own[dim], own[f"{name}_low"], own[f"{name}_high"], color=contender.colour, alpha=0.07, lw=0)
    ax.set_ylim(-0.03, 1.03)


def _plot_radii(part: xr.Dataset, ax: Axes) -> None:
    for place, system in enumerate(part.system.values):
        contender, radii = CONTENDERS[str(system)], part.radius.sel(system=system).values
        ax.plot(radii, np.full(radii.size, place), "o", color=contender.colour, markersize=2.5, alpha=0.6)
        ax.plot(radii.mean(), place, "|", color=contender.colour, markersize=9)
    labels = [CONTENDERS[str(s)].label for s in part.system.values]
    ax.set(xlabel="radius of basins (flipped part)", xlim=(-0.02, 0.52), ylim=(len(labels) - 0.5, -0.5))
    ax.set_yticks(range(len(labels)), labels=labels)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What follows from theory, and how the systems stand to the reference and the bound."""
    found = []
    for kind in dataset.kind.values:
        part = dataset.sel(kind=kind)
        found += [*_bound_claims(part, kind), *_reference_claims(part, kind)]
    return found


def _excess(part, system, other):
    """By how much a system's lower limit exceeds another's upper one, at worst, over loads and corruptions."""
    gaps = [
        (part[f"{name}_low"].sel(system=system) - part[f"{name}_high"].sel(system=other)).max()
        for name in ("capacity", "corruption")
    ]
    return float(max(gaps))


def _bound_claims(part, kind):
    systems = [str(s) for s in part.system.values if s != "nearest"]
    worst = max(systems, key=lambda s: _excess(part, s, "nearest"))
    label = CONTENDERS[worst].label
    statement = f"{kind}: no system retrieves more than the nearest pattern (limits of 95 %; closest: {label})"
    found = [Claim(statement, "theory", "at_most", 0.0, _excess(part, worst, "nearest"))]
    for system in (s for s in systems if s in DENSE):
        gap = float((part.capacity.sel(system="nearest") - part.capacity.sel(system=system)).max())
        statement = f"{kind}: {CONTENDERS[system].label} falls short of the nearest pattern at no load by more than"
        found.append(Claim(statement, "control", "at_most", 0.05, gap))
    return found


def _reference_claims(part, kind):
    pairs = [("pseudo_inverse", "hebb"), ("balanced_ei", "hebb"), ("balanced_ei", "push_pull")]
    found = []
    for better, worse in pairs:
        if {better, worse} <= set(part.system.values.tolist()):
            labels = CONTENDERS[better].label, CONTENDERS[worse].label
            statement = f"{kind}: at some load {labels[0]} retrieves more than {labels[1]}, limits of 95 %"
            gap = part.capacity_low.sel(system=better) - part.capacity_high.sel(system=worse)
            found.append(Claim(statement, "control", "at_least", 0.0, float(gap.max())))
    gap = part.capacity.sel(system="push_pull") - part.capacity.sel(system="no_feedback")
    statement = f"{kind}: feedback leaves push-pull's retrieval as it is once cue and feedback are over, largest change"
    found.append(Claim(statement, "control", "at_most", 0.1, float(abs(gap).max())))
    return found


RANDOM_EXPERIMENT = Experiment(
    "comparison", "all systems on the same random patterns: capacity, robustness, basins", compute_random, plot, claims
)
IMAGE_EXPERIMENT = Experiment(
    "comparison_images", "all systems on the same digits: capacity, robustness, basins", compute_images, plot, claims
)
