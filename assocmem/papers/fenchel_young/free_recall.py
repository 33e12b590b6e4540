"""Free recall of sets of images (figures 4 and 5): how many different ones come to mind in N rounds.

Algorithm 1 penalises what was visited before; algorithm 2 bounds the total weight that a pattern can get, so that N
rounds use up all of it. Where a round puts all weight on one pattern, this pattern cannot come again: if every round
does, the unique memory ratio is exactly 1.

What can be recalled for large beta is known, too: the inner steps then end at a pattern whose largest product is that
with itself, as from any other pattern they go on. Nearly all digits are most like themselves in this sense. Of the
patches of photographs, which stand in for CIFAR-10 and Tiny ImageNet, many are less so than like a patch of more
contrast: no penalty makes them come to mind.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.recall import unique_memory_ratio
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young.recall import (
    BETA,
    LINE_WIDTH,
    N_REPEATS,
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
from assocmem.recall import constrained_free_recall, free_recall

CONSTRAINED = "constrained sparsemax"
CURVES = (*SEPARATIONS, CONSTRAINED)
BETAS = {"quick": tuple(2.0 ** np.arange(-5, 4, 2)), "paper": tuple(2.0 ** np.arange(-5, 4))}
N_PATTERNS = 128  # where beta varies
MEASURES = ("unique_memory_ratio", "one_hot_share", "weight_error")
ROUNDING = 1e-9  # of N differences of numbers up to N


def compute(run: Run) -> xr.Dataset:
    """Unique memory ratios, the share of rounds with all weight on one pattern, and how well weights add up."""
    sets, repeats, betas = sets_of_images(run), range(N_REPEATS[run.scale]), BETAS[run.scale]
    points = [(size, BETA) for size in SIZES[run.scale]] + [(N_PATTERNS, beta) for beta in betas]
    items = list(product(sets, repeats, points))
    # the largest first, so that no thread is left with it at the end
    order = sorted(range(len(items)), key=lambda i: -items[i][2][0])
    found = np.empty((len(items), len(CURVES), len(MEASURES)))
    found[order] = run.map(lambda i: _measure(sets, *items[i], run), order, label="free recall")
    values = found.reshape(len(sets), len(repeats), len(points), len(CURVES), len(MEASURES))
    over_sizes, over_betas = np.split(values, [len(SIZES[run.scale])], axis=2)
    variables = _named(over_sizes, "n_patterns", "") | _named(over_betas, "beta", "_of_beta")
    fixed = [[_share_of_largest(sets[name], run, repeat) for repeat in repeats] for name in sets]
    variables["self_similar_share"] = (("images", "repeat"), fixed, {"units": "1"})
    coords = {
        "images": list(sets),
        "n_patterns": list(SIZES[run.scale]),
        "beta": list(betas),
        "separation": list(CURVES),
    }
    return xr.Dataset(variables, coords, {"n_patterns_of_beta": N_PATTERNS})


def _named(values, dim, suffix):
    dims = ("images", "repeat", dim, "separation")
    return {name + suffix: (dims, values[..., i], {"units": "1"}) for i, name in enumerate(MEASURES)}


def _measure(sets, name, repeat, point, run):
    """`MEASURES` of every separation for one set of patterns."""
    size, beta = point
    patterns = memory_set(sets[name], size, run, repeat)
    rows = []
    for separation in CURVES:
        found = _recall(patterns, separation, beta)
        error = np.nan
        if separation == CONSTRAINED:
            error = float(abs(found.weight_left - np.arange(size - 1, -1, -1)).max())
        one_hot = float((found.largest_weight == 1).mean())
        rows.append((float(unique_memory_ratio(found.recorded, size)), one_hot, error))
    return rows


def _recall(patterns, separation, beta):
    if separation == CONSTRAINED:
        return constrained_free_recall(patterns, beta=beta, threads=1)
    return free_recall(patterns, SEPARATIONS[separation], beta=beta, threads=1)


def _share_of_largest(images, run, repeat):
    """Share of patterns whose largest product is that with themselves."""
    model = HopfieldFenchelYoung(memory_set(images, N_PATTERNS, run, repeat))
    return float(np.mean(model.separation_of_patterns >= 0))


def plot(dataset: xr.Dataset) -> Figure:
    """Unique memory ratio against the number of patterns, and against beta, for each kind of images."""
    with style():
        figure, axes = panels(dataset.sizes["images"], 2)
        for row, (name, part) in zip(axes, each_images(dataset), strict=True):
            plot_separations(part.unique_memory_ratio, row[0], x="n_patterns")
            plot_separations(part.unique_memory_ratio_of_beta, row[1], x="beta")
            share = float(part.self_similar_share.median())
            row[1].axhline(share, linestyle=":", color=NEUTRAL, label="patterns most like themselves", zorder=3)
            row[0].set_title(rf"{name}, $\beta = {BETA:g}$")
            row[1].set_title(f"{name}, $N = {dataset.attrs['n_patterns_of_beta']}$")
            row[0].set_ylabel("unique memory ratio")
        axes[-1, 0].set_xlabel("patterns $N$")
        axes[-1, 1].set_xlabel(r"inverse temperature $\beta$")
        figure.legend(*axes[0, 1].get_legend_handles_labels(), ncols=len(CURVES) + 1, loc="outside lower center")
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Shapes of the curves on each kind of images, and the theory of what can be recalled."""
    rows = []
    for name, part in each_images(dataset):
        rows += _constrained_claims(name, part) + _penalty_claims(name, part)
        rows += _order_claims(name, part) + _theory_claims(name, part)
    return rows


