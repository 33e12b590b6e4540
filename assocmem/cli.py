"""Command line: `assocmem reproduce | claims | list | report | warmup | bench`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from assocmem.papers import PAPERS, Run, claims_table, read_claims, reproduce, select
from assocmem.papers.base import SCALES
from assocmem.papers.record import CLAIM_KEYS
from assocmem.provenance import package_version
from assocmem.reports import write_scan_report
from assocmem.scan import StoreError
from assocmem.threads import default_threads

INTERRUPTED = 130  # exit code of a shell command that ended by Ctrl-C
SUMMARY_KEYS = ("experiment", "claim", "theirs", "ours", "verdict")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process where None.

    Returns
    -------
    int
        0 where all went well, 1 where an experiment failed, 2 for wrong arguments, 130 after Ctrl-C.
    """
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command is not _bench:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return arguments.command(arguments, rest)
    except ValueError as error:
        print(f"assocmem: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader (head, less) has seen enough; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser():
    parser = argparse.ArgumentParser(prog="assocmem", description="Associative-memory dynamics.")
    parser.add_argument("--version", action="version", version=f"assocmem {package_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_reproduce(commands)
    claims = commands.add_parser("claims", help="print the recorded claims")
    claims.add_argument("--json", action="store_true", help="as a JSON list")
    claims.add_argument("--dir", type=Path, default=Path("figures"), help="folder of the record (%(default)s)")
    claims.set_defaults(command=_claims)
    listing = commands.add_parser("list", help="list papers and experiments")
    listing.set_defaults(command=_list)
    report = commands.add_parser("report", help="write a page of HTML about a scan")
    report.add_argument("store", type=Path, help="folder that the scan keeps its points in")
    report.add_argument("--out", type=Path, help="file to write (report.html in the store)")
    report.set_defaults(command=_report)
    warmup = commands.add_parser("warmup", help="compile ahead of time")
    warmup.set_defaults(command=_warmup)
    bench = commands.add_parser("bench", help="time simulations against alternatives", add_help=False)
    bench.set_defaults(command=_bench)
    return parser


def _add_reproduce(commands):
    parser = commands.add_parser("reproduce", help="compute experiments, write figures, check claims")
    parser.add_argument("target", nargs="?", metavar="PAPER[/EXPERIMENT]", help="all where left out")
    parser.add_argument("--scale", choices=SCALES, default="quick", help="sizes (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="output folder (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (%(default)s)")
    parser.add_argument("--threads", type=int, default=default_threads(), help="(%(default)s)")
    parser.add_argument("--data", type=Path, help="folder with data of your own, where an experiment can use them")
    parser.set_defaults(command=_reproduce)


def _reproduce(arguments, _):
    experiments = select(PAPERS, arguments.target)
    settings = {"progress": sys.stderr.isatty(), "data": arguments.data}
    run = Run(arguments.scale, arguments.seed, arguments.threads, **settings)
    outcome = reproduce(experiments, run, folder=arguments.out, report=_say)
    rows = [
        row
        for row in read_claims(arguments.out)
        if row["scale"] == run.scale and f"{row['paper']}/{row['experiment']}" in outcome.finished
    ]
    count = sum(row["verdict"] == "reproduced" for row in rows)
    _say(f"\n{claims_table(rows, keys=SUMMARY_KEYS)}\n\n{count} of {len(rows)} claims reproduced")
    _say(f"Datasets, figures and claims are in {arguments.out}")
    if outcome.skipped:
        _say(f"skipped: {', '.join(outcome.skipped)}; to run them: pip install '.[data,learn]'")
    if outcome.failed:
        _say(f"failed: {', '.join(outcome.failed)}")
    return INTERRUPTED if outcome.is_interrupted else int(bool(outcome.failed))


def _claims(arguments, _):
    if not arguments.dir.is_dir():
        raise ValueError(f"--dir must be a folder with a record of claims, got {arguments.dir}")
    rows = read_claims(arguments.dir)
    print(json.dumps(rows, indent=1, ensure_ascii=False) if arguments.json else claims_table(rows, keys=CLAIM_KEYS))
    return 0


def _list(arguments, _):
    for paper in PAPERS.values():
        print(f"{paper.name}: {paper.title}\n    {paper.reference}")
        width = max(len(experiment.name) for experiment in paper.experiments)
        for experiment in paper.experiments:
            print(f"    {paper.name}/{experiment.name.ljust(width)}  {experiment.title}")
    return 0


def _report(arguments, _):
    try:
        print(write_scan_report(arguments.store, arguments.out))
    except (StoreError, OSError) as error:
        print(f"assocmem: {error}", file=sys.stderr)
        return 1
    return 0


def _warmup(arguments, _):
    return importlib.import_module("assocmem.warmup").main() or 0


def _bench(arguments, rest):
    return importlib.import_module("assocmem.bench").main(rest) or 0


def _say(text):
    # flushed, so that the lines come in order beside the progress bars on the other stream
    print(text, flush=True)
