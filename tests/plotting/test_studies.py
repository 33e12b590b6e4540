"""Figures of studies show the numbers that they were given, with names on their axes."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from assocmem import plotting
from assocmem.analysis import extrapolated_capacity
from assocmem.plotting.studies import (
    plot_basin_radius,
    plot_branches,
    plot_capacity,
    plot_extrapolation,
    plot_lyapunov,
    plot_scan,
)
from assocmem.scan import Zipped, scan
from tests.scan import functions

HERE = {"workers": 0, "progress": False}


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


def errors_of(ax):
    return np.array([segment[:, 1] for segment in ax.containers[0].lines[2][0].get_segments()])


def test_a_scan_of_one_parameter_is_a_curve_with_standard_errors(ax):
    result = scan(functions.noisy, {"a": [0.0, 1.0, 2.0]}, repeats=9, **HERE)
    assert plot_scan(result, "value", ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), result.value.values.mean(axis=1))
    widths = np.diff(errors_of(ax), axis=1)[:, 0]
    np.testing.assert_allclose(widths, 2 * result.value.values.std(axis=1, ddof=1) / 3)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "value")


def test_a_scan_of_two_parameters_is_a_map_with_its_cells_around_the_values(ax):
    result = scan(functions.product, {"a": [1.0, 2.0], "b": [0.0, 1.0, 4.0]}, **HERE)
    plot_scan(result, "value", ax)
    (mesh,) = ax.collections
    np.testing.assert_array_equal(mesh.get_array(), [[0, 1, 4], [0, 2, 8]])
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [-0.5, 0.5, 2.5, 5.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "a")


def test_failed_points_of_a_map_are_left_out(ax):
    result = scan(functions.failing, {"a": [1, 2]}, **HERE).expand_dims(b=[1, 2])
    plot_scan(result, "value", ax)
    assert ax.collections[0].get_array().mask.tolist() == [[False, True], [False, True]]


def test_words_and_lists_of_points_have_their_names(ax):
    result = scan(functions.product, {"a": {"one": 1, "two": 2}}, fixed={"b": 2}, **HERE)
    plot_scan(result, "value", ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["one", "two"]
    plot_scan(scan(functions.product, Zipped(a=[3, 1], b=[1, 1]), **HERE), "value", ax)
    assert ax.get_xlabel() == "a"


@pytest.mark.parametrize("value", ["word", 1j])
def test_words_and_complex_numbers_are_refused(ax, value):
    with pytest.raises(ValueError, match="name must be a real number at each point, got 'value' of the type "):
        plot_scan(scan(lambda a: value, {"a": [1, 2]}, **HERE), "value", ax)


@pytest.mark.parametrize("kind", [float, int, bool])
def test_axes_of_a_map_increase_whatever_the_order_of_values(ax, kind):
    values = {float: [0.3, 0.1, 0.2], int: [3, 1, 2], bool: [True, False]}[kind]
    result = scan(functions.product, {"a": values, "b": [2.0, 1.0]}, **HERE)
    plot_scan(result, "value", ax)
    (mesh,) = ax.collections
    np.testing.assert_array_equal(mesh.get_array(), np.outer(sorted(values), [1, 2]))
    places = mesh.get_coordinates()[:, 0, 1]
    middles = (places[1:] + places[:-1]) / 2
    np.testing.assert_allclose(middles, sorted(values), rtol=1e-12)  # sums of two numbers
    if kind is bool:
        assert [label.get_text() for label in ax.get_yticklabels()] == ["False", "True"]


def test_words_of_a_map_keep_their_order(ax):
    result = scan(functions.product, {"a": {"two": 2, "one": 1}, "b": [1, 2]}, **HERE)
    plot_scan(result, "value", ax)
    np.testing.assert_array_equal(ax.collections[0].get_array(), [[2, 4], [1, 2]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["two", "one"]


def test_a_curve_runs_from_left_to_right(ax):
    result = scan(functions.noisy, {"a": [2.0, 0.0, 1.0]}, repeats=3, **HERE)
    plot_scan(result, "value", ax)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), result.value.values.mean(axis=1)[[1, 2, 0]])


@pytest.mark.parametrize("second", [{}, {"b": [1, 2]}], ids=["curve", "map"])
@pytest.mark.parametrize("name", [r"$\frac$", "$a_$", r"\$x$", "cost in $"])
def test_names_and_words_are_drawn_literally(ax, name, second):
    result = scan(lambda a, b=1: {name: float(b)}, {"a": {name: 1, "other": 2}, **second}, **HERE)
    plot_scan(result, name, ax)
    ax.figure.canvas.draw()
    texts = [text for text in ax.figure.findobj(Text) if text.get_text() == name]
    assert len(texts) >= 2  # the axis or the colour bar, and a tick
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize(("name", "message"), [("status", "name must be a result"), ("rate", "name must be a number")])
def test_other_names_are_refused(ax, name, message):
    with pytest.raises(ValueError, match=message):
        plot_scan(scan(functions.labelled, {"a": [1.0]}, **HERE), name, ax)


def test_a_capacity_curve_has_its_fit_and_theory(ax):
    data = {"retrieved": [1.0, 0.5, 0.0], "low": [0.9, 0.4, 0.0], "high": [1.0, 0.6, 0.1], "load": [0.1, 0.2, 0.3]}
    curve = xr.Dataset({name: ("n_patterns", values) for name, values in data.items()})
    threshold = xr.Dataset({"threshold": 0.2, "slope_width": 0.01}, attrs={"probability": 0.5, "scale": "linear"})
    plot_capacity(curve, ax, threshold=threshold, theory=0.138)
    np.testing.assert_allclose(errors_of(ax), [[0.9, 1.0], [0.4, 0.6], [0.0, 0.1]])
    fit = next(line for line in ax.lines if len(line.get_xdata()) == 200)
    assert np.interp(0.2, *fit.get_data()) == pytest.approx(0.5, abs=0.01)
    assert any(np.allclose(line.get_xdata(), 0.138) for line in ax.lines)


def test_a_capacity_curve_may_be_one_of_logarithms(ax):
    data = {name: ("n_patterns", values) for name, values in (("retrieved", [1.0, 0.0]), ("low", [0.9, 0.0]))}
    curve = xr.Dataset(data | {"high": ("n_patterns", [1.0, 0.1])}, {"n_patterns": [10, 1000]}, {"n_units": 10})
    attrs = {"probability": 0.5, "scale": "log"}
    plot_capacity(curve, ax, threshold=xr.Dataset({"threshold": 0.46, "slope_width": 0.01}, attrs=attrs))
    np.testing.assert_allclose(ax.containers[0].lines[0].get_xdata(), np.log([10, 1000]) / 10)
    assert ax.get_xlabel() == "load (log patterns / unit)"


def test_an_extrapolation_has_its_thresholds_its_line_and_its_limit(ax):
    values = {"capacity": 0.14, "capacity_error": 0.002, "amplitude": 0.5}
    data = values | {"threshold": ("n_units", [0.19, 0.165]), "threshold_error": ("n_units", [0.003, 0.001])}
    limit = xr.Dataset(data, {"n_units": [100, 400]}, {"exponent": 0.5})
    assert plot_extrapolation(limit, ax, theory=0.138) is ax
    measured, end = ax.containers
    np.testing.assert_allclose(measured.lines[0].get_xydata(), [[0.1, 0.19], [0.05, 0.165]])
    np.testing.assert_allclose(np.ptp(errors_of(ax), axis=1), [0.006, 0.002])
    np.testing.assert_allclose(end.lines[0].get_xydata(), [[0.0, 0.14]])
    line = next(line for line in ax.lines if line.get_xdata()[0] == 0 and len(line.get_xdata()) == 2)
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.14], [0.1, 0.19]])
    assert any(np.allclose(line.get_ydata(), 0.138) for line in ax.lines)


@pytest.mark.parametrize(("scale", "unit"), [("linear", "patterns / unit"), ("log", "log patterns / unit")])
def test_an_extrapolation_is_labelled_with_its_scale(ax, scale, unit):
    thresholds = []
    for n_units, value in ((100, 0.19), (200, 0.17), (400, 0.16)):
        data = {"threshold": value, "threshold_error": 0.01, "threshold_draws": ("draw", [value, value + 0.01])}
        thresholds.append(xr.Dataset(data, attrs={"n_units": n_units, "scale": scale, "probability": 0.5}))
    plot_extrapolation(extrapolated_capacity(thresholds, exponent=0.5), ax)
    assert ax.get_ylabel() == f"threshold ({unit})"


def test_radii_that_are_bounds_are_open(ax):
    data = {"radius": [0.3, 1.0], "low": [0.2, 1.0], "high": [0.4, 1.0], "is_censored": [False, True]}
    radius = xr.Dataset({n: ("pattern", v) for n, v in data.items()}, {"pattern": [0, 1]}, {"largest": 1.0})
    plot_basin_radius(radius, ax, corruption="noise")
    fills = [container.lines[0].get_markerfacecolor() for container in ax.containers]
    assert fills[1] == "none" != fills[0]
    assert ax.get_ylabel() == "noise"


def test_branches_are_dashed_where_unstable(ax):
    p = np.linspace(-1, 1, 5)
    data = {"parameter": p, "branch": np.zeros(5, int), "n_unstable": (p > 0).astype(int), "kind": [0, 0, 2, 0, 0]}
    branches = xr.Dataset({n: ("point", v) for n, v in data.items()} | {"state": (("point", "unit"), p[:, None])})
    plot_branches(branches, ax, parameter="gain")
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "None"]
    assert ax.get_legend().get_texts()[0].get_text() == "branch point"
    assert ax.get_xlabel() == "gain"


def test_exponents_are_named_by_their_values(ax):
    running = xr.DataArray(np.ones((1, 2, 3)), dims=("trajectory", "rank", "time"), coords={"time": [1.0, 2.0, 3.0]})
    exponents = xr.Dataset({"running": running, "lyapunov_exponent": (("trajectory", "rank"), [[0.5, -0.25]])})
    plot_lyapunov(exponents, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.5", "-0.25"]
