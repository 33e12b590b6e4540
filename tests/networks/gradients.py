"""Difference quotients against which gradients are checked."""

import numpy as np

from assocmem.networks import Context, Vector

STEP = 1e-6


def context(is_there=None, *, is_training=False):
    """A new context each time, so that random masks are the same in all passes."""
    return Context(is_there, np.random.default_rng(7), is_training=is_training)


def check_layer(layer, x, *, is_there=None, is_training=False, has_input_gradient=True, seed=0):
    """Compare the pullback of a layer with central differences of ``<cotangent, output>``, in a few random directions.

    Differences of second order in 1e-6 leave errors of 1e-10 relative to the size of the terms.
    """
    rng = np.random.default_rng(seed)
    vector = Vector.of(layer.initial(rng), float)
    vector = vector.like(vector.values + 0.1 * rng.standard_normal(vector.values.size))
    where = {"is_there": is_there, "is_training": is_training}
    y, pullback = layer.forward(vector.arrays(), x, context(**where))
    cotangent = rng.standard_normal(y.shape)
    to_x, to_parameters = pullback(cotangent)

    def value(values, x):
        return np.sum(cotangent * layer.forward(vector.like(values).arrays(), x, context(**where))[0])

    assert set(to_parameters) == set(vector.shapes)
    gradient = Vector.of({name: to_parameters[name] for name in vector.shapes}, float).values
    for _ in range(4 if gradient.size else 0):
        direction = rng.standard_normal(gradient.size)
        change = value(vector.values + STEP * direction, x) - value(vector.values - STEP * direction, x)
        np.testing.assert_allclose(gradient @ direction, change / (2 * STEP), rtol=1e-6, atol=1e-7)
    for _ in range(4 if has_input_gradient else 0):
        direction = rng.standard_normal(x.shape)
        change = value(vector.values, x + STEP * direction) - value(vector.values, x - STEP * direction)
        np.testing.assert_allclose(np.sum(to_x * direction), change / (2 * STEP), rtol=1e-6, atol=1e-7)
