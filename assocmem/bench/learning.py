"""Training on bags: one epoch of a network with Hopfield pooling, against NumPy and, where installed, torch."""

from functools import cache

import numpy as np
from scipy.special import erf, expit

from assocmem.bench.measuring import Table, needs
from assocmem.learning.losses import logistic_loss
from assocmem.learning.optimizers import AdamW
from assocmem.learning.training import Samples, train
from assocmem.networks import Chain, Flatten, Gelu, HopfieldPooling, LayerNorm, LinearMap, SeparationAssociation

__all__ = ["TABLES"]

N_FEATURES, N_UNITS, N_HEADS, N_CUES, BETA = 784, 256, 4, 2, 0.1
N_BAGS, BATCH, SIZES = 256, 256, (10, 50)
OPTIMIZER = AdamW(1e-3)


def network() -> Chain:
    """That of Hu et al. (2025), appendix G.2."""
    association = SeparationAssociation(beta=BETA)
    return Chain(
        {
            "embedding": LinearMap(N_FEATURES, N_UNITS, is_input=True),
            "norm": LayerNorm(N_UNITS),
            "pooling": HopfieldPooling(N_UNITS, N_HEADS, association=association, n_cues=N_CUES),
            "activation": Gelu(),
            "second_norm": LayerNorm(N_UNITS),
            "flatten": Flatten(),
            "logits": LinearMap(N_CUES * N_UNITS, 1),
        }
    )


@cache
def bags(size: int) -> Samples:
    """Bags of random instances with random labels."""
    rng = np.random.default_rng(7)
    instances = rng.standard_normal((N_BAGS, size, N_FEATURES)).astype(np.float32)
    return Samples(instances, rng.integers(0, 2, N_BAGS))


def start() -> dict[str, np.ndarray]:
    """The parameters that a run with seed 0 begins with."""
    return network().initial(np.random.default_rng(np.random.SeedSequence(0)))


def assocmem_training(size: int, n_steps: int, threads: int):
    """An epoch is one batch."""
    settings = {"batch_size": BATCH, "optimizer": OPTIMIZER, "seed": 0, "threads": threads}

    def run():
        return train(network(), bags(size), logistic_loss, n_epochs=n_steps, **settings).parameters.arrays()

    return run


def _normed(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-5))
    return centred * scale, scale


def _norm_back(gradient, standard, scale, gain):
    inner = gradient * gain
    along = (inner * standard).mean(axis=-1, keepdims=True)
    return scale * (inner - inner.mean(axis=-1, keepdims=True) - standard * along)


