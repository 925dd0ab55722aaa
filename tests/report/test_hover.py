from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.plotting import (
    TemperatureSeries,
    figure_bytes,
    new_figure,
    plot_plane_share,
    plot_vacancy_energies,
    publication_style,
)
from aiida_concerted.plotting.site_strip import plot_site_strip
from aiida_concerted.report.figures.hover import hover_points, plain_text


@pytest.fixture
def drawn():
    with publication_style():
        figure, axes = new_figure()
        yield figure, axes


def points(figure):
    figure_bytes(figure, "svg")
    return hover_points(figure)


def test_points_lie_where_they_are_drawn_and_say_their_values_and_intervals(drawn):
    figure, axes = drawn
    plot_plane_share(axes, TemperatureSeries.with_stderr("this study", [600, 800], [0.3, 0.4], [0.01, 0.02]))
    found = points(figure)

    assert [text for *_, text in found] == [
        "this study; 600 K; ab share of D 0.30 (0.28–0.32)",
        "this study; 800 K; ab share of D 0.40 (0.36–0.44)",
    ]
    for (x, y, _), place in zip(found, [(1000 / 600, 0.3), (1000 / 800, 0.4)], strict=True):
        expected = axes.transData.transform(place) / [figure.bbox.width, figure.bbox.height]
        # Series are shifted by fractions of a point, so that they stay apart.
        np.testing.assert_allclose([x, 1 - y], expected, atol=0.002)


def test_guides_and_marks_that_no_legend_names_are_left_out(drawn):
    figure, axes = drawn
    axes.axhline(0.5, label="guide")
    axes.plot([0, 1], [0, 1], label="_line")
    axes.plot([0.5], [0.5], "o", label="mark")

    assert [text for *_, text in points(figure)] == ["mark; 0.500; 0.500"]


def test_named_places_on_an_axis_are_told_by_name(drawn):
    figure, axes = drawn
    plot_vacancy_energies(axes, {"Li1": [3.0], "Li2": [3.2, 3.3]})
    texts = [text for *_, text in points(figure)]

    assert texts == [
        "Li1; Li1 (n = 1); formation energy 3.00 eV",
        "Li2; Li2 (n = 2); formation energy 3.20 eV",
        "Li2; Li2 (n = 2); formation energy 3.30 eV",
    ]


def test_cells_of_a_small_map_tell_theirs(drawn):
    figure, axes = drawn
    plot_site_strip(axes, {600.0: np.array([0.25, 0.5, 1.0])}, ["Li1", "Li1", "Li2"])

    assert [text for *_, text in points(figure)] == [
        "Li1 (2); 600 K; occupancy 0.250",
        "Li1 (2); 600 K; occupancy 0.500",
        "Li2 (1); 600 K; occupancy 1.00",
    ]


def test_many_points_are_thinned(drawn):
    figure, axes = drawn
    for number in range(60):
        axes.plot(np.linspace(0, 1, 500), np.full(500, number), label=f"curve {number}")

    assert 1000 < len(points(figure)) <= 2000


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        ("D (m$^2$ s$^{-1}$)", "D (m² s⁻¹)"),
        ("fit, $E_a$ = 0.2 eV", "fit, Eₐ = 0.2 eV"),
        ("D (10$^{-9}$ m$^2$ s$^{-1}$)", "D (10⁻⁹ m² s⁻¹)"),
        ("nothing", "nothing"),
    ],
)
def test_formulas_become_text(label, plain):
    assert plain_text(label) == plain
