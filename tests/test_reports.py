"""The page about a scan holds everything it speaks of, in one file that browsers can read."""

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from assocmem import cli
from assocmem.plotting.style import INHIBITORY
from assocmem.reports import write_scan_report
from assocmem.scan import StoreError, scan
from tests.scan import functions

HERE = {"workers": 0, "progress": False}
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Checks that tags are closed in order; collects texts and images."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


@pytest.fixture
def store(tmp_path):
    scan(functions.failing, {"a": [1, 2, 3]}, store=tmp_path / "a <study>", **HERE)
    return tmp_path / "a <study>"


def test_a_report_has_results_parameters_provenance_and_failures(store):
    reader = read(write_scan_report(store))
    text = " ".join(reader.texts)
    assert "a <study>" in text
    assert "3 points: 2 done, 1 failed" in text
    assert "ValueError: two is not allowed" in text
    assert "a = 2" in text
    assert "tests.scan.functions.failing" in text
    assert [image["alt"] for image in reader.images] == ["value"]
    assert base64.b64decode(reader.images[0]["src"].split(",")[1]).startswith(b"\x89PNG")


def test_a_report_needs_no_other_file(store):
    page = write_scan_report(store).read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_results_that_cannot_be_drawn_are_listed(tmp_path):
    scan(functions.several, {"a": [1, 2]}, store=tmp_path / "store", **HERE)
    reader = read(write_scan_report(tmp_path / "store", tmp_path / "page.html"))
    assert [image["alt"] for image in reader.images] == ["square", "is_large"]
    assert "pair" in reader.texts


def test_names_and_words_are_not_taken_for_mathematics(tmp_path):
    name = r"$\frac$"
    scan(lambda a: {name: 1.0}, {"a": {"$a_$": 1, "other": 2}}, store=tmp_path / "store", **HERE)
    reader = read(write_scan_report(tmp_path / "store"))
    assert [image["alt"] for image in reader.images] == [name]


def test_words_are_counted_and_complex_results_named(tmp_path):
    def run(a):
        if a == 5:
            raise ValueError("not five")
        return {"phase": "low" if a < 3 else "<high>", "eigenvalue": 1j * a, "words": np.array(["x", "y"])}

    scan(run, {"a": [1, 2, 3, 4, 5, 0]}, store=tmp_path / "store", **HERE)
    reader = read(write_scan_report(tmp_path / "store"))
    start = reader.texts.index("word")
    assert reader.texts[start + 2 : start + 8] == ["phase", "low", "3", "phase", "<high>", "2"]
    listed = reader.texts[reader.texts.index("Not drawn:") :]
    assert "eigenvalue" in listed
    assert "words" in listed
    assert not reader.images


def test_only_the_most_frequent_of_many_words_are_counted(tmp_path):
    scan(lambda a: f"word {a}", {"a": list(range(50))}, store=tmp_path / "store", **HERE)
    reader = read(write_scan_report(tmp_path / "store"))
    assert sum(text.startswith("word ") for text in reader.texts) == 20
    assert "30 others" in reader.texts


def test_scalar_coordinates_of_results_are_parameters_of_one_value(tmp_path):
    scan(lambda a: xr.DataArray(1.0, {"time": 3.5}), {"a": [1, 2]}, store=tmp_path / "store", **HERE)
    assert "3.5" in read(write_scan_report(tmp_path / "store")).texts


def test_the_command_writes_the_page(store, tmp_path, capsys):
    assert cli.main(["report", str(store), "--out", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page.html")
    assert cli.main(["report", str(tmp_path)]) == 1
    assert "store must be a folder with the manifest of a scan" in capsys.readouterr().err


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(StoreError, match="store must be a folder with the manifest of a scan"):
        write_scan_report(tmp_path)


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium")
    return found


def in_browser(browser, folder, *task):
    """What a browser without a screen and without a network prints."""
    offline = "--disable-background-networking --disable-component-update --disable-sync --no-first-run".split()
    command = [browser, "--headless", "--disable-gpu", "--no-sandbox", f"--user-data-dir={folder}", *offline, *task]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_browser_reads_the_page(browser, store, tmp_path):
    shown = in_browser(browser, tmp_path / "profile", "--dump-dom", write_scan_report(store).resolve().as_uri())
    assert "two is not allowed" in shown


def test_a_browser_draws_the_figures(browser, store, tmp_path):
    picture, page = tmp_path / "page.png", write_scan_report(store).resolve().as_uri()
    in_browser(browser, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1200,2500", page)
    pixels = imread(picture)[..., :3]
    is_curve = np.abs(pixels - to_rgb(INHIBITORY)).max(axis=-1) < 0.05  # the colour of curves, which no text has
    assert is_curve.sum() > 20
