from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries


def test_series_is_sorted_by_temperature_with_its_bounds():
    series = TemperatureSeries.of("D", [800, 600], [2.0, 1.0], [1.5, None], [None, 1.2])

    np.testing.assert_array_equal(series.temperature_K, [600, 800])
    np.testing.assert_array_equal(series.value, [1.0, 2.0])
    np.testing.assert_array_equal(series.lower, [np.nan, 1.5])
    np.testing.assert_array_equal(series.upper, [1.2, np.nan])


def test_series_from_standard_errors_spans_95_percent():
    series = TemperatureSeries.with_stderr("D", [600], [3.0], [0.5])

    assert series.upper[0] - series.lower[0] == pytest.approx(2 * NORMAL_95 * 0.5)


def test_unknown_bounds_have_no_error_bar():
    series = TemperatureSeries.of("D", [600, 800], [1.0, 2.0], [None, 1.5], [1.2, None])

    np.testing.assert_allclose(series.error_lengths(np.array([True, True])), [[0.0, 0.5], [0.2, 0.0]])


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="'D': temperatures, values and bounds differ in length"):
        TemperatureSeries.of("D", [600, 800], [1.0])


@pytest.mark.parametrize(("rises", "sign"), [(False, -1.0), (True, 1.0)])
def test_line_is_the_arrhenius_law(rises, sign):
    line = ArrheniusLine(2.0, 0.25, (600, 1200), rises=rises)

    expected = 2.0 * np.exp(sign * 0.25 / (BOLTZMANN_EV_PER_K * 750.0))
    assert line.evaluate(750.0) == pytest.approx(expected)


def test_band_follows_the_spread_of_drawn_parameters():
    covariance = np.array([[4e-4, 5.5e-3], [5.5e-3, 0.09]])
    line = ArrheniusLine(5e-8, 0.23, (600, 1200), covariance)
    draws = np.random.default_rng(3).multivariate_normal([0.23, np.log(5e-8)], covariance, size=200_000)

    logarithms = draws[:, 1] - draws[:, 0] / (BOLTZMANN_EV_PER_K * 400.0)
    lower, upper = line.band([400.0])
    expected = np.exp(np.quantile(logarithms, [0.025, 0.975]))
    np.testing.assert_allclose([lower[0], upper[0]], expected, rtol=0.02)


def test_there_is_no_band_without_a_covariance():
    assert ArrheniusLine(1.0, 0.2, (600, 1200)).band([600.0]) is None
