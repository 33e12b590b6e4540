"""Slow, exact references for the maps from scores to weights and for the convex functions behind them.

Every map takes one vector of scores t, (n,), taken as exact numbers; -inf marks a masked entry, of weight exactly 0.
Each maximises <t, p> - Omega(p) over its own set of weights and is solved with 80 decimal digits or in fractions,
so a result is off by one rounding to float64 and a weight that should be 0 is 0. Meant for tens of scores.
"""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
from scipy import optimize

MP = mpmath.mp.clone()
MP.dps = 80
HALVINGS = 20_000


# --- scores and weights -------------------------------------------------------------------------------------


def unmasked(t):
    """Positions of the scores above -inf; at least one is needed."""
    positions = [i for i in range(len(t)) if t[i] != -math.inf]
    if not positions or not all(math.isfinite(t[i]) for i in positions):
        raise ValueError(f"scores must be finite or -inf, at least one of them finite, got {t}")
    return positions


def placed(weights, positions, n):
    """Weights (n,) in float64: those given at their positions, 0 elsewhere."""
    out = np.zeros(n)
    for position, weight in zip(positions, weights, strict=True):
        out[position] = float(weight)
    return out


def inner_product(t, weights):
    """<t, w> = sum_i t_i w_i over the entries with w_i != 0, so that 0 times -inf is 0."""
    return float(sum(MP.mpf(float(t[i])) * MP.mpf(float(weights[i])) for i in range(len(t)) if weights[i] != 0))


# --- weights on the simplex ---------------------------------------------------------------------------------


def softmax(t):
    """p_i = exp(t_i) / sum_j exp(t_j)."""
    positions = unmasked(t)
    exponentials = [MP.exp(MP.mpf(float(t[i]))) for i in positions]
    return placed([x / sum(exponentials) for x in exponentials], positions, len(t))


def top_k_softmax(t, k):
    """Softmax over the k largest scores, 0 elsewhere; of equal scores the first come first."""
    largest = sorted(unmasked(t), key=lambda i: -t[i])[:k]
    return softmax([t[i] if i in largest else -math.inf for i in range(len(t))])


def heights_above_threshold(z, exponent):
    """[z_i - tau]_+ with tau such that sum_i [z_i - tau]_+^exponent = 1.

    The sum falls as tau rises, hence z_k lies above tau iff the sum at tau = z_k is below 1. The bisection is for the
    height of the lowest such z_k: a number that keeps its leading digits however small it is.
    """
    above = [x for x in z if sum((y - x) ** exponent for y in z if y > x) < 1]
    lowest = min(above)
    low, high = MP.mpf(0), 1 - (max(z) - lowest)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        total = sum((x - lowest + middle) ** exponent for x in above)
        low, high = (middle, high) if total < 1 else (low, middle)
        if high - low <= high * MP.mpf(10) ** -50:
            return [x - lowest + high if x >= lowest else MP.mpf(0) for x in z]
    raise RuntimeError(f"no threshold after {HALVINGS} halvings")


def exact_entmax(scores, alpha):
    """Weights of `entmax` with 80 digits, for a list of exact scores and alpha > 1."""
    z = [(alpha - 1) * x for x in scores]
    return [height ** (1 / (alpha - 1)) for height in heights_above_threshold(z, 1 / (alpha - 1))]


def entmax(t, alpha):
    """p_i = [(alpha - 1) t_i - tau]_+^(1 / (alpha - 1)) with sum p = 1; softmax at alpha = 1.

    Maximises <t, p> - `tsallis`(p, alpha) over the simplex.
    """
    if alpha == 1:
        return softmax(t)
    positions = unmasked(t)
    scores = [MP.mpf(float(t[i])) for i in positions]
    return placed(exact_entmax(scores, MP.mpf(float(alpha))), positions, len(t))


def exact_normmax(scores, gamma):
    """Weights of `normmax` with 80 digits, for a list of exact scores and gamma > 1."""
    heights = [height ** (1 / (gamma - 1)) for height in heights_above_threshold(scores, gamma / (gamma - 1))]
    return [height / sum(heights) for height in heights]


def normmax(t, gamma):
    """p = u / sum u, u_i = [t_i - tau]_+^(1 / (gamma - 1)), tau such that sum_i [t_i - tau]_+^(gamma / (gamma-1)) = 1.

    Maximises <t, p> - `norm_negentropy`(p, gamma) over the simplex.
    """
    positions = unmasked(t)
    scores = [MP.mpf(float(t[i])) for i in positions]
    return placed(exact_normmax(scores, MP.mpf(float(gamma))), positions, len(t))


