"""State of a training run: position, best network so far and history, kept in one file."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.learning.objective import Evaluation

__all__ = ["TrainingState", "checked_path"]

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
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        history = {f"history_{name}": np.array(values) for name, values in self.records.items()}
        with partial.open("wb") as file:
            np.savez(
                file,
                fingerprint=np.array(fingerprint),
                vector=self.vector,
                best=self.best,
                rank=np.array(self.rank),
                position=np.array([self.stage, self.iteration, self.repeats]),
                **history,
            )
        os.replace(partial, path)

    @classmethod
    def load(cls, path: str | Path, fingerprint: str) -> "TrainingState":
        """Read a state.

        Raises
        ------
        ValueError
            If the file is no checkpoint or belongs to a run with other arguments.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            found, (stage, iteration, repeats) = str(arrays["fingerprint"]), arrays["position"]
            records = {name: list(arrays[f"history_{name}"]) for name in (*_SCALARS, *_VECTORS)}
        except (KeyError, OSError, ValueError, EOFError) as error:
            raise ValueError(f"checkpoint must be a file written by train_balanced_ei, got {path}") from error
        if found != fingerprint:
            raise ValueError(
                f"checkpoint must belong to a run with the same arguments, got {path} of a run with "
                f"{found[:12]} instead of {fingerprint[:12]}; remove the file to begin anew"
            )
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
