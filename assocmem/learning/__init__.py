"""Training: smoothed spectral abscissa, exact storage, and networks trained with them."""

from assocmem.learning.balanced_ei import Training, train_balanced_ei
from assocmem.learning.schedules import Stage, exact_schedule, penalty_schedule
from assocmem.learning.spectral_abscissa import smoothed_spectral_abscissa
from assocmem.learning.storage import NotStorableError, project_weights

__all__ = [
    "NotStorableError",
    "Stage",
    "Training",
    "exact_schedule",
    "penalty_schedule",
    "project_weights",
    "smoothed_spectral_abscissa",
    "train_balanced_ei",
]
