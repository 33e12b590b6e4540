"""Where quiescence ends, by the second eigenvalue of the graph, and a function that never rises in the flow.

The state in which all weights are equal is stable in the flow as long as a + h lambda_2 < p / (beta g), with the second
largest eigenvalue of the normalised adjacency; the largest, 1, that the paper argues with belongs to a change of all
weights alike, which the softmax takes out. In the map there is a second border, at large negative a.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.cdam_theory import quiescence_boundaries
from assocmem.graphs import normalized, random_regular, ring
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.network import AUTO, ETA, NARROW, QUIESCENT, WIDE, WIDEST
from assocmem.papers.cdam.orthogonal import SQUARE, activities, near_vertices, orthogonal_network
from assocmem.plotting import colours, label_panels, make_figure, style
from assocmem.retrieval import retrieve

N_PATTERNS = 30
HETERO = 1.0
STRENGTHS = {"quick": np.round(np.arange(-7.2, 1.01, 0.05), 2), "paper": np.round(np.arange(-7.2, 1.01, 0.02), 2)}
SEARCH_STEPS = 4000  # a hundredth beside the border a deviation changes by a factor of 10^4
DEVIATION = 1e-4  # of coefficients at the start, from those of equal weights
SIZES = (1000, 4000)  # units of random patterns
CUED_STRENGTHS = tuple(np.round(np.arange(-1.4, 0.01, 0.1), 1))
CUED_STEPS = (ETA, 0.02)  # that of the paper, and one that follows the flow
CUED_DURATION = 20.0  # time constants
# mean correlation of the attractors of different cues, earlier run in the flow: units, strength a
EARLIER = {(1000, -0.7): 0.994, (1000, -0.6): 0.78, (4000, -0.9): 1.00, (4000, -0.8): 0.96}
ROUNDING = 0.005
AUDITED = (AUTO, NARROW, (0.2, 0.8), WIDE, (-1.0, 2.0), WIDEST, QUIESCENT)
SMALL_ETA, SMALL_STEPS = 0.005, 4000
N_CUES = 5


def compute(run: Run) -> xr.Dataset:
    """Ends of deviations from equal weights, correlations of cued attractors, and rises of energies."""
    graphs = _graphs(run)
    a = STRENGTHS[run.scale]
    seed = run.seed_for("cdam/stability")
    ends = run.map(lambda adjacency: _deviation(adjacency, a, seed=seed), list(graphs.values()), label="borders")
    dataset = xr.Dataset(
        {
            "deviation": (("graph", "half", "auto_strength"), np.array(ends)),
            "adjacency": (("graph", "pattern", "successor"), np.array(list(graphs.values()))),
        },
        coords={"graph": list(graphs), "auto_strength": a},
    )
    cued = network.over_networks(run, _cued, quick=1)
    audits = run.map(lambda setting: _audit(setting, seed=seed), AUDITED, label="energies")
    audit = xr.concat(audits, xr.DataArray([network.plain_label(s) for s in AUDITED], dims="audited"))
    return network.in_units(xr.merge([dataset, cued, audit]))


def _graphs(run):
    complete = np.ones((N_PATTERNS, N_PATTERNS)) - np.eye(N_PATTERNS)
    regular = random_regular(3, N_PATTERNS, seed=run.seed_for("cdam/stability"))
    return {"ring": ring(N_PATTERNS), "3-regular": regular, "complete": complete}


def _deviation(adjacency, strengths, *, seed):
    """Largest deviation of a weight from 1 / p at half time and at the end, relative to that at the start."""
    model = orthogonal_network(adjacency)
    noise = near_vertices(N_PATTERNS, np.zeros(1, dtype=int), noise=1.0, seed=seed)[0]
    equal = (strengths + HETERO - 1.0) / N_PATTERNS
    starts = (equal[:, None] + DEVIATION * noise) @ model.patterns
    own = np.stack([strengths, np.full(len(strengths), HETERO)], axis=1)
    result = retrieve(model, starts, steps=SEARCH_STEPS, eta=ETA, every=SEARCH_STEPS // 2, strengths=own, threads=1)
    deviation = np.abs(result.weights - 1.0 / N_PATTERNS).max("pattern")
    return (deviation[:, 1:] / deviation[:, 0]).to_numpy().T


def _cued(seed):
    """Mean correlation between attractors of different cues, on the ring, with random patterns."""
    settings = [(a, HETERO) for a in CUED_STRENGTHS]
    attractors = [
        [
            network.retrieve_settings(
                ring(N_PATTERNS), settings, seed=seed, n_units=n, eta=eta, steps=round(CUED_DURATION / eta)
            ).attractor_correlation
            for eta in CUED_STEPS
        ]
        for n in SIZES
    ]
    means = (np.array(attractors).sum((-2, -1)) - N_PATTERNS) / (N_PATTERNS * (N_PATTERNS - 1))
    coords = {"units": list(SIZES), "eta": list(CUED_STEPS), "cued_strength": list(CUED_STRENGTHS)}
    return xr.Dataset({"cued_correlation": (("units", "eta", "cued_strength"), means)}, coords=coords)


def _audit(setting, *, seed):
    """Largest rises of the Lyapunov function, at small and published steps, and of the energy of the paper."""
    model = orthogonal_network(ring(N_PATTERNS), setting)
    starts = near_vertices(N_PATTERNS, 6 * np.arange(N_CUES), noise=0.05, seed=seed) @ model.patterns
    small = model.energy(activities(model, starts, eta=SMALL_ETA, steps=SMALL_STEPS, every=1))
    published = model.energy(activities(model, starts, eta=ETA, steps=SMALL_STEPS // 20, every=1))
    patterns = network.random_patterns(N_PATTERNS, seed=seed)
    random = CDAM(patterns, ring(N_PATTERNS), auto_strength=setting[0], hetero_strength=setting[1])
    cues = network.noisy_cues(patterns, seed=seed)[6 * np.arange(N_CUES)]
    # the same span of time, with the steps of the flow
    path = activities(random, cues, eta=SMALL_ETA, steps=SMALL_STEPS, every=20)
    rises = {
        "small_rise": small,
        "published_rise": published,
        "random_rise": random.energy(path),
        "paper_rise": random.heuristic_energy(path),
    }
    numbers = {name: ((), np.diff(energy, axis=-1).max()) for name, energy in rises.items()}
    descent = random.energy(path)
    return xr.Dataset(
        {
            **numbers,
            "random_drop": ((), (descent[:, 0] - descent.min(axis=-1)).max()),
            "energy": ("small_iteration", small[0, ::20]),
            "published_energy": ("iteration", published[0]),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Deviations from equal weights and their borders, cued attractors, energy over time and its largest rises."""
    with style():
        figure, axes = make_figure(2, 2, height=120)
        _plot_borders(dataset, axes[0])
        _plot_cued(dataset, axes[1])
        _plot_energy(dataset, axes[2])
        _plot_rises(dataset, axes[3])
        label_panels(axes)
    return figure


