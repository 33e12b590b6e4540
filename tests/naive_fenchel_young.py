"""Slow, obvious references for the network whose energy is a difference of two Fenchel-Young losses.

Plain loops over patterns and units, one query at a time, written from the equations and independent of the package.
Patterns are (pattern, unit), queries and states (unit,), scores and weights (pattern,). A separation is a function
from scores to weights, a post-transformation one from the mixed patterns to the next state.
"""

import math
from typing import NamedTuple

import numpy as np

from tests import naive_separations

# --- one step -----------------------------------------------------------------------------------------------


def scores(q, patterns):
    """(X q)_i = sum_d x_id q_d, (pattern,)."""
    out = np.zeros(len(patterns))
    for i in range(len(patterns)):
        for d in range(len(q)):
            out[i] += patterns[i][d] * q[d]
    return out


def mixture(weights, patterns):
    """(X^T p)_d = sum_i p_i x_id, (unit,)."""
    out = np.zeros(len(patterns[0]))
    for i in range(len(patterns)):
        for d in range(len(out)):
            out[d] += weights[i] * patterns[i][d]
    return out


def unchanged(z):
    """The identity."""
    return np.array(z, dtype=float)


def hfy_update(q, patterns, separation_function, beta, post_function=unchanged):
    """q' = yhat_Psi(X^T yhat_Omega(beta X q))."""
    return post_function(mixture(separation_function(beta * scores(q, patterns)), patterns))


def run(q, patterns, separation_function, beta, post_function=unchanged, *, n_steps):
    """States (1 + n_steps, unit), the initial one first."""
    states = [np.array(q, dtype=float)]
    for _ in range(n_steps):
        states.append(hfy_update(states[-1], patterns, separation_function, beta, post_function))
    return np.array(states)


# --- energies -----------------------------------------------------------------------------------------------


def largest_norm(patterns):
    """M = max_i |x_i|."""
    return max(math.sqrt(sum(x * x for x in pattern)) for pattern in patterns)


def baseline(patterns, n_active=1):
    """u = k/N in every entry: the weights that minimise a permutation-invariant Omega, k = 1 on the simplex."""
    return np.full(len(patterns), n_active / len(patterns))


def sparse_energy(q, patterns, omega, separation_function, beta, *, n_active=1):
    """E(q) = -(1/beta) Omega*(beta X q) - (1/beta) Omega(u) + |q|^2 / 2 + M^2 / 2, u uniform.

    Omega*(t) = <t, p> - Omega(p) at the weights p of the scores t.
    """
    t = beta * scores(q, patterns)
    p = separation_function(t)
    conjugate = naive_separations.inner_product(t, p) - omega(p)
    kinetic = (sum(x * x for x in q) + largest_norm(patterns) ** 2) / 2
    return -conjugate / beta - omega(baseline(patterns, n_active)) / beta + kinetic


def sparse_energy_by_loss(q, patterns, omega, separation_function, beta, *, n_active=1):
    """E(q) = -(1/beta) L_Omega(beta X q; u) + |q - m|^2 / 2 + (M^2 - |m|^2) / 2, u uniform and m = X^T u."""
    t = beta * scores(q, patterns)
    u = baseline(patterns, n_active)
    centre = mixture(u, patterns)
    loss = naive_separations.fenchel_young_loss(t, u, omega, separation_function(t))
    distance = sum((q[d] - centre[d]) ** 2 for d in range(len(q)))
    return -loss / beta + distance / 2 + (largest_norm(patterns) ** 2 - sum(x * x for x in centre)) / 2


def hfy_energy(q, patterns, conjugate, beta, potential):
    """E(q) = -(1/beta) Omega*(beta X q) + Psi(q), without a constant."""
    return -conjugate(beta * scores(q, patterns)) / beta + potential(q)


def energy_bounds(q, patterns, omega, beta):
    """(lowest, highest) that `sparse_energy` can be at a q in the convex hull of the patterns.

    (M - |q|)^2 / 2 <= E(q) <= min(2 M^2, -Omega(1/N) / beta + M^2 / 2); the lower one holds at any q.
    """
    radius, length = largest_norm(patterns), math.sqrt(sum(x * x for x in q))
    spread = -omega(baseline(patterns)) / beta
    return (radius - length) ** 2 / 2, min(2 * radius**2, spread + radius**2 / 2)


