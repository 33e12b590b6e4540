"""Energies in the plane with a trajectory on them, without and with a normalisation of states.

Without one, the map shows the energy itself, which rises without bound far from the patterns. With a normalisation Psi
is the indicator of a ball: the energy is -Omega*(beta X q) / beta inside and infinite outside. The map shows this
function everywhere, with the border of the ball. It is concave, so that its minima over the ball lie on the border,
where all states are after one update.

The first problem and its cue are symmetric. Where the symmetric state is a saddle (2-normmax without normalisation), it
is left after some hundred updates by round-off.

The published code has the 2-norm in the negentropy of every normmax. For 5-normmax this is not the energy that the
network descends: its gradient is not q - X^T p, and is infinite where a weight vanishes.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young import toy
from assocmem.papers.fenchel_young.toy import POINTS, SEPARATIONS
from assocmem.plotting import EXCITATORY, make_figure, plot_energy, style
from assocmem.separations import Normmax

BETA = 1.0
MOST_UPDATES = {"quick": 200, "paper": 1000}
GRID = {"quick": 40, "paper": 100}  # places along each side
STEP = 1e-6  # of the difference quotients
APART = 0.01  # distance from where a weight vanishes, beside which the derivatives of normmax are too large for them
PUBLISHED_NORM = 2.0  # in the negentropy of the published code, whatever gamma is
EARLIER_ERROR = 0.2  # the largest of its gradient that an earlier run met
MISNAMED = "5-normmax"


def compute(run: Run, *, mode: str) -> xr.Dataset:
    """Energies on the grid and trajectories; for the identity, errors of the gradients."""
    items = list(product(POINTS, SEPARATIONS))
    found = run.map(lambda item: _measure(*item, mode, run), items, label="energies")
    n = len(SEPARATIONS)
    rows = [xr.concat(found[k : k + n], "separation") for k in range(0, len(found), n)]
    dataset = xr.concat(rows, "problem").assign_coords(problem=list(POINTS), separation=list(SEPARATIONS))
    grids = [toy.grid(_network(problem, mode).patterns, GRID[run.scale]) for problem in POINTS]
    places = {
        f"place_{axis}": (("problem", axis), np.array(p))
        for axis, p in zip("xy", zip(*grids, strict=True), strict=True)
    }
    dataset = dataset.assign(patterns=(("problem", "pattern", "axis"), toy.padded_patterns(mode)), **places)
    return dataset.assign(
        {name: v.assign_attrs(units="1") for name, v in dataset.data_vars.items()},
    ).assign_attrs(mode=mode)


def _network(problem, mode, separation="1-entmax"):
    return toy.network(problem, mode, SEPARATIONS[separation], BETA)


def _measure(problem, separation, mode, run):
    network = _network(problem, mode, separation)
    states = toy.states_on_grid(*toy.grid(network.patterns, GRID[run.scale]), mode)
    path, energy = trajectory(network, toy.first_state(problem, mode), MOST_UPDATES[run.scale])
    n = GRID[run.scale]
    variables = {
        "energy": (("y", "x"), energy_everywhere(network, states).reshape(n, n)),
        "path": (("time", "axis"), path[:, :2]),
        "n_updates": ((), int(toy.settling_updates(path[None])[0])),
        "largest_rise": ((), toy.largest_rise(energy)),
    }
    if mode == "identity":
        variables |= _gradient_errors(network, states)
        variables["zero_error"] = ((), _error_at_zero(network))
    else:
        excess = np.abs(np.square(path[1:]).sum(axis=1) / np.square(network.patterns[0]).sum() - 1.0)
        variables["norm_error"] = ((), excess.max())
    return xr.Dataset(variables)


def trajectory(network: HopfieldFenchelYoung, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """States (time, unit) and their energies (time,), the start first, which need not be normalised."""
    found = network.retrieve(network.update(start), steps=steps - 1, every=1, threads=1)
    path = np.concatenate([start[None], found.state.to_numpy()[0]])
    return path, np.concatenate([[float(network.energy(start))], found.energy.to_numpy()[0]])


def energy_everywhere(network: HopfieldFenchelYoung, states: np.ndarray) -> np.ndarray:
    """Energy (...,) of states (..., unit); with a normalisation as if states were allowed to be anywhere."""
    if network.post == toy.POSTS["identity"]:
        return network.energy(states, threads=1)
    return -network.separation.conjugate(network.beta * network.scores(states), threads=1) / network.beta


def published_energy(network: HopfieldFenchelYoung, states: np.ndarray) -> np.ndarray:
    """Energy (...,) of states (..., unit) of a normmax network, by the formula of the published code."""
    negentropy, scores = Normmax(PUBLISHED_NORM).negentropy, network.beta * network.scores(states)
    weights = network.separation.weights(scores, threads=1)
    conjugate = (scores * weights).sum(axis=-1) - negentropy(weights)
    uniform = np.full(network.n_patterns, 1.0 / network.n_patterns)
    largest = np.square(network.patterns).sum(axis=1).max()
    return 0.5 * (np.square(states).sum(axis=-1) + largest) - (conjugate + negentropy(uniform)) / network.beta


def gradient_error(network: HopfieldFenchelYoung, states: np.ndarray, energy) -> np.ndarray:
    """Distances (state,) between q - X^T p and the gradient of an energy by central differences."""
    units = STEP * np.eye(network.n_units)
    ends = [np.stack([energy(network, states + sign * unit) for unit in units], axis=-1) for sign in (1.0, -1.0)]
    differences = (ends[0] - ends[1]) / (2.0 * STEP)
    return np.linalg.norm(differences - (states - network.update(states, threads=1)), axis=-1)


def _gradient_errors(network, states):
    states = states[_has_same_support_around(network, states)]
    errors = {"gradient_error": energy_everywhere}
    if network.separation == SEPARATIONS[MISNAMED]:
        errors["published_error"] = published_energy
    return {name: ((), gradient_error(network, states, energy).max()) for name, energy in errors.items()}


def _has_same_support_around(network, states):
    shifts = APART * np.concatenate([np.eye(network.n_units), -np.eye(network.n_units)])
    is_in = network.weights(states[:, None] + shifts, threads=1) > 0
    return np.all(is_in == (network.weights(states, threads=1) > 0)[:, None], axis=(1, 2))


def _error_at_zero(network):
    """Deviation from M^2 / 2, which the energy of the zero state is for every regulariser."""
    largest = np.square(network.patterns).sum(axis=1).max()
    return abs(float(network.energy(np.zeros(network.n_units))) - 0.5 * largest)


def plot(dataset: xr.Dataset) -> Figure:
    """A row for each problem, a column for each transformation of scores."""
    mode = dataset.attrs["mode"]
    with style():
        figure, axes = make_figure(len(POINTS), len(SEPARATIONS), height=160)
        panels = axes.reshape(len(POINTS), -1)
        for (row, problem), (column, separation) in product(enumerate(POINTS), enumerate(SEPARATIONS)):
            chosen = dataset.sel(problem=problem, separation=separation)
            energy = toy.panel(dataset, "energy", problem, separation)
            marks = {"patterns": chosen.patterns.values, "path": chosen.path.values, "border": toy.border(mode)}
            plot_energy(energy, panels[row, column], power=2.0 if mode == "identity" else 1.0, **marks)
            panels[row, column].set(xticks=[], yticks=[])
            panels[row, column].set_xlabel(f"updates: {int(chosen.n_updates)}", size=6.5)
        for ax, separation in zip(panels[0], SEPARATIONS, strict=True):
            ax.set_title(separation, loc="center")
        for ax, problem in zip(panels[:, 0], POINTS, strict=True):
            ax.set_ylabel(f"problem {problem}")
        figure.legend(handles=_marks(mode), loc="outside lower center", ncols=4)
    return figure


def _marks(mode):
    """Entries of the legend."""
    square = {"markerfacecolor": "white", "markeredgecolor": "black", "linestyle": "none"}
    ring = {"markerfacecolor": "none", "markeredgecolor": EXCITATORY, "linestyle": "none"}
    marks = [
        Line2D([], [], marker="s", label="patterns", **square),
        Line2D([], [], marker="o", label="start", **ring),
        Line2D([], [], marker=".", color=EXCITATORY, label="trajectory"),
    ]
    if mode != "identity":
        marks.append(Line2D([], [], color="#999999", linestyle="--", label="border of the feasible states"))
    return marks


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The energy never rises; its gradient, or the norm of states."""
    rise = Claim(
        "the energy never rises along the trajectories (largest step up, relative to its size)",
        "theory",
        "at_most",
        0.0,
        float(dataset.largest_rise.max()),
        1e-13,
        "round-off of some hundred units in the last place",
    )
    return [rise, *(_identity_claims(dataset) if dataset.attrs["mode"] == "identity" else _norm_claims(dataset))]


