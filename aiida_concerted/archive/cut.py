"""A smaller archive: whole nodes left out, and told where.

An archive that lacks a file of a node cannot be imported, so what is left out are nodes, with their links, logs and
comments. A calculation whose inputs or outputs are not all there loses the hash by which caching would find it, and an
extra says what is missing.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.graph import CALLS, CREATE, INPUTS, RETURN, Amount, Graph, Link
from aiida_concerted.archive.reading import DATABASE, extract_database, open_zip, read_metadata
from aiida_concerted.archive.rewriting import HASH_EXTRA, keys_in_use, write_archive
from aiida_concerted.common.extras import LEFT_OUT


class Content(StrEnum):
    """How much of a study is in an archive.

    ``full`` is everything; ``frames`` everything but the files and folders of the engines; ``results`` the results,
    the functions that made them and what these were given, except trajectories, frames, potentials and files. A result
    that a later process made anew, when it continued the one that had it, is left out.
    """

    FULL = "full"
    FRAMES = "frames"
    RESULTS = "results"


EXTRA_LEFT_OUT = LEFT_OUT
"""The extra of a process that lists the labels of the links it lost."""

_FUNCTIONS = "aiida_concerted.calculations.functions."
_RAW = (
    "data.core.folder.", "data.core.remote.", "data.vasp.archive.", "data.vasp.chargedensity.", "data.vasp.wavefun.",
)  # fmt: skip
"""What engines leave behind them: retrieved folders and files, and pointers to those on the machine."""

_RESULTS = (
    "data.concerted.diffusivity.", "data.concerted.modes.", "data.concerted.site_statistics.",
    "data.concerted.arrhenius.", "data.concerted.vacancy.", "data.concerted.published.",
    "data.concerted.site_history.", "data.concerted.cell_size.",
)  # fmt: skip
_LARGE = (
    *_RAW, "data.concerted.trajectory.", "data.concerted.frames.", "data.concerted.potential.",
    "data.core.array.trajectory.", "data.lammps.", "data.core.singlefile.", "data.core.code.portable.",
)  # fmt: skip
"""Inputs that are not taken along with results."""


@dataclass(frozen=True)
class Edge:
    """Where a cut runs: nodes of one kind were left out that processes of one name took or made.

    :param process: name of the process.
    :param kind: kind of the data.
    :param missing: which of the two is not in the archive: ``input``, ``output`` or ``creator``.
    :param number: how many such links there were.
    """

    process: str
    kind: str
    missing: str
    number: int


@dataclass(frozen=True)
class Cut:
    """What was left out of an archive, and where.

    :param content: how much stayed.
    :param left_out: number and size of the nodes that did not, by their kind.
    :param edges: where the cut runs.
    """

    content: Content
    left_out: dict[str, Amount]
    edges: tuple[Edge, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, as it stands in a manifest."""
        return {
            "content": str(self.content),
            "left_out": {kind: vars(amount) for kind, amount in self.left_out.items()},
            "runs_between": [vars(edge) for edge in self.edges],
        }


