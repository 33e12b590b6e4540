"""Slow, obvious references for one step of each integrator and for the counter-based random numbers.

`f(t, y)` may return a scalar or an array; a step returns the new state and leaves its input alone. Written
from the published definitions and independent of the package.
"""

import math
from fractions import Fraction

import numpy as np

# --- ordinary differential equations ------------------------------------------------------------------------


def euler_step(f, t, y, dt):
    """Explicit Euler: y + dt f(t, y)."""
    return y + dt * f(t, y)


def heun_step(f, t, y, dt):
    """Heun (explicit trapezoid): y + dt/2 (k1 + k2), k1 = f(t, y), k2 = f(t + dt, y + dt k1)."""
    k1 = f(t, y)
    k2 = f(t + dt, y + dt * k1)
    return y + dt / 2 * (k1 + k2)


def rk4_step(f, t, y, dt):
    """Classical Runge-Kutta: y + dt/6 (k1 + 2 k2 + 2 k3 + k4), the middle slopes at t + dt/2."""
    k1 = f(t, y)
    k2 = f(t + dt / 2, y + dt / 2 * k1)
    k3 = f(t + dt / 2, y + dt / 2 * k2)
    k4 = f(t + dt, y + dt * k3)
    return y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def exponential_euler_step(source, t, y, dt, leak):
    """For dy_i/dt = -leak_i y_i + source_i(t, y): e^(-leak dt) y + (1 - e^(-leak dt)) / leak source(t, y).

    Exact while the source is constant; `leak` is in one over the unit of dt, and leak = 0 is an Euler step.
    """
    y = np.asarray(y, dtype=float)
    leak = np.broadcast_to(leak, y.shape)
    forcing = np.broadcast_to(source(t, y), y.shape)
    out = np.zeros(y.shape)
    for i in np.ndindex(y.shape):
        weight = -math.expm1(-leak[i] * dt) / leak[i] if leak[i] != 0 else dt
        out[i] = math.exp(-leak[i] * dt) * y[i] + weight * forcing[i]
    return out


def fractions(text):
    """Exact fractions from a line of a tableau."""
    return [Fraction(word) for word in text.split()]


DORMAND_PRINCE_NODES = fractions("0 1/5 3/10 4/5 8/9 1 1")
DORMAND_PRINCE_STAGES = [
    fractions(""),
    fractions("1/5"),
    fractions("3/40 9/40"),
    fractions("44/45 -56/15 32/9"),
    fractions("19372/6561 -25360/2187 64448/6561 -212/729"),
    fractions("9017/3168 -355/33 46732/5247 49/176 -5103/18656"),
    fractions("35/384 0 500/1113 125/192 -2187/6784 11/84"),
]
DORMAND_PRINCE_FIFTH = fractions("35/384 0 500/1113 125/192 -2187/6784 11/84 0")
DORMAND_PRINCE_FOURTH = fractions("5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40")


def dormand_prince_step(f, t, y, dt):
    """Fifth-order solution and embedded error of Dormand & Prince (1980), RK5(4)7M, table 2.

    k_s = f(t + c_s dt, y + dt sum_r a_sr k_r), y5 = y + dt sum_s b_s k_s, y5 - y4 = dt sum_s (b_s - b4_s)
    k_s. The last stage is f(t + dt, y5), the first one of the next step.
    """
    slopes = []
    for node, row in zip(DORMAND_PRINCE_NODES, DORMAND_PRINCE_STAGES, strict=True):
        state = y + dt * sum(float(a) * k for a, k in zip(row, slopes, strict=True))
        slopes.append(f(t + float(node) * dt, state))
    weights = list(zip(DORMAND_PRINCE_FIFTH, DORMAND_PRINCE_FOURTH, slopes, strict=True))
    fifth = y + dt * sum(float(b) * k for b, _, k in weights)
    error = dt * sum(float(b - lower) * k for b, lower, k in weights)
    return fifth, error


# --- stochastic differential equations dy = f dt + b dW, given the increment dW ~ N(0, dt) of each entry ----


def euler_maruyama_step(f, diffusion, t, y, dt, increment):
    """Ito: y + f(t, y) dt + b(t, y) dW with diagonal noise."""
    return y + f(t, y) * dt + diffusion(t, y) * increment


def stochastic_heun_step(f, diffusion, t, y, dt, increment):
    """Stratonovich: y + dt/2 (f + f~) + dW/2 (b + b~), the tilde at t + dt and the Euler-Maruyama state."""
    ahead = euler_maruyama_step(f, diffusion, t, y, dt, increment)
    drift = (f(t, y) + f(t + dt, ahead)) / 2
    spread = (diffusion(t, y) + diffusion(t + dt, ahead)) / 2
    return y + drift * dt + spread * increment


def ornstein_uhlenbeck_step(eta, dt, tau, std, normal):
    """Exact update c eta + std sqrt(1 - c^2) xi, c = exp(-dt / tau), given the standard normal xi.

    The stationary law is N(0, std^2), so a stationary start is std xi; 1 - c^2 is -expm1(-2 dt / tau).
    """
    return math.exp(-dt / tau) * eta + std * math.sqrt(-math.expm1(-2 * dt / tau)) * normal


# --- random numbers -----------------------------------------------------------------------------------------


def philox4x32(counter, key, rounds=10):
    """Four 32-bit words from four counter and two key words, Philox4x32 of Salmon et al. (2011), Random123.

    Each round: (c0, c1, c2, c3) -> (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)), hi and
    lo the halves of the 64-bit product; between rounds the key words grow by the Weyl constants, modulo 2^32.
    """
    c0, c1, c2, c3 = (int(c) for c in counter)
    k0, k1 = (int(k) for k in key)
    for r in range(rounds):
        if r > 0:
            k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def uniform_53(low, high):
    """The top 53 of the 64 bits high 2^32 + low, over 2^53: a multiple of 2^-53 in [0, 1)."""
    return ((int(high) * 2**32 + int(low)) // 2**11) / 2**53


def box_muller(u1, u2):
    """Two standard normals sqrt(-2 ln u1) (cos 2 pi u2, sin 2 pi u2), for u1 in (0, 1] and u2 in [0, 1]."""
    radius = math.sqrt(-2 * math.log(u1))
    return radius * math.cos(2 * math.pi * u2), radius * math.sin(2 * math.pi * u2)