def _plot_borders(dataset, ax):
    for colour, graph in zip(colours(dataset.sizes["graph"]), dataset.graph.values, strict=True):
        chosen = dataset.sel(graph=graph)
        ax.plot(dataset.auto_strength, np.clip(chosen.deviation[-1], 1e-6, None), color=colour, label=graph)
        for border in _borders(chosen):
            ax.axvline(border, color=colour, linewidth=0.8, linestyle="--")
    ax.axvline(-HETERO, color="black", linewidth=0.8, linestyle=":", label="border of the paper")
    ax.set(yscale="log", xlabel="strength $a$ ($h=1$)", ylabel="deviation from equal weights\n(final / initial)")
    ax.legend(loc="upper center")


def _borders(graph, square=SQUARE, eta=ETA):
    """Strengths a between which equal weights are stable in the map on a graph."""
    links = normalized(graph.adjacency.to_numpy())
    return quiescence_boundaries(links, HETERO, beta=1.0, gain=square, eta=eta)


def _plot_cued(dataset, ax):
    for colour, units in zip(colours(len(SIZES) + 1), SIZES, strict=False):
        for line, eta in zip(("--", "-"), CUED_STEPS, strict=True):
            chosen = dataset.cued_correlation.sel(units=units, eta=eta)
            low, high = chosen.min("network"), chosen.max("network")
            ax.fill_between(dataset.cued_strength, low, high, color=colour, alpha=0.15, linewidth=0)
            label = rf"{units} units, $\eta={eta:g}$"
            ax.plot(dataset.cued_strength, chosen.mean("network"), line, color=colour, marker="o", label=label)
        _, border = _borders(dataset.sel(graph="ring"), units / 12)
        ax.axvline(border, color=colour, linewidth=0.8, linestyle=":")
    ax.set(xlabel="strength $a$ ($h=1$, ring)", ylabel="correlation of attractors\nof different cues")
    ax.legend(loc="lower left")


