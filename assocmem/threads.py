"""How many threads to use, and how to spread independent work over them."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

__all__ = ["default_threads", "worker_map"]


def default_threads() -> int:
    """Threads to use: the environment variable ASSOCMEM_THREADS, or the cores this process may run on."""
    text = os.environ.get("ASSOCMEM_THREADS", "")
    if not text:
        affinity = getattr(os, "sched_getaffinity", None)  # not on every system
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"ASSOCMEM_THREADS must be an integer >= 1, got {text!r}")
    return int(text)


@contextmanager
def worker_map(threads: int) -> Iterator[Callable]:
    """A function like `map` that runs on `threads` threads; an interrupt waits for the running chunk only."""
    if threads == 1:
        yield lambda function, items: [function(item) for item in items]
        return
    with ThreadPoolExecutor(threads) as pool:
        yield lambda function, items: list(pool.map(function, items))
