"""The text of POTCARs taken out of an archive, wherever it is: nodes, retrieved files, files in files, the database.

``verdi archive create --all`` exports aiida-vasp's nodes that hold potentials; calculations with unusual settings
retrieve files that hold them. The nodes of potentials are left out whole: one without its text would be taken for the
potential it names by whoever uploads their own. What stays of each stands in the extras of its façade, which is what
calculations used.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.nested import Cleaned, chunks, clean_stream, spool
from aiida_concerted.archive.potcar_text import PotentialFacts, cut_potcar_text, holds_potcar_text
from aiida_concerted.archive.reading import DATABASE, OBJECTS, extract_database, open_zip, read_metadata
from aiida_concerted.archive.rewriting import (
    HASH_EXTRA,
    digest,
    follow_objects,
    keys_in_use,
    keys_of,
    object_names,
    text_columns,
    write_archive,
)

POTCAR_FILE = "data.vasp.potcar_file.%"
POTCAR_FACADE = "data.vasp.potcar.%"
EXTRA_FILES, EXTRA_HEADER = "potcar_text_removed_from", "potcar_header"

Progress = Callable[[int, int], None]


@dataclass
class ScrubReport:
    """What was taken out.

    :param n_nodes: nodes of potentials that were left out.
    :param n_objects: other files whose text was cut.
    :param n_records: records of the database whose text was cut.
    :param potentials: what stays of each potential, by the hash of its text.
    """

    n_nodes: int = 0
    n_objects: int = 0
    n_records: int = 0
    potentials: dict[str, PotentialFacts] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Return whether there was nothing to take out."""
        return not (self.n_nodes or self.n_objects or self.n_records)


