"""Push-pull feedback between layers that store a hierarchy of patterns (Liu et al., 2019), in continuous time."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from math import pi

import numpy as np

from assocmem.hierarchy import Hierarchy
from assocmem.inputs import Schedule
from assocmem.learning.hebbian import feedforward_coupling, recurrent_coupling
from assocmem.models.base import Flow
from assocmem.models.push_pull_kernels import GAIN, diffusion, rhs
from assocmem.validation import check_finite, check_positive, real_array

__all__ = ["PushPull"]

INHIBITION = ("unit", "uniform")


@dataclass(frozen=True, eq=False)
class PushPull(Flow):
    r"""Layers of N units that store the levels of a hierarchy, with feedback from each layer to the one below.

    .. math::

        \tau \dot h^l &= c_l W^l x^l - h^l / B + I^l(t)
                       + f_{l-1} F^{l-1} x^{l-1}
                       + p_l\, g^+_l(t)\, (F^l)^\top x^{l+1} - q_l\, g^-_l(t)\, x^{l+1} \\
        x &= \tfrac{1}{\pi} \arctan(8 \pi h) + \tfrac12

    W stores the patterns of a layer and F associates children with parents, both Hebbian with patterns of 0 and 1 minus
    their mean, without diagonal, of spectral norm 1. They are applied as patterns: no N x N array exists. The gates of
    push and pull are input: see `schedule`.

    Parameters
    ----------
    hierarchy : Hierarchy
        One level of patterns for each layer, children first.
    recurrent : sequence of float, one for each layer
        c, strengths of the recurrent couplings.
    feedforward, push, pull : sequences of float, one for each pair of neighbouring layers
        f, p and q; the pull is the whole coefficient (the paper's strength times the correlation b).
    tau : float, > 0
        Time constant, in units of time.
    leak : float, >= 0
        1 / B.
    noise : float, >= 0
        Standard deviation per square root of time of white noise in the potentials of layer 0, for the stochastic
        methods.
    inhibition : {"unit", "uniform"}
        Whether the pull subtracts the rates of the layer above unit by unit, or their mean from all units (a control).
    parent_scale : sequence of (None or array (pattern,)), optional
        For each pair of layers, numbers that divide the patterns of the upper one in F.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range or the numbers of layers disagree.

    References
    ----------
    Liu, Zou, Ji, Tian, Mi, Huang, Wong & Wu (2019), Push-pull feedback implements hierarchical information retrieval
    efficiently, NeurIPS 32.
    """

    hierarchy: Hierarchy = field(repr=False)
    _: KW_ONLY
    recurrent: Sequence[float] = (1.0, 2.0)
    feedforward: Sequence[float] = (2.0,)
    push: Sequence[float] = (1.0,)
    pull: Sequence[float] = (1.5,)
    tau: float = 5.0
    leak: float = 1.0
    noise: float = 0.0
    inhibition: str = "unit"
    parent_scale: Sequence | None = None

    state, rhs, diffusion = "potential", staticmethod(rhs), staticmethod(diffusion)

    def __post_init__(self):
        if not isinstance(self.hierarchy, Hierarchy):
            raise TypeError(f"hierarchy must be a Hierarchy, got {type(self.hierarchy).__name__}")
        n_layers = self.hierarchy.n_levels
        for name, size in (("recurrent", n_layers), *((k, n_layers - 1) for k in ("feedforward", "push", "pull"))):
            values = real_array(name, getattr(self, name))
            if values.shape != (size,):
                raise ValueError(f"{name} must have {size} numbers for {n_layers} layers, got shape {values.shape}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        check_positive("tau", self.tau)
        for name in ("leak", "noise"):
            check_finite(name, getattr(self, name))
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if self.inhibition not in INHIBITION:
            raise ValueError(f"inhibition must be one of {', '.join(INHIBITION)}, got {self.inhibition!r}")
        self._learn(self._checked_scales())

    def _checked_scales(self) -> list:
        scales = [None] * (self.n_layers - 1) if self.parent_scale is None else list(self.parent_scale)
        if len(scales) != self.n_layers - 1:
            raise ValueError(f"parent_scale must have {self.n_layers - 1} entries, got {len(scales)}")
        for level, scale in enumerate(scales):
            if scale is not None:
                name, shape = f"parent_scale[{level}]", self.hierarchy.patterns[level + 1].shape[:1]
                scales[level] = array = real_array(name, scale)
                if array.shape != shape or np.any(array == 0):
                    raise ValueError(f"{name} must hold {shape[0]} numbers other than 0, got {scale}")
        return scales

    def _learn(self, scales: list) -> None:
        levels, parents = self.hierarchy.patterns, self.hierarchy.parents
        recurrent = tuple(recurrent_coupling(level) for level in levels)
        forward = tuple(
            feedforward_coupling(levels[k + 1], levels[k], parents[k], scale=scales[k])
            for k in range(self.n_layers - 1)
        )
        ones = [np.ones(len(level)) for level in levels[1:]]
        object.__setattr__(self, "_scales", [s if s is not None else o for s, o in zip(scales, ones, strict=True)])
        object.__setattr__(self, "recurrent_couplings", recurrent)
        object.__setattr__(self, "feedforward_couplings", forward)

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
        """One input for each unit, then a push gate and a pull gate for each pair of layers."""
        return self.n_units + 2 * (self.n_layers - 1)

    @property
    def n_work(self) -> int:
        """Columns of scratch: rates, overlaps and coefficients of patterns, sums and constants of layers."""
        return self.n_units + 2 * int(self.first[-1]) + 2 * self.n_layers

    # what the kernels read

    @property
    def signs_out(self) -> tuple[np.ndarray, ...]:
        """Patterns (pattern, unit) of each layer."""
        return self.hierarchy.patterns

    @property
    def signs_in(self) -> tuple[np.ndarray, ...]:
        """Patterns (unit, pattern) of each layer."""
        return tuple(np.ascontiguousarray(level.T) for level in self.signs_out)

    @property
    def first(self) -> np.ndarray:
        """Numbers of the first pattern of each layer in the list of all, and the number of all."""
        return self.hierarchy.first

    @property
    def parent_of(self) -> np.ndarray:
        """Number of the parent of each pattern in the list of all; -1 in the last layer."""
        return self.hierarchy.parent_of

    @property
    def means(self) -> np.ndarray:
        """Mean of the signs of each layer."""
        return np.array([float(np.mean(level)) for level in self.hierarchy.patterns])

    @property
    def post_scale(self) -> np.ndarray:
        """Factor of the signs of each pattern where it is a parent; 0 in the first layer."""
        return np.concatenate([np.zeros(self.first[1]), *(0.5 / scale for scale in self._scales)])

    @property
    def post_offset(self) -> np.ndarray:
        """Number added to the scaled signs of each pattern where it is a parent; 0 in the first layer."""
        pairs = zip(self._scales, self.hierarchy.patterns[1:], self.feedforward_couplings, strict=True)
        offsets = [f.post[:, 0] - 0.5 / scale * level[:, 0] for scale, level, f in pairs]
        return np.concatenate([np.zeros(self.first[1]), *offsets])

    @property
    def recurrent_gain(self) -> np.ndarray:
        """Strengths of the recurrent couplings, with their normalisation."""
        return self.recurrent * [w.factor for w in self.recurrent_couplings]

    @property
    def forward_gain(self) -> np.ndarray:
        """Strengths of the feedforward couplings, with their normalisation."""
        return self.feedforward * [f.factor for f in self.feedforward_couplings]

    @property
    def push_gain(self) -> np.ndarray:
        """Strengths of the push, with the normalisation of its coupling."""
        return self.push * [f.factor for f in self.feedforward_couplings]

    @property
    def pull_gain(self) -> np.ndarray:
        """Strengths of the pull."""
        return self.pull

    @property
    def self_coupling(self) -> np.ndarray:
        """What each unit must not receive from itself (layer, unit)."""
        return np.stack([g * w.diagonal for g, w in zip(self.recurrent_gain, self.recurrent_couplings, strict=True)])

    @property
    def cross_coupling(self) -> np.ndarray:
        """Diagonals of the sums of products of parents and children (pair of layers, unit)."""
        return np.array([f.diagonal for f in self.feedforward_couplings]).reshape(-1, self.layer_size)

    @property
    def is_uniform(self) -> int:
        """1 if the pull is the same for all units."""
        return int(self.inhibition == "uniform")

    @property
    def n_noisy(self) -> int:
        """Number of units with noise: those of the first layer."""
        return self.layer_size

    # the user's side

    def layer(self, values: np.ndarray, layer: int) -> np.ndarray:
        """Values (..., unit) of all layers at the units of one."""
        if not 0 <= layer < self.n_layers:
            raise ValueError(f"layer must be in 0..{self.n_layers - 1}, got {layer}")
        return values[..., layer * self.layer_size : (layer + 1) * self.layer_size]

    def rate(self, potential) -> np.ndarray:
        """Rates x in (0, 1) at potentials."""
        return np.arctan(GAIN * np.asarray(potential, dtype=float)) / pi + 0.5

    def schedule(self, inputs: Sequence[tuple] = (), *, push: Sequence[tuple] = (), pull: Sequence[tuple] = ()):
        """Input that switches: drives of layers and windows of feedback.

        Parameters
        ----------
        inputs : sequence of (layer, start, stop, values)
            Drive of the units of a layer from `start` until `stop`, values (unit,) or (trajectory, unit). Inputs add.
        push, pull : sequences of (pair, start, stop, gate)
            Feedback from layer ``pair + 1`` to layer `pair`; the gate, a number or an array (trajectory,), multiplies
            the strength. Where windows of the same feedback overlap, the gates add.

        Returns
        -------
        Schedule

        Raises
        ------
        ValueError
            If a layer or pair does not exist, a shape does not fit, a window ends before it starts, or there is none.
        """
        n, pulses = self.layer_size, []
        for number, (layer, start, stop, values) in enumerate(inputs):
            name = f"inputs[{number}]"
            if layer not in range(self.n_layers):
                raise ValueError(f"{name} must be to one of the layers 0..{self.n_layers - 1}, got {layer}")
            values = real_array(name, values)
            if values.ndim not in (1, 2) or values.shape[-1] != n:
                raise ValueError(f"{name} must have values ({n},) or (trajectory, {n}), got shape {values.shape}")
            pulses.append((start, stop, self._columns(values, slice(layer * n, (layer + 1) * n))))
        for offset, (kind, windows) in enumerate((("push", push), ("pull", pull))):
            for number, (pair, start, stop, gate) in enumerate(windows):
                name = f"{kind}[{number}]"
                if pair not in range(self.n_layers - 1):
                    raise ValueError(f"{name} must be of one of the pairs 0..{self.n_layers - 2}, got {pair}")
                gate = real_array(name, gate)
                if gate.ndim > 1:
                    raise ValueError(f"{name} must have a number or an array (trajectory,) as gate, got {gate.shape}")
                column = self.n_units + 2 * pair + offset
                pulses.append((start, stop, self._columns(gate[..., None], slice(column, column + 1))))
        return Schedule.from_pulses(pulses)

    def _columns(self, values: np.ndarray, columns: slice) -> np.ndarray:
        array = np.zeros((*values.shape[:-1], self.n_stimulus))
        array[..., columns] = values
        return array

    def velocity(self, potential, stimulus=None) -> np.ndarray:
        """Time derivative dh/dt (..., unit), by NumPy.

        Parameters
        ----------
        potential : ndarray (..., unit)
            Of all layers.
        stimulus : ndarray (..., n_stimulus), optional
            Inputs and gates; none by default.
        """
        potential = np.asarray(potential, dtype=float)
        if potential.shape[-1:] != (self.n_units,):
            raise ValueError(f"potential must have {self.n_units} units on its last axis, got {potential.shape}")
        stimulus = np.zeros((*potential.shape[:-1], self.n_stimulus)) if stimulus is None else np.asarray(stimulus)
        rates = [self.layer(self.rate(potential), k) for k in range(self.n_layers)]
        slopes = []
        for k in range(self.n_layers):
            total = self.layer(stimulus, k) - self.leak * self.layer(potential, k)
            total = total + self.recurrent[k] * self.recurrent_couplings[k].apply(rates[k])
            if k > 0:
                total = total + self.feedforward[k - 1] * self.feedforward_couplings[k - 1].apply(rates[k - 1])
            if k < self.n_layers - 1:
                pushed, pulled = np.moveaxis(stimulus[..., self.n_units + 2 * k :][..., :2], -1, 0)
                above = rates[k + 1]
                inhibition = above.mean(axis=-1, keepdims=True) if self.is_uniform else above
                feedback = self.push[k] * self.feedforward_couplings[k].apply_transposed(above)
                total = total + pushed[..., None] * feedback - pulled[..., None] * self.pull[k] * inhibition
            slopes.append(total / self.tau)
        return np.concatenate(slopes, axis=-1)

    def energy(self, potential, drive=0.0) -> np.ndarray:
        r"""Lyapunov function of layer 0 without feedback.

        .. math:: E = -\tfrac{c}{2} x^\top W x - I^\top x - \frac{1}{8 \pi^2 B} \sum_i \ln \sin(\pi x_i)

        Parameters
        ----------
        potential : ndarray (..., unit)
            Of layer 0 or of all layers; the others are ignored.
        drive : float or ndarray (..., unit of layer 0)
            Constant input I.

        Returns
        -------
        ndarray (...)
        """
        rate = self.rate(np.asarray(potential)[..., : self.layer_size])
        recurrent = 0.5 * self.recurrent[0] * np.sum(rate * self.recurrent_couplings[0].apply(rate), axis=-1)
        barrier = np.sum(np.log(np.sin(pi * rate)), axis=-1) / (8.0 * pi**2)
        return -recurrent - np.sum(drive * rate, axis=-1) - self.leak * barrier

    def readouts(self, targets: Sequence) -> dict[str, Callable]:
        """Observables of `simulate`: overlap of each layer with a target, and mean rate of each layer.

        Parameters
        ----------
        targets : sequence of (None or int or array), one for each layer
            Number of a stored pattern of the layer, or signs (unit,) or, one for each trajectory, (trajectory, unit).

        Returns
        -------
        dict
            ``overlap_<layer>``: (1/N) sum_i sign(2 x_i - 1) xi_i, the retrieval accuracy, for layers with a target;
            ``activity_<layer>``: mean rate.
        """
        if len(targets) != self.n_layers:
            raise ValueError(f"targets must have one entry for each of {self.n_layers} layers, got {len(targets)}")
        observables: dict[str, Callable] = {}
        for k, target in enumerate(targets):
            if target is not None:
                observables[f"overlap_{k}"] = self._overlap(k, self._checked_target(k, target))
            observables[f"activity_{k}"] = lambda states, k=k: self.rate(self.layer(states, k)).mean(axis=-1)
        return observables

    def _checked_target(self, layer: int, target) -> np.ndarray:
        patterns = self.hierarchy.patterns[layer]
        if isinstance(target, int | np.integer):
            if not 0 <= target < len(patterns):
                raise ValueError(f"targets[{layer}] must be in 0..{len(patterns) - 1}, got {target}")
            return patterns[target].astype(float)
        signs = real_array(f"targets[{layer}]", target)
        if signs.ndim not in (1, 2) or signs.shape[-1] != self.layer_size:
            raise ValueError(f"targets[{layer}] must have {self.layer_size} units, got shape {signs.shape}")
        if not np.isin(signs, (-1, 1)).all():
            raise ValueError(f"targets[{layer}] must hold +1 and -1 only, got {np.unique(signs)[:5]}")
        return signs if signs.ndim == 1 else signs[:, None]  # (trajectory, time, unit)

    def _overlap(self, layer: int, signs: np.ndarray) -> Callable:
        # the rate is above 1/2 where the potential is above 0
        return lambda states: np.mean(np.sign(self.layer(states, layer)) * signs, axis=-1)
