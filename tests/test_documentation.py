"""What a reader of the guides copies must run, and the reference must name everything that is public."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [path for path in sorted(DOCS.glob("*.md")) if "```python" in path.read_text(encoding="utf-8")]
PUBLIC = """
    analysis estimators features graphs hierarchy image_hierarchy learning masks networks papers plotting recall reports
    scan separations similarities systems transformations variants
""".split()


def blocks_of(path):
    """Blocks of Python of a page, and the names of files that some of them begin with."""
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.S):
        name = re.match(r"# (\w+\.py)\n", block)
        yield block, name and name[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_code_of_a_guide_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace = {"__name__": page.stem}
    for number, (block, name) in enumerate(blocks_of(page)):
        script = tmp_path / (name or f"{page.stem}_{number}.py")
        script.write_text(block, encoding="utf-8")
        if name is None:  # the blocks of a page go on from each other
            exec(compile(block, str(script), "exec"), namespace)
        elif "__main__" in block:  # a script, as workers need one that they can import
            if "distributed" in block:
                pytest.importorskip("distributed")
            subprocess.run([sys.executable, script], check=True, cwd=tmp_path)
    for name in [name for _, name in blocks_of(page) if name]:
        sys.modules.pop(name.removesuffix(".py"), None)


def documented_names():
    """(module, name) of all lines in the tables of the reference."""
    module = None
    for path in sorted((DOCS / "api").glob("*.rst")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.fullmatch(r"   (\w+)", line):
                yield module, found[1]


@pytest.mark.parametrize("name", ["assocmem", *(f"assocmem.{name}" for name in PUBLIC)])
def test_the_reference_names_everything_public(name):
    if name == "assocmem.estimators":
        pytest.importorskip("sklearn")
    module, optional = importlib.import_module(name), ("assocmem.estimators", "assocmem.torch")
    names = [(home, own) for home, own in documented_names() if home == name or not home.startswith(optional)]
    # what has its page under another name, as it can be imported from two places, is named
    named = [getattr(importlib.import_module(home), own) for home, own in names]
    assert [own for own in module.__all__ if not any(getattr(module, own) is value for value in named)] == []
