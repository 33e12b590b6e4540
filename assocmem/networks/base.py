"""What layers of a trained network share: named parameters, a forward pass, and the way back of its gradient.

There is no tape. A forward pass returns its output together with a pullback, a function that turns the gradient of a
loss in the output into the gradients in the input and in the parameters. Layers are compositions of such pairs, so
each derivative stands next to the equation that it belongs to.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Chain", "Context", "Layer", "Parameters", "Pullback", "part"]

Parameters = Mapping[str, np.ndarray]
Pullback = Callable[[np.ndarray], tuple[np.ndarray | None, dict[str, np.ndarray]]]


@dataclass(frozen=True, eq=False)
class Context:
    """What a forward pass needs beside its input.

    Parameters
    ----------
    is_there : ndarray of bool (item, instance), optional
        Which instances of each item exist; all of them if None. The others are padding.
    rng : Generator, optional
        Source of random masks and, in training, of dropout.
    is_training : bool
        Whether units are dropped.
    """

    is_there: np.ndarray | None = None
    rng: np.random.Generator | None = None
    is_training: bool = False

    def generator(self) -> np.random.Generator:
        """The source of random numbers.

        Raises
        ------
        ValueError
            If there is none.
        """
        if self.rng is None:
            raise ValueError("rng must be given to a network with dropout or random masks, got None")
        return self.rng


class Layer:
    """A differentiable map with parameters."""

    def initial(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Parameters to begin with, as float64, in an order that never changes."""
        return {}

    def forward(self, parameters: Parameters, x: np.ndarray, context: Context) -> tuple[np.ndarray, Pullback]:
        """Output for an input, and the pullback of a gradient in the output to the input and the parameters."""
        raise NotImplementedError

    def __repr__(self):
        # the same in every process, as checkpoints and caches know a network by it
        return f"{type(self).__name__}()"


def part(parameters: Parameters, prefix: str) -> dict[str, np.ndarray]:
    """The parameters whose names begin with the prefix and a dot, without these."""
    start = prefix + "."
    return {name[len(start) :]: value for name, value in parameters.items() if name.startswith(start)}


def prefixed(parameters: Parameters, prefix: str) -> dict[str, np.ndarray]:
    """The inverse of `part`."""
    return {f"{prefix}.{name}": value for name, value in parameters.items()}


@dataclass(frozen=True)
class Chain(Layer):
    """Layers one after the other.

    Parameters
    ----------
    layers : dict of str to Layer
        By the name that their parameters begin with.
    """

    layers: dict[str, Layer]

    def initial(self, rng):
        return {
            name: value
            for key, layer in self.layers.items()
            for name, value in prefixed(layer.initial(rng), key).items()
        }

    def forward(self, parameters, x, context):
        pullbacks = {}
        for key, layer in self.layers.items():
            x, pullbacks[key] = layer.forward(part(parameters, key), x, context)

        def pullback(gradient):
            found = {}
            for key in reversed(pullbacks):
                gradient, own = pullbacks[key](gradient)
                found |= prefixed(own, key)
            return gradient, found

        return x, pullback


@dataclass(frozen=True, eq=False)
class Vector:
    """Parameters as one vector, of which the named arrays are parts.

    Parameters
    ----------
    values : ndarray (parameter,)
    shapes : dict of str to tuple of int
        Shapes of the arrays, in the order of the vector.
    """

    values: np.ndarray
    shapes: dict[str, tuple[int, ...]] = field(repr=False)

    @classmethod
    def of(cls, parameters: Parameters, dtype=None) -> "Vector":
        """The vector of parameters."""
        flat = [np.ravel(value) for value in parameters.values()]
        values = np.concatenate(flat) if flat else np.empty(0)
        return cls(values.astype(dtype or values.dtype), {name: value.shape for name, value in parameters.items()})

    def like(self, values: np.ndarray) -> "Vector":
        """Other values in the same order."""
        return Vector(values, self.shapes)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name: views, so that a change of one changes the vector."""
        return dict(self._parts())

    def _parts(self) -> Iterator[tuple[str, np.ndarray]]:
        start = 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            yield name, self.values[start : start + size].reshape(shape)
            start += size
