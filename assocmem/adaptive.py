"""The adaptive method: Dormand-Prince 5(4) with dense output and step control for each trajectory of a block."""

from math import sqrt

import numpy as np

from assocmem.integrators import (
    COMPLETED,
    DIVERGED,
    EXHAUSTED,
    LARGEST,
    RUNNING,
    STALLED,
    STEADY,
    add_scaled,
    count_invalid,
    count_moving,
    largest_magnitude,
)
from assocmem.jit import kernel

__all__ = ["adaptive_loop"]

# Dormand & Prince (1980), A family of embedded Runge-Kutta formulae, J. Comput. Appl. Math. 6, 19; the continuous
# extension is that of Hairer, Norsett & Wanner (1993), Solving ordinary differential equations I, section II.6.
NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGE_WEIGHTS = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1 / 5, 0.0, 0.0, 0.0, 0.0, 0.0],
        [3 / 40, 9 / 40, 0.0, 0.0, 0.0, 0.0],
        [44 / 45, -56 / 15, 32 / 9, 0.0, 0.0, 0.0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0.0, 0.0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0.0],
        [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
ERROR_WEIGHTS = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
DENSE_WEIGHTS = (
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)
SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR, MEMORY = 0.9, 0.2, 10.0, 0.04
EXPONENT = 0.2 - 0.75 * MEMORY  # of the proportional part of the step-size controller
SMALLEST_STEP = 16.0 * np.finfo(np.float64).eps  # relative to the time


@kernel
def dormand_prince_stages(rhs, t, h, y, new, slopes, later, params):
    """Slopes 1 to 6 and the new state of one trial step of size h[b] for each row; slope 0 is given."""
    for stage in range(1, 7):
        for b in range(y.shape[0]):
            later[b] = t[b] + NODES[stage] * h[b]
        new[:] = 0.0
        for k in range(stage):
            add_scaled(new, STAGE_WEIGHTS[stage, k], slopes[k], new)
        for b in range(y.shape[0]):
            for i in range(y.shape[1]):
                new[b, i] = y[b, i] + h[b] * new[b, i]
        rhs(later, new, slopes[stage], *params)


@kernel
def relative_error(b, h, y, new, slopes, rtol, atol, error):
    """Root mean square of the error estimate over its tolerance, for row b; infinite where not finite."""
    error[:] = 0.0
    for k in range(7):
        slope = slopes[k, b]
        for i in range(y.size):
            error[i] += ERROR_WEIGHTS[k] * slope[i]
    for i in range(y.size):
        error[i] = (h * error[i] / (atol + rtol * max(abs(y[i]), abs(new[i])))) ** 2
    total = 0.0
    for i in range(y.size):
        total += error[i]
    return sqrt(total / y.size) if total <= LARGEST else np.inf


@kernel
def interpolate(b, theta, h, y, new, slopes, out):
    """State of row b at the fraction theta of an accepted step, to fourth order."""
    for i in range(y.size):
        rise = new[i] - y[i]
        start = h * slopes[0, b, i] - rise
        end = rise - h * slopes[6, b, i] - start
        bend = 0.0
        for k in range(7):
            bend += DENSE_WEIGHTS[k] * slopes[k, b, i]
        out[i] = y[i] + theta * (rise + (1.0 - theta) * (start + theta * (end + (1.0 - theta) * h * bend)))


@kernel
def first_step_size(t, t_end, y, slope, rtol, atol):
    """Step over which the state changes by about a hundredth of its size (Hairer et al., section II.4, part a)."""
    size, speed = 0.0, 0.0
    for i in range(y.size):
        scale = atol + rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        speed += (slope[i] / scale) ** 2
    step = 0.01 * sqrt(size / speed) if size > 1e-10 * y.size and speed > 1e-10 * y.size else 1e-6
    return min(step, t_end - t)


def adaptive_loop(rhs):
    """Dormand-Prince 5(4) with step control per trajectory, up to `t_end` or for `n_iterations` trial steps each."""

    def loop(y, t, h_next, previous_error, t_end, limits, t_eval, verdict, records, n_recorded, params):
        rtol, atol, tolerance, n_iterations, max_trials = limits
        status, n_done, residual, n_trials = verdict
        n_rows, n_units = y.shape
        slopes, new = np.zeros((7, n_rows, n_units)), np.empty((n_rows, n_units))
        h, later, scratch = np.zeros(n_rows), np.empty(n_rows), np.empty(n_units)
        rhs(t, y, slopes[0], *params)
        for _ in range(n_iterations):
            n_running = 0
            for b in range(n_rows):
                if status[b] == RUNNING and n_trials[b] >= max_trials:
                    status[b] = EXHAUSTED
                if status[b] == RUNNING:
                    n_trials[b] += 1
                    n_running += 1
                    if h_next[b] == 0.0:
                        h_next[b] = first_step_size(t[b], t_end, y[b], slopes[0, b], rtol, atol)
                    h[b] = min(h_next[b], t_end - t[b])
                else:
                    h[b] = 0.0
            if n_running == 0:
                break
            dormand_prince_stages(rhs, t, h, y, new, slopes, later, params)
            for b in range(n_rows):
                if status[b] != RUNNING:
                    continue
                error = relative_error(b, h[b], y[b], new[b], slopes, rtol, atol, scratch)
                if error <= 1.0:
                    is_last = h[b] >= t_end - t[b]
                    t_new = t_end if is_last else t[b] + h[b]
                    while n_recorded[b] < t_eval.size and t_eval[n_recorded[b]] <= t_new:
                        theta = (t_eval[n_recorded[b]] - t[b]) / h[b]
                        interpolate(b, theta, h[b], y[b], new[b], slopes, records[b, n_recorded[b]])
                        n_recorded[b] += 1
                    factor = SAFETY * max(error, 1e-10) ** -EXPONENT * previous_error[b] ** MEMORY
                    proposed = h[b] * min(LARGEST_FACTOR, max(SMALLEST_FACTOR, factor))
                    # a step cut short by the end of the interval says nothing against the longer one
                    h_next[b] = max(proposed, h_next[b]) if is_last else proposed
                    previous_error[b] = max(error, 1e-4)
                    t[b], y[b], slopes[0, b] = t_new, new[b], slopes[6, b]
                    n_done[b] += 1
                    residual[b] = largest_magnitude(slopes[0, b])
                    if count_invalid(y[b]) > 0:
                        status[b] = DIVERGED
                    elif count_moving(slopes[0, b], tolerance) == 0:
                        status[b] = STEADY
                    if is_last and status[b] == RUNNING:
                        status[b] = COMPLETED
                else:
                    factor = SAFETY * error**-EXPONENT if error < np.inf else 0.0
                    h_next[b] = h[b] * max(SMALLEST_FACTOR, factor)
                    if h_next[b] <= SMALLEST_STEP * max(abs(t[b]), abs(t_end)):
                        status[b] = STALLED

    return loop
