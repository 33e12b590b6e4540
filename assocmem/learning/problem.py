"""What is trained and what is given: the checked arguments of a training run."""

import hashlib
from dataclasses import dataclass

import numpy as np

from assocmem.learning.initial import lognormal_rates
from assocmem.learning.parametrisations import Bound, Exponential, Softplus, parametrisation_of
from assocmem.learning.schedules import Stage
from assocmem.learning.terms import Circuit, Retrieval
from assocmem.models.balanced_ei import BalancedEI
from assocmem.validation import check_boolean, check_finite, labelled_array

__all__ = ["Problem", "check_schedule", "checked_patterns"]

_STORAGE = ("exact", "penalty")
_STEP = 0.2  # tau_e, longest Euler steps of the retrieval term; the fixed points do not depend on them
_INHIBITORY_STEP = 0.4  # tau_i; Euler steps are stable below 2, and accurate far below


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained and what is given.

    Free variables are, in this order in the vector: x (unit, unit) with W = sign phi(x); z (pattern,
    inhibitory unit) with inhibitory potentials log(1 + e^z) in mV; the drive (unit,) in mV where it is
    trained.

    Attributes
    ----------
    circuit : Circuit
    excitatory_potentials : ndarray (pattern, excitatory unit)
        mV, of the patterns.
    inhibitory_potentials : ndarray (pattern, inhibitory unit)
        mV, where training begins; > 0.
    is_clamped : ndarray (inhibitory unit,) of bool
        Units whose potentials stay.
    drive : ndarray (unit,)
        mV.
    weights : ndarray (unit, unit)
        mV/Hz, where training begins.
    phi : Softplus, Exponential or Bound
    is_exact : bool
        Whether x is shifted so that the patterns are exact fixed points (`StoredWeights`).
    trains_drive : bool
    epsilon : float
        Smoothing of the spectral abscissa, per tau_e.
    tau_e : float
        ms.
    """

    circuit: Circuit
    excitatory_potentials: np.ndarray
    inhibitory_potentials: np.ndarray
    is_clamped: np.ndarray
    drive: np.ndarray
    weights: np.ndarray
    phi: Softplus | Exponential | Bound
    is_exact: bool
    trains_drive: bool
    epsilon: float
    tau_e: float

    @classmethod
    def checked(
        cls,
        patterns,
        model: BalancedEI,
        *,
        storage: str,
        parametrisation: str,
        epsilon: float | None,
        trains_drive: bool,
        inhibitory_rates,
        is_clamped,
        seed: int,
    ) -> "Problem":
        """Problem from the arguments of `train_balanced_ei` and a network with the initial weights.

        Raises
        ------
        ValueError
            If an argument is out of range; the message names it, what is allowed and what was given.
        """
        rates = checked_patterns(patterns)
        check_boolean("trains_drive", trains_drive)
        shape = (len(rates), model.n_inhibitory)
        if inhibitory_rates is None:
            inhibitory_rates = lognormal_rates(shape, mean=5.0, sd=2.0, seed=seed)
        return cls(
            circuit=Circuit(model.n_excitatory, model.tau / model.tau_e, model.activation),
            excitatory_potentials=model.activation.potential(rates),
            inhibitory_potentials=_checked_inhibition(inhibitory_rates, shape, model.activation),
            is_clamped=_checked_mask(is_clamped, model.n_inhibitory),
            drive=model.drive,
            weights=model.weights,
            phi=parametrisation_of(parametrisation, n_units=model.n_units),
            is_exact=_checked_storage(storage, parametrisation) == "exact",
            trains_drive=bool(trains_drive),
            epsilon=_checked_epsilon(epsilon, model),
            tau_e=float(model.tau_e),
        )

    @property
    def start(self) -> np.ndarray:
        """Vector of free variables at the start."""
        x = self.phi.inverse(np.abs(self.weights))
        np.fill_diagonal(x, 0.0)
        u = self.inhibitory_potentials
        parts = [x.ravel(), (u + np.log(-np.expm1(-u))).ravel()]
        return np.concatenate([*parts, self.drive] if self.trains_drive else parts)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper bounds of the variables, where there are any."""
        if self.phi.lower is None:
            return None
        lower = np.full(self.start.size, -np.inf)
        lower[: self.weights.size] = self.phi.lower
        return lower, np.full(lower.size, np.inf)

    def fingerprint(self, schedule: tuple[Stage, ...], seed: int) -> str:
        """Hash of everything that determines a run."""
        scalars = (self.is_exact, self.trains_drive, self.epsilon, self.tau_e)
        digest = hashlib.sha256(repr((schedule, seed, self.circuit.activation, self.phi, scalars)).encode())
        arrays = (self.start, self.excitatory_potentials, self.is_clamped, self.drive, self.circuit.tau)
        for array in arrays:
            digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def unpack(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x (unit, unit), z (pattern, inhibitory unit) and drive (unit,)."""
        n, shape = self.weights.size, self.inhibitory_potentials.shape
        x = vector[:n].reshape(self.weights.shape)
        z = vector[n : n + shape[0] * shape[1]].reshape(shape)
        drive = vector[n + z.size :] if self.trains_drive else self.drive
        return x, z, drive

    def cues(self, stage: Stage, seed: np.random.SeedSequence) -> Retrieval:
        """Noisy cues of a stage: rates max(r + noise sd(r) xi, 0.01 Hz)."""
        rates = self.circuit.activation.rate(self.excitatory_potentials)
        noise = np.random.default_rng(seed).standard_normal((stage.n_cues, *rates.shape))
        noisy = np.maximum(rates + stage.cue_noise * rates.std() * noise, 0.01)
        longest = min(_STEP, _INHIBITORY_STEP * float(self.circuit.tau.min()))
        n_steps = max(1, round(stage.cue_duration / longest))
        dt = stage.cue_duration / n_steps
        return Retrieval(self.circuit.activation.potential(noisy), self.excitatory_potentials, n_steps, dt)


def checked_patterns(patterns) -> np.ndarray:
    """Rates (pattern, unit) in Hz as an array, from an array or a DataArray in any order of dimensions.

    Raises
    ------
    TypeError, ValueError
        Unless real, finite, >= 0 and not constant over units.
    """
    rates = labelled_array("patterns", patterns)
    if rates.ndim != 2 or rates.shape[0] < 1 or rates.shape[1] < 2:
        raise ValueError(f"patterns must have shape (pattern, unit) with at least 2 units, got {rates.shape}")
    if not np.all(np.isfinite(rates)) or rates.min() < 0.0:
        raise ValueError(f"patterns must be finite rates >= 0 Hz, got a minimum of {rates.min()}")
    flat = np.flatnonzero(np.ptp(rates, axis=1) == 0.0)
    if flat.size:
        raise ValueError(f"patterns must differ between units, got constant rates in pattern {flat[0]}")
    return rates


def _checked_inhibition(rates, shape: tuple[int, int], activation) -> np.ndarray:
    rates = labelled_array("inhibitory_rates", rates)
    if rates.shape != shape or not np.all(np.isfinite(rates)) or rates.min() <= 0.0:
        raise ValueError(f"inhibitory_rates must be > 0 Hz, finite, of shape {shape}; got {rates.shape}")
    potentials = activation.potential(rates)
    if potentials.min() <= 0.0:
        lowest = f"{potentials.min():.3g} mV"
        raise ValueError(f"inhibitory_rates must have potentials > 0 mV, got a minimum of {lowest}")
    return potentials


def _checked_mask(is_clamped, n_inhibitory: int) -> np.ndarray:
    mask = np.asarray(is_clamped)
    if mask.dtype != bool or mask.shape not in ((), (n_inhibitory,)):
        given = f"{mask.dtype} of shape {mask.shape}"
        raise ValueError(f"is_clamped must be a bool or bools of shape ({n_inhibitory},), got {given}")
    return np.broadcast_to(mask, n_inhibitory)


def _checked_storage(storage: str, parametrisation: str) -> str:
    if storage not in _STORAGE:
        raise ValueError(f"storage must be one of {', '.join(_STORAGE)}, got {storage!r}")
    if storage == "exact" and parametrisation == "bound":
        raise ValueError("parametrisation must be softplus or exp with storage='exact', got 'bound'")
    return storage


def _checked_epsilon(epsilon: float | None, model: BalancedEI) -> float:
    n = model.n_units
    limit = 2.0 * (model.n_excitatory + model.n_inhibitory * model.tau_e / model.tau_i) / n**2
    if epsilon is None:
        return 0.6 / n
    check_finite("epsilon", epsilon)
    if not 0.0 < epsilon < limit:
        raise ValueError(f"epsilon must be in (0, {limit:.4g}) per tau_e for {n} units, got {epsilon}")
    return float(epsilon)


def check_schedule(schedule, storage: str) -> None:
    """TypeError or ValueError unless a non-empty tuple of stages that suit the kind of storage."""
    if (
        not isinstance(schedule, tuple | list)
        or not schedule
        or not all(isinstance(stage, Stage) for stage in schedule)
    ):
        raise TypeError(f"schedule must be a non-empty tuple of Stage, got {schedule!r}")
    if storage == "exact" and any(stage.velocity for stage in schedule):
        raise ValueError("velocity must be 0 in every stage with storage='exact', where velocities are 0")