# --- weights between bounds ---------------------------------------------------------------------------------


def clipped(scores, upper, tau):
    """min(max(t_i - tau, 0), u_i) for every i, in fractions."""
    return [min(max(x - tau, Fraction(0)), u) for x, u in zip(scores, upper, strict=True)]


def exact_capped(scores, upper, total):
    """clip(t_i - tau, 0, u_i) that add up to `total`: tau from the linear piece of the sum that contains it."""
    corners = sorted({x - u for x, u in zip(scores, upper, strict=True)} | set(scores))
    sums = [sum(clipped(scores, upper, tau)) for tau in corners]
    for j in range(len(corners) - 1):
        if sums[j] >= total > sums[j + 1]:
            fraction = (sums[j] - total) / (sums[j] - sums[j + 1])
            return clipped(scores, upper, corners[j] + fraction * (corners[j + 1] - corners[j]))
    raise ValueError(f"weights below {upper} cannot add up to {total}")


def k_subsets(t, k):
    """mu = clip(t - tau, 0, 1) with sum mu = k.

    Maximises <t, mu> - |mu|^2 / 2 over the mixtures of all y in {0, 1}^n with k ones.
    """
    positions = unmasked(t)
    weights = exact_capped([Fraction(float(t[i])) for i in positions], [Fraction(1)] * len(positions), Fraction(k))
    return placed(weights, positions, len(t))


def constrained_sparsemax(t, upper, *, tolerance=1e-9):
    """p = clip(t - tau, 0, u) with sum p = 1.

    Minimises |p - t|^2 over the simplex under p <= u. Bounds that add up to 1 or less, by no more than `tolerance`,
    are the answer themselves: bounds used up bit by bit miss 1 by their rounding.
    """
    positions = unmasked(t)
    bounds = [Fraction(min(float(upper[i]), 1.0)) for i in positions]
    if 1 - Fraction(tolerance) <= sum(bounds) <= 1:
        return placed(bounds, positions, len(t))
    return placed(exact_capped([Fraction(float(t[i])) for i in positions], bounds, Fraction(1)), positions, len(t))


# --- weights of contiguous subsets --------------------------------------------------------------------------


def subset_score(t, subset, e):
    """sum_i t_i y_i + e sum_i y_i y_(i+1), an exact fraction; y_i = 1 for i in the subset."""
    n_neighbours = sum(1 for i in subset if i + 1 in subset)
    return sum(Fraction(float(t[i])) for i in subset) + Fraction(float(e)) * n_neighbours


