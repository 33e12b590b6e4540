"""Fixtures that every test may use."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

matplotlib.use("Agg")


@pytest.fixture
def rng():
    return np.random.default_rng(20141208)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
