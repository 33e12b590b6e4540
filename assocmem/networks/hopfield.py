"""Hopfield layers: associations between heads of projected cues and keys (Ramsauer et al., 2021; Hu et al., 2025)."""

from dataclasses import dataclass

import numpy as np

from assocmem.networks.associations import Association, SeparationAssociation, summed
from assocmem.networks.base import Context, Layer, Parameters, part, prefixed
from assocmem.networks.heads import among_keys, join_heads, split_heads
from assocmem.networks.layers import LinearMap
from assocmem.validation import check_integer

__all__ = ["HopfieldAssociation", "HopfieldMemory", "HopfieldPooling"]


@dataclass(frozen=True)
class _Heads(Layer):
    """Projections to heads, an association in each of them, and the projection of what is evoked.

    The values are projections of the projected keys, ``V = K W_V``, so that what is evoked lies in the space of keys.
    """

    n_units: int
    n_heads: int = 1
    head_size: int | None = None
    association: Association = SeparationAssociation()

    def __post_init__(self):
        check_integer("n_units", self.n_units, 1)
        check_integer("n_heads", self.n_heads, 1)
        if self.head_size is not None:
            check_integer("head_size", self.head_size, 1)
        elif self.n_units % self.n_heads:
            raise ValueError(f"n_heads must divide n_units = {self.n_units} without head_size, got {self.n_heads}")
        if not isinstance(self.association, Association):
            raise TypeError(f"association must be an Association, got {self.association!r}")

    @property
    def projections(self) -> dict[str, LinearMap]:
        inner = self.n_heads * (self.head_size or self.n_units // self.n_heads)
        within = {"cue": LinearMap(self.n_units, inner), "key": LinearMap(self.n_units, inner)}
        return {**within, "value": LinearMap(inner, inner), "out": LinearMap(inner, self.n_units)}

    def initial(self, rng):
        return {n: v for key, layer in self.projections.items() for n, v in prefixed(layer.initial(rng), key).items()}

    def associated(self, parameters: Parameters, cues: np.ndarray, keys: np.ndarray, context: Context, is_there):
        """What cues (..., cue, unit) evoke among keys (..., key, unit), and the pullback to both and the parameters."""
        steps = {}

        def project(name, x):
            y, steps[name] = self.projections[name].forward(part(parameters, name), x, context)
            return y

        key = project("key", keys)
        value = project("value", key)
        split = [split_heads(array, self.n_heads) for array in (project("cue", cues), key, value)]
        evoked, associate_pullback = self.association.forward(*split, is_there, context)
        out = project("out", join_heads(evoked))

        def pullback(gradient):
            own = {}

            def back(name, gradient):
                gradient, found = steps[name](gradient)
                own.update(prefixed(found, name))
                return gradient

            to_evoked = split_heads(back("out", gradient), self.n_heads)
            to_cue, to_key, to_value = (
                join_heads(summed(g, x.shape)) for g, x in zip(associate_pullback(to_evoked), split, strict=True)
            )
            to_cues = back("cue", to_cue)
            return to_cues, back("key", to_key + back("value", to_value)), own

        return out, pullback


@dataclass(frozen=True)
class HopfieldPooling(_Heads):
    """Bags (item, instance, unit) to what learned cues evoke in each of them (item, cue, unit).

    Parameters
    ----------
    n_units : int, >= 1
    n_heads : int, >= 1
    head_size : int, optional
        Units of a head; n_units / n_heads if None.
    association : Association
    n_cues : int, >= 1

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    Ramsauer et al. (2021), Hopfield networks is all you need, section 3; Hu et al. (2025), appendix F.
    """

    n_cues: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_integer("n_cues", self.n_cues, 1)

    def initial(self, rng):
        return {"cues": rng.standard_normal((self.n_cues, self.n_units)), **super().initial(rng)}

    def forward(self, parameters, x, context):
        cues = parameters["cues"]
        out, associated_pullback = self.associated(parameters, cues, x, context, among_keys(context))

        def pullback(gradient):
            to_cues, to_keys, own = associated_pullback(gradient)
            return to_keys, {"cues": to_cues, **own}

        return out, pullback


@dataclass(frozen=True)
class HopfieldAssociation(_Heads):
    """Sequences (item, place, unit) to what each place evokes among all places.

    Parameters are those of `HopfieldPooling` without the cues.

    References
    ----------
    Hu et al. (2025), appendix F.
    """

    def forward(self, parameters, x, context):
        out, associated_pullback = self.associated(parameters, x, x, context, among_keys(context))

        def pullback(gradient):
            to_cues, to_keys, own = associated_pullback(gradient)
            return to_cues + to_keys, own

        return out, pullback


@dataclass(frozen=True)
class HopfieldMemory(_Heads):
    """States (item, unit) to what they evoke (item, unit) among learned patterns.

    Parameters
    ----------
    n_units, n_heads, head_size, association
        As in `HopfieldPooling`.
    n_patterns : int, >= 1

    References
    ----------
    Ramsauer et al. (2021), section 3; Hu et al. (2025), appendix F.
    """

    n_patterns: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_integer("n_patterns", self.n_patterns, 1)

    def initial(self, rng):
        return {"patterns": rng.standard_normal((self.n_patterns, self.n_units)), **super().initial(rng)}

    def forward(self, parameters, x, context):
        # the keys are common, so all items are cues of one association
        out, associated_pullback = self.associated(parameters, x, parameters["patterns"], context, None)

        def pullback(gradient):
            to_cues, to_patterns, own = associated_pullback(gradient)
            return to_cues, {"patterns": to_patterns, **own}

        return out, pullback