def _constrained_claims(name, part):
    of_sizes, of_betas = (medians(v) for v in (part.unique_memory_ratio, part.unique_memory_ratio_of_beta))
    below = of_betas.sel(separation=CONSTRAINED) < 1 - LINE_WIDTH
    lowest = float(of_sizes.sel(separation=CONSTRAINED).min())
    reason = "the width of a curve in the figure"
    return [
        Claim(
            f"{name}, constrained sparsemax: the ratio stays at 1, lowest median over N",
            *("paper", "at_least", 1.0, lowest, LINE_WIDTH, reason),
        ),
        Claim(
            f"{name}, constrained sparsemax: the ratio is 1 for almost all beta; number of beta where it is below "
            f"{1 - LINE_WIDTH:g} (our reading of 'almost')",
            *("paper", "at_most", 1.0, float(below.sum())),
        ),
    ]


def _penalty_claims(name, part):
    of_sizes, of_betas = (medians(v) for v in (part.unique_memory_ratio, part.unique_memory_ratio_of_beta))
    n_largest, what = int(part.n_patterns.max()), f"{name}, with a penalty"
    ends = of_sizes.sel(n_patterns=2) - of_sizes.sel(n_patterns=n_largest)
    loss, last = ends.sel(separation=list(SEPARATIONS)), of_betas.isel(beta=-1).sel(separation=list(SEPARATIONS))
    return [
        Claim(
            f"{what}: the ratio falls with N, smallest loss of a median from N = 2 to {n_largest}",
            *("paper", "at_least", LINE_WIDTH, float(loss.min())),
        ),
        Claim(
            f"{what}: it falls slowly, largest loss of a median from N = 2 to {n_largest} (our reading of 'slowly')",
            *("paper", "at_most", 0.5, float(loss.max())),
        ),
        Claim(
            f"{what}: it tends to 1 for large beta, lowest median at beta = {float(part.beta.max()):g} (our reading)",
            *("paper", "at_least", 0.95, float(last.min())),
        ),
        Claim(
            f"{name}, softmax: it collapses for small beta, median at beta = {float(part.beta.min()):g} (our reading)",
            *("paper", "at_most", 0.1, float(of_betas.sel(separation="softmax").isel(beta=0))),
        ),
    ]


def _order_claims(name, part):
    mean = medians(part.unique_memory_ratio).mean("n_patterns")
    pairs = (("sparsemax", "1.5-entmax"), ("1.5-entmax", "softmax"))
    return [
        Claim(
            f"{name}: {better} recalls no less than {worse}, difference of the mean over N",
            *("paper", "at_least", 0.0, float(mean.sel(separation=better) - mean.sel(separation=worse))),
        )
        for better, worse in pairs
    ]


def _theory_claims(name, part):
    errors = [float(part[f"weight_error{suffix}"].max()) for suffix in ("", "_of_beta")]
    rows = [
        Claim(
            f"{name}, constrained sparsemax: every round uses up a weight of 1, largest error of the sum left",
            *("theory", "close", 0.0, max(errors), ROUNDING, "rounding"),
        )
    ]
    exact = [_ratios_of_one_hot_runs(part, suffix) for suffix in ("", "_of_beta")]
    ratios = np.concatenate(exact)
    if ratios.size:
        statement = f"{name}, constrained sparsemax: the {ratios.size} runs with all weight on one pattern in each"
        rows.append(Claim(f"{statement} round recall all, lowest ratio", "theory", "close", 1.0, float(ratios.min())))
    return [*rows, *_limit_claims(name, part)]


def _limit_claims(name, part):
    """For large beta the inner steps end at patterns whose largest product is that with themselves."""
    largest = part.unique_memory_ratio_of_beta.sel(separation="sparsemax").isel(beta=-1)
    excess = largest - part.self_similar_share
    statement = f"{name}, sparsemax, beta = {float(part.beta.max()):g}: what is recalled is"
    return [
        Claim(
            f"{statement} at most the share of patterns most like themselves (limit of large beta), excess of a set",
            *("theory", "at_most", 0.0, float(excess.max())),
        ),
        Claim(
            f"{statement} nearly all of this share, largest shortfall of a set",
            *("control", "at_most", 0.05, float(-excess.min())),
        ),
    ]


def _ratios_of_one_hot_runs(part, suffix):
    run = part.sel(separation=CONSTRAINED)
    is_one_hot = run[f"one_hot_share{suffix}"].to_numpy() == 1
    return run[f"unique_memory_ratio{suffix}"].to_numpy()[is_one_hot]


EXPERIMENT = Experiment("free_recall", "how many patterns are recalled freely", compute, plot, claims)
