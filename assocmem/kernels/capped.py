"""Separations with bounded or counted weights: k-subsets, constrained sparsemax and top-k softmax of one row.

The form of the row kernels is that of `assocmem.kernels.simplex`.

References
----------
Niculae, Martins, Blondel & Cardie (2018), SparseMAP, ICML: k-subsets.
Malaviya, Ferreira & Martins (2018), Sparse and constrained attention, ACL: constrained sparsemax.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import exp, log
from assocmem.kernels.reductions import row_sum
from assocmem.kernels.selection import kth_largest
from assocmem.kernels.simplex import DONE, INFEASIBLE, collect, finish, largest_score, refuse

__all__ = ["constrained_row", "k_subsets_row", "top_k_row"]

_SLACK = 1e-9  # by how much upper bounds may miss a sum of 1, which is what is left after many subtractions
_MOST_ITERATIONS = 2000  # bisections of the whole range of floats; Newton's method takes a few


@kernel
def top_k_row(scores, b, beta, parameters, out, work):
    """Softmax over the k largest scores, of equal ones those that come first; 0 elsewhere."""
    k = parameters[0]
    top, status = largest_score(scores, b)
    if status:
        refuse(out, b)
        return math.nan, status
    buffers, places = work
    kth, row = kth_largest(scores, b, k, buffers[0]), scores[b]
    n_above = 0
    for j in range(row.size):
        n_above += row[j] > kth
    n_equal, count, total = k - n_above, 0, 0.0
    for j in range(row.size):
        is_equal = row[j] == kth and kth > -math.inf and n_equal > 0
        if row[j] > kth or is_equal:
            buffers[1, count], places[count] = exp(beta * (row[j] - top)), j
            total += buffers[1, count]
            count += 1
            n_equal -= is_equal
    for i in range(count):
        buffers[1, i] /= total
    finish(out, b, buffers[1], places, count)
    return beta * top + log(total), DONE


@kernel
def k_subsets_row(scores, b, beta, parameters, out, work):
    """SparseMAP over subsets of k: ``mu_i = clip(t_i - tau, 0, 1)`` with a sum of k."""
    k = parameters[0]
    top, status = largest_score(scores, b)
    buffers, places = work
    offsets, uppers = buffers[0], buffers[1]
    kth = kth_largest(scores, b, k, offsets) if status == DONE else top
    if status == DONE and kth == -math.inf:
        status = INFEASIBLE
    if status:
        refuse(out, b)
        return math.nan, status
    # tau is in (t_k - 1, t_k]: what lies further below has no weight
    count = collect(scores, b, beta, kth, 1.0, offsets, places)
    for i in range(count):
        offsets[i], uppers[i] = -offsets[i], 1.0
    tau = -1.0 if count == k else _threshold(buffers, count, 1.0 * k, -1.0, 0.0)
    return _finish_capped(out, b, work, count, beta * kth, tau, 1.0 * k)


@kernel
def constrained_row(scores, b, beta, parameters, out, work):
    """Constrained sparsemax, ``p_i = clip(t_i - tau, 0, u_i)`` with a sum of 1 and the bounds u of row b or of all."""
    bounds = parameters[0]
    bound = bounds[b if bounds.shape[0] > 1 else 0]
    top, status = largest_score(scores, b)
    buffers, places = work
    offsets, uppers = buffers[0], buffers[1]
    most, row = 0.0, scores[b]
    for j in range(row.size):
        most += bound[j] if row[j] > -math.inf else 0.0
    if status == DONE and most < 1.0 - _SLACK:
        status = INFEASIBLE
    if status:
        refuse(out, b)
        return math.nan, status
    target, reach, held, nearby = min(1.0, most), 1.0, 0.0, 0.0
    while True:  # until what lies within reach of the largest score can hold a sum of 1
        count, held = collect(scores, b, beta, top, reach, offsets, places), 0.0
        for i in range(count):
            offsets[i], uppers[i] = -offsets[i], bound[places[i]]
            held += min(uppers[i], offsets[i] + reach)
        if held >= target or reach > 1e308:
            break
        reach *= 8.0
    reference, tau = top, -reach
    if held > target:
        tau = _threshold(buffers, count, target, -reach, 0.0)
        if reach > 1.0:  # far below the top: solve once more from nearby, where differences keep their digits
            for i in range(count):
                if 0.0 < offsets[i] - tau < uppers[i]:
                    reference, nearby = row[places[i]], uppers[i]
            if reference < top:
                for i in range(count):
                    offsets[i] = beta * (row[places[i]] - reference)
                tau = _threshold(buffers, count, target, -2.0 * nearby, nearby)
    return _finish_capped(out, b, work, count, beta * reference, tau, 1.0)


@kernel
def _threshold(buffers, count, total, low, high):
    """The tau at which ``sum clip(offset - tau, 0, upper)`` is `total`: Newton's method within a bracket.

    The sum falls from piece to piece of a line, so the last step, on the right piece, is exact.
    """
    tau = low
    for _ in range(_MOST_ITERATIONS):
        mass, n_between = _mass(buffers, count, tau)
        excess = mass - total
        if abs(excess) <= 2.0**-52 * total:
            break
        low, high = (tau, high) if excess > 0.0 else (low, tau)
        following = tau + excess / n_between if n_between else high
        if not low < following < high:
            following = 0.5 * (low + high)
        if not low < following < high:
            break
        tau = following
    return tau


@kernel
def _mass(buffers, count, tau):
    """Sum of the weights at a threshold, and how many lie between their bounds."""
    offsets, uppers, terms, flags = buffers[0], buffers[1], buffers[2], buffers[3]
    for i in range(count):
        x = offsets[i] - tau
        low = x if x > 0.0 else 0.0
        terms[i] = low if low < uppers[i] else uppers[i]
        flags[i] = 1.0 if 0.0 < x < uppers[i] else 0.0
    return row_sum(buffers, 2, count), row_sum(buffers, 3, count)


@kernel
def _finish_capped(out, b, work, count, reference, tau, total):
    """Write the weights at a threshold; the conjugate is ``<t, mu> - (|mu|^2 - total) / 2``."""
    buffers, places = work
    offsets, uppers, weights = buffers[0], buffers[1], buffers[2]
    product, square, mass = 0.0, 0.0, 0.0
    for i in range(count):
        mu = min(max(offsets[i] - tau, 0.0), uppers[i])
        weights[i] = mu
        product += mu * offsets[i]
        square += mu * mu
        mass += mu
    finish(out, b, weights, places, count)
    return reference * mass + product - 0.5 * (square - total), DONE
