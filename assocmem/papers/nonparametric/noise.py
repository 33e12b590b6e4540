"""Images retrieved in one step from noisy copies (figure 2, lower row).

Noise is Gaussian with a variance of 0.1 to 1.4 as the text has it, added to standardised pixels. The public code has
another cue: the same noise value for all pixels of a column and all images, then the absolute value, then 1 in place of
what is above. Both are shown. One step hardly depends on independent noise, as a product averages it over all pixels.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.nonparametric import earlier
from assocmem.papers.nonparametric.half_mask import FEATURES, order_claim
from assocmem.papers.nonparametric.images import (
    CLIPPED,
    CRITERIA,
    MODELS,
    NEAREST,
    Set,
    earlier_claim,
    image_sets,
    n_draws,
    outcome,
    plot_curves,
)
from assocmem.papers.nonparametric.models import DENSE, MASKED, SPARSE
from assocmem.plotting import label_panels, make_figure, style

N_PATTERNS = 100
VARIANCES = {"quick": (0.1, 0.5, 1.0, 1.4), "paper": (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)}
ADDED, BY_COLUMN = KINDS = "per pixel", "per column"  # as in the text, as in the public code
N_DRAWS = {"quick": {100: 10, 1000: 3}, "paper": {100: 50, 1000: 10, 10_000: 5}}  # by the most units
SLOW = 2.0  # our reading of slow growth: from the least to the largest variance errors do not even double


def compute(run: Run) -> xr.Dataset:
    """Errors and successes over the variance of the noise."""
    sets = image_sets(run)
    items = [(name, draw) for name, images in sets.items() for draw in range(n_draws(images, N_DRAWS[run.scale]))]
    found = run.map(lambda item: _over_variances(sets[item[0]], item[1], run), items, label="draws")
    parts = dict(zip(items, found, strict=True))
    rows = [xr.concat([part for (name, _), part in parts.items() if name == n], "draw") for n in sets]
    dataset = xr.concat(rows, xr.DataArray(list(sets), dims="images"), join="outer")
    return dataset.assign_attrs({f"beta_{name}": float(images.beta) for name, images in sets.items()})


def _over_variances(images, draw, run):
    variances, patterns = VARIANCES[run.scale], images.draw(run, draw, N_PATTERNS)
    noise = np.random.default_rng(images.seeds(run, draw).spawn(1)[0]).standard_normal(patterns.shape)
    found = [
        outcome(images, patterns, noisy(images, patterns, noise, variance, kind), MODELS, run, draw)
        for kind, variance in product(KINDS, variances)
    ]
    errors, rates = (np.array(v).reshape(len(KINDS), len(variances), *v[0].shape) for v in zip(*found, strict=True))
    dims = ("kind", "variance")
    return xr.Dataset(
        {
            "error": ((*dims, "model"), errors, {"units": "1", "long_name": "sum of squares per cue"}),
            "success": ((*dims, "criterion", "model"), rates, {"units": "1"}),
        },
        {"kind": list(KINDS), "variance": list(variances), "model": list(MODELS), "criterion": list(CRITERIA)},
    ).assign_coords(draw=draw)


def noisy(images: Set, patterns: np.ndarray, noise: np.ndarray, variance: float, kind: str) -> np.ndarray:
    """Patterns with noise of a kind, in their type; `noise` (pattern, unit) has a variance of 1."""
    if kind == ADDED:
        return (patterns + np.sqrt(variance) * noise).astype(patterns.dtype)
    height, width = images.shape[:2]
    # one row of the first image's noise, for all rows, channels and images
    columns = noise[0].reshape(images.shape)[0].reshape(width, -1)[:, :1]
    column_noise = np.broadcast_to(columns, (height, width, patterns.shape[1] // (height * width))).ravel()
    return np.clip(np.abs(patterns + np.sqrt(variance) * column_noise), 0, 1).astype(patterns.dtype)


def plot(dataset: xr.Dataset) -> Figure:
    """For each set of images: errors with both kinds of noise, and two kinds of successes."""
    names = dataset.images.values
    with style():
        figure, axes = make_figure(len(names), 4, height=30 + 46 * len(names))
        grid = axes.reshape(len(names), 4)
        for row, name in zip(grid, names, strict=True):
            part, beta = dataset.sel(images=name), dataset.attrs[f"beta_{name}"]
            for ax, kind in zip(row[:2], KINDS, strict=True):
                plot_curves(part.error.sel(kind=kind), ax, x="variance")
                ax.set(title=f"noise {kind}", yscale="log")
            row[0].set(ylabel=f"{name}, $\\beta={beta:.3g}$\nsum of squared errors")
            for ax, criterion in zip(row[2:], (CLIPPED, NEAREST), strict=True):
                plot_curves(part.success.sel(kind=ADDED, criterion=criterion), ax, x="variance")
                ax.set(title=f"noise {ADDED}", ylabel=f"share by\n{criterion}", ylim=(-0.03, 1.03))
            for ax in row:
                ax.set(xlabel="variance of noise", xlim=(0, None))
        figure.legend(*grid[0, 0].get_legend_handles_labels(), ncols=4, loc="outside lower center", handlelength=3.5)
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The shapes that the paper describes, and the numbers of an earlier run."""
    rows = []
    for name in dataset.images.values:
        rows += _shape_claims(dataset.sel(images=name, kind=ADDED), str(name))
        by_column = dataset.error.sel(images=name, kind=BY_COLUMN).mean(("draw", "variance"))
        ratio = float(by_column.sel(model=SPARSE) / by_column.sel(model=DENSE))
        statement = f"{name}: with the cues of the public code the sparse memory is the worse, ratio of errors to dense"
        rows.append(Claim(statement, "control", "at_least", 1.0, ratio))
    if "MNIST" in dataset.images.values:
        part = dataset.error.sel(images="MNIST", kind=ADDED)
        for variance, theirs in earlier.NOISE.items():
            ours = part.sel(variance=variance, model=list(theirs))
            rows.append(earlier_claim(f"MNIST, noise of variance {variance}, all models", theirs.values(), ours))
    return rows


def _shape_claims(part, name):
    error = part.error.mean("draw")
    least, most = error.isel(variance=0), error.isel(variance=-1)
    growth = most / least
    masked = error.sel(model=list(MASKED))
    features = error.sel(model=list(FEATURES)).min("model") / error.sel(model=DENSE)
    return [
        Claim(
            f"{name}: the dense error grows with the noise, ratio of largest to least variance",
            *("paper", "at_least", 1.0, float(growth.sel(model=DENSE))),
        ),
        Claim(
            f"{name}: ... and slowly, read as at most twice", "paper", "at_most", SLOW, float(growth.sel(model=DENSE))
        ),
        order_claim(error, name),
        Claim(
            f"{name}: random masks have larger errors than the dense memory, least ratio",
            *("paper", "at_least", 1.0, float((masked / error.sel(model=DENSE)).min())),
        ),
        Claim(
            f"{name}: errors grow with the part that is masked, least step",
            *("paper", "at_least", 0.0, float(masked.diff("model").min())),
        ),
        Claim(
            f"{name}: linear and random-feature memories have larger errors than the dense one, least ratio",
            *("paper", "at_least", 1.0, float(features.min())),
        ),
    ]


EXPERIMENT = Experiment("noise", "images retrieved from noisy copies in one step", compute, plot, claims)
