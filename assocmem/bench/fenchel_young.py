"""Separations of rows of scores, and dense retrieval: against NumPy and, where installed, torch and entmax."""

import importlib
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assocmem.bench.measuring import Contender, Table, needs, repeated
from assocmem.separations import Entmax, KSubsets, Normmax, Separation, Softmax, Sparsemax, associate

__all__ = ["TABLES"]

ROWS, LENGTHS, TYPES = 512, (1024, 4096), ("float64", "float32")
BISECTIONS = {"float64": 50, "float32": 24}  # steps with which entmax's documentation reaches the precision of a type
N_UNITS, N_PATTERNS, BETA = 64, 4096, 0.125  # of the retrieval; 1 / sqrt(units), as in attention


@dataclass(frozen=True)
class Case:
    """A separation, and how others compute it.

    Parameters
    ----------
    separation : Separation
    slope : function
        Gradient of Omega at weights (row, pattern).
    numpy : function, optional
        What a NumPy user writes for scores (row, pattern).
    functions : tuple of (suffix, package, function, options)
        Functions of torch tensors; those that bisect are told how often.
    """

    separation: Separation
    slope: Callable[[np.ndarray], np.ndarray]
    numpy: Callable[[np.ndarray], np.ndarray] | None = None
    functions: tuple[tuple[str, str, str, dict], ...] = ()


def numpy_softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def numpy_sparsemax(scores: np.ndarray) -> np.ndarray:
    """By sorting: Martins & Astudillo (2016), algorithm 1."""
    ordered = -np.sort(-scores, axis=1)
    sums = ordered.cumsum(axis=1)
    counts = np.arange(1, scores.shape[1] + 1, dtype=scores.dtype)
    sizes = (1 + counts * ordered > sums).sum(axis=1, keepdims=True)
    tau = (np.take_along_axis(sums, sizes - 1, axis=1) - 1) / sizes.astype(scores.dtype)
    return np.maximum(scores - tau, 0)


def numpy_entmax_1_5(scores: np.ndarray) -> np.ndarray:
    """By sorting: Peters, Niculae & Martins (2019), algorithm 2."""
    scores = (scores - scores.max(axis=1, keepdims=True)) / 2
    ordered = -np.sort(-scores, axis=1)
    counts = np.arange(1, scores.shape[1] + 1, dtype=scores.dtype)
    means, squares = ordered.cumsum(axis=1) / counts, (ordered**2).cumsum(axis=1)
    taus = means - np.sqrt(np.maximum((1 - (squares - counts * means**2)) / counts, 0))
    sizes = (taus <= ordered).sum(axis=1, keepdims=True)
    return np.maximum(scores - np.take_along_axis(taus, sizes - 1, axis=1), 0) ** 2


def _entmax_case(alpha: float) -> Case:
    functions = (("", "entmax", "entmax_bisect", {"alpha": alpha}),)
    return Case(Entmax(alpha), lambda p: p ** (alpha - 1) / (alpha - 1), functions=functions)


def _normmax_case(gamma: float) -> Case:
    def slope(p):
        return (p / (p**gamma).sum(axis=1, keepdims=True) ** (1 / gamma)) ** (gamma - 1)

    return Case(Normmax(gamma), slope, functions=(("", "entmax", "normmax_bisect", {"alpha": gamma}),))


def _k_subsets_case(k: int) -> Case:
    return Case(KSubsets(k), lambda p: p, functions=(("", "entmax", "budget_bisect", {"budget": k}),))


def _sorted_functions(name: str) -> tuple:
    """By sorting whole rows, as by default, and no more than their 100 largest scores at first."""
    return ("", "entmax", name, {}), ("_k100", "entmax", name, {"k": 100})


CASES = {
    "softmax": Case(Softmax(), np.log, numpy_softmax, (("", "torch", "softmax", {}),)),
    "sparsemax": Case(Sparsemax(), lambda p: p, numpy_sparsemax, _sorted_functions("sparsemax")),
    "entmax 1.5": Case(Entmax(1.5), lambda p: 2 * np.sqrt(p), numpy_entmax_1_5, _sorted_functions("entmax15")),
    "entmax 1.25": _entmax_case(1.25),
    "entmax 3": _entmax_case(3.0),
    "normmax 2": _normmax_case(2.0),
    "normmax 5": _normmax_case(5.0),
    "8-subsets": _k_subsets_case(8),
    "64-subsets": _k_subsets_case(64),
    "256-subsets": _k_subsets_case(256),
}


# separations: a batch is the length of the rows, one step separates all rows


def scores(length: int, dtype: str) -> np.ndarray:
    """Standard normal scores (row, pattern)."""
    return np.random.default_rng(4).standard_normal((ROWS, length)).astype(dtype)


def _contender(name: str, dtype: str, prepare: Callable[[np.ndarray, int], Callable]) -> Contender:
    """Contender that separates scores with what ``prepare(scores, threads)`` returns."""

    def contender(batch: int, n_steps: int, threads: int) -> Callable:
        run = prepare(scores(batch, dtype), threads)
        return repeated(run, n_steps)

    contender.__name__ = contender.__qualname__ = f"{name}_{dtype}"
    return contender


