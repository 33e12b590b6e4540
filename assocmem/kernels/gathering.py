"""Association of cues with a part of the patterns, a part of its own for each: random lists, given lists, windows.

Only the scores of the patterns in a cue's part exist, so that a cue costs what its part costs. The kernels that choose
have the form ``choose(choice, number, n_patterns, places, draws, marks) -> count``: they write the patterns of cue
`number` in ascending order to `places`.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.bits import trailing_zeros
from assocmem.kernels.elementary import log
from assocmem.kernels.lines import LINES, add_line, consecutive_dots, four_dots
from assocmem.kernels.matmul import CACHE_LINE
from assocmem.kernels.reductions import row_sum
from assocmem.kernels.simplex import MASKED, largest_score, softmax_row
from assocmem.kernels.softmax import exponentiate
from assocmem.random import fill_uniforms

__all__ = ["bernoulli_choice", "exact_choice", "gathered_loop", "listed_choice", "lists_loop", "window_loop"]

MASK_STREAM = 22  # of the random numbers
_SHIFT, _WORD = 5, 32  # marks are bits of words of 2^5 bits
_FULL = 2**_WORD - 1
TOGETHER = 8  # cues of a window that share one product


@kernel
def exact_choice(choice, number, n_patterns, places, draws, marks):
    """A uniform sample of `n_kept` patterns, after Floyd; the smaller part of the patterns is what is drawn."""
    key0, key1, n_kept = choice
    is_complement = 2 * n_kept > n_patterns
    n_drawn = n_patterns - n_kept if is_complement else n_kept
    n_words = -(-n_patterns // _WORD)
    marks[:n_words] = 0
    fill_uniforms(key0, key1, number, 0, MASK_STREAM, draws[:n_drawn])
    for i in range(n_drawn):
        last = n_patterns - n_drawn + i
        place = min(int(draws[i] * (last + 1)), last)
        is_taken = marks[place >> _SHIFT] >> (place & (_WORD - 1)) & 1
        place += is_taken * (last - place)  # a branch would be guessed wrong as often as not
        marks[place >> _SHIFT] |= 1 << (place & (_WORD - 1))
    count = 0
    for w in range(n_words):
        left = min(n_patterns - w * _WORD, _WORD)
        word = (marks[w] ^ _FULL) & (_FULL >> (_WORD - left)) if is_complement else marks[w]
        while word:
            places[count] = w * _WORD + trailing_zeros(word)
            count += 1
            word &= word - 1
    return count


@kernel
def bernoulli_choice(choice, number, n_patterns, places, draws, marks):
    """Each pattern with probability 1 - p; one at random for a cue that has none, if `has_fallback`."""
    key0, key1, fraction_masked, has_fallback = choice
    fill_uniforms(key0, key1, number, 0, MASK_STREAM, draws[: n_patterns + 1])
    count = 0
    for j in range(n_patterns):
        places[count] = j
        count += draws[j] >= fraction_masked
    if count == 0 and has_fallback:
        places[0] = min(int(draws[n_patterns] * n_patterns), n_patterns - 1)
        count = 1
    return count


@kernel
def listed_choice(choice, number, n_patterns, places, draws, marks):
    """The list of the cue: `starts[number]` to `starts[number + 1]` of `listed`."""
    starts, listed = choice
    first, count = starts[number], starts[number + 1] - starts[number]
    for i in range(count):
        places[i] = listed[first + i]
    return count


def lists_loop(choose):
    """Loop that writes the patterns of each cue to a row of `lists`, and how many there are."""

    def loop(choice, numbers, n_patterns, lists, counts, draws, marks):
        for b in range(numbers.size):
            counts[b] = choose(choice, numbers[b], n_patterns, lists[b], draws, marks)

    return loop


@kernel
def _pad_cue(cue, padded):
    for u in range(cue.size):
        padded[u] = cue[u]


@kernel
def _mask_rest(scores, count, unit):
    """Mask scores up to a multiple of `unit`, and return that: vector instructions then leave none over."""
    whole = -(-count // unit) * unit
    for i in range(count, whole):
        scores[i] = -math.inf
    return whole


@kernel
def _mix(weights, count, values, places, mixture, out):
    """Write ``out = sum_i weights[i] values[places[i]]`` for i < count."""
    whole = -(-count // LINES) * LINES
    for i in range(count, whole):
        weights[i], places[i] = 0.0, 0
    for column in range(0, mixture.size, CACHE_LINE // mixture.itemsize):
        add_line(weights, values, places, whole, column, mixture)
    for v in range(out.size):
        out[v] = mixture[v]


@kernel
def _gap(scores, count):
    """Gap between the largest score and the next, inf if there is one only."""
    first, second = -math.inf, -math.inf
    for i in range(count):
        second = max(second, min(first, scores[i]))
        first = max(first, scores[i])
    return first - second


@kernel
def _read_out(weights, places, count, readout, row):
    """The pattern of the largest weight and how many are not 0; all weights to `row`, if it is not empty."""
    winner, support = 0, 0
    for i in range(count):
        support += weights[i] != 0.0
        winner = i if weights[i] > weights[winner] else winner
    readout[0], readout[1] = places[winner], support
    if row.size:
        row[:] = 0.0
        for i in range(count):
            row[places[i]] = weights[i]


def gathered_loop(row, choose):
    """Loop that associates a block of cues with the patterns that `choose` gives to each.

    `keys` (pattern, unit) and `values` (pattern, value) are padded to whole lines. The arrays in `line` are for one cue
    at a time; its scores are masked up to a multiple of `unit`. With `is_read`, `readout` and `margin` are filled, and
    `spread` (trajectory, pattern) with all weights unless it has no columns.
    """

    def loop(cues, numbers, keys, beta, parameters, choice, values, results, is_read, line, work, unit):
        out, value, status, readout, margin, spread = results
        scores, padded, places, draws, marks, mixture = line
        for b in range(cues.shape[0]):
            count = choose(choice, numbers[b], keys.shape[0], places, draws, marks)
            if count == 0:
                out[b] = math.nan
                value[b], status[b] = math.nan, MASKED
                continue
            for i in range(count, -(-count // LINES) * LINES):
                places[i] = 0
            _pad_cue(cues[b], padded)
            for i in range(0, count, LINES):
                four_dots(padded, keys, places, i, scores)
            if is_read:
                margin[b] = _gap(scores, count)
            whole = _mask_rest(scores, count, unit)
            weights = scores[:whole].reshape(1, whole)
            value[b], status[b] = row(weights, 0, beta, parameters, weights, work)
            _mix(scores, count, values, places, mixture, out[b])
            if is_read:
                _read_out(scores, places, count, readout[b], spread[b])

    return loop


@kernel
def _same_block(numbers, b):
    """The end of the rows from b on whose numbers share a block of `TOGETHER`, at most so many."""
    end = b + 1
    while end < min(b + TOGETHER, numbers.size) and numbers[end] // TOGETHER == numbers[b] // TOGETHER:
        end += 1
    return end


@kernel
def _softmax_rows(block, m, beta, value, status):
    """`softmax_row` of m rows in place, in passes over all of them: no row waits for its own maximum and sum."""
    n = block.shape[1]
    for c in range(m):
        top, status[c] = largest_score(block, c)
        value[c], row = beta * top, block[c]
        for j in range(n):
            row[j] = beta * (row[j] - top)
    exponentiate(block)
    for c in range(m):
        total, row = row_sum(block, c, n), block[c]
        value[c] += log(total)
        scale = 1.0 / total
        for j in range(n):
            row[j] *= scale


def window_loop(row, product):
    """The same for the patterns around each cue, from ``number - radius`` to ``number + radius``.

    Cues with numbers of one block share the product of their weights with the values in the reach of the block; which
    numbers these are does not depend on the cues that are there. `keys_from` holds the keys as (unit, pattern); keys
    and values go on with zeros for a block of scores.
    """
    is_softmax = row is softmax_row

    def loop(cues, numbers, keys_from, beta, parameters, choice, values, results, is_read, line, work, unit):
        out, value, status, readout, margin, spread = results
        band, places, mixture = line
        radius, n_patterns = choice
        b = 0
        while b < cues.shape[0]:
            end, block = _same_block(numbers, b), numbers[b] // TOGETHER * TOGETHER
            start, stop = max(block - radius, 0), min(block + TOGETHER + radius, n_patterns)
            n, m = -(-(stop - start) // unit) * unit, end - b
            weights = band[: m * n].reshape(m, n)
            for c in range(m):
                scores, low, high = weights[c], numbers[b + c] - radius - start, numbers[b + c] + radius + 1 - start
                for i in range(0, n, unit):
                    consecutive_dots(cues[b + c], keys_from, start, i, scores)
                scores[: max(low, 0)] = -math.inf
                scores[min(high, n_patterns - start) :] = -math.inf
                if is_read:
                    margin[b + c] = _gap(scores, n)
            if is_softmax:
                _softmax_rows(weights, m, beta, value[b:end], status[b:end])
            else:
                for c in range(m):
                    value[b + c], status[b + c] = row(weights, c, beta, parameters, weights, work)
            product(weights, values[start : start + n], mixture[:m])
            for c in range(m):
                for v in range(out.shape[1]):
                    out[b + c, v] = mixture[c, v]
                if is_read:
                    _read_out(weights[c], places[start:], stop - start, readout[b + c], spread[b + c])
            b = end

    return loop
