"""The experiments on random patterns at toy size: trials against dense loops, Datasets, figures and claims."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from assocmem.hierarchy import noisy_cue
from assocmem.papers import push_pull
from assocmem.papers.base import Run
from assocmem.papers.push_pull import (
    comparisons,
    controls,
    correlations,
    cue_noise,
    demo,
    discrete,
    discrete_recall,
    interference,
    network,
    timing,
)
from assocmem.papers.push_pull.network import (
    BOTH,
    BOTH_UNIFORM,
    CENTRED,
    CONDITIONS,
    NONE,
    PULL,
    PUSH,
    Condition,
    Setting,
)
from assocmem.papers.record import save_dataset
from assocmem.simulate import simulate
from tests import naive_push_pull as naive

DT = 0.05
TINY = Setting(
    n_units=80, branching=(2, 3, 5), correlations=(0.3, 0.4), target=6, push=(1.0, 2.0), pull=(2.0, 3.5), end=5.0
)
SMALL = {"n_units": 60, "branching": (2, 4, 15)}
EXPERIMENTS = [
    interference.EXPERIMENT,
    discrete.EXPERIMENT,
    discrete_recall.STABILITY,
    discrete_recall.SCHEDULE,
    demo.EXPERIMENT,
    cue_noise.INTRA,
    cue_noise.INTER,
    correlations.CHILD,
    correlations.PARENT,
    timing.EXPERIMENT,
    controls.EXPERIMENT,
]


@pytest.fixture(scope="module")
def trial():
    hierarchy = TINY.network(3)
    return hierarchy, TINY.cue(hierarchy, 3)


def dense_course(hierarchy, cue, condition, times):
    """Overlap and mean rate (time, layer) of a trial with dense matrices."""
    layers = [naive.binary(level) for level in hierarchy.patterns]
    dense = naive.network_from_patterns(layers, (1.0, 2.0), (2.0,), inhibition=condition.inhibition)
    protocol = naive.demo_protocol(
        0.4, push=TINY.push, pull=condition.pull_window(TINY), onset=0, end=5, cue_above=TINY.parent_cue, noise=0.0
    )
    protocol = replace(protocol, dt=DT, push_gain=(float(condition.has_push),))
    targets = [naive.binary(hierarchy.patterns[0][TINY.target]), naive.binary(hierarchy.patterns[1][1])]
    return naive.plain_euler_run(dense, cue, protocol, targets, times)


@pytest.mark.parametrize(
    "condition",
    [CONDITIONS[BOTH], CONDITIONS[BOTH_UNIFORM], CONDITIONS[PULL], Condition(True, "unit", delay=-2.0)],
    ids=["push-pull", "uniform", "pull", "early"],
)
def test_a_trial_is_that_of_dense_matrices(trial, condition):
    hierarchy, cue = trial
    times = [1.0, 1.5, 2.5, 3.5, 5.0]
    result = network.recall(TINY, hierarchy, cue[None], {"it": condition}, dt=DT, interval=0.5).isel(cue=0, condition=0)
    overlap, activity = dense_course(hierarchy, cue, condition, times)
    result = result.sel(time=times, method="nearest")
    np.testing.assert_array_equal(result.overlap, overlap[:, 0])
    np.testing.assert_array_equal(result.parent, overlap[:, 1])
    # a hundred steps of sums in another order
    np.testing.assert_allclose(result.activity, activity[:, 0], rtol=0, atol=1e-11)


def test_conditions_together_are_as_each_alone_and_in_one_piece(trial):
    hierarchy, cue = trial
    cues = np.stack([cue, 1.0 - cue])
    together = network.recall(TINY, hierarchy, cues, CONDITIONS, dt=DT).isel(time=-1)
    for name, condition in CONDITIONS.items():
        alone = network.recall(TINY, hierarchy, cues[1:], {name: condition}, dt=DT).isel(time=-1)
        xr.testing.assert_equal(alone.isel(cue=0, condition=0), together.isel(cue=1).sel(condition=name))
    model = TINY.model(hierarchy, "unit")
    schedule = model.schedule(
        [(0, 0.0, np.inf, cue), (1, 0.0, np.inf, TINY.parent_cue * cue)],
        push=[(0, *TINY.push, 1.0)],
        pull=[(0, *TINY.pull, 1.0)],
    )
    run = simulate(model, np.zeros(160), duration=5.0, dt=DT, method="euler", every=None, stimulus=schedule)
    activity = model.rate(model.layer(run.final_state.to_numpy(), 0)).mean()
    assert float(together.activity.sel(condition=BOTH)[0]) == activity


def test_siblings_and_others_are_means_over_children(trial):
    hierarchy, cue = trial
    result = network.recall(TINY, hierarchy, cue[None], {NONE: CONDITIONS[NONE]}, dt=DT).squeeze()
    model = TINY.model(hierarchy, "unit")
    drive = model.schedule([(0, 0.0, np.inf, cue), (1, 0.0, np.inf, TINY.parent_cue * cue)])
    run = simulate(model, np.zeros(160), duration=5.0, dt=DT, method="euler", every=None, stimulus=drive)
    signs = np.sign(run.final_state.to_numpy()[0, :80])
    overlaps = hierarchy.patterns[0] @ signs / 80
    assert float(result.siblings) == pytest.approx(overlaps[[5, 7, 8, 9]].mean(), abs=1e-14)
    assert float(result.others) == pytest.approx(np.delete(overlaps, range(5, 10)).mean(), abs=1e-14)


def test_records_of_legs_join_without_gap_or_repetition(trial):
    hierarchy, cue = trial
    result = network.recall(TINY, hierarchy, cue[None], CONDITIONS, dt=DT, interval=0.5)
    np.testing.assert_allclose(result.time, np.arange(11) * 0.5, rtol=0, atol=1e-12)  # round-off of k dt
    before = result.overlap.sel(time=slice(0.0, 1.01))
    assert (before.sel(condition=BOTH) == before.sel(condition=NONE)).all()


def test_a_pull_without_correlation_is_no_pull(trial):
    hierarchy, cue = trial
    setting = replace(TINY, correlations=(0.3, 0.0))
    result = network.recall(setting, hierarchy, cue[None], CONDITIONS, dt=DT)
    xr.testing.assert_equal(result.sel(condition=BOTH, drop=True), result.sel(condition=PUSH, drop=True))


def test_a_pull_cannot_begin_before_the_cue():
    assert Condition(inhibition="unit", delay=-5.0).pull_window(TINY) == (0.0, -1.5)
    assert Condition(inhibition="unit", delay=-3.0).pull_window(TINY) == (0.0, 0.5)


def test_the_noise_has_the_variance_of_what_is_published():
    per_step = (0.1**2 / 12.0) * (0.01 / network.TAU) ** 2  # uniform of width 0.1, in the slope
    assert network.NOISE**2 * 0.01 == pytest.approx(per_step, rel=1e-12)


def test_noise_is_the_same_until_the_feedback_differs(trial):
    hierarchy, cue = trial
    options = {"dt": DT, "interval": 0.5, "noise_seed": 7}
    result = network.recall(TINY, hierarchy, cue[None], CONDITIONS, **options)
    quiet = network.recall(TINY, hierarchy, cue[None], CONDITIONS, dt=DT, interval=0.5)
    push, none = (result.activity.sel(condition=name) for name in (PUSH, NONE))
    assert (push == none).sel(time=slice(0.0, 1.01)).all()
    change = np.abs(result.activity - quiet.activity).isel(time=slice(1, None))
    assert 0 < float(change.max()) < 1e-2  # means over 80 units of noise of the size of 1e-3, times a slope of 8


def test_less_noise_of_the_cue_is_at_a_part_of_the_units_of_more():
    hierarchy = TINY.network(0)
    little, much = (replace(TINY, intra=value, inter=0.0).cue(hierarchy, 5) for value in (0.2, 0.6))
    target = (hierarchy.patterns[0][TINY.target] + 1) / 2
    assert np.all((little == target) | (much == little))


def test_the_gain_is_relative_to_no_feedback():
    overlap = xr.DataArray([[0.5, 0.2], [0.6, 0.1]], dims=("condition", "repeat"), coords={"condition": [NONE, BOTH]})
    gain = network.improvement(overlap)
    np.testing.assert_allclose(gain.sel(condition=BOTH), [0.2, -0.5], rtol=1e-12)
    np.testing.assert_array_equal(gain.sel(condition=NONE), 0.0)


def test_interference_is_that_of_plain_sums(monkeypatch):
    monkeypatch.setitem(interference.N_UNITS, "quick", 500)
    run = Run(seed=1)
    result = interference._network(run, 0)
    tree = interference.hierarchical_patterns(
        500, (1, 10, 100), (0.15, 0.25), parents="generative", seed=run.seed_for("push_pull/interference/0")
    )
    within, pulled, between = naive.interference(*tree.patterns[:2], 100, 0.25, 0.15, 0.25)
    assert float(result.below.sel(kind=interference.WITHIN)) == np.mean(within < -1)
    assert float(result.below.sel(kind=interference.PULLED)) == np.mean(pulled < -1)
    assert float(result.between_std) == pytest.approx(between.std(), rel=1e-12)
    is_like_root = tree.patterns[0][0] == tree.patterns[2][0]
    parts = [between[is_like_root], between[~is_like_root]]
    pooled = sum(((part - part.mean()) ** 2).sum() for part in parts) / 500
    assert float(result.between_variance) == pytest.approx(pooled, rel=1e-12)


def test_one_step_is_that_of_dense_matrices():
    tree = discrete.Tree(n_parents=3, n_children=5, b1=0.4, b2=0.3, intra=0.1, inter=0.1)
    hierarchy = tree.network(100, seed=2)  # an even number of units and an odd one of patterns: no field is 0
    pushes, pulls = (0.0, 0.0, 1.0), (0.0, 0.5, 0.0)
    result = discrete.one_step(hierarchy, tree, pushes, pulls)
    recurrent = [naive.hebb_matrix(level) for level in hierarchy.patterns]
    forward = [naive.hebb_forward(hierarchy.patterns[1], hierarchy.patterns[0])]
    overlaps, margins = np.zeros((3, 4)), np.zeros((3, 4))
    for column, target in enumerate(tree.targets()):
        cue = noisy_cue(hierarchy, target, intra=0.1, inter=0.1, seed=target)[0]
        parent = target // 5
        for row in range(3):
            states = [cue, hierarchy.patterns[1][parent]]
            new, _ = naive.synchronous_step(states, recurrent, forward, [pushes[row]], [pulls[row]], tie="keep")
            each = [np.mean(new * child) for child in hierarchy.patterns[0]]
            family = [k for k in range(15) if k // 5 == parent and k != target]
            others = [k for k in range(15) if k // 5 != parent]
            overlaps[row, column] = each[target]
            margins[row, column] = np.mean([each[k] for k in family]) - np.mean([each[k] for k in others])
    np.testing.assert_allclose(result.overlap, overlaps.mean(axis=1), rtol=0, atol=1e-14)
    np.testing.assert_allclose(result.margin, margins.mean(axis=1), rtol=0, atol=1e-14)


def test_discrete_recall_is_that_of_dense_matrices(monkeypatch):
    monkeypatch.setattr(discrete_recall, "N_UNITS", 100)  # and odd numbers of patterns: no field is 0
    monkeypatch.setattr(discrete_recall, "BRANCHING", (1, 3, 5))
    monkeypatch.setattr(discrete_recall, "TARGETS", (1, 7))
    hierarchy = discrete_recall.network(0.4, 5)
    feedback = {"none": discrete_recall.Feedback(), "both": discrete_recall.Feedback((1.0, 0.0), (0.0, 0.5))}
    result = discrete_recall.recall(hierarchy, feedback, noise=0.2, steps=4)
    recurrent = [naive.hebb_matrix(level) for level in hierarchy.patterns]
    forward = [naive.hebb_forward(hierarchy.patterns[1], hierarchy.patterns[0])]
    for name, push, pull in (("none", [[0]] * 4, [[0]] * 4), ("both", [[1], [0], [0], [0]], [[0], [0.5], [0], [0]])):
        histories = []
        for target in (1, 7):
            cue = noisy_cue(hierarchy, target, intra=0.2, inter=0.2, seed=target)[0]
            states = naive.states_before_feedback(cue, recurrent, forward, tie="keep")
            history = naive.discrete_run(states, recurrent, forward, push, pull, tie="keep")
            parent = hierarchy.patterns[1][target // 5]
            histories.append(
                [
                    [np.mean(x * hierarchy.patterns[0][target]), np.mean(x * parent), np.mean(y * parent)]
                    for x, y in history
                ]
            )
        expected = np.mean(histories, axis=0)
        got = result.sel(condition=name)[["overlap", "parent_like", "parent"]].to_array().to_numpy().T
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


def repeats(*values):
    return xr.DataArray(np.array(values, dtype=float), dims="repeat")


def test_beyond_chance_asks_for_two_standard_errors():
    claim = comparisons.beyond_chance("it grows", "paper", repeats(0.9, 1.1))
    assert (claim.theirs, claim.ours) == (pytest.approx(0.2), pytest.approx(1.0))  # standard deviation 0.141
    assert claim.verdict == "reproduced"
    assert comparisons.beyond_chance("it grows", "paper", repeats(-1.0, 1.5)).verdict == "not reproduced"


def test_a_control_may_be_worse_by_two_standard_errors_of_the_difference():
    theirs = repeats(0.0, 10.0, 20.0)
    assert comparisons.as_good_as("c", theirs - repeats(0.1, 0.0, 0.05), theirs).verdict == "reproduced"
    assert comparisons.as_good_as("c", theirs - repeats(0.1, 0.11, 0.1), theirs).verdict == "not reproduced"


def test_tolerances_against_the_earlier_run_hold_together():
    values = np.random.default_rng(0).standard_normal(20)
    (one,) = comparisons.like_earlier_run([("a", 0.0, 5, repeats(*values))])
    # t of 19 degrees of freedom at 97.5 %
    assert one.tolerance == pytest.approx(2.093024 * values.std(ddof=1) * np.sqrt(1 / 20 + 1 / 5), rel=1e-6)
    many = comparisons.like_earlier_run([("a", 0.0, 5, repeats(*values))] * 10)
    assert many[0].tolerance > one.tolerance


def test_deviations_from_theory_are_counted_in_standard_errors():
    values = xr.DataArray([[1.0, 3.0], [5.0, 5.0]], dims=("place", "repeat"))
    theory, error = xr.DataArray([2.0, 4.0], dims="place"), xr.zeros_like(values[:, 0])
    claim = comparisons.agrees_with_theory("t", values, theory + xr.DataArray([0.5, 0.0], dims="place"), error)
    assert claim.ours == pytest.approx(0.5)  # the second does not vary and is left out


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(demo.SETTINGS, "quick", replace(demo.PAPER_SETTING, **SMALL))
    for module in (cue_noise, timing, controls):
        monkeypatch.setattr(module, "SETTING", replace(module.SETTING, **SMALL))
        monkeypatch.setitem(module.N_TRIALS, "quick", 2)
    monkeypatch.setitem(cue_noise.LEVELS, "quick", (0.0, 0.4))
    monkeypatch.setitem(timing.DELAYS, "quick", (-5, 5, 7, 14))
    monkeypatch.setitem(controls.STRENGTHS, "quick", (0.0, 1.5))
    for name in ("CHILD", "PARENT"):
        setting = getattr(correlations, f"{name}_SETTING")
        monkeypatch.setattr(correlations, f"{name}_SETTING", replace(setting, **SMALL))
        monkeypatch.setitem(getattr(correlations, f"N_{name}_TRIALS"), "quick", 2)
    monkeypatch.setitem(correlations.CHILD_VALUES, "quick", (0.0, 0.12, 0.42, 0.6))
    monkeypatch.setitem(correlations.PARENT_VALUES, "quick", (0.03, 0.6))
    monkeypatch.setitem(interference.N_UNITS, "quick", 200)
    monkeypatch.setitem(interference.N_REPEATS, "quick", 2)
    monkeypatch.setitem(discrete.N_UNITS, "quick", 300)
    monkeypatch.setitem(discrete.N_NETWORKS, "quick", 2)
    monkeypatch.setitem(discrete.N_SAMPLES, "quick", 1000)
    monkeypatch.setattr(discrete_recall, "N_UNITS", 100)
    monkeypatch.setitem(discrete_recall.N_NETWORKS, "quick", 2)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_experiments_run_draw_and_claim_the_same_with_any_number_of_threads(experiment, toy, tmp_path):
    dataset = experiment.run(Run(seed=2, threads=2))
    xr.testing.assert_identical(dataset, experiment.run(Run(seed=2, threads=1)))
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


def test_all_experiments_are_listed_under_their_own_names():
    names = [experiment.name for experiment in push_pull.PAPER.experiments]
    assert len(set(names)) == len(names)
    assert {experiment.name for experiment in EXPERIMENTS} <= set(names)


def test_the_demonstration_gains_by_centring_as_by_feedback():
    """The control of most consequence, on one network of moderate size."""
    setting = replace(demo.PAPER_SETTING, n_units=600, branching=(2, 4, 15))
    hierarchy = setting.network(1)
    chosen = {name: CONDITIONS[name] for name in (NONE, BOTH, CENTRED)}
    final = network.recall(setting, hierarchy, setting.cue(hierarchy, 1)[None], chosen, dt=DT).overlap.isel(
        cue=0, time=-1
    )
    gain = final - final.sel(condition=NONE)
    # one network: gains of 0.1 to 0.2 with a spread of 0.03 each
    assert float(gain.sel(condition=BOTH)) > 0.03
    assert float(gain.sel(condition=CENTRED)) > 0.03
