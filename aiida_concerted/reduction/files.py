"""The files in which a job is asked and answers, numbers to the last digit: JSON, and arrays without Python objects."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_JSON_BYTES = 1 << 28


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    :raises ValueError: if it is none, is larger than any of ours, or holds a word in the place of a number.
    :raises OSError: if it cannot be read.
    """

    def refuse(word: str) -> float:
        raise ValueError(f"{path.name} holds {word}, which is no number")

    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path.name} is larger than any request or result")
    try:
        return json.loads(path.read_text(encoding="utf8"), parse_constant=refuse)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from None


def arrays_content(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the content of a file of arrays by name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays in a file by name.

    :raises ValueError: if it is none.
    :raises OSError: if it cannot be read.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # zipfile, zlib and NumPy have many words for a damaged file
        raise ValueError(f"{path.name} cannot be read: {error}") from None


def check_schema(content: Mapping[str, Any], schema: str) -> None:
    """Raise unless a request is of a schema.

    :raises ValueError: if another version wrote it.
    """
    if content.get("schema") != schema:
        raise ValueError(
            f"the request is of the schema {content.get('schema')!r}, this version reads {schema}: "
            "install the same version of aiida-concerted on both machines"
        )
