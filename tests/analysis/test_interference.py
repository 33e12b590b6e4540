"""Theory of interference: closed forms, exact sums over binomials, sampled trees, and the network itself."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import binom

from assocmem.analysis import (
    NormalMixture,
    cancelling_pull,
    child_stability_threshold,
    crosstalk_variance,
    feedforward_weights,
    inter_class_distribution,
    interference_distribution,
    majority_overlaps,
    one_step_accuracy,
    optimal_pull,
    sampled_one_step_accuracy,
    total_interference_distribution,
)
from assocmem.hierarchy import hierarchical_patterns, noisy_cue
from assocmem.models.push_pull_discrete import DiscretePushPull
from assocmem.simulate import iterate
from tests import naive_push_pull as naive


def binomial_law(b1, n_children, pull=0.0):
    """Values and probabilities of c* at one unit, exactly: the sum of siblings is binomial given the parent."""
    n_siblings, values, probabilities = n_children - 1, [], []
    for agrees in (True, False):
        sign, weight = (1, (1 + b1) / 2) if agrees else (-1, (1 - b1) / 2)
        for k in range(n_siblings + 1):
            values.append(sign * (b1**2 * (2 * k - n_siblings) - pull))
            probabilities.append(weight * binom.pmf(k, n_siblings, (1 + b1) / 2))
    return np.array(values), np.array(probabilities)


# mixtures


def test_a_mixture_has_the_density_of_its_distribution():
    mixture = NormalMixture([0.3, 0.7], [-1.0, 2.0], 0.5)
    assert quad(mixture.density, -10, 10, points=[-1, 2])[0] == pytest.approx(1.0, abs=1e-10)  # quadrature
    assert quad(mixture.density, -10, 0.4, points=[-1])[0] == pytest.approx(mixture.probability_below(0.4), abs=1e-10)
    assert quad(lambda x: x * mixture.density(x), -10, 10, points=[-1, 2])[0] == pytest.approx(mixture.mean, abs=1e-9)
    second = quad(lambda x: (x - mixture.mean) ** 2 * mixture.density(x), -10, 10, points=[-1, 2])[0]
    assert second == pytest.approx(mixture.variance, abs=1e-9)


def test_a_mixture_takes_arrays_of_any_shape():
    mixture, values = interference_distribution(0.3, 25), np.linspace(-2, 2, 6).reshape(2, 3)
    assert mixture.density(values).shape == mixture.probability_below(values).shape == (2, 3)
    assert mixture.density(values)[1, 2] == mixture.density(2.0)


def test_without_spread_a_mixture_is_discrete():
    mixture = NormalMixture([0.25, 0.75], [-1.0, 1.0], 0.0)
    np.testing.assert_array_equal(mixture.probability_below([-1.0, 0.0, 2.0]), [0.0, 0.25, 1.0])
    with pytest.raises(ValueError, match="std must be > 0 for a density, got 0"):
        mixture.density(0.0)


# siblings


@pytest.mark.parametrize("pull", [0.0, 0.25, 1.1])
@pytest.mark.parametrize(("b1", "n_children"), [(0.25, 100), (0.3, 25), (-0.4, 7), (0.5, 1)])
def test_interference_of_siblings_has_the_moments_of_the_binomial_law(b1, n_children, pull):
    mixture, (values, probabilities) = (
        interference_distribution(b1, n_children, pull=pull),
        binomial_law(b1, n_children, pull),
    )
    mean = probabilities @ values
    assert mixture.mean == pytest.approx(mean, abs=1e-12)  # rounding of sums of at most 200 terms
    assert mixture.variance == pytest.approx(probabilities @ (values - mean) ** 2, abs=1e-12)


def test_modes_and_tails_of_the_published_figure():
    """Figure of the noise distributions: b1 = 0.25 with 100 children (simulated) and with 80 (analytic)."""
    hundred = interference_distribution(0.25, 100)
    np.testing.assert_allclose(hundred.means, [1.547, -1.547], atol=5e-4)  # digits that are quoted, as all below
    np.testing.assert_array_equal(hundred.weights, [0.625, 0.375])
    assert hundred.std == pytest.approx(0.602, abs=5e-4)
    assert hundred.probability_below(-1.0) == pytest.approx(0.307, abs=5e-4)
    assert interference_distribution(0.25, 100, pull=0.25).probability_below(-1.0) == pytest.approx(0.258, abs=5e-4)
    eighty = [interference_distribution(0.25, 80, pull=pull) for pull in (0.0, 0.25, cancelling_pull(0.25, 80))]
    assert eighty[0].means[0] == pytest.approx(1.234, abs=5e-4) and eighty[0].std == pytest.approx(0.538, abs=5e-4)
    tails = [law.probability_below(-1.0) for law in eighty]
    np.testing.assert_allclose(tails, [0.2507, 0.1832, 0.0315], atol=5e-5)


def test_the_pull_moves_both_modes_inwards_and_nothing_else():
    without, with_pull = interference_distribution(0.25, 100), interference_distribution(0.25, 100, pull=0.25)
    np.testing.assert_allclose(without.means - with_pull.means, [0.25, -0.25], rtol=1e-12)
    assert without.std == with_pull.std


@pytest.mark.parametrize("pull", [0.0, 0.25])
def test_sampled_interference_follows_the_binomial_and_nearly_the_normal_law(rng, pull):
    """Earlier run, a single draw of 10000 units: 0.296 and 0.2505 below -1."""
    b1, n_children, n_units = 0.25, 100, 10000
    _, sampled, _ = naive.interference_sample(rng, n_units, (n_children, 1, 1), (b1, 0.15), pull=pull)
    values, probabilities = binomial_law(b1, n_children, pull)
    exact = probabilities[values < -1.0].sum()
    # 10000 independent units
    assert np.mean(sampled < -1.0) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / n_units))
    # the values are 2 b1^2 apart: the normal law is off by at most half of that times its density, and by its skewness
    law = interference_distribution(b1, n_children, pull=pull)
    assert law.probability_below(-1.0) == pytest.approx(exact, abs=b1**2 * float(law.density(-1.0)) + 0.005)


# cousins


@pytest.mark.parametrize(("b1", "b2", "n_children", "n_parents"), [(0.25, 0.15, 20, 6), (0.5, 0.6, 5, 4)])
def test_interference_of_cousins_has_the_moments_of_sampled_trees(rng, b1, b2, n_children, n_parents):
    n_units = 40000
    _, _, sampled = naive.interference_sample(rng, n_units, (n_children, n_parents, 1), (b1, b2))
    law = inter_class_distribution(b1, b2, n_children, n_parents)
    # the square of a number of kurtosis 3 at most has the standard deviation sqrt(2) times its mean
    assert sampled.mean() == pytest.approx(law.mean, abs=4 * np.sqrt(law.variance / n_units))
    assert sampled.var() == pytest.approx(law.variance, rel=4 * np.sqrt(2 / n_units))
    official = inter_class_distribution(b1, b2, n_children, n_parents, variance="official")
    assert abs(sampled.var() / official.variance - 1) > 20 * np.sqrt(2 / n_units)


def test_the_official_variance_of_cousins_is_nearly_eight_times_too_small():
    exact, official = (inter_class_distribution(0.25, 0.15, 100, 10, variance=v) for v in ("exact", "official"))
    assert exact.std**2 == pytest.approx(0.01254, abs=5e-6) and official.std**2 == pytest.approx(0.00163, abs=5e-6)
    assert exact.std**2 / official.std**2 == pytest.approx(7.7, abs=0.05)
    assert exact.std < 0.2 * interference_distribution(0.25, 100).std  # much narrower than that of siblings


# all together


def test_total_interference_without_cousins_is_that_of_the_siblings():
    siblings = interference_distribution(0.3, 25, pull=0.2)
    total = total_interference_distribution(0.3, 0.4, 25, 1, pull=0.2)
    x = np.linspace(-2, 2, 21)
    np.testing.assert_allclose(total.probability_below(x), siblings.probability_below(x), rtol=1e-12)


def test_total_interference_has_the_moments_of_sampled_trees(rng):
    b1, b2, fan_out, n_units, pull = 0.4, 0.6, (6, 5, 1), 40000, 0.1
    _, pulled, cousins = naive.interference_sample(rng, n_units, fan_out, (b1, b2), pull=pull)
    sampled = pulled + cousins
    law = total_interference_distribution(b1, b2, 6, 5, pull=pull)
    # siblings and cousins are correlated through the grandparent: sums of separate variances would be off by 20 %
    assert sampled.mean() == pytest.approx(law.mean, abs=4 * np.sqrt(law.variance / n_units))
    assert sampled.var() == pytest.approx(law.variance, rel=4 * np.sqrt(2 / n_units))
    apart = interference_distribution(b1, 6, pull=pull).variance + inter_class_distribution(b1, b2, 6, 5).variance
    assert abs(apart / law.variance - 1) > 0.1


def test_crosstalk_adds_to_the_variance():
    without, with_noise = (total_interference_distribution(0.3, 0.2, 25, 4, crosstalk=v) for v in (0.0, 0.02))
    assert with_noise.variance - without.variance == pytest.approx(0.02, rel=1e-12)


@pytest.mark.parametrize(
    ("b1", "expected"),
    [
        (0.2, (1.0, 1.0, 1.0)),
        (0.3, (0.859, 0.957, 0.983)),
        (0.35, (0.661, 0.814, 0.925)),
        (0.4, (0.536, 0.653, 0.836)),
        (0.5, (0.515, 0.539, 0.654)),
    ],
)
def test_accuracy_after_one_step_without_and_with_pull(b1, expected):
    """25 children; no pull, a pull of b1, and the one that cancels the mean interference."""
    ours = [one_step_accuracy(b1, 25, pull=pull) for pull in (0.0, b1, cancelling_pull(b1, 25))]
    np.testing.assert_allclose(ours, expected, atol=1e-3)  # an earlier evaluation with three digits


def test_the_pull_that_cancels_the_mean_leaves_one_normal_distribution():
    law = interference_distribution(0.35, 25, pull=cancelling_pull(0.35, 25))
    assert one_step_accuracy(0.35, 25, pull=cancelling_pull(0.35, 25)) == pytest.approx(
        1 - 2 * ndtr(-1 / law.std), abs=1e-14
    )


@pytest.mark.parametrize(("b1", "crosstalk"), [(0.3, 0.0), (0.4, 0.05), (0.5, 0.0), (-0.4, 0.1)])
def test_no_constant_pull_beats_the_optimal_one(b1, crosstalk):
    best, cancelling = optimal_pull(b1, 25, crosstalk=crosstalk), cancelling_pull(b1, 25)
    pulls = np.linspace(cancelling - 2, cancelling + 2, 401)
    accuracy = [one_step_accuracy(b1, 25, pull=pull, crosstalk=crosstalk) for pull in pulls]
    assert pulls[np.argmax(accuracy)] == pytest.approx(best, abs=0.01)  # the distance of the pulls
    assert max(accuracy) <= one_step_accuracy(b1, 25, pull=best, crosstalk=crosstalk)
    assert abs(best) < abs(cancelling)


def test_the_optimal_pull_keeps_much_of_the_parent_where_siblings_resemble_each_other():
    law = interference_distribution(0.5, 25)
    assert optimal_pull(0.5, 25) == pytest.approx(3.0 - law.std**2 * np.log(3.0) / 2, rel=1e-12)
    gain = one_step_accuracy(0.5, 25, pull=optimal_pull(0.5, 25)) - one_step_accuracy(0.5, 25, pull=3.0)
    assert gain > 0.07


@pytest.mark.parametrize(("n_children", "threshold"), [(25, 0.347), (15, 0.415), (100, 0.216), (4, 0.693)])
def test_the_threshold_is_where_the_mean_interference_reaches_one(n_children, threshold):
    assert child_stability_threshold(n_children) == pytest.approx(threshold, abs=5e-4)
    assert cancelling_pull(child_stability_threshold(n_children), n_children) == pytest.approx(1.0, rel=1e-12)


def test_an_only_child_is_always_stable():
    assert child_stability_threshold(1) == np.inf
    assert one_step_accuracy(0.9, 1) == 1.0


# overlaps


@pytest.mark.parametrize(
    ("b", "n_children", "with_child", "with_drawn"),
    [(0.15, 25, 0.202, 0.554), (0.15, 15, 0.242, 0.448), (0.2, 25, 0.233, 0.693), (0.3, 15, 0.331, 0.774)],
)
def test_overlaps_of_the_majority(b, n_children, with_child, with_drawn):
    # values of an earlier run with 4000 units and eight parents or more
    np.testing.assert_allclose(majority_overlaps(b, n_children), (with_child, with_drawn), atol=4 / np.sqrt(32000))


@pytest.mark.parametrize("n_children", [1, 4, 7])
def test_overlaps_of_the_majority_are_those_of_sampled_trees(n_children):
    tree, drawn = (
        hierarchical_patterns(20000, (1, 1, n_children), (0.0, 0.4), parents=kind, seed=2)
        for kind in ("majority", "generative")
    )
    ours = [np.mean(tree.patterns[0] * tree.patterns[1]), np.mean(tree.patterns[1] * drawn.patterns[1])]
    np.testing.assert_allclose(ours, majority_overlaps(0.4, n_children), rtol=0, atol=4 / np.sqrt(20000))


def test_weights_of_the_feedforward_field_are_measured_in_the_network():
    b1, b2, n_units = 0.4, 0.5, 20000
    tree = hierarchical_patterns(n_units, (1, 4, 10), (b2, b1), parents="generative", seed=1).lowest(2)
    coefficients = np.zeros(4)
    np.add.at(coefficients, tree.parents[0], tree.patterns[0] @ tree.patterns[0][0].astype(float) / n_units)
    own, other = feedforward_weights(b1, b2, 10)
    # ten overlaps, each of 20000 signs, that vary in common
    np.testing.assert_allclose(coefficients, [own, other, other, other], rtol=0, atol=4 * 10 / np.sqrt(n_units))


def test_crosstalk_of_unrelated_patterns_is_the_load():
    assert crosstalk_variance(1000, (50, 1, 1), 0.3, 0.2) == pytest.approx(0.05, rel=1e-12)


def test_crosstalk_is_measured_in_the_network():
    """Field of a child minus its mean given the whole tree at a unit; averaged over 20 trees."""
    b1, b2, branching, n_units = 0.5, 0.5, (2, 3, 6), 1000
    variances = []
    for seed in range(20):
        children = hierarchical_patterns(n_units, branching, (b2, b1), parents="generative", seed=seed).patterns[0]
        expected = np.where(np.arange(36) < 18, (b1 * b2) ** 2, 0.0)
        expected[:6], expected[0] = b1**2, 1.0
        deviation = children @ children[0].astype(float) / n_units - expected
        others = deviation @ children - np.sum(children**2, axis=0) * children[0] / n_units  # no self-coupling
        variances.append(np.mean(others**2))
    error = np.std(variances) / np.sqrt(20)
    ours = crosstalk_variance(n_units, branching, b1, b2)
    assert ours > 36 / n_units * 1.3
    # the target itself does not deviate, which a single pattern's share covers
    assert np.mean(variances) == pytest.approx(ours, abs=4 * error + 1.4 / n_units)


# one step of the network


def simulated(b1, b2, branching, *, intra=0.0, inter=0.0, push=0.0, pull=0.0, n_units=6000, n_trees=8):
    """Mean accuracy after one step, the parent being given, and its standard error from independent trees."""
    _, n_parents, n_children = branching
    means = []
    for seed in range(n_trees):
        tree = hierarchical_patterns(n_units, branching, (b2, b1), parents="generative", seed=seed).lowest(2)
        targets = np.arange(n_parents - 1) * n_children  # of each family that has a next one
        options = {"intra": intra, "inter": inter, "seed": seed}
        cues = np.concatenate([noisy_cue(tree, int(k), **options) for k in targets])
        states = np.concatenate([cues, tree.patterns[1][tree.parents[0][targets]]], axis=1)
        model = DiscretePushPull(tree)
        final = iterate(model, states, steps=1, stimulus=model.schedule([push], [pull]), every=None).final_state.values
        means.append(np.mean(model.layer(final, 0) * tree.patterns[0][targets]))
    return np.mean(means), np.std(means, ddof=1) / np.sqrt(n_trees)


@pytest.mark.parametrize(
    ("b1", "b2", "branching", "feedback"),
    [
        (0.3, 0.2, (1, 4, 25), {"intra": 0.1, "inter": 0.1}),
        (0.4, 0.3, (1, 4, 25), {"intra": 0.1, "inter": 0.2}),
        (0.3, 0.2, (1, 4, 25), {"intra": 0.1, "inter": 0.1, "pull": 0.5}),
        (0.3, 0.2, (1, 4, 25), {"push": 0.5}),
        (0.3, 0.7, (1, 20, 5), {"inter": 0.2}),
        (0.3, 0.7, (1, 20, 5), {"inter": 0.2, "push": 1.0}),
    ],
)
def test_one_step_from_a_noisy_cue_is_predicted_by_sampling_the_tree(b1, b2, branching, feedback):
    n_units = 6000
    accuracy, error = simulated(b1, b2, branching, n_units=n_units, **feedback)
    crosstalk = crosstalk_variance(n_units, branching, b1, b2)
    options = {"crosstalk": crosstalk, "n_samples": 200_000, "seed": 1}
    predicted = sampled_one_step_accuracy(b1, b2, branching[2], branching[1], **feedback, **options)
    # four standard errors of both, estimated from 8 trees and from the samples
    band = 4 * np.hypot(error, predicted.standard_error)
    assert accuracy == pytest.approx(float(predicted.accuracy), abs=float(band))


@pytest.mark.parametrize(
    ("b1", "b2", "intra", "inter", "expected"),
    [(0.3, 0.2, 0.1, 0.1, 0.7671), (0.2, 0.2, 0.1, 0.1, 0.9971), (0.4, 0.3, 0.1, 0.2, 0.5382)],
)
def test_sampled_accuracy_agrees_with_an_earlier_evaluation(b1, b2, intra, inter, expected):
    options = {"intra": intra, "inter": inter, "crosstalk": 100 / 20000, "seed": 3}
    ours = sampled_one_step_accuracy(b1, b2, 25, 4, **options)
    # of unknown sampling error: taken as that of 200000 units, with the last digit
    band = 4 * np.hypot(float(ours.standard_error), np.sqrt((1 - expected**2) / 200_000)) + 5e-5
    assert float(ours.accuracy) == pytest.approx(expected, abs=band)


def test_sampled_accuracy_without_noise_is_the_binomial_sum():
    values, probabilities = binomial_law(0.35, 25, pull=0.2)
    expected = 1 - 2 * probabilities[values < -1.0].sum()
    ours = sampled_one_step_accuracy(0.35, 0.0, 25, 1, pull=0.2, n_samples=400_000, seed=0)
    assert float(ours.accuracy) == pytest.approx(expected, abs=4 * float(ours.standard_error))
    assert float(ours.standard_error) == pytest.approx(np.sqrt((1 - expected**2) / 400_000), rel=0.02)  # 1 / sqrt(n)


def test_sampled_accuracy_of_few_relatives_is_that_of_all_cases():
    """Two parents of two children: all 64 cases, weighted."""
    b1, b2, intra, inter, push, pull = 0.4, 0.3, 0.2, 0.25, 0.3, 0.15
    fractions = [(1 - intra) * (1 - inter), intra * (1 - inter), inter]  # of target, sibling and cousin in the cue
    rho = [[1, b1**2, (b1 * b2) ** 2], [b1**2, 1, (b1 * b2) ** 2], [(b1 * b2) ** 2] * 2 + [1]]
    rho.append([(b1 * b2) ** 2] * 2 + [b1**2])  # the cousin's sibling
    weights = [np.dot(fractions, r) + push * (1 if k < 2 else b2**2) for k, r in enumerate(rho)]
    expected = 0.0
    for case in range(64):
        flips = [1 - 2 * (case >> k & 1) for k in range(6)]  # +1 where a pattern agrees with what it is drawn from
        parents = np.array(flips[:2])
        children = np.array(flips[2:]) * parents[[0, 0, 1, 1]]
        weight = np.prod([(1 + b2 * f) / 2 for f in flips[:2]]) * np.prod([(1 + b1 * f) / 2 for f in flips[2:]])
        expected += weight * children[0] * np.sign(weights @ children - pull * parents[0])
    options = {"intra": intra, "inter": inter, "push": push, "pull": pull, "n_samples": 400_000}
    ours = sampled_one_step_accuracy(b1, b2, 2, 2, **options, seed=0)
    assert float(ours.accuracy) == pytest.approx(expected, abs=4 * float(ours.standard_error))


def test_one_step_from_the_child_is_predicted_by_the_normal_law():
    """b1 = 0.35, b2 = 0.2: earlier runs with 20000 units found 0.6527 +- 0.007, and 0.9152 with the pull."""
    branching, n_units = (1, 4, 25), 6000
    for pull in (0.0, cancelling_pull(0.35, 25)):
        accuracy, error = simulated(0.35, 0.2, branching, pull=pull, n_units=n_units)
        crosstalk = crosstalk_variance(n_units, branching, 0.35, 0.2)
        law = one_step_accuracy(0.35, 25, pull=pull, b2=0.2, n_parents=4, crosstalk=crosstalk)
        # the normal law for a binomial sum of 24: third moments of order 1 / sqrt(24) x 0.05
        assert accuracy == pytest.approx(law, abs=4 * error + 0.01)


def test_equal_seeds_give_equal_samples():
    options = {"intra": 0.1, "inter": 0.1, "n_samples": 70_000}
    first, again, other = (sampled_one_step_accuracy(0.3, 0.2, 25, 4, seed=k, **options).accuracy for k in (0, 0, 1))
    assert float(first) == float(again) != float(other)


# bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: NormalMixture([0.5, 0.6], [0.0, 1.0], 1.0), ValueError, "weights must be >= 0 and of sum 1"),
        (lambda: NormalMixture([1.0], [0.0, 1.0], 1.0), ValueError, "weights and means must have one shape"),
        (lambda: NormalMixture([1.0], [0.0], -1.0), ValueError, "std must be >= 0, got -1.0"),
        (lambda: interference_distribution(1.2, 25), ValueError, r"b1 must be in \[-1, 1\], got 1.2"),
        (lambda: interference_distribution(0.2, 0), ValueError, "n_children must be an integer >= 1, got 0"),
        (lambda: interference_distribution(0.2, 5, pull=np.inf), ValueError, "pull must be finite, got inf"),
        (lambda: inter_class_distribution(0.2, 2.0, 5, 4), ValueError, r"b2 must be in \[-1, 1\], got 2.0"),
        (lambda: inter_class_distribution(0.2, 0.2, 5, 0), ValueError, "n_parents must be an integer >= 1, got 0"),
        (
            lambda: inter_class_distribution(0.2, 0.2, 5, 4, variance="paper"),
            ValueError,
            "variance must be one of exact, official, got 'paper'",
        ),
        (
            lambda: total_interference_distribution(0.2, 0.2, 5, 4, crosstalk=-0.1),
            ValueError,
            "crosstalk must be >= 0, got -0.1",
        ),
        (lambda: optimal_pull("0.2", 5), TypeError, "b1 must be a number, got '0.2'"),
        (lambda: optimal_pull(1.0, 5), ValueError, r"b1 must be in \(-1, 1\), got 1.0"),
        (lambda: child_stability_threshold(2.5), TypeError, "n_children must be an integer >= 1, got 2.5"),
        (lambda: crosstalk_variance(10, (1, 2), 0.1, 0.1), ValueError, "branching must have three numbers, got 2"),
        (
            lambda: sampled_one_step_accuracy(0.2, 0.2, 1, 4, intra=0.1, seed=0),
            ValueError,
            r"intra must be in \[0, 1\], and 0 where there is nothing to copy from, got 0.1",
        ),
        (
            lambda: sampled_one_step_accuracy(0.2, 0.2, 5, 4, inter=1.5, seed=0),
            ValueError,
            r"inter must be in \[0, 1\], and 0 .* got 1.5",
        ),
        (
            lambda: sampled_one_step_accuracy(0.2, 0.2, 5, 4, n_samples=1, seed=0),
            ValueError,
            "n_samples must be an integer >= 2, got 1",
        ),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
