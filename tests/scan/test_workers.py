"""Workers that do not start, are interrupted or lost: no point fails for it, and nothing finished is lost."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future

import numpy as np
import pytest

from assocmem.scan import ScanError, ScanInterrupted, load_scan, scan
from tests.scan import functions

HERE = {"workers": 0, "progress": False}
FOUR = {"a": [1, 2, 3, 4]}


def exiting(a):
    if a == 2:
        sys.exit("enough")
    return float(a)


def interrupting(a):
    """Is interrupted in its worker."""
    if a == 2:
        raise KeyboardInterrupt
    return float(a)


def endless(a, folder):
    """The first points end, the others never do."""
    while a > 1:
        threading.Event().wait()
    return float(a)


class Losing(Executor):
    """An executor that loses the third point, or refuses it."""

    def __init__(self, error, is_refused=False):
        self.error, self.is_refused, self.n = error, is_refused, 0

    def submit(self, function, *arguments):
        future = Future()
        self.n += 1
        if self.n != 3:
            future.set_result(function(*arguments))
        elif self.is_refused:
            raise self.error
        else:
            future.set_exception(self.error)
        return future


LOSSES = [OSError("unreachable"), EOFError("gone"), BrokenPipeError("gone"), BrokenExecutor("gone")]
LOSSES += [CancelledError("gone"), KeyboardInterrupt("gone"), ConnectionResetError("gone"), TimeoutError("late")]


@pytest.mark.parametrize("error", LOSSES, ids=lambda error: type(error).__name__)
def test_a_point_that_is_lost_has_not_failed(tmp_path, error):
    message = (
        rf"the scan ended with \d of 4 points finished: the executor lost 1 points .{type(error).__name__}: {error}"
    )
    with pytest.raises(ScanError, match=message) as caught:
        scan(functions.product, {**FOUR, "b": [1]}, executor=Losing(error), store=tmp_path / "store", progress=False)
    assert caught.value.partial.status.values[:3, 0].tolist() == [0, 0, 2]
    assert load_scan(tmp_path / "store").status.values[:3, 0].tolist() == [0, 0, 2]


@pytest.mark.parametrize("error", [OSError("no more processes"), RuntimeError("shut down")], ids=["OSError", "closed"])
def test_an_executor_that_refuses_ends_the_scan_with_what_is_finished(error):
    with pytest.raises(ScanError, match=f"ended with 2 of 4 points finished: .*{error}") as caught:
        scan(functions.product, {**FOUR, "b": [1]}, executor=Losing(error, is_refused=True), progress=False)
    assert caught.value.partial.status.values.ravel().tolist() == [0, 0, 2, 2]
    assert caught.value.__cause__.__cause__ is error


def test_a_point_that_cannot_be_sent_fails():
    found = scan(functions.product, {**FOUR, "b": [1]}, executor=Losing(TypeError("no pickle")), progress=False)
    assert found.status.values.ravel().tolist() == [0, 0, 1, 0]
    assert found.error.values[2, 0] == "TypeError: no pickle"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_point_that_exits_fails(workers):
    found = scan(exiting, FOUR, workers=workers, progress=False)
    assert found.status.values.tolist() == [0, 1, 0, 0]
    assert "SystemExit: enough" in str(found.error.values[1])


def test_an_interrupt_inside_a_worker_is_no_failure():
    with pytest.raises(ScanError, match="a worker process lost a point .KeyboardInterrupt") as caught:
        scan(interrupting, FOUR, workers=1, progress=False)
    assert caught.value.partial.status.values.tolist() == [0, 2, 2, 2]


class Interrupted(Executor):
    """An executor whose first point is done, whose second runs and whose others wait when an interrupt comes."""

    def __init__(self):
        self.futures = []

    def submit(self, function, *arguments):
        if len(self.futures) == 3:
            raise KeyboardInterrupt
        self.futures.append(Future())
        if len(self.futures) == 1:
            self.futures[0].set_result(function(*arguments))
        elif len(self.futures) == 2:
            self.futures[1].set_running_or_notify_cancel()
        return self.futures[-1]


def test_an_interrupt_takes_what_is_done_and_cancels_what_waits(tmp_path):
    executor = Interrupted()
    with pytest.raises(ScanInterrupted, match="interrupted with 1 of 4 points finished") as caught:
        scan(functions.failing, {"a": [1, 3, 4, 5]}, executor=executor, store=tmp_path / "store", progress=False)
    np.testing.assert_array_equal(caught.value.partial.value, [1, np.nan, np.nan, np.nan])
    assert [future.cancelled() for future in executor.futures] == [False, False, True]
    assert load_scan(tmp_path / "store").status.values.tolist() == [0, 2, 2, 2]


INTERRUPTED = """
import sys
from assocmem.scan import ScanInterrupted, scan
from tests.scan.test_workers import endless
if __name__ == "__main__":
    try:
        scan(endless, {"a": [1, 2, 3]}, fixed={"folder": ""}, store=sys.argv[1], workers=2, progress=False)
    except ScanInterrupted as interrupt:
        print(interrupt, interrupt.partial.status.values.tolist())
"""


def test_an_interrupt_ends_workers_at_once(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "store")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    while process.poll() is None and not list((tmp_path / "store").glob("points/*.point")):
        os.sched_yield()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it, too
    output, _ = process.communicate(timeout=60)  # waits for all that hold the pipe: workers, too
    assert output.strip() == "interrupted with 1 of 3 points finished [0, 2, 2]"


UNGUARDED = """
from assocmem.scan import ScanError, scan
from tests.scan import functions
try:
    scan(functions.product, {"a": [1, 2], "b": [3]}, store="store", workers=2, progress=False)
except ScanError as error:
    print(error, error.partial.status.values.ravel().tolist())
    raise
"""


def test_a_script_without_a_guard_is_told_so(tmp_path):
    (tmp_path / "study.py").write_text(UNGUARDED)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "study.py"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert 'what it runs must be under `if __name__ == "__main__":`' in ended.stdout.splitlines()[-1]
    assert ended.stdout.strip().endswith("[2, 2]")
    assert ended.returncode == 1
    assert not list((tmp_path / "store" / "points").iterdir())


KILLED = """
import sys
from assocmem.scan import scan
from tests.scan.test_workers import endless
if __name__ == "__main__":
    scan(endless, {"a": [1, 2, 3]}, fixed={"folder": ""}, store=sys.argv[1], workers=2, progress=False)
"""


def test_workers_end_with_a_scan_that_is_killed(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "store")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    while process.poll() is None and not list((tmp_path / "store").glob("points/*.point")):
        os.sched_yield()
    process.kill()
    process.communicate(timeout=60)  # waits for all that hold the pipe
