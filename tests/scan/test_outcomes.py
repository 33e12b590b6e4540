"""Results become one Dataset only if they fit together; a point that does not fit fails alone, and says why."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

from assocmem.scan import ScanInterrupted, load_scan, scan

HERE = {"workers": 0, "progress": False}
FIRST = {"rate": 1.0, "trace": np.zeros(2)}


def at(results):
    """A function that returns the results at a = 0, 1, ... in turn."""

    def look_up(a):
        if isinstance(results[a], BaseException):
            raise results[a]
        return results[a]

    return look_up


def scanned(*results, **settings):
    return scan(at(results), {"a": list(range(len(results)))}, **HERE, **settings)


def on_units(units, values=(1.0, 2.0), **more):
    return xr.DataArray(list(values), {"unit": units, **more}, "unit")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({**FIRST, "extra": 2.0}, r"it has the results rate, trace, extra, that one rate, trace$"),
        ({"rate": 1.0}, r"it has the results rate, that one rate, trace$"),
        ({"rate": 1.0, "trace": np.zeros(3)}, r"'trace' has the sizes trace_0: 3, there trace_0: 2; return a summary"),
        (
            {"rate": 1.0, "trace": xr.DataArray([1.0, 2.0], dims="time")},
            r"'trace' has the sizes time: 2, there trace_0",
        ),
        ({"rate": "high", "trace": np.zeros(2)}, r"'rate' is a word, there a number"),
    ],
    ids=["more names", "fewer names", "sizes", "dimensions", "kinds"],
)
def test_a_result_that_differs_from_the_first_fails_alone(other, difference):
    found = scanned(ValueError("not this one"), FIRST, other, FIRST)
    assert found.status.values.tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(found.rate, [np.nan, 1, np.nan, 1])
    assert found.trace.shape == (4, 2)
    text = found.error.values[2]
    assert text.startswith("the result does not fit that of the point a = 1: ")
    assert re.search(difference, text)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (on_units([10, 12]), "the coordinate 'unit' has other values or dimensions"),
        (xr.DataArray([1.0, 2.0], dims="unit"), "it has the coordinates none, that one unit"),
        (on_units([10, 11], t=3.0), "it has the coordinates unit, t, that one unit"),
    ],
    ids=["values", "fewer", "more"],
)
def test_coordinates_that_differ_from_the_first_make_a_point_fail(other, difference):
    found = scanned(on_units([10, 11]), other)
    assert found.status.values.tolist() == [0, 1]
    assert difference in found.error.values[1]
    assert found.unit.values.tolist() == [10, 11]


def test_numbers_of_several_kinds_become_the_widest():
    found = scanned(True, 2, 0.5)
    assert found.value.values.tolist() == [1.0, 2.0, 0.5]
    assert scanned(1.0, 1j).value.dtype.kind == "c"


def test_coordinates_may_be_nan():
    found = scanned(on_units([0.5, np.nan]), on_units([0.5, np.nan], (3.0, 4.0)))
    assert found.status.values.tolist() == [0, 0]
    np.testing.assert_array_equal(found.unit, [0.5, np.nan])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            {"x": on_units([1, 2]), "y": on_units([3, 4])},
            "results of one point must share coordinates, but 'unit' of 'y'",
        ),
        (
            {"x": np.zeros(2), "y": xr.DataArray(np.zeros(3), dims="x_0")},
            "must share dimensions, but x_0 is 2 and 3 long",
        ),
        ({"x": xr.DataArray([1.0], dims="a")}, "must not have names of parameters .*, got a$"),
        ({"x": xr.DataArray([1.0], dims="repeat")}, "must not have names of parameters .*, got repeat$"),
        ({"seconds": 1.0, "a": 2}, "must not have names of parameters .*, got a, seconds$"),
        ({"unit": on_units([1, 2])}, "'unit' must not be a result and a dimension or coordinate"),
        (np.ma.masked_array([1, 2], [True, False]), "must not be masked, except for floats"),
    ],
)
def test_results_without_a_place_in_a_dataset_fail_and_say_why(result, message, recwarn):
    def one(a, seed):
        return result

    found = scan(one, {"a": [1]}, repeats=1, **HERE)
    assert found.status.values.tolist() == [[1]]
    assert re.search(f"(?m){message}", str(found.error.values[0, 0]))
    assert not recwarn.list


def test_an_interrupt_is_not_hidden_by_a_result_that_does_not_fit():
    with pytest.raises(ScanInterrupted, match="interrupted with 2 of 3 points finished") as caught:
        scanned(np.zeros(1), np.zeros(2), KeyboardInterrupt())
    assert caught.value.partial.status.values.tolist() == [0, 1, 2]


def test_a_store_keeps_results_that_did_not_fit(tmp_path):
    found = scanned(1.0, "one", store=tmp_path / "store")
    assert load_scan(tmp_path / "store").error.values[1] == found.error.values[1] != ""
    alone = load_scan(tmp_path / "store").isel(a=[1])
    assert alone.status.item() == 1
    kept = scan(at((1.0, "one")), {"a": [1]}, store=tmp_path / "store", **HERE)
    assert kept.value.values.tolist() == ["one"]


@pytest.mark.parametrize("threads", [0, 1])
def test_results_may_reuse_an_array(threads):
    buffer, labelled = np.zeros(2), xr.DataArray(np.zeros(2), {"unit": [0.0, 0.0]}, "unit")

    def fill(a):
        buffer[:], labelled[:] = a, a
        return {"plain": buffer, "labelled": labelled}

    settings = {"executor": ThreadPoolExecutor(1), "progress": False} if threads else HERE
    found = scan(fill, {"a": [1, 2, 3]}, **settings)
    assert found.plain.values.tolist() == found.labelled.values.tolist() == [[1, 1], [2, 2], [3, 3]]


def test_masked_floats_are_nan():
    found = scanned(np.ma.masked_array([1.0, 2.0], [True, False]), np.ma.masked_array([3.0, 4.0]))
    np.testing.assert_array_equal(found.value, [[np.nan, 2], [3, 4]])
    np.testing.assert_array_equal(scanned(np.ma.masked).value, [np.nan])


def test_one_long_traceback_does_not_cost_its_length_at_every_point():
    found = scanned(ValueError("x" * 3000), *range(500))
    assert found.error.nbytes <= 8 * 501
    assert "x" * 3000 in found.error.values[0]
    assert found.error.values[1] == ""


@pytest.mark.parametrize("engine", ["h5netcdf", "zarr"])
@pytest.mark.parametrize(
    "results", [(ValueError("Größe\n" + "x" * 3000), 1.0, "word"), (1.0, 2.0)], ids=["some", "none"]
)
def test_errors_survive_files(engine, results, tmp_path):
    pytest.importorskip(engine)
    found, path = scanned(*results), tmp_path / "scan"
    if engine == "zarr":
        found.to_zarr(path, consolidated=False)
        stored = xr.open_zarr(path, consolidated=False).load()
    else:
        found.to_netcdf(path, engine=engine)
        stored = xr.load_dataset(path, engine=engine)
    xr.testing.assert_identical(stored, found)
