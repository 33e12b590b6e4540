"""Push-pull feedback between layers that store a hierarchy of patterns (Liu et al., 2019), in discrete time."""

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property, partial

import numpy as np
from scipy.linalg import pinvh

from assocmem.hierarchy import Hierarchy
from assocmem.inputs import Schedule
from assocmem.learning.hebbian import Coupling
from assocmem.models.base import Map
from assocmem.models.push_pull_discrete_kernels import asynchronous, synchronous
from assocmem.observables import Observable
from assocmem.random import seed_key
from assocmem.validation import check_boolean, check_integer, real_array

__all__ = ["DiscretePushPull"]

UPDATES = ("synchronous", "asynchronous")
SIGNS_OF_ZERO = ("keep", "plus")
LEARNING = ("hebb", "pseudo_inverse")


@dataclass(frozen=True, eq=False)
class DiscretePushPull(Map):
    r"""Layers of N units of sign +1 or -1 that store the levels of a hierarchy, with feedback to the layer below.

    .. math::

        x^l(t+1) &= \operatorname{sign} h^l(t) \\
        h^l &= W^l x^l + W^{l,l-1} x^{l-1} + a^+_l (W^{l+1,l})^\top x^{l+1} - a^-_l x^{l+1} \\
        W^l_{ij} &= \tfrac1N \sum_\mu \xi^\mu_i \xi^\mu_j, \quad
        W^{l+1,l}_{ij} = \tfrac1N \sum_\mu \xi^{\mathrm{parent}(\mu)}_i \xi^\mu_j

    The state holds the layers one after the other, children first. The couplings are applied as patterns: no N x N
    array exists, and with Hebbian learning N h without feedback is a sum of integers, the same in any order. The
    strengths of push and pull are input, two columns for each pair of neighbouring layers: see `schedule`.

    Parameters
    ----------
    hierarchy : Hierarchy
        One level of patterns for each layer; `Hierarchy.lowest` takes the first ones.
    self_coupling : bool
        Whether the recurrent couplings keep their diagonal.
    sign_of_zero : {"keep", "plus"}
        What a unit does where h = 0: keep its state, or become +1.
    update : {"synchronous", "asynchronous"}
        Whether an iteration updates all units of all layers at once, or one after the other in a random order, a new
        one for each iteration and the same for all trajectories.
    learning : {"hebb", "pseudo_inverse"}
        The second replaces the recurrent couplings, before the diagonal is removed, by projections onto the span of
        the patterns, so that correlated patterns do not interfere: an upper bound, which is not of the paper.
    seed : int, >= 0
        Of the order of the units.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range.

    References
    ----------
    Liu, Zou, Ji, Tian, Mi, Huang, Wong & Wu (2019), Push-pull feedback implements hierarchical information retrieval
    efficiently, NeurIPS 32, sections 2 and 3.
    Personnaz, Guyon & Dreyfus (1985), Information storage and retrieval in spin-glass like neural networks, J. Physique
    Lett. 46, 359.
    """

    hierarchy: Hierarchy = field(repr=False)
    _: KW_ONLY
    self_coupling: bool = False
    sign_of_zero: str = "keep"
    update: str = "synchronous"
    learning: str = "hebb"
    seed: int = 0

    def __post_init__(self):
        if not isinstance(self.hierarchy, Hierarchy):
            raise TypeError(f"hierarchy must be a Hierarchy, got {type(self.hierarchy).__name__}")
        check_boolean("self_coupling", self.self_coupling)
        check_integer("seed", self.seed, 0)
        for name, allowed in (("sign_of_zero", SIGNS_OF_ZERO), ("update", UPDATES), ("learning", LEARNING)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")

    @property
    def kernel(self):
        """The update of all units, at once or in turn."""
        return synchronous if self.update == "synchronous" else asynchronous

    # sizes

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return self.hierarchy.n_levels

    @property
    def layer_size(self) -> int:
        """Units of a layer."""
        return self.hierarchy.n_units

    @property
    def n_units(self) -> int:
        """Number of units of all layers."""
        return self.n_layers * self.layer_size

    @property
    def n_stimulus(self) -> int:
        """A strength of push and one of pull for each pair of layers."""
        return 2 * (self.n_layers - 1)

    @property
    def n_work(self) -> int:
        """Columns of scratch: overlaps and weights of the patterns, then what the kernel notes for units."""
        return 2 * int(self.first[-1]) + (self.layer_size if self.update == "synchronous" else self.n_units)

    # what the kernels read

    @property
    def signs_out(self) -> tuple[np.ndarray, ...]:
        """Patterns (pattern, unit) of each layer."""
        return self.hierarchy.patterns

    @property
    def signs_in(self) -> tuple[np.ndarray, ...]:
        """Patterns (unit, pattern) of each layer."""
        return tuple(np.ascontiguousarray(level.T) for level in self.hierarchy.patterns)

    @property
    def first(self) -> np.ndarray:
        """Numbers of the first pattern of each layer in the list of all, and the number of all."""
        return self.hierarchy.first

    @property
    def parent_of(self) -> np.ndarray:
        """Number of the parent of each pattern in the list of all; -1 in the last layer."""
        return self.hierarchy.parent_of

    @cached_property
    def mixing(self) -> tuple[np.ndarray, ...]:
        """Weights of the patterns of a layer by their overlaps (pattern, pattern); empty where the two are equal."""
        if self.learning == "hebb":
            return tuple(np.empty((0, 0)) for _ in range(self.n_layers))
        return tuple(_inverse_overlaps(level) for level in self.hierarchy.patterns)

    @cached_property
    def diagonal(self) -> np.ndarray:
        """What each unit must not receive from itself (unit of all layers), in units of N h."""
        if self.self_coupling:
            return np.zeros(self.n_units)
        pairs = zip(self.hierarchy.patterns, self.mixing, strict=True)
        return np.concatenate([_diagonal(level, inverse) for level, inverse in pairs])

    @property
    def keeps_zero(self) -> int:
        """1 if a unit without input keeps its state."""
        return int(self.sign_of_zero == "keep")

    @property
    def key0(self) -> int:
        """First word of the key of the random numbers."""
        return seed_key(self.seed)[0]

    @property
    def key1(self) -> int:
        """Second word of the key."""
        return seed_key(self.seed)[1]

    # the user's side

    def layer(self, values: np.ndarray, layer: int) -> np.ndarray:
        """Values (..., unit) of all layers at the units of one."""
        self._check_number("layer", layer, self.n_layers)
        return values[..., layer * self.layer_size : (layer + 1) * self.layer_size]

    def _check_number(self, name: str, number: int, size: int) -> None:
        check_integer(name, number, 0)
        if number >= size:
            raise ValueError(f"{name} must be in 0..{size - 1}, got {number}")

    def schedule(self, push, pull) -> Schedule:
        """Strengths a+ of the push and a- of the pull, one for each iteration.

        Parameters
        ----------
        push, pull : array (iteration,), (iteration, pair) or (iteration, trajectory, pair)
            The first form for two layers only. Number k acts in the iteration that leads from time k to k + 1; after
            the last one there is no feedback.

        Returns
        -------
        Schedule
            Columns: push and pull from layer 1 to 0, then from layer 2 to 1, and so on; times in iterations.

        Raises
        ------
        TypeError, ValueError
            If a shape does not fit, or a number is not finite.
        """
        arrays = [self._strengths(name, values) for name, values in (("push", push), ("pull", pull))]
        if len(arrays[0]) != len(arrays[1]):
            raise ValueError(f"push and pull must have as many iterations, got {len(arrays[0])} and {len(arrays[1])}")
        try:
            push, pull = np.broadcast_arrays(*arrays)
        except ValueError as error:
            counts = [array.shape[1] for array in arrays]
            raise ValueError(f"push and pull must have as many trajectories, got {counts}") from error
        values = np.stack([push, pull], axis=-1).reshape(*push.shape[:2], self.n_stimulus)
        values = np.concatenate([values, np.zeros_like(values[:1])])
        # only where something changes: each switch interrupts the compiled loop
        switches = np.flatnonzero([True, *np.any(values[1:] != values[:-1], axis=(1, 2))])
        is_common = values.shape[1] == 1
        return Schedule(switches.astype(float), values[switches, 0] if is_common else values[switches])

    def _strengths(self, name: str, values) -> np.ndarray:
        """Strengths (iteration, trajectory, pair) from one of the three forms."""
        array, n_pairs = real_array(name, values), self.n_layers - 1
        if n_pairs == 1 and array.ndim == 1:
            array = array[:, None]
        if array.ndim not in (2, 3) or array.shape[-1] != n_pairs or array.size == 0:
            forms = f"(iteration, {n_pairs}) or (iteration, trajectory, {n_pairs})"
            raise ValueError(f"{name} must have the shape {forms} for {self.n_layers} layers, got {array.shape}")
        return array if array.ndim == 3 else array[:, None]

    def start(self, cues: np.ndarray, *, is_driven: bool = False, max_steps: int = 100) -> np.ndarray:
        """States of all layers from cues to the first: each layer above has settled on what the one below says.

        A layer starts from the sign of its feedforward input and is updated, all units at once and with the layer below
        held, until nothing changes. A unit whose first input is 0 starts at +1.

        Parameters
        ----------
        cues : array (unit of layer 0,) or (trajectory, unit of layer 0)
            Signs.
        is_driven : bool
            Whether the feedforward input stays while the layer settles, or only gives its first state.
        max_steps : int, >= 0
            Updates at most; a cycle of two states ends there.

        Returns
        -------
        ndarray (trajectory, unit of all layers)

        Raises
        ------
        TypeError, ValueError
            If the cues are no signs of this many units, or an argument is out of range.
        """
        cues = real_array("cues", cues)
        if cues.ndim not in (1, 2) or cues.shape[-1] != self.layer_size or not np.isin(cues, (-1, 1)).all():
            n = self.layer_size
            raise ValueError(f"cues must be +1 and -1, of shape ({n},) or (trajectory, {n}), got shape {cues.shape}")
        check_boolean("is_driven", is_driven)
        check_integer("max_steps", max_steps, 0)
        layers = [cues.reshape(-1, self.layer_size)]
        for recurrent, forward in zip(self._recurrent[1:], self._feedforward, strict=True):
            drive = forward.apply(layers[-1])
            state = np.where(drive >= 0, 1.0, -1.0)
            for _ in range(max_steps):
                before, potential = state, recurrent.apply(state) + drive * is_driven
                state = np.where(potential == 0, state if self.keeps_zero else 1.0, np.sign(potential))
                if np.array_equal(state, before):
                    break
            layers.append(state)
        return np.concatenate(layers, axis=-1)

    @cached_property
    def _recurrent(self) -> tuple[Coupling, ...]:
        """N W of each layer, by its factors."""
        couplings = []
        for k, (level, inverse) in enumerate(zip(self.hierarchy.patterns, self.mixing, strict=True)):
            signs = level.astype(float)
            pre = inverse @ signs if inverse.size else signs
            couplings.append(Coupling(signs, pre, self.layer(self.diagonal, k), 1.0))
        return tuple(couplings)

    @cached_property
    def _feedforward(self) -> tuple[Coupling, ...]:
        """N times the coupling from each layer to the one above, by its factors; transposed it is that of the push."""
        couplings, none = [], np.zeros(self.layer_size)
        for k, numbers in enumerate(self.hierarchy.parents):
            parents = self.hierarchy.patterns[k + 1].astype(float)
            families = np.zeros_like(parents)
            np.add.at(families, numbers, self.hierarchy.patterns[k])
            couplings.append(Coupling(parents, families, none, 1.0))
        return tuple(couplings)

    def recurrent_matrix(self, layer: int) -> np.ndarray:
        """Recurrent coupling (post unit, pre unit) of a layer, for small networks."""
        self._check_number("layer", layer, self.n_layers)
        return self._recurrent[layer].matrix() / self.layer_size

    def feedforward_matrix(self, pair: int) -> np.ndarray:
        """Coupling (post unit, pre unit) from layer `pair` to the one above, for small networks."""
        self._check_number("pair", pair, self.n_layers - 1)
        return self._feedforward[pair].matrix() / self.layer_size

    def potential(self, state, stimulus=None) -> np.ndarray:
        """Input h (..., unit) of all units, by NumPy.

        Parameters
        ----------
        state : ndarray (..., unit)
            Of all layers.
        stimulus : ndarray (..., n_stimulus), optional
            Strengths of push and pull; none by default.
        """
        state = np.asarray(state, dtype=float)
        if state.shape[-1:] != (self.n_units,):
            raise ValueError(f"state must have {self.n_units} units on its last axis, got {state.shape}")
        stimulus = np.zeros(self.n_stimulus) if stimulus is None else np.asarray(stimulus, dtype=float)
        # sums of integers, divided in the end: what cancels does so exactly
        n, layers, sums = self.layer_size, [self.layer(state, k) for k in range(self.n_layers)], []
        for k, x in enumerate(layers):
            total = self._recurrent[k].apply(x)
            if k > 0:
                total = total + self._feedforward[k - 1].apply(layers[k - 1])
            if k < self.n_layers - 1:
                push, pull, above = stimulus[..., 2 * k, None], stimulus[..., 2 * k + 1, None], layers[k + 1]
                total = total + (push * self._feedforward[k].apply_transposed(above) - pull * (n * above))
            sums.append(total)
        return np.concatenate(sums, axis=-1) / n

    def energy(self, state) -> np.ndarray:
        r"""Energy :math:`-\tfrac12 x^\top W x` of layer 0 without feedback, which asynchronous updates never raise.

        Parameters
        ----------
        state : ndarray (..., unit)
            Of layer 0 or of all layers; the others are ignored.

        Returns
        -------
        ndarray (...)
        """
        x = self.layer(np.asarray(state, dtype=float), 0)
        return -0.5 * np.sum(x * self._recurrent[0].apply(x), axis=-1) / self.layer_size

    def readouts(self) -> dict[str, Observable]:
        """Observables of `iterate`: ``overlap_<layer>`` (..., pattern_<layer>), (1/N) sum_i xi_i x_i in [-1, 1]."""
        return {
            f"overlap_{k}": Observable(partial(self._overlaps, k), dim=f"pattern_{k}") for k in range(self.n_layers)
        }

    def _overlaps(self, layer: int, states: np.ndarray) -> np.ndarray:
        # sums of signs are exact in any order
        return self.layer(states, layer) @ self._recurrent[layer].post.T / self.layer_size


def _inverse_overlaps(level: np.ndarray) -> np.ndarray:
    """Inverse of the overlaps between patterns (pattern, pattern), on their span where they depend on each other."""
    signs = level.astype(float)
    inverse = pinvh(signs @ signs.T / level.shape[1])
    return (inverse + inverse.T) / 2.0


def _diagonal(level: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    if inverse.size == 0:
        return np.full(level.shape[1], float(len(level)))
    signs = level.astype(float)
    return np.einsum("pi,pi->i", signs, inverse @ signs)
