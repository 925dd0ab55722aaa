"""Files in files: compressed ones, tar and zip archives at any depth, without unpacking any to a folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.potcar_text import NOTE, PotentialFacts, cut_potcar_text, holds_potcar_text

CHUNK_BYTES = 1 << 20
IN_MEMORY_BYTES = 64 << 20
MAX_CUT_BYTES = 512 << 20
MAX_UNPACKED_BYTES = 4 << 30
MAX_DEPTH = 6

COMPRESSED: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ\x00", lzma))
PACKED = (b"PK\x03\x04", *(magic for magic, _ in COMPRESSED))

_UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, RuntimeError,
               NotImplementedError, ValueError)  # fmt: skip
"""What broken, encrypted or exotic containers raise; they are then looked through as they are."""


@dataclass(frozen=True)
class Cleaned:
    """Content in place of what held the text of POTCARs.

    :param stream: the new content, at its beginning.
    :param facts: what stays of each potential.
    """

    stream: IO[bytes]
    facts: tuple[PotentialFacts, ...]


def clean_stream(stream: IO[bytes], depth: int = 0) -> Cleaned | None:
    """Return the content without the text of POTCARs, ``None`` where there is none.

    :param stream: content that can be rewound; containers in it are looked through.
    :raises ArchiveError: if containers are nested too deeply or unpack to too much.
    """
    stream.seek(0)
    handler = _handler(stream.read(512))
    stream.seek(0)
    if handler is None:
        return _clean_plain(stream)
    if depth >= MAX_DEPTH:
        raise ArchiveError(f"files are packed into each other more than {MAX_DEPTH} times: unpack them first")
    try:
        return handler(stream, depth)
    except ArchiveError:
        raise
    except _UNREADABLE:
        return _clean_plain(stream)


def leaves(stream: IO[bytes], depth: int = 0) -> Iterator[IO[bytes]]:
    """Yield what is packed into content, at any depth, and content that is not packed as it is.

    Tar archives are yielded whole: they are not compressed, so a search finds what is in their files.

    :raises ArchiveError: if containers are nested too deeply or unpack to too much.
    """
    stream.seek(0)
    head = stream.read(6)
    stream.seek(0)
    if depth > MAX_DEPTH:
        raise ArchiveError(f"files are packed into each other more than {MAX_DEPTH} times: unpack them first")
    try:
        if head.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(stream) as source:
                for info in source.infolist():
                    with source.open(info) as member, spool(member) as content:
                        yield from leaves(content, depth + 1)
            return
        for magic, module in COMPRESSED:
            if head.startswith(magic):
                with module.open(stream, "rb") as packed, spool(packed) as content:
                    yield from leaves(content, depth + 1)
                return
    except ArchiveError:
        raise
    except _UNREADABLE:
        stream.seek(0)
    yield stream


def spool(source: IO[bytes]) -> IO[bytes]:
    """Return a copy of a stream in memory, on disk where it is large, rewound.

    :raises ArchiveError: if it goes on for more than ``MAX_UNPACKED_BYTES``.
    """
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # type: ignore[assignment]
    total = 0
    while chunk := source.read(CHUNK_BYTES):
        total += len(chunk)
        if total > MAX_UNPACKED_BYTES:
            target.close()
            raise ArchiveError(f"a file unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB: take it out first")
        target.write(chunk)
    target.seek(0)
    return target


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a stream in pieces."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _handler(head: bytes) -> Callable[[IO[bytes], int], Cleaned | None] | None:
    for magic, module in COMPRESSED:
        if head.startswith(magic):
            return lambda stream, depth, module=module: _clean_compressed(stream, depth, module)  # type: ignore[misc]
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _clean_zip
    if head[257:262] == b"ustar":
        return _clean_tar
    return None


def _clean_plain(stream: IO[bytes]) -> Cleaned | None:
    stream.seek(0)
    if not holds_potcar_text(chunks(stream)):
        return None
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > MAX_CUT_BYTES:
        return Cleaned(io.BytesIO(NOTE), ())
    content, facts = cut_potcar_text(stream.read())
    return Cleaned(io.BytesIO(content), facts)


def _clean_compressed(stream: IO[bytes], depth: int, module: Any) -> Cleaned | None:
    with module.open(stream, "rb") as packed, spool(packed) as content:
        cleaned = clean_stream(content, depth + 1)
    if cleaned is None:
        return None
    target = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)
    with module.open(target, "wb") as packed:
        for chunk in chunks(cleaned.stream):
            packed.write(chunk)
    target.seek(0)
    return Cleaned(target, cleaned.facts)  # type: ignore[arg-type]


def _clean_zip(stream: IO[bytes], depth: int) -> Cleaned | None:
    with zipfile.ZipFile(stream) as source:
        changed: dict[str, Cleaned] = {}
        for info in source.infolist():
            with source.open(info) as member, spool(member) as content:
                cleaned = clean_stream(content, depth + 1)
            if cleaned is not None:
                changed[info.filename] = cleaned
        if not changed:
            return None
        target = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for info in source.infolist():
                new = changed.get(info.filename)
                with new.stream if new else source.open(info) as member, packed.open(info.filename, "w") as place:
                    for chunk in chunks(member):
                        place.write(chunk)
    target.seek(0)
    return Cleaned(target, tuple(fact for item in changed.values() for fact in item.facts))  # type: ignore[arg-type]


def _clean_tar(stream: IO[bytes], depth: int) -> Cleaned | None:
    with tarfile.open(fileobj=stream, mode="r:") as source:
        changed: dict[int, Cleaned] = {}
        members = source.getmembers()
        for number, info in enumerate(members):
            member = source.extractfile(info) if info.isreg() else None
            if member is None:
                continue
            with member, spool(member) as content:
                cleaned = clean_stream(content, depth + 1)
            if cleaned is not None:
                changed[number] = cleaned
        if not changed:
            return None
        target = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)
        with tarfile.open(fileobj=target, mode="w") as packed:
            for number, info in enumerate(members):
                new = changed.get(number)
                if new is not None:
                    info.size = new.stream.seek(0, io.SEEK_END)
                    new.stream.seek(0)
                packed.addfile(info, new.stream if new else source.extractfile(info) if info.isreg() else None)
    target.seek(0)
    return Cleaned(target, tuple(fact for item in changed.values() for fact in item.facts))  # type: ignore[arg-type]
