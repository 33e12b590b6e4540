"""Windows are shaded where they are; mean courses have a band of one standard error."""

import numpy as np
import pytest
import xarray as xr

from assocmem import plotting
from assocmem.plotting.windows import plot_mean_course, plot_windows


@pytest.fixture
def ax():
    with plotting.style():
        _, axes = plotting.make_figure(width="column", height=50)
    return axes[0]


def test_each_window_is_a_span_with_its_name(ax):
    assert plot_windows([("push", 1, 3), ("pull", 3, 6)], ax) is ax
    assert [(patch.get_x(), patch.get_width()) for patch in ax.patches] == [(1, 2), (3, 3)]
    assert [text.get_text() for text in ax.texts] == ["push", "pull"]


def test_names_of_overlapping_windows_do_not_collide(ax):
    plot_windows([("pull", 1, 4), ("push", 3, 6), ("pull", 7, 8)], ax)
    heights = [text.xyann[1] for text in ax.texts]
    assert heights[0] == heights[2] > heights[1]


def test_a_window_must_not_end_before_it_starts(ax):
    with pytest.raises(ValueError, match="windows must end after they start, got 'push' from 3 to 1"):
        plot_windows([("push", 3, 1)], ax)


def test_a_mean_course_has_a_band_of_one_standard_error(ax):
    values = xr.DataArray(
        [[0.0, 2.0], [1.0, 5.0]], dims=("time", "repeat"), coords={"time": [0.0, 1.0]}, attrs={"units": "1"}
    )
    plot_mean_course(values, ax, name="overlap", symbol="$m$", label="mean")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1.0, 3.0])
    corners = ax.collections[0].get_paths()[0].vertices
    # of two values the standard error is half their difference
    assert corners[:, 1].min() == pytest.approx(0.0)
    assert corners[:, 1].max() == pytest.approx(5.0)
    assert ax.get_ylabel() == "overlap $m$"


def test_a_single_course_has_no_band(ax):
    plot_mean_course(xr.DataArray([1.0, 2.0], dims="time", coords={"time": [0, 1]}), ax, name="overlap")
    assert not ax.collections


def test_a_course_of_two_ensembles_is_refused(ax):
    with pytest.raises(ValueError, match="values must have the dimensions"):
        plot_mean_course(xr.DataArray(np.zeros((2, 2, 2)), dims=("time", "a", "b")), ax, name="overlap")
