"""Basins of patterns in the plane, at the inverse temperature of the paper and at that of its precursor.

From each place of a grid 50 updates are made. A place belongs to a pattern if the last state is nearer to it than
1e-3, which is less than *exact* retrieval, where all the weight is on the pattern. Where a place is no feasible state,
as in the corners of the maps with a normalisation, the first update brings it to one.

Patterns for layer normalisation have twice the squared norm, and other angles between them. What the normalisation of
states itself does is told by a control, the same patterns without it: nearly all of the difference is the patterns'.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young import toy
from assocmem.papers.fenchel_young.toy import POINTS, POSTS, SEPARATIONS
from assocmem.plotting import make_figure, plot_basins, style

BETAS = {"basins": 4.0, "basins_cold": 10.0}
UPDATES = 50
RADIUS = 1e-3  # of what counts as a pattern, and as settled
GRID = {"quick": 20, "paper": 100}  # places along each side
SOFTMAX, SPARSEMAX = "1-entmax", "2-entmax"
ENTMAX, NORMMAX = ("1-entmax", "1.5-entmax", "2-entmax"), ("2-normmax", "5-normmax")
MARKERS = dict(zip(POSTS, ("o", "s", "D"), strict=True))


def compute(run: Run, *, beta: float) -> xr.Dataset:
    """Basins of all problems and transformations, and how the trajectories get there; the control."""
    n = GRID[run.scale]
    pairs = list(product(POINTS, SEPARATIONS))
    networks = [(mode, toy.network(p, mode, SEPARATIONS[s], beta)) for mode in POSTS for p, s in pairs]
    networks += [(toy.LAYER_NORM, _without_post(problem, separation, beta)) for problem, separation in pairs]
    found = run.map(lambda item: _measure(*item, n), networks, label="basins")
    control = _table(found[-len(pairs) :], ("assigned", "n_updates"))
    variables = _table(found[: -len(pairs)], found[0], ("mode", list(POSTS)))
    variables |= {f"{name}_without": values for name, values in control.items()}
    coords = {"mode": list(POSTS), "problem": list(POINTS), "separation": list(SEPARATIONS)}
    dataset = xr.Dataset(variables | _places(n), coords, {"beta": beta})
    return dataset.assign({name: v.assign_attrs(units="1") for name, v in dataset.data_vars.items()})


def _without_post(problem, separation, beta):
    """A network with the patterns for layer normalisation that leaves mixtures as they are."""
    patterns = toy.network(problem, toy.LAYER_NORM, SEPARATIONS[separation], beta).patterns
    return HopfieldFenchelYoung(patterns, separation=SEPARATIONS[separation], beta=beta)


def _table(found, names, *leading):
    """Variables (..., problem, separation) from the numbers of networks in that order."""
    dims = (*(name for name, _ in leading), "problem", "separation")
    shape = (*(len(values) for _, values in leading), len(POINTS), len(SEPARATIONS))
    variables = {}
    for name in names:
        values = np.array([numbers[name] for numbers in found])
        variables[name] = ((*dims, *("y", "x")[: values.ndim - 1]), values.reshape(*shape, *values.shape[1:]))
    return variables


def _places(n):
    """Grids and patterns of all problems."""
    patterns = np.array([toy.padded_patterns(mode) for mode in POSTS])
    grids = [[toy.grid(points[~np.isnan(points[:, 0])], n) for points in rows] for rows in patterns]
    x, y = np.moveaxis(np.array(grids), 2, 0)
    return {
        "patterns": (("mode", "problem", "pattern", "axis"), patterns),
        "place_x": (("mode", "problem", "x"), x),
        "place_y": (("mode", "problem", "y"), y),
    }


def _measure(mode, network, n):
    """The basins of one network, and numbers about its trajectories and last states."""
    starts = toy.states_on_grid(*toy.grid(network.patterns, n), mode)
    found = network.retrieve(network.update(starts), steps=UPDATES - 1, every=1, threads=1)
    path = np.concatenate([starts[:, None], found.state.to_numpy()], axis=1)
    distance = np.linalg.norm(path[:, -1, None] - network.patterns, axis=-1)
    basin = np.where(distance.min(axis=1) < RADIUS, distance.argmin(axis=1), -1)
    support_size = found.support_size.to_numpy()
    energy = np.concatenate([network.energy(starts, threads=1)[:, None], found.energy.to_numpy()], axis=1)
    return {
        "basin": basin.reshape(n, n),
        "assigned": np.mean(basin >= 0),
        "exact": np.mean(support_size == 1),
        "support_size": support_size.mean(),
        "evenness": _evenness(network.weights(starts, threads=1)),
        "n_updates": toy.settling_updates(path, radius=RADIUS).mean(),
        "largest_rise": toy.largest_rise(energy),
    }


def _evenness(weights):
    """Mean over mixtures of 1 / sum p^2 (the effective number of patterns) per pattern of the support.

    1 where all weights on the support are equal. Single patterns do not count.
    """
    support_size = (weights > 0).sum(axis=1)
    is_mixture = support_size > 1
    return np.mean(1.0 / (np.square(weights).sum(axis=1) * support_size)[is_mixture])


def plot(dataset: xr.Dataset) -> Figure:
    """Maps, a block of rows for each treatment of states; beside them, numbers of all transformations."""
    with style():
        figure, axes = make_figure(1, 1, height=230)
        axes[0].remove()
        figure.suptitle(rf"$\beta={dataset.attrs['beta']:g}$; white: no single pattern is reached", size=8)
        left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1.0))
        for block, mode in zip(left.subfigures(len(POSTS), 1), POSTS, strict=True):
            _plot_maps(dataset.sel(mode=mode), block, mode)
        _plot_numbers(dataset, right)
    return figure


def _plot_maps(part, figure, mode):
    panels = figure.subplots(len(POINTS), len(SEPARATIONS))
    for (row, problem), (column, separation) in product(enumerate(POINTS), enumerate(SEPARATIONS)):
        ax, patterns = panels[row, column], part.patterns.sel(problem=problem).values
        plot_basins(toy.panel(part, "basin", problem, separation), ax, patterns=patterns, border=toy.border(mode))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
    for ax, separation in zip(panels[0], SEPARATIONS, strict=True):
        ax.set_title(separation, loc="center", size=6.5)
    for ax, problem in zip(panels[:, 0], POINTS, strict=True):
        ax.set_ylabel(f"{problem}", rotation=0, ha="right", va="center")
    figure.supylabel(f"{mode}: problem", size=8)


def _plot_numbers(dataset, figure):
    names = {
        "assigned": "fraction of places that\nlead to a single pattern",
        "support_size": "patterns in the support\nof the last weights (mean)",
        "evenness": "evenness of the first weights\n(effective / patterns in support)",
        "n_updates": f"updates until within {RADIUS:g}\nof the last state (mean)",
    }
    axes = figure.subplots(len(names), 1, sharex=True)
    places = np.arange(len(SEPARATIONS))
    for ax, (name, label) in zip(axes, names.items(), strict=True):
        for shift, mode in zip((-0.2, 0.0, 0.2), POSTS, strict=True):
            values = dataset[name].sel(mode=mode)
            ax.plot(places, values.mean("problem"), MARKERS[mode] + "-", label=mode)
            colour = ax.lines[-1].get_color()
            ax.plot(
                places[:, None] + shift,
                values.transpose("separation", "problem"),
                ".",
                color=colour,
                alpha=0.5,
                markersize=2.5,
            )
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    axes[-1].set_xticks(places, list(SEPARATIONS), rotation=45, ha="right")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What the paper says of the maps, and descent of the energy."""
    return [
        *_retrieval_claims(dataset),
        *_mixture_claims(dataset),
        *_normalization_claims(dataset),
        *_control_claims(dataset),
        _descent(dataset),
    ]


