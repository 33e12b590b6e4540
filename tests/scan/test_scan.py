"""Scans give what the function gives, wherever it runs, and lose nothing that is finished."""

from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr

from assocmem.scan import Cost, RandomDesign, ScanError, ScanInterrupted, StoreError, Zipped, load_scan, scan, scan_cost
from tests.scan import functions


def positional(a, /):
    return a


HERE = {"workers": 0, "progress": False}
GRID = {"a": [1.0, 2.0], "b": [3.0, 4.0, 5.0]}


def test_a_grid_of_numbers():
    found = scan(functions.product, GRID, **HERE)
    np.testing.assert_array_equal(found.value, np.outer([1, 2], [3, 4, 5]))
    assert found.value.dims == ("a", "b")
    assert found.a.values.tolist() == [1, 2]
    assert set(found.status.values.ravel()) == {0}
    assert found.attrs["function"] == "tests.scan.functions.product"


def test_labelled_results_keep_their_dimensions_coordinates_and_units():
    found = scan(functions.labelled, {"a": [1.0, 2.0]}, fixed={"b": 5.0}, **HERE)
    assert found.rate.dims == ("a", "unit")
    np.testing.assert_array_equal(found.rate.sel(a=2.0), [0, 2, 4])
    assert found.rate.attrs["units"] == "Hz"
    assert found.unit.values.tolist() == [10, 11, 12]
    assert found["count"].dtype.kind == "i"


def test_several_results_at_once():
    found = scan(functions.several, {"a": [1, 2]}, **HERE)
    assert found.square.values.tolist() == [1, 4]
    assert found.pair.values.tolist() == [[1, -1], [2, -2]]
    assert found.is_large.values.tolist() == [False, True]


def test_zipped_and_random_points_are_a_list():
    found = scan(functions.product, Zipped(a=[1, 2, 3], b=[4, 5, 6]), **HERE)
    assert found.value.dims == ("point",)
    assert found.value.values.tolist() == [4, 10, 18]
    found = scan(functions.product, RandomDesign(5, seed=0, a=(0, 1), b=(1, 2)), **HERE)
    np.testing.assert_array_equal(found.value, found.a * found.b)


def test_repeats_have_seeds_of_their_own():
    found = scan(functions.noisy, {"a": [0.0, 10.0]}, repeats=50, **HERE)
    assert found.value.dims == ("a", "repeat")
    assert np.unique(found.value).size == 100
    assert abs(float(found.value.sel(a=0.0).mean())) < 5 / np.sqrt(50)
    wider = scan(functions.noisy, {"a": [10.0, 5.0, 0.0]}, repeats=20, **HERE)
    np.testing.assert_array_equal(wider.value.sel(a=[0.0, 10.0]), found.value[:, :20])


def executors():
    yield "threads", lambda: ThreadPoolExecutor(2)
    yield "processes", lambda: ProcessPoolExecutor(2, get_context("spawn"))


@pytest.mark.parametrize("make", [make for _, make in executors()], ids=[name for name, _ in executors()])
def test_any_executor_gives_the_same_bits(make):
    here = scan(functions.noisy, {"a": [0.0, 10.0]}, repeats=5, **HERE)
    with make() as executor:
        there = scan(functions.noisy, {"a": [0.0, 10.0]}, repeats=5, executor=executor, progress=False)
        executor.submit(int).result()  # it was not shut down
    xr.testing.assert_identical(here.drop_vars("seconds"), there.drop_vars("seconds"))


def test_workers_are_processes_with_one_thread():
    found = scan(functions.threads_here, {"a": [1, 2, 3]}, workers=2, progress=False)
    assert found.value.values.tolist() == [1, 1, 1]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_failing_point_is_recorded_and_the_scan_goes_on(workers):
    found = scan(functions.failing, {"a": [1, 2, 3]}, workers=workers, progress=False)
    np.testing.assert_array_equal(found.value, [1, np.nan, 3])
    assert found.status.values.tolist() == [0, 1, 0]
    assert "ValueError: two is not allowed" in str(found.error[1].values)


