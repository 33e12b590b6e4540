"""Slow, obvious references for the layered associative memory with push and pull feedback.

Dense matrices and small steps, written from the equations and independent of the package. Layers are counted
from the bottom: layer 0 stores the children, layer 1 their parents, layer 2 the grandparents; everything that
has one entry per layer (or per pair of neighbouring layers) is listed in that order. Patterns are (pattern,
unit) with siblings side by side: pattern k has parent k // fan_out. The discrete model has patterns and
states in {-1, +1}, the continuous one patterns in {0, 1} and states in (0, 1). Time is in the unit of tau.
"""

import dataclasses
import math

import numpy as np

# --- patterns: a tree of signed vectors ---------------------------------------------------------------------


def n_patterns(fan_out, layer):
    """Number of patterns of a layer of a tree; fan_out = (children per parent, ..., number of roots)."""
    return math.prod(fan_out[layer:])


def tree_draws(rng, n_units, fan_out):
    """Uniform draws in [0, 1), one array (pattern, unit) per layer; the generator serves the roots first."""
    top_down = [rng.random((n_patterns(fan_out, layer), n_units)) for layer in reversed(range(len(fan_out)))]
    return top_down[::-1]


def generative_tree(draws, fan_out, resemblance):
    """Layers (pattern, unit) in {-1, +1} of a tree of any depth; draws are uniform, one array per layer.

    A root is +1 where its draw is below 1/2. Any other pattern copies its parent where its draw is below
    (1 + b) / 2 and flips it elsewhere; resemblance = (b of layer 0, b of layer 1, ...), roots left out.
    """
    layers = [np.where(draws[-1] < 0.5, 1, -1)]
    for layer in reversed(range(len(draws) - 1)):
        below = np.zeros(draws[layer].shape, dtype=int)
        for k in range(len(below)):
            parent = layers[0][k // fan_out[layer]]
            below[k] = np.where(draws[layer][k] < (1 + resemblance[layer]) / 2, parent, -parent)
        layers.insert(0, below)
    return layers


def majority_tree(children, fan_out):
    """The same children under new parents, the sign of the sum over their children, layer after layer.

    A tie counts as 0 in the sum of the layer above, and all ties become -1 at the end.
    """
    layers = [np.asarray(children)]
    for layer in range(len(fan_out) - 1):
        size = fan_out[layer]
        families = [layers[-1][k : k + size] for k in range(0, len(layers[-1]), size)]
        layers.append(np.array([np.sign(family.sum(axis=0)) for family in families]))
    return [np.where(patterns == 0, -1, patterns) for patterns in layers]


def hierarchical_patterns(rng, n_units, fan_out, resemblance, *, parents="generative"):
    """Layers (pattern, unit) in {-1, +1}; parents "generative" or "majority"."""
    layers = generative_tree(tree_draws(rng, n_units, fan_out), fan_out, resemblance)
    return majority_tree(layers[0], fan_out) if parents == "majority" else layers


def binary(patterns):
    """Patterns in {0, 1} from patterns in {-1, +1}."""
    return (np.asarray(patterns) + 1) / 2


def signed(patterns):
    """Patterns in {-1, +1} from patterns in {0, 1}."""
    return 2 * np.asarray(patterns) - 1


# --- cue ----------------------------------------------------------------------------------------------------


def noise_sites(rng, n_units, fraction):
    """floor(fraction N) different units, drawn at random."""
    return rng.permutation(n_units)[: math.floor(fraction * n_units)]


def cue_with_noise(children, target, n_siblings, sibling_sites, cousin_sites):
    """Child `target` with units copied from the child two further (first) and from one family further (then).

    children (pattern, unit) in either form; n_siblings is the number of children per parent.
    """
    if target % n_siblings + 2 >= n_siblings:
        raise ValueError(f"pattern {target + 2} is no sibling of pattern {target}")
    cue = np.array(children[target])
    for i in sibling_sites:
        cue[i] = children[target + 2][i]
    for i in cousin_sites:
        cue[i] = children[target + n_siblings][i]
    return cue


# --- continuous model: weights from patterns in {0, 1} ------------------------------------------------------


def hollow_and_scaled(matrix):
    """Matrix without its diagonal, divided by N and then by its largest singular value."""
    hollow = np.array(matrix, dtype=float)
    for i in range(len(hollow)):
        hollow[i, i] = 0
    hollow /= len(hollow)
    return hollow / np.linalg.norm(hollow, 2)


def recurrent_matrix(patterns):
    """(unit, unit) of X^T X, X the patterns (pattern, unit) minus the mean of all their entries."""
    centred = patterns - np.mean(patterns)
    return hollow_and_scaled(centred.T @ centred)


def family_overlap(parents, children):
    """M_p, the mean overlap in signed form of each parent with its own children; shape (parent,)."""
    size = len(children) // len(parents)
    out = np.zeros(len(parents))
    for p in range(len(parents)):
        for child in children[p * size : (p + 1) * size]:
            out[p] += np.mean(signed(parents[p]) * signed(child)) / size
    return out


def feedforward_matrix(parents, children, *, is_scaled=False):
    """(unit above, unit below) of sum_k (parent of k - mean) (child k - mean)^T; its transpose is the push.

    Each mean is one number, over all entries of that layer; with `is_scaled` every parent is first divided by
    its overlap M_p with its children.
    """
    size = len(children) // len(parents)
    above = parents / family_overlap(parents, children)[:, None] if is_scaled else np.asarray(parents)
    above, below = above - np.mean(above), children - np.mean(children)
    total = sum(np.outer(above[k // size], below[k]) for k in range(len(children)))
    return hollow_and_scaled(total)


# --- continuous model: velocity -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Network:
    """recurrent and recurrent_gain: one per layer; feedforward and forward_gain: one per pair of layers."""

    recurrent: tuple
    feedforward: tuple
    recurrent_gain: tuple
    forward_gain: tuple
    inhibition: str = "unit"  # or "uniform"
    tau: float = 5.0


def network_from_patterns(layers, recurrent_gain, forward_gain, *, is_scaled=False, inhibition="unit"):
    """Network that stores the layers (pattern, unit) in {0, 1}."""
    pairs = range(len(layers) - 1)
    return Network(
        recurrent=tuple(recurrent_matrix(patterns) for patterns in layers),
        feedforward=tuple(feedforward_matrix(layers[k + 1], layers[k], is_scaled=is_scaled) for k in pairs),
        recurrent_gain=recurrent_gain,
        forward_gain=forward_gain,
        inhibition=inhibition,
    )


def transfer(potential):
    """x = f(h) = arctan(8 pi h) / pi + 1/2, in (0, 1)."""
    return np.arctan(8 * np.pi * potential) / np.pi + 0.5


def inhibition_from_above(activity, kind):
    """What the pull subtracts: the layer above unit by unit ("unit"), or its mean for all units ("uniform")."""
    return activity if kind == "unit" else np.full_like(activity, np.mean(activity))


def layer_velocity(network, layer, potential, activity, external, push, pull):
    """dh/dt (unit,) of one layer, from its potential (unit,) and the activities of all layers.

    tau dh/dt = -h + c W x + external + c_ff F x_below + push F_above^T x_above - pull x_above, where push and
    pull are the whole coefficients at this time (gain, resemblance and window); no feedback enters the top.
    """
    net = -potential + network.recurrent_gain[layer] * (network.recurrent[layer] @ activity[layer]) + external
    if layer > 0:
        net = net + network.forward_gain[layer - 1] * (network.feedforward[layer - 1] @ activity[layer - 1])
    if layer < len(activity) - 1:
        above = activity[layer + 1]
        net = net + push * (network.feedforward[layer].T @ above)
        net = net - pull * inhibition_from_above(above, network.inhibition)
    return net / network.tau


def velocity(network, potentials, external, push, pull):
    """List of dh/dt (unit,), one per layer, with x = f(h) everywhere; push and pull one number per pair."""
    activity = [transfer(h) for h in potentials]
    push, pull = [*push, 0.0], [*pull, 0.0]
    return [
        layer_velocity(network, k, potentials[k], activity, external[k], push[k], pull[k])
        for k in range(len(potentials))
    ]


# --- continuous model: what happens when --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Gains and windows. A window is (start, end) in time; a pair of layers may have several, which add up.

    cue_gain and cue_window: one per layer. push_gain, push_windows and the same for pull: one per pair of
    layers, the pull gain with its resemblance b already in. noise: half width of the uniform noise of layer 0.
    """

    cue_gain: tuple
    cue_window: tuple
    push_gain: tuple
    push_windows: tuple
    pull_gain: tuple
    pull_windows: tuple
    onset: float
    end: float
    dt: float = 0.01
    noise: float = 0.0


def demo_protocol(b, *, push=(10, 15), pull=(15, 20), onset=5, end=35, cue_above=0.0, noise=0.05):
    """Two layers, push 1 and pull 10 b; the cue drives layer 0 with gain 1 and stays on."""
    return Protocol(
        cue_gain=(1.0, cue_above),
        cue_window=((onset, end), (onset, end)),
        push_gain=(1.0,),
        push_windows=((push,),),
        pull_gain=(10 * b,),
        pull_windows=((pull,),),
        onset=onset,
        end=end,
        noise=noise,
    )


def sweep_protocol(b, *, push=(5, 10), pull=(10, 15), cue_above=0.1, noise=0.05):
    """Two layers as in the parameter scans: cue from 0 on, also weakly above, end at 25."""
    return demo_protocol(b, push=push, pull=pull, onset=0, end=25, cue_above=cue_above, noise=noise)


def conditions(protocol):
    """The four conditions of one protocol, by name."""
    zero = (0.0,) * len(protocol.push_gain)
    return {
        "none": dataclasses.replace(protocol, push_gain=zero, pull_gain=zero),
        "push": dataclasses.replace(protocol, pull_gain=zero),
        "pull": dataclasses.replace(protocol, push_gain=zero),
        "push-pull": protocol,
    }


def three_layer_protocols(push, b1=0.2, b2=0.2, end=30):
    """Feedback to no layer; to layer 0 in the late windows; to layers 0 and 1, both in early and late windows.

    Early: push 1-6, pull 6-11. Late: push 9-14, pull 14-19.
    """
    early_and_late = Protocol(
        cue_gain=(1.0, 0.0, 0.1),
        cue_window=((0, end), (0, end), (0, 3)),
        push_gain=(push, 2.0),
        push_windows=(((1, 6), (9, 14)),) * 2,
        pull_gain=(5 * b1, 7 * b2),
        pull_windows=(((6, 11), (14, 19)),) * 2,
        onset=0,
        end=end,
    )
    late = dataclasses.replace(early_and_late, push_windows=(((9, 14),),) * 2, pull_windows=(((14, 19),),) * 2)
    return {
        "one": dataclasses.replace(late, push_gain=(0.0, 0.0), pull_gain=(0.0, 0.0)),
        "two": dataclasses.replace(late, push_gain=(push, 0.0), pull_gain=(5 * b1, 0.0)),
        "three": early_and_late,
    }


def n_open(windows, step, dt, *, is_inclusive):
    """How many windows are open at a step; the end step belongs to the window only if inclusive."""
    count = 0
    for start, end in windows:
        first, last = round(start / dt), round(end / dt)
        count += first <= step <= last if is_inclusive else first <= step < last
    return count


def coefficients(gains, windows, step, dt, *, is_inclusive):
    """Gain times number of open windows, one number per pair of layers and a 0 for the top layer."""
    gates = [n_open(w, step, dt, is_inclusive=is_inclusive) for w in windows]
    return [gain * gate for gain, gate in zip(gains, gates, strict=True)] + [0.0]


def cue_input(protocol, cue, step, *, is_inclusive):
    """External input (unit,) of each layer: the cue in {0, 1}, not centred, times gain and window."""
    pairs = zip(protocol.cue_gain, protocol.cue_window, strict=True)
    return [gain * n_open([window], step, protocol.dt, is_inclusive=is_inclusive) * cue for gain, window in pairs]


def step_inputs(protocol, cue, step, *, is_inclusive, rng):
    """External inputs with the noise on layer 0, push and pull coefficients of one step; one entry per layer."""
    external = cue_input(protocol, cue, step, is_inclusive=is_inclusive)
    if protocol.noise > 0:
        external[0] = external[0] + rng.uniform(-protocol.noise, protocol.noise, len(cue))
    dt = protocol.dt
    push = coefficients(protocol.push_gain, protocol.push_windows, step, dt, is_inclusive=is_inclusive)
    pull = coefficients(protocol.pull_gain, protocol.pull_windows, step, dt, is_inclusive=is_inclusive)
    return external, push, pull


def read_out(activity, targets):
    """Overlap with the target and mean activity of each layer."""
    return [overlap(x, t) for x, t in zip(activity, targets, strict=True)], [np.mean(x) for x in activity]


def official_run(network, cue, protocol, targets, times, *, rng=None):
    """Overlaps and mean activities, two arrays (time, layer), by the published loop.

    Steps are counted from 1; step i ends at i dt and windows include both end steps. All x start at 0 (not at
    f(0)); within a step a layer sees the layers below already updated and those above not yet.
    """
    dt, wanted = protocol.dt, [round(t / protocol.dt) for t in times]
    potential = [np.zeros(len(cue)) for _ in targets]
    activity = [np.zeros(len(cue)) for _ in targets]
    record = {}
    for step in range(max(1, round(protocol.onset / dt)), round(protocol.end / dt) + 1):
        external, push, pull = step_inputs(protocol, cue, step, is_inclusive=True, rng=rng)
        for k in range(len(targets)):
            slope = layer_velocity(network, k, potential[k], activity, external[k], push[k], pull[k])
            potential[k] = potential[k] + dt * slope
            activity[k] = transfer(potential[k])
        if step in wanted:
            record[step] = read_out(activity, targets)
    return tuple(np.array([record[step][quantity] for step in wanted]) for quantity in (0, 1))


def plain_euler_run(network, cue, protocol, targets, times, *, rng=None):
    """The same two arrays by the plain Euler scheme: all layers at once, x = f(h) from h = 0 on.

    The state at k dt makes step k; a window is open for start <= k dt < end.
    """
    dt, wanted = protocol.dt, [round(t / protocol.dt) for t in times]
    potential = [np.zeros(len(cue)) for _ in targets]
    record = {}
    for step in range(round(protocol.onset / dt), round(protocol.end / dt) + 1):
        if step in wanted:
            record[step] = read_out([transfer(h) for h in potential], targets)
        external, push, pull = step_inputs(protocol, cue, step, is_inclusive=False, rng=rng)
        slopes = velocity(network, potential, external, push[:-1], pull[:-1])
        potential = [h + dt * slope for h, slope in zip(potential, slopes, strict=True)]
    return tuple(np.array([record[step][quantity] for step in wanted]) for quantity in (0, 1))


# --- read-outs: state in (0, 1), pattern in {0, 1} ----------------------------------------------------------


def overlap(activity, pattern):
    """m = (1/N) sum_i sign(2 x_i - 1) sign(2 xi_i - 1); a unit at exactly 1/2 counts 0."""
    return np.mean(np.sign(2 * activity - 1) * np.sign(2 * pattern - 1))


def mean_activity(activity):
    """(1/N) sum_i x_i."""
    return np.mean(activity)


def soft_overlap(activity, pattern, steepness):
    """(1/N) sum_i (2/pi) arctan(steepness (2 x_i - 1)) sign(2 xi_i - 1)."""
    return np.mean(2 / np.pi * np.arctan(steepness * (2 * activity - 1)) * np.sign(2 * pattern - 1))


def noverlap(activity, pattern):
    """Overlap times the root mean square of 2 x - 1."""
    return overlap(activity, pattern) * math.sqrt(np.mean((2 * activity - 1) ** 2))


def relative_improvement(with_feedback, without, *, is_absolute=False):
    """(m_fb - m_0) / m_0, or divided by |m_0|."""
    return (with_feedback - without) / (abs(without) if is_absolute else without)


# --- discrete model: patterns and states in {-1, +1} --------------------------------------------------------


def hebb_matrix(patterns, *, has_diagonal=False):
    """W_ij = (1/N) sum_mu xi_i^mu xi_j^mu, the diagonal 0 unless kept; patterns (pattern, unit)."""
    n_units = len(patterns[0])
    weights = sum(np.outer(xi, xi) for xi in patterns) / n_units
    return weights if has_diagonal else weights * (1 - np.eye(n_units))


def hebb_forward(parents, children):
    """W_ij = (1/N) sum_k (parent of k)_i (child k)_j, diagonal kept; times a_+ the transpose is the push."""
    size = len(children) // len(parents)
    return sum(np.outer(parents[k // size], children[k]) for k in range(len(children))) / len(children[0])


def discrete_field(layer, states, recurrent, forward, push, pull):
    """h (unit,) of a layer: W x + W_up x_below + push W_up^T x_above - pull x_above."""
    field = recurrent[layer] @ states[layer]
    if layer > 0:
        field = field + forward[layer - 1] @ states[layer - 1]
    if layer < len(states) - 1:
        field = field + push * (forward[layer].T @ states[layer + 1]) - pull * states[layer + 1]
    return field


def threshold(field, old, tie):
    """sign(h) as -1 or +1; at h = 0 it is +1 (tie "plus") or the old state (tie "keep")."""
    return np.where(field > 0, 1, np.where(field < 0, -1, 1 if tie == "plus" else old))


def synchronous_step(states, recurrent, forward, push, pull, *, tie="plus"):
    """New states, all units of all layers at once; push and pull are one number per pair of layers."""
    push, pull = [*push, 0.0], [*pull, 0.0]
    fields = [discrete_field(k, states, recurrent, forward, push[k], pull[k]) for k in range(len(states))]
    return [threshold(h, x, tie) for h, x in zip(fields, states, strict=True)]


def asynchronous_sweep(states, recurrent, forward, push, pull, order, *, tie="plus"):
    """New states, one unit after another; order is a list of pairs (layer, unit)."""
    push, pull = [*push, 0.0], [*pull, 0.0]
    states = [np.array(x) for x in states]
    for layer, unit in order:
        field = discrete_field(layer, states, recurrent, forward, push[layer], pull[layer])
        states[layer][unit] = threshold(field[unit], states[layer][unit], tie)
    return states


def settled(state, weights, *, drive=0.0, tie="plus", limit=100):
    """x <- sign(W x + drive) of one layer until nothing changes, or `limit` times."""
    for _ in range(limit):
        new = threshold(weights @ state + drive, state, tie)
        if np.array_equal(new, state):
            break
        state = new
    return state


def states_before_feedback(cue, recurrent, forward, *, has_drive=False, tie="plus"):
    """The cue, and above it each layer settled from sign(W_up x_below), with W_up x_below kept on or not."""
    states = [np.array(cue)]
    for weights, up in zip(recurrent[1:], forward, strict=True):
        field = up @ states[-1]
        start = threshold(field, np.ones(len(field)), tie)
        states.append(settled(start, weights, drive=field if has_drive else 0.0, tie=tie))
    return states


def discrete_run(states, recurrent, forward, push, pull, *, tie="plus"):
    """List of states, the given one first, by synchronous steps; push and pull (step, pair) are the schedule."""
    history = [states]
    for a_plus, a_minus in zip(push, pull, strict=True):
        history.append(synchronous_step(history[-1], recurrent, forward, a_plus, a_minus, tie=tie))
    return history


# --- discrete model: interference at the first child --------------------------------------------------------


def interference(children, parents, n_siblings, b1, b2, pull):
    """c, c* and c~ (unit,), one step from the first child exactly; `children` share one grandparent.

    With s the child: c = b1^2 s (sum of its siblings), c* = c - pull s (its parent), and
    c~ = b1^2 b2^2 s (sum of the children of all other parents). A unit flips where the sum is below -1.
    """
    child = children[0]
    within = b1**2 * child * np.sum(children[1:n_siblings], axis=0)
    between = b1**2 * b2**2 * child * np.sum(children[n_siblings:], axis=0)
    return within, within - pull * child * parents[0], between


def interference_sample(rng, n_units, fan_out, resemblance, *, pull=None):
    """c, c* and c~ (unit,) of a fresh generative tree of three layers; the pull is b1 unless given."""
    children, parents, _ = hierarchical_patterns(rng, n_units, fan_out, resemblance)
    n_siblings, n_families = fan_out[0], fan_out[1]
    b1, b2 = resemblance
    kin = children[: n_siblings * n_families]
    return interference(kin, parents, n_siblings, b1, b2, b1 if pull is None else pull)
