"""Retrieval of corrupted images, as in figures 11 and 12: what capacity and noise have in common.

A cue is a pattern with Gaussian noise, clipped to [-1, 1], the lower rows of which are then set to 0. After five
updates a pattern counts as retrieved if the cosine with it, in the form in which the network stores it, is above 0.9.
A state that is no longer finite is a failure.

The classical and the dense networks have the post-transformation tanh(beta z). Their weights are those of the published
code: the score s, s^10 and exp(c s); s^10 has no convex potential, hence s^9, the nearest power that has, is shown as
well. c is 0.05 for 28 x 28 pixels and 0.01 for colour as in the code; for other grey images 0.05 is scaled by the
number of pixels, so that c times the squared norm of a pattern remains the same. Dense networks compute in float64, as
s^10 may overflow in float32; all others in float32.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.integrators import DIVERGED
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Run, sampling_tolerance
from assocmem.papers.image_data import Images
from assocmem.plotting import label_panels, make_figure, style
from assocmem.separations import Exponential, Linear, Normmax, Power, Softmax, Sparsemax
from assocmem.transformations import Identity, L2Normalization, LayerNormalization, Tanh

STEPS = 5
THRESHOLD = 0.9
MASKED = 0.5  # of the rows
BETAS = (1.0, 0.1)
N_REPEATS = {"quick": 2, "paper": 5}
MOST_CUES = {"quick": 50, "paper": 256}
LARGE_UNITS, MOST_CUES_LARGE = 4096, 128  # above so many units, at most so many cues
CLASSICAL, TENTH, NINTH, EXPONENTIAL = "classical", "DAM, $s^{10}$", "DAM, $s^9$", "DAM, exp"
SOFTMAX, SPARSEMAX = "1-entmax", "2-entmax"
DENSE = {
    CLASSICAL: Linear(),
    TENTH: Power(11, is_rectified=False),
    NINTH: Power(10, is_rectified=False),
    EXPONENTIAL: None,  # depends on the images
}
SIMPLEX = {SOFTMAX: Softmax(), SPARSEMAX: Sparsemax(), "2-normmax": Normmax(2.0), "5-normmax": Normmax(5.0)}
L2, LAYER_NORM = "l2", "LN"
L2_BETA = 20.0
# epsilon as in the published code
POSTS = {"": Identity(), L2: L2Normalization(), LAYER_NORM: LayerNormalization(epsilon=1e-5)}


def with_post(post: str, separation: str) -> str:
    """Name of the network with a separation and a post-transformation, "" being none."""
    return f"{post} + {separation}" if post else separation


NORMALIZED = {with_post(post, name): (name, post) for post, name in product(POSTS, SIMPLEX)}
NETWORKS = (*DENSE, *NORMALIZED)
MAIN = (*DENSE, *SIMPLEX, with_post(L2, SPARSEMAX), with_post(LAYER_NORM, SPARSEMAX))
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = {
    **{
        name: {"color": colour, "linestyle": line}
        for name, colour, line in zip(DENSE, ("0.7", "0.5", "0.5", "0.0"), ("-", "-", ":", "--"), strict=True)
    },
    **{name: {"color": colour} for name, colour in zip(SIMPLEX, _COLOURS, strict=True)},
    with_post(L2, SPARSEMAX): {"color": "#E69F00", "linestyle": "-."},
    with_post(LAYER_NORM, SPARSEMAX): {"color": "#56B4E9", "linestyle": "--"},
}
POST_LINES = {"": ("none", "#0072B2"), L2: ("l2 norm", "#E69F00"), LAYER_NORM: ("layer norm", "#D55E00")}


def memory(name: str, patterns: np.ndarray, *, beta: float, rate: float) -> HopfieldFenchelYoung:
    """A network of `NETWORKS`; `rate` is the c of exp(c s)."""
    if name in DENSE:
        separation = Exponential(rate) if name == EXPONENTIAL else DENSE[name]
        return HopfieldFenchelYoung(patterns.astype(float), separation=separation, post=Tanh(beta))
    separation, post = NORMALIZED[name]
    beta = L2_BETA if post == L2 else beta
    return HopfieldFenchelYoung(patterns, separation=SIMPLEX[separation], beta=beta, post=POSTS[post])


def exponential_rate(images: Images) -> float:
    """The c of exp(c s)."""
    return 0.01 if len(images.shape) == 3 else 0.05 * 784 / np.prod(images.shape)


def n_cues(images: Images, n_patterns: int, scale: str) -> int:
    """Number of patterns that serve as cues, the first of the set: all of them unless that took too long."""
    most = MOST_CUES[scale]
    return min(n_patterns, min(most, MOST_CUES_LARGE) if images.values.shape[1] > LARGE_UNITS else most)


def no_worse(statement: str, gain: float, rate: float, n_trials: int) -> Claim:
    """The claim that one network retrieves at least as much as another one, which retrieves the fraction `rate`."""
    return Claim(statement, "paper", "at_least", 0.0, float(gain), *sampling_tolerance(float(rate), int(n_trials)))


def random_order(images: Images, run: Run, repeat: int) -> np.ndarray:
    """Order of the images, of which a set of any size takes the first."""
    seed = np.random.SeedSequence(run.seed_for("memory sets"), spawn_key=(repeat,))
    return np.random.default_rng(seed).permutation(len(images))


def corrupted(patterns: np.ndarray, shape: tuple[int, ...], *, noise: np.ndarray, is_masked: bool) -> np.ndarray:
    """Patterns (item, unit) plus noise, clipped, the lower rows of the images then set to 0."""
    cues = np.clip(patterns + noise, -1.0, 1.0).astype(np.float32)
    if is_masked:
        n_rows = int(MASKED * shape[0])
        cues.reshape(len(cues), *shape)[:, shape[0] - n_rows :] = 0.0
    return cues


def retrieve(model: HopfieldFenchelYoung, cues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether cues (condition, item, unit) of the first patterns lead back to them, and whether states diverge."""
    n_conditions, n_items, n_units = cues.shape
    # the products between patterns pay off only if there are many cues for each
    is_linear = not isinstance(model.post, Tanh)
    engine = "gram" if is_linear and 2 * model.n_patterns < min(n_conditions * n_items, n_units) else "units"
    settings = {"steps": STEPS, "engine": engine, "on_divergence": "mark", "threads": 1}
    found = model.retrieve(cues.reshape(-1, n_units), **settings)
    states = found.state.to_numpy().reshape(cues.shape)
    diverged = found.status.to_numpy().reshape(cues.shape[:2]) == DIVERGED
    return (cosine(states, model.patterns[:n_items]) > THRESHOLD) & ~diverged, diverged


