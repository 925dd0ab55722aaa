"""JSON results on disk: written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, a section a line, so that the file is complete whenever it is there.

    It is written under another name first and then renamed.

    :raises ValueError: if a number is infinite or undefined.
    """
    sections = [f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in content.items()]
    text = "{\n" + ",\n".join(sections) + "\n}"
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    :raises ValueError: if it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
