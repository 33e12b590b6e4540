"""SparseMAP over sequential k-subsets: exact, one problem for each row of scores.

A vertex is a choice y of k of n positions, with ``r(y) = sum_i y_i y_{i+1}`` adjacent pairs. Over the mixtures
``mu = sum_j p_j y_j`` of vertices a row of scores t asks for the largest

    sum_j p_j (<t, y_j> + e r(y_j)) - (c / 2) |mu|^2.

An active set grows by the best vertex for the gradient ``g = t - c mu``, which the Viterbi algorithm finds on a chain
of two states and a count; then weights move to the optimum of the active set, and vertices whose weights reach zero
leave (Niculae, Martins, Blondel & Cardie 2018, SparseMAP; Nocedal & Wright 2006, Numerical optimization, chapter 16;
with e = 0 it is Wolfe's method of 1976 for the nearest point in a polytope). As all vertices have k entries of 1,
affinely independent ones are linearly independent: their Gram matrix G has a Cholesky factor L.

The pair score e may be 1e8 where differences of 1e-12 in t matter. It is therefore never added to a sum of scores: a
path keeps its pairs r and its sum s apart, and two paths are compared by ``e (r_1 - r_2) + (s_1 - s_2)``.
"""

import math

import numpy as np

from assocmem.jit import kernel
from assocmem.kernels.simplex import DONE, INFEASIBLE, NOT_FINITE, UNSOLVED

__all__ = ["scratch", "sequential_subsets_project", "sequential_subsets_row"]

_HUGE = 1e300
_MOST = 4096  # active vertices, for which the factor takes 134 MB and a row seconds
# squared distances from the span of the active vertices: below the first a vertex counts as dependent (round-off is
# near 1e-28, independent vertices of 0 and 1 are far above), below the second the distance needs care
_DEPENDENT, _SMALL = 1e-10, 1e-4
_ROUND_OFF = 8 * 2.0**-52  # a vertex is better if its lead is more than this times the sizes of the terms summed


def scratch(n: int, k: int) -> tuple[np.ndarray, ...]:
    """Arrays that the kernels of this module work in, for rows of n scores and subsets of k.

    Parameters
    ----------
    n, k : int, >= 1

    Returns
    -------
    tuple of arrays
        Not initialised, and not to be shared by threads. The pages of the largest, (n, n) up to (4096, 4096), are
        touched only where a row needs that many active vertices.
    """
    most = 1 + max(1, min(n, math.comb(n, k), _MOST))  # as many as can be independent, and a candidate
    fields = np.empty((4, n))  # scores, gradient, mu, and one for passing
    chain, back = np.empty((4, k + 1)), np.empty((n, k + 1), dtype=np.int8)
    vertices, pairs = np.empty((most, k), dtype=np.int64), np.empty(most)  # positions in rising order
    rows, factor = np.empty((5, most)), np.empty((most, most))
    return fields, chain, back, vertices, pairs, rows, factor


@kernel
def sequential_subsets_row(scores, b, beta, parameters, out, work):
    """Write the mu to ``out[b]`` for which ``<t, mu> + e <1, edge> - (c / 2) |mu|^2`` is largest.

    t is ``beta scores[b]``, mu a mixture of subsets of k positions, edge the same mixture of their ``y_i y_{i+1}``.

    Parameters
    ----------
    scores : float32 or float64 array (trajectory, position), C-contiguous
        -inf masks a position.
    b, beta : int, float
    parameters : tuple (k, e, c) of int, float, float
        Size of subsets >= 1, score of a pair (finite), curvature > 0: 1 regularises the state 'on', 2 both states.
    out : float32 or float64 array (trajectory, position), C-contiguous
        Row b becomes mu, exactly 0 or 1 where all active vertices agree; NaN if the status is not 0. May be `scores`.
    work : tuple of arrays
        From `scratch` for the number of columns and k.

    Returns
    -------
    value, status : float, int
        ``<t, mu> + e <1, edge> - (c / 2) (|mu|^2 - k)``, NaN if the status is not DONE; and DONE, NOT_FINITE (a
        score is NaN or inf), INFEASIBLE (fewer than k positions have no mask) or UNSOLVED (too many iterations or more
        than 4096 active vertices).
    """
    k, e, c = parameters
    size, shift, status = _solve_row(scores, b, beta, parameters, out, work)
    if status != DONE:
        return math.nan, status
    fields, _, _, _, pairs, rows, _ = work
    t, mu, count, weights = fields[0], fields[2], fields[3], rows[0]
    value, edges, square = 0.0, pairs[0], 0.0
    for j in range(size):  # differences are exactly 0 if all have the same number of pairs
        edges += weights[j] * (pairs[j] - pairs[0])
    for i in range(mu.size):
        part = 1.0 if count[i] == size else min(mu[i], 1.0)
        value += t[i] * part if part > 0.0 else 0.0  # a masked t is infinite
        square += part * part
        out[b, i] = part
    return value + k * shift + e * edges - 0.5 * c * (square - k), status


