"""What became of each key of a DP-GEN project: the table that a user reads after an import."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CARRIED, CHANGED, LEFT_OUT = "carried", "changed", "not carried over"
STATES = (CARRIED, CHANGED, LEFT_OUT)

TRAINING, JOBS = "default_training_param", "model_devi_jobs"
"""Keys whose content is accounted for key by key."""

SHOWN_LENGTH = 44
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|totp|api_?key|access_?key|key_filename|private|e?mail", re.IGNORECASE
)


@dataclass(frozen=True)
class Row:
    """What became of one key.

    :param key: the key of DP-GEN, those inside others after a dot.
    :param value: its value, cut to what fits a line.
    :param state: one of :data:`STATES`.
    :param place: where it stands in the study file; empty where it was left out.
    :param note: what is different now, or why it was left out.
    """

    key: str
    value: str
    state: str
    place: str = ""
    note: str = ""


class Account:
    """One row for each key of a file of settings: what nothing was said of was not carried over.

    :param values: value of each key.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._rows: dict[str, Row] = {}

    @classmethod
    def of_param(cls, param: Mapping[str, Any]) -> Account:
        """Return the account of a parameter file; keys that begin with an underscore are comments, and have no row."""
        return cls(dict(flattened(param)))

    def carried(self, key: str, place: str, note: str = "") -> None:
        """Say where a key stands now, with the same meaning."""
        self._say(key, CARRIED, place, note)

    def changed(self, key: str, place: str, note: str) -> None:
        """Say where a key stands now, and what is different."""
        self._say(key, CHANGED, place, note)

    def left_out(self, key: str, why: str) -> None:
        """Say why a key stands nowhere."""
        self._say(key, LEFT_OUT, "", why)

    @property
    def keys(self) -> list[str]:
        """Return all keys that are accounted for, in the order of the file."""
        return list(self._values)

    def rows(self) -> list[Row]:
        """Return a row for every key, in the order of the file."""
        unknown = "not known to this import"
        return [
            self._rows.get(key, Row(key, shown(key, value), LEFT_OUT, "", unknown))
            for key, value in self._values.items()
        ]

    def _say(self, key: str, state: str, place: str, note: str) -> None:
        """Note a row for a key, or for all below it of which nothing was said; a second word on a key adds to it."""
        below = [name for name in self._values if name.startswith(f"{key}.") and name not in self._rows]
        for name in [key] if key in self._values else below:
            row = Row(name, shown(name, self._values[name]), state, place, note)
            self._rows[name] = _joined(self._rows[name], row) if name in self._rows else row


def _joined(first: Row, second: Row) -> Row:
    """Return what two rows say of one key."""
    state = max(first.state, second.state, key=STATES.index)
    note = "; ".join(dict.fromkeys(text for text in (first.note, second.note) if text))
    place = "" if state == LEFT_OUT else first.place or second.place
    return Row(first.key, first.value, state, place, note)


def flattened(param: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each key that has a row with its value: those of training and jobs with their sections before a dot."""
    for key, value in param.items():
        if str(key).startswith("_"):
            continue
        if key == TRAINING:
            first = value[0] if isinstance(value, list) and value else value
            yield from inside(key, first) if isinstance(first, dict) else [(key, value)]
        elif key == JOBS and isinstance(value, list) and all(isinstance(job, dict) for job in value):
            names = dict.fromkeys(name for job in value for name in job if not str(name).startswith("_"))
            yield from ((f"{key}.{name}", _once([job[name] for job in value if name in job])) for name in names)
        else:
            yield str(key), value


def inside(prefix: str, section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each key of a section and of the sections in it with its value, the names joined by dots."""
    for key, value in section.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, dict) and value:
            yield from inside(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def _once(values: list[Any]) -> Any:
    """Return the values of the jobs, each once; the value itself where it is one."""
    different = list({json.dumps(value, sort_keys=True, default=str): value for value in values}.values())
    return different[0] if len(different) == 1 else different


def shown(key: str, value: Any) -> str:
    """Return a value as one short piece of text; nothing of what may be secret."""
    if is_secret(key):
        return "…"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    if _SECRET.search(text):
        return "…"
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"


def is_secret(text: str) -> bool:
    """Return whether the name of a key, or a text, speaks of passwords and the like."""
    return _SECRET.search(text) is not None


def number(settings: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    """Return a setting as a number; YAML takes ``1e-8`` for text, and DP-GEN's users write it.

    :param where: what the settings are called in messages.
    :raises ValueError: if it is missing and has no default, or is no finite number.
    """
    value = settings.get(key, default)
    found = as_number(value)
    if found is None:
        said = "is missing" if value is None else f"must be a number, got {shown(key, value)}"
        raise ValueError(f"{where}: {key} {said}")
    return found


def as_number(value: Any) -> float | None:
    """Return a value as a finite number, ``None`` where it is none."""
    try:
        found = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(settings: Mapping[str, Any], key: str, where: str, default: int | None = None) -> int:
    """Return a setting as a whole number.

    :raises ValueError: if it is missing and has no default, or is no whole number.
    """
    found = number(settings, key, where, default)
    if found != int(found):
        raise ValueError(f"{where}: {key} must be a whole number, got {settings.get(key)!r}")
    return int(found)


def numbers(value: Any, key: str, where: str) -> list[float]:
    """Return a list of numbers; one number is a list of one.

    :raises ValueError: if it is neither, or empty.
    """
    items = value if isinstance(value, list) else [value]
    found = [as_number(item) for item in items]
    if not found or None in found:
        raise ValueError(f"{where}: {key} must be a list of numbers, got {shown(key, value)}")
    return [item for item in found if item is not None]


def wholes(value: Any, key: str, where: str) -> list[int]:
    """Return a list of whole numbers.

    :raises ValueError: if it is none, or empty.
    """
    found = [as_number(item) for item in value] if isinstance(value, list) else []
    if not found or any(item is None or item != int(item) for item in found):
        raise ValueError(f"{where}: {key} must be a list of whole numbers, got {shown(key, value)}")
    return [int(item) for item in found if item is not None]


def rounded(value: float) -> float:
    """Return a value without the dust of a product such as 0.002 · 1000 · 3."""
    return float(f"{value:.10g}")
