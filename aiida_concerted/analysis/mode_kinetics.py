"""Activation energy of a concerted mode from its counts at several temperatures, background and zeros included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from aiida_concerted.analysis.tails import chi_square_quantile
from aiida_concerted.common.estimate import Estimate, Interval
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, PS_IN_S

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95
MIN_EVENTS = 5.0
"""Events above background below which an activation energy would be noise."""

MAX_ENERGY_EV = 3.0
METHOD = "joint-poisson"


@dataclass(frozen=True)
class ModeActivation:
    """The Arrhenius law of a mode's frequency, or the reason why there is none.

    :param n_events: events above background at all temperatures.
    :param temperatures_K: temperatures used.
    :param energy_eV: activation energy with standard error and profile-likelihood interval.
    :param attempt_frequency_s: frequency per site cell at infinite temperature in s⁻¹, with its standard error.
    :param covariance: of (E_a in eV, ln ν₀ with ν₀ in s⁻¹), shape ``(2, 2)``, in the order of
        :class:`~aiida_concerted.analysis.arrhenius.ArrheniusFit`.
    :param reason: why there is no energy; empty where there is one.
    """

    n_events: float
    temperatures_K: tuple[float, ...]
    energy_eV: Interval | None = None
    attempt_frequency_s: Estimate | None = None
    covariance: FloatArray | None = None
    reason: str = ""
    method: str = METHOD

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: without a fit only the number of events and the reason."""
        if self.energy_eV is None or self.attempt_frequency_s is None or self.covariance is None:
            return {"n_events": self.n_events, "reason": self.reason, "method": self.method}
        return {
            "activation_energy_eV": self.energy_eV.as_dict(),
            "attempt_frequency_s": self.attempt_frequency_s.as_dict(),
            "covariance": self.covariance.tolist(),
            "n_events": self.n_events,
            "method": self.method,
        }


def fit_mode_activation(
    temperatures_K: Sequence[float],
    raw: Sequence[int],
    side: Sequence[int],
    side_ratio: Sequence[float],
    exposure_cell_ps: Sequence[float],
    dispersion: Sequence[float | None] | None = None,
) -> ModeActivation:
    """Return the activation energy of a mode.

    At every temperature ``raw ~ Poisson(X ν₀ exp(-E/kT) + B)`` and ``side ~ Poisson(r B)``, with one free background
    ``B`` each, profiled out. Temperatures without an event take part. Counts that scatter more than Poisson's have
    their likelihood divided by the dispersion. The standard error is that of the Fisher information, the interval that
    of the profile likelihood. Subtracting first and fitting logarithms instead must leave out what is not positive, and
    a fit of raw counts mixes in the background's own, larger activation energy.

    :param temperatures_K: temperatures in K.
    :param raw: pairs within the window at each.
    :param side: pairs in the side windows.
    :param side_ratio: expected ratio of side to window for unrelated hops; a temperature without side windows has 0 and
        is left out.
    :param exposure_cell_ps: site cells times duration in ps.
    :param dispersion: variance over mean of the counts at each, ``None`` where not known.
    :raises ValueError: if lengths differ, a count is negative or a temperature or exposure is not positive.
    """
    data = _Counts.of(temperatures_K, raw, side, side_ratio, exposure_cell_ps, dispersion)
    n_events = float((data.raw - data.side / data.ratio).sum()) if len(data.raw) else 0.0
    used = tuple(float(temperature) for temperature in data.temperature)
    if reason := _refusal(data, n_events):
        return ModeActivation(n_events, used, reason=reason)
    centre, energy = _maximise(data)
    bounds = _profile_bounds(data, centre, energy) if abs(energy) < MAX_ENERGY_EV else None
    if bounds is None:
        return ModeActivation(n_events, used, reason="the events do not bound an activation energy")
    return ModeActivation(n_events, used, **_fitted(data, centre, energy, bounds))


