"""Phase diagrams whose borders are known: the refined one is the full grid, with far fewer runs."""

import numpy as np
import pytest

from assocmem.scan import StoreError, load_scan, phase_diagram

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


def test_a_store_shows_the_points_of_all_levels(tmp_path):
    settings = {"coarse": (5, 5), "refinements": 2, "store": tmp_path / "store", **SETTINGS}
    found = phase_diagram(radius, PLANE, ring, **settings)
    kept = load_scan(tmp_path / "store")
    assert kept.sizes["point"] == found.attrs["n_runs"] > 25
    assert set(kept.status.values) == {0}
    np.testing.assert_array_equal(found.value.sel(a=kept.a, b=kept.b), kept.value)
    without = phase_diagram(radius, PLANE, ring, **{**settings, "store": None})
    assert without.identical(found)


def test_points_of_a_store_are_run_once(tmp_path):
    calls = []

    def counted(a, b):
        calls.append((a, b))
        return radius(a, b)

    settings = {"coarse": (3, 3), "refinements": 1, "store": tmp_path / "store", **SETTINGS}
    found = phase_diagram(counted, PLANE, ring, **settings)
    assert len(calls) == len(set(calls)) == found.attrs["n_runs"]
    finer = phase_diagram(counted, PLANE, ring, accept_changes=True, **{**settings, "refinements": 2})
    assert len(calls) == len(set(calls)) == finer.attrs["n_runs"] > found.attrs["n_runs"]


def test_transient_failures_are_retried_on_demand(tmp_path):
    hindrance = tmp_path / "hindrance"
    hindrance.touch()

    def fragile(a, b):
        if (a, b) == (0.0, 2.0) and hindrance.exists():
            raise OSError("away for now")
        return radius(a, b)

    settings = {"coarse": (3, 3), "refinements": 1, "store": tmp_path / "store", **SETTINGS}
    for _ in range(2):
        with pytest.raises(RuntimeError, match="1 of 9 points failed, the first with:(.|\n)*away for now"):
            phase_diagram(fragile, PLANE, ring, **settings)
        hindrance.unlink(missing_ok=True)
    again = phase_diagram(fragile, PLANE, ring, retry_failed=True, **settings)
    assert again.identical(phase_diagram(radius, PLANE, ring, **{**settings, "store": None}))


def test_a_store_of_another_function_is_used_on_demand(tmp_path):
    settings = {"coarse": (3, 3), "refinements": 0, "store": tmp_path / "store", **SETTINGS}
    first = phase_diagram(radius, PLANE, ring, **settings)
    with pytest.raises(StoreError, match="accept_changes=True"):
        phase_diagram(lambda a, b: radius(a, b), PLANE, ring, **settings)
    again = phase_diagram(lambda a, b: radius(a, b), PLANE, ring, accept_changes=True, **settings)
    assert again.identical(first)


@pytest.mark.parametrize("name", ["phase", "is_computed", "uncertainty", "label"])
def test_order_parameters_and_parameters_do_not_have_names_of_the_diagram(name):
    with pytest.raises(ValueError, match=f"order parameters must not be named .*, got {name}"):
        phase_diagram(lambda a, b: {name: a, "other": b}, PLANE, lambda found: "all", **SETTINGS)
    with pytest.raises(ValueError, match=f"parameters in ranges must not be named .*, got {name}"):
        phase_diagram(lambda **place: 1.0, {"a": (0, 1), name: (0, 1)}, lambda found: "all", **SETTINGS)


def test_order_parameters_named_like_parameters_are_told():
    with pytest.raises(RuntimeError, match="81 of 81 points failed(.|\n)*must not have names of parameters .*, got a"):
        phase_diagram(lambda a, b: {"a": b}, PLANE, lambda found: "all", **SETTINGS)


def test_only_numbers_are_in_the_diagram_but_the_label_sees_everything():
    def run(a, b):
        return {"r": radius(a, b), "trace": np.full(3, a), "word": "west" if b < 0 else "east", "z": 1j * a}

    seen = phase_diagram(run, PLANE, lambda found: f"{found.word.item()}{found.trace.size}", **SETTINGS)
    assert set(seen.data_vars) == {"phase", "is_computed", "uncertainty", "r"}
    assert seen.label.values.tolist() == ["east3", "west3"]


def test_order_parameters_are_the_same_at_all_levels(tmp_path):
    def run(a, b):
        return {"value": radius(a, b), **({} if {a, b / 2} <= {-1, 0, 1} else {"more": 1.0})}

    with pytest.raises(
        RuntimeError, match="order parameters must be the same at all points, got value, more and value"
    ):
        phase_diagram(run, PLANE, ring, coarse=(3, 3), refinements=1, **SETTINGS)
    with pytest.raises(RuntimeError, match="points failed.*\n.*it has the results value, more, that one value"):
        phase_diagram(run, PLANE, ring, coarse=(3, 3), refinements=1, store=tmp_path / "store", **SETTINGS)


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
