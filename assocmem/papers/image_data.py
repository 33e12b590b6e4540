"""Images as patterns: those that ship with packages, or the user's own MNIST or Fashion-MNIST.

The paper takes MNIST, CIFAR-10 and Tiny ImageNet. In their place stand the digits of scikit-learn (8 x 8) and colour
patches of 32 x 32 and 64 x 64 pixels from photographs in the scikit-image package. Patches with little contrast are
left out: they are all alike up to their mean, so that a cosine of 0.9 with the right one says nothing. The small
patches do not overlap; the large ones overlap by half, as there would not be 1024 otherwise.

Nothing is downloaded. In the folder of the user's data the files ``t10k-images-idx3-ubyte.gz`` and, if they are there,
``t10k-labels-idx1-ubyte.gz``, ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz`` replace the digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from assocmem.images import digits, known_idx, packaged_photograph, read_idx
from assocmem.papers.base import Run

PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "ihc.png",
)
LEAST_CONTRAST = 0.25  # standard deviation of a patch scaled to [-1, 1]
STRIDE = 32
IMAGES, LABELS = "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"
SMALL, LARGE = "patches", "large patches"


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one kind, as patterns.

    Parameters
    ----------
    name : str
        What they are, for titles: "digits", "patches", "large patches", "MNIST", ...
    values : ndarray (item, unit)
        float32 in [-1, 1]; pixels row after row, the channels of a pixel together.
    shape : tuple of int
        (height, width) or (height, width, channel).
    labels : ndarray (item,), optional
        Classes from 0 on.
    test : Images, optional
        Images of the same kind kept apart by whoever published them.
    """

    name: str
    values: np.ndarray = field(repr=False)
    shape: tuple[int, ...]
    labels: np.ndarray | None = field(default=None, repr=False)
    test: Images | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, items: np.ndarray | slice) -> Images:
        """Some of the images, with their labels."""
        labels = None if self.labels is None else self.labels[items]
        return replace(self, values=self.values[items], labels=labels, test=None)

    def split(self, n_cues: int, seed: int) -> tuple[Images, Images]:
        """(images to store, other images as cues), both in random order and without a common image.

        The cues are published test images if there are any; otherwise they are held out at random.

        Raises
        ------
        ValueError
            If there are not that many.
        """
        pool, source = (self, self) if self.test is None else (self, self.test)
        most = len(source) - (self.test is None)  # one image must be left to be stored
        if not 1 <= n_cues <= most:
            raise ValueError(f"n_cues must be from 1 to {most}, got {n_cues}")
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(pool))
        if self.test is None:
            return self.take(order[n_cues:]), self.take(order[:n_cues])
        return self.take(order), self.test.take(rng.permutation(len(source))[:n_cues])


def load(run: Run) -> dict[str, np.ndarray]:
    """Patterns (item, unit) by name, float32 in [-1, 1], of `image_sets`."""
    return {name: images.values for name, images in image_sets(run).items()}


def image_sets(run: Run) -> dict[str, Images]:
    """Images by name: small ones with classes, patches of 32 x 32 and, at paper scale, of 64 x 64 pixels.

    Raises
    ------
    ImportError
        If the package with the images is missing; names the extra to install.
    ValueError
        If a file of the user is not in the format that its name says.
    """
    sizes = run.pick({SMALL: 32}, {SMALL: 32, LARGE: 64})
    sets = [labelled_images(run), *(patches(size, name) for name, size in sizes.items())]
    return {images.name: images for images in sets}


def labelled_images(run: Run) -> Images:
    """Images with classes: the user's (with labels if their file is there), or else the digits of scikit-learn."""
    test = _own_images(run, "t10k")
    if test is not None:
        train = _own_images(run, "train")
        return test if train is None else replace(train, name=test.name, test=test)
    values, labels = digits()
    return Images("digits", _flat(values / 8.0 - 1.0), values.shape[1:], labels)


def patches(size: int, name: str) -> Images:
    """Square colour patches of photographs, those with a standard deviation above 0.25."""
    flat = np.concatenate([_cut(packaged_photograph(photograph), size) for photograph in PHOTOGRAPHS])
    return Images(name, flat[flat.std(axis=1) > LEAST_CONTRAST], (size, size, 3))


def _cut(photograph, size):
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (size, size, 3))
    return _flat(windows[::STRIDE, ::STRIDE, 0].reshape(-1, size, size, 3) / np.float32(127.5) - 1)


def _own_images(run, part):
    path, labels_path = (run.data_file(f"{part}-{kind}") for kind in (IMAGES, LABELS))
    if path is None:
        return None
    values = read_idx(path)
    labels = None if labels_path is None else read_idx(labels_path)
    if values.ndim != 3:
        raise ValueError(f"{path} must hold images, got labels")
    if labels is not None and labels.shape != values.shape[:1]:
        raise ValueError(f"{labels_path} must hold {len(values)} labels, got an array of shape {labels.shape}")
    return Images(known_idx(path), _flat(values / np.float32(127.5) - 1), values.shape[1:], labels)


def _flat(values):
    return np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float32)
