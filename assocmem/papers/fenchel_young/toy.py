"""The four problems of the paper's figures in the plane: patterns, cues, networks, grids of states.

Five patterns (three in problem 0) are points in the plane, with three treatments of states. With the identity and with
l2-normalisation there are two units and the patterns have norm 1. With layer normalisation a third unit holds minus the
sum of the other two, and the patterns are standardised with the unbiased standard deviation, as in the published code:
their squared norm is 2, the number of units less one.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.separations import Entmax, Normmax, Separation, Softmax, Sparsemax, associate
from assocmem.transformations import Identity, L2Normalization, LayerNormalization

SEPARATIONS: dict[str, Separation] = {
    "1-entmax": Softmax(),
    "1.5-entmax": Entmax(1.5),
    "2-entmax": Sparsemax(),
    "2-normmax": Normmax(2.0),
    "5-normmax": Normmax(5.0),
}
LAYER_NORM = "layer norm"
POSTS = {
    "identity": Identity(),
    "l2": L2Normalization(),
    LAYER_NORM: LayerNormalization(gain=math.sqrt(2.0 / 3.0)),
}
# points of each problem before normalisation
POINTS = {
    0: ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0)),
    3: (
        (0.149779707762954, -0.20889391999870743),
        (-0.3870209466704155, 0.9912377875122558),
        (0.4679030501729072, -0.20493191012544776),
        (-0.7409071350000439, 0.3618396379853795),
        (1.9198992741531207, -0.22538756319529962),
    ),
    8: (
        (-1.2753023640826624, -0.475751750065748),
        (2.38394444612717, 0.9157298972166351),
        (-0.6429603128521716, 0.7113185239839311),
        (0.3999778377794059, -1.2039215205974934),
        (-0.4197524253898019, -1.1928907140131688),
    ),
    9: (
        (-1.2842116387710536, -0.6916777112985286),
        (-0.5359472373222023, 0.33552202762709427),
        (0.24693661243179116, 0.03243076399358262),
        (0.4056879925570111, 1.618118407109991),
        (0.3931549005829132, -0.21477955554227549),
    ),
}
CUES = {
    0: (0.0, 0.0),
    3: (-0.3416974768405796, 0.3040127519535435),
    8: (-0.9350629389044554, 0.21380278224795793),
    9: (1.2651191543239981, -0.31780684706452267),
}
MOST_PATTERNS = max(len(points) for points in POINTS.values())
EDGE = 0.1  # of the grid beyond the patterns


def states_at(points: np.ndarray, mode: str) -> np.ndarray:
    """States (..., unit) at points (..., 2) of the plane, with a third unit for layer normalisation."""
    points = np.asarray(points, dtype=float)
    if mode != LAYER_NORM:
        return points
    return np.concatenate([points, -points.sum(axis=-1, keepdims=True)], axis=-1)


def network(problem: int, mode: str, separation: Separation, beta: float) -> HopfieldFenchelYoung:
    """The network of a problem with one of the three treatments of states."""
    points = np.array(POINTS[problem])
    if mode != LAYER_NORM:
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return HopfieldFenchelYoung(states_at(points, mode), separation=separation, beta=beta, post=POSTS[mode])


def first_state(problem: int, mode: str) -> np.ndarray:
    """State (unit,) from which the trajectories of the paper start: the softmax mixture of the cue, at beta = 1."""
    patterns = network(problem, mode, Softmax(), 1.0).patterns
    return associate(Softmax(), states_at(CUES[problem], mode), patterns)


def grid(patterns: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places x (n,) and y (n,) from 0.1 below to 0.1 above the first two units of all patterns."""
    low, high = patterns[:, :2].min(axis=0) - EDGE, patterns[:, :2].max(axis=0) + EDGE
    x, y = np.linspace(low, high, n).T
    return x, y


def states_on_grid(x: np.ndarray, y: np.ndarray, mode: str) -> np.ndarray:
    """States (y * x, unit) at all places of a grid, x running fastest."""
    return states_at(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), mode)


def border(mode: str, n_points: int = 201) -> np.ndarray | None:
    """Closed line (point, 2) of the feasible states of a normalisation in the plane; None for the identity.

    A circle for l2-normalisation. So it is for layer normalisation in the plane of its three units, which is an
    ellipse, x^2 + x y + y^2 = 1, as seen in the first two.
    """
    if mode == "identity":
        return None
    angle = np.linspace(0.0, 2.0 * np.pi, n_points)
    if mode == "l2":
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    along, across = np.cos(angle) / math.sqrt(3.0), np.sin(angle)
    return np.stack([along + across, along - across], axis=1)


def settling_updates(path: np.ndarray, *, radius: float = 1e-3) -> np.ndarray:
    """Updates (trajectory,) after which a path (trajectory, time, unit) stays within `radius` of its last state.

    0 if it never leaves it. The last state is where the path ends, whether or not it still moves.
    """
    is_far = np.linalg.norm(path - path[:, -1:], axis=-1) > radius
    n_times = path.shape[1]
    return np.where(is_far.any(axis=1), n_times - is_far[:, ::-1].argmax(axis=1), 0)


def largest_rise(energy: np.ndarray) -> float:
    """Largest step up of energies (..., time), relative to the largest of their magnitudes; 0 if they never rise."""
    rise = np.diff(energy, axis=-1).max()
    return float(rise / np.abs(energy[np.isfinite(energy)]).max()) if rise > 0 else 0.0


def padded_patterns(mode: str) -> np.ndarray:
    """Patterns (problem, pattern, 2) as points in the plane, NaN where a problem has fewer than the others."""
    points = np.full((len(POINTS), MOST_PATTERNS, 2), np.nan)
    for row, problem in enumerate(POINTS):
        patterns = network(problem, mode, Softmax(), 1.0).patterns
        points[row, : len(patterns)] = patterns[:, :2]
    return points


def panel(dataset: xr.Dataset, name: str, problem: int, separation: str) -> xr.DataArray:
    """A variable of one panel over (y, x) with the places of its grid as coordinates."""
    chosen = dataset.sel(problem=problem)
    values = chosen[name].sel(separation=separation)
    return values.assign_coords(x=("x", chosen.place_x.values), y=("y", chosen.place_y.values))
