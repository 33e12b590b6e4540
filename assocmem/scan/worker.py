"""What happens in a worker: one call of the function, timed, with its error as text."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from assocmem.scan.outcomes import Outcome

__all__ = ["call", "limit_threads", "this_process"]

_limited: list = []  # in this process; threadpoolctl takes longer to ask than a short point to run


def limit_threads() -> None:
    """One thread for this process: points run side by side."""
    if not _limited:
        os.environ["ASSOCMEM_THREADS"] = "1"
        _limited.append(threadpool_limits(limits=1))


def this_process() -> tuple[str, int]:
    """A name of this process among those of all machines."""
    return platform.node(), os.getpid()


def call(function: Callable, parameters: dict, home: tuple[str, int]) -> Outcome:
    """The outcome of ``function(**parameters)``; `home` is the process that all threads are left to."""
    if this_process() != home:
        limit_threads()
    start = time.perf_counter()
    try:
        return Outcome.of(function(**parameters), time.perf_counter() - start)
    except Exception:
        return Outcome(error=traceback.format_exc(), seconds=time.perf_counter() - start)
