from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.analysis.van_hove import VanHove
from aiida_concerted.plotting.pair_functions import (
    plot_radial_by_temperature,
    plot_radial_distributions,
    plot_van_hove_curves,
    plot_van_hove_map,
    van_hove_mesh,
)
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import has_unit, lines

R = np.arange(0.05, 6.0, 0.1)


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def radial(height=2.0):
    g = 1.0 + height * np.exp(-((R - 2.5) ** 2))
    return RadialDistribution(R, g, 0.05 * g, np.cumsum(g))


def functions(n_lags=8, first_lag=0.1):
    lags = first_lag * 2.0 ** np.arange(n_lags)
    edges = np.linspace(0.0, 6.0, len(R) + 1)
    own = np.exp(-((R[None] - 0.4) ** 2) * 5.0) * np.linspace(2, 1, n_lags)[:, None]
    distinct = 1.0 + np.linspace(0, 30, n_lags)[:, None] * np.exp(-4 * R[None])
    return VanHove(R, edges, lags, own, distinct, 0.1 * distinct, np.full(n_lags, 50))


def bands(axes):
    return [
        artist
        for artist in axes.collections
        if type(artist).__name__ in ("PolyCollection", "FillBetweenPolyCollection")
    ]


def test_every_pair_is_drawn_with_its_band_and_the_mean_density(axes):
    plot_radial_distributions(axes, {"Li-Li": radial(), "Li-S": radial(3.0)})

    np.testing.assert_allclose(lines(axes, "Li–Li")[0], np.column_stack([R, radial().g]))
    assert len({line.get_linestyle() for line in axes.lines if not line.get_label().startswith("_")}) == 2
    top = bands(axes)[0].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(radial().g.max() * (1 + 0.098), rel=1e-3)
    assert lines(axes, "_mean")[0][0, 1] == 1.0
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_one_pair_is_drawn_at_several_temperatures_from_cold_to_hot(axes):
    plot_radial_by_temperature(axes, {1000.0: radial(1.0), 300.0: radial(4.0)})

    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["300 K", "1000 K"]
    np.testing.assert_allclose(lines(axes, "300 K")[0][:, 1], radial(4.0).g)


def test_no_pairs_are_said_to_be_none(axes):
    plot_radial_distributions(axes, {})

    assert axes.texts[0].get_text() == "no pairs were counted"


@pytest.mark.parametrize("part", ["self", "distinct"])
def test_a_map_has_every_lag_and_shell(axes, part):
    found = functions()
    plot_van_hove_map(axes, found, part)

    mesh = van_hove_mesh(axes)
    values = found.self_part if part == "self" else found.distinct
    drawn = np.asarray(mesh.get_array()).reshape(len(R), 8)
    np.testing.assert_allclose(drawn, np.maximum(values.T, mesh.norm.vmin))
    edges = mesh.get_coordinates()[0, :, 0]
    assert (edges[:-1] < found.lag_ps).all()
    assert (found.lag_ps < edges[1:]).all()
    assert axes.get_xscale() == "log"
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_the_mean_density_is_the_middle_of_the_colours_of_the_distinct_part(axes):
    plot_van_hove_map(axes, functions(), "distinct")

    assert van_hove_mesh(axes).norm(1.0) == pytest.approx(0.5)


def test_a_lag_of_zero_and_a_single_lag_can_be_drawn(axes):
    found = functions(2)
    found.lag_ps[0] = 0.0
    plot_van_hove_map(axes, found, "self")

    assert np.asarray(van_hove_mesh(axes).get_array()).size == len(R)
    assert figure_bytes(axes.figure)


def test_a_map_without_lags_says_so(axes):
    found = functions(1)
    found.lag_ps[0] = 0.0
    plot_van_hove_map(axes, found, "distinct")

    assert "no distinct part" in axes.texts[0].get_text()
    assert van_hove_mesh(axes) is None


def test_curves_span_the_lags_and_the_distinct_part_has_bands(axes):
    found = functions()
    plot_van_hove_curves(axes, found, "distinct", n_curves=3)

    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["0.1 ps", "0.8 ps", "12.8 ps"]
    np.testing.assert_allclose(lines(axes, "12.8 ps")[0], np.column_stack([R, found.distinct[-1]]))
    assert len(bands(axes)) == 3
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_ylabel())


def test_the_self_part_is_drawn_without_bands(axes):
    plot_van_hove_curves(axes, functions(), "self")

    assert not bands(axes)
    assert len(axes.get_legend().get_texts()) == 5


@pytest.mark.parametrize("plot", [plot_van_hove_map, plot_van_hove_curves])
def test_another_part_is_refused(axes, plot):
    with pytest.raises(ValueError, match="self and distinct"):
        plot(axes, functions(), "total")
