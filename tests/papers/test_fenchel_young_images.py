"""The experiments on images: capacity, noise, metastable states and completion, and the images they take."""

import gzip

import numpy as np
import pytest
import xarray as xr

from assocmem.models.fenchel_young import HopfieldFenchelYoung
from assocmem.papers import image_data as data
from assocmem.papers.base import Run
from assocmem.papers.fenchel_young import capacity, completion, metastable, noise, retrieval
from assocmem.papers.record import save_dataset
from assocmem.separations import Sparsemax
from tests import naive_fenchel_young as naive
from tests import naive_separations

MODULES = (capacity, noise, metastable, completion)
NAIVE_SIMPLEX = {
    "1-entmax": naive_separations.softmax,
    "1.5-entmax": lambda t: naive_separations.entmax(t, 1.5),
    "2-entmax": lambda t: naive_separations.entmax(t, 2.0),
    "2-normmax": lambda t: naive_separations.normmax(t, 2.0),
    "5-normmax": lambda t: naive_separations.normmax(t, 5.0),
    "2-subsets": lambda t: naive_separations.k_subsets(t, 2),
    "4-subsets": lambda t: naive_separations.k_subsets(t, 4),
    "8-subsets": lambda t: naive_separations.k_subsets(t, 8),
}
NAIVE_DENSE = {
    retrieval.CLASSICAL: naive.linear_separation(),
    retrieval.TENTH: naive.power_separation(11),
    retrieval.NINTH: naive.power_separation(10),
}
NAIVE_POSTS = {"": naive.identity_post(), "l2": naive.l2_post(), "LN": naive.layer_norm_post(eps=1e-5)}


@pytest.fixture
def small(monkeypatch):
    """Fewer and smaller images, patterns, cues and repeats."""

    def image_sets(run):
        sets = (data.labelled_images(run), data.patches(8, data.SMALL))
        return {images.name: images for images in sets}

    for module in (capacity, noise):
        monkeypatch.setattr(module, "image_sets", image_sets)
    monkeypatch.setitem(capacity.SIZES, "quick", (4, 24))
    monkeypatch.setitem(capacity.N_EXACT, "quick", 16)
    monkeypatch.setitem(retrieval.MOST_CUES, "quick", 6)
    monkeypatch.setitem(noise.N_PATTERNS, "quick", 8)
    monkeypatch.setitem(noise.NOISES, "quick", (0.0, 1.0, 7.5))
    monkeypatch.setitem(metastable.MOST_CUES, "quick", 20)
    monkeypatch.setitem(metastable.MOST_PATTERNS, "quick", 80)
    monkeypatch.setitem(completion.MOST_CUES, "quick", 30)
    monkeypatch.setitem(completion.SIZES, "quick", (16, 64))


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.EXPERIMENT.name)
def test_experiments_run_draw_and_claim(module, small, tmp_path):
    dataset = module.EXPERIMENT.run(Run())
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    module.EXPERIMENT.plot(read).savefig(tmp_path / "figure.png", dpi=50)
    assert [claim.row() for claim in module.EXPERIMENT.claims(read)] == [
        claim.row() for claim in module.EXPERIMENT.claims(dataset)
    ]
    assert all("units" in v.attrs for v in dataset.data_vars.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.EXPERIMENT.name)
def test_results_do_not_depend_on_threads(module, small):
    one, two = (module.EXPERIMENT.run(Run(threads=threads)) for threads in (1, 2))
    xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("module", (capacity, metastable, completion), ids=lambda m: m.EXPERIMENT.name)
def test_what_theory_says_holds(module, small):
    claims = module.EXPERIMENT.claims(module.EXPERIMENT.run(Run(seed=1)))
    found = {claim.statement: claim.verdict for claim in claims if claim.source == "theory"}
    assert found
    assert set(found.values()) == {"reproduced"}


# the protocol of capacity and noise


