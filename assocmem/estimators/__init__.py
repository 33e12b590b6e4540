"""Estimators with the conventions of scikit-learn, on networks with Hopfield layers and on memories of rows.

They need scikit-learn: ``pip install "assocmem[learn]"``.
"""

from assocmem.images import MissingExtra

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise MissingExtra('estimators need scikit-learn: pip install "assocmem[learn]"') from error

from assocmem.estimators.adaptive import AdaptiveHopfieldBagClassifier, AdaptiveHopfieldClassifier
from assocmem.estimators.bag_classifier import HopfieldBagClassifier
from assocmem.estimators.bags import Bags
from assocmem.estimators.classifier import HopfieldClassifier
from assocmem.estimators.forecaster import HopfieldForecaster

__all__ = [
    "AdaptiveHopfieldBagClassifier",
    "AdaptiveHopfieldClassifier",
    "Bags",
    "HopfieldBagClassifier",
    "HopfieldClassifier",
    "HopfieldForecaster",
]