def _fitted(data: _Counts, centre: float, energy: float, bounds: tuple[float, float]) -> dict[str, Any]:
    """Return energy, attempt frequency and their covariance from the rate at the reference temperature."""
    to_attempt = np.array([[1.0, 0.0], [data.reference, 1.0]])
    covariance = to_attempt @ _covariance(data, centre, energy) @ to_attempt.T
    error_energy, error_logarithm = np.sqrt(np.diag(covariance)).tolist()
    # Rates are in ps⁻¹ here, attempt frequencies in s⁻¹.
    attempt = float(np.exp(centre + energy * data.reference)) / PS_IN_S
    return {
        "energy_eV": Interval(energy, lower=bounds[0], upper=bounds[1], stderr=error_energy),
        "attempt_frequency_s": Estimate(attempt, attempt * error_logarithm),
        "covariance": covariance,
    }


@dataclass(frozen=True)
class _Counts:
    """The counts of all temperatures as arrays; ``weight`` divides the likelihood of overdispersed ones."""

    temperature: FloatArray
    raw: FloatArray
    side: FloatArray
    ratio: FloatArray
    exposure: FloatArray
    weight: FloatArray

    @classmethod
    def of(
        cls,
        temperatures_K: Sequence[float],
        raw: Sequence[int],
        side: Sequence[int],
        side_ratio: Sequence[float],
        exposure_cell_ps: Sequence[float],
        dispersion: Sequence[float | None] | None,
    ) -> _Counts:
        spread = [None] * len(raw) if dispersion is None else list(dispersion)
        weight = [1.0 / max(1.0, value or 1.0) for value in spread]
        columns = [
            np.asarray(c, dtype=np.float64) for c in (temperatures_K, raw, side, side_ratio, exposure_cell_ps, weight)
        ]
        if len({len(column) for column in columns}) != 1:
            raise ValueError(
                f"every argument needs one number a temperature, got {[len(column) for column in columns]}"
            )
        temperature, raws, sides, ratios, exposures, _ = columns
        if not np.isfinite(columns).all() or min(raws.min(initial=0), sides.min(initial=0), ratios.min(initial=0)) < 0:
            raise ValueError("counts and ratios must be finite and not negative")
        if (temperature <= 0).any() or (exposures <= 0).any():
            raise ValueError("temperatures and exposures must be positive")
        chosen = ratios > 0
        return cls(*(column[chosen] for column in columns))

    @property
    def inverse_energy(self) -> FloatArray:
        """Return 1/kT in eV⁻¹."""
        return 1.0 / (BOLTZMANN_EV_PER_K * self.temperature)

    @property
    def reference(self) -> float:
        """Return the 1/kT about which rate and energy are least correlated: the mean, weighted with the events."""
        events = np.maximum(self.raw - self.side / self.ratio, 0.0)
        return float(np.average(self.inverse_energy, weights=events + 1e-3))


def _refusal(data: _Counts, n_events: float) -> str:
    """Return why no fit is possible, or nothing."""
    if len(np.unique(data.temperature)) < 2:
        return "an activation energy needs two temperatures"
    if n_events < MIN_EVENTS:
        count = f"{n_events:.1f}".replace("-", "−")
        return f"{count} events above background, fewer than {MIN_EVENTS:.0f}"
    hot = np.unique(data.temperature[data.raw - data.side / data.ratio > 0])
    if len(hot) < 2:
        return f"events above background at one temperature only ({hot[0]:g} K)"
    flat = 2.0 * (
        _log_likelihood(data, data.raw - data.side / data.ratio) - _log_likelihood(data, np.zeros(len(data.raw)))
    )
    if flat < chi_square_quantile(CONFIDENCE, 1):
        return "no significant events above background"
    return ""


def _background(data: _Counts, signal: FloatArray) -> FloatArray:
    """Return the most likely background given the signal: the positive root of a quadratic equation."""
    half = 0.5 * (data.raw + data.side - (1.0 + data.ratio) * signal)
    root = np.sqrt(half**2 + (1.0 + data.ratio) * data.side * signal)
    return np.maximum((half + root) / (1.0 + data.ratio), 0.0)


