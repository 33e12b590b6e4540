"""Statements of the paper on what is retrieved when, each tested where its conditions hold.

That neighbours are always retrieved with a pattern and that a directed ring replays a sequence exactly are true. That
the whole connected component is retrieved for h > a >= 0 is not, nor that the state goes to minus the mean pattern
from a vertex without successors: before it is there, other patterns win. Quiescence is free of patterns only if none
is favoured by its mean, which those in [0, 1] are where a + h is not 1.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.cdam_theory import limiting_correlations
from assocmem.graphs import normalized, ring
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.distances import hop_means
from assocmem.papers.cdam.network import ETA, N_UNITS, QUIESCENT, STEPS
from assocmem.papers.cdam.orthogonal import activities
from assocmem.plotting import label_panels, make_figure, style

N_PATTERNS = 30
WEAK = (0.9, 0.1)
COMPONENT = ((0.2, 0.8), (0.0, 1.0))  # h > a >= 0
COMPONENT_STEPS, RETRIEVED = 1000, 0.05
SINK_STEPS = 300
OFFSETS = {"in [0, 1]": 0.0, "in [-1/2, 1/2]": 0.5}


def compute(run: Run) -> xr.Dataset:
    """Correlations by distance, errors of a replay, and distances from minus the mean pattern."""
    limit = limiting_correlations(
        normalized(ring(N_PATTERNS)), auto_strength=WEAK[0], hetero_strength=WEAK[1]
    ).correlation
    dataset = network.over_networks(run, _measure)
    dataset["weak_limit"] = hop_means(limit, ring(N_PATTERNS), n_distances=16)
    return network.in_units(dataset)


def _measure(seed):
    """Neighbours and components retrieved, a replay in full steps, and what a vertex without successors leads to."""
    patterns = network.random_patterns(N_PATTERNS, seed=seed)
    cues = network.noisy_cues(patterns, seed=seed)
    result = network.retrieve_settings(ring(N_PATTERNS), COMPONENT, seed=seed, steps=COMPONENT_STEPS)
    last = result.correlation.isel(time=-1, drop=True).rename(setting="component")
    weak = network.retrieve_settings(ring(N_PATTERNS), [WEAK], seed=seed).correlation.isel(
        setting=0, time=-1, drop=True
    )
    chain = CDAM(patterns, ring(N_PATTERNS, directed=True), auto_strength=0.0, hetero_strength=1.0)
    replay = activities(chain, cues[:1], eta=1.0, steps=N_PATTERNS, every=1)[0]
    successors = np.roll(patterns, -1, axis=0)
    path = ring(N_PATTERNS, directed=True)
    path[-1] = 0.0
    sinks = {"one vertex without successors": path, "no edges": np.zeros_like(path)}
    return xr.Dataset(
        {
            "n_retrieved": (last > RETRIEVED).sum("pattern").mean("cue"),
            "component_r": hop_means(last, ring(N_PATTERNS), n_distances=16),
            "weak_r": hop_means(weak, ring(N_PATTERNS), n_distances=16),
            "effective_patterns": (
                "patterns",
                [_effective_patterns(patterns - offset, cues - offset) for offset in OFFSETS.values()],
            ),
            "successor_error": ((), np.abs(replay[1:] - (successors - chain.mean_pattern)).max()),
            "sink_distance": (
                ("sink", "sink_iteration"),
                np.array([_sink_distance(patterns, cues[-1:], adjacency) for adjacency in sinks.values()]),
            ),
        },
        coords={"sink": list(sinks), "patterns": list(OFFSETS)},
    ).drop_vars(["auto_strength", "hetero_strength"])


def _effective_patterns(patterns, cues):
    """Effective number of patterns in the weights of the quiescent state, mean over cues."""
    model = CDAM(patterns, ring(N_PATTERNS), auto_strength=QUIESCENT[0], hetero_strength=QUIESCENT[1])
    weights = model.weights(activities(model, cues, eta=ETA, steps=STEPS)[:, -1])
    return (1.0 / (weights**2).sum(axis=-1)).mean()


def _sink_distance(patterns, cue, adjacency):
    """Distance to minus the mean pattern over iterations, from the last vertex, relative to the mean pattern."""
    model = CDAM(patterns, adjacency, auto_strength=0.0, hetero_strength=1.0)
    states = activities(model, cue, eta=ETA, steps=SINK_STEPS, every=1)[0]
    return np.linalg.norm(states + model.mean_pattern, axis=-1) / np.linalg.norm(model.mean_pattern)


def plot(dataset: xr.Dataset) -> Figure:
    """Correlations by distance for weak and strong hetero-association, and the way from a vertex without successors."""
    with style():
        figure, axes = make_figure(1, 3, height=60)
        _plot_weak(dataset, axes[0])
        _plot_component(dataset, axes[1])
        _plot_sink(dataset, axes[2])
        label_panels(axes)
    return figure


def _plot_weak(dataset, ax):
    r = dataset.weak_r
    ax.errorbar(r.distance, r.mean("network"), r.std("network"), fmt="o", label="simulated")
    ax.plot(r.distance, dataset.weak_limit, color="black", linewidth=0.7, label="limit of many units")
    ax.set(xlabel="distance from the cue (edges)", ylabel="correlation $r$", ylim=(-0.06, 0.06))
    ax.set_title(network.setting_label(WEAK))
    ax.legend()


def _plot_component(dataset, ax):
    for number, setting in enumerate(COMPONENT):
        r = dataset.component_r.isel(component=number)
        ax.errorbar(
            dataset.distance, r.mean("network"), r.std("network"), marker="o", label=network.setting_label(setting)
        )
    ax.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
    ax.set(xlabel="distance from the cue (edges)", ylabel=f"correlation $r$\nafter {COMPONENT_STEPS} iterations")
    ax.legend()


def _plot_sink(dataset, ax):
    for number, name in enumerate(dataset.sink.values):
        distance = dataset.sink_distance.sel(sink=name)
        ax.plot(dataset.sink_iteration, distance.T, color=f"C{number}", linewidth=0.4, alpha=0.5)
        ax.plot(dataset.sink_iteration, distance.median("network"), color=f"C{number}", label=str(name))
    ax.set(yscale="log", ylim=(1e-3, 10), xlabel="iteration $t$", ylabel=r"distance to $-\bar\xi$ (relative)")
    ax.set_title(network.setting_label((0.0, 1.0)))
    ax.legend(loc="lower right")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What holds of these statements and what does not."""
    return [
        _neighbour_claim(dataset),
        _replay_claim(dataset),
        *_component_claims(dataset),
        *_sink_claims(dataset),
        *_quiescence_claims(dataset),
    ]