def solution(matrix, right):
    """x with A x = b by Gauss-Jordan elimination in fractions; None where A is singular."""
    rows = [[Fraction(x) for x in row] + [Fraction(b)] for row, b in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = next((r for r in range(column, len(rows)) if rows[r][column] != 0), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [x / rows[column][column] for x in rows[column]]
        for r in range(len(rows)):
            if r != column and rows[r][column] != 0:
                rows[r] = [x - rows[r][column] * y for x, y in zip(rows[r], rows[column], strict=True)]
    return [row[-1] for row in rows]


def affine_optimum(active, subsets, scores, curvature):
    """lambda, of any sign and of sum 1, that maximises the objective over the active subsets; None if not unique."""
    gram = [[curvature * len(subsets[a] & subsets[b]) for b in active] + [1] for a in active] + [
        [1] * len(active) + [0]
    ]
    found = solution(gram, [scores[a] for a in active] + [1])
    return None if found is None else found[:-1]


def ascent_direction(active, weights, subsets, scores, curvature):
    """(direction, longest step): to the affine optimum, or along a change of lambda that leaves mu as it is.

    The second case has the last of the active subsets, the one that just entered, in the affine hull of the others.
    """
    optimum = affine_optimum(active, subsets, scores, curvature)
    if optimum is not None:
        return [x - weights[a] for a, x in zip(active, optimum, strict=True)], Fraction(1)
    *others, entered = active
    affinity = [len(subsets[a] & subsets[entered]) for a in others]
    hull = affine_optimum(others, subsets, dict(zip(others, affinity, strict=True)), 1)
    return [-x for x in hull] + [Fraction(1)], math.inf


def with_subset(weights, entering, subsets, scores, curvature):
    """Weights that are optimal over a smaller or equal set of subsets after one more has entered."""
    weights = {**weights, entering: Fraction(0)}
    while True:
        active = list(weights)
        direction, longest = ascent_direction(active, weights, subsets, scores, curvature)
        blocks = [-weights[a] / d for a, d in zip(active, direction, strict=True) if d < 0]
        step = min([*blocks, longest])
        moved = {a: weights[a] + step * d for a, d in zip(active, direction, strict=True)}
        weights = {a: w for a, w in moved.items() if w != 0}
        if step == longest:
            return weights


def mixture_gains(weights, subsets, scores, curvature):
    """d/d lambda_y of the objective: s_y - curvature <y, mu>."""
    return [
        s - curvature * sum(w * len(y & subsets[a]) for a, w in weights.items())
        for y, s in zip(subsets, scores, strict=True)
    ]


def best_mixture(subsets, scores, curvature):
    """lambda that maximises <s, lambda> - curvature/2 |sum_y lambda_y y|^2 over the simplex, {index: weight}.

    Active set: the subset of largest gain enters until no gain exceeds those of the active ones, which are all equal.
    """
    weights = {max(range(len(subsets)), key=lambda a: scores[a]): Fraction(1)}
    while True:
        gains = mixture_gains(weights, subsets, scores, curvature)
        entering = max(range(len(subsets)), key=lambda a: gains[a])
        if gains[entering] <= max(gains[a] for a in weights):
            return weights
        weights = with_subset(weights, entering, subsets, scores, curvature)


def check_mixture(weights, subsets, scores, curvature):
    """Raise unless lambda >= 0, sum lambda = 1 and every active gain is the largest of all gains, exactly."""
    gains = mixture_gains(weights, subsets, scores, curvature)
    is_feasible = sum(weights.values()) == 1 and all(w > 0 for w in weights.values())
    if not is_feasible or any(gains[a] != max(gains) for a in weights):
        raise RuntimeError(f"mixture {weights} of subsets is not optimal")


def sequential_k_subsets(t, k, e, curvature=1.0):
    """(mu, value) of the best mixture of all y with k ones, y scored by sum_i t_i y_i + e sum_i y_i y_(i+1).

    mu = sum_y lambda_y y and value = <s, lambda> - curvature/2 (|mu|^2 - k) at the lambda that maximises it over the
    simplex: exact, over all subsets, and checked. Two-state regulariser |mu|^2: curvature 2.
    """
    subsets = [frozenset(y) for y in itertools.combinations(unmasked(t), k)]
    scores = [subset_score(t, y, e) for y in subsets]
    curvature = Fraction(float(curvature))
    weights = best_mixture(subsets, scores, curvature)
    check_mixture(weights, subsets, scores, curvature)
    mu = [sum((w for a, w in weights.items() if i in subsets[a]), Fraction(0)) for i in range(len(t))]
    value = sum(w * scores[a] for a, w in weights.items()) - curvature / 2 * (sum(x * x for x in mu) - k)
    return np.array([float(x) for x in mu]), float(value)


# --- negentropies -------------------------------------------------------------------------------------------


def exact_tsallis(p, alpha):
    """`tsallis` of a list of exact weights."""
    if alpha == 1:
        return sum(x * MP.log(x) for x in p if x > 0)
    return sum(x**alpha - x for x in p if x > 0) / (alpha * (alpha - 1))


def tsallis(p, alpha):
    """(sum_i p_i^alpha - 1) / (alpha (alpha - 1)), with the 1 written as sum_i p_i; sum_i p_i log p_i at alpha = 1.

    The same on the simplex, but weights whose sum is off by a rounding do not count 1 / (alpha - 1) times.
    """
    return float(exact_tsallis([MP.mpf(float(x)) for x in p], MP.mpf(float(alpha))))


def exact_norm_negentropy(p, gamma):
    """`norm_negentropy` of a list of exact weights."""
    return sum(x**gamma for x in p if x > 0) ** (1 / gamma) - 1


def norm_negentropy(p, gamma):
    """|p|_gamma - 1."""
    return float(exact_norm_negentropy([MP.mpf(float(x)) for x in p], MP.mpf(float(gamma))))


def subset_negentropy(mu, k):
    """(|mu|^2 - k) / 2, zero where k entries are 1 and the others 0."""
    return float((sum(MP.mpf(float(x)) ** 2 for x in mu) - k) / 2)


# --- conjugates Omega*(t) = max_p <t, p> - Omega(p) ---------------------------------------------------------


def softmax_conjugate(t):
    """log sum_i exp(t_i), which is <t, p> - sum_i p_i log p_i at the softmax p."""
    return float(MP.log(sum(MP.exp(MP.mpf(float(t[i]))) for i in unmasked(t))))


def top_k_softmax_conjugate(t, k):
    """log of the sum of the k largest exp(t_i): the largest of the conjugates over all subsets of k scores."""
    return softmax_conjugate(sorted((t[i] for i in unmasked(t)), reverse=True)[:k])


def entmax_conjugate(t, alpha):
    """<t, p> - `tsallis`(p, alpha) at p = `entmax`(t, alpha), all with 80 digits."""
    if alpha == 1:
        return softmax_conjugate(t)
    scores, alpha = [MP.mpf(float(t[i])) for i in unmasked(t)], MP.mpf(float(alpha))
    p = exact_entmax(scores, alpha)
    return float(sum(x * y for x, y in zip(scores, p, strict=True)) - exact_tsallis(p, alpha))


def normmax_conjugate(t, gamma):
    """<t, p> - `norm_negentropy`(p, gamma) at p = `normmax`(t, gamma), all with 80 digits."""
    scores, gamma = [MP.mpf(float(t[i])) for i in unmasked(t)], MP.mpf(float(gamma))
    p = exact_normmax(scores, gamma)
    return float(sum(x * y for x, y in zip(scores, p, strict=True)) - exact_norm_negentropy(p, gamma))


def k_subsets_conjugate(t, k):
    """<t, mu> - (|mu|^2 - k) / 2 at mu = `k_subsets`(t, k)."""
    mu = k_subsets(t, k)
    return inner_product(t, mu) - subset_negentropy(mu, k)


def constrained_sparsemax_conjugate(t, upper):
    """<t, p> - (|p|^2 - 1) / 2 at p = `constrained_sparsemax`(t, upper)."""
    p = constrained_sparsemax(t, upper)
    return inner_product(t, p) - subset_negentropy(p, 1)


def conjugate_by_search(t, omega, *, total=1.0, upper=1.0):
    """max_p <t, p> - Omega(p) over 0 <= p <= upper, sum p = total: local searches from 20 points; n <= 4, to 1e-7."""
    n = len(t)
    starts = np.random.default_rng(0).dirichlet(np.ones(n), 20) * total
    sums_to_total = {"type": "eq", "fun": lambda p: np.sum(p) - total}
    bounds = [(0.0, u) for u in np.broadcast_to(upper, n)]
    best = -math.inf
    for start in starts:
        found = optimize.minimize(
            lambda p: omega(np.clip(p, 0, None)) - np.dot(t, p),
            np.minimum(start, upper),
            method="SLSQP",
            bounds=bounds,
            constraints=[sums_to_total],
            options={"ftol": 1e-13, "maxiter": 500},
        )
        if abs(np.sum(found.x) - total) < 1e-9:
            best = max(best, -found.fun)
    return best


def fenchel_young_loss(t, y, omega, p):
    """L(t; y) = Omega(y) + <t, p> - Omega(p) - <t, y>, with p the maximiser for t: never negative, 0 iff y = p."""
    differing = [i for i in range(len(t)) if p[i] != y[i]]
    gain = sum(MP.mpf(float(t[i])) * (MP.mpf(float(p[i])) - MP.mpf(float(y[i]))) for i in differing)
    return omega(y) - omega(p) + float(gain)


# --- optimality conditions ----------------------------------------------------------------------------------


def simplex_violation(t, p, slope, response):
    """How far p is from solving max <t, p> - Omega(p) over the simplex.

    With a multiplier nu for sum p = 1, the conditions on coordinate i are
        t_i - nu = slope_i(p)  where p_i > 0,    t_i - nu <= slope_i(p)  where p_i = 0,    slope = dOmega/dp,
    and nu follows from the largest weight, which is at least 1/n, so its slope is well conditioned. A condition can be
    missed in units of score, |t_i - nu - slope_i|, or in units of weight, |p_i - response(t_i - nu)| where `response`
    undoes the slope and is 0 below it. The smaller of the two counts: a weight next to 0 has a slope too steep or too
    flat to be read one way, and rounding a score or a weight by eps never shows as more than about eps. The result is
    the largest of these, of the negative parts of p, of the masked weights and of |sum p - 1|.
    """
    positions = unmasked(t)
    weights = {i: MP.mpf(float(p[i])) for i in positions}
    largest = max(positions, key=lambda i: p[i])
    nu = MP.mpf(float(t[largest])) - slope(weights[largest])
    violations = [abs(sum(weights.values()) - 1)] + [
        abs(MP.mpf(float(p[i]))) for i in range(len(p)) if i not in weights
    ]
    for i in positions:
        surplus = MP.mpf(float(t[i])) - nu - slope(max(weights[i], MP.mpf(0)))
        in_scores = abs(surplus) if weights[i] > 0 else max(surplus, MP.mpf(0))
        in_weights = abs(weights[i] - response(MP.mpf(float(t[i])) - nu))
        violations += [min(in_scores, in_weights), -weights[i]]
    return float(max(violations))


def kkt_violation_entmax(t, p, alpha):
    """How far p is from the optimality conditions of `entmax`, see `simplex_violation`.

    dOmega/dp_i = p_i^(alpha - 1) / (alpha - 1), less the constant 1 / (alpha - 1), which nu absorbs, so that the slope
    tends to log p_i at alpha = 1. It is undone by s -> [1 + (alpha - 1) s]_+^(1 / (alpha - 1)), and by exp(s).
    """
    alpha = MP.mpf(float(alpha))
    if alpha == 1:
        return simplex_violation(t, p, lambda x: MP.log(x) if x > 0 else MP.mpf("-inf"), MP.exp)
    return simplex_violation(
        t,
        p,
        slope=lambda x: (x ** (alpha - 1) - 1) / (alpha - 1),
        response=lambda s: max(1 + (alpha - 1) * s, MP.mpf(0)) ** (1 / (alpha - 1)),
    )


def kkt_violation_normmax(t, p, gamma):
    """How far p is from the optimality conditions of `normmax`, see `simplex_violation`.

    dOmega/dp_i = (p_i / |p|_gamma)^(gamma - 1), undone by s -> |p|_gamma [s]_+^(1 / (gamma - 1)).
    """
    gamma = MP.mpf(float(gamma))
    norm = sum(MP.mpf(float(x)) ** gamma for x in p if x > 0) ** (1 / gamma)
    return simplex_violation(
        t,
        p,
        slope=lambda x: (x / norm) ** (gamma - 1),
        response=lambda s: norm * max(s, MP.mpf(0)) ** (1 / (gamma - 1)),
    )


def kkt_violation_capped(t, p, upper, total):
    """How far p is from solving max <t, p> - |p|^2 / 2 over 0 <= p <= u, sum p = total.

    With a multiplier nu for the sum, coordinate i needs t_i - p_i - nu = 0 strictly between its bounds, <= 0 at p_i = 0
    and >= 0 at p_i = u_i: together p_i = min(max(t_i - nu, 0), u_i). The result is the largest |difference| of the two
    sides, for the best nu among all t_i - p_i (one of them is right if p is), or of |sum p - total| or a masked weight.
    """
    positions = unmasked(t)
    scores, weights = ([Fraction(float(x[i])) for i in positions] for x in (t, p))
    bounds = [Fraction(min(float(u), float(total))) for u in np.broadcast_to(upper, len(t))[positions]]
    differences = []
    for nu in {x - w for x, w in zip(scores, weights, strict=True)}:
        differences.append(max(abs(w - q) for w, q in zip(weights, clipped(scores, bounds, nu), strict=True)))
    masked = [abs(float(p[i])) for i in range(len(p)) if i not in positions]
    return float(max([min(differences), abs(sum(weights) - Fraction(total)), *masked]))


# --- derivatives --------------------------------------------------------------------------------------------


def jacobian(function, t, h=1e-6):
    """J_ij = (f_i(t + h e_j) - f_i(t - h e_j)) / 2h; the column of a masked score is 0."""
    t = np.array(t, dtype=float)
    out = np.zeros((np.size(function(t)), len(t)))
    for j in unmasked(t):
        above, below = t.copy(), t.copy()
        above[j], below[j] = t[j] + h, t[j] - h
        out[:, j] = (np.asarray(function(above)) - np.asarray(function(below))) / (above[j] - below[j])
    return out