def tiny_images(rng, n_items=5, shape=(4, 4)):
    """Images like drawings: mostly -1 or 1."""
    values = np.clip(1.5 * rng.standard_normal((n_items, int(np.prod(shape)))), -1, 1)
    return data.Images("tiny", values.astype(np.float32), shape)


def naive_success(name, patterns, cues, beta, rate):
    """Fraction of the patterns found by a network of `retrieval.NETWORKS`."""
    patterns, cues = patterns.astype(float), cues.astype(float)
    if name in retrieval.DENSE:
        dense = NAIVE_DENSE.get(name) or naive.exponential_separation(rate)
        post = naive.tanh_post(beta).apply
        return naive.retrieval_success_rate(patterns, cues, dense.apply, 1.0, post, is_pre_transformed=False)
    separation, post = retrieval.NORMALIZED[name]
    beta = 20.0 if post == "l2" else beta
    return naive.retrieval_success_rate(patterns, cues, NAIVE_SIMPLEX[separation], beta, NAIVE_POSTS[post].apply)


def test_rates_are_those_of_the_naive_protocol(rng):
    images = tiny_images(rng)
    cues = retrieval.corrupted(images.values, images.shape, noise=0.4, is_masked=True)
    rate = retrieval.rates(images, images.values, cues[None]).rate.isel(condition=0)
    assert 0.1 < float(rate.mean()) < 0.9
    expected = [
        [naive_success(name, images.values, cues, beta, 0.05 * 784 / 16) for name in retrieval.NETWORKS]
        for beta in retrieval.BETAS
    ]
    np.testing.assert_allclose(rate, expected, rtol=1e-15)  # the same fractions


@pytest.mark.parametrize("neighbour", [4, 6])
def test_what_counts_is_the_fifth_state(neighbour, rng, monkeypatch):
    patterns = tiny_images(rng).values
    states = naive.run(patterns[0], patterns.astype(float), naive_separations.softmax, 0.1, n_steps=6)
    fifth, other = (naive.cosine(states[n], patterns[0]) for n in (5, neighbour))
    assert abs(fifth - other) > 1e-4  # float32 errs by less
    monkeypatch.setattr(retrieval, "THRESHOLD", (fifth + other) / 2)
    model = retrieval.memory(retrieval.SOFTMAX, patterns, beta=0.1, rate=0.0)
    is_retrieved, _ = retrieval.retrieve(model, patterns[None, :1])
    assert is_retrieved.item() == (fifth > other)


@pytest.mark.parametrize("name,beta", [("2-entmax", 0.1), ("l2 + 2-entmax", 20.0), ("LN + 2-entmax", 0.1)])
def test_beta_with_l2_normalisation_is_always_the_same(name, beta, rng):
    assert retrieval.memory(name, tiny_images(rng).values, beta=0.1, rate=0.0).beta == beta


def test_cues_of_capacity_lose_their_lower_half():
    patterns = np.ones((2, 5 * 3 * 3), dtype=np.float32)
    cues = retrieval.corrupted(patterns, (5, 3, 3), noise=0.0, is_masked=True).reshape(2, 5, 3, 3)
    np.testing.assert_array_equal(cues[:, :3], 1.0)
    np.testing.assert_array_equal(cues[:, 3:], 0.0)
    np.testing.assert_array_equal(patterns, 1.0)


def test_noise_is_clipped_before_the_mask():
    noises = np.array([[3.0, -3.0, 0.25, -0.5]])
    patterns = np.array([[0.5, 0.5, 0.5, 0.5]], dtype=np.float32)
    noisy, masked = (
        retrieval.corrupted(patterns, (2, 2), noise=noises, is_masked=is_masked) for is_masked in (False, True)
    )
    np.testing.assert_array_equal(noisy, [[1.0, -1.0, 0.75, 0.0]])
    np.testing.assert_array_equal(masked, [[1.0, -1.0, 0.0, 0.0]])


