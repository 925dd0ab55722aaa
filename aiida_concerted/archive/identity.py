"""Persons and machines taken out of an archive: e-mail addresses, names, hosts, folders.

AiiDA exports who made a node and on which machine and in which folder it ran: addresses of users, hosts and work
folders of computers, paths of executables, submission scripts that hold all of these. None of it is needed to read,
check or continue a study. UUIDs, labels, times and numbers stay: what is replaced says where something ran, not what.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path, PurePosixPath
from typing import IO, Any

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.nested import PACKED, chunks, leaves, spool
from aiida_concerted.archive.reading import DATABASE, OBJECTS, extract_database, open_zip, read_metadata
from aiida_concerted.archive.rewriting import (
    HASH_EXTRA,
    digest,
    follow_objects,
    keys_in_use,
    object_names,
    text_columns,
    write_archive,
)
from aiida_concerted.archive.scrub import Progress

EXTRA_FILES = "identity_removed_from"
HOST, WORK_FOLDER, PROGRAMS, HOME = "host.invalid", "/work", "/programs", "/home/user"
PERSON = "somebody"
"""What stands in the place of hosts, work folders, folders of executables and home folders."""

DROPPED = ("detailed_job_info", "raw_data", "job_owner", "allocated_machines", "submission_machine")
"""What schedulers say of a job that names persons or nodes; nothing reads it."""

_OF_A_JOB = re.compile(r"^(/.+)/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f-]{32}$")
_SYSTEM = ("/usr", "/bin", "/sbin", "/opt", "/lib")
_BEFORE = rb"(?:(?<![\w.-])|(?<=\s-[A-Za-z]))"
"""A path begins after anything but a word, or after the letter of an option (``-I/home/…``)."""
_HOMES = (
    rb"(?:(?<![\w./-])|(?<=\s-[A-Za-z])|(?<=file://))"  # not the pages of a web site
    rb"(?!/home/user(?![\w.-]))(?:/[\w.-]+){0,3}?/(?:home|Users|users)/[\w.-]+"
)
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MIN_HOST = 4
_SNIFFED_BYTES = 1 << 16


@dataclass(frozen=True)
class Author:
    """Who is named as the author of everything in an archive.

    :param name: name, may be empty.
    :param email: address.
    """

    name: str = ""
    email: str = "author@archive.invalid"

    @classmethod
    def parse(cls, text: str) -> Author:
        """Return the author behind ``Name <name@host>`` or an address alone.

        :raises ValueError: if there is no address in it.
        """
        name, email = parseaddr(text)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
            raise ValueError(f"an author is written as 'Name <name@example.org>', got {text!r}")
        return cls(name, email)


@dataclass
class IdentityReport:
    """What was replaced.

    :param n_records: records of the database.
    :param n_files: files of nodes.
    :param n_binary: files that are no text or packed, hold something of it, and were left as they are.
    :param left: paths of these in the nodes, ten at most.
    """

    n_records: int = 0
    n_files: int = 0
    n_binary: int = 0
    left: list[str] = field(default_factory=list)


def remove_identity(
    source: Path,
    target: Path,
    *,
    author: Author | None = None,
    progress: Progress | None = None,
    known: Replacements | None = None,
) -> IdentityReport:
    """Return what was replaced in an archive; the archive without persons and machines is written to ``target``.

    The target appears when it is whole; the source may be the same file.

    :param author: who is named as the author of all nodes; nobody when not given.
    :param progress: called with the number of files looked through and their total.
    :param known: what to look for, where nodes that would tell it were left out of the source; its own when not given.
    :raises ArchiveError: if the source is damaged, or the target cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    report = IdentityReport()
    try:
        with open_zip(source) as archive, tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / DATABASE
            extract_database(archive, database)
            with closing(sqlite3.connect(database)) as connection:
                replaced = known or Replacements.of_archive(connection)
                changed = _rewrite_objects(archive, replaced, report, progress)
                held = _rewrite_database(connection, replaced, author or Author(), changed, report)
            metadata = {**read_metadata(archive), "identity_removed": True}
            write_archive(archive, unfinished, database, metadata, changed, held)
        unfinished.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"cannot write {target} ({error.strerror or error}): free some space, or name another place"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return report


def find_identity(path: Path) -> Replacements:
    """Return what names persons and machines in an archive.

    :raises ArchiveError: if it is damaged.
    """
    with open_zip(path) as archive, tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / DATABASE
        extract_database(archive, database)
        with closing(sqlite3.connect(database)) as connection:
            return Replacements.of_archive(connection)


