"""Bags of images of digits, of which one digit decides, and the network that learns them (appendix G.2).

A bag is positive if it holds one image of the digit 9, at a random place. The paper calls the 9 its negative signal: in
the public code the bags without it have the label 1. Which of both is 1 changes nothing but the sign of the logit.

The network is that of the paper: a linear map to the embedding, layer norm, Hopfield pooling with two cues and beta =
0.1, GELU, layer norm and a linear map to a logit; AdamW with a cosine, and a threshold of the
logit at 0 (the public code has 0.5). Its sizes are smaller than in the paper, see `Sizes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from assocmem.learning.losses import logistic_loss
from assocmem.learning.optimizers import AdamW, Cosine
from assocmem.learning.training import Samples
from assocmem.networks import Chain, Flatten, Gelu, HopfieldPooling, LayerNorm, LinearMap
from assocmem.papers.base import Run
from assocmem.papers.image_data import Images, labelled_images
from assocmem.papers.nonparametric.models import Setting, association
from assocmem.papers.training import course

KEY = 9
BETA, N_HEADS, N_CUES = 0.1, 4, 2
TEST_SHARE = 1 / 3  # of the images, where nobody has set test images apart
VARIABLES = {"loss": "train_loss", "validation_loss": "test_loss", "validation_score": "test_accuracy"}
PUBLISHED = "paper: 4000 bags to learn from, 1000 to test, embedding 256 in 4 heads of 64, batches of 256, 150 epochs"


@dataclass(frozen=True)
class Sizes:
    """How much is learned, and by how large a network.

    In the paper there are 4000 bags to learn from and 1000 to test, an embedding of 256, batches of 256, 150 epochs
    and a learning rate of 0.001.
    """

    n_train: int
    n_test: int
    embedding_size: int
    n_epochs: int
    batch_size: int
    learning_rate: float


SIZES = {"quick": Sizes(256, 150, 32, 8, 16, 3e-3), "paper": Sizes(1000, 500, 64, 30, 64, 1e-3)}


def bag_network(n_features: int, model: str, embedding_size: int, seed: int) -> Chain:
    """The network for bags of digits."""
    setting = Setting(BETA, embedding_size // N_HEADS, seed)
    pooling = HopfieldPooling(embedding_size, N_HEADS, association=association(model, setting), n_cues=N_CUES)
    return Chain(
        {
            "embedding": LinearMap(n_features, embedding_size, is_input=True),
            "norm": LayerNorm(embedding_size),
            "pooling": pooling,
            "activation": Gelu(),
            "second_norm": LayerNorm(embedding_size),
            "flatten": Flatten(),
            "logit": LinearMap(N_CUES * embedding_size, 1),
        }
    )


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Share of logits (item, 1) on the right side of 0."""
    return float(np.mean((outputs[:, 0] > 0) == (targets > 0)))


def courses(run: Run, models: Sequence[str], bag_sizes: Sequence[int], n_repeats: int) -> xr.Dataset:
    """Loss in training, and loss and accuracy on test bags, over (model, bag_size, repeat, epoch).

    All models of a repeat see the same bags, in which no test image is one to learn from.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    ValueError
        If images of the user have no labels.
    """
    images = labelled_images(run)
    if images.labels is None:
        raise ValueError(f"images need a file of labels beside them to be put into bags, got {images.name} without")
    cells = [(model, size, repeat) for size in bag_sizes for repeat in range(n_repeats) for model in models]
    cells.sort(key=lambda cell: -cell[1])  # the longest first, so that no thread is left with one at the end
    found = dict(zip(cells, run.map(lambda cell: _learn(images, *cell, run), cells, label="networks"), strict=True))
    rows = [
        xr.concat([xr.concat([found[m, size, r] for r in range(n_repeats)], "repeat") for m in models], "model")
        for size in bag_sizes
    ]
    dataset = xr.concat(rows, "bag_size").rename(VARIABLES).drop_vars("learning_rate")
    sizes = SIZES[run.scale]
    attrs = {f"sizes_{name}": value for name, value in vars(sizes).items()}
    return dataset.assign_coords(model=list(models), bag_size=list(bag_sizes)).assign_attrs(
        attrs, images=images.name, published_sizes=PUBLISHED
    )


def title(dataset: xr.Dataset) -> str:
    """What was learned, in a line."""
    a = dataset.attrs
    return (
        f"{a['images']}: {a['sizes_n_train']} bags, embedding {a['sizes_embedding_size']}, "
        f"{a['sizes_n_epochs']} epochs, {dataset.sizes['repeat']} repeats (paper: 4000, 256, 150, 10)"
    )


def _learn(images: Images, model: str, bag_size: int, repeat: int, run: Run) -> xr.Dataset:
    sizes, seeds = SIZES[run.scale], _seeds(run, bag_size, repeat)
    n_test = round(TEST_SHARE * len(images)) if images.test is None else len(images.test)
    parts = images.split(n_test, int(seeds[0]))
    numbers = (sizes.n_train, sizes.n_test)
    scale = parts[0].values.mean(dtype=float), parts[0].values.std(dtype=float)
    samples, test = (
        _samples(part, n_bags, bag_size, int(seed), scale)
        for part, n_bags, seed in zip(parts, numbers, seeds[1:3], strict=True)
    )
    return course(
        bag_network(images.values.shape[1], model, sizes.embedding_size, int(seeds[3])),
        samples,
        test,
        logistic_loss,
        run=run,
        n_epochs=sizes.n_epochs,
        batch_size=sizes.batch_size,
        optimizer=AdamW(sizes.learning_rate, schedule=Cosine()),
        seed=int(seeds[4]),
        score=accuracy,
    )


def _seeds(run, bag_size, repeat):
    """Seeds of the split, both kinds of bags, features and training."""
    sequence = np.random.SeedSequence(run.seed_for("bags of digits"), spawn_key=(bag_size, repeat))
    return sequence.generate_state(5) >> 1


def _samples(images, n_bags, bag_size, seed, scale):
    """Bags of images, pixels standardised by the mean and deviation of all pixels."""
    from assocmem.estimators.bag_data import bags_with_key  # needs scikit-learn

    mean, deviation = scale
    table = ((images.values - mean) / deviation).astype(np.float32)
    bags, is_positive = bags_with_key(table, images.labels, key=KEY, n_bags=n_bags, bag_size=bag_size, seed=seed)
    return Samples(bags.members, is_positive.astype(np.float32), table=bags.instances)
