"""Slow, obvious references for the network of E and I units and for its training.

Plain loops over scalars, written from the equations and independent of the package. Units as in the package:
potential mV, rate Hz, weights mV/Hz `[post, pre]`, time ms. `naive_stepping` has one step of each integrator
and the random numbers, `naive_analysis` the read-outs and the small-noise covariance.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
from scipy import integrate, linalg, optimize

# --- products -----------------------------------------------------------------------------------------------


def fused_multiply_add(a, b, c):
    """Finite a b + c computed as a fraction and rounded once; a zero result has lost its sign."""
    return float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


def matrix_product(x, w, *, fused=False):
    """out[b, i] = sum_j x[b, j] w[j, i], summed from 0 in the order of j; `fused` rounds once per term."""
    out = np.zeros((len(x), len(w[0])))
    for b in range(len(x)):
        for i in range(len(w[0])):
            total = 0.0
            for j in range(len(w)):
                total = fused_multiply_add(x[b][j], w[j][i], total) if fused else total + x[b][j] * w[j][i]
            out[b, i] = total
    return out


# --- gains: one scalar in, one scalar out -------------------------------------------------------------------


def power_law(u, gain=0.04, exponent=2.0):
    """Rate in Hz of the threshold power law, g(u) = k max(u, 0)^n."""
    return gain * u**exponent if u > 0 else 0.0


def power_law_slope(u, gain=0.04, exponent=2.0):
    """First derivative g'(u) = k n u^(n-1) above threshold; 0 at and below it."""
    return gain * exponent * u ** (exponent - 1) if u > 0 else 0.0


def power_law_curvature(u, gain=0.04, exponent=2.0):
    """Second derivative g''(u) = k n (n-1) u^(n-2) above threshold; 0 at and below it."""
    return gain * exponent * (exponent - 1) * u ** (exponent - 2) if u > 0 else 0.0


def power_law_potential(rate, gain=0.04, exponent=2.0):
    """Inverse g^-1(r) = (r / k)^(1/n), r >= 0: the potential in mV, at or above threshold."""
    return (rate / gain) ** (1 / exponent)


def softplus(u):
    """log(1 + e^u), written so that nothing overflows and small values keep their digits."""
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))


def sigmoid(u):
    """1 / (1 + e^-u), from the exponential that is at most one."""
    return 1 / (1 + math.exp(-u)) if u >= 0 else math.exp(u) / (1 + math.exp(u))


def softplus_squared(u, gain=0.02):
    """Rate in Hz of the smoothed threshold-quadratic gain, g(u) = a log(1 + e^u)^2."""
    return gain * softplus(u) ** 2


def softplus_squared_slope(u, gain=0.02):
    """First derivative g'(u) = 2 a s L with L = log(1 + e^u) and s = 1 / (1 + e^-u)."""
    return 2 * gain * sigmoid(u) * softplus(u)


def softplus_squared_curvature(u, gain=0.02):
    """Second derivative g''(u) = 2 a (s (1 - s) L + s^2), with 1 - s written as the sigmoid of -u."""
    return 2 * gain * (sigmoid(u) * sigmoid(-u) * softplus(u) + sigmoid(u) ** 2)


def softplus_squared_potential(rate, gain=0.02):
    """Inverse g^-1(r) = log(e^x - 1) = x + log(1 - e^-x) with x = sqrt(r / a), r > 0."""
    x = math.sqrt(rate / gain)
    return x + math.log(-math.expm1(-x))


# --- the E-I network: `rate` and `slope` are scalar functions of one potential ------------------------------


def time_constants(n_units, n_excitatory, tau_e, tau_i):
    """List of tau_i: tau_e for the first n_excitatory units, tau_i for the others."""
    return [tau_e if i < n_excitatory else tau_i for i in range(n_units)]


def velocity(potential, weights, n_excitatory, rate, *, drive=7.0, tau_e=20.0, tau_i=10.0):
    """du_i/dt = (-u_i + sum_j W_ij g(u_j) + h_i) / tau_i in mV per time unit of tau.

    `drive` is h, one number or one per unit; add a stimulus or input noise to it.
    """
    n_units = len(potential)
    tau = time_constants(n_units, n_excitatory, tau_e, tau_i)
    h = np.broadcast_to(drive, n_units)
    out = np.zeros(n_units)
    for i in range(n_units):
        net = -potential[i] + h[i]
        for j in range(n_units):
            net += weights[i][j] * rate(potential[j])
        out[i] = net / tau[i]
    return out


