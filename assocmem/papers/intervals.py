"""Means over repeats with their uncertainty, and how they are drawn."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy import stats

from assocmem.papers.base import Claim

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


def plot_means(values: xr.DataArray, ax: Axes, lines: dict[str, dict], *, x: str) -> None:
    """Means over repeats of values (model, repeat, x) with their intervals, the models slightly apart.

    `lines` has the look of each model that is drawn, by name, as keywords of Matplotlib.
    """
    positions = values[x].to_numpy().astype(float)
    for number, (name, line) in enumerate(lines.items()):
        part = values.sel(model=name)
        # on a logarithmic axis a factor moves all points alike
        shifted = positions * 1.02 ** (number - 0.5 * (len(lines) - 1))
        half = half_width(part).fillna(0.0)
        ax.errorbar(shifted, part.mean("repeat"), half, capsize=1.5, elinewidth=0.6, **line)
    ax.set(xscale="log", xticks=positions, xticklabels=[f"{p:g}" for p in positions])
    ax.minorticks_off()


def plot_rows(values: xr.DataArray, ax: Axes, lines: dict[str, dict]) -> None:
    """A row for each model: every value of values (model, repeat), and their mean with its interval.

    `lines` has the colour and perhaps the marker of each model that is drawn, by name.
    """
    (dim,) = (d for d in values.dims if d != "repeat")
    for row, (name, line) in enumerate(lines.items()):
        part, colour, marker = values.sel({dim: name}), line["color"], line.get("marker", "o")
        ax.plot(part, np.full(part.size, row + 0.28), ".", color=colour, alpha=0.45, markersize=2.5)
        half = half_width(part).fillna(0.0)
        ax.errorbar(part.mean(), row, xerr=half, color=colour, marker=marker, markersize=3.5, capsize=2)
    ax.set(yticks=range(len(lines)), yticklabels=list(lines), ylim=(len(lines) - 0.5, -0.6))
