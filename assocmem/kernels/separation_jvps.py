"""Products of the Jacobians of separations with a vector, row by row, from the weights.

All have the form ``row(weights, b, parameters, tangent, out)``. The Jacobians are second derivatives of the
conjugates, hence symmetric: the same product serves forward and backward differentiation. At the kinks, where the
support is about to change, it is the derivative with the support held.

References
----------
Correia, Niculae & Martins (2019), Adaptively sparse transformers, EMNLP: entmax.
"""

import math

from assocmem.jit import kernel
from assocmem.kernels.elementary import exp, log

__all__ = ["between_jvp", "entmax_jvp", "normmax_jvp"]


@kernel
def entmax_jvp(weights, b, parameters, tangent, out):
    """``J = diag(s) - s s^T / sum(s)``, ``s_i = p_i^(1-a)`` on the support; a = 0 is softmax, also of the top k."""
    a = parameters[0]
    p, v, row = weights[b], tangent[b], out[b]
    total, mean = 0.0, 0.0
    for j in range(p.size):
        s = _power(p[j], 1.0 - a)
        total += s
        mean += s * v[j] if s > 0.0 else 0.0
    mean /= total
    for j in range(p.size):
        s = _power(p[j], 1.0 - a)
        row[j] = s * (v[j] - mean) if s > 0.0 and v[j] != mean else 0.0


@kernel
def _power(p, exponent):
    """``p^exponent`` on the support, 0 elsewhere."""
    if p <= 0.0:
        return 0.0
    if exponent == 1.0:
        return 1.0 * p
    return 1.0 if exponent == 0.0 else exp(exponent * log(p))


@kernel
def normmax_jvp(weights, b, parameters, tangent, out):
    """``J = |p|^(g-1) / (g-1) (I - p 1^T) diag(p^(2-g)) (I - 1 p^T)`` with g = gamma and the gamma-norm."""
    gamma = parameters[0]
    p, v, row = weights[b], tangent[b], out[b]
    mean, norm, largest = 0.0, 0.0, 0.0
    for j in range(p.size):
        largest = max(largest, p[j])
    for j in range(p.size):
        if p[j] > 0.0:
            mean += p[j] * v[j]
            norm += exp(gamma * log(p[j] / largest))
    log_norm = log(largest) + log(norm) / gamma
    total = 0.0
    for j in range(p.size):
        if p[j] > 0.0:
            s = p[j] * exp((gamma - 1.0) * (log_norm - log(p[j]))) / (gamma - 1.0)
            total += s * (v[j] - mean)
    for j in range(p.size):
        s = p[j] * exp((gamma - 1.0) * (log_norm - log(p[j]))) / (gamma - 1.0) if p[j] > 0.0 else 0.0
        row[j] = s * (v[j] - mean) - p[j] * total if p[j] > 0.0 else 0.0


@kernel
def between_jvp(weights, b, parameters, tangent, out):
    """``J = diag(a) - a a^T / sum(a)`` with a = 1 where a weight lies strictly between 0 and its upper bound."""
    bounds = parameters[0]
    p, v, row, upper = weights[b], tangent[b], out[b], bounds[b if bounds.shape[0] > 1 else 0]
    count, mean = 0, 0.0
    for j in range(p.size):
        if 0.0 < p[j] < upper[j]:
            count += 1
            mean += v[j]
    mean = mean / count if count else math.nan
    for j in range(p.size):
        row[j] = v[j] - mean if 0.0 < p[j] < upper[j] else 0.0
