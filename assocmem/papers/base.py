"""What reproducing a paper consists of: experiments, and claims whose verdict is computed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from assocmem.provenance import package_version

SCALES = ("quick", "paper")
SOURCES = ("paper", "other paper", "earlier run", "theory", "control", "target")


@dataclass(frozen=True)
class Claim:
    """One checked statement: a number of ours against a number of theirs.

    The verdict is a rule, never typed in. With the tolerance t it is "reproduced" exactly if

    - ``close``: ``|ours - theirs| <= t``
    - ``at_least``: ``ours >= theirs - t``
    - ``at_most``: ``ours <= theirs + t``
    - ``between``: ``low - t <= ours <= high + t`` with ``theirs = (low, high)``

    and "not reproduced" otherwise, also where our number is NaN.

    Parameters
    ----------
    statement : str
        What is claimed, in words.
    source : {"paper", "other paper", "earlier run", "theory", "control", "target"}
        Where their number comes from: a finding of the paper (if it is stated in words only, the limit is our reading
        of them), one of another paper, an earlier and independent implementation of ours with the same sizes, a
        derivation, the contrast with a control, or an aim of this project.
    comparison : {"close", "at_least", "at_most", "between"}
    theirs : float or (float, float)
        A pair of limits for "between", one number otherwise.
    ours : float
    tolerance : float
        >= 0, in the unit of both numbers.
    reason : str
        Why this tolerance.
    unit : str
        Of both numbers; empty where they are dimensionless.

    Raises
    ------
    ValueError
        If the source or the comparison is unknown, `theirs` does not fit it, or the tolerance is negative.
    """

    statement: str
    source: str
    comparison: str
    theirs: float | tuple[float, float]
    ours: float
    tolerance: float = 0.0
    reason: str = ""
    unit: str = ""

    def __post_init__(self):
        if self.source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}, got {self.source!r}")
        if self.comparison not in _RULES:
            raise ValueError(f"comparison must be one of {', '.join(_RULES)}, got {self.comparison!r}")
        if isinstance(self.theirs, tuple) != (self.comparison == "between"):
            raise ValueError(f"theirs must be a pair for 'between' and one number otherwise, got {self.theirs}")
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance must be >= 0, got {self.tolerance}")

    @property
    def verdict(self) -> str:
        """ "reproduced" or "not reproduced", by the rule of the comparison."""
        holds = _RULES[self.comparison](float(self.ours), self.theirs, self.tolerance)
        return "reproduced" if holds else "not reproduced"

    def row(self) -> dict[str, str]:
        """Texts of the claims table: claim, theirs, ours, tolerance, verdict."""
        unit = f" {self.unit}" if self.unit else ""
        reason = f" ({self.reason})" if self.reason else ""
        return {
            "claim": self.statement,
            "theirs": f"{self.source}: {self._expected()}{unit}",
            "ours": f"{_number(self.ours)}{unit}",
            "tolerance": f"{_number(self.tolerance)}{unit}{reason}",
            "verdict": self.verdict,
        }

    def _expected(self):
        if self.comparison == "between":
            return f"{_number(self.theirs[0])} to {_number(self.theirs[1])}"
        words = {"close": "", "at_least": "at least ", "at_most": "at most "}
        return words[self.comparison] + _number(self.theirs)


def sampling_tolerance(theirs: float, n_trials: int) -> tuple[float, str]:
    """Tolerance of a fraction of successes, and the reason for it.

    Two standard errors of the difference of two fractions of `n_trials` trials each, of the rate `theirs` with two
    successes and two failures added (Agresti & Coull 1998), so that a rate of 0 or 1 has an error, too. Trials of one
    network share that network: what another network would give is less certain than this.
    """
    rate = (theirs * n_trials + 2.0) / (n_trials + 4.0)
    return 2.0 * math.sqrt(2.0 * rate * (1.0 - rate) / n_trials), f"two standard errors, {n_trials} trials each"


@dataclass(frozen=True)
class Run:
    """Settings that every experiment of a reproduction shares.

    Parameters
    ----------
    scale : {"quick", "paper"}
        Sizes that take seconds to a minute, or the full ones.
    seed : int
        >= 0; every random number follows from it.
    threads : int
        >= 1; results do not depend on it.
    progress : bool
        Whether to show progress on the standard error stream.
    cache : Path, optional
        Folder in which trained networks and finished parts of long computations are kept; nothing is where None.
    data : Path, optional
        Folder with data of the user's own, which some experiments take in place of what ships with packages.

    Raises
    ------
    ValueError
        If an argument is out of range or `data` is no folder.
    """

    scale: str = "quick"
    seed: int = 0
    threads: int = 1
    progress: bool = False
    cache: Path | None = None
    data: Path | None = None

    def __post_init__(self):
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {self.scale!r}")
        if self.seed < 0:
            raise ValueError(f"seed must be >= 0, got {self.seed}")
        if self.threads < 1:
            raise ValueError(f"threads must be >= 1, got {self.threads}")
        if self.data is not None and not Path(self.data).is_dir():
            raise ValueError(f"data must be a folder, got {self.data}")

    def seed_for(self, purpose: str) -> int:
        """Seed of one purpose: independent of that of any other purpose, the same in every experiment."""
        words = np.frombuffer(hashlib.sha256(purpose.encode()).digest(), np.uint32)
        # below 2**31, which every format holds
        return int(np.random.SeedSequence([self.seed, *words.tolist()]).generate_state(1)[0] >> 1)

    def pick(self, quick, paper):
        """The argument that belongs to the scale."""
        return {"quick": quick, "paper": paper}[self.scale]

    def data_file(self, name: str) -> Path | None:
        """Path of a file in the folder of the user's data; None where there is no such folder or file."""
        path = None if self.data is None else Path(self.data) / name
        return path if path is not None and path.exists() else None

    def map(self, function: Callable, items: Sequence, *, label: str) -> list:
        """Values of `function` for items that do not depend on each other, in their order.

        The items are spread over the threads, so `function` should spend its time in compiled loops, each with one
        thread. An interrupt waits for the items that are running.
        """
        with ThreadPoolExecutor(self.threads) as pool:
            futures = [pool.submit(function, item) for item in items]
            try:
                for future in tqdm(as_completed(futures), label, len(futures), leave=False, disable=not self.progress):
                    future.result()  # raises what the item raised, before the others are through
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return [future.result() for future in futures]