def _plot_energy(dataset, ax):
    shown = dataset.sel(audited=network.plain_label(WIDEST))
    time = np.arange(dataset.sizes["small_iteration"]) * 20 * SMALL_ETA
    ax.plot(time, shown.energy, label=rf"$\eta={SMALL_ETA:g}$")
    ax.plot(
        np.arange(dataset.sizes["iteration"]) * ETA, shown.published_energy, label=rf"$\eta={ETA:g}$", linewidth=0.8
    )
    ax.set(xlabel=r"time $t$ ($\tau$)", ylabel="Lyapunov function $F$", title=network.setting_label(WIDEST))
    ax.set_ylim(top=110)
    ax.legend(ncol=2, loc="upper right")


def _plot_rises(dataset, ax):
    places = np.arange(dataset.sizes["audited"])
    for name, marker, label in (
        ("small_rise", "o", rf"$F$, $\eta={SMALL_ETA:g}$"),
        ("published_rise", "s", rf"$F$, $\eta={ETA:g}$"),
        ("random_rise", "D", rf"$F$, $\eta={SMALL_ETA:g}$, random patterns"),
        ("paper_rise", "x", rf"energy of the paper, $\eta={SMALL_ETA:g}$, random patterns"),
    ):
        ax.plot(places, np.maximum(dataset[name], 1e-16), marker, label=label)
    ax.set(yscale="log", xticks=places, ylabel="largest rise", ylim=(3e-17, 1e20))
    ax.set_xticklabels(dataset.audited.values, rotation=45, ha="right")
    ax.set_xlabel("strengths $(a, h)$")
    ax.legend(loc="upper left")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Borders of quiescence against theory and the paper; descent of the Lyapunov function and its absence."""
    return [
        *(claim for graph in dataset.graph.values for claim in _border_claims(dataset.sel(graph=graph))),
        *_cued_claims(dataset),
        *_energy_claims(dataset),
        *(_comparisons(dataset) if dataset.attrs["scale"] == "paper" else []),
    ]


def _border_claims(chosen):
    graph, a = str(chosen.graph.values), chosen.auto_strength.to_numpy()
    grid = float(a[1] - a[0])
    is_quiescent = _is_quiescent(*chosen.deviation.to_numpy())
    # half a step of the grid beyond the last strengths that are quiescent
    measured = a[is_quiescent].min() - 0.5 * grid, a[is_quiescent].max() + 0.5 * grid
    rows = [
        Claim(
            f"{graph}, h = 1, orthogonal patterns: {name} border of quiescence",
            "theory",
            "close",
            border,
            value,
            0.5 * grid + 1e-9,
            "half a step of the grid",
        )
        for name, border, value in zip(("lower", "upper"), _borders(chosen), measured, strict=True)
    ]
    is_wide = (a > -HETERO) & (a < 0)
    return [
        *rows,
        Claim(
            f"{graph}, h = 1: -h < a < 0 is wide, not quiescent (fraction of the strengths scanned there)",
            "paper",
            "at_least",
            1.0,
            float(np.mean(~is_quiescent[is_wide])),
        ),
        Claim(
            f"{graph}, h = 1: a < -h is quiescent (fraction of the strengths scanned there, down to {a[0]:g})",
            "paper",
            "at_least",
            1.0,
            float(np.mean(is_quiescent[a < -HETERO])),
        ),
    ]


def _is_quiescent(half_way, end):
    """Whether deviations die out: those that are left at half time, which are the slowest, shrink or are nothing."""
    return (end < 1.0) & ((end < half_way) | (end < 1e-8))


def _cued_claims(dataset):
    """Many units, for which the step of the paper is too long to be quiescent at any strength."""
    units, control = 4000, dataset.cued_correlation.sel(units=4000, cued_strength=-1.0)
    lower, upper = _borders(dataset.sel(graph="ring"), units / 12)
    return [
        Claim(
            "4000 units, ring, h = 1: no strength is quiescent in the published map (lower less upper border of a)",
            "theory",
            "at_least",
            0.0,
            lower - upper,
        ),
        Claim(
            "4000 units, ring, a = -1, h = 1: in the flow all cues end in the same state (mean K)",
            "theory",
            "at_least",
            0.99,
            float(control.sel(eta=CUED_STEPS[1]).mean()),
        ),
        Claim(
            "control: in the published map, with a step of 0.1, they do not (mean K)",
            "control",
            "at_most",
            0.99,
            float(control.sel(eta=CUED_STEPS[0]).mean()),
        ),
    ]


def _energy_claims(dataset):
    hebbian = [network.plain_label(setting) for setting in AUDITED if setting[0] >= 0]
    anti = [network.plain_label(setting) for setting in AUDITED if setting[0] < 0]
    return [
        Claim(
            f"the Lyapunov function never rises at a step of {SMALL_ETA:g} (largest rise in one of seven settings)",
            "theory",
            "at_most",
            0.0,
            float(dataset.small_rise.max()),
            1e-10,
            "round-off in sums of the size of the energy, about 100",
        ),
        Claim(
            "control: at the published step of 0.1 it rises wherever a < 0 (smallest of the largest rises)",
            "control",
            "at_least",
            0.1,
            float(dataset.published_rise.sel(audited=anti).min()),
        ),
        Claim(
            "at the published step of 0.1 it does not rise where a >= 0 (largest rise)",
            "control",
            "at_most",
            0.0,
            float(dataset.published_rise.sel(audited=hebbian).max()),
            1e-10,
            "round-off",
        ),
        Claim(
            "the energy that the paper writes down never rises along its dynamics (settings of seven)",
            "paper",
            "at_least",
            float(len(AUDITED)),
            float((dataset.paper_rise <= 1e-10).sum()),
        ),
        Claim(
            "random patterns, for which the function is approximate: largest rise relative to the largest fall, of "
            "the settings with a < 0",
            "control",
            "at_most",
            0.05,
            float((dataset.random_rise / dataset.random_drop).sel(audited=anti).max()),
        ),
    ]


def _comparisons(dataset):
    rows = [
        (
            f"ring, random patterns, {units} units, a = {a:g}: mean correlation of attractors",
            theirs,
            ROUNDING,
            dataset.cued_correlation.sel(units=units, eta=CUED_STEPS[1], cued_strength=a),
        )
        for (units, a), theirs in EARLIER.items()
    ]
    return network.mean_claims(rows, source="earlier run", n_theirs=1)


EXPERIMENT = Experiment("stability", "borders of quiescence and what never rises", compute, plot, claims)
