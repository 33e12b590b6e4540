"""Points of other inputs are other points: digests tell contents apart, and nothing else."""

import os
import subprocess
import sys
import threading
from collections import OrderedDict
from functools import lru_cache, partial
from math import hypot
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from assocmem import ClassicalHopfield, HopfieldFenchelYoung
from assocmem.scan import StoreError, load_scan, scan
from assocmem.scan.contents import content_digest
from assocmem.scan.functions import function_digest
from assocmem.separations import Sparsemax

HERE = {"workers": 0, "progress": False}
PATTERNS = np.sign(np.random.default_rng(0).standard_normal((3, 2000)))
OTHER = PATTERNS.copy()
OTHER[1, 1000] *= -1  # in the middle, which no repr shows


class Scaled:
    """Callable, with state."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, a):
        return a * self.factor

    def method(self, a):
        return a * self.factor


def scaled_by(factor):
    def scaled(a):
        return a * factor

    return scaled


def with_default(factor):
    def scaled(a, factor=factor):
        return a * factor

    return scaled


def calling(function):
    """A decorator's work."""

    def wrapper(a):
        return function(a)

    wrapper.__wrapped__ = function
    return wrapper


def without_source(text):
    names = {}
    exec(text, names)
    return names["f"]


def weighted(a, weights):
    return a * weights


def total(a, data):
    return a + float(np.sum(data))


def fact_of(first):
    def fact(a):
        return first if a < 1 else a * fact(a - 1)

    return fact


def recalled(model, a):
    return a * float(model.patterns[0, 0])


def cycle(value):
    first = [value]
    first.append(first)
    return first


