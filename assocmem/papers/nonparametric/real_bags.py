"""Areas under the ROC curve on published benchmarks of bags (table 5): Tiger, Fox and Elephant.

Each benchmark has 100 positive and 100 negative bags of segments of photographs. In every fold of a stratified
cross-validation a tenth of the bags to learn from is kept for validation: a random search takes the network, and of it
the epoch, with the largest area there. All models search among the same draws. The paper makes 50 draws in each of five
runs, from a larger grid (its table 4); what is drawn here is in `GRID`, how often in `Search`.

The bags are those of `assocmem.papers.bag_benchmarks`; the numbers of the paper say nothing about the substitute.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.optimizers import AdamW, Cosine
from assocmem.papers.bag_benchmarks import load
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import describe, half_width
from assocmem.papers.nonparametric.models import DENSE, LINEAR, LINES, SPARSE, TOP_20, WITHOUT_WINDOW, Setting
from assocmem.papers.nonparametric.models import association as association_of
from assocmem.papers.training import kept
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style

PUBLISHED = {
    "Tiger": (0.813, 0.830, 0.824, 0.812, 0.812, 0.802, 0.797),
    "Fox": (0.563, 0.573, 0.562, 0.566, 0.560, 0.508, 0.571),
    "Elephant": (0.877, 0.893, 0.848, 0.852, 0.872, 0.875, 0.869),
}
TOLERANCE, FOX_LIMITS = 0.05, (0.5, 0.65)
GRID = {
    "learning_rate": (1e-3, 1e-4),
    "weight_decay": (0.0, 1e-3, 1e-4),
    "n_heads": (4, 8),
    "beta": (0.1, 1.0),
    "dropout": (0.0, 0.3, 0.5),
}
CLIP = 1.0


@dataclass(frozen=True)
class Search:
    """How often and how long networks learn.

    In the paper there are 10 folds, 50 draws, 50 epochs, an embedding of 128 to 512 and batches of 4 to 16.
    """

    models: tuple[str, ...]
    n_folds: int
    n_draws: int
    n_epochs: int
    embedding_size: int = 64
    batch_size: int = 16


SEARCHES = {
    "quick": Search((DENSE, SPARSE, TOP_20, LINEAR), 3, 1, 15),
    "paper": Search(WITHOUT_WINDOW, 10, 2, 30),
}


def compute(run: Run) -> xr.Dataset:
    """Areas (benchmark, model, fold) on the bags that were left out."""
    search, benchmarks = SEARCHES[run.scale], load(run)
    cells = [(b, m, f) for b in benchmarks for m in search.models for f in range(search.n_folds)]
    found = run.map(lambda c: _area(*benchmarks[c[0]], *c, search, run), cells, label="folds")
    shape = (len(benchmarks), len(search.models), search.n_folds)
    settings = {name: value for name, value in vars(search).items() if name != "models"}
    return xr.Dataset(
        {"area": (("benchmark", "model", "fold"), np.reshape(found, shape), {"units": "1"})},
        {"benchmark": list(benchmarks), "model": list(search.models)},
        settings,
    )


def _area(bags, is_positive, benchmark, model, fold, search, run):
    seed = run.seed_for(f"bags of {benchmark}")
    description = repr((benchmark, model, fold, search, seed, GRID))
    learn = partial(_learn_fold, bags, is_positive, model, fold, search, seed)
    return float(kept(learn, run, description, bags.instances, bags.members)["area"])


def _learn_fold(bags, is_positive, model, fold, search, seed):
    """The area of the best of all draws on the bags of a fold."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(search.n_folds, shuffle=True, random_state=seed)
    learned, left_out = list(folds.split(np.zeros(len(bags)), is_positive))[fold]
    candidates = [
        _classifier(model, search, np.random.SeedSequence(seed, spawn_key=(fold, draw))).fit(
            bags[learned], is_positive[learned]
        )
        for draw in range(search.n_draws)
    ]
    best = max(candidates, key=lambda candidate: float(candidate.history_.validation_score.max()))
    logits = best.decision_function(bags[left_out])
    return {"area": np.array(roc_auc_score(is_positive[left_out], logits))}


