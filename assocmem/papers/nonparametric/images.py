"""Images as patterns, and the memories that retrieve them from spoilt copies in one step (figure 2, appendix G.1).

Patterns are drawn anew from a set of images in each draw, and all of them serve as cues. Pixels are standardised by the
mean and deviation of the whole set, as in the public code; 0, to which pixels are masked, then is a middle grey and not
black. Errors are sums of squares over pixels in this space, not clipped.

Digits of scikit-learn stand for MNIST unless its file is in the folder of the user's data, and random crops of 32 x 32
pixels from two photographs of scikit-learn for CIFAR-10 (pixels scaled to -1 to 1 as there).

A caption of the paper counts successes, its text errors, and neither says when a cue succeeds. Three criteria are
counted: a mean square of at most `Set.threshold` after both are clipped to 0 to 1, that of the public code; that no
pattern is nearer to what is retrieved than the right one; and a cosine above 0.9 with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.features import EluFeatures, PositiveRandomFeatures, ReluFeatures
from assocmem.images import photograph
from assocmem.masks import RandomMask, TopScores
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.papers.base import Claim, Run
from assocmem.papers.image_data import labelled_images
from assocmem.papers.nonparametric import earlier
from assocmem.papers.nonparametric.earlier import POSITIVE_FEATURE, RELU_FEATURE
from assocmem.papers.nonparametric.models import DENSE, LINEAR, LINES, MASKED, SPARSE, TOP
from assocmem.separations import Sparsemax

ASSOCIATIONS = (DENSE, SPARSE, *TOP, *MASKED)
MODELS = (*ASSOCIATIONS, RELU_FEATURE, POSITIVE_FEATURE, LINEAR)
STYLES = {
    **LINES,
    RELU_FEATURE: {"color": "#009E73", "linestyle": "-.", "marker": "D", "label": RELU_FEATURE},
    POSITIVE_FEATURE: {"color": "#8C6D31", "linestyle": "--", "marker": "d", "label": POSITIVE_FEATURE},
}
DIGITS, CROPS = "digits", "crops"
CLIPPED, NEAREST, COSINE = CRITERIA = "clipped mean square", "nearest pattern", "cosine > 0.9"
LEAST_COSINE = 0.9
STANDARDISED, PLAIN = PIXELS = "standardised", "0 to 1"
N_CROPS, CROP_SIZE = 2000, 32
FEW_UNITS, N_DIRECTIONS = 256, 5  # beyond so many units draws share sets of directions, which are slow to make
MOST_UNITS, N_FEATURES_LARGE = 1024, 1024  # beyond so many units, features are few (the public code has 24668)


@dataclass(frozen=True, eq=False)
class Set:
    """A set of images.

    Parameters
    ----------
    name : str
    values : ndarray (item, unit)
        Pixels, 0 to 1.
    shape : tuple of int
        (height, width) or (height, width, channel).
    mean, deviation : float
        By which pixels are standardised.
    beta : float
        Of the paper for MNIST and CIFAR-10; 1 / sqrt(n_units) for digits.
    threshold : float
        Mean square below which a cue succeeds.
    """

    name: str
    values: np.ndarray = field(repr=False)
    shape: tuple[int, ...]
    mean: float
    deviation: float
    beta: float
    threshold: float = 0.1

    @property
    def n_units(self) -> int:
        """Number of pixels times channels."""
        return self.values.shape[1]

    def draw(self, run: Run, draw: int, n_patterns: int, pixels: str = STANDARDISED) -> np.ndarray:
        """Patterns (pattern, unit); those of a smaller number are the first ones of a larger."""
        order = np.random.default_rng(self.seeds(run, draw)).permutation(len(self.values))
        patterns = self.values[order[:n_patterns]]
        return patterns if pixels == PLAIN else (patterns - self.mean) / self.deviation

    def seeds(self, run: Run, draw: int) -> np.random.SeedSequence:
        """Source of all that is random in a draw."""
        return np.random.SeedSequence(run.seed_for(f"draws of {self.name}"), spawn_key=(draw,))

    def half_masked(self, patterns: np.ndarray) -> np.ndarray:
        """Patterns whose upper half of rows is 0."""
        cues = patterns.copy()
        cues.reshape(len(cues), *self.shape)[:, : self.shape[0] // 2] = 0.0
        return cues


def image_sets(run: Run) -> dict[str, Set]:
    """Digits, images of the user if there are any and, at paper scale, crops, by name.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    """
    images = labelled_images(replace(run, data=None))
    values = 0.5 * (images.values.astype(float) + 1.0)
    sets = [Set(DIGITS, values, images.shape, values.mean(), values.std(), images.shape[0] ** -1.0)]
    if run.data is not None and (own := labelled_images(run)).name != DIGITS:
        values = 0.5 * (own.values + np.float32(1))
        mean, deviation = (float(f(values, dtype=float)) for f in (np.mean, np.std))
        sets.append(Set(own.name, values, own.shape, mean, deviation, 0.01))
    if run.scale == "paper":
        sets.append(crops(run))
    return {images.name: images for images in sets}


def crops(run: Run) -> Set:
    """Random crops of two photographs in colour."""
    rng, size = np.random.default_rng(run.seed_for("crops")), CROP_SIZE
    photographs = [photograph("scikit-learn", f"{name}.jpg") for name in ("china", "flower")]
    found = []
    for number in rng.integers(len(photographs), size=N_CROPS):
        row, column = (rng.integers(n - size + 1) for n in photographs[number].shape[:2])
        found.append(photographs[number][row : row + size, column : column + size].ravel())
    return Set(CROPS, np.array(found) / np.float32(255), (size, size, 3), 0.5, 0.5, 0.1, 0.2)


def memory(name: str, patterns: np.ndarray, beta: float, seed: int, draw: int = 0):
    """The memory of a name of `MODELS`; `seed` is for masks, which differ from cue to cue, `draw` for directions."""
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}, got {name!r}")
    if name in (RELU_FEATURE, POSITIVE_FEATURE, LINEAR):
        features = _features(name, patterns.shape[1], draw)
        # the other two have the scale of the public code, whatever beta is
        return FeatureHopfield(patterns, features=features, beta=beta if name == POSITIVE_FEATURE else None)
    return NonparametricHopfield(patterns, beta=beta, **association_options(name, seed))


def association_options(name: str, seed: int) -> dict:
    """Separation and mask of a name of `ASSOCIATIONS`."""
    options: dict[str, Callable[[], dict]] = {
        DENSE: dict,
        SPARSE: lambda: {"separation": Sparsemax()},
        **{top: lambda top=top: {"mask": TopScores(fraction=TOP[top])} for top in TOP},
        **{masked: lambda masked=masked: {"mask": RandomMask(MASKED[masked], seed)} for masked in MASKED},
    }
    return options[name]()


def _features(name, n_units, draw):
    if name == LINEAR:
        return EluFeatures()
    is_large = n_units > MOST_UNITS
    n_features = N_FEATURES_LARGE if is_large else int(n_units * math.log(n_units))
    seed = draw % N_DIRECTIONS if n_units > FEW_UNITS else draw
    if name == RELU_FEATURE:
        return ReluFeatures(n_features, seed, is_orthogonal=not is_large)
    return PositiveRandomFeatures(n_features if is_large else max(n_features, 4096), seed, is_orthogonal=False)


def n_draws(images: Set, by_units: dict[int, int]) -> int:
    """Number of sets of patterns, given for images of at most so many units in ascending order (paper: 50)."""
    return next(n for most_units, n in by_units.items() if images.n_units <= most_units)


def mask_seed(images: Set, run: Run, draw: int) -> int:
    """Seed of the random masks of a draw."""
    return int(images.seeds(run, draw).generate_state(1)[0] >> 1)


def squared_errors(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Sums of squares (item,) of the differences of two matrices (item, unit)."""
    return np.square(states - patterns, dtype=float).sum(axis=1)


