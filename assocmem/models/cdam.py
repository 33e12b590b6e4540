"""Correlated dense associative memory (Burns, 2024): softmax retrieval through a graph of patterns."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from assocmem.graphs import NORMALIZATIONS, adjacency_matrix, normalized
from assocmem.kernels.matmul import weights_from
from assocmem.kernels.reductions import padded
from assocmem.models.base import Flow, Map
from assocmem.models.cdam_kernels import diffusion, full_rhs, full_update
from assocmem.models.cdam_readouts import centred, product, softmax_weights
from assocmem.models.cdam_reduced import ReducedCDAM, check_eta
from assocmem.validation import check_finite, check_positive, labelled_array, real_array

__all__ = ["CDAM", "CDAMMap", "ReducedCDAM"]

SOFTMAXES = ("stable", "legacy")


@dataclass(frozen=True, eq=False)
class CDAM(Flow):
    r"""Units whose state is drawn to a mixture of the patterns that it resembles and of their neighbours in a graph.

    .. math::
        \tau \dot\sigma = Q\,\mathrm{softmax}(\beta\,\Xi^T \sigma) - \kappa \bar\xi - \sigma + I(t), \quad
        Q = a\,\Xi + h\,\Xi M^T

    Column mu of Xi is pattern mu, M the normalised adjacency, xbar the mean pattern, I the external input. The paper
    iterates the Euler step of fraction eta = dt / tau of this flow, which `map` gives.

    Parameters
    ----------
    patterns : array (pattern, unit)
        Finite; the paper takes values in [0, 1].
    adjacency : array (pattern, pattern) or a graph that `assocmem.graphs.adjacency_matrix` accepts
        ``adjacency[mu, nu]`` > 0 if pattern mu evokes pattern nu.
    auto_strength, hetero_strength : float
        a and h: weight of the pattern itself and of its successors. Negative values are anti-Hebbian.
    beta : float, > 0
        Inverse temperature of the softmax. Scores of any size are fine.
    mean_coefficient : float
        kappa. Equation 1 of the paper prints 1 / n_units; its code and figures have 1.
    tau : float, > 0
        Time constant.
    normalization : {"sym", "out", "none"}, optional
        Of the adjacency, see `assocmem.graphs.normalized`. Default "sym" for an undirected graph, "none" otherwise.
    softmax : {"stable", "legacy"}
        "legacy" is that of the published code, for comparison only: it fails to normalise very large or very negative
        scores, see `assocmem.kernels.softmax.legacy_softmax`.
    noise : float, >= 0
        Standard deviation of white noise on every unit, per square root of time.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the sizes of patterns and graph differ.

    References
    ----------
    Burns (2024), Semantically-correlated memories in a dense associative model, ICML, eq. 1.
    """

    patterns: np.ndarray = field(repr=False)
    adjacency: np.ndarray = field(repr=False)
    auto_strength: float = field(kw_only=True)
    hetero_strength: float = field(kw_only=True)
    beta: float = field(default=1.0, kw_only=True)
    mean_coefficient: float = field(default=1.0, kw_only=True)
    tau: float = field(default=1.0, kw_only=True)
    normalization: str | None = field(default=None, kw_only=True)
    softmax: str = field(default="stable", kw_only=True)
    noise: float = field(default=0.0, kw_only=True)

    state, state_units, time_units = "activity", "1", "1"

    def __post_init__(self):
        patterns = real_array("patterns", labelled_array("patterns", self.patterns))
        if patterns.ndim != 2 or patterns.size == 0:
            raise ValueError(f"patterns must be a matrix (pattern, unit), got shape {patterns.shape}")
        adjacency = adjacency_matrix(self.adjacency)
        if len(adjacency) != len(patterns):
            raise ValueError(
                f"adjacency must have one vertex for each of the {len(patterns)} patterns, got {len(adjacency)}"
            )
        for name in ("auto_strength", "hetero_strength", "mean_coefficient"):
            check_finite(name, getattr(self, name))
        check_positive("beta", self.beta)
        check_positive("tau", self.tau)
        check_finite("noise", self.noise)
        if self.noise < 0:
            raise ValueError(f"noise must be >= 0, got {self.noise}")
        if self.softmax not in SOFTMAXES:
            raise ValueError(f"softmax must be one of {', '.join(SOFTMAXES)}, got {self.softmax!r}")
        if self.normalization is None:
            is_undirected = np.allclose(adjacency, adjacency.T, rtol=1e-12, atol=0.0)  # up to rounding
            object.__setattr__(self, "normalization", "sym" if is_undirected else "none")
        if self.normalization not in NORMALIZATIONS:
            known = ", ".join(NORMALIZATIONS)
            raise ValueError(f"normalization must be one of {known}, got {self.normalization!r}")
        for name in ("auto_strength", "hetero_strength", "beta", "mean_coefficient", "tau", "noise"):
            object.__setattr__(self, name, float(getattr(self, name)))
        for name, array in (("patterns", patterns), ("adjacency", adjacency)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def n_patterns(self) -> int:
        """Number of patterns."""
        return self.patterns.shape[0]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.patterns.shape[1]

    @property
    def n_work(self) -> int:
        """Columns of scratch: one weight for each pattern, padded."""
        return padded(self.n_patterns)

    @property
    def rhs(self):
        """Kernel of the right-hand side."""
        return full_rhs

    @property
    def diffusion(self):
        """Kernel of the noise amplitude; None without noise."""
        return diffusion if self.noise > 0 else None

    @cached_property
    def links(self) -> np.ndarray:
        """Normalised adjacency M (pattern, pattern)."""
        return normalized(self.adjacency, self.normalization)

    @cached_property
    def mean_pattern(self) -> np.ndarray:
        """Mean of the patterns (unit,)."""
        return self.patterns.mean(axis=0)

    @cached_property
    def gram(self) -> np.ndarray:
        """Products G = Xi^T Xi (pattern, pattern) between patterns."""
        return product(self.patterns, self.patterns.T)

    @cached_property
    def linked_gram(self) -> np.ndarray:
        """Products M G (pattern, pattern) of what the patterns evoke with the patterns."""
        return product(self.links, self.gram)

    @cached_property
    def centred_patterns(self) -> np.ndarray:
        """Patterns (pattern, unit) less their means over units."""
        return centred(self.patterns)

    @cached_property
    def centred_gram(self) -> np.ndarray:
        """Products (pattern, pattern) between centred patterns."""
        return product(self.centred_patterns, self.centred_patterns.T)

    @cached_property
    def mixtures(self) -> np.ndarray:
        """What each pattern evokes (pattern, unit): a xi_mu + h sum_nu M[mu, nu] xi_nu, the columns of Q."""
        neighbours = product(self.links, self.patterns)
        return self.auto_strength * self.patterns + self.hetero_strength * neighbours

    @cached_property
    def score_weights(self) -> np.ndarray:
        """Patterns (unit, pattern) in the layout that the kernel reads."""
        return weights_from(self.patterns)

    @cached_property
    def projection(self) -> np.ndarray:
        """Mixtures (pattern, unit) in the layout that the kernel reads, with rows of zeros for the padding."""
        rows = np.zeros((self.n_work, self.n_units))
        rows[: self.n_patterns] = self.mixtures
        return weights_from(rows.T)

    @property
    def offset(self) -> np.ndarray:
        """Constant input -kappa xbar (unit,)."""
        return -self.mean_coefficient * self.mean_pattern

    @property
    def rate(self) -> np.ndarray:
        """Rates (unit,) of the relaxation, 1 / tau."""
        return np.full(self.n_units, 1.0 / self.tau)

    @property
    def leak(self) -> np.ndarray:
        """Rates (unit,) of the linear decay, 1 / tau."""
        return self.rate

    @property
    def is_legacy(self) -> int:
        """Whether the softmax is that of the published code."""
        return int(self.softmax == "legacy")

    def map(self, eta: float) -> "CDAMMap":
        """The iteration of the paper, sigma <- sigma + eta (Q s - kappa xbar - sigma + I).

        Parameters
        ----------
        eta : float, in (0, 1]
            Fraction of the way to the target that an iteration goes.

        Raises
        ------
        TypeError, ValueError
            If `eta` is out of range, or the model has noise (an Euler-Maruyama step of eta tau does what is wanted).
        """
        return CDAMMap(self, eta)

    def reduced(self, cues, strengths=None) -> ReducedCDAM:
        """The same dynamics from given cues in as many dimensions as patterns; see `ReducedCDAM`."""
        return ReducedCDAM(self, cues, strengths)

    def scores(self, activity) -> np.ndarray:
        """Scores Xi^T sigma (..., pattern) of activities (..., unit)."""
        return product(self._checked(activity), self.patterns.T)

    def weights(self, activity) -> np.ndarray:
        """Softmax weights s (..., pattern) of activities (..., unit)."""
        return softmax_weights(self.scores(activity), self.beta, is_legacy=bool(self.is_legacy))

    def velocity(self, activity) -> np.ndarray:
        """Time derivative (..., unit) at activities (..., unit) without external input."""
        activity = self._checked(activity)
        return (product(self.weights(activity), self.mixtures) + self.offset - activity) / self.tau

    def energy(self, activity) -> np.ndarray:
        r"""Lyapunov function of the flow, for symmetric W = G (a I + h M^T) with G = Xi^T Xi.

        .. math:: F = \frac{1}{\beta} \sum_\mu s_\mu \log s_\mu - \frac12 s^T W s + \kappa\, s^T \Xi^T \bar\xi

        It never rises along the flow if W is symmetric (an undirected graph and orthogonal patterns of equal norm, or
        h = 0) and approximately so for random patterns. It may well rise in the map, whose steps are finite.

        Parameters
        ----------
        activity : array (..., unit)

        Returns
        -------
        ndarray (...,)
        """
        return self.energy_of_scores(self.scores(activity))

    def energy_of_scores(self, scores: np.ndarray, strengths: np.ndarray | None = None) -> np.ndarray:
        """The function of `energy` in terms of the scores Xi^T sigma (..., pattern), for any strengths (..., 2)."""
        given = np.array([self.auto_strength, self.hetero_strength]) if strengths is None else strengths
        auto, hetero = given[..., :1], given[..., 1:]
        shifted = self.beta * (scores - scores.max(axis=-1, keepdims=True))
        log_weights = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        s = np.exp(log_weights)
        field = product(s, self.gram)
        mixed = auto * s + hetero * product(s, self.links)
        quadratic = (field * (self.mean_coefficient / self.n_patterns - 0.5 * mixed)).sum(axis=-1)
        return (s * log_weights).sum(axis=-1) / self.beta + quadratic

    def heuristic_energy(self, activity) -> np.ndarray:
        r"""Energy that the paper gives, a diagnostic: it rises and falls along the dynamics in every regime.

        With overlaps m = Xi^T sigma / n, for an undirected graph

        .. math:: E = -\frac{a}{\beta} \log \sum_\mu e^{\beta m_\mu^2}
            - \frac{h}{\beta} \log \sum_{\mu \nu} M_{\mu\nu} e^{\beta m_\mu m_\nu}

        and for a directed one the two sums, the second over the edges, stand under one logarithm. A graph without edges
        has no second term.

        Parameters
        ----------
        activity : array (..., unit)

        Returns
        -------
        ndarray (...,), NaN where a logarithm is that of a negative number.

        References
        ----------
        Burns (2024), eqs. 2 and 3.
        """
        m = self.scores(activity) / self.n_units
        own, pairs = self.beta * m**2, self.beta * m[..., :, None] * m[..., None, :]
        pairs = pairs.reshape(*m.shape[:-1], -1)
        if np.allclose(self.adjacency, self.adjacency.T, rtol=1e-12, atol=0.0):
            energy = self.auto_strength * logsumexp(own, axis=-1)
            if self.adjacency.any():
                energy = energy + self.hetero_strength * logsumexp(pairs, b=self.links.ravel(), axis=-1)
            return -energy / self.beta
        signs = np.concatenate(
            [np.full(self.n_patterns, self.auto_strength), self.hetero_strength * (self.adjacency.ravel() > 0)]
        )
        return -logsumexp(np.concatenate([own, pairs], axis=-1), b=signs, axis=-1) / self.beta

    def _checked(self, activity) -> np.ndarray:
        activity = real_array("activity", activity)
        if activity.ndim == 0 or activity.shape[-1] != self.n_units:
            raise ValueError(f"activity must have shape (..., {self.n_units}), got {activity.shape}")
        return activity


@dataclass(frozen=True, eq=False)
class CDAMMap(Map):
    """The iteration that the paper simulates: Euler steps of a `CDAM` by the fraction `eta` of its time constant.

    Parameters
    ----------
    flow : CDAM
    eta : float, in (0, 1]

    Raises
    ------
    TypeError, ValueError
        If `eta` is out of range or the flow has noise.
    """

    flow: CDAM
    eta: float

    state, state_units = "activity", "1"
    update = staticmethod(full_update)

    def __post_init__(self):
        check_eta(self.eta)
        if self.flow.noise > 0:
            raise ValueError(
                f"noise must be 0 for a map, got {self.flow.noise}; simulate(model, method='euler_maruyama', "
                "dt=eta * tau) iterates the same steps with noise"
            )
        object.__setattr__(self, "eta", float(self.eta))

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.flow.n_units

    @property
    def n_work(self) -> int:
        """Columns of scratch."""
        return self.flow.n_work

    @property
    def rate(self) -> np.ndarray:
        """Fraction eta (unit,) of the way that a step goes."""
        return np.full(self.n_units, self.eta)

    def _lookup(self, name: str):
        return getattr(self if name == "rate" else self.flow, name)
