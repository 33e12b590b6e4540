"""A scan whose process is killed, at any moment, goes on from its store."""

import os
import signal
import subprocess
import sys
import time

from assocmem.scan import scan
from tests.scan import functions

SCRIPT = """
from assocmem.scan import scan
from tests.scan import functions
if __name__ == "__main__":
    scan(functions.counting, {"a": list(range(60))}, fixed={"folder": %r}, store=%r, workers=0, progress=False)
"""


def test_killing_loses_at_most_the_points_in_flight(tmp_path):
    traces, store = tmp_path / "traces", tmp_path / "store"
    traces.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    for wanted in (5, 20, 40):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT % (str(traces), str(store))], env=environment)
        while process.poll() is None and len(list(traces.iterdir())) < wanted:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = scan(
        functions.counting,
        {"a": list(range(60))},
        fixed={"folder": str(traces)},
        store=store,
        workers=0,
        progress=False,
    )
    assert found.value.values.tolist() == list(range(60))
    assert len(list(traces.iterdir())) <= 63  # one point in flight at each of three kills
