"""Published numbers as rows among computed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import QueryBuilder

from aiida_concerted.data.migrations import current_attributes, is_newer
from aiida_concerted.data.published import PublishedValueData
from aiida_concerted.queries.filters import BUILDERS, study_condition, with_earlier_names
from aiida_concerted.queries.kinds import Kind, Published
from aiida_concerted.queries.table import Row

NODE = PublishedValueData.__name__
BY_VALUE = {"max_activation_energy_eV": ("attributes.value", "<=")}
BY_LABEL = ("mode",)
"""Criteria that look at other attributes of a published number than of a computed one."""


def published_rows(kind: Kind, criteria: Mapping[str, Any], backend: Any = None) -> list[Row]:
    """Return the published numbers that belong among the rows of a kind, in one statement.

    :param criteria: as for :func:`aiida_concerted.queries.query`; nothing published belongs to a study.
    """
    quantities = dict(kind.published)
    if "quantity" in criteria:
        wanted = str(criteria["quantity"]).lower()
        quantities = {name: place for name, place in quantities.items() if ("quantity", wanted) in place.constants}
    if not quantities or criteria.get("study") is not None:
        return []
    builder = QueryBuilder(backend=backend)
    filters = {"and": [{"attributes.quantity": {"in": list(quantities)}}, *_conditions(criteria)]}
    builder.append(PublishedValueData, filters=filters, project=["id", "uuid", "ctime", "attributes"])
    empty = dict.fromkeys(kind.all_columns)
    return [
        {
            **empty,
            "pk": pk,
            "uuid": uuid,
            "created": created.isoformat(timespec="seconds"),
            **_row(kind, current_attributes(NODE, attributes)),
        }
        for pk, uuid, created, attributes in builder.all()
        if not is_newer(attributes)
    ]


def _conditions(criteria: Mapping[str, Any]) -> list[dict[str, Any]]:
    conditions = []
    for name, value in criteria.items():
        if value is None or name == "quantity" or BUILDERS[name] is study_condition:
            continue
        if name in BY_VALUE:
            attribute, operator = BY_VALUE[name]
            conditions.append({attribute: {operator: float(value)}})
        else:
            (attribute, test), *_ = BUILDERS[name](value).items()
            conditions.append({"attributes.label" if name in BY_LABEL else attribute: test})
    return [with_earlier_names(condition, NODE) for condition in conditions]


def _row(kind: Kind, attributes: Mapping[str, Any]) -> Row:
    place: Published = kind.published[attributes["quantity"]]
    row = {name: attributes[name] for name in (*kind.columns, "source") if name in attributes}
    row.update(place.constants)
    row[place.value] = attributes["value"]
    if place.error is not None:
        row[place.error] = attributes.get("uncertainty")
    if place.label is not None:
        row[place.label] = attributes.get("label")
    return row