def _retrieval_claims(dataset):
    identity = dataset.sel(mode="identity")
    steps = identity.assigned.sel(separation=list(ENTMAX)).diff("separation")
    return [
        _softmax_claim(dataset, float(identity.assigned.sel(separation=SOFTMAX).mean())),
        Claim(
            "softmax: no pattern is reached exactly, with or without normalisation (largest fraction of places with "
            "all the weight on one)",
            "theory",
            "at_most",
            0.0,
            float(dataset.exact.sel(separation=SOFTMAX).max()),
        ),
        Claim(
            "identity: the larger alpha, the more places lead to single patterns (smallest step in the mean fraction "
            "from alpha = 1 over 1.5 to 2)",
            "paper",
            "at_least",
            0.0,
            float(steps.mean("problem").min()),
        ),
        Claim(
            "identity: so it is in each problem (smallest such step)",
            "paper",
            "at_least",
            0.0,
            float(steps.min()),
        ),
    ]


def _softmax_claim(dataset, assigned):
    if dataset.attrs["beta"] == BETAS["basins"]:
        statement = f"softmax, identity: no place leads to a single pattern (fraction within {RADIUS:g} of one)"
        return Claim(statement, "paper", "at_most", 0.0, assigned)
    statement = f"control: at this low temperature softmax leads near single patterns (fraction within {RADIUS:g})"
    return Claim(statement, "control", "at_least", 0.1, assigned)


