"""The classification experiments of adaptive Hopfield networks: their parts, and that they run, draw and claim."""

import sys
from itertools import product

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("sklearn")

from sklearn.neighbors import KNeighborsClassifier

from assocmem.images import MissingExtra, digits
from assocmem.papers.adaptive import bags, images, multimodal, tabular
from assocmem.papers.base import Run
from assocmem.papers.record import save_dataset
from assocmem.similarities import AdaptiveSimilarity

SMALL = {
    tabular: tabular.Sizes(("wine",), 30, 80, 100, 2),
    images: images.Sizes((0.0, 0.4), 20, 60, 2),
    bags: bags.Sizes((0.0, 0.3), 30, 4, 4, 40, 2, 4),
    multimodal: multimodal.Sizes((8, 16), 20, 60, 50, 5, 2),
}
MODULES = list(SMALL)


@pytest.fixture
def small(monkeypatch):
    """The quick scale, made smaller still."""
    for module, sizes in SMALL.items():
        monkeypatch.setitem(module.SIZES, "quick", sizes)
    monkeypatch.setattr(multimodal, "CALIBRATION", 16)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.EXPERIMENT.name)
def test_experiments_run_draw_and_claim(module, small, tmp_path):
    dataset = module.EXPERIMENT.run(Run(threads=2))
    save_dataset(dataset, tmp_path / "results.nc")
    with xr.open_dataset(tmp_path / "results.nc") as kept:
        figure = module.EXPERIMENT.plot(kept)
        claims = module.EXPERIMENT.claims(kept)
    assert all("units" in variable.attrs for variable in dataset.data_vars.values())
    assert figure.axes
    figure.canvas.draw()
    assert claims
    assert all(np.isfinite(claim.ours) for claim in claims)
    xr.testing.assert_equal(module.compute(Run(threads=1)), dataset)


@pytest.mark.parametrize("module", [tabular, images, bags], ids=lambda module: module.EXPERIMENT.name)
def test_without_scikit_learn_experiments_name_the_extra(module, monkeypatch):
    for name in [*(name for name in sys.modules if name.startswith("assocmem.estimators")), "sklearn.datasets"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match="pip install"):
        module.compute(Run())


# tables


