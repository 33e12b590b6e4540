"""Steps of the integration methods, and the compiled loops that repeat them over a block of trajectories.

A step kernel advances every row of a block by one step of one method; a loop is compiled around a step and the kernels
of a model (`assocmem.jit.compile_loop`). Rows never influence each other, sums run in index order and nothing depends
on the number of rows: a trajectory has the same bits alone, in an ensemble, and however the ensemble is split.
"""

from math import sqrt

import numpy as np

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline
from assocmem.random import fill_normals

__all__ = ["METHODS", "Method", "adaptive_loop", "fixed_step_loop"]

RUNNING, COMPLETED, STEADY, DIVERGED, STALLED = -1, 0, 1, 2, 3
WIENER_STREAM, INPUT_STREAM, INITIAL_INPUT_STREAM = 0, 1, 2
LARGEST = np.finfo(np.float64).max
N_SCRATCH = 6  # blocks: slope, states of stopped trajectories, and four that a step kernel may use


@kernel
def add_scaled(y, factor, slope, out):
    """Write ``out = y + factor * slope``."""
    always_inline()
    # flat views: one aligned pass over the block, without a remainder for each row
    n_values, y, slope, out = y.size, y.flat, slope.flat, out.flat
    for i in range(n_values):
        out[i] = y[i] + factor * slope[i]


@kernel
def shift(t, offset, later):
    """Write ``later = t + offset``, without the temporary array of the same expression on arrays."""
    always_inline()
    for b in range(t.size):
        later[b] = t[b] + offset


