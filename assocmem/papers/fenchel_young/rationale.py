"""Rationales of short texts: which words an operator over words picks, and whether they hang together.

The paper trains networks that classify reviews from the words that a pooling layer picks (table 6). Here it is the
operator alone, without training: words have scores from a small lexicon of praise and blame, and
`SequentialKSubsets` picks k of them, with a transition score e for every two that are neighbours. The texts and the
marks in them are our own, written for this purpose, so that the overlap with the marks illustrates the operator and
says nothing about the numbers of the paper.

As in the published code k is a fifth of the words, and the temperature, by which scores are divided, is low: the picked
words are then a subset of exactly k, unless two subsets are about equally good. Sparsemax has no budget: how many words
it picks depends on the temperature, which is 1 for it. Where it picks k, they are those of k-subsets.
"""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Run
from assocmem.plotting import FADED, label_panels, make_figure, style
from assocmem.separations import KSubsets, SequentialKSubsets, Sparsemax

BUDGET = 0.2  # of the words
TEMPERATURE, SPARSEMAX_TEMPERATURE = 1e-3, 1.0
TRANSITIONS = tuple(np.linspace(0.0, 1.0, 11).round(1).tolist())
LONGER, EARLIER = 0.02, 0.02  # per letter, and for the first word: no two words tie
BASELINES = ("sparsemax", "k-subsets")
MIDDLE, SHOWN_TEXT = 0.5, "headphones"
# marked by hand: what tells that a review praises or blames
TEXTS = {
    "guest house": (
        "We reached the guest house late in the evening, after a long drive over the pass. The owner gave us a [warm "
        "and generous welcome] and carried our bags upstairs. Our room looked onto the road, but it was [clean, quiet "
        "and very comfortable]. Breakfast was served at eight on long wooden tables. The bread was [fresh from the "
        "oven] and the cheese came from the farm next door. It rained on both days, so we saw little of the valley. "
        "The price was [more than fair]. We will [gladly come back] in the spring."
    ),
    "headphones": (
        "I bought these headphones for the train, where I spend two hours every day. The box contains a cable, a bag "
        "and a thin booklet. The sound is [flat and rather dull], with [hardly any bass]. After an hour the band "
        "[hurts badly] and I have to take them off. On the third day the left side [stopped working altogether]. The "
        "shop replaced them without asking questions, which was kind. The new pair has the [same annoying hiss] in "
        "quiet passages. The colour is blue, as in the picture. I [cannot recommend them] to anybody."
    ),
    "novel": (
        "The novel begins in a harbour town shortly before the war. A clerk finds a letter that was not meant for him. "
        "The first chapters are [slow and a little dry], I admit. Then the story becomes [gripping and full of wit]. "
        "The sister of the clerk is a [wonderful, stubborn and moving figure]. The author describes kitchens and "
        "offices, and she does it [with great precision]. There are three hundred pages and no chapter titles. I read "
        "the last part in one night, [with real delight]. My copy had a torn page in the middle."
    ),
    "kettle": (
        "This kettle came as a present from my aunt. It holds one litre and a half. The handle gets [dangerously hot] "
        "after a minute, and the lid is [loose and badly made]. Water boils in four minutes, about the same as in my "
        "old one. It is [terribly loud] from the start. The steel looks [nice enough] on the shelf. In June the switch "
        "broke, and the [repair was slow and expensive]. I gave it away in the end, [a disappointing product]."
    ),
}
# words that praise or blame by strength, in the texts marked or not
LEXICON = {
    1.0: "comfortable gripping wonderful delight hurts annoying dangerously terribly disappointing",
    0.7: "warm generous clean fresh fair gladly kind recommend wit moving great "
    "flat dull badly slow loose loud expensive broke torn war",
    0.4: "welcome quiet nice present precision late rained little thin hardly stopped hiss cannot dry stubborn hot old",
}
STRENGTHS = {word: strength for strength, words in LEXICON.items() for word in words.split()}
MEASURES = ("n_picked", "n_runs", "n_pairs", "overlap_f1", "is_subset")


def parse(text: str) -> tuple[list[str], np.ndarray]:
    """Words of a text, punctuation included, and whether each lies between brackets."""
    words, marks, is_inside = [], [], False
    for token in text.split():
        is_inside = is_inside or token.startswith("[")
        words.append(re.sub(r"[\[\]]", "", token))
        marks.append(is_inside)
        is_inside = is_inside and "]" not in token
    return words, np.array(marks)


