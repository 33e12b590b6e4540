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

__all__ = ["METHODS", "Method", "fixed_step_loop"]

RUNNING, COMPLETED, STEADY, DIVERGED, STALLED, EXHAUSTED = -1, 0, 1, 2, 3, 4
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
    n_values, y, dy, new = y.size, y.flat, dy.flat, new.flat
    for i in range(n_values):
        dy[i] = new[i] - y[i]
        y[i] = new[i]


@kernel
def no_diffusion(t, y, amplitude):
    """Diffusion of a model without noise."""
    amplitude[:] = 0.0


@kernel
def hold_input(noise, step, status, source):
    """Leave the input as it is: it is constant over the call of a loop."""
    always_inline()


@kernel
def ornstein_uhlenbeck_input(noise, step, status, source):
    """Advance the input noise exactly by one step, eta <- decay eta + amplitude xi, and add it to the stimulus.

    Of trajectories that have stopped it stays as it was, so that it does not depend on when they are packed away.
    """
    key0, key1, trajectories = noise
    stimulus, eta, decay, amplitude, total = source
    for b in range(eta.shape[0]):
        if status[b] == RUNNING:
            normal = total[b]
            fill_normals(key0, key1, trajectories[b], step, INPUT_STREAM, normal)
            for i in range(eta.shape[1]):
                eta[b, i] = decay * eta[b, i] + amplitude[i] * normal[i]
                normal[i] = stimulus[b, i] + eta[b, i]


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
    """Largest absolute value; NaN if one is not a number."""
    largest = 0.0
    for i in range(values.size):
        if values[i] != values[i]:
            return values[i]
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
            advance_input(noise, step, status, source)
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
