"""The learning experiments of nonparametric Hopfield models: their parts, and that they run, draw and claim."""

import sys

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from assocmem.images import MissingExtra
from assocmem.networks import Context
from assocmem.papers import intervals, training
from assocmem.papers.base import Run
from assocmem.papers.nonparametric import (
    bag_sizes,
    bit_patterns,
    convergence,
    digit_bags,
    models,
    real_bags,
    series,
    series_data,
)
from assocmem.papers.record import save_dataset

SMALL = {
    (digit_bags, "SIZES"): digit_bags.Sizes(16, 12, 8, 2, 8, 1e-3),
    (bag_sizes, "BAG_SIZES"): (3, 5),
    (bag_sizes, "N_REPEATS"): 2,
    (convergence, "BAG_SIZE"): 5,
    (bit_patterns, "BAG_SIZES"): (3, 5),
    (bit_patterns, "N_BAGS"): 20,
    (bit_patterns, "N_EPOCHS"): 2,
    (bit_patterns, "N_REPEATS"): 2,
    (real_bags, "SEARCHES"): real_bags.Search((models.DENSE, models.SPARSE), 3, 2, 2, 8),
    (series, "SIZES"): series.Sizes((12,), (12, 16), 2, (16, 8, 16), 1, 8, n_timed=2),
}
EXPERIMENTS = {module.EXPERIMENT.name: module for module in (bag_sizes, convergence, bit_patterns, real_bags, series)}


@pytest.fixture
def small(monkeypatch):
    """The quick scale, made smaller still."""
    for (module, name), value in SMALL.items():
        monkeypatch.setitem(getattr(module, name), "quick", value)


# the associations


def rows(seed=0, n=7, d=4):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, d)), rng.standard_normal((n, 3))


def evoked(name, cues, keys, values, **setting):
    setting = models.Setting(**{"beta": 0.7, "head_size": 4, "length": len(keys)} | setting)
    context = Context(rng=np.random.default_rng(5))
    return models.association(name, setting).forward(cues, keys, values, None, context)[0]


def softmax_over(scores, chosen):
    """Naive weights over the chosen places."""
    weights = [np.exp(score) if place in chosen else 0.0 for place, score in enumerate(scores)]
    return np.array(weights) / sum(weights)


def simplex_projection(scores):
    """Nearest point of the simplex, by bisection of its threshold."""
    low, high = scores.min() - 1.0, scores.max()
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.maximum(scores - middle, 0.0).sum() > 1.0 else (low, middle)
    return np.maximum(scores - low, 0.0)


def naive_weights(name, scores, place):
    n = len(scores)
    if name == models.SPARSE:
        return simplex_projection(scores)
    if name == models.WINDOW:
        return softmax_over(scores, [j for j in range(n) if abs(j - place) <= int(np.sqrt(n))])
    share = models.TOP.get(name, 1.0)
    return softmax_over(scores, np.argsort(-scores)[: max(1, int(share * n + 1e-9))])


@pytest.mark.parametrize("name", [models.DENSE, models.SPARSE, *models.TOP, models.WINDOW])
def test_associations_are_what_loops_say(name):
    cues, keys, values = rows()
    expected = [naive_weights(name, 0.7 * keys @ cue, i) @ values for i, cue in enumerate(cues)]
    np.testing.assert_allclose(evoked(name, cues, keys, values), expected, atol=1e-12)  # rounding


def test_linear_association_is_what_loops_say_and_has_no_beta():
    cues, keys, values = rows()

    def phi(v):
        return np.where(v > 0, v + 1.0, np.exp(np.minimum(v, 0.0)))

    kernel = np.array([[phi(cue) @ phi(key) for key in keys] for cue in cues])
    expected = kernel / kernel.sum(axis=1, keepdims=True) @ values
    np.testing.assert_allclose(evoked(models.LINEAR, cues, keys, values), expected, atol=1e-12)  # rounding
    np.testing.assert_array_equal(
        evoked(models.LINEAR, cues, keys, values, beta=3.0), evoked(models.LINEAR, cues, keys, values)
    )


@pytest.mark.parametrize("name, share", models.MASKED.items())
def test_random_masks_leave_out_their_share(name, share):
    cues, keys, _ = rows(n=10)
    weights = evoked(name, cues, keys, np.eye(10))
    assert np.all(np.count_nonzero(weights, axis=1) == 10 - round(10 * share))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)  # rounding


def test_many_random_features_come_to_the_dense_association():
    cues, keys, values = rows()
    setting = models.Setting(beta=0.1, head_size=4)
    assert setting.n_features == int(4 * np.log(4))
    few = [evoked(models.RANDOM_FEATURE, cues, keys, np.eye(7), beta=0.1, seed=s) for s in range(400)]
    # weights are ratios of unbiased sums: what is left is of the order of the variance of one of 5 features
    dense = evoked(models.DENSE, cues, keys, np.eye(7), beta=0.1)
    assert np.abs(np.mean(few, axis=0) - dense).max() < 0.1 * np.abs(few - dense).max()
    np.testing.assert_allclose(np.sum(few, axis=-1), 1.0, atol=1e-12)  # rounding


