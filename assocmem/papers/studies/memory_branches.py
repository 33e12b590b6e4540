"""How far memories of a balanced E-I network go with its drive: the branches of fixed points through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis import follow_fixed_point
from assocmem.learning import train_balanced_ei
from assocmem.models.balanced_ei import BalancedEI
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.patterns import lognormal_patterns
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.studies import plot_branches
from assocmem.simulate import simulate

N_EXCITATORY, N_INHIBITORY, N_PATTERNS = 40, 20, 6
BOUNDS = (-6.5, 15.0)  # of the change of the drive, mV
NEAR, BEYOND = 0.9, 1.1  # of the way from the memory to the end of its branch
DURATION, DT, SHIFT, TOLERANCE = 6000.0, 0.5, 0.05, 2.0  # ms, ms, mV, mV
ENDS = ("lower", "upper")


def compute(run: Run) -> xr.Dataset:
    """Branches through memories, where they end, and what simulations do before and beyond."""
    seed = run.seed_for("studies/memory_branches")
    patterns = lognormal_patterns(N_PATTERNS, N_EXCITATORY, seed=seed)
    training = train_balanced_ei(patterns, n_inhibitory=N_INHIBITORY, seed=seed)
    memories = training.potentials.values[: run.pick(2, N_PATTERNS)]
    most_points = run.pick(100, 400)
    found = run.map(lambda memory: _branch(training.model, memory, most_points), memories, label="memories")
    dataset = xr.concat([branch for branch, _ in found], "memory", join="outer")
    rows = [ends for _, ends in found]
    for name, units in (("end", "mV"), ("end_kind", "1"), ("distance_near", "mV"), ("distance_beyond", "mV")):
        values = np.array([[row[end][name] for end in ENDS] for row in rows], dtype=float)
        dataset[name] = (("memory", "side"), values, {"units": units})
    return dataset.assign_coords(side=list(ENDS)).assign_attrs(duration=DURATION, tolerance=TOLERANCE)


def _branch(model: BalancedEI, memory: np.ndarray, most_points: int) -> tuple[xr.Dataset, dict]:
    curve = follow_fixed_point(
        lambda state, change: model.velocity(state) + change / model.tau,
        memory,
        0.0,
        bounds=BOUNDS,
        jacobian=lambda state, change: model.jacobian(state),
        step=0.1,
        largest_step=2.0,
        most_points=most_points,
        has_branches=False,
    )
    start = int(np.argmin(abs(curve.parameter.values) + abs(curve.state.values - memory).sum(axis=1)))
    ends = {}
    for direction in (-1, 1):
        path = curve.isel(point=slice(start, None) if direction > 0 else slice(start, None, -1))
        is_up = float(path.parameter[min(1, path.sizes["point"] - 1)]) > 0
        ends["upper" if is_up else "lower"] = _end(model, path)
    return curve.assign(to_memory=abs(curve.state - memory).max("unit").assign_attrs(units="mV")), ends


def _end(model: BalancedEI, path: xr.Dataset) -> dict[str, float]:
    """The first point from the memory on where the branch turns or is no longer stable, and simulations around it."""
    special = np.flatnonzero(path.kind.values > 0)
    last = int(special[0]) if special.size else path.sizes["point"] - 1
    part, end = path.isel(point=slice(0, last + 1)), float(path.parameter[last])
    states = [_state_at(part, factor * end) for factor in (NEAR, 1.0)]
    return {
        "end": end,
        "end_kind": float(path.kind[last]),
        "distance_near": _drift(model, states[0], NEAR * end),
        "distance_beyond": _drift(model, states[1], BEYOND * end),
    }


def _state_at(part: xr.Dataset, change: float) -> np.ndarray:
    """The state of a part of a branch, along which the parameter goes one way, by linear interpolation."""
    order = np.argsort(part.parameter.values)
    parameter, states = part.parameter.values[order], part.state.values[order]
    return np.array([np.interp(change, parameter, column) for column in states.T])


def _drift(model: BalancedEI, state: np.ndarray, change: float) -> float:
    """How far a simulation that begins a little beside a state gets from it, mV; infinite if it grows without bound."""
    driven = replace(model, drive=model.drive + change)
    run = simulate(
        driven, state + SHIFT, duration=DURATION, dt=DT, every=20, on_divergence="mark", observables=None, threads=1
    )
    distance = abs(run.potential.values[0] - state).max(axis=-1)
    return float(np.inf if not np.all(np.isfinite(distance)) else distance[distance.size // 2 :].max())


def plot(dataset: xr.Dataset) -> Figure:
    """The branch of one memory with its special points, and the ends of all."""
    with style():
        figure, axes = make_figure(1, 2, height=70)
        first = dataset.isel(memory=0).dropna("point", subset=["parameter"])
        plot_branches(first, axes[0], unit=0, parameter="change of the drive (mV)")
        axes[0].set_ylabel("potential of unit 0 (mV)")
        axes[0].axvline(0.0, color="#BBBBBB", linewidth=0.6)
        for memory in range(dataset.sizes["memory"]):
            ends = dataset.end.isel(memory=memory)
            axes[1].plot(ends, [memory, memory], color="#0072B2")
            for end, kind in zip(ends.values, dataset.end_kind.isel(memory=memory).values, strict=True):
                axes[1].plot(end, memory, {1: "s", 2: "D", 3: "o"}.get(int(kind), "|"), color="#0072B2", markersize=5)
        axes[1].axvline(0.0, color="#BBBBBB", linewidth=0.6)
        axes[1].set(xlabel="change of the drive (mV)", ylabel="memory", yticks=range(dataset.sizes["memory"]))
        axes[1].set_ylim(-0.5, dataset.sizes["memory"] - 0.5)
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Simulations stay on the branch up to its ends and leave it beyond them."""
    reason = f"{DURATION / 1000:g} s from {SHIFT:g} mV beside the fixed point"
    near = "memories from which a simulation stays within 2 mV at 0.9 of the way to the end of the stable branch"
    beyond = "memories that a simulation leaves by more than 2 mV at 1.1 of the way"
    found = []
    for side in ENDS:
        part = dataset.sel(side=side)
        share = float((part.distance_near < TOLERANCE).mean())
        found.append(Claim(f"{side} end: share of {near}", "theory", "at_least", 1.0, share, reason=reason))
        is_end = part.end_kind.isin((1, 2, 3))  # a branch that goes on beyond the bounds has no end to be seen
        share = float((part.distance_beyond > TOLERANCE).where(is_end).mean())
        found.append(Claim(f"{side} end: share of {beyond}", "theory", "at_least", 1.0, share, reason=reason))
    at_memory = dataset.isel(point=dataset.to_memory.argmin("point"))
    share = float((at_memory.n_unstable == 0).mean())
    found.append(Claim("share of memories that are stable", "theory", "at_least", 1.0, share))
    return found


EXPERIMENT = Experiment(
    "memory_branches", "how far memories of a balanced network go with the drive", compute, plot, claims
)
