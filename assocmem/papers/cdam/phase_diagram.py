"""Phases of retrieval on a ring over the plane of auto- and hetero-associative strength, with the borders of theory.

Six order parameters decide on the phase, in this order:

- travelling: from more than half of the cues the winner goes round the ring to the end, one pattern an update;
- quiescent: the last states of different cues correlate by more than 0.9, they are one and the same;
- chaotic: of two copies of a cue, 1e-10 apart, more than half end farther apart than 1e-5;
- auto and narrow: nearer to all than to half of the cues keep their own pattern as the winner (half is what pairs of
  cues that share an attractor give), without or with a trace of its neighbours;
- wide: neighbouring cues end in similar states, with a correlation of more than a half, and a trace of the cue is left.

A trace is a correlation above three standard errors of that of independent vectors, 3 / sqrt(units). What fits none of
these is "other".
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.analysis.cdam_theory import largest_stable_eta, quiescence_boundaries, ring_cluster
from assocmem.graphs import normalized, ring
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam.network import AUTO, ETA, MODES4, N_UNITS, NARROW, QUIESCENT, WIDE, WIDEST, plain_label
from assocmem.papers.cdam.phase_tiles import ORDER_PARAMETERS, order_parameters, published
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.phase_diagram import plot_phase_diagram, plot_phases

PHASES = ("auto", "narrow", "wide", "travelling", "chaotic", "quiescent", "other")
COLOURS = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#D55E00", "#BBBBBB", "white")
N_PATTERNS = 30
BETA_GAIN = N_UNITS / 12.0  # beta times the square of a centred pattern
AUTO_RANGE, HETERO_RANGE = (-4.0, 2.0), (-1.0, 4.0)
TRACE = 3.0 / np.sqrt(N_UNITS)
SAME, HALF, KEPT = 0.9, 0.5, 0.75
# order parameters drawn over the plane: name, symbol, limits and colours
PANELS = {
    "cue_correlation": ("with cue's pattern", "$r_0$", (-1, 1), "RdBu_r"),
    "attractor_correlation": ("between last states", r"$\langle K\rangle$", (-1, 1), "RdBu_r"),
    "participation_ratio": ("participation ratio", "", (1, N_PATTERNS), "viridis"),
    "log_distance": ("last distance of copies", r"$\log_{10}d$", (-15, 0), "magma"),
}
LINE = np.linspace(-2.9, 1.9, 241)  # of a, along a + h = 1


def compute(run: Run) -> xr.Dataset:
    """Order parameters over the plane and over networks, phases, and boundaries of the theory."""
    n = run.pick(24, 200)
    axes = (np.linspace(*AUTO_RANGE, n), np.linspace(*HETERO_RANGE, n))
    diagram = published(*axes, run, n_networks=run.pick(1, 10), tile_points=run.pick(144, 400))
    found = order_parameters(diagram, run)
    each = classify(found)
    mean = found.mean("network", keep_attrs=True)
    phases = classify(mean)
    agreement = (each == phases).mean("network").assign_attrs(units="1", long_name="networks of that phase")
    spread = {f"{name}_sd": found[name].std("network").assign_attrs(units="1") for name in ORDER_PARAMETERS}
    dataset = mean.assign(spread | {"phase": phases, "agreement": agreement})
    for name, symbol in (("auto_strength", "$a$"), ("hetero_strength", "$h$")):
        dataset[name].attrs = {"units": "1", "long_name": name, "symbol": symbol}
    return dataset.merge(boundaries(np.linspace(0.0, HETERO_RANGE[1], 101)))


def classify(values: xr.Dataset) -> xr.DataArray:
    """Number of the phase by the rules above, from order parameters; the attr `flag_meanings` has the names."""
    is_kept = values.own_winner > KEPT
    has_trace = values.neighbour_correlation > TRACE
    is_wide = (values.neighbour_attractors > HALF) & (values.cue_correlation > TRACE)
    rules = {
        "travelling": values.travelling_share > HALF,
        "quiescent": values.attractor_correlation > SAME,
        "chaotic": values.chaotic_share > HALF,
        "auto": is_kept & ~has_trace,
        "narrow": is_kept,
        "wide": is_wide,
    }
    phase = xr.full_like(values.own_winner, PHASES.index("other"), dtype=np.int64)
    for name, holds in reversed(rules.items()):
        phase = phase.where(~holds, PHASES.index(name))
    attrs = {"units": "1", "flag_values": list(range(len(PHASES))), "flag_meanings": " ".join(PHASES)}
    return phase.drop_attrs(deep=False).assign_attrs(attrs)


def boundaries(hetero: np.ndarray) -> xr.Dataset:
    """Auto-associative strengths (boundary, line_hetero) at which the theory expects a change.

    For orthogonal patterns of equal norm and mean, and h >= 0. `retrieval`: above, a cue alone is a fixed point,
    a = h / 2. `quiescence`: below, the state with equal weights is stable, a = p / (beta g) - h lambda_2.
    `quiescence_paper`: the same by the paper, a = -h. `oscillation`: below, it is no longer stable in the map,
    a = -(2 - eta) / eta p / (beta g) - h lambda_min. `travelling`: below, a winner that moves by one pattern in every
    update keeps moving, a = -(1 - eta) h / 2. The last follows from the coefficients that such a winner leaves behind:
    eta h / 2 on the next pattern, eta (a + (1 - eta) h / 2) on itself, and (1 - eta) eta (a + (1 - eta + 1 / (1 - eta))
    h / 2) on the one before, which is the largest of the others where it matters.

    Where a + h is far below 1 the mean activity is far below 0, which favours the patterns with the smallest mean over
    units: the state that all cues share is then not free of patterns.
    """
    links = normalized(ring(N_PATTERNS))
    limits = [quiescence_boundaries(links, float(h), beta=1.0, gain=BETA_GAIN, eta=ETA) for h in hetero]
    lowest, highest = np.transpose(limits)
    lines = {
        "retrieval": 0.5 * hetero,
        "quiescence": highest,
        "quiescence_paper": -hetero,
        "oscillation": lowest,
        "travelling": -(1.0 - ETA) * 0.5 * hetero,
    }
    ratios, edge = chattering_edge()
    coords = {"boundary": list(lines), "line_hetero": hetero, "ratio": ratios}
    variables = {
        "boundary_auto": (("boundary", "line_hetero"), np.array(list(lines.values())), {"units": "1"}),
        "chattering_hetero": ("ratio", edge, {"units": "1"}),
    }
    return xr.Dataset(variables, coords)


def chattering_edge() -> tuple[np.ndarray, np.ndarray]:
    """Ratios a / h, and h from which on the cluster at that ratio is unstable in the map; NaN without a cluster.

    The cluster depends on the ratio alone where beta g is large. The rates at which it is approached, less 1, grow in
    proportion to h, and the largest that the map endures is 2 / eta.
    """
    ratios = np.linspace(-0.98, 0.48, 74)
    links, edge = normalized(ring(N_PATTERNS)), np.full(len(ratios), np.nan)
    for k, ratio in enumerate(ratios):
        weights = ring_cluster(N_PATTERNS, auto_strength=float(ratio), hetero_strength=1.0)
        if weights is None:
            continue
        strengths = {"auto_strength": float(ratio), "hetero_strength": 1.0}
        stable = largest_stable_eta(links, weights, **strengths, scaled_beta=BETA_GAIN)
        if stable > 0:
            edge[k] = (2.0 / ETA - 1.0) / (2.0 / stable - 1.0)
    return ratios, edge


def at_strengths(dataset: xr.Dataset, setting: tuple[float, float]) -> xr.Dataset:
    """Order parameters between the points of the grid."""
    return dataset[list(ORDER_PARAMETERS)].interp(auto_strength=setting[0], hetero_strength=setting[1])


def along_line(dataset: xr.Dataset) -> xr.Dataset:
    """Order parameters along a + h = 1, over `line_auto`."""
    a = xr.DataArray(LINE, dims="line_auto", coords={"line_auto": LINE})
    a = a[(1.0 - a <= HETERO_RANGE[1]) & (1.0 - a >= HETERO_RANGE[0])]
    return dataset[list(ORDER_PARAMETERS)].interp(auto_strength=a, hetero_strength=1.0 - a)


def plot(dataset: xr.Dataset) -> Figure:
    """Phases with the boundaries of the theory, order parameters over the plane and along a + h = 1."""
    with style():
        figure, (ax,) = make_figure(height=175)
        ax.remove()
        upper, lower = figure.subfigures(2, 1, height_ratios=(1.75, 1.0))
        large, line = upper.subplots(1, 2, width_ratios=(1.45, 1.0))
        plot_phases(dataset.phase, large, x="hetero_strength", curves=_curves(dataset), colours=COLOURS)
        for setting in (*MODES4, WIDEST):
            large.plot(setting[1], setting[0], "o", color="white", markeredgecolor="black", markersize=4, zorder=4)
        _plot_line(dataset, line)
        upper.legend(*large.get_legend_handles_labels(), ncols=3, loc="outside lower center", handlelength=2.5)
        small = lower.subplots(1, len(PANELS), sharey=True)
        for ax, (key, (name, symbol, limits, colours)) in zip(small, PANELS.items(), strict=True):
            settings = {"name": name, "symbol": symbol, "limits": limits, "colour_map": colours, "colour_bar": "top"}
            plot_phase_diagram(dataset[key], ax, x="hetero_strength", phases=dataset.phase, **settings)
        for ax in small[1:]:
            ax.set_ylabel("")
        label_panels([large, line])
    return figure


def _curves(dataset):
    """Lines of the theory by their label."""
    labels = {
        "retrieval": "one pattern stable, $a=h/2$",
        "quiescence": r"quiescence stable, $a=p/\beta g-h\lambda_2$",
        "quiescence_paper": "quiescence (paper), $a=-h$",
        "travelling": r"travelling wave, $a=-(1-\eta)h/2$",
        "oscillation": r"quiescence oscillates, $\lambda_{min}$",
    }
    h = dataset.line_hetero.to_numpy()
    curves = {label: (h, dataset.boundary_auto.sel(boundary=name).to_numpy()) for name, label in labels.items()}
    edge = dataset.chattering_hetero
    curves["clusters chatter (to the right)"] = (edge.to_numpy(), (edge * edge.ratio).to_numpy())
    return curves


def _plot_line(dataset: xr.Dataset, ax: Axes) -> None:
    """Order parameters along a + h = 1, with the boundaries of the theory where they cross that line."""
    line = along_line(dataset)
    shown = {
        "cue_correlation": "$r_0$",
        "neighbour_correlation": "$r_1$",
        "neighbour_attractors": "$K_1$",
        "own_winner": "cues that keep their pattern",
        "travelling_share": "travelling cues",
        "chaotic_share": "chaotic pairs",
    }
    for name, label in shown.items():
        ax.plot(line.line_auto, line[name], label=label, linewidth=0.9)
    for boundary in dataset.boundary.values:
        crossing = crossing_of_line(dataset, str(boundary))
        if np.isfinite(crossing) and line.line_auto[0] < crossing < line.line_auto[-1]:
            ax.axvline(crossing, color="black", linestyle=":", linewidth=0.7)
            text = str(boundary).replace("_", " (") + (")" if "_" in str(boundary) else "")
            ax.annotate(text, (crossing, 1.0), (-2, 0), rotation=90, size=6, **_AT_TOP)
    ends = (float(line.line_auto[0]), float(line.line_auto[-1]))
    ax.set(xlabel="auto strength $a=1-h$", ylabel="order parameter", xlim=ends, ylim=(-0.5, 1.4))
    ax.legend(loc="lower left", ncols=2, bbox_to_anchor=(0.0, 0.98))


def crossing_of_line(dataset: xr.Dataset, boundary: str) -> float:
    """Auto-associative strength at which a boundary of the theory crosses a + h = 1; NaN where it does not."""
    h = dataset.line_hetero.to_numpy()
    return first_crossing(1.0 - h, dataset.boundary_auto.sel(boundary=boundary).to_numpy() - (1.0 - h), 0.0)


def first_crossing(places: np.ndarray, values: np.ndarray, level: float) -> float:
    """First of the places, from the last one backwards, at which the values cross a level; NaN where they do not."""
    order = np.argsort(places)[::-1]
    places, above = np.asarray(places)[order], np.asarray(values)[order] - level
    changes = np.flatnonzero(above[1:] * above[:-1] <= 0)
    if changes.size == 0:
        return float("nan")
    k = changes[0]
    return float(places[k] + (places[k + 1] - places[k]) * above[k] / (above[k] - above[k + 1]))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Phases at the settings of the paper, and boundaries against the paper's and the exact theory."""
    expected = {AUTO: "auto", NARROW: "narrow", WIDE: "wide", QUIESCENT: "quiescent"}
    rows = []
    for setting, phase in expected.items():
        is_such = int(classify(at_strengths(dataset, setting))) == PHASES.index(phase)
        rows.append(Claim(f"{plain_label(setting)} is {phase} (1 if so)", "paper", "close", 1.0, float(is_such)))
    total = dataset.auto_strength + dataset.hetero_strength
    size = abs(dataset.auto_strength) + abs(dataset.hetero_strength) + 1.0
    rows.append(
        Claim(
            "mean activity is (a + h - 1) / 2: largest difference, as a fraction of |a| + |h| + 1",
            "theory",
            "at_most",
            0.0,
            float((abs(dataset.mean_activity - 0.5 * (total - 1.0)) / size).max()),
            4.0 / np.sqrt(12.0 * N_UNITS),
            "four standard deviations of the mean of one pattern",
        )
    )
    rows += _travelling_claims(dataset)
    # a coarse grid says little of where borders are
    return rows + (_boundary_claims(dataset) if dataset.attrs["scale"] == "paper" else [])


