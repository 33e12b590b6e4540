"""The rules of the architecture, checked on the source."""

import ast
from pathlib import Path

import pytest

import assocmem

PACKAGE = Path(assocmem.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [
    ["jit"],
    ["errors", "threads", "validation", "kernels", "random", "integrators", "adaptive", "inputs", "images"]
    + [
        "separations",
        "transformations",
        "features",
        "feature_association",
        "masks",
        "similarities",
        "variants",
        "patterns",
    ]
    + ["graphs", "hierarchy", "image_hierarchy"],
    ["observables", "models", "networks", "learning", "provenance", "recall", "torch"],
    ["estimators"],
    ["ensemble", "checks", "run", "simulate", "retrieval", "systems"],
    ["analysis", "scan"],
    ["plotting"],
    ["papers", "bench", "warmup", "reports"],
    ["cli"],
    ["__init__", "__main__"],
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


def name_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Modules imported anywhere in a file, as tuples of their parts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((*node.module.split("."), alias.name) for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_never_go_up(path):
    own = [parts[1:2] or ("__init__",) for parts in imports_of(path) if parts[0] == "assocmem"]
    assert {name for (name,) in own if LAYER[name] > LAYER[name_of(path)]} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_jit_compiles(path):
    # intrinsics need Numba's types to emit instructions; compilation itself has one home
    decorators = [p for p in imports_of(path) if p[0] == "numba" and p[1:2] != ("core",)]
    assert name_of(path) == "jit" or decorators == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_figures_import_matplotlib(path):
    is_drawing = name_of(path) in ("plotting", "papers")
    assert is_drawing or not any(parts[0] == "matplotlib" for parts in imports_of(path))


@pytest.mark.parametrize("name", ["analysis", "plotting"])
def test_analysis_and_plotting_know_no_model(name):
    parts = {p[1] for path in (PACKAGE / name).rglob("*.py") for p in imports_of(path) if p[0] == "assocmem"}
    assert "models" not in parts
