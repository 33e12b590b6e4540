"""The dynamics of a correlated dense associative memory in as many dimensions as there are patterns, and its read-outs.

Pattern mu pulls the state to its target, the column T_mu of Q less kappa xbar. From a cue z every later state is
sigma = sum_mu q_mu T_mu + rho z, where q is the running average of the softmax weights and rho what is left of the cue.
The units enter through three products of patterns and cues that are made once: G = Xi^T Xi, Xi^T z and z^T z'. Neither
a step nor a read-out depends on their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from assocmem.inputs import Schedule
from assocmem.kernels.matmul import weights_from
from assocmem.kernels.reductions import padded
from assocmem.models.base import Flow, Map
from assocmem.models.cdam_kernels import reduced_own_rhs, reduced_own_update, reduced_rhs, reduced_update
from assocmem.models.cdam_readouts import centred, product, ratio, read_out
from assocmem.validation import check_positive, real_array

if TYPE_CHECKING:
    from assocmem.models.cdam import CDAM

__all__ = ["ReducedCDAM", "ReducedCDAMMap", "check_eta"]


@dataclass(frozen=True, eq=False)
class ReducedCDAM(Flow):
    """The same trajectories as those of a `CDAM` from given cues, in coordinates of the patterns; exact.

    The state of a trajectory holds the running average q of the softmax weights (pattern), the amplitude rho of the
    cue, and that of the mean pattern, 1 - rho; then zeros up to a multiple of 8. The columns of `stimulus` are the
    scores Xi^T z of its cue (pattern), its auto- and its hetero-associative strength, then zeros. `initial_states` and
    `stimulus` make both, and a run needs both; `coefficients`, `activity` and `read_out` translate back.

    Parameters
    ----------
    flow : CDAM
        Without noise.
    cues : array (unit,) or (trajectory, unit)
    strengths : array (2,) or (trajectory, 2), optional
        Auto- and hetero-associative strength, constant in time; default those of the model. A pair for every trajectory
        takes half as long again as one for all.

    Raises
    ------
    TypeError, ValueError
        If cues or strengths do not fit the model, or the model has noise.
    """

    flow: CDAM = field(repr=False)
    cues: np.ndarray = field(repr=False)
    strengths: np.ndarray | None = field(default=None, repr=False)

    state, state_units, time_units = "averages", "1", "1"
    needs_stimulus = True

    def __post_init__(self):
        cues, n = real_array("cues", _rows(self.cues)), self.flow.n_units
        if cues.ndim not in (1, 2) or cues.shape[-1] != n or cues.size == 0:
            raise ValueError(f"cues must have shape ({n},) or (trajectory, {n}), got {cues.shape}")
        if self.flow.noise > 0:
            raise ValueError(f"noise must be 0 for the reduced system, got {self.flow.noise}")
        cues = cues.reshape(-1, n)
        given = (self.flow.auto_strength, self.flow.hetero_strength) if self.strengths is None else self.strengths
        strengths = real_array("strengths", given)
        if strengths.shape not in ((2,), (len(cues), 2)):
            raise ValueError(f"strengths must have shape (2,) or ({len(cues)}, 2), got {strengths.shape}")
        for name, array in (("cues", cues), ("strengths", strengths)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def has_own_strengths(self) -> bool:
        """Whether every trajectory has its own strengths."""
        return self.strengths.ndim == 2

    @property
    def rhs(self):
        """Kernel of the right-hand side."""
        return reduced_own_rhs if self.has_own_strengths else reduced_rhs

    @property
    def n_patterns(self) -> int:
        """Number of patterns."""
        return self.flow.n_patterns

    @property
    def n_units(self) -> int:
        """Length of the state: patterns + 2, padded."""
        return padded(self.n_patterns + 2)

    @property
    def n_work(self) -> int:
        """Columns of scratch."""
        return 2 * self.n_units if self.has_own_strengths else 0

    @cached_property
    def mean_scores(self) -> np.ndarray:
        """Scores kappa Xi^T xbar of the mean pattern, padded with zeros."""
        scores = np.zeros(self.n_units)
        scores[: self.n_patterns] = self.flow.mean_coefficient * self.flow.gram.mean(axis=0)
        return scores

    @property
    def score_weights(self) -> np.ndarray:
        """Scores (state, pattern) that each part of the state contributes, padded with zeros."""
        auto, hetero = self.strengths
        rows = np.zeros((self.n_units, self.n_units))
        p = self.n_patterns
        rows[:p, :p] = auto * self.flow.gram + hetero * self.flow.linked_gram
        rows[p + 1] = -self.mean_scores
        return weights_from(rows.T)

    @property
    def own_weights(self) -> np.ndarray:
        """Products G and M G (state, 2 x pattern) of which each trajectory makes its own scores, padded with zeros."""
        n, p = self.n_units, self.n_patterns
        rows = np.zeros((n, 2 * n))
        rows[:p, :p], rows[:p, n : n + p] = self.flow.gram, self.flow.linked_gram
        return weights_from(rows.T)

    @property
    def constant(self) -> np.ndarray:
        """Constant part of what the state relaxes to: 1 for the amplitude of the mean pattern."""
        return (np.arange(self.n_units) == self.n_patterns + 1).astype(float)

    @property
    def rate(self) -> float:
        """Rate of the relaxation, 1 / tau."""
        return 1.0 / self.flow.tau

    @property
    def beta(self) -> float:
        """Inverse temperature."""
        return self.flow.beta

    @property
    def is_legacy(self) -> int:
        """Whether the softmax is that of the published code."""
        return self.flow.is_legacy

    def map(self, eta: float) -> ReducedCDAMMap:
        """The iteration by Euler steps of the fraction `eta` in (0, 1] of the time constant."""
        return ReducedCDAMMap(self, eta)

    def initial_states(self) -> np.ndarray:
        """States (trajectory, column) at the cues."""
        states = np.zeros((len(self.cues), self.n_units))
        states[:, self.n_patterns] = 1.0
        return states

    def stimulus(self) -> Schedule:
        """Scores of the cues and strengths of every trajectory, which the kernel needs."""
        p = self.n_patterns
        values = np.zeros((len(self.cues), self.n_units))
        values[:, :p], values[:, p : p + 2] = self.cue_scores, self.strengths
        return Schedule.constant(values)

    @cached_property
    def cue_scores(self) -> np.ndarray:
        """Scores Xi^T z (trajectory, pattern) of the cues."""
        return product(self.cues, self.flow.patterns.T)

    def coefficients(self, states, strengths=None) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients c and amplitude rho with sigma = Xi c + rho z.

        Parameters
        ----------
        states : array (trajectory, ..., column)
        strengths : array, optional
            Those that led to the states, broadcast to (trajectory, ..., 2); default those of this system.

        Returns
        -------
        coefficients : ndarray (trajectory, ..., pattern)
        amplitude : ndarray (trajectory, ...)

        Raises
        ------
        ValueError
            If the states or strengths are not of that shape.
        """
        states, p = self._checked(states), self.n_patterns
        averages, rho, mean = states[..., :p], states[..., p], states[..., p + 1]
        strengths = self._strengths_of(states, strengths)
        mixed = strengths[..., :1] * averages + strengths[..., 1:] * product(averages, self.flow.links)
        return mixed - (self.flow.mean_coefficient / p) * mean[..., None], rho

    def activity(self, states) -> np.ndarray:
        """Activities (trajectory, ..., unit) of states (trajectory, ..., column)."""
        coefficients, rho = self.coefficients(states)
        return product(coefficients, self.flow.patterns) + rho[..., None] * _spread(self.cues, rho.ndim)

    def scores(self, states) -> np.ndarray:
        """Scores Xi^T sigma (trajectory, ..., pattern) of states (trajectory, ..., column)."""
        coefficients, rho = self.coefficients(states)
        return product(coefficients, self.flow.gram) + rho[..., None] * _spread(self.cue_scores, rho.ndim)

    def energy(self, states) -> np.ndarray:
        """Lyapunov function of the flow, see `CDAM.energy`, of states (trajectory, ..., column)."""
        scores = self.scores(states)
        return self.flow.energy_of_scores(scores, self._strengths_of(scores))

    def read_out(self, states, strengths=None) -> dict[str, np.ndarray]:
        """What the activity looks like, from products of patterns and cues instead of from the units.

        Parameters
        ----------
        states : array (trajectory, time, column)
        strengths : array, optional
            Those that led to the states, broadcast to (trajectory, time, 2); default those of this system.

        Returns
        -------
        dict
            `mean_activity` and `std_activity` (trajectory, time) over units; `correlation` (trajectory, time, pattern):
            Pearson correlation over units with every pattern, NaN where a variance is zero; `weights`
            (trajectory, time, pattern): the softmax weights.

        Raises
        ------
        ValueError
            If the states are not of that shape.
        """
        states, p = self._checked(states), self.n_patterns
        if states.ndim != 3:
            raise ValueError(f"states must have the dimensions (trajectory, time, column), got shape {states.shape}")
        flow, own = self.flow, self._centred_cues
        patterns = (flow.links, flow.gram, flow.centred_gram, flow.patterns.mean(axis=1))
        cues = (self.cues.mean(axis=1), np.square(own).sum(axis=1), self.cue_scores, self._centred_scores)
        settings = (flow.mean_coefficient / p, self.beta, self.is_legacy, self.cues.shape[1])
        return read_out(states, self._strengths_of(states, strengths), patterns, cues, settings)

    def state_correlation(self, states, strengths=None) -> np.ndarray:
        """Pearson correlation between the activities of trajectories at the same time.

        Parameters
        ----------
        states : array (trajectory, ..., column)
        strengths : array, optional
            Those that led to the states, broadcast to (trajectory, ..., 2); default those of this system.

        Returns
        -------
        ndarray (..., trajectory, trajectory), NaN where a variance is zero
        """
        coefficients, rho = self.coefficients(states, strengths)
        coefficients, rho = np.moveaxis(coefficients, 0, -2), np.moveaxis(rho, 0, -1)
        transposed = coefficients.swapaxes(-1, -2)
        across = rho[..., None] * product(self._centred_scores, transposed)
        covariance = product(product(coefficients, self.flow.centred_gram), transposed) + across
        covariance += across.swapaxes(-1, -2) + rho[..., :, None] * rho[..., None, :] * self._cue_products
        norm = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
        return ratio(covariance, norm[..., :, None] * norm[..., None, :])

    def _checked(self, states) -> np.ndarray:
        states = real_array("states", states)
        if states.ndim < 2 or states.shape[0] != len(self.cues) or states.shape[-1] != self.n_units:
            raise ValueError(f"states must have shape ({len(self.cues)}, ..., {self.n_units}), got {states.shape}")
        return states

    def _strengths_of(self, states: np.ndarray, given=None) -> np.ndarray:
        """Strengths (trajectory, ..., 2) that belong to states (trajectory, ..., column)."""
        shape = (*states.shape[:-1], 2)
        strengths = self.strengths if given is None else real_array("strengths", given)
        if given is not None and strengths.ndim not in (1, states.ndim):
            raise ValueError(f"strengths must have 1 or {states.ndim} dimensions, got shape {strengths.shape}")
        if given is None and self.has_own_strengths:
            strengths = _spread(strengths, states.ndim - 1)
        try:
            return np.broadcast_to(strengths, shape)
        except ValueError as error:
            raise ValueError(f"strengths must fit the shape {shape}, got {strengths.shape}") from error

    @cached_property
    def _cue_products(self) -> np.ndarray:
        return product(self._centred_cues, self._centred_cues.T)

    @cached_property
    def _centred_cues(self) -> np.ndarray:
        return centred(self.cues)

    @cached_property
    def _centred_scores(self) -> np.ndarray:
        return product(self._centred_cues, self.flow.centred_patterns.T)


