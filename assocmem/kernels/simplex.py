"""Separations onto the simplex: softmax, alpha-entmax and gamma-normmax of one row of scores.

All row kernels of separations have one form, ``row(scores, b, beta, parameters, out, work) -> (value, status)``: they
write the weights of the scores ``beta * scores[b]`` to ``out[b]`` and return the conjugate of the regulariser at these
scores and a status. `out` may be `scores` itself. Everything is computed in float64 from the gaps
``beta * (largest score - score)``, so that scores of any size do as well as small ones; what is too far below the
largest score to have a weight is left out first, and the equation of the threshold is solved on the rest.

References
----------
Peters, Niculae & Martins (2019), Sparse sequence-to-sequence models, ACL.
Blondel, Martins & Niculae (2020), Learning with Fenchel-Young losses, JMLR 21.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import exp, expm1, log, log1p
from assocmem.kernels.reductions import LANES, lanes_above, row_maximum, row_sum

__all__ = [
    "DONE",
    "INFEASIBLE",
    "MASKED",
    "NOT_FINITE",
    "UNSOLVED",
    "collect",
    "entmax_row",
    "finish",
    "largest_score",
    "normmax_row",
    "refuse",
    "softmax_row",
]

DONE, NOT_FINITE, MASKED, UNSOLVED, INFEASIBLE = range(5)
_FARTHEST = 750.0  # exp(-750) is 0
_MOST_ITERATIONS = 200  # Newton's method takes about ten
_NEAR, _NEAR_STEPS, _NEAR_ENOUGH = 0.4, 6, 0.05  # part of the window, steps and precision of a first estimate


@kernel
def refuse(out, b):
    """Fill a row that has no weights with NaN."""
    row = out[b]
    for j in range(row.size):
        row[j] = math.nan


@kernel
def largest_score(scores, b):
    """The largest score of a row, and whether there is one: NaN, infinity or nothing but masks have a status."""
    top = row_maximum(scores, b, scores.shape[1])
    if top == -math.inf:
        return top, MASKED
    return top, DONE if top < math.inf else NOT_FINITE


@kernel
def collect(scores, b, beta, top, window, gaps, places):
    """Write gaps ``beta (top - score) < window`` and their columns to `gaps` and `places`; return how many there are.

    Most rows have few of them, so eight scores at a time are compared with a threshold before any is looked at.
    """
    row, n, count = scores[b], scores.shape[1], 0
    reach = window / beta
    threshold = top - reach - 1e-15 * (abs(top) + reach) - 1e-300  # below by more than rounding: the gap decides
    whole = n - n % LANES
    for start in range(0, whole, LANES):
        mask = lanes_above(scores, b, start, threshold)
        if mask:
            for j in range(start, start + LANES):
                gap = beta * (top - row[j])
                gaps[count], places[count] = gap, j
                count += gap < window
    for j in range(whole, n):
        gap = beta * (top - row[j])
        if gap < window:
            gaps[count], places[count] = gap, j
            count += 1
    return count


@kernel
def finish(out, b, weights, places, count):
    """Write `count` weights to their places in a row that is 0 elsewhere."""
    row = out[b]
    row[:] = 0.0
    for i in range(count):
        row[places[i]] = weights[i]


@kernel
def softmax_row(scores, b, beta, parameters, out, work):
    """Softmax, ``p_i = exp(t_i) / sum_j exp(t_j)``; the conjugate is the logarithm of the sum."""
    top, status = largest_score(scores, b)
    if status:
        refuse(out, b)
        return math.nan, status
    source, target, buffers = scores[b], out[b], work[0]
    n, terms = source.size, buffers[0]
    for j in range(n):
        terms[j] = exp(beta * (source[j] - top))
    total = row_sum(buffers, 0, n)
    scale = 1.0 / total
    for j in range(n):
        target[j] = terms[j] * scale
    return beta * top + log(total), DONE


@kernel
def entmax_row(scores, b, beta, parameters, out, work):
    """Entmax, ``p_i = [a t_i - tau]_+^(1/a)`` with ``a = alpha - 1 >= 0`` the only parameter; a = 0 is softmax.

    With the largest weight w as the unknown, ``p_i = [w^a - a gap_i]_+^(1/a)``: no power overflows or vanishes for any
    a, and a -> 0 gives softmax without a change of formula.
    """
    a = parameters[0]
    if a == 0.0:
        return softmax_row(scores, b, beta, parameters, out, work)
    top, status = largest_score(scores, b)
    if status:
        refuse(out, b)
        return math.nan, status
    buffers, places = work
    gaps, terms = buffers[0], buffers[1]
    if a == math.inf:
        return _uniform_over_ties(scores, b, beta, top, out, work), DONE
    count = collect(scores, b, beta, top, min(1.0 / a, _FARTHEST), gaps, places)
    if count == 1:  # the margin: no other score is within 1 / a
        terms[0] = 1.0
        finish(out, b, terms, places, 1)
        return beta * top, DONE
    if a == 1.0:
        count, power = _sparsemax(gaps, places, terms, count)
    elif a == 0.5:
        count, power = _entmax15(gaps, places, terms, count)
    elif a < 1.0:
        count, power = _dense_entmax(buffers, places, count, a)
    else:
        power = _sparse_entmax(gaps, terms, count, a)
    mean_gap = 0.0
    for i in range(count):
        mean_gap += gaps[i] * terms[i]
    finish(out, b, terms, places, count)
    return beta * top - (a * mean_gap + power) / (1.0 + a), DONE


@kernel
def _uniform_over_ties(scores, b, beta, top, out, work):
    """The limit alpha -> inf: equal weights on the largest scores."""
    gaps, places = work[0][0], work[1]
    count = collect(scores, b, beta, top, math.ldexp(1.0, -1074), gaps, places)
    for i in range(count):
        gaps[i] = 1.0 / count
    finish(out, b, gaps, places, count)
    return beta * top


# the solvers of entmax write the weights of `count` gaps to `terms`, in which they may leave out gaps that have none;
# they return how many are left and (w^a - 1) / a with w the largest weight


@kernel
def _keep_below(limit, gaps, places, count):
    """Keep the gaps below a limit; returns how many there are."""
    kept = 0
    for i in range(count):
        gap, place = gaps[i], places[i]
        gaps[kept], places[kept] = gap, place
        kept += gap < limit
    return kept


@kernel
def _sparsemax(gaps, places, terms, count):
    """a = 1: ``w = (1 + sum of gaps) / support size``; supports shrink until they are consistent."""
    w = 1.0
    while True:
        count = _keep_below(w, gaps, places, count)
        total = 1.0
        for i in range(count):
            total += gaps[i]
        smaller = total / count
        if not smaller < w:  # Newton's method, from above: it has stopped
            break
        w = smaller
    for i in range(count):
        terms[i] = max(w - gaps[i], 0.0)
    return count, w - 1.0


@kernel
def _entmax15(gaps, places, terms, count):
    """a = 1/2: ``sum (s - gap/2)^2 = 1`` for ``s = sqrt(w)``, a quadratic equation once the support is known."""
    s = 1.0
    for _ in range(_MOST_ITERATIONS):
        count = _keep_below(2.0 * s, gaps, places, count)
        mean, largest = 0.0, 0.0
        for i in range(count):
            mean += gaps[i]
            largest = max(largest, gaps[i])
        mean /= 2.0 * count
        spread = 0.0
        for i in range(count):
            spread += (0.5 * gaps[i] - mean) ** 2
        exact = mean + math.sqrt(max(1.0 - spread, 0.0) / count)
        # what was left out lies above the present s, hence above the root: it is the root if all that is left counts
        if spread <= 1.0 and 0.5 * largest < exact:
            s = exact
            break
        smaller = s - (count * (s - mean) ** 2 + spread - 1.0) / (2.0 * count * (s - mean))
        if not smaller < s:
            break
        s = smaller
    for i in range(count):
        terms[i] = max(s - 0.5 * gaps[i], 0.0) ** 2
    return count, 2.0 * (s - 1.0)


@kernel
def _dense_entmax(buffers, places, count, a):
    """0 < a < 1: ``w sum u_i = 1`` with ``u_i = (1 - a gap_i w^-a)^(1/a)``, convex in w: Newton's method from above.

    A few steps for the smallest gaps alone come first: with fewer terms w is larger, so it is still above, and leaves
    most of the other gaps without a weight before they are looked at.
    """
    gaps, terms, near = buffers[0], buffers[1], buffers[3]
    inverse, log_w, total, n_near = 1.0 / a, 0.0, 1.0, 0
    for i in range(count):
        near[n_near] = gaps[i]
        n_near += gaps[i] < _NEAR * inverse
    if n_near < count:
        for _ in range(_NEAR_STEPS):
            step, _ = _newton_step(buffers, 3, n_near, a, log_w)
            if not step > _NEAR_ENOUGH:
                break
            log_w += log1p(-step)
        count = _keep_below(exp(a * log_w) * inverse, gaps, places, count)
    for _ in range(_MOST_ITERATIONS):
        step, total = _newton_step(buffers, 0, count, a, log_w)
        if not step > 2.0**-51:
            break
        log_w += log1p(-step)
        count = _keep_below(exp(a * log_w) * inverse, gaps, places, count)
    for i in range(count):
        terms[i] /= total
    # the weights are known as u / sum u, hence w as 1 / sum u
    return count, expm1(-a * log(total)) * inverse


@kernel
def _newton_step(buffers, source, count, a, log_w):
    """(step of w relative to w, sum of u) for the gaps in a buffer; u and its slopes are left in buffers 1 and 2."""
    gaps, terms, slopes = buffers[source], buffers[1], buffers[2]
    inverse, scale = 1.0 / a, a * exp(-a * log_w)
    for i in range(count):
        x = 1.0 - scale * gaps[i]
        u = exp(log1p(-scale * gaps[i]) * inverse)
        is_in = x > 0.0
        terms[i] = u if is_in else 0.0
        slopes[i] = u / x if is_in else 0.0
    total, slope = row_sum(buffers, 1, count), row_sum(buffers, 2, count)
    return (total - exp(-log_w)) / slope, total


@kernel
def _sparse_entmax(gaps, terms, count, a):
    """a > 1: weights near the end of the support have an infinite slope, so the smallest one is the unknown.

    With k the last of the support, ``p_i = (p_k^a + a (gap_k - gap_i))^(1/a)`` is convex in p_k.
    """
    last = _last_of_support(gaps, count, a)
    size, inverse = 0, 1.0 / a
    for i in range(count):
        size += gaps[i] <= last
    p = 1.0 / size
    for _ in range(_MOST_ITERATIONS):
        total, slope = 0.0, 0.0
        base = exp(a * log(p))
        for i in range(count):
            if gaps[i] <= last:
                q = p if gaps[i] == last else exp(log(base + a * (last - gaps[i])) * inverse)
                total += q
                slope += exp((a - 1.0) * (log(p) - log(q)))
        smaller = p - (total - 1.0) / slope
        if not 0.0 < smaller < p * (1.0 - 2.0**-52):
            break
        p = smaller
    base = exp(a * log(p))
    for i in range(count):
        distance = a * (last - gaps[i])
        terms[i] = 0.0 if distance < 0.0 else p if distance == 0.0 else exp(log(base + distance) * inverse)
    return (base - 1.0) * inverse + last


@kernel
def _last_of_support(gaps, count, a):
    """The largest gap that has a weight: those below it, measured from it, do not reach a sum of 1."""
    inside, outside, inverse = 0.0, math.inf, 1.0 / a
    while True:
        undecided = 0
        for i in range(count):
            undecided += inside < gaps[i] < outside
        if undecided == 0:
            return inside
        pivot, seen = inside, 0
        for i in range(count):
            if inside < gaps[i] < outside:
                pivot = gaps[i] if seen == undecided // 2 else pivot
                seen += 1
        total = 0.0
        for i in range(count):
            if gaps[i] < pivot:
                total += exp(log(a * (pivot - gaps[i])) * inverse)
        if total < 1.0:
            inside = pivot
        else:
            outside = pivot


@kernel
def normmax_row(scores, b, beta, parameters, out, work):
    """Normmax, ``p_i ~ [t_i - tau]_+^(q-1)`` with ``q = gamma / (gamma - 1)`` the only parameter and a q-norm of 1.

    The norm ``|[x - gap]_+|_q`` is convex in ``x = t_max - tau``: Newton's method from above. The conjugate is 1 + tau.
    """
    q = parameters[0]
    top, status = largest_score(scores, b)
    if status:
        refuse(out, b)
        return math.nan, status
    buffers, places = work
    gaps, terms, slopes = buffers[0], buffers[1], buffers[2]
    count = collect(scores, b, beta, top, 1.0, gaps, places)
    if count == 1:  # the margin is 1 for every gamma
        terms[0] = 1.0
        finish(out, b, terms, places, 1)
        return beta * top, DONE
    x = 1.0
    for _ in range(_MOST_ITERATIONS):
        _powers(gaps, terms, slopes, count, x, q)
        total, slope = row_sum(buffers, 1, count), row_sum(buffers, 2, count)
        norm = exp(log(total) / q)
        step = (norm - 1.0 / x) * total / (slope * norm)
        if not step > 2.0**-52:
            break
        x -= x * step
        count = _keep_below(x, gaps, places, count)
    _powers(gaps, terms, slopes, count, x, q)
    scale = 1.0 / row_sum(buffers, 2, count)
    for i in range(count):
        slopes[i] *= scale
    finish(out, b, slopes, places, count)
    return 1.0 + (beta * top - x), DONE


@kernel
def _powers(gaps, terms, slopes, count, x, q):
    """Write ``v^q`` and ``v^(q-1)`` for ``v = [1 - gap / x]_+`` to `terms` and `slopes`."""
    inverse = 1.0 / x
    if q == 2.0:
        for i in range(count):
            v = max(1.0 - gaps[i] * inverse, 0.0)
            terms[i], slopes[i] = v * v, v
        return
    for i in range(count):
        v = 1.0 - gaps[i] * inverse
        power = exp((q - 1.0) * log1p(-gaps[i] * inverse))
        is_in = v > 0.0
        slopes[i] = power if is_in else 0.0
        terms[i] = power * v if is_in else 0.0
