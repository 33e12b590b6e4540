"""A finite automaton: family members as states, "member and relative" as transitions (figures 6, 7, 31 and 32).

The first units of a pattern tell who it is, the last ones tell of a state more of the same picture, and of a transition
its label. Every pattern evokes the state it leads to. In the figures of the paper three quarters of the units are
identity; in the published notebook it is one quarter, so that the label outweighs it.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assocmem.images import block_mean, photographs
from assocmem.models.cdam import CDAM
from assocmem.papers.base import Claim, Experiment, Run, sampling_tolerance
from assocmem.papers.cdam.network import ETA, N_UNITS, STEPS, network_seeds
from assocmem.plotting import FADED, INHIBITORY, NEUTRAL, label_panels, make_figure, style
from assocmem.simulate import iterate

STATES = ("H", "M", "L", "B")
TARGETS = {"H": "H", "M": "M", "L": "L", "B": "B"} | {
    "H-W": "M", "H-So": "B", "H-D": "L", "M-Hu": "H", "M-So": "B", "M-D": "L",
    "L-Mo": "M", "L-F": "H", "L-Br": "B", "B-Mo": "M", "B-F": "H", "B-Si": "L",
}  # fmt: skip
NAMES = tuple(TARGETS)
LABELS = tuple(sorted({name.partition("-")[2] for name in NAMES if "-" in name}))
# figure 7: the first state and the labels put in after it, and the states that should follow
WORDS = {
    "M, Hu, Br, D": ("M", ("Hu", "Br", "D"), ("M", "H", "H", "L")),
    "B, F, W, D": ("B", ("F", "W", "D"), ("B", "H", "M", "L")),
    "H, So, F, W": ("H", ("So", "F", "W"), ("H", "B", "H", "M")),
}
UNDEFINED = "M, Hu, Br, D"  # H has no transition Br
LAYOUTS = {"75/25": 0.75, "25/75": 0.25}  # share of the units that tell the identity
BETAS = (1.0, 0.5, 0.1)
PICTURES = "photographs"
FIGURE_32 = (0.89, 0.60)  # read off: correlation with the target, and with patterns of the same identity
READ_OFF = 0.03


def compute(run: Run) -> xr.Dataset:
    """Transitions from every pattern, and words of labels, for two layouts and three temperatures."""
    seeds = network_seeds(run, run.pick(5, 30))
    parts = run.map(_measure, seeds, label="networks")
    dataset = xr.concat(parts, "network").merge(_example(seeds[0]))
    coords = {"layout": list(LAYOUTS), "beta": ("beta", list(BETAS), {"units": "1"}), "word": list(WORDS)}
    return dataset.assign_coords(coords | {"pattern": list(NAMES), "phase": range(len(WORDS[UNDEFINED][2]))})


def adjacency() -> np.ndarray:
    """Adjacency (16, 16): an edge from every pattern to the state it leads to."""
    matrix = np.zeros((len(NAMES), len(NAMES)))
    for i, name in enumerate(NAMES):
        matrix[i, NAMES.index(TARGETS[name])] = 1.0
    return matrix


def assemble(identities: np.ndarray, own: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Patterns (16, unit) of identities (4, unit), further units of states (4, unit), and labels (8, unit)."""
    rows = []
    for name in NAMES:
        who, _, label = name.partition("-")
        k = STATES.index(who)
        rows.append(np.concatenate([identities[k], labels[LABELS.index(label)] if label else own[k]]))
    return np.array(rows)