@dataclass(frozen=True)
class Experiment:
    """One computation of a paper with its figure and its claims.

    Parameters
    ----------
    name : str
        As on the command line.
    title : str
        One line.
    compute : callable (Run) -> Dataset
        All the numbers; the attrs `scale` and `seed` are added by `run`.
    plot : callable (Dataset) -> Figure
    claims : callable (Dataset) -> list of Claim
    """

    name: str
    title: str
    compute: Callable[[Run], xr.Dataset]
    plot: Callable[[xr.Dataset], Figure]
    claims: Callable[[xr.Dataset], list[Claim]]

    def run(self, run: Run) -> xr.Dataset:
        """The computed Dataset, with the settings of the run in its attrs; BLAS is held to one thread meanwhile."""
        with threadpool_limits(limits=1, user_api="blas"):
            dataset = self.compute(run)
        origin = {"experiment": self.name, "scale": run.scale, "seed": run.seed, "version": package_version()}
        return dataset.assign_attrs(origin)


@dataclass(frozen=True)
class Paper:
    """A paper and the experiments that reproduce its findings.

    Parameters
    ----------
    name : str
        As on the command line.
    title, reference : str
        What it is about, and where it was published.
    experiments : tuple of Experiment
        In the order in which they are run.
    """

    name: str
    title: str
    reference: str
    experiments: tuple[Experiment, ...]


def select(papers: dict[str, Paper], target: str | None) -> list[tuple[Paper, Experiment]]:
    """Experiments named by PAPER or PAPER/EXPERIMENT, all of them where None.

    Raises
    ------
    ValueError
        If a name is unknown; lists the known ones.
    """
    if target is None:
        return [(paper, experiment) for paper in papers.values() for experiment in paper.experiments]
    paper_name, slash, experiment_name = target.partition("/")
    if paper_name not in papers:
        raise ValueError(f"unknown paper {paper_name!r}; known: {', '.join(papers)}")
    paper = papers[paper_name]
    known = {experiment.name: experiment for experiment in paper.experiments}
    if not slash:
        return [(paper, experiment) for experiment in paper.experiments]
    if experiment_name not in known:
        raise ValueError(f"unknown experiment {experiment_name!r} of {paper_name}; known: {', '.join(known)}")
    return [(paper, known[experiment_name])]


_RULES = {
    "close": lambda ours, theirs, t: abs(ours - theirs) <= t,
    "at_least": lambda ours, theirs, t: ours >= theirs - t,
    "at_most": lambda ours, theirs, t: ours <= theirs + t,
    "between": lambda ours, theirs, t: theirs[0] - t <= ours <= theirs[1] + t,
}


def _number(value):
    return "not available" if math.isnan(value) else f"{value:.3g}"