# --- post-transformations -----------------------------------------------------------------------------------

FEASIBILITY_TOLERANCE = 1e-9


class Post(NamedTuple):
    """yhat_Psi(z), Psi(q), Psi*(z) and how far q lies outside the domain of Psi, 0 inside."""

    apply: object
    potential: object
    conjugate: object
    excess: object


def norm(z):
    """|z| = sqrt(sum_d z_d^2)."""
    return math.sqrt(sum(x * x for x in z))


def mean(z):
    """sum_d z_d / D."""
    return sum(z) / len(z)


def indicator(excess):
    """Psi that is 0 where the excess of q is at most 1e-9 and infinite elsewhere."""
    return lambda q: 0.0 if excess(q) <= FEASIBILITY_TOLERANCE else math.inf


def box_excess(q):
    """How far the largest |q_d| is above 1."""
    return max(0.0, max(abs(x) for x in q) - 1.0)


def identity_post():
    """yhat = z; Psi = |q|^2 / 2; Psi* = |z|^2 / 2."""
    return Post(unchanged, lambda q: norm(q) ** 2 / 2, lambda z: norm(z) ** 2 / 2, lambda q: 0.0)


def sign_post():
    """yhat = sign(z), 0 at 0; Psi = 0 on [-1, 1]^D; Psi* = sum |z_d|."""
    return Post(np.sign, indicator(box_excess), lambda z: sum(abs(x) for x in z), box_excess)


def tanh_post(gain=1.0):
    """yhat = tanh(b z); Psi = (1/b) sum ((1+q)/2 log(1+q) + (1-q)/2 log(1-q)); Psi* = (1/b) sum log cosh(b z)."""

    def entropy(x):
        return x * math.log(x) / 2 if x > 0 else 0.0

    def potential(q):
        if box_excess(q) > FEASIBILITY_TOLERANCE:
            return math.inf
        return sum(entropy(1 + x) + entropy(1 - x) for x in q) / gain

    def log_cosh(x):
        return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)

    def apply(z):
        return np.array([math.tanh(gain * x) for x in z])

    return Post(apply, potential, lambda z: sum(log_cosh(gain * x) for x in z) / gain, box_excess)


def l2_post(radius=1.0):
    """yhat = r z / |z|, 0 at 0; Psi = 0 where |q| <= r; Psi* = r |z|."""

    def apply(z):
        return np.array([radius * x / norm(z) for x in z]) if norm(z) > 0 else np.zeros(len(z))

    def excess(q):
        return max(0.0, norm(q) - radius)

    return Post(apply, indicator(excess), lambda z: radius * norm(z), excess)


def rms_post(gain=1.0):
    """yhat = g z / sqrt(sum z^2 / D), 0 at 0; Psi = 0 where |q| <= g sqrt(D); Psi* = g sqrt(D) |z|."""

    def ball(z):
        return l2_post(gain * math.sqrt(len(z)))

    return Post(
        lambda z: ball(z).apply(z),
        lambda q: ball(q).potential(q),
        lambda z: ball(z).conjugate(z),
        lambda q: ball(q).excess(q),
    )


def layer_norm_post(gain=1.0, shift=0.0, eps=0.0):
    """yhat = s + g (z - zbar) / sqrt(v + eps), v = sum (z - zbar)^2 / D; s where v + eps = 0.

    Psi* = s sum z + g D sqrt(v + eps), of which yhat is the gradient. Its conjugate is
    Psi(q) = -g D sqrt(eps (1 - |q - s|^2 / (g^2 D))) where sum (q - s) = 0 and |q - s| <= g sqrt(D): at eps = 0 the
    indicator of that set.
    """

    def deviation(z):
        return math.sqrt(sum((x - mean(z)) ** 2 for x in z) / len(z) + eps)

    def apply(z):
        if deviation(z) == 0:
            return np.full(len(z), float(shift))
        return np.array([shift + gain * (x - mean(z)) / deviation(z) for x in z])

    def length(q):
        return norm([x - shift for x in q]) / (gain * math.sqrt(len(q)))

    def excess(q):
        return max(0.0, abs(sum(q) - shift * len(q)), gain * math.sqrt(len(q)) * (length(q) - 1))

    def potential(q):
        if excess(q) > FEASIBILITY_TOLERANCE:
            return math.inf
        return -gain * len(q) * math.sqrt(eps * max(0.0, 1 - length(q) ** 2))

    return Post(apply, potential, lambda z: shift * sum(z) + gain * len(z) * deviation(z), excess)


