from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.sites import plot_occupancies, plot_residence_times, plot_site_raster
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import bars, errorbars, has_unit, lines, points, texts

T = np.array([600.0, 800.0])


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def test_occupancies_are_drawn_by_label_with_published_values_in_the_same_colour(axes):
    series = [
        TemperatureSeries.with_stderr("Li1", T, [0.47, 0.48], [0.01, 0.01]),
        TemperatureSeries.with_stderr("Li2", T, [0.99, 0.95], [0.01, 0.02]),
    ]
    plot_occupancies(axes, series, references=[TemperatureSeries.of("Li2", [300], [1.0])])

    drawn = errorbars(axes)
    np.testing.assert_allclose(points(drawn["Li2"]), np.column_stack([1000 / T, [0.99, 0.95]]))
    np.testing.assert_allclose(points(drawn["_Li2"]), [[1000 / 300, 1.0]])
    assert drawn["_Li2"].lines[0].get_color() == drawn["Li2"].lines[0].get_color()
    assert has_unit(axes.get_ylabel())
    assert {text.get_text() for text in axes.figure.legends[0].get_texts()} == {"Li1", "Li2"}


def test_series_at_one_temperature_are_drawn_side_by_side(axes):
    plot_occupancies(axes, [TemperatureSeries.of(label, [600], [0.5]) for label in ("Li1", "Li2")])

    first, second = (errorbars(axes)[label].lines[0] for label in ("Li1", "Li2"))
    places = [line.get_transform().transform(line.get_xydata())[0] for line in (first, second)]
    assert places[1][0] - places[0][0] > 2.0
    assert places[1][1] == pytest.approx(places[0][1])


def test_residence_times_are_drawn_with_intervals_that_may_be_open(axes):
    series = [TemperatureSeries.of("Li1", T, [5.0, 2.0], [3.0, 1.5], [None, 2.6])]
    fit = ArrheniusLine(0.1, 0.2, (600, 800), rises=True)
    plot_residence_times(axes, series, fits={"Li1": fit})

    np.testing.assert_allclose(bars(errorbars(axes)["Li1"]), [[3.0, 5.0], [1.5, 2.6]])
    (line,) = lines(axes, "_fit")
    assert line[0, 1] < line[-1, 1]  # longer in the cold
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_ylabel())


def test_a_label_that_no_carrier_left_is_left_out(axes):
    plot_residence_times(axes, [TemperatureSeries.of("Li2", T, [None, 3.0])])

    assert points(errorbars(axes)["Li2"]).shape == (1, 2)
    assert figure_bytes(axes.figure)


def test_no_residence_times_are_said_to_be_none(axes):
    plot_residence_times(axes, [])

    assert texts(axes) == "no carrier left a site"


def history(n_frames: int = 6) -> SiteHistory:
    dense = np.array([[0, 2]] * (n_frames // 2) + [[1, 1]] * (n_frames - n_frames // 2))
    return SiteHistory.from_dense(dense, 0.5, ("Li1", "Li3", "Li1"))


def test_raster_shows_each_site_over_time_in_the_order_of_the_labels(axes):
    plot_site_raster(axes, history(), label_order=("Li3", "Li1"))

    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), [[0, 0, 0, 2, 2, 2], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]])
    assert image.get_extent()[:2] == [0.0, 3.0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Li3 (1)", "Li1 (2)"]
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_long_history_is_thinned_without_losing_its_length(axes):
    plot_site_raster(axes, history(5000))

    (image,) = axes.images
    assert image.get_array().shape[1] <= 600
    assert image.get_extent()[1] == pytest.approx(2500.0, rel=0.01)


def test_label_order_that_lacks_a_label_is_refused(axes):
    with pytest.raises(ValueError, match="Li3"):
        plot_site_raster(axes, history(), label_order=("Li1",))


def test_times_of_few_decades_have_plain_numbers(axes):
    plot_residence_times(axes, [TemperatureSeries.of("Li1", T, [40.0, 3.0])])
    axes.figure.draw_without_rendering()

    assert {"5", "10", "20"} <= {tick.get_text() for tick in axes.get_yticklabels(which="both")}


def test_times_of_many_decades_have_powers_of_ten(axes):
    plot_residence_times(axes, [TemperatureSeries.of("Li1", T, [40000.0, 3.0])])
    axes.figure.draw_without_rendering()

    assert "10^{3}" in " ".join(tick.get_text() for tick in axes.get_yticklabels())
