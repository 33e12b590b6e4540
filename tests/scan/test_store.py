"""Stores are read by anyone and written by many; what is none is never taken for one."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import assocmem.scan.store as module
from assocmem.reports import write_scan_report
from assocmem.scan import StoreError, load_scan, scan
from tests.scan import functions

HERE = {"workers": 0, "progress": False}
GRID = {"a": [1.0, 2.0], "b": [3.0, 4.0, 5.0]}


@pytest.fixture
def store(tmp_path):
    scan(functions.product, GRID, store=tmp_path / "store", **HERE)
    return tmp_path / "store"


@pytest.fixture
def read_only(store, monkeypatch):
    """A disk that refuses to write, also for root, whom permissions do not stop."""

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    for owner, name in ((os, "replace"), (Path, "mkdir"), (Path, "write_bytes"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    return store


def files_of(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_store_that_cannot_be_written_is_read(read_only, tmp_path):
    found = load_scan(read_only)
    np.testing.assert_array_equal(found.value, np.outer([1, 2], [3, 4, 5]))
    assert write_scan_report(read_only, tmp_path / "report.html").stat().st_size > 1000
    xr.testing.assert_equal(scan(functions.product, GRID, store=read_only, **HERE), found)
    some = scan(functions.product, {"a": [2.0], "b": [4.0]}, store=read_only, **HERE)
    assert some.value.item() == 8


def test_a_store_that_cannot_be_written_gets_no_points(read_only):
    with pytest.raises(StoreError, match="must be a folder that can be written: .*Read-only file system"):
        scan(functions.product, {"a": [7.0], "b": [3.0]}, store=read_only, **HERE)


def test_a_manifest_that_has_not_changed_is_not_written(store):
    before = files_of(store)
    scan(functions.product, GRID, store=store, **HERE)
    assert files_of(store) == before


def test_reading_writes_nothing(store, tmp_path):
    (store / "points" / "a.point.here-1-2.partial").touch()
    os.utime(store / "points" / "a.point.here-1-2.partial", (0, 0))
    before = files_of(store)
    load_scan(store)
    write_scan_report(store, tmp_path / "report.html")
    assert files_of(store) == before


def test_files_that_are_being_written_by_others_are_left_alone(store):
    new, old = (store / "points" / f"{name}.point.elsewhere-1-2.partial" for name in ("new", "old"))
    new.touch()
    old.touch()
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    scan(functions.product, {"a": [7.0], "b": [3.0]}, store=store, **HERE)
    assert new.exists()
    assert not old.exists()


@pytest.mark.parametrize("is_writer", [False, True], ids=["read", "written"])
def test_a_store_that_others_open_while_a_point_is_written_loses_nothing(tmp_path, monkeypatch, is_writer):
    settings, original = {"store": tmp_path / "store", **HERE}, os.replace

    def open_it(number):
        if is_writer:
            scan(functions.product, {"a": [100.0 + number], "b": [3.0]}, **settings)
        elif number > 1:  # the manifest is the first file
            load_scan(tmp_path / "store")

    def interfere(source, target, opened=[]):  # noqa: B006
        opened.append(target)
        monkeypatch.setattr(os, "replace", original)
        with ThreadPoolExecutor(1) as other:
            other.submit(open_it, len(opened)).result()
        monkeypatch.setattr(os, "replace", interfere)
        original(source, target)

    monkeypatch.setattr(os, "replace", interfere)
    found = scan(functions.product, GRID, **settings)
    monkeypatch.undo()
    assert set(found.status.values.ravel()) == {0}
    xr.testing.assert_equal(scan(functions.product, GRID, **settings), found)
    assert not list((tmp_path / "store").rglob("*.partial"))


def with_other(**changes):
    return lambda manifest: json.dumps({**manifest, **changes})


MANIFESTS = {
    "null": (lambda _: "null", "it has to hold an object, got null"),
    "a list": (lambda _: "[]", r"it has to hold an object, got \[\]"),
    "empty": (lambda _: "", "Expecting value"),
    "nothing in it": (lambda _: "{}", "it lacks format, function, source"),
    "half": (lambda manifest: json.dumps(manifest)[:200], "Expecting|Unterminated"),
    "other bytes": (lambda _: b"\xff\xfe", "can't decode"),
    "another format": (with_other(format=1), "it is of format 1, and this version reads 2"),
    "other types": (with_other(repeats="x", fixed=[]), "the type of repeats, fixed is wrong"),
}


@pytest.mark.parametrize(("change", "message"), MANIFESTS.values(), ids=MANIFESTS)
@pytest.mark.parametrize("accept_changes", [False, True])
def test_a_bad_manifest_is_reported(store, change, message, accept_changes):
    path = store / "manifest.json"
    content = change(json.loads(path.read_text()))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StoreError, match=f"manifest.json must be the manifest of a scan: .*({message})"):
        load_scan(store)
    with pytest.raises(StoreError, match=f"manifest.json must be the manifest of a scan: .*({message})"):
        scan(functions.product, GRID, accept_changes=accept_changes, store=store, **HERE)


BROKEN = {
    "no kind": {"design": {}},
    "no axes": {"design": {"kind": "grid", "axes": {}}},
    "no values": {"design": {"kind": "grid", "axes": {"a": None}}},
    "no list": {"design": {"kind": "grid", "axes": [1]}},
    "no contents": {"contents": {}},
    "no digests": {"contents": {"fixed": {}, "axes": {"a": []}}},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_a_manifest_that_describes_no_scan_is_reported(store, changes):
    path = store / "manifest.json"
    path.write_text(with_other(**changes)(json.loads(path.read_text())))
    with pytest.raises(StoreError, match="does not describe a scan"):
        load_scan(store)


def test_points_without_a_manifest_are_no_new_store(store):
    (store / "manifest.json").unlink()
    for accept_changes in (False, True):
        with pytest.raises(StoreError, match="has points but no manifest that says what they are"):
            scan(functions.product, GRID, store=store, accept_changes=accept_changes, **HERE)
