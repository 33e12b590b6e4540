"""Tables classified by stored rows, whose similarity is learned column by column or by ranks (tabular classification).

A memory holds up to 400 rows with their classes; a class has the sum of ``exp(s)`` over its rows, and nothing but the
similarity s is learned, on the other rows. Columns of a table mean different things: weights of their own for all
columns ("unsorted") can tell which of them say anything about the class, while a sorted similarity does not know which
column is which, and a fixed one takes all of them alike.

Two tables are made so that theory says what must come out. The class is the product of two signs: in "crossed normals"
those of the means of two normal columns, in "crossed signs" two columns of -1 and 1, and it is turned round for some
rows. All other columns are noise of the same kind. No column alone, nor any linear function, tells the class; the most
that can be right is known. On signs, sorted similarities are functions of the number of columns that differ, as the
distance is, so that they can do no better than a function of that number. With weights of columns, in contrast, the
memory can leave out columns without information.

The tables of scikit-learn come with it. In the folder of the user's data, ``Heart/train.txt`` and ``Heart/test.txt``
(and so Adult, Bank, Vaccine, Purchase) are taken where they are: a first line with the numbers of rows and columns,
then a row on each line, the class last. The first column of Heart numbers patients and is left out. How the memory of
the paper was built is not known to us; that the stored rows are fixed is our reading.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import CONFIDENCE, above, half_width
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.similarities import DotProduct, SquaredDistance

PRODUCT, DISTANCE, SORTED = "dot product", "distance", "sorted"
UNSORTED, COMPLETE = "unsorted", "unsorted + lin"
LOGISTIC, BOOSTING = "logistic regression", "gradient boosting"
SIMILARITIES = {PRODUCT: DotProduct(), DISTANCE: SquaredDistance()}
FEATURES = {SORTED: ("sorted_dis", "sorted_dot"), UNSORTED: ("dis", "dot"), COMPLETE: ("dis", "dot", "lin")}
MODELS = (PRODUCT, DISTANCE, SORTED, UNSORTED, COMPLETE, LOGISTIC, BOOSTING)
COLOURS = dict(zip(MODELS, ("#E69F00", "#0072B2", "#D55E00", "#009E73", "#009E73", "#666666", "#666666"), strict=True))
NORMAL, SIGNS = "crossed normals", "crossed signs"
N_COLUMNS, SHIFT, TURNED = 16, 2.0, 0.05
OWN = ("Heart", "Purchase", "Adult", "Bank", "Vaccine")
HAS_NUMBERS = ("Heart",)  # rows begin with one
PUBLISHED = {  # the adaptive memory, the modern Hopfield network with a product, and XGBoost
    "Adult": (0.8634, 0.8080, 0.8640),
    "Bank": (0.9139, 0.9085, 0.9152),
    "Vaccine": (0.8042, 0.7975, 0.8034),
    "Purchase": (0.9007, 0.8822, 0.9032),
    "Heart": (0.7315, 0.6325, np.nan),
}
EARLIER = {
    "Heart": dict(zip(MODELS, (0.594, 0.617, 0.612, 0.714, 0.7315, 0.727, 0.731), strict=True)),
    "Purchase": {PRODUCT: 0.828, DISTANCE: 0.841, SORTED: 0.845, UNSORTED: 0.868, BOOSTING: 0.899},
}


@dataclass(frozen=True)
class Sizes:
    """Which tables are taken, and how much of them."""

    packaged: tuple[str, ...]
    n_memories: int
    n_rows: int  # to store and to learn from, at most
    n_tested: int  # at most
    n_repeats: int
    ridge: float = 1e-3


SIZES = {
    "quick": Sizes(("wine", "breast cancer"), 150, 800, 1000, 3),
    "paper": Sizes(("wine", "breast cancer", "digits"), 400, 1900, 3000, 5),
}
TEST_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Table:
    """Rows and classes, parted as published or not at all.

    Parameters
    ----------
    rows : ndarray (row, column)
    classes : ndarray of int (row,)
    test : Table, optional
        Rows that were set apart by whoever published them.
    """

    rows: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)
    test: Table | None = field(default=None, repr=False)

    def take(self, numbers: np.ndarray) -> Table:
        """Some of the rows."""
        return Table(self.rows[numbers], self.classes[numbers])

    def parts(self, n_rows: int, n_tested: int, seed: int) -> tuple[Table, Table]:
        """Rows to learn from and others to test, at random, at most so many of each."""
        order = np.random.default_rng(seed).permutation(len(self.rows))
        if self.test is not None:
            test_order = np.random.default_rng((seed, 1)).permutation(len(self.test.rows))
            return self.take(order[:n_rows]), self.test.take(test_order[:n_tested])
        n_test = min(n_tested, round(TEST_SHARE * len(order)))
        return self.take(order[n_test:][:n_rows]), self.take(order[:n_test])


def read_table(path: Path, *, has_numbers: bool = False) -> Table:
    """Table of a text file: numbers of rows and columns, then a row on each line, the class last.

    Parameters
    ----------
    path : path
    has_numbers : bool
        Whether each row begins with its number, which is left out.

    Raises
    ------
    ValueError
        If there are other numbers of rows and columns than the first line says, or classes are no integers.
    """
    with path.open() as file:
        header = file.readline().split()
        values = np.loadtxt(file, ndmin=2)
    if header != [str(n) for n in values.shape]:
        raise ValueError(f"{path} must have as many rows and columns as it says, {header}, got {values.shape}")
    classes = values[:, -1].astype(np.int64)
    if np.any(classes != values[:, -1]):
        raise ValueError(f"{path} must have integers as classes in its last column")
    return Table(values[:, int(has_numbers) : -1], classes)


def crossed_normals(n_rows: int, seed: int) -> tuple[Table, float]:
    """Rows whose class is the product of the signs of two means, and the share that can be told rightly at best.

    The first two columns have means of -SHIFT or SHIFT, the others 0; variances are 1. The best decision takes the
    signs of the two columns: it is right if both or none of them are those of the means.
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (n_rows, 2))
    rows = rng.standard_normal((n_rows, N_COLUMNS))
    rows[:, :2] += SHIFT * signs
    right = norm.cdf(SHIFT)
    return Table(rows, (signs.prod(axis=1) > 0).astype(np.int64)), float(right**2 + (1 - right) ** 2)


