"""Bags of digits that are positive if they hold K nines or more, for several kinds of pooling (table 4, first part).

The sizes of the bags are normal with mean 10 and deviation 1, rounded down and at least K. Half of the bags are
positive, with from K to all nines, the others with fewer than K. A separation over subsets of k = K images looks just
deep enough: its weights add up to K, and are on nines alone exactly if the bag is positive. The paper finds it best,
with an accuracy of 96.5 +- 0.5 % for K = 3 and of 95.1 +- 1.5 % for K = 5.

Here an image is embedded by a rectified layer, where the paper has a convolutional network (LeNet); images of 28 x 28
are averaged over blocks of 2 x 2 pixels. The published 10,000 test images of MNIST, if they are all that the user has,
are parted into images to learn from and images to test. Validation and test bags come from the latter, as in the paper.

For each kind of pooling and each K, beta is chosen by the accuracy in validation on a set of bags of its own; then
networks are trained on further sets of bags, all kinds of pooling on the same ones. Training stops once the area under
the ROC curve in validation has not grown for some epochs, and the best epoch is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.training import Samples
from assocmem.networks import Chain, Flatten, HopfieldPooling, LayerNorm, LinearMap, Relu
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.fenchel_young.pooling import (
    CONTROLS,
    LINES,
    MEAN,
    NAMES,
    SOFTMAX,
    SPARSEMAX,
    Training,
    accuracy,
    area_under_curve,
    association,
    attributes,
    bag_samples,
    logits,
    standardized,
)
from assocmem.papers.image_data import Images, labelled_images
from assocmem.papers.intervals import above, half_width, plot_rows
from assocmem.papers.training import kept
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style

KEY = 9
TEST_SHARE = 0.4  # of the images, where nobody has set test images apart
PUBLISHED = {3: (0.965, 0.005), 5: (0.951, 0.015)}  # of k-subsets with k = K
MEASURES = ("accuracy", "auc", "validation_accuracy", "n_epochs")
LARGE_HEIGHT = 28  # pixels, from which on images are averaged over blocks


@dataclass(frozen=True)
class Sizes:
    """How much is learned, and by how large a network.

    The paper has 2000 bags to learn from, 500 to test and 500 for validation, and five runs.
    """

    counts: tuple[int, ...]
    betas: tuple[float, ...]
    n_repeats: int
    n_train: int
    n_test: int
    hidden_size: int
    embedding_size: int
    n_heads: int
    training: Training


SIZES = {
    "quick": Sizes((3,), (0.25,), 3, 256, 200, 32, 32, 4, Training(6, 32, 3e-3, 0.9, 3)),
    "paper": Sizes((1, 2, 3, 5), (0.25, 1.0), 5, 2000, 500, 128, 64, 8, Training(25, 64, 3e-3, 0.9, 5)),
}


def matched(least: int) -> str:
    """Name of the separation over subsets of `least` images; for one image it is sparsemax."""
    return SPARSEMAX if least == 1 else f"{least}-subsets"


def compute(run: Run) -> xr.Dataset:
    """Accuracy and area under the ROC curve (network, least, repeat) on test bags, and beta as chosen in validation.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    ValueError
        If images of the user have no labels.
    """
    images, sizes = _reduced(labelled_images(run)), SIZES[run.scale]
    if images.labels is None:
        raise ValueError(f"images need a file of labels beside them to be put into bags, got {images.name} without")
    cells = [(least, name) for least in sizes.counts for name in NAMES]
    found = dict(zip(cells, run.map(lambda cell: _cell(images, *cell, run), cells, label="networks"), strict=True))

    def table(measure):
        return [[found[least, name][measure] for least in sizes.counts] for name in NAMES]

    dims = ("network", "least", "repeat")
    variables = {measure: (dims, table(measure), {"units": "1"}) for measure in MEASURES}
    variables["beta"] = (dims[:2], table("beta"), {"units": "1", "long_name": "chosen in validation"})
    return xr.Dataset(
        variables,
        {"network": list(NAMES), "least": ("least", list(sizes.counts), {"units": "1"})},
        {
            **attributes(sizes),
            "images": images.name,
            "n_images": len(images),
            "has_test_images": int(images.test is not None),
            "embedding": "one rectified layer in place of LeNet",
        },
    )


def _reduced(images: Images) -> Images:
    """Large images averaged over blocks of 2 x 2 pixels."""
    height, width = images.shape[:2]
    if height < LARGE_HEIGHT or height % 2 or width % 2:
        return images
    blocks = images.values.reshape(-1, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    test = None if images.test is None else _reduced(images.test)
    return replace(images, values=blocks.reshape(len(blocks), -1), shape=(height // 2, width // 2), test=test)


def _cell(images: Images, least: int, name: str, run: Run) -> dict[str, np.ndarray]:
    """All numbers of one kind of pooling and one K, from the run's cache if they are there."""
    sizes = SIZES[run.scale]
    network = bag_network(images.values.shape[1], name, 1.0, sizes)
    arrays = [array for part in (images, images.test) if part is not None for array in (part.values, part.labels)]
    description = repr((least, name, sizes, network, run.seed, TEST_SHARE, KEY))
    return kept(lambda: _measured(images, least, name, run), run, description, *arrays)


