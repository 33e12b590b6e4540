"""Three layers and the recall of images, against dense loops and counts by hand, at toy size."""

import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat

from assocmem.hierarchy import hierarchical_patterns, noisy_cue
from assocmem.image_hierarchy import permuted_digits
from assocmem.papers.base import Run
from assocmem.papers.push_pull import image_recall, images, neurips_images, three_layer
from assocmem.papers.push_pull.image_recall import BOTH, BOTH_UNIFORM, CENTRED, NONE, PULL, PUSH
from assocmem.papers.record import save_dataset
from tests import naive_push_pull as naive

PROTOCOL = image_recall.Protocol(
    onset=1.0,
    push=(2.0, 4.0),
    pull=(4.0, 6.0),
    end=7.0,
    cue=3.0,
    forward=3.0,
    parent_cue=0.1,
    parent_cue_end=3.0,
    push_strength=2.0,
    pull_strength=1.6,
)
DT = 0.05


@pytest.fixture(scope="module")
def digits():
    instances, hierarchy = permuted_digits(60, n_categories=2, digits=(3, 5, 8), n_instances=3, seed=4)
    return instances.to_numpy(), instances.child.to_numpy(), hierarchy


@pytest.fixture(scope="module")
def measured(digits):
    pixels, child_of, hierarchy = digits
    return image_recall.recall(hierarchy, pixels, child_of, PROTOCOL, Run(), dt=DT)


def dense_states(hierarchy, image, protocol, *, has_push, inhibition, is_centred):
    """Rates of both layers at the end, by dense matrices and plain Euler steps."""
    layers = [naive.binary(level) for level in hierarchy.patterns]
    network = naive.network_from_patterns(
        layers, (1.0, 2.0), (0.0,), is_scaled=True, inhibition="uniform" if inhibition == "uniform" else "unit"
    )
    cue = image - image.mean() if is_centred else image
    potential = [np.zeros(len(image)) for _ in layers]
    for step in range(round(protocol.onset / DT), round(protocol.end / DT)):
        above = protocol.forward * network.feedforward[0] @ image
        above = above + protocol.parent_cue * image * (step < round(protocol.parent_cue_end / DT))
        pushed, pulled = (
            naive.n_open([window], step, DT, is_inclusive=False) for window in (protocol.push, protocol.pull)
        )
        push = [protocol.push_strength * pushed * has_push]
        pull = [protocol.pull_strength * pulled * (inhibition != "none")]
        slopes = naive.velocity(network, potential, [protocol.cue * cue, above], push, pull)
        potential = [h + DT * slope for h, slope in zip(potential, slopes, strict=True)]
    return [naive.transfer(h) for h in potential]


@pytest.mark.parametrize("name", [NONE, PUSH, PULL, BOTH, BOTH_UNIFORM, CENTRED])
def test_images_are_recalled_as_by_dense_matrices(digits, measured, name):
    pixels, child_of, hierarchy = digits
    condition, number = image_recall.CONDITIONS[name], 7
    lower, upper = dense_states(hierarchy, pixels[number].astype(float), PROTOCOL, **vars(condition))
    final = measured.sel(condition=name).isel(image=number, time=-1)
    own = naive.binary(hierarchy.patterns[0][child_of[number]])
    parent = naive.binary(hierarchy.patterns[1][hierarchy.parents[0][child_of[number]]])
    # the dynamics contract, so that rounding stays near its size
    np.testing.assert_allclose(final.activity, lower.mean(), rtol=1e-9)
    np.testing.assert_allclose(final.retrieval, naive.noverlap(lower, own), rtol=1e-9)
    np.testing.assert_allclose(final.parent, naive.overlap(upper, parent), rtol=1e-9)
    everything = [naive.overlap(lower, naive.binary(child)) for child in hierarchy.patterns[0]]
    np.testing.assert_allclose(final.child_overlap.isel(edge=-1), everything, rtol=1e-9, atol=1e-12)


