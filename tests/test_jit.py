"""Kernels, compiled loops and what their cache may and may not reuse."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import assocmem
from assocmem import jit

SCRIPT = """
import sys, numpy as np
import user_kernels
from assocmem.jit import compile_loop
loop = compile_loop(user_kernels.factory, user_kernels.scale)
out = np.zeros(3)
loop(np.arange(3.0), out)
print(out.tolist(), sum(loop.stats.cache_hits.values()))
"""
KERNELS = """
from assocmem.jit import kernel
from user_helper import FACTOR, shift

@kernel
def scale(x, out):
    for i in range(x.size):
        out[i] = shift(FACTOR * x[i])

def factory(f):
    def loop(x, out):
        f(x, out)
    return loop
"""
HELPER = """
from assocmem.jit import kernel
FACTOR = 2.0

@kernel
def shift(x):
    return x + 1.0
"""


@pytest.fixture
def user_project(tmp_path):
    """A user's modules, a private copy of the package and a private cache; returns a function that runs the script."""
    shutil.copytree(Path(assocmem.__file__).parent, tmp_path / "assocmem", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "user_kernels.py").write_text(KERNELS)
    (tmp_path / "user_helper.py").write_text(HELPER)

    def run(script=SCRIPT, **environment):
        env = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache"), **environment}
        done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_second_process_hits_the_cache(user_project):
    assert user_project() == "[1.0, 3.0, 5.0] 0"
    assert user_project() == "[1.0, 3.0, 5.0] 1"


def test_every_edit_gives_the_new_numbers(user_project, tmp_path):
    user_project()
    helper, kernels, package = tmp_path / "user_helper.py", tmp_path / "user_kernels.py", tmp_path / "assocmem"
    helper.write_text(HELPER.replace("FACTOR = 2.0", "FACTOR = 4.0"))
    assert user_project() == "[1.0, 5.0, 9.0] 0"
    helper.write_text(HELPER.replace("FACTOR = 2.0", "FACTOR = 4.0").replace("x + 1.0", "x + 3.0"))
    assert user_project() == "[3.0, 7.0, 11.0] 0"
    kernels.write_text(KERNELS.replace("FACTOR * x[i]", "FACTOR * x[i] * x[i]"))
    assert user_project() == "[3.0, 7.0, 19.0] 0"
    with (package / "integrators.py").open("a") as file:
        file.write("\n# an edit of a compiled layer\n")
    assert user_project() == "[3.0, 7.0, 19.0] 0"
    with (package / "simulate.py").open("a") as file:
        file.write("\n# an edit elsewhere recompiles nothing\n")
    assert user_project() == "[3.0, 7.0, 19.0] 1"


def test_the_environment_turns_the_cache_off(user_project):
    user_project(ASSOCMEM_CACHE="0")
    assert user_project(ASSOCMEM_CACHE="0").endswith(" 0")


def test_a_kernel_of_the_main_module_works_uncached(user_project):
    script = KERNELS + SCRIPT.replace("user_kernels.", "").replace("import user_kernels", "")
    assert user_project(script) == "[1.0, 3.0, 5.0] 0"
    assert user_project(script) == "[1.0, 3.0, 5.0] 0"


def test_a_spawned_worker_hits_the_cache(user_project):
    user_project()
    spawn = "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', %r], text=True))"
    assert user_project(spawn % SCRIPT) == "[1.0, 3.0, 5.0] 1"


def test_an_unwritable_cache_is_no_obstacle(user_project, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert user_project(NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "[1.0, 3.0, 5.0] 0"


def test_loops_are_memoised():
    assert jit.compile_loop(_factory, _double) is jit.compile_loop(_factory, _double)


def test_a_kernel_stays_a_python_function():
    assert jit.is_kernel(jit.kernel(_double)) and _double(2.0) == 4.0


def test_a_kernel_must_be_a_function():
    with pytest.raises(TypeError, match="a kernel must be a plain Python function, got 3"):
        jit.kernel(3)


def test_fingerprint_sees_constants_and_closures():
    prints = {jit.fingerprint(_closed_over(1.0)), jit.fingerprint(_closed_over(2.0)), jit.fingerprint(_double)}
    assert len(prints) == 3


def _double(x):
    return 2.0 * x


def _factory(f):
    def loop(x):
        return f(x)

    return loop


def _closed_over(value):
    def function(x):
        return value * x

    return function
