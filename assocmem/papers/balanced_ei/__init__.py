"""Analog memories in a balanced rate-based network of E-I neurons (Festa, Hennequin & Lengyel, 2014).

The constants of the paper are not all known; those that are not are ours, and claims speak of findings.
"""

from assocmem.papers.balanced_ei import (
    balance,
    images,
    no_stability,
    noise,
    optimisation,
    quenching,
    recall,
    soc,
    sweeps,
)
from assocmem.papers.base import Paper

PAPER = Paper(
    name="balanced_ei",
    title="Analog memories in a balanced rate-based network of E-I neurons",
    reference="Festa, Hennequin & Lengyel, Advances in Neural Information Processing Systems 27 (2014)",
    experiments=(
        optimisation.EXPERIMENT,
        recall.EXPERIMENT,
        balance.EXPERIMENT,
        noise.EXPERIMENT,
        quenching.EXPERIMENT,
        images.EXPERIMENT,
        no_stability.EXPERIMENT,
        sweeps.LOAD,
        sweeps.SMOOTHING,
        soc.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
