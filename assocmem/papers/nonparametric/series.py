"""Forecasts of a series by associations between its places (table 6 and figure 5).

Horizon and input have the same length. The network is that of the paper: each value is embedded, the places evoke each
other, and one learned cue evokes what the forecast is made of. Nothing in it tells one place from another, so that its
forecast does not depend on the order of the values but through a window; learned vectors of the places are the control.

In the paper all models without a window agree within noise, while the window has errors near 1, those of the mean of
the series, for which it blames locality. The public code mixes up batch and places after its window. The window here is
the plain banded one: each place sees those up to the square root of the length away.

The series of the paper are not packaged; the series is that of `series_data`. Errors are those after the last epoch.
Times are processor times of one thread, those of figure 5; they are data without a claim.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from assocmem.learning.optimizers import AdamW, Cosine
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import below, half_width, plot_means
from assocmem.papers.nonparametric.models import DENSE, LINES, WINDOW, WITHOUT_WINDOW, Setting, lines_of
from assocmem.papers.nonparametric.models import association as association_of
from assocmem.papers.nonparametric.series_data import Windows, baselines, cut, series
from assocmem.papers.training import kept
from assocmem.plotting import label_panels, make_figure, style

BETA, N_HEADS, CLIP = 0.1, 4, 5.0
PLACES = " with places"
WITH_PLACES = tuple(name + PLACES for name in (DENSE, WINDOW))
NETWORKS = (*WITHOUT_WINDOW, WINDOW, *WITH_PLACES)
BASELINE_LINES = {"mean of the series": ":", "persistence": "-.", "mean of the input": "--", "ridge regression": "-"}
MOST_SPREAD, MOST_WORSE = 0.25, 0.1  # of the mean error without a window: our reading of "within noise"
LEAST_FAILED = 4.0  # times that error: our reading of a window that fails


@dataclass(frozen=True)
class Sizes:
    """What is learned. The paper has lengths of 96, 192, 336 and 720, all windows of the series and 5 runs."""

    lengths: tuple[int, ...]
    timed_lengths: tuple[int, ...]
    n_repeats: int
    n_windows: tuple[int, int, int]
    n_epochs: int
    embedding_size: int
    batch_size: int = 16
    learning_rate: float = 3e-3
    n_timed: int = 16


SIZES = {
    "quick": Sizes((24,), (24, 96), 3, (64, 32, 64), 8, 16),
    "paper": Sizes((96, 192), (96, 192, 336, 720), 3, (150, 75, 150), 15, 64),
}


def compute(run: Run) -> xr.Dataset:
    """Errors of networks (model, length, repeat) and of baselines (baseline, length), and times (model, length)."""
    sizes, (name, values) = SIZES[run.scale], series(run)
    parts = {length: cut(values, length, sizes.n_windows) for length in sizes.lengths}
    cells = [(m, n, r) for n in reversed(sizes.lengths) for m in NETWORKS for r in range(sizes.n_repeats)]
    found = dict(zip(cells, run.map(lambda c: _errors(parts[c[1]], *c, sizes, run), cells, label="nets"), strict=True))
    shape = (len(NETWORKS), len(sizes.lengths), sizes.n_repeats, 2)
    errors = np.reshape(
        [found[m, n, r] for m in NETWORKS for n in sizes.lengths for r in range(sizes.n_repeats)], shape
    )
    controls = {n: {b: _measure(f, parts[n][2].targets) for b, f in baselines(parts[n])} for n in sizes.lengths}
    control = np.array([[controls[n][b] for n in sizes.lengths] for b in BASELINE_LINES])
    of_networks, of_baselines = ("model", "length", "repeat"), ("baseline", "length")
    variables = {
        "squared_error": (of_networks, errors[..., 0], {"units": "1"}),
        "absolute_error": (of_networks, errors[..., 1], {"units": "1"}),
        "baseline_squared_error": (of_baselines, control[..., 0], {"units": "1"}),
        "baseline_absolute_error": (of_baselines, control[..., 1], {"units": "1"}),
        "time": (("timed_model", "timed_length"), _times(sizes), {"units": "ms", "long_name": "per series and epoch"}),
    }
    coords = {"model": list(NETWORKS), "length": list(sizes.lengths), "baseline": list(BASELINE_LINES)}
    coords |= {"timed_model": list(NETWORKS[: -len(WITH_PLACES)]), "timed_length": list(sizes.timed_lengths)}
    attrs = {"series": name, "n_epochs": sizes.n_epochs, "n_windows": sizes.n_windows[0]}
    return xr.Dataset(variables, coords, attrs | {"embedding_size": sizes.embedding_size})


def forecaster(name: str, length: int, sizes: Sizes, seed: int, n_epochs: int):
    """The network of a name of `NETWORKS`, not yet trained."""
    from assocmem.estimators import HopfieldForecaster  # needs scikit-learn

    setting = Setting(BETA, sizes.embedding_size // N_HEADS, seed, length)
    return HopfieldForecaster(
        association_of(name.removesuffix(PLACES), setting),
        embedding_size=sizes.embedding_size,
        n_heads=N_HEADS,
        has_places=name.endswith(PLACES),
        n_epochs=n_epochs,
        batch_size=sizes.batch_size,
        optimizer=AdamW(sizes.learning_rate, clip=CLIP, schedule=Cosine()),
        random_state=seed,
        threads=1,
    )


def _errors(parts: list[Windows], name, length, repeat, sizes, run):
    """Mean squared and absolute error on test windows."""
    learned, _, test = parts
    sequence = np.random.SeedSequence(run.seed_for("forecasts"), spawn_key=(length, repeat))
    network = forecaster(name, length, sizes, int(sequence.generate_state(1)[0] >> 1), sizes.n_epochs)

    def learn():
        forecasts = network.fit(learned.inputs, learned.targets).predict(test.inputs)
        return {"errors": np.array(_measure(forecasts, test.targets))}

    # without line breaks, which depend on the installed version of scikit-learn
    description = repr((name, length, repeat, sizes, network.random_state, BETA, CLIP))
    return kept(learn, run, description, learned.inputs, learned.targets, test.inputs, test.targets)["errors"]


def _measure(forecasts, targets):
    errors = forecasts - targets
    return float(np.square(errors).mean()), float(np.abs(errors).mean())


def _times(sizes):
    """Processor time in ms of one series in one epoch (model, length), the least of two."""
    rng = np.random.default_rng(0)

    def once(name, length):
        x, y = rng.standard_normal((2, sizes.n_timed, length))
        network = forecaster(name, length, sizes, 0, 1)
        start = time.thread_time()
        network.fit(x, y)
        return 1e3 * (time.thread_time() - start) / sizes.n_timed

    timed = NETWORKS[: -len(WITH_PLACES)]
    return [[min(once(name, length) for _ in range(2)) for length in sizes.timed_lengths] for name in timed]


def plot(dataset: xr.Dataset) -> Figure:
    """Errors of all networks beside those of the baselines, for every length, and times against the length."""
    n_lengths = dataset.sizes["length"]
    with style():
        figure, axes = make_figure(1, n_lengths + 1, height=88)
        for ax, length in zip(axes, dataset.length.values, strict=False):
            _plot_errors(dataset.sel(length=length), ax)
            ax.set(title=f"horizon {length}", xlabel="mean squared error")
        for ax in axes[1:n_lengths]:
            ax.set_yticklabels([])
        times = dataset.time.rename(timed_model="model").expand_dims("repeat").transpose("model", "repeat", ...)
        plot_means(times, axes[-1], lines_of(times.model.values), x="timed_length")
        axes[-1].set(title="one epoch", xlabel="length", ylabel="processor time per series (ms)", yscale="log")
        axes[-1].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes[-1].yaxis.set_major_formatter(ScalarFormatter())
        axes[-1].yaxis.set_minor_formatter(NullFormatter())
        axes[-1].legend(*_without_bars(axes[-1]), fontsize=5.5, handlelength=2.5)
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center", handlelength=2.5)
        a = dataset.attrs
        figure.suptitle(f"{a['series']} series, {a['n_windows']} windows, {a['n_epochs']} epochs", fontsize=8)
        label_panels(axes)
    return figure


def _without_bars(ax):
    handles, labels = ax.get_legend_handles_labels()
    return [handle[0] for handle in handles], labels


def _plot_errors(part, ax):
    names = part.model.values
    for row, name in enumerate(names):
        errors, line = part.squared_error.sel(model=name), LINES[name.removesuffix(PLACES)]
        ax.plot(errors, np.full(errors.size, row + 0.25), ".", color=line["color"], alpha=0.4, markersize=2.5)
        half = half_width(errors).fillna(0.0)
        ax.errorbar(errors.mean(), row, xerr=half, color=line["color"], marker=line["marker"], capsize=2)
    for name, dashes in BASELINE_LINES.items():
        error = float(part.baseline_squared_error.sel(baseline=name))
        ax.axvline(error, color="0.5", linestyle=dashes, linewidth=0.9, label=name, zorder=0)
    largest = max(float(part.squared_error.max()), float(part.baseline_squared_error.max()))
    # intervals of few repeats would hide all else
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.1 * largest))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """That models agree, that a window does, too, and what networks gain over baselines."""
    return [claim for length in dataset.length.values for claim in _claims_at(dataset.sel(length=length), int(length))]


def _claims_at(part, length):
    errors, baseline = part.squared_error, part.baseline_squared_error
    means = errors.mean("repeat")
    others = means.sel(model=list(WITHOUT_WINDOW))
    spread = float((others.max() - others.min()) / others.mean())
    typical = errors.sel(model=list(WITHOUT_WINDOW)).mean("model")
    worse = (errors.sel(model=WINDOW) - typical) / float(others.mean())
    ratio = errors.sel(model=WINDOW) / typical
    best = float(means.sel(model=list(WITH_PLACES)).min() / others.mean())
    simple = float(baseline.sel(baseline="ridge regression") / others.mean())
    what = f"horizon {length}"
    return [
        Claim(
            f"{what}: models without a window agree within noise, largest difference over mean error",
            *("paper", "at_most", MOST_SPREAD, spread),
        ),
        Claim(
            f"{what}: the window fails, its error over that of the others ({_summary(ratio)}; 4.8 to 7.2 in table 6 on "
            "ETTh1)",
            *("paper", "at_least", LEAST_FAILED, float(ratio.mean())),
        ),
        below(
            f"{what}: the window is as good as the others, its error less theirs over their mean",
            worse,
            MOST_WORSE,
            source="control",
        ),
        Claim(f"{what}: ridge regression beats the networks, ratio of errors", "control", "at_most", 1.0, simple),
        Claim(f"{what}: places help, least ratio of errors with to without", "control", "at_most", 1.0, best),
    ]


def _summary(values):
    return f"from {float(values.min()):.2f} to {float(values.max()):.2f}"


EXPERIMENT = Experiment("series", "forecasts of a series: windows against all places", compute, plot, claims)
