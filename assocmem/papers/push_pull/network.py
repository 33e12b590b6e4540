"""Networks of random patterns, their cues, and what becomes of a cue under each condition of feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr

from assocmem.hierarchy import Hierarchy, hierarchical_patterns, noisy_cue
from assocmem.models.push_pull import PushPull
from assocmem.papers.base import Run
from assocmem.simulate import simulate

TAU = 5.0
# standard deviation per square root of time of what is published: uniform in +-0.05, in the slope of each step of 0.01
NOISE = 0.1 / np.sqrt(12.0) * np.sqrt(0.01) / TAU


@dataclass(frozen=True)
class Setting:
    """Patterns, cue, times and strengths of a trial with two layers.

    The cue is the target with `intra` of its units copied from a sibling and `inter` from a child of the next parent.
    It drives layer 1 from `onset` to `end` and, with the strength `parent_cue`, layer 2. The pull has the strength
    `pull_strength` times the correlation of children with their parent. Windows are half open; in the published loops
    that of the push and that of the pull share one step.
    """

    n_units: int = 1000
    branching: tuple[int, int, int] = (2, 4, 15)  # roots, parents of each, children of each
    correlations: tuple[float, float] = (0.1, 0.15)  # of parents with roots, of children with parents
    intra: float = 0.1
    inter: float = 0.1
    target: int = 32
    onset: float = 0.0
    push: tuple[float, float] = (5.0, 10.0)
    pull: tuple[float, float] = (10.0, 15.0)
    end: float = 25.0
    parent_cue: float = 0.1
    push_strength: float = 1.0
    pull_strength: float = 10.0

    def network(self, seed: int) -> Hierarchy:
        """Children and parents drawn anew."""
        return hierarchical_patterns(self.n_units, self.branching, self.correlations, seed=seed).lowest(2)

    def cue(self, hierarchy: Hierarchy, seed: int) -> np.ndarray:
        """Cue (unit,) of 0 and 1; with one seed, less noise is at a part of the units of more noise."""
        signs = noisy_cue(hierarchy, self.target, intra=self.intra, inter=self.inter, seed=seed)[0]
        return (signs + 1.0) / 2.0

    def model(self, hierarchy: Hierarchy, inhibition: str, *, noise: float = 0.0) -> PushPull:
        """The network that stores a hierarchy."""
        pull = self.pull_strength * self.correlations[1]
        return PushPull(
            hierarchy, push=(self.push_strength,), pull=(pull,), tau=TAU, noise=noise, inhibition=inhibition
        )


@dataclass(frozen=True)
class Condition:
    """Feedback that a network receives, and whether the mean of its cue is subtracted.

    Parameters
    ----------
    has_push : bool
    inhibition : {"none", "unit", "uniform"}
        No pull, the pull unit by unit, or the same pull on all units (a control).
    is_centred : bool
        A control.
    delay : float
        By how much the pull is later than the setting has it.
    pull_factor : float
        Of the strength of the pull.
    """

    has_push: bool = False
    inhibition: str = "none"
    is_centred: bool = False
    delay: float = 0.0
    pull_factor: float = 1.0

    def pull_window(self, setting: Setting) -> tuple[float, float]:
        """When the pull acts; not before the onset of the cue."""
        start, stop = (time + self.delay for time in setting.pull)
        return max(start, setting.onset), stop

    def edges(self, setting: Setting) -> set[float]:
        """Times at which its feedback changes."""
        times = set(setting.push) if self.has_push else set()
        return times | (set(self.pull_window(setting)) if self.inhibition != "none" else set())

    def feedback(self, setting: Setting, time: float) -> tuple[float, float, str]:
        """Gates of push and pull from a time on, and the kind of inhibition."""
        start, stop = self.pull_window(setting)
        is_pulled = self.inhibition != "none" and start <= time < stop
        is_pushed = self.has_push and setting.push[0] <= time < setting.push[1]
        pull = self.pull_factor if is_pulled else 0.0
        return float(is_pushed), pull, self.inhibition if pull else "unit"


NONE, PUSH, PULL, BOTH = "no feedback", "push", "pull", "push-pull"
BOTH_UNIFORM, UNIFORM = "push, uniform pull", "uniform pull"
CENTRED, BOTH_CENTRED = "centred cue, no feedback", "centred cue, push-pull"
CONDITIONS = {
    NONE: Condition(),
    PUSH: Condition(has_push=True),
    PULL: Condition(inhibition="unit"),
    BOTH: Condition(has_push=True, inhibition="unit"),
    BOTH_UNIFORM: Condition(has_push=True, inhibition="uniform"),
    UNIFORM: Condition(inhibition="uniform"),
    CENTRED: Condition(is_centred=True),
    BOTH_CENTRED: Condition(has_push=True, inhibition="unit", is_centred=True),
}
COLOURS = dict(
    zip(
        CONDITIONS,
        ("#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#009E73", "#000000", "#CC79A7", "#7A4E9E"),
        strict=True,
    )
)

MEASURES = {
    "overlap": "overlap of layer 1 with the target",
    "siblings": "mean overlap of layer 1 with the siblings of the target",
    "others": "mean overlap of layer 1 with the children of other parents",
    "activity": "mean rate of layer 1",
    "parent": "overlap of layer 2 with the parent of the target",
}


def step_size(run: Run) -> float:
    """Euler step of the scale."""
    return run.pick(0.05, 0.01)


def recall(
    setting: Setting,
    hierarchy: Hierarchy,
    cues: np.ndarray,
    conditions: Mapping[str, Condition],
    *,
    dt: float,
    interval: float | None = None,
    noise_seed: int | None = None,
) -> xr.Dataset:
    """What becomes of cues under each condition; what is common to several conditions is simulated once.

    Parameters
    ----------
    setting : Setting
    hierarchy : Hierarchy
        Of two levels.
    cues : array (cue, unit) of 0 and 1
    conditions : mapping of str to Condition
    dt : float, > 0
        Euler step.
    interval : float, optional
        Time from record to record; by default only the end is recorded.
    noise_seed : int, optional
        With it, layer 1 has the published noise, the same under all conditions until their feedback differs.

    Returns
    -------
    Dataset of MEASURES (condition, cue, time)
    """
    edges = {setting.onset, setting.end}.union(*(c.edges(setting) for c in conditions.values()))
    legs = list(pairwise(sorted(time for time in edges if setting.onset <= time <= setting.end)))
    paths = {name: (c.is_centred, *(c.feedback(setting, start) for start, _ in legs)) for name, c in conditions.items()}
    noise = 0.0 if noise_seed is None else NOISE
    kinds = {feedback[2] for path in paths.values() for feedback in path[1:]}
    models = {kind: setting.model(hierarchy, kind, noise=noise) for kind in sorted(kinds)}
    n_units = 2 * setting.n_units
    states = {path[:1]: np.zeros((len(cues), n_units)) for path in paths.values()}
    records = {}
    for number, (start, stop) in enumerate(legs):
        heads = list(dict.fromkeys(path[: number + 2] for path in paths.values()))
        for kind, model in models.items():
            chosen = [head for head in heads if head[-1][2] == kind]
            if not chosen:
                continue
            method = {"method": "euler"} if noise_seed is None else _noisy_method(noise_seed, number)
            result = simulate(
                model,
                np.concatenate([states[head[:-1]] for head in chosen]),
                t0=start,
                duration=stop - start,
                dt=dt,
                every=None if interval is None else round(interval / dt),
                stimulus=_schedule(model, setting, cues, chosen, start),
                observables=_observables(model, setting),
                threads=1,
                **method,
            )
            _split(result, chosen, states, records)
    course = [_course([records[path[: k + 2]] for k in range(len(legs))], interval) for path in paths.values()]
    return xr.concat(course, xr.DataArray(list(paths), dims="condition"))


def _noisy_method(noise_seed, number):
    """Each leg counts its steps from 0 and so has a seed of its own."""
    seed = np.random.SeedSequence(noise_seed, spawn_key=(number,)).generate_state(1)[0] >> 1
    return {"method": "euler_maruyama", "seed": int(seed)}


def _schedule(model, setting, cues, heads, start):
    """Cues and feedback of one leg, for each head all cues."""
    centred = cues - cues.mean(axis=1, keepdims=True)
    drive = np.concatenate([centred if head[0] else cues for head in heads])
    push, pull = (np.repeat([head[-1][k] for head in heads], len(cues)) for k in (0, 1))
    above = setting.parent_cue * np.tile(cues, (len(heads), 1))
    return model.schedule(
        [(0, start, np.inf, drive), (1, start, np.inf, above)],
        push=[(0, start, np.inf, push)],
        pull=[(0, start, np.inf, pull)],
    )


def _observables(model, setting):
    """MEASURES as functions of states."""
    hierarchy, target = model.hierarchy, setting.target
    parent = hierarchy.ancestor(target, 1)
    given = model.readouts([target, parent])
    is_family = hierarchy.parents[0] == parent
    is_sibling = is_family & (np.arange(len(is_family)) != target)
    children = hierarchy.patterns[0].astype(float)

    def mean_overlap(patterns):
        mean = patterns.mean(axis=0)
        return lambda states: np.mean(np.sign(model.layer(states, 0)) * mean, axis=-1)

    return {
        "overlap": given["overlap_0"],
        "siblings": mean_overlap(children[is_sibling]),
        "others": mean_overlap(children[~is_family]),
        "activity": given["activity_0"],
        "parent": given["overlap_1"],
    }


def _split(result, heads, states, records):
    """Note the last states and the records of each head."""
    n_cues = result.sizes["trajectory"] // len(heads)
    for k, head in enumerate(heads):
        rows = slice(k * n_cues, (k + 1) * n_cues)
        states[head] = result.final_state.to_numpy()[rows]
        records[head] = {name: result[name].to_numpy()[rows] for name in MEASURES} | {"time": result.time.to_numpy()}


def _course(parts, interval):
    """Dataset (cue, time) of the records of one condition; a leg begins with the last record of the one before."""
    parts = parts[-1:] if interval is None else [parts[0], *({k: v[..., 1:] for k, v in p.items()} for p in parts[1:])]
    joined = {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
    time = ("time", joined.pop("time"), {"units": "1"})
    variables = {
        name: (("cue", "time"), values, {"units": "1", "long_name": MEASURES[name]}) for name, values in joined.items()
    }
    return xr.Dataset(variables, coords={"time": time})


def trial(
    setting: Setting,
    conditions: Mapping[str, Condition],
    run: Run,
    purpose: str,
    *,
    cue_settings: Sequence[Setting] | None = None,
) -> xr.Dataset:
    """MEASURES (condition, cue) at the end, without noise, in a network drawn for a purpose.

    Parameters
    ----------
    setting : Setting
    conditions : mapping of str to Condition
    run : Run
    purpose : str
        Decides the random numbers.
    cue_settings : sequence of Setting, optional
        Settings of several cues to the same network; by default one cue, of `setting`.
    """
    seed = run.seed_for(f"push_pull/{purpose}")
    hierarchy = setting.network(seed)
    cues = np.array([each.cue(hierarchy, seed) for each in cue_settings or [setting]])
    return recall(setting, hierarchy, cues, conditions, dt=step_size(run)).isel(time=-1, drop=True)


def improvement(overlap: xr.DataArray, reference: str = NONE) -> xr.DataArray:
    """Relative gain (m - m_0) / m_0 of overlaps over those of the condition `reference`, for each trial."""
    without = overlap.sel(condition=reference, drop=True)
    return ((overlap - without) / without).assign_attrs(units="1", long_name="relative gain of the overlap")
