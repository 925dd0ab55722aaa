"""An archive written anew with other content in some of its files, which are named by the hash of their content."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from aiida_concerted.archive.nested import chunks
from aiida_concerted.archive.reading import DATABASE, METADATA, OBJECTS

HASH_EXTRA = "_aiida_hash"
"""The extra by which AiiDA finds what was calculated before."""


def digest(stream: IO[bytes]) -> str:
    """Return the hash that names content in an archive; the stream is rewound."""
    found = hashlib.sha256()
    for chunk in chunks(stream):
        found.update(chunk)
    stream.seek(0)
    return found.hexdigest()


def object_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the members of an archive that are files of nodes."""
    return [name for name in archive.namelist() if name.startswith(OBJECTS) and name != OBJECTS]


def keys_of(folder: Mapping[str, Any]) -> set[str]:
    """Return the keys of all files in the listing of a node's files."""
    own = {entry["k"] for entry in folder.get("o", {}).values() if "k" in entry}
    return own.union(*(keys_of(entry) for entry in folder.get("o", {}).values()))


def keys_in_use(connection: sqlite3.Connection) -> set[str]:
    """Return the keys of the files that nodes hold."""
    query = "SELECT repository_metadata FROM db_dbnode WHERE repository_metadata LIKE '%\"k\"%'"
    return set().union(*(keys_of(json.loads(text)) for (text,) in connection.execute(query)))


def follow_objects(connection: sqlite3.Connection, renamed: Mapping[str, str], mark: str) -> int:
    """Point nodes at the new content of their files, and note in their extras which these are.

    :param renamed: new keys of files by their old ones.
    :param mark: extra that lists the changed files of a node.
    :return: number of files that nodes held.
    """
    query = "SELECT id, repository_metadata, extras FROM db_dbnode WHERE repository_metadata LIKE '%\"k\"%'"
    met: set[str] = set()
    for pk, text, extras in connection.execute(query).fetchall():
        repository = json.loads(text)
        paths = sorted(_rename(repository, renamed, met))
        if paths:
            content = {**json.loads(extras or "{}"), mark: paths}
            content.pop(HASH_EXTRA, None)  # it is that of the old content, and caching would trust it
            values = (json.dumps(repository), json.dumps(content), pk)
            connection.execute("UPDATE db_dbnode SET repository_metadata = ?, extras = ? WHERE id = ?", values)
    return len(met)


def _rename(folder: dict[str, Any], renamed: Mapping[str, str], met: set[str], path: str = "") -> Iterable[str]:
    """Replace keys in the listing of a node's files; yield the paths of those replaced."""
    for name, entry in folder.get("o", {}).items():
        if entry.get("k") in renamed:
            met.add(entry["k"])
            entry["k"] = renamed[entry["k"]]
            yield path + name
        yield from _rename(entry, renamed, met, f"{path}{name}/")


def text_columns(connection: sqlite3.Connection) -> Iterable[tuple[str, str]]:
    """Yield every table of a database with every column of it."""
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
            yield table, row[1]


def write_archive(
    source: zipfile.ZipFile,
    path: Path,
    database: Path,
    metadata: Mapping[str, Any],
    changed: Mapping[str, tuple[IO[bytes], str]],
    held: set[str],
) -> None:
    """Write the archive anew: metadata and database first, as AiiDA looks for them.

    :param changed: new content and new key of files by their old key.
    :param held: keys of the files that nodes still hold; others are left out.
    """
    level = int(metadata.get("compression", 6))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as target:
        target.writestr(METADATA, json.dumps(metadata))
        target.write(database, DATABASE)
        written: set[str] = set()
        for name in object_names(source):
            content, key = changed.get(name.removeprefix(OBJECTS), (None, name.removeprefix(OBJECTS)))
            if key not in held or key in written:
                continue
            written.add(key)
            with content if content is not None else source.open(name) as stream:
                with target.open(f"{OBJECTS}{key}", "w", force_zip64=True) as place:
                    for chunk in chunks(stream):
                        place.write(chunk)