def crossed_signs(n_rows: int, seed: int) -> tuple[Table, float]:
    """Rows of signs whose class is the product of the first two, but turned round with probability TURNED."""
    rng = np.random.default_rng(seed)
    rows = rng.choice([-1.0, 1.0], (n_rows, N_COLUMNS))
    is_turned = rng.random(n_rows) < TURNED
    return Table(rows, ((rows[:, 0] * rows[:, 1] > 0) ^ is_turned).astype(np.int64)), 1 - TURNED


SYNTHETIC = {NORMAL: crossed_normals, SIGNS: crossed_signs}


def tables(run: Run) -> dict[str, Table]:
    """Tables by name: packaged ones, then the user's.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    ValueError
        If a file of the user does not have the form described.
    """
    from sklearn import datasets

    loaders = {"wine": "load_wine", "breast cancer": "load_breast_cancer", "digits": "load_digits"}
    chosen = {name: getattr(datasets, loaders[name]) for name in SIZES[run.scale].packaged}
    found = {name: Table(*load(return_X_y=True)) for name, load in chosen.items()}
    for name in OWN:
        paths = [run.data_file(f"{name}/{part}.txt") for part in ("train", "test")]
        if None not in paths:
            train, test = (read_table(path, has_numbers=name in HAS_NUMBERS) for path in paths)
            found[name] = Table(train.rows, train.classes, test)
    return found


