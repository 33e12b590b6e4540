"""The benchmark compares like with like: its contenders end in the same states."""

import numpy as np
import pytest

from assocmem.bench import adaptive, cdam, fenchel_young, learning, main, measuring, nonparametric, push_pull, scan
from assocmem.bench import balanced_ei as bench


@pytest.mark.parametrize("batch", [1, 5])
def test_contenders_do_the_same_work(batch):
    ours = bench.assocmem_rk4(batch, 20, 1)().final_state.values
    np.testing.assert_allclose(bench.numpy_rk4(batch, 20, 1)(), ours, rtol=1e-12)  # another order of summation
    adaptive = bench.assocmem_dopri5(batch, 20, 1)().final_state.values
    np.testing.assert_allclose(adaptive, ours, rtol=1e-4)  # its tolerance is 1e-6 per step
    scipy = [solution.y[:, -1] for solution in bench.scipy_solve_ivp(batch, 20, 1)()]
    np.testing.assert_allclose(scipy, adaptive, rtol=1e-4)


def test_jax_does_the_same_work():
    pytest.importorskip("jax")
    ours = bench.assocmem_rk4(3, 20, 1)().final_state.values
    np.testing.assert_allclose(np.asarray(bench.jax_scan_rk4(3, 20, 1)()), ours, rtol=1e-12)  # order of summation


def test_noise_has_the_same_strength(monkeypatch):
    # from equal starts, so that the spread is that of the noise alone
    monkeypatch.setattr(bench, "starts", lambda batch: np.full((batch, bench.N_UNITS), 8.0))
    ours = bench.assocmem_euler_maruyama(100, 40, 1)().final_state.values
    numpy = bench.numpy_euler_maruyama(100, 40, 1)()
    # 15000 values each: standard error of a standard deviation 0.6 %, of their ratio 0.8 %; four of them
    assert ours.std(axis=0).mean() == pytest.approx(numpy.std(axis=0).mean(), rel=0.033)


def test_a_measurement_is_a_time():
    assert 0.0 < measuring.child("assocmem.bench.balanced_ei:numpy_rk4", 1, 1, 0.001) < 1.0


def test_push_pull_contenders_do_the_same_work(monkeypatch):
    monkeypatch.setattr(push_pull, "N", 60)
    for cached in (push_pull.model, push_pull._matrices):
        cached.cache_clear()
        monkeypatch.setattr(push_pull, cached.__name__, cached.__wrapped__)
    ours = push_pull.assocmem_euler(3, 30, 1)().final_state.values.reshape(3, 2, 60).swapaxes(0, 1)
    # thirty steps of sums in another order
    np.testing.assert_allclose(push_pull.numpy_low_rank(3, 30, 1)(), ours, rtol=0, atol=1e-12)
    np.testing.assert_allclose(push_pull.numpy_dense(3, 30, 1)(), ours, rtol=0, atol=1e-12)
    assert np.abs(ours[0, 0] - ours[0, 1]).max() > 1e-3  # the second trajectory has feedback


def test_cdam_contenders_do_the_same_work():
    ours = cdam.assocmem_experiment(30, 1, 1)().correlation[:, -1]
    # a hundred contracting iterations of sums in another order
    np.testing.assert_allclose(cdam.numpy_reduced(30, 1, 1)(), ours, rtol=0, atol=1e-12)
    np.testing.assert_allclose(cdam.numpy_full(30, 1, 1)(), ours, rtol=0, atol=1e-12)
    expected = cdam.numpy_iteration(7, 20, 1)()
    for contender, strengths in ((cdam.assocmem_iteration, None), (cdam.assocmem_own_strengths, np.full((7, 2), 0.5))):
        reduced = cdam.model().reduced(cdam.cues(7), strengths)
        coefficients, _ = reduced.coefficients(contender(7, 20, 1)().final_state.values)
        np.testing.assert_allclose(coefficients, expected, rtol=0, atol=1e-12)


def fenchel_young_contenders(table):
    """Our contender and the others that can run here."""
    ours, *others = table.contenders
    return ours, [contender for contender in others if measuring.is_installed(contender)]


@pytest.mark.parametrize("table", fenchel_young.TABLES, ids=lambda table: table.title)
def test_fenchel_young_contenders_do_the_same_work(table, monkeypatch):
    monkeypatch.setattr(fenchel_young, "ROWS", 7)
    monkeypatch.setattr(fenchel_young, "N_PATTERNS", 60)
    ours, others = fenchel_young_contenders(table)
    expected = ours(300, 1, 1)()
    assert expected.dtype == ("float32" if "float32" in table.title else "float64")
    # sums of 300 terms; float32: 24 bisections of an interval of about 6, and of entmax 3 the root of what is near 0
    tolerance = 1e-12 if expected.dtype == np.float64 else 2e-3 if "entmax 3" in table.title else 2e-6
    for contender in others:
        found = np.asarray(contender(300, 2, 1)())
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=contender.__name__)


@pytest.mark.parametrize("table", fenchel_young.TABLES, ids=lambda table: table.title)
def test_fenchel_young_contenders_are_found_by_name(table):
    for contender in table.contenders:
        assert getattr(fenchel_young, contender.__name__) is contender