def test_unknown_associations_are_refused():
    with pytest.raises(ValueError, match="name must be one of dense, sparse.* got 'densest'"):
        models.association("densest", models.Setting(1.0, 4))


# intervals


def test_intervals_are_those_of_student():
    values = xr.DataArray(np.random.default_rng(0).standard_normal(6), dims="repeat")
    low, high = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    assert float(intervals.half_width(values)) == pytest.approx(0.5 * (high - low), rel=1e-12)  # rounding
    assert intervals.above("", values).ours == pytest.approx(low, rel=1e-9)  # rounding of a difference
    assert intervals.below("", values, 0.0).ours == pytest.approx(high, rel=1e-9)  # rounding of a difference


def test_one_value_has_no_interval_and_no_verdict_in_favour():
    value = xr.DataArray([1.0], dims="repeat")
    assert np.isnan(intervals.half_width(value))
    assert intervals.above("", value).verdict == intervals.below("", value, 2.0).verdict == "not reproduced"


# kept records


def test_records_are_kept_for_the_same_question_only(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"a": np.arange(3.0)}

    run = Run(cache=tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(training.kept(compute, run, "x", np.ones(2))["a"], [0, 1, 2])
    assert len(calls) == 1
    training.kept(compute, run, "y", np.ones(2))
    training.kept(compute, run, "x", np.zeros(2))
    training.kept(compute, Run(), "x", np.ones(2))
    assert len(calls) == 4


# bags of digits


def test_accuracy_has_its_threshold_at_zero():
    assert digit_bags.accuracy(np.array([[0.2], [-0.2], [0.4], [0.4]]), np.array([1.0, 0.0, 0.0, 1.0])) == 0.75


@pytest.mark.parametrize("name", [n for n in models.WITH_RANDOM_MASKS if n not in models.MASKED])
def test_the_order_in_a_bag_does_not_matter(name):
    network = digit_bags.bag_network(6, name, 8, seed=0)
    rng = np.random.default_rng(1)
    parameters, bags = network.initial(rng), rng.standard_normal((3, 5, 6))
    outputs, shuffled = (network.forward(parameters, x, Context())[0] for x in (bags, bags[:, [3, 1, 0, 4, 2]]))
    np.testing.assert_allclose(outputs, shuffled, atol=1e-12)  # order of sums


def test_epochs_are_counted_until_the_accuracy_is_reached():
    accuracy = xr.DataArray([[0.5, 0.9, 0.8], [0.9, 0.9, 0.9], [0.1, 0.2, 0.3]], dims=("repeat", "epoch"))
    assert convergence.epochs_until(accuracy, 0.9).values.tolist() == [2, 1, 4]


def made_up_accuracies(slopes):
    """Accuracies 0.9 in the smallest bags, falling by a model's slope, with a little noise of the repeats."""
    names, noise = models.WITH_RANDOM_MASKS, 1e-4 * np.arange(4)
    values = [[0.9 - noise, 0.9 - slopes.get(name, 0.0) + noise] for name in names]
    accuracy = xr.DataArray(values, {"model": list(names), "bag_size": [5, 50]}, ("model", "bag_size", "repeat"))
    return xr.Dataset({"accuracy": accuracy, "best_accuracy": accuracy + 0.01 + noise})


def test_claims_on_bag_sizes_follow_the_accuracies():
    falling = {models.DENSE: 0.2, models.LINEAR: 0.2, **dict.fromkeys(models.MASKED, 0.3)}
    verdicts = {c.statement: c.verdict for c in bag_sizes.claims(made_up_accuracies(falling))}
    assert set(verdicts.values()) == {"reproduced"}
    opposite = {models.SPARSE: 0.2, **dict.fromkeys(models.TOP, 0.2)}
    verdicts = [c.verdict for c in bag_sizes.claims(made_up_accuracies(opposite)) if c.source == "paper"]
    assert set(verdicts) == {"not reproduced"}


# benchmarks of bags


def test_bags_of_rows_are_disjoint_and_positive_with_a_malignant_row():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    ((bags, is_positive),) = real_bags.load(Run()).values()
    members = bags.members
    assert np.unique(members).size == members.size
    np.testing.assert_array_equal((data.target[members] == 0).any(axis=1), is_positive)
    assert abs(is_positive.mean() - 0.5) < 0.01


def test_published_areas_are_one_for_each_model():
    assert {len(areas) for areas in real_bags.PUBLISHED.values()} == {len(models.WITHOUT_WINDOW)}
    low, high = real_bags.FOX_LIMITS
    assert all(low <= area <= high for area in real_bags.PUBLISHED["Fox"])


# series


def test_windows_continue_where_inputs_end_and_parts_share_no_value():
    values = np.arange(200.0)
    parts = series_data.cut(values, 5, (50, 5, 10))
    scale = values[:140].std()
    positions = [np.hstack([p.inputs, p.targets]) * scale + values[:140].mean() for p in parts]
    for part in positions:
        np.testing.assert_allclose(np.diff(part, axis=1), 1.0, atol=1e-9)  # rounding
    assert positions[0].max() < 139.5 < positions[1].min() < positions[1].max() < 159.5 < positions[2].min()


def test_short_series_are_refused():
    with pytest.raises(ValueError, match="must have 40 values in each part for a length of 20"):
        series_data.cut(np.arange(100.0), 20, (5, 5, 5))


def test_baselines_are_what_their_names_say():
    parts = series_data.cut(np.random.default_rng(0).standard_normal(400), 4, (80, 20, 20))
    found = dict(series_data.baselines(parts))
    test = parts[2]
    assert set(found) == set(series.BASELINE_LINES)
    for row in range(20):
        np.testing.assert_array_equal(found["persistence"][row], np.full(4, test.inputs[row, 3]))
        np.testing.assert_allclose(found["mean of the input"][row], sum(test.inputs[row]) / 4, rtol=1e-12)  # rounding


def test_ridge_is_that_of_scikit_learn_and_follows_waves():
    from sklearn.linear_model import Ridge

    learned, validation, test = series_data.cut(np.random.default_rng(1).standard_normal(600), 6, (200, 40, 40))
    candidates = [Ridge(penalty).fit(learned.inputs, learned.targets) for penalty in series_data.PENALTIES]
    best = min(candidates, key=lambda c: np.square(c.predict(validation.inputs) - validation.targets).mean())
    ours = series_data.ridge(learned, validation, test.inputs)
    np.testing.assert_allclose(ours, best.predict(test.inputs), atol=1e-9)  # conditioning of the normal equations
    learned, validation, test = series_data.cut(np.sin(0.3 * np.arange(800.0)), 8, (300, 50, 50))
    # the least penalty, 0.1 beside 300 windows, leaves a small bias
    assert np.abs(series_data.ridge(learned, validation, test.inputs) - test.targets).max() < 0.01


def test_the_synthetic_series_has_its_parts():
    name, values = series_data.series(Run())
    assert name == "synthetic"
    n = len(values)
    for period, amplitude in ((24, 0.4), (168, 0.3)):
        wave = 2 / n * np.abs(np.exp(-2j * np.pi * np.arange(n) / period) @ values)
        # the process adds noise of standard deviation below 0.1 there: its spectrum falls with the square of the period
        assert wave == pytest.approx(amplitude, abs=0.12)
    calm = values - 0.4 * np.sin(2 * np.pi * np.arange(n) / 24) - 0.3 * np.sin(2 * np.pi * np.arange(n) / 168)
    steps = calm[1:] - 0.998 * calm[:-1]
    assert steps.std() == pytest.approx(np.sqrt(1 - 0.998**2), rel=4 / np.sqrt(2 * n))  # four standard errors


def test_a_file_without_the_column_is_refused(tmp_path):
    (tmp_path / "ETTh1.csv").write_text("date,HUFL\n2016-07-01,5.8\n")
    with pytest.raises(ValueError, match="must have a column OT of numbers"):
        series_data.series(Run(data=tmp_path))


def test_the_file_of_the_user_is_read(tmp_path):
    (tmp_path / "ETTh1.csv").write_text("date,HUFL,OT\n2016-07-01,5.8,30.5\n2016-07-02,5.7,27.25\n")
    name, values = series_data.series(Run(data=tmp_path))
    assert (name, values.tolist()) == ("ETTh1", [30.5, 27.25])


@pytest.mark.parametrize(
    "name, is_blind", [(models.DENSE, True), (models.WINDOW, False), (models.DENSE + series.PLACES, False)]
)
def test_only_windows_and_places_see_the_order_of_values(name, is_blind):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 20, 9))
    sizes = series.Sizes((9,), (9,), 2, (20, 1, 1), 2, 8)
    forecaster = series.forecaster(name, 9, sizes, 0, 2).fit(x, y)
    change = np.abs(forecaster.predict(x[:, rng.permutation(9)]) - forecaster.predict(x)).max()
    assert (change < 1e-4) == is_blind  # single precision


# whole experiments


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_run_draw_and_claim(name, small, tmp_path):
    experiment = EXPERIMENTS[name].EXPERIMENT
    dataset = experiment.run(Run(cache=tmp_path))
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize("name", ["bag_sizes", "bit_patterns", "real_bags"])
def test_results_do_not_depend_on_threads(name, small):
    experiment = EXPERIMENTS[name].EXPERIMENT
    xr.testing.assert_equal(experiment.run(Run(threads=1)), experiment.run(Run(threads=2)))


def test_models_see_the_same_bags_whichever_are_compared(small):
    both, one = (digit_bags.courses(Run(), names, (4,), 1) for names in (models.WITH_RANDOM_MASKS, [models.SPARSE]))
    xr.testing.assert_equal(both.sel(model=[models.SPARSE]), one)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_are_skipped_without_scikit_learn(name, small, monkeypatch):
    for module in [m for m in sys.modules if m.startswith(("sklearn", "assocmem.estimators"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra):
        EXPERIMENTS[name].EXPERIMENT.run(Run())