def test_measures_are_those_counted_by_hand():
    hierarchy = hierarchical_patterns(8, (2, 2), (0.5,), seed=0)
    overlap = np.array([[[0.5, 0.25, 0.75, -0.5]], [[0.5, 0.25, 0.0, 0.5]]])  # (image, time, child)
    course = xr.Dataset(
        {
            "child_overlap": (("trajectory", "time", "child"), overlap),
            "parent_overlap": (("trajectory", "time", "parent_pattern"), [[[0.5, 0.75]], [[-0.25, 0.5]]]),
            "activity": (("trajectory", "time"), [[0.5], [0.25]]),
            "contrast": (("trajectory", "time"), [[0.5], [1.0]]),
        },
        {"time": [1.0]},
    )
    got = image_recall._measured(course, np.array([0, 3]), hierarchy, PROTOCOL).isel(time=0)
    expected = {
        "own": [0.5, 0.5],
        "siblings": [0.25, 0.0],
        "others": [0.125, 0.375],
        "is_child": [0.0, 0.0],  # the first of equally near children counts as the nearest
        "is_category": [1.0, 0.0],
        "retrieval": [0.25, 0.5],
        "activity": [0.5, 0.25],
        "parent": [0.5, 0.5],
        "is_parent": [0.0, 1.0],
    }
    assert set(expected) == set(image_recall.MEASURES)
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)


def test_recall_has_the_same_bits_for_any_threads_and_batches(digits, measured, monkeypatch):
    pixels, child_of, hierarchy = digits
    monkeypatch.setattr(image_recall, "BATCH", 5)
    again = image_recall.recall(hierarchy, pixels, child_of, PROTOCOL, Run(threads=2), dt=DT)
    xr.testing.assert_identical(again, measured)


def test_conditions_are_the_same_until_their_feedback_differs(measured):
    before, until = measured.sel(time=slice(0, PROTOCOL.push[0])), measured.sel(time=slice(0, PROTOCOL.push[1]))
    assert (before.activity.sel(condition=PUSH) == before.activity.sel(condition=NONE)).all()
    assert (until.activity.sel(condition=PULL) == until.activity.sel(condition=NONE)).all()
    assert (until.activity.sel(condition=PUSH) == until.activity.sel(condition=BOTH)).all()
    assert (measured.activity != measured.activity.sel(condition=NONE)).any(("image", "time")).sum() == 6


def test_feedback_does_not_reach_layer_2(measured):
    assert (measured.parent == measured.parent.isel(condition=0)).all()


def test_a_segment_lasts_while_the_feedback_stays():
    assert PROTOCOL.segments == [(1.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 7.0)]
    assert images.PROTOCOL.segments == [(5.0, 10.0), (10.0, 17.0), (17.0, 24.0)]
    path = image_recall.CONDITIONS[BOTH].path(PROTOCOL)
    assert path == (False, "none", "push", "unit", "none")


def test_family_overlap_is_the_mean_over_children(digits):
    hierarchy = digits[2]
    expected = naive.family_overlap(naive.binary(hierarchy.patterns[1]), naive.binary(hierarchy.patterns[0]))
    np.testing.assert_allclose(image_recall.family_overlap(hierarchy), expected, rtol=1e-12)


def test_a_pattern_is_nearest_to_itself(digits):
    hierarchy = digits[2]
    guesses = image_recall.nearest_patterns(hierarchy, naive.binary(hierarchy.patterns[0]), np.arange(6))
    assert guesses.nearest_child.all()


def test_the_relative_gain_is_measured_by_the_magnitude_without_feedback():
    retrieval = xr.DataArray(
        [[0.5, -0.5], [0.75, 0.25]], dims=("condition", "image"), coords={"condition": [NONE, BOTH]}
    )
    np.testing.assert_array_equal(image_recall.relative_gain(retrieval), [[0.0, 0.0], [0.5, 1.5]])


