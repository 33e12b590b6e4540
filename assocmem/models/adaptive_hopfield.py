"""Adaptive Hopfield network (Wang et al., 2025): a Hopfield network with any similarity, also one that was learned."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xarray as xr

from assocmem.kernels.matmul import weights_from
from assocmem.models.associative import ReadOut
from assocmem.models.pattern_memory import PatternMemory
from assocmem.provenance import run_attributes
from assocmem.separations import Separation, Softmax
from assocmem.separations.association import Step
from assocmem.similarities import AdaptiveSimilarity, Similarity, SquaredDistance
from assocmem.similarities.base import matrix, product
from assocmem.validation import check_boolean, check_integer, real_array

__all__ = ["AdaptiveHopfield"]

_BLOCK = 256  # states whose scores exist together
UPDATES = ("mixture", "reweighted")


@dataclass(frozen=True, eq=False)
class AdaptiveHopfield(PatternMemory):
    r"""Memory that separates the similarities of a cue to its patterns and mixes the patterns.

    .. math::
        p = \nabla \Omega^*(\beta s(x, \xi) + a), \qquad T(x) = \sum_k p_k \xi_k, \qquad
        E(x) = -\Omega^*(\beta s(x, \xi) + a)

    with log-priors a; for softmax E is minus the log-sum-exp. **One step is retrieval** (`recall`): the similarity is
    for cues as they come, and a state after a step is no longer one. `retrieve` iterates all the same, to study the
    dynamics. What is known of it:

    - For the weighted distance ``-sum_i w_i (x_i - xi_i)^2``, w_i >= 0, with any terms of the pattern alone, the
      mixture lowers the energy: ``E(x) - E(T x) >= beta sum_i w_i (T x - x)_i^2``.
    - A bias may be a term of the pattern alone (weights ``lin`` of the similarity), and the mixture lowers the energy;
      or be subtracted from the states (`bias`), and then it does so only if the bias is added to the mixture again.
    - For sorted similarities the mixture may raise the energy. The "reweighted" update does not, if
      `AdaptiveSimilarity.has_descent`: ``x_i <- sum_k p_k c_ki xi_ki / sum_k p_k c_ki``, where c_ki is the weight of
      the rank that unit i has in the similarity to pattern k.

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Finite. float32 patterns make a memory of float32.
    similarity : Similarity
    beta : float, > 0
        Inverse temperature; 1 for a similarity that was fitted, as its weights hold it already.
    separation : Separation
    log_prior : array (pattern,), optional
        Logarithms of prior probabilities, up to a constant.
    values : array (pattern, value), optional
        What `recall` mixes, the patterns by default.
    bias : array (unit,), optional
        Subtracted from states before they are compared with patterns.
    update_rule : {"mixture", "reweighted"}
    is_bias_kept : bool
        Whether the bias is added to the next state.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Wang, Pan, Shen, Zhang, Wang & Li (2025), Adaptive Hopfield network: rethinking similarities in associative memory,
    arXiv:2511.20609.
    """

    patterns: np.ndarray = field(repr=False)
    similarity: Similarity
    beta: float = field(default=1.0, kw_only=True)
    separation: Separation = field(default=Softmax(), kw_only=True)
    log_prior: np.ndarray | None = field(default=None, kw_only=True, repr=False)
    values: np.ndarray | None = field(default=None, kw_only=True, repr=False)
    bias: np.ndarray | None = field(default=None, kw_only=True, repr=False)
    update_rule: str = field(default="mixture", kw_only=True)
    is_bias_kept: bool = field(default=False, kw_only=True)

    keys = None

    def __post_init__(self):
        for name, kind in (("similarity", Similarity), ("separation", Separation)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be a {kind.__name__}, got {getattr(self, name)!r}")
        self.check_arrays()
        self.similarity.check_units(self.n_units)
        self.separation.check_scores((1, self.n_patterns))
        self._check_vectors()
        if self.values is not None:
            self._check_values()
        check_boolean("is_bias_kept", self.is_bias_kept)
        self._check_update_rule()

    def _check_vectors(self):
        for name, n in (("log_prior", self.n_patterns), ("bias", self.n_units)):
            if getattr(self, name) is None:
                continue
            vector = real_array(name, getattr(self, name))
            if vector.shape != (n,):
                raise ValueError(f"{name} must have shape ({n},), got {vector.shape}")
            vector.setflags(write=False)
            object.__setattr__(self, name, vector)

    def _check_values(self):
        values = matrix("values", "pattern", self.values).astype(self.dtype)
        if len(values) != self.n_patterns:
            raise ValueError(f"values must have a row for each of the {self.n_patterns} patterns, got {values.shape}")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def _check_update_rule(self):
        if self.update_rule not in UPDATES:
            raise ValueError(f"update_rule must be one of {', '.join(UPDATES)}, got {self.update_rule!r}")
        features = self.similarity.features if isinstance(self.similarity, AdaptiveSimilarity) else ()
        if self.update_rule == "reweighted" and not {"dis", "sorted_dis"} & set(features):
            raise ValueError(
                "update_rule 'reweighted' needs an AdaptiveSimilarity with the feature dis or sorted_dis, "
                f"got {self.similarity}"
            )

    @property
    def has_one_hot_weights(self) -> bool:
        """Whether a support of one pattern means that the next state is that pattern."""
        shifts = self.bias is not None and self.is_bias_kept
        return self.separation.total == 1.0 and self.update_rule == "mixture" and not shifts

    @cached_property
    def _prepared(self):
        return self.similarity.prepared(self.patterns)

    @cached_property
    def _mixed_patterns(self):
        return weights_from(np.ascontiguousarray(self.patterns.T))

    @cached_property
    def _mixed_values(self):
        return self._mixed_patterns if self.values is None else weights_from(np.ascontiguousarray(self.values.T))

    def scores(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Scores ``beta s + a`` (..., pattern) of states (..., unit)."""
        y, shape = self.flat(states, threads)
        found = [self._scores(y[rows], threads) for rows in _blocks(len(y))]
        return np.concatenate(found).reshape(*shape, self.n_patterns)

    def _scores(self, y, threads):
        compared = y if self.bias is None else y - self.bias.astype(self.dtype)
        scores = self.similarity.scores_from(compared, self._prepared, threads=threads)
        if self.beta != 1.0:
            scores *= self.dtype.type(self.beta)
        if self.log_prior is not None:
            scores += self.log_prior.astype(self.dtype)
        return scores

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights of the patterns (..., pattern) at states (..., unit): for softmax, posterior probabilities."""
        scores = self.scores(states, threads=threads)
        return self.separation.weights(scores, threads=threads)

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit).

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type or shape or not finite.
        """
        y, shape = self.flat(states, threads)
        return self.step(y, "units", "units", threads=threads).states.reshape(*shape, self.n_units)

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Energy (...,) of states (..., unit), as float64; at least minus the conjugate of the log-priors if s <= 0."""
        y, shape = self.flat(states, threads)
        found = [self.separation.conjugate(self._scores(y[rows], threads), threads=threads) for rows in _blocks(len(y))]
        return -np.concatenate(found).reshape(shape)

    def recall(self, cues: np.ndarray, *, weights: bool = False, threads: int | None = None) -> xr.Dataset:
        """What one step retrieves.

        Parameters
        ----------
        cues : array (unit,) or (trajectory, unit), or DataArray with these dimensions
        weights : bool
            Whether to keep the weights of all patterns.
        threads : int, optional
            Without effect on results.

        Returns
        -------
        Dataset
            `retrieval` (trajectory, unit, or value if there are values): the mixture. Over trajectories: `winner` (the
            pattern of largest weight), `nearest` (the pattern nearest to the mixture of patterns), `confidence` (the
            largest weight), `energy` (at the cue); `weights` (trajectory, pattern) on demand. The winner and the
            nearest pattern may differ: see `assocmem.analysis.variant_theory`. Parameters are in attrs.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or shape.
        """
        cues = self.check_states("cues", cues)
        check_boolean("weights", weights)
        if threads is not None:
            check_integer("threads", threads, 1)
        n, dim = len(cues), "unit" if self.values is None else "value"
        n_values = self.n_units if self.values is None else self.values.shape[1]
        retrieval, energy = np.empty((n, n_values), self.dtype), np.empty(n)
        p = np.empty((n, self.n_patterns), self.dtype)
        nearest = np.empty(n, dtype=np.int64)
        distances = SquaredDistance()
        for rows in _blocks(n):
            p[rows], conjugate = self.separation.evaluate(self._scores(cues[rows], threads), threads=threads)
            mixture = product(p[rows], self._mixed_patterns, self.n_units, threads)
            retrieval[rows] = (
                mixture if self.values is None else product(p[rows], self._mixed_values, n_values, threads)
            )
            energy[rows] = -conjugate
            nearest[rows] = distances.scores(mixture.astype(float), self.patterns, threads=threads).argmax(axis=1)
        over_cues = {"winner": p.argmax(axis=1), "nearest": nearest, "confidence": p.max(axis=1), "energy": energy}
        variables = {"retrieval": (("trajectory", dim), retrieval)}
        variables |= {name: (("trajectory",), array) for name, array in over_cues.items()}
        if weights:
            variables["weights"] = (("trajectory", "pattern"), p)
        variables = {name: (dims, array, {"units": "1"}) for name, (dims, array) in variables.items()}
        sizes = {"trajectory": n, dim: n_values} | ({"pattern": self.n_patterns} if weights else {})
        coords = {name: (name, np.arange(size), {"units": "1"}) for name, size in sizes.items()}
        return xr.Dataset(variables, coords, run_attributes(self, cues=cues))

    # the protocol of AssociativeMemory

    def step(self, y, form, engine, *, threads):
        step = Step.empty(len(y), self.n_units, self.dtype)
        for rows in _blocks(len(y)):
            weights, step.conjugate[rows] = self.separation.evaluate(self._scores(y[rows], threads), threads=threads)
            step.readout[rows, 0] = weights.argmax(axis=1)
            step.readout[rows, 1] = np.count_nonzero(weights, axis=1)
            step.states[rows] = self._next_states(y[rows], weights, threads)
        return step

    def _next_states(self, y, weights, threads):
        if self.update_rule == "mixture":
            states = product(weights, self._mixed_patterns, self.n_units, threads)
        else:
            compared = y if self.bias is None else y - self.bias
            bound = self.similarity.majorizer(compared, self.patterns, weights)
            with np.errstate(divide="ignore", invalid="ignore"):  # a state without curvature is reported as diverged
                states = bound.pull / bound.curvature
            states[~(bound.curvature > 0)] = np.nan
        return states + self.bias if self.bias is not None and self.is_bias_kept else states

    def energies(self, y, step, form):
        return -step.conjugate

    def read_out(self, states, *, has_weights, threads):
        n = len(states)
        kept = np.empty((n if has_weights else 0, self.n_patterns), self.dtype)
        energy, winner, support_size = np.empty(n), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        margin = np.full(n, np.inf)
        for rows in _blocks(n):
            scores = self._scores(states[rows], threads)
            weights, conjugate = self.separation.evaluate(scores, threads=threads)
            energy[rows], winner[rows] = -conjugate, weights.argmax(axis=1)
            support_size[rows] = np.count_nonzero(weights, axis=1)
            if self.n_patterns > 1:
                edge = np.partition(scores, (-2, -1), axis=1)
                margin[rows] = edge[:, -1].astype(float) - edge[:, -2]
            if has_weights:
                kept[rows] = weights
        return ReadOut(energy, winner, support_size, margin, kept if has_weights else None)


def _blocks(n: int) -> Iterator[slice]:
    """Slices of states; one that is empty if there are none."""
    return (slice(start, start + _BLOCK) for start in range(0, max(n, 1), _BLOCK))
