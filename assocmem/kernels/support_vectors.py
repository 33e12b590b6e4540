"""Support vector regression with an epsilon-insensitive loss, by ascent in one or two dual variables at a time.

The dual of one target y is ``max y c - c K c / 2 - epsilon |c|_1`` over ``|c_i| <= bound``, with the constraint that
c adds up to 0 if there is an intercept. Let ``g = y - K c``. Growth of c_i gains ``up_i = g_i - epsilon`` per unit
(``g_i + epsilon`` below 0), decline gains ``-down_i = epsilon - g_i`` above 0 (``-epsilon - g_i`` else). At a solution
no single change gains or, with an intercept, no growth of one together with the decline of another.

References
----------
Smola & Schoelkopf (2004), A tutorial on support vector regression, Statistics and Computing 14, 199.
Fan, Chen & Lin (2005), Working set selection using second order information, JMLR 6, 1889.
"""

import math

from assocmem.jit import kernel

__all__ = ["regression_loop"]


@kernel
def _up(gradient, epsilon, c):
    return gradient - epsilon if c >= 0.0 else gradient + epsilon


@kernel
def _down(gradient, epsilon, c):
    return gradient - epsilon if c > 0.0 else gradient + epsilon


@kernel
def _room_up(c, bound):
    """How far c can grow until the slope of its term changes."""
    return -c if c < 0.0 else bound - c


@kernel
def _room_down(c, bound):
    return c if c > 0.0 else bound + c


@kernel
def _best_single(gram, c, gradient, epsilon, bound):
    """The variable that gains most, its signed slope, and the largest slope of all."""
    best, slope, most, worst = -1, 0.0, 0.0, 0.0
    for i in range(c.size):
        up = _up(gradient[i], epsilon, c[i]) if c[i] < bound else -math.inf
        down = _down(gradient[i], epsilon, c[i]) if c[i] > -bound else math.inf
        violation = max(up, -down)
        worst = max(worst, violation)
        gain = violation * violation / gram[i, i] if violation > 0.0 else 0.0
        if gain > most:
            best, slope, most = i, (up if up >= -down else down), gain
    return best, slope, worst


@kernel
def _highest_up(c, gradient, epsilon, bound):
    best, highest = -1, -math.inf
    for i in range(c.size):
        up = _up(gradient[i], epsilon, c[i]) if c[i] < bound else -math.inf
        if up > highest:
            best, highest = i, up
    return best, highest


@kernel
def _best_partner(gram, c, gradient, epsilon, bound, i, highest):
    """The variable whose decline gains most together with growth of i, its slope, and the lowest slope of all."""
    best, slope, most, lowest = -1, math.inf, 0.0, math.inf
    for j in range(c.size):
        down = _down(gradient[j], epsilon, c[j]) if c[j] > -bound else math.inf
        lowest = min(lowest, down)
        violation = highest - down
        curvature = max(gram[i, i] + gram[j, j] - 2.0 * gram[i, j], 1e-12 * gram[i, i])
        if violation > 0.0 and j != i and violation * violation / curvature > most:
            best, slope, most = j, down, violation * violation / curvature
    return best, slope, lowest


@kernel
def _shift(gram, c, gradient, i, step, bound):
    """Add `step` to c_i; what comes within rounding of 0 or a bound is there."""
    value = c[i] + step
    value = 0.0 if abs(value) <= 1e-15 * abs(c[i]) else value
    value = math.copysign(bound, value) if abs(value) >= bound * (1.0 - 1e-15) else value
    step = value - c[i]
    c[i] = value
    row = gram[i]
    for j in range(gradient.size):
        gradient[j] -= step * row[j]


@kernel
def _single_update(gram, c, gradient, epsilon, bound, tol):
    """One update without an intercept; returns the violation before it."""
    i, slope, worst = _best_single(gram, c, gradient, epsilon, bound)
    if i < 0 or worst <= tol:
        return worst
    if slope > 0.0:
        step = min(slope / gram[i, i], _room_up(c[i], bound))
    else:
        step = -min(-slope / gram[i, i], _room_down(c[i], bound))
    _shift(gram, c, gradient, i, step, bound)
    return worst


@kernel
def _pair_update(gram, c, gradient, epsilon, bound, tol):
    """One update with an intercept; returns the violation before it."""
    i, highest = _highest_up(c, gradient, epsilon, bound)
    if i < 0:
        return 0.0
    j, slope, lowest = _best_partner(gram, c, gradient, epsilon, bound, i, highest)
    worst = highest - lowest
    if j < 0 or worst <= tol:
        return max(worst, 0.0)
    curvature = max(gram[i, i] + gram[j, j] - 2.0 * gram[i, j], 1e-12 * gram[i, i])
    step = min((highest - slope) / curvature, min(_room_up(c[i], bound), _room_down(c[j], bound)))
    _shift(gram, c, gradient, i, step, bound)
    _shift(gram, c, gradient, j, -step, bound)
    return worst


@kernel
def _intercept(c, gradient, epsilon, bound):
    """The middle of the intercepts that the solution leaves."""
    highest, lowest = -math.inf, math.inf
    for i in range(c.size):
        if c[i] < bound:
            highest = max(highest, _up(gradient[i], epsilon, c[i]))
        if c[i] > -bound:
            lowest = min(lowest, _down(gradient[i], epsilon, c[i]))
    if highest == -math.inf:
        return lowest
    return highest if lowest == math.inf else 0.5 * (highest + lowest)


def regression_loop():
    """Loop that solves the duals of some targets (target, pattern) for one Gram matrix.

    `tol` is the largest violation that is left, `most` the largest number of updates of a target. `intercepts` and
    `violations` get a value for each target.
    """

    def loop(gram, targets, epsilon, bound, has_intercept, tol, most, duals, intercepts, violations):
        gradient = targets.copy()
        for t in range(targets.shape[0]):
            c, g = duals[t], gradient[t]
            c[:] = 0.0
            violation = math.inf
            for _ in range(most):
                if has_intercept:
                    violation = _pair_update(gram, c, g, epsilon, bound, tol)
                else:
                    violation = _single_update(gram, c, g, epsilon, bound, tol)
                if violation <= tol:
                    break
            violations[t] = violation
            intercepts[t] = _intercept(c, g, epsilon, bound) if has_intercept else 0.0

    return loop
