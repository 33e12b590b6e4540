"""Lets `assocmem.torch` be documented where PyTorch is not installed."""

import importlib
import importlib.util
import sys
from types import ModuleType, SimpleNamespace


def import_without_torch() -> None:
    """Import `assocmem.torch`, with a stand-in for PyTorch during the import if it is missing."""
    if importlib.util.find_spec("torch"):
        return
    stand_in = ModuleType("torch")
    stand_in.Tensor = type("Tensor", (), {})
    stand_in.compiler = SimpleNamespace(disable=lambda function: function)
    stand_in.nn = SimpleNamespace(Module=type("Module", (), {"__module__": "torch.nn"}))
    stand_in.autograd = SimpleNamespace(Function=object)
    sys.modules["torch"] = stand_in
    try:
        importlib.import_module("assocmem.torch")
    finally:
        del sys.modules["torch"]
