"""Linear maps, activations, normalisation and dropout, with their gradients.

All act on the last axis of arrays with any number of axes before it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from assocmem.networks.base import Layer
from assocmem.validation import check_boolean, check_finite, check_integer, check_positive

__all__ = ["Dropout", "Flatten", "Gelu", "LayerNorm", "LinearMap", "Places", "Relu"]


@dataclass(frozen=True)
class LinearMap(Layer):
    """``y = W x + b``.

    Weights and biases begin uniform in +-1/sqrt(n_in).

    Parameters
    ----------
    n_in, n_out : int, >= 1
    is_input : bool
        Whether the input is data, so that no gradient in it is needed: the pullback returns None for it.

    Raises
    ------
    TypeError, ValueError
        If a size is no such integer.
    """

    n_in: int
    n_out: int
    is_input: bool = False

    def __post_init__(self):
        check_integer("n_in", self.n_in, 1)
        check_integer("n_out", self.n_out, 1)
        check_boolean("is_input", self.is_input)

    def initial(self, rng):
        bound = 1 / np.sqrt(self.n_in)
        weights = rng.uniform(-bound, bound, (self.n_out, self.n_in))
        return {"weights": weights, "bias": rng.uniform(-bound, bound, self.n_out)}

    def forward(self, parameters, x, context):
        weights = parameters["weights"]
        flat = x.reshape(-1, self.n_in)
        y = flat @ weights.T + parameters["bias"]

        def pullback(gradient):
            gradient = gradient.reshape(-1, self.n_out)
            own = {"weights": gradient.T @ flat, "bias": gradient.sum(axis=0)}
            return (None if self.is_input else (gradient @ weights).reshape(x.shape)), own

        return y.reshape(*x.shape[:-1], self.n_out), pullback


@dataclass(frozen=True)
class LayerNorm(Layer):
    """``y = gain (x - mean) / sqrt(var + epsilon) + shift`` over the last axis (Ba, Kiros & Hinton, 2016).

    Parameters
    ----------
    n_units : int, >= 1
    epsilon : float, > 0

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of its range.
    """

    n_units: int
    epsilon: float = 1e-5

    def __post_init__(self):
        check_integer("n_units", self.n_units, 1)
        check_positive("epsilon", self.epsilon)

    def initial(self, rng):
        return {"gain": np.ones(self.n_units), "shift": np.zeros(self.n_units)}

    def forward(self, parameters, x, context):
        gain = parameters["gain"]
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(self.epsilon))
        standard = centred * scale

        def pullback(gradient):
            axes = tuple(range(gradient.ndim - 1))
            own = {"gain": (gradient * standard).sum(axis=axes), "shift": gradient.sum(axis=axes)}
            inner = gradient * gain
            along = (inner * standard).mean(axis=-1, keepdims=True)
            return scale * (inner - inner.mean(axis=-1, keepdims=True) - standard * along), own

        return gain * standard + parameters["shift"], pullback


class Gelu(Layer):
    """``y = x Phi(x)`` with the distribution function Phi of the normal distribution (Hendrycks & Gimpel, 2016)."""

    def forward(self, parameters, x, context):
        below = 0.5 * (1 + erf(x * x.dtype.type(np.sqrt(0.5))))

        def pullback(gradient):
            density = np.exp(-0.5 * x * x) * x.dtype.type(1 / np.sqrt(2 * np.pi))
            return gradient * (below + x * density), {}

        return x * below, pullback


class Relu(Layer):
    """``y = max(x, 0)``."""

    def forward(self, parameters, x, context):
        is_open = x > 0
        return np.where(is_open, x, x.dtype.type(0)), lambda gradient: (gradient * is_open, {})


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, units set to 0 at random and the others divided by the share that is kept.

    Parameters
    ----------
    rate : float in [0, 1)
        Share of the units that is dropped.

    Raises
    ------
    TypeError, ValueError
        If the rate is out of its range.
    """

    rate: float

    def __post_init__(self):
        check_finite("rate", self.rate)
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {self.rate}")

    def forward(self, parameters, x, context):
        if not context.is_training or self.rate == 0:
            return x, lambda gradient: (gradient, {})
        kept = context.generator().random(x.shape) >= self.rate
        factor = kept * x.dtype.type(1 / (1 - self.rate))
        return x * factor, lambda gradient: (gradient * factor, {})


class Flatten(Layer):
    """The axes after the first as one."""

    def forward(self, parameters, x, context):
        return x.reshape(len(x), -1), lambda gradient: (gradient.reshape(x.shape), {})


@dataclass(frozen=True)
class Places(Layer):
    """Sequences (item, place, unit) plus a learned vector for each place.

    Parameters
    ----------
    n_places, n_units : int, >= 1

    Raises
    ------
    TypeError, ValueError
        If a size is no such integer.
    """

    n_places: int
    n_units: int

    def __post_init__(self):
        check_integer("n_places", self.n_places, 1)
        check_integer("n_units", self.n_units, 1)

    def initial(self, rng):
        return {"vectors": rng.standard_normal((self.n_places, self.n_units))}

    def forward(self, parameters, x, context):
        return x + parameters["vectors"], lambda gradient: (gradient, {"vectors": gradient.sum(axis=0)})
