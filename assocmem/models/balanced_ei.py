"""Balanced excitatory-inhibitory rate network with an expansive gain (Festa, Hennequin & Lengyel, 2014)."""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from assocmem.jit import kernel
from assocmem.kernels.activations import PowerLaw, SoftplusSquared, power_law_rate, softplus_squared_rate
from assocmem.kernels.matmul import leaky_matmul, weights_from
from assocmem.models.base import Flow
from assocmem.validation import check_positive

__all__ = ["BalancedEI"]


@kernel
def _power_law_rhs(t, y, dy, work, stimulus, weights_from, drive, leak, gain, exponent):
    power_law_rate(y, gain, exponent, work)
    leaky_matmul(work, weights_from, y, drive, stimulus, leak, dy)


@kernel
def _softplus_squared_rhs(t, y, dy, work, stimulus, weights_from, drive, leak, gain):
    softplus_squared_rate(y, gain, work)
    leaky_matmul(work, weights_from, y, drive, stimulus, leak, dy)


def _frozen_copy(name: str, values, shape: tuple[int, ...]) -> np.ndarray:
    """Read-only float64 copy of `values` broadcast to `shape`; all values must be finite."""
    array = np.asarray(values, dtype=float)
    if array.ndim and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} other values")
    array = np.ascontiguousarray(np.broadcast_to(array, shape)).copy()
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class BalancedEI(Flow):
    r"""Rate units that obey Dale's law, excitatory ones first.

    .. math:: \tau_i \dot u_i = -u_i + \sum_j W_{ij} g(u_j) + h_i

    Parameters
    ----------
    weights : ndarray (unit, unit)
        W[post, pre] in mV/Hz. Columns below `n_excitatory` are >= 0, the others <= 0; the diagonal is 0.
    n_excitatory : int
        Number of excitatory units, from 1 to the number of units.
    drive : float or ndarray (unit,)
        Constant external input h in mV; stored as an array.
    tau_e, tau_i : float, > 0
        Time constants of excitatory and inhibitory units in ms.
    activation : PowerLaw or SoftplusSquared
        Gain function g from mV to Hz.

    Raises
    ------
    ValueError
        If a shape, sign, range or value is not as above.
    TypeError
        If `n_excitatory` is no integer or `activation` is of another type.

    References
    ----------
    Festa, Hennequin & Lengyel (2014), Analog memories in a balanced rate-based network of E-I neurons.
    """

    weights: np.ndarray = field(repr=False)
    n_excitatory: int
    drive: float | np.ndarray = field(default=7.0, repr=False)
    tau_e: float = 20.0
    tau_i: float = 10.0
    activation: PowerLaw | SoftplusSquared = PowerLaw()

    state, state_units, time_units = "potential", "mV", "ms"

    def __post_init__(self):
        shape = np.shape(self.weights)
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
            raise ValueError(f"weights must be a square matrix (unit, unit), got shape {shape}")
        if isinstance(self.n_excitatory, bool) or not isinstance(self.n_excitatory, int | np.integer):
            raise TypeError(f"n_excitatory must be an integer, got {type(self.n_excitatory).__name__}")
        if not 1 <= self.n_excitatory <= shape[0]:
            raise ValueError(f"n_excitatory must be in 1..{shape[0]}, got {self.n_excitatory}")
        for name in ("tau_e", "tau_i"):
            check_positive(name, getattr(self, name))
            object.__setattr__(self, name, float(getattr(self, name)))
        if not isinstance(self.activation, PowerLaw | SoftplusSquared):
            kind = type(self.activation).__name__
            raise TypeError(f"activation must be a PowerLaw or a SoftplusSquared, got {kind}")
        object.__setattr__(self, "n_excitatory", int(self.n_excitatory))
        object.__setattr__(self, "weights", _frozen_copy("weights", self.weights, shape))
        object.__setattr__(self, "drive", _frozen_copy("drive", self.drive, shape[:1]))
        self._check_signs()

    def _check_signs(self) -> None:
        diagonal = np.flatnonzero(np.diagonal(self.weights))
        if diagonal.size:
            raise ValueError(f"weights must have a zero diagonal, got {diagonal.size} units with self-coupling")
        excitatory, inhibitory = np.split(self.weights, [self.n_excitatory], axis=1)
        if excitatory.size and excitatory.min() < 0.0:
            raise ValueError(
                f"weights must be >= 0 in the excitatory columns 0..{self.n_excitatory - 1} (Dale's law), "
                f"got a minimum of {excitatory.min():g} mV/Hz"
            )
        if inhibitory.size and inhibitory.max() > 0.0:
            raise ValueError(
                f"weights must be <= 0 in the inhibitory columns {self.n_excitatory}..{self.n_units - 1} "
                f"(Dale's law), got a maximum of {inhibitory.max():g} mV/Hz"
            )

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.weights.shape[0]

    @property
    def n_inhibitory(self) -> int:
        """Number of inhibitory units."""
        return self.n_units - self.n_excitatory

    @property
    def tau(self) -> np.ndarray:
        """Time constants (unit,) in ms."""
        return np.where(np.arange(self.n_units) < self.n_excitatory, self.tau_e, self.tau_i)

    @property
    def rhs(self):
        """Kernel of the right-hand side."""
        return _power_law_rhs if isinstance(self.activation, PowerLaw) else _softplus_squared_rhs

    @property
    def n_work(self) -> int:
        """Columns of scratch: one rate for each unit."""
        return self.n_units

    @property
    def weights_from(self) -> np.ndarray:
        """Weights (pre, post) in the layout that the kernel reads."""
        return weights_from(self.weights)

    @property
    def leak(self) -> np.ndarray:
        """Rates (unit,) of the passive decay, in 1/ms."""
        return 1.0 / self.tau

    @property
    def gain(self) -> float:
        """Gain of the activation."""
        return float(self.activation.gain)

    @property
    def exponent(self) -> float:
        """Exponent of the power law."""
        return float(self.activation.exponent)

    def rate(self, potential) -> np.ndarray:
        """Rates g(u) in Hz at potentials (..., unit) in mV."""
        return self.activation.rate(self._checked(potential))

    def potential(self, rate) -> np.ndarray:
        """Potentials in mV with the rates (..., unit) in Hz; ValueError where the gain has no inverse."""
        return self.activation.potential(self._checked(rate, "rate"))

    def velocity(self, potential) -> np.ndarray:
        """Time derivative du/dt (..., unit) in mV/ms at potentials (..., unit) in mV."""
        potential = self._checked(potential)
        recurrent = self.activation.rate(potential) @ self.weights.T
        return (recurrent + self.drive - potential) / self.tau

    def jacobian(self, potential) -> np.ndarray:
        """Derivative of the velocity, J_ij = (W_ij g'(u_j) - delta_ij) / tau_i.

        Parameters
        ----------
        potential : ndarray (..., unit)
            mV.

        Returns
        -------
        ndarray (..., unit, unit) in 1/ms, [row: velocity of, column: potential of].
        """
        slope = self.activation.slope(self._checked(potential))
        coupling = self.weights * slope[..., None, :]
        return (coupling - np.eye(self.n_units)) / self.tau[:, None]

    def currents(self, potential) -> xr.Dataset:
        """Excitatory and inhibitory recurrent input of every unit.

        Parameters
        ----------
        potential : DataArray (..., unit) or ndarray (unit,), (trajectory, unit) or (trajectory, time, unit)
            mV.

        Returns
        -------
        Dataset with `excitatory` (>= 0) and `inhibitory` (<= 0), of the dimensions of `potential`, in mV.
        Their sum plus the drive is the potential at a fixed point.

        Raises
        ------
        ValueError
            If the last dimension is not that of the units or an array has more than three dimensions.
        """
        if not isinstance(potential, xr.DataArray):
            array = self._checked(potential)
            if array.ndim > 3:
                raise ValueError(f"potential must have at most 3 dimensions, got {array.ndim}; use a DataArray")
            potential = xr.DataArray(array, dims=("trajectory", "time")[: array.ndim - 1] + ("unit",))
        elif "unit" not in potential.dims:
            raise ValueError(f"potential must have the dimension unit, got {potential.dims}")
        potential = potential.transpose(..., "unit")
        rate = self.rate(potential.values)
        n = self.n_excitatory
        parts = {
            "excitatory": rate[..., :n] @ self.weights[:, :n].T,
            "inhibitory": rate[..., n:] @ self.weights[:, n:].T,
        }
        coords = potential.coords
        return xr.Dataset({k: (potential.dims, v, {"units": "mV"}) for k, v in parts.items()}, coords=coords)

    def _checked(self, values, name: str = "potential") -> np.ndarray:
        values = np.asarray(values, dtype=float)
        if values.ndim == 0 or values.shape[-1] != self.n_units:
            raise ValueError(f"{name} must have {self.n_units} units on its last axis, got shape {values.shape}")
        return values
