"""Order parameters on a grid of strengths, computed tile by tile; finished tiles survive an interruption.

A tile is a number of neighbouring points of the grid in one network. All its trajectories, each with its own strengths,
run together in coordinates of the patterns, and its order parameters follow from products of patterns and cues.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product as pairs_of
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.graphs import ring
from assocmem.inputs import Schedule
from assocmem.models.cdam import CDAM
from assocmem.models.cdam_reduced import product
from assocmem.observables import Observable
from assocmem.papers.base import Run
from assocmem.papers.cdam.network import network_seeds, noisy_cues, random_patterns
from assocmem.papers.record import write_atomically
from assocmem.provenance import package_version
from assocmem.simulate import iterate

ORDER_PARAMETERS = {
    "cue_correlation": "correlation of the last state with its cue's pattern, mean over cues",
    "neighbour_correlation": "the same with the two neighbours of that pattern",
    "own_winner": "fraction of cues whose own pattern has the largest correlation",
    "attractor_correlation": "mean correlation between the last states of different cues",
    "neighbour_attractors": "the same of cues that are neighbours on the ring",
    "participation_ratio": "directions that the last states span, (tr K)^2 / sum K^2",
    "mean_activity": "mean over units and cues",
    "std_activity": "standard deviation over units, mean over cues",
    "last_change": "largest change of an average weight in the last update, mean over cues",
    "travelling_share": "fraction of cues whose winner goes round the ring, one pattern an update, to the end",
    "log_distance": "log10 of the relative distance of two copies at the end, mean over pairs",
    "chaotic_share": "fraction of pairs that end farther apart than CHAOTIC_DISTANCE",
}
WATCHED = 15  # last updates, in which a travelling state goes half round the ring
PERTURBATION = 1e-10  # relative, of the second copy of a cue
# halfway, in powers of ten, from the perturbation to the size of the state
CHAOTIC_DISTANCE = 1e-5
_SMALLEST_DISTANCE = 1e-18
# sources that decide what a tile holds: when one changes, kept tiles are computed again
_SOURCES = ("papers/cdam/phase_tiles.py", "papers/cdam/network.py", "models/*.py", "kernels/*.py", "graphs.py")


@dataclass(frozen=True)
class Diagram:
    """What is computed: the grid, the networks and the dynamics.

    Parameters
    ----------
    auto_strengths, hetero_strengths : tuple of float
        The grid.
    seeds : tuple of int
        Networks.
    n_patterns, n_units : int
        The patterns lie on a ring.
    beta, eta : float
    steps : int
    pair_cues : tuple of int
        Cues that are given twice, the second time perturbed.
    tile_points : int
        Points of the grid in a tile.
    """

    auto_strengths: tuple[float, ...]
    hetero_strengths: tuple[float, ...]
    seeds: tuple[int, ...]
    n_patterns: int
    n_units: int
    beta: float
    eta: float
    steps: int
    pair_cues: tuple[int, ...]
    tile_points: int

    @property
    def points(self) -> np.ndarray:
        """Strengths a and h (point, 2), h running fastest."""
        return np.array(list(pairs_of(self.auto_strengths, self.hetero_strengths)))

    @property
    def tiles(self) -> list[tuple[int, int]]:
        """Number of the network, and of the first point."""
        starts = range(0, len(self.auto_strengths) * len(self.hetero_strengths), self.tile_points)
        return list(pairs_of(range(len(self.seeds)), starts))

    @cached_property
    def key(self) -> str:
        """Hash of all that decides the numbers: a kept tile answers exactly the same question only."""
        described = {"settings": asdict(self), "version": package_version(), "sources": _source_hash()}
        described |= {"perturbation": PERTURBATION, "chaotic": CHAOTIC_DISTANCE, "names": list(ORDER_PARAMETERS)}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


def order_parameters(diagram: Diagram, run: Run) -> xr.Dataset:
    """The `ORDER_PARAMETERS` over (network, auto_strength, hetero_strength).

    Finished tiles are kept in the run's cache and read from there; an interruption loses only those in flight.
    """
    folder = None if run.cache is None else run.cache / f"phase-diagram-{diagram.key}"
    setups = [Setup.of(diagram, seed) for seed in diagram.seeds]

    def values_of(tile: tuple[int, int]) -> np.ndarray:
        network, start = tile
        strengths = diagram.points[start : start + diagram.tile_points]
        path = None if folder is None else folder / f"{network}-{start}.npy"
        if path is not None and path.exists():
            return _read(path, (len(strengths), len(ORDER_PARAMETERS)))
        values = setups[network].order_parameters(strengths)
        if path is not None:
            write_atomically(path, lambda temporary: np.save(temporary, values))
        return values

    tiles = run.map(values_of, diagram.tiles, label="tiles")
    shape = (len(diagram.seeds), len(diagram.auto_strengths), len(diagram.hetero_strengths))
    values = np.concatenate(tiles).reshape(*shape, len(ORDER_PARAMETERS))
    dims = ("network", "auto_strength", "hetero_strength")
    variables = {
        name: (dims, values[..., k], {"units": "1", "long_name": text})
        for k, (name, text) in enumerate(ORDER_PARAMETERS.items())
    }
    coords = {"auto_strength": list(diagram.auto_strengths), "hetero_strength": list(diagram.hetero_strengths)}
    return xr.Dataset(variables, coords)


@dataclass(frozen=True, eq=False)
class Setup:
    """One network with its cues, the products that all read-outs need, and the settings of the diagram.

    Products are taken between patterns and cues with their means over units removed, and for distances as they are.
    """

    diagram: Diagram
    model: CDAM
    cues: np.ndarray

    @classmethod
    def of(cls, diagram: Diagram, seed: int) -> Setup:
        """The network of random patterns of a seed."""
        patterns = random_patterns(diagram.n_patterns, diagram.n_units, seed=seed)
        adjacency = ring(diagram.n_patterns)
        model = CDAM(patterns, adjacency, auto_strength=1.0, hetero_strength=0.0, beta=diagram.beta)
        return cls(diagram, model, noisy_cues(patterns, seed=seed))

    @cached_property
    def centred_cues(self) -> np.ndarray:
        """Cues (cue, unit) less their means over units."""
        return self.cues - self.cues.mean(axis=1, keepdims=True)

    @cached_property
    def cue_scores(self) -> np.ndarray:
        """Products (cue, pattern) of cues and patterns."""
        return product(self.cues, self.model.patterns.T)

    @cached_property
    def centred_scores(self) -> np.ndarray:
        """Products (cue, pattern) of centred cues and patterns."""
        return product(self.centred_cues, self.model.centred_patterns.T)

    @cached_property
    def centred_squares(self) -> np.ndarray:
        """Products (cue, cue) between centred cues."""
        return product(self.centred_cues, self.centred_cues.T)

    def order_parameters(self, strengths: np.ndarray) -> np.ndarray:
        """Values (point, order parameter) at strengths (point, 2)."""
        n_cues, copied = len(self.cues), list(self.diagram.pair_cues)
        coefficients, rho, change, is_travelling = self._last_states(strengths)
        own, copies = coefficients[:, :n_cues], coefficients[:, n_cues:]
        distance = self._distance(own[:, copied], copies, rho[:, copied], rho[:, n_cues:])
        columns = self._read_out(own, rho[0, 0])
        columns += [change[:, :n_cues].mean(axis=1), is_travelling[:, :n_cues].mean(axis=1)]
        columns += [np.log10(distance).mean(axis=1), (distance > CHAOTIC_DISTANCE).mean(axis=1)]
        return np.stack(columns, axis=1)

    def _last_states(self, strengths):
        """Coefficients (point, trajectory, pattern); amplitudes of the cues, last changes and whether it travels.

        Trajectories are those of all cues, then the perturbed copies.
        """
        p, n_points = self.diagram.n_patterns, len(strengths)
        run = self._last_updates(strengths)
        n_rows = run.sizes["trajectory"] // n_points
        jump = np.diff(run.winner.to_numpy(), axis=1) % p
        is_travelling = (jump == 1).all(axis=1) | (jump == p - 1).all(axis=1)
        last = run.final_state.to_numpy().reshape(n_points, n_rows, -1)
        averages, rho, mean = last[..., :p], last[..., p], last[..., p + 1]
        mixed = strengths[:, None, :1] * averages + strengths[:, None, 1:] * product(averages, self.model.links)
        coefficients = mixed - (self.model.mean_coefficient / p) * mean[..., None]
        change = run.residual.to_numpy()
        return coefficients, rho, change.reshape(n_points, n_rows), is_travelling.reshape(n_points, n_rows)

    def _last_updates(self, strengths):
        """The run over the last updates, with the winner after each of them: the pattern that weighs most so far."""
        p, diagram = self.diagram.n_patterns, self.diagram
        cue_of = [*range(len(self.cues)), *diagram.pair_cues]
        # the strengths in the stimulus decide; these only say that every trajectory has its own
        reduced = self.model.reduced(self.cues[cue_of], np.ones((len(cue_of), 2)))
        values = np.tile(reduced.stimulus().values[0], (len(strengths), 1))
        values[:, p : p + 2] = np.repeat(strengths, len(cue_of), axis=0)
        cues = reduced.initial_states()
        cues[len(self.cues) :, p] *= 1.0 + PERTURBATION
        states, update = np.tile(cues, (len(strengths), 1)), reduced.map(diagram.eta)
        settings = {"stimulus": Schedule.constant(values), "threads": 1}
        if diagram.steps > WATCHED:
            first = iterate(update, states, steps=diagram.steps - WATCHED, every=None, **settings)
            states = first.final_state.to_numpy()
        winner = Observable(lambda averages: averages[..., :p].argmax(axis=-1))
        return iterate(update, states, steps=min(WATCHED, diagram.steps), observables={"winner": winner}, **settings)

    def _read_out(self, coefficients, rho):
        """The order parameters of the last states, one array (point,) each."""
        p, cues = self.diagram.n_patterns, np.arange(len(self.cues))
        within = product(coefficients, self.model.centred_gram)
        across = rho * coefficients @ self.centred_scores.T  # (point, state, cue)
        between = coefficients @ within.swapaxes(1, 2) + across + across.swapaxes(1, 2) + rho**2 * self.centred_squares
        norm = np.sqrt(np.maximum(_entries(between, cues), 0.0))
        pattern_norm = np.sqrt(np.diagonal(self.model.centred_gram))
        correlation = (within + rho * self.centred_scores) / (norm[..., None] * pattern_norm)
        attractors = between / (norm[:, :, None] * norm[:, None])
        others = attractors.sum(axis=(1, 2)) - _entries(attractors, cues).sum(axis=1)
        mean = coefficients @ self.model.patterns.mean(axis=1) + rho * self.cues.mean(axis=1)
        neighbours = [(cues + 1) % p, (cues - 1) % p]
        return [
            _entries(correlation, cues).mean(axis=1),
            0.5 * sum(_entries(correlation, beside) for beside in neighbours).mean(axis=1),
            (correlation.argmax(axis=-1) == cues).mean(axis=1),
            others / (len(cues) * (len(cues) - 1)),
            0.5 * sum(_entries(attractors, beside) for beside in neighbours).mean(axis=1),
            len(cues) ** 2 / np.square(attractors).sum(axis=(1, 2)),
            mean.mean(axis=1),
            norm.mean(axis=1) / np.sqrt(self.diagram.n_units),
        ]

    def _distance(self, first, second, rho_first, rho_second):
        """Relative distances (point, pair) of two copies, from coefficients and amplitudes."""
        scores = self.cue_scores[list(self.diagram.pair_cues)]
        squares = np.square(self.cues[list(self.diagram.pair_cues)]).sum(axis=1)

        def size(coefficients, rho):
            within = (coefficients * product(coefficients, self.model.gram)).sum(axis=-1)
            crossed = 2.0 * rho * (coefficients * scores).sum(axis=-1)
            return np.sqrt(np.maximum(within + crossed + rho**2 * squares, 0.0))

        distance = size(first - second, rho_first - rho_second) / size(first, rho_first)
        return np.maximum(distance, _SMALLEST_DISTANCE)


def _entries(matrices, columns):
    """Entry (point, row) of every row of matrices (point, row, column), in the column that belongs to the row."""
    # contiguous: the order of a later sum must not depend on the number of points
    return np.ascontiguousarray(matrices[:, np.arange(len(columns)), columns])


def _read(path, shape):
    values = np.load(path, allow_pickle=False)
    if values.shape != shape:
        raise ValueError(f"{path} must hold an array of shape {shape}, got {values.shape}")
    return values


def _source_hash():
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def published(auto_strengths, hetero_strengths, run: Run, *, n_networks: int, tile_points: int) -> Diagram:
    """Diagram of a ring of 30 patterns with the settings of the paper."""
    return Diagram(
        tuple(np.asarray(auto_strengths, dtype=float).tolist()),
        tuple(np.asarray(hetero_strengths, dtype=float).tolist()),
        tuple(network_seeds(run, n_networks)),
        n_patterns=30,
        n_units=1000,
        beta=1.0,
        eta=0.1,
        steps=100,
        pair_cues=(0, 10, 20),
        tile_points=tile_points,
    )