def compute(run: Run) -> xr.Dataset:
    """Accuracy (table, model, repeat) on rows that were not learned from, and the best possible one where known.

    Raises
    ------
    ImportError
        If scikit-learn is missing; estimators name the extra to install.
    """
    from assocmem.estimators import AdaptiveHopfieldClassifier  # needs scikit-learn

    sizes, real = SIZES[run.scale], tables(run)
    names = (*SYNTHETIC, *real)
    cells = [(name, repeat) for name in names for repeat in range(sizes.n_repeats)]

    def measure(cell):
        return _accuracies(*cell, real, AdaptiveHopfieldClassifier, run)

    shape = (len(names), sizes.n_repeats, len(MODELS))
    found = np.reshape(run.map(measure, cells, label="tables"), shape).transpose(0, 2, 1)
    best = [SYNTHETIC[name](1, 0)[1] if name in SYNTHETIC else np.nan for name in names]
    return xr.Dataset(
        {
            "accuracy": (("table", "model", "repeat"), found, {"units": "1"}),
            "best": (("table",), best, {"units": "1", "long_name": "of all classifiers"}),
        },
        {"table": list(names), "model": list(MODELS)},
        {name: value for name, value in asdict(sizes).items() if name != "packaged"},
    )


def _accuracies(name, repeat, real, adaptive, run):
    """Accuracies (model,) on one choice of rows."""
    sizes = SIZES[run.scale]
    sequence = np.random.SeedSequence(run.seed_for(f"rows of {name}"), spawn_key=(repeat,))
    seeds = (sequence.generate_state(3) >> 1).tolist()
    if name in SYNTHETIC:
        learned, test = (SYNTHETIC[name](n, s)[0] for n, s in zip((sizes.n_rows, sizes.n_tested), seeds, strict=False))
    else:
        learned, test = real[name].parts(sizes.n_rows, sizes.n_tested, seeds[0])
    models = _models(adaptive, sizes, seeds[2]).values()
    # gradient boosting: OpenMP has a limit for each thread that calls it
    with threadpool_limits(limits=1, user_api="openmp"):
        return [model.fit(learned.rows, learned.classes).score(test.rows, test.classes) for model in models]


