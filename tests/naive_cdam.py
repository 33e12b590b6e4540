"""Slow, obvious references for the correlated dense associative memory.

Plain loops over patterns, one cue at a time, written from the equations and independent of the package.
Patterns are (pattern, unit), states (unit,), graphs adjacency[from, to]: a pattern evokes its successors.
"""

import decimal
import math

import numpy as np

# --- softmax: one vector of logits in, one vector of weights out --------------------------------------------


def softmax(logits):
    """s_mu = exp(z_mu - max z) / sum_nu exp(z_nu - max z)."""
    exponentials = [math.exp(z - max(logits)) for z in logits]
    return np.array([e / sum(exponentials) for e in exponentials])


def exact_softmax(logits, *, digits=60):
    """The same weights to `digits` decimal digits, rounded to float64 at the end; logits are taken as exact."""
    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = digits, decimal.MAX_EMAX, decimal.MIN_EMIN
        exponentials = [decimal.Decimal(float(z)).exp() for z in logits]
        total = sum(exponentials)
        return np.array([float(e / total) for e in exponentials])


def legacy_softmax(logits):
    """The published one: no maximum subtracted, 2^-52 added above and below the line, infinities made finite.

    Very low logits give 1 for every pattern, and each logit above 709.8 gives 1.
    """
    tiny = math.ulp(1.0)
    with np.errstate(over="ignore"):
        exponentials = np.exp(np.asarray(logits, dtype=float))
        return np.nan_to_num(np.nan_to_num(exponentials + tiny) / np.nan_to_num(np.sum(exponentials) + tiny))


def log_sum_exp(logits):
    """log sum_mu exp(z_mu)."""
    top = max(logits)
    return top + math.log(sum(math.exp(z - top) for z in logits))


# --- graphs: adjacency[from, to], (pattern, pattern) --------------------------------------------------------


def cycle(n_patterns, *, is_directed=False):
    """Adjacency of the ring, k -> k + 1, and back unless directed."""
    out = np.zeros((n_patterns, n_patterns))
    for k in range(n_patterns):
        out[k, (k + 1) % n_patterns] = 1
        if not is_directed:
            out[(k + 1) % n_patterns, k] = 1
    return out


def normalised(adjacency, kind):
    """M: A_ij / sqrt(d_i d_j) ("sym"), A_ij / d_i ("out") or A ("none"), d the row sums.

    Wherever a degree in the formula is 0 the entry is 0.
    """
    degree = [sum(row) for row in adjacency]
    out = np.zeros(np.shape(adjacency))
    for i in range(len(adjacency)):
        for j in range(len(adjacency)):
            if kind == "none":
                out[i, j] = adjacency[i][j]
            elif kind == "out" and degree[i] > 0:
                out[i, j] = adjacency[i][j] / degree[i]
            elif kind == "sym" and degree[i] > 0 and degree[j] > 0:
                out[i, j] = adjacency[i][j] / math.sqrt(degree[i] * degree[j])
    return out


# --- the map ------------------------------------------------------------------------------------------------


def mean_pattern(patterns):
    """(1/p) sum_mu xi^mu, (unit,)."""
    total = np.zeros(len(patterns[0]))
    for xi in patterns:
        total = total + xi
    return total / len(patterns)


def projection(patterns, graph, auto, hetero):
    """Q (pattern, unit): row mu is a xi^mu + h sum_nu M[mu, nu] xi^nu, with M the normalised graph."""
    out = np.zeros(np.shape(patterns))
    for mu in range(len(patterns)):
        out[mu] = auto * patterns[mu]
        for nu in range(len(patterns)):
            out[mu] += hetero * graph[mu][nu] * patterns[nu]
    return out


def similarities(state, patterns):
    """u_mu = xi^mu . sigma, (pattern,)."""
    return np.array([np.dot(xi, state) for xi in patterns])


def velocity(state, patterns, graph, *, auto, hetero, beta=1.0, mean_coefficient=1.0, weights=softmax):
    """Right-hand side of the flow (unit,): sum_mu s_mu Q_mu - kappa xbar - sigma, s = softmax(beta u)."""
    q = projection(patterns, graph, auto, hetero)
    s = weights(beta * similarities(state, patterns))
    out = -mean_coefficient * mean_pattern(patterns) - state
    for mu in range(len(patterns)):
        out = out + s[mu] * q[mu]
    return out


