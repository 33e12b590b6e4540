"""Free and sequential recall of all patterns by Hopfield-Fenchel-Young networks."""

import numpy as np
import xarray as xr

from assocmem.jit import compile_loop
from assocmem.kernels.matmul import aligned_empty, matmul, product_loop, weights_from
from assocmem.kernels.recall import constrained_recall_loop, free_recall_loop, sequential_recall_loop
from assocmem.kernels.reductions import padded
from assocmem.kernels.simplex import DONE
from assocmem.provenance import run_attributes
from assocmem.separations import ConstrainedSparsemax, Separation, SequentialKSubsets
from assocmem.separations.base import run_on_threads
from assocmem.validation import check_finite, check_integer, check_positive, labelled_array

__all__ = ["constrained_free_recall", "free_recall", "sequential_recall"]


def free_recall(
    patterns: np.ndarray,
    separation: Separation,
    *,
    beta: float = 0.1,
    n_rounds: int | None = None,
    n_inner: int = 20,
    penalty: float = 1e9,
    rate: float = 1e-3,
    threads: int | None = None,
) -> xr.Dataset:
    r"""Patterns in the order in which they come to mind, where those visited before are penalised.

    From the first pattern, ``q = x_0``, and without a penalty, ``a = 0``, every round is

    .. math::
        p = \hat y(\beta (X q - \lambda a)), \quad a \leftarrow \tau p + (1 - \tau) a, \quad q = X^T p

    followed by `n_inner` steps ``p = separation(beta X q)``, ``q = X^T p``; the largest weight names the pattern
    recorded. Everything happens in float64 and in pattern space; one round takes no longer for more units.

    The penalty makes weights of 1e-9 count. With softmax, where no weight is 0, the order in which some hundred
    patterns are recalled therefore depends on rounding; how many are recalled hardly does.

    Parameters
    ----------
    patterns : array or DataArray (pattern, unit)
    separation : Separation
        One whose weights have a fixed sum.
    beta : float, > 0
        Inverse temperature.
    n_rounds : int, optional
        >= 1; as many as there are patterns by default.
    n_inner : int, >= 1
        Steps after each penalised one.
    penalty : float, >= 0
        lambda.
    rate : float, in [0, 1]
        tau, the fraction of the trace a that is renewed in each round.
    threads : int, optional
        >= 1, for the products between patterns; as many as there are cores by default. Without effect on the result.

    Returns
    -------
    Dataset
        `recorded` (round): the pattern of the largest weight, the first of equal ones; `largest_weight` and
        `support_size` (round): of the weights that it was read from; `n_steps` (round): steps, of `n_inner`, until one
        changed nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or products of patterns overflow.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, algorithm 1.
    """
    settings = {"beta": beta, "n_inner": n_inner, "penalty": penalty, "rate": rate}
    x, n_rounds = _checked(patterns, n_rounds, settings, threads)
    _check_separation(separation, len(x))
    record, scores, buffers = _Record(n_rounds), np.empty((1, len(x))), _buffers(len(x))
    numbers = float(beta), float(penalty), float(rate), int(n_inner)
    state = _first(len(x)), np.zeros(len(x))
    loop = compile_loop(free_recall_loop, type(separation).row)
    outcome = loop(
        *(_gram(x, threads), numbers, separation.parameters(), state),
        *(record.readout, record.largest, scores, separation.scratch(len(x)), buffers),
    )
    _check_outcome(*outcome)
    return record.labelled(run_attributes(separation, patterns=x, n_rounds=n_rounds, **settings))


