"""Push-pull feedback in a hierarchical associative memory (Liu et al., 2019, and the longer paper of 2022).

The equations and constants are those of the published programs. The papers' figures give no numbers, so claims speak of
findings, and numbers are compared with those of an earlier and independent implementation.
"""

from assocmem.papers.base import Paper
from assocmem.papers.push_pull import (
    controls,
    correlations,
    cue_noise,
    demo,
    discrete,
    discrete_recall,
    images,
    interference,
    three_layer,
    timing,
)

PAPER = Paper(
    name="push_pull",
    title="Push-pull feedback implements hierarchical information retrieval efficiently",
    reference=(
        "Liu, Zou, Ji, Tian, Mi, Huang, Wong & Wu, Advances in Neural Information Processing Systems 32 (2019);"
        " the same authors, Neural feedback facilitates rough-to-fine information retrieval, Neural Networks 151 (2022)"
    ),
    experiments=(
        interference.EXPERIMENT,
        discrete.EXPERIMENT,
        discrete_recall.STABILITY,
        discrete_recall.SCHEDULE,
        demo.EXPERIMENT,
        cue_noise.INTRA,
        cue_noise.INTER,
        correlations.CHILD,
        correlations.PARENT,
        timing.EXPERIMENT,
        controls.EXPERIMENT,
        three_layer.EXPERIMENT,
        images.EXPERIMENT,
        images.NEURIPS,
    ),
)

__all__ = ["PAPER"]