def update(state, patterns, graph, *, eta=0.1, **parameters):
    """One step of the map: sigma + eta times the velocity."""
    return state + eta * velocity(state, patterns, graph, **parameters)


def run(state, patterns, graph, n_steps, **parameters):
    """States (1 + n_steps, unit), the initial one first."""
    states = [np.array(state, dtype=float)]
    for _ in range(n_steps):
        states.append(update(states[-1], patterns, graph, **parameters))
    return np.array(states)


def noisy_cue(rng, pattern, amplitude=1.0):
    """sigma(0) = xi + c zeta, zeta uniform in [-1/2, 1/2)."""
    return pattern + amplitude * rng.uniform(-0.5, 0.5, len(pattern))


# --- energies -----------------------------------------------------------------------------------------------


def lyapunov(state, patterns, graph, *, auto, hetero, beta=1.0, mean_coefficient=1.0):
    """F = u.s - log sum exp(beta u) / beta - s.W s / 2 + b.s, which the flow never raises if W is symmetric.

    u = Xi sigma, s = softmax(beta u), W_mu,nu = xi^mu . Q_nu, b = kappa Xi xbar.
    """
    u = similarities(state, patterns)
    s = softmax(beta * u)
    q = projection(patterns, graph, auto, hetero)
    b = mean_coefficient * similarities(mean_pattern(patterns), patterns)
    quadratic = 0.0
    for mu in range(len(patterns)):
        for nu in range(len(patterns)):
            quadratic += s[mu] * np.dot(patterns[mu], q[nu]) * s[nu]
    return np.dot(u, s) - log_sum_exp(beta * u) / beta - quadratic / 2 + np.dot(b, s)


def pair_sum(overlaps, graph, beta):
    """sum over pairs of M[alpha, kappa] exp(beta m_alpha m_kappa)."""
    total = 0.0
    for i in range(len(overlaps)):
        for j in range(len(overlaps)):
            total += graph[i][j] * math.exp(beta * overlaps[i] * overlaps[j])
    return total


def undirected_energy(state, patterns, graph, *, auto, hetero, beta=1.0):
    """E2 = -(a/beta) log sum exp(beta m^2) - (h/beta) log sum M exp(beta m m'), m = xi . sigma / n.

    Heuristic, no Lyapunov function. A graph without edges contributes nothing.
    """
    m = similarities(state, patterns) / len(state)
    energy = -auto / beta * math.log(sum(math.exp(beta * x * x) for x in m))
    pairs = pair_sum(m, graph, beta)
    return energy - hetero / beta * math.log(pairs) if pairs > 0 else energy


def directed_energy(state, patterns, adjacency, *, auto, hetero, beta=1.0):
    """E3 = -(1/beta) log(a sum exp(beta m^2) + h sum over edges of exp(beta m m')); NaN if the sum is <= 0."""
    m = similarities(state, patterns) / len(state)
    edges = np.where(np.asarray(adjacency) != 0, 1.0, 0.0)
    total = auto * sum(math.exp(beta * x * x) for x in m) + hetero * pair_sum(m, edges, beta)
    return -math.log(total) / beta if total > 0 else math.nan


# --- read-outs ----------------------------------------------------------------------------------------------


def pattern_correlations(state, patterns):
    """r_mu, Pearson correlation over the units of the state with each pattern; (pattern,)."""
    return np.array([np.corrcoef(state, xi)[0, 1] for xi in patterns])


def attractor_correlations(final_states):
    """K (cue, cue), Pearson correlation over the units of the final states (cue, unit)."""
    n_cues = len(final_states)
    return np.array(
        [[np.corrcoef(final_states[i], final_states[j])[0, 1] for j in range(n_cues)] for i in range(n_cues)]
    )


def distance_curve(matrix, distance):
    """The p entries K[i, (i - d) mod p] of a matrix of a ring."""
    return np.array([matrix[i][(i - distance) % len(matrix)] for i in range(len(matrix))])


