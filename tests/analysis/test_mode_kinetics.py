"""Activation energies of modes: planted ones are recovered, and where there is nothing to fit a reason stands."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson

from aiida_concerted.analysis.mode_kinetics import fit_mode_activation
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

TEMPERATURES = np.array([500.0, 600.0, 700.0, 800.0, 1000.0])
EXPOSURE = np.full(5, 18_000.0)
RATIO = np.full(5, 7.6)
ENERGY, ATTEMPT_PS = 0.15, 0.05


def expected(scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the planted events and a background that is activated about twice as strongly."""
    thermal = BOLTZMANN_EV_PER_K * TEMPERATURES
    signal = EXPOSURE * ATTEMPT_PS * np.exp(-ENERGY / thermal)
    return scale * signal, scale * EXPOSURE * 0.6 * np.exp(-0.30 / thermal)


def draw(rng: np.random.Generator, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    signal, background = expected(scale)
    return rng.poisson(signal + background), rng.poisson(RATIO * background)


def test_exact_counts_give_the_planted_law() -> None:
    signal, background = expected(1e4)
    fit = fit_mode_activation(TEMPERATURES, signal + background, RATIO * background, RATIO, EXPOSURE)
    assert fit.energy_eV is not None
    assert fit.attempt_frequency_s is not None
    assert fit.energy_eV.value == pytest.approx(ENERGY, abs=1e-4)
    assert fit.attempt_frequency_s.value == pytest.approx(ATTEMPT_PS * 1e16, rel=1e-3)
    assert fit.n_events == pytest.approx(signal.sum())


def test_the_covariance_is_that_of_energy_and_logarithm_in_this_order() -> None:
    rng = np.random.default_rng(7)
    fits = [fit_mode_activation(TEMPERATURES, *draw(rng, 30.0), RATIO, EXPOSURE * 30.0) for _ in range(60)]
    drawn = np.array([[fit.energy_eV.value, np.log(fit.attempt_frequency_s.value)] for fit in fits])  # type: ignore[union-attr]
    stated = np.mean([fit.covariance for fit in fits], axis=0)
    np.testing.assert_allclose(np.cov(drawn.T), stated, rtol=0.5)
    fit = fits[0]
    assert fit.energy_eV is not None
    assert fit.attempt_frequency_s is not None
    assert fit.covariance is not None
    assert fit.energy_eV.stderr == pytest.approx(np.sqrt(fit.covariance[0, 0]))
    relative = fit.attempt_frequency_s.stderr / fit.attempt_frequency_s.value
    assert relative == pytest.approx(np.sqrt(fit.covariance[1, 1]))
    # Amid the temperatures the rate is known about as well as the number of events, however long the way to ν0.
    gradient = np.array([-1.0 / (BOLTZMANN_EV_PER_K * 700.0), 1.0])
    assert np.sqrt(gradient @ fit.covariance @ gradient) < 2.0 / np.sqrt(fit.n_events)


def test_the_background_does_not_leak_into_the_energy() -> None:
    rng = np.random.default_rng(0)
    energies, raw_energies = [], []
    for _ in range(40):
        raw, side = draw(rng)
        fit = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE)
        assert fit.energy_eV is not None
        energies.append(fit.energy_eV.value)
        slope, _ = np.polyfit(1 / (BOLTZMANN_EV_PER_K * TEMPERATURES), np.log(raw), 1)
        raw_energies.append(-slope)
    assert np.mean(energies) == pytest.approx(ENERGY, abs=0.012)
    assert np.mean(raw_energies) > 0.20  # a line through raw counts


def test_the_fit_is_the_maximum_over_all_backgrounds() -> None:
    raw, side = draw(np.random.default_rng(1))
    inverse = 1 / (BOLTZMANN_EV_PER_K * TEMPERATURES)

    def objective(x: np.ndarray) -> float:
        background = np.exp(x[2:])
        signal = EXPOSURE * np.exp(x[0] - x[1] * (inverse - inverse.mean()))
        return -(poisson.logpmf(raw, signal + background) + poisson.logpmf(side, RATIO * background)).sum()

    start = np.concatenate([[-5.5, 0.1], np.log(side / RATIO)])
    full = minimize(objective, start, method="Nelder-Mead", options={"maxiter": 40000, "maxfev": 40000, "fatol": 1e-10})
    full = minimize(objective, full.x, method="BFGS")
    fit = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE)
    assert fit.energy_eV is not None
    assert fit.energy_eV.value == pytest.approx(full.x[1], abs=1e-3)
    for bound in (fit.energy_eV.lower, fit.energy_eV.upper):
        assert bound is not None

        def at_bound(x: np.ndarray, bound: float = bound) -> float:
            return objective(np.concatenate([[x[0], bound], x[1:]]))

        drop = minimize(at_bound, np.delete(full.x, 1), method="BFGS").fun - full.fun
        assert drop == pytest.approx(0.5 * 3.841, abs=0.02)