def _models(adaptive, sizes, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    settings = {"n_memories": sizes.n_memories, "ridge": sizes.ridge, "n_iterations": 80, "tol": 1e-3}
    settings |= {"random_state": seed, "threads": 1}
    found = {name: adaptive(similarity=similarity, **settings) for name, similarity in SIMILARITIES.items()}
    found |= {name: adaptive(features, **settings) for name, features in FEATURES.items()}
    found[LOGISTIC] = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    found[BOOSTING] = HistGradientBoostingClassifier(random_state=seed)
    return found


def plot(dataset: xr.Dataset) -> Figure:
    """For each table a row for each model: its mean accuracy with the interval, and what is known of it."""
    names = dataset.table.values.tolist()
    n_columns = min(len(names), 4)
    n_rows = -(-len(names) // n_columns)
    with style():
        figure, axes = make_figure(n_rows, n_columns, height=12 + 52 * n_rows)
        for number, (ax, name) in enumerate(zip(axes, names, strict=False)):
            _plot_table(ax, dataset.sel(table=name), name)
            ax.tick_params(labelleft=number % n_columns == 0)
        for ax in axes[len(names) :]:
            ax.remove()
        a = dataset.attrs
        numbers = f"up to {a['n_memories']} rows stored, {a['n_rows']} in all, {dataset.sizes['repeat']} repeats"
        figure.suptitle(f"{numbers}; {100 * CONFIDENCE:g} % intervals; × published, | earlier run", fontsize=8)
        label_panels(axes[: len(names)])
    return figure


def _plot_table(ax, part, name):
    for row, model in enumerate(MODELS):
        values = part.accuracy.sel(model=model)
        half = half_width(values).fillna(0.0)
        ax.errorbar(values.mean(), row, xerr=half, color=COLOURS[model], marker="o", markersize=3.5, capsize=2)
        if model in EARLIER.get(name, {}):
            ax.plot(EARLIER[name][model], row, "|", color=NEUTRAL, markersize=9)
    if name in PUBLISHED:
        for value, model in zip(PUBLISHED[name], (COMPLETE, PRODUCT, BOOSTING), strict=True):
            ax.plot(value, MODELS.index(model) + 0.3, "x", color="black", markersize=4)
    if np.isfinite(part.best):
        ax.axvline(float(part.best), color=NEUTRAL, linewidth=0.8, linestyle="--")
        ax.annotate("best possible", (float(part.best), -0.75), (-2, 0), textcoords="offset points", ha="right", size=6)
    ax.set(yticks=range(len(MODELS)), yticklabels=MODELS, ylim=(len(MODELS) - 0.5, -1.0))
    ax.set(xlabel="accuracy", title=name)


def gain(dataset: xr.Dataset, table: str, name: str, other: str) -> xr.DataArray:
    """Accuracy (repeat,) of one model less that of another, on the same rows."""
    part = dataset.accuracy.sel(table=table)
    return part.sel(model=name) - part.sel(model=other)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What theory says of made tables, what the paper says of all, and the earlier numbers of the user's tables."""
    rows, names = [], dataset.table.values.tolist()
    for name in names:
        if name in SYNTHETIC:
            rows += _theory_claims(dataset, name)
        else:
            known = "" if name in PUBLISHED else ", a table that is not in the paper"
            what = f"{name}{known}: accuracy of {UNSORTED} minus {PRODUCT}, same rows"
            rows.append(above(what, gain(dataset, name, UNSORTED, PRODUCT)))
        rows += _earlier_claims(dataset, name)
    return rows + (_heart_claims(dataset) if "Heart" in names else [])


def _theory_claims(dataset, name):
    part, best = dataset.accuracy.sel(table=name), float(dataset.best.sel(table=name))
    error = float(np.sqrt(best * (1 - best) / (dataset.attrs["n_tested"] * part.sizes["repeat"])))
    what = f"{name}: accuracy of {UNSORTED}"
    rows = [
        above(f"{what} minus {SORTED}, same rows", gain(dataset, name, UNSORTED, SORTED), 0.05, source="theory"),
        above(f"{what}, near the best possible {best:.3f}", part.sel(model=UNSORTED), best - 0.05, source="theory"),
    ]
    largest = float(part.mean("repeat").max())
    reason = "three standard errors of the test"
    what = f"{name}: largest accuracy of all models"
    return [*rows, Claim(what, "theory", "at_most", best, largest, 3 * error, reason)]


def _earlier_claims(dataset, name):
    rows = []
    for model, value in EARLIER.get(name, {}).items():
        values = dataset.accuracy.sel(table=name, model=model)
        tolerance = 2 * float(values.std("repeat", ddof=1)) + 0.01
        reason = "two deviations over stored rows, and 0.01"
        what = f"{name}: accuracy of {model}"
        rows.append(Claim(what, "earlier run", "close", value, float(values.mean()), tolerance, reason))
    return rows


def _heart_claims(dataset):
    part = dataset.accuracy.sel(table="Heart").mean("repeat")
    ahead = gain(dataset, "Heart", UNSORTED, DISTANCE)
    ours, boosted = (float(part.sel(model=name)) for name in (COMPLETE, BOOSTING))
    what = f"Heart: accuracy of {COMPLETE}, of gradient boosting"
    return [
        Claim(f"Heart: accuracy of {UNSORTED}", "earlier run", "at_least", 0.70, float(part.sel(model=UNSORTED))),
        above(f"Heart: accuracy of {UNSORTED} minus {DISTANCE}, same rows", ahead, 0.07, source="earlier run"),
        Claim(what, "earlier run", "close", boosted, ours, 0.01, "as in the earlier run"),
        Claim(f"Heart: accuracy of {COMPLETE}", "paper", "close", PUBLISHED["Heart"][0], ours, 0.015, "fewer rows"),
    ]


EXPERIMENT = Experiment("tabular", "tables classified by stored rows", compute, plot, claims)