def _classifier(model, search, sequence):
    """A classifier with settings drawn from the grid."""
    from assocmem.estimators import HopfieldBagClassifier

    rng = np.random.default_rng(sequence)
    drawn = {name: values[rng.integers(len(values))] for name, values in GRID.items()}
    seed = int(rng.integers(2**31))
    optimizer = AdamW(drawn["learning_rate"], drawn["weight_decay"], clip=CLIP, schedule=Cosine())
    return HopfieldBagClassifier(
        association_of(model, Setting(drawn["beta"], search.embedding_size // drawn["n_heads"], seed)),
        embedding_size=search.embedding_size,
        n_heads=drawn["n_heads"],
        dropout=drawn["dropout"],
        scoring="roc_auc",
        n_epochs=search.n_epochs,
        batch_size=search.batch_size,
        optimizer=optimizer,
        validation_share=0.1,
        random_state=seed,
        threads=1,
    )


def plot(dataset: xr.Dataset) -> Figure:
    """Areas of all folds and their means, a panel for each benchmark, beside the numbers of the paper."""
    with style():
        figure, axes = make_figure(1, dataset.sizes["benchmark"], height=70)
        for ax, name in zip(axes, dataset.benchmark.values, strict=True):
            _plot_benchmark(dataset.area.sel(benchmark=name), ax, PUBLISHED.get(name))
            ax.set(title=str(name), xlabel="area under the ROC curve")
        for ax in axes[1:]:
            ax.set_yticklabels([])
        marks = axes[0].get_legend_handles_labels()
        figure.legend(*marks, ncols=3, loc="outside lower center")
        folds = f"{dataset.sizes['fold']} folds, {dataset.attrs['n_draws']} draw(s) of settings in each"
        figure.suptitle(f"{folds} (paper: 10 folds, 50 draws, 5 runs)", fontsize=8)
        label_panels(axes)
    return figure


def _plot_benchmark(area, ax, published):
    models = area.model.values
    rows = np.arange(len(models))
    for row, name in enumerate(models):
        colour = LINES[name]["color"]
        part = area.sel(model=name)
        label = "folds" if row == 0 else None
        ax.plot(part, np.full(part.size, row + 0.22), ".", color=colour, alpha=0.4, markersize=3, label=label)
        label = "mean with 95 % interval" if row == 0 else None
        half = float(half_width(part, "fold"))
        ax.errorbar(float(part.mean()), row, xerr=half, color=colour, marker="o", capsize=2, label=label)
    if published is not None:
        theirs = [published[WITHOUT_WINDOW.index(name)] for name in models]
        ax.plot(theirs, rows - 0.22, "|", color="#D55E00", markersize=8, markeredgewidth=1.5, label="paper")
    ax.axvline(0.5, color=NEUTRAL, linewidth=0.7, linestyle=":")
    ax.set(yticks=rows, yticklabels=models, ylim=(len(models) - 0.5, -0.6), xlim=(0.3, 1.02))


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Areas against table 5, and that no model stands out."""
    rows = []
    for name in dataset.benchmark.values:
        area = dataset.area.sel(benchmark=name).rename(fold="repeat")
        rows += _against_paper(str(name), area) if name in PUBLISHED else []
        gain = area.sel(model=SPARSE) - area.sel(model=DENSE)
        half = float(half_width(gain))
        statement = f"{name}: sparse less dense is within its interval of 0 ({describe(gain)}), mean difference"
        rows.append(Claim(statement, "control", "between", (-half, half), float(gain.mean())))
    return rows


def _against_paper(name, area):
    if name == "Fox":
        return [
            Claim(f"Fox, {m}: {describe(area.sel(model=m))}", "paper", "between", FOX_LIMITS, _mean(area, m))
            for m in area.model.values
        ]
    why = "folds of 20 bags, and fewer draws"
    published = dict(zip(WITHOUT_WINDOW, PUBLISHED[name], strict=True))
    return [
        Claim(
            f"{name}, {m}: {describe(area.sel(model=m))}",
            *("paper", "close", published[m], _mean(area, m), TOLERANCE, why),
        )
        for m in area.model.values
    ]


def _mean(area, model):
    return float(area.sel(model=model).mean())


EXPERIMENT = Experiment("real_bags", "areas under the ROC curve on Tiger, Fox and Elephant", compute, plot, claims)
