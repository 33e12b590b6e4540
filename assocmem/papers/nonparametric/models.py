"""The associations that the paper compares, by name, with their settings and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from assocmem.features import EluFeatures, PositiveRandomFeatures
from assocmem.networks import Association, FeatureAssociation, SeparationAssociation, WindowAssociation
from assocmem.separations import Sparsemax

DENSE, SPARSE, LINEAR, RANDOM_FEATURE, WINDOW = "dense", "sparse", "linear", "random feature", "window"
TOP = {f"top {share:.0%}".replace("%", " %"): share for share in (0.2, 0.5, 0.8)}
MASKED = {f"random masked {share:g}": share for share in (0.2, 0.5, 0.8)}
TOP_20, MOST_MASKED = next(iter(TOP)), list(MASKED)[-1]
WITHOUT_WINDOW = (DENSE, SPARSE, *TOP, RANDOM_FEATURE, LINEAR)
WITH_RANDOM_MASKS = (DENSE, SPARSE, *TOP, *MASKED, RANDOM_FEATURE, LINEAR)
NAMES = (*WITH_RANDOM_MASKS, WINDOW)


@dataclass(frozen=True)
class Setting:
    """What the associations of one network have in common.

    Parameters
    ----------
    beta : float, > 0
        Of all but the linear one, which has none.
    head_size : int, >= 1
        d, which decides how many random features there are: d ln d, rounded down, as in Performers.
    seed : int, >= 0
        Of random features; random masks are drawn anew wherever they are used.
    length : int, >= 1
        Of the sequence: the window reaches as far as its square root to both sides.
    """

    beta: float
    head_size: int
    seed: int = 0
    length: int = 1

    @property
    def n_features(self) -> int:
        """Number of random features."""
        return max(1, int(self.head_size * math.log(self.head_size)))


_MAKERS: dict[str, Callable[[Setting], Association]] = {
    DENSE: lambda s: SeparationAssociation(beta=s.beta),
    SPARSE: lambda s: SeparationAssociation(Sparsemax(), beta=s.beta),
    **{name: lambda s, share=share: SeparationAssociation(beta=s.beta, top_share=share) for name, share in TOP.items()},
    **{
        name: lambda s, share=share: SeparationAssociation(beta=s.beta, masked_share=share)
        for name, share in MASKED.items()
    },
    RANDOM_FEATURE: lambda s: FeatureAssociation(PositiveRandomFeatures(s.n_features, s.seed), s.beta),
    LINEAR: lambda s: FeatureAssociation(EluFeatures(), 1.0),
    WINDOW: lambda s: WindowAssociation(min(math.isqrt(s.length), s.length - 1), beta=s.beta),
}

_COLOURS = ("#000000", "#D55E00", "#08306B", "#2171B5", "#6BAED6", "#7A0177", "#C51B8A", "#F768A1", "#009E73")
_COLOURS += ("#E69F00", "#8C6D31")
_DASHES = ("-", "-", "-", "--", ":", "-", "--", ":", "-.", "-.", "--")
_MARKERS = ("o", "s", "v", "v", "v", "x", "x", "x", "D", "^", "P")
LINES = {
    name: {"color": colour, "linestyle": dashes, "marker": marker, "label": name}
    for name, colour, dashes, marker in zip(NAMES, _COLOURS, _DASHES, _MARKERS, strict=True)
}


def lines_of(names: Iterable[str]) -> dict[str, dict]:
    """How models are drawn, by name."""
    return {str(name): LINES[name] for name in names}


def association(name: str, setting: Setting) -> Association:
    """The association of a name.

    Raises
    ------
    ValueError
        If the name is unknown; lists the known ones.

    References
    ----------
    Hu et al. (2025), theorem 3.2, examples 1 to 3 and propositions E.1 and E.3.
    """
    if name not in _MAKERS:
        raise ValueError(f"name must be one of {', '.join(_MAKERS)}, got {name!r}")
    return _MAKERS[name](setting)
