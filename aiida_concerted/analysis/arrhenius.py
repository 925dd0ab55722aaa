"""Arrhenius fits that keep the covariance of activation energy and prefactor, and say when the line bends.

``ln value`` is a straight line in ``1/kT``, weighted by the first-order error of the logarithm. The errors are taken as
given, not rescaled by the scatter about the line; the reduced chi-square says whether they are credible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.estimate import NORMAL_95, Estimate, Interval
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

FloatArray = NDArray[np.float64]

RELATIVE_ERROR_FLOOR = 1e-3
"""Smallest relative error a point is given: none is better known, and a zero would tie the line to one point."""

TEMPERATURES_FOR_BEND = 5
STRONG_EVIDENCE = 6.0
"""Difference in the Bayesian information criterion that prefers a bent curve to the line [KassRaftery1995]_."""


@dataclass(frozen=True)
class ArrheniusFit:
    """``value = A exp(-E_a / kT)``.

    :param temperatures_K: temperatures of the fit in K, as given.
    :param activation_energy_eV: E_a in eV.
    :param prefactor: A in the unit of the values; its error is first-order, ``ln_prefactor`` is the better number to
        use.
    :param ln_prefactor: ln A.
    :param covariance: of (E_a in eV, ln A), shape ``(2, 2)``.
    :param reduced_chi_square: ``None`` for two temperatures, which leave nothing to test.
    :param bend: ``arrhenius``, ``vogel-fulcher-tammann``, ``two-pieces`` or ``not assessed`` (below five temperatures).
    :param bic: Bayesian information criterion of each shape compared; smaller is better.

    .. [KassRaftery1995] R. E. Kass, A. E. Raftery, J. Am. Stat. Assoc. 90, 773 (1995).
    """

    temperatures_K: FloatArray
    activation_energy_eV: Estimate
    prefactor: Estimate
    ln_prefactor: Estimate
    covariance: FloatArray
    reduced_chi_square: float | None
    bend: str
    bic: dict[str, float]

    def extrapolate(self, temperature_K: float) -> Interval:
        """Return the value at a temperature with its 95 % band, log-normal from the covariance.

        The band holds if the line does: see ``bend`` before going far beyond the fitted temperatures.

        :raises ValueError: if the temperature is not positive or the band exceeds what a float holds.
        """
        if not temperature_K > 0:
            raise ValueError(f"a temperature must be positive, got {temperature_K} K")
        gradient = np.array([-1.0 / (BOLTZMANN_EV_PER_K * temperature_K), 1.0])
        exponent = self.ln_prefactor.value + gradient[0] * self.activation_energy_eV.value
        spread = float(np.sqrt(gradient @ self.covariance @ gradient))
        if exponent + NORMAL_95 * spread > 700.0:
            raise ValueError(
                f"the fit does not bound the value at {temperature_K:g} K: ln value = {exponent:.3g} ± {spread:.3g}"
            )
        value = float(np.exp(exponent))
        lower, upper = (float(np.exp(exponent + sign * NORMAL_95 * spread)) for sign in (-1, 1))
        return Interval(value=value, lower=lower, upper=upper, stderr=value * spread)

    def as_dict(
        self, *, prefactor_key: str = "prefactor_m2_s", unit: str = "m2_s", at_K: float = 300.0
    ) -> dict[str, Any]:
        """Return the section ``diffusivity`` (or that of another quantity) of the Arrhenius JSON.

        :param prefactor_key: name of the prefactor, with its unit.
        :param unit: unit of the quantity in the name of the extrapolated value.
        :param at_K: temperature of the extrapolated value in K.
        """
        section: dict[str, Any] = {
            "activation_energy_eV": self.activation_energy_eV.as_dict(),
            prefactor_key: self.prefactor.as_dict(),
            "ln_prefactor": self.ln_prefactor.as_dict(),
            "covariance": self.covariance.tolist(),
            f"extrapolated_{at_K:g}K_{unit}": self.extrapolate(at_K).as_dict(),
            "bend": self.bend,
        }
        if self.reduced_chi_square is not None:
            section["reduced_chi_square"] = self.reduced_chi_square
        if self.bic:
            section["bic"] = dict(self.bic)
        return section


def fit_arrhenius(
    temperatures_K: Sequence[float] | FloatArray,
    values: Sequence[float] | FloatArray,
    stderrs: Sequence[float] | FloatArray,
) -> ArrheniusFit:
    """Return the weighted Arrhenius fit of positive values.

    The error of ``ln value`` is ``stderr / value`` (first order), at least ``RELATIVE_ERROR_FLOOR``.

    :param temperatures_K: temperatures in K, at least two different ones; several values at one temperature are
        allowed.
    :param values: diffusivities, frequencies or times, all positive.
    :param stderrs: their standard errors.
    :raises ValueError: if lengths differ, a number is not finite, a temperature or value is not positive, an error is
        negative, or all temperatures are the same.
    """
    temperatures, numbers, errors = _checked(temperatures_K, values, stderrs)
    logarithms = np.log(numbers)
    widths = np.maximum(errors / numbers, RELATIVE_ERROR_FLOOR)
    inverse = 1.0 / (BOLTZMANN_EV_PER_K * temperatures)
    (energy, ln_prefactor), covariance, chi_square = _straight_line(inverse, logarithms, widths)
    freedom = len(numbers) - 2
    bic = _criteria(inverse, logarithms, widths) if len(set(temperatures)) >= TEMPERATURES_FOR_BEND else {}
    error_energy, error_ln = np.sqrt(np.diag(covariance))
    prefactor = _exponential(ln_prefactor)
    return ArrheniusFit(
        temperatures_K=temperatures,
        activation_energy_eV=Estimate(float(energy), float(error_energy)),
        prefactor=Estimate(prefactor, prefactor * float(error_ln)),
        ln_prefactor=Estimate(float(ln_prefactor), float(error_ln)),
        covariance=covariance,
        reduced_chi_square=chi_square / freedom if freedom > 0 else None,
        bend=_verdict(bic),
        bic=bic,
    )


def _checked(
    temperatures_K: Sequence[float] | FloatArray,
    values: Sequence[float] | FloatArray,
    stderrs: Sequence[float] | FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    arrays = [np.asarray(numbers, dtype=np.float64) for numbers in (temperatures_K, values, stderrs)]
    temperatures, numbers, errors = arrays
    if any(array.ndim != 1 or len(array) != len(temperatures) for array in arrays):
        raise ValueError(
            f"temperatures, values and errors must have one length, got {[array.shape for array in arrays]}"
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("temperatures, values and errors of an Arrhenius fit must be finite")
    if (temperatures <= 0).any():
        raise ValueError(f"temperatures must be positive, got {temperatures.min():g} K")
    if (errors < 0).any():
        raise ValueError(f"standard errors cannot be negative, got {errors.min():g}")
    if (numbers <= 0).any():
        cold = ", ".join(f"{temperature:g} K" for temperature in temperatures[numbers <= 0])
        raise ValueError(
            f"an Arrhenius fit needs positive values, got zero or less at {cold}: leave these temperatures out"
        )
    if len(set(temperatures)) < 2:
        raise ValueError(f"an Arrhenius fit needs two different temperatures, got {sorted(set(temperatures.tolist()))}")
    return temperatures, numbers, errors


def _straight_line(
    inverse: FloatArray, logarithms: FloatArray, widths: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return (E_a, ln A), their covariance and chi-square."""
    # About the weighted mean the two parameters are independent: E_a and ln A alone are nearly degenerate.
    weights = widths**-2
    centre = float((weights * inverse).sum() / weights.sum())
    design = np.stack([-(inverse - centre), np.ones_like(inverse)], axis=1) / widths[:, None]
    parameters, *_ = np.linalg.lstsq(design, logarithms / widths, rcond=None)
    independent = np.linalg.inv(design.T @ design)
    shift = np.array([[1.0, 0.0], [centre, 1.0]])
    residuals = logarithms / widths - design @ parameters
    covariance = shift @ independent @ shift.T
    return shift @ parameters, 0.5 * (covariance + covariance.T), float(residuals @ residuals)


