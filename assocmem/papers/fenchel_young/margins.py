"""Margins of the two families of regularisers: negentropy, weights and loss of two scores (the figure on margins).

The regularisers are those of the package, with the factor 1 / alpha of the Tsallis negentropy that the published script
leaves out. Instead of large numbers, alpha and gamma are inf where the paper says so; gamma -> 1, where the norm
negentropy vanishes and the weights are the argmax, is gamma = 1 + 1e-9.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import colours, label_panels, make_figure, style
from assocmem.separations import Entmax, Normmax, Separation, Softmax

NEAR_ONE = 1e-9  # of gamma above 1, for the limit
# name of the regulariser: its separation, and the loss where both scores are equal, -Omega([1/2, 1/2])
FAMILIES: dict[str, dict[str, tuple[Separation, float]]] = {
    "Tsallis": {
        r"$\alpha=1$": (Softmax(), math.log(2.0)),
        r"$\alpha=1.5$": (Entmax(1.5), (1.0 - 0.5**0.5) / 0.75),
        r"$\alpha=2$": (Entmax(2.0), 0.25),
        r"$\alpha=\infty$": (Entmax(np.inf), 0.0),
    },
    "norm": {
        r"$\gamma=\infty$": (Normmax(np.inf), 0.5),
        r"$\gamma=5$": (Normmax(5.0), 1.0 - 0.5**0.8),
        r"$\gamma=2$": (Normmax(2.0), 1.0 - 0.5**0.5),
        r"$\gamma\to1$": (Normmax(1.0 + NEAR_ONE), 0.0),
    },
}
REGULARIZERS = {label: pair for family in FAMILIES.values() for label, pair in family.items()}
LIMIT, ARGMAX, SOFTMAX = r"$\gamma\to1$", r"$\alpha=\infty$", r"$\alpha=1$"
# those with a margin that is neither 0 nor inf; in the limit gamma -> 1 it is 1, but weights below it are 0 in float64
WITH_MARGIN = [label for label in REGULARIZERS if label not in (LIMIT, ARGMAX, SOFTMAX)]
N_POINTS = 201
WIDEST = 3.0  # score
STEP = 1e-3  # below the margin
TARGET = np.array([1.0, 0.0])


def compute(run: Run) -> xr.Dataset:
    """Curves of all regularisers, and what happens at their margins."""
    p, score = np.linspace(0.0, 1.0, N_POINTS), np.linspace(-WIDEST, WIDEST, N_POINTS)
    separations = [separation for separation, _ in REGULARIZERS.values()]
    scores, weights = _against_zero(score), np.stack([p, 1.0 - p], axis=1)
    curves = {
        "negentropy": ("p", [separation.negentropy(weights) for separation in separations]),
        "weight": ("score", [separation.weights(scores)[:, 0] for separation in separations]),
        "loss": ("score", [_loss(separation, score) for separation in separations]),
    }
    variables = {name: (("regularizer", dim), np.array(values)) for name, (dim, values) in curves.items()}
    points = [_at_the_margin(separation) for separation in separations]
    variables |= {name: ("regularizer", [point[name] for point in points]) for name in points[0]}
    dataset = xr.Dataset(variables, {"regularizer": list(REGULARIZERS), "p": p, "score": score})
    return dataset.assign({name: v.assign_attrs(units="1") for name, v in dataset.data_vars.items()})


def _against_zero(score):
    """Scores (..., 2) of which the second is 0."""
    score = np.asarray(score, dtype=float)
    return np.stack([score, np.zeros_like(score)], axis=-1)


def _loss(separation, score):
    scores = _against_zero(score)
    return separation.loss(scores, np.broadcast_to(TARGET, scores.shape))


def _at_the_margin(separation):
    """Loss at equal scores; loss and smaller weight at the margin and a little below; where the loss is first 0."""
    place = separation.margin if np.isfinite(separation.margin) else WIDEST
    loss_at_zero, loss_at_margin = _loss(separation, [0.0, place])
    rest_at_margin, rest_below_margin = separation.weights(_against_zero([place, place - STEP]))[:, 1]
    return {
        "margin": separation.margin,
        "loss_at_zero": loss_at_zero,
        "loss_at_margin": loss_at_margin,
        "rest_at_margin": rest_at_margin,
        "rest_below_margin": rest_below_margin,
        "zero_from": _first_zero(separation),
    }


def _first_zero(separation):
    """The least score, by bisection, at which the loss is exactly 0; NaN if it is not so at the widest shown."""
    low, high = -1.0, WIDEST
    if _loss(separation, high) > 0:
        return np.nan
    while high - low > 1e-12:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _loss(separation, middle) > 0 else (low, middle)
    return high


def plot(dataset: xr.Dataset) -> Figure:
    """Rows: Tsallis and norm negentropies; columns: negentropy, weight and loss."""
    with style():
        figure, axes = make_figure(2, 3, height=105)
        for row, (family, members) in zip(axes.reshape(2, 3), FAMILIES.items(), strict=True):
            _plot_family(dataset, row, members)
            row[0].set_title(f"{family} negentropy")
            row[2].legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
        label_panels(axes)
    return figure


def _plot_family(dataset, axes, members):
    lines = ("-", "--", "-.", ":")  # curves that coincide stay visible
    for label, colour, line in zip(members, colours(len(members)), lines, strict=True):
        chosen, style_of = dataset.sel(regularizer=label), {"color": colour, "linestyle": line, "label": label}
        axes[0].plot(dataset.p, chosen.negentropy, **style_of)
        axes[1].plot(dataset.score, chosen.weight, **style_of)
        axes[2].plot(dataset.score, chosen.loss, **style_of)
    for ax in axes[1:]:
        ax.set_xticks(np.arange(-3, 4))  # margins are whole numbers
    axes[0].set(xlabel="weight $p$", ylabel=r"negentropy $\Omega([p,\,1-p])$")
    axes[1].set(xlabel="score $s$", ylabel="weight of the first\nof scores $[s,\\,0]$")
    axes[2].set(xlabel="score $s$", ylabel=r"loss $L_\Omega([s,\,0];\,e_1)$")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Constants at equal scores, where the loss vanishes, and what there is without a margin."""
    rows = [_constant(dataset, label, expected) for label, (_, expected) in REGULARIZERS.items()]
    rows += [_first_zero_claim(dataset, label) for label in WITH_MARGIN]
    return rows + _one_hot_claims(dataset.sel(regularizer=WITH_MARGIN)) + _contrasts(dataset)


