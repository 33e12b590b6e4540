"""AdamW against closed forms and against torch where it is installed."""

import numpy as np
import pytest

from assocmem.learning.optimizers import AdamW, Constant, Cosine, Exponential, Moments

RNG = np.random.default_rng(4)


def steps(optimizer, gradients, values, rate):
    moments = Moments.zeros_like(values)
    for gradient in gradients:
        moments.step(values, gradient, optimizer, rate)
    return values


def test_first_step_is_the_rate_times_the_sign_and_the_decay():
    values, gradient = RNG.standard_normal(50), RNG.standard_normal(50)
    found = steps(AdamW(weight_decay=0.3, epsilon=1e-15), [gradient], values.copy(), 0.1)
    np.testing.assert_allclose(found, values * (1 - 0.1 * 0.3) - 0.1 * np.sign(gradient), rtol=1e-12)


def test_a_constant_gradient_moves_by_the_rate_each_step():
    found = steps(AdamW(weight_decay=0.0, epsilon=1e-15), [np.full(3, -2.0)] * 10, np.zeros(3), 0.1)
    np.testing.assert_allclose(found, 1.0, rtol=1e-12)


@pytest.mark.parametrize("clip", [None, 1.5])
def test_steps_are_those_of_torch(clip):
    torch = pytest.importorskip("torch")
    start, gradients = RNG.standard_normal(20), RNG.standard_normal((15, 20))
    found = steps(AdamW(weight_decay=0.2, clip=clip), gradients, start.copy(), 0.05)
    parameter = torch.nn.Parameter(torch.tensor(start))
    reference = torch.optim.AdamW([parameter], lr=0.05, weight_decay=0.2)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([parameter], clip)
        reference.step()
    np.testing.assert_allclose(
        found, parameter.detach().numpy(), rtol=1e-5 if clip else 1e-12
    )  # torch adds 1e-6 to norms


def test_schedules():
    assert [Constant().factor(epoch, 4) for epoch in (0, 3)] == [1, 1]
    np.testing.assert_allclose(
        [Cosine().factor(epoch, 4) for epoch in range(5)], [1, 0.853553, 0.5, 0.146447, 0], atol=1e-6
    )
    assert Exponential(0.5).factor(3, 10) == 0.125
    assert AdamW(learning_rate=0.2, schedule=Exponential(0.5)).rate(1, 10) == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"weight_decay": -1.0}, "weight_decay must be >= 0, got -1.0"),
        ({"decays": (0.9, 1.0)}, r"decays must be two numbers in \[0, 1\)"),
        ({"epsilon": 0.0}, "epsilon must be > 0"),
        ({"clip": -1.0}, "clip must be > 0"),
        ({"schedule": "cosine"}, "schedule must be a Schedule, got 'cosine'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        AdamW(**settings)


@pytest.mark.parametrize("decay", [0.0, 1.5])
def test_bad_decays_are_refused(decay):
    with pytest.raises(ValueError, match="decay must be"):
        Exponential(decay)
