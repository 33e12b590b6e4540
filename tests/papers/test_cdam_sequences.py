"""Videos, images and the automaton: data in, read-outs against loops written from the equations, experiments."""

import gzip

import numpy as np
import pytest
import xarray as xr

from assocmem.images import photograph, read_idx
from assocmem.papers.base import Run
from assocmem.papers.cdam import automaton, images, video
from assocmem.papers.cdam.network import at_setting, network_seeds, noisy_cues, with_settings
from assocmem.papers.record import save_dataset
from tests import naive_cdam

N_FRAMES = 7


@pytest.fixture
def data(tmp_path, rng):
    """A folder with a user's frames and images."""
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "frames.npy", rng.integers(0, 200, (N_FRAMES, 12, 10, 3)))
    write_idx(folder / images.FILE, rng.integers(0, 250, (40, 6, 5)))
    return folder


@pytest.fixture
def run(data, monkeypatch):
    monkeypatch.setitem(images.SIZES, "quick", (4, 8))
    monkeypatch.setattr(images, "SHOWN_PATTERNS", 6)
    monkeypatch.setattr(automaton, "network_seeds", lambda run, n: network_seeds(run, 2))
    return Run(seed=3, data=data)


def write_idx(path, values, *, magic=2051):
    header = np.array([magic, *values.shape], dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


# --- video --------------------------------------------------------------------------------------------------


def test_frames_of_the_user_come_first_and_are_scaled(run, data):
    frames = video.load_frames(run)
    given = np.load(data / "frames.npy")
    np.testing.assert_array_equal(frames, given.reshape(N_FRAMES, -1) / given.max())


def test_grey_frames_are_read_too(run, data, rng):
    np.save(data / "frames.npy", rng.random((4, 3, 2)))
    assert video.load_frames(run).shape == (4, 6)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.ones((2, 3, 4)), "must hold three or more frames"),
        (np.ones((5, 12)), "must hold three or more frames"),
        (np.zeros((3, 4, 4)), "3 without contrast and a maximum of 0"),
        (np.full((3, 4, 4), np.nan), "frames.npy must be finite"),
    ],
)
def test_what_is_no_video_is_refused(run, data, frames, message):
    np.save(data / "frames.npy", frames)
    with pytest.raises(ValueError, match=message):
        video.load_frames(run)


def test_the_camera_moves_two_pixels_a_frame():
    pytest.importorskip("sklearn")
    frames = video.panned_frames().reshape(50, 240, 320, 3)
    np.testing.assert_array_equal(frames[1, :, :-2], frames[0, :, 2:])
    assert frames.max() == 1.0


def test_unknown_photographs_are_refused():
    with pytest.raises(ValueError, match=r"source and name must be one of .*china.jpg.*, got matplotlib china.jpg"):
        photograph("matplotlib", "china.jpg")


def test_frames_are_run_through_as_by_the_equations(run):
    """One cue of one setting, which is not chaotic, against plain loops with the same sample and noise."""
    frames = video.load_frames(run)
    dataset = video.compute(run)
    seed = network_seeds(run, 1)[0]
    patterns = video.sampled(frames, seed)
    cue = noisy_cues(patterns, seed=seed)[0]
    for kind, (beta, eta) in video.DYNAMICS.items():
        graph = naive_cdam.cycle(N_FRAMES, is_directed=True)
        states = naive_cdam.run(cue, patterns, graph, 20, auto=0.0, hetero=1.0, beta=beta, eta=eta)
        expected = [naive_cdam.pattern_correlations(state, patterns) for state in states]
        ours = at_setting(dataset.correlation.sel(dynamics=kind), (0.0, 1.0)).isel(time=slice(0, 21))
        # 20 updates in another order of summation
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)


# --- images -------------------------------------------------------------------------------------------------


def test_images_are_read_from_their_format(run, data, rng):
    values = rng.integers(0, 256, (3, 4, 5))
    write_idx(data / images.FILE, values)
    np.testing.assert_array_equal(read_idx(data / images.FILE), values)
    scaled, name = images.load_images(run)
    np.testing.assert_array_equal(scaled, values / values.max())
    assert name == images.FILE


