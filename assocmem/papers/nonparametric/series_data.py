"""A series to forecast, cut into inputs and what follows on them, and forecasts without a network."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assocmem.papers.base import Run

FILE, COLUMN = "ETTh1.csv", "OT"
SHARES = (0.7, 0.1, 0.2)  # to learn from, for validation, to test
DAY, WEEK = 24, 7 * 24
SYNTHETIC = {"n_steps": 20_000, "persistence": 0.998, "daily": 0.4, "weekly": 0.3}
PENALTIES = tuple(10.0 ** np.arange(-1, 5))


@dataclass(frozen=True, eq=False)
class Windows:
    """Inputs (series, place) and what follows on them (series, horizon), standardised."""

    inputs: np.ndarray
    targets: np.ndarray


def series(run: Run) -> tuple[str, np.ndarray]:
    """Name and values of the series: the user's ETTh1 (oil temperature), or else a synthetic one, hour by hour.

    The synthetic one is an autoregressive process of order 1 with variance 1, a wave of a day and one of a week.

    Raises
    ------
    ValueError
        If the file has no column of numbers of the right name.
    """
    path = run.data_file(FILE)
    if path is None:
        return "synthetic", _synthetic(run.seed_for("series"))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return "ETTh1", np.array([float(row[COLUMN]) for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must have a column {COLUMN} of numbers") from error


def _synthetic(seed):
    n, phi = SYNTHETIC["n_steps"], SYNTHETIC["persistence"]
    noise = np.random.default_rng(seed).standard_normal(n)
    values, level = np.empty(n), noise[0]
    for i in range(n):
        level = phi * level + np.sqrt(1 - phi * phi) * noise[i]
        values[i] = level
    hours = np.arange(n)
    daily = SYNTHETIC["daily"] * np.sin(2 * np.pi * hours / DAY)
    return values + daily + SYNTHETIC["weekly"] * np.sin(2 * np.pi * hours / WEEK)


def cut(values: np.ndarray, length: int, counts: tuple[int, int, int]) -> list[Windows]:
    """Windows to learn from, for validation and to test, evenly spaced; both halves of a window have the length.

    All are standardised by mean and deviation of the first part of the series.

    Raises
    ------
    ValueError
        If a part of the series is shorter than a window.
    """
    edges = np.round(np.cumsum([0.0, *SHARES]) * len(values)).astype(int)
    first = values[: edges[1]]
    scaled = (values - first.mean()) / first.std()
    return [_windows(scaled[a:b], length, n) for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]


def _windows(values, length, count):
    last = len(values) - 2 * length
    if last < 0:
        raise ValueError(f"the series must have {2 * length} values in each part for a length of {length}")
    starts = np.unique(np.linspace(0, last, count).astype(int))
    rows = values[starts[:, None] + np.arange(2 * length)]
    return Windows(rows[:, :length], rows[:, length:])


def baselines(parts: list[Windows]) -> Iterator[tuple[str, np.ndarray]]:
    """Forecasts (series, horizon) of the test windows by name, none of them by a network."""
    learned, validation, test = parts
    shape = test.targets.shape
    yield "mean of the series", np.full(shape, learned.targets.mean())
    yield "persistence", np.broadcast_to(test.inputs[:, -1:], shape)
    yield "mean of the input", np.broadcast_to(test.inputs.mean(axis=1, keepdims=True), shape)
    yield "ridge regression", ridge(learned, validation, test.inputs)


def ridge(learned: Windows, validation: Windows, inputs: np.ndarray) -> np.ndarray:
    """Linear forecasts of inputs, with the penalty that is best in validation."""
    fits = [_fit(learned, penalty) for penalty in PENALTIES]
    errors = [np.square(_apply(fit, validation.inputs) - validation.targets).mean() for fit in fits]
    return _apply(fits[int(np.argmin(errors))], inputs)


def _fit(windows, penalty):
    """Coefficients and both means of the minimum of ``|Y - X W|^2 + penalty |W|^2`` of centred X and Y."""
    centre, level = windows.inputs.mean(axis=0), windows.targets.mean(axis=0)
    x, y = windows.inputs - centre, windows.targets - level
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y), centre, level


def _apply(fit, inputs):
    coefficients, centre, level = fit
    return (inputs - centre) @ coefficients + level