# --- elementwise separations --------------------------------------------------------------------------------


class Elementwise(NamedTuple):
    """y_i = F'(s_i), sum F(s_i), which is Omega*, and the sum F*(y_i) of convex conjugates, which is Omega."""

    apply: object
    conjugate: object
    omega: object


def elementwise(slope, potential, potential_conjugate):
    """The three sums over entries from F', F and F* of one number."""
    return Elementwise(
        lambda s: np.array([slope(x) for x in s]),
        lambda s: sum(potential(x) for x in s),
        lambda y: sum(potential_conjugate(x) for x in y),
    )


def linear_separation():
    """y = s; F = s^2 / 2; F* = y^2 / 2: the classical network."""
    return elementwise(lambda s: s, lambda s: s * s / 2, lambda y: y * y / 2)


def power_separation(n):
    """y = s^(n-1); F = s^n / n; F* = |y|^m / m, m = n / (n-1), if n is even; n odd: F not convex, F* infinite."""
    m = n / (n - 1)
    return elementwise(
        lambda s: s ** (n - 1), lambda s: s**n / n, lambda y: abs(y) ** m / m if n % 2 == 0 else math.inf
    )


def rectified_separation(n):
    """y = max(s, 0)^(n-1); F = max(s, 0)^n / n; F* = y^m / m, m = n / (n-1), for y >= 0 and infinite below."""
    m = n / (n - 1)
    return elementwise(
        lambda s: max(s, 0.0) ** (n - 1),
        lambda s: max(s, 0.0) ** n / n,
        lambda y: y**m / m if y >= 0 else math.inf,
    )


def exponential_separation(c=1.0):
    """y = exp(c s); F = exp(c s) / c; F* = y (log y - 1) / c for y >= 0 and infinite below."""

    def conjugate(y):
        if y < 0:
            return math.inf
        return y * (math.log(y) - 1) / c if y > 0 else 0.0

    return elementwise(lambda s: math.exp(c * s), lambda s: math.exp(c * s) / c, conjugate)


# --- recall of all memories ---------------------------------------------------------------------------------


def settled(q, patterns, separation_function, beta, n_inner):
    """(q, p) after n_inner times p = yhat(beta X q), q = X^T p."""
    for _ in range(n_inner):
        p = separation_function(beta * scores(q, patterns))
        q = mixture(p, patterns)
    return q, p


def free_recall(patterns, separation_function, *, beta=0.1, n_rounds=None, n_inner=20, penalty=1e9, rate=1e-3):
    """Indices recorded by free recall with a penalty on the memories visited.

    q = x_0, a = 0; each round: p = yhat(beta (X q - lambda a)); a = tau p + (1 - tau) a; q = X^T p; n_inner plain
    steps; record argmax p, the first of equal ones.
    """
    q, a, recorded = unchanged(patterns[0]), np.zeros(len(patterns)), []
    for _ in range(len(patterns) if n_rounds is None else n_rounds):
        p = separation_function(beta * (scores(q, patterns) - penalty * a))
        a = rate * p + (1 - rate) * a
        q, p = settled(mixture(p, patterns), patterns, separation_function, beta, n_inner)
        recorded.append(int(np.argmax(p)))
    return recorded


def constrained_rounds(patterns, *, beta=0.1, n_rounds=None, n_inner=20):
    """Yield (argmax p, bounds left) of every round of free recall with bounds on the weights that are used up.

    q = x_0, u = 1; each round: n_inner times p = csparsemax(beta X q; u), q = X^T p; u = max(u - p, 0).
    """
    q, upper = unchanged(patterns[0]), np.ones(len(patterns))
    for _ in range(len(patterns) if n_rounds is None else n_rounds):

        def bounded(t, upper=upper):
            return naive_separations.constrained_sparsemax(t, upper)

        q, p = settled(q, patterns, bounded, beta, n_inner)
        upper = np.maximum(upper - p, 0.0)
        yield int(np.argmax(p)), upper


