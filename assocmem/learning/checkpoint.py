"""Checkpoints: arrays in one file, and the state of a run that trains a balanced network."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from assocmem.learning.objective import Evaluation

__all__ = ["TrainingState", "checked_path", "load_arrays", "save_arrays"]

TERMS = ("velocity", "stability", "frobenius", "spread", "retrieval")
_SCALARS = ("stage", "cost", *TERMS, "residual")
_VECTORS = ("abscissa", "smoothed_abscissa")


def checked_path(checkpoint: str | Path | None) -> Path | None:
    """Path of a checkpoint.

    Raises
    ------
    TypeError, ValueError
        Unless None or a file, perhaps still missing, in a folder that exists.
    """
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path, got {checkpoint!r}")
    path = Path(checkpoint)
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"checkpoint must be a file in a folder that exists, got {path}")
    return path


def save_arrays(path: str | Path, fingerprint: str, **arrays: np.ndarray) -> None:
    """Write arrays to `path` (npz) in one step: an interrupted write leaves the old file."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, fingerprint=np.array(fingerprint), **arrays)
    os.replace(partial, path)


def load_arrays(path: str | Path, fingerprint: str) -> dict[str, np.ndarray]:
    """Arrays of a file of `save_arrays`.

    Raises
    ------
    ValueError
        If the file is no checkpoint or belongs to a run with other arguments.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        found = str(arrays.pop("fingerprint"))
    except (KeyError, OSError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"checkpoint must be a file written by a training run, got {path}") from error
    if found != fingerprint:
        raise ValueError(
            f"checkpoint must belong to a run with the same arguments, got {path} of a run with "
            f"{found[:12]} instead of {fingerprint[:12]}; remove the file to begin anew"
        )
    return arrays


@dataclass
class TrainingState:
    """Progress of a run; changed in place by the optimiser's loop.

    Attributes
    ----------
    vector : ndarray
        Free variables after the last iteration.
    best : ndarray
        Those of the best network so far.
    rank : tuple of float
        Rank of the best network: lower is better.
    stage : int
        Index of the stage in progress; the number of stages when all are done.
    iteration : int
        Iterations done in it.
    repeats : int
        Repetitions of the last stage begun so far.
    records : dict of str to list
        History, one entry per iteration.
    """

    vector: np.ndarray
    best: np.ndarray
    rank: tuple[float, ...] = (np.inf, np.inf, np.inf)
    stage: int = 0
    iteration: int = 0
    repeats: int = 0
    records: dict[str, list] = field(default_factory=lambda: {name: [] for name in (*_SCALARS, *_VECTORS)})

    def record(self, evaluation: Evaluation) -> None:
        """Append an accepted iterate to the history and count it."""
        self.iteration += 1
        self.vector = evaluation.vector
        terms = {name: evaluation.terms.get(name, 0.0) for name in TERMS}
        values = {"stage": self.stage, "cost": evaluation.cost, "residual": evaluation.residual, **terms}
        values |= {"abscissa": evaluation.abscissas, "smoothed_abscissa": evaluation.smoothed}
        for name, value in values.items():
            self.records[name].append(value)

    def next_stage(self) -> None:
        """Go on from the best network."""
        self.stage, self.iteration, self.vector = self.stage + 1, 0, self.best

    def repeat_stage(self) -> None:
        """Begin the stage before once more."""
        self.stage, self.iteration, self.repeats = self.stage - 1, 0, self.repeats + 1

    def save(self, path: str | Path, fingerprint: str) -> None:
        """Write the state to `path` (npz) in one step: an interrupted write leaves the old file."""
        history = {f"history_{name}": np.array(values) for name, values in self.records.items()}
        position = np.array([self.stage, self.iteration, self.repeats])
        arrays = {"vector": self.vector, "best": self.best, "rank": np.array(self.rank), "position": position}
        save_arrays(path, fingerprint, **arrays, **history)

    @classmethod
    def load(cls, path: str | Path, fingerprint: str) -> "TrainingState":
        """Read a state.

        Raises
        ------
        ValueError
            If the file is no checkpoint or belongs to a run with other arguments.
        """
        arrays = load_arrays(path, fingerprint)
        try:
            stage, iteration, repeats = arrays["position"]
            records = {name: list(arrays[f"history_{name}"]) for name in (*_SCALARS, *_VECTORS)}
        except KeyError as error:
            raise ValueError(f"checkpoint must be a file written by train_balanced_ei, got {path}") from error
        rank = tuple(float(value) for value in arrays["rank"])
        return cls(arrays["vector"], arrays["best"], rank, int(stage), int(iteration), int(repeats), records)

    def history(self) -> xr.Dataset:
        """History over iterations: costs by term, stage, residual (mV), abscissas per pattern (1/s)."""
        units = dict.fromkeys(_SCALARS, "1") | {"residual": "mV"}
        data = {}
        for name in _SCALARS:
            data[name] = ("iteration", np.array(self.records[name]), {"units": units[name]})
        if self.records["cost"]:
            for name in _VECTORS:
                data[name] = (("iteration", "pattern"), np.array(self.records[name]), {"units": "1/s"})
        iterations = np.arange(len(self.records["cost"]))
        return xr.Dataset(data, coords={"iteration": ("iteration", iterations, {"units": "1"})})
