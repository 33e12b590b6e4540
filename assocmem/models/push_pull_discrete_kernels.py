"""Compiled updates of discrete push-pull layers, all units at once or one after the other, by overlaps with patterns.

Both keep, for each pattern, its overlap with the layer (N m) and its weight in the input N h without push and pull.
Hebbian weights are integers and their sums exact, so that only push, pull and projections are ever rounded.
"""

from assocmem.jit import kernel
from assocmem.kernels.bits import always_inline
from assocmem.kernels.signs import sign_matmul
from assocmem.random import fill_uniforms

__all__ = ["asynchronous", "synchronous"]

ORDER_STREAM = 3  # of the random numbers; the integrators have 0 to 2


@kernel
def _new_sign(potential, old, keeps_zero):
    if potential > 0.0:
        return 1.0
    if potential < 0.0:
        return -1.0
    return old if keeps_zero else 1.0


@kernel
def _fill_weights(overlaps, weights, mixing, first, parent_of):
    """Fill the weights of the patterns in N h: recurrent, and from the children below; one trajectory."""
    n_layers = len(mixing)
    for layer in range(n_layers):
        start, stop, inverse = first[layer], first[layer + 1], mixing[layer]
        for p in range(start, stop):
            weights[p] = overlaps[p] if inverse.size == 0 else 0.0
        for q in range(inverse.shape[0]):
            for p in range(inverse.shape[1]):
                weights[start + p] += inverse[q, p] * overlaps[start + q]
    for p in range(first[n_layers - 1]):
        weights[parent_of[p]] += overlaps[p]


@kernel
def _add_feedback(layer, y, new, work, stimulus, signs_out, first, parent_of):
    """Add push and pull to N h of one layer; the weights of its patterns are overwritten."""
    n, n_patterns = signs_out[0].shape[1], first[len(signs_out)]
    push_start, is_pushed = 2 * n_patterns, False
    for b in range(y.shape[0]):
        is_pushed = is_pushed or stimulus[b, 2 * layer] != 0.0
        for p in range(first[layer], first[layer + 1]):
            work[b, n_patterns + p] = work[b, parent_of[p]]
    if is_pushed:
        sign_matmul(work, n_patterns + first[layer], signs_out[layer], work, push_start)
    for b in range(y.shape[0]):
        push, pull = stimulus[b, 2 * layer], stimulus[b, 2 * layer + 1]
        above, potential, pushed = y[b, (layer + 1) * n :], new[b, layer * n :], work[b, push_start:]
        for i in range(n):
            potential[i] += (push * pushed[i] if push != 0.0 else 0.0) - pull * (n * above[i])


@kernel
def synchronous(t, y, new, work, stimulus, signs_in, signs_out, first, parent_of, mixing, diagonal, keeps_zero):
    n_layers, n = len(signs_in), signs_in[0].shape[0]
    n_patterns = first[n_layers]
    # columns of the scratch: overlaps of all patterns, their weights, input to one layer by the push
    for layer in range(n_layers):
        sign_matmul(y, layer * n, signs_in[layer], work, first[layer])
    for b in range(y.shape[0]):
        _fill_weights(work[b, :n_patterns], work[b, n_patterns : 2 * n_patterns], mixing, first, parent_of)
    for layer in range(n_layers):
        sign_matmul(work, n_patterns + first[layer], signs_out[layer], new, layer * n)
    for b in range(y.shape[0]):
        for k in range(y.shape[1]):
            new[b, k] -= diagonal[k] * y[b, k]
    for layer in range(n_layers - 1):
        _add_feedback(layer, y, new, work, stimulus, signs_out, first, parent_of)
    for b in range(y.shape[0]):
        for k in range(y.shape[1]):
            new[b, k] = _new_sign(new[b, k], y[b, k], keeps_zero)


@kernel
def _shuffle(order, key0, key1, step):
    """Fill `order` with its indices in a random order: the shuffle of Fisher and Yates, inside out."""
    fill_uniforms(key0, key1, 0, step, ORDER_STREAM, order)
    for k in range(order.size):
        other = min(int(order[k] * (k + 1)), k)
        order[k] = order[other]
        order[other] = k


@kernel
def _product(values, signs):
    """Sum of products in four interleaved chains, which hide the latency of an addition."""
    always_inline()
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = signs.size - signs.size % 4
    for p in range(0, whole, 4):
        a += values[p] * signs[p]
        b += values[p + 1] * signs[p + 1]
        c += values[p + 2] * signs[p + 2]
        d += values[p + 3] * signs[p + 3]
    for p in range(whole, signs.size):
        a += values[p] * signs[p]
    return (a + b) + (c + d)


@kernel
def _input_to_unit(layer, i, state, overlaps, weights, gates, signs_in, first, parent_of, diagonal):
    """N h of one unit of one trajectory."""
    n, start, signs = signs_in[0].shape[0], first[layer], signs_in[layer][i]
    k = layer * n + i
    total = _product(weights[start:], signs) - diagonal[k] * state[k]
    if layer < len(signs_in) - 1:
        push, pull, pushed = gates[2 * layer], gates[2 * layer + 1], 0.0
        if push != 0.0:
            for p in range(signs.size):
                pushed += overlaps[parent_of[start + p]] * signs[p]
        total += push * pushed - pull * (n * state[k + n])
    return total


@kernel
def _spread_change(layer, i, change, overlaps, weights, signs_in, first, parent_of, mixing):
    """Bring overlaps and weights up to date after the state of one unit of one trajectory has changed."""
    start, signs, inverse = first[layer], signs_in[layer][i], mixing[layer]
    for p in range(signs.size):
        overlaps[start + p] += change * signs[p]
    if inverse.size == 0:
        for p in range(signs.size):
            weights[start + p] += change * signs[p]
    else:
        for q in range(signs.size):
            for p in range(signs.size):
                weights[start + p] += inverse[q, p] * (change * signs[q])
    if layer < len(signs_in) - 1:
        for p in range(signs.size):
            weights[parent_of[start + p]] += change * signs[p]


@kernel
def asynchronous(t, y, new, work, stimulus, signs_in, first, parent_of, mixing, diagonal, keeps_zero, key0, key1):
    n_layers, n = len(signs_in), signs_in[0].shape[0]
    n_patterns = first[n_layers]
    # columns of the scratch: overlaps of all patterns, their weights, and, in the first row, the order of the units
    order = work[0, 2 * n_patterns : 2 * n_patterns + n_layers * n]
    _shuffle(order, key0, key1, int(t[0]))
    for layer in range(n_layers):
        sign_matmul(y, layer * n, signs_in[layer], work, first[layer])
    for b in range(y.shape[0]):
        state, gates = new[b], stimulus[b]
        overlaps, weights = work[b, :n_patterns], work[b, n_patterns : 2 * n_patterns]
        for k in range(state.size):
            state[k] = y[b, k]
        _fill_weights(overlaps, weights, mixing, first, parent_of)
        for place in range(order.size):
            k = int(order[place])
            layer, i = k // n, k % n
            potential = _input_to_unit(layer, i, state, overlaps, weights, gates, signs_in, first, parent_of, diagonal)
            sign = _new_sign(potential, state[k], keeps_zero)
            if sign != state[k]:
                _spread_change(layer, i, sign - state[k], overlaps, weights, signs_in, first, parent_of, mixing)
                state[k] = sign