def _torch_contender(name: str, dtype: str, package: str, function: str, options: dict) -> Contender:
    if function.endswith("_bisect"):
        options = options | {"n_iter": BISECTIONS[dtype]}

    def prepare(rows: np.ndarray, threads: int) -> Callable:
        import torch

        torch.set_num_threads(threads)
        separate, tensor = getattr(importlib.import_module(package), function), torch.from_numpy(rows)
        return lambda: separate(tensor, dim=-1, **options)

    return needs(package)(_contender(name, dtype, prepare))


def _contenders(title: str, case: Case, dtype: str) -> tuple[Contender, ...]:
    name = title.translate(str.maketrans(" .-", "___"))
    ours, numpy = case.separation, case.numpy
    found = [_contender(f"assocmem_{name}", dtype, lambda rows, n: lambda: ours.weights(rows, threads=n))]
    if numpy is not None:
        found.append(_contender(f"numpy_{name}", dtype, lambda rows, n: lambda: numpy(rows)))
    for suffix, package, *call in case.functions:
        found.append(_torch_contender(f"{package}_{name}{suffix}", dtype, package, *call))
    return tuple(found)


def errors(case: Case, rows: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    r"""By how much weights miss their sum and a common threshold, the largest over all rows.

    The optimum of ``<t, p> - Omega(p)`` has ``t_i - Omega'_i(p) = tau`` where a weight is free, at most that where it
    is 0 and at least that where it is at its upper bound: the second error is by how much no tau fits.
    """
    p, upper = np.asarray(weights, dtype=float), 1.0 if isinstance(case.separation, KSubsets) else np.inf
    with np.errstate(divide="ignore"):
        heights = rows.astype(float) - case.slope(p)
    lowest = np.where(p > 0, heights, np.inf).min(axis=1)
    highest = np.where(p < upper, heights, -np.inf).max(axis=1)
    sums = np.abs(p.sum(axis=1) - case.separation.total)
    return float(sums.max()), float(np.maximum(highest - lowest, 0.0).max())


def _separation_table(title: str, case: Case, dtype: str) -> Table:
    def accuracy(contender: Contender, batch: int, threads: int) -> str:
        of_sum, of_threshold = errors(case, scores(batch, dtype), contender(batch, 1, threads)())
        return f"{of_sum:.0e} / {of_threshold:.0e}"

    return Table(
        f"{title} of {ROWS} rows of {dtype} scores",
        _contenders(title, case, dtype),
        batches=LENGTHS,
        counted="length",
        remark=("error of sum / threshold", accuracy),
    )


# retrieval: a batch is the number of cues, one step is one update of all of them


def _retrieval_arrays(n_cues: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return tuple(rng.standard_normal((n, N_UNITS)).astype(dtype) for n in (n_cues, N_PATTERNS))


def _retrieval_contender(name: str, dtype: str, prepare: Callable[[np.ndarray, np.ndarray, int], Callable]):
    """Contender that retrieves with what ``prepare(cues, patterns, threads)`` returns."""

    def contender(batch: int, n_steps: int, threads: int) -> Callable:
        run = prepare(*_retrieval_arrays(batch, dtype), threads)
        return repeated(run, n_steps)

    contender.__name__ = contender.__qualname__ = f"{name}_retrieval_{dtype}"
    return contender


def _our_retrieval(cues: np.ndarray, patterns: np.ndarray, threads: int) -> Callable:
    return lambda: associate(Softmax(), cues, patterns, beta=BETA, threads=threads)


def _numpy_retrieval(cues: np.ndarray, patterns: np.ndarray, threads: int) -> Callable:
    return lambda: numpy_softmax(BETA * cues @ patterns.T) @ patterns


def _torch_retrieval(cues: np.ndarray, patterns: np.ndarray, threads: int) -> Callable:
    import torch

    torch.set_num_threads(threads)
    query, memory = (torch.from_numpy(array)[None, None] for array in (cues, patterns))
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda: attend(query, memory, memory, scale=BETA)[0, 0]


def peak_memory(contender: Contender, batch: int, threads: int) -> str:
    """Largest size of the arrays that a contender makes; unknown for torch, which does not report to tracemalloc."""
    if hasattr(contender, "needs"):
        return "unknown"
    work = contender(batch, 1, threads)
    work()  # compiles
    tracemalloc.start()
    try:
        work()
        return f"{tracemalloc.get_traced_memory()[1] / 2**20:.1f} MiB"
    finally:
        tracemalloc.stop()


def _retrieval_table(dtype: str) -> Table:
    return Table(
        f"softmax retrieval from {N_PATTERNS} patterns of {N_UNITS} units, {dtype}",
        (
            _retrieval_contender("assocmem", dtype, _our_retrieval),
            _retrieval_contender("numpy", dtype, _numpy_retrieval),
            needs("torch")(_retrieval_contender("torch", dtype, _torch_retrieval)),
        ),
        batches=(N_PATTERNS,),
        flops=4 * N_PATTERNS * N_UNITS,
        counted="cues",
        remark=("peak memory", peak_memory),
    )


TABLES = (
    *(_separation_table(title, case, dtype) for title, case in CASES.items() for dtype in TYPES),
    *(_retrieval_table(dtype) for dtype in TYPES),
)
# the process that times a contender looks it up by name
globals().update({contender.__name__: contender for table in TABLES for contender in table.contenders})
