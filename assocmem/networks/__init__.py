"""Layers of trained networks, with hand-derived gradients."""

from assocmem.networks.associations import Association, SeparationAssociation, WindowAssociation
from assocmem.networks.base import Chain, Context, Layer, Vector
from assocmem.networks.feature_association import FeatureAssociation
from assocmem.networks.hopfield import HopfieldAssociation, HopfieldMemory, HopfieldPooling
from assocmem.networks.layers import Dropout, Flatten, Gelu, LayerNorm, LinearMap, Places, Relu
from assocmem.networks.normalizations import Normalization
from assocmem.networks.plain_pooling import MaxAssociation, MeanAssociation
from assocmem.networks.pure_pooling import PurePooling

__all__ = [
    "Association",
    "Chain",
    "Context",
    "Dropout",
    "FeatureAssociation",
    "Flatten",
    "Gelu",
    "HopfieldAssociation",
    "HopfieldMemory",
    "HopfieldPooling",
    "Layer",
    "LayerNorm",
    "LinearMap",
    "MaxAssociation",
    "MeanAssociation",
    "Normalization",
    "Places",
    "PurePooling",
    "Relu",
    "SeparationAssociation",
    "Vector",
    "WindowAssociation",
]
