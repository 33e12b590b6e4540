"""Associative-memory dynamics: compiled, reproducible simulation of memory networks.

The root holds what most programs need; `assocmem.patterns`, `assocmem.learning`, `assocmem.analysis`,
`assocmem.plotting` and `assocmem.papers` are imported by name.
"""

from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.jit import kernel
from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import Flow, FunctionFlow, FunctionMap, Map
from assocmem.observables import Observable, pattern_overlap
from assocmem.simulate import DivergedError, SimulationInterrupted, iterate, simulate

__all__ = [
    "BalancedEI",
    "DivergedError",
    "Flow",
    "FunctionFlow",
    "FunctionMap",
    "Map",
    "Observable",
    "OrnsteinUhlenbeck",
    "PowerLaw",
    "Schedule",
    "SimulationInterrupted",
    "SoftplusSquared",
    "SteadyState",
    "iterate",
    "kernel",
    "pattern_overlap",
    "simulate",
]
