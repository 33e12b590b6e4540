"""A reproduction goes on after failures, keeps what is finished, and records it."""

import pytest
import xarray as xr

from assocmem.images import MissingExtra
from assocmem.papers.base import Claim, Experiment, Paper, Run
from assocmem.papers.record import read_claims
from assocmem.papers.reproduce import reproduce
from assocmem.plotting import make_figure


def fail(run):
    raise RuntimeError("no luck")


def lack(run):
    raise MissingExtra("pip install 'assocmem[data]'")


def interrupt(run):
    raise KeyboardInterrupt


def experiment(name, compute=lambda run: xr.Dataset({"value": ((), 2.0)})):
    return Experiment(
        name,
        f"the title of {name}",
        compute,
        lambda dataset: make_figure(width="column", height=30)[0],
        lambda dataset: [Claim("value", "theory", "at_most", 2.0, float(dataset.value))],
    )


@pytest.fixture
def run_all(tmp_path):
    def run(*experiments):
        paper = Paper("paper", "", "", experiments)
        lines = []
        pairs = [(paper, e) for e in experiments]
        return reproduce(pairs, Run(seed=5), folder=tmp_path, report=lines.append), "\n".join(lines)

    return run


def test_everything_is_written_by_experiment_and_scale(run_all, tmp_path):
    outcome, _ = run_all(experiment("one"))
    assert outcome.finished == ("paper/one",)
    assert sorted(p.name for p in (tmp_path / "paper").iterdir()) == [
        "one-quick.nc",
        "one-quick.pdf",
        "one-quick.png",
    ]
    (row,) = read_claims(tmp_path)
    assert (row["paper"], row["experiment"], row["scale"], row["seed"]) == ("paper", "one", "quick", 5)
    assert row["verdict"] == "reproduced"


def test_a_failure_stops_no_other_experiment(run_all, tmp_path):
    outcome, text = run_all(experiment("one", fail), experiment("two"))
    assert (outcome.finished, outcome.failed) == (("paper/two",), ("paper/one",))
    assert not outcome.is_interrupted
    assert "RuntimeError: no luck" in text
    assert [row["experiment"] for row in read_claims(tmp_path)] == ["two"]


def test_an_interruption_keeps_what_is_finished(run_all, tmp_path):
    outcome, _ = run_all(experiment("one"), experiment("two", interrupt), experiment("three"))
    assert outcome.is_interrupted
    assert outcome.finished == ("paper/one",)
    assert [row["experiment"] for row in read_claims(tmp_path)] == ["one"]


def test_titles_and_progress_are_reported(run_all):
    _, text = run_all(experiment("one"), experiment("two"))
    assert "[2/2] paper/two: the title of two" in text


def test_an_experiment_without_its_package_is_skipped_and_says_so(run_all):
    outcome, text = run_all(experiment("one", lack), experiment("two"))
    assert (outcome.finished, outcome.failed, outcome.skipped) == (("paper/two",), (), ("paper/one",))
    assert "skipped: pip install 'assocmem[data]'" in text
