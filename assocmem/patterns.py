"""Patterns to store, and corrupted versions of them to recall from.

A pattern is a vector of firing rates in Hz, one value per unit. Synthetic patterns are log-normal; real
ones come from images (`photograph_patterns`, `digit_patterns`) whose pixels are remapped by rank to the same
log-normal distribution, so that real and synthetic patterns differ in their correlations only.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
import xarray as xr
from scipy.ndimage import zoom
from scipy.special import ndtr, ndtri

from assocmem import images
from assocmem.validation import check_integer

MINIMUM_RATE = 0.01  # Hz; additive noise never takes a cue below it
LARGEST_SPREAD = 1e100  # sd per mean; its square must not overflow
DECORRELATIONS = (None, "whiten", "project")


def lognormal_patterns(n_patterns: int, n_units: int, *, mean: float = 5.0, sd: float = 5.0, seed: int) -> xr.DataArray:
    """Independent log-normal rates, the synthetic patterns of the balanced network.

    Parameters
    ----------
    n_patterns, n_units : int
        Both >= 1.
    mean, sd : float
        Mean and standard deviation of the rates, Hz, both > 0. The logarithm of the rate then has variance
        ``log(1 + (sd/mean)^2)`` and mean ``log(mean)`` minus half of that.
    seed : int
        >= 0.

    Returns
    -------
    DataArray (pattern, unit), Hz, all > 0.

    Raises
    ------
    TypeError, ValueError
        If a count or the seed is no integer, or an argument is out of range.
    """
    check_integer("n_patterns", n_patterns, 1)
    check_integer("n_units", n_units, 1)
    location, scale = _lognormal_parameters(mean, sd)
    rates = _generator(seed, stream=0).lognormal(location, scale, (n_patterns, n_units))
    return _label(rates, source="log-normal", mean=mean, sd=sd, seed=seed)


def photograph_patterns(
    n_patterns: int,
    n_units: int,
    *,
    mean: float = 5.0,
    sd: float = 5.0,
    seed: int,
    source: str = "matplotlib",
    pixel_size: int = 4,
    decorrelate: str | None = None,
) -> xr.DataArray:
    """Patches of photographs as rate patterns, one pixel per unit.

    The images are averaged over blocks of `pixel_size` x `pixel_size` and cut into patches that do not
    overlap, as nearly square as `n_units` allows (40 units: 5 x 8). The half with the higher contrast is
    kept, `n_patterns` of them are drawn, and the pixels of each are remapped by rank to log-normal rates.

    Parameters
    ----------
    n_patterns, n_units : int
        Both >= 1.
    mean, sd : float
        Of the log-normal rates, Hz, both > 0.
    seed : int
        >= 0.
    source : {"matplotlib", "scikit-learn", "scikit-image"}
        Whose sample images: a portrait and a magnetic-resonance slice that every installation has, or the
        photographs of one of the packages of the extra `assocmem[data]`.
    pixel_size : int
        >= 1; image pixels along the side of one pattern pixel.
    decorrelate : {None, "whiten", "project"}
        None keeps the pixels; "whiten" removes the correlations between pixels (zero-phase whitening with
        the covariance of all patches); "project" replaces pixels by random projections of the centred patch.

    Returns
    -------
    DataArray (pattern, unit), Hz, all > 0; attrs hold the patch shape and the correlation between patterns.

    Raises
    ------
    ImportError
        If the package of `source` is missing; names the extra to install.
    TypeError, ValueError
        If an argument is out of range or the images have fewer patches than `n_patterns`.
    """
    check_integer("n_patterns", n_patterns, 1)
    check_integer("n_units", n_units, 1)
    check_integer("pixel_size", pixel_size, 1)
    _require_choice("source", source, tuple(images.PHOTOGRAPHS))
    _require_choice("decorrelate", decorrelate, DECORRELATIONS)
    _lognormal_parameters(mean, sd)
    rng = _generator(seed, stream=1)
    shape = images.nearly_square(n_units)
    ensemble = np.concatenate(
        [images.tiles(images.block_mean(image, pixel_size), shape) for image in images.photographs(source)]
    )
    contrast = ensemble.std(axis=1)
    sharp = np.flatnonzero((contrast >= np.median(contrast)) & (contrast > 0))
    if n_patterns > sharp.size:
        raise ValueError(
            f"n_patterns must be at most {sharp.size} for patches of {shape[0]} x {shape[1]} pixels of size"
            f" {pixel_size} from {source}, got {n_patterns}; use a smaller pixel_size or another source"
        )
    chosen = rng.choice(sharp, n_patterns, replace=False)
    values = _decorrelated(ensemble, decorrelate, n_units, rng)[chosen]
    attrs = {"source": f"photographs ({source})", "decorrelate": decorrelate or "none"}
    return _label_images(values, shape, mean=mean, sd=sd, seed=seed, **attrs)


def digit_patterns(
    n_patterns: int,
    *,
    n_units: int | None = None,
    mean: float = 5.0,
    sd: float = 5.0,
    seed: int,
    decorrelate: str | None = None,
) -> xr.DataArray:
    """Handwritten digits of scikit-learn as rate patterns, the ten classes in turn.

    Parameters
    ----------
    n_patterns : int
        >= 1.
    n_units : int, optional
        64 (8 x 8 pixels) where None; otherwise the images are resampled to the most nearly square shape.
    mean, sd : float
        Of the log-normal rates, Hz, both > 0.
    seed : int
        >= 0.
    decorrelate : {None, "whiten", "project"}
        As in `photograph_patterns`, with the covariance of all digits. Raw digits are strongly correlated.

    Returns
    -------
    DataArray (pattern, unit), Hz, all > 0, with the coordinate `digit` (pattern,). Pixels of equal grey (the
    background) get equal rates.

    Raises
    ------
    ImportError
        If scikit-learn is missing; names the extra to install.
    TypeError, ValueError
        If an argument is out of range or more patterns are asked for than there are digits.
    """
    check_integer("n_patterns", n_patterns, 1)
    n_units = 64 if n_units is None else n_units
    check_integer("n_units", n_units, 1)
    _require_choice("decorrelate", decorrelate, DECORRELATIONS)
    _lognormal_parameters(mean, sd)
    grey, classes = images.digits()
    by_class = [np.flatnonzero(classes == digit) for digit in range(10)]
    limit = 10 * min(members.size for members in by_class)
    if n_patterns > limit:
        raise ValueError(f"n_patterns must be at most {limit}, got {n_patterns}")
    rng = _generator(seed, stream=2)
    shuffled = [rng.permutation(members) for members in by_class]
    chosen = np.array([shuffled[k % 10][k // 10] for k in range(n_patterns)])
    shape = images.nearly_square(n_units)
    factors = (1, shape[0] / 8, shape[1] / 8)
    ensemble = zoom(grey, factors, order=1, grid_mode=True, mode="nearest").reshape(-1, n_units)
    values = _decorrelated(ensemble, decorrelate, n_units, rng)[chosen]
    attrs = {"source": "digits (scikit-learn)", "decorrelate": decorrelate or "none"}
    patterns = _label_images(values, shape, mean=mean, sd=sd, seed=seed, **attrs)
    return patterns.assign_coords(digit=("pattern", classes[chosen], {"units": "1"}))


def rank_remap(values: np.ndarray, *, mean: float, sd: float) -> np.ndarray:
    """Rows of `values` with every entry replaced by the log-normal rate of its rank in the row.

    The entry of rank k of n gets the mean of a log-normal variable between its quantiles k/n and (k+1)/n, so
    the mean over a row is exactly `mean`; entries that are equal share the average of their rates. The
    standard deviation over a row is a little below `sd`: the tail beyond the last quantile is averaged.

    Parameters
    ----------
    values : ndarray (pattern, unit)
        Any unit, finite.
    mean, sd : float
        Hz, both > 0.

    Returns
    -------
    ndarray (pattern, unit), Hz.

    Raises
    ------
    TypeError
        If `values` is complex.
    ValueError
        If `values` is not a finite matrix with at least one entry, or `mean` or `sd` is not > 0.
    """
    if np.iscomplexobj(values):
        raise TypeError("values must be real, got complex numbers")
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values must be a finite (pattern, unit) matrix, not empty, got shape {values.shape}")
    _, scale = _lognormal_parameters(mean, sd)
    n_units = values.shape[1]
    edges = ndtri(np.arange(n_units + 1) / n_units)
    rates = mean * n_units * np.diff(ndtr(edges - scale))
    return np.stack([_rates_by_rank(row, rates) for row in values])


def corrupt(
    patterns: xr.DataArray,
    *,
    noise: float | None = None,
    fraction: float | None = None,
    n_cues: int = 1,
    seed: int,
) -> xr.DataArray:
    """Cues: corrupted copies of patterns, by additive noise or by resampling some of the units.

    Parameters
    ----------
    patterns : DataArray (pattern, unit)
        Hz, finite, >= 0.
    noise : float, optional
        >= 0, in units of the standard deviation of all rates: ``max(rate + noise * sd * normal, 0.01 Hz)``.
    fraction : float, optional
        In [0, 1]: that fraction of the units of each cue (rounded to a whole number) takes rates drawn from
        all rates of `patterns`. Exactly one of `noise` and `fraction` is given.
    n_cues : int
        >= 1; cues per pattern.
    seed : int
        >= 0.

    Returns
    -------
    DataArray (pattern, cue, unit), Hz.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, shape or range, or not exactly one corruption is given.
    """
    _require_patterns(patterns)
    check_integer("n_cues", n_cues, 1)
    if (noise is None) == (fraction is None):
        raise ValueError(f"give exactly one of noise and fraction, got noise={noise}, fraction={fraction}")
    rng = _generator(seed, stream=3)
    rates = patterns.transpose("pattern", "unit").to_numpy().astype(float)
    if noise is not None:
        cues, attrs = _additive(rates, noise, n_cues, rng), {"noise": float(noise)}
    else:
        cues, attrs = _resampled(rates, fraction, n_cues, rng), {"fraction": float(fraction)}
    coords = {name: c for name, c in patterns.coords.items() if set(c.dims) <= {"pattern", "unit"}}
    coords["cue"] = ("cue", np.arange(n_cues), {"units": "1"})
    return xr.DataArray(
        cues,
        dims=("pattern", "cue", "unit"),
        coords=coords,
        name="rate",
        attrs={"units": "Hz", "long_name": "cue rate", "seed": int(seed), **attrs},
    )


def pattern_correlation(patterns: xr.DataArray) -> xr.DataArray:
    """Pearson correlation over units of every pair of patterns.

    Parameters
    ----------
    patterns : DataArray (pattern, unit)
        Hz.

    Returns
    -------
    DataArray (pattern, other_pattern), in [-1, 1].

    Raises
    ------
    TypeError, ValueError
        If `patterns` is no DataArray over pattern and unit, or has negative or non-finite rates.
    """
    _require_patterns(patterns)
    rates = patterns.transpose("pattern", "unit").to_numpy()
    correlation = np.corrcoef(rates).reshape(len(rates), len(rates))
    return xr.DataArray(correlation, dims=("pattern", "other_pattern"), attrs={"units": "1"})


def _lognormal_parameters(mean, sd):
    _require_positive("mean", mean)
    _require_positive("sd", sd)
    if not sd / mean <= LARGEST_SPREAD:
        raise ValueError(f"sd must be at most {LARGEST_SPREAD:g} times the mean of {mean:g} Hz, got {sd:g}")
    variance = np.log1p((sd / mean) ** 2)
    return np.log(mean) - variance / 2, np.sqrt(variance)


def _rates_by_rank(row, rates):
    _, group = np.unique(row, return_inverse=True)
    order = np.argsort(row, kind="stable")
    totals = np.zeros(group.max() + 1)
    np.add.at(totals, group[order], rates)
    return (totals / np.bincount(group))[group]


def _additive(rates, noise, n_cues, rng):
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a finite number >= 0 (in standard deviations), got {noise!r}")
    normals = rng.standard_normal((rates.shape[0], n_cues, rates.shape[1]))
    return np.maximum(rates[:, np.newaxis] + noise * rates.std() * normals, MINIMUM_RATE)


def _resampled(rates, fraction, n_cues, rng):
    if not isinstance(fraction, Real) or not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be in [0, 1], got {fraction!r}")
    n_patterns, n_units = rates.shape
    # the units with the smallest of n_units random numbers: a random subset of a fixed size for every cue
    order = rng.random((n_patterns, n_cues, n_units)).argsort(axis=-1).argsort(axis=-1)
    drawn = rng.choice(rates.ravel(), (n_patterns, n_cues, n_units))
    return np.where(order < round(fraction * n_units), drawn, rates[:, np.newaxis])


def _decorrelated(ensemble, method, n_units, rng):
    if method is None:
        return ensemble
    if method == "whiten":
        return images.whitened(ensemble)
    return (ensemble - ensemble.mean(axis=0)) @ rng.standard_normal((ensemble.shape[1], n_units))


def _label_images(values, shape, *, mean, sd, seed, source, decorrelate):
    rates = rank_remap(values, mean=mean, sd=sd)
    attrs = {"source": source, "decorrelate": decorrelate, "patch_height": shape[0], "patch_width": shape[1]}
    return _label(rates, mean=mean, sd=sd, seed=seed, **attrs)


def _label(rates, *, mean, sd, seed, **attrs):
    n_patterns, n_units = rates.shape
    patterns = xr.DataArray(
        rates,
        dims=("pattern", "unit"),
        name="rate",
        coords={
            "pattern": ("pattern", np.arange(n_patterns), {"units": "1"}),
            "unit": ("unit", np.arange(n_units), {"units": "1"}),
        },
        attrs={
            "units": "Hz",
            "long_name": "pattern rate",
            "mean": float(mean),
            "sd": float(sd),
            "seed": int(seed),
            **attrs,
        },
    )
    if n_patterns > 1 and n_units > 1:
        pairs = pattern_correlation(patterns).to_numpy()[np.triu_indices(n_patterns, 1)]
        patterns.attrs["mean_correlation"] = float(pairs.mean())
        patterns.attrs["rms_correlation"] = float(np.sqrt(np.mean(pairs**2)))
    return patterns


def _generator(seed, *, stream):
    """One independent stream per function, so that equal seeds never mean equal numbers in two of them."""
    check_integer("seed", seed, 0)
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(stream,)))


def _require_positive(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a finite number > 0 Hz, got {value!r}")


def _require_choice(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _require_patterns(patterns):
    if not isinstance(patterns, xr.DataArray):
        raise TypeError(f"patterns must be a DataArray (pattern, unit), got {type(patterns).__name__}")
    if set(patterns.dims) != {"pattern", "unit"}:
        raise ValueError(f"patterns must have the dimensions (pattern, unit), got {patterns.dims}")
    if patterns.dtype.kind not in "biuf":
        raise TypeError(f"patterns must be real numbers, got dtype {patterns.dtype}")
    if patterns.size == 0 or not np.isfinite(patterns).all() or (patterns < 0).any():
        raise ValueError("patterns must hold at least one rate, all finite and >= 0 Hz")
