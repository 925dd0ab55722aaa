"""Arrhenius fits against planted lines, their covariance and the rejected inputs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.analysis.arrhenius import RELATIVE_ERROR_FLOOR, fit_arrhenius
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K as BOLTZMANN

TEMPERATURES = np.array([300.0, 400.0, 500.0, 600.0, 800.0, 1000.0])


def line(temperatures, energy=0.23, prefactor=5e-8):
    return prefactor * np.exp(-energy / (BOLTZMANN * np.asarray(temperatures)))


@settings(max_examples=50, deadline=None)
@given(energy=st.floats(0.01, 1.5), ln_prefactor=st.floats(-30, 30))
def test_exact_values_give_their_line_back(energy, ln_prefactor):
    values = line(TEMPERATURES, energy, np.exp(ln_prefactor))
    fit = fit_arrhenius(TEMPERATURES, values, 0.1 * values)
    assert fit.activation_energy_eV.value == pytest.approx(energy, abs=1e-9)
    assert fit.ln_prefactor.value == pytest.approx(ln_prefactor, abs=1e-8)
    assert fit.extrapolate(350.0).value == pytest.approx(line(350.0, energy, np.exp(ln_prefactor)))


def test_agrees_with_a_polynomial_fit_of_the_logarithm():
    values = line(TEMPERATURES) * np.exp(np.random.default_rng(1).normal(scale=0.2, size=6))
    errors = values * np.array([0.3, 0.2, 0.1, 0.1, 0.05, 0.05])
    fit = fit_arrhenius(TEMPERATURES, values, errors)
    inverse = 1 / (BOLTZMANN * TEMPERATURES)
    slope, covariance = np.polyfit(inverse, np.log(values), 1, w=values / errors, cov="unscaled")
    assert fit.activation_energy_eV.value == pytest.approx(-slope[0])
    assert fit.ln_prefactor.value == pytest.approx(slope[1])
    expected = covariance * np.array([[1, -1], [-1, 1]])
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-8)


def test_errors_and_extrapolation_cover_the_truth():
    generator = np.random.default_rng(2)
    relative = np.array([0.25, 0.15, 0.1, 0.1, 0.08, 0.05])
    truth, covered, energies = line(250.0), 0, []
    for _ in range(600):
        values = line(TEMPERATURES) * np.exp(relative * generator.normal(size=6))
        fit = fit_arrhenius(TEMPERATURES, values, relative * values)
        band = fit.extrapolate(250.0)
        covered += band.lower <= truth <= band.upper
        energies.append((fit.activation_energy_eV.value - 0.23) / fit.activation_energy_eV.stderr)
    assert np.std(energies) == pytest.approx(1.0, abs=0.1)
    assert covered / 600 == pytest.approx(0.95, abs=0.03)


def test_extrapolation_uses_the_covariance():
    values = line(TEMPERATURES)
    fit = fit_arrhenius(TEMPERATURES, values, 0.1 * values)
    inverse = 1 / (BOLTZMANN * 300.0)
    naive = np.hypot(fit.activation_energy_eV.stderr * inverse, fit.ln_prefactor.stderr)
    band = fit.extrapolate(300.0)
    assert band.stderr / band.value < 0.75 * naive
    assert band.upper / band.value == pytest.approx(band.value / band.lower)


def test_two_temperatures_are_joined_exactly_and_test_nothing():
    values = np.array([1e-10, 4e-10])
    fit = fit_arrhenius([500.0, 700.0], values, [1e-11, 2e-11])
    assert fit.extrapolate(500.0).value == pytest.approx(1e-10)
    assert fit.extrapolate(700.0).value == pytest.approx(4e-10)
    assert fit.reduced_chi_square is None
    assert fit.bend == "not assessed"


def test_precise_points_count_more():
    values = line(TEMPERATURES)
    values[0] *= 10
    errors = 0.01 * values
    errors[0] = 10 * values[0]
    assert fit_arrhenius(TEMPERATURES, values, errors).activation_energy_eV.value == pytest.approx(0.23, abs=1e-3)


def test_an_error_of_zero_is_raised_to_the_floor():
    values = line(TEMPERATURES)
    exact = fit_arrhenius(TEMPERATURES, values, np.zeros(6))
    floored = fit_arrhenius(TEMPERATURES, values, RELATIVE_ERROR_FLOOR * values)
    np.testing.assert_allclose(exact.covariance, floored.covariance)


def test_a_straight_line_is_rarely_called_bent():
    generator = np.random.default_rng(3)
    values = line(TEMPERATURES)
    verdicts = [
        fit_arrhenius(TEMPERATURES, values * np.exp(0.1 * generator.normal(size=6)), 0.1 * values).bend
        for _ in range(200)
    ]
    assert verdicts.count("arrhenius") >= 190


def test_bent_lines_are_recognised():
    vogel = 5e-8 * np.exp(-0.05 / (BOLTZMANN * (TEMPERATURES - 180.0)))
    assert fit_arrhenius(TEMPERATURES, vogel, 0.02 * vogel).bend == "vogel-fulcher-tammann"
    inverse = 1 / (BOLTZMANN * TEMPERATURES)
    pieces = np.exp(-0.15 * inverse - 0.15 * np.maximum(inverse - 1 / (BOLTZMANN * 550.0), 0))
    assert fit_arrhenius(TEMPERATURES, pieces, 0.02 * pieces).bend == "two-pieces"


def test_order_of_temperatures_does_not_matter():
    values = line(TEMPERATURES) * np.exp(np.random.default_rng(4).normal(scale=0.1, size=6))
    forward = fit_arrhenius(TEMPERATURES, values, 0.1 * values)
    backward = fit_arrhenius(TEMPERATURES[::-1], values[::-1], 0.1 * values[::-1])
    np.testing.assert_allclose(forward.covariance, backward.covariance)
    assert forward.activation_energy_eV.value == pytest.approx(backward.activation_energy_eV.value)


def test_json_has_the_agreed_keys():
    values = line(TEMPERATURES)
    fit = fit_arrhenius(TEMPERATURES, values, 0.1 * values)
    written = json.loads(json.dumps(fit.as_dict(), allow_nan=False))
    assert {"activation_energy_eV", "prefactor_m2_s", "covariance", "extrapolated_300K_m2_s"} <= set(written)
    assert set(written["extrapolated_300K_m2_s"]) >= {"value", "lower", "upper"}
    other = fit.as_dict(prefactor_key="attempt_frequency_s", unit="s", at_K=450.0)
    assert {"attempt_frequency_s", "extrapolated_450K_s"} <= set(other)


@pytest.mark.parametrize(
    ("temperatures", "values", "stderrs", "message"),
    [
        ([600.0], [1.0], [0.1], "two different temperatures"),
        ([600.0, 600.0], [1.0, 2.0], [0.1, 0.1], "two different temperatures"),
        ([300.0, 600.0], [0.0, 1.0], [0.1, 0.1], "zero or less at 300 K"),
        ([300.0, 600.0], [-1.0, 1.0], [0.1, 0.1], "zero or less at 300 K"),
        ([300.0, 600.0], [1.0, np.nan], [0.1, 0.1], "finite"),
        ([300.0, 600.0], [1.0, 2.0], [0.1, -0.1], "negative"),
        ([0.0, 600.0], [1.0, 2.0], [0.1, 0.1], "temperatures must be positive"),
        ([300.0, 600.0, 900.0], [1.0, 2.0], [0.1, 0.1], "one length"),
    ],
)
def test_what_cannot_be_fitted_is_refused(temperatures, values, stderrs, message):
    with pytest.raises(ValueError, match=message):
        fit_arrhenius(temperatures, values, stderrs)


@pytest.mark.parametrize("temperature", [0.0, -5.0, float("nan")])
def test_extrapolation_to_no_temperature_is_refused(temperature):
    values = line(TEMPERATURES)
    with pytest.raises(ValueError, match="must be positive"):
        fit_arrhenius(TEMPERATURES, values, 0.1 * values).extrapolate(temperature)


def test_extrapolation_without_bound_is_refused():
    fit = fit_arrhenius([990.0, 1000.0], [1.0, 1.1], [1.0, 1.1])
    with pytest.raises(ValueError, match="does not bound"):
        fit.extrapolate(10.0)
