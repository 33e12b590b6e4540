"""Hopfield-Fenchel-Young networks (Santos et al., 2024): retrieval as the minimisation of Fenchel-Young losses."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assocmem.jit import compile_loop
from assocmem.kernels.association import gram_loop
from assocmem.kernels.matmul import matmul, matmul_single, product_loop, weights_from
from assocmem.models.associative import AssociativeMemory, ReadOut
from assocmem.separations import Entmax, KSubsets, Normmax, Separation, Softmax, Sparsemax
from assocmem.separations.association import Association, Step, over_blocks
from assocmem.separations.base import check_status
from assocmem.transformations import Identity, L2Normalization, LayerNormalization, PostTransformation, RMSNormalization
from assocmem.validation import check_positive, labelled_array

__all__ = ["HopfieldFenchelYoung"]

_NORMALIZATIONS = (L2Normalization, RMSNormalization, LayerNormalization)


@dataclass(frozen=True, eq=False)
class HopfieldFenchelYoung(AssociativeMemory):
    r"""Memory that scores its patterns, separates the scores, mixes the patterns and transforms the mixture.

    .. math::
        q \leftarrow \nabla\Psi^*\left(X^\top \nabla\Omega^*(\beta X q)\right), \qquad
        E(q) = -\tfrac{1}{\beta} \Omega^*(\beta X q) + \Psi(q)

    Row mu of X is pattern mu. The update is a step of the concave-convex procedure on E, a difference of two
    Fenchel-Young losses: it never raises E, for any separation (Omega) and post-transformation (Psi) of the package but
    powers of odd order that are not rectified. Members of the family:

    ==========================  ===============================  ==================================
    network                     separation                       post-transformation
    ==========================  ===============================  ==================================
    classical Hopfield          `Linear`                         `Sign` or `Tanh`
    dense associative memory    `Power`, `Exponential`           `Sign` or `Tanh`
    modern Hopfield             `Softmax`                        `Identity`
    sparse, entmax, normmax     `Sparsemax`, `Entmax`,           `Identity`, `L2Normalization`,
                                `Normmax`                        `LayerNormalization`
    structured                  `KSubsets`,                      any
                                `SequentialKSubsets`
    ==========================  ===============================  ==================================

    Parameters
    ----------
    patterns : array (pattern, unit) or DataArray with these dimensions
        Finite. float32 patterns make a network of float32. A post-transformation that is a projection (signs,
        normalisations) is applied to them, and by `retrieve` to the cues, so that patterns can be fixed points.
    separation : Separation
    beta : float, > 0
        Inverse temperature. (For classical and dense memories the gain of `Tanh` is what the paper calls beta.)
    post : PostTransformation
        Post-transformation of mixtures.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or a pattern that has no norm (for layer normalisation: no
        variance) would have to be normalised.

    References
    ----------
    Santos, Niculae, McNamee & Martins (2024), Hopfield-Fenchel-Young networks, arXiv:2411.08590.
    Santos, Niculae, McNamee & Martins (2024), Sparse and structured Hopfield networks, ICML.
    """

    patterns: np.ndarray = field(repr=False)
    separation: Separation = field(default=Sparsemax(), kw_only=True)
    beta: float = field(default=1.0, kw_only=True)
    post: PostTransformation = field(default=Identity(), kw_only=True)

    engines = ("units", "gram")

    def __post_init__(self):
        dtype = getattr(self.patterns, "dtype", None)
        patterns = labelled_array("patterns", self.patterns)
        if patterns.ndim != 2 or patterns.size == 0:
            raise ValueError(f"patterns must be a matrix (pattern, unit), got shape {patterns.shape}")
        if not np.all(np.isfinite(patterns)):
            raise ValueError(f"patterns must be finite, got {np.count_nonzero(~np.isfinite(patterns))} other values")
        for name, kind in (("separation", Separation), ("post", PostTransformation)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be a {kind.__name__}, got {getattr(self, name)!r}")
        check_positive("beta", self.beta)
        self.separation.check_scores((1, len(patterns)))
        if self.post.is_projection:
            self._check_norms(patterns)
            patterns = self.post.apply(patterns)
        patterns = patterns.astype(np.float32 if dtype == np.float32 else np.float64)
        patterns.setflags(write=False)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "beta", float(self.beta))

    def _check_norms(self, patterns):
        if not isinstance(self.post, _NORMALIZATIONS):
            return
        sizes = np.ptp(patterns, axis=1) if self.post.is_centred else np.abs(patterns).max(axis=1)
        if np.any(sizes == 0):
            what = "variance" if self.post.is_centred else "norm"
            raise ValueError(
                f"patterns must have a {what} > 0 to be normalised, got none in pattern {int(np.argmin(sizes))}"
            )

    @property
    def has_one_hot_weights(self) -> bool:
        """Whether a support of one pattern means that the next state is that pattern."""
        return self.separation.total == 1.0

    @cached_property
    def association(self) -> Association:
        """Patterns in the layout of the compiled loops."""
        return Association(self.separation, self.patterns)

    def scores(self, states: np.ndarray) -> np.ndarray:
        """Scores X q (..., pattern) of states (..., unit), without beta."""
        return self.checked(states) @ self.patterns.T

    def weights(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Weights of the patterns (..., pattern) at states (..., unit)."""
        states = self.checked(states)
        found = self._step_with_weights(states.reshape(-1, self.n_units), threads)[1]
        return found.reshape(*states.shape[:-1], self.n_patterns)

    def update(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """The next states (..., unit) of states (..., unit).

        Raises
        ------
        TypeError, ValueError
            If states are of the wrong type or shape, or their scores are not finite.
        """
        states = self.checked(states)
        step = self.step(states.reshape(-1, self.n_units), "units", "units", threads=threads)
        check_status(step.status, "states")
        return step.states.reshape(states.shape)

    def energy(self, states: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        r"""Energy (...,) of states (..., unit), as float64; inf outside of the domain of Psi.

        For softmax, entmax and normmax with the identity, the constant ``(max |x|^2 - 2 Omega(1/N) / beta) / 2`` makes
        it the energy of Ramsauer et al. and its generalisations, between 0 and ``2 max |x|^2`` on mixtures of patterns.

        References
        ----------
        Santos et al. (2024), eqs. 7 and 20; Ramsauer et al. (2021), Hopfield networks is all you need, ICLR, eq. 2.
        """
        states = self.checked(states)
        flat = states.reshape(-1, self.n_units)
        step = self.association.run(flat, beta=self.beta, threads=threads)
        check_status(step.status, "states")
        return self.energies(flat, step, "units").reshape(states.shape[:-1])

    @cached_property
    def energy_offset(self) -> float:
        """Constant of the energy."""
        if not isinstance(self.separation, Softmax | Entmax | Normmax) or not isinstance(self.post, Identity):
            return 0.0
        uniform = np.full(self.n_patterns, 1.0 / self.n_patterns)
        largest = np.square(self.patterns.astype(float)).sum(axis=1).max()
        return float(0.5 * largest - self.separation.negentropy(uniform) / self.beta)

    @cached_property
    def separation_of_patterns(self) -> np.ndarray:
        """Delta (pattern,), ``|x|^2`` less the largest ``<x, x'>``: pattern mu is fixed if it is >= margin / beta.

        References
        ----------
        Santos et al. (2024), proposition 9.
        """
        x = self.patterns.astype(float)
        products = x @ x.T
        own = np.diagonal(products).copy()
        np.fill_diagonal(products, -np.inf)
        return own - products.max(axis=1)

    # the protocol of AssociativeMemory

    def prepared(self, cues):
        return self.post.apply(cues) if self.post.is_projection else cues

    def step(self, y, form, engine, *, threads):
        if form == "gram":
            return self._gram_step(y, threads)
        if engine == "gram":
            step, weights = self._step_with_weights(y, threads)
            return Step(weights, step.conjugate, step.status, step.readout)
        step = self.association.run(y, beta=self.beta, threads=threads)
        self.post.apply_in_place(step.states)
        return step

    def energies(self, y, step, form):
        if form == "units":
            potential = self.post.potential(y)
        elif isinstance(self.post, Identity):
            potential = 0.5 * step.square
        else:
            gain, epsilon, n, _ = self._gram[1]
            potential = -gain * n * epsilon / np.sqrt(step.square / n + epsilon) if epsilon else 0.0
        with np.errstate(invalid="ignore"):  # a state that is about to leave the finite numbers
            return potential - step.conjugate / self.beta + self.energy_offset

    def states_from(self, y, form):
        if form == "units":
            return y
        states = np.empty((len(y), self.n_units), self.dtype)
        compile_loop(product_loop, self._product)(y, self.association.values_from, states)
        self.post.apply_in_place(states)
        return states

    def read_out(self, states, *, has_weights, threads):
        n, n_sets = len(states), int(self.separation.total) if isinstance(self.separation, KSubsets) else 1
        weights, margin = np.empty((n if has_weights else 0, self.n_patterns), self.dtype), np.full(n, np.inf)

        def keep(rows, block):
            if has_weights:
                weights[rows] = block

        step = self.association.run(states, beta=self.beta, threads=threads, visit=keep)
        step.readout[step.status != 0] = -1, 0
        if n_sets < self.n_patterns:
            margin = self._score_gaps(states, n_sets, threads)
        energy = self.energies(states, step, "units")
        winner, support_size = step.readout.T
        return ReadOut(energy, winner, support_size, margin, weights if has_weights else None)

    def _score_gaps(self, states, n_sets, threads):
        """Gaps between the n_sets-th score and the next (trajectory,), without beta."""
        gaps = np.empty(len(states))
        loop = compile_loop(product_loop, self._product)

        def run(rows, scores, work, places):
            loop(states[rows], self.association.weights_from, scores)
            edge = np.partition(scores, (-n_sets - 1, -n_sets), axis=1)
            gaps[rows] = edge[:, -n_sets].astype(float) - edge[:, -n_sets - 1]

        over_blocks(run, self.separation, len(states), self.n_patterns, self.dtype, threads)
        return gaps

    # the form "gram": weights of the patterns instead of states

    @property
    def _product(self):
        return matmul if self.dtype == np.float64 else matmul_single

    @cached_property
    def _gram(self) -> tuple:
        """Products between (for layer normalisation, centred) patterns, and the normalisation of `gram_loop`."""
        x, offset = self.patterns.astype(float), np.zeros(self.n_patterns)
        if not isinstance(self.post, (Identity, *_NORMALIZATIONS)):
            raise ValueError(
                f"engine 'gram' needs a post-transformation that is linear but for a norm, got {self.post}"
            )
        gain = shift = epsilon = 0.0
        if not isinstance(self.post, Identity):
            gain, shift, epsilon = self.post.gain_shift_epsilon(self.n_units)
            if self.post.is_centred:
                offset = shift * x.sum(axis=1)
                x = x - x.mean(axis=1, keepdims=True)
        gram = np.empty((self.n_patterns, self.n_patterns))
        compile_loop(product_loop, matmul)(x, weights_from(x), gram)
        return weights_from(gram.astype(self.dtype)), (gain, epsilon, self.n_units, offset)

    def _step_with_weights(self, y, threads):
        weights = np.empty((len(y), self.n_patterns), self.dtype)
        step = self.association.run(y, beta=self.beta, threads=threads, visit=weights.__setitem__)
        return step, weights

    def _gram_step(self, y, threads):
        gram, normalization = self._gram
        step = Step.empty(len(y), self.n_patterns, self.dtype)
        square = np.empty(len(y))
        loop = compile_loop(gram_loop, type(self.separation).row, self._product)

        def run(rows, scores, work, places):
            parameters = self.separation.parameters(rows)
            results = [a[rows] for a in (step.states, step.conjugate, step.status, step.readout, square)]
            loop(y[rows], gram, self.beta, parameters, normalization, *results, work, places)

        over_blocks(run, self.separation, len(y), self.n_patterns, self.dtype, threads)
        return Step(step.states, step.conjugate, step.status, step.readout, square)
