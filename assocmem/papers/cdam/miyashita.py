"""Correlations between delay activities of neurons in monkeys, and attractors of a ring, against distance.

Miyashita (1988) showed monkeys pictures in a fixed order and found that the delay activities evoked by two pictures
are correlated, less so the more pictures lie between them. The paper fits this curve by a network at the edge of the
collapse of its attractors. That edge moves with the number of units times the inverse temperature and with the length
of a run, so several of both are scanned here, and the measure of the fit is compared with what a trivial curve has.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.graphs import ring
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam import network
from assocmem.papers.cdam.distances import ring_curve
from assocmem.plotting import NEUTRAL, colours, label_panels, make_figure, style

N_PATTERNS = 30
# correlation of delay activities against the distance of pictures, with its standard error: table 1 of the paper
MONKEY = (1.0, 0.33810, 0.19700, 0.11940, 0.08806, 0.07015, 0.06493)
MONKEY_ERROR = (0.0, 0.03731, 0.03582, 0.02985, 0.02388, 0.02015, 0.02239)
PUBLISHED, PUBLISHED_R2 = -2.45, 0.997  # strength a of the best fit of the paper, h = 1 - a
# curves of figure 14, read off to 0.02
PAPER = {
    -2.4: (1.0, 0.42, 0.36, 0.30, 0.28, 0.15, 0.08),
    -2.45: (1.0, 0.33, 0.24, 0.19, 0.12, 0.13, 0.10),
    -2.5: (1.0, 0.18, 0.24, 0.09, 0.08, 0.05, -0.04),
}
FIGURE_ERROR = 0.02
# earlier run, 16 networks: units, strength a, curve
EARLIER = {
    ("750 units", -2.45): (1.0, 0.35, 0.31, 0.24, 0.19, 0.12, 0.08),
    ("1000 units", -2.25): (1.0, 0.23, 0.20, 0.15, 0.14, 0.08, 0.03),
}
N_EARLIER, ROUNDING = 16, 0.005
STRENGTHS = tuple(np.round(np.arange(-2.5, -1.99, 0.05), 2))
# name: units, inverse temperature, iterations; the first is what the paper states
VARIANTS = {
    "1000 units": (1000, 1.0, 100),
    "750 units": (750, 1.0, 100),
    "1000 units, beta 0.75": (1000, 0.75, 100),
    "1000 units, 45 iterations": (1000, 1.0, 45),
}


def compute(run: Run) -> xr.Dataset:
    """Attractor correlation against distance for all strengths and variants, and its fits to the monkeys."""
    curves = network.over_networks(run, _measure)
    monkey = xr.DataArray(list(MONKEY), dims="distance")
    mean = curves.curve.mean("network")
    return curves.assign(
        monkey=network.in_units(monkey),
        monkey_error=("distance", list(MONKEY_ERROR), {"units": "1"}),
        r_squared=_r_squared(curves.curve, monkey),
        mean_r_squared=_r_squared(mean, monkey),
        mean_r_squared_apart=_r_squared(mean.isel(distance=slice(1, None)), monkey[1:]),
        deviation=network.in_units(np.sqrt(((mean - monkey)[..., 1:] ** 2).mean("distance"))),
        trivial_r_squared=_r_squared(xr.DataArray(np.eye(len(MONKEY))[0], dims="distance"), monkey),
    )


def _measure(seed):
    settings = [(a, 1.0 - a) for a in STRENGTHS]
    parts = []
    for n_units, beta, steps in VARIANTS.values():
        result = network.retrieve_settings(
            ring(N_PATTERNS), settings, seed=seed, n_units=n_units, beta=beta, steps=steps
        )
        along = ring_curve(result.attractor_correlation, n_distances=len(MONKEY))
        sem = along.std("cue") / N_PATTERNS**0.5
        parts.append(xr.Dataset({"curve": network.in_units(along.mean("cue")), "curve_sem": network.in_units(sem)}))
    dataset = xr.concat(parts, xr.DataArray(list(VARIANTS), dims="variant"))
    dataset = dataset.drop_vars(["auto_strength", "hetero_strength"]).rename(setting="auto_strength")
    return dataset.assign_coords(auto_strength=("auto_strength", list(STRENGTHS), {"units": "1"}))


def _r_squared(curve, monkey):
    """Squared correlation of two curves over distance, as in the paper."""
    return network.in_units(xr.corr(curve, monkey, dim="distance") ** 2)


def plot(dataset: xr.Dataset) -> Figure:
    """Curves of the published strengths as stated and with fewer units, and the fits over all strengths."""
    with style():
        figure, axes = make_figure(1, 3, height=70)
        for ax, variant in zip(axes[:2], list(VARIANTS)[:2], strict=True):
            _plot_curves(dataset.sel(variant=variant), ax)
            ax.set_title(variant)
        axes[1].legend()
        _plot_fits(dataset, axes[2])
        label_panels(axes)
    return figure


def _plot_curves(dataset, ax):
    ax.errorbar(
        dataset.distance, dataset.monkey, dataset.monkey_error, marker="s", color="black", label="monkeys", zorder=3
    )
    for colour, a in zip(colours(len(PAPER)), PAPER, strict=True):
        ours = dataset.sel(auto_strength=a)
        # the error of one network, as the paper has it
        sem = ours.curve_sem.mean("network")
        ax.errorbar(dataset.distance, ours.curve.mean("network"), sem, marker="o", color=colour, label=f"$a={a:g}$")
        ax.plot(dataset.distance, PAPER[a], "x", color=colour)
    ax.plot([], [], "x", color=NEUTRAL, label="figure of the paper")
    ax.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
    ax.set(xlabel="distance $d$", ylabel="correlation", xticks=dataset.distance)


def _plot_fits(dataset, ax):
    for colour, variant in zip(colours(len(VARIANTS)), VARIANTS, strict=True):
        chosen = dataset.sel(variant=variant)
        low, high = chosen.r_squared.min("network"), chosen.r_squared.max("network")
        ax.fill_between(dataset.auto_strength, low, high, color=colour, alpha=0.15, linewidth=0)
        label = variant.replace("beta", r"$\beta$")
        ax.plot(dataset.auto_strength, chosen.mean_r_squared, "o-", color=colour, label=label)
    ax.axhline(float(dataset.trivial_r_squared), color="black", linestyle="--", linewidth=0.7, label="1, 0, 0, 0 ...")
    ax.plot(PUBLISHED, PUBLISHED_R2, "x", color="black", label="paper")
    ax.set(xlabel="strength $a$ (with $h=1-a$)", ylabel="$R^2$ with the monkeys", ylim=(0.7, 1.01))
    ax.legend()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The fit at the published setting, the best fit anywhere, and how little the measure of fit demands."""
    return [
        *_published_claims(dataset.sel(variant="1000 units", auto_strength=PUBLISHED)),
        *_best_claims(dataset),
        *_measure_claims(dataset),
        _fewer_units_claim(dataset.mean_r_squared.sel(auto_strength=PUBLISHED)),
        *(_comparisons(dataset) if dataset.attrs["scale"] == "paper" else []),
    ]