def test_the_users_images_are_taken_where_there_are_any(tmp_path, rng):
    sizes = {"raw_instance": 24, "child_pattern": 12, "parent_pattern": 3}
    bits = {name: rng.integers(0, 2, (10, n), dtype=np.uint8) for name, n in sizes.items()}
    for name, matrix in bits.items():
        savemat(tmp_path / f"{name}.mat", {name: matrix})
    instances, hierarchy, names, source = images.image_set(Run(data=tmp_path))
    assert (source, names) == ("official", ["birds", "cats", "dogs"])
    np.testing.assert_array_equal(instances, bits["raw_instance"].T)
    np.testing.assert_array_equal(hierarchy.patterns[1], 2 * bits["parent_pattern"].T.astype(int) - 1)


@pytest.fixture
def toy(monkeypatch):
    """Everything at toy size, of the same form."""
    monkeypatch.setattr(three_layer, "N_UNITS", 40)
    monkeypatch.setattr(three_layer, "BRANCHING", (2, 2, 4))
    monkeypatch.setattr(three_layer, "BAR_UNITS", 40)
    monkeypatch.setattr(three_layer, "BAR_BRANCHING", (2, 2, 4))

    def few_digits(*, seed, **settings):
        return permuted_digits(30, n_instances=40, seed=seed, **settings)

    for module in (images, neurips_images):
        monkeypatch.setattr(module, "permuted_digits", few_digits)
    return Run(seed=3, threads=2)


@pytest.mark.parametrize(
    ("name", "kind"), [("one", three_layer.ONE), ("two", three_layer.TWO), ("three", three_layer.THREE)]
)
def test_three_layers_behave_as_by_dense_matrices(toy, name, kind):
    seed = toy.seed_for("three_layer/0")
    hierarchy = hierarchical_patterns(40, (2, 2, 4), (0.2, 0.2), seed=seed)
    layers = [naive.binary(level) for level in hierarchy.patterns]
    cue = naive.binary(noisy_cue(hierarchy, 0, intra=0.15, inter=0.15, seed=seed)[0])
    network = naive.network_from_patterns(layers, (1.0, 2.0, 3.0), (6.0, 6.0))
    times = [2.0, 10.0, 30.0]
    protocol = naive.dataclasses.replace(naive.three_layer_protocols(1.5)[name], dt=0.05)
    overlap, activity = naive.plain_euler_run(network, cue, protocol, [level[0] for level in layers], times)
    got = three_layer._network(toy, 0).sel(condition=kind, strength=1.5).sel(time=times, method="nearest")
    np.testing.assert_allclose(got.overlap.transpose("time", "layer"), overlap, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.activity, activity[:, 0], rtol=1e-9)  # contracting: rounding stays near its size


def test_the_push_has_no_effect_on_one_layer(toy):
    dataset = three_layer._network(toy, 0)
    one = dataset.overlap.sel(condition=three_layer.ONE)
    assert (one == one.isel(strength=0)).all()
    assert list(dataset.condition.values) == list(three_layer.CONDITIONS)
    assert not dataset.overlap.isnull().any()


EXPERIMENTS = (three_layer.EXPERIMENT, images.EXPERIMENT, images.NEURIPS)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_experiments_run_draw_and_claim(experiment, toy, tmp_path):
    dataset = experiment.run(toy)
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png")
    rows = [claim.row() for claim in experiment.claims(read)]
    assert rows == [claim.row() for claim in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())
    more = [claim.row() for claim in experiment.claims(read.assign_attrs(scale="paper", source="official"))]
    assert len({row["claim"] for row in more}) == len(more) >= len(rows)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_experiments_give_the_same_numbers_for_any_threads(experiment, toy):
    dataset = experiment.run(toy)
    xr.testing.assert_identical(experiment.run(Run(seed=3, threads=1)), dataset)
