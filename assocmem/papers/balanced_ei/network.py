"""The trained networks of the experiments, kept on disk between them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.balanced_ei import train_balanced_ei
from assocmem.learning.initial import random_ei_weights
from assocmem.learning.schedules import Stage, penalty_schedule
from assocmem.learning.storage import project_weights
from assocmem.models.balanced_ei import BalancedEI
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.patterns import lognormal_patterns
from assocmem.provenance import describe, package_version

SIZES = {"quick": (40, 20, 12), "paper": (100, 50, 30)}  # excitatory, inhibitory, patterns
# sources that decide what a training run gives: when one changes, kept networks are trained again
_SOURCES = ("learning/*.py", "models/balanced_ei.py", "kernels/activations.py")


@dataclass(frozen=True)
class Stored:
    """A network with the patterns it was trained to store.

    Parameters
    ----------
    model : BalancedEI
    patterns : DataArray (pattern, unit)
        Excitatory rates, Hz.
    potentials : DataArray (pattern, unit)
        Of all units at the stored states, mV.
    history : Dataset
        Of the training, over iteration; empty for a network that was not trained.
    """

    model: BalancedEI
    patterns: xr.DataArray
    potentials: xr.DataArray
    history: xr.Dataset

    @property
    def n_patterns(self) -> int:
        """Number of stored patterns."""
        return self.patterns.sizes["pattern"]

    @property
    def inhibitory(self) -> xr.DataArray:
        """Potentials (pattern, unit) of the inhibitory units at the stored states, mV."""
        return self.potentials.isel(unit=slice(self.model.n_excitatory, None)).drop_vars("unit", errors="ignore")

    def excitatory_rates(self, potential: np.ndarray) -> np.ndarray:
        """Rates of the excitatory units, Hz, at potentials (..., unit), mV."""
        return self.model.activation.rate(potential[..., : self.model.n_excitatory])


def canonical(run: Run) -> Stored:
    """The network of most experiments, trained on log-normal patterns by the objective of the paper.

    At full size that is the plain mean over patterns with one strength of the stability term; a small
    network needs the hinge and falling strengths, or single patterns stay unstable.
    """
    n_excitatory, n_inhibitory, _ = SIZES[run.scale]
    schedule = penalty_schedule(n_excitatory + n_inhibitory)
    if run.scale == "paper":
        storing, strong, *_ = schedule
        schedule = (storing, dataclasses.replace(strong, iterations=400, hinge=None))
    patterns = canonical_patterns(run)
    return _converged(trained(run, patterns, n_inhibitory=n_inhibitory, storage="penalty", schedule=schedule))


def improved(run: Run) -> Stored:
    """A network of the same size and patterns, trained with exact storage and on retrieval itself."""
    _, n_inhibitory, _ = SIZES[run.scale]
    return _converged(trained(run, canonical_patterns(run), n_inhibitory=n_inhibitory, storage="exact"))


def _converged(stored: Stored) -> Stored:
    message = stored.history.attrs["message"]
    if not message.startswith("converged"):
        warnings.warn(f"the network of the experiment is not fully trained: {message}", stacklevel=3)
    return stored


def canonical_patterns(run: Run) -> xr.DataArray:
    """Log-normal rates (pattern, unit), mean and sd 5 Hz: 12 patterns of 40 units, or 30 of 100."""
    n_excitatory, _, n_patterns = SIZES[run.scale]
    return lognormal_patterns(n_patterns, n_excitatory, seed=run.seed)


def trained(
    run: Run,
    patterns: xr.DataArray,
    *,
    n_inhibitory: int,
    storage: str,
    schedule: tuple[Stage, ...] | None = None,
    epsilon: float | None = None,
) -> Stored:
    """A network trained on patterns (pattern, unit), Hz; read from the cache where it is there.

    Parameters
    ----------
    run : Run
        Its seed is that of the training.
    patterns : DataArray (pattern, unit)
        Excitatory rates, Hz.
    n_inhibitory : int
    storage, schedule, epsilon
        As for `train_balanced_ei`.

    Raises
    ------
    NotStorableError
        If no network that obeys Dale's law has the patterns as fixed points.
    KeyboardInterrupt
        If the training was interrupted: half a training is no result.
    """
    settings = {"n_inhibitory": n_inhibitory, "seed": run.seed, "storage": storage}
    settings |= {"schedule": schedule, "epsilon": epsilon}
    key = _key(patterns, settings)
    path = None if run.cache is None else run.cache / f"{key}.nc"
    if path is not None and path.exists():
        return _read(path, patterns, key)
    training = train_balanced_ei(patterns, **settings, threads=run.threads, progress=run.progress)
    if training.message.startswith("interrupted"):
        raise KeyboardInterrupt(training.message)
    history = training.history.assign_attrs(message=training.message)
    stored = Stored(training.model, patterns, training.potentials, history)
    if path is not None:
        _write(stored, path, key)
    return stored


def _key(patterns, settings):
    """Hash of all that decides the outcome: a kept network is used for exactly the same question only."""
    described = {
        "settings": {name: describe(value) for name, value in settings.items()},
        "patterns": hashlib.sha256(np.ascontiguousarray(patterns.to_numpy()).tobytes()).hexdigest(),
        "version": package_version(),
        "sources": _source_hash(),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


def _source_hash():
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(stored, path, key):
    model = stored.model
    dataset = stored.history.assign(
        weights=(("unit", "presynaptic"), model.weights, {"units": "mV/Hz"}),
        drive=("unit", np.asarray(model.drive), {"units": "mV"}),
        potentials=stored.potentials.drop_vars(stored.potentials.coords),
    )
    parameters = {"tau_e": model.tau_e, "tau_i": model.tau_i, "n_excitatory": model.n_excitatory}
    activation = {"type": type(model.activation).__name__, **dataclasses.asdict(model.activation)}
    save_dataset(dataset.assign_attrs(key=key, activation=json.dumps(activation), **parameters), path)


def _read(path, patterns, key):
    with xr.open_dataset(path, engine="h5netcdf") as file:
        dataset = file.load()
    if dataset.attrs.get("key") != key:
        raise ValueError(f"{path} must hold the network of its name, got that of {dataset.attrs.get('key')}")
    activation = json.loads(dataset.attrs["activation"])
    model = BalancedEI(
        dataset.weights.to_numpy(),
        int(dataset.attrs["n_excitatory"]),
        drive=dataset.drive.to_numpy(),
        tau_e=float(dataset.attrs["tau_e"]),
        tau_i=float(dataset.attrs["tau_i"]),
        activation=_ACTIVATIONS[activation.pop("type")](**activation),
    )
    history = dataset.drop_vars(["weights", "drive", "potentials"])
    return Stored(model, patterns, dataset.potentials, history)


def without_stability(run: Run, patterns: xr.DataArray, *, n_inhibitory: int, inhibition: str) -> Stored:
    """The control: patterns stored exactly in random weights by projection, with nothing done for stability.

    Parameters
    ----------
    run : Run
    patterns : DataArray (pattern, unit)
        Excitatory rates, Hz.
    n_inhibitory : int
    inhibition : {"random", "equal"}
        Inhibitory rates log-normal (mean 5, sd 2 Hz) and independent in every pattern, or the same in all.

    Raises
    ------
    ValueError
        If `inhibition` is unknown.
    """
    if inhibition not in ("random", "equal"):
        raise ValueError(f"inhibition must be one of random, equal, got {inhibition!r}")
    n_patterns, n_excitatory = patterns.sizes["pattern"], patterns.sizes["unit"]
    seed = run.seed_for("control/inhibition")
    rates = lognormal_patterns(n_patterns, n_inhibitory, mean=5.0, sd=2.0, seed=seed).to_numpy()
    if inhibition == "equal":
        rates = np.broadcast_to(rates[:1], rates.shape)
    activation = PowerLaw()
    potentials = activation.potential(np.concatenate([patterns.to_numpy(), rates], axis=1))
    weights = random_ei_weights(n_excitatory, n_inhibitory, seed=run.seed)
    projection = project_weights(weights, potentials, n_excitatory=n_excitatory)
    labelled = xr.DataArray(potentials, dims=("pattern", "unit"), attrs={"units": "mV"})
    return Stored(BalancedEI(projection.weights, n_excitatory), patterns, labelled, xr.Dataset())


_ACTIVATIONS = {kind.__name__: kind for kind in (PowerLaw, SoftplusSquared)}
