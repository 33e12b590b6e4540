"""Scans on a cluster of dask: here one of two processes of this machine."""

import pytest
import xarray as xr

from assocmem.scan import scan
from tests.scan import functions

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        yield client


def test_a_cluster_gives_the_same_bits(client, tmp_path):
    here = scan(functions.noisy, {"a": [0.0, 10.0]}, repeats=5, workers=0, progress=False)
    settings = {"repeats": 5, "executor": client.get_executor(), "store": tmp_path / "store", "progress": False}
    there = scan(functions.noisy, {"a": [0.0, 10.0]}, **settings)
    xr.testing.assert_identical(here.drop_vars("seconds"), there.drop_vars("seconds"))
    again = scan(functions.noisy, {"a": [0.0, 10.0]}, **settings)
    xr.testing.assert_identical(again, there)


def test_failures_and_threads_on_a_cluster(client):
    found = scan(functions.failing, {"a": [1, 2, 3]}, executor=client.get_executor(), progress=False)
    assert found.status.values.tolist() == [0, 1, 0]
    threads = scan(functions.threads_here, {"a": [1, 2, 3]}, executor=client.get_executor(), progress=False)
    assert threads.value.values.tolist() == [1, 1, 1]
