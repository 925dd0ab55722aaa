"""From the words of a query to filters of AiiDA's query builder, on attributes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida.common.links import LinkType
from aiida.orm import Data, ProcessNode, QueryBuilder, Str

from aiida_concerted.common.hints import nearest
from aiida_concerted.data.formula import reduced_formula
from aiida_concerted.data.migrations import earlier_names
from aiida_concerted.queries.calls import CONTINUES, origin_uuid
from aiida_concerted.queries.kinds import Kind, filters_of

TOLERANCE_K = 1e-3
"""A single temperature in K is met within this: it is stored as a number with digits."""

Condition = dict[str, Any]


def build_filters(kind: Kind, criteria: dict[str, Any], backend: Any = None) -> Condition:
    """Return the filter of a query builder for the criteria that are not ``None``.

    :param criteria: value by the name of the filter.
    :param backend: storage in which a study is looked up; the loaded profile's without it.
    :raises ValueError: if a criterion does not fit the kind, or its value is no such thing.
    """
    given = {name: value for name, value in criteria.items() if value is not None}
    known = filters_of(kind)
    for name in given:
        if name not in BUILDERS:
            raise ValueError(f"there is no filter '{name}': {nearest(name, BUILDERS)}")
        if name not in known:
            raise ValueError(f"{kind.name} have no {name}: filter them by {', '.join(known)}")
    conditions = [
        study_condition(value, backend) if name == "study" else BUILDERS[name](value) for name, value in given.items()
    ]
    return (
        {"and": [with_earlier_names(condition, kind.node_class.__name__) for condition in conditions]} if given else {}
    )


def with_earlier_names(condition: Condition, node: str) -> Condition:
    """Return a condition that is met under the names that attributes had in earlier versions of the schema, too.

    :param node: name of the class of the nodes.
    """
    found: list[Condition] = []
    for key, test in condition.items():
        if key in ("and", "or"):
            found.append({key: [with_earlier_names(part, node) for part in test]})
            continue
        names = (word, *earlier_names(node, word)) if (word := key.removeprefix("attributes.")) != key else ()
        tests = [{f"attributes.{name}": test} for name in names] or [{key: test}]
        found.append(tests[0] if len(tests) == 1 else {"or": tests})
    return found[0] if len(found) == 1 else {"and": found}


def parse_range(value: float | str | tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    """Return the ends of a range given as a number, ``600``, ``600:900``, ``600:`` or ``:900``.

    :raises ValueError: if it is none of these, or the ends stand in the wrong order.
    """
    if isinstance(value, str):
        words = value.split(":")
        try:
            ends = [float(word) if word.strip() else None for word in words]
        except ValueError:
            ends = []
        if not 1 <= len(ends) <= 2 or all(end is None for end in ends):
            raise ValueError(f"'{value}' is no range: give one number, or two with a colon between, such as 600:900")
        value = (ends[0], ends[-1])
    elif not isinstance(value, tuple | list):
        value = (float(value), float(value))
    lower, upper = value
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(f"the range {lower:g}:{upper:g} is empty: give the smaller number first")
    return lower, upper


def _temperature(value: Any) -> Condition:
    lower, upper = parse_range(value)
    bounds = {}
    if lower is not None:
        bounds[">="] = lower - TOLERANCE_K
    if upper is not None:
        bounds["<="] = upper + TOLERANCE_K
    return {"attributes.temperature_K": bounds}


def _same_word(attribute: str) -> Callable[[str], Condition]:
    return lambda value: {f"attributes.{attribute}": {"ilike": _literal(value)}}


def _formula(value: str) -> Condition:
    from pymatgen.core import Composition

    try:
        composition = Composition(value)
        counts = {element.symbol: round(number) for element, number in composition.items()}
        if any(abs(composition[symbol] - number) > 1e-6 for symbol, number in counts.items()) or not counts:
            raise ValueError
        formula = reduced_formula(symbol for symbol, number in counts.items() for _ in range(number))
    except (ValueError, KeyError, AttributeError):
        raise ValueError(f"'{value}' is not a formula with whole numbers, such as Li10GeP2S12") from None
    # What was stored by other means may have its elements in another order.
    return {"or": [{"attributes.formula": {"==": formula}}, {"attributes.formula": {"==": value}}]}


def study_condition(value: str | int, backend: Any = None) -> Condition:
    """Return the filter for the results of a study; those of one that was continued bear the UUID of the first.

    The PK of any other process finds what it returned: results of a sweep that ran alone may name no study.

    :param value: PK, UUID or the beginning of one.
    :raises ValueError: if a PK is no process.
    """
    text = str(value).strip()
    if text.isdigit() and len(text) < 8:
        found = QueryBuilder(backend=backend).append(ProcessNode, filters={"id": int(text)}).all(flat=True)
        if not found:
            raise ValueError(f"there is no process {text} here: see 'verdi process list -a'")
        named: Condition = {"attributes.study_uuid": {"==": origin_uuid(found[0])}}
        returned = _returned(int(text), backend)
        return {"or": [named, {"id": {"in": returned}}]} if returned else named
    begins = {"like": _literal(text.lower()) + "%"}
    later = QueryBuilder(backend=backend).append(Str, tag="earlier")
    later.append(ProcessNode, with_incoming="earlier", edge_filters={"label": CONTINUES}, filters={"uuid": begins})
    origins = [{"attributes.study_uuid": {"==": origin_uuid(node)}} for node in later.all(flat=True)]
    return {"or": [{"attributes.study_uuid": begins}, *origins]} if origins else {"attributes.study_uuid": begins}


def _returned(pk: int, backend: Any) -> list[int]:
    """Return the keys of the data that a process returned."""
    builder = QueryBuilder(backend=backend).append(ProcessNode, filters={"id": pk}, tag="process")
    edge = {"type": LinkType.RETURN.value}
    builder.append(Data, with_incoming="process", edge_filters=edge, project="id")
    return builder.all(flat=True)


BUILDERS: dict[str, Callable[[Any], Condition]] = {
    "material": _same_word("material"),
    "formula": _formula,
    "carrier": _same_word("carrier"),
    "level_of_theory": lambda value: {"attributes.level_of_theory": {"ilike": f"%{_literal(value)}%"}},
    "study": study_condition,
    "temperature_K": _temperature,
    "max_activation_energy_eV": lambda value: {"attributes.activation_energy_eV": {"<=": float(value)}},
    "quantity": _same_word("quantity"),
    "mode": _same_word("mode"),
}
"""Filters by name; ``mode`` of modes is one of many in a node and is looked for in the rows."""


def _literal(text: str) -> str:
    """Return text that ``like`` takes at its word."""
    return str(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
