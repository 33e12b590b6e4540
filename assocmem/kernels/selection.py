"""The k-th largest of a row of numbers.

For few of many a heap of the k largest so far does, which hardly anything enters. Otherwise two numbers close to the
k-th are guessed from a sample; one pass counts what is above the larger and collects what is between them, and only
that is partitioned (Floyd & Rivest, 1975, Commun. ACM 18).
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.bits import trailing_zeros
from assocmem.kernels.reductions import LANES, lanes_above

__all__ = ["kth_largest"]

_SAMPLE = 64
_MANY = 128  # scores for each of the k, from which a heap is faster


@kernel
def kth_largest(scores, b, k, work):
    """The k-th largest score of row b without NaN, -inf if there are fewer than k that are not masked.

    `work` has room for a row, padded to whole groups of lanes.
    """
    if k * _MANY <= scores.shape[1]:
        return _of_heap(scores, b, k, work)
    if scores.shape[1] >= 4 * _SAMPLE:
        value, is_found = _between_guesses(scores, b, k, work)
        if is_found:
            return value
    n = scores.shape[1]
    for j in range(n):
        work[j] = scores[b, j]
    return _partitioned(work, n, k)


@kernel
def _sift_down(heap, size, value):
    """Put `value` in place of the smallest of a heap."""
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if not heap[child] < value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value


@kernel
def _of_heap(scores, b, k, heap):
    row, n = scores[b], scores.shape[1]
    whole = n - n % LANES
    heap[:k] = -math.inf
    for start in range(0, whole, LANES):
        largest = row[start]
        for j in range(start + 1, start + LANES):
            largest = row[j] if row[j] > largest else largest
        if largest > heap[0]:
            _sift_down(heap, k, largest)
    heap[:k] = heap[0]  # as many scores are at least this: few others pass it, and none has to fill the heap
    for start in range(0, whole, LANES):
        mask = lanes_above(scores, b, start, heap[0])
        while mask:
            value = row[start + trailing_zeros(mask)]
            if value > heap[0]:
                _sift_down(heap, k, value)
            mask &= mask - 1
    for j in range(whole, n):
        if row[j] > heap[0]:
            _sift_down(heap, k, row[j])
    return heap[0]


@kernel
def _between_guesses(scores, b, k, work):
    """(k-th largest, whether it was between the numbers guessed)."""
    row, n = scores[b], scores.shape[1]
    for i in range(_SAMPLE):  # in falling order
        value, j = row[i * n // _SAMPLE], i
        while j > 0 and work[j - 1] < value:
            work[j] = work[j - 1]
            j -= 1
        work[j] = value
    share = k / n
    rank, spread = share * _SAMPLE, 1.0 + 2.0 * math.sqrt(_SAMPLE * share * (1.0 - share))
    first, last = int(rank - spread), int(rank + spread) + 1
    upper = work[first] if first >= 1 else math.inf
    lower = work[last] if last < _SAMPLE else -math.inf
    n_above, count, whole = 0, 0, n - n % LANES
    for j in range(n):
        n_above += row[j] > upper
    for start in range(0, whole, LANES):
        mask = lanes_above(scores, b, start, lower)
        while mask:
            value = row[start + trailing_zeros(mask)]
            work[count] = value
            count += value <= upper
            mask &= mask - 1
    for j in range(whole, n):
        if lower < row[j] <= upper:
            work[count] = row[j]
            count += 1
    if n_above < k <= n_above + count:
        return _partitioned(work, count, k - n_above), True
    return -math.inf, last >= _SAMPLE and k > n_above + count


@kernel
def _partitioned(values, n, k):
    """The k-th largest of the first n values, which are put into another order (Hoare, 1961)."""
    low, high, place = 0, n - 1, k - 1
    while low < high:
        pivot = _median(values[low], values[(low + high) // 2], values[high])
        i, j = low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            break
    return values[place]


@kernel
def _median(a, b, c):
    low, high = (a, b) if a < b else (b, a)
    return low if c < low else (high if c > high else c)
