"""Recall of images in two categories of nine classes, with handwritten digits in place of cats and dogs.

The images of the paper are activations of a deep network that are not available. In their place stand nine handwritten
digits in two arrangements of their pixels. The children overlap by about 0.63 within both categories and by 0.32
between them; those of the paper by 0.34 in one category, 0.61 in the other and 0.24 between.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.image_hierarchy import permuted_digits
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.comparisons import beyond_chance
from assocmem.papers.push_pull.image_claims import change, control_claims, rough_to_fine_claims
from assocmem.papers.push_pull.image_recall import (
    BOTH,
    BOTH_UNIFORM,
    CENTRED,
    COLOURS,
    MEASURES,
    NONE,
    PUSH,
    UNIFORM,
    Protocol,
    nearest_patterns,
    plot_rough_to_fine,
    recall,
    single_images,
    summary,
)
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.windows import plot_mean_course, plot_windows

PROTOCOL = Protocol(
    onset=0.0,
    push=(5.0, 12.0),
    pull=(12.0, 19.0),
    end=20.0,
    cue=6.0,
    forward=1.0,
    parent_cue=1.0,
    parent_cue_end=np.inf,
    push_strength=2.0,
    pull_strength=0.6,
)
DIGITS = tuple(range(1, 10))
SHOWN = (NONE, PUSH, BOTH, BOTH_UNIFORM, UNIFORM, CENTRED)
WHERE = "digits in two arrangements"


def compute(run: Run) -> xr.Dataset:
    """Measures over time, and the overlaps of one image with all children before, after the push and after the pull."""
    images, hierarchy = permuted_digits(n_categories=2, digits=DIGITS, seed=run.seed_for("push_pull/neurips"))
    chosen = np.arange(2, len(images), run.pick(50, 4))
    child_of, pixels = images.child.to_numpy()[chosen], images.to_numpy()[chosen]
    measured = recall(hierarchy, pixels, child_of, PROTOCOL, run, dt=run.pick(0.05, 0.02), conditions=SHOWN)
    category = hierarchy.parents[0][child_of]
    dataset = summary(measured, category).assign_coords(category=["digits A", "digits B"])
    example = int(np.argmax(child_of >= 6))  # of the seventh class, as in the paper
    shown = measured.child_overlap.sel(condition=BOTH).isel(image=example)
    return (
        dataset.merge(single_images(measured, category))
        .merge(nearest_patterns(hierarchy, pixels, child_of))
        .assign(example_overlap=shown)
        .assign_attrs(dt=run.pick(0.05, 0.02), example_child=int(child_of[example]), **_pattern_overlaps(hierarchy))
    )


def _pattern_overlaps(hierarchy):
    """Mean overlaps of children within and between categories."""
    children, category = hierarchy.patterns[0].astype(float), hierarchy.parents[0]
    overlap = children @ children.T / hierarchy.n_units
    is_same = category[:, None] == category[None]
    return {
        "overlap_within": float(overlap[is_same & ~np.eye(len(children), dtype=bool)].mean()),
        "overlap_between": float(overlap[~is_same].mean()),
    }


def plot(dataset: xr.Dataset) -> Figure:
    """Retrieval, rough to fine, mean rates, and one image's overlaps with all children at three times."""
    with style():
        figure, axes = make_figure(2, 3, height=115)
        course = dataset[list(MEASURES)].mean("category")
        names = {
            "retrieval": (axes[0], r"retrieval $m\,\langle (2x - 1)^2 \rangle^{1/2}$"),
            "is_child": (axes[2], "fraction right, child"),
            "activity": (axes[3], r"mean rate, layer 1 $\langle x^1 \rangle$"),
        }
        for measure, (ax, name) in names.items():
            for condition in SHOWN:
                values = course[measure].sel(condition=condition)
                plot_mean_course(values, ax, name=name, label=condition, colour=COLOURS[condition])
        plot_rough_to_fine(course, axes[1])
        axes[1].legend(loc="lower right", title="push-pull (dotted: none)")
        guess = float(dataset.nearest_child.mean())
        axes[2].axhline(guess, color="black", linestyle="--", linewidth=0.7)
        axes[2].annotate("image itself", (0.3, guess), (0, 2), textcoords="offset points", size=6)
        for ax in axes[:4]:
            ax.set_ylim(top=ax.get_ylim()[1] + 0.1 * np.ptp(ax.get_ylim()))  # room for the names of the windows
            plot_windows([("push", *PROTOCOL.push), ("pull", *PROTOCOL.pull)], ax)
        _plot_example(dataset, axes[4])
        _plot_final(course, axes[5])
        label_panels(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _plot_example(dataset, ax):
    """Overlap of one image with the children, category by category, at the edges of the windows."""
    edges = [PROTOCOL.push[0], PROTOCOL.push[1], PROTOCOL.pull[1]]
    overlap = dataset.example_overlap.sel(edge=edges).to_numpy().reshape(len(edges), 2, len(DIGITS))
    image = ax.imshow(overlap.reshape(-1, len(DIGITS)).T, aspect="auto", origin="lower")
    for k in (1.5, 3.5):
        ax.axvline(k, color="white", linewidth=3)
    category, child = divmod(int(dataset.attrs["example_child"]), len(DIGITS))
    for k in range(len(edges)):
        ax.plot(2 * k + category, child, "s", color="white", fillstyle="none", markersize=7)
    ax.set_xticks(np.arange(6), ["A", "B"] * 3)
    ax.set_yticks(np.arange(len(DIGITS)), DIGITS)
    ax.set(xlabel=f"category, at $t$ = {', '.join(f'{edge:g}' for edge in edges)}", ylabel="digit")
    ax.figure.colorbar(image, ax=ax, label="overlap $m$", pad=0.02)


def _plot_final(course, ax):
    """Final overlaps, one marker for each condition."""
    measures = {"own": "own child", "siblings": "siblings", "others": "other\ncategory"}
    for k, condition in enumerate(SHOWN):
        final = [float(course[measure].sel(condition=condition).isel(time=-1)) for measure in measures]
        ax.plot(np.arange(3) + 0.1 * (k - 2.5), final, "o", color=COLOURS[condition])
    ax.set_xticks(np.arange(3), list(measures.values()))
    ax.set(xlim=(-0.5, 2.5), ylim=(0, None), ylabel="final overlap $m$")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What the paper says of its images, checked on these, and the controls."""
    own = change(dataset.push_pull_own, PROTOCOL.pull).rename(image="repeat")
    rows = [
        *rough_to_fine_claims(dataset, PROTOCOL),
        beyond_chance("the pull raises the overlap with the own child: change", "paper", own),
        *control_claims(dataset),
    ]
    return [replace(row, statement=f"{WHERE}: {row.statement}") for row in rows]


EXPERIMENT = Experiment(
    "neurips_images", "two categories of nine image classes (digits for cats and dogs)", compute, plot, claims
)
