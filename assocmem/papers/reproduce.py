"""Run experiments one after the other and record what they find."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assocmem.images import MissingExtra
from assocmem.papers.base import Experiment, Paper, Run
from assocmem.papers.record import merge_claims, read_claims, remove_claims, save_dataset, save_figure
from assocmem.provenance import package_version


@dataclass(frozen=True)
class Outcome:
    """What became of the experiments of a reproduction, by name PAPER/EXPERIMENT.

    Attributes
    ----------
    finished, failed, skipped : tuple of str
        Skipped are those that need a package that is not installed.
    is_interrupted : bool
        Whether it ended before all were run.
    """

    finished: tuple[str, ...]
    failed: tuple[str, ...]
    is_interrupted: bool
    skipped: tuple[str, ...] = ()


def reproduce(
    experiments: Sequence[tuple[Paper, Experiment]],
    run: Run,
    *,
    folder: Path,
    report: Callable[[str], None] = print,
) -> Outcome:
    """Compute experiments; write Dataset, figure and claims of each as soon as it is finished.

    An experiment that fails is reported with its traceback and the others go on. Stopping in between (Ctrl-C)
    loses the experiment that is running and nothing else.

    Parameters
    ----------
    experiments : sequence of (Paper, Experiment)
    run : Run
        Its `cache` is replaced by a folder below `folder`.
    folder : Path
        Written: ``<paper>/<experiment>-<scale>.nc``, ``.png``, ``.pdf`` and ``claims.json``.
    report : callable
        Takes lines of text about what happens.

    Returns
    -------
    Outcome
    """
    read_claims(folder)  # a record that cannot be read or a folder that cannot be written: before hours of work
    merge_claims([], folder)
    finished: list[str] = []
    failed: list[str] = []
    skipped: list[str] = []
    for number, (paper, experiment) in enumerate(experiments, start=1):
        name = f"{paper.name}/{experiment.name}"
        report(f"[{number}/{len(experiments)}] {name}: {experiment.title}")
        start = time.monotonic()
        try:
            _record(paper, experiment, replace(run, cache=folder / paper.name / "networks"), folder)
        except KeyboardInterrupt:
            report(f"{name} interrupted; what was finished before is kept")
            return Outcome(tuple(finished), tuple(failed), True, tuple(skipped))
        except MissingExtra as error:
            skipped.append(name)
            report(f"    skipped: {error}")
        except Exception:
            failed.append(name)
            # an older record must not stand for a run that failed
            remove_claims(paper.name, experiment.name, run.scale, folder)
            report(f"{name} failed:\n{traceback.format_exc()}")
        else:
            finished.append(name)
            report(f"    done in {time.monotonic() - start:.1f} s")
    return Outcome(tuple(finished), tuple(failed), False, tuple(skipped))


def _record(paper, experiment, run, folder):
    dataset = experiment.run(run)
    stem = folder / paper.name / f"{experiment.name}-{run.scale}"
    save_dataset(dataset, stem.with_suffix(".nc"))
    save_figure(experiment.plot(dataset), stem)
    origin = {"paper": paper.name, "experiment": experiment.name}
    settings = {"scale": run.scale, "seed": run.seed, "version": package_version()}
    rows = [origin | claim.row() | settings for claim in experiment.claims(dataset)]
    merge_claims(rows, folder)
