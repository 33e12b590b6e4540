"""Replay of a video: frames as patterns on a directed ring, where each evokes the next (figures 4, 5, 28 and 29).

The clips of the paper are not ours to ship. Frames are those of the user's own ``frames.npy``, or else a camera panned
over a photograph of scikit-learn, which asks the same of the network: neighbouring frames look nearly alike.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.analysis.clusters import sequence_statistics
from assocmem.graphs import ring
from assocmem.images import photograph
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.cdam.network import (
    STEPS,
    at_setting,
    mean_claims,
    noisy_cues,
    over_networks,
    plain_label,
    setting_label,
    with_settings,
)
from assocmem.plotting import FADED, label_panels, make_figure, style
from assocmem.retrieval import retrieve
from assocmem.validation import real_array

BEST = (-2.0, 3.0)
PUBLISHED = ((-1.0, 3.0), (-1.5, 3.0), BEST, (-2.0, 3.5))  # a and h
CONTROLS = ((0.0, 1.0), (1.0, 0.0))
# beta and eta: those of the figures, and the defaults that the text states
FIGURES, TEXT = "figures", "text"
DYNAMICS = {FIGURES: (0.6, 0.2), TEXT: (1.0, 0.1)}
N_SAMPLED = 2000  # entries of a frame
PAN = {"source": "scikit-learn", "name": "china.jpg", "n_frames": 50, "top": 80, "height": 240, "width": 320, "step": 2}
N_EARLIER = 3  # samples of entries in the earlier run
# from the first frame, beta 0.6 and eta 0.2: fraction of updates that advance, stay and skip; frames visited
EARLIER = {
    (-2.0, 3.0): {"advance": 1.0, "dwell": 0.0, "skip": 0.0, "n_visited": 50.0},
    (-2.0, 3.5): {"advance": 0.97, "dwell": 0.01, "skip": 0.02},
    (-1.5, 3.0): {"advance": 0.90, "skip": 0.09},
    (-1.0, 3.0): {"advance": 0.58, "dwell": 0.28, "skip": 0.14, "n_visited": 46.0},
    (0.0, 1.0): {"advance": 0.24, "dwell": 0.76, "n_visited": 25.0},
    (1.0, 0.0): {"advance": 0.0, "n_visited": 1.0},
}
ROUNDING = {"advance": 0.005, "dwell": 0.005, "skip": 0.005, "n_visited": 0.5}


def compute(run: Run) -> xr.Dataset:
    """Replay at several strengths and two dynamics, from samples of the entries of the frames."""
    frames = load_frames(run)
    dataset = over_networks(run, lambda seed: _replay(frames, seed), quick=2, paper=10)
    examples = ["correlation", "attractor_correlation", "frame_correlation"]
    dataset = dataset.drop_vars(examples).merge(dataset[examples].isel(network=0))
    beta, eta = np.transpose(list(DYNAMICS.values()))
    coords = {"dynamics": list(DYNAMICS), "beta": ("dynamics", beta), "eta": ("dynamics", eta)}
    source = "frames.npy" if run.data_file("frames.npy") else PAN["name"]
    return with_settings(dataset.assign_coords(coords), PUBLISHED + CONTROLS).assign_attrs(source=source)


def load_frames(run: Run) -> np.ndarray:
    """Frames (frame, entry) with a maximum of 1: the user's ``frames.npy``, or those of `panned_frames`.

    Raises
    ------
    ValueError
        If the file holds no array (frame, height, width) or (frame, height, width, channel) of at least three frames,
        each of which varies, or its maximum is not > 0.
    ImportError
        If there is no such file, and scikit-learn is missing.
    """
    path = run.data_file("frames.npy")
    if path is None:
        return panned_frames()
    frames = real_array(str(path), np.load(path, allow_pickle=False))
    if frames.ndim not in (3, 4) or len(frames) < 3:
        raise ValueError(f"{path} must hold three or more frames (frame, height, width[, channel]), got {frames.shape}")
    frames = frames.reshape(len(frames), -1)
    is_flat = np.ptp(frames, axis=1) == 0
    if is_flat.any() or not frames.max() > 0:
        raise ValueError(
            f"{path} must hold frames that vary and have a maximum > 0, got {int(is_flat.sum())} without contrast and "
            f"a maximum of {frames.max():g}"
        )
    return frames / frames.max()


def panned_frames() -> np.ndarray:
    """Frames (frame, entry) of a window of the size of the paper's, moved two pixels at a time over a photograph."""
    image = photograph(PAN["source"], PAN["name"]).astype(float)
    rows = image[PAN["top"] : PAN["top"] + PAN["height"]]
    starts = PAN["step"] * np.arange(PAN["n_frames"])
    frames = np.array([rows[:, start : start + PAN["width"]].ravel() for start in starts])
    return frames / frames.max()


