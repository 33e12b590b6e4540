"""Recall of images in three categories of four classes: rough to fine, and what simpler means achieve."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.image_hierarchy import official_images, permuted_digits
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.push_pull.earlier_images import digit_comparisons, official_comparisons, step_claim
from assocmem.papers.push_pull.image_claims import accuracy_claims, control_claims, rough_to_fine_claims
from assocmem.papers.push_pull.image_recall import (
    BOTH,
    BOTH_UNIFORM,
    COLOURS,
    CONDITIONS,
    GUESSES,
    NONE,
    PUSH,
    UNIFORM,
    Protocol,
    nearest_patterns,
    plot_rough_to_fine,
    recall,
    relative_gain,
    single_images,
    summary,
)
from assocmem.papers.push_pull.neurips_images import EXPERIMENT as NEURIPS
from assocmem.plotting import label_panels, make_figure, style
from assocmem.plotting.windows import plot_mean_course, plot_windows

__all__ = ["EXPERIMENT", "NEURIPS", "claims", "compute", "image_set", "plot"]

PROTOCOL = Protocol(
    onset=5.0,
    push=(10.0, 17.0),
    pull=(17.0, 24.0),
    end=24.0,
    cue=3.0,
    forward=3.0,
    parent_cue=0.1,
    parent_cue_end=7.0,
    push_strength=2.0,
    pull_strength=1.6,
)
OFFSET = 10  # first image of a thinned selection; with every 20th from there on, that of the earlier run
ALL, SUBSET, FINE = "all", "subset", "subset, half the step"


def compute(run: Run) -> xr.Dataset:
    """Measures of layer 1 and 2 over time, for all images and, with half the Euler step, for a subset of them."""
    images, hierarchy, names, source = image_set(run)
    child_of, pixels = images.child.to_numpy(), images.to_numpy()
    category = hierarchy.parents[0][child_of]
    everything = np.arange(run.pick(OFFSET, 0), len(images), run.pick(40, 1))
    subset = np.arange(OFFSET, len(images), run.pick(40, 20))
    step, conditions = run.pick(0.05, 0.02), run.pick((NONE, BOTH), tuple(CONDITIONS))
    coarse = recall(hierarchy, pixels[everything], child_of[everything], PROTOCOL, run, dt=step)
    fine = recall(hierarchy, pixels[subset], child_of[subset], PROTOCOL, run, dt=step / 2, conditions=conditions)
    chosen = {
        ALL: (everything, coarse),
        SUBSET: (subset, coarse.isel(image=np.searchsorted(everything, subset))),
        FINE: (subset, fine),
    }
    selection = xr.DataArray(list(chosen), dims="selection")
    parts = [summary(measured, category[k]) for k, measured in chosen.values()]
    dataset = (
        xr.concat(parts, selection, join="outer").reindex(condition=list(CONDITIONS)).assign_coords(category=names)
    )
    single = single_images(coarse, category[everything]).merge(
        nearest_patterns(hierarchy, pixels[everything], child_of[everything])
    )
    gain = relative_gain(fine.retrieval.isel(time=-1, drop=True)).rename(image="subset_image")
    return (
        dataset.merge(single)
        .assign(
            subset_gain=gain.reindex(condition=list(CONDITIONS)),
            subset_category_of=("subset_image", category[subset], {"units": "1"}),
        )
        .assign_attrs(source=source, dt=step)
    )


def image_set(run: Run):
    """Images (instance, unit), their hierarchy, names of the categories and of the source.

    The authors' files, if the folder of the user's data has them, and permuted digits otherwise.
    """
    file = run.data_file("child_pattern.mat")
    if file is not None:
        images, hierarchy = official_images(file.parent)
        return images, hierarchy, ["birds", "cats", "dogs"], "official"
    images, hierarchy = permuted_digits(seed=run.seed_for("push_pull/images"))
    return images, hierarchy, ["digits A", "digits B", "digits C"], "digits"


def plot(dataset: xr.Dataset) -> Figure:
    """Rough to fine, accuracies, mean rates, and the final state of every category."""
    everything = dataset.sel(selection=ALL)
    with style():
        figure, axes = make_figure(2, 3, height=120)
        plot_rough_to_fine(everything.mean("category"), axes[0])
        axes[0].set_ylim(top=1.4 * axes[0].get_ylim()[1])  # room for the legend
        axes[0].legend(loc="upper left", bbox_to_anchor=(0.0, 0.95), title="push-pull (dotted: none)")
        for measure, ax, name in (
            ("is_child", axes[1], "fraction right, child"),
            ("is_category", axes[2], "fraction right, category"),
            ("activity", axes[3], r"mean rate, layer 1 $\langle x^1 \rangle$"),
        ):
            for condition in CONDITIONS:
                values = everything[measure].sel(condition=condition).mean("category")
                plot_mean_course(values, ax, name=name, label=condition, colour=COLOURS[condition])
        in_layer_2 = everything.is_parent.sel(condition=NONE).mean("category")
        axes[2].plot(everything.time, in_layer_2, color="#666666", linestyle="-.", label="parent, layer 2")
        guesses = [float(dataset[name].mean()) for name in GUESSES]
        for ax, guess in zip(axes[1:3], guesses, strict=True):
            ax.axhline(guess, color="black", linestyle="--", linewidth=0.7)
            ax.annotate("image itself", (PROTOCOL.onset + 0.3, guess), (0, 2), textcoords="offset points", size=6)
            ax.set_ylim(0.0, 1.1)
        for ax in axes[:4]:
            ax.set_ylim(top=ax.get_ylim()[1] + 0.06 * np.ptp(ax.get_ylim()))  # room for the names of the windows
            plot_windows([("push", *PROTOCOL.push), ("pull", *PROTOCOL.pull)], ax)
        _plot_final(everything, axes[4])
        _plot_gain(dataset, axes[5])
        label_panels(axes)
        figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _plot_final(dataset, ax):
    """Final retrieval of each category, one marker for each condition."""
    places = np.arange(dataset.sizes["category"])
    for k, condition in enumerate(CONDITIONS):
        final = dataset.retrieval.sel(condition=condition).isel(time=-1)
        ax.plot(places + 0.1 * (k - 3), final, "o", color=COLOURS[condition])
    ax.set_xticks(places, dataset.category.values)
    top = 1.1 * float(dataset.retrieval.isel(time=-1).max())
    ax.set(xlim=(-0.5, places[-1] + 0.5), ylim=(0, top), ylabel=r"final $m\,\langle (2x - 1)^2 \rangle^{1/2}$")


def _plot_gain(dataset, ax):
    """Distribution of the relative gain over the images of each category, for some conditions."""
    gain = relative_gain(dataset.final_retrieval)
    shown = (PUSH, BOTH, BOTH_UNIFORM, UNIFORM)
    for k, condition in enumerate(shown):
        for c in range(dataset.sizes["category"]):
            values = gain.sel(condition=condition).to_numpy()[dataset.category_of.to_numpy() == c]
            box = ax.boxplot(values, positions=[c + 0.2 * (k - 1.5)], widths=0.15, showfliers=False, whis=(10, 90))
            for part in (*box["boxes"], *box["whiskers"], *box["caps"], *box["medians"]):
                part.set(color=COLOURS[condition], linewidth=0.9)
    ax.axhline(0.0, color="black", linewidth=0.7)
    n_categories = dataset.sizes["category"]
    ax.set_xticks(np.arange(n_categories), dataset.category.values)
    ax.set(xlim=(-0.5, n_categories - 0.5), ylabel="relative gain of single images")
    ax.set_title("median, quartiles, 10 and 90 %")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Rough to fine, the controls, the Euler step, and the earlier run."""
    rows = [*rough_to_fine_claims(dataset, PROTOCOL), *control_claims(dataset), step_claim(dataset)]
    if dataset.attrs["source"] != "official":
        return rows + digit_comparisons(dataset)
    rows += accuracy_claims(dataset, PROTOCOL)
    return rows + (official_comparisons(dataset) if dataset.attrs["scale"] == "paper" else [])


EXPERIMENT = Experiment("images", "images of three categories, recalled from rough to fine", compute, plot, claims)
