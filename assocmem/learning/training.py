"""Training of networks by gradient descent on mini-batches, with early stopping and checkpoints.

The gradient of a batch is the sum, in a fixed order, of the gradients of chunks of its items. Chunks are what threads
work on, each with its own random numbers and a BLAS of one thread, so a run has the same bits with any number of them.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from assocmem.errors import DivergedError
from assocmem.learning.checkpoint import checked_path, load_arrays, save_arrays
from assocmem.learning.optimizers import AdamW, Moments
from assocmem.networks.base import Context, Layer, Vector
from assocmem.threads import default_threads, worker_map
from assocmem.validation import check_boolean, check_integer

__all__ = ["Samples", "TrainedNetwork", "mean_loss", "outputs_of", "train", "workers"]

CHUNK = 64  # items; a part of what is promised about bits, hence not for the user to choose
_ORDER, _BATCH, _OUTPUTS = range(3)  # what random numbers are for
Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True, eq=False)
class Samples:
    """Items to learn from.

    Parameters
    ----------
    inputs : ndarray (item, ...)
        Or, with a table, integers that say which row of it stands at each place.
    targets : ndarray (item, ...), optional
        What the loss compares with.
    is_there : ndarray of bool (item, instance), optional
        Which instances exist; all of them if None.
    table : ndarray (row, unit), optional
        Instances that many items share.
    """

    inputs: np.ndarray
    targets: np.ndarray | None = None
    is_there: np.ndarray | None = None
    table: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, items: np.ndarray | slice) -> "Samples":
        """Some of the items."""
        picked = {name: getattr(self, name) for name in ("inputs", "targets", "is_there")}
        return replace(self, **{name: None if array is None else array[items] for name, array in picked.items()})

    def values(self, dtype) -> np.ndarray:
        """Inputs of the network."""
        array = self.inputs if self.table is None else self.table[self.inputs]
        return np.ascontiguousarray(array, dtype=dtype)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """Result of `train`.

    Attributes
    ----------
    network : Layer
    parameters : Vector
        Those of the best epoch if there were samples for validation, of the last one otherwise.
    history : Dataset
        Over epochs: `loss` and `learning_rate`; with samples for validation also `validation_loss` and
        `validation_score`.
    best_epoch : int
        The epoch that the parameters are from, the first being 0.
    """

    network: Layer
    parameters: Vector
    history: xr.Dataset
    best_epoch: int


@dataclass(eq=False)
class _Progress:
    """What a checkpoint holds."""

    values: np.ndarray
    best: np.ndarray
    moments: Moments
    epoch: int = 0
    best_epoch: int = -1
    best_rank: float = np.inf
    records: dict[str, list[float]] = field(
        default_factory=lambda: {n: [] for n in ("loss", "learning_rate", "validation_loss", "validation_score")}
    )

    def save(self, path: Path, fingerprint: str) -> None:
        history = {f"history_{name}": np.array(values) for name, values in self.records.items()}
        position = np.array([self.epoch, self.best_epoch, self.moments.n_steps])
        moments = {"first": self.moments.first, "second": self.moments.second}
        arrays = {"values": self.values, "best": self.best, "position": position, **moments, **history}
        save_arrays(path, fingerprint, best_rank=np.array(self.best_rank), **arrays)

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> "_Progress":
        arrays = load_arrays(path, fingerprint)
        epoch, best_epoch, n_steps = (int(value) for value in arrays["position"])
        moments = Moments(arrays["first"], arrays["second"], n_steps)
        records = {name[8:]: values.tolist() for name, values in arrays.items() if name.startswith("history_")}
        rank = float(arrays["best_rank"])
        return cls(arrays["values"], arrays["best"], moments, epoch, best_epoch, rank, records)


def train(
    network: Layer,
    samples: Samples,
    loss: Loss,
    *,
    n_epochs: int,
    batch_size: int = 64,
    optimizer: AdamW | None = None,
    validation: Samples | None = None,
    score: Score | None = None,
    patience: int | None = None,
    dtype=np.float32,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> TrainedNetwork:
    """A network trained on samples.

    Parameters
    ----------
    network : Layer
        With outputs (item, ...) that the loss takes.
    samples : Samples
        With targets.
    loss : function (outputs, targets) -> (losses (item,), gradients in the outputs)
        The mean over a batch is what descends.
    n_epochs : int, >= 1
    batch_size : int, >= 1
    optimizer : AdamW, optional
    validation : Samples, optional
        Samples that are only looked at: the best epoch is the one with the largest score on them, or with the least
        loss if there is no score; of equal ones the first.
    score : function (outputs, targets) -> float, optional
    patience : int, >= 1, optional
        Stop after so many epochs without a better one.
    dtype : float32 or float64
    seed : int, >= 0
        Of the first parameters, the order of the samples, dropout and random masks.
    checkpoint : path, optional
        File written after every epoch. If it exists, the run goes on from there, to the same bits.
    threads : int, optional
        Without effect on results.
    progress : bool
        Show a progress bar.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or the checkpoint belongs to another run.
    DivergedError
        If the loss is no longer finite; `time` is the epoch.
    """
    _check(n_epochs=n_epochs, batch_size=batch_size, patience=patience, threads=threads)
    check_integer("seed", seed, 0)
    check_boolean("progress", progress)
    if len(samples) == 0:
        raise ValueError("samples must hold at least one item, got none")
    if patience is not None and validation is None:
        raise ValueError("validation must be given with patience, got None")
    path = checked_path(checkpoint)
    optimizer = AdamW() if optimizer is None else optimizer
    start = Vector.of(network.initial(np.random.default_rng(_key(seed))), dtype)
    run = _Training(network, start, samples, loss, optimizer, validation, score, batch_size, seed, n_epochs)
    fingerprint = run.fingerprint() if path is not None else ""
    state = _Progress(start.values.copy(), start.values.copy(), Moments.zeros_like(start.values))
    if path is not None and path.exists():
        state = _Progress.load(path, fingerprint)
    epochs = range(state.epoch, n_epochs)
    with workers(threads) as mapping, tqdm(epochs, "epochs", disable=not progress, leave=False) as bar:
        for epoch in bar:
            if patience is not None and state.epoch - 1 - state.best_epoch >= patience:
                break
            run.one_epoch(state, epoch, mapping)
            bar.set_postfix({name: f"{values[-1]:.4g}" for name, values in state.records.items() if values})
            if path is not None:
                state.save(path, fingerprint)
    return TrainedNetwork(network, start.like(state.best), _history(state.records), state.best_epoch)


def outputs_of(
    network: Layer, parameters: Vector, samples: Samples, *, seed: int = 0, threads: int | None = None
) -> np.ndarray:
    """Outputs (item, ...) of a network that is not in training.

    Parameters
    ----------
    network : Layer
    parameters : Vector
    samples : Samples
        Targets are not needed.
    seed : int, >= 0
        Of random masks.
    threads : int, optional
        Without effect on results.
    """
    _check(threads=threads)
    with workers(threads) as mapping:
        return _outputs(network, parameters, samples, seed, mapping)


@dataclass(eq=False)
class _Training:
    """The arguments of a run."""

    network: Layer
    vector: Vector
    samples: Samples
    loss: Loss
    optimizer: AdamW
    validation: Samples | None
    score: Score | None
    batch_size: int
    seed: int
    n_epochs: int

    def one_epoch(self, state: _Progress, epoch: int, mapping) -> None:
        """Go through all samples once."""
        order = np.random.default_rng(_key(self.seed, _ORDER, epoch)).permutation(len(self.samples))
        rate = self.optimizer.rate(epoch, self.n_epochs)
        total = 0.0
        for number, start in enumerate(range(0, len(order), self.batch_size)):
            items = order[start : start + self.batch_size]
            vector, key = self.vector.like(state.values), (self.seed, _BATCH, epoch, number)
            loss, gradient = mean_loss(self.network, vector, self.samples.take(items), self.loss, key, mapping)
            self._check_finite(loss, gradient, epoch)
            state.moments.step(state.values, gradient, self.optimizer, rate)
            total += loss * len(items)
        state.records["loss"].append(total / len(order))
        state.records["learning_rate"].append(rate)
        self._compare(state, epoch, mapping)
        state.epoch = epoch + 1

    def _check_finite(self, loss, gradient, epoch):
        if not (np.isfinite(loss) and np.all(np.isfinite(gradient))):
            settings = {"learning_rate": self.optimizer.learning_rate, "batch_size": self.batch_size}
            raise DivergedError(
                f"training diverged in epoch {epoch}: the loss or its gradient is no longer finite (loss {loss}; "
                f"{settings})",
                trajectory=0,
                time=float(epoch),
                parameters=settings,
            )

    def _compare(self, state, epoch, mapping):
        """Keep the parameters if they are the best so far."""
        rank = -float(epoch)  # without samples for validation each epoch is better than the one before
        if self.validation is not None:
            outputs = _outputs(self.network, self.vector.like(state.values), self.validation, self.seed, mapping)
            losses, _ = self.loss(outputs, self.validation.targets)
            rank = float(losses.mean(dtype=float))
            state.records["validation_loss"].append(rank)
            if self.score is not None:
                value = float(self.score(outputs, self.validation.targets))
                state.records["validation_score"].append(value)
                rank = -value
        if rank < state.best_rank or state.best_epoch < 0:
            state.best_rank, state.best_epoch, state.best = rank, epoch, state.values.copy()

    def fingerprint(self) -> str:
        """A hash of everything that the course of the run depends on."""
        names = [getattr(function, "__name__", repr(function)) for function in (self.loss, self.score)]
        parts = [repr((self.network, self.optimizer, self.batch_size, self.seed, self.n_epochs, names))]
        parts += [array.tobytes() for samples in (self.samples, self.validation) for array in _arrays(samples)]
        parts.append(self.vector.values.tobytes())
        return hashlib.sha256(b"".join(p.encode() if isinstance(p, str) else p for p in parts)).hexdigest()


def mean_loss(
    network: Layer, vector: Vector, samples: Samples, loss: Loss, key: tuple[int, ...], mapping: Callable
) -> tuple[float, np.ndarray]:
    """Mean loss of samples, and its gradient (parameter,) at the parameters of the vector.

    `key` is a seed and the place of this batch, `mapping` what `workers` gives.
    """
    parameters, dtype = vector.arrays(), vector.values.dtype

    def one_chunk(start):
        part = samples.take(slice(start, start + CHUNK))
        context = Context(part.is_there, np.random.default_rng(_key(*key, start)), is_training=True)
        outputs, pullback = network.forward(parameters, part.values(dtype), context)
        losses, gradient = loss(outputs, part.targets)
        _, found = pullback(gradient / dtype.type(len(samples)))
        return float(losses.sum(dtype=float)), Vector.of({name: found[name] for name in parameters}).values

    chunks = mapping(one_chunk, range(0, len(samples), CHUNK))
    return sum(loss for loss, _ in chunks) / len(samples), np.sum([gradient for _, gradient in chunks], axis=0)


def _arrays(samples: Samples | None) -> Iterator[np.ndarray]:
    if samples is not None:
        arrays = (samples.inputs, samples.targets, samples.is_there, samples.table)
        yield from (array for array in arrays if array is not None)


def _outputs(network, parameters, samples, seed, mapping):
    arrays = parameters.arrays()

    def one_chunk(start):
        part = samples.take(slice(start, start + CHUNK))
        context = Context(part.is_there, np.random.default_rng(_key(seed, _OUTPUTS, start)))
        return network.forward(arrays, part.values(parameters.values.dtype), context)[0]

    return np.concatenate(mapping(one_chunk, range(0, len(samples), CHUNK)))


class workers:
    """A function like `map` on threads, with a BLAS that has one thread in each of them."""

    def __init__(self, threads):
        self._mapping = worker_map(default_threads() if threads is None else threads)

    def __enter__(self):
        self._limits = threadpool_limits(limits=1, user_api="blas")
        return self._mapping.__enter__()

    def __exit__(self, *error):
        self._limits.restore_original_limits()
        return self._mapping.__exit__(*error)


def _key(seed, *numbers):
    return np.random.SeedSequence(seed, spawn_key=numbers)


def _check(**counts):
    for name, value in counts.items():
        if value is not None:
            check_integer(name, value, 1)


def _history(records):
    data = {name: ("epoch", np.array(values), {"units": "1"}) for name, values in records.items() if values}
    return xr.Dataset(data, {"epoch": ("epoch", np.arange(len(records["loss"])), {"units": "epochs"})})
