"""Attractors of the wide regime on the ring: their profiles, and the largest step with which the map keeps them.

In the limit of low temperature the weights s of a fixed point solve (a I + h M) s = lambda on their support and stay
below lambda outside of it; which supports are stable depends on the temperature.
Steps of the paper's size throw the map off these points, and it chatters around them.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.cdam_theory import largest_stable_eta, ring_cluster
from assocmem.graphs import ring
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.network import ETA, WIDE, WIDEST
from assocmem.papers.cdam.orthogonal import SQUARE, activities, near_vertices, orthogonal_network, weight_modes
from assocmem.plotting import FADED, colours, label_panels, make_figure, style

N_PATTERNS = 30
PAIR, FIVE = (0.2, 0.8), (-1.0, 2.0)
SETTINGS = (PAIR, WIDE, FIVE, WIDEST)
COOLING = (1.0, 10.0, 100.0)  # squared lengths of patterns relative to those of the paper, like inverse temperatures
SMALL = 0.4  # of a step eta times the squared length: far below the border of stability
DURATION = 120.0  # time constants
N_PLACES = 9
COLD = 1e6  # inverse temperature times squared length; the weights differ from their limit by less than 1e-5
SUPPORT = 1e-3  # weights below are no part of a support
KICKS = (0.5, 0.95, 1.05, 2.0)  # steps tried, relative to the predicted border of stability
KICK = 1e-6
KICK_ITERATIONS = 2000
# weights at the squared length of the paper, earlier run, to three decimals
EARLIER = {
    PAIR: (0.5, 0.5),
    WIDE: (0.149, 0.351, 0.351, 0.149),
    FIVE: (0.092, 0.247, 0.323, 0.247, 0.092),
    WIDEST: (0.036, 0.123, 0.215, 0.253, 0.215, 0.123, 0.036),
}


def compute(run: Run) -> xr.Dataset:
    """Profiles at several temperatures with their limit, and what becomes of kicks at steps of several sizes."""
    cooling = run.pick(COOLING[:2], COOLING)
    seed = run.seed_for("cdam/wide")
    items = [(setting, factor) for setting in SETTINGS for factor in cooling]
    profiles = run.map(lambda item: _profile(*item, seed=seed), items, label="profiles")
    kicked = run.map(lambda setting: _kicked(setting, seed=seed), SETTINGS, label="steps")
    places = xr.concat(profiles, "item").drop_vars("item", errors="ignore")
    places = xr.concat(
        [places.isel(item=slice(k, None, len(cooling))).rename(item="setting") for k in range(len(cooling))], "cooling"
    )
    dataset = places.merge(xr.concat(kicked, "setting")).assign_coords(cooling=list(cooling))
    dataset["limit"] = ("setting", "place"), np.array([_theory(setting, COLD) for setting in SETTINGS])
    theory = [[_theory(setting, SQUARE * factor) for factor in cooling] for setting in SETTINGS]
    dataset["theory"] = ("setting", "cooling", "place"), np.array(theory)
    dataset["width"] = (dataset.profile > SUPPORT).sum("place")
    return network.with_settings(network.in_units(dataset), SETTINGS)


def _attractor(setting, factor, *, seed):
    """A network and the state that its flow leads to from one cue."""
    square = SQUARE * factor
    model = orthogonal_network(ring(N_PATTERNS), setting, square=square)
    start = near_vertices(N_PATTERNS, np.array([N_PATTERNS // 2]), noise=0.01, seed=seed)
    eta = SMALL / square
    return model, activities(model, start @ model.patterns, eta=eta, steps=round(DURATION / eta))[0, -1]


def _profile(setting, factor, *, seed):
    """Weights of the attractor along the ring, and the speed of the coefficients that is left."""
    model, state = _attractor(setting, factor, seed=seed)
    speed = np.abs(model.velocity(state)).max() / (SQUARE * factor) ** 0.5
    return xr.Dataset({"profile": ("place", _centred(model.weights(state))), "speed": ((), speed)})


def _centred(weights):
    """The part of a profile that is not 0; (N_PLACES,), with its middle at N_PLACES // 2 or half a place before."""
    inside = np.flatnonzero(weights > SUPPORT)
    middle = (inside[0] + inside[-1] + 1) // 2
    return weights[middle - N_PLACES // 2 :][:N_PLACES]


def _theory(setting, scaled_beta):
    """Weights of the smallest stable cluster, which begins at pattern 0; (N_PLACES,)."""
    weights = ring_cluster(N_PATTERNS, auto_strength=setting[0], hetero_strength=setting[1], scaled_beta=scaled_beta)
    return _centred(np.roll(weights, N_PATTERNS // 2))


def _kicked(setting, *, seed):
    """Distance from the attractor after a kick, relative to the kick, for steps around the border of stability."""
    model, state = _attractor(setting, 1.0, seed=seed)
    modes = weight_modes(model, model.weights(state))
    border = largest_stable_eta(
        model.links,
        model.weights(state),
        auto_strength=setting[0],
        hetero_strength=setting[1],
        scaled_beta=model.beta * SQUARE,
    )
    kick = KICK * near_vertices(N_PATTERNS, np.array([0]), noise=1.0, seed=seed + 1) @ model.patterns
    steps = np.array([*(factor * border for factor in KICKS), ETA])
    paths = [activities(model, state + kick, eta=eta, steps=KICK_ITERATIONS, every=1)[0] for eta in steps]
    return xr.Dataset(
        {
            "step": ("kick", steps),
            "distance": (("kick", "iteration"), np.abs(np.array(paths) - state).max(axis=-1) / np.abs(kick).max()),
            "mode": ("mode_number", modes),
            "border": ((), border),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Profiles with their limit, and distances from one of them after a kick; the spectral radius over steps."""
    with style():
        figure, axes = make_figure(2, 4, height=110)
        for ax, setting in zip(axes[:4], SETTINGS, strict=True):
            _plot_profile(network.at_setting(dataset, setting), ax)
            ax.set_title(network.setting_label(setting))
        axes[0].set_ylabel("weight $s$")
        axes[0].legend()
        grid = axes[4].get_gridspec()
        for ax in axes[4:]:
            ax.remove()
        lower = [figure.add_subplot(grid[1, :2]), figure.add_subplot(grid[1, 2:])]
        _plot_kicks(network.at_setting(dataset, WIDE), lower[0])
        _plot_radius(dataset, lower[1])
        label_panels(np.array([*axes[:4], *lower]))
    return figure


def _plot_profile(chosen, ax):
    places = np.arange(N_PLACES) - N_PLACES // 2
    ax.bar(places, chosen.limit, color=FADED, label="limit")
    for colour, factor, marker in zip(colours(chosen.sizes["cooling"]), chosen.cooling.values, "osD", strict=False):
        label = rf"$\beta g={SQUARE * factor:.0f}$"
        ax.plot(places, chosen.profile.sel(cooling=factor), marker, color=colour, label=label, fillstyle="none")
    ax.set(xlabel="place on the ring", xticks=places[::2], ylim=(0, 0.55))


def _plot_kicks(chosen, ax):
    order = np.argsort(chosen.step.to_numpy())
    for colour, kick in zip(colours(len(order)), order, strict=True):
        path = chosen.distance.isel(kick=kick, iteration=slice(0, 300))
        ax.plot(path.iteration, path, color=colour, label=rf"$\eta={float(chosen.step[kick]):.3f}$")
    ax.set(
        yscale="log",
        xlabel="iteration $t$",
        ylabel="distance from the attractor\n(size of the kick)",
        ylim=(1e-4, None),
    )
    ax.set_title(network.setting_label(WIDE))
    ax.legend()


def _plot_radius(dataset, ax):
    eta = np.linspace(0.001, 0.25, 200)
    for colour, setting in zip(colours(len(SETTINGS)), SETTINGS, strict=True):
        chosen = network.at_setting(dataset, setting)
        ax.plot(eta, _radius(chosen, eta), color=colour, label=network.setting_label(setting))
        is_kept = _is_kept(chosen).to_numpy()
        for marker_fill, which in (("full", is_kept), ("none", ~is_kept)):
            steps = chosen.step.to_numpy()[which]
            ax.plot(steps, _radius(chosen, steps), "o", color=colour, fillstyle=marker_fill)
    ax.axhline(1.0, color="black", linewidth=0.7, linestyle=":")
    ax.set(xlabel=r"step $\eta$", ylabel="spectral radius of the map", ylim=(0.7, 2.5), xlim=(0, 0.25))
    ax.legend(title="kick dies out (full), grows (open)")


def _radius(chosen, eta):
    """Spectral radius of the map at the attractor for steps (step,)."""
    return np.abs(1.0 - np.asarray(eta)[:, None] * (1.0 - chosen.mode.to_numpy())).max(axis=1)


def _is_kept(chosen):
    """Whether a kick has become smaller at the end; (..., kick)."""
    return chosen.distance.isel(iteration=-1) < 1.0


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Profiles against theory and the earlier run; which steps keep them."""
    rows = [claim for setting in SETTINGS for claim in _profile_claims(dataset, setting)]
    is_predicted = xr.where(dataset.step < dataset.border, _is_kept(dataset), ~_is_kept(dataset))
    at_eta = dataset.isel(kick=-1)
    wide = network.at_setting(dataset, WIDE)
    return [
        *rows,
        Claim(
            "the map keeps an attractor exactly at steps below 2 / (1 - lowest eigenvalue) (fraction of 20 cases)",
            "theory",
            "at_least",
            1.0,
            float(is_predicted.mean()),
        ),
        Claim(
            "control: at the published step of 0.1 the attractors of the flow with a < 0 are left (fraction of three)",
            "control",
            "at_least",
            1.0,
            float((~_is_kept(at_eta)).isel(setting=slice(1, None)).mean()),
        ),
        Claim(
            "(-0.5, 1.5): largest step that keeps the attractor",
            "earlier run",
            "close",
            0.047,
            float(wide.border),
            0.001,
            "two digits, and random patterns there",
        ),
    ]


def _profile_claims(dataset, setting):
    chosen, label = network.at_setting(dataset, setting), network.plain_label(setting)
    earlier, warm = np.array(EARLIER[setting]), chosen.profile.isel(cooling=0).to_numpy()
    found = warm[warm > SUPPORT]
    return [
        Claim(
            f"{label}: weights of the attractor against the fixed point of the theory (largest difference, all "
            "temperatures)",
            "theory",
            "close",
            0.0,
            float(np.abs(chosen.profile - chosen.theory).max()),
            1e-6,
            "what is left of the approach of the flow",
        ),
        Claim(
            f"{label}: weights at beta g = {SQUARE:.0f} (largest difference)",
            "earlier run",
            "close",
            0.0,
            float(np.abs(found - earlier).max()) if found.size == earlier.size else np.nan,
            0.005,
            "stated with the earlier numbers",
        ),
        Claim(
            f"{label}: number of patterns in the limit of low temperature",
            "earlier run",
            "close",
            float(earlier.size),
            float((chosen.limit > SUPPORT).sum()),
        ),
    ]


EXPERIMENT = Experiment("wide", "attractors of the wide regime and the step of the map", compute, plot, claims)