@dataclass(frozen=True, eq=False)
class ReducedCDAMMap(Map):
    """Euler steps of a `ReducedCDAM` by the fraction `eta` in (0, 1] of its time constant."""

    flow: ReducedCDAM
    eta: float

    state, state_units = "averages", "1"
    needs_stimulus = True

    def __post_init__(self):
        check_eta(self.eta)
        object.__setattr__(self, "eta", float(self.eta))

    @property
    def update(self):
        """Kernel of an iteration."""
        return reduced_own_update if self.flow.has_own_strengths else reduced_update

    @property
    def n_units(self) -> int:
        """Length of the state."""
        return self.flow.n_units

    @property
    def n_work(self) -> int:
        """Columns of scratch."""
        return self.flow.n_work

    @property
    def rate(self) -> float:
        """Fraction of the way that a step goes."""
        return self.eta

    def _lookup(self, name: str):
        return getattr(self if name == "rate" else self.flow, name)


def check_eta(eta: float) -> None:
    """Raise TypeError or ValueError if `eta` is no number in (0, 1]."""
    check_positive("eta", eta)
    if eta > 1:
        raise ValueError(f"eta must be in (0, 1], got {eta}")


def _rows(cues):
    """Cues as an array; a DataArray may have its dimensions in any order."""
    return cues.transpose(..., "unit").values if isinstance(cues, xr.DataArray) and "unit" in cues.dims else cues


def _spread(values: np.ndarray, n_dims: int) -> np.ndarray:
    """Values (trajectory, ...) with dimensions put in after the first, so that they fit `n_dims` leading ones."""
    return values.reshape(len(values), *[1] * (n_dims - 1), *values.shape[1:])
