"""Phase diagrams put values at their parameters, name regions in their middle, and carry lines and labels."""

import numpy as np
import pytest
import xarray as xr

from assocmem import plotting
from assocmem.plotting.phase_diagram import plot_phase_diagram, plot_phases, plot_refined_phases
from assocmem.scan import phase_diagram


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


def grid(values, **attrs):
    n_rows, n_columns = np.shape(values)
    attributes = {"units": "1", "long_name": "hetero strength", "symbol": "$h$"}
    coords = {"a": np.arange(n_rows) * 0.5, "h": ("h", np.arange(n_columns) * 2.0, attributes)}
    return xr.DataArray(values, dims=("a", "h"), coords=coords, attrs={"units": "1"} | attrs)


@pytest.fixture
def phases():
    numbers = np.zeros((10, 20), dtype=int)
    numbers[:, 12:] = 1
    numbers[0, 0] = 2
    return grid(numbers, flag_meanings="quiet co_active rare")


def test_values_are_drawn_at_their_parameters(ax):
    values = grid(np.arange(12.0).reshape(3, 4), units="mV")
    assert plot_phase_diagram(values, ax, x="h", name="order", symbol="$q$", limits=(0, 20)) is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_extent() == [-1.0, 7.0, -0.25, 1.25]
    assert image.get_clim() == (0, 20)
    assert image.origin == "lower"
    assert image.colorbar.ax.get_ylabel() == "order $q$ (mV)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("hetero strength $h$", "a")


def test_the_named_dimension_lies_along_the_horizontal_axis(ax):
    values = grid(np.arange(12.0).reshape(3, 4))
    plot_phase_diagram(values, ax, x="a", colour_bar=None)
    np.testing.assert_array_equal(ax.images[0].get_array(), values.T)
    assert ax.get_xlabel() == "a"
    assert ax.images[0].colorbar is None


def test_a_colour_bar_on_top_has_its_label_there(ax):
    plot_phase_diagram(grid(np.eye(3)), ax, x="h", name="order", colour_bar="top")
    assert ax.images[0].colorbar.ax.get_xlabel() == "order"


def test_large_regions_are_named_in_their_middle(ax, phases):
    assert plot_phases(phases, ax, x="h") is ax
    texts = {text.get_text(): text.get_position() for text in ax.texts}
    assert set(texts) == {"quiet", "co active"}  # a region of one cell has no room for a name
    assert phases.sel(h=texts["quiet"][0], a=texts["quiet"][1]) == 0
    assert abs(texts["co active"][0] - 31.0) <= 3.0  # columns 12 to 19, h = 24 to 38
    assert abs(texts["co active"][1] - 2.25) <= 0.75


def test_borders_run_between_cells_of_different_phases(ax, phases):
    plot_phases(phases, ax, x="h")
    segments = np.array(ax.collections[0].get_segments())
    assert len(segments) == 10 + 2  # between columns 11 and 12, and around the corner
    upright = segments[segments[:, 0, 0] == segments[:, 1, 0]]
    assert set(upright[:, 0, 0]) == {1.0, 23.0}
    plot_phase_diagram(phases.astype(float), ax, x="h", phases=phases)
    np.testing.assert_array_equal(ax.collections[1].get_segments(), segments)


def test_lines_of_a_theory_have_their_labels_and_do_not_move_the_limits(ax, phases):
    curves = {"rule": ([-50.0, 50.0], [-9.0, 9.0]), "other rule": ([0.0, 1.0], [0.0, np.nan])}
    plot_phases(phases, ax, x="h", curves=curves)
    assert ax.get_legend_handles_labels()[1] == ["rule", "other rule"]
    assert ax.get_xlim() == (-1.0, 39.0)
    assert ax.get_ylim() == (-0.25, 4.75)
    plot_phase_diagram(phases.astype(float), ax, x="h", curves=curves)
    assert ax.get_legend_handles_labels()[1] == ["rule", "other rule"] * 2


