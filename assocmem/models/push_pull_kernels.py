"""Compiled right-hand side of push-pull layers: couplings of low rank, applied as signed patterns."""

from math import pi

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline, fma
from assocmem.kernels.elementary import arctan
from assocmem.kernels.signs import sign_matmul

__all__ = ["GAIN", "diffusion", "rhs"]

GAIN = 8.0 * pi


@kernel
def _rates(y, rates):
    """Fill the first columns of `rates` with x = arctan(8 pi h) / pi + 1/2."""
    for b in range(y.shape[0]):
        potential, rate = y[b], rates[b]
        for i in range(potential.size):
            rate[i] = fma(arctan(GAIN * potential[i]), 1.0 / pi, 0.5)


@kernel
def _sum(values, first, last):
    """Sum in four interleaved chains, which hide the latency of an addition."""
    always_inline()
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = last - (last - first) % 4
    for i in range(first, whole, 4):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
    for i in range(whole, last):
        a += values[i]
    return (a + b) + (c + d)


@kernel
def _coefficients(overlaps, totals, coefficients, constants, gates, first, parent_of, means, post, gains):
    """Weights of the stored patterns in the input to each layer, from their overlaps with the rates; one trajectory.

    With centred patterns (xi - c) / 2 the input is ``sum_p coefficients[p] xi[p] + constants`` minus diagonal terms.
    """
    scale, offset = post
    recurrent, forward, push = gains
    n_layers = constants.size
    coefficients[:] = 0.0
    constants[:] = 0.0
    for layer in range(n_layers):
        for p in range(first[layer], first[layer + 1]):
            parent = parent_of[p]
            centred = 0.5 * (overlaps[p] - means[layer] * totals[layer])
            total = recurrent[layer] * centred
            if layer < n_layers - 1:
                # of the layer above: what drives the parent, and what the parent feeds back
                feedback = scale[parent] * overlaps[parent] + offset[parent] * totals[layer + 1]
                total += gates[2 * layer] * push[layer] * feedback
                coefficients[parent] += scale[parent] * (forward[layer] * centred)
                constants[layer + 1] += offset[parent] * (forward[layer] * centred)
            coefficients[p] += 0.5 * total
            constants[layer] -= 0.5 * means[layer] * total


@kernel
def _finish(y, dy, x, layer, n, constants, totals, stimulus, gates, self_coupling, cross_coupling, rates):
    """Add to the coupling of one layer what is local: diagonals, pull, drive and leak; one trajectory."""
    forward, push, pull, is_uniform, leak, tau = rates
    start, n_layers = layer * n, constants.size
    # views of their own, so that the passes below know that nothing overlaps
    velocity, potential, rate, drive = (
        dy[start : start + n],
        y[start : start + n],
        x[start : start + n],
        stimulus[start:],
    )
    own, constant = self_coupling[layer], constants[layer]
    for i in range(n):
        velocity[i] = (velocity[i] + constant) + (drive[i] - own[i] * rate[i]) - leak * potential[i]
    if layer > 0:
        below, cross, factor = x[start - n : start], cross_coupling[layer - 1], forward[layer - 1]
        for i in range(n):
            velocity[i] -= factor * (cross[i] * below[i])
    if layer < n_layers - 1:
        pushed, pulled = gates[2 * layer] * push[layer], gates[2 * layer + 1] * pull[layer]
        if pushed != 0.0 or pulled != 0.0:
            above, cross = x[start + n : start + 2 * n], cross_coupling[layer]
            mean = totals[layer + 1] / n
            for i in range(n):
                inhibition = mean if is_uniform else above[i]
                velocity[i] -= pushed * (cross[i] * above[i]) + pulled * inhibition
    for i in range(n):
        velocity[i] /= tau


@kernel
def rhs(
    t,
    y,
    dy,
    work,
    stimulus,
    signs_in,
    signs_out,
    first,
    parent_of,
    means,
    post_scale,
    post_offset,
    recurrent_gain,
    forward_gain,
    push_gain,
    pull_gain,
    self_coupling,
    cross_coupling,
    is_uniform,
    leak,
    tau,
):
    n_layers = len(signs_in)
    n, n_states, n_patterns = signs_in[0].shape[0], y.shape[1], first[n_layers]
    # columns of the scratch: rates, overlaps, coefficients of the patterns; sums and constants of the layers
    overlap_start, weight_start = n_states, n_states + n_patterns
    total_start = weight_start + n_patterns
    _rates(y, work)
    for layer in range(n_layers):
        sign_matmul(work, layer * n, signs_in[layer], work, overlap_start + first[layer])
    for b in range(y.shape[0]):
        row, gates = work[b], stimulus[b, n_states:]
        totals, constants = row[total_start : total_start + n_layers], row[total_start + n_layers :]
        for layer in range(n_layers):
            totals[layer] = _sum(row, layer * n, (layer + 1) * n)
        overlaps, coefficients = row[overlap_start:weight_start], row[weight_start:total_start]
        post, gains = (post_scale, post_offset), (recurrent_gain, forward_gain, push_gain)
        _coefficients(overlaps, totals, coefficients, constants, gates, first, parent_of, means, post, gains)
    for layer in range(n_layers):
        sign_matmul(work, weight_start + first[layer], signs_out[layer], dy, layer * n)
    rates = (forward_gain, push_gain, pull_gain, is_uniform, leak, tau)
    for b in range(y.shape[0]):
        row, gates = work[b], stimulus[b, n_states:]
        totals, constants = row[total_start : total_start + n_layers], row[total_start + n_layers :]
        for layer in range(n_layers):
            _finish(
                y[b], dy[b], row, layer, n, constants, totals, stimulus[b], gates, self_coupling, cross_coupling, rates
            )


@kernel
def diffusion(t, y, amplitude, noise, n_noisy):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            amplitude[b, i] = noise if i < n_noisy else 0.0
