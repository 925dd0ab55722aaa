from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.common.estimate import Estimate
from aiida_concerted.plotting.run_transport import CellSizes, plot_cell_sizes, plot_directions, plot_run_displacements
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import bars, errorbars, has_unit, lines, points, texts
from tests.synthetic import as_trajectory, random_walkers


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


@pytest.fixture(scope="module")
def result():
    walkers = random_walkers(300, 60, np.array([0.3, 0.3, 0.1]), 0.1, seed=2)
    return estimate_diffusivity(as_trajectory(walkers, 0.1), fit_window_ps=(1.0, 4.0))


def test_both_curves_are_drawn_with_the_fitted_lags_thick(axes, result):
    plot_run_displacements(axes, result)

    (tracer,) = lines(axes, "single carriers")
    np.testing.assert_allclose(tracer, np.column_stack([result.lag_ps, result.msd_tracer_A2]))
    np.testing.assert_allclose(lines(axes, "all carriers together")[0][:, 1], result.msd_collective_A2)
    for part in lines(axes, "_fitted"):
        assert (part[0, 0], part[-1, 0]) == pytest.approx((1.0, 4.0))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_the_fitted_slope_is_six_times_the_diffusivity(axes, result):
    plot_run_displacements(axes, result)

    (label,) = [line.get_label() for line in axes.lines if line.get_label().startswith("fit, D*")]
    (line,) = lines(axes, label)
    slope = (line[-1, 1] - line[0, 1]) / (line[-1, 0] - line[0, 0])
    assert slope == pytest.approx(6e8 * result.tracer.value)
    assert "±" in label
    assert label.endswith("m² s⁻¹")


def test_a_run_without_charge_diffusivity_has_one_slope(axes, result):
    plot_run_displacements(axes, replace(result, charge_diffusivity=None))

    assert sum(line.get_label().startswith("fit") for line in axes.lines) == 1


def test_a_run_in_which_nothing_moved_says_so(axes, result):
    still = np.zeros_like(result.lag_ps)
    frozen = replace(result, msd_tracer_A2=still, msd_collective_A2=still, charge_diffusivity=None)
    plot_run_displacements(axes, frozen)

    assert axes.texts[0].get_text() == "nothing moved"
    assert figure_bytes(axes.figure)


def test_directions_are_drawn_with_intervals_and_the_mean(axes, result):
    plot_directions(axes, result, names=("a", "b", "c"))

    unit = 1e-9
    drawn = errorbars(axes)["_directions"]
    values = [result.components[key].value / unit for key in "xyz"]
    np.testing.assert_allclose(points(drawn)[:, 1], values)
    half = [1.959964 * result.components[key].stderr / unit for key in "xyz"]
    np.testing.assert_allclose(bars(drawn)[:, 1] - values, half, rtol=1e-5)
    assert lines(axes, "mean")[0][0, 1] == pytest.approx(result.tracer.value / unit)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert "ab share" in texts(axes)
    assert "10$^{-9}$ m$^2$ s$^{-1}$" in axes.get_ylabel()


def test_directions_of_a_run_in_which_nothing_moved_can_be_drawn(axes, result):
    none = Estimate(0.0, 1e-13)
    plot_directions(axes, replace(result, tracer=none, components=dict.fromkeys("xyz", none), ab_share=None))

    assert figure_bytes(axes.figure)
    assert not axes.texts


def test_cells_are_drawn_by_size_with_the_largest_as_a_band(axes):
    sizes = CellSizes(
        np.array([900.0, 50, 200]), np.array([7.0, 4.0, 6.0]), np.array([0.5, 2.0, 1.0]), ("3×3×2", "1×1×1", "2×2×1")
    )
    plot_cell_sizes(axes, sizes, label="D (10$^{-12}$ m$^2$ s$^{-1}$)")

    drawn = errorbars(axes)["_sizes"]
    np.testing.assert_allclose(points(drawn), [[50, 4], [200, 6], [900, 7]])
    np.testing.assert_allclose(bars(drawn)[0], [4 - 3.919928, 4 + 3.919928], rtol=1e-4)
    assert lines(axes, "_largest")[0][0, 1] == 7.0
    assert [text.get_text() for text in axes.texts] == ["1×1×1", "2×2×1", "3×3×2"]
    assert has_unit(axes.get_xlabel())


def test_a_diffusivity_is_drawn_in_a_power_of_ten_that_its_label_names(axes):
    sizes = CellSizes(np.array([50.0, 200.0]), np.array([1.4e-8, 1.22e-8]), np.array([2e-9, 1e-9]))
    plot_cell_sizes(axes, sizes)

    np.testing.assert_allclose(points(errorbars(axes)["_sizes"]), [[50, 1.4], [200, 1.22]])
    assert axes.get_ylabel() == "D (10$^{-8}$ m$^2$ s$^{-1}$)"
    axes.figure.canvas.draw()
    assert not axes.yaxis.get_offset_text().get_text()


def test_no_cells_are_said_to_be_none(axes):
    plot_cell_sizes(axes, CellSizes(np.zeros(0), np.zeros(0), np.zeros(0)))

    assert axes.texts[0].get_text() == "no cells"