def sampled(frames: np.ndarray, seed: int) -> np.ndarray:
    """Frames (frame, entry) with some of their entries drawn at random, or all of them where they are few."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(70,)))
    n_entries = frames.shape[1]
    return frames[:, rng.choice(n_entries, min(N_SAMPLED, n_entries), replace=False)]


def _replay(frames, seed):
    """Retrieval from every frame as cue, with one sample of entries as units."""
    patterns = sampled(frames, seed)
    cues = noisy_cues(patterns, seed=seed)
    rows = [_over_settings(patterns, cues, *dynamics) for dynamics in DYNAMICS.values()]
    between = np.corrcoef(patterns)
    return xr.concat(rows, "dynamics").assign(frame_correlation=(("frame", "other_frame"), between, {"units": "1"}))


def _over_settings(patterns, cues, beta, eta):
    adjacency = ring(len(patterns), directed=True)
    model = CDAM(patterns, adjacency, auto_strength=1.0, hetero_strength=0.0, beta=beta)
    parts = []
    for strengths in PUBLISHED + CONTROLS:
        found = retrieve(model, cues, steps=STEPS, eta=eta, strengths=np.array(strengths), threads=1)
        found = found.rename(trajectory="cue", other_trajectory="other_cue", pattern="frame")
        found = found.drop_vars(["cue", "other_cue", "frame"]).drop_attrs(deep=False)
        # what the cue itself resembles most does not count
        part = sequence_statistics(found.winner.isel(time=slice(1, None)), len(patterns))
        parts.append(
            part.assign(correlation=found.correlation.isel(cue=0), attractor_correlation=found.attractor_correlation)
        )
    return xr.concat(parts, "setting")


def plot(dataset: xr.Dataset) -> Figure:
    """Correlation with the frames over time, correlation between last states, and statistics of the replay."""
    with style():
        figure, axes = make_figure(3, 4, height=135)
        best, text = dataset.sel(dynamics=FIGURES), dataset.sel(dynamics=TEXT)
        for ax, setting in zip(axes, PUBLISHED, strict=False):
            image = _plot_replay(at_setting(best.correlation, setting), ax)
            ax.set_title(setting_label(setting))
        figure.colorbar(image, ax=axes[3], label="correlation $r$")
        for ax, setting in zip(axes[4:], PUBLISHED, strict=False):
            values = at_setting(best.attractor_correlation, setting)
            between = ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, origin="lower")
            ax.set(xlabel="cue", ylabel="other cue")
        figure.colorbar(between, ax=axes[7], label="correlation $K$")
        panels = [(best, setting) for setting in CONTROLS] + [(text, BEST)]
        for ax, (part, setting) in zip(axes[8:], panels, strict=False):
            _plot_replay(at_setting(part.correlation, setting), ax)
            ax.set_title(setting_label(setting) + (_dynamics_label(part) if part is text else ""))
        _plot_fractions(best, axes[11])
        label_panels(axes)
    return figure


def _dynamics_label(part):
    return f"\n$\\beta={float(part.beta):g}$, $\\eta={float(part.eta):g}$"


def _plot_replay(correlation: xr.DataArray, ax: Axes):
    extent = (-0.5, correlation.sizes["time"] - 0.5, -0.5, correlation.sizes["frame"] - 0.5)
    image = ax.imshow(
        correlation.transpose("frame", "time"),
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
        origin="lower",
        aspect="auto",
        extent=extent,
    )
    ax.set(xlabel="updates $t$", ylabel="frame")
    return image


def _plot_fractions(part: xr.Dataset, ax: Axes) -> None:
    """Stacked bars: what the winner does in an update, from the first frame."""
    base, places = np.zeros(part.sizes["setting"]), np.arange(part.sizes["setting"])
    for name, colour in (("advance", "#009E73"), ("dwell", FADED), ("skip", "#D55E00")):
        values = part[name].isel(cue=0).mean("network").to_numpy()
        ax.barh(places, values, left=base, color=colour, label=name, height=0.75)
        base = base + values
    labels = [f"{a:g}, {h:g}" for a, h in zip(part.auto_strength.values, part.hetero_strength.values, strict=True)]
    ax.set(yticks=places, yticklabels=labels, xlim=(0, 1), xlabel="fraction of updates", ylabel="$a$, $h$")
    ax.invert_yaxis()
    spacing = {"handlelength": 0.8, "handletextpad": 0.4, "columnspacing": 0.7, "borderaxespad": 0.0}
    ax.legend(ncols=3, loc="lower right", bbox_to_anchor=(1.04, 1.03), **spacing)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Replay without stalls or skips at one setting, stalls and skips at the others, and at the stated defaults."""
    first = dataset.isel(cue=0).sel(dynamics=FIGURES)
    n_frames = dataset.sizes["frame"]

    def mean(name, setting, part=first):
        return float(at_setting(part[name], setting).mean("network"))

    rows = [
        Claim(
            f"(-2, 3) goes through all {n_frames} frames (a = -2, h = 3; beta = 0.6, eta = 0.2)",
            "paper",
            "at_least",
            float(n_frames),
            mean("n_visited", BEST),
        ),
        Claim(
            "(-2, 3) neither stalls nor skips: fraction of updates that advance by one frame",
            "paper",
            "at_least",
            1.0,
            mean("advance", BEST),
        ),
        *(
            Claim(
                f"weaker anti-Hebbian learning sticks or skips: fraction at {plain_label(setting)} that advances",
                "paper",
                "at_most",
                0.95,
                mean("advance", setting),
                0.0,
                "our reading of the words: more than one update in twenty goes wrong",
            )
            for setting in PUBLISHED[:2]
        ),
        Claim(
            "(-2, 3) neither stalls nor skips at the defaults of the text, beta = 1 and eta = 0.1",
            "paper",
            "at_least",
            1.0,
            mean("advance", BEST, dataset.isel(cue=0).sel(dynamics=TEXT)),
        ),
        Claim(
            "hetero-association alone (a = 0, h = 1) stays on a frame in most updates",
            "control",
            "at_least",
            0.5,
            mean("dwell", CONTROLS[0]),
        ),
        Claim(
            "auto-association alone (a = 1, h = 0) stays on one frame: frames visited",
            "control",
            "close",
            1.0,
            mean("n_visited", CONTROLS[1]),
        ),
    ]
    is_comparable = dataset.attrs["scale"] == "paper" and dataset.attrs["source"] == PAN["name"]
    return rows + (_earlier_claims(first) if is_comparable else [])


def _earlier_claims(first):
    fraction = "fraction of updates from the first frame that"
    names = {"advance": f"{fraction} advance", "dwell": f"{fraction} stay", "skip": f"{fraction} skip"}
    names["n_visited"] = "frames visited"
    rows = [
        (f"{plain_label(setting)}: {names[name]}", theirs, ROUNDING[name], at_setting(first[name], setting))
        for setting, values in EARLIER.items()
        for name, theirs in values.items()
    ]
    return mean_claims(rows, source="earlier run", n_theirs=N_EARLIER)


EXPERIMENT = Experiment("video", "replay of a video on a directed ring", compute, plot, claims)
