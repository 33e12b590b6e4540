"""The record on disk: atomic, merged by experiment and scale, checked when read."""

import json

import numpy as np
import pytest
import xarray as xr

from assocmem.papers.record import (
    CLAIM_KEYS,
    claims_table,
    merge_claims,
    read_claims,
    save_dataset,
    save_figure,
    write_atomically,
)
from assocmem.plotting import make_figure, style


def row(**changes):
    return dict.fromkeys(CLAIM_KEYS, "x") | {"seed": 0} | changes


def test_an_empty_folder_has_no_claims(tmp_path):
    assert read_claims(tmp_path) == []


def test_claims_are_read_as_recorded(tmp_path):
    merge_claims([row(claim="a"), row(claim="b")], tmp_path)
    assert read_claims(tmp_path) == [row(claim="a"), row(claim="b")]


def test_a_rerun_replaces_its_own_claims_and_no_others(tmp_path):
    merge_claims([row(claim="old"), row(claim="gone")], tmp_path)
    merge_claims([row(scale="paper"), row(experiment="other")], tmp_path)
    merged = merge_claims([row(claim="new", seed=1)], tmp_path)
    assert merged == [row(claim="new", seed=1), row(scale="paper"), row(experiment="other")]


def test_a_broken_record_is_not_overwritten(tmp_path):
    (tmp_path / "claims.json").write_text("{")
    with pytest.raises(ValueError, match="must be a list of claims"):
        merge_claims([row()], tmp_path)
    assert (tmp_path / "claims.json").read_text() == "{"


def test_rows_with_other_keys_are_refused(tmp_path):
    (tmp_path / "claims.json").write_text(json.dumps([{"claim": "a"}]))
    with pytest.raises(ValueError, match="with the keys paper, experiment"):
        read_claims(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_datasets_survive_the_round_trip(tmp_path):
    dataset = xr.Dataset(
        {
            "value": (("kind", "unit"), np.arange(6.0).reshape(2, 3), {"units": "Hz"}),
            "is_held": ("unit", [True] * 3),
        },
        coords={"kind": ["a", "b"]},
        attrs={"seed": 3},
    )
    save_dataset(dataset, tmp_path / "below" / "data.nc")
    with xr.open_dataset(tmp_path / "below" / "data.nc", engine="h5netcdf") as file:
        xr.testing.assert_identical(file.load(), dataset)


def test_figures_are_written_as_png_and_pdf_with_equal_bytes_each_time(tmp_path):
    for name in ("first", "second"):
        with style():
            figure, _ = make_figure(width="column", height=40)
        save_figure(figure, tmp_path / name)
    for suffix in (".png", ".pdf"):
        first = (tmp_path / f"first{suffix}").read_bytes()
        assert first == (tmp_path / f"second{suffix}").read_bytes()


def test_the_table_has_a_line_per_claim():
    lines = claims_table([row(claim="short"), row(claim="much longer")], keys=("claim", "seed")).splitlines()
    assert lines == ["claim        seed", "short        0", "much longer  0"]


def test_an_empty_table_says_so():
    assert claims_table([]) == "no claims recorded"