def _measured(images, least, name, run):
    sizes = SIZES[run.scale]
    betas = sizes.betas if name not in CONTROLS else sizes.betas[:1]
    beta = betas[0]
    if len(betas) > 1:
        tuning = [_trained(images, least, name, beta, sizes.n_repeats, run)["validation_accuracy"] for beta in betas]
        beta = betas[int(np.argmax(tuning))]
    rows = [_trained(images, least, name, beta, repeat, run) for repeat in range(sizes.n_repeats)]
    return {measure: np.array([row[measure] for row in rows], dtype=float) for measure in MEASURES} | {
        "beta": np.array(np.nan if name in CONTROLS else beta)
    }


def _trained(images, least, name, beta, repeat, run):
    """What one network reaches on one set of bags; the same set for all kinds of pooling and all beta."""
    sizes, seeds = SIZES[run.scale], _seeds(run, least, repeat)
    samples, test, validation = bags(images, least, seeds[:4], sizes)
    network = bag_network(images.values.shape[1], name, beta, sizes)
    trained = sizes.training.fit(network, samples, validation=validation, seed=int(seeds[4]))
    outputs = logits(trained, test)
    return {
        "accuracy": accuracy(outputs, test.targets),
        "auc": area_under_curve(outputs, test.targets),
        "validation_accuracy": accuracy(logits(trained, validation), validation.targets),
        "n_epochs": trained.history.sizes["epoch"],
    }


def _seeds(run, least, repeat):
    """Seeds of the split, of three kinds of bags, and of training."""
    sequence = np.random.SeedSequence(run.seed_for("bags with K nines"), spawn_key=(least, repeat))
    return sequence.generate_state(5) >> 1


def bags(images: Images, least: int, seeds: np.ndarray, sizes: Sizes) -> tuple[Samples, Samples, Samples]:
    """Bags to learn from, to test and for validation; no image of the first is in the others."""
    from assocmem.estimators.bag_data import bags_with_count  # needs scikit-learn

    n_test = round(TEST_SHARE * len(images)) if images.test is None else len(images.test)
    learned, other = images.split(n_test, int(seeds[0]))
    mean, deviation = learned.values.mean(dtype=float), learned.values.std(dtype=float)

    def samples(part, n_bags, seed):
        drawn, is_positive = bags_with_count(
            standardized(part.values, mean, deviation), part.labels, key=KEY, least=least, n_bags=n_bags, seed=int(seed)
        )
        return bag_samples(drawn.members, is_positive, drawn.instances)

    numbers = (sizes.n_train, sizes.n_test, sizes.n_test)
    return tuple(samples(*arguments) for arguments in zip((learned, other, other), numbers, seeds[1:4], strict=True))


def bag_network(n_pixels: int, name: str, beta: float, sizes: Sizes) -> Chain:
    """The network for bags of digits."""
    size = sizes.embedding_size
    return Chain(
        {
            "hidden": LinearMap(n_pixels, sizes.hidden_size, is_input=True),
            "activation": Relu(),
            "embedding": LinearMap(sizes.hidden_size, size),
            "norm": LayerNorm(size),
            "pooling": HopfieldPooling(size, sizes.n_heads, association=association(name, beta)),
            "flatten": Flatten(),
            "logit": LinearMap(size, 1),
        }
    )


