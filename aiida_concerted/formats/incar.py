"""INCAR: the tags of a VASP run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TRUE = re.compile(r"^\.?T(RUE)?\.?$", re.IGNORECASE)
_FALSE = re.compile(r"^\.?F(ALSE)?\.?$", re.IGNORECASE)
_TAG = re.compile(r"^[A-Z][A-Z0-9_/]*$")

IncarValue = bool | int | float | str | Iterable[float]


@dataclass(frozen=True)
class Incar:
    """Tags with their values as written, and the line each stands in.

    :param values: value of each tag as text, keys in capitals.
    :param lines: line number of each tag, from 1.
    :param name: name of the file for messages.
    """

    values: Mapping[str, str]
    lines: Mapping[str, int] = field(default_factory=dict)
    name: str = "INCAR"

    def __contains__(self, tag: str) -> bool:
        """Return whether the tag is given."""
        return tag in self.values

    def where(self, tag: str) -> str:
        """Return the place of a tag for a message, such as ``INCAR line 3: NSW = abc``."""
        line = f" line {self.lines[tag]}" if tag in self.lines else ""
        return f"{self.name}{line}: {tag} = {self.values[tag]}"

    def integer(self, tag: str, default: int) -> int:
        """Return a tag as an integer.

        :raises ValueError: if the value is not an integer.
        """
        if tag not in self.values:
            return default
        try:
            return int(self.values[tag])
        except ValueError:
            raise ValueError(f"{self.where(tag)} is not an integer") from None

    def real(self, tag: str, default: float) -> float:
        """Return a tag as a number; Fortran's exponent ``D`` is understood.

        :raises ValueError: if the value is not a finite number.
        """
        return self.reals(tag, (default,), length=1)[0]

    def logical(self, tag: str, default: bool) -> bool:
        """Return a tag as a truth value, in any of Fortran's spellings.

        :raises ValueError: if the value is neither true nor false.
        """
        if tag not in self.values:
            return default
        truth = as_logical(self.values[tag])
        if truth is None:
            raise ValueError(f"{self.where(tag)} is neither .TRUE. nor .FALSE.")
        return truth

    def text(self, tag: str, default: str) -> str:
        """Return a tag as written."""
        return self.values.get(tag, default)

    def reals(self, tag: str, default: tuple[float, ...], *, length: int | None = None) -> tuple[float, ...]:
        """Return a tag as numbers; ``3*0.5`` counts thrice.

        :raises ValueError: if a value is not a finite number, or their count is not ``length``.
        """
        if tag not in self.values:
            return default
        try:
            numbers = tuple(_numbers(self.values[tag]))
        except ValueError:
            raise ValueError(f"{self.where(tag)} is not a number") from None
        if length is not None and len(numbers) != length:
            raise ValueError(f"{self.where(tag)} has {len(numbers)} values where {length} are needed")
        return numbers


def as_logical(value: str) -> bool | None:
    """Return the truth value that a text spells in Fortran's way, or ``None``."""
    if _TRUE.match(value.strip()):
        return True
    return False if _FALSE.match(value.strip()) else None


def parse_incar(text: str, name: str = "INCAR") -> Incar:
    """Return the tags of an INCAR.

    Comments begin with ``#`` or ``!``, ``;`` separates tags on a line, a backslash continues a line. VASP skips what it
    does not understand; here it is an error, because a skipped tag is a calculation other than the one intended.

    :raises ValueError: if a line is no assignment or a tag is given twice.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, statement in _statements(text):
        tag, equals, value = (part.strip() for part in statement.partition("="))
        tag = tag.upper()
        if not equals or not _TAG.match(tag) or not value:
            raise ValueError(f"{name} line {number}: expected TAG = value, got '{statement}'")
        if tag in values:
            raise ValueError(f"{name} line {number}: {tag} was given already in line {lines[tag]}; remove one")
        values[tag] = value.strip('"').strip()
        lines[tag] = number
    return Incar(values=values, lines=lines, name=name)


def read_incar(path: str | Path) -> Incar:
    """Return the tags of an INCAR file.

    :raises ValueError: if the file cannot be read or understood.
    """
    path = Path(path)
    try:
        return parse_incar(path.read_text(encoding="utf-8", errors="replace"), path.name)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None


def format_incar(tags: Mapping[str, IncarValue]) -> str:
    """Return the text of an INCAR; tags are written in capitals and in the order given."""
    return "".join(f"{tag.upper()} = {_format(value)}\n" for tag, value in tags.items())


def _statements(text: str) -> Iterable[tuple[int, str]]:
    """Yield each assignment with the number of its first line."""
    continued, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        bare = re.split(r"[#!]", line, maxsplit=1)[0].strip()
        start = start if continued else number
        if bare.endswith("\\"):
            continued += bare[:-1] + " "
            continue
        for statement in (continued + bare).split(";"):
            if statement.strip():
                yield start, statement.strip()
        continued = ""
    if continued.strip():
        yield start, continued.strip()


def _numbers(value: str) -> Iterable[float]:
    """Yield the numbers of a value, repeats written out."""
    for token in value.split():
        repeat, star, number = token.rpartition("*")
        parsed = float(re.sub("[dD]", "E", number))
        if abs(parsed) == float("inf") or parsed != parsed:
            raise ValueError(token)
        yield from [parsed] * (int(repeat) if star else 1)


def _format(value: IncarValue) -> str:
    """Return one value as INCAR text."""
    if isinstance(value, bool):
        return ".TRUE." if value else ".FALSE."
    if isinstance(value, str | int | float):
        return str(value)
    return " ".join(_format(item) for item in value)
