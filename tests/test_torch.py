"""Separations of tensors: the same weights, gradients that are derivatives, and errors that name what is wrong."""

import importlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

from assocmem.separations import (
    ConstrainedSparsemax,
    Entmax,
    Exponential,
    KSubsets,
    Linear,
    Normmax,
    Power,
    SequentialKSubsets,
    Softmax,
    Sparsemax,
    TopK,
)

torch = pytest.importorskip("torch")
from assocmem.torch import SeparationLayer, separate  # noqa: E402, needs torch

# of six scores each, where the support does not change within the steps of a numerical derivative
ON_SIMPLEX = [Softmax(), Entmax(1.25), Entmax(1.5), Sparsemax(), Entmax(3.0), Normmax(1.5), Normmax(2.0), Normmax(5.0)]
BOUNDED = [TopK(3), KSubsets(2), ConstrainedSparsemax(np.array([0.3, 0.2, 0.5, 0.1, 0.4, 0.6]))]
ELEMENTWISE = [Linear(), Power(3), Power(4, is_rectified=False), Exponential(0.5)]
FIXED_SUM = [*ON_SIMPLEX, *BOUNDED, SequentialKSubsets(2, transition=0.3)]
ALL = [*FIXED_SUM, *ELEMENTWISE]


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


@pytest.mark.parametrize("separation", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_weights_are_those_of_the_separation(separation, dtype):
    scores = normal(4, 3, 6, dtype=dtype)
    weights = separate(separation, scores)
    assert weights.dtype == dtype
    np.testing.assert_array_equal(weights.numpy(), separation.weights(scores.numpy()))


@pytest.mark.parametrize("separation", ALL, ids=str)
def test_gradients_are_derivatives(separation):
    scores = normal(3, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: separate(separation, t), scores)


def test_softmax_is_that_of_torch():
    ours, theirs = normal(5, 7).requires_grad_(), normal(5, 7).requires_grad_()
    direction = normal(5, 7, seed=1)
    for weights in (separate(Softmax(), ours), torch.softmax(theirs, -1)):
        (weights * direction).sum().backward()
    torch.testing.assert_close(separate(Softmax(), ours), torch.softmax(theirs, -1), rtol=1e-14, atol=0)  # rounding
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-15)


def package_pairs():
    entmax = pytest.importorskip("entmax")
    return {
        "sparsemax": (Sparsemax(), entmax.sparsemax),
        "entmax 1.5": (Entmax(1.5), entmax.entmax15),
        "entmax 1.25": (Entmax(1.25), lambda t: entmax.entmax_bisect(t, 1.25)),
        "normmax 2": (Normmax(2.0), lambda t: entmax.normmax_bisect(t, 2.0)),
        "normmax 5": (Normmax(5.0), lambda t: entmax.normmax_bisect(t, 5.0)),
        "3-subsets": (KSubsets(3), lambda t: entmax.budget_bisect(t, 3)),
    }


@pytest.mark.parametrize("name", ["sparsemax", "entmax 1.5", "entmax 1.25", "normmax 2", "normmax 5", "3-subsets"])
def test_weights_and_gradients_are_those_of_entmax(name):
    separation, function = package_pairs()[name]
    ours, theirs = normal(20, 30).requires_grad_(), normal(20, 30).requires_grad_()
    direction, found = normal(20, 30, seed=1), (separate(separation, ours), function(theirs))
    # 50 bisections of an interval of about 5; gradients of slopes up to about 5
    torch.testing.assert_close(*found, rtol=0, atol=1e-13)
    for weights in found:
        (weights * direction).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-12)
    assert ours.grad.abs().max() > 0.05


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
def test_any_dimension_can_be_separated(dim):
    scores, direction = normal(3, 4, 5).requires_grad_(), normal(3, 4, 5, seed=1)
    weights = separate(Softmax(), scores, dim)
    torch.testing.assert_close(weights, torch.softmax(scores, dim), rtol=1e-14, atol=0)  # rounding
    expected = torch.autograd.grad((torch.softmax(scores, dim) * direction).sum(), scores)
    found = torch.autograd.grad((weights * direction).sum(), scores)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("separation", FIXED_SUM, ids=str)
