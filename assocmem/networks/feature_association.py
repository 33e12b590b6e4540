"""Association through positive features of cues and keys, whose sums over keys all cues share."""

from dataclasses import dataclass

import numpy as np

from assocmem.features import FeatureMap
from assocmem.networks.associations import Association, summed
from assocmem.validation import check_positive

__all__ = ["FeatureAssociation"]


@dataclass(frozen=True)
class FeatureAssociation(Association):
    """Values mixed by features of cues and keys, in time that grows with the number of cues plus keys.

    The mixture is ``phi(x) . sum_k phi(k) v_k / phi(x) . sum_k phi(k)``.

    Parameters
    ----------
    features : FeatureMap
        Positive features phi.
    beta : float, > 0
        Cues and keys are both scaled by sqrt(beta).

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    Hu et al. (2025), propositions E.1 and E.3.
    """

    features: FeatureMap
    beta: float = 1.0

    def __post_init__(self):
        if not isinstance(self.features, FeatureMap):
            raise TypeError(f"features must be a FeatureMap, got {self.features!r}")
        check_positive("beta", self.beta)

    def forward(self, cues, keys, values, is_there, context):
        scale = cues.dtype.type(np.sqrt(self.beta))
        cues, keys = scale * cues, scale * keys
        of_cues, of_keys = self.features.of_cues(cues), self.features.of_keys(keys)
        there = of_keys if is_there is None else of_keys * np.swapaxes(is_there, -1, -2)
        evoked = np.swapaxes(there, -1, -2) @ values
        total = there.sum(axis=-2)[..., None]
        norm = of_cues @ total
        out = of_cues @ evoked / norm

        def pullback(gradient):
            gradient = gradient / norm
            to_norm = -(gradient * out).sum(axis=-1, keepdims=True)
            to_evoked, to_total = (np.swapaxes(of_cues, -1, -2) @ g for g in (gradient, to_norm))
            to_cues = gradient @ np.swapaxes(evoked, -1, -2) + to_norm * np.swapaxes(total, -1, -2)
            to_keys = values @ np.swapaxes(to_evoked, -1, -2) + np.swapaxes(to_total, -1, -2)
            if is_there is not None:
                to_keys = to_keys * np.swapaxes(is_there, -1, -2)
            to_cues = self.features.vjp(cues, summed(to_cues, of_cues.shape), features=of_cues)
            to_keys = self.features.vjp(keys, summed(to_keys, of_keys.shape), features=of_keys)
            return scale * to_cues, scale * to_keys, there @ to_evoked

        return out, pullback
