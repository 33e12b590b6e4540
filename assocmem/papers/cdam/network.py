"""What the experiments share: patterns, noisy cues, the settings of the paper, and retrieval in many networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from scipy import stats

from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Run
from assocmem.retrieval import retrieve

# a and h; the first four have a + h = 1
AUTO, NARROW, WIDE, WIDEST, QUIESCENT = (1.0, 0.0), (0.5, 0.5), (-0.5, 1.5), (-2.0, 3.0), (-2.5, 1.0)
STD4 = (AUTO, NARROW, WIDE, WIDEST)
MODES4 = (AUTO, NARROW, WIDE, QUIESCENT)
N_UNITS = 1000
ETA = 0.1
STEPS = 100
TIMES = (1, 11, 26, 100)  # iterations after which the paper shows states
NOISE = 1.0  # width of the distribution of the noise of cues
FAMILY_ERROR = 0.05  # probability that any number of a table misses its band by chance


def random_patterns(n_patterns: int, n_units: int = N_UNITS, *, seed: int) -> np.ndarray:
    """Patterns (pattern, unit) of independent entries, uniform in [0, 1)."""
    return _generator(seed, 60).random((n_patterns, n_units))


def noisy_cues(patterns: np.ndarray, *, amplitude: float = NOISE, seed: int) -> np.ndarray:
    """Cues xi + zeta (pattern, unit), the noise zeta uniform and of mean 0 with a width of `amplitude`."""
    return patterns + amplitude * _generator(seed, 61).uniform(-0.5, 0.5, patterns.shape)


def orthogonal_patterns(n_patterns: int, square: float) -> np.ndarray:
    """Patterns (pattern, unit) whose products are exactly 0, and `square` with themselves."""
    return np.sqrt(square) * np.eye(n_patterns)


def network_seeds(run: Run, n: int) -> list[int]:
    """Seeds of `n` networks; those of fewer networks are the first of them, in every experiment."""
    return np.random.SeedSequence(run.seed_for("cdam/networks")).generate_state(n).tolist()


def over_networks(run: Run, measure: Callable[[int], xr.Dataset], *, quick: int = 2, paper: int = 10) -> xr.Dataset:
    """What `measure` finds in networks of different seeds, over the dimension `network`."""
    parts = run.map(measure, network_seeds(run, run.pick(quick, paper)), label="networks")
    return xr.concat(parts, "network")


def retrieve_settings(
    adjacency,
    settings: Sequence[tuple[float, float]],
    *,
    seed: int,
    n_units: int = N_UNITS,
    beta: float = 1.0,
    eta: float = ETA,
    steps: int = STEPS,
    every: int | None = None,
    softmax: str = "stable",
) -> xr.Dataset:
    """Retrieval in one network of random patterns, every vertex once as cue, for several strengths.

    All settings share patterns and cues.

    Parameters
    ----------
    adjacency : array (pattern, pattern)
    settings : sequence of (float, float)
        Strengths a and h.
    seed : int
        Of patterns and cues.
    n_units, beta, eta, steps, every, softmax
        As of `CDAM` and `retrieve`.

    Returns
    -------
    Dataset
        That of `retrieve` with the dimensions `setting` and `cue` in place of trajectory, and `other_cue`.
    """
    patterns = random_patterns(len(adjacency), n_units, seed=seed)
    cues = noisy_cues(patterns, seed=seed)
    model = CDAM(patterns, adjacency, auto_strength=1.0, hetero_strength=0.0, beta=beta, softmax=softmax)
    parts = []
    for strengths in settings:
        part = retrieve(model, cues, steps=steps, eta=eta, every=every, strengths=np.array(strengths), threads=1)
        part = part.rename(trajectory="cue", other_trajectory="other_cue")
        parts.append(part.drop_vars(["cue", "other_cue", "pattern"], errors="ignore").drop_attrs(deep=False))
    return with_settings(xr.concat(parts, "setting"), settings)


def with_settings(dataset: xr.Dataset, settings: Sequence[tuple[float, float]]) -> xr.Dataset:
    """The Dataset with the strengths as coordinates of its dimension `setting`."""
    a, h = np.transpose(settings)
    return dataset.assign_coords(auto_strength=("setting", a), hetero_strength=("setting", h))


def at_setting(data, setting: tuple[float, float]):
    """The part of a Dataset or DataArray that belongs to strengths a and h."""
    is_meant = (data.auto_strength == setting[0]) & (data.hetero_strength == setting[1])
    return data.isel(setting=int(np.flatnonzero(is_meant)[0]))


def setting_label(setting: tuple[float, float]) -> str:
    """Strengths as in a legend."""
    return f"$a={setting[0]:g}$, $h={setting[1]:g}$"


def plain_label(setting: tuple[float, float]) -> str:
    """Strengths as in a sentence."""
    return f"({setting[0]:g}, {setting[1]:g})"


def activity_over_time(dataset: xr.Dataset) -> xr.Dataset:
    """Mean and standard deviation of the activity over cues and units together; (..., time)."""
    mean = dataset.mean_activity.mean("cue")
    variance = (dataset.std_activity**2).mean("cue") + dataset.mean_activity.var("cue")
    return in_units(xr.Dataset({"activity_mean": mean, "activity_sd": np.sqrt(variance)}))


def in_units(data, units: str = "1"):
    """The same DataArray, or Dataset with all its variables, in a unit."""
    if isinstance(data, xr.Dataset):
        return data.assign({name: variable.assign_attrs(units=units) for name, variable in data.data_vars.items()})
    return data.assign_attrs(units=units)


def mean_claims(rows: Sequence[tuple[str, float, float, xr.DataArray]], *, source: str, n_theirs: int) -> list[Claim]:
    """Means over networks against theirs, with bands that hold for all of the numbers together.

    Parameters
    ----------
    rows : sequence of (statement, their mean, error of reading, our values (network,))
        The error of reading is how far their number may be off because it is rounded or read off a figure.
    source : str
        As of a `Claim`.
    n_theirs : int or inf
        Networks in their means; inf for a number of theory.
    """
    claims = []
    for statement, theirs, reading, ours in rows:
        error, quantile, networks = _difference(ours, n_theirs, len(rows))
        reason = f"95 % band of the difference of {networks}, {len(rows)} numbers together; reading {reading:g}"
        claims.append(Claim(statement, source, "close", theirs, float(ours.mean()), quantile * error + reading, reason))
    return claims


def curve_claim(
    statement: str, theirs: dict[float, float], ours: xr.DataArray, *, source: str, n_theirs: float, reading: float
) -> Claim:
    """A curve against theirs: the largest distance between the two, in standard errors of the difference.

    Parameters
    ----------
    statement : str
    theirs : dict
        Their mean at places of the last dimension of `ours`.
    ours : DataArray (network, place)
    source : str
        As of a `Claim`.
    n_theirs : int
        Networks in their means.
    reading : float
        How far their numbers may be off because they are rounded or read off a figure; so far there is no distance.
    """
    place = ours.dims[-1]
    distances = []
    for x, mean in theirs.items():
        values = ours.sel({place: x})
        error, quantile, networks = _difference(values, n_theirs, len(theirs))
        distances.append(max(abs(float(values.mean()) - mean) - reading, 0.0) / error)
    statement = f"{statement}: largest distance of {len(theirs)} values, in standard errors of the difference"
    reason = f"95 % band of {networks}, {len(theirs)} numbers together, beyond an error of reading of {reading:g}"
    return Claim(statement, source, "at_most", 0.0, max(distances), quantile, reason)


def _difference(ours: xr.DataArray, n_theirs: float, n_numbers: int) -> tuple[float, float, str]:
    """Standard error of the difference of two means over networks, its quantile for many numbers, and what they are.

    The spread over networks is taken from ours, as theirs is not known.
    """
    n = ours.sizes["network"]
    error = float(ours.std("network", ddof=1)) * (1.0 / n + 1.0 / n_theirs) ** 0.5
    quantile = float(stats.t.ppf(1.0 - 0.5 * FAMILY_ERROR / n_numbers, n - 1))
    theirs = {1: "one", np.inf: "the limit"}.get(n_theirs, n_theirs)
    return error, quantile, f"{theirs} and {n} networks"


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(stream,)))
