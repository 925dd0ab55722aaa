"""The nodes and links of an archive, as its database tells them, for what has to choose among them."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from aiida_concerted.archive.reading import DATABASE, OBJECTS, extract_database, open_zip
from aiida_concerted.archive.rewriting import keys_of, object_names

INPUTS = ("input_calc", "input_work")
CALLS = ("call_calc", "call_work")
CREATE = "create"
RETURN = "return"


@dataclass(frozen=True)
class Entry:
    """A node.

    :param node_type: AiiDA's type string, such as ``data.core.dict.Dict.``.
    :param process_type: what ran, for processes.
    :param process: the label of the process, empty for data.
    :param keys: keys of its files.
    """

    node_type: str
    process_type: str = ""
    process: str = ""
    keys: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """Return the name by which people know it: the process, or the class of data."""
        return self.process or self.node_type.rstrip(".").rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Link:
    """A link from one node to another, with AiiDA's type and the label."""

    source: int
    target: int
    type: str
    label: str


@dataclass(frozen=True)
class Amount:
    """A number of nodes and the bytes of their files, before compression; each file once."""

    nodes: int
    bytes: int


@dataclass(frozen=True)
class Graph:
    """Nodes by their key, and the links between them."""

    nodes: Mapping[int, Entry]
    links: tuple[Link, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_database(cls, connection: sqlite3.Connection, archive: zipfile.ZipFile) -> Graph:
        """Return the graph in the database of an archive, with the sizes of the archive's files."""
        query = (
            "SELECT id, node_type, process_type, json_extract(attributes, '$.process_label'), repository_metadata "
            "FROM db_dbnode"
        )
        nodes = {
            pk: Entry(kind, process or "", label or "", frozenset(keys_of(json.loads(files or "{}"))))
            for pk, kind, process, label, files in connection.execute(query)
        }
        links = connection.execute("SELECT input_id, output_id, type, label FROM db_dblink")
        sizes = {name.removeprefix(OBJECTS): archive.getinfo(name).file_size for name in object_names(archive)}
        return cls(nodes, tuple(Link(*row) for row in links), sizes)

    def measure(self, pks: Iterable[int], without: frozenset[str] = frozenset()) -> dict[str, Amount]:
        """Return how many nodes there are of each kind and how large their files are, the largest first.

        :param without: keys of files that do not count.
        """
        numbers: dict[str, int] = defaultdict(int)
        keys: dict[str, set[str]] = defaultdict(set)
        for pk in pks:
            kind = self.nodes[pk].kind
            numbers[kind] += 1
            keys[kind] |= self.nodes[pk].keys - without
        found = {kind: Amount(n, sum(self.sizes.get(key, 0) for key in keys[kind])) for kind, n in numbers.items()}
        return dict(sorted(found.items(), key=lambda item: (-item[1].bytes, item[0])))

    def keys(self, pks: Iterable[int]) -> frozenset[str]:
        """Return the keys of the files of nodes."""
        return frozenset().union(*(self.nodes[pk].keys for pk in pks))


def measure_archive(path: Path) -> dict[str, Amount]:
    """Return how many nodes of each kind are in an archive and how large their files are, the largest first.

    :raises ArchiveError: if it is damaged.
    """
    with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / DATABASE
        extract_database(archive, database)
        with closing(sqlite3.connect(database)) as connection:
            graph = Graph.of_database(connection, archive)
    return graph.measure(graph.nodes)