def test_masked_patterns_are_as_good_as_absent(separation):
    is_there = torch.tensor([True, True, False, True, True, True])
    if isinstance(separation, ConstrainedSparsemax):
        left = ConstrainedSparsemax(separation.upper[:, is_there.numpy()])
    elif isinstance(separation, SequentialKSubsets):
        # it is the last one that leaves no gap between neighbours
        is_there, left = torch.tensor([True] * 5 + [False]), separation
    else:
        left = separation
    direction = normal(4, 6, seed=1)
    full = normal(4, 6).requires_grad_()
    weights = separate(separation, full, mask=is_there)
    (weights * direction).sum().backward()
    part = full.detach()[:, is_there].requires_grad_()
    expected = separate(left, part)
    (expected * direction[:, is_there]).sum().backward()
    assert torch.all(weights[:, ~is_there] == 0) and torch.all(full.grad[:, ~is_there] == 0)
    # sums of terms that are 0 in another order
    torch.testing.assert_close(weights[:, is_there], expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(full.grad[:, is_there], part.grad, rtol=0, atol=1e-13)


def test_minus_infinity_is_a_mask():
    scores, mask = normal(4, 6), torch.from_numpy(np.random.default_rng(2).random((4, 6)) < 0.6)
    masked = scores.masked_fill(~mask, -torch.inf)
    assert torch.equal(separate(Entmax(1.5), masked), separate(Entmax(1.5), scores, mask=mask))
    assert not torch.equal(separate(Entmax(1.5), scores), separate(Entmax(1.5), scores, mask=mask))


def test_a_mask_expands_along_every_dimension():
    scores, mask = normal(2, 5, 3), torch.tensor([True, False, True, True, True])[:, None]
    weights = separate(Sparsemax(), scores, 1, mask)
    assert torch.all(weights[:, 1] == 0)
    assert torch.equal(weights[1, :, 2], separate(Sparsemax(), scores[1, :, 2], mask=mask[:, 0]))


def test_threads_change_nothing():
    scores, direction = normal(64, 2048), normal(64, 2048, seed=1)
    results = []
    for threads in (1, 3):
        tensor = scores.clone().requires_grad_()
        weights = separate(Normmax(3.0), tensor, threads=threads)
        (weights * direction).sum().backward()
        results.append((weights.detach(), tensor.grad))
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


def test_scores_in_row_order_are_not_copied(monkeypatch):
    seen = []
    original = Softmax.weights
    monkeypatch.setattr(Softmax, "weights", lambda self, t, **options: seen.append(t) or original(self, t, **options))
    scores = normal(4, 6)
    separate(Softmax(), scores)
    assert np.shares_memory(seen[0], scores.numpy()) and seen[0].flags.c_contiguous


def test_a_layer_trains_like_that_of_torch():
    networks = []
    for last in (SeparationLayer(Softmax()), torch.nn.Softmax(dim=-1)):
        torch.manual_seed(0)
        networks.append(
            torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4), last).double()
        )
    inputs, labels = normal(30, 5), torch.arange(30) % 4
    losses = []
    for network in networks:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
        for _ in range(20):
            loss = torch.nn.functional.nll_loss(network(inputs).log(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    ours, theirs = np.reshape(losses, (2, 20))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # rounding of twenty steps
    assert ours[-1] < ours[0] - 0.01


def test_a_layer_takes_masks_and_dimensions_and_says_what_it_is():
    layer, scores, mask = SeparationLayer(Entmax(1.5), dim=0), normal(4, 3), torch.tensor([[True]] * 3 + [[False]])
    assert torch.equal(layer(scores, mask), separate(Entmax(1.5), scores, 0, mask))
    assert repr(layer) == "SeparationLayer(Entmax(entmax_alpha=1.5), dim=0)"
    assert list(layer.parameters()) == [] and layer.state_dict() == {}


def test_no_gradient_is_recorded_where_none_is_wanted():
    scores = normal(2, 3).requires_grad_()
    with torch.no_grad():
        assert not separate(Softmax(), scores).requires_grad
    assert not separate(Softmax(), scores.detach()).requires_grad
    assert separate(Softmax(), scores).requires_grad


def test_a_second_derivative_raises_rather_than_being_0():
    scores = normal(2, 3).requires_grad_()
    # the cotangent is constant, so that only the scores could carry the second derivative
    (gradient,) = torch.autograd.grad(separate(Softmax(), scores)[:, 0].sum(), scores, create_graph=True)
    with pytest.raises(RuntimeError, match="separate can be differentiated once only"):
        gradient.sum().backward()


def test_scores_changed_in_place_before_the_backward_pass_are_noticed():
    scores = normal(2, 3).requires_grad_()
    shifted = scores + 1.0
    total = separate(Softmax(), shifted)[:, 0].sum()
    shifted.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_compiled_functions_leave_their_graph_for_the_separation():
    scores = normal(5, 6)
    compiled = torch.compile(lambda t: (separate(Entmax(1.5), 2.0 * t) ** 2).sum(), backend="eager")
    results = []
    for function in (compiled, lambda t: (separate(Entmax(1.5), 2.0 * t) ** 2).sum()):
        tensor = scores.clone().requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about itself
            function(tensor).backward()
        results.append(tensor.grad)
    assert torch.equal(*results) and results[0].abs().max() > 0


def test_no_rows_are_fine():
    scores = torch.zeros(0, 4).requires_grad_()
    separate(Softmax(), scores).sum().backward()
    assert scores.grad.shape == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("softmax", normal(2, 3)), TypeError, "separation must be a Separation, got 'softmax'"),
        ((Softmax(), np.zeros(3)), TypeError, "scores must be a Tensor, got ndarray"),
        (
            (Softmax(), normal(3, dtype=torch.float16)),
            TypeError,
            "scores must be float32 or float64, got torch.float16",
        ),
        (
            (Softmax(), normal(3, dtype=torch.bfloat16)),
            TypeError,
            "scores must be float32 or float64, got torch.bfloat",
        ),
        ((Softmax(), torch.arange(3)), TypeError, "scores must be float32 or float64, got torch.int64"),
        ((Softmax(), normal(3).to("meta")), ValueError, "scores must be a dense tensor on the CPU, got device meta"),
        ((Softmax(), torch.eye(3).to_sparse()), ValueError, "scores must be a dense tensor on the CPU, .*sparse_coo"),
        ((Softmax(), torch.tensor(1.0)), ValueError, r"scores must have shape \(..., pattern\)"),
        ((Softmax(), torch.zeros(2, 0)), ValueError, "at least one pattern"),
        ((Softmax(), torch.tensor([0.0, torch.nan])), ValueError, "scores must be finite, or -inf as a mask"),
        ((KSubsets(4), normal(2, 3)), ValueError, "k must be at most the number of patterns, 3, got 4"),
        ((Softmax(), normal(2, 3), 2), ValueError, "dim must be a dimension of scores, which have 2, got 2"),
        ((Softmax(), normal(2, 3), -3), ValueError, "dim must be an integer >= -2, got -3"),
        ((Softmax(), normal(2, 3), 0.5), TypeError, "dim must be an integer"),
        ((Softmax(), normal(2, 3), -1, [True]), TypeError, "mask must be a bool Tensor, got list"),
        ((Softmax(), normal(2, 3), -1, torch.ones(3)), TypeError, "mask must be a bool Tensor, got torch.float32"),
        (
            (Softmax(), normal(2, 3), -1, torch.ones(2, dtype=bool)),
            ValueError,
            r"mask must expand .*\(2, 3\), got \(2,\)",
        ),
        (
            (Softmax(), normal(3), -1, torch.ones(2, 3, dtype=bool)),
            ValueError,
            r"mask must expand .*\(3,\), got \(2, 3\)",
        ),
        ((Softmax(), normal(3), -1, torch.ones(3, dtype=bool).to("meta")), ValueError, "mask must be on the device of"),
        ((Softmax(), normal(2, 3), -1, torch.zeros(3, dtype=bool)), ValueError, "a pattern that is not masked"),
        ((Linear(), normal(2, 3), -1, torch.ones(3, dtype=bool)), ValueError, "mask needs a separation whose weights"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        separate(*arguments)


def test_wrong_threads_and_layers_are_named():
    with pytest.raises(ValueError, match="threads must be an integer >= 1, got 0"):
        separate(Softmax(), normal(3), threads=0)
    with pytest.raises(TypeError, match="separation must be a Separation, got 1.5"):
        SeparationLayer(1.5)


def test_the_package_does_without_torch():
    code = "import sys, assocmem, assocmem.separations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "assocmem.torch")
    with pytest.raises(ImportError, match=r"pip install 'assocmem\[torch\]'"):
        importlib.import_module("assocmem.torch")
