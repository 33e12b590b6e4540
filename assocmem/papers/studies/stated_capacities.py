"""What six papers, or theory for them, say of the capacity of their systems, in one protocol.

One curve of the share of patterns retrieved against their number for each of them, see `stated_systems`. Beside the
curves stand the stated numbers: bounds, which should lie to the left of the threshold, or thresholds. Networks with
excitation and inhibition are trained anew for every set of patterns, so they are small here (20 and 10 units, three
sets) and part of the full scale only; their loads are studied in `balanced_ei/load`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.capacity import capacity_curve, capacity_threshold
from assocmem.analysis.proportions import wilson_interval
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.studies import stated_systems as stated
from assocmem.papers.studies.stated_systems import System, systems
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style

WIDTH = {"quick": 0.12, "paper": 0.05}
N_DRAWS = {"quick": 15, "paper": 100}
_COLOURS, _MARKERS = ("#0072B2", "#D55E00", "#009E73"), "osv"


def compute(run: Run) -> xr.Dataset:
    """Curves and thresholds of all systems, over `curve` and `step`."""
    found = systems(run)
    rows = run.map(lambda system: _measured(system, run), found, label="systems")
    dataset = xr.concat(rows, "curve", join="outer")
    names = {name: ("curve", [getattr(system, name) for system in found]) for name in ("name", "label")}
    coords = names | {"criterion": ("curve", [system.criterion.name for system in found])}
    return dataset.assign_coords(coords).assign_attrs(scale_of_systems=run.scale)


def _measured(system: System, run: Run) -> xr.Dataset:
    fewest, most = system.sets
    curve = capacity_curve(
        system.recall,
        system.numbers,
        make_patterns=system.make_patterns,
        make_cues=system.make_cues,
        criterion=system.criterion,
        n_cues=system.n_cues,
        width=WIDTH[run.scale],
        fewest_sets=fewest,
        most_sets=most,
        seed=run.seed_for(f"stated {system.name} {system.label}"),
    )
    is_whole = (curve.n_retrieved == curve.n_cued).where(curve.n_cued.notnull()).sum("set")
    data = {name: curve[name].values for name in ("retrieved", "low", "high", "n_patterns")}
    data |= {"n_sets": curve.n_sets.values, "n_whole": is_whole.values}
    values = {name: ("step", np.asarray(v, dtype=float), {"units": "1"}) for name, v in data.items()}
    number, error = _threshold(curve, run)
    scalars = {"half": number, "half_error": error, "stated": system.stated, "n_units": curve.attrs["n_units"]}
    values |= {name: ((), float(value), {"units": "1"}) for name, value in scalars.items()}
    return xr.Dataset(values, {"step": np.arange(curve.sizes["n_patterns"])})


def _threshold(curve, run):
    """Logarithm of the number of patterns of which half are retrieved, with its error; NaN if there is none."""
    if not curve.retrieved.min() < 0.5 < curve.retrieved.max():
        return np.nan, np.nan
    found = capacity_threshold(curve, scale="log", n_bootstrap=N_DRAWS[run.scale])
    n_units = curve.attrs["n_units"]
    return float(found.threshold) * n_units, float(found.threshold_error) * n_units


def plot(dataset: xr.Dataset) -> Figure:
    """One panel for each system: share retrieved against the number of patterns, stated numbers as lines."""
    names = [name for name in stated.SYSTEMS if name in dataset.name.values]
    with style():
        figure, axes = make_figure(2, 3, height=110)
        for name, ax in zip(names, axes, strict=False):
            _plot_system(dataset.isel(curve=np.flatnonzero(dataset.name.values == name)), ax)
            ax.set_title(name)
        if len(names) < len(axes):
            axes[-1].set_visible(False)
        for ax in axes[::3]:
            ax.set_ylabel("share retrieved")
        label_panels(axes[: len(names)])
    return figure


_STATED = {
    "nonparametric": "bound (prop. 4.1)",
    "Fenchel-Young": "bound (prop. 10)",
    "CDAM": "mean field",
    "push-pull": "$b_1 = b_1^*$",
    "adaptive": "earlier run, or paper",
    "balanced E-I": "0.2 per unit",
}


def _plot_system(part, ax):
    name = str(part.name.values[0])
    for k in range(part.sizes["curve"]):
        row = part.isel(curve=k)
        _errorbar(row.n_patterns, row.retrieved, row.low, row.high, ax, k, label=str(row["label"].values))
        if np.isfinite(row.stated):
            colour = NEUTRAL if np.ptp(part.stated.dropna("curve").values) == 0 else _COLOURS[k]
            ax.plot([row.stated] * 2, [-0.03, 1.03], "--", color=colour, linewidth=0.9)
    if name == "Fenchel-Young":
        _plot_sets(part.isel(curve=0), ax)
    mark = {"marker": "*", "markersize": 9, "markeredgecolor": "black", "zorder": 5, "linestyle": "none"}
    if name == "adaptive":
        number, shares = stated.ADAPTIVE_STATED[part.attrs["scale_of_systems"]]
        for label, colour in zip(shares, _COLOURS, strict=False):
            ax.plot(number, shares[label], color=colour, **mark)
    ax.plot([], [], **(mark if name == "adaptive" else {"linestyle": "--"}), color=NEUTRAL, label=_STATED[name])
    n_entries = len(ax.get_legend_handles_labels()[0])
    ax.set(ylim=(-0.03, 1.08 + 0.14 * n_entries), yticks=[0, 0.5, 1])
    ax.set(xlabel="children of a parent $P_c$" if name == "push-pull" else "patterns $P$")
    if part.n_patterns.max() > 100:
        ax.set(xscale="log")
    ax.legend(loc="upper right")


def _errorbar(x, y, low, high, ax, number, **options):
    limits = np.maximum(np.stack([y - low, high - y]), 0)
    looks = {"color": _COLOURS[number], "marker": _MARKERS[number], "elinewidth": 0.7}
    ax.errorbar(x, y, limits, **(looks | options))


def _plot_sets(row, ax):
    """Whole sets, and theory for both; for few patterns theory has 1 and nothing more."""
    row = row.isel(step=np.isfinite(row.n_sets.values))  # curves have different numbers of points
    share = row.n_whole / row.n_sets
    limits = wilson_interval(row.n_whole.values, row.n_sets.values)
    _errorbar(row.n_patterns, share, *limits, ax, 1, linestyle="none", label="all of a set")
    numbers = np.geomspace(2, float(row.n_patterns.max()), 100)
    for k, law in enumerate((stated.one_retrieved, stated.all_retrieved)):
        ax.plot(numbers, law(numbers, int(row.n_units)), color=_COLOURS[k], linewidth=0.8, linestyle=":")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Bounds and thresholds that are stated against those that are measured."""
    rows = [*_bounds(dataset), *_correlated(dataset), *_push_pull(dataset), *_adaptive(dataset)]
    return rows + (_balanced(dataset) if "balanced E-I" in dataset.name.values else [])


