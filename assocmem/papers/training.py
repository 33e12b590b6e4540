"""Training runs of which the record is kept, so that an interruption loses only those in flight."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.learning.optimizers import AdamW
from assocmem.learning.training import Loss, Samples, Score, train
from assocmem.networks import Layer
from assocmem.papers.base import Run
from assocmem.papers.record import write_atomically
from assocmem.provenance import package_version

# sources that decide what a record holds: when one changes, kept records are made again
_SOURCES = ("networks/*.py", "learning/training.py", "learning/optimizers.py", "learning/losses.py", "separations/*.py")
_SOURCES += ("kernels/*.py", "features.py", "estimators/*.py", "papers/training.py", "systems.py", "models/*.py")


def course(
    network: Layer,
    samples: Samples,
    validation: Samples,
    loss: Loss,
    *,
    run: Run,
    n_epochs: int,
    batch_size: int,
    optimizer: AdamW,
    seed: int,
    score: Score | None = None,
) -> xr.Dataset:
    """What `assocmem.learning.training.train` records over epochs, from the run's cache if it is there."""

    def history():
        settings = {"n_epochs": n_epochs, "batch_size": batch_size, "optimizer": optimizer, "seed": seed}
        result = train(network, samples, loss, validation=validation, score=score, threads=1, **settings)
        return {name: values.to_numpy() for name, values in result.history.items()}

    described = (network, n_epochs, batch_size, optimizer, seed, loss.__name__, score.__name__ if score else "")
    arrays = kept(history, run, repr(described), *_arrays(samples), *_arrays(validation))
    return xr.Dataset({name: ("epoch", values, {"units": "1"}) for name, values in arrays.items()})


def kept(
    compute: Callable[[], dict[str, np.ndarray]], run: Run, description: str, *arrays: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays by name that depend on a description and on other arrays: from the run's cache, or computed and kept."""
    if run.cache is None:
        return compute()
    path = run.cache / f"{_key(description, arrays)}.npz"
    if not path.exists():
        found = compute()
        write_atomically(path, lambda temporary: np.savez(temporary, **found))
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _key(description, arrays):
    digest = hashlib.sha256(f"{description} {package_version()}".encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(_source_hash())
    return digest.hexdigest()[:24]


@lru_cache(maxsize=1)
def _source_hash():
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.digest()


def _arrays(samples):
    arrays = (samples.inputs, samples.targets, samples.is_there, samples.table)
    return [array for array in arrays if array is not None]
