"""Small problems with known solutions, as models."""

from math import cos

import numpy as np

from assocmem.jit import kernel
from assocmem.models.base import FunctionFlow, FunctionMap


@kernel
def nonautonomous_rhs(t, y, dy):
    for b in range(y.shape[0]):
        dy[b, 0] = -2.0 * t[b] * y[b, 0] ** 2
        dy[b, 1] = cos(t[b]) * y[b, 1]


def nonautonomous_solution(t):
    """From (1, 1) at t = 0."""
    return np.stack([1 / (1 + t**2), np.exp(np.sin(t))], axis=-1)


NONAUTONOMOUS = FunctionFlow(nonautonomous_rhs, n_units=2)


@kernel
def lorenz_rhs(t, y, dy, sigma, rho, beta):
    for b in range(y.shape[0]):
        dy[b, 0] = sigma * (y[b, 1] - y[b, 0])
        dy[b, 1] = y[b, 0] * (rho - y[b, 2]) - y[b, 1]
        dy[b, 2] = y[b, 0] * y[b, 1] - beta * y[b, 2]


LORENZ = FunctionFlow(lorenz_rhs, n_units=3, values={"sigma": 10.0, "rho": 28.0, "beta": 8 / 3})


@kernel
def leaky_rhs(t, y, dy, stimulus, drive, leak):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = drive[i] + stimulus[b, i] - leak[i] * y[b, i]


def leaky(n_units=3):
    """dy = drive + stimulus - leak y."""
    leak, drive = np.linspace(0.5, 2.0, n_units), np.linspace(-1.0, 3.0, n_units)
    return FunctionFlow(leaky_rhs, n_units=n_units, values={"drive": drive, "leak": leak}, leak=leak)


@kernel
def proportional_rhs(t, y, dy, growth):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = growth * y[b, i]


@kernel
def proportional_diffusion(t, y, amplitude, volatility):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            amplitude[b, i] = volatility * y[b, i]


@kernel
def constant_diffusion(t, y, amplitude, volatility):
    amplitude[:] = volatility


def geometric_brownian_motion(n_units, growth=1.5, volatility=0.5, diffusion=proportional_diffusion):
    """dX = growth X dt + volatility X dW."""
    values = {"growth": growth, "volatility": volatility}
    return FunctionFlow(proportional_rhs, n_units=n_units, values=values, diffusion=diffusion)


@kernel
def square_rhs(t, y, dy):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            dy[b, i] = y[b, i] * y[b, i]


BLOW_UP = FunctionFlow(square_rhs, n_units=1)  # from y0 the solution y0 / (1 - y0 t) ends at t = 1 / y0


@kernel
def logistic_update(t, y, new, growth):
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            new[b, i] = growth * y[b, i] * (1.0 - y[b, i])


def logistic_map(growth, n_units=1):
    return FunctionMap(logistic_update, n_units=n_units, values={"growth": growth})
