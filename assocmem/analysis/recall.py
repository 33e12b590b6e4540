"""How much of what is stored is recalled, and whether in the right order."""

from __future__ import annotations

import numpy as np
import xarray as xr

from assocmem.validation import check_integer


def unique_memory_ratio(recorded: xr.DataArray, n_patterns: int, *, dim: str = "round") -> xr.DataArray:
    """Number of different patterns recorded, divided by the number of patterns.

    Parameters
    ----------
    recorded : DataArray (..., round) of int
        Patterns in the order of their recall, numbered from 0.
    n_patterns : int
        >= 1.
    dim : str
        Name of the dimension of the recall.

    Returns
    -------
    DataArray (...), in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If `recorded` is no DataArray of int, lacks `dim` or has numbers outside of the patterns.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, section 7.
    """
    _check_recorded(recorded, dim)
    check_integer("n_patterns", n_patterns, 1)
    if recorded.size and not (recorded.min() >= 0 and recorded.max() < n_patterns):
        raise ValueError(
            f"recorded must be from 0 to {n_patterns - 1}, got {int(recorded.min())}..{int(recorded.max())}"
        )
    ratio = xr.apply_ufunc(_count_unique, recorded, input_core_dims=[[dim]]) / n_patterns
    return ratio.rename("unique_memory_ratio").assign_attrs(units="1", long_name="unique memory ratio")


def levenshtein_coefficient(
    recorded: xr.DataArray, target: np.ndarray | None = None, *, dim: str = "round"
) -> xr.DataArray:
    """1 - D / C, with the edit distance D of the recall from a target and the number C of rounds.

    D is the least number of insertions, deletions and substitutions that turn one list into the other.

    Parameters
    ----------
    recorded : DataArray (..., round) of int
        Patterns in the order of their recall.
    target : array (n,) of int, optional
        The right order; 1, 2, ..., C by default, as in the code of the paper. Its last entry is a pattern that does not
        exist if there are C: a perfect recall then scores 1 - 1 / C.
    dim : str
        Name of the dimension of the recall.

    Returns
    -------
    DataArray (...), at most 1; >= 0 if the target is no longer than the recall.

    Raises
    ------
    TypeError, ValueError
        If `recorded` is no DataArray of int or lacks `dim`, or the target is no list of int.

    References
    ----------
    Levenshtein (1966), Soviet Physics Doklady 10, 707-710. Santos et al. (2024), section 7.
    """
    _check_recorded(recorded, dim)
    n_rounds = recorded.sizes[dim]
    right = np.arange(1, n_rounds + 1) if target is None else np.asarray(target)
    if right.ndim != 1 or right.dtype.kind not in "iu":
        raise ValueError(f"target must be a list of int, got shape {right.shape} of dtype {right.dtype}")
    distance = xr.apply_ufunc(
        _edit_distance, recorded, input_core_dims=[[dim]], kwargs={"target": right}, vectorize=True
    )
    coefficient = (1.0 - distance / n_rounds).rename("levenshtein_coefficient")
    return coefficient.assign_attrs(units="1", long_name="Levenshtein coefficient")


def _check_recorded(recorded, dim):
    if not isinstance(recorded, xr.DataArray):
        raise TypeError(f"recorded must be a DataArray with the dimension {dim}, got {type(recorded).__name__}")
    if dim not in recorded.dims or recorded.sizes[dim] == 0:
        raise ValueError(f"recorded must have the dimension {dim} with at least one entry, got {dict(recorded.sizes)}")
    if recorded.dtype.kind not in "iu":
        raise TypeError(f"recorded must be integers, got dtype {recorded.dtype}")


def _count_unique(recorded):
    ordered = np.sort(recorded, axis=-1)
    return 1 + np.count_nonzero(np.diff(ordered, axis=-1), axis=-1)


def _edit_distance(recorded, target):
    """D of two lists, by the rows of ``D_ij = min(D_i-1,j + 1, D_i,j-1 + 1, D_i-1,j-1 + (a_i != b_j))``.

    Insertions along a row are a running minimum of ``D_ij - j``.
    """
    places = np.arange(target.size + 1)
    row = places
    for item in recorded:
        candidates = row + 1
        candidates[1:] = np.minimum(candidates[1:], row[:-1] + (target != item))
        row = np.minimum.accumulate(candidates - places) + places
    return row[-1]
