"""From how far the classical Hopfield network finds a pattern: over load and corruption, and for three rules.

The phase diagram of Hebb's rule, with sweeps over the units, over the load and the fraction of signs of the cue that
are flipped. A point is one of retrieval where half of the cues of a network or more end in an overlap of 0.9 with their
pattern, and repeats, networks of other patterns, tell how sure that is. It is made twice, once refined at the border,
once on the full grid; a point has the same patterns and cues in both, so that they differ only where the refined one
fills in. Theory on the same axes: the critical load of mean field, and the border of Amari & Maginu for updates of all
units at once.

Radii of basins, by bisection, of Hebb's rule and of the pseudo-inverse with and without self-coupling. With it a unit
that is flipped has the potential ``1 - 2 P_ii``, and the diagonal of the projector P has the load as its mean: from a
load of 1/2 on no flip is undone. Without it the potential is ``1 - P_ii``, which is positive up to a load of 1.

References
----------
Amari & Maginu (1988), Neural Networks 1. Kanter & Sompolinsky (1987), Phys. Rev. A 35.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.basins import basin_radius, sign_flip_corruption
from assocmem.analysis.capacity import overlap_criterion
from assocmem.analysis.classical_theory import critical_load, neurodynamic_border
from assocmem.models.classical import ClassicalHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.studies.classical import HELD
from assocmem.papers.studies.classical_exact import random_signs
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.phase_diagram import plot_phase_diagram, plot_refined_phases
from assocmem.scan import phase_diagram

UNITS = {"quick": 150, "paper": 500}
COARSE, REFINEMENTS = (9, 9), {"quick": 1, "paper": 3}
REPEATS = {"quick": 2, "paper": 3}
CUES = {"quick": 4, "paper": 16}  # of each network
RANGES = {"flipped": (0.0, 0.5), "load": (0.01, 0.17)}
LEAST_FINE = 40  # points of an axis from which on the number of runs is a claim
SWEEPS = 30
RETRIEVED, NOT = "retrieved", "not retrieved"
RADIUS_UNITS = {"quick": 100, "paper": 400}
RADIUS_PATTERNS = {"quick": 3, "paper": 8}
RADIUS_CUES = {"quick": 10, "paper": 40}
RADIUS_BISECTIONS = {"quick": 6, "paper": 9}
RULES = {
    "Hebb, sweeps": {},
    "Hebb, at once": {"update_order": "synchronous"},
    "pseudo-inverse": {"learning": "pseudo_inverse"},
    "pseudo-inverse, self-coupling": {"learning": "pseudo_inverse", "has_self_coupling": True},
}
HEBB_LOADS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14)
PSEUDO_LOADS = (0.1, 0.2, 0.3, 0.4, 0.45, 0.55, 0.7, 0.9)


def retrieval(load: float, flipped: float, seed: int, *, n_units: int, n_cues: int) -> dict[str, float]:
    """Mean overlap of the last states with their patterns, and the fraction of cues that are retrieved."""
    for_patterns, for_cues, for_order = np.random.SeedSequence(seed).generate_state(3).tolist()
    patterns = random_signs(max(1, round(load * n_units)), for_patterns, n_units=n_units)
    targets = np.resize(patterns, (n_cues, n_units))
    cues = sign_flip_corruption(targets, flipped, np.random.default_rng(for_cues).random(targets.shape))
    network = ClassicalHopfield(patterns, seed=for_order)
    states = network.retrieve(cues, steps=SWEEPS, threads=1).state.values
    overlaps = np.einsum("cu,cu->c", states, targets) / n_units
    return {"overlap": overlaps.mean(), "retrieved": np.mean(overlaps >= HELD)}


def label(found: xr.Dataset) -> str:
    """The phase of one network."""
    return RETRIEVED if float(found.retrieved) >= 0.5 else NOT


def compute(run: Run) -> xr.Dataset:
    """The diagram twice, and radii."""
    refinements = REFINEMENTS[run.scale]
    refined = diagram(run, COARSE, refinements)
    full = diagram(run, tuple((n - 1) * 2**refinements + 1 for n in COARSE), 0)
    sizes = ("n_runs", "n_runs_of_full_grid")
    attributes = {**{name: refined.attrs[name] for name in sizes}, "n_units": UNITS[run.scale]}
    attributes |= {"repeats": REPEATS[run.scale], "cues": CUES[run.scale], "radius_units": RADIUS_UNITS[run.scale]}
    attributes |= {"radius_cues": RADIUS_CUES[run.scale], "bisections": RADIUS_BISECTIONS[run.scale]}
    full = full.drop_vars("is_computed").rename(
        {name: f"full_{name}" for name in full.data_vars if name != "is_computed"}
    )
    return xr.merge([refined, full, _radii(run)]).drop_attrs(deep=False).assign_attrs(attributes)


def diagram(run: Run, coarse: tuple[int, int], refinements: int) -> xr.Dataset:
    """The phases of Hebb's rule over corruption and load."""
    with ThreadPoolExecutor(run.threads) as pool:
        return phase_diagram(
            retrieval,
            RANGES,
            label,
            coarse=coarse,
            refinements=refinements,
            repeats=REPEATS[run.scale],
            seed=run.seed_for("classical basins"),
            fixed={"n_units": UNITS[run.scale], "n_cues": CUES[run.scale]},
            executor=pool,
            progress=run.progress,
        )


