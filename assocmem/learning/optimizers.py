"""Steps of gradient descent: AdamW with schedules of its learning rate."""

from dataclasses import dataclass, field

import numpy as np

from assocmem.validation import check_finite, check_positive

__all__ = ["AdamW", "Constant", "Cosine", "Exponential", "Schedule"]


class Schedule:
    """Course of the learning rate over epochs."""

    def factor(self, epoch: int, n_epochs: int) -> float:
        """What the learning rate is multiplied by in an epoch, the first being 0."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate in all epochs."""

    def factor(self, epoch, n_epochs):
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """``(1 + cos(pi epoch / n_epochs)) / 2``, which comes to 0 after the last epoch (Loshchilov & Hutter, 2017)."""

    def factor(self, epoch, n_epochs):
        return float(0.5 * (1 + np.cos(np.pi * epoch / n_epochs)))


@dataclass(frozen=True)
class Exponential(Schedule):
    """``decay ** epoch``.

    Parameters
    ----------
    decay : float in (0, 1]

    Raises
    ------
    TypeError, ValueError
        If the decay is out of its range.
    """

    decay: float

    def __post_init__(self):
        check_positive("decay", self.decay)
        if self.decay > 1:
            raise ValueError(f"decay must be at most 1, got {self.decay}")

    def factor(self, epoch, n_epochs):
        return float(self.decay**epoch)


@dataclass(frozen=True)
class AdamW:
    """Adam with a decay of the parameters that does not pass through the moments.

    Parameters
    ----------
    learning_rate : float, > 0
    weight_decay : float, >= 0
        Per step, times the learning rate; 0 is plain Adam.
    decays : (float, float) in [0, 1)
        Of the running first and second moment.
    epsilon : float, > 0
    clip : float, > 0, optional
        Largest norm of the gradient; larger ones are scaled to it.
    schedule : Schedule

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    Kingma & Ba (2015); Loshchilov & Hutter (2019), algorithm 2.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    decays: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    clip: float | None = None
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self):
        check_positive("learning_rate", self.learning_rate)
        check_finite("weight_decay", self.weight_decay)
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be >= 0, got {self.weight_decay}")
        if len(self.decays) != 2 or not all(0 <= decay < 1 for decay in self.decays):
            raise ValueError(f"decays must be two numbers in [0, 1), got {self.decays}")
        check_positive("epsilon", self.epsilon)
        if self.clip is not None:
            check_positive("clip", self.clip)
        if not isinstance(self.schedule, Schedule):
            raise TypeError(f"schedule must be a Schedule, got {self.schedule!r}")

    def rate(self, epoch: int, n_epochs: int) -> float:
        """Learning rate in an epoch, the first being 0."""
        return self.learning_rate * self.schedule.factor(epoch, n_epochs)


@dataclass(eq=False)
class Moments:
    """Running moments of gradients, of one run of AdamW.

    Parameters
    ----------
    first, second : ndarray (parameter,)
    n_steps : int
        Steps made so far.
    """

    first: np.ndarray
    second: np.ndarray
    n_steps: int = 0

    @classmethod
    def zeros_like(cls, values: np.ndarray) -> "Moments":
        """Before the first step."""
        return cls(np.zeros_like(values), np.zeros_like(values))

    def step(self, values: np.ndarray, gradient: np.ndarray, optimizer: AdamW, rate: float) -> None:
        """Make one step, in place."""
        if optimizer.clip is not None:
            norm = float(np.linalg.norm(gradient))
            gradient = gradient * min(1.0, optimizer.clip / norm) if norm > 0 else gradient
        self.n_steps += 1
        one, two = optimizer.decays
        self.first += (1 - one) * (gradient - self.first)
        self.second += (1 - two) * (gradient * gradient - self.second)
        mean = self.first / (1 - one**self.n_steps)
        spread = np.sqrt(self.second / (1 - two**self.n_steps)) + optimizer.epsilon
        values -= rate * (optimizer.weight_decay * values + mean / spread)