@pytest.mark.parametrize(
    ("values", "x", "message"),
    [
        (grid(np.eye(3)), "beta", "values must have two dimensions, one of them 'beta', got"),
        (grid(np.eye(3)).expand_dims("network"), "h", "values must have two dimensions"),
        (grid(np.eye(3)).drop_vars("a"), "h", "values must have an increasing, evenly spaced coordinate 'a'"),
        (grid(np.eye(3)).assign_coords(a=[0, 1, 5]), "h", "values must have an increasing, evenly spaced coordinate"),
        (grid(np.eye(3)).isel(h=slice(None, None, -1)), "h", "values must have an increasing"),
    ],
)
def test_values_on_no_even_grid_are_refused(ax, values, x, message):
    with pytest.raises(ValueError, match=message):
        plot_phase_diagram(values, ax, x=x)


def test_phases_without_names_are_refused(ax, phases):
    with pytest.raises(ValueError, match=r"phases must be in 0..0, which have names .* got 0..2"):
        plot_phases(phases.assign_attrs(flag_meanings="quiet"), ax, x="h")
    with pytest.raises(ValueError, match=r"phases must be in 0..1, which have names"):
        plot_phases(phases, ax, x="h", colours=("red", "blue"))


def noisy_sign(a, b, seed):
    return a + 0.3 * b + 0.05 * np.random.default_rng(seed).standard_normal()


def test_refined_phases_show_where_they_were_computed_and_where_repeats_disagree(ax):
    settings = {"coarse": (5, 3), "refinements": 2, "repeats": 3, "workers": 0, "progress": False}
    label = lambda found: "on side" if float(found.value) > 0 else "off"  # noqa: E731
    diagram = phase_diagram(noisy_sign, {"a": (-1.0, 1.0), "b": (-2.0, 2.0)}, label, **settings)
    assert plot_refined_phases(diagram, ax, x="b", curves={"theory": ([0, 1], [0.0, -0.3])}) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), diagram.phase)
    dots = next(line for line in ax.lines if line.get_label().startswith("computed"))
    assert dots.get_label() == f"computed ({diagram.attrs['n_runs'] // 3})"
    rows, columns = np.nonzero(diagram.is_computed.values)
    np.testing.assert_array_equal(dots.get_xdata(), diagram.b.values[columns])
    np.testing.assert_array_equal(dots.get_ydata(), diagram.a.values[rows])
    circles = ax.collections[-1]
    unsure = (diagram.uncertainty > 0).values
    assert 0 < unsure.sum() == len(circles.get_offsets())
    np.testing.assert_allclose(circles.get_sizes(), 12 * diagram.uncertainty.values[unsure])
    assert {text.get_text() for text in ax.texts} == {"off", "on side"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "a")


@pytest.mark.parametrize(
    "names", [("", "on"), ("on_off", "a  b"), ("$\\frac$", "$a_$")], ids=["none", "blanks", "math"]
)
def test_labels_of_refined_phases_are_drawn_as_they_are(ax, names):
    settings = {"coarse": (5, 3), "refinements": 1, "workers": 0, "progress": False}
    label = lambda found: names[int(float(found.value) > 0)]  # noqa: E731
    diagram = phase_diagram(lambda a, b: a + 0.3 * b, {"a": (-1.0, 1.0), "b": (-2.0, 2.0)}, label, **settings)
    plot_refined_phases(diagram, ax, x="b")
    ax.figure.canvas.draw()
    assert {text.get_text() for text in ax.texts} == set(names)
    assert {ax.images[0].get_array()[-1, -1], ax.images[0].get_array()[0, 0]} == {0, 1}


def test_errors_of_refined_phases_speak_of_the_diagram(ax):
    settings = {"coarse": (2, 2), "refinements": 0, "workers": 0, "progress": False}
    diagram = phase_diagram(
        lambda a, b: a, {"a": (0, 1), "b": (0, 1)}, lambda found: str(found.value.item()), **settings
    )
    with pytest.raises(ValueError, match="diagram must have two dimensions, one of them 'c', got"):
        plot_refined_phases(diagram, ax, x="c")
    with pytest.raises(ValueError, match=r"diagram must have at most as many phases as colours, 1, got 2"):
        plot_refined_phases(diagram, ax, x="b", colours=("red",))
