"""What an archive says of itself: how it may be used and cited, what made it, what is in it, and a hash of its records.

It stands in the archive's own ``metadata.json`` beside what AiiDA keeps there, which importers leave alone. Files of
nodes are named by the hash of their content; with the hash of the database everything in an archive can be checked.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sqlite3
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from aiida_concerted.archive.cut import count_left_out
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.reading import DATABASE, OBJECTS, extract_database, open_zip, read_metadata
from aiida_concerted.archive.rewriting import digest, keys_in_use, object_names, write_archive
from aiida_concerted.data.migrations import SCHEMA_VERSION

KEY = "aiida_concerted"
SCHEMA = "aiida-concerted/archive-manifest/1"
_SCHEMA = re.compile(r"aiida-concerted/archive-manifest/(\d+)")
LICENCE = "CC-BY-4.0"
CITATION = (
    "aiida-concerted, and the paper whose method it implements: Fu et al., Journal of Energy Chemistry (2022), "
    "doi:10.1016/j.jechem.2022.01.018"
)
PACKAGES = ("aiida-concerted", "aiida-core", "aiida-vasp", "aiida-lammps", "deepmd-kit", "pymatgen", "numpy")


def add_manifest(
    path: Path, *, licence: str = LICENCE, citation: str | None = None, cut: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a manifest into an archive and return it.

    :param licence: under which others may use what is in it, an SPDX identifier.
    :param citation: how to cite it; the software and the paper of its method when not given.
    :param cut: what was left out of it, and where.
    :raises ArchiveError: if the archive is damaged, or cannot be written.
    """

    def make(archive: zipfile.ZipFile, database: Path) -> dict[str, Any]:
        manifest = make_manifest(archive, database, licence, citation or CITATION)
        return {**manifest, "cut": dict(cut)} if cut is not None else manifest

    return _write_manifest(path, make)


def renew_manifest(path: Path) -> None:
    """Let the manifest of an archive say what is in it now, after something was taken out; one without stays without.

    Licence, citation, the software that made it and what was left out stay; what took something out is named.

    :raises ArchiveError: if the archive is damaged, or cannot be written.
    """
    before = read_manifest(path)
    if before is None:
        return

    def make(archive: zipfile.ZipFile, database: Path) -> dict[str, Any]:
        now = make_manifest(archive, database, "", "")
        facts = {name: now[name] for name in ("nodes", "files", "inputs_left_out", "database_sha256")}
        return {**before, **facts, "scrubbed_with": now["software"]}

    _write_manifest(path, make)


def _write_manifest(path: Path, make: Callable[[zipfile.ZipFile, Path], dict[str, Any]]) -> dict[str, Any]:
    """Write a manifest into an archive and return it.

    :param make: returns it from the archive and the file of its database.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / DATABASE
            extract_database(archive, database)
            manifest = make(archive, database)
            with closing(sqlite3.connect(database)) as connection:
                held = keys_in_use(connection)
            write_archive(archive, unfinished, database, {**read_metadata(archive), KEY: manifest}, {}, held)
        unfinished.replace(path)
    except OSError as error:
        raise ArchiveError(f"cannot write {path} ({error.strerror or error}): free some space") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def make_manifest(archive: zipfile.ZipFile, database: Path, licence: str, citation: str) -> dict[str, Any]:
    """Return the manifest of an archive whose database lies in a file."""
    with database.open("rb") as stream:
        hash_of_database = digest(stream)
    with closing(sqlite3.connect(database)) as connection:
        kinds = Counter(kind for (kind,) in connection.execute("SELECT node_type FROM db_dbnode"))
        left_out = count_left_out(connection)
    sizes = [archive.getinfo(name).file_size for name in object_names(archive)]
    return {
        "schema": SCHEMA,
        "result_schema_version": SCHEMA_VERSION,
        "software": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "licence": licence,
        "citation": citation,
        "nodes": dict(sorted(kinds.items())),
        "files": {"number": len(sizes), "bytes": sum(sizes)},
        "inputs_left_out": left_out,
        "database_sha256": hash_of_database,
    }


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return the manifest of an archive, ``None`` where it has none.

    :raises ArchiveError: if the archive is damaged, or of a newer version of this software.
    """
    with open_zip(path) as archive:
        manifest = read_metadata(archive).get(KEY)
    if manifest is None:
        return None
    found = _SCHEMA.fullmatch(str(manifest.get("schema"))) if isinstance(manifest, dict) else None
    if found is not None and int(found[1]) > 1:
        raise ArchiveError(f"{path} is of a newer aiida-concerted ({manifest['schema']}): upgrade this one")
    if found is None or not _is_whole(manifest):
        raise ArchiveError(f"{path}: its manifest is damaged: copy it anew")
    return dict(manifest)


def _is_whole(manifest: Mapping[str, Any]) -> bool:
    """Return whether what is read of a manifest is of the kind that it is read as."""
    cut = manifest.get("cut", {})
    if not isinstance(manifest.get("software", {}), dict) or not isinstance(cut, dict):
        return False
    left_out, edges = cut.get("left_out", {}), cut.get("runs_between", [])
    if not isinstance(left_out, dict) or not isinstance(edges, list):
        return False
    amounts = [
        amount.get(key) for amount in left_out.values() if isinstance(amount, dict) for key in ("nodes", "bytes")
    ]
    return (
        len(amounts) == 2 * len(left_out)
        and all(type(amount) is int for amount in amounts)
        and all(isinstance(edge, dict) for edge in edges)
    )


def stated_left_out(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return how many inputs of processes an archive lacks by its manifest, by the label of the process."""
    stated = manifest.get("inputs_left_out")
    if isinstance(stated, Mapping):
        return {str(label): number for label, number in stated.items() if isinstance(number, int)}
    # Manifests of before tell where the cut runs, and no more.
    counts: Counter[str] = Counter()
    cut = manifest.get("cut")
    edges = cut.get("runs_between") if isinstance(cut, Mapping) else None
    for edge in edges if isinstance(edges, list) else []:
        if isinstance(edge, Mapping) and edge.get("missing") == "input" and isinstance(edge.get("number"), int):
            counts[str(edge.get("process"))] += edge["number"]
    return dict(counts)


def find_alterations(path: Path) -> list[str]:
    """Return what in an archive is not what its name or the manifest says, in a sentence each.

    :raises ArchiveError: if it cannot be read at all.
    """
    manifest = read_manifest(path)
    found = []
    with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
        if manifest is not None:
            with archive.open(DATABASE) as stream:
                if _digest_of(stream) != manifest.get("database_sha256"):
                    found.append("the database is not the one that the manifest was made for")
        names = object_names(archive)
        for name in names:
            with archive.open(name) as stream:
                if _digest_of(stream) != name.removeprefix(OBJECTS):
                    found.append(f"the file {name} is not what its name says")
        database = Path(folder) / DATABASE
        extract_database(archive, database)
        with closing(sqlite3.connect(database)) as connection:
            missing = keys_in_use(connection) - {name.removeprefix(OBJECTS) for name in names}
    if missing:
        found.append(f"{len(missing)} files that its nodes name are not in it, such as {min(missing)[:12]}…")
    return found


def _digest_of(stream: Any) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
