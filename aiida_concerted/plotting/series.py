"""What is drawn: points over temperature with intervals, and Arrhenius lines with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TemperatureSeries:
    """Values at several temperatures; an absent bound is NaN and is not drawn.

    :param label: name in the legend.
    :param temperature_K: temperatures in K, shape ``(n,)``.
    :param value: values, shape ``(n,)``.
    :param lower: lower ends of the intervals, shape ``(n,)``.
    :param upper: upper ends of the intervals, shape ``(n,)``.
    """

    label: str
    temperature_K: FloatArray
    value: FloatArray
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(
        cls,
        label: str,
        temperature_K: ArrayLike,
        value: ArrayLike,
        lower: Sequence[float | None] | FloatArray | None = None,
        upper: Sequence[float | None] | FloatArray | None = None,
    ) -> TemperatureSeries:
        """Return the series sorted by temperature; ``None`` stands for an unknown bound or value.

        :raises ValueError: if the lengths differ.
        """
        columns = [np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in (temperature_K, value)]
        for bound in (lower, upper):
            absent = np.full(len(columns[0]), np.nan)
            columns.append(absent if bound is None else np.atleast_1d(np.asarray(bound, dtype=np.float64)))
        if len({len(column) for column in columns}) != 1:
            raise ValueError(
                f"'{label}': temperatures, values and bounds differ in length: {[len(c) for c in columns]}"
            )
        order = np.argsort(columns[0], kind="stable")
        return cls(label, *(column[order] for column in columns))

    @classmethod
    def with_stderr(
        cls, label: str, temperature_K: ArrayLike, value: ArrayLike, stderr: ArrayLike
    ) -> TemperatureSeries:
        """Return the series with the 95 % interval of each standard error."""
        middle, error = (np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in (value, stderr))
        return cls.of(label, temperature_K, middle, middle - NORMAL_95 * error, middle + NORMAL_95 * error)

    @property
    def inverse_temperature(self) -> FloatArray:
        """Return 1000/T in K⁻¹."""
        return 1000.0 / self.temperature_K

    def error_lengths(self, selected: NDArray[np.bool_]) -> FloatArray:
        """Return how far the error bars of selected points reach down and up, zero where unknown, shape ``(2, n)``."""
        middle = self.value[selected]
        lengths = np.stack([middle - self.lower[selected], self.upper[selected] - middle])
        return np.clip(np.nan_to_num(lengths, nan=0.0), 0.0, None)


@dataclass(frozen=True)
class ArrheniusLine:
    """A fit ``prefactor · exp(sign · E_a / kT)``: diffusivities and frequencies fall with 1/T, residence times rise.

    :param prefactor: value at infinite temperature, in the quantity's unit.
    :param activation_energy_eV: activation energy in eV.
    :param temperature_range_K: lowest and highest temperature of the fit in K.
    :param covariance: of (activation energy in eV, ln prefactor), shape ``(2, 2)``; ``None`` draws no band.
    :param rises: whether the quantity rises with 1/T.
    :param label: name in the legend; none without it.
    """

    prefactor: float
    activation_energy_eV: float
    temperature_range_K: tuple[float, float]
    covariance: FloatArray | None = None
    rises: bool = False
    label: str = "_fit"

    def evaluate(self, temperature_K: ArrayLike) -> FloatArray:
        """Return the line at temperatures in K."""
        beta = 1.0 / (BOLTZMANN_EV_PER_K * np.asarray(temperature_K, dtype=np.float64))
        return np.asarray(self.prefactor * np.exp(self._sign * self.activation_energy_eV * beta))

    def band(self, temperature_K: ArrayLike) -> tuple[FloatArray, FloatArray] | None:
        """Return the 95 % band of the line at temperatures in K, or ``None`` without a covariance."""
        if self.covariance is None:
            return None
        beta = self._sign / (BOLTZMANN_EV_PER_K * np.asarray(temperature_K, dtype=np.float64))
        (energy, mixed), (_, prefactor) = self.covariance
        variance = prefactor + 2.0 * mixed * beta + energy * beta**2
        factor = np.exp(NORMAL_95 * np.sqrt(np.clip(variance, 0.0, None)))
        middle = self.evaluate(temperature_K)
        return middle / factor, middle * factor

    @property
    def _sign(self) -> float:
        return 1.0 if self.rises else -1.0
