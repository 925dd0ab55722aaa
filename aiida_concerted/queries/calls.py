"""What belongs to a process: what it called, and what it took over from the process that it continues.

A node has one caller. What a continued study uses of the study before is therefore not called a second time: it stands
in an extra of the process that uses it, which is copied and archived with the process. Whoever goes down the tree of a
study asks here, so that nothing is missing of one that was continued.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_concerted.common.extras import REUSED

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
CONTINUES = "continues"
"""Label of the input that holds the UUID of the process that another one goes on from."""


def calls_of(process: orm.ProcessNode, start: str = "") -> list[tuple[str, Any]]:
    """Return label and node of everything that a process called or took over, oldest first.

    :param start: look for labels alone that begin so.
    """
    links = process.base.links.get_outgoing(link_type=CALLS, link_label_filter=f"{start}%" if start else None).all()
    found = [*((link.link_label, link.node) for link in links), *reused_by(process)]
    return sorted((call for call in found if call[0].startswith(start)), key=lambda call: call[1].pk or 0)


def calls_labelled(process: orm.ProcessNode, label: str) -> list[Any]:
    """Return what a process called or took over by a label, oldest first; no other node is loaded."""
    query = orm.QueryBuilder(backend=process.backend).append(orm.ProcessNode, filters={"id": process.pk}, tag="caller")
    called = {"type": {"in": [kind.value for kind in CALLS]}, "label": {"==": label}}
    query.append(orm.ProcessNode, with_incoming="caller", edge_filters=called, project="*")
    reused = [node for _, node in reused_by(process, label)]
    return sorted([*query.all(flat=True), *reused], key=lambda node: node.pk or 0)


def reused_by(process: orm.ProcessNode, label: str | None = None) -> list[tuple[str, Any]]:
    """Return label and node of everything that a process took over; what has been deleted since is left out.

    :param label: look for this label alone.
    """
    entries = read_reused(process.base.extras.get(REUSED, None))
    noted = {entry["uuid"]: entry["label"] for entry in entries if label in (None, entry["label"])}
    if not noted:
        return []
    query = orm.QueryBuilder(backend=process.backend)
    query.append(orm.ProcessNode, filters={"uuid": {"in": list(noted)}})
    return [(noted[node.uuid], node) for node in query.all(flat=True)]


def read_reused(extra: Any) -> list[dict[str, str]]:
    """Return the entries of the extra that are sound: it may come from somebody else's archive."""
    entries = extra if isinstance(extra, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and {"label", "uuid"} <= set(entry)]


def note_reuse(process: orm.ProcessNode, label: str, child: orm.ProcessNode) -> None:
    """Note that a process uses a child of an earlier one as if it had called it by this label."""
    noted = read_reused(process.base.extras.get(REUSED, None))
    entry = {"label": label, "uuid": child.uuid}
    if entry not in noted:
        process.base.extras.set(REUSED, [*noted, entry])


def walk(process: orm.ProcessNode) -> list[Any]:
    """Return a process and everything below it, each once, callers first; only work chains are asked for children."""
    found: dict[str, Any] = {}
    _collect(process, found)
    return list(found.values())


def _collect(process: orm.ProcessNode, found: dict[str, Any]) -> None:
    if process.uuid in found:
        return
    found[process.uuid] = process
    for _, child in calls_of(process) if isinstance(process, orm.WorkflowNode) else ():
        _collect(child, found)


def earlier_uuid(process: orm.ProcessNode) -> str | None:
    """Return the UUID of the process that this one continues, ``None`` where it began anew."""
    node = process.base.links.get_incoming(link_label_filter=CONTINUES).first()
    return None if node is None else str(node.node.value)


def earlier_processes(process: orm.ProcessNode) -> Iterator[orm.ProcessNode]:
    """Yield the process that this one continues, the one which that continued, and so on as far as they are here."""
    seen = {process.uuid}
    while (uuid := earlier_uuid(process)) is not None and uuid not in seen:
        seen.add(uuid)
        query = orm.QueryBuilder(backend=process.backend).append(orm.ProcessNode, filters={"uuid": uuid})
        found = query.all(flat=True)
        if not found:
            return
        (process,) = found
        yield process


def origin_uuid(process: orm.ProcessNode) -> str:
    """Return the UUID of the process that the first of a chain was: the name of the study, however often continued."""
    first = process
    for first in earlier_processes(process):  # noqa: B007  (the last one is wanted)
        pass
    return earlier_uuid(first) or first.uuid


def continued_by(process: orm.ProcessNode) -> orm.ProcessNode | None:
    """Return the newest process that continues this one, ``None`` where none does."""
    query = orm.QueryBuilder(backend=process.backend)
    query.append(orm.Str, filters={"attributes.value": process.uuid}, tag="named")
    query.append(orm.ProcessNode, with_incoming="named", edge_filters={"label": CONTINUES}, tag="later")
    found = query.order_by({"later": {"id": "desc"}}).first(flat=True)
    return found if isinstance(found, orm.ProcessNode) else None


def continued(nodes: Iterable[orm.Node]) -> list[tuple[orm.ProcessNode, orm.ProcessNode]]:
    """Return pairs of a later process and one that it continues, of given processes and those below them.

    What was given as well, or called by it, is no earlier one of any pair.

    :param nodes: processes among others.
    """
    given = [node for node in nodes if isinstance(node, orm.ProcessNode)]
    asked = {process.uuid for node in given for process in (node, *node.called_descendants)}
    below = {process.uuid: process for node in given for process in walk(node) if isinstance(process, orm.ProcessNode)}
    chains = ([process, *earlier_processes(process)] for process in below.values())
    return [pair for chain in chains for pair in combinations(chain, 2) if pair[1].uuid not in asked]


def taken_over(nodes: Iterable[orm.Node]) -> list[orm.ProcessNode]:
    """Return what belongs to continued processes without having been called by them: the earlier ones, and their part.

    :param nodes: processes among others.
    """
    begun = [node for node in nodes if isinstance(node, orm.ProcessNode) and earlier_uuid(node) is not None]
    parts = [child for process in begun for below in walk(process) for _, child in reused_by(below)]
    return [*(earlier for process in begun for earlier in earlier_processes(process)), *parts]
