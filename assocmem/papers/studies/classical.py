"""How many random patterns the classical Hopfield network holds, against what is known.

From a pattern itself as the cue, with sweeps over the units in a random order, the fraction of patterns that are held
is measured against the load for several numbers of units. A pattern counts as held where the last state has an overlap
of 0.9 or more with it: mean field has 0.967 just below the critical load and 0 above it. The loads at which half of the
patterns are held are extrapolated to many units. A state that has lost its pattern, with an overlap below 0.8, is not
followed to its end; a control tells whether any would have come back. The limit depends on the exponent with which
thresholds approach it, so it is given for all exponents with which the sizes agree.

Beside that: all units at once instead of sweeps; the pseudo-inverse, which holds every set of fewer patterns than
units; and patterns without a single error, whose number grows as N / (2 log N) only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.capacity import capacity_curve, capacity_threshold, extrapolated_capacity, overlap_criterion
from assocmem.analysis.classical_theory import (
    critical_load,
    retrieval_state,
)
from assocmem.models.classical import ClassicalHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.studies.classical_exact import DRAWS, exact_claims, exact_numbers, plot_exact, random_signs
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.studies import plot_capacity, plot_extrapolation
from assocmem.plotting.style import EXCITATORY, INHIBITORY, colours

HELD, LOST = 0.9, 0.8  # overlaps
SIZES = {"quick": (100, 200, 400), "paper": (250, 500, 1000, 2000, 4000)}
CUES = {"quick": 32, "paper": 32}  # at most, of one set of patterns
SETS = {"quick": (4, 8), "paper": (10, 40)}
WIDTH = {"quick": 0.1, "paper": 0.05}  # of the interval at which no more sets are made
SWEEPS = 100
EXPONENTS = tuple(np.round(np.arange(0.3, 1.21, 0.02), 2).tolist())
EXPONENT = 0.5
# loads around the one at which half of the patterns are to be expected, in units of N^(-1/2)
CENTRE, PLACES = 0.83, (-0.8, -0.4, -0.2, 0.0, 0.2, 0.4, 0.8)
CONTROL_SIZE = {"quick": 200, "paper": 1000}
PSEUDO_SIZE, PSEUDO_LOADS = 200, (0.25, 0.5, 0.75, 0.95)
OVERLAP_SIZE, OVERLAP_SETS = {"quick": 500, "paper": 4000}, {"quick": 1, "paper": 2}
OVERLAP_LOADS = (0.06, 0.08, 0.09, 0.1, 0.11, 0.12, 0.13)


def held(patterns: np.ndarray, cues: np.ndarray, seed: int, *, lost: float = LOST, **settings) -> np.ndarray:
    """Last states (cue, unit) from patterns as cues; those that fall below the overlap `lost` are left there."""
    network = ClassicalHopfield(patterns, seed=seed, **settings)
    states, active = np.array(cues, dtype=float), np.arange(len(cues))
    # the first few updates settle nearly all that are held, and the others need not be followed for long
    for steps in (2, 3, *(5,) * ((SWEEPS - 5) // 5)):
        found = network.retrieve(states[active], steps=steps, threads=1)
        states[active] = found.state.values
        overlaps = np.einsum("cu,cu->c", states[active], cues[active]) / cues.shape[1]
        active = active[(found.status.values != 1) & (overlaps >= lost)]
        if active.size == 0:
            break
    return states


def compute(run: Run) -> xr.Dataset:
    """Curves and thresholds at all sizes, their extrapolation, the controls and patterns without errors."""
    sizes = SIZES[run.scale]
    rows = run.map(partial(_threshold, run), sizes[::-1], label="sizes")[::-1]
    parts = [_stacked(rows, sizes), _extrapolated([threshold for _, threshold in rows])]
    parts += [_controls(run), exact_numbers(run), _overlaps(run), _pseudo_inverse(run)]
    return (
        xr.merge(parts)
        .drop_attrs(deep=False)
        .assign_attrs(held=HELD, lost=LOST, exponent=EXPONENT, criterion=_criterion().name)
    )


def _criterion():
    return overlap_criterion(HELD)


def _curve(run: Run, n_units: int, recall: Callable) -> xr.Dataset:
    centre = critical_load() + CENTRE / np.sqrt(n_units)
    numbers = np.unique(np.round((centre + np.array(PLACES) / np.sqrt(n_units)) * n_units).astype(int)).tolist()
    fewest, most = SETS[run.scale]
    return capacity_curve(
        recall,
        numbers,
        make_patterns=partial(random_signs, n_units=n_units),
        criterion=_criterion(),
        n_cues=min(CUES[run.scale], numbers[0]),
        width=WIDTH[run.scale],
        fewest_sets=fewest,
        most_sets=most,
        seed=run.seed_for(f"classical capacity {n_units}"),
    )


def _threshold(run, n_units, recall=held):
    curve = _curve(run, n_units, recall)
    seed = run.seed_for(f"classical bootstrap {n_units}")
    return curve, capacity_threshold(curve, n_bootstrap=DRAWS[run.scale], seed=seed)


def _stacked(rows, sizes):
    """Curves and thresholds over sizes."""
    names = {"load": "load", "retrieved": "retrieved", "low": "low", "high": "high", "n_sets": "n_sets"}
    curves = [
        curve[list(names)].reset_coords(drop=True).rename(n_patterns="place").drop_vars("place", errors="ignore")
        for curve, _ in rows
    ]
    numbers = [threshold.drop_attrs(deep=False) for _, threshold in rows]
    whole = xr.merge([xr.concat(curves, "size"), xr.concat(numbers, "size")])
    return whole.rename(load="curve_load").assign_coords(size=("size", list(sizes), {"units": "1"}))


def _extrapolated(thresholds):
    """The limit for many units, for each exponent."""
    found = [extrapolated_capacity(thresholds, exponent=b) for b in EXPONENTS]
    names = ["capacity", "capacity_error", "amplitude", "chi_square"]
    whole = xr.concat([one[names] for one in found], "exponent")
    return whole.assign_coords(exponent=("exponent", list(EXPONENTS), {"units": "1"}))


def _controls(run):
    """Thresholds at one size: as measured, with all states followed to the end, and with all units at once."""
    n_units = CONTROL_SIZE[run.scale]
    recalls = {
        "sweeps": held,
        "sweeps, all followed": partial(held, lost=-1.0),
        "at once": partial(held, update_order="synchronous"),
    }
    found = run.map(lambda recall: _threshold(run, n_units, recall)[1], list(recalls.values()), label="controls")
    names = {"threshold": "control_threshold", "threshold_error": "control_error"}
    whole = xr.concat([one[list(names)] for one in found], "control").rename(names)
    return whole.assign_coords(control=list(recalls)).assign(control_size=((), n_units, {"units": "1"}))


def _overlaps(run):
    """Errors of the states that hold their pattern, against load."""
    n_units, errors = OVERLAP_SIZE[run.scale], []
    for load in OVERLAP_LOADS:
        wrong = []
        for repeat in range(OVERLAP_SETS[run.scale]):
            seed = run.seed_for(f"classical overlaps {load} {repeat}")
            patterns = random_signs(round(load * n_units), seed, n_units=n_units)
            cues = patterns[:32]
            share = (held(patterns, cues, seed) != cues).mean(axis=1)
            wrong += share[share <= (1 - HELD) / 2].tolist()
        errors.append((np.mean(wrong), np.std(wrong, ddof=1) / np.sqrt(len(wrong))))
    values = dict(zip(("state_error", "state_error_sem"), np.array(errors).T, strict=True))
    data = {name: ("state_load", value, {"units": "1"}) for name, value in values.items()}
    data["state_size"] = ((), n_units, {"units": "1"})
    return xr.Dataset(data, {"state_load": ("state_load", list(OVERLAP_LOADS), {"units": "patterns / unit"})})


def _pseudo_inverse(run):
    """Fraction of patterns that are fixed points of the network with the pseudo-inverse."""
    seed, kept = run.seed_for("classical pseudo-inverse"), []
    for load in PSEUDO_LOADS:
        patterns = random_signs(round(load * PSEUDO_SIZE), seed, n_units=PSEUDO_SIZE)
        network = ClassicalHopfield(patterns, learning="pseudo_inverse", seed=seed)
        kept.append(np.all(network.update(patterns, threads=1) == patterns, axis=1).mean())
    data = {"pseudo_held": ("pseudo_load", kept, {"units": "1"})}
    return xr.Dataset(data, {"pseudo_load": ("pseudo_load", list(PSEUDO_LOADS), {"units": "patterns / unit"})})


def plot(dataset: xr.Dataset) -> Figure:
    """Curves and thresholds, extrapolation, errors against mean field, and patterns without errors."""
    with style():
        figure, axes = make_figure(2, 3, height=120)
        _plot_curves(dataset, axes[0])
        sizes = {"n_units": dataset["size"].values}
        limit = dataset.sel(exponent=EXPONENT, method="nearest").rename(size="n_units").assign_coords(sizes)
        plot_extrapolation(limit.assign_attrs(exponent=EXPONENT), axes[1])
        axes[1].axhline(critical_load(), color=EXCITATORY, linestyle="--", label="mean field, 0.138")
        axes[1].legend()
        _plot_exponents(dataset, axes[2])
        _plot_errors(dataset, axes[3])
        plot_exact(dataset, axes[4])
        _plot_controls(dataset, axes[5])
        label_panels(axes)
    return figure


def _plot_curves(dataset, ax):
    for number, (size, colour) in enumerate(zip(dataset["size"].values, colours(dataset.sizes["size"]), strict=True)):
        part = dataset.isel(size=number).rename(curve_load="load", place="n_patterns")
        fit = part[["threshold", "slope_width"]].assign_attrs(probability=0.5, scale="linear")
        plot_capacity(part.dropna("n_patterns", subset=["load"]), ax, threshold=fit, label=f"N = {size}", colour=colour)
    ax.axvline(critical_load(), color=EXCITATORY, linestyle="--")
    ax.legend()
    ax.set_ylabel(f"held (overlap {dataset.attrs['held']:g} or more)")


def _plot_exponents(dataset, ax):
    """The limit against the exponent; filled where the fit is no worse than the best by more than 4 in chi^2."""
    ax.errorbar(dataset.exponent, dataset.capacity, dataset.capacity_error, fmt="-", color=INHIBITORY, capsize=1.5)
    is_good = _likely(dataset)
    for keep, fill, label in ((is_good, INHIBITORY, "within 4 of the least $\\chi^2$"), (~is_good, "white", None)):
        places = dataset.isel(exponent=np.flatnonzero(keep))
        ax.plot(places.exponent, places.capacity, "o", color=INHIBITORY, markerfacecolor=fill, label=label, zorder=3)
    ax.axhline(critical_load(), color=EXCITATORY, linestyle="--", label="mean field, 0.138")
    ax.set(xlabel="exponent $b$ of $N^{-b}$", ylabel="limit (patterns / unit)")
    ax.legend()


def _plot_errors(dataset, ax):
    loads = np.linspace(0.05, critical_load() * (1 - 1e-9), 200)
    ax.plot(loads, retrieval_state(loads).error, color=EXCITATORY, label="mean field")
    size = int(dataset.state_size)
    ax.errorbar(
        dataset.state_load,
        dataset.state_error,
        2 * dataset.state_error_sem,
        fmt="o",
        color=INHIBITORY,
        capsize=2,
        label=f"N = {size}",
    )
    ax.set(xlabel="load (patterns / unit)", ylabel="wrong units of states that hold", yscale="log", ylim=(1e-6, 0.05))
    ax.legend(loc="lower right")


def _plot_controls(dataset, ax):
    places = np.arange(dataset.sizes["control"])
    ax.errorbar(places, dataset.control_threshold, 2 * dataset.control_error, fmt="o", capsize=2, color=INHIBITORY)
    names = [str(name).replace(", ", ",\n") for name in dataset.control.values]
    ax.set_xticks(places, names)
    ax.set(xlim=(-0.5, len(places) - 0.5), ylabel="threshold (patterns / unit)")
    ax.set_title(f"N = {int(dataset.control_size)}", loc="center")


def _likely(dataset) -> np.ndarray:
    """Exponents (exponent,) whose chi^2 is within 4 of the least: two standard errors."""
    chi_square = dataset.chi_square.values * max(dataset.sizes["size"] - 2, 1)
    return chi_square <= chi_square.min() + 4


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The critical load against theory and simulations of others, the controls, and patterns without errors."""
    return [*_capacity_claims(dataset), *_control_claims(dataset), *_error_claims(dataset), *exact_claims(dataset)]


