"""What sorting, cumulative sums and the two base similarities contribute to retrieval of synthetic patterns.

The footprint sums the m best similarities of units, ``f = U q`` with a triangular matrix U of ones. The paper finds
that U helps, with weights that Adam learns at a rate of 0.1 for 200 epochs. U is invertible, so that the similarities
with and without it are the same set, and the loss is convex: at its minimum U cannot matter. Hence two kinds of
learning here: by Adam as in the paper (its batch size and start are unknown: 100, and weights 1 / n), and to the
minimum.

That the minimum is the same is checked for smaller patterns, since descent by weights of footprints takes many steps:
Newton's method by weights of ranks from 0, and L-BFGS by weights of footprints from those with which Adam starts.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import minimize

from assocmem.learning.choices import Choices, sampled_alternatives
from assocmem.learning.similarity import uniform_similarity
from assocmem.papers.adaptive import retrieval
from assocmem.papers.adaptive.data import Task, seed_of, uniform_patterns
from assocmem.papers.adaptive.retrieval import A_HOP, FEATURES, FIXED, MAP, SORTED_DIS, SORTED_DOT, UNSORTED
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import label_panels, make_figure, style
from assocmem.similarities import AdaptiveSimilarity, footprint_weights, rank_weights
from assocmem.variants import MaskedVariants

DIFFICULTIES = (0.4, 0.5)
SIZES = {"quick": (100, 64), "paper": (500, 100)}
N_CUES, N_TEST, N_REPEATS = {"quick": 400, "paper": 1200}, {"quick": 500, "paper": 1000}, {"quick": 1, "paper": 3}
N_NEGATIVES, RIDGE = 54, 1e-3
N_EPOCHS = {"quick": 12, "paper": 200}
CHECK_SIZES, CHECK_CUES, CHECK_TEST = (100, 32), 500, 500  # of the check of theory
N_ITERATIONS = 500  # of descent by weights of footprints, at most
BASES = (UNSORTED, SORTED_DOT, SORTED_DIS, A_HOP)
WITHOUT_SUMS, WITH_SUMS, MINIMUM = "Adam, without U", "Adam, with U", "minimum"
LEARNING = {WITHOUT_SUMS: "rank", WITH_SUMS: "footprint", MINIMUM: None}
# accuracies without U and with it
PUBLISHED = {
    (UNSORTED, 0.4): (0.5172, 0.5444),
    (A_HOP, 0.4): (0.6928, 0.7280),
    (UNSORTED, 0.5): (0.2094, 0.1888),
    (A_HOP, 0.5): (0.3374, 0.3634),
}
PUBLISHED_STD = {(UNSORTED, 0.4): 0.007, (A_HOP, 0.4): 0.034, (UNSORTED, 0.5): 0.015, (A_HOP, 0.5): 0.040}  # with it
PUBLISHED_SINGLE = {0.4: {SORTED_DOT: 0.5926, SORTED_DIS: 0.6458, A_HOP: 0.7242}}
PUBLISHED_SINGLE[0.5] = {SORTED_DOT: 0.2520, SORTED_DIS: 0.3286, A_HOP: 0.3600}
# of 500 patterns of 100 units at difficulty 0.4, by an earlier run, at the minimum
EARLIER = {A_HOP: 0.756, UNSORTED: 0.416, SORTED_DOT: 0.544, SORTED_DIS: 0.628}
EARLIER_L2, EARLIER_TRIALS = 0.44, 400
LEAST_GAIN_OF_SORTING, LEAST_GAIN_OF_BOTH, MOST_GAIN_OF_SUMS = 0.15, 0.04, 0.01


def compute(run: Run) -> xr.Dataset:
    """Accuracies and errors over (repeat, difficulty, base, learning), and costs at the minimum found in two ways."""
    repeats, numbers = range(N_REPEATS[run.scale]), range(len(DIFFICULTIES))
    found = run.map(lambda item: _measured(run, *item), list(product(repeats, numbers, BASES)), label="similarities")
    dims = ("repeat", "difficulty", "base", "learning")
    shape = (len(repeats), len(numbers), len(BASES), len(LEARNING), 2)
    variables = {name: (dims, np.reshape(found, shape)[..., i]) for i, name in enumerate(("accuracy", "mae"))}
    references = [[_references(run, r, d) for d in numbers] for r in repeats]
    variables["reference"] = (("repeat", "difficulty", "similarity"), references)
    checked = run.map(lambda item: _checked(run, *item), list(product(repeats, BASES)), label="minima")
    checked = np.reshape(checked, (len(repeats), len(BASES), 2, 2))
    for i, name in enumerate(("cost", "check_accuracy")):
        variables[name] = (("repeat", "base", "weights"), checked[..., i])
    coords = {"difficulty": list(DIFFICULTIES), "base": list(BASES), "learning": list(LEARNING)}
    coords |= {"similarity": ["L2", MAP], "weights": ["ranks", "footprints"]}
    sizes = dict(zip(("n_patterns", "n_units"), SIZES[run.scale], strict=True))
    dataset = xr.Dataset({name: (*values, {"units": "1"}) for name, values in variables.items()}, coords)
    return dataset.assign_attrs(**sizes, n_test=N_TEST[run.scale], n_cues=N_CUES[run.scale])


def _task(run, repeat, number) -> Task:
    patterns = uniform_patterns(*SIZES[run.scale], seed_of(run, "ablations", repeat))
    variants = MaskedVariants.of_difficulty(DIFFICULTIES[number])
    return Task.draw(patterns, variants, N_CUES[run.scale], N_TEST[run.scale], seed_of(run, "cues", repeat, number))


def _references(run, repeat, number):
    task = _task(run, repeat, number)
    return [retrieval.fixed(task, FIXED["L2"])[0], retrieval.ceiling(task)[0]]


def _measured(run, repeat, number, base):
    """Accuracy and error (learning, measure) of a base with all kinds of learning."""
    task, seed = _task(run, repeat, number), seed_of(run, "alternatives", repeat, number)
    rows = []
    for parametrisation in LEARNING.values():
        settings = {"ridge": RIDGE, "n_negatives": N_NEGATIVES, "seed": seed}
        if parametrisation is not None:
            settings |= {"method": "adam", "n_iterations": N_EPOCHS[run.scale], "parametrisation": parametrisation}
        similarity = retrieval.fitted(task, FEATURES[base], **settings).similarity
        measures = dict(zip(retrieval.MEASURES, retrieval.recalled(task, similarity), strict=True))
        rows.append((measures["accuracy"], measures["mae"]))
    return rows


def _checked(run, repeat, base):
    """Cost and accuracy (weights, measure) at the minimum by weights of ranks and of footprints."""
    seed, variants = seed_of(run, "check", repeat), MaskedVariants.of_difficulty(DIFFICULTIES[0])
    task = Task.draw(uniform_patterns(*CHECK_SIZES, seed), variants, CHECK_CUES, CHECK_TEST, seed + 1)
    settings = {"n_negatives": N_NEGATIVES, "ridge": RIDGE, "seed": seed, "tol": 1e-6}
    by_ranks = retrieval.fitted(task, FEATURES[base], **settings)
    found = (by_ranks.similarity, by_ranks.costs[-1]), minimum_of_footprints(task, FEATURES[base], seed)
    return [(cost, retrieval.recalled(task, similarity)[0]) for similarity, cost in found]


def minimum_of_footprints(task: Task, features: tuple[str, ...], seed: int) -> tuple[AdaptiveSimilarity, float]:
    """The similarity of least cost (loss and ridge) by descent on weights of footprints, and that cost."""
    numbers = sampled_alternatives(task.origins, len(task.patterns), N_NEGATIVES, seed)
    n, n_units = task.patterns.shape
    choices = Choices(features, task.cues, task.patterns, task.origins, np.arange(n), np.zeros(n), numbers)
    choices.keep(1)
    spreads = choices.spreads(_in_order)

    def in_ranks(footprints):
        return rank_weights(footprints.reshape(len(features), n_units)).ravel()

    def cost(footprints):
        scaled = in_ranks(footprints)
        loss, gradient = choices.loss(scaled / spreads, _in_order)
        gradient = gradient / spreads + RIDGE * scaled
        by_footprint = np.cumsum(gradient.reshape(len(features), n_units), axis=1).ravel()
        return loss + 0.5 * RIDGE * scaled @ scaled, by_footprint

    start = (uniform_similarity(n_units, features).vector * spreads).reshape(len(features), n_units)
    options = {"maxiter": N_ITERATIONS, "maxcor": 30, "gtol": 1e-6, "ftol": 0.0, "maxfun": 2 * N_ITERATIONS}
    found = minimize(cost, footprint_weights(start).ravel(), jac=True, method="L-BFGS-B", options=options)
    return AdaptiveSimilarity.from_vector(in_ranks(found.x) / spreads, features), float(found.fun)


def _in_order(function, rows):
    return list(map(function, rows))


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracies as bars with the published ones, and losses at the minimum with U against those without."""
    with style():
        figure, axes = make_figure(1, 3, height=62)
        for ax, difficulty in zip(axes, DIFFICULTIES, strict=False):
            _plot_bars(dataset.sel(difficulty=difficulty), ax, difficulty)
        axes[0].set_ylabel("accuracy")
        for base, colour in zip(BASES, _COLOURS, strict=True):
            part = dataset.cost.sel(base=base)
            axes[2].plot(part.sel(weights="ranks"), part.sel(weights="footprints"), "o", color=colour, label=base)
        low = float(dataset.cost.min())
        axes[2].axline((low, low), slope=1, color="0.7", linewidth=0.7, zorder=0)
        axes[2].set(xlabel="least cost by weights of ranks", ylabel="by weights of footprints")
        axes[2].legend(loc="upper left")
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
        label_panels(axes)
    return figure


