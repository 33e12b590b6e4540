"""The command line: exit codes, output, and what bad input gets."""

import json

import pytest
import xarray as xr

from assocmem import cli
from assocmem.papers.base import Claim, Experiment, Paper
from assocmem.papers.record import CLAIM_KEYS
from assocmem.plotting import make_figure


def experiment(name, ours):
    return Experiment(
        name,
        f"the title of {name}",
        lambda run: xr.Dataset({"value": ((), ours / ours)}),
        lambda dataset: make_figure(width="column", height=30)[0],
        lambda dataset: [Claim("value", "theory", "at_most", 2.0, float(dataset.value))],
    )


@pytest.fixture(autouse=True)
def papers(monkeypatch):
    made = {"here": Paper("here", "a title", "a reference", (experiment("good", 1.0), experiment("bad", 0)))}
    monkeypatch.setattr(cli, "PAPERS", made)


def test_one_experiment_is_reproduced_and_its_claims_are_printed(tmp_path, capsys):
    assert cli.main(["reproduce", "here/good", "--out", str(tmp_path), "--seed", "4"]) == 0
    assert (tmp_path / "here" / "good-quick.png").exists()
    assert "1 of 1 claims reproduced" in capsys.readouterr().out


def test_a_failing_experiment_sets_the_exit_code_only(tmp_path, capsys):
    assert cli.main(["reproduce", "--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out
    assert "1 of 1 claims reproduced" in out
    assert "failed: here/bad" in out


def test_claims_are_printed_as_rows_with_all_keys(tmp_path, capsys):
    cli.main(["reproduce", "here/good", "--out", str(tmp_path)])
    capsys.readouterr()
    assert cli.main(["claims", "--json", "--dir", str(tmp_path)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert tuple(row) == CLAIM_KEYS
    assert cli.main(["claims", "--dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(CLAIM_KEYS)
    assert len(lines) == 2


def test_no_record_is_said_so(tmp_path, capsys):
    assert cli.main(["claims", "--dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no claims recorded\n"
    assert cli.main(["claims", "--json", "--dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_list_names_papers_and_experiments(capsys):
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "here: a title" in out
    assert "here/good  the title of good" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "her"], "unknown paper 'her'; known: here"),
        (["reproduce", "here/goo"], "unknown experiment 'goo' of here; known: good, bad"),
        (["reproduce", "--seed", "-1"], "seed must be >= 0, got -1"),
        (["reproduce", "--threads", "0"], "threads must be >= 1, got 0"),
    ],
)
def test_bad_values_name_the_allowed_ones(arguments, message, capsys):
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "--scale", "huge"], "invalid choice: 'huge'"),
        (["reproduce", "--seed", "one"], "invalid int value: 'one'"),
        (["reprod"], "invalid choice: 'reprod'"),
        (["list", "--fast"], "unrecognized arguments: --fast"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_bad_usage_exits_with_code_two(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_an_interruption_has_the_exit_code_of_shells(monkeypatch, tmp_path):
    def interrupt(run):
        raise KeyboardInterrupt

    stopped = Experiment("stopped", "", interrupt, lambda ds: None, lambda ds: [])
    monkeypatch.setattr(cli, "PAPERS", {"here": Paper("here", "", "", (stopped,))})
    assert cli.main(["reproduce", "--out", str(tmp_path)]) == 130
