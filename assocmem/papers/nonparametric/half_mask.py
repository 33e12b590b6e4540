"""Images retrieved in one step from their lower half (figure 2, upper row).

The paper claims in its text that errors grow with the number of patterns, that they are smaller the fewer patterns take
part (sparse, then top 20 %, 50 %, 80 %, dense), that random masks do much worse, the more they mask, and that linear
and random-feature memories retrieve poorly. Its caption has it that fewer patterns give fewer successes; with masks
that leave patterns out, this is so for random masks only.

The first order is one of small beta: at a large one all scores are far apart, softmax is nearly exact, and sparsemax,
which is no smoother than before, is the worse of the two. So errors are shown over beta as well, both for standardised
pixels and for pixels from 0 to 1, for which products between images are smaller.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.nonparametric import earlier
from assocmem.papers.nonparametric.images import (
    ASSOCIATIONS,
    CLIPPED,
    CRITERIA,
    CROPS,
    MODELS,
    NEAREST,
    PIXELS,
    POSITIVE_FEATURE,
    RELU_FEATURE,
    earlier_claim,
    image_sets,
    mask_seed,
    memory,
    n_draws,
    outcome,
    plot_curves,
    squared_errors,
)
from assocmem.papers.nonparametric.models import DENSE, LINEAR, MASKED, SPARSE, TOP
from assocmem.plotting import label_panels, make_figure, style

SIZES = {"quick": (10, 20, 50, 100, 200), "paper": (10, 20, 50, 100, 150, 200)}
N_DRAWS = {"quick": {100: 30, 1000: 3}, "paper": {100: 50, 1000: 50, 10_000: 20}}  # of images of at most so many units
N_PATTERNS_OF_BETA = 100
N_DRAWS_OF_BETA = {"quick": 3, "paper": 10}
BETAS = tuple(sorted({*(10.0 ** (k / 4) for k in (-16, -14, -12, -10, *range(-8, 5))), 784**-0.5, 0.125}))
TOP_20 = next(iter(TOP))
SPARSER_FIRST = (SPARSE, *TOP, DENSE)
FEATURES = (LINEAR, RELU_FEATURE, POSITIVE_FEATURE)


def compute(run: Run) -> xr.Dataset:
    """Errors and successes over the number of patterns, and errors over beta."""
    sets = image_sets(run)
    items = [(name, draw) for name, images in sets.items() for draw in range(n_draws(images, N_DRAWS[run.scale]))]
    parts = dict(zip(items, run.map(lambda i: _over_sizes(sets[i[0]], i[1], run), items, label="draws"), strict=True))
    scans = [(name, draw) for name in sets for draw in range(N_DRAWS_OF_BETA[run.scale])]
    found = run.map(lambda i: _over_betas(sets[i[0]], i[1], run), scans, label="draws over beta")
    dims = ("images", "draw_of_beta", "pixels", "model_of_beta", "beta")
    shape = (len(sets), N_DRAWS_OF_BETA[run.scale], *found[0].shape)
    rows = [xr.concat([part for (name, _), part in parts.items() if name == n], "draw") for n in sets]
    dataset = xr.concat(rows, xr.DataArray(list(sets), dims="images"), join="outer")
    dataset["error_of_beta"] = dims, np.reshape(found, shape), {"units": "1"}
    coords = {"pixels": list(PIXELS), "model_of_beta": list(ASSOCIATIONS), "beta": list(BETAS)}
    betas = {f"beta_{name}": float(images.beta) for name, images in sets.items()}
    attrs = {"n_patterns_of_beta": N_PATTERNS_OF_BETA, "published_draws": "50 in the text, 10 in the caption"}
    return dataset.assign_coords(coords).assign_attrs(attrs, **betas)


def _over_sizes(images, draw, run):
    patterns = images.draw(run, draw, max(SIZES[run.scale]))
    cues = images.half_masked(patterns)
    found = [outcome(images, patterns[:n], cues[:n], MODELS, run, draw) for n in SIZES[run.scale]]
    errors, rates = (np.array(values) for values in zip(*found, strict=True))
    return xr.Dataset(
        {
            "error": (("n_patterns", "model"), errors, {"units": "1", "long_name": "sum of squares per cue"}),
            "success": (("n_patterns", "criterion", "model"), rates, {"units": "1"}),
        },
        {"n_patterns": list(SIZES[run.scale]), "model": list(MODELS), "criterion": list(CRITERIA), "draw": draw},
    )


def _over_betas(images, draw, run):
    """Mean errors (pixels, model, beta)."""
    errors, seed = np.empty((len(PIXELS), len(ASSOCIATIONS), len(BETAS))), mask_seed(images, run, draw)
    for p, pixels in enumerate(PIXELS):
        patterns = images.draw(run, draw, N_PATTERNS_OF_BETA, pixels)
        cues = images.half_masked(patterns)
        for (m, name), (b, beta) in product(enumerate(ASSOCIATIONS), enumerate(BETAS)):
            states = memory(name, patterns, beta, seed).update(cues, threads=1)
            errors[p, m, b] = squared_errors(states, patterns).mean()
    return errors


def plot(dataset: xr.Dataset) -> Figure:
    """For each set of images: errors and two kinds of successes over the number of patterns, and errors over beta."""
    names = dataset.images.values
    with style():
        figure, axes = make_figure(len(names), 4, height=30 + 46 * len(names))
        grid = axes.reshape(len(names), 4)
        for row, name in zip(grid, names, strict=True):
            part, beta = dataset.sel(images=name), dataset.attrs[f"beta_{name}"]
            plot_curves(part.error, row[0], x="n_patterns")
            row[0].set(ylabel=f"{name}, $\\beta={beta:.3g}$\nsum of squared errors", yscale="log")
            for ax, criterion in zip(row[1:3], (CLIPPED, NEAREST), strict=True):
                plot_curves(part.success.sel(criterion=criterion), ax, x="n_patterns")
                ax.set(ylabel=f"share by\n{criterion}", ylim=(-0.03, 1.03))
            _plot_betas(part.error_of_beta, row[3])
            for ax in row[:3]:
                ax.set(xlabel="patterns $M$", xscale="log", xticks=(10, 20, 50, 100, 200))
                ax.set_xticklabels(("10", "20", "50", "100", "200"))
                ax.minorticks_off()
        grid[0, 3].set_ylim(0, 2.1)
        grid[0, 3].legend(title="pixels", loc="upper left")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), ncols=4, loc="outside lower center", handlelength=3.5)
        label_panels(axes)
    return figure


def _plot_betas(part, ax):
    """Ratio of errors to those of the dense memory."""
    part = part.rename(model_of_beta="model", draw_of_beta="draw")
    for pixels, dashes in zip(PIXELS, ("-", "--"), strict=True):
        mean = part.sel(pixels=pixels).mean("draw")
        ratio = mean.sel(model=SPARSE) / mean.sel(model=DENSE)
        ax.plot(part.beta, ratio, dashes, color="#D55E00", label=pixels)
    ax.axhline(1.0, color="0.5", linewidth=0.8)
    ax.set(xlabel="$\\beta$", ylabel="error, sparse / dense", xscale="log", ylim=(0, None))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The shapes that the paper describes, and the numbers of an earlier run."""
    rows = []
    for name in dataset.images.values:
        part = dataset.sel(images=name)
        rows += [*_shape_claims(part, str(name)), *_flip_claims(part, str(name)), *_earlier_claims(part, str(name))]
    if "MNIST" in dataset.images.values:
        rows += _mnist_claims(dataset.sel(images="MNIST"))
    return rows


