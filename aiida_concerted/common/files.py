"""Files that are there whole or not at all."""

from __future__ import annotations

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


def require_writable(path: Path) -> None:
    """Raise unless a file can be made at ``path``: better said before an hour of work than after.

    :raises ValueError: if its folder does not exist or cannot be written to, or the path is that of a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the name of a file to write")
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder} to write {path.name} to: make it first")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"cannot write to the folder {folder}: choose another place for {path.name}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