def scores_of(words: list[str]) -> np.ndarray:
    """Scores (word,): strengths from the lexicon, a little more for long words, and least for what comes earlier."""
    plain = [re.sub(r"\W", "", word).lower() for word in words]
    strengths = np.array([STRENGTHS.get(word, 0.0) + LONGER * len(word) for word in plain])
    return strengths + EARLIER * (1.0 - np.arange(len(words)) / len(words))


def budget_of(words: list[str]) -> int:
    """Number of words to pick."""
    return round(BUDGET * len(words))


def _sequential(transition):
    return f"sequential, e = {transition:g}"


def compute(run: Run) -> xr.Dataset:
    """Weights of all words by every operator, and what they are like as rationales; the same at every scale."""
    selectors = [*BASELINES, *map(_sequential, TRANSITIONS)]
    parts = [_weights(*parse(text)) for text in TEXTS.values()]
    measured = np.array([_measures(part) for part in parts])
    variables = {name: (("text", "selector"), measured[..., i], {"units": "1"}) for i, name in enumerate(MEASURES)}
    variables["k"] = ("text", [budget_of(words) for words, *_ in parts], {"units": "1"})
    variables["equality_error"] = ("text", [_equality_error(words) for words, *_ in parts], {"units": "1"})
    joined = [np.concatenate(pieces, axis=-1) for pieces in zip(*(part[1:4] for part in parts), strict=True)]
    of_words = (("is_marked", ("word",)), ("score", ("word",)), ("weight", ("selector", "word")))
    for (name, dims), values in zip(of_words, joined, strict=True):
        variables[name] = (dims, values.astype(float), {"units": "1"})
    coords = {
        "text": list(TEXTS),
        "selector": selectors,
        "transition": ("selector", [np.nan, np.nan, *TRANSITIONS]),
        "word": [word for words, *_ in parts for word in words],
        "text_of_word": ("word", [name for name, part in zip(TEXTS, parts, strict=True) for _ in part[0]]),
    }
    return xr.Dataset(variables, coords)


def _weights(words, marks):
    """Words, marks, scores, weights (selector, word) of all operators, and mean numbers of neighbouring pairs."""
    scores, k = scores_of(words), budget_of(words)
    cold = scores / TEMPERATURE
    rows = [Sparsemax().weights(scores / SPARSEMAX_TEMPERATURE), KSubsets(k).weights(cold)]
    pairs = [row[1:] @ row[:-1] for row in rows]
    for transition in TRANSITIONS:
        # the temperature divides the scores of words and of pairs
        operator = SequentialKSubsets(k, transition=transition / TEMPERATURE)
        weights, value = operator.evaluate(cold)
        rows.append(weights)
        pairs.append(_mean_pairs(weights, float(value - cold @ weights), operator))
    return words, marks, scores, np.array(rows), np.array(pairs)


def _mean_pairs(weights, rest, operator):
    """Neighbouring pairs of the subsets that weights are a mixture of, from the value of the optimum less ``<t, mu>``.

    The rest of the value is ``e r - (|mu|^2 - k) / 2`` with the mean number of pairs r.
    """
    if np.all((weights == 0) | (weights == 1)) or operator.transition == 0:
        return weights[1:] @ weights[:-1]
    return (rest + 0.5 * (weights @ weights - operator.k)) / operator.transition


def _measures(part):
    """`MEASURES` (selector, measure) of a text."""
    _, marks, _, weights, pairs = part
    picked = weights > 0
    n_picked, n_runs = picked.sum(axis=1), (np.diff(picked.astype(int), prepend=0) == 1).sum(axis=1)
    f1 = 2.0 * (picked & marks).sum(axis=1) / (n_picked + marks.sum())
    is_subset = np.all((weights == 0) | (weights == 1), axis=1)
    return np.transpose([n_picked, n_runs, pairs, f1, is_subset])


def _equality_error(words):
    """Largest difference between both operators without a transition score, at a temperature that leaves mixtures."""
    scores, k = scores_of(words) / SPARSEMAX_TEMPERATURE, budget_of(words)
    plain = SequentialKSubsets(k).weights(scores) - KSubsets(k).weights(scores)
    two_state = SequentialKSubsets(k, two_state_regularizer=True).weights(scores) - KSubsets(k).weights(scores / 2)
    return max(np.abs(plain).max(), np.abs(two_state).max())


