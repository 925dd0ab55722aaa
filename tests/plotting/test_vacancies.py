from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from aiida_concerted.plotting.vacancies import plot_vacancy_energies
from tests.plotting.drawn import errorbars, has_unit, lines, texts


def draw(energies, **options):
    with publication_style():
        figure, axes = new_figure()
        plot_vacancy_energies(axes, energies, **options)
        assert figure_bytes(figure)
    return axes


def test_every_site_its_mean_and_spread_are_drawn():
    axes = draw({"Li1": [3.0, 3.2, 3.4], "Li2": [3.17]}, references_eV={"Li2": 3.1})

    np.testing.assert_allclose(lines(axes, "_Li1")[0][:, 1], [3.0, 3.2, 3.4])
    assert lines(axes, "_Li2")[0][0].tolist() == pytest.approx([1.0, 3.17])
    assert lines(axes, "_published")[0][0, 1] == 3.1
    means = [segment[0, 1] for item in axes.collections[:1] for segment in item.get_segments()]
    assert means == pytest.approx([3.2])
    (spread,) = errorbars(axes).values()
    np.testing.assert_allclose(np.diff(spread.lines[2][0].get_segments()[0][:, 1]), 2 * np.std([3.0, 3.2, 3.4]))
    assert has_unit(axes.get_ylabel())


def test_sites_count_as_often_as_symmetry_repeats_them():
    axes = draw({"Li1": [3.0, 4.0]}, multiplicities={"Li1": [3, 1]})

    assert axes.collections[0].get_segments()[0][0, 1] == pytest.approx(3.25)


def test_labels_without_energies_are_named():
    axes = draw({"Li1": [3.0], "Li3": []})

    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Li1\n(n = 1)", "Li3\n(n = 0)"]


@pytest.mark.parametrize("energies", [{}, {"Li1": []}])
def test_no_energies_are_said_to_be_none(energies):
    assert texts(draw(energies)) == "no vacancy energies"