def _radii(run):
    """Median radius over patterns, and its quartiles, for each rule and load."""
    items = [(rule, load) for rule in RULES for load in _loads_of(rule)]
    found = run.map(partial(_radius, run), items, label="radii")
    parts = []
    for rule in RULES:
        rows = [numbers for (name, _), numbers in zip(items, found, strict=True) if name == rule]
        names = {"radius": "radius", "low_quartile": "radius_low", "high_quartile": "radius_high"}
        data = {
            name: ("radius_load", values, {"units": "1"})
            for name, values in zip(names.values(), np.array(rows).T, strict=True)
        }
        parts.append(xr.Dataset(data, {"radius_load": list(_loads_of(rule))}))
    return xr.concat(parts, xr.DataArray(list(RULES), dims="rule", name="rule"), join="outer")


def _loads_of(rule):
    return PSEUDO_LOADS if rule.startswith("pseudo") else HEBB_LOADS


def _radius(run, item):
    rule, load = item
    n_units = RADIUS_UNITS[run.scale]
    seed = run.seed_for(f"classical radius {load}")
    patterns = random_signs(round(load * n_units), seed, n_units=n_units)
    network = ClassicalHopfield(patterns, seed=seed, **RULES[rule])
    found = basin_radius(
        lambda states, seed: network.retrieve(states, steps=SWEEPS, threads=1).state.values,
        patterns[: RADIUS_PATTERNS[run.scale]],
        corruption=sign_flip_corruption,
        largest=0.5,
        n_cues=RADIUS_CUES[run.scale],
        n_bisections=RADIUS_BISECTIONS[run.scale],
        criterion=overlap_criterion(1.0 if rule.startswith("pseudo") else HELD),
        seed=seed,
    )
    return np.quantile(found.radius, [0.5, 0.25, 0.75])


def plot(dataset: xr.Dataset) -> Figure:
    """The full grid, the refined diagram and radii, with theory on the same axes."""
    with style():
        figure, axes = make_figure(2, 2, height=130)
        curves = _theory()
        overlap = dataset.full_overlap.assign_attrs(units="1")
        plot_phase_diagram(overlap, axes[0], x="load", name="overlap", symbol="$m$", limits=(0, 1), curves=curves)
        plot_refined_phases(dataset, axes[1], x="load", curves=curves)
        for ax, title in zip(axes, ("full grid", "refined at the border"), strict=False):
            ax.set_title(f"{title}, N = {dataset.attrs['n_units']}", loc="center")
            ax.set(xlabel="load (patterns / unit)", ylabel="flipped units of the cue")
        axes[1].legend(loc="lower left", framealpha=0.8, frameon=True)
        for ax, kind in zip(axes[2:], ("Hebb", "pseudo"), strict=True):
            _plot_radii(dataset, ax, kind)
        axes[2].plot(*curves["Amari & Maginu"], "--", color="black", lw=1, label="Amari & Maginu (at once)")
        axes[2].axvline(critical_load(), color="black", lw=1, label="critical load")
        axes[2].set_xlim(0, 0.17)
        axes[3].axvline(0.5, color="black", lw=1, linestyle=":", label="load 1/2")
        for ax in axes[2:]:
            ax.legend()
        label_panels(axes)
    return figure


def _theory():
    loads = np.linspace(0.002, 0.16, 120)
    return {
        "critical load": ([critical_load()] * 2, [0.0, 0.5]),
        "Amari & Maginu": (loads, (1 - neurodynamic_border(loads)) / 2),
    }