@pytest.mark.parametrize("name", fenchel_young.CASES)
def test_errors_of_weights_are_seen(name):
    case, rows = fenchel_young.CASES[name], np.random.default_rng(0).standard_normal((3, 300))
    weights = case.separation.weights(rows)
    of_sum, of_threshold = fenchel_young.errors(case, rows, weights)
    # sums of up to 300 rounded weights below 1, and slopes of rounded weights near 0
    assert of_sum < 1e-12 and of_threshold < 1e-12
    lost = weights.copy()
    lost[1, lost[1].argmax()] -= 1e-6
    assert fenchel_young.errors(case, rows, lost)[0] == pytest.approx(1e-6, rel=1e-3)
    # weights of other scores have the right sum but no common threshold
    moved = case.separation.weights(1.01 * rows)
    assert fenchel_young.errors(case, rows, moved)[0] < 1e-12
    assert fenchel_young.errors(case, rows, moved)[1] > 1e-4


def test_memory_of_retrieval_does_not_grow_with_the_cues(monkeypatch):
    monkeypatch.setattr(fenchel_young, "N_PATTERNS", 500)
    ours, (numpy, *_) = fenchel_young_contenders(fenchel_young.TABLES[-2])
    extra = {}
    for contender in (ours, numpy):
        few, many = (float(fenchel_young.peak_memory(contender, n, 1).split()[0]) for n in (1000, 3000))
        extra[contender.__name__] = (many - few) * 2**20 / 2000
    # bytes for each cue: results of 64 units and what is told of a step; at least one row of scores of 500 patterns
    assert extra["assocmem_retrieval_float64"] < 64 * 8 + 100
    assert extra["numpy_retrieval_float64"] > 500 * 8


def test_a_benchmark_prints_its_table(monkeypatch, capsys):
    table, seconds = fenchel_young.TABLES[0], {"assocmem_softmax_float64": 2e-3, "numpy_softmax_float64": 5e-3}
    monkeypatch.setattr("assocmem.bench.SYSTEMS", {"fenchel_young": (table,)})
    monkeypatch.setattr("assocmem.bench.blas_rate", lambda *_: 1e9)
    monkeypatch.setattr("assocmem.bench.measure", lambda contender, *_: seconds.get(contender.__name__, float("nan")))
    monkeypatch.setattr("assocmem.bench.is_installed", lambda contender: contender.__name__ in seconds)
    assert main(["fenchel_young", "--threads", "1", "--no-start-up"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert "  softmax of 512 rows of float64 scores" in lines
    assert rows["length"] == ["1024", "length", "4096"]
    assert rows["assocmem_softmax_float64"] == 2 * ["2000.00", "us", "1.00", "x"]
    assert rows["numpy_softmax_float64"] == 2 * ["5000.00", "us", "2.50", "x"]
    assert rows["torch_softmax_float64"] == 2 * ["not", "installed"]
    # the accuracy of each that ran
    assert [line.split()[:5] for line in lines].count(["error", "of", "sum", "/", "threshold"]) == 2


def test_unknown_systems_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "SYSTEM must be one of balanced_ei, push_pull" in capsys.readouterr().err


def test_sequence_contenders_do_the_same_work():
    for ours, others in (
        (nonparametric.dense, [nonparametric.numpy_dense]),
        (nonparametric.window, [nonparametric.numpy_window]),
        (nonparametric.linear, [nonparametric.numpy_linear]),
    ):
        expected = ours(300, 1, 1)()
        for other in others:
            np.testing.assert_allclose(other(300, 1, 1)(), expected, rtol=0, atol=1e-12)  # sums in another order


def test_sequence_contender_of_torch_does_the_same_work():
    pytest.importorskip("torch")
    expected = nonparametric.dense(300, 1, 1)()
    np.testing.assert_allclose(nonparametric.torch_attention(300, 1, 1)(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-12)])  # sums in another order
def test_sorted_contenders_do_the_same_work(dtype, rtol):
    ours, numpy = (getattr(adaptive, f"{who}_sorted_{dtype}")(64, 1, 1)() for who in ("assocmem", "numpy"))
    np.testing.assert_allclose(numpy, ours, rtol=rtol)


def test_training_contenders_do_the_same_work(monkeypatch):
    monkeypatch.setattr(learning, "N_BAGS", 20)
    monkeypatch.setattr(learning, "bags", learning.bags.__wrapped__)
    ours = learning.assocmem_training(5, 3, 1)()
    for name, contender in (("numpy", learning.numpy_training), ("torch", learning.torch_training)):
        if name == "torch" and not measuring.is_installed(contender):
            continue
        for key, values in contender(5, 3, 1)().items():
            # three steps of 1e-3 by single-precision gradients, of which Adam keeps little but the sign
            assert np.quantile(np.abs(values - ours[key]), 0.99) < 2e-5, (name, key)


def test_scan_contenders_do_the_same_work():
    # values depend on time; that there is one for each point, and who made it, does not
    for contender in (scan.assocmem_scan, scan.assocmem_scan_stored, scan.pool_map):
        assert len(contender(1, 5, 1)()) == 5
    assert len(scan.points_alone(1, 6, 2)()) == 3
    scan.pool(1).shutdown()
    scan.pool.cache_clear()
