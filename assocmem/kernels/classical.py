"""Sweeps of the classical Hopfield network: units that are updated one after the other."""

from assocmem.kernels.bits import fma

__all__ = ["sweep_loop"]


def sweep_loop():
    """Loop that updates all units of a block of states once, in order, with couplings of low rank.

    The potential of unit i is ``sum_k post[i, k] m[k] - diagonal[i] y[i]`` with the overlaps ``m = sum_i pre[i] y[i]``,
    which follow every flip, so that a sweep takes as long as two products with the patterns.
    """

    def loop(y, post, pre, diagonal, order, overlaps):
        for b in range(y.shape[0]):
            overlaps[:] = 0.0
            for i in range(y.shape[1]):
                for k in range(overlaps.size):
                    overlaps[k] = fma(pre[i, k], y[b, i], overlaps[k])
            for i in order:
                potential = -diagonal[i] * y[b, i]
                for k in range(overlaps.size):
                    potential = fma(post[i, k], overlaps[k], potential)
                new = y[b, i] if potential == 0.0 else (1.0 if potential > 0.0 else -1.0)
                change = new - y[b, i]
                if change != 0.0:
                    y[b, i] = new
                    for k in range(overlaps.size):
                        overlaps[k] = fma(pre[i, k], change, overlaps[k])

    return loop