class Replacements:
    """What to look for, and what to put in its place.

    :param words: replacements by what they stand for; paths only match whole.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = {text.encode(): new.encode() for text, new in words.items()}
        longest_first = sorted(self._words, key=len, reverse=True)
        known = [_BEFORE + re.escape(text) + rb"(?![\w-])" for text in longest_first]
        self._pattern = re.compile(b"|".join([*known, _HOMES]))

    @classmethod
    def of_archive(cls, connection: sqlite3.Connection) -> Replacements:
        """Return what names persons and machines in an archive, and this machine and its user."""
        words: dict[str, str] = {}
        for prefix in _program_folders(connection):
            words[prefix] = PROGRAMS
        words |= dict.fromkeys(_work_folders(connection), WORK_FOLDER)
        words |= dict.fromkeys(_emails(connection), Author().email)
        words |= dict.fromkeys(_names(connection), PERSON)
        words |= dict.fromkeys(_hosts(connection), HOST)
        words |= {home: HOME for home in [str(Path.home())] if home not in ("/", HOME)}
        return cls({text: new for text, new in words.items() if text and text != new})

    def apply(self, content: bytes) -> bytes:
        """Return content with everything replaced."""
        return self._pattern.sub(lambda match: self._words.get(match[0], HOME.encode()), content)

    def are_in(self, content: bytes) -> bool:
        """Return whether content holds anything to replace."""
        return self._pattern.search(content) is not None


def _emails(connection: sqlite3.Connection) -> list[str]:
    return [email for (email,) in connection.execute("SELECT email FROM db_dbuser") if "@" in (email or "")]


def _names(connection: sqlite3.Connection) -> set[str]:
    """Return full names and institutions; a first or last name alone, or one word, could be one of the science."""
    names = set()
    for first, last, place in connection.execute("SELECT first_name, last_name, institution FROM db_dbuser"):
        names |= {f"{first} {last}", f"{last}, {first}"} if first and last else set()
        names |= {place} if " " in (place or "") else set()
    return names


def _hosts(connection: sqlite3.Connection) -> set[str]:
    """Return the hosts of computers and of this machine; short bare names could be words of the science."""
    hosts = {host for (host,) in connection.execute("SELECT hostname FROM db_dbcomputer")}
    hosts |= {socket.gethostname(), socket.getfqdn()}
    return {host for host in hosts if host and host not in _LOCAL and ("." in host or len(host) >= _MIN_HOST)}


def _work_folders(connection: sqlite3.Connection) -> set[str]:
    """Return the folders that computers work in, as they are written in the nodes."""
    folders = set()
    for (metadata,) in connection.execute("SELECT metadata FROM db_dbcomputer"):
        folders.add(str(json.loads(metadata or "{}").get("workdir", "")).rstrip("/"))
    query = "SELECT json_extract(attributes, ?) FROM db_dbnode WHERE json_extract(attributes, ?) IS NOT NULL"
    for key in ("$.remote_path", "$.remote_workdir"):
        for (path,) in connection.execute(query, (key, key)):
            found = _OF_A_JOB.match(str(path).rstrip("/"))
            folders.add(found[1] if found else str(PurePosixPath(str(path)).parent))
    folders |= {folder.replace("{username}", getpass.getuser()) for folder in folders if "{username}" in folder}
    return {folder for folder in folders if len(PurePosixPath(folder).parts) > 1 and folder != WORK_FOLDER}


def _program_folders(connection: sqlite3.Connection) -> set[str]:
    """Return the folders of executables, and those around a ``bin`` folder; not those of the system."""
    query = (
        "SELECT json_extract(attributes, '$.filepath_executable') FROM db_dbnode WHERE node_type LIKE 'data.core.code%'"
    )
    folders = set()
    for (path,) in connection.execute(query):
        folder = PurePosixPath(path or "").parent
        if folder.is_absolute() and not any(folder.is_relative_to(place) for place in _SYSTEM):
            folders.add(folder.parent if folder.name == "bin" else folder)
    return {str(folder) for folder in folders if len(folder.parts) > 1}


def _rewrite_objects(
    archive: zipfile.ZipFile, replaced: Replacements, report: IdentityReport, progress: Progress | None
) -> dict[str, tuple[IO[bytes], str]]:
    """Return new content and new key of every text file that names a person or a machine, by its key."""
    changed: dict[str, tuple[IO[bytes], str]] = {}
    names = object_names(archive)
    for number, name in enumerate(names, start=1):
        key = name.removeprefix(OBJECTS)
        with archive.open(name) as member, spool(member) as content:
            head = content.read(_SNIFFED_BYTES)
            is_text = b"\0" not in head and not head.startswith(PACKED)
            content.seek(0)
            if is_text and any(replaced.are_in(line) for line in content):
                content.seek(0)
                new = tempfile.SpooledTemporaryFile(max_size=1 << 24)
                new.writelines(replaced.apply(line) for line in content)
                new.seek(0)
                changed[key] = (new, digest(new))  # type: ignore[arg-type]
            elif not is_text and any(replaced.are_in(chunk) for leaf in leaves(content) for chunk in chunks(leaf)):
                report.n_binary += 1
                report.left = [*report.left, key][:10]
        if progress is not None:
            progress(number, len(names))
    return changed


def _rewrite_database(
    connection: sqlite3.Connection,
    replaced: Replacements,
    author: Author,
    changed: Mapping[str, tuple[IO[bytes], str]],
    report: IdentityReport,
) -> set[str]:
    """Return the keys of the files that nodes hold, after replacing what every record says."""
    renamed = {key: new for key, (_, new) in changed.items()}
    report.n_files = follow_objects(connection, renamed, EXTRA_FILES)
    report.left = [path for key in report.left for path in _paths_of(connection, key)][:10]
    _drop_job_facts(connection)
    for table, column in text_columns(connection):
        query = f'SELECT rowid, "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\''  # noqa: S608
        for rowid, text in connection.execute(query).fetchall():
            new = _rewrite_text(text, replaced)
            if new == text or (table, column) == ("db_dbuser", "email"):  # must stay unique; comes below
                report.n_records += new != text
                continue
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, rowid))  # noqa: S608
            report.n_records += 1
            if (table, column) == ("db_dbnode", "attributes"):  # caching would trust the hash of the old content
                forget = "UPDATE db_dbnode SET extras = json_remove(extras, ?) WHERE rowid = ?"
                connection.execute(forget, (f"$.{HASH_EXTRA}", rowid))
    _name_author(connection, author)
    connection.execute("DELETE FROM db_dbauthinfo")
    connection.execute("UPDATE db_dbcomputer SET description = ''")
    connection.commit()
    connection.execute("VACUUM")  # what is replaced stays in free pages of the file until it is written anew
    return keys_in_use(connection)


def _rewrite_text(text: str, replaced: Replacements) -> str:
    """Return a record with everything replaced; in JSON value by value, as escapes of line breaks run into words."""
    try:
        content = json.loads(text) if text[:1] in ("{", "[") else None
    except json.JSONDecodeError:
        content = None
    if content is None:
        return replaced.apply(text.encode()).decode()
    new = _rewrite_json(content, replaced)
    return text if new == content else json.dumps(new)


def _rewrite_json(value: Any, replaced: Replacements) -> Any:
    if isinstance(value, dict):
        return {replaced.apply(key.encode()).decode(): _rewrite_json(item, replaced) for key, item in value.items()}
    if isinstance(value, list):
        return [_rewrite_json(item, replaced) for item in value]
    return replaced.apply(value.encode()).decode() if isinstance(value, str) else value


def _paths_of(connection: sqlite3.Connection, key: str) -> list[str]:
    """Return where a file is: the PK of its node in the archive and the node's type."""
    query = "SELECT uuid, node_type FROM db_dbnode WHERE repository_metadata LIKE ?"
    return [f"{uuid} ({kind.rstrip('.')})" for uuid, kind in connection.execute(query, (f"%{key}%",))]


