"""Semantically-correlated memories in a dense associative model (Burns, 2024).

Numbers are compared with those that the paper prints or shows, with theory, and with those of an earlier and
independent implementation of the same equations.
"""

from assocmem.papers.base import Paper
from assocmem.papers.cdam import (
    automaton,
    barbell,
    images,
    karate,
    miyashita,
    modes,
    phase_diagram,
    range_control,
    stability,
    statements,
    theory,
    tutte,
    video,
    wide,
)

PAPER = Paper(
    name="cdam",
    title="Semantically-correlated memories in a dense associative model",
    reference="Burns, Proceedings of the 41st International Conference on Machine Learning, PMLR 235:4936 (2024)",
    experiments=(
        *modes.EXPERIMENTS,
        range_control.EXPERIMENT,
        miyashita.EXPERIMENT,
        karate.EXPERIMENT,
        tutte.EXPERIMENT,
        barbell.EXPERIMENT,
        video.EXPERIMENT,
        images.EXPERIMENT,
        automaton.EXPERIMENT,
        theory.EXPERIMENT,
        statements.EXPERIMENT,
        wide.EXPERIMENT,
        stability.EXPERIMENT,
        phase_diagram.EXPERIMENT,
    ),
)

__all__ = ["PAPER"]