_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00")
_BARS = dict(zip(LEARNING, ("#D7B5D8", "#CC79A7", "0.55"), strict=True))


def _plot_bars(part, ax, difficulty):
    for i, (learning, colour) in enumerate(_BARS.items()):
        values = part.accuracy.sel(learning=learning)
        places = np.arange(len(BASES)) + 0.27 * (i - 1)
        has_error = values.sizes["repeat"] > 1
        error = {"yerr": values.std("repeat").values, "error_kw": {"linewidth": 0.7}} if has_error else {}
        ax.bar(places, values.mean("repeat").values, 0.26, color=colour, label=learning, **error)
    crosses = [(BASES.index(base), PUBLISHED_SINGLE[difficulty][base]) for base in (SORTED_DOT, SORTED_DIS)]
    for base in (UNSORTED, A_HOP):
        crosses += zip(BASES.index(base) + np.array([-0.27, 0.0]), PUBLISHED[base, difficulty], strict=True)
    ax.plot(*np.transpose(crosses), "kx", markersize=4, label="published")
    for name, line in (("L2", ":"), (MAP, "--")):
        level = float(part.reference.sel(similarity=name).mean())
        ax.axhline(level, color="0.3", linestyle=line, linewidth=0.8, label=name)
    ax.set_xticks(range(len(BASES)), [base.replace(" dis + ", "\ndis + ").replace(" ", "\n", 1) for base in BASES])
    ax.set(ylim=(0, 1), title=rf"difficulty $\delta$ = {difficulty:g}")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What sorting and two bases gain; that cumulative sums cannot matter at the minimum; published values."""
    mean = dataset.accuracy.mean("repeat")
    rows = []
    for learning in (WITH_SUMS, MINIMUM):
        rows += _gain_claims(mean.sel(learning=learning, difficulty=0.4), learning)
    rows += _sums_claims(dataset)
    if dataset.attrs["scale"] == "paper":
        rows += [*_adam_claims(dataset), *_published_claims(dataset), *_earlier_claims(dataset)]
    return rows


def _gain_claims(accuracy, learning):
    of = {base: float(accuracy.sel(base=base)) for base in BASES}
    single, what = max(of[SORTED_DOT], of[SORTED_DIS]), f"difficulty 0.4, {learning}"
    return [
        Claim(f"{what}: sorted minus unsorted", "paper", "at_least", LEAST_GAIN_OF_SORTING, of[A_HOP] - of[UNSORTED]),
        Claim(f"{what}: both bases minus the better one", "paper", "at_least", LEAST_GAIN_OF_BOTH, of[A_HOP] - single),
    ]


def _sums_claims(dataset):
    accuracy, cost = (
        dataset[name].sel(weights="footprints") - dataset[name].sel(weights="ranks")
        for name in ("check_accuracy", "cost")
    )
    largest, what = float(np.abs(accuracy).max()), "weights of footprints instead of ranks, at the minimum: largest"
    reason = "where descent stops"
    return [
        Claim(f"{what} difference of accuracy", "theory", "at_most", 0.0, largest, MOST_GAIN_OF_SUMS, reason),
        Claim(f"{what} difference of cost", "theory", "at_most", 0.0, float(np.abs(cost).max()), 1e-3, reason),
    ]


def _adam_claims(dataset):
    """What cumulative sums gain on the way to the minimum."""
    adam = [dataset.accuracy.sel(learning=name).mean("repeat") for name in (WITHOUT_SUMS, WITH_SUMS)]
    rows = []
    for difficulty in DIFFICULTIES:
        without, with_sums = PUBLISHED[A_HOP, difficulty]
        ours = float((adam[1] - adam[0]).sel(base=A_HOP, difficulty=difficulty))
        statement = f"difficulty {difficulty:g}, Adam: what cumulative sums gain in accuracy, sorted"
        spread = _spread_of_gain(dataset, difficulty)
        rows.append(Claim(statement, "paper", "close", with_sums - without, ours, spread, _SPREAD_REASON))
    return rows


_SPREAD_REASON = "the standard deviation that is published for either value, and ours"


def _spread_of_gain(dataset, difficulty):
    gain = dataset.accuracy.sel(learning=WITH_SUMS) - dataset.accuracy.sel(learning=WITHOUT_SUMS)
    gain = gain.sel(base=A_HOP, difficulty=difficulty)
    return float(np.hypot(PUBLISHED_STD[A_HOP, difficulty], gain.std() if gain.size > 1 else 0.0))


def _published_claims(dataset):
    rows = []
    for (base, difficulty), pair in PUBLISHED.items():
        ours = dataset.accuracy.sel(base=base, difficulty=difficulty, learning=WITH_SUMS)
        tolerance = 2 * float(np.hypot(PUBLISHED_STD[base, difficulty], ours.std(ddof=1) / np.sqrt(ours.size)))
        reason = "two of their standard deviations and of our standard errors; the corruption is a reconstruction"
        statement = f"difficulty {difficulty:g}, Adam, with U: accuracy of {base}"
        rows.append(Claim(statement, "paper", "close", pair[1], float(ours.mean()), tolerance, reason))
    return rows


def _earlier_claims(dataset):
    part = dataset.sel(difficulty=0.4)
    rows = []
    for base, theirs in EARLIER.items():
        ours = part.accuracy.sel(base=base, learning=MINIMUM).values
        tolerance = retrieval.draw_tolerance(ours, EARLIER_TRIALS, theirs)
        statement = f"500 x 100, difficulty 0.4, at the minimum: accuracy of {base}"
        rows.append(Claim(statement, "earlier run", "close", theirs, float(ours.mean()), *tolerance))
    ours = part.reference.sel(similarity="L2").values
    tolerance = retrieval.draw_tolerance(ours, EARLIER_TRIALS, EARLIER_L2)
    statement = "500 x 100, difficulty 0.4: accuracy of L2"
    return [*rows, Claim(statement, "earlier run", "close", EARLIER_L2, float(ours.mean()), *tolerance)]


EXPERIMENT = Experiment("ablations", "sorting, cumulative sums and base similarities", compute, plot, claims)