def participation_ratio(matrix):
    """(sum_i K_ii)^2 / sum_ij K_ij^2."""
    trace, square = 0.0, 0.0
    for i in range(len(matrix)):
        trace += matrix[i][i]
        for j in range(len(matrix)):
            square += matrix[i][j] ** 2
    return trace**2 / square


def support_count(weights, share=0.9):
    """Smallest number of weights with a sum of at least `share`."""
    total, count = 0.0, 0
    for weight in sorted(weights, reverse=True):
        if total >= share:
            break
        total, count = total + weight, count + 1
    return count


def metastability_index(weights, share=0.9):
    """Median over the cues of the support count; weights (cue, pattern)."""
    return np.median([support_count(row, share) for row in weights])


def winners(states, patterns):
    """Index of the pattern with the largest correlation at each time; states (time, unit)."""
    return [int(np.argmax(pattern_correlations(state, patterns))) for state in states]


def sequence_statistics(track, n_patterns):
    """Fractions of steps that stay (dwell), go on by one (advance) or do anything else (skip), on a ring.

    Also the number of distinct winners; `track` is the winner at each time.
    """
    jumps = [(after - before) % n_patterns for before, after in zip(track[:-1], track[1:], strict=True)]
    return {
        "dwell": jumps.count(0) / len(jumps),
        "advance": jumps.count(1) / len(jumps),
        "skip": sum(jump > 1 for jump in jumps) / len(jumps),
        "n_distinct": len(set(track)),
    }


# --- automaton: states of a family and transitions "person-relation" ----------------------------------------

PERSONS = ("H", "M", "L", "B")
TARGET_OF = {
    **{person: person for person in PERSONS},
    **dict.fromkeys(("M-Hu", "L-F", "B-F"), "H"),
    **dict.fromkeys(("H-W", "L-Mo", "B-Mo"), "M"),
    **dict.fromkeys(("H-D", "M-D", "B-Si"), "L"),
    **dict.fromkeys(("H-So", "M-So", "L-Br"), "B"),
}
AUTOMATON = (*PERSONS, *(name for name in TARGET_OF if "-" in name))


def automaton_adjacency():
    """Adjacency (16, 16), not normalised: every state and transition evokes its target state."""
    out = np.zeros((len(AUTOMATON), len(AUTOMATON)))
    for i, name in enumerate(AUTOMATON):
        out[i, AUTOMATON.index(TARGET_OF[name])] = 1
    return out


def automaton_patterns(identities, own, labels):
    """Patterns (16, unit): the identity of the person, then its own block (state) or the label (transition).

    identities and own: dictionaries by person, labels by relation; the identity is 75 % of the units.
    """
    rows = []
    for name in AUTOMATON:
        person, _, relation = name.partition("-")
        rows.append(np.concatenate([identities[person], labels[relation] if relation else own[person]]))
    return np.array(rows)


def random_automaton_parts(rng, n_units, share=0.75):
    """Identities, own blocks and labels of independent uniform entries in [0, 1)."""
    n_identity = round(share * n_units)
    relations = sorted({name.partition("-")[2] for name in AUTOMATON if "-" in name})
    identities = {person: rng.random(n_identity) for person in PERSONS}
    own = {person: rng.random(n_units - n_identity) for person in PERSONS}
    labels = {relation: rng.random(n_units - n_identity) for relation in relations}
    return identities, own, labels


def automaton_run(start, relations, patterns, labels, *, n_steps=100, is_held=False, **parameters):
    """Names of the winners at the end of each phase, the first phase without input.

    Each further phase overwrites the relation units with one label, once at its beginning or (held) before
    every step; the units of the identity go on from where they are.
    """
    graph, state, ends = automaton_adjacency(), patterns[AUTOMATON.index(start)], []
    for relation in (None, *relations):
        for step in range(n_steps):
            if relation is not None and (step == 0 or is_held):
                label = labels[relation]
                state = np.concatenate([state[: len(state) - len(label)], label])
            state = update(state, patterns, graph, auto=0.0, hetero=1.0, **parameters)
        ends.append(AUTOMATON[winners([state], patterns)[0]])
    return ends