@kernel
def sequential_subsets_project(scores, b, beta, parameters, tangent, out, work):
    """Write to ``out[b]`` the derivative of mu of row b with respect to t in the direction ``tangent[b]``.

    This is 1 / c times the orthogonal projection of the direction onto the span of differences of active vertices: the
    derivative for almost all t. At a kink of mu, or where it is a mixture of fewer vertices than the face that it lies
    in could hold (equal scores, say), the span may be a part of the one on either side.

    Parameters
    ----------
    scores, b, beta, parameters, work
        As for `sequential_subsets_row`.
    tangent : float32 or float64 array (trajectory, position), C-contiguous
        Its values at masked positions do not matter.
    out : float32 or float64 array (trajectory, position), C-contiguous
        Row b is overwritten: 0 at masked positions, NaN if the status is not 0. May be `scores` or `tangent`.

    Returns
    -------
    int
        Status, as for `sequential_subsets_row`.
    """
    size, _, status = _solve_row(scores, b, beta, parameters, out, work)
    if status != DONE:
        return status
    fields, _, _, vertices, _, rows, _ = work
    field, count = fields[2], fields[3]
    for i in range(field.size):
        field[i] = tangent[b, i]
    _ascend(field, 0.0, size, work)
    _mix(rows[1], vertices, size, field)
    for i in range(field.size):
        out[b, i] = 0.0 if count[i] == size else field[i] / parameters[2]
    return status


@kernel
def _solve_row(scores, b, beta, parameters, out, work):
    """Solve a row less its largest t; return the number of active vertices, that t, and a status.

    ``fields[3]`` counts the active vertices that a position is in.
    """
    fields, _, _, vertices, _, rows, _ = work
    t, k, largest, n_free, size, status = fields[0], parameters[0], -math.inf, 0, 0, DONE
    for i in range(t.size):
        t[i] = -math.inf if scores[b, i] == -math.inf else beta * float(scores[b, i])
        if not t[i] < math.inf:
            status = NOT_FINITE
        elif t[i] > -math.inf:
            largest, n_free = max(largest, t[i]), n_free + 1
    if status == DONE and not 1 <= k <= n_free:
        status = INFEASIBLE
    if status == DONE:
        for i in range(t.size):
            # all subsets have k elements: without what they share sums lose no digits to it; nor may they overflow
            t[i] = max(t[i] - largest, -_HUGE) if t[i] > -math.inf else t[i]
            fields[1, i] = t[i]
        size, status = _solve(parameters, work)
        rows[1] = 1.0
        _mix(rows[1], vertices, size, fields[3])
    if status != DONE:
        out[b] = math.nan
    return size, largest, status


@kernel
def _solve(parameters, work):
    """Find the optimal active vertices and their weights; return their number and a status.

    A pair score far below c is approached from c: to find the pairs of many subsets that make up a given mu is a
    linear program of its own, which takes a hundred times as many vertices if it comes last.
    """
    k, e, c = parameters[0], min(max(parameters[1], -_HUGE), _HUGE), parameters[2]
    fields, chain, back, vertices, pairs, rows, _ = work
    t, gradient, weights = fields[0], fields[1], rows[0]
    size, scale, level = 0, 0.0, e
    for iteration in range(1000 + 100 * t.size):  # more than six for each position were never seen
        candidate = vertices[size]
        _best_vertex(gradient, level, chain, back, candidate)
        n_pairs, gap, terms, total = 0.0, 0.0, 0.0, _sum_at(gradient, candidate)
        for q in range(k):
            terms += abs(t[candidate[q]]) + c
            n_pairs += q > 0 and candidate[q] == candidate[q - 1] + 1
        for j in range(size):
            gap += weights[j] * (level * (n_pairs - pairs[j]) + (total - _sum_at(gradient, vertices[j])))
        pairs[size], scale = n_pairs, max(scale, terms)
        if size == 0 or gap > _ROUND_OFF * scale:
            if iteration == 1 and 0.0 < e < c / 16.0:  # not before: if one vertex is the solution, it is so exactly
                level = c
            size = _insert(size, work)
            if size == weights.size:
                break
        elif level == e:
            return _balance(size, e, c, work), DONE  # the digits lost when the weights last moved far
        else:
            level = max(e, 0.25 * level)
        size = _balance(size, level, c, work)
    return 0, UNSOLVED


