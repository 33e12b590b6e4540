"""How many patterns are stored: the bound of proposition 4.1 beside what is measured, and what random masks retain.

The bound is for random patterns on a sphere, and exponential in the number of units. It assumes ``C >= 1`` and
``2 m R <= 1 / beta``, so R is set to ``1 / (2 m beta)``. Measured is the largest number of patterns, in powers of 2, of
which one update from the pattern itself leaves all but a part p within R of it.

A memory with a random mask cannot retrieve what is masked: at large beta it retains the part that is seen, times what
the dense memory retrieves, or a little more, as the mask may also hide a competitor. A cue counts as retrieved if no
pattern is nearer to the result than its own. Images are standardised digits, cues without noise.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.analysis.nonparametric_theory import capacity_bound
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.nonparametric.images import (
    CRITERIA,
    DIGITS,
    NEAREST,
    association_options,
    image_sets,
    mask_seed,
    successes,
)
from assocmem.papers.nonparametric.models import DENSE, MASKED
from assocmem.plotting import colours, label_panels, make_figure, style

UNITS = (6, 8, 10, 12)
NORMS = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)  # of patterns, over sqrt(n_units - 1)
FAILURE, BETA, LEAST_VISIBLE = 0.1, 1.0, 2
MOST_PATTERNS = {"quick": 512, "paper": 8192}
N_TRIALS = {"quick": 256, "paper": 2048}  # patterns that are tried at least, in one or more memories
VISIBLE = (1, 2, 5, 10, 20, 50, 100)
N_RETAINED, RETENTION_BETA = 100, 1.0
N_RETENTION_DRAWS = {"quick": 10, "paper": 50}
RETAINED_EARLIER = {DENSE: 0.926, **dict(zip(MASKED, (0.755, 0.476, 0.196), strict=True))}
# (n_units, norm, beta, p, k, R): a, b, C, capacity, by an earlier implementation, six digits
GOLDENS = {
    (20, 57**0.5, 1.0, 1e-3, 2, 1.0): (0.642665, 2.4, 1.8822, 0.637764),
    (20, 3 * 19**0.5, 1.0, 1e-3, 5, 1.0): (1.04526, 7.2, 3.24139, 8.43288),
    (75, 222**0.5, 1.0, 1e-3, 10, 1.0): (0.319031, 2.4, 2.18266, 59053.4),
    (75, 9.0, 4.0, 1e-3, 100, 1.0): (0.421225, 3.5027, 2.5676, 1.19191e6),
    (75, 9.0, 4.0, 1e-3, 1, 1.0): (-0.0138731, 3.5027, 3.11809, 4.33456e7),
}


def compute(run: Run) -> xr.Dataset:
    """Bounds and measured capacities (n_units, norm), bounds over visible patterns, and retention by masks."""
    cells = list(product(UNITS, NORMS))
    bounds = [bound(n, norm, LEAST_VISIBLE) for n, norm in cells]
    found = run.map(lambda cell: _measured(*cell, run), cells[::-1], label="capacities")[::-1]
    shape, dims = (len(UNITS), len(NORMS)), ("n_units", "norm")
    by_visible = [bound(20, 3.0, k, radius=1.0).capacity for k in VISIBLE]
    variables = {
        "bound": (dims, np.reshape([b.capacity for b in bounds], shape)),
        "growth": (dims, np.reshape([b.growth for b in bounds], shape)),
        "residual": (dims, np.reshape([abs(np.log(b.growth) + b.a - b.b / b.growth) for b in bounds], shape)),
        "capacity": (dims, np.reshape(found, shape)),
        "bound_of_visible": ("n_visible", by_visible),
        "golden": (("golden_case", "quantity"), _goldens()),
        "retained": (("retention_draw", "model"), _retention(run)),
    }
    coords = {"n_units": list(UNITS), "norm": list(NORMS), "n_visible": list(VISIBLE), "model": [DENSE, *MASKED]}
    variables = {name: (dims, values, {"units": "1"}) for name, (dims, values) in variables.items()}
    return xr.Dataset(variables, coords, {"most_patterns": MOST_PATTERNS[run.scale]})


def bound(n_units: int, norm: float, n_visible: int, radius: float | None = None):
    """The bound at a norm over sqrt(n_units - 1); R as the assumption has it if None."""
    largest = norm * np.sqrt(n_units - 1)
    radius = 0.5 / (largest * BETA) if radius is None else radius
    settings = {"beta": BETA, "failure_probability": FAILURE, "n_visible": n_visible, "radius": radius}
    return capacity_bound(n_units, largest_norm=largest, **settings)


def _measured(n_units, norm, run):
    """The largest number of patterns in powers of 2 that is stored; 1 if 2 are not."""
    largest, n_stored, n_patterns = norm * np.sqrt(n_units - 1), 1, 2
    while n_patterns <= MOST_PATTERNS[run.scale]:
        key = (n_units, int(100 * norm), n_patterns)
        sequence = np.random.SeedSequence(run.seed_for("spheres"), spawn_key=key)
        rates = []
        for seed in sequence.spawn(max(1, N_TRIALS[run.scale] // n_patterns)):
            patterns = np.random.default_rng(seed).standard_normal((n_patterns, n_units))
            patterns *= largest / np.linalg.norm(patterns, axis=1, keepdims=True)
            states = NonparametricHopfield(patterns, beta=BETA).update(patterns, threads=1)
            rates.append(np.mean(np.linalg.norm(states - patterns, axis=1) <= 0.5 / (largest * BETA)))
        if np.mean(rates) < 1.0 - FAILURE:
            return n_stored
        n_stored, n_patterns = n_patterns, 2 * n_patterns
    return n_stored


def _goldens():
    """Ours over theirs (case, quantity)."""
    rows = []
    for (n_units, norm, beta, failure, k, radius), theirs in GOLDENS.items():
        settings = {"beta": beta, "failure_probability": failure, "n_visible": k, "radius": radius}
        b = capacity_bound(n_units, largest_norm=norm, **settings)
        rows.append(np.array([b.a, b.b, b.growth, b.capacity]) / theirs)
    return np.array(rows)


def _retention(run):
    """Shares of digits retrieved from clean cues (draw, model)."""
    images, rows = image_sets(run)[DIGITS], []
    for draw in range(N_RETENTION_DRAWS[run.scale]):
        patterns, seed = images.draw(run, draw, N_RETAINED), mask_seed(images, run, draw)
        row = []
        for name in (DENSE, *MASKED):
            memory = NonparametricHopfield(patterns, beta=RETENTION_BETA, **association_options(name, seed))
            states = memory.update(patterns, threads=1)
            row.append(successes(states, patterns, images.threshold)[CRITERIA.index(NEAREST)])
        rows.append(row)
    return np.array(rows)


def plot(dataset: xr.Dataset) -> Figure:
    """Bound and measured capacity over the norm, the bound over visible patterns, and retention."""
    with style():
        figure, axes = make_figure(1, 3, height=65)
        for n_units, colour in zip(UNITS, colours(len(UNITS)), strict=True):
            part = dataset.sel(n_units=n_units)
            axes[0].plot(part.norm, part.capacity, "o-", color=colour, markersize=3, label=f"$d={n_units}$")
            is_valid = part.growth >= 1.0
            axes[0].plot(part.norm, part.bound, ":", color=colour)
            axes[0].plot(part.norm[is_valid], part.bound[is_valid], "--", color=colour)
        axes[0].axhline(dataset.attrs["most_patterns"], color="0.6", linewidth=0.8)
        axes[0].set(xlabel="norm $m / \\sqrt{d - 1}$", ylabel="patterns stored", yscale="log")
        axes[0].set_title("measured (-), bound (- -), its C < 1 (···)", fontsize=7)
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
        axes[1].plot(dataset.n_visible, dataset.bound_of_visible, "ko-", markersize=3)
        axes[1].set(
            xlabel="visible patterns $k$", ylabel="bound", xscale="log", yscale="log", title="$d=20$, $m^2=171$"
        )
        _plot_retention(dataset.retained, axes[2])
        label_panels(axes)
    return figure


def _plot_retention(retained, ax):
    seen = np.array([1.0, *(1.0 - share for share in MASKED.values())])
    mean, error = retained.mean("retention_draw"), retained.std("retention_draw", ddof=1)
    ax.plot(seen, seen, color="0.6", label="part that is seen")
    ax.plot(seen, seen * float(mean[0]), "--", color="0.6", label="times dense")
    ax.errorbar(seen, mean, 2 * error / np.sqrt(retained.sizes["retention_draw"]), fmt="ko", markersize=3)
    ax.set(xlabel="part of the patterns that is seen", ylabel="share retrieved", xlim=(0, 1.05), ylim=(0, 1.05))
    ax.legend()


def claims(dataset: xr.Dataset) -> list[Claim]:
    """The bound: its numbers, its equation, its monotony, and that more is stored; and retention."""
    bound_, worst = dataset.bound, abs(dataset.golden - 1.0).max()
    is_valid = dataset.growth >= 1.0
    steps = [float(np.log(bound_).diff(dim).min()) for dim in ("norm", "n_units")]
    valid_units = np.log(bound_.where(is_valid)).diff("n_units").min()
    ratio = (dataset.capacity / bound_).where(is_valid).min()
    falls = float(np.log(dataset.bound_of_visible).diff("n_visible").max())
    return [
        Claim(
            "a, b, C and the bound in five cases: largest relative difference",
            *("earlier run", "at_most", 0.0, float(worst), 1e-5, "six digits"),
        ),
        Claim("ln C + a = b / C: largest residual", "theory", "at_most", 0.0, float(dataset.residual.max()), 1e-12),
        Claim("the bound grows with the norm, least step of its logarithm", "paper", "at_least", 0.0, steps[0]),
        Claim(
            "the bound grows with the units where C >= 1, least step of its logarithm",
            *("paper", "at_least", 0.0, float(valid_units)),
        ),
        Claim("the bound falls with visible patterns, largest step of its logarithm", "paper", "at_most", 0.0, falls),
        Claim("more is stored than the bound says, where C >= 1: least ratio", "theory", "at_least", 1.0, float(ratio)),
        *_retention_claims(dataset.retained),
    ]


def _retention_claims(retained):
    mean, n = retained.mean("retention_draw"), N_RETAINED * retained.sizes["retention_draw"]
    rows = []
    for name, theirs in RETAINED_EARLIER.items():
        what, reason = f"digits, {N_RETAINED} clean cues, beta {RETENTION_BETA:g}, {name}: share retrieved", "10 draws"
        rows.append(Claim(what, "earlier run", "close", theirs, float(mean.sel(model=name)), 0.03, reason))
    for name, share in MASKED.items():
        limits = ((1 - share) * float(mean.sel(model=DENSE)), 1 - share)
        error = 3.0 * np.sqrt(share * (1 - share) / n)
        statement = f"digits, {name}: retrieved, from seen times dense to seen"
        reason = "three standard errors of a share"
        rows.append(Claim(statement, "theory", "between", limits, float(mean.sel(model=name)), error, reason))
    return rows


EXPERIMENT = Experiment("capacity", "patterns stored: bound, measurement, random masks", compute, plot, claims)
