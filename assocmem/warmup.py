"""Compile the loops of the package's models ahead of time, so that the first run of a program starts at once."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from assocmem.features import EluFeatures, PositiveRandomFeatures, ReluFeatures
from assocmem.graphs import ring
from assocmem.hierarchy import hierarchical_patterns
from assocmem.inputs import OrnsteinUhlenbeck
from assocmem.integrators import METHODS
from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.similarity import fit_similarity
from assocmem.masks import RandomMask, Window
from assocmem.models.adaptive_hopfield import AdaptiveHopfield
from assocmem.models.balanced_ei import BalancedEI
from assocmem.models.base import Flow
from assocmem.models.cdam import CDAM
from assocmem.models.classical import ClassicalHopfield
from assocmem.models.feature_hopfield import FeatureHopfield
from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.models.nonparametric import NonparametricHopfield
from assocmem.models.push_pull import PushPull
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.models.support_vector import SupportVectorMemory
from assocmem.recall import constrained_free_recall, free_recall, sequential_recall
from assocmem.retrieval import retrieve
from assocmem.separations import (
    ConstrainedSparsemax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
)
from assocmem.similarities.adaptive import FEATURES
from assocmem.simulate import iterate, simulate
from assocmem.transformations import L2Normalization, LayerNormalization, RMSNormalization, Sign, Tanh

__all__ = ["main"]

# one for each kernel, for three scores; sparsemax stands for entmax of any exponent
_ON_SUMS = (Softmax(), Sparsemax(), Normmax(2.0), TopK(1), KSubsets(1), ConstrainedSparsemax(np.ones(3)))
_SEPARATIONS = (*_ON_SUMS, SequentialKSubsets(1), Linear(), Power(2), Exponential(0.01))
_POSTS = (Sign(), Tanh(), L2Normalization(), RMSNormalization(), LayerNormalization())


def main() -> int:
    """Run every model of the package with every method that suits it, for two steps."""
    started = time.perf_counter()
    for what, run in _runs():
        run()
        print(f"{time.perf_counter() - started:6.1f} s  {what}", flush=True)
    return 0


def _runs() -> Iterator[tuple[str, Callable]]:
    for activation in (PowerLaw(), SoftplusSquared()):
        model = BalancedEI(np.zeros((2, 2)), 1, activation=activation)
        yield from _flow_runs(f"balanced E-I network, {type(activation).__name__}", model, takes_noise=True)
    hierarchy = hierarchical_patterns(4, (2, 3), (0.5,), seed=0)
    yield from _flow_runs("push-pull layers", PushPull(hierarchy, noise=0.1))
    for order in ("synchronous", "asynchronous"):
        model = DiscretePushPull(hierarchy, update=order)
        yield f"discrete push-pull layers, {order}", lambda m=model: iterate(m, np.ones(8), steps=2, threads=1)
    patterns = np.random.default_rng(0).random((3, 4))
    memory = CDAM(patterns, ring(3), auto_strength=1.0, hetero_strength=0.5)
    yield from _flow_runs("dense associative memory with a graph", memory)
    for engine in ("full", "reduced"):
        for strengths in (None, np.ones((3, 2))):
            what = f"retrieval, {engine} engine{'' if strengths is None else ', strengths of each trajectory'}"
            options = {"steps": 2, "engine": engine, "strengths": strengths, "threads": 1}
            yield what, lambda o=options: retrieve(memory, patterns, **o)
    for dtype in (np.float64, np.float32):
        yield from _fenchel_young_runs(patterns.astype(dtype))
        yield from _nonparametric_runs(patterns.astype(dtype))
        yield from _adaptive_runs(patterns.astype(dtype))
    yield from _recall_runs(patterns)
    for order in ("synchronous", "asynchronous"):
        memory = ClassicalHopfield(np.sign(patterns - 0.5), update_order=order)
        yield f"classical network, {order}", lambda m=memory: m.update(m.patterns, threads=1)


def _fenchel_young_runs(patterns: np.ndarray) -> Iterator[tuple[str, Callable]]:
    """Separations, their Jacobians, and networks of every separation and post-transformation, in the type of patterns.

    The networks are those of the identity: all that a post-transformation adds to them is its own loop.
    """
    scores = np.ascontiguousarray(patterns.T)  # three in a row
    for post in _POSTS:
        yield f"{type(post).__name__}, {patterns.dtype}", lambda p=post: p.apply(patterns)
    for separation in _SEPARATIONS:
        what = f"{type(separation).__name__}, {patterns.dtype}"
        yield what, lambda s=separation: s.vjp(scores, scores, weights=s.weights(scores))
        memory = HopfieldFenchelYoung(patterns, separation=separation)
        for engine in memory.engines:
            options = {"steps": 2, "engine": engine, "threads": 1}
            yield f"{what}, retrieval, {engine} engine", lambda m=memory, o=options: m.retrieve(patterns, **o)


def _nonparametric_runs(patterns: np.ndarray) -> Iterator[tuple[str, Callable]]:
    """Masks and features, in the type of patterns."""
    for mask in (RandomMask(0.3, seed=0), RandomMask(0.3, seed=0, is_exact=False, on_empty="one"), Window(1)):
        memory = NonparametricHopfield(patterns, mask=mask)
        what = f"{type(mask).__name__}, {patterns.dtype}"
        yield f"retrieval, {what}", lambda m=memory: m.retrieve(patterns, steps=1, weights=True, threads=1)
    for features in (EluFeatures(), PositiveRandomFeatures(5, seed=0), ReluFeatures(5, seed=0)):
        memory = FeatureHopfield(patterns, features=features)
        what = f"{type(features).__name__}, {patterns.dtype}"
        yield f"retrieval, {what}", lambda m=memory: m.retrieve(patterns, steps=1, threads=1)
    yield "support vectors", lambda: SupportVectorMemory(patterns).update(patterns, threads=1)


def _adaptive_runs(patterns: np.ndarray) -> Iterator[tuple[str, Callable]]:
    """Fits and retrieval by all features, in the type of patterns."""
    origins = np.arange(len(patterns))

    def fit_and_recall():
        fitted = fit_similarity(patterns, patterns, origins, features=FEATURES, n_iterations=1, threads=1)
        AdaptiveHopfield(patterns, fitted.similarity).recall(patterns, threads=1)

    yield f"adaptive similarity, {patterns.dtype}", fit_and_recall


def _recall_runs(patterns: np.ndarray) -> Iterator[tuple[str, Callable]]:
    options = {"n_rounds": 1, "n_inner": 1, "threads": 1}
    yield "constrained free recall", lambda: constrained_free_recall(patterns, **options)
    for separation in _ON_SUMS:
        what = type(separation).__name__
        yield f"free recall, {what}", lambda s=separation: free_recall(patterns, s, **options)
        yield f"sequential recall, {what}", lambda s=separation: sequential_recall(patterns, s, **options)


def _flow_runs(what: str, model: Flow, *, takes_noise: bool = False) -> Iterator[tuple[str, Callable]]:
    """Every method but those for which the model has no leak or no diffusion, with and without input noise."""
    for name, method in METHODS.items():
        is_adaptive = method.step_kernel is None
        is_unsuited = name == "map" or (method.is_stochastic and model.diffusion is None)
        if is_unsuited or (name == "exponential_euler" and model.leak is None):
            continue
        for noise in [None, OrnsteinUhlenbeck(tau=50.0, std=1.0)] if takes_noise and not is_adaptive else [None]:
            options = {"duration": 1.0, "dt": None if is_adaptive else 0.5, "method": name, "noise": noise}
            label = f"{what}, {name}{', input noise' if noise else ''}"
            yield label, lambda o=options: simulate(model, np.zeros(model.n_units), seed=0, threads=1, **o)