def _plot_radii(dataset, ax, kind):
    markers = ("o", "s", "D", "^")
    for rule, marker in zip(RULES, markers, strict=True):
        if rule.startswith(kind):
            part = dataset.sel(rule=rule).dropna("radius_load", subset=["radius"])
            limits = [part.radius - part.radius_low, part.radius_high - part.radius]
            ax.errorbar(part.radius_load, part.radius, limits, fmt=f"{marker}-", capsize=2, label=rule)
    ax.set(xlabel="load (patterns / unit)", ylabel="radius (flipped units)", ylim=(0, 0.52))
    ax.set_title(f"median and quartiles over patterns, N = {dataset.attrs['radius_units']}", loc="center")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The refined diagram against the full grid, and borders and radii against theory."""
    return [*_diagram_claims(dataset), *_hebb_claims(dataset), *_pseudo_inverse_claims(dataset)]


def _diagram_claims(dataset):
    n_full, n_runs = dataset.attrs["n_runs_of_full_grid"], dataset.attrs["n_runs"]
    size = f"{dataset.sizes['flipped']} x {dataset.sizes['load']} points"
    differs = (dataset.phase != dataset.full_phase).values
    is_filled_in = ~dataset.is_computed.values.astype(bool)
    rows = [
        Claim(
            f"{size}: computed points have the labels of the full grid (number that differ)",
            "control",
            "at_most",
            0.0,
            float(np.sum(differs & ~is_filled_in)),
        ),
        Claim(
            f"{size}: filled in points have them, too (share with another label)",
            "control",
            "at_most",
            0.02,
            float(np.mean(differs[is_filled_in])),
        ),
    ]
    if dataset.sizes["load"] > LEAST_FINE:  # on a grid that is not much finer than the coarse one little can be saved
        statement = f"{size}: runs of the full grid over those of the refined one"
        rows.append(Claim(statement, "target", "at_least", 5.0, n_full / n_runs))
    return rows


def _hebb_claims(dataset):
    is_retrieved = dataset.full_retrieved.sel(flipped=0.0) >= 0.5
    largest = float(dataset["load"].where(is_retrieved).max())
    hebb = dataset.radius.sel(rule=["Hebb, sweeps", "Hebb, at once"], radius_load=list(HEBB_LOADS))
    border = xr.DataArray((1 - neurodynamic_border(np.array(HEBB_LOADS))) / 2, dims="radius_load")
    excess = hebb.sel(rule="Hebb, at once") - border
    return [
        Claim(
            f"N = {dataset.attrs['n_units']}: patterns are held up to the critical load of many units, or more "
            "(largest load with retrieval from the pattern itself)",
            "theory",
            "at_least",
            critical_load(),
            largest,
        ),
        Claim(
            "Hebb: basins shrink with load (largest growth of a radius from one load to the next)",
            "theory",
            "at_most",
            0.0,
            float(hebb.diff("radius_load").max()),
            0.03,
            "medians over few patterns of one network each",
        ),
        Claim(
            "the theory of Amari & Maginu, which leaves out correlations, makes basins of updates at once too wide "
            "(largest excess of a radius over it)",
            "theory",
            "at_most",
            0.0,
            float(excess.max()),
            0.02,
            "medians over few patterns of one network each",
        ),
    ]


def _pseudo_inverse_claims(dataset):
    n_units = dataset.attrs["radius_units"]
    half = 1 - 0.5 ** (1 / n_units)  # the probability of a flip at which half of the cues have none
    radius = dataset.radius.sel(radius_load=[load for load in PSEUDO_LOADS if load > 0.6])
    kept, without = (radius.sel(rule=f"pseudo-inverse{text}") for text in (", self-coupling", ""))
    resolution = 0.5 / 2 ** dataset.attrs["bisections"] + 2 / (n_units * np.sqrt(dataset.attrs["radius_cues"]))
    loads = " and ".join(f"{load:g}" for load in radius.radius_load.values)
    what = f"pseudo-inverse, N = {n_units}, loads {loads}"
    return [
        Claim(
            f"{what}: with self-coupling no flip is undone (largest radius; half of the cues have no flip at)",
            "theory",
            "close",
            half,
            float(kept.max()),
            resolution,
            "bisection, and two standard errors of a fraction of cues",
        ),
        Claim(
            f"{what}: without self-coupling single flips are undone, and radii are larger (least radius over 1 / N)",
            "theory",
            "at_least",
            1.0,
            float(without.min() * n_units),
        ),
    ]


EXPERIMENT = Experiment(
    "classical_basins", "load and corruption up to which the classical network retrieves", compute, plot, claims
)