def plot(dataset: xr.Dataset) -> Figure:
    """One text with the words that every operator picks, and how runs and overlap depend on the transition score."""
    part = dataset.isel(word=np.flatnonzero(dataset.text_of_word == SHOWN_TEXT))
    shown = {
        "marked by hand": part.is_marked,
        "sparsemax": part.weight.sel(selector="sparsemax"),
        "$k$-subsets": part.weight.sel(selector="k-subsets"),
        f"sequential $k$-subsets, $e = {MIDDLE:g}$": part.weight.sel(selector=_sequential(MIDDLE)),
    }
    with style():
        figure, axes = make_figure(3, 2, height=135)
        for ax, (title, weights) in zip(axes, shown.items(), strict=False):
            _write_text(ax, part.word.values, weights.to_numpy() > 0, part.is_marked.to_numpy() > 0)
            ax.set_title(title)
        _plot_curves(dataset, axes[4], mean_run_length(dataset), "mean run (words)")
        _plot_curves(dataset, axes[5], dataset.overlap_f1, "overlap with marks, $F_1$")
        figure.legend(*axes[4].get_legend_handles_labels(), ncols=3, loc="outside lower center")
        label_panels(axes)
    return figure


def mean_run_length(dataset: xr.Dataset) -> xr.DataArray:
    """Words per run (text, selector)."""
    return dataset.n_picked / dataset.n_runs


def _write_text(ax, words, picked, marked):
    """Words line by line in a frame; picked ones on colour, marked ones underlined."""
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    n_columns, n_lines = 52, 11
    lines, length = [[]], 0
    for place, word in enumerate(words):
        if length + len(word) > n_columns:
            lines.append([])
            length = 0
        lines[-1].append((length, place))
        length += len(word) + 1
    for number, line in enumerate(lines):
        for column, place in line:
            colour = "#F4B183" if picked[place] else "none"
            ax.text(
                column / n_columns,
                1.0 - (number + 0.7) / n_lines,
                str(words[place]),
                family="monospace",
                size=6.3,
                weight="bold" if marked[place] else "normal",
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
            )


def _plot_curves(dataset, ax, values, label):
    sequential = values.isel(selector=slice(len(BASELINES), None))
    e = sequential.transition
    for name in dataset.text.values:
        ax.plot(e, sequential.sel(text=name), color=FADED, linewidth=0.7)
    ax.plot(
        e, sequential.mean("text"), marker="o", color="#D55E00", label="sequential $k$-subsets (grey: single texts)"
    )
    for name, colour, line in zip(BASELINES, ("#0072B2", "#009E73"), ("--", ":"), strict=True):
        ax.axhline(float(values.sel(selector=name).mean("text")), color=colour, linestyle=line, label=name)
    ax.set(xlabel="transition score $e$", ylabel=label)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What the transition score does to the picked words."""
    sequential = dataset.isel(selector=slice(len(BASELINES), None))
    lengths, f1 = mean_run_length(sequential).mean("text"), dataset.overlap_f1.mean("text")
    middle = float(f1.sel(selector=_sequential(MIDDLE)))
    is_subset = sequential.is_subset == 1
    too_many = abs(sequential.n_picked - dataset.k).where(is_subset).max()
    own = "own texts, nothing trained"
    return [
        Claim(
            f"the transition score makes runs longer, mean length at e = 1 less that at e = 0 in words ({own})",
            *("paper", "at_least", 0.5, float(lengths[-1] - lengths[0])),
        ),
        Claim(
            "the mean number of neighbouring pairs does not fall as e grows, largest fall from one e to the next",
            *("theory", "at_least", 0.0, float(sequential.n_pairs.diff("selector").min()), 1e-9, "rounding"),
        ),
        Claim(
            f"a temperature of {TEMPERATURE:g} leaves subsets, share of texts and e where all weights are 0 or 1",
            *("control", "at_least", 0.9, float(is_subset.mean())),
        ),
        Claim(
            f"exactly k words are picked where all weights are 0 or 1 ({int(is_subset.sum())} of {is_subset.size}), "
            "largest difference",
            *("theory", "close", 0.0, float(too_many)),
        ),
        Claim(
            "e = 0 gives k-subsets, of half the scores if both states are regularised, largest difference of a weight",
            *("theory", "close", 0.0, float(dataset.equality_error.max()), 1e-12, "rounding"),
        ),
        *(
            Claim(
                f"sequential k-subsets at e = {MIDDLE:g} overlap more with the marks than {name}, gain of F1 ({own})",
                *(source, "at_least", 0.0, middle - float(f1.sel(selector=name))),
            )
            for name, source in zip(BASELINES, ("paper", "control"), strict=True)
        ),
    ]


EXPERIMENT = Experiment("rationale", "words picked as rationales of short texts", compute, plot, claims)
