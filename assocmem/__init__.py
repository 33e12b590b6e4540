"""Associative-memory dynamics: compiled, reproducible simulation of memory networks.

The root holds what most programs need. The modules `patterns`, `hierarchy`, `graphs`, `learning`, `analysis`,
`plotting` and `papers` are imported by name.
"""

from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.jit import kernel
from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import Flow, FunctionFlow, FunctionMap, Map
from assocmem.models.cdam import CDAM
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.models.push_pull import PushPull
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.observables import Observable, pattern_overlap
from assocmem.retrieval import retrieve
from assocmem.simulate import DivergedError, SimulationInterrupted, iterate, simulate

__all__ = [
    "CDAM",
    "BalancedEI",
    "DiscretePushPull",
    "DivergedError",
    "Flow",
    "FunctionFlow",
    "FunctionMap",
    "HopfieldFenchelYoung",
    "Map",
    "Observable",
    "OrnsteinUhlenbeck",
    "PowerLaw",
    "PushPull",
    "Schedule",
    "SimulationInterrupted",
    "SoftplusSquared",
    "SteadyState",
    "iterate",
    "kernel",
    "pattern_overlap",
    "retrieve",
    "simulate",
]
