"""Sizes, colours and the style sheet of all figures."""

from __future__ import annotations

import string
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

STYLE_SHEET = Path(__file__).with_name("assocmem.mplstyle")
WIDTHS = {"column": 85.0, "page": 180.0}  # mm
EXCITATORY = "#D55E00"
INHIBITORY = "#0072B2"
NEUTRAL = "#666666"
FADED = "#BBBBBB"


def style() -> AbstractContextManager:
    """Context in which the package's style sheet is in force; rcParams are as before afterwards."""
    return matplotlib.style.context(str(STYLE_SHEET))


def make_figure(
    n_rows: int = 1, n_columns: int = 1, *, width: str = "page", height: float = 60.0
) -> tuple[Figure, np.ndarray]:
    """Figure of a printed width with a grid of axes.

    It belongs to no window and to no pyplot state, so that it needs no closing. Call it within `style()`.

    Parameters
    ----------
    n_rows, n_columns : int
        Axes; both >= 1.
    width : {"column", "page"}
        85 or 180 mm.
    height : float
        mm, > 0.

    Returns
    -------
    (Figure, ndarray (n_rows * n_columns,) of Axes), row after row.

    Raises
    ------
    ValueError
        If the width is unknown or the height is not > 0.
    """
    if width not in WIDTHS:
        raise ValueError(f"width must be one of {', '.join(WIDTHS)}, got {width!r}")
    if not height > 0:
        raise ValueError(f"height must be > 0 mm, got {height}")
    figure = Figure(figsize=(WIDTHS[width] / 25.4, height / 25.4))
    return figure, np.asarray(figure.subplots(n_rows, n_columns, squeeze=False)).ravel()


def label_panels(axes: np.ndarray) -> None:
    """Bold letters a, b, c ... at the upper left corners of the axes, outside of them."""
    for letter, ax in zip(string.ascii_lowercase, np.ravel(axes), strict=False):
        ax.annotate(
            letter,
            (0, 1),
            (-20, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            weight="bold",
            size=9,
            va="bottom",
            annotation_clip=False,
        )


def axis_label(data, name: str, symbol: str) -> str:
    """Label made of a name, its symbol and the unit in the attrs of `data`, as in "time t (ms)"."""
    units = data.attrs.get("units", "1").replace("^2", "²")
    unit = "" if units == "1" else f" ({units})"
    return f"{name} {symbol}{unit}" if symbol else f"{name}{unit}"


def colours(n: int) -> list[tuple[float, ...]]:
    """`n` colours of increasing brightness for an ordered family of curves."""
    return [tuple(matplotlib.colormaps["viridis"](x)) for x in np.linspace(0.0, 0.85, n)]
