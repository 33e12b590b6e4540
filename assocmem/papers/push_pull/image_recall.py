"""Recall of images: the network of the image experiments, its conditions, and what is measured of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from assocmem.hierarchy import Hierarchy
from assocmem.models.push_pull import PushPull
from assocmem.observables import Observable
from assocmem.papers.base import Run
from assocmem.plotting.windows import plot_mean_course
from assocmem.simulate import simulate

BATCH = 16  # images of one call: only their inputs are in memory
INTERVAL = 0.5  # time from record to record


@dataclass(frozen=True)
class Protocol:
    """Times and strengths of one image experiment.

    The cue drives layer 1 all the time. Layer 2 is driven from below by the cue, not by the state of layer 1, and for a
    while by the cue itself, unit by unit.
    """

    onset: float
    push: tuple[float, float]
    pull: tuple[float, float]
    end: float
    cue: float
    forward: float
    parent_cue: float
    parent_cue_end: float
    push_strength: float
    pull_strength: float

    @property
    def segments(self) -> list[tuple[float, float]]:
        """Times between which the feedback of any condition stays the same."""
        edges = (self.onset, *self.push, *self.pull, self.end)
        return [(a, b) for a, b in zip(edges, edges[1:], strict=False) if b > a]


@dataclass(frozen=True)
class Condition:
    """Feedback that a network receives, and whether the mean of its cue is subtracted."""

    has_push: bool = False
    inhibition: str = "none"  # or "unit", "uniform"
    is_centred: bool = False

    def path(self, protocol: Protocol) -> tuple:
        """Whether the cue is centred, then the feedback of each segment; equal beginnings are simulated once."""
        feedback = {protocol.push: "push" if self.has_push else "none", protocol.pull: self.inhibition}
        return (self.is_centred, *(feedback.get(segment, "none") for segment in protocol.segments))


NONE, PUSH, PULL, BOTH = "no feedback", "push", "pull", "push-pull"
BOTH_UNIFORM, UNIFORM, CENTRED = "push, uniform pull", "uniform pull", "centred cue, no feedback"
CONDITIONS = {
    NONE: Condition(),
    PUSH: Condition(has_push=True),
    PULL: Condition(inhibition="unit"),
    BOTH: Condition(has_push=True, inhibition="unit"),
    BOTH_UNIFORM: Condition(has_push=True, inhibition="uniform"),
    UNIFORM: Condition(inhibition="uniform"),
    CENTRED: Condition(is_centred=True),
}
COLOURS = dict(
    zip(CONDITIONS, ("#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#009E73", "#000000", "#CC79A7"), strict=True)
)

MEASURES = {
    "own": "overlap of layer 1 with the own child pattern",
    "siblings": "mean overlap of layer 1 with the other children of the category",
    "others": "mean overlap of layer 1 with the children of other categories",
    "is_child": "whether the own child is the nearest",
    "is_category": "whether the own category has the largest mean overlap of its children",
    "retrieval": "overlap with the own child, times the root mean square of 2 x - 1",
    "activity": "mean rate of layer 1",
    "parent": "overlap of layer 2 with the own parent",
    "is_parent": "whether the own parent is the nearest to layer 2",
}


GUESSES = ("nearest_child", "nearest_category")


def family_overlap(hierarchy: Hierarchy) -> np.ndarray:
    """Mean overlap (parent,) of each parent with its own children."""
    children, parents = (level.astype(float) for level in hierarchy.patterns)
    overlaps = np.mean(children * parents[hierarchy.parents[0]], axis=1)
    return np.array([overlaps[hierarchy.parents[0] == p].mean() for p in range(len(parents))])


def networks(hierarchy: Hierarchy, protocol: Protocol) -> dict[str, PushPull]:
    """The network with each kind of inhibition; layer 2 gets no input from the state of layer 1."""
    model = PushPull(
        hierarchy,
        feedforward=(0.0,),
        push=(protocol.push_strength,),
        pull=(protocol.pull_strength,),
        parent_scale=(family_overlap(hierarchy),),
    )
    return {"unit": model, "uniform": replace(model, inhibition="uniform")}


def recall(
    hierarchy: Hierarchy,
    images: np.ndarray,
    child_of: np.ndarray,
    protocol: Protocol,
    run: Run,
    *,
    dt: float,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> xr.Dataset:
    """What becomes of each image under each condition.

    Parameters
    ----------
    hierarchy : Hierarchy
        Child patterns and their parents.
    images : array (image, unit) of 0 and 1
    child_of : int array (image,)
        Number of the child pattern of each image.
    protocol : Protocol
    run : Run
    dt : float, > 0
        Euler step.
    conditions : sequence of str
        Names in `CONDITIONS`.

    Returns
    -------
    Dataset of MEASURES (condition, image, time), and `child_overlap` (condition, image, child) at the edges of the
    protocol's segments, (edge,).
    """
    models = networks(hierarchy, protocol)
    starts = range(0, len(images), BATCH)
    work = partial(_batch, models=models, protocol=protocol, dt=dt, conditions=conditions)
    items = [(images[start : start + BATCH], child_of[start : start + BATCH]) for start in starts]
    return xr.concat(run.map(work, items, label="images"), "image")


def _batch(item, *, models, protocol, dt, conditions):
    images, child_of = item
    paths = {name: CONDITIONS[name].path(protocol) for name in conditions}
    legs = _simulated_legs(images.astype(float), set(paths.values()), models, protocol, dt)
    parts = []
    for path in paths.values():
        pieces = [legs[path[: k + 1]] for k in range(1, len(path))]
        # a leg begins with the last record of the one before
        course = xr.concat([pieces[0], *(piece.isel(time=slice(1, None)) for piece in pieces[1:])], "time")
        parts.append(_measured(course, child_of, models["unit"].hierarchy, protocol))
    return xr.concat(parts, xr.DataArray(list(conditions), dims="condition"))


def _simulated_legs(images, paths, models, protocol, dt):
    """Records of every segment of every path, by the path up to there; common beginnings are simulated once."""
    observables = _observables(models["unit"])
    legs = {}
    beginnings = {whole[:k] for whole in paths for k in range(2, len(whole) + 1)}
    for path in sorted(beginnings, key=lambda p: (len(p), p)):
        (start, stop), feedback = protocol.segments[len(path) - 2], path[-1]
        model = models["uniform" if feedback == "uniform" else "unit"]
        is_first = len(path) == 2
        legs[path] = simulate(
            model,
            np.zeros((len(images), model.n_units)) if is_first else legs[path[:-1]],
            duration=stop - start,
            dt=dt,
            t0=protocol.onset if is_first else 0.0,  # a run that goes on has its own time
            method="euler",
            every=round(INTERVAL / dt),
            stimulus=_schedule(model, images, protocol, is_centred=path[0], feedback=feedback),
            observables=observables,
            threads=1,
        )
    kept = list(observables)
    return {path: leg[kept].drop_attrs() for path, leg in legs.items()}


def _schedule(model, images, protocol, *, is_centred, feedback):
    cue = images - images.mean(axis=1, keepdims=True) if is_centred else images
    # the coupling is applied row by row: the same bits for any batch
    forward = np.stack([model.feedforward_couplings[0].apply(image) for image in images])
    return model.schedule(
        [
            (0, protocol.onset, np.inf, protocol.cue * cue),
            (1, protocol.onset, np.inf, protocol.forward * forward),
            (1, protocol.onset, protocol.parent_cue_end, protocol.parent_cue * images),
        ],
        push=[(0, *protocol.push, 1.0)] if feedback == "push" else (),
        pull=[(0, *protocol.pull, 1.0)] if feedback in ("unit", "uniform") else (),
    )


def _observables(model):
    """Overlaps of both layers with all their patterns, mean rate of layer 1 and its contrast."""
    children, parents = (np.ascontiguousarray(level.T, dtype=float) for level in model.hierarchy.patterns)

    def overlap(layer, patterns):
        # sums of signs: exact in any order
        return lambda states: np.sign(model.layer(states, layer)) @ patterns / model.layer_size

    def contrast(states):
        return np.sqrt(np.mean((2.0 * model.rate(model.layer(states, 0)) - 1.0) ** 2, axis=-1))

    return {
        "child_overlap": Observable(overlap(0, children), dim="child"),
        "parent_overlap": Observable(overlap(1, parents), dim="parent_pattern"),
        "activity": Observable(lambda states: model.rate(model.layer(states, 0)).mean(axis=-1)),
        "contrast": Observable(contrast),
    }


def _measured(course, child_of, hierarchy, protocol):
    """MEASURES (image, time) from the overlaps with all patterns."""
    category_of, category = hierarchy.parents[0], hierarchy.parents[0][child_of]
    overlap, n = course.child_overlap.to_numpy(), np.arange(len(child_of))
    is_relative = category_of[None] == category[:, None]  # (image, child)
    is_own = np.arange(len(category_of))[None] == child_of[:, None]
    own, parent = overlap[n, :, child_of], course.parent_overlap.to_numpy()
    by_category = np.stack([overlap[:, :, category_of == c].mean(axis=2) for c in range(parent.shape[2])], axis=2)
    values = {
        "own": own,
        "siblings": _masked_mean(overlap, is_relative & ~is_own),
        "others": _masked_mean(overlap, ~is_relative),
        "is_child": overlap.argmax(axis=2) == child_of[:, None],
        "is_category": by_category.argmax(axis=2) == category[:, None],
        "retrieval": own * course.contrast.to_numpy(),
        "activity": course.activity.to_numpy(),
        "parent": parent[n, :, category],
        "is_parent": parent.argmax(axis=2) == category[:, None],
    }
    edges = sorted({time for segment in protocol.segments for time in segment})
    at_edges = course.child_overlap.sel(time=edges, method="nearest").to_numpy()
    return xr.Dataset(
        {
            name: (("image", "time"), value.astype(float), {"units": "1", "long_name": MEASURES[name]})
            for name, value in values.items()
        }
        | {"child_overlap": (("image", "edge", "child"), at_edges, {"units": "1"})},
        coords={"time": ("time", course.time.values, {"units": "1"}), "edge": edges},
    )


def _masked_mean(overlap, mask):
    """Mean over the children of the mask (image, child); overlap (image, time, child)."""
    return np.einsum("itc,ic->it", overlap, mask) / mask.sum(axis=1)[:, None]


def summary(measured: xr.Dataset, category: np.ndarray) -> xr.Dataset:
    """Means of the MEASURES (condition, category, time), and their standard deviations over all images.

    Parameters
    ----------
    measured : Dataset
        From `recall`.
    category : int array (image,)
    """
    courses = measured[list(MEASURES)]
    rows = [np.flatnonzero(category == c) for c in np.unique(category)]
    means = [courses.isel(image=row).mean("image", keep_attrs=True) for row in rows]
    spread = courses.std("image", ddof=1, keep_attrs=True).rename({name: f"{name}_sd" for name in MEASURES})
    return xr.concat(means, "category").merge(spread)


def single_images(measured: xr.Dataset, category: np.ndarray) -> xr.Dataset:
    """What claims need of single images.

    Parameters
    ----------
    measured : Dataset
        From `recall`.
    category : int array (image,)

    Returns
    -------
    Dataset
        ``final_<measure>`` (condition, image), ``push_pull_<measure>`` (image, edge) and ``category_of`` (image,).
    """
    final = measured[["retrieval", "is_child", "is_category"]].isel(time=-1, drop=True)
    edges = measured.sel(condition=BOTH).sel(time=measured.edge, method="nearest").drop_vars("time")
    edges = edges[["own", "siblings", "is_child", "is_category", "activity"]].drop_vars("condition")
    return xr.merge(
        [
            final.rename({name: f"final_{name}" for name in final}),
            edges.rename({name: f"push_pull_{name}" for name in edges}),
            xr.Dataset({"category_of": ("image", category, {"units": "1"})}),
        ]
    )


def nearest_patterns(hierarchy: Hierarchy, images: np.ndarray, child_of: np.ndarray) -> xr.Dataset:
    """Whether the child pattern, and the category, nearest to each image itself is its own: no network at all.

    Parameters
    ----------
    hierarchy : Hierarchy
    images : array (image, unit) of 0 and 1
    child_of : int array (image,)

    Returns
    -------
    Dataset of GUESSES (image,), 0 or 1; the category is that with the largest mean overlap of its children.
    """
    children, category_of = hierarchy.patterns[0].astype(float), hierarchy.parents[0]
    overlap = (2.0 * images - 1.0) @ children.T / hierarchy.n_units
    by_category = np.stack([overlap[:, category_of == c].mean(axis=1) for c in range(category_of.max() + 1)], axis=1)
    right = (overlap.argmax(axis=1) == child_of, by_category.argmax(axis=1) == category_of[child_of])
    return xr.Dataset({n: ("image", r.astype(float), {"units": "1"}) for n, r in zip(GUESSES, right, strict=True)})


def relative_gain(retrieval: xr.DataArray) -> xr.DataArray:
    """Change of each image against no feedback, divided by the magnitude without feedback (condition, image)."""
    base = retrieval.sel(condition=NONE)
    return ((retrieval - base) / abs(base)).assign_attrs(units="1")


def plot_rough_to_fine(measured: xr.Dataset, ax: Axes) -> Axes:
    """Overlaps with the own child, its siblings and other categories over time, with push-pull and without feedback.

    Parameters
    ----------
    measured : Dataset with `own`, `siblings`, `others` (condition, time)
    ax : Axes
    """
    names = {"own": "own child", "siblings": "siblings", "others": "other categories"}
    for (measure, label), colour in zip(names.items(), ("#D55E00", "#0072B2", "#666666"), strict=True):
        for condition, line in ((BOTH, "-"), (NONE, ":")):
            plot_mean_course(
                measured[measure].sel(condition=condition),
                ax,
                name="overlap",
                symbol="$m$",
                label=label if line == "-" else "",
                colour=colour,
                linestyle=line,
            )
    return ax