def _log_likelihood(data: _Counts, signal: FloatArray) -> float:
    signal = np.maximum(signal, 0.0)
    background = _background(data, signal)
    window = xlogy(data.raw, np.maximum(signal + background, 1e-300)) - signal - background
    sides = xlogy(data.side, np.maximum(data.ratio * background, 1e-300)) - data.ratio * background
    return float((data.weight * (window + sides)).sum())


def _signal(data: _Counts, centre: float, energy: float) -> FloatArray:
    exponent = centre - energy * (data.inverse_energy - data.reference)
    return data.exposure * np.exp(np.clip(exponent, -700.0, 100.0))


def _slopes(data: _Counts, centre: float, energy: float) -> FloatArray:
    """Return the derivatives of minus the log likelihood by the two parameters.

    At the most likely background only the direct dependence on the signal counts.
    """
    signal = _signal(data, centre, energy)
    mean = np.maximum(signal + _background(data, signal), 1e-300)
    by_exponent = data.weight * (data.raw / mean - 1.0) * signal
    return -np.array([by_exponent.sum(), -(by_exponent * (data.inverse_energy - data.reference)).sum()])


def _start(data: _Counts) -> tuple[float, float]:
    """Return a starting point from a line through the logarithms of the positive excesses."""
    excess = data.raw - data.side / data.ratio
    chosen = excess > 0
    rate = np.log(excess[chosen] / data.exposure[chosen])
    slope, centre = np.polyfit(data.inverse_energy[chosen] - data.reference, rate, 1, w=np.sqrt(excess[chosen]))
    return float(centre), float(np.clip(-slope, -1.0, 2.0))


def _maximise(data: _Counts) -> tuple[float, float]:
    """Return the most likely logarithm of the rate at the reference temperature, and the energy."""
    spread = max(float(np.std(data.inverse_energy)), 1e-6)

    def objective(scaled: FloatArray) -> tuple[float, FloatArray]:
        centre, energy = float(scaled[0]), float(scaled[1]) / spread
        value = -_log_likelihood(data, _signal(data, centre, energy))
        return value, _slopes(data, centre, energy) * np.array([1.0, 1.0 / spread])

    centre, energy = _start(data)
    from scipy.optimize import minimize

    found = minimize(objective, np.array([centre, energy * spread]), jac=True, method="BFGS")
    return float(found.x[0]), float(found.x[1]) / spread


def _profile(data: _Counts, energy: float, centre: float) -> float:
    """Return the log likelihood maximised over the rate at a given energy."""

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        return -_log_likelihood(data, _signal(data, float(x[0]), energy)), _slopes(data, float(x[0]), energy)[:1]

    from scipy.optimize import minimize

    return -float(minimize(objective, np.array([centre]), jac=True, method="BFGS").fun)


def _profile_bounds(data: _Counts, centre: float, energy: float) -> tuple[float, float] | None:
    """Return the energies at which the profile likelihood has dropped by half the quantile of χ², if there are any."""
    from scipy.optimize import brentq

    best = _log_likelihood(data, _signal(data, centre, energy))
    allowed = 0.5 * chi_square_quantile(CONFIDENCE, 1)

    def deficit(trial: float) -> float:
        return best - _profile(data, trial, centre) - allowed

    step = 2.0 * float(np.sqrt(_covariance(data, centre, energy)[0, 0]))
    bounds = []
    for direction in (-1.0, 1.0):
        outer = energy + direction * step
        while deficit(outer) < 0 and abs(outer - energy) < MAX_ENERGY_EV:
            outer = energy + 2.0 * (outer - energy)
        if deficit(outer) < 0:
            return None
        bounds.append(float(brentq(deficit, energy, outer, xtol=1e-6)))
    return bounds[0], bounds[1]


def _covariance(data: _Counts, centre: float, energy: float) -> FloatArray:
    """Return the inverse Fisher information of (energy, ln rate); the measured background adds its own variance."""
    signal = _signal(data, centre, energy)
    background = _background(data, signal)
    variance = np.maximum(signal + background + background / data.ratio, 1e-12)
    slopes = np.stack([-signal * (data.inverse_energy - data.reference), signal])
    inverse: FloatArray = np.linalg.inv((slopes * (data.weight / variance)) @ slopes.T).astype(np.float64)
    return inverse
