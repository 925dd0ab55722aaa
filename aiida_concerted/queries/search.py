"""The questions themselves: each is one statement on attributes, and a few more for the provenance.

Nodes are never loaded; the cost grows with the rows of the answer, with the limit alone where the database orders them.
"""

from __future__ import annotations

from typing import Any

from aiida_concerted.data.migrations import current_attributes, is_newer
from aiida_concerted.queries.fetch import Found, Order, fetch, fetch_first, order_of
from aiida_concerted.queries.filters import build_filters
from aiida_concerted.queries.kinds import WORKCHAIN, Kind, kind_of
from aiida_concerted.queries.literature import published_rows
from aiida_concerted.queries.provenance import find_provenance, find_workchains
from aiida_concerted.queries.table import ResultTable, Row


def query(
    kind: str,
    *,
    sort: str | None = None,
    limit: int | None = None,
    provenance: bool = True,
    literature: bool = True,
    backend: Any = None,
    **criteria: Any,
) -> ResultTable:
    """Return the results of a kind that meet the criteria, of every material in the profile.

    :param kind: ``diffusivities``, ``arrhenius``, ``modes``, ``occupancies``, ``vacancies``, ``potentials``, ``frames``
        or ``trajectories``.
    :param sort: column to sort by, with ``-`` before it from large to small; rows without a value stand last.
    :param limit: most rows.
    :param provenance: whether to look up the columns that name trajectory, potential and code.
    :param literature: whether published numbers stand among the computed ones; their column ``source`` is not empty.
    :param backend: storage to ask, such as an archive's; the loaded profile's without it.
    :param criteria: ``material`` and ``carrier`` (whole words, upper or lower case), ``formula`` (elements in any
        order), ``level_of_theory`` (a part of it), ``study`` (PK of it or of any process that returned the results, or
        UUID of the study or its beginning), ``temperature_K`` (a
        number, or a range as tuple or text ``600:900``), ``max_activation_energy_eV``, ``quantity``, ``mode``.
    :raises ValueError: if a word is unknown or does not fit the kind.
    """
    chosen = kind_of(kind)
    if limit is not None and limit < 0:
        raise ValueError(f"the limit must not be negative, got {limit}")
    # One of many in a node is looked for in the rows; elsewhere it is an attribute.
    mode = criteria.pop("mode", None) if "mode" in chosen.expanded else None
    order = order_of(chosen, sort) if limit and mode is None else None
    rows, n_newer = _rows(chosen, _nodes(chosen, build_filters(chosen, criteria, backend), order, limit, backend))
    if literature:
        rows += published_rows(chosen, {name: value for name, value in criteria.items() if value is not None}, backend)
    if mode is not None:
        rows = [row for row in rows if row["mode"].lower() == mode.lower()]
    table = ResultTable(chosen.name, chosen.all_columns, tuple(rows), n_newer)
    needs_all = sort is not None and sort.removeprefix("-") in (*chosen.provenance, WORKCHAIN)
    if provenance and needs_all:
        _add_provenance(table, chosen, backend)
    table = _in_order(table, sort, chosen)
    table = table if limit is None else table.head(limit)
    if provenance and not needs_all:
        _add_provenance(table, chosen, backend)
    return table


def _add_provenance(table: ResultTable, kind: Kind, backend: Any) -> None:
    facts = find_provenance(kind, (row["pk"] for row in table), backend)
    nameless = [row["pk"] for row in table if row["study_uuid"] is None and not row.get("source")]
    chains = find_workchains(kind, nameless, backend)
    for row in table:
        row.update(facts.get(row["pk"], {}))
        row[WORKCHAIN] = chains.get(row["pk"])


def _nodes(kind: Kind, filters: dict[str, Any], order: Order | None, limit: int | None, backend: Any) -> list[Found]:
    """Return the nodes that the rows are made of; no more than needed where the database has their order."""
    if order is not None and limit:
        found = fetch_first(kind, filters, order, limit, backend)
        if found is not None:
            return found
    return fetch(kind, filters, backend)


def _rows(kind: Kind, nodes: list[Found]) -> tuple[list[Row], int]:
    """Return the rows of nodes, and how many nodes of newer versions were left out."""
    empty = dict.fromkeys(kind.all_columns)
    rows: list[Row] = []
    n_newer = 0
    for pk, uuid, created, stored in nodes:
        if is_newer(stored):
            n_newer += 1
            continue
        attributes = current_attributes(kind.node_class.__name__, stored)
        known = {name: attributes.get(name) for name in kind.columns}
        common = {"pk": pk, "uuid": uuid, "created": created.isoformat(timespec="seconds")}
        common["study_uuid"] = attributes.get("study_uuid")
        rows += [{**empty, **known, **common, **part} for part in kind.expand(attributes)]
    return rows, n_newer


def _in_order(table: ResultTable, sort: str | None, kind: Kind) -> ResultTable:
    """Return the rows in order; equal ones in that of their PK, as databases give them in any order."""
    if sort is not None:
        return table.sorted_by("pk").sorted_by(sort.removeprefix("-"), descending=sort.startswith("-"))
    for name in ("pk", *reversed(kind.sort)):
        table = table.sorted_by(name)
    return table


def diffusivities(**criteria: Any) -> ResultTable:
    """Return tracer and charge diffusivities, Haven ratios and conductivities; see :func:`query`."""
    return query("diffusivities", **criteria)


def arrhenius(**criteria: Any) -> ResultTable:
    """Return Arrhenius fits; see :func:`query`."""
    return query("arrhenius", **criteria)


def modes(**criteria: Any) -> ResultTable:
    """Return frequencies of concerted modes, a row a mode and temperature; see :func:`query`."""
    return query("modes", **criteria)


def occupancies(**criteria: Any) -> ResultTable:
    """Return occupancies and residence times, a row a site label and temperature; see :func:`query`."""
    return query("occupancies", **criteria)


def vacancies(**criteria: Any) -> ResultTable:
    """Return vacancy formation energies, a row a site label; see :func:`query`."""
    return query("vacancies", **criteria)


def potentials(**criteria: Any) -> ResultTable:
    """Return deep potentials; see :func:`query`."""
    return query("potentials", **criteria)


def frames(**criteria: Any) -> ResultTable:
    """Return labelled datasets; see :func:`query`."""
    return query("frames", **criteria)


def trajectories(**criteria: Any) -> ResultTable:
    """Return molecular-dynamics runs; see :func:`query`."""
    return query("trajectories", **criteria)
