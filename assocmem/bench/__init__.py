"""Side-by-side timings in one run: this package against what a user would write instead, in float64 unless stated."""

import argparse
import json
import os
import sys

import numpy as np

from assocmem.bench import adaptive, balanced_ei, cdam, fenchel_young, learning, nonparametric, push_pull, scan
from assocmem.bench.measuring import Table, blas_rate, child, is_installed, measure
from assocmem.bench.start_up import start_up
from assocmem.provenance import package_version

__all__ = ["main"]

SYSTEMS = {
    "balanced_ei": balanced_ei.TABLES,
    "push_pull": push_pull.TABLES,
    "cdam": cdam.TABLES,
    "fenchel_young": fenchel_young.TABLES,
    "nonparametric": nonparametric.TABLES,
    "adaptive": adaptive.TABLES,
    "learning": learning.TABLES,
    "scan": scan.TABLES,
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="assocmem bench", description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"some of {', '.join(SYSTEMS)}; default all")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each measurement (default %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", help="default 1 2, as far as there are cores")
    parser.add_argument("--no-start-up", action="store_true", help="leave out the times to import and compile")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        name, batch, threads, seconds = options.child
        print(json.dumps(child(name, int(batch), int(threads), float(seconds))))
        return 0
    if unknown := set(options.systems) - set(SYSTEMS):
        parser.error(f"SYSTEM must be one of {', '.join(SYSTEMS)}, got {', '.join(sorted(unknown))}")
    packages = ("assocmem", "numpy", "numba", "scipy", "jax", "diffrax", "torch", "entmax")
    versions = [f"{name} {package_version(name)}" for name in packages]
    print(", ".join([*versions, f"python {sys.version.split()[0]}, float64 unless stated, microseconds"]))
    for threads in options.threads or range(1, min(2, len(os.sched_getaffinity(0))) + 1):
        rate = blas_rate(threads, options.seconds)
        print(f"\n{threads} thread{'s' * (threads > 1)}; dgemm of 1500 x 1500: {rate / 1e9:.1f} GFLOP/s")
        for name in options.systems or SYSTEMS:
            for table in SYSTEMS[name]:
                _print_table(table, threads, options.seconds, rate)
    if not options.no_start_up:
        print("\nStart-up (seconds)")
        for label, value in start_up().items():
            print(f"  {label:28s}{value:8.3f}")
    return 0


def _print_table(table: Table, threads: int, seconds: float, rate: float) -> None:
    _print_row(f"  {table.title}\n    {'':30s}  ", [f"{table.counted} {b}" for b in table.batches])
    ours = [measure(table.contenders[0], b, threads, seconds) for b in table.batches]
    for contender in table.contenders:
        is_first = contender is table.contenders[0]
        times = ours if is_first else [measure(contender, b, threads, seconds) for b in table.batches]
        cells = [f"{t * 1e6:10.2f} us {t / o:6.2f} x" for t, o in zip(times, ours, strict=True)]
        shown = ["not installed" if t != t else cell for t, cell in zip(times, cells, strict=True)]
        _print_row(f"    {contender.__name__:30s}  ", shown)
        if table.has_exponent and is_installed(contender):
            exponent = np.polyfit(np.log(table.batches), np.log(times), 1)[0]
            _print_row(f"      {'grows by the power':28s}  ", [f"{exponent:.2f}"])
        if table.remark and is_installed(contender):
            title, describe = table.remark
            _print_row(f"      {title:28s}  ", [describe(contender, b, threads) for b in table.batches])
    if table.flops:
        fractions = [table.flops * b / t / rate for b, t in zip(table.batches, ours, strict=True)]
        _print_row(f"    {'fraction of dgemm':30s}  ", [f"{x:.2f}" for x in fractions])


def _print_row(head: str, cells: list[str]) -> None:
    print(head + "".join(f"{cell:>24s}" for cell in cells), flush=True)
