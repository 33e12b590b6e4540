"""Lyapunov exponents of flows and maps, from trajectories close to each other."""

import numpy as np
import xarray as xr
from tqdm import tqdm

from assocmem.ensemble import Ensemble, FixedRun
from assocmem.errors import DivergedError
from assocmem.integrators import METHODS
from assocmem.provenance import run_attributes
from assocmem.validation import check_finite, check_integer, check_multiple, check_positive, real_array

__all__ = ["lyapunov_exponents"]

_EXPLICIT = ("euler", "heun", "rk4")
_BATCHES = 10  # parts of a run whose spread gives the standard error


def lyapunov_exponents(
    model,
    y0: np.ndarray,
    *,
    duration: float,
    n_exponents: int = 1,
    dt: float | None = None,
    method: str = "rk4",
    transient: float = 0.0,
    interval: float | None = None,
    displacement: float = 1e-6,
    seed: int = 0,
    progress: bool = False,
) -> xr.Dataset:
    r"""The largest Lyapunov exponents of a model, without its Jacobian.

    Beside each trajectory run others that are displaced a little in directions orthogonal to each other. After every
    interval the growth of the volumes that they span is noted, and the displacements are made orthogonal and small
    again (a QR decomposition). The exponents are mean rates of growth,

    .. math:: \lambda_i = \frac{1}{T} \sum_n \log |R^{(n)}_{ii}|

    Parameters
    ----------
    model : Flow or Map
        Without noise.
    y0 : array (unit,) or (trajectory, unit)
    duration : float, > 0
        Time over which the growth is averaged, in the model's unit of time; updates for a map.
    n_exponents : int, from 1 to the number of units
        All of them are the spectrum.
    dt : float, > 0
        Step of a flow; a map has 1.
    method : {"rk4", "heun", "euler"}
        For a flow.
    transient : float, >= 0
        Time before, in which the trajectory and the directions settle.
    interval : float, > 0, optional
        Time from one decomposition to the next, 10 steps by default (1 for a map). Over it no displacement may leave
        the range in which growth is linear.
    displacement : float, > 0
        Length of the displacements, as a part of the norm of the state (of 1 where that is less). Exponents have a
        relative error of this order, if it is small against the states: give less where states are far below 1.
    seed : int, >= 0
        Of the first directions.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        `lyapunov_exponent` (trajectory, rank) in falling order, in 1 / time; `standard_error` of it, from ten parts of
        the duration; `running` (trajectory, rank, time), the mean up to a time; `dimension` (trajectory), that of
        Kaplan and Yorke if there are enough exponents to tell, NaN otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    DivergedError
        If a trajectory is no longer finite.

    References
    ----------
    Benettin, Galgani, Giorgilli & Strelcyn (1980), Meccanica 15; Kaplan & Yorke (1979).
    """
    y0 = np.atleast_2d(real_array("y0", y0))
    dt, method = _check_model(model, y0, dt, method)
    check_integer("n_exponents", n_exponents, 1)
    if n_exponents > model.n_units:
        raise ValueError(f"n_exponents must be at most the number of units, {model.n_units}, got {n_exponents}")
    interval = (1 if method == "map" else 10) * dt if interval is None else interval
    for name, value in (("duration", duration), ("interval", interval), ("displacement", displacement)):
        check_positive(name, value)
    check_finite("transient", transient)
    if transient < 0:
        raise ValueError(f"transient must be >= 0, got {transient}")
    check_integer("seed", seed, 0)
    for name, value in (("interval", interval), ("duration", duration), ("transient", transient)):
        check_multiple(name, value, dt if name == "interval" else interval)
    n_before, n_counted = round(transient / interval), round(duration / interval)
    if n_counted < _BATCHES:
        raise ValueError(f"duration must be at least {_BATCHES} intervals of {interval:g}, got {duration:g}")
    growth = _Bundle(model, method, dt, y0, n_exponents, displacement, seed).growth(
        n_before, n_counted, round(interval / dt), progress
    )
    settings = {"duration": duration, "dt": dt, "method": method, "transient": transient, "interval": interval}
    attributes = run_attributes(model, y0=y0, displacement=displacement, seed=seed, **settings)
    return _dataset(growth / interval, interval, attributes)


def _check_model(model, y0, dt, method):
    if not hasattr(model, "kernel"):
        raise TypeError(f"model must be a Flow or a Map, got {type(model).__name__}")
    if getattr(model, "diffusion", None) is not None:
        raise ValueError("model must be without noise, got one with a diffusion")
    if y0.shape[1] != model.n_units:
        raise ValueError(f"y0 must have {model.n_units} units, got {y0.shape[1]}")
    if not hasattr(model, "rhs"):
        if dt not in (None, 1, 1.0):
            raise ValueError(f"dt must be 1 or None for a map, got {dt}")
        return 1.0, "map"
    if dt is None:
        raise ValueError("dt must be given for a flow, got None")
    check_positive("dt", dt)
    if method not in _EXPLICIT:
        raise ValueError(f"method must be one of {', '.join(_EXPLICIT)}, got {method!r}")
    return float(dt), method