def _identity_claims(dataset):
    where = f"largest deviation on the grid, where no weight vanishes within {APART:g}"
    return [
        Claim(
            f"the gradient of the energy is q - X^T p ({where})",
            "theory",
            "at_most",
            0.0,
            float(dataset.gradient_error.max()),
            1e-7,
            "difference quotients",
        ),
        Claim(
            "the energy of the zero state is half the largest square of a pattern, for every regulariser (largest "
            "deviation)",
            "theory",
            "at_most",
            0.0,
            float(dataset.zero_error.max()),
            1e-13,
            "round-off",
        ),
        Claim(
            f"{MISNAMED}: the published formula, with the 2-norm, has this gradient ({where})",
            "paper",
            "at_most",
            0.0,
            float(dataset.published_error.max()),
            1e-7,
            "difference quotients",
        ),
        Claim(
            f"control: it is as far off as an earlier run found, at least ({where})",
            "earlier run",
            "at_least",
            EARLIER_ERROR,
            float(dataset.published_error.max()),
        ),
    ]


def _norm_claims(dataset):
    return [
        Claim(
            "from the first update on states are on the border (largest relative deviation of the squared norm)",
            "theory",
            "at_most",
            0.0,
            float(dataset.norm_error.max()),
            1e-14,
            "round-off",
        ),
    ]


_TITLES = {
    "identity": "energies in the plane",
    "l2": "energies in the plane with l2-normalisation",
    toy.LAYER_NORM: "energies in the plane with layer normalisation",
}
EXPERIMENTS = tuple(
    Experiment(
        "contours" if mode == "identity" else f"contours_{mode.replace(' ', '_')}",
        title,
        partial(compute, mode=mode),
        plot,
        claims,
    )
    for mode, title in _TITLES.items()
)
