"""The benchmarks of bags Tiger, Fox and Elephant, or what stands in for them.

Each has 100 positive and 100 negative bags of segments of photographs (Andrews, Tsochantaridis & Hofmann, 2002). In the
folder of the user's data ``tiger_100x100.mat``, ``fox_100x100.mat`` and ``elephant_100x100.mat`` are taken. Without
them, rows of the breast-cancer data of scikit-learn stand in, five to a bag and each in one bag only; a bag is positive
if one of them is malignant.
"""

from __future__ import annotations

import numpy as np

from assocmem.papers.base import Run

FILES = {name: f"{name.lower()}_100x100.mat" for name in ("Tiger", "Fox", "Elephant")}
SUBSTITUTE, SUBSTITUTE_SIZE = "breast cancer", 5


def load(run: Run) -> dict[str, tuple]:
    """Bags and whether they are positive, by benchmark: the user's files, or else the substitute.

    Raises
    ------
    ImportError
        If scikit-learn is missing; names the extra to install.
    """
    from assocmem.estimators.bag_data import load_mat_bags  # needs scikit-learn

    paths = {name: run.data_file(file) for name, file in FILES.items()}
    found = {name: load_mat_bags(path) for name, path in paths.items() if path is not None}
    return found or {SUBSTITUTE: _substitute(run)}


def _substitute(run):
    """Bags of five rows, every other one with a malignant row; no row is in two bags."""
    from sklearn.datasets import load_breast_cancer

    from assocmem.estimators import Bags

    rows, is_benign = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(run.seed_for("bags of rows"))
    benign, malignant = (rng.permutation(np.flatnonzero(is_benign == kind)) for kind in (1, 0))
    n_pairs = len(benign) // (2 * SUBSTITUTE_SIZE - 1)
    members = benign[: n_pairs * (2 * SUBSTITUTE_SIZE - 1)].reshape(n_pairs, -1)
    members = np.concatenate([members, malignant[:n_pairs, None]], axis=1)
    return Bags(rows, members.reshape(2 * n_pairs, SUBSTITUTE_SIZE)), np.arange(2 * n_pairs) % 2 == 1
