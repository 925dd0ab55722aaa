"""Published numbers as nodes that name their source."""

from __future__ import annotations

from typing import Any

from aiida import orm
from pymatgen.core import Composition

from aiida_concerted.common.hints import nearest
from aiida_concerted.data.formula import reduced_formula
from aiida_concerted.data.published import UNITS, PublishedValueData
from aiida_concerted.imports.source import Imported
from aiida_concerted.materials.reference import ReferenceSet, ReferenceValue

FACTORS = {
    "m2/s": {"m2/s": 1.0, "cm2/s": 1e-4, "A2/ps": 1e-8},
    "S/m": {"S/m": 1.0, "S/cm": 100.0, "mS/cm": 0.1},
    "eV": {"eV": 1.0, "meV": 1e-3, "kJ/mol": 0.010364269656262175},
    "ps": {"ps": 1.0, "ns": 1e3, "fs": 1e-3, "s": 1e12},
    "meV/atom": {"meV/atom": 1.0, "eV/atom": 1e3},
    "meV/A": {"meV/A": 1.0, "eV/A": 1e3},
    "": {"": 1.0, "%": 0.01},
}
"""What a unit is in the one that is stored; 1 kJ/mol by the exact constants of the SI."""


def import_references(references: ReferenceSet) -> list[Imported]:
    """Return the node of every published number; those that are there already are found and not stored again.

    :raises ValueError: if a quantity or a unit is unknown, or the formula is none.
    """
    formula = _formula(references.formula)
    common = {"material": references.material, "formula": formula, "carrier": references.carrier}
    nodes = [PublishedValueData({**common, **_attributes(value)}) for value in references.values]
    known = {_identity(node): node for node in _stored(references.material)}
    done = []
    for node in nodes:
        found = known.get(_identity(node))
        name = f"{node['quantity']} {node.get('label', '')}".strip()
        if found is None:
            node.label = name
            known[_identity(node)] = node.store()
        done.append(Imported(name, found or node, found is None))
    return done


def _attributes(value: ReferenceValue) -> dict[str, Any]:
    if value.quantity not in UNITS:
        raise ValueError(f"unknown quantity '{value.quantity}': {nearest(value.quantity, UNITS)}")
    unit = UNITS[value.quantity]
    if value.unit not in FACTORS[unit]:
        raise ValueError(f"{value.quantity} cannot be in '{value.unit}': give it in {' or '.join(FACTORS[unit])}")
    factor = FACTORS[unit][value.unit]
    return {
        "quantity": value.quantity,
        "value": value.value * factor,
        "unit": unit,
        "uncertainty": None if value.uncertainty is None else value.uncertainty * factor,
        "temperature_K": value.temperature_K,
        "temperatures_K": None if value.temperature_range_K is None else list(value.temperature_range_K),
        "label": value.label,
        "level_of_theory": value.kind,
        "source": value.source,
    }


def _formula(text: str) -> str:
    try:
        counts = {element.symbol: round(number) for element, number in Composition(text).items()}
    except (ValueError, KeyError) as error:
        raise ValueError(f"'{text}' is not a formula with whole numbers, such as Li10GeP2S12") from error
    return reduced_formula(symbol for symbol, number in counts.items() for _ in range(number))


def _stored(material: str) -> list[PublishedValueData]:
    query = orm.QueryBuilder().append(PublishedValueData, filters={"attributes.material": material})
    found: list[PublishedValueData] = query.all(flat=True)
    return found


def _identity(node: PublishedValueData) -> tuple[tuple[str, str], ...]:
    """Return what makes two published numbers the same, whichever version wrote them, to the digits of databases."""
    attributes = {key: value for key, value in node.get_attributes().items() if key != "schema_version"}
    return tuple(
        (key, f"{value:.10g}" if isinstance(value, float | int) else str(value))
        for key, value in sorted(attributes.items())
    )