def _boundary_claims(dataset):
    spacing = float(dataset.auto_strength[1] - dataset.auto_strength[0])
    line = along_line(dataset)
    retrieval = first_crossing(line.line_auto.values, line.own_winner.values, KEPT)
    column = dataset[list(ORDER_PARAMETERS)].interp(hetero_strength=1.0)
    quiescence = first_crossing(column.auto_strength.values, column.attractor_correlation.values, SAME)
    theory = float(dataset.boundary_auto.sel(boundary="quiescence").interp(line_hetero=1.0))
    # eigenvalues of the Gram matrix spread by 2 sqrt(p / n) and move p / (beta g)
    gram = 2.0 * np.sqrt(N_PATTERNS / N_UNITS) * N_PATTERNS / BETA_GAIN
    return [
        Claim(
            "a + h = 1: auto strength below which cues no longer keep their pattern, a = h / 2",
            "theory",
            "close",
            1.0 / 3.0,
            retrieval,
            5.0 / BETA_GAIN + spacing,
            "finite temperature: a gap of 5 / (beta g) makes a one-hot softmax; one spacing of the grid",
        ),
        Claim(
            "h = 1: auto strength below which the state is quiescent, p / (beta g) - lambda_2",
            "theory",
            "close",
            theory,
            quiescence,
            gram + spacing,
            "spread of the Gram matrix of random patterns; one spacing of the grid",
        ),
        Claim(
            "h = 1: auto strength below which the state is quiescent, -1 by the paper's argument",
            "paper",
            "close",
            -1.0,
            quiescence,
            spacing,
            "one spacing of the grid",
        ),
    ]


def _travelling_claims(dataset):
    """Where waves travel, the theory must allow them; elsewhere cues need not find them."""
    a, h = xr.broadcast(dataset.auto_strength, dataset.hetero_strength)
    is_travelling = dataset.phase == PHASES.index("travelling")
    is_allowed = a < -(1.0 - ETA) * 0.5 * h
    fraction = float(is_allowed.where(is_travelling).mean()) if bool(is_travelling.any()) else float("nan")
    return [
        Claim(
            "travelling phase: fraction of it that lies where the theory has a travelling wave, a < -(1 - eta) h / 2",
            "theory",
            "at_least",
            1.0,
            fraction,
        ),
        Claim(
            "(-2.6, 3.6), a point chosen after the phase was found: the state travels round the ring, fraction of cues",
            "target",
            "at_least",
            HALF,
            float(at_strengths(dataset, (-2.6, 3.6)).travelling_share),
        ),
    ]


_AT_TOP = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "ha": "right",
    "va": "top",
}
EXPERIMENT = Experiment("phase_diagram", "phases over auto- and hetero-associative strength", compute, plot, claims)
