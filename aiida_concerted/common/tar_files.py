"""Files taken out of a tar archive that may be any archive: none outside its folder, none larger than it can be."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

_BLOCK_BYTES = 1 << 20


def unpack_files(archive: Path, names: Collection[str], folder: Path, *, max_bytes: int) -> list[str]:
    """Write the files of an archive that bear certain names into a folder, without the folders they lie in.

    The archive is read once from its beginning to its end. Members of other names are passed over, and no path in the
    archive is ever used as one: a file lands in ``folder`` under a name out of ``names``.

    :param names: plain file names.
    :param folder: where the files go; none of them may be there.
    :param max_bytes: most bytes that are written in all.
    :return: the names that were found.
    :raises ValueError: if the archive is damaged or none, a name stands for a link or a folder or is there twice, or
        the files are larger.
    :raises OSError: if the machine cannot read the archive or write the files, for which no archive is to blame.
    """
    found: list[str] = []
    left = max_bytes
    try:
        with tarfile.open(archive, mode="r|*") as stream:
            for member in stream:
                name = PurePosixPath(member.name).name
                if name not in names:
                    continue
                if name in found or not member.isfile():
                    raise ValueError(f"{archive} holds '{member.name}' twice, or not as a file")
                if member.size > left:
                    raise ValueError(f"{archive} holds more than the {max_bytes} bytes that its files can have")
                left -= member.size
                _copy(stream, member, folder / name)
                found.append(name)
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"{archive} cannot be unpacked: {error}") from None
    return found


def _copy(stream: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = stream.extractfile(member)
    assert source is not None  # noqa: S101 - a regular file
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as target:
        left = member.size
        while left > 0 and (block := source.read(min(_BLOCK_BYTES, left))):
            target.write(block)
            left -= len(block)
    if left:
        raise ValueError(f"the archive is cut off in '{member.name}'")
