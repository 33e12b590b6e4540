"""Retrieval from a correlated dense associative memory, with the read-outs of its paper."""

from dataclasses import replace

import numpy as np
import xarray as xr

from assocmem.inputs import Schedule
from assocmem.models.cdam import CDAM
from assocmem.models.cdam_readouts import product, ratio
from assocmem.observables import Observable
from assocmem.provenance import run_attributes
from assocmem.run import Run
from assocmem.validation import check_integer, real_array

__all__ = ["retrieve", "scan_strengths"]

ENGINES = ("reduced", "full")


def retrieve(
    model: CDAM,
    cues: np.ndarray,
    *,
    steps: int = 100,
    eta: float = 0.1,
    every: int | None = 1,
    engine: str = "reduced",
    strengths: np.ndarray | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Trajectories of the map from cues, told by their correlation with the patterns and with each other.

    Parameters
    ----------
    model : CDAM
        Without noise.
    cues : array (unit,) or (trajectory, unit)
    steps : int, >= 1
        Iterations.
    eta : float, in (0, 1]
        Fraction of the way to its target that the state goes in one iteration.
    every : int or None
        Iterations from record to record, the first of which is the cue; None records the last state only.
    engine : {"reduced", "full"}
        "reduced" iterates coefficients of the patterns, which takes no longer for more units; "full" iterates the
        units. Both are exact; where the dynamics are chaotic (auto_strength < 0 at eta = 0.1) their trajectories part
        after some tens of steps, and only statistics agree.
    strengths : array (2,) or (trajectory, 2), optional
        Auto- and hetero-associative strength of every trajectory; default those of the model.
    threads : int, optional
        As in `simulate`; no effect on results.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        `correlation` (trajectory, time, pattern): Pearson correlation of the activity with every pattern over units,
        NaN where a variance is zero; `mean_activity` and `std_activity` (trajectory, time) over units; `weights`
        (trajectory, time, pattern): the softmax weights at that state; `winner` (trajectory, time): the pattern with
        the largest correlation, -1 where there is none; `attractor_correlation` (trajectory, other_trajectory): Pearson
        correlation between the last states. Time counts iterations; all parameters are in attrs.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.

    References
    ----------
    Burns (2024), Semantically-correlated memories in a dense associative model, ICML, eq. 1.
    """
    check_model(model)
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    check_integer("steps", steps, 1)
    reduced = model.reduced(cues, strengths)
    settings = {"steps": steps, "every": every, "threads": threads, "progress": progress}
    run = _run_reduced if engine == "reduced" else _run_full
    values, between, time = run(reduced, eta, settings)
    settings = {"steps": steps, "eta": float(eta), "every": every, "engine": engine, "strengths": strengths}
    attributes = run_attributes(model, cues=reduced.cues, **settings)
    return _labelled(values, between, {"time": ("time", time, {"units": "iterations"})}, attributes)


def scan_strengths(
    model: CDAM,
    cues: np.ndarray,
    strengths: np.ndarray,
    *,
    steps: int = 100,
    eta: float = 0.1,
    threads: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """The last states from the same cues for many pairs of strengths at once, as a phase diagram needs them.

    Equal to `retrieve` with ``every=None`` for each pair up to rounding (where the dynamics are chaotic, in statistics
    only), but without its overhead. Memory grows with settings x cues x patterns: scan a large plane row by row.

    Parameters
    ----------
    model : CDAM
        Its own strengths do not matter.
    cues : array (unit,) or (trajectory, unit)
    strengths : array (setting, 2)
        Auto- and hetero-associative strengths.
    steps, eta, threads, progress
        As in `retrieve`.

    Returns
    -------
    Dataset
        The variables of `retrieve`, with the dimension setting in place of time; `auto_strength` and `hetero_strength`
        are coordinates of it.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range.
    """
    check_model(model)
    check_integer("steps", steps, 1)
    strengths = real_array("strengths", strengths)
    if strengths.ndim != 2 or strengths.shape[1] != 2 or strengths.size == 0:
        raise ValueError(f"strengths must have shape (setting, 2), got {strengths.shape}")
    reduced = model.reduced(cues)
    n_cues, n_settings = len(reduced.cues), len(strengths)
    own = model.reduced(reduced.cues[:1], strengths[:1])  # for its kernel; the values of all are in the stimulus
    stimulus = np.repeat(reduced.stimulus().values, n_settings, axis=1)
    stimulus[0, :, model.n_patterns : model.n_patterns + 2] = np.tile(strengths, (n_cues, 1))
    start = np.repeat(reduced.initial_states(), n_settings, axis=0)
    settings = {"steps": steps, "every": None, "threads": threads, "progress": progress}
    run = _advanced(own.map(eta), start, stimulus=Schedule.constant(stimulus[0]), **settings)
    states = run.ensemble.y.reshape(n_cues, n_settings, -1)
    values = reduced.read_out(states, strengths[None])
    names = ("auto_strength", "hetero_strength")
    coords = {name: ("setting", column, {"units": "1"}) for name, column in zip(names, strengths.T, strict=True)}
    attributes = run_attributes(model, cues=reduced.cues, steps=steps, eta=float(eta), strengths=strengths)
    return _labelled(values, reduced.state_correlation(states, strengths[None]), coords, attributes)


def check_model(model) -> None:
    """Raise TypeError if `model` is no CDAM."""
    if not isinstance(model, CDAM):
        raise TypeError(f"model must be a CDAM, got {type(model).__name__}")


def _labelled(values: dict, between: np.ndarray, coords: dict, attributes: dict) -> xr.Dataset:
    """Dataset of read-outs (trajectory, column, ...), where the column is what the first of `coords` belongs to."""
    column = next(iter(coords.values()))[0]
    correlation = values["correlation"]
    n_cues, n_patterns = correlation.shape[0], correlation.shape[2]
    winner = np.where(np.isnan(correlation), -np.inf, correlation).argmax(axis=-1)
    values["winner"] = np.where(np.isnan(correlation).all(axis=-1), -1, winner)
    variables = {
        name: (("trajectory", column, "pattern")[: value.ndim], value, {"units": "1"}) for name, value in values.items()
    }
    dims = (column, "trajectory", "other_trajectory")[-between.ndim :]
    variables["attractor_correlation"] = (dims, between, {"units": "1"})
    sizes = {"trajectory": n_cues, "other_trajectory": n_cues, "pattern": n_patterns}
    coords = {name: (name, np.arange(size), {"units": "1"}) for name, size in sizes.items()} | coords
    return xr.Dataset(variables, coords, attributes)


def _run_reduced(reduced, eta, settings):
    """Read-outs, correlation between the last states, and times, from coefficients of the patterns."""
    run = _advanced(reduced.map(eta), reduced.initial_states(), stimulus=reduced.stimulus(), **settings)
    return reduced.read_out(run.recorded[reduced.state]), reduced.state_correlation(run.ensemble.y), run.times


def _run_full(reduced, eta, settings):
    """The same from the states of all units; trajectories of equal strengths run together."""
    strengths = np.broadcast_to(reduced.strengths, (len(reduced.cues), 2))
    kinds, number = np.unique(strengths, axis=0, return_inverse=True)
    values, last = {}, np.empty(reduced.cues.shape)
    for kind, (auto, hetero) in enumerate(kinds):
        rows = np.flatnonzero(number.reshape(-1) == kind)
        model = replace(reduced.flow, auto_strength=float(auto), hetero_strength=float(hetero))
        run = _advanced(model.map(eta), reduced.cues[rows], observables=_observables(model), **settings)
        last[rows] = run.ensemble.y
        for name, part in run.recorded.items():
            values.setdefault(name, np.empty((len(last), *part.shape[1:])))[rows] = part
    centred, norm = _centred(last)
    return values, ratio(product(centred, centred.T), norm[:, None] * norm), run.times


def _advanced(model, y0, *, steps, **settings) -> Run:
    """The finished run of a map, not yet made into a Dataset."""
    run = Run(model, "map", y0, duration=float(steps), dt=1.0, **settings)
    run.advance()
    return run


def _observables(model: CDAM) -> dict[str, Observable]:
    centred_patterns, norms = _centred(model.patterns)

    def correlation(states):
        centred, norm = _centred(states)
        return ratio(product(centred, centred_patterns.T), norm[..., None] * norms)

    return {
        "correlation": Observable(correlation, dim="pattern"),
        "weights": Observable(model.weights, dim="pattern"),
        "mean_activity": Observable(lambda states: states.mean(axis=-1)),
        "std_activity": Observable(lambda states: states.std(axis=-1)),
    }


def _centred(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values less their mean over the last axis, and the norms of that; exactly 0 where they are all the same."""
    centred = values - values.mean(axis=-1, keepdims=True)
    # round-off in the mean must not become a correlation
    centred[np.ptp(values, axis=-1) == 0] = 0.0
    return centred, np.sqrt(np.square(centred).sum(axis=-1))
