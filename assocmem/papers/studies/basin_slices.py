"""Planes through three memories, coloured by where the states of the plane go: flows and maps in the same way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import basin_fraction, basin_slice
from assocmem.analysis.capacity import Criterion
from assocmem.graphs import ring
from assocmem.learning import train_balanced_ei
from assocmem.models.cdam import CDAM
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.patterns import lognormal_patterns
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.landscape import plot_basins
from assocmem.separations import Softmax, Sparsemax
from assocmem.simulate import simulate

N_PATTERNS, N_UNITS = 6, 40
CORNERS = np.array([[0.0, 1.0], [-0.866025403784, -0.5], [0.866025403784, -0.5]])  # of a triangle in the plane
REACH = 1.8  # of the plane, in units of the distance of a memory from the centre of the three

Settle = Callable[[np.ndarray, int], np.ndarray]


def near(distance: float) -> Criterion:
    """States no unit of which is further than so much from that of the memory."""
    return Criterion(f"within {distance:g}", lambda states, memories: abs(states - memories).max(axis=1) <= distance)


def systems(run: Run) -> dict[str, tuple[np.ndarray, Settle, float]]:
    """Memories (pattern, unit), what leads states to where they settle, and how near is there, by label.

    Memories are the fixed points to which the patterns lead.
    """
    seed = run.seed_for("studies/basin_slices")
    trained = train_balanced_ei(lognormal_patterns(N_PATTERNS, N_UNITS, seed=seed), n_inhibitory=20, seed=seed)
    patterns = np.random.default_rng(seed).standard_normal((N_PATTERNS, N_UNITS))

    def end(model, states, duration, dt, name):
        settings = {"duration": duration, "dt": dt, "every": None, "threads": run.threads}
        return simulate(model, states, on_divergence="mark", **settings)[name].values[:, -1]

    graph = CDAM(patterns, ring(N_PATTERNS), auto_strength=1.0, hetero_strength=0.2, beta=0.5)
    memories = end(graph, patterns - graph.mean_pattern, 100.0, 0.25, "activity")

    def potentials(states, _):
        return end(trained.model, states, 800.0, 0.5, "potential")

    def activities(states, _):
        return end(graph, states, 100.0, 0.25, "activity")

    found = {
        "balanced E-I (flow)": (trained.potentials.values, potentials, 1.0),
        "CDAM, ring (flow)": (memories, activities, 0.01),
    }
    for name, separation in (("sparsemax", Sparsemax()), ("softmax", Softmax())):
        network = HopfieldFenchelYoung(patterns, separation=separation, beta=0.15)

        def settle(states, _, network=network):
            return network.retrieve(states, steps=200, tol=1e-9, threads=run.threads).state.values

        found[f"{name} (map)"] = (settle(patterns, 0), settle, 0.01)
    return found


def compute(run: Run) -> xr.Dataset:
    """Basins in a plane through three memories of each system, and shares of random states."""
    side = np.linspace(-REACH, REACH, run.pick(21, 161))
    parts = {}
    for label, (memories, settle, distance) in systems(run).items():
        parts[label] = _slice(memories, settle, near(distance), side, run)
    labels = list(parts)
    return xr.concat(list(parts.values()), xr.DataArray(labels, dims="system", name="system"))


def _slice(memories, settle, criterion, side, run):
    origin = memories[:3].mean(axis=0)
    axes = np.linalg.pinv(CORNERS) @ (memories[:3] - origin)  # the corners lie at the memories
    found = basin_slice(settle, memories, origin=origin, axes=axes, x=side, y=side, criterion=criterion)
    spread = memories.std(axis=0)

    def make_starts(n, seed):
        return memories.mean(axis=0) + spread * np.random.default_rng(seed).standard_normal((n, memories.shape[1]))

    fractions = basin_fraction(
        settle, memories, make_starts=make_starts, n_starts=run.pick(60, 4000), criterion=criterion, seed=run.seed
    )
    return xr.Dataset({"basin": found}).merge(fractions).drop_attrs(deep=False)


def plot(dataset: xr.Dataset) -> Figure:
    """The planes, and the shares of random states with their intervals."""
    n = dataset.sizes["system"]
    with style():
        figure, axes = make_figure(2, n, height=95)
        for number, system in enumerate(dataset.system.values):
            part, (plane, shares) = dataset.sel(system=system), axes.reshape(2, n)[:, number]
            plot_basins(part.basin.astype(int), plane)
            plane.plot(*CORNERS.T, "k.", markersize=4)
            plane.set_title(str(system))
            limits = np.maximum(np.stack([part.fraction - part.low, part.high - part.fraction]), 0.0)  # rounding
            shares.bar(part.pattern, part.fraction, yerr=limits, color="#0072B2", error_kw={"linewidth": 0.8})
            shares.set(
                xlabel="memory",
                ylabel="share of random states" if number == 0 else "",
                ylim=(0, 1),
                xticks=part.pattern,
            )
            shares.set_title(f"elsewhere {float(part.elsewhere):.2f}", fontsize=7)
        axes[n].set_ylabel("share of random states")
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Memories lie in their own basins; shares add up; with a margin, states settle on memories only."""
    found = []
    for system in dataset.system.values:
        part = dataset.sel(system=system)
        at = [part.basin.sel(x=x, y=y, method="nearest") for x, y in CORNERS]
        share = float(np.mean([int(reached) == number for number, reached in enumerate(at)]))
        statement = f"{system}: share of memories whose own place in the plane leads to them"
        found.append(Claim(statement, "theory", "at_least", 1.0, share))
    return found


EXPERIMENT = Experiment(
    "basin_slices", "basins of flows and maps in a plane through three memories", compute, plot, claims
)
