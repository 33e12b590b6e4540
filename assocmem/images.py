"""Images that come with installed packages or in files of the user: the real data behind patterns."""

from __future__ import annotations

import gzip
import hashlib
import importlib
from importlib import resources
from pathlib import Path

import numpy as np

PHOTOGRAPHS = {
    "matplotlib": ("grace_hopper.jpg", "s1045.ima.gz"),
    "scikit-learn": ("china.jpg", "flower.jpg"),
    "scikit-image": ("astronaut", "camera", "coffee", "chelsea", "rocket", "coins"),
}
IDX_IMAGES, IDX_LABELS = 2051, 2049  # first number of a file of 8-bit images or labels
# by the MD5 of the file of test images as published
IDX_NAMES = {
    "9fb629c4189551a2d022fa330f9573f3": "MNIST",
    "bef4ecab320f06d8554ea6380940ec79": "Fashion-MNIST",
}


class MissingExtra(ImportError):
    """A package of an optional extra is not installed; the message says how to install it."""


def photographs(source: str) -> list[np.ndarray]:
    """Sample photographs of one package in grey.

    Parameters
    ----------
    source : {"matplotlib", "scikit-learn", "scikit-image"}
        matplotlib, which every installation has, ships a portrait and a magnetic-resonance slice.

    Returns
    -------
    list of ndarray (row, column), brightness in [0, 1].

    Raises
    ------
    ImportError
        If the package is missing; names the extra to install.
    """
    return [_grey(_load_photograph(source, name)) for name in PHOTOGRAPHS[source]]


def photograph(source: str, name: str) -> np.ndarray:
    """One sample photograph as it is stored.

    Parameters
    ----------
    source, name : str
        A key of `PHOTOGRAPHS` and one of its names.

    Returns
    -------
    ndarray (row, column) or (row, column, channel), not scaled.

    Raises
    ------
    ImportError
        If the package is missing; names the extra to install.
    ValueError
        If there is no such photograph.
    """
    if name not in PHOTOGRAPHS.get(source, ()):
        known = ", ".join(f"{source} {name}" for source, names in PHOTOGRAPHS.items() for name in names)
        raise ValueError(f"source and name must be one of {known}, got {source} {name}")
    return np.asarray(_load_photograph(source, name))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of scikit-learn: images (image, 8, 8), grey levels 0 to 16, and classes (image,).

    Raises
    ------
    ImportError
        If scikit-learn is missing; names the extra to install.
    """
    bunch = _optional_module("sklearn.datasets", "scikit-learn").load_digits()
    return bunch.images, bunch.target


def packaged_photograph(file: str) -> np.ndarray:
    """A colour photograph (row, column, channel), 8-bit, among the files of scikit-image; nothing is ever downloaded.

    Raises
    ------
    ImportError
        If scikit-image is missing; names the extra to install.
    ValueError
        If the installed version ships no such file.
    """
    _optional_module("skimage", "scikit-image")
    path = resources.files("skimage") / "data" / file
    if not path.is_file():
        raise ValueError(f"file must be one that ships with the installed scikit-image, got {file}")
    with path.open("rb") as stream:
        return np.asarray(importlib.import_module("PIL.Image").open(stream).convert("RGB"))


def read_idx(path: Path) -> np.ndarray:
    """Images (image, row, column) or labels (image,), 8-bit, of a file in the idx format, compressed or not.

    Raises
    ------
    ValueError
        If the header is not that of 8-bit images or labels, or there are fewer or more of them than it says.
    """
    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    magic = int.from_bytes(content[:4], "big")
    n_dimensions = {IDX_IMAGES: 3, IDX_LABELS: 1}.get(magic)
    if n_dimensions is None or len(content) < 4 + 4 * n_dimensions:
        raise ValueError(
            f"{path} must begin like an idx file of images ({IDX_IMAGES}) or labels ({IDX_LABELS}), got {magic}"
        )
    header = np.frombuffer(content, ">i4", count=n_dimensions, offset=4)
    shape = tuple(int(n) for n in header)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions)
    if values.size != np.prod(shape):
        what = "pixels" if n_dimensions == 3 else "labels"
        raise ValueError(f"{path} must hold {np.prod(shape)} {what} as its header says, got {values.size}")
    return values.reshape(shape)


def known_idx(path: Path) -> str:
    """ "MNIST" or "Fashion-MNIST" where the file is their published file of test images, its own name otherwise."""
    return IDX_NAMES.get(hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path.name)


def nearly_square(n_pixels: int) -> tuple[int, int]:
    """Height and width of the most nearly square rectangle of `n_pixels` pixels, height <= width."""
    height = next(h for h in range(int(np.sqrt(n_pixels)), 0, -1) if n_pixels % h == 0)
    return height, n_pixels // height


def block_mean(image: np.ndarray, size: int) -> np.ndarray:
    """Image (row, column) averaged over blocks of `size` x `size`; incomplete blocks are dropped."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    return image[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))


def tiles(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Patches of `shape` that do not overlap, flattened: (patch, pixel)."""
    rows, columns = image.shape[0] // shape[0], image.shape[1] // shape[1]
    cut = image[: rows * shape[0], : columns * shape[1]].reshape(rows, shape[0], columns, shape[1])
    return cut.swapaxes(1, 2).reshape(rows * columns, shape[0] * shape[1])


def whitened(patches: np.ndarray) -> np.ndarray:
    """Patches (patch, pixel) made uncorrelated between pixels, each pixel staying as near itself as it can.

    Zero-phase whitening ``x -> C^(-1/2) (x - mean)`` with the covariance C of the given patches.
    """
    centred = patches - patches.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(patches))
    # directions that hardly vary would be blown up to full size: a floor of 0.1 % of the largest variance
    return centred @ (axes / np.sqrt(np.maximum(variances, 0) + 1e-3 * variances[-1])) @ axes.T


def _load_photograph(source, name):
    if source == "scikit-learn":
        return _optional_module("sklearn.datasets", "scikit-learn").load_sample_image(name)
    if source == "scikit-image":
        return getattr(_optional_module("skimage.data", "scikit-image"), name)()
    return _load_matplotlib_sample(name)


def _load_matplotlib_sample(name):
    # loaded on demand: importing matplotlib would double the import time of the package
    with importlib.import_module("matplotlib.cbook").get_sample_data(name) as file:
        if name.endswith(".jpg"):
            return np.asarray(importlib.import_module("PIL.Image").open(file))
        content = file.read()
    raw = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    return np.frombuffer(raw, np.uint16).reshape(256, 256)


def _grey(image):
    grey = np.asarray(image, dtype=float)
    if grey.ndim == 3:
        grey = grey[..., :3] @ (0.299, 0.587, 0.114)  # luma of ITU-R BT.601
    return grey / grey.max()


def _optional_module(name, package):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"these images come with {package}, which is not installed: pip install 'assocmem[data]'"
        raise MissingExtra(message) from error
