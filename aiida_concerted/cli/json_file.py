"""JSON results on disk: written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida_concerted.common.files import write_at_once


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, a section a line, so that the file is complete whenever it is there.

    :raises ValueError: if a number is infinite or undefined.
    """
    sections = [f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in content.items()]
    write_at_once(path, "{\n" + ",\n".join(sections) + "\n}\n")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    :raises ValueError: if it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