def _published_claims(published):
    return [
        Claim(
            "published setting (a = -2.45, 1000 units, beta 1, 100 iterations): R^2 of the mean curve with the monkeys",
            "paper",
            "close",
            PUBLISHED_R2,
            float(published.mean_r_squared),
            0.0005,
            "rounding",
        ),
        Claim(
            "published setting: correlation at distance 1",
            "paper",
            "close",
            PAPER[PUBLISHED][1],
            float(published.curve.sel(distance=1).mean()),
            FIGURE_ERROR + 2.0 * float(published.curve_sem.sel(distance=1).mean()),
            "reading of the figure and two standard errors over vertices of one network",
        ),
    ]


def _best_claims(dataset):
    in_range = dataset.sel(variant=["1000 units", "750 units"])
    return [
        Claim(
            "the curve of the monkeys is fitted with R^2 >= 0.95 by the mean curve of some setting with a in "
            "[-2.5, -2] and 750 or 1000 units",
            "earlier run",
            "at_least",
            0.95,
            float(in_range.mean_r_squared.max()),
        ),
        Claim(
            "best R^2 of a single network among all strengths and variants",
            "paper",
            "at_least",
            PUBLISHED_R2,
            float(dataset.r_squared.max()),
            0.0005,
            "rounding",
        ),
    ]


def _measure_claims(dataset):
    """How little R^2 demands, as both curves are 1 at distance 0."""
    return [
        Claim(
            "control: R^2 asks for little, a curve that is 1 at distance 0 and 0 elsewhere has nine tenths of it",
            "control",
            "at_least",
            0.9,
            float(dataset.trivial_r_squared),
        ),
        Claim(
            "control: the best mean curve fits worse without distance 0, where both are 1 by definition (R^2)",
            "control",
            "at_most",
            0.95,
            float(_best_place(dataset).mean_r_squared_apart),
        ),
    ]


def _fewer_units_claim(r_squared):
    return Claim(
        "750 units at the published strength fit better than 1000 units (difference of R^2 of mean curves)",
        "earlier run",
        "at_least",
        0.0,
        float(r_squared.sel(variant="750 units") - r_squared.sel(variant="1000 units")),
    )


def _comparisons(dataset):
    """Curves of the paper, and of the earlier run, which has them at fewer units or weaker strengths than stated."""
    paper = {(variant, a): curve for variant in ("1000 units", "750 units") for a, curve in PAPER.items()}
    sources = (("paper", paper, 1, FIGURE_ERROR), ("earlier run", EARLIER, N_EARLIER, ROUNDING))
    return [
        network.curve_claim(
            f"{variant}, a = {a:g}: correlation at distances 1 to 6",
            dict(enumerate(theirs[1:], start=1)),
            dataset.curve.sel(variant=variant, auto_strength=a),
            source=source,
            n_theirs=n,
            reading=reading,
        )
        for source, curves, n, reading in sources
        for (variant, a), theirs in curves.items()
    ]


def _best_place(dataset):
    """The part of the Dataset whose mean curve fits best."""
    best = dataset.mean_r_squared.argmax(("variant", "auto_strength"))
    return dataset.isel(best)


EXPERIMENT = Experiment("miyashita", "correlations of delay activity against distance", compute, plot, claims)
