"""Published numbers to set results against, each with its kind and source."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class ReferenceValue:
    """One published number.

    :param quantity: name such as ``tracer_diffusivity``, with the key of our own results where there is one.
    :param value: the number, in ``unit``.
    :param unit: unit of ``value``; empty for a ratio.
    :param kind: how it was obtained: ``deep potential``, ``AIMD``, ``DFT`` or ``experiment``.
    :param source: citation.
    :param uncertainty: one standard error as published, if any.
    :param temperature_K: temperature or ``None``.
    :param temperature_range_K: range of a fit or ``None``.
    :param label: site label or mode, where the quantity belongs to one.
    """

    quantity: str
    value: float
    unit: str
    kind: str
    source: str
    uncertainty: float | None = None
    temperature_K: float | None = None
    temperature_range_K: tuple[float, float] | None = None
    label: str | None = None


def load_reference_values(material: str) -> list[ReferenceValue]:
    """Return the published numbers shipped for a material, in any case; an empty list where there are none."""
    resource = files(__package__).joinpath(f"reference_{material.lower()}.yaml")
    if not resource.is_file():
        return []
    content = yaml.safe_load(resource.read_text(encoding="utf-8"))
    sources: dict[str, str] = content["sources"]
    return [_value(entry, sources) for entry in content["values"]]


def _value(entry: dict[str, Any], sources: dict[str, str]) -> ReferenceValue:
    span = entry.get("temperature_range_K")
    uncertainty = entry.get("uncertainty")
    return ReferenceValue(
        quantity=entry["quantity"],
        value=float(entry["value"]),
        unit=entry.get("unit", ""),
        kind=entry["kind"],
        source=sources[entry["source"]],
        uncertainty=None if uncertainty is None else float(uncertainty),
        temperature_K=entry.get("temperature_K"),
        temperature_range_K=None if span is None else (float(span[0]), float(span[1])),
        label=entry.get("label"),
    )
