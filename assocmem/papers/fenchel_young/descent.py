"""The energy never rises: a step of the concave-convex procedure, for every convex pair (proposition 2).

Not so for weights s^10, as in the published code of the dense memory: they are the slope of s^11 / 11, which is not
convex for negative scores. Rectified scores, or weights s^9 from s^10 / 10, are convex.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Run
from assocmem.papers.fenchel_young.random_networks import generators
from assocmem.papers.fenchel_young.toy import largest_rise
from assocmem.plotting import EXCITATORY
from assocmem.separations import (
    Entmax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
)
from assocmem.transformations import Identity, L2Normalization, LayerNormalization, RMSNormalization, Sign, Tanh

N_NETWORKS = {"quick": 20, "paper": 200}
N_CUES, STEPS = 5, 10
BOUNDED = {
    "softmax": Softmax(),
    "1.5-entmax": Entmax(1.5),
    "sparsemax": Sparsemax(),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
    "2-subsets": KSubsets(2),
    "sequential 2-subsets": SequentialKSubsets(2, transition=0.5),
}
# weights without a bound: with the identity states would grow without one, too
UNBOUNDED = {
    "linear": Linear(),
    "$s^9$": Power(10, is_rectified=False),
    "$[s]_+^{10}$": Power(11),
    "exponential": Exponential(0.3),
}
ARTEFACT = "$s^{10}$"
SEPARATIONS = BOUNDED | UNBOUNDED | {ARTEFACT: Power(11, is_rectified=False)}
POSTS = {
    "identity": Identity(),
    "tanh": Tanh(1.0),
    "signs": Sign(),
    "l2": L2Normalization(),
    "RMS": RMSNormalization(),
    "layer norm": LayerNormalization(),
}
MARKERS = dict(zip(POSTS, "osD^v<", strict=True))
FLOOR = 1e-18


def measure(run: Run) -> xr.Dataset:
    """Largest rise of the energy, relative to its size, for all pairs of maps."""
    rngs = generators(run, "descent", N_NETWORKS[run.scale])
    networks = [_patterns_and_cues(rng) for rng in rngs]
    pairs = [pair for pair in product(SEPARATIONS, POSTS) if pair[0] in BOUNDED or pair[1] != "identity"]
    found = run.map(lambda pair: _rise(networks, *pair), pairs, label="energies")
    rises = xr.DataArray(np.nan, {"separation": list(SEPARATIONS), "post": list(POSTS)}, ("separation", "post"))
    for (separation, post), rise in zip(pairs, found, strict=True):
        rises.loc[separation, post] = rise
    return xr.Dataset({"rise": rises})


def _patterns_and_cues(rng):
    """Patterns and cues (.., unit) in [-1, 1] of a random size, and an inverse temperature."""
    n_patterns, n_units = int(rng.integers(3, 31)), int(rng.integers(3, 31))
    values = rng.uniform(-1.0, 1.0, (n_patterns + N_CUES, n_units))
    return values[:n_patterns], values[n_patterns:], 10.0 ** rng.uniform(-1.0, 1.0)


def _rise(networks, separation, post):
    worst = 0.0
    for patterns, cues, beta in networks:
        # for weights without a bound beta would only be a factor of the energy
        beta = beta if separation in BOUNDED else 1.0
        network = HopfieldFenchelYoung(patterns, separation=SEPARATIONS[separation], beta=beta, post=POSTS[post])
        energy = network.retrieve(cues, steps=STEPS, every=1, threads=1).energy.to_numpy()
        worst = max(worst, *(largest_rise(row[None]) for row in energy))
    return worst


def plot_rises(dataset: xr.Dataset, ax: Axes) -> None:
    """The largest rise of every separation, a marker for each post-transformation."""
    places = np.arange(len(SEPARATIONS))
    for shift, (post, marker) in zip(np.linspace(-0.25, 0.25, len(POSTS)), MARKERS.items(), strict=True):
        ax.plot(np.maximum(dataset.rise.sel(post=post), FLOOR), places + shift, marker, markersize=2.5, label=post)
    ax.axhspan(places[-1] - 0.5, places[-1] + 0.5, color=EXCITATORY, alpha=0.12, linewidth=0)
    ax.set(xscale="log", xlabel="largest rise of the energy (relative)", xlim=(0.3 * FLOOR, 30.0))
    ax.set_xticks([FLOOR, 1e-12, 1e-6, 1.0], ["0", "$10^{-12}$", "$10^{-6}$", "1"])
    ax.minorticks_off()
    ax.set_yticks(places, list(SEPARATIONS))
    ax.invert_yaxis()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Descent of all convex pairs, and its absence for s^10."""
    convex = dataset.rise.sel(separation=[*BOUNDED, *UNBOUNDED])
    n_pairs = int(convex.notnull().sum())
    return [
        Claim(
            f"the energy never rises (largest step up of {n_pairs} pairs of maps, relative to its size)",
            "paper",
            "at_most",
            0.0,
            float(convex.max()),
            1e-12,
            "round-off",
        ),
        Claim(
            "control: with the weights s^10 of the published code, which no convex function has, it does (largest "
            "step up relative to its size)",
            "control",
            "at_least",
            0.1,
            float(dataset.rise.sel(separation=ARTEFACT).max()),
        ),
    ]