def _capacity_claims(dataset):
    is_likely, best = _likely(dataset), int(dataset.chi_square.values.argmin())
    limits, errors = dataset.capacity.values, dataset.capacity_error.values
    free, exponents = float(limits[best]), dataset.exponent.values
    lowest, highest = float((limits - 2 * errors)[is_likely].min()), float((limits + 2 * errors)[is_likely].max())
    fixed = dataset.sel(exponent=EXPONENT, method="nearest")
    sizes = f"N = {int(dataset['size'].min())} to {int(dataset['size'].max())}"
    what = f"half of the patterns held, sweeps, limit of {sizes}"
    reason = "limits of all exponents with a chi^2 within 4 of the least, and two bootstrap errors"
    others = {
        "with replica symmetry broken (Steffan & Kühn 1994)": 0.138187,
        "simulations of Amit, Gutfreund & Sompolinsky (1987), 0.145 +- 0.009": 0.145,
    }
    values = {("theory", "mean field"): critical_load()} | {("other paper", text): v for text, v in others.items()}
    found = [
        Claim(
            f"{what}, exponent free: {text}",
            *(source, "close", value, free, highest - free if value > free else free - lowest, reason),
        )
        for (source, text), value in values.items()
    ]
    # few and small sizes may not tell one exponent from another; then there is nothing to compare
    found = [] if is_likely[0] or is_likely[-1] else [*found, _exponent_claim(exponents, is_likely, best)]
    return [
        *found,
        Claim(
            f"{what} as N^-1/2: mean field",
            "theory",
            "close",
            critical_load(),
            float(fixed.capacity),
            2 * float(fixed.capacity_error),
            "two bootstrap errors, none for the form of the fit",
        ),
    ]