def numpy_gradient(p: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of the mean loss, all bags at once."""
    heads = (N_HEADS, N_UNITS // N_HEADS)
    sums = {}

    def linear(name, values):
        return values @ p[f"{name}.weights"].T + p[f"{name}.bias"]

    def linear_back(name, values, gradient):
        rows = gradient.reshape(-1, gradient.shape[-1])
        sums[f"{name}.weights"], sums[f"{name}.bias"] = rows.T @ values.reshape(len(rows), -1), rows.sum(axis=0)
        return gradient @ p[f"{name}.weights"]

    def norm_sums(name, standard, gradient):
        axes = tuple(range(gradient.ndim - 1))
        sums[f"{name}.gain"], sums[f"{name}.shift"] = (gradient * standard).sum(axis=axes), gradient.sum(axis=axes)

    standard, scale = _normed(linear("embedding", x))
    hidden = standard * p["norm.gain"] + p["norm.shift"]
    cue = linear("pooling.cue", p["pooling.cues"]).reshape(N_CUES, *heads)
    flat_key = linear("pooling.key", hidden)
    value = linear("pooling.value", flat_key).reshape(*x.shape[:2], *heads)
    key = flat_key.reshape(*x.shape[:2], *heads)
    scores = np.float32(BETA) * np.einsum("qhd,bnhd->bhqn", cue, key, optimize=True)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    evoked = np.einsum("bhqn,bnhd->bqhd", weights, value, optimize=True).reshape(len(x), N_CUES, N_UNITS)
    pooled = linear("pooling.out", evoked)
    below = 0.5 * (1 + erf(pooled * np.float32(np.sqrt(0.5))))
    second, second_scale = _normed(pooled * below)
    flat = (second * p["second_norm.gain"] + p["second_norm.shift"]).reshape(len(x), -1)
    logits = linear("logits", flat)

    gradient = ((expit(logits[:, 0]) - y) / np.float32(len(x)))[:, None].astype(np.float32)
    gradient = linear_back("logits", flat, gradient).reshape(second.shape)
    norm_sums("second_norm", second, gradient)
    gradient = _norm_back(gradient, second, second_scale, p["second_norm.gain"])
    density = np.exp(-0.5 * pooled * pooled) * np.float32(1 / np.sqrt(2 * np.pi))
    gradient = linear_back("pooling.out", evoked, gradient * (below + pooled * density))
    gradient = gradient.reshape(len(x), N_CUES, *heads)
    to_weights = np.einsum("bqhd,bnhd->bhqn", gradient, value, optimize=True)
    to_value = np.einsum("bhqn,bqhd->bnhd", weights, gradient, optimize=True).reshape(flat_key.shape)
    inner = np.float32(BETA) * weights * (to_weights - (weights * to_weights).sum(axis=-1, keepdims=True))
    to_cue = np.einsum("bhqn,bnhd->qhd", inner, key, optimize=True).reshape(N_CUES, N_UNITS)
    to_key = np.einsum("bhqn,qhd->bnhd", inner, cue, optimize=True).reshape(flat_key.shape)
    sums["pooling.cues"] = linear_back("pooling.cue", p["pooling.cues"], to_cue)
    to_key = to_key + linear_back("pooling.value", flat_key, to_value)
    gradient = linear_back("pooling.key", hidden, to_key)
    norm_sums("norm", standard, gradient)
    gradient = _norm_back(gradient, standard, scale, p["norm.gain"])
    rows = gradient.reshape(-1, N_UNITS)
    sums["embedding.weights"], sums["embedding.bias"] = rows.T @ x.reshape(len(rows), -1), rows.sum(axis=0)
    return sums


def numpy_training(size: int, n_steps: int, threads: int):
    """The same network and steps in plain NumPy."""
    samples = bags(size)

    def run():
        parameters = {name: value.astype(np.float32) for name, value in start().items()}
        first = {name: np.zeros_like(value) for name, value in parameters.items()}
        second = {name: np.zeros_like(value) for name, value in parameters.items()}
        for step in range(1, n_steps + 1):
            for name, gradient in numpy_gradient(parameters, samples.inputs, samples.targets).items():
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.001 * (gradient * gradient - second[name])
                moved = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
                parameters[name] -= 1e-3 * (0.01 * parameters[name] + moved)
        return parameters

    return run


@needs("torch")
def torch_training(size: int, n_steps: int, threads: int):
    """The same network and steps in torch."""
    import torch

    torch.set_num_threads(threads)
    samples = bags(size)
    x, y = torch.tensor(samples.inputs), torch.tensor(samples.targets, dtype=torch.float32)

    def forward(p):
        def linear(name, values):
            return torch.nn.functional.linear(values, p[f"{name}.weights"], p[f"{name}.bias"])

        def norm(name, values):
            return torch.nn.functional.layer_norm(values, (N_UNITS,), p[f"{name}.gain"], p[f"{name}.shift"])

        def split(values):
            return values.unflatten(-1, (N_HEADS, -1)).transpose(-2, -3)

        hidden = norm("norm", linear("embedding", x))
        key = linear("pooling.key", hidden)
        scores = BETA * split(linear("pooling.cue", p["pooling.cues"])) @ split(key).transpose(-1, -2)
        evoked = torch.softmax(scores, -1) @ split(linear("pooling.value", key))
        pooled = linear("pooling.out", evoked.transpose(1, 2).flatten(2))
        return linear("logits", norm("second_norm", torch.nn.functional.gelu(pooled)).flatten(1))[:, 0]

    def run():
        parameters = {name: torch.tensor(v, dtype=torch.float32, requires_grad=True) for name, v in start().items()}
        optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3, weight_decay=0.01)
        for _ in range(n_steps):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(forward(parameters), y).backward()
            optimizer.step()
        return {name: value.detach().numpy() for name, value in parameters.items()}

    return run


TABLES = (
    Table(
        f"training on {N_BAGS} bags of 784 features, {N_UNITS} units, {N_HEADS} heads, float32",
        (assocmem_training, numpy_training, torch_training),
        SIZES,
        counted="bag of",
    ),
)
