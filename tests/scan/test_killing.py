"""A scan whose process is killed, at any moment, goes on from its store."""

import os
import signal
import subprocess
import sys

from assocmem.scan import scan
from tests.scan import functions

SCRIPT = """
from assocmem.scan import scan
from tests.scan import functions
if __name__ == "__main__":
    scan(functions.counting, {"a": list(range(1500))}, fixed={"folder": %r}, store=%r, workers=0, progress=False)
"""


def test_killing_loses_at_most_the_points_in_flight(tmp_path):
    traces, store = tmp_path / "traces", tmp_path / "store"
    traces.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    for wanted in (5, 200, 600):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT % (str(traces), str(store))], env=environment)
        while process.poll() is None and len(list(traces.iterdir())) < wanted:
            os.sched_yield()
        assert process.poll() is None  # it was not finished
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = scan(
        functions.counting,
        {"a": list(range(1500))},
        fixed={"folder": str(traces)},
        store=store,
        workers=0,
        progress=False,
    )
    assert found.value.values.tolist() == list(range(1500))
    assert len(list(traces.iterdir())) <= 1503  # one point in flight at each of three kills
