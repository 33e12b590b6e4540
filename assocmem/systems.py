"""Every system as a memory of signs: patterns of 1 and -1 are stored, cues of 1 and -1 are given, signs come back.

What makes the systems comparable is here and nowhere else: how signs become rates, activities or levels of a hierarchy,
how long a system runs from a cue, and which of its variables is read. The functions of `assocmem.analysis` take it from
there::

    system = CDAMSystem()
    capacity_curve(system.recall, [2, 4, 8], make_patterns=make_patterns, make_cues=make_cues)
    basin_radius(system.store(patterns), patterns, corruption=sign_flip_corruption, largest=0.5)

The answer is the sign of what is read, and 0 where that is 0 or the system could not store the patterns at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assocmem.features import FeatureMap, PositiveRandomFeatures
from assocmem.hierarchy import Hierarchy
from assocmem.integrators import DIVERGED
from assocmem.learning import NotStorableError, Stage, train_balanced_ei
from assocmem.learning.similarity import fit_similarity
from assocmem.masks import Mask
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.models.cdam import CDAM
from assocmem.models.classical import ClassicalHopfield
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.models.push_pull import PushPull
from assocmem.separations import Separation, Softmax, Sparsemax
from assocmem.simulate import iterate, simulate
from assocmem.validation import check_boolean, check_finite, check_integer, check_positive, labelled_array
from assocmem.variants import FlippedVariants, VariantDistribution

__all__ = [
    "AdaptiveSystem",
    "BalancedEISystem",
    "CDAMSystem",
    "ClassicalSystem",
    "FeatureSystem",
    "FenchelYoungSystem",
    "NearestPattern",
    "NonparametricSystem",
    "PushPullSystem",
    "SignSystem",
]

Settle = Callable[[np.ndarray, int], np.ndarray]


class SignSystem:
    """A system that stores signs; subclasses say how in `memory`."""

    def memory(self, patterns: np.ndarray, seed: int) -> Settle:
        """What leads cues (cue, unit) and a seed to numbers (cue, unit) with the sign of the answer."""
        raise NotImplementedError

    def store(self, patterns: np.ndarray, *, seed: int = 0) -> Settle:
        """A memory of patterns: a function of cues (cue, unit) and a seed that gives answers (cue, unit), all of signs.

        Parameters
        ----------
        patterns : array (pattern, unit) of 1 and -1
        seed : int, >= 0
            Of what is random in storage.

        Raises
        ------
        TypeError, ValueError
            If patterns are no signs or the seed is out of range.
        """
        patterns = _signs("patterns", patterns)
        check_integer("seed", seed, 0)
        settle = self.memory(patterns, seed)

        def settle_signs(cues, seed):
            cues = _signs("cues", cues)
            if cues.shape[1] != patterns.shape[1]:
                raise ValueError(f"cues must have {patterns.shape[1]} units, got shape {cues.shape}")
            return np.sign(settle(cues, seed))

        return settle_signs

    def recall(self, patterns: np.ndarray, cues: np.ndarray, seed: int) -> np.ndarray:
        """Answers (cue, unit) to cues (cue, unit) once the patterns are stored, for `capacity_curve`."""
        return self.store(patterns, seed=seed)(cues, seed)


@dataclass(frozen=True)
class ClassicalSystem(SignSystem):
    """The classical Hopfield network, the reference (see `ClassicalHopfield`).

    Parameters
    ----------
    learning : {"hebb", "pseudo_inverse"}
    update_order : {"asynchronous", "synchronous"}
    steps : int, >= 1
        Sweeps at the most.
    """

    learning: str = "hebb"
    update_order: str = "asynchronous"
    steps: int = 50

    def memory(self, patterns, seed):
        settings = {"learning": self.learning, "update_order": self.update_order, "seed": seed}
        network = ClassicalHopfield(patterns, **settings)
        return lambda cues, seed: network.retrieve(cues, steps=self.steps).state.values


@dataclass(frozen=True)
class BalancedEISystem(SignSystem):
    """Trained balanced networks with one excitatory unit for each sign (see `BalancedEI` and `train_balanced_ei`).

    A sign is a high or a low rate. A run begins with the excitatory units at the rates of the cue and the inhibitory
    ones at their mean over patterns; the answer is whether an excitatory rate is above the middle of low and high. It
    is 0 where training finds no weights that store the patterns, and for runs in which rates grow without bound.

    Parameters
    ----------
    low, high : float, > 0, in Hz
    inhibitory_share : float, > 0
        Inhibitory units for each excitatory one.
    duration, dt : float, > 0, in ms
        Of a run.
    iterations : int, >= 1
        Of training to stability, at the most; it ends as soon as all patterns are stable.
    trains_recall : bool
        Whether recall from noisy cues is then trained, too.
    """

    low: float = 5.0
    high: float = 15.0
    inhibitory_share: float = 0.5
    duration: float = 400.0
    dt: float = 0.5
    iterations: int = 100
    trains_recall: bool = True

    def __post_init__(self):
        for name in ("low", "inhibitory_share", "duration", "dt"):
            check_positive(name, getattr(self, name))
        check_finite("high", self.high)
        if self.high <= self.low:
            raise ValueError(f"high must be above low = {self.low} Hz, got {self.high}")
        check_integer("iterations", self.iterations, 1)
        check_boolean("trains_recall", self.trains_recall)

    def memory(self, patterns, seed):
        n_units = patterns.shape[1]
        n_inhibitory = max(2, round(self.inhibitory_share * n_units))
        recall = (Stage(20, stability=2.0, retrieval=1.0, hinge=-0.08),) * 2
        schedule = (Stage(self.iterations, stop_below=-4.0), *(recall if self.trains_recall else ()))
        settings = {"n_inhibitory": n_inhibitory, "seed": seed, "schedule": schedule}
        try:
            training = train_balanced_ei(self._rates(patterns), **settings)
        except NotStorableError:
            return lambda cues, seed: np.zeros(cues.shape)
        network, middle = training.model, (self.low + self.high) / 2
        inhibitory = training.potentials.values[:, n_units:].mean(axis=0)

        def settle(cues, seed):
            excitatory = network.activation.potential(self._rates(cues))
            start = np.hstack([excitatory, np.tile(inhibitory, (len(cues), 1))])
            run = simulate(network, start, duration=self.duration, dt=self.dt, every=None, on_divergence="mark")
            rates = network.rate(run.potential.values[:, -1])[:, :n_units]
            has_run_away = run.status.values == DIVERGED
            return np.where(has_run_away[:, None], 0.0, rates - middle)

        return settle

    def _rates(self, signs):
        return np.where(signs > 0, self.high, self.low)


@dataclass(frozen=True)
class PushPullSystem(SignSystem):
    """Two layers with push-pull feedback (see `PushPull`); patterns in groups are the children of one parent each.

    The parent of a group of successive patterns is the sign of their sum, 0 counting as -1. The cue drives layer 1
    until the end of the pull; then the network is left to itself. What is read is the rate of layer 1, from -1 to 1.

    Parameters
    ----------
    group_size : int, >= 1
        Patterns of a parent; those left over have a smaller group.
    push, pull : float, >= 0
        Strengths of feedback; the pull is the whole coefficient.
    cue_strength : float, > 0
        Input to a unit whose sign is 1.
    push_time, pull_time, end : float, in units of the time constant, 5
        Push until `push_time`, pull from there until `pull_time`, end of the run.
    dt : float, > 0
    """

    group_size: int = 4
    push: float = 1.0
    pull: float = 1.5
    cue_strength: float = 1.0
    push_time: float = 5.0
    pull_time: float = 10.0
    end: float = 40.0
    dt: float = 0.1

    def __post_init__(self):
        check_integer("group_size", self.group_size, 1)
        check_positive("cue_strength", self.cue_strength)
        if not 0 < self.push_time < self.pull_time < self.end:
            times = self.push_time, self.pull_time, self.end
            raise ValueError(f"push_time, pull_time and end must follow each other, got {times}")

    def memory(self, patterns, seed):
        parent_of = np.arange(len(patterns)) // self.group_size
        sums = np.array([patterns[parent_of == k].sum(axis=0) for k in range(parent_of[-1] + 1)])
        hierarchy = Hierarchy((patterns, np.where(sums > 0, 1, -1)), (parent_of,))
        network = PushPull(hierarchy, push=(self.push,), pull=(self.pull,))

        def settle(cues, seed):
            drive = self.cue_strength * (cues + 1) / 2
            stimulus = network.schedule(
                [(0, 0.0, self.pull_time, drive)],
                push=[(0, 0.0, self.push_time, 1.0)],
                pull=[(0, self.push_time, self.pull_time, 1.0)],
            )
            start = np.zeros((len(cues), network.n_units))
            run = simulate(network, start, duration=self.end, dt=self.dt, every=None, stimulus=stimulus)
            return 2 * network.rate(network.layer(run.potential.values[:, -1], 0)) - 1

        return settle


@dataclass(frozen=True)
class CDAMSystem(SignSystem):
    """The dense associative memory with a graph of patterns, here a ring in their order (see `CDAM`).

    The state is the activity plus the mean pattern that the dynamics subtract.

    Parameters
    ----------
    auto_strength, hetero_strength, beta, eta
        Of `CDAM` and `CDAM.map`.
    steps : int, >= 1
    """

    auto_strength: float = 1.0
    hetero_strength: float = 0.0
    beta: float = 1.0
    eta: float = 0.5
    steps: int = 40

    def memory(self, patterns, seed):
        n = len(patterns)
        adjacency = np.zeros((n, n))
        adjacency[np.arange(n), (np.arange(n) + 1) % n] = 1
        np.fill_diagonal(adjacency, 0)
        strengths = {"auto_strength": self.auto_strength, "hetero_strength": self.hetero_strength}
        network = CDAM(patterns, np.maximum(adjacency, adjacency.T), beta=self.beta, **strengths)
        update = network.map(self.eta)
        return lambda cues, seed: (
            iterate(update, cues, steps=self.steps, every=None).activity.values[:, -1] + patterns.mean(0)
        )


@dataclass(frozen=True)
class FenchelYoungSystem(SignSystem):
    """A Hopfield-Fenchel-Young network (see `HopfieldFenchelYoung`).

    Parameters
    ----------
    separation : Separation
    beta : float, > 0
    steps : int, >= 1
        Updates at the most.
    """

    separation: Separation = Sparsemax()
    beta: float = 1.0
    steps: int = 40

    def memory(self, patterns, seed):
        network = HopfieldFenchelYoung(patterns, separation=self.separation, beta=self.beta)
        return lambda cues, seed: network.retrieve(cues, steps=self.steps).state.values


@dataclass(frozen=True)
class NonparametricSystem(SignSystem):
    """A nonparametric modern Hopfield model, one update as in its paper (see `NonparametricHopfield`).

    Parameters
    ----------
    mask : Mask, optional
        All patterns are seen where None.
    separation : Separation
    beta : float, > 0
    """

    mask: Mask | None = None
    separation: Separation = Softmax()
    beta: float = 1.0

    def memory(self, patterns, seed):
        settings = {"mask": self.mask, "separation": self.separation, "beta": self.beta}
        network = NonparametricHopfield(patterns, **settings)
        return lambda cues, seed: network.retrieve(cues, steps=1).state.values


@dataclass(frozen=True)
class FeatureSystem(SignSystem):
    """A nonparametric model whose kernel is a product of features, one update (see `FeatureHopfield`).

    Parameters
    ----------
    features : FeatureMap
    beta : float, > 0
    """

    features: FeatureMap = PositiveRandomFeatures(512, seed=0)
    beta: float = 1.0

    def memory(self, patterns, seed):
        network = FeatureHopfield(patterns, features=self.features, beta=self.beta)
        return lambda cues, seed: network.retrieve(cues, steps=1).state.values


@dataclass(frozen=True)
class AdaptiveSystem(SignSystem):
    """The adaptive Hopfield network, whose similarity is learned from cues of the kind that will be given.

    Parameters
    ----------
    variants : VariantDistribution
        How cues come about from patterns.
    features : tuple of names
        Of `AdaptiveSimilarity`.
    n_cues : int, >= 1
        Cues to learn from.
    """

    variants: VariantDistribution = FlippedVariants(0.1)
    features: tuple[str, ...] = ("dis", "dot")
    n_cues: int = 1000

    def __post_init__(self):
        check_integer("n_cues", self.n_cues, 1)

    def memory(self, patterns, seed):
        cues, origins = self.variants.sample(patterns, self.n_cues, seed=seed)
        fitted = fit_similarity(patterns, cues, origins, features=self.features, ridge=1e-3, seed=seed)
        network = AdaptiveHopfield(patterns, fitted.similarity)
        return lambda cues, seed: network.recall(cues).retrieval.values


@dataclass(frozen=True)
class NearestPattern(SignSystem):
    """Not a network: the stored pattern that differs from the cue in the fewest units, the first of several.

    Where each unit of a cue is wrong with the same probability, below one half, no memory answers right more often.
    """

    def memory(self, patterns, seed):
        return lambda cues, seed: patterns[(cues @ patterns.T).argmax(axis=1)]


def _signs(name: str, values) -> np.ndarray:
    """Values as a matrix (row, unit) of float 1 and -1."""
    array = labelled_array(name, values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix of signs (one in a row), got shape {array.shape}")
    if not np.all(np.abs(array) == 1):
        raise ValueError(f"{name} must be of 1 and -1, got other values")
    return np.ascontiguousarray(array, dtype=float)
