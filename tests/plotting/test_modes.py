from __future__ import annotations

import numpy as np

from aiida_concerted.plotting.modes import plot_mode_frequencies
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import bars, errorbars, has_unit, lines, points, texts

T = np.array([600.0, 800.0, 1000.0])


def draw(series, **options):
    with publication_style():
        figure, axes = new_figure()
        plot_mode_frequencies(axes, series, **options)
        assert figure_bytes(figure)
    return axes


def test_frequencies_are_drawn_with_their_intervals_and_fits():
    series = TemperatureSeries.of("Li4-Li1-Li3", T, [1e10, 3e10, 6e10], [5e9, 2e10, 5e10], [2e10, 4e10, 7e10])
    fit = ArrheniusLine(5e11, 0.2, (600, 1000))
    axes = draw([series], fits={"Li4-Li1-Li3": fit})

    drawn = errorbars(axes)["Li4-Li1-Li3"]
    np.testing.assert_allclose(points(drawn), np.column_stack([1000 / T, series.value]))
    np.testing.assert_allclose(bars(drawn), np.column_stack([series.lower, series.upper]))
    (line,) = lines(axes, "_fit")
    np.testing.assert_allclose(line[:, 1], fit.evaluate(1000 / line[:, 0]))
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_ylabel())


def test_modes_without_events_show_their_upper_bound_and_modes_without_fit_are_named():
    series = TemperatureSeries.of("Li2-Li3-Li2", T, [0.0, 0.0, 1e9], [None, None, 1e8], [3e9, 2e9, 4e9])
    axes = draw([series], without_fit=["Li2-Li3-Li2"])

    np.testing.assert_allclose(lines(axes, "_at_most")[0][:, 1], [3e9, 2e9])
    assert axes.figure.legends[0].get_title().get_text() == "no fit: Li2-Li3-Li2"


def test_missing_modes_do_not_break_the_figure():
    axes = draw([TemperatureSeries.of("Li2-Li3-Li1", T, [None, None, None])])

    assert points(errorbars(axes)["Li2-Li3-Li1"]).shape == (0, 2)


def test_no_modes_at_all_are_said_to_be_none():
    assert texts(draw([])) == "no concerted hops were seen"
