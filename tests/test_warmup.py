"""Warming up leaves out no kernel that a user could meet first."""

import pytest

from assocmem import separations, transformations, warmup


def kernels(module, base):
    kinds = [getattr(module, name) for name in module.__all__]
    return {kind.row for kind in kinds if isinstance(kind, type) and issubclass(kind, base) and hasattr(kind, "row")}


def test_every_separation_is_compiled():
    assert kernels(separations, separations.Separation) == {type(s).row for s in warmup._SEPARATIONS}


def test_every_post_transformation_is_compiled():
    others = {type(post).row for post in warmup._POSTS}
    identity = transformations.Identity.row  # that of the networks
    assert kernels(transformations, transformations.PostTransformation) == others | {identity}


@pytest.mark.parametrize("what", ["Softmax, float64", "Softmax, float32, retrieval, gram engine", "free recall, TopK"])
def test_runs_are_named(what):
    runs = dict(warmup._runs())
    assert what in runs
    runs[what]()