def write_table(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_tables_of_the_user_are_read(tmp_path):
    path = write_table(tmp_path, "3 4\n7.0 1.5 2.0 1.0\n8.0 0.5 -1.0 0.0\n9.0 0.25 3.0 1.0\n")
    table = tabular.read_table(path)
    np.testing.assert_array_equal(table.rows, [[7, 1.5, 2], [8, 0.5, -1], [9, 0.25, 3]])
    np.testing.assert_array_equal(table.classes, [1, 0, 1])
    np.testing.assert_array_equal(tabular.read_table(path, has_numbers=True).rows, table.rows[:, 1:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 3\n1 2 0\n3 4 1\n", "must have as many rows and columns as it says"),
        ("2 3\n1 2 0.5\n3 4 1\n", "must have integers as classes in its last column"),
    ],
)
def test_tables_that_are_not_as_described_are_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tabular.read_table(write_table(tmp_path, text))


def test_published_test_rows_are_kept_apart(small, tmp_path):
    rng = np.random.default_rng(0)
    for part, number in (("test", 1), ("train", 0)):
        rows = np.c_[np.arange(40), np.full(40, number), rng.random(40), np.arange(40) % 2]
        text = "40 4\n" + "\n".join(" ".join(str(float(value)) for value in row) for row in rows)
        write_table(tmp_path / "Heart", text).rename(tmp_path / "Heart" / f"{part}.txt")
    table = tabular.tables(Run(data=tmp_path))["Heart"]
    learned, test = table.parts(30, 20, seed=3)
    assert learned.rows.shape == (30, 2)
    assert test.rows.shape == (20, 2)
    assert set(learned.rows[:, 0]) == {0}
    assert set(test.rows[:, 0]) == {1}


def test_rows_to_test_are_others():
    table = tabular.Table(np.arange(50.0)[:, None], np.arange(50) % 2)
    learned, test = table.parts(1000, 1000, seed=1)
    np.testing.assert_array_equal(np.sort(np.r_[learned.rows[:, 0], test.rows[:, 0]]), np.arange(50))
    assert len(test.rows) == 15


def test_best_decisions_on_made_tables_are_as_good_as_stated():
    n = 40_000
    for make in tabular.SYNTHETIC.values():
        table, best = make(n, 3)
        is_right = (table.rows[:, 0] * table.rows[:, 1] > 0) == (table.classes == 1)
        assert abs(is_right.mean() - best) < 4 * np.sqrt(best * (1 - best) / n)
        # no column alone tells anything
        correlations = [np.corrcoef(column, table.classes)[0, 1] for column in table.rows.T]
        assert np.abs(correlations).max() < 4.5 / np.sqrt(n)


def test_sorted_similarities_of_signs_depend_on_the_number_of_differences_alone():
    patterns = np.array(list(product([-1.0, 1.0], repeat=6)))
    rng = np.random.default_rng(0)
    similarity = AdaptiveSimilarity(sorted_dis=rng.standard_normal(6), sorted_dot=rng.standard_normal(6))
    scores = similarity.scores(patterns, patterns)
    n_different = (patterns[:, None] != patterns[None]).sum(axis=2)
    for n in range(7):
        found = scores[n_different == n]
        np.testing.assert_allclose(found, found[0], rtol=0, atol=1e-12)  # rounding
    assert np.ptp(scores) > 1


# images


def test_stored_images_are_equally_many_of_each_class_and_no_others():
    labels = np.arange(300) % 10
    stored, learned, tested = images.parts(labels, 40, 100, seed=2)
    np.testing.assert_array_equal(np.bincount(labels[stored]), np.full(10, 4))
    np.testing.assert_array_equal(np.sort(np.r_[stored, learned, tested]), np.arange(300))
    assert len(learned) == 100


def test_nearest_image_is_that_of_scikit_learn():
    values, labels = digits()
    rows = (values.reshape(len(values), -1) / 16).astype(np.float32)
    stored, learned, tested = images.parts(labels, 60, 100, seed=2)
    memories = images.memories_of(rows[stored], labels[stored], rows[learned], labels[learned], 1e-2)
    expected = KNeighborsClassifier(1).fit(rows[stored], labels[stored]).predict(rows[tested])
    found = memories[images.NEAREST].decide(rows[tested])
    assert np.mean(found != expected) < 2e-3  # float32: distances that nearly tie
    assert set(memories) == set(images.MODELS)


# bags and pairs of memories


@pytest.mark.parametrize("features", bags.FEATURES.values(), ids=bags.FEATURES)
def test_checked_gradients_are_right(features):
    assert bags.gradient_error(features, seed=1) < 1e-8


def test_wrong_gradients_would_be_found(monkeypatch):
    plain = bags.BagLoss.__call__
    monkeypatch.setattr(bags.BagLoss, "__call__", lambda self, p: (plain(self, p)[0], 1.001 * plain(self, p)[1]))
    assert bags.gradient_error(("dis",), seed=1) > 1e-4


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [([1.0, 0.995, 0.99, 1.0], 0.2), ([0.9, 1.0, 1.0, 1.0], 0.1), ([1.0, 1.0, 1.0, 0.994], 0.4)],
)
def test_difficulty_is_the_last_before_accuracy_is_too_low(calibration, expected):
    assert multimodal.chosen(np.array(calibration), (0.1, 0.2, 0.3, 0.4)) == expected


def test_pairs_are_right_where_hardly_anything_is_corrupted(small):
    for corruption in multimodal.CORRUPTIONS:
        pairs, firsts = multimodal._cell(8, 0, multimodal.variants_of(corruption, 0.02), Run())
        assert pairs == [1.0] * 4
        assert firsts == [1.0] * 2