def successes(states: np.ndarray, patterns: np.ndarray, threshold: float) -> np.ndarray:
    """Shares of retrievals (pattern, unit) that succeed by each of `CRITERIA` (criterion,)."""
    clipped = squared_errors(np.clip(states, 0, 1), np.clip(patterns, 0, 1)) / patterns.shape[1]
    products, norms = states @ patterns.T, np.square(patterns).sum(axis=1)
    nearest = np.argmin(0.5 * norms - products, axis=1) == np.arange(len(patterns))
    cosines = np.diagonal(products) / np.sqrt(np.square(states).sum(axis=1) * norms)
    return np.array([np.mean(clipped <= threshold), nearest.mean(), np.mean(cosines > LEAST_COSINE)])


def outcome(images: Set, patterns: np.ndarray, cues: np.ndarray, names: Sequence[str], run: Run, draw: int):
    """Mean errors (model,) and successes (criterion, model) of one step from cues of all patterns."""
    seed, errors, rates = mask_seed(images, run, draw), [], []
    for name in names:
        states = memory(name, patterns, images.beta, seed, draw).update(cues, threads=1)
        errors.append(squared_errors(states, patterns).mean())
        rates.append(successes(states, patterns, images.threshold))
    return np.array(errors), np.array(rates).T


def earlier_claim(what: str, theirs: Iterable[float], ours: xr.DataArray, n_draws: int = earlier.N_DRAWS) -> Claim:
    """That an earlier run found these errors, within 10 % and two standard errors: the worst ratio by its tolerance.

    Parameters
    ----------
    theirs : iterable of float, one for each cell
    ours : DataArray (draw, cell)
    n_draws : int
        Of theirs, of which no spread is known: it is taken to be ours.
    """
    theirs, ours = np.array(list(theirs)), ours.dropna("draw", how="all")
    ratios = (ours.mean("draw") / theirs).to_numpy()
    spread = (ours.std("draw", ddof=1) / theirs).to_numpy()
    tolerances = earlier.SHARE + 2.0 * spread * math.sqrt(1.0 / ours.sizes["draw"] + 1.0 / n_draws)
    worst = np.argmax(np.abs(ratios - 1.0) / tolerances)
    statement = f"{what}: error over that of the earlier run, worst"
    ours, tolerance = float(ratios[worst]), float(tolerances[worst])
    return Claim(statement, "earlier run", "close", 1.0, ours, tolerance, earlier.REASON)


def plot_curves(values: xr.DataArray, ax: Axes, *, x: str) -> None:
    """Means over draws of values (model, draw, x) with a band of two standard errors."""
    for name in values.model.values:
        part = values.sel(model=name).dropna("draw", how="all")
        mean, error = part.mean("draw"), part.std("draw", ddof=1) / math.sqrt(part.sizes["draw"])
        ax.plot(part[x], mean, markersize=2.5, linewidth=0.9, **STYLES[str(name)])
        ax.fill_between(part[x], mean - 2 * error, mean + 2 * error, color=STYLES[str(name)]["color"], alpha=0.2, lw=0)