def _neighbour_claim(dataset):
    weak, limit = dataset.weak_r, dataset.weak_limit.to_numpy()
    n_pairs = 2 * N_PATTERNS * dataset.sizes["network"]
    return Claim(
        "(0.9, 0.1): however weak h > 0 is, neighbours are retrieved with the pattern (r less that two edges away)",
        "paper",
        "close",
        float(limit[1] - limit[2]),
        float((weak.sel(distance=1) - weak.sel(distance=2)).mean()),
        2.0 * (2.0 / (N_UNITS * n_pairs)) ** 0.5,
        "number from theory; two standard errors of a difference of mean correlations of independent patterns",
    )


def _replay_claim(dataset):
    return Claim(
        "directed ring, (0, 1), a step of 1: each state is the next pattern less the mean (largest deviation)",
        "paper",
        "at_most",
        0.0,
        float(dataset.successor_error.max()),
        1e-10,
        "weights of other patterns are of the order of exp(-n / 12)",
    )


def _component_claims(dataset):
    """The whole component as the paper has it, and the few vertices of the earlier run."""
    vertices = f"vertices with r > {RETRIEVED:g} after {COMPONENT_STEPS} iterations"
    labels = [network.plain_label(setting) for setting in COMPONENT]
    means = [float(dataset.n_retrieved.isel(component=number).mean()) for number in range(len(COMPONENT))]
    return [
        *(
            Claim(
                f"{label}: with h > a >= 0 the connected component is retrieved ({vertices})",
                "paper",
                "close",
                float(N_PATTERNS),
                mean,
                0.5,
                "half a vertex",
            )
            for label, mean in zip(labels, means, strict=True)
        ),
        *(
            Claim(f"{label}: {vertices}", "earlier run", "between", (4.0, 5.0), mean)
            for label, mean in zip(labels, means, strict=True)
        ),
    ]


def _sink_claims(dataset):
    """What a vertex without successors leads to, how near minus the mean that comes, and a control that gets there."""
    at_end = dataset.sink_distance.isel(sink_iteration=-1).median("network")
    sink, unlinked = dataset.sink.values
    return [
        Claim(
            "(0, 1): from a vertex without successors the state goes to minus the mean pattern (relative distance)",
            "paper",
            "at_most",
            0.05,
            float(at_end.sel(sink=sink)),
        ),
        Claim(
            "control: it comes near it but other patterns win before it is there (smallest relative distance)",
            "control",
            "at_least",
            0.05,
            float(dataset.sink_distance.sel(sink=sink).min("sink_iteration").median()),
        ),
        Claim(
            "control: in a graph without edges it does go there (relative distance)",
            "control",
            "at_most",
            0.05,
            float(at_end.sel(sink=unlinked)),
        ),
    ]


def _quiescence_claims(dataset):
    effective = dataset.effective_patterns.mean("network")
    return [
        Claim(
            "(-2.5, 1): the quiescent state is free of patterns (effective number of them in its weights, of 30)",
            "paper",
            "at_least",
            0.9 * N_PATTERNS,
            float(effective.sel(patterns="in [0, 1]")),
        ),
        Claim(
            "control: it is with patterns that are 0 on average, which favour none by its mean (the same number)",
            "control",
            "at_least",
            0.9 * N_PATTERNS,
            float(effective.sel(patterns="in [-1/2, 1/2]")),
        ),
    ]


EXPERIMENT = Experiment("statements", "statements of the paper on what is retrieved", compute, plot, claims)
