"""What the recall of images must show, and what controls show."""

from __future__ import annotations

import xarray as xr

from assocmem.papers.base import Claim
from assocmem.papers.push_pull.comparisons import as_good_as, beyond_chance
from assocmem.papers.push_pull.image_recall import BOTH, CENTRED, NONE, PULL, PUSH, UNIFORM, Protocol


def rough_to_fine_claims(dataset: xr.Dataset, protocol: Protocol) -> list[Claim]:
    """Gain in every category; what push and pull do to overlaps and to the mean rate, in the mean over images."""
    retrieval = dataset.final_retrieval
    gain = retrieval.sel(condition=BOTH) - retrieval.sel(condition=NONE)
    least = gain.groupby(dataset.category_of).mean().idxmin()
    own, siblings, activity = (dataset[f"push_pull_{name}"] for name in ("own", "siblings", "activity"))
    push, pull = protocol.push, protocol.pull
    rows = (
        (
            "push-pull retrieves better than no feedback in every category: least gain",
            gain[dataset.category_of == least],
        ),
        ("the push raises the overlap with the own child: change", change(own, push)),
        ("the push raises the overlap with the siblings, the whole category: change", change(siblings, push)),
        ("the pull lowers the overlap with the siblings: fall", -change(siblings, pull)),
        ("the pull sets the own child apart from its siblings: change of the difference", change(own - siblings, pull)),
        ("the mean rate rises while the push acts: change", change(activity, push)),
        ("the mean rate falls while the pull acts: fall", -change(activity, pull)),
    )
    return [beyond_chance(text, "paper", values.rename(image="repeat")) for text, values in rows]


def change(values: xr.DataArray, window: tuple[float, float]) -> xr.DataArray:
    """Change of values (..., edge) from the beginning of a window to its end."""
    return values.sel(edge=window[1], drop=True) - values.sel(edge=window[0], drop=True)


def accuracy_claims(dataset: xr.Dataset, protocol: Protocol) -> list[Claim]:
    """Fractions of images that are nearest to their own category and child."""
    child = dataset.final_is_child
    rows = (
        (
            "the push raises the fraction of images whose category is right",
            change(dataset.push_pull_is_category, protocol.push),
        ),
        (
            "the pull raises the fraction of images whose child is right",
            change(dataset.push_pull_is_child, protocol.pull),
        ),
        *(
            (
                f"more children are right in the end with push-pull than with the {other} alone",
                child.sel(condition=BOTH) - child.sel(condition=other),
            )
            for other in (PUSH, PULL)
        ),
    )
    return [
        beyond_chance(f"{text}: difference of the fractions", "paper", v.rename(image="repeat")) for text, v in rows
    ]


def control_claims(dataset: xr.Dataset) -> list[Claim]:
    """Simpler means against push-pull, on the same images."""
    final = {
        "fraction of images whose child is right": (dataset.final_is_child, dataset.nearest_child),
        "fraction of images whose category is right": (dataset.final_is_category, dataset.nearest_category),
        "final retrieval": (dataset.final_retrieval, None),
    }
    rows = []
    for measure, (values, nearest) in final.items():
        means = {
            "pulling all units alike, without any push": values.sel(condition=UNIFORM),
            "a centred cue, without any feedback": values.sel(condition=CENTRED),
            "the nearest pattern to the image itself, without any network": nearest,
        }
        theirs = values.sel(condition=BOTH).rename(image="repeat")
        rows += [
            as_good_as(f"{text}, is as good as push-pull: {measure}", ours.rename(image="repeat"), theirs)
            for text, ours in means.items()
            if ours is not None
        ]
    return rows
