from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from aiida_concerted.plotting.transport import (
    DisplacementCurve,
    plot_arrhenius_diffusivity,
    plot_displacements,
    plot_haven_ratios,
    plot_plane_share,
)
from tests.plotting.drawn import bars, errorbars, has_unit, lines, points

T = np.array([600.0, 800.0, 1000.0])
D = np.array([6e-10, 1.8e-9, 3.6e-9])


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def test_diffusivities_are_drawn_where_they_belong_with_their_errors(axes):
    plot_arrhenius_diffusivity(axes, TemperatureSeries.with_stderr("this study", T, D, 0.1 * D))

    drawn = errorbars(axes)["this study"]
    np.testing.assert_allclose(points(drawn), np.column_stack([1000 / T, D]))
    np.testing.assert_allclose(bars(drawn)[:, 1], D * (1 + 0.196), rtol=1e-3)
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_shifted_points_are_inside_the_axes(axes):
    plot_plane_share(axes, TemperatureSeries.with_stderr("ours", T, [0.3, 0.4, 0.5], [0.1, 0.05, 0.02]))

    left, right = axes.get_xlim()
    assert left < 1000 / T.max() < 1000 / T.min() < right


def test_fit_band_and_extrapolation_are_drawn(axes):
    fit = ArrheniusLine(5e-8, 0.23, (600, 1000), np.array([[4e-4, 5e-3], [5e-3, 0.09]]), label="fit")
    series = TemperatureSeries.of("this study", T, D)
    plot_arrhenius_diffusivity(axes, series, fit=fit, extrapolate_to_K=300)

    (line,), (beyond,) = lines(axes, "fit"), lines(axes, "_beyond")
    np.testing.assert_allclose(line[:, 1], fit.evaluate(1000 / line[:, 0]))
    assert line[[0, -1], 0] == pytest.approx([1.0, 1000 / 600])
    assert beyond[[0, -1], 0] == pytest.approx([1000 / 600, 1000 / 300])
    assert len(axes.collections) == 1 + 1  # the error bars and the band


def test_published_values_are_drawn_beside(axes):
    paper = TemperatureSeries.of("published", [300], [7.1e-12])
    line = ArrheniusLine(5.2e-8, 0.23, (250, 1200), label="published line")
    plot_arrhenius_diffusivity(axes, TemperatureSeries.of("ours", T, D), references=[paper], reference_line=line)

    np.testing.assert_allclose(points(errorbars(axes)["published"]), [[1000 / 300, 7.1e-12]])
    assert len(lines(axes, "published line")) == 1
    assert {text.get_text() for text in axes.figure.legends[0].get_texts()} == {"ours", "published", "published line"}


def test_doubtful_diffusivities_are_hollow(axes):
    good, bad = TemperatureSeries.of("good", T[1:], D[1:]), TemperatureSeries.of("doubtful", T[:1], D[:1])
    plot_arrhenius_diffusivity(axes, good, doubtful=bad)

    assert errorbars(axes)["doubtful"].lines[0].get_markerfacecolor() == "white"
    assert errorbars(axes)["good"].lines[0].get_markerfacecolor() != "white"


def test_zero_diffusivity_is_drawn_as_its_upper_bound(axes):
    series = TemperatureSeries.of("ours", T, [0.0, *D[1:]], [None] * 3, [1e-10, 2e-9, 4e-9])
    plot_arrhenius_diffusivity(axes, series)

    assert len(points(errorbars(axes)["ours"])) == 2
    np.testing.assert_allclose(lines(axes, "_at_most")[0], [[1000 / 600, 1e-10]])


def test_temperatures_stand_on_the_upper_axis_without_touching(axes):
    many = np.array([250, 275, 300, 325, 350, 400, 450, 500, 600, 800, 1000, 1200.0])
    plot_arrhenius_diffusivity(axes, TemperatureSeries.of("ours", many, 5e-8 * np.exp(-2670 / many)))

    top = axes.figure.axes[1]
    ticks = top.get_xticks()
    assert top.get_xlabel() == "T (K)"
    assert np.diff(ticks).min() >= 0.075 * np.ptp(axes.get_xlim())
    assert next(tick.get_text() for tick in top.get_xticklabels()) == "1200"
    np.testing.assert_allclose(top.get_xlim(), axes.get_xlim())


def test_displacements_are_drawn_for_each_temperature_and_the_fitted_part_thick(axes):
    lag = np.arange(1, 101) * 0.1
    curves = [DisplacementCurve(t, lag, 6e8 * d * lag, (2.0, 5.0)) for t, d in zip(T, D, strict=True)]
    plot_displacements(axes, curves)

    (drawn,) = lines(axes, "800 K")
    np.testing.assert_allclose(drawn, np.column_stack([lag, 6e8 * D[1] * lag]))
    assert {(part[0, 0], part[-1, 0]) for part in lines(axes, "_fitted")} == {(lag[19], lag[49])}
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_displacements_that_are_zero_do_not_break_the_logarithm(axes):
    lag = np.arange(0, 5) * 0.1
    plot_displacements(axes, [DisplacementCurve(600, lag, np.zeros(5))])

    assert lines(axes, "600 K")[0].shape == (0, 2)
    assert figure_bytes(axes.figure)


def test_plane_share_is_drawn_with_the_isotropic_value(axes):
    plot_plane_share(axes, TemperatureSeries.with_stderr("ours", T, [0.3, 0.4, 0.5], [0.1, 0.05, 0.02]))

    np.testing.assert_allclose(points(errorbars(axes)["ours"])[:, 1], [0.5, 0.4, 0.3][::-1])
    assert lines(axes, "isotropic, 2/3")[0][0, 1] == pytest.approx(2 / 3)
    assert has_unit(axes.get_ylabel())


@pytest.mark.parametrize("plot", [plot_arrhenius_diffusivity, plot_plane_share, plot_haven_ratios])
def test_nothing_to_show_is_no_error(axes, plot):
    plot(axes, TemperatureSeries.of("ours", [], []))

    assert figure_bytes(axes.figure)


def test_no_displacements_are_said_to_be_none(axes):
    plot_displacements(axes, [])

    assert axes.texts[0].get_text() == "no displacements"


def test_haven_ratios_are_drawn_with_open_intervals_and_the_value_of_independent_carriers(axes):
    plot_haven_ratios(axes, TemperatureSeries.of("ours", T, [0.4, 0.5, 0.45], [0.3, 0.4, 0.3], [None, 1.6, 0.7]))

    np.testing.assert_allclose(bars(errorbars(axes)["ours"]), [[0.3, 0.4], [0.4, 1.6], [0.3, 0.7]])
    assert lines(axes, "independent, 1")[0][0, 1] == 1.0
    assert axes.get_ylim()[1] > 1.6
    assert has_unit(axes.get_ylabel())