def _mixture_claims(dataset):
    identity = dataset.sel(mode="identity").mean("problem")
    even = {name: float(identity.evenness.sel(separation=name)) for name in (SPARSEMAX, *NORMMAX)}
    size = identity.support_size
    rows = [
        Claim(
            f"identity: {more} mixes more evenly than {less} (difference of the evenness of the first weights, our "
            "reading of 'uniform')",
            "paper",
            "at_least",
            0.0,
            even[more] - even[less],
        )
        for more, less in zip(NORMMAX, (SPARSEMAX, NORMMAX[0]), strict=True)
    ]
    return [
        *rows,
        Claim(
            "identity: normmax ends in larger mixtures than 2-entmax (difference of mean support sizes, the smaller "
            "one of 2- and 5-normmax)",
            "paper",
            "at_least",
            0.0,
            float((size.sel(separation=list(NORMMAX)) - size.sel(separation=SPARSEMAX)).min()),
        ),
    ]


def _normalization_claims(dataset):
    means = dataset.mean("problem")
    identity, rows = means.sel(mode="identity"), []
    for mode in list(POSTS)[1:]:
        gain = means.assigned.sel(mode=mode) - identity.assigned
        ratio = means.n_updates.sel(mode=mode) / identity.n_updates
        gain_text = f"{mode}: more places lead to single patterns than with the identity"
        ratio_text = f"{mode}: states settle sooner than with the identity"
        rows += [
            Claim(f"{gain_text} (mean difference of fractions)", "paper", "at_least", 0.0, float(gain.mean())),
            Claim(
                f"{gain_text}, for each of the maps (smallest difference)", "paper", "at_least", 0.0, float(gain.min())
            ),
            Claim(f"{ratio_text} (mean ratio of numbers of updates)", "paper", "at_most", 1.0, float(ratio.mean())),
            Claim(f"{ratio_text}, for each of the maps (largest ratio)", "paper", "at_most", 1.0, float(ratio.max())),
        ]
    return rows


def _control_claims(dataset):
    """Layer normalisation against the same patterns without it."""
    layer = dataset.sel(mode=toy.LAYER_NORM)
    gain = (layer.assigned - dataset.assigned_without).mean("problem")
    ratio = layer.n_updates.mean("problem") / dataset.n_updates_without.mean("problem")
    same = "control: layer norm against the same patterns without it"
    return [
        Claim(f"{same}: more places lead to single patterns, by", "control", "at_least", 0.0, float(gain.mean())),
        Claim(f"{same}: ratio of numbers of updates", "control", "at_most", 1.0, float(ratio.mean())),
    ]


def _descent(dataset):
    return Claim(
        "the energy never rises along any trajectory (largest step up, relative to its size)",
        "theory",
        "at_most",
        0.0,
        float(dataset.largest_rise.max()),
        1e-13,
        "round-off of some hundred units in the last place",
    )


EXPERIMENTS = tuple(
    Experiment(name, f"basins in the plane at beta = {beta:g}", partial(compute, beta=beta), plot, claims)
    for name, beta in BETAS.items()
)