def test_states_that_are_not_finite_are_failures(rng):
    images = tiny_images(rng)
    model = retrieval.memory(retrieval.EXPONENTIAL, images.values, beta=1.0, rate=1e3)
    is_retrieved, is_diverged = retrieval.retrieve(model, images.values[None])
    assert np.any(is_diverged)
    assert not np.any(is_retrieved & is_diverged)


@pytest.mark.parametrize("shape,rate", [((28, 28), 0.05), ((8, 8), 0.05 * 784 / 64), ((32, 32, 3), 0.01)])
def test_rate_of_the_exponential_network(shape, rate):
    assert retrieval.exponential_rate(data.Images("any", np.zeros((1, 1)), shape)) == pytest.approx(rate, rel=1e-15)


def test_capacity_is_that_of_a_single_set(small):
    dataset = capacity.EXPERIMENT.run(Run())
    images = data.labelled_images(Run())
    patterns = images.values[retrieval.random_order(images, Run(), 1)[:24]]
    cues = patterns[:6].copy()
    cues.reshape(6, 8, 8)[:, 4:] = 0.0
    model = HopfieldFenchelYoung(patterns.astype(float), separation=Sparsemax(), beta=0.1)
    states = model.retrieve(cues, steps=5).state.to_numpy()
    found = [naive.cosine(state, pattern) > 0.9 for state, pattern in zip(states, patterns[:6], strict=True)]
    ours = dataset.rate.sel(images="digits", n_patterns=24, network="2-entmax", beta=0.1).isel(repeat=1)
    assert float(ours) == np.mean(found)


def test_noise_without_a_mask_finds_clean_patterns(small):
    rate = noise.EXPERIMENT.run(Run()).rate.sel(images="digits", mask="not masked", noise=0.0, beta=1.0)
    np.testing.assert_array_equal(rate.sel(network="l2 + 2-entmax"), 1.0)


# metastable states


def naive_size(name, patterns, cue, beta):
    """Number of patterns with a weight in the fifth update."""
    separation = NAIVE_SIMPLEX[name]
    state = naive.run(cue, patterns, separation, beta, n_steps=4)[-1]
    weights = separation(beta * naive.scores(state, patterns))
    return np.sum(weights > (0.01 if name == "1-entmax" else 0.0))


# for softmax a larger one, so that some weights are below 0.01
BETAS = {name: 0.8 if name == metastable.SOFTMAX else 0.2 for name in metastable.SEPARATIONS}


@pytest.mark.parametrize("name,beta", BETAS.items())
def test_sizes_are_those_of_the_fifth_update(name, beta, rng):
    patterns, cues = rng.standard_normal((16, 5)), rng.standard_normal((8, 5))
    model = HopfieldFenchelYoung(patterns, separation=metastable.SEPARATIONS[name], beta=beta)
    least_weight = 0.01 if name == metastable.SOFTMAX else 0.0
    sizes, _ = metastable.last_sizes(model, cues, least_weight=least_weight)
    assert len(set(sizes)) > 1
    np.testing.assert_array_equal(sizes, [naive_size(name, patterns, cue, beta) for cue in cues])


