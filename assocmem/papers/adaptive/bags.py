"""Bags of digits that are positive if they hold a nine, by a memory of some of them (multiple-instance learning).

The instances of stored bags have the sign of their bag; the evidence of an instance is the log-sum-exp of its
similarities to those of positive bags less that to the others, and the logit of a bag is made of the logarithm of the
mean of ``exp(evidence)`` over its instances. A similarity is learned on other bags, by the loss of bags. How the paper
has the adaptive similarity in its networks for bags, and with which numbers, is not known to us. So nothing is claimed
but that it can be learned in this way: that the loss falls below that of a constant, that gradients are right, and that
clean bags are told apart. Whether one similarity is better than another is left open: with as many weights as units a
few hundred bags are soon learned by heart.

No image that is tested is in a bag to learn from. Corrupted images have noise, a shift and a masked fraction that are
all equal to a difficulty.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.images import digits
from assocmem.learning.bag_memory import BagLoss
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import CONFIDENCE, describe, half_width
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.similarities import SquaredDistance
from assocmem.similarities.ranks import feature_values
from assocmem.variants import MaskedVariants

KEY, TEST_SHARE = 9, 0.4
DISTANCE, UNSORTED, SORTED = "distance", "unsorted", "sorted"
FEATURES = {UNSORTED: ("dis", "dot"), SORTED: ("sorted_dis", "sorted_dot")}
MODELS = (DISTANCE, *FEATURES)
LINES = dict(zip(MODELS, (("#0072B2", "s"), ("#009E73", "^"), ("#D55E00", "o")), strict=True))
STEP = 1e-5  # of central differences, in units of the weights
LEAST_AREA = 0.90
MEASURES = {"area": "area under the ROC curve", "training_area": "on the bags to learn from", "loss": "mean over these"}


@dataclass(frozen=True)
class Sizes:
    """How many bags there are, and how many of them are stored."""

    difficulties: tuple[float, ...]
    n_bags: int
    bag_size: int
    n_stored: int
    n_tested: int
    n_repeats: int
    n_iterations: int
    ridge: float = 1e-2


SIZES = {
    "quick": Sizes((0.0, 0.3), 200, 8, 10, 200, 3, 30),
    "paper": Sizes((0.0, 0.15, 0.3), 500, 8, 24, 600, 5, 60),
}


def compute(run: Run) -> xr.Dataset:
    """Areas on test bags and others, losses (difficulty, model, repeat), and the error of gradients.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    """
    from assocmem.estimators import AdaptiveHopfieldBagClassifier  # needs scikit-learn

    sizes, (images, labels) = SIZES[run.scale], digits()
    rows = (images.reshape(len(images), -1) / 16).astype(np.float32)
    cells = [(d, m, r) for d in sizes.difficulties for m in MODELS for r in range(sizes.n_repeats)]

    def measure(cell):
        return _measured(rows, labels, *cell, AdaptiveHopfieldBagClassifier, run)

    shape = (len(sizes.difficulties), len(MODELS), sizes.n_repeats, len(MEASURES))
    found = np.reshape(run.map(measure, cells, label="memories"), shape)
    dims = ("difficulty", "model", "repeat")
    variables = {
        name: (dims, found[..., i], {"units": "1", "long_name": long_name})
        for i, (name, long_name) in enumerate(MEASURES.items())
    }
    errors = [gradient_error(kind, seed=run.seed_for("checked gradients")) for kind in FEATURES.values()]
    variables["gradient_error"] = (("checked",), errors, {"units": "1", "long_name": "relative to the largest slope"})
    coords = {
        "difficulty": ("difficulty", list(sizes.difficulties), {"units": "1"}),
        "model": list(MODELS),
        "checked": list(FEATURES),
    }
    return xr.Dataset(variables, coords, {name: v for name, v in asdict(sizes).items() if name != "difficulties"})


def _measured(rows, labels, difficulty, name, repeat, estimator, run):
    """Measures of one model, on the same bags as others of this repeat."""
    sizes = SIZES[run.scale]
    sequence = np.random.SeedSequence(run.seed_for("bags with a nine"), spawn_key=(repeat,))
    seeds = (sequence.generate_state(6) >> 1).tolist()
    order = np.random.default_rng(seeds[0]).permutation(len(rows))
    n_test = round(TEST_SHARE * len(rows))
    parts = (order[n_test:], sizes.n_bags, seeds[1:3]), (order[:n_test], sizes.n_tested, seeds[3:5])
    (learned, signs), (tested, test_signs) = (
        _bags(rows[items], labels[items], difficulty, n, sizes.bag_size, s) for items, n, s in parts
    )
    settings = {"n_memories": sizes.n_stored, "ridge": sizes.ridge, "n_iterations": sizes.n_iterations, "tol": 1e-3}
    kind = {"similarity": SquaredDistance()} if name == DISTANCE else {"features": FEATURES[name]}
    model = estimator(**kind, **settings, is_standardized=False, random_state=seeds[5], threads=1)
    model.fit(learned, signs)
    others = np.setdiff1d(np.arange(len(signs)), model.stored_)
    return _scores(model, tested, test_signs, learned[others], signs[others])


def _scores(model, tested, test_signs, learned, signs):
    from sklearn.metrics import roc_auc_score

    logits = model.decision_function(learned)
    loss = np.mean(np.logaddexp(0, np.where(signs, -logits, logits)))
    return roc_auc_score(test_signs, model.decision_function(tested)), roc_auc_score(signs, logits), loss


def _bags(rows, labels, difficulty, n_bags, bag_size, seeds):
    """Bags of images, each corrupted once, and whether they hold a nine."""
    from assocmem.estimators.bag_data import bags_with_key

    variants = MaskedVariants.of_difficulty(difficulty)
    rows = variants.vary(rows.astype(float), np.random.default_rng(seeds[0])).astype(np.float32)
    return bags_with_key(rows, labels, key=KEY, n_bags=n_bags, bag_size=bag_size, seed=seeds[1])


def gradient_error(features: tuple[str, ...], *, seed: int) -> float:
    """Largest error of a gradient against central differences, over its largest component, on a few random bags."""
    rng = np.random.default_rng(seed)
    patterns, instances = (rng.random((n, 5)).astype(np.float32) for n in (8, 24))
    members = rng.permutation(24).reshape(6, 4)
    members[0, 2:] = -1
    values = feature_values(features, instances, patterns, threads=1)
    loss = BagLoss(values, np.arange(8) % 2 == 0, members, np.arange(6) % 2 == 0)
    parameters = rng.standard_normal(loss.n_weights + 2)
    found = loss(parameters)[1]
    steps = STEP * np.eye(len(parameters))
    expected = np.array([(loss(parameters + step)[0] - loss(parameters - step)[0]) / (2 * STEP) for step in steps])
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def plot(dataset: xr.Dataset) -> Figure:
    """Areas on test bags and on bags to learn from, and losses, against difficulty.

    Dashed lines are the area that is aimed at, and the loss of a constant.
    """
    limits = {"area": LEAST_AREA, "training_area": None, "loss": float(np.log(2))}
    titles = ("test bags", "bags to learn from", "bags to learn from")
    labels = ("area under the ROC curve", "area under the ROC curve", "mean loss")
    with style():
        figure, axes = make_figure(1, 3, height=62)
        for ax, (name, limit), title, label in zip(axes, limits.items(), titles, labels, strict=True):
            for number, model in enumerate(MODELS):
                _plot_line(ax, dataset[name].sel(model=model), model, shift=0.006 * (number - 1))
            if limit is not None:
                ax.axhline(limit, color=NEUTRAL, linewidth=0.8, linestyle="--")
            ax.set(xlabel=r"difficulty $\delta$", xticks=dataset.difficulty, ylabel=label, title=title)
        axes[0].set_ylim(0.4, 1.02)
        axes[1].set_ylim(0.4, 1.02)
        handles, names = axes[1].get_legend_handles_labels()
        axes[1].legend(handles, names, loc="lower center", ncols=3, handlelength=1.2, columnspacing=0.8)
        a = dataset.attrs
        numbers = f"{a['n_bags']} bags of {a['bag_size']} digits, {a['n_stored']} of them stored"
        figure.suptitle(f"{numbers}, {dataset.sizes['repeat']} repeats; {100 * CONFIDENCE:g} % intervals", fontsize=8)
        label_panels(axes)
    return figure


def _plot_line(ax, values, name, shift):
    colour, marker = LINES[name]
    look = {"color": colour, "marker": marker, "markersize": 3.5, "capsize": 1.5, "elinewidth": 0.7}
    half = half_width(values).fillna(0.0)
    ax.errorbar(values.difficulty + shift, values.mean("repeat"), half, label=name, **look)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """That the similarity is learned, by right gradients, and tells clean bags apart."""
    clean = dataset.sel(difficulty=0.0)
    worst = float(dataset.gradient_error.max())
    reason = f"central differences with steps of {STEP:g}"
    rows = [Claim("error of gradients, over the largest slope", "theory", "at_most", 0.0, worst, 1e-6, reason)]
    for name in FEATURES:
        what = f"clean bags, {name}: largest loss over repeats; that of a constant is log 2"
        rows.append(Claim(what, "target", "at_most", float(np.log(2)), float(clean.loss.sel(model=name).max())))
    area = clean.area.sel(model=UNSORTED)
    what = f"clean bags, {UNSORTED}: area under the ROC curve ({describe(area)})"
    return [*rows, Claim(what, "target", "at_least", LEAST_AREA, float(area.mean()))]


EXPERIMENT = Experiment("bags", "bags of digits classified by a memory of bags", compute, plot, claims)
