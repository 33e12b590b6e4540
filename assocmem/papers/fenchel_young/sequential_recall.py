"""Sequential recall of sets of images (figures 6 and 7): whether images come to mind one after the other.

The right order is that of the set. The Levenshtein coefficient compares the N patterns recorded with 1, ..., N, as the
published code does, although pattern 0 is where recall begins and there is no pattern N: a run that goes through all
patterns in their order scores 1 - 1/N, and nothing scores more. Its last round, which finds no new neighbour, adds
nothing to the unique memory ratio either, except with two patterns, where it goes back to pattern 0.

A pair of neighbours has no direction. Where a run turns around, it still recalls different patterns, but in the wrong
order: the shares of rounds that go one forward and one backward are recorded as well. Whether it does depends on the
patterns at that place, so that sets differ much: scores are near 1 or near 0, and the median of five sets, the paper's
number, is left to chance. Here are 21. As larger sets begin with the patterns of smaller ones, a set that is out of
order for some N mostly is for all larger N.

Patches of photographs, which stand in for CIFAR-10 and Tiny ImageNet, are often less like themselves than like a patch
of more contrast (see `free_recall`): the inner steps lead away from them, and recall is out of order from the start.

The inner steps of the published code have no inverse temperature, which makes it 1; what is written of the algorithm
has that of the rest, 0.1. Both are shown.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.recall import levenshtein_coefficient, unique_memory_ratio
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young.recall import (
    BETA,
    LINE_WIDTH,
    SEPARATIONS,
    SIZES,
    each_images,
    medians,
    memory_set,
    panels,
    plot_separations,
    sets_of_images,
)
from assocmem.plotting import NEUTRAL, style
from assocmem.recall import sequential_recall

N_SETS = {"quick": 3, "paper": 21}
AS_PUBLISHED = 1.0
INNER_BETAS = (AS_PUBLISHED, BETA)
MEASURES = ("unique_memory_ratio", "levenshtein_coefficient", "forward_share", "backward_share", "is_in_order")
SHOWN = {"unique_memory_ratio": "unique memory ratio", "levenshtein_coefficient": "Levenshtein coefficient"}
FEWEST_OF_ORDER = 8  # patterns, from which the paper shows the Levenshtein coefficient
SMALL = (4, 8)
TOGETHER = 0.05


def compute(run: Run) -> xr.Dataset:
    """Both scores, directions of steps, and whether a run goes through all patterns in order."""
    sets, repeats, sizes = sets_of_images(run), range(N_SETS[run.scale]), SIZES[run.scale]
    items = list(product(sets, repeats, sizes))
    order = sorted(range(len(items)), key=lambda i: -items[i][2])
    found = np.empty((len(items), len(INNER_BETAS), len(SEPARATIONS), len(MEASURES)))
    found[order] = run.map(lambda i: _measure(sets, *items[i], run), order, label="sequential recall")
    values = found.reshape(len(sets), len(repeats), len(sizes), *found.shape[1:])
    dims = ("images", "repeat", "n_patterns", "inner_beta", "separation")
    variables = {name: (dims, values[..., i], {"units": "1"}) for i, name in enumerate(MEASURES)}
    coords = {"images": list(sets), "n_patterns": list(sizes), "inner_beta": list(INNER_BETAS)}
    return xr.Dataset(variables, {**coords, "separation": list(SEPARATIONS)})


def _measure(sets, name, repeat, size, run):
    """`MEASURES` (inner_beta, separation, measure) for one set of patterns."""
    patterns = memory_set(sets[name], size, run, repeat)
    return [
        [_scores(patterns, separation, inner_beta) for separation in SEPARATIONS.values()] for inner_beta in INNER_BETAS
    ]


def _scores(patterns, separation, inner_beta):
    recorded = sequential_recall(patterns, separation, beta=BETA, inner_beta=inner_beta, threads=1).recorded
    n_patterns = len(patterns)
    steps = np.diff(recorded, prepend=0)
    is_in_order = bool(np.all(recorded[:-1] == np.arange(1, n_patterns)))
    scores = float(unique_memory_ratio(recorded, n_patterns)), float(levenshtein_coefficient(recorded))
    return *scores, np.mean(steps == 1), np.mean(steps == -1), is_in_order


def plot(dataset: xr.Dataset) -> Figure:
    """Both scores against the number of patterns, for each kind of images."""
    with style():
        figure, axes = panels(dataset.sizes["images"], len(SHOWN))
        for row, (name, part) in zip(axes, each_images(dataset), strict=True):
            for ax, (score, label) in zip(row, SHOWN.items(), strict=True):
                fewest = FEWEST_OF_ORDER if score == "levenshtein_coefficient" else 0
                _plot_score(part[score].sel(n_patterns=part.n_patterns >= fewest), ax)
                ax.set(title=name, ylabel=label)
        for ax in axes[-1]:
            ax.set_xlabel("patterns $N$")
        figure.legend(*_legend(axes[0, 0]), ncols=4, loc="outside lower center")
    return figure


def _plot_score(score, ax):
    """Curves with quartiles for the inner beta of the code, medians alone for the other."""
    plot_separations(score.sel(inner_beta=AS_PUBLISHED), ax, x="n_patterns")
    plot_separations(score.sel(inner_beta=BETA), ax, x="n_patterns", has_band=False, linestyle="--", linewidth=0.8)
    ax.plot(score.n_patterns, 1 - 1 / score.n_patterns, ":", color=NEUTRAL, label="$1 - 1/N$", zorder=3)


def _legend(ax):
    """Handles and labels, which tell the inner beta; both curves of a separation in one column."""
    handles, labels = ax.get_legend_handles_labels()
    n = len(SEPARATIONS)
    labels = [rf"{label}, inner $\beta = {INNER_BETAS[i // n]:g}$" for i, label in enumerate(labels[: 2 * n])] + labels[
        2 * n :
    ]
    order = [*np.arange(2 * n).reshape(2, n).T.ravel(), 2 * n]
    return [handles[i] for i in order], [labels[i] for i in order]


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Perfect recall of few patterns, what becomes of it for many, and why."""
    rows = []
    for name, part in each_images(dataset):
        published = part.sel(inner_beta=AS_PUBLISHED)
        rows += _perfect_claims(name, published) + _theory_claims(name, part)
        rows += _large_claims(name, published) + _variant_claims(name, part)
    return rows