def test_sizes_do_not_depend_on_blocks(rng, monkeypatch):
    patterns, cues = rng.standard_normal((30, 6)), rng.standard_normal((11, 6))
    model = HopfieldFenchelYoung(patterns, separation=Sparsemax(), beta=0.3)
    whole = metastable.last_sizes(model, cues)
    monkeypatch.setattr(metastable, "BLOCK", 4)
    for ours, theirs in zip(metastable.last_sizes(model, cues), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_gaps_are_between_the_last_retrieved_and_the_next(rng):
    patterns, cues = rng.standard_normal((9, 40)), rng.standard_normal((3, 40))
    model = HopfieldFenchelYoung(patterns, separation=metastable.SEPARATIONS["2-subsets"], beta=1.0)
    _, gaps = metastable.last_sizes(model, cues)
    states = [naive.run(cue, patterns, NAIVE_SIMPLEX["2-subsets"], 1.0, n_steps=4)[-1] for cue in cues]
    ordered = np.sort([naive.scores(state, patterns) for state in states], axis=1)
    np.testing.assert_allclose(gaps, ordered[:, -2] - ordered[:, -3], rtol=1e-12)  # products summed in another order


def test_shares_are_those_of_sizes(monkeypatch):
    sizes = np.array([0, 1, 1, 10, 11, 400])
    monkeypatch.setattr(metastable, "last_sizes", lambda *_, **__: (sizes, np.array([0.0, 9.9, 10.0, 0.0, 0.0, 11.0])))
    shares, counts, mean = metastable._measure(np.zeros((6, 2)), np.eye(2), 0.1, metastable.SPARSEMAX)
    found = dict(zip(metastable.SIZES, 6 * shares, strict=True))
    assert {size: n for size, n in found.items() if n} == pytest.approx({"0": 1, "1": 2, "10": 1, "10+": 2})
    # a gap of m / beta = 10: cues 2 and 5, of which the former has one pattern; cue 1 has, too, but no such gap
    assert list(counts) == [1, 1, 2]
    assert mean == pytest.approx(423 / 6)


def test_a_known_table_is_compared_at_full_size_only(tmp_path, monkeypatch, rng):
    write_own_images(tmp_path, rng, n_items=60)
    monkeypatch.setattr(data, "known_idx", lambda path: "MNIST")
    runs = {scale: Run(scale, data=tmp_path) for scale in ("quick", "paper")}
    statements = {
        scale: [c.statement for c in metastable.claims(metastable.EXPERIMENT.run(run))] for scale, run in runs.items()
    }
    n_continued = 4
    assert sum("table 3" in s for s in statements["paper"]) == len(metastable.CELLS) + 3 + n_continued
    assert not any("table 3" in s for s in statements["quick"])


def test_shares_are_continued_along_the_logarithm():
    shares = xr.DataArray(
        np.zeros((8, 12)),
        {"separation": list(metastable.SEPARATIONS), "support_size": list(metastable.SIZES)},
        ("separation", "support_size"),
    )
    whole, quarter = shares + 0.5, shares + 0.6
    low = xr.Dataset({"share": whole, "share_of_quarter": quarter})
    first = metastable._size_claims(low, 60000 // 16, 100)[0]
    assert first.ours == pytest.approx(0.3)  # 0.1 less for every factor of 4


# completion


def plain_weights(scores, name):
    """Softmax or sparsemax of one vector of scores."""
    if name == "softmax":
        exponentials = np.exp(scores - scores.max())
        return exponentials / exponentials.sum()
    ordered = np.sort(scores)[::-1]
    excess = np.cumsum(ordered) - 1
    counts = np.arange(1, len(scores) + 1)
    n_support = np.max(counts[ordered * counts > excess])
    return np.maximum(scores - excess[n_support - 1] / n_support, 0)


def plain_class(patterns, cue, name):
    """Class that 128 updates with beta = 8 put into the last ten units."""
    state = cue
    for _ in range(128):
        state = plain_weights(8.0 * patterns @ state, name) @ patterns
    return np.argmax(state[-10:])


@pytest.mark.parametrize("name", completion.SEPARATIONS)
@pytest.mark.parametrize("cue", completion.CUES)
def test_accuracy_is_that_of_a_plain_loop(name, cue, small):
    run = Run()
    seed = np.random.SeedSequence(run.seed_for("completion")).generate_state(3)[1]
    memory, cues = data.labelled_images(run).split(30, seed)
    pixels, starts = (3.5 * part.values.astype(float) for part in (memory, cues))  # 3.5 = sqrt(784 / 64)
    patterns = np.concatenate([pixels[:64], np.eye(10)[memory.labels[:64]]], axis=1)
    block = np.eye(10)[cues.labels] if cue == "true class in the cue" else np.zeros((30, 10))
    answers = [plain_class(patterns, start, name) for start in np.concatenate([starts, block], axis=1)]
    ours = completion.EXPERIMENT.run(run).accuracy.sel(n_patterns=64, cue=cue, separation=name).isel(repeat=1)
    assert float(ours) == np.mean(answers == cues.labels)


def test_the_class_is_a_unit_of_its_own():
    pixels, labels = np.array([[0.5, -1.0], [1.0, 0.0]], dtype=np.float32), np.array([2, 0])
    marked = completion.with_class(pixels, labels, 3)
    np.testing.assert_array_equal(marked, [[0.5, -1, 0, 0, 1], [1, 0, 1, 0, 0]])
    np.testing.assert_array_equal(completion.with_class(pixels, None, 3)[:, 2:], 0.0)
    assert marked.dtype == np.float32


def test_chains_lead_to_patterns_most_like_themselves():
    # 0 is nearer to 1 than to itself, 1 to 2, which is the end; 3 points elsewhere
    patterns = np.array([[1.0, 0.0], [2.0, 0.1], [4.0, 0.0], [0.0, 1.0]])
    cues = np.array([[1.0, 0.0], [0.0, 5.0], [0.1, 0.5]])
    ends, is_exact = completion.chain_ends(patterns, cues, 0.2)
    np.testing.assert_array_equal(ends, [2, 3, 3])
    np.testing.assert_array_equal(is_exact, [True, True, False])  # 0.5 is 0.1 above the next, 0.4


def test_a_chain_is_exact_only_if_all_of_it_is():
    # from the cue a gap of 2 leads to pattern 0, from there one of 1 to pattern 1
    patterns = np.array([[1.0, 2.0], [4.0, 1.0]])
    cue = np.array([[0.0, 2.0]])
    for least_gap, expected in ((1.0, True), (1.5, False)):
        ends, is_exact = completion.chain_ends(patterns, cue, least_gap)
        assert (ends.tolist(), is_exact.tolist()) == ([1], [expected])


def test_equal_patterns_end_a_chain():
    patterns = np.array([[1.0, 0.0], [1.0, 0.0]])
    ends, is_exact = completion.chain_ends(patterns, patterns, 1e-3)
    assert (ends.tolist(), is_exact.tolist()) == ([0, 0], [False, False])


def test_published_accuracies_are_compared_with_theirs_only(tmp_path, monkeypatch, rng):
    write_own_images(tmp_path, rng, n_items=170)
    run = Run("paper", data=tmp_path)
    own = completion.claims(completion.EXPERIMENT.run(run))
    assert not any("published" in claim.statement for claim in own)
    monkeypatch.setattr(data, "known_idx", lambda path: "MNIST")
    compared = [claim for claim in completion.claims(completion.EXPERIMENT.run(run)) if claim.source == "paper"]
    assert [claim.theirs for claim in compared] == [0.6947, 0.6947, 0.0002]  # 128 patterns, both separations


def test_completion_needs_classes(tmp_path, rng):
    write_own_images(tmp_path, rng, has_labels=False)
    with pytest.raises(ValueError, match="images need a file of labels beside them to be classified, got t10k"):
        completion.EXPERIMENT.run(Run(data=tmp_path))


# images


def write_idx(path, values, *, header=None):
    """An idx file of 8-bit images or labels, whose header may be wrong."""
    magic = {3: 2051, 1: 2049}[values.ndim]
    numbers = header or (magic, *values.shape)
    path.write_bytes(gzip.compress(b"".join(n.to_bytes(4, "big") for n in numbers) + values.tobytes()))


def write_own_images(folder, rng, *, n_items=20, n_train=0, has_labels=True):
    """Files of random images of 4 x 3 pixels as a user has them."""
    for part, n in (("t10k", n_items), ("train", n_train)):
        if n:
            write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 4, 3), dtype=np.uint8))
        if n and has_labels:
            write_idx(folder / f"{part}-labels-idx1-ubyte.gz", rng.integers(0, 10, n, dtype=np.uint8))


