"""Kernels, compiled loops and what their cache may and may not reuse."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import assocmem
from assocmem import jit
from assocmem.kernels.capped import constrained_row, k_subsets_row, top_k_row
from assocmem.kernels.matmul import leaky_matmul, matmul, matmul_single
from assocmem.kernels.sequential_subsets import sequential_subsets_row
from assocmem.kernels.simplex import entmax_row, normmax_row, softmax_row

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

NJIT_HELPER = """
import numba

@numba.njit
def twice(x):
    return x * 2.0
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


def test_every_way_to_a_helper_gives_the_new_numbers(user_project, tmp_path):
    body = "njit_helper.twice(ways.A * x[i] + B) + ways.deeper.shift(C)"
    kernels = KERNELS.replace("shift(FACTOR * x[i])", body).replace(
        "user_helper import FACTOR, shift", "ways import B, C"
    )
    (tmp_path / "user_kernels.py").write_text("import njit_helper, ways\n" + kernels)
    _write_ways(tmp_path, a=1.0, b=10.0, c=100.0)
    assert user_project() == "[121.0, 123.0, 125.0] 0"
    _write_ways(tmp_path, a=2.0, b=10.0, c=100.0)  # a constant read via its module
    assert user_project() == "[121.0, 125.0, 129.0] 0"
    _write_ways(tmp_path, a=2.0, b=100.0, c=10.0)  # constants that change places
    assert user_project() == "[211.0, 215.0, 219.0] 0"
    (tmp_path / "user_helper.py").write_text(HELPER.replace("x + 1.0", "x + 2.0"))  # a function read via its module
    assert user_project() == "[212.0, 216.0, 220.0] 0"
    (tmp_path / "njit_helper.py").write_text(NJIT_HELPER.replace("2.0", "3.0"))  # a function compiled by the user
    assert user_project() == "[312.0, 318.0, 324.0] 0"
    assert user_project() == "[312.0, 318.0, 324.0] 1"


def _write_ways(folder, a, b, c):
    (folder / "ways.py").write_text(f"import user_helper as deeper\nA, B, C = {a}, {b}, {c}\n")
    (folder / "njit_helper.py").write_text(NJIT_HELPER)


def test_an_edit_after_import_is_not_taken_for_the_code_in_memory(user_project, tmp_path):
    edited = KERNELS.replace("FACTOR * x[i]", "FACTOR * x[i] * x[i]")
    edit = f"import user_kernels\nopen({str(tmp_path / 'user_kernels.py')!r}, 'w').write({edited!r})\n"
    assert user_project(edit + SCRIPT) == "[1.0, 3.0, 5.0] 0"
    assert user_project() == "[1.0, 3.0, 9.0] 0"


def test_loops_of_the_package_hit_the_cache(user_project):
    script = """
from assocmem import jit, random
random.normals(seed=0, trajectories=[0], step=0, stream=0, n=3)
print(sum(jit.compile_loop(random._fill_rows, random.fill_normals).stats.cache_hits.values()))
"""
    assert user_project(script, PYTHONHASHSEED="1") == "0"
    assert user_project(script, PYTHONHASHSEED="2") == "1"


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


def test_an_unhashable_global_is_not_cached(monkeypatch):
    loop = jit.compile_loop.__wrapped__  # without the memory of the process
    assert loop(_factory, _scaled).stats.cache_path is not None
    monkeypatch.setitem(globals(), "SCALE", [2.0])
    assert jit.fingerprint(_scaled) is None
    assert loop(_factory, _scaled).stats.cache_path is None


@pytest.mark.parametrize(
    "value",
    [3.0, True, 2, np.float32(2.0), (2.0, 1.0), ((2.0,), 1.0), "2.0", np.eye(2), np.eye(2, order="F")[:1], math.sqrt],
)
def test_fingerprint_differs_for_each_value_of_a_global(monkeypatch, value):
    before = jit.fingerprint(_scaled)
    monkeypatch.setitem(globals(), "SCALE", value)
    assert jit.fingerprint(_scaled) not in (before, None)


SCALE = 2.0


def _scaled(x):
    return SCALE * x


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


def test_nested_kernels_may_refer_to_later_ones():
    @jit.kernel
    def early(x):
        late(x)

    @jit.kernel
    def late(x):
        x[0] = 5.0

    x = np.zeros(1)
    jit.compile_loop(lambda inner: lambda x: inner(x), early)(x)
    assert x[0] == 5.0


TWINS = """
import sys
import numpy as np
from assocmem.jit import compile_loop, kernel


def scaled_by(factor):
    @kernel
    def scale(x):
        # long enough not to be inlined, so that it is linked by its name
{body}

    return scale


double, triple = scaled_by(2.0), scaled_by(3.0)


@kernel
def by_two(x):
    double(x)


@kernel
def by_three(x):
    triple(x)


def first_loop(inner):
    def loop(x):
        inner(x)
    return loop


def second_loop(inner):
    def loop(x):
        inner(x)
    return loop


for name in sys.argv[1:]:
    x = np.ones(4)
    compile_loop(*{{"two": (first_loop, by_two), "three": (second_loop, by_three)}}[name])(x)
    print(x[0])
"""


def test_cached_kernels_of_one_factory_are_not_taken_for_each_other(tmp_path):
    """Compiled in different processes, loaded into one: the linker must tell them apart."""
    lines = "        for i in range(x.size):\n            x[i] = x[i] * factor\n        for i in range(x.size):\n"
    body = lines + "            x[i] = x[i] / factor\n" + (lines + "            x[i] = x[i] / factor\n") * 60
    (tmp_path / "twins.py").write_text(
        TWINS.format(body=body + "        for i in range(x.size):\n            x[i] *= factor")
    )
    program = "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); import twins"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(*names):
        command = [sys.executable, "-c", program, str(tmp_path), *names]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return [float(line) for line in done.stdout.split()]

    assert (run("two"), run("three")) == ([2.0], [3.0])
    assert run("two", "three") == [2.0, 3.0]
    assert run("three", "two") == [3.0, 2.0]


@pytest.mark.parametrize("product", [matmul, matmul_single, leaky_matmul], ids=lambda f: f.__name__)
def test_products_can_be_cached(product):
    assert jit.fingerprint(product) is not None


def test_separations_can_be_cached():
    rows = (softmax_row, entmax_row, normmax_row, k_subsets_row, constrained_row, top_k_row, sequential_subsets_row)
    assert [row.__name__ for row in rows if jit.fingerprint(row) is None] == []
