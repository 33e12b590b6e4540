"""Verdicts follow their rules, runs are checked, names are looked up."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from assocmem.papers.base import Claim, Experiment, Paper, Run, sampling_tolerance, select
from assocmem.provenance import package_version


def claim(comparison, theirs, ours, tolerance=0.0):
    return Claim("it holds", "paper", comparison, theirs, ours, tolerance, "why", "mV")


@pytest.mark.parametrize(
    ("comparison", "theirs", "ours", "tolerance", "holds"),
    [
        ("close", 1.0, 1.25, 0.25, True),
        ("close", 1.0, 1.26, 0.25, False),
        ("at_least", 1.0, 0.75, 0.25, True),
        ("at_least", 1.0, 0.74, 0.25, False),
        ("at_most", 1.0, 1.25, 0.25, True),
        ("at_most", 1.0, 1.26, 0.25, False),
        ("between", (1.0, 2.0), 0.75, 0.25, True),
        ("between", (1.0, 2.0), 2.26, 0.25, False),
        ("close", 1.0, np.nan, 9.0, False),
        ("at_least", 1.0, np.nan, 9.0, False),
        ("at_most", 1.0, np.nan, 9.0, False),
        ("between", (1.0, 2.0), np.nan, 9.0, False),
    ],
)
def test_the_verdict_follows_the_rule(comparison, theirs, ours, tolerance, holds):
    expected = "reproduced" if holds else "not reproduced"
    assert claim(comparison, theirs, ours, tolerance).verdict == expected


def test_a_row_says_whose_number_it_is_and_why_the_tolerance():
    assert claim("between", (1.0, 2.0), 1.51234, 0.1).row() == {
        "claim": "it holds",
        "theirs": "paper: 1 to 2 mV",
        "ours": "1.51 mV",
        "tolerance": "0.1 mV (why)",
        "verdict": "reproduced",
    }


def test_bad_claims_are_refused():
    with pytest.raises(ValueError, match="comparison must be one of close, .*, got 'equal'"):
        claim("equal", 1.0, 1.0)
    with pytest.raises(ValueError, match="theirs must be a pair for 'between'"):
        claim("between", 1.0, 1.0)
    with pytest.raises(ValueError, match="tolerance must be >= 0, got -1"):
        claim("close", 1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="source must be one of paper, .*, got 'rumour'"):
        Claim("it holds", "rumour", "close", 1.0, 1.0)


def test_bad_runs_are_refused():
    with pytest.raises(ValueError, match="scale must be one of quick, paper, got 'huge'"):
        Run("huge")
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        Run(seed=-1)
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        Run(threads=0)


def test_seeds_differ_by_purpose_and_by_run():
    seeds = {Run(seed=seed).seed_for(purpose) for seed in (0, 1) for purpose in ("cues", "noise")}
    assert len(seeds) == 4
    assert Run(seed=1).seed_for("cues") == Run(scale="paper", seed=1).seed_for("cues")


def test_an_experiment_writes_the_run_into_the_attrs():
    experiment = Experiment("one", "first", lambda run: xr.Dataset(), lambda ds: Figure(), lambda ds: [])
    attrs = experiment.run(Run(seed=3)).attrs
    assert attrs == {"experiment": "one", "scale": "quick", "seed": 3, "version": package_version()}


@pytest.fixture
def papers():
    made = [Experiment(name, "", xr.Dataset, Figure, list) for name in ("one", "two")]
    return {"here": Paper("here", "", "", tuple(made)), "there": Paper("there", "", "", (made[0],))}


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (None, ["here/one", "here/two", "there/one"]),
        ("here", ["here/one", "here/two"]),
        ("here/two", ["here/two"]),
    ],
)
def test_a_target_selects_experiments(papers, target, names):
    assert [f"{paper.name}/{experiment.name}" for paper, experiment in select(papers, target)] == names


def test_unknown_names_list_the_known_ones(papers):
    with pytest.raises(ValueError, match="unknown paper 'her'; known: here, there"):
        select(papers, "her")
    with pytest.raises(ValueError, match="unknown experiment 'three' of here; known: one, two"):
        select(papers, "here/three")


@pytest.mark.parametrize(
    ("theirs", "n", "tolerance"),
    [(0.5, 100, 2 * 0.5 * (2 / 100) ** 0.5), (1.0, 296, 2 * (2 * 298 * 2 / 300**2 / 296) ** 0.5)],
)
def test_tolerance_of_a_fraction_follows_from_its_trials(theirs, n, tolerance):
    assert sampling_tolerance(theirs, n)[0] == pytest.approx(tolerance)


def test_items_are_mapped_in_their_order():
    assert Run(threads=2).map(lambda k: k**2, range(20), label="squares") == [k**2 for k in range(20)]


def test_an_error_of_an_item_is_raised():
    with pytest.raises(ZeroDivisionError):
        Run(threads=2).map(lambda k: 1 / k, [1, 0, 2], label="inverses")


def test_files_of_the_user_are_found_where_they_exist(tmp_path):
    (tmp_path / "there.txt").write_text("")
    run = Run(data=tmp_path)
    assert run.data_file("there.txt") == tmp_path / "there.txt"
    assert run.data_file("not_there.txt") is None and Run().data_file("there.txt") is None


def test_data_must_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="data must be a folder, got "):
        Run(data=tmp_path / "nowhere")