def plot(dataset: xr.Dataset) -> Figure:
    """For each K the accuracy of all kinds of pooling, and how much that of k = K is above them on the same bags."""
    counts = dataset.least.values.tolist()
    with style():
        figure, axes = make_figure(2, len(counts), height=135)
        for upper, lower, least in zip(axes[: len(counts)], axes[len(counts) :], counts, strict=True):
            plot_rows(dataset.accuracy.sel(least=least), upper, LINES)
            plot_rows(gain(dataset, least), lower, LINES)
            lower.axvline(0.0, color=NEUTRAL, linewidth=0.7)
            upper.set(title=f"K = {least}", xlabel="accuracy", xlim=(None, min(1.0, upper.get_xlim()[1])))
            lower.set(xlabel=f"{matched(least)} less these")
            _mark_published(upper, dataset, least)
        for number, ax in enumerate(axes):
            ax.tick_params(labelleft=number % len(counts) == 0)
        figure.suptitle(_title(dataset), fontsize=8)
        label_panels(axes)
    return figure


def gain(dataset: xr.Dataset, least: int) -> xr.DataArray:
    """Accuracy (network, repeat) of subsets of K less that of each network, on the same bags."""
    part = dataset.accuracy.sel(least=least)
    return part.sel(network=matched(least)) - part


def _mark_published(ax, dataset, least):
    if dataset.attrs["images"] == "MNIST" and least in PUBLISHED:
        mean, half = PUBLISHED[least]
        row = NAMES.index(matched(least)) - 0.3
        ax.errorbar(mean, row, xerr=half, color=NEUTRAL, marker="x", markersize=4, capsize=2)


def _title(dataset):
    a = dataset.attrs
    n_images = "" if a["has_test_images"] else f" ({a['n_images']} images, parted)"
    numbers = f"{a['sizes_n_train']} bags to learn from, {a['sizes_n_test']} to test, {dataset.sizes['repeat']} repeats"
    crosses = "; crosses: paper" if a["images"] == "MNIST" else ""
    return f"{a['images']}{n_images}: {numbers}; 95 % intervals{crosses}"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Whether subsets of k = K are best, by differences on the same bags."""
    counts = [least for least in dataset.least.values.tolist() if least > 1]
    rows = [claim for least in counts for claim in (*_published_claims(dataset, least), *_gain_claims(dataset, least))]
    largest = counts[-1]
    part = dataset.accuracy.sel(least=largest)
    what = f"K = {largest}: softmax pooling minus mean pooling, accuracy on the same bags"
    return [*rows, above(what, part.sel(network=SOFTMAX) - part.sel(network=MEAN), source="control")]


def _published_claims(dataset, least):
    """The published accuracy, for the same images only."""
    if dataset.attrs["images"] != "MNIST" or least not in PUBLISHED:
        return []
    theirs, half = PUBLISHED[least]
    ours = dataset.accuracy.sel(least=least, network=matched(least))
    tolerance = half + float(half_width(ours))
    reason = "both intervals; another embedding and fewer images"
    statement = f"K = {least}: accuracy of {matched(least)}"
    return [Claim(statement, "paper", "close", theirs, float(ours.mean()), tolerance, reason)]


def _gain_claims(dataset, least):
    gains = gain(dataset, least).drop_sel(network=matched(least))
    others = gains.drop_sel(network=list(CONTROLS))
    # best of all is only what is above each of them: the one from which it is told apart least decides
    rival = others.network.values[np.argmin((others.mean("repeat") - half_width(others)).values)]
    what = f"K = {least}: accuracy of {matched(least)} on the same bags minus that of"
    return [
        above(f"{what} each other separation, least for {rival}", others.sel(network=rival)),
        above(f"{what} the others on average", others.mean("network")),
        above(f"{what} {SOFTMAX}", gains.sel(network=SOFTMAX)),
        *(above(f"{what} {name} pooling", gains.sel(network=name), source="control") for name in CONTROLS),
    ]


EXPERIMENT = Experiment(
    "bags", "bags of digits with K nines or more (rectified layer for LeNet)", compute, plot, claims
)
