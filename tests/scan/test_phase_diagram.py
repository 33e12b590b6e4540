"""Phase diagrams whose borders are known: the refined one is the full grid, with far fewer runs."""

import numpy as np
import pytest

from assocmem.scan import phase_diagram

SETTINGS = {"workers": 0, "progress": False}
PLANE = {"a": (-1.0, 1.0), "b": (-2.0, 2.0)}


def radius(a, b):
    return np.hypot(a, b / 2)


def ring(found):
    r = float(found.value)
    return "core" if r < 0.4 else "ring" if r < 0.8 else "outside"


def noisy(a, b, seed):
    return a + 0.5 * np.random.default_rng(seed).standard_normal()


def sign(found):
    return "plus" if float(found.value) > 0 else "minus"


def test_a_refined_diagram_is_the_full_grid_with_a_fifth_of_the_runs():
    found = phase_diagram(radius, PLANE, ring, coarse=(9, 9), refinements=4, **SETTINGS)
    a, b = np.meshgrid(found.a, found.b, indexing="ij")
    r = radius(a, b)
    expected = np.where(r < 0.4, "core", np.where(r < 0.8, "ring", "outside"))
    np.testing.assert_array_equal(found.label.values[found.phase.values], expected)
    assert found.phase.shape == (129, 129)
    assert found.attrs["n_runs_of_full_grid"] == 129**2
    assert found.attrs["n_runs"] == int(found.is_computed.sum()) < 129**2 / 5
    np.testing.assert_allclose(found.value.values[found.is_computed.values], r[found.is_computed.values], rtol=1e-12)


def test_a_border_that_enters_a_cell_through_a_side_is_followed():
    def finger(found):  # grows out of a strip at the lower end, between the nodes of the coarse grid
        a, b = float(found.a), float(found.b)
        return str(b < -1.7 or (abs(a - 0.25) < 0.12 and b < 1.3))

    found = phase_diagram(radius, PLANE, finger, coarse=(5, 5), refinements=5, **SETTINGS)
    a, b = np.meshgrid(found.a, found.b, indexing="ij")
    expected = (b < -1.7) | ((np.abs(a - 0.25) < 0.12) & (b < 1.3))
    np.testing.assert_array_equal(found.label.values[found.phase.values] == "True", expected)
    assert not expected[::32, 32::32].any()


def test_repeats_give_the_uncertainty_of_the_phase():
    ranges = {"a": (-2.0, 2.0), "b": (0.0, 1.0)}
    found = phase_diagram(noisy, ranges, sign, coarse=(5, 2), refinements=1, repeats=60, **SETTINGS)
    assert found.label.values[found.phase.values[-1, 0]] == "plus"
    assert float(found.uncertainty[-1, 0]) < 0.05
    assert float(found.uncertainty.sel(a=0.0, b=0.0)) > 0.3
    assert found.attrs["n_runs"] % 60 == 0


def test_a_diagram_goes_on_from_its_store(tmp_path):
    first = phase_diagram(radius, PLANE, ring, refinements=1, store=tmp_path / "store", **SETTINGS)
    second = phase_diagram(radius, PLANE, ring, refinements=1, store=tmp_path / "store", **SETTINGS)
    assert second.identical(first)


def test_failures_are_told():
    with pytest.raises(RuntimeError, match=r"81 of 81 points failed, the first with:\n(.|\n)*ZeroDivisionError"):
        phase_diagram(lambda a, b: 1 / 0, PLANE, ring, **SETTINGS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": {"a": (0, 1)}}, "ranges must be a dict of two parameters"),
        ({"ranges": {"a": (1, 0), "b": (0, 1)}}, r"a must have a range with low < high, got \(1, 0\)"),
        ({"ranges": {"a": 1, "b": (0, 1)}}, "a must have a range"),
        ({"coarse": (9,)}, "coarse must be two numbers"),
        ({"coarse": (1, 9)}, "coarse must be an integer >= 2, got 1"),
        ({"refinements": -1}, "refinements must be an integer >= 0"),
        ({"label": "phase"}, "label must be a function"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    arguments = {"ranges": PLANE, "label": ring, **changes}
    ranges, label = arguments.pop("ranges"), arguments.pop("label")
    with pytest.raises((TypeError, ValueError), match=message):
        phase_diagram(radius, ranges, label, **arguments, **SETTINGS)
