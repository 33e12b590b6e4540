"""Errors of runs that cannot be told by ValueError and TypeError."""

__all__ = ["DivergedError"]


class DivergedError(RuntimeError):
    """A trajectory left the finite numbers, or the adaptive method could not go on.

    Attributes
    ----------
    trajectory : int
        Label of the first such trajectory.
    time : float
        When it happened, in the model's unit of time.
    parameters : dict
        Those of the model.
    """

    def __init__(self, message: str, *, trajectory: int, time: float, parameters: dict):
        super().__init__(message)
        self.trajectory, self.time, self.parameters = trajectory, time, parameters

    def __reduce__(self):
        # keyword arguments are lost by the default, and a worker's error must reach the process that waits for it
        return _diverged_error, (str(self), self.trajectory, self.time, self.parameters)


def _diverged_error(message, trajectory, time, parameters):
    return DivergedError(message, trajectory=trajectory, time=time, parameters=parameters)
