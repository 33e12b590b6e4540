"""Two memories in a row, from a pattern of one kind to one of another (appendix, multimodal retrieval).

Each of C concepts has two patterns that are independent of each other, u and v, uniform in [0, 1]. A cue is a variant
of u; the first memory recalls from it a mixture of the v of all concepts; that is corrupted in the same way, and the
second memory tells which concept it is. Each memory compares either by the adaptive similarity (A) or by a centred and
normalised product, as layers of modern Hopfield networks do (M), with a beta fitted by maximum likelihood. All learn
from variants of their own patterns; in the four combinations the cues and the corruption are the same.

The paper says that A with A stays right for 0.988 of the cues at 1024 concepts, where the others get worse. It is not
known to us how cues come about there. So there are two kinds of corruption: "mixed" (noise, shift and masked fraction
all equal to a difficulty, `assocmem.variants.MaskedVariants.of_difficulty`), and "masked" (the difficulty is the
masked fraction, with noise of 0.1 and no shift). The difficulty of either is set before, with a small memory: it is the
largest one at which an adaptive memory of 256 concepts, alone, finds 0.994 of the origins. With less, a pair could not
come to 0.988 even there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.learning.similarity import fit_beta, fit_similarity
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.papers.base import Claim, Experiment, Run
from assocmem.papers.intervals import CONFIDENCE, above, half_width
from assocmem.plotting import NEUTRAL, label_panels, make_figure, style
from assocmem.similarities import Pearson
from assocmem.variants import MaskedVariants

MODERN, ADAPTIVE = "M", "A"
NETWORKS = (MODERN, ADAPTIVE)
PAIRS = tuple(f"{first} + {second}" for first, second in product(NETWORKS, NETWORKS))
MODERN_PAIR, ADAPTIVE_PAIR = PAIRS[0], PAIRS[-1]
LINES = dict(zip(PAIRS, (("#666666", "x"), ("#E69F00", "v"), ("#0072B2", "s"), ("#D55E00", "o")), strict=True))
PUBLISHED = {1024: 0.988}
CALIBRATION = 256
LEAST_CALIBRATED = 0.994  # a pair is then right for 0.988 of the cues, as published for more concepts
MIXED, MASKED, MASKED_NOISE = "mixed", "masked", 0.1
CORRUPTIONS = (MIXED, MASKED)
DIFFICULTIES = {MIXED: (0.2, 0.225, 0.25, 0.275, 0.3, 0.325, 0.35), MASKED: (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)}
LEAST, MOST = 0.95, 0.8  # of A + A and of M + M at the largest number of concepts


@dataclass(frozen=True)
class Sizes:
    """Sizes of memories, and how many cues they learn from and are tested with."""

    counts: tuple[int, ...]
    n_units: int
    n_learned: int
    n_tested: int
    n_negatives: int
    n_repeats: int
    ridge: float = 1e-3


SIZES = {
    "quick": Sizes((64, 1024), 100, 800, 200, 30, 3),
    "paper": Sizes((64, 128, 256, 512, 1024), 100, 2000, 1000, 40, 4),
}


def variants_of(corruption: str, difficulty: float) -> MaskedVariants:
    """The corruption of this kind and difficulty."""
    if corruption == MIXED:
        return MaskedVariants.of_difficulty(difficulty)
    return MaskedVariants(difficulty, noise=MASKED_NOISE)


def compute(run: Run) -> xr.Dataset:
    """Accuracy (corruption, n_concepts, pair, repeat) of concepts, that of first memories, and the calibration."""
    sizes = SIZES[run.scale]
    calibrations = np.stack([calibrate(corruption, sizes, run) for corruption in CORRUPTIONS])
    set_to = {c: chosen(found, DIFFICULTIES[c]) for c, found in zip(CORRUPTIONS, calibrations, strict=True)}
    cells = [(c, n, repeat) for c in CORRUPTIONS for n in sizes.counts for repeat in range(sizes.n_repeats)]
    order = sorted(cells, key=lambda cell: -cell[1])  # the largest first: no thread is left with one at the end
    variants = {c: variants_of(c, difficulty) for c, difficulty in set_to.items()}
    found = run.map(lambda cell: _cell(*cell[1:], variants[cell[0]], run), order, label="memories")
    found = dict(zip(order, found, strict=True))
    shape = (len(CORRUPTIONS), len(sizes.counts), sizes.n_repeats, -1)
    pairs, firsts = (np.reshape([found[cell][i] for cell in cells], shape).swapaxes(2, 3) for i in range(2))
    dims = ("corruption", "n_concepts")
    variables = {
        "accuracy": ((*dims, "pair", "repeat"), pairs, {"units": "1"}),
        "first_accuracy": ((*dims, "network", "repeat"), firsts, {"units": "1", "long_name": "of the first memory"}),
        "calibration": (("corruption", "step"), calibrations, {"units": "1", "long_name": "accuracy of one A"}),
        "difficulty": (("corruption", "step"), list(DIFFICULTIES.values()), {"units": "1"}),
        "chosen_difficulty": (("corruption",), list(set_to.values()), {"units": "1"}),
    }
    coords = {
        "corruption": list(CORRUPTIONS),
        "n_concepts": ("n_concepts", list(sizes.counts), {"units": "1"}),
        "pair": list(PAIRS),
        "network": list(NETWORKS),
    }
    attributes = {name: value for name, value in asdict(sizes).items() if name != "counts"}
    return xr.Dataset(variables, coords, {**attributes, "n_calibration": CALIBRATION, "masked_noise": MASKED_NOISE})


def calibrate(corruption: str, sizes: Sizes, run: Run) -> np.ndarray:
    """Accuracy (difficulty,) of one adaptive memory of few concepts."""
    seeds = (np.random.SeedSequence(run.seed_for("calibrated difficulty")).generate_state(3) >> 1).tolist()
    patterns = _patterns(CALIBRATION, sizes.n_units, seeds[0])

    def accuracy(difficulty):
        variants = variants_of(corruption, difficulty)
        cues, origins = variants.sample(patterns, 1000, seed=seeds[2])
        network = _network(ADAPTIVE, patterns, variants, sizes, seeds[1])
        return np.mean(network.recall(cues, threads=1).winner.values == origins)

    return np.array(run.map(accuracy, DIFFICULTIES[corruption], label=f"{corruption}: difficulties"))


def chosen(calibration: np.ndarray, difficulties: tuple[float, ...]) -> float:
    """The last difficulty before the accuracy is too low for the first time; the first one if it always is."""
    n_good = int(np.argmin(np.append(calibration >= LEAST_CALIBRATED, False)))
    return difficulties[max(n_good - 1, 0)]


def _patterns(n, n_units, seed):
    return np.random.default_rng(seed).random((n, n_units)).astype(np.float32)


def _network(kind, patterns, variants, sizes, seed, values=None):
    """A memory of patterns that has learned from variants of them."""
    cues, origins = variants.sample(patterns, sizes.n_learned, seed=seed)
    if kind == MODERN:
        beta = fit_beta(Pearson(), patterns, cues, origins, threads=1).beta
        return AdaptiveHopfield(patterns, Pearson(), beta=beta, values=values)
    settings = {"n_iterations": 100, "tol": 1e-3, "threads": 1, "seed": seed}
    fitted = fit_similarity(patterns, cues, origins, n_negatives=sizes.n_negatives, ridge=sizes.ridge, **settings)
    return AdaptiveHopfield(patterns, fitted.similarity, values=values)


def _cell(n_concepts, repeat, variants, run):
    """Accuracies of pairs and of single memories for one choice of patterns."""
    sizes = SIZES[run.scale]
    sequence = np.random.SeedSequence(run.seed_for("two kinds of patterns"), spawn_key=(n_concepts, repeat))
    seeds = (sequence.generate_state(6) >> 1).tolist()
    u, v = (_patterns(n_concepts, sizes.n_units, seed) for seed in seeds[:2])
    cues, concepts = variants.sample(u, sizes.n_tested, seed=seeds[2])
    second = {kind: _network(kind, v, variants, sizes, seeds[3]) for kind in NETWORKS}
    pairs, singles = [], []
    for kind in NETWORKS:
        recalled = _network(kind, u, variants, sizes, seeds[4], values=v).recall(cues, threads=1)
        singles.append(np.mean(recalled.winner.values == concepts))
        rng = np.random.default_rng(seeds[5])
        corrupted = variants.vary(recalled.retrieval.values.astype(float), rng).astype(np.float32)
        pairs += [np.mean(second[k].recall(corrupted, threads=1).winner.values == concepts) for k in NETWORKS]
    return pairs, singles


def plot(dataset: xr.Dataset) -> Figure:
    """Accuracy of pairs against the number of concepts for either corruption, and how difficulty was set."""
    with style():
        figure, axes = make_figure(1, 3, height=64)
        for ax, corruption in zip(axes, CORRUPTIONS, strict=False):
            _plot_pairs(ax, dataset.sel(corruption=corruption), corruption)
        axes[0].legend(loc="lower left", handlelength=1.6)
        _plot_calibration(axes[2], dataset)
        a = dataset.attrs
        numbers = f"{a['n_units']} units, {a['n_tested']} cues, {dataset.sizes['repeat']} repeats"
        figure.suptitle(f"{numbers}; {100 * CONFIDENCE:g} % intervals", fontsize=8)
        label_panels(axes)
    return figure


def _plot_pairs(ax, part, corruption):
    for name in PAIRS:
        values, (colour, marker) = part.accuracy.sel(pair=name), LINES[name]
        look = {"color": colour, "marker": marker, "markersize": 3.5, "capsize": 1.5, "elinewidth": 0.7}
        ax.errorbar(part.n_concepts, values.mean("repeat"), half_width(values).fillna(0.0), label=name, **look)
    for n, value in PUBLISHED.items():
        ax.plot(n, value, "*", color="black", markersize=6, label="A + A, paper", linestyle="none")
    counts, low = part.n_concepts.values, float(part.accuracy.mean("repeat").min())
    ax.set(xscale="log", xticks=counts, xticklabels=[str(n) for n in counts], xlabel="concepts $C$")
    ax.set(ylabel="accuracy", ylim=(min(low - 0.06, 0.8), 1.01))
    ax.set(title=rf"{corruption}, $\delta$ = {float(part.chosen_difficulty):g}")
    ax.minorticks_off()


def _plot_calibration(ax, dataset):
    for corruption, marker in zip(CORRUPTIONS, ("o", "s"), strict=True):
        part = dataset.sel(corruption=corruption)
        ax.plot(part.difficulty, part.calibration, marker=marker, color=LINES[ADAPTIVE_PAIR][0], label=corruption)
        ax.axvline(float(part.chosen_difficulty), color=NEUTRAL, linewidth=0.7, linestyle=":")
    ax.axhline(LEAST_CALIBRATED, color=NEUTRAL, linewidth=0.7)
    ax.set(xlabel=r"difficulty $\delta$", ylabel="accuracy of one A", title=f"calibration, {CALIBRATION} concepts")
    ax.legend(loc="lower left")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """That two adaptive memories stay right where others do not, and are best for each number of concepts."""
    return [claim for corruption in CORRUPTIONS for claim in _claims(dataset.sel(corruption=corruption), corruption)]


def _claims(part, corruption):
    smallest, largest = (int(n) for n in part.n_concepts[[0, -1]])
    accuracy = part.accuracy.sel(n_concepts=largest)
    ours = accuracy.mean("repeat")
    what = f"{corruption}, {largest} concepts, difficulty set by us: accuracy of"
    adaptive, modern = (float(ours.sel(pair=name)) for name in (ADAPTIVE_PAIR, MODERN_PAIR))
    rows = [
        Claim(f"{what} {ADAPTIVE_PAIR}, read as", "paper", "at_least", LEAST, adaptive),
        Claim(f"{what} {MODERN_PAIR}, read as", "paper", "at_most", MOST, modern),
    ]
    for pair in PAIRS[:-1]:
        gap = accuracy.sel(pair=ADAPTIVE_PAIR) - accuracy.sel(pair=pair)
        rows.append(
            above(f"{corruption}, {largest} concepts: accuracy of {ADAPTIVE_PAIR} minus {pair}, same cues", gap)
        )
        loss = part.accuracy.sel(pair=pair, n_concepts=smallest) - accuracy.sel(pair=pair)
        rows.append(above(f"{corruption}: loss of accuracy of {pair} from {smallest} to {largest} concepts", loss))
    means = part.accuracy.mean("repeat")
    lead = means.sel(pair=ADAPTIVE_PAIR) - means.sel(pair=list(PAIRS[:-1])).max("pair")
    what = f"{corruption}: accuracy of {ADAPTIVE_PAIR} minus the best other pair, least over numbers of concepts"
    return [*rows, Claim(what, "paper", "at_least", 0.0, float(lead.min()))]


EXPERIMENT = Experiment(
    "multimodal", "two memories in a row, from one kind of pattern to another", compute, plot, claims
)