def common(a, b):
    """Number of images that are in both."""
    return len({tuple(values) for values in a.values} & {tuple(values) for values in b.values})


def test_images_of_the_user_replace_the_digits(tmp_path, rng):
    write_own_images(tmp_path, rng)
    content = gzip.decompress((tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes())
    images = data.labelled_images(Run(data=tmp_path))
    assert (images.shape, len(images), images.test) == ((4, 3), 20, None)
    assert images.values[1, 2] == np.float32(content[16 + 12 + 2] / 127.5 - 1)
    assert images.labels.shape == (20,)


def test_images_to_learn_from_are_the_memory_and_the_others_the_cues(tmp_path, rng):
    write_own_images(tmp_path, rng, n_items=5, n_train=12)
    images = data.labelled_images(Run(data=tmp_path))
    memory, cues = metastable.memory_and_cues(images, 300, 0)
    assert (len(memory), len(cues)) == (12, 5)
    assert common(memory, images) == 12
    assert common(cues, images.test) == 5


def test_a_split_has_no_common_image(rng):
    images = tiny_images(rng, 10)
    memory, cues = images.split(3, 0)
    assert (len(memory), len(cues)) == (7, 3)
    assert common(memory, cues) == 0
    assert common(memory, images) + common(cues, images) == 10


def test_labels_stay_with_their_images(rng):
    values = rng.standard_normal((12, 2)).astype(np.float32)
    images = data.Images("labelled", values, (1, 2), labels=np.arange(12))
    for part in images.split(5, 3):
        np.testing.assert_array_equal(part.values, values[part.labels])


def test_a_fifth_is_held_out(rng):
    memory, cues = metastable.memory_and_cues(tiny_images(rng, 25), 300, 0)
    assert (len(memory), len(cues)) == (20, 5)


@pytest.mark.parametrize("n_cues", [0, 10])
def test_a_split_needs_images_on_both_sides(n_cues, rng):
    with pytest.raises(ValueError, match=f"n_cues must be from 1 to 9, got {n_cues}"):
        tiny_images(rng, 10).split(n_cues, 0)


def test_small_images_are_scaled_to_the_norm_of_large_ones(rng):
    images = tiny_images(rng)
    np.testing.assert_allclose(metastable.scaled(images), 7 * images.values, rtol=1e-6)  # sqrt(784 / 16), float32
    large = data.Images("large", np.ones((1, 3072), dtype=np.float32), (32, 32, 3))
    np.testing.assert_array_equal(metastable.scaled(large), 1.0)


def test_a_file_that_is_no_idx_file_is_refused(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match="must begin like an idx file of images"):
        data.labelled_images(Run(data=tmp_path))


def test_a_file_with_pixels_missing_is_refused(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((2, 4, 3), np.uint8), header=(2051, 3, 4, 3))
    with pytest.raises(ValueError, match="must hold 36 pixels as its header says, got 24"):
        data.labelled_images(Run(data=tmp_path))


def test_labels_in_the_place_of_images_are_refused(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros(7, np.uint8))
    with pytest.raises(ValueError, match="must hold images, got labels"):
        data.labelled_images(Run(data=tmp_path))


@pytest.mark.parametrize("labels", [np.zeros(19, np.uint8), np.zeros((20, 4, 3), np.uint8)], ids=["fewer", "images"])
def test_labels_must_fit_the_images(labels, tmp_path, rng):
    write_own_images(tmp_path, rng, has_labels=False)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels)
    with pytest.raises(ValueError, match=r"must hold 20 labels, got an array of shape"):
        data.labelled_images(Run(data=tmp_path))


def test_patches_have_contrast():
    images = data.patches(16, "patches")
    assert images.shape == (16, 16, 3)
    assert np.all(images.values.std(axis=1) > 0.25)
    assert np.abs(images.values).max() <= 1
