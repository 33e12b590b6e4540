"""Sweeps of the classical Hopfield network: units that are updated one after the other."""

from assocmem.jit import kernel
from assocmem.kernels.bits import fma
from assocmem.kernels.matmul import matmul

__all__ = ["sweep_loop"]


@kernel
def _add_products(row, overlaps, potential):
    """Add ``sum_k row[k] overlaps[k, b]`` to the potential of every state b, in the order of k."""
    n_states, whole = potential.size, row.size - row.size % 4
    if n_states == 1:
        total = potential[0]
        for k in range(row.size):
            total = fma(row[k], overlaps[k, 0], total)
        potential[0] = total
        return
    # four patterns at a time: the potentials are read and written once for them
    for k in range(0, whole, 4):
        first, second, third, fourth = overlaps[k], overlaps[k + 1], overlaps[k + 2], overlaps[k + 3]
        for b in range(n_states):
            total = fma(row[k], first[b], potential[b])
            total = fma(row[k + 1], second[b], total)
            total = fma(row[k + 2], third[b], total)
            potential[b] = fma(row[k + 3], fourth[b], total)
    for k in range(whole, row.size):
        last = overlaps[k]
        for b in range(n_states):
            potential[b] = fma(row[k], last[b], potential[b])


@kernel
def _add_change(row, change, overlaps):
    """Add ``row[k] change[b]`` to overlaps[k, b]; a change of 0 leaves them as they are."""
    if change.size == 1:
        for k in range(row.size):
            overlaps[k, 0] = fma(row[k], change[0], overlaps[k, 0])
        return
    for k in range(row.size):
        target = overlaps[k]
        for b in range(target.size):
            target[b] = fma(row[k], change[b], target[b])


@kernel
def _flip(y, i, potential, change):
    """Give unit i of every state the sign of its potential, which 0 keeps; return how many change, and by how much."""
    n_changed = 0
    for b in range(potential.size):
        old = y[b, i]
        new = old if potential[b] == 0.0 else (1.0 if potential[b] > 0.0 else -1.0)
        y[b, i], change[b] = new, new - old
        n_changed += new != old
    return n_changed


def sweep_loop():
    """Loop that updates all units of a block of states once, in order, with couplings of low rank.

    The potential of unit i is ``sum_k post[i, k] m[k] - diagonal[i] y[i]`` with the overlaps ``m = sum_i pre[i] y[i]``,
    which follow every flip, so that a sweep takes as long as two products with the patterns. States run side by side,
    in the lanes of vectors: each is a chain of its own, the same whatever the others.

    Buffers: products (state, pattern), overlaps (pattern, state), potential (state,) and change (state,).
    """

    def loop(y, post, pre, diagonal, order, products, overlaps, potential, change):
        matmul(y, pre, products)
        for b in range(y.shape[0]):
            for k in range(overlaps.shape[0]):
                overlaps[k, b] = products[b, k]
        for i in order:
            for b in range(y.shape[0]):
                potential[b] = -diagonal[i] * y[b, i]
            _add_products(post[i], overlaps, potential)
            if _flip(y, i, potential, change) > 0:
                _add_change(pre[i], change, overlaps)

    return loop
