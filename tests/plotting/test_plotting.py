"""Plot functions draw the data they get, label axes with units, return the axes, and leave no trace."""

import matplotlib
import numpy as np
import pytest
import xarray as xr

from assocmem import plotting

TIME = ("time", [0.0, 5.0, 10.0], {"units": "ms"})


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


@pytest.fixture
def rate():
    values = np.arange(12.0).reshape(3, 4)
    return xr.DataArray(values, dims=("time", "unit"), coords={"time": TIME}, attrs={"units": "Hz"})


def spectrum(values):
    parts = {"eigenvalue_real": np.real(values), "eigenvalue_imag": np.imag(values)}
    return xr.Dataset({name: ("mode", part, {"units": "1/s"}) for name, part in parts.items()})


def test_the_style_is_left_behind_nowhere():
    before = dict(matplotlib.rcParams)
    with plotting.style():
        assert matplotlib.rcParams["font.size"] == 7.5
    assert dict(matplotlib.rcParams) == before


def test_figures_have_the_printed_width():
    figure, axes = plotting.make_figure(2, 3, width="page", height=100)
    np.testing.assert_allclose(25.4 * figure.get_size_inches(), [180.0, 100.0])
    assert axes.shape == (6,)


def test_unknown_widths_and_heights_are_refused():
    with pytest.raises(ValueError, match="width must be one of column, page, got 'wide'"):
        plotting.make_figure(width="wide")
    with pytest.raises(ValueError, match="height must be > 0 mm, got 0"):
        plotting.make_figure(height=0)


def test_panels_are_lettered():
    _, axes = plotting.make_figure(1, 2)
    plotting.label_panels(axes)
    assert [ax.texts[0].get_text() for ax in axes] == ["a", "b"]


def test_trajectories_are_drawn_over_time(ax, rate):
    assert plotting.plot_trajectory(rate, ax) is ax
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[0, 1], [5, 5], [10, 9]])
    assert ax.get_xlabel() == "time $t$ (ms)"
    assert ax.get_ylabel() == "rate $r$ (Hz)"


def test_the_raster_has_units_as_rows(ax, rate):
    assert plotting.plot_raster(rate, ax, n_excitatory=3) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), rate.T)
    assert ax.images[0].colorbar.ax.get_ylabel() == "rate $r$ (Hz)"


def test_the_bundle_shows_the_median(ax, rate):
    values = rate.rename(unit="trajectory").assign_attrs(units="1")
    assert plotting.plot_bundle(values, ax, name="correlation", symbol="$c$") is ax
    np.testing.assert_array_equal(ax.lines[-1].get_ydata(), values.median("trajectory"))
    assert ax.get_ylabel() == "correlation $c$"


def test_variance_starts_at_zero_and_marks_the_onset(ax, rate):
    variance = rate.isel(unit=0).assign_attrs(units="mV^2")
    assert plotting.plot_variance(variance, ax, onset=5.0) is ax
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylabel() == "across-trial variance (mV²)"
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [5.0, 5.0])


def test_the_projection_marks_attractors(ax):
    paths = xr.DataArray(
        np.arange(12.0).reshape(2, 3, 2), dims=("trajectory", "time", "component"), attrs={"units": "Hz"}
    )
    attractors = paths.isel(time=-1).rename(trajectory="pattern")
    assert plotting.plot_projection(paths, ax, attractors=attractors) is ax
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), attractors)
    assert ax.get_xlabel() == "principal component 1 (Hz)"


def test_eigenvalues_are_points_in_the_complex_plane(ax):
    assert plotting.plot_eigenvalues(spectrum([-1 + 2j, -1 - 2j]), ax, label="after") is ax
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), [[-1, 2], [-1, -2]])
    assert ax.get_xlabel() == r"Re $\lambda$ (1/s)"


def test_balance_is_a_square_with_the_line_of_equality(ax):
    currents = xr.Dataset(
        {
            "excitatory": ("unit", [1.0, 4.0], {"units": "mV"}),
            "inhibitory": ("unit", [-2.0, -3.0], {"units": "mV"}),
        }
    )
    assert plotting.plot_balance(currents, ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 2], [4, 3]])
    assert ax.get_xlim() == ax.get_ylim()


def test_weights_leave_out_the_diagonal_and_count_the_weak(ax):
    weights = xr.DataArray([[9.0, 1e-6, -0.5], [0.1, 9.0, -0.5], [0.1, 0.1, 9.0]], dims=("unit", "presynaptic"))
    assert plotting.plot_weights(weights, ax, n_excitatory=2, floor=1e-3) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["excitatory (25 % below 0.001)", "inhibitory (0 % below 0.001)"]


def test_the_history_is_drawn_over_iterations(ax):
    history = xr.Dataset({"cost": ("iteration", [3.0, 1.0])}, coords={"iteration": [1, 2]})
    assert plotting.plot_history(history, ax, labels={"cost": "total"}) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 3], [2, 1]])
    assert ax.get_legend().get_texts()[0].get_text() == "total"


def test_the_retrieval_curve_has_error_bars_within_bounds(ax):
    retrieved = xr.Dataset(
        {
            "fraction": ("noise", [1.0, 0.5]),
            "lower": ("noise", [0.8, 0.4]),
            "upper": ("noise", [1 - 1e-16, 0.6]),
        },
        coords={"noise": [0.5, 1.0]},
    )
    assert plotting.plot_retrieval_curve(retrieved, ax, x="noise", label="mean") is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1.0, 0.5])


def test_images_are_drawn_row_after_row(ax):
    assert plotting.plot_image(xr.DataArray([1.0, 4.0, 9.0, 16.0, 25.0, 36.0], dims="unit"), ax, shape=(2, 3)) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda ax: plotting.plot_trajectory(xr.DataArray([1.0], dims="unit"), ax),
            "must have the dimensions",
        ),
        (lambda ax: plotting.plot_eigenvalues(xr.Dataset(), ax), "missing eigenvalue_real, eigenvalue_imag"),
        (lambda ax: plotting.plot_balance(xr.Dataset(), ax), "missing excitatory, inhibitory"),
        (lambda ax: plotting.plot_weights(xr.DataArray([1.0]), ax, n_excitatory=1), "square matrix"),
        (lambda ax: plotting.plot_history(xr.Dataset(), ax, labels={"cost": "total"}), "missing cost"),
        (lambda ax: plotting.plot_retrieval_curve(xr.Dataset(), ax, x="noise"), "must have fraction over"),
        (lambda ax: plotting.plot_image(xr.DataArray([1.0, 2.0]), ax, shape=(1, 3)), "shape must hold"),
    ],
)
def test_wrong_data_is_refused_by_name(ax, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(ax)
