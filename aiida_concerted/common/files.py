"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def write_at_once(path: Path, content: bytes | str) -> Path:
    """Return a file after writing it; no reader ever sees half of it, and a failure leaves what was there.

    It is written under another name, handed to the disk, and renamed.

    :param content: bytes, or text to be encoded in UTF-8.
    :raises OSError: if the folder does not exist or cannot be written to.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read block by block.

    :raises OSError: if it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_end(path: Path, n_bytes: int) -> str:
    """Return the end of a text file, however long it is; where it cuts a character or the file has others, as �.

    :raises OSError: if it cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - n_bytes))
        return stream.read().decode(errors="replace")


def machine_error(error: BaseException) -> OSError | None:
    """Return the error of the machine behind an error: a disk that is full, one that fails. ``None`` where none is.

    Decompressors and HDF5 raise ``OSError`` for damaged content as well, but theirs has no number.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen
        seen = seen.__cause__
    return None


def require_writable(path: Path) -> None:
    """Raise unless a file can be made at ``path``: better said before an hour of work than after.

    :raises ValueError: if its folder does not exist or cannot be written to, or the path is that of a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the name of a file to write")
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder} to write {path.name} to: make it first")
    _try_to_write(folder, f"choose another place for {path.name}")


def make_folder(path: Path) -> None:
    """Make a folder, with those above it, unless it is there, and see that files can be made in it.

    :raises ValueError: if it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {path}: {error.strerror}; choose another place") from None
    _try_to_write(path, "choose another one")


def _try_to_write(folder: Path, cure: str) -> None:
    # Permissions do not tell about read-only and special file systems; a file without a name does, and leaves nothing.
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to the folder {folder}: {error.strerror}; {cure}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
