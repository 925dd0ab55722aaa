from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from aiida_concerted.plotting.style import (
    COLUMN_WIDTH_INCH,
    MARKERS,
    PALETTE,
    TALLER_WHEN_WIDE,
    figure_bytes,
    new_figure,
    new_grid,
    new_panels,
    publication_style,
    temperature_colours,
)


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_the_width_of_their_columns(columns):
    figure, _ = new_figure(columns, height_ratio=0.5)

    width = COLUMN_WIDTH_INCH[columns]
    assert tuple(figure.get_size_inches()) == pytest.approx((width, width / 2))


def test_three_columns_are_refused():
    with pytest.raises(ValueError, match="1 or 2 columns, got 3"):
        new_figure(3)


def test_style_ends_with_its_context():
    before = dict(matplotlib.rcParams)
    with publication_style():
        assert matplotlib.rcParams["font.size"] == 8
    assert dict(matplotlib.rcParams) == before


def test_same_figure_gives_the_same_file():
    def draw() -> bytes:
        with publication_style():
            figure, axes = new_figure()
            axes.plot([1, 2], [3, 4])
            return figure_bytes(figure)

    first = draw()
    assert first == draw()
    assert first.startswith(b"<?xml")


@pytest.mark.parametrize(("file_format", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_figures_are_saved_in_other_formats(file_format, start):
    figure, _ = new_figure()

    assert figure_bytes(figure, file_format).startswith(start)


def test_each_temperature_has_its_colour_whatever_the_order():
    colours = temperature_colours([900, 300, 600, 300])

    assert list(colours) == [300, 600, 900]
    assert len(set(colours.values())) == 3
    assert temperature_colours([600, 900, 300]) == colours
    assert temperature_colours([]) == {}


def test_palette_stays_distinct_without_green_receptors():
    # Deuteranopia in linear RGB after Machado, Oliveira and Fernandes, IEEE TVCG 15, 1291 (2009).
    matrix = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]])
    linear = np.array([matplotlib.colors.to_rgb(colour) for colour in PALETTE]) ** 2.2
    seen = np.clip(linear @ matrix.T, 0.0, 1.0) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen[None, :], axis=2) + np.eye(len(PALETTE))

    assert distances.min() > 0.1
    assert len(set(MARKERS)) == len(PALETTE)


def test_figures_take_the_width_that_is_asked_for_and_no_other_ones():
    with publication_style(columns=2):
        wide, _ = new_figure(height_ratio=1.0)
    with publication_style(columns=1):
        narrow, panels = new_panels(2, width_ratios=[1.0, 2.0], height_ratio=0.4)
        grid, _ = new_grid(5, columns=5)
    usual, _ = new_figure(height_ratio=1.0)

    assert wide.get_size_inches() == pytest.approx([7.2, 3.5 * TALLER_WHEN_WIDE])
    assert narrow.get_size_inches()[0] == grid.get_size_inches()[0] == 3.5
    assert [axes.get_subplotspec().rowspan.start for axes in panels] == [0, 1]
    assert usual.get_size_inches() == pytest.approx([3.5, 3.5])
    with pytest.raises(ValueError, match="1 or 2 columns, got 3"), publication_style(columns=3):
        pass
