"""Maps of networks of two units put energies, basins, patterns and trajectories at their places."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from assocmem import plotting
from assocmem.plotting.landscape import PATTERN_COLOURS, plot_basins, plot_energy

PATTERNS = np.array([[0.0, 1.0], [2.0, 0.5], [np.nan, np.nan]])


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


def over_grid(values):
    n_rows, n_columns = np.shape(values)
    return xr.DataArray(values, dims=("y", "x"), coords={"y": np.arange(n_rows) - 1.0, "x": np.arange(n_columns) * 0.5})


def lines_with_marker(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def test_energies_are_drawn_in_steps_from_lowest_to_highest(ax):
    energy = over_grid(np.arange(12.0).reshape(3, 4) - 3.0)
    assert plot_energy(energy, ax, n_levels=4) is ax
    (contours,) = ax.collections
    np.testing.assert_allclose(contours.levels, [-3.0, -0.25, 2.5, 5.25, 8.0])
    assert ax.get_xlim() == (0.0, 1.5)
    assert ax.get_ylim() == (-1.0, 1.0)
    assert ax.get_aspect() == 1.0


def test_a_power_makes_low_steps_narrow(ax):
    plot_energy(over_grid(np.arange(12.0).reshape(3, 4)), ax, n_levels=2, power=2.0)
    np.testing.assert_allclose(ax.collections[0].levels, [0.0, 2.75, 11.0])


def test_infinite_energies_are_left_out(ax):
    energy = over_grid(np.where(np.eye(4) > 0, np.inf, np.arange(16.0).reshape(4, 4)))
    plot_energy(energy, ax, n_levels=2)
    np.testing.assert_allclose(ax.collections[0].levels, [1.0, 7.5, 14.0])


def test_a_path_starts_at_a_circle_and_patterns_are_squares(ax):
    path = np.array([[0.5, 0.5], [1.0, 0.0], [1.2, -0.5]])
    border = np.array([[0.0, 0.0], [1.0, 1.0]])
    plot_energy(over_grid(np.arange(12.0).reshape(3, 4)), ax, patterns=PATTERNS, path=path, border=border)
    np.testing.assert_array_equal(lines_with_marker(ax, ".")[0].get_xydata(), path)
    np.testing.assert_array_equal(lines_with_marker(ax, "o")[0].get_xydata(), path[:1])
    np.testing.assert_array_equal(lines_with_marker(ax, "s")[0].get_xydata(), PATTERNS)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), border)


def test_basins_have_the_colours_of_their_patterns(ax):
    numbers = np.array([[0, 0, 1], [-1, 1, 1]])
    assert plot_basins(over_grid(numbers), ax, patterns=PATTERNS, border=PATTERNS[:2]) is ax
    mesh = ax.collections[0]
    np.testing.assert_array_equal(mesh.get_array().filled(-1), numbers)
    of_basins = [to_hex(mesh.cmap(mesh.norm(number))).upper() for number in (0, 1)]
    of_patterns = [line.get_color() for line in lines_with_marker(ax, "s")]
    assert of_basins == of_patterns[:2] == list(PATTERN_COLOURS[:2])


@pytest.mark.parametrize("draw", [plot_energy, plot_basins])
def test_values_must_lie_on_a_grid(ax, draw):
    values = over_grid(np.arange(6).reshape(2, 3))
    with pytest.raises(ValueError, match="must have the dimensions y and x"):
        draw(values.T, ax)
    with pytest.raises(ValueError, match="must have an increasing coordinate 'x'"):
        draw(values.isel(x=slice(None, None, -1)), ax)
    with pytest.raises(ValueError, match="must have an increasing coordinate 'y'"):
        draw(values.drop_vars("y"), ax)
    with pytest.raises(ValueError, match="patterns must have shape"):
        draw(values, ax, patterns=np.zeros((2, 3)))


def test_a_constant_energy_has_no_steps(ax):
    with pytest.raises(ValueError, match="energy must have different values"):
        plot_energy(over_grid(np.ones((2, 3))), ax)


def test_basins_need_a_colour_each(ax):
    with pytest.raises(ValueError, match=r"basins must be in -1\.\.1, got 0\.\.2"):
        plot_basins(over_grid(np.arange(3).reshape(1, 3).repeat(2, axis=0)), ax, colours=("red", "blue"))