def cosine(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Cosines (..., item) of states (..., item, unit) with patterns (item, unit), NaN where there is none."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        products = np.einsum("...u,...u", states, patterns, dtype=float)
        return products / (np.linalg.norm(states.astype(float), axis=-1) * np.linalg.norm(patterns, axis=-1))


def rates(images: Images, patterns: np.ndarray, cues: np.ndarray) -> xr.Dataset:
    """Fractions retrieved, and diverged, of cues (condition, item, unit) of the first patterns, for all networks."""
    variables = {name: np.empty((len(cues), len(BETAS), len(NETWORKS))) for name in ("rate", "diverged")}
    for (b, beta), (i, name) in product(enumerate(BETAS), enumerate(NETWORKS)):
        for values in variables.values():
            values[:, b, i] = values[:, 0, i]
        if b == 0 or NORMALIZED.get(name, ("", ""))[1] != L2:  # which has a beta of its own
            found = retrieve(memory(name, patterns, beta=beta, rate=exponential_rate(images)), cues)
            for values, flags in zip(variables.values(), found, strict=True):
                values[:, b, i] = flags.mean(axis=1)
    dims = ("condition", "beta", "network")
    return xr.Dataset(
        {name: (dims, values, {"units": "1"}) for name, values in variables.items()},
        {"beta": list(BETAS), "network": list(NETWORKS)},
    )


def plot_median(part: xr.DataArray, ax: Axes, *, x: str, **line) -> None:
    """Median over repeats against the coordinate `x`, with the band between the quartiles."""
    part = part.dropna(x, how="all")
    low, median, high = (part.quantile(q, "repeat") for q in (0.25, 0.5, 0.75))
    (drawn,) = ax.plot(part[x], median, marker=".", **line)
    ax.fill_between(part[x], low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


def plot_networks(part: xr.DataArray, ax: Axes, *, x: str) -> None:
    """Curves of the main figure: rates over network, repeat and `x`."""
    for name in MAIN:
        plot_median(part.sel(network=name), ax, x=x, label=name, **LINES[name])
    ax.set(ylim=(-0.03, 1.03))


def plot_posts(part: xr.DataArray, ax: Axes, separation: str, *, x: str) -> None:
    """Curves of the figure of the appendix: a separation with the post-transformations, for both beta."""
    for (post, (label, colour)), beta in product(POST_LINES.items(), BETAS):
        if post == L2 and beta != BETAS[0]:
            continue
        curve = part.sel(network=with_post(post, separation), beta=beta)
        label = f"{label}, $\\beta={L2_BETA if post == L2 else beta:g}$"
        plot_median(curve, ax, x=x, label=label, color=colour, linestyle="-" if beta == BETAS[0] else "--")
    ax.set(ylim=(-0.03, 1.03))


def plot_all(main: list[tuple[str, xr.DataArray]], posts: xr.DataArray, *, x: str, xlabel: str, xscale: str) -> Figure:
    """Figure with a row of panels for each main part (title, rates over images), and one for each kind of images below.

    Parameters
    ----------
    main : list of (str, DataArray (images, network, repeat, x))
    posts : DataArray (images, network, beta, repeat, x)
        Compared for the post-transformations, a panel for each separation.
    x, xlabel, xscale : str
        Coordinate, label and scale of all horizontal axes.
    """
    n_images, n_rows = posts.sizes["images"], len(main) + posts.sizes["images"]
    with style():
        figure, (whole,) = make_figure(height=30 + 31 * n_rows)
        whole.remove()
        upper, lower = figure.subfigures(2, 1, height_ratios=(len(main) + 0.5, n_images + 0.5))
        panels = upper.subplots(len(main), n_images, sharex="col", sharey=True, squeeze=False)
        for row, (title, part) in zip(panels, main, strict=True):
            for ax, name in zip(row, part.images.values, strict=True):
                plot_networks(part.sel(images=name), ax, x=x)
                ax.set(title=name, xscale=xscale)
            row[0].set_ylabel("\n".join([*title.split(", "), "retrieved"]))
        others = lower.subplots(n_images, len(SIMPLEX), sharex=True, sharey=True, squeeze=False)
        for row, name in zip(others, posts.images.values, strict=True):
            for ax, separation in zip(row, SIMPLEX, strict=True):
                plot_posts(posts.sel(images=name), ax, separation, x=x)
                ax.set(title=separation, xscale=xscale)
            row[0].set_ylabel(f"{name}\nretrieved")
        for part, grid, n_columns in ((upper, panels, 5), (lower, others, 5)):
            for ax in grid[-1]:
                ax.set_xlabel(xlabel)
            part.legend(
                *grid[0, 0].get_legend_handles_labels(), ncols=n_columns, loc="outside lower center", handlelength=3.5
            )
        label_panels(np.concatenate([panels.ravel(), others.ravel()]))
    return figure