def _shape_claims(part, name):
    """(i) to (iv); limits are our reading of the text."""
    error = part.error.mean("draw")
    kept, masked = error.sel(model=DENSE), error.sel(model=list(MASKED))
    over_masks = masked.isel(n_patterns=slice(0, 4)).diff("model")
    features = error.sel(model=list(FEATURES)).min("model") / kept
    shares = part.success.sel(criterion=CLIPPED).mean("draw")
    gain = shares.sel(model=TOP_20) - shares.sel(model=DENSE)
    steps = float(kept.diff("n_patterns").min())
    return [
        Claim(f"{name}: errors of the dense memory grow with the patterns, least step", "paper", "at_least", 0, steps),
        order_claim(error, name),
        Claim(
            f"{name}: random masks have larger errors than the dense memory, least ratio",
            *("paper", "at_least", 1.0, float((masked / kept).min())),
        ),
        Claim(
            f"{name}: errors grow with the part that is masked, up to {int(over_masks.n_patterns[-1])} patterns, "
            "least step",
            *("paper", "at_least", 0.0, float(over_masks.min())),
        ),
        Claim(
            f"{name}: linear and random-feature memories have larger errors than the dense one, least ratio",
            *("paper", "at_least", 1.0, float(features.min())),
        ),
        Claim(
            f"{name}: fewer patterns give fewer successes (caption): most by which top 20 % is above dense",
            *("paper", "at_most", 0.0, float(gain.max())),
        ),
    ]


