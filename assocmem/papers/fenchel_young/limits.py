"""Margins of random scores and limits of the maps into each other (proposition 6 and what follows from definitions).

Scores with a gap of the margin, a thousandth more or less, have or have not one-hot weights. Entmax goes over into
softmax as alpha -> 1, 1-subsets are sparsemax, normmax of infinite gamma is uniform on the support of sparsemax, and
sequential subsets without transition scores are subsets (with the regulariser of two states, of half the scores).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.papers.base import Claim, Run
from assocmem.papers.fenchel_young.random_networks import MAPS, generators
from assocmem.separations import Entmax, KSubsets, Normmax, SequentialKSubsets, Softmax, Sparsemax

N_SCORES = {"quick": 100, "paper": 1000}
SIZES = 2, 50  # fewest and most scores of a row
STEP = 1e-3  # beside the margin
DISTANCES = tuple(10.0**-k for k in range(0, 10))  # of alpha from 1, and of 1 / gamma from 0
LIMIT_SIZE = 30
SUBSET = 3


def measure(run: Run) -> xr.Dataset:
    """Fractions one-hot beside the margin, and largest differences from limits."""
    margins, limits = generators(run, "limits", 2)
    fractions = [_beside_margin(separation, margins, N_SCORES[run.scale]) for separation in MAPS.values()]
    scores = 2.0 * limits.standard_normal((N_SCORES[run.scale], LIMIT_SIZE))
    variables = {
        "one_hot": (("map", "side"), fractions),
        "softmax_distance": ("distance", [_largest(Entmax(1.0 + d), Softmax(), scores) for d in DISTANCES]),
        "uniform_distance": ("distance", [_from_uniform(Normmax(1.0 / d + 1.0), scores) for d in DISTANCES]),
    }
    variables |= {name: ((), value) for name, value in _equalities(scores).items()}
    return xr.Dataset(variables, {"map": list(MAPS), "side": ["above", "below"], "distance": list(DISTANCES)})


def _beside_margin(separation, rng, n):
    """Fractions of rows of scores with one-hot weights at gaps a little above and below the margin."""
    is_exact = []
    for _ in range(n):
        rest = -rng.exponential(2.0, rng.integers(SIZES[0] - 1, SIZES[1]))
        rest -= rest.max()
        gaps = separation.margin + STEP * np.array([1.0, -1.0])
        scores = np.concatenate([gaps[:, None], np.tile(rest, (2, 1))], axis=1) + rng.normal()
        weights = separation.weights(scores, threads=1)
        is_exact.append((weights[:, 0] == 1.0) & (np.count_nonzero(weights, axis=1) == 1))
    return np.mean(is_exact, axis=0)


def _largest(one, other, scores, scale=1.0):
    """The largest difference of weights of two maps, the second of scaled scores."""
    return np.abs(one.weights(scores, threads=1) - other.weights(scale * scores, threads=1)).max()


def _uniform_on_support(scores):
    is_in = Sparsemax().weights(scores, threads=1) > 0
    return is_in / is_in.sum(axis=1, keepdims=True)


def _from_uniform(separation, scores):
    """The median of the largest difference from uniform weights on the support of sparsemax."""
    return np.median(np.abs(separation.weights(scores, threads=1) - _uniform_on_support(scores)).max(axis=1))


def _equalities(scores):
    infinite = Normmax(np.inf).weights(scores, threads=1)
    return {
        "one_subset": _largest(KSubsets(1), Sparsemax(), scores),
        "infinite_gamma": np.abs(infinite - _uniform_on_support(scores)).max(),
        "sequential": _largest(SequentialKSubsets(SUBSET), KSubsets(SUBSET), scores),
        "two_states": _largest(
            SequentialKSubsets(SUBSET, two_state_regularizer=True), KSubsets(SUBSET), scores, scale=0.5
        ),
    }


def plot_limits(dataset: xr.Dataset, ax: Axes) -> None:
    """Differences of weights from the limits, against the distance of the exponents from theirs."""
    floor = 1e-17
    ax.plot(
        dataset.distance,
        np.maximum(dataset.softmax_distance, floor),
        "o-",
        label=r"entmax to softmax," + "\n" + r"against $\alpha-1$",
    )
    ax.plot(
        dataset.distance,
        np.maximum(dataset.uniform_distance, floor),
        "s-",
        label=r"normmax to uniform," + "\n" + r"against $1/(\gamma-1)$",
    )
    # up to where there is room for the legend
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(1e-11, 1e5),
        xlabel="distance of the exponent",
        ylabel="largest difference\nof weights",
    )
    ax.invert_xaxis()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Sharp margins, limits and equalities."""
    above, below = (dataset.one_hot.sel(side=side) for side in ("above", "below"))
    first, last = dataset.distance.to_numpy()[[2, 5]]
    ratio = dataset.softmax_distance.sel(distance=last) / dataset.softmax_distance.sel(distance=first)
    rows = [
        Claim(
            f"gaps {STEP:g} above the margin give one-hot weights, exactly (least fraction of {len(MAPS)} maps)",
            "theory",
            "at_least",
            1.0,
            float(above.min()),
        ),
        Claim(f"gaps {STEP:g} below do not (largest fraction)", "theory", "at_most", 0.0, float(below.max())),
        Claim(
            "entmax goes over into softmax in proportion to alpha - 1 (exponent between 1e-2 and 1e-5)",
            "theory",
            "close",
            1.0,
            float(np.log(ratio) / np.log(last / first)),
            0.01,
            "the next order, a hundredth of alpha - 1",
        ),
    ]
    return rows + _equality_claims(dataset)


def _equality_claims(dataset):
    texts = {
        "one_subset": "1-subsets are sparsemax",
        "infinite_gamma": "normmax of infinite gamma is uniform on the support of sparsemax",
        "sequential": "sequential 3-subsets without transition scores are 3-subsets",
        "two_states": "with the regulariser of two states they are 3-subsets of half the scores",
    }
    return [
        Claim(
            f"{text} (largest difference of weights)",
            "theory",
            "at_most",
            0.0,
            float(dataset[name]),
            1e-13,
            "round-off",
        )
        for name, text in texts.items()
    ]