@kernel
def _best_vertex(gradient, e, chain, back, vertex):
    """Write the positions of the subset with the largest ``<gradient, y> + e r(y)``, in rising order.

    ``off[j]`` and ``on[j]`` are the sums of the best paths so far with j elements whose last position is out or in, and
    -inf if there is none: differences with it, infinite or NaN, choose right. ``back`` holds 1 if the path that is out
    was in one position before, plus 2 if the path that is in was.
    """
    n, k = gradient.size, vertex.size
    off, on, off_pairs, on_pairs = chain[0], chain[1], chain[2], chain[3]
    off[:], on[:], off_pairs[:], on_pairs[:] = -math.inf, -math.inf, 0.0, 0.0
    off[0] = 0.0
    for i in range(n):
        last, first = min(k, i + 1), max(0, k - (n - 1 - i))
        # from the top, as j needs the old values of j - 1
        lead = e * (on_pairs[last] - off_pairs[last]) + (on[last] - off[last])
        for j in range(last, max(first, 1) - 1, -1):
            was_on = lead > 0.0
            lead = e * (on_pairs[j - 1] - off_pairs[j - 1]) + (on[j - 1] - off[j - 1])
            joins = e * (on_pairs[j - 1] + 1.0 - off_pairs[j - 1]) + (on[j - 1] - off[j - 1]) > 0.0
            off[j] = on[j] if was_on else off[j]
            off_pairs[j] = on_pairs[j] if was_on else off_pairs[j]
            on[j] = gradient[i] + (on[j - 1] if joins else off[j - 1])
            on_pairs[j] = on_pairs[j - 1] + 1.0 if joins else off_pairs[j - 1]
            back[i, j] = was_on + 2 * joins
    is_on = e * (on_pairs[k] - off_pairs[k]) + (on[k] - off[k]) > 0.0
    i, j = n - 1, k
    while j > 0:
        flags = back[i, j]
        if is_on:
            j -= 1
            vertex[j] = i
        is_on = flags & (2 if is_on else 1) != 0
        i -= 1


@kernel
def _insert(size, work):
    """Add the candidate at no loss of objective; return the number of active vertices."""
    _, _, _, _, _, rows, factor = work
    weights, coefficients = rows[0], rows[2]
    weight = 1.0 if size == 0 else 0.0
    distance = _express(size, work)
    while distance <= _DEPENDENT:
        # y = sum_j a_j y_j with sum_j a_j = 1: exchanged for that mixture it leaves mu alone and raises the linear part
        leaving, step = -1, math.inf
        for j in range(size):
            if coefficients[j] > 1e-9 and weights[j] < step * coefficients[j]:
                leaving, step = j, weights[j] / coefficients[j]
        for j in range(size):
            weights[j] = max(weights[j] - step * coefficients[j], 0.0)
        weight += step
        size = _remove(leaving, size, work)
        distance = _express(size, work)
    weights[size] = weight
    factor[size, size] = math.sqrt(distance)
    return size + 1


@kernel
def _express(size, work):
    """Squared distance of the candidate y from the span of the active vertices.

    Adds ``L^-1 h`` with ``h_j = <y_j, y>`` to the factor and leaves, if the distance is small, a with ``G a = h``.
    """
    fields, _, _, vertices, _, rows, factor = work
    rest, indicator, coefficients, lower = fields[2], fields[3], rows[2], factor[size]
    indicator[:] = 0.0
    for i in vertices[size]:
        indicator[i] = 1.0
    for j in range(size):
        lower[j] = _sum_at(indicator, vertices[j])
    _solve_lower(factor, size, lower)
    # this number makes the diagonal of L L^T exact, but where it is small it is round-off: then the residual itself
    distance = vertices.shape[1] - _inner(lower, lower, size)
    if distance > _SMALL:
        return distance
    for j in range(size):
        coefficients[j] = lower[j]
    _solve_upper(factor, size, coefficients)
    _mix(coefficients, vertices, size, rest)
    distance = 0.0
    for i in range(rest.size):
        distance += (indicator[i] - rest[i]) ** 2
    return distance


