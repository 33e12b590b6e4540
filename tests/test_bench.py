"""The benchmark compares like with like: its contenders end in the same states."""

import numpy as np
import pytest

from assocmem.bench import balanced_ei as bench
from assocmem.bench import cdam, main, measuring, push_pull


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


def test_unknown_systems_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "SYSTEM must be one of balanced_ei, push_pull" in capsys.readouterr().err