def jacobian(potential, weights, n_excitatory, slope, *, tau_e=20.0, tau_i=10.0):
    """J_ij = (-delta_ij + W_ij g'(u_j)) / tau_i, in one over the time unit of tau."""
    n_units = len(potential)
    tau = time_constants(n_units, n_excitatory, tau_e, tau_i)
    out = np.zeros((n_units, n_units))
    for i in range(n_units):
        for j in range(n_units):
            leak = 1.0 if i == j else 0.0
            out[i, j] = (-leak + weights[i][j] * slope(potential[j])) / tau[i]
    return out


def currents(potential, weights, n_excitatory, rate):
    """Recurrent inputs in mV, exc_i = sum_{j in E} W_ij r_j >= 0 and inh_i = sum_{j in I} W_ij r_j <= 0.

    For every unit i, without the drive: du_i/dt = (-u_i + exc_i + inh_i + h_i) / tau_i.
    """
    n_units = len(potential)
    excitatory, inhibitory = np.zeros(n_units), np.zeros(n_units)
    for i in range(n_units):
        for j in range(n_units):
            target = excitatory if j < n_excitatory else inhibitory
            target[i] += weights[i][j] * rate(potential[j])
    return excitatory, inhibitory


# --- smoothed spectral abscissa (Vanbiervliet et al. 2009) --------------------------------------------------


def spectral_abscissa(matrix):
    """alpha(A) = max Re lambda over the eigenvalues of A."""
    return max(np.linalg.eigvals(matrix).real)


def impulse_energy_integral(matrix, shift):
    """f(A, s) = int_0^inf ||exp((A - s I) t)||_F^2 dt for s > alpha(A), by quadrature of the definition.

    The slowest mode has lost a factor e^40 at the end of the range; the square drops below 1e-34.
    """
    shifted = np.asarray(matrix) - shift * np.eye(len(matrix))
    end = 40 / -spectral_abscissa(shifted)

    def response(t):
        return np.sum(linalg.expm(shifted * t) ** 2)

    return integrate.quad(response, 0, end, epsabs=0, epsrel=1e-11, limit=500)[0]


def impulse_energy(matrix, shift):
    """f(A, s) = tr P with (A - s I) P + P (A - s I)^T = -I: the same integral, by SciPy's Lyapunov solver."""
    shifted = np.asarray(matrix) - shift * np.eye(len(matrix))
    return np.trace(linalg.solve_continuous_lyapunov(shifted, -np.eye(len(matrix))))


def smoothed_spectral_abscissa(matrix, epsilon, energy=impulse_energy):
    """The unique s > alpha(A) with f(A, s) = 1 / epsilon, as a bracketed root of 1 / f - epsilon.

    f >= 1 / (2 (s - alpha)), from the slowest mode alone, so s = alpha + epsilon / 4 lies below the root.
    """
    alpha = spectral_abscissa(matrix)
    width = epsilon
    while 1 / energy(matrix, alpha + width) <= epsilon:
        width *= 2

    def excess(s):
        return 1 / energy(matrix, s) - epsilon

    return optimize.brentq(excess, alpha + epsilon / 4, alpha + width, xtol=1e-15, rtol=1e-15)


def central_difference(function, x, step=1e-5):
    """Gradient (f(x + d e_k) - f(x - d e_k)) / (2 d) of a scalar function of an array, entry by entry."""
    x = np.array(x, dtype=float)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (function(above) - function(below)) / (2 * step)
    return gradient


def smoothed_spectral_abscissa_gradient(matrix, epsilon, step=1e-5):
    """G_ij = d alpha_eps / d A_ij by central differences."""
    return central_difference(lambda a: smoothed_spectral_abscissa(a, epsilon), matrix, step)


def smoothed_abscissa_of_shear(b, epsilon):
    """Value and gradient in closed form for the defective A = [[-1, b], [0, -1]].

    With a = 1 + s, f = 1/a + b^2/(4 a^3) = 1/epsilon is the cubic a^3 - epsilon a^2 - epsilon b^2/4 = 0,
    solved by Cardano's formula; P and Q solve the two Lyapunov equations, and G = Q P / tr(Q P).
    """
    half = (epsilon / 3) ** 3 + epsilon * b**2 / 8
    first = np.cbrt(half + math.sqrt(max(half**2 - (epsilon / 3) ** 6, 0.0)))
    a = epsilon / 3 + first + (epsilon / 3) ** 2 / first
    small, cross = 1 / (2 * a), b / (4 * a**2)
    large = small + b**2 / (4 * a**3)
    p = np.array([[large, cross], [cross, small]])
    q = np.array([[small, cross], [cross, large]])
    return a - 1, q @ p / np.trace(q @ p)


# --- training -----------------------------------------------------------------------------------------------