def constrained_free_recall(patterns, *, beta=0.1, n_rounds=None, n_inner=20):
    """Indices recorded by free recall with bounds, see `constrained_rounds`."""
    return [i for i, _ in constrained_rounds(patterns, beta=beta, n_rounds=n_rounds, n_inner=n_inner)]


def sequential_recall(
    patterns,
    separation_function,
    *,
    beta=0.1,
    inner_beta=1.0,
    curvature=2.0,
    transition=1e8,
    n_rounds=None,
    n_inner=20,
    penalty=1e9,
    rate=1e-3,
    bonus=1.1,
):
    """Indices recorded by sequential recall.

    q = x_0, a = 0; each round: mu = sequential 2-subsets of beta (X q - lambda a); q = X^T mu - q; n_inner steps
    p = yhat(inner_beta X q), q = X^T p; a = tau (mu - omega p) + (1 - tau) a; record argmax p. Curvature 2 is the
    regulariser with two states per memory, 1 the one of k-subsets.
    """
    q, a, recorded = unchanged(patterns[0]), np.zeros(len(patterns)), []
    for _ in range(len(patterns) if n_rounds is None else n_rounds):
        t = beta * (scores(q, patterns) - penalty * a)
        mu, _ = naive_separations.sequential_k_subsets(t, 2, transition, curvature)
        q = mixture(mu, patterns) - q
        q, p = settled(q, patterns, separation_function, inner_beta, n_inner)
        a = rate * (mu - bonus * p) + (1 - rate) * a
        recorded.append(int(np.argmax(p)))
    return recorded


# --- scores of a recall -------------------------------------------------------------------------------------


def unique_memory_ratio(recorded, n_patterns):
    """Number of different indices recorded, divided by the number of patterns."""
    return len(set(recorded)) / n_patterns


def levenshtein_distance(a, b):
    """Least number of insertions, deletions and substitutions that turn a into b.

    D[i, j] = min(D[i-1, j] + 1, D[i, j-1] + 1, D[i-1, j-1] + (a_i != b_j)).
    """
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if i == 0 or j == 0:
                table[i][j] = i + j
            else:
                replaced = table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
                table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced)
    return table[len(a)][len(b)]


def levenshtein_coefficient(recorded, target=None):
    """1 - D / C, D the distance to the target and C the number of records; target 1, ..., C unless given."""
    n = len(recorded)
    return 1 - levenshtein_distance(recorded, list(range(1, n + 1)) if target is None else target) / n


# --- retrieval of images ------------------------------------------------------------------------------------


def corrupted(image, noise, sigma, mask_fraction=0.5):
    """clip(x + sigma noise, -1, 1), then the last int(fraction * H) rows set to 0; image and noise (H, ...)."""
    out = np.clip(np.asarray(image, dtype=float) + sigma * np.asarray(noise), -1, 1)
    n_rows = len(out)
    for row in range(n_rows - int(mask_fraction * n_rows), n_rows):
        out[row] = 0
    return out