def test_if_all_points_fail_there_is_no_result_but_a_reason():
    found = scan(functions.failing, {"a": [2]}, **HERE)
    assert "value" not in found
    assert "two is not allowed" in str(found.error[0].values)


def test_a_point_that_kills_its_worker_fails_alone():
    found = scan(functions.dying, {"a": [0, 1, 2, 3, 4, 5]}, workers=2, progress=False)
    np.testing.assert_array_equal(found.value, [0, 1, np.nan, 3, 4, 5])
    assert "the worker process died" in str(found.error[2].values)


def test_finished_points_are_not_run_again(tmp_path):
    traces = tmp_path / "traces"
    traces.mkdir()
    settings = {"fixed": {"folder": str(traces)}, "store": tmp_path / "store", **HERE}
    first = scan(functions.counting, {"a": [1, 2]}, **settings)
    second = scan(functions.counting, {"a": [1, 2, 3]}, **settings)
    assert len(list(traces.iterdir())) == 3
    xr.testing.assert_equal(second.value.sel(a=[1, 2]), first.value)


def test_failed_points_are_retried_on_demand(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    first = scan(functions.failing, {"a": [1, 2]}, **settings)
    again = scan(functions.failing, {"a": [1, 2]}, **settings)
    assert float(again.seconds[1]) == float(first.seconds[1])
    retried = scan(functions.failing, {"a": [1, 2]}, retry_failed=True, **settings)
    assert float(retried.seconds[1]) != float(first.seconds[1])
    assert float(retried.seconds[0]) == float(first.seconds[0])


@pytest.mark.parametrize("change", ["truncated", "flipped", "empty"])
def test_damaged_points_are_run_again(tmp_path, change, caplog):
    settings = {"store": tmp_path / "store", **HERE}
    whole = scan(functions.product, GRID, **settings)
    victim = sorted((tmp_path / "store" / "points").iterdir())[2]
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes({"truncated": content[:-5], "flipped": content, "empty": b""}[change])
    again = scan(functions.product, GRID, **settings)
    xr.testing.assert_equal(again.value, whole.value)
    assert "1 damaged points are run again" in caplog.text


def test_a_store_of_another_scan_is_refused_unless_told_otherwise(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    scan(functions.product, GRID, **settings)
    with pytest.raises(StoreError, match="was made by another scan .function: 'tests.scan.functions.product' there"):
        scan(functions.labelled, GRID, **settings)
    found = scan(functions.labelled, GRID, accept_changes=True, **settings)
    assert "rate" not in found  # its points are those of the other function
    assert load_scan(tmp_path / "store").attrs["function"] == "tests.scan.functions.labelled"


def test_seeds_of_a_store_are_points_of_their_own(tmp_path):
    settings = {"repeats": 2, "store": tmp_path / "store", **HERE}
    first = scan(functions.noisy, {"a": [1.0]}, seed=0, **settings)
    second = scan(functions.noisy, {"a": [1.0]}, seed=1, **settings)
    assert np.unique([first.value, second.value]).size == 4
    xr.testing.assert_equal(load_scan(tmp_path / "store"), second)
    xr.testing.assert_equal(scan(functions.noisy, {"a": [1.0]}, seed=0, **settings), first)


def test_frozen_arguments_belong_to_the_function(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    assert scan(partial(functions.product, b=2.0), {"a": [3.0]}, **settings).value.item() == 6
    with pytest.raises(StoreError, match="source"):
        scan(partial(functions.product, b=3.0), {"a": [3.0]}, **settings)


def test_an_unreadable_manifest_is_reported(tmp_path):
    scan(functions.product, GRID, store=tmp_path / "store", **HERE)
    (tmp_path / "store" / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest.json must be the manifest of a scan"):
        scan(functions.product, GRID, store=tmp_path / "store", **HERE)


def test_a_store_needs_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        scan(functions.product, GRID, store=tmp_path / "file", **HERE)
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        scan(functions.product, GRID, store=tmp_path / "nowhere" / "store", **HERE)


def test_a_disk_that_fills_up_ends_the_scan_with_what_is_finished(tmp_path, monkeypatch):
    import assocmem.scan.store as store

    def full(source, target, count=[]):  # noqa: B006
        count.append(target)
        if len(count) > 3:
            raise OSError(28, "No space left on device")
        original(source, target)

    original = store.os.replace
    monkeypatch.setattr(store.os, "replace", full)
    with pytest.raises(ScanError, match="could not be written: .*No space left on device") as caught:
        scan(functions.product, GRID, store=tmp_path / "store", **HERE)
    assert int((caught.value.partial.status == 0).sum()) == 3
    monkeypatch.undo()
    assert not list((tmp_path / "store" / "points").glob("*.partial"))
    assert set(scan(functions.product, GRID, store=tmp_path / "store", **HERE).status.values.ravel()) == {0}


class Vanishing(Executor):
    """An executor that goes away after three points."""

    def __init__(self):
        self.n = 0

    def submit(self, function, *arguments):
        future = Future()
        self.n += 1
        if self.n > 3:
            future.set_exception(BrokenExecutor("gone"))
        else:
            future.set_result(function(*arguments))
        return future


def test_an_executor_that_goes_away_ends_the_scan_with_what_is_finished(tmp_path):
    with pytest.raises(ScanError, match="ended with 3 of 6 points finished") as caught:
        scan(functions.product, GRID, executor=Vanishing(), store=tmp_path / "store", progress=False)
    partial_result = caught.value.partial
    assert partial_result.status.values.ravel().tolist() == [0, 0, 0, 2, 2, 2]
    assert scan(functions.product, GRID, store=tmp_path / "store", **HERE).value.shape == (2, 3)


def test_an_interrupt_keeps_what_is_finished():
    class Stopping:
        def __call__(self, a):
            if a == 3:
                raise KeyboardInterrupt
            return float(a)

    with pytest.raises(ScanInterrupted, match="interrupted with 2 of 4 points finished") as caught:
        scan(Stopping(), {"a": [1, 2, 3, 4]}, **HERE)
    np.testing.assert_array_equal(caught.value.partial.value, [1, 2, np.nan, np.nan])


def test_results_go_through_files(tmp_path):
    found = scan(functions.failing, {"a": [1, 2, 3]}, **HERE)
    found.to_netcdf(tmp_path / "scan.nc", engine="h5netcdf")
    xr.testing.assert_equal(xr.load_dataset(tmp_path / "scan.nc", engine="h5netcdf"), found)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("product", GRID), {}, "run must be a function, got 'product'"),
        ((functions.product, {**GRID, "c": [1]}), {}, "run must take the parameters a, b, c by name: .*'c'"),
        ((functions.product, {"a": [1]}), {}, "run must take the parameters a by name: missing .* argument: 'b'"),
        ((positional, {"a": [1]}), {}, "run must take the parameters a by name: .*'a'"),
        ((partial(functions.product, 1), GRID), {}, "run must take the parameters a, b by name: .*'a'"),
        ((max, {"a": [1]}), {}, "run must be a function with known parameters: put it into one of yours"),
        ((functions.product, {"a": [1]}), {"fixed": 5}, "fixed must be a dict of names to values, got 5"),
        ((functions.product, {"a": [1]}), {"fixed": []}, r"fixed must be a dict of names to values, got \[\]"),
        ((functions.product, {"a": [1]}), {"fixed": {2: 1}}, "fixed must be a dict of names to values, got {2: 1}"),
        (
            (functions.noisy, {"a": [1]}),
            {"fixed": {"seed": 1}, "repeats": 2},
            "fixed must not have a seed if there are",
        ),
        ((functions.product, {"a": [1]}), {"fixed": {"a": 1}}, "fixed must not have parameters of the design, got a"),
        ((functions.product, GRID), {"repeats": 3}, "run must take a seed if there are repeats"),
        ((functions.noisy, {"a": [1]}), {"repeats": 0}, "repeats must be an integer >= 1"),
        ((functions.product, GRID), {"executor": 3}, "executor must have a method submit"),
        ((functions.product, GRID), {"workers": -1}, "workers must be an integer >= 0"),
        ((functions.product, GRID), {"workers": 2.5}, "workers must be an integer >= 0, got 2.5"),
        ((functions.product, GRID), {"seed": -1}, "seed must be an integer >= 0"),
        ((functions.product, GRID), {"progress": 1}, "progress must be True or False"),
    ],
)
def test_bad_arguments_are_refused(arguments, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        scan(*arguments, **{**HERE, **settings})


def test_integers_of_numpy_are_integers(tmp_path):
    found = scan(functions.noisy, {"a": [1.0]}, repeats=np.int64(2), seed=np.int64(3), store=tmp_path / "store", **HERE)
    again = scan(functions.noisy, {"a": [1.0]}, repeats=2, seed=3, store=tmp_path / "store", **HERE)
    xr.testing.assert_equal(again, found)


def test_a_fixed_seed_is_the_seed_of_all_points():
    found = scan(functions.noisy, {"a": [1.0, 2.0]}, fixed={"seed": 3}, **HERE)
    assert found.value.values[1] - found.value.values[0] == pytest.approx(1, rel=1e-15)  # one rounding of a sum


def test_a_function_that_cannot_be_sent_is_refused_at_once(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cloudpickle", None)
    with pytest.raises(TypeError, match="run cannot be sent to other processes .*workers=0"):
        scan(lambda a: a, {"a": [1]}, workers=1, progress=False)


def test_cost_is_the_time_of_a_point_times_their_number():
    cost = scan_cost(functions.noisy, {"a": range(100)}, repeats=3, workers=2)
    assert (cost.n_points, cost.n_workers) == (300, 2)
    assert cost.seconds == 150 * cost.seconds_per_point > 0
    assert str(Cost(300, 0.01, 2)) == "300 points of 0.01 s on 2 workers: about 00:01"


def test_a_point_is_not_divided_among_workers():
    assert Cost(1, 2.0, 8).seconds == 2
    assert Cost(9, 2.0, 8).seconds == 4
    assert Cost(16, 2.0, 8).seconds == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 2.5}, "workers must be an integer >= 0, got 2.5"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"fixed": 5}, "fixed must be a dict"),
    ],
)
def test_a_cost_has_the_arguments_of_a_scan(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        scan_cost(functions.noisy, {"a": [1.0]}, **settings)


def test_a_cost_cannot_be_had_of_a_point_that_fails():
    with pytest.raises(RuntimeError, match="two is not allowed"):
        scan_cost(functions.failing, {"a": [1, 2, 3]})


@pytest.mark.parametrize("design", [GRID, Zipped(a=[1.0, 2.0, 2.0], b=[3.0, 4.0, 5.0])], ids=["grid", "points"])
def test_a_store_is_read_without_its_function(tmp_path, design):
    found = scan(functions.product, design, store=tmp_path / "store", **HERE)
    again = load_scan(tmp_path / "store")
    xr.testing.assert_equal(again, found)
    assert again.attrs["function"] == "tests.scan.functions.product"
    (sorted((tmp_path / "store" / "points").iterdir())[0]).unlink()
    assert sorted(load_scan(tmp_path / "store").status.values.ravel())[-1] == 2


def test_repeats_and_fixed_parameters_are_read_from_a_store(tmp_path):
    settings = {"store": tmp_path / "store", **HERE}
    found = scan(functions.labelled, {"a": [1.0, 2.0]}, fixed={"b": 3.0}, repeats=2, **settings)
    again = load_scan(tmp_path / "store")
    xr.testing.assert_equal(again, found)
    assert again.attrs["fixed_b"] == "3.0"


def test_only_stores_are_read(tmp_path):
    with pytest.raises(StoreError, match="store must be a folder with the manifest of a scan"):
        load_scan(tmp_path)