def cost_terms(
    weights, potentials, n_excitatory, rate, slope, *, epsilon, drive=7.0, tau_e=20.0, tau_i=10.0, hinge=None
):
    """Velocity, stability and Frobenius terms of the cost, each without its factor eta.

    sum_mu ||v^mu||^2 / P, sum_mu Phi(alpha_eps(J^mu)) / P and ||W||_F^2 / N^2, with time in units of tau_e: v
    in mV, J and epsilon without unit. Phi is the identity, or with `hinge` = (x*, d) the smooth hinge
    Phi(x) = d log(1 + exp((x - x*) / d)).
    """
    n_patterns, n_units = np.shape(potentials)
    motion, stability, size = 0.0, 0.0, 0.0
    for u in potentials:
        v = velocity(u, weights, n_excitatory, rate, drive=drive, tau_e=1.0, tau_i=tau_i / tau_e)
        for i in range(n_units):
            motion += v[i] ** 2
        j = jacobian(u, weights, n_excitatory, slope, tau_e=1.0, tau_i=tau_i / tau_e)
        x = smoothed_spectral_abscissa(j, epsilon)
        stability += x if hinge is None else hinge[1] * softplus((x - hinge[0]) / hinge[1])
    for i in range(n_units):
        for j in range(n_units):
            size += weights[i][j] ** 2
    return motion / n_patterns, stability / n_patterns, size / n_units**2


def training_cost(*args, eta_v=1.0, eta_s=1.0, eta_f=1.0, **kwargs):
    """psi = eta_v velocity + eta_s stability + eta_f Frobenius, with the arguments of `cost_terms`."""
    motion, stability, size = cost_terms(*args, **kwargs)
    return eta_v * motion + eta_s * stability + eta_f * size


# --- exact storage: the nearest non-negative magnitudes that make every pattern a fixed point ---------------


def nearest_on_support(start, matrix, target, support):
    """min ||a - a0||^2 with R a = b and a zero off the support S: a_S = a0_S + R_S^+ (b - R_S a0_S)."""
    block = matrix[:, support]
    a = np.zeros(len(start))
    a[support] = start[support] + np.linalg.pinv(block) @ (target - block @ start[support])
    return a


def nearest_by_enumeration(start, matrix, target):
    """min ||a - a0||^2 with R a = b, a >= 0: the best feasible point of all 2^n supports, n up to a dozen."""
    best, best_distance = None, math.inf
    for support in itertools.product([False, True], repeat=len(start)):
        a = nearest_on_support(start, matrix, target, np.array(support))
        distance = np.sum((a - start) ** 2)
        is_feasible = np.all(a >= 0) and np.allclose(matrix @ a, target, rtol=1e-9, atol=1e-9)
        if is_feasible and distance < best_distance:
            best, best_distance = a, distance
    if best is None:
        raise ValueError("no non-negative point meets the constraints")
    return best


def nearest_by_nnls(start, matrix, target):
    """The same point for any n, from the support that SciPy's non-negative least squares finds.

    Least squares of a = a0 and k R a = k b together, the weight k so large that the constraints win.
    """
    k = 1e6 / np.linalg.norm(matrix)
    rows = np.vstack([k * matrix, np.eye(len(start))])
    a, _ = optimize.nnls(rows, np.concatenate([k * target, start]), maxiter=10000)
    if not np.allclose(matrix @ a, target, rtol=1e-6, atol=1e-6):
        raise ValueError("no non-negative point meets the constraints")
    return nearest_on_support(start, matrix, target, a > 0)


def project_weights(weights, potentials, n_excitatory, rate, *, drive=7.0, nearest=nearest_by_nnls):
    """Row by row the nearest W_ij = s_j A_ij, A_ij >= 0, W_ii = 0, with sum_j W_ij g(u_j^mu) = u_i^mu - h_i.

    The sign s_j is +1 for an E unit and -1 for an I unit.
    """
    weights, potentials = np.asarray(weights), np.asarray(potentials)
    n_patterns, n_units = potentials.shape
    h = np.broadcast_to(drive, n_units)
    sign = np.array([1.0 if j < n_excitatory else -1.0 for j in range(n_units)])
    out = np.zeros((n_units, n_units))
    for i in range(n_units):
        others = [j for j in range(n_units) if j != i]
        matrix = np.array([[sign[j] * rate(potentials[mu, j]) for j in others] for mu in range(n_patterns)])
        target = np.array([potentials[mu, i] - h[i] for mu in range(n_patterns)])
        out[i, others] = sign[others] * nearest(sign[others] * weights[i, others], matrix, target)
    return out