@kernel
def _remove(leaving, size, work):
    """Drop an active vertex; return the number of those that remain.

    Rows move up by one, with that of the candidate. Rotations of neighbouring columns then make the factor triangular
    again: each row takes those of the rows before, and adds one that moves the entry beyond its diagonal onto it.
    """
    _, _, _, vertices, pairs, rows, factor = work
    weights, cosines, sines = rows[0], rows[3], rows[4]
    for i in range(leaving, size):
        pairs[i] = pairs[i + 1]
        for q in range(vertices.shape[1]):
            vertices[i, q] = vertices[i + 1, q]
    for i in range(leaving, size - 1):
        weights[i] = weights[i + 1]
        old, new = factor[i + 1], factor[i]
        for q in range(leaving):
            new[q] = old[q]
        carried = old[leaving]
        for q in range(leaving, i):
            new[q] = cosines[q] * carried + sines[q] * old[q + 1]
            carried = cosines[q] * old[q + 1] - sines[q] * carried
        new[i] = math.hypot(carried, old[i + 1])
        cosines[i], sines[i] = carried / new[i], old[i + 1] / new[i]
    return size - 1


@kernel
def _balance(size, e, c, work):
    """Move weights, mu and gradient to the optimum of the active set, less vertices in the way; return its size."""
    fields, _, _, vertices, _, rows, _ = work
    t, gradient, mu, weights, direction = fields[0], fields[1], fields[2], rows[0], rows[1]
    leaving = 0
    while True:
        _mix(weights, vertices, size, mu)
        for i in range(t.size):
            gradient[i] = t[i] - c * mu[i]
        if leaving < 0:
            return size
        _ascend(gradient, e, size, work)
        leaving, step = -1, 1.0
        for j in range(size):
            direction[j] /= c
            if direction[j] < 0.0 and weights[j] + step * direction[j] <= 0.0:
                leaving, step = j, -weights[j] / direction[j]
        total = 0.0
        for j in range(size):
            weights[j] = max(weights[j] + step * direction[j], 0.0)
            total += weights[j]
        for j in range(size):
            weights[j] /= total
        if leaving >= 0:
            size = _remove(leaving, size, work)


@kernel
def _ascend(field, e, size, work):
    """Write c times the step to the optimum: ``G d = v - x 1``, ``sum_j d_j = 0``, ``v_j = <field, y_j> + e r_j``."""
    _, _, _, vertices, pairs, rows, factor = work
    direction, ones = rows[1], rows[2]
    first = _sum_at(field, vertices[0])
    for j in range(size):
        direction[j] = e * (pairs[j] - pairs[0]) + (_sum_at(field, vertices[j]) - first)
        ones[j] = 1.0
    _solve_lower(factor, size, direction)
    _solve_lower(factor, size, ones)
    x = _inner(ones, direction, size) / _inner(ones, ones, size)
    for j in range(size):
        direction[j] -= x * ones[j]
    _solve_upper(factor, size, direction)


@kernel
def _mix(weights, vertices, size, field):
    """Fill ``field = sum_j weights_j y_j``."""
    field[:] = 0.0
    for j in range(size):
        for i in vertices[j]:
            field[i] += weights[j]


@kernel
def _sum_at(field, vertex):
    """``<field, y>``."""
    total = 0.0
    for i in vertex:
        total += field[i]
    return total


@kernel
def _solve_lower(factor, size, x):
    """Replace x by ``L^-1 x``."""
    for j in range(size):
        x[j] = (x[j] - _inner(factor[j], x, j)) / factor[j, j]


@kernel
def _solve_upper(factor, size, x):
    """Replace x by ``L^-T x``, along the rows of L."""
    for j in range(size - 1, -1, -1):
        x[j] /= factor[j, j]
        for q in range(j):
            x[q] -= x[j] * factor[j, q]


@kernel
def _inner(x, y, size):
    """Sum of the first products, in four parts: one addition need not wait for the last."""
    a, b, c, d, whole = 0.0, 0.0, 0.0, 0.0, size - size % 4
    for j in range(0, whole, 4):
        a, b = a + x[j] * y[j], b + x[j + 1] * y[j + 1]
        c, d = c + x[j + 2] * y[j + 2], d + x[j + 3] * y[j + 3]
    for j in range(whole, size):
        a += x[j] * y[j]
    return (a + b) + (c + d)
