"""Post-transformations as layers of trained networks: l2, root mean square and layer norm.

They are the maps of `assocmem.transformations` with their gradients. With the deviation ``d = z - mean`` (or z, if the
mean is left in), ``r = sqrt(mean(d d) + epsilon)`` and ``s = d / r``, the state is ``shift + gain s``. A gradient g in
it comes back as ``gain / r (g - mean(g) - s mean(g s))``, without mean(g) if the mean is left in.
"""

from dataclasses import dataclass

import numpy as np

from assocmem.networks.base import Layer
from assocmem.transformations import L2Normalization, LayerNormalization, RMSNormalization

__all__ = ["Normalization"]

_KINDS = (L2Normalization, LayerNormalization, RMSNormalization)


@dataclass(frozen=True)
class Normalization(Layer):
    """Vectors (..., unit) to ``transformation.apply(vectors)``.

    A vector without variation has no direction: it becomes the shift, and no gradient passes through it.

    Parameters
    ----------
    transformation : L2Normalization, LayerNormalization or RMSNormalization

    Raises
    ------
    TypeError
        If it is none of these.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, section 4.6.
    """

    transformation: L2Normalization | LayerNormalization | RMSNormalization

    def __post_init__(self):
        if not isinstance(self.transformation, _KINDS):
            known = ", ".join(kind.__name__ for kind in _KINDS)
            raise TypeError(f"transformation must be one of {known}, got {self.transformation!r}")

    def forward(self, parameters, x, context):
        gain, shift, epsilon, is_centred = self.transformation.parameters(x.shape[-1])
        centred = x - x.mean(axis=-1, keepdims=True) if is_centred else x
        size = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(epsilon))
        rate = np.divide(1, size, out=np.zeros_like(size), where=size > 0)
        standard = centred * rate

        def pullback(gradient):
            along = standard * (gradient * standard).mean(axis=-1, keepdims=True)
            mean = gradient.mean(axis=-1, keepdims=True) if is_centred else 0
            return x.dtype.type(gain) * rate * (gradient - mean - along), {}

        return x.dtype.type(shift) + x.dtype.type(gain) * standard, pullback
