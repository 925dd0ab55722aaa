"""Published numbers to set results against, each with its kind and source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiida_concerted.common.hints import nearest
from aiida_concerted.common.parameters import refuse_unknown
from aiida_concerted.common.strict_yaml import load_strict, read_strict

FILE_KEYS = ("material", "formula", "carrier", "sources", "values")
VALUE_KEYS = (
    "quantity", "value", "unit", "kind", "source", "uncertainty", "temperature_K", "temperature_range_K", "label",
)  # fmt: skip


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


@dataclass(frozen=True)
class ReferenceSet:
    """The published numbers of one material.

    :param material: short key, such as ``LGPS``.
    :param formula: chemical formula.
    :param carrier: element symbol of the mobile ion.
    :param values: the numbers, in the order of the file.
    """

    material: str
    formula: str
    carrier: str
    values: tuple[ReferenceValue, ...]


def reference_materials() -> list[str]:
    """Return the names of the materials whose published numbers come with the package."""
    names = (Path(entry.name).stem for entry in files(__package__).iterdir() if entry.name.endswith(".yaml"))
    return sorted(name.removeprefix("reference_") for name in names if name.startswith("reference_"))


def load_reference_values(material: str) -> list[ReferenceValue]:
    """Return the published numbers shipped for a material, in any case; an empty list where there are none."""
    if material.lower() not in reference_materials():
        return []
    return list(load_references(material).values)


def load_references(name_or_path: str | Path) -> ReferenceSet:
    """Return the published numbers that ship for a material, or those of a YAML file of the same form.

    :raises ValueError: if there is neither, or the file is malformed; the message says where.
    """
    name = str(name_or_path)
    if name.lower() in reference_materials():
        resource = files(__package__).joinpath(f"reference_{name.lower()}.yaml")
        return _parse(load_strict(resource.read_text(encoding="utf-8"), name), name)
    if not Path(name).is_file():
        hint = nearest(name.lower(), reference_materials())
        raise ValueError(f"'{name}' is neither a file nor a material with published numbers: {hint}")
    return _parse(read_strict(name), name)


def _parse(content: Any, where: str) -> ReferenceSet:
    if not isinstance(content, dict):
        raise ValueError(f"{where}: must hold {', '.join(FILE_KEYS)}")
    refuse_unknown(content, FILE_KEYS, where)
    for key in FILE_KEYS:
        if not content.get(key):
            raise ValueError(f"{where} lacks the key '{key}'")
    sources = content["sources"]
    if not isinstance(sources, dict) or not isinstance(content["values"], list):
        raise ValueError(f"{where}: 'sources' are keys with a citation each, 'values' a list")
    values = tuple(
        _value(entry, sources, f"{where}: value {number}") for number, entry in enumerate(content["values"], start=1)
    )
    return ReferenceSet(str(content["material"]), str(content["formula"]), str(content["carrier"]), values)


def _value(entry: Any, sources: dict[str, str], where: str) -> ReferenceValue:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be a mapping of keys to values, got {entry!r}")
    refuse_unknown(entry, VALUE_KEYS, where)
    for key in ("quantity", "value", "kind", "source"):
        if entry.get(key) is None:
            raise ValueError(f"{where} lacks the key '{key}'")
    if entry["source"] not in sources:
        raise ValueError(f"{where}: there is no source '{entry['source']}': {nearest(str(entry['source']), sources)}")
    span = entry.get("temperature_range_K")
    if span is not None and not (isinstance(span, list) and len(span) == 2):
        raise ValueError(f"{where}: temperature_range_K must be two temperatures in K, got {span!r}")
    return ReferenceValue(
        quantity=str(entry["quantity"]),
        value=_number(entry["value"], f"{where}: value"),
        unit=str(entry.get("unit") or ""),
        kind=str(entry["kind"]),
        source=str(sources[entry["source"]]),
        uncertainty=_optional(entry, "uncertainty", where),
        temperature_K=_optional(entry, "temperature_K", where),
        temperature_range_K=None if span is None else (_number(span[0], where), _number(span[1], where)),
        label=None if entry.get("label") is None else str(entry["label"]),
    )


def _optional(entry: dict[str, Any], key: str, where: str) -> float | None:
    return None if entry.get(key) is None else _number(entry[key], f"{where}: {key}")


def _number(value: Any, where: str) -> float:
    """Return a number; YAML takes ``1e-9`` for text, and people write it so."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where} must be a number, got {value!r}") from None
    if isinstance(value, bool) or not abs(number) < float("inf"):
        raise ValueError(f"{where} must be a finite number, got {value!r}")
    return number


def short_source(source: str) -> str:
    """Return first author and year of a citation such as ``A. Fu et al., J. X (2022)``, or its first words."""
    author = re.match(r"(?:[A-Z]\.[- ]?)+ ?([^\W\d]+)", source)
    year = re.search(r"\((\d{4})\)", source)
    return f"{author.group(1)} {year.group(1)}" if author and year else source.split(",")[0].split("/")[-1]
