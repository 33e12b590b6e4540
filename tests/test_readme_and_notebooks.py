"""What a reader copies must run: the README's Python and every notebook, from top to bottom."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run_block(number, folder):
    """Run a block of Python as a file of its own in `folder`."""
    script = folder / "example.py"
    script.write_text(BLOCKS[number], encoding="utf-8")
    exec(compile(BLOCKS[number], str(script), "exec"), {"__name__": "example"})


def test_readme_example_prints_its_number_and_saves_its_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_block(0, tmp_path)
    assert capsys.readouterr().out == "recalled within 1 mV: 1.00\n"
    assert (tmp_path / "recall.png").stat().st_size > 10_000


@pytest.mark.parametrize("number", range(1, len(BLOCKS)))
def test_readme_code_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_block(number, tmp_path)


def keep(notebook, name):
    """Leave an executed notebook where the documentation takes it from, so that it need not execute it again."""
    if folder := os.environ.get("ASSOCMEM_EXECUTED_NOTEBOOKS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_text(pytest.importorskip("nbformat").writes(notebook), encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_runs_from_top_to_bottom(path, tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    keep(notebook, path.name)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert any("image/png" in o.get("data", {}) for o in outputs)