def cut_archive(path: Path, content: Content, continued: Iterable[tuple[str, str]] = ()) -> Cut:
    """Leave nodes out of an archive, in place, and return what was left out.

    :param continued: UUIDs of processes, each with that of one which it continues.
    :raises ArchiveError: if nothing would stay, the archive is damaged, or it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / DATABASE
            extract_database(archive, database)
            with closing(sqlite3.connect(database)) as connection:
                graph = Graph.of_database(connection, archive)
                kept = choose(graph, content, _pks_of(connection, continued))
                cut = describe_cut(graph, content, kept)
                _delete(connection, graph, kept)
                held = keys_in_use(connection)
            write_archive(archive, unfinished, database, read_metadata(archive), {}, held)
        unfinished.replace(path)
    except OSError as error:
        raise ArchiveError(f"cannot write {path} ({error.strerror or error}): free some space") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return cut


def _pks_of(connection: sqlite3.Connection, pairs: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    pks = {
        uuid: pk for pk, uuid in connection.execute("SELECT id, uuid FROM db_dbnode WHERE node_type LIKE 'process.%'")
    }
    return [(pks[later], pks[earlier]) for later, earlier in pairs if later in pks and earlier in pks]


def choose(graph: Graph, content: Content, continued: Sequence[tuple[int, int]] = ()) -> set[int]:
    """Return the nodes that stay.

    :param continued: processes, each with one which it continues.
    :raises ArchiveError: if there are none.
    """
    if content is Content.FULL:
        return set(graph.nodes)
    kept = _without_raw(graph) if content is Content.FRAMES else _results(graph, continued)
    if not kept:
        raise ArchiveError("there is no result in what was asked for: take --content frames or full")
    return kept


def describe_cut(graph: Graph, content: Content, kept: set[int]) -> Cut:
    """Return what is left out of a graph of which some nodes stay."""
    left_out = graph.measure(set(graph.nodes) - kept, without=graph.keys(kept))
    counts = Counter(_edge(graph, link, kept) for link in _lost(graph, kept) if link.type in (*INPUTS, CREATE))
    edges = (Edge(*names, number) for names, number in sorted(counts.items()))
    return Cut(content, left_out, tuple(edges))


def _edge(graph: Graph, link: Link, kept: set[int]) -> tuple[str, str, str]:
    if link.type != CREATE:
        return graph.nodes[link.target].kind, graph.nodes[link.source].kind, "input"
    return graph.nodes[link.source].kind, graph.nodes[link.target].kind, "output" if link.source in kept else "creator"


def _lost(graph: Graph, kept: set[int]) -> list[Link]:
    """Return the links that a cut severs; an input that stays though its process does not is no loss."""
    return [
        link
        for link in graph.links
        if (link.source in kept) != (link.target in kept) and not (link.type in INPUTS and link.source in kept)
    ]


def _without_raw(graph: Graph) -> set[int]:
    made = {link.target for link in graph.links if link.type == CREATE}
    return {
        pk for pk, node in graph.nodes.items() if not (node.node_type.startswith(_RAW) and pk in made)
    }  # folders that users brought in were made by no calculation, and are no raw output


def _results(graph: Graph, continued: Sequence[tuple[int, int]]) -> set[int]:
    made_anew = _made_anew(graph, continued)
    results = {pk for pk, node in graph.nodes.items() if node.node_type.startswith(_RESULTS)} - made_anew
    functions = {
        link.source
        for link in graph.links
        if link.type == CREATE
        and link.target in results
        and graph.nodes[link.source].process_type.startswith(_FUNCTIONS)
    }
    returning = {link.source for link in graph.links if link.type == RETURN and link.target in results}
    processes = _with_callers(graph, functions | returning)
    inputs = {
        link.source
        for link in graph.links
        if link.type in INPUTS
        and link.target in processes
        and link.source not in made_anew
        and not graph.nodes[link.source].node_type.startswith(_LARGE)
    }
    return results | processes | inputs if results else set()


def _made_anew(graph: Graph, continued: Sequence[tuple[int, int]]) -> set[int]:
    """Return what only continued processes return where the later one returns another node by the same label."""
    returned: dict[int, dict[str, int]] = defaultdict(dict)
    for link in graph.links:
        if link.type == RETURN:
            returned[link.source][link.label] = link.target
    found = {
        target
        for later, earlier in continued
        for label, target in returned[earlier].items()
        if returned[later].get(label, target) != target
    }
    over = _with_callers(graph, {earlier for _, earlier in continued})
    return found - {target for source, own in returned.items() if source not in over for target in own.values()}


def _with_callers(graph: Graph, pks: set[int]) -> set[int]:
    """Return processes with those that called them."""
    callers = {link.target: link.source for link in graph.links if link.type in CALLS}
    found = set(pks)
    for pk in pks:
        while (pk := callers.get(pk, 0)) and pk not in found:
            found.add(pk)
    return found


def _delete(connection: sqlite3.Connection, graph: Graph, kept: set[int]) -> None:
    """Delete the other nodes with all that hangs on them."""
    gone = [(pk,) for pk in graph.nodes if pk not in kept]
    for table, columns in (
        ("db_dblink", ("input_id", "output_id")), ("db_dblog", ("dbnode_id",)), ("db_dbcomment", ("dbnode_id",)),
        ("db_dbgroup_dbnodes", ("dbnode_id",)), ("db_dbnode", ("id",)),
    ):  # fmt: skip
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS gone (pk INTEGER PRIMARY KEY)")
        connection.executemany("INSERT OR IGNORE INTO gone VALUES (?)", gone)
        for column in columns:
            connection.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT pk FROM gone)")  # noqa: S608
    used = "SELECT dbcomputer_id FROM db_dbnode WHERE dbcomputer_id IS NOT NULL"
    connection.execute(f"DELETE FROM db_dbauthinfo WHERE dbcomputer_id NOT IN ({used})")  # noqa: S608
    connection.execute(f"DELETE FROM db_dbcomputer WHERE id NOT IN ({used})")  # noqa: S608
    connection.execute("DELETE FROM db_dbgroup WHERE id NOT IN (SELECT dbgroup_id FROM db_dbgroup_dbnodes)")
    _mark(connection, _lost(graph, kept), kept)
    connection.commit()
    connection.execute("VACUUM")


def _mark(connection: sqlite3.Connection, lost: Iterable[Link], kept: set[int]) -> None:
    """Note at each process what it lost, and take the hash from it by which caching would trust it."""
    missing: dict[int, dict[str, list[str]]] = defaultdict(lambda: {"inputs": [], "outputs": []})
    for link in lost:
        if link.type in INPUTS:
            missing[link.target]["inputs"].append(link.label)
        elif link.type in (CREATE, RETURN) and link.source in kept:
            missing[link.source]["outputs"].append(link.label)
    for pk, labels in missing.items():
        (text,) = connection.execute("SELECT extras FROM db_dbnode WHERE id = ?", (pk,)).fetchone()
        extras = {**json.loads(text or "{}"), EXTRA_LEFT_OUT: {k: sorted(v) for k, v in labels.items() if v}}
        extras.pop(HASH_EXTRA, None)
        connection.execute("UPDATE db_dbnode SET extras = ? WHERE id = ?", (json.dumps(extras), pk))


def read_left_out(extras: Any) -> Sequence[str]:
    """Return the labels of the inputs that an archive lacks of a process with these extras."""
    found = extras.get(EXTRA_LEFT_OUT) if isinstance(extras, dict) else None
    inputs = found.get("inputs") if isinstance(found, dict) else None
    return [str(label) for label in inputs] if isinstance(inputs, list) else []


def count_left_out(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many inputs the processes in a database say that they lack, by the label of the process."""
    query = "SELECT id, json_extract(attributes, '$.process_label'), extras FROM db_dbnode WHERE extras LIKE ?"
    counts: Counter[str] = Counter()
    for pk, label, text in connection.execute(query, (f"%{EXTRA_LEFT_OUT}%",)).fetchall():
        links = connection.execute("SELECT label FROM db_dblink WHERE output_id = ?", (pk,))
        present = {name for (name,) in links}
        counts[str(label)] += sum(name not in present for name in read_left_out(json.loads(text)))
    return {label: number for label, number in sorted(counts.items()) if number}