def test_a_temperature_without_events_counts() -> None:
    raw, side = np.array([0, 0, 4, 12, 60]), np.array([0, 0, 2, 6, 40])
    everything = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE)
    hot = fit_mode_activation(TEMPERATURES[2:], raw[2:], side[2:], RATIO[2:], EXPOSURE[2:])
    assert everything.energy_eV is not None
    assert hot.energy_eV is not None
    assert everything.energy_eV.lower is not None
    assert hot.energy_eV.lower is not None
    assert everything.energy_eV.lower > hot.energy_eV.lower  # absence at low temperature excludes small energies
    assert everything.temperatures_K == (500, 600, 700, 800, 1000)


def test_overdispersed_counts_widen_the_interval() -> None:
    raw, side = draw(np.random.default_rng(3))
    plain = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE)
    wide = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE, dispersion=[4.0] * 5)
    calm = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE, dispersion=[0.5, None, 1.0, 0.9, 0.2])
    assert plain.energy_eV is not None
    assert wide.energy_eV is not None
    assert wide.energy_eV.stderr == pytest.approx(2.0 * (plain.energy_eV.stderr or 0.0), rel=1e-3)
    assert wide.energy_eV.value == pytest.approx(plain.energy_eV.value, abs=1e-4)
    assert calm.as_dict() == plain.as_dict()


def test_temperatures_without_side_windows_are_left_out() -> None:
    raw, side = draw(np.random.default_rng(4))
    ratio = RATIO.copy()
    ratio[1] = 0.0
    fit = fit_mode_activation(TEMPERATURES, raw, side, ratio, EXPOSURE)
    assert fit.temperatures_K == (500, 700, 800, 1000)


@pytest.mark.parametrize(
    ("raw", "side", "reason"),
    [
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], "0.0 events above background"),
        ([0, 0, 0, 1, 2], [0, 0, 0, 0, 0], "3.0 events above background"),
        ([0, 0, 0, 0, 30], [0, 0, 0, 0, 5], "at one temperature only \\(1000 K\\)"),
        ([42, 62, 82, 112, 152], [304, 456, 608, 836, 1140], "no significant events"),
    ],
)
def test_events_that_allow_no_fit_give_a_reason(raw: list[int], side: list[int], reason: str) -> None:
    import re

    fit = fit_mode_activation(TEMPERATURES, raw, side, RATIO, EXPOSURE)
    assert fit.energy_eV is None
    assert re.search(reason, fit.reason)
    assert set(fit.as_dict()) == {"n_events", "reason", "method"}


def test_one_temperature_allows_no_fit() -> None:
    fit = fit_mode_activation([600.0], [100], [80], [8.0], [1e4])
    assert fit.reason == "an activation energy needs two temperatures"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raw": [1, 2]}, "one number a temperature"),
        ({"raw": [-1, 0, 0, 0, 0]}, "not negative"),
        ({"exposure_cell_ps": [0.0] * 5}, "must be positive"),
        ({"temperatures_K": [0.0, 1, 2, 3, 4]}, "must be positive"),
        ({"side": [np.nan] * 5}, "finite"),
    ],
)
def test_impossible_input_is_refused(change: dict, message: str) -> None:
    good = {
        "temperatures_K": TEMPERATURES,
        "raw": [1] * 5,
        "side": [1] * 5,
        "side_ratio": RATIO,
        "exposure_cell_ps": EXPOSURE,
    }
    with pytest.raises(ValueError, match=message):
        fit_mode_activation(**(good | change))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.15, 1.0])
def test_the_interval_covers_the_planted_energy(scale: float) -> None:
    rng = np.random.default_rng(11)
    covered, fitted = 0, 0
    for _ in range(400):
        fit = fit_mode_activation(TEMPERATURES, *draw(rng, scale), RATIO, EXPOSURE)
        if fit.energy_eV is not None and fit.energy_eV.lower is not None and fit.energy_eV.upper is not None:
            fitted += 1
            covered += fit.energy_eV.lower <= ENERGY <= fit.energy_eV.upper
    assert fitted > 300
    assert covered >= 0.90 * fitted