def _drop_job_facts(connection: sqlite3.Connection) -> None:
    """Take out of the attributes of jobs what schedulers said of persons and nodes."""
    query = "SELECT id, attributes FROM db_dbnode WHERE node_type LIKE 'process.calculation.calcjob%'"
    for pk, text in connection.execute(query).fetchall():
        attributes = json.loads(text or "{}")
        kept = _without(attributes, DROPPED)
        if kept != attributes:
            connection.execute("UPDATE db_dbnode SET attributes = ? WHERE id = ?", (json.dumps(kept), pk))


def _without(value: Any, keys: Iterable[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    return [_without(item, keys) for item in value] if isinstance(value, list) else value


def _name_author(connection: sqlite3.Connection, author: Author) -> None:
    """Let the first user, who made most nodes, be the author, and the others be nobody."""
    query = (
        "SELECT db_dbuser.id FROM db_dbuser LEFT JOIN db_dbnode ON db_dbnode.user_id = db_dbuser.id "
        "GROUP BY db_dbuser.id ORDER BY count(db_dbnode.id) DESC, db_dbuser.id"
    )
    users = [pk for (pk,) in connection.execute(query).fetchall()]
    connection.execute("UPDATE db_dbuser SET email = id || '@archive.invalid'")  # addresses are unique at every moment
    first, _, last = author.name.rpartition(" ")
    for number, pk in enumerate(users):
        values = (author.email, first, last) if number == 0 else (f"author{number + 1}@archive.invalid", "", "")
        update = "UPDATE db_dbuser SET email = ?, first_name = ?, last_name = ?, institution = '' WHERE id = ?"
        connection.execute(update, (*values, pk))