@kernel
def euler(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """y <- y + dt f(t, y)."""
    always_inline()
    rhs(t, y, dy, *params)
    add_scaled(y, dt, dy, y)


@kernel
def exponential_euler(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """y_i <- y_i + dt phi_1(-dt leak_i) f_i(t, y), where `dt_unit` holds the step sizes of the units."""
    always_inline()
    rhs(t, y, dy, *params)
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[b, i] += dt_unit[i] * dy[b, i]


@kernel
def heun(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """Explicit trapezoidal rule: y <- y + dt/2 (f(t, y) + f(t + dt, y + dt f(t, y)))."""
    always_inline()
    trial, slope = stages[0], stages[1]
    rhs(t, y, dy, *params)
    add_scaled(y, dt, dy, trial)
    shift(t, dt, later)
    rhs(later, trial, slope, *params)
    n_values, y, dy, slope = y.size, y.flat, dy.flat, slope.flat
    for i in range(n_values):
        y[i] += 0.5 * dt * (dy[i] + slope[i])


@kernel
def _next_stage(y, factor, before, slope, total, trial):
    """Add an inner slope twice to the sum of slopes, and step with it to the next trial state."""
    always_inline()
    n_values, y, before, slope, total, trial = y.size, y.flat, before.flat, slope.flat, total.flat, trial.flat
    for i in range(n_values):
        total[i] = before[i] + 2.0 * slope[i]
        trial[i] = y[i] + factor * slope[i]


@kernel
def rk4(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """Classical Runge-Kutta method of order four."""
    always_inline()
    trial, slope, total = stages[0], stages[1], stages[2]
    rhs(t, y, dy, *params)
    add_scaled(y, 0.5 * dt, dy, trial)
    shift(t, 0.5 * dt, later)
    rhs(later, trial, slope, *params)
    _next_stage(y, 0.5 * dt, dy, slope, total, trial)
    rhs(later, trial, slope, *params)
    _next_stage(y, dt, total, slope, total, trial)
    shift(t, dt, later)
    rhs(later, trial, slope, *params)
    n_values, y, total, slope = y.size, y.flat, total.flat, slope.flat
    for i in range(n_values):
        y[i] += dt / 6.0 * (total[i] + slope[i])


@kernel
def draw(noise, stream, step, out):
    """Fill `out` with the standard normals of (seed, trajectory, step, stream), one trajectory a row."""
    key0, key1, trajectories = noise
    for b in range(out.shape[0]):
        fill_normals(key0, key1, trajectories[b], step, stream, out[b])


@kernel
def euler_maruyama(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """y <- y + dt f + g dW, in the sense of Ito; g is the diagonal of the diffusion."""
    always_inline()
    amplitude, normal = stages[0], stages[1]
    rhs(t, y, dy, *params)
    diffusion(t, y, amplitude, *diffusion_params)
    draw(noise, WIENER_STREAM, step, normal)
    root = sqrt(dt)
    n_values, y, dy, amplitude, normal = y.size, y.flat, dy.flat, amplitude.flat, normal.flat
    for i in range(n_values):
        y[i] += dt * dy[i] + amplitude[i] * (root * normal[i])


@kernel
def stochastic_heun(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """Trapezoidal rule for drift and diffusion, in the sense of Stratonovich."""
    always_inline()
    amplitude, increment, trial, slope = stages[0], stages[1], stages[2], stages[3]
    rhs(t, y, dy, *params)
    diffusion(t, y, amplitude, *diffusion_params)
    draw(noise, WIENER_STREAM, step, increment)
    root = sqrt(dt)
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            increment[b, i] *= root
            trial[b, i] = y[b, i] + dt * dy[b, i] + amplitude[b, i] * increment[b, i]
            y[b, i] += 0.5 * (dt * dy[b, i] + amplitude[b, i] * increment[b, i])
    shift(t, dt, later)
    rhs(later, trial, slope, *params)
    diffusion(later, trial, amplitude, *diffusion_params)
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[b, i] += 0.5 * (dt * slope[b, i] + amplitude[b, i] * increment[b, i])


@kernel
def iterate_map(update, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params):
    """y <- update(y); the change of the state stands in for the slope."""
    always_inline()
    new = stages[0]
    update(t, y, new, *params)
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = new[b, i] - y[b, i]
            y[b, i] = new[b, i]


@kernel
def no_diffusion(t, y, amplitude):
    """Diffusion of a model without noise."""
    amplitude[:] = 0.0


@kernel
def hold_input(noise, step, source):
    """Leave the input as it is: it is constant over the call of a loop."""
    always_inline()


@kernel
def ornstein_uhlenbeck_input(noise, step, source):
    """Advance the input noise exactly by one step, eta <- decay eta + amplitude xi, and add it to the stimulus."""
    stimulus, eta, decay, amplitude, total = source
    draw(noise, INPUT_STREAM, step, total)
    for b in range(eta.shape[0]):
        for i in range(eta.shape[1]):
            eta[b, i] = decay * eta[b, i] + amplitude[i] * total[b, i]
            total[b, i] = stimulus[b, i] + eta[b, i]


@kernel
def count_invalid(values):
    """Number of values that are not finite."""
    always_inline()
    count, n_values, values = 0, values.size, values.flat
    for i in range(n_values):
        count += 0 if abs(values[i]) <= LARGEST else 1
    return count


@kernel
def count_moving(slope, tolerance):
    """Number of units whose slope is not below `tolerance` in size."""
    always_inline()
    count = 0
    for i in range(slope.size):
        count += 0 if abs(slope[i]) < tolerance else 1
    return count


@kernel
def largest_magnitude(values):
    """Largest absolute value."""
    largest = 0.0
    for i in range(values.size):
        largest = max(largest, abs(values[i]))
    return largest


def fixed_step_loop(step_kernel, rhs, diffusion, advance_input):
    """Loop that repeats one step with a fixed step size; see `assocmem.ensemble` for the meaning of its arguments."""

    def loop(y, clock, dt_unit, noise, source, verdict, records, scratch, params, diffusion_params):
        t0, dt, first_step, n_steps, every, tolerance = clock
        status, n_done, residual = verdict
        n_rows, n_units = y.shape
        dy, held, stages = scratch[0], scratch[1], scratch[2:]
        dy[:] = 0.0
        t, later = np.empty(n_rows), np.empty(n_rows)
        first_record, n_stopped = first_step // every, 0
        for step in range(first_step, first_step + n_steps):
            t[:] = t0 + step * dt
            step_kernel(rhs, diffusion, t, step, dt, dt_unit, y, dy, stages, later, noise, params, diffusion_params)
            advance_input(noise, step, source)
            # row by row only where something may have happened
            if tolerance > 0.0 or n_stopped > 0 or count_invalid(y) > 0:
                for b in range(n_rows):
                    if status[b] != RUNNING:
                        y[b] = held[b]
                        continue
                    if count_invalid(y[b]) > 0:
                        status[b] = DIVERGED
                    elif count_moving(dy[b], tolerance) == 0:
                        status[b] = STEADY
                    if status[b] != RUNNING:
                        held[b], n_done[b], residual[b] = y[b], step + 1, largest_magnitude(dy[b])
                        n_stopped += 1
            if (step + 1) % every == 0:
                records[:, (step + 1) // every - first_record - 1] = y
            if n_stopped == n_rows:
                for record in range((step + 1) // every - first_record, records.shape[1]):
                    records[:, record] = y
                return
        for b in range(n_rows):
            if status[b] == RUNNING:
                n_done[b], residual[b] = first_step + n_steps, largest_magnitude(dy[b])

    return loop


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
    """Dormand-Prince 5(4) with step control per trajectory, up to `t_end` or for `n_trials` trial steps."""

    def loop(y, t, h_next, previous_error, t_end, limits, t_eval, verdict, records, n_recorded, params):
        rtol, atol, tolerance, n_trials = limits
        status, n_done, residual = verdict
        n_rows, n_units = y.shape
        slopes, new = np.zeros((7, n_rows, n_units)), np.empty((n_rows, n_units))
        h, later, scratch = np.zeros(n_rows), np.empty(n_rows), np.empty(n_units)
        rhs(t, y, slopes[0], *params)
        for _ in range(n_trials):
            n_running = 0
            for b in range(n_rows):
                if status[b] == RUNNING:
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


class Method:
    """An integration method: its step kernel (None if adaptive), whether it needs noise, its order and calculus."""

    def __init__(self, step_kernel, *, order: int, is_stochastic: bool = False, calculus: str = ""):
        self.step_kernel, self.order = step_kernel, order
        self.is_stochastic, self.calculus = is_stochastic, calculus


METHODS = {
    "euler": Method(euler, order=1),
    "exponential_euler": Method(exponential_euler, order=1),
    "heun": Method(heun, order=2),
    "rk4": Method(rk4, order=4),
    "dopri5": Method(None, order=5),
    "euler_maruyama": Method(euler_maruyama, order=1, is_stochastic=True, calculus="Ito"),
    "stochastic_heun": Method(stochastic_heun, order=1, is_stochastic=True, calculus="Stratonovich"),
    "map": Method(iterate_map, order=0),
}