def _curve(dataset, name, number=0):
    return dataset.isel(curve=np.flatnonzero(dataset.name.values == name)[number])


def _three_errors(row):
    """Three standard errors of a threshold; where there is none the claim fails without."""
    return float(np.nan_to_num(3 * row.half_error))


def _bounds(dataset):
    plain, sparse = _curve(dataset, "nonparametric"), _curve(dataset, "Fenchel-Young")
    n_units = int(sparse.n_units)
    half = np.log(1.0 + np.log(2.0) / stated.cap_share(n_units))
    first = sparse.isel(step=0)
    return [
        Claim(
            "nonparametric, softmax: log P of half retrieved, not below the bound of proposition 4.1 (p = 1/2)",
            *("paper", "at_least", float(np.log(plain.stated)), float(plain.half)),
        ),
        Claim(
            f"Fenchel-Young, sparsemax: sets of {int(first.n_patterns)} patterns, not fewer than the bound of "
            "proposition 10, of which all are retrieved (share; p = 1/2)",
            *("paper", "at_least", 0.5, float(first.n_whole / first.n_sets)),
        ),
        Claim(
            "Fenchel-Young, sparsemax: log P of half of the patterns retrieved, by the share of a cap of the sphere",
            *("theory", "close", half, float(sparse.half), 0.1 + _three_errors(sparse)),
            "three standard errors, and 0.1 as the law is no logistic one",
        ),
    ]


def _correlated(dataset):
    auto, mixed, small = (_curve(dataset, "CDAM", k) for k in range(3))
    rows = [
        Claim(
            f"CDAM, {row['label'].values}: log P of half retrieved, by the mean field of the ring",
            *("theory", "close", float(np.log(row.stated)), float(row.half), 0.3 + _three_errors(row)),
            "three standard errors, and 0.3 as scores of finite networks scatter",
        )
        for row in (auto, mixed)
    ]
    text = f"CDAM, {small['label'].values}: with links, half of the scores are left, and nothing is retrieved (share)"
    return [*rows, Claim(text, "control", "at_most", 0.25, float(small.retrieved.max()))]


def _push_pull(dataset):
    one, iterated = (_curve(dataset, "push-pull", k) for k in range(2))
    return [
        Claim(
            f"push-pull, b1 = {stated.B1:g}, one step: log of the children of which half stay, by b1*",
            *("theory", "close", float(np.log(one.stated)), float(one.half), 0.1),
            "0.1: a child of 2000 units differs from the next",
        ),
        Claim(
            "push-pull: iterated, children are lost well before b1* (log of their number)",
            *("earlier run", "at_most", float(np.log(one.stated)) - 0.2, float(iterated.half)),
        ),
    ]


def _adaptive(dataset):
    number, shares = stated.ADAPTIVE_STATED[dataset.attrs["scale_of_systems"]]
    is_paper = dataset.attrs["scale_of_systems"] == "paper"
    rows, found = [], {}
    for k, (label, theirs) in enumerate(shares.items()):
        row = _curve(dataset, "adaptive", k)
        step = int(np.flatnonzero(row.n_patterns.values == number)[0])
        share = row.retrieved.isel(step=step)
        error = float(row.high[step] - row.low[step]) / 2
        source = "paper" if is_paper and label == "A-Hop" else "earlier run"
        text = f"adaptive, {label}: share of cues of {number} patterns that are retrieved"
        rows.append(
            Claim(text, source, "close", theirs, float(share), 0.05 + error, "0.05, and half of the 95 % interval")
        )
        found[label] = row.retrieved
    gain = float((found["A-Hop"] - found["L2"]).min())
    return [*rows, Claim("adaptive: gain of A-Hop over L2, least over numbers", "paper", "at_least", 0.0, gain)]


def _balanced(dataset):
    limits = tuple(float(np.log(load * 30)) for load in (stated.HELD_LOAD, stated.LOST_LOAD))
    return [
        Claim(
            f"balanced E-I, {row['label'].values}, 30 units: log P of half retrieved, between loads of 0.2 and 0.6",
            *("earlier run", "between", limits, float(row.half)),
        )
        for row in (_curve(dataset, "balanced E-I", k) for k in range(2))
    ]


EXPERIMENT = Experiment(
    "stated_capacities", "what is said of the capacity of six systems, in one protocol", compute, plot, claims
)
