"""What changes when a mask is a real mask: the memories of the paper beside those of its public code.

The public snapshot of January 2024 fills masked scores with 0 in place of minus infinity, so that masked patterns keep
weight; its random masks are dropout, which also multiplies the other scores, as if beta were larger. With a single head
it normalises scores over an axis of length 1, which leaves their signs only. `reference_behaviour` of the memories here
computes what that amounts to. Whether the published figures come from this snapshot is not known.

Images are those of `images`, retrieved from their lower half in one step. "Weight that leaks" is the weight of masked
patterns.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.masks import TopScores
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.nonparametric.images import (
    CROPS,
    STYLES,
    association_options,
    image_sets,
    mask_seed,
    n_draws,
    plot_curves,
    squared_errors,
)
from assocmem.papers.nonparametric.models import DENSE, MASKED, TOP
from assocmem.plotting import label_panels, make_figure, style

SIZES = (10, 20, 50, 100, 200)
N_DRAWS = {"quick": {100: 10, 1000: 3}, "paper": {100: 50, 1000: 20, 10_000: 10}}
MODELS = (*TOP, *MASKED)
AS_PUBLISHED = {name: name + ", filled with 0" for name in MODELS}
SIGNS, MEAN_IMAGE = "dense, signs only", "mean of the patterns"
N_SMALL = {"quick": 200, "paper": 2000}  # cases of 8 patterns
SMALL_PATTERNS, SMALL_UNITS, SMALL_KEPT, SMALL_BETA = 8, 20, 2, 0.05


def compute(run: Run) -> xr.Dataset:
    """Errors and leaks over (images, draw, model, n_patterns), and leaks of small random memories."""
    sets = image_sets(run)
    items = [(name, draw) for name, images in sets.items() for draw in range(n_draws(images, N_DRAWS[run.scale]))]
    parts = dict(zip(items, run.map(lambda i: _draw(sets[i[0]], i[1], run), items, label="draws"), strict=True))
    rows = [xr.concat([part for (name, _), part in parts.items() if name == n], "draw") for n in sets]
    dataset = xr.concat(rows, xr.DataArray(list(sets), dims="images"), join="outer")
    dataset["small_leak"] = "case", _small_leaks(run), {"units": "1"}
    return dataset.assign_attrs({f"beta_{name}": float(images.beta) for name, images in sets.items()})


def _draw(images, draw, run):
    patterns = images.draw(run, draw, max(SIZES))
    cues, seed = images.half_masked(patterns), mask_seed(images, run, draw)
    found = [_at_size(patterns[:n], cues[:n], images.beta, seed) for n in SIZES]
    names = [DENSE, SIGNS, MEAN_IMAGE, *MODELS, *AS_PUBLISHED.values()]
    errors, leaks = (np.array(values) for values in zip(*found, strict=True))
    return xr.Dataset(
        {
            "error": (("n_patterns", "model"), errors, {"units": "1", "long_name": "sum of squares per cue"}),
            "leak": (("n_patterns", "masked_model"), leaks, {"units": "1"}),
        },
        {"n_patterns": list(SIZES), "model": names, "masked_model": list(MODELS), "draw": draw},
    )


def _at_size(patterns, cues, beta, seed):
    """Errors (model,) and leaks (masked_model,)."""

    def error(memory):
        return squared_errors(memory.update(cues, threads=1), patterns).mean()

    dense, signs = (
        NonparametricHopfield(patterns, beta=beta, reference_behaviour=behaviour) for behaviour in (None, "sign_scores")
    )
    errors = [error(dense), error(signs), squared_errors(patterns.mean(axis=0), patterns).mean()]
    pairs = [real_and_published(patterns, beta, association_options(name, seed)) for name in MODELS]
    errors += [error(pair[i]) for i in range(2) for pair in pairs]
    return np.array(errors), np.array([leaked(*pair, cues).mean() for pair in pairs])


def real_and_published(patterns: np.ndarray, beta: float, options: dict) -> tuple:
    """Two memories with the same options: with a real mask, and with one that fills with 0."""
    return tuple(
        NonparametricHopfield(patterns, beta=beta, reference_behaviour=behaviour, **options)
        for behaviour in (None, "zero_fill")
    )


def leaked(real: NonparametricHopfield, published: NonparametricHopfield, cues: np.ndarray) -> np.ndarray:
    """Weight (cue,) that the second memory gives to patterns that the first one masks."""
    is_masked = real.weights(cues, threads=1) == 0.0
    return np.where(is_masked, published.weights(cues, threads=1), 0.0).sum(axis=1)


def _small_leaks(run):
    """Leaks of Gaussian patterns of which the top ones are kept, the first of them as the cue."""
    rng, leaks = np.random.default_rng(run.seed_for("leaks")), []
    for _ in range(N_SMALL[run.scale]):
        patterns = rng.standard_normal((SMALL_PATTERNS, SMALL_UNITS))
        pair = real_and_published(patterns, SMALL_BETA, {"mask": TopScores(SMALL_KEPT)})
        leaks.append(leaked(*pair, patterns[:1])[0])
    return np.array(leaks)


def plot(dataset: xr.Dataset) -> Figure:
    """For each set of images: errors with real masks, with those of the public code, of signs, and leaks."""
    names = dataset.images.values
    with style():
        figure, axes = make_figure(len(names), 4, height=32 + 46 * len(names))
        grid = axes.reshape(len(names), 4)
        for row, name in zip(grid, names, strict=True):
            part, beta = dataset.sel(images=name), dataset.attrs[f"beta_{name}"]
            published = part.error.sel(model=list(AS_PUBLISHED.values())).assign_coords(model=list(MODELS))
            errors = (part.error.sel(model=list(MODELS)), published)
            for ax, values, title in zip(row, errors, ("masked", "filled with 0"), strict=False):
                plot_curves(values, ax, x="n_patterns")
                ax.set(title=title, yscale="log")
            row[1].sharey(row[0])
            row[0].set_ylabel(f"{name}, $\\beta={beta:.3g}$\nsum of squared errors")
            plot_curves(part.leak.rename(masked_model="model"), row[2], x="n_patterns")
            row[2].set(title="filled with 0", ylabel="weight that leaks", ylim=(-0.03, 1.03))
            _plot_signs(part.error.mean("draw"), row[3])
            for ax in row:
                ax.set(xlabel="patterns $M$", xscale="log", xticks=SIZES)
                ax.set_xticklabels([str(n) for n in SIZES])
                ax.minorticks_off()
        figure.legend(*grid[0, 0].get_legend_handles_labels(), ncols=6, loc="outside lower center", handlelength=3.0)
        label_panels(axes)
    return figure


def _plot_signs(error, ax):
    lines = {DENSE: STYLES[DENSE], SIGNS: {"color": "#D55E00", "linestyle": "-", "marker": "s"}}
    for name in (DENSE, SIGNS, MEAN_IMAGE):
        line = lines.get(name, {"color": "k", "linestyle": ":", "marker": "", "zorder": 5})
        ax.plot(error.n_patterns, error.sel(model=name), markersize=2.5, linewidth=1.2, **{**line, "label": name})
    ax.set(title="scores or their signs", ylim=(0, 1.5 * float(error.sel(model=MEAN_IMAGE).max())))
    ax.legend(loc="upper left")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """How much leaks, what it costs, and that signs retrieve the mean image."""
    small = dataset.small_leak
    rows = [
        Claim(
            f"of {SMALL_PATTERNS} Gaussian patterns of {SMALL_UNITS} units the top {SMALL_KEPT} are kept, beta "
            f"{SMALL_BETA}: weight that leaks",
            *("earlier run", "close", 0.6, float(small.mean()), float(2 * small.std()), "two deviations: one case"),
        )
    ]
    for name in dataset.images.values:
        rows += _claims_of(dataset.sel(images=name), str(name))
    return rows


def _claims_of(part, name):
    at, leak = (part[v].mean("draw").sel(n_patterns=100) for v in ("error", "leak"))
    top, masked = next(iter(TOP)), list(MASKED)[-1]
    changes = {
        model: abs(float(at.sel(model=AS_PUBLISHED[model]) / at.sel(model=model)) - 1) for model in (top, masked)
    }
    ratio = float(at.sel(model=DENSE) / at.sel(model=SIGNS))
    what = f"{name}, 100 patterns"
    rows = [Claim(f"{what}: error of the dense memory over that of signs", "control", "at_most", 0.95, ratio)]
    if name == CROPS:
        statement = f"{what}, {top}: relative change of error by filling with 0, at scores far above 0"
        return [*rows, Claim(statement, "control", "at_most", 0.01, changes[top])]
    rows += [
        Claim(f"{what}, {model}: relative change of error by filling with 0", "control", "at_least", 0.05, change)
        for model, change in changes.items()
    ]
    leaked_weight = float(leak.sel(masked_model=top))
    signs = float(at.sel(model=SIGNS) / at.sel(model=MEAN_IMAGE))
    rows += [
        Claim(f"{what}, {top}: weight that leaks", "control", "at_least", 0.05, leaked_weight),
        Claim(
            f"{what}: error of signs over that of the mean of the patterns",
            *("earlier run", "close", 564 / 544, signs, 0.05, "5 %: other images"),
        ),
    ]
    return rows + (_mnist_claims(at) if name == "MNIST" else [])


def _mnist_claims(error):
    theirs = {SIGNS: 564.0, MEAN_IMAGE: 544.0, DENSE: 315.0}
    return [
        Claim(
            f"MNIST, 100 patterns, {model}: error",
            *("earlier run", "close", value, float(error.sel(model=model)), 0.1 * value, "10 %"),
        )
        for model, value in theirs.items()
    ]


EXPERIMENT = Experiment("published_code", "masks that fill with zeros, and signs of scores", compute, plot, claims)
