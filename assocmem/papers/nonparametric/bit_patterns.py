"""Bags of words of 4 bits, of which four are signals: dense against sparse associations, without any data.

Half of the bags hold one signal among words that are none; every other word is in the bag many times over. The bags,
the network and beta are those of the public code: pooling of the bits themselves with one cue in 8 heads of 8, dropout
of 0.1, a linear map to a logit. There is one retrieval step, as in all experiments of the paper, where the public code
has three, and the learning rate is higher for fewer epochs (0.01 and 60 in place of 0.001 and 300). Bits are +1 and -1.
The public code has bags of 150 to 300. The comparison is that of the code; the text of the paper has none.

The best accuracy over epochs, which the public code reports, is shown beside that after the last epoch.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.losses import logistic_loss
from assocmem.learning.optimizers import AdamW
from assocmem.learning.training import Samples
from assocmem.networks import Chain, Dropout, Flatten, HopfieldPooling, LinearMap
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import above, plot_means
from assocmem.papers.nonparametric.digit_bags import accuracy
from assocmem.papers.nonparametric.models import DENSE, LINES, SPARSE, Setting, association, lines_of
from assocmem.papers.training import course
from assocmem.plotting import label_panels, make_figure, style

N_BITS, N_SIGNALS = 4, 4
SETTING, N_HEADS = Setting(beta=0.25, head_size=8), 8
DROPOUT, BATCH_SIZE, LEARNING_RATE = 0.1, 128, 1e-2
MODELS = (DENSE, SPARSE)
BAG_SIZES = {"quick": (10, 30), "paper": (20, 50, 150)}
N_BAGS = {"quick": 250, "paper": 500}  # to learn from, and as many to test; the public code has 1000
N_EPOCHS = {"quick": 40, "paper": 60}
N_REPEATS = {"quick": 3, "paper": 5}
LEAST_GAINED = 0.005  # of the accuracy, to count as a difference


def compute(run: Run) -> xr.Dataset:
    """Accuracy on test bags (model, bag_size, repeat, epoch)."""
    repeats = range(N_REPEATS[run.scale])
    cells = [(size, model, r) for size in reversed(BAG_SIZES[run.scale]) for model in MODELS for r in repeats]
    found = dict(zip(cells, run.map(lambda cell: _learn(*cell, run), cells, label="networks"), strict=True))
    values = [[[found[size, m, r] for r in repeats] for size in BAG_SIZES[run.scale]] for m in MODELS]
    dims = ("model", "bag_size", "repeat", "epoch")
    return xr.Dataset(
        {"test_accuracy": (dims, np.array(values), {"units": "1"})},
        {"model": list(MODELS), "bag_size": list(BAG_SIZES[run.scale])},
        {"n_bags": N_BAGS[run.scale], "learning_rate": LEARNING_RATE},
    )


def bit_network(model: str) -> Chain:
    """Pooling of words of bits, and a logit."""
    pooling = HopfieldPooling(N_BITS, N_HEADS, SETTING.head_size, association(model, SETTING))
    layers = {"pooling": pooling, "dropout": Dropout(DROPOUT), "flatten": Flatten(), "logit": LinearMap(N_BITS, 1)}
    return Chain(layers)


def _learn(bag_size, model, repeat, run):
    from assocmem.estimators.bag_data import bags_with_bit_signals  # needs scikit-learn

    sequence = np.random.SeedSequence(run.seed_for("bags of bits"), spawn_key=(bag_size, repeat))
    bag_seed, seed = (int(s) >> 1 for s in sequence.generate_state(2))
    n_bags = N_BAGS[run.scale]
    # one draw for both parts: the signals must be the same
    bags, is_positive = bags_with_bit_signals(
        n_bags=2 * n_bags, bag_size=bag_size, n_bits=N_BITS, n_signals=N_SIGNALS, seed=bag_seed
    )
    samples = Samples(bags.members, is_positive.astype(np.float32), table=2 * bags.instances - 1)
    record = course(
        bit_network(model),
        samples.take(slice(None, n_bags)),
        samples.take(slice(n_bags, None)),
        logistic_loss,
        run=run,
        n_epochs=N_EPOCHS[run.scale],
        batch_size=BATCH_SIZE,
        optimizer=AdamW(LEARNING_RATE),
        seed=seed,
        score=accuracy,
    )
    return record.validation_score.to_numpy()


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracy against the size of bags, after the last epoch and the best, and over epochs for the largest bags."""
    course = dataset.test_accuracy
    epochs = np.arange(1, dataset.sizes["epoch"] + 1)
    with style():
        figure, axes = make_figure(1, 3, height=66)
        panels = {"last epoch": course.isel(epoch=-1), "best epoch": course.max("epoch")}
        for ax, (title, values) in zip(axes, panels.items(), strict=False):
            plot_means(values, ax, lines_of(MODELS), x="bag_size")
            ax.axhline(0.5, color="0.6", linewidth=0.7, zorder=0)
            ax.set(title=title, xlabel="instances in a bag", ylabel="test accuracy", ylim=(0.4, 1.02))
        for name in MODELS:
            line = LINES[name] | {"marker": ""}
            part = course.sel(model=name).isel(bag_size=-1)
            axes[2].plot(epochs, part.mean("repeat"), **line)
            axes[2].plot(epochs, part.transpose("epoch", "repeat"), **line | {"label": None}, alpha=0.3, linewidth=0.6)
        axes[2].set(title=f"bags of {int(dataset.bag_size[-1])}", xlabel="epoch", ylabel="test accuracy")
        axes[2].set(ylim=(0.4, 1.02))
        figure.legend(*axes[2].get_legend_handles_labels(), ncols=2, loc="outside lower center", handlelength=3)
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Sparse against dense, by differences on the same bags."""
    course = dataset.test_accuracy
    gain = course.sel(model=SPARSE) - course.sel(model=DENSE)
    best = course.max("epoch").sel(model=SPARSE) - course.max("epoch").sel(model=DENSE)
    largest = f"bags of {int(dataset.bag_size[-1])}"
    differences = {
        f"sparse finds more signals than dense, {largest}, last epoch": gain.isel(bag_size=-1, epoch=-1),
        f"sparse finds more signals than dense, {largest}, best epoch": best.isel(bag_size=-1),
        "sparse learns faster than dense, mean over epochs and sizes": gain.mean(("epoch", "bag_size")),
    }
    return [
        above(f"{statement}, gain of accuracy", values, LEAST_GAINED, source="control")
        for statement, values in differences.items()
    ]


EXPERIMENT = Experiment("bit_patterns", "signals among words of bits: dense against sparse", compute, plot, claims)
