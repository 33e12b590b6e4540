"""Where training begins: random balanced weights and inhibitory rates."""

from dataclasses import dataclass

import numpy as np

from assocmem.validation import check_finite

__all__ = ["RowSums", "lognormal_rates", "random_ei_weights"]


@dataclass(frozen=True)
class RowSums:
    """Row sums of the blocks of the weights, in mV/Hz as magnitudes; the first letter is the target.

    References
    ----------
    The first author's later Julia package AttractorNetworksBase.jl.
    """

    ee: float = 2.5
    ei: float = 1.3
    ie: float = 2.4
    ii: float = 1.0

    def __post_init__(self):
        for name in ("ee", "ei", "ie", "ii"):
            value = getattr(self, name)
            check_finite(name, value)
            if value < 0.0:
                raise ValueError(f"{name} must be finite and >= 0 mV/Hz, got {value}")


_ROW_SUMS = RowSums()


def random_ei_weights(
    n_excitatory: int,
    n_inhibitory: int,
    *,
    seed: int,
    row_sums: RowSums = _ROW_SUMS,
) -> np.ndarray:
    """Exponentially distributed weights that obey Dale's law, every row of a block scaled to its row sum.

    Parameters
    ----------
    n_excitatory, n_inhibitory : int
        At least 2 each: a block needs one weight off the diagonal.
    seed : int
    row_sums : RowSums

    Returns
    -------
    ndarray (unit, unit) in mV/Hz, [post, pre], zero diagonal.

    Raises
    ------
    ValueError
        If there are fewer than 2 units of a kind.
    TypeError
        If `row_sums` is of another type.
    """
    if not isinstance(row_sums, RowSums):
        raise TypeError(f"row_sums must be a RowSums(ee, ei, ie, ii), got {row_sums!r}")
    for name, count in (("n_excitatory", n_excitatory), ("n_inhibitory", n_inhibitory)):
        if count < 2:
            raise ValueError(f"{name} must be >= 2, got {count}")
    n_units = n_excitatory + n_inhibitory
    weights = np.random.default_rng(np.random.SeedSequence([seed, 1])).exponential(size=(n_units, n_units))
    np.fill_diagonal(weights, 0.0)
    e, i = slice(0, n_excitatory), slice(n_excitatory, n_units)
    sums = ((e, e, row_sums.ee), (e, i, -row_sums.ei), (i, e, row_sums.ie), (i, i, -row_sums.ii))
    for post, pre, total in sums:
        weights[post, pre] *= total / weights[post, pre].sum(axis=1, keepdims=True)
    return weights


def lognormal_rates(shape: tuple[int, ...], *, mean: float, sd: float, seed: int) -> np.ndarray:
    """Independent log-normal rates in Hz with the given mean and standard deviation (Hz)."""
    variance = np.log1p((sd / mean) ** 2)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    return rng.lognormal(np.log(mean) - 0.5 * variance, np.sqrt(variance), size=shape)
