"""Associative-memory dynamics: compiled, reproducible simulation of memory networks.

The root holds what most programs need. The modules `patterns`, `hierarchy`, `graphs`, `separations`, `learning`,
`estimators`, `scan`, `analysis`, `plotting` and `papers` are imported by name.
"""

from assocmem.inputs import OrnsteinUhlenbeck, Schedule, SteadyState
from assocmem.jit import kernel
from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import Flow, FunctionFlow, FunctionMap, Map
from assocmem.models.cdam import CDAM
from assocmem.models.classical import ClassicalHopfield
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.models.multi_head import MultiHeadHopfield
from assocmem.models.nonparametric import NonparametricHopfield, window_retrieval
from assocmem.models.push_pull import PushPull
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.models.support_vector import SupportVectorMemory
from assocmem.observables import Observable, pattern_overlap
from assocmem.retrieval import retrieve
from assocmem.similarities import AdaptiveSimilarity
from assocmem.simulate import DivergedError, SimulationInterrupted, iterate, simulate

__all__ = [
    "CDAM",
    "AdaptiveHopfield",
    "AdaptiveSimilarity",
    "BalancedEI",
    "ClassicalHopfield",
    "DiscretePushPull",
    "DivergedError",
    "FeatureHopfield",
    "Flow",
    "FunctionFlow",
    "FunctionMap",
    "HopfieldFenchelYoung",
    "Map",
    "MultiHeadHopfield",
    "NonparametricHopfield",
    "Observable",
    "OrnsteinUhlenbeck",
    "PowerLaw",
    "PushPull",
    "Schedule",
    "SimulationInterrupted",
    "SoftplusSquared",
    "SteadyState",
    "SupportVectorMemory",
    "iterate",
    "kernel",
    "pattern_overlap",
    "retrieve",
    "simulate",
    "window_retrieval",
]