OTHERS = {
    "signs": (1, 1.0),
    "zeros": (0.0, -0.0),
    "words and bytes": ("a", b"a"),
    "lists and tuples": ([1, 2], (1, 2)),
    "nesting": ([[1], 2], [[1, 2]]),
    "arrays": (PATTERNS, OTHER),
    "dtypes": (np.zeros(2), np.zeros(2, dtype=np.int64)),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "arrays of objects": (np.array([1, "b"], dtype=object), np.array([1, "c"], dtype=object)),
    "masks": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "models": (ClassicalHopfield(PATTERNS), ClassicalHopfield(-PATTERNS)),
    "settings": (ClassicalHopfield(PATTERNS), ClassicalHopfield(PATTERNS, seed=1)),
    "frozen arguments": (partial(weighted, weights=PATTERNS), partial(weighted, weights=OTHER)),
    "labels": (xr.DataArray([1, 2], {"x": [0, 1]}, "x"), xr.DataArray([1, 2], {"x": [0, 2]}, "x")),
    "datasets": (xr.Dataset({"x": 1}), xr.Dataset({"x": 2})),
    "closures": (scaled_by(2), scaled_by(3)),
    "closures of arrays": (scaled_by(PATTERNS), scaled_by(OTHER)),
    "defaults": (with_default(2), with_default(3)),
    "decorated": (calling(scaled_by(2)), calling(scaled_by(3))),
    "cached": (lru_cache(scaled_by(2)), lru_cache(scaled_by(3))),
    "callable objects": (Scaled(2), Scaled(3)),
    "bound methods": (Scaled(2).method, Scaled(3).method),
    "methods of arrays": (np.ones(2).dot, np.zeros(2).dot),
    "lambdas of a line": (lambda a: a * 2, lambda a: a * 3),
    "no source": (without_source("def f(a): return a * 2"), without_source("def f(a): return a * 3")),
    "no source, other names": (without_source("def f(a): return a.real"), without_source("def f(a): return a.imag")),
    "recursive": (fact_of(1), fact_of(2)),
    "cycles": (cycle(1), cycle(2)),
    "types": (int, float),
    "generators": (np.random.default_rng(1), np.random.default_rng(2)),
    "sets": ({1, 2}, {1, 3}),
    "ordered": (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
}


@pytest.mark.parametrize(("one", "other"), OTHERS.values(), ids=OTHERS)
def test_other_contents_have_other_digests(one, other):
    assert content_digest("value", one) != content_digest("value", other)


SAME = {
    "copies": lambda: PATTERNS.copy(),
    "closures": lambda: scaled_by(2),
    "objects": lambda: Scaled([1, {"b", "a"}]),
    "models": lambda: ClassicalHopfield(PATTERNS.copy()),
    "numbers": lambda: np.float64(2.5),
    "recursive": lambda: fact_of(3),
    "builtin": lambda: hypot,
    "compiled": lambda: np.sin,
    "paths": lambda: Path("a") / "b",
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_equal_contents_have_equal_digests(make):
    assert content_digest("value", make()) == content_digest("value", make())


def test_neither_orders_nor_shared_objects_nor_caches_count():
    assert content_digest("value", {"a": 1, "b": 2}) == content_digest("value", {"b": 2, "a": 1})
    assert content_digest("value", PATTERNS) == content_digest("value", np.asfortranarray(PATTERNS))
    shared = [1.5]
    assert content_digest("value", [shared, shared]) == content_digest("value", [[1.5], [1.5]])
    model, used = ClassicalHopfield(PATTERNS), ClassicalHopfield(PATTERNS)
    used.retrieve(PATTERNS[:1], steps=2)
    assert used.__dict__.keys() > model.__dict__.keys()  # it has cached something
    assert content_digest("value", used) == content_digest("value", model)


def test_tensors_are_told_apart():
    torch = pytest.importorskip("torch")
    one = content_digest("value", torch.arange(3.0))
    assert one == content_digest("value", torch.arange(3.0)) != content_digest("value", torch.arange(4.0))


SCRIPT = """
from tests.scan.test_contents import OTHERS, SAME
from assocmem.scan.contents import content_digest
for make in SAME.values():
    print(content_digest("value", make()))
for pair in OTHERS.values():
    print(*(content_digest("value", value) for value in pair))
names = {f"name {i}" for i in range(50)}
print(content_digest("value", [names, {name: {name} for name in names}]))
"""


def test_digests_are_the_same_in_every_process():
    outputs = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", SCRIPT]
        outputs.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == len(SAME) + 2 * len(OTHERS) + 1


def test_what_cannot_be_read_is_named(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    message = "{} must hold nothing but values whose content can be read, .*cannot pickle '_thread.lock'"
    with pytest.raises(TypeError, match=message.format("fixed parameter data")):
        scan(total, {"a": [1]}, fixed={"data": [threading.Lock()]}, **settings)
    with pytest.raises(TypeError, match=message.format("run")):
        scan(scaled_by(threading.Lock()), {"a": [1]}, **settings)
    with pytest.raises(TypeError, match=message.format("data")):
        scan(total, {"a": [1], "data": {"one": threading.Lock()}}, **settings)
    assert not (tmp_path / "store").exists()


def test_a_class_counts_with_its_methods():
    assert function_digest(Scaled(2)) != function_digest(Scaled(2).method)
    kinds = [without_source(f"class f:\n def __call__(self, a): return a * {factor}") for factor in (2, 3)]
    assert content_digest("value", kinds[0]()) != content_digest("value", kinds[1]())


def test_other_fixed_parameters_are_other_points(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    first = scan(total, {"a": [1, 2]}, fixed={"data": PATTERNS}, **settings)
    second = scan(total, {"a": [1, 2, 3]}, fixed={"data": OTHER}, **settings)
    np.testing.assert_array_equal(second.value, np.array([1, 2, 3]) + OTHER.sum())
    xr.testing.assert_equal(load_scan(tmp_path / "store"), second)
    again = scan(total, {"a": [1, 2]}, fixed={"data": PATTERNS}, **settings)
    xr.testing.assert_equal(again, first)  # with the same times: they were not run again


def test_other_objects_behind_labels_are_other_points(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    one, other = (ClassicalHopfield(sign * PATTERNS) for sign in (1, -1))
    first = scan(recalled, {"model": {"hebb": one, "other": other}, "a": [1, 2]}, **settings)
    second = scan(recalled, {"model": {"hebb": other}, "a": [1, 2]}, **settings)
    np.testing.assert_array_equal(second.value.values[0], -first.value.values[0])
    np.testing.assert_array_equal(second.value.values[0], first.value.values[1])
    xr.testing.assert_equal(load_scan(tmp_path / "store"), second)


@pytest.mark.parametrize("name", ["frozen arguments", "closures", "defaults", "callable objects", "bound methods"])
def test_a_function_that_holds_something_else_is_another_one(tmp_path, name):
    one, other = OTHERS[name] if name != "frozen arguments" else (partial(weighted, weights=w) for w in (1.0, 2.0))
    scan(one, {"a": [1]}, store=tmp_path / "store", **HERE)
    with pytest.raises(StoreError, match="was made by another scan .*source"):
        scan(other, {"a": [1]}, store=tmp_path / "store", **HERE)


def test_a_model_that_was_used_is_the_same(tmp_path):
    model = HopfieldFenchelYoung(PATTERNS, separation=Sparsemax(), beta=0.1)
    first = scan(recalled, {"a": [1]}, fixed={"model": model}, store=tmp_path / "store", **HERE)
    model.retrieve(PATTERNS, steps=2)
    xr.testing.assert_equal(scan(recalled, {"a": [1]}, fixed={"model": model}, store=tmp_path / "store", **HERE), first)