def scrub_archive(source: Path, target: Path, *, progress: Progress | None = None) -> ScrubReport:
    """Return what was taken out of an archive; the archive without it is written to ``target``.

    The target appears when it is whole, and was looked through again; the source may be the same file.

    :param progress: called with the number of files looked through and their total.
    :raises ArchiveError: if the source is damaged, or the target cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    report = ScrubReport()
    try:
        with open_zip(source) as archive, tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / DATABASE
            extract_database(archive, database)
            changed = _clean_objects(archive, progress)
            for cleaned, _ in changed.values():
                report.potentials |= {fact.sha256: fact for fact in cleaned.facts}
            with closing(sqlite3.connect(database)) as connection:
                held = _clean_database(connection, changed, report)
            contents = {key: (cleaned.stream, new) for key, (cleaned, new) in changed.items()}
            write_archive(archive, unfinished, database, _metadata(archive, report), contents, held)
        if holds_licensed_text(unfinished):
            raise ArchiveError(
                f"the text of POTCARs could not be taken out of {source}: report this, and do not share it"
            )
        unfinished.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"cannot write {target} ({error.strerror or error}): free some space, or name another place"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return report


def _metadata(archive: zipfile.ZipFile, report: ScrubReport) -> dict[str, Any]:
    metadata = read_metadata(archive)
    if not report.is_clean:
        metadata["potcar_text_removed"] = [fact.as_dict() for fact in report.potentials.values()]
    return metadata


def holds_licensed_text(path: Path) -> bool:
    """Return whether an archive holds the text of a POTCAR anywhere.

    :raises ArchiveError: if it is damaged.
    """
    with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / DATABASE
        extract_database(archive, database)
        with closing(sqlite3.connect(database)) as connection:
            query = "SELECT count(*) FROM db_dbnode WHERE node_type LIKE ?"
            if connection.execute(query, (POTCAR_FILE,)).fetchone()[0]:
                return True
        with database.open("rb") as stream:
            if holds_potcar_text(chunks(stream)):
                return True
        return bool(_clean_objects(archive, None, stop_at_first=True))


def _clean_objects(
    archive: zipfile.ZipFile, progress: Progress | None, *, stop_at_first: bool = False
) -> dict[str, tuple[Cleaned, str]]:
    """Return new content and new key of every object that holds the text of a POTCAR, by its key."""
    changed: dict[str, tuple[Cleaned, str]] = {}
    names = object_names(archive)
    for number, name in enumerate(names, start=1):
        with archive.open(name) as member, spool(member) as content:
            cleaned = clean_stream(content)
        if cleaned is not None:
            changed[name.removeprefix(OBJECTS)] = (cleaned, digest(cleaned.stream))
            if stop_at_first:
                break
        if progress is not None:
            progress(number, len(names))
    return changed


def _clean_database(
    connection: sqlite3.Connection, changed: dict[str, tuple[Cleaned, str]], report: ScrubReport
) -> set[str]:
    """Return the keys of the objects that nodes still hold, after cleaning every record."""
    _drop_potentials(connection, changed, report)
    if changed:
        renamed = {key: new for key, (_, new) in changed.items()}
        report.n_objects += follow_objects(connection, renamed, EXTRA_FILES)
    _clean_records(connection, report)
    connection.commit()
    # What is deleted stays in free pages of the file until it is written anew.
    connection.execute("VACUUM")
    return keys_in_use(connection)


def _drop_potentials(
    connection: sqlite3.Connection, changed: dict[str, tuple[Cleaned, str]], report: ScrubReport
) -> None:
    query = "SELECT id, attributes, repository_metadata FROM db_dbnode WHERE node_type LIKE ?"
    for pk, attributes, repository in connection.execute(query, (POTCAR_FILE,)).fetchall():
        facts = [fact for key in keys_of(json.loads(repository)) if key in changed for fact in changed[key][0].facts]
        _keep_facts(connection, json.loads(attributes), facts)
        links = "SELECT count(*) FROM db_dblink WHERE input_id = ? OR output_id = ?"
        if connection.execute(links, (pk, pk)).fetchone()[0]:
            connection.execute("UPDATE db_dbnode SET repository_metadata = '{}' WHERE id = ?", (pk,))
            connection.execute("UPDATE db_dbnode SET node_type = 'data.Data.' WHERE id = ?", (pk,))
        else:
            for table, column in (
                ("db_dbgroup_dbnodes", "dbnode_id"), ("db_dbcomment", "dbnode_id"), ("db_dblog", "dbnode_id"),
                ("db_dbnode", "id"),
            ):  # fmt: skip
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (pk,))  # noqa: S608
        report.n_nodes += 1


def _keep_facts(connection: sqlite3.Connection, attributes: dict[str, Any], facts: list[PotentialFacts]) -> None:
    """Note what stays of a potential in the extras of its façade."""
    query = (
        "SELECT id, extras FROM db_dbnode WHERE node_type LIKE ? AND node_type NOT LIKE ? "
        "AND json_extract(attributes, '$.sha512') = ?"
    )
    header = [fact.as_dict() for fact in facts]
    for pk, extras in connection.execute(query, (POTCAR_FACADE, POTCAR_FILE, attributes.get("sha512"))).fetchall():
        content = {**json.loads(extras or "{}"), EXTRA_HEADER: header}
        connection.execute("UPDATE db_dbnode SET extras = ? WHERE id = ?", (json.dumps(content), pk))


def _clean_records(connection: sqlite3.Connection, report: ScrubReport) -> None:
    """Cut the text of POTCARs out of every text in the database: attributes, extras, logs, comments."""
    for table, column in text_columns(connection):
        query = f'SELECT rowid, "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\''  # noqa: S608
        dirty = [(rowid, text) for rowid, text in connection.execute(query) if holds_potcar_text([text.encode()])]
        for rowid, text in dirty:
            cleaned = _clean_text(text, report)
            update = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
            connection.execute(update, (cleaned, rowid))
            report.n_records += 1


def _clean_text(text: str, report: ScrubReport) -> str:
    """Return the text of a record, JSON or not, without that of POTCARs."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = text
    if isinstance(content, dict | list):
        cleaned = json.dumps(_clean_json(content, report))
        # Spread over several values it could not be cut out piece by piece.
        return cleaned if not holds_potcar_text([cleaned.encode()]) else json.dumps(type(content)())
    return _cut(text, report)


def _clean_json(value: Any, report: ScrubReport) -> Any:
    if isinstance(value, dict):
        return {_cut(key, report): _clean_json(item, report) for key, item in value.items() if key != HASH_EXTRA}
    if isinstance(value, list):
        return [_clean_json(item, report) for item in value]
    return _cut(value, report) if isinstance(value, str) else value


def _cut(text: str, report: ScrubReport) -> str:
    if not holds_potcar_text([text.encode()]):
        return text
    content, facts = cut_potcar_text(text.encode())
    report.potentials |= {fact.sha256: fact for fact in facts}
    return content.decode()