def test_labels_and_files_that_are_not_compressed_are_read_too(data, rng):
    labels, path = rng.integers(0, 10, 40), data / "labels"
    write_idx(path, labels, magic=2049)
    np.testing.assert_array_equal(read_idx(path), labels)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    np.testing.assert_array_equal(read_idx(path), labels)


def test_a_file_of_something_else_or_a_torn_file_is_refused(data):
    path = data / images.FILE
    write_idx(path, np.zeros((3, 4, 5)), magic=2052)
    message = r"must begin like an idx file of images \(2051\) or labels \(2049\), got 2052"
    with pytest.raises(ValueError, match=message):
        read_idx(path)
    for torn in (b"", b"\x00\x00\x08\x03\x00"):
        path.write_bytes(torn)
        with pytest.raises(ValueError, match="must begin like an idx file"):
            read_idx(path)
    write_idx(path, np.zeros((3, 4, 5)))
    path.write_bytes(gzip.decompress(path.read_bytes())[:-7])
    with pytest.raises(ValueError, match="must hold 60 pixels as its header says, got 53"):
        read_idx(path)


def test_labels_in_place_of_images_are_refused(run, data):
    write_idx(data / images.FILE, np.zeros(9), magic=2049)
    with pytest.raises(ValueError, match="must hold images, got labels"):
        images.load_images(run)


def test_every_image_is_joined_to_its_nearest(rng):
    patterns = rng.random((9, 4))
    adjacency = images.nearest_neighbour_graph(patterns)
    expected = np.zeros((9, 9))
    for i in range(9):
        distances = [np.linalg.norm(patterns[i] - patterns[j]) if j != i else np.inf for j in range(9)]
        expected[i, np.argmin(distances)] = expected[np.argmin(distances), i] = 1.0
    np.testing.assert_array_equal(adjacency, expected)


def test_the_two_counts_differ_by_the_direction_in_which_they_compare():
    correlation = np.array([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1], [0.3, 0.2, 0.2]])
    assert images.fraction_correct(correlation, metric="row") == pytest.approx(1 / 3)
    assert images.fraction_correct(correlation, metric="column") == 1.0
    with pytest.raises(ValueError, match="metric must be one of row, column, got 'both'"):
        images.fraction_correct(correlation, metric="both")


def test_states_that_are_all_the_same_are_right_by_chance_in_rows_and_always_in_columns():
    correlation = np.tile([0.3, 0.1, 0.2, 0.0], (4, 1))
    assert images.fraction_correct(correlation, metric="row") == 0.25
    assert images.fraction_correct(correlation, metric="column") == 1.0


# --- automaton ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts():
    return automaton.random_parts(0.75, seed=1)


def by_name(parts):
    """Identities, further units and labels as dictionaries."""
    names = (automaton.STATES, automaton.STATES, automaton.LABELS)
    return [dict(zip(keys, part, strict=True)) for keys, part in zip(names, parts, strict=True)]


def test_patterns_and_graph_are_those_of_the_family(parts):
    order = [naive_cdam.AUTOMATON.index(name) for name in automaton.NAMES]
    assert len(order) == 16
    identities, own, labels = by_name(parts)
    expected = naive_cdam.automaton_patterns(identities, own, labels)
    np.testing.assert_array_equal(automaton.assemble(*parts), expected[order])
    np.testing.assert_array_equal(automaton.adjacency(), naive_cdam.automaton_adjacency()[np.ix_(order, order)])


@pytest.mark.parametrize(("layout", "n_identity"), [("75/25", 750), ("25/75", 250)])
def test_the_layout_splits_the_units(layout, n_identity):
    for parts in (automaton.random_parts, automaton.picture_parts):
        identities, own, labels = parts(automaton.LAYOUTS[layout], seed=0)
        assert identities.shape == (4, n_identity)
        assert own.shape == (4, 1000 - n_identity)
        assert labels.shape == (8, 1000 - n_identity)
        assert all(0 <= part.min() and part.max() <= 1 for part in (identities, own, labels))


