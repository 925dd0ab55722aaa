"""Published numbers beside computed ones: which belongs to what, and how its source is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_concerted.common.numbers import format_published
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.materials import ReferenceValue, load_reference_values, short_source

DIFFUSIVITY = "tracer_diffusivity"
ACTIVATION_ENERGY = "activation_energy"
MODE_ENERGY = "mode_activation_energy"
OCCUPANCY = "occupancy"
VACANCY_ENERGY = "vacancy_formation_energy"
POTENTIAL_KIND = "deep potential"


@dataclass(frozen=True)
class Published:
    """The published numbers of one material.

    :param values: all of them, in the order of the data file.
    """

    values: tuple[ReferenceValue, ...]

    @classmethod
    def of(cls, material: str) -> Published:
        """Return what is shipped for a material; nothing for one that is not known, whatever its name holds."""
        if not material.isidentifier():
            return cls(())
        return cls(tuple(load_reference_values(material)))

    def find(
        self,
        quantity: str,
        *,
        kind: str | None = None,
        label: str | None = None,
        temperature_K: float | None = None,
    ) -> tuple[ReferenceValue, ...]:
        """Return the values of a quantity, of only one kind, label or temperature where these are given."""
        return tuple(
            value
            for value in self.values
            if value.quantity == quantity
            and (kind is None or value.kind == kind)
            and (label is None or value.label == label)
            and (temperature_K is None or value.temperature_K == temperature_K)
        )

    def potential_line(self) -> tuple[float, float, tuple[float, float]] | None:
        """Return prefactor in m² s⁻¹, activation energy in eV and range in K of the published deep potential.

        The prefactor follows from its diffusivity at one temperature; ``None`` where either number is not published.
        """
        for energy in self.find(ACTIVATION_ENERGY, kind=POTENTIAL_KIND):
            for point in self.find(DIFFUSIVITY, kind=POTENTIAL_KIND):
                if point.source == energy.source and point.temperature_K and energy.temperature_range_K:
                    prefactor = point.value * np.exp(energy.value / (BOLTZMANN_EV_PER_K * point.temperature_K))
                    return float(prefactor), energy.value, energy.temperature_range_K
        return None

    def diffusivity_at(self, temperature_K: float) -> float | None:
        """Return the diffusivity in m² s⁻¹ on the published deep potential's line, ``None`` outside its range."""
        line = self.potential_line()
        if line is None or not line[2][0] <= temperature_K <= line[2][1]:
            return None
        return line[0] * float(np.exp(-line[1] / (BOLTZMANN_EV_PER_K * temperature_K)))

    def citations(self) -> tuple[tuple[str, str], ...]:
        """Return short name and citation of every source, each once."""
        return tuple((short_source(source), source) for source in dict.fromkeys(value.source for value in self.values))


def describe(value: ReferenceValue) -> str:
    """Return a published number with its kind and source, such as ``0.23 (deep potential, Fu 2022)``."""
    return f"{format_published(value.value, value.uncertainty)} ({value.kind}, {short_source(value.source)})"