class _Bundle:
    """Trajectories and those displaced from them, the first of each group being the one in the middle."""

    def __init__(self, model, method, dt, y0, n_exponents, displacement, seed):
        self.n, self.k, self.dt = len(y0), n_exponents, dt
        self.displacement = displacement
        directions = np.random.default_rng(seed).standard_normal((self.n, model.n_units, n_exponents))
        self.directions = np.linalg.qr(directions)[0]
        rows = self.n * (1 + n_exponents)
        self.ensemble = Ensemble(np.empty((rows, model.n_units)), np.arange(rows))
        self.stimulus = np.zeros((rows, model.n_stimulus))
        every = 2**62  # nothing is recorded
        self.run = FixedRun(model, METHODS[method], 0.0, dt, every, -1.0, 0, None, None, np.ones(model.n_units))
        self.states = y0.astype(float)

    def growth(self, n_before, n_counted, n_steps, progress):
        """Logarithms of factors (interval, trajectory, exponent)."""
        logs = np.empty((n_counted, self.n, self.k))
        for number in tqdm(range(-n_before, n_counted), "intervals", disable=not progress, leave=False):
            factors = self._one_interval(n_steps, number + n_before)
            if number >= 0:
                logs[number] = np.log(factors)
        return logs

    def _one_interval(self, n_steps, number):
        size = self.displacement * np.maximum(1.0, self._norms())[:, None, None]
        group = np.concatenate(
            [self.states[:, None], self.states[:, None] + size * self._rows(self.directions)], axis=1
        )
        self.ensemble.y[:] = group.reshape(-1, group.shape[-1])
        rows = np.arange(len(self.ensemble.y))
        values, _ = self.run.advance(self.ensemble, rows, n_steps, self.stimulus, -1.0)
        self.ensemble.step += n_steps
        after = values["y"].reshape(group.shape)
        if not np.all(np.isfinite(after)):
            trajectory = int(np.flatnonzero(~np.isfinite(after).all(axis=(1, 2)))[0])
            time = (number + 1) * n_steps * self.dt
            message = f"trajectory {trajectory} diverged before time {time:g}: its state is no longer finite"
            raise DivergedError(message, trajectory=trajectory, time=time, parameters={})
        self.states = after[:, 0]
        stretched = self._rows(after[:, 1:] - after[:, :1]) / size
        self.directions, upper = np.linalg.qr(stretched)
        return np.maximum(np.abs(np.diagonal(upper, axis1=1, axis2=2)), np.finfo(float).tiny)

    def _norms(self):
        largest = np.abs(self.states).max(axis=1, keepdims=True) + np.finfo(float).tiny
        return largest[:, 0] * np.linalg.norm(self.states / largest, axis=1)  # squares must not overflow

    @staticmethod
    def _rows(array):
        return np.swapaxes(array, 1, 2)


def _dataset(rates, interval, attributes):
    """Labelled exponents from rates of growth (interval, trajectory, exponent)."""
    n_counted = len(rates)
    exponents = rates.mean(axis=0)
    parts = np.stack([part.mean(axis=0) for part in np.array_split(rates, _BATCHES)])
    running = np.cumsum(rates, axis=0) / np.arange(1, n_counted + 1)[:, None, None]
    order = np.argsort(-exponents, axis=1, kind="stable")
    dims = ("trajectory", "rank")
    data = {
        "lyapunov_exponent": (dims, np.take_along_axis(exponents, order, axis=1)),
        "standard_error": (dims, np.take_along_axis(parts.std(axis=0, ddof=1) / np.sqrt(_BATCHES), order, axis=1)),
        "running": ((*dims, "time"), np.moveaxis(np.take_along_axis(running, order[None], axis=2), 0, 2)),
    }
    data = {name: (*content, {"units": "1/time"}) for name, content in data.items()}
    dimension = [_kaplan_yorke(values) for values in data["lyapunov_exponent"][1]]
    data["dimension"] = ("trajectory", np.array(dimension), {"units": "1"})
    n, k = exponents.shape
    coords = {name: (name, np.arange(size), {"units": "1"}) for name, size in (("trajectory", n), ("rank", k))}
    coords["time"] = ("time", interval * np.arange(1, n_counted + 1), {"units": "time"})
    return xr.Dataset(data, coords, attributes)


def _kaplan_yorke(exponents):
    """``j + (lambda_1 + ... + lambda_j) / |lambda_(j + 1)|`` with the largest j for which the sum is not negative."""
    sums = np.cumsum(exponents)
    if sums[-1] >= 0:
        return np.nan
    j = int(np.argmax(sums < 0))
    return float(j + (sums[j - 1] if j else 0.0) / abs(exponents[j]))
