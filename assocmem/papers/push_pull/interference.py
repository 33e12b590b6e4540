"""Interference of relatives at the units of a child in one discrete step: drawn networks against theory."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.interference import cancelling_pull, inter_class_distribution, interference_distribution
from assocmem.hierarchy import hierarchical_patterns
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import beyond_chance, like_earlier_run, standard_error
from assocmem.plotting import label_panels, make_figure, style

B1, B2, N_CHILDREN, N_PARENTS = 0.25, 0.15, 100, 10  # of the histograms
DRAWN = {"b1": 0.25, "b2": 0.1, "n_children": 80, "n_parents": 20}  # of the curves that are drawn without a network
N_UNITS, N_REPEATS = {"quick": 3000, "paper": 10000}, {"quick": 8, "paper": 20}
EDGES = np.arange(-4.0, 4.01, 0.25)
NARROW_EDGES = np.arange(-0.6, 0.61, 0.025)  # for the interference between classes
THRESHOLD = -1.0  # a unit flips where the interference is below
WITHIN, PULLED, CANCELLED, BETWEEN = "siblings", "siblings, pull b1", "siblings, pull b1^3 (P_c - 1)", "other classes"
PULLS = {WITHIN: 0.0, PULLED: B1, CANCELLED: cancelling_pull(B1, N_CHILDREN)}
COLOURS = {WITHIN: "#0072B2", PULLED: "#D55E00", CANCELLED: "#009E73", BETWEEN: "#CC79A7"}

# one network of an earlier and independent implementation
EARLIER_BELOW = {WITHIN: 0.296, PULLED: 0.2505}
EARLIER_VARIANCE, EARLIER_RATIO = 0.01249, 7.7
THEORY_BELOW = {WITHIN: 0.2507, PULLED: 0.1832, CANCELLED: 0.0315}  # of the drawn curves


def compute(run: Run) -> xr.Dataset:
    """Histograms, fractions of units that flip and variances in many networks; curves of the theory."""
    networks = run.map(partial(_network, run), range(N_REPEATS[run.scale]), label="interference")
    dataset = xr.concat(networks, "repeat").assign_attrs(n_units=N_UNITS[run.scale])
    grid = np.linspace(-4.0, 4.0, 321)
    laws = {name: interference_distribution(B1, N_CHILDREN, pull=pull) for name, pull in PULLS.items()}
    kinds = {
        kind: inter_class_distribution(B1, B2, N_CHILDREN, N_PARENTS, variance=kind) for kind in ("exact", "official")
    }
    narrow = np.linspace(-0.6, 0.6, 241)
    return dataset.assign(
        density=(("kind", "grid"), [law.density(grid) for law in laws.values()], {"units": "1"}),
        probability_below=("kind", [float(law.probability_below(THRESHOLD)) for law in laws.values()], {"units": "1"}),
        between_density=(("formula", "narrow_grid"), [law.density(narrow) for law in kinds.values()], {"units": "1"}),
        between_theory=("formula", [law.std**2 for law in kinds.values()], {"units": "1"}),
        **_drawn_curves(),
    ).assign_coords(grid=grid, narrow_grid=narrow, formula=list(kinds))


def _network(run, number):
    """All quantities in one tree of patterns with one grandparent; other trees do not interfere on average."""
    seed = run.seed_for(f"push_pull/interference/{number}")
    tree = hierarchical_patterns(
        N_UNITS[run.scale], (1, N_PARENTS, N_CHILDREN), (B2, B1), parents="generative", seed=seed
    )
    children, parent = tree.patterns[0], tree.patterns[1][0].astype(float)
    child = children[0].astype(float)
    within = B1**2 * child * children[1:N_CHILDREN].sum(axis=0, dtype=float)
    between = B1**2 * B2**2 * child * children[N_CHILDREN:].sum(axis=0, dtype=float)
    values = {name: within - pull * child * parent for name, pull in PULLS.items()}
    histograms = [np.histogram(v, EDGES, density=True)[0] for v in values.values()]
    agrees = child == parent
    # apart from the difference of the means of the two modes
    is_like_root = child == tree.patterns[2][0]
    between_variance = sum(between[part].var() * part.mean() for part in (is_like_root, ~is_like_root))
    return xr.Dataset(
        {
            "histogram": (("kind", "bin"), histograms, {"units": "1"}),
            "below": ("kind", [np.mean(v < THRESHOLD) for v in values.values()], {"units": "1"}),
            "mode": (
                ("kind", "agrees"),
                [[v[agrees].mean(), v[~agrees].mean()] for v in values.values()],
                {"units": "1"},
            ),
            "between_histogram": ("narrow_bin", np.histogram(between, NARROW_EDGES, density=True)[0], {"units": "1"}),
            "between_variance": ((), between_variance, {"units": "1"}),
            "between_std": ((), between.std(), {"units": "1"}),
            "within_std": ((), within.std(), {"units": "1"}),
        },
        coords={
            "kind": list(PULLS),
            "agrees": [1, 0],
            "bin": 0.5 * (EDGES[1:] + EDGES[:-1]),
            "narrow_bin": 0.5 * (NARROW_EDGES[1:] + NARROW_EDGES[:-1]),
        },
    )


def _drawn_curves():
    """Densities of the published illustration, and the fractions that flip there."""
    grid, b1, n_children = np.arange(-3.0, 3.005, 0.01), DRAWN["b1"], DRAWN["n_children"]
    pulls = {WITHIN: 0.0, PULLED: b1, CANCELLED: cancelling_pull(b1, n_children)}
    laws = [interference_distribution(b1, n_children, pull=pull) for pull in pulls.values()]
    between = inter_class_distribution(**DRAWN)
    return {
        "drawn_density": (("kind", "drawn_grid"), [law.density(grid) for law in laws], {"units": "1"}),
        "drawn_between": ("drawn_grid", between.density(grid), {"units": "1"}),
        "drawn_below": ("kind", [float(law.probability_below(THRESHOLD)) for law in laws], {"units": "1"}),
        "drawn_grid": grid,
    }


def plot(dataset: xr.Dataset) -> Figure:
    """Histograms and theory within a class and between classes, and the curves of the illustration."""
    with style():
        figure, axes = make_figure(2, 2, height=110)
        for name in PULLS:
            chosen = dataset.sel(kind=name)
            ax = axes[0] if name != CANCELLED else axes[1]
            _plot_histogram(chosen.histogram, chosen.bin, ax, COLOURS[name])
            ax.plot(dataset.grid, chosen.density, color=COLOURS[name], label=_label(name, chosen.probability_below))
            axes[3].plot(
                dataset.drawn_grid, chosen.drawn_density, color=COLOURS[name], label=_label(name, chosen.drawn_below)
            )
        _plot_histogram(dataset.between_histogram, dataset.narrow_bin, axes[2], COLOURS[BETWEEN])
        for kind, line in (("exact", "-"), ("official", "--")):
            label = {"exact": "exact variance", "official": "published program"}[kind]
            axes[2].plot(
                dataset.narrow_grid, dataset.between_density.sel(formula=kind), line, color="black", label=label
            )
        axes[2].set_ylim(top=1.35 * float(dataset.between_histogram.mean("repeat").max()))
        axes[3].plot(dataset.drawn_grid, dataset.drawn_between, color=COLOURS[BETWEEN], label=BETWEEN)
        axes[3].set(xlim=(-3.0, 7.0), ylim=(0.0, 1.0))
        titles = (
            f"siblings, $b_1$ = {B1:g}, $P_c$ = {N_CHILDREN}",
            "siblings, with a pull that cancels their mean",
            f"other classes, $b_2$ = {B2:g}, $P_b$ = {N_PARENTS}",
            "theory, $b_1$ = {b1:g}, $b_2$ = {b2:g}, $P_c$ = {n_children}, $P_b$ = {n_parents}".format(**DRAWN),
        )
        for ax, title in zip(axes, titles, strict=True):
            ax.set(xlabel="interference", ylabel="probability density")
            ax.set_title(title)
            if ax is not axes[2]:
                ax.axvline(THRESHOLD, color="black", linestyle=":", linewidth=0.8)
        axes[0].set_ylim(top=0.75)
        axes[1].set_ylim(top=1.0)
        for ax in axes:
            ax.legend(loc="upper right")
        label_panels(axes)
    return figure


def _label(name, below):
    text = {WITHIN: "no pull", PULLED: "pull $b_1$", CANCELLED: "pull $b_1^3 (P_c - 1)$"}[name]
    return f"{text}: {float(below):.2f} below $-1$"


def _plot_histogram(histogram, bins, ax, colour):
    width = float(bins[1] - bins[0])
    ax.bar(bins, histogram.mean("repeat"), 0.9 * width, color=colour, alpha=0.35)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Two modes, moved inwards by the pull; a narrow distribution between classes."""
    return [
        *_mode_claims(dataset.mode.sel(kind=WITHIN)),
        *_flip_claims(dataset),
        *_pull_claims(dataset.below),
        *_between_claims(dataset),
        *_drawn_claims(dataset.drawn_below),
        *(_comparisons(dataset.below, dataset.between_variance) if dataset.attrs["scale"] == "paper" else []),
    ]


