"""Worker processes: how they start and end, and what happens in them, one call of the function, timed, with its error
as text."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from assocmem.scan.outcomes import Outcome

__all__ = ["call", "this_process", "worker_pool"]

_limited: list = []  # in this process; threadpoolctl takes longer to ask than a short point to run


@contextmanager
def worker_pool(size: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes of this machine, which end with the block; by an exception at once, whatever they do.

    Raises
    ------
    BrokenExecutor
        If they do not start.
    """
    pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        _check_start(pool)
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _check_start(pool) -> None:
    try:
        pool.submit(int).result()
    except (BrokenExecutor, OSError, RuntimeError) as error:
        raise BrokenExecutor(
            "worker processes could not start. They import the script that was started: what it runs must be under "
            f'`if __name__ == "__main__":`; workers=0 needs no processes ({type(error).__name__}: {error})'
        ) from error


def _begin() -> None:
    """Make this process a worker, which ends when its scan ends it, or has ended itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt goes to the scan, too
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    _limit_threads()


def _end_with(parent) -> None:
    parent.join()
    os._exit(1)


def _limit_threads() -> None:
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
        _limit_threads()
    start = time.perf_counter()
    try:
        return Outcome.of(function(**parameters), time.perf_counter() - start)
    except KeyboardInterrupt:
        raise
    except BaseException:  # also of sys.exit
        return Outcome(error=traceback.format_exc(), seconds=time.perf_counter() - start)