def order_claim(error, name):
    """The order that the paper sees on MNIST; at the scores of crops, softmax is nearly exact."""
    if name == CROPS:
        ratio = error.sel(model=list(TOP)) / error.sel(model=DENSE)
        statement = f"{name}: top 20, 50 and 80 % are dense to about three digits, largest relative difference"
        return Claim(statement, "earlier run", "at_most", 0.01, float(abs(ratio - 1.0).max()))
    ordered = error.sel(model=list(SPARSER_FIRST)).diff("model")
    statement = f"{name}: errors are ordered sparse <= top 20 % <= 50 % <= 80 % <= dense, least step"
    return Claim(statement, "paper", "at_least", 0.0, float(ordered.min()))


def _flip_claims(part, name):
    """That the first order is one of small beta, and of pixels."""
    mean = part.error_of_beta.mean("draw_of_beta")
    ratio = mean.sel(model_of_beta=SPARSE) / mean.sel(model_of_beta=DENSE)
    standardised, plain = (ratio.sel(pixels=pixels).to_numpy() for pixels in PIXELS)
    larger = standardised[np.argmin(standardised) :]
    what = f"{name}, {N_PATTERNS_OF_BETA} patterns: error of the sparse memory over that of the dense one"
    n_mixed = np.count_nonzero((standardised > 1.0) & (plain < 1.0) | (standardised < 1.0) & (plain > 1.0))
    return [
        Claim(f"{what}, least over beta", "control", "at_most", 0.95, float(standardised.min())),
        Claim(f"{what}, largest at a larger beta: the order flips", "control", "at_least", 1.05, float(larger.max())),
        Claim(f"{what}: values of beta at which the order depends on the pixels", "control", "at_least", 1, n_mixed),
    ]


def _earlier_claims(part, name):
    rows, n_draws = [], earlier.N_DRAWS_CROPS if name == CROPS else earlier.N_DRAWS
    for model, cells in earlier.HALF_MASK.get(name, {}).items():
        ours, what = part.error.sel(model=model, n_patterns=list(cells)), f"{name}, {model}, 10 to 200 patterns"
        rows.append(earlier_claim(what, cells.values(), ours, n_draws))
    return rows


def _mnist_claims(part):
    """Other settings, and successes."""
    rows, errors = [], part.error_of_beta.rename(draw_of_beta="draw")
    for (pixels, beta), theirs in earlier.SETTINGS.items():
        ours = errors.sel(pixels=pixels, model_of_beta=list(theirs)).sel(beta=beta, method="nearest")
        what = f"MNIST, {N_PATTERNS_OF_BETA} patterns, pixels {pixels}, beta {beta:.3g}, all models"
        rows.append(earlier_claim(what, theirs.values(), ours))
    shares = part.success.sel(criterion=CLIPPED).mean("draw")
    gaps = [
        float(abs(shares.sel(model=model, n_patterns=list(cells)) - list(cells.values())).max())
        for model, cells in earlier.SUCCESS.items()
    ]
    what = "MNIST, successes by the clipped mean square, all models: largest difference from the earlier run"
    return [*rows, Claim(what, "earlier run", "at_most", 0.0, max(gaps), 0.1, "other images, 20 draws")]


EXPERIMENT = Experiment("half_mask", "images retrieved from their lower half in one step", compute, plot, claims)
