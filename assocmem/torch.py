"""Separations as differentiable functions of PyTorch tensors on the CPU; needs the extra ``assocmem[torch]``.

The weights are those of `Separation.weights`, to the last bit, and the gradient is exact: `Separation.vjp` at the
weights found forward, not the derivative of an iteration.
"""

from assocmem.separations.base import Separation
from assocmem.validation import check_integer

try:
    import torch
except ImportError as error:
    raise ImportError("assocmem.torch needs PyTorch: pip install 'assocmem[torch]'") from error

__all__ = ["SeparationLayer", "separate"]


# torch.compile cannot read the compiled loops: it is to leave its graph here and come back
@torch.compiler.disable
def separate(
    separation: Separation,
    scores: torch.Tensor,
    dim: int = -1,
    mask: torch.Tensor | None = None,
    *,
    threads: int | None = None,
) -> torch.Tensor:
    """Weights of scores along a dimension, differentiable in the scores.

    Like `torch.softmax`, with any separation of the package. Scores are read in place if they are contiguous and `dim`
    is the last dimension, otherwise from a copy.

    Parameters
    ----------
    separation : Separation
        Its own parameters (bounds, exponents) have no gradient.
    scores : Tensor (..., pattern, ...), float32 or float64, on the CPU
        -inf masks a pattern, which then has weight and gradient 0.
    dim : int
        The dimension pattern.
    mask : bool Tensor, optional
        False masks a pattern, as in `torch.nn.functional.scaled_dot_product_attention`; of a shape that expands to that
        of the scores. Only for separations whose weights have a fixed sum.
    threads : int, optional
        >= 1; `torch.get_num_threads` by default. Without effect on the result.

    Returns
    -------
    Tensor of the shape and type of the scores.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, device or shape, or scores are NaN, inf or all masked.
    RuntimeError
        When the gradient is differentiated again.

    Examples
    --------
    >>> separate(Sparsemax(), torch.tensor([0.5, 0.25, -1.0]))
    tensor([0.6250, 0.3750, 0.0000])
    """
    if not isinstance(separation, Separation):
        raise TypeError(f"separation must be a Separation, got {separation!r}")
    _check_scores(scores)
    check_integer("dim", dim, -max(scores.ndim, 1))
    if dim >= scores.ndim:
        raise ValueError(f"dim must be a dimension of scores, which have {scores.ndim}, got {dim}")
    if mask is not None:
        scores = _masked(separation, scores, mask)
    threads = torch.get_num_threads() if threads is None else threads
    return _Separate.apply(separation, scores.movedim(dim, -1), threads).movedim(-1, dim)


class SeparationLayer(torch.nn.Module):
    """A separation as a layer, in place of `torch.nn.Softmax`; see `separate`.

    Parameters
    ----------
    separation : Separation
    dim : int
        The dimension pattern.
    threads : int, optional

    Examples
    --------
    >>> network = torch.nn.Sequential(torch.nn.Linear(64, 10), SeparationLayer(Entmax(1.5)))
    """

    def __init__(self, separation: Separation, dim: int = -1, *, threads: int | None = None):
        super().__init__()
        if not isinstance(separation, Separation):
            raise TypeError(f"separation must be a Separation, got {separation!r}")
        self.separation, self.dim, self.threads = separation, dim, threads

    def forward(self, scores: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Weights of scores; see `separate`."""
        return separate(self.separation, scores, self.dim, mask, threads=self.threads)

    def extra_repr(self) -> str:
        """What is shown of the layer within a network."""
        return f"{self.separation}, dim={self.dim}"


class _Separate(torch.autograd.Function):
    """Weights along the last dimension."""

    @staticmethod
    def forward(ctx, separation, scores, threads):
        weights = torch.from_numpy(separation.weights(scores.numpy(), threads=threads))
        ctx.separation, ctx.threads = separation, threads
        ctx.save_for_backward(scores, weights)
        return weights

    @staticmethod
    def backward(ctx, cotangent):
        return None, _Gradient.apply(ctx.separation, *ctx.saved_tensors, cotangent, ctx.threads), None


class _Gradient(torch.autograd.Function):
    """Gradient of ``<cotangent, weights>``.

    A function of its own, as a second derivative would otherwise be taken for 0 where the cotangent is constant.
    """

    @staticmethod
    def forward(ctx, separation, scores, weights, cotangent, threads):
        arrays = {"cotangent": cotangent.numpy(), "weights": weights.numpy()}
        return torch.from_numpy(separation.vjp(scores.numpy(), **arrays, threads=threads))

    @staticmethod
    def backward(ctx, _):
        raise RuntimeError("separate can be differentiated once only: its gradient has no derivative")


def _check_scores(scores: torch.Tensor) -> None:
    if not isinstance(scores, torch.Tensor):
        raise TypeError(f"scores must be a Tensor, got {type(scores).__name__}")
    if scores.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"scores must be float32 or float64, got {scores.dtype}; convert them with scores.float()")
    if scores.device.type != "cpu" or scores.layout != torch.strided:
        raise ValueError(f"scores must be a dense tensor on the CPU, got device {scores.device}, {scores.layout}")


def _masked(separation: Separation, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Scores that are -inf where the mask is False."""
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask must be a bool Tensor, got {getattr(mask, 'dtype', type(mask).__name__)}")
    if mask.device != scores.device:
        raise ValueError(f"mask must be on the device of the scores, {scores.device}, got {mask.device}")
    try:
        fits = torch.broadcast_shapes(mask.shape, scores.shape) == scores.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"mask must expand to the shape of scores {tuple(scores.shape)}, got {tuple(mask.shape)}")
    if separation.total != separation.total:
        raise ValueError(f"mask needs a separation whose weights have a fixed sum, got {separation}")
    return scores.masked_fill(~mask, float("-inf"))
