"""How fast bags of 50 digits are learned (figure 4).

Loss and accuracy over epochs. The paper finds that the association of the 20 % largest scores and the sparse one
converge fastest; here this is the number of epochs until the accuracy on test bags reaches 0.85, counted as one more
than all epochs where it never does. A difference counts if it is an epoch or more. The networks are those of
`bag_sizes`. The accuracy in training, which the paper shows too, is not recorded.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import above, plot_rows
from assocmem.papers.nonparametric import bag_sizes
from assocmem.papers.nonparametric.digit_bags import courses, title
from assocmem.papers.nonparametric.models import DENSE, LINES, MOST_MASKED, SPARSE, TOP_20, lines_of
from assocmem.plotting import label_panels, make_figure, style

BAG_SIZE = {"quick": 20, "paper": 50}
REACHED = {"quick": 0.65, "paper": 0.85}
CURVES = {"train_loss": "loss in training", "test_loss": "loss on test bags", "test_accuracy": "test accuracy"}


def compute(run: Run) -> xr.Dataset:
    """Losses and accuracy (model, repeat, epoch), and epochs until the accuracy is reached (model, repeat)."""
    n_repeats = bag_sizes.N_REPEATS[run.scale]
    found = courses(run, bag_sizes.MODELS[run.scale], (BAG_SIZE[run.scale],), n_repeats).isel(bag_size=0)
    reached = REACHED[run.scale]
    found["epochs_to_reach"] = epochs_until(found.test_accuracy, reached)
    return found.assign_attrs(reached_accuracy=reached)


def epochs_until(accuracy: xr.DataArray, least: float) -> xr.DataArray:
    """Number of epochs after which the accuracy (..., epoch) is at the least; one more than all if it never is."""
    is_reached = (accuracy >= least).transpose(..., "epoch").to_numpy()
    count = np.where(is_reached.any(axis=-1), is_reached.argmax(axis=-1) + 1, is_reached.shape[-1] + 1)
    return accuracy.isel(epoch=0, drop=True).copy(data=count).assign_attrs(units="epochs")


def plot(dataset: xr.Dataset) -> Figure:
    """Means over repeats against epochs, and how long every model takes."""
    epochs = np.arange(1, dataset.sizes["epoch"] + 1)
    with style():
        figure, axes = make_figure(2, 2, height=135)
        for ax, (variable, label) in zip(axes, CURVES.items(), strict=False):
            for name in dataset.model.values:
                ax.plot(epochs, dataset[variable].sel(model=name).mean("repeat"), **LINES[name] | {"marker": ""})
            ax.set(xlabel="epoch", ylabel=label)
        axes[2].axhline(dataset.attrs["reached_accuracy"], color="0.6", linewidth=0.7, zorder=0)
        plot_rows(dataset.epochs_to_reach, axes[3], lines_of(dataset.model.values))
        axes[3].set(xlabel=f"epochs to a test accuracy of {dataset.attrs['reached_accuracy']:g}")
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=5, loc="outside lower center", handlelength=3)
        figure.suptitle(f"bags of {int(dataset.bag_size)}; {title(dataset)}", fontsize=8)
        label_panels(axes)
    return figure


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Who converges fast, by differences on the same bags."""
    epochs = dataset.epochs_to_reach
    others = [name for name in dataset.model.values if name not in (TOP_20, SPARSE)]
    slower = {"dense": epochs.sel(model=DENSE), "the mean of others": epochs.sel(model=others).mean("model")}
    what = f"epochs to an accuracy of {dataset.attrs['reached_accuracy']:g}"
    return [
        *(
            above(f"{name} converges faster than {other}, {what} saved", those - epochs.sel(model=name), 1.0)
            for other, those in slower.items()
            for name in (TOP_20, SPARSE)
        ),
        above(
            f"{MOST_MASKED} converges more slowly than dense, {what} more",
            epochs.sel(model=MOST_MASKED) - slower["dense"],
            1.0,
        ),
    ]


EXPERIMENT = Experiment(
    "convergence", "how fast bags of 50 digits are learned (smaller network, fewer epochs)", compute, plot, claims
)
