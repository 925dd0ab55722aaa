"""An archive opened for reading: nothing is imported, no profile is touched, nothing is unpacked but its database."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_concerted.archive.errors import ArchiveError

if TYPE_CHECKING:
    from aiida.storage.sqlite_zip.backend import SqliteZipBackend

METADATA, DATABASE, OBJECTS = "metadata.json", "db.sqlite3", "repo/"
_HEADER_BYTES = 30
_ENCRYPTED = 0x1
"""The bit among the flags of a member that says so."""
_SUSPICIOUS_BYTES, _MAX_RATIO = 100_000_000, 300
"""A member above this size that is packed to less than this share is no data: text packs to a tenth."""

_OBJECT = re.compile(r"repo/([0-9a-f]{64})?")


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield the archive as the zip file that it is, after a look at the names in it.

    :raises ArchiveError: if it is no archive, or damaged.
    """
    if not path.is_file():
        raise ArchiveError(f"there is no file {path}")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ArchiveError(f"{path} is no AiiDA archive, or damaged ({error}): copy it anew") from error
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read ({error.strerror or error})") from error
    with archive:
        _check_names(archive, path)
        _check_sizes(archive, path)
        try:
            yield archive
        except (zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise ArchiveError(f"{path} is damaged ({error}): copy it anew") from error


def read_metadata(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return what an archive says of itself.

    :raises ArchiveError: if that is damaged.
    """
    try:
        metadata = json.loads(archive.read(METADATA))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{archive.filename}: its {METADATA} is damaged: copy it anew") from error
    if not isinstance(metadata, dict):
        raise ArchiveError(f"{archive.filename}: its {METADATA} is damaged: copy it anew")
    return metadata


def extract_database(archive: zipfile.ZipFile, target: Path) -> None:
    """Write the database of an archive to a file.

    :raises ArchiveError: if it is damaged.
    """
    try:
        with archive.open(DATABASE) as source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream)
        connection = sqlite3.connect(target)
        try:
            connection.execute("SELECT id, uuid, node_type, attributes, extras FROM db_dbnode LIMIT 1").fetchall()
        finally:
            connection.close()
    except (sqlite3.DatabaseError, zipfile.BadZipFile, zlib.error) as error:
        raise ArchiveError(f"{archive.filename}: its database is damaged ({error}): copy it anew") from error


@contextmanager
def open_archive(path: Path) -> Iterator[SqliteZipBackend]:
    """Yield the archive as a storage to ask; no profile has to be loaded, and none is changed.

    :raises ArchiveError: if it is no archive, damaged, or of another version of AiiDA's format.
    """
    from aiida.common.exceptions import AiidaException
    from aiida.manage.configuration import get_config_option
    from aiida.storage.sqlite_zip.backend import SqliteZipBackend

    # Where no profile is loaded, AiiDA reads its options at the first query, and shows a warning that it means to hide.
    get_config_option("warnings.showdeprecations")
    with open_zip(path):
        pass
    try:
        backend = SqliteZipBackend(SqliteZipBackend.create_profile(path.resolve()))
    except AiidaException as error:
        message = " ".join(str(error).split())
        raise ArchiveError(f"{path} cannot be opened ({message}): try 'verdi archive migrate'") from error
    from sqlalchemy.exc import DatabaseError

    try:
        yield backend
    except (AiidaException, DatabaseError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        reason = " ".join(str(getattr(error, "orig", error)).split())
        raise ArchiveError(f"{path} is damaged ({reason}): copy it anew") from error
    finally:
        backend.close()


def _check_names(archive: zipfile.ZipFile, path: Path) -> None:
    names = archive.namelist()
    if METADATA not in names or DATABASE not in names:
        raise ArchiveError(f"{path} is no AiiDA archive: it holds no {METADATA} and {DATABASE}")
    for name in names:
        if name not in (METADATA, DATABASE) and _OBJECT.fullmatch(name) is None:
            raise ArchiveError(f"{path} holds {name[:80]!a}, which no AiiDA archive does: do not trust it")
    for member in archive.infolist():
        if (reason := _foreign(member)) is not None:
            raise ArchiveError(f"{path}: '{member.filename}' is {reason}, as in no AiiDA archive: do not trust it")
    if len(set(names)) != len(names):
        raise ArchiveError(f"{path} names a member twice, which no AiiDA archive does: do not trust it")


def _foreign(member: zipfile.ZipInfo) -> str | None:
    """Return what a member is that AiiDA never writes."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link" if kind == stat.S_IFLNK else "no file"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    return None if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else "packed in another way"


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse what unpacks to far more than it is: members that share bytes, or are packed beyond what data are."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    for member, following in itertools.pairwise(members):
        if member.header_offset + _HEADER_BYTES + member.compress_size > following.header_offset:
            raise ArchiveError(f"{path} holds members that overlap, which no AiiDA archive does: do not trust it")
    total, packed = sum(member.file_size for member in members), path.stat().st_size
    if total > _SUSPICIOUS_BYTES and total > _MAX_RATIO * packed:
        raise ArchiveError(f"{path} would unpack to {total / 1e9:.1f} GB from {packed / 1e6:.1f} MB: do not trust it")
    for member in members:
        if member.file_size > _SUSPICIOUS_BYTES and member.file_size > _MAX_RATIO * max(member.compress_size, 1):
            raise ArchiveError(
                f"{path}: '{member.filename}' would unpack to {member.file_size / 1e9:.1f} GB from "
                f"{member.compress_size / 1e6:.1f} MB: do not trust it"
            )
