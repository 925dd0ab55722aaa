"""What an archive of some nodes would hold, told from the profile without writing anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_concerted.archive.cut import Content, Cut, choose, describe_cut
from aiida_concerted.archive.errors import NOT_ENDED, ArchiveError
from aiida_concerted.archive.graph import Amount, Entry, Graph, Link
from aiida_concerted.archive.nested import chunks
from aiida_concerted.archive.rewriting import keys_of

if TYPE_CHECKING:
    from aiida.orm import Node

BATCH = 500
"""Nodes asked for in one statement: databases bound the number of values in one."""


@dataclass(frozen=True)
class Plan:
    """What an archive would hold.

    :param contents: number and size of the nodes in it, by their kind.
    :param cut: what would be left out; ``None`` where everything would be in it.
    """

    contents: dict[str, Amount]
    cut: Cut | None


def plan_archive(nodes: Sequence[Node], *, content: Content = Content.FULL, with_callers: bool = True) -> Plan:
    """Return what an archive of nodes with their ancestors and all they called would hold.

    Sizes are those of the files before compression, and before anything is taken out of them.

    :param content: how much of it.
    :param with_callers: also the work chains that called what is behind the nodes.
    :raises ArchiveError: if it could not be written: something has not ended, or nothing would stay.
    """
    from aiida_concerted.queries.calls import continued

    graph = graph_of_nodes(nodes, with_callers=with_callers)
    kept = choose(graph, content, [(int(later.pk or 0), int(earlier.pk or 0)) for later, earlier in continued(nodes)])
    return Plan(graph.measure(kept), None if content is Content.FULL else describe_cut(graph, content, kept))


def graph_of_nodes(nodes: Sequence[Node], *, with_callers: bool = True) -> Graph:
    """Return the graph that an export of nodes would take along, with the sizes of its files.

    :raises ArchiveError: if a process in it has not ended.
    """
    from aiida.common.links import LinkType
    from aiida.tools.graph.graph_traversers import get_nodes_export

    from aiida_concerted.queries.calls import taken_over

    found = get_nodes_export(
        [int(node.pk or 0) for node in [*nodes, *taken_over(nodes)]], get_links=True,
        call_calc_backward=with_callers, call_work_backward=with_callers,
    )  # fmt: skip
    entries = _entries(sorted(found["nodes"]))
    links = tuple(
        Link(link.source_id, link.target_id, LinkType(link.link_type).value, link.link_label)
        for link in found["links"] or ()
    )
    keys = frozenset().union(*(entry.keys for entry in entries.values()))
    return Graph(entries, links, _sizes(keys))


def _entries(pks: Sequence[int]) -> dict[int, Entry]:
    from aiida import orm

    names = ["id", "node_type", "process_type", "repository_metadata", "attributes.process_label", "attributes.sealed"]
    entries = {}
    for start in range(0, len(pks), BATCH):
        builder = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": pks[start : start + BATCH]}}, project=names)
        for pk, kind, process_type, files, label, is_sealed in builder.all():
            if kind.startswith("process.") and not is_sealed:  # SQLite gives 1 for true
                raise ArchiveError(NOT_ENDED)
            entries[pk] = Entry(kind, process_type or "", label or "", frozenset(keys_of(files or {})))
    return entries


def _sizes(keys: Collection[str]) -> dict[str, int]:
    """Return the sizes in bytes of files of the loaded profile."""
    from aiida.manage import get_manager

    repository: Any = get_manager().get_profile_storage().get_repository()
    container = getattr(repository, "_container", None)
    if container is not None:  # AiiDA's own storage knows them; to read gigabytes for their length takes minutes
        with container as opened:
            return {key: int(meta["size"]) for key, meta in opened.get_objects_meta(list(keys))}
    return {
        key: sum(len(chunk) for chunk in chunks(stream)) for key, stream in repository.iter_object_streams(list(keys))
    }