def _mode_claims(mode):
    law = interference_distribution(B1, N_CHILDREN)
    return [
        Claim(
            f"mean interference of siblings at units where child and parent {word}",
            "theory",
            "close",
            float(law.means[k]),
            float(mode.isel(agrees=k).mean()),
            2.0 * float(standard_error(mode.isel(agrees=k))),
            "two standard errors",
        )
        for k, word in enumerate(("agree", "differ"))
    ]


def _flip_claims(dataset):
    below = dataset.below
    return [
        Claim(
            f"{name}: fraction of units that flip, against the two normal distributions",
            "theory",
            "close",
            float(dataset.probability_below.sel(kind=name)),
            float(below.sel(kind=name).mean()),
            float(B1**2 * dataset.density.sel(kind=name).interp(grid=THRESHOLD))
            + 2.0 * float(standard_error(below.sel(kind=name))),
            "half the spacing of the values of a sum of signs, times the density there, and two standard errors",
        )
        for name in PULLS
    ]


def _pull_claims(below):
    within, pulled, cancelled = (below.sel(kind=kind, drop=True) for kind in (WITHIN, PULLED, CANCELLED))
    return [
        beyond_chance("the pull b1 lets fewer units flip", "paper", within - pulled),
        beyond_chance(
            "the pull that cancels the mean of the siblings lets fewer flip than the pull b1",
            "theory",
            pulled - cancelled,
        ),
    ]


