"""Published numbers as nodes, so that they stand beside computed ones."""

from __future__ import annotations

from typing import ClassVar

from aiida.common.exceptions import ValidationError

from aiida_concerted.data.result import COMMON_FIELDS, REAL, Field, ResultData

UNITS = {
    "tracer_diffusivity": "m2/s",
    "charge_diffusivity": "m2/s",
    "conductivity": "S/m",
    "haven_ratio": "",
    "activation_energy": "eV",
    "mode_activation_energy": "eV",
    "vacancy_formation_energy": "eV",
    "occupancy": "",
    "residence_time": "ps",
    "van_hove_time": "ps",
    "energy_rmse": "meV/atom",
    "force_rmse": "meV/A",
    "accurate_fraction": "",
}
"""The quantities that can be published, each in the one unit in which it is stored."""


class PublishedValueData(ResultData):
    """One number from the literature, with its source; no calculation of ours is behind it."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "quantity": Field((str,), f"One of {', '.join(UNITS)}."),
        "value": Field(REAL, "The number, in the unit of its quantity."),
        "unit": Field((str,), "Unit of the value; empty for a ratio."),
        "uncertainty": Field(REAL, "One standard error as published, in the same unit.", required=False),
        "temperature_K": Field(REAL, "Temperature in K.", required=False),
        "temperatures_K": Field((list,), "Ends of the range of temperatures in K of a fit.", required=False),
        "label": Field((str,), "Site label or mode that the number belongs to.", required=False),
        "source": Field((str,), "Citation."),
    }

    @classmethod
    def get_fields(cls) -> dict[str, Field]:
        """Return the attributes of this node type; a published number has no cell of so many atoms."""
        return {**{name: field for name, field in COMMON_FIELDS.items() if name != "n_atoms"}, **cls.FIELDS}

    def _validate(self) -> bool:
        super()._validate()
        if self["quantity"] not in UNITS:
            raise ValidationError(f"quantity must be one of {', '.join(UNITS)}, got {self['quantity']!r}")
        if self["unit"] != UNITS[self["quantity"]]:
            expected = UNITS[self["quantity"]] or "no unit"
            raise ValidationError(f"{self['quantity']} is stored in {expected}, got {self['unit']!r}")
        if not self["source"].strip():
            raise ValidationError("a published number needs its source: cite it")
        return True
