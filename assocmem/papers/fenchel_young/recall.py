"""Recall of sets of images, as in figures 4 to 7: what free and sequential recall have in common.

A set of N images are the first N of a random order. Every random order serves for all N, all separations and all beta.

The paper has beta = 0.1 for images of 784 pixels and more. The digits of scikit-learn have 64, and scores that are
smaller in proportion: they are multiplied by sqrt(784 / 64), so that their scores are as large as those of the paper's
smallest images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.papers.base import Run
from assocmem.papers.fenchel_young.retrieval import random_order
from assocmem.papers.image_data import Images, image_sets, labelled_images
from assocmem.plotting import label_panels, make_figure
from assocmem.separations import Entmax, Softmax, Sparsemax

BETA = 0.1
SEPARATIONS = {"softmax": Softmax(), "1.5-entmax": Entmax(1.5), "sparsemax": Sparsemax()}
SIZES = {"quick": (2, 4, 8, 16, 32, 64, 128), "paper": (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)}
N_REPEATS = {"quick": 3, "paper": 5}
N_PIXELS = 784  # of the paper's smallest images
LINE_WIDTH = 0.01  # of a curve in the paper's figures, by which 1 cannot be told from almost 1
COLOURS = ("#0072B2", "#009E73", "#D55E00", "#CC79A7")


def sets_of_images(run: Run) -> dict[str, Images]:
    """Images by name: those with classes and, at paper scale, patches of photographs."""
    images = labelled_images(run)
    return {images.name: images} if run.scale == "quick" else image_sets(run)


def memory_set(images: Images, n_patterns: int, run: Run, repeat: int) -> np.ndarray:
    """Patterns (pattern, unit) of one set, those of small images scaled up."""
    chosen = images.values[random_order(images, run, repeat)[:n_patterns]].astype(float)
    return chosen * max(1.0, np.sqrt(N_PIXELS / chosen.shape[1]))


def medians(values: xr.DataArray) -> xr.DataArray:
    """Median over sets, rounded to 12 digits: a mean of the two in the middle must not miss 1 by its rounding."""
    return values.median("repeat").round(12)


def panels(n_images: int, n_columns: int) -> tuple[Figure, np.ndarray]:
    """Figure with axes (images, column); to be called within a style."""
    figure, axes = make_figure(n_images, n_columns, height=52 * n_images + 18)
    label_panels(axes)
    return figure, axes.reshape(n_images, n_columns)


def plot_separations(part: xr.DataArray, ax: Axes, *, x: str, has_band: bool = True, **line) -> None:
    """Median over sets against `x` for every separation, with a band between the quartiles."""
    for name, colour in zip(part.separation.values, COLOURS, strict=False):
        values = part.sel(separation=name)
        low, median, high = (values.quantile(q, "repeat") for q in (0.25, 0.5, 0.75))
        ax.plot(part[x], median, marker="." if has_band else "", color=colour, label=str(name), **line)
        if has_band:
            ax.fill_between(part[x], low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set_xscale("log", base=2)
    ax.set_ylim(-0.04, 1.04)


def each_images(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """The part of the results on every kind of images, with its name."""
    for name in dataset.images.values:
        yield str(name), dataset.sel(images=name)