def constrained_free_recall(
    patterns: np.ndarray,
    *,
    beta: float = 0.1,
    n_rounds: int | None = None,
    n_inner: int = 20,
    threads: int | None = None,
) -> xr.Dataset:
    r"""Patterns in the order in which they come to mind, where every pattern has a total weight of 1 to spend.

    From the first pattern, ``q = x_0``, and upper bounds ``u = 1``, every round consists of `n_inner` steps

    .. math::
        p = \operatorname{argmin}_{0 \le p \le u, \, \sum p = 1} |p - \beta X q|^2, \quad q = X^T p

    and then ``u = max(u - p, 0)``; the largest weight names the pattern recorded. Each round takes a weight of 1 from
    the bounds: there can be no more rounds than patterns, and if each round is on one pattern, all are recalled.

    Parameters
    ----------
    patterns, beta, n_rounds, n_inner, threads
        As for `free_recall`; `n_rounds` at most the number of patterns.

    Returns
    -------
    Dataset
        As of `free_recall`, and `weight_left` (round): the sum of the bounds after the round.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or products of patterns overflow.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, algorithm 2.
    """
    settings = {"beta": beta, "n_inner": n_inner}
    x, n_rounds = _checked(patterns, n_rounds, settings, threads)
    if n_rounds > len(x):
        raise ValueError(f"n_rounds must be at most the number of patterns, {len(x)}, got {n_rounds}")
    separation = ConstrainedSparsemax(np.ones(len(x)))
    record, scores, buffers = _Record(n_rounds), np.empty((1, len(x))), _buffers(len(x))
    left, state = np.empty(n_rounds), (_first(len(x)), np.ones((1, len(x))))
    outcome = compile_loop(constrained_recall_loop)(
        *(_gram(x, threads), (float(beta), int(n_inner)), state),
        *(record.readout, record.largest, left, scores, separation.scratch(len(x)), buffers),
    )
    _check_outcome(*outcome)
    dataset = record.labelled(run_attributes(separation, patterns=x, n_rounds=n_rounds, **settings))
    return dataset.assign(weight_left=("round", left, {"units": "1"}))


def sequential_recall(
    patterns: np.ndarray,
    separation: Separation,
    *,
    transition: float = 1e8,
    beta: float = 0.1,
    inner_beta: float = 1.0,
    two_state_regularizer: bool = True,
    bonus: float = 1.1,
    n_rounds: int | None = None,
    n_inner: int = 20,
    penalty: float = 1e9,
    rate: float = 1e-3,
    threads: int | None = None,
) -> xr.Dataset:
    r"""Patterns in the order in which they come to mind, where each calls its neighbour in a sequence.

    From the first pattern, ``q = x_0``, and without a penalty, ``a = 0``, every round retrieves a pair of neighbours
    and takes away what was there before,

    .. math::
        \mu = \hat y_\text{pair}(\beta (X q - \lambda a)), \quad q \leftarrow X^T \mu - q ,

    with `SequentialKSubsets` of two patterns. `n_inner` steps ``p = separation(inner_beta X q)``, ``q = X^T p`` clean
    up what is left, and ``a = rate (mu - bonus p) + (1 - rate) a`` penalises the old pattern only. A pair has no
    direction: a run can turn around.

    Parameters
    ----------
    patterns : array or DataArray (pattern, unit)
        At least two, in their order.
    separation : Separation
        Of the inner steps; one whose weights have a fixed sum.
    transition : float
        Score of two neighbours; a huge one, the default, leaves only pairs of neighbours.
    beta : float, > 0
        Inverse temperature of the pairs.
    inner_beta : float, > 0
        Inverse temperature of the inner steps: 1 in the code of the paper, `beta` in its text.
    two_state_regularizer : bool
        As of `SequentialKSubsets`; True in the code of the paper.
    bonus : float
        omega, how much of the penalty of the pattern just recalled is made good.
    n_rounds, n_inner, penalty, rate, threads
        As for `free_recall`.

    Returns
    -------
    Dataset
        As of `free_recall`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or range, or products of patterns overflow.

    References
    ----------
    Santos et al. (2024), Hopfield-Fenchel-Young networks, algorithm 3.
    """
    settings = {"beta": beta, "n_inner": n_inner, "penalty": penalty, "rate": rate}
    x, n_rounds = _checked(patterns, n_rounds, settings, threads)
    _check_separation(separation, len(x))
    check_positive("inner_beta", inner_beta)
    check_finite("bonus", bonus)
    if len(x) < 2:
        raise ValueError(f"patterns must be at least two for a pair, got {len(x)}")
    pairs = SequentialKSubsets(2, transition=transition, two_state_regularizer=two_state_regularizer)
    record, scores, buffers = _Record(n_rounds), np.empty((1, len(x))), _buffers(len(x))
    numbers = float(beta), float(inner_beta), float(penalty), float(rate), float(bonus), int(n_inner)
    state = _first(len(x)), np.zeros(len(x)), np.empty((1, len(x)))
    works = separation.scratch(len(x)), pairs.scratch(len(x))
    loop = compile_loop(sequential_recall_loop, type(separation).row, type(pairs).row)
    outcome = loop(
        *(_gram(x, threads), numbers, (separation.parameters(), pairs.parameters()), state),
        *(record.readout, record.largest, scores, works, buffers),
    )
    _check_outcome(*outcome)
    settings |= {"inner_beta": inner_beta, "transition": transition, "curvature": pairs.curvature, "bonus": bonus}
    return record.labelled(run_attributes(separation, patterns=x, n_rounds=n_rounds, **settings))


