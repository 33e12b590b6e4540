"""Random patterns that a network with Hebb's rule keeps without a single error: N / (2 log N), slowly.

A pattern is kept if an update changes none of its units. The number of patterns at which half of them are kept, and
that at which in half of all sets all are, stand against theory and its leading term.

References
----------
McEliece, Posner, Rodemich & Venkatesh (1987), IEEE Trans. Inf. Theory 33.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.analysis.capacity import capacity_curve, capacity_threshold, overlap_criterion
from assocmem.analysis.classical_theory import exact_capacity, stable_pattern_probability
from assocmem.models.classical import ClassicalHopfield
from assocmem.papers.base import Claim, Run
from assocmem.plotting.style import INHIBITORY, NEUTRAL

SIZES = {"quick": (50, 100, 200), "paper": (100, 200, 500, 1000, 2000)}
SETS = {"quick": 24, "paper": 100}
DRAWS = {"quick": 30, "paper": 200}  # of sets of patterns, for errors
CUES = 20
# of the number that theory expects; further off, the curve is less like the logistic one that is fitted
FACTORS = (0.75, 0.85, 0.95, 1.0, 1.05, 1.15, 1.3)


def random_signs(n_patterns: int, seed: int, *, n_units: int) -> np.ndarray:
    """Patterns (pattern, unit) of independent signs."""
    return np.where(np.random.default_rng(seed).random((n_patterns, n_units)) < 0.5, -1.0, 1.0)


def exact_numbers(run: Run) -> xr.Dataset:
    """Patterns of which half are fixed points, and of which in half of all sets all are, measured and in theory."""
    sizes, rows = SIZES[run.scale], []
    for n_units in sizes:
        theory = [_largest(lambda p, n=n_units: stable_pattern_probability(n, p) - 0.5, n_units)]
        theory += [_largest(lambda p, n=n_units: stable_pattern_probability(n, p) ** p - 0.5, n_units)]
        curves = [
            _curve(run, n_units, middle, is_of_all) for middle, is_of_all in zip(theory, (False, True), strict=True)
        ]
        draws = {"n_bootstrap": DRAWS[run.scale], "seed": run.seed_for(f"classical exact bootstrap {n_units}")}
        found = [capacity_threshold(curve, **draws) for curve in curves]
        numbers = np.array([[float(one[name]) for one in found] for name in ("threshold", "threshold_error")])
        rows.append([*(numbers * n_units), theory])
    leading = [[exact_capacity(n), exact_capacity(n, of_all=True)] for n in sizes]
    values = dict(zip(("exact", "exact_error", "exact_theory"), np.moveaxis(np.array(rows), 1, 0), strict=True))
    values["exact_leading"] = np.array(leading)
    data = {name: (("exact_size", "share"), value, {"units": "patterns"}) for name, value in values.items()}
    return xr.Dataset(data, {"exact_size": ("exact_size", list(sizes), {"units": "1"}), "share": ["half", "all"]})


def _largest(excess, n_units):
    """Number of patterns, in between whole ones, at which a falling function is 0."""
    low, high = 2, n_units
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low + excess(low) / (excess(low) - excess(high))


def _curve(run, n_units, middle, is_of_all):
    """Fraction of fixed points, or of sets that are fixed points as a whole, around an expected number."""
    numbers = np.unique(np.round(middle * np.array(FACTORS)).astype(int)).tolist()
    sets = SETS[run.scale]
    curve = capacity_curve(
        lambda patterns, cues, seed: ClassicalHopfield(patterns, seed=seed).update(cues, threads=1),
        numbers,
        make_patterns=partial(random_signs, n_units=n_units),
        criterion=overlap_criterion(1.0),
        n_cues=None if is_of_all else CUES,
        fewest_sets=sets,
        most_sets=sets,
        seed=run.seed_for(f"classical exact {n_units} {is_of_all}"),
    )
    if not is_of_all:
        return curve
    whole = (curve.n_retrieved == curve.n_cued).astype(float)
    return curve.assign(n_retrieved=whole, n_cued=xr.ones_like(whole), retrieved=whole.mean("set"))


def plot_exact(dataset: xr.Dataset, ax: Axes) -> None:
    """Patterns per unit against units: measured, theory, leading term."""
    sizes = dataset.exact_size
    labels = {"half": "half of the patterns", "all": "all, in half of the sets"}
    for share, colour, marker in zip(labels, (INHIBITORY, NEUTRAL), ("o", "s"), strict=True):
        part = dataset.sel(share=share)
        ax.plot(sizes, part.exact / sizes, marker, color=colour, label=labels[share])
        ax.plot(sizes, part.exact_theory / sizes, color=colour)
        ax.plot(sizes, part.exact_leading / sizes, color=colour, linestyle=":")
    ax.plot([], [], color="black", label="theory")
    ax.plot([], [], ":", color="black", label="$1/(2 \\log N)$, $1/(4 \\log N)$")
    ax.set(xscale="log", xlabel="units $N$", ylabel="fixed points (patterns / unit)")
    ax.set_ylim(0, 1.55 * float((dataset.exact / sizes).max()))  # room for the legend
    ax.set_xticks(sizes, [str(size) for size in sizes.values])
    ax.set_xticks([], minor=True)
    ax.legend(loc="upper right")


def exact_claims(dataset: xr.Dataset) -> list[Claim]:
    """The numbers of patterns against theory and its leading term."""
    last = dataset.isel(exact_size=-1)
    size, rows = int(last.exact_size), []
    for share, text in (("half", "half of the patterns are fixed points"), ("all", "all are, in half of the sets")):
        part = last.sel(share=share)
        ratio, error = (float(part[name] / part.exact_theory) for name in ("exact", "exact_error"))
        reason = "two bootstrap errors, and 2 % for the logistic form and normal numbers"
        statement = f"N = {size}: {text}, number of patterns over that of theory"
        rows.append(Claim(statement, "theory", "close", 1.0, ratio, 2 * error + 0.02, reason))
        over_leading = (dataset.exact / dataset.exact_leading).sel(share=share)
        name = "N / (2 log N)" if share == "half" else "N / (4 log N)"
        rows.append(
            Claim(
                f"{text}: {name} is approached from above (ratio at the largest N over that at the smallest)",
                "theory",
                "at_most",
                1.0,
                float(over_leading[-1] / over_leading[0]),
            )
        )
        rows.append(Claim(f"N = {size}: {text}, over {name}", "theory", "at_least", 1.0, float(over_leading[-1])))
    return rows
