"""Training of a balanced E-I network to hold analog patterns as stable fixed points.

The objective follows Festa, Hennequin & Lengyel (2014): every pattern a fixed point, every fixed point stable
by descent of the smoothed spectral abscissa of its Jacobian, small weights; excitatory rates are given,
weights and inhibitory rates are free. Two ways to make patterns fixed points:

- ``storage="penalty"``, the paper's: squared velocities are part of the cost. They are stiff, so training is
  slow, and remain of the order of 0.1 mV, so a projection follows (`project_weights`).
- ``storage="exact"``: weights are projected, differentiably, at every step (`StoredWeights`). Only stability
  is left to optimise, and tens of iterations replace hundreds.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.optimize import Bounds, minimize
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from assocmem.kernels.activations import PowerLaw, SoftplusSquared
from assocmem.learning.checkpoint import TrainingState, checked_path
from assocmem.learning.feasibility import refuse_unstorable, storable_problem
from assocmem.learning.initial import RowSums, random_ei_weights
from assocmem.learning.objective import Evaluation, Objective
from assocmem.learning.problem import Problem, check_schedule, checked_patterns
from assocmem.learning.schedules import Stage, exact_schedule, penalty_schedule
from assocmem.learning.storage import NotStorableError, project_weights
from assocmem.models.balanced_ei import BalancedEI
from assocmem.validation import check_finite, check_integer

__all__ = ["Training", "train_balanced_ei"]

_ACTIVATION = PowerLaw()
_ROW_SUMS = RowSums()
_MARGIN = 1.0  # 1/s; networks whose abscissas are all further below 0 are ranked by cost
_SAVE_EVERY = 10
_EXTRA_STAGES = 3  # repetitions of the last stage while the projection leaves a pattern unstable
_EXTRA_ITERATIONS = 100  # of each
_STORED = 1e-6  # mV; a larger residual after the projection is no fixed point
_CUES = 3  # branch of the seed; 1 and 2 are those of the initial weights and rates


@dataclass(frozen=True, eq=False)
class Training:
    """Result of `train_balanced_ei`.

    Attributes
    ----------
    model : BalancedEI
        The best network found.
    potentials : DataArray (pattern, unit)
        Its fixed points in mV.
    abscissas : DataArray (pattern,)
        Largest real part of the Jacobian's eigenvalues at each of them, in 1/s; stable below 0.
    history : Dataset over iteration
        Cost and its terms, `stage`, `residual` (mV), `abscissa` and `smoothed_abscissa` (iteration, pattern)
        in 1/s.
    converged : bool
        Whether all stages ran and every pattern is a stable fixed point, with a residual below 1e-6 mV.
    message : str
        How far it got.
    """

    model: BalancedEI
    potentials: xr.DataArray
    abscissas: xr.DataArray
    history: xr.Dataset = field(repr=False)
    converged: bool
    message: str


def train_balanced_ei(
    patterns,
    *,
    n_inhibitory: int,
    seed: int,
    storage: str = "exact",
    schedule: tuple[Stage, ...] | None = None,
    parametrisation: str = "softplus",
    epsilon: float | None = None,
    drive: float | np.ndarray = 7.0,
    trains_drive: bool = False,
    inhibitory_rates: np.ndarray | None = None,
    is_clamped: np.ndarray | bool = False,
    row_sums: RowSums = _ROW_SUMS,
    tau_e: float = 20.0,
    tau_i: float = 10.0,
    activation: PowerLaw | SoftplusSquared = _ACTIVATION,
    threads: int = 1,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Training:
    """Train a balanced E-I network whose stable fixed points have the patterns as excitatory rates.

    Parameters
    ----------
    patterns : DataArray or ndarray (pattern, unit)
        Excitatory rates in Hz, >= 0 (> 0 for `SoftplusSquared`), not constant over units.
    n_inhibitory : int, >= 2
        Inhibitory units to add.
    seed : int, >= 0
        Of the initial weights, initial inhibitory rates and training cues.
    storage : {"exact", "penalty"}
        See the module; "penalty" is the paper's objective.
    schedule : tuple of Stage, optional
        Stages run in order (a tuple or list); `exact_schedule()` or `penalty_schedule(n_units)` by default.
    parametrisation : {"softplus", "exp", "bound"}
        Of the weights; "bound" (non-negative by bounds of the optimiser) only with storage="penalty".
    epsilon : float, > 0, optional
        Smoothing of the spectral abscissa per tau_e; 0.6 / n_units by default. The smoothed abscissa can be
        negative only below 2 (n_excitatory + n_inhibitory tau_e / tau_i) / n_units^2.
    drive : float or ndarray (unit,)
        Constant input in mV, where training begins if `trains_drive`.
    trains_drive : bool
        Whether the drive of every unit is free too.
    inhibitory_rates : ndarray (pattern, n_inhibitory), optional
        Initial inhibitory rates in Hz, > 0; log-normal of mean 5 and sd 2 Hz by default.
    is_clamped : bool or ndarray (n_inhibitory,) of bool
        Inhibitory units whose rates stay as they begin.
    row_sums : RowSums
        Of the initial weights.
    tau_e, tau_i : float, > 0
        Time constants in ms.
    activation : PowerLaw or SoftplusSquared
    threads : int, >= 1
        Workers over patterns. Every number is the same, to the last bit, for any count; the BLAS is held to one
        thread.
    checkpoint : path, optional
        File, in a folder that exists, to which the run is saved every 10 iterations and at the end of stages,
        and from which it goes on if the file exists. The optimiser's memory is not saved: a resumed stage is
        not bit-equal to an uninterrupted one. A finished run is read back as it is.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Training
        Also after Ctrl-C or without convergence: then `converged` is False and `message` says how far it got.

    Raises
    ------
    NotStorableError
        (a ValueError) With storage="exact", if no inhibitory rates are found for which weights of Dale's law
        have the patterns as fixed points; with storage="penalty", only if no such weights exist for given
        (clamped) rates of all inhibitory units. Otherwise training goes on, and `message` counts the
        patterns that were not stored.
    ValueError, TypeError
        If an argument is not as above.

    References
    ----------
    Festa, Hennequin & Lengyel (2014), Analog memories in a balanced rate-based network of E-I neurons. Exact
    storage, the hinge, spread and retrieval terms are not in the paper.
    """
    check_integer("seed", seed, 0)
    check_integer("threads", threads, 1)
    check_integer("n_inhibitory", n_inhibitory, 2)
    check_finite("tau_e", tau_e)
    check_finite("tau_i", tau_i)
    checkpoint = checked_path(checkpoint)
    n_excitatory = checked_patterns(patterns).shape[1]
    weights = random_ei_weights(n_excitatory, n_inhibitory, seed=seed, row_sums=row_sums)
    model = BalancedEI(weights, n_excitatory, drive=drive, tau_e=tau_e, tau_i=tau_i, activation=activation)
    problem = Problem.checked(
        patterns,
        model,
        storage=storage,
        parametrisation=parametrisation,
        epsilon=epsilon,
        trains_drive=trains_drive,
        inhibitory_rates=inhibitory_rates,
        is_clamped=is_clamped,
        seed=seed,
    )
    if schedule is None:
        schedule = exact_schedule() if storage == "exact" else penalty_schedule(model.n_units)
    check_schedule(schedule, storage)
    with _workers(threads) as run:
        return _Trainer(problem, tuple(schedule), model, int(seed), run, checkpoint, progress).train()


@contextmanager
def _workers(threads: int):
    """Ordered map over items, with one BLAS thread per worker."""
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        if threads == 1:
            yield map
        else:
            yield stack.enter_context(ThreadPoolExecutor(threads)).map


class _Trainer:
    """One run: its stages, what is best so far, checkpoint and progress bar."""

    def __init__(self, problem, schedule, model, seed, run, checkpoint, progress):
        self.problem, self.schedule, self.model, self.seed, self.run = problem, schedule, model, seed, run
        self.checkpoint, self.fingerprint = checkpoint, problem.fingerprint(schedule, seed)
        self.state: TrainingState | None = None  # before storage is known to be possible
        if checkpoint is not None and checkpoint.exists():
            self.state = TrainingState.load(checkpoint, self.fingerprint)
        done = len(self.state.records["cost"]) if self.state else 0
        self.bar = tqdm(initial=done, desc="training", unit="iteration", disable=not progress)

    def train(self) -> Training:
        """Run the stages that are left; an interruption ends them early."""
        with self.bar:
            try:
                if self.state is None:
                    self._begin()
                self._run_stages()
                reason = None
            except KeyboardInterrupt:
                reason = self._interrupted()
            else:
                self._save()
        return self._result(reason)

    def _begin(self) -> None:
        given = self.problem
        if given.is_exact:
            self.bar.set_postfix_str("looking for inhibitory rates that allow storage")
            self.problem = storable_problem(given, report=self._after_search_iteration)
        else:
            refuse_unstorable(given)
        self.state = TrainingState(self.problem.start, self.problem.start)

    def _after_search_iteration(self, problem: Problem) -> None:
        self.problem = problem
        self.bar.update(0)

    def _interrupted(self) -> str:
        """Say where; what is known so far is saved."""
        if self.state is not None:
            self._save()
            return f"interrupted in stage {self.state.stage + 1} of {len(self.schedule)}"
        # weights as they are: there are none yet of which the patterns are exact fixed points
        self.problem = replace(self.problem, is_exact=False)
        self.state = TrainingState(self.problem.start, self.problem.start)
        return "interrupted in the search for inhibitory rates that allow storage"

    def _run_stages(self) -> None:
        while True:
            while self.state.stage < len(self.schedule):
                # stages may end early: count what is left at most
                left = sum(stage.iterations for stage in self.schedule[self.state.stage :])
                self.bar.total = len(self.state.records["cost"]) - self.state.iteration + left
                self._run_stage(self._stage_in_progress())
                self.state.next_stage()
                self._save()
            if not self._is_repetition_due():
                return
            self.state.repeat_stage()

    def _stage_in_progress(self) -> Stage:
        stage = self.schedule[self.state.stage]
        if self.state.repeats:
            return replace(stage, iterations=min(_EXTRA_ITERATIONS, stage.iterations))
        return stage

    def _is_repetition_due(self) -> bool:
        # the projection moves the spectra: what was stable before may not be so after it
        if self.problem.is_exact or self.state.repeats == _EXTRA_STAGES:
            return False
        return not self._polished().is_stable.all()

    def _run_stage(self, stage: Stage) -> None:
        seed = np.random.SeedSequence([self.seed, _CUES, self.state.stage])
        objective = Objective(self.problem, stage, seed=seed, run=self.run)
        iterations = stage.iterations - self.state.iteration
        if iterations < 1:
            return
        objective(self.state.vector)
        self._keep_if_best(objective.last)
        is_first = not self.state.records["cost"]
        if self._is_enough(objective.last, stage) and not is_first:
            return

        def after_iteration(intermediate_result):
            # the accepted point is the last one evaluated, save for the end of a failed line search
            if not np.array_equal(objective.last.vector, intermediate_result.x):
                objective(intermediate_result.x)
            self._after_iteration(objective.last, stage)

        bounds = None if self.problem.bounds is None else Bounds(*self.problem.bounds)
        limits = {"maxiter": iterations, "maxfun": 20 * iterations}
        options = limits | {"maxcor": 100, "ftol": 1e-15, "gtol": 1e-10}
        arguments = {"jac": True, "method": "L-BFGS-B", "bounds": bounds, "options": options}
        minimize(objective, self.state.vector, callback=after_iteration, **arguments)

    def _after_iteration(self, evaluation: Evaluation, stage: Stage) -> None:
        self.state.record(evaluation)
        self._keep_if_best(evaluation)
        if self.state.iteration % _SAVE_EVERY == 0:
            self._save()
        worst = evaluation.abscissas.max()
        n_stable = np.count_nonzero(evaluation.abscissas < 0.0)
        stability = f"{n_stable} stable, largest abscissa {worst:.1f}/s" if stage.stability else ""
        self.bar.set_postfix_str(stability or f"cost {evaluation.cost:.3g}", refresh=False)
        self.bar.update()
        if self._is_enough(evaluation, stage):
            raise StopIteration

    @staticmethod
    def _is_enough(evaluation: Evaluation, stage: Stage) -> bool:
        return stage.stop_below is not None and evaluation.abscissas.max() < stage.stop_below

    def _keep_if_best(self, evaluation: Evaluation) -> None:
        rank = self._rank(evaluation)
        if rank <= self.state.rank:
            self.state.best, self.state.rank = evaluation.vector, rank

    def _rank(self, evaluation: Evaluation) -> tuple[float, ...]:
        """Lower is better: stable networks first, then later stages, then cost; unstable ones by abscissa.

        Costs of different stages cannot be compared. With velocities in the cost stability before the
        projection says little, so only stage and cost count.
        """
        worst = evaluation.abscissas.max()
        if self.problem.is_exact and not worst < -_MARGIN:
            return (1.0, float(np.nan_to_num(worst, nan=np.inf)), evaluation.cost)
        return (0.0, -float(self.state.stage), evaluation.cost)

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.state.save(self.checkpoint, self.fingerprint)

    def _polished(self) -> "_Polished":
        """Best network after the projection."""
        objective = Objective(self.problem, Stage(1, stability=0.0), seed=np.random.SeedSequence(0))
        objective(self.state.best)
        best, remark = objective.last, ""
        weights = best.weights
        try:
            arguments = {"n_excitatory": self.model.n_excitatory, "drive": best.drive}
            arguments["activation"] = self.model.activation
            weights = project_weights(weights, best.potentials, **arguments).weights
        except NotStorableError as error:
            remark = str(error)
        model = replace(self.model, weights=weights, drive=best.drive)
        spectra = np.linalg.eigvals(model.jacobian(best.potentials))
        residuals = np.abs(model.velocity(best.potentials) * model.tau).max(axis=1)
        return _Polished(model, best.potentials, 1000.0 * spectra.real.max(axis=-1), residuals, remark)

    def _result(self, reason: str | None) -> Training:
        best = self._polished()
        n_iterations = len(self.state.records["cost"])
        converged = reason is None and bool(best.is_stable.all())
        outcome = reason or ("converged" if converged else "not converged")
        return Training(
            model=best.model,
            potentials=xr.DataArray(best.potentials, dims=("pattern", "unit"), attrs={"units": "mV"}),
            abscissas=xr.DataArray(best.abscissas, dims="pattern", attrs={"units": "1/s"}),
            history=self.state.history(),
            converged=converged,
            message=f"{outcome} after {n_iterations} iterations: {best.summary()}",
        )


@dataclass(frozen=True, eq=False)
class _Polished:
    """A network after the projection, what it holds, and why the projection failed if it did.

    `abscissas` are in 1/s, `residuals` in mV, both (pattern,).
    """

    model: BalancedEI
    potentials: np.ndarray
    abscissas: np.ndarray
    residuals: np.ndarray
    remark: str

    @property
    def is_stored(self) -> np.ndarray:
        return self.residuals < _STORED

    @property
    def is_stable(self) -> np.ndarray:
        # the spectrum at a point that moves says nothing about stability
        return self.is_stored & (self.abscissas < 0.0)

    def summary(self) -> str:
        n_patterns, n_stable = len(self.residuals), np.count_nonzero(self.is_stable)
        n_missed = n_patterns - np.count_nonzero(self.is_stored)
        text = f"{n_stable} of {n_patterns} patterns stable, largest abscissa {self.abscissas.max():.2f}/s, "
        text += f"residual {self.residuals.max():.1e} mV"
        if n_missed:
            text += f"; patterns not stored: {n_missed} of {n_patterns}"
        return f"{text}; {self.remark}" if self.remark else text