def _perfect_claims(name, part):
    few = part.sel(n_patterns=list(SMALL))
    distance = {score: float(abs(medians(few[score]) - (1 - 1 / few.n_patterns)).max()) for score in SHOWN}
    sizes = ", ".join(map(str, SMALL))
    return [
        Claim(
            f"{name}: 1 - 1/N for few patterns, largest distance of a median at N = {sizes}, {label}",
            *("paper", "close", 0.0, distance[score], LINE_WIDTH, "the width of a curve in the figure"),
        )
        for score, label in SHOWN.items()
    ]


def _theory_claims(name, part):
    best = 1 - 1 / part.n_patterns
    excess = float((part.levenshtein_coefficient - best).max())
    rounding = 1e-15, "rounding of 1 - 1/N"
    rows = [
        Claim(
            f"{name}: no run has a Levenshtein coefficient above 1 - 1/N, largest excess",
            *("theory", "at_most", 0.0, excess, *rounding),
        )
    ]
    in_order = part.is_in_order == 1
    if in_order.any():
        distance = float(abs(part.levenshtein_coefficient - best).where(in_order).max())
        statement = f"{name}: the {int(in_order.sum())} runs in order have a coefficient of exactly 1 - 1/N, distance"
        rows.append(Claim(statement, "theory", "close", 0.0, distance, *rounding))
    return rows


def _large_claims(name, part):
    largest, ratio = int(part.n_patterns.max()), medians(part.unique_memory_ratio)
    spread = float((ratio.max("separation") - ratio.min("separation")).max())
    drop = (1 - 1 / part.n_patterns) - medians(part.levenshtein_coefficient)
    to_neighbour = (part.forward_share + part.backward_share).mean()
    what = f"N = {largest}"
    return [
        Claim(
            f"{name}: the three separations nearly coincide, largest difference of the medians of the unique memory "
            "ratio (our reading of 'nearly')",
            *("paper", "at_most", TOGETHER, spread),
        ),
        Claim(
            f"{name}, {what}: the Levenshtein coefficient drops below 1 - 1/N, smallest drop of a median (our reading)",
            *("paper", "at_least", 0.1, float(drop.sel(n_patterns=largest).min())),
        ),
        Claim(
            f"{name}, {what}: there are sets out of order, share of runs (at least one in five)",
            *("control", "at_least", 0.2, float(1 - part.is_in_order.sel(n_patterns=largest).mean())),
        ),
        Claim(
            f"{name}: runs step from neighbour to neighbour, mean share of such rounds (most of them)",
            *("control", "at_least", 0.5, float(to_neighbour)),
        ),
        Claim(
            f"{name}, {what}: but turn around, mean share of steps that go backward (at least one in ten)",
            *("control", "at_least", 0.1, float(part.backward_share.sel(n_patterns=largest).mean())),
        ),
    ]


def _variant_claims(name, part):
    mean = medians(part.unique_memory_ratio).mean("n_patterns").sel(separation="softmax")
    gain = float(mean.sel(inner_beta=AS_PUBLISHED) - mean.sel(inner_beta=BETA))
    statement = (
        f"{name}, softmax: inner steps with beta = {BETA:g} recall less than with 1, difference of the mean over N"
    )
    return [Claim(statement, "control", "at_least", 0.0, gain)]


EXPERIMENT = Experiment("sequential_recall", "how many patterns are recalled in their order", compute, plot, claims)