def _between_claims(dataset):
    """Width of the interference between classes: against that within, and by both formulas."""
    variance = dataset.between_variance
    exact, official = (float(dataset.between_theory.sel(formula=kind)) for kind in ("exact", "official"))
    return [
        Claim(
            "interference between classes is much narrower than within the class (ratio of standard deviations)",
            "paper",
            "at_most",
            0.2,
            float(dataset.between_std.mean() / dataset.within_std.mean()),
        ),
        Claim(
            "variance of each mode of the interference between classes, exact formula",
            "theory",
            "close",
            exact,
            float(variance.mean()),
            2.0 * float(standard_error(variance)),
            "two standard errors",
        ),
        Claim(
            "that variance over the formula of the published program",
            "earlier run",
            "close",
            EARLIER_RATIO,
            float(variance.mean()) / official,
            0.05 + 2.0 * float(standard_error(variance)) / official,
            "rounding of their number, and two standard errors",
        ),
    ]


def _drawn_claims(below):
    return [
        Claim(
            f"curves of the illustration, {name}: probability below -1",
            "earlier run",
            "close",
            value,
            float(below.sel(kind=name)),
            5e-5,
            "rounding of their number",
        )
        for name, value in THEORY_BELOW.items()
    ]


def _comparisons(below, between):
    rows = [
        (f"{name}: fraction of units that flip", value, 1, below.sel(kind=name))
        for name, value in EARLIER_BELOW.items()
    ]
    return like_earlier_run(
        [*rows, ("variance of each mode of the interference between classes", EARLIER_VARIANCE, 1, between)]
    )


EXPERIMENT = Experiment("interference", "interference of siblings and of other classes", compute, plot, claims)