def cosine(x, y):
    """<x, y> / (|x| |y|); 0 where a norm is 0."""
    length = norm(x) * norm(y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / length if length > 0 else 0.0


def success_rate(states, targets, threshold=0.9):
    """Fraction of the pairs (state, target) with a cosine above the threshold."""
    return sum(cosine(q, x) > threshold for q, x in zip(states, targets, strict=True)) / len(targets)


def retrieval_success_rate(
    patterns, queries, separation_function, beta, post_function=unchanged, *, n_steps=5, is_pre_transformed=True
):
    """Fraction of the memories found: query i must end with a cosine above 0.9 to memory i after n_steps.

    Memories and queries first pass through the post-transformation, unless it is one that keeps them as they are
    (tanh in the published experiments).
    """
    prepare = post_function if is_pre_transformed else unchanged
    memories = np.array([prepare(x) for x in patterns])
    ends = [run(prepare(q), memories, separation_function, beta, post_function, n_steps=n_steps)[-1] for q in queries]
    return success_rate(ends, memories)


# --- margins: when one pattern is retrieved exactly ---------------------------------------------------------


def separations(patterns):
    """Delta_i = <x_i, x_i> - max_(j != i) <x_i, x_j>, (pattern,)."""
    return np.array([one_step_gap(patterns[i], patterns, i) for i in range(len(patterns))])


def one_step_gap(q, patterns, i):
    """min_(j != i) <q, x_i - x_j>."""
    t = scores(q, patterns)
    return min(t[i] - t[j] for j in range(len(patterns)) if j != i)


def is_fixed_point_by_margin(patterns, i, beta, margin):
    """Delta_i >= m / beta: iff x_i is a fixed point.

    The identity comes after the mixing and x_i lies outside the convex hull of the others.
    """
    return bool(separations(patterns)[i] >= margin / beta)


def is_one_step(q, patterns, i, beta, margin):
    """<q, x_i - x_j> >= m / beta for all j: iff the weights of the first step are exactly e_i."""
    return bool(one_step_gap(q, patterns, i) >= margin / beta)


def basin_radius(patterns, i, beta, margin):
    """eps = (Delta_i - m / beta) / (2 M): |q - x_i| <= eps gives x_i in one step; negative where there is none."""
    return (separations(patterns)[i] - margin / beta) / (2 * largest_norm(patterns))


# --- margins: when a set of patterns is retrieved exactly ---------------------------------------------------


def set_diameter(y, vertices):
    """D_i = max_j |y_i - y_j|."""
    return max(norm(np.subtract(y, other)) for other in vertices)


def set_separation(patterns, y, vertices):
    """Delta_i = <X^T y_i, X^T y_i> - max_(j != i) <X^T y_i, X^T y_j>."""
    return set_one_step_gap(mixture(y, patterns), patterns, y, vertices)


def set_one_step_gap(q, patterns, y, vertices):
    """min_(j != i) <q, X^T (y_i - y_j)>."""
    t = scores(q, patterns)
    others = [other for other in vertices if any(a != b for a, b in zip(y, other, strict=True))]
    return min(sum(t[i] * (y[i] - other[i]) for i in range(len(t))) for other in others)


def is_set_fixed_by_margin(patterns, y, vertices, beta, curvature=1.0):
    """Delta_i >= curvature D_i^2 / (2 beta): enough for X^T y_i to be a fixed point."""
    return bool(set_separation(patterns, y, vertices) >= curvature * set_diameter(y, vertices) ** 2 / (2 * beta))


def is_set_one_step(q, patterns, y, vertices, beta, curvature=1.0):
    """<q, X^T (y_i - y_j)> >= curvature D_i^2 / (2 beta) for all j: enough for X^T y_i in one step."""
    gap = set_one_step_gap(q, patterns, y, vertices)
    return bool(gap >= curvature * set_diameter(y, vertices) ** 2 / (2 * beta))


def has_structured_margin(t, y, vertices, vertex_scores=None, curvature=1.0):
    """s_i >= s_j + curvature/2 |y_i - y_j|^2 for all j: iff the weights for the scores t are exactly y_i.

    s_j = <t, y_j>, unless `vertex_scores` is a function of a vertex that says otherwise.
    """
    score = (lambda v: sum(a * b for a, b in zip(t, v, strict=True))) if vertex_scores is None else vertex_scores
    return all(score(y) >= score(other) + curvature / 2 * norm(np.subtract(y, other)) ** 2 for other in vertices)


def set_basin_radius(patterns, y, vertices, beta, curvature=1.0):
    """eps with |q - X^T y_i| <= eps => X^T y_i in one step; negative where there is none.

    eps = (Delta_i - curvature D_i^2 / (2 beta)) / min(sigma_max(X) D_i, M D_i^2), sigma_max the largest singular value.
    """
    diameter = set_diameter(y, vertices)
    reach = min(np.linalg.norm(np.array(patterns), 2) * diameter, largest_norm(patterns) * diameter**2)
    return (set_separation(patterns, y, vertices) - curvature * diameter**2 / (2 * beta)) / reach


def is_k_subset_exact(t, y):
    """min of t where y = 1 minus max of t where y = 0 is at least 1: iff the k-subset weights are exactly y."""
    inside = [x for x, chosen in zip(t, y, strict=True) if chosen]
    outside = [x for x, chosen in zip(t, y, strict=True) if not chosen]
    return not outside or min(inside) - max(outside) >= 1