def _exponent_claim(exponents, is_likely, best):
    side = exponents[is_likely].max() if exponents[best] < EXPONENT else exponents[is_likely].min()
    return Claim(
        "the crosstalk of a pattern fluctuates by 1 / sqrt(N): exponent with the least chi^2",
        *("theory", "close", EXPONENT, float(exponents[best]), float(abs(side - exponents[best]))),
        "exponents with a chi^2 within 4 of the least",
    )


def _control_claims(dataset):
    threshold, error = dataset.control_threshold, dataset.control_error
    size, sweeps = int(dataset.control_size), threshold.sel(control="sweeps")
    lost = dataset.attrs["lost"]
    at_once = float(threshold.sel(control="at once") - sweeps)
    return [
        Claim(
            f"N = {size}: no state comes back from an overlap below {lost:g} (change of the threshold if all are "
            "followed)",
            "control",
            "close",
            0.0,
            float(threshold.sel(control="sweeps, all followed") - sweeps),
        ),
        Claim(
            f"N = {size}: updates of all units at once hold as many, having the same fixed points (difference of "
            "thresholds)",
            "theory",
            "close",
            0.0,
            at_once,
            float(2 * np.hypot(*error.sel(control=["sweeps", "at once"]))),
            "two bootstrap errors of a difference",
        ),
        Claim(
            f"with the pseudo-inverse all patterns are fixed points up to load {PSEUDO_LOADS[-1]:g} (least fraction)",
            "theory",
            "at_least",
            1.0,
            float(dataset.pseudo_held.min()),
        ),
    ]


def _error_claims(dataset):
    """Wrong units against mean field, at the loads where there are enough of them to count."""
    expected = retrieval_state(dataset.state_load.values).error.values
    keep = np.flatnonzero(expected > 5e-4)
    ratio = float((dataset.state_error.values / expected)[keep].mean())
    error = float(np.sqrt(np.sum((dataset.state_error_sem.values / expected)[keep] ** 2)) / keep.size)
    loads = dataset.state_load.values[keep]
    statement = (
        f"N = {int(dataset.state_size)}, loads {loads[0]:g} to {loads[-1]:g}: wrong units of states that hold, over "
    )
    return [
        Claim(
            statement + "those of mean field (mean ratio)",
            "theory",
            "close",
            1.0,
            ratio,
            3 * error,
            "three standard errors over cues",
        )
    ]


EXPERIMENT = Experiment(
    "classical_capacity", "random patterns held by the classical Hopfield network", compute, plot, claims
)
