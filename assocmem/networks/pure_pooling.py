"""Pooling by retrieval alone: the instances of a bag are the patterns themselves, without projections."""

from dataclasses import dataclass

from assocmem.networks.associations import Association, SeparationAssociation, summed
from assocmem.networks.base import Layer
from assocmem.networks.heads import among_keys, join_heads, split_heads
from assocmem.networks.normalizations import Normalization
from assocmem.validation import check_integer

__all__ = ["PurePooling"]


@dataclass(frozen=True)
class PurePooling(Layer):
    """Bags (item, instance, unit) to what learned cues retrieve from each of them in one update (item, cue, unit).

    The units are divided among heads. In each head the instances are the stored patterns, keys and values in one. With
    a normalization T the update is that of a Hopfield-Fenchel-Young network with this post-transformation,
    ``T(X^T separation(beta X q))``, whose patterns X and cue q are in the image of T: they are normalised first.

    Parameters
    ----------
    n_units : int, >= 1
    n_heads : int, >= 1
        A divisor of the number of units.
    association : Association
        How patterns are separated.
    normalization : Normalization, optional
        Of patterns, cues and states, in each head; none if None.
    n_cues : int, >= 1

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, proposition 2 and section 4.6.
    """

    n_units: int
    n_heads: int = 1
    association: Association = SeparationAssociation()
    normalization: Normalization | None = None
    n_cues: int = 1

    def __post_init__(self):
        for name in ("n_units", "n_heads", "n_cues"):
            check_integer(name, getattr(self, name), 1)
        if self.n_units % self.n_heads:
            raise ValueError(f"n_heads must divide n_units = {self.n_units}, got {self.n_heads}")
        if not isinstance(self.association, Association):
            raise TypeError(f"association must be an Association, got {self.association!r}")
        if not isinstance(self.normalization, Normalization | None):
            raise TypeError(f"normalization must be a Normalization or None, got {self.normalization!r}")

    def initial(self, rng):
        return {"cues": rng.standard_normal((self.n_cues, self.n_units))}

    def forward(self, parameters, x, context):
        cues, cues_pullback = self._normalized(split_heads(parameters["cues"], self.n_heads))
        patterns, patterns_pullback = self._normalized(split_heads(x, self.n_heads))
        mixtures, associate_pullback = self.association.forward(cues, patterns, patterns, among_keys(context), context)
        states, states_pullback = self._normalized(mixtures)

        def pullback(gradient):
            to_cues, to_keys, to_values = associate_pullback(states_pullback(split_heads(gradient, self.n_heads)))
            own = {"cues": join_heads(cues_pullback(summed(to_cues, cues.shape)))}
            return join_heads(patterns_pullback(to_keys + to_values)), own

        return join_heads(states), pullback

    def _normalized(self, vectors):
        """Vectors as they are to be, and the pullback of a gradient in them."""
        if self.normalization is None:
            return vectors, lambda gradient: gradient
        found, pullback = self.normalization.forward({}, vectors, None)
        return found, lambda gradient: pullback(gradient)[0]
