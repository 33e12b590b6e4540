"""Slow, obvious references for the read-outs and for the response to small noise.

Plain loops over scalars, written from the equations and independent of the package. Rates in Hz, potentials
in mV, time in ms.
"""

import math

import numpy as np
from scipy import integrate, linalg, stats

# --- read-outs ----------------------------------------------------------------------------------------------


def recall_error(rates, patterns, index):
    """e = ||r - r^mu|| / ||r^mu - <r>||, with <r> the mean of each unit over the patterns.

    The caller passes the E units only.
    """
    n_patterns, n_units = np.shape(patterns)
    far, spread = 0.0, 0.0
    for i in range(n_units):
        mean = sum(patterns[mu][i] for mu in range(n_patterns)) / n_patterns
        far += (rates[i] - patterns[index][i]) ** 2
        spread += (patterns[index][i] - mean) ** 2
    return math.sqrt(far) / math.sqrt(spread)


def is_recalled(rates, patterns, index, threshold=0.2):
    """Whether the recall error is below the threshold."""
    return recall_error(rates, patterns, index) < threshold


def pearson(x, y):
    """sum (x - <x>)(y - <y>) / sqrt(sum (x - <x>)^2 sum (y - <y>)^2); NaN when either has no variance."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    xx, yy = sum((a - mean_x) ** 2 for a in x), sum((b - mean_y) ** 2 for b in y)
    return xy / math.sqrt(xx * yy) if xx * yy > 0 else math.nan


def identity(rates, patterns):
    """Index of the pattern with the largest Pearson correlation, the first one in a tie."""
    correlations = [pearson(rates, pattern) for pattern in patterns]
    return correlations.index(max(correlations))


def overlap(state, pattern):
    """m = <xi, y> / (|xi| |y|); NaN when a norm is zero."""
    inner = sum(a * b for a, b in zip(state, pattern, strict=True))
    norms = math.sqrt(sum(a * a for a in state)) * math.sqrt(sum(b * b for b in pattern))
    return inner / norms if norms > 0 else math.nan


def wilson_interval(successes, n, confidence=0.95):
    """The two p with (k/n - p)^2 = z^2 p (1 - p) / n, i.e. (n + z^2) p^2 - (2 k + z^2) p + k^2 / n = 0."""
    z2 = stats.norm.ppf((1 + confidence) / 2) ** 2
    a, b, c = n + z2, -(2 * successes + z2), successes**2 / n
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


# --- small noise --------------------------------------------------------------------------------------------


def augmented_system(jacobian, tau, noise_tau, noise_std):
    """Drift M = [[J, T^-1], [0, -I/tau_eta]] and diffusion D = diag(0, 2 std^2 / tau_eta) of (u, eta).

    J in 1/ms, tau (one per unit) and noise_tau in ms, noise_std in mV, one number or one per unit.
    """
    n_units = len(jacobian)
    std = np.broadcast_to(noise_std, n_units)
    drift, diffusion = np.zeros((2 * n_units, 2 * n_units)), np.zeros((2 * n_units, 2 * n_units))
    for i in range(n_units):
        for j in range(n_units):
            drift[i, j] = jacobian[i][j]
        drift[i, n_units + i] = 1 / tau[i]
        drift[n_units + i, n_units + i] = -1 / noise_tau
        diffusion[n_units + i, n_units + i] = 2 * std[i] ** 2 / noise_tau
    return drift, diffusion


def noise_covariance(jacobian, tau, noise_tau, noise_std):
    """Stationary covariance of the potentials in mV^2: the u block of C, M C + C M^T = -D, by SciPy."""
    drift, diffusion = augmented_system(jacobian, tau, noise_tau, noise_std)
    n_units = len(jacobian)
    return linalg.solve_continuous_lyapunov(drift, -diffusion)[:n_units, :n_units]


def noise_covariance_integral(jacobian, tau, noise_tau, noise_std):
    """The same block of C = int_0^inf exp(M t) D exp(M t)^T dt, until every mode has lost a factor e^40."""
    drift, diffusion = augmented_system(jacobian, tau, noise_tau, noise_std)
    n_units = len(jacobian)
    end = 40 / -max(np.linalg.eigvals(drift).real)

    def response(t):
        propagator = linalg.expm(drift * t)
        return propagator @ diffusion @ propagator.T

    covariance, _ = integrate.quad_vec(response, 0, end, epsabs=1e-13, epsrel=1e-10)
    return covariance[:n_units, :n_units]
