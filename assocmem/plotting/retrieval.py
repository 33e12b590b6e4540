"""Success of retrieval against a parameter, and patterns as images."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes


def plot_retrieval_curve(
    retrieved: xr.Dataset, ax: Axes, *, x: str, label: str = "", marker: str = "o", colour=None
) -> Axes:
    """Fraction retrieved against a parameter, with its confidence interval.

    Parameters
    ----------
    retrieved : Dataset with `fraction`, `lower`, `upper` (x,)
        As from `assocmem.analysis.retrieved_fraction`.
    ax : Axes
    x : str
        Name of the dimension; its coordinate gives the places.
    label : str
        For the legend.
    marker : str
    colour : Matplotlib colour, optional

    Raises
    ------
    ValueError
        If a variable is missing or has other dimensions than `x`.
    """
    for name in ("fraction", "lower", "upper"):
        if name not in retrieved or retrieved[name].dims != (x,):
            raise ValueError(f"retrieved must have {name} over the dimension {x}")
    places = retrieved[x].to_numpy()
    fraction = retrieved.fraction.to_numpy()
    # Wilson bounds can pass the estimate by round-off at 0 and 1
    errors = np.maximum([fraction - retrieved.lower, retrieved.upper - fraction], 0)
    ax.errorbar(
        places,
        fraction,
        errors,
        marker=marker,
        color=colour,
        label=label or None,
        capsize=1.5,
        elinewidth=0.7,
        capthick=0.7,
    )
    ax.set(ylim=(-0.04, 1.04), ylabel="fraction retrieved")
    return ax


def plot_image(rates: xr.DataArray, ax: Axes, *, shape: tuple[int, int], maximum: float | None = None) -> Axes:
    """Rates of one pattern or state as a grey image.

    Parameters
    ----------
    rates : DataArray (unit,)
        Hz, row after row.
    ax : Axes
    shape : (int, int)
        Height and width in units.
    maximum : float, optional
        Rate drawn white; the largest rate where None.

    Raises
    ------
    ValueError
        If the shape does not hold as many pixels as there are units.
    """
    values = np.asarray(rates, dtype=float)
    if values.ndim != 1 or values.size != shape[0] * shape[1]:
        raise ValueError(f"shape must hold as many pixels as rates ({values.size}), got {shape}")
    # square roots: log-normal rates are dark but for a few units on a linear scale
    top = np.sqrt(values.max() if maximum is None else maximum)
    ax.imshow(np.sqrt(np.maximum(values, 0)).reshape(shape), cmap="gray", vmin=0, vmax=top)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