def random_parts(share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Identities, further units of states, and labels, of independent entries uniform in [0, 1)."""
    rng = _generator(seed, 72)
    n_identity = round(share * N_UNITS)
    n_other = N_UNITS - n_identity
    return rng.random((4, n_identity)), rng.random((4, n_other)), rng.random((len(LABELS), n_other))


def picture_parts(share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from crops of photographs, with a random choice of pixels as identity.

    Labels are random, half of each common to all: embeddings of words of one kind are alike.
    """
    rng = _generator(seed, 73)
    crops = _crops()[:, rng.permutation(N_UNITS)]
    n_identity = round(share * N_UNITS)
    n_other = N_UNITS - n_identity
    labels = 0.5 * rng.random(n_other) + 0.5 * rng.random((len(LABELS), n_other))
    return crops[:, :n_identity], crops[:, n_identity:], labels


def _crops():
    """Four pictures (state, pixel) of 25 x 40 pixels with a maximum of 1, two from each photograph of matplotlib."""
    pictures = []
    for image in photographs("matplotlib"):
        coarse = block_mean(image, min(image.shape[0] // 50, image.shape[1] // 40))
        pictures += [coarse[:25, :40], coarse[25:50, :40]]
    return np.array([picture.ravel() / picture.max() for picture in pictures])


def _measure(seed):
    """All read-outs of one network, for both layouts and all temperatures."""
    rows = []
    for share in LAYOUTS.values():
        parts = random_parts(share, seed=seed)
        rows.append(xr.concat([_read_out(parts, beta) for beta in BETAS], "beta"))
    pictures = _read_out(picture_parts(LAYOUTS["75/25"], seed=seed), 0.5)
    pictures = pictures[["is_transition_right", "is_word_right"]]
    renamed = pictures.rename({name: f"picture_{name}" for name in pictures.data_vars})
    return xr.concat(rows, "layout").merge(renamed)


def _read_out(parts, beta):
    model = _model(parts, beta)
    final = _advance(model, model.patterns)[1][:, -1]
    targets = np.array([NAMES.index(TARGETS[name]) for name in NAMES])
    own = final[np.arange(len(NAMES)), targets]
    alike = [final[row, k] for row, target in enumerate(targets) for k in _of_same_identity(target)]
    winners = follow(model, parts[2])[-1]
    expected = [[NAMES.index(state) for state in states] for _, _, states in WORDS.values()]
    dims = ("word", "phase")
    variables = {
        "is_transition_right": ("pattern", final.argmax(axis=1) == targets),
        "target_correlation": ("pattern", own),
        "identity_correlation": ((), np.mean(alike)),
        "is_phase_right": (dims, winners == expected),
        "is_word_right": ("word", (winners == expected).all(axis=1)),
        "winner": (dims, winners),
    }
    # a truth value is a number in files
    numbers = {
        name: (dim, np.asarray(values, dtype=float), {"units": "1"}) for name, (dim, values) in variables.items()
    }
    return xr.Dataset(numbers)


def _of_same_identity(state):
    """Transitions of a state."""
    return [k for k, name in enumerate(NAMES) if name.startswith(f"{NAMES[state]}-")]


def _model(parts, beta):
    return CDAM(assemble(*parts), adjacency(), auto_strength=0.0, hetero_strength=1.0, beta=beta, normalization="none")


def _advance(model, states):
    """States (trajectory, unit) after 100 updates, and correlations (trajectory, time, pattern) on the way."""
    reduced = model.reduced(states)
    settings = {"steps": STEPS, "stimulus": reduced.stimulus(), "threads": 1}
    run = iterate(reduced.map(ETA), reduced.initial_states(), **settings)
    correlation = reduced.read_out(run[reduced.state].to_numpy())["correlation"]
    return reduced.activity(run.final_state.to_numpy()), correlation


def follow(model: CDAM, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All words, each of which overwrites the relation units with a label every 100 updates.

    Parameters
    ----------
    model : CDAM
    labels : array (label, unit)
        They fill the last units of the patterns.

    Returns
    -------
    correlation : ndarray (word, time, pattern)
        From the first state on, phase after phase.
    winner : ndarray (word, phase) of int
        Pattern with the largest correlation at the end of each phase.
    """
    states = model.patterns[[NAMES.index(start) for start, _, _ in WORDS.values()]].copy()
    courses = []
    for phase in range(len(WORDS[UNDEFINED][2])):
        if phase:
            inputs = [LABELS.index(word[phase - 1]) for _, word, _ in WORDS.values()]
            states[:, -labels.shape[1] :] = labels[inputs]
        states, correlation = _advance(model, states)
        courses.append(correlation)
    winner = np.stack([course[:, -1].argmax(axis=-1) for course in courses], axis=1)
    return np.concatenate(courses, axis=1), winner


def _example(seed):
    """Correlations over time: words in the layout of the paper at beta = 0.5, and transitions at beta = 1."""
    parts = random_parts(LAYOUTS["75/25"], seed=seed)
    words, _ = follow(_model(parts, 0.5), parts[2])
    model = _model(parts, 1.0)
    transitions = _advance(model, model.patterns)[1]
    return xr.Dataset(
        {
            "word_correlation": (("word", "word_time", "pattern"), words, {"units": "1"}),
            "transition_correlation": (("start", "time", "pattern"), transitions, {"units": "1"}),
        }
    )


def limit_correlations(share: float) -> tuple[float, float]:
    """Correlation of the last state with its target, and with transitions of the same identity, for many units.

    The last state is the target less the mean pattern. For independent entries, correlations follow from how often
    each part occurs among the patterns.
    """
    n = len(NAMES)
    who = np.array([[name.partition("-")[0] == state for state in STATES] for name in NAMES], dtype=float)
    other = np.array([[name == state for state in STATES] for name in NAMES], dtype=float)
    label = np.array([[name.partition("-")[2] == text for text in LABELS] for name in NAMES], dtype=float)
    parts = np.concatenate([math.sqrt(share) * who, math.sqrt(1.0 - share) * np.hstack([other, label])], axis=1)
    final = parts[0] - parts.mean(axis=0)
    correlation = parts @ final / np.linalg.norm(final)  # every pattern has norm 1
    alike = [k for k in range(n) if NAMES[k].startswith("H-")]
    return float(correlation[0]), float(correlation[alike].mean())


def plot(dataset: xr.Dataset) -> Figure:
    """Words over time, transitions over time, and how often they are right."""
    with style():
        figure, axes = make_figure(2, 3, height=105)
        for ax, word in zip(axes, WORDS, strict=False):
            _plot_word(dataset.word_correlation.sel(word=word), word, ax)
        axes[0].set_ylabel("correlation $r$")
        axes[2].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="state")
        _plot_transitions(dataset.transition_correlation, axes[3])
        for ax, layout in zip(axes[4:], LAYOUTS, strict=True):
            _plot_success(dataset.sel(layout=layout), ax)
            ax.set_title(f"{100 * LAYOUTS[layout]:.0f} % identity units")
        axes[5].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        label_panels(axes)
    return figure


def _plot_word(correlation: xr.DataArray, word: str, ax: Axes) -> None:
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
    course = correlation.to_numpy()
    ax.plot(course[:, len(STATES) :], color=FADED, linewidth=0.5)
    for k, (state, colour) in enumerate(zip(STATES, colours, strict=True)):
        ax.plot(course[:, k], color=colour, label=state)
    start, labels, _ = WORDS[word]
    for phase, text in enumerate((start, *labels)):
        ax.axvline(phase * (STEPS + 1), color=NEUTRAL, linestyle=":", linewidth=0.7)
        ax.annotate(text, ((phase + 0.5) * (STEPS + 1), 1.0), xycoords=("data", "axes fraction"), ha="center")
    ax.set(xlabel="updates $t$", xlim=(0, len(course)))


def _plot_transitions(correlation: xr.DataArray, ax: Axes) -> None:
    """Correlation with the target, with patterns of its identity and with all others, from all starts."""
    for row, name in enumerate(NAMES):
        target = NAMES.index(TARGETS[name])
        alike = _of_same_identity(target)
        course = correlation.isel(start=row).to_numpy()
        others = [k for k in range(len(NAMES)) if k not in (target, *alike)]
        last = row == len(NAMES) - 1
        for columns, colour, label in ((others, FADED, "other"), (alike, "#E69F00", "same identity")):
            lines = ax.plot(course[:, columns], color=colour, linewidth=0.4)
            lines[0].set_label(label if last else None)
        ax.plot(course[:, target], color=INHIBITORY, linewidth=0.8, label="target" if last else None, zorder=3)
    for value in limit_correlations(LAYOUTS["75/25"]):
        ax.axhline(value, color="black", linestyle="--", linewidth=0.7)
    ax.set(xlabel="updates $t$", ylabel="correlation $r$", title="transitions from 16 patterns", xlim=(0, STEPS))
    ax.legend(loc="center right")


def _plot_success(part: xr.Dataset, ax: Axes) -> None:
    places = np.arange(part.sizes["beta"])
    groups = {"16 transitions": part.is_transition_right.mean(("network", "pattern"))}
    groups |= {word: part.is_word_right.sel(word=word).mean("network") for word in WORDS}
    for k, (label, values) in enumerate(groups.items()):
        ax.bar(places + 0.2 * (k - 1.5), values, 0.18, label=label)
    labels = [f"{value:g}" for value in part.beta.to_numpy()]
    ax.set(xticks=places, xticklabels=labels, xlabel=r"inverse temperature $\beta$", ylim=(0, 1.04))
    ax.set_ylabel("fraction of networks right")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Transitions, words and their correlations against figures 7 and 32, the theory and the earlier run."""
    usual = dataset.sel(layout="75/25")
    n, n_starts = dataset.sizes["network"], dataset.sizes["network"] * len(NAMES)
    limits = limit_correlations(LAYOUTS["75/25"])
    measured = (usual.target_correlation.sel(beta=1.0).mean("pattern"), usual.identity_correlation.sel(beta=1.0))
    kinds = ("its target", "other patterns of that identity")
    rows = [
        Claim(
            f"beta = {beta:g}: fraction of transitions that end at their target",
            "paper",
            "at_least",
            1.0,
            float(usual.is_transition_right.sel(beta=beta).mean()),
        )
        for beta in BETAS[:2]
    ]
    for kind, limit, read, ours in zip(kinds, limits, FIGURE_32, measured, strict=True):
        statement = f"correlation of the last state with {kind}"
        error = 2.0 * float(ours.std(ddof=1)) / math.sqrt(n)
        rows.append(Claim(statement, "paper", "close", read, float(ours.mean()), READ_OFF, "read off figure 32"))
        reason = f"two standard errors over {n} networks, and 1/n_units of finite size"
        rows.append(Claim(statement, "theory", "close", limit, float(ours.mean()), error + 1.0 / N_UNITS, reason))
    rows += [
        Claim(f"figure 7, {word}: fraction of networks that pass through the right states", "paper", "at_least", 1.0,
              float(usual.is_word_right.sel(beta=0.5, word=word).mean()), *sampling_tolerance(1.0, n))
        for word in WORDS
    ]  # fmt: skip
    return rows + _controls(dataset, n, n_starts)


def _controls(dataset, n, n_starts):
    usual, notebook = dataset.sel(layout="75/25"), dataset.sel(layout="25/75", word=UNDEFINED)
    rows = [
        Claim(
            "a label without a transition keeps the state, only with enough identity: 25/75, fraction that do",
            "earlier run",
            "close",
            0.0,
            float(notebook.is_word_right.sel(beta=0.5).mean()),
            *sampling_tolerance(0.0, n),
        ),
        Claim(
            "beta = 0.1 is too warm: fraction of transitions that end at their target",
            "control",
            "at_most",
            0.5,
            float(usual.is_transition_right.sel(beta=0.1).mean()),
        ),
        Claim(
            "pictures in place of random entries: fraction of transitions that end at their target",
            "target",
            "at_least",
            1.0,
            float(dataset.picture_is_transition_right.mean()),
            *sampling_tolerance(1.0, n_starts),
        ),
    ]
    if dataset.attrs["scale"] == "paper":
        earlier = {1.0: 0.63, 0.5: 0.83}
        rows += [
            Claim(
                f"a label without a transition keeps the state: beta = {beta:g}, fraction of networks",
                "earlier run",
                "close",
                theirs,
                float(usual.is_word_right.sel(beta=beta, word=UNDEFINED).mean()),
                *sampling_tolerance(theirs, n),
            )
            for beta, theirs in earlier.items()
        ]
    return rows


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(stream,)))


EXPERIMENT = Experiment("automaton", "a finite automaton of states and transitions", compute, plot, claims)