@pytest.mark.parametrize("word", automaton.WORDS)
def test_words_lead_through_the_states_of_plain_loops(parts, word, monkeypatch):
    monkeypatch.setattr(automaton, "STEPS", 30)
    start, labels, _ = automaton.WORDS[word]
    _, _, by_label = by_name(parts)
    patterns = naive_cdam.automaton_patterns(*by_name(parts))
    expected = naive_cdam.automaton_run(start, labels, patterns, by_label, n_steps=30, beta=0.5)
    _, winner = automaton.follow(automaton._model(parts, 0.5), parts[2])
    assert [automaton.NAMES[k] for k in winner[list(automaton.WORDS).index(word)]] == expected


def test_the_limit_of_many_units_is_the_closed_form():
    share = 0.75
    covariance = share * 0.75 + (1 - share) * 15 / 16
    variance = share * 0.75 + (1 - share) * 31 / 32
    own, alike = automaton.limit_correlations(share)
    assert own == pytest.approx(covariance / np.sqrt(variance), rel=1e-12)
    assert own == pytest.approx(0.8883, abs=5e-5)
    # a transition shares the identity, and its label occurs once or twice among the 16
    expected = [(share * 0.75 - (1 - share) * count / 16) / np.sqrt(variance) for count in (1, 2, 2)]
    assert alike == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_last_state_is_the_target_without_the_mean(parts):
    model = automaton._model(parts, 1.0)
    states, correlation = automaton._advance(model, model.patterns)
    targets = [automaton.NAMES.index(automaton.TARGETS[name]) for name in automaton.NAMES]
    # the cue has decayed to 0.9^100 = 3e-5, that of the time before the transition to not much more
    np.testing.assert_allclose(states, model.patterns[targets] - model.mean_pattern, atol=0.01)
    assert (correlation[:, -1].argmax(axis=-1) == targets).all()


# --- experiments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [video, images, automaton], ids=lambda m: m.__name__.rpartition(".")[2])
def test_experiments_run_draw_and_claim(module, run, tmp_path):
    experiment = module.EXPERIMENT
    dataset = experiment.run(run)
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png", dpi=50)
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize("module", [video, images, automaton], ids=lambda m: m.__name__.rpartition(".")[2])
def test_threads_change_no_bit(module, run):
    two = Run(seed=run.seed, data=run.data, threads=2)
    xr.testing.assert_identical(module.EXPERIMENT.run(two), module.EXPERIMENT.run(run))


def test_claims_on_numbers_of_the_data_of_others_are_left_out(run):
    for module in (video, images):
        dataset = module.EXPERIMENT.run(run).assign_attrs(scale="paper")
        assert "earlier run" not in {claim.source for claim in module.EXPERIMENT.claims(dataset)}


def test_digits_stand_in_for_images(monkeypatch):
    pytest.importorskip("sklearn")
    values, name = images.load_images(Run())
    assert values.shape[1:] == (8, 8)
    assert values.max() == 1.0
    assert name == images.DIGITS


def test_every_number_of_the_fashion_data_is_compared(run):
    sizes = images.SIZES["paper"]
    shape = (2, len(sizes), 2, 4, 2)
    dims = ("trial", "n_patterns", "graph", "setting", "metric")
    accuracy = xr.DataArray(np.full(shape, 0.5), dims=dims)
    dataset = xr.Dataset(
        {"accuracy": accuracy, "attractor_correlation": accuracy.isel(metric=0)},
        {"n_patterns": list(sizes), "graph": list(images.GRAPHS), "metric": list(images.METRICS)},
        {"images": images.FASHION, "scale": "paper"},
    )
    rows = images.claims(with_settings(dataset, images.SETTINGS))
    sources = [claim.source for claim in rows]
    assert sources.count("paper") == 2 + 2 * len(sizes)
    assert sources.count("earlier run") == 12 + 1
