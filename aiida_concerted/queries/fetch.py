"""The nodes of a kind from the database: all that meet a filter, or the first of them in an order that it knows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from aiida.orm import QueryBuilder

from aiida_concerted.data.migrations import SCHEMA_VERSION, earlier_names
from aiida_concerted.data.result import ResultData
from aiida_concerted.queries.kinds import Kind

# One projection of all attributes is read faster than one of each: SQLite parses the JSON anew for every path.
PROJECTED = ["id", "uuid", "ctime", "attributes"]
Found = list[Any]
"""What is projected of one node."""

IS_NUMBER = {">=": -sys.float_info.max}
"""What every number meets, and no absent value and no ``null``, in SQLite and PostgreSQL alike."""


@dataclass(frozen=True)
class Order:
    """An order that databases share: by a number, or by the key of the table; equal ones by key, unknown ones last.

    :param column: column of the table of results.
    :param descending: from large to small.
    """

    column: str
    descending: bool


def order_of(kind: Kind, sort: str | None) -> Order | None:
    """Return the order of rows as a database has it, ``None`` where it has none or it is not that of the rows.

    Words are ordered by each database after its own language. A node that becomes several rows, or none, cannot be
    counted before it is read.

    :param sort: column to sort by, with ``-`` before it from large to small.
    """
    if sort is None or kind.expanded:
        return None
    column = sort.removeprefix("-")
    is_known = column == "pk" or (column in kind.columns and _is_number(kind, column))
    return Order(column, sort.startswith("-")) if is_known else None


def _is_number(kind: Kind, column: str) -> bool:
    """Return whether every value of a column is a number, and always had this name."""
    if not issubclass(kind.node_class, ResultData) or earlier_names(kind.node_class.__name__, column):
        return False
    field = kind.node_class.get_fields().get(column)
    return field is not None and set(field.types) <= {int, float}


def fetch(kind: Kind, filters: dict[str, Any], backend: Any = None) -> list[Found]:
    """Return all nodes of a kind that meet a filter, in one statement."""
    return _builder(kind, filters, backend).all()


def fetch_first(
    kind: Kind, filters: dict[str, Any], order: Order, limit: int, backend: Any = None
) -> list[Found] | None:
    """Return the first nodes in an order, ``None`` where some of a newer version are among them, that must be counted.

    :param limit: how many.
    """
    conditions = list(filters.get("and", ()))
    newer = {"attributes.schema_version": {">": SCHEMA_VERSION}}
    if _builder(kind, {"and": [*conditions, newer]}, backend).count():
        return None
    way = {"order": "desc" if order.descending else "asc"}
    if order.column == "pk":
        return _builder(kind, filters, backend).order_by({"node": [{"id": way}]}).limit(limit).all()
    key = f"attributes.{order.column}"
    known = _builder(kind, {"and": [*conditions, {key: IS_NUMBER}]}, backend)
    found = known.order_by({"node": [{key: {"cast": "f", **way}}, {"id": {"order": "asc"}}]}).limit(limit).all()
    if len(found) == limit:
        return found
    no_number = {key: {f"!{name}": value for name, value in IS_NUMBER.items()}}
    unknown = _builder(kind, {"and": [*conditions, no_number]}, backend)
    return found + unknown.order_by({"node": [{"id": {"order": "asc"}}]}).limit(limit - len(found)).all()


def _builder(kind: Kind, filters: dict[str, Any], backend: Any) -> QueryBuilder:
    builder = QueryBuilder(backend=backend)
    return builder.append(kind.classes, filters=filters, project=PROJECTED, subclassing=False, tag="node")
