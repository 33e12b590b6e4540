"""Recall of all patterns one after the other, in pattern space: a state is ``sum_j w_j x_j``, its scores ``K w``.

K are the products between patterns. As every state of a recall is a mixture of patterns, the units are not needed once
K is known. Each loop writes a row of `readout` for every round: the pattern recorded (the largest weight, the first of
equal ones), the number of weights that are not 0, and how many steps were made before the weights no longer changed.

References
----------
Santos et al. (2024), Hopfield-Fenchel-Young networks, algorithms 1 to 3.
"""

from assocmem.jit import kernel
from assocmem.kernels.association import mix, winner_and_support
from assocmem.kernels.capped import constrained_row
from assocmem.kernels.simplex import DONE

__all__ = ["constrained_recall_loop", "free_recall_loop", "sequential_recall_loop"]


@kernel
def _write_scores(weights, gram, scores, buffers):
    """Write ``scores = K w`` over the weights that count.

    What is left out changes a score by less than half a unit in the last place of the largest product.
    """
    kept, places = buffers
    row, target = weights[0], kept[0]
    negligible = 2.0**-54 / row.size
    for j in range(row.size):
        target[j] = row[j] if abs(row[j]) > negligible else 0.0
    mix(kept, 0, gram, scores, places)


@kernel
def _replace(weights, following):
    """Copy the following weights to `weights`; return whether that changes any.

    Equal weights have equal scores: once a step has changed nothing, none of those left out would.
    """
    old, new, count = weights[0], following[0], 0
    for j in range(old.size):
        count += old[j] != new[j]
        old[j] = new[j]
    return count > 0


@kernel
def _read_out(weights, n_steps, readout, largest, r):
    winner, support = winner_and_support(weights, 0)
    readout[r, 0], readout[r, 1], readout[r, 2] = winner, support, n_steps
    largest[r] = weights[0, winner]


@kernel
def _penalise(scores, trace, penalty):
    row = scores[0]
    for j in range(row.size):
        row[j] -= penalty * trace[j]


def free_recall_loop(row):
    """Loop over rounds in which the patterns visited before are penalised.

    Each round: ``p = separation(beta (K w - penalty a))``, ``a = rate p + (1 - rate) a``, ``w = p``, and then `n_inner`
    steps ``w = separation(beta K w)``. `state` holds w (1, pattern) and a (pattern,). Returns the number of rounds
    completed and a status.
    """

    def loop(gram, settings, parameters, state, readout, largest, scores, work, buffers):
        beta, penalty, rate, n_inner = settings
        weights, trace = state
        for r in range(readout.shape[0]):
            for step in range(n_inner + 1):
                _write_scores(weights, gram, scores, buffers)
                if step == 0:
                    _penalise(scores, trace, penalty)
                _, status = row(scores, 0, beta, parameters, scores, work)
                if status != DONE:
                    return r, status
                has_changed = _replace(weights, scores)
                if step == 0:
                    for j in range(trace.size):
                        trace[j] = rate * weights[0, j] + (1.0 - rate) * trace[j]
                elif not has_changed:
                    break
            _read_out(weights, step, readout, largest, r)
        return readout.shape[0], DONE

    return loop


def constrained_recall_loop():
    """Loop over rounds that use up the upper bounds of the weights.

    Each round: `n_inner` steps of constrained sparsemax with the bounds u, then ``u = max(u - w, 0)``. `state` holds w
    and u, both (1, pattern); `left` gets the sum of u after each round. Returns the number of rounds completed and a
    status.
    """

    def loop(gram, settings, state, readout, largest, left, scores, work, buffers):
        beta, n_inner = settings
        weights, upper = state
        for r in range(readout.shape[0]):
            n_steps, has_changed = 0, True
            while has_changed and n_steps < n_inner:
                _write_scores(weights, gram, scores, buffers)
                _, status = constrained_row(scores, 0, beta, (upper,), scores, work)
                if status != DONE:
                    return r, status
                has_changed = _replace(weights, scores)
                n_steps += 1
            left[r] = 0.0
            for j in range(upper.shape[1]):
                upper[0, j] = max(upper[0, j] - weights[0, j], 0.0)
                left[r] += upper[0, j]
            _read_out(weights, n_steps, readout, largest, r)
        return readout.shape[0], DONE

    return loop


def sequential_recall_loop(row, pair_row):
    """Loop over rounds that retrieve a pair of neighbours and take away what was there before.

    Each round: ``mu = pairs(beta (K w - penalty a))``, ``w = mu - w``, then `n_inner` steps
    ``w = separation(inner_beta K w)`` and ``a = rate (mu - bonus w) + (1 - rate) a``. `state` holds w (1, pattern),
    a (pattern,) and room for mu (1, pattern); `parameters` and `works` are those of both kernels. Returns the number of
    rounds completed and a status.
    """

    def loop(gram, settings, parameters, state, readout, largest, scores, works, buffers):
        beta, inner_beta, penalty, rate, bonus, n_inner = settings
        weights, trace, pair = state
        for r in range(readout.shape[0]):
            _write_scores(weights, gram, scores, buffers)
            _penalise(scores, trace, penalty)
            _, status = pair_row(scores, 0, beta, parameters[1], pair, works[1])
            if status != DONE:
                return r, status
            for j in range(trace.size):
                weights[0, j] = pair[0, j] - weights[0, j]
            n_steps, has_changed = 0, True
            while has_changed and n_steps < n_inner:
                _write_scores(weights, gram, scores, buffers)
                _, status = row(scores, 0, inner_beta, parameters[0], scores, works[0])
                if status != DONE:
                    return r, status
                has_changed = _replace(weights, scores)
                n_steps += 1
            for j in range(trace.size):
                change = pair[0, j] - bonus * weights[0, j]
                trace[j] = rate * change + (1.0 - rate) * trace[j]
            _read_out(weights, n_steps, readout, largest, r)
        return readout.shape[0], DONE

    return loop
