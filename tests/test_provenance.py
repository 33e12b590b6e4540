"""Descriptions of models as JSON."""

import json

import numpy as np

from assocmem.provenance import describe


def test_infinities_in_arrays_are_words():
    found = describe({"a": np.array([1.0, np.inf]), "b": np.array([[np.nan, 2.0]]), "c": np.float32(-np.inf)})
    assert found == {"a": [1.0, "inf"], "b": [["nan", 2.0]], "c": "-inf"}
    json.dumps(found, allow_nan=False)


def test_large_arrays_are_checksums():
    one, other = (describe(np.arange(100.0) + shift) for shift in (0, 1))
    assert one["shape"] == [100]
    assert one["sha256"] != other["sha256"]
