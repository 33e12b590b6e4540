"""Nonparametric modern Hopfield models (Hu et al., 2025): regression on patterns by kernels and masks."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assocmem.features import row_product
from assocmem.masks import Mask, TopScores, Window
from assocmem.models.associative import ReadOut
from assocmem.models.pattern_memory import PatternMemory
from assocmem.models.reference_behaviour import BEHAVIOURS, reference_step
from assocmem.separations import Separation, Softmax, TopK
from assocmem.separations.association import Association, Step
from assocmem.separations.base import check_status
from assocmem.separations.masked import MaskedAssociation, padded_association

__all__ = ["NonparametricHopfield", "window_retrieval"]

_BLOCK = 512  # cues whose scores are looked at together


@dataclass(frozen=True, eq=False)
class NonparametricHopfield(PatternMemory):
    r"""Memory that mixes the patterns whose keys are most like the cue, perhaps out of a part of them only.

    .. math:: T(x) = \sum_{\mu \in \mathcal M(x)} p_\mu \xi_\mu, \qquad p = \nabla\Omega^*(\beta K_{\mathcal M} x)

    With softmax this is the Nadaraya-Watson estimate of the map from keys (noisy patterns) to patterns with an
    exponential kernel. The paper retrieves by one update: `update`, or `retrieve` with ``steps=1``. Its models are

    ==================  ===================================  =======================
    model               separation                           mask
    ==================  ===================================  =======================
    dense               `Softmax`                            none
    sparse              `Sparsemax`                          none
    random masked       `Softmax`                            `RandomMask`
    window              `Softmax`                            `Window`
    top K               `Softmax`                            `TopScores`
    ==================  ===================================  =======================

    A masked pattern has no weight at all, and weights add up to 1 over those that are seen. The mask of cue i is the
    same in all updates; cues are numbered as they are given. If the keys are the patterns, there is an energy that no
    update raises (`TopScores` included, whose conjugate is a maximum of convex functions).

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Finite. float32 patterns make a memory of float32.
    keys : array (pattern, unit), optional
        What cues are compared with, the patterns by default.
    beta : float, > 0, optional
        Inverse temperature, inside of the separation; 1 / sqrt(n_units) by default.
    separation : Separation
        With a mask, one whose weights have a fixed sum; with `TopScores`, softmax.
    mask : Mask, optional
        All cues see all patterns by default.
    reference_behaviour : {"zero_fill", "sign_scores"}, optional
        What two mistakes in the code published with the paper amount to, for comparison only. "zero_fill" sets masked
        scores to 0, so that masked patterns keep weight, and multiplies the others by 1 / (1 - p) at a random mask of a
        part p; "sign_scores" keeps the signs of the scores only.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or the separation does not go with the mask.

    References
    ----------
    Hu, Chen, Wu, Ruan & Liu (2025), Nonparametric modern Hopfield models, ICML, PMLR 267, theorem 3.2 and eq. 3.7.
    Ramsauer et al. (2021), Hopfield networks is all you need, ICLR: the dense model.
    Hu et al. (2023), On sparse modern Hopfield model, NeurIPS: the sparse model.
    """

    patterns: np.ndarray = field(repr=False)
    keys: np.ndarray | None = field(default=None, repr=False)
    beta: float | None = field(default=None, kw_only=True)
    separation: Separation = field(default=Softmax(), kw_only=True)
    mask: Mask | None = field(default=None, kw_only=True)
    reference_behaviour: str | None = field(default=None, kw_only=True)

    def __post_init__(self):
        self.check_arrays()
        for name, value, kind in (("separation", self.separation, Separation), ("mask", self.mask, Mask | None)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} must be a {name.capitalize()}, got {value!r}")
        if isinstance(self.mask, TopScores) and not isinstance(self.separation, Softmax):
            raise ValueError(f"separation must be Softmax() with a mask of the top scores, got {self.separation}")
        if self.mask is not None:
            self.mask.check(self.n_patterns)
        if self.reference_behaviour not in (None, *BEHAVIOURS):
            given = self.reference_behaviour
            raise ValueError(f"reference_behaviour must be one of {BEHAVIOURS} or None, got {given!r}")
        if self.reference_behaviour == "zero_fill" and self.mask is None:
            raise ValueError("reference_behaviour 'zero_fill' needs a mask, got None")
        self.separation.check_scores((1, self.n_patterns))
        _ = self.association  # which is as strict about separations and masks

    @property
    def has_energy(self) -> bool:
        """Whether there is a function that no update raises."""
        return self.is_autoassociative and self.reference_behaviour is None

    @property
    def has_one_hot_weights(self) -> bool:
        """Whether a support of one pattern means that the next state is that pattern, for all cues alike."""
        return self.separation.total == 1.0 and not self.is_numbered

    @property
    def is_numbered(self):
        """Whether an update depends on the number of the cue: whether its mask does."""
        return self.mask is not None and not isinstance(self.mask, TopScores) and not self.mask.is_shared

    @cached_property
    def visible(self) -> np.ndarray:
        """Numbers of the patterns that all cues may see."""
        is_shared = self.mask is not None and self.mask.is_shared
        return self.mask.shared(self.n_patterns) if is_shared else np.arange(self.n_patterns)

    @cached_property
    def association(self) -> Association | MaskedAssociation:
        """Keys and patterns in the layout of the compiled loops."""
        if self.is_numbered:
            return MaskedAssociation(self.separation, self.stored_keys, self.patterns, self.mask)
        separation = TopK(self.mask.k(self.n_patterns)) if isinstance(self.mask, TopScores) else self.separation
        separation.check_scores((1, self.visible.size))
        return padded_association(separation, self.stored_keys[self.visible], self.patterns[self.visible])

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights of the patterns (..., pattern) at states (..., unit), 0 for those that are masked."""
        y, shape = self.flat(states, threads)
        found = self._read(y, self.numbers(len(y)), has_weights=True, threads=threads)[2]
        return found.reshape(*shape, self.n_patterns)

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit), which are numbered in this order for the mask.

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type or shape, do not fit the mask, or their scores are not finite.
        """
        y, shape = self.flat(states, threads)
        return self._checked_step(y, self.numbers(len(y)), threads).states.reshape(*shape, self.n_units)

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        r"""Energy ``-Omega*(beta X q) / beta + |q|^2 / 2`` (...,) of states (..., unit) over the patterns they see.

        For the dense model it is that of Ramsauer et al. but for a constant.

        Raises
        ------
        ValueError
            If the memory has none: the keys are not the patterns, or `reference_behaviour` is set.
        """
        if not self.has_energy:
            reason = "keys that are not the patterns" if not self.is_autoassociative else "a reference_behaviour"
            raise ValueError(f"a memory with {reason} has no energy")
        y, shape = self.flat(states, threads)
        return self._energies(y, self._checked_step(y, self.numbers(len(y)), threads)).reshape(shape)

    # the protocol of AssociativeMemory

    def step(self, y, form, engine, *, threads):
        states, numbers = self.parted(y)
        step = (self._checked_step if self.is_numbered else self._step)(states, numbers, threads)
        return Step(self.joined(step.states, numbers), step.conjugate, step.status, step.readout)

    def energies(self, y, step, form):
        return self._energies(y[:, : self.n_units], step)

    def read_out(self, states, *, has_weights, threads):
        step, margin, weights = self._read(states, self.numbers(len(states)), has_weights=has_weights, threads=threads)
        winner, support_size = step.readout.T
        return ReadOut(self._energies(states, step), winner, support_size, margin, weights)

    def numbers(self, n_cues):
        if self.mask is not None:
            self.mask.check_cues(n_cues, self.n_patterns)
        if self.dtype == np.float32 and n_cues > 2**24:
            raise ValueError(f"cues must be at most 2^24 for float32, got {n_cues}")
        return np.arange(n_cues)

    def _energies(self, y, step):
        if not self.has_energy:
            return np.full(len(y), np.nan)
        return 0.5 * np.square(y.astype(float)).sum(axis=1) - step.conjugate / self.beta

    def _step(self, y, numbers, threads):
        if self.reference_behaviour:
            return reference_step(self, y, numbers)[0]
        if self.is_numbered:
            return self.association.run(y, numbers, beta=self.beta, threads=threads)
        return self._cut(self.association.run(y, beta=self.beta, threads=threads))

    def _checked_step(self, y, numbers, threads):
        step = self._step(y, numbers, threads)
        check_status(step.status, "states")
        return step

    def _cut(self, step):
        """The step without padding, with winners among all patterns."""
        readout = np.column_stack([self.visible[step.readout[:, 0]], step.readout[:, 1]])
        return Step(np.ascontiguousarray(step.states[:, : self.n_units]), step.conjugate, step.status, readout)

    def _read(self, y, numbers, *, has_weights, threads):
        """The step from states, gaps of scores, and all weights on demand."""
        if self.reference_behaviour:
            step, weights = reference_step(self, y, numbers)
            margin = self._gaps(y)
        elif self.is_numbered:
            options = {"beta": self.beta, "threads": threads, "has_weights": has_weights}
            step, margin, weights = self.association.read_out(y, numbers, **options)
        else:
            weights, margin = np.zeros((len(y) if has_weights else 0, self.n_patterns), self.dtype), self._gaps(y)

            def keep(rows, block):
                if has_weights:
                    weights[rows, self.visible] = block

            step = self._cut(self.association.run(y, beta=self.beta, threads=threads, visit=keep))
        check_status(step.status, "states")
        return step, margin, weights if has_weights else None

    def _gaps(self, y):
        """Gaps between the largest score of a pattern that is seen and the next (trajectory,), without beta."""
        gaps, keys = np.full(len(y), np.inf), self.stored_keys[self.visible].T
        for start in range(0, len(y), _BLOCK) if keys.shape[1] > 1 else ():
            scores = row_product(y[start : start + _BLOCK], keys)
            edge = np.partition(scores, (-2, -1), axis=1)
            gaps[start : start + _BLOCK] = edge[:, -1].astype(float) - edge[:, -2]
        return gaps


def window_retrieval(
    cues: np.ndarray,
    patterns: np.ndarray,
    keys: np.ndarray | None = None,
    *,
    radius: int,
    beta: float | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """What each cue of a sequence retrieves from the patterns at most `radius` places away, by softmax.

    Time grows with ``length * radius``; a cue at an end sees fewer patterns.

    Parameters
    ----------
    cues, patterns : array (pattern, unit), of equal length
    keys : array (pattern, unit), optional
        What cues are compared with, the patterns by default.
    radius : int, >= 0, below the length
    beta : float, > 0, optional
        1 / sqrt(n_units) by default.
    threads : int, optional
        Without effect on results.

    Returns
    -------
    ndarray (pattern, unit)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Hu et al. (2025), example 2.
    """
    return NonparametricHopfield(patterns, keys, beta=beta, mask=Window(radius)).update(cues, threads=threads)