def _criteria(inverse: FloatArray, logarithms: FloatArray, widths: FloatArray) -> dict[str, float]:
    """Return the Bayesian information criterion of the line, of a VTF curve and of two lines that meet."""
    penalty = float(np.log(len(inverse)))
    chi_line = _straight_line(inverse, logarithms, widths)[2]
    return {
        "arrhenius": chi_line + 2 * penalty,
        "vogel-fulcher-tammann": _chi_vtf(inverse, logarithms, widths) + 3 * penalty,
        "two-pieces": _chi_two_pieces(inverse, logarithms, widths) + 4 * penalty,
    }


def _chi_vtf(inverse: FloatArray, logarithms: FloatArray, widths: FloatArray) -> float:
    """Return the least chi-square of ``ln A - B / k(T - T0)`` with T0 between zero and the lowest temperature."""

    def chi_square(reduced: float) -> float:
        # With u = 1/kT, 1/k(T - T0) is u / (1 - reduced · u/u_max).
        return _straight_line(inverse / (1.0 - reduced * inverse / inverse.max()), logarithms, widths)[2]

    from scipy import optimize  # here, for it takes longer to import than all else of a process that reads settings

    found = optimize.minimize_scalar(chi_square, bounds=(0.0, 0.95), method="bounded")
    return min(float(found.fun), chi_square(0.0))


def _chi_two_pieces(inverse: FloatArray, logarithms: FloatArray, widths: FloatArray) -> float:
    """Return the least chi-square of two lines that meet between the second and the last but one temperature."""

    def chi_square(knee: float) -> float:
        columns = [np.ones_like(inverse), inverse, np.maximum(inverse - knee, 0.0)]
        design = np.stack(columns, axis=1) / widths[:, None]
        residuals = logarithms / widths - design @ np.linalg.lstsq(design, logarithms / widths, rcond=None)[0]
        return float(residuals @ residuals)

    levels = np.unique(inverse)
    return min(chi_square(float(knee)) for knee in np.linspace(levels[1], levels[-2], 101))


def _verdict(bic: dict[str, float]) -> str:
    if not bic:
        return "not assessed"
    best = min(bic, key=lambda shape: bic[shape])
    return best if bic["arrhenius"] - bic[best] > STRONG_EVIDENCE else "arrhenius"


def _exponential(logarithm: float) -> float:
    if logarithm > 650.0:
        raise ValueError(f"the temperatures are too close together for a prefactor: ln A = {logarithm:.3g}")
    return float(np.exp(logarithm))
