"""Loss of choices among alternatives whose scores are linear in weights, and its gradient.

Features are float32 (cue, feature, column), a column for each alternative and some to fill up; sums are float64. A
product along columns is summed in eight lanes, which are combined pairwise.
"""

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from assocmem.jit import intrinsic, kernel
from assocmem.kernels.elementary import exp
from assocmem.kernels.matmul import vector_fma, vector_pointer
from assocmem.kernels.reductions import LANES

__all__ = ["choice_loop"]

_FLOATS, _DOUBLES = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.DoubleType(), LANES)


@intrinsic
def _product_along_columns(typing, features, b, r, slopes):
    """``sum_k features[b, r, k] slopes[k]`` for a number of columns that is a multiple of `LANES`; not checked."""
    expected = ((features, types.float32, 3), (slopes, types.float64, 1))
    for array, dtype, ndim in expected:
        if not isinstance(array, types.Array) or (array.dtype, array.ndim, array.layout) != (dtype, ndim, "C"):
            raise TypingError(f"choices need C-contiguous features of float32 and slopes of float64, got {array}")
    return types.float64(features, types.intp, types.intp, slopes), _product_code


def _product_code(context, builder, signature, args):
    features = context.make_array(signature.args[0])(context, builder, args[0])
    slopes = context.make_array(signature.args[3])(context, builder, args[3])
    n_rows, n_columns = (builder.extract_value(features.shape, i) for i in (1, 2))
    row = builder.add(builder.mul(args[1], n_rows), args[2])
    start = builder.gep(features.data, [builder.mul(row, n_columns)])
    total = cgutils.alloca_once_value(builder, ir.Constant(_DOUBLES, [0.0] * LANES))
    with cgutils.for_range_slice(builder, n_columns.type(0), n_columns, n_columns.type(LANES)) as (k, _):
        values = builder.load(vector_pointer(builder, builder.gep(start, [k]), _FLOATS, 0), align=4)
        weights = builder.load(vector_pointer(builder, builder.gep(slopes.data, [k]), _DOUBLES, 0), align=8)
        product = vector_fma(builder, builder.fpext(values, _DOUBLES), weights, builder.load(total))
        builder.store(product, total)
    vector, width = builder.load(total), LANES
    while width > 1:
        width //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        halves = [
            ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(first, first + width))) for first in (0, width)
        ]
        low, high = (builder.shuffle_vector(vector, undefined, half) for half in halves)
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.IntType(32)(0))


@kernel
def _make_scores(values, weights, offsets, scores):
    """Write ``scores = offsets + weights values`` for values (feature, column), four features at a time in order."""
    n = values.shape[0]
    whole = n - n % 4
    scores[:] = 0.0
    for k in range(offsets.size):
        scores[k] = offsets[k]
    for r in range(0, whole, 4):
        w, x, y, z = weights[r], weights[r + 1], weights[r + 2], weights[r + 3]
        first, second, third, fourth = values[r], values[r + 1], values[r + 2], values[r + 3]
        for k in range(scores.size):
            scores[k] = (((scores[k] + w * first[k]) + x * second[k]) + y * third[k]) + z * fourth[k]
    for r in range(whole, n):
        w, first = weights[r], values[r]
        for k in range(scores.size):
            scores[k] += w * first[k]


@kernel
def _separate(scores, n, groups, target, slopes):
    """Replace scores by probabilities, 0 from n on; write slopes of ``lse(all) - lse(target)``, and return that."""
    largest, largest_of_target = -math.inf, -math.inf
    for k in range(n):
        largest = max(largest, scores[k])
        largest_of_target = max(largest_of_target, scores[k] if groups[k] == target else -math.inf)
    total, total_of_target = 0.0, 0.0
    for k in range(scores.size):
        slopes[k] = exp(scores[k] - largest_of_target) if k < n and groups[k] == target else 0.0
        scores[k] = exp(scores[k] - largest) if k < n else 0.0
        total += scores[k]
        total_of_target += slopes[k]
    for k in range(scores.size):
        scores[k] /= total
        slopes[k] = scores[k] - slopes[k] / total_of_target
    return math.log(total) + largest - math.log(total_of_target) - largest_of_target


def choice_loop():
    """Loop over cues that writes losses ``lse(all) - lse(target)``, adds their gradient, and writes probabilities.

    `features` (cue, feature, column); `groups` (1 or cue, alternative) of the alternatives, and the group that is
    right, `targets` (cue,); `offsets` (1 or cue, alternative) of the scores; `weights`, `gradient` (feature,);
    `losses` (cue,); `probabilities` (cue, column); `slopes` (column,) is worked in. Losses become NaN if shapes do not
    fit.
    """

    def loop(features, groups, targets, offsets, weights, losses, gradient, probabilities, slopes):
        n_cues, n_features, n_columns = features.shape
        n = groups.shape[1]
        fits = n_columns % LANES == 0 and slopes.size == n_columns == probabilities.shape[1] and n <= n_columns
        fits = fits and weights.size == n_features == gradient.size and offsets.shape[1] == n
        for rows in (groups.shape[0], offsets.shape[0]):
            fits = fits and (rows == 1 or rows == n_cues)
        if not fits or targets.size != n_cues or losses.size != n_cues or probabilities.shape[0] != n_cues:
            losses[:] = math.nan
            return
        for b in range(n_cues):
            own_groups, own_offsets = groups[b if groups.shape[0] > 1 else 0], offsets[b if offsets.shape[0] > 1 else 0]
            _make_scores(features[b], weights, own_offsets, probabilities[b])
            losses[b] = _separate(probabilities[b], n, own_groups, targets[b], slopes)
            for r in range(n_features):
                gradient[r] += _product_along_columns(features, b, r, slopes)

    return loop
