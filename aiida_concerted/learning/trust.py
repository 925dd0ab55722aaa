"""Trust levels by system and temperature, and where to get them from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.learning.selection import TrustLevels

FloatArray = NDArray[np.float64]

MIN_CALIBRATION_FRAMES = 20
"""Below this many frames the 95 % quantile is little but the largest value."""

CALIBRATED_BY = ("all", "temperature")


@dataclass(frozen=True)
class LevelTable:
    """Trust levels that may depend on the system and on the temperature.

    A system that is listed has its own levels; else those of the temperature hold, interpolated linearly between the
    temperatures given and constant beyond them; else the general ones.

    :param general: levels where nothing else is said.
    :param by_temperature: levels by temperature in K.
    :param by_system: a table for each system that has its own.
    """

    general: TrustLevels
    by_temperature: Mapping[float, TrustLevels] = field(default_factory=dict)
    by_system: Mapping[str, LevelTable] = field(default_factory=dict)

    def of(self, system: str = "", temperature_K: float | None = None) -> TrustLevels:
        """Return the levels for one system at one temperature."""
        if system in self.by_system:
            return self.by_system[system].of("", temperature_K)
        if not self.by_temperature or temperature_K is None:
            return self.general
        lower = interpolate({T: levels.lower for T, levels in self.by_temperature.items()}, temperature_K)
        upper = interpolate({T: levels.upper for T, levels in self.by_temperature.items()}, temperature_K)
        return TrustLevels(lower, upper)


def interpolate(values: Mapping[float, float], temperature_K: float) -> float:
    """Return a value at a temperature: linear between those given, constant beyond them.

    :param values: value by temperature in K; at least one.
    """
    temperatures = sorted(values)
    return float(np.interp(temperature_K, temperatures, [values[T] for T in temperatures]))


@dataclass(frozen=True)
class Calibration:
    """How trust levels follow from the deviation on known ground, see :func:`calibrate_levels`.

    :param quantile: between 0 and 1.
    :param ratio: upper over lower level, above 1.
    :param floor_eV_A: least lower level in eV Å⁻¹.
    :param by: ``all`` frames together give one pair of levels, or those of each ``temperature`` a pair of their own.
    :raises ValueError: if a value is out of range.
    """

    quantile: float = 0.95
    ratio: float = 2.0
    floor_eV_A: float = 0.0
    by: str = "all"

    def __post_init__(self) -> None:
        given = (self.quantile, self.ratio, self.floor_eV_A)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
        if not numbers or not (0 < self.quantile < 1 and 1 < self.ratio < np.inf and 0 <= self.floor_eV_A < np.inf):
            raise ValueError(
                "calibration needs 0 < quantile < 1, ratio > 1, floor_eV_A ≥ 0; got "
                f"{self.quantile}, {self.ratio}, {self.floor_eV_A}"
            )
        if self.by not in CALIBRATED_BY:
            raise ValueError(f"levels are calibrated by {' or '.join(CALIBRATED_BY)}, not by '{self.by}'")

    def levels(self, deviations: FloatArray) -> TrustLevels:
        """Return the levels that follow from deviations in eV Å⁻¹, shape ``(n_frames,)``.

        :raises ValueError: if there are fewer than 20 frames, or a deviation is not finite.
        """
        if len(deviations) < MIN_CALIBRATION_FRAMES:
            raise ValueError(f"calibration needs at least {MIN_CALIBRATION_FRAMES} frames, got {len(deviations)}")
        broken = int((~np.isfinite(deviations)).sum())
        if broken:
            raise ValueError(
                f"{broken} deviations are not finite: a committee that breaks down on known frames needs data"
            )
        lower = max(float(np.quantile(deviations, self.quantile)), float(self.floor_eV_A))
        return TrustLevels(lower, self.ratio * lower)

    def table(self, deviations: FloatArray, temperatures_K: Sequence[float | None] | None = None) -> LevelTable:
        """Return the levels in general, and by temperature where that is asked for.

        :param deviations: maximal force deviation in eV Å⁻¹ of each frame, shape ``(n_frames,)``.
        :param temperatures_K: temperature of each frame in K, ``None`` where it is not known.
        :raises ValueError: if a temperature is not known that is needed, or its frames do not suffice.
        """
        general = self.levels(deviations)
        if self.by != "temperature":
            return LevelTable(general)
        known = [T for T in temperatures_K or () if T is not None]
        if len(known) != len(deviations):
            unknown = len(deviations) - len(known)
            raise ValueError(f"the temperatures of {unknown} of {len(deviations)} frames are not known: use by: all")
        found = {}
        for T in sorted(set(known)):
            try:
                found[T] = self.levels(deviations[np.array(known) == T])
            except ValueError as error:
                raise ValueError(f"at {T:g} K: {error}") from error
        return LevelTable(general, found)


def calibrate_levels(
    deviations: FloatArray, *, quantile: float = 0.95, ratio: float = 2.0, floor: float = 0.0
) -> TrustLevels:
    """Return trust levels from the deviation of a first committee on frames like those it was trained on.

    The lower level is the quantile of the maximal force deviation over these frames: what the committee disagrees on
    more than it does on known ground is worth a label. The upper level is ``ratio`` times the lower one; the windows in
    use, 0.12 to 0.25 and 0.05 to 0.15 eV Å⁻¹, have ratios of 2 to 3. Held-out frames are better than training frames,
    on which a committee agrees too well.

    :param deviations: maximal force deviation in eV Å⁻¹ of each frame, shape ``(n_frames,)``.
    :param quantile: between 0 and 1.
    :param ratio: upper over lower level, above 1.
    :param floor: least lower level in eV Å⁻¹.
    :raises ValueError: if there are fewer than 20 frames, a deviation is not finite, or an option is out of range.
    """
    return Calibration(quantile, ratio, floor).levels(deviations)
