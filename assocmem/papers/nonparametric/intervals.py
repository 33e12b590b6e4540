"""Means over repeats with their uncertainty, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy import stats

from assocmem.papers.base import Claim
from assocmem.papers.nonparametric.models import LINES

CONFIDENCE = 0.95


def half_width(values: xr.DataArray, dim: str = "repeat") -> xr.DataArray:
    """Half the width of the 95 % interval of the mean over a dimension, by Student's t; NaN for a single value."""
    n = values.sizes[dim]
    if n < 2:
        return values.mean(dim) * np.nan
    return float(stats.t.ppf(0.5 + 0.5 * CONFIDENCE, n - 1)) * values.std(dim, ddof=1) / np.sqrt(n)


def describe(values: xr.DataArray, digits: int = 3) -> str:
    """Mean and interval of values (repeat,) in words."""
    mean, half = float(values.mean()), float(half_width(values))
    return f"mean {mean:.{digits}f}, 95 % interval {mean - half:.{digits}f} to {mean + half:.{digits}f}"


def above(statement: str, values: xr.DataArray, least: float = 0.0, *, source: str = "paper", unit: str = "") -> Claim:
    """The claim that a mean of values (repeat,) is above a limit: the lower end of its interval is."""
    low = float(values.mean() - half_width(values))
    return Claim(f"{statement}, lower end ({describe(values)})", source, "at_least", least, low, unit=unit)


def below(statement: str, values: xr.DataArray, most: float, *, source: str = "paper", unit: str = "") -> Claim:
    """The claim that a mean of values (repeat,) is below a limit: the upper end of its interval is."""
    high = float(values.mean() + half_width(values))
    return Claim(f"{statement}, upper end ({describe(values)})", source, "at_most", most, high, unit=unit)


def plot_means(values: xr.DataArray, ax: Axes, names: Sequence[str], *, x: str) -> None:
    """Means over repeats of values (model, repeat, x) with their intervals, the models slightly apart."""
    positions = values[x].to_numpy().astype(float)
    for number, name in enumerate(names):
        part = values.sel(model=name)
        # on a logarithmic axis a factor moves all points alike
        shifted = positions * 1.02 ** (number - 0.5 * (len(names) - 1))
        half = half_width(part).fillna(0.0)
        ax.errorbar(shifted, part.mean("repeat"), half, capsize=1.5, elinewidth=0.6, **LINES[name])
    ax.set(xscale="log", xticks=positions, xticklabels=[f"{p:g}" for p in positions])
    ax.minorticks_off()


def plot_rows(values: xr.DataArray, ax: Axes, names: Sequence[str]) -> None:
    """A row for each model: the mean over repeats of values (model, repeat) with its interval, and every value."""
    for row, name in enumerate(names):
        part, colour = values.sel(model=name), LINES[name]["color"]
        ax.plot(part, np.full(part.size, row + 0.25), ".", color=colour, alpha=0.4, markersize=2.5)
        ax.errorbar(
            part.mean(), row, xerr=half_width(part).fillna(0.0), color=colour, marker=LINES[name]["marker"], capsize=2
        )
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.7))