class _Record:
    """What the compiled loops write for each round."""

    def __init__(self, n_rounds):
        self.readout, self.largest = np.empty((n_rounds, 3), dtype=np.int64), np.empty(n_rounds)

    def labelled(self, attributes):
        recorded, support, n_steps = self.readout.T
        values = {"recorded": recorded, "support_size": support, "n_steps": n_steps, "largest_weight": self.largest}
        variables = {name: ("round", value, {"units": "1"}) for name, value in values.items()}
        return xr.Dataset(variables, {"round": ("round", np.arange(len(recorded)), {"units": "1"})}, attributes)


def _checked(patterns, n_rounds, settings, threads):
    """Patterns as a float64 matrix and the number of rounds, once all that the recalls share has been checked."""
    x = labelled_array("patterns", patterns)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"patterns must be a matrix (pattern, unit), got shape {x.shape}")
    if not np.all(np.isfinite(x)):
        raise ValueError(f"patterns must be finite, got {np.count_nonzero(~np.isfinite(x))} other values")
    check_positive("beta", settings["beta"])
    check_integer("n_inner", settings["n_inner"], 1)
    for name in {"penalty", "rate"} & settings.keys():
        check_finite(name, settings[name])
        if settings[name] < 0:
            raise ValueError(f"{name} must be >= 0, got {settings[name]}")
    if settings.get("rate", 0.0) > 1:
        raise ValueError(f"rate must be in [0, 1], got {settings['rate']}")
    if threads is not None:
        check_integer("threads", threads, 1)
    if n_rounds is not None:
        check_integer("n_rounds", n_rounds, 1)
    return x, len(x) if n_rounds is None else int(n_rounds)


def _check_separation(separation, n_patterns):
    if not isinstance(separation, Separation):
        raise TypeError(f"separation must be a Separation, got {separation!r}")
    if not np.isfinite(separation.total):
        raise ValueError(f"separation must have weights of a fixed sum, got {separation}")
    separation.check_scores((1, n_patterns))


def _first(n_patterns):
    """Weights (1, pattern) of the first pattern as a state."""
    return np.eye(1, n_patterns)


def _buffers(n_patterns):
    return np.empty((1, n_patterns)), np.empty(padded(n_patterns), dtype=np.int64)


def _gram(x, threads):
    """Products (pattern, pattern) between patterns; the same bits for any number of threads."""
    n = len(x)
    weights, gram, loop = weights_from(x), aligned_empty((n, n)), compile_loop(product_loop, matmul)
    run_on_threads(lambda rows: loop(x[rows], weights, gram[rows]), (n, n), threads)
    if not np.all(np.isfinite(gram)):
        raise ValueError("patterns must have finite products with each other; those of large ones overflow")
    return gram


def _check_outcome(n_completed, status):
    if status != DONE:
        raise ValueError(
            f"scores could not be separated in round {n_completed}: beta times them must be finite (status {status})"
        )