def _constant(dataset, label, expected):
    round_off = (1e-12, "round-off")
    tolerance, reason = (NEAR_ONE, f"gamma is 1 + {NEAR_ONE:g}") if label == LIMIT else round_off
    ours = float(dataset.loss_at_zero.sel(regularizer=label))
    return Claim(f"{_plain(label)}: loss at equal scores", "theory", "close", expected, ours, tolerance, reason)


def _first_zero_claim(dataset, label):
    ours, separation = float(dataset.zero_from.sel(regularizer=label)), REGULARIZERS[label][0]
    reason = "below the margin the loss starts with a power up to 3 of the distance: less than round-off at first"
    statement = f"{_plain(label)}: the loss is exactly 0 from the margin on (least such score)"
    return Claim(statement, "paper", "close", separation.margin, ours, 1e-4, reason)


def _one_hot_claims(part):
    n = float(part.sizes["regularizer"])
    counts = {
        "the loss is exactly 0 at a gap of the margin": part.loss_at_margin == 0,
        "the weights are exactly one-hot at a gap of the margin": part.rest_at_margin == 0,
        f"they are not at {STEP:g} less": part.rest_below_margin > 0,
    }
    return [
        Claim(f"{statement} (regularisers of {n:g})", "theory", "at_least", n, float(holds.sum()))
        for statement, holds in counts.items()
    ]


def _contrasts(dataset):
    softmax, limit = dataset.sel(regularizer=SOFTMAX), dataset.sel(regularizer=LIMIT)
    argmax = dataset.weight.sel(regularizer=ARGMAX)
    return [
        Claim(
            f"softmax has no margin: loss at a gap of {WIDEST:g}",
            "theory",
            "close",
            math.log1p(math.exp(-WIDEST)),
            float(softmax.loss_at_margin),
            1e-12,
            "round-off",
        ),
        Claim(
            "gamma -> 1 is the argmax, as is alpha = inf (largest difference of weights)",
            "theory",
            "at_most",
            0.0,
            float(np.abs(limit.weight - argmax).max()),
        ),
    ]


def _plain(label):
    """A label without the marks of its typesetting."""
    return label.strip("$").replace(r"\to", " -> ").replace(r"\infty", "inf").replace("\\", "").replace("=", " = ")


EXPERIMENT = Experiment("margins", "negentropies, weights and losses of two scores", compute, plot, claims)
